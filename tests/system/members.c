/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/members.h"

#include <stdio.h>
#include <string.h>

actor_client *client;
pid_t pids[NAMES_MAX];
actor_ref refs[NAMES_MAX];

void member_start_as(int i, const char *role)
{
	actor_msg *reply = NULL;
	char name[16];

	snprintf(name, sizeof(name), "m%d", i);
	pids[i] = process_start((const char *const[]){"/proc/self/exe", role, name, NULL});
	assert_int_equal(actor_client_call(client, actor_named_wait(name), "who", LONG_MS, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "r", &refs[i]), 0);
	actor_msg_free(reply);
}

void member_start(int i)
{
	member_start_as(i, "member");
}

int member_run(const struct actor_behavior *behavior, const char *role, const char *name)
{
	struct actor_group_options options = {
		.name = name, .mode = strcmp(role, "single") ? ACTOR_JOIN_DIRECT : ACTOR_JOIN_BROKER};
	actor_group *group;
	int r = actor_group_new(&group, &options);

	if (r == 0)
		r = actor_group_spawn(group, behavior, NULL, name, NULL);
	if (r == 0)
		r = actor_group_run(group);
	actor_group_free(group);
	return r < 0;
}

void member_end(int i, int signo)
{
	reap(pids[i], signo);
	pids[i] = 0;
}

int members_setup(void **state)
{
	if (node_setup(state) < 0)
		return -1;
	client = client_new(ACTOR_JOIN_DIRECT);
	return 0;
}

int members_teardown(void **state)
{
	/* The client is freed first: otherwise each member that ends would wait for its `bye`. */
	client = actor_client_free(client);
	for (int i = 0; i < NAMES_MAX; i++) {
		if (pids[i])
			member_end(i, SIGTERM);
	}
	return node_teardown(state);
}

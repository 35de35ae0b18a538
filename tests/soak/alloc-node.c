/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios of alloc-fails in a node, whose broker and other group are processes of their own. */
#include "alloc-fails.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define N       4
#define WAIT_MS 20000

/* ---- calls to another group ---- */

static void calls(actor *self)
{
	static char big[100000];
	struct actor_answer answer;
	actor_msg *msg = NULL;
	actor_ref peer;
	uint64_t monitor;
	int n = 0;

	if (may(actor_whereis_wait(self, "peer", WAIT_MS, &peer)) < 0)
		return;
	for (int i = 0; i < N; i++) {
		may(actor_cast(self, actor_to(peer), "note", "is", i, "text"));
		if (may(actor_call(self, actor_to(peer), "echo", WAIT_MS, &msg, "i", i)) == 0)
			must(actor_msg_unpack(msg, "i", &n) == 0 && n == i);
		msg = actor_msg_free(msg);
		may(actor_call(self, actor_named("peer"), "late", WAIT_MS, &msg, ""));
		msg = actor_msg_free(msg);
		may(actor_request(self, actor_to(peer), "wait", WAIT_MS, NULL, ""));
	}
	may(actor_monitor(self, peer, &monitor));
	may(actor_link(self, peer));
	may(actor_cast(self, actor_to(peer), "note", "y#", big, sizeof(big)));
	may(actor_flush(self, WAIT_MS));
	while (actor_request_wait(self, NULL, 0, WAIT_MS, NULL, &answer) == 0) {
		may(answer.r);
		actor_msg_free(answer.msg);
	}
	actor_unlink(self, peer);
	actor_demonitor(self, monitor);
}

/* ---- names ---- */

static void names(actor *self)
{
	struct actor_name all[N];
	char texts[N][32];
	actor_msg *msg = NULL;
	actor_ref who, found;
	uint64_t watch = 0;

	may(actor_names_watch(self, "short.*", &watch, &msg));
	msg = actor_msg_free(msg);
	if (may(actor_spawn(self, &server, NULL, &who)) < 0)
		return;
	may_also(-EEXIST, actor_register(self, "short.one"));
	for (int i = 0; i < N; i++) {
		strcpy(texts[i], "short.many.0");
		texts[i][11] = (char)('0' + i);
		all[i] = (struct actor_name){texts[i], who};
	}
	may_also(-EEXIST, actor_register_all(self, all, N));
	may(actor_whereis(self, "short.many.1", &found));
	may(actor_whereis(self, "short.nobody", &found));
	may(actor_name_replace(self, "short.many.2", actor_self(self)));
	may(actor_names(self, "short.*", &msg));
	msg = actor_msg_free(msg);
	may(actor_call(self, actor_named("short.many.3"), "echo", WAIT_MS, &msg, "i", 1));
	msg = actor_msg_free(msg);
	may(actor_unregister(self, "short.one"));
	may(actor_stop(self, who, "done"));
	may(actor_sleep(self, 1));
	actor_names_unwatch(self, watch);
}

/* ---- process groups ---- */

static void process_groups(actor *self)
{
	struct actor_answer *answers = NULL;
	actor_msg *msg = NULL;
	actor_ref who, refs[N];
	uint64_t monitor = 0;
	size_t n = 0;

	may(actor_pg_monitor(self, "short", "pg", &monitor, &msg));
	msg = actor_msg_free(msg);
	may(actor_pg_join(self, "short", "pg"));
	if (may(actor_msg_new(&msg)) == 0 && may(actor_msg_pack(msg, "{s:i}", "weight", 3)) == 0)
		may(actor_pg_join_msg(self, "short", "pg", &msg));
	msg = actor_msg_free(msg);
	if (may(actor_spawn(self, &server, NULL, &who)) == 0)
		may(actor_stop(self, who, "done"));
	may(actor_pg_members(self, "short", "pg", refs, N));
	may(actor_pg_local_members(self, "short", "pg", refs, N));
	may(actor_pg_members(self, "peers", "all", refs, N));
	for (int i = 0; i < N; i++) {
		may(actor_cast(self, actor_to_pg_random("peers", "all"), "note", "i", i));
		may(actor_call(self, actor_to_pg_least("peers", "all"), "echo", WAIT_MS, &msg, "i", i));
		msg = actor_msg_free(msg);
	}
	may(actor_cast(self, actor_to_pg_all("peers", "all"), "note", "i", 1));
	if (may(actor_pg_multicall(self, "peers", "all", "echo", WAIT_MS, &answers, &n, "i", 5)) >= 0)
		for (size_t i = 0; i < n; i++)
			may(answers[i].r);
	actor_answers_free(answers, n);
	may(actor_pg_groups(self, "short", &msg));
	msg = actor_msg_free(msg);
	may(actor_pg_scopes(self, &msg));
	msg = actor_msg_free(msg);
	may(actor_pg_leave(self, "short", "pg"));
	actor_pg_demonitor(self, monitor);
}

const struct scenario node_scenarios[] = {
	{"calls", calls, ACTOR_JOIN_DIRECT},
	{"routed", calls, ACTOR_JOIN_BROKER},
	{"names", names, ACTOR_JOIN_DIRECT},
	{"pg", process_groups, ACTOR_JOIN_DIRECT},
	{"client", NULL, ACTOR_JOIN_DIRECT},
	{0},
};

/* ---- a client, which no actor runs ---- */

void client_scenario(void)
{
	struct actor_group_options options = {
		.name = "short client", .mode = ACTOR_JOIN_DIRECT, .ignore_token = true};
	actor_client *client = NULL;
	struct actor_cause cause;
	actor_msg *msg = NULL;
	uint64_t monitor, stream;
	actor_ref who;

	if (may_also(-ENOTCONN, actor_client_new(&client, &options)) < 0)
		return;
	if (may(actor_client_whereis_wait(client, "peer", WAIT_MS, &who)) == 0) {
		may(actor_client_monitor(client, who, &monitor));
		may(actor_client_cast(client, actor_to(who), "note", "i", 1));
		may(actor_client_call(client, actor_to(who), "echo", WAIT_MS, &msg, "i", 1));
		msg = actor_msg_free(msg);
		may_also(-ETIMEDOUT, actor_client_receive(client, 1, &msg, &monitor, &who, &cause));
		msg = actor_msg_free(msg);
		may(actor_client_flush(client, WAIT_MS));
		/* a callee that streams nothing: the end comes first */
		if (may(actor_client_stream_open(client, actor_to(who), "echo", WAIT_MS,
			    (struct actor_stream_window){0}, &stream, "i", 1)) == 0) {
			may(actor_client_stream_next(client, stream, WAIT_MS, &msg));
			msg = actor_msg_free(msg);
			actor_client_stream_cancel(client, stream);
		}
		may_also(-ETIMEDOUT, actor_client_wait(client, who, 1, &cause));
		may(actor_client_drain(client, (actor_ref){who.node, who.group, UINT32_MAX}));
	}
	actor_client_free(client);
}

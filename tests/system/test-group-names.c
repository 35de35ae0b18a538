/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of groups that are real processes: they are taken, given back, lost with their owner or with the
 * broker.
 */
#include "tests/system/group-world.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "tests/fact.h"

#define DEATHS_N 20

static void test_client_waits_until_somebody_has_a_name(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_BROKER);
	uint64_t monitor;
	actor_ref to;
	pid_t server;

	assert_int_equal(actor_client_whereis_wait(client, "", LONG_MS, &to), -EINVAL);
	assert_int_equal(actor_client_whereis_wait(client, "echo", 1, &to), -ETIMEDOUT);
	server = server_start("echo");
	assert_int_equal(actor_client_whereis_wait(client, "echo", LONG_MS, &to), 0);
	expect_echo(client, to, "here");
	assert_int_equal(actor_client_monitor(client, to, &monitor), 0);
	assert_int_equal(actor_client_cast(client, actor_to(to), "leave", ""), 0);
	expect_down(client, monitor, "had enough");
	reap(server, 0);
	actor_client_free(client);
}

/* The supervisor is away, so nobody reports the exits: watcher and broker decide each for itself. */
static void test_who_heard_of_a_death_does_not_find_the_dead_by_name(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);
	pid_t servers[DEATHS_N];
	actor_ref refs[DEATHS_N];
	uint64_t monitors[DEATHS_N];
	char name[DEATHS_N][16];
	int stale = 0;

	for (int i = 0; i < DEATHS_N; i++) {
		snprintf(name[i], sizeof(name[i]), "echo-%d", i);
		servers[i] = server_start_supervised(1000 + (uint64_t)i, name[i]);
	}
	for (int i = 0; i < DEATHS_N; i++) {
		refs[i] = find(client, name[i]);
		assert_int_equal(actor_client_monitor(client, refs[i], &monitors[i]), 0);
		expect_echo(client, refs[i], "settled");
	}
	for (int i = 0; i < DEATHS_N; i++)
		kill(servers[i], SIGKILL);
	for (int i = 0; i < DEATHS_N; i++) {
		actor_msg *msg;
		actor_ref who, found;
		int n = 0;

		assert_int_equal(actor_client_receive(client, LONG_MS, &msg, NULL, &who, NULL), 0);
		assert_null(msg);
		while (!actor_ref_equal(refs[n], who))
			n++;
		stale += actor_client_whereis(client, name[n], &found) != -ESRCH;
	}
	assert_int_equal(stale, 0);
	for (int i = 0; i < DEATHS_N; i++)
		reap(servers[i], 0);
	actor_client_free(client);
}

static void test_taken_name_is_refused_and_free_after_its_owner(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);
	pid_t first = server_start("echo"), second;
	uint64_t monitor;
	int status;

	(void)find(client, "echo");
	second = server_start("echo");
	assert_int_equal(waitpid(second, &status, 0), second);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	assert_int_equal(actor_client_monitor(client, find(client, "echo"), &monitor), 0);
	reap(first, SIGKILL);
	expect_down(client, monitor, "noconnection");
	first = server_start("echo");
	expect_echo(client, find(client, "echo"), "the new one");
	reap(first, SIGTERM);
	actor_client_free(client);
}

static void test_actor_gives_one_of_its_names_back_and_no_other(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);
	pid_t server = server_start("echo");
	actor_ref to = find(client, "echo"), ref;
	int foreign, second, again;
	actor_msg *reply;

	assert_int_equal(actor_client_call(client, actor_to(to), "names", LONG_MS, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "[iii]", &foreign, &second, &again), 0);
	actor_msg_free(reply);
	assert_int_equal(foreign, -ESRCH);
	assert_int_equal(second, 0);
	assert_int_equal(again, -ESRCH);
	assert_int_equal(actor_client_whereis(client, "echo-1", &ref), 0);
	assert_true(actor_ref_equal(ref, to));
	assert_int_equal(actor_client_whereis(client, "echo-2", &ref), -ESRCH);
	reap(server, SIGTERM);
	actor_client_free(client);
}

/*
 * When a spawner hears that an init has failed, the broker has the names back that it had taken. So the
 * spawner may take them at once.
 */
static void test_failed_init_has_given_its_names_back_when_its_spawner_hears_of_it(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);
	pid_t server = server_start("echo");
	actor_ref to = find(client, "echo"), ref;
	int spawned = 1, registered = 1;
	actor_msg *reply;
	uint64_t n_alive;

	assert_int_equal(
		actor_client_call(client, actor_to(to), "failing", LONG_MS, &reply, "s", "taken"), 0);
	assert_int_equal(actor_msg_unpack(reply, "[iUi]", &spawned, &n_alive, &registered), 0);
	actor_msg_free(reply);
	assert_int_equal(spawned, -ENOSPC);
	assert_int_equal(n_alive, 1);
	assert_int_equal(registered, 0);
	assert_int_equal(actor_client_whereis(client, "taken", &ref), 0);
	assert_true(actor_ref_equal(ref, to));
	actor_client_free(client);
	reap(server, SIGTERM);
}

static void test_names_resolve_again_after_the_broker_was_killed(void **state)
{
	actor_client *old = client_new(ACTOR_JOIN_DIRECT), *client;
	pid_t server = server_start("echo");
	actor_ref to = find(old, "echo"), again;

	expect_echo(old, to, "before");
	for (int round = 0; round < 3; round++) {
		broker_kill();
		expect_echo(old, to, "during");
		broker_start();
		client = client_new(ACTOR_JOIN_BROKER);
		again = find(client, "echo");
		assert_true(actor_ref_equal(to, again)); /* the group is the same and has the same id */
		expect_echo(client, again, "after");
		actor_client_free(client);
	}
	assert_int_equal(actor_client_whereis(old, "echo", &again), 0);
	reap(server, SIGTERM);
	actor_client_free(old);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		fact(test_client_waits_until_somebody_has_a_name),
		fact(test_who_heard_of_a_death_does_not_find_the_dead_by_name),
		fact(test_taken_name_is_refused_and_free_after_its_owner),
		fact(test_actor_gives_one_of_its_names_back_and_no_other),
		fact(test_failed_init_has_given_its_names_back_when_its_spawner_hears_of_it),
		fact(test_names_resolve_again_after_the_broker_was_killed),
	};

	if (is_server(argc, argv))
		return server_main(argv);
	return run_facts(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Groups that take nothing: a sender to them waits, is refused, and loses nothing. */
#include "tests/system/group-world.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/fact.h"

/* How many messages the flooder has sent when it cannot send more. They are at least @least. */
static int64_t flooded_settles(actor_client *client, actor_ref to, int64_t least)
{
	int64_t n = 0, before = 0;

	for (int same = 0; same < 50; same = n == before && n >= least ? same + 1 : 0) {
		before = n;
		usleep(5000);
		n = ask_number(client, to, "flooded");
	}
	return n;
}

static void expect_flooder_failed(actor_client *client)
{
	actor_msg *msg;

	assert_int_equal(actor_client_receive(client, LONG_MS, &msg, NULL, NULL, NULL), 0);
	assert_non_null(msg);
	assert_string_equal(actor_msg_method(msg), "flooder_failed");
	actor_msg_free(msg);
}

/* How much the kernel keeps for a socket that nobody reads. */
static int64_t socket_bytes(void)
{
	FILE *f = fopen("/proc/sys/net/core/wmem_default", "re");
	int64_t n = 0;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld", &n), 1);
	fclose(f);
	return n;
}

/* What is under way when a receiver says `pause` still comes, from every sender, so it must be little. */
static void test_little_is_sent_to_a_group_that_does_not_read(void **state)
{
	pid_t a = server_start("a"), b = server_start("b");
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);
	actor_ref ref_a = find(client, "a"), ref_b = find(client, "b");
	int64_t n;

	assert_int_equal(actor_client_cast(client, actor_to(ref_a), "flood", "rii", ref_b, 0, 1), 0);
	expect_number(client, ref_b, "ticks", 1); /* now they have a link */
	kill(b, SIGSTOP);
	assert_int_equal(actor_client_cast(client, actor_to(ref_a), "flood", "rii", ref_b, 1, 4000), 0);
	n = flooded_settles(client, ref_a, 2);
	kill(b, SIGCONT);
	assert_in_range(n * 1000, 1, socket_bytes() + (512 << 10));
	expect_number(client, ref_b, "ticks", 4001);
	actor_client_free(client);
	kill(a, SIGKILL);
	kill(b, SIGKILL);
	reap(a, 0);
	reap(b, 0);
}

/* Each sender is told once to pause, and to resume. No message is lost or overtaken. */
static void test_an_actor_that_is_busy_holds_back_all_who_send_to_it(void **state)
{
	pid_t senders[FLOODERS_N], b = server_start("b");
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);
	actor_ref ref_b = find(client, "b"), refs[FLOODERS_N];

	assert_int_equal(actor_client_cast(client, actor_to(ref_b), "hold", ""), 0);
	for (int i = 0; i < FLOODERS_N; i++) {
		char name[2] = {(char)('p' + i), 0};

		senders[i] = server_start(name);
		refs[i] = find(client, name);
		assert_int_equal(
			actor_client_cast(client, actor_to(refs[i]), "flood", "rii", ref_b, i, 6000), 0);
	}
	for (int i = 0; i < FLOODERS_N; i++)
		assert_in_range(flooded_settles(client, refs[i], 1), 1, 6000 - 1);
	kill(b, SIGUSR1);
	expect_number(client, ref_b, "ticks", FLOODERS_N * 6000);
	actor_client_free(client);
	for (int i = 0; i < FLOODERS_N; i++) {
		kill(senders[i], SIGKILL);
		reap(senders[i], 0);
	}
	reap(b, SIGKILL);
}

#define ROUTED_N 20000 /* kilobytes: more than all buffers on the way have room for */

/* Casts until the target takes nothing more, then lets the target go on, and casts the rest. */
static void cast_until_refused_and_the_rest(actor_client *client, actor_dest to, pid_t target, int go_on)
{
	char kilobyte[1000] = "";
	int n_refused = 0;

	for (int i = 0; i < ROUTED_N;) {
		int r = actor_client_cast(
			client, to, "numbered", "iiy#", 0, i, (const void *)kilobyte, sizeof(kilobyte));

		if (r == 0) {
			i++;
			continue;
		}
		assert_int_equal(r, -EBUSY);
		assert_true(n_refused++ < 3);
		kill(target, go_on);
	}
	assert_true(n_refused > 0); /* a refused cast shows that the sender was told to pause */
}

/* Each cast that returned 0 comes. The receiver checks the numbers. */
static void test_casts_by_the_broker_to_a_stopped_group_are_refused_or_come(void **state)
{
	for (int by_name = 0; by_name < 2; by_name++) {
		actor_client *client = client_new(ACTOR_JOIN_BROKER);
		pid_t server = server_start("a");
		actor_ref ref = find(client, "a");

		server_stop(client, ref, server);
		cast_until_refused_and_the_rest(
			client, by_name ? actor_named("a") : actor_to(ref), server, SIGCONT);
		expect_number(client, ref, "ticks", ROUTED_N);
		actor_client_free(client);
		reap(server, SIGTERM);
	}
}

static void test_casts_to_a_group_that_stands_still_at_a_recovery_come(void **state)
{
	actor_client *client;
	pid_t server;
	actor_ref ref;

	if (!has_doors())
		/* Without doors and without a supervisor a new broker cannot find the group. */
		return;
	server = server_start("a");
	client = client_new(ACTOR_JOIN_BROKER);
	ref = find(client, "a");
	server_stop(client, ref, server);
	actor_client_free(client);
	broker_kill();
	broker_start();
	client = client_new(ACTOR_JOIN_BROKER);
	cast_until_refused_and_the_rest(client, actor_to(ref), server, SIGCONT);
	expect_number(client, ref, "ticks", ROUTED_N);
	actor_client_free(client);
	reap(server, SIGTERM);
}

static void test_casts_by_the_broker_to_a_busy_actor_are_refused_or_come(void **state)
{
	for (int by_name = 0; by_name < 2; by_name++) {
		actor_client *client = client_new(ACTOR_JOIN_BROKER);
		pid_t server = server_start("a");
		actor_ref ref = find(client, "a");

		assert_int_equal(actor_client_cast(client, actor_to(ref), "hold", ""), 0);
		cast_until_refused_and_the_rest(
			client, by_name ? actor_named("a") : actor_to(ref), server, SIGUSR1);
		expect_number(client, ref, "ticks", ROUTED_N);
		actor_client_free(client);
		reap(server, SIGTERM);
	}
}

static void test_casts_to_a_hung_stranger_are_refused_beyond_the_bounds(void **state)
{
	pid_t a = server_start("a"), b = server_start("b");
	actor_client *client = client_new(ACTOR_JOIN_BROKER);
	actor_ref ref_a = find(client, "a"), ref_b = find(client, "b");
	int64_t n;

	server_stop(client, ref_b, b);
	assert_int_equal(actor_client_cast(client, actor_to(ref_a), "flood", "rii", ref_b, 0, 100000), 0);
	n = flooded_settles(client, ref_a, 1);
	assert_in_range(n * 1000, 1, socket_bytes() + (1 << 20));
	assert_int_equal(
		actor_client_cast(client, actor_to(ref_a), "watch_flooder", "r", actor_client_self(client)),
		0);
	expect_flooder_failed(client);
	assert_int_equal(ask_number(client, ref_a, "flooded"), n);
	kill(b, SIGCONT);
	expect_number(client, ref_b, "ticks", n); /* all that was taken has come, and no more */
	actor_client_free(client);
	reap(b, SIGTERM);
	reap(a, SIGTERM);
}

/* Who has filled a suspended actor's mailbox, and was told to pause, can let the actor go on. */
static void test_a_paused_sender_can_resume_a_suspended_actor(void **state)
{
	for (int mode = 0; mode < 2; mode++) {
		actor_client *client = client_new(mode ? ACTOR_JOIN_BROKER : ACTOR_JOIN_DIRECT);
		pid_t server = server_start("a");
		actor_ref ref = find(client, "a");
		int n = 0, r = 0;

		assert_int_equal(
			actor_client_call(client, actor_to(ref), "$sys_suspend", LONG_MS, NULL, ""), 0);
		/* The last few are refused if the pause has come meanwhile. */
		while (n < 4100 && (r = actor_client_cast(client, actor_to(ref), "tick", "")) == 0)
			n++;
		assert_true(n >= 4096 && (r == 0 || r == -EBUSY));
		for (int i = 0; i < 2;
			i++) /* the first one hears of the pause, the second one waits for its end */
			assert_int_equal(
				actor_client_call(client, actor_to(ref), "ticks", 100, NULL, ""), -ETIMEDOUT);
		assert_int_equal(
			actor_client_call(client, actor_to(ref), "$sys_resume", LONG_MS, NULL, ""), 0);
		expect_number(client, ref, "ticks", n);
		actor_client_free(client);
		reap(server, SIGTERM);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		fact(test_little_is_sent_to_a_group_that_does_not_read),
		fact(test_an_actor_that_is_busy_holds_back_all_who_send_to_it),
		fact(test_casts_by_the_broker_to_a_stopped_group_are_refused_or_come),
		fact(test_casts_to_a_group_that_stands_still_at_a_recovery_come),
		fact(test_casts_by_the_broker_to_a_busy_actor_are_refused_or_come),
		fact(test_casts_to_a_hung_stranger_are_refused_beyond_the_bounds),
		fact(test_a_paused_sender_can_resume_a_suspended_actor),
	};

	if (is_server(argc, argv))
		return server_main(argv);
	return run_facts(tests);
}

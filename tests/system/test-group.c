/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of one node, as real processes beside a real broker: calls over direct links and by the broker. */
#include "tests/system/group-world.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "tests/fact.h"

static void test_call_between_groups_goes_over_a_direct_link(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);
	pid_t server = server_start("echo");
	actor_ref to = find(client, "echo");
	actor_msg *reply;

	expect_echo(client, to, "hello");
	assert_int_equal(
		actor_client_call(client, actor_to(to), "echo", LONG_MS, &reply, "i", 1), -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "server.bad_argument");
	actor_msg_free(reply);
	assert_int_equal(
		actor_client_call(client, actor_to(to), "nonsense", LONG_MS, &reply, ""), -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "no_method");
	actor_msg_free(reply);
	/* The call needs no broker, so it is direct. */
	broker_kill();
	expect_echo(client, to, "without a broker");
	broker_start();
	actor_client_free(client);
	reap(server, SIGTERM);
}

static void test_single_link_client_is_routed_by_the_broker(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_BROKER);
	pid_t server = server_start("echo");
	actor_msg *reply;
	actor_ref to = find(client, "echo");
	actor_ref nowhere = to;

	expect_echo(client, to, "by ref");
	assert_int_equal(
		actor_client_call(client, actor_named("echo"), "echo", LONG_MS, &reply, "s", "by name"), 0);
	actor_msg_free(reply);
	for (int i = 0; i < 100; i++)
		assert_int_equal(actor_client_cast(client, actor_named("echo"), "tick", ""), 0);
	assert_int_equal(actor_client_call(client, actor_to(to), "ticks", LONG_MS, &reply, ""), 0);
	int64_t n;
	assert_int_equal(actor_msg_unpack(reply, "I", &n), 0);
	assert_int_equal(n, 100);
	actor_msg_free(reply);
	assert_int_equal(
		actor_client_call(client, actor_named("nobody"), "echo", LONG_MS, NULL, "s", "x"), -ESRCH);
	nowhere.group = 12345;
	assert_int_equal(
		actor_client_call(client, actor_to(nowhere), "echo", LONG_MS, NULL, "s", "x"), -ESRCH);
	nowhere = to;
	nowhere.serial = 999;
	assert_int_equal(
		actor_client_call(client, actor_to(nowhere), "echo", LONG_MS, NULL, "s", "x"), -ESRCH);
	actor_client_free(client);
	reap(server, SIGTERM);
}

static void test_call_to_a_dead_or_unknown_group_fails_at_once(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);
	pid_t server = server_start("echo");
	actor_ref to = find(client, "echo"), unknown = to;
	uint64_t monitor;

	expect_echo(client, to, "alive");
	reap(server, SIGKILL);
	assert_int_equal(actor_client_call(client, actor_to(to), "hang", LONG_MS, NULL, ""), -ECONNRESET);
	assert_int_equal(actor_client_call(client, actor_to(to), "echo", LONG_MS, NULL, "s", "x"), -ESRCH);
	unknown.group = 4711;
	assert_int_equal(
		actor_client_call(client, actor_to(unknown), "echo", LONG_MS, NULL, "s", "x"), -ESRCH);
	assert_int_equal(
		actor_client_call(client, actor_named("echo"), "echo", LONG_MS, NULL, "s", "x"), -ESRCH);
	assert_int_equal(actor_client_monitor(client, to, &monitor), 0);
	expect_down(client, monitor, "noproc");
	actor_client_free(client);
}

static void test_a_client_with_one_link_goes_on_after_the_broker_was_killed(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_BROKER);
	pid_t server = server_start("echo");
	actor_ref to = find(client, "echo");
	int r;

	expect_echo(client, to, "before");
	broker_kill();
	broker_start();
	/* The first call may have gone by the old broker. */
	r = actor_client_call(client, actor_to(to), "echo", LONG_MS, NULL, "s", "lost");
	assert_true(r == 0 || r == -ECONNRESET);
	expect_echo(client, to, "after");
	assert_int_equal(actor_client_cast(client, actor_named("echo"), "tick", ""), 0);
	actor_client_free(client);
	reap(server, SIGTERM);
}

static void test_groups_call_each_other_both_ways_at_once(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);
	pid_t a = server_start("a"), b = server_start("b");
	actor_ref ref_a = find(client, "a"), ref_b = find(client, "b");
	actor_msg *reply;
	const char *text;

	for (int i = 0; i < 20; i++) {
		assert_int_equal(actor_client_call(client, actor_to(i % 2 ? ref_a : ref_b), "relay", LONG_MS,
					 &reply, "s", i % 2 ? "b" : "a"),
			0);
		assert_int_equal(actor_msg_unpack(reply, "s", &text), 0);
		assert_string_equal(text, "through two");
		actor_msg_free(reply);
	}
	kill(a, SIGTERM);
	kill(b, SIGTERM);
	reap(a, 0);
	reap(b, 0);
	actor_client_free(client);
}

static int round_of(actor_client *client, actor_ref to, const char *first, const char *rest)
{
	actor_msg *reply;
	int r;

	assert_int_equal(
		actor_client_call(client, actor_to(to), "round", LONG_MS, &reply, "ss", first, rest), 0);
	assert_int_equal(actor_msg_unpack(reply, "i", &r), 0);
	actor_msg_free(reply);
	return r;
}

static void test_call_in_a_circle_over_processes_is_edeadlk(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);
	pid_t a = server_start("a"), b = server_start("b"), c = server_start("c");
	actor_ref ref_a = find(client, "a"), ref_b = find(client, "b");
	actor_msg *reply;
	int r;

	(void)find(client, "c");
	assert_int_equal(actor_client_call(client, actor_to(ref_a), "twin", LONG_MS, &reply, "s", "a2"), 0);
	assert_int_equal(actor_msg_unpack(reply, "i", &r), 0);
	assert_int_equal(r, 0);
	actor_msg_free(reply);

	/* The first is no circle: the names end before it closes. */
	assert_int_equal(round_of(client, ref_a, "b", "c"), 0);
	assert_int_equal(round_of(client, ref_a, "b", "a"), -EDEADLK);
	assert_int_equal(round_of(client, ref_a, "b", "c a"), -EDEADLK);
	assert_int_equal(round_of(client, ref_a, "b", "c b"), -EDEADLK);
	/* These close within the group, by way of another one. */
	assert_int_equal(round_of(client, ref_a, "b", "a2 a"), -EDEADLK);
	assert_int_equal(round_of(client, ref_a, "a2", "b a"), -EDEADLK);
	assert_int_equal(round_of(client, ref_a, "a2", "b a2"), -EDEADLK);
	assert_int_equal(round_of(client, ref_a, "b", "a2 c"), 0);

	/* A caller that was answered before does not wait any more. */
	assert_int_equal(round_of(client, ref_a, "b", "!a"), 0);
	/* This call waits behind that round. */
	assert_int_equal(actor_client_call(client, actor_to(ref_b), "last_round", LONG_MS, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "i", &r), 0);
	assert_int_equal(r, 0);
	actor_msg_free(reply);

	/* Nor does anybody wait for one that was answered, although its own caller still waits. */
	assert_int_equal(round_of(client, find(client, "c"), "a", "b !c"), 0);
	assert_int_equal(actor_client_call(client, actor_to(ref_b), "last_round", LONG_MS, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "i", &r), 0);
	assert_int_equal(r, 0);
	actor_msg_free(reply);

	/* Afterwards all go on as before. */
	expect_echo(client, ref_a, "a");
	expect_echo(client, ref_b, "b");
	actor_client_free(client);
	kill(a, SIGKILL);
	kill(b, SIGKILL);
	kill(c, SIGKILL);
	reap(a, 0);
	reap(b, 0);
	reap(c, 0);
}

static void test_two_that_call_each_other_at_once_do_not_wait_for_ever(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);
	pid_t a = server_start("a"), b = server_start("b");
	actor_ref ref_a = find(client, "a"), ref_b = find(client, "b");

	for (int i = 0; i < 200; i++) {
		actor_ref refs[] = {ref_a, ref_b};

		assert_int_equal(actor_client_cast(client, actor_to(ref_a), "start_round", "s", "b"), 0);
		assert_int_equal(actor_client_cast(client, actor_to(ref_b), "start_round", "s", "a"), 0);
		for (int j = 0; j < 2; j++) {
			actor_msg *reply;
			int r;

			/* This call waits behind that round. */
			assert_int_equal(actor_client_call(client, actor_to(refs[j]), "last_round", LONG_MS,
						 &reply, ""),
				0);
			assert_int_equal(actor_msg_unpack(reply, "i", &r), 0);
			assert_true(r == 0 || r == -EDEADLK);
			actor_msg_free(reply);
		}
	}
	actor_client_free(client);
	kill(a, SIGKILL);
	kill(b, SIGKILL);
	reap(a, 0);
	reap(b, 0);
}

static void test_call_to_a_group_that_dies_meanwhile_ends_with_it(void **state)
{
	for (int mode = ACTOR_JOIN_DIRECT; mode <= ACTOR_JOIN_BROKER; mode++) {
		actor_client *client = client_new(mode);
		pid_t server = server_start("echo");
		actor_ref to = find(client, "echo");
		pid_t killer;

		expect_echo(client, to, "ready");
		killer = fork();
		if (killer == 0) {
			usleep(50000);
			kill(server, SIGKILL);
			_exit(0);
		}
		assert_int_equal(
			actor_client_call(client, actor_to(to), "hang", LONG_MS, NULL, ""), -ECONNRESET);
		reap(killer, 0);
		reap(server, 0);
		actor_client_free(client);
	}
}

static void test_no_node_is_enotconn(void **state)
{
	struct actor_group_options options = {.runtime_dir = "/tmp/actor-test-no-such-node"};
	actor_client *client = NULL;

	assert_int_equal(actor_client_new(&client, &options), -ENOTCONN);
	assert_null(client);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		fact(test_call_between_groups_goes_over_a_direct_link),
		fact(test_single_link_client_is_routed_by_the_broker),
		fact(test_call_to_a_dead_or_unknown_group_fails_at_once),
		fact(test_a_client_with_one_link_goes_on_after_the_broker_was_killed),
		fact(test_groups_call_each_other_both_ways_at_once),
		fact(test_call_in_a_circle_over_processes_is_edeadlk),
		fact(test_two_that_call_each_other_at_once_do_not_wait_for_ever),
		fact(test_call_to_a_group_that_dies_meanwhile_ends_with_it),
		cmocka_unit_test(test_no_node_is_enotconn),
	};

	if (is_server(argc, argv))
		return server_main(argv);
	return run_facts(tests);
}

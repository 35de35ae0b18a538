/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First contact with a group that is busy or stopped: the stranger waits, and does not take the group for
 * dead.
 */
#include "tests/system/group-world.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "tests/fact.h"

#define BUSY_MS        2700 /* longer than any time-out that might be taken for a death */
#define BROKER_BUSY_MS 5500

/* Lets @pid go on after a while. To others a stopped process is like one whose handler computes. */
static pid_t continue_after(pid_t pid, int ms)
{
	pid_t child = fork();

	if (child == 0) {
		usleep((useconds_t)ms * 1000);
		kill(pid, SIGCONT);
		_exit(0);
	}
	assert_true(child > 0);
	return child;
}

static void test_a_stranger_waits_for_a_busy_group(void **state)
{
	actor_client *finder = client_new(ACTOR_JOIN_BROKER), *stranger;
	pid_t server = server_start("busy"), helper;
	actor_ref to = find(finder, "busy");
	uint64_t monitor;

	stranger = client_new(ACTOR_JOIN_DIRECT);
	server_stop(finder, to, server);
	helper = continue_after(server, BUSY_MS);
	assert_int_equal(actor_client_monitor(stranger, to, &monitor), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(actor_client_cast(stranger, actor_to(to), "tick", ""), 0);
	assert_int_equal(ask_number(stranger, to, "ticks"), 1000);
	/* There was no DOWN. */
	assert_int_equal(actor_client_receive(stranger, 0, NULL, NULL, NULL, NULL), -ETIMEDOUT);
	reap(helper, 0);
	reap(server, SIGTERM);
	expect_down(stranger, monitor, "shutdown");
	actor_client_free(stranger);
	actor_client_free(finder);
}

static void test_casts_of_a_stranger_to_a_busy_group_arrive_in_order(void **state)
{
	pid_t a = server_start("a"), b = server_start("b"), helper;
	actor_client *client = client_new(ACTOR_JOIN_BROKER);
	actor_ref ref_a = find(client, "a"), ref_b = find(client, "b");

	server_stop(client, ref_b, b);
	helper = continue_after(b, BUSY_MS);
	assert_int_equal(actor_client_cast(client, actor_to(ref_a), "flood", "rii", ref_b, 0, 4000), 0);
	expect_number(client, ref_a, "flooded", 4000);
	/* The receiver still lives: a gap in the numbers would have ended it. */
	expect_number(client, ref_b, "ticks", 4000);
	reap(helper, 0);
	actor_client_free(client);
	reap(a, SIGTERM);
	reap(b, SIGTERM);
}

static void test_a_second_try_finds_a_busy_group_alive(void **state)
{
	actor_client *finder = client_new(ACTOR_JOIN_BROKER), *stranger;
	pid_t server = server_start("busy"), helper;
	actor_ref to = find(finder, "busy");

	stranger = client_new(ACTOR_JOIN_DIRECT);
	server_stop(finder, to, server);
	for (int i = 0; i < 5; i++)
		assert_int_equal(
			actor_client_call(stranger, actor_to(to), "echo", 450, NULL, "s", "impatient"),
			-ETIMEDOUT);
	helper = continue_after(server, 100);
	expect_echo(stranger, to, "patient");
	reap(helper, 0);
	expect_echo(finder, to, "alive");
	actor_client_free(stranger);
	actor_client_free(finder);
	reap(server, SIGTERM);
}

static void test_casts_of_a_first_contact_survive_a_stopped_broker(void **state)
{
	struct contact it = contact_begin();
	pid_t helper;

	expect_echo(it.finder, it.to, "hello");
	kill(broker_pid, SIGSTOP);
	helper = continue_after(broker_pid, BROKER_BUSY_MS);
	for (int i = 0; i < 100; i++)
		assert_int_equal(actor_client_cast(it.stranger, actor_to(it.to), "tick", ""), 0);
	assert_int_equal(ask_number(it.stranger, it.to, "ticks"), 100);
	reap(helper, 0);
	contact_end(&it);
}

static void test_a_first_contact_survives_the_death_of_the_broker(void **state)
{
	struct contact it = contact_begin();
	pid_t helper;

	expect_echo(it.finder, it.to, "hello");
	for (int i = 0; i < 100; i++)
		assert_int_equal(actor_client_cast(it.finder, actor_to(it.to), "tick", ""), 0);
	kill(it.server, SIGSTOP);
	for (int i = 0; i < 100; i++)
		assert_int_equal(actor_client_cast(it.stranger, actor_to(it.to), "tick", ""), 0);
	/* The stranger's loop runs, so it is being introduced. */
	assert_int_equal(actor_client_receive(it.stranger, 100, NULL, NULL, NULL, NULL), -ETIMEDOUT);
	broker_kill();
	broker_start();
	helper = continue_after(it.server, 0);
	expect_number(it.stranger, it.to, "ticks", 200);
	reap(helper, 0);
	contact_end(&it);
}

static void test_the_death_of_a_busy_group_is_told_to_a_stranger(void **state)
{
	struct contact it = contact_begin();
	uint64_t monitor;

	server_stop(it.finder, it.to, it.server);
	assert_int_equal(actor_client_monitor(it.stranger, it.to, &monitor), 0);
	assert_int_equal(
		actor_client_call(it.stranger, actor_to(it.to), "echo", 100, NULL, "s", "x"), -ETIMEDOUT);
	reap(it.server, SIGKILL);
	it.server = 0;
	expect_down(it.stranger, monitor, "noconnection");
	assert_int_equal(
		actor_client_call(it.stranger, actor_to(it.to), "echo", LONG_MS, NULL, "s", "x"), -ESRCH);
	contact_end(&it);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		fact(test_a_stranger_waits_for_a_busy_group),
		fact(test_casts_of_a_stranger_to_a_busy_group_arrive_in_order),
		fact(test_a_second_try_finds_a_busy_group_alive),
		fact(test_casts_of_a_first_contact_survive_a_stopped_broker),
		fact(test_a_first_contact_survives_the_death_of_the_broker),
		fact(test_the_death_of_a_busy_group_is_told_to_a_stranger),
	};

	if (is_server(argc, argv))
		return server_main(argv);
	return run_facts(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What is heard of the end of a group that is a real process, and what is left of it. */
#include "tests/system/group-world.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/fact.h"

static int fds_open(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* nng closes descriptors in its own time, so this waits until their number stays the same. */
static int idle_fds(void)
{
	int n = fds_open();

	for (int same = 0; same < 50; same++) {
		int now;

		usleep(2000);
		now = fds_open();
		if (now != n)
			same = 0;
		n = now;
	}
	return n;
}

static void test_down_arrives_after_the_last_message_of_a_killed_group(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);
	pid_t server = server_start("echo");
	actor_ref to = find(client, "echo");
	struct actor_cause cause;
	actor_msg *msg;
	uint64_t monitor, id;

	assert_int_equal(actor_client_monitor(client, to, &monitor), 0);
	assert_int_equal(
		actor_client_cast(client, actor_to(to), "say_and_die", "ri", actor_client_self(client), 1000),
		0);
	for (int i = 0; i < 1000; i++) {
		int n = -1;

		assert_int_equal(actor_client_receive(client, LONG_MS, &msg, NULL, NULL, NULL), 0);
		assert_non_null(msg);
		assert_int_equal(actor_msg_unpack(msg, "i", &n), 0);
		assert_int_equal(n, i);
		actor_msg_free(msg);
	}
	assert_int_equal(actor_client_receive(client, LONG_MS, &msg, &id, NULL, &cause), 0);
	assert_null(msg);
	assert_int_equal(id, monitor);
	assert_string_equal(cause.reason, "noconnection");
	assert_int_equal(actor_client_receive(client, 50, &msg, NULL, NULL, NULL), -ETIMEDOUT);
	reap(server, 0);
	actor_client_free(client);
}

static void test_actor_that_stops_gives_its_reason_and_its_name_back(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);
	pid_t server = server_start("echo");
	actor_ref to = find(client, "echo");
	uint64_t monitor;
	actor_ref ref;

	assert_int_equal(actor_client_monitor(client, to, &monitor), 0);
	assert_int_equal(actor_client_cast(client, actor_to(to), "leave", ""), 0);
	expect_down(client, monitor, "had enough");
	/* Whoever gets the DOWN may take the name. */
	assert_int_equal(actor_client_whereis(client, "echo", &ref), -ESRCH);
	reap(server, 0);
	actor_client_free(client);
}

static void test_monitor_through_the_broker_hears_of_a_killed_group(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_BROKER);
	pid_t server = server_start("echo");
	actor_ref to = find(client, "echo");
	uint64_t monitor;

	assert_int_equal(actor_client_monitor(client, to, &monitor), 0);
	expect_echo(client, to, "settled");
	reap(server, SIGKILL);
	expect_down(client, monitor, "noconnection");
	actor_client_free(client);
}

static void test_monitor_of_a_group_with_one_link_ends_with_the_broker(void **state)
{
	actor_client *watcher = client_new(ACTOR_JOIN_DIRECT), *single = client_new(ACTOR_JOIN_BROKER);
	actor_ref to = actor_client_self(single);
	uint64_t monitor;

	assert_int_equal(actor_client_monitor(watcher, to, &monitor), 0);
	assert_int_equal(actor_client_flush(watcher, LONG_MS), 0); /* by then the broker has the monitor */
	broker_kill();
	expect_down(watcher, monitor, "noconnection");
	broker_start();
	actor_client_free(single);
	actor_client_free(watcher);
}

static void expect_monitor_of_the_whole_group(enum actor_join_mode mode)
{
	actor_client *client = client_new(mode);
	pid_t server = server_start("echo");
	actor_ref to = find(client, "echo"), whole = {to.node, to.group, 0};
	uint64_t monitor;
	actor_msg *msg;

	assert_int_equal(actor_client_monitor(client, whole, &monitor), 0);
	expect_echo(client, to, "lives");
	/* A DOWN would have come before the echo. */
	assert_int_equal(actor_client_receive(client, 0, &msg, NULL, NULL, NULL), -ETIMEDOUT);
	reap(server, SIGKILL);
	expect_down(client, monitor, "noconnection");
	actor_client_free(client);
}

static void test_a_whole_group_is_watched_over_its_link(void **state)
{
	expect_monitor_of_the_whole_group(ACTOR_JOIN_DIRECT);
}

static void test_a_whole_group_is_watched_through_the_broker(void **state)
{
	expect_monitor_of_the_whole_group(ACTOR_JOIN_BROKER);
}

static void group_dir(actor_ref ref, char path[200])
{
	snprintf(path, 200, "%s/g/%llu", node_dir, (unsigned long long)ref.group);
}

static void test_what_a_group_made_in_the_runtime_directory_goes_with_it(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_DIRECT), *broker = client_new(ACTOR_JOIN_BROKER);
	pid_t server = server_start("echo");
	actor_ref refs[2] = {find(client, "echo"), actor_client_self(client)};
	char path[200];

	expect_echo(client, refs[0], "x");
	reap(server, SIGKILL);
	actor_client_free(client);
	for (int i = 0; i < 2; i++) {
		group_dir(refs[i], path);
		for (int tries = 0; access(path, F_OK) == 0; tries++) {
			assert_true(tries < LONG_MS);
			usleep(1000);
		}
	}
	actor_client_free(broker);
}

static void test_no_descriptor_is_left_behind(void **state)
{
	int before = 0;

	for (int round = 0; round < 3; round++) {
		actor_client *client = client_new(ACTOR_JOIN_DIRECT);
		pid_t server = server_start("echo");

		expect_echo(client, find(client, "echo"), "x");
		reap(server, SIGKILL);
		actor_client_free(client);
		if (round == 0) {
			/* nng opens descriptors of its own at its first use. */
			actor_client_free(client_new(ACTOR_JOIN_DIRECT));
			before = idle_fds();
		}
	}
	assert_int_equal(idle_fds(), before);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		fact(test_down_arrives_after_the_last_message_of_a_killed_group),
		fact(test_actor_that_stops_gives_its_reason_and_its_name_back),
		fact(test_monitor_through_the_broker_hears_of_a_killed_group),
		fact(test_monitor_of_a_group_with_one_link_ends_with_the_broker),
		fact(test_a_whole_group_is_watched_over_its_link),
		fact(test_a_whole_group_is_watched_through_the_broker),
		fact(test_what_a_group_made_in_the_runtime_directory_goes_with_it),
		fact(test_no_descriptor_is_left_behind),
	};

	if (is_server(argc, argv))
		return server_main(argv);
	return run_facts(tests);
}

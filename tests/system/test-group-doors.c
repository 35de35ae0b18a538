/* SPDX-License-Identifier: Apache-2.0 */
/* The doors of groups: what waits in them, who comes in, and what removes them. */
#include "tests/system/group-world.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "libactor/transport/files.h"
#include "tests/fact.h"

static void door_path(actor_ref ref, char path[200])
{
	snprintf(path, 200, "%s/g/%llu/door.ipc", node_dir, (unsigned long long)ref.group);
}

static int dial(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	memcpy(sun.sun_path, path, strlen(path) + 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

/* Dials the door and says to be group @id. More bytes follow, which must not be read. */
static int dial_as(const char *path, uint64_t id)
{
	uint8_t bytes[8 + 9 + 11] = {
		0, 'S', 'P', 0, 0, 0x10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 11, 0x92, 15, 0xcf};
	int fd = dial(path);

	for (int i = 0; i < 8; i++)
		bytes[20 + i] = (uint8_t)(id >> (56 - 8 * i));
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	return fd;
}

static void expect_closed(int fd)
{
	uint8_t bytes[64];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		;
	assert_true(n == 0 || errno == ECONNRESET);
	close(fd);
}

static void test_what_was_sent_to_a_busy_group_survives_its_sender(void **state)
{
	pid_t a = server_start("a"), b = server_start("b");
	actor_client *client = client_new(ACTOR_JOIN_BROKER);
	actor_ref ref_a = find(client, "a"), ref_b = find(client, "b");
	actor_msg *reply;
	int r = -1;

	if (!has_doors())
		goto out;
	server_stop(client, ref_b, b);
	assert_int_equal(actor_client_cast(client, actor_to(ref_a), "flood", "rii", ref_b, 0, 100), 0);
	expect_number(client, ref_a, "flooded", 100);
	assert_int_equal(actor_client_call(client, actor_to(ref_a), "flush", LONG_MS, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "i", &r), 0);
	actor_msg_free(reply);
	assert_int_equal(r, 0); /* although b has not looked at its door */
	reap(a, SIGKILL);
	while (actor_client_call(client, actor_to(ref_a), "ticks", LONG_MS, NULL, "") != -ESRCH)
		; /* an answer of -ESRCH says that b was told of the death of a, too */
	kill(b, SIGCONT);
	expect_number(client, ref_b, "ticks", 100);
	a = server_start("a");
	(void)find(client, "a");
out:
	actor_client_free(client);
	reap(a, SIGTERM);
	reap(b, SIGTERM);
}

static void test_a_broker_that_knows_nothing_of_who_came_is_asked(void **state)
{
	struct contact it = contact_begin();
	uint64_t monitor;

	server_stop(it.finder, it.to, it.server);
	assert_int_equal(actor_client_monitor(it.stranger, it.to, &monitor), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(actor_client_cast(it.stranger, actor_to(it.to), "tick", ""), 0);
	if (has_doors())
		assert_int_equal(
			actor_client_flush(it.stranger, LONG_MS), 0); /* the casts wait in the door */
	broker_kill();
	broker_start();
	kill(it.server, SIGCONT);
	expect_number(it.stranger, it.to, "ticks", 100);
	assert_int_equal(actor_client_receive(it.stranger, 0, NULL, NULL, NULL, NULL), -ETIMEDOUT);
	/* The new broker knows of the link: it tells of the end, with the reason. */
	reap(it.server, SIGTERM);
	it.server = 0;
	expect_down(it.stranger, monitor, "shutdown");
	contact_end(&it);
}

static void test_a_door_that_was_removed_is_made_anew(void **state)
{
	actor_client *finder = client_new(ACTOR_JOIN_BROKER);
	pid_t server = server_start("echo");
	actor_ref to = find(finder, "echo");
	char path[200];

	if (has_doors()) {
		door_path(to, path);
		assert_int_equal(unlink(path), 0);
		*strrchr(path, '/') = 0;
		assert_int_equal(rmdir(path), 0);
		for (int i = 0; i < 3; i++) {
			actor_client *stranger = client_new(ACTOR_JOIN_DIRECT);

			expect_echo(stranger, to, "found");
			actor_client_free(stranger);
		}
		door_path(to, path);
		assert_int_equal(access(path, F_OK), 0);
	}
	actor_client_free(finder);
	reap(server, SIGTERM);
}

static void test_nobody_comes_in_as_somebody_else(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);
	pid_t a = server_start("a"), b = server_start("b");
	actor_ref ref_a = find(client, "a"), ref_b = find(client, "b");
	char path[200];
	int fd;

	if (has_doors()) {
		door_path(ref_b, path);
		expect_closed(dial_as(path, ref_a.group));
		expect_closed(dial_as(path, 4711));
		fd = dial(path);
		assert_int_equal(write(fd, "GET / HTTP/1.1\r\n\r\n", 18), 18);
		expect_closed(fd);
		/* The same while an introduction of the real group is under way. */
		server_stop(client, ref_b, b);
		assert_int_equal(actor_client_cast(client, actor_to(ref_a), "flood", "rii", ref_b, 0, 10), 0);
		expect_number(client, ref_a, "flooded", 10);
		fd = dial_as(path, ref_a.group);
		kill(b, SIGCONT);
		expect_closed(fd);
		expect_number(client, ref_b, "ticks", 10);
	}
	actor_client_free(client);
	reap(a, SIGTERM);
	reap(b, SIGTERM);
}

static void test_silent_connections_do_not_shut_the_door(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);
	pid_t server = server_start("echo");
	actor_ref to = find(client, "echo");
	char path[200];
	int fds[GUESTS_MAX + 50];

	if (has_doors()) {
		door_path(to, path);
		for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
			fds[i] = dial(path);
		expect_echo(client, to, "through");
		for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
			close(fds[i]);
	}
	actor_client_free(client);
	reap(server, SIGTERM);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		fact(test_what_was_sent_to_a_busy_group_survives_its_sender),
		fact(test_a_broker_that_knows_nothing_of_who_came_is_asked),
		fact(test_a_door_that_was_removed_is_made_anew),
		fact(test_nobody_comes_in_as_somebody_else),
		fact(test_silent_connections_do_not_shut_the_door),
	};

	if (is_server(argc, argv))
		return server_main(argv);
	return run_facts(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which node a group joins, and as whom. ACTOR_BROKER is the broker's program. This program is also a
 * supervised child: `test-join child NAME`.
 */
#include "tests/system/node-world.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "libactor/protocol/token.h"
#include "tests/fact.h"

static char said[2048]; /* lines that a group of this process wrote for an operator */

static void say(const char *line, void *arg)
{
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s\n", line);
}

/* ---- where ---- */

/* Listens in the place of the broker. */
static int listen_as_broker(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/broker.ipc", node_dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void expect_refused(const char *path, int error, const char *why)
{
	struct actor_group_options options = {.runtime_dir = path, .log = say, .connect_timeout_ms = 100};
	actor_client *client = NULL;
	actor_group *group = NULL;

	said[0] = 0;
	assert_int_equal(actor_client_new(&client, &options), error);
	assert_non_null(strstr(said, why));
	assert_int_equal(actor_group_new(&group, &options), error);
	assert_null(client);
	assert_null(group);
}

static void expect_nobody_came(int fd)
{
	struct pollfd listener = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&listener, 1, 0), 0);
}

static void test_another_users_directory_is_refused_before_a_word_is_said(void **state)
{
	int fd = listen_as_broker();

	if (chown(node_dir, 54321, 54321) < 0) {
		close(fd);
		print_message("# only root can give a directory away\n");
		skip();
	}
	expect_refused(node_dir, -EPERM, "54321");
	expect_nobody_came(fd);
	close(fd);
}

static void test_a_directory_that_others_can_write_or_list_is_refused(void **state)
{
	static const mode_t modes[] = {0777, 0770, 0755, 0704, 01700};
	int fd = listen_as_broker();

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(chmod(node_dir, modes[i]), 0);
		expect_refused(node_dir, -EPERM, "mode");
	}
	expect_nobody_came(fd);
	close(fd);
}

static void test_a_symlink_is_refused(void **state)
{
	char path[sizeof(node_dir) + 8];
	int fd = listen_as_broker();

	snprintf(path, sizeof(path), "%s/link", node_dir);
	assert_int_equal(symlink(node_dir, path), 0);
	expect_refused(path, -ENOTDIR, "symlink");
	expect_nobody_came(fd);
	close(fd);
}

/* ---- as whom ---- */

static int child_me(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "r", actor_self(self));
}

static const struct actor_method child_methods[] = {{.name = "me", .on_call = child_me}, {0}};
static const struct actor_behavior child_behavior = {.name = "child", .methods = child_methods};

static actor_ref ask_who(actor_client *client, const char *name)
{
	actor_ref ref = ACTOR_NOBODY;
	actor_msg *reply = NULL;
	int tries = 0, r;

	while ((r = actor_client_call(client, actor_named(name), "me", LONG_MS, &reply, "")) == -ESRCH &&
		tries++ < LONG_MS)
		usleep(1000);
	assert_int_equal(r, 0);
	assert_int_equal(actor_msg_unpack(reply, "r", &ref), 0);
	actor_msg_free(reply);
	return ref;
}

/* As if the supervisor had run sh -c 'first & second & wait': both programs have the token of the child. */
static void test_the_second_program_with_one_token_is_a_client_of_its_own(void **state)
{
	static const uint8_t key[TOKEN_KEY_BYTES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	char hex[2 * TOKEN_MAX_BYTES + 1], line[512] = "";
	struct token token;
	actor_client *client = client_new(ACTOR_JOIN_BROKER);
	pid_t first, second;
	actor_ref ref;
	int words[2];

	assert_int_equal(token_make(&token, key, 5, "shell"), 0);
	token_to_hex(&token, hex);
	setenv("ACTOR_TOKEN", hex, 1);
	first = process_start((const char *const[]){"/proc/self/exe", "child", "first", NULL});
	ref = ask_who(client, "first");
	assert_int_equal(ref.group, 5);

	assert_int_equal(pipe2(words, O_CLOEXEC), 0);
	second = process_start_to(
		(const char *const[]){"/proc/self/exe", "child", "second", NULL}, words[1], 2);
	unsetenv("ACTOR_TOKEN");
	close(words[1]);
	ref = ask_who(client, "second");
	assert_int_equal(ref.group >> 63, 1);
	while (!strstr(line, "client of its own"))
		assert_true(read(words[0], line + strlen(line), sizeof(line) - 1 - strlen(line)) > 0);
	reap(second, SIGTERM);
	reap(first, SIGTERM);
	close(words[0]);
	actor_client_free(client);
}

#define fact_in_dir(name) cmocka_unit_test_setup_teardown(name, node_dir_setup, node_dir_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		fact_in_dir(test_another_users_directory_is_refused_before_a_word_is_said),
		fact_in_dir(test_a_directory_that_others_can_write_or_list_is_refused),
		fact_in_dir(test_a_symlink_is_refused),
		cmocka_unit_test_setup_teardown(test_the_second_program_with_one_token_is_a_client_of_its_own,
			node_setup, node_teardown),
	};

	if (argc == 3 && !strcmp(argv[1], "child"))
		return actor_main(&child_behavior, NULL, argv[2]);
	return run_facts(tests);
}

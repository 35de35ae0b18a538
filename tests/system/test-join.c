/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which node a group joins, and as whom. ACTOR_BROKER is the broker's program. This program is also a
 * supervised child: `test-join child NAME`.
 */
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* cmocka.h needs these: */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "actor/actor.h"
#include "libactor/protocol/token.h"
#include "tests/fact.h"

#define LONG_MS 30000 /* nothing takes that long: the test fails then */

static const char *self_program;
static char dir[64];
static char said[2048]; /* lines that a group of this process wrote for an operator */

static void say(const char *line, void *arg)
{
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s\n", line);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int setup(void **state)
{
	strcpy(dir, "/tmp/actor-test-join-XXXXXX");
	said[0] = 0;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD
		       ? nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS)
		       : -1;
}

/* ---- where ---- */

/* Listens in the place of the broker. */
static int listen_as_broker(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/broker.ipc", dir);
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

	if (chown(dir, 54321, 54321) < 0) {
		close(fd);
		print_message("# only root can give a directory away\n");
		skip();
	}
	expect_refused(dir, -EPERM, "54321");
	expect_nobody_came(fd);
	close(fd);
}

static void test_a_directory_that_others_can_write_or_list_is_refused(void **state)
{
	static const mode_t modes[] = {0777, 0770, 0755, 0704, 01700};
	int fd = listen_as_broker();

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(chmod(dir, modes[i]), 0);
		expect_refused(dir, -EPERM, "mode");
	}
	expect_nobody_came(fd);
	close(fd);
}

static void test_a_symlink_is_refused(void **state)
{
	char path[sizeof(dir) + 8];
	int fd = listen_as_broker();

	snprintf(path, sizeof(path), "%s/link", dir);
	assert_int_equal(symlink(dir, path), 0);
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

static pid_t start(const char *const *argv, int stderr_fd)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (stderr_fd >= 0)
			dup2(stderr_fd, 2);
		execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	assert_true(pid > 0);
	return pid;
}

static void end(pid_t pid, int signo)
{
	kill(pid, signo);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

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
	struct actor_group_options options = {.runtime_dir = dir, .mode = ACTOR_JOIN_BROKER};
	char hex[2 * TOKEN_MAX_BYTES + 1], line[512] = "";
	struct token token;
	actor_client *client;
	pid_t broker, first, second;
	actor_ref ref;
	int words[2], tries = 0;

	setenv("ACTOR_RUNTIME_DIR", dir, 1);
	broker = start((const char *const[]){getenv("ACTOR_BROKER"), "--runtime-dir", dir, "--node-id", "77",
			       "--key-hex", "000102030405060708090a0b0c0d0e0f", "--group", "1", NULL},
		-1);
	while (actor_client_new(&client, &options) < 0 && tries++ < LONG_MS)
		usleep(1000);
	assert_true(tries < LONG_MS);

	assert_int_equal(token_make(&token, key, 5, "shell"), 0);
	token_to_hex(&token, hex);
	setenv("ACTOR_TOKEN", hex, 1);
	first = start((const char *const[]){self_program, "child", "first", NULL}, -1);
	ref = ask_who(client, "first");
	assert_int_equal(ref.group, 5);

	assert_int_equal(pipe(words), 0);
	second = start((const char *const[]){self_program, "child", "second", NULL}, words[1]);
	unsetenv("ACTOR_TOKEN");
	close(words[1]);
	ref = ask_who(client, "second");
	assert_int_equal(ref.group >> 63, 1);
	while (!strstr(line, "client of its own"))
		assert_true(read(words[0], line + strlen(line), sizeof(line) - 1 - strlen(line)) > 0);
	end(second, SIGTERM);
	end(first, SIGTERM);
	close(words[0]);
	actor_client_free(client);
	end(broker, SIGKILL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_another_users_directory_is_refused_before_a_word_is_said, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_directory_that_others_can_write_or_list_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_symlink_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_the_second_program_with_one_token_is_a_client_of_its_own, setup, teardown),
	};

	self_program = argv[0];
	if (argc == 3 && !strcmp(argv[1], "child"))
		return actor_main(&child_behavior, NULL, argv[2]);
	return run_facts(tests);
}

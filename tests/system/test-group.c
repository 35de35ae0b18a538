/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups of one node, as real processes beside a real broker: direct links, names, deaths. ACTOR_BROKER: the
 * program. This program is also the other groups: `test-group server NAME`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/answer.h"
#include "libactor/actor/monitor.h"
#include "libactor/base/base.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/hello.h"
#include "libactor/protocol/token.h"
#include "libactor/transport/files.h"
#include "libactor/transport/transport.h"
#include "tests/fact.h"

#define FLOODERS_N 3
#define DEATHS_N   20
#define LONG_MS    10000 /* nothing takes that long; then the test fails */

static const char *self_program;
static char dir[64];
static pid_t broker_pid;
static int broker_start_number;

/* ---- the other group ---- */

static int64_t ticks;
static int last_round, rounds;
static const struct actor_behavior twin_behavior;

static int server_echo(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *s;
	size_t length;

	if (actor_msg_unpack(msg, "s#", &s, &length) < 0)
		return actor_reply_error(from, "server.bad_argument", "echo wants a string");
	return actor_reply(from, "s#", s, length);
}

static int server_tick(actor *self, const actor_msg *msg)
{
	ticks++;
	return 0;
}

static int server_ticks(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "I", ticks);
}

/* Sends n numbered casts to whom it is told, then dies without a word. */
static int server_say_and_die(actor *self, const actor_msg *msg)
{
	actor_ref to;
	int n;

	if (actor_msg_unpack(msg, "ri", &to, &n) < 0)
		return -EINVAL;
	for (int i = 0; i < n; i++)
		if (actor_cast(self, actor_to(to), "say", "i", i) < 0)
			return -EIO;
	/* a moment for the bytes to leave: what nng holds dies with the process */
	return actor_send_after(self, 200, "die", NULL, "");
}

static int server_die(actor *self, const actor_msg *msg)
{
	kill(getpid(), SIGKILL);
	return 0;
}

static int server_leave(actor *self, const actor_msg *msg)
{
	return actor_stop(self, actor_self(self), "had enough");
}

static int server_hang(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_sleep(self, 60000);
	return 0;
}

static int server_relay(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_msg *reply = NULL;
	const char *name, *text;
	int r;

	if (actor_msg_unpack(msg, "s", &name) < 0)
		return -EINVAL;
	r = actor_call(self, actor_named(name), "echo", ACTOR_TIMEOUT_DEFAULT, &reply, "s", "through two");
	if (r == 0)
		r = actor_msg_unpack(reply, "s", &text);
	r = r < 0 ? actor_reply(from, "i", r) : actor_reply(from, "s", text);
	actor_msg_free(reply);
	return r;
}

/*
 * A second actor of a server: casts numbered kilobytes, as fast as it may, while the server goes on
 * answering.
 */
static int64_t flooded;
static actor_ref flooder_ref;

static int flooder_flood(actor *self, const actor_msg *msg)
{
	char kilobyte[1000] = "";
	actor_ref to;
	int from, n;

	if (actor_msg_unpack(msg, "rii", &to, &from, &n) < 0)
		return -EINVAL;
	for (int i = 0; i < n; i++) {
		if (actor_cast(self, actor_to(to), "numbered", "iiy#", from, i, kilobyte, sizeof(kilobyte)) <
			0)
			return -EIO;
		flooded++;
	}
	return 0;
}

/*
 * round [name, name …]: calls the first of them for a round of the others; the answer is what the innermost
 * got. [] is a round, too: 0. With "!" in front of a name the caller is answered before.
 */
static int server_round(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_msg *reply = NULL;
	const char *name, *rest;
	int r, inner = 0;

	if (actor_msg_unpack(msg, "ss", &name, &rest) < 0)
		return -EINVAL;
	if (!*name)
		return actor_reply(from, "i", 0);
	if (*name == '!') {
		r = actor_reply(from, "i", 0);
		if (r < 0)
			return r;
	}
	{
		char next[64];
		size_t n = strcspn(rest, " ");

		snprintf(next, sizeof(next), "%.*s", (int)n, rest);
		r = actor_call(self, actor_named(name + (*name == '!')), "round", LONG_MS, &reply, "ss", next,
			rest[n] ? rest + n + 1 : "");
	}
	if (r == 0 && actor_msg_unpack(reply, "i", &inner) < 0)
		inner = -EPROTO;
	actor_msg_free(reply);
	last_round = r ? r : inner;
	rounds++;
	return *name == '!' ? 0 : actor_reply(from, "i", last_round);
}

static int server_last_round(actor *self, const actor_msg *msg, actor_from *from)
{
	return rounds ? actor_reply(from, "i", last_round)
		      : actor_reply_error(from, "server.no_round", "there was none yet");
}

/* The same from a cast: nobody waits for it. */
static int server_start_round(actor *self, const actor_msg *msg)
{
	actor_msg *reply = NULL;
	const char *name;
	int r;

	if (actor_msg_unpack(msg, "s", &name) < 0)
		return -EINVAL;
	r = actor_call(self, actor_named(name), "round", LONG_MS, &reply, "ss", "", "");
	actor_msg_free(reply);
	last_round = r;
	rounds++;
	return 0;
}

/* Another actor of this group, of that name. */
/*
 * Takes two names, the second twice; gives one that it has not and then the second back, the second twice:
 * how these three went.
 */
static int server_names(actor *self, const actor_msg *msg, actor_from *from)
{
	int foreign, second, again;

	if (actor_register(self, "echo-1") < 0 || actor_register(self, "echo-2") < 0 ||
		actor_register(self, "echo-2") < 0)
		return -EEXIST;
	foreign = actor_unregister(self, "echo-3");
	second = actor_unregister(self, "echo-2");
	again = actor_unregister(self, "echo-2");
	return actor_reply(from, "[iii]", foreign, second, again);
}

static int server_twin(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *name;
	int r;

	if (actor_msg_unpack(msg, "s", &name) < 0)
		return -EINVAL;
	r = actor_spawn(self, &twin_behavior, name, NULL);
	return actor_reply(from, "i", r);
}

static int twin_init(actor *self, const void *arg)
{
	return actor_register(self, arg);
}

/*
 * One that fails after it has taken a name: what its spawner is told, how many actors there are then, and is
 * the name free?
 */
static int failing_init(actor *self, const void *arg)
{
	int r = actor_register(self, arg);

	return r < 0 ? r : -ENOSPC;
}

static const struct actor_behavior failing_behavior = {.name = "failing", .init = failing_init};

static int server_failing(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *name;
	size_t n_alive;
	int r;

	if (actor_msg_unpack(msg, "s", &name) < 0)
		return -EINVAL;
	r = actor_spawn(self, &failing_behavior, name, NULL);
	n_alive = actor_group_of(self)->n_alive;
	return actor_reply(from, "[iUi]", r, (uint64_t)n_alive, actor_register(self, name));
}

static const struct actor_method twin_methods[] = {{.name = "round", .on_call = server_round}, {0}};
static const struct actor_behavior twin_behavior = {
	.name = "twin", .methods = twin_methods, .init = twin_init};

static const struct actor_method flooder_methods[] = {{.name = "flood", .on_cast = flooder_flood}, {0}};
static const struct actor_behavior flooder_behavior = {.name = "flooder", .methods = flooder_methods};

static int server_flood(actor *self, const actor_msg *msg)
{
	actor_ref flooder, to;
	int from, n;

	if (actor_msg_unpack(msg, "rii", &to, &from, &n) < 0)
		return -EINVAL;
	if (actor_spawn(self, &flooder_behavior, NULL, &flooder) < 0)
		return -ENOMEM;
	flooder_ref = flooder;
	return actor_cast(self, actor_to(flooder), "flood", "rii", to, from, n);
}

/* Casts `flooder_failed` to whom it is told when the flooder has ended: a cast of its was refused. */
static actor_ref flooder_watcher;

static int server_watch_flooder(actor *self, const actor_msg *msg)
{
	if (actor_msg_unpack(msg, "r", &flooder_watcher) < 0)
		return -EINVAL;
	return actor_monitor(self, flooder_ref, NULL);
}

static int server_on_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	return actor_cast(self, actor_to(flooder_watcher), "flooder_failed", "s", cause->reason);
}

static int server_flush(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "i", actor_flush(self, LONG_MS));
}

static int server_flooded(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "I", flooded);
}

static int numbered[FLOODERS_N];

static int server_numbered(actor *self, const actor_msg *msg)
{
	const void *data;
	size_t n;
	int from, i;

	if (actor_msg_unpack(msg, "iiy#", &from, &i, &data, &n) < 0 || from < 0 || from >= FLOODERS_N)
		return -EINVAL;
	if (numbered[from] != i)
		return -EPROTO; /* ends this actor, and with it the test */
	numbered[from]++;
	ticks++;
	return 0;
}

/* Busy until SIGUSR1: no message can be handled meanwhile, so none can end it. */
static volatile sig_atomic_t released;

static void release(int signo)
{
	released = 1;
}

static int server_hold(actor *self, const actor_msg *msg)
{
	while (!released)
		actor_sleep(self, 1);
	return 0;
}

static const struct actor_method server_methods[] = {
	{.name = "flood", .on_cast = server_flood},
	{.name = "flooded", .on_call = server_flooded},
	{.name = "flush", .on_call = server_flush},
	{.name = "watch_flooder", .on_cast = server_watch_flooder},
	{.name = "numbered", .on_cast = server_numbered},
	{.name = "hold", .on_cast = server_hold},
	{.name = "echo", .on_call = server_echo},
	{.name = "tick", .on_cast = server_tick},
	{.name = "ticks", .on_call = server_ticks},
	{.name = "say_and_die", .on_cast = server_say_and_die},
	{.name = "die", .on_cast = server_die},
	{.name = "leave", .on_cast = server_leave},
	{.name = "hang", .on_call = server_hang},
	{.name = "relay", .on_call = server_relay},
	{.name = "round", .on_call = server_round},
	{.name = "start_round", .on_cast = server_start_round},
	{.name = "last_round", .on_call = server_last_round},
	{.name = "names", .on_call = server_names},
	{.name = "twin", .on_call = server_twin},
	{.name = "failing", .on_call = server_failing},
	{0},
};

static const struct actor_behavior server_behavior = {
	.name = "server", .methods = server_methods, .on_down = server_on_down};

/* ---- processes ---- */

static pid_t start(const char *const *argv)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	assert_true(pid > 0);
	return pid;
}

static void reap(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void broker_kill(void)
{
	kill(broker_pid, SIGKILL);
	reap(broker_pid);
}

static pid_t server_start(const char *name)
{
	return start((const char *const[]){self_program, "server", name, NULL});
}

/* As the supervisor starts it: with an id of its own, that may come back. */
static pid_t server_start_supervised(uint64_t group, const char *name)
{
	static const uint8_t key[TOKEN_KEY_BYTES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	char hex[2 * TOKEN_MAX_BYTES + 1];
	struct token token;
	pid_t pid;

	assert_int_equal(token_make(&token, key, group, name), 0);
	token_to_hex(&token, hex);
	setenv("ACTOR_TOKEN", hex, 1);
	pid = server_start(name);
	unsetenv("ACTOR_TOKEN");
	return pid;
}

static void end_server(pid_t pid)
{
	kill(pid, SIGTERM);
	reap(pid);
}

static actor_client *client_new(enum actor_join_mode mode)
{
	struct actor_group_options options = {.name = "test", .runtime_dir = dir, .mode = mode};
	actor_client *client = NULL;
	int64_t tries = 0;
	int r;

	/* the broker may be starting still: its socket is the event we wait for */
	while ((r = actor_client_new(&client, &options)) == -ENOTCONN && tries++ < LONG_MS)
		usleep(1000);
	assert_int_equal(r, 0);
	return client;
}

static void broker_start(void)
{
	char group[16];

	snprintf(group, sizeof(group), "%d", ++broker_start_number);
	broker_pid = start((const char *const[]){getenv("ACTOR_BROKER"), "--runtime-dir", dir, "--node-id",
		"77", "--key-hex", "000102030405060708090a0b0c0d0e0f", "--group", group, NULL});
	actor_client_free(client_new(ACTOR_JOIN_BROKER)); /* it answers */
}

static actor_ref find(actor_client *client, const char *name)
{
	actor_ref ref = ACTOR_NOBODY;
	int tries = 0;

	while (actor_client_whereis(client, name, &ref) == -ESRCH && tries++ < LONG_MS)
		usleep(1000);
	assert_false(actor_ref_is_nobody(ref));
	return ref;
}

static void expect_echo(actor_client *client, actor_ref to, const char *text)
{
	actor_msg *reply;
	const char *s;

	assert_int_equal(actor_client_call(client, actor_to(to), "echo", LONG_MS, &reply, "s", text), 0);
	assert_int_equal(actor_msg_unpack(reply, "s", &s), 0);
	assert_string_equal(s, text);
	actor_msg_free(reply);
}

static void expect_down(actor_client *client, uint64_t monitor, const char *reason)
{
	struct actor_cause cause;
	actor_msg *msg;
	uint64_t id;
	actor_ref who;

	assert_int_equal(actor_client_receive(client, LONG_MS, &msg, &id, &who, &cause), 0);
	assert_null(msg);
	assert_int_equal(id, monitor);
	assert_string_equal(cause.reason, reason);
}

static int fds_open(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* nng closes behind our back: the number it comes to rest at. */
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

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int setup(void **state)
{
	strcpy(dir, "/tmp/actor-test-group-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	setenv("ACTOR_RUNTIME_DIR", dir, 1);
	broker_start();
	return 0;
}

static int teardown(void **state)
{
	pid_t pid;

	/* nobody may be left but the broker */
	kill(broker_pid, SIGKILL);
	waitpid(broker_pid, NULL, 0);
	pid = waitpid(-1, NULL, WNOHANG);
	if (pid != -1 || errno != ECHILD)
		return -1;
	return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- tests ---- */

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
	/* the proof that it is direct: it needs no broker */
	broker_kill();
	expect_echo(client, to, "without a broker");
	broker_start();
	actor_client_free(client);
	kill(server, SIGTERM);
	reap(server);
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
	kill(server, SIGTERM);
	reap(server);
}

static void test_call_to_a_dead_or_unknown_group_fails_at_once(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);
	pid_t server = server_start("echo");
	actor_ref to = find(client, "echo"), unknown = to;
	uint64_t monitor;

	expect_echo(client, to, "alive");
	kill(server, SIGKILL);
	reap(server);
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
	reap(server);
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
	/* whoever hears DOWN may take the name */
	assert_int_equal(actor_client_whereis(client, "echo", &ref), -ESRCH);
	reap(server);
	actor_client_free(client);
}

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
	reap(server);
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
	kill(server, SIGKILL);
	reap(server);
	expect_down(client, monitor, "noconnection");
	actor_client_free(client);
}

static void test_monitor_of_a_group_with_one_link_ends_with_the_broker(void **state)
{
	actor_client *watcher = client_new(ACTOR_JOIN_DIRECT), *single = client_new(ACTOR_JOIN_BROKER);
	actor_ref to = actor_client_self(single);
	uint64_t monitor;

	assert_int_equal(actor_client_monitor(watcher, to, &monitor), 0);
	assert_int_equal(actor_client_flush(watcher, LONG_MS), 0); /* the broker has it */
	broker_kill();
	expect_down(watcher, monitor, "noconnection");
	broker_start();
	actor_client_free(single);
	actor_client_free(watcher);
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
	/* of the first, the old broker may have been the way */
	r = actor_client_call(client, actor_to(to), "echo", LONG_MS, NULL, "s", "lost");
	assert_true(r == 0 || r == -ECONNRESET);
	expect_echo(client, to, "after");
	assert_int_equal(actor_client_cast(client, actor_named("echo"), "tick", ""), 0);
	actor_client_free(client);
	end_server(server);
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
	/* a DOWN would be here before the echo */
	assert_int_equal(actor_client_receive(client, 0, &msg, NULL, NULL, NULL), -ETIMEDOUT);
	kill(server, SIGKILL);
	reap(server);
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

/* The supervisor is away, so nobody reports the exits: watcher and broker each decide for themselves. */
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
		reap(servers[i]);
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
	kill(first, SIGKILL);
	reap(first);
	expect_down(client, monitor, "noconnection");
	first = server_start("echo");
	expect_echo(client, find(client, "echo"), "the new one");
	kill(first, SIGTERM);
	reap(first);
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
	kill(server, SIGTERM);
	reap(server);
	actor_client_free(client);
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
	reap(a);
	reap(b);
	actor_client_free(client);
}

/*
 * The spawner of an actor whose init failed may take its names at once: it hears of the failure when the
 * broker has them back.
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
	kill(server, SIGTERM);
	reap(server);
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

	/* no circle: the names end before it closes */
	assert_int_equal(round_of(client, ref_a, "b", "c"), 0);
	assert_int_equal(round_of(client, ref_a, "b", "a"), -EDEADLK);
	assert_int_equal(round_of(client, ref_a, "b", "c a"), -EDEADLK);
	assert_int_equal(round_of(client, ref_a, "b", "c b"), -EDEADLK);
	/* closed within the group, by way of another */
	assert_int_equal(round_of(client, ref_a, "b", "a2 a"), -EDEADLK);
	assert_int_equal(round_of(client, ref_a, "a2", "b a"), -EDEADLK);
	assert_int_equal(round_of(client, ref_a, "a2", "b a2"), -EDEADLK);
	assert_int_equal(round_of(client, ref_a, "b", "a2 c"), 0);

	/* who was answered before waits no longer */
	assert_int_equal(round_of(client, ref_a, "b", "!a"), 0);
	/* queued behind it */
	assert_int_equal(actor_client_call(client, actor_to(ref_b), "last_round", LONG_MS, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "i", &r), 0);
	assert_int_equal(r, 0);
	actor_msg_free(reply);

	/* nor does anybody wait for who was answered, though his own caller waits still */
	assert_int_equal(round_of(client, find(client, "c"), "a", "b !c"), 0);
	assert_int_equal(actor_client_call(client, actor_to(ref_b), "last_round", LONG_MS, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "i", &r), 0);
	assert_int_equal(r, 0);
	actor_msg_free(reply);

	/* and they go on as if nothing had been */
	expect_echo(client, ref_a, "a");
	expect_echo(client, ref_b, "b");
	actor_client_free(client);
	kill(a, SIGKILL);
	kill(b, SIGKILL);
	kill(c, SIGKILL);
	reap(a);
	reap(b);
	reap(c);
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

			/* queued behind it */
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
	reap(a);
	reap(b);
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
		assert_true(actor_ref_equal(to, again)); /* the same group, the same id */
		expect_echo(client, again, "after");
		actor_client_free(client);
	}
	assert_int_equal(actor_client_whereis(old, "echo", &again), 0);
	kill(server, SIGTERM);
	reap(server);
	actor_client_free(old);
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
		reap(killer);
		reap(server);
		actor_client_free(client);
	}
}

static int64_t ask_number(actor_client *client, actor_ref to, const char *method)
{
	actor_msg *reply;
	int64_t n;

	assert_int_equal(actor_client_call(client, actor_to(to), method, LONG_MS, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "I", &n), 0);
	actor_msg_free(reply);
	return n;
}

static void expect_number(actor_client *client, actor_ref to, const char *method, int64_t number)
{
	for (int tries = 0; ask_number(client, to, method) != number; tries++) {
		assert_true(tries < LONG_MS);
		usleep(1000);
	}
}

/* How many messages a flooder has got rid of, once it gets rid of no more: at least `least`. */
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

/* What the kernel keeps for a socket nobody reads. */
static int64_t socket_bytes(void)
{
	FILE *f = fopen("/proc/sys/net/core/wmem_default", "re");
	int64_t n = 0;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld", &n), 1);
	fclose(f);
	return n;
}

/*
 * What is under way when a receiver says `pause` comes all the same, from every sender: it has to be little.
 */
static void test_little_is_sent_to_a_group_that_does_not_read(void **state)
{
	pid_t a = server_start("a"), b = server_start("b");
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);
	actor_ref ref_a = find(client, "a"), ref_b = find(client, "b");
	int64_t n;

	assert_int_equal(actor_client_cast(client, actor_to(ref_a), "flood", "rii", ref_b, 0, 1), 0);
	expect_number(client, ref_b, "ticks", 1); /* they are linked */
	kill(b, SIGSTOP);
	assert_int_equal(actor_client_cast(client, actor_to(ref_a), "flood", "rii", ref_b, 1, 4000), 0);
	n = flooded_settles(client, ref_a, 2);
	kill(b, SIGCONT);
	assert_in_range(n * 1000, 1, socket_bytes() + (512 << 10));
	expect_number(client, ref_b, "ticks", 4001);
	actor_client_free(client);
	kill(a, SIGKILL);
	kill(b, SIGKILL);
	reap(a);
	reap(b);
}

/* Each of its senders is told to pause, once, and to resume; nothing is lost and nothing overtaken. */
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
		reap(senders[i]);
	}
	kill(b, SIGKILL);
	reap(b);
}

static bool has_doors(void)
{
	return !strcmp(transport_name(), "native");
}

/* ---- by the broker to who takes nothing ---- */

#define ROUTED_N 20000 /* kilobytes: more than any buffer on the way has place for */

/* Casts what is accepted until the target takes nothing, then lets it go on, and casts the rest. */
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
	assert_true(n_refused > 0); /* so its sender was told */
}

/* What returned 0 comes, to the last one; the numbers are looked at by who gets them. */
static void test_casts_by_the_broker_to_a_stopped_group_are_refused_or_come(void **state)
{
	for (int by_name = 0; by_name < 2; by_name++) {
		actor_client *client = client_new(ACTOR_JOIN_BROKER);
		pid_t server = server_start("a");
		actor_ref ref = find(client, "a");

		kill(server, SIGSTOP);
		cast_until_refused_and_the_rest(
			client, by_name ? actor_named("a") : actor_to(ref), server, SIGCONT);
		expect_number(client, ref, "ticks", ROUTED_N);
		actor_client_free(client);
		end_server(server);
	}
}

static void test_casts_to_a_group_that_stands_still_at_a_recovery_come(void **state)
{
	actor_client *client;
	pid_t server;
	actor_ref ref;

	if (!has_doors())
		return; /* by which a new broker finds it, where no supervisor tells of it */
	server = server_start("a");
	client = client_new(ACTOR_JOIN_BROKER);
	ref = find(client, "a");
	actor_client_free(client);
	kill(server, SIGSTOP);
	broker_kill();
	broker_start();
	client = client_new(ACTOR_JOIN_BROKER);
	cast_until_refused_and_the_rest(client, actor_to(ref), server, SIGCONT);
	expect_number(client, ref, "ticks", ROUTED_N);
	actor_client_free(client);
	end_server(server);
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
		end_server(server);
	}
}

/* ---- first contact with who is busy ---- */

#define BUSY_MS        2700 /* longer than any time-out that was once taken for a death */
#define BROKER_BUSY_MS 5500

/* Goes on after a while. A stopped process is to others what one is whose handler computes. */
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
	kill(server, SIGSTOP);
	helper = continue_after(server, BUSY_MS);
	assert_int_equal(actor_client_monitor(stranger, to, &monitor), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(actor_client_cast(stranger, actor_to(to), "tick", ""), 0);
	assert_int_equal(ask_number(stranger, to, "ticks"), 1000);
	assert_int_equal(actor_client_receive(stranger, 0, NULL, NULL, NULL, NULL), -ETIMEDOUT); /* no DOWN */
	reap(helper);
	end_server(server);
	expect_down(stranger, monitor, "shutdown");
	actor_client_free(stranger);
	actor_client_free(finder);
}

static void test_casts_of_a_stranger_to_a_busy_group_arrive_in_order(void **state)
{
	pid_t a = server_start("a"), b = server_start("b"), helper;
	actor_client *client = client_new(ACTOR_JOIN_BROKER);
	actor_ref ref_a = find(client, "a"), ref_b = find(client, "b");

	kill(b, SIGSTOP);
	helper = continue_after(b, BUSY_MS);
	assert_int_equal(actor_client_cast(client, actor_to(ref_a), "flood", "rii", ref_b, 0, 4000), 0);
	expect_number(client, ref_a, "flooded", 4000);
	expect_number(client, ref_b, "ticks", 4000); /* and b is there: a gap would have ended it */
	reap(helper);
	actor_client_free(client);
	end_server(a);
	end_server(b);
}

static void test_a_second_try_finds_a_busy_group_alive(void **state)
{
	actor_client *finder = client_new(ACTOR_JOIN_BROKER), *stranger;
	pid_t server = server_start("busy"), helper;
	actor_ref to = find(finder, "busy");

	stranger = client_new(ACTOR_JOIN_DIRECT);
	kill(server, SIGSTOP);
	for (int i = 0; i < 5; i++)
		assert_int_equal(
			actor_client_call(stranger, actor_to(to), "echo", 450, NULL, "s", "impatient"),
			-ETIMEDOUT);
	helper = continue_after(server, 100);
	expect_echo(stranger, to, "patient");
	reap(helper);
	expect_echo(finder, to, "alive");
	actor_client_free(stranger);
	actor_client_free(finder);
	end_server(server);
}

static void test_casts_to_a_hung_stranger_are_refused_beyond_the_bounds(void **state)
{
	pid_t a = server_start("a"), b = server_start("b");
	actor_client *client = client_new(ACTOR_JOIN_BROKER);
	actor_ref ref_a = find(client, "a"), ref_b = find(client, "b");
	int64_t n;

	kill(b, SIGSTOP);
	assert_int_equal(actor_client_cast(client, actor_to(ref_a), "flood", "rii", ref_b, 0, 100000), 0);
	n = flooded_settles(client, ref_a, 1);
	assert_in_range(n * 1000, 1, socket_bytes() + (1 << 20));
	assert_int_equal(
		actor_client_cast(client, actor_to(ref_a), "watch_flooder", "r", actor_client_self(client)),
		0);
	expect_flooder_failed(client);
	assert_int_equal(ask_number(client, ref_a, "flooded"), n);
	kill(b, SIGCONT);
	expect_number(client, ref_b, "ticks", n); /* all that was taken, no more */
	actor_client_free(client);
	end_server(b);
	end_server(a);
}

static void test_casts_of_a_first_contact_survive_a_stopped_broker(void **state)
{
	actor_client *finder = client_new(ACTOR_JOIN_DIRECT), *stranger = client_new(ACTOR_JOIN_DIRECT);
	pid_t server = server_start("echo"), helper;
	actor_ref to = find(finder, "echo");

	expect_echo(finder, to, "hello");
	kill(broker_pid, SIGSTOP);
	helper = continue_after(broker_pid, BROKER_BUSY_MS);
	for (int i = 0; i < 100; i++)
		assert_int_equal(actor_client_cast(stranger, actor_to(to), "tick", ""), 0);
	assert_int_equal(ask_number(stranger, to, "ticks"), 100);
	reap(helper);
	actor_client_free(stranger);
	actor_client_free(finder);
	end_server(server);
}

static void test_a_first_contact_survives_the_death_of_the_broker(void **state)
{
	actor_client *finder = client_new(ACTOR_JOIN_DIRECT), *stranger = client_new(ACTOR_JOIN_DIRECT);
	pid_t server = server_start("echo"), helper;
	actor_ref to = find(finder, "echo");

	expect_echo(finder, to, "hello");
	for (int i = 0; i < 100; i++)
		assert_int_equal(actor_client_cast(finder, actor_to(to), "tick", ""), 0);
	kill(server, SIGSTOP);
	for (int i = 0; i < 100; i++)
		assert_int_equal(actor_client_cast(stranger, actor_to(to), "tick", ""), 0);
	/* its loop runs: it is being introduced */
	assert_int_equal(actor_client_receive(stranger, 100, NULL, NULL, NULL, NULL), -ETIMEDOUT);
	broker_kill();
	broker_start();
	helper = continue_after(server, 0);
	expect_number(stranger, to, "ticks", 200);
	reap(helper);
	actor_client_free(stranger);
	actor_client_free(finder);
	end_server(server);
}

static void test_the_death_of_a_busy_group_is_told_to_a_stranger(void **state)
{
	actor_client *finder = client_new(ACTOR_JOIN_DIRECT), *stranger = client_new(ACTOR_JOIN_DIRECT);
	pid_t server = server_start("echo");
	actor_ref to = find(finder, "echo");
	uint64_t monitor;

	kill(server, SIGSTOP);
	assert_int_equal(actor_client_monitor(stranger, to, &monitor), 0);
	assert_int_equal(actor_client_call(stranger, actor_to(to), "echo", 100, NULL, "s", "x"), -ETIMEDOUT);
	kill(server, SIGKILL);
	reap(server);
	expect_down(stranger, monitor, "noconnection");
	assert_int_equal(actor_client_call(stranger, actor_to(to), "echo", LONG_MS, NULL, "s", "x"), -ESRCH);
	actor_client_free(stranger);
	actor_client_free(finder);
}

/* ---- doors ---- */

static void door_path(actor_ref ref, char path[200])
{
	snprintf(path, 200, "%s/g/%llu/door.ipc", dir, (unsigned long long)ref.group);
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

/* Dials the door, says to be group @id, and more that is meant to be read. */
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
	kill(b, SIGSTOP);
	assert_int_equal(actor_client_cast(client, actor_to(ref_a), "flood", "rii", ref_b, 0, 100), 0);
	expect_number(client, ref_a, "flooded", 100);
	assert_int_equal(actor_client_call(client, actor_to(ref_a), "flush", LONG_MS, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "i", &r), 0);
	actor_msg_free(reply);
	assert_int_equal(r, 0); /* though b has not turned to it */
	kill(a, SIGKILL);
	reap(a);
	while (actor_client_call(client, actor_to(ref_a), "ticks", LONG_MS, NULL, "") != -ESRCH)
		; /* and b was told of that death */
	kill(b, SIGCONT);
	expect_number(client, ref_b, "ticks", 100);
	a = server_start("a");
	(void)find(client, "a");
out:
	actor_client_free(client);
	end_server(a);
	end_server(b);
}

static void test_a_broker_that_knows_nothing_of_who_came_is_asked(void **state)
{
	actor_client *finder = client_new(ACTOR_JOIN_DIRECT), *stranger = client_new(ACTOR_JOIN_DIRECT);
	pid_t server = server_start("echo");
	actor_ref to = find(finder, "echo");
	uint64_t monitor;

	kill(server, SIGSTOP);
	assert_int_equal(actor_client_monitor(stranger, to, &monitor), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(actor_client_cast(stranger, actor_to(to), "tick", ""), 0);
	if (has_doors())
		assert_int_equal(actor_client_flush(stranger, LONG_MS), 0); /* it lies in the door */
	broker_kill();
	broker_start();
	kill(server, SIGCONT);
	expect_number(stranger, to, "ticks", 100);
	assert_int_equal(actor_client_receive(stranger, 0, NULL, NULL, NULL, NULL), -ETIMEDOUT);
	/* the new broker counts the link: it tells of the end, with the reason */
	end_server(server);
	expect_down(stranger, monitor, "shutdown");
	actor_client_free(stranger);
	actor_client_free(finder);
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
	end_server(server);
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
		/* with an introduction of the real one under way as well */
		kill(b, SIGSTOP);
		assert_int_equal(actor_client_cast(client, actor_to(ref_a), "flood", "rii", ref_b, 0, 10), 0);
		expect_number(client, ref_a, "flooded", 10);
		fd = dial_as(path, ref_a.group);
		kill(b, SIGCONT);
		expect_closed(fd);
		expect_number(client, ref_b, "ticks", 10);
	}
	actor_client_free(client);
	end_server(a);
	end_server(b);
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
	end_server(server);
}

static void test_what_a_group_made_in_the_runtime_directory_goes_with_it(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_DIRECT), *broker = client_new(ACTOR_JOIN_BROKER);
	pid_t server = server_start("echo");
	actor_ref refs[2] = {find(client, "echo"), actor_client_self(client)};
	char path[200];

	expect_echo(client, refs[0], "x");
	kill(server, SIGKILL);
	reap(server);
	actor_client_free(client);
	for (int i = 0; i < 2; i++) {
		door_path(refs[i], path);
		*strrchr(path, '/') = 0;
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
		kill(server, SIGKILL);
		reap(server);
		actor_client_free(client);
		if (round == 0) {
			/* nng's own are there from its first use on */
			actor_client_free(client_new(ACTOR_JOIN_DIRECT));
			before = idle_fds();
		}
	}
	assert_int_equal(idle_fds(), before);
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
		cmocka_unit_test_setup_teardown(
			test_call_between_groups_goes_over_a_direct_link, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_single_link_client_is_routed_by_the_broker, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_call_to_a_dead_or_unknown_group_fails_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_down_arrives_after_the_last_message_of_a_killed_group, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_actor_that_stops_gives_its_reason_and_its_name_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_client_waits_until_somebody_has_a_name, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_monitor_through_the_broker_hears_of_a_killed_group, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_monitor_of_a_group_with_one_link_ends_with_the_broker, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_client_with_one_link_goes_on_after_the_broker_was_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_whole_group_is_watched_over_its_link, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_whole_group_is_watched_through_the_broker, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_who_heard_of_a_death_does_not_find_the_dead_by_name, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_taken_name_is_refused_and_free_after_its_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_actor_gives_one_of_its_names_back_and_no_other, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_groups_call_each_other_both_ways_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_failed_init_has_given_its_names_back_when_its_spawner_hears_of_it, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			test_call_in_a_circle_over_processes_is_edeadlk, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_two_that_call_each_other_at_once_do_not_wait_for_ever, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_names_resolve_again_after_the_broker_was_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_call_to_a_group_that_dies_meanwhile_ends_with_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_little_is_sent_to_a_group_that_does_not_read, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_an_actor_that_is_busy_holds_back_all_who_send_to_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_casts_by_the_broker_to_a_stopped_group_are_refused_or_come, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_casts_to_a_group_that_stands_still_at_a_recovery_come, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_casts_by_the_broker_to_a_busy_actor_are_refused_or_come, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_stranger_waits_for_a_busy_group, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_casts_of_a_stranger_to_a_busy_group_arrive_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_second_try_finds_a_busy_group_alive, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_casts_to_a_hung_stranger_are_refused_beyond_the_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_casts_of_a_first_contact_survive_a_stopped_broker, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_first_contact_survives_the_death_of_the_broker, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_the_death_of_a_busy_group_is_told_to_a_stranger, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_what_was_sent_to_a_busy_group_survives_its_sender, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_broker_that_knows_nothing_of_who_came_is_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_door_that_was_removed_is_made_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nobody_comes_in_as_somebody_else, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_silent_connections_do_not_shut_the_door, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_what_a_group_made_in_the_runtime_directory_goes_with_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_descriptor_is_left_behind, setup, teardown),
		cmocka_unit_test(test_no_node_is_enotconn),
	};

	self_program = argv[0];
	signal(SIGUSR1, release);
	if (argc == 3 && !strcmp(argv[1], "server"))
		return actor_main(&server_behavior, NULL, argv[2]);
	return run_facts(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole spawner as its callers see it: the real keeper, the real supervisor, real programs; the client
 * speaks over spawner.ipc. What a test waits for it waits for as an answer or an event; a timeout only turns
 * a hang into a failure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "actor/actor.h"
#include "libactor/protocol/mp.h"
#include "spawner/shared/marks.h"
#include "spawner/shared/proc.h"
#include "tests/fact.h"

#define PATIENCE_MS 30000

static struct {
	char root[64], dir[80], logs[80];
	pid_t keeper;
	int ready_fd;
	actor_client *client;
	uint64_t node_id;
	bool with_broker;
} node;

/* ---- fixture ---- */

static void nap(int ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L};

	nanosleep(&ts, NULL);
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int connect_client(void)
{
	struct actor_group_options options = {
		.name = "test",
		.runtime_dir = node.dir,
		.mode = ACTOR_JOIN_SPAWNER,
		.connect_timeout_ms = PATIENCE_MS,
	};

	return actor_client_new(&node.client, &options);
}

static actor_msg *call_error(const char *method, int expect, const char *format, ...);

static void node_start(void)
{
	const char *broker = getenv("ACTOR_BROKER");
	const char *argv[] = {getenv("ACTOR_SPAWNER"), "--runtime-dir", node.dir, "--log-dir", node.logs,
		"--supervisor", getenv("ACTOR_SUPERVISOR"), "--ready-fd", "99", broker ? "--broker" : NULL,
		broker, NULL};
	struct pollfd poll_fd;
	int ready[2];
	char byte;

	node.with_broker = broker != NULL;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	node.keeper = fork();
	if (!node.keeper) {
		int log = open("/dev/null", O_WRONLY);
		char path[128];

		snprintf(path, sizeof(path), "%s/daemons.log", node.root);
		log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ready[1], 99);
		dup2(log, 2);
		execv(argv[0], (char **)argv);
		_exit(99);
	}
	close(ready[1]);
	poll_fd = (struct pollfd){.fd = ready[0], .events = POLLIN};
	assert_int_equal(poll(&poll_fd, 1, PATIENCE_MS), 1);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	assert_int_equal(connect_client(), 0);
}

static int setup(void **arg)
{
	memset(&node, 0, sizeof(node));
	strcpy(node.root, "/tmp/test-spawner-XXXXXX");
	if (!mkdtemp(node.root))
		return -1;
	snprintf(node.dir, sizeof(node.dir), "%s/run", node.root);
	snprintf(node.logs, sizeof(node.logs), "%s/logs", node.root);
	node_start();
	return 0;
}

static void remove_tree(const char *path)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", path);
	if (system(command))
		fprintf(stderr, "%s stays\n", path);
}

static bool alive(pid_t pid)
{
	char path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(file);
	return state && state != 'Z' && state != 'X';
}

static int teardown(void **arg)
{
	node.client = actor_client_free(node.client);
	if (node.keeper > 0) {
		kill(node.keeper, SIGTERM);
		kill(node.keeper, SIGTERM); /* at once */
		waitpid(node.keeper, NULL, 0);
	}
	if (getenv("TEST_SPAWNER_KEEP"))
		return 0;
	remove_tree(node.root);
	return 0;
}

/* ---- asking ---- */

static actor_msg *call_error(const char *method, int expect, const char *format, ...)
{
	actor_msg *args, *reply = NULL;
	va_list ap;
	int r;

	assert_int_equal(actor_msg_new(&args), 0);
	va_start(ap, format);
	assert_int_equal(actor_msg_vpack(args, format, ap), 0);
	va_end(ap);
	r = actor_client_call_msg(node.client, actor_named("$spawner"), method, PATIENCE_MS, &args, &reply);
	actor_msg_free(args);
	if (r != expect)
		fail_msg("%s: %d (%s %s) instead of %d", method, r,
			reply && actor_msg_error(reply) ? actor_msg_error(reply) : "",
			reply && actor_msg_error(reply) ? actor_msg_error_text(reply) : "", expect);
	return reply;
}

#define call(method, ...) call_error(method, 0, __VA_ARGS__)

static void call_refused(const char *method, const char *error, const char *format, ...)
{
	actor_msg *args, *reply = NULL;
	va_list ap;

	assert_int_equal(actor_msg_new(&args), 0);
	va_start(ap, format);
	assert_int_equal(actor_msg_vpack(args, format, ap), 0);
	va_end(ap);
	assert_int_equal(actor_client_call_msg(
				 node.client, actor_named("$spawner"), method, PATIENCE_MS, &args, &reply),
		-EREMOTEIO);
	actor_msg_free(args);
	assert_string_equal(actor_msg_error(reply), error);
	actor_msg_free(reply);
}

/* The value at a path of keys ("last_exit.code") of a map, as text. */
static const char *look(struct mp_reader r, const char *path)
{
	static char text[4][512];
	static unsigned turn;
	char *out = text[turn++ % 4];
	const char *dot = strchr(path, '.');
	size_t key_len = dot ? (size_t)(dot - path) : strlen(path);
	uint32_t n;

	if (mp_peek(&r) == MP_NIL)
		return "nil";
	assert_int_equal(mp_read_map(&r, &n), 0);
	while (n--) {
		const char *k, *s;
		size_t len;
		uint64_t u;
		bool b;

		assert_int_equal(mp_read_str(&r, &k, &len), 0);
		if (len != key_len || memcmp(k, path, len)) {
			assert_int_equal(mp_skip(&r), 0);
			continue;
		}
		if (dot)
			return look(r, dot + 1);
		if (mp_read_str(&r, &s, &len) == 0)
			snprintf(out, 512, "%.*s", (int)len, s);
		else if (mp_read_uint(&r, &u) == 0)
			snprintf(out, 512, "%llu", (unsigned long long)u);
		else if (mp_read_bool(&r, &b) == 0)
			snprintf(out, 512, "%s", b ? "true" : "false");
		else
			snprintf(out, 512, mp_peek(&r) == MP_NIL ? "nil" : "?");
		return out;
	}
	return "none";
}

static struct mp_reader body_of(const actor_msg *msg)
{
	size_t size;
	const void *body = actor_msg_body(msg, &size);

	return mp_reader(body, size);
}

static const char *reply_field(actor_msg *take_reply, const char *path)
{
	const char *text = look(body_of(take_reply), path);

	actor_msg_free(take_reply);
	return text;
}

static const char *field(const char *name, const char *path)
{
	actor_msg *reply = call("ls", "[s]", name);
	struct mp_reader r = body_of(reply);
	const char *text = "gone";
	uint32_t n;

	assert_int_equal(mp_read_array(&r, &n), 0);
	if (n)
		text = look(r, path);
	actor_msg_free(reply);
	return text;
}

static uint32_t count(void)
{
	actor_msg *reply = call("ls", "[]");
	struct mp_reader r = body_of(reply);
	uint32_t n;

	assert_int_equal(mp_read_array(&r, &n), 0);
	actor_msg_free(reply);
	return n;
}

/* Until it says so: what has no event to wait for. */
static void await_field(const char *name, const char *path, const char *value)
{
	uint64_t until_ms = now_ms() + PATIENCE_MS;

	while (strcmp(field(name, path), value)) {
		if (now_ms() > until_ms)
			fail_msg("%s of %s is %s and not %s", path, name, field(name, path), value);
		nap(2);
	}
}

static void write_program(char path[128], const char *name, const char *text)
{
	int fd;

	snprintf(path, 128, "%s/%s", node.root, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static pid_t pid_of(const char *name)
{
	return (pid_t)atoi(field(name, "pid"));
}

static const char *status(const char *path)
{
	return reply_field(call("status", "[]"), path);
}

static void await_dead(pid_t pid)
{
	uint64_t until_ms = now_ms() + PATIENCE_MS;

	while (alive(pid)) {
		assert_true(now_ms() < until_ms);
		nap(2);
	}
}

/* A new one of it: not this pid. */
static pid_t await_other(const char *path, pid_t old)
{
	uint64_t until_ms = now_ms() + PATIENCE_MS;

	for (;;) {
		pid_t pid = (pid_t)atoi(status(path));

		if (pid > 0 && pid != old)
			return pid;
		assert_true(now_ms() < until_ms);
		nap(2);
	}
}

static void reconnect(void)
{
	uint64_t until_ms = now_ms() + PATIENCE_MS;
	int r;

	node.client = actor_client_free(node.client);
	while ((r = connect_client()) == -ENOTCONN && now_ms() < until_ms)
		nap(2); /* the next one is about to listen */
	assert_int_equal(r, 0);
}

static void shell(const char *name, const char *restart, const char *script, const char *wait)
{
	actor_msg_free(call("spawn", "[{s:s,s:s,s:[sss]}si]", "name", name, "restart", restart, "argv",
		"/bin/sh", "-c", script, wait, 10000));
}

static const char *log_of(const char *name)
{
	static char text[8192];
	const char *path = reply_field(call("logs", "[s]", name), "path");
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = 0;
	if (fd >= 0)
		close(fd);
	return text;
}

/* How many processes carry this node's marker; zombies do not. */
static struct {
	uint64_t node_id;
	int n;
} marked;

static bool count_marked(pid_t pid, void *data)
{
	struct sweep_marker marker;

	if (sweep_marker_read(pid, &marker) == 1 && marker.node_id == marked.node_id && alive(pid))
		marked.n++;
	return true;
}

static int n_marked(uint64_t node_id)
{
	marked.node_id = node_id;
	marked.n = 0;
	proc_each_process(count_marked, NULL);
	return marked.n;
}

static int n_fds(pid_t pid)
{
	char path[64];
	DIR *dir;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

static int n_zombies(pid_t parent)
{
	struct dirent *entry;
	DIR *dir = opendir("/proc");
	int n = 0;

	while ((entry = readdir(dir))) {
		char path[300], state;
		int ppid;
		FILE *file;

		if (atoi(entry->d_name) <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (fscanf(file, "%*d (%*[^)]) %c %d", &state, &ppid) == 2 && ppid == parent && state == 'Z')
			n++;
		fclose(file);
	}
	closedir(dir);
	return n;
}

/* ---- tests ---- */

static void test_a_spawned_program_is_listed_with_its_pid(void **arg)
{
	pid_t pid;

	shell("a", "permanent", "exec sleep 1000", "up");
	assert_string_equal(field("a", "state"), "up");
	assert_string_equal(field("a", "restarts"), "0");
	assert_string_equal(field("a", "last_exit"), "nil");
	pid = pid_of("a");
	assert_true(alive(pid));
	assert_int_equal(count(), 1);
	actor_msg_free(call("stop", "[sb]", "a", 1));
	assert_false(alive(pid));
	assert_string_equal(field("a", "state"), "down");
	assert_string_equal(field("a", "pid"), "nil");
	assert_string_equal(field("a", "last_exit.signal"), "SIGTERM");
	actor_msg_free(call("start", "[sb]", "a", 1));
	assert_true(alive(pid_of("a")));
	actor_msg_free(call("rm", "[sb]", "a", 1));
	assert_int_equal(count(), 0);
}

static void test_a_taken_name_and_other_mistakes_are_refused(void **arg)
{
	shell("a", "permanent", "exec sleep 1000", "up");
	call_refused("spawn", "in_use", "[{s:s,s:[s]}si]", "name", "a", "argv", "true", "up", 1000);
	call_refused("spawn", "bad_args", "[{s:s}si]", "name", "b", "up", 1000);
	call_refused("spawn", "bad_args", "[i]", 1);
	call_refused("spawn", "bad_args", "[]");
	call_refused("spawn", "bad_args", "[{s:[s]}s]", "argv", "true", "someday");
	call_refused("stop", "no_name", "[sb]", "x", 1);
	call_refused("kill", "bad_args", "[s]", "a");
	call_refused("kill", "bad_args", "[sii]", "a", 15, 1);
	call_refused("stop", "bad_args", "[sbb]", "a", 1, 1);
	call_refused("down", "bad_args", "[i]", 1);
	call_refused("rm", "running", "[sb]", "a", 0);
	call_refused("wait", "no_name", "[ssi]", "x", "up", 10);
	call_refused("nonsense", "no_method", "[]");
	assert_int_equal(count(), 1);
}

static void test_the_child_gets_what_its_spec_says(void **arg)
{
	actor_msg_free(call("spawn", "[{s:s,s:s,s:s,s:{s:s,s:s},s:[ssss]}si]", "name", "a", "restart",
		"temporary", "cwd", "/tmp", "env", "X", "1 2", "LANG", "xx", "argv", "sh", "-c",
		"pwd; echo \"$1|$X|$LANG|$ACTOR_RUNTIME_DIR|${ACTOR_TOKEN:+token}|$0\"; echo err >&2; ls /proc/self/fd | wc -l",
		"zero", "exit", 10000));
	assert_string_equal(field("a", "last_exit.code"), "0");
	assert_non_null(strstr(log_of("a"), "/tmp\n"));
	assert_non_null(strstr(log_of("a"), "|1 2|xx|"));
	assert_non_null(strstr(log_of("a"), "|token|zero\n"));
	assert_non_null(strstr(log_of("a"), "err\n"));
	assert_non_null(strstr(log_of("a"), "\n4\n")); /* 0, 1, 2 and ls's own */
}

static void test_exit_codes_and_last_words_are_kept(void **arg)
{
	actor_msg *reply = call("spawn", "[{s:s,s:s,s:[sss]}si]", "name", "a", "restart", "temporary", "argv",
		"sh", "-c", "echo first >&2; echo cannot go on >&2; exit 7", "exit", 10000);

	assert_string_equal(look(body_of(reply), "last_exit.kind"), "exit");
	assert_string_equal(look(body_of(reply), "last_exit.code"), "7");
	assert_string_equal(look(body_of(reply), "last_exit.text"), "first | cannot go on");
	assert_string_equal(look(body_of(reply), "state"), "down");
	actor_msg_free(reply);
	shell("b", "temporary", "kill -SEGV $$", "exit");
	assert_string_equal(field("b", "last_exit.kind"), "signal");
	assert_string_equal(field("b", "last_exit.signal"), "SIGSEGV");
	shell("a", "temporary", "exit 3", "exit"); /* its name was free */
	assert_string_equal(field("a", "last_exit.code"), "3");
	assert_int_equal(count(), 2);
}

static void test_kill_9_brings_it_back_at_once(void **arg)
{
	pid_t pid;

	shell("a", "permanent", "sleep 1000 & exec sleep 1000", "up");
	pid = pid_of("a");
	actor_msg_free(call("kill", "[si]", "a", SIGKILL));
	await_field("a", "restarts", "1");
	await_field("a", "state", "up");
	assert_int_not_equal(pid_of("a"), pid);
	assert_string_equal(field("a", "last_exit.signal"), "SIGKILL");
	kill(pid_of("a"), SIGKILL);
	await_field("a", "state", "backoff");
	await_field("a", "restarts", "2");
}

static void test_restart_is_a_new_process(void **arg)
{
	pid_t pid;

	shell("a", "permanent", "exec sleep 1000", "up");
	pid = pid_of("a");
	actor_msg_free(call("restart", "[sb]", "a", 1));
	assert_string_equal(field("a", "state"), "up");
	assert_int_not_equal(pid_of("a"), pid);
	assert_string_equal(field("a", "restarts"), "0");
}

static void test_one_that_ignores_term_is_killed_with_its_tree(void **arg)
{
	pid_t grandchild;
	char word[32];

	actor_msg_free(call("spawn", "[{s:s,s:I,s:[sss]}si]", "name", "a", "stop_timeout_ms", INT64_C(200),
		"argv", "sh", "-c",
		"trap '' TERM; setsid sh -c 'trap \"\" TERM; echo pid $$; while :; do sleep 1000; done' & while :; do sleep 1000; done",
		"up", 10000));
	while (!strstr(log_of("a"), "pid "))
		nap(2);
	assert_int_equal(sscanf(log_of("a"), "%31s %d", word, &grandchild), 2);
	assert_true(alive(grandchild));
	actor_msg_free(call("stop", "[sb]", "a", 1));
	assert_string_equal(field("a", "last_exit.signal"), "SIGKILL");
	assert_false(alive(grandchild));
}

static void exec_refused(const char *path, const char *expect)
{
	actor_msg *reply = call_error("spawn", -EREMOTEIO, "[{s:s,s:s,s:[s]}si]", "name", "bad", "restart",
		"temporary", "argv", path, "up", 10000);

	assert_string_equal(actor_msg_error(reply), "exec");
	if (!strstr(actor_msg_error_text(reply), expect))
		fail_msg("'%s' does not say '%s'", actor_msg_error_text(reply), expect);
	actor_msg_free(reply);
}

static void test_an_interpreter_that_is_missing_is_named(void **arg)
{
	char path[128];

	write_program(path, "a.sh", "#!/bin/bash42 -e\necho x\n");
	exec_refused(path, "No such file or directory: /bin/bash42, the interpreter of ");
	write_program(path, "crlf.sh", "#!/bin/sh\r\necho x\r\n");
	exec_refused(path, "/bin/sh\\r (it ends in a carriage return), the interpreter of ");
	write_program(path, "none.sh", "echo x\n");
	exec_refused(path, "has no first line with #!");
	exec_refused("/tmp/is/not/there", "No such file or directory: /tmp/is/not/there");
}

static void test_one_that_goes_into_the_background_is_said_to(void **arg)
{
	shell("apart", "temporary", "setsid sleep 1000 & exit 0", "exit");
	assert_non_null(strstr(field("apart", "last_exit.text"), "run it in the foreground"));
	assert_string_equal(field("apart", "outcome"), "done");
	shell("same", "temporary", "sleep 1000 & exit 0", "exit");
	assert_non_null(strstr(field("same", "last_exit.text"), "run it in the foreground"));
	shell("waits", "temporary", "sleep 0.01 & wait; exit 0", "exit");
	assert_string_equal(field("waits", "last_exit.text"), "");
	shell("finished", "temporary", "true & sleep 0.1; exit 0", "exit");
	assert_string_equal(field("finished", "last_exit.text"), "");
}

static void test_an_end_before_it_was_ready_is_told_at_once(void **arg)
{
	actor_msg *reply;

	if (!node.with_broker)
		skip();
	reply = call_error("spawn", -EREMOTEIO, "[{s:s,s:s,s:[sss]}si]", "name", "never", "ready", "actor",
		"argv", "/bin/sh", "-c", "echo cannot >&2; exit 127", "ready", 20000);
	assert_string_equal(actor_msg_error(reply), "ended");
	assert_string_equal(actor_msg_error_text(reply),
		"never ended before it was ready: exit 127: cannot; it is started again");
	actor_msg_free(reply);
}

static void test_an_exec_failure_names_path_and_errno_and_is_retried(void **arg)
{
	actor_msg *reply = call_error(
		"spawn", -EREMOTEIO, "[{s:s,s:[s]}si]", "name", "a", "argv", "/no/such/program", "up", 10000);

	assert_string_equal(actor_msg_error(reply), "exec");
	assert_non_null(strstr(actor_msg_error_text(reply), "/no/such/program"));
	assert_non_null(strstr(actor_msg_error_text(reply), "No such file"));
	actor_msg_free(reply);
	await_field("a", "restarts", "3");
	assert_string_equal(field("a", "last_exit.kind"), "exec");
	assert_string_equal(field("a", "last_exit.code"), "2");
	reply = call_error("spawn", -EREMOTEIO, "[{s:s,s:s,s:[s]}si]", "name", "b", "restart", "temporary",
		"argv", "/etc/passwd", "exit", 10000);
	assert_non_null(strstr(actor_msg_error_text(reply), "Permission denied"));
	actor_msg_free(reply);
	assert_string_equal(field("b", "state"), "down");
	reply = call_error("spawn", -EREMOTEIO, "[{s:s,s:s,s:[s]}si]", "name", "c", "cwd", "/no/such/dir",
		"argv", "true", "up", 10000);
	assert_non_null(strstr(actor_msg_error_text(reply), "/no/such/dir"));
	actor_msg_free(reply);
}

/* An actor that runs a process of its own and hears of its end. */
static struct {
	struct actor_process process;
	struct actor_cause cause;
	uint64_t monitor;
	int n_downs, started;
	pid_t supervisor;
} watched;

static int watcher_start(actor *self, const actor_msg *msg)
{
	static const char *const argv[] = {"sleep", "1000", NULL};
	struct actor_process_spec spec = {
		.name = "mine", .argv = argv, .monitor = true, .restart = ACTOR_TEMPORARY};

	watched.started = actor_process_start(self, &spec, &watched.process);
	return actor_stop(self, actor_self(self), NULL);
}

static int watcher_watch(actor *self, const actor_msg *msg)
{
	static const char *const argv[] = {"sleep", "1000", NULL};
	struct actor_process_spec spec = {
		.name = "mine", .argv = argv, .monitor = true, .restart = ACTOR_TEMPORARY};
	uint64_t again;

	watched.started = actor_process_start(self, &spec, &watched.process);
	watched.monitor = watched.process.monitor;
	if (watched.started < 0 || actor_monitor(self, watched.process.group, &again) < 0)
		return -EINVAL;
	return actor_call(self, actor_named("$spawner"), "kill", PATIENCE_MS, NULL, "si", "mine", SIGABRT);
}

/* Every way a start or a stop can fail has its errno. */
static int watcher_fail(actor *self, const actor_msg *msg)
{
	static const char *const never[] = {"sleep", "1000", NULL}, *const short_lived[] = {"true", NULL},
				 *const missing[] = {"/no/such", NULL};
	struct actor_process_spec spec = {
		.name = "fails", .argv = missing, .restart = ACTOR_TEMPORARY, .monitor = true};
	struct actor_process process;

	assert_int_equal(actor_process_start(self, &spec, &process), -ENOEXEC);
	assert_non_null(strstr(process.error, "/no/such"));
	spec.argv = short_lived;
	spec.wait_ready = true;
	spec.timeout_ms = PATIENCE_MS;
	assert_int_equal(actor_process_start(self, &spec, &process), -ECONNRESET);
	assert_non_null(strstr(process.error, "ended before it was ready"));
	spec.argv = never;
	spec.timeout_ms = 50;
	assert_int_equal(actor_process_start(self, &spec, &process), -ETIMEDOUT);
	assert_string_equal(process.error, "it is not ready after 50 ms");
	spec.timeout_ms = PATIENCE_MS;
	assert_int_equal(actor_process_start(self, &spec, &process), -EEXIST);
	assert_int_equal(actor_process_stop(self, "fails", PATIENCE_MS), 0);
	assert_int_equal(actor_process_stop(self, "fails", PATIENCE_MS), -ESRCH);
	watched.started = 0;
	return actor_cast(self, actor_to(actor_self(self)), "failed", ""); /* behind any DOWN there is */
}

static int watcher_failed(actor *self, const actor_msg *msg)
{
	return actor_stop(self, actor_self(self), NULL);
}

/* Kills the supervisor; its work is wanted before there is another. */
static void watcher_take_supervisor_away(void)
{
	kill(watched.supervisor, SIGKILL);
	await_dead(watched.supervisor);
}

static int watcher_start_while_away(actor *self, const actor_msg *msg)
{
	static const char *const argv[] = {"sleep", "1000", NULL};
	struct actor_process_spec spec = {.name = "mine",
		.argv = argv,
		.monitor = true,
		.restart = ACTOR_TEMPORARY,
		.timeout_ms = PATIENCE_MS};

	watcher_take_supervisor_away();
	watched.started = actor_process_start(self, &spec, &watched.process);
	watched.supervisor = watched.started < 0 ? 0 : (pid_t)atoi((reconnect(), status("supervisor.pid")));
	if (watched.started < 0)
		return -EINVAL;
	watcher_take_supervisor_away();
	/* it lives: to be told that it is gone, or out of reach, would be false */
	if (actor_monitor(self, watched.process.group, &watched.monitor) < 0)
		return -EINVAL;
	kill((pid_t)watched.process.pid, SIGABRT);
	return 0;
}

static int watcher_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	if (monitor == watched.monitor)
		watched.cause = *cause;
	return ++watched.n_downs == 2 ? actor_stop(self, actor_self(self), NULL) : 0;
}

static int watcher_init(actor *self, const void *arg)
{
	return actor_cast(self, actor_to(actor_self(self)), arg, "");
}

static void watcher_run(const char *method)
{
	static const struct actor_method methods[] = {{.name = "start", .on_cast = watcher_start},
		{.name = "watch", .on_cast = watcher_watch}, {.name = "fail", .on_cast = watcher_fail},
		{.name = "failed", .on_cast = watcher_failed},
		{.name = "start_while_away", .on_cast = watcher_start_while_away}, {0}};
	static const struct actor_behavior behavior = {
		.name = "watcher", .methods = methods, .init = watcher_init, .on_down = watcher_down};
	bool away = !strcmp(method, "start_while_away");
	struct actor_group_options options = {
		.runtime_dir = node.dir, .mode = away ? ACTOR_JOIN_DIRECT : ACTOR_JOIN_SPAWNER};
	actor_group *group;
	actor_ref ref;

	memset(&watched, 0, sizeof(watched));
	watched.supervisor = (pid_t)atoi(status("supervisor.pid"));
	watched.started = -1;
	assert_int_equal(actor_group_new(&group, &options), 0);
	assert_int_equal(actor_group_spawn(group, &behavior, method, NULL, &ref), 0);
	assert_int_equal(actor_group_run(group), 0);
	actor_group_free(group);
}

static void test_each_monitor_goes_off_once_with_the_cause(void **arg)
{
	watcher_run("watch");
	assert_int_equal(watched.started, 0);
	assert_int_equal(watched.n_downs, 2);
	assert_string_equal(watched.cause.reason, "signal");
	assert_int_equal(watched.cause.code, SIGABRT);
}

static void test_a_failed_start_or_stop_says_which(void **arg)
{
	watcher_run("fail");
	assert_int_equal(watched.started, 0);
	assert_int_equal(watched.n_downs, 0); /* of a start that failed nobody monitors anything */
}

static void test_a_process_is_started_and_watched_although_the_supervisor_is_away(void **arg)
{
	watcher_run("start_while_away");
	assert_int_equal(watched.started, 0);
	assert_int_equal(watched.n_downs, 2);
	assert_string_equal(watched.cause.reason, "signal");
	assert_int_equal(watched.cause.code, SIGABRT);
}

static void test_an_owned_process_goes_with_its_owner(void **arg)
{
	watcher_run("start");
	assert_int_equal(watched.started, 0);
	await_field("mine", "state", "gone");
	assert_false(alive((pid_t)watched.process.pid));
}

/* ---- actor programs: this program, run with --owner ---- */

static int owner_init(actor *self, const void *arg)
{
	static const char *const argv[] = {"sleep", "1000", NULL};
	struct actor_process_spec spec = {.name = arg, .argv = argv};

	return actor_process_start(self, &spec, NULL);
}

static const struct actor_method owner_methods[] = {{0}};
static const struct actor_behavior owner_behavior = {
	.name = "owner", .methods = owner_methods, .init = owner_init};

/* This program, run with --watcher: says on stdout how what it runs has ended. */
static int end_watcher_init(actor *self, const void *arg)
{
	static const char *const argv[] = {"sleep", "1000", NULL};
	struct actor_process_spec spec = {
		.name = arg, .argv = argv, .monitor = true, .detached = true, .restart = ACTOR_TEMPORARY};

	return actor_process_start(self, &spec, NULL);
}

static int end_watcher_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	printf("down %s %d\n", cause->reason, cause->code);
	fflush(stdout);
	return 0;
}

static const struct actor_behavior end_watcher_behavior = {
	.name = "watcher", .methods = owner_methods, .init = end_watcher_init, .on_down = end_watcher_down};

static void test_a_monitor_goes_off_though_the_supervisor_died_meanwhile(void **arg)
{
	pid_t watched_pid, supervisor = (pid_t)atoi(status("supervisor.pid"));
	uint64_t until_ms = now_ms() + PATIENCE_MS;
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (!node.with_broker)
		skip();
	self[n] = 0;
	actor_msg_free(call("spawn", "[{s:s,s:s,s:s,s:[sss]}si]", "name", "watcher", "restart", "temporary",
		"ready", "actor", "argv", self, "--watcher", "watched", "ready", 10000));
	watched_pid = pid_of("watched");
	kill(supervisor, SIGSTOP);
	kill(watched_pid, SIGSEGV);
	await_dead(watched_pid);
	kill(supervisor, SIGKILL);
	reconnect();
	while (!strstr(log_of("watcher"), "down signal 11\n")) {
		if (now_ms() > until_ms)
			fail_msg("the watcher says: %s", log_of("watcher"));
		nap(5);
	}
	actor_msg_free(call("stop", "[sb]", "watcher", 1));
	assert_ptr_equal(strstr(log_of("watcher"), "down"), strstr(log_of("watcher"), "down signal 11\n"));
	assert_null(strstr(strstr(log_of("watcher"), "down") + 1, "down"));
}

static void test_an_actor_program_is_ready_when_its_actors_are(void **arg)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (!node.with_broker)
		skip();
	self[n] = 0;
	actor_msg_free(call("spawn", "[{s:s,s:s,s:s,s:[sss]}si]", "name", "owner", "restart", "temporary",
		"ready", "actor", "argv", self, "--owner", "owned", "ready", 10000));
	assert_string_equal(field("owner", "state"), "ready");
	assert_string_equal(field("owned", "state"), "up");
	actor_msg_free(call("kill", "[si]", "owner", SIGKILL));
	await_field("owned", "state", "gone");
}

static void test_an_owner_outlives_supervisor_and_broker_with_what_it_owns(void **arg)
{
	pid_t owned, broker, by_hand;
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (!node.with_broker)
		skip();
	self[n] = 0;
	actor_msg_free(call("spawn", "[{s:s,s:s,s:s,s:[sss]}si]", "name", "owner", "restart", "temporary",
		"ready", "actor", "argv", self, "--owner", "owned", "ready", 10000));
	by_hand = fork();
	if (!by_hand) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setenv("ACTOR_RUNTIME_DIR", node.dir, 1);
		execl(self, self, "--owner", "owned by hand", NULL);
		_exit(99);
	}
	await_field("owned by hand", "state", "up");
	owned = pid_of("owned");
	broker = (pid_t)atoi(status("broker.pid"));
	kill(broker, SIGKILL);
	await_other("broker.pid", broker);
	kill((pid_t)atoi(status("supervisor.pid")), SIGKILL);
	reconnect();
	nap(1500); /* what is lost would be decided within a second */
	assert_int_equal(pid_of("owned"), owned);
	assert_string_equal(field("owned by hand", "restarts"), "0");
	assert_string_equal(field("owned by hand", "state"), "up");
	kill(by_hand, SIGKILL);
	waitpid(by_hand, NULL, 0);
	await_field("owned by hand", "state", "gone");
	assert_int_equal(pid_of("owned"), owned);
	actor_msg_free(call("kill", "[si]", "owner", SIGKILL));
	await_field("owned", "state", "gone");
	await_dead(owned);
}

static void test_logs_hold_what_was_written_and_turn_over(void **arg)
{
	struct stat st;
	char path[300];

	shell("../x", "temporary", "echo out; echo err >&2", "exit");
	assert_non_null(strstr(log_of("../x"), "out\n"));
	assert_non_null(strstr(log_of("../x"), "err\n"));
	snprintf(path, sizeof(path), "%s/%%2E.%%2Fx.log", node.logs);
	assert_int_equal(stat(path, &st), 0);
	shell("big", "temporary", "yes 0123456789abcdef | head -c 25000000", "exit");
	snprintf(path, sizeof(path), "%s/big.log.2", node.logs);
	assert_int_equal(stat(path, &st), 0);
	/* it may grow a little to end its last line */
	assert_in_range(st.st_size, 10000000, (10 << 20) + (64 << 10));
	snprintf(path, sizeof(path), "%s/big.log", node.logs);
	assert_int_equal(stat(path, &st), 0);
	assert_in_range(st.st_size, 1, 10 << 20);
}

static void test_a_flood_starves_nobody(void **arg)
{
	uint64_t then_ms;

	shell("flood", "permanent", "exec yes", "up");
	then_ms = now_ms();
	for (int i = 0; i < 20; i++) {
		char name[16];

		snprintf(name, sizeof(name), "t%d", i);
		shell(name, "temporary", "echo here", "exit");
		assert_string_equal(log_of(name), "here\n");
	}
	assert_true(now_ms() - then_ms < PATIENCE_MS);
	actor_msg_free(call("rm", "[sb]", "flood", 1));
}

static void test_waits_end_with_what_they_wait_for(void **arg)
{
	shell("a", "temporary", "exec sleep 1000", "none");
	actor_msg_free(call("wait", "[ssi]", "a", "up", 10000));
	assert_int_equal(call_error("wait", -ETIMEDOUT, "[ssi]", "a", "down", 20) != NULL, 0);
	actor_msg_free(call("kill", "[si]", "a", SIGTERM));
	assert_string_equal(
		reply_field(call("wait", "[ssi]", "a", "down", 10000), "last_exit.signal"), "SIGTERM");
}

static void test_a_killed_supervisor_is_replaced_and_exits_meanwhile_are_told(void **arg)
{
	pid_t stays, crashes, ends, supervisor = (pid_t)atoi(status("supervisor.pid"));

	shell("stays", "permanent", "while :; do echo tick; echo tock >&2; sleep 0.01; done", "up");
	shell("ends", "temporary", "trap 'exit 3' USR1; while :; do sleep 0.01; done", "up");
	shell("crashes", "permanent", "exec sleep 1000", "up");
	shell("back", "permanent", "exec sleep 1000", "up");
	kill(pid_of("back"), SIGKILL);
	await_field("back", "restarts", "1");
	stays = pid_of("stays");
	ends = pid_of("ends");
	crashes = pid_of("crashes");
	kill(supervisor, SIGSTOP); /* it hears nothing any more, and then it is dead */
	kill(crashes, SIGSEGV);
	kill(ends, SIGUSR1);
	await_dead(crashes);
	await_dead(ends);
	kill(supervisor, SIGKILL);
	reconnect();
	assert_int_not_equal(atoi(status("supervisor.pid")), supervisor);
	assert_string_equal(status("supervisor.restarts"), "1");
	assert_int_equal(pid_of("stays"), stays);
	assert_string_equal(field("back", "restarts"), "1");
	await_field("crashes", "restarts", "1");
	assert_string_equal(field("crashes", "last_exit.signal"), "SIGSEGV");
	assert_string_equal(field("ends", "state"), "down");
	assert_string_equal(field("ends", "last_exit.code"), "3");
	assert_true(alive(stays)); /* no SIGPIPE */
	shell("new", "temporary", "exit 0", "exit");
}

static void test_a_supervisor_killed_over_and_over_loses_nothing(void **arg)
{
	pid_t pids[10];
	char name[16];

	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		shell(name, "permanent", "exec sleep 1000", "up");
		pids[i] = pid_of(name);
	}
	for (int k = 0; k < 3; k++) {
		kill((pid_t)atoi(status("supervisor.pid")), SIGKILL);
		reconnect();
	}
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		assert_int_equal(pid_of(name), pids[i]);
		assert_string_equal(field(name, "restarts"), "0");
	}
	assert_int_equal(count(), 10);
}

/*
 * Each child writes its name once. Whoever was told that it started finds it once, whoever was not, at most
 * once.
 */
static void test_no_process_is_started_twice_whoever_dies_when(void **arg)
{
	enum { N = 120, KILLS = 4 /* a fifth would set the state aside */ };
	unsigned char told[N] = {0}, seen[N] = {0};
	char path[96], script[160], name[16];
	int n_kills = 0, i;
	FILE *file;

	snprintf(path, sizeof(path), "%s/names", node.root);
	for (i = 0; i < N; i++) {
		actor_msg *reply = NULL;
		pid_t supervisor = (pid_t)atoi(status("supervisor.pid"));
		int r;

		snprintf(name, sizeof(name), "t%d", i);
		snprintf(script, sizeof(script), "echo %d >> %s", i, path);
		if (i % (N / KILLS) == 5 && n_kills < KILLS) {
			/* somewhere in the midst of it */
			pid_t killer = fork();

			if (!killer) {
				struct timespec ts = {.tv_nsec = 200000L + 700000L * n_kills};

				nanosleep(&ts, NULL);
				kill(supervisor, SIGKILL);
				_exit(0);
			}
			n_kills++;
			r = actor_client_call(node.client, actor_named("$spawner"), "spawn", PATIENCE_MS,
				&reply, "{s:s,s:s,s:[sss]}si", "name", name, "restart", "temporary", "argv",
				"/bin/sh", "-c", script, "none", 0);
			waitpid(killer, NULL, 0);
			reconnect();
		} else {
			r = actor_client_call(node.client, actor_named("$spawner"), "spawn", PATIENCE_MS,
				&reply, "{s:s,s:s,s:[sss]}si", "name", name, "restart", "temporary", "argv",
				"/bin/sh", "-c", script, "none", 0);
			assert_int_equal(r, 0);
		}
		told[i] = r == 0;
		actor_msg_free(reply);
	}
	for (i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		if (strcmp(field(name, "state"), "gone"))
			assert_string_equal(reply_field(call("wait", "[ssi]", name, "down", PATIENCE_MS),
						    "last_exit.code"),
				"0");
		else
			assert_false(told[i]);
	}
	file = fopen(path, "r");
	assert_non_null(file);
	while (fscanf(file, "%d", &i) == 1)
		seen[i]++;
	fclose(file);
	for (i = 0; i < N; i++)
		if (seen[i] > 1 || (told[i] && !seen[i]))
			fail_msg("t%d was %s and ran %d times", i, told[i] ? "told" : "not told", seen[i]);
}

static void test_keeper_and_supervisor_killed_together_leave_no_child(void **arg)
{
	pid_t pid, supervisor = (pid_t)atoi(status("supervisor.pid")),
		   broker = (pid_t)atoi(status("broker.pid"));
	uint64_t node_id = strtoull(status("node"), NULL, 10);

	shell("a", "permanent", "exec sleep 1000", "up");
	pid = pid_of("a");
	kill(supervisor, SIGSTOP);
	kill(node.keeper, SIGKILL);
	kill(supervisor, SIGKILL);
	waitpid(node.keeper, NULL, 0);
	node.keeper = 0;
	await_dead(pid);
	await_dead(supervisor);
	if (broker > 0)
		await_dead(broker);
	assert_int_equal(n_marked(node_id), 0);
	node.client = actor_client_free(node.client);
	node_start(); /* what is left of the directory is taken over */
	assert_int_equal(count(), 0);
}

static void test_each_new_supervisor_has_the_name(void **arg)
{
	struct actor_group_options options = {
		.runtime_dir = node.dir, .mode = ACTOR_JOIN_BROKER, .connect_timeout_ms = PATIENCE_MS};
	actor_client *client;

	if (!node.with_broker)
		skip();
	assert_int_equal(actor_client_new(&client, &options), 0);
	for (int k = 0; k < 3; k++) {
		uint64_t until_ms = now_ms() + PATIENCE_MS;
		pid_t pid = (pid_t)atoi(status("supervisor.pid"));
		actor_msg *reply = NULL;

		kill(pid, SIGKILL);
		reconnect();
		assert_int_not_equal(atoi(status("supervisor.pid")), pid);
		for (;;) { /* through the broker, by name */
			int r = actor_client_call(
				client, actor_named("$spawner"), "status", PATIENCE_MS, &reply, "");

			if (!r)
				break;
			if (now_ms() > until_ms)
				fail_msg("$spawner cannot be called: %d", r);
			nap(5);
		}
		assert_string_equal(reply_field(reply, "supervisor.pid"), status("supervisor.pid"));
	}
	actor_client_free(client);
}

static void test_the_broker_comes_back(void **arg)
{
	pid_t broker;

	if (!node.with_broker)
		skip();
	broker = (pid_t)atoi(status("broker.pid"));
	assert_true(alive(broker));
	kill(broker, SIGKILL);
	await_other("broker.pid", broker);
	assert_string_equal(status("broker.restarts"), "1");
}

static void test_nothing_is_left_when_the_keeper_is_killed(void **arg)
{
	uint64_t node_id = strtoull(status("node"), NULL, 10), then_ms;
	pid_t supervisor = (pid_t)atoi(status("supervisor.pid"));

	shell("tree", "permanent",
		"setsid sh -c 'setsid sleep 1000 & sleep 1000' & setsid setsid sleep 1000 & exec sleep 1000",
		"up");
	shell("plain", "permanent", "exec sleep 1000", "up");
	while (n_marked(node_id) < 7) /* 5 sleeps and a shell, the supervisor */
		nap(2);
	kill(node.keeper, SIGKILL);
	waitpid(node.keeper, NULL, 0);
	node.keeper = 0;
	then_ms = now_ms();
	while (n_marked(node_id) > 0 || alive(supervisor)) {
		assert_true(now_ms() < then_ms + PATIENCE_MS);
		nap(5);
	}
	print_message("# nothing was left after %d ms\n", (int)(now_ms() - then_ms));
	assert_int_equal(access(node.dir, F_OK), -1);
}

static void test_a_node_is_ended_in_order(void **arg)
{
	uint64_t node_id = strtoull(status("node"), NULL, 10);
	int wait_status;

	shell("a", "permanent", "trap 'echo bye; exit 0' TERM; while :; do sleep 0.01; done", "up");
	shell("b", "permanent", "exec sleep 1000", "up");
	actor_msg_free(call("down", "[]"));
	assert_int_equal(waitpid(node.keeper, &wait_status, 0), node.keeper);
	node.keeper = 0;
	assert_true(WIFEXITED(wait_status));
	assert_int_equal(WEXITSTATUS(wait_status), 0);
	assert_int_equal(n_marked(node_id), 0);
	assert_int_equal(access(node.dir, F_OK), -1);
}

static void test_term_to_the_keeper_is_down(void **arg)
{
	int wait_status;

	shell("a", "permanent", "exec sleep 1000", "up");
	kill(node.keeper, SIGTERM);
	assert_int_equal(waitpid(node.keeper, &wait_status, 0), node.keeper);
	node.keeper = 0;
	assert_true(WIFEXITED(wait_status));
	assert_int_equal(WEXITSTATUS(wait_status), 0);
}

static void test_a_thousand_that_end_at_once_are_a_thousand_exits(void **arg)
{
	enum { N = 1000 };
	pid_t supervisor = (pid_t)atoi(status("supervisor.pid"));
	int keeper_fds, supervisor_fds;
	uint64_t then_ms;
	char name[16];

	shell("first", "temporary", "exit 0", "exit");
	keeper_fds = n_fds(node.keeper);
	supervisor_fds = n_fds(supervisor);
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		actor_msg_free(call("spawn", "[{s:s,s:s,s:[s]}si]", "name", name, "restart", "temporary",
			"argv", "true", "none", 0));
	}
	for (int i = 0; i < N - 1; i++) { /* `first` is the oldest of those that are listed: a thousand */
		snprintf(name, sizeof(name), "t%d", i + 1);
		assert_string_equal(
			reply_field(call("wait", "[ssi]", name, "down", PATIENCE_MS), "last_exit.code"), "0");
	}
	then_ms = now_ms();
	assert_int_equal(count(), 1000);
	print_message("# ls of 1000 children: %d ms\n", (int)(now_ms() - then_ms));
	assert_int_equal(n_zombies(node.keeper), 0);
	assert_int_equal(n_zombies(supervisor), 0);
	/*
	 * the keeper lets go of a pipe some moments after the exit was told, here and when they were counted
	 * before
	 */
	while (n_fds(node.keeper) > keeper_fds && now_ms() < then_ms + PATIENCE_MS)
		poll(NULL, 0, 10);
	assert_true(n_fds(node.keeper) <= keeper_fds);
	/* less: it keeps only the logs open that were written to last */
	assert_true(n_fds(supervisor) <= supervisor_fds);
}

static void test_an_idle_node_does_nothing(void **arg)
{
	pid_t supervisor = (pid_t)atoi(status("supervisor.pid"));
	char path[64];
	long before = 0, after = 0;
	FILE *file;

	shell("a", "permanent", "exec sleep 1000", "up");
	snprintf(path, sizeof(path), "/proc/%d/status", (int)supervisor);
	for (int k = 0; k < 2; k++) {
		char line[256];

		nap(300);
		file = fopen(path, "r");
		while (fgets(line, sizeof(line), file))
			if (!strncmp(line, "voluntary_ctxt_switches:", 24))
				*(k ? &after : &before) = atol(line + 24);
		fclose(file);
	}
	assert_in_range(after - before, 0, 3);
}

int main(int argc, char **argv)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_a_spawned_program_is_listed_with_its_pid),
		T(test_a_taken_name_and_other_mistakes_are_refused),
		T(test_the_child_gets_what_its_spec_says),
		T(test_exit_codes_and_last_words_are_kept),
		T(test_kill_9_brings_it_back_at_once),
		T(test_restart_is_a_new_process),
		T(test_one_that_ignores_term_is_killed_with_its_tree),
		T(test_an_exec_failure_names_path_and_errno_and_is_retried),
		T(test_an_interpreter_that_is_missing_is_named),
		T(test_one_that_goes_into_the_background_is_said_to),
		T(test_an_end_before_it_was_ready_is_told_at_once),
		T(test_each_monitor_goes_off_once_with_the_cause),
		T(test_a_failed_start_or_stop_says_which),
		T(test_a_process_is_started_and_watched_although_the_supervisor_is_away),
		T(test_an_owned_process_goes_with_its_owner),
		T(test_a_monitor_goes_off_though_the_supervisor_died_meanwhile),
		T(test_an_actor_program_is_ready_when_its_actors_are),
		T(test_an_owner_outlives_supervisor_and_broker_with_what_it_owns),
		T(test_logs_hold_what_was_written_and_turn_over),
		T(test_a_flood_starves_nobody),
		T(test_waits_end_with_what_they_wait_for),
		T(test_a_killed_supervisor_is_replaced_and_exits_meanwhile_are_told),
		T(test_a_supervisor_killed_over_and_over_loses_nothing),
		T(test_no_process_is_started_twice_whoever_dies_when),
		T(test_keeper_and_supervisor_killed_together_leave_no_child),
		T(test_each_new_supervisor_has_the_name),
		T(test_the_broker_comes_back),
		T(test_nothing_is_left_when_the_keeper_is_killed),
		T(test_a_node_is_ended_in_order),
		T(test_term_to_the_keeper_is_down),
		T(test_a_thousand_that_end_at_once_are_a_thousand_exits),
		T(test_an_idle_node_does_nothing),
	};

	if (argc > 2 && !strcmp(argv[1], "--owner"))
		return actor_main(&owner_behavior, argv[2], NULL);
	if (argc > 2 && !strcmp(argv[1], "--watcher"))
		return actor_main(&end_watcher_behavior, argv[2], NULL);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return run_facts(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/spawner-world.h"

struct node node;

/* ---- fixture ---- */

void nap(int ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L};

	nanosleep(&ts, NULL);
}

uint64_t now_ms(void)
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

void node_start(void)
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
		char path[128];
		int log;

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
	assert_int_equal(byte, '\n');
	close(ready[0]);
	assert_int_equal(connect_client(), 0);
}

int setup(void **arg)
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

bool alive(pid_t pid)
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

int teardown(void **arg)
{
	node.client = actor_client_free(node.client);
	if (node.keeper > 0) {
		kill(node.keeper, SIGTERM);
		kill(node.keeper, SIGTERM); /* the second TERM ends it at once */
		waitpid(node.keeper, NULL, 0);
	}
	if (getenv("TEST_SPAWNER_KEEP"))
		return 0;
	remove_tree(node.root);
	return 0;
}

/* ---- asking ---- */

actor_msg *call_error(const char *method, int expect, const char *format, ...)
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

void call_refused(const char *method, const char *error, const char *format, ...)
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

const char *look(struct mp_reader r, const char *path)
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

struct mp_reader body_of(const actor_msg *msg)
{
	size_t size;
	const void *body = actor_msg_body(msg, &size);

	return mp_reader(body, size);
}

const char *reply_field(actor_msg *take_reply, const char *path)
{
	const char *text = look(body_of(take_reply), path);

	actor_msg_free(take_reply);
	return text;
}

const char *field(const char *name, const char *path)
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

uint32_t count(void)
{
	actor_msg *reply = call("ls", "[]");
	struct mp_reader r = body_of(reply);
	uint32_t n;

	assert_int_equal(mp_read_array(&r, &n), 0);
	actor_msg_free(reply);
	return n;
}

void await_field(const char *name, const char *path, const char *value)
{
	uint64_t until_ms = now_ms() + PATIENCE_MS;

	while (strcmp(field(name, path), value)) {
		if (now_ms() > until_ms)
			fail_msg("%s of %s is %s and not %s", path, name, field(name, path), value);
		nap(2);
	}
}

void write_program(char path[128], const char *name, const char *text)
{
	int fd;

	snprintf(path, 128, "%s/%s", node.root, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

pid_t pid_of(const char *name)
{
	return (pid_t)atoi(field(name, "pid"));
}

const char *status(const char *path)
{
	return reply_field(call("status", "[]"), path);
}

void await_dead(pid_t pid)
{
	uint64_t until_ms = now_ms() + PATIENCE_MS;

	while (alive(pid)) {
		assert_true(now_ms() < until_ms);
		nap(2);
	}
}

pid_t await_other(const char *path, pid_t old)
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

void reconnect(void)
{
	uint64_t until_ms = now_ms() + PATIENCE_MS;
	int r;

	node.client = actor_client_free(node.client);
	while ((r = connect_client()) == -ENOTCONN && now_ms() < until_ms)
		nap(2); /* the next supervisor is about to listen */
	assert_int_equal(r, 0);
}

void shell(const char *name, const char *restart, const char *script, const char *wait)
{
	actor_msg_free(call("spawn", "[{s:s,s:s,s:[sss]}si]", "name", name, "restart", restart, "argv",
		"/bin/sh", "-c", script, wait, 10000));
}

const char *log_of(const char *name)
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

int n_marked(uint64_t node_id)
{
	marked.node_id = node_id;
	marked.n = 0;
	proc_each_process(count_marked, NULL);
	return marked.n;
}

int n_fds(pid_t pid)
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

int n_zombies(pid_t parent)
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

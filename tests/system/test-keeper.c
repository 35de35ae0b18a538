/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper as a supervisor sees it.
 *
 * The keeper runs the fake supervisor, which passes its end of the socket on to this test. So the test speaks
 * the protocol itself, and can have its "supervisor" killed without dying. That all of a tree is gone is seen
 * by EOF on the pipe that every member of it has as its stdout.
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
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "spawner/shared/client.h"
#include "spawner/shared/node-info.h"
#include "spawner/shared/sweep.h"
#include "tests/fact.h"

#define PATIENCE_MS  30000 /* turns a hang into a failure */
#define CHILDREN_MAX 1200

struct child {
	struct keeper_slot slot; /* as last told */
	unsigned n_reports;
	int fds[3]; /* -1 = not had */
};

static struct node {
	char root[64], dir[80], log[96];
	pid_t pid;
	int listen_fd, socket_fd, control_fd, ready_fd;
	pid_t supervisor_pid;
	struct keeper_hello hello;
	int state_fd;
	uint64_t next_group_id, end_group_id;
	bool synced;
	struct keeper_refused refused;
	struct keeper_reserved reserved;
	struct keeper_terminate terminate;
	struct child children[CHILDREN_MAX];
	unsigned n_children;
	bool ack;
	unsigned n_pings;
	bool silent; /* pings are heard, and not answered */
} node;

/* ---- fixture ---- */

static void wait_readable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&poll_fd, 1, PATIENCE_MS), 1);
}

static void keeper_start(const char *const *more)
{
	const char *argv[16] = {getenv("ACTOR_SPAWNER"), "--runtime-dir", node.dir, "--supervisor",
		getenv("FAKE_SUPERVISOR"), "--ready-fd", "99"};
	int ready[2], log_fd, n = 7;

	assert_non_null(argv[0]);
	assert_non_null(argv[4]);
	while (more && *more)
		argv[n++] = *more++;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	log_fd = open(node.log, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
	node.pid = fork();
	if (!node.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ready[1], 99);
		dup2(log_fd, 2);
		execv(argv[0], (char **)argv);
		_exit(99);
	}
	assert_true(node.pid > 0);
	close(log_fd);
	close(ready[1]);
	if (node.ready_fd >= 0)
		close(node.ready_fd);
	node.ready_fd = ready[0];
}

static void log_expect(const char *text)
{
	char content[4096];
	int fd = open(node.log, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, content, sizeof(content) - 1);

	close(fd);
	content[n > 0 ? n : 0] = 0;
	if (!strstr(content, text))
		fail_msg("\"%s\" is not in the keeper's log: %s", text, content);
}

static void fds_drop(struct child *child)
{
	int i;

	for (i = 0; i < 3; i++) {
		if (child->fds[i] >= 0)
			close(child->fds[i]);
		child->fds[i] = -1;
	}
}

static void fd_drop(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* As if this supervisor knew nothing. */
static void supervisor_forget(void)
{
	unsigned i;

	fd_drop(&node.socket_fd);
	fd_drop(&node.control_fd);
	fd_drop(&node.state_fd);
	for (i = 0; i < node.n_children; i++)
		fds_drop(&node.children[i]);
	node.n_children = 0;
	node.synced = false;
	memset(&node.terminate, 0, sizeof(node.terminate));
}

static int setup(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memset(&node, 0, sizeof(node));
	node.listen_fd = node.socket_fd = node.control_fd = node.ready_fd = node.state_fd = -1;
	node.ack = true;
	strcpy(node.root, "/tmp/test-keeper-XXXXXX");
	if (!mkdtemp(node.root))
		return -1;
	snprintf(node.dir, sizeof(node.dir), "%s/run", node.root);
	snprintf(node.log, sizeof(node.log), "%s/log", node.root);
	snprintf(address.sun_path, sizeof(address.sun_path), "%.80s.ctl", node.dir);
	node.listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	return bind(node.listen_fd, (struct sockaddr *)&address, sizeof(address)) ||
	       listen(node.listen_fd, 8);
}

static int teardown(void **state)
{
	char path[128];

	if (node.pid > 0) {
		kill(node.pid, SIGKILL);
		waitpid(node.pid, NULL, 0);
	}
	if (node.hello.node_id)
		sweep_kill(node.hello.node_id, NULL, 0, NULL, 0, 10000);
	supervisor_forget();
	fd_drop(&node.listen_fd);
	fd_drop(&node.ready_fd);
	snprintf(path, sizeof(path), "%s.ctl", node.dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/lock", node.dir);
	unlink(path);
	unlink(node.log);
	rmdir(node.dir);
	rmdir(node.root);
	return 0;
}

/* The next supervisor of the node comes and says what it is. */
static void supervisor_accept(void)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	pid_t pid;
	struct iovec iov = {.iov_base = &pid, .iov_len = sizeof(pid)};
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	union keeper_record record;
	int fds[KEEPER_RECORD_FDS_MAX];
	size_t n_fds;

	wait_readable(node.listen_fd);
	node.control_fd = accept4(node.listen_fd, NULL, NULL, SOCK_CLOEXEC);
	wait_readable(node.control_fd);
	assert_int_equal(recvmsg(node.control_fd, &message, MSG_CMSG_CLOEXEC), sizeof(pid));
	memcpy(&node.socket_fd, CMSG_DATA(&control.header), sizeof(node.socket_fd));
	node.supervisor_pid = pid;

	wait_readable(node.socket_fd);
	assert_int_equal(keeper_recv(node.socket_fd, &record, fds, &n_fds), 1);
	assert_int_equal(record.header.type, KEEPER_HELLO);
	node.hello = record.hello;
	node.state_fd = n_fds ? fds[0] : -1;
	node.next_group_id = record.hello.first_group_id;
	node.end_group_id = record.hello.first_group_id + record.hello.n_group_ids;
}

static void node_start(void)
{
	keeper_start(NULL);
	supervisor_accept();
}

static void supervisor_kill(void)
{
	kill(node.supervisor_pid, SIGKILL);
	supervisor_forget();
}

/* By its own fault. */
static void supervisor_fail(void)
{
	assert_int_equal(write(node.control_fd, "\1", 1), 1); /* exit 1 */
	supervisor_forget();
}

static void send_record(union keeper_record *record, const int *fds, size_t n_fds)
{
	struct pollfd poll_fd = {.fd = node.socket_fd, .events = POLLOUT};
	int r;

	while ((r = keeper_send(node.socket_fd, record, fds, n_fds)) == -EAGAIN)
		poll(&poll_fd, 1, PATIENCE_MS);
	assert_int_equal(r, 0);
}

static void send_plain(enum keeper_type type)
{
	union keeper_record record;

	keeper_record_init(&record, type);
	send_record(&record, NULL, 0);
}

static void send_stop(int exit_code)
{
	union keeper_record record;

	keeper_record_init(&record, KEEPER_STOP);
	record.stop.exit_code = exit_code;
	send_record(&record, NULL, 0);
}

static void send_signal(uint64_t cookie, int signo, uint32_t flags)
{
	union keeper_record record;

	keeper_record_init(&record, KEEPER_SIGNAL);
	record.signal.cookie = cookie;
	record.signal.signo = signo;
	record.signal.flags = flags;
	send_record(&record, NULL, 0);
}

/* TERM to the whole tree, which then has the grace. */
static void send_stop_tree(uint64_t cookie, uint32_t grace_ms)
{
	union keeper_record record;

	keeper_record_init(&record, KEEPER_SIGNAL);
	record.signal.cookie = cookie;
	record.signal.signo = SIGTERM;
	record.signal.flags = KEEPER_SIGNAL_TREE | KEEPER_SIGNAL_STOP;
	record.signal.grace_ms = grace_ms;
	send_record(&record, NULL, 0);
}

static void send_kill_tree(uint64_t cookie)
{
	union keeper_record record;

	keeper_record_init(&record, KEEPER_KILL_TREE);
	record.kill_tree.cookie = cookie;
	send_record(&record, NULL, 0);
}

static struct child *child_of(uint64_t cookie)
{
	unsigned i;

	for (i = 0; i < node.n_children; i++)
		if (node.children[i].slot.cookie == cookie)
			return &node.children[i];
	return NULL;
}

static bool is_final(const struct child *child)
{
	return child && (child->slot.stage == KEEPER_EXITED || child->slot.stage == KEEPER_FAILED);
}

static void send_ack(const struct keeper_slot *slot)
{
	union keeper_record record;

	keeper_record_init(&record, KEEPER_ACK);
	record.ack.group_id = slot->group_id;
	record.ack.seq = slot->seq;
	send_record(&record, NULL, 0);
}

static void hear_slot(const struct keeper_slot *slot, const int *fds)
{
	struct child *child = child_of(slot->cookie);
	int i, n = 0;

	if (!child) {
		assert_true(node.n_children < CHILDREN_MAX);
		child = &node.children[node.n_children++];
		*child = (struct child){.fds = {-1, -1, -1}};
	} else {
		assert_true(slot->seq >= child->slot.seq);
		assert_true(slot->stage >= child->slot.stage);
	}
	child->slot = *slot;
	child->n_reports++;
	for (i = 0; i < 3; i++)
		if (slot->fd_mask & 1u << i) {
			assert_int_equal(child->fds[i], -1); /* once */
			child->fds[i] = fds[n++];
		}
	if (node.ack && is_final(child))
		send_ack(slot);
}

/* Hears one record of the keeper. 0 when it hung up. */
static int hear(void)
{
	union keeper_record record;
	int fds[KEEPER_RECORD_FDS_MAX], r;
	size_t n_fds;

	wait_readable(node.socket_fd);
	r = keeper_recv(node.socket_fd, &record, fds, &n_fds);
	if (r == 0)
		return 0;
	assert_int_equal(r, 1);
	switch (record.header.type) {
	case KEEPER_SLOT:
		hear_slot(&record.slot, fds);
		break;
	case KEEPER_SYNCED:
		node.synced = true;
		break;
	case KEEPER_REFUSED:
		node.refused = record.refused;
		break;
	case KEEPER_RESERVED:
		node.reserved = record.reserved;
		break;
	case KEEPER_TERMINATE:
		node.terminate = record.terminate;
		break;
	case KEEPER_PING:
		node.n_pings++;
		if (!node.silent)
			send_plain(KEEPER_PONG);
		break;
	default:
		fail_msg("unexpected record of type %u", record.header.type);
	}
	return 1;
}

static struct child *hear_final(uint64_t cookie)
{
	while (!is_final(child_of(cookie)))
		assert_int_equal(hear(), 1);
	return child_of(cookie);
}

static struct child *hear_running(uint64_t cookie)
{
	while (!child_of(cookie) || child_of(cookie)->slot.stage < KEEPER_RUNNING)
		assert_int_equal(hear(), 1);
	return child_of(cookie);
}

static void hear_synced(void)
{
	while (!node.synced)
		assert_int_equal(hear(), 1);
}

/* A RESERVE is answered after everything sent before was dealt with. */
static void round_trip(void)
{
	union keeper_record record;

	memset(&node.reserved, 0, sizeof(node.reserved));
	keeper_record_init(&record, KEEPER_RESERVE);
	record.reserve.n = 1;
	send_record(&record, NULL, 0);
	while (!node.reserved.n)
		assert_int_equal(hear(), 1);
}

static const char *const env_path[] = {"PATH=/usr/local/bin:/usr/bin:/bin", NULL};

static void spawn_with(
	uint64_t cookie, uint64_t group_id, struct keeper_spec *spec, struct keeper_spawn flags)
{
	union keeper_record record;
	int fd;

	if (!spec->env)
		spec->env = env_path;
	assert_int_equal(keeper_spec_seal(spec, &fd), 0);
	keeper_record_init(&record, KEEPER_SPAWN);
	record.spawn.cookie = cookie;
	record.spawn.group_id = group_id;
	record.spawn.flags = flags.flags;
	record.spawn.stdout_io = flags.stdout_io;
	record.spawn.stderr_io = flags.stderr_io;
	record.spawn.notify_fd = flags.notify_fd;
	snprintf(record.spawn.name, sizeof(record.spawn.name), "child-%llu", (unsigned long long)cookie);
	send_record(&record, &fd, 1);
	close(fd);
}

static uint64_t spawn_argv(uint64_t cookie, const char *const *argv)
{
	struct keeper_spec spec = {.argv = argv};
	uint64_t group_id = node.next_group_id++;

	assert_true(group_id < node.end_group_id);
	spawn_with(cookie, group_id, &spec, (struct keeper_spawn){0});
	return group_id;
}

static uint64_t spawn_shell(uint64_t cookie, const char *script)
{
	return spawn_argv(cookie, (const char *const[]){"sh", "-c", script, NULL});
}

/* Reads from a non-blocking pipe until it has n_lines of them; n_lines 0: until EOF. */
static void read_lines(int fd, unsigned n_lines, char *text, size_t size_bytes)
{
	size_t used = 0;
	ssize_t n;

	for (;;) {
		wait_readable(fd);
		n = read(fd, text + used, size_bytes - 1 - used);
		assert_true(n >= 0);
		used += (size_t)n;
		text[used] = 0;
		if (!n) {
			assert_int_equal(n_lines, 0);
			return;
		}
		assert_true(used < size_bytes - 1);
		if (n_lines && text[used - 1] == '\n') {
			unsigned have = 0;
			size_t i;

			for (i = 0; i < used; i++)
				have += text[i] == '\n';
			if (have >= n_lines)
				return;
		}
	}
}

/* Nobody has the other end any more. */
static void expect_eof(int fd)
{
	char rest[4096];

	read_lines(fd, 0, rest, sizeof(rest));
}

static unsigned count_fds(pid_t pid)
{
	char path[64];
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Children of a process, dead or alive. */
static unsigned count_children(pid_t pid)
{
	char path[64], text[65536];
	unsigned n = 0;
	ssize_t length, i;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	while ((length = read(fd, text, sizeof(text))) > 0)
		for (i = 0; i < length; i++)
			n += text[i] == ' ';
	close(fd);
	return n;
}

static int keeper_wait(void)
{
	int status;

	assert_int_equal(waitpid(node.pid, &status, 0), node.pid);
	node.pid = 0;
	return status;
}

/* ---- starting and ending one child ---- */

static void test_true_runs_and_exits_with_zero(void **state)
{
	struct child *child;
	uint64_t group_id;

	node_start();
	assert_int_equal(node.hello.n_slots, 0);
	assert_int_equal(node.hello.keeper_pid, node.pid);
	assert_true(node.hello.node_id != 0);
	group_id = spawn_argv(1, (const char *const[]){"/bin/true", NULL});
	child = hear_final(1);
	assert_int_equal(child->slot.stage, KEEPER_EXITED);
	assert_int_equal(child->slot.code, CLD_EXITED);
	assert_int_equal(child->slot.status, 0);
	assert_int_equal(child->slot.group_id, group_id);
	assert_true(child->slot.pid > 0 && child->slot.start_ticks > 0);
	assert_true(child->slot.forked_ns && child->slot.exec_ns >= child->slot.forked_ns);
	assert_true(child->slot.exited_ns >= child->slot.exec_ns);
	assert_true(child->slot.rusage.maxrss_kib > 0);
	assert_string_equal(child->slot.name, "child-1");
}

static void test_exit_codes_and_signals_are_told_as_they_are(void **state)
{
	struct child *child;

	node_start();
	spawn_shell(1, "exit 7");
	spawn_shell(2, "kill -SEGV $$");
	spawn_shell(3, "kill -KILL $$");
	child = hear_final(1);
	assert_int_equal(child->slot.code, CLD_EXITED);
	assert_int_equal(child->slot.status, 7);
	child = hear_final(2);
	assert_true(child->slot.code == CLD_KILLED || child->slot.code == CLD_DUMPED);
	assert_int_equal(!!(child->slot.flags & KEEPER_SLOT_CORE), child->slot.code == CLD_DUMPED);
	assert_int_equal(child->slot.status, SIGSEGV);
	child = hear_final(3);
	assert_int_equal(child->slot.code, CLD_KILLED);
	assert_int_equal(child->slot.status, SIGKILL);
}

static void test_output_comes_through_pipes_and_stays_readable_after_the_exit(void **state)
{
	struct child *child;
	char text[256];

	node_start();
	spawn_shell(1, "echo out; echo err >&2; read x && echo never");
	child = hear_final(1);
	read_lines(child->fds[0], 0, text, sizeof(text));
	assert_string_equal(text, "out\n"); /* and stdin is empty */
	read_lines(child->fds[1], 0, text, sizeof(text));
	assert_string_equal(text, "err\n");
}

static void test_a_program_that_is_not_there_is_enoent(void **state)
{
	struct child *child;

	node_start();
	spawn_argv(1, (const char *const[]){"/nonexistent/program", NULL});
	spawn_argv(2, (const char *const[]){"no-such-program-in-path", NULL});
	child = hear_final(1);
	assert_int_equal(child->slot.stage, KEEPER_FAILED);
	assert_int_equal(child->slot.error, ENOENT);
	assert_int_equal(child->slot.step, KEEPER_STEP_EXEC);
	child = hear_final(2);
	assert_int_equal(child->slot.stage, KEEPER_FAILED);
	assert_int_equal(child->slot.error, ENOENT);
}

static void test_a_file_that_may_not_be_run_is_eacces(void **state)
{
	struct child *child;

	node_start();
	spawn_argv(1, (const char *const[]){"/etc/passwd", NULL});
	child = hear_final(1);
	assert_int_equal(child->slot.stage, KEEPER_FAILED);
	assert_int_equal(child->slot.error, EACCES);
	assert_int_equal(child->slot.step, KEEPER_STEP_EXEC);
}

static void test_a_directory_that_is_not_there_is_told_with_its_step(void **state)
{
	struct keeper_spec spec = {.argv = (const char *const[]){"true", NULL}, .cwd = "/nonexistent"};
	struct child *child;

	node_start();
	spawn_with(1, node.next_group_id++, &spec, (struct keeper_spawn){0});
	child = hear_final(1);
	assert_int_equal(child->slot.stage, KEEPER_FAILED);
	assert_int_equal(child->slot.step, KEEPER_STEP_CWD);
	assert_int_equal(child->slot.error, ENOENT);
}

static void test_an_unsealed_spec_fails_its_own_spawn_only(void **state)
{
	union keeper_record record;
	struct child *child;
	int fd = memfd_create("bad", MFD_CLOEXEC);

	node_start();
	keeper_record_init(&record, KEEPER_SPAWN);
	record.spawn.cookie = 1;
	record.spawn.group_id = node.next_group_id++;
	send_record(&record, &fd, 1);
	close(fd);
	child = hear_final(1);
	assert_int_equal(child->slot.stage, KEEPER_FAILED);
	assert_int_equal(child->slot.step, KEEPER_STEP_SPEC);
	assert_int_equal(child->slot.error, EPERM);
	spawn_argv(2, (const char *const[]){"true", NULL});
	assert_int_equal(hear_final(2)->slot.stage, KEEPER_EXITED);
}

static void test_a_child_is_set_up_as_its_spec_says(void **state)
{
	static const struct keeper_rlimit limits[] = {{.resource = RLIMIT_CORE, .soft = 0, .hard = 0}};
	static const gid_t groups[] = {7};
	struct keeper_spec spec = {.argv = (const char *const[]){"sh", "-c",
					   "pwd; echo $ONE; umask; ulimit -c; ulimit -n; echo $ACTOR_GROUP; "
					   "ls /proc/self/fd | wc -l;"
					   "test $(cut -d ' ' -f 6 /proc/$$/stat) = $$ && echo leader",
					   NULL},
		.env = (const char *const[]){"ACTOR_GROUP=forged", "ONE=1", "PATH=/usr/bin:/bin", NULL},
		.cwd = "/usr",
		.flags = KEEPER_SPEC_UMASK | KEEPER_SPEC_NO_NEW_PRIVS,
		.umask = 027,
		.rlimits = limits,
		.n_rlimits = 1,
		.groups = groups};
	struct rlimit nofile;
	struct child *child;
	char text[512], expected[512];

	getrlimit(RLIMIT_NOFILE, &nofile);
	node_start();
	spawn_with(1, node.next_group_id, &spec, (struct keeper_spawn){0});
	child = hear_final(1);
	read_lines(child->fds[0], 0, text, sizeof(text));
	/* 0, 1, 2, and the one ls reads with */
	snprintf(expected, sizeof(expected), "/usr\n1\n0027\n0\n%llu\n%016llx.%llu\n4\nleader\n",
		(unsigned long long)nofile.rlim_cur, (unsigned long long)node.hello.node_id,
		(unsigned long long)node.next_group_id);
	assert_string_equal(text, expected);
}

static void test_a_child_gets_its_user_and_still_dies_with_the_keeper(void **state)
{
	static const gid_t groups[] = {12345};
	struct keeper_spec spec = {
		.argv = (const char *const[]){"sh", "-c", "id -u; id -G; exec sleep 1000", NULL},
		.flags = KEEPER_SPEC_UID | KEEPER_SPEC_GID | KEEPER_SPEC_GROUPS,
		.uid = 65534,
		.gid = 65534,
		.groups = groups,
		.n_groups = 1};
	struct child *child;
	char text[128];

	if (geteuid() != 0)
		skip();
	node_start();
	spawn_with(1, node.next_group_id++, &spec, (struct keeper_spawn){0});
	child = hear_running(1);
	read_lines(child->fds[0], 2, text, sizeof(text));
	assert_string_equal(text, "65534\n65534 12345\n");
	kill(node.supervisor_pid, SIGSTOP); /* so that it is the keeper's death, and no sweep */
	kill(node.pid, SIGKILL);
	expect_eof(child->fds[0]);
	kill(node.supervisor_pid, SIGKILL);
}

static void test_a_daemon_is_told_the_node_and_its_key(void **state)
{
	struct keeper_spec spec = {
		.argv = (const char *const[]){"sh", "-c", "cat <&$ACTOR_NODE_FD; ulimit -n >&2", NULL}};
	struct keeper_node_info info;
	struct rlimit nofile;
	struct child *child;
	char text[64], expected[64];

	getrlimit(RLIMIT_NOFILE, &nofile);
	node_start();
	spawn_with(1, node.next_group_id, &spec, (struct keeper_spawn){.flags = KEEPER_SPAWN_DAEMON});
	child = hear_final(1);
	assert_int_equal(read(child->fds[0], &info, sizeof(info)), sizeof(info));
	assert_int_equal(info.magic, KEEPER_NODE_INFO_MAGIC);
	assert_true(info.node_id == node.hello.node_id);
	assert_true(info.group_id == node.next_group_id);
	assert_memory_equal(info.node_key, node.hello.node_key, 16);
	read_lines(child->fds[1], 0, text, sizeof(text));
	snprintf(expected, sizeof(expected), "%llu\n", (unsigned long long)nofile.rlim_max);
	assert_string_equal(text, expected); /* and its limit stays raised */
	assert_int_equal(child->slot.spawn_flags, KEEPER_SPAWN_DAEMON);
}

static void test_a_notify_pipe_and_an_extra_fd_reach_the_child(void **state)
{
	struct keeper_spec spec = {.argv = (const char *const[]){"sh", "-c", "echo ready >&5; cat <&6", NULL},
		.extra_fd_targets = {6},
		.n_extra_fds = 1};
	union keeper_record record;
	struct child *child;
	char text[64];
	int fds[2], extra[2];

	node_start();
	assert_int_equal(pipe2(extra, O_CLOEXEC), 0);
	assert_int_equal(write(extra[1], "hello\n", 6), 6);
	close(extra[1]);
	spec.env = env_path;
	assert_int_equal(keeper_spec_seal(&spec, &fds[0]), 0);
	fds[1] = extra[0];
	keeper_record_init(&record, KEEPER_SPAWN);
	record.spawn.cookie = 1;
	record.spawn.group_id = node.next_group_id++;
	record.spawn.flags = KEEPER_SPAWN_NOTIFY;
	record.spawn.notify_fd = 5;
	record.spawn.n_extra_fds = 1;
	record.spawn.stderr_io = KEEPER_IO_STDOUT;
	send_record(&record, fds, 2);
	close(fds[0]);
	close(fds[1]);
	child = hear_final(1);
	read_lines(child->fds[2], 0, text, sizeof(text));
	assert_string_equal(text, "ready\n");
	read_lines(child->fds[0], 0, text, sizeof(text));
	assert_string_equal(text, "hello\n");
	assert_int_equal(child->fds[1], -1);
}

static void test_signals_reach_the_leader_or_the_whole_tree(void **state)
{
	struct child *child;
	char text[64];

	node_start();
	/* a grandchild in a session of its own that says what it got */
	spawn_shell(1,
		"trap 'echo leader' TERM;"
		"setsid sh -c 'trap \"echo grandchild; exit\" TERM; echo up; while :; do sleep 0.01; done' &"
		"while :; do sleep 0.01; done");
	child = hear_running(1);
	read_lines(child->fds[0], 1, text, sizeof(text));
	assert_string_equal(text, "up\n");
	send_signal(1, SIGTERM, 0);
	read_lines(child->fds[0], 1, text, sizeof(text));
	assert_string_equal(text, "leader\n");
	send_signal(1, SIGTERM, KEEPER_SIGNAL_TREE);
	read_lines(child->fds[0], 2, text, sizeof(text));
	assert_non_null(strstr(text, "leader\n"));
	assert_non_null(strstr(text, "grandchild\n"));
	send_signal(99, SIGTERM, 0); /* nobody */
	send_kill_tree(99);
	send_kill_tree(1);
	child = hear_final(1);
	assert_int_equal(child->slot.status, SIGKILL);
	expect_eof(child->fds[0]);
}

/* ---- the protocol ---- */

static void test_a_spawn_is_idempotent_by_its_cookie(void **state)
{
	struct keeper_spec spec = {.argv = (const char *const[]){"sleep", "1000", NULL}};
	struct child *child;
	unsigned n_reports;
	pid_t pid;

	node_start();
	spawn_with(1, node.next_group_id, &spec, (struct keeper_spawn){0});
	child = hear_running(1);
	pid = child->slot.pid;
	n_reports = child->n_reports;
	spawn_with(1, node.next_group_id, &spec, (struct keeper_spawn){0});
	while (child->n_reports == n_reports)
		hear();
	assert_int_equal(child->slot.pid, pid);
	assert_int_equal(count_children(node.pid), 2); /* the supervisor and it */
	send_kill_tree(1);
	hear_final(1);
	round_trip(); /* the slot is free now */

	spawn_with(1, node.next_group_id, &spec, (struct keeper_spawn){0});
	while (!node.refused.error)
		hear();
	assert_int_equal(node.refused.error, -ESTALE);
	assert_int_equal(node.refused.cookie, 1);
	assert_int_equal(count_children(node.pid), 1);
}

static void test_ids_that_were_not_reserved_are_refused(void **state)
{
	struct keeper_spec spec = {.argv = (const char *const[]){"true", NULL}};

	node_start();
	spawn_with(1, node.end_group_id, &spec, (struct keeper_spawn){0});
	while (!node.refused.error)
		hear();
	assert_int_equal(node.refused.error, -EINVAL);
	round_trip();
	assert_true(node.reserved.first_group_id == node.end_group_id);
	spawn_with(2, node.reserved.first_group_id, &spec, (struct keeper_spawn){0});
	hear_final(2);
}

static void test_a_supervisor_that_breaks_the_protocol_is_replaced(void **state)
{
	uint64_t node_id, last_id;

	node_start();
	node_id = node.hello.node_id;
	last_id = node.end_group_id;
	spawn_argv(1, (const char *const[]){"sleep", "1000", NULL});
	hear_running(1);
	assert_int_equal(send(node.socket_fd, "nonsense", 8, 0), 8);
	while (hear() == 1)
		;
	supervisor_forget();
	supervisor_accept();
	assert_true(node.hello.node_id == node_id);
	assert_true(node.hello.first_group_id >= last_id);
	assert_int_equal(node.hello.n_deaths, 1);
	assert_int_equal(node.hello.last_code, CLD_KILLED);
	assert_int_equal(node.hello.n_slots, 1);
	log_expect("breaks the protocol");
}

static void test_state_goes_to_the_next_supervisor(void **state)
{
	union keeper_record record;
	char text[8] = "";
	int fd = memfd_create("state", MFD_CLOEXEC), older = memfd_create("older", MFD_CLOEXEC);

	node_start();
	assert_false(node.hello.flags & KEEPER_HELLO_STATE);
	assert_int_equal(write(fd, "kept", 4), 4);
	keeper_record_init(&record, KEEPER_STATE);
	send_record(&record, &older, 1);
	send_record(&record, &fd, 1);
	close(older);
	close(fd);
	supervisor_kill(); /* right behind it: what was sent before the death counts */
	supervisor_accept();
	assert_true(node.hello.flags & KEEPER_HELLO_STATE);
	assert_int_equal(pread(node.state_fd, text, 4, 0), 4);
	assert_string_equal(text, "kept");
}

static void test_after_five_quick_deaths_by_its_own_fault_the_state_is_set_aside(void **state)
{
	union keeper_record record;
	int fd = memfd_create("state", MFD_CLOEXEC), i;

	node_start();
	keeper_record_init(&record, KEEPER_STATE);
	send_record(&record, &fd, 1);
	for (i = 1; i <= 5; i++) {
		assert_int_equal(!!(node.hello.flags & KEEPER_HELLO_STATE), i > 1);
		supervisor_fail();
		supervisor_accept();
		assert_int_equal(node.hello.n_deaths, i);
	}
	assert_int_equal(node.hello.flags, KEEPER_HELLO_STATE_ASIDE);
	supervisor_kill(); /* before it has one of its own: its successor must know, too */
	supervisor_accept();
	assert_int_equal(node.hello.flags, KEEPER_HELLO_STATE_ASIDE);
	keeper_record_init(&record, KEEPER_STATE);
	send_record(&record, &fd, 1); /* a new one is kept again */
	close(fd);
	supervisor_kill();
	supervisor_accept();
	assert_int_equal(node.hello.flags, KEEPER_HELLO_STATE);
}

static void test_kills_from_outside_never_set_the_state_aside(void **state)
{
	union keeper_record record;
	int fd = memfd_create("state", MFD_CLOEXEC), i;

	node_start();
	keeper_record_init(&record, KEEPER_STATE);
	send_record(&record, &fd, 1);
	close(fd);
	for (i = 1; i <= 12; i++) {
		keeper_record_init(&record, KEEPER_READY);
		send_record(&record, NULL, 0);
		round_trip();
		supervisor_kill();
		supervisor_accept();
		assert_int_equal(node.hello.n_deaths, i);
		assert_int_equal(node.hello.flags, KEEPER_HELLO_STATE);
	}
}

static void test_an_upgrade_is_no_death(void **state)
{
	union keeper_record record;

	node_start();
	keeper_record_init(&record, KEEPER_PROGRAM);
	strcpy(record.program.path, getenv("FAKE_SUPERVISOR"));
	send_record(&record, NULL, 0);
	round_trip();
	assert_int_equal(write(node.control_fd, "\0", 1), 1); /* exit 0 */
	supervisor_forget();
	supervisor_accept();
	assert_int_equal(node.hello.n_deaths, 0);
}

static void test_the_next_supervisor_is_told_the_whole_table(void **state)
{
	struct child *child;
	char text[64];
	uint64_t running_group;
	int lasting;

	node_start();
	node.ack = false;
	running_group = spawn_shell(1, "echo one; sleep 1000");
	spawn_shell(2, "echo two; exit 3");
	spawn_shell(3, "echo three; read x <\"$0\"; kill -USR1 $$"); /* $0 is sh: no file; dies while nobody
									listens */
	spawn_argv(4, (const char *const[]){"/nonexistent/program", NULL});
	hear_running(1);
	hear_final(2);
	child = child_of(1);
	lasting = child->slot.pid;

	supervisor_kill();
	supervisor_accept();
	assert_int_equal(node.hello.n_slots, 4);
	hear_synced();
	assert_int_equal(node.n_children, 4); /* all of them before SYNCED */
	child = child_of(1);
	assert_int_equal(child->slot.stage, KEEPER_RUNNING);
	assert_int_equal(child->slot.pid, lasting);
	assert_true(child->slot.group_id == running_group);
	assert_string_equal(child->slot.name, "child-1");
	read_lines(child->fds[0], 1, text, sizeof(text));
	assert_string_equal(text, "one\n"); /* nobody had read it */
	child = hear_final(2);
	assert_int_equal(child->slot.status, 3);
	read_lines(child->fds[0], 0, text, sizeof(text));
	assert_string_equal(text, "two\n");
	child = hear_final(3);
	assert_int_equal(child->slot.code, CLD_KILLED);
	assert_int_equal(child->slot.status, SIGUSR1);
	child = hear_final(4);
	assert_int_equal(child->slot.stage, KEEPER_FAILED);
	assert_int_equal(child->slot.error, ENOENT);
}

/* ---- many ---- */

#define MANY 1000

static void test_a_thousand_exits_at_once_are_all_told(void **state)
{
	struct keeper_spec spec = {
		.argv = (const char *const[]){"sh", "-c", "read x <&3; exit $((N % 100))", NULL},
		.extra_fd_targets = {3},
		.n_extra_fds = 1};
	char variable[32];
	const char *env[] = {variable, NULL};
	union keeper_record record;
	unsigned before, i, n_final = 0;
	struct timespec from, to;
	int gate[2], fds[2];

	node_start();
	hear_synced();
	before = count_fds(node.pid);
	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	spec.env = env;
	fds[1] = gate[0];
	for (i = 0; i < MANY; i++) {
		struct pollfd poll_fd = {.fd = node.socket_fd, .events = POLLIN};

		snprintf(variable, sizeof(variable), "N=%u", i);
		assert_int_equal(keeper_spec_seal(&spec, &fds[0]), 0);
		keeper_record_init(&record, KEEPER_SPAWN);
		record.spawn.cookie = 1000 + i;
		record.spawn.group_id = node.next_group_id++;
		record.spawn.n_extra_fds = 1;
		send_record(&record, fds, 2);
		close(fds[0]);
		while (poll(&poll_fd, 1, 0) == 1)
			hear();
	}
	for (i = 0; i < MANY; i++)
		hear_running(1000 + i);
	close(gate[0]);
	clock_gettime(CLOCK_MONOTONIC, &from);
	close(gate[1]); /* now all of them read EOF and go */
	while (n_final < MANY) {
		assert_int_equal(hear(), 1);
		for (i = 0, n_final = 0; i < node.n_children; i++)
			n_final += is_final(&node.children[i]);
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	print_message("# %d exits told within %ld ms\n", MANY,
		(to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000);
	for (i = 0; i < MANY; i++) {
		struct child *child = child_of(1000 + i);

		assert_int_equal(child->slot.code, CLD_EXITED);
		assert_int_equal(child->slot.status, i % 100);
		fds_drop(child);
	}
	round_trip();                                  /* every ack was dealt with */
	assert_int_equal(count_children(node.pid), 1); /* no zombie: the supervisor alone */
	assert_int_equal(count_fds(node.pid), before);
}

/* ---- trees ---- */

/* A double-forked descendant in a session of its own, which has nothing of its leader's but the environment.
 */
#define DAEMONS                                                                                              \
	"for i in 1 2 3; do (setsid sh -c 'echo up; (setsid sh -c \"echo up; sleep 1000\" &) ; sleep 1000' " \
	"&); done;"

static void test_double_forked_grandchildren_end_with_their_group(void **state)
{
	struct child *child, *other;
	char text[64];

	node_start();
	spawn_shell(1, DAEMONS "read x <\"$ACTOR_X\"; sleep 1000");
	spawn_shell(2, DAEMONS "sleep 1000");
	child = hear_running(1);
	other = hear_running(2);
	read_lines(child->fds[0], 6, text, sizeof(text));
	read_lines(other->fds[0], 6, text, sizeof(text));
	kill(child->slot.pid, SIGTERM);
	child = hear_final(1);
	assert_int_equal(child->slot.status, SIGTERM); /* the leader's own end, not that of the sweep */
	assert_int_equal(child->slot.flags & KEEPER_SLOT_TREE_LEFT, 0);
	expect_eof(child->fds[0]); /* at the report they are gone already */
	assert_int_equal(kill(other->slot.pid, 0), 0);
	assert_true(count_children(node.pid) >= 2 + 3); /* the other group's are untouched */
	send_kill_tree(2);
	other = hear_final(2);
	expect_eof(other->fds[0]);
	round_trip();
	assert_int_equal(count_children(node.pid), 1);
}

/* It execs itself again and again, so it is mostly in the midst of that, where it shows no environment. */
static void test_a_grandchild_in_the_midst_of_exec_ends_with_its_group(void **state)
{
	char path[80], script[256], text[64];
	struct child *child;
	uint64_t cookie;
	FILE *f;

	node_start();
	snprintf(path, sizeof(path), "%s/again", node.root);
	f = fopen(path, "we");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\nexec %s\n", path);
	fclose(f);
	chmod(path, 0700);
	snprintf(script, sizeof(script), "for i in 1 2 3 4; do (setsid %s &); done; echo up; exec sleep 1000",
		path);
	for (cookie = 1; cookie <= 20; cookie++) {
		struct pollfd end = {.events = POLLIN};

		spawn_shell(cookie, script);
		child = hear_running(cookie);
		read_lines(child->fds[0], 1, text, sizeof(text));
		kill(child->slot.pid, SIGTERM);
		child = hear_final(cookie);
		end.fd = child->fds[0];
		assert_int_equal(poll(&end, 1, 0), 1); /* at the report, not later */
		assert_int_equal(end.revents, POLLHUP);
		assert_int_equal(child->slot.flags & KEEPER_SLOT_TREE_LEFT, 0);
	}
	unlink(path);
}

static void test_a_descendant_without_the_marker_ends_with_its_session(void **state)
{
	struct child *child;
	char text[64];

	node_start();
	spawn_shell(1, "(env -i /bin/sh -c 'echo up; exec /bin/sleep 1000' &); sleep 1000");
	child = hear_running(1);
	read_lines(child->fds[0], 1, text, sizeof(text));
	send_kill_tree(1);
	child = hear_final(1);
	expect_eof(child->fds[0]);
}

static void test_an_orphan_that_ends_by_itself_is_reaped_silently(void **state)
{
	struct child *child;
	char text[64];

	node_start();
	hear_synced();
	spawn_shell(1, "(setsid sh -c 'echo up' &) ; echo up; exec sleep 1000");
	child = hear_running(1);
	read_lines(child->fds[0], 2, text, sizeof(text));
	while (count_children(node.pid) != 2) /* the supervisor and the leader */
		round_trip();
	assert_int_equal(child->slot.stage, KEEPER_RUNNING);
	assert_int_equal(node.n_children, 1);
}

static void await_zombie(pid_t pid)
{
	char path[48], text[512], *state;
	int fd, i;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	for (i = 0; i < PATIENCE_MS; i++) {
		ssize_t n;

		fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
		text[n > 0 ? n : 0] = 0;
		state = strrchr(text, ')');
		if (state && state[2] == 'Z')
			return;
		poll(NULL, 0, 1);
	}
	fail_msg("process %d has not ended", (int)pid);
}

static void test_a_stop_leaves_the_tree_its_grace_when_the_leader_has_ended(void **state)
{
	char text[64], fifo[80], script[512];
	struct child *child;
	int fd;

	node_start();
	snprintf(fifo, sizeof(fifo), "%s/fifo", node.root);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	snprintf(script, sizeof(script),
		"sh -c 'trap \"echo heard; read x <%s; echo clean; exit\" TERM; echo up; while :; do sleep 0.01; done' & "
		"wait",
		fifo);
	spawn_shell(1, script);
	child = hear_running(1);
	read_lines(child->fds[0], 1, text, sizeof(text));
	send_stop_tree(1, PATIENCE_MS);
	read_lines(child->fds[0], 1, text, sizeof(text));
	assert_string_equal(text, "heard\n");
	await_zombie(child->slot.pid); /* the leader is dead, and held */
	round_trip();
	assert_int_equal(child_of(1)->slot.stage, KEEPER_RUNNING);
	fd = open(fifo, O_WRONLY | O_CLOEXEC);
	close(fd);
	unlink(fifo);
	read_lines(child->fds[0], 1, text, sizeof(text));
	assert_string_equal(text, "clean\n");
	child = hear_final(1);
	assert_int_equal(child->slot.code, CLD_KILLED);
	assert_int_equal(child->slot.status, SIGTERM); /* the leader's own */
	assert_int_equal(child->slot.flags & KEEPER_SLOT_TREE_LEFT, 0);
	expect_eof(child->fds[0]);
}

static void test_what_is_left_when_the_grace_is_over_is_killed(void **state)
{
	struct child *child;
	char text[64];

	node_start();
	spawn_shell(1,
		"(trap '' TERM; echo up; exec sleep 1000) & (trap '' TERM; echo up; exec setsid sleep 1000) & wait");
	child = hear_running(1);
	read_lines(child->fds[0], 2, text, sizeof(text));
	send_stop_tree(1, 50);
	child = hear_final(1);
	assert_int_equal(child->slot.status, SIGTERM);
	expect_eof(child->fds[0]);
	round_trip();
	assert_int_equal(count_children(node.pid), 1);
}

static void test_a_kill_ends_the_grace(void **state)
{
	struct child *child;
	char text[64];

	node_start();
	spawn_shell(1, "(trap '' TERM; echo up; exec sleep 1000) & wait");
	child = hear_running(1);
	read_lines(child->fds[0], 1, text, sizeof(text));
	send_stop_tree(1, 3600 * 1000);
	await_zombie(child->slot.pid);
	send_kill_tree(1);
	child = hear_final(1);
	assert_int_equal(child->slot.status, SIGTERM);
	expect_eof(child->fds[0]);
}

/* A session of its own, an empty environment, no parent, and an older group that lives. */
#define STRANGER "(env -i /usr/bin/setsid /bin/sh -c '(echo up; exec /bin/sleep 1000) &') & "

static void test_a_descendant_that_threw_away_its_environment_and_session_ends_with_its_group(void **state)
{
	struct child *child, *older;
	char text[64];

	node_start();
	spawn_shell(1, "exec sleep 1000");
	older = hear_running(1);
	spawn_shell(2, STRANGER "exec sleep 1000");
	spawn_shell(3, STRANGER "exec sleep 1000");
	child = hear_running(2);
	hear_running(3);
	read_lines(child->fds[0], 1, text, sizeof(text));
	read_lines(child_of(3)->fds[0], 1, text, sizeof(text));
	kill(child->slot.pid, SIGKILL);
	child = hear_final(2);
	expect_eof(child->fds[0]);
	send_kill_tree(3);
	child = hear_final(3);
	expect_eof(child->fds[0]);
	assert_int_equal(kill(older->slot.pid, 0), 0);
	round_trip();
	assert_int_equal(count_children(node.pid), 2); /* the supervisor and the older one's leader */
}

/* Beside that, a limit of its own: nothing says whose it is. This program's --shed starts one. */
static const char *self_path(void)
{
	static char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = 0;
	return self;
}

static int shed(bool stay)
{
	struct rlimit limit = {1000000, 1000000};

	if (!stay) {
		if (fork() > 0)
			return execl("/bin/sleep", "sleep", "1000", NULL);
		if (fork() > 0)
			_exit(0); /* at once: a sanitizer's look for leaks would start a process more */
	}
	setrlimit(RLIMIT_RTTIME, &limit);
	setsid();
	/* "up" is said when the old environment is gone */
	return execle(
		"/bin/sh", "sh", "-c", "echo up; while :; do /bin/sleep 1000; done", NULL, (char *[]){NULL});
}

static void test_one_that_shed_everything_ends_with_the_last_group_it_can_be_of(void **state)
{
	struct child *child;
	char text[64];

	node_start();
	spawn_shell(1, "exec sleep 1000");
	hear_running(1);
	spawn_argv(2, (const char *const[]){self_path(), "--shed", NULL});
	child = hear_running(2);
	read_lines(child->fds[0], 1, text, sizeof(text));
	kill(child->slot.pid, SIGKILL);
	hear_final(2);
	log_expect("carries nothing that says of which group it is");
	while (count_children(node.pid) != 3) /* it may be the first group's; who forked it is still ending */
		round_trip();
	send_kill_tree(1);
	hear_final(1);
	expect_eof(child_of(2)->fds[0]);
}

static void test_one_that_shed_everything_is_found_while_it_hangs_on_the_tree(void **state)
{
	struct child *child;
	char text[64];

	node_start();
	spawn_shell(1, "exec sleep 1000");
	hear_running(1);
	spawn_argv(2, (const char *const[]){
			      "/bin/sh", "-c", "\"$0\" --shed-and-stay & echo; wait", self_path(), NULL});
	child = hear_running(2);
	read_lines(child->fds[0], 2, text, sizeof(text));
	send_kill_tree(2);
	child = hear_final(2);
	while (count_children(node.pid) != 2)
		round_trip();
	expect_eof(child->fds[0]);
}

/* ---- the end of the node ---- */

static void test_keeper_killed_leaves_nobody(void **state)
{
	struct child *child;
	char text[64];
	int out;

	node_start();
	spawn_shell(1, DAEMONS "sleep 1000");
	spawn_argv(2, (const char *const[]){"sleep", "1000", NULL});
	child = hear_running(1);
	hear_running(2);
	out = child->fds[0];
	read_lines(out, 6, text, sizeof(text));
	kill(node.pid, SIGKILL);
	expect_eof(out);
	expect_eof(child_of(2)->fds[0]);
	wait_readable(node.control_fd); /* the supervisor swept, and went */
	assert_int_equal(read(node.control_fd, text, 1), 0);
	assert_int_equal(sweep_kill(node.hello.node_id, NULL, 0, NULL, 0, PATIENCE_MS), 0);
}

static void test_a_keeper_that_is_killed_leaves_nobody_who_threw_away_his_environment(void **state)
{
	struct child *child;
	char text[64];

	node_start();
	spawn_shell(1, STRANGER "env -i /bin/sh -c 'echo up; exec /bin/sleep 1000' & wait");
	child = hear_running(1);
	read_lines(child->fds[0], 2, text, sizeof(text));
	kill(node.pid, SIGKILL);
	expect_eof(child->fds[0]);
}

static void test_a_stale_directory_is_swept_and_taken_over(void **state)
{
	uint64_t old_node_id;
	struct child *child;
	char text[64], path[128];
	int out;

	node_start();
	old_node_id = node.hello.node_id;
	spawn_shell(1, DAEMONS "sleep 1000");
	child = hear_running(1);
	out = dup(child->fds[0]);
	read_lines(out, 6, text, sizeof(text));
	snprintf(path, sizeof(path), "%s/broker.ipc", node.dir);
	assert_int_equal(mknod(path, S_IFSOCK | 0600, 0), 0);
	kill(node.supervisor_pid, SIGSTOP); /* both die: nobody is left to sweep */
	kill(node.pid, SIGKILL);
	kill(node.supervisor_pid, SIGKILL);
	keeper_wait();
	supervisor_forget();

	node_start();
	assert_true(node.hello.node_id != old_node_id);
	expect_eof(out);
	close(out);
	assert_int_equal(access(path, F_OK), -1);
	log_expect("processes behind");
}

static void test_a_second_start_is_refused(void **state)
{
	pid_t first;
	char text[128];

	node_start();
	first = node.pid;
	keeper_start(NULL);
	assert_int_equal(WEXITSTATUS(keeper_wait()), KEEPER_EXIT_RUNNING);
	node.pid = first;
	snprintf(text, sizeof(text), "already running, pid %d", (int)first);
	log_expect(text);
	spawn_argv(1, (const char *const[]){"true", NULL}); /* and the first did not notice */
	hear_final(1);
}

static void test_a_directory_that_is_not_private_is_refused(void **state)
{
	mkdir(node.dir, 0755);
	keeper_start(NULL);
	assert_int_equal(WEXITSTATUS(keeper_wait()), 1);
	log_expect("make it 0700");
	rmdir(node.dir);
	assert_int_equal(symlink("/tmp", node.dir), 0);
	keeper_start(NULL);
	assert_int_equal(WEXITSTATUS(keeper_wait()), 1);
	log_expect("symlink");
	unlink(node.dir);
}

static void test_somebodys_files_are_refused_and_stay(void **state)
{
	char path[128];

	mkdir(node.dir, 0700);
	snprintf(path, sizeof(path), "%s/thesis", node.dir);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	keeper_start(NULL);
	assert_int_equal(WEXITSTATUS(keeper_wait()), 1);
	log_expect("it has 'thesis'");
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(node.dir), 0); /* nor was a lock made in it */
}

static void test_a_file_that_came_later_outlives_the_node(void **state)
{
	char path[128], lock[128];

	node_start();
	snprintf(path, sizeof(path), "%s/thesis", node.dir);
	snprintf(lock, sizeof(lock), "%s/lock", node.dir);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	send_stop(0);
	assert_int_equal(write(node.control_fd, "\0", 1), 1);
	assert_int_equal(keeper_wait(), 0);
	supervisor_forget();
	log_expect("it has something that no node made");
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(access(lock, F_OK), 0);

	node_start(); /* it is still a node's */
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(unlink(path), 0);
}

static void test_readiness_is_one_newline(void **state)
{
	char text[8];

	node_start();
	send_plain(KEEPER_READY);
	send_plain(KEEPER_READY);
	wait_readable(node.ready_fd);
	assert_int_equal(read(node.ready_fd, text, sizeof(text)), 1);
	assert_int_equal(text[0], '\n');
	wait_readable(node.ready_fd);
	assert_int_equal(read(node.ready_fd, text, sizeof(text)), 0);
}

static void test_term_asks_for_an_orderly_end(void **state)
{
	struct child *child;

	node_start();
	spawn_argv(1, (const char *const[]){"sleep", "1000", NULL});
	child = hear_running(1);
	kill(node.pid, SIGTERM);
	while (!node.terminate.signo)
		hear();
	assert_int_equal(node.terminate.signo, SIGTERM);
	assert_true(node.terminate.limit_ms > 50000 && node.terminate.limit_ms <= 60000);
	assert_int_equal(kill(child->slot.pid, 0), 0); /* that is the supervisor's to do */
	send_signal(1, SIGTERM, 0);
	child = hear_final(1);
	assert_int_equal(child->slot.status, SIGTERM);
	send_stop(0);
	assert_int_equal(write(node.control_fd, "\0", 1), 1);
	assert_int_equal(keeper_wait(), 0);
	assert_int_equal(access(node.dir, F_OK), -1); /* it had made it */
}

static void test_stop_kills_what_is_left(void **state)
{
	struct child *child;
	char text[64];
	int out;

	node_start();
	spawn_shell(1, "trap '' TERM;" DAEMONS "sleep 1000");
	spawn_shell(2, "(env -i /usr/bin/setsid /bin/sh -c 'echo up; exec /bin/sleep 1000' &); sleep 1000");
	child = hear_running(1);
	read_lines(child->fds[0], 6, text, sizeof(text));
	hear_running(2);
	read_lines(child_of(2)->fds[0], 1, text, sizeof(text));
	out = child->fds[0];
	send_stop(3);
	assert_int_equal(write(node.control_fd, "\0", 1), 1);
	assert_int_equal(WEXITSTATUS(keeper_wait()), 3);
	expect_eof(out);
	expect_eof(child_of(2)->fds[0]); /* even one without marker and session */
}

static void test_a_second_term_kills_everything(void **state)
{
	struct child *child;

	node_start();
	spawn_shell(1, "trap '' TERM; sleep 1000");
	child = hear_running(1);
	kill(node.pid, SIGINT);
	while (!node.terminate.signo)
		hear();
	assert_int_equal(node.terminate.signo, SIGINT);
	kill(node.pid, SIGINT);
	assert_int_equal(keeper_wait(), 0);
	expect_eof(child->fds[0]);
	assert_int_equal(access(node.dir, F_OK), -1);
}

static void test_an_orderly_end_has_a_limit(void **state)
{
	struct child *child;

	keeper_start((const char *const[]){"--stop-limit", "1", NULL});
	supervisor_accept();
	spawn_argv(1, (const char *const[]){"sleep", "1000", NULL});
	child = hear_running(1);
	kill(node.pid, SIGTERM);
	assert_int_equal(WEXITSTATUS(keeper_wait()), 1); /* the supervisor does nothing about it */
	expect_eof(child->fds[0]);
	log_expect("no orderly end within 1 s");
}

static void test_a_supervisor_that_answers_is_left_alone(void **state)
{
	keeper_start((const char *const[]){"--hang-limit", "3", NULL});
	supervisor_accept();
	while (node.n_pings < 4)
		assert_int_equal(hear(), 1);
	assert_int_equal(node.hello.n_deaths, 0);
	round_trip();
}

static void test_a_supervisor_that_does_not_answer_is_started_again(void **state)
{
	struct child *child;
	pid_t pid;

	keeper_start((const char *const[]){"--hang-limit", "1", NULL});
	supervisor_accept();
	spawn_argv(1, (const char *const[]){"sleep", "1000", NULL});
	child = hear_running(1);
	pid = child->slot.pid;
	node.silent = true;
	while (hear())
		;
	supervisor_forget();
	node.silent = false;
	supervisor_accept();
	assert_int_equal(node.hello.n_deaths, 1);
	assert_int_equal(node.hello.last_status, SIGKILL);
	log_expect("does not answer");
	assert_int_equal(hear_running(1)->slot.pid, pid); /* nobody else was hurt */
}

static void test_the_limit_of_an_orderly_end_counts_from_the_supervisors_word(void **state)
{
	int status;

	keeper_start((const char *const[]){"--stop-limit", "1", NULL});
	supervisor_accept();
	spawn_argv(1, (const char *const[]){"sleep", "1000", NULL});
	hear_running(1);
	send_plain(KEEPER_DOWN);
	status = keeper_wait();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	log_expect("no orderly end within 1 s");
}

static void test_a_queued_term_never_means_at_once(void **state)
{
	node_start();
	hear_synced();
	sigqueue(node.pid, SIGTERM, (union sigval){0});
	while (!node.terminate.signo)
		assert_int_equal(hear(), 1);
	for (int i = 0; i < 3; i++) {
		memset(&node.terminate, 0, sizeof(node.terminate));
		sigqueue(node.pid, SIGTERM, (union sigval){0});
		while (!node.terminate.signo)
			assert_int_equal(hear(), 1);
	}
	send_stop(0);
	assert_int_equal(WEXITSTATUS(keeper_wait()), 0);
}

static void test_a_supervisor_that_dies_while_the_node_ends_is_asked_again(void **state)
{
	node_start();
	kill(node.pid, SIGTERM);
	while (!node.terminate.signo)
		hear();
	supervisor_kill();
	supervisor_accept();
	assert_true(node.hello.flags & KEEPER_HELLO_TERMINATING);
	while (!node.terminate.signo)
		hear();
	send_stop(0);
	assert_int_equal(write(node.control_fd, "\0", 1), 1);
	assert_int_equal(keeper_wait(), 0);
}

#define KEEPER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		KEEPER_TEST(test_true_runs_and_exits_with_zero),
		KEEPER_TEST(test_exit_codes_and_signals_are_told_as_they_are),
		KEEPER_TEST(test_output_comes_through_pipes_and_stays_readable_after_the_exit),
		KEEPER_TEST(test_a_program_that_is_not_there_is_enoent),
		KEEPER_TEST(test_a_file_that_may_not_be_run_is_eacces),
		KEEPER_TEST(test_a_directory_that_is_not_there_is_told_with_its_step),
		KEEPER_TEST(test_an_unsealed_spec_fails_its_own_spawn_only),
		KEEPER_TEST(test_a_child_is_set_up_as_its_spec_says),
		KEEPER_TEST(test_a_child_gets_its_user_and_still_dies_with_the_keeper),
		KEEPER_TEST(test_a_daemon_is_told_the_node_and_its_key),
		KEEPER_TEST(test_a_notify_pipe_and_an_extra_fd_reach_the_child),
		KEEPER_TEST(test_signals_reach_the_leader_or_the_whole_tree),
		KEEPER_TEST(test_a_spawn_is_idempotent_by_its_cookie),
		KEEPER_TEST(test_ids_that_were_not_reserved_are_refused),
		KEEPER_TEST(test_a_supervisor_that_breaks_the_protocol_is_replaced),
		KEEPER_TEST(test_state_goes_to_the_next_supervisor),
		KEEPER_TEST(test_after_five_quick_deaths_by_its_own_fault_the_state_is_set_aside),
		KEEPER_TEST(test_kills_from_outside_never_set_the_state_aside),
		KEEPER_TEST(test_an_upgrade_is_no_death),
		KEEPER_TEST(test_the_next_supervisor_is_told_the_whole_table),
		KEEPER_TEST(test_a_thousand_exits_at_once_are_all_told),
		KEEPER_TEST(test_double_forked_grandchildren_end_with_their_group),
		KEEPER_TEST(test_a_grandchild_in_the_midst_of_exec_ends_with_its_group),
		KEEPER_TEST(test_a_descendant_without_the_marker_ends_with_its_session),
		KEEPER_TEST(test_an_orphan_that_ends_by_itself_is_reaped_silently),
		KEEPER_TEST(test_a_stop_leaves_the_tree_its_grace_when_the_leader_has_ended),
		KEEPER_TEST(test_what_is_left_when_the_grace_is_over_is_killed),
		KEEPER_TEST(test_a_kill_ends_the_grace),
		KEEPER_TEST(
			test_a_descendant_that_threw_away_its_environment_and_session_ends_with_its_group),
		KEEPER_TEST(test_one_that_shed_everything_ends_with_the_last_group_it_can_be_of),
		KEEPER_TEST(test_one_that_shed_everything_is_found_while_it_hangs_on_the_tree),
		KEEPER_TEST(test_a_keeper_that_is_killed_leaves_nobody_who_threw_away_his_environment),
		KEEPER_TEST(test_keeper_killed_leaves_nobody),
		KEEPER_TEST(test_a_stale_directory_is_swept_and_taken_over),
		KEEPER_TEST(test_a_second_start_is_refused),
		KEEPER_TEST(test_a_directory_that_is_not_private_is_refused),
		KEEPER_TEST(test_somebodys_files_are_refused_and_stay),
		KEEPER_TEST(test_a_file_that_came_later_outlives_the_node),
		KEEPER_TEST(test_readiness_is_one_newline),
		KEEPER_TEST(test_term_asks_for_an_orderly_end),
		KEEPER_TEST(test_stop_kills_what_is_left),
		KEEPER_TEST(test_a_second_term_kills_everything),
		KEEPER_TEST(test_an_orderly_end_has_a_limit),
		KEEPER_TEST(test_a_supervisor_that_dies_while_the_node_ends_is_asked_again),
		KEEPER_TEST(test_a_supervisor_that_answers_is_left_alone),
		KEEPER_TEST(test_a_supervisor_that_does_not_answer_is_started_again),
		KEEPER_TEST(test_the_limit_of_an_orderly_end_counts_from_the_supervisors_word),
		KEEPER_TEST(test_a_queued_term_never_means_at_once),
	};

	if (argc > 1)
		return shed(!strcmp(argv[1], "--shed-and-stay"));
	return run_facts(tests);
}

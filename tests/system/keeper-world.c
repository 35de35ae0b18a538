/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/keeper-world.h"

struct node node;

/* ---- fixture ---- */

void wait_readable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&poll_fd, 1, PATIENCE_MS), 1);
}

void keeper_start(const char *const *more)
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

static bool log_has(const char *text, char content[4096])
{
	int fd = open(node.log, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, content, 4095);

	close(fd);
	content[n > 0 ? n : 0] = 0;
	return strstr(content, text);
}

void log_expect(const char *text)
{
	char content[4096];

	if (!log_has(text, content))
		fail_msg("\"%s\" is not in the keeper's log: %s", text, content);
}

void log_await(const char *text)
{
	char content[4096];

	for (int ms = 0; !log_has(text, content); ms += 5) {
		if (ms >= PATIENCE_MS)
			fail_msg("\"%s\" does not come into the keeper's log: %s", text, content);
		usleep(5000);
	}
}

void fds_drop(struct child *child)
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

void supervisor_forget(void)
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

int setup(void **state)
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

int teardown(void **state)
{
	char path[128];

	if (node.pid > 0) {
		kill(node.pid, SIGKILL);
		waitpid(node.pid, NULL, 0);
	}
	if (node.hello.node_id)
		sweep_kill(node.hello.node_id, NULL, 0, NULL, 0, 10000, NULL);
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

void supervisor_accept(void)
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

void node_start(void)
{
	keeper_start(NULL);
	supervisor_accept();
}

void supervisor_kill(void)
{
	kill(node.supervisor_pid, SIGKILL);
	supervisor_forget();
}

void supervisor_fail(void)
{
	assert_int_equal(write(node.control_fd, "\1", 1), 1); /* says: exit with 1 */
	supervisor_forget();
}

void send_record(union keeper_record *record, const int *fds, size_t n_fds)
{
	struct pollfd poll_fd = {.fd = node.socket_fd, .events = POLLOUT};
	int r;

	while ((r = keeper_send(node.socket_fd, record, fds, n_fds)) == -EAGAIN)
		poll(&poll_fd, 1, PATIENCE_MS);
	assert_int_equal(r, 0);
}

void send_plain(enum keeper_type type)
{
	union keeper_record record;

	keeper_record_init(&record, type);
	send_record(&record, NULL, 0);
}

void send_stop(int exit_code)
{
	union keeper_record record;

	keeper_record_init(&record, KEEPER_STOP);
	record.stop.exit_code = exit_code;
	send_record(&record, NULL, 0);
}

void send_signal(uint64_t cookie, int signo, uint32_t flags)
{
	union keeper_record record;

	keeper_record_init(&record, KEEPER_SIGNAL);
	record.signal.cookie = cookie;
	record.signal.signo = signo;
	record.signal.flags = flags;
	send_record(&record, NULL, 0);
}

void send_stop_tree(uint64_t cookie, uint32_t grace_ms)
{
	union keeper_record record;

	keeper_record_init(&record, KEEPER_SIGNAL);
	record.signal.cookie = cookie;
	record.signal.signo = SIGTERM;
	record.signal.flags = KEEPER_SIGNAL_TREE | KEEPER_SIGNAL_STOP;
	record.signal.grace_ms = grace_ms;
	send_record(&record, NULL, 0);
}

void send_kill_tree(uint64_t cookie)
{
	union keeper_record record;

	keeper_record_init(&record, KEEPER_KILL_TREE);
	record.kill_tree.cookie = cookie;
	send_record(&record, NULL, 0);
}

struct child *child_of(uint64_t cookie)
{
	unsigned i;

	for (i = 0; i < node.n_children; i++)
		if (node.children[i].slot.cookie == cookie)
			return &node.children[i];
	return NULL;
}

bool is_final(const struct child *child)
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
			assert_int_equal(child->fds[i], -1); /* a descriptor is handed over only once */
			child->fds[i] = fds[n++];
		}
	if (node.ack && is_final(child))
		send_ack(slot);
}

int hear(void)
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

struct child *hear_final(uint64_t cookie)
{
	while (!is_final(child_of(cookie)))
		assert_int_equal(hear(), 1);
	return child_of(cookie);
}

struct child *hear_running(uint64_t cookie)
{
	while (!child_of(cookie) || child_of(cookie)->slot.stage < KEEPER_RUNNING)
		assert_int_equal(hear(), 1);
	return child_of(cookie);
}

void hear_synced(void)
{
	while (!node.synced)
		assert_int_equal(hear(), 1);
}

void round_trip(void)
{
	union keeper_record record;

	memset(&node.reserved, 0, sizeof(node.reserved));
	keeper_record_init(&record, KEEPER_RESERVE);
	record.reserve.n = 1;
	send_record(&record, NULL, 0);
	while (!node.reserved.n)
		assert_int_equal(hear(), 1);
}
const char *const env_path[] = {"PATH=/usr/local/bin:/usr/bin:/bin", NULL};

void spawn_with(uint64_t cookie, uint64_t group_id, struct keeper_spec *spec, struct keeper_spawn flags)
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

uint64_t spawn_argv(uint64_t cookie, const char *const *argv)
{
	struct keeper_spec spec = {.argv = argv};
	uint64_t group_id = node.next_group_id++;

	assert_true(group_id < node.end_group_id);
	spawn_with(cookie, group_id, &spec, (struct keeper_spawn){0});
	return group_id;
}

uint64_t spawn_shell(uint64_t cookie, const char *script)
{
	return spawn_argv(cookie, (const char *const[]){"sh", "-c", script, NULL});
}

void read_lines(int fd, unsigned n_lines, char *text, size_t size_bytes)
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

void expect_eof(int fd)
{
	char rest[4096];

	read_lines(fd, 0, rest, sizeof(rest));
}

unsigned count_fds(pid_t pid)
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

unsigned count_children(pid_t pid)
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

int keeper_wait(void)
{
	int status;

	assert_int_equal(waitpid(node.pid, &status, 0), node.pid);
	node.pid = 0;
	return status;
}

/* ---- trees ---- */

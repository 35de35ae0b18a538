/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transport from outside: two transports in one process where that is enough, a second process (this
 * program again, see peer_main) where credentials and death matter, and plain Unix sockets for peers that
 * speak nonsense.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "libactor/transport/files.h"
#include "libactor/transport/transport.h"
#include "libactor/util/clock.h"
#include "libactor/util/list.h"
#include "libactor/protocol/wire.h"
#include "tests/fact.h"

#define PATIENCE_MS 20000 /* only reached when something is broken */

static bool is_native(void)
{
	return !strcmp(transport_name(), "native");
}

static struct transport_peer myself(void)
{
	return (struct transport_peer){.uid = getuid(), .pid = getpid()};
}

/* ---- tools ---- */

struct world {
	char dir[64];
	char path[400];
	struct transport *a, *b;
	int fds;
};

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 3; /* ".", "..", and the directory itself */
}

/* Both ends are in our hands: while one is waited for, the other must run too, and what it says is kept
 * until it is asked. */
struct kept {
	struct list node;
	struct transport *transport;
	struct transport_event event;
	uint8_t data[];
};

static struct transport *both[2];
static struct list kept_events = {&kept_events, &kept_events};
static struct kept *kept_current;

static bool kept_take(struct transport *transport, struct transport_event *ret)
{
	free(kept_current);
	kept_current = NULL;
	list_for_each(it, &kept_events) {
		struct kept *kept = container_of(it, struct kept, node);

		if (kept->transport != transport)
			continue;
		list_remove(&kept->node);
		kept_current = kept;
		*ret = kept->event;
		ret->data = kept->data;
		return true;
	}
	return false;
}

static void keep_events(struct transport *transport)
{
	struct transport_event event;

	while (transport_next(transport, &event)) {
		struct kept *kept = calloc(1, sizeof(*kept) + event.size_bytes);

		assert_non_null(kept);
		kept->transport = transport;
		kept->event = event;
		if (event.size_bytes > 0)
			memcpy(kept->data, event.data, event.size_bytes);
		list_append(&kept_events, &kept->node);
	}
}

static bool next_within(struct transport *transport, struct transport_event *ret, int64_t patience_ms,
	struct transport *other)
{
	int64_t deadline_ms = clock_now_ms() + patience_ms;

	for (;;) {
		struct pollfd fds[2] = {{.fd = transport_fd(transport), .events = POLLIN}};
		int64_t left_ms = deadline_ms - clock_now_ms();

		if (kept_take(transport, ret) || transport_next(transport, ret))
			return true;
		if (left_ms <= 0)
			return false;
		if (other)
			fds[1] = (struct pollfd){.fd = transport_fd(other), .events = POLLIN};
		poll(fds, other ? 2 : 1, (int)left_ms);
		if (fds[1].revents)
			keep_events(other);
	}
}

static bool next_event(struct transport *transport, struct transport_event *ret)
{
	return next_within(transport, ret, PATIENCE_MS, transport == both[0] ? both[1] : both[0]);
}

/* Reads until the other side closes; what it says meanwhile is kept. */
static void raw_wait_closed(struct transport *transport, int fd)
{
	struct pollfd fds[2] = {
		{.fd = fd, .events = POLLIN},
		{.fd = transport_fd(transport), .events = POLLIN},
	};
	char bytes[64];

	for (;;) {
		assert_true(poll(fds, 2, PATIENCE_MS) > 0);
		if (fds[1].revents)
			keep_events(transport);
		if (fds[0].revents && read(fd, bytes, sizeof(bytes)) <= 0)
			break;
	}
	close(fd);
}

static void expect_event(
	struct transport *transport, enum transport_event_type type, struct transport_event *ret)
{
	struct transport_event event;

	if (!next_event(transport, &event))
		fail_msg("no event, expected %d", type);
	if (event.type != type)
		fail_msg("event %d error %d, expected %d", event.type, event.error, type);
	if (ret)
		*ret = event;
}

static void expect_down(struct transport *transport, struct pipe *link, int error)
{
	struct transport_event event;

	expect_event(transport, TRANSPORT_PIPE_DOWN, &event);
	assert_ptr_equal(event.pipe, link);
	assert_int_equal(event.error, error);
}

/* nng does not tell why a connection ended. */
static void expect_down_for(struct transport *transport, struct pipe *link, int error)
{
	expect_down(transport, link, is_native() ? error : -ECONNRESET);
}

/* nng may have shaken hands with a peer before it refuses it. */
static void expect_down_perhaps_after_up(struct transport *transport, struct pipe *link)
{
	struct transport_event event;

	do {
		assert_true(next_event(transport, &event));
		assert_ptr_equal(event.pipe, link);
	} while (event.type == TRANSPORT_PIPE_UP);
	assert_int_equal(event.type, TRANSPORT_PIPE_DOWN);
}

static void expect_data(struct transport *transport, struct pipe *link, const char *text)
{
	struct transport_event event;

	expect_event(transport, TRANSPORT_PIPE_DATA, &event);
	assert_ptr_equal(event.pipe, link);
	assert_int_equal(event.size_bytes, strlen(text));
	assert_memory_equal(event.data, text, strlen(text));
}

static void expect_silence(struct transport *transport)
{
	struct transport_event event;

	if (next_within(transport, &event, 30, NULL))
		fail_msg("event %d error %d, expected none", event.type, event.error);
}

static void say(struct pipe *link, const char *text)
{
	buf_append(pipe_out(link), text, strlen(text));
	pipe_flush(link);
}

static void make_pair(struct world *w, struct pipe **ret_a, struct pipe **ret_b)
{
	assert_int_equal(pipe_listen(w->a, w->path, myself(), PATIENCE_MS, NULL, ret_a), 0);
	assert_int_equal(pipe_dial(w->b, w->path, myself(), PATIENCE_MS, NULL, ret_b), 0);
	expect_event(w->a, TRANSPORT_PIPE_UP, NULL);
	expect_event(w->b, TRANSPORT_PIPE_UP, NULL);
}

static pid_t peer_start(const char *mode, const char *path)
{
	char *argv[] = {(char *)"test-transport-peer", (char *)mode, (char *)path, NULL};
	pid_t pid;

	assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ), 0);
	return pid;
}

static void peer_reap(pid_t pid, bool killed)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (killed)
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	else
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int raw_socket(const char *path, struct sockaddr_un *ret)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	assert_true(strlen(path) < sizeof(ret->sun_path));
	memcpy(ret->sun_path, path, strlen(path));
	return fd;
}

static int raw_connect(const char *path)
{
	struct sockaddr_un sun;
	int fd = raw_socket(path, &sun);

	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

static int raw_bind(const char *path, bool listening)
{
	struct sockaddr_un sun;
	int fd = raw_socket(path, &sun);

	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	if (listening)
		assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static void raw_write(int fd, const void *data, size_t n)
{
	assert_int_equal(write(fd, data, n), n);
}

static int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct transport *warm;

	/* nng keeps a few descriptors from its first use on. */
	assert_int_equal(transport_new(&warm), 0);
	transport_free(warm);

	strcpy(w->dir, "/tmp/test-transport-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/s", w->dir);
	w->fds = count_fds();
	assert_int_equal(transport_new(&w->a), 0);
	assert_int_equal(transport_new(&w->b), 0);
	both[0] = w->a;
	both[1] = w->b;
	*state = w;
	return 0;
}

static int world_teardown(void **state)
{
	struct world *w = *state;
	int64_t deadline_ms = clock_now_ms() + (is_native() ? 0 : 1000);
	struct transport_event event;

	transport_free(w->a);
	transport_free(w->b);
	while (kept_take(w->a, &event) || kept_take(w->b, &event))
		;
	/*
	 * nng closes descriptors on a thread of its own, and 1.5.2 forgets those of a pipe that comes just
	 * when its socket is closed.
	 */
	while (count_fds() != w->fds && clock_now_ms() < deadline_ms)
		poll(NULL, 0, 1);
	assert_in_range(count_fds(), w->fds, w->fds + (is_native() ? 0 : 4));
	assert_int_equal(rmdir(w->dir), 0); /* no socket file is left */
	free(w);
	return 0;
}

/* ---- links ---- */

static void test_both_ends_come_up_and_know_each_other(void **state)
{
	struct world *w = *state;
	struct pipe *a, *b;
	struct transport_event event;

	assert_int_equal(pipe_listen(w->a, w->path, myself(), PATIENCE_MS, w, &a), 0);
	assert_false(pipe_is_up(a));
	assert_int_equal(pipe_dial(w->b, w->path, myself(), PATIENCE_MS, NULL, &b), 0);
	expect_event(w->a, TRANSPORT_PIPE_UP, &event);
	assert_ptr_equal(event.pipe, a);
	assert_ptr_equal(event.user, w);
	assert_int_equal(event.peer.uid, getuid());
	assert_int_equal(event.peer.pid, getpid());
	assert_true(pipe_is_up(a));
	assert_int_equal(access(w->path, F_OK), -1);
	expect_event(w->b, TRANSPORT_PIPE_UP, &event);
	assert_int_equal(event.peer.pid, getpid());

	say(a, "ping");
	expect_data(w->b, b, "ping");
	say(b, "pong");
	expect_data(w->a, a, "pong");

	pipe_free(b);
	expect_down(w->a, a, -ECONNRESET);
	assert_false(pipe_is_up(a));
	expect_silence(w->a);
	say(a, "into nothing");
	assert_int_equal(pipe_backlog_bytes(a), 0);
}

static void test_frames_written_before_up_arrive(void **state)
{
	struct world *w = *state;
	struct pipe *a, *b;

	assert_int_equal(pipe_listen(w->a, w->path, myself(), PATIENCE_MS, NULL, &a), 0);
	say(a, "one");
	say(a, "two");
	assert_int_equal(pipe_backlog_bytes(a), 6);
	assert_int_equal(pipe_dial(w->b, w->path, myself(), PATIENCE_MS, NULL, &b), 0);
	say(b, "three");
	expect_event(w->a, TRANSPORT_PIPE_UP, NULL);
	expect_event(w->b, TRANSPORT_PIPE_UP, NULL);
	expect_data(w->b, b, "onetwo");
	expect_data(w->a, a, "three");
}

static void test_frames_keep_their_order_and_are_never_split(void **state)
{
	struct world *w = *state;
	struct pipe *a, *b;
	uint32_t expected = 0;
	struct transport_event event;

	make_pair(w, &a, &b);
	for (uint32_t i = 0; i < 100000; i++) {
		uint32_t frame[3] = {i, ~i, i * 7};

		buf_append(pipe_out(a), frame, sizeof(frame));
		pipe_mark(a);
		if (i % 3 == 0)
			pipe_flush(a);
	}
	pipe_flush(a);
	while (expected < 100000) {
		expect_event(w->b, TRANSPORT_PIPE_DATA, &event);
		assert_int_equal(event.size_bytes % 12, 0);
		assert_true(event.size_bytes <= TRANSPORT_BATCH_BYTES + 12);
		for (size_t at = 0; at < event.size_bytes; at += 12, expected++) {
			uint32_t frame[3];

			memcpy(frame, event.data + at, 12);
			if (frame[0] != expected || frame[1] != ~expected)
				fail_msg("frame %u in place of %u", frame[0], expected);
		}
	}
	expect_silence(w->b);
}

static void test_the_biggest_message_passes_and_a_bigger_one_ends_the_link(void **state)
{
	struct world *w = *state;
	struct pipe *a, *b;
	struct transport_event event;

	make_pair(w, &a, &b);
	for (int more = 0; more < 2; more++) {
		size_t n = WIRE_MESSAGE_MAX_BYTES + more;
		uint8_t *at = buf_reserve(pipe_out(a), n);

		assert_non_null(at);
		memset(at, 'x', n);
		pipe_out(a)->size_bytes += n;
		pipe_flush(a);
		if (more)
			break;
		expect_event(w->b, TRANSPORT_PIPE_DATA, &event);
		assert_int_equal(event.size_bytes, n);
	}
	expect_down(w->a, a, -EMSGSIZE);
	expect_down(w->b, b, -ECONNRESET);
}

static void test_drained_says_that_the_kernel_has_everything(void **state)
{
	struct world *w = *state;
	struct transport_event event;
	struct pipe *a, *b;
	size_t received = 0, n = 0;
	uint8_t bytes[1000] = {0};

	make_pair(w, &a, &b);
	pipe_notify_drained(a);
	expect_event(w->a, TRANSPORT_PIPE_DRAINED, &event);
	assert_ptr_equal(event.pipe, a);

	for (; n < 10000000; n += sizeof(bytes)) {
		buf_append(pipe_out(a), bytes, sizeof(bytes));
		pipe_mark(a);
	}
	pipe_notify_drained(a);
	expect_silence(w->a); /* 10 MB do not fit anywhere: the receiver stops at 4 MiB */
	while (received < n) {
		expect_event(w->b, TRANSPORT_PIPE_DATA, &event);
		received += event.size_bytes;
	}
	expect_event(w->a, TRANSPORT_PIPE_DRAINED, NULL);
	assert_int_equal(pipe_backlog_bytes(a), 0);
	expect_silence(w->a);
}

static void test_a_sender_is_held_while_nobody_reads(void **state)
{
	struct world *w = *state;
	const size_t total = 48u << 20, chunk = 64u << 10;
	struct transport_event event;
	struct pipe *a, *b;
	uint8_t *bytes = calloc(1, chunk);
	size_t backlog, received = 0;
	int same = 0;

	make_pair(w, &a, &b);
	for (size_t n = 0; n < total; n += chunk) {
		memcpy(bytes, &n, sizeof(n));
		buf_append(pipe_out(a), bytes, chunk);
		pipe_flush(a);
	}
	backlog = pipe_backlog_bytes(a);
	while (same < 100) { /* until it moves no more */
		poll(NULL, 0, 2);
		same = pipe_backlog_bytes(a) == backlog ? same + 1 : 0;
		backlog = pipe_backlog_bytes(a);
	}
	/* unread data, one message beyond it, one in nng's hands at each end, socket buffers */
	assert_true(total - backlog > 0);
	assert_true(total - backlog <= TRANSPORT_INBOUND_MAX_BYTES + 4 * TRANSPORT_BATCH_BYTES + (1u << 20));

	while (received < total) {
		expect_event(w->b, TRANSPORT_PIPE_DATA, &event);
		for (size_t at = 0; at < event.size_bytes; at += chunk, received += chunk)
			assert_memory_equal(event.data + at, &received, sizeof(received));
	}
	free(bytes);
}

static void test_a_path_may_be_long(void **state)
{
	struct world *w = *state;
	char deep[200], name[101], too_long[400];
	struct pipe *a, *b;

	memset(name, 'd', 100);
	name[100] = 0;
	snprintf(deep, sizeof(deep), "%s/%s", w->dir, name);
	assert_int_equal(mkdir(deep, 0700), 0);
	snprintf(w->path, sizeof(w->path), "%s/socket", deep);
	assert_true(strlen(w->path) > 107);

	make_pair(w, &a, &b);
	assert_int_equal(access(w->path, F_OK), -1);
	say(a, "hi");
	expect_data(w->b, b, "hi");
	pipe_free(a);
	expect_down(w->b, b, -ECONNRESET);

	/* a listener that nobody found cleans up as well */
	assert_int_equal(pipe_listen(w->a, w->path, myself(), -1, NULL, &a), 0);
	assert_int_equal(access(w->path, F_OK), 0);
	pipe_free(a);
	assert_int_equal(access(w->path, F_OK), -1);
	assert_int_equal(rmdir(deep), 0);

	snprintf(too_long, sizeof(too_long), "%s/%s%s", w->dir, name, name);
	assert_int_equal(pipe_listen(w->a, too_long, myself(), -1, NULL, &a), -ENAMETOOLONG);
}

static void test_nobody_comes(void **state)
{
	struct world *w = *state;
	struct pipe *a;

	assert_int_equal(pipe_listen(w->a, w->path, myself(), 20, NULL, &a), 0);
	expect_down(w->a, a, -ETIMEDOUT);
	expect_silence(w->a);
}

static void test_dialling_where_nobody_listens_fails_at_once(void **state)
{
	struct world *w = *state;
	struct pipe *b;
	int fd;

	assert_int_equal(pipe_dial(w->b, w->path, myself(), -1, NULL, &b), 0);
	expect_down(w->b, b, -ENOENT);

	fd = raw_bind(w->path, true);
	assert_int_equal(pipe_dial(w->b, w->path, myself(), 50, NULL, &b), 0);
	expect_down(w->b, b, -ETIMEDOUT); /* somebody who never says a word */
	close(fd);

	assert_int_equal(pipe_dial(w->b, w->path, myself(), -1, NULL, &b), 0);
	expect_down(w->b, b, -ECONNREFUSED);
	unlink(w->path);
}

/* ---- admission ---- */

static void test_a_peer_of_another_user_is_refused(void **state)
{
	struct world *w = *state;
	struct transport_peer other = {.uid = getuid() + 1};
	struct pipe *a, *b;

	assert_int_equal(pipe_listen(w->a, w->path, other, 300, NULL, &a), 0);
	assert_int_equal(pipe_dial(w->b, w->path, myself(), 100, NULL, &b), 0);
	say(b, "let me in");
	expect_down_perhaps_after_up(w->b, b);
	expect_down(w->a, a, -EACCES); /* and no data before it */
	pipe_free(a);

	assert_int_equal(pipe_listen(w->a, w->path, myself(), 200, NULL, &a), 0);
	assert_int_equal(pipe_dial(w->b, w->path, other, PATIENCE_MS, NULL, &b), 0);
	expect_down(w->b, b, -EACCES);
}

static void test_a_wrong_process_does_not_use_up_the_place(void **state)
{
	struct world *w = *state;
	struct transport_event event;
	struct pipe *a, *b;
	int status;
	pid_t pid;

	pid = peer_start("echo-stopped", w->path);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	struct transport_peer expect = {.uid = getuid(), .pid = pid};

	assert_int_equal(pipe_listen(w->a, w->path, expect, PATIENCE_MS, NULL, &a), 0);
	assert_int_equal(pipe_dial(w->b, w->path, myself(), PATIENCE_MS, NULL, &b), 0);
	expect_down_perhaps_after_up(w->b, b);

	kill(pid, SIGCONT);
	expect_event(w->a, TRANSPORT_PIPE_UP, &event);
	assert_int_equal(event.peer.pid, pid);
	say(a, "hello");
	expect_data(w->a, a, "hello");
	pipe_free(a);
	peer_reap(pid, false);
}

static void test_a_second_dialer_is_refused_and_the_first_goes_on(void **state)
{
	struct world *w = *state;
	struct pipe *a, *b, *c;

	assert_int_equal(pipe_listen(w->a, w->path, myself(), PATIENCE_MS, NULL, &a), 0);
	assert_int_equal(pipe_dial(w->b, w->path, myself(), PATIENCE_MS, NULL, &b), 0);
	expect_event(w->b, TRANSPORT_PIPE_UP, NULL);
	say(b, "first");
	assert_int_equal(pipe_dial(w->b, w->path, myself(), PATIENCE_MS, NULL, &c), 0);
	say(c, "second");
	expect_down_perhaps_after_up(w->b, c);

	expect_event(w->a, TRANSPORT_PIPE_UP, NULL);
	expect_data(w->a, a, "first");
	say(a, "still here");
	expect_data(w->b, b, "still here");
	expect_silence(w->a);
}

/* ---- peers that die or talk nonsense ---- */

static void test_what_a_killed_peer_sent_arrives_before_down(void **state)
{
	struct world *w = *state;

	for (int round = 0; round < 5; round++) {
		struct transport_peer expect = {.uid = getuid()};
		struct transport_event event;
		struct pipe *a;
		uint32_t expected = 0;
		pid_t pid;

		assert_int_equal(pipe_listen(w->a, w->path, expect, PATIENCE_MS, NULL, &a), 0);
		pid = peer_start("send-and-die", w->path);
		expect_event(w->a, TRANSPORT_PIPE_UP, NULL);
		for (;;) {
			assert_true(next_event(w->a, &event));
			if (event.type == TRANSPORT_PIPE_DOWN)
				break;
			assert_int_equal(event.type, TRANSPORT_PIPE_DATA);
			for (size_t at = 0; at < event.size_bytes; at += 4, expected++)
				assert_memory_equal(event.data + at, &expected, 4);
		}
		assert_int_equal(event.error, -ECONNRESET);
		assert_int_equal(expected, 10000);
		peer_reap(pid, true);
		pipe_free(a);
	}
}

static const uint8_t sp_pair[8] = {0, 'S', 'P', 0, 0, 16, 0, 0};
static const uint8_t sp_req[8] = {0, 'S', 'P', 0, 0, 48, 0, 0};

static void test_a_message_too_big_ends_the_link(void **state)
{
	struct world *w = *state;
	uint8_t head[9] = {1, 0, 0, 0, 0, 2, 0, 0, 0}; /* 32 MiB */
	struct pipe *a;
	int fd;

	assert_int_equal(pipe_listen(w->a, w->path, myself(), PATIENCE_MS, NULL, &a), 0);
	fd = raw_connect(w->path);
	raw_write(fd, sp_pair, 8);
	expect_event(w->a, TRANSPORT_PIPE_UP, NULL);
	raw_write(fd, "\1\0\0\0\0\0\0\0\2ok", 11);
	expect_data(w->a, a, "ok");
	raw_write(fd, head, sizeof(head));
	expect_down_for(w->a, a, -EMSGSIZE);
	raw_wait_closed(w->a, fd);
}

static void test_garbage_costs_only_the_connection_it_came_on(void **state)
{
	struct world *w = *state;
	struct pipe *a, *b;
	int silent, fd;

	if (!is_native())
		goto up; /* nng 1.5.2 may stop accepting after a wrong greeting */
	assert_int_equal(pipe_listen(w->a, w->path, myself(), PATIENCE_MS, NULL, &a), 0);
	silent = raw_connect(w->path);
	fd = raw_connect(w->path);
	raw_write(fd, "GET / HTTP/1.1\r\n\r\n", 18);
	raw_wait_closed(w->a, fd);
	fd = raw_connect(w->path);
	raw_write(fd, sp_pair, 5);
	close(fd);
	fd = raw_connect(w->path);
	raw_write(fd, sp_req, 8);
	raw_wait_closed(w->a, fd);

	assert_int_equal(pipe_dial(w->b, w->path, myself(), PATIENCE_MS, NULL, &b), 0);
	expect_event(w->a, TRANSPORT_PIPE_UP, NULL);
	expect_event(w->b, TRANSPORT_PIPE_UP, NULL);
	say(b, "sense");
	expect_data(w->a, a, "sense");
	close(silent);
	expect_silence(w->a);
	pipe_free(a);
up:
	assert_int_equal(pipe_listen(w->a, w->path, myself(), PATIENCE_MS, NULL, &a), 0);
	fd = raw_connect(w->path);
	raw_write(fd, sp_pair, 8);
	expect_event(w->a, TRANSPORT_PIPE_UP, NULL);
	raw_write(fd, "\7nonsense", 9);
	expect_down_for(w->a, a, -EPROTO);
	raw_wait_closed(w->a, fd);
}

/* ---- freeing ---- */

static void test_a_freed_link_says_nothing_more(void **state)
{
	struct world *w = *state;
	struct transport_event event;
	struct pipe *a, *b, *c;

	make_pair(w, &a, &b);
	say(b, "1");
	say(b, "2");
	expect_event(w->a, TRANSPORT_PIPE_DATA, &event);
	pipe_free(a); /* its data stays valid until the next event is asked for */
	assert_int_equal(event.data[0], '1');
	expect_silence(w->a);
	expect_down(w->b, b, -ECONNRESET);

	assert_int_equal(pipe_dial(w->a, "/nonexistent/socket", myself(), 0, NULL, &a), 0);
	assert_int_equal(pipe_dial(w->a, "/nonexistent/socket", myself(), 0, NULL, &c), 0);
	pipe_free(a);
	expect_down(w->a, c, -ENOENT);
}

static void test_freeing_amid_traffic_is_safe(void **state)
{
	struct world *w = *state;
	struct transport_event event;
	uint8_t bytes[300] = {0};

	if (!is_native())
		return; /* nng 1.5.2 hangs in nng_close() now and then when messages are arriving */
	for (int round = 0; round < 1000; round++) {
		struct pipe *a, *b;

		assert_int_equal(pipe_listen(w->a, w->path, myself(), PATIENCE_MS, NULL, &a), 0);
		assert_int_equal(pipe_dial(w->b, w->path, myself(), PATIENCE_MS, NULL, &b), 0);
		if (round % 4)
			expect_event(w->a, TRANSPORT_PIPE_UP, NULL);
		for (int i = 0; i < round % 50; i++) {
			buf_append(pipe_out(a), bytes, sizeof(bytes));
			pipe_flush(a);
			buf_append(pipe_out(b), bytes, sizeof(bytes));
			pipe_flush(b);
			while (transport_next(w->a, &event) || transport_next(w->b, &event))
				;
		}
		if (round % 3 == 0)
			pipe_notify_drained(a);
		pipe_free(round % 2 ? a : b);
		pipe_free(round % 2 ? b : a);
		assert_false(transport_next(w->a, &event));
		assert_false(transport_next(w->b, &event));
	}
}

/* ---- waiting ---- */

/* Waits until @link has said @text; the other transport is not waited for. */
static void await_data(struct transport *transport, struct pipe *link, const char *text)
{
	struct transport_event event;

	do
		assert_int_equal(transport_wait(transport, PATIENCE_MS * INT64_C(1000000)), 0);
	while (!transport_next(transport, &event));
	assert_int_equal(event.type, TRANSPORT_PIPE_DATA);
	assert_ptr_equal(event.pipe, link);
	assert_int_equal(event.size_bytes, strlen(text));
	assert_memory_equal(event.data, text, strlen(text));
}

static void test_a_wait_ends_for_what_came_and_for_the_descriptor_that_is_attended(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), old = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	struct world *w = *state;
	struct transport_event event;
	struct pipe *a, *b;
	eventfd_t count;

	make_pair(w, &a, &b);
	assert_int_equal(transport_attend(w->a, old), 0);
	assert_int_equal(transport_attend(w->a, fd), 0); /* in place of the other */
	assert_int_equal(transport_wait(w->a, 0), 0);
	assert_int_equal(transport_wait(w->a, 1), 0);
	assert_false(transport_next(w->a, &event));

	say(b, "one");
	await_data(w->a, a, "one");
	eventfd_write(fd, 1);
	assert_int_equal(transport_wait(w->a, -1), 1);
	assert_int_equal(transport_wait(w->a, -1), 1); /* as long as it is readable */
	assert_false(transport_next(w->a, &event));

	eventfd_read(fd, &count);
	assert_int_equal(transport_wait(w->a, 0), 0);
	say(b, "two");
	await_data(w->a, a, "two");
	eventfd_write(fd, 1);
	assert_int_equal(transport_attend(w->a, -1), 0);
	assert_int_equal(transport_wait(w->a, 0), 0);
	pipe_free(b);
	do
		assert_int_equal(transport_wait(w->a, -1), 0);
	while (!transport_next(w->a, &event));
	assert_int_equal(event.type, TRANSPORT_PIPE_DOWN);
	close(fd);
	close(old);
}

static void test_what_a_wait_has_seen_is_not_waited_for_again(void **state)
{
	struct world *w = *state;
	struct transport_event event;
	struct pipe *a[3], *b[3];
	struct pollfd poll_fd;
	unsigned seen = 0;

	for (int i = 0; i < 3; i++)
		make_pair(w, &a[i], &b[i]);
	assert_int_equal(transport_wait(w->a, 0), 0);
	assert_false(transport_next(w->a, &event));
	for (int i = 0; i < 3; i++)
		say(b[i], "x");
	for (int i = 0; i < 2; i++) { /* one for each wait: nothing else comes that would end it */
		do
			assert_int_equal(transport_wait(w->a, -1), 0);
		while (!transport_next(w->a, &event));
		assert_int_equal(event.type, TRANSPORT_PIPE_DATA);
		seen |= 1u << (event.pipe == a[0] ? 0 : event.pipe == a[1] ? 1 : 2);
	}
	/* who polls finds what is left, too */
	poll_fd = (struct pollfd){.fd = transport_fd(w->a), .events = POLLIN};
	assert_int_equal(poll(&poll_fd, 1, PATIENCE_MS), 1);
	expect_event(w->a, TRANSPORT_PIPE_DATA, &event);
	seen |= 1u << (event.pipe == a[0] ? 0 : event.pipe == a[1] ? 1 : 2);
	assert_int_equal(seen, 7);
	expect_silence(w->a);

	/* an event that no descriptor tells of */
	assert_int_equal(transport_wait(w->a, 0), 0);
	assert_false(transport_next(w->a, &event));
	pipe_notify_drained(a[0]);
	do
		assert_int_equal(transport_wait(w->a, -1), 0);
	while (!transport_next(w->a, &event));
	assert_int_equal(event.type, TRANSPORT_PIPE_DRAINED);
	poll_fd.fd = transport_fd(w->a);
	pipe_notify_drained(a[1]);
	assert_int_equal(poll(&poll_fd, 1, PATIENCE_MS), 1);
	expect_event(w->a, TRANSPORT_PIPE_DRAINED, NULL);
}

/* ---- hello ---- */

struct held {
	uint64_t id;
	uint8_t text;
};

static void test_a_hundred_hellos_at_once_are_answered_each_with_its_own(void **state)
{
	struct world *w = *state;
	struct request *requests[100];
	struct transport_event event;
	struct held held[100];
	struct server *server;
	unsigned n_held = 0, done = 0, seen[100] = {0};
	const unsigned n = is_native() ? 100 : 30; /* nng 1.5.2 now and then leaves one of many unanswered */

	assert_int_equal(server_listen(w->a, w->path, w, &server), 0);
	for (uint8_t i = 0; i < n; i++)
		assert_int_equal(request_send(w->b, w->path, &i, 1, PATIENCE_MS, &seen[i], &requests[i]), 0);

	/* 32 at least lie with us at the same time; they are answered last come first */
	while (done < n) {
		struct pollfd fds[2] = {
			{.fd = transport_fd(w->a), .events = POLLIN},
			{.fd = transport_fd(w->b), .events = POLLIN},
		};

		assert_true(poll(fds, 2, PATIENCE_MS) > 0);
		while (transport_next(w->a, &event)) {
			assert_int_equal(event.type, TRANSPORT_HELLO);
			assert_ptr_equal(event.user, w);
			assert_int_equal(event.peer.uid, getuid());
			assert_int_equal(event.peer.pid, getpid());
			assert_int_equal(event.size_bytes, 1);
			held[n_held++] = (struct held){event.hello_id, event.data[0]};
		}
		if (n_held >= 32 || (n_held > 0 && done + n_held == n)) {
			while (n_held > 0) {
				struct held *h = &held[--n_held];
				uint8_t answer[2] = {h->text, 'a'};

				server_answer(server, h->id, answer, 2);
				server_answer(server, h->id, answer, 2); /* not known any more: ignored */
			}
		}
		while (transport_next(w->b, &event)) {
			assert_int_equal(event.type, TRANSPORT_ANSWER);
			assert_int_equal(event.error, 0);
			assert_int_equal(event.size_bytes, 2);
			assert_ptr_equal(event.user, &seen[event.data[0]]);
			assert_ptr_equal(event.request, requests[event.data[0]]);
			assert_int_equal(seen[event.data[0]]++, 0);
			request_free(event.request);
			done++;
		}
	}
	assert_false(transport_next(w->b, &event));
	server_answer(server, 12345, "x", 1);
	server_answer(server, 0, "x", 1);
}

static void expect_answer(struct transport *transport, struct request *request, int error)
{
	struct transport_event event;

	expect_event(transport, TRANSPORT_ANSWER, &event);
	assert_ptr_equal(event.request, request);
	assert_int_equal(event.error, error);
	request_free(request);
}

static void test_a_request_ends_with_its_reason(void **state)
{
	struct world *w = *state;
	struct transport_event event;
	struct request *request;
	struct server *server;

	assert_int_equal(request_send(w->b, w->path, "x", 1, PATIENCE_MS, NULL, &request), 0);
	expect_answer(w->b, request, -ENOENT);
	close(raw_bind(w->path, false));
	assert_int_equal(request_send(w->b, w->path, "x", 1, PATIENCE_MS, NULL, &request), 0);
	expect_answer(w->b, request, -ECONNREFUSED);

	assert_int_equal(server_listen(w->a, w->path, NULL, &server), 0); /* replaces the stale file */
	assert_int_equal(request_send(w->b, w->path, "x", 1, 50, NULL, &request), 0);
	expect_event(w->a, TRANSPORT_HELLO, NULL);
	expect_answer(w->b, request, -ETIMEDOUT);

	assert_int_equal(request_send(w->b, w->path, "x", 1, PATIENCE_MS, NULL, &request), 0);
	expect_event(w->a, TRANSPORT_HELLO, NULL);
	server_free(server);
	expect_answer(w->b, request, -ECONNRESET);

	assert_int_equal(server_listen(w->a, w->path, NULL, &server), 0);
	assert_int_equal(request_send(w->b, w->path, "x", 1, PATIENCE_MS, NULL, &request), 0);
	expect_event(w->a, TRANSPORT_HELLO, &event);
	request_free(request);
	server_answer(server, event.hello_id, "late", 4);
	expect_silence(w->b);
	server_free(server);
}

/* Descriptors up to this number only; the old limit. */
static rlim_t limit_files(rlim_t files)
{
	struct rlimit limit;
	rlim_t before;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	before = limit.rlim_cur;
	limit.rlim_cur = files;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return before;
}

#define SILENT_N 40

static void dial_silently(const char *path, int fds[SILENT_N])
{
	for (int i = 0; i < SILENT_N; i++)
		fds[i] = raw_connect(path);
}

/* As many more as the whole process may open. Returns the old limit. */
static rlim_t leave_files(unsigned n)
{
	int fd = dup(0);
	rlim_t before;

	before = limit_files((rlim_t)fd + n);
	close(fd);
	return before;
}

static void hang_up(int fds[SILENT_N])
{
	for (int i = 0; i < SILENT_N; i++)
		close(fds[i]);
}

static void test_the_silent_make_room_at_a_server_when_descriptors_end(void **state)
{
	struct world *w = *state;
	struct transport_event event;
	struct request *request;
	struct server *server;
	int fds[SILENT_N];
	rlim_t before;

	assert_int_equal(server_listen(w->a, w->path, NULL, &server), 0);
	dial_silently(w->path, fds);
	assert_int_equal(request_send(w->b, w->path, "x", 1, PATIENCE_MS, NULL, &request), 0);
	before = leave_files(6);
	expect_event(w->a, TRANSPORT_HELLO, &event);
	server_answer(server, event.hello_id, NULL, 0);
	expect_answer(w->b, request, 0);
	limit_files(before);
	hang_up(fds);
	server_free(server);
}

/* Not over libnng, which accepts whoever comes and waits for each. */
static void test_who_is_silent_at_a_link_costs_two_descriptors_and_locks_out_nobody(void **state)
{
	struct world *w = *state;
	struct pipe *a, *b;
	int fds[SILENT_N];
	int before;

	if (!is_native())
		return;
	before = count_fds();
	assert_int_equal(pipe_listen(w->a, w->path, myself(), PATIENCE_MS, NULL, &a), 0);
	dial_silently(w->path, fds);
	expect_silence(w->a);
	assert_int_equal(count_fds(), before + SILENT_N + (int)pipe_files_max(strlen(w->path)));

	assert_int_equal(pipe_dial(w->b, w->path, myself(), PATIENCE_MS, NULL, &b), 0);
	expect_event(w->a, TRANSPORT_PIPE_UP, NULL);
	expect_event(w->b, TRANSPORT_PIPE_UP, NULL);
	say(b, "sense");
	expect_data(w->a, a, "sense");
	assert_int_equal(count_fds(), before + SILENT_N + 2); /* one at each end */
	hang_up(fds);
	expect_silence(w->a);
}

/* The path's directory is held as long as somebody listens. */
static void test_a_long_path_costs_a_descriptor_until_the_link_is_up(void **state)
{
	struct world *w = *state;
	char dir[200], path[256];
	struct pipe *a, *b;
	int before;

	if (!is_native())
		return;
	snprintf(dir, sizeof(dir), "%s/%0*d", w->dir, 120, 0);
	snprintf(path, sizeof(path), "%s/s", dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	before = count_fds();
	assert_int_equal(pipe_listen(w->a, path, myself(), PATIENCE_MS, NULL, &a), 0);
	int dir_fd = open(dir, O_PATH | O_CLOEXEC), silent;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/s",
		dir_fd); /* one that a socket's address has room for */
	silent = raw_connect(path);
	close(dir_fd);
	snprintf(path, sizeof(path), "%s/s", dir);

	expect_silence(w->a);
	assert_int_equal(count_fds(), before + 1 + (int)pipe_files_max(strlen(path)));
	assert_int_equal(pipe_dial(w->b, path, myself(), PATIENCE_MS, NULL, &b), 0);
	expect_event(w->a, TRANSPORT_PIPE_UP, NULL);
	expect_event(w->b, TRANSPORT_PIPE_UP, NULL);
	assert_int_equal(count_fds(), before + 1 + 2);
	close(silent);
	assert_int_equal(rmdir(dir), 0);
}

static void test_a_wrong_process_does_not_take_the_place_of_one_that_has_not_greeted(void **state)
{
	struct world *w = *state;
	struct pipe *a;
	int fd, status;
	char byte;
	pid_t pid;

	if (!is_native())
		return;
	assert_int_equal(pipe_listen(w->a, w->path, myself(), PATIENCE_MS, NULL, &a), 0);
	fd = raw_connect(w->path);
	expect_silence(w->a);
	pid = fork();
	if (pid == 0) {
		int other = raw_connect(w->path);

		_exit(read(other, &byte, 1) == 0 ? 0 : 1); /* it is closed without a word */
	}
	assert_true(pid > 0);
	while (waitpid(pid, &status, WNOHANG) == 0)
		keep_events(w->a);
	assert_int_equal(status, 0);
	raw_write(fd, sp_pair, 8);
	expect_event(w->a, TRANSPORT_PIPE_UP, NULL);
	close(fd);
	expect_down_for(w->a, a, -ECONNRESET);
}

static void test_a_living_server_is_not_replaced(void **state)
{
	struct world *w = *state;
	struct transport_event event;
	struct server *server, *second;
	struct request *request;
	int fd;

	assert_int_equal(server_listen(w->a, w->path, NULL, &server), 0);
	assert_int_equal(server_listen(w->b, w->path, NULL, &second), -EADDRINUSE);
	assert_int_equal(request_send(w->b, w->path, "x", 1, PATIENCE_MS, NULL, &request), 0);
	expect_event(w->a, TRANSPORT_HELLO, &event);
	server_answer(server, event.hello_id, NULL, 0);
	expect_answer(w->b, request, 0);
	server_free(server);
	assert_int_equal(access(w->path, F_OK), -1);

	fd = open(w->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600); /* nor is a file that is no socket */
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(server_listen(w->a, w->path, NULL, &server), -EEXIST);
	assert_int_equal(unlink(w->path), 0);
}

static void test_garbage_does_not_stop_a_server(void **state)
{
	struct world *w = *state;
	uint8_t head[9] = {1, 0, 0, 0, 0, 0, 1, 0, 1}; /* 64 KiB + 1 */
	struct transport_event event;
	struct server *server;
	struct request *request;
	int fd;

	if (!is_native())
		return; /* nng 1.5.2 may stop accepting after a wrong greeting */
	assert_int_equal(server_listen(w->a, w->path, NULL, &server), 0);
	fd = raw_connect(w->path);
	raw_write(fd, "garbage!", 8);
	raw_wait_closed(w->a, fd);
	fd = raw_connect(w->path);
	raw_write(fd, sp_req, 8);
	raw_write(fd, head, 9);
	raw_wait_closed(w->a, fd);
	assert_int_equal(request_send(w->b, w->path, "x", 1, PATIENCE_MS, NULL, &request), 0);
	expect_event(w->a, TRANSPORT_HELLO, &event);
	server_answer(server, event.hello_id, "y", 1);
	expect_answer(w->b, request, 0);
}

static void test_clients_that_come_and_go_do_no_harm(void **state)
{
	struct world *w = *state;
	struct transport_event event;
	struct server *server;
	struct request *request;
	struct pipe *a, *b;
	int silent[300];

	if (!is_native())
		return; /* nng 1.5.2 stops accepting when a client has gone before it was greeted */
	assert_int_equal(server_listen(w->a, w->path, NULL, &server), 0);
	for (int i = 0; i < 300; i++)
		close(raw_connect(w->path));
	for (int i = 0; i < 300; i++) { /* more than there is room for */
		silent[i] = raw_connect(w->path);
		while (transport_next(w->a, &event))
			fail();
	}
	assert_int_equal(request_send(w->b, w->path, "x", 1, PATIENCE_MS, NULL, &request), 0);
	expect_event(w->a, TRANSPORT_HELLO, &event);
	server_answer(server, event.hello_id, "y", 1);
	expect_answer(w->b, request, 0);
	for (int i = 0; i < 300; i++)
		close(silent[i]);
	server_free(server);

	assert_int_equal(pipe_listen(w->a, w->path, myself(), PATIENCE_MS, NULL, &a), 0);
	for (int i = 0; i < 100; i++)
		close(raw_connect(w->path));
	assert_int_equal(pipe_dial(w->b, w->path, myself(), PATIENCE_MS, NULL, &b), 0);
	say(b, "at last");
	expect_event(w->a, TRANSPORT_PIPE_UP, NULL);
	expect_event(w->b, TRANSPORT_PIPE_UP, NULL);
	expect_data(w->a, a, "at last");
}

static void test_a_server_reads_one_hello_of_a_client_at_a_time(void **state)
{
	struct world *w = *state;
	struct transport_event event;
	struct server *server;
	uint8_t bytes[64];
	int fd;

	assert_int_equal(server_listen(w->a, w->path, NULL, &server), 0);
	fd = raw_connect(w->path);
	raw_write(fd, sp_req, 8);
	/* two requests in one go, the second with a trace of two hops */
	raw_write(fd,
		"\1\0\0\0\0\0\0\0\5\x80\0\0\7a"
		"\1\0\0\0\0\0\0\0\11\0\0\0\3\x80\0\0\10b",
		32);
	expect_event(w->a, TRANSPORT_HELLO, &event);
	assert_int_equal(event.size_bytes, 1);
	assert_int_equal(event.data[0], 'a');
	server_answer(server, event.hello_id, "A", 1);
	expect_event(w->a, TRANSPORT_HELLO, &event);
	assert_int_equal(event.size_bytes, 1);
	assert_int_equal(event.data[0], 'b');
	server_answer(server, event.hello_id, "B", 1);

	size_t n = 0;

	while (n < 8 + 14 + 18) {
		ssize_t got = read(fd, bytes + n, sizeof(bytes) - n);

		assert_true(got > 0);
		n += (size_t)got;
	}
	assert_memory_equal(bytes + 8, "\1\0\0\0\0\0\0\0\5\x80\0\0\7A", 14);
	assert_memory_equal(bytes + 22, "\1\0\0\0\0\0\0\0\11\0\0\0\3\x80\0\0\10B", 18);
	close(fd);
}

/* ---- the process ---- */

static void test_signals_are_not_for_the_threads_of_nng(void **state)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	int checked = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		unsigned long long blocked = 0;
		bool is_nng = false;
		char path[300], line[256];
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/task/%s/status", entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		while (fgets(line, sizeof(line), file)) {
			if (!strncmp(line, "Name:\tnng:", 10))
				is_nng = true;
			sscanf(line, "SigBlk: %llx", &blocked);
		}
		fclose(file);
		if (!is_nng)
			continue;
		assert_true(blocked & 1ull << (SIGTERM - 1));
		assert_true(blocked & 1ull << (SIGCHLD - 1));
		checked++;
	}
	closedir(dir);
	assert_true(checked > 0 || is_native());
}

/* ---- doors ---- */

/*
 * Before a write of a dialer the door comes to turn out whoever is silent at it (linked with --wrap=sendmsg).
 */
static struct sendmsg_hook {
	struct door *door; /* NULL: nothing is to happen */
	const char *path;
	int after; /* so many writes */
} sendmsg_hook;

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);

static void door_turn_out(struct door *door, const char *path)
{
	struct transport_event event;
	int fds[GUESTS_MAX];

	assert_int_equal(door_next(door, &event), 0); /* it is in, and silent */
	for (int i = 0; i < GUESTS_MAX; i++)
		fds[i] = raw_connect(path);
	assert_int_equal(door_next(door, &event), 0);
	for (int i = 0; i < GUESTS_MAX; i++)
		close(fds[i]);
	while (door_next(door, &event) > 0)
		continue;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	struct door *door = sendmsg_hook.door;

	if (door && sendmsg_hook.after-- == 0) {
		sendmsg_hook.door = NULL;
		door_turn_out(door, sendmsg_hook.path);
	}
	return __real_sendmsg(fd, message, flags);
}

/* Only the native transport has them; nng's links can dial them (test-transport-nng.c). */
static struct door *make_door(struct world *w)
{
	struct door *door = NULL;
	int r = door_listen(w->a, w->path, w, &door);

	assert_int_equal(r, is_native() ? 0 : -EOPNOTSUPP);
	return door;
}

static void expect_knock(struct world *w, struct door *door, const char *first, struct transport_event *ret)
{
	expect_event(w->a, TRANSPORT_KNOCK, ret);
	assert_ptr_equal(ret->door, door);
	assert_ptr_equal(ret->user, w);
	assert_int_equal(ret->peer.uid, getuid());
	assert_int_equal(ret->size_bytes, strlen(first));
	assert_memory_equal(ret->data, first, strlen(first));
}

static void knock(struct world *w, const char *first, struct pipe **ret)
{
	assert_int_equal(pipe_join(w->b, w->path, myself(), first, strlen(first), NULL, ret), 0);
}

static void test_who_dials_a_door_writes_before_it_is_let_in(void **state)
{
	struct world *w = *state;
	struct door *door = make_door(w);
	struct transport_event event;
	struct pipe *a, *b;

	if (!door)
		return;
	knock(w, "it is me", &b);
	assert_true(next_within(w->b, &event, PATIENCE_MS, NULL)); /* the other has not turned to it */
	assert_int_equal(event.type, TRANSPORT_PIPE_UP);
	assert_int_equal(event.peer.pid, getpid());
	say(b, "one");
	say(b, "two");
	pipe_notify_drained(b);
	assert_true(next_within(w->b, &event, PATIENCE_MS, NULL));
	assert_int_equal(event.type, TRANSPORT_PIPE_DRAINED);
	expect_knock(w, door, "it is me", &event);
	expect_silence(w->a); /* not a byte more is read */
	assert_int_equal(door_admit(door, event.knock_id, w, &a), 0);
	assert_true(pipe_is_up(a));
	say(a, "welcome");
	expect_data(w->a, a, "one");
	expect_data(w->a, a, "two");
	expect_data(w->b, b, "welcome");
	pipe_free(b);
	expect_down(w->a, a, -ECONNRESET);
	pipe_free(a);
	assert_int_equal(door_admit(door, event.knock_id, w, &a), -ENOENT);
	door_free(door);
}

static void test_what_is_written_at_a_door_outlives_its_writer(void **state)
{
	struct world *w = *state;
	struct door *door = make_door(w);
	struct transport_event event;
	struct pipe *a;
	uint32_t expected = 0;
	pid_t pid;

	if (!door)
		return;
	pid = peer_start("join-and-die", w->path);
	peer_reap(pid, true);
	expect_knock(w, door, "mortal", &event);
	assert_int_equal(event.peer.pid, pid);
	assert_int_equal(door_admit(door, event.knock_id, NULL, &a), 0);
	for (;;) {
		assert_true(next_event(w->a, &event));
		if (event.type == TRANSPORT_PIPE_DOWN)
			break;
		assert_int_equal(event.type, TRANSPORT_PIPE_DATA);
		for (size_t at = 0; at < event.size_bytes; at += 4, expected++)
			assert_memory_equal(event.data + at, &expected, 4);
	}
	assert_int_equal(expected, 100);
	pipe_free(a);
	door_free(door);
}

static void test_who_is_refused_at_a_door_sees_the_end(void **state)
{
	struct world *w = *state;
	struct door *door = make_door(w);
	struct transport_event event;
	struct pipe *b;

	if (!door)
		return;
	knock(w, "stranger", &b);
	expect_event(w->b, TRANSPORT_PIPE_UP, NULL);
	expect_knock(w, door, "stranger", &event);
	door_refuse(door, event.knock_id);
	door_refuse(door, event.knock_id);
	expect_down(w->b, b, -ECONNRESET);
	pipe_free(b);
	door_free(door);
}

static void test_garbage_at_a_door_costs_only_itself(void **state)
{
	static const uint8_t too_long[9] = {1, 0, 0, 0, 0, 0, 0, 0, DOOR_FIRST_MAX_BYTES + 1};
	static const uint8_t no_message[9] = {2, 0, 0, 0, 0, 0, 0, 0, 1};
	struct world *w = *state;
	struct door *door = make_door(w);
	struct transport_event event;
	struct pipe *b;
	int fds[5];

	if (!door)
		return;
	for (int i = 0; i < 5; i++)
		fds[i] = raw_connect(w->path);
	raw_write(fds[0], sp_req, 8);
	raw_write(fds[0], too_long, 9);
	raw_write(fds[1], sp_pair, 8);
	raw_write(fds[1], too_long, 9);
	raw_write(fds[2], sp_pair, 8);
	raw_write(fds[2], no_message, 9);
	raw_write(fds[3], "GET / HTTP/1.1\r\n\r\n", 18);
	raw_write(fds[4], sp_pair, 3); /* and is silent from then on */
	for (int i = 0; i < 4; i++)
		raw_wait_closed(w->a, fds[i]);
	knock(w, "decent", &b);
	expect_knock(w, door, "decent", &event);
	pipe_free(b);
	door_free(door);
	close(fds[4]);
}

static void test_the_longest_silent_makes_room_at_a_door(void **state)
{
	struct world *w = *state;
	struct door *door = make_door(w);
	int fds[GUESTS_MAX + 1];
	struct transport_event event;
	struct pipe *b;

	if (!door)
		return;
	for (int i = 0; i < GUESTS_MAX + 1; i++)
		fds[i] = raw_connect(w->path);
	raw_wait_closed(w->a, fds[0]);
	knock(w, "decent", &b);
	expect_knock(w, door, "decent", &event);
	raw_wait_closed(w->a, fds[1]);
	for (int i = 2; i < GUESTS_MAX + 1; i++)
		close(fds[i]);
	pipe_free(b);
	door_free(door);
}

static void test_the_silent_make_room_at_a_door_when_descriptors_end(void **state)
{
	struct world *w = *state;
	struct door *door = make_door(w);
	struct transport_event event;
	int fds[SILENT_N];
	struct pipe *b;
	rlim_t before;

	if (!door)
		return;
	dial_silently(w->path, fds);
	knock(w, "decent", &b);
	before = leave_files(6);
	expect_knock(w, door, "decent", &event);
	limit_files(before);
	hang_up(fds);
	pipe_free(b);
	door_free(door);
}

/* Its words lie in the kernel, and the loop has not come to them. */
static void test_who_has_spoken_does_not_make_room_at_a_door(void **state)
{
	static const uint8_t first[9 + 7] = {1, 0, 0, 0, 0, 0, 0, 0, 7, 'i', 't', ' ', 'i', 's', ' ', 'I'};
	struct world *w = *state;
	struct door *door = make_door(w);
	int fds[GUESTS_MAX + 10];
	struct transport_event event;

	if (!door)
		return;
	for (int i = 0; i < GUESTS_MAX - 1; i++)
		fds[i] = raw_connect(w->path);
	assert_int_equal(door_next(door, &event), 0);
	raw_write(fds[0], sp_pair, 8);
	raw_write(fds[0], first, sizeof(first));
	for (int i = GUESTS_MAX - 1; i < GUESTS_MAX + 10; i++)
		fds[i] = raw_connect(w->path);
	assert_int_equal(door_next(door, &event), 1);
	assert_int_equal(event.size_bytes, 7);
	assert_memory_equal(event.data, "it is I", 7);
	assert_int_equal(door_next(door, &event), 0);
	for (int i = 0; i < GUESTS_MAX + 10; i++)
		close(fds[i]);
	door_free(door);
}

/*
 * The other made room for others between our connect() and our first word: the listener is not over, so we
 * never were in.
 */
static void test_who_lost_its_place_at_a_door_before_it_spoke_was_never_up(void **state)
{
	struct world *w = *state;
	struct door *door = make_door(w);
	struct transport_event event;
	struct pipe *b;

	if (!door)
		return;
	for (int i = 0; i < 2; i++) { /* before the greeting, and between it and the first message */
		sendmsg_hook = (struct sendmsg_hook){.door = door, .path = w->path, .after = i};
		knock(w, "late", &b);
		assert_null(sendmsg_hook.door); /* it was called */
		assert_true(next_within(w->b, &event, PATIENCE_MS, NULL));
		assert_int_equal(event.type, TRANSPORT_PIPE_DOWN);
		assert_ptr_equal(event.pipe, b);
		assert_false(pipe_is_up(b));
		pipe_free(b);
	}
	door_free(door);
}

static void test_who_waits_for_an_answer_at_a_door_never_makes_room(void **state)
{
	struct world *w = *state;
	struct door *door = make_door(w);
	struct pipe *links[GUESTS_MAX + 10], *a;
	struct transport_event event;

	if (!door)
		return;
	for (int i = 0; i < GUESTS_MAX + 10; i++)
		knock(w, "patient", &links[i]);
	for (int i = 0; i < GUESTS_MAX; i++)
		expect_knock(w, door, "patient", &event);
	expect_silence(w->a);
	assert_int_equal(door_next(door, &event), -EBUSY);
	/* one goes in, one comes nearer */
	for (uint64_t id = 1; id <= GUESTS_MAX + 10; id++) {
		assert_int_equal(door_admit(door, id, NULL, &a), 0);
		pipe_free(a);
		if (id <= 10)
			expect_knock(w, door, "patient", &event);
	}
	assert_int_equal(door_next(door, &event), 0);
	for (int i = 0; i < GUESTS_MAX + 10; i++)
		pipe_free(links[i]);
	door_free(door);
}

static void test_a_door_whose_file_was_removed_is_renewed_and_nobody_is_lost(void **state)
{
	struct world *w = *state;
	struct door *door = make_door(w);
	struct transport_event event;
	struct pipe *first, *second, *b;

	if (!door)
		return;
	assert_int_equal(door_renew(door), 0); /* it is there */
	knock(w, "before", &first);
	unlink(w->path);
	assert_int_equal(pipe_join(w->b, w->path, myself(), "x", 1, NULL, &b), 0);
	expect_event(w->b, TRANSPORT_PIPE_UP, NULL);
	expect_down(w->b, b, -ENOENT);
	pipe_free(b);
	assert_int_equal(door_renew(door), 0);
	knock(w, "after", &second);
	expect_knock(w, door, "before", &event);
	expect_knock(w, door, "after", &event);
	/* somebody else's place is not taken away at the end */
	unlink(w->path);
	close(raw_bind(w->path, true));
	door_free(door);
	assert_int_equal(unlink(w->path), 0);
	pipe_free(first);
	pipe_free(second);
}

static void test_what_waits_at_a_door_is_to_be_had_at_once(void **state)
{
	struct world *w = *state;
	struct door *door = make_door(w);
	struct transport_event event;
	struct pipe *b[3];

	if (!door)
		return;
	for (int i = 0; i < 3; i++)
		knock(w, "here", &b[i]);
	for (int i = 0; i < 3; i++)
		assert_int_equal(door_next(door, &event), 1);
	assert_int_equal(door_next(door, &event), 0);
	expect_silence(w->a); /* and is not told again */
	for (int i = 0; i < 3; i++)
		pipe_free(b[i]);
	door_free(door);
}

/* ---- the second process ---- */

static int peer_main(const char *mode, const char *path)
{
	struct transport_peer expect = {.uid = getuid(), .pid = getppid()};
	struct transport_event event;
	struct transport *transport;
	struct pipe *link;

	if (!strcmp(mode, "echo-stopped"))
		raise(SIGSTOP);
	if (transport_new(&transport) < 0)
		return 2;
	if (!strcmp(mode, "join-and-die") ? pipe_join(transport, path, expect, "mortal", 6, NULL, &link) < 0
					  : pipe_dial(transport, path, expect, PATIENCE_MS, NULL, &link) < 0)
		return 3;
	for (;;) {
		if (!next_within(transport, &event, PATIENCE_MS, NULL))
			return 4;
		switch (event.type) {
		case TRANSPORT_PIPE_UP:
			if (strcmp(mode, "send-and-die") && strcmp(mode, "join-and-die"))
				break;
			for (uint32_t i = 0; i < (*mode == 'j' ? 100u : 10000u); i++) {
				buf_append(pipe_out(link), &i, sizeof(i));
				pipe_flush(link);
			}
			pipe_notify_drained(link);
			break;
		case TRANSPORT_PIPE_DATA:
			buf_append(pipe_out(link), event.data, event.size_bytes);
			pipe_flush(link);
			break;
		case TRANSPORT_PIPE_DRAINED:
			kill(getpid(), SIGKILL);
			break;
		case TRANSPORT_PIPE_DOWN:
			pipe_free(link);
			transport_free(transport);
			return event.error == -ECONNRESET ? 0 : 5;
		default:
			return 6;
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_both_ends_come_up_and_know_each_other),
		TEST(test_frames_written_before_up_arrive),
		TEST(test_frames_keep_their_order_and_are_never_split),
		TEST(test_the_biggest_message_passes_and_a_bigger_one_ends_the_link),
		TEST(test_drained_says_that_the_kernel_has_everything),
		TEST(test_a_sender_is_held_while_nobody_reads),
		TEST(test_a_path_may_be_long),
		TEST(test_nobody_comes),
		TEST(test_dialling_where_nobody_listens_fails_at_once),
		TEST(test_a_peer_of_another_user_is_refused),
		TEST(test_a_wrong_process_does_not_use_up_the_place),
		TEST(test_a_second_dialer_is_refused_and_the_first_goes_on),
		TEST(test_what_a_killed_peer_sent_arrives_before_down),
		TEST(test_a_message_too_big_ends_the_link),
		TEST(test_garbage_costs_only_the_connection_it_came_on),
		TEST(test_a_freed_link_says_nothing_more),
		TEST(test_freeing_amid_traffic_is_safe),
		TEST(test_a_wait_ends_for_what_came_and_for_the_descriptor_that_is_attended),
		TEST(test_what_a_wait_has_seen_is_not_waited_for_again),
		TEST(test_a_hundred_hellos_at_once_are_answered_each_with_its_own),
		TEST(test_a_request_ends_with_its_reason),
		TEST(test_the_silent_make_room_at_a_server_when_descriptors_end),
		TEST(test_who_is_silent_at_a_link_costs_two_descriptors_and_locks_out_nobody),
		TEST(test_a_long_path_costs_a_descriptor_until_the_link_is_up),
		TEST(test_a_wrong_process_does_not_take_the_place_of_one_that_has_not_greeted),
		TEST(test_a_living_server_is_not_replaced),
		TEST(test_garbage_does_not_stop_a_server),
		TEST(test_clients_that_come_and_go_do_no_harm),
		TEST(test_a_server_reads_one_hello_of_a_client_at_a_time),
		TEST(test_who_dials_a_door_writes_before_it_is_let_in),
		TEST(test_what_is_written_at_a_door_outlives_its_writer),
		TEST(test_who_is_refused_at_a_door_sees_the_end),
		TEST(test_garbage_at_a_door_costs_only_itself),
		TEST(test_the_longest_silent_makes_room_at_a_door),
		TEST(test_the_silent_make_room_at_a_door_when_descriptors_end),
		TEST(test_who_has_spoken_does_not_make_room_at_a_door),
		TEST(test_who_lost_its_place_at_a_door_before_it_spoke_was_never_up),
		TEST(test_who_waits_for_an_answer_at_a_door_never_makes_room),
		TEST(test_a_door_whose_file_was_removed_is_renewed_and_nobody_is_lost),
		TEST(test_what_waits_at_a_door_is_to_be_had_at_once),
		TEST(test_signals_are_not_for_the_threads_of_nng),
	};

	if (argc == 3)
		return peer_main(argv[1], argv[2]);
	limit_files(GUESTS_MAX * GUESTS_FILES_SHARE); /* as many guests as there can be */
	return run_facts(tests);
}

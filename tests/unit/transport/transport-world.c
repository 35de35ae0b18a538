/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/transport/transport-world.h"

bool is_native(void)
{
	return !strcmp(transport_name(), "native");
}

struct transport_peer myself(void)
{
	return (struct transport_peer){.uid = getuid(), .pid = getpid()};
}

/* ---- tools ---- */

int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 3; /* ".", "..", and the directory itself */
}

/*
 * This process runs both ends: while it waits for one, it runs the other too, and keeps the events of that
 * one until they are asked for.
 */
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

void keep_events(struct transport *transport)
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

bool next_within(struct transport *transport, struct transport_event *ret, int64_t patience_ms,
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

bool next_event(struct transport *transport, struct transport_event *ret)
{
	return next_within(transport, ret, PATIENCE_MS, transport == both[0] ? both[1] : both[0]);
}

void raw_wait_closed(struct transport *transport, int fd)
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

void expect_event(struct transport *transport, enum transport_event_type type, struct transport_event *ret)
{
	struct transport_event event;

	if (!next_event(transport, &event))
		fail_msg("no event, expected %d", type);
	if (event.type != type)
		fail_msg("event %d error %d, expected %d", event.type, event.error, type);
	if (ret)
		*ret = event;
}

void expect_down(struct transport *transport, struct pipe *link, int error)
{
	struct transport_event event;

	expect_event(transport, TRANSPORT_PIPE_DOWN, &event);
	assert_ptr_equal(event.pipe, link);
	assert_int_equal(event.error, error);
}

void expect_down_for(struct transport *transport, struct pipe *link, int error)
{
	expect_down(transport, link, is_native() ? error : -ECONNRESET);
}

void expect_down_perhaps_after_up(struct transport *transport, struct pipe *link)
{
	struct transport_event event;

	do {
		assert_true(next_event(transport, &event));
		assert_ptr_equal(event.pipe, link);
	} while (event.type == TRANSPORT_PIPE_UP);
	assert_int_equal(event.type, TRANSPORT_PIPE_DOWN);
}

void expect_data(struct transport *transport, struct pipe *link, const char *text)
{
	struct transport_event event;

	expect_event(transport, TRANSPORT_PIPE_DATA, &event);
	assert_ptr_equal(event.pipe, link);
	assert_int_equal(event.size_bytes, strlen(text));
	assert_memory_equal(event.data, text, strlen(text));
}

void expect_silence(struct transport *transport)
{
	struct transport_event event;

	if (next_within(transport, &event, 30, NULL))
		fail_msg("event %d error %d, expected none", event.type, event.error);
}

void say(struct pipe *link, const char *text)
{
	buf_append(pipe_out(link), text, strlen(text));
	pipe_flush(link);
}

void make_pair(struct world *w, struct pipe **ret_a, struct pipe **ret_b)
{
	assert_int_equal(pipe_listen(w->a, w->path, myself(), PATIENCE_MS, NULL, ret_a), 0);
	assert_int_equal(pipe_dial(w->b, w->path, myself(), PATIENCE_MS, NULL, ret_b), 0);
	expect_event(w->a, TRANSPORT_PIPE_UP, NULL);
	expect_event(w->b, TRANSPORT_PIPE_UP, NULL);
}

pid_t peer_start(const char *mode, const char *path)
{
	char *argv[] = {(char *)"test-transport-peer", (char *)mode, (char *)path, NULL};
	pid_t pid;

	assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ), 0);
	return pid;
}

void peer_reap(pid_t pid, bool killed)
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

int raw_connect(const char *path)
{
	struct sockaddr_un sun;
	int fd = raw_socket(path, &sun);

	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

int raw_bind(const char *path, bool listening)
{
	struct sockaddr_un sun;
	int fd = raw_socket(path, &sun);

	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	if (listening)
		assert_int_equal(listen(fd, 8), 0);
	return fd;
}

void raw_write(int fd, const void *data, size_t n)
{
	assert_int_equal(write(fd, data, n), n);
}

int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct transport *warm;

	/*
	 * nng opens a few descriptors at its first use and keeps them, so it is used before they are counted.
	 */
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

int world_teardown(void **state)
{
	struct world *w = *state;
	int64_t deadline_ms = clock_now_ms() + (is_native() ? 0 : 1000);
	struct transport_event event;

	transport_free(w->a);
	transport_free(w->b);
	while (kept_take(w->a, &event) || kept_take(w->b, &event))
		;
	/*
	 * nng closes descriptors in a thread of its own. nng 1.5.2 never closes those of a pipe that came
	 * just when its socket was closed.
	 */
	while (count_fds() != w->fds && clock_now_ms() < deadline_ms)
		poll(NULL, 0, 1);
	assert_in_range(count_fds(), w->fds, w->fds + (is_native() ? 0 : 4));
	assert_int_equal(rmdir(w->dir), 0); /* it is empty: no socket file is left */
	free(w);
	return 0;
}
const uint8_t sp_pair[8] = {0, 'S', 'P', 0, 0, 16, 0, 0};
const uint8_t sp_req[8] = {0, 'S', 'P', 0, 0, 48, 0, 0};

rlim_t limit_files(rlim_t files)
{
	struct rlimit limit;
	rlim_t before;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	before = limit.rlim_cur;
	limit.rlim_cur = files;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return before;
}

void dial_silently(const char *path, int fds[SILENT_N])
{
	for (int i = 0; i < SILENT_N; i++)
		fds[i] = raw_connect(path);
}

rlim_t leave_files(unsigned n)
{
	int fd = dup(0);
	rlim_t before;

	before = limit_files((rlim_t)fd + n);
	close(fd);
	return before;
}

void hang_up(int fds[SILENT_N])
{
	for (int i = 0; i < SILENT_N; i++)
		close(fds[i]);
}

/* ---- the second process ---- */

int peer_main(const char *mode, const char *path)
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

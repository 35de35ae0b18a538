/* SPDX-License-Identifier: Apache-2.0 */
/* The floor: a Unix stream socket and epoll, without a library. For `restart` it is plain posix_spawn. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frame.h"

static int epoll_with(int fd, void *ptr)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = ptr};
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev))
		bench_die("epoll: %d", errno);
	return epoll;
}

static struct raw_conn *conn_new(int fd)
{
	struct raw_conn *c = malloc(sizeof(*c));

	if (!c || fd < 0)
		bench_die("no connection");
	c->fd = fd;
	c->have = 0;
	return c;
}

static void serve(const struct bench_env *env)
{
	struct epoll_event ev;
	struct raw_conn *c;
	char path[256];
	int fd, epoll;

	bench_path(env, path, sizeof(path), "call");
	fd = raw_listen(path);
	bench_ready(env);
	c = conn_new(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
	epoll = epoll_with(c->fd, c);
	for (;;) {
		size_t at = 0, size_bytes;
		const char *data;

		if (epoll_wait(epoll, &ev, 1, -1) != 1)
			continue;
		if (raw_read(c) <= 0)
			return;
		while ((data = raw_next(c, &at, &size_bytes)))
			raw_send(c->fd, data, size_bytes);
		raw_shift(c, at);
	}
}

struct caller {
	struct raw_conn *c;
	int epoll;
};

static void *caller_new(const struct bench_env *env)
{
	struct caller *caller = malloc(sizeof(*caller));
	char path[256];

	bench_path(env, path, sizeof(path), "call");
	caller->c = conn_new(raw_connect(path));
	caller->epoll = epoll_with(caller->c->fd, NULL);
	return caller;
}

static void caller_free(void *p)
{
	struct caller *caller = p;

	close(caller->epoll);
	close(caller->c->fd);
	free(caller->c);
	free(caller);
}

static ssize_t call(void *p, const void *req, size_t size_bytes, void *rep, size_t rep_max_bytes)
{
	struct caller *caller = p;
	struct epoll_event ev;
	const char *data;
	size_t at = 0;
	int r = raw_send(caller->c->fd, req, size_bytes);

	while (!r) {
		if (epoll_wait(caller->epoll, &ev, 1, -1) != 1)
			continue;
		if (raw_read(caller->c) <= 0)
			return -EPIPE;
		data = raw_next(caller->c, &at, &size_bytes);
		if (!data)
			continue;
		__builtin_memcpy(rep, data, size_bytes < rep_max_bytes ? size_bytes : rep_max_bytes);
		raw_shift(caller->c, at);
		return (ssize_t)size_bytes;
	}
	return r;
}

static void receive(const struct bench_env *env, unsigned index, struct bench_sink *sink)
{
	struct epoll_event ev[BENCH_PEERS_MAX];
	int fd, epoll = -1;
	char path[256];

	bench_path(env, path, sizeof(path), "r%u", index);
	fd = raw_listen(path);
	bench_ready(env);
	for (unsigned i = 0; i < env->n_senders; i++) {
		struct raw_conn *c = conn_new(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
		struct epoll_event add = {.events = EPOLLIN, .data.ptr = c};

		if (epoll < 0)
			epoll = epoll_with(c->fd, c);
		else
			epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &add);
	}
	for (;;) {
		int n = epoll_wait(epoll, ev, BENCH_PEERS_MAX, -1);

		for (int i = 0; i < n; i++) {
			struct raw_conn *c = ev[i].data.ptr;
			size_t at = 0, size_bytes;
			const char *data;

			if (raw_read(c) <= 0)
				return;
			while ((data = raw_next(c, &at, &size_bytes))) {
				if (bench_sink_feed(sink, data, size_bytes))
					return;
			}
			raw_shift(c, at);
		}
	}
}

struct sender {
	unsigned n;
	int fd[BENCH_PEERS_MAX];
};

static void *sender_new(const struct bench_env *env, unsigned index)
{
	struct sender *s = calloc(1, sizeof(*s));
	char path[256];

	for (s->n = 0; s->n < env->n_receivers; s->n++) {
		bench_path(env, path, sizeof(path), "r%u", s->n);
		s->fd[s->n] = raw_connect(path);
	}
	return s;
}

static int send_all(void *p, const void *data, size_t size_bytes)
{
	struct sender *s = p;
	int r = 0;

	for (unsigned i = 0; i < s->n && !r; i++)
		r = raw_send(s->fd[i], data, size_bytes);
	return r;
}

/* The notice is the end of the stream. */
static int watch(void *p)
{
	struct caller *caller = p;
	struct epoll_event ev;

	while (epoll_wait(caller->epoll, &ev, 1, -1) != 1)
		;
	return raw_read(caller->c) <= 0 ? 0 : -EBADMSG;
}

static void *watcher_new(const struct bench_env *env, pid_t pid)
{
	struct caller *caller = caller_new(env);
	char req[16] = {0}, rep[16];

	return call(caller, req, sizeof(req), rep, sizeof(rep)) == sizeof(req) ? caller : NULL;
}

int main(int argc, char **argv)
{
	static const struct bench_ops ops = {
		.name = "raw",
		.serve = serve,
		.caller_new = caller_new,
		.call = call,
		.caller_free = caller_free,
		.receive = receive,
		.sender_new = sender_new,
		.send = send_all,
		.watcher_new = watcher_new,
		.watch = watch,
		.watcher_free = caller_free,
	};

	return bench_main(argc, argv, &ops);
}

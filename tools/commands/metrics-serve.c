/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics --listen: serves one page, on this machine only. There is one loop, which does not wait for slow
 * visitors: each visitor has a few seconds, and when all places are taken, the oldest visitor is closed. The
 * node is asked at each request, so the page is never stale. If the node does not answer, the answer is a
 * 503.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "libactor/util/clock.h"
#include "tools/commands/commands.h"
#include "tools/lib/http.h"
#include "tools/lib/openmetrics.h"
#include "tools/view/metrics.h"
#include "tools/view/wait.h"

#define VISITORS_MAX    32
#define VISITOR_TIME_MS 5000
#define ASK_TIME_MS     2000 /* how long each daemon is asked */
#define RETRY_MS        100  /* how long to wait when there is no descriptor for a visitor */

struct visitor {
	int fd; /* -1: the place is free */
	int64_t deadline_ms;
	char in[HTTP_REQUEST_MAX_BYTES];
	size_t in_bytes;
	struct buf out; /* empty while the request is read */
	size_t sent_bytes;
	bool said; /* the whole answer was sent; bytes of the visitor are thrown away until it closes */
};

struct serve {
	struct ctl *ctl;
	uint64_t max;
	int fd;
	/* the Unix socket that is removed at the end; sun_path empty: there is none */
	struct sockaddr_un path;
	dev_t dev;
	ino_t ino;
	int64_t retry_ms; /* before this time no visitor is accepted */
	struct visitor visitors[VISITORS_MAX];
};

/* ---- the address ---- */

static int fail_address(const struct ctl *ctl, const char *address)
{
	return ctl_fail(ctl, CTL_USAGE, "bad_address",
		"write unix:PATH (at most 107 bytes), 127.0.0.1:PORT or [::1]:PORT",
		"cannot listen at '%s': it is no address of this machine's own", address);
}

/* Removes the socket at the path in @un if nobody listens there. 0, or the exit status. */
static int make_room(const struct ctl *ctl, const struct sockaddr_un *un)
{
	struct stat st;
	int fd, r;

	if (lstat(un->sun_path, &st) < 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return ctl_fail(ctl, CTL_CONFLICT, "in_use", "name another path",
			"cannot listen at %s: there is a file that is no socket", un->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = fd < 0 ? -1 : connect(fd, (const struct sockaddr *)un, sizeof(*un));
	if (r < 0 && errno == ECONNREFUSED)
		r = unlink(un->sun_path);
	else
		r = -1;
	if (fd >= 0)
		close(fd);
	return r < 0 ? ctl_fail(ctl, CTL_CONFLICT, "in_use", "name another path",
			       "cannot listen at %s: somebody does already", un->sun_path)
		     : 0;
}

static int fail_listen(const struct ctl *ctl, const char *address)
{
	if (errno == EADDRINUSE)
		return ctl_fail(ctl, CTL_CONFLICT, "in_use", "name another port",
			"cannot listen at %s: somebody does already", address);
	return ctl_fail_errno(ctl, errno, NULL, "cannot listen at %s", address);
}

static int listen_unix(struct serve *serve, const char *address)
{
	const char *path = address + strlen("unix:");
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct stat st;
	mode_t mask;
	int r, status;

	if (!*path || strlen(path) >= sizeof(un.sun_path))
		return fail_address(serve->ctl, address);
	memcpy(un.sun_path, path, strlen(path) + 1);
	status = make_room(serve->ctl, &un);
	if (status)
		return status;
	serve->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0177);
	r = serve->fd < 0 ? -1 : bind(serve->fd, (struct sockaddr *)&un, sizeof(un));
	umask(mask);
	if (r < 0 || listen(serve->fd, VISITORS_MAX) < 0)
		return fail_listen(serve->ctl, address);
	if (lstat(path, &st) == 0) {
		serve->path = un;
		serve->dev = st.st_dev;
		serve->ino = st.st_ino;
	}
	printf("listening at unix:%s\n", path);
	return 0;
}

union inet_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Parses 127.x.x.x:PORT or [::1]:PORT. False: it is neither. */
static bool parse_inet(const char *text, union inet_address *ret)
{
	const char *colon = strrchr(text, ':');
	bool v6 = text[0] == '[';
	char host[48], *end;
	unsigned long port;
	size_t len;

	*ret = (union inet_address){0};
	if (!colon || colon[1] < '0' || colon[1] > '9')
		return false;
	port = strtoul(colon + 1, &end, 10);
	len = (size_t)(colon - text);
	if (*end || port > 65535 || len >= sizeof(host) || (v6 && (len < 3 || colon[-1] != ']')))
		return false;
	snprintf(host, sizeof(host), "%.*s", (int)(v6 ? len - 2 : len), v6 ? text + 1 : text);
	if (v6) {
		ret->v6.sin6_family = AF_INET6;
		ret->v6.sin6_port = htons((uint16_t)port);
		return inet_pton(AF_INET6, host, &ret->v6.sin6_addr) == 1 &&
		       IN6_IS_ADDR_LOOPBACK(&ret->v6.sin6_addr);
	}
	ret->v4.sin_family = AF_INET;
	ret->v4.sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1 &&
	       ntohl(ret->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

static int listen_inet(struct serve *serve, const char *address)
{
	union inet_address at;
	socklen_t len = sizeof(at);
	char host[INET6_ADDRSTRLEN];
	bool v6;
	int on = 1;

	if (!parse_inet(address, &at))
		return fail_address(serve->ctl, address);
	v6 = at.any.sa_family == AF_INET6;
	serve->fd = socket(at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (serve->fd < 0 || setsockopt(serve->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		bind(serve->fd, &at.any, v6 ? sizeof(at.v6) : sizeof(at.v4)) < 0 ||
		listen(serve->fd, VISITORS_MAX) < 0 || getsockname(serve->fd, &at.any, &len) < 0)
		return fail_listen(serve->ctl, address);
	if (v6)
		inet_ntop(AF_INET6, &at.v6.sin6_addr, host, sizeof(host));
	else
		inet_ntop(AF_INET, &at.v4.sin_addr, host, sizeof(host));
	printf(v6 ? "listening at http://[%s]:%u/metrics\n" : "listening at http://%s:%u/metrics\n", host,
		ntohs(v6 ? at.v6.sin6_port : at.v4.sin_port));
	return 0;
}

/* ---- a visitor ---- */

static void visitor_close(struct visitor *visitor)
{
	if (visitor->fd < 0)
		return;
	close(visitor->fd);
	buf_deinit(&visitor->out);
	visitor->out = (struct buf)BUF_INIT;
	visitor->fd = -1;
}

static void answer(struct visitor *visitor, bool head, int status, const char *type, const struct buf *body)
{
	char text[HTTP_HEAD_MAX_BYTES];
	size_t n = http_answer_head(text, status, type, body->size_bytes);

	buf_append(&visitor->out, text, n);
	if (!head)
		buf_append(&visitor->out, body->data, body->size_bytes);
	if (buf_error(&visitor->out) < 0)
		visitor_close(visitor);
}

static void answer_text(struct visitor *visitor, bool head, int status, const char *text)
{
	struct buf body = BUF_INIT;

	buf_append(&body, text, strlen(text));
	buf_append(&body, "\n", 1);
	answer(visitor, head, status, "text/plain; charset=utf-8", &body);
	buf_deinit(&body);
}

static void answer_metrics(struct serve *serve, struct visitor *visitor, bool head)
{
	int64_t timeout_ms = ctl_timeout_ms(serve->ctl, ASK_TIME_MS);
	struct metrics metrics;
	struct buf body = BUF_INIT;

	if (metrics_ask(serve->ctl, serve->max, timeout_ms, &metrics)) {
		answer_text(visitor, head, 503, "the node does not answer");
	} else {
		metrics_text(&metrics, serve->max, &body);
		if (buf_error(&body) < 0)
			answer_text(visitor, head, 503, "out of memory");
		else
			answer(visitor, head, 200, OPENMETRICS_CONTENT_TYPE, &body);
	}
	buf_deinit(&body);
	metrics_deinit(&metrics);
	/* the time that the node took does not count as the visitor's */
	visitor->deadline_ms = clock_now_ms() + VISITOR_TIME_MS;
}

static void visitor_answer(struct serve *serve, struct visitor *visitor)
{
	struct http_request request;
	int status = http_request_parse(visitor->in, visitor->in_bytes, &request);

	if (!status)
		return;
	if (status != 200)
		answer_text(visitor, false, status, http_reason(status));
	else if (strcmp(request.path, "/metrics") != 0)
		answer_text(visitor, request.head, 404, "the page is /metrics");
	else
		answer_metrics(serve, visitor, request.head);
}

static void visitor_read(struct serve *serve, struct visitor *visitor)
{
	char scrap[4096];
	bool done = visitor->out.size_bytes != 0;
	ssize_t n = done ? recv(visitor->fd, scrap, sizeof(scrap), MSG_DONTWAIT)
			 : recv(visitor->fd, visitor->in + visitor->in_bytes,
				   sizeof(visitor->in) - visitor->in_bytes, MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		visitor_close(visitor);
		return;
	}
	if (done || n < 0)
		return;
	visitor->in_bytes += (size_t)n;
	visitor_answer(serve, visitor);
}

static void visitor_write(struct visitor *visitor)
{
	size_t left = visitor->out.size_bytes - visitor->sent_bytes;
	ssize_t n =
		send(visitor->fd, visitor->out.data + visitor->sent_bytes, left, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		visitor_close(visitor);
		return;
	}
	visitor->sent_bytes += n > 0 ? (size_t)n : 0;
	if (visitor->sent_bytes < visitor->out.size_bytes)
		return;
	/*
	 * If the socket were closed at once, unread bytes of the visitor would make the kernel throw the
	 * answer away.
	 */
	visitor->said = true;
	shutdown(visitor->fd, SHUT_WR);
}

/* A free place, or the place of the oldest visitor. */
static struct visitor *visitor_place(struct serve *serve)
{
	struct visitor *oldest = &serve->visitors[0];

	for (int i = 0; i < VISITORS_MAX; i++) {
		if (serve->visitors[i].fd < 0)
			return &serve->visitors[i];
		if (serve->visitors[i].deadline_ms < oldest->deadline_ms)
			oldest = &serve->visitors[i];
	}
	visitor_close(oldest);
	return oldest;
}

static void visitor_accept(struct serve *serve)
{
	int fd = accept4(serve->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct visitor *visitor;

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
			serve->retry_ms = clock_now_ms() + RETRY_MS;
		return;
	}
	visitor = visitor_place(serve);
	visitor->fd = fd;
	visitor->deadline_ms = clock_now_ms() + VISITOR_TIME_MS;
	visitor->in_bytes = visitor->sent_bytes = 0;
	visitor->said = false;
}

/* ---- the loop ---- */

/* Closes visitors whose time is over. Returns the time until the next check. */
static int serve_timeout_ms(struct serve *serve)
{
	int64_t now_ms = clock_now_ms(), next_ms = INT64_MAX;

	if (serve->retry_ms > now_ms)
		next_ms = serve->retry_ms;
	for (int i = 0; i < VISITORS_MAX; i++) {
		struct visitor *visitor = &serve->visitors[i];

		if (visitor->fd >= 0 && visitor->deadline_ms <= now_ms)
			visitor_close(visitor);
		if (visitor->fd >= 0 && visitor->deadline_ms < next_ms)
			next_ms = visitor->deadline_ms;
	}
	return next_ms == INT64_MAX ? -1 : (int)(next_ms - now_ms);
}

static void serve_loop(struct serve *serve, const struct wait_signals *signals)
{
	enum { SIGNALS, DOOR, FIRST };
	struct pollfd fds[FIRST + VISITORS_MAX];

	while (!wait_signals_take(signals)) {
		int timeout_ms = serve_timeout_ms(serve);

		fds[SIGNALS] = (struct pollfd){.fd = signals->fd, .events = POLLIN};
		fds[DOOR] = (struct pollfd){
			.fd = serve->retry_ms > clock_now_ms() ? -1 : serve->fd, .events = POLLIN};
		for (int i = 0; i < VISITORS_MAX; i++) {
			const struct visitor *v = &serve->visitors[i];

			fds[FIRST + i] = (struct pollfd){
				.fd = v->fd, .events = v->out.size_bytes && !v->said ? POLLOUT : POLLIN};
		}
		if (poll(fds, FIRST + VISITORS_MAX, timeout_ms) <= 0)
			continue;
		for (int i = 0; i < VISITORS_MAX; i++) {
			struct visitor *visitor = &serve->visitors[i];

			if (!fds[FIRST + i].revents)
				continue;
			if (fds[FIRST + i].events == POLLOUT)
				visitor_write(visitor);
			else
				visitor_read(serve, visitor);
		}
		if (fds[DOOR].revents)
			visitor_accept(serve);
	}
}

static void serve_end(struct serve *serve)
{
	struct stat st;

	for (int i = 0; i < VISITORS_MAX; i++)
		visitor_close(&serve->visitors[i]);
	if (serve->fd >= 0)
		close(serve->fd);
	if (serve->path.sun_path[0] && lstat(serve->path.sun_path, &st) == 0 && st.st_dev == serve->dev &&
		st.st_ino == serve->ino)
		unlink(serve->path.sun_path);
	free(serve);
}

int metrics_serve(struct ctl *ctl, const char *address, uint64_t max)
{
	struct serve *serve = calloc(1, sizeof(*serve));
	struct wait_signals signals;
	int status;

	if (!serve)
		return ctl_fail_errno(ctl, ENOMEM, NULL, "cannot serve the metrics");
	serve->ctl = ctl;
	serve->max = max;
	serve->fd = -1;
	for (int i = 0; i < VISITORS_MAX; i++)
		serve->visitors[i].fd = -1;
	wait_signals_begin(&signals);
	status = !strncmp(address, "unix:", 5) ? listen_unix(serve, address) : listen_inet(serve, address);
	if (!status) {
		fflush(stdout);
		serve_loop(serve, &signals);
	}
	serve_end(serve);
	wait_signals_end(&signals);
	return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "frame.h"

static int path_socket(const char *path, struct sockaddr_un *ret_addr)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(addr.sun_path))
		bench_die("%s: longer than a socket path may be", path);
	strcpy(addr.sun_path, path);
	*ret_addr = addr;
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

int raw_listen(const char *path)
{
	struct sockaddr_un addr;
	int fd = path_socket(path, &addr);

	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, BENCH_PEERS_MAX))
		bench_die("listen on %s: %s", path, strerror(errno));
	return fd;
}

int raw_connect(const char *path)
{
	struct sockaddr_un addr;
	int fd = path_socket(path, &addr);

	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		bench_die("connect to %s: %s", path, strerror(errno));
	return fd;
}

int raw_send(int fd, const void *data, size_t size_bytes)
{
	uint32_t length = (uint32_t)size_bytes;
	struct iovec iov[2] = {{&length, sizeof(length)}, {(void *)data, size_bytes}}, *v = iov;
	size_t left = sizeof(length) + size_bytes;
	int n_iov = 2;

	while (left) {
		ssize_t r = writev(fd, v, n_iov);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		left -= (size_t)r;
		while (left && (size_t)r >= v->iov_len) {
			r -= (ssize_t)v->iov_len;
			v++;
			n_iov--;
		}
		v->iov_base = (char *)v->iov_base + r;
		v->iov_len -= (size_t)r;
	}
	return 0;
}

ssize_t raw_read(struct raw_conn *c)
{
	ssize_t r = read(c->fd, c->buf + c->have, sizeof(c->buf) - c->have);

	if (r < 0)
		return -errno;
	c->have += (size_t)r;
	return r;
}

const char *raw_next(const struct raw_conn *c, size_t *at, size_t *ret_size_bytes)
{
	const char *data = c->buf + *at;
	uint32_t length;

	if (c->have - *at < sizeof(length))
		return NULL;
	memcpy(&length, data, sizeof(length));
	if (length > BENCH_SIZE_MAX)
		bench_die("a frame of %u bytes", length);
	if (c->have - *at - sizeof(length) < length)
		return NULL;
	*at += sizeof(length) + length;
	*ret_size_bytes = length;
	return data + sizeof(length);
}

void raw_shift(struct raw_conn *c, size_t at)
{
	if (at && at < c->have)
		memmove(c->buf, c->buf + at, c->have - at);
	c->have -= at;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/logs/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEEP_BYTES (1u << 20)

void outlet_init(struct outlet *outlet, int fd, size_t room_bytes)
{
	struct stat st;
	char path[32];

	*outlet = (struct outlet){.fd = fd, .room_bytes = room_bytes};
	if (fstat(fd, &st)) {
		outlet->fd = -1;
		return;
	}
	outlet->socket = S_ISSOCK(st.st_mode);
	if (S_ISREG(st.st_mode) || outlet->socket)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	outlet->owned = fd >= 0;
	outlet->may_wait = fd < 0; /* it belongs to another user, for instance */
	if (fd >= 0)
		outlet->fd = fd;
}

static void outlet_close(struct outlet *outlet)
{
	if (outlet->owned)
		close(outlet->fd);
	outlet->owned = false;
	outlet->fd = -1;
	buf_reset(&outlet->waiting, 0);
	outlet->sent_bytes = 0;
}

void outlet_deinit(struct outlet *outlet)
{
	outlet_close(outlet);
	buf_deinit(&outlet->waiting);
}

static ssize_t outlet_write(const struct outlet *outlet, const void *data, size_t size_bytes)
{
	struct pollfd look = {.fd = outlet->fd, .events = POLLOUT};

	if (outlet->socket)
		return send(outlet->fd, data, size_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (!outlet->may_wait)
		return write(outlet->fd, data, size_bytes);
	if (poll(&look, 1, 0) != 1) {
		errno = EAGAIN;
		return -1;
	}
	/* a pipe that is writable takes PIPE_BUF bytes without waiting */
	return write(outlet->fd, data, size_bytes < PIPE_BUF ? size_bytes : PIPE_BUF);
}

static void outlet_compact(struct outlet *outlet)
{
	struct buf *waiting = &outlet->waiting;

	waiting->size_bytes -= outlet->sent_bytes;
	memmove(waiting->data, waiting->data + outlet->sent_bytes, waiting->size_bytes);
	outlet->sent_bytes = 0;
}

void outlet_flush(struct outlet *outlet)
{
	while (outlet_waits(outlet)) {
		ssize_t n = outlet_write(outlet, outlet->waiting.data + outlet->sent_bytes,
			outlet->waiting.size_bytes - outlet->sent_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			outlet_compact(outlet);
			return;
		}
		if (n < 0) {
			outlet_close(outlet);
			return;
		}
		outlet->sent_bytes += (size_t)n;
	}
	buf_reset(&outlet->waiting, KEEP_BYTES);
	outlet->sent_bytes = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's clock and its log. */
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "spawner/keeper/keeper.h"
#include "spawner/shared/node-log.h"

static char last_line[1024];
static size_t last_size;

uint64_t keeper_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

void keeper_log(const char *format, ...)
{
	char *text = last_line;
	const size_t size = sizeof(last_line);
	va_list arguments;
	int n, head;

	head = snprintf(text, size, "actor-spawner: ");
	va_start(arguments, format);
	n = vsnprintf(text + head, size - 1 - (size_t)head, format, arguments);
	va_end(arguments);
	n = n < 0 ? 0 : n + head > (int)size - 2 ? (int)size - 2 : n + head;
	text[n++] = '\n';
	last_size = (size_t)n;
	node_log_look();
	node_log_write(text, last_size);
}

void keeper_log_repeat(int fd)
{
	struct pollfd look = {.fd = fd, .events = POLLOUT};

	/* fewer bytes than PIPE_BUF: a pipe takes them all or none. Nobody needs to read them. */
	if (last_size && poll(&look, 1, 0) == 1 && write(fd, last_line, last_size) < 0)
		return;
}

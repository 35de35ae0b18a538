/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's clock and its log. */
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "spawner/keeper/keeper.h"
#include "spawner/shared/node-log.h"

uint64_t keeper_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

void keeper_log(const char *format, ...)
{
	char text[1024];
	va_list arguments;
	int n, head;

	head = snprintf(text, sizeof(text), "actor-spawner: ");
	va_start(arguments, format);
	n = vsnprintf(text + head, sizeof(text) - 1 - (size_t)head, format, arguments);
	va_end(arguments);
	n = n < 0 ? 0 : n + head > (int)sizeof(text) - 2 ? (int)sizeof(text) - 2 : n + head;
	text[n++] = '\n';
	node_log_look();
	node_log_write(text, (size_t)n);
}

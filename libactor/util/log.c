/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/util/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libactor/protocol/variables.h"

#define LOG_LINE_MAX_BYTES 2048
#define PATIENCE_MS        100

static const char *const log_level_names[] = {
	[LOG_ERROR] = "error",
	[LOG_WARNING] = "warning",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

static char log_program[64];
static enum log_level log_max = LOG_INFO;
static void (*log_hook)(const char *line, size_t size) = log_put;

void log_init(const char *program, enum log_level max)
{
	const char *wish = getenv(ENV_LOG_LEVEL);

	snprintf(log_program, sizeof(log_program), "%s", program);
	log_max = max;
	for (size_t i = 0; wish && i < sizeof(log_level_names) / sizeof(log_level_names[0]); i++) {
		if (!strcmp(wish, log_level_names[i]))
			log_max = (enum log_level)i;
	}
}

void log_to(void (*put)(const char *line, size_t size))
{
	log_hook = put;
}

/*
 * poll() says that a pipe is writable only when it has room for a page, and a line is shorter than a page. A
 * supervised process has a pipe of its own, so no other process fills it between poll() and write().
 */
void log_put(const char *line, size_t size)
{
	static bool is_stuck;
	struct pollfd look = {.fd = STDERR_FILENO, .events = POLLOUT};

	is_stuck = poll(&look, 1, is_stuck ? 0 : PATIENCE_MS) == 0;
	if (!is_stuck)
		(void)!write(STDERR_FILENO, line, size); /* if stderr is gone, nobody can read about that */
}

/*
 * Writes each line with one write(), so that lines of several processes on one pipe do not mix. Control
 * characters are replaced, so a text from a peer cannot begin a new line.
 */
void log_write(enum log_level level, const char *format, ...)
{
	char line[LOG_LINE_MAX_BYTES];
	int saved_errno = errno, n, head;
	size_t size;
	va_list args;

	if (level > log_max)
		return;
	head = snprintf(line, sizeof(line), "%s: <%s> ",
		*log_program ? log_program : program_invocation_short_name, log_level_names[level]);
	if (head < 0 || (size_t)head >= sizeof(line) / 2)
		head = 0;
	errno = saved_errno; /* for %m */
	va_start(args, format);
	n = vsnprintf(line + head, sizeof(line) - (size_t)head, format, args);
	va_end(args);
	if (n < 0)
		n = 0;
	size = (size_t)head + (size_t)n;
	if (size > sizeof(line) - 1)
		size = sizeof(line) - 1;
	for (size_t i = 0; i < size; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	}
	line[size++] = '\n';
	log_hook(line, size);
	errno = saved_errno;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "spawner/shared/node-log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spawner/shared/runtime-dir.h"

/* how long to wait for a slow reader; there is no second wait before a line was taken again */
#define PATIENCE_MS 100

static char log_path[RUNTIME_DIR_PATH_SIZE + 32]; /* empty: stderr is not the log */
/* lines that nobody took since the last line that was taken */
static unsigned long n_lost;
static bool is_cut; /* only a part of the last line was taken */

static bool log_is_named(struct stat *ret_here)
{
	struct stat named;

	return fstat(STDERR_FILENO, ret_here) == 0 && lstat(log_path, &named) == 0 &&
	       named.st_ino == ret_here->st_ino && named.st_dev == ret_here->st_dev;
}

void node_log_init(const char *log_dir)
{
	struct stat here;

	snprintf(log_path, sizeof(log_path), "%s/actor-spawner.log", log_dir);
	if (!log_is_named(&here) || !S_ISREG(here.st_mode))
		log_path[0] = 0;
}

static void log_open(void)
{
	int fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);

	if (fd < 0)
		return; /* then the line goes to the old file */
	if (fd != STDERR_FILENO) {
		dup2(fd, STDERR_FILENO);
		close(fd);
	}
}

void node_log_look(void)
{
	int saved_errno = errno;
	struct stat here;

	if (log_path[0] && !log_is_named(&here))
		log_open();
	errno = saved_errno;
}

/*
 * Writes once without waiting. Negative: nothing was taken. The shell that started this program shares the
 * description of stderr, so it must not be made non-blocking. Instead the pipe or terminal is opened once
 * more.
 */
static ssize_t put_at_once(const char *text, size_t size)
{
	struct pollfd look = {.fd = STDERR_FILENO, .events = POLLOUT};
	struct stat here;
	ssize_t n;
	int fd;

	if (fstat(STDERR_FILENO, &here) < 0)
		return -1;
	if (S_ISREG(here.st_mode))
		return write(STDERR_FILENO, text, size);
	if (S_ISSOCK(here.st_mode))
		return send(STDERR_FILENO, text, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) /* stderr belongs to another user, or no descriptor is left */
		return poll(&look, 1, 0) == 1 ? write(STDERR_FILENO, text, size) : -1;
	n = write(fd, text, size);
	close(fd);
	return n;
}

static bool put_line(const char *line, size_t size)
{
	ssize_t n = put_at_once(line, size);

	is_cut = n >= 0 ? (size_t)n < size : is_cut;
	return n >= 0 && !is_cut;
}

void node_log_write(const char *line, size_t size)
{
	struct pollfd look = {.fd = STDERR_FILENO, .events = POLLOUT};
	char text[128];
	int saved_errno = errno, n;

	if (n_lost) {
		n = snprintf(text, sizeof(text), "%s%s: %lu lines are missing here: nobody read them\n",
			is_cut ? "\n" : "", program_invocation_short_name, n_lost);
		n_lost = put_line(text, (size_t)n) ? 0 : n_lost + 1;
		if (!n_lost && !put_line(line, size))
			n_lost = 1;
	} else if (!put_line(line, size)) {
		n_lost = is_cut || poll(&look, 1, PATIENCE_MS) != 1 || !put_line(line, size);
	}
	errno = saved_errno;
}

void node_log_turn_over(void)
{
	char older[sizeof(log_path) + 2];
	int saved_errno = errno;
	struct stat here;

	if (log_path[0] && log_is_named(&here) && here.st_size >= NODE_LOG_MAX_BYTES) {
		snprintf(older, sizeof(older), "%s.1", log_path);
		rename(log_path, older);
	}
	node_log_look();
	errno = saved_errno;
}

void node_log_put(const char *line, size_t size)
{
	node_log_turn_over();
	node_log_write(line, size);
}

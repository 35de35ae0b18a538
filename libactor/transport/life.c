/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the process at the other end of a link lives. The kernel knows. For both transports. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libactor/transport/transport.h"

#define START_FIELD 22 /* in /proc/PID/stat, counted as in proc(5) */

/* Whether /proc is that of our pid namespace. Another /proc has other processes under the same numbers. */
static bool proc_is_ours(void)
{
	char text[16] = "";

	return readlink("/proc/self", text, sizeof(text) - 1) > 0 && atoi(text) == (int)getpid();
}

/* The start of the process with that number, in ns of CLOCK_BOOTTIME, rounded down; -1: not known. */
static int64_t start_ns(pid_t pid)
{
	char path[32], text[1024], *at;
	long ticks_per_s = sysconf(_SC_CLK_TCK);
	long long ticks = -1;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ticks_per_s <= 0) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	at = strrchr(text, ')'); /* the name before the ')' may have any characters */
	for (int field = 2; at && field < START_FIELD; field++)
		at = strchr(at + 1, ' ');
	if (at)
		ticks = strtoll(at, NULL, 10);
	return ticks < 0 ? -1 : ticks * (1000000000 / ticks_per_s);
}

enum transport_life transport_life(pid_t pid, int64_t seen_ns)
{
	struct pollfd poll_fd = {.events = POLLIN};
	enum transport_life life;

	if (pid <= 0)
		return LIFE_UNKNOWN;
	poll_fd.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (poll_fd.fd < 0) {
		/* EINVAL, ENOENT: the number now belongs to a mere thread, so the process has ended */
		if (errno == ESRCH || errno == EINVAL || errno == ENOENT)
			return LIFE_OVER;
		return kill(pid, 0) < 0 && errno == ESRCH ? LIFE_OVER : LIFE_UNKNOWN;
	}
	/* readable: the process has exited, whether it was reaped or not */
	life = poll(&poll_fd, 1, 0) == 1 ? LIFE_OVER : LIFE_GOES_ON;
	/* Numbers are used again. A process that began after the link was up is another one. */
	if (life == LIFE_GOES_ON && proc_is_ours() && start_ns(pid) > seen_ns)
		life = LIFE_OVER;
	close(poll_fd.fd);
	return life;
}

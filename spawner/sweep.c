/*
 * sweep: end every process that carries a node's marker
 *
 * /proc/PID/environ is what the process was exec'd with, so fork and setsid do not shake the marker off. It
 * is read through a matcher that needs no more than one buffer, whatever the size of the environment and
 * wherever in it the marker is: a shell in between re-orders it.
 *
 * Numbers are reused, so a kill goes through a pidfd, and the marker is read again after the pidfd was
 * opened. The same pidfds say when the killed are gone; only then is the next scan worth its price. Two scans
 * in a row must find none, because a process that forks while it is scanned for can hide its child from one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "sweep.h"

#define SWEEP_WAIT_MAX 64 /* pidfds held open at a time */

struct sweep_dirent {
	uint64_t ino;
	int64_t off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

void sweep_marker_format(char text[SWEEP_MARKER_SIZE], const struct sweep_marker *marker)
{
	snprintf(text, SWEEP_MARKER_SIZE, SWEEP_VARIABLE "=%016llx.%llu", (unsigned long long)marker->node_id,
		(unsigned long long)marker->group_id);
}

bool sweep_marker_parse(const char *value, struct sweep_marker *ret_marker)
{
	struct sweep_marker marker = {0};
	int i;

	for (i = 0; i < 16; i++) {
		char c = value[i];

		if (c >= '0' && c <= '9')
			marker.node_id = marker.node_id << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			marker.node_id = marker.node_id << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
	}
	if (value[16] != '.' || !value[17])
		return false;
	for (i = 17; value[i]; i++) {
		if (value[i] < '0' || value[i] > '9')
			return false;
		if (__builtin_mul_overflow(marker.group_id, (uint64_t)10, &marker.group_id) ||
			__builtin_add_overflow(marker.group_id, (uint64_t)(value[i] - '0'), &marker.group_id))
			return false;
	}
	*ret_marker = marker;
	return true;
}

int sweep_environ_scan(int fd, struct sweep_marker *ret_marker)
{
	static const char key[] = SWEEP_VARIABLE "=";
	char buffer[4096], value[SWEEP_MARKER_SIZE];
	size_t matched = 0,
	       length = 0; /* of the key, of the value; matched > key length: not this variable */
	ssize_t n, i;

	for (;;) {
		n = read(fd, buffer, sizeof(buffer));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == ESRCH ? 0 : -errno;
		if (!n)
			return 0;
		for (i = 0; i < n; i++) {
			char c = buffer[i];

			if (matched == sizeof(key) - 1) {
				if (length < sizeof(value))
					value[length++] = c;
				if (!c) {
					value[sizeof(value) - 1] = 0;
					return sweep_marker_parse(value, ret_marker);
				}
			} else if (!c) {
				matched = 0;
			} else if (matched < sizeof(key) - 1 && key[matched] == c) {
				matched++;
			} else {
				matched = sizeof(key);
			}
		}
	}
}

int sweep_marker_read(pid_t pid, struct sweep_marker *ret_marker)
{
	char path[48];
	int fd, r;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ESRCH ? 0 : -errno;
	r = sweep_environ_scan(fd, ret_marker);
	close(fd);
	return r;
}

int sweep_each_process(bool (*visit)(pid_t pid, void *data), void *data)
{
	_Alignas(struct sweep_dirent) char buffer[16384];
	int fd, r = 0;
	long n, at;

	fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (;;) {
		n = syscall(SYS_getdents64, fd, buffer, sizeof(buffer));
		if (n <= 0) {
			r = n < 0 ? -errno : 0;
			break;
		}
		for (at = 0; at < n;) {
			const struct sweep_dirent *entry = (const struct sweep_dirent *)(buffer + at);

			at += entry->reclen;
			if (entry->name[0] >= '1' && entry->name[0] <= '9' &&
				!visit((pid_t)atol(entry->name), data))
				goto out;
		}
	}
out:
	close(fd);
	return r;
}

#define SWEEP_CLEAN_SCANS 3 /* that find nobody, in a row, apart by … */
#define SWEEP_SETTLE_MS 40

struct sweep_scan {
	uint64_t node_id;
	const uint64_t *group_ids;
	size_t n_group_ids;
	const pid_t *except;
	size_t n_except;
	pid_t except_pgid;
	int signo;
	int n_hit;                   /* in this scan */
	int waiting[SWEEP_WAIT_MAX]; /* pidfds of the killed */
	size_t n_waiting;
};

static bool sweep_matches(const struct sweep_scan *scan, pid_t pid)
{
	struct sweep_marker marker;
	size_t i;

	if (sweep_marker_read(pid, &marker) != 1 || marker.node_id != scan->node_id)
		return false;
	for (i = 0; i < scan->n_group_ids; i++)
		if (scan->group_ids[i] == marker.group_id)
			return true;
	return scan->n_group_ids == 0;
}

static bool sweep_visit(pid_t pid, void *data)
{
	struct sweep_scan *scan = data;
	size_t i;
	int fd;

	if (pid == getpid())
		return true;
	for (i = 0; i < scan->n_except; i++)
		if (scan->except[i] == pid)
			return true;
	if (!sweep_matches(scan, pid) || (scan->except_pgid > 0 && getpgid(pid) == scan->except_pgid))
		return true;

	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0) {
		if (errno != ESRCH) { /* out of fds: better the number than a survivor */
			kill(pid, scan->signo);
			scan->n_hit++;
		}
		return true;
	}
	if (sweep_matches(scan, pid)) {
		syscall(SYS_pidfd_send_signal, fd, scan->signo, NULL, 0);
		scan->n_hit++;
		if (scan->signo == SIGKILL && scan->n_waiting < SWEEP_WAIT_MAX) {
			scan->waiting[scan->n_waiting++] = fd;
			return true;
		}
	}
	close(fd);
	return true;
}

static int64_t sweep_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Until all of them are gone, or the time is up. Without a pidfd to wait on, a short nap. */
static void sweep_wait(struct sweep_scan *scan, int64_t deadline_ms)
{
	bool napped = scan->n_waiting > 0;

	while (scan->n_waiting > 0) {
		struct pollfd poll_fd = {.fd = scan->waiting[--scan->n_waiting], .events = POLLIN};
		int64_t left_ms = deadline_ms - sweep_now_ms();

		if (left_ms > 0)
			while (poll(&poll_fd, 1, (int)left_ms) < 0 && errno == EINTR)
				left_ms = deadline_ms > sweep_now_ms() ? deadline_ms - sweep_now_ms() : 0;
		close(poll_fd.fd);
	}
	if (!napped)
		poll(NULL, 0, 1);
}

int sweep_kill(uint64_t node_id, const uint64_t *group_ids, size_t n_group_ids, const pid_t *except,
	size_t n_except, unsigned int timeout_ms)
{
	struct sweep_scan scan = {.node_id = node_id,
		.group_ids = group_ids,
		.n_group_ids = n_group_ids,
		.except = except,
		.n_except = n_except,
		.signo = SIGKILL};
	int64_t deadline_ms = sweep_now_ms() + timeout_ms;
	int n_killed = 0, n_clean = 0, r;

	for (;;) {
		scan.n_hit = 0;
		r = sweep_each_process(sweep_visit, &scan);
		if (r < 0) {
			sweep_wait(&scan, 0);
			return r;
		}
		n_killed += scan.n_hit;
		n_clean = scan.n_hit ? 0 : n_clean + 1;
		if (n_clean == SWEEP_CLEAN_SCANS)
			return n_killed;
		if (scan.n_hit)
			sweep_wait(&scan, deadline_ms);
		else
			poll(NULL, 0, SWEEP_SETTLE_MS); /* one in the middle of exec shows no environment: give it time to arrive */
		if (sweep_now_ms() >= deadline_ms && scan.n_hit)
			return -ETIMEDOUT;
	}
}

int sweep_signal(const struct sweep_marker *marker, int signo, pid_t except_pgid)
{
	struct sweep_scan scan = {.node_id = marker->node_id,
		.group_ids = &marker->group_id,
		.n_group_ids = 1,
		.except_pgid = except_pgid,
		.signo = signo};
	int r;

	r = sweep_each_process(sweep_visit, &scan);
	while (scan.n_waiting > 0)
		close(scan.waiting[--scan.n_waiting]);
	return r < 0 ? r : scan.n_hit;
}

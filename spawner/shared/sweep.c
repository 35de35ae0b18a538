/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep: ends every process that has a node's marks
 *
 * /proc/PID/environ is the environment with which the process was exec'd, so fork and setsid do not remove
 * the marker. A matcher reads it through one buffer, whatever the size of the environment. The marker may
 * stand anywhere, since a shell in between changes the order.
 *
 * Numbers are reused, so a process is killed through a pidfd, and its marks are checked again after the pidfd
 * was opened. The same pidfds say when the killed processes are gone. The next scan waits for that, since
 * scans are expensive. Three scans in a row (SWEEP_CLEAN_SCANS) must find no process: a scan can miss a child
 * that is forked meanwhile, or a process in the midst of exec.
 */
#include "spawner/shared/sweep.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "spawner/shared/marks.h"
#include "spawner/shared/process-tree.h"

#define SWEEP_WAIT_MAX    64 /* at most so many pidfds are open at a time */
#define SWEEP_CLEAN_SCANS 3  /* so many scans in a row must find nobody, with this pause between them: */
#define SWEEP_SETTLE_MS   40

struct sweep_scan {
	uint64_t node_id;
	pid_t *sessions;
	size_t n_sessions;
	const pid_t *except;
	size_t n_except;
	int n_hit;    /* marked processes found in this scan, which are waited for */
	int n_killed; /* killed processes, without those that were ending already */
	/* processes that could not be killed in this scan */
	struct sweep_denied denied;
	/* kill only the process itself and not its descendants, so nobody is stopped first */
	bool alone;
	int waiting[SWEEP_WAIT_MAX]; /* pidfds of the killed processes */
	size_t n_waiting;
};

static struct process_tree sweep_tree;

/* The limit is checked first: it is cheaper to read, and can be read at any time. */
static bool sweep_is_marked(const struct sweep_scan *scan, pid_t pid)
{
	struct sweep_marker marker;
	uint32_t group_low;

	return sweep_limit_read(pid, scan->node_id, &group_low) ||
	       (sweep_marker_read(pid, &marker) == 1 && marker.node_id == scan->node_id);
}

static bool sweep_matches(const struct sweep_scan *scan, pid_t pid)
{
	pid_t session;
	size_t i;

	if (sweep_is_marked(scan, pid))
		return true;
	session = scan->n_sessions ? getsid(pid) : 0;
	for (i = 0; i < scan->n_sessions && session > 0; i++)
		if (scan->sessions[i] == session)
			return true;
	return false;
}

static bool sweep_is_excepted(const struct sweep_scan *scan, pid_t pid)
{
	size_t i;

	for (i = 0; i < scan->n_except; i++)
		if (scan->except[i] == pid)
			return true;
	return pid == getpid();
}

static void sweep_note_denied(struct sweep_scan *scan, pid_t pid)
{
	scan->denied.n++;
	scan->denied.pid = pid;
	if (!process_uid_read(pid, &scan->denied.uid))
		scan->denied.uid = (uid_t)-1;
}

static bool sweep_visit(pid_t pid, void *data)
{
	struct sweep_scan *scan = data;
	struct process_stat stat;
	int fd;

	if (sweep_is_excepted(scan, pid) || !sweep_matches(scan, pid) || !process_stat_read(pid, &stat) ||
		process_is_zombie(&stat))
		return true;
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0) {
		if (errno != ESRCH) { /* no descriptor is left: a kill by number is better than a survivor */
			if (kill(pid, SIGKILL) < 0 && errno == EPERM) {
				sweep_note_denied(scan, pid);
				return true;
			}
			scan->n_hit++;
			scan->n_killed++;
		}
		return true;
	}
	if (!sweep_matches(scan, pid)) {
		close(fd);
		return true;
	}
	/* The descendants are killed too, since they may have no mark. */
	process_tree_clear(&sweep_tree);
	process_tree_add_root(&sweep_tree, pid);
	if (!scan->alone)
		process_tree_descend(&sweep_tree, true);
	process_tree_signal(&sweep_tree, SIGKILL, 0);
	if (sweep_tree.members[0].denied) {
		sweep_note_denied(scan, pid);
		close(fd);
		return true;
	}
	scan->n_hit++;
	scan->n_killed += !stat.exiting;
	if (scan->n_waiting < SWEEP_WAIT_MAX)
		scan->waiting[scan->n_waiting++] = fd;
	else
		close(fd);
	return true;
}

/*
 * The kernel gives no new process a number that is still the id of a session. So a session is still the
 * group's, unless a process without the node's marks has the number.
 */
static void sweep_check_sessions(struct sweep_scan *scan)
{
	struct process_stat stat;
	size_t i;

	for (i = 0; i < scan->n_sessions; i++)
		if (scan->sessions[i] > 0 && process_stat_read(scan->sessions[i], &stat) &&
			!process_is_zombie(&stat) && !sweep_is_marked(scan, scan->sessions[i]))
			scan->sessions[i] = 0;
}

static int64_t sweep_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * Waits until all killed processes are gone, or the time is up. Without a pidfd to wait on, it sleeps
 * briefly.
 */
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

int sweep_kill(uint64_t node_id, pid_t *sessions, size_t n_sessions, const pid_t *except, size_t n_except,
	unsigned timeout_ms, struct sweep_denied *ret_denied)
{
	struct sweep_scan scan = {.node_id = node_id,
		.sessions = sessions,
		.n_sessions = n_sessions,
		.except = except,
		.n_except = n_except};
	int64_t deadline_ms = sweep_now_ms() + timeout_ms;
	int n_clean = 0, r;

	sweep_check_sessions(&scan);
	for (;;) {
		scan.n_hit = 0;
		scan.denied = (struct sweep_denied){0};
		r = proc_each_process(sweep_visit, &scan);
		if (ret_denied)
			*ret_denied = scan.denied;
		if (r < 0) {
			sweep_wait(&scan, 0);
			return r;
		}
		n_clean = scan.n_hit ? 0 : n_clean + 1;
		if (n_clean == SWEEP_CLEAN_SCANS)
			return scan.n_killed;
		if (scan.n_hit)
			sweep_wait(&scan, deadline_ms);
		else
			/* a process in the midst of exec shows no environment, so give it time to finish */
			poll(NULL, 0, SWEEP_SETTLE_MS);
		if (sweep_now_ms() >= deadline_ms && scan.n_hit)
			return -ETIMEDOUT;
	}
}

int sweep_kill_one(uint64_t node_id, pid_t pid, unsigned timeout_ms)
{
	struct sweep_scan scan = {.node_id = node_id, .alone = true};
	int64_t deadline_ms = sweep_now_ms() + timeout_ms;

	do {
		scan.n_hit = 0;
		sweep_visit(pid, &scan);
		if (!scan.n_hit)
			return 0;
		sweep_wait(&scan, deadline_ms);
	} while (sweep_now_ms() < deadline_ms);
	return -ETIMEDOUT;
}

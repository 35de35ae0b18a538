/* SPDX-License-Identifier: Apache-2.0 */
/* sweep: ends every process that has a node's marks (marks.h); libc only, no heap */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What the kernel did not let us kill, since it runs as another user. */
struct sweep_denied {
	unsigned n;
	pid_t pid; /* one of them, and as whom it runs; -1: not known */
	uid_t uid;
};

/*
 * Kills every process that has one of the two marks of this node, or is in one of @sessions, and its
 * descendants. It never kills the calling process, nor a process in @except. @sessions: numbers of the
 * leaders of groups that were alive a moment ago; a number that belongs to another process now is overwritten
 * with 0. Goes on until three scans of /proc, 40 ms apart, find no such process. Returns the number of killed
 * processes; -ETIMEDOUT: some were still there after timeout_ms; another negative errno: /proc cannot be
 * read. A process that runs as another user and cannot be killed is not waited for: *ret_denied says which,
 * unless that is NULL.
 */
int sweep_kill(uint64_t node_id, pid_t *sessions, size_t n_sessions, const pid_t *except, size_t n_except,
	unsigned timeout_ms, struct sweep_denied *ret_denied);

/*
 * Kills one process, if it has a mark of this node, and waits until it is gone. 0, -ETIMEDOUT. The process is
 * not stopped first, as sweep_kill() would do: if the caller were killed now, this process must go on with
 * the sweep, which it could not do while it is stopped.
 */
int sweep_kill_one(uint64_t node_id, pid_t pid, unsigned timeout_ms);

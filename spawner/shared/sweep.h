/* SPDX-License-Identifier: Apache-2.0 */
/* sweep: end every process that carries a node's marks (marks.h); libc only, no heap */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Kills every process that has one of the two marks of this node, or is in one of the sessions, and all that
 * descends from it; never itself, nor one of except. sessions: numbers of leaders of groups that were alive a
 * moment ago; the numbers of those that are somebody else's now are overwritten with 0. Goes on until three
 * scans of /proc, 40 ms apart, find none. Number of kills sent; -ETIMEDOUT when some were still there after
 * timeout_ms; other negative errno if /proc cannot be read.
 */
int sweep_kill(uint64_t node_id, pid_t *sessions, size_t n_sessions, const pid_t *except, size_t n_except,
	unsigned timeout_ms);

/*
 * Kills one process, if it has a mark of this node, and waits until it is gone. 0, -ETIMEDOUT. Unlike the
 * others it is not stopped first: it is the one who would go on with the sweep if we were killed now, and a
 * stopped one would not.
 */
int sweep_kill_one(uint64_t node_id, pid_t pid, unsigned timeout_ms);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * marks: the two signs that a process belongs to a node; libc only, no heap
 *
 * Each child of a node has ACTOR_GROUP=<node id, 16 hex>.<group id, decimal> in its environment. Its
 * descendants have the variable too, however often they fork or call setsid. Each child also has a resource
 * limit that says the same. Descendants keep this limit even if they are started with a fresh environment
 * (env -i, sudo, cron).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SWEEP_MARKER_SIZE 64 /* room for the whole "ACTOR_GROUP=…" with its NUL */

struct sweep_marker {
	uint64_t node_id;
	uint64_t group_id;
};

/* Writes "ACTOR_GROUP=<node>.<group>" into @text. */
void sweep_marker_format(char text[SWEEP_MARKER_SIZE], const struct sweep_marker *marker);

/* Parses "<node>.<group>" with nothing after it. False: @value is something else. */
bool sweep_marker_parse(const char *value, struct sweep_marker *ret_marker);

/*
 * Finds the marker in an environment that is read from @fd, with a NUL after each variable. 1: found; 0:
 * there is none; negative errno.
 */
int sweep_environ_scan(int fd, struct sweep_marker *ret_marker);

/*
 * Reads the marker of a process. 1: it has one; 0: it has none, or it is a zombie or in the midst of exec;
 * negative errno.
 */
int sweep_marker_read(pid_t pid, struct sweep_marker *ret_marker);

/*
 * The second mark is the limit RLIMIT_RTTIME, which says for how many microseconds a real-time thread may run
 * without a pause. The value is so large (more than 100,000 years) that it limits nobody, and its bits are
 * node and group. Every descendant of a child inherits the limit, whatever happens to its session and
 * environment. It can be read while a process is in the midst of exec or exit, and from processes of any
 * user. Only a program that sets this very limit loses it, as a log-in through PAM may.
 *
 * What a node within a node starts is marked twice: the hard limit stays the outer node's, of whose child it
 * descends, and the soft limit is the inner node's. A third node in there takes the soft limit over, so what
 * it starts is known to the outermost node and to itself.
 */

/*
 * Gives the calling process the limit. False: the process has such a limit that is no node's mark, or limits
 * have too few bits on this machine (32 bit).
 */
bool sweep_limit_set(const struct sweep_marker *marker);

/*
 * Does a process have the limit that marks this node? *ret_group_low is the group id modulo SWEEP_GROUP_LOW.
 */
#define SWEEP_GROUP_LOW (1u << 24)
bool sweep_limit_read(pid_t pid, uint64_t node_id, uint32_t *ret_group_low);

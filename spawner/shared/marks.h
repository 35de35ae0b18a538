/* SPDX-License-Identifier: Apache-2.0 */
/*
 * marks: what says that a process is of a node; libc only, no heap
 *
 * Each child of a node has ACTOR_GROUP=<node id, 16 hex>.<group id, decimal> in its environment, and so have
 * its descendants, however often they fork or call setsid. And it has a resource limit that says the same,
 * which stays with those too that start with a fresh environment (env -i, sudo, cron).
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

/* "ACTOR_GROUP=<node>.<group>" into text. */
void sweep_marker_format(char text[SWEEP_MARKER_SIZE], const struct sweep_marker *marker);

/* "<node>.<group>" and nothing else. */
bool sweep_marker_parse(const char *value, struct sweep_marker *ret_marker);

/* The marker in an environment that is read from fd, NUL after each variable. 1 found; 0 none; negative
 * errno. */
int sweep_environ_scan(int fd, struct sweep_marker *ret_marker);

/* The marker of a process. 1 has one; 0 has none (or is a zombie, or in the midst of exec); negative errno.
 */
int sweep_marker_read(pid_t pid, struct sweep_marker *ret_marker);

/*
 * The second mark: the limit RLIMIT_RTTIME, which says for how many microseconds a real-time thread may run
 * without a pause. It is a number beyond all reach (more than 100,000 years), so it limits nobody, and its
 * digits are node and group. As a resource limit it is inherited by everything that descends from a child,
 * whatever happens to session and environment; it can be read while a process is in the midst of exec or
 * exit, and whoever it belongs to. Nothing sheds it but a program that sets this very limit, as a log-in
 * through PAM may.
 */

/*
 * Marks the calling process. False: it has such a limit already (a node within a node keeps the outer one's),
 * or the machine's limits have no room for it (32 bit).
 */
bool sweep_limit_set(const struct sweep_marker *marker);

/* Whether a process carries this mark of the node; *ret_group_low: the group id modulo SWEEP_GROUP_LOW. */
#define SWEEP_GROUP_LOW (1u << 24)
bool sweep_limit_read(pid_t pid, uint64_t node_id, uint32_t *ret_group_low);

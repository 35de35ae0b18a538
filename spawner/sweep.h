/*
 * sweep: end every process that carries a node's marker; libc only, no heap
 *
 * Each child of a node has ACTOR_GROUP=<node id, 16 hex>.<group id, decimal> in its environment, and so have
 * its descendants, however often they fork or call setsid.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SWEEP_VARIABLE    "ACTOR_GROUP"
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

/* Calls visit for every process there is, until it returns false. 0, or why /proc cannot be read. */
int sweep_each_process(bool (*visit)(pid_t pid, void *data), void *data);

/*
 * Kills every process whose marker has this node id, and, if n_group_ids > 0, one of these group ids; never
 * itself, nor one of except. Goes on until three scans of /proc, 40 ms apart, find none. Number of kills sent; -ETIMEDOUT
 * when some were still there after timeout_ms; other negative errno if /proc cannot be read.
 */
int sweep_kill(uint64_t node_id, const uint64_t *group_ids, size_t n_group_ids, const pid_t *except,
	size_t n_except, unsigned int timeout_ms);

/* One scan, one signal to each process of one group that is not in except_pgid (0 = none). How many, or
 * errno. */
int sweep_signal(const struct sweep_marker *marker, int signo, pid_t except_pgid);

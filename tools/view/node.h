/* SPDX-License-Identifier: Apache-2.0 */
/* What the node's directory says of the node. No process of the node needs to answer for this. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tools/view/ctl.h"

#define NODE_PATH_SIZE 4096

/* The runtime directory: --runtime-dir, else the usual place. 0 or -ENAMETOOLONG. */
int node_runtime_dir(const struct ctl *ctl, char ret[NODE_PATH_SIZE]);

/* True: a process holds the directory's lock, so a node is starting, running, or ending. */
bool node_is_running(const struct ctl *ctl);
/*
 * The keeper's pid from the lock file. 0: nobody holds the lock, or the pid cannot be found out. *ret_errno,
 * if not NULL: the error in the second case, else 0.
 */
pid_t node_keeper_pid(const struct ctl *ctl, int *ret_errno);
/*
 * A node runs, but node_keeper_pid() cannot find it: in the place of its lock file is a directory or another
 * thing that no node makes.
 */
bool node_lock_is_hidden(const struct ctl *ctl);

/* The id of the node, out of its lock file; 0: it cannot be told. */
uint64_t node_id(const struct ctl *ctl);

/* How many processes live that carry a mark of this node. *ret_pid and *ret_uid are of one of them. */
unsigned node_count_processes(uint64_t id, pid_t *ret_pid, uid_t *ret_uid);

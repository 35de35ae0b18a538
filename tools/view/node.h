/* SPDX-License-Identifier: Apache-2.0 */
/* What the node's directory says of the node. No process of the node needs to answer for this. */
#pragma once

#include <stdbool.h>
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

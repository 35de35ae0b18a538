/* SPDX-License-Identifier: Apache-2.0 */
/* The node as seen from its directory: works without any of its processes answering. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "tools/view/ctl.h"

#define NODE_PATH_SIZE 4096

/* --runtime-dir, else the usual place. 0 or -ENAMETOOLONG. */
int node_runtime_dir(const struct ctl *ctl, char ret[NODE_PATH_SIZE]);

/* Somebody holds the directory's lock: a node is starting, running, or not wholly gone. */
bool node_is_running(const struct ctl *ctl);
/*
 * The keeper's pid, out of the lock file; 0 when nobody holds the lock. *ret_errno, if not NULL: why it
 * cannot be told, or 0.
 */
pid_t node_keeper_pid(const struct ctl *ctl, int *ret_errno);

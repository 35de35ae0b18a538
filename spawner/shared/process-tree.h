/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process-tree: processes and all that descends from them; libc only, no heap
 *
 * A process can leave its session, its process group or its environment. It cannot leave its parent, as long
 * as the parent lives. So a tree is read from its root down, before anything in it is killed.
 *
 * The root's number must be held by the caller: a child it has not reaped, or one it has a pidfd of.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "spawner/shared/proc.h"

#define PROCESS_TREE_MAX  16384
#define PROCESS_TREE_BITS 15

struct process_tree {
	struct process_tree_member {
		pid_t pid;
		pid_t parent; /* 0: a root, whose number is held */
	} members[PROCESS_TREE_MAX];
	unsigned n;
	bool more;                               /* than fit: what is left is another round's */
	uint16_t index[1u << PROCESS_TREE_BITS]; /* member + 1; 0 = empty */
};

/*
 * Calls visit for each child of pid. Children of another process may come and go meanwhile, and then one may
 * be missed.
 */
void process_each_child(pid_t pid, void (*visit)(pid_t child, pid_t parent, void *data), void *data);

void process_tree_clear(struct process_tree *tree);
void process_tree_add_root(struct process_tree *tree, pid_t pid);

/*
 * Adds all descendants of what is in it. @freeze, for a tree that is to be killed: each process is stopped
 * (SIGSTOP) before its children are listed, so that it can make no more. This is repeated until a look at all
 * members finds no new one.
 */
void process_tree_descend(struct process_tree *tree, bool freeze);

/*
 * A signal to each member that still is the child of the parent it was found under, or ours by now; the
 * deepest first; not to those of process group except_pgid (0 = none).
 */
void process_tree_signal(const struct process_tree *tree, int signo, pid_t except_pgid);

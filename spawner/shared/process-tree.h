/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process-tree: processes and all their descendants; libc only, no heap
 *
 * A process can leave its session, its process group and its environment, but not its parent as long as the
 * parent lives. So a tree is listed from its root down, before any process in it is killed.
 *
 * The caller must make sure that the root's number is not reused: the root is a child that is not reaped yet,
 * or the caller has a pidfd of it.
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
		pid_t parent; /* 0: it is a root */
		bool denied;  /* the kernel refused our signal: it runs as another user */
	} members[PROCESS_TREE_MAX];
	unsigned n;
	/* there are more processes than fit: the caller must look once more */
	bool more;
	uint16_t index[1u << PROCESS_TREE_BITS]; /* member + 1; 0 = empty */
};

/*
 * Calls @visit for each child of @pid. If children of another process come and go meanwhile, one may be
 * missed.
 */
void process_each_child(pid_t pid, void (*visit)(pid_t child, pid_t parent, void *data), void *data);

void process_tree_clear(struct process_tree *tree);
void process_tree_add_root(struct process_tree *tree, pid_t pid);

/*
 * Adds all descendants of the members. With @freeze, which is for a tree that is to be killed, each process
 * is stopped (SIGSTOP) before its children are listed, so that it cannot make more. This is repeated until a
 * look at all members finds no new one.
 */
void process_tree_descend(struct process_tree *tree, bool freeze);

/*
 * Sends a signal to each member, the deepest first. A member must still be a child of the parent under which
 * it was found, or by now of the calling process. Members of process group except_pgid (0 = none) get no
 * signal. A member to which the kernel refuses the signal is noted as `denied`.
 */
void process_tree_signal(struct process_tree *tree, int signo, pid_t except_pgid);

/* SPDX-License-Identifier: Apache-2.0 */
#include "spawner/shared/process-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert(1u << PROCESS_TREE_BITS == 2 * PROCESS_TREE_MAX, "never more than half full");

#define INDEX_MASK ((1u << PROCESS_TREE_BITS) - 1)
/* if a tree forks as fast as it is listed, the rest is left to the caller's next look */
#define DESCEND_ROUNDS_MAX 100

struct child_search {
	pid_t parent;
	void (*visit)(pid_t child, pid_t parent, void *data);
	void *data;
};

static void numbers_read(int fd, const struct child_search *search)
{
	char text[4096];
	pid_t pid = 0;
	ssize_t n, i;

	while ((n = read(fd, text, sizeof(text))) > 0)
		for (i = 0; i < n; i++) {
			if (text[i] >= '0' && text[i] <= '9') {
				pid = pid * 10 + (text[i] - '0');
			} else if (pid > 0) {
				search->visit(pid, search->parent, search->data);
				pid = 0;
			}
		}
}

/* The kernel lists the children of each thread separately. */
static bool thread_visit(pid_t tid, void *data)
{
	const struct child_search *search = data;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)search->parent, (int)tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		numbers_read(fd, search);
		close(fd);
	}
	return true;
}

/* For a kernel without CONFIG_PROC_CHILDREN: looks up the parent of every process. */
static bool process_visit(pid_t pid, void *data)
{
	const struct child_search *search = data;
	struct process_stat stat;

	if (process_stat_read(pid, &stat) && stat.parent == search->parent)
		search->visit(pid, search->parent, search->data);
	return true;
}

static bool kernel_lists_children(void)
{
	static int lists = -1;
	char path[64];

	if (lists < 0) {
		snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
		lists = access(path, R_OK) == 0;
	}
	return lists;
}

void process_each_child(pid_t pid, void (*visit)(pid_t child, pid_t parent, void *data), void *data)
{
	struct child_search search = {.parent = pid, .visit = visit, .data = data};
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	if (kernel_lists_children())
		proc_each_number(path, thread_visit, &search);
	else
		proc_each_process(process_visit, &search);
}

void process_tree_clear(struct process_tree *tree)
{
	if (tree->n)
		memset(tree->index, 0, sizeof(tree->index));
	tree->n = 0;
	tree->more = false;
}

static void tree_add(struct process_tree *tree, pid_t pid, pid_t parent)
{
	unsigned at = (uint32_t)pid * 0x9e3779b9u >> (32 - PROCESS_TREE_BITS);

	for (; tree->index[at]; at = (at + 1) & INDEX_MASK)
		if (tree->members[tree->index[at] - 1].pid == pid)
			return;
	if (tree->n == PROCESS_TREE_MAX) {
		tree->more = true;
		return;
	}
	tree->members[tree->n] = (struct process_tree_member){.pid = pid, .parent = parent};
	tree->index[at] = (uint16_t)++tree->n;
}

void process_tree_add_root(struct process_tree *tree, pid_t pid)
{
	tree_add(tree, pid, 0);
}

static void child_visit(pid_t child, pid_t parent, void *data)
{
	tree_add(data, child, parent);
}

/*
 * Numbers are reused. So a pidfd is opened first, and then it is checked that the process is still the same.
 */
static void member_signal(struct process_tree_member *member, int signo)
{
	struct process_stat stat;
	long r = 0;
	int fd;

	if (!member->parent) {
		member->denied = kill(member->pid, signo) < 0 && errno == EPERM;
		return;
	}
	fd = (int)syscall(SYS_pidfd_open, member->pid, 0);
	if (fd < 0 && errno == ESRCH)
		return;
	/*
	 * If this process is the reaper of the member, the member may be its child by now. This process does
	 * not fork meanwhile, so none of its new children can have the same pid.
	 */
	if (process_stat_read(member->pid, &stat) &&
		(stat.parent == member->parent || stat.parent == getpid())) {
		if (fd < 0) /* no descriptor is left: a signal by number is better than a survivor */
			r = kill(member->pid, signo);
		else
			r = syscall(SYS_pidfd_send_signal, fd, signo, NULL, 0);
	}
	member->denied = r < 0 && errno == EPERM;
	if (fd >= 0)
		close(fd);
}

void process_tree_descend(struct process_tree *tree, bool freeze)
{
	unsigned i, n_before, frozen = 0, rounds = 0;

	do {
		n_before = tree->n;
		for (i = 0; i < tree->n; i++) {
			if (freeze && i >= frozen)
				member_signal(&tree->members[i], SIGSTOP);
			process_each_child(tree->members[i].pid, child_visit, tree);
		}
		frozen = tree->n;
	} while (freeze && tree->n > n_before && ++rounds < DESCEND_ROUNDS_MAX);
}

void process_tree_signal(struct process_tree *tree, int signo, pid_t except_pgid)
{
	unsigned i;

	/*
	 * Children come first: if the parent ended first, the child would get another parent and not be
	 * recognized.
	 */
	for (i = tree->n; i-- > 0;)
		if (!except_pgid || getpgid(tree->members[i].pid) != except_pgid)
			member_signal(&tree->members[i], signo);
}

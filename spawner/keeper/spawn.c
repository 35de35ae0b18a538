/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "spawner/keeper/child.h"
#include "spawner/keeper/keeper.h"
#include "spawner/shared/client.h"
#include "spawner/shared/process-tree.h"

static void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* New descriptors get the lowest free number, so a high number says that few are left. */
static bool fds_run_out(const struct keeper *keeper, int fd)
{
	return (rlim_t)fd + KEEPER_FILES_RESERVE >= keeper->nofile.rlim_max;
}

/*
 * Our ends do not block, as the keeper and the supervisor need it. The child's ends block, as every program
 * expects. @input: the child reads.
 */
static int pipe_make(int *ret_ours, int *ret_child, bool input)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	*ret_ours = ends[input];
	*ret_child = ends[!input];
	fcntl(*ret_ours, F_SETFL, O_NONBLOCK);
	return 0;
}

static int spawn_pipes(const struct keeper *keeper, struct keeper_entry *entry,
	const struct keeper_spawn *spawn, struct keeper_child *child)
{
	const bool wanted[KEEPER_PIPES] = {spawn->stdout_io == KEEPER_IO_PIPE,
		spawn->stderr_io == KEEPER_IO_PIPE, (spawn->flags & KEEPER_SPAWN_NOTIFY) != 0,
		spawn->stdin_io == KEEPER_INPUT_PIPE};
	int i, r;

	for (i = 0; i < KEEPER_PIPES; i++)
		if (wanted[i]) {
			r = pipe_make(&entry->pipes[i], &child->pipes[i], i == KEEPER_PIPE_STDIN);
			if (r < 0)
				return r;
		}
	r = pipe_make(&entry->exec_fd, &child->exec_fd, false);
	return r < 0 ? r : fds_run_out(keeper, child->exec_fd) ? -EMFILE : 0;
}

static int spawn_fork(struct keeper *keeper, struct keeper_entry *entry, struct keeper_child *child)
{
	struct epoll_event event = {.events = EPOLLIN,
		.data.u64 = keeper_source(
			KEEPER_SOURCE_EXEC, (unsigned)(entry - keeper->table.entries), entry->group_id)};
	struct process_stat stat;
	pid_t pid;
	int r;

	r = spawn_pipes(keeper, entry, child->spawn, child);
	if (r < 0)
		return r;
	if (epoll_ctl(keeper->epoll_fd, EPOLL_CTL_ADD, entry->exec_fd, &event) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		keeper_child_run(child);
	keeper_table_set_pid(&keeper->table, entry, pid);
	process_stat_read(pid, &stat);
	entry->start_ticks = stat.start_ticks;
	return 0;
}

void keeper_spawn(struct keeper *keeper, const struct keeper_spawn *spawn, const int *fds)
{
	struct keeper_child child = {.spawn = spawn,
		.node_id = keeper->node_id,
		.node_key = keeper->node_key,
		.keeper_pid = keeper->pid,
		.nofile = &keeper->nofile,
		.file_size = &keeper->file_size,
		.exec_fd = -1,
		.spec_fd = fds[0],
		.pipes = {-1, -1, -1, -1},
		.extra_fds = fds + 1};
	struct keeper_entry *entry;
	int i, r;

	r = keeper_table_spawn(&keeper->table, spawn, &entry);
	if (r < 0) {
		keeper_record_init(&keeper->reply, KEEPER_REFUSED);
		keeper->reply.refused.cookie = spawn->cookie;
		keeper->reply.refused.group_id = spawn->group_id;
		keeper->reply.refused.error = r;
		keeper->reply_due = true;
	}
	if (r <= 0)
		return;

	entry->forked_ns = keeper_now_ns();
	r = spawn_fork(keeper, entry, &child);
	for (i = 0; i < KEEPER_PIPES; i++)
		fd_close(&child.pipes[i]);
	fd_close(&child.exec_fd);
	if (r < 0) {
		keeper_entry_close(keeper, entry);
		entry->stage = KEEPER_FAILED;
		entry->step = KEEPER_STEP_FORK;
		entry->error = -r;
		entry->exited_ns = keeper_now_ns();
		keeper_table_touch(&keeper->table, entry);
	}
}

static void exec_fd_close(struct keeper *keeper, struct keeper_entry *entry)
{
	/*
	 * A child between fork and close_range still has a copy of the descriptor, so closing the keeper's
	 * would not remove it from epoll.
	 */
	if (entry->exec_fd >= 0)
		epoll_ctl(keeper->epoll_fd, EPOLL_CTL_DEL, entry->exec_fd, NULL);
	fd_close(&entry->exec_fd);
}

void keeper_exec_heard(struct keeper *keeper, struct keeper_entry *entry)
{
	struct keeper_child_failure failure;
	ssize_t n;

	if (entry->exec_fd < 0)
		return;
	n = read(entry->exec_fd, &failure, sizeof(failure));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	exec_fd_close(keeper, entry);
	/* the failure is reported when the child has been reaped, since it is final only then */
	if (n == sizeof(failure)) {
		entry->step = failure.step;
		entry->error = failure.error;
	} else {
		entry->stage = KEEPER_RUNNING;
		entry->exec_ns = keeper_now_ns();
		keeper_table_touch(&keeper->table, entry);
	}
}

void keeper_input_close(struct keeper_entry *entry)
{
	fd_close(&entry->pipes[KEEPER_PIPE_STDIN]);
}

void keeper_entry_close(struct keeper *keeper, struct keeper_entry *entry)
{
	int i;

	for (i = 0; i < KEEPER_PIPES; i++)
		fd_close(&entry->pipes[i]);
	exec_fd_close(keeper, entry);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/view/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spawner/shared/marks.h"
#include "spawner/shared/proc.h"
#include "spawner/shared/runtime-dir.h"

_Static_assert(NODE_PATH_SIZE == RUNTIME_DIR_PATH_SIZE, "one size of a path");

int node_runtime_dir(const struct ctl *ctl, char ret[NODE_PATH_SIZE])
{
	return runtime_dir_resolve(ctl->runtime_dir, ret);
}

pid_t node_keeper_pid(const struct ctl *ctl, int *ret_errno)
{
	char path[NODE_PATH_SIZE + 8], dir[NODE_PATH_SIZE], text[32] = "";
	pid_t pid = 0;
	int error = 0, fd;

	if (node_runtime_dir(ctl, dir)) {
		if (ret_errno)
			*ret_errno = ENAMETOOLONG;
		return 0;
	}
	snprintf(path, sizeof(path), "%s/lock", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0) {
		error = errno == ENOENT || errno == ENOTDIR ? 0 : errno;
	} else {
		/*
		 * The lock is shared, so two programs that look at the same time do not take each other for a
		 * node.
		 */
		if (flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK &&
			read(fd, text, sizeof(text) - 1) > 0)
			pid = (pid_t)strtol(text, NULL, 10);
		close(fd);
	}
	if (ret_errno)
		*ret_errno = error;
	return pid > 0 ? pid : 0;
}

bool node_lock_is_hidden(const struct ctl *ctl)
{
	char path[NODE_PATH_SIZE + 8], dir[NODE_PATH_SIZE];
	bool hidden = false;
	struct stat st;
	int fd;

	if (node_runtime_dir(ctl, dir))
		return false;
	snprintf(path, sizeof(path), "%s/lock", dir);
	if (lstat(path, &st) || S_ISREG(st.st_mode))
		return false;
	/* the keeper has a lock of the directory too */
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0) {
		hidden = flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
		close(fd);
	}
	return hidden;
}

bool node_is_running(const struct ctl *ctl)
{
	return node_keeper_pid(ctl, NULL) != 0;
}

uint64_t node_id(const struct ctl *ctl)
{
	char path[NODE_PATH_SIZE + 8], dir[NODE_PATH_SIZE], text[64] = "", *at = NULL;
	int fd;

	if (node_runtime_dir(ctl, dir))
		return 0;
	snprintf(path, sizeof(path), "%s/lock", dir);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) > 0)
		at = strchr(text, '\n');
	close(fd);
	return at ? strtoull(at + 1, NULL, 16) : 0;
}

struct node_process_count {
	uint64_t id;
	unsigned n;
	pid_t pid;
};

static bool node_process_visit(pid_t pid, void *data)
{
	struct node_process_count *count = data;
	struct sweep_marker marker;
	struct process_stat stat;
	uint32_t group_low;

	if (pid == getpid() || !process_stat_read(pid, &stat) || process_is_zombie(&stat) || stat.exiting)
		return true;
	if (sweep_limit_read(pid, count->id, &group_low) ||
		(sweep_marker_read(pid, &marker) == 1 && marker.node_id == count->id)) {
		count->n++;
		count->pid = pid;
	}
	return true;
}

unsigned node_count_processes(uint64_t id, pid_t *ret_pid, uid_t *ret_uid)
{
	struct node_process_count count = {.id = id};

	if (id)
		proc_each_process(node_process_visit, &count);
	*ret_pid = count.pid;
	if (!count.n || !process_uid_read(count.pid, ret_uid))
		*ret_uid = (uid_t)-1;
	return count.n;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/view/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

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

bool node_is_running(const struct ctl *ctl)
{
	return node_keeper_pid(ctl, NULL) != 0;
}

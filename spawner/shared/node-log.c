/* SPDX-License-Identifier: Apache-2.0 */
#include "spawner/shared/node-log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spawner/shared/runtime-dir.h"

static char log_path[RUNTIME_DIR_PATH_SIZE + 32]; /* empty: stderr is something else */

static bool log_is_named(struct stat *ret_here)
{
	struct stat named;

	return fstat(STDERR_FILENO, ret_here) == 0 && lstat(log_path, &named) == 0 &&
	       named.st_ino == ret_here->st_ino && named.st_dev == ret_here->st_dev;
}

void node_log_init(const char *log_dir)
{
	struct stat here;

	snprintf(log_path, sizeof(log_path), "%s/actor-spawner.log", log_dir);
	if (!log_is_named(&here) || !S_ISREG(here.st_mode))
		log_path[0] = 0;
}

static void log_open(void)
{
	int fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);

	if (fd < 0)
		return; /* what we have takes it as well */
	if (fd != STDERR_FILENO) {
		dup2(fd, STDERR_FILENO);
		close(fd);
	}
}

void node_log_look(void)
{
	int saved_errno = errno;
	struct stat here;

	if (log_path[0] && !log_is_named(&here))
		log_open();
	errno = saved_errno;
}

void node_log_turn_over(void)
{
	char older[sizeof(log_path) + 2];
	int saved_errno = errno;
	struct stat here;

	if (log_path[0] && log_is_named(&here) && here.st_size >= NODE_LOG_MAX_BYTES) {
		snprintf(older, sizeof(older), "%s.1", log_path);
		rename(log_path, older);
	}
	node_log_look();
	errno = saved_errno;
}

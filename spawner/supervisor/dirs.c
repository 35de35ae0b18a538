/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directories of groups, g/ID in the runtime directory: made before a group starts, removed after its
 * end.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"
#include "libactor/util/log.h"
#include "spawner/shared/runtime-dir.h"
#include "spawner/supervisor/supervisor.h"

/* 0, or negative errno. */
int supervisor_groups_dir_open(struct supervisor *supervisor)
{
	int dir_fd = open(supervisor->runtime_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r = 0;

	if (dir_fd < 0)
		return -errno;
	if (supervisor->groups_dir_fd >= 0)
		close(supervisor->groups_dir_fd);
	supervisor->groups_dir_fd = -1;
	if (mkdirat(dir_fd, "g", 0700) == 0 || errno == EEXIST)
		supervisor->groups_dir_fd =
			openat(dir_fd, "g", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (supervisor->groups_dir_fd < 0)
		r = -errno;
	close(dir_fd);
	return r;
}

/* Opens the directory of the groups anew if its name means another directory by now, or none. */
static void groups_dir_look(struct supervisor *supervisor)
{
	char path[RUNTIME_DIR_PATH_SIZE + 4];
	struct stat here, named;

	snprintf(path, sizeof(path), "%s/g", supervisor->runtime_dir);
	if (supervisor->groups_dir_fd < 0 || fstat(supervisor->groups_dir_fd, &here) < 0 ||
		lstat(path, &named) < 0 || here.st_ino != named.st_ino || here.st_dev != named.st_dev)
		supervisor_groups_dir_open(supervisor);
}

void supervisor_group_dir_make(struct supervisor *supervisor, uint64_t group)
{
	char name[24];

	groups_dir_look(supervisor);
	snprintf(name, sizeof(name), "%" PRIu64, group);
	if (mkdirat(supervisor->groups_dir_fd, name, 0700) < 0 && errno != EEXIST)
		log_warning("%s/g/%s cannot be made: %s", supervisor->runtime_dir, name, strerror(errno));
}

/*
 * The directory is not removed at once: those that wait for the end of this group should hear of it first,
 * and that message leaves when the turn of the loop is over. If memory for this or a timer is missing, the
 * directory is removed at once.
 */
void supervisor_group_dir_remove(struct supervisor *supervisor, uint64_t group)
{
	mp_put_uint(&supervisor->dirs_over, group);
	if (buf_error(&supervisor->dirs_over) < 0 ||
		(!supervisor->dirs_due && actor_send_after(supervisor->self, 1, "dirs", NULL, "") < 0))
		supervisor_group_dirs_remove(supervisor);
	else
		supervisor->dirs_due = true;
}

static void dir_remove(struct supervisor *supervisor, uint64_t group)
{
	char name[24];

	snprintf(name, sizeof(name), "%" PRIu64, group);
	if (runtime_dir_remove(supervisor->groups_dir_fd, name) == -ENOTEMPTY)
		log_info("%s/g/%s stays: it has something that is no socket", supervisor->runtime_dir, name);
}

/*
 * A supervisor that was killed could not remove its own directory, nor those of groups that had just ended.
 * So at the start, when the keeper has reported all processes, the directories that belong to no group are
 * removed.
 */
void supervisor_group_dirs_sweep(struct supervisor *supervisor)
{
	const struct child *broker = node_broker(supervisor->node);
	struct dirent *entry;
	uint64_t group;
	char *end;
	DIR *dir;
	int fd;

	groups_dir_look(supervisor);
	fd = openat(supervisor->groups_dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir))) {
		errno = 0;
		group = strtoull(entry->d_name, &end, 10);
		if (errno || *end || end == entry->d_name || group & (GROUP_CLIENT | GROUP_OF_SUPERVISOR) ||
			group >= supervisor->group_id)
			continue;
		if (!node_child_by_group(supervisor->node, group) && !(broker && broker->group == group))
			dir_remove(supervisor, group);
	}
	closedir(dir);
}

void supervisor_group_dirs_remove(struct supervisor *supervisor)
{
	struct mp_reader r = mp_reader(supervisor->dirs_over.data, supervisor->dirs_over.size_bytes);
	uint64_t group;

	supervisor->dirs_due = false;
	groups_dir_look(supervisor);
	while (mp_read_uint(&r, &group) == 0)
		dir_remove(supervisor, group);
	buf_reset(&supervisor->dirs_over, 4096);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/clients.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libactor/protocol/names.h"
#include "libactor/transport/transport.h"
#include "spawner/shared/proc.h"
#include "spawner/shared/runtime-dir.h"

static bool client_path(char path[PATH_MAX], const char *runtime_dir, uint64_t group, const char *rest)
{
	return snprintf(path, PATH_MAX, "%s/g/%" PRIu64 "%s", runtime_dir, group, rest) < PATH_MAX;
}

void client_note(const char *runtime_dir, uint64_t group, pid_t pid)
{
	char path[PATH_MAX], rest[64];
	struct process_stat process;

	if (pid <= 0 || !process_stat_read(pid, &process))
		return;
	if (snprintf(path, sizeof(path), "%s/g", runtime_dir) >= (int)sizeof(path))
		return;
	(void)mkdir(path, 0700);
	if (!client_path(path, runtime_dir, group, "") || (mkdir(path, 0700) < 0 && errno != EEXIST))
		return;
	snprintf(rest, sizeof(rest), "/%d.%" PRIu64, (int)pid, process.start_ticks);
	if (client_path(path, runtime_dir, group, rest))
		/* a socket, since client_remove() removes only sockets */
		(void)mknod(path, S_IFSOCK | 0600, 0);
}

/* Does @name, which is a pid and a start time, name a process that lives? */
static bool note_is_true(const char *name)
{
	unsigned long long start_ticks;
	struct process_stat process;
	char *end;
	long pid;

	errno = 0;
	pid = strtol(name, &end, 10);
	if (errno || *end != '.' || pid <= 0 || pid > INT_MAX)
		return false;
	start_ticks = strtoull(end + 1, &end, 10);
	return !errno && !*end && process_stat_read((pid_t)pid, &process) &&
	       process.start_ticks == start_ticks && !process_is_zombie(&process) && !process.exiting;
}

static bool client_is_at_door(const char *runtime_dir, uint64_t group)
{
	char path[PATH_MAX];

	return client_path(path, runtime_dir, group, "/door.ipc") && door_is_open(path);
}

bool client_lives(const char *runtime_dir, uint64_t group)
{
	struct dirent *entry;
	char path[PATH_MAX];
	bool lives = false;
	DIR *dir;

	if (client_is_at_door(runtime_dir, group))
		return true;
	if (!client_path(path, runtime_dir, group, ""))
		return false;
	dir = opendir(path);
	if (!dir)
		return false;
	while (!lives && (entry = readdir(dir)))
		lives = note_is_true(entry->d_name);
	closedir(dir);
	return lives;
}

void client_remove(const char *runtime_dir, uint64_t group)
{
	char path[PATH_MAX], name[24];
	int dir_fd;

	if (snprintf(path, sizeof(path), "%s/g", runtime_dir) >= (int)sizeof(path))
		return;
	dir_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return;
	snprintf(name, sizeof(name), "%" PRIu64, group);
	(void)runtime_dir_remove(dir_fd, name);
	close(dir_fd);
}

void clients_each(const char *runtime_dir, void (*fn)(void *arg, uint64_t group, bool at_door), void *arg)
{
	char path[PATH_MAX], *end;
	struct dirent *entry;
	uint64_t group;
	DIR *dir;

	if (snprintf(path, sizeof(path), "%s/g", runtime_dir) >= (int)sizeof(path))
		return;
	dir = opendir(path);
	if (!dir)
		return; /* no group has made it yet */
	while ((entry = readdir(dir))) {
		errno = 0;
		group = strtoull(entry->d_name, &end, 10);
		if (!errno && !*end && group_is_of_broker(group) && client_lives(runtime_dir, group))
			fn(arg, group, client_is_at_door(runtime_dir, group));
	}
	closedir(dir);
}

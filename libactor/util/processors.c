/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/util/processors.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

static bool is_limited(const char *mount, const char *cgroup)
{
	char path[PATH_MAX], quota[16] = "";
	FILE *file;

	if (snprintf(path, sizeof(path), "%s%s/cpu.max", mount, cgroup) >= (int)sizeof(path))
		return false;
	file = fopen(path, "re");
	if (!file)
		return false; /* the root cgroup has no such file */
	if (fscanf(file, "%15s", quota) != 1)
		quota[0] = 0;
	fclose(file);
	return *quota && strcmp(quota, "max") != 0;
}

bool processors_have_quota(const char *self, const char *mount)
{
	char line[PATH_MAX], *end;
	FILE *file = fopen(self, "re");
	bool found = false;

	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file))
		found = !strncmp(line, "0::/", 4); /* version 2 has one line, with the hierarchy number 0 */
	fclose(file);
	if (!found)
		return false;
	line[strcspn(line, "\n")] = 0;
	if (is_limited(mount, line + 3))
		return true;
	while ((end = strrchr(line + 3, '/'))) {
		*end = 0;
		if (is_limited(mount, line + 3))
			return true;
	}
	return false;
}

bool processors_are_plenty(void)
{
	cpu_set_t set;

	/* On a machine with more processors than the set has room for, the call fails with EINVAL. */
	if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) < 2)
		return false;
	return !processors_have_quota("/proc/self/cgroup", "/sys/fs/cgroup");
}

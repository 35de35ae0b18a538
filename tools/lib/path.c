/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/path.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *path_absolute(const char *path)
{
	char *here, *absolute = NULL;

	if (path[0] == '/')
		return strdup(path);
	here = getcwd(NULL, 0);
	if (!here)
		return NULL;
	while (!strncmp(path, "./", 2))
		for (path += 2; *path == '/'; path++)
			;
	if (asprintf(&absolute, "%s/%s", !strcmp(here, "/") ? "" : here, path) < 0) {
		absolute = NULL;
		errno = ENOMEM;
	}
	free(here);
	return absolute;
}

static int path_try(
	char ret[PATH_SIZE], const char *dir, size_t dir_len, const char *between, const char *name)
{
	int n = snprintf(ret, PATH_SIZE, "%.*s%s%s", (int)dir_len, dir, between, name);

	if (n < 0 || n >= PATH_SIZE)
		return -ENAMETOOLONG;
	return access(ret, X_OK) ? -errno : 0;
}

int path_find_program(const char *name, const char *room, char ret[PATH_SIZE])
{
	const char *path = getenv("PATH");
	char here[PATH_SIZE], between[64];
	ssize_t n = readlink("/proc/self/exe", here, sizeof(here) - 1);

	if (n > 0) {
		here[n] = '\0';
		size_t len = (size_t)(strrchr(here, '/') - here);

		snprintf(between, sizeof(between), "/../%s/", room);
		if (!path_try(ret, here, len, "/", name) || !path_try(ret, here, len, between, name) ||
			!path_try(ret, here, len, "/../libexec/actor/", name))
			return 0;
	}
	if (!path_try(ret, ACTOR_LIBEXECDIR, strlen(ACTOR_LIBEXECDIR), "/", name))
		return 0;
	while (path && *path) {
		size_t len = strcspn(path, ":");

		if (len && !path_try(ret, path, len, "/", name))
			return 0;
		path += len + (path[len] == ':');
	}
	return -ENOENT;
}

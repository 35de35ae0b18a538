/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/place/node-dirs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libactor/protocol/variables.h"

#define NODE_NAME_MAX 200 /* longest name of a directory in nodes/ */

static int path_print(char path[RUNTIME_DIR_PATH_SIZE], const char *head, const char *tail)
{
	int n = snprintf(path, RUNTIME_DIR_PATH_SIZE, "%s%s", head, tail);

	return n < 0 || n >= RUNTIME_DIR_PATH_SIZE ? -ENAMETOOLONG : 0;
}

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* Whether the session manager has made this directory for us. Nothing in such a directory is swept. */
static bool session_dir(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

static int runtime_dir_usual(char ret_path[RUNTIME_DIR_PATH_SIZE])
{
	char session[32];

	if (environment("XDG_RUNTIME_DIR"))
		return path_print(ret_path, environment("XDG_RUNTIME_DIR"), "/actor");
	if (geteuid() == 0)
		return path_print(ret_path, "/run/actor", "");
	snprintf(session, sizeof(session), "/run/user/%u", (unsigned)geteuid());
	if (session_dir(session))
		return path_print(ret_path, session, "/actor");
	return path_print(ret_path, "/tmp/actor-", strrchr(session, '/') + 1);
}

int runtime_dir_resolve(const char *said, char ret_path[RUNTIME_DIR_PATH_SIZE])
{
	if (!said)
		said = environment(ENV_RUNTIME_DIR);
	return said ? path_print(ret_path, said, "") : runtime_dir_usual(ret_path);
}

/* The default place for the logs of all nodes of this user. */
static int log_dir_default(char ret_path[RUNTIME_DIR_PATH_SIZE])
{
	if (environment("XDG_STATE_HOME"))
		return path_print(ret_path, environment("XDG_STATE_HOME"), "/actor");
	if (geteuid() == 0 || !environment("HOME"))
		return path_print(ret_path, "/var/log/actor", "");
	return path_print(ret_path, environment("HOME"), "/.local/state/actor");
}

int log_dir_resolve(const char *said, const char *runtime_dir, char ret_path[RUNTIME_DIR_PATH_SIZE])
{
	char usual[RUNTIME_DIR_PATH_SIZE], name[NODE_NAME_MAX + sizeof("/nodes/")];
	size_t n = strlen(runtime_dir), skip = n > NODE_NAME_MAX ? n - NODE_NAME_MAX : 0;
	int r;

	if (!said)
		said = environment(ENV_LOG_DIR);
	if (said)
		return path_print(ret_path, said, "");
	r = log_dir_default(ret_path);
	if (r < 0)
		return r;
	if (runtime_dir_usual(usual) == 0 && !strcmp(usual, runtime_dir))
		return 0;
	/* Two paths may give the same name (/a/b and /a-b). log_dir_claim() then refuses the second node. */
	snprintf(name, sizeof(name), "/nodes/%s", runtime_dir + skip + (runtime_dir[skip] == '/'));
	for (char *c = name + strlen("/nodes/"); *c; c++)
		if (*c == '/')
			*c = '-';
	n = strlen(ret_path);
	if (n + strlen(name) >= RUNTIME_DIR_PATH_SIZE)
		return -ENAMETOOLONG;
	strcpy(ret_path + n, name);
	return 0;
}

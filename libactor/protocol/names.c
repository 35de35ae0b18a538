/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/protocol/names.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

struct error_name {
	const char *name;
	int error;
};

static const struct error_name of_runtime[] = {
	{ERROR_NOPROC, -ESRCH},
	{ERROR_NOCONNECTION, -ECONNRESET},
	{ERROR_DOWN, -ECONNRESET},
	{"killed", -ECONNRESET},
	{"stopped", -ECONNRESET},
	{ERROR_TIMEOUT, -ETIMEDOUT},
	{ERROR_DEADLOCK, -EDEADLK},
	{ERROR_CLOSING, -ESHUTDOWN},
	{NULL, 0},
};

static const struct error_name of_supervisor[] = {
	{ERROR_IN_USE, -EEXIST},
	{ERROR_EXEC, -ENOEXEC},
	{ERROR_BAD_ARGS, -EINVAL},
	{ERROR_TIMEOUT, -ETIMEDOUT},
	{ERROR_ENDED, -ECONNRESET},
	{ERROR_NO_NAME, -ESRCH},
	{NULL, 0},
};

static int find(const struct error_name *names, const char *name)
{
	for (; names->name; names++)
		if (!strcmp(names->name, name))
			return names->error;
	return 0;
}

int error_errno(const char *name)
{
	return find(of_runtime, name);
}

int error_errno_of_supervisor(const char *name)
{
	return find(of_supervisor, name);
}

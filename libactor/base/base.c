/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines of a group, and paths in its runtime directory. */
#include "libactor/base/base.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "libactor/util/clock.h"
#include "libactor/util/throttle.h"

void group_log(actor_group *group, const char *format, ...)
{
	char line[512];
	va_list args;

	if (!group->log)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	group->log(line, group->log_arg);
}

void group_complain(actor_group *group, uint64_t who, const char *format, ...)
{
	char line[448];
	uint64_t n_missed;
	va_list args;

	if (!group->log ||
		!throttle_take(&group->complaints, throttle_key(who, format), clock_now_ns(), &n_missed))
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (n_missed)
		group_log(group, "%s (%llu more lines like this were not written)", line,
			(unsigned long long)n_missed);
	else
		group_log(group, "%s", line);
}

int group_path(const actor_group *group, char *ret, size_t size, const char *format, ...)
{
	va_list args;
	int n, m;

	n = snprintf(ret, size, "%s/", group->runtime_dir);
	if (n < 0 || (size_t)n >= size)
		return -ENAMETOOLONG;
	va_start(args, format);
	m = vsnprintf(ret + n, size - (size_t)n, format, args);
	va_end(args);
	return m < 0 || (size_t)m >= size - (size_t)n ? -ENAMETOOLONG : 0;
}

/*
 * The directory is "<runtime dir>/g/<our id>/". For a supervised group it exists already; other groups make
 * it when they first listen.
 */
void socket_make_directory(const char *socket_path)
{
	char dir[4096];
	char *slash, *above;

	snprintf(dir, sizeof(dir), "%s", socket_path);
	slash = strrchr(dir, '/');
	if (!slash)
		return;
	*slash = 0;
	if (mkdir(dir, 0700) == 0 || errno != ENOENT)
		return;
	above = strrchr(dir, '/');
	if (!above)
		return;
	*above = 0;
	(void)mkdir(dir, 0700);
	*above = '/';
	(void)mkdir(dir, 0700);
}

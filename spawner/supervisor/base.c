/* SPDX-License-Identifier: Apache-2.0 */
/* The clock, and the paths of logs. */
#include <stdio.h>

#include "libactor/protocol/names.h"
#include "libactor/util/clock.h"
#include "spawner/supervisor/supervisor.h"

uint64_t supervisor_now_ns(void)
{
	return (uint64_t)clock_now_ns();
}

const char *supervisor_log_name(const struct child *child)
{
	return child->daemon ? NAME_BROKER : child->name;
}

void supervisor_log_path(const char *name, char *ret, size_t size, void *arg)
{
	const struct supervisor *supervisor = arg;
	char file[LOGFILE_NAME_MAX];

	logfile_name(name, file);
	snprintf(ret, size, "%s/%s", supervisor->log_dir, file);
}

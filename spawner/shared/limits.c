/* SPDX-License-Identifier: Apache-2.0 */
#include "spawner/shared/limits.h"

#include <stdio.h>
#include <sys/resource.h>

/*
 * What a node was seen to need for its start is about half of each: the keeper's tables are 2.2 MB, the
 * supervisor does not come up with less than 4.5 MB of addresses, no program of it with less than 48 KiB of
 * stack.
 */
#define DATA_MIN      (4u << 20)
#define ADDRESSES_MIN (8u << 20)
#define STACK_MIN     (128u << 10)

bool memory_limits_suffice(char why[MEMORY_LIMIT_WHY_SIZE])
{
	static const struct {
		const char *of, *option;
		rlim_t min;
		int resource;
	} limits[] = {
		{"data", "-d", DATA_MIN, RLIMIT_DATA},
		{"address space", "-v", ADDRESSES_MIN, RLIMIT_AS},
		{"stack", "-s", STACK_MIN, RLIMIT_STACK},
	};
	struct rlimit limit;

	for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (getrlimit(limits[i].resource, &limit) < 0 || limit.rlim_cur >= limits[i].min)
			continue;
		snprintf(why, MEMORY_LIMIT_WHY_SIZE,
			"the limit of a process's %s is %llu bytes (ulimit %s): a node needs %llu; raise it and try again",
			limits[i].of, (unsigned long long)limit.rlim_cur, limits[i].option,
			(unsigned long long)limits[i].min);
		return false;
	}
	return true;
}

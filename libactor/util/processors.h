/* SPDX-License-Identifier: Apache-2.0 */
/* Whether this process may use much of the machine's processors. */
#pragma once

#include <stdbool.h>

/*
 * Reads @self ("/proc/self/cgroup") and, under @mount ("/sys/fs/cgroup"), the cpu.max of that cgroup and of
 * each one above it. Returns true when one of them limits CPU time. Only version 2 of cgroups is read; a file
 * that cannot be read counts as no limit.
 */
bool processors_have_quota(const char *self, const char *mount);

/* Returns true when this process may run on more than one processor, and no cgroup limits its CPU time. */
bool processors_are_plenty(void);

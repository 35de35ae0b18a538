/* SPDX-License-Identifier: Apache-2.0 */
/* How much of the machine's processors this process may use. */
#pragma once

#include <stdbool.h>

/*
 * Reads @self ("/proc/self/cgroup") and, under @mount ("/sys/fs/cgroup"), cpu.max of that cgroup and of each
 * one above it. True: one of them limits CPU time. Of version 2 of cgroups alone; what cannot be read limits
 * nothing.
 */
bool processors_have_quota(const char *self, const char *mount);

/* True: this process may run on more than one processor, and no cgroup limits its CPU time. */
bool processors_are_plenty(void);

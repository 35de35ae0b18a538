/* SPDX-License-Identifier: Apache-2.0 */
/* limits: are the limits of memory, as this process has them, enough for the processes of a node? */
#pragma once

#include <stdbool.h>

#define MEMORY_LIMIT_WHY_SIZE 160

/* False: @why names a limit that is too low, and what to do. */
bool memory_limits_suffice(char why[MEMORY_LIMIT_WHY_SIZE]);

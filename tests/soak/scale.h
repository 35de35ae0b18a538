/* SPDX-License-Identifier: Apache-2.0 */
/* A process of tests/soak/scale.c. It does what its methods say, and answers with how long that took. */
#pragma once

#include <stdint.h>

#define SCALE_FILLERS 64 /* how many actors do it at a time */

enum scale_what { SCALE_REGISTER, SCALE_LOOK_UP, SCALE_JOIN, SCALE_ROUND_TRIP };

int64_t scale_now_ns(void);
/* Returns the median of @of, and sorts @of. */
int64_t scale_median(int64_t *of, int64_t n);
int scale_worker_main(const char *name);

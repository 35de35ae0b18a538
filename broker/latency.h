/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A histogram of how long routed calls took. The times are those of the events, so no clock is read for it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define LATENCY_N 17 /* the last one has no upper bound */

struct latency {
	uint64_t n[LATENCY_N]; /* calls in each range, not cumulative */
	uint64_t sum_us;
};

/* upper bounds of the ranges; a bound belongs to its range */
extern const uint64_t latency_bounds_us[LATENCY_N - 1];

void latency_note(struct latency *latency, uint64_t us);

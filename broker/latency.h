/* SPDX-License-Identifier: Apache-2.0 */
/* A histogram of how long routed calls took, from the events' own times: no clock is read for it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define LATENCY_N 17 /* with the last, which has no bound */

struct latency {
	uint64_t n[LATENCY_N]; /* not cumulative */
	uint64_t sum_us;
};

extern const uint64_t latency_bounds_us[LATENCY_N - 1]; /* a call of exactly a bound is under it */

void latency_note(struct latency *latency, uint64_t us);

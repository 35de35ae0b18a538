/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/latency.h"

const uint64_t latency_bounds_us[LATENCY_N - 1] = {50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000,
	100000, 250000, 500000, 1000000, 5000000, 30000000};

void latency_note(struct latency *latency, uint64_t us)
{
	size_t i = 0;

	while (i < LATENCY_N - 1 && us > latency_bounds_us[i])
		i++;
	latency->n[i]++;
	latency->sum_us += us;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The actors of a pool that may wait: keepers of workers, and lanes, which make the calls. */
#pragma once

#include <stdint.h>

#include "actor/actor.h"

/* The argument of init for both; borrowed for the spawn. */
struct worker_place {
	uint64_t pool; /* the pool's id */
	uint32_t worker;
	uint32_t lane;
};

extern const struct actor_behavior keeper_behavior, lane_behavior;

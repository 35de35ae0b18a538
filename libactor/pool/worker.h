/* SPDX-License-Identifier: Apache-2.0 */
/* The actors of a pool that may wait: who keeps a worker, and who makes the calls. */
#pragma once

#include <stdint.h>

#include "actor/actor.h"

/* What both are started with; borrowed for the spawn. */
struct worker_place {
	uint64_t pool; /* its id */
	uint32_t worker;
	uint32_t lane;
};

extern const struct actor_behavior keeper_behavior, lane_behavior;

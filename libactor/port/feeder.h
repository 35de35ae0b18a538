/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The actor of one subscription: it casts the waiting items to the subscriber, and may have to wait for it.
 * Its method `go` says that there is something to do.
 */
#pragma once

#include <stdint.h>

#include "actor/actor.h"

struct feeder {
	uint64_t port, subscription;
	uint64_t hub_monitor;
};

extern const struct actor_behavior feeder_behavior; /* the argument of its init is a struct feeder */

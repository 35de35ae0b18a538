/* SPDX-License-Identifier: Apache-2.0 */
/* The actor of a port: it takes subscriptions, and answers publishers that wait. */
#pragma once

#include <stdint.h>

#include "actor/port.h"

struct hub_arg {
	const struct actor_port_options *options;
	actor_ref owner;
	uint64_t id; /* set by hub_init() */
};

extern const struct actor_behavior hub_behavior; /* the argument of its init is a struct hub_arg */

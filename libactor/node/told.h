/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/protocol/wire.h"

/* Whether the broker tells the runtime something by that method. */
bool told_knows(struct wire_str method);
/* Handles a cast to the runtime itself. False: the method is unknown. */
bool told(actor_group *group, const struct wire_frame *frame);
void peer_exit_told(actor_group *group, uint64_t group_id, const struct actor_cause *cause);
/* The broker's pong came: DOWNs that waited for it go on. UINT64_MAX: no pong will come. */
void downs_pong(actor_group *group, uint64_t ping);
/* A down frame for monitor @id came. */
void monitor_down_received(actor_group *group, uint64_t id, actor_ref who, const struct actor_cause *cause);

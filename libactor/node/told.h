/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/protocol/wire.h"

/* Is that a method by which the broker tells the runtime something? */
bool told_knows(struct wire_str method);
/* A cast to the runtime itself. False: it is none of these. */
bool told(actor_group *group, const struct wire_frame *frame);
void peer_exit_told(actor_group *group, uint64_t group_id, const struct actor_cause *cause);
/* The broker's pong: DOWNs that waited for it go on. UINT64_MAX: no pong will come. */
void downs_pong(actor_group *group, uint64_t ping);
/* A down frame for monitor @id came. */
void monitor_down_received(actor_group *group, uint64_t id, actor_ref who, const struct actor_cause *cause);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "actor/actor.h"
#include "libactor/transport/transport.h"

int uplink_init(actor_group *group);
void uplink_start(actor_group *group);
void uplink_stop(actor_group *group);
void uplink_turn(actor_group *group); /* once a turn: announces after the link came up */
void uplink_answer(actor_group *group, const struct transport_event *event);
void uplink_link_up(actor_group *group);
/* Is there, or will there be again, a broker that says who has ended? */
bool uplink_may_tell(const actor_group *group);
bool uplink_is_hopeless(const actor_group *group); /* the first connection will not come about */
void uplink_link_down(actor_group *group, int error);

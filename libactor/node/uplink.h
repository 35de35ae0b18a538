/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "actor/actor.h"
#include "libactor/transport/transport.h"

int uplink_init(actor_group *group);
void uplink_start(actor_group *group);
void uplink_stop(actor_group *group);
void uplink_turn(actor_group *group); /* once a turn: announces after the link has come up */
void uplink_answer(actor_group *group, const struct transport_event *event);
void uplink_link_up(actor_group *group);
/* Whether there is, or will be again, a broker that can tell which groups have ended. */
bool uplink_may_tell(const actor_group *group);
bool uplink_is_hopeless(const actor_group *group); /* true: the first connection will never come up */
void uplink_link_down(actor_group *group, int error);

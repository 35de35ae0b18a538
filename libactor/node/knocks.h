/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "actor/actor.h"
#include "libactor/transport/transport.h"

struct peer;

void door_asked(actor_group *group); /* the broker asks where our door is */
void knock_received(actor_group *group, const struct transport_event *event);
void knocks_expected(struct peer *peer);  /* @peer is expected now: lets it in if it has already knocked */
bool knocks_take_all(actor_group *group); /* handles all knocks that have come. False: more may wait */

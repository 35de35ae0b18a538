/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "actor/actor.h"
#include "libactor/transport/transport.h"

struct peer;

void door_asked(actor_group *group); /* by the broker: where is it? */
void knock_received(actor_group *group, const struct transport_event *event);
void knocks_expected(struct peer *peer);  /* who came before the broker's word lets itself be let in */
bool knocks_take_all(actor_group *group); /* all who have come so far. False: there may be more */

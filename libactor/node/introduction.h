/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "actor/actor.h"

struct peer;

void peer_ask(struct peer *peer);             /* the broker for an introduction */
void peer_try_again(struct peer *peer);       /* nothing came of it; in a moment */
bool peer_is_wanted(const struct peer *peer); /* does anything here wait for a link with it? */
void peers_ask_again(actor_group *group);     /* the broker is a new one: who has no link yet and needs one */
void peer_tell_link_down(struct peer *peer);
void peer_tell_linked(struct peer *peer);

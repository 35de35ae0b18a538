/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "actor/actor.h"

struct peer;

void peer_ask(struct peer *peer);             /* asks the broker for an introduction */
void peer_try_again(struct peer *peer);       /* there is no link: asks again in a moment */
bool peer_is_wanted(const struct peer *peer); /* whether anything here waits for a link with the peer */
/* The link to the broker is up again: asks for each peer that needs a link and has none. */
void peers_ask_again(actor_group *group);
void peer_tell_link_down(struct peer *peer);
void peer_tell_linked(struct peer *peer);

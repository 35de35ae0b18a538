/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/actor.h"

struct peer;

void inbound_frames(struct peer *peer, const uint8_t *data, size_t size_bytes);
/*
 * @peer has read some of its answers: handles a share of the frames that were put aside. Returns the number
 * of bytes; may end the link.
 */
size_t inbound_take_up(struct peer *peer);
void inbound_link_ends(struct peer *peer); /* handles all frames that were put aside */
void inbound_poll(actor_group *group);     /* takes some of the waiting transport events */
bool inbound_is_idle(const actor_group *group);

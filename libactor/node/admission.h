/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "actor/actor.h"
#include "libactor/protocol/wire.h"
#include "libactor/transport/transport.h"

struct peer;

/*
 * Begins a link. @role: `listen` or `dial` at a socket that is made for this link, or `join` at the other
 * group's door.
 */
void peer_introduce(actor_group *group, uint64_t intro_id, struct wire_str role, uint64_t group_id,
	struct wire_str path, struct transport_peer expect, struct wire_str name);
/* The group @group_id will come to our door. NULL: out of memory, or this group has no direct links. */
struct peer *peer_expect(actor_group *group, uint64_t intro_id, uint64_t group_id,
	struct transport_peer expect, struct wire_str name);
/* @peer has come to our door as the process @from: its link is up now. */
void peer_admit(struct peer *peer, uint64_t knock_id, const struct transport_peer *from);

/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that an actor has put aside (actor/stash.h). They count for its mailbox. */
#pragma once

#include <stdint.h>

#include "actor/actor.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

struct actor;

struct stash {
	struct hash_node
		node; /* in group->stashes, and not in struct actor, because few actors have a stash */
	uint64_t serial;
	struct list messages; /* actor_msg.link, the oldest first */
	uint32_t n_messages;
	uint32_t n_bytes;
};

void stash_take(struct actor *self, actor_msg *take); /* called when the handler that put it aside is over */
uint32_t stash_count(const struct actor *self);

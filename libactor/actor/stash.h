/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that an actor has put aside (actor/stash.h). They count for its mailbox. */
#pragma once

#include <stdint.h>

#include "actor/actor.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

struct actor;

struct stash {
	struct hash_node node; /* group->stashes: few actors have one, and no other shall be larger for it */
	uint64_t serial;
	struct list messages; /* actor_msg.link, the oldest first */
	uint32_t n_messages;
	uint32_t n_bytes;
};

void stash_take(struct actor *self, actor_msg *take); /* the handler that has put it aside is over */
uint32_t stash_count(const struct actor *self);

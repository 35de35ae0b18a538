/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that no actor handles, for the one actor of a group that observes them. */
#pragma once

#include <stdbool.h>

#include "actor/overload.h"
#include "libactor/base/base.h"
#include "libactor/protocol/wire.h"

struct actor;

/* The message is lost: it goes to the observer, or is freed. @to: its receiver. */
void dead_letter_take(actor_group *group, actor_ref to, enum actor_loss why, actor_msg *take);
/* The same for a message without a struct yet. Without an observer no struct is made. */
void dead_letter_of_frame(actor_group *group, actor_ref to, const struct wire_frame *frame);
void dead_letter_of_cast(actor_group *group, actor_ref to, actor_ref from, struct wire_str method,
	const void *args, size_t args_bytes);
/* A caller that would have to make a message asks this first. */
static inline bool dead_letters_are_wanted(const actor_group *group)
{
	return group->dead_letters;
}
int dead_letters_handle(struct actor *self); /* handles a MSG_LETTER: calls on_dead_letter */
void dead_letters_end(struct actor *self);   /* if the actor observes, it observes no longer */

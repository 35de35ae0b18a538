/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of casts and calls into a mailbox and out of it, for an actor with limits of its own
 * (actor/overload.h). overload-core.c decides, this file moves the messages.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/overload-core.h"

/* Belongs to one actor; made when the actor sets limits for the first time. */
struct intake {
	struct overload overload;
	struct list *oldest; /* a message in the mailbox: none before it counts; NULL: none counts */
	struct actor_overload_stats told; /* the counters of the last on_overload */
	bool tells;                       /* the token for on_overload is in the mailbox */
	/* Answers a lost call. (A pointer, because answer.c includes the calls that come in here.) */
	void (*refuse)(struct actor *to, const actor_msg *call, const char *text);
};

/* @limits: checked by overload_read(). Returns 0 or -ENOMEM. */
int intake_set(struct actor *self, const struct actor_overload *limits,
	void (*refuse)(struct actor *to, const actor_msg *call, const char *text));

enum actor_loss intake_offer(struct actor *to, actor_msg *take, int64_t *ret_retry_ms);
/*
 * Offers a cast or call to @to, whose limits take it or lose it. LOST_NOT: the message is in the mailbox. A
 * lost call is not answered yet; the caller of this function answers it with *ret_retry_ms.
 */
static inline enum actor_loss mailbox_offer(struct actor *to, actor_msg *take, int64_t *ret_retry_ms)
{
	if (to->mailbox.intake)
		return intake_offer(to, take, ret_retry_ms);
	mailbox_push(to, take);
	return ACTOR_LOST_NOT;
}
/* The result for the sender of a lost cast. */
static inline int loss_error(enum actor_loss why)
{
	return why == ACTOR_LOST_REFUSED || why == ACTOR_LOST_LIMITED ? -EBUSY : 0;
}
/* The next message to be handled; NULL: none. Calls that are lost on the way are answered. */
actor_msg *intake_pop(struct actor *self);
int intake_handle(struct actor *self); /* handles a MSG_OVERLOAD: calls on_overload */

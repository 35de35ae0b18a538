/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Casts and calls on their way into a mailbox and out of it, where the actor has limits of its own
 * (actor/overload.h). overload-core.c decides; this takes the messages to where they belong.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/overload-core.h"

/* Of one actor; made when it sets limits for the first time. */
struct intake {
	struct overload overload;
	struct list *oldest;              /* in the mailbox: nothing before it counts; NULL: nothing does */
	struct actor_overload_stats told; /* what on_overload was told last */
	bool tells;                       /* the token for on_overload is in the mailbox */
	/* Answers a call that is lost (answer.c stands above the calls that come in here). */
	void (*refuse)(struct actor *to, const actor_msg *call, const char *text);
};

/* @limits: as overload_read() left them. 0, -ENOMEM */
int intake_set(struct actor *self, const struct actor_overload *limits,
	void (*refuse)(struct actor *to, const actor_msg *call, const char *text));

enum actor_loss intake_offer(struct actor *to, actor_msg *take, int64_t *ret_retry_ms);
/*
 * A cast or call for @to, which takes it or loses it. LOST_NOT: it is in the mailbox. A call that is lost is
 * still to be answered, with *ret_retry_ms.
 */
static inline enum actor_loss mailbox_offer(struct actor *to, actor_msg *take, int64_t *ret_retry_ms)
{
	if (to->mailbox.intake)
		return intake_offer(to, take, ret_retry_ms);
	mailbox_push(to, take);
	return ACTOR_LOST_NOT;
}
/* What a cast that was lost is for its sender. */
static inline int loss_error(enum actor_loss why)
{
	return why == ACTOR_LOST_REFUSED || why == ACTOR_LOST_LIMITED ? -EBUSY : 0;
}
/* The next message to be handled; NULL: none. What is lost on the way is answered. */
actor_msg *intake_pop(struct actor *self);
int intake_handle(struct actor *self); /* a MSG_OVERLOAD: calls on_overload */

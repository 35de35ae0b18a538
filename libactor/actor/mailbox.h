/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/util/list.h"

struct actor;
struct intake;

struct mailbox {
	struct list messages; /* actor_msg.link */
	uint32_t n_messages;
	uint32_t n_bytes;
	uint32_t max_messages;
	uint32_t max_bytes;
	struct list blocked;   /* struct task.blocked_link: local senders that wait for room */
	struct list paused;    /* struct pause (peer/pressure.c): peers that were told to hold back */
	struct intake *intake; /* its own limits (intake.h); NULL: senders wait */
};

/* As the behavior says, or the defaults. */
uint32_t mailbox_max_messages(const struct actor_behavior *behavior);
uint32_t mailbox_max_bytes(const struct actor_behavior *behavior);
void mailbox_init(struct mailbox *mailbox, const struct actor_behavior *behavior);
bool mailbox_is_full(const struct mailbox *mailbox);
/* Full, and it makes its senders wait. */
bool mailbox_holds_back(const struct mailbox *mailbox);
void mailbox_push(struct actor *to, actor_msg *take); /* never refuses: limits are the sender's business */
actor_msg *mailbox_pop(struct actor *self);           /* and wakes the next sender */
void mailbox_drop(struct actor *self, int kind, uint64_t id); /* removes all messages of that kind and id */
void mailbox_drop_exits(struct actor *self, actor_ref who);   /* those of links with @who */
actor_msg *mailbox_take(struct actor *self);                  /* for an actor that ends: wakes no sender */
void mailbox_take_out(struct actor *self, actor_msg *msg);    /* which is the caller's then */
void mailbox_limits_changed(struct actor *self); /* senders look again whether they have to wait */
/*
 * Parks @sender until the actor @serial has room; *ret is that actor then. 0, -ECANCELED, -ESRCH (it ended),
 * -EAGAIN (it is full and there is no actor to park). No room until @deadline_ns: -ETIMEDOUT. @deadline_ns
 * SEND_BLOCK_MAX, which is for casts: -EBUSY after SEND_BLOCK_MAX_MS.
 */
int mailbox_wait_room(
	actor_group *group, uint64_t serial, struct actor *sender, int64_t deadline_ns, struct actor **ret);
/*
 * The actor that runs was woken because a mailbox had room (group->room_of), and does something else now: if
 * there is room still, the next one is woken. It may have sent nothing (its arguments are too large, it calls
 * in a circle), or wait for others as well before it sends.
 */
void mailbox_pass_on(actor_group *group);
void mailbox_release(struct actor *self); /* it ends: wakes all blocked senders, resumes all paused peers */

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
	struct list blocked; /* struct task.blocked_link: local senders that wait for room */
	struct list paused;  /* struct pause (peer/pressure.c): peers that were told to hold back */
	/* the actor's own limits (intake.h); NULL: a full mailbox makes senders wait */
	struct intake *intake;
};

/* The limits of the behavior, or the defaults. */
uint32_t mailbox_max_messages(const struct actor_behavior *behavior);
uint32_t mailbox_max_bytes(const struct actor_behavior *behavior);
void mailbox_init(struct mailbox *mailbox, const struct actor_behavior *behavior);
static inline bool mailbox_is_full(const struct mailbox *mailbox)
{
	return mailbox->n_messages >= mailbox->max_messages || mailbox->n_bytes >= mailbox->max_bytes;
}
/* When it is full its senders wait. */
bool mailbox_makes_wait(const struct mailbox *mailbox);
static inline bool mailbox_holds_back(const struct mailbox *mailbox)
{
	return __builtin_expect(mailbox_is_full(mailbox), 0) && mailbox_makes_wait(mailbox);
}
void mailbox_push(struct actor *to, actor_msg *take);       /* takes any message: senders check the limits */
void mailbox_push_front(struct actor *to, actor_msg *take); /* the next message to be handled */
void mailbox_push_next(struct actor *to, actor_msg *take);  /* the same, behind earlier ones of MSG_NEXT */
actor_msg *mailbox_pop(struct actor *self);                 /* also wakes the next sender */
void mailbox_drop(struct actor *self, int kind, uint64_t id); /* removes all messages of that kind and id */
void mailbox_drop_exits(struct actor *self, actor_ref who); /* removes the exit signals of links with @who */
actor_msg *mailbox_take(struct actor *self);                /* for an actor that ends: wakes no sender */
void mailbox_take_out(struct actor *self, actor_msg *msg);  /* the message then belongs to the caller */
void mailbox_limits_changed(struct actor *self); /* senders check again whether they have to wait */
/*
 * Parks @sender until the actor @serial has room; *ret is then that actor. Returns 0; -ECANCELED; -ESRCH when
 * the actor has ended; -EAGAIN when it is full and there is no actor to park. If there is no room until
 * @deadline_ns: -ETIMEDOUT. With @deadline_ns SEND_BLOCK_MAX, which is for casts: -EBUSY after
 * SEND_BLOCK_MAX_MS.
 */
int mailbox_wait_room(
	actor_group *group, uint64_t serial, struct actor *sender, int64_t deadline_ns, struct actor **ret);
/*
 * The running actor was woken because a mailbox had room (group->room_of), and now does something else. If
 * there still is room, this wakes the next sender. The woken actor may have sent nothing (its arguments are
 * too large, or its call closes a circle), or may have to wait for other targets, too.
 */
void mailbox_pass_on(actor_group *group);
/* The actor takes nothing any more: wakes all blocked senders with @error, resumes all paused peers. */
void mailbox_release(struct actor *self, int error);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/util/list.h"

struct actor;

struct mailbox {
	struct list messages; /* actor_msg.link */
	uint32_t n_messages;
	uint32_t n_bytes;
	uint32_t max_messages;
	uint32_t max_bytes;
	struct list blocked; /* struct task.blocked_link: local senders that wait for room */
	struct list paused;  /* struct pause (peer/pressure.c): peers that were told to hold back */
};

void mailbox_init(struct mailbox *mailbox, const struct actor_behavior *behavior);
bool mailbox_is_full(const struct mailbox *mailbox);
void mailbox_push(struct actor *to, actor_msg *take); /* never refuses: limits are the sender's business */
actor_msg *mailbox_pop(struct actor *self);           /* and lets the next sender in */
void mailbox_drop(struct actor *self, int kind, uint64_t id); /* all of that kind and id */
actor_msg *mailbox_take(struct actor *self);                  /* of one that ends: nobody is let in */
/*
 * The target once it has room (a local sender waits). 0, -ECANCELED, -ESRCH (it ended), -EAGAIN (nobody to
 * park); when it has none until @deadline_ns -ETIMEDOUT, or with SEND_BLOCK_MAX, which is for casts, -EBUSY.
 */
int mailbox_wait_room(
	actor_group *group, uint64_t serial, struct actor *sender, int64_t deadline_ns, struct actor **ret);
void mailbox_release(struct actor *self); /* wakes all blocked, resumes all paused: it ends */

#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/util/list.h"

#define SEND_BLOCK_MAX_MS 5000
#define SEND_BLOCK_MAX INT64_C(0) /* as a deadline: SEND_BLOCK_MAX_MS from when one has to wait, so that the clock is read only then */

struct actor;
struct peer;

struct mailbox {
	struct list messages; /* actor_msg.link */
	uint32_t n_messages;
	uint32_t n_bytes;
	uint32_t max_messages;
	uint32_t max_bytes;
	struct list blocked; /* struct actor.blocked_link: local senders that wait for room */
	struct list paused;  /* struct pause: peers that were told to hold back */
};

void mailbox_init(struct mailbox *mailbox, const struct actor_behavior *behavior);
bool mailbox_is_full(const struct mailbox *mailbox);
void mailbox_push(struct actor *to, actor_msg *take); /* never refuses: limits are the sender's business */
actor_msg *mailbox_pop(struct actor *self);
void mailbox_drop_all(struct actor *self, const char *reason); /* queued calls are answered `down` */
/* The target once it has room (a local sender waits). 0, -ECANCELED, -ESRCH (it ended), -EAGAIN (nobody to park); when it has none until
 * @deadline_ns -ETIMEDOUT, or with SEND_BLOCK_MAX, which is for casts, -EBUSY. */
int mailbox_wait_room(actor_group *group, uint64_t serial, struct actor *sender, int64_t deadline_ns, struct actor **ret);
/* Tells the peer to hold back messages for @to, once. Returns what it has sent to the full mailbox since. */
uint64_t mailbox_pause_peer(struct actor *to, struct peer *peer, size_t received_bytes);
void mailbox_forget_peer(actor_group *group, struct peer *peer);
void mailbox_release(struct actor *self); /* wakes all blocked, resumes all paused: it ends */

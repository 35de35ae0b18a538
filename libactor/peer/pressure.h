/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/util/list.h"

struct peer;
struct task;

/*
 * Tells the peer, unless it is the broker, to hold back messages for @to, an actor of ours, once; @paused is
 * its mailbox's list. Returns what it has sent to the full mailbox since.
 */
uint64_t pause_tell(struct list *paused, actor_ref to, struct peer *peer, size_t received_bytes);
void pauses_end(struct list *paused); /* there is room again: they may go on */
void pauses_forget_peer(struct peer *peer);
/*
 * Waits until the daemon is there: 0. -ENOTCONN: the node is gone, or the time of a cast is over; -ETIMEDOUT:
 * that of a call is; -EAGAIN: would have to wait, outside a handler.
 */
int uplink_wait(actor_group *group, struct task *sender, int64_t deadline_ns);
/* Sender side of pause/resume, and of a daemon that is away: 0 go on; else as mailbox_wait_room. */
int peer_wait_unpaused(struct peer **peerp, actor_ref to, struct task *sender, int64_t deadline_ns);
void peer_drained(struct peer *peer);
bool peer_pause_received(struct peer *peer, const actor_ref *ref); /* false: it pauses too many actors */
void peer_resume_received(struct peer *peer, const actor_ref *ref);
void peer_senders_go_on(struct peer *peer); /* unless the peer told them all to wait */
void peer_unpause_all(struct peer *peer, int result);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/list.h"

struct peer;
struct task;

/*
 * Tells the peer to hold back messages for @to, an actor of ours, once; @paused is its mailbox's list.
 * @of_all: what came is for all members of a process group; the broker is to hold that back too. Returns what
 * the peer has sent to the full mailbox since.
 */
uint64_t pause_tell(struct list *paused, actor_ref to, struct peer *peer, size_t received_bytes, bool of_all);
void pauses_end(struct list *paused); /* there is room again: they may go on */
void pauses_forget_peer(struct peer *peer);
/*
 * Waits until the daemon is there: 0. -ENOTCONN: the node is gone, or the time of a cast is over; -ETIMEDOUT:
 * that of a call is; -EAGAIN: would have to wait, outside a handler.
 */
int uplink_wait(actor_group *group, struct task *sender, int64_t deadline_ns);
/*
 * Sender side of pause/resume, and of a daemon that is away: 0 go on; else as mailbox_wait_room. @to nobody:
 * all members of a process group, whom the broker knows.
 */
int peer_wait_unpaused(
	struct peer **peerp, const struct wire_dest *to, struct task *sender, int64_t deadline_ns);
void peer_drained(struct peer *peer);
/* @name: by which we call the actor @ref of another group; s NULL: none. False: it pauses too many actors. */
bool peer_pause_received(struct peer *peer, const actor_ref *ref, struct wire_str name);
void peer_resume_received(struct peer *peer, const actor_ref *ref);
void peer_senders_go_on(struct peer *peer); /* unless the peer told them all to wait */
void peer_unpause_all(struct peer *peer, int result);

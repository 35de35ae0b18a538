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
 * Tells the peer, once, to hold back messages for @to, an actor of ours; @paused is the list of that actor's
 * mailbox. @of_all: the message was for all members of a process group, and the broker should hold back such
 * messages, too. Returns how many bytes the peer has sent to the full mailbox since then.
 */
uint64_t pause_tell(struct list *paused, actor_ref to, struct peer *peer, size_t received_bytes, bool of_all);
void pauses_end(struct list *paused); /* there is room again: the paused peers may go on */
void pauses_forget_peer(struct peer *peer);
/*
 * Waits until the link to the daemon is up. Returns 0; -ENOTCONN when the node is gone, or the time of a cast
 * is over; -ETIMEDOUT when the time of a call is over; -EAGAIN when the function would have to wait outside a
 * handler.
 */
int uplink_wait(actor_group *group, struct task *sender, int64_t deadline_ns);
/*
 * The sender's side of pause and resume, and of a daemon that is away. Returns 0 when the sender may send;
 * else the errors of mailbox_wait_room(). @to nobody: all members of a process group, whom the broker knows.
 */
int peer_wait_unpaused(
	struct peer **peerp, const struct wire_dest *to, struct task *sender, int64_t deadline_ns);
/*
 * The same for frames that no pause holds back, which are items of a stream. True: more may be written.
 * False: the sender should wait, so that frames do not pile up here and the loop reads now and then. True
 * also for a peer that has paused all, which is not waited for.
 */
bool peer_has_room(struct peer *peer);
/* Waits once; then @peer may be gone, and there may still be no room. Returns what task_park() does. */
int peer_wait_room(struct peer *peer, struct task *sender, int64_t deadline_ns);
void peer_drained(struct peer *peer);
/*
 * @name: the name by which we call the actor @ref of another group; s NULL: none. False: the peer pauses too
 * many actors.
 */
bool peer_pause_received(struct peer *peer, const actor_ref *ref, struct wire_str name);
void peer_resume_received(struct peer *peer, const actor_ref *ref);
void peer_senders_go_on(
	struct peer *peer); /* wakes the senders, unless the peer has told all of them to wait */
void peer_unpause_all(struct peer *peer, int result);

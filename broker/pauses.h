/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backpressure through the broker. A group that says `pause r` gets no more casts and calls for r: they are
 * held here, charged to the groups that sent them, and those are told `pause r` too. A group that does not
 * read its pipe fast enough is treated likewise, except that nothing is held: what was in flight is added to
 * its backlog.
 */
#pragma once

#include <stdbool.h>

#include "libactor/protocol/wire.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

struct broker;
struct member;

#define PAUSES_CONGESTED_BYTES     (1u << 20) /* of backlog: senders are told */
#define PAUSES_IN_FLIGHT_MAX_BYTES (4u << 20) /* a sender that goes on after that: its frames are refused */

/* for one target; what is held goes to it at once in the end */
#define PAUSES_HELD_MAX_BYTES (8u << 20)

struct pauses {
	struct hash by_sender; /* struct pause */
	struct hash by_ref;    /* struct hold */
};

void pauses_init(struct pauses *pauses);
void pauses_deinit(struct pauses *pauses);

/* @target said so of its actor @ref; nobody: of all. */
void pauses_pause(struct member *target, actor_ref ref);
void pauses_resume(struct member *target, actor_ref ref);
/*
 * A frame of @sender for @ref of @target: where to append it, then pauses_written(). NULL: @sender went on
 * for too long. It is told to pause when it should; only frames that are @holdable are held back.
 */
struct buf *pauses_admit(
	struct member *sender, struct member *target, actor_ref ref, size_t size_bytes, bool holdable);
void pauses_written(struct member *target, const struct buf *out);
void pauses_drained(struct member *target); /* its backlog is gone */
void pauses_forget(struct member *member);  /* as a sender and as a target */

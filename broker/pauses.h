/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backpressure through the broker. A group that says `pause r` gets no more casts and calls for r: they are
 * held here, charged to the groups that sent them, and those are told `pause r` too. If a group does not read
 * its pipe fast enough (it is congested), its senders are told to pause as well. Its pipe keeps a megabyte
 * then; what comes for it beyond, from whomever, is parked with it in order, and what its senders had in
 * flight is charged to them. One that stays congested is named in the log.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libactor/protocol/wire.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

struct broker;
struct member;

#define PAUSES_CONGESTED_BYTES     (1u << 20) /* of backlog: senders are told to pause */
#define PAUSES_STALLED_NS          2000000000 /* congested for so long: the log says who it is */
#define PAUSES_IN_FLIGHT_MAX_BYTES (4u << 20) /* from one sender after its pause: more is refused */

/* for one target, of paused actors */
#define PAUSES_HELD_MAX_BYTES (8u << 20)

struct pauses {
	struct hash by_sender; /* struct pause */
	struct hash by_ref;    /* struct hold */
	/* members whose pipe must take something before their stall_ns: the earliest first (stalls.h) */
	struct list congested;
	struct list unnamed; /* congested members that the log has not named yet: the longest first */
};

void pauses_init(struct pauses *pauses);
void pauses_deinit(struct pauses *pauses);

/* @target said `pause` or `resume` of its actor @ref; ACTOR_NOBODY: of all its actors. */
void pauses_pause(struct member *target, actor_ref ref);
void pauses_resume(struct member *target, actor_ref ref);
/*
 * The buffer to which the caller appends a frame of @sender for @ref of @target; then it calls
 * pauses_written(). NULL: the frame is refused, because too much waits already. @sender is told to pause if
 * it should. Only a frame that is @holdable may be held back.
 */
struct buf *pauses_admit(
	struct member *sender, struct member *target, actor_ref ref, size_t size_bytes, bool holdable);
void pauses_written(struct member *target, const struct buf *out);
void pauses_drained(struct member *target);   /* its backlog is gone: its senders may go on */
void pauses_up(struct member *member);        /* it has a pipe again: what is parked is written */
void pauses_pipe_took(struct member *target); /* a part of its backlog: it reads */
/* From now on @target, which is congested, has the stall time-out for its pipe to take something. */
void pauses_await_pipe(struct member *target);
/*
 * Of the frames that are parked or held for @target those go that @drops takes; none of them is charged to
 * anybody any more, and all who were told to pause because of @target are told to go on.
 */
void pauses_shed(struct member *target,
	bool (*drops)(struct member *target, const struct wire_frame *frame, void *arg), void *arg);
void pauses_forget(struct member *member); /* all about it, as a sender and as a target */
void pauses_tick(struct broker *broker);
int64_t pauses_deadline_ns(const struct broker *broker);

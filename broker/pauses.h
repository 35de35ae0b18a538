/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backpressure through the broker. A group that says `pause r` gets no more casts and calls for r: they are
 * held here, charged to the groups that sent them, and those are told `pause r` too. If a group does not read
 * its pipe fast enough (it is congested), or has none now, its senders are told to pause as well. A congested
 * pipe keeps a megabyte; what comes for it beyond, from whomever, is parked with it in order, and what its
 * senders had in flight is charged to them. One that stays congested is named in the log.
 *
 * What was sent before its sender could hear of the pause is never refused: a cast has returned 0 by then. So
 * the bounds are each sender's own (QUOTA_WAITING), not a target's: many senders have much in flight
 * together. A sender of which much waits, whatever for, is told to pause everything.
 *
 * pause.c has who was told, hold.c what is held, congestion.c pipes that do not take what is written,
 * pauses.c the way of a frame.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libactor/protocol/wire.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

struct broker;
struct member;

#define PAUSES_CONGESTED_BYTES (1u << 20) /* of backlog: senders are told to pause */
#define PAUSES_STALLED_NS      2000000000 /* congested for so long: the log says who it is */
/* of one sender, of which so much waits for the recovery: everything it sends would wait there */
#define PAUSES_RECOVERY_BYTES (1u << 20)
/* of one sender, for the recovery and for whomever else; less when many have as much (quota.h) */
#define PAUSES_WAITING_BYTES (8u << 20)

/* for one target, of senders that have ended: nobody is charged for it, and more is refused */
#define PAUSES_LEFT_MAX_BYTES (16u << 20)
/* for a stalled target, of what is neither cast nor call */
#define PAUSES_STALLED_MAX_BYTES (8u << 20)

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
 * The buffer to which the caller appends a frame of @sender (NULL: it has ended) for @to->ref of @target;
 * then it calls pauses_written(). NULL: the frame is refused, because @target is stalled, or too much waits
 * already. @sender is told to pause if it should, and by which @to->name it called the actor. Only a cast or
 * a call is @holdable, and may be held back.
 */
struct buf *pauses_admit(struct member *sender, struct member *target, const struct wire_dest *to,
	size_t size_bytes, bool holdable);
void pauses_written(struct member *target, const struct buf *out);
void pauses_drained(struct member *target);   /* its backlog is gone: its senders may go on */
void pauses_up(struct member *member);        /* it has a pipe again: what is parked is written */
void pauses_pipe_took(struct member *target); /* a part of its backlog: it reads */
/* More, or less, of what @sender sent waits for the recovery: it is told to pause everything, or to go on. */
void pauses_weigh(struct member *sender);
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

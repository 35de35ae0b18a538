/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backpressure through the broker. A group that says `pause r` gets no more casts and calls for r. They are
 * held here and charged to the groups that sent them, and these groups are told `pause r` too. A group that
 * does not read its pipe fast enough is congested. Its senders are told to pause as well, and so are the
 * senders of a group that has no pipe now. The pipe of a congested group keeps a megabyte. All further frames
 * for the group are parked in order, and casts and calls among them are charged to their senders. A group
 * that stays congested is named in the log.
 *
 * A frame that was sent before its sender could hear of the pause is not refused, since a cast has returned 0
 * by then. Many senders together may have many such bytes in flight to one target. So each sender has a bound
 * (QUOTA_WAITING), and the target has none. A sender of which much waits, for whatever reason, is told to
 * pause all its sending.
 *
 * pause.c has the pauses of senders, hold.c the held frames, congestion.c the pipes that take no more, and
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

#define PAUSES_CONGESTED_BYTES (1u << 20) /* with a greater backlog senders are told to pause */
#define PAUSES_STALLED_NS      2000000000 /* after so long the log names a congested group */
/* if more of one sender waits for the recovery, the sender is told to pause all its sending */
#define PAUSES_RECOVERY_BYTES (1u << 20)
/*
 * the same for all of one sender that waits, for whatever reason; less if many senders have as much (quota.h)
 */
#define PAUSES_WAITING_BYTES (8u << 20)

/* so much of ended senders, charged to nobody, may wait for one target; then frames are refused */
#define PAUSES_LEFT_MAX_BYTES (16u << 20)
/* so many bytes that are neither cast nor call may wait for a stalled target */
#define PAUSES_STALLED_MAX_BYTES (8u << 20)

struct pauses {
	struct hash by_sender; /* struct pause */
	struct hash by_ref;    /* struct hold */
	/* congested members, those with the earliest stall_ns first (stalls.h) */
	struct list congested;
	/* congested members that the log has not named yet, the longest congested first */
	struct list unnamed;
};

void pauses_init(struct pauses *pauses);
void pauses_deinit(struct pauses *pauses);

/* @target has said `pause` or `resume` for its actor @ref. ACTOR_NOBODY: for all its actors. */
void pauses_pause(struct member *target, actor_ref ref);
void pauses_resume(struct member *target, actor_ref ref);
/*
 * The buffer to which the caller appends a frame of @sender (NULL: it has ended) for @to->ref of @target;
 * then it calls pauses_written(). NULL: the frame is refused, because @target is stalled, or because too much
 * waits already. If @sender must pause, it is told so, with @to->name if it used a name. Only a cast or a
 * call is @holdable.
 */
struct buf *pauses_admit(struct member *sender, struct member *target, const struct wire_dest *to,
	size_t size_bytes, bool holdable);
void pauses_written(struct member *target, const struct buf *out);
/*
 * To be called before @target is told an end. @to is NULL: it is the end of @group. Otherwise @to is told, by
 * a `down` or an `exit`, that somebody in @group has ended. What @group had sent must come before that, so it
 * is held no longer.
 */
void pauses_end_is_told(struct member *target, const actor_ref *to, uint64_t group);
void pauses_drained(struct member *target);   /* the backlog of @target is gone; its senders may go on */
void pauses_up(struct member *member);        /* @member has a pipe again; parked frames are written */
void pauses_pipe_took(struct member *target); /* the pipe of @target took a part of its backlog */
/*
 * To be called when more or less of @sender waits. It is told to pause all its sending, or to go on, if that
 * has to change.
 */
void pauses_weigh(struct member *sender);
/* @target is congested. From now on its pipe has one stall time-out to take something. */
void pauses_await_pipe(struct member *target);
/*
 * Removes those frames parked or held for @target that @drops takes. Afterwards nobody is charged for any of
 * the frames, and all senders that were told to pause because of @target are told to go on.
 */
void pauses_shed(struct member *target,
	bool (*drops)(struct member *target, const struct wire_frame *frame, void *arg), void *arg);
void pauses_forget(struct member *member); /* forgets @member as a sender and as a target */
void pauses_tick(struct broker *broker);
int64_t pauses_deadline_ns(const struct broker *broker);

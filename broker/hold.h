/* SPDX-License-Identifier: Apache-2.0 */
/* Frames that are held for paused actors. */
#pragma once

#include "broker/member.h"

struct pauses;

/* The frames that are held for one paused actor. @ref ACTOR_NOBODY: for all actors of the group. */
struct hold {
	struct hash_node node; /* pauses.by_ref */
	struct list by_target; /* member.holds */
	struct member *target;
	actor_ref ref;
	struct buf frames;
	size_t size_bytes; /* bytes of the frames, as charged */
	size_t left_bytes; /* bytes of the frames whose senders have ended */
	size_t n_frames;
	/*
	 * The last look found no more frames of this group. So the ends of a thousand actors of one process
	 * cost one look. 0: frames have come since then.
	 */
	uint64_t none_of;
	struct list pauses; /* struct pause: the senders that were told to pause */
};

struct hold *hold_find(const struct pauses *pauses, const struct member *target, actor_ref ref);
/*
 * The hold that takes messages for @ref, be it for all actors of @target. NULL: messages for @ref are not
 * held.
 */
struct hold *hold_for(const struct member *target, actor_ref ref);
/* From now on @hold takes no more frames. The caller frees the frames that are held already. */
void hold_end(struct hold *hold);
void hold_free(struct hold *hold);
/* The buffer for one more frame, which is counted as held. */
struct buf *hold_more(struct hold *hold, size_t size_bytes);
void hold_written(const struct hold *hold);
/* Moves all that @hold has to @to. */
void hold_hand_over(struct hold *hold, struct hold *to);
/*
 * @all held the frames for all actors of the group. Some of these actors are still paused by themselves, and
 * their frames are moved to their own holds. There they go in front, since they came earlier. Nobody is
 * charged for them any more.
 */
void hold_share_out(struct hold *all);
/*
 * Moves to @ret the frames of @group that @hold has, in their order, and returns how many they are. What they
 * were charged to stays charged.
 */
size_t hold_take_of(struct hold *hold, uint64_t group, struct buf *ret);
/*
 * Removes from @frames those that @drops takes. @drops may write to @target, which happens when an actor of
 * @target has called one of its own group and is answered. Such frames come after the old ones.
 */
void frames_shed(struct member *target, struct buf *frames, size_t *taken_bytes,
	bool (*drops)(struct member *target, const struct wire_frame *frame, void *arg), void *arg);

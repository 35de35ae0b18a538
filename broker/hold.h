/* SPDX-License-Identifier: Apache-2.0 */
/* What is held for actors that are paused. */
#pragma once

#include "broker/member.h"

struct pauses;

/* What is held for one actor that is paused. @ref ACTOR_NOBODY: for all actors of the group. */
struct hold {
	struct hash_node node; /* pauses.by_ref */
	struct list by_target; /* member.holds */
	struct member *target;
	actor_ref ref;
	struct buf frames;
	size_t size_bytes; /* of them, as charged */
	size_t left_bytes; /* of them, of senders that have ended */
	size_t n_frames;
	struct list pauses; /* struct pause: who was told */
};

struct hold *hold_find(const struct pauses *pauses, const struct member *target, actor_ref ref);
/* What holds back messages for @ref, or for all actors of @target; NULL: nothing does. */
struct hold *hold_for(const struct member *target, actor_ref ref);
/* From here on nothing more is held there. What is held already is the caller's to free. */
void hold_end(struct hold *hold);
void hold_free(struct hold *hold);
/* The buffer for one frame more. */
struct buf *hold_more(struct hold *hold, size_t size_bytes);
void hold_written(const struct hold *hold);
/* All that @hold has is held by @to instead. */
void hold_hand_over(struct hold *hold, struct hold *to);
/*
 * Gives what was held for all actors of the group to the holds of those that are still paused, in front of
 * what they hold: it came earlier. Nobody is charged for it any more.
 */
void hold_share_out(struct hold *all);
/*
 * Takes out of @frames those that @drops takes. It may write to @target meanwhile (who calls itself is
 * answered): that comes behind.
 */
void frames_shed(struct member *target, struct buf *frames, size_t *taken_bytes,
	bool (*drops)(struct member *target, const struct wire_frame *frame, void *arg), void *arg);

/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/hold.h"

#include <stdlib.h>
#include <string.h>

#include "broker/pause.h"
#include "broker/state.h"

static uint64_t hold_hash(const struct pauses *pauses, const struct member *target, actor_ref ref)
{
	uint64_t key[2] = {target->group, ref.serial};

	return hash_of_bytes(&pauses->by_ref, key, sizeof(key)) ^ actor_ref_is_nobody(ref);
}

struct hold *hold_find(const struct pauses *pauses, const struct member *target, actor_ref ref)
{
	struct hash_node *node = hash_first(&pauses->by_ref, hold_hash(pauses, target, ref));

	for (; node; node = hash_next(node)) {
		struct hold *hold = container_of(node, struct hold, node);

		if (hold->target == target && actor_ref_equal(hold->ref, ref))
			return hold;
	}
	return NULL;
}

void pauses_pause(struct member *target, actor_ref ref)
{
	struct pauses *pauses = &target->broker->pauses;
	struct hold *hold;

	if (hold_find(pauses, target, ref))
		return;
	if (!quota_take(target, QUOTA_WAITING, PAUSES_RECORD_BYTES)) {
		member_doom(target, true, "it pauses too many actors");
		return;
	}
	hold = calloc(1, sizeof(*hold));
	if (!hold || hash_insert(&pauses->by_ref, &hold->node, hold_hash(pauses, target, ref)) < 0) {
		free(hold);
		quota_give(target, QUOTA_WAITING, PAUSES_RECORD_BYTES);
		member_doom(target, true, "out of memory to pause one of its actors");
		return;
	}
	hold->target = target;
	hold->ref = ref;
	list_init(&hold->pauses);
	list_append(&target->holds, &hold->by_target);
}

void hold_end(struct hold *hold)
{
	hash_remove(&hold->target->broker->pauses.by_ref, &hold->node);
	list_remove(&hold->by_target);
}

void hold_free(struct hold *hold)
{
	quota_give(hold->target, QUOTA_WAITING, PAUSES_RECORD_BYTES);
	hold->target->held_bytes -= hold->size_bytes;
	hold->target->n_held -= hold->n_frames;
	hold->target->held_left_bytes -= hold->left_bytes;
	buf_deinit(&hold->frames);
	free(hold);
}

struct hold *hold_for(const struct member *target, actor_ref ref)
{
	const struct pauses *pauses = &target->broker->pauses;
	struct hold *hold;

	if (list_is_empty(&target->holds))
		return NULL;
	hold = hold_find(pauses, target, ref);
	return hold ? hold : hold_find(pauses, target, ACTOR_NOBODY);
}

void hold_written(const struct hold *hold)
{
	if (buf_error(&hold->frames) < 0)
		member_doom(hold->target, false, "out of memory for what is held for it");
}

struct buf *hold_more(struct hold *hold, size_t size_bytes)
{
	struct member *target = hold->target;

	target->held_bytes += size_bytes;
	target->n_held++;
	hold->size_bytes += size_bytes;
	hold->n_frames++;
	hold->none_of = 0;
	return &hold->frames;
}

void hold_hand_over(struct hold *hold, struct hold *to)
{
	buf_append(&to->frames, hold->frames.data, hold->frames.size_bytes);
	to->size_bytes += hold->size_bytes;
	to->n_frames += hold->n_frames;
	to->left_bytes += hold->left_bytes;
	to->none_of = 0;
	hold->size_bytes = hold->n_frames = hold->left_bytes = 0;
	list_for_each_safe(it, &hold->pauses)
		pause_depend(container_of(it, struct pause, by_cause), to);
	hold_written(to);
}

void frames_shed(struct member *target, struct buf *frames, size_t *taken_bytes,
	bool (*drops)(struct member *target, const struct wire_frame *frame, void *arg), void *arg)
{
	struct buf old = *frames;
	size_t offset = *taken_bytes, kept = 0, used;
	struct wire_frame frame;

	*frames = (struct buf)BUF_INIT;
	*taken_bytes = 0;
	while (offset < old.size_bytes &&
		wire_parse(old.data + offset, old.size_bytes - offset, &frame, &used) >= 0) {
		if (!drops(target, &frame, arg)) {
			memmove(old.data + kept, old.data + offset, used);
			kept += used;
		}
		offset += used;
	}
	old.size_bytes = kept;
	buf_append(&old, frames->data, frames->size_bytes);
	old.failed = old.failed || frames->failed;
	buf_deinit(frames);
	*frames = old;
}

/* Of the frames that were held for all actors of a group, those for one actor that is paused by itself. */
struct part {
	struct hold *hold;
	struct buf frames;
	size_t n_frames;
};

static bool part_takes(struct member *target, const struct wire_frame *frame, void *arg)
{
	struct part *part = arg;

	if (!actor_ref_equal(frame->to.ref, part->hold->ref))
		return false;
	buf_append(&part->frames, frame->raw, frame->raw_bytes);
	part->n_frames++;
	return true;
}

void hold_share_out(struct hold *all)
{
	struct member *target = all->target;

	list_for_each(it, &target->holds) {
		struct part part = {container_of(it, struct hold, by_target), BUF_INIT, 0};
		size_t taken = 0, size_bytes;

		frames_shed(target, &all->frames, &taken, part_takes, &part);
		size_bytes = part.frames.size_bytes;
		buf_append(&part.frames, part.hold->frames.data, part.hold->frames.size_bytes);
		buf_deinit(&part.hold->frames);
		part.hold->frames = part.frames;
		part.hold->size_bytes += size_bytes;
		part.hold->left_bytes += size_bytes;
		part.hold->n_frames += part.n_frames;
		part.hold->none_of = 0;
		target->held_bytes += size_bytes;
		target->held_left_bytes += size_bytes;
		target->n_held += part.n_frames;
		hold_written(part.hold);
	}
}

/* Of the frames that are held for an actor, those of one group. */
struct share {
	uint64_t group;
	struct buf *frames;
	size_t n_frames;
};

static bool share_takes(struct member *target, const struct wire_frame *frame, void *arg)
{
	struct share *share = arg;

	(void)target;
	if (frame->from.group != share->group)
		return false;
	buf_append(share->frames, frame->raw, frame->raw_bytes);
	share->n_frames++;
	return true;
}

size_t hold_take_of(struct hold *hold, uint64_t group, struct buf *ret)
{
	struct share share = {group, ret, 0};
	struct member *target = hold->target;
	size_t taken = 0, size_bytes;

	frames_shed(target, &hold->frames, &taken, share_takes, &share);
	hold->n_frames -= share.n_frames;
	hold->none_of = group;
	target->n_held -= share.n_frames;
	/* a frame to a name was charged a few bytes more than it has, and the last one takes these along */
	size_bytes = hold->n_frames ? ret->size_bytes : hold->size_bytes;
	hold->size_bytes -= size_bytes;
	target->held_bytes -= size_bytes;
	return share.n_frames;
}

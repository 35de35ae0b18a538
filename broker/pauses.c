/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/pauses.h"

#include "broker/congestion.h"
#include "broker/hold.h"
#include "broker/pause.h"
#include "broker/state.h"

void pauses_init(struct pauses *pauses)
{
	hash_init(&pauses->by_sender);
	hash_init(&pauses->by_ref);
	list_init(&pauses->congested);
	list_init(&pauses->unnamed);
}

void pauses_deinit(struct pauses *pauses)
{
	hash_deinit(&pauses->by_sender);
	hash_deinit(&pauses->by_ref);
}

void pauses_resume(struct member *target, actor_ref ref)
{
	struct pauses *pauses = &target->broker->pauses;
	struct hold *hold = hold_find(pauses, target, ref);
	struct hold *all;

	if (!hold)
		return;
	all = actor_ref_is_nobody(ref) ? NULL : hold_find(pauses, target, ACTOR_NOBODY);
	hold_end(hold);
	if (all) {
		hold_hand_over(hold, all);
	} else {
		if (actor_ref_is_nobody(ref))
			hold_share_out(hold);
		congestion_write(target, &hold->frames, hold->n_frames, false);
		/* frames that are now parked stay charged, and their senders go on waiting */
		list_for_each_safe(it, &hold->pauses) {
			if (target->congested)
				pause_depend(container_of(it, struct pause, by_cause), NULL);
		}
		if (target->congested)
			target->parked_left_bytes += hold->left_bytes;
	}
	pauses_lift(&hold->pauses);
	hold_free(hold);
}

void pauses_shed(struct member *target,
	bool (*drops)(struct member *target, const struct wire_frame *frame, void *arg), void *arg)
{
	frames_shed(target, &target->parked, &target->parked_taken_bytes, drops, arg);
	target->parked_sent_bytes = target->parked_left_bytes = target->parked_passing_bytes = 0;
	pauses_lift(&target->slowed);
	list_for_each(it, &target->holds) {
		struct hold *hold = container_of(it, struct hold, by_target);
		size_t taken = 0;

		frames_shed(target, &hold->frames, &taken, drops, arg);
		target->held_bytes -= hold->size_bytes;
		target->n_held -= hold->n_frames;
		target->held_left_bytes -= hold->left_bytes;
		hold->size_bytes = hold->n_frames = hold->left_bytes = 0;
		pauses_lift(&hold->pauses);
	}
}

/* ---- the way of a frame ---- */

/* True: frames for @target are parked, and their senders are told to pause. */
static bool is_jammed(struct member *target, size_t unread)
{
	if (!unread && !target->held_bytes)
		/* nothing waits for the target: the vote for its top sender begins anew */
		target->top_bytes = 0;
	if (target->state != MEMBER_UP)
		return unread > PAUSES_CONGESTED_BYTES;
	if (!target->congested && unread > PAUSES_CONGESTED_BYTES)
		congestion_begin(target);
	return target->congested;
}

/* Each byte is one vote. A sender of more than half of the bytes is ahead at the end. */
static void vote(struct member *target, const struct member *sender, size_t size_bytes)
{
	if (!target->top_bytes || target->top_sender == sender->group) {
		target->top_sender = sender->group;
		target->top_bytes += size_bytes;
	} else if (target->top_bytes >= size_bytes) {
		target->top_bytes -= size_bytes;
	} else {
		target->top_sender = sender->group;
		target->top_bytes = size_bytes - target->top_bytes;
	}
}

/*
 * A frame of @sender waits for @to->ref of @target, and is charged to @sender. @sender is told to pause once,
 * and again when it uses another name for the actor than it was told. False: too much of @sender waits.
 */
static bool charge(struct member *sender, struct member *target, struct hold *hold,
	const struct wire_dest *to, size_t size_bytes)
{
	struct pause *pause = pause_find(&sender->broker->pauses, sender, to->ref);
	bool is_new = !pause;

	if (is_new)
		pause = pause_new(sender, target, to->ref);
	if (!pause)
		return false;
	if (is_new || !pause_is_told(pause, to->name))
		pause_say(pause, to->name);
	if (hold && pause->hold != hold) /* the frame is held, which may outlast the congestion */
		pause_depend(pause, hold);
	if (!quota_take(sender, QUOTA_WAITING, size_bytes))
		return false;
	pause->size_bytes += size_bytes;
	sender->charged_bytes += size_bytes;
	pauses_weigh(sender);
	return true;
}

/* True: too much waits for @target that is charged to nobody. A line in the log says so. */
static bool is_left_too_much(struct member *target)
{
	size_t left_bytes = target->parked_left_bytes + target->held_left_bytes;
	char who[MEMBER_WHO_MAX];

	if (left_bytes <= PAUSES_LEFT_MAX_BYTES)
		return false;
	broker_complain(target->broker, target->pid, target->uid,
		"%s takes nothing: %zu bytes wait for it that groups have sent which have ended; what comes "
		"for it now is refused",
		member_who(target, who), left_bytes);
	return true;
}

struct buf *pauses_admit(struct member *sender, struct member *target, const struct wire_dest *to,
	size_t size_bytes, bool holdable)
{
	struct hold *hold;
	size_t unread;
	bool jammed;

	if (target->doomed)
		return member_out(target);
	unread = member_unread_bytes(target);
	if (target->stalled)
		return holdable || unread + size_bytes > PAUSES_STALLED_MAX_BYTES ? NULL : member_out(target);
	jammed = is_jammed(target, unread);
	if (sender)
		vote(target, sender, size_bytes);
	hold = holdable ? hold_for(target, to->ref) : NULL;
	if ((hold || jammed) && sender &&
		(is_left_too_much(target) || !charge(sender, target, hold, to, size_bytes)))
		return NULL;
	if (hold && !target->congested) {
		hold->left_bytes += sender ? 0 : size_bytes;
		target->held_left_bytes += sender ? 0 : size_bytes;
		return hold_more(hold, size_bytes);
	}
	/*
	 * If the target is congested, earlier frames may be parked. This frame is parked after them, and goes
	 * to its hold later, as they do.
	 */
	/*
	 * The pipe never gets more than this at once, so frames of others are never the reason why it is cut.
	 */
	if (target->state == MEMBER_UP && !target->congested &&
		unread + size_bytes > 2 * PAUSES_CONGESTED_BYTES)
		congestion_begin(target);
	if (!sender && member_parks(target))
		target->parked_left_bytes += size_bytes;
	target->admitted_at = holdable && member_parks(target) ? target->parked.size_bytes : SIZE_MAX;
	return member_out_for(target, size_bytes);
}

void pauses_written(struct member *target, const struct buf *out)
{
	struct broker *broker = target->broker;

	if (out == &target->parked && target->admitted_at < out->size_bytes)
		target->parked_sent_bytes += out->size_bytes - target->admitted_at;
	target->admitted_at = SIZE_MAX;
	if (buf_error(out) < 0)
		member_doom(target, false, "out of memory for what is written to it");
	else if (list_is_empty(&target->holds) || out == member_out(target))
		member_written(target); /* else the frame is held, and is counted when it is written */
	if (target->congested && !target->doomed &&
		!broker->ops.pipe_backlog(broker->arg, target->pipe->handle))
		congestion_go_on(target); /* the pipe was free, and one large frame was parked */
}

void pauses_end_is_told(struct member *target, const actor_ref *to, uint64_t group)
{
	/* if it is congested, what it is told is parked, and this is done when it leaves the parked frames */
	if (target->n_held && !target->congested && !target->doomed && target->state == MEMBER_UP)
		(void)congestion_let_pass(target, to, group);
}

void pauses_forget(struct member *member)
{
	list_for_each_safe(it, &member->pauses)
		pause_leave(container_of(it, struct pause, by_sender));
	member->paused_all = false;
	list_for_each_safe(it, &member->holds) {
		struct hold *hold = container_of(it, struct hold, by_target);

		pauses_lift(&hold->pauses);
		hold_end(hold);
		hold_free(hold);
	}
	congestion_end(member);
}

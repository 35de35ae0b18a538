/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/pauses.h"

#include <stdlib.h>
#include <string.h>

#include "broker/member.h"
#include "broker/state.h"

#define RECORD_BYTES 128 /* what a record is charged with */

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

/* A sender was told to pause for one ref. */
struct pause {
	struct hash_node node; /* pauses.by_sender */
	struct list by_sender; /* member.pauses */
	struct list by_cause;  /* hold.pauses, or member.slowed of the target */
	struct member *sender;
	struct member *target;
	struct hold *hold; /* NULL: the target is congested, or has no pipe */
	actor_ref ref;
	uint64_t name_hash; /* of the name that the sender heard with it last; 0: of none */
	size_t size_bytes;  /* what the sender sent since, which is charged to it */
};

void pauses_init(struct pauses *pauses)
{
	hash_init(&pauses->by_sender);
	hash_init(&pauses->by_ref);
	list_init(&pauses->congested);
	list_init(&pauses->unnamed);
}

/* ---- who was told ---- */

static uint64_t pause_hash(const struct pauses *pauses, const struct member *sender, actor_ref ref)
{
	uint64_t key[3] = {sender->group, ref.group, ref.serial};

	return hash_of_bytes(&pauses->by_sender, key, sizeof(key));
}

static struct pause *pause_find(const struct pauses *pauses, const struct member *sender, actor_ref ref)
{
	struct hash_node *node = hash_first(&pauses->by_sender, pause_hash(pauses, sender, ref));

	for (; node; node = hash_next(node)) {
		struct pause *pause = container_of(node, struct pause, node);

		if (pause->sender == sender && actor_ref_equal(pause->ref, ref))
			return pause;
	}
	return NULL;
}

/* A sender that calls the actor by a name does not know which ref that is. */
static void pause_tell(struct pause *pause, struct wire_str name)
{
	pause->name_hash = name.s ? hash_of_bytes(&pause->sender->broker->pauses.by_sender, name.s, name.len)
				  : pause->name_hash;
	wire_put_pause_named(member_out(pause->sender), pause->ref, name);
	member_written(pause->sender);
}

static bool pause_is_told(const struct pause *pause, struct wire_str name)
{
	return !name.s ||
	       pause->name_hash == hash_of_bytes(&pause->sender->broker->pauses.by_sender, name.s, name.len);
}

static struct pause *pause_new(struct member *sender, struct member *target, actor_ref ref)
{
	struct pauses *pauses = &sender->broker->pauses;
	struct pause *pause;

	if (!quota_take(sender, QUOTA_WAITING, RECORD_BYTES))
		return NULL;
	pause = calloc(1, sizeof(*pause));
	if (!pause || hash_insert(&pauses->by_sender, &pause->node, pause_hash(pauses, sender, ref)) < 0) {
		free(pause);
		quota_give(sender, QUOTA_WAITING, RECORD_BYTES);
		return NULL;
	}
	pause->sender = sender;
	pause->target = target;
	pause->ref = ref;
	list_append(&sender->pauses, &pause->by_sender);
	list_append(&target->slowed, &pause->by_cause);
	return pause;
}

/* From now on it ends with @hold; NULL: with the congestion of its target. */
static void pause_depend(struct pause *pause, struct hold *hold)
{
	list_remove(&pause->by_cause);
	list_append(hold ? &hold->pauses : &pause->target->slowed, &pause->by_cause);
	pause->hold = hold;
}

static void pause_free(struct pause *pause)
{
	struct member *sender = pause->sender;

	hash_remove(&sender->broker->pauses.by_sender, &pause->node);
	list_remove(&pause->by_sender);
	list_remove(&pause->by_cause);
	quota_give(sender, QUOTA_WAITING, RECORD_BYTES + pause->size_bytes);
	sender->charged_bytes -= pause->size_bytes;
	free(pause);
}

static void pauses_end(struct list *pauses)
{
	list_for_each_safe(it, pauses) {
		struct pause *pause = container_of(it, struct pause, by_cause);
		struct member *sender = pause->sender;

		wire_put_resume(member_out(sender), &pause->ref);
		member_written(sender);
		pause_free(pause);
		pauses_weigh(sender);
	}
}

/* @sender ends, or is lost: what it sent waits on, and is charged to nobody. */
static void pause_leave(struct pause *pause)
{
	if (pause->hold) {
		pause->hold->left_bytes += pause->size_bytes;
		pause->target->held_left_bytes += pause->size_bytes;
	} else {
		pause->target->parked_left_bytes += pause->size_bytes;
	}
	pause_free(pause);
}

void pauses_weigh(struct member *sender)
{
	size_t waits_bytes = sender->waits_routed_bytes, all_bytes = waits_bytes + sender->charged_bytes;
	size_t limit_bytes = quota_limit(sender, QUOTA_WAITING);

	if (limit_bytes > PAUSES_WAITING_BYTES)
		limit_bytes = PAUSES_WAITING_BYTES;
	if (sender->paused_all ? waits_bytes <= PAUSES_RECOVERY_BYTES / 2 && all_bytes <= limit_bytes / 4 * 3
			       : waits_bytes > PAUSES_RECOVERY_BYTES || all_bytes > limit_bytes) {
		sender->paused_all = !sender->paused_all;
		if (sender->paused_all)
			wire_put_pause(member_out(sender), NULL);
		else
			wire_put_resume(member_out(sender), NULL);
		member_written(sender);
	}
}

/* ---- what is held ---- */

static uint64_t hold_hash(const struct pauses *pauses, const struct member *target, actor_ref ref)
{
	uint64_t key[2] = {target->group, ref.serial};

	return hash_of_bytes(&pauses->by_ref, key, sizeof(key)) ^ actor_ref_is_nobody(ref);
}

static struct hold *hold_find(const struct pauses *pauses, const struct member *target, actor_ref ref)
{
	struct hash_node *node = hash_first(&pauses->by_ref, hold_hash(pauses, target, ref));

	for (; node; node = hash_next(node)) {
		struct hold *hold = container_of(node, struct hold, node);

		if (hold->target == target && actor_ref_equal(hold->ref, ref))
			return hold;
	}
	return NULL;
}

/* From here on nothing more is held there. What is held already is the caller's to free. */
static void hold_end(struct hold *hold)
{
	hash_remove(&hold->target->broker->pauses.by_ref, &hold->node);
	list_remove(&hold->by_target);
}

static void hold_free(struct hold *hold)
{
	quota_give(hold->target, QUOTA_WAITING, RECORD_BYTES);
	hold->target->held_bytes -= hold->size_bytes;
	hold->target->n_held -= hold->n_frames;
	hold->target->held_left_bytes -= hold->left_bytes;
	buf_deinit(&hold->frames);
	free(hold);
}

/* What holds back messages for @ref, or for all actors of @target; NULL: nothing does. */
static struct hold *hold_for(const struct member *target, actor_ref ref)
{
	const struct pauses *pauses = &target->broker->pauses;
	struct hold *hold;

	if (list_is_empty(&target->holds))
		return NULL;
	hold = hold_find(pauses, target, ref);
	return hold ? hold : hold_find(pauses, target, ACTOR_NOBODY);
}

void pauses_pause(struct member *target, actor_ref ref)
{
	struct pauses *pauses = &target->broker->pauses;
	struct hold *hold;

	if (hold_find(pauses, target, ref))
		return;
	if (!quota_take(target, QUOTA_WAITING, RECORD_BYTES)) {
		member_doom(target, true, "it pauses too many actors");
		return;
	}
	hold = calloc(1, sizeof(*hold));
	if (!hold || hash_insert(&pauses->by_ref, &hold->node, hold_hash(pauses, target, ref)) < 0) {
		free(hold);
		quota_give(target, QUOTA_WAITING, RECORD_BYTES);
		member_doom(target, true, "out of memory to pause one of its actors");
		return;
	}
	hold->target = target;
	hold->ref = ref;
	list_init(&hold->pauses);
	list_append(&target->holds, &hold->by_target);
}

static void hold_written(const struct hold *hold)
{
	if (buf_error(&hold->frames) < 0)
		member_doom(hold->target, false, "out of memory for what is held for it");
}

/* The buffer for one frame more. */
static struct buf *hold_more(struct hold *hold, size_t size_bytes)
{
	struct member *target = hold->target;

	target->held_bytes += size_bytes;
	target->n_held++;
	hold->size_bytes += size_bytes;
	hold->n_frames++;
	return &hold->frames;
}

/* All that @hold has is held by @to instead. */
static void hold_hand_over(struct hold *hold, struct hold *to)
{
	buf_append(&to->frames, hold->frames.data, hold->frames.size_bytes);
	to->size_bytes += hold->size_bytes;
	to->n_frames += hold->n_frames;
	to->left_bytes += hold->left_bytes;
	hold->size_bytes = hold->n_frames = hold->left_bytes = 0;
	list_for_each_safe(it, &hold->pauses)
		pause_depend(container_of(it, struct pause, by_cause), to);
	hold_written(to);
}

/* ---- a pipe that does not take what is written ---- */

/* From now on frames are parked: the pipe has its megabyte, and says when that is gone. */
static void congest(struct member *target)
{
	struct broker *broker = target->broker;

	target->congested = true;
	target->jammed_since_ns = target->congested_ns = broker->now_ns;
	list_append(&broker->pauses.unnamed, &target->unnamed_link);
	broker->ops.pipe_notify_drained(broker->arg, target->pipe->handle);
	pauses_await_pipe(target);
}

static void decongest(struct member *target)
{
	target->congested = target->stalled = false;
	list_remove(&target->jammed);
	list_remove(&target->unnamed_link);
	target->parked_left_bytes = 0;
	pauses_end(&target->slowed);
}

/* A frame that was parked before its actor said `pause`: it is held, and so is the pause of its sender. */
static bool holds_parked(struct member *target, const struct wire_frame *frame)
{
	struct hold *hold = hold_for(target, frame->to.ref);
	struct member *sender;
	struct pause *pause;

	if (!hold)
		return false;
	buf_append(hold_more(hold, frame->raw_bytes), frame->raw, frame->raw_bytes);
	hold_written(hold);
	sender = member_find(target->broker, frame->from.group);
	pause = sender ? pause_find(&target->broker->pauses, sender, frame->to.ref) : NULL;
	if (pause && !pause->hold) {
		pause_depend(pause, hold);
	} else if (!pause) {
		hold->left_bytes += frame->raw_bytes;
		target->held_left_bytes += frame->raw_bytes;
	}
	return true;
}

/* The pipe has room. What is parked is written as far as the room goes, and then its senders may go on. */
static void go_on(struct member *target)
{
	struct broker *broker = target->broker;

	if (member_unpark(target, PAUSES_CONGESTED_BYTES, holds_parked) &&
		broker->ops.pipe_backlog(broker->arg, target->pipe->handle) <= PAUSES_CONGESTED_BYTES) {
		decongest(target);
		return;
	}
	broker->ops.pipe_notify_drained(broker->arg, target->pipe->handle);
	pauses_await_pipe(target);
}

void pauses_await_pipe(struct member *target)
{
	struct broker *broker = target->broker;

	list_remove(&target->jammed);
	list_append(&broker->pauses.congested, &target->jammed);
	target->stall_ns = broker->now_ns + broker->stall_ns;
	target->stall_backlog_bytes = broker->ops.pipe_backlog(broker->arg, target->pipe->handle);
}

/*
 * Writes the frames of @hold, which end to be held. More than the pipe should have at once are parked: before
 * what is parked already, of which some may be for the same actor, and came later.
 */
static void resume_frames(struct member *target, struct hold *hold)
{
	bool goes_on = !target->congested && hold->frames.size_bytes > PAUSES_CONGESTED_BYTES;

	if (target->doomed || target->state != MEMBER_UP)
		return;
	if (goes_on)
		congest(target);
	if (!target->congested) {
		member_append(target, &hold->frames);
		return;
	}
	target->parked_sent_bytes += hold->frames.size_bytes;
	member_park_first(target, &hold->frames, hold->n_frames);
	if (goes_on && !target->doomed)
		go_on(target);
}

/*
 * Takes out of @frames those that @drops takes. It may write to @target meanwhile (who calls itself is
 * answered): that comes behind.
 */
static void frames_shed(struct member *target, struct buf *frames, size_t *taken_bytes,
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

/* Of what was held for all actors of a group: what is for one that takes nothing by itself. */
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

/*
 * Gives what was held for all actors of the group to the holds of those that are still paused, in front of
 * what they hold: it came earlier. Nobody is charged for it any more.
 */
static void hold_share_out(struct hold *all)
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
		target->held_bytes += size_bytes;
		target->held_left_bytes += size_bytes;
		target->n_held += part.n_frames;
		hold_written(part.hold);
	}
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
		resume_frames(target, hold);
		/* what is parked now is charged on, and its senders wait on */
		list_for_each_safe(it, &hold->pauses) {
			if (target->congested)
				pause_depend(container_of(it, struct pause, by_cause), NULL);
		}
		if (target->congested)
			target->parked_left_bytes += hold->left_bytes;
	}
	pauses_end(&hold->pauses);
	hold_free(hold);
}

void pauses_shed(struct member *target,
	bool (*drops)(struct member *target, const struct wire_frame *frame, void *arg), void *arg)
{
	frames_shed(target, &target->parked, &target->parked_taken_bytes, drops, arg);
	target->parked_sent_bytes = target->parked_left_bytes = 0;
	pauses_end(&target->slowed);
	list_for_each(it, &target->holds) {
		struct hold *hold = container_of(it, struct hold, by_target);
		size_t taken = 0;

		frames_shed(target, &hold->frames, &taken, drops, arg);
		target->held_bytes -= hold->size_bytes;
		target->n_held -= hold->n_frames;
		target->held_left_bytes -= hold->left_bytes;
		hold->size_bytes = hold->n_frames = hold->left_bytes = 0;
		pauses_end(&hold->pauses);
	}
}

/* ---- the way of a frame ---- */

/* True: what comes for @target is parked, and its senders are told to pause. */
static bool is_jammed(struct member *target, size_t unread)
{
	if (!unread && !target->held_bytes)
		/* nothing waits for the target: the vote for its top sender begins anew */
		target->top_bytes = 0;
	if (target->state != MEMBER_UP)
		return unread > PAUSES_CONGESTED_BYTES;
	if (!target->congested && unread > PAUSES_CONGESTED_BYTES)
		congest(target);
	return target->congested;
}

/* One vote for each byte: whoever sent more than half of what waits is ahead at the end. */
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
 * A frame of @sender waits for @to->ref of @target. It is charged to @sender, who hears that it should pause,
 * once, and once more if it goes on by a name that it did not hear. False: too much of @sender waits.
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
		pause_tell(pause, to->name);
	if (hold && pause->hold != hold) /* what is held outlasts a congestion */
		pause_depend(pause, hold);
	if (!quota_take(sender, QUOTA_WAITING, size_bytes))
		return false;
	pause->size_bytes += size_bytes;
	sender->charged_bytes += size_bytes;
	pauses_weigh(sender);
	return true;
}

/* True, and said: too much waits for @target for which nobody can be charged. */
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
	 * If the target is congested, earlier frames may be parked. This one comes behind them, and is held
	 * after them.
	 */
	/* The pipe does not get more at once than this: what others send never has it cut. */
	if (target->state == MEMBER_UP && !target->congested &&
		unread + size_bytes > 2 * PAUSES_CONGESTED_BYTES)
		congest(target);
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
		member_written(target); /* else the frame is held, and counts when it is written */
	if (target->congested && !target->doomed &&
		!broker->ops.pipe_backlog(broker->arg, target->pipe->handle))
		go_on(target); /* the pipe was free, and one large frame was parked */
}

void pauses_drained(struct member *target)
{
	if (!target->congested)
		return;
	pauses_pipe_took(target);
	go_on(target);
}

void pauses_pipe_took(struct member *target)
{
	char who[MEMBER_WHO_MAX];

	if (target->stalled)
		broker_log(target->broker, LOG_INFO, "%s reads again", member_who(target, who));
	target->stalled = false;
	target->jammed_since_ns = target->broker->now_ns;
}

void pauses_up(struct member *member)
{
	if (!member->parked.size_bytes)
		return;
	congest(member);
	go_on(member);
}

/* NULL: nobody is congested whom the log has not named. */
static struct member *pauses_first_unnamed(const struct broker *broker)
{
	const struct list *list = &broker->pauses.unnamed;

	return list_is_empty(list) ? NULL : container_of(list->next, struct member, unnamed_link);
}

void pauses_tick(struct broker *broker)
{
	struct member *member;
	char who[MEMBER_WHO_MAX];

	while ((member = pauses_first_unnamed(broker)) &&
		member->congested_ns + PAUSES_STALLED_NS <= broker->now_ns) {
		list_remove(&member->unnamed_link);
		broker_complain(broker, member->pid, member->uid,
			"%s does not read: %zu bytes wait for it, and so does who sends to it",
			member_who(member, who), member_unread_bytes(member));
	}
}

int64_t pauses_deadline_ns(const struct broker *broker)
{
	const struct member *member = pauses_first_unnamed(broker);

	return member ? member->congested_ns + PAUSES_STALLED_NS : INT64_MAX;
}

void pauses_forget(struct member *member)
{
	list_for_each_safe(it, &member->pauses)
		pause_leave(container_of(it, struct pause, by_sender));
	member->paused_all = false;
	list_for_each_safe(it, &member->holds) {
		struct hold *hold = container_of(it, struct hold, by_target);

		pauses_end(&hold->pauses);
		hold_end(hold);
		hold_free(hold);
	}
	decongest(member);
}

void pauses_deinit(struct pauses *pauses)
{
	hash_deinit(&pauses->by_sender);
	hash_deinit(&pauses->by_ref);
}

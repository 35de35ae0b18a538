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
	size_t n_frames;
	struct list pauses; /* struct pause: who was told */
};

/* A sender was told to pause for one ref. */
struct pause {
	struct hash_node node; /* pauses.by_sender */
	struct list by_sender; /* member.pauses */
	struct list by_cause;  /* hold.pauses, or member.slowed of the target */
	struct member *sender;
	struct hold *hold; /* NULL: the target is congested */
	actor_ref ref;
	size_t size_bytes; /* what the sender sent since, which is charged to it */
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

static struct pause *pause_new(struct member *sender, actor_ref ref)
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
	pause->ref = ref;
	list_append(&sender->pauses, &pause->by_sender);
	wire_put_pause(member_out(sender), &ref);
	member_written(sender);
	return pause;
}

static void pause_free(struct pause *pause)
{
	hash_remove(&pause->sender->broker->pauses.by_sender, &pause->node);
	list_remove(&pause->by_sender);
	list_remove(&pause->by_cause);
	quota_give(pause->sender, QUOTA_WAITING, RECORD_BYTES + pause->size_bytes);
	free(pause);
}

static void pauses_end(struct list *pauses)
{
	list_for_each_safe(it, pauses) {
		struct pause *pause = container_of(it, struct pause, by_cause);

		wire_put_resume(member_out(pause->sender), &pause->ref);
		member_written(pause->sender);
		pause_free(pause);
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

static void hold_free(struct hold *hold)
{
	hash_remove(&hold->target->broker->pauses.by_ref, &hold->node);
	list_remove(&hold->by_target);
	quota_give(hold->target, QUOTA_WAITING, RECORD_BYTES);
	hold->target->held_bytes -= hold->size_bytes;
	hold->target->n_held -= hold->n_frames;
	buf_deinit(&hold->frames);
	free(hold);
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
	pauses_end(&target->slowed);
}

/* The pipe has room. What is parked is written as far as the room goes, and then its senders may go on. */
static void go_on(struct member *target)
{
	struct broker *broker = target->broker;

	if (member_unpark(target, PAUSES_CONGESTED_BYTES)) {
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

/* Writes the frames of @hold, which end to be held. More than the pipe should have at once are parked. */
static void resume_frames(struct member *target, struct hold *hold)
{
	bool goes_on = !target->congested && hold->frames.size_bytes > PAUSES_CONGESTED_BYTES;

	if (target->doomed || target->state != MEMBER_UP)
		return;
	if (goes_on)
		congest(target);
	member_append(target, &hold->frames);
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

void pauses_resume(struct member *target, actor_ref ref)
{
	struct pauses *pauses = &target->broker->pauses;
	struct hold *hold = hold_find(pauses, target, ref);
	struct hold *all;

	if (!hold)
		return;
	all = actor_ref_is_nobody(ref) ? NULL : hold_find(pauses, target, ACTOR_NOBODY);
	if (all) {
		buf_append(&all->frames, hold->frames.data, hold->frames.size_bytes);
		all->size_bytes += hold->size_bytes;
		all->n_frames += hold->n_frames;
		hold->size_bytes = hold->n_frames = 0;
		hold_written(all);
	} else {
		resume_frames(target, hold);
	}
	pauses_end(&hold->pauses);
	hold_free(hold);
}

void pauses_shed(struct member *target,
	bool (*drops)(struct member *target, const struct wire_frame *frame, void *arg), void *arg)
{
	frames_shed(target, &target->parked, &target->parked_taken_bytes, drops, arg);
	pauses_end(&target->slowed);
	list_for_each(it, &target->holds) {
		struct hold *hold = container_of(it, struct hold, by_target);
		size_t taken = 0;

		frames_shed(target, &hold->frames, &taken, drops, arg);
		target->held_bytes -= hold->size_bytes;
		target->n_held -= hold->n_frames;
		hold->size_bytes = hold->n_frames = 0;
		pauses_end(&hold->pauses);
	}
}

/* ---- the way of a frame ---- */

/* True: what comes for @target is parked, and its senders are told to pause. */
static bool is_congested(struct member *target, size_t unread)
{
	if (!unread && !target->held_bytes)
		target->top_bytes = 0; /* nothing waits for it: the vote begins anew */
	else if (!target->congested && unread > PAUSES_CONGESTED_BYTES)
		congest(target);
	return target->congested;
}

/*
 * May @size_bytes more wait for @target? Senders stop short of the limit at which its link is cut: the rest
 * is for answers and the broker's own words, which nobody can refuse. One frame may be as large as a link
 * takes.
 */
static bool fits(const struct member *target, size_t unread, size_t size_bytes)
{
	size_t max = target->broker->limits.unread_bytes;

	if (target->congested || target->held_bytes)
		max = max / 4 * 3;
	return unread + target->held_bytes + size_bytes <= max;
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

struct buf *pauses_admit(
	struct member *sender, struct member *target, actor_ref ref, size_t size_bytes, bool holdable)
{
	struct pauses *pauses = &sender->broker->pauses;
	struct hold *hold = NULL;
	struct pause *pause;
	size_t unread;
	bool jammed;

	if (target->doomed)
		return member_out(target);
	if (target->stalled && holdable)
		return NULL;
	if (target->state != MEMBER_UP || target->stalled)
		return member_unread_bytes(target) + size_bytes > PAUSES_HELD_MAX_BYTES ? NULL
											: member_out(target);
	unread = member_unread_bytes(target);
	jammed = is_congested(target, unread);
	vote(target, sender, size_bytes);
	if (holdable && !list_is_empty(&target->holds)) {
		hold = hold_find(pauses, target, ref);
		if (!hold)
			hold = hold_find(pauses, target, ACTOR_NOBODY);
	}
	if (!hold && !jammed)
		return fits(target, unread, size_bytes) ? member_out_for(target, size_bytes) : NULL;

	pause = pause_find(pauses, sender, ref);
	if (!pause)
		pause = pause_new(sender, ref);
	if (!pause || pause->size_bytes + size_bytes > PAUSES_IN_FLIGHT_MAX_BYTES)
		goto refused;
	if ((hold && target->held_bytes + size_bytes > PAUSES_HELD_MAX_BYTES) ||
		!fits(target, unread, size_bytes) || !quota_take(sender, QUOTA_WAITING, size_bytes))
		goto refused;
	if (hold != pause->hold || !list_is_linked(&pause->by_cause)) {
		quota_give(sender, QUOTA_WAITING, pause->size_bytes);
		pause->size_bytes = 0;
		pause->hold = hold;
		list_remove(&pause->by_cause);
		list_append(hold ? &hold->pauses : &target->slowed, &pause->by_cause);
	}
	pause->size_bytes += size_bytes;
	if (!hold)
		return member_out_for(target, size_bytes);
	target->held_bytes += size_bytes;
	hold->size_bytes += size_bytes;
	hold->n_frames++;
	target->n_held++;
	return &hold->frames;
refused:
	if (pause && !list_is_linked(&pause->by_cause)) {
		pause->hold = hold;
		list_append(hold ? &hold->pauses : &target->slowed, &pause->by_cause);
	}
	return NULL;
}

void pauses_written(struct member *target, const struct buf *out)
{
	if (buf_error(out) < 0)
		member_doom(target, false, "out of memory for what is written to it");
	else if (list_is_empty(&target->holds) || out == member_out(target))
		member_written(target); /* else it is held, and counts when it is written */
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
		pause_free(container_of(it, struct pause, by_sender));
	list_for_each_safe(it, &member->holds) {
		struct hold *hold = container_of(it, struct hold, by_target);

		pauses_end(&hold->pauses);
		hold_free(hold);
	}
	decongest(member);
}

void pauses_deinit(struct pauses *pauses)
{
	hash_deinit(&pauses->by_sender);
	hash_deinit(&pauses->by_ref);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/congestion.h"

#include <string.h>

#include "broker/hold.h"
#include "broker/pause.h"
#include "broker/state.h"
#include "libactor/protocol/mp.h"

void congestion_begin(struct member *target)
{
	struct broker *broker = target->broker;

	target->congested = true;
	target->jammed_since_ns = target->congested_ns = broker->now_ns;
	list_append(&broker->pauses.unnamed, &target->unnamed_link);
	broker->ops.pipe_notify_drained(broker->arg, target->pipe->handle);
	pauses_await_pipe(target);
}

void congestion_end(struct member *target)
{
	target->congested = target->stalled = false;
	list_remove(&target->jammed);
	list_remove(&target->unnamed_link);
	target->parked_left_bytes = 0;
	pauses_lift(&target->slowed);
}

/*
 * A frame leaves the parked ones. If its actor has said `pause` meanwhile, the frame is held, and the pause
 * of its sender depends on the hold. True: the frame is held.
 */
static bool hold_parked(struct member *target, const struct wire_frame *frame)
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

static bool is_group_down(const struct member *target, const struct wire_frame *frame)
{
	return frame->type == WIRE_CAST && frame->from.group == target->broker->group &&
	       frame->method.len == strlen("group_down") &&
	       !memcmp(frame->method.s, "group_down", frame->method.len);
}

/* False: @frame tells no end. */
static bool read_end(const struct member *target, const struct wire_frame *frame, uint64_t *ret)
{
	struct mp_reader body = mp_reader(frame->body, frame->body_bytes);
	uint32_t n;

	*ret = frame->from.group;
	if (frame->type == WIRE_DOWN || frame->type == WIRE_EXIT)
		return true;
	return is_group_down(target, frame) && mp_read_array(&body, &n) == 0 && mp_read_uint(&body, ret) == 0;
}

static enum parked_way way_of_parked(struct member *target, const struct wire_frame *frame, bool is_of_others)
{
	uint64_t group;

	if (is_of_others)
		return hold_parked(target, frame) ? PARKED_IS_HELD : PARKED_GOES;
	if (target->n_held && read_end(target, frame, &group) &&
		congestion_let_pass(target, frame->type == WIRE_CAST ? NULL : &frame->to.ref, group))
		return PARKED_BEHIND_OTHERS;
	return PARKED_GOES;
}

void congestion_go_on(struct member *target)
{
	struct broker *broker = target->broker;

	if (member_unpark(target, PAUSES_CONGESTED_BYTES, way_of_parked) &&
		broker->ops.pipe_backlog(broker->arg, target->pipe->handle) <= PAUSES_CONGESTED_BYTES) {
		congestion_end(target);
		return;
	}
	broker->ops.pipe_notify_drained(broker->arg, target->pipe->handle);
	pauses_await_pipe(target);
}

void congestion_write(struct member *target, const struct buf *frames, size_t n_frames, bool passes)
{
	bool goes_on = !target->congested && frames->size_bytes > PAUSES_CONGESTED_BYTES;

	if (target->doomed || target->state != MEMBER_UP)
		return;
	if (goes_on)
		congestion_begin(target);
	if (!target->congested) {
		member_append(target, frames);
		return;
	}
	target->parked_sent_bytes += frames->size_bytes;
	/* frames that pass must get there, so those that are parked before them pass, too */
	if (passes || target->parked_passing_bytes)
		target->parked_passing_bytes += frames->size_bytes;
	member_park_first(target, frames, n_frames);
	if (goes_on && !target->doomed)
		congestion_go_on(target);
}

/* Does @hold have frames of @group? It may, if frames of senders that nobody knows any more are in it. */
static bool may_have_of(const struct hold *hold, const actor_ref *to, uint64_t group)
{
	struct broker *broker = hold->target->broker;
	const struct member *sender;
	const struct pause *pause;

	if (!hold->n_frames || hold->none_of == group)
		return false;
	if (hold->left_bytes)
		return true;
	sender = to ? member_find(broker, group) : NULL;
	pause = sender ? pause_find(&broker->pauses, sender, *to) : NULL;
	return pause && pause->hold == hold;
}

static bool let_pass(struct hold *hold, uint64_t group)
{
	struct buf frames = BUF_INIT;
	size_t n_frames = hold_take_of(hold, group, &frames);

	if (buf_error(&frames) < 0)
		member_doom(hold->target, false, "out of memory for what is held for it");
	else if (n_frames)
		congestion_write(hold->target, &frames, n_frames, true);
	hold_written(hold);
	buf_deinit(&frames);
	return n_frames;
}

bool congestion_let_pass(struct member *target, const actor_ref *to, uint64_t group)
{
	struct hold *hold = to ? hold_for(target, *to) : NULL;
	bool did = false;

	if (to)
		return hold && may_have_of(hold, to, group) && let_pass(hold, group);
	list_for_each(it, &target->holds) {
		hold = container_of(it, struct hold, by_target);
		if (may_have_of(hold, NULL, group) && let_pass(hold, group))
			did = true;
	}
	return did;
}

void pauses_await_pipe(struct member *target)
{
	struct broker *broker = target->broker;

	list_remove(&target->jammed);
	list_append(&broker->pauses.congested, &target->jammed);
	target->stall_ns = broker->now_ns + broker->stall_ns;
	target->stall_backlog_bytes = broker->ops.pipe_backlog(broker->arg, target->pipe->handle);
}

void pauses_drained(struct member *target)
{
	if (!target->congested)
		return;
	pauses_pipe_took(target);
	congestion_go_on(target);
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
	congestion_begin(member);
	congestion_go_on(member);
}

/* NULL: the log has named every congested member. */
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

/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/congestion.h"

#include "broker/hold.h"
#include "broker/pause.h"
#include "broker/state.h"

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
 * Called with a frame that leaves the parked ones. If its actor has said `pause` meanwhile, the frame is
 * held, and the pause of its sender depends on the hold. True: the frame is held.
 */
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

void congestion_go_on(struct member *target)
{
	struct broker *broker = target->broker;

	if (member_unpark(target, PAUSES_CONGESTED_BYTES, holds_parked) &&
		broker->ops.pipe_backlog(broker->arg, target->pipe->handle) <= PAUSES_CONGESTED_BYTES) {
		congestion_end(target);
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

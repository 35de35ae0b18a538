/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/stalls.h"

#include <inttypes.h>
#include <stdio.h>

#include "broker/member.h"
#include "broker/state.h"

struct shed {
	size_t n_casts, n_calls;
};

/*
 * Drops the casts and calls of other groups. Frames of the broker, answers, and frames that are not messages
 * stay.
 */
static bool drops(struct member *target, const struct wire_frame *frame, void *arg)
{
	struct shed *shed = arg;

	if ((frame->type != WIRE_CAST && frame->type != WIRE_CALL) ||
		frame->from.group == target->broker->group)
		return false;
	*(frame->type == WIRE_CALL ? &shed->n_calls : &shed->n_casts) += 1;
	routes_shed(target, frame);
	return true;
}

static void stall(struct member *target)
{
	struct broker *broker = target->broker;
	size_t used = member_unread_bytes(target) + target->held_bytes;
	const struct member *top = target->top_bytes ? member_find(broker, target->top_sender) : NULL;
	char who[MEMBER_WHO_MAX], top_who[MEMBER_WHO_MAX] = "gone";
	struct shed shed = {0};

	target->stalled = true;
	target->count.stalls++;
	broker->count.stalls++;
	pauses_shed(target, drops, &shed);
	if (top)
		member_who(top, top_who);
	broker_complain(broker, target->pid, target->uid,
		"%s has read nothing for %" PRId64
		" ms: unread bytes %zu, limit %u, top sender %s; %zu casts "
		"dropped, %zu calls refused, and so is what comes until it reads",
		member_who(target, who), (broker->now_ns - target->jammed_since_ns) / 1000000, used,
		PAUSES_CONGESTED_BYTES, top_who, shed.n_casts, shed.n_calls);
}

static void look(struct member *target)
{
	const struct broker *broker = target->broker;

	if (broker->ops.pipe_backlog(broker->arg, target->pipe->handle) < target->stall_backlog_bytes)
		pauses_pipe_took(target);
	else if (!target->stalled)
		stall(target);
	pauses_await_pipe(target);
}

void stalls_tick(struct broker *broker)
{
	struct list *congested = &broker->pauses.congested;

	while (!list_is_empty(congested)) {
		struct member *target = container_of(congested->next, struct member, jammed);

		if (target->stall_ns > broker->now_ns)
			break;
		look(target);
	}
}

int64_t stalls_deadline_ns(const struct broker *broker)
{
	const struct list *congested = &broker->pauses.congested;

	return list_is_empty(congested) ? INT64_MAX
					: container_of(congested->next, struct member, jammed)->stall_ns;
}

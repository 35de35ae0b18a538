/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends one message to one actor: into its mailbox if it is ours, otherwise as a frame to its group.
 * send_ready() waits, before the body is packed, until the message may be sent.
 */
#include "libactor/actor/post.h"

#include <errno.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/dead-letters.h"
#include "libactor/actor/intake.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/sys.h"
#include "libactor/actor/taps.h"
#include "libactor/actor/tracing.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/message/msg.h"
#include "libactor/peer/peer.h"
#include "libactor/peer/pressure.h"
#include "libactor/protocol/wire.h"

static bool dest_is_local(const actor_group *group, const struct wire_dest *to)
{
	return !to->name.s && to->ref.group == group->id && to->ref.node == group->node;
}

int send_no_route(const actor_group *group, const struct wire_dest *to)
{
	/*
	 * A group with one link has no way while its daemon is away. Another group makes a peer, which fails
	 * only when out of memory.
	 */
	return to->name.s || group->mode != ACTOR_JOIN_DIRECT || group->uplink.state == UPLINK_NONE
		       ? -ENOTCONN
		       : -ENOMEM;
}

int send_ready(actor_group *group, struct actor *self, const struct wire_dest *to, int64_t deadline_ns)
{
	struct actor *target;
	struct peer *peer;

	if (group->room_of) /* the room was meant for another message */
		mailbox_pass_on(group);
	if (dest_is_local(group, to)) {
		target = actor_find(group, to->ref.serial);
		if (target && target->status != ACTOR_ENDING && !target->draining &&
			!mailbox_is_full(&target->mailbox))
			return 0;
		return mailbox_wait_room(group, to->ref.serial, self, deadline_ns, &target);
	}
	if (!to->name.s && (to->ref.node != group->node || !to->ref.group))
		return -ESRCH;
	peer = to->name.s ? group->uplink.peer : peer_route(group, to->ref.group, true);
	if (!peer && (to->name.s || group->mode != ACTOR_JOIN_DIRECT)) {
		int r = uplink_wait(group, self ? &self->task : NULL, deadline_ns);

		if (r < 0)
			return r;
		peer = group->uplink.peer;
	}
	if (!peer)
		return send_no_route(group, to);
	return peer_wait_unpaused(&peer, to, self ? &self->task : NULL, deadline_ns);
}

int send_ready_to_call(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method,
	int64_t deadline_ns)
{
	/* a pause of the actor alone is about its mailbox, which such a request does not enter */
	const struct wire_dest its_group = {.ref = {to->ref.node, to->ref.group, 0}};

	if (!method || !sys_is_request(wire_cstr(method)) || to->name.s)
		return send_ready(group, self, to, deadline_ns);
	return dest_is_local(group, to) ? 0 : send_ready(group, self, &its_group, deadline_ns);
}

int send_all_ready_by_broker(actor_group *group, struct actor *self, int64_t deadline_ns)
{
	const struct wire_dest all = {.ref = ACTOR_NOBODY};
	struct task *sender = self ? &self->task : NULL;
	struct peer *peer;
	int r;

	r = uplink_wait(group, sender, deadline_ns);
	if (r < 0)
		return r;
	peer = group->uplink.peer;
	return peer_wait_unpaused(&peer, &all, sender, deadline_ns);
}

/* A sent message of a trace that is looked at. */
static void send_show(actor_group *group, enum tap_path path, const struct wire_dest *to, actor_ref from,
	struct wire_str method, const void *args, size_t args_bytes, const struct wire_trace *trace)
{
	taps_show(group, path,
		&(struct wire_frame){.type = WIRE_CAST,
			.to = *to,
			.from = from,
			.method = method,
			.body = args,
			.body_bytes = args_bytes,
			.trace = *trace});
}

static int send_cast_here(actor_group *group, actor_ref from, const struct wire_trace *cause,
	const struct wire_dest *to, struct wire_str method, const void *args, size_t args_bytes)
{
	struct actor *target = actor_find(group, to->ref.serial);
	const struct wire_trace *trace;
	struct wire_trace room;
	int64_t retry_ms;
	actor_msg *msg;
	int r;

	if (!target || target->status == ACTOR_ENDING || target->draining) {
		group->stats.casts_dropped++;
		dead_letter_of_cast(group, to->ref, from, method, args, args_bytes);
		return target && target->draining ? -ESHUTDOWN : 0;
	}
	trace = trace_next(group, cause, &room);
	r = msg_new_traced(&msg, from, method, args, args_bytes, trace);
	if (r < 0)
		return r;
	msg->kind = MSG_CAST;
	r = loss_error(mailbox_offer(target, msg, &retry_ms));
	if (r == 0 && taps_look(group, trace))
		send_show(group, TAP_LOCAL, to, from, method, args, args_bytes, trace);
	return r;
}

int send_caused_cast(actor_group *group, struct actor *self, const struct wire_trace *cause,
	const struct wire_dest *to, struct wire_str method, const void *args, size_t args_bytes)
{
	actor_ref from = self ? self->ref : group_ref(group, 0);
	const struct wire_trace *trace;
	struct wire_trace room;
	struct peer *peer;
	struct buf *out;
	bool had_failed;
	int r;

	if (dest_is_local(group, to))
		return send_cast_here(group, from, cause, to, method, args, args_bytes);
	peer = to->name.s ? group->uplink.peer : peer_route(group, to->ref.group, true);
	if (!peer)
		return send_no_route(group, to);
	trace = trace_next(group, cause, &room);
	out = peer_out(peer);
	had_failed = out->failed;
	wire_put_traced_cast(out, to, from, method, args, args_bytes, trace);
	r = buf_whole(out, had_failed);
	if (r < 0)
		return r;
	peer_wrote(peer);
	if (taps_look(group, trace))
		send_show(group, TAP_SENT, to, from, method, args, args_bytes, trace);
	return 0;
}

int send_cast(actor_group *group, struct actor *self, const struct wire_dest *to, struct wire_str method,
	const void *args, size_t args_bytes)
{
	return send_caused_cast(group, self, self ? self->trace : NULL, to, method, args, args_bytes);
}

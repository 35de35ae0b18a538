/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which peer may say which frame. A group may speak only for its own actors, and a client only for itself.
 * The broker (PEER_UPLINK) forwards frames of others, so any actor may have sent its frames. Frames about a
 * call or a monitor of ours have one more rule: only the group that was asked may answer.
 *
 * Limits (too many monitors, too many pauses, a full mailbox) are no rights: see inbound.c.
 */
#include "libactor/node/may-say.h"

#include "libactor/actor/call.h"
#include "libactor/actor/monitor.h"
#include "libactor/base/base.h"
#include "libactor/node/told.h"
#include "libactor/peer/peer.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/slots.h"

/* Whether @ref is an actor of the group at the other end. */
static bool speaks_for(const struct peer *peer, actor_ref ref)
{
	return peer->kind == PEER_UPLINK || (ref.group == peer->id && ref.node == peer->group->node);
}

/* A frame may come without a sender. The supervisor reports the end of any process. */
static bool may_send_from(const struct peer *peer, const struct wire_frame *frame)
{
	return actor_ref_is_nobody(frame->from) || speaks_for(peer, frame->from) ||
	       (frame->type == WIRE_DOWN && frame->from.serial == 0 && peer_is_spawner(peer));
}

/*
 * Whether the frame is for the runtime itself, and only the broker may say it. The broker also forwards casts
 * of others.
 */
static bool is_the_brokers_word(const actor_group *group, const struct wire_frame *frame)
{
	return !frame->to.name.s && frame->to.ref.serial == 0 && frame->to.ref.group == group->id &&
	       told_knows(frame->method);
}

/* Also true for a call that is not open: such a reply is late, and does nothing. */
static bool may_answer(const struct peer *peer, uint64_t id, actor_ref from)
{
	const struct call *call = slots_get(&peer->group->calls, id);

	if (!call)
		return true;
	if (actor_ref_is_nobody(call->callee))
		return peer->kind == PEER_UPLINK;
	if (call->callee.group == peer->group->id ||
		(peer->kind != PEER_UPLINK && peer->id != call->callee.group))
		return false;
	/* serial 0 of the callee's group, or ACTOR_NOBODY, answers for an actor that is gone */
	return actor_ref_is_nobody(from) || actor_ref_equal(from, call->callee) ||
	       actor_ref_equal(from, (actor_ref){call->callee.node, call->callee.group, 0});
}

/* True also for a call that is not open any more: the item came late, and is no lie. */
static bool may_stream(const struct peer *peer, uint64_t id)
{
	const struct call *call = slots_get(&peer->group->calls, id);

	return !call || call_takes_item(call);
}

/* Also true for a monitor that does not exist: such a report does nothing. */
static bool may_report_end(const struct peer *peer, uint64_t id, actor_ref who)
{
	const struct monitor *monitor = slots_get(&peer->group->monitors, id);

	if (!monitor || peer->kind == PEER_UPLINK || (monitor->who.serial == 0 && peer_is_spawner(peer)))
		return true;
	return monitor->who.serial && monitor->who.group == peer->id && actor_ref_equal(monitor->who, who);
}

const char *peer_may_not_say(const struct peer *peer, const struct wire_frame *frame)
{
	if (peer->got_bye && peer->kind != PEER_UPLINK)
		return "it goes on after its bye";
	if (!may_send_from(peer, frame))
		return "a frame that pretends to be from another group";
	switch (frame->type) {
	case WIRE_CAST:
		if (is_the_brokers_word(peer->group, frame) &&
			(peer->kind != PEER_UPLINK || frame->from.group != peer->id))
			return "it speaks as if it were the broker";
		break;
	case WIRE_REPLY:
	case WIRE_ERROR:
		if (!may_answer(peer, frame->id, frame->from))
			return "it answers a call that was made to somebody else";
		break;
	case WIRE_ITEM:
		if (!may_answer(peer, frame->id, frame->from))
			return "it sends items of a call that was made to somebody else";
		if (!may_stream(peer, frame->id))
			return "it sends an item that nobody asked for, or more than its credit";
		break;
	case WIRE_DOWN:
		if (!may_report_end(peer, frame->id, frame->from))
			return "it reports the end of somebody else";
		break;
	case WIRE_PAUSE:
	case WIRE_RESUME:
		if (frame->has_ref && !speaks_for(peer, frame->to.ref))
			return "it pauses or resumes an actor of another group";
		break;
	default:
		break;
	}
	return NULL;
}

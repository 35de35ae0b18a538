/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes from links: frames go to mailboxes, answers to calls, DOWNs to monitors. What the broker tells
 * the runtime itself goes to told.c.
 */
#include "libactor/node/inbound.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/answer.h"
#include "libactor/actor/call.h"
#include "libactor/actor/dead-letters.h"
#include "libactor/actor/drain.h"
#include "libactor/actor/ending.h"
#include "libactor/actor/exits.h"
#include "libactor/actor/guests.h"
#include "libactor/actor/intake.h"
#include "libactor/actor/links.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/membership.h"
#include "libactor/actor/monitor.h"
#include "libactor/actor/served.h"
#include "libactor/actor/sys.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/node/knocks.h"
#include "libactor/node/link.h"
#include "libactor/node/may-say.h"
#include "libactor/node/rendezvous.h"
#include "libactor/node/service.h"
#include "libactor/actor/taps.h"
#include "libactor/node/told.h"
#include "libactor/node/uplink.h"
#include "libactor/peer/peer.h"
#include "libactor/peer/pressure.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"
#include "libactor/transport/transport.h"
#include "libactor/util/buf.h"
#include "libactor/util/slots.h"

#define EVENTS_PER_TURN 256
#define BYTES_PER_TURN  (256u << 10)

/*
 * The number of bytes that the broker may send to a full mailbox after it was told to pause. It is far more
 * than can be in flight, even though a single frame may be as large as a message. The broker forwards for
 * all, so beyond this its casts are dropped and its calls refused. What a direct peer sends is put aside
 * earlier.
 */
#define OVERFLOW_MAX_BYTES ((16u << 20) + WIRE_MESSAGE_MAX_BYTES)
#define UNREAD_MAX_BYTES   (4u << 20)  /* unread by a peer; beyond this the peer's requests are put aside */
#define SYS_ASKED_MAX      256u        /* `$sys_…` of one peer that wait; beyond this, too */
#define ASIDE_MAX_BYTES    (32u << 20) /* put aside for one peer: as much as two of the largest messages */
#define WATCHERS_MAX       (1u << 18)  /* monitors of one peer group */

/*
 * @peer has sent a frame that only another peer may send. A direct link is cut. The link to the broker is not
 * cut, because it carries the frames of many groups: only the frame is dropped. False: the link is gone.
 */
static bool inbound_lie(struct peer *peer, const struct wire_frame *frame, const char *what)
{
	if (frame->type == WIRE_CAST)
		peer->group->stats.casts_dropped++;
	if (peer->kind != PEER_UPLINK)
		peer_cut(peer, what);
	return peer->kind == PEER_UPLINK;
}

/* ---- frames ---- */

/* The local actor that a frame is for. NULL: the actor is dead, or of another group. */
static struct actor *frame_target(actor_group *group, const struct wire_frame *frame, actor_ref *ret)
{
	struct actor *to;
	uint64_t serial;

	*ret = frame->to.ref;
	if (frame->to.name.s) {
		/*
		 * Only a service group gets frames with a name, because its clients have no broker that
		 * resolves the name.
		 */
		serial = group->is_service && frame->to.name.len == strlen(group->name) &&
					 !memcmp(frame->to.name.s, group->name, frame->to.name.len)
				 ? 1
				 : 0;
		*ret = group_ref(group, serial);
	} else {
		if (frame->to.ref.group != group->id || frame->to.ref.node != group->node)
			return NULL;
		serial = frame->to.ref.serial;
	}
	to = serial ? actor_find(group, serial) : NULL;
	return to && to->status != ACTOR_ENDING ? to : NULL;
}

static void inbound_refuse(struct peer *peer, const struct wire_frame *call, actor_ref callee,
	const char *error, const char *text)
{
	struct answer_to to = {call->from, call->id, peer_way(peer), wire_trace_of(call)};

	call_refuse(peer->group, &to, callee, error, text);
}

/* False: the link is gone. */
static bool inbound_hand(struct peer *peer, const struct wire_frame *frame, struct actor *to)
{
	actor_group *group = peer->group;
	bool is_call = frame->type == WIRE_CALL;
	char text[OVERLOAD_TEXT_MAX];
	enum actor_loss why;
	int64_t retry_ms;
	actor_ref ref = to->ref;
	actor_msg *msg;

	if (mailbox_holds_back(&to->mailbox) &&
		pause_tell(&to->mailbox.paused, to->ref, peer,
			peer->takes_aside && peer->kind == PEER_UPLINK ? 0 : frame->raw_bytes,
			!frame->to.ref.serial && !frame->to.name.s) > OVERFLOW_MAX_BYTES &&
		peer->kind == PEER_UPLINK) {
		group_complain(group, peer->id,
			"the broker goes on sending to an actor whose mailbox is full: %s",
			is_call ? "a call is refused" : "a cast is dropped");
		if (is_call)
			inbound_refuse(peer, frame, to->ref, ERROR_OVERLOADED, "its mailbox is full");
		else
			group->stats.casts_dropped++;
		return true;
	}
	if (msg_new_of_frame(&msg, frame) < 0) {
		group_complain(group, peer->id, "out of memory for a message of %zu bytes: %s",
			frame->raw_bytes, is_call ? "a call is refused" : "a cast is dropped");
		if (is_call)
			inbound_refuse(peer, frame, to->ref, ERROR_OVERLOADED, "out of memory");
		else
			group->stats.casts_dropped++;
		return true;
	}
	msg->way = peer_way(peer);
	why = mailbox_offer(to, msg, &retry_ms);
	if (why != ACTOR_LOST_NOT && is_call)
		inbound_refuse(peer, frame, ref, ERROR_OVERLOADED, overload_text(text, why, retry_ms));
	return true;
}

/* A cast to all members of a process group that this process has. */
struct inbound_cast {
	struct peer *peer;
	struct wire_frame frame; /* the frame as each member gets it */
	bool over;
};

static void inbound_cast_to(struct actor *to, void *arg)
{
	struct inbound_cast *cast = arg;

	if (!cast->over && to->status != ACTOR_ENDING && !to->draining)
		cast->over = !inbound_hand(cast->peer, &cast->frame, to);
}

static void inbound_pg_cast(struct peer *peer, const struct wire_frame *frame)
{
	struct inbound_cast cast = {.peer = peer, .frame = *frame};
	struct mp_reader r = mp_reader(frame->body, frame->body_bytes);
	struct wire_str scope, name, *method = &cast.frame.method;
	struct own_pg *pg = NULL;
	uint32_t n;

	if (mp_read_array(&r, &n) == 0 && n >= 4 && mp_read_str(&r, &scope.s, &scope.len) == 0 &&
		mp_read_str(&r, &name.s, &name.len) == 0 && mp_read_str(&r, &method->s, &method->len) == 0 &&
		wire_name_is_valid(method->s, method->len) && mp_peek(&r) == MP_ARRAY) {
		cast.frame.body = r.at;
		if (mp_skip(&r) == 0)
			pg = own_pg_find(peer->group, scope, name);
		cast.frame.body_bytes = (size_t)(r.at - cast.frame.body);
	}
	if (pg)
		own_pg_each(pg, inbound_cast_to, &cast);
	else
		peer->group->stats.casts_dropped++;
}

/*
 * No frame may end the service actor, because all other processes depend on it. A node ends by the command
 * `down`.
 */
static bool inbound_refuses_end(struct peer *peer, const struct wire_frame *frame)
{
	actor_group *group = peer->group;

	if (!group->is_service)
		return false;
	if (!peer->refused_end)
		group_complain(group, peer->kind == PEER_CLIENT ? 0 : peer->id,
			"group %llu (%s) asks by a frame that %s ends: refused",
			(unsigned long long)frame->from.group, peer->name, group->name);
	peer->refused_end = true;
	return true;
}

/*
 * Handles a message about the life of an actor, at once, even if the actor is busy. False: the message
 * belongs into the actor's mailbox.
 */
static bool inbound_of_life(struct peer *peer, const struct wire_frame *frame, struct actor *to)
{
	if (frame->type == WIRE_CAST && mp_str_is(frame->method.s, frame->method.len, METHOD_DRAIN)) {
		if (!inbound_refuses_end(peer, frame))
			actor_request_drain(to);
		return true;
	}
	return false;
}

/* Takes a request `$sys_…` to the actor @to; NULL: to the group (sys.c). */
static void inbound_sys(struct peer *peer, const struct wire_frame *frame, struct actor *to, actor_ref ref)
{
	actor_msg *msg;

	if (to && to->waiting_call && sys_needs_turn(frame->method) && call_closes_circle(to, frame)) {
		inbound_refuse(peer, frame, ref, ERROR_DEADLOCK, "it waits for an answer of who calls it");
		return;
	}
	if (msg_new_of_frame(&msg, frame) < 0) {
		inbound_refuse(peer, frame, ref, ERROR_OVERLOADED, "out of memory");
		return;
	}
	msg->way = peer_way(peer);
	peer->n_sys_asked += msg->way == 0;
	sys_take(peer->group, msg, ref.serial);
}

static void inbound_message(struct peer *peer, const struct wire_frame *frame)
{
	actor_group *group = peer->group;
	bool is_call = frame->type == WIRE_CALL;
	struct actor *to;
	actor_ref ref;

	to = frame_target(group, frame, &ref);
	if (is_call && sys_is_request(frame->method) &&
		(to || (!frame->to.name.s && ref.serial == 0 && ref.group == group->id))) {
		inbound_sys(peer, frame, to, ref);
		return;
	}
	if (!to && !is_call && !frame->to.name.s && ref.serial == 0 && ref.group == group->id) {
		if (mp_str_is(frame->method.s, frame->method.len, METHOD_PG_CAST)) {
			inbound_pg_cast(peer, frame);
			return;
		}
		if (told(group, frame))
			return;
		/*
		 * The broker addresses some casts for $spawner to its group. They are for the service actor.
		 */
		if (!group->is_service || peer->kind != PEER_UPLINK) {
			group->stats.casts_dropped++;
			return;
		}
		to = actor_find(group, 1);
		if (to && to->status == ACTOR_ENDING)
			to = NULL;
	}
	if (to && frame->method.s[0] == '$' && inbound_of_life(peer, frame, to))
		return;
	if (to && to->draining) {
		dead_letter_of_frame(group, ref, frame);
		if (is_call)
			inbound_refuse(peer, frame, ref, ERROR_CLOSING, "");
		else
			group->stats.casts_dropped++;
		return;
	}
	if (!to) {
		dead_letter_of_frame(group, ref, frame);
		if (is_call)
			inbound_refuse(peer, frame, ref,
				ref.serial || frame->to.name.s ? ERROR_NOPROC : ERROR_NO_METHOD, "");
		else
			group->stats.casts_dropped++;
		return;
	}
	if (is_call && to->waiting_call && call_closes_circle(to, frame)) {
		inbound_refuse(peer, frame, ref, ERROR_DEADLOCK, "it waits for an answer of who calls it");
		return;
	}
	(void)inbound_hand(peer, frame, to);
}

/* True when items of a stream are missing, since a peer on the way does not know streams. */
static bool inbound_items_are_missing(const actor_group *group, const struct wire_frame *frame)
{
	const struct call *call = slots_get(&group->calls, frame->id);

	return frame->type == WIRE_REPLY && call && call->stream &&
	       call->stream->came.items != frame->n_items;
}

static void inbound_answer(actor_group *group, const struct wire_frame *frame)
{
	actor_msg *reply;
	int r;

	if (inbound_items_are_missing(group, frame)) {
		call_fail(group, frame->id, -EPROTO);
		return;
	}
	r = frame->type == WIRE_ERROR
		    ? msg_new_error(&reply, frame->from, frame->method, frame->text)
		    : msg_new_received(&reply, frame->from, wire_cstr(""), frame->body, frame->body_bytes);

	if (r < 0) {
		call_fail(group, frame->id, r);
		return;
	}
	reply->kind = MSG_REPLY;
	call_answered(group, frame->id, reply);
}

static bool peer_is_behind(const struct peer *peer);

static void inbound_item(struct peer *peer, const struct wire_frame *frame)
{
	struct call *call = slots_get(&peer->group->calls, frame->id);
	actor_msg *item;

	if (call) {
		if (msg_new_received(&item, frame->from, wire_cstr(""), frame->body, frame->body_bytes) < 0)
			call_give_up(call, -ENOMEM);
		else
			call_item(call, item);
	} else if (!actor_ref_is_nobody(frame->from) && frame->to.ref.group == peer->group->id &&
		   !peer_is_behind(peer)) { /* a `cancel` in another group's name would be a lie of ours */
		wire_put_cancel(peer_out(peer), frame->from, frame->to.ref, frame->id);
		peer_wrote(peer);
	}
}

/* Returns false when the peer asked for too many monitors, and the link is gone. */
static bool inbound_monitor(struct peer *peer, const struct wire_frame *frame)
{
	actor_group *group = peer->group;
	struct actor_cause cause;
	struct actor *to;
	actor_ref ref;

	to = frame_target(group, frame, &ref);
	/* an actor that is ending tells its watchers when it is over */
	if (!to && ref.group == group->id && ref.node == group->node)
		to = actor_find(group, ref.serial);
	if (!frame->to.name.s && ref.serial == 0 && ref.group == group->id && ref.node == group->node)
		/*
		 * A monitor of the whole group. The watcher's runtime, or the broker, sees this link end and
		 * tells the watcher.
		 */
		return true;
	if (to && peer->kind != PEER_UPLINK && peer->n_watchers >= WATCHERS_MAX) {
		peer_cut(peer, "it has too many monitors here");
		return false;
	}
	cause = cause_make(ERROR_NOPROC);
	guests_met(group, ref, frame->from, &cause);
	if (to && watcher_add(group, to->ref, frame->from, frame->id, peer) == 0) {
		if (frame->type != WIRE_LINK || to->status == ACTOR_ENDING || group->is_service ||
			link_received(to, frame->from, frame->id) == 0)
			return true;
		watcher_remove(group, to->ref, frame->from, frame->id);
		cause = cause_make(ERROR_NOCONNECTION);
	}
	watcher_tell_by(peer, frame->from, ref, frame->id, &cause);
	return true;
}

static bool peer_still_linked(const struct peer *peer)
{
	return !peer->over && peer->pipe;
}

/* False: the peer, or its link, is gone. */
static bool inbound_exit(struct peer *peer, const struct wire_frame *frame)
{
	actor_group *group = peer->group;
	struct actor_cause cause;
	struct actor *to;
	actor_ref ref;

	to = frame_target(group, frame, &ref);
	if (!to || cause_parse(frame->body, frame->body_bytes, &cause) < 0)
		return true;
	if (frame->id)
		link_exit_received(to, frame->from, frame->id, &cause);
	else if (!inbound_refuses_end(peer, frame))
		exit_received(to, frame->from, &cause, 0, NULL);
	return peer_still_linked(peer);
}

/* A peer asks that one of our actors ends. */
static void inbound_end(struct peer *peer, const struct wire_frame *frame)
{
	actor_group *group = peer->group;
	struct actor *to;
	char reason[64];
	actor_ref ref;

	to = frame_target(group, frame, &ref);
	if (!to || inbound_refuses_end(peer, frame))
		return;
	snprintf(reason, sizeof(reason), "%.*s", (int)(frame->text.len < 63 ? frame->text.len : 63),
		frame->text.s ? frame->text.s : "");
	if (frame->type == WIRE_STOP)
		actor_request_stop(to, reason);
	else
		actor_request_kill(to);
}

/* False: the peer, or its link, is gone. */
static bool inbound_pressure(struct peer *peer, const struct wire_frame *frame)
{
	const actor_ref *ref = frame->has_ref ? &frame->to.ref : NULL;

	if (frame->type == WIRE_RESUME) {
		peer_resume_received(peer, ref);
		return true;
	}
	if (!peer_pause_received(peer, ref, frame->method))
		peer_cut(peer, "it pauses too many actors");
	return peer_still_linked(peer);
}

/* False: the peer, or its link, is gone. */
static bool inbound_frame(struct peer *peer, const struct wire_frame *frame)
{
	actor_group *group = peer->group;
	struct actor_cause cause;
	struct actor *to;
	actor_ref ref;
	const char *lie = peer_may_not_say(peer, frame);

	if (lie)
		return inbound_lie(peer, frame, lie);
	if (group->taps && peer->kind != PEER_UPLINK)
		taps_copy(group, frame);
	switch (frame->type) {
	case WIRE_CAST:
	case WIRE_CALL:
		inbound_message(peer, frame);
		return peer_still_linked(peer);
	case WIRE_REPLY:
	case WIRE_ERROR:
		inbound_answer(group, frame);
		break;
	case WIRE_STOP:
	case WIRE_KILL:
		inbound_end(peer, frame);
		break;
	case WIRE_EXIT:
		return inbound_exit(peer, frame);
	case WIRE_UNLINK:
		to = frame_target(group, frame, &ref);
		if (to)
			unlink_received(to, frame->from, frame->id);
		break;
	case WIRE_MONITOR:
	case WIRE_LINK:
		return inbound_monitor(peer, frame);
	case WIRE_DEMONITOR:
		if (frame->to.ref.group == group->id)
			watcher_remove(group, frame->to.ref, frame->from, frame->id);
		break;
	case WIRE_DOWN:
		if (cause_parse(frame->body, frame->body_bytes, &cause) < 0)
			break;
		monitor_down_received(group, frame->id, frame->from, &cause);
		return peer_still_linked(peer);
	case WIRE_PAUSE:
	case WIRE_RESUME:
		return inbound_pressure(peer, frame);
	case WIRE_PING:
		wire_put_pong(peer_out(peer), frame->id);
		peer_wrote(peer);
		break;
	case WIRE_BYE:
		peer->got_bye = true;
		if (!peer->said_bye) {
			wire_put_bye(peer_out(peer), wire_cstr(""));
			peer_wrote(peer);
			peer->said_bye = true;
		}
		if (peer->kind !=
			PEER_UPLINK) /* the peer should end the link now; if not, the timer cuts it */
			timer_arm(&group->loop, &peer->timer, deadline_after_ms(group->loop.now_ns, BYE_MS));
		break;
	case WIRE_PONG:
		handovers_pong(peer, frame->id);
		if (peer->kind == PEER_UPLINK)
			downs_pong(group, frame->id);
		break;
	case WIRE_ITEM:
		inbound_item(peer, frame);
		break;
	case WIRE_CANCEL:
		to = frame_target(group, frame, &ref);
		served_cancel(group, to, frame->from, frame->id);
		break;
	case WIRE_CREDIT:
		served_credit(group, frame->from, frame->id, frame->credit);
		break;
	case WIRE_JOIN: /* only a door needs it */
	case WIRE_TYPE_N:
		break;
	}
	return true;
}

/* ---- frames put aside ---- */

/*
 * Answers cannot be paused, so the answers to a peer that asks and does not read pile up here. While more
 * than UNREAD_MAX_BYTES of them wait, the peer's requests are put aside, in order, and handled when the peer
 * has read. The peer's answers to us are handled in any case; otherwise two groups with many answers for
 * each other would wait for ever. So a healthy peer is slowed down to its speed of reading. A peer that goes
 * on asking and reads nothing loses its link.
 *
 * The same is done with a peer that goes on sending to a full mailbox after its `pause`. If that filled the
 * mailbox, all others would wait behind it. Its requests to other actors wait as well, because they are in
 * one order. And it is done with a peer that asks for more `$sys_…` than are answered in a few turns: the
 * requests of the others do not stand behind all of its.
 */
static bool peer_is_behind(const struct peer *peer)
{
	return peer->aside.size_bytes || peer->n_overruns || peer->n_sys_asked > SYS_ASKED_MAX ||
	       (peer->pipe && pipe_backlog_bytes(peer->pipe) > UNREAD_MAX_BYTES);
}

/*
 * Asks to be called when the frames that were put aside can be handled. pressure.c asks when a mailbox has
 * room.
 */
static void peer_wants_to_catch_up(struct peer *peer)
{
	if (!peer->n_overruns)
		pipe_notify_drained(peer->pipe);
}

static bool frame_is_an_answer(const struct wire_frame *frame)
{
	switch (frame->type) {
	case WIRE_REPLY:
	case WIRE_ERROR:
	case WIRE_ITEM:
	case WIRE_PAUSE:
	case WIRE_RESUME:
		return true;
	/* a DOWN must stay behind the last message of the ended actor; a PONG must keep its order, too */
	default:
		return false;
	}
}

/* False: the link is gone. */
static bool inbound_put_aside(struct peer *peer, const struct wire_frame *frame)
{
	struct buf *aside = &peer->aside;
	char why[160] = "out of memory for what it asks";

	if (!aside->size_bytes)
		peer_wants_to_catch_up(peer);
	if (peer->aside_at > ASIDE_MAX_BYTES) {
		memmove(aside->data, aside->data + peer->aside_at, aside->size_bytes - peer->aside_at);
		aside->size_bytes -= peer->aside_at;
		peer->aside_at = 0;
	}
	buf_append(aside, frame->raw, frame->raw_bytes);
	if (!aside->failed && aside->size_bytes - peer->aside_at <= ASIDE_MAX_BYTES)
		return true;
	if (!aside->failed && peer->n_overruns)
		snprintf(why, sizeof(why), "it goes on sending to an actor whose mailbox is full");
	else if (!aside->failed)
		snprintf(why, sizeof(why),
			"it goes on asking and does not read its answers: %zu bytes wait for it",
			pipe_backlog_bytes(peer->pipe));
	buf_deinit(aside);
	*aside = (struct buf)BUF_INIT;
	peer_cut(peer, why);
	return false;
}

/*
 * Handles frames that were put aside: all of them with @all, otherwise a share, as long as the peer reads.
 * Returns the number of bytes. May end the link.
 */
static size_t inbound_aside(struct peer *peer, bool all)
{
	struct buf aside = peer->aside;
	size_t at = peer->aside_at, from = at, used;
	struct wire_frame frame;
	bool linked = true;

	/* These frames may come after our `pause`; that is not the peer's fault. */
	peer->takes_aside = true;
	peer->aside = (struct buf)BUF_INIT; /* so nothing is handled twice if the link ends now */
	peer->aside_at = 0;
	while (linked && at < aside.size_bytes &&
		(all || (at - from < BYTES_PER_TURN && !peer_is_behind(peer)))) {
		int r = wire_parse(aside.data + at, aside.size_bytes - at, &frame, &used);

		/*
		 * The frame was parsed before it was put aside, so this would be a bug of ours. The frame is
		 * not kept, or it would be tried for ever.
		 */
		if (r < 0) {
			if (!all)
				peer_cut(peer, "malformed bytes");
			linked = false;
			break;
		}
		at += used;
		if (r > 0)
			linked = inbound_frame(peer, &frame);
	}
	peer->takes_aside = false;
	if (linked && at < aside.size_bytes && !all) {
		peer->aside = aside;
		peer->aside_at = at;
		peer_wants_to_catch_up(peer);
	} else {
		buf_deinit(&aside);
	}
	return at - from;
}

size_t inbound_take_up(struct peer *peer)
{
	return peer->aside.size_bytes ? inbound_aside(peer, false) : 0;
}

void inbound_link_ends(struct peer *peer)
{
	if (peer->aside.size_bytes)
		(void)inbound_aside(peer, true);
	if (peer->kind == PEER_UPLINK)
		downs_pong(peer->group, UINT64_MAX);
}

void inbound_frames(struct peer *peer, const uint8_t *data, size_t size_bytes)
{
	bool behind = peer_is_behind(peer);
	struct wire_frame frame;
	size_t at = 0, used;
	int r;

	while (at < size_bytes) {
		r = wire_parse(data + at, size_bytes - at, &frame, &used);
		if (r < 0) {
			peer_cut(peer, "malformed bytes");
			return;
		}
		at += used;
		if (r > 0 && !(behind && !frame_is_an_answer(&frame) ? inbound_put_aside(peer, &frame)
								     : inbound_frame(peer, &frame)))
			return;
		behind = behind || peer->n_overruns || peer->n_sys_asked > SYS_ASKED_MAX;
	}
}

void inbound_poll(actor_group *group)
{
	struct transport_event event;
	size_t taken_bytes = 0;

	/*
	 * Takes a share at a time: between shares the actors handle their messages, and a `pause` can be
	 * sent.
	 */
	for (int i = 0; i < EVENTS_PER_TURN && taken_bytes < BYTES_PER_TURN &&
			transport_next(group->transport, &event) > 0;
		i++) {
		struct peer *peer = event.user;

		switch (event.type) {
		case TRANSPORT_PIPE_UP:
			peer_link_up(peer, event.peer.pid);
			break;
		case TRANSPORT_PIPE_DATA:
			taken_bytes += event.size_bytes;
			if (peer->state == PEER_KNOCKING)
				peer_let_in(peer);
			inbound_frames(peer, event.data, event.size_bytes);
			break;
		case TRANSPORT_PIPE_DRAINED:
			peer_drained(peer);
			taken_bytes += inbound_take_up(peer);
			handovers_drained(peer);
			break;
		case TRANSPORT_PIPE_DOWN:
			peer_link_down(peer, event.error);
			break;
		case TRANSPORT_KNOCK:
			knock_received(group, &event);
			break;
		case TRANSPORT_HELLO:
			rendezvous_hello(group, &event);
			break;
		case TRANSPORT_ANSWER:
			uplink_answer(group, &event);
			break;
		}
	}
}

bool inbound_is_idle(const actor_group *group)
{
	struct pollfd fd;

	if (!group->transport)
		return true;
	fd = (struct pollfd){.fd = transport_fd(group->transport), .events = POLLIN};
	return poll(&fd, 1, 0) <= 0;
}

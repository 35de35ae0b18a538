/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls, at the caller's end (the callee's end is answer.c). A call ends exactly once. Its answer, its
 * deadline, the end of the target and the end of the caller each remove it from the table. A second one of
 * these finds no entry.
 */
#include "libactor/actor/call.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/answer.h"
#include "libactor/actor/intake.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/post.h"
#include "libactor/actor/served.h"
#include "libactor/actor/sys.h"
#include "libactor/actor/taps.h"
#include "libactor/actor/tracing.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/peer/peer.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/clock.h"
#include "libactor/util/list.h"
#include "libactor/util/slots.h"

/* The target did not take the call. */
static void call_not_taken(struct call *call)
{
	char text[OVERLOAD_TEXT_MAX];
	actor_msg *reply;
	int r;

	r = msg_new_error(&reply, call->callee, wire_cstr(ERROR_OVERLOADED),
		wire_cstr(overload_text(text, call->why, call->retry_ms)));
	if (r < 0)
		call_finish(call, r, NULL);
	else
		call_finish(call, -EREMOTEIO, reply);
}

static void call_timed_out(struct loop *loop, struct timer *timer)
{
	struct call *call = container_of(timer, struct call, timer);

	if (call->why == ACTOR_LOST_NOT)
		call_give_up(call, -ETIMEDOUT);
	else
		call_not_taken(call);
}

static void call_forget(struct call *call)
{
	slots_give(&call->group->calls, call->id);
	list_remove(&call->peer_link);
	timer_deinit(&call->group->loop, &call->timer);
}

static actor_ref call_from(const struct call *call)
{
	return call->caller ? call->caller->ref : group_ref(call->group, 0);
}

static bool call_is_local(const struct call *call)
{
	return call->callee.group == call->group->id && call->callee.node == call->group->node;
}

/* The way by which the call went. While the call is open, its link has not ended. */
static struct peer *call_peer(const struct call *call)
{
	actor_group *group = call->group;
	struct peer *peer = actor_ref_is_nobody(call->callee) ? group->uplink.peer
							      : peer_route(group, call->callee.group, false);

	return peer && !peer->exited ? peer : NULL;
}

static void call_tell_cancel(struct call *call)
{
	struct peer *peer;

	if (call->why != ACTOR_LOST_NOT) /* the target did not take it */
		return;
	if (call_is_local(call)) {
		served_cancel(
			call->group, actor_find(call->group, call->callee.serial), call_from(call), call->id);
		return;
	}
	peer = call_peer(call);
	if (!peer)
		return;
	wire_put_cancel(peer_out(peer), call->callee, call_from(call), call->id);
	peer_wrote(peer);
}

void call_give_credit(struct call *call, struct wire_credit credit)
{
	struct peer *peer;

	call->stream->credit = credit;
	if (call_is_local(call)) {
		served_credit(call->group, call_from(call), call->id, credit);
		return;
	}
	peer = call_peer(call);
	if (!peer)
		return;
	wire_put_credit(peer_out(peer), call->callee, call_from(call), call->id, credit);
	peer_wrote(peer);
}

void call_cancel(struct call *call)
{
	call_tell_cancel(call);
	call_forget(call);
}

void call_give_up(struct call *call, int error)
{
	call_tell_cancel(call);
	call_finish(call, error, NULL);
}

bool call_takes_item(const struct call *call)
{
	const struct call_stream *stream = call->stream;

	return stream && stream->came.items < stream->credit.items &&
	       stream->came.bytes < stream->credit.bytes;
}

void call_item(struct call *call, actor_msg *take_item)
{
	call->stream->came.items++;
	call->stream->came.bytes += take_item->body_bytes;
	call->stream->item(call, take_item);
}

void call_finish(struct call *call, int error, actor_msg *take_reply)
{
	call_forget(call);
	call->done(call, error, take_reply);
}

int call_error_number(const char *error_name)
{
	int error = error_errno(error_name);

	return error ? error : -EREMOTEIO;
}

void call_fail(actor_group *group, uint64_t id, int error)
{
	struct call *call = slots_get(&group->calls, id);

	if (call)
		call_finish(call, error, NULL);
}

void calls_end_by_peer(struct peer *peer, int error)
{
	while (!list_is_empty(&peer->calls))
		call_finish(container_of(peer->calls.next, struct call, peer_link), error, NULL);
}

void call_answered(actor_group *group, uint64_t id, actor_msg *take_reply)
{
	struct call *call = slots_get(&group->calls, id);
	int error;

	if (!call) {
		group->stats.replies_late++;
		actor_msg_free(take_reply);
		return;
	}
	error = take_reply->error ? call_error_number(take_reply->error) : 0;
	call->said_noproc = error == -ESRCH && take_reply->text && *take_reply->text &&
			    actor_ref_equal(take_reply->sender, call->callee);
	if (error && error != -EREMOTEIO && !call->keeps_errors)
		take_reply = actor_msg_free(take_reply);
	call_finish(call, error, take_reply);
}

/*
 * ---- circles ----
 *
 * An actor may make a call while it handles one. Then the caller of the handled call waits, and so do the
 * callers that wait for that caller. Their calls travel with the new call (`waits`, docs/protocol.md §3). The
 * callee checks whether it waits for one of them itself. If so, no answer can ever come, and the caller gets
 * -EDEADLK at once. Only certain waits count: a caller whose deadline is past waits no longer.
 */

/* Returns false when @caller waits no longer, or @waits is full. */
static bool waits_add(struct wire_waits *waits, actor_ref caller, uint64_t id, int64_t until_us)
{
	if (waits->n == WIRE_WAITS_MAX || (until_us && until_us < clock_now_us()))
		return false;
	if (until_us && (!waits->until_us || until_us < waits->until_us))
		waits->until_us = until_us;
	waits->calls[waits->n].caller = caller;
	waits->calls[waits->n].id = id;
	waits->n++;
	return true;
}

static bool waits_have(const struct wire_waits *waits, actor_ref caller, uint64_t id)
{
	for (uint32_t i = 0; i < waits->n; i++)
		if (actor_ref_equal(waits->calls[i].caller, caller) && waits->calls[i].id == id)
			return true;
	return false;
}

static bool waits_have_actor(const struct wire_waits *waits, actor_ref caller)
{
	for (uint32_t i = 0; i < waits->n; i++)
		if (actor_ref_equal(waits->calls[i].caller, caller))
			return true;
	return false;
}

/*
 * Fills @waits with the calls whose callers wait until @self has answered the call that it handles. Returns
 * the other group from which the chain came; 0: it began in this group.
 */
static uint64_t waits_of(struct actor *self, struct wire_waits *waits)
{
	actor_group *group = self->group;
	struct wire_waits far;

	waits->n = 0;
	waits->until_us = 0;
	while (self && self->answering && !self->answering->answered) {
		const struct actor_from *from = self->answering;

		if (from->to.group == group->id) {
			self = actor_find(group, from->to.serial);
			if (!self || !self->waiting_call || self->waiting_call->id != from->id ||
				!waits_add(waits, from->to, from->id, from->msg->deadline_us))
				return 0;
			continue;
		}
		if (!waits_add(waits, from->to, from->id, from->msg->deadline_us))
			return 0;
		if (from->msg->waits && wire_waits_read(from->msg->waits, from->msg->waits_bytes, &far) == 0)
			for (uint32_t i = 0; i < far.n; i++)
				if (!waits_add(waits, far.calls[i].caller, far.calls[i].id, far.until_us))
					break;
		return from->to.group;
	}
	return 0;
}

/*
 * Whether @to waits for @caller (one of our actors, or NULL) or for one of @waits, directly or through other
 * actors of ours. @via: the group from which @waits came. If the chain leads to an actor of @via, that actor
 * surely still waits: an answer of @via would have come before this call. Of an actor of a third group that
 * is not known.
 */
static bool waits_are_for(actor_group *group, struct actor *to, const struct actor *caller,
	const struct wire_waits *waits, uint64_t via)
{
	while (to) {
		const struct call *call = to->waiting_call;

		if (to == caller || (call && waits_have(waits, to->ref, call->id)))
			return true;
		if (!call)
			return false;
		if (call->callee.group != group->id || call->callee.node != group->node)
			return via && call->callee.group == via && waits_have_actor(waits, call->callee);
		to = actor_find(group, call->callee.serial);
	}
	return false;
}

bool call_closes_circle(struct actor *to, const struct wire_frame *frame)
{
	struct wire_waits waits = {.n = 0};
	struct wire_waits far;

	if (!waits_add(&waits, frame->from, frame->id, frame->deadline_us))
		return false;
	if (frame->waits && wire_waits_read(frame->waits, frame->waits_bytes, &far) == 0)
		for (uint32_t i = 0; i < far.n; i++)
			if (!waits_add(&waits, far.calls[i].caller, far.calls[i].id, far.until_us))
				break;
	return waits_are_for(to->group, to, NULL, &waits, frame->from.group);
}

static bool call_is_circle(const struct call *call, struct actor *to)
{
	struct wire_waits waits;
	uint64_t via;

	if (to == call->caller)
		return true;
	if (!to->waiting_call)
		return false;
	via = waits_of(call->caller, &waits);
	return waits_are_for(call->group, to, call->caller, &waits, via);
}

static void call_show(const struct call *call, enum tap_path path, const struct wire_dest *to, actor_ref from,
	struct wire_str method, const void *args, size_t args_bytes)
{
	struct wire_frame frame = {.type = WIRE_CALL,
		.to = *to,
		.from = from,
		.method = method,
		.body = args,
		.body_bytes = args_bytes,
		.id = call->id,
		.trace = call->trace};

	taps_show(call->group, path, &frame);
}

/* Starts a call of a request `$sys_…` to the actor @to; NULL: to the group (sys.c). */
static int call_start_sys(struct call *call, struct actor *to, actor_ref from, struct wire_str method,
	const void *args, size_t args_bytes)
{
	const struct wire_trace *trace = call_trace(call);
	uint64_t serial = call->callee.serial;
	actor_msg *msg;
	int r;

	if (serial && (!to || to->status == ACTOR_ENDING))
		return -ESRCH;
	if (to && call->caller && sys_needs_turn(method) && call_is_circle(call, to))
		return -EDEADLK;
	r = msg_new_traced(&msg, from, method, args, args_bytes, trace);
	if (r < 0)
		return r;
	msg->id = call->id;
	sys_take(call->group, msg, serial);
	if (taps_look(call->group, trace))
		call_show(call, TAP_LOCAL, &(struct wire_dest){.ref = call->callee}, from, method, args,
			args_bytes);
	return 0;
}

static int call_start_local(struct call *call, struct actor *sender, struct wire_str method, const void *args,
	size_t args_bytes, int64_t deadline_ns)
{
	actor_group *group = call->group;
	struct actor *to = actor_find(group, call->callee.serial);
	const struct wire_trace *trace = call_trace(call);
	actor_ref from = sender ? sender->ref : group_ref(group, 0);
	actor_msg *msg;
	int r;

	if (sys_is_request(method))
		return call_start_sys(call, to, from, method, args, args_bytes);
	if (!to || to->status == ACTOR_ENDING)
		return -ESRCH;
	if (to->draining)
		return -ESHUTDOWN;
	if (call->caller && !call->stream && call_is_circle(call, to))
		return -EDEADLK;
	r = msg_new_call(
		&msg, from, method, args, args_bytes, trace, call->stream ? &call->stream->credit : NULL);
	if (r < 0)
		return r;
	msg->kind = MSG_CALL;
	msg->id = call->id;
	msg->deadline_us = deadline_ns == NEVER_NS ? 0 : deadline_ns / 1000;
	call->why = mailbox_offer(to, msg, &call->retry_ms);
	if (taps_look(group, trace))
		call_show(
			call, TAP_LOCAL, &(struct wire_dest){.ref = to->ref}, from, method, args, args_bytes);
	return 0;
}

static int call_start_remote(struct call *call, struct actor *sender, const struct wire_dest *to,
	struct wire_str method, const void *args, size_t args_bytes, int64_t deadline_ns)
{
	actor_group *group = call->group;
	const struct wire_trace *trace = call_trace(call);
	int64_t deadline_us = deadline_ns == NEVER_NS ? 0 : deadline_ns / 1000;
	actor_ref from = sender ? sender->ref : group_ref(group, 0);
	struct wire_waits waits;
	struct peer *peer;
	struct buf *out;
	bool had_failed;
	int r;

	peer = to->name.s ? group->uplink.peer : peer_route(group, to->ref.group, true);
	if (!peer)
		return send_no_route(group, to);
	if (peer->exited)
		return -ESRCH; /* the peer's end is not decided yet, and no answer will come */
	out = peer_out(peer);
	had_failed = out->failed;
	if (call->stream) {
		wire_put_stream_call(out, to, from, method, args, args_bytes, call->id, deadline_us,
			call->stream->credit, trace);
	} else {
		waits.n = 0;
		if (sender && sender->answering)
			(void)waits_of(sender, &waits);
		wire_put_traced_call(
			out, to, from, method, args, args_bytes, call->id, deadline_us, &waits, trace);
	}
	r = buf_whole(out, had_failed);
	if (r < 0)
		return r;
	list_append(&peer->calls, &call->peer_link);
	peer_wrote(peer);
	if (taps_look(group, trace))
		call_show(call, TAP_SENT, to, from, method, args, args_bytes);
	return 0;
}

int call_start(struct call *call, actor_group *group, struct actor *caller, const struct wire_dest *to,
	struct wire_str method, const void *args, size_t args_bytes, int64_t deadline_ns)
{
	return call_start_stream(call, NULL, group, caller, to, method, args, args_bytes, deadline_ns);
}

int call_start_stream(struct call *call, struct call_stream *stream, actor_group *group, struct actor *caller,
	const struct wire_dest *to, struct wire_str method, const void *args, size_t args_bytes,
	int64_t deadline_ns)
{
	bool local = !to->name.s && to->ref.group == group->id && to->ref.node == group->node;
	int r;

	call->stream = stream;
	call->group = group;
	call->caller = caller;
	call->callee = to->name.s ? ACTOR_NOBODY : to->ref;
	call->peer_link = (struct list){0};
	call->why = ACTOR_LOST_NOT;
	call->trace.id = 0;
	(void)trace_next(group, caller ? caller->trace : NULL, &call->trace);
	if (!to->name.s && to->ref.node != group->node)
		return -ESRCH;
	r = timer_init(&group->loop, &call->timer, call_timed_out);
	if (r < 0)
		return r;
	r = slots_take(&group->calls, call, &call->id);
	if (r < 0) {
		timer_deinit(&group->loop, &call->timer);
		return r;
	}
	r = local ? call_start_local(call, caller, method, args, args_bytes, deadline_ns)
		  : call_start_remote(call, caller, to, method, args, args_bytes, deadline_ns);
	if (r < 0) {
		call_forget(call);
		return r;
	}
	/*
	 * A call that was not taken ends in the next turn, because its caller does not expect an end before
	 * this returns.
	 */
	timer_arm(&group->loop, &call->timer, call->why == ACTOR_LOST_NOT ? deadline_ns : 0);
	return 0;
}

struct call_wait {
	struct call call;
	bool done;
	int error;
	actor_msg *reply;
};

static void call_wait_done(struct call *call, int error, actor_msg *reply)
{
	struct call_wait *wait = container_of(call, struct call_wait, call);

	wait->done = true;
	wait->error = error;
	wait->reply = reply;
	if (call->caller) {
		call->caller->waiting_call = NULL; /* now, because the caller runs only later */
		actor_wake(call->caller, 0);
	}
}

static bool call_wait_is_done(void *arg)
{
	return ((struct call_wait *)arg)->done;
}

static int wait_for_answer(actor_group *group, struct actor *self, const struct wire_dest *to,
	struct wire_str method, const void *args, size_t args_bytes, int64_t deadline_ns, bool *ret_sent,
	actor_msg **ret_msg)
{
	/* Not zeroed: call_start() sets the fields that are not set here. */
	struct call_wait wait;
	int r;

	wait.call.done = call_wait_done;
	wait.call.keeps_errors = ret_sent != NULL;
	wait.call.said_noproc = false;
	wait.done = false;
	wait.error = 0;
	wait.reply = NULL;
	if (ret_msg)
		*ret_msg = NULL;
	if (self && !actor_is_current(self))
		return -EINVAL;
	if (!self && group->loop.in_loop)
		return -EDEADLK;
	r = call_start(&wait.call, group, self, to, method, args, args_bytes, deadline_ns);
	if (r < 0)
		return r;
	if (ret_sent)
		*ret_sent = true;
	if (self) {
		while (!wait.done) {
			self->waiting_call = &wait.call;
			r = actor_park(self, NEVER_NS);
			self->waiting_call = NULL;
			if (r < 0 && !wait.done) {
				call_cancel(&wait.call);
				return r;
			}
		}
	} else {
		r = loop_pump(&group->loop, call_wait_is_done, &wait, NEVER_NS);
		if (!wait.done) {
			call_cancel(&wait.call);
			return r;
		}
	}
	if (ret_msg)
		*ret_msg = wait.reply;
	else
		actor_msg_free(wait.reply);
	return wait.call.said_noproc ? -ENXIO : wait.error;
}

int call_wait(actor_group *group, struct actor *self, const struct wire_dest *to, struct wire_str method,
	const void *args, size_t args_bytes, int64_t deadline_ns, actor_msg **ret_msg)
{
	return wait_for_answer(group, self, to, method, args, args_bytes, deadline_ns, NULL, ret_msg);
}

int call_wait_keeping_errors(actor_group *group, struct actor *self, const struct wire_dest *to,
	struct wire_str method, const void *args, size_t args_bytes, int64_t deadline_ns, bool *ret_sent,
	actor_msg **ret_msg)
{
	return wait_for_answer(group, self, to, method, args, args_bytes, deadline_ns, ret_sent, ret_msg);
}

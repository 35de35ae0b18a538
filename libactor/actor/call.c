/*
 * Calls, from both ends. A call ends exactly once: whichever of answer, deadline, the target's end and the caller's end comes first
 * takes it out of the table; what comes later finds no entry and goes nowhere.
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/call.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/post.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/peer/peer.h"
#include "libactor/protocol/wire.h"
#include "libactor/transport/address.h"
#include "libactor/transport/transport.h"
#include "libactor/util/buf.h"
#include "libactor/util/clock.h"
#include "libactor/util/list.h"
#include "libactor/util/slots.h"

#define ANSWERS_MAX_BYTES (64u << 20) /* that one peer has not read; then it gets errors in their place */

/* ---- the caller's end ---- */

static void call_timed_out(struct loop *loop, struct timer *timer)
{
	call_finish(container_of(timer, struct call, timer), -ETIMEDOUT, NULL);
}

static void call_forget(struct call *call)
{
	slots_give(&call->group->calls, call->id);
	list_remove(&call->peer_link);
	timer_deinit(&call->group->loop, &call->timer);
}

void call_cancel(struct call *call)
{
	call_forget(call);
}

void call_finish(struct call *call, int error, actor_msg *take_reply)
{
	call_forget(call);
	call->done(call, error, take_reply);
}

int call_error_number(const char *error_name)
{
	static const struct {
		const char *name;
		int error;
	} errors[] = {
		{"noproc", -ESRCH},
		{"noconnection", -ECONNRESET},
		{"down", -ECONNRESET},
		{"killed", -ECONNRESET},
		{"stopped", -ECONNRESET},
		{"timeout", -ETIMEDOUT},
		{"deadlock", -EDEADLK},
	};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strcmp(errors[i].name, error_name) == 0)
			return errors[i].error;
	return -EREMOTEIO;
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

bool call_may_be_answered(actor_group *group, uint64_t id, const struct peer *peer, actor_ref from)
{
	const struct call *call = slots_get(&group->calls, id);

	if (!call)
		return true;
	if (actor_ref_is_nobody(call->callee))
		return peer->is_uplink;
	if (call->callee.group == group->id || (!peer->is_uplink && peer->id != call->callee.group))
		return false;
	/* its serial 0, and nobody, answer for an actor that is gone */
	return actor_ref_is_nobody(from) || actor_ref_equal(from, call->callee) ||
	       actor_ref_equal(from, (actor_ref){call->callee.node, call->callee.group, 0});
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
	if (error && error != -EREMOTEIO)
		take_reply = actor_msg_free(take_reply);
	call_finish(call, error, take_reply);
}

/* ---- circles ----
 *
 * An actor that handles a call and makes one itself keeps its caller waiting, and whom that keeps waiting. These calls travel with the
 * new one (`waits`, docs/protocol.md §3), so that whoever gets it can tell whether it waits for one of them itself: then no answer will
 * ever come, and the caller hears -EDEADLK at once. What is certain counts, nothing else: a caller whose time is up waits no longer.
 */

/* False: it waits no longer, or there is no more room. */
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

/* Who waits until @self has answered what it handles. Returns the group the chain came from, 0: it began here. */
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
 * Does @to, or whom of ours it waits for, wait for @caller (ours, or nobody) or one of @waits? @via: the group that @waits came from. Of
 * what it has answered we know, since its answers come before its calls; of what a third group has answered we do not.
 */
static bool waits_are_for(actor_group *group, struct actor *to, const struct actor *caller, const struct wire_waits *waits, uint64_t via)
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

static int call_start_local(struct call *call, struct actor *sender, struct wire_str method, const void *args, size_t args_bytes,
	int64_t deadline_ns)
{
	actor_group *group = call->group;
	struct actor *to = actor_find(group, call->callee.serial);
	actor_msg *msg;
	int r;

	if (!to || to->status == ACTOR_ENDING)
		return -ESRCH;
	if (call->caller && call_is_circle(call, to))
		return -EDEADLK;
	r = msg_new_received(&msg, sender ? sender->ref : group_ref(group, 0), method, args, args_bytes);
	if (r < 0)
		return r;
	msg->kind = MSG_CALL;
	msg->id = call->id;
	msg->deadline_us = deadline_ns == NEVER_NS ? 0 : deadline_ns / 1000;
	mailbox_push(to, msg);
	return 0;
}

static int call_start_remote(struct call *call, struct actor *sender, const struct wire_dest *to, struct wire_str method,
	const void *args, size_t args_bytes, int64_t deadline_ns)
{
	actor_group *group = call->group;
	struct wire_waits waits;
	struct peer *peer;

	peer = to->name.s ? group->uplink.peer : peer_route(group, to->ref.group, true);
	if (!peer)
		return send_no_route(group, to);
	waits.n = 0;
	if (sender && sender->answering)
		(void)waits_of(sender, &waits);
	wire_put_nested_call(peer_out(peer), to, sender ? sender->ref : group_ref(group, 0), method, args, args_bytes, call->id,
		deadline_ns == NEVER_NS ? 0 : deadline_ns / 1000, &waits);
	list_append(&peer->calls, &call->peer_link);
	peer_wrote(peer);
	return 0;
}

int call_start(struct call *call, actor_group *group, struct actor *caller, const struct wire_dest *to, struct wire_str method,
	const void *args, size_t args_bytes, int64_t deadline_ns)
{
	bool local = !to->name.s && to->ref.group == group->id && to->ref.node == group->node;
	int r;

	call->group = group;
	call->caller = caller;
	call->callee = to->name.s ? ACTOR_NOBODY : to->ref;
	call->peer_link = (struct list){0};
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
	timer_arm(&group->loop, &call->timer, deadline_ns);
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
		call->caller->waiting_call = NULL; /* from now on: it runs only later */
		actor_wake(call->caller, 0);
	}
}

static bool call_wait_is_done(void *arg)
{
	return ((struct call_wait *)arg)->done;
}

int call_wait(actor_group *group, struct actor *self, const struct wire_dest *to, struct wire_str method, const void *args,
	size_t args_bytes, int64_t deadline_ns, actor_msg **ret_msg)
{
	struct call_wait wait = {.call.done = call_wait_done};
	int r;

	if (ret_msg)
		*ret_msg = NULL;
	if (self && !actor_is_current(self))
		return -EINVAL;
	if (!self && group->loop.in_loop)
		return -EDEADLK;
	r = call_start(&wait.call, group, self, to, method, args, args_bytes, deadline_ns);
	if (r < 0)
		return r;
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
	return wait.error;
}

/* ---- the callee's end ---- */

static void call_send_answer(actor_group *group, actor_ref caller, uint64_t way, actor_ref callee, uint64_t id, const char *error,
	const char *text, const void *result, size_t result_bytes)
{
	struct peer *peer;
	actor_msg *reply;
	int r;

	if (caller.group == group->id) {
		r = error ? msg_new_error(&reply, callee, wire_cstr(error), wire_cstr(text))
			  : msg_new_received(&reply, callee, wire_cstr(""), result, result_bytes);
		if (r < 0) {
			call_fail(group, id, r);
			return;
		}
		reply->kind = MSG_REPLY;
		call_answered(group, id, reply);
		return;
	}
	peer = peer_back(group, caller.group, way);
	if (!peer)
		return; /* the caller's group is gone, or knows that the link is */
	if (!error && peer->link && link_backlog_bytes(peer->link) > ANSWERS_MAX_BYTES) {
		error = "overloaded";
		text = "64 MiB of answers wait for the asking group, which does not read them";
	}
	if (error)
		wire_put_error(peer_out(peer), caller, callee, id, wire_cstr(error), wire_cstr(text));
	else
		wire_put_reply(peer_out(peer), caller, callee, id, result, result_bytes);
	peer_wrote(peer);
}

void call_refuse(actor_group *group, actor_ref caller, uint64_t way, actor_ref callee, uint64_t id, const char *error, const char *text)
{
	call_send_answer(group, caller, way, callee, id, error, text ? text : "", NULL, 0);
}

/*
 * A kept address is no pointer but a number that looks like one: bit 0 is set, which it is in no pointer to a struct actor_from; the rest
 * is an id that is never used twice. So whoever holds it may outlive the actor that kept it, and an answered one may be answered again:
 * the number leads nowhere then. Numbers are of the process, because nothing else is known when one comes back to us; the lock is for
 * groups in several threads and guards the table alone.
 */
static struct {
	pthread_mutex_t lock;
	struct slots slots; /* of struct actor_from */
} kept_froms = {.lock = PTHREAD_MUTEX_INITIALIZER};

_Static_assert(sizeof(uintptr_t) == sizeof(uint64_t), "a kept address is a number of 64 bits in a pointer's clothes");

static bool from_is_kept(const actor_from *from)
{
	return (uintptr_t)from & 1;
}

static actor_from *from_of_id(uint64_t id)
{
	return (actor_from *)(uintptr_t)((id & UINT64_C(0xffffffff00000000)) | (uint32_t)id << 1 | 1);
}

static uint64_t from_id(const actor_from *kept)
{
	uint64_t number = (uintptr_t)kept;

	return (number & UINT64_C(0xffffffff00000000)) | (uint32_t)number >> 1;
}

static int kept_take(struct actor_from *from)
{
	int r;

	pthread_mutex_lock(&kept_froms.lock);
	r = slots_take(&kept_froms.slots, from, &from->kept_id);
	if (r == 0 && (uint32_t)from->kept_id > INT32_MAX) { /* one bit of the index is ours */
		slots_give(&kept_froms.slots, from->kept_id);
		r = -ENOMEM;
	}
	pthread_mutex_unlock(&kept_froms.lock);
	return r;
}

static void kept_give(struct actor_from *from)
{
	pthread_mutex_lock(&kept_froms.lock);
	slots_give(&kept_froms.slots, from->kept_id);
	pthread_mutex_unlock(&kept_froms.lock);
}

/* What @from stands for. 0, -EINVAL (nothing), -EALREADY (answered), -ESRCH (a kept one that is over: answered, freed, or its actor ended). */
static int from_find(const actor_from *from, struct actor_from **ret)
{
	if (!from)
		return -EINVAL;
	if (!from_is_kept(from)) {
		*ret = (struct actor_from *)from;
		return (*ret)->answered ? -EALREADY : 0;
	}
	pthread_mutex_lock(&kept_froms.lock);
	*ret = slots_get(&kept_froms.slots, from_id(from));
	pthread_mutex_unlock(&kept_froms.lock);
	return *ret ? 0 : -ESRCH;
}

void from_init(struct actor_from *from, struct actor *callee, const actor_msg *msg)
{
	*from = (struct actor_from){.group = callee->group, .callee = callee, .to = msg->sender, .id = msg->id, .way = msg->way, .msg = msg};
}

static void from_answered(struct actor_from *from)
{
	from->answered = true;
	if (list_is_linked(&from->link)) { /* a kept one: it was ours to free */
		list_remove(&from->link);
		kept_give(from);
		free(from);
	}
}

void from_refuse(struct actor_from *from, const char *error, const char *text)
{
	call_refuse(from->group, from->to, from->way, from->callee->ref, from->id, error, text);
	from_answered(from);
}

void froms_end(struct actor *callee, const char *reason)
{
	while (!list_is_empty(&callee->froms))
		from_refuse(container_of(callee->froms.next, struct actor_from, link), "down", reason);
}

/*
 * The one answer, or, when @error says that there is none to be sent, the reason. What the data is must not end an actor whose handler
 * says `return actor_reply(...)`: a reader that asks for too much would end the store. So only misuse is returned.
 */
static int from_reply(struct actor_from *from, int error, const void *body, size_t body_bytes)
{
	char text[128];

	switch (error) {
	case 0:
		call_send_answer(from->group, from->to, from->way, from->callee->ref, from->id, NULL, NULL, body, body_bytes);
		from_answered(from);
		return 0;
	case -EMSGSIZE:
		snprintf(text, sizeof(text), "the answer has more than the %u bytes that a message can carry", ACTOR_BODY_MAX_BYTES);
		from_refuse(from, "too_big", text);
		return 0;
	case -EPROTO:
		from_refuse(from, "bad_result", "the answer is not one well-formed value, or nested more than 64 deep");
		return 0;
	case -ENOMEM:
		from_refuse(from, "overloaded", "out of memory for the answer");
		return 0;
	default:
		return error;
	}
}

int actor_reply(actor_from *to, const char *format, ...)
{
	struct actor_from *from;
	struct buf *scratch;
	va_list args;
	int r;

	if (!format)
		return -EINVAL;
	r = from_find(to, &from);
	if (r < 0)
		return r;
	scratch = &from->group->scratch;
	buf_reset(scratch, 1 << 16);
	va_start(args, format);
	r = body_vpack(scratch, BODY_RESULT, format, args);
	va_end(args);
	return from_reply(from, r, scratch->data, scratch->size_bytes);
}

int actor_reply_msg(actor_from *to, actor_msg **take_result)
{
	struct actor_from *from;
	const uint8_t *body = NULL;
	size_t body_bytes = 0;
	int r;

	if (!take_result || !*take_result)
		return -EINVAL;
	r = from_find(to, &from);
	if (r < 0)
		return r;
	r = msg_take_body(*take_result, BODY_RESULT, &body, &body_bytes);
	r = from_reply(from, r == -EINVAL ? -EPROTO : r, body, body_bytes); /* written by hand: what is in it is data */
	if (r == 0)
		*take_result = actor_msg_free(*take_result);
	return r;
}

int actor_reply_error(actor_from *to, const char *error, const char *text, ...)
{
	struct actor_from *from;
	char line[512];
	va_list args;
	int r;

	if (!error || !wire_name_is_valid(error, strlen(error)))
		return -EINVAL;
	r = from_find(to, &from);
	if (r < 0)
		return r;
	va_start(args, text);
	vsnprintf(line, sizeof(line), text ? text : "", args);
	va_end(args);
	from_refuse(from, error, line);
	return 0;
}

actor_from *actor_from_keep(actor_from *from)
{
	struct actor_from *kept;

	if (from_find(from, &kept) < 0)
		return NULL;
	if (from_is_kept(from))
		return from;
	kept = malloc(sizeof(*kept));
	if (!kept)
		return NULL;
	*kept = *from;
	kept->msg = NULL;
	if (kept_take(kept) < 0) {
		free(kept);
		return NULL;
	}
	from->answered = true;
	list_append(&kept->callee->froms, &kept->link);
	return from_of_id(kept->kept_id);
}

actor_from *actor_from_free(actor_from *from)
{
	struct actor_from *kept;

	if (from_find(from, &kept) == 0)
		from_refuse(kept, "no_reply", "");
	return NULL;
}

actor_ref actor_from_ref(const actor_from *from)
{
	struct actor_from *found;
	int r = from_find(from, &found);

	return r == 0 || r == -EALREADY ? found->to : ACTOR_NOBODY;
}

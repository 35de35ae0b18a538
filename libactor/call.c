/*
 * Calls, from both ends. A call ends exactly once: whichever of answer, deadline, the target's end and the caller's end comes first
 * takes it out of the table; what comes later finds no entry and goes nowhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

/* ---- the caller's end ---- */

static void call_timed_out(struct timer *timer)
{
	call_finish(container_of(timer, struct call, timer), -ETIMEDOUT, NULL);
}

static void call_forget(struct call *call)
{
	slots_give(&call->group->calls, call->id);
	list_remove(&call->peer_link);
	timer_deinit(call->group, &call->timer);
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
	};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strcmp(errors[i].name, error_name) == 0)
			return errors[i].error;
	return -EREMOTEIO;
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

/* Is @caller's own answer what the callee waits for? */
static bool call_is_circle(const struct call *call)
{
	actor_group *group = call->group;
	struct actor *at = actor_find(group, call->callee.serial);

	while (at) {
		if (at == call->caller)
			return true;
		if (!at->waiting_call || at->waiting_call->callee.group != group->id)
			return false;
		at = actor_find(group, at->waiting_call->callee.serial);
	}
	return false;
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
	if (call->caller && call_is_circle(call))
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
	struct peer *peer;

	if (args_bytes > WIRE_MESSAGE_MAX_BYTES - 1024)
		return -EMSGSIZE;
	peer = to->name.s ? group->uplink.peer : peer_route(group, to->ref.group, true);
	if (!peer)
		return to->name.s ? -ENOTCONN : -ENOMEM;
	wire_put_call(peer_out(peer), to, sender ? sender->ref : group_ref(group, 0), method, args, args_bytes, call->id,
		deadline_ns == NEVER_NS ? 0 : deadline_ns / 1000);
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
	call->callee = local ? to->ref : ACTOR_NOBODY;
	call->peer_link = (struct list){0};
	if (!to->name.s && to->ref.node != group->node)
		return -ESRCH;
	r = timer_init(group, &call->timer, call_timed_out);
	if (r < 0)
		return r;
	r = slots_take(&group->calls, call, &call->id);
	if (r < 0) {
		timer_deinit(group, &call->timer);
		return r;
	}
	r = local ? call_start_local(call, caller, method, args, args_bytes, deadline_ns)
		  : call_start_remote(call, caller, to, method, args, args_bytes, deadline_ns);
	if (r < 0) {
		call_forget(call);
		return r;
	}
	timer_arm(group, &call->timer, deadline_ns);
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
	if (call->caller)
		scheduler_wake(call->caller, 0);
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
	if (self && group->current != self)
		return -EINVAL;
	if (!self && group->in_loop)
		return -EDEADLK;
	r = call_start(&wait.call, group, self, to, method, args, args_bytes, deadline_ns);
	if (r < 0)
		return r;
	if (self) {
		while (!wait.done) {
			self->waiting_call = &wait.call;
			r = scheduler_park(self, NEVER_NS);
			self->waiting_call = NULL;
			if (r < 0 && !wait.done) {
				call_cancel(&wait.call);
				return r;
			}
		}
	} else {
		r = scheduler_pump(group, call_wait_is_done, &wait, NEVER_NS);
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

static void call_send_answer(actor_group *group, actor_ref caller, actor_ref callee, uint64_t id, const char *error, const char *text,
	const void *result, size_t result_bytes)
{
	struct peer *peer;
	actor_msg *reply;
	int r;

	if (caller.group == group->id) {
		r = error ? msg_new_error(&reply, callee, wire_cstr(error), wire_cstr(text))
			  : msg_new_received(&reply, callee, wire_cstr(""), result, result_bytes);
		if (r < 0) {
			struct call *call = slots_get(&group->calls, id);

			if (call)
				call_finish(call, r, NULL);
			return;
		}
		reply->kind = MSG_REPLY;
		call_answered(group, id, reply);
		return;
	}
	peer = peer_route(group, caller.group, false);
	if (!peer)
		return; /* the caller's group is gone */
	if (error)
		wire_put_error(peer_out(peer), caller, callee, id, wire_cstr(error), wire_cstr(text));
	else
		wire_put_reply(peer_out(peer), caller, callee, id, result, result_bytes);
	peer_wrote(peer);
}

void call_refuse(actor_group *group, actor_ref caller, actor_ref callee, uint64_t id, const char *error, const char *text)
{
	call_send_answer(group, caller, callee, id, error, text ? text : "", NULL, 0);
}

void from_init(struct actor_from *from, struct actor *callee, const actor_msg *msg)
{
	*from = (struct actor_from){.group = callee->group, .callee = callee, .to = msg->sender, .id = msg->id};
}

static actor_ref from_callee_ref(const struct actor_from *from)
{
	return from->callee ? from->callee->ref : group_ref(from->group, 0);
}

static void from_answered(struct actor_from *from)
{
	from->answered = true;
	if (list_is_linked(&from->link)) { /* a kept one: it was ours to free */
		list_remove(&from->link);
		free(from);
	}
}

void from_refuse(struct actor_from *from, const char *error, const char *text)
{
	call_refuse(from->group, from->to, from_callee_ref(from), from->id, error, text);
	from_answered(from);
}

void froms_end(struct actor *callee, const char *reason)
{
	while (!list_is_empty(&callee->froms))
		from_refuse(container_of(callee->froms.next, struct actor_from, link), "down", reason);
}

static int from_reply_body(actor_from *from, const void *body, size_t body_bytes)
{
	if (from->answered)
		return -EALREADY;
	if (body_bytes > WIRE_MESSAGE_MAX_BYTES - 1024)
		return -EMSGSIZE;
	call_send_answer(from->group, from->to, from_callee_ref(from), from->id, NULL, NULL, body, body_bytes);
	from_answered(from);
	return 0;
}

int actor_reply(actor_from *from, const char *format, ...)
{
	struct buf *scratch;
	va_list args;
	int r;

	if (!from || !format)
		return -EINVAL;
	scratch = &from->group->scratch;
	buf_reset(scratch, 1 << 16);
	va_start(args, format);
	r = body_vpack(scratch, BODY_RESULT, format, args);
	va_end(args);
	return r < 0 ? r : from_reply_body(from, scratch->data, scratch->size_bytes);
}

int actor_reply_msg(actor_from *from, actor_msg **take_result)
{
	const uint8_t *body;
	size_t body_bytes;
	int r;

	if (!from || !take_result || !*take_result)
		return -EINVAL;
	r = msg_take_body(*take_result, BODY_RESULT, &body, &body_bytes);
	if (r == 0)
		r = from_reply_body(from, body, body_bytes);
	if (r == 0)
		*take_result = actor_msg_free(*take_result);
	return r;
}

int actor_reply_error(actor_from *from, const char *error, const char *text, ...)
{
	char line[512];
	va_list args;

	if (!from || !error || !wire_name_is_valid(error, strlen(error)))
		return -EINVAL;
	if (from->answered)
		return -EALREADY;
	va_start(args, text);
	vsnprintf(line, sizeof(line), text ? text : "", args);
	va_end(args);
	from_refuse(from, error, line);
	return 0;
}

actor_from *actor_from_keep(actor_from *from)
{
	struct actor_from *kept;

	if (!from || from->answered)
		return NULL;
	if (list_is_linked(&from->link))
		return from;
	kept = malloc(sizeof(*kept));
	if (!kept)
		return NULL;
	*kept = *from;
	from->answered = true;
	list_append(&kept->callee->froms, &kept->link);
	return kept;
}

actor_from *actor_from_free(actor_from *kept)
{
	if (kept)
		from_refuse(kept, "no_reply", "");
	return NULL;
}

actor_ref actor_from_ref(const actor_from *from)
{
	return from->to;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Spawning in another group, at the spawner's end (the other end is actor/guests.c). */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/behavior.h"
#include "libactor/actor/call.h"
#include "libactor/actor/guests.h"
#include "libactor/actor/post.h"
#include "libactor/base/base.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"
#include "libactor/send.h"
#include "libactor/util/buf.h"

#define ERRNO_NAMES_MAX 200

struct spawn_at {
	struct call call;
	const char *behavior;
	bool links;
	uint64_t *ret_monitor; /* NULL: it is not monitored */
	actor_ref *ret;
	struct actor_cause *ret_why;
	bool done;
	int r;
};

/* The result of init, of which the text of `init_failed` begins with the name. */
static int errno_of_text(const char *text)
{
	size_t length = strcspn(text, ":");

	for (int e = 1; e < ERRNO_NAMES_MAX; e++) {
		const char *name = strerrorname_np(e);

		if (name && strlen(name) == length && !memcmp(name, text, length))
			return -e;
	}
	return -EREMOTEIO;
}

static int refusal(const char *error, const char *text)
{
	int r = error_errno(error);

	if (r)
		return r;
	if (!strcmp(error, ERROR_INIT_FAILED))
		return errno_of_text(text);
	if (!strcmp(error, ERROR_NO_BEHAVIOR) || !strcmp(error, ERROR_NO_METHOD))
		return -ENOENT;
	if (!strcmp(error, ERROR_OVERLOADED))
		return -EBUSY;
	return !strcmp(error, ERROR_BAD_ARGS) ? -EINVAL : -EREMOTEIO;
}

/* The frames by which the new actor is watched leave behind nothing that the spawner sends to it later. */
static int tie(struct actor *self, struct spawn_at *spawn, actor_ref who)
{
	int r = spawn->links ? actor_link(self, who) : 0;

	if (r == 0 && spawn->ret_monitor)
		r = actor_monitor(self, who, spawn->ret_monitor);
	if (r < 0)
		(void)actor_exit(self, who, "abandoned");
	return r;
}

static int take_answer(struct actor *self, struct spawn_at *spawn, const actor_msg *reply)
{
	struct mp_reader r = mp_reader(reply->body, reply->body_bytes);
	const char *text = reply->text ? reply->text : "";
	actor_ref who;
	int result;

	if (reply->error) {
		if (spawn->ret_why) {
			*spawn->ret_why = cause_make(reply->error);
			snprintf(spawn->ret_why->text, sizeof(spawn->ret_why->text), "%s", text);
		}
		return refusal(reply->error, text);
	}
	if (mp_read_ref(&r, &who) < 0 || !who.serial)
		return -EPROTO;
	result = tie(self, spawn, who);
	if (result == 0 && spawn->ret)
		*spawn->ret = who;
	return result;
}

/* Here, and not when the spawner runs again, since the new actor's end may be in the next frame. */
static void spawn_answered(struct call *call, int error, actor_msg *reply)
{
	struct spawn_at *spawn = container_of(call, struct spawn_at, call);

	spawn->r = reply ? take_answer(call->caller, spawn, reply) : error;
	spawn->done = true;
	actor_msg_free(reply);
	call->caller->waiting_call = NULL;
	actor_wake(call->caller, 0);
}

static int spawn_pack(struct buf *b, const struct spawn_at *spawn, const char *format, va_list args)
{
	size_t start_bytes;
	struct mp_reader r;
	int e;

	buf_reset(b, 1 << 16);
	mp_put_array(b, 4);
	mp_put_cstr(b, spawn->behavior);
	start_bytes = b->size_bytes;
	e = body_vpack(b, BODY_ARGS, format ? format : "", args);
	if (e < 0)
		return e;
	r = mp_reader(b->data + start_bytes, b->size_bytes - start_bytes);
	if (mp_skip_depth(&r, MP_DEPTH_MAX - 1) < 0)
		return -EPROTO;
	mp_put_bool(b, spawn->links);
	mp_put_bool(b, spawn->ret_monitor);
	if (b->size_bytes > ACTOR_BODY_MAX_BYTES)
		return -EMSGSIZE;
	return buf_error(b);
}

/* Not through call_wait(): spawn_answered() has to run at once. */
static int spawn_once(struct actor *self, struct spawn_at *spawn, const struct wire_dest *to,
	int64_t deadline_ns, const char *format, va_list args)
{
	actor_group *group = self->group;
	int r = send_ready_to_call(group, self, to, METHOD_SPAWN, deadline_ns);

	if (r == 0)
		r = spawn_pack(&group->scratch, spawn, format, args);
	if (r < 0)
		return r;
	spawn->call = (struct call){.done = spawn_answered, .keeps_errors = true};
	spawn->done = false;
	r = call_start(&spawn->call, group, self, to, wire_cstr(METHOD_SPAWN), group->scratch.data,
		group->scratch.size_bytes, deadline_ns);
	if (r < 0)
		return r;
	while (!spawn->done) {
		self->waiting_call = &spawn->call;
		r = actor_park(self, NEVER_NS);
		self->waiting_call = NULL;
		if (r < 0 && !spawn->done) {
			call_cancel(&spawn->call);
			return r;
		}
	}
	return spawn->r;
}

static int spawn_at(actor *self, const actor_dest *where, struct spawn_at *spawn, int64_t timeout_ms,
	const char *format, va_list list)
{
	struct send send;
	va_list args;
	int r;

	if (!self || !actor_is_current(self) || !spawn->behavior ||
		!wire_name_is_valid(spawn->behavior, strlen(spawn->behavior)))
		return -EINVAL;
	send = (struct send){self->group, self, where, deadline_of_timeout_ms(timeout_ms)};
	if (spawn->ret_why)
		*spawn->ret_why = (struct actor_cause){0};
	do {
		r = send_find(&send);
		if (r < 0)
			break;
		va_copy(args, list);
		r = spawn_once(self, spawn, &send.dest, send.deadline_ns, format, args);
		va_end(args);
	} while (send_again(&send, &r));
	return r;
}

/* ---- public ---- */

int actor_behavior_register_sized(
	actor_group *group, const char *name, const struct actor_behavior *behavior, size_t behavior_bytes)
{
	int r;

	if (!group || !name || !wire_name_is_valid(name, strlen(name)))
		return -EINVAL;
	r = behavior_known(group, &behavior, behavior_bytes);
	return r < 0 ? r : guests_know(group, name, behavior);
}

int actor_spawn_at(actor *self, actor_dest where, const char *behavior, int64_t timeout_ms, actor_ref *ret,
	struct actor_cause *ret_why, const char *format, ...)
{
	struct spawn_at spawn = {.behavior = behavior, .ret = ret, .ret_why = ret_why};
	va_list args;
	int r;

	va_start(args, format);
	r = spawn_at(self, &where, &spawn, timeout_ms, format, args);
	va_end(args);
	return r;
}

int actor_spawn_at_link(actor *self, actor_dest where, const char *behavior, int64_t timeout_ms,
	actor_ref *ret, struct actor_cause *ret_why, const char *format, ...)
{
	struct spawn_at spawn = {.behavior = behavior, .links = true, .ret = ret, .ret_why = ret_why};
	va_list args;
	int r;

	va_start(args, format);
	r = spawn_at(self, &where, &spawn, timeout_ms, format, args);
	va_end(args);
	return r;
}

int actor_spawn_at_monitor(actor *self, actor_dest where, const char *behavior, int64_t timeout_ms,
	actor_ref *ret, uint64_t *ret_monitor, struct actor_cause *ret_why, const char *format, ...)
{
	uint64_t monitor;
	struct spawn_at spawn = {.behavior = behavior,
		.ret_monitor = ret_monitor ? ret_monitor : &monitor,
		.ret = ret,
		.ret_why = ret_why};
	va_list args;
	int r;

	va_start(args, format);
	r = spawn_at(self, &where, &spawn, timeout_ms, format, args);
	va_end(args);
	return r;
}

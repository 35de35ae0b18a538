/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending of casts and calls. First a sender waits until it may send, then it packs the body, then it sends.
 */
#include "libactor/send.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/call.h"
#include "libactor/actor/dead-letters.h"
#include "libactor/actor/name.h"
#include "libactor/actor/pg-pick.h"
#include "libactor/actor/pg.h"
#include "libactor/actor/post.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/peer/name-cache.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "libactor/util/clock.h"

#define TRIES_MAX     100
#define FREED_SOON_MS 5

int send_dest_of_name(
	actor_group *group, struct actor *self, const char *name, int64_t timeout_ms, struct wire_dest *ret)
{
	if (!name || !wire_name_is_valid(name, strlen(name)))
		return -EINVAL;
	*ret = (struct wire_dest){0};
	if (group->mode == ACTOR_JOIN_BROKER || group->mode == ACTOR_JOIN_SPAWNER) {
		ret->name = wire_cstr(name);
		return 0;
	}
	return name_resolve(group, self, name, timeout_ms, &ret->ref);
}

/* ---- where to ---- */

static int64_t timeout_of(int64_t deadline_ns)
{
	return deadline_ns == SEND_BLOCK_MAX ? SEND_BLOCK_MAX_MS : deadline_left_ms(deadline_ns);
}

int send_find(struct send *send)
{
	int64_t timeout_ms;
	const char *name = send->to->name;
	int r;

	send->dest = (struct wire_dest){0};
	send->found = false;
	if (!name) {
		send->dest.ref = send->to->to.ref;
		send->found = true;
		return 0;
	}
	timeout_ms = timeout_of(send->deadline_ns);
	/*
	 * The loop of a client does not run between its calls. So what the client knows may be out of date,
	 * and the news may wait in the loop.
	 */
	if (!send->self && send->to->to.by.how != ACTOR_DEST_NAME && !send->group->loop.in_loop)
		loop_poll(&send->group->loop);
	switch (send->to->to.by.how) {
	case ACTOR_DEST_NAME:
		r = send_dest_of_name(send->group, send->self, name, timeout_ms, &send->dest);
		break;
	case ACTOR_DEST_NAME_WAIT:
		r = wire_name_is_valid(name, strlen(name))
			    ? name_resolve_wait(send->group, send->self, name, timeout_ms, &send->dest.ref)
			    : -EINVAL;
		if (r == -ETIMEDOUT && send->is_cast)
			r = -ESRCH;
		break;
	case ACTOR_DEST_PG_ANY:
	case ACTOR_DEST_PG_RANDOM:
	case ACTOR_DEST_PG_KEY:
	case ACTOR_DEST_PG_LEAST:
		r = pg_pick(send->group, send->self, send->to, timeout_ms, &send->dest.ref);
		break;
	default:
		r = -EINVAL; /* ACTOR_DEST_PG_ALL, where only one target is possible */
	}
	send->found = r == 0;
	if (r == 0 && send->to->to.by.how == ACTOR_DEST_PG_LEAST)
		pg_call_begin(send->group, send->dest.ref);
	return r;
}

int send_wait_until(actor_group *group, struct actor *self, int64_t until_ns)
{
	int r = self ? actor_park(self, until_ns) : loop_pump_until(&group->loop, until_ns);

	return r == -ETIMEDOUT ? 0 : r;
}

/*
 * An actor that is ending still has its name. The broker is told when it gives the name up; this group is not
 * told.
 */
static int wait_a_little(struct send *send)
{
	return send_wait_until(send->group, send->self, deadline_after_ms(clock_now_ns(), FREED_SOON_MS));
}

bool send_again(struct send *send, int *r)
{
	actor_ref tried = send->dest.ref;
	uint64_t how = send->to->name ? send->to->to.by.how : ACTOR_DEST_NAME;

	if (!send->found)
		return false;
	if (how == ACTOR_DEST_PG_LEAST)
		pg_call_end(send->group, tried);
	if (*r == -ENXIO) {
		*r = -ESRCH;
		return false;
	}
	if (*r != -ESRCH || how == ACTOR_DEST_NAME)
		return false;
	if (send->deadline_ns == SEND_BLOCK_MAX)
		send->deadline_ns = deadline_after_ms(clock_now_ns(), SEND_BLOCK_MAX_MS);
	if (++send->n_tries >= TRIES_MAX || clock_now_ns() >= send->deadline_ns)
		return false;
	if (how != ACTOR_DEST_NAME_WAIT) {
		pgs_forget_ref(send->group, tried);
		return true;
	}
	names_forget_ref(send->group, tried);
	if (send->n_tries == 1)
		return true;
	*r = wait_a_little(send);
	return *r == 0;
}

int send_cast_result(const struct send *send, int r)
{
	if (r != -ESRCH || (!send->found && send->to->name && send->to->to.by.how != ACTOR_DEST_NAME))
		return r;
	send->group->stats.casts_dropped++;
	return 0;
}

/* A cast to a dead target is a dead letter, if an actor observes dead letters. */
static void send_dead_vcast(
	const struct send *send, int r, const char *method, const char *format, va_list args)
{
	struct buf *scratch = &send->group->scratch;

	if (r != -ESRCH || !send->found || send->dest.name.s || !dead_letters_are_wanted(send->group) ||
		post_check_method(method) < 0)
		return;
	if (body_vpack_alone(scratch, BODY_ARGS, format, args) == 0)
		dead_letter_of_cast(send->group, send->dest.ref, send->self->ref, wire_cstr(method),
			scratch->data, scratch->size_bytes);
}

/* ---- functions for actors and the client ---- */

int send_args_body(actor_group *group, const struct send_args *args, const uint8_t **ret, size_t *ret_bytes)
{
	va_list list;
	int r;

	*ret = NULL;
	*ret_bytes = 0;
	if (!args->list)
		return args->msg ? msg_take_body(args->msg, BODY_ARGS, ret, ret_bytes) : 0;
	va_copy(list, *args->list);
	r = body_vpack_alone(&group->scratch, BODY_ARGS, args->format, list);
	va_end(list);
	*ret = group->scratch.data;
	*ret_bytes = group->scratch.size_bytes;
	return r;
}

int send_vcast(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method,
	const char *format, va_list args)
{
	struct wire_str name;
	int r;

	r = post_method(method, &name);
	if (r == 0)
		r = send_ready(group, self, to, SEND_BLOCK_MAX);
	if (r < 0)
		return r;
	r = body_vpack_alone(&group->scratch, BODY_ARGS, format, args);
	return r < 0 ? r : send_cast(group, self, to, name, group->scratch.data, group->scratch.size_bytes);
}

int send_cast_msg(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method,
	actor_msg **take_args)
{
	const uint8_t *body = NULL;
	size_t body_bytes = 0;
	int r;

	r = post_check_method(method);
	if (r == 0 && take_args && *take_args)
		r = msg_take_body(*take_args, BODY_ARGS, &body, &body_bytes);
	if (r < 0)
		return r;
	r = send_ready(group, self, to, SEND_BLOCK_MAX);
	if (r == 0)
		r = send_cast(group, self, to, wire_cstr(method), body, body_bytes);
	if (r == 0 && take_args)
		*take_args = actor_msg_free(*take_args);
	return r;
}

static int send_cast_msg_result(const struct send *send, int r, const char *method, actor_msg **take_args)
{
	const uint8_t *body = NULL;
	size_t body_bytes = 0;
	int bad = post_check_method(method);

	if (r != -ESRCH || send_cast_result(send, r) < 0)
		return r;
	/* No actor gets this message, but its method and arguments are checked all the same. */
	if (bad == 0 && take_args && *take_args)
		bad = msg_take_body(*take_args, BODY_ARGS, &body, &body_bytes);
	if (bad == 0 && send->found && !send->dest.name.s)
		dead_letter_of_cast(
			send->group, send->dest.ref, send->self->ref, wire_cstr(method), body, body_bytes);
	if (bad == 0 && take_args)
		*take_args = actor_msg_free(*take_args);
	return bad;
}

int send_vcall(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method,
	int64_t deadline_ns, actor_msg **ret_msg, const char *format, va_list args)
{
	struct wire_str name;
	int r;

	if (ret_msg)
		*ret_msg = NULL;
	r = post_method(method, &name);
	if (r == 0)
		r = send_ready_to_call(group, self, to, method, deadline_ns);
	if (r < 0)
		return r;
	r = body_vpack_alone(&group->scratch, BODY_ARGS, format, args);
	if (r < 0)
		return r;
	return call_wait(
		group, self, to, name, group->scratch.data, group->scratch.size_bytes, deadline_ns, ret_msg);
}

int send_call_msg(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method,
	int64_t deadline_ns, const actor_msg *args, bool *ret_sent, actor_msg **ret_msg)
{
	const uint8_t *body = NULL;
	size_t body_bytes = 0;
	int r;

	if (ret_msg)
		*ret_msg = NULL;
	r = post_check_method(method);
	if (r == 0 && args)
		r = msg_take_body(args, BODY_ARGS, &body, &body_bytes);
	if (r == 0)
		r = send_ready_to_call(group, self, to, method, deadline_ns);
	if (r < 0)
		return r;
	*ret_sent = true;
	return call_wait(group, self, to, wire_cstr(method), body, body_bytes, deadline_ns, ret_msg);
}

int send_call_for_other(actor *self, actor_ref ref, const char *method, const actor_msg *args, bool *ret_sent,
	actor_msg **ret_msg)
{
	const struct wire_dest to = {.ref = ref};
	const uint8_t *body = NULL;
	size_t body_bytes = 0;
	int r;

	*ret_msg = NULL;
	*ret_sent = false;
	r = post_check_method(method);
	if (r == 0 && args)
		r = msg_take_body(args, BODY_ARGS, &body, &body_bytes);
	if (r == 0)
		r = send_ready(self->group, self, &to, NEVER_NS);
	if (r < 0)
		return r;
	return call_wait_keeping_errors(
		self->group, self, &to, wire_cstr(method), body, body_bytes, NEVER_NS, ret_sent, ret_msg);
}

/* A cast to a ref has failed, and there is no other way to its target. */
static int cast_failed(
	actor *self, const actor_dest *to, int r, const char *method, const char *format, va_list args)
{
	struct send send = {self->group, self, to, SEND_BLOCK_MAX, .is_cast = true};

	(void)send_find(&send);
	(void)send_again(&send, &r);
	send_dead_vcast(&send, r, method, format, args);
	return send_cast_result(&send, r);
}

int actor_cast(actor *self, actor_dest to, const char *method, const char *format, ...)
{
	struct send send;
	va_list args;
	int r;

	if (!to.name) {
		const struct wire_dest dest = {.ref = to.to.ref};

		va_start(args, format);
		r = send_vcast(self->group, self, &dest, method, format, args);
		va_end(args);
		if (r == 0)
			return 0;
		va_start(args, format);
		r = cast_failed(self, &to, r, method, format, args);
		va_end(args);
		return r;
	}
	send = (struct send){self->group, self, &to, SEND_BLOCK_MAX, .is_cast = true};
	if (send_is_to_all(&to)) {
		r = send_all_ready(self->group, self, &to, SEND_BLOCK_MAX);
		if (r < 0)
			return r;
		va_start(args, format);
		r = send_all_vcast(self->group, self, &to, method, format, args);
		va_end(args);
		return r;
	}
	do {
		r = send_find(&send);
		if (r < 0)
			break;
		va_start(args, format);
		r = send_vcast(self->group, self, &send.dest, method, format, args);
		va_end(args);
	} while (send_again(&send, &r));
	va_start(args, format);
	send_dead_vcast(&send, r, method, format, args);
	va_end(args);
	return send_cast_result(&send, r);
}

int actor_cast_msg(actor *self, actor_dest to, const char *method, actor_msg **take_args)
{
	struct send send = {self->group, self, &to, SEND_BLOCK_MAX, .is_cast = true};
	int r;

	if (send_is_to_all(&to)) {
		r = send_all_ready(self->group, self, &to, SEND_BLOCK_MAX);
		return r < 0 ? r : send_all_cast_msg(self->group, self, &to, method, take_args);
	}
	do {
		r = send_find(&send);
		if (r == 0)
			r = send_cast_msg(self->group, self, &send.dest, method, take_args);
	} while (send_again(&send, &r));
	return send_cast_msg_result(&send, r, method, take_args);
}

int actor_call(actor *self, actor_dest to, const char *method, int64_t timeout_ms, actor_msg **ret_msg,
	const char *format, ...)
{
	struct send send;
	va_list args;
	int r;

	if (!to.name) {
		const struct wire_dest dest = {.ref = to.to.ref};

		va_start(args, format);
		r = send_vcall(self->group, self, &dest, method, deadline_of_timeout_ms(timeout_ms), ret_msg,
			format, args);
		va_end(args);
		return r == -ENXIO ? -ESRCH : r; /* as send_again() does for a ref */
	}
	send = (struct send){self->group, self, &to, deadline_of_timeout_ms(timeout_ms)};
	if (ret_msg)
		*ret_msg = NULL;
	do {
		r = send_find(&send);
		if (r < 0)
			break;
		va_start(args, format);
		r = send_vcall(
			self->group, self, &send.dest, method, send.deadline_ns, ret_msg, format, args);
		va_end(args);
	} while (send_again(&send, &r));
	return r;
}

int actor_call_msg(actor *self, actor_dest to, const char *method, int64_t timeout_ms, actor_msg **take_args,
	actor_msg **ret_msg)
{
	struct send send = {self->group, self, &to, deadline_of_timeout_ms(timeout_ms)};
	bool sent = false;
	int r;

	if (ret_msg)
		*ret_msg = NULL;
	do {
		r = send_find(&send);
		if (r == 0)
			r = send_call_msg(self->group, self, &send.dest, method, send.deadline_ns,
				take_args ? *take_args : NULL, &sent, ret_msg);
	} while (send_again(&send, &r));
	if (sent && take_args)
		*take_args = actor_msg_free(*take_args);
	return r;
}

int actor_sleep(actor *self, int64_t delay_ms)
{
	int r;

	if (delay_ms < 0 || !actor_is_current(self))
		return -EINVAL;
	r = actor_park(self, deadline_after_ms(clock_now_ns(), delay_ms));
	return r == -ETIMEDOUT ? 0 : r;
}

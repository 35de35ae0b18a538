/* SPDX-License-Identifier: Apache-2.0 */
/* Sending: cast and call. First the right to send is waited for, then the body is packed, then it goes. */
#include "libactor/send.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/call.h"
#include "libactor/actor/name.h"
#include "libactor/actor/post.h"
#include "libactor/base/base.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "libactor/util/clock.h"

int send_dest_of_name(
	actor_group *group, struct actor *self, const char *name, int64_t timeout_ms, struct wire_dest *ret)
{
	int r;

	if (!name || !wire_name_is_valid(name, strlen(name)))
		return -EINVAL;
	*ret = (struct wire_dest){0};
	if (group->mode == ACTOR_JOIN_BROKER || group->mode == ACTOR_JOIN_SPAWNER) {
		ret->name = wire_cstr(name);
		return 0;
	}
	r = name_resolve(group, self, name, timeout_ms, &ret->ref);
	return r;
}

/* A cast to something dead is lost, and that is no error. */
static int cast_result(actor_group *group, int r)
{
	if (r == -ESRCH) {
		group->stats.casts_dropped++;
		return 0;
	}
	return r;
}

/* ---- what actors, and the client, send with ---- */

int send_vcast(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method,
	const char *format, va_list args)
{
	int r;

	r = post_check_method(method);
	if (r == 0)
		r = send_ready(group, self, to, SEND_BLOCK_MAX);
	if (r < 0)
		return cast_result(group, r);
	buf_reset(&group->scratch, 1 << 16);
	r = body_vpack(&group->scratch, BODY_ARGS, format ? format : "", args);
	return r < 0 ? r
		     : send_cast(group, self, to, wire_cstr(method), group->scratch.data,
			       group->scratch.size_bytes);
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
	r = cast_result(group, r);
	if (r == 0 && take_args)
		*take_args = actor_msg_free(*take_args);
	return r;
}

int send_vcall(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method,
	int64_t deadline_ns, actor_msg **ret_msg, const char *format, va_list args)
{
	int r;

	if (ret_msg)
		*ret_msg = NULL;
	r = post_check_method(method);
	if (r == 0)
		r = send_ready(group, self, to, deadline_ns);
	if (r < 0)
		return r;
	buf_reset(&group->scratch, 1 << 16);
	r = body_vpack(&group->scratch, BODY_ARGS, format ? format : "", args);
	if (r < 0)
		return r;
	return call_wait(group, self, to, wire_cstr(method), group->scratch.data, group->scratch.size_bytes,
		deadline_ns, ret_msg);
}

int send_call_msg(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method,
	int64_t deadline_ns, actor_msg **take_args, actor_msg **ret_msg)
{
	const uint8_t *body = NULL;
	size_t body_bytes = 0;
	actor_msg *args = NULL;
	int r;

	if (ret_msg)
		*ret_msg = NULL;
	r = post_check_method(method);
	if (r == 0 && take_args && *take_args)
		r = msg_take_body(*take_args, BODY_ARGS, &body, &body_bytes);
	if (r == 0)
		r = send_ready(group, self, to, deadline_ns);
	if (r < 0)
		return r;
	if (take_args) {
		args = *take_args;
		*take_args = NULL;
	}
	r = call_wait(group, self, to, wire_cstr(method), body, body_bytes, deadline_ns, ret_msg);
	actor_msg_free(args);
	return r;
}

int send_dest(
	actor_group *group, struct actor *self, actor_dest to, int64_t deadline_ns, struct wire_dest *ret)
{
	if (to.name)
		return send_dest_of_name(group, self, to.name,
			deadline_ns == SEND_BLOCK_MAX ? SEND_BLOCK_MAX_MS : deadline_left_ms(deadline_ns),
			ret);
	*ret = (struct wire_dest){.ref = to.ref};
	return 0;
}

int actor_cast(actor *self, actor_dest to, const char *method, const char *format, ...)
{
	struct wire_dest dest;
	va_list args;
	int r;

	r = send_dest(self->group, self, to, SEND_BLOCK_MAX, &dest);
	if (r < 0)
		return cast_result(self->group, r);
	va_start(args, format);
	r = send_vcast(self->group, self, &dest, method, format, args);
	va_end(args);
	return r;
}

int actor_cast_msg(actor *self, actor_dest to, const char *method, actor_msg **take_args)
{
	struct wire_dest dest;
	int r;

	r = send_dest(self->group, self, to, SEND_BLOCK_MAX, &dest);
	if (r < 0 && r != -ESRCH)
		return r;
	if (r == -ESRCH)
		dest = (struct wire_dest){0}; /* nobody has that name: checked like any other, and lost */
	return send_cast_msg(self->group, self, &dest, method, take_args);
}

int actor_call(actor *self, actor_dest to, const char *method, int64_t timeout_ms, actor_msg **ret_msg,
	const char *format, ...)
{
	int64_t deadline_ns = deadline_of_timeout_ms(timeout_ms);
	struct wire_dest dest;
	va_list args;
	int r;

	if (ret_msg)
		*ret_msg = NULL;
	r = send_dest(self->group, self, to, deadline_ns, &dest);
	if (r < 0)
		return r;
	va_start(args, format);
	r = send_vcall(self->group, self, &dest, method, deadline_ns, ret_msg, format, args);
	va_end(args);
	return r;
}

int actor_call_msg(actor *self, actor_dest to, const char *method, int64_t timeout_ms, actor_msg **take_args,
	actor_msg **ret_msg)
{
	int64_t deadline_ns = deadline_of_timeout_ms(timeout_ms);
	struct wire_dest dest;
	int r;

	if (ret_msg)
		*ret_msg = NULL;
	r = send_dest(self->group, self, to, deadline_ns, &dest);
	return r < 0 ? r : send_call_msg(self->group, self, &dest, method, deadline_ns, take_args, ret_msg);
}

int actor_sleep(actor *self, int64_t delay_ms)
{
	int r;

	if (delay_ms < 0 || !actor_is_current(self))
		return -EINVAL;
	r = actor_park(self, deadline_after_ms(clock_now_ns(), delay_ms));
	return r == -ETIMEDOUT ? 0 : r;
}

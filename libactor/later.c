/* SPDX-License-Identifier: Apache-2.0 */
/* Timers that do something to other actors: a cast to any destination, and the end of any actor. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/post.h"
#include "libactor/actor/timers.h"
#include "libactor/base/base.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/wire.h"

/* Runs in the turn of @self, so it may wait as any cast. If the cast fails, no caller can be told. */
static void later_cast(
	struct actor *self, const actor_dest *to, const char *method, const void *body, size_t body_bytes)
{
	actor_msg *args = NULL;
	int r;

	r = actor_msg_new(&args);
	if (r == 0)
		r = actor_msg_write(args, body, body_bytes);
	if (r == 0)
		r = actor_cast_msg(self, *to, method, &args);
	if (r < 0)
		self->group->stats.casts_dropped++;
	actor_msg_free(args);
}

static bool dest_is_sound(const actor_dest *to)
{
	const char *scope;

	if (!to->name)
		return true;
	scope = to->to.by.scope;
	return wire_name_is_valid(to->name, strlen(to->name)) &&
	       (!scope || wire_name_is_valid(scope, strlen(scope)));
}

static int later_new(
	struct actor *self, struct alarm_spec *spec, uint64_t *ret_timer, const char *format, va_list args)
{
	if (!dest_is_sound(spec->to))
		return -EINVAL;
	spec->send = later_cast;
	return alarm_new_cast(self, spec, ret_timer, format, args);
}

int actor_send_after_to(actor *self, int64_t delay_ms, actor_dest to, const char *method, uint64_t *ret_timer,
	const char *format, ...)
{
	struct alarm_spec spec = {.delay_ms = delay_ms, .to = &to, .text = method};
	va_list args;
	int r;

	va_start(args, format);
	r = later_new(self, &spec, ret_timer, format, args);
	va_end(args);
	return r;
}

int actor_send_interval_to(actor *self, int64_t period_ms, actor_dest to, const char *method,
	uint64_t *ret_timer, const char *format, ...)
{
	struct alarm_spec spec = {.delay_ms = period_ms, .period_ms = period_ms, .to = &to, .text = method};
	va_list args;
	int r;

	if (period_ms <= 0)
		return -EINVAL;
	va_start(args, format);
	r = later_new(self, &spec, ret_timer, format, args);
	va_end(args);
	return r;
}

/* ---- ends ---- */

static void later_stop(
	struct actor *self, const actor_dest *to, const char *reason, const void *body, size_t body_bytes)
{
	(void)actor_stop(self, to->to.ref, reason);
}

static void later_kill(
	struct actor *self, const actor_dest *to, const char *reason, const void *body, size_t body_bytes)
{
	(void)actor_kill(self, to->to.ref);
}

int actor_exit_after(actor *self, actor_ref who, int64_t delay_ms, const char *reason, uint64_t *ret_timer)
{
	actor_dest to = actor_to(who);
	struct alarm_spec spec = {
		.delay_ms = delay_ms, .to = &to, .text = reason ? reason : "normal", .act = later_stop};

	return alarm_new(self, &spec, ret_timer);
}

int actor_kill_after(actor *self, actor_ref who, int64_t delay_ms, uint64_t *ret_timer)
{
	actor_dest to = actor_to(who);
	struct alarm_spec spec = {.delay_ms = delay_ms, .to = &to, .text = "", .act = later_kill};

	return alarm_new(self, &spec, ret_timer);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Casts to oneself, later. */
#include "libactor/actor/timers.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/post.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "libactor/util/clock.h"
#include "libactor/util/list.h"
#include "libactor/util/slots.h"

struct send_timer {
	uint64_t id;
	struct actor *self;
	struct list link; /* actor.timers */
	struct timer timer;
	actor_msg *msg;
};

static void send_timer_free(struct send_timer *timer)
{
	actor_group *group = timer->self->group;

	list_remove(&timer->link);
	timer_deinit(&group->loop, &timer->timer);
	slots_give(&group->send_timers, timer->id);
	actor_msg_free(timer->msg);
	free(timer);
}

static void send_timer_fire(struct loop *loop, struct timer *base)
{
	struct send_timer *timer = container_of(base, struct send_timer, timer);

	mailbox_push(timer->self, timer->msg);
	timer->msg = NULL;
	send_timer_free(timer);
}

void send_timers_end(struct actor *self)
{
	while (!list_is_empty(&self->timers))
		send_timer_free(container_of(self->timers.next, struct send_timer, link));
}

int actor_send_after(
	actor *self, int64_t delay_ms, const char *method, uint64_t *ret_timer, const char *format, ...)
{
	actor_group *group = self->group;
	struct send_timer *timer;
	va_list args;
	int r;

	r = post_check_method(method);
	if (r < 0 || delay_ms < 0)
		return -EINVAL;
	buf_reset(&group->scratch, 1 << 16);
	va_start(args, format);
	r = body_vpack(&group->scratch, BODY_ARGS, format ? format : "", args);
	va_end(args);
	if (r < 0)
		return r;
	timer = calloc(1, sizeof(*timer));
	if (!timer)
		return -ENOMEM;
	r = msg_new_received(
		&timer->msg, self->ref, wire_cstr(method), group->scratch.data, group->scratch.size_bytes);
	if (r < 0) {
		free(timer);
		return r;
	}
	timer->msg->kind = MSG_CAST;
	timer->self = self;
	r = slots_take(&group->send_timers, timer, &timer->id);
	if (r == 0) {
		r = timer_init(&group->loop, &timer->timer, send_timer_fire);
		if (r < 0)
			slots_give(&group->send_timers, timer->id);
	}
	if (r < 0) {
		actor_msg_free(timer->msg);
		free(timer);
		return r;
	}
	list_append(&self->timers, &timer->link);
	timer_arm(&group->loop, &timer->timer, deadline_after_ms(clock_now_ns(), delay_ms));
	if (ret_timer)
		*ret_timer = timer->id;
	return 0;
}

bool actor_timer_cancel(actor *self, uint64_t id)
{
	struct send_timer *timer = slots_get(&self->group->send_timers, id);

	if (!timer || timer->self != self)
		return false;
	send_timer_free(timer);
	return true;
}

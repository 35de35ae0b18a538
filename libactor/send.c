/* Sending: cast, call, and casts to oneself later. First the right to send is waited for, then the body is packed, then it goes. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/call.h"
#include "libactor/actor/mailbox.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/node/name.h"
#include "libactor/node/peer.h"
#include "libactor/protocol/wire.h"
#include "libactor/send.h"
#include "libactor/util/buf.h"
#include "libactor/util/clock.h"
#include "libactor/util/list.h"
#include "libactor/util/slots.h"

static bool dest_is_local(const actor_group *group, const struct wire_dest *to)
{
	return !to->name.s && to->ref.group == group->id && to->ref.node == group->node;
}

int send_no_route(const actor_group *group, const struct wire_dest *to)
{
	/* whoever has no more than the link to a daemon has no way while that is away; others make one, unless there is no memory for it */
	return to->name.s || group->mode != ACTOR_JOIN_DIRECT || group->uplink.state == UPLINK_NONE ? -ENOTCONN : -ENOMEM;
}

int send_ready(actor_group *group, struct actor *self, const struct wire_dest *to, int64_t deadline_ns)
{
	struct actor *target;
	struct peer *peer;

	if (dest_is_local(group, to))
		return mailbox_wait_room(group, to->ref.serial, self, deadline_ns, &target);
	if (to->name.s) {
		peer = group->uplink.peer;
		if (!peer)
			return -ENOTCONN;
	} else {
		if (to->ref.node != group->node || !to->ref.group)
			return -ESRCH;
		peer = peer_route(group, to->ref.group, true);
		if (!peer)
			return send_no_route(group, to);
	}
	return peer_wait_unpaused(&peer, to->ref, self, deadline_ns);
}

int send_dest_of_name(actor_group *group, struct actor *self, const char *name, int64_t timeout_ms, struct wire_dest *ret)
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

int send_cast(actor_group *group, struct actor *self, const struct wire_dest *to, struct wire_str method, const void *args, size_t args_bytes)
{
	actor_ref from = self ? self->ref : group_ref(group, 0);
	struct actor *target;
	struct peer *peer;
	actor_msg *msg;
	int r;

	if (dest_is_local(group, to)) {
		target = actor_find(group, to->ref.serial);
		if (!target || target->status == ACTOR_ENDING) {
			group->stats.casts_dropped++;
			return 0;
		}
		r = msg_new_received(&msg, from, method, args, args_bytes);
		if (r < 0)
			return r;
		msg->kind = MSG_CAST;
		mailbox_push(target, msg);
		return 0;
	}
	peer = to->name.s ? group->uplink.peer : peer_route(group, to->ref.group, true);
	if (!peer)
		return send_no_route(group, to);
	wire_put_cast(peer_out(peer), to, from, method, args, args_bytes);
	peer_wrote(peer);
	return 0;
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

/* What a peer would refuse, and end the link for, does not leave. */
static int method_check(const char *method)
{
	return method && wire_name_is_valid(method, strlen(method)) ? 0 : -EINVAL;
}

/* ---- what actors, and the client, send with ---- */

int send_vcast(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method, const char *format, va_list args)
{
	int r;

	r = method_check(method);
	if (r == 0)
		r = send_ready(group, self, to, SEND_BLOCK_MAX);
	if (r < 0)
		return cast_result(group, r);
	buf_reset(&group->scratch, 1 << 16);
	r = body_vpack(&group->scratch, BODY_ARGS, format ? format : "", args);
	return r < 0 ? r : send_cast(group, self, to, wire_cstr(method), group->scratch.data, group->scratch.size_bytes);
}

int send_cast_msg(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method, actor_msg **take_args)
{
	const uint8_t *body = NULL;
	size_t body_bytes = 0;
	int r;

	r = method_check(method);
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

int send_vcall(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method, int64_t deadline_ns,
	actor_msg **ret_msg, const char *format, va_list args)
{
	int r;

	if (ret_msg)
		*ret_msg = NULL;
	r = method_check(method);
	if (r == 0)
		r = send_ready(group, self, to, deadline_ns);
	if (r < 0)
		return r;
	buf_reset(&group->scratch, 1 << 16);
	r = body_vpack(&group->scratch, BODY_ARGS, format ? format : "", args);
	if (r < 0)
		return r;
	return call_wait(group, self, to, wire_cstr(method), group->scratch.data, group->scratch.size_bytes, deadline_ns, ret_msg);
}

int send_call_msg(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method, int64_t deadline_ns,
	actor_msg **take_args, actor_msg **ret_msg)
{
	const uint8_t *body = NULL;
	size_t body_bytes = 0;
	actor_msg *args = NULL;
	int r;

	if (ret_msg)
		*ret_msg = NULL;
	r = method_check(method);
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

int send_dest(actor_group *group, struct actor *self, actor_dest to, int64_t deadline_ns, struct wire_dest *ret)
{
	if (to.name)
		return send_dest_of_name(group, self, to.name, deadline_ns == SEND_BLOCK_MAX ? SEND_BLOCK_MAX_MS : deadline_left_ms(deadline_ns), ret);
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

int actor_call(actor *self, actor_dest to, const char *method, int64_t timeout_ms, actor_msg **ret_msg, const char *format, ...)
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

int actor_call_msg(actor *self, actor_dest to, const char *method, int64_t timeout_ms, actor_msg **take_args, actor_msg **ret_msg)
{
	int64_t deadline_ns = deadline_of_timeout_ms(timeout_ms);
	struct wire_dest dest;
	int r;

	if (ret_msg)
		*ret_msg = NULL;
	r = send_dest(self->group, self, to, deadline_ns, &dest);
	return r < 0 ? r : send_call_msg(self->group, self, &dest, method, deadline_ns, take_args, ret_msg);
}

/* ---- later ---- */

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

int actor_send_after(actor *self, int64_t delay_ms, const char *method, uint64_t *ret_timer, const char *format, ...)
{
	actor_group *group = self->group;
	struct send_timer *timer;
	va_list args;
	int r;

	r = method_check(method);
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
	r = msg_new_received(&timer->msg, self->ref, wire_cstr(method), group->scratch.data, group->scratch.size_bytes);
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

int actor_sleep(actor *self, int64_t delay_ms)
{
	int r;

	if (delay_ms < 0 || !actor_is_current(self))
		return -EINVAL;
	r = actor_park(self, deadline_after_ms(clock_now_ns(), delay_ms));
	return r == -ETIMEDOUT ? 0 : r;
}

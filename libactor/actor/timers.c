/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers of actors: casts to the actor itself and to others, once or at intervals; later ends; idle times.
 *
 * A timer is one cell of the group's slab: 128 bytes with its method and small arguments. A message is made
 * only when the timer is due, and the cell is given back while it is in the cache. If there is no memory for
 * the message, the timer stays due and is tried again. A timer that goes on (an interval, an idle time), or
 * whose cast is still to be sent, knows whether a message of it waits; so an interval never has more than one
 * message. Cancelling also takes back a message that waits in the timer's own actor's mailbox.
 */
#include "libactor/actor/timers.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/post.h"
#include "libactor/actor/taps.h"
#include "libactor/actor/tracing.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "libactor/util/clock.h"
#include "libactor/util/list.h"
#include "libactor/util/slab.h"
#include "libactor/util/slots.h"

#define CELL_BYTES   128
#define NO_MEMORY_MS 10 /* after this time a due timer without memory is tried again */

enum alarm_what {
	ALARM_SELF,  /* a cast to its own actor */
	ALARM_LOCAL, /* a cast to another actor of this group, by ref: nothing to wait for */
	ALARM_SEND,  /* a cast to any destination, in the turn of the timer's actor */
	ALARM_ACT,
	ALARM_IDLE,
};

struct alarm {
	struct timer timer;
	struct list link; /* actor.timers */
	struct actor *self;
	uint64_t id;
	int64_t period_ns; /* 0: once; for ALARM_IDLE: the idle time */
	union {
		uint64_t n_merged;   /* of an interval: number of ticks without a message of their own */
		int64_t idle_due_ns; /* of ALARM_IDLE; the timer may be armed for an earlier time */
	};
	uint32_t body_bytes;
	uint8_t text_bytes; /* without its NUL */
	uint8_t what;
	bool queued; /* its message is in a mailbox */
	bool in_slab : 1;
	bool traced : 1;
	/*
	 * struct wire_trace if it is traced; struct alarm_far if it is for others; text, NUL, body, and the
	 * strings to which `to` points
	 */
	char content[];
};

struct alarm_far {
	actor_dest to;
	alarm_fn fn;
};

_Static_assert(offsetof(struct alarm, content) % _Alignof(struct alarm_far) == 0, "content begins with one");
_Static_assert(sizeof(struct alarm) + 32 <= CELL_BYTES, "there is room for a method");

/* The trace of the handler that made the timer; NULL: none. */
static const struct wire_trace *alarm_trace(const struct alarm *alarm)
{
	return alarm->traced ? (const struct wire_trace *)alarm->content : NULL;
}

static struct alarm_far *alarm_far(struct alarm *alarm)
{
	return (struct alarm_far *)(alarm->content + (alarm->traced ? sizeof(struct wire_trace) : 0));
}

static bool alarm_is_far(const struct alarm *alarm)
{
	return alarm->what == ALARM_LOCAL || alarm->what == ALARM_SEND || alarm->what == ALARM_ACT;
}

static const char *alarm_text(const struct alarm *alarm)
{
	const char *text = (const char *)alarm_far((struct alarm *)alarm);

	return text + (alarm_is_far(alarm) ? sizeof(struct alarm_far) : 0);
}

static const void *alarm_body(const struct alarm *alarm)
{
	return alarm_text(alarm) + alarm->text_bytes + 1;
}

void alarms_init(actor_group *group)
{
	slab_init(&group->timer_cells, CELL_BYTES);
}

void alarms_deinit(actor_group *group)
{
	slots_deinit(&group->send_timers);
	slab_deinit(&group->timer_cells);
}

static void alarm_free(struct alarm *alarm)
{
	actor_group *group = alarm->self->group;

	list_remove(&alarm->link);
	timer_deinit(&group->loop, &alarm->timer);
	slots_give(&group->send_timers, alarm->id);
	if (alarm->self->idle == alarm)
		alarm->self->idle = NULL;
	if (alarm->in_slab)
		slab_give(&group->timer_cells, alarm);
	else
		free(alarm);
}

void alarms_end(struct actor *self)
{
	while (!list_is_empty(&self->timers))
		alarm_free(container_of(self->timers.next, struct alarm, link));
}

/* ---- being due ---- */

/* Puts one message of the timer into the mailbox of @to. Returns 0 or -ENOMEM. */
static int alarm_push(struct alarm *alarm, struct actor *to, enum msg_kind kind)
{
	/* the cast to others is made when it is sent */
	bool bare = kind == MSG_DUE || !alarm->body_bytes;
	const struct wire_trace *trace = alarm_trace(alarm);
	actor_group *group = alarm->self->group;
	struct wire_trace room;
	actor_msg *msg;
	int r;

	if (kind != MSG_DUE) /* otherwise the cast that is sent is the new span */
		trace = trace_next(group, trace, &room);
	r = msg_new_traced(&msg, alarm->self->ref, (struct wire_str){alarm_text(alarm), alarm->text_bytes},
		bare ? NULL : alarm_body(alarm), bare ? 0 : alarm->body_bytes, trace);
	if (r < 0)
		return r;
	msg->kind = kind;
	msg->id = alarm->id;
	mailbox_push(to, msg);
	to->timers_queued += kind == MSG_TIMER;
	if (kind != MSG_DUE && taps_look(group, trace))
		taps_show(group, TAP_LOCAL,
			&(struct wire_frame){.type = WIRE_CAST,
				.to.ref = to->ref,
				.from = msg->sender,
				.method = wire_cstr(msg->method),
				.body = msg->body,
				.body_bytes = msg->body_bytes,
				.trace = *trace});
	return 0;
}

/* The grid begins at the start, however late the loop is. */
static void interval_goes_on(struct loop *loop, struct alarm *alarm)
{
	int64_t due_ns = timer_deadline_ns(&alarm->timer);
	int64_t n = (loop->now_ns - due_ns) / alarm->period_ns + 1;
	int64_t step_ns, next_ns;

	alarm->n_merged += (uint64_t)n - 1;
	if (__builtin_mul_overflow(n, alarm->period_ns, &step_ns) ||
		__builtin_add_overflow(due_ns, step_ns, &next_ns))
		next_ns = NEVER_NS;
	timer_arm(loop, &alarm->timer, next_ns);
}

static void alarm_is_due(struct loop *loop, struct alarm *alarm)
{
	struct actor *to = alarm->self;
	enum msg_kind kind;
	int r;

	if (alarm->what == ALARM_LOCAL) {
		to = actor_find(alarm->self->group, alarm_far(alarm)->to.to.ref.serial);
		if (!to || to->status == ACTOR_ENDING || to->draining) {
			alarm->self->group->stats.casts_dropped++;
			alarm_free(alarm);
			return;
		}
	}
	if (alarm->period_ns) {
		interval_goes_on(loop, alarm);
		if (alarm->queued) {
			alarm->n_merged++;
			return;
		}
	}
	kind = alarm->what == ALARM_SEND ? MSG_DUE : alarm->period_ns ? MSG_TICK : MSG_TIMER;
	r = alarm_push(alarm, to, kind);
	if (r < 0 && alarm->period_ns)
		alarm->n_merged++;
	else if (r < 0)
		timer_arm(loop, &alarm->timer, deadline_after_ms(loop->now_ns, NO_MEMORY_MS));
	else if (kind == MSG_TIMER)
		alarm_free(alarm);
	else
		alarm->queued = true;
}

/*
 * An actor that is parked or has something to do is not idle. Its idle time begins when that is done
 * (idle_begins()).
 */
static void idle_is_due(struct loop *loop, struct alarm *alarm)
{
	struct actor *self = alarm->self;

	if (self->task.stack || list_is_linked(&self->task.run_link) ||
		!list_is_empty(&self->mailbox.messages))
		return;
	if (loop->now_ns < alarm->idle_due_ns)
		timer_arm(loop, &alarm->timer, alarm->idle_due_ns);
	else if (alarm_push(alarm, self, MSG_TICK) < 0)
		timer_arm(loop, &alarm->timer, deadline_after_ms(loop->now_ns, NO_MEMORY_MS));
}

static void alarm_fire(struct loop *loop, struct timer *timer)
{
	struct alarm *alarm = container_of(timer, struct alarm, timer);

	switch ((enum alarm_what)alarm->what) {
	case ALARM_SELF:
	case ALARM_LOCAL:
	case ALARM_SEND:
		alarm_is_due(loop, alarm);
		break;
	case ALARM_ACT:
		alarm_far(alarm)->fn(alarm->self, &alarm_far(alarm)->to, alarm_text(alarm), NULL, 0);
		alarm_free(alarm);
		break;
	case ALARM_IDLE:
		idle_is_due(loop, alarm);
		break;
	}
}

void alarm_taken(actor_group *group, uint64_t id)
{
	struct alarm *alarm = slots_get(&group->send_timers, id);

	if (alarm)
		alarm->queued = false;
}

void alarm_send(struct actor *self, uint64_t id)
{
	struct alarm *alarm = slots_get(&self->group->send_timers, id);

	if (!alarm)
		return;
	/*
	 * While the cast waits, only the actor could free the alarm, in a handler or at its end, and it is
	 * here.
	 */
	alarm->queued = false;
	alarm_far(alarm)->fn(
		self, &alarm_far(alarm)->to, alarm_text(alarm), alarm_body(alarm), alarm->body_bytes);
	if (!alarm->period_ns)
		alarm_free(alarm);
}

void idle_begins(struct actor *self)
{
	struct alarm *alarm = self->idle;

	if (__builtin_add_overflow(clock_now_ns(), alarm->period_ns, &alarm->idle_due_ns))
		alarm->idle_due_ns = NEVER_NS;
	if (!timer_is_armed(&alarm->timer))
		timer_arm(&self->group->loop, &alarm->timer, alarm->idle_due_ns);
}

/* ---- making one ---- */

static size_t string_bytes(const char *s)
{
	return s ? strlen(s) + 1 : 0;
}

static const char *string_keep(char **at, const char *s)
{
	char *kept = *at;

	if (!s)
		return NULL;
	memcpy(kept, s, strlen(s) + 1);
	*at += strlen(s) + 1;
	return kept;
}

static enum alarm_what alarm_what(const struct actor *self, const struct alarm_spec *spec)
{
	const actor_dest *to = spec->to;

	if (spec->act)
		return ALARM_ACT;
	if (!to || (!to->name && actor_ref_equal(to->to.ref, self->ref)))
		return ALARM_SELF;
	return !to->name && to->to.ref.group == self->ref.group && to->to.ref.node == self->ref.node
		       ? ALARM_LOCAL
		       : ALARM_SEND;
}

/* The timer is not armed yet. @room: bytes for the strings to which `to` points. */
static int alarm_alloc(struct actor *self, enum alarm_what what, const struct alarm_spec *spec, size_t room,
	struct alarm **ret)
{
	actor_group *group = self->group;
	/* an interval would carry its trace on for ever */
	bool traced = self->trace && !spec->period_ms && what != ALARM_ACT && what != ALARM_IDLE;
	size_t text_bytes = strlen(spec->text);
	size_t size = sizeof(struct alarm) + (traced ? sizeof(*self->trace) : 0) + sizeof(struct alarm_far) +
		      text_bytes + 1 + spec->body_bytes + room;
	bool in_slab = size <= CELL_BYTES;
	struct alarm *alarm = in_slab ? slab_take(&group->timer_cells) : malloc(size);
	char *at;
	int r;

	if (!alarm)
		return -ENOMEM;
	*alarm = (struct alarm){.self = self,
		.what = (uint8_t)what,
		.text_bytes = (uint8_t)text_bytes,
		.body_bytes = (uint32_t)spec->body_bytes,
		.in_slab = in_slab,
		.traced = traced};
	if (traced)
		memcpy(alarm->content, self->trace, sizeof(*self->trace));
	r = slots_take(&group->send_timers, alarm, &alarm->id);
	if (r < 0) {
		if (in_slab)
			slab_give(&group->timer_cells, alarm);
		else
			free(alarm);
		return r;
	}
	at = (char *)alarm_text(alarm);
	memcpy(at, spec->text, text_bytes + 1);
	if (spec->body_bytes)
		memcpy(at + text_bytes + 1, spec->body, spec->body_bytes);
	(void)timer_init(&group->loop, &alarm->timer, alarm_fire);
	list_append(&self->timers, &alarm->link);
	*ret = alarm;
	return 0;
}

int alarm_new(struct actor *self, const struct alarm_spec *spec, uint64_t *ret_id)
{
	bool by_name = spec->to && spec->to->name;
	const actor_dest *to = spec->to;
	struct alarm *alarm;
	size_t room = 0;
	char *at;
	int r;

	if (spec->delay_ms < 0 || strlen(spec->text) > UINT8_MAX || self->status == ACTOR_ENDING)
		return -EINVAL;
	if (by_name)
		room = string_bytes(to->name) + string_bytes(to->to.by.scope) + string_bytes(to->to.by.key);
	r = alarm_alloc(self, alarm_what(self, spec), spec, room, &alarm);
	if (r < 0)
		return r;
	if (alarm_is_far(alarm)) {
		*alarm_far(alarm) = (struct alarm_far){.to = *to, .fn = spec->act ? spec->act : spec->send};
		at = (char *)alarm_body(alarm) + alarm->body_bytes;
		if (by_name) {
			alarm_far(alarm)->to.name = string_keep(&at, to->name);
			alarm_far(alarm)->to.to.by.scope = string_keep(&at, to->to.by.scope);
			alarm_far(alarm)->to.to.by.key = string_keep(&at, to->to.by.key);
		}
	}
	if (__builtin_mul_overflow(spec->period_ms, MS_NS, &alarm->period_ns))
		alarm->period_ns = NEVER_NS;
	timer_arm(&self->group->loop, &alarm->timer, deadline_after_ms(clock_now_ns(), spec->delay_ms));
	if (ret_id)
		*ret_id = alarm->id;
	return 0;
}

int alarm_new_cast(
	struct actor *self, struct alarm_spec *spec, uint64_t *ret_timer, const char *format, va_list args)
{
	struct buf *scratch = &self->group->scratch;
	int r;

	if (post_check_method(spec->text) < 0)
		return -EINVAL;
	r = body_vpack_alone(scratch, BODY_ARGS, format, args);
	if (r < 0)
		return r;
	spec->body = scratch->data;
	spec->body_bytes = scratch->size_bytes;
	return alarm_new(self, spec, ret_timer);
}

/* ---- public ---- */

int actor_send_after(
	actor *self, int64_t delay_ms, const char *method, uint64_t *ret_timer, const char *format, ...)
{
	struct alarm_spec spec = {.delay_ms = delay_ms, .text = method};
	va_list args;
	int r;

	va_start(args, format);
	r = alarm_new_cast(self, &spec, ret_timer, format, args);
	va_end(args);
	return r;
}

int actor_send_interval(
	actor *self, int64_t period_ms, const char *method, uint64_t *ret_timer, const char *format, ...)
{
	struct alarm_spec spec = {.delay_ms = period_ms, .period_ms = period_ms, .text = method};
	va_list args;
	int r;

	if (period_ms <= 0)
		return -EINVAL;
	va_start(args, format);
	r = alarm_new_cast(self, &spec, ret_timer, format, args);
	va_end(args);
	return r;
}

int actor_idle_after(actor *self, int64_t idle_ms, const char *method)
{
	struct alarm_spec spec = {.text = method};
	struct alarm *alarm, *before = self->idle;
	int r;

	if (idle_ms == ACTOR_FOREVER)
		method = NULL;
	else if (idle_ms <= 0 || self->status == ACTOR_ENDING || post_check_method(method) < 0)
		return -EINVAL;
	if (method) {
		r = alarm_alloc(self, ALARM_IDLE, &spec, 0, &alarm);
		if (r < 0)
			return r;
		if (__builtin_mul_overflow(idle_ms, MS_NS, &alarm->period_ns))
			alarm->period_ns = NEVER_NS;
		self->idle = alarm; /* the idle time begins when this handler has returned */
	}
	if (before) {
		mailbox_drop(self, MSG_TICK, before->id);
		alarm_free(before);
	}
	return 0;
}

static struct alarm *alarm_find(struct actor *self, uint64_t id)
{
	struct alarm *alarm = slots_get(&self->group->send_timers, id);

	return alarm && alarm->self == self && alarm->what != ALARM_IDLE ? alarm : NULL;
}

/* True when the timer was due and its cast still waits in the mailbox. */
static bool timer_is_queued(struct actor *self, uint64_t id)
{
	if (!self->timers_queued)
		return false;
	list_for_each(it, &self->mailbox.messages) {
		const actor_msg *msg = container_of(it, actor_msg, link);

		if (msg->kind == MSG_TIMER && msg->id == id && actor_ref_equal(msg->sender, self->ref))
			return true;
	}
	return false;
}

int64_t actor_timer_left(actor *self, uint64_t id)
{
	struct alarm *alarm = alarm_find(self, id);

	if (!alarm)
		return timer_is_queued(self, id) ? 0 : -ESRCH;
	if (!timer_is_armed(&alarm->timer)) /* the timer is never due, or its cast waits to be sent */
		return alarm->queued ? 0 : INT64_MAX;
	return deadline_left_ms(timer_deadline_ns(&alarm->timer));
}

int64_t actor_timer_cancel_left(actor *self, uint64_t id)
{
	struct alarm *alarm = alarm_find(self, id);
	int64_t left_ms = actor_timer_left(self, id);

	if (alarm) {
		if (alarm->queued)
			mailbox_drop(self, alarm->what == ALARM_SEND ? MSG_DUE : MSG_TICK, id);
		alarm_free(alarm);
	} else if (left_ms == 0) {
		mailbox_drop(self, MSG_TIMER, id);
		self->timers_queued--;
	}
	return left_ms;
}

bool actor_timer_cancel(actor *self, uint64_t id)
{
	return actor_timer_cancel_left(self, id) >= 0;
}

uint64_t actor_timer_merged(actor *self, uint64_t id)
{
	struct alarm *alarm = alarm_find(self, id);

	return alarm && alarm->period_ns ? alarm->n_merged : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of the runtime itself to the broker: introductions, names, process groups. Each request is
 * idempotent. So one that was not answered when the link was lost is sent again on the next link, unless that
 * would be too late (enum ask_again).
 */
#include "libactor/actor/broker.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/call.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/peer/peer.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "libactor/util/clock.h"
#include "libactor/util/list.h"

#define NO_MEMORY_MS 20 /* until what had no memory is tried again */

static void request_finish(struct broker_request *request, int error, actor_msg *reply)
{
	list_remove(&request->link);
	if (request->in_flight)
		call_cancel(&request->call);
	timer_deinit(&request->group->loop, &request->timer);
	if (request->done)
		request->done(request, error, reply);
	buf_deinit(&request->args);
	free(request);
}

void requests_give_up(actor_group *group)
{
	group->uplink.n_untold = 0;
	timer_disarm(&group->loop, &group->uplink.untold_timer);
	while (!list_is_empty(&group->uplink.requests))
		request_finish(container_of(group->uplink.requests.next, struct broker_request, link),
			-ENOTCONN, NULL);
}

static void request_timed_out(struct loop *loop, struct timer *timer)
{
	struct broker_request *request = container_of(timer, struct broker_request, timer);

	request_finish(request, request->group->uplink.state == UPLINK_UP ? -ETIMEDOUT : -ENOTCONN, NULL);
}

static void request_answered(struct call *call, int error, actor_msg *reply)
{
	struct broker_request *request = container_of(call, struct broker_request, call);

	request->in_flight = false;
	if (error == -ECONNRESET && request->again != ASK_ONCE)
		return; /* the link was lost: the request is sent again on the next one */
	request_finish(request, error, reply);
	actor_msg_free(reply);
}

static void untold_soon(actor_group *group)
{
	if (!timer_is_armed(&group->uplink.untold_timer))
		timer_arm(&group->loop, &group->uplink.untold_timer,
			deadline_after_ms(clock_now_ns(), NO_MEMORY_MS));
}

static void unsent(actor_group *group)
{
	group->uplink.unsent = true;
	untold_soon(group);
}

static void request_start(struct broker_request *request)
{
	actor_group *group = request->group;
	struct wire_dest to = {.ref = group->uplink.service};
	int r;

	if (group->mode == ACTOR_JOIN_SPAWNER)
		to = (struct wire_dest){.name = wire_cstr(NAME_BROKER)};
	request->call = (struct call){.done = request_answered};
	r = call_start(&request->call, group, NULL, &to, wire_cstr(request->method), request->args.data,
		request->args.size_bytes, NEVER_NS);
	if (r == 0)
		request->in_flight = true;
	else if (r == -ENOMEM && request->sure)
		unsent(group);
	else
		request_finish(request, r, NULL);
}

static int ask(actor_group *group, const char *method, struct buf *take_args, int64_t timeout_ms,
	void (*done)(struct broker_request *request, int error, actor_msg *reply), void *arg, bool sure)
{
	struct broker_request *request;
	int r;

	r = buf_error(take_args);
	if (r < 0)
		return r;
	if (group->mode == ACTOR_JOIN_NONE || group->uplink.state == UPLINK_NONE)
		return -ENOTCONN;
	request = calloc(1, sizeof(*request));
	if (!request)
		return -ENOMEM;
	request->group = group;
	request->done = done;
	request->arg = arg;
	request->sure = sure;
	memcpy(request->method, method, strnlen(method, sizeof(request->method) - 1));
	r = timer_init(&group->loop, &request->timer, request_timed_out);
	if (r < 0) {
		free(request);
		return r;
	}
	request->args = *take_args;
	*take_args = (struct buf)BUF_INIT;
	list_append(&group->uplink.requests, &request->link);
	timer_arm(&group->loop, &request->timer, deadline_after_ms(clock_now_ns(), timeout_ms));
	if (group->uplink.state == UPLINK_UP && group->uplink.announced)
		request_start(request);
	return 0;
}

void requests_drop(actor_group *group, const void *arg)
{
	list_for_each(it, &group->uplink.requests) {
		struct broker_request *request = container_of(it, struct broker_request, link);

		if (request->arg == arg)
			request->arg = NULL;
	}
}

/* ---- what the broker must know ---- */

static int untold_tell(actor_group *group, const struct untold *words)
{
	struct buf body = BUF_INIT;
	int r;

	mp_put_array(&body, words->n_numbers + (words->text[0] != 0));
	for (unsigned i = 0; i < words->n_numbers; i++)
		mp_put_uint(&body, words->numbers[i]);
	if (words->text[0])
		mp_put_cstr(&body, words->text);
	r = ask(group, words->method, &body, ACTOR_FOREVER, NULL, NULL, true);
	buf_deinit(&body);
	return r;
}

static void untold_keep(actor_group *group, const struct untold *words)
{
	struct uplink *uplink = &group->uplink;

	if (uplink->n_untold < UNTOLD_MAX) {
		uplink->untold[uplink->n_untold++] = *words;
		untold_soon(group);
		return;
	}
	/*
	 * On the next link the broker knows only what is announced there, so nothing of this is missing then.
	 * Without a link nothing needs to be cut.
	 */
	uplink->n_untold = 0;
	if (uplink->state == UPLINK_UP) {
		group_log(group, "out of memory: the link to the broker is made anew");
		peer_out(uplink->peer)->failed = true;
		peer_wrote(uplink->peer);
	}
}

/* Sends again everything for which there was no memory. Returns false if there still is none. */
static bool untold_retry(actor_group *group)
{
	struct uplink *uplink = &group->uplink;
	unsigned n = 0;

	uplink->unsent = false;
	list_for_each_safe(it, &uplink->requests) {
		struct broker_request *request = container_of(it, struct broker_request, link);

		/* without a link: all of them are sent after the next announcement */
		if (request->sure && !request->in_flight && uplink->state == UPLINK_UP && uplink->announced &&
			!uplink->unsent)
			request_start(request);
	}
	while (!uplink->unsent && n < uplink->n_untold && untold_tell(group, &uplink->untold[n]) != -ENOMEM)
		n++;
	uplink->n_untold -= n;
	memmove(uplink->untold, uplink->untold + n, uplink->n_untold * sizeof(uplink->untold[0]));
	if (uplink->n_untold)
		untold_soon(group);
	return !uplink->n_untold && !uplink->unsent;
}

static void untold_timeout(struct loop *loop, struct timer *timer)
{
	(void)untold_retry(container_of(timer, struct actor_group, uplink.untold_timer));
}

int requests_init(actor_group *group)
{
	return timer_init(&group->loop, &group->uplink.untold_timer, untold_timeout);
}

void requests_deinit(actor_group *group)
{
	requests_give_up(group);
	timer_deinit(&group->loop, &group->uplink.untold_timer);
}

int broker_ask(actor_group *group, const char *method, struct buf *take_args, int64_t timeout_ms,
	void (*done)(struct broker_request *request, int error, actor_msg *reply), void *arg)
{
	/* The broker handles our requests in order, so what waits for memory goes first. */
	if ((group->uplink.n_untold || group->uplink.unsent) && !untold_retry(group))
		return -ENOMEM;
	return ask(group, method, take_args, timeout_ms, done, arg, false);
}

void broker_tell_surely(actor_group *group, const char *method, const char *format, ...)
{
	struct untold words = {0};
	va_list args;

	snprintf(words.method, sizeof(words.method), "%s", method);
	va_start(args, format);
	while (*format == 'U' && words.n_numbers < 3) {
		words.numbers[words.n_numbers++] = va_arg(args, uint64_t);
		format++;
	}
	if (*format == 's')
		snprintf(words.text, sizeof(words.text), "%s", va_arg(args, const char *));
	va_end(args);
	/* kept words go first, so that the order stays */
	if (group->uplink.n_untold || group->uplink.unsent || untold_tell(group, &words) == -ENOMEM)
		untold_keep(group, &words);
}

void requests_put_aside(actor_group *group, struct list *ret)
{
	list_init(ret);
	list_splice(ret, &group->uplink.requests);
}

void requests_forget(struct list *aside, const char *method)
{
	list_for_each_safe(it, aside) {
		struct broker_request *request = container_of(it, struct broker_request, link);

		if (!strcmp(request->method, method))
			request_finish(request, -ECANCELED, NULL);
	}
}

void requests_take_up(actor_group *group, struct list *aside)
{
	while (!list_is_empty(aside)) {
		struct broker_request *request = container_of(list_pop(aside), struct broker_request, link);

		list_append(&group->uplink.requests, &request->link);
		if (!request->in_flight)
			request_start(request);
	}
}

/* ---- requests that an actor, or the program, waits for ---- */

struct ask_wait {
	struct actor *self;
	ask_answered *answered; /* may be NULL */
	bool wanted;            /* the waiter wants the reply itself, not only the result */
	bool done;
	bool abandoned;
	int error;
	actor_msg *reply;
	struct buf *held; /* of the waiting frame; NULL: nothing */
};

static void ask_done(struct broker_request *request, int error, actor_msg *reply)
{
	struct ask_wait *wait = request->arg;

	if (!wait)
		return;
	wait->done = true;
	wait->error = error;
	if (reply && error == 0) {
		if (wait->answered)
			wait->answered(request, reply);
		if (wait->wanted && msg_new_received(&wait->reply, reply->sender, wire_cstr(""), reply->body,
					    reply->body_bytes) < 0)
			wait->error = -ENOMEM;
	} else if (reply && reply->error && !strcmp(reply->error, ERROR_IN_USE)) {
		wait->error = -EEXIST;
	} else if (reply && reply->error && !strcmp(reply->error, ERROR_BAD_ARGS)) {
		wait->error = -EINVAL;
	} else if (reply && reply->error && !strcmp(reply->error, ERROR_PERMISSION)) {
		wait->error = -EPERM;
	} else if (reply && reply->error && !strcmp(reply->error, ERROR_TOO_BIG)) {
		wait->error = -EMSGSIZE;
	} else if (reply && reply->error && !strcmp(reply->error, ERROR_OVERLOADED)) {
		wait->error = -EDQUOT;
	}
	if (wait->self)
		actor_wake(wait->self, 0);
}

static bool ask_is_done(void *arg)
{
	return ((struct ask_wait *)arg)->done;
}

/* The request goes on, and its answer is dropped. */
static void ask_abandon(struct broker_request *request)
{
	request->arg = NULL;
	if (request->again != ASK_WHILE_AWAITED)
		return;
	request->again = ASK_ONCE;
	if (!request->in_flight)
		request_finish(request, -ECONNRESET, NULL);
}

void asks_discard(struct actor *self)
{
	list_for_each(it, &self->group->uplink.requests) {
		struct broker_request *request = container_of(it, struct broker_request, link);

		struct ask_wait *wait = request->done == ask_done ? request->arg : NULL;

		if (!wait || wait->self != self)
			continue;
		if (wait->held)
			buf_deinit(wait->held); /* its frame is given up with the stack */
		request->arg = NULL;
	}
}

/*
 * @held: a kill does not end the wait, and the caller holds this meanwhile: it is freed when the group ends
 * first. NULL: a kill ends the wait.
 */
static int ask_wait(actor_group *group, struct actor *self, const char *method, struct buf *take_args,
	int64_t timeout_ms, enum ask_again again, struct buf *held, ask_answered *answered,
	actor_msg **ret_msg)
{
	struct ask_wait wait = {.self = self, .answered = answered, .wanted = ret_msg, .held = held};
	struct broker_request *request;
	int r;

	if (self && !actor_is_current(self))
		return -EINVAL;
	if (!self && group->loop.in_loop)
		return -EDEADLK;
	r = broker_ask(group, method, take_args, timeout_ms, ask_done, &wait);
	if (r < 0)
		return r;
	request = container_of(group->uplink.requests.prev, struct broker_request, link);
	if (!wait.done)
		request->again = again;
	if (self) {
		while (!wait.done) {
			if (held)
				self->task.cancelled = false;
			r = actor_park(self, NEVER_NS);
			if (r < 0 && !wait.done && !(held && r == -ECANCELED)) {
				ask_abandon(request);
				return r;
			}
		}
	} else {
		r = loop_pump(&group->loop, ask_is_done, &wait, NEVER_NS);
		if (!wait.done) {
			ask_abandon(request);
			return r;
		}
	}
	if (ret_msg)
		*ret_msg = wait.reply;
	return wait.error;
}

int broker_ask_wait(actor_group *group, struct actor *self, const char *method, struct buf *take_args,
	int64_t timeout_ms, actor_msg **ret_msg)
{
	return ask_wait(group, self, method, take_args, timeout_ms, ASK_AGAIN, NULL, NULL, ret_msg);
}

int broker_ask_wait_with(actor_group *group, struct actor *self, const char *method, struct buf *take_args,
	int64_t timeout_ms, ask_answered *answered, actor_msg **ret_msg)
{
	return ask_wait(group, self, method, take_args, timeout_ms, ASK_AGAIN, NULL, answered, ret_msg);
}

int broker_ask_wait_as(actor_group *group, struct actor *self, const char *method, struct buf *take_args,
	int64_t timeout_ms, enum ask_again again, actor_msg **ret_msg)
{
	return ask_wait(group, self, method, take_args, timeout_ms, again, NULL, NULL, ret_msg);
}

bool broker_wait_for_memory(struct actor *self)
{
	int r;

	if (self->group->closing)
		return false;
	self->task.cancelled = false;
	r = actor_park(self, deadline_after_ms(clock_now_ns(), NO_MEMORY_MS));
	return r >= 0 || r == -ETIMEDOUT || r == -ECANCELED;
}

void broker_give_back(struct actor *self, const char *method, struct buf *args)
{
	actor_group *group = self->group;
	uint64_t link = group->uplink.n_connects;
	int r = buf_error(args);

	/*
	 * The next broker is not told of what was given back, because it does not know that the actor had it.
	 */
	while (!args->failed && group->uplink.state == UPLINK_UP && group->uplink.announced &&
		group->uplink.n_connects == link && !group->closing) {
		struct buf copy = BUF_INIT; /* a try may take it and fail all the same */

		buf_append(&copy, args->data, args->size_bytes);
		r = ask_wait(group, self, method, &copy, ACTOR_FOREVER, ASK_ONCE, args, NULL, NULL);
		buf_deinit(&copy);
		if (r != -ENOMEM)
			return;
		if (!broker_wait_for_memory(self))
			break;
	}
	if (r == -ENOMEM)
		group_log(group, "out of memory: the broker was not told what an actor gave back");
}

/* ---- lists that are told in parts ---- */

#define LIST_PART_MAX 16384 /* the most that the broker tells at once */

struct list_walk {
	struct buf entries;
	uint32_t n;
	char after[WIRE_NAME_MAX_BYTES + 1]; /* the next part begins behind this name; "": all was told */
};

static int list_add_part(struct list_walk *walk, const actor_msg *reply)
{
	struct mp_reader r = mp_reader(reply->body, reply->body_bytes);
	struct wire_str cut = wire_str("", 0);
	char after[sizeof(walk->after)];
	const uint8_t *raw;
	size_t raw_bytes;
	uint32_t n;

	if (mp_read_array(&r, &n) < 0)
		return -EPROTO;
	for (; n && mp_peek(&r) == MP_ARRAY; n--) {
		if (mp_read_raw(&r, &raw, &raw_bytes) < 0)
			return -EPROTO;
		mp_put_raw(&walk->entries, raw, raw_bytes);
		walk->n++;
	}
	if (n && (n > 1 || mp_read_str(&r, &cut.s, &cut.len) < 0 || !wire_name_is_valid(cut.s, cut.len)))
		return -EPROTO;
	snprintf(after, sizeof(after), "%.*s", (int)cut.len, cut.s);
	/* Each part must end behind the one before, so the loop ends. */
	if (n && strcmp(walk->after, after) >= 0)
		return -EPROTO;
	strcpy(walk->after, after);
	return buf_error(&walk->entries);
}

int broker_list_wait(actor_group *group, struct actor *self, const char *method, const struct buf *head,
	uint32_t n_head, int64_t timeout_ms, actor_msg **ret)
{
	struct list_walk walk = {.entries = BUF_INIT};
	struct buf body = BUF_INIT;
	int r;

	do {
		struct buf args = BUF_INIT;
		actor_msg *reply = NULL;

		args.failed = head->failed;
		mp_put_array(&args, n_head + 2);
		mp_put_raw(&args, head->data, head->size_bytes);
		mp_put_uint(&args, LIST_PART_MAX);
		mp_put_cstr(&args, walk.after);
		r = broker_ask_wait(group, self, method, &args, timeout_ms, &reply);
		buf_deinit(&args);
		if (r == 0)
			r = list_add_part(&walk, reply);
		actor_msg_free(reply);
	} while (r == 0 && walk.after[0]);
	mp_put_array(&body, walk.n);
	mp_put_raw(&body, walk.entries.data, walk.entries.size_bytes);
	if (r == 0)
		r = buf_error(&body);
	if (r == 0)
		r = msg_new_received(ret, ACTOR_NOBODY, wire_cstr(""), body.data, body.size_bytes);
	buf_deinit(&walk.entries);
	buf_deinit(&body);
	return r;
}

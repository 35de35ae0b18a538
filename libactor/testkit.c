/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of actors (actor/test.h). The probe is an internal actor, which turns everything that it gets into
 * events. The loop is polled and never waits. The time is clock_frozen_ns, which the test moves from timer to
 * timer.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/test.h"
#include "libactor/actor/actor-internal.h"
#include "libactor/actor/behavior.h"
#include "libactor/actor/call.h"
#include "libactor/actor/ending.h"
#include "libactor/actor/name.h"
#include "libactor/actor/post.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/send.h"
#include "libactor/util/buf.h"
#include "libactor/util/clock.h"
#include "libactor/util/list.h"
#include "libactor/util/slots.h"

#define POLLS_MAX 16 /* this many polls handle two million messages; more is an endless loop */
#define STEPS_MAX 1000000

struct event {
	struct list link;
	struct actor_test_event content;
	actor_msg *msg; /* owned; content.msg points to it */
	struct actor_cause cause;
};

struct request {
	struct call call;
	struct list link;
	actor_test *test;
	bool is_waited_for; /* actor_test_call() waits for the answer, which is then no event */
	bool done;
	int r;
	actor_msg *reply;
};

struct actor_test {
	actor_group *group;
	struct actor *probe;
	int64_t began_ns;
	struct list events;   /* struct event.link, the oldest first */
	struct list requests; /* struct request.link: unanswered */
	struct event *taken;  /* the event that actor_test_next() gave last */
	bool lost;            /* there was no memory for an event */
	char why[768];
};

static bool is_in_use; /* there is one clock, so there is one test */

/* ---- events ---- */

static struct event *event_free(struct event *event)
{
	if (!event)
		return NULL;
	actor_msg_free(event->msg);
	free(event);
	return NULL;
}

static struct event *event_add(actor_test *test, enum actor_test_kind kind, actor_ref from)
{
	struct event *event = calloc(1, sizeof(*event));

	if (!event) {
		test->lost = true;
		return NULL;
	}
	event->content = (struct actor_test_event){.kind = kind, .from = from, .method = ""};
	list_append(&test->events, &event->link);
	return event;
}

static int probe_init(actor *self, const void *test)
{
	*(const void **)actor_state(self) = test;
	return 0;
}

static int probe_gets(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_test *test = *(actor_test **)actor_state(self);
	struct event *event = event_add(test, from ? ACTOR_TEST_CALL : ACTOR_TEST_CAST, msg->sender);

	if (!event || msg_new_received(&event->msg, msg->sender, wire_cstr(msg->method), msg->body,
			      msg->body_bytes) < 0) {
		test->lost = true;
		return 0;
	}
	event->content.msg = event->msg;
	event->content.method = event->msg->method;
	event->content.to_reply = from ? actor_from_keep(from) : NULL;
	return 0;
}

static int probe_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	struct event *event = event_add(*(actor_test **)actor_state(self), ACTOR_TEST_DOWN, who);

	if (!event)
		return 0;
	event->cause = *cause;
	event->content.cause = &event->cause;
	event->content.id = monitor;
	return 0;
}

static const struct actor_behavior probe_behavior = {
	.name = "probe",
	.state_size = sizeof(actor_test *),
	.init = probe_init,
	.on_other = probe_gets,
	.on_down = probe_down,
	.mailbox_max_messages = 1u << 30, /* the test takes everything */
	.mailbox_max_bytes = 1u << 30,
};

/* ---- time ---- */

/* Runs all actors until none has anything to do. -ELOOP: there was no end of it. */
static int run(actor_test *test)
{
	struct loop *loop = &test->group->loop;

	for (int i = 0; i < POLLS_MAX; i++) {
		loop_poll(loop);
		if (list_is_empty(&loop->runnable) && timers_next_ns(loop) > clock_now_ns())
			return test->lost ? -ENOMEM : 0;
	}
	return -ELOOP;
}

/* Moves the time to the next timer that is due at @until_ns or before. False: there is none. */
static bool step(actor_test *test, int64_t until_ns)
{
	int64_t next_ns = timers_next_ns(&test->group->loop);

	if (next_ns == NEVER_NS || next_ns > until_ns)
		return false;
	if (next_ns > clock_now_ns())
		clock_freeze(next_ns);
	return true;
}

int actor_test_run(actor_test *test)
{
	return test->group->loop.in_loop ? -EDEADLK : run(test);
}

int actor_test_advance(actor_test *test, int64_t ms)
{
	int64_t until_ns = deadline_after_ms(clock_now_ns(), ms);
	int r;

	if (ms < 0 || until_ns == NEVER_NS)
		return -EINVAL;
	r = actor_test_run(test);
	while (r == 0 && step(test, until_ns))
		r = run(test);
	if (r < 0)
		return r;
	clock_freeze(until_ns);
	return run(test);
}

int64_t actor_test_time_ms(const actor_test *test)
{
	return (clock_now_ns() - test->began_ns) / MS_NS;
}

/* Runs, and moves the time on, until *@done is true. -EDEADLK: it can never become true. */
static int run_until(actor_test *test, const bool *done)
{
	for (int i = 0; i < STEPS_MAX; i++) {
		int r = run(test);

		if (r < 0 || *done)
			return r;
		if (!step(test, NEVER_NS - 1))
			return -EDEADLK;
	}
	return -ELOOP;
}

/* ---- beginning and end ---- */

int actor_test_new(actor_test **ret)
{
	struct actor_group_options options = {.name = "test", .mode = ACTOR_JOIN_NONE};
	actor_test *test;
	int r;

	if (is_in_use)
		return -EBUSY;
	test = calloc(1, sizeof(*test));
	if (!test)
		return -ENOMEM;
	list_init(&test->events);
	list_init(&test->requests);
	test->began_ns = clock_now_ns();
	clock_freeze(test->began_ns);
	is_in_use = true;
	r = actor_group_new(&test->group, &options);
	if (r == 0) {
		test->group->names_alone = true;
		r = actor_new(test->group, &probe_behavior, test, true, &test->probe);
	}
	if (r == 0)
		r = run(test);
	if (r < 0) {
		actor_test_free(test);
		return r;
	}
	*ret = test;
	return 0;
}

static void actors_end(actor_test *test)
{
	struct actor *self;
	uint32_t at = 0;

	actors_stop_all(test->group, "shutdown");
	(void)run(test);
	while ((self = slots_walk(&test->group->actors, &at)))
		if (!self->internal)
			actor_request_kill(self);
	(void)run(test);
}

actor_test *actor_test_free(actor_test *test)
{
	struct list *node;

	if (!test || (test->group && test->group->loop.in_loop))
		return NULL;
	if (test->group)
		actors_end(test);
	while ((node = list_pop(&test->requests))) {
		struct request *request = container_of(node, struct request, link);

		call_cancel(&request->call);
		free(request);
	}
	/* The end of a group waits in real time, so the clock has to go again. */
	clock_freeze(0);
	is_in_use = false;
	actor_group_free(test->group);
	while ((node = list_pop(&test->events)))
		event_free(container_of(node, struct event, link));
	event_free(test->taken);
	free(test);
	return NULL;
}

actor_group *actor_test_group(actor_test *test)
{
	return test->group;
}

actor_ref actor_test_probe(const actor_test *test)
{
	return test->probe->ref;
}

int actor_test_spawn_sized(actor_test *test, const struct actor_behavior *behavior, size_t behavior_bytes,
	const void *arg, const char *name, actor_ref *ret)
{
	struct spawn_wait wait = {0};
	struct actor *self;
	actor_ref ref;
	int r;

	if (test->group->loop.in_loop)
		return -EDEADLK;
	r = behavior_known(test->group, &behavior, behavior_bytes);
	if (r == 0)
		r = actor_new(test->group, behavior, arg, false, &self);
	if (r < 0)
		return r;
	actor_joins_stop(self);
	ref = self->ref;
	self->spawn_wait = &wait;
	r = run_until(test, &wait.done);
	self = actor_find(test->group, ref.serial);
	if (r == 0)
		r = wait.result;
	if (r == 0 && name)
		r = self ? name_register(test->group, self, name) : -ESRCH;
	if (r < 0 && self) {
		self->spawn_wait = NULL;
		actor_request_kill(self);
		(void)run(test);
	}
	if (r == 0 && ret)
		*ret = ref;
	return r;
}

/* ---- sending ---- */

/* Finds @to, and packs the arguments into the group's scratch. */
static int prepare(actor_test *test, struct send *send, const char *method, const char *format, va_list args)
{
	struct buf *scratch = &test->group->scratch;
	int r = post_check_method(method);

	if (test->group->loop.in_loop)
		return -EDEADLK;
	if (r == 0)
		r = send_find(send);
	if (r < 0)
		return r;
	return body_vpack_alone(scratch, BODY_ARGS, format, args);
}

int actor_test_cast(actor_test *test, actor_dest to, const char *method, const char *format, ...)
{
	struct send send = {test->group, NULL, &to, SEND_BLOCK_MAX, .is_cast = true};
	const struct buf *scratch = &test->group->scratch;
	va_list args;
	int r;

	va_start(args, format);
	r = prepare(test, &send, method, format, args);
	va_end(args);
	if (r == 0)
		r = send_cast(test->group, test->probe, &send.dest, wire_cstr(method), scratch->data,
			scratch->size_bytes);
	return send_cast_result(&send, r);
}

static void request_done(struct call *call, int error, actor_msg *take_reply)
{
	struct request *request = container_of(call, struct request, call);
	struct event *event;

	list_remove(&request->link);
	request->done = true;
	request->r = error;
	request->reply = take_reply;
	if (request->is_waited_for)
		return;
	event = event_add(request->test, ACTOR_TEST_REPLY, take_reply ? take_reply->sender : ACTOR_NOBODY);
	if (event) {
		event->content.id = call->id;
		event->content.r = error;
		event->content.msg = event->msg = take_reply;
	} else {
		actor_msg_free(take_reply);
	}
	free(request);
}

static int request_start(actor_test *test, struct request *request, struct send *send, const char *method,
	const char *format, va_list args)
{
	const struct buf *scratch = &test->group->scratch;
	int r = prepare(test, send, method, format, args);

	if (r < 0)
		return r;
	request->test = test;
	request->call.done = request_done;
	request->call.keeps_errors = request->call.said_noproc = false;
	r = call_start(&request->call, test->group, test->probe, &send->dest, wire_cstr(method),
		scratch->data, scratch->size_bytes, send->deadline_ns);
	if (r == 0)
		list_append(&test->requests, &request->link);
	return r;
}

int actor_test_call(
	actor_test *test, actor_dest to, const char *method, actor_msg **ret_msg, const char *format, ...)
{
	struct send send = {test->group, NULL, &to, deadline_of_timeout_ms(ACTOR_TIMEOUT_DEFAULT)};
	struct request request = {.is_waited_for = true};
	va_list args;
	int r;

	if (ret_msg)
		*ret_msg = NULL;
	va_start(args, format);
	r = request_start(test, &request, &send, method, format, args);
	va_end(args);
	if (r < 0)
		return r;
	r = run_until(test, &request.done);
	if (!request.done) {
		list_remove(&request.link);
		call_cancel(&request.call);
		return r;
	}
	if (ret_msg)
		*ret_msg = request.reply;
	else
		actor_msg_free(request.reply);
	return request.r;
}

int actor_test_request(actor_test *test, actor_dest to, const char *method, int64_t timeout_ms,
	uint64_t *ret_request, const char *format, ...)
{
	struct send send = {test->group, NULL, &to, deadline_of_timeout_ms(timeout_ms)};
	struct request *request = calloc(1, sizeof(*request));
	va_list args;
	int r;

	if (!request)
		return -ENOMEM;
	va_start(args, format);
	r = request_start(test, request, &send, method, format, args);
	va_end(args);
	if (r < 0)
		free(request);
	else if (ret_request)
		*ret_request = request->call.id;
	return r;
}

int actor_test_monitor(actor_test *test, actor_ref who, uint64_t *ret_monitor)
{
	return test->group->loop.in_loop ? -EDEADLK : actor_monitor(test->probe, who, ret_monitor);
}

/* ---- what came ---- */

bool actor_test_next(actor_test *test, struct actor_test_event *ret)
{
	struct list *node = list_pop(&test->events);

	test->taken = event_free(test->taken);
	if (!node)
		return false;
	test->taken = container_of(node, struct event, link);
	*ret = test->taken->content;
	return true;
}

static void event_text(const struct actor_test_event *event, char *text, size_t size)
{
	static const char *const kinds[] = {"the cast", "the call", "a reply", "a DOWN"};
	char ref[ACTOR_REF_TEXT_MAX];

	actor_ref_format(event->from, ref);
	if (event->kind == ACTOR_TEST_DOWN)
		snprintf(text, size, "a DOWN of %s with reason %s", ref, event->cause->reason);
	else
		snprintf(text, size, "%s%s%s from %s", kinds[event->kind], event->method[0] ? " " : "",
			event->method, ref);
}

/* Runs, and takes the oldest event. @expected: said to people if there is none. */
static int take(actor_test *test, const char *expected, struct actor_test_event *ret)
{
	int r = actor_test_run(test);

	test->why[0] = 0;
	if (r == 0 && !actor_test_next(test, ret))
		r = -ENOENT;
	if (r < 0)
		snprintf(test->why, sizeof(test->why), "expected %s: %s", expected,
			r == -ENOENT ? "nothing came" : actor_strerror(r));
	return r;
}

static int other_came(actor_test *test, const char *expected, const struct actor_test_event *event)
{
	char text[360];

	event_text(event, text, sizeof(text));
	snprintf(test->why, sizeof(test->why), "expected %s: %s came", expected, text);
	return -EBADMSG;
}

int actor_test_expect(actor_test *test, const char *method, const char *format, ...)
{
	struct actor_test_event event;
	va_list args;
	int r = take(test, method, &event);

	if (r < 0)
		return r;
	if (event.kind > ACTOR_TEST_CALL || strcmp(event.method, method) != 0)
		return other_came(test, method, &event);
	va_start(args, format);
	r = actor_msg_vunpack(event.msg, format, args);
	va_end(args);
	if (r < 0)
		snprintf(test->why, sizeof(test->why), "%s came with other arguments than \"%s\": %s", method,
			format, actor_strerror(r));
	return r;
}

int actor_test_expect_down(actor_test *test, actor_ref who, const char *reason)
{
	char expected[160], ref[ACTOR_REF_TEXT_MAX];
	struct actor_test_event event;
	int r;

	snprintf(expected, sizeof(expected), "a DOWN of %s%s%.64s", actor_ref_format(who, ref),
		reason ? " with reason " : "", reason ? reason : "");
	r = take(test, expected, &event);
	if (r < 0)
		return r;
	if (event.kind != ACTOR_TEST_DOWN || !actor_ref_equal(event.from, who) ||
		(reason && strcmp(event.cause->reason, reason) != 0))
		return other_came(test, expected, &event);
	return 0;
}

int actor_test_expect_nothing(actor_test *test)
{
	int r = actor_test_run(test);

	test->why[0] = 0;
	if (r < 0 || list_is_empty(&test->events))
		return r;
	return other_came(test, "nothing", &container_of(test->events.next, struct event, link)->content);
}

const char *actor_test_why(const actor_test *test)
{
	return test->why;
}

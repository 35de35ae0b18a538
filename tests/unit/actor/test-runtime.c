/* SPDX-License-Identifier: Apache-2.0 */
/* Actors of one group, without a node: what handlers, calls, monitors and timers promise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/answer.h"
#include "libactor/actor/call.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/monitor.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/transport/address.h"
#include "libactor/util/heap.h"
#include "libactor/util/list.h"
#include "tests/fact.h"

/* Every test runs its story inside a "driver" actor: straight-line code that may call and wait. */
typedef void (*story_fn)(actor *self);

struct driver {
	char log[1024]; /* what happened, a word each */
};

static char story_log[4096];
static bool driver_stays; /* after its story, until it is cast `end` */
static uint64_t last_down_monitor;
static struct actor_cause last_cause;
static actor_from *held;

static void note(const char *format, ...)
{
	size_t at = strlen(story_log);
	va_list args;

	va_start(args, format);
	vsnprintf(story_log + at, sizeof(story_log) - at, format, args);
	va_end(args);
}

static int driver_run(actor *self, const actor_msg *msg)
{
	story_fn fn;
	uint64_t address;

	assert_int_equal(actor_msg_unpack(msg, "U", &address), 0);
	fn = (story_fn)(uintptr_t)address;
	fn(self);
	if (!driver_stays)
		actor_group_stop(actor_group_of(self));
	return 0;
}

static int driver_end(actor *self, const actor_msg *msg)
{
	actor_group_stop(actor_group_of(self));
	return 0;
}

static int driver_note(actor *self, const actor_msg *msg)
{
	const char *text;

	assert_int_equal(actor_msg_unpack(msg, "s", &text), 0);
	note("%s ", text);
	return 0;
}

static int driver_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	note("DOWN:%s ", cause->reason);
	return 0;
}

static int driver_init(actor *self, const void *arg)
{
	return actor_cast(
		self, actor_to(actor_self(self)), "run", "U", (uint64_t)(uintptr_t) * (const story_fn *)arg);
}

static const struct actor_method driver_methods[] = {
	{.name = "run", .on_cast = driver_run},
	{.name = "note", .on_cast = driver_note},
	{.name = "end", .on_cast = driver_end},
	{0},
};

static const struct actor_behavior driver_behavior = {
	.name = "driver",
	.state_size = sizeof(struct driver),
	.methods = driver_methods,
	.init = driver_init,
	.on_down = driver_down,
};

static void story(story_fn fn)
{
	struct actor_group_options options = {.mode = ACTOR_JOIN_NONE};
	actor_group *group;

	story_log[0] = 0;
	last_down_monitor = 0;
	assert_int_equal(actor_group_new(&group, &options), 0);
	assert_int_equal(actor_group_spawn(group, &driver_behavior, &fn, NULL, NULL), 0);
	assert_int_equal(actor_group_run(group), 0);
	actor_group_free(group);
}

/* ---- a cast of characters ---- */

struct worker {
	int64_t total;
	actor_ref watcher;
};

static int worker_add(actor *self, const actor_msg *msg, actor_from *from)
{
	struct worker *worker = actor_state(self);
	int64_t n;

	if (actor_msg_unpack(msg, "I", &n) < 0)
		return actor_reply_error(from, "worker.bad_argument", "add wants one integer");
	worker->total += n;
	return actor_reply(from, "I", worker->total);
}

static int worker_silent(actor *self, const actor_msg *msg, actor_from *from)
{
	return 0;
}

static int worker_misnamed(actor *self, const actor_msg *msg, actor_from *from)
{
	assert_int_equal(actor_reply_error(from, "a\nb", "no name for an error"), -EINVAL);
	return actor_reply(from, "");
}

static int worker_hold(actor *self, const actor_msg *msg, actor_from *from)
{
	held = actor_from_keep(from);
	return held ? 0 : -ENOMEM;
}

static int worker_release(actor *self, const actor_msg *msg)
{
	return actor_reply(held, "s", "late but here");
}

static int worker_slow(actor *self, const actor_msg *msg, actor_from *from)
{
	int r = actor_sleep(self, 20);

	note("slow:%d ", r);
	return actor_reply(from, "s", "slow");
}

static int worker_sleep(actor *self, const actor_msg *msg)
{
	note("sleep:%d ", actor_sleep(self, 60000));
	note("again:%d ", actor_sleep(self, 60000));
	return 0;
}

static int worker_fail(actor *self, const actor_msg *msg)
{
	return -EIO;
}

static int worker_say(actor *self, const actor_msg *msg)
{
	actor_ref to;
	const char *text;

	assert_int_equal(actor_msg_unpack(msg, "rs", &to, &text), 0);
	return actor_cast(self, actor_to(to), "note", "s", text);
}

static int worker_call_back(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_msg *reply;
	actor_ref to;
	int r;

	assert_int_equal(actor_msg_unpack(msg, "r", &to), 0);
	r = actor_call(self, actor_to(to), "add", 1000, &reply, "i", 1);
	actor_msg_free(reply);
	return actor_reply(from, "i", r);
}

/* Asks [0] to call back [1]; its answer is what came of that. */
static int worker_call_through(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref through, to;
	actor_msg *reply;
	int r, back = 1;

	assert_int_equal(actor_msg_unpack(msg, "rr", &through, &to), 0);
	r = actor_call(self, actor_to(through), "call_back", 1000, &reply, "r", to);
	if (r == 0)
		assert_int_equal(actor_msg_unpack(reply, "i", &back), 0);
	actor_msg_free(reply);
	return actor_reply(from, "i", r ? r : back);
}

static int worker_call_later(actor *self, const actor_msg *msg)
{
	const char *who;
	int64_t ms;
	actor_ref to;

	assert_int_equal(actor_msg_unpack(msg, "rIs", &to, &ms, &who), 0);
	actor_sleep(self, ms);
	note("%s:%d ", who, actor_call(self, actor_to(to), "add", 5000, NULL, "i", 1));
	return 0;
}

static int worker_call_back_through(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *method;
	actor_ref through;

	assert_int_equal(actor_msg_unpack(msg, "rs", &through, &method), 0);
	assert_int_equal(actor_call(self, actor_to(through), method, 1000, NULL, "r", actor_self(self)), 0);
	return actor_reply(from, "");
}

static int worker_answer_first(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref to;

	assert_int_equal(actor_msg_unpack(msg, "r", &to), 0);
	assert_int_equal(actor_reply(from, ""), 0);
	note("back:%d ", actor_call(self, actor_to(to), "add", 1000, NULL, "i", 1));
	return 0;
}

static int worker_answer_late(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref to;

	assert_int_equal(actor_msg_unpack(msg, "r", &to), 0);
	actor_sleep(self, 20);
	note("back:%d ", actor_call(self, actor_to(to), "add", 1000, NULL, "i", 1));
	return actor_reply(from, "");
}

static int worker_give_up(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref to;

	assert_int_equal(actor_msg_unpack(msg, "r", &to), 0);
	return actor_reply(
		from, "i", actor_call(self, actor_to(to), "answer_late", 1, NULL, "r", actor_self(self)));
}

static int worker_watch(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref who;
	uint64_t id;

	assert_int_equal(actor_msg_unpack(msg, "r", &who), 0);
	assert_int_equal(actor_monitor(self, who, &id), 0);
	return actor_reply(from, "U", id);
}

static int worker_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	last_down_monitor = monitor;
	last_cause = *cause;
	note("down:%s ", cause->reason);
	return 0;
}

static int worker_ready(actor *self, const actor_msg *msg)
{
	char byte;
	int fd, events;

	assert_int_equal(actor_msg_unpack(msg, "ii", &fd, &events), 0);
	assert_true(events & POLLIN);
	assert_int_equal(read(fd, &byte, 1), 1);
	note("read:%c ", byte);
	return 0;
}

static int worker_watch_fd(actor *self, const actor_msg *msg, actor_from *from)
{
	int fd, r;

	assert_int_equal(actor_msg_unpack(msg, "i", &fd), 0);
	r = actor_watch_fd(self, fd, POLLIN, "ready");
	return actor_reply(from, "i", r);
}

static void worker_terminate(actor *self, const struct actor_cause *cause)
{
	note("terminate:%s ", cause->reason);
}

static int worker_block(actor *self, const actor_msg *msg)
{
	return actor_sleep(self, 30) == -ECANCELED ? 0 : 0;
}

/* An answer of as many bytes as the caller asks for, in the idiom of every example. */
static int worker_give(actor *self, const actor_msg *msg, actor_from *from)
{
	char *bytes;
	int64_t n;
	int r;

	assert_int_equal(actor_msg_unpack(msg, "I", &n), 0);
	bytes = calloc(1, (size_t)n);
	assert_non_null(bytes);
	r = actor_reply(from, "y#", bytes, (size_t)n);
	free(bytes);
	return r;
}

static int worker_give_msg(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_msg *result;
	char *bytes;
	int64_t n;
	int r;

	assert_int_equal(actor_msg_unpack(msg, "I", &n), 0);
	bytes = calloc(1, (size_t)n);
	assert_non_null(bytes);
	assert_int_equal(actor_msg_new(&result), 0);
	/* more than one value by hand, so that nothing is refused before it is an answer */
	assert_int_equal(actor_msg_write(result, "\xc6", 1), 0);
	assert_int_equal(actor_msg_write(result,
				 (char[]){(char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n}, 4),
		0);
	assert_int_equal(actor_msg_write(result, bytes, (size_t)n), 0);
	free(bytes);
	r = actor_reply_msg(from, &result);
	assert_null(result);
	return r;
}

/* What it was given, deeper by two. */
static int worker_wrap(actor *self, const actor_msg *msg, actor_from *from)
{
	const void *raw;
	size_t n;

	assert_int_equal(actor_msg_unpack(msg, "m", &raw, &n), 0);
	return actor_reply(from, "[[m]]", raw, n);
}

static int worker_wrap_object(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "[[o]]", actor_msg_object(msg));
}

static int worker_wrap_msg(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_msg *result;
	const void *raw;
	size_t n;

	raw = actor_msg_body(msg, &n);
	assert_int_equal(actor_msg_new(&result), 0);
	assert_int_equal(actor_msg_write(result, "\x91\x91", 2), 0);
	assert_int_equal(actor_msg_write(result, raw, n), 0);
	return actor_reply_msg(from, &result);
}

static int worker_fail_unanswered(actor *self, const actor_msg *msg, actor_from *from)
{
	return -EIO;
}

static int worker_stop_self(actor *self, const actor_msg *msg)
{
	return actor_stop(self, actor_self(self), "shutdown");
}

static const struct actor_method worker_methods[] = {
	{.name = "add", .on_call = worker_add},
	{.name = "silent", .on_call = worker_silent},
	{.name = "misnamed", .on_call = worker_misnamed},
	{.name = "hold", .on_call = worker_hold},
	{.name = "release", .on_cast = worker_release},
	{.name = "slow", .on_call = worker_slow},
	{.name = "sleep", .on_cast = worker_sleep},
	{.name = "fail", .on_cast = worker_fail},
	{.name = "say", .on_cast = worker_say},
	{.name = "call_back", .on_call = worker_call_back},
	{.name = "call_through", .on_call = worker_call_through},
	{.name = "call_later", .on_cast = worker_call_later},
	{.name = "call_back_through", .on_call = worker_call_back_through},
	{.name = "answer_first", .on_call = worker_answer_first},
	{.name = "answer_late", .on_call = worker_answer_late},
	{.name = "give_up", .on_call = worker_give_up},
	{.name = "watch", .on_call = worker_watch},
	{.name = "watch_fd", .on_call = worker_watch_fd},
	{.name = "ready", .on_cast = worker_ready},
	{.name = "block", .on_cast = worker_block},
	{.name = "stop_self", .on_cast = worker_stop_self},
	{.name = "give", .on_call = worker_give},
	{.name = "give_msg", .on_call = worker_give_msg},
	{.name = "wrap", .on_call = worker_wrap},
	{.name = "wrap_object", .on_call = worker_wrap_object},
	{.name = "wrap_msg", .on_call = worker_wrap_msg},
	{.name = "fail_unanswered", .on_call = worker_fail_unanswered},
	{0},
};

static const struct actor_behavior worker_behavior = {
	.name = "worker",
	.state_size = sizeof(struct worker),
	.methods = worker_methods,
	.terminate = worker_terminate,
	.on_down = worker_down,
	.mailbox_max_messages = 8,
};

static actor_ref worker(actor *self)
{
	actor_ref ref;

	assert_int_equal(actor_spawn(self, &worker_behavior, NULL, &ref), 0);
	return ref;
}

static int call_i(actor *self, actor_ref to, const char *method, int64_t *ret)
{
	actor_msg *reply;
	int r = actor_call(self, actor_to(to), method, 1000, &reply, "i", 5);

	if (r == 0)
		assert_int_equal(actor_msg_unpack(reply, "I", ret), 0);
	actor_msg_free(reply);
	return r;
}

/* ---- calls ---- */

static void story_call(actor *self)
{
	actor_ref to = worker(self);
	int64_t total = 0;

	assert_int_equal(call_i(self, to, "add", &total), 0);
	assert_int_equal(total, 5);
	assert_int_equal(call_i(self, to, "add", &total), 0);
	assert_int_equal(total, 10);
}

static void test_call_returns_the_reply(void **state)
{
	story(story_call);
}

static void story_errors(actor *self)
{
	actor_ref to = worker(self);
	actor_msg *reply;
	int64_t n;

	assert_int_equal(actor_call(self, actor_to(to), "add", 1000, &reply, "s", "five"), -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "worker.bad_argument");
	assert_string_equal(actor_msg_error_text(reply), "add wants one integer");
	assert_int_equal(actor_msg_unpack(reply, "I", &n), -EREMOTEIO);
	actor_msg_free(reply);
	assert_int_equal(actor_call(self, actor_to(to), "nonsense", 1000, &reply, ""), -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "no_method");
	assert_string_equal(actor_msg_error_text(reply), "nonsense");
	actor_msg_free(reply);
	assert_int_equal(actor_call(self, actor_to(to), "release", 1000, &reply, ""), -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "no_method");
	assert_string_equal(actor_msg_error_text(reply), "release is a cast, not a call");
	actor_msg_free(reply);
	assert_int_equal(actor_call(self, actor_to(to), "silent", 1000, &reply, ""), -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "no_reply");
	actor_msg_free(reply);
	assert_int_equal(actor_call(self, actor_to(to), "", 1000, NULL, ""), -EINVAL);
	assert_int_equal(actor_call(self, actor_to(to),
				 "no\xff"
				 "utf8",
				 1000, NULL, ""),
		-EINVAL);
	assert_int_equal(actor_cast(self, actor_to(to), "new\nline", ""), -EINVAL);
	assert_int_equal(actor_call(self, actor_to(to), "add", 1000, NULL, "Q"), -EINVAL);
	assert_int_equal(actor_call(self, actor_to(to), "misnamed", 1000, NULL, ""), 0);
}

static void test_call_errors_are_named(void **state)
{
	story(story_errors);
}

static void expect_error(int r, actor_msg *reply, const char *error)
{
	assert_int_equal(r, -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), error);
	actor_msg_free(reply);
}

static void story_too_big(actor *self)
{
	static const char *const ways[] = {"give", "give_msg"};
	static char big[ACTOR_BODY_MAX_BYTES];
	actor_ref to = worker(self);
	int64_t total = 0;
	actor_msg *reply;
	int r;

	assert_int_equal(call_i(self, to, "add", &total), 0);
	for (int i = 0; i < 2; i++) {
		r = actor_call(
			self, actor_to(to), ways[i], 10000, &reply, "I", (int64_t)ACTOR_BODY_MAX_BYTES - 4);
		expect_error(r, reply, "too_big");
		r = actor_call(self, actor_to(to), ways[i], 10000, &reply, "I", INT64_C(20) << 20);
		expect_error(r, reply, "too_big");
		assert_int_equal(actor_call(self, actor_to(to), ways[i], 10000, &reply, "I",
					 (int64_t)ACTOR_BODY_MAX_BYTES - 5),
			0);
		actor_msg_free(reply);
	}
	/* what the sender makes too big it hears itself, near or far */
	assert_int_equal(actor_cast(self, actor_to(to), "add", "y#", big, sizeof(big)), -EMSGSIZE);
	assert_int_equal(
		actor_call(self, actor_to(to), "add", 1000, NULL, "y#", big, sizeof(big)), -EMSGSIZE);
	assert_int_equal(actor_send_after(self, 0, "note", NULL, "y#", big, sizeof(big)), -EMSGSIZE);
	assert_int_equal(call_i(self, to, "add", &total), 0);
	assert_int_equal(total, 10); /* it is the same actor, with its state */
}

static void test_answer_that_is_too_big_is_a_named_error_and_the_actor_lives(void **state)
{
	story(story_too_big);
}

static void story_too_deep(actor *self)
{
	static const char *const ways[] = {"wrap", "wrap_object", "wrap_msg"};
	uint8_t deep[64];
	actor_ref to = worker(self);
	int64_t total = 0;
	actor_msg *reply;
	int r;

	memset(deep, 0x91, sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = 0xc0; /* 63 deep: as an argument just allowed */
	for (int i = 0; i < 3; i++) {
		r = actor_call(self, actor_to(to), ways[i], 1000, &reply, "m", deep, sizeof(deep));
		expect_error(r, reply, "bad_result");
	}
	assert_int_equal(call_i(self, to, "add", &total), 0);
	assert_int_equal(total, 5);
}

static void test_answer_that_is_too_deep_is_a_named_error_and_the_actor_lives(void **state)
{
	story(story_too_deep);
}

static void story_failed_handler(actor *self)
{
	assert_int_equal(
		actor_call(self, actor_to(worker(self)), "fail_unanswered", 1000, NULL, ""), -ECONNRESET);
}

static void test_call_whose_handler_fails_ends_as_the_actor_does(void **state)
{
	story(story_failed_handler);
}

static void story_dead(actor *self)
{
	actor_ref to = worker(self), never = to;
	uint64_t id;

	assert_int_equal(actor_monitor(self, to, &id), 0);
	assert_int_equal(actor_kill(self, to), 0);
	assert_int_equal(actor_call(self, actor_to(to), "slow", 1000, NULL, ""), -ECONNRESET);
	assert_int_equal(actor_call(self, actor_to(to), "add", 1000, NULL, "i", 1), -ESRCH);
	assert_int_equal(actor_cast(self, actor_to(to), "add", "i", 1), 0);
	never.serial += UINT64_C(1) << 40;
	assert_int_equal(actor_call(self, actor_to(never), "add", 1000, NULL, "i", 1), -ESRCH);
	never = to;
	never.node++;
	assert_int_equal(actor_call(self, actor_to(never), "add", 1000, NULL, "i", 1), -ESRCH);
}

static void test_call_to_a_dead_actor_fails_at_once(void **state)
{
	story(story_dead);
}

static void story_timeout(actor *self)
{
	actor_ref to = worker(self);
	int64_t total;

	assert_int_equal(actor_call(self, actor_to(to), "slow", 1, NULL, ""), -ETIMEDOUT);
	assert_int_equal(call_i(self, to, "add", &total), 0); /* the late reply went nowhere */
	assert_int_equal(total, 5);
	/* a request whose deadline has passed while it was queued is not executed */
	assert_int_equal(actor_cast(self, actor_to(to), "block", ""), 0);
	assert_int_equal(actor_call(self, actor_to(to), "add", 1, NULL, "i", 100), -ETIMEDOUT);
	assert_int_equal(call_i(self, to, "add", &total), 0);
	assert_int_equal(total, 10);
}

static void test_call_times_out_and_its_late_reply_goes_nowhere(void **state)
{
	story(story_timeout);
}

static void story_deferred(actor *self)
{
	actor_ref to = worker(self);
	actor_msg *reply;
	const char *text;

	assert_int_equal(actor_send_after(self, 5, "note", NULL, "s", "timer"), 0);
	assert_int_equal(actor_cast(self, actor_to(to), "block", ""), 0);
	/* released by a cast that is queued behind the call */
	assert_int_equal(actor_spawn(self, &worker_behavior, NULL, NULL), 0);
	actor_ref helper = worker(self);
	(void)helper;
	assert_int_equal(actor_send_after(self, 0, "note", NULL, "s", "x"), 0);
	held = NULL;
	assert_int_equal(actor_call(self, actor_to(to), "hold", 50, NULL, ""), -ETIMEDOUT);
	assert_non_null(held);
	actor_from_free(held);
	assert_int_equal(actor_call(self, actor_to(to), "add", 1000, &reply, "i", 1), 0);
	actor_msg_free(reply);
	(void)text;
}

static void test_kept_address_outlives_the_handler(void **state)
{
	story(story_deferred);
}

static int releaser_go(actor *self, const actor_msg *msg)
{
	actor_ref to;

	assert_int_equal(actor_msg_unpack(msg, "r", &to), 0);
	actor_sleep(self, 5);
	return actor_cast(self, actor_to(to), "release", "");
}

static const struct actor_method releaser_methods[] = {{.name = "go", .on_cast = releaser_go}, {0}};
static const struct actor_behavior releaser_behavior = {.name = "releaser", .methods = releaser_methods};

static int ender_go(actor *self, const actor_msg *msg)
{
	actor_ref to;
	int kill;

	assert_int_equal(actor_msg_unpack(msg, "ri", &to, &kill), 0);
	while (!held)
		actor_sleep(self, 1);
	return kill ? actor_kill(self, to) : actor_stop(self, to, "enough");
}

static const struct actor_method ender_methods[] = {{.name = "go", .on_cast = ender_go}, {0}};
static const struct actor_behavior ender_behavior = {.name = "ender", .methods = ender_methods};

static void story_deferred_reply(actor *self)
{
	actor_ref to = worker(self), releaser;
	actor_msg *reply;
	const char *text;

	assert_int_equal(actor_spawn(self, &releaser_behavior, NULL, &releaser), 0);
	assert_int_equal(actor_cast(self, actor_to(releaser), "go", "r", to), 0);
	assert_int_equal(actor_call(self, actor_to(to), "hold", 1000, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "s", &text), 0);
	assert_string_equal(text, "late but here");
	actor_msg_free(reply);
}

static void test_deferred_reply_reaches_the_caller(void **state)
{
	story(story_deferred_reply);
}

static void story_down_answers(actor *self)
{
	actor_ref to = worker(self), releaser;

	/* a kept call whose callee ends is answered by its end */
	assert_int_equal(actor_spawn(self, &releaser_behavior, NULL, &releaser), 0);
	held = NULL;
	assert_int_equal(actor_cast(self, actor_to(to), "block", ""), 0);
	assert_int_equal(actor_stop(self, to, "enough"), 0);
	assert_int_equal(actor_call(self, actor_to(to), "hold", 1000, NULL, ""), -ECONNRESET);
}

static void test_open_call_ends_when_its_target_ends(void **state)
{
	story(story_down_answers);
}

static void story_kept_end(actor *self)
{
	for (int kill = 0; kill < 2; kill++) {
		actor_ref to = worker(self), ender;
		int64_t total;

		/*
		 * it must have kept the address by then, and be idle: the end of the actor is all that can
		 * answer
		 */
		assert_int_equal(actor_spawn(self, &ender_behavior, NULL, &ender), 0);
		held = NULL;
		assert_int_equal(actor_cast(self, actor_to(ender), "go", "ri", to, kill), 0);
		assert_int_equal(
			actor_call(self, actor_to(to), "hold", ACTOR_FOREVER, NULL, ""), -ECONNRESET);
		assert_non_null(held);

		/*
		 * whoever holds it still is told that it is over, each time, and has no memory of the dead in
		 * his hands
		 */
		assert_true(actor_ref_is_nobody(actor_from_ref(held)));
		assert_int_equal(actor_reply(held, "i", 1), -ESRCH);
		assert_int_equal(actor_reply_error(held, "too.late", "x"), -ESRCH);
		assert_int_equal(actor_reply(held, "i", 1), -ESRCH);
		assert_null(actor_from_keep(held));
		assert_null(actor_from_free(held));
		assert_int_equal(call_i(self, worker(self), "add", &total), 0);
	}
}

static void test_kept_call_is_answered_by_its_actors_end_and_its_address_is_over(void **state)
{
	story(story_kept_end);
}

static void story_kept_twice(actor *self)
{
	actor_ref to = worker(self), releaser;
	actor_from *first;
	actor_msg *reply;

	assert_int_equal(actor_spawn(self, &releaser_behavior, NULL, &releaser), 0);
	assert_int_equal(actor_cast(self, actor_to(releaser), "go", "r", to), 0);
	assert_int_equal(actor_call(self, actor_to(to), "hold", ACTOR_FOREVER, &reply, ""), 0);
	actor_msg_free(reply);
	first = held;
	assert_int_equal(actor_reply(first, "i", 1), -ESRCH);
	/* the next one kept does not take its place */
	assert_int_equal(actor_call(self, actor_to(to), "hold", 1, NULL, ""), -ETIMEDOUT);
	assert_ptr_not_equal(held, first);
	assert_int_equal(actor_reply(first, "i", 1), -ESRCH);
	assert_null(actor_from_free(first));
	assert_int_equal(actor_reply(held, "i", 1), 0);
	assert_int_equal(actor_reply(held, "i", 1), -ESRCH);
}

static void test_kept_address_answers_once_and_is_never_used_again(void **state)
{
	story(story_kept_twice);
}

static void story_circle(actor *self)
{
	actor_ref to = worker(self);
	actor_msg *reply;
	int r;

	assert_int_equal(
		actor_call(self, actor_to(actor_self(self)), "note", 1000, NULL, "s", "x"), -EDEADLK);
	assert_int_equal(actor_call(self, actor_to(to), "call_back", 1000, &reply, "r", actor_self(self)), 0);
	assert_int_equal(actor_msg_unpack(reply, "i", &r), 0);
	assert_int_equal(r, -EDEADLK);
	actor_msg_free(reply);

	/* us → to → second → us; and a circle of others is no concern of who calls into it */
	for (int self_too = 0; self_too < 2; self_too++) {
		actor_ref second = worker(self);

		assert_int_equal(actor_call(self, actor_to(to), "call_through", 1000, &reply, "rr", second,
					 self_too ? actor_self(self) : to),
			0);
		assert_int_equal(actor_msg_unpack(reply, "i", &r), 0);
		assert_int_equal(r, -EDEADLK);
		actor_msg_free(reply);
	}
}

/* Nobody handles a call here: each is busy with a cast, and its call waits in the mailbox of the next. */
static void story_queued_circle(actor *self)
{
	actor_ref a = worker(self), b = worker(self), c = worker(self);

	assert_int_equal(actor_cast(self, actor_to(c), "call_later", "rIs", a, INT64_C(20), "c"), 0);
	assert_int_equal(actor_cast(self, actor_to(b), "call_later", "rIs", c, INT64_C(0), "b"), 0);
	assert_int_equal(actor_cast(self, actor_to(a), "call_later", "rIs", b, INT64_C(0), "a"), 0);
	assert_int_equal(actor_call(self, actor_to(a), "add", 10000, NULL, "i", 1), 0);
	assert_string_equal(story_log, "c:-35 b:0 a:0 ");
}

static void test_last_of_those_that_wait_for_each_other_hears_edeadlk_and_the_others_go_on(void **state)
{
	story(story_queued_circle);
}

static void story_no_circle(actor *self)
{
	actor_ref to = worker(self), asker = worker(self);
	actor_msg *reply;
	int r;

	/* it has answered before it calls back */
	assert_int_equal(actor_call(self, actor_to(asker), "call_back_through", 1000, &reply, "rs", to,
				 "answer_first"),
		0);
	actor_msg_free(reply);
	assert_int_equal(actor_call(self, actor_to(asker), "slow", 1000, NULL, ""), 0);
	assert_non_null(strstr(story_log, "back:0 "));
	/* the caller waits no longer */
	story_log[0] = 0;
	assert_int_equal(actor_call(self, actor_to(asker), "give_up", 1000, &reply, "r", to), 0);
	assert_int_equal(actor_msg_unpack(reply, "i", &r), 0);
	assert_int_equal(r, -ETIMEDOUT);
	actor_msg_free(reply);
	while (!strstr(story_log, "back:"))
		actor_sleep(self, 1);
	assert_non_null(strstr(story_log, "back:0 "));
}

static void test_call_back_to_who_waits_no_more_is_no_circle(void **state)
{
	story(story_no_circle);
}

static void test_call_in_a_circle_is_edeadlk(void **state)
{
	story(story_circle);
}

/* ---- waiting ---- */

static void story_parking(actor *self)
{
	actor_ref slow = worker(self), quick = worker(self);
	int64_t total;
	actor_msg *reply;

	assert_int_equal(actor_cast(self, actor_to(slow), "sleep", ""), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(call_i(self, quick, "add", &total), 0);
	assert_int_equal(total, 500);
	/* kill ends what it waits in, and every further wait */
	assert_int_equal(actor_kill(self, slow), 0);
	assert_int_equal(actor_call(self, actor_to(quick), "slow", 1000, &reply, ""), 0);
	actor_msg_free(reply);
	assert_non_null(strstr(story_log, "sleep:-125 again:-125 "));
	assert_null(strstr(story_log, "terminate:killed"));
}

static void test_kill_ends_every_wait_of_a_parked_actor_and_only_of_it(void **state)
{
	story(story_parking);
}

static int spoiler_spoil(actor *self, const actor_msg *msg)
{
	errno = ENOTTY;
	note("spoilt ");
	return 0;
}

static const struct actor_method spoiler_methods[] = {{.name = "spoil", .on_cast = spoiler_spoil}, {0}};
static const struct actor_behavior spoiler = {.name = "spoiler", .methods = spoiler_methods};

static void story_errno(actor *self)
{
	actor_ref ref;
	int after;

	assert_int_equal(actor_spawn(self, &spoiler, NULL, &ref), 0);
	assert_int_equal(actor_cast(self, actor_to(ref), "spoil", ""), 0);
	assert_null(strstr(story_log, "spoilt"));
	errno = E2BIG;
	actor_sleep(self, 1);
	after = errno;
	assert_non_null(strstr(story_log, "spoilt"));
	assert_int_equal(after, E2BIG);
}

static void test_errno_is_each_actors_own_while_it_waits(void **state)
{
	story(story_errno);
}

static void story_many_parked(actor *self)
{
	actor_ref refs[500];
	int64_t total;

	for (int i = 0; i < 500; i++) {
		refs[i] = worker(self);
		assert_int_equal(actor_cast(self, actor_to(refs[i]), "sleep", ""), 0);
	}
	actor_ref quick = worker(self);
	assert_int_equal(call_i(self, quick, "add", &total), 0);
	for (int i = 0; i < 500; i++)
		assert_int_equal(actor_kill(self, refs[i]), 0);
}

static void test_500_parked_actors_each_keep_their_stack(void **state)
{
	story(story_many_parked);
}

/* ---- monitors ---- */

static void story_monitor(actor *self)
{
	actor_ref watcher = worker(self), target = worker(self);
	actor_msg *reply;
	uint64_t id;

	assert_int_equal(actor_call(self, actor_to(watcher), "watch", 1000, &reply, "r", target), 0);
	assert_int_equal(actor_msg_unpack(reply, "U", &id), 0);
	actor_msg_free(reply);
	assert_int_equal(actor_cast(self, actor_to(target), "fail", ""), 0);
	assert_int_equal(actor_call(self, actor_to(watcher), "slow", 1000, &reply, ""), 0);
	actor_msg_free(reply);
	assert_int_equal(call_i(self, watcher, "add", &(int64_t){0}), 0);
	assert_int_equal(last_down_monitor, id);
	assert_string_equal(last_cause.reason, "crash: EIO");
	assert_non_null(strstr(story_log, "terminate:crash: EIO"));

	/* dead already: one DOWN, noproc */
	assert_int_equal(actor_call(self, actor_to(watcher), "watch", 1000, &reply, "r", target), 0);
	assert_int_equal(actor_msg_unpack(reply, "U", &id), 0);
	actor_msg_free(reply);
	assert_int_equal(call_i(self, watcher, "add", &(int64_t){0}), 0);
	assert_int_equal(last_down_monitor, id);
	assert_string_equal(last_cause.reason, "noproc");
}

static void test_monitor_fires_once_with_the_cause_and_noproc_when_dead(void **state)
{
	story(story_monitor);
}

static void story_down_order(actor *self)
{
	actor_ref target = worker(self);
	uint64_t id;

	assert_int_equal(actor_monitor(self, target, &id), 0);
	assert_int_equal(actor_cast(self, actor_to(target), "say", "rs", actor_self(self), "last"), 0);
	assert_int_equal(actor_cast(self, actor_to(target), "stop_self", ""), 0);
	assert_int_equal(actor_call(self, actor_to(target), "add", 1000, NULL, "i", 1), -ECONNRESET);
	/* both are queued for us now, in order; the demonitor takes the DOWN away again */
	assert_false(actor_demonitor(self, id));
	/* and had it not, it would come before this, and the group does not end before its driver */
	assert_int_equal(actor_cast(self, actor_to(actor_self(self)), "note", "s", "after"), 0);
	assert_int_equal(actor_cast(self, actor_to(actor_self(self)), "end", ""), 0);
}

static void story_first_reason(actor *self)
{
	actor_ref watcher = worker(self), target = worker(self);
	actor_msg *reply;

	assert_int_equal(actor_call(self, actor_to(watcher), "watch", 1000, &reply, "r", target), 0);
	actor_msg_free(reply);
	assert_int_equal(actor_stop(self, target, "the first"), 0);
	assert_int_equal(actor_stop(self, target, "the second"), 0);
	assert_int_equal(actor_call(self, actor_to(watcher), "slow", 1000, NULL, ""), 0);
	assert_string_equal(last_cause.reason, "the first");
	assert_non_null(strstr(story_log, "terminate:the first "));
	/* but killed is killed, whatever it was asked before */
	target = worker(self);
	assert_int_equal(actor_call(self, actor_to(watcher), "watch", 1000, &reply, "r", target), 0);
	actor_msg_free(reply);
	assert_int_equal(actor_stop(self, target, "a stop"), 0);
	assert_int_equal(actor_kill(self, target), 0);
	assert_int_equal(actor_call(self, actor_to(watcher), "slow", 1000, NULL, ""), 0);
	assert_string_equal(last_cause.reason, "killed");
}

static void test_first_reason_to_stop_is_the_reason_unless_killed(void **state)
{
	story(story_first_reason);
}

static void story_dying_watcher(actor *self)
{
	actor_group *group = actor_group_of(self);
	actor_ref watcher = worker(self), target = worker(self);
	actor_msg *reply;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(actor_call(self, actor_to(watcher), "watch", 1000, &reply, "r", target), 0);
		actor_msg_free(reply);
	}
	assert_int_equal(group->monitors.n_items, 3);
	assert_int_equal(actor_stop(self, watcher, NULL), 0);
	assert_int_equal(actor_call(self, actor_to(watcher), "add", 1000, NULL, "i", 1), -ECONNRESET);
	assert_int_equal(group->monitors.n_items, 0);
	assert_true(list_is_empty(&actor_find(group, target.serial)->watchers));
	assert_int_equal(actor_stop(self, target, NULL), 0);
	assert_int_equal(actor_call(self, actor_to(target), "add", 1000, NULL, "i", 1), -ECONNRESET);
	assert_null(strstr(story_log, "down:"));
}

static void test_monitors_go_with_the_actor_that_made_them(void **state)
{
	story(story_dying_watcher);
}

static int order_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	note("DOWN:%s ", cause->reason);
	actor_group_stop(actor_group_of(self));
	return 0;
}

static int order_init(actor *self, const void *arg)
{
	actor_ref target = worker(self);

	assert_int_equal(actor_monitor(self, target, NULL), 0);
	assert_int_equal(actor_cast(self, actor_to(target), "say", "rs", actor_self(self), "one"), 0);
	assert_int_equal(actor_cast(self, actor_to(target), "say", "rs", actor_self(self), "two"), 0);
	return actor_cast(self, actor_to(target), "stop_self", "");
}

static const struct actor_behavior order_behavior = {
	.name = "order",
	.state_size = sizeof(struct driver),
	.methods = driver_methods,
	.init = order_init,
	.on_down = order_down,
};

static void test_down_arrives_after_last_message(void **state)
{
	struct actor_group_options options = {.mode = ACTOR_JOIN_NONE};
	actor_group *group;

	story_log[0] = 0;
	assert_int_equal(actor_group_new(&group, &options), 0);
	assert_int_equal(actor_group_spawn(group, &order_behavior, NULL, NULL, NULL), 0);
	assert_int_equal(actor_group_run(group), 0);
	actor_group_free(group);
	assert_string_equal(story_log, "terminate:shutdown one two DOWN:shutdown ");
}

static void test_demonitor_takes_back_a_queued_down(void **state)
{
	driver_stays = true;
	story(story_down_order);
	driver_stays = false;
	assert_string_equal(story_log, "terminate:shutdown last after ");
}

static void story_foreign_monitor(actor *self)
{
	actor_ref watcher = worker(self), target = worker(self);
	actor_msg *reply;
	uint64_t id;

	assert_int_equal(actor_call(self, actor_to(watcher), "watch", 1000, &reply, "r", target), 0);
	assert_int_equal(actor_msg_unpack(reply, "U", &id), 0);
	actor_msg_free(reply);
	assert_false(actor_demonitor(self, id));
	assert_int_equal(actor_stop(self, target, "over"), 0);
	assert_int_equal(actor_call(self, actor_to(target), "add", 1000, NULL, "i", 1), -ECONNRESET);
	assert_int_equal(call_i(self, watcher, "add", &(int64_t){0}), 0);
	assert_int_equal(last_down_monitor, id);
	assert_string_equal(last_cause.reason, "over");
}

static void test_demonitor_of_a_monitor_of_another_does_nothing(void **state)
{
	story(story_foreign_monitor);
}

static void story_own_process(actor *self)
{
	actor_ref own = actor_self(self);
	uint64_t id, other;

	own.serial = 0;
	assert_int_equal(actor_monitor(self, own, &id), 0);
	assert_int_equal(actor_monitor(self, own, &other), 0);
	assert_true(actor_demonitor(self, id));
	assert_int_equal(actor_cast(self, actor_to(actor_self(self)), "note", "s", "nothing came"), 0);
	assert_int_equal(actor_cast(self, actor_to(actor_self(self)), "end", ""), 0);
}

static void test_monitor_of_the_own_process_never_goes_off(void **state)
{
	driver_stays = true;
	story(story_own_process);
	driver_stays = false;
	assert_string_equal(story_log, "nothing came ");
}

/* ---- timers, mailboxes, descriptors ---- */

static int timed_tick(actor *self, const actor_msg *msg)
{
	const char *text;

	assert_int_equal(actor_msg_unpack(msg, "s", &text), 0);
	note("%s ", text);
	if (!strcmp(text, "c"))
		actor_stop(self, actor_self(self), NULL);
	return 0;
}

static int timed_init(actor *self, const void *arg)
{
	uint64_t timer;

	assert_int_equal(actor_send_after(self, 15, "tick", NULL, "s", "c"), 0);
	assert_int_equal(actor_send_after(self, 5, "tick", NULL, "s", "a"), 0);
	assert_int_equal(actor_send_after(self, 10, "tick", &timer, "s", "never"), 0);
	assert_int_equal(actor_send_after(self, 10, "tick", NULL, "s", "b"), 0);
	assert_true(actor_timer_cancel(self, timer));
	assert_false(actor_timer_cancel(self, timer));
	assert_int_equal(actor_send_after(self, -1, "tick", NULL, "s", "x"), -EINVAL);
	return 0;
}

static const struct actor_method timed_methods[] = {{.name = "tick", .on_cast = timed_tick}, {0}};
static const struct actor_behavior timed_behavior = {
	.name = "timed", .methods = timed_methods, .init = timed_init};

static void test_timers_fire_in_order_of_their_time_unless_cancelled(void **state)
{
	struct actor_group_options options = {.mode = ACTOR_JOIN_NONE};
	actor_group *group;

	story_log[0] = 0;
	assert_int_equal(actor_group_new(&group, &options), 0);
	assert_int_equal(actor_group_spawn(group, &timed_behavior, NULL, NULL, NULL), 0);
	assert_int_equal(actor_group_run(group), 0);
	actor_group_free(group);
	assert_string_equal(story_log, "a b c ");
}

static void story_full(actor *self)
{
	actor_ref to = worker(self);
	int64_t total = 0;

	assert_int_equal(actor_cast(self, actor_to(to), "block", ""), 0);
	for (int i = 0; i < 100; i++) /* 8 fit; the sender waits and loses nothing */
		assert_int_equal(actor_cast(self, actor_to(to), "say", "rs", actor_self(self), "."), 0);
	assert_int_equal(call_i(self, to, "add", &total), 0);
	/* to itself an actor never blocks */
	for (int i = 0; i < 5000; i++)
		assert_int_equal(actor_cast(self, actor_to(actor_self(self)), "note", "s", ""), 0);
}

static void test_sender_waits_while_a_mailbox_is_full(void **state)
{
	story(story_full);
}

static actor_ref blocked_at;
static int blocked_result;

static int blocked_fill(actor *self, const actor_msg *msg)
{
	for (int i = 0; i < 9; i++) { /* 8 fit */
		blocked_result = actor_cast(self, actor_to(blocked_at), "add", "i", 1);
		note("%d ", i);
	}
	return 0;
}

static const struct actor_method blocked_methods[] = {{.name = "fill", .on_cast = blocked_fill}, {0}};
static const struct actor_behavior blocked_behavior = {.name = "blocked", .methods = blocked_methods};

static void story_blocked(actor *self)
{
	actor_ref sender;

	blocked_at = worker(self);
	blocked_result = 1;
	assert_int_equal(actor_cast(self, actor_to(blocked_at), "sleep", ""), 0);
	actor_sleep(self, 1); /* it sleeps in its handler, its mailbox is empty */
	assert_int_equal(actor_spawn(self, &blocked_behavior, NULL, &sender), 0);
	assert_int_equal(actor_cast(self, actor_to(sender), "fill", ""), 0);
	while (!strstr(story_log, "7 "))
		actor_sleep(self, 1);
	assert_null(strstr(story_log, "8 "));
	/* a target that never makes room does not hold it for ever */
	assert_true(heap_contains(&actor_find(actor_group_of(self), sender.serial)->task.wake_timer.node));
	assert_int_equal(actor_kill(self, blocked_at), 0);
	/*
	 * a cast to the dead is lost and no error; had nobody woken the sender, it would be -EBUSY after its
	 * five seconds
	 */
	while (!strstr(story_log, "8 "))
		actor_sleep(self, 1);
	assert_int_equal(blocked_result, 0);
}

static void test_sender_that_waits_for_room_is_woken_by_the_end_of_its_target(void **state)
{
	story(story_blocked);
}

static int blocked_cast_once(actor *self, const actor_msg *msg)
{
	blocked_result = actor_cast(self, actor_to(blocked_at), "nothing", "");
	return 0;
}

static const struct actor_method blocked_once_methods[] = {{.name = "go", .on_cast = blocked_cast_once}, {0}};
static const struct actor_behavior blocked_once_behavior = {.name = "once", .methods = blocked_once_methods};

static int narrow_go(actor *self, const actor_msg *msg)
{
	actor_ref target = worker(self), sender;
	uint64_t monitor;

	blocked_at = actor_self(self);
	blocked_result = 1;
	assert_int_equal(actor_monitor(self, target, &monitor), 0);
	assert_int_equal(actor_stop(self, target, "over"), 0);
	while (!mailbox_is_full(&actor_find(actor_group_of(self), blocked_at.serial)->mailbox))
		actor_sleep(self, 1);
	assert_int_equal(actor_spawn(self, &blocked_once_behavior, NULL, &sender), 0);
	assert_int_equal(actor_cast(self, actor_to(sender), "go", ""), 0);
	while (list_is_empty(&actor_find(actor_group_of(self), blocked_at.serial)->mailbox.blocked))
		actor_sleep(self, 1);
	actor_demonitor(self, monitor); /* takes back the DOWN, the only message */
	while (blocked_result == 1)
		actor_sleep(self, 1);
	assert_int_equal(blocked_result, 0); /* -EBUSY: nobody had woken it */
	return actor_stop(self, actor_self(self), "over");
}

static const struct actor_method narrow_methods[] = {{.name = "go", .on_cast = narrow_go}, {0}};
static const struct actor_behavior narrow_behavior = {
	.name = "narrow", .methods = narrow_methods, .mailbox_max_messages = 1};

static void story_narrow(actor *self)
{
	actor_ref narrow;
	uint64_t monitor;

	assert_int_equal(actor_spawn(self, &narrow_behavior, NULL, &narrow), 0);
	assert_int_equal(actor_monitor(self, narrow, &monitor), 0);
	assert_int_equal(actor_cast(self, actor_to(narrow), "go", ""), 0);
	blocked_result = 1;
	while (actor_find(actor_group_of(self), narrow.serial))
		actor_sleep(self, 1);
	assert_int_equal(blocked_result, 0);
}

static void test_sender_that_waits_for_room_is_woken_by_a_demonitor(void **state)
{
	story(story_narrow);
}

static int impatient_result;

static int impatient_go(actor *self, const actor_msg *msg)
{
	actor_msg *args;

	while (actor_cast(self, actor_to(blocked_at), "add", "i", 1) == 0 &&
		!mailbox_is_full(&actor_find(actor_group_of(self), blocked_at.serial)->mailbox))
		;
	impatient_result = actor_call(self, actor_to(blocked_at), "add", 10, NULL, "i", 1);
	note("%d ", impatient_result);
	assert_int_equal(actor_msg_new(&args), 0);
	assert_int_equal(actor_msg_pack(args, "[i]", 1), 0);
	impatient_result = actor_call_msg(self, actor_to(blocked_at), "add", 10, &args, NULL);
	actor_msg_free(args);
	note("%d done", impatient_result);
	return 0;
}

static const struct actor_method impatient_methods[] = {{.name = "go", .on_cast = impatient_go}, {0}};
static const struct actor_behavior impatient_behavior = {.name = "impatient", .methods = impatient_methods};

static void story_impatient(actor *self)
{
	actor_ref sender;

	blocked_at = worker(self);
	assert_int_equal(actor_cast(self, actor_to(blocked_at), "sleep", ""), 0);
	actor_sleep(self, 1);
	assert_int_equal(actor_spawn(self, &impatient_behavior, NULL, &sender), 0);
	assert_int_equal(actor_cast(self, actor_to(sender), "go", ""), 0);
	while (!strstr(story_log, "done"))
		actor_sleep(self, 1);
	assert_string_equal(story_log, "-110 -110 done");
	assert_int_equal(actor_kill(self, blocked_at), 0);
}

static bool killed;

static int killer_go(actor *self, const actor_msg *msg)
{
	actor_sleep(self, 20);
	killed = true;
	return actor_kill(self, blocked_at);
}

static const struct actor_method killer_methods[] = {{.name = "go", .on_cast = killer_go}, {0}};
static const struct actor_behavior killer_behavior = {.name = "killer", .methods = killer_methods};

static void story_full_of_bytes(actor *self)
{
	static char text[2000];
	struct actor_behavior small = worker_behavior;
	actor_ref killer;

	small.mailbox_max_messages = 0;
	small.mailbox_max_bytes = 1000;
	memset(text, 'x', sizeof(text) - 1);
	assert_int_equal(actor_spawn(self, &small, NULL, &blocked_at), 0);
	assert_int_equal(actor_spawn(self, &killer_behavior, NULL, &killer), 0);
	assert_int_equal(actor_cast(self, actor_to(blocked_at), "sleep", ""), 0);
	actor_sleep(self, 1);
	assert_int_equal(actor_cast(self, actor_to(blocked_at), "note", "s", text), 0); /* there was room */
	assert_int_equal(actor_cast(self, actor_to(killer), "go", ""), 0);
	killed = false;
	assert_int_equal(actor_cast(self, actor_to(blocked_at), "note", "s", "."), 0);
	assert_true(killed); /* it waited until the other was gone: a cast to the dead is lost */
}

static void test_bytes_fill_a_mailbox_as_messages_do(void **state)
{
	story(story_full_of_bytes);
}

static void test_call_to_a_full_mailbox_ends_with_its_own_time_out(void **state)
{
	story(story_impatient);
}

static void story_fd(actor *self)
{
	actor_ref to = worker(self);
	actor_msg *reply;
	int fds[2], r;

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(actor_call(self, actor_to(to), "watch_fd", 1000, &reply, "i", fds[0]), 0);
	assert_int_equal(actor_msg_unpack(reply, "i", &r), 0);
	assert_int_equal(r, 0);
	actor_msg_free(reply);
	assert_int_equal(write(fds[1], "ab", 2), 2);
	actor_sleep(self, 20);
	assert_non_null(strstr(story_log, "read:a read:b "));
	assert_int_equal(actor_kill(self, to), 0);
	actor_sleep(self, 1);
	close(fds[0]);
	close(fds[1]);
}

static void test_readable_descriptor_is_cast_once_per_readiness(void **state)
{
	story(story_fd);
}

static int bad_init(actor *self, const void *arg)
{
	return -ENOSPC;
}

static const struct actor_behavior bad_behavior = {.name = "bad", .init = bad_init};

static int waiting_init(actor *self, const void *arg)
{
	actor_ref to = worker(self);
	int64_t total;

	return call_i(self, to, "add", &total);
}

static const struct actor_behavior waiting_behavior = {.name = "waiting", .init = waiting_init};

static void story_init(actor *self)
{
	actor_ref ref = ACTOR_NOBODY;

	assert_int_equal(actor_spawn(self, &bad_behavior, NULL, &ref), -ENOSPC);
	assert_true(actor_ref_is_nobody(ref));
	assert_int_equal(actor_spawn(self, &waiting_behavior, NULL, &ref), 0);
	assert_int_equal(actor_stop(self, ref, NULL), 0);
}

static void story_fd_of_the_busy(actor *self)
{
	actor_group *group = actor_group_of(self);
	actor_ref to = worker(self);
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(actor_call(self, actor_to(to), "watch_fd", 1000, NULL, "i", fds[0]), 0);
	assert_int_equal(actor_cast(self, actor_to(to), "sleep", ""), 0);
	actor_sleep(self, 1);
	assert_int_equal(write(fds[1], "a", 1), 1);
	while (!actor_find(group, to.serial)->mailbox.n_messages)
		actor_sleep(self, 1);
	for (int i = 0; i < 5; i++) /* it is readable in each of these turns */
		actor_sleep(self, 1);
	assert_int_equal(actor_find(group, to.serial)->mailbox.n_messages, 1);
	assert_int_equal(actor_kill(self, to), 0);
	actor_sleep(self, 1);
	assert_int_equal(group->fd_watches.n_items, 0);
	close(fds[0]);
	close(fds[1]);
}

static void test_descriptor_of_a_busy_actor_waits_as_one_cast_and_is_let_go_of_at_its_end(void **state)
{
	story(story_fd_of_the_busy);
}

static void story_unwatch(actor *self)
{
	int first[2], second[2];

	assert_int_equal(pipe(first), 0);
	assert_int_equal(pipe(second), 0);
	assert_int_equal(actor_watch_fd(self, first[0], POLLIN, "note"), 0);
	assert_int_equal(actor_watch_fd(self, second[0], POLLIN, "note"), 0);
	assert_int_equal(actor_unwatch_fd(self, second[0]), 0);
	assert_int_equal(actor_unwatch_fd(self, second[0]), -ENOENT);
	assert_int_equal(actor_unwatch_fd(self, first[0]), 0);
	for (int i = 0; i < 2; i++) {
		close(first[i]);
		close(second[i]);
	}
}

static void test_unwatch_lets_go_of_that_descriptor_and_no_other(void **state)
{
	story(story_unwatch);
}

static void test_time_that_no_clock_reaches_is_no_limit(void **state)
{
	static const int64_t times_ms[] = {
		-1, INT64_MIN, INT64_MAX, INT64_MAX / 1000000, INT64_MAX / 1000000 + 1};

	for (size_t i = 0; i < sizeof(times_ms) / sizeof(times_ms[0]); i++)
		assert_true(deadline_after_ms(1000000, times_ms[i]) == NEVER_NS);
	assert_true(deadline_after_ms(1000000, 0) == 1000000);
	assert_true(deadline_after_ms(1000000, 2) == 3000000);
}

static void story_flush_within(actor *self)
{
	assert_int_equal(actor_group_flush(actor_group_of(self), 0), -EDEADLK);
	assert_int_equal(actor_flush(self, 0), 0);
}

static void test_group_is_not_flushed_from_within_but_an_actor_may_wait_for_it(void **state)
{
	story(story_flush_within);
}

static void test_spawn_returns_what_init_returned(void **state)
{
	story(story_init);
}

static int embed_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_embedded_group_is_driven_by_poll_and_dispatch(void **state)
{
	struct actor_group_options options = {.mode = ACTOR_JOIN_NONE};
	int before = embed_fds();
	actor_group *group;
	struct pollfd fd;

	story_log[0] = 0;
	assert_int_equal(actor_group_new(&group, &options), 0);
	assert_int_equal(actor_group_spawn(group, &timed_behavior, NULL, NULL, NULL), 0);
	fd = (struct pollfd){.fd = actor_group_get_fd(group), .events = POLLIN};
	while (actor_group_dispatch(group) > 0)
		assert_true(poll(&fd, 1, 5000) > 0);
	actor_group_free(group);
	assert_string_equal(story_log, "a b c ");
	assert_int_equal(embed_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_call_returns_the_reply),
		cmocka_unit_test(test_call_errors_are_named),
		cmocka_unit_test(test_call_to_a_dead_actor_fails_at_once),
		cmocka_unit_test(test_call_times_out_and_its_late_reply_goes_nowhere),
		cmocka_unit_test(test_kept_address_outlives_the_handler),
		cmocka_unit_test(test_deferred_reply_reaches_the_caller),
		cmocka_unit_test(test_open_call_ends_when_its_target_ends),
		cmocka_unit_test(test_kept_call_is_answered_by_its_actors_end_and_its_address_is_over),
		cmocka_unit_test(test_kept_address_answers_once_and_is_never_used_again),
		cmocka_unit_test(test_answer_that_is_too_big_is_a_named_error_and_the_actor_lives),
		cmocka_unit_test(test_answer_that_is_too_deep_is_a_named_error_and_the_actor_lives),
		cmocka_unit_test(test_call_whose_handler_fails_ends_as_the_actor_does),
		cmocka_unit_test(test_call_in_a_circle_is_edeadlk),
		cmocka_unit_test(test_call_back_to_who_waits_no_more_is_no_circle),
		cmocka_unit_test(
			test_last_of_those_that_wait_for_each_other_hears_edeadlk_and_the_others_go_on),
		cmocka_unit_test(test_kill_ends_every_wait_of_a_parked_actor_and_only_of_it),
		cmocka_unit_test(test_errno_is_each_actors_own_while_it_waits),
		cmocka_unit_test(test_500_parked_actors_each_keep_their_stack),
		cmocka_unit_test(test_monitor_fires_once_with_the_cause_and_noproc_when_dead),
		cmocka_unit_test(test_down_arrives_after_last_message),
		cmocka_unit_test(test_demonitor_takes_back_a_queued_down),
		cmocka_unit_test(test_demonitor_of_a_monitor_of_another_does_nothing),
		cmocka_unit_test(test_monitor_of_the_own_process_never_goes_off),
		cmocka_unit_test(test_timers_fire_in_order_of_their_time_unless_cancelled),
		cmocka_unit_test(test_sender_waits_while_a_mailbox_is_full),
		cmocka_unit_test(test_bytes_fill_a_mailbox_as_messages_do),
		cmocka_unit_test(test_call_to_a_full_mailbox_ends_with_its_own_time_out),
		cmocka_unit_test(test_sender_that_waits_for_room_is_woken_by_the_end_of_its_target),
		cmocka_unit_test(test_sender_that_waits_for_room_is_woken_by_a_demonitor),
		cmocka_unit_test(test_first_reason_to_stop_is_the_reason_unless_killed),
		cmocka_unit_test(test_monitors_go_with_the_actor_that_made_them),
		cmocka_unit_test(test_readable_descriptor_is_cast_once_per_readiness),
		cmocka_unit_test(
			test_descriptor_of_a_busy_actor_waits_as_one_cast_and_is_let_go_of_at_its_end),
		cmocka_unit_test(test_unwatch_lets_go_of_that_descriptor_and_no_other),
		cmocka_unit_test(test_time_that_no_clock_reaches_is_no_limit),
		cmocka_unit_test(test_group_is_not_flushed_from_within_but_an_actor_may_wait_for_it),
		cmocka_unit_test(test_spawn_returns_what_init_returned),
		cmocka_unit_test(test_embedded_group_is_driven_by_poll_and_dispatch),
	};

	return run_facts(tests);
}

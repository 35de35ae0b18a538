/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/actor/runtime-world.h"

uint64_t last_down_monitor;
struct actor_cause last_cause;
actor_from *held;

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

const struct actor_method driver_methods[] = {
	DRIVER_METHODS,
	{.name = "note", .on_cast = driver_note},
	{0},
};

static const struct actor_behavior driver_behavior = {
	.name = "driver",
	.state_size = sizeof(struct driver),
	.methods = driver_methods,
	.init = driver_init,
	.on_down = driver_down,
};

void story(story_fn fn)
{
	last_down_monitor = 0;
	story_of(&driver_behavior, fn);
}

/* ---- a cast of characters ---- */

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

/* Asks [0] to call [1] back, and answers with what that call returned. */
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

/* Answers with as many bytes as the caller asks for, in the way of all examples. */
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
	/*
	 * The result is written by hand, value by value, so that its size is not checked before it is sent.
	 */
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

/* Answers with the argument in two more arrays. */
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

const struct actor_behavior worker_behavior = {
	.name = "worker",
	.state_size = sizeof(struct worker),
	.methods = worker_methods,
	.terminate = worker_terminate,
	.on_down = worker_down,
	.mailbox_max_messages = 8,
};

actor_ref worker(actor *self)
{
	actor_ref ref;

	assert_int_equal(actor_spawn(self, &worker_behavior, NULL, &ref), 0);
	return ref;
}

int call_i(actor *self, actor_ref to, const char *method, int64_t *ret)
{
	actor_msg *reply;
	int r = actor_call(self, actor_to(to), method, 1000, &reply, "i", 5);

	if (r == 0)
		assert_int_equal(actor_msg_unpack(reply, "I", ret), 0);
	actor_msg_free(reply);
	return r;
}

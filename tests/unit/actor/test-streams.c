/* SPDX-License-Identifier: Apache-2.0 */
/* Streams and cancelled calls between actors of one group, without a node. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "actor/actor.h"
#include "libactor/actor/inflow.h"
#include "libactor/base/base.h"
#include "tests/fact.h"
#include "tests/unit/story.h"

static actor_from *held;
static int n_sent, last_sent; /* what the producer has sent, and what its last send returned */
static const struct actor_stream_window defaults = {0};
static char letters[] = "ix";

static void expect(const char *want)
{
	assert_string_equal(story_log, want);
	story_log[0] = 0;
}

/* ---- the producer ---- */

/* Sends n numbers, as the credit comes, and ends with their count. */
static int on_count(actor *self, const actor_msg *msg, actor_from *from)
{
	int n;

	assert_int_equal(actor_msg_unpack(msg, "i", &n), 0);
	for (n_sent = 0; n_sent < n; n_sent++) {
		last_sent = actor_stream_send(self, from, ACTOR_FOREVER, "i", n_sent);
		if (last_sent < 0) {
			note("stopped %d; ", last_sent);
			return last_sent == -ECANCELED ? 0 : actor_stream_end(from);
		}
	}
	return actor_reply(from, "i", n_sent);
}

/* Sends what can be sent at once. */
static int on_burst(actor *self, const actor_msg *msg, actor_from *from)
{
	for (n_sent = 0; (last_sent = actor_stream_send(self, from, 0, "s", "0123456789")) == 0; n_sent++)
		;
	return actor_stream_end(from);
}

static int on_fail(actor *self, const actor_msg *msg, actor_from *from)
{
	assert_int_equal(actor_stream_send(self, from, 0, "i", 1), 0);
	return actor_reply_error(from, "producer.dry", "after one");
}

static int on_crash(actor *self, const actor_msg *msg, actor_from *from)
{
	assert_int_equal(actor_stream_send(self, from, 0, "i", 1), 0);
	return -EIO;
}

static int on_plain(actor *self, const actor_msg *msg, actor_from *from)
{
	assert_int_equal(actor_from_wants_stream(from), 0);
	return actor_reply(from, "i", actor_stream_send(self, from, 0, "i", 1));
}

static int told_cancel(actor *self, actor_from *from, void *arg)
{
	assert_true(actor_call_cancelled(from));
	note("told of cancel; ");
	actor_from_free(from);
	return 0;
}

static int more(actor *self, actor_from *from, void *arg)
{
	while ((last_sent = actor_stream_send(self, from, 0, "i", n_sent)) == 0)
		if (++n_sent == 10)
			return actor_stream_end(from);
	return 0;
}

static int on_keep(actor *self, const actor_msg *msg, actor_from *from)
{
	assert_int_equal(actor_call_on_cancel(self, from, told_cancel, NULL), -EINVAL); /* not kept */
	held = actor_from_keep(from);
	assert_int_equal(actor_call_on_cancel(self, held, told_cancel, NULL), 0);
	n_sent = 0;
	if (actor_from_wants_stream(held)) {
		assert_int_equal(actor_stream_on_credit(self, held, more, NULL), 0);
		return more(self, held, NULL);
	}
	assert_int_equal(actor_stream_on_credit(self, held, more, NULL), -EOPNOTSUPP);
	return 0;
}

static int on_slow(actor *self, const actor_msg *msg, actor_from *from)
{
	for (int i = 0; i < 1000 && !actor_call_cancelled(from); i++)
		if (actor_sleep(self, 1) < 0)
			return 0;
	note("slow was cancelled: %d; ", actor_call_cancelled(from));
	return actor_reply(from, "");
}

static int on_note(actor *self, const actor_msg *msg, actor_from *from)
{
	int n;

	assert_int_equal(actor_msg_unpack(msg, "i", &n), 0);
	note("handled %d; ", n);
	return actor_reply(from, "");
}

static int on_sleep(actor *self, const actor_msg *msg)
{
	return actor_sleep(self, 20);
}

static bool is_open; /* the producer handles what it puts aside otherwise */

/* [number, ms]: streams two items if the producer is open; puts the call aside otherwise, and waits then */
static int on_later(actor *self, const actor_msg *msg, actor_from *from)
{
	int n, wait_ms;

	assert_int_equal(actor_msg_unpack(msg, "ii", &n, &wait_ms), 0);
	if (!is_open) {
		assert_int_equal(actor_stash(self, msg), 0);
		assert_int_equal(actor_stash(self, msg), 0);
		return wait_ms ? actor_sleep(self, wait_ms) : 0;
	}
	note("later %d; ", n);
	assert_int_equal(actor_stream_send(self, from, ACTOR_FOREVER, "i", n), 0);
	assert_int_equal(actor_stash(self, msg), -EALREADY); /* it would send its items twice */
	assert_int_equal(actor_stream_send(self, from, ACTOR_FOREVER, "i", n + 1), 0);
	return actor_stream_end(from);
}

static int on_open(actor *self, const actor_msg *msg)
{
	is_open = true;
	actor_unstash_all(self);
	return 0;
}

static const struct actor_method producer_methods[] = {{.name = "later", .on_call = on_later},
	{.name = "open", .on_cast = on_open}, {.name = "count", .on_call = on_count},
	{.name = "burst", .on_call = on_burst}, {.name = "fail", .on_call = on_fail},
	{.name = "crash", .on_call = on_crash}, {.name = "plain", .on_call = on_plain},
	{.name = "keep", .on_call = on_keep}, {.name = "slow", .on_call = on_slow},
	{.name = "note", .on_call = on_note}, {.name = "sleep", .on_cast = on_sleep}, {0}};
static const struct actor_behavior producer = {.name = "producer", .methods = producer_methods};

/* ---- a consumer that can end ---- */

static int consumer_take(actor *self, const actor_msg *msg)
{
	uint64_t id;
	actor_ref from;
	actor_msg *item;

	assert_int_equal(actor_msg_unpack(msg, "r", &from), 0);
	assert_int_equal(actor_stream_open(self, actor_to(from), "count", ACTOR_FOREVER,
				 (struct actor_stream_window){.items = 2}, &id, "i", 1000000),
		0);
	assert_int_equal(actor_stream_next(self, id, ACTOR_FOREVER, &item), 1);
	actor_msg_free(item);
	return actor_sleep(self, 100000) == -ECANCELED ? 0 : -EIO;
}

static const struct actor_method consumer_methods[] = {{.name = "take", .on_cast = consumer_take}, {0}};
static const struct actor_behavior consumer = {.name = "consumer", .methods = consumer_methods};

/* ---- the story ---- */

static const struct actor_method driver_methods[] = {DRIVER_METHODS, {0}};
static const struct actor_behavior driver = {
	.name = "driver", .methods = driver_methods, .init = driver_init};

static void run_story(story_fn fn, bool stays)
{
	actor_group *group;

	held = NULL;
	is_open = false;
	n_sent = last_sent = 0;
	story_stays = stays;
	group = story_group(&driver, fn);
	assert_int_equal(group->calls.n_items, 0);
	assert_int_equal(group->streams.n_items, 0);
	assert_int_equal(group->served.n_items, 0);
	actor_group_free(group);
}

static void story(story_fn fn)
{
	run_story(fn, false);
}

static void story_that_stays(story_fn fn)
{
	run_story(fn, true);
}

static void end(actor *self)
{
	assert_int_equal(actor_cast(self, actor_to(actor_self(self)), "end", ""), 0);
}

static actor_ref a_producer(actor *self)
{
	actor_ref ref;

	assert_int_equal(actor_spawn(self, &producer, NULL, &ref), 0);
	return ref;
}

static uint64_t open_stream(
	actor *self, actor_ref to, const char *method, struct actor_stream_window window, int n)
{
	uint64_t id;

	assert_int_equal(actor_stream_open(
				 self, actor_to(to), method, ACTOR_FOREVER, window, &id, n < 0 ? "" : "i", n),
		0);
	return id;
}

/* Takes the next of a stream. Returns its number, or -1000 and what actor_stream_next() returned in *ret. */
static int next(actor *self, uint64_t id, int *ret)
{
	actor_msg *msg;
	int n = -1000;

	*ret = actor_stream_next(self, id, ACTOR_FOREVER, &msg);
	if (msg && *ret >= 0)
		(void)actor_msg_unpack(msg, "i", &n);
	actor_msg_free(msg);
	return n;
}

/* ---- facts ---- */

static void story_order(actor *self)
{
	uint64_t id = open_stream(self, a_producer(self), "count", defaults, 1000);
	int r;

	for (int i = 0; i < 1000; i++) {
		assert_int_equal(next(self, id, &r), i);
		assert_int_equal(r, 1);
	}
	assert_int_equal(next(self, id, &r), 1000);
	assert_int_equal(r, 0);
	assert_int_equal(next(self, id, &r), -1000);
	assert_int_equal(r, -ESRCH);
	assert_false(actor_stream_cancel(self, id));
}

static void test_items_come_in_order_and_then_the_end_once(void **state)
{
	story(story_order);
}

static void story_window(actor *self)
{
	actor_ref to = a_producer(self);
	uint64_t id = open_stream(self, to, "count", (struct actor_stream_window){.items = 5}, 100);
	int r;

	for (int i = 0; i < 100; i++) {
		assert_int_equal(actor_sleep(self, i < 10 ? 1 : 0), 0);
		assert_true(n_sent <= i + 5);
		assert_int_equal(next(self, id, &r), i);
	}
	assert_int_equal(next(self, id, &r), 100);
	id = open_stream(self, to, "count", (struct actor_stream_window){.items = 1, .bytes = 1}, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(next(self, id, &r), i);
	assert_int_equal(next(self, id, &r), 3);
}

static void test_producer_is_never_ahead_by_more_than_the_window(void **state)
{
	story(story_window);
}

static void story_bytes(actor *self)
{
	/* A value has 11 bytes: five of them have 55, and the one that goes over the 50 may still be sent. */
	uint64_t id =
		open_stream(self, a_producer(self), "burst", (struct actor_stream_window){.bytes = 50}, -1);
	int r;

	for (int i = 0; i < 5; i++) {
		(void)next(self, id, &r);
		assert_int_equal(r, 1);
	}
	(void)next(self, id, &r);
	assert_int_equal(r, 0);
	assert_int_equal(n_sent, 5);
	assert_int_equal(last_sent, -EAGAIN);
}

static void test_bytes_are_bounded_too_and_a_send_that_may_not_wait_says_eagain(void **state)
{
	story(story_bytes);
}

static void story_ends(actor *self)
{
	actor_ref to = a_producer(self);
	actor_msg *msg;
	uint64_t id;
	int r;

	id = open_stream(self, to, "fail", defaults, -1);
	assert_int_equal(next(self, id, &r), 1);
	assert_int_equal(actor_stream_next(self, id, ACTOR_FOREVER, &msg), -EREMOTEIO);
	assert_string_equal(actor_msg_error(msg), "producer.dry");
	actor_msg_free(msg);
	id = open_stream(self, to, "nothing", defaults, -1);
	(void)next(self, id, &r);
	assert_int_equal(r, -EREMOTEIO);
	id = open_stream(self, to, "crash", defaults, -1);
	assert_int_equal(next(self, id, &r), 1);
	(void)next(self, id, &r);
	assert_int_equal(r, -ECONNRESET);
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(
		actor_stream_open(self, actor_to(to), "fail", ACTOR_FOREVER, defaults, &id, ""), -ESRCH);
}

static void test_error_and_death_of_the_producer_end_the_stream_behind_its_items(void **state)
{
	story(story_ends);
}

static void story_deadline(actor *self)
{
	actor_ref to = a_producer(self);
	actor_msg *msg;
	uint64_t id;

	assert_int_equal(actor_stream_open(self, actor_to(to), "count", 10,
				 (struct actor_stream_window){.items = 2}, &id, "i", 1000),
		0);
	assert_int_equal(actor_stream_next(self, id, 0, &msg), -EAGAIN);
	assert_int_equal(actor_stream_next(self, id, 1000, &msg), 1);
	actor_msg_free(msg);
	assert_int_equal(actor_sleep(self, 30), 0);
	expect("stopped -32; ");
	while (actor_stream_next(self, id, 1000, &msg) == 1)
		actor_msg_free(msg);
	assert_null(msg);
	assert_int_equal(actor_stream_next(self, id, 0, &msg), -ESRCH);
	/* The producer is free again. */
	assert_int_equal(actor_call(self, actor_to(to), "plain", 1000, NULL, ""), 0);
}

static void test_time_of_a_stream_ends_it_at_both_ends(void **state)
{
	story(story_deadline);
}

static void story_cancel(actor *self)
{
	actor_ref to = a_producer(self);
	uint64_t id = open_stream(self, to, "count", (struct actor_stream_window){.items = 3}, 1000);
	int r;

	assert_int_equal(next(self, id, &r), 0);
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_true(actor_stream_cancel(self, id));
	assert_false(actor_stream_cancel(self, id));
	(void)next(self, id, &r);
	assert_int_equal(r, -ESRCH);
	assert_int_equal(actor_sleep(self, 1), 0);
	expect("stopped -32; ");
	assert_true(n_sent < 10);
}

static void test_dropping_a_stream_frees_the_producer_that_waits_for_credit(void **state)
{
	story(story_cancel);
}

static void story_consumer_dies(actor *self)
{
	actor_ref to = a_producer(self), who;

	assert_int_equal(actor_spawn(self, &consumer, NULL, &who), 0);
	assert_int_equal(actor_cast(self, actor_to(who), "take", "r", to), 0);
	assert_int_equal(actor_sleep(self, 5), 0);
	assert_int_equal(actor_kill(self, who), 0);
	assert_int_equal(actor_sleep(self, 5), 0);
	expect("stopped -32; ");
}

static void test_death_of_the_consumer_frees_the_producer(void **state)
{
	story(story_consumer_dies);
}

static void story_producer_dies(actor *self)
{
	actor_ref to = a_producer(self);
	uint64_t id = open_stream(self, to, "count", (struct actor_stream_window){.items = 3}, 1000);
	int r;

	assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(actor_kill(self, to), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(next(self, id, &r), i);
	(void)next(self, id, &r);
	assert_true(r == -ECONNRESET || r == -EREMOTEIO);
	expect("stopped -125; ");
}

static void test_kill_of_a_producer_that_waits_ends_the_stream(void **state)
{
	story(story_producer_dies);
}

static int noted_item(actor *self, uint64_t stream, int r, actor_msg *item, void *arg)
{
	int n = -1;

	if (item)
		(void)actor_msg_unpack(item, "i", &n);
	note("%c%d %d; ", *(const char *)arg, r, n);
	if (r < 1)
		end(self);
	return 0;
}

static void story_on_item(actor *self)
{
	uint64_t id =
		open_stream(self, a_producer(self), "count", (struct actor_stream_window){.items = 2}, 3);
	actor_msg *msg;

	assert_int_equal(actor_sleep(self, 1), 0); /* two items are there already */
	assert_int_equal(actor_stream_on_item(self, id, noted_item, letters), 0);
	assert_int_equal(actor_stream_next(self, id, 0, &msg), -EINVAL);
}

static void test_items_and_the_end_come_to_a_function_in_order(void **state)
{
	story_that_stays(story_on_item);
	expect("i1 0; i1 1; i1 2; i0 3; ");
}

static int end_soon(actor *self, uint64_t stream, int r, actor_msg *item, void *arg)
{
	(void)noted_item(self, stream, r, item, arg);
	if (!actor_stream_cancel(self, stream))
		end(self);
	return 0;
}

static void story_cancel_in_function(actor *self)
{
	uint64_t id =
		open_stream(self, a_producer(self), "count", (struct actor_stream_window){.items = 5}, 99);

	assert_int_equal(actor_stream_on_item(self, id, end_soon, letters + 1), 0);
	assert_int_equal(actor_sleep(self, 5), 0); /* five items wait in the mailbox */
	end(self);
}

static void test_items_in_the_mailbox_of_a_cancelled_stream_do_not_come(void **state)
{
	story_that_stays(story_cancel_in_function);
	assert_non_null(strstr(story_log, "x1 0; "));
	assert_null(strstr(story_log, "x1 1; "));
}

static void story_on_credit(actor *self)
{
	uint64_t id =
		open_stream(self, a_producer(self), "keep", (struct actor_stream_window){.items = 2}, -1);
	int r;

	for (int i = 0; i < 10; i++)
		assert_int_equal(next(self, id, &r), i);
	(void)next(self, id, &r);
	assert_int_equal(r, 0);
	expect("");
}

static void test_producer_that_does_not_wait_is_told_of_credit(void **state)
{
	story(story_on_credit);
}

static void story_told(actor *self)
{
	actor_ref to = a_producer(self);
	uint64_t id;

	id = open_stream(self, to, "keep", (struct actor_stream_window){.items = 2}, -1);
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_true(actor_stream_cancel(self, id));
	assert_int_equal(actor_sleep(self, 1), 0);
	expect("told of cancel; ");
	assert_int_equal(actor_request(self, actor_to(to), "keep", ACTOR_FOREVER, &id, ""), 0);
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_false(actor_call_cancelled(held));
	assert_true(actor_request_cancel(self, id));
	assert_int_equal(actor_sleep(self, 1), 0);
	expect("told of cancel; ");
	assert_true(actor_call_cancelled(held));
	/* A time-out is the same. */
	assert_int_equal(actor_call(self, actor_to(to), "keep", 5, NULL, ""), -ETIMEDOUT);
	assert_int_equal(actor_sleep(self, 1), 0);
	expect("told of cancel; ");
}

static void test_actor_is_told_that_the_caller_of_a_kept_call_has_given_up(void **state)
{
	story(story_told);
}

static void story_asks(actor *self)
{
	actor_ref to = a_producer(self);
	uint64_t id;

	assert_int_equal(actor_request(self, actor_to(to), "slow", ACTOR_FOREVER, &id, ""), 0);
	assert_int_equal(actor_sleep(self, 5), 0);
	expect("");
	assert_true(actor_request_cancel(self, id));
	assert_int_equal(actor_sleep(self, 5), 0);
	expect("slow was cancelled: 1; ");
}

static void test_handler_that_waits_can_ask_whether_its_caller_has_given_up(void **state)
{
	story(story_asks);
}

static void story_queued(actor *self)
{
	actor_ref to = a_producer(self);
	uint64_t ids[4];

	assert_int_equal(actor_cast(self, actor_to(to), "sleep", ""), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(
			actor_request(self, actor_to(to), "note", ACTOR_FOREVER, &ids[i], "i", i), 0);
	assert_true(actor_request_cancel(self, ids[1]));
	assert_true(actor_request_cancel(self, ids[2]));
	assert_int_equal(actor_sleep(self, 40), 0);
	expect("handled 0; handled 3; ");
}

static void test_call_that_was_cancelled_in_the_mailbox_is_not_handled(void **state)
{
	story(story_queued);
}

static void story_plain(actor *self)
{
	actor_ref to = a_producer(self);
	actor_msg *msg;
	uint64_t id;
	int n, r;

	assert_int_equal(actor_call(self, actor_to(to), "plain", 1000, &msg, ""), 0);
	assert_int_equal(actor_msg_unpack(msg, "i", &n), 0);
	assert_int_equal(n, -EOPNOTSUPP);
	actor_msg_free(msg);
	/* A method that knows no streams gives one without items. */
	id = open_stream(self, to, "note", defaults, 5);
	(void)next(self, id, &r);
	assert_int_equal(r, 0);
	expect("handled 5; ");
}

static void test_plain_call_takes_no_items_and_a_plain_answer_is_an_end(void **state)
{
	story(story_plain);
}

static void story_left(actor *self)
{
	actor_ref to = a_producer(self);

	(void)open_stream(self, to, "count", (struct actor_stream_window){.items = 2}, 1000);
	(void)open_stream(self, a_producer(self), "keep", (struct actor_stream_window){.items = 2}, -1);
	assert_int_equal(actor_sleep(self, 2), 0);
}

static void test_group_that_ends_leaves_no_stream_behind(void **state)
{
	story(story_left);
}

static uint64_t open_later(actor *self, actor_ref to, int n, int wait_ms)
{
	uint64_t id;

	assert_int_equal(actor_stream_open(self, actor_to(to), "later", ACTOR_FOREVER,
				 (struct actor_stream_window){.items = 1}, &id, "ii", n, wait_ms),
		0);
	return id;
}

static void expect_later(actor *self, uint64_t id, int n)
{
	int r;

	assert_int_equal(next(self, id, &r), n);
	assert_int_equal(next(self, id, &r), n + 1);
	assert_int_equal(r, 1);
	(void)next(self, id, &r);
	assert_int_equal(r, 0);
}

/* The address of a call lies on the stack of its handler, which has returned when the call is put aside. */
static void story_stashed(actor *self)
{
	actor_ref to = a_producer(self);
	uint64_t ids[4];

	for (int i = 0; i < 4; i++) {
		ids[i] = open_later(self, to, 10 * i, i == 2 ? 10 : 0);
		assert_int_equal(actor_sleep(self, 1), 0);
	}
	assert_int_equal(actor_group_of(self)->served.n_items, 0);
	assert_true(actor_stream_cancel(self, ids[1]));
	assert_true(actor_stream_cancel(self, ids[2])); /* its handler waits yet */
	assert_int_equal(actor_sleep(self, 20), 0);
	assert_int_equal(actor_cast(self, actor_to(to), "open", ""), 0);
	expect_later(self, ids[0], 0);
	expect_later(self, ids[3], 30);
	expect("later 0; later 30; ");
}

static void test_streams_that_are_put_aside_are_handled_later_unless_cancelled(void **state)
{
	story(story_stashed);
}

static void story_stashed_and_gone(actor *self)
{
	actor_ref to = a_producer(self);
	uint64_t id = open_later(self, to, 0, 0);
	int r;

	assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(actor_stop(self, to, "enough"), 0);
	(void)next(self, id, &r);
	assert_int_equal(r, -ECONNRESET);
	expect("");
}

static void test_stream_that_is_put_aside_ends_with_its_actor(void **state)
{
	story(story_stashed_and_gone);
}

static void story_suspended(actor *self)
{
	actor_ref to = a_producer(self);
	uint64_t ids[2];

	is_open = true;
	assert_int_equal(actor_call(self, actor_to(to), "$sys_suspend", 1000, NULL, ""), 0);
	for (int i = 0; i < 2; i++)
		ids[i] = open_later(self, to, 10 * i, 0);
	assert_int_equal(actor_sleep(self, 2), 0);
	assert_true(actor_stream_cancel(self, ids[0]));
	expect("");
	assert_int_equal(actor_call(self, actor_to(to), "$sys_resume", 1000, NULL, ""), 0);
	expect_later(self, ids[1], 10);
	expect("later 10; ");
}

static void test_suspended_actor_streams_when_it_is_resumed_unless_cancelled(void **state)
{
	story(story_suspended);
}

static void story_draining(actor *self)
{
	actor_ref to = a_producer(self);
	uint64_t ids[2], late;
	actor_msg *msg;
	int r;

	is_open = true;
	assert_int_equal(actor_cast(self, actor_to(to), "sleep", ""), 0);
	for (int i = 0; i < 2; i++)
		ids[i] = open_later(self, to, 10 * i, 0);
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(actor_drain(self, to), 0);
	assert_int_equal(actor_sleep(self, 1), 0);
	r = actor_stream_open(self, actor_to(to), "later", ACTOR_FOREVER, defaults, &late, "ii", 30, 0);
	if (r == 0) {
		r = actor_stream_next(self, late, ACTOR_FOREVER, &msg);
		assert_null(msg);
	}
	assert_int_equal(r, -ESHUTDOWN);
	assert_true(actor_stream_cancel(self, ids[0]));
	expect_later(self, ids[1], 10);
	expect("later 10; ");
}

static void test_draining_actor_works_off_its_streams_and_takes_no_more(void **state)
{
	story(story_draining);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_items_come_in_order_and_then_the_end_once),
		cmocka_unit_test(test_producer_is_never_ahead_by_more_than_the_window),
		cmocka_unit_test(test_bytes_are_bounded_too_and_a_send_that_may_not_wait_says_eagain),
		cmocka_unit_test(test_error_and_death_of_the_producer_end_the_stream_behind_its_items),
		cmocka_unit_test(test_time_of_a_stream_ends_it_at_both_ends),
		cmocka_unit_test(test_dropping_a_stream_frees_the_producer_that_waits_for_credit),
		cmocka_unit_test(test_death_of_the_consumer_frees_the_producer),
		cmocka_unit_test(test_kill_of_a_producer_that_waits_ends_the_stream),
		cmocka_unit_test(test_items_and_the_end_come_to_a_function_in_order),
		cmocka_unit_test(test_items_in_the_mailbox_of_a_cancelled_stream_do_not_come),
		cmocka_unit_test(test_producer_that_does_not_wait_is_told_of_credit),
		cmocka_unit_test(test_actor_is_told_that_the_caller_of_a_kept_call_has_given_up),
		cmocka_unit_test(test_handler_that_waits_can_ask_whether_its_caller_has_given_up),
		cmocka_unit_test(test_call_that_was_cancelled_in_the_mailbox_is_not_handled),
		cmocka_unit_test(test_plain_call_takes_no_items_and_a_plain_answer_is_an_end),
		cmocka_unit_test(test_group_that_ends_leaves_no_stream_behind),
		cmocka_unit_test(test_streams_that_are_put_aside_are_handled_later_unless_cancelled),
		cmocka_unit_test(test_stream_that_is_put_aside_ends_with_its_actor),
		cmocka_unit_test(test_suspended_actor_streams_when_it_is_resumed_unless_cancelled),
		cmocka_unit_test(test_draining_actor_works_off_its_streams_and_takes_no_more),
	};

	return run_facts(tests);
}

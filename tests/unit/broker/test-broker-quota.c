/* SPDX-License-Identifier: Apache-2.0 */
/* A group that asks for too much is refused, one that does not read is cut; no other group notices. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/broker/broker-fact.h"

static struct client *a, *b, *c;

static int setup(void **state)
{
	struct quota_limits limits = {.max = {[QUOTA_NAMES] = 3,
					      [QUOTA_WATCHES] = 3,
					      [QUOTA_CALLS] = 3,
					      [QUOTA_MONITORS] = 3,
					      [QUOTA_PAIRS] = 3}};

	world_init(&w, 0, &limits);
	a = world_newcomer(&w, "a");
	b = world_newcomer(&w, "b");
	c = world_newcomer(&w, "c");
	return 0;
}

static const char *nth(int n)
{
	static char name[16];

	snprintf(name, sizeof(name), "n%d", n);
	return name;
}

static void test_names_and_watches_are_limited(void **state)
{
	for (int i = 0; i < 3; i++) {
		client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", nth(i), client_ref(a, 1))));
		client_expect_nil(b, client_ask(b, "whereis", pack(&w, "a1s", nth(10 + i))));
	}
	client_expect_error(
		a, client_ask(a, "register", pack(&w, "a2sr", "x", client_ref(a, 1))), "overloaded");
	assert_non_null(strstr(w.log, "'a'"));
	client_expect_error(b, client_ask(b, "whereis", pack(&w, "a1s", "x")), "overloaded");
	assert_int_equal(w.n_logged, 2);
	client_expect_error(b, client_ask(b, "whereis", pack(&w, "a1s", "y")), "overloaded");
	assert_int_equal(w.n_logged, 2); /* said only once */
	client_expect_nil(c, client_ask(c, "register", pack(&w, "a2sr", "x", client_ref(c, 1))));
	client_expect_nil(a, client_ask(a, "unregister", pack(&w, "a2sr", nth(0), client_ref(a, 1))));
	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "z", client_ref(a, 1))));
}

static void test_a_limit_that_is_reached_again_is_said_again(void **state)
{
	for (int i = 0; i < 3; i++)
		client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", nth(i), client_ref(a, 1))));
	client_expect_error(
		a, client_ask(a, "register", pack(&w, "a2sr", "x", client_ref(a, 1))), "overloaded");
	assert_int_equal(w.n_logged, 1);
	for (int i = 0; i < 3; i++)
		client_expect_nil(a, client_ask(a, "unregister", pack(&w, "a2sr", nth(i), client_ref(a, 1))));
	for (int i = 0; i < 3; i++)
		client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", nth(i), client_ref(a, 1))));
	client_expect_error(
		a, client_ask(a, "register", pack(&w, "a2sr", "x", client_ref(a, 1))), "overloaded");
	assert_int_equal(w.n_logged, 2);
}

static void test_open_calls_and_monitors_are_limited(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 1));
	uint64_t first = client_call(a, &to, "m", NULL);

	client_call(a, &to, "m", NULL);
	client_call(a, &to, "m", NULL);
	client_expect_error(a, client_call(a, &to, "m", NULL), "overloaded");
	client_expect(b, WIRE_CALL);
	wire_put_reply(&b->out, client_ref(a, 1), client_ref(b, 1), first, NULL, 0);
	client_send(b);
	client_expect_nil(a, first);
	client_call(a, &to, "m", NULL);
	client_expect_nothing(a);
	for (uint64_t i = 0; i < 4; i++)
		wire_put_monitor(&a->out, &to, client_ref(a, 1), i);
	client_send(a);
	assert_int_equal(client_expect(a, WIRE_DOWN).id, 3);
	client_expect_nothing(a);
	assert_false(b->closed);
}

static void test_calls_past_their_deadline_are_charged_to_nobody(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 1));

	for (uint64_t i = 0; i < 3; i++) {
		wire_put_call(&a->out, &to, client_ref(a, 1), wire_cstr("m"), NULL, 0, 100 + i,
			w.now_ns / 1000 + 1000);
		wire_put_call(&c->out, &to, client_ref(c, 1), wire_cstr("m"), NULL, 0, 100 + i,
			w.now_ns / 1000 + 1000000);
	}
	client_send(c);
	client_send(a);
	world_advance(&w, 2 * MS);
	for (uint64_t i = 0; i < 3; i++)
		wire_put_call(&a->out, &to, client_ref(a, 1), wire_cstr("m"), NULL, 0, 200 + i,
			w.now_ns / 1000 + 1000);
	client_send(a);
	client_expect_nothing(a);
}

static void test_links_are_limited(void **state)
{
	for (int i = 0; i < 3; i++) {
		struct client *d = world_newcomer(&w, "d");

		client_expect_nil(a, client_ask(a, "introduce", pack(&w, "a1u", d->group)));
	}
	client_expect_error(a, client_ask(a, "introduce", pack(&w, "a1u", b->group)), "overloaded");
	client_expect_nil(c, client_ask(c, "introduce", pack(&w, "a1u", b->group)));
}

static char *big(struct buf *args, size_t size_bytes)
{
	char *data = calloc(1, size_bytes);

	assert_non_null(data);
	mp_put_array(args, 1);
	mp_put_bin(args, data, size_bytes);
	return data;
}

static void test_a_sender_is_told_to_pause_when_the_receiver_does_not_read(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 1));
	struct buf args = BUF_INIT;
	struct wire_frame frame;
	char *data = big(&args, 300000);
	int n = 0;

	for (int i = 0; i < 8; i++)
		client_cast(a, &to, "m", &args);
	frame = client_expect(a, WIRE_PAUSE);
	assert_true(actor_ref_equal(frame.to.ref, client_ref(b, 1)));
	client_expect_nothing(a);
	for (broker_flush(w.broker); client_next(b, &frame); broker_flush(w.broker))
		n++;
	assert_int_equal(n, 8);
	assert_true(actor_ref_equal(client_expect(a, WIRE_RESUME).to.ref, client_ref(b, 1)));
	client_cast(a, &to, "m", NULL);
	client_expect(b, WIRE_CAST);
	client_expect_nothing(a); /* `a` is not told to pause again */
	free(data);
	buf_deinit(&args);
}

static void test_who_does_not_pause_is_refused_and_nobody_is_cut(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 1));
	struct buf args = BUF_INIT;
	char *data = big(&args, 1000000);
	uint64_t id;

	for (int i = 0; i < 50; i++)
		client_cast(a, &to, "m", &args);
	id = client_call(a, &to, "m", &args);
	assert_true(client_expect(a, WIRE_PAUSE).has_ref);
	/* So many of a's bytes wait that a must pause altogether. */
	assert_false(client_expect(a, WIRE_PAUSE).has_ref);
	client_expect_error(a, id, "overloaded");
	assert_false(a->closed);
	assert_false(b->closed);
	assert_true(b->in.size_bytes < 8000000);
	client_cast(c, &to, "small", NULL); /* another sender's frame is taken */
	/* The pipe has two of the casts, and 33 of them are 32 MiB. */
	assert_int_equal(broker_stats(w.broker).dropped, 15);
	assert_int_equal(broker_stats(w.broker).calls, 0); /* a call that was refused is not open */
	free(data);
	buf_deinit(&args);
}

/* A sixteenth of all limits of unread bytes: 1 MiB of anything, 4 of answers, 16 in the pool. */
static void limit_unread(void)
{
	struct quota_limits limits = {.unread_bytes = 1u << 20};

	world_deinit(&w);
	world_init(&w, 0, &limits);
	a = world_newcomer(&w, "a");
	b = world_newcomer(&w, "b");
	c = world_newcomer(&w, "c");
}

/* @n calls of @asker are answered with @body each; it has read nothing of it. */
static void answer_calls(struct client *asker, int n, const struct buf *body)
{
	struct wire_dest to = to_ref(client_ref(c, 1));

	for (int i = 0; i < n && !asker->closed; i++) {
		uint64_t id = client_call(asker, &to, "m", NULL);

		client_expect(c, WIRE_CALL);
		wire_put_reply(
			&c->out, client_ref(asker, 1), client_ref(c, 1), id, body->data, body->size_bytes);
		client_send(c);
	}
}

/* How many replies and how many errors `overloaded` @client reads. */
static void read_answers(struct client *client, int *n_replies, int *n_errors)
{
	struct wire_frame frame;

	*n_replies = *n_errors = 0;
	for (broker_flush(w.broker); client_next(client, &frame); broker_flush(w.broker)) {
		if (frame.type == WIRE_REPLY)
			++*n_replies;
		else if (frame.type == WIRE_ERROR && str_is(frame.method, "overloaded"))
			++*n_errors;
		else
			fail_msg("a frame of type %d", frame.type);
	}
}

/* Who has asked for much at once is no other than who asks for it bit by bit. */
static void test_who_is_slow_to_read_what_it_asked_for_is_not_cut(void **state)
{
	struct buf body = BUF_INIT;
	char *data = big(&body, 15000000);
	int n_replies, n_errors;

	for (int times = 0; times < 2; times++) {
		answer_calls(b, 4, &body);
		assert_false(b->closed);
		read_answers(b, &n_replies, &n_errors);
		assert_int_equal(n_replies, 4);
		assert_int_equal(n_errors, 0);
	}
	free(data);
	buf_deinit(&body);
}

static void test_answers_beyond_what_may_lie_unread_are_errors(void **state)
{
	struct buf body = BUF_INIT;
	char *data = big(&body, 62500);
	int n_replies, n_errors;

	limit_unread();
	answer_calls(b, 100, &body);
	assert_false(b->closed);
	assert_non_null(strstr(w.log, "'b'"));
	assert_int_equal(w.n_logged, 1); /* said once */
	read_answers(b, &n_replies, &n_errors);
	assert_int_equal(n_replies, 67); /* 4 MiB */
	assert_int_equal(n_errors, 33);
	answer_calls(b, 67, &body);
	read_answers(b, &n_replies, &n_errors);
	assert_int_equal(n_replies, 67);
	assert_int_equal(broker_stats(w.broker).over_quota, 33);
	free(data);
	buf_deinit(&body);
}

/* The same of what the broker answers itself. */
static void test_answers_of_the_broker_beyond_that_are_errors(void **state)
{
	struct quota_limits limits = {.unread_bytes = 100000};
	int n_replies, n_errors;
	char name[256];

	world_deinit(&w);
	world_init(&w, 0, &limits);
	a = world_newcomer(&w, "a");
	b = world_newcomer(&w, "b");
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "%0200d", i);
		client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", name, client_ref(a, 1))));
	}
	for (int i = 0; i < 30; i++)
		client_ask(b, "names", pack(&w, "a0"));
	assert_false(b->closed);
	read_answers(b, &n_replies, &n_errors);
	assert_in_range(n_replies, 15, 20); /* 400,000 bytes; each has some 23,000 */
	assert_int_equal(n_replies + n_errors, 30);
}

/* Of what lies unread beyond each group's own, all have a pool: who comes later gets less of it. */
static void test_unread_answers_are_shared_by_all_who_do_not_read(void **state)
{
	struct buf body = BUF_INIT;
	char *data = big(&body, 62500);
	int n_replies, n_errors, n_all = 0;
	struct client *late[8];

	limit_unread();
	for (int i = 0; i < 8; i++) {
		late[i] = world_newcomer(&w, "late");
		answer_calls(late[i], 70, &body);
		assert_false(late[i]->closed);
	}
	for (int i = 0; i < 8; i++) {
		read_answers(late[i], &n_replies, &n_errors);
		assert_in_range(n_replies, 16, 67);
		n_all += n_replies;
	}
	assert_true(n_all < 8 * 16 + 269); /* 16 MiB */
	answer_calls(b, 67, &body);
	read_answers(b, &n_replies, &n_errors);
	assert_int_equal(n_replies, 67); /* those have read: their parts are given back */
	answer_calls(b, 67, &body);
	client_break(b);
	answer_calls(a, 67, &body);
	read_answers(a, &n_replies, &n_errors);
	assert_int_equal(n_replies, 67); /* so is that of who has lost its link */
	free(data);
	buf_deinit(&body);
}

static void test_who_asks_and_never_reads_the_answers_is_cut_by_name(void **state)
{
	struct buf body = BUF_INIT;
	char *data = big(&body, 62500);

	limit_unread();
	answer_calls(b, 100, &body);
	assert_false(b->closed); /* it has 4 MiB, and errors */
	answer_calls(b, 20000, &body);
	assert_true(b->closed);
	assert_false(c->closed);
	assert_non_null(strstr(w.log, "'b'"));
	assert_non_null(strstr(w.log, "it does not read"));
	assert_int_equal(broker_stats(w.broker).cut, 1);
	free(data);
	buf_deinit(&body);
}

static void test_senders_cannot_have_a_receiver_cut(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 1));
	struct buf args = BUF_INIT;
	char *data = big(&args, 1000000);
	struct wire_frame frame;
	int n = 0;

	for (int s = 0; s < 8; s++) {
		struct client *sender = world_newcomer(&w, "sender");

		for (int i = 0; i < 6; i++)
			client_cast(sender, &to, "m", &args);
		assert_false(sender->closed);
	}
	assert_false(b->closed);
	assert_int_equal(broker_stats(w.broker).dropped, 0); /* that much of each sender may wait */
	for (broker_flush(w.broker); client_next(b, &frame); broker_flush(w.broker))
		n++;
	assert_int_equal(n, 48);
	free(data);
	buf_deinit(&args);
}

/* What others have sent does not count for the limit at which a link is cut, in the pipe or parked. */
static void test_answers_behind_what_others_sent_cut_nobody(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 1)), back = to_ref(client_ref(c, 1));
	struct buf args = BUF_INIT, body = BUF_INIT;
	char *data = big(&args, 16000000), *answer = big(&body, 900000);
	struct wire_frame frame;
	int n = 0;

	for (int i = 0; i < 2; i++)
		client_cast(a, &to, "m", &args);
	for (int i = 0; i < 10; i++) {
		uint64_t id = client_call(b, &back, "m", NULL);

		client_expect(c, WIRE_CALL);
		wire_put_reply(&c->out, client_ref(b, 1), client_ref(c, 1), id, body.data, body.size_bytes);
		client_send(c);
	}
	assert_false(b->closed);
	for (broker_flush(w.broker); client_next(b, &frame); broker_flush(w.broker))
		n++;
	assert_int_equal(n, 12);
	free(data);
	free(answer);
	buf_deinit(&args);
	buf_deinit(&body);
}

static void test_a_frame_as_large_as_a_message_waits_and_does_not_cut(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 1));
	struct buf args = BUF_INIT, small = BUF_INIT;
	char *data = big(&args, 16000000), *little = big(&small, 900000);

	client_cast(a, &to, "m", &args);
	client_expect(b, WIRE_CAST);
	client_cast(a, &to, "m", &small);
	client_cast(a, &to, "m", &args);
	client_cast(a, &to, "m", &small);
	for (int i = 0; i < 3; i++)
		client_expect(b, WIRE_CAST);
	client_expect_nothing(b);
	assert_int_equal(broker_stats(w.broker).dropped, 0);
	assert_false(b->closed);
	free(data);
	free(little);
	buf_deinit(&args);
	buf_deinit(&small);
}

static void test_frames_of_a_resume_behind_a_congestion_cut_nobody(void **state)
{
	actor_ref paused = client_ref(b, 2);
	struct wire_dest held = to_ref(paused), open = to_ref(client_ref(b, 1));
	struct client *d = world_newcomer(&w, "d");
	struct buf args = BUF_INIT;
	char *data = big(&args, 1000000);
	struct wire_frame frame;
	int n = 0;

	wire_put_pause(&b->out, &paused);
	client_send(b);
	for (int i = 0; i < 5; i++) {
		client_cast(a, &held, "m", &args);
		client_cast(c, &held, "m", &args);
	}
	for (int i = 0; i < 6; i++) {
		client_cast(a, &open, "m", &args);
		client_cast(d, &open, "m", &args);
	}
	wire_put_resume(&b->out, &paused);
	client_send(b);
	assert_false(b->closed);
	for (broker_flush(w.broker); client_next(b, &frame); broker_flush(w.broker))
		n++;
	assert_int_equal(n, 22);
	assert_int_equal(broker_stats(w.broker).dropped, 0);
	free(data);
	buf_deinit(&args);
}

static void test_who_does_not_read_for_two_seconds_is_named_once(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 1));
	struct buf args = BUF_INIT;
	struct wire_frame frame;
	char *data = big(&args, 300000);

	for (size_t times = 1; times <= 2; times++) {
		for (int i = 0; i < 8; i++)
			client_cast(a, &to, "m", &args);
		world_advance(&w, 1900 * MS);
		assert_int_equal(w.n_logged, times - 1); /* until then the group may only be slow */
		world_advance(&w, 200 * MS);
		assert_int_equal(w.n_logged, times);
		assert_non_null(strstr(w.log, "'b'"));
		assert_non_null(strstr(w.log, "does not read: 2"));
		world_advance(&w, 20000 * MS);
		assert_int_equal(w.n_logged, times);
		while (client_next(b, &frame))
			continue;
	}
	assert_false(b->closed);
	free(data);
	buf_deinit(&args);
}

static void test_who_reads_late_but_in_time_is_not_named(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 1));
	struct buf args = BUF_INIT;
	struct wire_frame frame;
	char *data = big(&args, 300000);

	for (int i = 0; i < 8; i++)
		client_cast(a, &to, "m", &args);
	world_advance(&w, 1900 * MS);
	while (client_next(b, &frame))
		continue;
	world_advance(&w, 20000 * MS);
	assert_int_equal(w.n_logged, 0);
	free(data);
	buf_deinit(&args);
}

static void test_what_waits_for_a_lost_group_is_charged_to_the_sender(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *d = world_supervised(&w, 17, "d");
	struct wire_dest to = to_ref(client_ref(d, 1));
	struct buf args = BUF_INIT;
	char *data = big(&args, 1000000);

	client_tell(s, "groups", pack(&w, "a3a1ua0a1u", UINT64_C(17), UINT64_C(17)));
	client_break(d);
	for (int i = 0; i < 40; i++)
		client_cast(a, &to, "m", &args);
	/* The sender does not pause, so some of its casts are lost. */
	assert_int_equal(broker_stats(w.broker).dropped, 40 - 2 - 33);
	d = world_supervised(&w, 17, "d");
	for (int i = 0; i < 2 + 33; i++)
		client_expect(d, WIRE_CAST);
	client_expect_nothing(d);
	free(data);
	buf_deinit(&args);
}

/* The sender is told once, and may go on when all that waited is read. */
static void test_who_sends_to_a_lost_group_is_told_to_pause_and_loses_nothing(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *d = world_supervised(&w, 17, "d");
	struct wire_dest to = to_ref(client_ref(d, 1));
	struct buf args = BUF_INIT;
	char *data = big(&args, 300000);
	struct wire_frame frame;
	int n = 0;

	client_tell(s, "groups", pack(&w, "a3a1ua0a1u", UINT64_C(17), UINT64_C(17)));
	client_break(d);
	for (int i = 0; i < 4; i++) {
		client_expect_nothing(a);
		client_cast(a, &to, "m", &args);
	}
	client_expect_nothing(a);
	client_cast(a, &to, "m", &args);
	assert_true(actor_ref_equal(client_expect(a, WIRE_PAUSE).to.ref, to.ref));
	client_cast(c, &to, "m", NULL); /* c must pause at once: it may be one of many senders */
	assert_true(actor_ref_equal(client_expect(c, WIRE_PAUSE).to.ref, to.ref));
	client_cast(a, &to, "m", &args);
	client_expect_nothing(a);
	d = world_supervised(&w, 17, "d");
	client_expect_nothing(a);
	for (broker_flush(w.broker); client_next(d, &frame); broker_flush(w.broker))
		n++;
	assert_int_equal(n, 7);
	assert_true(actor_ref_equal(client_expect(a, WIRE_RESUME).to.ref, to.ref));
	assert_true(actor_ref_equal(client_expect(c, WIRE_RESUME).to.ref, to.ref));
	client_break(d);
	for (int i = 0; i < 5; i++)
		client_cast(a, &to, "m", &args);
	client_expect(a, WIRE_PAUSE);
	client_tell(s, "group_down", pack(&w, "a2um1ss", UINT64_C(17), "reason", "normal"));
	client_expect(a, WIRE_RESUME); /* a sender need not wait for a group that has ended */
	free(data);
	buf_deinit(&args);
}

static void test_who_calls_an_actor_by_name_hears_of_the_pause_by_that_name(void **state)
{
	struct wire_dest by_ref = to_ref(client_ref(b, 1)), one = to_name("one"), two = to_name("two");
	struct wire_frame frame;

	client_expect_nil(b, client_ask(b, "register", pack(&w, "a2sr", "one", by_ref.ref)));
	client_expect_nil(b, client_ask(b, "register", pack(&w, "a2sr", "two", by_ref.ref)));
	wire_put_pause(&b->out, &by_ref.ref);
	client_send(b);
	client_cast(a, &by_ref, "m", NULL);
	frame = client_expect(a, WIRE_PAUSE);
	assert_true(actor_ref_equal(frame.to.ref, by_ref.ref));
	assert_null(frame.method.s);
	client_cast(a, &one, "m", NULL);
	frame = client_expect(a, WIRE_PAUSE);
	assert_true(actor_ref_equal(frame.to.ref, by_ref.ref));
	assert_true(str_is(frame.method, "one"));
	client_cast(a, &two, "m", NULL);
	assert_true(str_is(client_expect(a, WIRE_PAUSE).method, "two"));
	client_cast(a, &two, "m", NULL);
	client_cast(a, &by_ref, "m", NULL);
	client_cast(c, &one, "m", NULL);
	assert_true(str_is(client_expect(c, WIRE_PAUSE).method, "one"));
	client_expect_nothing(a);
	wire_put_resume(&b->out, &by_ref.ref);
	client_send(b);
	client_expect(a, WIRE_RESUME);
	client_expect(c, WIRE_RESUME);
	for (int i = 0; i < 6; i++)
		client_expect(b, WIRE_CAST);
}

/* These frames were parked for the actor before it could say `pause`. */
static void test_parked_frames_of_an_actor_that_pauses_are_held(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 1)), other = to_ref(client_ref(b, 2));
	struct buf args = BUF_INIT;
	char *data = big(&args, 500000);

	for (int i = 0; i < 6; i++)
		client_cast(a, &to, "m", &args);
	client_cast(c, &other, "other", NULL);
	client_expect(a, WIRE_PAUSE);
	client_expect(c, WIRE_PAUSE);
	wire_put_pause(&b->out, &to.ref);
	client_send(b);
	for (int i = 0; i < 3; i++) /* these three casts were in its pipe */
		client_expect(b, WIRE_CAST);
	assert_true(str_is(client_expect(b, WIRE_CAST).method, "other"));
	client_expect_nothing(b);
	client_expect(c, WIRE_RESUME);
	client_expect_nothing(a); /* what is held is still charged to a */
	wire_put_resume(&b->out, &to.ref);
	client_send(b);
	for (int i = 0; i < 3; i++)
		client_expect(b, WIRE_CAST);
	client_expect_nothing(b);
	client_expect(a, WIRE_RESUME);
	free(data);
	buf_deinit(&args);
}

static void expect_numbers(struct client *client, int from, int to)
{
	char method[8];

	for (int i = from; i < to; i++) {
		snprintf(method, sizeof(method), "n%d", i);
		assert_true(str_is(client_expect(client, WIRE_CAST).method, method));
	}
}

static void cast_numbers(const struct wire_dest *to, int from, int n, const struct buf *args)
{
	char method[8];

	for (int i = from; i < n; i++) {
		snprintf(method, sizeof(method), "n%d", i);
		client_cast(a, to, method, args);
	}
}

/*
 * Some frames are parked before the actor pauses, some are held while it pauses, and some are parked behind
 * frames for another actor.
 */
static void test_frames_keep_their_order_through_pauses_and_congestions(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 1)), other = to_ref(client_ref(b, 2));
	struct buf args = BUF_INIT;
	char *data = big(&args, 500000);

	cast_numbers(&to, 0, 6, &args); /* three go to the pipe, three are parked */
	wire_put_pause(&b->out, &to.ref);
	client_send(b);
	cast_numbers(&to, 6, 8, &args);
	expect_numbers(b, 0, 3);
	client_expect_nothing(b);
	for (int i = 0; i < 4; i++)
		client_cast(c, &other, "other", &args);
	cast_numbers(&to, 8, 10, &args); /* parked behind "other" */
	wire_put_resume(&b->out, &to.ref);
	client_send(b);
	for (int i = 0; i < 3; i++)
		assert_true(str_is(client_expect(b, WIRE_CAST).method, "other"));
	expect_numbers(b, 3, 8);
	assert_true(str_is(client_expect(b, WIRE_CAST).method, "other"));
	expect_numbers(b, 8, 10);
	client_expect_nothing(b);
	free(data);
	buf_deinit(&args);
}

/* The actor @watcher of @b watches the group of @a, and takes no messages. */
static void watch_and_pause(actor_ref watcher)
{
	struct wire_dest who = to_ref(client_ref(a, 0));

	wire_put_monitor(&b->out, &who, watcher, 1);
	wire_put_pause(&b->out, &watcher);
	client_send(b);
}

/*
 * Some frames are held, others are parked and would be held, and the end of their sender is parked behind
 * them: it does not overtake any.
 */
static void test_an_end_that_is_parked_comes_after_what_its_sender_had_sent(void **state)
{
	actor_ref watcher = client_ref(b, 1);
	struct wire_dest to = to_ref(watcher), other = to_ref(client_ref(b, 2));
	struct actor_cause cause;
	struct buf args = BUF_INIT;
	char *data = big(&args, 500000);

	watch_and_pause(watcher);
	cast_numbers(&to, 0, 4, &args); /* held */
	for (int i = 0; i < 4; i++)
		client_cast(c, &other, "other", &args);
	client_cast(c, &to, "stays", NULL); /* parked, and held later, with those behind it */
	cast_numbers(&to, 4, 6, &args);
	client_break(a);
	for (int i = 0; i < 4; i++)
		assert_true(str_is(client_expect(b, WIRE_CAST).method, "other"));
	expect_numbers(b, 0, 6);
	client_expect(b, WIRE_DOWN);
	client_expect_group_down(b, &cause);
	client_expect_nothing(b);
	wire_put_resume(&b->out, &watcher);
	client_send(b);
	assert_true(str_is(client_expect(b, WIRE_CAST).method, "stays"));
	client_expect_nothing(b);
	assert_int_equal(broker_stats(w.broker).dropped, 0);
	free(data);
	buf_deinit(&args);
}

/* More is held than the pipe should have at once, so it is parked, and is not held once more. */
static void test_an_end_comes_after_more_than_the_pipe_takes_at_once(void **state)
{
	actor_ref watcher = client_ref(b, 1);
	struct wire_dest to = to_ref(watcher);
	struct actor_cause cause;
	struct buf args = BUF_INIT;
	char *data = big(&args, 500000);

	watch_and_pause(watcher);
	cast_numbers(&to, 0, 8, &args);
	client_expect_nothing(b);
	client_break(a);
	expect_numbers(b, 0, 8);
	client_expect(b, WIRE_DOWN);
	client_expect_group_down(b, &cause);
	client_expect_nothing(b);
	free(data);
	buf_deinit(&args);
}

static void test_a_resume_of_all_leaves_who_paused_by_itself_its_order(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 1)), other = to_ref(client_ref(b, 2));
	struct buf args = BUF_INIT;
	char *data = big(&args, 500000);

	wire_put_pause(&b->out, NULL);
	client_send(b);
	cast_numbers(&to, 0, 4, &args);
	client_cast(c, &other, "other", NULL);
	wire_put_pause(&b->out, &to.ref);
	client_send(b);
	cast_numbers(&to, 4, 6, &args);
	wire_put_resume(&b->out, NULL);
	client_send(b);
	assert_true(str_is(client_expect(b, WIRE_CAST).method, "other"));
	client_expect_nothing(b);
	wire_put_resume(&b->out, &to.ref);
	client_send(b);
	expect_numbers(b, 0, 6);
	client_expect_nothing(b);
	assert_int_equal(broker_stats(w.broker).dropped, 0);
	free(data);
	buf_deinit(&args);
}

/* A resumed actor's held frames go to its group, which is congested: the sender waits until they are read. */
static void test_who_was_held_goes_on_when_its_frames_are_read(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 1));
	struct buf args = BUF_INIT;
	char *data = big(&args, 500000);
	struct wire_frame frame;
	int n = 0;

	wire_put_pause(&b->out, &to.ref);
	client_send(b);
	for (int i = 0; i < 6; i++)
		client_cast(a, &to, "m", &args);
	client_expect(a, WIRE_PAUSE);
	wire_put_resume(&b->out, &to.ref);
	client_send(b);
	client_expect_nothing(a);
	for (broker_flush(w.broker); client_next(b, &frame); broker_flush(w.broker))
		n++;
	assert_int_equal(n, 6);
	client_expect(a, WIRE_RESUME);
	free(data);
	buf_deinit(&args);
}

static void test_of_senders_that_have_ended_16_mib_wait_and_what_is_refused_is_said(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 1));
	struct buf args = BUF_INIT;
	char *data = big(&args, 1000000);
	struct wire_frame frame;
	int n = 0;

	wire_put_pause(&b->out, &to.ref);
	client_send(b);
	for (int i = 0; i < 6; i++) {
		struct client *tool = world_newcomer(&w, "tool");

		for (int k = 0; k < 3; k++)
			client_cast(tool, &to, "m", &args);
		client_bye(tool);
	}
	assert_int_equal(broker_stats(w.broker).dropped, 0);
	client_cast(a, &to, "m", &args);
	assert_int_equal(broker_stats(w.broker).dropped, 1);
	assert_non_null(strstr(w.log, "'b'"));
	assert_non_null(strstr(w.log, "that groups have sent which have ended"));
	wire_put_resume(&b->out, &to.ref);
	client_send(b);
	client_cast(a, &to, "m", NULL);
	for (broker_flush(w.broker); client_next(b, &frame); broker_flush(w.broker))
		n++;
	assert_int_equal(n, 18); /* a's last cast came too early, and was refused */
	client_cast(a, &to, "m", NULL);
	client_expect(b, WIRE_CAST);
	free(data);
	buf_deinit(&args);
}

static void test_who_casts_into_a_recovery_is_told_to_pause_everything_and_loses_nothing(void **state)
{
	struct client *s, *sender, *d;
	struct buf args = BUF_INIT;
	char *data = big(&args, 300000);
	struct wire_frame frame;
	struct wire_dest to;
	struct world r;
	int n = 0;

	world_init(&r, 1000, NULL);
	s = world_supervised(&r, 1, "$spawner");
	client_tell(s, "groups", pack(&r, "a3a1ua0a1u", UINT64_C(17), UINT64_C(17)));
	sender = world_newcomer(&r, "sender");
	to = to_ref((actor_ref){WORLD_NODE, 17, 1});
	for (int i = 0; i < 3; i++)
		client_cast(sender, &to, "m", &args);
	client_expect_nothing(sender);
	client_cast(sender, &to, "m", &args);
	assert_false(client_expect(sender, WIRE_PAUSE).has_ref);
	for (int i = 0; i < 20; i++) /* many were on their way before it was told to pause */
		client_cast(sender, &to, "m", &args);
	client_expect_nothing(sender);
	world_advance(&r, 1000 * MS); /* the receiver is stopped, and late: its frames wait on */
	assert_int_equal(broker_stats(r.broker).dropped, 0);
	assert_true(client_expect(sender, WIRE_PAUSE).has_ref);
	assert_false(client_expect(sender, WIRE_RESUME).has_ref);
	client_expect_nothing(sender);
	d = world_supervised(&r, 17, "d");
	for (broker_flush(r.broker); client_next(d, &frame); broker_flush(r.broker))
		n += frame.type == WIRE_CAST && frame.from.group == sender->group;
	assert_int_equal(n, 24);
	assert_int_equal(broker_stats(r.broker).dropped, 0);
	assert_true(client_expect(sender, WIRE_RESUME).has_ref);
	client_expect_nothing(sender);
	free(data);
	buf_deinit(&args);
	world_deinit(&r);
}

static void test_what_is_held_is_charged_to_the_sender(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 1));
	actor_ref ref = client_ref(b, 1);
	struct buf args = BUF_INIT;
	char *data = big(&args, 1000000);

	wire_put_pause(&b->out, &ref);
	client_send(b);
	for (int i = 0; i < 40; i++)
		client_cast(a, &to, "m", &args);
	assert_int_equal(broker_stats(w.broker).dropped, 40 - 33);
	client_expect_nothing(b);
	wire_put_resume(&b->out, &ref);
	client_send(b);
	for (int i = 0; i < 33; i++)
		client_expect(b, WIRE_CAST);
	client_expect_nothing(b);
	assert_true(client_expect(a, WIRE_PAUSE).has_ref);
	assert_false(client_expect(a, WIRE_PAUSE).has_ref);
	assert_true(client_expect(a, WIRE_RESUME).has_ref);
	assert_false(client_expect(a, WIRE_RESUME).has_ref);
	free(data);
	buf_deinit(&args);
}

static void test_goodbyes_nobody_reads_are_limited(void **state)
{
	size_t before = w.n_open;

	for (int i = 0; i < 1000; i++)
		client_send_bytes(world_newcomer(&w, "liar"), "\xc1", 1);
	assert_true(w.n_open <= before + 256);
	world_advance(&w, 1000 * MS);
	assert_int_equal(w.n_open, before);
	client_expect_nothing(a);
}

static void test_look_ups_that_waited_are_charged_no_more(void **state)
{
	struct quota_limits limits = {.max = {[QUOTA_WAITING] = 1000}};
	struct client *owner, *asker;
	struct world small;
	uint64_t id;

	world_init(&small, 0, &limits);
	owner = world_supervised(&small, 17, "owner");
	asker = world_newcomer(&small, "asker");
	client_expect_nil(
		owner, client_ask(owner, "register", pack(&small, "a2sr", "n", client_ref(owner, 1))));
	for (int i = 0; i < 100; i++) {
		client_break(owner);
		id = client_ask(asker, "whereis", pack(&small, "a1s", "n"));
		client_expect_nothing(asker);
		owner = world_supervised(&small, 17, "owner");
		client_expect_ref(asker, id);
	}
	world_deinit(&small);
}

static void test_groups_are_limited(void **state)
{
	struct quota_limits limits = {.groups = 4};
	struct world small;

	world_init(&small, 0, &limits);
	world_newcomer(&small, "a");
	world_newcomer(&small, "b");
	assert_null(world_hello(&small, "c", NULL));
	assert_string_equal(small.error, "overloaded");
	world_deinit(&small);
}

static void test_clients_leave_half_of_the_places_to_supervised_groups(void **state)
{
	struct quota_limits limits = {.groups = 16};
	struct token token;
	struct world small;

	world_init(&small, 0, &limits);
	for (int i = 0; i < 8; i++)
		world_newcomer(&small, "client");
	assert_null(world_hello(&small, "one too many", NULL));
	assert_string_equal(small.error, "overloaded");
	for (uint64_t group = 10; group < 18; group++)
		world_supervised(&small, group, "child");
	token = world_token(&small, 18, "child");
	assert_null(world_hello(&small, "child", &token));
	world_deinit(&small);
}

static void test_one_process_leaves_places_to_other_clients(void **state)
{
	struct quota_limits limits = {.groups = 16};
	struct client *mine[4];
	struct world small;

	world_init(&small, 0, &limits);
	for (int i = 0; i < 4; i++) {
		mine[i] = world_hello_as(&small, "hog", NULL, WORLD_UID, 77);
		assert_non_null(mine[i]);
		client_up(mine[i]);
	}
	assert_null(world_hello_as(&small, "hog", NULL, WORLD_UID, 77));
	assert_string_equal(small.error, "overloaded");
	world_newcomer(&small, "other");
	client_bye(mine[0]);
	client_break(mine[0]);
	assert_non_null(world_hello_as(&small, "hog", NULL, WORLD_UID, 77));
	world_deinit(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
		T(test_names_and_watches_are_limited),
		T(test_open_calls_and_monitors_are_limited),
		T(test_calls_past_their_deadline_are_charged_to_nobody),
		T(test_links_are_limited),
		T(test_a_sender_is_told_to_pause_when_the_receiver_does_not_read),
		T(test_who_does_not_pause_is_refused_and_nobody_is_cut),
		T(test_who_does_not_read_for_two_seconds_is_named_once),
		T(test_who_reads_late_but_in_time_is_not_named),
		T(test_who_is_slow_to_read_what_it_asked_for_is_not_cut),
		T(test_answers_beyond_what_may_lie_unread_are_errors),
		T(test_answers_of_the_broker_beyond_that_are_errors),
		T(test_unread_answers_are_shared_by_all_who_do_not_read),
		T(test_who_asks_and_never_reads_the_answers_is_cut_by_name),
		T(test_senders_cannot_have_a_receiver_cut),
		T(test_a_frame_as_large_as_a_message_waits_and_does_not_cut),
		T(test_frames_of_a_resume_behind_a_congestion_cut_nobody),
		T(test_goodbyes_nobody_reads_are_limited),
		T(test_a_limit_that_is_reached_again_is_said_again),
		T(test_answers_behind_what_others_sent_cut_nobody),
		T(test_what_waits_for_a_lost_group_is_charged_to_the_sender),
		T(test_who_sends_to_a_lost_group_is_told_to_pause_and_loses_nothing),
		T(test_who_calls_an_actor_by_name_hears_of_the_pause_by_that_name),
		T(test_parked_frames_of_an_actor_that_pauses_are_held),
		T(test_frames_keep_their_order_through_pauses_and_congestions),
		T(test_an_end_that_is_parked_comes_after_what_its_sender_had_sent),
		T(test_an_end_comes_after_more_than_the_pipe_takes_at_once),
		T(test_a_resume_of_all_leaves_who_paused_by_itself_its_order),
		T(test_who_was_held_goes_on_when_its_frames_are_read),
		T(test_of_senders_that_have_ended_16_mib_wait_and_what_is_refused_is_said),
		cmocka_unit_test(
			test_who_casts_into_a_recovery_is_told_to_pause_everything_and_loses_nothing),
		T(test_what_is_held_is_charged_to_the_sender),
		cmocka_unit_test(test_look_ups_that_waited_are_charged_no_more),
		cmocka_unit_test(test_groups_are_limited),
		cmocka_unit_test(test_clients_leave_half_of_the_places_to_supervised_groups),
		cmocka_unit_test(test_one_process_leaves_places_to_other_clients),
	};

	return run_facts(tests);
}

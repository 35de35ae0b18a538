/* SPDX-License-Identifier: Apache-2.0 */
/* Frames through the broker, and what becomes of them when a group ends. */
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/cause.h"
#include "tests/unit/broker/broker-fact.h"

static struct client *a, *b;

static int setup(void **state)
{
	world_init(&w, 0, NULL);
	a = world_newcomer(&w, "a");
	b = world_newcomer(&w, "b");
	return 0;
}

static uint64_t call_b(const char *method)
{
	struct wire_dest to = to_ref(client_ref(b, 1));

	return client_call(a, &to, method, pack(&w, "a1u", UINT64_C(5)));
}

static void monitor(struct client *who, actor_ref ref, uint64_t id)
{
	struct wire_dest to = to_ref(ref);

	wire_put_monitor(&who->out, &to, client_ref(who, 1), id);
	client_send(who);
}

static struct actor_cause expect_down(struct client *who, actor_ref from, uint64_t id)
{
	struct wire_frame frame = client_expect(who, WIRE_DOWN);
	struct actor_cause cause;

	assert_int_equal(frame.id, id);
	assert_true(actor_ref_equal(frame.from, from));
	assert_true(actor_ref_equal(frame.to.ref, client_ref(who, 1)));
	assert_int_equal(cause_parse(frame.body, frame.body_bytes, &cause), 0);
	return cause;
}

static void test_a_call_by_ref_is_passed_on_unchanged_and_answered(void **state)
{
	uint64_t id = call_b("add");
	struct wire_frame frame = client_expect(b, WIRE_CALL);

	assert_true(str_is(frame.method, "add"));
	assert_true(actor_ref_equal(frame.to.ref, client_ref(b, 1)));
	assert_true(actor_ref_equal(frame.from, client_ref(a, 1)));
	assert_int_equal(frame.id, id);
	wire_put_reply(&b->out, frame.from, client_ref(b, 1), frame.id, "\x2a", 1);
	client_send(b);
	frame = client_expect(a, WIRE_REPLY);
	assert_int_equal(frame.id, id);
	assert_int_equal(frame.body[0], 42);
	assert_int_equal(broker_stats(w.broker).calls, 0);
}

static void test_a_name_is_replaced_by_the_ref(void **state)
{
	struct wire_dest to = to_name("n");
	struct wire_frame frame;

	client_expect_nil(b, client_ask(b, "register", pack(&w, "a2sr", "n", client_ref(b, 7))));
	client_cast(a, &to, "hello", pack(&w, "a1s", "x"));
	frame = client_expect(b, WIRE_CAST);
	assert_null(frame.to.name.s);
	assert_true(actor_ref_equal(frame.to.ref, client_ref(b, 7)));
	assert_true(str_is(frame.method, "hello"));
	client_call(a, &to, "ask", NULL);
	assert_true(actor_ref_equal(client_expect(b, WIRE_CALL).to.ref, client_ref(b, 7)));
	wire_put_stop(&a->out, &to, client_ref(a, 1), wire_cstr("enough"));
	wire_put_kill(&a->out, &to, client_ref(a, 1));
	client_send(a);
	assert_true(str_is(client_expect(b, WIRE_STOP).text, "enough"));
	client_expect(b, WIRE_KILL);
}

/* Writes a call to the name "n" with one argument of @n bytes. The length of the frame. */
static size_t put_call_of(size_t n)
{
	struct wire_dest to = to_name("n");
	uint8_t *bytes = calloc(1, n);
	struct buf args = BUF_INIT;

	buf_reset(&a->out, 4096);
	mp_put_array(&args, 1);
	mp_put_bin(&args, bytes, n);
	wire_put_call(&a->out, &to, client_ref(a, 1), wire_cstr("ask"), args.data, args.size_bytes, 7, 0);
	buf_deinit(&args);
	free(bytes);
	return a->out.size_bytes;
}

static void test_a_message_that_the_ref_makes_too_long_is_refused_as_too_big(void **state)
{
	size_t more = put_call_of(1u << 20) - (1u << 20);
	struct wire_dest to = to_name("n");

	client_expect_nil(b, client_ask(b, "register", pack(&w, "a2sr", "n", client_ref(b, 7))));
	assert_int_equal(put_call_of(WIRE_MESSAGE_MAX_BYTES - more), WIRE_MESSAGE_MAX_BYTES);
	client_send(a);
	client_expect_error(a, 7, "too_big");
	client_expect_nothing(b);
	assert_int_equal(broker_stats(w.broker).calls, 0);
	client_call(a, &to, "ask", NULL); /* its link goes on */
	client_expect(b, WIRE_CALL);
}

static void test_an_answer_that_nobody_waits_for_goes_nowhere(void **state)
{
	uint64_t id = call_b("add");

	client_expect(b, WIRE_CALL);
	for (int i = 0; i < 3; i++) {
		wire_put_reply(&b->out, client_ref(a, 1), client_ref(b, 1), id, NULL, 0);
		wire_put_error(
			&b->out, client_ref(a, 1), client_ref(b, 1), id, wire_cstr("late"), wire_cstr(""));
		wire_put_reply(&b->out, client_ref(a, 1), client_ref(b, 1), id + 1, NULL, 0);
	}
	client_send(b);
	client_expect_nil(a, id);
	client_expect_nothing(a);
}

static void test_only_the_one_who_was_asked_can_answer(void **state)
{
	struct client *c = world_newcomer(&w, "c");
	uint64_t id = call_b("add");

	wire_put_reply(&c->out, client_ref(a, 1), client_ref(c, 1), id, NULL, 0);
	client_send(c);
	client_expect_nothing(a);
	assert_int_equal(broker_stats(w.broker).calls, 1);
}

static void test_who_answers_for_somebody_else_loses_its_link(void **state)
{
	struct client *c = world_newcomer(&w, "c");
	struct actor_cause cause = cause_make("tired");
	struct buf body = BUF_INIT;
	uint64_t id = call_b("add");

	wire_put_error(&c->out, client_ref(a, 1), client_ref(c, 1), id, wire_cstr("mine"), wire_cstr(""));
	client_send(c);
	client_expect(c, WIRE_BYE);
	assert_non_null(strstr(w.log, "'c'"));
	monitor(a, client_ref(b, 1), 9);
	cause_put(&body, &cause);
	c = world_newcomer(&w, "d");
	wire_put_down(&c->out, client_ref(a, 1), client_ref(c, 1), 9, body.data, body.size_bytes);
	client_send(c);
	client_expect(c, WIRE_BYE);
	buf_deinit(&body);
	client_expect_nothing(a);
	assert_int_equal(broker_stats(w.broker).calls, 1);
	assert_int_equal(broker_stats(w.broker).monitors, 1);
}

static void test_another_actor_of_the_group_that_was_asked_cannot_answer(void **state)
{
	uint64_t id = call_b("add");

	client_expect(b, WIRE_CALL);
	wire_put_reply(&b->out, client_ref(a, 1), client_ref(b, 2), id, NULL, 0);
	client_send(b);
	client_expect(b, WIRE_BYE);
	client_expect_error(a, id, "noconnection");
}

static void test_a_group_answers_for_an_actor_that_it_no_longer_has(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 7));
	uint64_t id = client_call(a, &to, "m", NULL);

	client_expect(b, WIRE_CALL);
	wire_put_error(&b->out, client_ref(a, 1), client_ref(b, 0), id, wire_cstr("noproc"), wire_cstr(""));
	client_send(b);
	client_expect_error(a, id, "noproc");
	assert_false(b->closed);
}

static void test_an_answer_after_the_deadline_is_no_offence(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 1));

	wire_put_call(&a->out, &to, client_ref(a, 1), wire_cstr("m"), NULL, 0, 1000, w.now_ns / 1000 + 5);
	client_send(a);
	world_advance(&w, 1 * MS);
	wire_put_reply(&b->out, client_ref(a, 1), client_ref(b, 1), 1000, NULL, 0);
	client_send(b);
	client_expect_nothing(a);
	assert_false(b->closed);
	client_expect(b, WIRE_CALL);
	client_expect(b, WIRE_CANCEL);
	client_expect_nothing(b);
}

static void test_a_call_to_nobody_is_answered_at_once(void **state)
{
	struct wire_dest gone = to_ref((actor_ref){WORLD_NODE, 4711, 1}), name = to_name("nobody");
	struct wire_dest far = to_ref((actor_ref){WORLD_NODE + 1, b->group, 1});
	struct wire_dest self = to_ref((actor_ref){WORLD_NODE, WORLD_BROKER, 99});

	client_expect_error(a, client_call(a, &gone, "m", NULL), "noproc");
	client_expect_error(a, client_call(a, &name, "m", NULL), "noproc");
	client_expect_error(a, client_call(a, &far, "m", NULL), "noproc");
	client_expect_error(a, client_call(a, &self, "m", NULL), "noproc");
	client_cast(a, &gone, "m", NULL);
	client_cast(a, &name, "m", NULL);
	client_expect_nothing(a);
	assert_int_equal(broker_stats(w.broker).dropped, 2);
	monitor(a, gone.ref, 77);
	assert_string_equal(expect_down(a, gone.ref, 77).reason, "noproc");
}

static void test_open_calls_end_with_the_group(void **state)
{
	struct actor_cause cause;
	uint64_t id = call_b("add");

	client_break(b);
	client_expect_error(a, id, "noconnection");
	assert_int_equal(client_expect_group_down(a, &cause), b->group);
	assert_string_equal(cause.reason, "noconnection");
	client_expect_nothing(a);
}

static void test_open_calls_end_with_bye_as_down(void **state)
{
	uint64_t id = call_b("add");
	struct wire_frame frame;

	client_bye(b);
	frame = client_expect(a, WIRE_ERROR);
	assert_int_equal(frame.id, id);
	assert_true(str_is(frame.method, "down"));
	assert_true(str_is(frame.text, "normal"));
}

static void test_a_monitor_fires_once_with_the_end_of_the_group(void **state)
{
	monitor(a, client_ref(b, 1), 9);
	monitor(a, client_ref(b, 2), 10);
	assert_int_equal(client_expect(b, WIRE_MONITOR).id, 9);
	client_bye(b);
	assert_string_equal(expect_down(a, client_ref(b, 1), 9).reason, "normal");
	assert_string_equal(expect_down(a, client_ref(b, 2), 10).reason, "normal");
	assert_int_equal(client_expect_group_down(a, NULL), b->group);
	client_expect_nothing(a);
}

static void test_a_monitor_of_a_whole_group_is_kept_by_the_broker(void **state)
{
	monitor(a, client_ref(b, 0), 9);
	monitor(a, client_ref(b, 0), 10);
	wire_put_demonitor(&a->out, client_ref(b, 0), client_ref(a, 1), 10);
	client_send(a);
	client_expect_nothing(b);
	client_expect_nothing(a);
	client_bye(b);
	assert_string_equal(expect_down(a, client_ref(b, 0), 9).reason, "normal");
	assert_int_equal(client_expect_group_down(a, NULL), b->group);
	client_expect_nothing(a);
	assert_int_equal(broker_stats(w.broker).monitors, 0);
}

static void test_a_monitor_of_a_whole_group_outlives_its_link_and_has_the_true_cause(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *c = world_supervised(&w, 17, "c");
	actor_ref ref = client_ref(c, 0);

	monitor(a, ref, 9);
	client_break(c);
	c = world_supervised(&w, 17, "c");
	client_expect_nothing(c);
	client_break(c);
	monitor(a, ref, 10); /* c may still come back */
	client_expect_nothing(a);
	client_tell(s, "group_down", pack(&w, "a2um1ss", UINT64_C(17), "reason", "signal"));
	assert_string_equal(expect_down(a, ref, 9).reason, "signal");
	assert_string_equal(expect_down(a, ref, 10).reason, "signal");
}

static void test_a_down_that_passed_is_not_followed_by_another(void **state)
{
	struct actor_cause cause = cause_make("tired");
	struct buf body = BUF_INIT;

	monitor(a, client_ref(b, 1), 9);
	cause_put(&body, &cause);
	wire_put_down(&b->out, client_ref(a, 1), client_ref(b, 1), 9, body.data, body.size_bytes);
	wire_put_down(&b->out, client_ref(a, 1), client_ref(b, 1), 9, body.data, body.size_bytes);
	client_send(b);
	assert_string_equal(expect_down(a, client_ref(b, 1), 9).reason, "tired");
	client_break(b);
	client_expect_nothing(a);
	buf_deinit(&body);
}

static void test_after_demonitor_nothing_comes(void **state)
{
	monitor(a, client_ref(b, 1), 9);
	client_expect(b, WIRE_MONITOR);
	wire_put_demonitor(&a->out, client_ref(b, 1), client_ref(a, 1), 9);
	client_send(a);
	assert_int_equal(client_expect(b, WIRE_DEMONITOR).id, 9);
	client_break(b);
	client_expect_nothing(a);
	assert_int_equal(broker_stats(w.broker).monitors, 0);
}

static void test_names_are_free_before_anybody_hears_of_the_end(void **state)
{
	struct wire_frame frame;
	uint64_t id;

	client_expect_nil(b, client_ask(b, "register", pack(&w, "a2sr", "n", client_ref(b, 1))));
	client_expect_ref(a, client_ask(a, "whereis", pack(&w, "a1s", "n")));
	monitor(a, client_ref(b, 1), 9);
	id = call_b("add");
	client_break(b);
	assert_true(str_is(client_expect(a, WIRE_CAST).method, "name"));
	for (int i = 0; i < 2; i++) {
		assert_true(client_next(a, &frame));
		assert_true((frame.type == WIRE_DOWN && frame.id == 9) ||
			    (frame.type == WIRE_ERROR && frame.id == id));
	}
	client_expect_group_down(a, NULL);
	id = client_ask(a, "register", pack(&w, "a2sr", "n", client_ref(a, 1)));
	assert_true(str_is(client_expect(a, WIRE_CAST).method, "name"));
	client_expect_nil(a, id);
}

static void test_the_monitored_hears_of_the_end_of_its_watcher(void **state)
{
	monitor(a, client_ref(b, 1), 9);
	client_expect(b, WIRE_MONITOR);
	client_break(a);
	assert_int_equal(client_expect_group_down(b, NULL), a->group);
}

static void test_order_holds_from_one_group_to_another(void **state)
{
	struct wire_dest by_ref = to_ref(client_ref(b, 1)), by_name = to_name("n");

	client_expect_nil(b, client_ask(b, "register", pack(&w, "a2sr", "n", client_ref(b, 1))));
	for (uint64_t i = 0; i < 100; i++) {
		struct buf *args = pack(&w, "a1u", i);

		wire_put_cast(&a->out, i & 1 ? &by_name : &by_ref, client_ref(a, 1), wire_cstr("m"),
			args->data, args->size_bytes);
	}
	client_send(a);
	for (uint64_t i = 0; i < 100; i++) {
		struct wire_frame frame = client_expect(b, WIRE_CAST);
		struct mp_reader r = mp_reader(frame.body, frame.body_bytes);
		uint32_t n;
		uint64_t got;

		assert_int_equal(mp_read_array(&r, &n), 0);
		assert_int_equal(mp_read_uint(&r, &got), 0);
		assert_int_equal(got, i);
	}
}

static void test_a_forged_sender_ends_the_link(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 1));

	wire_put_cast(&a->out, &to, client_ref(b, 1), wire_cstr("m"), NULL, 0);
	client_send(a);
	client_expect_nothing(b);
	client_expect(a, WIRE_BYE);
	assert_non_null(strstr(w.log, "not its own"));
	assert_non_null(strstr(w.log, "'a'"));
	assert_int_equal(broker_stats(w.broker).groups, 1);
}

static void test_a_cast_may_come_from_nobody(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 1));

	wire_put_cast(&a->out, &to, ACTOR_NOBODY, wire_cstr("m"), NULL, 0);
	client_send(a);
	client_expect(b, WIRE_CAST);
	assert_false(a->closed);
}

static void test_malformed_bytes_end_only_that_link(void **state)
{
	static const char *const bad[] = {"\xc1", "\x90", "\x93\x01", "garbage", "\x95\x02\x01\x02\x03\x04"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct client *c = world_newcomer(&w, "rude");
		struct wire_frame frame;

		client_send_bytes(c, bad[i], strlen(bad[i]));
		frame = client_expect(c, WIRE_BYE);
		assert_non_null(memmem(frame.text.s, frame.text.len, "malformed", 9));
		assert_non_null(strstr(w.log, "'rude'"));
		assert_int_equal(w.n_logged, i + 1);
		world_advance(&w, 1000 * MS); /* the client does not read the goodbye */
		assert_true(c->closed);
	}
	client_expect_nil(a, client_ask(a, "ready", pack(&w, "a0")));
}

static void test_unknown_frames_are_skipped(void **state)
{
	wire_put_ping(&a->out, 1);
	mp_put_array(&a->out, 3);
	mp_put_uint(&a->out, 31);
	mp_put_cstr(&a->out, "from the future");
	mp_put_nil(&a->out);
	wire_put_ping(&a->out, 2);
	client_send(a);
	assert_int_equal(client_expect(a, WIRE_PONG).id, 1);
	assert_int_equal(client_expect(a, WIRE_PONG).id, 2);
}

static void test_a_call_id_in_use_ends_the_link(void **state)
{
	uint64_t id = call_b("m");

	a->ids = id - 1;
	call_b("m");
	client_expect(a, WIRE_BYE);
	assert_non_null(strstr(w.log, "in use"));
}

static void test_expired_calls_are_forgotten(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 1));

	for (uint64_t i = 0; i < 100; i++)
		wire_put_call(&a->out, &to, client_ref(a, 1), wire_cstr("m"), NULL, 0, 1000 + i,
			w.now_ns / 1000 + 5);
	client_send(a);
	assert_int_equal(broker_stats(w.broker).calls, 100);
	world_advance(&w, 1000 * MS);
	for (uint64_t i = 0; i < 100; i++)
		wire_put_call(&a->out, &to, client_ref(a, 1), wire_cstr("m"), NULL, 0, 2000 + i,
			w.now_ns / 1000 + 5000000);
	client_send(a);
	assert_int_equal(broker_stats(w.broker).calls, 100);
}

static void test_calls_that_nobody_answers_are_forgotten_at_their_deadline(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 1));

	for (uint64_t i = 0; i < 1000; i++)
		wire_put_call(&a->out, &to, client_ref(a, 1), wire_cstr("m"), NULL, 0, 1000 + i,
			w.now_ns / 1000 + 1000 * (int64_t)(1 + i % 5));
	wire_put_call(&a->out, &to, client_ref(a, 1), wire_cstr("m"), NULL, 0, 1, INT64_MAX);
	wire_put_call(&a->out, &to, client_ref(a, 1), wire_cstr("m"), NULL, 0, 2, 0);
	client_send(a);
	world_advance(&w, 3 * MS);
	assert_int_equal(broker_stats(w.broker).calls, 402);
	world_advance(&w, 2 * MS);
	assert_int_equal(broker_stats(w.broker).calls, 2);
	world_advance(&w, 1000000 * MS);
	/* The calls stay open until they are answered, or a group ends. */
	assert_int_equal(broker_stats(w.broker).calls, 2);
}

static void test_a_call_whose_deadline_is_past_is_forgotten_at_once(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 1));

	wire_put_call(&a->out, &to, client_ref(a, 1), wire_cstr("m"), NULL, 0, 1, 1);
	wire_put_call(&a->out, &to, client_ref(a, 1), wire_cstr("m"), NULL, 0, 2, -1);
	client_send(a);
	world_advance(&w, 1);
	assert_int_equal(broker_stats(w.broker).calls, 0);
}

static void test_a_paused_actor_gets_nothing_until_it_resumes(void **state)
{
	struct wire_dest one = to_ref(client_ref(b, 1)), two = to_ref(client_ref(b, 2));
	actor_ref ref = client_ref(b, 1);
	struct wire_frame frame;

	wire_put_pause(&b->out, &ref);
	client_send(b);
	client_cast(a, &one, "first", NULL);
	client_cast(a, &one, "second", NULL);
	client_cast(a, &two, "other", NULL);
	assert_true(str_is(client_expect(b, WIRE_CAST).method, "other"));
	client_expect_nothing(b);
	frame = client_expect(a, WIRE_PAUSE); /* `a` is told to pause once, and for that actor only */
	assert_true(actor_ref_equal(frame.to.ref, ref));
	client_expect_nothing(a);
	wire_put_resume(&b->out, &ref);
	client_send(b);
	assert_true(str_is(client_expect(b, WIRE_CAST).method, "first"));
	assert_true(str_is(client_expect(b, WIRE_CAST).method, "second"));
	assert_true(actor_ref_equal(client_expect(a, WIRE_RESUME).to.ref, ref));
	client_cast(a, &one, "third", NULL);
	client_expect(b, WIRE_CAST);
}

static void test_a_paused_group_still_gets_answers(void **state)
{
	struct wire_dest to = to_ref(client_ref(a, 1)), back = to_ref(client_ref(b, 1));
	uint64_t id;

	wire_put_pause(&b->out, NULL);
	client_send(b);
	id = client_call(b, &to, "m", NULL);
	client_expect(a, WIRE_CALL);
	client_cast(a, &back, "held", NULL);
	wire_put_reply(&a->out, client_ref(b, 1), client_ref(a, 1), id, NULL, 0);
	client_send(a);
	client_expect_nil(b, id);
	client_expect_nothing(b);
	wire_put_resume(&b->out, NULL);
	client_send(b);
	client_expect(b, WIRE_CAST);
}

static void test_what_a_paused_actor_had_waiting_does_not_overtake_the_pause_of_its_group(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 1));
	actor_ref ref = client_ref(b, 1);

	wire_put_pause(&b->out, &ref);
	client_send(b);
	client_cast(a, &to, "held", NULL);
	wire_put_pause(&b->out, NULL);
	wire_put_resume(&b->out, &ref);
	client_send(b);
	client_expect_nothing(b);
	wire_put_resume(&b->out, NULL);
	client_send(b);
	assert_true(str_is(client_expect(b, WIRE_CAST).method, "held"));
}

static void test_a_stop_reaches_an_actor_that_is_paused(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 1));
	actor_ref ref = client_ref(b, 1);

	wire_put_pause(&b->out, &ref);
	client_send(b);
	wire_put_stop(&a->out, &to, client_ref(a, 1), wire_cstr("normal"));
	client_send(a);
	client_expect(b, WIRE_STOP);
}

/* `b` watches `a` or its actor, and has paused the actor that watches. */
static void watch_and_pause(uint64_t serial, actor_ref watcher)
{
	struct wire_dest who = to_ref(client_ref(a, serial));

	wire_put_monitor(&b->out, &who, watcher, 1);
	wire_put_pause(&b->out, &watcher);
	client_send(b);
	if (serial)
		client_expect(a, WIRE_MONITOR);
}

static void test_the_end_of_a_group_comes_after_what_was_held_of_it(void **state)
{
	actor_ref watcher = client_ref(b, 1), other = client_ref(b, 2);
	struct wire_dest one = to_ref(watcher), two = to_ref(other);
	struct client *stays = world_newcomer(&w, "stays");
	struct actor_cause cause;

	watch_and_pause(0, watcher);
	wire_put_pause(&b->out, &other);
	client_send(b);
	client_cast(a, &one, "first", NULL);
	client_cast(stays, &one, "stays", NULL);
	client_cast(a, &two, "other", NULL);
	client_cast(a, &one, "last", NULL);
	client_expect_nothing(b);
	client_break(a);
	assert_true(str_is(client_expect(b, WIRE_CAST).method, "first"));
	assert_true(str_is(client_expect(b, WIRE_CAST).method, "last"));
	client_expect(b, WIRE_DOWN);
	assert_true(str_is(client_expect(b, WIRE_CAST).method, "other"));
	client_expect_group_down(b, &cause);
	client_expect_nothing(b); /* who lives waits on */
	wire_put_resume(&b->out, &watcher);
	wire_put_resume(&b->out, &other);
	client_send(b);
	assert_true(str_is(client_expect(b, WIRE_CAST).method, "stays"));
	client_expect_nothing(b);
	assert_int_equal(broker_stats(w.broker).dropped, 0);
}

static void test_the_end_of_an_actor_comes_after_what_was_held_of_it(void **state)
{
	actor_ref watcher = client_ref(b, 1);
	struct wire_dest to = to_ref(watcher);
	struct actor_cause cause = cause_make("normal");
	struct buf body = BUF_INIT;

	watch_and_pause(1, watcher);
	client_cast(a, &to, "last", NULL);
	client_expect_nothing(b);
	cause_put(&body, &cause);
	wire_put_down(&a->out, watcher, client_ref(a, 1), 1, body.data, body.size_bytes);
	client_send(a);
	buf_deinit(&body);
	assert_true(str_is(client_expect(b, WIRE_CAST).method, "last"));
	client_expect(b, WIRE_DOWN);
	client_cast(a, &to, "held", NULL); /* of another actor: the watcher is paused as before */
	client_expect_nothing(b);
	wire_put_resume(&b->out, &watcher);
	client_send(b);
	assert_true(str_is(client_expect(b, WIRE_CAST).method, "held"));
}

static void test_each_exit_comes_after_what_was_held_of_its_sender(void **state)
{
	actor_ref linked = client_ref(b, 1);
	struct wire_dest to = to_ref(linked);
	struct client *stays = world_newcomer(&w, "stays");
	struct actor_cause cause = cause_make("normal");
	struct buf body = BUF_INIT;

	wire_put_pause(&b->out, &linked);
	client_send(b);
	client_cast(stays, &to, "stays", NULL);
	cause_put(&body, &cause);
	for (uint64_t i = 1; i <= 3;
		i++) { /* of one actor of @a after the other; the last has sent nothing */
		if (i < 3)
			client_cast(a, &to, "last", NULL);
		client_expect_nothing(b);
		wire_put_exit(&a->out, linked, client_ref(a, i), i, body.data, body.size_bytes);
		client_send(a);
		if (i < 3)
			assert_true(str_is(client_expect(b, WIRE_CAST).method, "last"));
		client_expect(b, WIRE_EXIT);
	}
	buf_deinit(&body);
	client_expect_nothing(b); /* what others have sent waits on */
}

static void test_a_foreign_pause_ends_the_link(void **state)
{
	actor_ref ref = client_ref(b, 1);

	wire_put_pause(&a->out, &ref);
	client_send(a);
	client_expect(a, WIRE_BYE);
}

/* ---- casts of who has left ---- */

/*
 * A tool sends and ends just after the broker was restarted. What it has sent waits until the receiver has
 * announced itself.
 */
static void test_casts_that_wait_for_the_recovery_outlive_their_sender(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *tool, *target;
	struct wire_dest by_name = to_name("n"), by_ref;
	uint64_t id;

	client_tell(s, "groups", pack(&w, "a2a1ua0", UINT64_C(17)));
	for (int how = 0; how < 2; how++) {
		tool = world_newcomer(&w, "tool");
		by_ref = to_ref((actor_ref){WORLD_NODE, 17, 1});
		client_cast(tool, how ? &by_ref : &by_name, "one", pack(&w, "a0"));
		client_cast(tool, how ? &by_ref : &by_name, "two", pack(&w, "a0"));
		/* Nobody is left who could get the answer to this call. */
		(void)client_call(tool, how ? &by_ref : &by_name, "asked", pack(&w, "a0"));
		if (how)
			client_break(tool);
		else
			client_bye(tool);
	}

	target = world_supervised(&w, 17, "target");
	id = client_ask(target, "announce", pack(&w, "a3a1a2sra0a0", "n", client_ref(target, 1)));
	client_expect(target, WIRE_REPLY);
	client_expect_nil(target, client_ask(target, "announced", pack(&w, "a0")));
	(void)id;
	for (int how = 0; how < 2; how++) {
		struct wire_frame frame = client_expect(target, WIRE_CAST);

		assert_true(str_is(frame.method, "one"));
		assert_true(actor_ref_equal(frame.to.ref, client_ref(target, 1)));
		frame = client_expect(target, WIRE_CAST);
		assert_true(str_is(frame.method, "two"));
	}
	client_expect_nothing(target);
}

static void test_of_casts_whose_sender_has_left_16_mib_wait_and_what_is_lost_is_said(void **state)
{
	struct wire_dest to = to_name("n");
	char *data = calloc(1, 1000000);
	struct buf args = BUF_INIT;

	assert_non_null(data);
	mp_put_array(&args, 1);
	mp_put_bin(&args, data, 1000000);
	for (int t = 0; t < 2; t++) {
		struct client *tool = world_newcomer(&w, "tool");

		for (int i = 0; i < 10; i++)
			client_cast(tool, &to, "m", &args);
		assert_int_equal(w.n_logged, 0);
		client_bye(tool);
	}
	assert_non_null(strstr(w.log, "4 casts of group"));
	assert_int_equal(broker_stats(w.broker).waiting, 16);
	buf_deinit(&args);
	free(data);
}

static void test_casts_that_wait_are_forgotten_with_the_broker(void **state)
{
	struct client *tool = world_newcomer(&w, "tool");
	struct wire_dest to = to_name("n");

	client_cast(tool, &to, "one", pack(&w, "a0"));
	client_bye(tool);
	/* The teardown frees the broker, and the sanitizer looks for leaks. */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
		T(test_a_call_by_ref_is_passed_on_unchanged_and_answered),
		T(test_a_name_is_replaced_by_the_ref),
		cmocka_unit_test_setup_teardown(test_casts_that_wait_for_the_recovery_outlive_their_sender,
			world_setup_with_window, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_of_casts_whose_sender_has_left_16_mib_wait_and_what_is_lost_is_said,
			world_setup_with_window, world_teardown),
		cmocka_unit_test_setup_teardown(test_casts_that_wait_are_forgotten_with_the_broker,
			world_setup_with_window, world_teardown),
		T(test_a_message_that_the_ref_makes_too_long_is_refused_as_too_big),
		T(test_an_answer_that_nobody_waits_for_goes_nowhere),
		T(test_only_the_one_who_was_asked_can_answer),
		T(test_who_answers_for_somebody_else_loses_its_link),
		T(test_another_actor_of_the_group_that_was_asked_cannot_answer),
		T(test_a_group_answers_for_an_actor_that_it_no_longer_has),
		T(test_an_answer_after_the_deadline_is_no_offence),
		T(test_a_call_to_nobody_is_answered_at_once),
		T(test_open_calls_end_with_the_group),
		T(test_open_calls_end_with_bye_as_down),
		T(test_a_monitor_fires_once_with_the_end_of_the_group),
		T(test_a_monitor_of_a_whole_group_is_kept_by_the_broker),
		T(test_a_monitor_of_a_whole_group_outlives_its_link_and_has_the_true_cause),
		T(test_a_down_that_passed_is_not_followed_by_another),
		T(test_after_demonitor_nothing_comes),
		T(test_names_are_free_before_anybody_hears_of_the_end),
		T(test_the_monitored_hears_of_the_end_of_its_watcher),
		T(test_order_holds_from_one_group_to_another),
		T(test_a_forged_sender_ends_the_link),
		T(test_a_cast_may_come_from_nobody),
		T(test_malformed_bytes_end_only_that_link),
		T(test_unknown_frames_are_skipped),
		T(test_a_call_id_in_use_ends_the_link),
		T(test_expired_calls_are_forgotten),
		T(test_calls_that_nobody_answers_are_forgotten_at_their_deadline),
		T(test_a_call_whose_deadline_is_past_is_forgotten_at_once),
		T(test_a_paused_actor_gets_nothing_until_it_resumes),
		T(test_a_paused_group_still_gets_answers),
		T(test_what_a_paused_actor_had_waiting_does_not_overtake_the_pause_of_its_group),
		T(test_a_stop_reaches_an_actor_that_is_paused),
		T(test_the_end_of_a_group_comes_after_what_was_held_of_it),
		T(test_the_end_of_an_actor_comes_after_what_was_held_of_it),
		T(test_each_exit_comes_after_what_was_held_of_its_sender),
		T(test_a_foreign_pause_ends_the_link),
	};

	return run_facts(tests);
}

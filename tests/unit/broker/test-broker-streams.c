/* SPDX-License-Identifier: Apache-2.0 */
/* Streams through the broker, and calls whose callers give up. */
#include "tests/unit/broker/broker-fact.h"

static struct client *a, *b;

static int setup(void **state)
{
	world_init(&w, 0, NULL);
	a = world_newcomer(&w, "a");
	b = world_newcomer(&w, "b");
	return 0;
}

static uint64_t stream_with(struct wire_credit credit, int64_t deadline_us)
{
	struct wire_dest to = to_ref(client_ref(b, 1));
	static uint64_t id = 1000;

	wire_put_stream_call(
		&a->out, &to, client_ref(a, 1), wire_cstr("list"), NULL, 0, ++id, deadline_us, credit, NULL);
	client_send(a);
	assert_true(client_expect(b, WIRE_CALL).wants_stream);
	return id;
}

static uint64_t stream_of_b(int64_t deadline_us)
{
	return stream_with((struct wire_credit){2, 100}, deadline_us);
}

static void put_item(struct client *who, uint64_t serial, uint64_t id)
{
	wire_put_item(&who->out, client_ref(a, 1), client_ref(who, serial), id, "\x2a", 1);
	client_send(who);
}

static void expect_cancel(struct client *who, actor_ref to, actor_ref from, uint64_t id)
{
	struct wire_frame frame = client_expect(who, WIRE_CANCEL);

	assert_int_equal(frame.id, id);
	assert_true(actor_ref_equal(frame.to.ref, to));
	assert_true(actor_ref_equal(frame.from, from));
}

static void test_items_pass_before_the_one_answer_and_credit_passes_back(void **state)
{
	uint64_t id = stream_of_b(0);
	struct wire_frame frame;

	for (int i = 0; i < 3; i++) {
		put_item(b, 1, id);
		frame = client_expect(a, WIRE_ITEM);
		assert_true(frame.id == id && frame.body[0] == 42);
		/* The ref of a call by a name is not known: the broker knows it. */
		wire_put_credit(&a->out, i ? client_ref(b, 1) : ACTOR_NOBODY, client_ref(a, 1), id,
			(struct wire_credit){(uint64_t)i + 3, 100});
		client_send(a);
		frame = client_expect(b, WIRE_CREDIT);
		assert_true(
			frame.id == id && frame.credit.items == (uint64_t)i + 3 && frame.credit.bytes == 100);
		assert_true(actor_ref_equal(frame.to.ref, client_ref(b, 1)));
	}
	assert_int_equal(broker_stats(w.broker).calls, 1);
	wire_put_stream_reply(&b->out, client_ref(a, 1), client_ref(b, 1), id, NULL, 0, 3, NULL);
	client_send(b);
	assert_int_equal(client_expect(a, WIRE_REPLY).n_items, 3);
	assert_int_equal(broker_stats(w.broker).calls, 0);
	/* An item after the end is for nobody, and its sender hears that; credit after it means nothing. */
	put_item(b, 1, id);
	expect_cancel(b, client_ref(b, 1), client_ref(a, 1), id);
	client_expect_nothing(a);
	wire_put_credit(&a->out, client_ref(b, 1), client_ref(a, 1), id, (struct wire_credit){9, 9});
	client_send(a);
	client_expect_nothing(b);
}

static void test_cancel_goes_to_whom_the_broker_asked_and_closes_the_call(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 1));
	uint64_t id = client_call(a, &to, "add", NULL);

	client_expect(b, WIRE_CALL);
	for (int i = 0; i < 2; i++) {
		wire_put_cancel(&a->out, ACTOR_NOBODY, client_ref(a, 1), id);
		client_send(a);
	}
	expect_cancel(b, client_ref(b, 1), client_ref(a, 1), id);
	client_expect_nothing(b);
	assert_int_equal(broker_stats(w.broker).calls, 0);
	wire_put_reply(&b->out, client_ref(a, 1), client_ref(b, 1), id, NULL, 0);
	client_send(b);
	client_expect_nothing(a);
}

static void test_deadline_and_end_of_the_caller_cancel_what_it_asked(void **state)
{
	uint64_t id = stream_of_b(w.now_ns / 1000 + 50000);

	world_advance(&w, 51 * MS);
	expect_cancel(b, client_ref(b, 1), client_ref(a, 1), id);
	id = stream_of_b(0);
	client_bye(a);
	expect_cancel(b, client_ref(b, 1), client_ref(a, 1), id);
	assert_int_equal(broker_stats(w.broker).calls, 0);
}

static void test_end_of_the_producers_group_ends_its_streams_once(void **state)
{
	uint64_t id = stream_of_b(0);

	put_item(b, 1, id);
	client_expect(a, WIRE_ITEM);
	client_bye(b);
	assert_int_equal(client_expect(a, WIRE_ERROR).id, id);
	assert_int_equal(broker_stats(w.broker).calls, 0);
}

static void test_items_of_a_foreign_group_cost_it_its_link(void **state)
{
	struct client *c = world_newcomer(&w, "c");
	uint64_t id = stream_of_b(0);

	put_item(c, 1, id);
	client_expect_nothing(a);
	client_expect(c, WIRE_BYE);
	put_item(b, 1, id);
	client_expect(a, WIRE_ITEM);
	put_item(b, 2, id); /* nor may another actor of the group that was asked */
	client_expect(b, WIRE_BYE);
}

static void give_credit(uint64_t id, uint64_t items, uint64_t bytes)
{
	wire_put_credit(&a->out, client_ref(b, 1), client_ref(a, 1), id, (struct wire_credit){items, bytes});
	client_send(a);
	client_expect(b, WIRE_CREDIT);
}

/* @id: takes one more byte, by its credit. */
static void expect_the_next_to_be_beyond(uint64_t id)
{
	put_item(b, 1, id);
	client_expect(a, WIRE_ITEM);
	put_item(b, 1, id);
	client_expect(b, WIRE_BYE);
	/* a group of a newcomer ends with its link */
	assert_int_equal(client_expect(a, WIRE_ERROR).id, id);
	client_expect(a, WIRE_CAST); /* group_down */
	assert_int_equal(broker_stats(w.broker).calls, 0);
	b = world_newcomer(&w, "b");
}

static void test_items_beyond_the_credit_cost_their_sender_its_link(void **state)
{
	uint64_t id = stream_with((struct wire_credit){1, 100}, 0);

	expect_the_next_to_be_beyond(id);
	id = stream_with((struct wire_credit){100, 1}, 0);
	expect_the_next_to_be_beyond(id);
	/* Credit that falls counts as before, and each number counts by itself. */
	id = stream_with((struct wire_credit){1, 1}, 0);
	give_credit(id, 2, 0);
	give_credit(id, 0, 2);
	put_item(b, 1, id);
	client_expect(a, WIRE_ITEM);
	expect_the_next_to_be_beyond(id);
	id = stream_with((struct wire_credit){0, 0}, 0);
	give_credit(id, UINT64_MAX, UINT64_MAX);
	give_credit(id, 1, 1);
	for (int i = 0; i < 3; i++) {
		put_item(b, 1, id);
		client_expect(a, WIRE_ITEM);
	}
}

static void test_items_of_a_call_that_is_no_stream_cost_their_sender_its_link(void **state)
{
	struct wire_dest to = to_ref(client_ref(b, 1));
	uint64_t id = client_call(a, &to, "add", NULL);

	client_expect(b, WIRE_CALL);
	give_credit(id, 9, 9); /* which makes no stream of it */
	put_item(b, 1, id);
	client_expect(b, WIRE_BYE);
	assert_int_equal(client_expect(a, WIRE_ERROR).id, id);
}

static void test_items_that_are_not_read_end_the_stream_and_cost_no_memory(void **state)
{
	static uint8_t value[1u << 20] = {0xc6, 0, 0x0f, 0xff, 0xfb}; /* a bin that fills it */
	uint64_t id = stream_with((struct wire_credit){UINT64_MAX, UINT64_MAX}, 0);
	struct wire_frame frame;
	size_t n = 0;

	do {
		wire_put_item(&b->out, client_ref(a, 1), client_ref(b, 1), id, value, sizeof(value));
		client_send(b);
		n++;
	} while (n < 1000 && !client_next(b, &frame));
	assert_int_equal(frame.type, WIRE_CANCEL);
	assert_int_equal(frame.id, id);
	assert_true(n < 100);
	assert_int_equal(broker_stats(w.broker).calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
		T(test_items_pass_before_the_one_answer_and_credit_passes_back),
		T(test_cancel_goes_to_whom_the_broker_asked_and_closes_the_call),
		T(test_deadline_and_end_of_the_caller_cancel_what_it_asked),
		T(test_end_of_the_producers_group_ends_its_streams_once),
		T(test_items_of_a_foreign_group_cost_it_its_link),
		T(test_items_beyond_the_credit_cost_their_sender_its_link),
		T(test_items_of_a_call_that_is_no_stream_cost_their_sender_its_link),
		T(test_items_that_are_not_read_end_the_stream_and_cost_no_memory),
	};

	return run_facts(tests);
}

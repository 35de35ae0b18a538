/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group's pipe takes nothing any more. After the stall time-out, what is sent to the group is refused; the
 * group is neither ended nor cut.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/broker/broker-fact.h"

#define STALL (BROKER_STALL_MS * MS)

static struct client *a, *b, *c;
static struct wire_dest to;
static struct buf args = BUF_INIT;
static char *data;

static int setup(void **state)
{
	world_init(&w, 0, NULL);
	a = world_newcomer(&w, "a");
	b = world_newcomer(&w, "b");
	c = world_newcomer(&w, "c");
	to = to_ref(client_ref(b, 1));
	data = calloc(1, 500000);
	mp_put_array(&args, 1);
	mp_put_bin(&args, data, 500000);
	return 0;
}

static int teardown(void **state)
{
	free(data);
	buf_deinit(&args);
	args = (struct buf)BUF_INIT;
	world_deinit(&w);
	return 0;
}

/* Fills the pipe of b, which does not read. Three frames go to the pipe, the others are parked. */
static void fill(int n)
{
	for (int i = 0; i < n; i++)
		client_cast(a, &to, "m", &args);
}

static int read_all(struct client *client)
{
	struct wire_frame frame;
	int n = 0;

	for (broker_flush(w.broker); client_next(client, &frame); broker_flush(w.broker))
		n++;
	return n;
}

static void test_what_waits_is_dropped_after_the_stall_timeout_and_not_before(void **state)
{
	fill(8);
	world_advance(&w, STALL - MS);
	assert_int_equal(broker_stats(w.broker).stalls, 0);
	world_advance(&w, MS);
	assert_int_equal(broker_stats(w.broker).stalls, 1);
	assert_int_equal(broker_stats(w.broker).dropped, 5);
	assert_false(b->closed);
	assert_int_equal(read_all(b), 3); /* the ones in its pipe */
}

static void test_one_line_names_group_pid_slot_limit_used_and_top_sender(void **state)
{
	char who[64], top[64];

	client_cast(c, &to, "m", NULL);
	fill(8);
	/* The top sender is not the one that sent last. */
	client_cast(c, &to, "m", NULL);
	world_advance(&w, 3 * STALL);
	/* The first line says after 2 s that b does not read; the second one is of the stall. */
	assert_int_equal(w.n_logged, 2);
	snprintf(who, sizeof(who), "group %llu 'b' (pid %d)", (unsigned long long)b->group, (int)b->pid);
	snprintf(top, sizeof(top), "top sender group %llu 'a' (pid %d)", (unsigned long long)a->group,
		(int)a->pid);
	assert_non_null(strstr(w.log, who));
	assert_non_null(strstr(w.log, top));
	assert_non_null(strstr(w.log, "unread bytes 40"));
	assert_non_null(strstr(w.log, "limit 1048576"));
}

static void test_calls_that_wait_are_answered_overloaded(void **state)
{
	uint64_t id;

	fill(4);
	id = client_call(c, &to, "m", NULL);
	client_expect(c, WIRE_PAUSE);
	client_expect_nothing(c);
	world_advance(&w, STALL);
	client_expect_error(c, id, "overloaded");
	client_expect(c, WIRE_RESUME);
	assert_int_equal(broker_stats(w.broker).calls, 0);
	assert_int_equal(broker_stats(w.broker).refused_calls, 1);
}

static void test_senders_go_on_and_what_they_send_is_refused_at_once(void **state)
{
	uint64_t id;

	fill(6);
	client_expect(a, WIRE_PAUSE);
	world_advance(&w, STALL);
	assert_true(actor_ref_equal(client_expect(a, WIRE_RESUME).to.ref, client_ref(b, 1)));
	id = client_call(a, &to, "m", NULL);
	client_expect_error(a, id, "overloaded");
	client_cast(a, &to, "m", NULL);
	client_expect_nothing(a); /* nobody is told to pause for what is refused */
	assert_int_equal(broker_stats(w.broker).dropped, 4);
	client_cast(a, &(struct wire_dest){.ref = client_ref(c, 1)}, "m", NULL);
	client_expect(c, WIRE_CAST); /* others get their frames */
}

static void test_who_reads_again_is_a_member_as_before(void **state)
{
	uint64_t id;

	client_expect_nil(b, client_ask(b, "register", pack(&w, "a2sr", "name", client_ref(b, 1))));
	fill(6);
	world_advance(&w, 2 * STALL);
	assert_int_equal(broker_stats(w.broker).stalls, 1);
	assert_int_equal(read_all(a), 2); /* `pause` and `resume`, but no word of an end of b */
	id = client_ask(a, "whereis", pack(&w, "a1s", "name"));
	assert_true(actor_ref_equal(client_expect_ref(a, id), client_ref(b, 1)));
	assert_int_equal(read_all(b), 3);
	id = client_call(a, &to, "m", NULL);
	assert_int_equal(client_expect(b, WIRE_CALL).id, id);
	wire_put_reply(&b->out, client_ref(a, 1), client_ref(b, 1), id, NULL, 0);
	client_send(b);
	client_expect_nil(a, id);
	assert_int_equal(broker_stats(w.broker).ended, 0);
	assert_int_equal(broker_stats(w.broker).cut, 0);
}

static void test_who_reads_slowly_is_not_stalled(void **state)
{
	struct wire_frame frame;

	fill(8);
	for (int i = 0; i < 3; i++) {
		world_advance(&w, STALL - MS);
		assert_true(client_next(b, &frame));
	}
	assert_int_equal(broker_stats(w.broker).stalls, 0);
	world_advance(&w, STALL - 2 * MS);
	assert_int_equal(broker_stats(w.broker).stalls, 0);
	assert_int_equal(read_all(b), 5);
	assert_int_equal(broker_stats(w.broker).dropped, 0);
}

static void test_a_part_that_is_read_ends_the_stall(void **state)
{
	struct wire_frame frame;

	fill(6);
	world_advance(&w, STALL);
	assert_true(client_next(b, &frame)); /* two more are in the pipe */
	world_advance(&w, STALL);
	client_cast(a, &to, "small", NULL);
	assert_int_equal(broker_stats(w.broker).dropped, 3);
	assert_int_equal(read_all(b), 3);
}

static void test_answers_and_news_of_the_broker_are_kept_in_order(void **state)
{
	struct wire_dest c_dest = to_ref(client_ref(c, 1));
	uint64_t id, asked;

	asked = client_ask(b, "whereis", pack(&w, "a1s", "name"));
	client_expect_nil(b, asked);
	id = client_call(b, &c_dest, "m", NULL);
	client_expect(c, WIRE_CALL);
	fill(5);
	client_expect_nil(c, client_ask(c, "register", pack(&w, "a2sr", "name", client_ref(c, 1))));
	wire_put_reply(&c->out, client_ref(b, 1), client_ref(c, 1), id, NULL, 0);
	client_send(c);
	fill(1);
	world_advance(&w, STALL);
	for (int i = 0; i < 3; i++)
		client_expect(b, WIRE_CAST);
	client_expect_cast(b, "name");
	client_expect_nil(b, id);
	client_expect_nothing(b);
}

static void test_who_calls_itself_and_stalls_is_answered_behind_the_rest(void **state)
{
	uint64_t id;

	fill(4);
	id = client_call(b, &to, "m", NULL);
	world_advance(&w, STALL);
	for (int i = 0; i < 3; i++)
		client_expect(b, WIRE_CAST);
	client_expect(b, WIRE_PAUSE);
	client_expect_error(b, id, "overloaded");
	client_expect(b, WIRE_RESUME);
	client_expect_nothing(b);
}

static void test_what_is_held_for_a_paused_actor_goes_too(void **state)
{
	actor_ref paused = client_ref(b, 2);
	struct wire_dest other = to_ref(paused);

	wire_put_pause(&b->out, &paused);
	client_send(b);
	client_cast(c, &other, "m", NULL);
	client_expect(c, WIRE_PAUSE);
	fill(4);
	world_advance(&w, STALL);
	client_expect(c, WIRE_RESUME);
	assert_int_equal(broker_stats(w.broker).dropped, 2);
	assert_int_equal(read_all(b), 3);
	client_cast(c, &other, "m", NULL); /* the actor is still paused */
	client_expect(c, WIRE_PAUSE);
	client_expect_nothing(b);
	wire_put_resume(&b->out, &paused);
	client_send(b);
	client_expect(b, WIRE_CAST);
}

static void test_frames_keep_their_order_over_a_congestion(void **state)
{
	struct wire_dest small = to_ref(client_ref(b, 1));
	struct wire_frame frame;
	char method[8];

	fill(3);
	for (int i = 0; i < 6; i++) {
		snprintf(method, sizeof(method), "n%d", i);
		client_cast(a, &small, method, i % 2 ? &args : NULL);
	}
	wire_put_stop(&a->out, &small, client_ref(a, 1), wire_cstr("over"));
	client_send(a);
	for (int i = 0; i < 3; i++)
		client_expect(b, WIRE_CAST);
	for (int i = 0; i < 6; i++) {
		snprintf(method, sizeof(method), "n%d", i);
		frame = client_expect(b, WIRE_CAST);
		assert_true(str_is(frame.method, method));
	}
	client_expect(b, WIRE_STOP);
	client_expect_nothing(b);
}

static void test_a_lost_link_ends_the_stall(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *d = world_supervised(&w, 17, "d");

	client_tell(s, "groups", pack(&w, "a3a1ua0a1u", UINT64_C(17), UINT64_C(17)));
	to = to_ref(client_ref(d, 1));
	fill(6);
	world_advance(&w, STALL);
	client_break(d);
	d = world_supervised(&w, 17, "d");
	client_cast(a, &to, "m", NULL);
	client_expect(d, WIRE_CAST);
	client_expect_nothing(d);
	world_advance(&w, 3 * STALL);
	assert_int_equal(broker_stats(w.broker).stalls, 1);
}

static void test_a_sender_that_ended_leaves_the_stall_as_it_is(void **state)
{
	fill(6);
	client_bye(a);
	world_advance(&w, STALL);
	assert_non_null(strstr(w.log, "top sender gone"));
	assert_int_equal(read_all(b), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(test_what_waits_is_dropped_after_the_stall_timeout_and_not_before),
		T(test_one_line_names_group_pid_slot_limit_used_and_top_sender),
		T(test_calls_that_wait_are_answered_overloaded),
		T(test_senders_go_on_and_what_they_send_is_refused_at_once),
		T(test_who_reads_again_is_a_member_as_before),
		T(test_who_reads_slowly_is_not_stalled),
		T(test_a_part_that_is_read_ends_the_stall),
		T(test_answers_and_news_of_the_broker_are_kept_in_order),
		T(test_who_calls_itself_and_stalls_is_answered_behind_the_rest),
		T(test_what_is_held_for_a_paused_actor_goes_too),
		T(test_frames_keep_their_order_over_a_congestion),
		T(test_a_lost_link_ends_the_stall),
		T(test_a_sender_that_ended_leaves_the_stall_as_it_is),
	};

	return run_facts(tests);
}

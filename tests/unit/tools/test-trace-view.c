/* SPDX-License-Identifier: Apache-2.0 */
/* What one message causes: copies of frames become a tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/cause.h"
#include "tests/fact.h"
#include "tools/view/trace.h"

#define ID 70

static struct trace trace;

static int setup(void **state)
{
	trace_init(&trace, ID);
	return 0;
}

static int teardown(void **state)
{
	trace_deinit(&trace);
	return 0;
}

static actor_ref ref_of(uint64_t group, uint64_t serial)
{
	return (actor_ref){1, group, serial};
}

/* A copy of a cast of actor 1 of group @from to actor 1 of group @to. */
static struct copy copy_of(const char *path, int64_t at_us, uint64_t span, uint64_t parent, int from, int to)
{
	return (struct copy){.at_us = at_us,
		.path = wire_cstr(path),
		.kind = wire_cstr("cast"),
		.from = ref_of((uint64_t)from, 1),
		.to = ref_of((uint64_t)to, 1),
		.method = wire_cstr("m"),
		.body = (const uint8_t *)"\x91\x05",
		.copied_bytes = 2,
		.trace = {ID, span, parent}};
}

static void see(const char *path, int64_t at_us, uint64_t span, uint64_t parent, int from, int to)
{
	struct copy copy = copy_of(path, at_us, span, parent, from, to);

	assert_int_equal(trace_add(&trace, &copy), 0);
}

static void see_call(const char *path, int64_t at_us, uint64_t span, uint64_t parent, int from, int to)
{
	struct copy copy = copy_of(path, at_us, span, parent, from, to);

	copy.kind = wire_cstr("call");
	assert_int_equal(trace_add(&trace, &copy), 0);
}

static void see_answer(const char *path, int64_t at_us, uint64_t span, const char *error)
{
	struct copy copy = copy_of(path, at_us, span, 0, 2, 1);

	copy.kind = wire_cstr(error ? "error" : "reply");
	copy.method = error ? wire_cstr(error) : (struct wire_str){0};
	copy.text = error ? wire_cstr("why") : (struct wire_str){0};
	copy.body = error ? NULL : (const uint8_t *)"\x07";
	copy.copied_bytes = 1;
	assert_int_equal(trace_add(&trace, &copy), 0);
}

/* @want: "span@depth …" */
static void assert_tree(const char *want)
{
	char got[256] = "";

	trace_arrange(&trace);
	for (size_t i = 0; i < trace.n_spans; i++)
		sprintf(got + strlen(got), "%s%d@%zu", i ? " " : "", (int)trace.spans[i]->span,
			trace.spans[i]->depth);
	assert_string_equal(got, want);
}

static void test_a_cause_stands_before_what_it_causes_whatever_came_first(void **state)
{
	see("direct", 50, 4, 2, 3, 4);
	see("direct", 40, 3, 1, 2, 3);
	see("direct", 20, 2, 1, 2, 3);
	see("broker", 10, 1, 0, 1, 2);
	see("direct", 60, 5, 3, 2, 3);
	assert_tree("1@0 2@1 4@2 3@1 5@2");
}

static void test_copies_of_one_message_are_one_with_its_first_time(void **state)
{
	see("direct", 12, 1, 0, 1, 2);
	see("sent", 10, 1, 0, 1, 2);
	see("broker", 11, 1, 0, 1, 2);
	assert_int_equal(trace.n_spans, 1);
	assert_int_equal(trace.spans[0]->at_us, 10);
	assert_int_equal(trace.spans[0]->n_to, 1);
}

static void test_a_call_has_the_answer_and_the_time_at_which_it_arrived(void **state)
{
	see_call("sent", 10, 1, 0, 1, 2);
	see_answer("sent", 30, 1, NULL);
	see_answer("direct", 35, 1, NULL);
	assert_int_equal(trace.spans[0]->outcome, TRACE_REPLY);
	assert_int_equal(trace.spans[0]->answered_us, 35);
	assert_int_equal(json_integer_value(trace.spans[0]->answer), 7);
	see_call("sent", 40, 2, 0, 1, 2);
	see_answer("sent", 50, 2, "bad");
	assert_int_equal(trace.spans[1]->outcome, TRACE_ERROR);
	assert_string_equal(trace.spans[1]->error, "bad");
	assert_string_equal(json_string_value(trace.spans[1]->answer), "why");
}

static void test_who_was_called_by_a_name_is_known_when_the_broker_knew_it(void **state)
{
	struct copy copy = copy_of("sent", 10, 1, 0, 1, 2);

	copy.to = ACTOR_NOBODY;
	copy.to_name = wire_cstr("store");
	assert_int_equal(trace_add(&trace, &copy), 0);
	assert_int_equal(trace.spans[0]->n_to, 0);
	see("broker", 12, 1, 0, 1, 2);
	assert_string_equal(trace.spans[0]->to_name, "store");
	assert_int_equal(trace.spans[0]->n_to, 1);
	assert_true(actor_ref_equal(trace.spans[0]->to[0], ref_of(2, 1)));
}

static void test_a_cast_to_many_is_one_message_and_has_its_senders_words(void **state)
{
	struct copy copy = copy_of("direct", 30, 1, 0, 1, 3);

	copy.method = wire_cstr("pg_cast");
	copy.to.serial = 0;
	assert_int_equal(trace_add(&trace, &copy), 0);
	see("local", 10, 1, 0, 1, 1);
	see("sent", 11, 1, 0, 1, 2);
	assert_int_equal(trace.n_spans, 1);
	assert_string_equal(trace.spans[0]->method, "m");
	assert_int_equal(trace.spans[0]->n_to, 3);
}

static void test_another_trace_and_what_is_no_message_is_left_out(void **state)
{
	struct copy copy = copy_of("direct", 10, 1, 0, 1, 2);

	copy.trace.id = ID + 1;
	copy.n_missed = 3;
	assert_int_equal(trace_add(&trace, &copy), 0);
	copy.trace = (struct wire_trace){.id = ID};
	assert_int_equal(trace_add(&trace, &copy), 0);
	copy.trace.span = 1;
	copy.kind = wire_cstr("monitor");
	assert_int_equal(trace_add(&trace, &copy), 0);
	assert_int_equal(trace.n_spans, 0);
	assert_int_equal(trace.n_missed, 9);
}

static void test_what_has_a_cause_that_was_not_seen_comes_last(void **state)
{
	see("direct", 10, 7, 99, 1, 2);
	see("direct", 20, 1, 0, 1, 2);
	see("direct", 30, 8, 7, 1, 2);
	assert_tree("1@0 7@0 8@1");
	assert_null(trace.spans[1]->up);
}

static void test_liars_that_cause_each_other_are_shown_once(void **state)
{
	see("direct", 10, 1, 2, 1, 2);
	see("direct", 20, 2, 1, 1, 2);
	see("direct", 30, 3, 3, 1, 2);
	see("direct", 40, 4, 0, 1, 2);
	trace_arrange(&trace);
	assert_int_equal(trace.n_spans, 4);
	assert_int_equal(trace.spans[0]->span, 4);
	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < i; k++)
			assert_ptr_not_equal(trace.spans[i], trace.spans[k]);
}

static void test_a_long_chain_is_no_recursion(void **state)
{
	for (int i = 1; i <= 50000; i++)
		see("local", i, (uint64_t)i, (uint64_t)i - 1, 1, 1);
	trace_arrange(&trace);
	assert_int_equal(trace.spans[49999]->span, 50000);
	assert_int_equal(trace.spans[49999]->depth, 49999);
}

static void test_there_is_an_end_to_what_is_kept(void **state)
{
	for (unsigned i = 1; i <= TRACE_SPANS_MAX + 5; i++)
		see("local", i, i, 0, 1, 1);
	assert_int_equal(trace.n_spans, TRACE_SPANS_MAX);
	assert_int_equal(trace.n_missed, 5);
}

static void test_the_end_of_a_process_says_why_there_is_no_answer(void **state)
{
	struct actor_cause killed = {.kind = ACTOR_EXIT_SIGNAL, .code = 9};

	assert_true(trace_meet(&trace, ref_of(2, 1)));
	assert_false(trace_meet(&trace, ref_of(2, 7)));
	see_call("sent", 10, 1, 0, 1, 2); /* this call has no answer */
	see_call("sent", 11, 2, 0, 1, 2); /* this call has an answer */
	see_answer("direct", 12, 2, NULL);
	see("sent", 13, 3, 0, 1, 2); /* no copy says that this message was taken */
	see("sent", 14, 4, 0, 1, 2); /* the next copy says that this message was taken */
	see("direct", 15, 4, 0, 1, 2);
	/* This message went by the broker, so it is not seen whether it was taken. */
	see("sent", 16, 5, 0, 1, 2);
	see("broker", 17, 5, 0, 1, 2);
	see_call("sent", 18, 6, 0, 1, 3); /* this call goes to a process that does not end here */
	for (int i = 0; i < 6; i++)
		assert_null(trace_lost_in(&trace, trace.spans[i]));
	trace_ended(&trace, 2, &killed);
	assert_string_equal(trace_lost_in(&trace, trace.spans[0])->cause, "SIGKILL");
	assert_null(trace_lost_in(&trace, trace.spans[1]));
	assert_non_null(trace_lost_in(&trace, trace.spans[2]));
	for (int i = 3; i < 6; i++)
		assert_null(trace_lost_in(&trace, trace.spans[i]));
}

static void test_the_callers_own_word_stands_where_no_answer_was_seen(void **state)
{
	see_call("broker", 10, 1, 0, 1, 2);
	see_call("sent", 11, 2, 1, 2, 3);
	see_call("sent", 12, 3, 0, 1, 2);
	see_answer("direct", 13, 3, NULL);
	trace_failed(&trace, ref_of(1, 1), "timeout", "");
	assert_string_equal(trace.spans[0]->error, "timeout");
	assert_int_equal(trace.spans[1]->outcome, TRACE_OPEN);
	assert_int_equal(trace.spans[2]->outcome, TRACE_REPLY);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_cause_stands_before_what_it_causes_whatever_came_first),
		T(test_copies_of_one_message_are_one_with_its_first_time),
		T(test_a_call_has_the_answer_and_the_time_at_which_it_arrived),
		T(test_who_was_called_by_a_name_is_known_when_the_broker_knew_it),
		T(test_a_cast_to_many_is_one_message_and_has_its_senders_words),
		T(test_another_trace_and_what_is_no_message_is_left_out),
		T(test_what_has_a_cause_that_was_not_seen_comes_last),
		T(test_liars_that_cause_each_other_are_shown_once),
		T(test_a_long_chain_is_no_recursion),
		T(test_there_is_an_end_to_what_is_kept),
		T(test_the_end_of_a_process_says_why_there_is_no_answer),
		T(test_the_callers_own_word_stands_where_no_answer_was_seen),
	};

	return run_facts(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The order of starting and stopping. */
#include "tests/unit/supervision/supervision-world.h"

static void test_s1_children_start_in_order_each_after_the_one_before_it_serves(void **state)
{
	struct world *w = *state;
	struct supervision_child_spec spec = spec_of(SUPERVISION_PERMANENT);

	begin(w, otp(SUPERVISION_ONE_FOR_ONE));
	spec.await_ready = true;
	add(w, 'a', spec);
	add_all(w, "bc", SUPERVISION_PERMANENT);
	supervision_start(w->supervision, w->now_ns);
	expect(w, "start a");
	started(w, "a");
	is(w, 'a', UP);
	is(w, 'b', WAITING);
	expect(w, ""); /* `a` is up, but not ready */
	ready(w, 'a');
	expect(w, "start b");
	started(w, "b"); /* `b` has no readiness, so up is enough */
	expect(w, "start c");
	assert_false(supervision_is_running(w->supervision));
	started(w, "c");
	expect(w, "ready");
	assert_true(supervision_is_running(w->supervision));
}

static void test_without_order_all_children_start_at_once_and_ready_comes_when_all_serve(void **state)
{
	struct world *w = *state;
	struct supervision_config config = otp(SUPERVISION_ONE_FOR_ONE);

	config.start_in_order = false;
	begin(w, config);
	add_all(w, "abc", SUPERVISION_PERMANENT);
	supervision_start(w->supervision, w->now_ns);
	expect(w, "start a, start b, start c");
	started(w, "cb");
	expect(w, "");
	started(w, "a");
	expect(w, "ready");
}

static void test_a_supervisor_without_children_is_ready_at_once_and_done_at_once(void **state)
{
	struct world *w = *state;

	begin(w, otp(SUPERVISION_ONE_FOR_ALL));
	supervision_start(w->supervision, w->now_ns);
	expect(w, "ready");
	assert_int_equal(supervision_start(w->supervision, w->now_ns), -EALREADY);
	supervision_shutdown(w->supervision, w->now_ns, false);
	expect(w, "done:shutdown");
	assert_true(supervision_is_done(w->supervision));
	assert_int_equal(supervision_shutdown(w->supervision, w->now_ns, false), -EALREADY);
	assert_int_equal(supervision_start(w->supervision, w->now_ns), -EALREADY);
}

static void test_s2_shutdown_stops_in_reverse_order_one_after_the_other(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ONE), "abc", SUPERVISION_PERMANENT);
	supervision_shutdown(w->supervision, w->now_ns, false);
	expect(w, "stop c:shutdown");
	exited(w, 'c', SHUTDOWN);
	expect(w, "gone c:shutdown, stop b:shutdown");
	exited(w, 'b', CRASH); /* S33: a child that is stopped may exit for any reason */
	expect(w, "gone b:shutdown, stop a:shutdown");
	exited(w, 'a', SHUTDOWN);
	expect(w, "gone a:shutdown, done:shutdown");
	assert_true(supervision_next_deadline(w->supervision) == SUPERVISION_NEVER);
}

static void test_s2_each_child_has_its_own_shutdown_time(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ONE), "ab", SUPERVISION_PERMANENT);
	supervision_shutdown(w->supervision, w->now_ns, false);
	expect(w, "stop b:shutdown");
	assert_int_equal(deadline_in_ms(w), 5000);
	pass_ms(w, 5000);
	expect(w, "kill b:overstayed");
	exited(w, 'b', KILLED);
	expect(w, "gone b:shutdown, stop a:shutdown");
	assert_int_equal(deadline_in_ms(w), 5000);
	exited(w, 'a', SHUTDOWN);
	expect(w, "gone a:shutdown, done:shutdown");
}

static void test_s3_a_first_start_that_fails_stops_the_earlier_ones_and_starts_no_later_one(void **state)
{
	struct world *w = *state;

	begin(w, otp(SUPERVISION_ONE_FOR_ONE));
	add_all(w, "abcd", SUPERVISION_PERMANENT);
	supervision_start(w->supervision, w->now_ns);
	expect(w, "start a");
	started(w, "a");
	expect(w, "start b");
	started(w, "b");
	expect(w, "start c");
	start_failed(w, 'c');
	expect(w, "gone c:start_failed, gone d:shutdown, stop b:shutdown");
	exited(w, 'b', SHUTDOWN);
	expect(w, "gone b:shutdown, stop a:shutdown");
	exited(w, 'a', SHUTDOWN);
	expect(w, "gone a:shutdown, done:start_failed");
}

static void test_s3_an_exit_before_ready_is_a_failed_first_start(void **state)
{
	struct world *w = *state;
	struct supervision_child_spec spec = spec_of(SUPERVISION_PERMANENT);

	begin(w, otp(SUPERVISION_ONE_FOR_ONE));
	spec.await_ready = true;
	add(w, 'a', spec);
	supervision_start(w->supervision, w->now_ns);
	expect(w, "start a");
	started(w, "a");
	exited(w, 'a', NORMAL);
	expect(w, "gone a:start_failed, done:start_failed");
}

static void test_a_failed_first_start_is_retried_with_backoff_where_the_supervisor_says_so(void **state)
{
	struct world *w = *state;
	struct supervision_config config = otp(SUPERVISION_ONE_FOR_ONE);
	struct supervision_child_spec spec = spec_of(SUPERVISION_PERMANENT);

	config.retry_first_start = true;
	begin(w, config);
	spec.backoff = (struct backoff_spec){.min_ms = 100, .max_ms = 1000, .factor = 2};
	add(w, 'a', spec);
	add_all(w, "b", SUPERVISION_PERMANENT);
	supervision_start(w->supervision, w->now_ns);
	expect(w, "start a");
	start_failed(w, 'a');
	expect(w, "");
	is(w, 'a', BACKOFF);
	assert_int_equal(deadline_in_ms(w), 100);
	pass_ms(w, 100);
	expect(w, "start a");
	started(w, "a");
	expect(w, "start b"); /* `b` had to wait for `a` all the while */
}

static void test_s6_a_child_added_later_is_stopped_before_the_older_ones(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ONE), "ab", SUPERVISION_PERMANENT);
	add_all(w, "c", SUPERVISION_PERMANENT);
	is(w, 'c', DOWN);
	expect(w, "");
	supervision_child_start(child(w, 'c'), w->now_ns);
	expect(w, "start c");
	started(w, "c");
	supervision_shutdown(w->supervision, w->now_ns, false);
	expect(w, "stop c:shutdown");
}

static void test_s7_children_can_be_listed_both_ways_and_counted_at_any_time(void **state)
{
	struct world *w = *state;

	begin(w, otp(SUPERVISION_ONE_FOR_ONE));
	assert_null(supervision_first_child(w->supervision));
	add_all(w, "abc", SUPERVISION_PERMANENT);
	assert_ptr_equal(supervision_last_child(w->supervision), child(w, 'c'));
	assert_ptr_equal(supervision_child_prev(child(w, 'c')), child(w, 'b'));
	assert_ptr_equal(supervision_first_child(w->supervision), child(w, 'a'));
	assert_ptr_equal(supervision_child_next(child(w, 'a')), child(w, 'b'));
	assert_null(supervision_child_next(child(w, 'c')));
	assert_int_equal(supervision_count(w->supervision).n_children, 3);
	assert_int_equal(supervision_count(w->supervision).n_live, 0);
	run(w);
	assert_int_equal(supervision_count(w->supervision).n_live, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_s1_children_start_in_order_each_after_the_one_before_it_serves),
		T(test_without_order_all_children_start_at_once_and_ready_comes_when_all_serve),
		T(test_a_supervisor_without_children_is_ready_at_once_and_done_at_once),
		T(test_s2_shutdown_stops_in_reverse_order_one_after_the_other),
		T(test_s2_each_child_has_its_own_shutdown_time),
		T(test_s3_a_first_start_that_fails_stops_the_earlier_ones_and_starts_no_later_one),
		T(test_s3_an_exit_before_ready_is_a_failed_first_start),
		T(test_a_failed_first_start_is_retried_with_backoff_where_the_supervisor_says_so),
		T(test_s6_a_child_added_later_is_stopped_before_the_older_ones),
		T(test_s7_children_can_be_listed_both_ways_and_counted_at_any_time),
	};

	return run_facts_of("supervision, order", tests);
}

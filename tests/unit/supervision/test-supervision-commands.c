/* SPDX-License-Identifier: Apache-2.0 */
/* Stopping, starting and restarting one child. */
#include "tests/unit/supervision/supervision-world.h"

static void test_s30_brutal_kill_kills_at_once_and_waits_without_limit(void **state)
{
	struct world *w = *state;
	struct supervision_child_spec spec = spec_of(SUPERVISION_PERMANENT);

	begin(w, otp(SUPERVISION_ONE_FOR_ONE));
	spec.shutdown_ms = SUPERVISION_BRUTAL_KILL;
	add(w, 'a', spec);
	run(w);
	supervision_child_stop(child(w, 'a'), w->now_ns);
	expect(w, "kill a:command");
	assert_true(supervision_next_deadline(w->supervision) == SUPERVISION_NEVER);
	pass_ms(w, 100000000);
	expect(w, "");
	is(w, 'a', STOPPING);
	exited(w, 'a', KILLED);
	expect(w, "gone a:command");
}

static void test_s31_one_that_overstays_its_shutdown_time_is_killed_then_waited_for(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ONE), "a", SUPERVISION_PERMANENT);
	supervision_child_stop(child(w, 'a'), w->now_ns);
	expect(w, "stop a:command");
	assert_int_equal(deadline_in_ms(w), 5000);
	pass_ms(w, 4999);
	expect(w, "");
	pass_ms(w, 1);
	expect(w, "kill a:overstayed");
	pass_ms(w, 100000);
	expect(w, "");
	exited(w, 'a', KILLED);
	expect(w, "gone a:command");
	assert_true(w->last_gone.killed);
}

static void test_s31_a_shutdown_time_of_0_is_stop_then_kill_at_the_next_look_at_the_clock(void **state)
{
	struct world *w = *state;
	struct supervision_child_spec spec = spec_of(SUPERVISION_PERMANENT);

	begin(w, otp(SUPERVISION_ONE_FOR_ONE));
	spec.shutdown_ms = 0;
	add(w, 'a', spec);
	run(w);
	supervision_child_stop(child(w, 'a'), w->now_ns);
	expect(w, "stop a:command");
	pass_ms(w, 0);
	expect(w, "kill a:overstayed");
}

static void test_s32_infinity_waits_for_ever(void **state)
{
	struct world *w = *state;
	struct supervision_child_spec spec = spec_of(SUPERVISION_PERMANENT);

	begin(w, otp(SUPERVISION_ONE_FOR_ONE));
	spec.shutdown_ms = SUPERVISION_INFINITY;
	add(w, 'a', spec);
	run(w);
	supervision_child_stop(child(w, 'a'), w->now_ns);
	expect(w, "stop a:command");
	assert_true(supervision_next_deadline(w->supervision) == SUPERVISION_NEVER);
	pass_ms(w, 100000000);
	expect(w, "");
}

static void test_s33_a_crash_while_being_stopped_is_not_restarted_and_costs_nothing(void **state)
{
	struct world *w = *state;
	struct supervision_config config = otp(SUPERVISION_ONE_FOR_ONE);

	config.intensity = 0;
	begin_run(w, config, "a", SUPERVISION_PERMANENT);
	supervision_child_stop(child(w, 'a'), w->now_ns);
	expect(w, "stop a:command");
	exited(w, 'a', CRASH);
	expect(w, "gone a:command");
	assert_int_equal(w->last_gone.exit, CRASH);
	assert_true(supervision_is_running(w->supervision));
}

static void test_s34_an_exit_before_the_stop_was_taken_takes_the_stop_back(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ONE), "a", SUPERVISION_PERMANENT);
	supervision_child_stop(child(w, 'a'), w->now_ns);
	exited(w, 'a', CRASH);
	expect(w, "gone a:command");
}

static void test_s35_stop_keeps_the_spec_but_a_temporary_one_and_is_idempotent(void **state)
{
	struct world *w = *state;

	begin(w, otp(SUPERVISION_ONE_FOR_ONE));
	add_all(w, "a", SUPERVISION_PERMANENT);
	add_all(w, "t", SUPERVISION_TEMPORARY);
	run(w);
	assert_int_equal(supervision_child_stop(child(w, 'a'), w->now_ns), 1);
	assert_int_equal(supervision_child_stop(child(w, 'a'), w->now_ns), 1);
	expect(w, "stop a:command");
	exited(w, 'a', SHUTDOWN);
	expect(w, "gone a:command");
	assert_int_equal(supervision_child_stop(child(w, 'a'), w->now_ns), 0);
	expect(w, "");
	assert_int_equal(supervision_child_stop(child(w, 't'), w->now_ns), 1);
	expect(w, "stop t:command");
	exited(w, 't', SHUTDOWN);
	assert_int_equal(supervision_child_stop(child(w, 't'), w->now_ns), -ESRCH);
	assert_int_equal(supervision_child_start(child(w, 't'), w->now_ns), -ESRCH);
	assert_int_equal(supervision_child_restart(child(w, 't'), w->now_ns), -ESRCH);
	assert_int_equal(supervision_child_remove(child(w, 't')), -ESRCH);
	assert_int_equal(supervision_child_exited(child(w, 't'), w->now_ns, CRASH), -EINVAL);
	expect(w, "gone t:command*");
	assert_int_equal(supervision_count(w->supervision).n_children, 1);
}

static void test_s36_start_of_a_stopped_child_starts_it_and_of_a_running_one_is_ealready(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ONE), "a", SUPERVISION_PERMANENT);
	assert_int_equal(supervision_child_start(child(w, 'a'), w->now_ns), -EALREADY);
	supervision_child_stop(child(w, 'a'), w->now_ns);
	exited(w, 'a', SHUTDOWN);
	expect(w, "gone a:command");
	assert_int_equal(supervision_child_start(child(w, 'a'), w->now_ns), 0);
	assert_int_equal(supervision_child_start(child(w, 'a'), w->now_ns), -EALREADY);
	expect(w, "start a");
	assert_int_equal(child(w, 'a')->n_restarts, 0);
}

static void test_s36_a_start_by_command_that_fails_keeps_the_spec_and_is_not_retried(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ONE), "a", SUPERVISION_PERMANENT);
	supervision_child_stop(child(w, 'a'), w->now_ns);
	exited(w, 'a', SHUTDOWN);
	expect(w, "gone a:command");
	supervision_child_start(child(w, 'a'), w->now_ns);
	expect(w, "start a");
	start_failed(w, 'a');
	expect(w, "gone a:start_failed");
	is(w, 'a', DOWN);
	assert_true(supervision_is_running(w->supervision));
}

static void test_s37_only_a_child_that_is_down_can_be_removed(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ONE), "ab", SUPERVISION_PERMANENT);
	assert_int_equal(supervision_child_remove(child(w, 'a')), -EBUSY);
	supervision_child_stop(child(w, 'a'), w->now_ns);
	expect(w, "stop a:command");
	assert_int_equal(supervision_child_remove(child(w, 'a')), -EBUSY);
	exited(w, 'a', SHUTDOWN);
	assert_int_equal(supervision_child_remove(child(w, 'a')), 0);
	expect(w, "");
	assert_int_equal(supervision_count(w->supervision).n_children, 1);
	assert_ptr_equal(supervision_first_child(w->supervision), child(w, 'b'));
}

static void test_s38_a_new_child_whose_start_fails_is_not_kept(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ONE), "a", SUPERVISION_PERMANENT);
	add_all(w, "b", SUPERVISION_PERMANENT);
	supervision_child_start(child(w, 'b'), w->now_ns);
	expect(w, "start b");
	start_failed(w, 'b');
	expect(w, "gone b:start_failed*");
	assert_int_equal(supervision_count(w->supervision).n_children, 1);
	is(w, 'a', UP);
}

static void test_s40_counts_hold_while_restarts_fail(void **state)
{
	struct world *w = *state;
	struct supervision_child_spec spec = spec_of(SUPERVISION_PERMANENT);

	begin(w, otp(SUPERVISION_ONE_FOR_ONE));
	spec.backoff = BACKOFF_DEFAULT;
	add(w, 'a', spec);
	add(w, 'b', spec);
	run(w);
	exited(w, 'a', CRASH);
	expect(w, "start a");
	assert_int_equal(supervision_count(w->supervision).n_live, 2);
	start_failed(w, 'a');
	assert_int_equal(supervision_count(w->supervision).n_live, 1);
	assert_int_equal(supervision_count(w->supervision).n_children, 2);
	is(w, 'a', BACKOFF);
}

static void test_a_shutdown_takes_back_a_readiness_that_was_not_told(void **state)
{
	struct world *w = *state;

	begin(w, otp(SUPERVISION_ONE_FOR_ONE));
	add_all(w, "a", SUPERVISION_PERMANENT);
	supervision_start(w->supervision, w->now_ns);
	expect(w, "start a");
	started(w, "a"); /* `ready` is wanted now, but was not taken */
	supervision_shutdown(w->supervision, w->now_ns, false);
	expect(w, "stop a:shutdown");
	exited(w, 'a', SHUTDOWN);
	expect(w, "gone a:shutdown, done:shutdown");
}

static void test_a_start_by_command_begins_the_backoff_anew(void **state)
{
	struct world *w = *state;
	struct supervision_child_spec spec = spec_of(SUPERVISION_PERMANENT);

	begin(w, flat());
	spec.backoff = (struct backoff_spec){.min_ms = 100, .max_ms = 100000, .factor = 2};
	add(w, 'a', spec);
	supervision_start(w->supervision, w->now_ns);
	expect(w, "start a");
	for (int i = 0; i < 5; i++) {
		start_failed(w, 'a');
		pass_ms(w, deadline_in_ms(w) + 1);
		expect(w, "start a");
	}
	start_failed(w, 'a');
	assert_true(deadline_in_ms(w) > 1000);
	supervision_child_stop(child(w, 'a'), w->now_ns);
	supervision_child_start(child(w, 'a'), w->now_ns);
	expect(w, "gone a:command, start a, ready");
	started(w, "a");
	exited(w, 'a', CRASH); /* the child had served, so its first failure costs no wait */
	expect(w, "start a");
}

static void test_s41_a_slow_stop_delays_nobody_else_in_one_for_one(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ONE), "abc", SUPERVISION_PERMANENT);
	supervision_child_stop(child(w, 'b'), w->now_ns);
	expect(w, "stop b:command");
	exited(w, 'a', CRASH);
	expect(w, "start a");
	supervision_child_restart(child(w, 'c'), w->now_ns);
	expect(w, "stop c:restart");
	exited(w, 'c', SHUTDOWN);
	expect(w, "start c");
	is(w, 'b', STOPPING);
}

static void test_restart_of_a_running_child_is_stop_then_start_and_costs_nothing(void **state)
{
	struct world *w = *state;
	struct supervision_config config = otp(SUPERVISION_ONE_FOR_ALL);

	config.intensity = 0;
	begin_run(w, config, "ab", SUPERVISION_PERMANENT);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(supervision_child_restart(child(w, 'a'), w->now_ns), 0);
		expect(w, "stop a:restart");
		assert_int_equal(supervision_child_restart(child(w, 'a'), w->now_ns), 0);
		expect(w, "");
		exited(w, 'a', CRASH);
		expect(w, "start a");
		started(w, "a");
	}
	is(w, 'b', UP);
	assert_int_equal(child(w, 'a')->n_restarts, 0);
}

static void test_restart_of_a_child_that_is_down_starts_it(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ONE), "a", SUPERVISION_TRANSIENT);
	exited(w, 'a', NORMAL);
	expect(w, "gone a:ended");
	assert_int_equal(supervision_child_restart(child(w, 'a'), w->now_ns), 0);
	assert_int_equal(supervision_child_restart(child(w, 'a'), w->now_ns), 0);
	expect(w, "start a");
}

static void test_the_last_command_wins_while_a_child_stops(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ONE), "a", SUPERVISION_PERMANENT);
	supervision_child_stop(child(w, 'a'), w->now_ns);
	expect(w, "stop a:command");
	assert_int_equal(supervision_child_start(child(w, 'a'), w->now_ns), 0);
	assert_int_equal(supervision_child_start(child(w, 'a'), w->now_ns), -EALREADY);
	exited(w, 'a', SHUTDOWN);
	expect(w, "start a");
	started(w, "a");
	supervision_child_restart(child(w, 'a'), w->now_ns);
	supervision_child_stop(child(w, 'a'), w->now_ns);
	expect(w, "stop a:command");
	exited(w, 'a', SHUTDOWN);
	expect(w, "gone a:command");
}

static void test_a_start_that_nobody_has_taken_is_taken_back_by_a_stop(void **state)
{
	struct world *w = *state;

	begin(w, otp(SUPERVISION_ONE_FOR_ONE));
	supervision_start(w->supervision, w->now_ns);
	add_all(w, "a", SUPERVISION_PERMANENT);
	supervision_child_start(child(w, 'a'), w->now_ns);
	assert_int_equal(supervision_child_started(child(w, 'a'), w->now_ns), -EINVAL);
	assert_int_equal(supervision_child_exited(child(w, 'a'), w->now_ns, CRASH), -EINVAL);
	assert_int_equal(supervision_child_stop(child(w, 'a'), w->now_ns), 1);
	is(w, 'a', DOWN);
	supervision_child_start(child(w, 'a'), w->now_ns);
	expect(w, "gone a:command, start a, ready");
	assert_int_equal(child(w, 'a')->n_starts, 1);
}

static void test_a_start_in_flight_can_be_stopped_and_may_still_fail(void **state)
{
	struct world *w = *state;

	begin(w, flat());
	supervision_start(w->supervision, w->now_ns);
	add_all(w, "a", SUPERVISION_PERMANENT);
	supervision_child_start(child(w, 'a'), w->now_ns);
	expect(w, "start a, ready");
	supervision_child_stop(child(w, 'a'), w->now_ns);
	expect(w, "stop a:command");
	start_failed(w, 'a');
	expect(w, "gone a:command");
	is(w, 'a', DOWN);
}

static void test_events_without_an_instance_are_einval_and_change_nothing(void **state)
{
	struct world *w = *state;

	begin(w, otp(SUPERVISION_ONE_FOR_ONE));
	add_all(w, "a", SUPERVISION_PERMANENT);
	assert_int_equal(supervision_child_started(child(w, 'a'), w->now_ns), -EINVAL);
	assert_int_equal(supervision_child_ready(child(w, 'a'), w->now_ns), -EINVAL);
	assert_int_equal(supervision_child_exited(child(w, 'a'), w->now_ns, CRASH), -EINVAL);
	assert_int_equal(supervision_child_start_failed(child(w, 'a'), w->now_ns, false), -EINVAL);
	run(w);
	assert_int_equal(supervision_child_started(child(w, 'a'), w->now_ns), -EINVAL);
	assert_int_equal(supervision_child_start_failed(child(w, 'a'), w->now_ns, false), -EINVAL);
	assert_int_equal(supervision_child_exited(child(w, 'a'), w->now_ns, SUPERVISION_EXIT_NONE), -EINVAL);
	assert_int_equal(supervision_child_exited(child(w, 'a'), w->now_ns, _SUPERVISION_EXIT_N), -EINVAL);
	is(w, 'a', UP);
	expect(w, "");
}

static void test_a_child_stopped_before_the_first_start_is_left_out_of_it(void **state)
{
	struct world *w = *state;

	begin(w, otp(SUPERVISION_ONE_FOR_ONE));
	add_all(w, "ab", SUPERVISION_PERMANENT);
	assert_int_equal(supervision_child_stop(child(w, 'a'), w->now_ns), 0);
	supervision_start(w->supervision, w->now_ns);
	expect(w, "start b");
	started(w, "b");
	expect(w, "ready");
	supervision_child_start(child(w, 'a'), w->now_ns);
	expect(w, "start a");
}

static void test_a_child_started_again_before_the_first_start_is_part_of_it(void **state)
{
	struct world *w = *state;

	begin(w, otp(SUPERVISION_ONE_FOR_ONE));
	add_all(w, "ab", SUPERVISION_PERMANENT);
	assert_int_equal(supervision_child_stop(child(w, 'a'), w->now_ns), 0);
	assert_int_equal(supervision_child_start(child(w, 'a'), w->now_ns), 0);
	expect(w, "");
	supervision_start(w->supervision, w->now_ns);
	expect(w, "start a");
}

static void test_after_shutdown_began_nothing_can_be_added_or_started(void **state)
{
	struct world *w = *state;
	struct supervision_child_spec spec = spec_of(SUPERVISION_PERMANENT);
	struct supervision_child *late = NULL;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ONE), "ab", SUPERVISION_PERMANENT);
	supervision_shutdown(w->supervision, w->now_ns, false);
	assert_int_equal(supervision_child_add(w->supervision, &spec, &late), -ESHUTDOWN);
	assert_null(late);
	assert_int_equal(supervision_child_start(child(w, 'a'), w->now_ns), -ESHUTDOWN);
	assert_int_equal(supervision_child_restart(child(w, 'a'), w->now_ns), -ESHUTDOWN);
	expect(w, "stop b:shutdown");
	exited(w, 'a', CRASH); /* `a` ends by itself, before its turn to be stopped */
	expect(w, "gone a:ended");
	assert_int_equal(supervision_child_stop(child(w, 'b'), w->now_ns), 1);
	exited(w, 'b', SHUTDOWN);
	expect(w, "gone b:shutdown, done:shutdown");
}

static void test_a_forced_shutdown_kills_everything_at_once(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ONE), "abc", SUPERVISION_PERMANENT);
	supervision_shutdown(w->supervision, w->now_ns, false);
	expect(w, "stop c:shutdown");
	supervision_shutdown(w->supervision, w->now_ns, true);
	expect(w, "kill a:shutdown, kill b:shutdown, kill c:shutdown");
	supervision_shutdown(w->supervision, w->now_ns, true);
	expect(w, "");
	exited(w, 'a', KILLED);
	exited(w, 'b', KILLED);
	exited(w, 'c', KILLED);
	expect(w, "gone a:shutdown, gone b:shutdown, gone c:shutdown, done:shutdown");
}

static void test_shutdown_during_the_first_start_takes_back_what_has_not_started(void **state)
{
	struct world *w = *state;

	begin(w, otp(SUPERVISION_ONE_FOR_ONE));
	add_all(w, "abc", SUPERVISION_PERMANENT);
	supervision_start(w->supervision, w->now_ns);
	expect(w, "start a");
	started(w, "a");
	expect(w, "start b");
	supervision_shutdown(w->supervision, w->now_ns, false);
	expect(w, "gone c:shutdown, stop b:shutdown");
	started(w, "b");
	exited(w, 'b', SHUTDOWN);
	expect(w, "gone b:shutdown, stop a:shutdown");
	exited(w, 'a', SHUTDOWN);
	expect(w, "gone a:shutdown, done:shutdown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_s30_brutal_kill_kills_at_once_and_waits_without_limit),
		T(test_s31_one_that_overstays_its_shutdown_time_is_killed_then_waited_for),
		T(test_s31_a_shutdown_time_of_0_is_stop_then_kill_at_the_next_look_at_the_clock),
		T(test_s32_infinity_waits_for_ever),
		T(test_s33_a_crash_while_being_stopped_is_not_restarted_and_costs_nothing),
		T(test_s34_an_exit_before_the_stop_was_taken_takes_the_stop_back),
		T(test_s35_stop_keeps_the_spec_but_a_temporary_one_and_is_idempotent),
		T(test_s36_start_of_a_stopped_child_starts_it_and_of_a_running_one_is_ealready),
		T(test_s36_a_start_by_command_that_fails_keeps_the_spec_and_is_not_retried),
		T(test_s37_only_a_child_that_is_down_can_be_removed),
		T(test_s38_a_new_child_whose_start_fails_is_not_kept),
		T(test_s40_counts_hold_while_restarts_fail),
		T(test_a_shutdown_takes_back_a_readiness_that_was_not_told),
		T(test_a_start_by_command_begins_the_backoff_anew),
		T(test_s41_a_slow_stop_delays_nobody_else_in_one_for_one),
		T(test_restart_of_a_running_child_is_stop_then_start_and_costs_nothing),
		T(test_restart_of_a_child_that_is_down_starts_it),
		T(test_the_last_command_wins_while_a_child_stops),
		T(test_a_start_that_nobody_has_taken_is_taken_back_by_a_stop),
		T(test_a_start_in_flight_can_be_stopped_and_may_still_fail),
		T(test_events_without_an_instance_are_einval_and_change_nothing),
		T(test_a_child_stopped_before_the_first_start_is_left_out_of_it),
		T(test_a_child_started_again_before_the_first_start_is_part_of_it),
		T(test_after_shutdown_began_nothing_can_be_added_or_started),
		T(test_a_forced_shutdown_kills_everything_at_once),
		T(test_shutdown_during_the_first_start_takes_back_what_has_not_started),
	};

	return run_facts_of("supervision, commands", tests);
}

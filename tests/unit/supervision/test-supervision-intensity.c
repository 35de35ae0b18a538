/* SPDX-License-Identifier: Apache-2.0 */
/* Intensity, and what happens when it is exceeded. */
#include "tests/unit/supervision/supervision-world.h"

static void test_s20_intensity_0_ends_the_supervisor_at_the_first_failure(void **state)
{
	struct world *w = *state;
	struct supervision_config config = otp(SUPERVISION_ONE_FOR_ONE);

	config.intensity = 0;
	begin_run(w, config, "ab", SUPERVISION_PERMANENT);
	exited(w, 'a', CRASH);
	expect(w, "escalate a, gone a:intensity, stop b:shutdown");
	exited(w, 'b', SHUTDOWN);
	expect(w, "gone b:shutdown, done:intensity");
}

static void test_one_that_was_removed_is_not_named_as_the_one_that_escalated(void **state)
{
	struct world *w = *state;
	struct supervision_config config = otp(SUPERVISION_ONE_FOR_ONE);

	config.intensity = 0;
	begin_run(w, config, "ab", SUPERVISION_PERMANENT);
	exited(w, 'a', CRASH);
	/* The child is removed before any action was taken. */
	assert_int_equal(supervision_child_remove(child(w, 'a')), 0);
	expect(w, "stop b:shutdown");
	exited(w, 'b', SHUTDOWN);
	expect(w, "gone b:shutdown, done:intensity");
}

static void test_s21_n_restarts_survive_and_one_more_stops_the_others_in_reverse(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ONE), "abc", SUPERVISION_PERMANENT);
	for (int i = 0; i < 2; i++) {
		exited(w, 'b', CRASH);
		expect(w, "start b");
		started(w, "b");
	}
	exited(w, 'a', CRASH); /* all children share one count of restarts */
	expect(w, "escalate a, gone a:intensity, stop c:shutdown");
	exited(w, 'c', SHUTDOWN);
	expect(w, "gone c:shutdown, stop b:shutdown");
	exited(w, 'b', SHUTDOWN);
	expect(w, "gone b:shutdown, done:intensity");
}

static void test_s21_failures_apart_from_each_other_survive_for_ever(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ONE), "a", SUPERVISION_PERMANENT);
	for (int i = 0; i < 100; i++) {
		exited(w, 'a', CRASH);
		expect(w, "start a");
		started(w, "a");
		pass_ms(w, 2501);
	}
}

static void test_a_group_restart_costs_one_unit_however_many_it_takes_along(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ALL), "abc", SUPERVISION_PERMANENT);
	for (int i = 0; i < 2; i++) {
		exited(w, 'a', CRASH);
		expect(w, "stop c:sibling");
		exited(w, 'c', CRASH);
		expect(w, "stop b:sibling");
		exited(w, 'b', CRASH);
		expect(w, "start a");
		started(w, "a");
		expect(w, "start b");
		started(w, "b");
		expect(w, "start c");
		started(w, "c");
		expect(w, "");
	}
	exited(w, 'a', CRASH);
	expect(w, "escalate a, gone a:intensity, stop c:shutdown");
}

static void test_s22_a_permanent_supervisor_that_gave_up_costs_its_parent_one_unit(void **state)
{
	struct world *w = *state;

	/* `a` stands for a nested supervisor: when that is done, it exits with `shutdown`. */
	begin_run(w, otp(SUPERVISION_ONE_FOR_ONE), "a", SUPERVISION_PERMANENT);
	for (int i = 0; i < 2; i++) {
		exited(w, 'a', SHUTDOWN);
		expect(w, "start a");
		started(w, "a");
	}
	exited(w, 'a', SHUTDOWN);
	expect(w, "escalate a, gone a:intensity, done:intensity");
}

static void test_s22_a_transient_supervisor_that_gave_up_is_not_restarted(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ONE), "a", SUPERVISION_TRANSIENT);
	exited(w, 'a', SHUTDOWN);
	expect(w, "gone a:ended");
}

static void test_s24_each_failed_restart_costs_one_unit_and_is_retried_at_once(void **state)
{
	struct world *w = *state;
	struct supervision_config config = otp(SUPERVISION_ONE_FOR_ONE);

	config.intensity = 5;
	begin_run(w, config, "a", SUPERVISION_PERMANENT);
	exited(w, 'a', CRASH);
	for (int i = 0; i < 5; i++) {
		expect(w, "start a"); /* exactly 5 attempts after the crash */
		start_failed(w, 'a');
	}
	expect(w, "escalate a, gone a:intensity, done:intensity");
}

static void test_s24_a_restart_that_fails_is_retried_for_transient_children_too(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ONE), "a", SUPERVISION_TRANSIENT);
	exited(w, 'a', CRASH);
	expect(w, "start a");
	start_failed(w, 'a');
	expect(w, "start a");
}

static void test_s25_one_for_all_in_which_another_child_fails_stops_everything_again(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ALL), "abc", SUPERVISION_PERMANENT);
	exited(w, 'c', CRASH);
	expect(w, "stop b:sibling");
	exited(w, 'b', SHUTDOWN);
	expect(w, "stop a:sibling");
	exited(w, 'a', SHUTDOWN);
	expect(w, "start a");
	started(w, "a");
	expect(w, "start b");
	start_failed(w, 'b');
	expect(w, "stop a:sibling");
	exited(w, 'a', SHUTDOWN);
	expect(w, "start a");
	started(w, "a");
	expect(w, "start b");
	start_failed(w, 'b'); /* the third restart that is counted */
	expect(w, "escalate b, gone b:intensity, gone c:shutdown, stop a:shutdown");
}

static void test_s25_rest_for_one_in_which_another_child_fails_keeps_those_before_it(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_REST_FOR_ONE), "abcd", SUPERVISION_PERMANENT);
	exited(w, 'b', CRASH);
	expect(w, "stop d:sibling");
	exited(w, 'd', SHUTDOWN);
	expect(w, "stop c:sibling");
	exited(w, 'c', SHUTDOWN);
	expect(w, "start b");
	started(w, "b");
	expect(w, "start c");
	start_failed(w, 'c');
	expect(w, "start c");
	started(w, "c");
	expect(w, "start d");
	is(w, 'b', UP);
}

static void test_a_failure_outside_the_range_of_a_group_restart_widens_it(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_REST_FOR_ONE), "abcd", SUPERVISION_PERMANENT);
	exited(w, 'c', CRASH);
	expect(w, "stop d:sibling");
	exited(w, 'a', CRASH);
	expect(w, "");
	exited(w, 'd', SHUTDOWN);
	expect(w, "stop b:sibling");
	exited(w, 'b', SHUTDOWN);
	expect(w, "start a");
	started(w, "a");
	expect(w, "start b");
	started(w, "b");
	expect(w, "start c");
	exited(w, 'c', CRASH); /* the third restart that is counted */
	expect(w, "escalate c, gone c:intensity, gone d:shutdown, stop b:shutdown");
}

static void test_an_earlier_child_that_fails_while_a_group_starts_takes_it_back(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_REST_FOR_ONE), "abc", SUPERVISION_PERMANENT);
	exited(w, 'a', CRASH);
	expect(w, "stop c:sibling");
	exited(w, 'c', SHUTDOWN);
	expect(w, "stop b:sibling");
	exited(w, 'b', SHUTDOWN);
	expect(w, "start a");
	started(w, "a");
	expect(w, "start b");
	exited(w, 'a', CRASH);
	expect(w, "stop b:sibling"); /* its START was taken, but it is not reported as started yet */
	started(w, "b");             /* the report comes too late */
	expect(w, "");
	exited(w, 'b', SHUTDOWN);
	expect(w, "start a");
	started(w, "a");
	expect(w, "start b");
}

static void test_siblings_are_stopped_while_the_failed_one_waits_for_its_backoff(void **state)
{
	struct world *w = *state;
	struct supervision_child_spec spec = spec_of(SUPERVISION_PERMANENT);

	begin(w, otp(SUPERVISION_ONE_FOR_ALL));
	add_all(w, "a", SUPERVISION_PERMANENT);
	spec.backoff = (struct backoff_spec){.min_ms = 100, .max_ms = 1000, .factor = 2};
	add(w, 'b', spec);
	run(w);
	exited(w, 'b', CRASH); /* `b` had served, so its restart would be immediate */
	expect(w, "stop a:sibling");
	exited(w, 'a', SHUTDOWN);
	expect(w, "start a");
	started(w, "a");
	expect(w, "start b");
	started(w, "b");
	exited(w, 'b', CRASH);
	expect(w, "stop a:sibling");
	is(w, 'b', BACKOFF);
	exited(w, 'a', SHUTDOWN);
	expect(w, "");
	is(w, 'a', WAITING);
	pass_ms(w, 99);
	expect(w, "");
	pass_ms(w, 1);
	expect(w, "start a");
}

static void test_a_child_before_the_group_can_be_removed_while_the_group_waits(void **state)
{
	struct world *w = *state;
	struct supervision_config config = otp(SUPERVISION_REST_FOR_ONE);
	struct supervision_child_spec spec = spec_of(SUPERVISION_PERMANENT);

	config.retry_first_start = true;
	begin(w, config);
	add_all(w, "ab", SUPERVISION_TRANSIENT);
	spec.backoff = (struct backoff_spec){.min_ms = 100, .max_ms = 1000, .factor = 2};
	add(w, 'c', spec);
	supervision_start(w->supervision, w->now_ns);
	expect(w, "start a");
	started(w, "a");
	expect(w, "start b");
	started(w, "b");
	exited(w, 'b', NORMAL);
	expect(w, "start c, gone b:ended");
	start_failed(w, 'c');
	assert_int_equal(supervision_child_remove(child(w, 'b')), 0);
	pass_ms(w, 100);
	expect(w, "start c");
	started(w, "c");
	expect(w, "ready");
}

static void test_a_temporary_child_that_ends_during_the_first_start_does_not_hold_it_up(void **state)
{
	struct world *w = *state;
	struct supervision_child_spec spec = spec_of(SUPERVISION_TEMPORARY);

	begin(w, otp(SUPERVISION_ONE_FOR_ALL));
	spec.await_ready = true;
	add(w, 'a', spec);
	add_all(w, "b", SUPERVISION_PERMANENT);
	supervision_start(w->supervision, w->now_ns);
	expect(w, "start a");
	started(w, "a");
	exited(w, 'a', NORMAL);
	expect(w, "gone a:ended*, start b");
}

static void test_a_group_whose_failed_child_is_stopped_by_hand_goes_on_without_it(void **state)
{
	struct world *w = *state;
	struct supervision_child_spec spec = spec_of(SUPERVISION_PERMANENT);

	begin(w, otp(SUPERVISION_ONE_FOR_ALL));
	add_all(w, "a", SUPERVISION_PERMANENT);
	spec.backoff = (struct backoff_spec){.min_ms = 100, .max_ms = 1000, .factor = 2};
	spec.await_ready = true;
	add(w, 'b', spec);
	supervision_start(w->supervision, w->now_ns);
	expect(w, "start a");
	started(w, "a");
	expect(w, "start b");
	ready(w, 'b');
	expect(w, "ready");
	exited(w, 'b', CRASH);
	expect(w, "stop a:sibling");
	exited(w, 'a', SHUTDOWN);
	expect(w, "start a");
	started(w, "a");
	expect(w, "start b");
	started(w, "b");
	exited(w, 'b', CRASH);
	exited(w, 'a', CRASH);
	expect(w, "");
	is(w, 'b', BACKOFF);
	assert_int_equal(supervision_child_stop(child(w, 'b'), w->now_ns), 1);
	expect(w, "gone b:command, start a");
	started(w, "a");
	expect(w, "");
	assert_true(supervision_next_deadline(w->supervision) == SUPERVISION_NEVER);
}

static void test_s26_while_it_waits_for_its_backoff_it_can_be_stopped_started_and_shut_down(void **state)
{
	struct world *w = *state;
	struct supervision_child_spec spec = spec_of(SUPERVISION_PERMANENT);

	begin(w, flat());
	spec.backoff = BACKOFF_DEFAULT;
	add(w, 'a', spec);
	supervision_start(w->supervision, w->now_ns);
	expect(w, "start a");
	start_failed(w, 'a');
	is(w, 'a', BACKOFF);
	assert_int_equal(supervision_child_remove(child(w, 'a')), -EBUSY);
	assert_int_equal(supervision_child_stop(child(w, 'a'), w->now_ns), 1);
	expect(w, "gone a:command, ready");
	assert_true(supervision_next_deadline(w->supervision) == SUPERVISION_NEVER);
	pass_ms(w, 100000);
	expect(w, "");

	supervision_child_start(child(w, 'a'), w->now_ns);
	expect(w, "start a");
	start_failed(w, 'a');
	is(w, 'a', BACKOFF);
	/* A start by command does not wait for the backoff. */
	assert_int_equal(supervision_child_start(child(w, 'a'), w->now_ns), 0);
	expect(w, "start a");
	start_failed(w, 'a');
	is(w, 'a', BACKOFF);
	assert_in_range(deadline_in_ms(w), 80, 120); /* a start by command begins the backoff anew */
	supervision_shutdown(w->supervision, w->now_ns, false);
	expect(w, "gone a:shutdown, done:shutdown");
}

static void test_unlimited_intensity_never_escalates_and_backoff_holds_the_loop(void **state)
{
	struct world *w = *state;
	struct supervision_child_spec spec = spec_of(SUPERVISION_PERMANENT);
	uint64_t begin_ns = w->now_ns;
	int n = 0;

	begin(w, flat());
	spec.backoff = BACKOFF_DEFAULT;
	add(w, 'a', spec);
	supervision_start(w->supervision, w->now_ns);
	while (w->now_ns - begin_ns < 600000 * MS) {
		expect(w, "start a");
		start_failed(w, 'a');
		expect(w, "");
		w->now_ns = supervision_next_deadline(w->supervision);
		supervision_timer(w->supervision, w->now_ns);
		n++;
	}
	assert_in_range(n, 20, 40); /* so often is a program tried in ten minutes that cannot start */
	assert_int_equal(child(w, 'a')->n_restarts, n);
}

static void test_two_engines_of_one_seed_do_the_same_and_of_two_seeds_do_not(void **state)
{
	struct world *w = *state;
	uint64_t deadline_ns[3];

	for (int i = 0; i < 3; i++) {
		struct supervision_config config = flat();
		struct supervision_child_spec spec = spec_of(SUPERVISION_PERMANENT);

		config.seed = i < 2 ? 7 : 8;
		begin(w, config);
		spec.backoff = BACKOFF_DEFAULT;
		add(w, 'a', spec);
		supervision_start(w->supervision, w->now_ns);
		expect(w, "start a");
		start_failed(w, 'a');
		deadline_ns[i] = supervision_next_deadline(w->supervision);
		world_teardown(state);
	}
	assert_true(deadline_ns[0] == deadline_ns[1]);
	assert_true(deadline_ns[0] != deadline_ns[2]);
}

static struct supervision_child_spec limited(uint32_t intensity, uint32_t period_ms)
{
	struct supervision_child_spec spec = spec_of(SUPERVISION_PERMANENT);

	spec.intensity = intensity;
	spec.period_ms = period_ms;
	return spec;
}

static void test_a_limit_of_its_own_leaves_one_child_down_and_the_others_alone(void **state)
{
	struct world *w = *state;

	begin(w, flat());
	add(w, 'a', limited(2, 5000));
	add(w, 'b', spec_of(SUPERVISION_PERMANENT));
	run(w);
	for (int i = 0; i < 2; i++) {
		exited(w, 'a', CRASH);
		expect(w, "start a");
		started(w, "a");
		exited(w, 'b', CRASH); /* what happens to the other one does not count */
		expect(w, "start b");
		started(w, "b");
	}
	exited(w, 'a', CRASH);
	expect(w, "gone a:intensity");
	is(w, 'a', DOWN);
	is(w, 'b', UP);
	assert_int_equal(child(w, 'a')->n_restarts, 2);
	assert_true(supervision_is_running(w->supervision));
}

static void test_failed_starts_count_for_a_childs_own_limit(void **state)
{
	struct world *w = *state;

	begin(w, flat());
	add(w, 'a', limited(1, 5000));
	assert_int_equal(supervision_start(w->supervision, w->now_ns), 0);
	expect(w, "start a");
	start_failed(w, 'a');
	expect(w, "start a");
	start_failed(w, 'a');
	expect(w, "gone a:intensity, ready");
	is(w, 'a', DOWN);
}

static void test_a_limit_counts_only_restarts_in_its_period(void **state)
{
	struct world *w = *state;

	begin(w, flat());
	add(w, 'a', limited(2, 5000));
	run(w);
	for (int i = 0; i < 100; i++) {
		exited(w, 'a', CRASH);
		expect(w, "start a");
		started(w, "a");
		pass_ms(w, 2501);
	}
	assert_int_equal(intensity_window_recent(&child(w, 'a')->restarts, w->now_ns), 1);
}

static void test_a_limit_of_0_restarts_nothing(void **state)
{
	struct world *w = *state;

	begin(w, flat());
	add(w, 'a', limited(0, 1));
	run(w);
	exited(w, 'a', CRASH);
	expect(w, "gone a:intensity");
}

static void test_a_command_begins_a_new_count_and_costs_nothing(void **state)
{
	struct world *w = *state;

	begin(w, flat());
	add(w, 'a', limited(1, 5000));
	run(w);
	for (int i = 0; i < 5; i++) {
		exited(w, 'a', CRASH);
		expect(w, "start a");
		started(w, "a");
		exited(w, 'a', CRASH);
		expect(w, "gone a:intensity");
		assert_int_equal(supervision_child_start(child(w, 'a'), w->now_ns), 0);
		expect(w, "start a");
		started(w, "a");
		assert_int_equal(supervision_child_restart(child(w, 'a'), w->now_ns), 0);
		expect(w, "stop a:restart");
		exited(w, 'a', SHUTDOWN);
		expect(w, "start a");
		started(w, "a");
	}
}

static void test_a_limit_goes_on_from_the_restarts_of_an_earlier_life(void **state)
{
	struct world *w = *state;
	struct intensity_window *window;

	begin(w, flat());
	run(w);
	add(w, 'a', limited(3, 5000));
	for (uint64_t ms = 1; ms <= 3; ms++)
		supervision_child_restore_restart(child(w, 'a'), w->now_ns + ms * MS);
	w->now_ns += 3 * MS;
	assert_int_equal(supervision_child_restore(
				 child(w, 'a'), SUPERVISION_UP, true, w->now_ns, 0, 3, (struct backoff){0}),
		0);
	window = &child(w, 'a')->restarts;
	assert_int_equal(intensity_window_recent(window, w->now_ns), 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_true(intensity_window_time(window, 3, i) == w->now_ns - (2 - i) * MS);
	exited(w, 'a', CRASH);
	expect(w, "gone a:intensity");
}

static void test_a_limit_of_its_own_is_refused_where_restarts_are_those_of_a_group(void **state)
{
	const struct supervision_config config = {.strategy = SUPERVISION_ONE_FOR_ALL};
	struct supervision_child_spec spec = limited(1, 1000);

	assert_non_null(supervision_child_spec_check(&config, &spec));
	spec.period_ms = 0;
	assert_null(supervision_child_spec_check(&config, &spec));
}

static void test_a_limit_can_be_changed_in_place_and_what_counts_goes_on_to_count(void **state)
{
	struct world *w = *state;
	struct supervision_child_spec spec = limited(3, 5000);

	begin(w, flat());
	add(w, 'a', limited(9, 5000));
	run(w);
	for (int i = 0; i < 3; i++) {
		exited(w, 'a', CRASH);
		expect(w, "start a");
		started(w, "a");
	}
	assert_int_equal(supervision_child_configure(child(w, 'a'), &spec), 0);
	expect(w, "");
	is(w, 'a', UP);
	exited(w, 'a', CRASH);
	expect(w, "gone a:intensity");
	spec.restart = _SUPERVISION_RESTART_N;
	assert_int_equal(supervision_child_configure(child(w, 'a'), &spec), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_s20_intensity_0_ends_the_supervisor_at_the_first_failure),
		T(test_one_that_was_removed_is_not_named_as_the_one_that_escalated),
		T(test_s21_n_restarts_survive_and_one_more_stops_the_others_in_reverse),
		T(test_s21_failures_apart_from_each_other_survive_for_ever),
		T(test_a_group_restart_costs_one_unit_however_many_it_takes_along),
		T(test_s22_a_permanent_supervisor_that_gave_up_costs_its_parent_one_unit),
		T(test_s22_a_transient_supervisor_that_gave_up_is_not_restarted),
		T(test_s24_each_failed_restart_costs_one_unit_and_is_retried_at_once),
		T(test_s24_a_restart_that_fails_is_retried_for_transient_children_too),
		T(test_s25_one_for_all_in_which_another_child_fails_stops_everything_again),
		T(test_s25_rest_for_one_in_which_another_child_fails_keeps_those_before_it),
		T(test_a_failure_outside_the_range_of_a_group_restart_widens_it),
		T(test_an_earlier_child_that_fails_while_a_group_starts_takes_it_back),
		T(test_siblings_are_stopped_while_the_failed_one_waits_for_its_backoff),
		T(test_a_child_before_the_group_can_be_removed_while_the_group_waits),
		T(test_a_temporary_child_that_ends_during_the_first_start_does_not_hold_it_up),
		T(test_a_group_whose_failed_child_is_stopped_by_hand_goes_on_without_it),
		T(test_s26_while_it_waits_for_its_backoff_it_can_be_stopped_started_and_shut_down),
		T(test_unlimited_intensity_never_escalates_and_backoff_holds_the_loop),
		T(test_two_engines_of_one_seed_do_the_same_and_of_two_seeds_do_not),
		T(test_a_limit_of_its_own_leaves_one_child_down_and_the_others_alone),
		T(test_failed_starts_count_for_a_childs_own_limit),
		T(test_a_limit_counts_only_restarts_in_its_period),
		T(test_a_limit_of_0_restarts_nothing),
		T(test_a_command_begins_a_new_count_and_costs_nothing),
		T(test_a_limit_goes_on_from_the_restarts_of_an_earlier_life),
		T(test_a_limit_can_be_changed_in_place_and_what_counts_goes_on_to_count),
		T(test_a_limit_of_its_own_is_refused_where_restarts_are_those_of_a_group),
	};

	return run_facts_of("supervision, intensity", tests);
}

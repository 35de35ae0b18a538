/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of an earlier life; specs; memory and size. */
#include "tests/unit/supervision/supervision-world.h"

static void test_restored_children_go_on_where_they_were_without_a_start(void **state)
{
	struct world *w = *state;
	struct supervision_child_spec spec = spec_of(SUPERVISION_PERMANENT);

	begin(w, flat());
	spec.backoff =
		(struct backoff_spec){.min_ms = 100, .max_ms = 1000, .factor = 2, .reset_after_ms = 60000};
	supervision_start(w->supervision, w->now_ns);
	expect(w, "ready");
	add(w, 'u', spec);
	add(w, 'b', spec);
	add(w, 'd', spec);
	add(w, 's', spec);
	assert_int_equal(supervision_child_restore(child(w, 'u'), SUPERVISION_UP, true, w->now_ns - 5 * MS, 0,
				 3, (struct backoff){.step = 1}),
		0);
	assert_int_equal(supervision_child_restore(child(w, 'b'), SUPERVISION_BACKOFF, true, w->now_ns,
				 w->now_ns + 50 * MS, 7, (struct backoff){.step = 4}),
		0);
	assert_int_equal(supervision_child_restore(
				 child(w, 'd'), SUPERVISION_DOWN, false, w->now_ns, 0, 0, (struct backoff){}),
		0);
	assert_int_equal(supervision_child_restore(child(w, 's'), SUPERVISION_STARTING, true, w->now_ns, 0, 0,
				 (struct backoff){}),
		0);
	assert_int_equal(
		supervision_child_restore(child(w, 'u'), SUPERVISION_UP, true, 0, 0, 0, (struct backoff){}),
		-EINVAL);
	expect(w, "");
	assert_int_equal(supervision_count(w->supervision).n_live, 2);
	exited(w, 'u', CRASH);
	is(w, 'u', BACKOFF);
	assert_int_equal(supervision_child_deadline(child(w, 'u')), w->now_ns + 100 * MS);
	started(w, "s");
	pass_ms(w, 50);
	expect(w, "start b");
	assert_int_equal(child(w, 'b')->n_restarts, 8);
	pass_ms(w, 50);
	expect(w, "start u");
	is(w, 'd', DOWN);
}

/* Gives a new child @spec and what an earlier life left of it. */
static int restore(struct world *w, char letter, struct supervision_child_spec spec,
	enum supervision_state state, bool wanted, uint64_t deadline_ns)
{
	add(w, letter, spec);
	return supervision_child_restore(
		child(w, letter), state, wanted, w->now_ns, deadline_ns, 0, (struct backoff){});
}

static void test_a_restored_child_that_is_not_ready_yet_has_the_time_that_is_left_for_it(void **state)
{
	struct world *w = *state;
	struct supervision_child_spec spec = spec_of(SUPERVISION_PERMANENT);

	begin(w, flat());
	supervision_start(w->supervision, w->now_ns);
	expect(w, "ready");
	spec.await_ready = true;
	assert_int_equal(restore(w, 'n', spec, SUPERVISION_UP, true, 0), 0);
	assert_int_equal(supervision_child_deadline(child(w, 'n')), SUPERVISION_NEVER);
	assert_false(child(w, 'n')->serves);
	spec.ready_timeout_ms = 1000;
	assert_int_equal(restore(w, 'u', spec, SUPERVISION_UP, true, 0), 0);
	assert_int_equal(supervision_child_deadline(child(w, 'u')), w->now_ns + 1000 * MS);
	assert_int_equal(restore(w, 'r', spec, SUPERVISION_READY, true, 0), 0);
	assert_int_equal(supervision_child_deadline(child(w, 'r')), SUPERVISION_NEVER);
	assert_true(child(w, 'r')->serves);
	pass_ms(w, 1000);
	expect(w, "stop u:not_ready");
}

static void test_a_restored_child_that_waits_for_its_backoff_starts_with_its_group(void **state)
{
	struct world *w = *state;
	struct supervision_child_spec spec = spec_of(SUPERVISION_PERMANENT);

	begin(w, otp(SUPERVISION_ONE_FOR_ALL));
	supervision_start(w->supervision, w->now_ns);
	expect(w, "ready");
	assert_int_equal(restore(w, 'a', spec, SUPERVISION_UP, true, 0), 0);
	assert_int_equal(restore(w, 'b', spec, SUPERVISION_BACKOFF, true, w->now_ns + 5000 * MS), 0);
	exited(w, 'a', CRASH);
	expect(w, "start a");
	started(w, "a");
	expect(w, "start b");
	assert_int_equal(supervision_next_deadline(w->supervision), SUPERVISION_NEVER);
}

static void test_only_a_new_child_of_a_running_supervisor_is_restored_and_not_in_every_state(void **state)
{
	static const enum supervision_state states[] = {
		SUPERVISION_WAITING, SUPERVISION_STOPPING, _SUPERVISION_STATE_N, -1};
	struct world *w = *state;
	struct supervision_child_spec spec = spec_of(SUPERVISION_PERMANENT), kept = spec;

	begin(w, flat());
	assert_int_equal(restore(w, 'a', spec, SUPERVISION_UP, true, 0), -EINVAL); /* there is no start yet */
	supervision_start(w->supervision, w->now_ns);
	expect(w, "start a");
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		assert_int_equal(restore(w, 'b', spec, states[i], true, 0), -EINVAL);
	assert_int_equal(restore(w, 'b', spec, SUPERVISION_UP, false, 0), -EINVAL);
	is(w, 'b', DOWN);
	/* one that has run, one whose end was not taken yet, and one that is gone */
	started(w, "a");
	supervision_child_stop(child(w, 'a'), w->now_ns);
	exited(w, 'a', NORMAL);
	assert_int_equal(
		supervision_child_restore(child(w, 'a'), SUPERVISION_UP, true, 0, 0, 0, (struct backoff){}),
		-EINVAL);
	expect(w, "gone a:command, ready");
	assert_int_equal(
		supervision_child_restore(child(w, 'a'), SUPERVISION_UP, true, 0, 0, 0, (struct backoff){}),
		-EINVAL);
	kept.restart = SUPERVISION_TEMPORARY;
	assert_int_equal(restore(w, 't', kept, SUPERVISION_UP, true, 0), 0);
	exited(w, 't', NORMAL);
	assert_int_equal(
		supervision_child_restore(child(w, 't'), SUPERVISION_UP, true, 0, 0, 0, (struct backoff){}),
		-EINVAL);
	expect(w, "gone t:ended*");
	add(w, 'c', spec);
	supervision_shutdown(w->supervision, w->now_ns, false);
	assert_int_equal(
		supervision_child_restore(child(w, 'c'), SUPERVISION_UP, true, 0, 0, 0, (struct backoff){}),
		-EINVAL);
}

static void test_a_deadline_beyond_the_end_of_time_never_comes_and_is_no_overflow(void **state)
{
	struct world *w = *state;

	w->now_ns = UINT64_MAX - 10;
	begin_run(w, otp(SUPERVISION_ONE_FOR_ONE), "a", SUPERVISION_PERMANENT);
	assert_int_equal(supervision_child_deadline(child(w, 'a')), SUPERVISION_NEVER);
	supervision_child_stop(child(w, 'a'), w->now_ns);
	assert_true(supervision_child_deadline(child(w, 'a')) == UINT64_MAX - 1);
	supervision_timer(w->supervision, w->now_ns);
	expect(w, "stop a:command");
}

static void test_time_that_seems_to_go_back_does_no_harm(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ONE), "a", SUPERVISION_PERMANENT);
	w->now_ns -= 1000 * MS;
	exited(w, 'a', CRASH);
	expect(w, "start a");
	started(w, "a");
	supervision_child_stop(child(w, 'a'), 0);
	expect(w, "stop a:command");
	assert_int_equal(supervision_next_deadline(w->supervision), 1000000 * MS + 5000 * MS);
}

static void test_senseless_configs_and_specs_are_refused_with_a_reason(void **state)
{
	struct supervision_config config = otp(SUPERVISION_ONE_FOR_ONE);
	struct supervision_child_spec spec = spec_of(SUPERVISION_PERMANENT);
	struct supervision *supervision = NULL;

	assert_null(supervision_config_check(&config));
	config.period_ms = 0;
	assert_non_null(supervision_config_check(&config));
	assert_int_equal(supervision_new(&supervision, &config), -EINVAL);
	config = otp(_SUPERVISION_STRATEGY_N);
	assert_non_null(supervision_config_check(&config));
	config = otp(SUPERVISION_ONE_FOR_ONE);
	config.intensity = INTENSITY_MAX + 1;
	assert_non_null(supervision_config_check(&config));
	config.intensity = SUPERVISION_UNLIMITED;
	config.period_ms = 0;
	assert_null(supervision_config_check(&config));
	config.auto_shutdown = _SUPERVISION_AUTO_N;
	assert_non_null(supervision_config_check(&config));
	assert_null(supervision);
	assert_null(supervision_free(NULL));

	config = otp(SUPERVISION_ONE_FOR_ONE);
	spec.shutdown_ms = -3;
	assert_non_null(supervision_child_spec_check(&config, &spec));
	spec = spec_of(_SUPERVISION_RESTART_N);
	assert_non_null(supervision_child_spec_check(&config, &spec));
	spec = spec_of(SUPERVISION_PERMANENT);
	spec.ready_timeout_ms = 1;
	assert_non_null(supervision_child_spec_check(&config, &spec));
	spec.await_ready = true;
	assert_null(supervision_child_spec_check(&config, &spec));
	spec.backoff.jitter_pct = 101;
	assert_non_null(supervision_child_spec_check(&config, &spec));
}

static void test_every_word_has_a_name(void **state)
{
	for (int i = 0; i < _SUPERVISION_STRATEGY_N; i++)
		assert_string_not_equal(supervision_strategy_name(i), "?");
	for (int i = 0; i < _SUPERVISION_AUTO_N; i++)
		assert_string_not_equal(supervision_auto_shutdown_name(i), "?");
	for (int i = 0; i < _SUPERVISION_STATE_N; i++)
		assert_string_not_equal(supervision_state_name(i), "?");
	for (int i = 0; i < _SUPERVISION_EXIT_N; i++)
		assert_string_not_equal(supervision_exit_name(i), "?");
	for (int i = 0; i < _SUPERVISION_CAUSE_N; i++)
		assert_string_not_equal(supervision_cause_name(i), "?");
	for (int i = 0; i < _SUPERVISION_ACTION_N; i++)
		assert_string_not_equal(supervision_action_name(i), "?");
	assert_string_equal(supervision_strategy_name(_SUPERVISION_STRATEGY_N), "?");
	assert_string_equal(supervision_auto_shutdown_name(_SUPERVISION_AUTO_N), "?");
	assert_string_equal(supervision_exit_name(_SUPERVISION_EXIT_N), "?");
	assert_string_equal(supervision_cause_name(_SUPERVISION_CAUSE_N), "?");
	assert_string_equal(supervision_action_name(_SUPERVISION_ACTION_N), "?");
	assert_string_equal(supervision_state_name(_SUPERVISION_STATE_N), "?");
	assert_string_equal(supervision_state_name(-1), "?");
}

static void test_free_with_actions_not_taken_loses_no_memory(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ONE), "abc", SUPERVISION_TEMPORARY);
	exited(w, 'a', CRASH);
	exited(w, 'c', CRASH);
	supervision_child_stop(child(w, 'b'), w->now_ns);
}

/* If each event had to look at all children, this test would take hours. */
static void test_s64_a_hundred_thousand_children_start_restart_and_stop(void **state)
{
	enum { N = 100000 };
	static const enum supervision_strategy strategies[] = {
		SUPERVISION_ONE_FOR_ONE, SUPERVISION_ONE_FOR_ALL, SUPERVISION_REST_FOR_ONE};
	struct world *w = *state;

	for (int round = 0; round < 6; round++) {
		struct supervision_config config = otp(strategies[round % 3]);
		struct supervision_child_spec spec = spec_of(SUPERVISION_PERMANENT);
		struct supervision_child *any = NULL;
		struct supervision_action action;
		size_t n_starts = 0, n_gone = 0;
		bool done = false;

		config.intensity = SUPERVISION_UNLIMITED;
		config.start_in_order = config.parallel_stop = round < 3;
		spec.backoff = BACKOFF_DEFAULT;
		begin(w, config);
		for (int i = 0; i < N; i++) {
			spec.key = i;
			assert_int_equal(supervision_child_add(w->supervision, &spec, &any), 0);
		}
		supervision_start(w->supervision, w->now_ns);
		while (!done && supervision_next_action(w->supervision, &action))
			switch (action.kind) {
			case SUPERVISION_ACTION_START:
				n_starts++;
				supervision_child_started(action.child, w->now_ns);
				break;
			case SUPERVISION_ACTION_READY:
				supervision_child_exited(
					supervision_first_child(w->supervision), w->now_ns, CRASH);
				if (config.strategy == SUPERVISION_ONE_FOR_ONE)
					for (any = supervision_first_child(w->supervision); any;
						any = supervision_child_next(any))
						supervision_child_exited(any, w->now_ns, CRASH);
				break;
			case SUPERVISION_ACTION_STOP:
				supervision_child_exited(action.child, w->now_ns, SHUTDOWN);
				break;
			case SUPERVISION_ACTION_GONE:
				n_gone++;
				break;
			case SUPERVISION_ACTION_DONE:
				done = true;
				break;
			default:
				fail();
			}
		assert_int_equal(n_starts, 2 * N);
		assert_int_equal(supervision_count(w->supervision).n_live, N);
		supervision_shutdown(w->supervision, w->now_ns, false);
		while (!done && supervision_next_action(w->supervision, &action)) {
			n_gone += action.kind == SUPERVISION_ACTION_GONE;
			done = action.kind == SUPERVISION_ACTION_DONE;
			if (action.kind == SUPERVISION_ACTION_STOP)
				supervision_child_exited(action.child, w->now_ns, SHUTDOWN);
		}
		assert_true(done);
		assert_int_equal(n_gone, N);
		assert_int_equal(supervision_count(w->supervision).n_live, 0);
		world_teardown(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_restored_children_go_on_where_they_were_without_a_start),
		T(test_a_restored_child_that_is_not_ready_yet_has_the_time_that_is_left_for_it),
		T(test_a_restored_child_that_waits_for_its_backoff_starts_with_its_group),
		T(test_only_a_new_child_of_a_running_supervisor_is_restored_and_not_in_every_state),
		T(test_a_deadline_beyond_the_end_of_time_never_comes_and_is_no_overflow),
		T(test_time_that_seems_to_go_back_does_no_harm),
		T(test_senseless_configs_and_specs_are_refused_with_a_reason),
		T(test_every_word_has_a_name),
		T(test_free_with_actions_not_taken_loses_no_memory),
		T(test_s64_a_hundred_thousand_children_start_restart_and_stop),
	};

	return run_facts_of("supervision, lives", tests);
}

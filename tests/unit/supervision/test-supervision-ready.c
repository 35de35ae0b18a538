/* SPDX-License-Identifier: Apache-2.0 */
/* Readiness, and the end by auto_shutdown. */
#include "tests/unit/supervision/supervision-world.h"

/* ---- readiness ---- */

static void test_one_that_is_not_ready_in_time_is_stopped_and_that_is_a_failure(void **state)
{
	struct world *w = *state;
	struct supervision_child_spec spec = spec_of(SUPERVISION_TRANSIENT);

	begin(w, flat());
	spec.await_ready = true;
	spec.ready_timeout_ms = 1000;
	spec.backoff = BACKOFF_DEFAULT;
	add(w, 'a', spec);
	supervision_start(w->supervision, w->now_ns);
	expect(w, "start a");
	started(w, "a");
	assert_int_equal(deadline_in_ms(w), 1000);
	pass_ms(w, 1000);
	expect(w, "stop a:not_ready");
	pass_ms(w, 5000);
	expect(w, "kill a:overstayed");
	exited(w, 'a', KILLED);
	expect(w, "");
	is(w, 'a', BACKOFF);
	pass_ms(w, 120);
	expect(w, "start a");
	started(w, "a");
	ready(w, 'a');
	assert_true(supervision_next_deadline(w->supervision) == SUPERVISION_NEVER);
	expect(w, "ready");
}

static void test_a_ready_that_comes_after_the_stop_changes_nothing(void **state)
{
	struct world *w = *state;
	struct supervision_child_spec spec = spec_of(SUPERVISION_PERMANENT);

	begin(w, flat());
	spec.await_ready = true;
	spec.ready_timeout_ms = 1000;
	add(w, 'a', spec);
	supervision_start(w->supervision, w->now_ns);
	expect(w, "start a");
	started(w, "a");
	pass_ms(w, 1000);
	ready(w, 'a');
	is(w, 'a', STOPPING);
	expect(w, "stop a:not_ready");
	exited(w, 'a', NORMAL);
	expect(w, "start a");
}

static void test_one_that_ended_normally_before_it_was_ready_counts_by_its_restart_type(void **state)
{
	struct world *w = *state;
	struct supervision_child_spec spec = spec_of(SUPERVISION_TRANSIENT);

	begin(w, otp(SUPERVISION_ONE_FOR_ONE));
	spec.await_ready = true;
	add(w, 'a', spec);
	add_all(w, "b", SUPERVISION_PERMANENT);
	supervision_start(w->supervision, w->now_ns);
	expect(w, "start a");
	started(w, "a");
	exited(w, 'a', NORMAL);
	expect(w, "gone a:ended, start b"); /* `a` is done, so `b` need not wait for it */
}

static void test_one_that_is_ignored_is_down_costs_nothing_and_starts_again_with_its_group(void **state)
{
	struct world *w = *state;

	begin(w, otp(SUPERVISION_ONE_FOR_ALL));
	add_all(w, "ab", SUPERVISION_PERMANENT);
	add(w, 't', spec_of(SUPERVISION_TEMPORARY));
	supervision_start(w->supervision, w->now_ns);
	expect(w, "start a");
	assert_int_equal(supervision_child_ignored(w->child['a' - 'a'], w->now_ns), 0);
	expect(w, "gone a:ignored, start b");
	is(w, 'a', DOWN);
	started(w, "b");
	expect(w, "start t");
	assert_int_equal(supervision_child_ignored(w->child['t' - 'a'], w->now_ns), 0);
	expect(w, "gone t:ignored*, ready");
	assert_int_equal(supervision_count(w->supervision).n_children, 2);
	assert_int_equal(supervision_child_ignored(w->child['b' - 'a'], w->now_ns), -EINVAL);
	exited(w, 'b', CRASH);
	expect(w, "start a");
	assert_int_equal(supervision_child_ignored(w->child['a' - 'a'], w->now_ns), 0);
	expect(w, "gone a:ignored, start b");
}

static void test_one_that_is_ignored_while_it_is_stopped_ends_as_that_stop_says(void **state)
{
	struct world *w = *state;

	begin(w, otp(SUPERVISION_ONE_FOR_ALL));
	add_all(w, "ab", SUPERVISION_PERMANENT);
	add_all(w, "c", SUPERVISION_PERMANENT);
	assert_int_equal(supervision_child_ignored(child(w, 'a'), w->now_ns), -EINVAL); /* nothing runs */
	run(w);
	/* one that a command stops is down */
	exited(w, 'a', CRASH);
	expect(w, "stop c:sibling");
	exited(w, 'c', SHUTDOWN);
	expect(w, "stop b:sibling");
	exited(w, 'b', SHUTDOWN);
	expect(w, "start a");
	supervision_child_stop(child(w, 'a'), w->now_ns);
	expect(w, "stop a:command, start b");
	assert_int_equal(supervision_child_ignored(child(w, 'a'), w->now_ns), 0);
	expect(w, "gone a:command");
	started(w, "b");
	expect(w, "start c");
	/* one that its group was about to stop starts again with the group */
	exited(w, 'b', CRASH);
	expect(w, "stop c:sibling");
	assert_int_equal(supervision_child_ignored(child(w, 'c'), w->now_ns), 0);
	expect(w, "start b");
	started(w, "b");
	expect(w, "start c");
}

static void test_one_that_is_ignored_before_its_group_has_stopped_it_starts_again_with_the_group(void **state)
{
	struct world *w = *state;
	struct supervision_child_spec spec = spec_of(SUPERVISION_PERMANENT);

	begin(w, otp(SUPERVISION_REST_FOR_ONE));
	add_all(w, "a", SUPERVISION_PERMANENT);
	run(w);
	add(w, 'n', spec);
	add(w, 'z', spec);
	supervision_child_start(child(w, 'n'), w->now_ns);
	supervision_child_start(child(w, 'z'), w->now_ns);
	expect(w, "start n, start z");
	exited(w, 'a', CRASH);
	expect(w, "stop z:sibling"); /* and `n` comes after it */
	assert_int_equal(supervision_child_ignored(child(w, 'n'), w->now_ns), 0);
	is(w, 'n', WAITING);
	exited(w, 'z', SHUTDOWN);
	expect(w, "start a");
	started(w, "a");
	expect(w, "start n");
}

static void test_ready_implies_started(void **state)
{
	struct world *w = *state;

	begin(w, flat());
	add_all(w, "a", SUPERVISION_PERMANENT);
	supervision_start(w->supervision, w->now_ns);
	expect(w, "start a");
	ready(w, 'a');
	is(w, 'a', READY);
	ready(w, 'a');
	expect(w, "ready");
}

static void test_stable_service_resets_the_backoff_of_a_child(void **state)
{
	struct world *w = *state;
	struct supervision_child_spec spec = spec_of(SUPERVISION_PERMANENT);

	begin(w, flat());
	spec.backoff =
		(struct backoff_spec){.min_ms = 100, .max_ms = 1000, .factor = 2, .reset_after_ms = 60000};
	add(w, 'a', spec);
	supervision_start(w->supervision, w->now_ns);
	expect(w, "start a");
	started(w, "a");
	exited(w, 'a', CRASH);
	expect(w, "start a, ready"); /* the child is started at once, because it had served */
	started(w, "a");
	exited(w, 'a', CRASH);
	assert_int_equal(deadline_in_ms(w), 100);
	pass_ms(w, 100);
	expect(w, "start a");
	started(w, "a");
	pass_ms(w, 60000);
	exited(w, 'a', CRASH);
	expect(w, "start a");
}

static void test_a_start_that_can_never_work_is_not_retried(void **state)
{
	struct world *w = *state;

	begin(w, flat());
	add_all(w, "a", SUPERVISION_PERMANENT);
	supervision_start(w->supervision, w->now_ns);
	expect(w, "start a");
	assert_int_equal(supervision_child_start_failed(child(w, 'a'), w->now_ns, true), 0);
	expect(w, "gone a:start_failed, ready");
	assert_int_equal(child(w, 'a')->last_exit, FATAL);
	assert_false(child(w, 'a')->wanted);
}

/* ---- auto_shutdown ---- */

static struct supervision_config automatic(
	enum supervision_auto_shutdown auto_shutdown, enum supervision_strategy strategy)
{
	struct supervision_config config = otp(strategy);

	config.auto_shutdown = auto_shutdown;
	return config;
}

static struct supervision_child_spec significant(enum supervision_restart restart)
{
	struct supervision_child_spec spec = spec_of(restart);

	spec.significant = true;
	return spec;
}

static void test_s50_significant_children_need_auto_shutdown_and_a_restart_type_that_ends(void **state)
{
	struct world *w = *state;
	struct supervision_child_spec spec = significant(SUPERVISION_TRANSIENT);
	struct supervision_config config = automatic(SUPERVISION_AUTO_NEVER, SUPERVISION_ONE_FOR_ONE);
	struct supervision_child *ret = NULL;

	begin(w, config);
	assert_non_null(supervision_child_spec_check(&config, &spec));
	assert_int_equal(supervision_child_add(w->supervision, &spec, &ret), -EINVAL);
	assert_null(ret);
	config.auto_shutdown = SUPERVISION_AUTO_ANY_SIGNIFICANT;
	assert_null(supervision_child_spec_check(&config, &spec));
	spec.restart = SUPERVISION_PERMANENT;
	assert_non_null(supervision_child_spec_check(&config, &spec));
}

static void test_s51_any_significant_child_that_ends_by_itself_ends_the_supervisor(void **state)
{
	static const struct {
		enum supervision_restart restart;
		enum supervision_exit exit;
		bool ends;
	} rows[] = {
		{SUPERVISION_TRANSIENT, NORMAL, true},
		{SUPERVISION_TRANSIENT, SHUTDOWN, true},
		{SUPERVISION_TRANSIENT, CRASH, false},
		{SUPERVISION_TEMPORARY, NORMAL, true},
		{SUPERVISION_TEMPORARY, SHUTDOWN, true},
		{SUPERVISION_TEMPORARY, CRASH, true},
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(w, automatic(SUPERVISION_AUTO_ANY_SIGNIFICANT, SUPERVISION_ONE_FOR_ONE));
		add_all(w, "ab", SUPERVISION_PERMANENT);
		add(w, 's', significant(rows[i].restart));
		add(w, 't', significant(SUPERVISION_TRANSIENT));
		run(w);
		exited(w, 's', rows[i].exit);
		if (!rows[i].ends)
			expect(w, "start s");
		else if (rows[i].restart == SUPERVISION_TRANSIENT)
			expect(w, "gone s:ended, stop t:shutdown");
		else
			expect(w, "gone s:ended*, stop t:shutdown");
		assert_int_equal(supervision_is_running(w->supervision), !rows[i].ends);
		if (rows[i].ends) {
			exited(w, 't', SHUTDOWN);
			expect(w, "gone t:shutdown, stop b:shutdown");
			exited(w, 'b', SHUTDOWN);
			expect(w, "gone b:shutdown, stop a:shutdown");
			exited(w, 'a', SHUTDOWN);
			expect(w, "gone a:shutdown, done:auto_shutdown");
		}
		world_teardown(state);
	}
}

static void test_s52_all_significant_waits_for_the_last_significant_child(void **state)
{
	struct world *w = *state;

	begin(w, automatic(SUPERVISION_AUTO_ALL_SIGNIFICANT, SUPERVISION_ONE_FOR_ONE));
	add_all(w, "a", SUPERVISION_PERMANENT);
	add(w, 's', significant(SUPERVISION_TRANSIENT));
	add(w, 't', significant(SUPERVISION_TEMPORARY));
	run(w);
	exited(w, 's', NORMAL);
	expect(w, "gone s:ended");
	exited(w, 't', CRASH);
	expect(w, "gone t:ended*, stop a:shutdown");
	exited(w, 'a', SHUTDOWN);
	expect(w, "gone a:shutdown, done:auto_shutdown");
}

static void test_s53_a_significant_child_that_is_stopped_does_not_end_the_supervisor(void **state)
{
	struct world *w = *state;

	begin(w, automatic(SUPERVISION_AUTO_ANY_SIGNIFICANT, SUPERVISION_ONE_FOR_ALL));
	add_all(w, "a", SUPERVISION_PERMANENT);
	add(w, 's', significant(SUPERVISION_TRANSIENT));
	add(w, 't', significant(SUPERVISION_TEMPORARY));
	run(w);
	supervision_child_stop(child(w, 's'), w->now_ns);
	expect(w, "stop s:command");
	exited(w, 's', NORMAL);
	expect(w, "gone s:command");
	exited(w, 'a', CRASH);
	expect(w, "stop t:sibling");
	exited(w, 't', NORMAL);
	expect(w, "gone t:sibling*, start a");
	assert_true(supervision_is_running(w->supervision));
}

static void test_s54_auto_shutdown_cascades_through_a_significant_transient_supervisor(void **state)
{
	struct world outer_world = {.now_ns = 1000000 * MS};
	struct world *inner = *state, *outer = &outer_world;

	begin(outer, automatic(SUPERVISION_AUTO_ANY_SIGNIFICANT, SUPERVISION_ONE_FOR_ONE));
	add(outer, 'i', significant(SUPERVISION_TRANSIENT));
	run(outer);
	begin(inner, automatic(SUPERVISION_AUTO_ANY_SIGNIFICANT, SUPERVISION_ONE_FOR_ONE));
	add(inner, 's', significant(SUPERVISION_TRANSIENT));
	run(inner);
	exited(inner, 's', NORMAL);
	expect(inner, "gone s:ended, done:auto_shutdown");
	exited(outer, 'i', SHUTDOWN);
	expect(outer, "gone i:ended, done:auto_shutdown");
	supervision_free(outer->supervision);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_one_that_is_not_ready_in_time_is_stopped_and_that_is_a_failure),
		T(test_a_ready_that_comes_after_the_stop_changes_nothing),
		T(test_one_that_ended_normally_before_it_was_ready_counts_by_its_restart_type),
		T(test_one_that_is_ignored_is_down_costs_nothing_and_starts_again_with_its_group),
		T(test_one_that_is_ignored_while_it_is_stopped_ends_as_that_stop_says),
		T(test_one_that_is_ignored_before_its_group_has_stopped_it_starts_again_with_the_group),
		T(test_ready_implies_started),
		T(test_stable_service_resets_the_backoff_of_a_child),
		T(test_a_start_that_can_never_work_is_not_retried),
		T(test_s50_significant_children_need_auto_shutdown_and_a_restart_type_that_ends),
		T(test_s51_any_significant_child_that_ends_by_itself_ends_the_supervisor),
		T(test_s52_all_significant_waits_for_the_last_significant_child),
		T(test_s53_a_significant_child_that_is_stopped_does_not_end_the_supervisor),
		T(test_s54_auto_shutdown_cascades_through_a_significant_transient_supervisor),
	};

	return run_facts_of("supervision, ready", tests);
}

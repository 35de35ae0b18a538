/* SPDX-License-Identifier: Apache-2.0 */
/* Strategies, and which exits call for a restart. */
#include "tests/unit/supervision/supervision-world.h"

/* ---- strategies ---- */

static void test_s10_one_for_one_restarts_only_the_one_that_failed(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ONE), "abc", SUPERVISION_PERMANENT);
	exited(w, 'b', CRASH);
	expect(w, "start b");
	is(w, 'a', UP);
	is(w, 'c', UP);
	assert_int_equal(child(w, 'b')->n_starts, 2);
	assert_int_equal(child(w, 'b')->n_restarts, 1);
	assert_int_equal(child(w, 'a')->n_restarts, 0);
}

static void test_s11_one_for_all_stops_the_others_in_reverse_and_starts_all_in_order(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ALL), "abcd", SUPERVISION_PERMANENT);
	exited(w, 'b', CRASH);
	expect(w, "stop d:sibling");
	is(w, 'b', WAITING);
	exited(w, 'd', SHUTDOWN);
	expect(w, "stop c:sibling");
	exited(w, 'c', SHUTDOWN);
	expect(w, "stop a:sibling");
	exited(w, 'a', SHUTDOWN);
	expect(w, "start a");
	started(w, "a");
	expect(w, "start b");
	started(w, "b");
	expect(w, "start c");
	started(w, "c");
	expect(w, "start d");
	started(w, "d");
	expect(w, "");
}

static void test_s12_rest_for_one_leaves_the_earlier_ones_alone(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_REST_FOR_ONE), "abcd", SUPERVISION_PERMANENT);
	exited(w, 'b', CRASH);
	expect(w, "stop d:sibling");
	exited(w, 'd', SHUTDOWN);
	expect(w, "stop c:sibling");
	exited(w, 'c', SHUTDOWN);
	expect(w, "start b");
	is(w, 'a', UP);
	started(w, "b");
	expect(w, "start c");
	started(w, "c");
	expect(w, "start d");
	started(w, "d");
	expect(w, "");
	assert_int_equal(child(w, 'a')->n_starts, 1);
}

static void test_rest_for_one_of_the_last_child_restarts_it_alone(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_REST_FOR_ONE), "abc", SUPERVISION_PERMANENT);
	exited(w, 'c', CRASH);
	expect(w, "start c");
	started(w, "c");
	expect(w, "");
}

static void test_s13_an_exit_that_calls_for_no_restart_leaves_the_siblings_alone(void **state)
{
	static const enum supervision_strategy strategies[] = {
		SUPERVISION_ONE_FOR_ONE, SUPERVISION_ONE_FOR_ALL, SUPERVISION_REST_FOR_ONE};
	struct world *w = *state;

	for (size_t i = 0; i < 3; i++) {
		begin(w, otp(strategies[i]));
		add_all(w, "ab", SUPERVISION_TRANSIENT);
		add_all(w, "c", SUPERVISION_TEMPORARY);
		add_all(w, "d", SUPERVISION_PERMANENT);
		run(w);
		exited(w, 'a', NORMAL);
		expect(w, "gone a:ended");
		exited(w, 'b', SHUTDOWN);
		expect(w, "gone b:ended");
		exited(w, 'c', CRASH);
		expect(w, "gone c:ended*");
		is(w, 'd', UP);
		world_teardown(state);
	}
}

static void test_s13_a_permanent_child_that_ends_normally_fires_the_strategy(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ALL), "ab", SUPERVISION_PERMANENT);
	exited(w, 'a', NORMAL);
	expect(w, "stop b:sibling");
}

static void test_s14_temporary_siblings_are_stopped_and_forgotten(void **state)
{
	struct world *w = *state;

	begin(w, otp(SUPERVISION_ONE_FOR_ALL));
	add_all(w, "a", SUPERVISION_PERMANENT);
	add_all(w, "t", SUPERVISION_TEMPORARY);
	add_all(w, "b", SUPERVISION_PERMANENT);
	run(w);
	exited(w, 'a', CRASH);
	expect(w, "stop b:sibling");
	exited(w, 'b', SHUTDOWN);
	expect(w, "stop t:sibling");
	exited(w, 't', SHUTDOWN);
	expect(w, "gone t:sibling*, start a");
	assert_int_equal(supervision_count(w->supervision).n_children, 2);
	started(w, "a");
	expect(w, "start b");
}

static void test_s15_transient_siblings_that_were_stopped_start_again(void **state)
{
	struct world *w = *state;

	begin(w, otp(SUPERVISION_ONE_FOR_ALL));
	add_all(w, "a", SUPERVISION_PERMANENT);
	add_all(w, "b", SUPERVISION_TRANSIENT);
	run(w);
	exited(w, 'a', CRASH);
	expect(w, "stop b:sibling");
	exited(w, 'b', SHUTDOWN);
	expect(w, "start a");
	started(w, "a");
	expect(w, "start b");
}

static void test_s16_a_transient_child_that_ended_well_starts_again_with_its_group(void **state)
{
	struct world *w = *state;

	begin(w, otp(SUPERVISION_REST_FOR_ONE));
	add_all(w, "a", SUPERVISION_PERMANENT);
	add_all(w, "b", SUPERVISION_TRANSIENT);
	run(w);
	exited(w, 'b', NORMAL);
	expect(w, "gone b:ended");
	exited(w, 'a', CRASH);
	expect(w, "start a");
	started(w, "a");
	expect(w, "start b");
}

static void test_a_manual_stop_is_never_undone_by_a_group_restart(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ALL), "abc", SUPERVISION_PERMANENT);
	assert_int_equal(supervision_child_stop(child(w, 'b'), w->now_ns), 1);
	expect(w, "stop b:command");
	exited(w, 'b', SHUTDOWN);
	expect(w, "gone b:command");
	exited(w, 'a', CRASH);
	expect(w, "stop c:sibling");
	exited(w, 'c', SHUTDOWN);
	expect(w, "start a");
	started(w, "a");
	expect(w, "start c");
	started(w, "c");
	expect(w, "");
	is(w, 'b', DOWN);
}

static void test_s18_parallel_stop_asks_all_at_once_and_kills_the_stragglers(void **state)
{
	struct world *w = *state;

	begin(w, flat());
	add_all(w, "abc", SUPERVISION_PERMANENT);
	supervision_start(w->supervision, w->now_ns);
	expect(w, "start a, start b, start c");
	started(w, "abc");
	expect(w, "ready");
	supervision_shutdown(w->supervision, w->now_ns, false);
	expect(w, "stop c:shutdown, stop b:shutdown, stop a:shutdown");
	exited(w, 'b', SHUTDOWN);
	expect(w, "gone b:shutdown");
	pass_ms(w, 5000);
	expect(w, "kill c:overstayed, kill a:overstayed");
	exited(w, 'a', KILLED);
	expect(w, "gone a:shutdown");
	exited(w, 'c', KILLED);
	expect(w, "gone c:shutdown, done:shutdown");
}

static void test_parallel_stop_in_one_for_all_waits_for_all_before_it_starts_any(void **state)
{
	struct world *w = *state;
	struct supervision_config config = otp(SUPERVISION_ONE_FOR_ALL);

	config.parallel_stop = true;
	begin_run(w, config, "abc", SUPERVISION_PERMANENT);
	exited(w, 'b', CRASH);
	expect(w, "stop c:sibling, stop a:sibling");
	exited(w, 'a', SHUTDOWN);
	expect(w, "");
	exited(w, 'c', SHUTDOWN);
	expect(w, "start a");
}

/* ---- restart type and exit reason ---- */

static void test_the_table_of_restart_type_and_exit_reason(void **state)
{
	static const struct {
		enum supervision_restart restart;
		enum supervision_exit exit;
		const char *want;
	} rows[] = {
		{SUPERVISION_PERMANENT, NORMAL, "start a"},
		{SUPERVISION_PERMANENT, SHUTDOWN, "start a"},
		{SUPERVISION_PERMANENT, CRASH, "start a"},
		{SUPERVISION_PERMANENT, KILLED, "start a"},
		{SUPERVISION_PERMANENT, FATAL, "gone a:ended"},
		{SUPERVISION_TRANSIENT, NORMAL, "gone a:ended"},
		{SUPERVISION_TRANSIENT, SHUTDOWN, "gone a:ended"},
		{SUPERVISION_TRANSIENT, CRASH, "start a"},
		{SUPERVISION_TRANSIENT, KILLED, "start a"},
		{SUPERVISION_TRANSIENT, FATAL, "gone a:ended"},
		{SUPERVISION_TEMPORARY, NORMAL, "gone a:ended*"},
		{SUPERVISION_TEMPORARY, SHUTDOWN, "gone a:ended*"},
		{SUPERVISION_TEMPORARY, CRASH, "gone a:ended*"},
		{SUPERVISION_TEMPORARY, KILLED, "gone a:ended*"},
		{SUPERVISION_TEMPORARY, FATAL, "gone a:ended*"},
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin_run(w, otp(SUPERVISION_ONE_FOR_ONE), "a", rows[i].restart);
		exited(w, 'a', rows[i].exit);
		expect(w, rows[i].want);
		world_teardown(state);
	}
}

static void test_a_gone_action_tells_how_the_last_instance_ended(void **state)
{
	struct world *w = *state;

	begin_run(w, otp(SUPERVISION_ONE_FOR_ONE), "ab", SUPERVISION_TEMPORARY);
	exited(w, 'a', CRASH);
	expect(w, "gone a:ended*");
	assert_int_equal(w->last_gone.exit, CRASH);
	assert_false(w->last_gone.killed);
	supervision_child_stop(child(w, 'b'), w->now_ns);
	pass_ms(w, 5000);
	expect(w, "kill b:overstayed"); /* the STOP was not taken, so only the KILL comes */
	exited(w, 'b', KILLED);
	expect(w, "gone b:command*");
	assert_true(w->last_gone.killed);
}

static void test_keep_ended_keeps_temporary_children_until_they_are_removed(void **state)
{
	struct world *w = *state;
	struct supervision_config config = flat();

	config.keep_ended = true;
	begin(w, config);
	add_all(w, "a", SUPERVISION_TEMPORARY);
	supervision_start(w->supervision, w->now_ns);
	expect(w, "start a");
	started(w, "a");
	exited(w, 'a', CRASH);
	expect(w, "gone a:ended, ready");
	is(w, 'a', DOWN);
	assert_false(child(w, 'a')->wanted);
	assert_int_equal(child(w, 'a')->last_exit, CRASH);
	assert_int_equal(supervision_child_start(child(w, 'a'), w->now_ns), 0);
	expect(w, "start a");
	exited(w, 'a', NORMAL);
	expect(w, "gone a:ended");
	assert_int_equal(supervision_child_remove(child(w, 'a')), 0);
	assert_int_equal(supervision_count(w->supervision).n_children, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_s10_one_for_one_restarts_only_the_one_that_failed),
		T(test_s11_one_for_all_stops_the_others_in_reverse_and_starts_all_in_order),
		T(test_s12_rest_for_one_leaves_the_earlier_ones_alone),
		T(test_rest_for_one_of_the_last_child_restarts_it_alone),
		T(test_s13_an_exit_that_calls_for_no_restart_leaves_the_siblings_alone),
		T(test_s13_a_permanent_child_that_ends_normally_fires_the_strategy),
		T(test_s14_temporary_siblings_are_stopped_and_forgotten),
		T(test_s15_transient_siblings_that_were_stopped_start_again),
		T(test_s16_a_transient_child_that_ended_well_starts_again_with_its_group),
		T(test_a_manual_stop_is_never_undone_by_a_group_restart),
		T(test_s18_parallel_stop_asks_all_at_once_and_kills_the_stragglers),
		T(test_parallel_stop_in_one_for_all_waits_for_all_before_it_starts_any),
		T(test_the_table_of_restart_type_and_exit_reason),
		T(test_a_gone_action_tells_how_the_last_instance_ended),
		T(test_keep_ended_keeps_temporary_children_until_they_are_removed),
	};

	return run_facts_of("supervision, strategies", tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervision engine in virtual time. Children are called a, b, c ...; what the engine wants done is
 * compared as text: "start a, stop b:sibling, gone c:ended*" (after the colon the cause, a star for a handle
 * that is gone).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/supervision/engine.h"
#include "tests/fact.h"

#define MS UINT64_C(1000000)

enum { N_LETTERS = 26 };

struct world {
	struct supervision *supervision;
	uint64_t now_ns;
	struct supervision_child *child[N_LETTERS];
	struct supervision_action last_gone;
};

#define NORMAL   SUPERVISION_EXIT_NORMAL
#define SHUTDOWN SUPERVISION_EXIT_SHUTDOWN
#define CRASH    SUPERVISION_EXIT_ABNORMAL
#define KILLED   SUPERVISION_EXIT_KILLED
#define FATAL    SUPERVISION_EXIT_FATAL

static int world_teardown(void **state)
{
	struct world *w = *state;

	supervision_free(w->supervision);
	w->supervision = NULL;
	return 0;
}

static int world_setup(void **state)
{
	static struct world w;

	w = (struct world){.now_ns = 1000000 * MS};
	*state = &w;
	return 0;
}

static void begin(struct world *w, struct supervision_config config)
{
	assert_null(supervision_config_check(&config));
	assert_int_equal(supervision_new(&w->supervision, &config), 0);
}

/* OTP's shape: ordered, 2 restarts in 5 s */
static struct supervision_config otp(enum supervision_strategy strategy)
{
	return (struct supervision_config){
		.strategy = strategy, .intensity = 2, .period_ms = 5000, .start_in_order = true};
}

/* the node supervisor of `actorctl spawn` */
static struct supervision_config flat(void)
{
	return (struct supervision_config){
		.intensity = SUPERVISION_UNLIMITED, .parallel_stop = true, .retry_first_start = true};
}

static struct supervision_child_spec spec_of(enum supervision_restart restart)
{
	return (struct supervision_child_spec){.restart = restart, .shutdown_ms = 5000};
}

static void add(struct world *w, char letter, struct supervision_child_spec spec)
{
	char id[2] = {letter};

	spec.id = id;
	assert_null(supervision_child_spec_check(
		&(struct supervision_config){.auto_shutdown = SUPERVISION_AUTO_ANY_SIGNIFICANT}, &spec));
	assert_int_equal(supervision_child_add(w->supervision, &spec, &w->child[letter - 'a']), 0);
}

static void add_all(struct world *w, const char *letters, enum supervision_restart restart)
{
	for (; *letters; letters++)
		add(w, *letters, spec_of(restart));
}

static struct supervision_child *child(struct world *w, char letter)
{
	return w->child[letter - 'a'];
}

static void expect_(struct world *w, const char *want, const char *file, int line)
{
	struct supervision_action action;
	char got[4096] = "";
	size_t n = 0;

	while (supervision_next_action(w->supervision, &action)) {
		n += snprintf(got + n, sizeof(got) - n, "%s%s", n ? ", " : "",
			supervision_action_name(action.kind));
		if (action.child)
			n += snprintf(got + n, sizeof(got) - n, " %s", action.child->spec.id);
		if (action.cause)
			n += snprintf(got + n, sizeof(got) - n, ":%s", supervision_cause_name(action.cause));
		if (action.removed)
			n += snprintf(got + n, sizeof(got) - n, "*");
		if (action.kind == SUPERVISION_ACTION_GONE)
			w->last_gone = action;
		assert_true(n < sizeof(got));
	}
	_assert_string_equal(got, want, file, line);
}

#define expect(w, want) expect_(w, want, __FILE__, __LINE__)

static void exited(struct world *w, char letter, enum supervision_exit exit)
{
	assert_int_equal(supervision_child_exited(child(w, letter), w->now_ns, exit), 0);
}

static void started(struct world *w, const char *letters)
{
	for (; *letters; letters++)
		assert_int_equal(supervision_child_started(child(w, *letters), w->now_ns), 0);
}

static void ready(struct world *w, char letter)
{
	assert_int_equal(supervision_child_ready(child(w, letter), w->now_ns), 0);
}

static void start_failed(struct world *w, char letter)
{
	assert_int_equal(supervision_child_start_failed(child(w, letter), w->now_ns, false), 0);
}

static void pass_ms(struct world *w, uint64_t ms)
{
	w->now_ns += ms * MS;
	supervision_timer(w->supervision, w->now_ns);
	assert_true(supervision_next_deadline(w->supervision) > w->now_ns);
}

static uint64_t deadline_in_ms(struct world *w)
{
	return (supervision_next_deadline(w->supervision) - w->now_ns) / MS;
}

static void is_(struct world *w, char letter, enum supervision_state state, const char *file, int line)
{
	_assert_string_equal(
		supervision_state_name(child(w, letter)->state), supervision_state_name(state), file, line);
}

#define is(w, letter, state) is_(w, letter, SUPERVISION_##state, __FILE__, __LINE__)

/* start everything that was added, each child up in turn */
static void run(struct world *w)
{
	struct supervision_action action;

	assert_int_equal(supervision_start(w->supervision, w->now_ns), 0);
	while (supervision_next_action(w->supervision, &action)) {
		if (action.kind == SUPERVISION_ACTION_READY)
			return;
		assert_int_equal(action.kind, SUPERVISION_ACTION_START);
		supervision_child_started(action.child, w->now_ns);
	}
	fail_msg("the supervisor did not become ready");
}

static void begin_run(struct world *w, struct supervision_config config, const char *letters,
	enum supervision_restart restart)
{
	begin(w, config);
	add_all(w, letters, restart);
	run(w);
}

/* ---- start and stop order ---- */

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
	expect(w, ""); /* up is not ready */
	ready(w, 'a');
	expect(w, "start b");
	started(w, "b"); /* has no readiness: up is enough */
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
	exited(w, 'b', CRASH); /* S33: another reason is no error */
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
	expect(w, "start b"); /* order waits for it all the while */
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
	expect(w, "kill b:overstayed"); /* the STOP was overtaken */
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

/* ---- intensity and escalation ---- */

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
	assert_int_equal(supervision_child_remove(child(w, 'a')), 0); /* before anybody took an action */
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
	exited(w, 'a', CRASH); /* all children draw on the same units */
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

	/* `a` stands for a nested supervisor: its DONE is reported as the exit `shutdown` */
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
	start_failed(w, 'b'); /* the third unit */
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
	exited(w, 'c', CRASH); /* third unit */
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
	expect(w, "stop b:sibling"); /* START is out, started was not told yet */
	started(w, "b");             /* and comes too late */
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
	exited(w, 'b', CRASH); /* had served: the first restart is immediate */
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
	assert_int_equal(supervision_child_start(child(w, 'a'), w->now_ns), 0); /* does not wait */
	expect(w, "start a");
	start_failed(w, 'a');
	is(w, 'a', BACKOFF);
	assert_in_range(deadline_in_ms(w), 80, 120); /* a command begins a new series */
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
	assert_in_range(n, 20, 40); /* ten minutes of a command that is not there */
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

/* ---- stopping one child ---- */

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
	started(w, "a"); /* it is ready now, and nobody was told */
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
	exited(w, 'a', CRASH); /* it served: its first failure costs no wait */
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
	exited(w, 'a', CRASH); /* by itself, before its turn */
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
	expect(w, "gone a:ended, start b"); /* the ones after it need not wait for one that is done */
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
	expect(w, "start a, ready"); /* immediate: it had served */
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

/* ---- an earlier life, specs, memory, size ---- */

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
	for (int i = 0; i < _SUPERVISION_RESTART_N; i++)
		assert_string_not_equal(supervision_restart_name(i), "?");
	for (int i = 0; i < _SUPERVISION_STATE_N; i++)
		assert_string_not_equal(supervision_state_name(i), "?");
	for (int i = 0; i < _SUPERVISION_EXIT_N; i++)
		assert_string_not_equal(supervision_exit_name(i), "?");
	for (int i = 0; i < _SUPERVISION_CAUSE_N; i++)
		assert_string_not_equal(supervision_cause_name(i), "?");
	for (int i = 0; i < _SUPERVISION_ACTION_N; i++)
		assert_string_not_equal(supervision_action_name(i), "?");
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

/* a pass that looked at all children at every event would take hours here */
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

#define T(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

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
		T(test_after_shutdown_began_nothing_can_be_added_or_started),
		T(test_a_forced_shutdown_kills_everything_at_once),
		T(test_shutdown_during_the_first_start_takes_back_what_has_not_started),
		T(test_one_that_is_not_ready_in_time_is_stopped_and_that_is_a_failure),
		T(test_a_ready_that_comes_after_the_stop_changes_nothing),
		T(test_one_that_ended_normally_before_it_was_ready_counts_by_its_restart_type),
		T(test_ready_implies_started),
		T(test_stable_service_resets_the_backoff_of_a_child),
		T(test_a_start_that_can_never_work_is_not_retried),
		T(test_s50_significant_children_need_auto_shutdown_and_a_restart_type_that_ends),
		T(test_s51_any_significant_child_that_ends_by_itself_ends_the_supervisor),
		T(test_s52_all_significant_waits_for_the_last_significant_child),
		T(test_s53_a_significant_child_that_is_stopped_does_not_end_the_supervisor),
		T(test_s54_auto_shutdown_cascades_through_a_significant_transient_supervisor),
		T(test_restored_children_go_on_where_they_were_without_a_start),
		T(test_time_that_seems_to_go_back_does_no_harm),
		T(test_senseless_configs_and_specs_are_refused_with_a_reason),
		T(test_every_word_has_a_name),
		T(test_free_with_actions_not_taken_loses_no_memory),
		T(test_s64_a_hundred_thousand_children_start_restart_and_stop),
	};
	return run_facts_of("supervision", tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Supervisors of actors: starts, ends, strategies, intensity. The names say the rows of docs/parity/otp.md.
 */
#include "tests/unit/tree/tree-world.h"

#include <stdio.h>
#include <stdlib.h>

#include "libactor/util/clock.h"

/* ---- order of starts and stops ---- */

static void story_order(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("abc", specs);
	actor_ref sup = family_spawn(self, &options);

	expect(self, "+a +b +c "); /* S4: all have started when the call returns */
	stop(self, sup, "-c:shutdown -b:shutdown -a:shutdown ");
}

static void test_s1_s2_s4_children_start_in_order_and_stop_in_reverse(void **state)
{
	tree_story(story_order);
}

/* Spawns a supervisor while the story goes on. */
static int spawner_run(actor *self, const actor_msg *msg)
{
	struct actor_cause failure;
	actor_ref ref;
	uint64_t options;
	int r;

	assert_int_equal(actor_msg_unpack(msg, "U", &options), 0);
	r = actor_supervisor_spawn(
		self, (const struct actor_supervisor_options *)(uintptr_t)options, &ref, &failure);
	note("spawned:%d ", r);
	return 0;
}

static const struct actor_method spawner_methods[] = {{.name = "run", .on_cast = spawner_run}, {0}};
static const struct actor_behavior spawner_behavior = {.name = "spawner", .methods = spawner_methods};

static actor_ref spawn_meanwhile(actor *self, const struct actor_supervisor_options *options)
{
	actor_ref spawner;

	assert_int_equal(actor_spawn(self, &spawner_behavior, NULL, &spawner), 0);
	assert_int_equal(actor_cast(self, actor_to(spawner), "run", "U", (uint64_t)(uintptr_t)options), 0);
	return spawner;
}

static void story_waits(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("abc", specs);

	HABIT('b').init_waits = true;
	spawn_meanwhile(self, &options);
	expect(self, "+a +b "); /* c waits until b has started */
	assert_int_equal(actor_sleep(self, 5), 0);
	assert_string_equal(story_log, "");
	go = true;
	expect(self, "+c spawned:0 ");
}

static void test_s1_a_child_starts_when_the_one_before_it_has_started(void **state)
{
	tree_story(story_waits);
}

static void story_own_times(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("abcd", specs);
	actor_ref sup;

	specs[1].shutdown_ms = 20; /* b overstays and is killed */
	HABIT('b').deaf = true;
	specs[2].shutdown_ms = 5000; /* c takes its time */
	HABIT('c').end_ms = 30;
	specs[3].shutdown_ms = ACTOR_BRUTAL_KILL; /* d is not asked */
	sup = family_spawn(self, &options);
	expect(self, "+a +b +c +d ");
	stop(self, sup, "-c:shutdown -b:forced -a:shutdown ");
	n_lives--; /* d had no terminate */
}

static void test_s2_s30_s31_each_child_has_its_own_time_to_end(void **state)
{
	tree_story(story_own_times);
}

static void story_infinity(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("a", specs);
	actor_ref sup;

	specs[0].shutdown_ms = ACTOR_FOREVER;
	HABIT('a').end_ms = 60;
	sup = family_spawn(self, &options);
	expect(self, "+a ");
	stop(self, sup, "-a:shutdown ");
}

static void test_s32_infinity_waits_for_ever(void **state)
{
	tree_story(story_infinity);
}

static void story_parallel(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("abcd", specs);
	int64_t before_ms;
	actor_ref sup;

	options.parallel_stop = true;
	for (int i = 0; i < 4; i++)
		habits[i].end_ms = 100;
	sup = family_spawn(self, &options);
	expect(self, "+a +b +c +d ");
	before_ms = clock_now_ms();
	watch(self, sup);
	assert_int_equal(actor_stop(self, sup, "shutdown"), 0);
	while (n_lives)
		assert_int_equal(actor_sleep(self, 1), 0);
	assert_true(clock_now_ms() - before_ms < 390);
	story_log[0] = 0;
}

static void test_s18_parallel_stop_asks_all_at_once(void **state)
{
	tree_story(story_parallel);
}

/* ---- failing starts ---- */

static void story_failing(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("abcd", specs);
	struct actor_cause failure;
	actor_ref sup;

	HABIT('c').init = -EPERM;
	assert_int_equal(actor_supervisor_spawn(self, &options, &sup, &failure), -EPERM);
	expect(self, "+a +b +c -b:shutdown -a:shutdown ");
	assert_string_equal(failure.reason, "crash: EPERM");
	assert_int_equal(strncmp(failure.text, "child 'c': ", 11), 0);
}

static void test_s3_a_first_start_that_fails_stops_the_earlier_ones_and_the_call_has_its_cause(void **state)
{
	tree_story(story_failing);
}

static void story_failing_link(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("ab", specs);
	actor_ref sup;

	HABIT('b').init = -EPERM;
	assert_int_equal(spawn_link(self, &options, &sup), -EPERM);
	expect(self, "+a +b -a:shutdown "); /* and no EXIT */
	assert_int_equal(actor_sleep(self, 2), 0);
	assert_string_equal(story_log, "");
}

static void test_a_linked_start_that_fails_sends_no_exit_signal(void **state)
{
	tree_story(story_failing_link);
}

static void story_nested_failing(actor *self)
{
	struct actor_child_spec inner[KIDS_MAX], outer[KIDS_MAX];
	struct actor_supervisor_options low = family("cd", inner), high = family("ab", outer);
	struct actor_cause failure;
	actor_ref sup;

	outer[1] =
		(struct actor_child_spec){.name = "low", .supervisor = &low, .supervisor_bytes = sizeof(low)};
	HABIT('d').init = -ENOSPC;
	assert_int_equal(actor_supervisor_spawn(self, &high, &sup, &failure), -ENOSPC);
	expect(self, "+a +c +d -c:shutdown -a:shutdown ");
	assert_string_equal(failure.reason, "crash: ENOSPC");
	assert_non_null(strstr(failure.text, "child 'low': child 'd': "));
}

static void test_sup26_a_nested_start_error_comes_to_the_top_with_its_cause(void **state)
{
	tree_story(story_nested_failing);
}

static void story_ignore(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("abc", specs);
	struct actor_child_counts counts;
	struct actor_child_info info;
	actor_ref sup, ref = {1, 2, 3};
	struct actor_child_spec more = kid("d", ACTOR_PERMANENT);

	specs[2].restart = ACTOR_TEMPORARY;
	HABIT('a').init = HABIT('c').init = HABIT('d').init = ACTOR_IGNORE;
	sup = family_spawn(self, &options);
	expect(self, "+a +b +c ");
	assert_int_equal(actor_supervisor_child(self, sup, "a", &info), 0); /* SUP.3 */
	assert_int_equal(info.state, ACTOR_CHILD_IS_DOWN);
	assert_true(actor_ref_is_nobody(info.who));
	assert_int_equal(actor_supervisor_child(self, sup, "c", &info), -ESRCH);               /* SUP.4 */
	assert_int_equal(actor_supervisor_start_child(self, sup, &more, 1000, &ref, NULL), 0); /* SUP.5 */
	assert_true(actor_ref_is_nobody(ref));
	assert_int_equal(actor_supervisor_child(self, sup, "d", &info), 0);
	more.name = NULL; /* SUP.6 */
	assert_int_equal(actor_supervisor_start_child(self, sup, &more, 1000, &ref, NULL), 0);
	assert_true(actor_ref_is_nobody(ref));
	assert_int_equal(actor_supervisor_count(self, sup, &counts), 0);
	assert_int_equal(counts.specs, 3);
	assert_int_equal(counts.active, 1);
	HABIT('a').init = 0;
	assert_int_equal(actor_supervisor_start_again(self, sup, "a", 1000, &ref), 0);
	expect(self, "+d +d +a ");
	HABIT('b').init = ACTOR_IGNORE; /* SUP.37 */
	crash(self, sup, "b");
	expect(self, "-b:crash: EIO +b ");
	expect_state(self, sup, "b", ACTOR_CHILD_IS_DOWN);
	stop(self, sup, "-a:shutdown ");
}

static void test_s5_a_child_whose_init_says_ignore_is_down_and_no_failure(void **state)
{
	tree_story(story_ignore);
}

static void story_start_timeout(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("ab", specs);
	struct actor_cause failure;
	actor_ref sup;

	specs[1].start_timeout_ms = 10;
	specs[1].shutdown_ms = ACTOR_FOREVER; /* of a child that has started */
	HABIT('b').init_waits = true;
	assert_int_equal(actor_supervisor_spawn(self, &options, &sup, &failure), -ETIMEDOUT);
	assert_string_equal(failure.reason, "timeout");
	expect(self, "+a +b -a:shutdown ");
}

static void test_a_start_that_takes_too_long_has_failed(void **state)
{
	tree_story(story_start_timeout);
}

/* ---- strategies ---- */

static void strategy(actor *self, enum actor_strategy kind, const char *want)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("abc", specs);
	actor_ref sup, a, b;

	options.strategy = kind;
	sup = family_spawn(self, &options);
	a = child_ref(self, sup, "a");
	b = child_ref(self, sup, "b");
	expect(self, "+a +b +c ");
	crash(self, sup, "b");
	expect(self, want);
	expect_state(self, sup, "c", ACTOR_CHILD_RUNS);
	assert_int_equal(actor_ref_equal(a, child_ref(self, sup, "a")), kind != ACTOR_ONE_FOR_ALL);
	assert_false(actor_ref_equal(b, child_ref(self, sup, "b"))); /* S63 */
	stop(self, sup, "-c:shutdown -b:shutdown -a:shutdown ");
}

static void story_one_for_one(actor *self)
{
	strategy(self, ACTOR_ONE_FOR_ONE, "-b:crash: EIO +b ");
}

static void story_one_for_all(actor *self)
{
	strategy(self, ACTOR_ONE_FOR_ALL, "-b:crash: EIO -c:shutdown -a:shutdown +a +b +c ");
}

static void story_rest_for_one(actor *self)
{
	strategy(self, ACTOR_REST_FOR_ONE, "-b:crash: EIO -c:shutdown +b +c ");
}

static void test_s10_s63_one_for_one_restarts_the_one_that_failed_as_a_new_actor(void **state)
{
	tree_story(story_one_for_one);
}

static void test_s11_one_for_all(void **state)
{
	tree_story(story_one_for_all);
}

static void test_s12_rest_for_one(void **state)
{
	tree_story(story_rest_for_one);
}

static void story_restart_types(actor *self)
{
	static const char *const reasons[] = {"normal", "shutdown", "other"};
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("abc", specs);
	struct actor_child_info info;
	char want[64];

	options.intensity = 100;
	specs[1].restart = ACTOR_TRANSIENT;
	specs[2].restart = ACTOR_TEMPORARY;
	for (int i = 0; i < 3; i++) {
		actor_ref sup = family_spawn(self, &options);

		expect(self, "+a +b +c ");
		end(self, sup, "a", reasons[i]);
		snprintf(want, sizeof(want), "-a:%s +a ", reasons[i]);
		expect(self, want);
		end(self, sup, "b", reasons[i]);
		snprintf(want, sizeof(want), "-b:%s %s", reasons[i], i == 2 ? "+b " : "");
		expect(self, want);
		expect_state(self, sup, "b", i == 2 ? ACTOR_CHILD_RUNS : ACTOR_CHILD_IS_DOWN);
		end(self, sup, "c", reasons[i]);
		snprintf(want, sizeof(want), "-c:%s ", reasons[i]);
		expect(self, want);
		while (actor_supervisor_child(self, sup, "c", &info) == 0)
			assert_int_equal(actor_sleep(self, 1), 0);
		stop(self, sup, i == 2 ? "-b:shutdown -a:shutdown " : "-a:shutdown ");
	}
}

static void test_st1_st2_st3_restart_type_and_reason(void **state)
{
	tree_story(story_restart_types);
}

static void story_siblings(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("abcde", specs);
	struct actor_child_info info;
	actor_ref sup;

	options.strategy = ACTOR_ONE_FOR_ALL;
	specs[1].restart = specs[2].restart = ACTOR_TRANSIENT;
	specs[3].restart = ACTOR_TEMPORARY;
	sup = family_spawn(self, &options);
	expect(self, "+a +b +c +d +e ");
	end(self, sup, "b", "normal"); /* S13: no sibling is touched */
	expect(self, "-b:normal ");
	assert_int_equal(actor_supervisor_stop_child(self, sup, "e", 1000), 0);
	expect(self, "-e:shutdown ");
	crash(self, sup, "a");
	/* S14: d is gone. S15, S16: b and c start again. e was stopped by command and stays down. */
	expect(self, "-a:crash: EIO -d:shutdown -c:shutdown +a +b +c ");
	assert_int_equal(actor_supervisor_child(self, sup, "d", &info), -ESRCH);
	expect_state(self, sup, "e", ACTOR_CHILD_IS_DOWN);
	stop(self, sup, "-c:shutdown -b:shutdown -a:shutdown ");
}

static void test_s13_s14_s15_s16_what_siblings_of_each_type_do(void **state)
{
	tree_story(story_siblings);
}

/* ---- intensity ---- */

static void story_intensity(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("abc", specs);
	actor_ref sup = family_spawn(self, &options);

	watch(self, sup);
	expect(self, "+a +b +c ");
	crash(self, sup, "a");
	expect(self, "-a:crash: EIO +a ");
	expect_state(self, sup, "a", ACTOR_CHILD_RUNS);
	crash(self, sup, "a");
	expect(self, "-a:crash: EIO +a ");
	expect_state(self, sup, "a", ACTOR_CHILD_RUNS);
	crash(self, sup, "a");
	expect(self, "-a:crash: EIO -c:shutdown -b:shutdown DOWN:shutdown ");
	assert_non_null(strstr(last_end.text, "gave up: child 'a': crash: EIO"));
	assert_true(actor_group_of(self) != NULL);
}

static void test_s21_n_restarts_survive_and_one_more_stops_the_others_in_reverse(void **state)
{
	tree_story(story_intensity);
}

static void story_intensity_0(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("a", specs);
	actor_ref sup;

	options.intensity = ACTOR_INTENSITY_NONE;
	sup = family_spawn(self, &options);
	watch(self, sup);
	crash(self, sup, "a");
	expect(self, "+a -a:crash: EIO DOWN:shutdown ");
}

static void test_s20_intensity_0_ends_the_supervisor_at_the_first_failure(void **state)
{
	tree_story(story_intensity_0);
}

static void story_apart(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("a", specs);
	actor_ref sup;

	options.intensity = 1;
	options.period_ms = 20;
	sup = family_spawn(self, &options);
	expect(self, "+a ");
	for (int i = 0; i < 3; i++) {
		crash(self, sup, "a");
		expect(self, "-a:crash: EIO +a ");
		expect_state(self, sup, "a", ACTOR_CHILD_RUNS);
		assert_int_equal(actor_sleep(self, 25), 0); /* the period */
	}
	stop(self, sup, "-a:shutdown ");
}

static void test_sup29_failures_that_are_apart_survive(void **state)
{
	tree_story(story_apart);
}

static void story_failing_restart(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("ab", specs);
	actor_ref sup;

	options.intensity = 3;
	sup = family_spawn(self, &options);
	watch(self, sup);
	expect(self, "+a +b ");
	HABIT('a').n_fails = 100;
	crash(self, sup, "a");
	expect(self,
		"-a:crash: EIO +a +a +a -b:shutdown DOWN:shutdown "); /* as many starts as the intensity */
}

static void test_s24_each_failed_restart_costs_one_unit_and_is_tried_at_once(void **state)
{
	tree_story(story_failing_restart);
}

static void story_other_fails(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("abc", specs);
	actor_ref sup;

	options.strategy = ACTOR_ONE_FOR_ALL;
	sup = family_spawn(self, &options);
	expect(self, "+a +b +c ");
	HABIT('b').n_fails = 1;
	crash(self, sup, "c");
	expect(self, "-c:crash: EIO -b:shutdown -a:shutdown +a +b -a:shutdown +a +b +c ");
	stop(self, sup, "-c:shutdown -b:shutdown -a:shutdown ");
	options.strategy = ACTOR_REST_FOR_ONE;
	sup = family_spawn(self, &options);
	expect(self, "+a +b +c ");
	HABIT('c').n_fails = 1;
	crash(self, sup, "b");
	expect(self, "-b:crash: EIO -c:shutdown +b +c +c "); /* b, which was started, is kept */
	stop(self, sup, "-c:shutdown -b:shutdown -a:shutdown ");
}

static void test_s25_a_child_that_fails_within_a_restart_of_its_group(void **state)
{
	tree_story(story_other_fails);
}

static void story_backoff(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("ab", specs);
	struct actor_child_info info;
	int64_t before_ms;
	actor_ref sup, ref;

	options.intensity = ACTOR_INTENSITY_UNLIMITED;
	specs[0].backoff_min_ms = 40;
	specs[0].backoff_jitter_pct = -1;
	sup = family_spawn(self, &options);
	expect(self, "+a +b ");
	HABIT('a').n_fails = 1;
	before_ms = clock_now_ms();
	crash(self, sup, "a"); /* the first restart is immediate; it fails, and the second waits */
	expect(self, "-a:crash: EIO +a +a ");
	assert_true(clock_now_ms() - before_ms >= 39);
	HABIT('a').n_fails = 100;
	specs[0].backoff_min_ms = 60000;
	crash(self, sup, "a");
	expect_state(self, sup, "a", ACTOR_CHILD_BACKS_OFF);
	/* S26: it can be looked at, and the others are served */
	assert_int_equal(actor_supervisor_child(self, sup, "a", &info), 0);
	assert_true(info.wait_ms > 0);
	assert_int_equal(actor_supervisor_delete_child(self, sup, "a", 1000), -EBUSY);
	assert_int_equal(actor_supervisor_restart_child(self, sup, "b", 1000, &ref), 0);
	assert_int_equal(actor_supervisor_stop_child(self, sup, "a", 1000), 0);
	expect_state(self, sup, "a", ACTOR_CHILD_IS_DOWN);
	HABIT('a').n_fails = 0;
	assert_int_equal(actor_supervisor_start_again(self, sup, "a", 1000, &ref), 0);
	story_log[0] = 0;
	stop(self, sup, "-b:shutdown -a:shutdown ");
}

static void test_s26_a_child_in_backoff_can_be_looked_at_stopped_and_started(void **state)
{
	tree_story(story_backoff);
}

static void story_shutdown_in_backoff(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("ab", specs);
	actor_ref sup;

	options.intensity = ACTOR_INTENSITY_UNLIMITED;
	specs[0].backoff_min_ms = 60000;
	sup = family_spawn(self, &options);
	expect(self, "+a +b ");
	HABIT('a').n_fails = 100;
	crash(self, sup, "a");
	expect_state(self, sup, "a", ACTOR_CHILD_BACKS_OFF);
	expect(self, "-a:crash: EIO +a ");
	stop(self, sup, "-b:shutdown ");
}

static void test_s26_a_supervisor_with_a_child_in_backoff_ends_at_once(void **state)
{
	tree_story(story_shutdown_in_backoff);
}

#define T(fn) cmocka_unit_test(fn)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_s1_s2_s4_children_start_in_order_and_stop_in_reverse),
		T(test_s1_a_child_starts_when_the_one_before_it_has_started),
		T(test_s2_s30_s31_each_child_has_its_own_time_to_end),
		T(test_s32_infinity_waits_for_ever),
		T(test_s18_parallel_stop_asks_all_at_once),
		T(test_s3_a_first_start_that_fails_stops_the_earlier_ones_and_the_call_has_its_cause),
		T(test_a_linked_start_that_fails_sends_no_exit_signal),
		T(test_sup26_a_nested_start_error_comes_to_the_top_with_its_cause),
		T(test_s5_a_child_whose_init_says_ignore_is_down_and_no_failure),
		T(test_a_start_that_takes_too_long_has_failed),
		T(test_s10_s63_one_for_one_restarts_the_one_that_failed_as_a_new_actor),
		T(test_s11_one_for_all),
		T(test_s12_rest_for_one),
		T(test_st1_st2_st3_restart_type_and_reason),
		T(test_s13_s14_s15_s16_what_siblings_of_each_type_do),
		T(test_s21_n_restarts_survive_and_one_more_stops_the_others_in_reverse),
		T(test_s20_intensity_0_ends_the_supervisor_at_the_first_failure),
		T(test_sup29_failures_that_are_apart_survive),
		T(test_s24_each_failed_restart_costs_one_unit_and_is_tried_at_once),
		T(test_s25_a_child_that_fails_within_a_restart_of_its_group),
		T(test_s26_a_child_in_backoff_can_be_looked_at_stopped_and_started),
		T(test_s26_a_supervisor_with_a_child_in_backoff_ends_at_once),
	};

	return run_facts_of("supervisors of actors", tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Supervisors of actors: commands, questions, nesting, auto_shutdown, ends, events. */
#include "tests/unit/tree/tree-world.h"

#include <stdio.h>
#include <stdlib.h>

#include "libactor/base/base.h"
#include "libactor/util/clock.h"

/* ---- commands and questions ---- */

static void story_dynamic(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX], more;
	struct actor_supervisor_options options = family("a", specs);
	actor_ref sup = family_spawn(self, &options), ref, again;
	struct actor_cause cause;

	more = kid("b", ACTOR_PERMANENT);
	assert_int_equal(actor_supervisor_start_child(self, sup, &more, 1000, &ref, NULL), 0);
	assert_true(actor_ref_equal(ref, child_ref(self, sup, "b")));
	assert_int_equal(actor_supervisor_start_child(self, sup, &more, 1000, &again, NULL), -EALREADY);
	assert_true(actor_ref_equal(ref, again));
	assert_int_equal(actor_supervisor_stop_child(self, sup, "b", 1000), 0);
	assert_int_equal(actor_supervisor_start_child(self, sup, &more, 1000, &again, NULL), -EEXIST);
	more = kid("c", ACTOR_PERMANENT);
	HABIT('c').init = -ENOSPC;
	assert_int_equal(actor_supervisor_start_child(self, sup, &more, 1000, &ref, &cause), -ENOSPC);
	assert_string_equal(cause.reason, "crash: ENOSPC");
	assert_int_equal(actor_supervisor_stop_child(self, sup, "c", 1000), -ESRCH); /* not kept */
	more.restart = (enum actor_restart)7;
	assert_int_equal(actor_supervisor_start_child(self, sup, &more, 1000, &ref, &cause), -EINVAL);
	assert_non_null(strstr(cause.text, "restart type"));
	expect(self, "+a +b -b:shutdown +c ");
	assert_int_equal(actor_supervisor_start_again(self, sup, "b", 1000, &ref), 0);
	stop(self, sup, "+b -b:shutdown -a:shutdown "); /* S6 */
	assert_int_equal(actor_supervisor_start_child(self, sup, &more, 1000, &ref, NULL), -ESRCH);
}

static void test_s6_s38_children_are_added_last_and_a_failed_start_is_not_kept(void **state)
{
	tree_story(story_dynamic);
}

static void story_admin(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("ab", specs);
	struct actor_child_info info;
	actor_ref sup, ref, old;

	sup = family_spawn(self, &options);
	old = child_ref(self, sup, "a");
	assert_int_equal(actor_supervisor_stop_child(self, sup, "nobody", 1000), -ESRCH);
	assert_int_equal(actor_supervisor_start_again(self, sup, "a", 1000, &ref), -EALREADY);
	assert_int_equal(actor_supervisor_delete_child(self, sup, "a", 1000), -EBUSY);
	assert_int_equal(actor_supervisor_restart_child(self, sup, "a", 1000, &ref), 0);
	assert_false(actor_ref_equal(ref, old));
	assert_int_equal(actor_supervisor_stop_child(self, sup, "a", 1000), 0);
	assert_int_equal(actor_supervisor_stop_child(self, sup, "a", 1000), 0); /* already */
	HABIT('a').init = -EIO;
	assert_int_equal(actor_supervisor_start_again(self, sup, "a", 1000, &ref), -EIO); /* S36 */
	assert_int_equal(actor_supervisor_child(self, sup, "a", &info), 0);
	assert_int_equal(info.state, ACTOR_CHILD_IS_DOWN);
	assert_string_equal(info.cause->reason, "crash: EIO");
	assert_int_equal(actor_supervisor_delete_child(self, sup, "a", 1000), 0);
	assert_int_equal(actor_supervisor_child(self, sup, "a", &info), -ESRCH);
	assert_int_equal(actor_supervisor_delete_child(self, sup, "a", 1000), -ESRCH);
	expect(self, "+a +b -a:shutdown +a -a:shutdown +a ");
	stop(self, sup, "-b:shutdown ");
}

static void test_s35_s36_s37_stop_start_restart_delete(void **state)
{
	tree_story(story_admin);
}

static void story_own_end(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("a", specs);
	actor_ref sup = family_spawn(self, &options);
	actor_msg *reply;
	int r;

	assert_int_equal(
		actor_call(self, actor_to(child_ref(self, sup, "a")), "stop_me", 1000, &reply, "r", sup), 0);
	assert_int_equal(actor_msg_unpack(reply, "i", &r), 0);
	actor_msg_free(reply);
	assert_int_equal(r, -EDEADLK);
	stop(self, sup, "+a -a:shutdown ");
}

static void test_a_child_cannot_wait_for_its_own_end(void **state)
{
	tree_story(story_own_end);
}

static bool note_child(const struct actor_child_info *info, void *arg)
{
	note("%s%d ", info->name, (int)info->state);
	return true;
}

static void story_questions(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX], unnamed = kid("x", ACTOR_TEMPORARY);
	struct actor_supervisor_options options = family("ab", specs);
	struct actor_child_counts counts;
	actor_ref sup = family_spawn(self, &options), ref;
	actor_msg *reply;
	size_t size;

	expect(self, "+a +b ");
	unnamed.name = NULL;
	assert_int_equal(actor_supervisor_start_child(self, sup, &unnamed, 1000, &ref, NULL), 0);
	HABIT('a').end_ms = 60000;
	HABIT('a').deaf = true;
	end(self, sup, "a", "other"); /* it ends, but takes its time */
	assert_int_equal(actor_sleep(self, 2), 0);
	expect(self, "+x ");
	assert_int_equal(actor_supervisor_each_child(self, sup, note_child, NULL), 3);
	expect(self, "a4 b4 #34 ");
	assert_int_equal(actor_supervisor_count(self, sup, &counts), 0);
	assert_int_equal(counts.specs, 3);
	assert_int_equal(counts.active, 3);
	assert_int_equal(counts.workers, 3);
	assert_int_equal(counts.supervisors, 0);
	assert_int_equal(actor_call(self, actor_to(sup), "children", 1000, &reply, ""), 0);
	assert_non_null(actor_msg_body(reply, &size));
	assert_true(size > 100);
	actor_msg_free(reply);
	assert_int_equal(actor_call(self, actor_to(sup), "stop", 1000, NULL, "i", 5), -EREMOTEIO);
	assert_int_equal(actor_call(self, actor_to(sup), "$start_new", 1000, NULL, "U", (uint64_t)1), -ESRCH);
	assert_int_equal(actor_kill(self, child_ref(self, sup, "a")), 0);
	expect(self, "-a:forced +a ");
	HABIT('a').deaf = false;
	HABIT('a').end_ms = 0;
	assert_int_equal(actor_supervisor_each_child(self, ACTOR_NOBODY, note_child, NULL), -ESRCH);
	assert_int_equal(actor_supervisor_each_child(self, actor_self(self), note_child, NULL), -ESRCH);
	stop(self, sup, "-x:shutdown -b:shutdown -a:shutdown ");
}

static void test_s7_s40_children_are_listed_and_counted(void **state)
{
	tree_story(story_questions);
}

static void story_slow(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX], more = kid("c", ACTOR_PERMANENT);
	struct actor_supervisor_options options = family("ab", specs);
	struct actor_child_info info;
	actor_ref sup = family_spawn(self, &options), ref;

	HABIT('c').init_waits = true;
	assert_int_equal(actor_supervisor_start_child(self, sup, &more, 5, &ref, NULL), -ETIMEDOUT);
	assert_int_equal(actor_supervisor_child(self, sup, "c", &info), 0);
	assert_int_equal(info.state, ACTOR_CHILD_STARTS);
	/* S41: it is in init for long, and all else goes on */
	assert_int_equal(actor_supervisor_restart_child(self, sup, "b", 1000, &ref), 0);
	crash(self, sup, "a");
	expect(self, "+a +b +c -b:shutdown +b -a:crash: EIO +a ");
	go = true;
	expect_state(self, sup, "c", ACTOR_CHILD_RUNS);
	stop(self, sup, "-c:shutdown -b:shutdown -a:shutdown ");
}

static void test_s41_a_slow_start_delays_nobody_else(void **state)
{
	tree_story(story_slow);
}

static void story_deaf(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("ab", specs);
	actor_ref sup, ref;

	specs[0].shutdown_ms = 100;
	sup = family_spawn(self, &options);
	HABIT('a').deaf = true;
	/* a does not stop; meanwhile the supervisor does all else */
	assert_int_equal(actor_supervisor_stop_child(self, sup, "a", 10), -ETIMEDOUT);
	expect_state(self, sup, "a", ACTOR_CHILD_STOPS);
	assert_int_equal(actor_supervisor_restart_child(self, sup, "b", 50, &ref), 0);
	expect(self, "+a +b -b:shutdown +b ");
	expect(self, "-a:forced ");
	expect_state(self, sup, "a", ACTOR_CHILD_IS_DOWN);
	stop(self, sup, "-b:shutdown ");
}

static void test_a_child_that_does_not_stop_blocks_nobody_and_is_killed(void **state)
{
	tree_story(story_deaf);
}

static void story_names(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX], twice[KIDS_MAX];
	struct actor_supervisor_options options = family("aa", twice), bad = family("a", specs);
	struct actor_cause failure;
	actor_ref sup;

	assert_int_equal(actor_supervisor_spawn(self, &options, &sup, &failure), -EEXIST);
	assert_non_null(strstr(failure.text, "'a'"));
	specs[0].significant = true;
	assert_non_null(actor_supervisor_check(&bad)); /* S50 */
	assert_int_equal(actor_supervisor_spawn(self, &bad, &sup, &failure), -EINVAL);
	assert_non_null(strstr(failure.text, "significant"));
	specs[0].significant = false;
	specs[0].behavior = NULL;
	assert_non_null(actor_supervisor_check(&bad));
	specs[0] = kid("a", ACTOR_PERMANENT);
	specs[0].shutdown_ms = -9;
	assert_non_null(actor_supervisor_check(&bad));
	specs[0] = kid("a\n", ACTOR_PERMANENT);
	assert_non_null(actor_supervisor_check(&bad));
	specs[0] = (struct actor_child_spec){.supervisor = &bad, .supervisor_bytes = sizeof(bad)};
	assert_non_null(actor_supervisor_check(&bad)); /* it contains itself */
	specs[0] = kid("a", ACTOR_PERMANENT);
	bad.strategy = (enum actor_strategy)9;
	assert_non_null(actor_supervisor_check(&bad));
	bad.strategy = ACTOR_ONE_FOR_ONE;
	bad.child_bytes = 3;
	assert_non_null(actor_supervisor_check(&bad));
	bad.child_bytes = sizeof(specs[0]);
	assert_null(actor_supervisor_check(&bad));
	expect(self, "");
}

static void test_s50_sup20_sup22_senseless_options_are_refused_with_a_reason(void **state)
{
	tree_story(story_names);
}

static void story_many(actor *self)
{
	enum { N = 20000 };
	struct actor_supervisor_options options = {.parallel_stop = true};
	struct actor_child_spec spec = kid("a", ACTOR_TEMPORARY);
	struct actor_child_counts counts;
	actor_ref sup = family_spawn(self, &options), ref;

	spec.name = NULL;
	for (int i = 0; i < N; i++) {
		assert_int_equal(actor_supervisor_start_child(self, sup, &spec, 5000, &ref, NULL), 0);
		if (i % 2)
			assert_int_equal(actor_stop(self, ref, NULL), 0);
		story_log[0] = 0;
	}
	do {
		assert_int_equal(actor_supervisor_count(self, sup, &counts), 0);
		story_log[0] = 0;
		assert_int_equal(actor_sleep(self, 1), 0);
	} while (counts.specs != N / 2);
	watch(self, sup);
	assert_int_equal(actor_stop(self, sup, "shutdown"), 0);
	while (n_lives) {
		story_log[0] = 0;
		assert_int_equal(actor_sleep(self, 1), 0);
	}
	story_log[0] = 0;
}

static void test_s64_s17_many_children_with_arguments_of_their_own_come_and_go(void **state)
{
	tree_story(story_many);
}

/* ---- nesting ---- */

static struct actor_child_spec low_specs[KIDS_MAX];
static struct actor_supervisor_options low;

static struct actor_child_spec low_spec(enum actor_restart restart)
{
	return (struct actor_child_spec){
		.name = "low", .supervisor = &low, .supervisor_bytes = sizeof(low), .restart = restart};
}

static void story_tree(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX], more = kid("e", ACTOR_PERMANENT);
	struct actor_supervisor_options options = family("abd", specs);
	struct actor_child_counts counts;
	actor_ref sup, low_ref, ref;

	low = family("bc", low_specs);
	low.strategy = ACTOR_ONE_FOR_ALL;
	low.intensity = 1;
	specs[1] = low_spec(ACTOR_PERMANENT);
	sup = family_spawn(self, &options);
	expect(self, "+a +b +c +d "); /* d starts when all of low have */
	low_ref = child_ref(self, sup, "low");
	assert_int_equal(actor_supervisor_count(self, sup, &counts), 0);
	assert_int_equal(counts.supervisors, 1);
	crash(self, low_ref, "b");
	expect(self, "-b:crash: EIO -c:shutdown +b +c "); /* isolated */
	assert_int_equal(actor_supervisor_start_child(self, low_ref, &more, 1000, &ref, NULL), 0);
	expect_state(self, low_ref, "c", ACTOR_CHILD_RUNS);
	expect(self, "+e ");
	crash(self, low_ref, "b"); /* one too many: low gives up, and costs its parent a unit (S22) */
	/* S23: without e */
	expect(self, "-b:crash: EIO -e:shutdown -c:shutdown +b +c ");
	expect_state(self, sup, "low", ACTOR_CHILD_RUNS);
	assert_int_equal(
		actor_supervisor_child(self, child_ref(self, sup, "low"), "e", &(struct actor_child_info){0}),
		-ESRCH);
	stop(self, sup, "-d:shutdown -c:shutdown -b:shutdown -a:shutdown ");
}

static void test_s22_s23_sup41_a_nested_supervisor_that_gave_up_comes_back_with_its_static_children(
	void **state)
{
	tree_story(story_tree);
}

static void story_units(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("a", specs);
	actor_ref sup;

	low = family("b", low_specs);
	low.intensity = ACTOR_INTENSITY_NONE;
	options.intensity = 1;
	specs[0] = low_spec(ACTOR_PERMANENT);
	sup = family_spawn(self, &options);
	watch(self, sup);
	crash(self, child_ref(self, sup, "low"), "b");
	expect(self, "+b -b:crash: EIO +b ");
	expect_state(self, sup, "low", ACTOR_CHILD_RUNS);
	crash(self, child_ref(self, sup, "low"), "b");
	expect(self, "-b:crash: EIO DOWN:shutdown ");
	assert_non_null(strstr(last_end.text, "gave up: child 'low'"));
	/* a transient supervisor that gave up has ended cleanly, as in OTP */
	specs[0] = low_spec(ACTOR_TRANSIENT);
	sup = family_spawn(self, &options);
	crash(self, child_ref(self, sup, "low"), "b");
	expect(self, "+b -b:crash: EIO ");
	expect_state(self, sup, "low", ACTOR_CHILD_IS_DOWN);
	stop(self, sup, "");
}

static void test_s22_each_giving_up_is_a_unit_of_the_parent(void **state)
{
	tree_story(story_units);
}

static void story_nested_starting(actor *self)
{
	struct actor_supervisor_options options = {.intensity = 2};
	struct actor_child_spec more;
	actor_ref sup = family_spawn(self, &options), ref;

	low = family("bc", low_specs);
	HABIT('c').init_waits = true;
	low_specs[1].shutdown_ms = ACTOR_BRUTAL_KILL;
	more = low_spec(ACTOR_PERMANENT);
	assert_int_equal(actor_supervisor_start_child(self, sup, &more, 10, &ref, NULL), -ETIMEDOUT);
	expect(self, "+b +c ");
	stop(self, sup, "-b:shutdown "); /* although c hangs in init */
}

static void test_a_supervisor_can_be_stopped_while_it_starts(void **state)
{
	tree_story(story_nested_starting);
}

/* ---- auto_shutdown ---- */

static void automatic(actor *self, enum actor_auto_shutdown kind, const char *first, const char *second)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("abc", specs);
	actor_ref sup;

	options.auto_shutdown = kind;
	specs[0].restart = ACTOR_TRANSIENT;
	specs[1].restart = ACTOR_TEMPORARY;
	specs[0].significant = specs[1].significant = true;
	sup = family_spawn(self, &options);
	watch(self, sup);
	expect(self, "+a +b +c ");
	crash(self, sup, "a"); /* a restart is no end */
	expect(self, "-a:crash: EIO +a ");
	expect_state(self, sup, "a", ACTOR_CHILD_RUNS);
	end(self, sup, "b", "other");
	expect(self, first);
	if (second) {
		end(self, sup, "a", "normal");
		expect(self, second);
	}
}

static void story_any(actor *self)
{
	automatic(self, ACTOR_AUTO_ANY_SIGNIFICANT, "-b:other -c:shutdown -a:shutdown DOWN:shutdown ", NULL);
}

static void story_all(actor *self)
{
	automatic(self, ACTOR_AUTO_ALL_SIGNIFICANT, "-b:other ", "-a:normal -c:shutdown DOWN:shutdown ");
}

static void test_s51_any_significant_child_that_ends_ends_the_supervisor(void **state)
{
	tree_story(story_any);
}

static void test_s52_the_last_significant_child_that_ends_ends_the_supervisor(void **state)
{
	tree_story(story_all);
}

static void story_bystander(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("abc", specs);
	actor_ref sup, ref;

	options.auto_shutdown = ACTOR_AUTO_ANY_SIGNIFICANT;
	options.strategy = ACTOR_ONE_FOR_ALL;
	specs[0].restart = ACTOR_TRANSIENT;
	specs[0].significant = true;
	sup = family_spawn(self, &options);
	expect(self, "+a +b +c ");
	crash(self, sup, "b"); /* a is stopped as a sibling */
	expect(self, "-b:crash: EIO -c:shutdown -a:shutdown +a +b +c ");
	assert_int_equal(actor_supervisor_stop_child(self, sup, "a", 1000), 0);
	assert_int_equal(actor_supervisor_start_again(self, sup, "a", 1000, &ref), 0);
	expect(self, "-a:shutdown +a ");
	stop(self, sup, "-c:shutdown -b:shutdown -a:shutdown ");
}

static void test_s53_a_significant_child_that_is_stopped_does_not_count(void **state)
{
	tree_story(story_bystander);
}

static void story_cascade(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("ab", specs);
	actor_ref sup;

	low = family("c", low_specs);
	low.auto_shutdown = options.auto_shutdown = ACTOR_AUTO_ANY_SIGNIFICANT;
	low_specs[0].restart = ACTOR_TRANSIENT;
	low_specs[0].significant = true;
	specs[1] = low_spec(ACTOR_TRANSIENT);
	specs[1].significant = true;
	sup = family_spawn(self, &options);
	watch(self, sup);
	expect(self, "+a +c ");
	end(self, child_ref(self, sup, "low"), "c", "normal");
	expect(self, "-c:normal -a:shutdown DOWN:shutdown ");
}

static void test_s54_auto_shutdown_cascades(void **state)
{
	tree_story(story_cascade);
}

/* ---- ends ---- */

static void story_killed(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("ad", specs);
	actor_ref sup, a;

	low = family("bc", low_specs);
	HABIT('b').deaf = true;
	specs[1] = low_spec(ACTOR_PERMANENT);
	sup = family_spawn(self, &options);
	a = child_ref(self, sup, "a");
	watch(self, sup);
	watch(self, a);
	expect(self, "+a +b +c ");
	assert_int_equal(actor_kill(self, sup), 0);
	expect(self, "DOWN:killed DOWN:killed ");
	assert_int_equal(actor_stop(self, a, NULL), -ESRCH);
	n_lives -= 3; /* none had a terminate */
}

static void test_s61_a_killed_supervisor_takes_all_below_it_along(void **state)
{
	tree_story(story_killed);
}

static void story_killed_late(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("ab", specs);
	actor_ref sup;

	specs[1].shutdown_ms = ACTOR_FOREVER;
	sup = family_spawn(self, &options);
	watch(self, sup);
	expect(self, "+a +b ");
	HABIT('b').deaf = true;
	assert_int_equal(actor_stop(self, sup, "shutdown"), 0);
	expect_state(self, sup, "b", ACTOR_CHILD_STOPS);
	assert_int_equal(actor_kill(self, sup), 0); /* its stop becomes a kill */
	expect(self, "-b:forced DOWN:shutdown ");
	n_lives--; /* a */
}

static void test_a_kill_during_the_stop_of_a_supervisor_kills_what_is_left(void **state)
{
	tree_story(story_killed_late);
}

static void story_parent(actor *self)
{
	static const char *const reasons[] = {"normal", "other", "shutdown"};
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("ab", specs);
	actor_ref sup;

	for (int i = 0; i < 3; i++) {
		actor_ref parent = ear_of(self);

		assert_int_equal(spawn_link(self, &options, &sup), 0);
		expect(self, "+a +b ");
		/* S60: signals of others are nothing */
		assert_int_equal(actor_exit(self, sup, "other"), 0);
		assert_int_equal(actor_supervisor_stop_child(self, sup, "a", 1000), 0);
		expect(self, "-a:shutdown ");
		assert_int_equal(actor_stop(self, parent, reasons[i]), 0);
		expect(self, "-b:shutdown ");
		ear_forget();
	}
}

static void test_s62_s60_the_end_of_its_parent_stops_a_supervisor_in_order(void **state)
{
	tree_story(story_parent);
}

static void story_gave_up_linked(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("ab", specs);
	actor_ref sup;

	options.intensity = ACTOR_INTENSITY_NONE;
	assert_int_equal(spawn_link(self, &options, &sup), 0);
	crash(self, sup, "a");
	expect(self, "+a +b -a:crash: EIO -b:shutdown EXIT:shutdown ");
	assert_string_equal(last_end.reason, "shutdown");
	assert_int_equal(strncmp(last_end.text, "gave up: child 'a'", 18), 0);
	assert_string_equal(
		actor_group_of(self)->first_failure.reason, "crash: EIO"); /* actor_main() says it */
}

static void test_a_linked_parent_hears_that_the_supervisor_gave_up(void **state)
{
	tree_story(story_gave_up_linked);
}

static void story_group_end(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("ad", specs);

	low = family("bc", low_specs);
	specs[1] = low_spec(ACTOR_PERMANENT);
	family_spawn(self, &options);
	expect(self, "+a +b +c ");
	/* the story's end stops the group */
}

static void test_the_end_of_the_group_stops_children_in_order(void **state)
{
	tree_story(story_group_end);
	assert_string_equal(story_log, "-c:shutdown -b:shutdown -a:shutdown ");
}

static void waits_in_event(actor *supervisor, const struct actor_supervisor_event *event, void *arg)
{
	while (!go)
		assert_int_equal(actor_sleep(supervisor, 1), 0);
}

/* The supervisor's turn to end has not come, so it goes on. */
static void story_group_end_late(actor *self)
{
	actor_group *group = actor_group_of(self);
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("ab", specs);
	actor_ref sup;

	options.on_event = waits_in_event;
	sup = family_spawn(self, &options);
	watch(self, sup);
	expect(self, "+a +b ");
	actor_group_stop(group);
	while (!group->stop_begun)
		assert_int_equal(actor_sleep(self, 1), 0);
	crash(self, sup, "a");
	expect(self, "-a:crash: EIO +a ");
	assert_int_equal(actor_call(self, actor_to(child_ref(self, sup, "a")), "count", 1000, NULL, ""), 0);
	assert_string_equal(story_log, "");
	go = true;
	expect(self, "-b:shutdown -a:shutdown ");
	assert_string_equal(group->first_failure.reason, "");
}

static void test_a_child_that_starts_in_the_end_of_the_group_is_its_supervisors(void **state)
{
	tree_story(story_group_end_late);
}

static void story_clean(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("a", specs);
	actor_ref sup = family_spawn(self, &options);

	crash(self, sup, "a");
	expect(self, "+a -a:crash: EIO +a ");
	assert_string_equal(actor_group_of(self)->first_failure.reason, "");
	stop(self, sup, "-a:shutdown ");
}

static void test_a_failure_that_a_supervisor_has_dealt_with_is_not_the_programs(void **state)
{
	tree_story(story_clean);
}

/* ---- events ---- */

static void on_event(actor *supervisor, const struct actor_supervisor_event *event, void *arg)
{
	static const char *const kinds[] = {
		"started", "restarted", "ended", "down", "all", "gave_up", "ends"};

	assert_ptr_equal(arg, &low);
	/* it may wait, like any handler */
	assert_int_equal(actor_sleep(supervisor, 1), 0);
	note("%s%s%s%s%s ", kinds[event->kind], *event->child ? ":" : "", event->child,
		event->cause ? "=" : "", event->cause ? event->cause->reason : "");
	if (event->state)
		note("(%d) ", kid_seen(event->state));
}

static void story_events(actor *self)
{
	struct actor_child_spec specs[KIDS_MAX];
	struct actor_supervisor_options options = family("ab", specs);
	actor_ref sup;

	options.intensity = 1;
	options.on_event = on_event;
	options.arg = &low;
	specs[0].keep_state = true;
	sup = family_spawn(self, &options);
	watch(self, sup);
	expect(self, "+a +b started:a started:b all ");
	assert_int_equal(actor_call(self, actor_to(child_ref(self, sup, "a")), "count", 1000, NULL, ""), 0);
	assert_int_equal(actor_call(self, actor_to(child_ref(self, sup, "a")), "count", 1000, NULL, ""), 0);
	crash(self, sup, "a");
	expect(self, "-a:crash: EIO +a ended:a=crash: EIO (2) restarted:a ");
	crash(self, sup, "a");
	expect(self,
		"-a:crash: EIO -b:shutdown ended:a=crash: EIO (0) gave_up:a=crash: EIO down:a=crash: EIO "
		"ended:b=shutdown down:b=shutdown ends DOWN:shutdown ");
}

static void test_events_say_what_happened_with_the_last_state(void **state)
{
	tree_story(story_events);
}

#define T(fn) cmocka_unit_test(fn)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_s6_s38_children_are_added_last_and_a_failed_start_is_not_kept),
		T(test_s35_s36_s37_stop_start_restart_delete),
		T(test_a_child_cannot_wait_for_its_own_end),
		T(test_s7_s40_children_are_listed_and_counted),
		T(test_s41_a_slow_start_delays_nobody_else),
		T(test_a_child_that_does_not_stop_blocks_nobody_and_is_killed),
		T(test_s50_sup20_sup22_senseless_options_are_refused_with_a_reason),
		T(test_s64_s17_many_children_with_arguments_of_their_own_come_and_go),
		T(test_s22_s23_sup41_a_nested_supervisor_that_gave_up_comes_back_with_its_static_children),
		T(test_s22_each_giving_up_is_a_unit_of_the_parent),
		T(test_a_supervisor_can_be_stopped_while_it_starts),
		T(test_s51_any_significant_child_that_ends_ends_the_supervisor),
		T(test_s52_the_last_significant_child_that_ends_ends_the_supervisor),
		T(test_s53_a_significant_child_that_is_stopped_does_not_count),
		T(test_s54_auto_shutdown_cascades),
		T(test_s61_a_killed_supervisor_takes_all_below_it_along),
		T(test_a_kill_during_the_stop_of_a_supervisor_kills_what_is_left),
		T(test_s62_s60_the_end_of_its_parent_stops_a_supervisor_in_order),
		T(test_a_linked_parent_hears_that_the_supervisor_gave_up),
		T(test_the_end_of_the_group_stops_children_in_order),
		T(test_a_child_that_starts_in_the_end_of_the_group_is_its_supervisors),
		T(test_a_failure_that_a_supervisor_has_dealt_with_is_not_the_programs),
		T(test_events_say_what_happened_with_the_last_state),
	};

	return run_facts_of("supervisors of actors, commands", tests);
}

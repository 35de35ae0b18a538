/* SPDX-License-Identifier: Apache-2.0 */
/* Commands of callers. */
#include "tests/unit/supervisor/node-world.h"

static void test_stop_is_term_then_after_the_grace_kill(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	turn(f);
	node_stop(f->node, "a", true, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "term(100,1000)");
	advance(f, 999);
	assert_string_equal(turn(f), "");
	advance(f, 1);
	assert_string_equal(turn(f), "kill(100)");
	ends(f, 100, CLD_KILLED, SIGKILL);
	assert_string_equal(turn(f), "group_down(100) ack(100) reply2(down)");
}

static void test_a_stopped_child_ended_by_term_says_shutdown(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	node_monitor(f->node, 100, caller, 9, FROM(3));
	turn(f);
	node_stop(f->node, "a", false, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "term(100,1000) reply2(stopping)");
	ends(f, 100, CLD_KILLED, SIGTERM);
	assert_string_equal(turn(f), "group_down(100) ack(100) down(100,9,shutdown)");
}

static void test_restart_is_a_new_incarnation_that_costs_no_backoff(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	turn(f);
	node_restart(f->node, "a", true, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "term(100,1000)");
	ends(f, 100, CLD_KILLED, SIGTERM);
	assert_string_equal(turn(f), "group_down(100) ack(100) spawn(a,101)");
	runs(f, 101);
	assert_string_equal(turn(f), "reply2(up)");
	assert_string_equal(field(f, "a", "restarts"), "0");
}

static void test_start_and_restart_are_answered_when_it_is_ready(void **arg)
{
	struct fixture *f = *arg;
	struct child_spec spec;

	spec_make(&spec, "a", ACTOR_PERMANENT);
	spec.ready_actor = true;
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_NONE, 0, f->now_ns);
	runs(f, 100);
	node_group_ready(f->node, 100, f->now_ns);
	turn(f);
	node_restart(f->node, "a", true, FROM(2), f->now_ns);
	ends(f, 100, CLD_KILLED, SIGTERM);
	turn(f);
	runs(f, 101);
	assert_string_equal(turn(f), "");
	node_child_start(f->node, "a", true, FROM(3), f->now_ns); /* the process runs, but is not ready yet */
	assert_string_equal(turn(f), "");
	node_group_ready(f->node, 101, f->now_ns);
	assert_string_equal(turn(f), "reply2(ready) reply3(ready)");
}

static void test_start_brings_a_stopped_one_back(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	node_stop(f->node, "a", false, FROM(2), f->now_ns);
	ends(f, 100, CLD_KILLED, SIGTERM);
	turn(f);
	node_child_start(f->node, "a", true, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "spawn(a,101)");
	runs(f, 101);
	assert_string_equal(turn(f), "reply2(up)");
	node_child_start(f->node, "a", true, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "reply2(up)");
}

static void test_start_ends_a_backoff_and_its_series(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	for (uint64_t group = 100; group < 104;
		group++) { /* the first start comes at once, the others after 100, 200 and 400 ms */
		runs(f, group);
		turn(f);
		ends(f, group, CLD_KILLED, SIGSEGV);
		turn(f);
		if (group > 100 && group < 103)
			advance(f, group == 101 ? 120 : 240);
		turn(f);
	}
	assert_string_equal(state_of(f, "a"), "backoff");
	assert_in_range(atoi(field(f, "a", "next_start_ms")), 320, 480);
	node_child_start(f->node, "a", false, FROM(2), f->now_ns);
	assert_non_null(strstr(turn(f), "spawn(a,104)"));
	runs(f, 104);
	turn(f);
	ends(f, 104, CLD_KILLED, SIGSEGV);
	/* The child starts at once, because the command began the series of delays anew. */
	assert_non_null(strstr(turn(f), "spawn(a,105)"));
}

static void test_kill_9_goes_to_the_tree_other_signals_to_the_leader(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	turn(f);
	node_kill(f->node, "a", SIGUSR1, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "signal(100,10) reply2");
	node_kill(f->node, "a", SIGKILL, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "kill(100) reply2");
	node_kill(f->node, "a", 4711, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "error2(bad_args)");
}

static void test_what_is_not_there_is_noproc(void **arg)
{
	struct fixture *f = *arg;

	node_stop(f->node, "x", true, FROM(2), f->now_ns);
	node_child_start(f->node, "x", true, FROM(2), f->now_ns);
	node_restart(f->node, "x", true, FROM(2), f->now_ns);
	node_kill(f->node, "x", 9, FROM(2), f->now_ns);
	node_remove(f->node, "x", true, FROM(2), f->now_ns);
	node_wait(f->node, "x", NODE_WAIT_UP, 0, FROM(2), f->now_ns);
	assert_string_equal(turn(f),
		"error2(no_name) error2(no_name) error2(no_name) error2(no_name) error2(no_name) error2(no_name)");
}

static void test_rm_wants_it_down_or_force(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	turn(f);
	node_remove(f->node, "a", false, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "error2(running)");
	node_wait(f->node, "a", NODE_WAIT_DOWN, 0, FROM(3), f->now_ns);
	node_remove(f->node, "a", true, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "term(100,1000)");
	ends(f, 100, CLD_EXITED, 0);
	assert_string_equal(turn(f), "group_down(100) ack(100) reply3(down) reply2");
	assert_int_equal(node_count(f->node), 0);
}

static void test_what_was_removed_does_not_come_back_with_the_next_supervisor(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	node_stop(f->node, "a", false, FROM(2), f->now_ns);
	ends(f, 100, CLD_EXITED, 0);
	turn(f);
	node_remove(f->node, "a", false, FROM(3), f->now_ns);
	turn(f);
	die(f);
	node_synced(f->node, f->now_ns);
	turn(f);
	assert_null(node_child_by_name(f->node, "a"));
}

static void test_down_stops_all_then_says_so(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	spawn(f, "b", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	runs(f, 101);
	turn(f);
	node_down(f->node, FROM(2), f->now_ns);
	/* The youngest is stopped first, and none waits for another's end. */
	assert_string_equal(turn(f), "term(101,1000) term(100,1000)");
	spawn(f, "c", ACTOR_PERMANENT, NODE_WAIT_NONE);
	assert_string_equal(turn(f), "error1(stopping)");
	ends(f, 100, CLD_KILLED, SIGTERM);
	assert_string_equal(turn(f), "group_down(100) ack(100)");
	ends(f, 101, CLD_KILLED, SIGTERM);
	assert_string_equal(turn(f), "group_down(101) ack(101) reply2 stopped");
}

static void test_the_broker_is_unlisted_comes_back_for_ever_and_goes_last(void **arg)
{
	struct fixture *f = *arg;
	struct node_config config = {.node_id = NODE_ID, .seed = 1, .broker = "/b/actor-broker"};

	node_free(f->node);
	assert_int_equal(node_new(&f->node, &config), 0);
	node_start(f->node, f->now_ns);
	node_reserved(f->node, 100, 1024, f->now_ns);
	node_synced(f->node, f->now_ns);
	assert_string_equal(turn(f), "spawn(broker,100)");
	assert_int_equal(node_count(f->node), 0);
	assert_null(node_child_by_name(f->node, "broker"));
	for (uint64_t group = 100; group < 120; group++) {
		runs(f, group);
		ends(f, group, CLD_EXITED, 125);
		turn(f);
		advance(f, 1000);
		turn(f);
	}
	runs(f, 120);
	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 121);
	turn(f);
	node_down(f->node, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "term(121,1000)");
	ends(f, 121, CLD_EXITED, 0);
	assert_string_equal(turn(f), "group_down(121) ack(121) term(120,2000)");
	ends(f, 120, CLD_EXITED, 0);
	assert_string_equal(turn(f), "ack(120) reply2 stopped");
}

/* Runs the broker and ends it; @ready: it serves first. Returns the wait until the next one is started. */
static uint64_t broker_dies(
	struct fixture *f, uint64_t group, bool ready, uint64_t lived_ms, int code, int status)
{
	char expected[32];
	uint64_t waited_ms;

	runs(f, group);
	if (ready)
		node_group_ready(f->node, group, f->now_ns);
	turn(f);
	advance(f, lived_ms);
	ends(f, group, code, status);
	snprintf(expected, sizeof(expected), "spawn(broker,%llu)", (unsigned long long)group + 1);
	for (waited_ms = 0; !strstr(turn(f), expected); waited_ms += 10) {
		assert_true(waited_ms < 10000);
		advance(f, 10);
	}
	return waited_ms;
}

static void test_a_broker_comes_back_at_once_unless_it_dies_before_it_serves(void **arg)
{
	struct node_config config = {.node_id = NODE_ID, .seed = 1, .broker = "/b/actor-broker"};
	struct fixture *f = *arg;
	uint64_t group;

	node_free(f->node);
	assert_int_equal(node_new(&f->node, &config), 0);
	node_start(f->node, f->now_ns);
	node_reserved(f->node, 100, 1024, f->now_ns);
	node_synced(f->node, f->now_ns);
	turn(f);
	for (group = 100; group < 120; group++) /* each had served for a second; every other one is killed */
		assert_int_equal(broker_dies(f, group, true, 1000, group % 2 ? CLD_KILLED : CLD_EXITED,
					 group % 2 ? SIGSEGV : 1),
			0);
	for (; group < 140; group++) /* each is killed while it serves */
		assert_true(broker_dies(f, group, true, 10, CLD_KILLED, SIGKILL) <= 120);
	assert_int_equal(broker_dies(f, group++, true, 1000, CLD_KILLED, SIGKILL), 0);
	for (; group < 150; group++) /* each dies as soon as it serves */
		broker_dies(f, group, true, 10, CLD_KILLED, SIGSEGV);
	assert_in_range(broker_dies(f, group++, true, 10, CLD_KILLED, SIGSEGV), 640, 970);
	assert_int_equal(broker_dies(f, group++, true, 1000, CLD_KILLED, SIGKILL), 0);
	for (; group < 160; group++) /* each dies at its start */
		broker_dies(f, group, false, 5000, CLD_EXITED, 1);
	assert_in_range(broker_dies(f, group, false, 5000, CLD_EXITED, 1), 640, 970);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_stop_is_term_then_after_the_grace_kill),
		T(test_a_stopped_child_ended_by_term_says_shutdown),
		T(test_restart_is_a_new_incarnation_that_costs_no_backoff),
		T(test_start_and_restart_are_answered_when_it_is_ready),
		T(test_start_brings_a_stopped_one_back),
		T(test_start_ends_a_backoff_and_its_series),
		T(test_kill_9_goes_to_the_tree_other_signals_to_the_leader),
		T(test_what_is_not_there_is_noproc),
		T(test_rm_wants_it_down_or_force),
		T(test_what_was_removed_does_not_come_back_with_the_next_supervisor),
		T(test_down_stops_all_then_says_so),
		T(test_the_broker_is_unlisted_comes_back_for_ever_and_goes_last),
		T(test_a_broker_comes_back_at_once_unless_it_dies_before_it_serves),
	};

	return run_facts_of("node, commands", tests);
}

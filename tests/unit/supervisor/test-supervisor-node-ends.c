/* SPDX-License-Identifier: Apache-2.0 */
/* Ends of processes, and what follows from them. */
#include "tests/unit/supervisor/node-world.h"

static void test_the_first_restart_is_immediate_then_it_backs_off(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	turn(f);
	ends(f, 100, CLD_DUMPED, SIGSEGV);
	assert_string_equal(turn(f), "group_down(100) ack(100) spawn(a,101)");
	runs(f, 101);
	ends(f, 101, CLD_KILLED, SIGKILL);
	assert_string_equal(turn(f), "group_down(101) ack(101)");
	assert_string_equal(state_of(f, "a"), "backoff");
	assert_string_equal(field(f, "a", "pid"), "nil");
	assert_in_range(atoi(field(f, "a", "next_start_ms")), 79, 120);
	advance(f, 120);
	assert_string_equal(turn(f), "spawn(a,102)");
	assert_string_equal(field(f, "a", "restarts"), "2");
}

/* Watchers hear of the end from the broker, so the broker is told before all that can be done later. */
static void test_the_broker_is_told_of_an_end_before_all_else(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	spawn(f, "b", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	runs(f, 101);
	turn(f);
	node_kill(f->node, "b", SIGUSR1, FROM(3), f->now_ns);
	ends(f, 100, CLD_KILLED, SIGKILL);
	ends(f, 101, CLD_KILLED, SIGKILL);
	assert_string_equal(turn(f),
		"group_down(100) group_down(101) signal(101,10) reply3 ack(100) spawn(a,102) ack(101) spawn(b,103)");
}

static void test_transient_comes_back_from_failure_only(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_TRANSIENT, NODE_WAIT_NONE);
	runs(f, 100);
	ends(f, 100, CLD_EXITED, 1);
	turn(f);
	assert_string_equal(state_of(f, "a"), "starting");
	runs(f, 101);
	ends(f, 101, CLD_EXITED, 0);
	turn(f);
	assert_string_equal(state_of(f, "a"), "down");
}

static void test_status_125_asks_not_to_be_restarted(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	ends(f, 100, CLD_EXITED, 125);
	turn(f);
	assert_string_equal(state_of(f, "a"), "down");
}

static void test_an_exec_failure_is_told_and_retried_later(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_UP);
	turn(f);
	fails(f, 100, ENOENT);
	assert_string_equal(turn(f), "group_down(100) ack(100) error1(exec)");
	assert_string_equal(state_of(f, "a"), "backoff");
	assert_int_equal(node_child_by_name(f->node, "a")->last_exit.cause.kind, ACTOR_EXIT_EXEC);
	assert_int_equal(node_child_by_name(f->node, "a")->last_exit.cause.code, ENOENT);
	advance(f, 120);
	assert_string_equal(turn(f), "spawn(a,101)");
}

static void test_an_exec_failure_without_backoff_still_waits(void **arg)
{
	struct fixture *f = *arg;
	struct child_spec spec;

	spec_make(&spec, "a", ACTOR_PERMANENT);
	spec.backoff_min_ms = spec.backoff_max_ms = 0;
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_NONE, 0, f->now_ns);
	fails(f, 100, ENOENT);
	turn(f);
	assert_int_equal(node_next_deadline(f->node), f->now_ns + 100 * MS);
	advance(f, 100);
	assert_string_equal(turn(f), "spawn(a,101)");
	fails(f, 101, ENOENT);
	turn(f);
	node_stop(f->node, "a", true, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "reply2(down)");
	advance(f, 1000);
	assert_string_equal(turn(f), "");
}

static void test_a_temporary_that_cannot_be_run_is_down(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_TEMPORARY, NODE_WAIT_EXIT);
	fails(f, 100, EACCES);
	assert_string_equal(turn(f), "group_down(100) spawn(?,100) ack(100) error1(exec)");
	assert_string_equal(state_of(f, "a"), "down");
}

static void test_a_refused_spawn_is_a_failed_start(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_UP);
	turn(f);
	node_refused(f->node, 100, -ENOSPC, f->now_ns);
	assert_string_equal(turn(f), "group_down(100) error1(exec)");
	assert_string_equal(state_of(f, "a"), "backoff");
}

/* What the keeper says of group 100 when the kernel does not let it kill a process that runs as user 7. */
static void denied(struct fixture *f, enum keeper_stage stage, int pid)
{
	struct keeper_slot slot = slot_of(f, 100, stage);

	slot.denied_pid = pid;
	slot.denied_uid = 7;
	slot.flags = stage == KEEPER_EXITED ? KEEPER_SLOT_TREE_LEFT : 0;
	node_slot(f->node, &slot, NULL, f->now_ns);
}

static void test_who_waits_for_the_end_of_what_may_not_be_killed_is_told(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	turn(f);
	node_stop(f->node, "a", true, FROM(2), f->now_ns);
	node_remove(f->node, "a", true, FROM(3), f->now_ns);
	advance(f, 1000);
	assert_string_equal(turn(f), "term(100,1000) kill(100)");
	denied(f, KEEPER_RUNNING, 1100);
	assert_string_equal(turn(f), "error2(not_stopped) error3(not_stopped)");
	assert_string_equal(state_of(f, "a"), "stopping");
	assert_int_equal(node_child_by_name(f->node, "a")->denied_pid, 1100);
	/* it is tried again for each who asks; the keeper answers again */
	node_restart(f->node, "a", true, FROM(4), f->now_ns);
	assert_string_equal(turn(f), "error4(stopping)"); /* it is being removed */
	node_stop(f->node, "a", true, FROM(4), f->now_ns);
	assert_string_equal(turn(f), "kill(100)");
	denied(f, KEEPER_RUNNING, 1100);
	assert_string_equal(turn(f), "error4(not_stopped)");
	node_wait(f->node, "a", NODE_WAIT_READY, 0, FROM(5), f->now_ns);
	assert_string_equal(turn(f), "error5(not_stopped)");
	/* whoever only looks goes on looking */
	node_wait(f->node, "a", NODE_WAIT_DOWN, 0, FROM(5), f->now_ns);
	assert_string_equal(turn(f), "");
	ends(f, 100, CLD_EXITED, 0);
	assert_string_equal(turn(f), "group_down(100) ack(100) reply5(down)");
	assert_string_equal(state_of(f, "a"), "none");
}

static void test_a_restart_of_what_may_not_be_killed_comes_when_it_has_ended(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	node_restart(f->node, "a", true, FROM(2), f->now_ns);
	advance(f, 1000);
	turn(f);
	denied(f, KEEPER_RUNNING, 1100);
	assert_string_equal(turn(f), "error2(not_stopped)");
	die(f); /* the next supervisor asks the process again, and hears the same */
	denied(f, KEEPER_RUNNING, 1100);
	node_synced(f->node, f->now_ns);
	turn(f);
	assert_int_equal(node_child_by_name(f->node, "a")->denied_pid, 1100);
	assert_int_equal(node_child_by_name(f->node, "a")->denied_uid, 7);
	ends(f, 100, CLD_EXITED, 0);
	turn(f);
	assert_string_equal(state_of(f, "a"), "starting");
	assert_int_equal(node_child_by_name(f->node, "a")->denied_pid, 0);
}

static void test_what_was_left_behind_is_no_stop(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	turn(f);
	node_stop(f->node, "a", true, FROM(2), f->now_ns);
	turn(f);
	denied(f, KEEPER_EXITED, 4711);
	assert_string_equal(turn(f), "group_down(100) ack(100) error2(not_stopped)");
	assert_string_equal(state_of(f, "a"), "down");
	die(f);
	node_synced(f->node, f->now_ns);
	turn(f);
	assert_int_equal(node_child_by_name(f->node, "a")->denied_pid, 4711);
	node_stop(f->node, "a", true, FROM(2), f->now_ns); /* it is down, and there is nothing to stop */
	assert_string_equal(turn(f), "reply2(down)");
	node_child_start(f->node, "a", false, FROM(3), f->now_ns);
	assert_int_equal(node_child_by_name(f->node, "a")->denied_pid, 0);
}

static void test_a_node_goes_down_without_what_may_not_be_killed(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	turn(f);
	node_down(f->node, FROM(2), f->now_ns);
	advance(f, 1000);
	turn(f);
	denied(f, KEEPER_RUNNING, 1100);
	assert_string_equal(turn(f), "group_down(100) error2(not_stopped) stopped");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_the_first_restart_is_immediate_then_it_backs_off),
		T(test_the_broker_is_told_of_an_end_before_all_else),
		T(test_transient_comes_back_from_failure_only),
		T(test_status_125_asks_not_to_be_restarted),
		T(test_an_exec_failure_is_told_and_retried_later),
		T(test_an_exec_failure_without_backoff_still_waits),
		T(test_a_temporary_that_cannot_be_run_is_down),
		T(test_a_refused_spawn_is_a_failed_start),
		T(test_who_waits_for_the_end_of_what_may_not_be_killed_is_told),
		T(test_a_restart_of_what_may_not_be_killed_comes_when_it_has_ended),
		T(test_what_was_left_behind_is_no_stop),
		T(test_a_node_goes_down_without_what_may_not_be_killed),
	};

	return run_facts_of("node, ends", tests);
}

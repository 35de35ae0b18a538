/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor dies, and the next one goes on from its state. */
#include "tests/unit/supervisor/node-world.h"

static void test_a_successor_goes_on_where_it_was(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "up", ACTOR_PERMANENT, NODE_WAIT_NONE);
	spawn(f, "backoff", ACTOR_PERMANENT, NODE_WAIT_NONE);
	spawn(f, "stopped", ACTOR_PERMANENT, NODE_WAIT_NONE);
	spawn(f, "ended", ACTOR_TEMPORARY, NODE_WAIT_NONE);
	runs(f, 100);
	ends(f, 100, CLD_KILLED, SIGSEGV); /* the child is started again as group 104 */
	runs(f, 104);
	fails(f, 101, ENOENT);
	runs(f, 102);
	node_stop(f->node, "stopped", false, FROM(2), f->now_ns);
	ends(f, 102, CLD_EXITED, 0);
	ends(f, 103, CLD_EXITED, 9);
	turn(f);
	advance(f, 10);
	die(f);
	runs(f, 104);
	node_synced(f->node, f->now_ns);
	assert_string_equal(turn(f), "");
	assert_string_equal(state_of(f, "up"), "up");
	assert_string_equal(field(f, "up", "restarts"), "1");
	assert_string_equal(field(f, "up", "pid"), "1104");
	assert_string_equal(state_of(f, "backoff"), "backoff");
	assert_string_equal(state_of(f, "stopped"), "down");
	assert_string_equal(state_of(f, "ended"), "down");
	assert_int_equal(node_child_by_name(f->node, "ended")->last_exit.cause.code, 9);
	advance(f, 200);
	assert_string_equal(turn(f), "spawn(backoff,5100)");
	ends(f, 104, CLD_EXITED, 1); /* its second failure, so it is not started again at once */
	turn(f);
	assert_string_equal(state_of(f, "up"), "backoff");
	spawn(f, "ended", ACTOR_TEMPORARY, NODE_WAIT_NONE);
	assert_string_equal(turn(f), "spawn(ended,5101) reply1(starting)");
}

static void test_exits_meanwhile_have_their_true_status(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_TEMPORARY, NODE_WAIT_NONE);
	runs(f, 100);
	node_monitor(f->node, 100, caller, 3, FROM(2));
	turn(f);
	die(f);
	ends(f, 100, CLD_DUMPED, SIGSEGV);
	node_synced(f->node, f->now_ns);
	assert_string_equal(turn(f), "group_down(100) ack(100) down(100,3,signal)");
	assert_true(node_child_by_name(f->node, "a")->last_exit.cause.core);
}

static void test_an_intent_the_keeper_may_not_have_heard_is_sent_again(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	turn(f);
	die(f);
	node_synced(f->node, f->now_ns);
	assert_string_equal(turn(f), "spawn(a,100)");
	assert_string_equal(state_of(f, "a"), "starting");
}

static void test_an_end_that_was_handled_is_only_acknowledged_again(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_TEMPORARY, NODE_WAIT_NONE);
	ends(f, 100, CLD_EXITED, 0);
	turn(f);
	die(f);
	ends(f, 100, CLD_EXITED, 0);
	node_synced(f->node, f->now_ns);
	assert_string_equal(turn(f), "ack(100)");
	assert_int_equal(node_count(f->node), 1);
}

static void test_a_stop_under_way_goes_on(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "stop", ACTOR_PERMANENT, NODE_WAIT_NONE);
	spawn(f, "restart", ACTOR_PERMANENT, NODE_WAIT_NONE);
	spawn(f, "rm", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	runs(f, 101);
	runs(f, 102);
	node_stop(f->node, "stop", false, FROM(2), f->now_ns);
	node_restart(f->node, "restart", false, FROM(2), f->now_ns);
	node_remove(f->node, "rm", true, FROM(2), f->now_ns);
	turn(f);
	die(f);
	runs(f, 100);
	runs(f, 101);
	runs(f, 102);
	node_synced(f->node, f->now_ns);
	assert_string_equal(turn(f), "term(100,1000) term(101,1000) term(102,1000)");
	ends(f, 100, CLD_EXITED, 0);
	ends(f, 101, CLD_EXITED, 0);
	ends(f, 102, CLD_EXITED, 0);
	assert_string_equal(turn(f),
		"group_down(100) group_down(101) group_down(102) ack(100) ack(101) spawn(restart,5100) ack(102)");
	assert_string_equal(state_of(f, "stop"), "down");
	assert_string_equal(state_of(f, "rm"), "none");
}

static void test_a_node_going_down_goes_on_going_down(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	node_down(f->node, FROM(2), f->now_ns);
	turn(f);
	die(f);
	runs(f, 100);
	node_synced(f->node, f->now_ns);
	assert_true(node_is_stopping(f->node));
	turn(f);
	ends(f, 100, CLD_EXITED, 0);
	assert_string_equal(turn(f), "group_down(100) ack(100) stopped");
}

static void test_owners_and_monitors_outlive_the_supervisor(void **arg)
{
	struct fixture *f = *arg;
	struct child_spec spec;

	spec_make(&spec, "a", ACTOR_PERMANENT);
	spec.owned = true;
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_NONE, 0, f->now_ns);
	runs(f, 100);
	node_monitor(f->node, 100, caller, 8, FROM(2));
	turn(f);
	die(f);
	runs(f, 100);
	node_synced(f->node, f->now_ns);
	assert_string_equal(turn(f), "owner(1)");
	node_owner_gone(f->node, 1, f->now_ns);
	ends(f, 100, CLD_KILLED, SIGTERM);
	assert_string_equal(
		turn(f), "group_down(100) term(100,1000) ack(100) down(100,8,shutdown) unowner(1)");
}

static void test_without_a_state_processes_are_adopted(void **arg)
{
	struct fixture *f = *arg;
	struct keeper_slot slot = slot_of(f, 4, KEEPER_RUNNING);

	strcpy(slot.name, "web");
	node_slot(f->node, &slot, NULL, f->now_ns);
	slot.group_id = 5;
	node_slot(f->node, &slot, NULL, f->now_ns);
	assert_string_equal(turn(f), "");
	assert_string_equal(state_of(f, "web"), "up");
	assert_string_equal(state_of(f, "web.2"), "up");
	node_restart(f->node, "web", false, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "error2(adopted)");
	ends(f, 4, CLD_EXITED, 1);
	assert_string_equal(turn(f), "group_down(4) ack(4)");
	assert_string_equal(state_of(f, "web"), "down");
}

static void test_that_a_state_was_lost_outlives_the_supervisor(void **arg)
{
	struct fixture *f = *arg;

	assert_int_equal(node_state_lost_ns(f->node), 0);
	node_state_lost(f->node, f->now_ns);
	assert_true(node_state_is_dirty(f->node));
	turn(f);
	die(f);
	assert_true(node_state_lost_ns(f->node) == f->now_ns);
	node_synced(f->node, f->now_ns);
	turn(f);
	buf_reset(&f->state[0], 0);
	node_state_put_all(f->node, &f->state[0]);
	die(f);
	assert_true(node_state_lost_ns(f->node) == f->now_ns);
}

static void test_a_spoilt_state_is_refused_not_believed(void **arg)
{
	struct fixture *f = *arg;
	struct node *node;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	node_monitor(f->node, 100, caller, 8, FROM(2));
	node_monitor(f->node, 100, caller, 9, FROM(2));
	node_monitor(f->node, 4711, caller, 10, FROM(2)); /* makes a notice: there is no such group */
	turn(f);
	node_demonitor(f->node, caller, 9, NULL);
	turn(f);
	for (size_t i = 0; i < f->state[0].size_bytes; i++) {
		uint8_t was = f->state[0].data[i];

		for (int bit = 0; bit < 8; bit++) {
			f->state[0].data[i] = (uint8_t)(was ^ 1 << bit);
			node = fresh_node();
			if (node_state_load(node, f->state[0].data, f->state[0].size_bytes) < 0) {
				node_forget(node);
				assert_int_equal(node_count(node), 0);
			}
			node_start(node, f->now_ns); /* whatever was read, the node can go on with it */
			node_synced(node, f->now_ns);
			node_free(node);
		}
		f->state[0].data[i] = was;
		node = fresh_node(); /* now the state is cut short */
		if (node_state_load(node, f->state[0].data, i) < 0)
			node_forget(node);
		node_free(node);
	}
}

static void test_a_snapshot_holds_who_watches(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	node_monitor(f->node, 100, caller, 8, FROM(2));
	turn(f);
	buf_reset(&f->state[0], SIZE_MAX);
	node_state_put_all(f->node, &f->state[0]);
	die(f);
	runs(f, 100);
	node_synced(f->node, f->now_ns);
	turn(f);
	ends(f, 100, CLD_KILLED, SIGKILL);
	assert_non_null(strstr(turn(f), "down(100,8,signal)"));
}

static void test_a_snapshot_says_the_same_as_its_changes(void **arg)
{
	struct fixture *f = *arg;
	struct buf all = BUF_INIT, again = BUF_INIT;
	struct node *node = fresh_node();

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	spawn(f, "b", ACTOR_TEMPORARY, NODE_WAIT_NONE);
	runs(f, 100);
	node_monitor(f->node, 101, caller, 1, FROM(2));
	node_monitor(f->node, 100, caller, 2, FROM(2));
	node_monitor(f->node, 100, caller, 3, FROM(2));
	turn(f);
	node_demonitor(f->node, caller, 3, NULL);
	ends(f, 101, CLD_EXITED, 2);
	turn(f);
	node_state_put_all(f->node, &all);
	assert_int_equal(node_state_load(node, f->state[0].data, f->state[0].size_bytes), 0);
	node_start(node, f->now_ns);
	node_state_put_all(node, &again);
	assert_int_equal(all.size_bytes, again.size_bytes);
	assert_memory_equal(all.data, again.data, all.size_bytes);
	node_free(node);
	buf_deinit(&all);
	buf_deinit(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_successor_goes_on_where_it_was),
		T(test_exits_meanwhile_have_their_true_status),
		T(test_an_intent_the_keeper_may_not_have_heard_is_sent_again),
		T(test_an_end_that_was_handled_is_only_acknowledged_again),
		T(test_a_stop_under_way_goes_on),
		T(test_a_node_going_down_goes_on_going_down),
		T(test_owners_and_monitors_outlive_the_supervisor),
		T(test_without_a_state_processes_are_adopted),
		T(test_that_a_state_was_lost_outlives_the_supervisor),
		T(test_a_spoilt_state_is_refused_not_believed),
		T(test_a_snapshot_holds_who_watches),
		T(test_a_snapshot_says_the_same_as_its_changes),
	};

	return run_facts_of("node, recovery", tests);
}

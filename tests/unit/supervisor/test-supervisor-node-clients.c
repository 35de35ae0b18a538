/* SPDX-License-Identifier: Apache-2.0 */
/* Owners, monitors and notices; what a caller has made ends with the caller. */
#include "tests/unit/supervisor/node-world.h"

/* ---- owners and monitors ---- */

static void test_an_owned_child_goes_with_its_owner(void **arg)
{
	struct fixture *f = *arg;
	struct child_spec spec;

	spec_make(&spec, "a", ACTOR_PERMANENT);
	spec.owned = true;
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_NONE, 0, f->now_ns);
	assert_string_equal(turn(f), "owner(1) spawn(a,100) reply1(starting)");
	runs(f, 100);
	node_owner_gone(f->node, 1, f->now_ns);
	assert_string_equal(turn(f), "term(100,1000)");
	ends(f, 100, CLD_KILLED, SIGTERM);
	assert_string_equal(turn(f), "group_down(100) ack(100) unowner(1)");
	assert_int_equal(node_count(f->node), 0);
	node_owner_gone(f->node, 1, f->now_ns);
	assert_string_equal(turn(f), "");
}

static void test_an_owned_child_that_cannot_be_run_is_given_up(void **arg)
{
	struct fixture *f = *arg;
	struct child_spec spec;

	spec_make(&spec, "a", ACTOR_PERMANENT);
	spec.owned = true;
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_UP, 0, f->now_ns);
	turn(f);
	fails(f, 100, ENOENT);
	assert_string_equal(turn(f), "group_down(100) ack(100) error1(exec) unowner(1)");
	assert_int_equal(node_count(f->node), 0);
	assert_true(node_next_deadline(f->node) == SUPERVISION_NEVER);
}

static void test_each_monitor_goes_off_once(void **arg)
{
	struct fixture *f = *arg;
	struct child_spec spec;

	spec_make(&spec, "a", ACTOR_PERMANENT);
	spec.monitor = true;
	spec.monitor_id = 5;
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_NONE, 0, f->now_ns);
	node_monitor(f->node, 100, caller, 6, FROM(2));
	node_monitor(f->node, 100, caller, 7, FROM(2));
	node_demonitor(f->node, caller, 7, FROM(2));
	runs(f, 100);
	turn(f);
	ends(f, 100, CLD_KILLED, SIGABRT);
	assert_string_equal(
		turn(f), "group_down(100) ack(100) down(100,5,signal) down(100,6,signal) spawn(a,101)");
	runs(f, 101);
	ends(f, 101, CLD_KILLED, SIGABRT);
	assert_string_equal(turn(f), "group_down(101) ack(101)");
}

static void test_monitors_of_the_gone_go_off_at_once_with_what_is_known(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_TEMPORARY, NODE_WAIT_NONE);
	runs(f, 100);
	ends(f, 100, CLD_EXITED, 3);
	turn(f);
	node_monitor(f->node, 100, caller, 1, FROM(2));
	node_monitor(f->node, 4711, caller, 2, FROM(2));
	assert_string_equal(turn(f), "reply2 reply2 down(100,1,exit) down(4711,2,noproc)");
}

static void test_the_monitors_of_a_dead_watcher_are_forgotten(void **arg)
{
	struct fixture *f = *arg;
	actor_ref watcher = {NODE_ID, 101, 1};

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	spawn(f, "w", ACTOR_TEMPORARY, NODE_WAIT_NONE);
	runs(f, 100);
	runs(f, 101);
	node_monitor(f->node, 100, watcher, 1, FROM(2));
	turn(f);
	ends(f, 101, CLD_EXITED, 0);
	turn(f);
	ends(f, 100, CLD_EXITED, 0);
	assert_string_equal(turn(f), "group_down(100) ack(100) spawn(a,102)");
}

/* ---- notices: told until they were handed over, whoever dies when ---- */

static void watched_end(struct fixture *f)
{
	spawn(f, "a", ACTOR_TEMPORARY, NODE_WAIT_NONE);
	runs(f, 100);
	node_monitor(f->node, 100, caller, 1, FROM(2));
	turn(f);
	ends(f, 100, CLD_KILLED, SIGSEGV);
}

static void restarted(struct fixture *f)
{
	die(f);
	node_synced(f->node, f->now_ns);
}

static void test_a_notice_that_was_not_handed_over_is_told_by_the_next_supervisor(void **arg)
{
	struct fixture *f = *arg;

	watched_end(f);
	assert_string_equal(turn(f), "group_down(100) ack(100) down(100,1,signal)");
	for (int i = 0; i < 3; i++) {
		restarted(f);
		assert_string_equal(turn(f), "down(100,1,signal)");
	}
	assert_string_equal(turn(f), "");
}

static void test_a_notice_that_was_written_and_not_told_is_told_by_the_next_supervisor(void **arg)
{
	struct fixture *f = *arg;

	watched_end(f);
	/* The supervisor dies before its first late action. */
	node_state_put_changes(f->node, &f->state[0]);
	restarted(f);
	assert_string_equal(turn(f), "down(100,1,signal)");
}

static void test_a_notice_that_was_handed_over_is_not_told_again(void **arg)
{
	struct fixture *f = *arg;

	watched_end(f);
	turn(f);
	node_notices_handed(f->node, caller.group, f->last_notice);
	assert_true(node_state_is_dirty(f->node));
	assert_string_equal(turn(f), "");
	restarted(f);
	assert_string_equal(turn(f), "");
	/* No effect: no notice for that group is left. */
	node_notices_handed(f->node, caller.group, f->last_notice);
}

static void test_a_notice_that_was_lost_on_the_way_is_told_again_before_later_ones(void **arg)
{
	struct fixture *f = *arg;

	watched_end(f);
	turn(f);
	node_monitor(f->node, 4711, caller, 2, FROM(2));
	node_notices_lost(f->node, caller.group);
	node_tell_again(f->node);
	assert_string_equal(turn(f), "reply2 down(100,1,signal) down(4711,2,noproc)");
	node_tell_again(f->node);
	assert_string_equal(turn(f), "");
	node_notices_handed(f->node, caller.group, f->last_notice - 1); /* only the first was handed over */
	node_notices_lost(f->node, caller.group);
	node_tell_again(f->node);
	assert_string_equal(turn(f), "down(4711,2,noproc)");
}

static void test_a_notice_that_was_taken_back_is_not_told_again(void **arg)
{
	struct fixture *f = *arg;

	watched_end(f);
	turn(f);
	node_demonitor(f->node, caller, 1, NULL);
	turn(f);
	restarted(f);
	assert_string_equal(turn(f), "");
}

static uint32_t n_groups_put(struct fixture *f, unsigned which)
{
	struct buf b = BUF_INIT;
	struct mp_reader r;
	uint32_t n;

	node_put_groups(f->node, &b);
	r = mp_reader(b.data, b.size_bytes);
	assert_int_equal(mp_read_array(&r, &n), 0);
	assert_int_equal(n, 4);
	while (which--)
		assert_int_equal(mp_skip(&r), 0);
	assert_int_equal(mp_read_array(&r, &n), 0);
	buf_deinit(&b);
	return n;
}

#define EXITS   1
#define CLIENTS 3

static void test_the_broker_is_owed_an_end_until_it_has_heard_of_it(void **arg)
{
	struct fixture *f = *arg;
	struct child_spec spec;

	node_free(f->node);
	with_broker = true;
	f->node = fresh_node();
	node_start(f->node, f->now_ns);
	node_reserved(f->node, 100, 1024, f->now_ns);
	node_synced(f->node, f->now_ns);
	turn(f); /* starts the broker as group 100 */
	spec_make(&spec, "a", ACTOR_TEMPORARY);
	spec.owned = true; /* an owned process is forgotten at its end */
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_NONE, 0, f->now_ns);
	runs(f, 101);
	node_owner_gone(f->node, node_child_by_name(f->node, "a")->number, f->now_ns);
	ends(f, 101, CLD_KILLED, SIGSEGV);
	turn(f);
	assert_int_equal(node_count(f->node), 0);
	for (int i = 0; i < 2; i++) {
		restarted(f);
		turn(f);
		assert_int_equal(n_groups_put(f, EXITS), 1);
	}
	node_broker_told(f->node, node_last_number(f->node));
	turn(f);
	restarted(f);
	assert_int_equal(n_groups_put(f, EXITS), 0);
}

/* Finds the end of @group in what a broker is told first. Returns false if the end is not there. */
static bool end_put(struct fixture *f, uint64_t group, int64_t *ret_pid, char name[256])
{
	struct buf b = BUF_INIT;
	uint32_t n, n_ends, n_items;
	const char *text;
	size_t length;
	struct mp_reader r;
	bool found = false;
	uint64_t id;

	*ret_pid = 0;
	name[0] = 0;
	node_put_groups(f->node, &b);
	r = mp_reader(b.data, b.size_bytes);
	assert_int_equal(mp_read_array(&r, &n), 0);
	assert_int_equal(mp_skip(&r), 0);
	assert_int_equal(mp_read_array(&r, &n_ends), 0);
	while (n_ends-- && !found) {
		assert_int_equal(mp_read_array(&r, &n_items), 0);
		assert_int_equal(mp_read_uint(&r, &id), 0);
		assert_int_equal(mp_skip(&r), 0);
		found = id == group;
		if (n_items == 2)
			continue;
		assert_int_equal(n_items, 4);
		assert_int_equal(mp_read_int(&r, ret_pid), 0);
		assert_int_equal(mp_read_str(&r, &text, &length), 0);
		snprintf(name, 256, "%.*s", (int)length, text);
	}
	buf_deinit(&b);
	return found;
}

/* A broker that begins now has never seen these groups. */
static void test_a_new_broker_is_told_which_process_a_group_was(void **arg)
{
	struct fixture *f = *arg;
	char name[256];
	int64_t pid;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	ends(f, 100, CLD_KILLED, SIGSEGV);
	turn(f);
	for (int i = 0; i < 2; i++) {
		assert_true(end_put(f, 100, &pid, name));
		assert_int_equal(pid, 1100);
		assert_string_equal(name, "a");
		restarted(f);
		turn(f);
	}
}

static void test_the_broker_is_told_with_an_end_which_process_it_was(void **arg)
{
	struct fixture *f = *arg;

	watched_end(f);
	turn(f);
	assert_int_equal(f->down_pid, 1100);
	assert_string_equal(f->down_name, "a");
}

/* ---- what a caller made is charged to it and goes with it ---- */

static void test_what_a_caller_made_goes_with_it(void **arg)
{
	struct fixture *f = *arg;
	struct child_spec spec;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	spec_make(&spec, "owned", ACTOR_PERMANENT);
	spec.owned = true;
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_NONE, 0, f->now_ns);
	runs(f, 100);
	runs(f, 101);
	node_monitor(f->node, 100, caller, 1, FROM(2));
	charged_group = caller.group;
	node_wait(f->node, "a", NODE_WAIT_DOWN, 0, FROM(3), f->now_ns);
	charged_group = CLIENT(78);
	node_wait(f->node, "a", NODE_WAIT_DOWN, 0, FROM(4), f->now_ns);
	node_monitor(f->node, 100, (actor_ref){NODE_ID, CLIENT(78), 1}, 2, FROM(2));
	turn(f);
	assert_int_equal(n_groups_put(f, CLIENTS), 2);
	node_client_gone(f->node, caller.group, f->now_ns);
	assert_string_equal(turn(f), "error3(stopped) term(101,1000)");
	assert_int_equal(n_groups_put(f, CLIENTS), 1);
	node_stop(f->node, "a", false, NULL, f->now_ns);
	ends(f, 100, CLD_KILLED, SIGTERM);
	assert_string_equal(
		turn(f), "group_down(100) term(100,1000) ack(100) down(100,2,shutdown) reply4(down)");
	node_notices_handed(f->node, CLIENT(78), f->last_notice);
	assert_int_equal(n_groups_put(f, CLIENTS), 0);
}

static void test_what_was_removed_is_not_its_owners_any_more(void **arg)
{
	struct fixture *f = *arg;
	struct child_spec spec;

	spec_make(&spec, "owned", ACTOR_TEMPORARY);
	spec.owned = true;
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_NONE, 0, f->now_ns);
	runs(f, 100);
	ends(f, 100, CLD_EXITED, 0);
	turn(f);
	if (node_child_by_name(f->node, "owned"))
		node_remove(f->node, "owned", false, FROM(2), f->now_ns);
	turn(f);
	assert_null(node_child_by_name(f->node, "owned"));
	assert_int_equal(n_groups_put(f, CLIENTS), 0);
	node_client_gone(f->node, caller.group, f->now_ns);
	assert_string_equal(turn(f), "");
}

static void test_notices_of_a_caller_that_is_gone_are_dropped(void **arg)
{
	struct fixture *f = *arg;

	watched_end(f);
	turn(f);
	node_client_gone(f->node, caller.group, f->now_ns);
	turn(f);
	restarted(f);
	assert_string_equal(turn(f), "");
}

static void test_what_comes_from_a_caller_after_its_end_makes_nothing(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	turn(f);
	node_client_gone(f->node, caller.group, f->now_ns);
	node_monitor(f->node, 100, caller, 1, FROM(2));
	charged_group = caller.group;
	node_wait(f->node, "a", NODE_WAIT_DOWN, 0, FROM(3), f->now_ns);
	assert_string_equal(turn(f), "error2(overloaded) error3(stopped)");
	assert_int_equal(n_groups_put(f, CLIENTS), 0);
	for (uint64_t i = 0; i < 2 * NODE_GONE_MAX; i++) /* the memory of a client's end is bounded */
		node_client_gone(f->node, CLIENT(1000 + i), f->now_ns);
	node_monitor(f->node, 100, caller, 1, FROM(2));
	assert_string_equal(turn(f), "reply2");
}

static void test_clients_of_the_supervisor_before_are_gone(void **arg)
{
	struct fixture *f = *arg;
	actor_ref its = {NODE_ID, UINT64_C(3) << 62 | 5, 1};

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	node_monitor(f->node, 100, its, 1, FROM(2));
	turn(f);
	die(f);
	runs(f, 100);
	node_synced(f->node, f->now_ns);
	turn(f);
	ends(f, 100, CLD_KILLED, SIGKILL);
	assert_null(strstr(turn(f), "down(100,1"));
}

static void test_a_watcher_that_ended_unseen_is_told_nothing(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	/* The watcher's group does not exist. */
	node_monitor(f->node, 100, (actor_ref){NODE_ID, 99, 1}, 1, FROM(2));
	turn(f);
	die(f);
	runs(f, 100);
	node_synced(f->node, f->now_ns);
	turn(f);
	ends(f, 100, CLD_KILLED, SIGKILL);
	assert_null(strstr(turn(f), "down(100,1"));
}

static void test_a_caller_gets_as_much_as_one_may_have_and_others_get_theirs(void **arg)
{
	struct fixture *f = *arg;
	const actor_ref other = {NODE_ID, CLIENT(78), 1};

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	turn(f);
	for (uint64_t id = 1; id <= NODE_CLIENT_WATCHES_MAX; id++)
		node_monitor(f->node, 100, (actor_ref){NODE_ID, caller.group, id % 10 + 1}, id, NULL);
	node_monitor(f->node, 100, caller, 1 << 20, FROM(1));
	node_monitor(f->node, 100, other, 1, FROM(2));
	/* The same monitor, repeated. */
	node_monitor(f->node, 100, (actor_ref){NODE_ID, caller.group, 2}, 1, FROM(3));
	assert_string_equal(turn(f), "error1(overloaded) reply2 reply3");
	node_demonitor(f->node, (actor_ref){NODE_ID, caller.group, 2}, 1, NULL);
	node_monitor(f->node, 100, caller, 1 << 20, FROM(1));
	assert_string_equal(turn(f), "reply1");

	charged_group = caller.group;
	for (int i = 0; i < NODE_CLIENT_WAITERS_MAX; i++)
		node_wait(f->node, "a", NODE_WAIT_DOWN, 0, FROM(3), f->now_ns);
	assert_string_equal(turn(f), "");
	node_wait(f->node, "a", NODE_WAIT_DOWN, 0, FROM(3), f->now_ns);
	assert_string_equal(turn(f), "error3(overloaded)");
	charged_group = other.group;
	node_wait(f->node, "a", NODE_WAIT_UP, 0, FROM(4), f->now_ns);
	assert_string_equal(turn(f), "reply4(up)");
}

static void test_the_same_monitor_twice_is_one(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_TEMPORARY, NODE_WAIT_NONE);
	runs(f, 100);
	node_monitor(f->node, 100, caller, 1, FROM(2));
	node_monitor(f->node, 100, caller, 1, FROM(2));
	turn(f);
	ends(f, 100, CLD_EXITED, 3);
	assert_string_equal(turn(f), "group_down(100) ack(100) down(100,1,exit)");
}

static void test_the_last_lines_are_in_the_cause(void **arg)
{
	struct fixture *f = *arg;
	struct keeper_slot slot;

	spawn(f, "a", ACTOR_TEMPORARY, NODE_WAIT_NONE);
	slot = slot_of(f, 100, KEEPER_EXITED);
	slot.status = 1;
	node_slot(f->node, &slot, "cannot open the door", f->now_ns);
	assert_string_equal(node_child_by_name(f->node, "a")->last_exit.cause.text, "cannot open the door");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_an_owned_child_goes_with_its_owner),
		T(test_an_owned_child_that_cannot_be_run_is_given_up),
		T(test_each_monitor_goes_off_once),
		T(test_monitors_of_the_gone_go_off_at_once_with_what_is_known),
		T(test_the_monitors_of_a_dead_watcher_are_forgotten),
		T(test_a_notice_that_was_not_handed_over_is_told_by_the_next_supervisor),
		T(test_a_notice_that_was_written_and_not_told_is_told_by_the_next_supervisor),
		T(test_a_notice_that_was_handed_over_is_not_told_again),
		T(test_a_notice_that_was_lost_on_the_way_is_told_again_before_later_ones),
		T(test_a_notice_that_was_taken_back_is_not_told_again),
		T(test_the_broker_is_owed_an_end_until_it_has_heard_of_it),
		T(test_a_new_broker_is_told_which_process_a_group_was),
		T(test_the_broker_is_told_with_an_end_which_process_it_was),
		T(test_what_a_caller_made_goes_with_it),
		T(test_what_was_removed_is_not_its_owners_any_more),
		T(test_notices_of_a_caller_that_is_gone_are_dropped),
		T(test_what_comes_from_a_caller_after_its_end_makes_nothing),
		T(test_clients_of_the_supervisor_before_are_gone),
		T(test_a_watcher_that_ended_unseen_is_told_nothing),
		T(test_a_caller_gets_as_much_as_one_may_have_and_others_get_theirs),
		T(test_the_same_monitor_twice_is_one),
		T(test_the_last_lines_are_in_the_cause),
	};

	return run_facts_of("node, clients", tests);
}

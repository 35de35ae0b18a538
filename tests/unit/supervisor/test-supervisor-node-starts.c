/* SPDX-License-Identifier: Apache-2.0 */
/* Starting processes. */
#include "tests/unit/supervisor/node-world.h"

static void test_spawn_without_wait_answers_at_once(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	assert_string_equal(turn(f), "spawn(a,100) reply1(starting)");
}

static void test_spawn_up_answers_when_it_was_execed(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_UP);
	assert_string_equal(turn(f), "spawn(a,100)");
	runs(f, 100);
	assert_string_equal(turn(f), "reply1(up)");
	assert_string_equal(field(f, "a", "pid"), "1100");
	assert_string_equal(field(f, "a", "group"), "100");
}

static void test_up_is_answered_even_if_it_is_over_in_the_same_report(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_TEMPORARY, NODE_WAIT_UP);
	turn(f);
	ends(f, 100, CLD_EXITED, 0);
	assert_string_equal(turn(f), "group_down(100) ack(100) reply1(up)");
	assert_string_equal(state_of(f, "a"), "down");
}

static void test_spawn_exit_answers_with_the_end(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_TEMPORARY, NODE_WAIT_EXIT);
	turn(f);
	runs(f, 100);
	assert_string_equal(turn(f), "");
	ends(f, 100, CLD_EXITED, 7);
	assert_string_equal(turn(f), "group_down(100) ack(100) reply1(down)");
	assert_int_equal(node_child_by_name(f->node, "a")->last_exit.cause.code, 7);
}

static void test_a_job_that_is_asked_for_again_runs_once(void **arg)
{
	struct fixture *f = *arg;
	struct child_spec spec;

	spec_make(&spec, "a", ACTOR_TEMPORARY);
	spec.cookie = 77;
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_EXIT, 0, f->now_ns);
	assert_string_equal(turn(f), "spawn(a,100)");
	runs(f, 100);
	turn(f);
	die(f);
	spec_make(&spec, "a", ACTOR_TEMPORARY); /* asked again, by a caller who got no answer */
	spec.cookie = 77;
	node_spawn(f->node, &spec, caller, FROM(2), NODE_WAIT_EXIT, 0, f->now_ns);
	runs(f, 100);
	node_synced(f->node, f->now_ns);
	assert_null(strstr(turn(f), "spawn"));
	ends(f, 100, CLD_EXITED, 7);
	assert_string_equal(turn(f), "group_down(100) ack(100) reply2(down)");
	spec_make(&spec, "a", ACTOR_TEMPORARY); /* asked again, after its end */
	spec.cookie = 77;
	node_spawn(f->node, &spec, caller, FROM(3), NODE_WAIT_EXIT, 0, f->now_ns);
	assert_string_equal(turn(f), "reply3(down)");
	spec_make(&spec, "a", ACTOR_TEMPORARY);
	spec.cookie = 78;
	node_spawn(f->node, &spec, caller, FROM(4), NODE_WAIT_NONE, 0, f->now_ns);
	assert_non_null(strstr(turn(f), "spawn(a,"));
}

static void spawn_by_request(struct fixture *f, const char *name, uint64_t cookie, void *from)
{
	struct child_spec spec;

	spec_make(&spec, name, ACTOR_TEMPORARY);
	spec.cookie = cookie;
	node_spawn(f->node, &spec, caller, from, NODE_WAIT_EXIT, 0, f->now_ns);
}

/* Starts a job, and runs it to its end. */
static void job_runs(struct fixture *f, const char *name, uint64_t cookie, void *from)
{
	uint64_t group;

	spawn_by_request(f, name, cookie, from);
	group = node_child_by_name(f->node, name)->group;
	turn(f);
	runs(f, group);
	ends(f, group, CLD_EXITED, 0);
	turn(f);
}

static void test_a_job_whose_name_another_has_by_now_does_not_run_again(void **arg)
{
	struct fixture *f = *arg;

	job_runs(f, "a", 77, FROM(1));
	job_runs(f, "a", 78, FROM(2));
	spawn_by_request(f, "a", 77, FROM(3));
	assert_string_equal(turn(f), "error3(ended)");
	die(f);
	node_synced(f->node, f->now_ns);
	turn(f);
	spawn_by_request(f, "a", 77, FROM(4));
	assert_string_equal(turn(f), "error4(ended)");
	spawn_by_request(f, "a", 78, FROM(5));
	assert_string_equal(turn(f), "reply5(down)");
}

static void test_a_job_that_was_removed_does_not_run_again_after_a_snapshot(void **arg)
{
	struct fixture *f = *arg;

	job_runs(f, "a", 77, FROM(1));
	node_remove(f->node, "a", false, FROM(2), f->now_ns);
	turn(f);
	buf_reset(&f->state[0], SIZE_MAX);
	node_state_put_all(f->node, &f->state[0]);
	die(f);
	node_synced(f->node, f->now_ns);
	turn(f);
	spawn_by_request(f, "a", 77, FROM(3));
	assert_string_equal(turn(f), "error3(ended)");
}

static void test_what_was_refused_before_it_started_can_be_asked_for_again(void **arg)
{
	struct fixture *f = *arg;

	charged_group = caller.group;
	job_runs(f, "z", 76, FROM(1));
	for (int i = 0; i < NODE_CLIENT_WAITERS_MAX; i++)
		node_wait(f->node, "z", NODE_WAIT_READY, 0, FROM(1), f->now_ns);
	turn(f);
	spawn_by_request(f, "a", 77, FROM(2));
	assert_string_equal(turn(f), "error2(overloaded)");
	node_client_gone(f->node, caller.group, f->now_ns);
	turn(f);
	charged_group = 0;
	spawn_by_request(f, "a", 77, FROM(3));
	assert_non_null(strstr(turn(f), "spawn(a,"));
}

/* Requests are remembered for those who may ask again within a while, not for all there ever were. */
static void test_requests_of_the_forgotten_are_bounded(void **arg)
{
	struct fixture *f = *arg;

	node_reserved(f->node, 10000, 2 * NODE_SPENT_MAX, f->now_ns);
	/* Each job takes the name of the one before, which is forgotten then. */
	for (uint64_t i = 1; i <= NODE_SPENT_MAX + 2; i++)
		job_runs(f, "a", i, FROM(1));
	spawn_by_request(f, "a", 2, FROM(2));
	assert_string_equal(turn(f), "error2(ended)");
	spawn_by_request(f, "a", 1, FROM(3));
	assert_non_null(strstr(turn(f), "spawn(a,"));
}

static void test_ready_is_waited_for_by_those_who_ask(void **arg)
{
	struct fixture *f = *arg;
	struct child_spec spec;

	spec_make(&spec, "a", ACTOR_PERMANENT);
	spec.ready_actor = true;
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_READY, 0, f->now_ns);
	runs(f, 100);
	assert_string_equal(turn(f), "spawn(a,100)");
	node_group_ready(f->node, 100, f->now_ns);
	assert_string_equal(turn(f), "reply1(ready)");
}

static void test_ready_that_comes_before_the_pid_is_told_with_it(void **arg)
{
	struct fixture *f = *arg;
	struct child_spec spec;

	spec_make(&spec, "a", ACTOR_PERMANENT);
	spec.ready_actor = true;
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_READY, 0, f->now_ns);
	assert_string_equal(turn(f), "spawn(a,100)");
	node_group_ready(f->node, 100, f->now_ns);
	assert_string_equal(turn(f), "");
	runs(f, 100);
	assert_string_equal(turn(f), "reply1(ready)");
	assert_true(node_child_by_name(f->node, "a")->pid > 0);
}

static void test_an_end_before_it_was_ready_is_told_at_once(void **arg)
{
	struct fixture *f = *arg;
	struct child_spec spec;

	spec_make(&spec, "a", ACTOR_PERMANENT);
	spec.ready_actor = true;
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_READY, 5000, f->now_ns);
	turn(f);
	ends(f, 100, CLD_EXITED, 127);
	assert_non_null(strstr(turn(f), "error1(ended)"));
	/* The child has no owner, so its restart type holds. */
	assert_string_equal(state_of(f, "a"), "backoff");
	node_wait(f->node, "a", NODE_WAIT_READY, 5000, FROM(2), f->now_ns);
	advance(f, 200);
	assert_string_equal(turn(f), "spawn(a,101)");
	ends(f, 101, CLD_EXITED, 127);
	assert_null(strstr(turn(f), "2(")); /* a wait for `ready` goes on over a failed start */
}

static void test_an_owned_one_that_ends_before_it_is_ready_is_given_up(void **arg)
{
	struct fixture *f = *arg;
	struct child_spec spec;

	spec_make(&spec, "a", ACTOR_PERMANENT);
	spec.ready_actor = spec.owned = true;
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_READY, 5000, f->now_ns);
	turn(f);
	ends(f, 100, CLD_EXITED, 127);
	assert_non_null(strstr(turn(f), "error1(ended)"));
	assert_string_equal(state_of(f, "a"), "none");
}

static void test_how_it_came_to_be_down_is_told(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "done", ACTOR_TRANSIENT, NODE_WAIT_NONE);
	spawn(f, "failed", ACTOR_TEMPORARY, NODE_WAIT_NONE);
	spawn(f, "stopped", ACTOR_PERMANENT, NODE_WAIT_NONE);
	spawn(f, "brief", ACTOR_TEMPORARY, NODE_WAIT_NONE);
	spawn(f, "fails", ACTOR_PERMANENT, NODE_WAIT_NONE);
	assert_string_equal(field(f, "done", "outcome"), "nil");
	ends(f, 100, CLD_EXITED, 0);
	ends(f, 101, CLD_EXITED, 3);
	node_stop(f->node, "stopped", false, FROM(1), f->now_ns);
	ends(f, 102, CLD_KILLED, SIGTERM);
	node_stop(f->node, "brief", false, FROM(1), f->now_ns);
	ends(f, 103, CLD_KILLED, SIGTERM);
	ends(f, 104, CLD_EXITED, 1); /* the child is started again at once; after its next end it waits */
	ends(f, 105, CLD_EXITED, 1);
	turn(f);
	assert_string_equal(state_of(f, "fails"), "backoff");
	node_stop(f->node, "fails", false, FROM(1), f->now_ns); /* the child waits for its next start */
	turn(f);
	for (int i = 0; i < 2; i++) {
		assert_string_equal(field(f, "done", "outcome"), "done");
		assert_string_equal(field(f, "failed", "outcome"), "failed");
		assert_string_equal(field(f, "stopped", "outcome"), "stopped");
		assert_string_equal(field(f, "brief", "outcome"), "stopped");
		assert_string_equal(field(f, "fails", "outcome"), "stopped");
		die(f);
		node_synced(f->node, f->now_ns);
	}
	node_child_start(f->node, "stopped", false, FROM(1), f->now_ns);
	assert_string_equal(field(f, "stopped", "outcome"), "nil");
}

static void test_one_that_goes_into_the_background_is_said_to(void **arg)
{
	struct fixture *f = *arg;
	struct keeper_slot slot;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	turn(f);
	slot = slot_of(f, 100, KEEPER_EXITED);
	slot.flags = KEEPER_SLOT_TREE_ENDED;
	node_slot(f->node, &slot, "a word on stderr", f->now_ns);
	assert_non_null(
		strstr(node_child_by_name(f->node, "a")->last_exit.cause.text, "run it in the foreground"));
	assert_true(node_child_by_name(f->node, "a")->last_exit.left);
	turn(f);
	die(f); /* the next supervisor knows it too */
	runs(f, 101);
	node_synced(f->node, f->now_ns);
	turn(f);
	assert_true(node_child_by_name(f->node, "a")->last_exit.left);
	slot = slot_of(f, 101, KEEPER_EXITED);
	slot.status = 1;
	slot.flags = KEEPER_SLOT_TREE_ENDED;
	node_slot(f->node, &slot, "a word on stderr", f->now_ns);
	assert_string_equal(node_child_by_name(f->node, "a")->last_exit.cause.text, "a word on stderr");
	assert_false(node_child_by_name(f->node, "a")->last_exit.left);
}

static void test_what_is_known_of_a_failed_exec_is_told(void **arg)
{
	struct fixture *f = *arg;
	struct keeper_slot slot;

	spawn(f, "a", ACTOR_TEMPORARY, NODE_WAIT_UP);
	turn(f);
	slot = slot_of(f, 100, KEEPER_FAILED);
	slot.error = ENOENT;
	slot.step = KEEPER_STEP_EXEC;
	node_slot(f->node, &slot, "the interpreter is not there", f->now_ns);
	assert_string_equal(
		node_child_by_name(f->node, "a")->last_exit.cause.text, "the interpreter is not there");
	assert_int_equal(node_child_by_name(f->node, "a")->last_exit.cause.code, ENOENT);
}

static void test_a_program_without_readiness_is_ready_when_up(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_READY);
	runs(f, 100);
	assert_string_equal(turn(f), "spawn(a,100) reply1(up)");
}

static void test_a_wait_times_out(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_UP);
	turn(f);
	advance(f, 4999);
	assert_string_equal(turn(f), "");
	assert_int_equal(node_next_deadline(f->node), f->now_ns + MS);
	advance(f, 1);
	assert_string_equal(turn(f), "error1(timeout)");
	assert_true(node_next_deadline(f->node) == SUPERVISION_NEVER);
}

static void test_a_taken_name_is_refused(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	turn(f);
	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	assert_string_equal(turn(f), "error1(in_use)");
	assert_int_equal(node_count(f->node), 1);
}

static void test_names_are_made_from_the_program(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, NULL, ACTOR_PERMANENT, NODE_WAIT_NONE);
	spawn(f, NULL, ACTOR_PERMANENT, NODE_WAIT_NONE);
	spawn(f, NULL, ACTOR_PERMANENT, NODE_WAIT_NONE);
	turn(f);
	assert_string_equal(state_of(f, "true"), "starting");
	assert_string_equal(state_of(f, "true.2"), "starting");
	assert_string_equal(state_of(f, "true.3"), "starting");
}

static void test_the_name_of_one_that_ended_is_free(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_TEMPORARY, NODE_WAIT_NONE);
	ends(f, 100, CLD_EXITED, 3);
	turn(f);
	spawn(f, "a", ACTOR_TEMPORARY, NODE_WAIT_NONE);
	assert_string_equal(turn(f), "spawn(a,101) reply1(starting)");
	assert_int_equal(node_count(f->node), 1);
}

static void test_the_name_of_one_that_was_stopped_is_not(void **arg)
{
	struct fixture *f = *arg;

	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	runs(f, 100);
	node_stop(f->node, "a", false, FROM(2), f->now_ns);
	ends(f, 100, CLD_KILLED, SIGTERM);
	turn(f);
	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	assert_string_equal(turn(f), "error1(in_use)");
}

static void test_a_thousand_ended_ones_are_listed_the_oldest_go(void **arg)
{
	struct fixture *f = *arg;
	char name[16];

	for (int i = 0; i < 1010; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		spawn(f, name, ACTOR_TEMPORARY, NODE_WAIT_NONE);
		ends(f, 100 + (uint64_t)i, CLD_EXITED, 0);
		turn(f);
		if (i % 500 == 400)
			node_reserved(f->node, 1124 + 1024 * (uint64_t)(i / 500), 1024, f->now_ns);
	}
	assert_int_equal(node_count(f->node), 1000);
	assert_string_equal(state_of(f, "t9"), "none");
	assert_string_equal(state_of(f, "t10"), "down");
}

static void test_one_that_is_removed_by_force_takes_no_place_of_the_ended(void **arg)
{
	struct fixture *f = *arg;
	char name[16];
	uint64_t group;

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		spawn(f, name, ACTOR_TEMPORARY, NODE_WAIT_NONE);
		ends(f, 100 + (uint64_t)i, CLD_EXITED, 0);
		turn(f);
		if (i == 400)
			node_reserved(f->node, 1124, 1024, f->now_ns);
	}
	spawn(f, "forced", ACTOR_TEMPORARY, NODE_WAIT_NONE);
	group = node_child_by_name(f->node, "forced")->group;
	runs(f, group);
	node_remove(f->node, "forced", true, FROM(2), f->now_ns);
	turn(f);
	ends(f, group, CLD_KILLED, SIGTERM);
	turn(f);
	assert_string_equal(state_of(f, "forced"), "none");
	assert_string_equal(state_of(f, "t0"), "down");
	assert_int_equal(node_count(f->node), 1000);
}

static void test_no_more_processes_than_descriptors_suffice_for(void **arg)
{
	struct fixture *f = *arg;

	teardown(arg);
	max_processes = 2;
	f->node = fresh_node();
	f->state[0] = (struct buf)BUF_INIT;
	node_start(f->node, f->now_ns);
	node_reserved(f->node, f->next_group, 1024, f->now_ns);
	node_synced(f->node, f->now_ns);
	turn(f);
	spawn(f, "a", ACTOR_TEMPORARY, NODE_WAIT_NONE);
	spawn(f, "b", ACTOR_TEMPORARY, NODE_WAIT_NONE);
	turn(f);
	spawn(f, "c", ACTOR_TEMPORARY, NODE_WAIT_NONE);
	assert_string_equal(turn(f), "error1(overloaded)");
	ends(f, 100, CLD_EXITED, 0);
	turn(f);
	spawn(f, "c", ACTOR_TEMPORARY, NODE_WAIT_NONE);
	assert_non_null(strstr(turn(f), "spawn(c,"));
}

static void test_starts_wait_for_group_ids(void **arg)
{
	struct fixture *f = *arg;
	struct node *node = fresh_node();

	node_free(f->node);
	f->node = node;
	node_start(node, f->now_ns);
	node_synced(node, f->now_ns);
	assert_string_equal(turn(f), "reserve");
	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_UP);
	spawn(f, "b", ACTOR_PERMANENT, NODE_WAIT_NONE);
	assert_string_equal(turn(f), "reply1(starting)");
	node_remove(node, "b", true, FROM(2), f->now_ns); /* its start is forgotten, too */
	assert_string_equal(turn(f), "reply2");
	node_reserved(node, 500, 1024, f->now_ns);
	assert_string_equal(turn(f), "spawn(a,500)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_spawn_without_wait_answers_at_once),
		T(test_spawn_up_answers_when_it_was_execed),
		T(test_up_is_answered_even_if_it_is_over_in_the_same_report),
		T(test_spawn_exit_answers_with_the_end),
		T(test_a_job_that_is_asked_for_again_runs_once),
		T(test_a_job_whose_name_another_has_by_now_does_not_run_again),
		T(test_a_job_that_was_removed_does_not_run_again_after_a_snapshot),
		T(test_what_was_refused_before_it_started_can_be_asked_for_again),
		T(test_requests_of_the_forgotten_are_bounded),
		T(test_ready_is_waited_for_by_those_who_ask),
		T(test_ready_that_comes_before_the_pid_is_told_with_it),
		T(test_an_end_before_it_was_ready_is_told_at_once),
		T(test_an_owned_one_that_ends_before_it_is_ready_is_given_up),
		T(test_how_it_came_to_be_down_is_told),
		T(test_one_that_goes_into_the_background_is_said_to),
		T(test_what_is_known_of_a_failed_exec_is_told),
		T(test_a_program_without_readiness_is_ready_when_up),
		T(test_a_wait_times_out),
		T(test_a_taken_name_is_refused),
		T(test_names_are_made_from_the_program),
		T(test_the_name_of_one_that_ended_is_free),
		T(test_the_name_of_one_that_was_stopped_is_not),
		T(test_a_thousand_ended_ones_are_listed_the_oldest_go),
		T(test_one_that_is_removed_by_force_takes_no_place_of_the_ended),
		T(test_no_more_processes_than_descriptors_suffice_for),
		T(test_starts_wait_for_group_ids),
	};

	return run_facts_of("node, starts", tests);
}

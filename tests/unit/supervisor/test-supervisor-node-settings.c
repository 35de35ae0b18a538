/* SPDX-License-Identifier: Apache-2.0 */
/* What a spec may say beside the restart type: limits of restarts, ends that are fatal or good. */
#include "tests/unit/supervisor/node-world.h"

/* Spawns a child without backoff. */
static struct child *spawn_with(struct fixture *f, void (*set)(struct child_spec *spec))
{
	struct child_spec spec;

	spec_make(&spec, "a", ACTOR_PERMANENT);
	spec.backoff_min_ms = spec.backoff_max_ms = 0;
	set(&spec);
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_NONE, 0, f->now_ns);
	turn(f);
	return node_child_by_name(f->node, "a");
}

/* The current life of `a` runs and ends with @status. */
static void lives(struct fixture *f, int status)
{
	uint64_t group = node_child_by_name(f->node, "a")->group;

	runs(f, group);
	ends(f, group, CLD_EXITED, status);
	turn(f);
}

static void limit_2(struct child_spec *spec)
{
	spec->intensity = 2;
	spec->period_ms = 10000;
}

static void test_one_that_fails_too_often_is_failed_until_it_is_started(void **arg)
{
	struct fixture *f = *arg;

	spawn_with(f, limit_2);
	lives(f, 1);
	lives(f, 2);
	assert_string_equal(state_of(f, "a"), "starting");
	lives(f, 3);
	assert_string_equal(state_of(f, "a"), "failed");
	assert_string_equal(field(f, "a", "outcome"), "failed");
	assert_string_equal(field(f, "a", "restarts"), "2");
	assert_int_equal(node_child_by_name(f->node, "a")->last_exit.cause.code, 3);
	/* Its name is kept: somebody has to see to it. */
	spawn(f, "a", ACTOR_PERMANENT, NODE_WAIT_NONE);
	assert_string_equal(turn(f), "error1(in_use)");
	node_child_start(f->node, "a", false, FROM(2), f->now_ns);
	turn(f);
	lives(f, 1);
	lives(f, 1);
	assert_string_equal(state_of(f, "a"), "starting");
	lives(f, 1);
	assert_string_equal(state_of(f, "a"), "failed");
	node_remove(f->node, "a", false, FROM(3), f->now_ns);
	assert_string_equal(turn(f), "reply3");
}

static void test_who_waits_for_the_end_of_one_that_is_given_up_is_told(void **arg)
{
	struct fixture *f = *arg;

	spawn_with(f, limit_2);
	lives(f, 1);
	lives(f, 1);
	node_wait(f->node, "a", NODE_WAIT_DOWN, 0, FROM(2), f->now_ns);
	turn(f);
	ends(f, node_child_by_name(f->node, "a")->group, CLD_EXITED, 1);
	assert_non_null(strstr(turn(f), "reply2(failed)"));
}

static void test_the_count_outlives_the_supervisor(void **arg)
{
	struct fixture *f = *arg;

	spawn_with(f, limit_2);
	lives(f, 1);
	die(f);
	node_synced(f->node, f->now_ns);
	turn(f);
	lives(f, 1);
	die(f);
	node_synced(f->node, f->now_ns);
	turn(f);
	lives(f, 1);
	assert_string_equal(state_of(f, "a"), "failed");
	die(f);
	node_synced(f->node, f->now_ns);
	turn(f);
	assert_string_equal(state_of(f, "a"), "failed");
	advance(f, 60000);
	assert_string_equal(turn(f), "");
	node_child_start(f->node, "a", false, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "spawn(a,15100) reply2(starting)");
}

static void fatal_3(struct child_spec *spec)
{
	child_exits_add_status(&spec->fatal_on, 3);
	child_exits_add_signal(&spec->fatal_on, SIGSEGV);
}

static void test_an_end_in_fatal_on_is_the_last_one(void **arg)
{
	struct fixture *f = *arg;
	struct child *child = spawn_with(f, fatal_3);

	lives(f, 2);
	assert_string_equal(state_of(f, "a"), "starting");
	lives(f, 3);
	assert_string_equal(state_of(f, "a"), "down");
	assert_string_equal(field(f, "a", "outcome"), "failed");
	node_child_start(f->node, "a", false, FROM(2), f->now_ns);
	turn(f);
	runs(f, child->group);
	ends(f, child->group, CLD_DUMPED, SIGSEGV);
	turn(f);
	assert_string_equal(state_of(f, "a"), "down");
}

static void good_3(struct child_spec *spec)
{
	spec->restart = ACTOR_TRANSIENT;
	child_exits_add_status(&spec->ok_exit, 3);
	child_exits_add_signal(&spec->ok_exit, SIGINT);
}

static void test_an_end_in_ok_exit_is_a_good_one(void **arg)
{
	struct fixture *f = *arg;
	struct child *child = spawn_with(f, good_3);

	lives(f, 4);
	assert_string_equal(state_of(f, "a"), "starting");
	lives(f, 3);
	assert_string_equal(field(f, "a", "outcome"), "done");
	node_child_start(f->node, "a", false, FROM(2), f->now_ns);
	turn(f);
	runs(f, child->group);
	ends(f, child->group, CLD_KILLED, SIGINT);
	turn(f);
	assert_string_equal(field(f, "a", "outcome"), "done");
}

static void quick(struct child_spec *spec)
{
	spec->backoff_min_ms = 1000;
	spec->backoff_max_ms = 9000;
	spec->backoff_factor = 3;
	spec->backoff_jitter_pct = 0;
	spec->backoff_reset_ms = 5000;
}

/* Fails when the child that runs is not started again after exactly @ms. */
static void comes_back_after(struct fixture *f, uint64_t ms)
{
	lives(f, 1);
	if (ms) {
		assert_string_equal(state_of(f, "a"), "backoff");
		advance(f, ms - 1);
		turn(f);
		assert_string_equal(state_of(f, "a"), "backoff");
		advance(f, 1);
		turn(f);
	}
	assert_string_equal(state_of(f, "a"), "starting");
}

static void test_factor_jitter_and_reset_of_the_delays_are_those_of_the_spec(void **arg)
{
	struct fixture *f = *arg;
	struct child *child = spawn_with(f, quick);

	comes_back_after(f, 0);
	comes_back_after(f, 1000);
	comes_back_after(f, 3000);
	comes_back_after(f, 9000);
	comes_back_after(f, 9000);
	runs(f, child->group);
	advance(f, 5000);
	ends(f, child->group, CLD_EXITED, 1);
	turn(f);
	assert_string_equal(state_of(f, "a"), "starting"); /* it served long enough for a new series */
	comes_back_after(f, 1000);
}

/* The sentence of the explanation, and the coming delays as "1,2,3". */
static const char *explained(struct fixture *f, char delays[100])
{
	static char why[600];
	struct buf b = BUF_INIT;
	struct mp_reader r;
	uint32_t n, n_delays;

	node_put_explanation(f->node, &b, node_child_by_name(f->node, "a"), f->now_ns);
	r = mp_reader(b.data, b.size_bytes);
	assert_int_equal(mp_read_map(&r, &n), 0);
	why[0] = delays[0] = 0;
	while (n--) {
		const char *k, *s;
		size_t k_len, len;

		assert_int_equal(mp_read_str(&r, &k, &k_len), 0);
		if (mp_str_is(k, k_len, "why")) {
			assert_int_equal(mp_read_str(&r, &s, &len), 0);
			snprintf(why, sizeof(why), "%.*s", (int)len, s);
		} else if (mp_str_is(k, k_len, "delays_ms")) {
			assert_int_equal(mp_read_array(&r, &n_delays), 0);
			while (n_delays--) {
				uint64_t ms;

				assert_int_equal(mp_read_uint(&r, &ms), 0);
				snprintf(delays + strlen(delays), 100 - strlen(delays), "%s%llu",
					delays[0] ? "," : "", (unsigned long long)ms);
			}
		} else {
			assert_int_equal(mp_skip(&r), 0);
		}
	}
	assert_true(r.at == r.end);
	buf_deinit(&b);
	return why;
}

static void quick_and_limited(struct child_spec *spec)
{
	quick(spec);
	spec->intensity = 3;
	spec->period_ms = 3600000;
}

static void test_the_explanation_says_why_and_which_delays_come(void **arg)
{
	struct fixture *f = *arg;
	struct child *child = spawn_with(f, quick_and_limited);
	char delays[100];

	runs(f, child->group);
	assert_string_equal(explained(f, delays), "its program runs");
	assert_string_equal(delays, "0,1000,3000");
	ends(f, child->group, CLD_EXITED, 1);
	turn(f);
	runs(f, child->group);
	explained(f, delays);
	assert_string_equal(delays, "1000,3000");
	f->now_ns += 5000 * MS;
	explained(f, delays);
	assert_string_equal(delays, "0,1000"); /* it has served so long that a new series begins */
	f->now_ns -= 5000 * MS;
	ends(f, child->group, CLD_EXITED, 7);
	turn(f);
	assert_string_equal(explained(f, delays), "it ended (exit 7), and is started again in 1 s");
	assert_string_equal(delays, "3000");
	advance(f, 1000);
	turn(f);
	lives(f, 7);
	advance(f, 3000);
	turn(f);
	lives(f, 8);
	assert_string_equal(explained(f, delays),
		"it failed once more after 3 restarts in 3600 s, which is its limit (exit 8); a start begins a new count");
	assert_string_equal(delays, "");
}

static void test_the_explanation_of_one_that_is_down_says_whose_will_it_was(void **arg)
{
	struct fixture *f = *arg;
	char delays[100];

	spawn_with(f, fatal_3);
	lives(f, 3);
	assert_string_equal(explained(f, delays), "it ended (exit 3), and its fatal_on has this end");
	node_child_start(f->node, "a", false, FROM(2), f->now_ns);
	turn(f);
	lives(f, 125);
	assert_string_equal(
		explained(f, delays), "it ended (exit 125), by which a program asks not to be started again");
	node_child_start(f->node, "a", false, FROM(2), f->now_ns);
	turn(f);
	runs(f, node_child_by_name(f->node, "a")->group);
	node_stop(f->node, "a", false, FROM(2), f->now_ns);
	assert_string_equal(explained(f, delays), "it was told to stop, and is killed in 1 s");
	ends(f, node_child_by_name(f->node, "a")->group, CLD_KILLED, SIGTERM);
	turn(f);
	assert_string_equal(explained(f, delays), "somebody stopped it; a start brings it back");
}

static void up_for_5s(struct child_spec *spec)
{
	spec->up_for_ms = 5000;
	spec->backoff_min_ms = spec->backoff_max_ms = 100;
	spec->backoff_jitter_pct = 0;
}

static void test_one_is_ready_when_it_has_been_up_for_its_time(void **arg)
{
	struct fixture *f = *arg;
	struct child *child = spawn_with(f, up_for_5s);
	char delays[100];

	runs(f, child->group);
	node_wait(f->node, "a", NODE_WAIT_READY, 0, FROM(2), f->now_ns);
	node_group_ready(f->node, child->group, f->now_ns); /* what an actor program says does not count */
	advance(f, 4999);
	assert_string_equal(turn(f), "");
	assert_string_equal(state_of(f, "a"), "up");
	assert_string_equal(
		explained(f, delays), "its program runs, and is not ready yet: it must have been up for 5 s");
	assert_true(node_next_deadline(f->node) == f->now_ns + 1 * MS);
	advance(f, 1);
	assert_string_equal(turn(f), "reply2(ready)");
	assert_string_equal(state_of(f, "a"), "ready");
}

static void test_an_end_before_its_time_is_a_failed_start(void **arg)
{
	struct fixture *f = *arg;
	struct child_spec spec;

	spec_make(&spec, "a", ACTOR_PERMANENT);
	up_for_5s(&spec);
	node_spawn(f->node, &spec, caller, FROM(1), NODE_WAIT_READY, 60000, f->now_ns);
	turn(f);
	runs(f, 100);
	advance(f, 1000);
	ends(f, 100, CLD_EXITED, 1);
	assert_non_null(strstr(turn(f), "error1(ended)"));
	assert_string_equal(
		state_of(f, "a"), "backoff"); /* it had not served, so even the first delay counts */
	advance(f, 100);
	turn(f);
	runs(f, node_child_by_name(f->node, "a")->group);
	advance(f, 4999); /* the time of the life before does not count */
	turn(f);
	assert_string_equal(state_of(f, "a"), "up");
	advance(f, 1);
	turn(f);
	assert_string_equal(state_of(f, "a"), "ready");
}

static void test_the_time_that_it_has_been_up_outlives_the_supervisor(void **arg)
{
	struct fixture *f = *arg;
	struct child *child = spawn_with(f, up_for_5s);
	uint64_t group = child->group;

	runs(f, group);
	advance(f, 4000);
	turn(f);
	die(f);
	advance(f, 999);
	turn(f);
	assert_string_equal(state_of(f, "a"), "up");
	advance(f, 1);
	turn(f);
	assert_string_equal(state_of(f, "a"), "ready");
	turn(f);
	die(f);
	assert_string_equal(state_of(f, "a"), "ready");
}

static void stop_by_int(struct child_spec *spec)
{
	spec->stop_signal = SIGINT;
	spec->stop_timeout_ms = 3600000;
}

static void test_a_stop_sends_the_signal_of_the_spec_and_ends_by_it_in_order(void **arg)
{
	struct fixture *f = *arg;
	struct child *child = spawn_with(f, stop_by_int);

	runs(f, child->group);
	node_monitor(f->node, child->group, caller, 9, FROM(3));
	turn(f);
	node_stop(f->node, "a", true, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "term(100,3600000,SIGINT)");
	advance(f, 3599999);
	assert_string_equal(turn(f), "");
	ends(f, 100, CLD_KILLED, SIGINT);
	assert_string_equal(turn(f), "group_down(100) ack(100) down(100,9,shutdown) reply2(down)");
	assert_string_equal(field(f, "a", "outcome"), "stopped");
}

/* Changes `a` as the method `set` does. @put writes the map of changes. */
static void change(struct fixture *f, void (*put)(struct buf *b))
{
	char text[CHILD_SPEC_TEXT_BYTES] = "";
	struct buf b = BUF_INIT;
	struct child_spec spec;
	struct mp_reader r;
	bool life;

	put(&b);
	r = mp_reader(b.data, b.size_bytes);
	assert_int_equal(
		child_spec_change(&node_child_by_name(f->node, "a")->spec, &r, &spec, &life, text), 0);
	node_set(f->node, "a", &spec, life, FROM(5), f->now_ns);
	buf_deinit(&b);
}

static void put_policy(struct buf *b)
{
	mp_put_map(b, 5);
	mp_put_cstr(b, "restart");
	mp_put_cstr(b, "transient");
	mp_put_cstr(b, "stop_timeout_ms");
	mp_put_uint(b, 7);
	mp_put_cstr(b, "stop_signal");
	mp_put_cstr(b, "SIGINT");
	mp_put_cstr(b, "intensity");
	mp_put_uint(b, 0);
	mp_put_cstr(b, "period_ms");
	mp_put_uint(b, 9);
}

static void put_argv(struct buf *b)
{
	mp_put_map(b, 1);
	mp_put_cstr(b, "argv");
	mp_put_array(b, 2);
	mp_put_cstr(b, "/bin/other");
	mp_put_cstr(b, "x");
}

static void nothing(struct child_spec *spec)
{
}

static void test_a_change_of_policy_starts_nothing_again(void **arg)
{
	struct fixture *f = *arg;

	spawn_with(f, nothing);
	runs(f, 100);
	turn(f);
	change(f, put_policy);
	assert_string_equal(turn(f), "reply5(up)");
	assert_string_equal(field(f, "a", "restart"), "transient");
	node_stop(f->node, "a", false, FROM(2), f->now_ns);
	assert_string_equal(turn(f), "term(100,7,SIGINT) reply2(stopping)");
	advance(f, 7);
	assert_string_equal(turn(f), "kill(100)");
	ends(f, 100, CLD_KILLED, SIGKILL);
	node_child_start(f->node, "a", false, FROM(2), f->now_ns);
	turn(f);
	lives(f, 1);
	assert_string_equal(state_of(f, "a"), "failed");
}

static void test_another_command_is_one_restart_that_counts_for_nothing(void **arg)
{
	struct fixture *f = *arg;

	spawn_with(f, nothing);
	runs(f, 100);
	turn(f);
	change(f, put_argv);
	assert_string_equal(turn(f), "term(100,1000)");
	change(f, put_argv); /* it is that already: nothing more happens */
	assert_string_equal(turn(f), "reply5(stopping)");
	ends(f, 100, CLD_KILLED, SIGTERM);
	assert_string_equal(turn(f), "group_down(100) ack(100) spawn(a,101)");
	assert_string_equal(node_child_by_name(f->node, "a")->spec.argv[0], "/bin/other");
	runs(f, 101);
	assert_string_equal(turn(f), "reply5(up)");
	assert_string_equal(field(f, "a", "restarts"), "0");
}

static void test_a_change_of_one_that_is_down_starts_nothing(void **arg)
{
	struct fixture *f = *arg;

	spawn_with(f, nothing);
	runs(f, 100);
	node_stop(f->node, "a", false, FROM(2), f->now_ns);
	ends(f, 100, CLD_KILLED, SIGTERM);
	turn(f);
	change(f, put_argv);
	assert_string_equal(turn(f), "reply5(down)");
}

static void test_a_change_outlives_the_supervisor_that_made_it(void **arg)
{
	struct fixture *f = *arg;

	spawn_with(f, nothing);
	runs(f, 100);
	turn(f);
	change(f, put_policy);
	change(f, put_argv);
	turn(f);
	die(f);
	runs(f, 100);
	node_synced(f->node, f->now_ns);
	assert_string_equal(turn(f), "term(100,7,SIGINT)"); /* the restart goes on */
	ends(f, 100, CLD_KILLED, SIGINT);
	assert_string_equal(turn(f), "group_down(100) ack(100) spawn(a,5100)");
	assert_string_equal(node_child_by_name(f->node, "a")->spec.argv[1], "x");
	assert_int_equal(node_child_by_name(f->node, "a")->spec.restart, ACTOR_TRANSIENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_one_that_fails_too_often_is_failed_until_it_is_started),
		T(test_who_waits_for_the_end_of_one_that_is_given_up_is_told),
		T(test_the_count_outlives_the_supervisor),
		T(test_an_end_in_fatal_on_is_the_last_one),
		T(test_an_end_in_ok_exit_is_a_good_one),
		T(test_factor_jitter_and_reset_of_the_delays_are_those_of_the_spec),
		T(test_the_explanation_says_why_and_which_delays_come),
		T(test_the_explanation_of_one_that_is_down_says_whose_will_it_was),
		T(test_one_is_ready_when_it_has_been_up_for_its_time),
		T(test_an_end_before_its_time_is_a_failed_start),
		T(test_the_time_that_it_has_been_up_outlives_the_supervisor),
		T(test_a_change_of_policy_starts_nothing_again),
		T(test_another_command_is_one_restart_that_counts_for_nothing),
		T(test_a_change_of_one_that_is_down_starts_nothing),
		T(test_a_change_outlives_the_supervisor_that_made_it),
		T(test_a_stop_sends_the_signal_of_the_spec_and_ends_by_it_in_order),
	};

	return run_facts_of("node, settings", tests);
}

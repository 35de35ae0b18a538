/* SPDX-License-Identifier: Apache-2.0 */
/* What a pool decides of its workers, fact by fact: their ends, their number, the end of the pool. */
#include "pool-world.h"

/* ---- workers that end ---- */

static void test_the_job_of_a_worker_that_ended_is_reported(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 1);
	submit_all(w, "ab");
	(void)wants(w);
	broken(w, 'a');
	wanted(w, ""); /* the cause of the worker's end is not known yet */
	down(w, 0);
	wanted(w, "end a:crashed, start 0"); /* the worker is started at once, because it had served */
	assert_int_equal(w->core.workers[0]->cause.code, 11);
	up(w, 0);
	wanted(w, "run b@0");
}

static void test_cause_and_broken_job_come_in_any_order(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 1);
	submit(w, 'a');
	(void)wants(w);
	down(w, 0);
	wanted(w, "");
	broken(w, 'a');
	wanted(w, "end a:crashed, start 0");
}

static void test_an_answer_that_was_on_its_way_counts(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 1);
	submit(w, 'a');
	(void)wants(w);
	down(w, 0);
	done(w, 'a');
	wanted(w, "end a:done, start 0");
}

static void test_a_job_is_given_again_so_many_times(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 2);
	submit_as(w, 'a', NULL, (struct job){.retries = 2});
	wanted(w, "run a@0");
	down(w, 0);
	broken(w, 'a');
	wanted(w, "again a, start 0, run a@1");
	down(w, 1);
	broken(w, 'a');
	up(w, 0);
	wanted(w, "again a, start 1, run a@0");
	assert_int_equal(letter_of(w, 'a')->job.attempts, 3);
	down(w, 0);
	broken(w, 'a');
	assert_non_null(strstr(wants(w), "end a:crashed"));
}

static void test_a_job_for_ever_is_given_again_for_ever(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 1);
	submit_as(w, 'a', NULL, (struct job){.retries = ACTOR_POOL_RETRIES_MAX});
	for (int i = 0; i < 20; i++) {
		assert_non_null(strstr(wants(w), "run a@0"));
		down(w, 0);
		broken(w, 'a');
		assert_non_null(strstr(wants(w), "again a"));
		later(w, 1000);
		(void)wants(w);
		up(w, 0);
	}
	done(w, 'a');
	wanted(w, "end a:done");
}

static void test_what_is_given_again_goes_first(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 1);
	submit_as(w, 'a', NULL, (struct job){.retries = 1});
	submit_all(w, "bc");
	(void)wants(w);
	down(w, 0);
	broken(w, 'a');
	wanted(w, "again a, start 0");
	up(w, 0);
	wanted(w, "run a@0");
}

static void test_what_had_not_been_begun_does_not_count(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();

	settings.pipeline = 3;
	begin(w, settings);
	up_all(w, 1);
	submit_all(w, "abc");
	wanted(w, "run a@0, run b@0, run c@0");
	done(w, 'a');
	down(w, 0);
	broken(w, 'c');
	broken(w, 'b');
	wanted(w, "end a:done, end b:crashed, start 0"); /* b had begun, c stood behind it */
	up(w, 0);
	wanted(w, "run c@0");
	assert_int_equal(letter_of(w, 'c')->job.attempts, 1);
	assert_int_equal(w->core.stats.returned, 1);
}

static void test_what_never_came_to_the_worker_does_not_count(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 1);
	submit(w, 'a');
	(void)wants(w);
	core_broken(&w->core, &letter_of(w, 'a')->job, true, w->now_ns);
	down(w, 0);
	wanted(w, "start 0");
	up(w, 0);
	wanted(w, "run a@0");
}

static void test_a_job_that_nobody_carried_yet_is_given_again(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 1);
	submit(w, 'a');
	down(w, 0); /* the worker ends before the action `run a@0` is taken */
	wanted(w, "start 0");
	up(w, 0);
	wanted(w, "run a@0");
}

static void test_jobs_of_a_key_keep_their_order_over_a_crash(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();

	settings.router = ACTOR_POOL_KEY;
	settings.pipeline = 2;
	begin(w, settings);
	up_all(w, 1);
	for (int c = 'a'; c <= 'd'; c++)
		submit_as(w, c, "x", (struct job){.retries = 1});
	wanted(w, "run a@0, run b@0");
	down(w, 0);
	broken(w, 'a');
	broken(w, 'b');
	wanted(w, "again a, start 0");
	up(w, 0);
	wanted(w, "run a@0, run b@0");
	done(w, 'a');
	done(w, 'b');
	wanted(w, "end a:done, end b:done, run c@0, run d@0");
}

static void test_jobs_of_a_key_go_on_together_when_their_worker_leaves_by_a_crash(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();
	char key[2] = "a";

	settings.router = ACTOR_POOL_KEY;
	begin(w, settings);
	while (key_worker(key_hash(key, 1), 3) != 2 || key_worker(key_hash(key, 1), 2) != 1)
		key[0]++;
	up_all(w, 3);
	for (int c = 'a'; c <= 'c'; c++)
		submit_as(w, c, key, (struct job){.retries = 1});
	wanted(w, "run a@2");
	resize(w, 2);
	down(w, 2);
	broken(w, 'a');
	wanted(w, "again a, run a@1"); /* worker 0 is idle for longer, but worker 1 has the key */
	done(w, 'a');
	wanted(w, "end a:done, run b@1");
	done(w, 'b');
	wanted(w, "end b:done, run c@1");
}

static void test_a_worker_that_cannot_start_is_tried_ever_later(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	resize(w, 1);
	wanted(w, "start 0");
	for (int64_t ms = 100; ms <= 800; ms *= 2) {
		down(w, 0);
		wanted(w, "");
		later(w, ms - 1);
		wanted(w, "");
		later(w, 1);
		wanted(w, "start 0");
	}
	down(w, 0);
	later(w, 800);
	wanted(w, "start 0");
}

static void test_a_worker_that_has_done_a_job_is_started_again_at_once(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 1);
	for (int i = 0; i < 5; i++) {
		submit_all(w, "ab");
		(void)wants(w);
		done(w, 'a');
		wanted(w, "end a:done, run b@0");
		down(w, 0);
		broken(w, 'b');
		wanted(w, "end b:crashed, start 0");
		up(w, 0);
	}
}

static void test_a_worker_that_dies_of_its_first_job_is_tried_ever_later(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 1);
	for (int64_t ms = 0; ms <= 800; ms = ms ? ms * 2 : 100) {
		submit(w, 'a');
		wanted(w, "run a@0");
		down(w, 0);
		broken(w, 'a');
		wanted(w, ms ? "end a:crashed" : "end a:crashed, start 0");
		if (ms) {
			later(w, ms - 1);
			wanted(w, "");
			later(w, 1);
			wanted(w, "start 0");
		}
		up(w, 0);
	}
}

static void test_a_worker_that_says_nothing_and_does_not_end_is_killed(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 1);
	submit(w, 'a');
	(void)wants(w);
	broken(w, 'a'); /* the worker's actor has ended, its process has not */
	later(w, 1999);
	wanted(w, "");
	later(w, 1);
	wanted(w, "kill 0");
	later(w, 5000);
	wanted(w, "kill 0");
	down(w, 0);
	wanted(w, "end a:crashed, start 0");
}

/* ---- memory is short at the pool's end ---- */

static void test_a_job_that_the_pool_could_not_send_is_given_again_and_ends_no_worker(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 1);
	submit_all(w, "ab");
	wanted(w, "run a@0");
	for (int i = 0; i < 100; i++) { /* 10 s, far beyond the time after which a silent worker is killed */
		core_unsent(&w->core, &letter_of(w, 'a')->job, w->now_ns);
		wanted(w, "");
		later(w, 99);
		wanted(w, "");
		later(w, 1);
		wanted(w, "run a@0");
	}
	assert_int_equal(letter_of(w, 'a')->job.attempts, 1);
	assert_int_equal(w->core.stats.returned, 100);
	done(w, 'a');
	wanted(w, "end a:done, run b@0");
	assert_int_equal(w->core.stats.deaths + w->core.stats.kills, 0);
}

static void test_a_job_that_could_not_be_sent_goes_to_another_worker(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 2);
	submit(w, 'a');
	wanted(w, "run a@0");
	core_unsent(&w->core, &letter_of(w, 'a')->job, w->now_ns);
	wanted(w, "run a@1");
	core_unsent(&w->core, &letter_of(w, 'a')->job, w->now_ns);
	wanted(w, "");
	later(w, 100);
	assert_non_null(strstr(wants(w), "run a@"));
}

static void test_an_answer_for_which_there_is_no_memory_ends_the_job_and_no_worker(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 1);
	submit(w, 'a');
	submit_as(w, 'b', NULL, (struct job){.retries = 1});
	wanted(w, "run a@0");
	core_unheard(&w->core, &letter_of(w, 'a')->job, w->now_ns);
	wanted(w, "end a:no_memory"); /* the worker has had it, so it is not given again */
	later(w, 100);
	wanted(w, "run b@0");
	core_unheard(&w->core, &letter_of(w, 'b')->job, w->now_ns);
	wanted(w, "again b");
	later(w, 100);
	wanted(w, "run b@0");
	core_unheard(&w->core, &letter_of(w, 'b')->job, w->now_ns);
	wanted(w, "end b:no_memory");
	later(w, 60000);
	wanted(w, "");
	assert_int_equal(w->core.stats.deaths + w->core.stats.kills, 0);
}

static void test_a_worker_that_rests_is_still_stuck_in_its_other_job(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();

	settings.pipeline = 2;
	begin(w, settings);
	up_all(w, 1);
	submit_as(w, 'a', NULL, (struct job){.limit_ns = 150 * MS});
	submit(w, 'b');
	wanted(w, "run a@0, run b@0");
	later(w, 60);
	core_unsent(&w->core, &letter_of(w, 'b')->job, w->now_ns);
	later(w, 89);
	wanted(w, "");
	later(w, 1);
	wanted(w, "stuck 0, kill 0");
	down(w, 0);
	broken(w, 'a');
	assert_non_null(strstr(wants(w), "end a:stuck"));
	later(w, 1000);
	(void)wants(w);
	up(w, 0);
	wanted(w, "run b@0");
}

static void test_a_spared_worker_gets_jobs_after_its_rest(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();

	settings.pipeline = 2;
	settings.spare_stuck = true;
	begin(w, settings);
	up_all(w, 1);
	submit_as(w, 'a', NULL, (struct job){.limit_ns = 50 * MS});
	submit(w, 'b');
	wanted(w, "run a@0, run b@0");
	core_unsent(&w->core, &letter_of(w, 'b')->job, w->now_ns);
	later(w, 50);
	wanted(w, "stuck 0");
	later(w, 50);
	wanted(w, "run b@0");
}

static void test_a_stop_that_could_not_be_told_is_told_again(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 1);
	resize(w, 0);
	wanted(w, "stop 0");
	core_untold(&w->core, 0, CORE_STOP, w->now_ns);
	later(w, 99);
	wanted(w, "");
	later(w, 1);
	wanted(w, "stop 0");
	down(w, 0);
	later(w, 1000);
	wanted(w, "");
}

static void test_a_kill_that_could_not_be_told_leaves_the_worker_as_it_is(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 1);
	submit_as(w, 'a', NULL, (struct job){.limit_ns = 100 * MS});
	(void)wants(w);
	later(w, 100);
	wanted(w, "stuck 0, kill 0");
	core_untold(&w->core, 0, CORE_KILL, w->now_ns);
	wanted(w, ""); /* it is not down, so no other one is started in its place */
	later(w, 5000);
	wanted(w, "kill 0");
}

static void test_a_start_that_could_not_be_told_is_tried_again_later(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	resize(w, 1);
	wanted(w, "start 0");
	core_untold(&w->core, 0, CORE_START, w->now_ns);
	wanted(w, "");
	later(w, 1000);
	wanted(w, "start 0");
}

/* ---- stuck ---- */

static void test_a_stuck_worker_is_killed(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 1);
	submit_as(w, 'a', NULL, (struct job){.limit_ns = 100 * MS});
	(void)wants(w);
	later(w, 99);
	wanted(w, "");
	later(w, 1);
	wanted(w, "stuck 0, kill 0");
	submit(w, 'b');
	wanted(w, ""); /* a stuck worker gets nothing more */
	later(w, 5000);
	wanted(w, "kill 0"); /* the kill is tried again: the spawner may have been away */
	down(w, 0);
	broken(w, 'a');
	wanted(w, "end a:stuck, start 0");
	assert_int_equal(w->core.stats.kills, 1);
	up(w, 0);
	wanted(w, "run b@0");
}

static void test_a_stuck_job_is_given_again_as_well(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 1);
	submit_as(w, 'a', NULL, (struct job){.limit_ns = 100 * MS, .retries = 1});
	(void)wants(w);
	later(w, 100);
	wanted(w, "stuck 0, kill 0");
	down(w, 0);
	broken(w, 'a');
	wanted(w, "again a, start 0");
	up(w, 0);
	wanted(w, "run a@0");
	down(w, 0); /* this worker ends by itself */
	broken(w, 'a');
	assert_non_null(strstr(wants(w), "end a:crashed"));
}

static void test_the_limit_counts_from_when_a_job_is_first(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();

	settings.pipeline = 2;
	begin(w, settings);
	up_all(w, 1);
	submit_as(w, 'a', NULL, (struct job){.limit_ns = 100 * MS});
	submit_as(w, 'b', NULL, (struct job){.limit_ns = 100 * MS});
	(void)wants(w);
	later(w, 90);
	done(w, 'a');
	later(w, 90);
	wanted(w, "end a:done");
	later(w, 10);
	wanted(w, "stuck 0, kill 0");
}

static void test_a_stuck_worker_may_be_spared(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();

	settings.spare_stuck = true;
	begin(w, settings);
	up_all(w, 1);
	submit_as(w, 'a', NULL, (struct job){.limit_ns = 100 * MS});
	submit_as(w, 'b', NULL, (struct job){.limit_ns = 100 * MS});
	(void)wants(w);
	later(w, 100);
	wanted(w, "stuck 0");
	later(w, 1000);
	wanted(w, ""); /* the stuck worker is told once */
	done(w, 'a');
	wanted(w, "end a:done, run b@0");
	later(w, 100);
	wanted(w, "stuck 0");
}

static void test_a_stuck_worker_that_answers_at_last_has_done_its_job(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 1);
	submit_as(w, 'a', NULL, (struct job){.limit_ns = 100 * MS});
	submit(w, 'b');
	(void)wants(w);
	later(w, 100);
	wanted(w, "stuck 0, kill 0");
	done(w, 'a');
	wanted(w, "end a:done"); /* b is not given to worker 0: its kill is on the way */
	down(w, 0);
	wanted(w, "start 0");
	up(w, 0);
	wanted(w, "run b@0");
}

/* ---- size ---- */

static void test_a_smaller_pool_stops_the_idle_and_lets_the_busy_finish(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 3);
	submit_all(w, "ab");
	(void)wants(w);
	resize(w, 1);
	wanted(w, "stop 2");
	submit(w, 'c');
	done(w, 'b');
	wanted(w, "end b:done, stop 1");
	down(w, 1);
	down(w, 2);
	wanted(w, "");
	assert_int_equal(w->core.n_not_off, 1);
	assert_int_equal(w->core.stats.deaths, 0);
}

static void test_a_pool_that_grows_again_keeps_who_was_leaving(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 2);
	submit_all(w, "abc");
	(void)wants(w);
	resize(w, 1);
	wanted(w, "");
	resize(w, 2);
	done(w, 'b');
	wanted(w, "end b:done, run c@1");
}

static void test_one_that_was_stopping_is_started_again(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 2);
	resize(w, 1);
	wanted(w, "stop 1");
	resize(w, 2);
	wanted(w, "");
	down(w, 1);
	wanted(w, "start 1");
}

static void test_one_that_comes_up_too_late_is_stopped(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	resize(w, 2);
	(void)wants(w);
	resize(w, 1);
	up(w, 1);
	wanted(w, "stop 1");
}

static void test_jobs_of_a_worker_that_leaves_while_it_waits_find_another(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();
	char key[2] = "a";

	settings.router = ACTOR_POOL_KEY;
	begin(w, settings);
	while (key_worker(key_hash(key, 1), 2) != 1)
		key[0]++;
	up_all(w, 1);
	resize(w, 2);
	down(w, 1); /* worker 1 cannot be started */
	submit_key(w, 'a', key);
	wanted(w, "");
	resize(w, 1);
	wanted(w, "run a@0");
}

static void test_too_many_are_refused(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	assert_int_equal(core_resize(&w->core, ACTOR_POOL_WORKERS_MAX + 1, w->now_ns), -EINVAL);
}

/* ---- the end ---- */

static void test_a_drain_does_what_is_there_and_takes_no_more(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 2);
	submit_all(w, "abc");
	(void)wants(w);
	core_drain(&w->core, w->now_ns);
	wanted(w, "");
	assert_int_equal(submit_as(w, 'd', NULL, (struct job){0}), ACTOR_POOL_DRAINING);
	done(w, 'a');
	wanted(w, "end a:done, run c@0");
	done(w, 'b');
	wanted(w, "end b:done");
	done(w, 'c');
	wanted(w, "end c:done, stop 0, stop 1");
	down(w, 0);
	wanted(w, "");
	down(w, 1);
	wanted(w, "over");
	wanted(w, "");
}

static void test_a_drain_gives_again_what_a_crash_broke(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 1);
	submit_as(w, 'a', NULL, (struct job){.retries = 1});
	(void)wants(w);
	core_drain(&w->core, w->now_ns);
	down(w, 0);
	broken(w, 'a');
	wanted(w, "again a, start 0");
	up(w, 0);
	wanted(w, "run a@0");
	done(w, 'a');
	wanted(w, "end a:done, stop 0");
}

static void test_a_drain_of_an_idle_pool_ends_it(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	resize(w, 0);
	core_drain(&w->core, w->now_ns);
	wanted(w, "over");
}

static void test_a_drain_without_workers_does_not_wait_for_ever(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	resize(w, 0);
	submit(w, 'a');
	core_drain(&w->core, w->now_ns);
	wanted(w, "end a:shutdown, over");
}

static void test_a_drain_keeps_its_workers(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 1);
	submit_all(w, "ab");
	(void)wants(w);
	core_drain(&w->core, w->now_ns);
	resize(w, 0);
	down(w, 0);
	broken(w, 'a');
	wanted(w, "end a:crashed, start 0");
}

static void test_a_stop_ends_all_jobs_bound_ones_too(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();

	settings.router = ACTOR_POOL_KEY;
	begin(w, settings);
	up_all(w, 1);
	submit_key(w, 'a', "x");
	submit_key(w, 'b', "x");
	submit(w, 'c');
	(void)wants(w);
	core_stop(&w->core, w->now_ns);
	wanted(w, "end a:shutdown, end b:shutdown, end c:shutdown, stop 0");
	assert_int_equal(submit_as(w, 'd', NULL, (struct job){0}), ACTOR_POOL_SHUTDOWN);
	down(w, 0);
	wanted(w, "over");
}

static void test_a_stop_does_not_wait_for_words_about_jobs(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 1);
	submit(w, 'a');
	(void)wants(w);
	down(w, 0);
	wanted(w, "");
	core_stop(&w->core, w->now_ns);
	wanted(w, "end a:shutdown, over");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FACT_OF_WORLD(test_the_job_of_a_worker_that_ended_is_reported),
		FACT_OF_WORLD(test_cause_and_broken_job_come_in_any_order),
		FACT_OF_WORLD(test_an_answer_that_was_on_its_way_counts),
		FACT_OF_WORLD(test_a_job_is_given_again_so_many_times),
		FACT_OF_WORLD(test_a_job_for_ever_is_given_again_for_ever),
		FACT_OF_WORLD(test_what_is_given_again_goes_first),
		FACT_OF_WORLD(test_what_had_not_been_begun_does_not_count),
		FACT_OF_WORLD(test_what_never_came_to_the_worker_does_not_count),
		FACT_OF_WORLD(test_a_job_that_nobody_carried_yet_is_given_again),
		FACT_OF_WORLD(test_jobs_of_a_key_keep_their_order_over_a_crash),
		FACT_OF_WORLD(test_jobs_of_a_key_go_on_together_when_their_worker_leaves_by_a_crash),
		FACT_OF_WORLD(test_a_worker_that_cannot_start_is_tried_ever_later),
		FACT_OF_WORLD(test_a_worker_that_has_done_a_job_is_started_again_at_once),
		FACT_OF_WORLD(test_a_worker_that_dies_of_its_first_job_is_tried_ever_later),
		FACT_OF_WORLD(test_a_worker_that_says_nothing_and_does_not_end_is_killed),
		FACT_OF_WORLD(test_a_job_that_the_pool_could_not_send_is_given_again_and_ends_no_worker),
		FACT_OF_WORLD(test_a_job_that_could_not_be_sent_goes_to_another_worker),
		FACT_OF_WORLD(test_an_answer_for_which_there_is_no_memory_ends_the_job_and_no_worker),
		FACT_OF_WORLD(test_a_worker_that_rests_is_still_stuck_in_its_other_job),
		FACT_OF_WORLD(test_a_spared_worker_gets_jobs_after_its_rest),
		FACT_OF_WORLD(test_a_stop_that_could_not_be_told_is_told_again),
		FACT_OF_WORLD(test_a_kill_that_could_not_be_told_leaves_the_worker_as_it_is),
		FACT_OF_WORLD(test_a_start_that_could_not_be_told_is_tried_again_later),
		FACT_OF_WORLD(test_a_stuck_worker_is_killed),
		FACT_OF_WORLD(test_a_stuck_job_is_given_again_as_well),
		FACT_OF_WORLD(test_the_limit_counts_from_when_a_job_is_first),
		FACT_OF_WORLD(test_a_stuck_worker_may_be_spared),
		FACT_OF_WORLD(test_a_stuck_worker_that_answers_at_last_has_done_its_job),
		FACT_OF_WORLD(test_a_smaller_pool_stops_the_idle_and_lets_the_busy_finish),
		FACT_OF_WORLD(test_a_pool_that_grows_again_keeps_who_was_leaving),
		FACT_OF_WORLD(test_one_that_was_stopping_is_started_again),
		FACT_OF_WORLD(test_one_that_comes_up_too_late_is_stopped),
		FACT_OF_WORLD(test_jobs_of_a_worker_that_leaves_while_it_waits_find_another),
		FACT_OF_WORLD(test_too_many_are_refused),
		FACT_OF_WORLD(test_a_drain_does_what_is_there_and_takes_no_more),
		FACT_OF_WORLD(test_a_drain_gives_again_what_a_crash_broke),
		FACT_OF_WORLD(test_a_drain_of_an_idle_pool_ends_it),
		FACT_OF_WORLD(test_a_drain_without_workers_does_not_wait_for_ever),
		FACT_OF_WORLD(test_a_drain_keeps_its_workers),
		FACT_OF_WORLD(test_a_stop_ends_all_jobs_bound_ones_too),
		FACT_OF_WORLD(test_a_stop_does_not_wait_for_words_about_jobs),
	};

	return run_facts(tests);
}

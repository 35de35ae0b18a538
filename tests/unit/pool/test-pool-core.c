/* SPDX-License-Identifier: Apache-2.0 */
/* What a pool decides, fact by fact. */
#include "pool-world.h"

/* ---- who gets a job ---- */

static void test_jobs_wait_until_a_worker_is_up(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	resize(w, 2);
	wanted(w, "start 0, start 1");
	submit_all(w, "abc");
	wanted(w, "");
	up(w, 1);
	wanted(w, "run a@1");
	up(w, 0);
	wanted(w, "run b@0");
	done(w, 'a');
	wanted(w, "end a:done, run c@1");
}

static void test_a_pool_of_none_keeps_jobs_for_a_resize(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	resize(w, 0);
	submit(w, 'a');
	wanted(w, "");
	resize(w, 1);
	wanted(w, "start 0");
	up(w, 0);
	wanted(w, "run a@0");
}

static void test_the_idle_have_their_turn(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 3);
	submit(w, 'a');
	wanted(w, "run a@0");
	done(w, 'a');
	wanted(w, "end a:done");
	submit_all(w, "bc");
	wanted(w, "run b@1, run c@2");
	submit(w, 'd');
	wanted(w, "run d@0");
}

static void test_a_pipeline_fills_the_idle_first(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();

	settings.pipeline = 2;
	begin(w, settings);
	up_all(w, 2);
	submit_all(w, "abcde");
	wanted(w, "run a@0, run b@1, run c@0, run d@1");
	done(w, 'b');
	wanted(w, "end b:done, run e@1");
}

static void test_priority_is_strict_and_fair_within(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 1);
	submit(w, 'z');
	(void)wants(w);
	submit_as(w, 'a', NULL, (struct job){.level = 4});
	submit_as(w, 'b', NULL, (struct job){.level = 3});
	submit_as(w, 'c', NULL, (struct job){.level = 1});
	submit_as(w, 'd', NULL, (struct job){.level = 3});
	done(w, 'z');
	wanted(w, "end z:done, run c@0");
	done(w, 'c');
	wanted(w, "end c:done, run b@0");
	done(w, 'b');
	wanted(w, "end b:done, run d@0");
	done(w, 'd');
	wanted(w, "end d:done, run a@0");
}

static void test_a_key_has_one_worker(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();
	uint32_t x, y;
	char text[64];

	settings.router = ACTOR_POOL_KEY;
	begin(w, settings);
	up_all(w, 4);
	x = key_worker(key_hash("x", 1), 4);
	submit_key(w, 'a', "x");
	submit_key(w, 'b', "x");
	snprintf(text, sizeof(text), "run a@%u", x);
	wanted(w, text);
	for (y = 0; y < 26 && key_worker(key_hash(&(char){(char)('a' + y)}, 1), 4) == x; y++)
		;
	submit_key(w, 'c', (char[]){(char)('a' + y), '\0'});
	assert_non_null(strstr(wants(w), "run c@")); /* c does not wait behind the jobs of another key */
	done(w, 'a');
	snprintf(text, sizeof(text), "end a:done, run b@%u", x);
	wanted(w, text);
}

static void test_a_key_with_work_stays_when_the_size_changes(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();
	char key[2] = "a", text[64];

	settings.router = ACTOR_POOL_KEY;
	begin(w, settings);
	up_all(w, 1);
	/*
	 * The key's worker is 0 as long as there is one worker, and would be another one if there were four.
	 */
	while (key_worker(key_hash(key, 1), 4) == 0)
		key[0]++;
	submit_key(w, 'a', key);
	submit_key(w, 'b', key);
	wanted(w, "run a@0");
	up_all(w, 4);
	submit_key(w, 'c', key);
	wanted(w, "");
	done(w, 'a');
	wanted(w, "end a:done, run b@0");
	done(w, 'b');
	wanted(w, "end b:done, run c@0");
	done(w, 'c');
	wanted(w, "end c:done");
	submit_key(w, 'd', key);
	snprintf(text, sizeof(text), "run d@%u", key_worker(key_hash(key, 1), 4));
	wanted(w, text);
}

static void test_a_job_without_a_key_is_anybodys(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();

	settings.router = ACTOR_POOL_KEY;
	begin(w, settings);
	up_all(w, 2);
	submit_all(w, "abc");
	wanted(w, "run a@0, run b@1");
	done(w, 'b');
	wanted(w, "end b:done, run c@1");
}

static void test_few_keys_move_when_one_worker_comes(void **state)
{
	uint32_t moved = 0, at[11] = {0};

	for (uint32_t i = 0; i < 10000; i++) {
		uint64_t hash = key_hash(&i, sizeof(i));
		uint32_t before = key_worker(hash, 10), after = key_worker(hash, 11);

		at[after]++;
		moved += before != after;
		assert_true(before == after || after == 10);
	}
	assert_in_range(moved, 700, 1100); /* 10,000 / 11 = 909 */
	for (uint32_t i = 0; i < 11; i++)
		assert_in_range(at[i], 700, 1100);
}

static void test_a_sticky_key_goes_where_it_is_now(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();

	settings.router = ACTOR_POOL_STICKY;
	begin(w, settings);
	up_all(w, 2);
	submit_key(w, 'a', "x");
	submit_key(w, 'b', "x");
	wanted(w, "run a@0"); /* although worker 1 is idle */
	submit_key(w, 'c', "y");
	wanted(w, "run c@1");
	done(w, 'a');
	wanted(w, "end a:done, run b@0");
	done(w, 'b');
	done(w, 'c');
	wanted(w, "end b:done, end c:done");
	submit_key(w, 'd', "x");
	wanted(w, "run d@0"); /* nobody has x now, so it goes to the worker that is idle for longest */
}

static void test_a_sticky_key_that_waited_follows_the_first_of_it(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();

	settings.router = ACTOR_POOL_STICKY;
	begin(w, settings);
	resize(w, 2);
	submit_key(w, 'a', "x");
	submit_key(w, 'b', "x");
	submit_key(w, 'c', "y");
	(void)wants(w);
	up(w, 0);
	wanted(w, "run a@0");
	up(w, 1);
	wanted(w, "run c@1");
	done(w, 'a');
	wanted(w, "end a:done, run b@0");
}

static void test_round_robin_gives_each_in_its_turn(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();

	settings.router = ACTOR_POOL_ROUND_ROBIN;
	begin(w, settings);
	up_all(w, 3);
	submit_all(w, "abcd");
	wanted(w, "run a@0, run b@1, run c@2");
	done(w, 'b');
	wanted(w, "end b:done"); /* worker 1 gets nothing: d is worker 0's */
	done(w, 'a');
	wanted(w, "end a:done, run d@0");
}

static void test_round_robin_passes_over_who_is_down(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();

	settings.router = ACTOR_POOL_ROUND_ROBIN;
	begin(w, settings);
	up_all(w, 2);
	submit_all(w, "abcd");
	wanted(w, "run a@0, run b@1");
	down(w, 0);
	broken(w, 'a');
	wanted(w, "end a:crashed, start 0");
	done(w, 'b');
	wanted(w, "end b:done, run d@1");
	done(w, 'd');
	wanted(w, "end d:done, run c@1"); /* c had been worker 0's */
}

static uint32_t route_by_letter(const void *key, size_t key_bytes, uint32_t n, void *arg)
{
	char c = key_bytes ? *(const char *)key : '?';

	*(uint32_t *)arg = n;
	return c == '?' ? ACTOR_POOL_ROUTE_ANY : c == '!' ? ACTOR_POOL_ROUTE_REFUSE : (uint32_t)(c - '0');
}

static void test_a_route_of_ones_own(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();
	uint32_t n = 0;

	settings.router = ACTOR_POOL_CUSTOM;
	settings.route = route_by_letter;
	settings.arg = &n;
	begin(w, settings);
	up_all(w, 3);
	submit_key(w, 'a', "2");
	assert_int_equal(n, 3);
	submit_key(w, 'b', "4");
	submit_key(w, 'c', "?");
	assert_int_equal(submit_as(w, 'd', "!", (struct job){0}), ACTOR_POOL_LIMITED);
	wanted(w, "run a@2, run b@1, run c@0");
}

/* ---- refusing ---- */

static void test_a_full_queue_refuses_the_newest(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();

	settings.queue_max = 2;
	begin(w, settings);
	up_all(w, 1);
	submit_all(w, "abc");
	wanted(w, "run a@0");
	assert_int_equal(submit_as(w, 'd', NULL, (struct job){0}), ACTOR_POOL_OVERLOADED);
	assert_true(w->retry_ms > 0);
	wanted(w, "");
	done(w, 'a');
	wanted(w, "end a:done, run b@0");
	submit(w, 'd');
}

static void test_a_job_that_is_kept_displaces_one_that_is_not(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();

	settings.queue_max = 2;
	begin(w, settings);
	up_all(w, 1);
	submit_all(w, "abc");
	(void)wants(w);
	assert_int_equal(submit_as(w, 'd', NULL, (struct job){.keep = true}), 0);
	wanted(w, "end c:discarded");
	assert_int_equal(submit_as(w, 'e', NULL, (struct job){.keep = true}), 0);
	wanted(w, "end b:discarded");
	/* No job is left that may be discarded. */
	assert_int_equal(submit_as(w, 'f', NULL, (struct job){.keep = true}), ACTOR_POOL_OVERLOADED);
}

static void test_a_full_queue_discards_the_oldest_of_the_lowest(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();

	settings.queue_max = 3;
	settings.shed = ACTOR_POOL_SHED_OLDEST;
	begin(w, settings);
	up_all(w, 1);
	submit(w, 'z');
	submit_as(w, 'a', NULL, (struct job){.level = 3});
	submit_as(w, 'b', NULL, (struct job){.level = 5});
	submit_as(w, 'c', NULL, (struct job){.level = 5, .keep = true});
	(void)wants(w);
	submit_as(w, 'd', NULL, (struct job){.level = 4});
	wanted(w, "end b:discarded");
	submit_as(w, 'e', NULL, (struct job){.level = 4});
	wanted(w, "end d:discarded");
	assert_int_equal(submit_as(w, 'f', NULL, (struct job){.level = 6}), ACTOR_POOL_OVERLOADED);
}

static void test_the_queue_is_bounded_in_bytes(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();

	settings.queue_max_bytes = 100;
	begin(w, settings);
	up_all(w, 1);
	submit_as(w, 'a', NULL, (struct job){.bytes = 1000}); /* runs at once, so the queue stays empty */
	submit_as(w, 'b', NULL, (struct job){.bytes = 60});
	assert_int_equal(submit_as(w, 'c', NULL, (struct job){.bytes = 60}), ACTOR_POOL_OVERLOADED);
	submit_as(w, 'd', NULL, (struct job){.bytes = 40});
	wanted(w, "run a@0");
}

static void test_without_a_queue_only_the_idle_count(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();

	settings.queue_max = ACTOR_POOL_NONE;
	begin(w, settings);
	up_all(w, 1);
	submit(w, 'a');
	assert_int_equal(submit_as(w, 'b', NULL, (struct job){0}), ACTOR_POOL_OVERLOADED);
	wanted(w, "run a@0");
}

static void test_bound_jobs_count_for_the_queue(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();

	settings.router = ACTOR_POOL_KEY;
	settings.queue_max = 1;
	begin(w, settings);
	up_all(w, 1);
	submit_key(w, 'a', "x");
	submit_key(w, 'b', "x");
	assert_int_equal(submit_as(w, 'c', "x", (struct job){0}), ACTOR_POOL_OVERLOADED);
}

static void test_more_than_the_rate_are_refused_with_a_hint(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();

	settings.rate_per_s = 10;
	settings.rate_burst = 2;
	begin(w, settings);
	up_all(w, 4);
	submit_all(w, "ab");
	assert_int_equal(submit_as(w, 'c', NULL, (struct job){0}), ACTOR_POOL_LIMITED);
	assert_int_equal(w->retry_ms, 100);
	later(w, 99);
	assert_int_equal(submit_as(w, 'c', NULL, (struct job){0}), ACTOR_POOL_LIMITED);
	assert_int_equal(w->retry_ms, 1);
	later(w, 1);
	submit(w, 'c');
	later(w, 10000); /* however long it is quiet, only the burst is saved up */
	submit_all(w, "de");
	assert_int_equal(submit_as(w, 'f', NULL, (struct job){0}), ACTOR_POOL_LIMITED);
}

static void test_the_hint_grows_with_the_queue(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();
	int64_t short_ms;

	settings.queue_max = 2;
	begin(w, settings);
	up_all(w, 1);
	submit(w, 'a');
	(void)wants(w);
	w->now_ns += 1000 * MS; /* the job takes a second */
	done(w, 'a');
	(void)wants(w);
	submit_all(w, "abc");
	assert_int_equal(submit_as(w, 'd', NULL, (struct job){0}), ACTOR_POOL_OVERLOADED);
	short_ms = w->retry_ms;
	settings.queue_max = 10;
	core_set(&w->core, &settings, w->now_ns);
	submit_all(w, "defghijk");
	assert_int_equal(submit_as(w, 'l', NULL, (struct job){0}), ACTOR_POOL_OVERLOADED);
	assert_in_range(short_ms, 900, 1600);
	assert_in_range(w->retry_ms, 4500, 6000);
}

static void test_a_job_expires_while_it_waits(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 1);
	submit(w, 'a');
	submit_as(w, 'b', NULL, (struct job){.expires_ns = w->now_ns + 50 * MS});
	submit_as(w, 'c', NULL, (struct job){.expires_ns = w->now_ns + 60 * MS});
	(void)wants(w);
	assert_int_equal(core_next_time(&w->core), w->now_ns + 50 * MS);
	later(w, 50);
	wanted(w, "end b:expired");
	/* The timer does not run: c is found expired when its turn comes. */
	w->now_ns += 20 * MS;
	done(w, 'a');
	wanted(w, "end a:done, end c:expired");
	assert_int_equal(submit_as(w, 'd', NULL, (struct job){.expires_ns = w->now_ns}), ACTOR_POOL_EXPIRED);
}

static void test_a_job_that_runs_does_not_expire(void **state)
{
	struct world *w = *state;

	begin(w, plain());
	up_all(w, 1);
	submit_as(w, 'a', NULL, (struct job){.expires_ns = w->now_ns + 50 * MS});
	wanted(w, "run a@0");
	later(w, 1000);
	done(w, 'a');
	wanted(w, "end a:done");
}

/* ---- numbers ---- */

static void test_capacity_is_idle_workers_and_free_places(void **state)
{
	struct world *w = *state;
	struct core_settings settings = plain();
	struct actor_pool_stats stats;

	settings.queue_max = 5;
	begin(w, settings);
	up_all(w, 2);
	core_stats(&w->core, &stats);
	assert_int_equal(stats.capacity, 7);
	submit_all(w, "abc");
	core_stats(&w->core, &stats);
	assert_int_equal(stats.capacity, 4);
	assert_int_equal(stats.workers_busy, 2);
	assert_int_equal(stats.queued, 1);
	assert_int_equal(stats.running, 2);
	assert_int_equal(stats.jobs, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FACT_OF_WORLD(test_jobs_wait_until_a_worker_is_up),
		FACT_OF_WORLD(test_a_pool_of_none_keeps_jobs_for_a_resize),
		FACT_OF_WORLD(test_the_idle_have_their_turn),
		FACT_OF_WORLD(test_a_pipeline_fills_the_idle_first),
		FACT_OF_WORLD(test_priority_is_strict_and_fair_within),
		FACT_OF_WORLD(test_a_key_has_one_worker),
		FACT_OF_WORLD(test_a_key_with_work_stays_when_the_size_changes),
		FACT_OF_WORLD(test_a_job_without_a_key_is_anybodys),
		cmocka_unit_test(test_few_keys_move_when_one_worker_comes),
		FACT_OF_WORLD(test_a_sticky_key_goes_where_it_is_now),
		FACT_OF_WORLD(test_a_sticky_key_that_waited_follows_the_first_of_it),
		FACT_OF_WORLD(test_round_robin_gives_each_in_its_turn),
		FACT_OF_WORLD(test_round_robin_passes_over_who_is_down),
		FACT_OF_WORLD(test_a_route_of_ones_own),
		FACT_OF_WORLD(test_a_full_queue_refuses_the_newest),
		FACT_OF_WORLD(test_a_job_that_is_kept_displaces_one_that_is_not),
		FACT_OF_WORLD(test_a_full_queue_discards_the_oldest_of_the_lowest),
		FACT_OF_WORLD(test_the_queue_is_bounded_in_bytes),
		FACT_OF_WORLD(test_without_a_queue_only_the_idle_count),
		FACT_OF_WORLD(test_bound_jobs_count_for_the_queue),
		FACT_OF_WORLD(test_more_than_the_rate_are_refused_with_a_hint),
		FACT_OF_WORLD(test_the_hint_grows_with_the_queue),
		FACT_OF_WORLD(test_a_job_expires_while_it_waits),
		FACT_OF_WORLD(test_a_job_that_runs_does_not_expire),
		FACT_OF_WORLD(test_capacity_is_idle_workers_and_free_places),
	};

	return run_facts(tests);
}

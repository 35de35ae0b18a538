/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "libactor/supervision/backoff.h"
#include "tests/fact.h"

#define MS UINT64_C(1000000)
#define S  (1000 * MS)

static const struct backoff_spec plain = {
	.min_ms = 100, .max_ms = 30000, .factor = 2, .reset_after_ms = 60000};

static uint64_t next_ms(
	struct backoff *backoff, const struct backoff_spec *spec, bool served, uint64_t served_ms)
{
	return backoff_next_ns(backoff, spec, served, false, served_ms * MS, 0) / MS;
}

static void test_one_that_never_served_waits_min_then_doubles_up_to_max(void **state)
{
	static const uint64_t want_ms[] = {100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000};
	struct backoff backoff = {};

	for (size_t i = 0; i < sizeof(want_ms) / sizeof(want_ms[0]); i++)
		assert_int_equal(next_ms(&backoff, &plain, false, 0), want_ms[i]);
}

static void test_the_first_restart_of_one_that_had_served_is_immediate(void **state)
{
	struct backoff backoff = {};

	assert_int_equal(next_ms(&backoff, &plain, true, 5), 0);
	assert_int_equal(next_ms(&backoff, &plain, true, 5), 100);
	assert_int_equal(next_ms(&backoff, &plain, false, 0), 200);
	assert_int_equal(next_ms(&backoff, &plain, true, 5), 400);
}

static void test_the_immediate_restart_is_given_once_per_series(void **state)
{
	struct backoff backoff = {};

	assert_int_equal(next_ms(&backoff, &plain, false, 0), 100);
	assert_int_equal(next_ms(&backoff, &plain, true, 5), 200);
}

static void test_stable_service_resets_the_series_and_a_moment_less_does_not(void **state)
{
	struct backoff backoff = {};

	next_ms(&backoff, &plain, true, 5);
	next_ms(&backoff, &plain, true, 5);
	assert_int_equal(next_ms(&backoff, &plain, true, 59999), 200);
	assert_int_equal(next_ms(&backoff, &plain, true, 60000), 0);
	assert_int_equal(next_ms(&backoff, &plain, true, 5), 100);
}

static uint64_t killed_ms(struct backoff *backoff, const struct backoff_spec *spec, bool served)
{
	return backoff_next_ns(backoff, spec, served, true, 5 * MS, 0) / MS;
}

static void test_one_killed_while_it_served_waits_up_to_its_limit_and_nothing_grows(void **state)
{
	struct backoff_spec spec = plain;
	struct backoff backoff = {};

	spec.killed_max_ms = 150;
	assert_int_equal(killed_ms(&backoff, &spec, true), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(killed_ms(&backoff, &spec, true), 100);
	/* A child that fails makes the wait grow, and so does one that was killed before it served. */
	assert_int_equal(next_ms(&backoff, &spec, true, 5), 100);
	assert_int_equal(killed_ms(&backoff, &spec, false), 200);
	assert_int_equal(killed_ms(&backoff, &spec, true), 150);
	assert_int_equal(next_ms(&backoff, &spec, false, 0), 400);
}

static void test_without_such_a_limit_a_kill_is_a_failure_like_any(void **state)
{
	struct backoff backoff = {};

	killed_ms(&backoff, &plain, true);
	assert_int_equal(killed_ms(&backoff, &plain, true), 100);
	assert_int_equal(killed_ms(&backoff, &plain, true), 200);
}

static void test_reset_after_0_never_resets(void **state)
{
	struct backoff_spec spec = plain;
	struct backoff backoff = {};

	spec.reset_after_ms = 0;
	next_ms(&backoff, &spec, true, 5);
	assert_int_equal(next_ms(&backoff, &spec, true, 1000000000), 100);
	backoff_reset(&backoff);
	assert_int_equal(next_ms(&backoff, &spec, true, 5), 0);
}

static void test_all_zero_means_no_delay_at_all(void **state)
{
	struct backoff_spec spec = {};
	struct backoff backoff = {};

	assert_null(backoff_spec_check(&spec));
	for (int i = 0; i < 10; i++)
		assert_int_equal(backoff_next_ns(&backoff, &spec, false, false, 0, UINT64_MAX), 0);
}

static void test_factor_1_is_a_constant_delay(void **state)
{
	struct backoff_spec spec = {.min_ms = 7, .max_ms = 1000, .factor = 1};
	struct backoff backoff = {};

	for (int i = 0; i < 10; i++)
		assert_int_equal(next_ms(&backoff, &spec, false, 0), 7);
	assert_int_equal(backoff_base_ms(&spec, UINT32_MAX), 7);
}

static void test_jitter_stays_within_its_percentage_and_reaches_both_ends(void **state)
{
	struct backoff_spec spec = {.min_ms = 1000, .max_ms = 1000, .factor = 2, .jitter_pct = 20};
	uint64_t random = 1;

	for (int i = 0; i < 10000; i++) {
		struct backoff backoff = {};
		uint64_t delay_ns;

		random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		delay_ns = backoff_next_ns(&backoff, &spec, false, false, 0, random);
		assert_in_range(delay_ns, 800 * MS, 1200 * MS);
	}
	assert_int_equal(backoff_next_ns(&(struct backoff){}, &spec, false, false, 0, 0), 800 * MS);
	assert_int_equal(backoff_next_ns(&(struct backoff){}, &spec, false, false, 0, 400 * MS), 1200 * MS);
}

static void test_the_largest_numbers_do_not_overflow(void **state)
{
	struct backoff_spec spec = {
		.min_ms = UINT32_MAX, .max_ms = UINT32_MAX, .factor = UINT32_MAX, .jitter_pct = 100};
	struct backoff backoff = {.step = UINT32_MAX};

	assert_null(backoff_spec_check(&spec));
	assert_in_range(backoff_next_ns(&backoff, &spec, false, false, 0, UINT64_MAX), 0,
		2 * (uint64_t)UINT32_MAX * MS);
	assert_true(backoff.step == UINT32_MAX);
	spec.min_ms = 1;
	assert_true(backoff_base_ms(&spec, 1) == UINT32_MAX);
	assert_true(backoff_base_ms(&spec, UINT32_MAX) == UINT32_MAX);
}

static void test_a_delay_that_begins_with_0_stays_0(void **state)
{
	assert_int_equal(backoff_base_ms(&(struct backoff_spec){.max_ms = 1000, .factor = 2}, UINT32_MAX), 0);
}

static void test_senseless_specs_are_refused_with_a_reason(void **state)
{
	assert_null(backoff_spec_check(&BACKOFF_DEFAULT));
	assert_non_null(backoff_spec_check(&(struct backoff_spec){.min_ms = 2, .max_ms = 1, .factor = 2}));
	assert_non_null(backoff_spec_check(&(struct backoff_spec){.min_ms = 2}));
	assert_non_null(backoff_spec_check(&(struct backoff_spec){.max_ms = 1, .factor = 2}));
	assert_non_null(backoff_spec_check(&(struct backoff_spec){.min_ms = 1, .max_ms = 1}));
	assert_non_null(backoff_spec_check(
		&(struct backoff_spec){.min_ms = 1, .max_ms = 1, .factor = 1, .jitter_pct = 101}));
}

static void test_intensity_0_allows_no_restart(void **state)
{
	struct intensity_window window;

	assert_int_equal(intensity_window_init(&window, 0, 5 * S), 0);
	assert_false(intensity_window_add(&window, 0));
	intensity_window_deinit(&window);
}

static void test_n_restarts_in_the_period_are_allowed_and_one_more_is_not(void **state)
{
	struct intensity_window window;

	intensity_window_init(&window, 3, 5 * S);
	assert_true(intensity_window_add(&window, 1 * S));
	assert_true(intensity_window_add(&window, 2 * S));
	assert_true(intensity_window_add(&window, 3 * S));
	assert_false(intensity_window_add(&window, 4 * S));
	intensity_window_deinit(&window);
}

static void test_a_restart_just_one_period_ago_counts_and_a_nanosecond_older_does_not(void **state)
{
	struct intensity_window window;

	intensity_window_init(&window, 1, 1 * S);
	assert_true(intensity_window_add(&window, 10 * S));
	assert_false(intensity_window_add(&window, 11 * S));
	intensity_window_deinit(&window);

	intensity_window_init(&window, 1, 1 * S);
	assert_true(intensity_window_add(&window, 10 * S));
	assert_true(intensity_window_add(&window, 11 * S + 1));
	intensity_window_deinit(&window);
}

static void test_the_sustained_rate_is_accepted_for_ever(void **state)
{
	struct intensity_window window;

	intensity_window_init(&window, 2, 1 * S);
	for (uint64_t i = 0; i < 100000; i++)
		assert_true(intensity_window_add(&window, i * (S / 2 + 1)));
	intensity_window_deinit(&window);
}

static void test_an_impossible_intensity_is_refused(void **state)
{
	struct intensity_window window;

	assert_int_equal(intensity_window_init(&window, INTENSITY_MAX + 1, S), -EINVAL);
	assert_int_equal(intensity_window_init(&window, UINT32_MAX, S), -EINVAL);
}

/* Compares the ring, in nanoseconds, with a list of all restarts as OTP keeps it. */
static void test_the_ring_agrees_with_a_list_of_all_restarts(void **state)
{
	enum { N = 3000 };
	static uint64_t times_ns[N];
	uint64_t random = 7;

	for (uint32_t intensity = 0; intensity < 6; intensity++) {
		struct intensity_window window;
		uint64_t now_ns = 0;

		intensity_window_init(&window, intensity, 10);
		for (int n = 0; n < N; n++) {
			uint32_t inside = 0;

			random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			now_ns += (random >> 40) % 8;
			times_ns[n] = now_ns;
			for (int i = n; i >= 0 && now_ns - times_ns[i] <= 10; i--)
				inside++;
			assert_int_equal(intensity_window_add(&window, now_ns), inside <= intensity);
		}
		intensity_window_deinit(&window);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_that_never_served_waits_min_then_doubles_up_to_max),
		cmocka_unit_test(test_the_first_restart_of_one_that_had_served_is_immediate),
		cmocka_unit_test(test_the_immediate_restart_is_given_once_per_series),
		cmocka_unit_test(test_stable_service_resets_the_series_and_a_moment_less_does_not),
		cmocka_unit_test(test_one_killed_while_it_served_waits_up_to_its_limit_and_nothing_grows),
		cmocka_unit_test(test_without_such_a_limit_a_kill_is_a_failure_like_any),
		cmocka_unit_test(test_reset_after_0_never_resets),
		cmocka_unit_test(test_all_zero_means_no_delay_at_all),
		cmocka_unit_test(test_factor_1_is_a_constant_delay),
		cmocka_unit_test(test_jitter_stays_within_its_percentage_and_reaches_both_ends),
		cmocka_unit_test(test_the_largest_numbers_do_not_overflow),
		cmocka_unit_test(test_a_delay_that_begins_with_0_stays_0),
		cmocka_unit_test(test_senseless_specs_are_refused_with_a_reason),
		cmocka_unit_test(test_intensity_0_allows_no_restart),
		cmocka_unit_test(test_n_restarts_in_the_period_are_allowed_and_one_more_is_not),
		cmocka_unit_test(test_a_restart_just_one_period_ago_counts_and_a_nanosecond_older_does_not),
		cmocka_unit_test(test_the_sustained_rate_is_accepted_for_ever),
		cmocka_unit_test(test_an_impossible_intensity_is_refused),
		cmocka_unit_test(test_the_ring_agrees_with_a_list_of_all_restarts),
	};
	return run_facts_of("backoff", tests);
}

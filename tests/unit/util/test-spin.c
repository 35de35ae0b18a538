/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "libactor/util/spin.h"
#include "tests/fact.h"

#define WINDOW_NS 30000

/* How many waits in a row sleep at once, before the next wait looks. */
static int rests(struct spin *spin)
{
	int n = 0;

	while (!spin_begin(spin) && n < 1000)
		n++;
	return n;
}

static void test_a_wait_after_something_came_looks_for_the_window(void **state)
{
	struct spin spin = {.window_ns = WINDOW_NS};

	for (int i = 0; i < 1000; i++) {
		assert_int_equal(spin_begin(&spin), WINDOW_NS);
		spin_end(&spin, true);
	}
}

static void test_each_window_without_anything_doubles_the_waits_that_do_not_look(void **state)
{
	static const int expected[] = {1, 3, 7, 15, 31, 63, 63, 63};
	struct spin spin = {.window_ns = WINDOW_NS};

	assert_int_equal(rests(&spin), 0);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		spin_end(&spin, false);
		assert_int_equal(rests(&spin), expected[i]);
	}
}

static void test_what_comes_in_time_once_ends_all_rests(void **state)
{
	struct spin spin = {.window_ns = WINDOW_NS};

	for (int i = 0; i < 10; i++) {
		(void)rests(&spin);
		spin_end(&spin, false);
	}
	assert_int_equal(rests(&spin), SPIN_RESTS_MAX);
	spin_end(&spin, true);
	assert_int_equal(rests(&spin), 0);
	spin_end(&spin, false);
	assert_int_equal(rests(&spin), 1);
}

static void test_of_waits_in_vain_at_most_a_64th_looks(void **state)
{
	struct spin spin = {.window_ns = WINDOW_NS};
	int looked = 0;

	for (int i = 0; i < 64000; i++) {
		if (spin_begin(&spin)) {
			looked++;
			spin_end(&spin, false);
		}
	}
	assert_in_range(looked, 1000, 1010);
}

static void test_without_a_window_no_wait_looks(void **state)
{
	struct spin spin = {0};

	for (int i = 0; i < 100; i++)
		assert_int_equal(spin_begin(&spin), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_wait_after_something_came_looks_for_the_window),
		cmocka_unit_test(test_each_window_without_anything_doubles_the_waits_that_do_not_look),
		cmocka_unit_test(test_what_comes_in_time_once_ends_all_rests),
		cmocka_unit_test(test_of_waits_in_vain_at_most_a_64th_looks),
		cmocka_unit_test(test_without_a_window_no_wait_looks),
	};

	return run_facts(tests);
}

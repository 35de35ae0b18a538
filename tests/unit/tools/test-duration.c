/* SPDX-License-Identifier: Apache-2.0 */
/* Durations as people write them and as they read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "tests/fact.h"
#include "tools/lib/duration.h"

static void assert_ms(const char *text, int64_t expected_ms)
{
	int64_t ms = -1;

	assert_int_equal(duration_parse(text, &ms), 0);
	assert_int_equal(ms, expected_ms);
}

static void test_units_are_understood(void **state)
{
	assert_ms("100ms", 100);
	assert_ms("2s", 2000);
	assert_ms("1.5s", 1500);
	assert_ms(".5s", 500);
	assert_ms("1m", 60000);
	assert_ms("2min", 120000);
	assert_ms("3h", 3 * 3600000);
	assert_ms("1d", 86400000);
	assert_ms("1m30s", 90000);
	assert_ms("1h2m3s4ms", 3723004);
	assert_ms("0.0001s", 0);
}

static void test_bare_number_is_seconds(void **state)
{
	assert_ms("5", 5000);
	assert_ms("0.25", 250);
	assert_ms("0", 0);
}

static void test_what_is_no_duration_is_refused(void **state)
{
	static const char *const texts[] = {
		"", "-1", "s", "5x", "5 s", "1m5", "1.s", "5s ", "1e3", "5S", "ms5", "0x10", ".", "nan"};
	int64_t ms = 7;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_int_equal(duration_parse(texts[i], &ms), -EINVAL);
	assert_int_equal(ms, 7);
}

static void test_beyond_ten_years_is_out_of_range(void **state)
{
	int64_t ms = 7;

	assert_ms("3650d", DURATION_MAX_MS);
	assert_int_equal(duration_parse("3651d", &ms), -ERANGE);
	assert_int_equal(duration_parse("3650d1s", &ms), -ERANGE);
	assert_int_equal(duration_parse("99999999999999999999ms", &ms), -ERANGE);
	assert_int_equal(duration_parse("9223372036854775807h", &ms), -ERANGE);
	assert_int_equal(ms, 7);
}

static void test_range_has_one_or_two_parts(void **state)
{
	int64_t min_ms = 0, max_ms = 30000;

	assert_int_equal(duration_parse_range("200ms:5s", &min_ms, &max_ms), 0);
	assert_int_equal(min_ms, 200);
	assert_int_equal(max_ms, 5000);
	max_ms = 30000;
	assert_int_equal(duration_parse_range("1s", &min_ms, &max_ms), 0);
	assert_int_equal(min_ms, 1000);
	assert_int_equal(max_ms, 30000);
	assert_int_equal(duration_parse_range("1m", &min_ms, &max_ms), 0);
	assert_int_equal(max_ms, 60000);
}

static void test_range_backwards_or_broken_is_refused(void **state)
{
	static const char *const texts[] = {"5s:1s", ":", "1s:", ":1s", "1s:2s:3s", "x:1s"};
	int64_t min_ms = 1, max_ms = 2;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_int_equal(duration_parse_range(texts[i], &min_ms, &max_ms), -EINVAL);
	assert_int_equal(min_ms, 1);
	assert_int_equal(max_ms, 2);
}

static void test_two_units_are_shown(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{-5, "0ms"},
		{0, "0ms"},
		{999, "999ms"},
		{1000, "1.0s"},
		{3290, "3.2s"},
		{9999, "9.9s"},
		{10000, "10s"},
		{59999, "59s"},
		{60000, "1m00s"},
		{599999, "9m59s"},
		{600000, "10m"},
		{3599999, "59m"},
		{3600000, "1h00m"},
		{10920000, "3h02m"},
		{86399999, "23h59m"},
		{86400000, "1d0h"},
		{INT64_MAX, "106751991167d7h"},
	};
	char text[DURATION_TEXT_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(duration_format(cases[i].ms, text), cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_units_are_understood),
		cmocka_unit_test(test_bare_number_is_seconds),
		cmocka_unit_test(test_what_is_no_duration_is_refused),
		cmocka_unit_test(test_beyond_ten_years_is_out_of_range),
		cmocka_unit_test(test_range_has_one_or_two_parts),
		cmocka_unit_test(test_range_backwards_or_broken_is_refused),
		cmocka_unit_test(test_two_units_are_shown),
	};

	return run_facts_of("duration", tests);
}

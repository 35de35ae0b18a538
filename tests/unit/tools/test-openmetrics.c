/* SPDX-License-Identifier: Apache-2.0 */
/* the text format of OpenMetrics */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/fact.h"
#include "tools/lib/openmetrics.h"

static struct buf b;

static int setup(void **state)
{
	b = (struct buf)BUF_INIT;
	return 0;
}

static int teardown(void **state)
{
	buf_deinit(&b);
	return 0;
}

static void assert_text(const char *text)
{
	assert_int_equal(buf_error(&b), 0);
	buf_append(&b, "", 1);
	assert_string_equal((char *)b.data, text);
}

static void test_a_family_says_its_type_and_help(void **state)
{
	openmetrics_family(&b, "actor_names", OPENMETRICS_GAUGE, "Registered names.");
	openmetrics_sample(&b, "actor_names", "", NULL, 0, UINT64_MAX);
	assert_text("# TYPE actor_names gauge\n# HELP actor_names Registered names.\n"
		    "actor_names 18446744073709551615\n");
}

static void test_a_counter_ends_with_total_in_its_samples_only(void **state)
{
	openmetrics_family(&b, "actor_hellos", OPENMETRICS_COUNTER, "x");
	openmetrics_sample(&b, "actor_hellos", "_total", NULL, 0, 7);
	assert_text("# TYPE actor_hellos counter\n# HELP actor_hellos x\nactor_hellos_total 7\n");
}

static void test_a_unit_is_said_where_the_name_ends_with_it(void **state)
{
	openmetrics_family(&b, "a_in_bytes", OPENMETRICS_COUNTER, "x");
	openmetrics_family(&b, "a_wait_seconds", OPENMETRICS_GAUGE, "x");
	/* Here "bytes" is no unit, because no '_' is before it. */
	openmetrics_family(&b, "a_kilobytes", OPENMETRICS_GAUGE, "x");
	openmetrics_family(&b, "bytes", OPENMETRICS_GAUGE, "x");
	assert_text("# TYPE a_in_bytes counter\n# UNIT a_in_bytes bytes\n# HELP a_in_bytes x\n"
		    "# TYPE a_wait_seconds gauge\n# UNIT a_wait_seconds seconds\n# HELP a_wait_seconds x\n"
		    "# TYPE a_kilobytes gauge\n# HELP a_kilobytes x\n"
		    "# TYPE bytes gauge\n# HELP bytes x\n");
}

static void test_values_of_labels_are_escaped(void **state)
{
	const struct openmetrics_label labels[] = {{"group", "12"}, {"name", "a\"b\\c\nd"}};

	openmetrics_sample(&b, "f", "", labels, 2, 1);
	assert_text("f{group=\"12\",name=\"a\\\"b\\\\c\\nd\"} 1\n");
}

static void test_help_is_escaped(void **state)
{
	openmetrics_family(&b, "f", OPENMETRICS_GAUGE, "one\ntwo \\ \"three\"");
	assert_text("# TYPE f gauge\n# HELP f one\\ntwo \\\\ \\\"three\\\"\n");
}

static void test_what_is_no_utf_8_becomes_a_question_mark(void **state)
{
	const struct openmetrics_label label = {"name", "\xc3\xa4\xff\xc3"};

	openmetrics_sample(&b, "f", "", &label, 1, 1);
	assert_text("f{name=\"\xc3\xa4??\"} 1\n");
}

static void test_seconds_have_no_digit_too_many(void **state)
{
	static const uint64_t us[] = {0, 1, 50, 100000, 1000000, 10000000, 1500000};

	for (size_t i = 0; i < sizeof(us) / sizeof(us[0]); i++)
		openmetrics_sample_us(&b, "f", "", NULL, 0, us[i]);
	assert_text("f 0\nf 0.000001\nf 0.00005\nf 0.1\nf 1\nf 10\nf 1.5\n");
}

static void test_buckets_of_a_histogram_add_up(void **state)
{
	static const uint64_t bounds[] = {50, 1000}, counts[] = {3, 0, 2};

	openmetrics_histogram_us(&b, "f_seconds", bounds, counts, 2, 1234567);
	assert_text("f_seconds_bucket{le=\"0.00005\"} 3\n"
		    "f_seconds_bucket{le=\"0.001\"} 3\n"
		    "f_seconds_bucket{le=\"+Inf\"} 5\n"
		    "f_seconds_count 5\n"
		    "f_seconds_sum 1.234567\n");
}

static void test_the_end_is_said(void **state)
{
	openmetrics_end(&b);
	assert_text("# EOF\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(test_a_family_says_its_type_and_help),
		T(test_a_counter_ends_with_total_in_its_samples_only),
		T(test_a_unit_is_said_where_the_name_ends_with_it),
		T(test_values_of_labels_are_escaped),
		T(test_help_is_escaped),
		T(test_what_is_no_utf_8_becomes_a_question_mark),
		T(test_seconds_have_no_digit_too_many),
		T(test_buckets_of_a_histogram_add_up),
		T(test_the_end_is_said),
	};

	return run_facts(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines are taken apart; a wrong word gets a guess at what was meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "tests/fact.h"
#include "tools/lib/args.h"
#include "tools/lib/suggest.h"

static const struct option_spec own[] = {
	{'f', "force", OPTION_FLAG, NULL, ""},
	{'n', "lines", OPTION_VALUE, "N", ""},
	{'e', "env", OPTION_VALUE, "K=V", ""},
	{0, "wait", OPTION_OPTIONAL, "STATE", ""},
	{0},
};
static const struct option_spec global[] = {
	{'j', "json", OPTION_FLAG, NULL, ""},
	{'t', "timeout", OPTION_VALUE, "TIME", ""},
	{0},
};

#define PARSE(args, flags, ...) parse(args, flags, (const char *const[]){__VA_ARGS__, NULL})

static char error[ARGS_ERROR_MAX];

static int parse(struct args *args, unsigned flags, const char *const *argv)
{
	int n = 0;

	while (argv[n])
		n++;
	error[0] = '\0';
	return args_parse(args, own, global, flags, n, argv, error);
}

static void test_options_and_arguments_mix(void **state)
{
	struct args args;

	assert_int_equal(PARSE(&args, 0, "a", "-f", "b", "--json", "--lines=5", "c"), 0);
	assert_int_equal(args.n_values, 3);
	assert_string_equal(args.values[0], "a");
	assert_string_equal(args.values[2], "c");
	assert_null(args.values[3]);
	assert_true(args_has(&args, "force"));
	assert_true(args_has(&args, "json"));
	assert_false(args_has(&args, "timeout"));
	assert_string_equal(args_value(&args, "lines"), "5");
	args_deinit(&args);
}

static void test_every_way_to_give_a_value(void **state)
{
	struct args args;
	size_t at = 0;

	assert_int_equal(PARSE(&args, 0, "-n1", "-n", "2", "--lines", "3", "--lines=", "-fjn4"), 0);
	assert_string_equal(args_next(&args, "lines", &at), "1");
	assert_string_equal(args_next(&args, "lines", &at), "2");
	assert_string_equal(args_next(&args, "lines", &at), "3");
	assert_string_equal(args_next(&args, "lines", &at), "");
	assert_string_equal(args_next(&args, "lines", &at), "4");
	assert_null(args_next(&args, "lines", &at));
	assert_string_equal(args_value(&args, "lines"), "4");
	assert_true(args_has(&args, "force") && args_has(&args, "json"));
	args_deinit(&args);
}

static void test_optional_value_only_with_equals(void **state)
{
	struct args args;

	assert_int_equal(PARSE(&args, 0, "--wait", "ready"), 0);
	assert_true(args_has(&args, "wait"));
	assert_null(args_value(&args, "wait"));
	assert_string_equal(args.values[0], "ready");
	args_deinit(&args);
	assert_int_equal(PARSE(&args, 0, "--wait=ready"), 0);
	assert_string_equal(args_value(&args, "wait"), "ready");
	args_deinit(&args);
}

static void test_two_dashes_end_the_options(void **state)
{
	struct args args;

	assert_int_equal(PARSE(&args, 0, "-f", "--", "-x", "--", "--json"), 0);
	assert_int_equal(args.n_values, 3);
	assert_string_equal(args.values[0], "-x");
	assert_string_equal(args.values[1], "--");
	assert_false(args_has(&args, "json"));
	args_deinit(&args);
}

static void test_first_argument_ends_the_options_of_spawn(void **state)
{
	struct args args;

	assert_int_equal(PARSE(&args, ARGS_STOP_AT_FIRST, "-n", "x", "cmd", "-f", "--", "--unknown"), 0);
	assert_int_equal(args.n_values, 4);
	assert_string_equal(args.values[1], "-f");
	assert_string_equal(args.values[2], "--");
	args_deinit(&args);
}

static void test_negative_numbers_are_arguments_of_call(void **state)
{
	struct args args;

	assert_int_equal(PARSE(&args, ARGS_NUMBERS, "x", "-5", "-.5", "-", "-j"), 0);
	assert_int_equal(args.n_values, 4);
	assert_string_equal(args.values[1], "-5");
	assert_true(args_has(&args, "json"));
	args_deinit(&args);
	assert_int_equal(PARSE(&args, 0, "x", "-5"), -EINVAL);
	assert_string_equal(error, "unknown option '-5'");
}

static void test_unknown_option_is_answered_with_the_nearest(void **state)
{
	struct args args;

	assert_int_equal(PARSE(&args, 0, "--jsn"), -EINVAL);
	assert_string_equal(error, "unknown option '--jsn'; did you mean --json?");
	assert_int_equal(PARSE(&args, 0, "--tiem=5"), -EINVAL);
	assert_string_equal(error, "unknown option '--tiem'");
	assert_int_equal(PARSE(&args, 0, "--zebra"), -EINVAL);
	assert_string_equal(error, "unknown option '--zebra'");
	assert_int_equal(PARSE(&args, 0, "-fx"), -EINVAL);
	assert_string_equal(error, "unknown option '-x'");
}

static void test_values_missing_or_too_many_are_refused(void **state)
{
	struct args args;

	assert_int_equal(PARSE(&args, 0, "--lines"), -EINVAL);
	assert_string_equal(error, "option --lines needs a value: --lines N");
	assert_int_equal(PARSE(&args, 0, "-n"), -EINVAL);
	assert_string_equal(error, "option -n needs a value: -n N");
	assert_int_equal(PARSE(&args, 0, "--force=yes"), -EINVAL);
	assert_string_equal(error, "option --force takes no value");
}

static void test_nothing_is_fine(void **state)
{
	struct args args;
	const char *const none[] = {NULL};

	assert_int_equal(args_parse(&args, NULL, global, 0, 0, none, error), 0);
	assert_int_equal(args.n_values, 0);
	assert_null(args.values[0]);
	args_deinit(&args);
}

static void test_distance_counts_slips_of_the_finger(void **state)
{
	assert_int_equal(suggest_distance("spawn", "spawn"), 0);
	assert_int_equal(suggest_distance("spwan", "spawn"), 1);
	assert_int_equal(suggest_distance("pawn", "spawn"), 1);
	assert_int_equal(suggest_distance("sspawn", "spawn"), 1);
	assert_int_equal(suggest_distance("", "ls"), 2);
	assert_int_equal(
		suggest_distance("0123456789012345678901234567890123456789012345678901234567890123", "ls"),
		SIZE_MAX);
}

static void test_nearest_word_is_suggested_or_none(void **state)
{
	static const char *const words[] = {
		"up", "down", "status", "ls", "spawn", "stop", "start", "restart", "kill"};
	static const struct {
		const char *typed, *best;
	} cases[] = {{"spwan", "spawn"}, {"stat", "status"}, {"lss", "ls"}, {"statsu", "status"},
		{"zebra", NULL}, {"x", NULL}, {"klil", "kill"}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct suggest suggest = SUGGEST_INIT;

		for (size_t k = 0; k < sizeof(words) / sizeof(*words); k++)
			suggest_offer(&suggest, cases[i].typed, words[k]);
		if (cases[i].best)
			assert_string_equal(suggest.best, cases[i].best);
		else
			assert_null(suggest.best);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_and_arguments_mix),
		cmocka_unit_test(test_every_way_to_give_a_value),
		cmocka_unit_test(test_optional_value_only_with_equals),
		cmocka_unit_test(test_two_dashes_end_the_options),
		cmocka_unit_test(test_first_argument_ends_the_options_of_spawn),
		cmocka_unit_test(test_negative_numbers_are_arguments_of_call),
		cmocka_unit_test(test_unknown_option_is_answered_with_the_nearest),
		cmocka_unit_test(test_values_missing_or_too_many_are_refused),
		cmocka_unit_test(test_nothing_is_fine),
		cmocka_unit_test(test_distance_counts_slips_of_the_finger),
		cmocka_unit_test(test_nearest_word_is_suggested_or_none),
	};

	return run_facts_of("args", tests);
}

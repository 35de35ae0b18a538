/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "libactor/protocol/pattern.h"
#include "tests/fact.h"

static bool fits(const char *text, const char *name)
{
	struct pattern pattern;
	size_t steps = 0;

	assert_int_equal(pattern_parse(wire_cstr(text), &pattern), 0);
	return pattern_fits(&pattern, wire_cstr(name), &steps);
}

static void test_a_plain_word_is_a_prefix(void **state)
{
	assert_true(fits("", "a"));
	assert_true(fits("app", "app"));
	assert_true(fits("app", "app.1"));
	assert_false(fits("app", "ap"));
	assert_false(fits("app", "my.app"));
}

static void test_a_star_is_any_characters(void **state)
{
	assert_true(fits("*", "a"));
	assert_true(fits("a*", "a"));
	assert_true(fits("a*c", "abbc"));
	assert_true(fits("*b", "aab"));
	assert_true(fits("a**b", "ab"));
	assert_true(fits("*a*b*", "xaxbx"));
	assert_true(fits("a*bc", "abbcbc")); /* the first "b" must be skipped */
	assert_false(fits("a*c", "acb"));
	assert_false(fits("*b", "a"));
	assert_false(fits("a*bc", "abcb"));
}

static void test_a_question_mark_is_one_character(void **state)
{
	assert_true(fits("a?c", "abc"));
	assert_true(fits("a?c", "a\xc3\xa9"
				"c"));
	assert_true(fits("?", "\xf0\x9f\x8e\xad"));
	assert_false(fits("a?", "a"));
	assert_false(fits("?", "\xc3\xa9x"));
	assert_false(fits("*??", "\xc3\xa9"));
}

static void test_a_set_is_one_of_its_characters(void **state)
{
	assert_true(fits("n[0-9]", "n7"));
	assert_true(fits("[abc-]*", "-x"));
	assert_true(fits("[\xc3\xa0-\xc3\xbf]", "\xc3\xa9"));
	assert_true(fits("[!a]", "b"));
	assert_true(fits("[a!]", "!"));
	assert_true(fits("[\\]]", "]"));
	assert_true(fits("[a\\-z]", "-"));
	assert_false(fits("n[0-9]", "n"));
	assert_false(fits("n[0-9]", "nx"));
	assert_false(fits("[a\\-z]", "m"));
	assert_false(fits("[!a]", "a"));
}

static void test_a_backslash_takes_the_meaning_away(void **state)
{
	assert_true(fits("\\*", "*"));
	assert_true(fits("\\name", "name"));
	assert_true(fits("a\\\\b", "a\\b"));
	assert_false(fits("\\*", "a"));
	assert_false(fits("\\name", "names")); /* a backslash makes it an exact name, no prefix */
}

static void test_what_is_no_pattern_is_refused(void **state)
{
	static const char *const none[] = {
		"[", "[a", "[]", "[!]", "[z-a]", "a\\", "[a\\", "[a-", "a\n", "\xff"};
	char text[PATTERN_MAX_BYTES + 1];
	struct pattern pattern;

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(pattern_parse(wire_cstr(none[i]), &pattern), -EINVAL);
	memset(text, 'a', sizeof(text));
	assert_int_equal(pattern_parse(wire_str(text, PATTERN_MAX_BYTES), &pattern), 0);
	assert_int_equal(pattern_parse(wire_str(text, sizeof(text)), &pattern), -EINVAL);
}

/* Several stars are tried one after the other: their numbers of tries add up and do not multiply. */
static void test_no_pattern_takes_longer_than_the_product_of_the_lengths(void **state)
{
	char text[PATTERN_MAX_BYTES], name[WIRE_NAME_MAX_BYTES];
	struct pattern pattern;
	size_t steps, most = 0;

	memset(name, 'a', sizeof(name));
	for (size_t period = 2; period <= sizeof(text); period++) {
		for (size_t i = 0; i < sizeof(text); i++)
			text[i] = i % period ? 'a' : '*';
		text[sizeof(text) - 1] = 'b';
		steps = 0;
		assert_int_equal(pattern_parse(wire_str(text, sizeof(text)), &pattern), 0);
		assert_false(pattern_fits(&pattern, wire_str(name, sizeof(name)), &steps));
		most = steps > most ? steps : most;
	}
	assert_true(most > sizeof(name));
	assert_true(most < sizeof(text) * sizeof(name) + 512);
	memset(text, 'b', sizeof(text));
	text[0] = '*', text[1] = '[', text[sizeof(text) - 1] = ']';
	steps = 0;
	assert_int_equal(pattern_parse(wire_str(text, sizeof(text)), &pattern), 0);
	assert_false(pattern_fits(&pattern, wire_str(name, sizeof(name)), &steps));
	assert_true(steps > 60000 && steps < sizeof(text) * sizeof(name) + 512);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_plain_word_is_a_prefix),
		cmocka_unit_test(test_a_star_is_any_characters),
		cmocka_unit_test(test_a_question_mark_is_one_character),
		cmocka_unit_test(test_a_set_is_one_of_its_characters),
		cmocka_unit_test(test_a_backslash_takes_the_meaning_away),
		cmocka_unit_test(test_what_is_no_pattern_is_refused),
		cmocka_unit_test(test_no_pattern_takes_longer_than_the_product_of_the_lengths),
	};

	return run_facts(tests);
}

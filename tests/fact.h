/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the facts of a test program. With FACT=TEXT in the environment only those facts run whose names
 * contain TEXT, as in FACT=after_the_last build/tests/test-runtime.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline bool facts_choose(const struct CMUnitTest *tests, size_t n)
{
	static char pattern[256];
	const char *text = getenv("FACT");
	size_t n_chosen = 0;

	if (!text || !*text)
		return true;
	for (size_t i = 0; i < n; i++)
		n_chosen += strstr(tests[i].name, text) != NULL;
	if (!n_chosen) {
		fprintf(stderr, "FACT=%s: no fact of this program has that in its name\n", text);
		return false;
	}
	snprintf(pattern, sizeof(pattern), "*%s*", text);
	cmocka_set_test_filter(pattern);
	return true;
}

#define FACTS_N(tests) (sizeof(tests) / sizeof((tests)[0]))
/* Their value is the exit status of main(). */
#define run_facts(tests) (facts_choose(tests, FACTS_N(tests)) ? cmocka_run_group_tests(tests, NULL, NULL) : 1)
#define run_facts_of(name, tests)                                                                            \
	(facts_choose(tests, FACTS_N(tests)) ? cmocka_run_group_tests_name(name, tests, NULL, NULL) : 1)

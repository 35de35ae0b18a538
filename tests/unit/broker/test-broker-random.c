/* SPDX-License-Identifier: Apache-2.0 */
/* Many lives of the core, each from its seed. A failure prints the seed; argv[1] runs one seed again. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/fact.h"
#include "tests/unit/broker/broker-script.h"

#define SESSIONS 50
#define STEPS    4000

static uint64_t first_seed = 1, n_sessions = SESSIONS;

static uint32_t xorshift(void *arg, uint32_t n)
{
	uint64_t *x = arg;

	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return (uint32_t)((*x >> 11) % n);
}

static void test_the_books_are_in_order_whatever_groups_do(void **state)
{
	/* In every third life the limits are so low that groups run into them. */
	const struct quota_limits small = {
		.max = {2, 2, 3, 2, 2, 4, 40, 4000}, .unread_bytes = 20000, .groups = 8};
	uint64_t n_answers = 0;

	for (uint64_t seed = first_seed; seed < first_seed + n_sessions; seed++) {
		uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15);
		struct world w;
		struct script script;

		print_message("# seed %u\n", (unsigned)seed);
		world_init(&w, seed % 2 ? 1000 : 0, seed % 3 ? NULL : &small);
		script_init(&script, &w, xorshift, &x);
		for (int i = 0; i < STEPS; i++)
			script_step(&script);
		n_answers += script.n_answers;
		script_finish(&script);
		world_deinit(&w);
	}
	assert_true(n_answers > n_sessions * 100);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_books_are_in_order_whatever_groups_do)};

	if (argc > 1) {
		first_seed = strtoull(argv[1], NULL, 10);
		n_sessions = 1;
	}
	return run_facts(tests);
}

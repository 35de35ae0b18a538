/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdalign.h>
#include <string.h>

#include "libactor/util/slab.h"
#include "tests/fact.h"

#define CELLS_N 2000
#define SIZE    100

static unsigned char *cells[CELLS_N];

static void test_cells_are_apart_and_aligned_whatever_is_given_back_meanwhile(void **state)
{
	struct slab slab;

	slab_init(&slab, SIZE);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < CELLS_N; i++) {
			if (cells[i])
				continue;
			cells[i] = slab_take(&slab);
			assert_non_null(cells[i]);
			assert_int_equal((uintptr_t)cells[i] % alignof(max_align_t), 0);
			memset(cells[i], i % 251, SIZE);
		}
		for (int i = 0; i < CELLS_N; i++)
			for (int at = 0; at < SIZE; at++)
				assert_int_equal(cells[i][at], i % 251);
		for (int i = round; i < CELLS_N; i += 3) {
			slab_give(&slab, cells[i]);
			cells[i] = NULL;
		}
	}
	for (int i = 0; i < CELLS_N; i++)
		if (cells[i])
			slab_give(&slab, cells[i]);
	memset(cells, 0, sizeof(cells));
	assert_int_equal(slab.n_cells, 0);
	slab_deinit(&slab);
}

static void test_blocks_that_are_empty_go_back_but_for_one(void **state)
{
	struct slab slab;

	slab_init(&slab, SIZE);
	for (int i = 0; i < CELLS_N; i++)
		cells[i] = slab_take(&slab);
#ifndef __SANITIZE_ADDRESS__
	assert_true(slab.n_blocks > 10);
#endif
	for (int i = 0; i < CELLS_N; i++)
		slab_give(&slab, cells[(i * 7) % CELLS_N]);
	assert_true(slab.n_blocks <= 1);
	slab_deinit(&slab);
	assert_int_equal(slab.n_blocks, 0);
	memset(cells, 0, sizeof(cells));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cells_are_apart_and_aligned_whatever_is_given_back_meanwhile),
		cmocka_unit_test(test_blocks_that_are_empty_go_back_but_for_one),
	};

	return run_facts(tests);
}

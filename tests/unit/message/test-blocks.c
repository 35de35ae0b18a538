/* SPDX-License-Identifier: Apache-2.0 */
/* What a thread keeps of the memory of its messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "libactor/message/blocks.h"
#include "tests/fact.h"

#define N        1000
#define KEPT_MAX 256

static size_t n_blocks; /* of malloc, that were not freed */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void __real_free(void *block);
void __wrap_free(void *block);

void *__wrap_malloc(size_t size)
{
	n_blocks++;
	return __real_malloc(size);
}

void __wrap_free(void *block)
{
	n_blocks -= block != NULL;
	__real_free(block);
}

static void take_and_give(size_t size_bytes)
{
	static void *blocks[N];
	static uint8_t sizes[N];

	for (int i = 0; i < N; i++) {
		blocks[i] = block_take(size_bytes, &sizes[i]);
		assert_non_null(blocks[i]);
		memset(blocks[i], 0xa5, size_bytes);
	}
	for (int i = 0; i < N; i++)
		block_give(blocks[i], sizes[i]);
}

static void test_nothing_is_kept_while_no_group_runs(void **state)
{
	size_t before = n_blocks;

	take_and_give(200);
	assert_int_equal(n_blocks, before);
}

static void test_what_is_kept_is_bounded_and_freed_at_the_end(void **state)
{
	size_t before = n_blocks;

	blocks_begin();
	blocks_begin();
	for (size_t size_bytes = 1; size_bytes < 2000; size_bytes += 31) {
		take_and_give(size_bytes);
		assert_in_range(n_blocks - before, 0, KEPT_MAX);
	}
	blocks_end();
	blocks_end();
	assert_int_equal(n_blocks, before);
}

static void test_a_block_that_is_kept_is_the_next_of_its_size(void **state)
{
#ifndef __SANITIZE_ADDRESS__
	uint8_t size, other_size;
	void *block, *other;
	size_t n;

	blocks_begin();
	take_and_give(100); /* another size does not stay in the way */
	block = block_take(200, &size);
	n = n_blocks;
	block_give(block, size);
	assert_in_range(n_blocks, n - KEPT_MAX, n); /* it is kept itself, in place of the others */
	n = n_blocks;
	other = block_take(300, &other_size);
	assert_ptr_not_equal(other, block);
	assert_int_equal(n_blocks, n + 1);
	assert_ptr_equal(block_take(200, &size), block);
	assert_int_equal(n_blocks, n + 1);
	block_give(block, size);
	block_give(other, other_size);
	blocks_end();
#endif
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(test_nothing_is_kept_while_no_group_runs),
		cmocka_unit_test(test_what_is_kept_is_bounded_and_freed_at_the_end),
		cmocka_unit_test(test_a_block_that_is_kept_is_the_next_of_its_size),
	};

	return run_facts(facts);
}

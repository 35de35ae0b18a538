/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>

#include "libactor/util/heap.h"
#include "tests/fact.h"

static void test_an_empty_heap_has_no_first_node_and_no_deadline(void **state)
{
	struct heap heap;

	heap_init(&heap);
	assert_null(heap_first(&heap));
	assert_true(heap_first_key(&heap) == UINT64_MAX);
	assert_null(heap_take(&heap, UINT64_MAX));
	heap_deinit(&heap);
}

static void test_insert_without_reserved_room_is_enomem_and_leaves_the_node_out(void **state)
{
	struct heap_node nodes[9] = {};
	struct heap heap;

	heap_init(&heap);
	assert_int_equal(heap_insert(&heap, &nodes[0], 1), -ENOMEM);
	assert_false(heap_contains(&nodes[0]));
	assert_int_equal(heap_reserve(&heap, 8), 0);
	for (int i = 0; i < 8; i++)
		assert_int_equal(heap_insert(&heap, &nodes[i], 1), 0);
	assert_int_equal(heap_insert(&heap, &nodes[8], 1), -ENOMEM);
	assert_int_equal(heap_insert(&heap, &nodes[3], 2), 0); /* a move needs no new room */
	heap_deinit(&heap);
}

static void test_reserve_of_an_impossible_size_is_enomem_and_changes_nothing(void **state)
{
	struct heap_node node = {};
	struct heap heap;

	heap_init(&heap);
	assert_int_equal(heap_reserve(&heap, 1), 0);
	assert_int_equal(heap_insert(&heap, &node, 7), 0);
	assert_int_equal(heap_reserve(&heap, SIZE_MAX), -ENOMEM);
	assert_int_equal(heap_reserve(&heap, SIZE_MAX / 4), -ENOMEM);
	assert_ptr_equal(heap_first(&heap), &node);
	heap_deinit(&heap);
}

static void test_equal_keys_come_out_in_the_order_they_went_in(void **state)
{
	struct heap_node nodes[100] = {};
	struct heap heap;

	heap_init(&heap);
	heap_reserve(&heap, 100);
	for (int i = 0; i < 100; i++)
		heap_insert(&heap, &nodes[i], i % 2);
	for (int i = 0; i < 100; i += 2)
		assert_ptr_equal(heap_take(&heap, 5), &nodes[i]);
	for (int i = 1; i < 100; i += 2)
		assert_ptr_equal(heap_take(&heap, 5), &nodes[i]);
	heap_deinit(&heap);
}

static void test_a_moved_node_counts_as_inserted_last(void **state)
{
	struct heap_node a = {}, b = {};
	struct heap heap;

	heap_init(&heap);
	heap_reserve(&heap, 2);
	heap_insert(&heap, &a, 5);
	heap_insert(&heap, &b, 5);
	heap_insert(&heap, &a, 5);
	assert_int_equal(heap.n, 2);
	assert_ptr_equal(heap_take(&heap, 5), &b);
	assert_ptr_equal(heap_take(&heap, 5), &a);
	heap_deinit(&heap);
}

static void test_take_leaves_what_is_not_due(void **state)
{
	struct heap_node a = {};
	struct heap heap;

	heap_init(&heap);
	heap_reserve(&heap, 1);
	heap_insert(&heap, &a, 10);
	assert_null(heap_take(&heap, 9));
	assert_true(heap_contains(&a));
	assert_true(heap_key(&heap, &a) == 10);
	assert_ptr_equal(heap_take(&heap, 10), &a);
	assert_false(heap_contains(&a));
	heap_remove(&heap, &a); /* no effect: it is not in the heap */
	heap_deinit(&heap);
}

/* Inserts, moves, removes and takes at random, and compares with a plain array. */
static void test_it_agrees_with_a_sorted_list_over_random_operations(void **state)
{
	enum { N = 300, STEPS = 200000 };
	static struct heap_node nodes[N];
	static struct {
		uint64_t key, seq;
		int in;
	} model[N];
	uint64_t seq = 0, random = 42;
	struct heap heap;
	size_t n = 0;

	heap_init(&heap);
	heap_reserve(&heap, N);
	for (int step = 0; step < STEPS; step++) {
		int i, best = -1;

		random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		i = (random >> 33) % N;
		switch ((random >> 60) % 4) {
		case 0:
		case 1:
			n += !model[i].in;
			model[i].in = 1;
			model[i].key = (random >> 20) % 64;
			model[i].seq = seq++;
			assert_int_equal(heap_insert(&heap, &nodes[i], model[i].key), 0);
			break;
		case 2:
			n -= model[i].in;
			model[i].in = 0;
			heap_remove(&heap, &nodes[i]);
			break;
		default:
			for (int j = 0; j < N; j++)
				if (model[j].in && (best < 0 || model[j].key < model[best].key ||
							   (model[j].key == model[best].key &&
								   model[j].seq < model[best].seq)))
					best = j;
			if (best < 0) {
				assert_null(heap_first(&heap));
				break;
			}
			assert_true(heap_first_key(&heap) == model[best].key);
			assert_ptr_equal(heap_take(&heap, UINT64_MAX), &nodes[best]);
			model[best].in = 0;
			n--;
		}
		assert_int_equal(heap.n, n);
	}
	heap_deinit(&heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_empty_heap_has_no_first_node_and_no_deadline),
		cmocka_unit_test(test_insert_without_reserved_room_is_enomem_and_leaves_the_node_out),
		cmocka_unit_test(test_reserve_of_an_impossible_size_is_enomem_and_changes_nothing),
		cmocka_unit_test(test_equal_keys_come_out_in_the_order_they_went_in),
		cmocka_unit_test(test_a_moved_node_counts_as_inserted_last),
		cmocka_unit_test(test_take_leaves_what_is_not_due),
		cmocka_unit_test(test_it_agrees_with_a_sorted_list_over_random_operations),
	};
	return run_facts_of("heap", tests);
}

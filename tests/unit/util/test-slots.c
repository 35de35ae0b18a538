/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "libactor/util/slots.h"
#include "tests/fact.h"

static int items[100];

static void test_the_first_id_is_one(void **state)
{
	struct slots slots = {0};
	uint64_t id;

	assert_int_equal(slots_take(&slots, &items[0], &id), 0);
	assert_int_equal(id, 1);
	assert_ptr_equal(slots_get(&slots, id), &items[0]);
	slots_deinit(&slots);
}

static void test_an_id_that_was_given_back_finds_nothing_though_its_slot_is_used_again(void **state)
{
	struct slots slots = {0};
	uint64_t first, second;

	assert_int_equal(slots_take(&slots, &items[0], &first), 0);
	slots_give(&slots, first);
	assert_null(slots_get(&slots, first));
	assert_int_equal(slots_take(&slots, &items[1], &second), 0);
	assert_int_equal((uint32_t)second, (uint32_t)first);
	assert_int_not_equal(second, first);
	assert_null(slots_get(&slots, first));
	assert_ptr_equal(slots_get(&slots, second), &items[1]);
	slots_deinit(&slots);
}

static void test_memory_stays_flat_while_ids_come_and_go(void **state)
{
	struct slots slots = {0};
	uint64_t id;

	for (int i = 0; i < 10000; i++) {
		assert_int_equal(slots_take(&slots, &items[i % 100], &id), 0);
		slots_give(&slots, id);
	}
	assert_int_equal(slots.n_entries, 1);
	assert_int_equal(slots.n_items, 0);
	slots_deinit(&slots);
}

static void test_an_id_that_never_was_finds_nothing(void **state)
{
	struct slots slots = {0};
	uint64_t id;

	assert_null(slots_get(&slots, 0));
	assert_null(slots_get(&slots, 1));
	for (int i = 0; i < 17; i++) /* more than the first allocation has room for, less than the second */
		assert_int_equal(slots_take(&slots, &items[i], &id), 0);
	for (uint64_t beyond = 18; beyond < 40; beyond++)
		assert_null(slots_get(&slots, beyond));
	assert_null(slots_get(&slots, UINT32_MAX));
	assert_null(slots_get(&slots, UINT64_MAX));
	slots_deinit(&slots);
}

static void test_a_walk_meets_all_that_are_there_and_no_other(void **state)
{
	struct slots slots = {0};
	uint64_t ids[10];
	uint32_t at = 0;
	int *item;

	for (int i = 0; i < 10; i++)
		assert_int_equal(slots_take(&slots, &items[i], &ids[i]), 0);
	for (int i = 0; i < 10; i += 2)
		slots_give(&slots, ids[i]);
	for (int i = 1; i < 10; i += 2) {
		item = slots_walk(&slots, &at);
		assert_ptr_equal(item, &items[i]);
	}
	assert_null(slots_walk(&slots, &at));
	slots_deinit(&slots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_id_is_one),
		cmocka_unit_test(test_an_id_that_was_given_back_finds_nothing_though_its_slot_is_used_again),
		cmocka_unit_test(test_memory_stays_flat_while_ids_come_and_go),
		cmocka_unit_test(test_an_id_that_never_was_finds_nothing),
		cmocka_unit_test(test_a_walk_meets_all_that_are_there_and_no_other),
	};

	return run_facts(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "libactor/util/wheel.h"
#include "tests/fact.h"

static struct wheel wheel;

static int setup(void **state)
{
	wheel_init(&wheel);
	return 0;
}

static void test_an_empty_wheel_has_nothing_to_take_and_no_next(void **state)
{
	assert_true(wheel_next(&wheel) == UINT64_MAX);
	assert_null(wheel_take(&wheel, 1000));
	assert_true(wheel_next(&wheel) == UINT64_MAX);
}

static void test_nothing_is_taken_before_its_time_and_all_at_it(void **state)
{
	struct wheel_node node = {0};

	for (unsigned bit = 0; bit < 64; bit++) {
		uint64_t key = UINT64_C(1) << bit;

		wheel_init(&wheel);
		memset(&node, 0, sizeof(node));
		wheel_insert(&wheel, &node, key);
		assert_true(wheel_next(&wheel) == key);
		assert_null(wheel_take(&wheel, key - 1));
		assert_ptr_equal(wheel_take(&wheel, key), &node);
		assert_false(wheel_contains(&node));
		assert_true(wheel_next(&wheel) == UINT64_MAX);
	}
}

static void test_equal_keys_come_out_in_the_order_they_went_in(void **state)
{
	struct wheel_node nodes[100] = {0};
	struct wheel_node *taken;
	int next_odd = 1, next_even = 0;

	/*
	 * There are two keys. Both lie far away, in one slot of a high ring, and move down through all rings.
	 */
	for (int i = 0; i < 100; i++)
		wheel_insert(&wheel, &nodes[i], (UINT64_C(1) << 40) + (i & 1));
	while ((taken = wheel_take(&wheel, UINT64_C(1) << 40))) {
		assert_ptr_equal(taken, &nodes[next_even]);
		next_even += 2;
	}
	assert_int_equal(next_even, 100);
	while ((taken = wheel_take(&wheel, (UINT64_C(1) << 40) + 1))) {
		assert_ptr_equal(taken, &nodes[next_odd]);
		next_odd += 2;
	}
	assert_int_equal(next_odd, 101);
}

static void test_what_is_overdue_when_it_comes_is_due_at_once(void **state)
{
	struct wheel_node a = {0}, b = {0}, c = {0};

	wheel_insert(&wheel, &a, 5000);
	assert_ptr_equal(wheel_take(&wheel, 6000), &a);
	wheel_insert(&wheel, &b, 7000);
	wheel_insert(&wheel, &a, 3);
	wheel_insert(&wheel, &c, 2);
	assert_true(wheel_next(&wheel) <= 6000);
	assert_ptr_equal(wheel_take(&wheel, 6000), &a);
	assert_ptr_equal(wheel_take(&wheel, 6000), &c);
	assert_null(wheel_take(&wheel, 6000));
	assert_ptr_equal(wheel_take(&wheel, 7000), &b);
}

static void test_one_that_is_put_in_again_is_in_once_and_last(void **state)
{
	struct wheel_node a = {0}, b = {0};

	wheel_insert(&wheel, &a, 100);
	wheel_insert(&wheel, &b, 100);
	wheel_insert(&wheel, &a, 100);
	assert_ptr_equal(wheel_take(&wheel, 100), &b);
	assert_ptr_equal(wheel_take(&wheel, 100), &a);
	assert_null(wheel_take(&wheel, 100));
}

static void test_next_follows_what_is_taken_out(void **state)
{
	struct wheel_node a = {0}, b = {0};

	wheel_insert(&wheel, &a, 1 << 20);
	assert_true(wheel_next(&wheel) == 1 << 20);
	wheel_insert(&wheel, &b, 1 << 10);
	assert_true(wheel_next(&wheel) == 1 << 10);
	wheel_remove(&wheel, &b);
	wheel_remove(&wheel, &b); /* no effect: it is not in the wheel any more */
	assert_true(wheel_next(&wheel) == 1 << 20);
	wheel_remove(&wheel, &a);
	assert_true(wheel_next(&wheel) == UINT64_MAX);
}

/* ---- beside a list that is searched ---- */

#define NODES_N 400
#define STEPS_N 400000

static uint64_t seed = 88172645463325252u;

static uint64_t chance(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

static struct wheel_node nodes[NODES_N];
static struct {
	uint64_t key, order;
	bool in;
} model[NODES_N];

/*
 * The index of the first one in the model: the least key, of equal keys the one that went in first. -1: none.
 */
static int model_first(void)
{
	int first = -1;

	for (int i = 0; i < NODES_N; i++)
		if (model[i].in &&
			(first < 0 || model[i].key < model[first].key ||
				(model[i].key == model[first].key && model[i].order < model[first].order)))
			first = i;
	return first;
}

/* If it were over, whoever waits until then would not wait at all, again and again. */
static void test_next_is_not_over_when_nothing_is_due(void **state)
{
	enum { MANY = 40 };
	const uint64_t begins = UINT64_C(1) << 30;

	for (int n_left = 0; n_left < MANY; n_left++) {
		wheel_init(&wheel);
		for (int i = 0; i < MANY; i++)
			wheel_insert(&wheel, &nodes[i], begins + (UINT64_C(1) << 23) + (uint64_t)i);
		/* A slot with so many nodes is not searched: its beginning is the answer. */
		assert_int_equal(wheel_next(&wheel), begins);
		for (int i = n_left; i < MANY; i++)
			wheel_remove(&wheel, &nodes[i]);
		assert_null(wheel_take(&wheel, begins + 1));
		assert_true(wheel_next(&wheel) > begins + 1);
		for (int i = 0; i < n_left; i++)
			wheel_remove(&wheel, &nodes[i]);
	}
}

static void test_a_wheel_agrees_with_a_sorted_list_whatever_happens(void **state)
{
	uint64_t now = 0, n_put = 0, n_taken = 0;

	memset(nodes, 0, sizeof(nodes));
	for (int step = 0; step < STEPS_N; step++) {
		int at = (int)chance(NODES_N);
		int first;

		switch (chance(4)) {
		case 0:
		/* Keys near and far, so that all rings are used, and slots hold one node or many. */
		case 1:
			model[at].key = now + chance(UINT64_C(1) << chance(50));
			model[at].order = n_put++;
			model[at].in = true;
			wheel_insert(&wheel, &nodes[at], model[at].key);
			break;
		case 2:
			model[at].in = false;
			wheel_remove(&wheel, &nodes[at]);
			break;
		case 3:
			now += chance(UINT64_C(1) << chance(40));
			for (int n = 0; n < 3; n++) {
				struct wheel_node *taken = wheel_take(&wheel, now);

				first = model_first();
				if (first < 0 || model[first].key > now) {
					assert_null(taken);
					assert_true(wheel_next(&wheel) > now);
					break;
				}
				assert_ptr_equal(taken, &nodes[first]);
				model[first].in = false;
				n_taken++;
			}
			/*
			 * All that is due is taken before nodes are inserted: the wheel does not put overdue
			 * nodes in order.
			 */
			while ((first = model_first()) >= 0 && model[first].key <= now) {
				assert_ptr_equal(wheel_take(&wheel, now), &nodes[first]);
				model[first].in = false;
				n_taken++;
			}
			break;
		}
		if (step % 16 == 0) {
			first = model_first();
			assert_true(wheel_next(&wheel) <= (first < 0 ? UINT64_MAX : model[first].key));
			assert_true(first < 0 || wheel_contains(&nodes[first]));
		}
	}
	assert_true(n_taken > STEPS_N / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_an_empty_wheel_has_nothing_to_take_and_no_next, setup),
		cmocka_unit_test_setup(test_nothing_is_taken_before_its_time_and_all_at_it, setup),
		cmocka_unit_test_setup(test_equal_keys_come_out_in_the_order_they_went_in, setup),
		cmocka_unit_test_setup(test_what_is_overdue_when_it_comes_is_due_at_once, setup),
		cmocka_unit_test_setup(test_one_that_is_put_in_again_is_in_once_and_last, setup),
		cmocka_unit_test_setup(test_next_follows_what_is_taken_out, setup),
		cmocka_unit_test_setup(test_next_is_not_over_when_nothing_is_due, setup),
		cmocka_unit_test_setup(test_a_wheel_agrees_with_a_sorted_list_whatever_happens, setup),
	};

	return run_facts(tests);
}

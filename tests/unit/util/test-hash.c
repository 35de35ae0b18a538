/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/util/hash.h"
#include "libactor/util/list.h"
#include "tests/fact.h"

struct item {
	struct hash_node node;
	uint64_t key;
	bool seen;
};

#define N 20000u

static struct item *find(const struct hash *h, uint64_t key)
{
	for (struct hash_node *it = hash_first(h, hash_of_u64(h, key)); it; it = hash_next(it)) {
		struct item *item = container_of(it, struct item, node);

		if (item->key == key)
			return item;
	}
	return NULL;
}

static struct item *fill(struct hash *h)
{
	struct item *items = calloc(N, sizeof(*items));

	assert_non_null(items);
	hash_init(h);
	for (unsigned i = 0; i < N; i++) {
		items[i].key = (uint64_t)i << 20;
		assert_int_equal(hash_insert(h, &items[i].node, hash_of_u64(h, items[i].key)), 0);
	}
	assert_int_equal(h->n_items, N);
	return items;
}

static void test_what_was_put_in_is_found_until_taken_out(void **state)
{
	struct hash h;
	struct item *items = fill(&h);

	for (unsigned i = 0; i < N; i += 2)
		hash_remove(&h, &items[i].node);
	for (unsigned i = 0; i < N; i++)
		assert_ptr_equal(find(&h, items[i].key), i % 2 ? &items[i] : NULL);
	assert_null(find(&h, 12345));
	for (unsigned i = 1; i < N; i += 2)
		hash_remove(&h, &items[i].node);
	assert_int_equal(h.n_items, 0);
	assert_null(hash_any(&h));
	hash_deinit(&h);
	free(items);
}

static void test_no_insert_moves_more_than_a_few_buckets(void **state)
{
	struct item *items = calloc(N, sizeof(*items));
	size_t n_buckets = 0, n_moved = 0, n_growths = 0;
	struct hash h;

	assert_non_null(items);
	hash_init(&h);
	for (unsigned i = 0; i < N; i++) {
		items[i].key = i;
		assert_int_equal(hash_insert(&h, &items[i].node, hash_of_u64(&h, i)), 0);
		if (h.n_buckets != n_buckets)
			n_moved = 0;
		if (h.old && h.n_buckets > 2048) {
			n_growths += h.n_buckets != n_buckets;
			assert_in_range(h.n_moved, n_moved, n_moved + 2);
			/*
			 * Items are found in either table while the hash moves; a key that was not inserted
			 * is in neither.
			 */
			assert_ptr_equal(find(&h, 0), &items[0]);
			assert_ptr_equal(find(&h, i / 2), &items[i / 2]);
			assert_ptr_equal(find(&h, i), &items[i]);
			assert_null(find(&h, i + 1));
			n_moved = h.n_moved;
		}
		n_buckets = h.n_buckets;
	}
	assert_int_equal(n_growths, 4); /* at 4, 8, 16 and 32 thousand buckets */
	/*
	 * The old table is still being moved: after half of the items are removed and inserted again, all are
	 * found.
	 */
	while (h.old) {
		for (unsigned i = 0; i < N; i += 2)
			hash_remove(&h, &items[i].node);
		for (unsigned i = 0; i < N; i += 2)
			assert_int_equal(hash_insert(&h, &items[i].node, hash_of_u64(&h, i)), 0);
	}
	for (unsigned i = 0; i < N; i++) {
		assert_ptr_equal(find(&h, i), &items[i]);
		hash_remove(&h, &items[i].node);
	}
	hash_deinit(&h);
	free(items);
}

static void test_any_empties_the_table(void **state)
{
	struct hash h;
	struct item *items = fill(&h);
	struct hash_node *node;
	unsigned n = 0;

	while ((node = hash_any(&h))) {
		hash_remove(&h, node);
		if (++n == N / 2) /* an item that is inserted meanwhile is not forgotten */
			assert_int_equal(hash_insert(&h, node, hash_of_u64(&h, 1)), 0);
	}
	assert_int_equal(n, N + 1);
	hash_deinit(&h);
	free(items);
}

static void each_remove(struct hash_node *node, void *arg)
{
	struct item *item = container_of(node, struct item, node);

	assert_false(item->seen);
	item->seen = true;
	if (item->key >> 20 & 1)
		hash_remove(arg, node);
}

static void test_each_sees_every_item_once_and_may_remove_it(void **state)
{
	struct hash h;
	struct item *items = fill(&h);
	struct hash_node *node;

	hash_each(&h, each_remove, &h);
	for (unsigned i = 0; i < N; i++)
		assert_true(items[i].seen);
	assert_int_equal(h.n_items, N / 2);
	while ((node = hash_any(&h)))
		hash_remove(&h, node);
	hash_deinit(&h);
	free(items);
}

static void test_same_hash_is_walked_to_the_end(void **state)
{
	struct item items[100] = {0};
	struct hash_node *it;
	struct hash h;
	unsigned n = 0;

	hash_init(&h);
	assert_null(hash_first(&h, 7));
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(hash_insert(&h, &items[i].node, i % 2 ? 7 : 7 + 1024), 0);
	for (it = hash_first(&h, 7); it; it = hash_next(it)) {
		assert_true(it->hash == 7);
		n++;
	}
	assert_int_equal(n, 50);
	while ((it = hash_any(&h)))
		hash_remove(&h, it);
	hash_deinit(&h);
}

static void test_counters_and_names_spread(void **state)
{
	unsigned buckets_u64[256] = {0}, buckets_pair[256] = {0}, buckets_name[256] = {0};
	struct hash h;

	hash_init(&h);
	for (unsigned i = 0; i < 25600; i++) {
		char name[32];
		int len = snprintf(name, sizeof(name), "worker-%u", i);

		buckets_u64[hash_of_u64(&h, i) & 255]++;
		buckets_pair[hash_of_pair(&h, i % 160, i / 160) & 255]++;
		buckets_name[hash_of_bytes(&h, name, (size_t)len) & 255]++;
	}
	/*
	 * About 100 are expected in each. 20 and 200 are 8 and 10 standard deviations away, which is no
	 * chance.
	 */
	for (unsigned i = 0; i < 256; i++) {
		assert_true(buckets_u64[i] > 20 && buckets_u64[i] < 200);
		assert_true(buckets_pair[i] > 20 && buckets_pair[i] < 200);
		assert_true(buckets_name[i] > 20 && buckets_name[i] < 200);
	}
	assert_int_not_equal(hash_of_pair(&h, 1, 2), hash_of_pair(&h, 2, 1));
	hash_deinit(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_put_in_is_found_until_taken_out),
		cmocka_unit_test(test_no_insert_moves_more_than_a_few_buckets),
		cmocka_unit_test(test_any_empties_the_table),
		cmocka_unit_test(test_each_sees_every_item_once_and_may_remove_it),
		cmocka_unit_test(test_same_hash_is_walked_to_the_end),
		cmocka_unit_test(test_counters_and_names_spread),
	};

	return run_facts(tests);
}

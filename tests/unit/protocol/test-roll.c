/* SPDX-License-Identifier: Apache-2.0 */
/* The roll of a process group: its order, memberships that are said twice, picking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/roll.h"
#include "tests/fact.h"

static struct roll roll;

static int setup(void **state)
{
	roll_init(&roll, sizeof(struct roll_member));
	return 0;
}

static int teardown(void **state)
{
	roll_deinit(&roll);
	return 0;
}

static actor_ref ref_of(uint64_t n)
{
	return (actor_ref){7, 10 + n % 3, 1 + n};
}

static void join(uint64_t n)
{
	assert_int_equal(roll_join(&roll, &(struct roll_entry){ref_of(n), n, NULL, 0}, NULL), 0);
}

static void leave(uint64_t n)
{
	struct roll_member *member = roll_find(&roll, ref_of(n).group, n);

	assert_non_null(member);
	roll_leave(&roll, &member);
	assert_null(member);
}

static actor_ref pick(enum roll_how how, uint64_t random, const char *key)
{
	actor_ref ref;

	assert_true(roll_pick(&roll, how, random, wire_cstr(key), &ref));
	return ref;
}

static void test_members_come_in_the_order_of_joining(void **state)
{
	const struct roll_member *member;
	uint32_t at = 0;

	for (uint64_t n = 0; n < 1000; n++)
		join(n);
	for (uint64_t n = 0; n < 1000; n += 2)
		leave(n);
	join(0);
	for (uint64_t n = 1; n < 1000; n += 2) {
		member = roll_next(&roll, &at);
		assert_non_null(member);
		assert_int_equal(member->id, n);
	}
	member = roll_next(&roll, &at);
	assert_non_null(member);
	assert_int_equal(member->id, 0);
	assert_null(roll_next(&roll, &at));
	assert_int_equal(roll.n_members, 501);
}

static void test_a_membership_said_twice_counts_once(void **state)
{
	struct roll_entry entry = {ref_of(1), 1, NULL, 0};
	struct roll_member *first, *again;

	assert_int_equal(roll_join(&roll, &entry, &first), 0);
	assert_int_equal(roll_join(&roll, &entry, &again), -EEXIST);
	assert_ptr_equal(first, again);
	assert_int_equal(roll.n_members, 1);
	entry.id = 2; /* another membership of the same actor */
	assert_int_equal(roll_join(&roll, &entry, NULL), 0);
	assert_int_equal(roll.n_members, 2);
	assert_null(roll_find(&roll, ref_of(2).group, 1));
}

static void test_nobody_is_picked_from_an_empty_one(void **state)
{
	actor_ref ref;

	for (int how = ROLL_ANY; how <= ROLL_KEY; how++)
		assert_false(roll_pick(&roll, (enum roll_how)how, 1, wire_cstr("k"), &ref));
	join(1);
	leave(1);
	assert_false(roll_pick(&roll, ROLL_ANY, 0, wire_cstr(""), &ref));
	assert_null(roll_find(&roll, ref_of(1).group, 1));
}

static void test_everybody_has_its_turn_whoever_comes_and_goes(void **state)
{
	int n_picked[10] = {0};

	for (uint64_t n = 0; n < 10; n++)
		join(n);
	for (int i = 0; i < 100; i++)
		n_picked[pick(ROLL_ANY, 0, "").serial - 1]++;
	for (int n = 0; n < 10; n++)
		assert_int_equal(n_picked[n], 10);
	leave(3);
	for (int i = 0; i < 90; i++)
		n_picked[pick(ROLL_ANY, 0, "").serial - 1]++;
	for (int n = 0; n < 10; n++)
		assert_int_equal(n_picked[n], n == 3 ? 10 : 20);
}

static void test_chance_reaches_each_also_between_holes(void **state)
{
	uint64_t random = 1;
	bool picked[100] = {false};

	for (uint64_t n = 0; n < 100; n++)
		join(n);
	for (uint64_t n = 0; n < 100; n++)
		if (n % 10)
			leave(n);
	for (int i = 0; i < 1000; i++) {
		random = random * UINT64_C(6364136223846793005) + 1;
		picked[pick(ROLL_RANDOM, random, "").serial - 1] = true;
	}
	for (int n = 0; n < 100; n++)
		assert_int_equal(picked[n], n % 10 == 0);
}

static void test_only_the_keys_of_who_left_move(void **state)
{
	actor_ref before[200];
	char key[16];
	int n_moved = 0;

	for (uint64_t n = 0; n < 10; n++)
		join(n);
	for (int i = 0; i < 200; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		before[i] = pick(ROLL_KEY, 0, key);
	}
	leave(4);
	for (int i = 0; i < 200; i++) {
		actor_ref now;

		snprintf(key, sizeof(key), "key %d", i);
		now = pick(ROLL_KEY, 0, key);
		if (actor_ref_equal(before[i], ref_of(4))) {
			n_moved++;
			assert_false(actor_ref_equal(now, before[i]));
		} else {
			assert_true(actor_ref_equal(now, before[i]));
		}
	}
	assert_in_range(n_moved, 5, 60); /* about a tenth of the keys */
}

static void test_keys_do_not_depend_on_the_order_of_joining(void **state)
{
	actor_ref before[50];
	char key[16];

	for (uint64_t n = 0; n < 10; n++)
		join(n);
	for (int i = 0; i < 50; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		before[i] = pick(ROLL_KEY, 0, key);
	}
	for (uint64_t n = 0; n < 10; n++)
		leave(n);
	for (uint64_t n = 10; n-- > 0;)
		join(n);
	for (int i = 0; i < 50; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		assert_true(actor_ref_equal(before[i], pick(ROLL_KEY, 0, key)));
	}
}

static uint64_t loads[4];

static uint64_t load_of(actor_ref ref, void *arg)
{
	++*(int *)arg;
	return loads[ref.serial - 1];
}

static void test_the_least_loaded_is_picked_and_equals_in_turn(void **state)
{
	int n_looked = 0, n_picked[4] = {0};
	actor_ref ref;

	assert_false(roll_pick_least(&roll, load_of, &n_looked, &ref));
	for (uint64_t n = 0; n < 4; n++)
		join(n);
	memcpy(loads, (uint64_t[]){5, 2, 9, 3}, sizeof(loads));
	for (int i = 0; i < 8; i++) {
		assert_true(roll_pick_least(&roll, load_of, &n_looked, &ref));
		assert_true(actor_ref_equal(ref, ref_of(1)));
	}
	memcpy(loads, (uint64_t[]){7, 7, 9, 7}, sizeof(loads));
	for (int i = 0; i < 9; i++) {
		assert_true(roll_pick_least(&roll, load_of, &n_looked, &ref));
		n_picked[ref.serial - 1]++;
	}
	assert_int_equal(n_picked[0], 3);
	assert_int_equal(n_picked[1], 3);
	assert_int_equal(n_picked[2], 0);
	assert_int_equal(n_picked[3], 3);
	/* An actor without load ends the search: none can have less. */
	memset(loads, 0, sizeof(loads));
	n_looked = 0;
	assert_true(roll_pick_least(&roll, load_of, &n_looked, &ref));
	assert_int_equal(n_looked, 1);
}

static void test_entries_are_read_as_they_were_written(void **state)
{
	static const uint8_t meta[] = {0x93, 1, 2, 3};
	struct buf b = BUF_INIT;
	struct roll_entry entry;
	struct mp_reader r;

	assert_int_equal(roll_join(&roll, &(struct roll_entry){ref_of(1), 1, meta, sizeof(meta)}, NULL), 0);
	join(2);
	roll_put_all(&b, &roll);
	assert_int_equal(buf_error(&b), 0);
	assert_true(b.size_bytes <= roll.size_bytes);
	r = mp_reader(b.data, b.size_bytes);
	assert_int_equal(roll_read(&r, &entry), 0);
	assert_true(actor_ref_equal(entry.ref, ref_of(1)));
	assert_int_equal(entry.meta_bytes, sizeof(meta));
	assert_memory_equal(entry.meta, meta, sizeof(meta));
	assert_int_equal(roll_read(&r, &entry), 0);
	assert_int_equal(entry.id, 2);
	assert_int_equal(entry.meta_bytes, 0);
	/* Entries that are cut off anywhere are refused. */
	for (size_t n = 0; n < b.size_bytes; n++) {
		struct mp_reader cut = mp_reader(b.data, n);
		int n_read = 0;

		while (n_read < 2 && roll_read(&cut, &entry) == 0)
			n_read++;
		assert_true(n_read < 2);
	}
	buf_deinit(&b);
}

#define fact(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		fact(test_members_come_in_the_order_of_joining),
		fact(test_a_membership_said_twice_counts_once),
		fact(test_nobody_is_picked_from_an_empty_one),
		fact(test_everybody_has_its_turn_whoever_comes_and_goes),
		fact(test_chance_reaches_each_also_between_holes),
		fact(test_only_the_keys_of_who_left_move),
		fact(test_keys_do_not_depend_on_the_order_of_joining),
		fact(test_the_least_loaded_is_picked_and_equals_in_turn),
		fact(test_entries_are_read_as_they_were_written),
	};

	return run_facts(tests);
}

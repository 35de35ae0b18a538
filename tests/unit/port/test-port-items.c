/* SPDX-License-Identifier: Apache-2.0 */
/* The items that wait for a subscriber, the count of those that it has lost, and what it wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "libactor/message/msg.h"
#include "libactor/port/filter.h"
#include "libactor/port/items.h"
#include "libactor/protocol/mp.h"
#include "tests/fact.h"

/* An item is a letter. */
static enum items_verdict push(struct items *items, char c)
{
	struct item *item = item_new(&c, 1);
	enum items_verdict verdict = items_push(items, item);

	item_put(item);
	return verdict;
}

static void push_all(struct items *items, const char *letters)
{
	for (; *letters; letters++)
		push(items, *letters);
}

/* What the subscriber gets: letters, and in parentheses how many were lost. */
static const char *get_all(struct items *items)
{
	static char text[256];
	struct item *item;
	uint64_t lost;
	size_t at = 0;

	text[0] = '\0';
	for (;;) {
		lost = items_take_lost(items);
		if (lost)
			at += (size_t)snprintf(
				text + at, sizeof(text) - at, "(%llu)", (unsigned long long)lost);
		item = items_pop(items);
		if (!item)
			return text;
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%c", item->args[0]);
		item_put(item);
	}
}

static void test_items_come_in_order(void **state)
{
	struct items items;

	assert_int_equal(items_init(&items, 3, 1000, ACTOR_PORT_DROP_OLDEST), 0);
	push_all(&items, "abc");
	assert_string_equal(get_all(&items), "abc");
	push_all(&items, "de");
	assert_string_equal(get_all(&items), "de");
	items_deinit(&items);
}

static void test_the_oldest_are_dropped_and_told_first(void **state)
{
	struct items items;

	assert_int_equal(items_init(&items, 3, 1000, ACTOR_PORT_DROP_OLDEST), 0);
	push_all(&items, "abcde");
	assert_string_equal(get_all(&items), "(2)cde");
	assert_int_equal(items.lost_all, 2);
	items_deinit(&items);
}

static void test_the_newest_are_dropped_and_told_in_their_place(void **state)
{
	struct items items;

	assert_int_equal(items_init(&items, 2, 1000, ACTOR_PORT_DROP_NEWEST), 0);
	push_all(&items, "abcd");
	item_put(items_pop(&items)); /* takes "a" out */
	push_all(&items, "ef");
	assert_string_equal(get_all(&items), "b(2)e(1)");
	items_deinit(&items);
}

static void test_a_full_one_is_over(void **state)
{
	struct items items;

	assert_int_equal(items_init(&items, 2, 1000, ACTOR_PORT_END), 0);
	push_all(&items, "ab");
	assert_int_equal(push(&items, 'c'), ITEMS_OVER);
	assert_true(items.over);
	assert_int_equal(push(&items, 'd'), ITEMS_OVER);
	assert_string_equal(get_all(&items), "ab(1)");
	items_deinit(&items);
}

static void test_bytes_are_bounded(void **state)
{
	struct items items;

	assert_int_equal(items_init(&items, 100, 3, ACTOR_PORT_DROP_OLDEST), 0);
	push_all(&items, "abcd");
	assert_string_equal(get_all(&items), "(1)bcd");
	assert_int_equal(items.bytes, 0);
	items_deinit(&items);
}

static void test_items_are_shared_and_freed_with_the_last(void **state)
{
	struct items a, b;
	struct item *item = item_new("x", 1);

	assert_int_equal(items_init(&a, 1, 1000, ACTOR_PORT_DROP_OLDEST), 0);
	assert_int_equal(items_init(&b, 1, 1000, ACTOR_PORT_DROP_OLDEST), 0);
	items_push(&a, item);
	items_push(&b, item);
	assert_int_equal(item->refs, 3);
	item_put(item);
	items_deinit(&a);
	assert_int_equal(b.ring[0].item->refs, 1);
	items_deinit(&b); /* ASan sees whether anything is left */
}

/* ---- filters ---- */

static struct buf packed(enum body_kind kind, const char *format, ...)
{
	struct buf out = BUF_INIT;
	va_list args;

	va_start(args, format);
	assert_int_equal(body_vpack(&out, kind, format, args), 0);
	va_end(args);
	return out;
}

static bool matches(struct buf filter, struct buf args)
{
	bool yes;

	assert_null(filter_check(filter.data, filter.size_bytes));
	yes = filter_matches(filter.data, filter.size_bytes, args.data, args.size_bytes);
	buf_deinit(&filter);
	buf_deinit(&args);
	return yes;
}

#define FILTER(...) packed(BODY_RESULT, __VA_ARGS__)
#define ARGS(...)   packed(BODY_ARGS, __VA_ARGS__)

static void test_without_conditions_all_pass(void **state)
{
	assert_true(filter_matches(NULL, 0, "\x90", 1));
	assert_true(matches(FILTER("{}"), ARGS("s", "x")));
	assert_true(matches(FILTER("{s:[]}", "where"), ARGS("")));
}

static void test_numbers_are_compared_as_numbers(void **state)
{
	static const struct {
		const char *operation;
		bool below, same, above;
	} rows[] = {{"=", false, true, false}, {"!=", true, false, true}, {"<", true, false, false},
		{"<=", true, true, false}, {">", false, false, true}, {">=", false, true, true}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(matches(FILTER("{s:[[isi]]}", "where", 0, rows[i].operation, 5),
					 ARGS("I", INT64_C(-4))),
			rows[i].below);
		assert_int_equal(
			matches(FILTER("{s:[[isi]]}", "where", 0, rows[i].operation, 5), ARGS("f", 5.0)),
			rows[i].same);
		assert_int_equal(matches(FILTER("{s:[[isi]]}", "where", 0, rows[i].operation, 5),
					 ARGS("U", UINT64_MAX)),
			rows[i].above);
	}
}

static void test_strings_are_compared_by_bytes(void **state)
{
	assert_true(matches(FILTER("{s:[[iss]]}", "where", 0, "=", "abc"), ARGS("s", "abc")));
	assert_true(matches(FILTER("{s:[[iss]]}", "where", 0, "<", "abc"), ARGS("s", "ab")));
	assert_true(matches(FILTER("{s:[[iss]]}", "where", 0, "prefix", "ab"), ARGS("s", "abc")));
	assert_false(matches(FILTER("{s:[[iss]]}", "where", 0, "prefix", "abcd"), ARGS("s", "abc")));
	/* A number and a string have no order. */
	assert_false(matches(FILTER("{s:[[iss]]}", "where", 0, "<", "5"), ARGS("i", 4)));
	assert_true(matches(FILTER("{s:[[iss]]}", "where", 0, "!=", "5"), ARGS("i", 5)));
}

static void test_paths_lead_into_arrays_and_maps(void **state)
{
	struct buf args = ARGS("i{s:[{s:i}]}", 1, "a", "b", 7);
	struct buf filter = FILTER("{s:[[[isis]si]]}", "where", 1, "a", 0, "b", "=", 7);

	assert_true(matches(filter, args));
	assert_false(matches(FILTER("{s:[[[is]si]]}", "where", 1, "c", "=", 7), ARGS("i{s:i}", 1, "a", 7)));
	assert_true(matches(FILTER("{s:[[[is]sb]]}", "where", 1, "c", "has", 0), ARGS("i{s:i}", 1, "a", 7)));
	assert_true(matches(FILTER("{s:[[[is]sb]]}", "where", 1, "a", "has", 1), ARGS("i{s:i}", 1, "a", 7)));
	assert_false(matches(FILTER("{s:[[isi]]}", "where", 3, "=", 0), ARGS("i", 0)));
}

static void test_all_conditions_must_hold(void **state)
{
	assert_true(matches(FILTER("{s:[[isi][isi]]}", "where", 0, ">", 1, 0, "<", 5), ARGS("i", 3)));
	assert_false(matches(FILTER("{s:[[isi][isi]]}", "where", 0, ">", 1, 0, "<", 5), ARGS("i", 7)));
	assert_false(matches(FILTER("{s:[[isi][isi]]}", "where", 0, "<", 5, 0, ">", 1), ARGS("i", 0)));
}

static void test_parts_are_picked(void **state)
{
	struct buf filter = FILTER("{s:[i[is]i]}", "pick", 1, 0, "a", 9), args = ARGS("{s:s}i", "a", "x", 5);
	struct buf out = BUF_INIT, wanted = ARGS("isn", 5, "x");

	assert_null(filter_check(filter.data, filter.size_bytes));
	assert_true(filter_picks(filter.data, filter.size_bytes));
	filter_pick(&out, filter.data, filter.size_bytes, args.data, args.size_bytes);
	assert_int_equal(out.size_bytes, wanted.size_bytes);
	assert_memory_equal(out.data, wanted.data, out.size_bytes);
	buf_deinit(&filter);
	buf_deinit(&args);
	buf_deinit(&out);
	buf_deinit(&wanted);
}

static void test_nonsense_is_refused(void **state)
{
	struct buf bad[] = {FILTER("i", 5), FILTER("{s:i}", "where", 1), FILTER("{s:[i]}", "where", 1),
		FILTER("{s:[[is]]}", "where", 1, "="), FILTER("{s:[[isi]]}", "where", 0, "~", 1),
		FILTER("{s:[[fsi]]}", "where", 0.5, "=", 1), FILTER("{s:[]}", "who"),
		FILTER("{s:[f]}", "pick", 0.5),
		FILTER("{s:[[iiiiiiiiiiiiiiiii]]}", "pick", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
			16, 17)};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_non_null(filter_check(bad[i].data, bad[i].size_bytes));
		buf_deinit(&bad[i]);
	}
}

/*
 * Filters of random bytes: the sanitizer sees a read outside of them. A filter that passes the check can be
 * used.
 */
static void test_a_filter_of_chance_does_no_harm(void **state)
{
	uint64_t x = 1;
	uint8_t bytes[24];
	struct buf args = ARGS("is{s:i}", 5, "x", "a", 1);

	for (int i = 0; i < 200000; i++) {
		for (size_t j = 0; j < sizeof(bytes); j++) {
			x = x * UINT64_C(6364136223846793005) + 1;
			bytes[j] = (uint8_t)(x >> 56);
		}
		if (i % 2)
			memcpy(bytes, "\x81\xa5where\x91\x93", 9);
		if (!filter_check(bytes, sizeof(bytes)))
			(void)filter_matches(bytes, sizeof(bytes), args.data, args.size_bytes);
	}
	buf_deinit(&args);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_items_come_in_order),
		cmocka_unit_test(test_the_oldest_are_dropped_and_told_first),
		cmocka_unit_test(test_the_newest_are_dropped_and_told_in_their_place),
		cmocka_unit_test(test_a_full_one_is_over),
		cmocka_unit_test(test_bytes_are_bounded),
		cmocka_unit_test(test_items_are_shared_and_freed_with_the_last),
		cmocka_unit_test(test_without_conditions_all_pass),
		cmocka_unit_test(test_numbers_are_compared_as_numbers),
		cmocka_unit_test(test_strings_are_compared_by_bytes),
		cmocka_unit_test(test_paths_lead_into_arrays_and_maps),
		cmocka_unit_test(test_all_conditions_must_hold),
		cmocka_unit_test(test_parts_are_picked),
		cmocka_unit_test(test_nonsense_is_refused),
		cmocka_unit_test(test_a_filter_of_chance_does_no_harm),
	};

	return run_facts(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Programs and libraries of different ages exchange structs that have grown at their ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "libactor/util/sized.h"
#include "tests/fact.h"

struct first {
	int a, b;
};

struct second {
	int a, b, c;
};

static void test_an_older_givers_missing_fields_are_zero(void **state)
{
	struct first given = {1, 2};
	struct second read = {9, 9, 9};

	assert_int_equal(sized_read(&read, sizeof(read), &given, sizeof(given), sizeof(given)), 0);
	assert_int_equal(read.a, 1);
	assert_int_equal(read.b, 2);
	assert_int_equal(read.c, 0);
}

static void test_a_newer_givers_unknown_fields_must_be_zero(void **state)
{
	struct second given = {1, 2, 0};
	struct first read;

	assert_int_equal(sized_read(&read, sizeof(read), &given, sizeof(given), sizeof(read)), 0);
	assert_int_equal(read.b, 2);
	given.c = 1;
	assert_int_equal(sized_read(&read, sizeof(read), &given, sizeof(given), sizeof(read)), -E2BIG);
	assert_int_equal(sized_check(&given, sizeof(given), sizeof(read), sizeof(read)), -E2BIG);
}

static void test_less_than_the_first_version_is_refused(void **state)
{
	struct first given = {1, 2}, read;

	assert_int_equal(sized_read(&read, sizeof(read), &given, sizeof(given) - 1, sizeof(given)), -EINVAL);
	assert_int_equal(sized_check(&given, 0, sizeof(given), sizeof(read)), -EINVAL);
}

static void test_nothing_given_is_all_zero(void **state)
{
	struct first read = {9, 9};

	assert_int_equal(sized_read(&read, sizeof(read), NULL, 0, sizeof(read)), 0);
	assert_int_equal(read.a, 0);
	assert_int_equal(read.b, 0);
}

static void test_no_byte_is_written_behind_an_older_takers_struct(void **state)
{
	struct second ours = {1, 2, 3};
	struct second room = {7, 7, 7};

	sized_write(&room, sizeof(struct first), &ours, sizeof(ours));
	assert_int_equal(room.b, 2);
	assert_int_equal(room.c, 7);
	sized_write(&room, sizeof(room), &ours, sizeof(struct first));
	assert_int_equal(room.b, 2);
	assert_int_equal(room.c, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_older_givers_missing_fields_are_zero),
		cmocka_unit_test(test_a_newer_givers_unknown_fields_must_be_zero),
		cmocka_unit_test(test_less_than_the_first_version_is_refused),
		cmocka_unit_test(test_nothing_given_is_all_zero),
		cmocka_unit_test(test_no_byte_is_written_behind_an_older_takers_struct),
	};

	return run_facts(tests);
}

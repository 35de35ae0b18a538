/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/util/buf.h"
#include "tests/fact.h"

static void test_appended_bytes_come_out_in_order(void **state)
{
	struct buf b = BUF_INIT;
	uint8_t byte;

	for (unsigned i = 0; i < 100000; i++) {
		byte = (uint8_t)(i * 7);
		buf_append(&b, &byte, 1);
	}
	assert_int_equal(buf_error(&b), 0);
	assert_int_equal(b.size_bytes, 100000);
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(b.data[i], (uint8_t)(i * 7));
	buf_deinit(&b);
	assert_null(b.data);
}

static void test_failure_sticks_until_reset(void **state)
{
	struct buf b = BUF_INIT;

	buf_append(&b, "abc", 3);
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_int_equal(buf_error(&b), -ENOMEM);
	assert_null(buf_reserve(&b, 1));
	buf_append(&b, "d", 1);
	assert_int_equal(b.size_bytes, 3);
	assert_int_equal(buf_error(&b), -ENOMEM);
	buf_reset(&b, SIZE_MAX);
	assert_int_equal(buf_error(&b), 0);
	buf_append(&b, "d", 1);
	assert_int_equal(b.size_bytes, 1);
	assert_null(buf_reserve(&b, PTRDIFF_MAX));
	assert_int_equal(buf_error(&b), -ENOMEM);
	buf_deinit(&b);
}

static void test_reset_keeps_little_and_frees_much(void **state)
{
	struct buf b = BUF_INIT;
	uint8_t *data;

	buf_append(&b, "abc", 3);
	data = b.data;
	buf_reset(&b, 4096);
	assert_ptr_equal(b.data, data);
	assert_int_equal(b.size_bytes, 0);
	assert_non_null(buf_reserve(&b, 10000));
	buf_reset(&b, 4096);
	assert_null(b.data);
	assert_int_equal(b.capacity_bytes, 0);
	buf_deinit(&b);
}

static void test_reserving_nothing_is_fine(void **state)
{
	struct buf b = BUF_INIT;

	assert_non_null(buf_reserve(&b, 0));
	buf_append(&b, NULL, 0);
	assert_int_equal(buf_error(&b), 0);
	assert_int_equal(b.size_bytes, 0);
	buf_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_appended_bytes_come_out_in_order),
		cmocka_unit_test(test_failure_sticks_until_reset),
		cmocka_unit_test(test_reset_keeps_little_and_frees_much),
		cmocka_unit_test(test_reserving_nothing_is_fine),
	};

	return run_facts(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "libactor/protocol/hello.h"
#include "libactor/protocol/mp.h"
#include "tests/fact.h"

static const uint8_t token[3] = {1, 2, 3};

static void test_hello_means_the_same_on_the_other_side(void **state)
{
	struct hello hello = {.version_min = 1,
		.version_max = 2,
		.name = wire_cstr("counter"),
		.pid = 4242,
		.token = token,
		.token_bytes = sizeof(token)};
	struct buf b = BUF_INIT;
	struct hello back;

	hello_put(&b, &hello);
	assert_int_equal(hello_parse(b.data, b.size_bytes, &back), 0);
	assert_true(back.version_min == 1 && back.version_max == 2 && back.pid == 4242);
	assert_int_equal(back.name.len, 7);
	assert_memory_equal(back.name.s, "counter", 7);
	assert_int_equal(back.token_bytes, 3);
	assert_memory_equal(back.token, token, 3);
	hello.token = NULL;
	buf_reset(&b, SIZE_MAX);
	hello_put(&b, &hello);
	assert_int_equal(hello_parse(b.data, b.size_bytes, &back), 0);
	assert_null(back.token);
	buf_deinit(&b);
}

static struct hello_answer admitted(void)
{
	return (struct hello_answer){.version = 1,
		.url = wire_cstr("ipc:///run/actor/g/5/a"),
		.node = UINT64_MAX,
		.group = 5,
		.self = {UINT64_MAX, 1, 1},
		.resume = token,
		.resume_bytes = sizeof(token),
		.restarted = true};
}

static void test_answer_means_the_same_on_the_other_side(void **state)
{
	struct hello_answer answer = admitted(), back;
	struct buf b = BUF_INIT;

	hello_answer_put(&b, &answer);
	assert_int_equal(hello_answer_parse(b.data, b.size_bytes, &back), 0);
	assert_true(!back.error.s && back.version == 1 && back.node == UINT64_MAX && back.group == 5 &&
		    back.restarted);
	assert_true(actor_ref_equal(back.self, answer.self));
	assert_memory_equal(back.url.s, answer.url.s, answer.url.len);
	assert_int_equal(back.resume_bytes, 3);
	answer = (struct hello_answer){.error = wire_cstr("version"), .text = wire_cstr("no")};
	buf_reset(&b, SIZE_MAX);
	hello_answer_put(&b, &answer);
	assert_int_equal(hello_answer_parse(b.data, b.size_bytes, &back), 0);
	assert_int_equal(back.error.len, 7);
	assert_int_equal(back.text.len, 2);
	buf_deinit(&b);
}

/*
 * Bytes that are cut anywhere are refused, and nothing is written to *ret then. Bytes of which one differs
 * may be taken, but only with values that the protocol allows.
 */
static void test_cut_and_corrupted_bytes_are_harmless(void **state)
{
	struct hello hello = {.version_min = 1,
		.version_max = 2,
		.name = wire_cstr("counter"),
		.pid = 4242,
		.token = token,
		.token_bytes = sizeof(token)};
	struct hello_answer answer = admitted(), answer_back;
	struct hello back = {.pid = 99};
	struct buf b = BUF_INIT, c = BUF_INIT;

	hello_put(&b, &hello);
	hello_answer_put(&c, &answer);
	for (size_t n = 0; n < b.size_bytes; n++)
		assert_int_equal(hello_parse(b.data, n, &back), -EPROTO);
	for (size_t n = 0; n < c.size_bytes; n++)
		assert_int_equal(hello_answer_parse(c.data, n, &answer_back), -EPROTO);
	assert_int_equal(back.pid, 99);
	for (size_t i = 0; i < b.size_bytes * 255; i++) {
		b.data[i / 255] ^= (uint8_t)(i % 255 + 1);
		if (hello_parse(b.data, b.size_bytes, &back) == 0)
			assert_true(back.version_min <= back.version_max && back.name.len <= 255);
		b.data[i / 255] ^= (uint8_t)(i % 255 + 1);
	}
	for (size_t i = 0; i < c.size_bytes * 255; i++) {
		c.data[i / 255] ^= (uint8_t)(i % 255 + 1);
		if (hello_answer_parse(c.data, c.size_bytes, &answer_back) == 0)
			assert_memory_equal(answer_back.url.s, "ipc://", 6);
		c.data[i / 255] ^= (uint8_t)(i % 255 + 1);
	}
	buf_deinit(&b);
	buf_deinit(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hello_means_the_same_on_the_other_side),
		cmocka_unit_test(test_answer_means_the_same_on_the_other_side),
		cmocka_unit_test(test_cut_and_corrupted_bytes_are_harmless),
	};

	return run_facts(tests);
}

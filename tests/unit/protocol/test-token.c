/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "libactor/protocol/token.h"
#include "tests/fact.h"

static const uint8_t key[TOKEN_KEY_BYTES] = "sixteen byte key";
static const uint8_t other_key[TOKEN_KEY_BYTES] = "sixteen byte kez";

static void test_token_says_which_group_it_is(void **state)
{
	static const char *const names[] = {"", "counter", "$spawner", "größe"};
	char hex[2 * TOKEN_MAX_BYTES + 1], name[256], long_name[257];
	struct token token, back;
	uint64_t group = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(token_make(&token, key, UINT64_C(0x8123456789abcdef), names[i]), 0);
		assert_int_equal(token.size_bytes, 1 + 8 + 1 + strlen(names[i]) + TOKEN_MAC_BYTES);
		token_to_hex(&token, hex);
		assert_int_equal(token_from_hex(&back, hex), 0);
		assert_int_equal(token_check(back.bytes, back.size_bytes, key, &group, name), 0);
		assert_true(group == UINT64_C(0x8123456789abcdef));
		assert_string_equal(name, names[i]);
	}
	memset(long_name, 'n', 256);
	long_name[256] = 0;
	assert_int_equal(token_make(&token, key, 1, long_name), -EINVAL);
	long_name[255] = 0;
	assert_int_equal(token_make(&token, key, 1, long_name), 0);
	assert_int_equal(token.size_bytes, TOKEN_MAX_BYTES);
	assert_int_equal(token_check(token.bytes, token.size_bytes, key, &group, name), 0);
	assert_string_equal(name, long_name);
}

static void test_every_changed_bit_and_every_other_length_is_refused(void **state)
{
	char name[256] = "untouched";
	uint8_t longer[TOKEN_MAX_BYTES + 1];
	struct token token;
	uint64_t group = 42;

	assert_int_equal(token_make(&token, key, 7, "counter"), 0);
	assert_int_equal(token_check(token.bytes, token.size_bytes, other_key, &group, name), -EACCES);
	for (size_t i = 0; i < token.size_bytes * 8; i++) {
		token.bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(token_check(token.bytes, token.size_bytes, key, &group, name), -EACCES);
		token.bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t n = 0; n < token.size_bytes; n++)
		assert_int_equal(token_check(token.bytes, n, key, &group, name), -EACCES);
	memcpy(longer, token.bytes, token.size_bytes);
	longer[token.size_bytes] = 0;
	assert_int_equal(token_check(longer, token.size_bytes + 1, key, &group, name), -EACCES);
	assert_int_equal(token_check(NULL, 0, key, &group, name), -EACCES);
	assert_true(group == 42);
	assert_string_equal(name, "untouched");
}

static void test_bad_hexadecimal_is_refused(void **state)
{
	char hex[2 * TOKEN_MAX_BYTES + 3];
	struct token token;

	assert_int_equal(token_from_hex(&token, ""), -EINVAL);
	assert_int_equal(token_from_hex(&token, "abc"), -EINVAL);
	assert_int_equal(token_from_hex(&token, "0g"), -EINVAL);
	assert_int_equal(token_from_hex(&token, " 0"), -EINVAL);
	assert_int_equal(token_from_hex(&token, "0x"), -EINVAL);
	assert_int_equal(token_from_hex(&token, "aF"), 0);
	assert_int_equal(token.bytes[0], 0xaf);
	memset(hex, '0', sizeof(hex));
	hex[sizeof(hex) - 1] = 0;
	assert_int_equal(token_from_hex(&token, hex), -EINVAL);
	hex[2 * TOKEN_MAX_BYTES] = 0;
	assert_int_equal(token_from_hex(&token, hex), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_token_says_which_group_it_is),
		cmocka_unit_test(test_every_changed_bit_and_every_other_length_is_refused),
		cmocka_unit_test(test_bad_hexadecimal_is_refused),
	};

	return run_facts(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "libactor/util/siphash.h"
#include "tests/fact.h"

/*
 * The key is 00 01 … 0f and the inputs are 00 01 …, as in the paper, whose appendix has the one of 15 bytes,
 * and in its reference vectors.
 */
static const struct {
	size_t size_bytes;
	uint64_t hash;
	uint8_t hash128[16];
} vectors[] = {
	{0, UINT64_C(0x726fdb47dd0e0e31),
		{0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02,
			0x93}},
	{1, UINT64_C(0x74f839c593dc67fd),
		{0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc,
			0x45}},
	{7, UINT64_C(0xab0200f58b01d137),
		{0xa1, 0xf1, 0xeb, 0xbe, 0xd8, 0xdb, 0xc1, 0x53, 0xc0, 0xb8, 0x4a, 0xa6, 0x1f, 0xf0, 0x82,
			0x39}},
	{8, UINT64_C(0x93f5f5799a932462),
		{0x3b, 0x62, 0xa9, 0xba, 0x62, 0x58, 0xf5, 0x61, 0x0f, 0x83, 0xe2, 0x64, 0xf3, 0x14, 0x97,
			0xb4}},
	{15, UINT64_C(0xa129ca6149be45e5),
		{0x54, 0x93, 0xe9, 0x99, 0x33, 0xb0, 0xa8, 0x11, 0x7e, 0x08, 0xec, 0x0f, 0x97, 0xcf, 0xc3,
			0xd9}},
	{63, UINT64_C(0x958a324ceb064572),
		{0x51, 0x50, 0xd1, 0x77, 0x2f, 0x50, 0x83, 0x4a, 0x50, 0x3e, 0x06, 0x9a, 0x97, 0x3f, 0xbd,
			0x7c}},
};

static void test_official_vectors(void **state)
{
	uint8_t key[16], data[64], hash[16];

	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		assert_true(siphash64(data, vectors[i].size_bytes, key) == vectors[i].hash);
		siphash128(data, vectors[i].size_bytes, key, hash);
		assert_memory_equal(hash, vectors[i].hash128, sizeof(hash));
	}
}

static void test_key_and_every_byte_count(void **state)
{
	uint8_t key[16] = {0}, data[24] = {0};
	uint64_t base = siphash64(data, sizeof(data), key);

	for (size_t i = 0; i < sizeof(data); i++) {
		data[i] = 1;
		assert_true(siphash64(data, sizeof(data), key) != base);
		data[i] = 0;
		assert_true(siphash64(data, i, key) != base);
	}
	for (size_t i = 0; i < sizeof(key); i++) {
		key[i] = 1;
		assert_true(siphash64(data, sizeof(data), key) != base);
		key[i] = 0;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_official_vectors),
		cmocka_unit_test(test_key_and_every_byte_count),
	};

	return run_facts(tests);
}

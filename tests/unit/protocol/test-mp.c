/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/mp.h"
#include "libactor/util/utf8.h"
#include "tests/fact.h"

static void test_integers_are_written_shortest_and_read_back(void **state)
{
	static const struct {
		int64_t v;
		size_t size_bytes;
	} numbers[] = {{0, 1}, {127, 1}, {128, 2}, {255, 2}, {256, 3}, {65535, 3}, {65536, 5},
		{UINT32_MAX, 5}, {INT64_C(1) << 32, 9}, {INT64_MAX, 9}, {-1, 1}, {-32, 1}, {-33, 2},
		{-128, 2}, {-129, 3}, {-32768, 3}, {-32769, 5}, {INT32_MIN, 5}, {(int64_t)INT32_MIN - 1, 9},
		{INT64_MIN, 9}};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct buf b = BUF_INIT;
		struct mp_reader r;
		uint64_t u = 0;
		int64_t v = 0;
		double f = 0;

		mp_put_int(&b, numbers[i].v);
		assert_int_equal(b.size_bytes, numbers[i].size_bytes);
		r = mp_reader(b.data, b.size_bytes);
		assert_int_equal(mp_peek(&r), numbers[i].v < 0 ? MP_INT : MP_UINT);
		assert_int_equal(mp_read_int(&r, &v), 0);
		assert_true(v == numbers[i].v && r.at == r.end);
		r = mp_reader(b.data, b.size_bytes);
		assert_int_equal(mp_read_uint(&r, &u), numbers[i].v < 0 ? -EPROTO : 0);
		assert_true(numbers[i].v < 0 || u == (uint64_t)numbers[i].v);
		r = mp_reader(b.data, b.size_bytes);
		assert_int_equal(mp_read_double(&r, &f), 0);
		assert_true(f == (double)numbers[i].v);
		for (size_t n = 0; n < b.size_bytes; n++) {
			r = mp_reader(b.data, n);
			assert_int_equal(mp_read_int(&r, &v), -EPROTO);
			assert_int_equal(mp_skip(&r), -EPROTO);
			assert_ptr_equal(r.at, b.data);
		}
		buf_deinit(&b);
	}
}

static void test_unsigned_beyond_int64_is_no_int(void **state)
{
	struct buf b = BUF_INIT;
	struct mp_reader r;
	int64_t v = 42;
	uint64_t u = 0;

	mp_put_uint(&b, UINT64_MAX);
	r = mp_reader(b.data, b.size_bytes);
	assert_int_equal(mp_read_int(&r, &v), -EPROTO);
	assert_true(v == 42);
	assert_int_equal(mp_read_uint(&r, &u), 0);
	assert_true(u == UINT64_MAX);
	buf_deinit(&b);
}

/* Tries every first byte, with enough bytes after it: each reader takes its own types only. */
static void test_each_first_byte_is_read_by_its_own_reader_only(void **state)
{
	uint8_t data[1 + 512] = {0};

	for (unsigned first = 0; first < 256; first++) {
		struct mp_reader start = mp_reader(data, sizeof(data)), r;
		enum mp_type type;
		const uint8_t *p;
		const char *s;
		actor_ref ref;
		uint64_t u;
		uint32_t n;
		int64_t v;
		int8_t ext;
		size_t len;
		double f;
		bool b;

		data[0] = (uint8_t)first;
		type = mp_peek(&start);
		assert_int_equal(type == MP_BAD, first == 0xc1);
#define READS(call, condition)                                                                               \
	do {                                                                                                 \
		r = start;                                                                                   \
		assert_int_equal((call) == 0, (condition));                                                  \
		assert_true((r.at == start.at) == !(condition));                                             \
	} while (0)
		READS(mp_read_nil(&r), type == MP_NIL);
		READS(mp_read_bool(&r, &b), type == MP_BOOL);
		READS(mp_read_uint(&r, &u), type == MP_UINT);
		READS(mp_read_int(&r, &v), type == MP_UINT || type == MP_INT);
		READS(mp_read_double(&r, &f), type == MP_FLOAT || type == MP_UINT || type == MP_INT);
		READS(mp_read_str(&r, &s, &len), type == MP_STR);
		READS(mp_read_bin(&r, &p, &len), type == MP_BIN);
		READS(mp_read_array(&r, &n), type == MP_ARRAY);
		READS(mp_read_map(&r, &n), type == MP_MAP);
		READS(mp_read_ext(&r, &ext, &p, &len), type == MP_EXT);
		READS(mp_read_ref(&r, &ref), false);
		READS(mp_skip(&r), type != MP_BAD);
#undef READS
	}
}

static void test_lengths_and_counts_beyond_the_end_are_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t size_bytes;
	} bad[] = {{"\xd9\x02x", 3}, {"\xda\xff\xff", 3}, {"\xdb\xff\xff\xff\xffx", 6}, {"\xc4\x01", 2},
		{"\xc5\x00\x01", 3}, {"\xc6\xff\xff\xff\xff", 5}, {"\xdc\x00\x02\x01", 4},
		{"\xdd\xff\xff\xff\xff\x01", 6}, {"\x92\x01", 2}, {"\xde\x00\x01\x01", 4},
		{"\xdf\xff\xff\xff\xff\x01\x02", 7}, {"\xdf\x80\x00\x00\x00\x01\x02", 7}, {"\x81\x01", 2},
		{"\xc7\x05\x01"
		 "abcd",
			7},
		{"\xd8\x01"
		 "abcdefghijklmno",
			17},
		{"\xc9\xff\xff\xff\xff\x01", 6}, {"\xa1", 1}, {"\xc1", 1}, {"", 0}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mp_reader r = mp_reader(bad[i].bytes, bad[i].size_bytes);
		const uint8_t *p = NULL;
		const char *s = NULL;
		uint32_t n = 77;
		int8_t ext = 0;
		size_t len = 77;

		assert_int_equal(mp_skip(&r), -EPROTO);
		assert_int_equal(mp_read_str(&r, &s, &len), -EPROTO);
		assert_int_equal(mp_read_bin(&r, &p, &len), -EPROTO);
		assert_int_equal(mp_read_ext(&r, &ext, &p, &len), -EPROTO);
		assert_int_equal(mp_read_map(&r, &n), -EPROTO);
		assert_int_equal(mp_read_array(&r, &n), -EPROTO);
		assert_ptr_equal(r.at, bad[i].bytes);
		assert_true(n == 77 && len == 77 && !s && !p);
	}
}

static void test_skip_goes_64_deep_and_no_deeper(void **state)
{
	uint8_t deep[2 * MP_DEPTH_MAX + 3];
	struct mp_reader r;

	for (unsigned depth = 1; depth <= MP_DEPTH_MAX + 1; depth++) {
		memset(deep, 0x91, depth);
		deep[depth] = 0x07;
		r = mp_reader(deep, depth + 1);
		assert_int_equal(mp_skip(&r), depth <= MP_DEPTH_MAX ? 0 : -EPROTO);
		deep[depth - 1] = 0x90;
		r = mp_reader(deep, depth);
		assert_int_equal(mp_skip(&r), depth <= MP_DEPTH_MAX ? 0 : -EPROTO);
		r = mp_reader(deep, depth);
		assert_int_equal(mp_skip_depth(&r, 10), depth <= 10 ? 0 : -EPROTO);
		for (unsigned i = 0; i < depth; i++) {
			deep[2 * i] = 0x81;
			deep[2 * i + 1] = 0xc0;
		}
		deep[2 * depth] = 0xc0;
		r = mp_reader(deep, 2 * depth + 1);
		assert_int_equal(mp_skip(&r), depth <= MP_DEPTH_MAX ? 0 : -EPROTO);
	}
	r = mp_reader("\x07", 1);
	assert_int_equal(mp_skip_depth(&r, 0), 0);
	r = mp_reader("\x90", 1);
	assert_int_equal(mp_skip_depth(&r, 0), -EPROTO);
}

static void test_skip_stops_exactly_behind_the_value(void **state)
{
	static const char bytes[] = "\x93\x01\x82\xa1k\x92\xc0\xc3\x05\xc4\x02xx\xd6\x01"
				    "abcd\xff";
	struct mp_reader r = mp_reader(bytes, sizeof(bytes) - 1);
	const uint8_t *raw;
	size_t raw_bytes;

	assert_int_equal(mp_read_raw(&r, &raw, &raw_bytes), 0);
	assert_ptr_equal(raw, bytes);
	assert_int_equal(raw_bytes, sizeof(bytes) - 2);
	assert_int_equal(mp_skip(&r), 0);
	assert_ptr_equal(r.at, r.end);
	assert_int_equal(mp_skip(&r), -EPROTO);
}

static void test_strings_binaries_and_containers_round_trip_at_every_head_size(void **state)
{
	static const size_t sizes[] = {0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536, 70000};
	char *big = calloc(1, 70000);

	assert_non_null(big);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct buf b = BUF_INIT;
		struct mp_reader r;
		const uint8_t *p;
		const char *s;
		size_t len = 1;
		uint32_t n = 1;
		int8_t ext;

		mp_put_str(&b, big, sizes[i]);
		mp_put_bin(&b, big, sizes[i]);
		mp_put_ext(&b, -7, big, sizes[i]);
		mp_put_array(&b, (uint32_t)sizes[i]);
		for (size_t j = 0; j < sizes[i]; j++)
			mp_put_nil(&b);
		mp_put_map(&b, (uint32_t)sizes[i]);
		for (size_t j = 0; j < 2 * sizes[i]; j++)
			mp_put_bool(&b, true);
		r = mp_reader(b.data, b.size_bytes);
		for (int k = 0; k < 5; k++)
			assert_int_equal(mp_skip(&r), 0);
		assert_ptr_equal(r.at, r.end);
		r = mp_reader(b.data, b.size_bytes);
		assert_int_equal(mp_read_str(&r, &s, &len), 0);
		assert_int_equal(len, sizes[i]);
		assert_int_equal(mp_read_bin(&r, &p, &len), 0);
		assert_int_equal(len, sizes[i]);
		assert_int_equal(mp_read_ext(&r, &ext, &p, &len), 0);
		assert_int_equal(len, sizes[i]);
		assert_int_equal(ext, -7);
		assert_int_equal(mp_read_array(&r, &n), 0);
		assert_int_equal(n, sizes[i]);
		while (n--)
			assert_int_equal(mp_read_nil(&r), 0);
		assert_int_equal(mp_read_map(&r, &n), 0);
		assert_int_equal(n, sizes[i]);
		buf_deinit(&b);
	}
	free(big);
}

static void test_refs_and_floats_round_trip(void **state)
{
	static const double floats[] = {0, -0.0, 1.5, DBL_MAX, DBL_MIN, -1e300};
	actor_ref ref = {1, UINT64_MAX, UINT64_C(0x0123456789abcdef)}, back = ACTOR_NOBODY;
	struct buf b = BUF_INIT;
	struct mp_reader r;
	double f;

	mp_put_ref(&b, ref);
	assert_int_equal(b.size_bytes, 27);
	r = mp_reader(b.data, b.size_bytes);
	assert_int_equal(mp_read_ref(&r, &back), 0);
	assert_true(actor_ref_equal(ref, back));
	for (size_t i = 0; i < sizeof(floats) / sizeof(floats[0]); i++) {
		buf_reset(&b, 4096);
		mp_put_double(&b, floats[i]);
		r = mp_reader(b.data, b.size_bytes);
		assert_int_equal(mp_read_double(&r, &f), 0);
		assert_memory_equal(&f, &floats[i], sizeof(f));
	}
	buf_reset(&b, 4096);
	mp_put_float(&b, -0.25f);
	r = mp_reader(b.data, b.size_bytes);
	assert_int_equal(mp_read_double(&r, &f), 0);
	assert_true(f == -0.25 && b.size_bytes == 5);
	buf_deinit(&b);
}

static void test_a_length_msgpack_cannot_say_fails_the_buffer(void **state)
{
	struct buf b = BUF_INIT;

	mp_put_bin(&b, "x", (size_t)UINT32_MAX + 1);
	assert_int_equal(buf_error(&b), -ENOMEM);
	assert_int_equal(b.size_bytes, 0);
	buf_deinit(&b);
}

/* A buffer whose memory has failed. */
static struct buf failed_buf(void)
{
	return (struct buf){.failed = true};
}

static void test_a_value_that_finds_no_memory_writes_nothing(void **state)
{
	struct buf b = failed_buf();

	mp_put_nil(&b);
	mp_put_bool(&b, true);
	mp_put_uint(&b, 1);
	mp_put_int(&b, -1);
	mp_put_float(&b, 1);
	mp_put_double(&b, 1);
	mp_put_cstr(&b, "x");
	mp_put_bin(&b, "x", 1);
	mp_put_ext(&b, 5, "x", 1);
	mp_put_array(&b, 1);
	mp_put_map(&b, 1);
	mp_put_ref(&b, ACTOR_NOBODY);
	mp_put_raw(&b, "x", 1);
	assert_null(b.data);
	assert_int_equal(b.size_bytes, 0);
	assert_int_equal(buf_error(&b), -ENOMEM);
}

static void test_no_reader_reads_at_the_end_or_half_of_a_number(void **state)
{
	static const uint8_t of_float[] = {0xca, 0, 0, 0}, of_double[] = {0xcb, 0, 0, 0, 0, 0, 0, 0};
	const struct mp_reader ends[] = {mp_reader(of_float, 0), mp_reader(of_float, sizeof(of_float)),
		mp_reader(of_double, sizeof(of_double))};
	double f = 42;
	bool v;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct mp_reader r = ends[i];

		assert_int_equal(mp_read_double(&r, &f), -EPROTO);
		assert_int_equal(mp_read_nil(&r), -EPROTO);
		assert_int_equal(mp_read_bool(&r, &v), -EPROTO);
		assert_ptr_equal(r.at, ends[i].at);
	}
	assert_true(f == 42);
}

static void test_utf8_is_what_unicode_says(void **state)
{
	static const char *const good[] = {"", "a", "\xc2\xa0", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
		"\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
		"eight by eight and some ß"};
	static const char *const bad[] = {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x61", "\xe0\x9f\xbf",
		"\xe0\xa0", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80", "\xff", "eight by\xfe", "\xe2\x82\x61\x61", "\xf0\x9f\x92\x61"};
	char text[17];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(utf8_is_valid(good[i], strlen(good[i])));
		assert_true(utf8_is_plain(good[i], strlen(good[i])));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(utf8_is_valid(bad[i], strlen(bad[i])));
		assert_false(utf8_is_plain(bad[i], strlen(bad[i])));
	}
	/* The control characters beyond ASCII: a terminal obeys them. */
	for (unsigned c = 0x80; c < 0xc0; c++) {
		snprintf(text, sizeof(text), "eight by \xc2%c", (int)c);
		assert_true(utf8_is_valid(text, strlen(text)));
		assert_int_equal(utf8_is_plain(text, strlen(text)), c >= 0xa0);
	}
	/* Every byte at every place of a text longer than a word. */
	for (unsigned place = 0; place < 16; place++) {
		for (unsigned c = 0; c < 256; c++) {
			memset(text, '~', 16);
			text[place] = (char)c;
			assert_int_equal(utf8_is_plain(text, 16), c >= 0x20 && c < 0x7f);
			assert_int_equal(utf8_is_valid(text, 16), c < 0x80);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers_are_written_shortest_and_read_back),
		cmocka_unit_test(test_unsigned_beyond_int64_is_no_int),
		cmocka_unit_test(test_each_first_byte_is_read_by_its_own_reader_only),
		cmocka_unit_test(test_lengths_and_counts_beyond_the_end_are_refused),
		cmocka_unit_test(test_skip_goes_64_deep_and_no_deeper),
		cmocka_unit_test(test_skip_stops_exactly_behind_the_value),
		cmocka_unit_test(test_strings_binaries_and_containers_round_trip_at_every_head_size),
		cmocka_unit_test(test_refs_and_floats_round_trip),
		cmocka_unit_test(test_a_length_msgpack_cannot_say_fails_the_buffer),
		cmocka_unit_test(test_a_value_that_finds_no_memory_writes_nothing),
		cmocka_unit_test(test_no_reader_reads_at_the_end_or_half_of_a_number),
		cmocka_unit_test(test_utf8_is_what_unicode_says),
	};

	return run_facts(tests);
}

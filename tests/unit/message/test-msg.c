/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <msgpack.h>
#include <string.h>

#include "libactor/message/msg.h"
#include "libactor/protocol/mp.h"
#include "libactor/util/arena.h"
#include "tests/fact.h"

static const actor_ref ref_a = {0x0123456789abcdef, 2, 3};

/* Makes a received message whose arguments are packed by a format. */
static actor_msg *message(const char *format, ...)
{
	struct buf b = BUF_INIT;
	actor_msg *msg;
	va_list args;

	va_start(args, format);
	assert_int_equal(body_vpack(&b, BODY_ARGS, format, args), 0);
	va_end(args);
	assert_int_equal(msg_new_received(&msg, ref_a, wire_cstr("test"), b.data, b.size_bytes), 0);
	buf_deinit(&b);
	return msg;
}

static actor_msg *message_of_bytes(const char *bytes, size_t size_bytes)
{
	actor_msg *msg;

	assert_int_equal(msg_new_received(&msg, ref_a, wire_cstr("test"), bytes, size_bytes), 0);
	return msg;
}

#define BYTES(literal) message_of_bytes(literal, sizeof(literal) - 1)

static void assert_packs(enum body_kind kind, const char *want, size_t want_bytes, const char *format, ...)
{
	struct buf b = BUF_INIT;
	va_list args;

	va_start(args, format);
	assert_int_equal(body_vpack(&b, kind, format, args), 0);
	va_end(args);
	assert_int_equal(b.size_bytes, want_bytes);
	assert_memory_equal(b.data, want, want_bytes);
	buf_deinit(&b);
}

#define PACKS_ARGS(want, ...)   assert_packs(BODY_ARGS, want, sizeof(want) - 1, __VA_ARGS__)
#define PACKS_RESULT(want, ...) assert_packs(BODY_RESULT, want, sizeof(want) - 1, __VA_ARGS__)

static void test_arguments_are_an_array_and_a_result_is_one_value(void **state)
{
	PACKS_ARGS("\x90", "");
	PACKS_ARGS("\x90", NULL);
	PACKS_ARGS("\x92\x01\xa1x", "Is", INT64_C(1), "x");
	PACKS_RESULT("\xc0", "");
	PACKS_RESULT("\x01", "i", 1);
	PACKS_RESULT("\x92\x01\x02", "[ii]", 1, 2);
}

static void test_every_letter_packs(void **state)
{
	PACKS_ARGS("\x94\xff\xd0\xdf\x05\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "iIuU", -1, INT64_C(-33), 5u,
		UINT64_MAX);
	PACKS_ARGS("\x93\xc3\xc2\xc0", "bbn", 7, 0);
	PACKS_ARGS("\x91\xcb\x3f\xf0\0\0\0\0\0\0", "f", 1.0);
	PACKS_ARGS("\x93\xa2hi\xc0\xa0", "sss", "hi", (const char *)NULL, "");
	PACKS_ARGS("\x92\xa2\0x\xc4\x02yz", "s#y#", "\0x", (size_t)2, "yz", (size_t)2);
	PACKS_ARGS("\x92\xa0\xc4\0", "s#y#", NULL, (size_t)0, NULL, (size_t)0);
	PACKS_ARGS("\x91\xc7\x18\x01\x01\x23\x45\x67\x89\xab\xcd\xef\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x03",
		"r", ref_a);
	PACKS_ARGS("\x92\x92\x01\x02\x07", "mi", "\x92\x01\x02", (size_t)3, 7);
	PACKS_ARGS("\x92\x82\xa1k\x01\xa1l\x91\xc2\x90", "{s:i, s:[b]} []", "k", 1, "l", 0);
}

static void test_bad_formats_are_einval_and_write_nothing(void **state)
{
	static const char *const bad[] = {"x", "y", "[", "]", "{", "}", "[}", "{]", "{s}", "{ii}", "s?", "*",
		"[i", "i]", "#", "{s#i", "%d", "{sis}", "y##", "i#"};
	struct buf b = BUF_INIT;
	void *arena = NULL;

	mp_put_uint(&b, 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (body_pack(&b, BODY_ARGS, bad[i], "k", "v", "w", "x") != -EINVAL)
			fail_msg("format %s", bad[i]);
		assert_int_equal(b.size_bytes, 1);
	}
	assert_int_equal(body_pack(&b, BODY_RESULT, "ii", 1, 2), -EINVAL);
	assert_int_equal(body_pack(&b, BODY_ARGS, "s#", NULL, (size_t)1), -EINVAL);
	assert_int_equal(body_pack(&b, BODY_ARGS, "{s:i}", NULL, 1), -EINVAL);
	assert_int_equal(body_pack(&b, BODY_ARGS, "o", NULL), -EINVAL);
	assert_int_equal(body_unpack("\x90", 1, BODY_ARGS, &arena, "x"), -EINVAL);
	assert_int_equal(body_unpack("\x90", 1, BODY_ARGS, &arena, "*i"), -EINVAL);
	assert_int_equal(body_unpack("\x90", 1, BODY_ARGS, &arena, "{s#:i}"), -EINVAL);
	assert_int_equal(body_unpack("\x90", 1, BODY_ARGS, &arena, "{s?:i}"), -EINVAL);
	assert_int_equal(body_unpack("\x90", 1, BODY_RESULT, &arena, "ii"), -EINVAL);
	assert_int_equal(b.size_bytes, 1);
	buf_deinit(&b);
}

static void test_ready_made_value_must_be_one_whole_value(void **state)
{
	struct buf b = BUF_INIT;
	char deep[MP_DEPTH_MAX];

	assert_int_equal(body_pack(&b, BODY_ARGS, "m", "\x92\x01", (size_t)2), -EPROTO);
	assert_int_equal(body_pack(&b, BODY_ARGS, "m", "\x01\x02", (size_t)2), -EPROTO);
	assert_int_equal(body_pack(&b, BODY_ARGS, "m", NULL, (size_t)0), -EPROTO);
	assert_int_equal(body_pack(&b, BODY_ARGS, "im", 1, "\xc1", (size_t)1), -EPROTO);
	assert_int_equal(b.size_bytes, 0);
	/* 64 levels are allowed. The array of arguments is one, so an argument may have 63. */
	memset(deep, 0x91, sizeof(deep));
	deep[MP_DEPTH_MAX - 1] = (char)0x90;
	assert_int_equal(body_pack(&b, BODY_ARGS, "m", deep, sizeof(deep)), -EPROTO);
	assert_int_equal(body_pack(&b, BODY_ARGS, "m", deep + 1, sizeof(deep) - 1), 0);
	assert_int_equal(body_pack(&b, BODY_RESULT, "m", deep, sizeof(deep)), 0);
	assert_int_equal(body_pack(&b, BODY_RESULT, "[m]", deep, sizeof(deep)), -EPROTO);
	buf_deinit(&b);
}

static void test_every_letter_unpacks(void **state)
{
	actor_msg *msg = message("iIuUbfnss#y#rm", -5, INT64_MIN, 5u, UINT64_MAX, 1, 1.5, "text", "a\0b",
		(size_t)3, "bin", (size_t)3, ref_a, "\x91\x07", (size_t)2);
	const char *s = NULL, *sn = NULL;
	const void *bin = NULL, *raw = NULL;
	size_t sn_len = 0, bin_len = 0, raw_len = 0;
	int64_t i64 = 0;
	uint64_t u64 = 0;
	unsigned u = 0;
	double f = 0;
	bool b = false;
	actor_ref ref = ACTOR_NOBODY;
	int i = 0;

	assert_int_equal(actor_msg_unpack(msg, "iIuUbfnss#y#rm", &i, &i64, &u, &u64, &b, &f, &s, &sn, &sn_len,
				 &bin, &bin_len, &ref, &raw, &raw_len),
		0);
	assert_int_equal(i, -5);
	assert_true(i64 == INT64_MIN && u == 5 && u64 == UINT64_MAX && b && f == 1.5);
	assert_string_equal(s, "text");
	assert_int_equal(sn_len, 3);
	assert_memory_equal(sn, "a\0b", 3);
	assert_int_equal(bin_len, 3);
	assert_memory_equal(bin, "bin", 3);
	assert_true(actor_ref_equal(ref, ref_a));
	assert_int_equal(raw_len, 2);
	assert_memory_equal(raw, "\x91\x07", 2);
	assert_string_equal(actor_msg_method(msg), "test");
	assert_true(actor_ref_equal(actor_msg_sender(msg), ref_a));
	assert_null(actor_msg_error(msg));
	actor_msg_free(msg);
}

static void test_mismatch_is_eproto_and_writes_nothing(void **state)
{
	static const struct {
		const char *name, *format;
	} readers[] = {{"int", "i"}, {"bool", "b"}, {"double", "f"}, {"str", "s#"}, {"cstr", "s"},
		{"bin", "y#"}, {"ref", "r"}, {"array", "[i]"}, {"map", "{s:i}"}, {"nil", "n"}, {"U", "U"},
		{"u", "u"}, {"I", "I"}};
	static const char *const values[] = {"\x91\x07", "\x91\xc3", "\x91\xcb\x3f\xf8\0\0\0\0\0\0",
		"\x91\xa1z", "\x91\xc4\x01z", "\x91\x91\xa1q", "\x91\x81\xa1q\xa1z", "\x91\xc0",
		"\x91\xd4\x01z", "\x91\xff"};
	static const size_t sizes[] = {2, 2, 10, 3, 4, 4, 6, 2, 4, 2};

	for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
		actor_msg *msg = message_of_bytes(values[v], sizes[v]);

		for (size_t f = 0; f < sizeof(readers) / sizeof(readers[0]); f++) {
			uint64_t first[4], second[4], first_before[4], second_before[4];
			bool is_map = *readers[f].format == '{';
			int e;

			memset(first, 0x5a, sizeof(first));
			memset(second, 0xa5, sizeof(second));
			memcpy(first_before, first, sizeof(first));
			memcpy(second_before, second, sizeof(second));
			if (is_map)
				e = actor_msg_unpack(msg, readers[f].format, "q", first, second);
			else
				e = actor_msg_unpack(msg, readers[f].format, first, second);
			assert_true(e <= 0);
			if (e) {
				assert_memory_equal(first, first_before, sizeof(first));
				assert_memory_equal(second, second_before, sizeof(second));
			}
			/*
			 * A bool is read as bool only, nil as nil only, bin as bin only; a foreign ext by no
			 * format.
			 */
			if ((v == 1) != (f == 1) && (v == 1 || f == 1))
				assert_int_equal(e, -EPROTO);
			if (v == 8 || (v == 7) != (f == 9))
				if (v == 8 || v == 7 || f == 9)
					assert_int_equal(e, -EPROTO);
		}
		actor_msg_free(msg);
	}
}

static void test_numbers_that_do_not_fit_are_erange(void **state)
{
	actor_msg *msg = message("UI", UINT64_MAX, INT64_C(-1));
	int64_t i64 = 42;
	uint64_t u64 = 42;
	unsigned u = 42;
	int i = 42;

	assert_int_equal(actor_msg_unpack(msg, "I*", &i64), -ERANGE);
	assert_int_equal(actor_msg_unpack(msg, "i*", &i), -ERANGE);
	assert_int_equal(actor_msg_unpack(msg, "u*", &u), -ERANGE);
	assert_int_equal(actor_msg_unpack(msg, "nU", &u64), -EPROTO);
	actor_msg_free(msg);
	msg = message("I", INT64_C(-1));
	assert_int_equal(actor_msg_unpack(msg, "U", &u64), -ERANGE);
	assert_int_equal(actor_msg_unpack(msg, "u", &u), -ERANGE);
	actor_msg_free(msg);
	msg = message("I", (int64_t)INT_MAX + 1);
	assert_int_equal(actor_msg_unpack(msg, "i", &i), -ERANGE);
	assert_true(i == 42 && u == 42 && i64 == 42 && u64 == 42);
	assert_int_equal(actor_msg_unpack(msg, "u", &u), 0);
	actor_msg_free(msg);
	msg = message("I", (int64_t)INT_MIN - 1);
	assert_int_equal(actor_msg_unpack(msg, "i", &i), -ERANGE);
	actor_msg_free(msg);
	/* A number that is not negative may come in a signed encoding. */
	msg = BYTES("\x91\xd3\0\0\0\0\0\0\0\x07");
	assert_int_equal(actor_msg_unpack(msg, "u", &u), 0);
	assert_int_equal(u, 7);
	actor_msg_free(msg);
}

static void test_count_must_match_unless_a_star_says_otherwise(void **state)
{
	actor_msg *msg = message("iii", 1, 2, 3);
	int a = 0, b = 0, c = 0, d = 9;

	assert_int_equal(actor_msg_unpack(msg, "ii", &a, &b), -EPROTO);
	assert_int_equal(actor_msg_unpack(msg, "iiii", &a, &b, &c, &d), -EPROTO);
	assert_int_equal(actor_msg_unpack(msg, ""), -EPROTO);
	assert_int_equal(actor_msg_unpack(msg, "*"), 0);
	assert_int_equal(actor_msg_unpack(msg, "i*", &a), 0);
	assert_int_equal(actor_msg_unpack(msg, "iii", &a, &b, &c), 0);
	assert_int_equal(a + b + c, 6);
	assert_int_equal(actor_msg_unpack(msg, "iiii?", &a, &b, &c, &d), 0);
	assert_int_equal(d, 9);
	assert_int_equal(actor_msg_unpack(msg, "iii*", &a, &b, &c), 0);
	actor_msg_free(msg);
	msg = message("[ii]i", 1, 2, 3);
	assert_int_equal(actor_msg_unpack(msg, "[i]i", &a, &c), -EPROTO);
	assert_int_equal(actor_msg_unpack(msg, "[i*]i", &a, &c), 0);
	assert_int_equal(c, 3);
	assert_int_equal(actor_msg_unpack(msg, "[i * ], i ", &a, &c), 0);
	actor_msg_free(msg);
}

static void test_map_keys_come_in_any_order_and_unknown_ones_are_skipped(void **state)
{
	actor_msg *msg = message("{s:i,s:[ii],s:s}", "one", 1, "list", 2, 3, "name", "x");
	const char *s = NULL;
	int one = 0, two = 0, three = 0, none = 77;

	assert_int_equal(
		actor_msg_unpack(msg, "{s:s,s:i,s:[ii]}", "name", &s, "one", &one, "list", &two, &three), 0);
	assert_string_equal(s, "x");
	assert_true(one == 1 && two == 2 && three == 3);
	assert_int_equal(actor_msg_unpack(msg, "{s:i}", "one", &one), 0);
	assert_int_equal(actor_msg_unpack(msg, "{}"), 0);
	assert_int_equal(actor_msg_unpack(msg, "{s:i}", "absent", &none), -ENOENT);
	assert_int_equal(actor_msg_unpack(msg, "{s:i?}", "absent", &none), 0);
	assert_int_equal(none, 77);
	/* A format may name the same key twice. */
	assert_int_equal(actor_msg_unpack(msg, "{s:i,s:i}", "one", &one, "one", &two), 0);
	assert_int_equal(two, 1);
	actor_msg_free(msg);
	/* keys that are no strings are skipped */
	msg = BYTES("\x92\x83\x01\x02\x91\x05\xa1k\xa1k\x03\x09");
	assert_int_equal(actor_msg_unpack(msg, "{s:i}i", "k", &one, &two), 0);
	assert_true(one == 3 && two == 9);
	actor_msg_free(msg);
}

static void test_optional_values_pass_over_all_their_pointers(void **state)
{
	actor_msg *msg = message("{s:i,s:n}i", "last", 5, "nothing", 6);
	int last = 0, after = 0, untouched = 1;
	const char *s = "old";
	const void *raw = NULL;
	size_t len = 99;
	actor_ref ref = ref_a;

	assert_int_equal(actor_msg_unpack(msg, "{s:[is{s:s#,s:m}]?, s:y#?, s:s?, s:r?, s:i}i", "absent",
				 &untouched, &s, "k", &s, &len, "l", &raw, &len, "gone", &raw, &len,
				 "nothing", &s, "lost", &ref, "last", &last, &after),
		0);
	assert_true(last == 5 && after == 6 && untouched == 1 && len == 99);
	assert_string_equal(s, "old");
	/* A format that can hold a nil gets the nil, although the value is optional. */
	assert_int_equal(actor_msg_unpack(msg, "{s:m?}*", "nothing", &raw, &len), 0);
	assert_int_equal(len, 1);
	actor_msg_free(msg);
	msg = message("ni", 3);
	assert_int_equal(actor_msg_unpack(msg, "s?i", &s, &after), 0);
	assert_string_equal(s, "old");
	assert_int_equal(after, 3);
	assert_int_equal(actor_msg_unpack(msg, "si", &s, &after), -EPROTO);
	assert_int_equal(actor_msg_unpack(msg, "nin?[ii]?s#?", &after, &untouched, &untouched, &s, &len), 0);
	actor_msg_free(msg);
}

static void test_string_with_a_nul_byte_is_no_c_string(void **state)
{
	actor_msg *msg = BYTES("\x91\xa3"
			       "a\0b");
	const char *s = "old";
	size_t len;

	assert_int_equal(actor_msg_unpack(msg, "s", &s), -EPROTO);
	assert_string_equal(s, "old");
	assert_int_equal(actor_msg_unpack(msg, "s#", &s, &len), 0);
	actor_msg_free(msg);
}

static void test_object_reads_and_packs_the_same_bytes(void **state)
{
	static const char bytes[] =
		"\x9d\x00\xff\xc0\xc3\xca\x3f\x80\0\0\xcb\x3f\xf8\0\0\0\0\0\0\xa1s\xc4\x01"
		"b\xd4\x05x\xc7\x03\x06xyz"
		"\x81\xa1k\x92\x01\x02\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x80";
	actor_msg *msg = BYTES(bytes);
	const struct msgpack_object *object = actor_msg_object(msg);
	struct buf b = BUF_INIT;
	const struct msgpack_object *element = NULL;

	assert_non_null(object);
	assert_ptr_equal(actor_msg_object(msg), object);
	assert_int_equal(object->type, MSGPACK_OBJECT_ARRAY);
	assert_int_equal(object->via.array.size, 13);
	assert_int_equal(object->via.array.ptr[1].via.i64, -1);
	assert_int_equal(body_pack(&b, BODY_RESULT, "o", object), 0);
	assert_int_equal(b.size_bytes, sizeof(bytes) - 1);
	assert_memory_equal(b.data, bytes, sizeof(bytes) - 1);
	assert_int_equal(actor_msg_unpack(msg, "Uo*", &(uint64_t){0}, &element), 0);
	assert_int_equal(element->type, MSGPACK_OBJECT_NEGATIVE_INTEGER);
	buf_deinit(&b);
	actor_msg_free(msg);
}

static void test_object_reads_64_levels_and_not_65(void **state)
{
	char deep[MP_DEPTH_MAX + 1];
	actor_msg *msg;

	memset(deep, 0x91, sizeof(deep));
	deep[MP_DEPTH_MAX - 1] = (char)0x90;
	msg = message_of_bytes(deep, MP_DEPTH_MAX);
	assert_non_null(actor_msg_object(msg));
	actor_msg_free(msg);
	deep[MP_DEPTH_MAX - 1] = (char)0x91;
	deep[MP_DEPTH_MAX] = (char)0x90;
	msg = message_of_bytes(deep, MP_DEPTH_MAX + 1);
	assert_null(actor_msg_object(msg));
	actor_msg_free(msg);
}

static void test_malformed_body_is_refused_by_every_reader(void **state)
{
	static const char *const formats[] = {"*", "o", "m", "[*]", "s", "i", "{s:i?}"};
	const char *s;
	size_t len;
	actor_msg *msg = BYTES("\x93\x01\x92");

	assert_null(actor_msg_object(msg));
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		assert_int_equal(actor_msg_unpack(msg, formats[i], &s, &len), -EPROTO);
	actor_msg_free(msg);
	msg = BYTES("\x93\xcd\x01\x02"); /* three values in the bytes of one */
	assert_int_equal(actor_msg_unpack(msg, "i", &len), -EPROTO);
	assert_int_equal(actor_msg_unpack(msg, "[i]", &len), -EPROTO);
	actor_msg_free(msg);
	msg = BYTES("\x91\x01\x02"); /* one byte too many */
	assert_int_equal(actor_msg_unpack(msg, "*"), -EPROTO);
	actor_msg_free(msg);
}

static void test_result_is_one_value_and_nil_when_nothing_is_said(void **state)
{
	actor_msg *msg;
	int i = 0;

	assert_int_equal(msg_new_received(&msg, ref_a, wire_cstr(""), NULL, 0), 0);
	assert_string_equal(actor_msg_method(msg), "");
	assert_int_equal(actor_msg_unpack(msg, ""), 0);
	assert_int_equal(actor_msg_unpack(msg, "i", &i), -EPROTO);
	assert_int_equal(actor_msg_unpack(msg, "i?", &i), 0);
	actor_msg_free(msg);
	assert_int_equal(msg_new_received(&msg, ref_a, wire_cstr(""), "\x07", 1), 0);
	assert_int_equal(actor_msg_unpack(msg, "i", &i), 0);
	assert_int_equal(i, 7);
	assert_int_equal(actor_msg_unpack(msg, ""), -EPROTO);
	assert_int_equal(actor_msg_unpack(msg, "*"), 0);
	actor_msg_free(msg);
}

static void test_error_reply_has_name_and_plain_text(void **state)
{
	actor_msg *msg;

	assert_int_equal(
		msg_new_error(&msg, ref_a, wire_cstr("noproc"), wire_cstr("two\nlines \x1b[31m \xff")), 0);
	assert_string_equal(actor_msg_error(msg), "noproc");
	assert_string_equal(actor_msg_error_text(msg), "two lines ?[31m ?");
	assert_string_equal(actor_msg_method(msg), "");
	assert_int_equal(actor_msg_unpack(msg, "*"), -EREMOTEIO);
	assert_null(actor_msg_object(msg));
	actor_msg_free(msg);
	assert_null(actor_msg_free(NULL));
}

static void test_body_by_hand_is_taken_when_it_is_one_value(void **state)
{
	const uint8_t *body;
	size_t size_bytes;
	msgpack_packer pk;
	actor_msg *msg;

	assert_int_equal(actor_msg_new(&msg), 0);
	assert_int_equal(msg_take_body(msg, BODY_ARGS, &body, &size_bytes), 0);
	assert_memory_equal(body, "\x90", 1);
	assert_int_equal(msg_take_body(msg, BODY_RESULT, &body, &size_bytes), 0);
	assert_memory_equal(body, "\xc0", 1);
	msgpack_packer_init(&pk, msg, actor_msg_write);
	msgpack_pack_array(&pk, 2);
	msgpack_pack_int(&pk, 5);
	assert_int_equal(msg_take_body(msg, BODY_ARGS, &body, &size_bytes), -EINVAL);
	assert_int_equal(actor_msg_pack(msg, "s", "x"), 0);
	assert_int_equal(msg_take_body(msg, BODY_ARGS, &body, &size_bytes), 0);
	assert_int_equal(size_bytes, 4);
	assert_memory_equal(body, "\x92\x05\xa1x", 4);
	assert_int_equal(actor_msg_object(msg)->via.array.size, 2);
	assert_int_equal(actor_msg_pack(msg, "i", 1), 0);
	assert_int_equal(msg_take_body(msg, BODY_ARGS, &body, &size_bytes), -EINVAL);
	actor_msg_free(msg);
	assert_int_equal(actor_msg_new(&msg), 0);
	assert_int_equal(actor_msg_pack(msg, "i", 1), 0);
	assert_int_equal(msg_take_body(msg, BODY_ARGS, &body, &size_bytes), -EINVAL);
	assert_int_equal(msg_take_body(msg, BODY_RESULT, &body, &size_bytes), 0);
	actor_msg_free(msg);
}

static void test_bodies_beyond_the_limit_are_emsgsize(void **state)
{
	struct buf b = BUF_INIT;
	char *big = calloc(1, ACTOR_BODY_MAX_BYTES + 1);

	assert_non_null(big);
	assert_int_equal(body_pack(&b, BODY_ARGS, "y#", big, (size_t)ACTOR_BODY_MAX_BYTES + 1), -EMSGSIZE);
	assert_int_equal(body_pack(&b, BODY_ARGS, "y#", big, (size_t)ACTOR_BODY_MAX_BYTES), -EMSGSIZE);
	assert_int_equal(b.size_bytes, 0);
	assert_int_equal(body_pack(&b, BODY_ARGS, "y#", big, (size_t)ACTOR_BODY_MAX_BYTES - 64), 0);
	free(big);
	buf_deinit(&b);
}

static void test_more_than_fifteen_values_get_a_longer_head(void **state)
{
	PACKS_ARGS("\xdc\0\x10\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1", "iiii iiii iiii iiii", 1, 1, 1, 1, 1, 1, 1,
		1, 1, 1, 1, 1, 1, 1, 1, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arguments_are_an_array_and_a_result_is_one_value),
		cmocka_unit_test(test_every_letter_packs),
		cmocka_unit_test(test_bad_formats_are_einval_and_write_nothing),
		cmocka_unit_test(test_ready_made_value_must_be_one_whole_value),
		cmocka_unit_test(test_every_letter_unpacks),
		cmocka_unit_test(test_mismatch_is_eproto_and_writes_nothing),
		cmocka_unit_test(test_numbers_that_do_not_fit_are_erange),
		cmocka_unit_test(test_count_must_match_unless_a_star_says_otherwise),
		cmocka_unit_test(test_map_keys_come_in_any_order_and_unknown_ones_are_skipped),
		cmocka_unit_test(test_optional_values_pass_over_all_their_pointers),
		cmocka_unit_test(test_string_with_a_nul_byte_is_no_c_string),
		cmocka_unit_test(test_object_reads_and_packs_the_same_bytes),
		cmocka_unit_test(test_object_reads_64_levels_and_not_65),
		cmocka_unit_test(test_malformed_body_is_refused_by_every_reader),
		cmocka_unit_test(test_result_is_one_value_and_nil_when_nothing_is_said),
		cmocka_unit_test(test_error_reply_has_name_and_plain_text),
		cmocka_unit_test(test_body_by_hand_is_taken_when_it_is_one_value),
		cmocka_unit_test(test_bodies_beyond_the_limit_are_emsgsize),
		cmocka_unit_test(test_more_than_fifteen_values_get_a_longer_head),
	};

	return run_facts(tests);
}

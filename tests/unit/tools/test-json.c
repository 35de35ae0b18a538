/* SPDX-License-Identifier: Apache-2.0 */
/* JSON ⇄ msgpack: every value goes both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/mp.h"
#include "tests/fact.h"
#include "tools/lib/base64.h"
#include "tools/lib/json.h"

static char error[JSON_ERROR_MAX];

/*
 * Reads @data as JSON, which must be the text @expected. The value is written as msgpack and read again, and
 * must be the same text.
 */
static void assert_body(const void *data, size_t size_bytes, const char *expected)
{
	json_t *value = json_body_read(data, size_bytes), *again;
	struct buf b = BUF_INIT;
	char *text;

	assert_non_null(value);
	text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);

	assert_int_equal(json_body_write(value, &b, error), 0);
	again = json_body_read(b.data, b.size_bytes);
	assert_non_null(again);
	if (!strstr(expected, "nan"))
		assert_true(json_equal(value, again));
	json_decref(again);
	json_decref(value);
	buf_deinit(&b);
}

#define ASSERT_BODY(bytes, expected) assert_body(bytes, sizeof(bytes) - 1, expected)

static void assert_packs(const char *text, const char *bytes, size_t size_bytes)
{
	struct buf b = BUF_INIT;
	json_t *value = NULL;

	assert_int_equal(json_text_read(text, strlen(text), &value, error), 0);
	assert_int_equal(json_body_write(value, &b, error), 0);
	assert_int_equal(b.size_bytes, size_bytes);
	assert_memory_equal(b.data, bytes, size_bytes);
	json_decref(value);
	buf_deinit(&b);
}

#define ASSERT_PACKS(text, bytes) assert_packs(text, bytes, sizeof(bytes) - 1)

static void test_common_values_are_written_as_themselves(void **state)
{
	ASSERT_BODY("\xc0", "null");
	ASSERT_BODY("\xc2", "false");
	ASSERT_BODY("\xc3", "true");
	ASSERT_BODY("\x05", "5");
	ASSERT_BODY("\xff", "-1");
	ASSERT_BODY("\xd3\x80\0\0\0\0\0\0\0", "-9223372036854775808");
	ASSERT_BODY("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", "9223372036854775807");
	ASSERT_BODY("\xa5hello", "\"hello\"");
	ASSERT_BODY("\xa0", "\"\"");
	ASSERT_BODY("\x93\x01\x02\x90", "[1,2,[]]");
	ASSERT_BODY("\x82\xa1"
		    "b\x01\xa1"
		    "a\xc0",
		"{\"b\":1,\"a\":null}");
	ASSERT_BODY("\x80", "{}");
	ASSERT_BODY("\xa3"
		    "a\0b",
		"\"a\\u0000b\"");
}

static void test_integers_stay_integers_and_floats_floats(void **state)
{
	ASSERT_BODY("\xcb\x40\x14\0\0\0\0\0\0", "5.0");
	ASSERT_BODY("\xca\x40\xa0\0\0", "5.0");
	ASSERT_PACKS("5", "\x05");
	ASSERT_PACKS("-5", "\xfb");
	ASSERT_PACKS("5.0", "\xcb\x40\x14\0\0\0\0\0\0");
	ASSERT_PACKS("[300, true, null]", "\x93\xcd\x01\x2c\xc3\xc0");
	ASSERT_PACKS("{\"a\": \"b\"}", "\x81\xa1"
				       "a\xa1"
				       "b");
}

static void test_refs_travel_both_ways(void **state)
{
	ASSERT_BODY("\xc7\x18\x01\0\0\0\0\0\0\x01\x2f\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01",
		"{\"$ref\":\"<12f.2.1>\"}");
	ASSERT_PACKS("{\"$ref\": \"<12f.2.1>\"}",
		"\xc7\x18\x01\0\0\0\0\0\0\x01\x2f\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01");
}

static void test_what_json_has_not_gets_a_form(void **state)
{
	ASSERT_BODY("\xc4\x03\0\xff\x10", "{\"$bin\":\"AP8Q\"}");
	ASSERT_BODY("\xc4\0", "{\"$bin\":\"\"}");
	ASSERT_BODY("\xa2\xff\xfe", "{\"$str\":\"//4=\"}");
	ASSERT_BODY("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "{\"$uint\":\"18446744073709551615\"}");
	ASSERT_BODY("\xcb\x7f\xf0\0\0\0\0\0\0", "{\"$float\":\"inf\"}");
	ASSERT_BODY("\xcb\xff\xf0\0\0\0\0\0\0", "{\"$float\":\"-inf\"}");
	ASSERT_BODY("\xcb\x7f\xf8\0\0\0\0\0\0", "{\"$float\":\"nan\"}");
	ASSERT_BODY("\xd4\x07\xaa", "{\"$ext\":[7,\"qg==\"]}");
	ASSERT_BODY("\xd7\xff\x01\x02\x03\x04\x05\x06\x07\x08", "{\"$ext\":[-1,\"AQIDBAUGBwg=\"]}");
	ASSERT_BODY("\xc7\0\x05", "{\"$ext\":[5,\"\"]}");
	ASSERT_BODY("\xc8\0\x01\x05\xaa", "{\"$ext\":[5,\"qg==\"]}");
	ASSERT_BODY("\xc9\0\0\0\x01\x05\xaa", "{\"$ext\":[5,\"qg==\"]}");
	ASSERT_BODY("\xd4\x01\xaa", "{\"$ext\":[1,\"qg==\"]}"); /* no ref: a ref has 24 bytes */
}

static void test_maps_that_are_no_json_objects_get_a_form(void **state)
{
	ASSERT_BODY("\x81\x01\x02", "{\"$map\":[[1,2]]}");
	ASSERT_BODY("\x82\xa1"
		    "a\x01\xa1"
		    "a\x02",
		"{\"$map\":[[\"a\",1],[\"a\",2]]}");
	ASSERT_BODY("\x81\xa4$ref\x01", "{\"$map\":[[\"$ref\",1]]}");
	ASSERT_BODY("\x81\xa3"
		    "a\0b\x01",
		"{\"$map\":[[\"a\\u0000b\",1]]}");
	ASSERT_BODY("\x81\xa1\xff\x01", "{\"$map\":[[{\"$str\":\"/w==\"},1]]}");
	ASSERT_BODY("\x82\xa4$ref\x01\xa1"
		    "a\x02",
		"{\"$ref\":1,\"a\":2}");
}

/*
 * Maps that do not fit JSON are nested as deep as is allowed. Each level must be read a fixed number of
 * times; if each were read twice as often as the one above it, this test would not end.
 */
static void test_deep_unfit_maps_take_no_time(void **state)
{
	struct buf b = BUF_INIT;
	json_t *value;

	for (int i = 0; i < MP_DEPTH_MAX - 1; i++) {
		mp_put_map(&b, 2);
		mp_put_cstr(&b, "a");
	}
	mp_put_nil(&b);
	for (int i = 0; i < MP_DEPTH_MAX - 1; i++) {
		mp_put_uint(&b, 1);
		mp_put_nil(&b);
	}
	value = json_body_read(b.data, b.size_bytes);
	assert_non_null(value);
	json_decref(value);
	buf_deinit(&b);
}

static void test_malformed_bodies_are_refused(void **state)
{
	assert_null(json_body_read("", 0));
	assert_null(json_body_read("\x92\x01", 2));
	assert_null(json_body_read("\x01\x01", 2));
	assert_null(json_body_read("\xc1", 1));
	assert_null(json_body_read("\xdf\xff\xff\xff\xff", 5));
}

static void test_nesting_beyond_the_limit_is_refused(void **state)
{
	char text[2 * (MP_DEPTH_MAX + 1) + 1] = "";
	struct buf b = BUF_INIT;
	json_t *value = NULL;

	memset(text, '[', MP_DEPTH_MAX);
	memset(text + MP_DEPTH_MAX, ']', MP_DEPTH_MAX);
	assert_int_equal(json_text_read(text, strlen(text), &value, error), 0);
	assert_int_equal(json_body_write(value, &b, error), 0);
	assert_int_equal(json_element_write(value, &b, error), -E2BIG);
	assert_int_equal(json_element_write(json_array_get(value, 0), &b, error), 0);
	json_decref(value);
	buf_reset(&b, 0);

	assert_int_equal(json_text_read(text, strlen(text), &value, error), 0);
	assert_int_equal(json_body_write(value, &b, error), 0);
	json_decref(value);
	value = json_body_read(b.data, b.size_bytes);
	assert_non_null(value);
	json_decref(value);
	buf_reset(&b, 0);

	memset(text, '[', MP_DEPTH_MAX + 1);
	memset(text + MP_DEPTH_MAX + 1, ']', MP_DEPTH_MAX + 1);
	assert_int_equal(json_text_read(text, strlen(text), &value, error), 0);
	assert_int_equal(json_body_write(value, &b, error), -E2BIG);
	assert_string_equal(error, "nested deeper than 64");
	json_decref(value);
	buf_deinit(&b);

	char deep[MP_DEPTH_MAX + 1];
	memset(deep, '\x91', sizeof(deep));
	deep[sizeof(deep) - 1] = '\xc0';
	assert_non_null(value = json_body_read(deep, sizeof(deep)));
	json_decref(value);
}

static void test_broken_forms_are_refused_with_their_shape(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{"{\"$ref\": \"12\"}", "\"$ref\" must look like {\"$ref\": \"<node.group.serial>\"}"},
		{"{\"$ref\": 5}", "\"$ref\" must look like {\"$ref\": \"<node.group.serial>\"}"},
		{"{\"$bin\": \"a\"}", "\"$bin\" must look like {\"$bin\": \"base64\"}"},
		{"{\"$ext\": [300, \"\"]}",
			"\"$ext\" must look like {\"$ext\": [type, \"base64\"]} with a type from -128 to 127"},
		{"{\"$ext\": 1}",
			"\"$ext\" must look like {\"$ext\": [type, \"base64\"]} with a type from -128 to 127"},
		{"{\"$uint\": \"18446744073709551616\"}", "\"$uint\" must look like {\"$uint\": \"digits\"}"},
		{"{\"$uint\": \"-1\"}", "\"$uint\" must look like {\"$uint\": \"digits\"}"},
		{"{\"$float\": \"x\"}",
			"\"$float\" must look like {\"$float\": \"nan\"}, \"inf\" or \"-inf\""},
		{"{\"$map\": [[1]]}", "\"$map\" must look like {\"$map\": [[key, value], ...]}"},
		{"[{\"$map\": [[1, {\"$bin\": 1}]]}]", "\"$bin\" must look like {\"$bin\": \"base64\"}"},
		{"{\"$what\": 1}", "an object with the single key \"$what\" has no meaning here; "
				   "to send it as a map write {\"$map\": [[\"$what\", ...]]}"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf b = BUF_INIT;
		json_t *value = NULL;

		assert_int_equal(json_text_read(cases[i].text, strlen(cases[i].text), &value, error), 0);
		assert_int_equal(json_body_write(value, &b, error), -EINVAL);
		assert_string_equal(error, cases[i].error);
		json_decref(value);
		buf_deinit(&b);
	}
}

static void test_broken_json_says_where_and_what_to_do(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{"hello",
			"line 1, column 5: invalid token near 'hello'; a string needs its quotes: '\"hello\"'"},
		{"{\"a\":\n 1,}", "line 2, column 4: string or '}' expected near '}'"},
		{"[1, 2", "line 1, column 5: ']' expected near end of file"},
		{"", "line 1, column 0: '[' or '{' expected near end of file"},
		{"{\"a\":1,\"a\":2}", "line 1, column 10: duplicate object key near '\"a\"'"},
		{"1 2", "line 1, column 3: end of file expected near '2'"},
		{"99999999999999999999",
			"line 1, column 20: too big integer near '99999999999999999999'; over 2^63-1 write {\"$uint\": \"...\"}"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_t *value = NULL;

		assert_int_equal(
			json_text_read(cases[i].text, strlen(cases[i].text), &value, error), -EINVAL);
		assert_null(value);
		if (i != 3) /* for an empty text the wording is jansson's */
			assert_string_equal(error, cases[i].error);
	}
}

static void test_base64_both_ways(void **state)
{
	static const char *const pairs[][2] = {
		{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}};
	static const char *const broken[] = {
		"Z", "Zg", "Zg=", "Zg=a", "=g==", "Z===", "Zh==", "Zm9=", "Zm 9", "Zm9v\n", "Zm9-"};
	uint8_t *data;
	size_t n;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		char *text = base64_encode(pairs[i][0], strlen(pairs[i][0]));

		assert_string_equal(text, pairs[i][1]);
		free(text);
		assert_int_equal(base64_decode(pairs[i][1], strlen(pairs[i][1]), &data, &n), 0);
		assert_int_equal(n, strlen(pairs[i][0]));
		assert_memory_equal(data, pairs[i][0], n);
		free(data);
	}
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++)
		assert_int_equal(base64_decode(broken[i], strlen(broken[i]), &data, &n), -EINVAL);
}

/*
 * A body with a value of every kind is cut at every place, and each byte is changed. The reader refuses or
 * reads it, and does nothing worse.
 */
static void test_mutated_bodies_never_break_the_reader(void **state)
{
	static const char body[] = "\x86\xa1"
				   "a\x93\x01\xcb\x40\x14\0\0\0\0\0\0\xc0\xa1"
				   "b\xc4\x03\0\xff\x10\xa1"
				   "c\xd4\x07\xaa\xa1"
				   "d"
				   "\x81\x01\xa2\xff\xfe\xa1"
				   "e\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xa1"
				   "f\xc7\x18\x01\0\0\0\0\0\0\x01\x2f"
				   "\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01";
	char copy[sizeof(body)];

	for (size_t at = 0; at < sizeof(body) - 1; at++) {
		assert_null(json_body_read(body, at));
		for (int change = 1; change < 256; change++) {
			memcpy(copy, body, sizeof(body));
			copy[at] = (char)(copy[at] ^ change);
			json_decref(json_body_read(copy, sizeof(copy) - 1));
		}
	}
}

static void test_bytes_of_any_kind_go_both_ways(void **state)
{
	static const char *const texts[] = {"", "plain", "\xc3\xa9", "caf\xe9", "\xff\n'"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		json_t *value = json_of_bytes(texts[i], strlen(texts[i]));
		size_t size_bytes;
		char *back = json_to_bytes(value, &size_bytes);

		assert_int_equal(json_is_string(value), i < 3);
		assert_int_equal(size_bytes, strlen(texts[i]));
		assert_string_equal(back, texts[i]);
		free(back);
		json_decref(value);
	}
	for (size_t i = 0; i < 3; i++) {
		json_t *value =
			json_loads(((const char *const[]){"5", "{\"$str\": 5}", "{\"$str\": \"?\"}"})[i],
				JSON_DECODE_ANY, NULL);
		size_t size_bytes;

		assert_null(json_to_bytes(value, &size_bytes));
		json_decref(value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_common_values_are_written_as_themselves),
		cmocka_unit_test(test_integers_stay_integers_and_floats_floats),
		cmocka_unit_test(test_refs_travel_both_ways),
		cmocka_unit_test(test_what_json_has_not_gets_a_form),
		cmocka_unit_test(test_maps_that_are_no_json_objects_get_a_form),
		cmocka_unit_test(test_deep_unfit_maps_take_no_time),
		cmocka_unit_test(test_malformed_bodies_are_refused),
		cmocka_unit_test(test_nesting_beyond_the_limit_is_refused),
		cmocka_unit_test(test_broken_forms_are_refused_with_their_shape),
		cmocka_unit_test(test_broken_json_says_where_and_what_to_do),
		cmocka_unit_test(test_base64_both_ways),
		cmocka_unit_test(test_bytes_of_any_kind_go_both_ways),
		cmocka_unit_test(test_mutated_bodies_never_break_the_reader),
	};

	return run_facts_of("json", tests);
}

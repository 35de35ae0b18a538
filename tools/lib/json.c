/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/mp.h"
#include "tools/lib/base64.h"

/* ---- msgpack → JSON ---- */

static json_t *json_read_value(struct mp_reader *r);

/* Makes {"<form>": value}. Takes @value. */
static json_t *json_form(const char *form, json_t *value)
{
	json_t *object = value ? json_object() : NULL;

	if (!object || json_object_set_new(object, form, value)) {
		if (!object)
			json_decref(value);
		json_decref(object);
		return NULL;
	}
	return object;
}

static json_t *json_base64(const void *data, size_t size_bytes)
{
	char *text = base64_encode(data, size_bytes);
	json_t *value = text ? json_string(text) : NULL;

	free(text);
	return value;
}

json_t *json_of_bytes(const char *data, size_t size_bytes)
{
	json_t *value = json_stringn(data, size_bytes); /* NULL if the bytes are not UTF-8 */

	return value ? value : json_form("$str", json_base64(data, size_bytes));
}

char *json_to_bytes(const json_t *value, size_t *ret_size_bytes)
{
	const json_t *form = json_object_size(value) == 1 ? json_object_get(value, "$str") : NULL;
	uint8_t *data;
	char *bytes;

	if (form) {
		if (!json_is_string(form) || base64_decode(json_string_value(form), json_string_length(form),
						     &data, ret_size_bytes))
			return NULL;
		bytes = realloc(data, *ret_size_bytes + 1);
		if (!bytes) {
			free(data);
			return NULL;
		}
	} else {
		if (!json_is_string(value))
			return NULL;
		*ret_size_bytes = json_string_length(value);
		bytes = malloc(*ret_size_bytes + 1);
		if (!bytes)
			return NULL;
		memcpy(bytes, json_string_value(value), *ret_size_bytes);
	}
	bytes[*ret_size_bytes] = 0;
	return bytes;
}

static json_t *json_read_str(struct mp_reader *r)
{
	const char *s;
	size_t len;

	return mp_read_str(r, &s, &len) ? NULL : json_of_bytes(s, len);
}

static json_t *json_read_number(struct mp_reader *r)
{
	int64_t i;
	uint64_t u;
	double f;
	char text[24];

	switch (mp_peek(r)) {
	case MP_UINT:
	case MP_INT:
		if (!mp_read_int(r, &i))
			return json_integer(i);
		if (mp_read_uint(r, &u))
			return NULL;
		snprintf(text, sizeof(text), "%" PRIu64, u);
		return json_form("$uint", json_string(text));
	default:
		if (mp_read_double(r, &f))
			return NULL;
		if (isfinite(f))
			return json_real(f);
		return json_form("$float", json_string(isnan(f) ? "nan" : f < 0 ? "-inf" : "inf"));
	}
}

static json_t *json_read_ext(struct mp_reader *r)
{
	char text[ACTOR_REF_TEXT_MAX];
	const uint8_t *raw;
	size_t size_bytes, head;
	actor_ref ref;
	json_t *pair, *data;

	if (!mp_read_ref(r, &ref))
		return json_form("$ref", json_string(actor_ref_format(ref, text)));
	if (mp_read_raw(r, &raw, &size_bytes))
		return NULL;
	/* the head of a fixext is its type; that of an ext 8, 16, 32 is length and type */
	head = raw[0] == 0xc7 ? 3 : raw[0] == 0xc8 ? 4 : raw[0] == 0xc9 ? 6 : 2;
	pair = json_array();
	data = json_base64(raw + head, size_bytes - head);
	if (json_array_append_new(pair, json_integer((int8_t)raw[head - 1])) ||
		json_array_append_new(pair, data)) {
		json_decref(pair);
		return NULL;
	}
	return json_form("$ext", pair);
}

static json_t *json_read_array(struct mp_reader *r)
{
	json_t *array = json_array();
	uint32_t n;

	if (mp_read_array(r, &n)) {
		json_decref(array);
		return NULL;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (json_array_append_new(array, json_read_value(r))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *json_read_pairs(struct mp_reader *r)
{
	json_t *pairs = json_array();
	uint32_t n;

	if (mp_read_map(r, &n)) {
		json_decref(pairs);
		return NULL;
	}
	for (uint32_t i = 0; i < n; i++) {
		json_t *pair = json_array();

		if (json_array_append_new(pair, json_read_value(r)) ||
			json_array_append_new(pair, json_read_value(r))) {
			json_decref(pair);
			json_decref(pairs);
			return NULL;
		}
		if (json_array_append_new(pairs, pair)) {
			json_decref(pairs);
			return NULL;
		}
	}
	return json_form("$map", pairs);
}

/*
 * Can a JSON object hold this map? This is checked before the map is read: if reading started over at a wrong
 * key, the work would double at every level.
 */
static bool json_map_is_object(struct mp_reader r)
{
	json_t *keys = json_object();
	bool fits = false;
	uint32_t n;

	if (mp_read_map(&r, &n))
		goto out;
	for (uint32_t i = 0; i < n; i++) {
		const char *key;
		size_t len;

		if (mp_peek(&r) != MP_STR || mp_read_str(&r, &key, &len))
			goto out;
		if (memchr(key, '\0', len) || (n == 1 && len && key[0] == '$') ||
			json_object_getn(keys, key, len))
			goto out;
		if (json_object_setn_new(keys, key, len, json_true()) || mp_skip(&r))
			goto out; /* the key is not UTF-8 */
	}
	fits = true;
out:
	json_decref(keys);
	return fits;
}

static json_t *json_read_map(struct mp_reader *r)
{
	json_t *object;
	uint32_t n;

	if (!json_map_is_object(*r))
		return json_read_pairs(r);
	object = json_object();
	if (mp_read_map(r, &n))
		goto failed;
	for (uint32_t i = 0; i < n; i++) {
		const char *key;
		size_t len;

		if (mp_read_str(r, &key, &len) || json_object_setn_new(object, key, len, json_read_value(r)))
			goto failed;
	}
	return object;
failed:
	json_decref(object);
	return NULL;
}

static json_t *json_read_value(struct mp_reader *r)
{
	const uint8_t *bin;
	size_t len;
	bool truth;

	switch (mp_peek(r)) {
	case MP_NIL:
		return mp_read_nil(r) ? NULL : json_null();
	case MP_BOOL:
		return mp_read_bool(r, &truth) ? NULL : json_boolean(truth);
	case MP_UINT:
	case MP_INT:
	case MP_FLOAT:
		return json_read_number(r);
	case MP_STR:
		return json_read_str(r);
	case MP_BIN:
		return mp_read_bin(r, &bin, &len) ? NULL : json_form("$bin", json_base64(bin, len));
	case MP_ARRAY:
		return json_read_array(r);
	case MP_MAP:
		return json_read_map(r);
	case MP_EXT:
		return json_read_ext(r);
	case MP_BAD:
		break;
	}
	return NULL;
}

json_t *json_body_read(const void *data, size_t size_bytes)
{
	struct mp_reader r = mp_reader(data, size_bytes), whole = r;

	/* This bounds the depth, and so the recursion. */
	if (mp_skip(&whole) || whole.at != whole.end)
		return NULL;
	return json_read_value(&r);
}

/* ---- JSON → msgpack ---- */

static int json_write_value(const json_t *value, struct buf *b, unsigned depth, char *error);

static void json_put_ext(struct buf *b, int8_t type, const uint8_t *data, size_t len)
{
	uint8_t head[6] = {0xc9, (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
		(uint8_t)len, (uint8_t)type};

	mp_put_raw(b, head, sizeof(head));
	mp_put_raw(b, data, len);
}

static int json_write_form_ref(const json_t *value, struct buf *b)
{
	actor_ref ref;

	if (!json_is_string(value) || actor_ref_parse(json_string_value(value), &ref))
		return -EINVAL;
	mp_put_ref(b, ref);
	return 0;
}

/* Writes a form whose value is the base64 of a bin, str or ext. */
static int json_write_form_bytes(const json_t *value, struct buf *b, char what, int8_t ext_type)
{
	uint8_t *data;
	size_t len;
	int r;

	if (!json_is_string(value))
		return -EINVAL;
	r = base64_decode(json_string_value(value), json_string_length(value), &data, &len);
	if (r)
		return r;
	if (what == 'b')
		mp_put_bin(b, data, len);
	else if (what == 's')
		mp_put_str(b, (const char *)data, len);
	else
		json_put_ext(b, ext_type, data, len);
	free(data);
	return 0;
}

static int json_write_form_uint(const json_t *value, struct buf *b)
{
	const char *text = json_string_value(value);
	unsigned long long u;
	char *end;

	if (!text || text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	u = strtoull(text, &end, 10);
	if (errno || *end)
		return -EINVAL;
	mp_put_uint(b, u);
	return 0;
}

static int json_write_form_float(const json_t *value, struct buf *b)
{
	const char *text = json_string_value(value);

	if (text && !strcmp(text, "nan"))
		mp_put_double(b, (double)NAN);
	else if (text && !strcmp(text, "inf"))
		mp_put_double(b, (double)INFINITY);
	else if (text && !strcmp(text, "-inf"))
		mp_put_double(b, -(double)INFINITY);
	else
		return -EINVAL;
	return 0;
}

static int json_write_form_map(const json_t *value, struct buf *b, unsigned depth, char *error)
{
	const json_t *pair;
	size_t i;
	int r;

	if (!json_is_array(value))
		return -EINVAL;
	mp_put_map(b, (uint32_t)json_array_size(value));
	json_array_foreach(value, i, pair) {
		if (!json_is_array(pair) || json_array_size(pair) != 2)
			return -EINVAL;
		r = json_write_value(json_array_get(pair, 0), b, depth, error);
		if (!r)
			r = json_write_value(json_array_get(pair, 1), b, depth, error);
		if (r)
			return r;
	}
	return 0;
}

static const struct {
	const char *key, *shape;
} forms[] = {
	{"$ref", "{\"$ref\": \"<node.group.serial>\"}"},
	{"$bin", "{\"$bin\": \"base64\"}"},
	{"$str", "{\"$str\": \"base64\"}"},
	{"$ext", "{\"$ext\": [type, \"base64\"]} with a type from -128 to 127"},
	{"$uint", "{\"$uint\": \"digits\"}"},
	{"$float", "{\"$float\": \"nan\"}, \"inf\" or \"-inf\""},
	{"$map", "{\"$map\": [[key, value], ...]}"},
};

static int json_write_form(const char *key, const json_t *value, struct buf *b, unsigned depth, char *error)
{
	size_t at = 0;
	int r = -EINVAL;

	while (at < sizeof(forms) / sizeof(*forms) && strcmp(forms[at].key, key))
		at++;
	switch (at) {
	case 0:
		r = json_write_form_ref(value, b);
		break;
	case 1:
		r = json_write_form_bytes(value, b, 'b', 0);
		break;
	case 2:
		r = json_write_form_bytes(value, b, 's', 0);
		break;
	case 3: {
		const json_t *type = json_array_get(value, 0);
		json_int_t number = json_integer_value(type);

		if (json_array_size(value) == 2 && json_is_integer(type) && number >= INT8_MIN &&
			number <= INT8_MAX)
			r = json_write_form_bytes(json_array_get(value, 1), b, 'e', (int8_t)number);
		break;
	}
	case 4:
		r = json_write_form_uint(value, b);
		break;
	case 5:
		r = json_write_form_float(value, b);
		break;
	case 6:
		r = json_write_form_map(value, b, depth, error);
		break;
	default:
		snprintf(error, JSON_ERROR_MAX,
			"an object with the single key \"%.32s\" has no meaning here; "
			"to send it as a map write {\"$map\": [[\"%.32s\", ...]]}",
			key, key);
		return -EINVAL;
	}
	if (r == -EINVAL && !*error)
		snprintf(error, JSON_ERROR_MAX, "\"%s\" must look like %s", key, forms[at].shape);
	return r;
}

static int json_write_object(const json_t *value, struct buf *b, unsigned depth, char *error)
{
	const char *key;
	json_t *element;
	int r;

	if (json_object_size(value) == 1) {
		void *at = json_object_iter((json_t *)value);

		key = json_object_iter_key(at);
		if (key[0] == '$')
			return json_write_form(key, json_object_iter_value(at), b, depth, error);
	}
	mp_put_map(b, (uint32_t)json_object_size(value));
	json_object_foreach((json_t *)value, key, element) {
		mp_put_str(b, key, strlen(key));
		r = json_write_value(element, b, depth, error);
		if (r)
			return r;
	}
	return 0;
}

static int json_write_value(const json_t *value, struct buf *b, unsigned depth, char *error)
{
	const json_t *element;
	size_t i;
	int r;

	if ((json_is_array(value) || json_is_object(value)) && ++depth > MP_DEPTH_MAX) {
		snprintf(error, JSON_ERROR_MAX, "nested deeper than %d", MP_DEPTH_MAX);
		return -E2BIG;
	}
	switch (json_typeof(value)) {
	case JSON_NULL:
		mp_put_nil(b);
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		mp_put_bool(b, json_is_true(value));
		break;
	case JSON_INTEGER:
		mp_put_int(b, json_integer_value(value));
		break;
	case JSON_REAL:
		mp_put_double(b, json_real_value(value));
		break;
	case JSON_STRING:
		mp_put_str(b, json_string_value(value), json_string_length(value));
		break;
	case JSON_ARRAY:
		mp_put_array(b, (uint32_t)json_array_size(value));
		json_array_foreach(value, i, element) {
			r = json_write_value(element, b, depth, error);
			if (r)
				return r;
		}
		break;
	case JSON_OBJECT:
		return json_write_object(value, b, depth, error);
	}
	return 0;
}

static int json_write(const json_t *value, struct buf *b, unsigned depth, char *error)
{
	int r;

	*error = '\0';
	r = json_write_value(value, b, depth, error);
	return r ? r : buf_error(b);
}

int json_body_write(const json_t *value, struct buf *b, char error[JSON_ERROR_MAX])
{
	return json_write(value, b, 0, error);
}

int json_element_write(const json_t *value, struct buf *b, char error[JSON_ERROR_MAX])
{
	return json_write(value, b, 1, error);
}

/* ---- text ---- */

/*
 * True: the text is a bare word. People often type one when they mean a string, so the error message explains
 * it.
 */
static bool json_text_is_word(const char *text, size_t len)
{
	if (!len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (strchr("\"'{}[],: \t\r\n", text[i]))
			return false;
	return (text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z') || text[0] == '<' ||
	       text[0] == '/';
}

int json_text_read(const char *text, size_t len, json_t **ret, char error[JSON_ERROR_MAX])
{
	json_error_t e;
	json_t *value = json_loadb(text, len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);

	if (value) {
		*ret = value;
		return 0;
	}
	if (json_error_code(&e) == json_error_out_of_memory) {
		snprintf(error, JSON_ERROR_MAX, "out of memory");
		return -ENOMEM;
	}
	if (json_text_is_word(text, len) && len <= 64)
		snprintf(error, JSON_ERROR_MAX,
			"line %d, column %d: %s; a string needs its quotes: '\"%.*s\"'", e.line, e.column,
			e.text, (int)len, text);
	else if (json_error_code(&e) == json_error_numeric_overflow)
		snprintf(error, JSON_ERROR_MAX,
			"line %d, column %d: %s; over 2^63-1 write {\"$uint\": \"...\"}", e.line, e.column,
			e.text);
	else
		snprintf(error, JSON_ERROR_MAX, "line %d, column %d: %s", e.line < 1 ? 1 : e.line,
			e.column < 0 ? 0 : e.column, e.text);
	return -EINVAL;
}

const char *json_ref_text(const json_t *value)
{
	return json_is_object(value) && json_object_size(value) == 1
		       ? json_string_value(json_object_get(value, "$ref"))
		       : NULL;
}

uint64_t json_to_uint(const json_t *value)
{
	const char *text = json_string_value(json_object_get(value, "$uint"));

	if (json_is_integer(value))
		return json_integer_value(value) > 0 ? (uint64_t)json_integer_value(value) : 0;
	return text ? strtoull(text, NULL, 10) : 0;
}

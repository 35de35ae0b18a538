/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packing and unpacking of bodies by format strings.
 *
 * A format is checked as a whole before anything is written or read. The check also counts its values,
 * because the head of an array comes before the elements. After the check, the functions below know that
 * brackets match and letters exist. Errors of the format are the program's and do not depend on data: they
 * are always -EINVAL. Errors of the data are the sender's: -EPROTO, -ERANGE, -ENOENT.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "libactor/message/msg.h"
#include "libactor/message/object.h"
#include "libactor/protocol/mp-encode.h"
#include "libactor/protocol/mp.h"
#include "libactor/util/arena.h"

#define SCRATCH_KEPT_BYTES (1u << 16) /* a scratch that has grown larger gives its memory back */

/* A struct, so that functions can take a pointer to it: va_list itself may be an array type. */
struct body_values {
	va_list list;
};

static const char *format_blank(const char *at)
{
	while (*at == ' ' || *at == ',' || *at == ':')
		at++;
	return at;
}

/*
 * Most formats are a row of values, without brackets, blanks, `?` and `*`. Such a row is checked, packed and
 * unpacked by short loops of its own, which come to the same result as the general functions.
 */
static inline int format_row(const char *at)
{
	for (int n = 0;; n++) {
		switch (*at++) {
		case 0:
			return n;
		case 'i':
		case 'I':
		case 'u':
		case 'U':
		case 'b':
		case 'f':
		case 'n':
		case 'r':
		case 'o':
		case 'm':
			continue;
		case 's':
			at += *at == '#';
			continue;
		case 'y':
			if (*at++ == '#')
				continue;
			return -1;
		default:
			return -1;
		}
	}
}

/*
 * Counts the values up to @end (']', '}' or the terminating 0) and moves *@format to @end. Returns -EINVAL
 * for a bad format. @depth: the number of arrays and maps around.
 */
static int format_check(const char **format, char end, bool packing, unsigned depth)
{
	const char *at = *format;
	int n = 0;

	for (;; n++) {
		bool is_key = end == '}' && n % 2 == 0;
		char c;

		at = format_blank(at);
		if (*at == end)
			break;
		if (*at == '*' && !packing && end != '}') {
			at = format_blank(at + 1);
			if (*at != end)
				return -EINVAL;
			break;
		}
		c = *at;
		if (!c || (is_key && c != 's'))
			return -EINVAL;
		at++;
		switch (c) {
		case 'i':
		case 'I':
		case 'u':
		case 'U':
		case 'b':
		case 'f':
		case 'n':
		case 'r':
		case 'o':
		case 'm':
			break;
		case 's':
			if (*at == '#') {
				if (is_key && !packing)
					return -EINVAL;
				at++;
			}
			break;
		case 'y':
			if (*at != '#')
				return -EINVAL;
			at++;
			break;
		case '[':
		case '{':
			if (depth == MP_DEPTH_MAX ||
				format_check(&at, c == '[' ? ']' : '}', packing, depth + 1) < 0)
				return -EINVAL;
			at++;
			break;
		default:
			return -EINVAL;
		}
		if (*at == '?') {
			if (packing || is_key)
				return -EINVAL;
			at++;
		}
	}
	if (end == '}' && n % 2)
		return -EINVAL;
	*format = at;
	return n;
}

/* Counts the values of a checked format, from the middle of it. */
static uint32_t format_count(const char *format, char end)
{
	return (uint32_t)format_check(&format, end, true, 0);
}

/* ---- packing ---- */

static int pack_values(
	struct buf *b, struct body_values *values, const char **format, char end, unsigned depth);

/*
 * Packs one ready-made value. The value is checked, because a peer ends the link when it gets malformed
 * bytes.
 */
static int pack_raw(struct buf *b, const void *data, size_t size_bytes, unsigned depth)
{
	struct mp_reader r = mp_reader(data, size_bytes);

	if (mp_skip_depth(&r, MP_DEPTH_MAX - depth) || r.at != r.end)
		return -EPROTO;
	mp_put_raw(b, data, size_bytes);
	return 0;
}

static int pack_bytes(struct buf *b, struct body_values *values, char c)
{
	const void *data = va_arg(values->list, const void *);
	size_t size_bytes = va_arg(values->list, size_t);

	if (!data && size_bytes)
		return -EINVAL;
	if (size_bytes > ACTOR_BODY_MAX_BYTES)
		return -EMSGSIZE;
	if (c == 's')
		mp_put_str(b, data, size_bytes);
	else
		mp_put_bin(b, data, size_bytes);
	return 0;
}

static int pack_value(
	struct buf *b, struct body_values *values, const char **format, unsigned depth, bool is_key)
{
	char c = *(*format)++;
	const struct msgpack_object *object;
	const char *nested, *s;
	const void *raw;
	int e;

	switch (c) {
	case 'i':
		mp_put_int(b, va_arg(values->list, int));
		return 0;
	case 'I':
		mp_put_int(b, va_arg(values->list, int64_t));
		return 0;
	case 'u':
		mp_put_uint(b, va_arg(values->list, unsigned));
		return 0;
	case 'U':
		mp_put_uint(b, va_arg(values->list, uint64_t));
		return 0;
	case 'b':
		mp_put_bool(b, va_arg(values->list, int) != 0);
		return 0;
	case 'f':
		mp_put_double(b, va_arg(values->list, double));
		return 0;
	case 'n':
		mp_put_nil(b);
		return 0;
	case 'r':
		mp_put_ref(b, va_arg(values->list, actor_ref));
		return 0;
	case 's':
		if (**format == '#') {
			(*format)++;
			return pack_bytes(b, values, c);
		}
		s = va_arg(values->list, const char *);
		if (!s && is_key)
			return -EINVAL;
		mp_put_cstr(b, s);
		return 0;
	case 'y':
		(*format)++;
		return pack_bytes(b, values, c);
	case 'o':
		object = va_arg(values->list, const struct msgpack_object *);
		return object ? object_put(b, object, MP_DEPTH_MAX - depth) : -EINVAL;
	case 'm':
		raw = va_arg(values->list, const void *);
		return pack_raw(b, raw, va_arg(values->list, size_t), depth);
	case '[':
		nested = *format;
		mp_put_array(b, format_count(nested, ']'));
		e = pack_values(b, values, format, ']', depth + 1);
		(*format)++;
		return e;
	case '{':
		nested = *format;
		mp_put_map(b, format_count(nested, '}') / 2);
		e = pack_values(b, values, format, '}', depth + 1);
		(*format)++;
		return e;
	default:
		return -EINVAL;
	}
}

static int pack_values(
	struct buf *b, struct body_values *values, const char **format, char end, unsigned depth)
{
	for (unsigned n = 0;; n++) {
		int e;

		*format = format_blank(*format);
		if (**format == end)
			return 0;
		e = pack_value(b, values, format, depth, end == '}' && n % 2 == 0);
		if (e)
			return e;
	}
}

#define ROW_VALUE_MAX_BYTES MP_REF_BYTES /* the longest value of a fixed length */

/*
 * Packs a row of @n values, after the head of their array if @kind has one. Room is reserved for all values
 * of a fixed length at once, and again after each of another length.
 */
static int pack_row(struct buf *b, struct body_values *values, const char *at, unsigned n,
	enum body_kind kind, unsigned depth)
{
	uint8_t *p = buf_reserve(b, MP_HEAD_MAX_BYTES + (size_t)n * ROW_VALUE_MAX_BYTES);
	const void *data;
	size_t len;
	int e;

	if (p && kind == BODY_ARGS)
		p = mp_encode_array(p, n);
	for (; p && n; n--) {
		switch (*at) {
		case 'i':
			p = mp_encode_int(p, va_arg(values->list, int));
			break;
		case 'I':
			p = mp_encode_int(p, va_arg(values->list, int64_t));
			break;
		case 'u':
			p = mp_encode_uint(p, va_arg(values->list, unsigned));
			break;
		case 'U':
			p = mp_encode_uint(p, va_arg(values->list, uint64_t));
			break;
		case 'r':
			p = mp_encode_ref(p, va_arg(values->list, actor_ref));
			break;
		case 'y':
			data = va_arg(values->list, const void *);
			len = va_arg(values->list, size_t);
			if (!data && len)
				return -EINVAL;
			if (len > ACTOR_BODY_MAX_BYTES)
				return -EMSGSIZE;
			b->size_bytes = (size_t)(p - b->data);
			p = buf_reserve(b, len + (size_t)n * ROW_VALUE_MAX_BYTES);
			if (!p)
				continue;
			p = mp_encode_bytes(mp_encode_bin_head(p, (uint32_t)len), data, len);
			at++; /* the # */
			break;
		default:
			b->size_bytes = (size_t)(p - b->data);
			e = pack_value(b, values, &at, depth, false);
			if (e)
				return e;
			p = buf_reserve(b, (size_t)n * ROW_VALUE_MAX_BYTES);
			continue;
		}
		at++;
	}
	if (p)
		b->size_bytes = (size_t)(p - b->data);
	return 0; /* pack_end() sees that there was no memory */
}

static int pack_end(struct buf *b, size_t start_bytes, int e)
{
	if (!e)
		e = buf_error(b);
	if (!e && b->size_bytes - start_bytes > ACTOR_BODY_MAX_BYTES)
		e = -EMSGSIZE;
	if (e)
		b->size_bytes = start_bytes;
	return e;
}

int body_vpack(struct buf *b, enum body_kind kind, const char *format, va_list args)
{
	unsigned depth = kind == BODY_ARGS ? 1 : 0;
	size_t start_bytes = b->size_bytes;
	const char *check = format ? format : "";
	const char *at = check;
	struct body_values values;
	int n = format_row(at), e = 0;
	bool is_row = n >= 0;

	if (!is_row)
		n = format_check(&check, 0, true, depth);
	if (n < 0 || (kind == BODY_RESULT && n > 1))
		return -EINVAL;
	if (is_row && n > 0) {
		va_copy(values.list, args);
		e = pack_row(b, &values, at, (unsigned)n, kind, depth);
		va_end(values.list);
		return pack_end(b, start_bytes, e);
	}
	if (kind == BODY_ARGS)
		mp_put_array(b, (uint32_t)n);
	else if (n == 0)
		mp_put_nil(b);
	if (n > 0) {
		va_copy(values.list, args);
		e = pack_values(b, &values, &at, 0, depth);
		va_end(values.list);
	}
	return pack_end(b, start_bytes, e);
}

int body_pack(struct buf *b, enum body_kind kind, const char *format, ...)
{
	va_list args;
	int e;

	va_start(args, format);
	e = body_vpack(b, kind, format, args);
	va_end(args);
	return e;
}

int body_vpack_alone(struct buf *scratch, enum body_kind kind, const char *format, va_list args)
{
	buf_reset(scratch, SCRATCH_KEPT_BYTES);
	return body_vpack(scratch, kind, format, args);
}

int body_vpack_bare(struct buf *b, const char *format, va_list args)
{
	size_t start_bytes = b->size_bytes;
	const char *check = format ? format : "";
	const char *at = check;
	struct body_values values;
	int e;

	if (format_check(&check, 0, true, 0) < 0)
		return -EINVAL;
	va_copy(values.list, args);
	e = pack_values(b, &values, &at, 0, 0);
	va_end(values.list);
	return pack_end(b, start_bytes, e);
}

/* ---- unpacking ---- */

struct unpack {
	struct body_values values;
	void **arena;
};

static int unpack_value(struct unpack *u, const char **format, struct mp_reader *r);

/*
 * Skips one value of the format for which there is no data, and takes the value's pointers from the
 * arguments.
 */
static void unpack_pass_over(struct unpack *u, const char **format)
{
	const char *at = *format;
	unsigned depth = 0;

	do {
		char c = *at++;

		if (c == '[' || c == '{')
			depth++;
		else if (c == ']' || c == '}')
			depth--;
		else if (!strchr("n*?,: ", c))
			(void)va_arg(u->values.list, void *);
		if (c == 'm')
			(void)va_arg(u->values.list, void *);
	} while (depth);
	if (*at == '#') {
		(void)va_arg(u->values.list, void *);
		at++;
	}
	*format = at;
}

/* Whether a `?` follows the value of the format that begins at @at. */
static bool format_is_optional(const char *at)
{
	unsigned depth = 0;

	do {
		if (*at == '[' || *at == '{')
			depth++;
		else if (*at == ']' || *at == '}')
			depth--;
		at++;
	} while (depth);
	if (*at == '#')
		at++;
	return *at == '?';
}

static int unpack_signed(struct mp_reader *r, int64_t min, int64_t max, int64_t *ret)
{
	int64_t v;

	if (mp_read_int(r, &v))
		return mp_peek(r) == MP_UINT ? -ERANGE : -EPROTO;
	if (v < min || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

static int unpack_unsigned(struct mp_reader *r, uint64_t max, uint64_t *ret)
{
	uint64_t v;

	if (mp_read_uint(r, &v))
		return mp_peek(r) == MP_INT ? -ERANGE : -EPROTO;
	if (v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

static int unpack_string(struct unpack *u, struct mp_reader *r, const char **ret)
{
	const char *s;
	size_t len;
	char *copy;

	if (mp_read_str(r, &s, &len) || memchr(s, 0, len))
		return -EPROTO;
	copy = arena_alloc(u->arena, len + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, s, len);
	copy[len] = 0;
	*ret = copy;
	return 0;
}

/*
 * For a value with a `?`: a nil means that the value is missing, unless its letter (o, m, n) can take a nil.
 */
static bool unpack_is_missing(const char *format, const struct mp_reader *r)
{
	return mp_peek(r) == MP_NIL && *format != 'o' && *format != 'm' && *format != 'n';
}

/*
 * Reads a map in the order of the format. The search goes on behind the last key that was found, so a map in
 * the order of the format is read once.
 */
static int unpack_map(struct unpack *u, const char **format, struct mp_reader *r)
{
	struct mp_reader first, next;
	uint32_t n, i = 0;

	if (mp_read_map(r, &n))
		return -EPROTO;
	first = next = *r;
	for (;;) {
		bool optional, found = false;
		struct mp_reader value = next;
		const char *want;

		*format = format_blank(*format);
		if (**format == '}')
			break;
		*format = format_blank(*format + 1); /* the key: `s` */
		want = va_arg(u->values.list, const char *);
		optional = format_is_optional(*format);
		for (uint32_t looked = 0; want && looked < n && !found; looked++) {
			const char *key;
			size_t len;

			if (i == n) {
				i = 0;
				next = first;
			}
			if (mp_peek(&next) == MP_STR) {
				if (mp_read_str(&next, &key, &len))
					return -EPROTO;
				found = mp_str_is(key, len, want);
			} else if (mp_skip(&next)) {
				return -EPROTO;
			}
			value = next;
			if (mp_skip(&next))
				return -EPROTO;
			i++;
		}
		if (found && optional && unpack_is_missing(*format, &value))
			found = false;
		if (found) {
			int e = unpack_value(u, format, &value);

			if (e)
				return e;
		} else if (optional) {
			unpack_pass_over(u, format);
		} else {
			return -ENOENT;
		}
		if (optional)
			(*format)++;
	}
	(*format)++;
	for (; i < n; i++) {
		if (mp_skip(&next) || mp_skip(&next))
			return -EPROTO;
	}
	*r = next;
	return 0;
}

/* Reads @n values against the values of the format up to @end. */
static int unpack_values(struct unpack *u, const char **format, char end, struct mp_reader *r, uint32_t n)
{
	for (;;) {
		bool optional;
		int e;

		*format = format_blank(*format);
		if (**format == end)
			return n ? -EPROTO : 0;
		if (**format == '*') {
			*format = format_blank(*format + 1);
			for (; n; n--) {
				if (mp_skip(r))
					return -EPROTO;
			}
			return 0;
		}
		optional = format_is_optional(*format);
		if (n && !(optional && unpack_is_missing(*format, r))) {
			e = unpack_value(u, format, r);
			if (e)
				return e;
			n--;
		} else if (optional) {
			unpack_pass_over(u, format);
			if (n) {
				r->at++; /* the nil */
				n--;
			}
		} else {
			return -EPROTO;
		}
		if (optional)
			(*format)++;
	}
}

static int unpack_array(struct unpack *u, const char **format, struct mp_reader *r)
{
	uint32_t n;
	int e = mp_read_array(r, &n);

	if (e)
		return e;
	e = unpack_values(u, format, ']', r, n);
	(*format)++;
	return e;
}

static int unpack_value(struct unpack *u, const char **format, struct mp_reader *r)
{
	char c = *(*format)++;
	const uint8_t *data;
	uint64_t unsigned_v;
	int64_t signed_v;
	const char *s;
	size_t len;
	int e = 0;

	switch (c) {
	case 'i': {
		int *ret = va_arg(u->values.list, int *);

		e = unpack_signed(r, INT_MIN, INT_MAX, &signed_v);
		if (!e)
			*ret = (int)signed_v;
		return e;
	}
	case 'I':
		return unpack_signed(r, INT64_MIN, INT64_MAX, va_arg(u->values.list, int64_t *));
	case 'u': {
		unsigned *ret = va_arg(u->values.list, unsigned *);

		e = unpack_unsigned(r, UINT_MAX, &unsigned_v);
		if (!e)
			*ret = (unsigned)unsigned_v;
		return e;
	}
	case 'U':
		return unpack_unsigned(r, UINT64_MAX, va_arg(u->values.list, uint64_t *));
	case 'b':
		return mp_read_bool(r, va_arg(u->values.list, bool *));
	case 'f':
		return mp_read_double(r, va_arg(u->values.list, double *));
	case 'n':
		return mp_read_nil(r);
	case 'r':
		return mp_read_ref(r, va_arg(u->values.list, actor_ref *));
	case 's': {
		const char **ret = va_arg(u->values.list, const char **);
		size_t *ret_len;

		if (**format != '#')
			return unpack_string(u, r, ret);
		(*format)++;
		ret_len = va_arg(u->values.list, size_t *);
		e = mp_read_str(r, &s, &len);
		if (e)
			return e;
		*ret = s;
		*ret_len = len;
		return 0;
	}
	case 'y':
	case 'm': {
		const void **ret = va_arg(u->values.list, const void **);
		size_t *ret_len = va_arg(u->values.list, size_t *);

		if (c == 'y')
			(*format)++; /* # */
		e = c == 'y' ? mp_read_bin(r, &data, &len) : mp_read_raw(r, &data, &len);
		if (e)
			return e;
		*ret = data;
		*ret_len = len;
		return 0;
	}
	case 'o':
		return object_read(r, u->arena, va_arg(u->values.list, const struct msgpack_object **));
	case '[':
		return unpack_array(u, format, r);
	case '{':
		return unpack_map(u, format, r);
	default:
		return -EINVAL;
	}
}

/* Reads @n values against a row of values. */
static int unpack_row(struct unpack *u, const char *at, struct mp_reader *r, uint32_t n)
{
	const uint8_t *bytes;
	const void **data;
	size_t bytes_len, *len;
	int e;

	for (; *at; n--) {
		if (!n)
			return -EPROTO;
		switch (*at) {
		case 'I':
			e = unpack_signed(r, INT64_MIN, INT64_MAX, va_arg(u->values.list, int64_t *));
			at++;
			break;
		case 'U':
			e = unpack_unsigned(r, UINT64_MAX, va_arg(u->values.list, uint64_t *));
			at++;
			break;
		case 'y':
			data = va_arg(u->values.list, const void **);
			len = va_arg(u->values.list, size_t *);
			e = mp_read_bin(r, &bytes, &bytes_len);
			if (e)
				return e;
			*data = bytes;
			*len = bytes_len;
			at += 2;
			break;
		default:
			e = unpack_value(u, &at, r);
		}
		if (e)
			return e;
	}
	return n ? -EPROTO : 0;
}

int body_vunpack(const void *body, size_t body_bytes, enum body_kind kind, void **arena, const char *format,
	va_list args)
{
	struct mp_reader r = mp_reader(body, body_bytes);
	const char *check = format ? format : "";
	const char *at = check;
	struct unpack u = {.arena = arena};
	uint32_t n_values = 1;
	int n = format_row(at), e;
	bool is_row = n >= 0;

	if (!is_row) {
		at = format_blank(check);
		n = format_check(&check, 0, false, kind == BODY_ARGS ? 1 : 0);
	}
	if (n < 0 || (kind == BODY_RESULT && n > 1))
		return -EINVAL;
	if (kind == BODY_ARGS && mp_read_array(&r, &n_values))
		return -EPROTO;
	if (kind == BODY_RESULT && !*at)
		at = "n";
	va_copy(u.values.list, args);
	e = is_row ? unpack_row(&u, at, &r, n_values) : unpack_values(&u, &at, 0, &r, n_values);
	va_end(u.values.list);
	if (!e && r.at != r.end)
		e = -EPROTO;
	return e;
}

int body_unpack(
	const void *body, size_t body_bytes, enum body_kind kind, void **arena, const char *format, ...)
{
	va_list args;
	int e;

	va_start(args, format);
	e = body_vunpack(body, body_bytes, kind, arena, format, args);
	va_end(args);
	return e;
}

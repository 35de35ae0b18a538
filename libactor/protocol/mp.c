/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/protocol/mp.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "libactor/protocol/mp-encode.h"

static inline size_t mp_left(const struct mp_reader *r)
{
	return (size_t)(r->end - r->at);
}

static inline uint64_t mp_load(const uint8_t *p, size_t width_bytes)
{
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;

	switch (width_bytes) {
	case 1:
		return *p;
	case 2:
		memcpy(&v16, p, sizeof(v16));
		return be16toh(v16);
	case 4:
		memcpy(&v32, p, sizeof(v32));
		return be32toh(v32);
	default:
		memcpy(&v64, p, sizeof(v64));
		return be64toh(v64);
	}
}

/*
 * The meaning of each first byte of 0xc0..0xdf. `fixed`: how many bytes always follow the first byte.
 * `width`: how many of these bytes, from the first on, are a length or a count. The type says what is
 * counted.
 */
static const struct mp_shape {
	uint8_t fixed;
	uint8_t width;
	uint8_t type;
} mp_shapes[32] = {
	[0x00] = {0, 0, MP_NIL},
	[0x01] = {0, 0, MP_BAD},
	[0x02] = {0, 0, MP_BOOL},
	[0x03] = {0, 0, MP_BOOL},
	[0x04] = {1, 1, MP_BIN},
	[0x05] = {2, 2, MP_BIN},
	[0x06] = {4, 4, MP_BIN},
	[0x07] = {2, 1, MP_EXT}, /* length, type */
	[0x08] = {3, 2, MP_EXT},
	[0x09] = {5, 4, MP_EXT},
	[0x0a] = {4, 0, MP_FLOAT},
	[0x0b] = {8, 0, MP_FLOAT},
	[0x0c] = {1, 0, MP_UINT},
	[0x0d] = {2, 0, MP_UINT},
	[0x0e] = {4, 0, MP_UINT},
	[0x0f] = {8, 0, MP_UINT},
	[0x10] = {1, 0, MP_INT},
	[0x11] = {2, 0, MP_INT},
	[0x12] = {4, 0, MP_INT},
	[0x13] = {8, 0, MP_INT},
	[0x14] = {2, 0, MP_EXT}, /* type, data */
	[0x15] = {3, 0, MP_EXT},
	[0x16] = {5, 0, MP_EXT},
	[0x17] = {9, 0, MP_EXT},
	[0x18] = {17, 0, MP_EXT},
	[0x19] = {1, 1, MP_STR},
	[0x1a] = {2, 2, MP_STR},
	[0x1b] = {4, 4, MP_STR},
	[0x1c] = {2, 2, MP_ARRAY},
	[0x1d] = {4, 4, MP_ARRAY},
	[0x1e] = {2, 2, MP_MAP},
	[0x1f] = {4, 4, MP_MAP},
};

enum mp_type mp_peek(const struct mp_reader *r)
{
	uint8_t c;

	if (r->at >= r->end)
		return MP_BAD;
	c = *r->at;
	if (c < 0x80)
		return MP_UINT;
	if (c < 0x90)
		return MP_MAP;
	if (c < 0xa0)
		return MP_ARRAY;
	if (c < 0xc0)
		return MP_STR;
	if (c >= 0xe0)
		return MP_INT;
	/* A reader may treat a signed encoding of a number that is not negative as MP_UINT. */
	if (c >= 0xd0 && c <= 0xd3 && mp_left(r) >= 2 && !(r->at[1] & 0x80))
		return MP_UINT;
	return (enum mp_type)mp_shapes[c - 0xc0].type;
}

int mp_read_nil(struct mp_reader *r)
{
	if (r->at >= r->end || *r->at != 0xc0)
		return -EPROTO;
	r->at++;
	return 0;
}

int mp_read_bool(struct mp_reader *r, bool *ret)
{
	if (r->at >= r->end || (*r->at & 0xfe) != 0xc2)
		return -EPROTO;
	*ret = *r->at++ & 1;
	return 0;
}

/* Reads any integer: its 64 bits, and whether the number is negative. */
static int mp_read_integer(struct mp_reader *r, uint64_t *ret, bool *ret_negative)
{
	const struct mp_shape *shape;
	uint64_t v;
	uint8_t c;

	if (r->at >= r->end)
		return -EPROTO;
	c = *r->at;
	if (c < 0x80 || c >= 0xe0) {
		*ret = (uint64_t)(int8_t)c;
		*ret_negative = c >= 0xe0;
		r->at++;
		return 0;
	}
	if (c < 0xcc || c > 0xd3)
		return -EPROTO;
	shape = &mp_shapes[c - 0xc0];
	if (mp_left(r) < 1u + shape->fixed)
		return -EPROTO;
	v = mp_load(r->at + 1, shape->fixed);
	*ret_negative = false;
	if (shape->type == MP_INT) {
		unsigned shift = 64 - 8u * shape->fixed;
		int64_t extended = (int64_t)(v << shift) >> shift;

		v = (uint64_t)extended;
		*ret_negative = extended < 0;
	}
	*ret = v;
	r->at += 1u + shape->fixed;
	return 0;
}

/* Reads an integer in one of the forms that are never negative. False: it has another form, or is cut off. */
static inline bool mp_read_plain(struct mp_reader *r, uint64_t *ret)
{
	const uint8_t *at = r->at;
	size_t left = mp_left(r);

	if (!left)
		return false;
	if (*at < 0x80) {
		*ret = *at;
		r->at = at + 1;
		return true;
	}
	switch (*at) {
	case 0xcc:
		if (left < 2)
			return false;
		*ret = mp_load(at + 1, 1);
		r->at = at + 2;
		return true;
	case 0xcd:
		if (left < 3)
			return false;
		*ret = mp_load(at + 1, 2);
		r->at = at + 3;
		return true;
	case 0xce:
		if (left < 5)
			return false;
		*ret = mp_load(at + 1, 4);
		r->at = at + 5;
		return true;
	case 0xcf:
		if (left < 9)
			return false;
		*ret = mp_load(at + 1, 8);
		r->at = at + 9;
		return true;
	default:
		return false;
	}
}

static int mp_read_uint_other(struct mp_reader *r, uint64_t *ret)
{
	struct mp_reader copy = *r;
	bool negative;
	uint64_t v;

	if (mp_read_integer(&copy, &v, &negative) || negative)
		return -EPROTO;
	*ret = v;
	*r = copy;
	return 0;
}

int mp_read_uint(struct mp_reader *r, uint64_t *ret)
{
	return mp_read_plain(r, ret) ? 0 : mp_read_uint_other(r, ret);
}

static int mp_read_int_other(struct mp_reader *r, int64_t *ret)
{
	bool negative;
	uint64_t v;

	if (mp_read_integer(r, &v, &negative))
		return -EPROTO;
	*ret = (int64_t)v; /* it has the form of a signed number, so it fits */
	return 0;
}

int mp_read_int(struct mp_reader *r, int64_t *ret)
{
	const uint8_t *start = r->at;
	uint64_t v;

	if (!mp_read_plain(r, &v))
		return mp_read_int_other(r, ret);
	if (v > INT64_MAX) {
		r->at = start;
		return -EPROTO;
	}
	*ret = (int64_t)v;
	return 0;
}

int mp_read_double(struct mp_reader *r, double *ret)
{
	uint64_t v;
	bool negative;

	if (r->at < r->end && *r->at == 0xca && mp_left(r) >= 5) {
		uint32_t bits = (uint32_t)mp_load(r->at + 1, 4);
		float f;

		memcpy(&f, &bits, sizeof(f));
		*ret = (double)f;
		r->at += 5;
		return 0;
	}
	if (r->at < r->end && *r->at == 0xcb && mp_left(r) >= 9) {
		uint64_t bits = mp_load(r->at + 1, 8);

		memcpy(ret, &bits, sizeof(bits));
		r->at += 9;
		return 0;
	}
	if (mp_read_integer(r, &v, &negative))
		return -EPROTO;
	*ret = negative ? (double)(int64_t)v : (double)v;
	return 0;
}

/*
 * Reads the length of a str or bin, or the count of an array or map. The caller must still compare it with
 * the number of bytes left.
 */
static int mp_read_head(struct mp_reader *r, enum mp_type type, uint32_t *ret)
{
	const struct mp_shape *shape;
	uint8_t c;

	if (r->at >= r->end)
		return -EPROTO;
	c = *r->at;
	if (c >= 0x80 && c < 0xc0) {
		enum mp_type fix = c < 0x90 ? MP_MAP : c < 0xa0 ? MP_ARRAY : MP_STR;

		if (fix != type)
			return -EPROTO;
		*ret = type == MP_STR ? c & 0x1f : c & 0x0f;
		r->at++;
		return 0;
	}
	if (c < 0xc0 || c >= 0xe0)
		return -EPROTO;
	shape = &mp_shapes[c - 0xc0];
	if (shape->type != type || mp_left(r) < 1u + shape->fixed)
		return -EPROTO;
	*ret = (uint32_t)mp_load(r->at + 1, shape->width);
	r->at += 1u + shape->fixed;
	return 0;
}

static int mp_read_bytes(struct mp_reader *r, enum mp_type type, const uint8_t **ret, size_t *ret_len)
{
	struct mp_reader copy = *r;
	uint32_t len;

	if (mp_read_head(&copy, type, &len) || len > mp_left(&copy))
		return -EPROTO;
	*ret = copy.at;
	*ret_len = len;
	r->at = copy.at + len;
	return 0;
}

int mp_read_str(struct mp_reader *r, const char **ret, size_t *ret_len)
{
	const uint8_t *s;
	int e = mp_read_bytes(r, MP_STR, &s, ret_len);

	if (e)
		return e;
	*ret = (const char *)s;
	return 0;
}

int mp_read_bin(struct mp_reader *r, const uint8_t **ret, size_t *ret_len)
{
	return mp_read_bytes(r, MP_BIN, ret, ret_len);
}

int mp_read_array(struct mp_reader *r, uint32_t *ret_n)
{
	struct mp_reader copy = *r;
	uint32_t n;

	if (r->at < r->end && (*r->at & 0xf0) == 0x90) { /* as most are */
		n = *r->at & 0x0f;
		if (n > mp_left(r) - 1)
			return -EPROTO;
		*ret_n = n;
		r->at++;
		return 0;
	}
	if (mp_read_head(&copy, MP_ARRAY, &n) || n > mp_left(&copy))
		return -EPROTO;
	*ret_n = n;
	*r = copy;
	return 0;
}

int mp_read_map(struct mp_reader *r, uint32_t *ret_n)
{
	struct mp_reader copy = *r;
	uint32_t n;

	if (mp_read_head(&copy, MP_MAP, &n) || n > mp_left(&copy) / 2)
		return -EPROTO;
	*ret_n = n;
	*r = copy;
	return 0;
}

int mp_read_ref(struct mp_reader *r, actor_ref *ret)
{
	static const uint8_t head[3] = {0xc7, 24, MP_EXT_REF};

	if (mp_left(r) < MP_REF_BYTES || memcmp(r->at, head, sizeof(head)))
		return -EPROTO;
	ret->node = mp_load(r->at + 3, 8);
	ret->group = mp_load(r->at + 11, 8);
	ret->serial = mp_load(r->at + 19, 8);
	r->at += MP_REF_BYTES;
	return 0;
}

int mp_read_ext(struct mp_reader *r, int8_t *ret_type, const uint8_t **ret, size_t *ret_len)
{
	struct mp_reader copy = *r;
	const struct mp_shape *shape;
	size_t len;

	if (mp_peek(r) != MP_EXT)
		return -EPROTO;
	shape = &mp_shapes[*r->at - 0xc0];
	if (mp_left(r) < 1u + shape->fixed)
		return -EPROTO;
	if (!shape->width) { /* 1, 2, 4, 8 or 16 bytes, which are part of the fixed ones */
		*ret_type = (int8_t)r->at[1];
		*ret = r->at + 2;
		*ret_len = shape->fixed - 1u;
		r->at += 1u + shape->fixed;
		return 0;
	}
	len = (size_t)mp_load(r->at + 1, shape->width);
	copy.at += 1u + shape->fixed;
	if (len > mp_left(&copy))
		return -EPROTO;
	*ret_type = (int8_t)copy.at[-1];
	*ret = copy.at;
	*ret_len = len;
	r->at = copy.at + len;
	return 0;
}

int mp_skip_depth(struct mp_reader *r, unsigned depth_max)
{
	uint64_t left[MP_DEPTH_MAX]; /* number of values that are still to come in each open array or map */
	unsigned depth = 0;
	const uint8_t *at = r->at, *end = r->end;

	assert(depth_max <= MP_DEPTH_MAX);
	for (;;) {
		const struct mp_shape *shape;
		uint64_t n;
		uint8_t c;

		if (at >= end)
			return -EPROTO;
		c = *at++;
		if (c < 0x80 || c >= 0xe0) {
			goto value_done;
		} else if (c < 0xa0) {
			n = c < 0x90 ? (c & 0x0fu) * 2u : c & 0x0fu;
			goto container;
		} else if (c < 0xc0) {
			n = c & 0x1f;
			goto bytes;
		}

		shape = &mp_shapes[c - 0xc0];
		if (shape->type == MP_BAD || (size_t)(end - at) < shape->fixed)
			return -EPROTO;
		n = shape->width ? mp_load(at, shape->width) : 0;
		at += shape->fixed;
		if (shape->type == MP_ARRAY)
			goto container;
		if (shape->type == MP_MAP) {
			n *= 2;
			goto container;
		}
bytes:
		if (n > (size_t)(end - at))
			return -EPROTO;
		at += n;
		goto value_done;

container:
		/*
		 * Each element takes at least one byte, so a count above the number of bytes left is wrong.
		 */
		if (depth == depth_max || n > (size_t)(end - at))
			return -EPROTO;
		if (n) {
			left[depth++] = n;
			continue;
		}
value_done:
		while (depth && --left[depth - 1] == 0)
			depth--;
		if (!depth) {
			r->at = at;
			return 0;
		}
	}
}

int mp_skip(struct mp_reader *r)
{
	return mp_skip_depth(r, MP_DEPTH_MAX);
}

int mp_read_raw(struct mp_reader *r, const uint8_t **ret, size_t *ret_len)
{
	const uint8_t *start = r->at;

	if (mp_skip_depth(r, MP_DEPTH_MAX))
		return -EPROTO;
	*ret = start;
	*ret_len = (size_t)(r->at - start);
	return 0;
}

bool mp_str_is(const char *s, size_t len, const char *literal)
{
	return strlen(literal) == len && !memcmp(s, literal, len);
}

/* ---- writing ---- */

#define MP_PUT(b, max_bytes, call)                                                                           \
	do {                                                                                                 \
		uint8_t *p = buf_reserve(b, max_bytes);                                                      \
		if (p)                                                                                       \
			(b)->size_bytes = (size_t)((call) - (b)->data);                                      \
	} while (0)

static void mp_put_byte(struct buf *b, uint8_t c)
{
	uint8_t *p = buf_reserve(b, 1);

	if (!p)
		return;
	*p = c;
	b->size_bytes++;
}

void mp_put_nil(struct buf *b)
{
	mp_put_byte(b, 0xc0);
}

void mp_put_bool(struct buf *b, bool v)
{
	mp_put_byte(b, v ? 0xc3 : 0xc2);
}

void mp_put_uint(struct buf *b, uint64_t v)
{
	MP_PUT(b, MP_INT_MAX_BYTES, mp_encode_uint(p, v));
}

void mp_put_int(struct buf *b, int64_t v)
{
	MP_PUT(b, MP_INT_MAX_BYTES, mp_encode_int(p, v));
}

void mp_put_float(struct buf *b, float v)
{
	uint32_t bits;

	memcpy(&bits, &v, sizeof(bits));
	MP_PUT(b, MP_INT_MAX_BYTES, mp_encode_u32(p, 0xca, bits));
}

void mp_put_double(struct buf *b, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	MP_PUT(b, MP_INT_MAX_BYTES, mp_encode_u64(p, 0xcb, bits));
}

/* A length that msgpack cannot express counts as a failed allocation. */
static uint8_t *mp_reserve_bytes(struct buf *b, size_t len)
{
	size_t need = len <= UINT32_MAX ? len + MP_HEAD_MAX_BYTES + 1
					: SIZE_MAX; /* the last byte is the type of an ext */

	return buf_reserve(b, need);
}

void mp_put_str(struct buf *b, const char *s, size_t len)
{
	uint8_t *p = mp_reserve_bytes(b, len);

	if (p)
		b->size_bytes =
			(size_t)(mp_encode_bytes(mp_encode_str_head(p, (uint32_t)len), s, len) - b->data);
}

void mp_put_cstr(struct buf *b, const char *s)
{
	if (s)
		mp_put_str(b, s, strlen(s));
	else
		mp_put_nil(b);
}

void mp_put_bin(struct buf *b, const void *data, size_t len)
{
	uint8_t *p = mp_reserve_bytes(b, len);

	if (p)
		b->size_bytes =
			(size_t)(mp_encode_bytes(mp_encode_bin_head(p, (uint32_t)len), data, len) - b->data);
}

void mp_put_ext(struct buf *b, int8_t type, const void *data, size_t len)
{
	uint8_t *p = mp_reserve_bytes(b, len);

	if (!p)
		return;
	if (len && len <= 16 && (len & (len - 1)) == 0)
		*p++ = (uint8_t)(0xd4 + __builtin_ctz((unsigned)len));
	else if (len <= UINT8_MAX)
		p = mp_encode_u8(p, 0xc7, (uint8_t)len);
	else if (len <= UINT16_MAX)
		p = mp_encode_u16(p, 0xc8, (uint16_t)len);
	else
		p = mp_encode_u32(p, 0xc9, (uint32_t)len);
	*p++ = (uint8_t)type;
	b->size_bytes = (size_t)(mp_encode_bytes(p, data, len) - b->data);
}

void mp_put_array(struct buf *b, uint32_t n)
{
	MP_PUT(b, MP_HEAD_MAX_BYTES, mp_encode_array(p, n));
}

void mp_put_map(struct buf *b, uint32_t n)
{
	MP_PUT(b, MP_HEAD_MAX_BYTES, mp_encode_map(p, n));
}

void mp_put_ref(struct buf *b, actor_ref ref)
{
	MP_PUT(b, MP_REF_BYTES, mp_encode_ref(p, ref));
}

void mp_put_raw(struct buf *b, const void *data, size_t len)
{
	buf_append(b, data, len);
}

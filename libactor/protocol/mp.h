/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of msgpack that frames need: a bounds-checked reader over borrowed bytes, and a writer into a
 * struct buf. The reader allocates nothing and does not recurse. It reads headers, and skips values that are
 * only passed on. body.c and object.c read the payloads for programs.
 *
 * Every read returns 0 or -EPROTO (truncated, or not of that type). After an error the reader has not moved.
 * Pointers point into the input.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/util/buf.h"

#define MP_DEPTH_MAX 64

enum mp_type {
	MP_NIL,
	MP_BOOL,
	MP_UINT,
	MP_INT /* negative */,
	MP_FLOAT,
	MP_STR,
	MP_BIN,
	MP_ARRAY,
	MP_MAP,
	MP_EXT,
	MP_BAD
};

struct mp_reader {
	const uint8_t *at;
	const uint8_t *end;
};

static inline struct mp_reader mp_reader(const void *data, size_t size_bytes)
{
	return (struct mp_reader){(const uint8_t *)data, (const uint8_t *)data + size_bytes};
}

enum mp_type mp_peek(const struct mp_reader *r); /* MP_BAD at the end or on 0xc1 */
int mp_read_nil(struct mp_reader *r);
int mp_read_bool(struct mp_reader *r, bool *ret);
int mp_read_uint(struct mp_reader *r, uint64_t *ret); /* any encoding of an integer ≥ 0 */
int mp_read_int(struct mp_reader *r, int64_t *ret);   /* any integer that fits */
int mp_read_double(struct mp_reader *r, double *ret); /* float 32/64 or an integer */
int mp_read_str(struct mp_reader *r, const char **ret, size_t *ret_len);
int mp_read_bin(struct mp_reader *r, const uint8_t **ret, size_t *ret_len);
/* n elements follow. -EPROTO if fewer than n bytes follow. */
int mp_read_array(struct mp_reader *r, uint32_t *ret_n);
int mp_read_map(struct mp_reader *r, uint32_t *ret_n); /* n pairs follow; -EPROTO if fewer than 2n bytes do */
int mp_read_ref(struct mp_reader *r, actor_ref *ret);  /* ext type 1, 24 bytes */
int mp_read_ext(
	struct mp_reader *r, int8_t *ret_type, const uint8_t **ret, size_t *ret_len); /* an ext of any type */
/* Skips one whole value, nested at most MP_DEPTH_MAX deep; otherwise returns -EPROTO. Not recursive. */
int mp_skip(struct mp_reader *r);
/*
 * Skips a value that is at most @depth_max deep: a scalar is 0 deep, [] is 1 deep. @depth_max ≤ MP_DEPTH_MAX.
 */
int mp_skip_depth(struct mp_reader *r, unsigned depth_max);
/* Skips a value, and sets *ret and *ret_len to its bytes. */
int mp_read_raw(struct mp_reader *r, const uint8_t **ret, size_t *ret_len);
/* Whether @s is @literal. For the keys of a map. */
bool mp_str_is(const char *s, size_t len, const char *literal);

void mp_put_nil(struct buf *b);
void mp_put_bool(struct buf *b, bool v);
void mp_put_uint(struct buf *b, uint64_t v);
void mp_put_int(struct buf *b, int64_t v);
void mp_put_float(struct buf *b, float v);
void mp_put_double(struct buf *b, double v);
void mp_put_str(struct buf *b, const char *s, size_t len);
void mp_put_cstr(struct buf *b, const char *s); /* NULL writes nil */
void mp_put_bin(struct buf *b, const void *data, size_t len);
void mp_put_array(struct buf *b, uint32_t n);
void mp_put_map(struct buf *b, uint32_t n);
void mp_put_ext(struct buf *b, int8_t type, const void *data, size_t len);
void mp_put_ref(struct buf *b, actor_ref ref);
void mp_put_raw(struct buf *b, const void *data, size_t len);

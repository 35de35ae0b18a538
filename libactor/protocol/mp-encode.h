/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing of msgpack through a pointer. The caller has made sure that there is room. Each function returns
 * the place behind what it wrote. mp_put_*() and the frame headers consist of these functions; a frame header
 * reserves its room once.
 */
#pragma once

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "actor/actor.h"

#define MP_INT_MAX_BYTES  9
#define MP_HEAD_MAX_BYTES 5  /* of a str, bin, array or map */
#define MP_REF_BYTES      27 /* 0xc7 24 1 and the three numbers */
#define MP_EXT_REF        1

static inline uint8_t *mp_encode_u8(uint8_t *p, uint8_t head, uint8_t v)
{
	p[0] = head;
	p[1] = v;
	return p + 2;
}

static inline uint8_t *mp_encode_u16(uint8_t *p, uint8_t head, uint16_t v)
{
	p[0] = head;
	v = htobe16(v);
	memcpy(p + 1, &v, sizeof(v));
	return p + 3;
}

static inline uint8_t *mp_encode_u32(uint8_t *p, uint8_t head, uint32_t v)
{
	p[0] = head;
	v = htobe32(v);
	memcpy(p + 1, &v, sizeof(v));
	return p + 5;
}

static inline uint8_t *mp_encode_u64(uint8_t *p, uint8_t head, uint64_t v)
{
	p[0] = head;
	v = htobe64(v);
	memcpy(p + 1, &v, sizeof(v));
	return p + 9;
}

static inline uint8_t *mp_encode_uint(uint8_t *p, uint64_t v)
{
	if (v < 0x80) {
		*p = (uint8_t)v;
		return p + 1;
	}
	if (v <= UINT8_MAX)
		return mp_encode_u8(p, 0xcc, (uint8_t)v);
	if (v <= UINT16_MAX)
		return mp_encode_u16(p, 0xcd, (uint16_t)v);
	if (v <= UINT32_MAX)
		return mp_encode_u32(p, 0xce, (uint32_t)v);
	return mp_encode_u64(p, 0xcf, v);
}

static inline uint8_t *mp_encode_int(uint8_t *p, int64_t v)
{
	if (v >= 0)
		return mp_encode_uint(p, (uint64_t)v);
	if (v >= -32) {
		*p = (uint8_t)v;
		return p + 1;
	}
	if (v >= INT8_MIN)
		return mp_encode_u8(p, 0xd0, (uint8_t)v);
	if (v >= INT16_MIN)
		return mp_encode_u16(p, 0xd1, (uint16_t)v);
	if (v >= INT32_MIN)
		return mp_encode_u32(p, 0xd2, (uint32_t)v);
	return mp_encode_u64(p, 0xd3, (uint64_t)v);
}

static inline uint8_t *mp_encode_str_head(uint8_t *p, uint32_t len)
{
	if (len < 32) {
		*p = (uint8_t)(0xa0 | len);
		return p + 1;
	}
	if (len <= UINT8_MAX)
		return mp_encode_u8(p, 0xd9, (uint8_t)len);
	if (len <= UINT16_MAX)
		return mp_encode_u16(p, 0xda, (uint16_t)len);
	return mp_encode_u32(p, 0xdb, len);
}

static inline uint8_t *mp_encode_bin_head(uint8_t *p, uint32_t len)
{
	if (len <= UINT8_MAX)
		return mp_encode_u8(p, 0xc4, (uint8_t)len);
	if (len <= UINT16_MAX)
		return mp_encode_u16(p, 0xc5, (uint16_t)len);
	return mp_encode_u32(p, 0xc6, len);
}

static inline uint8_t *mp_encode_array(uint8_t *p, uint32_t n)
{
	if (n < 16) {
		*p = (uint8_t)(0x90 | n);
		return p + 1;
	}
	if (n <= UINT16_MAX)
		return mp_encode_u16(p, 0xdc, (uint16_t)n);
	return mp_encode_u32(p, 0xdd, n);
}

static inline uint8_t *mp_encode_map(uint8_t *p, uint32_t n)
{
	if (n < 16) {
		*p = (uint8_t)(0x80 | n);
		return p + 1;
	}
	if (n <= UINT16_MAX)
		return mp_encode_u16(p, 0xde, (uint16_t)n);
	return mp_encode_u32(p, 0xdf, n);
}

static inline uint8_t *mp_encode_bytes(uint8_t *p, const void *data, size_t len)
{
	if (len)
		memcpy(p, data, len);
	return p + len;
}

static inline uint8_t *mp_encode_ref(uint8_t *p, actor_ref ref)
{
	uint64_t be[3] = {htobe64(ref.node), htobe64(ref.group), htobe64(ref.serial)};

	p[0] = 0xc7;
	p[1] = 24;
	p[2] = MP_EXT_REF;
	memcpy(p + 3, be, sizeof(be));
	return p + MP_REF_BYTES;
}

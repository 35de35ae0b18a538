/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/util/siphash.h"

#include <endian.h>
#include <string.h>

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t sip_rotl(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static inline uint64_t sip_load(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static inline void sip_store(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

static inline void sip_rounds(struct sip *s, int n)
{
	while (n--) {
		s->v0 += s->v1;
		s->v1 = sip_rotl(s->v1, 13) ^ s->v0;
		s->v0 = sip_rotl(s->v0, 32);
		s->v2 += s->v3;
		s->v3 = sip_rotl(s->v3, 16) ^ s->v2;
		s->v0 += s->v3;
		s->v3 = sip_rotl(s->v3, 21) ^ s->v0;
		s->v2 += s->v1;
		s->v1 = sip_rotl(s->v1, 17) ^ s->v2;
		s->v2 = sip_rotl(s->v2, 32);
	}
}

static inline uint64_t sip_fold(const struct sip *s)
{
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/* Does everything up to the finalization. @wide: the 128-bit variant starts with another v1. */
static inline struct sip sip_absorb(
	const uint8_t *data, size_t size_bytes, const uint8_t key[16], uint64_t wide)
{
	uint64_t k0 = sip_load(key), k1 = sip_load(key + 8), m = (uint64_t)size_bytes << 56;
	struct sip s = {
		k0 ^ UINT64_C(0x736f6d6570736575),
		k1 ^ UINT64_C(0x646f72616e646f6d) ^ wide,
		k0 ^ UINT64_C(0x6c7967656e657261),
		k1 ^ UINT64_C(0x7465646279746573),
	};
	size_t rest = size_bytes & 7;

	for (size_t n = size_bytes / 8; n; n--, data += 8) {
		uint64_t word = sip_load(data);

		s.v3 ^= word;
		sip_rounds(&s, 2);
		s.v0 ^= word;
	}
	while (rest--)
		m |= (uint64_t)data[rest] << (8 * rest);
	s.v3 ^= m;
	sip_rounds(&s, 2);
	s.v0 ^= m;
	return s;
}

uint64_t siphash64(const void *data, size_t size_bytes, const uint8_t key[16])
{
	struct sip s = sip_absorb(data, size_bytes, key, 0);

	s.v2 ^= 0xff;
	sip_rounds(&s, 4);
	return sip_fold(&s);
}

void siphash128(const void *data, size_t size_bytes, const uint8_t key[16], uint8_t ret[16])
{
	struct sip s = sip_absorb(data, size_bytes, key, 0xee);

	s.v2 ^= 0xee;
	sip_rounds(&s, 4);
	sip_store(ret, sip_fold(&s));
	s.v1 ^= 0xdd;
	sip_rounds(&s, 4);
	sip_store(ret + 8, sip_fold(&s));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/util/utf8.h"

#include <stdint.h>
#include <string.h>

static inline bool utf8_is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

size_t utf8_char_bytes(const char *s, size_t len)
{
	const unsigned char *u = (const unsigned char *)s;
	unsigned char low = 0x80, high = 0xbf;
	size_t n;

	if (u[0] < 0x80)
		return 1;
	if (u[0] < 0xc2 || u[0] > 0xf4)
		return 0;
	n = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	if (n > len)
		return 0;
	if (u[0] == 0xe0)
		low = 0xa0; /* smaller tails are overlong forms */
	else if (u[0] == 0xed)
		high = 0x9f; /* larger tails are surrogates */
	else if (u[0] == 0xf0)
		low = 0x90; /* smaller tails are overlong forms */
	else if (u[0] == 0xf4)
		high = 0x8f; /* larger tails are above U+10FFFF */
	if (u[1] < low || u[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++) {
		if (!utf8_is_tail(u[i]))
			return 0;
	}
	return n;
}

bool utf8_is_valid(const char *s, size_t len)
{
	while (len) {
		size_t n = utf8_char_bytes(s, len);

		if (!n)
			return false;
		s += n;
		len -= n;
	}
	return true;
}

bool utf8_char_is_control(const char *s)
{
	const unsigned char *u = (const unsigned char *)s;

	return u[0] < 0x20 || u[0] == 0x7f || (u[0] == 0xc2 && u[1] < 0xa0);
}

bool utf8_is_plain(const char *s, size_t len)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);

	/*
	 * Tests eight bytes at a time. The top bit of a byte is set when the byte is not ASCII, is 0x7f (+
	 * 1), or is below 0x20 (- 0x20).
	 */
	while (len >= 8) {
		uint64_t x;

		memcpy(&x, s, sizeof(x));
		if ((x | (x + ones) | (x - ones * 0x20)) & ones * 0x80)
			break;
		s += 8;
		len -= 8;
	}
	while (len) {
		size_t n;

		if ((unsigned char)(*s - 0x20) < 0x5f) { /* ASCII, as most are */
			s++;
			len--;
			continue;
		}
		n = utf8_char_bytes(s, len);
		if (!n || utf8_char_is_control(s))
			return false;
		s += n;
		len -= n;
	}
	return true;
}

void utf8_copy_plain(char *to, size_t to_bytes, const char *s, size_t len)
{
	while (len) {
		size_t n = utf8_char_bytes(s, len), written = 1;

		if ((n ? n : 1) >= to_bytes)
			break;
		if (*s == '\n' || *s == '\t' || *s == '\r')
			*to = ' ';
		else if (!n || utf8_char_is_control(s))
			*to = '?';
		else
			memcpy(to, s, written = n);
		to += written;
		to_bytes -= written;
		s += n ? n : 1;
		len -= n ? n : 1;
	}
	*to = 0;
}

#include "util/utf8.h"

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
		low = 0xa0; /* overlong */
	else if (u[0] == 0xed)
		high = 0x9f; /* surrogates */
	else if (u[0] == 0xf0)
		low = 0x90; /* overlong */
	else if (u[0] == 0xf4)
		high = 0x8f; /* above U+10FFFF */
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

static inline bool utf8_is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

/* Eight at a time: the top bit of a byte shows when it is not ASCII, is 0x7f (+ 1), or is below 0x20 (- 0x20). */
static inline bool utf8_word_is_plain(uint64_t x)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);

	return !((x | (x + ones) | (x - ones * 0x20)) & ones * 0x80);
}

/* Up to seven bytes as a word, some of them twice: what is asked of them is asked of each alone. */
static inline uint64_t utf8_load_short(const char *s, size_t len)
{
	uint32_t low, high;

	if (len >= 4) {
		memcpy(&low, s, sizeof(low));
		memcpy(&high, s + len - 4, sizeof(high));
		return (uint64_t)high << 32 | low;
	}
	return UINT64_C(0x2020202020000000) | (uint64_t)(unsigned char)s[0] << 16 | (uint64_t)(unsigned char)s[len / 2] << 8 |
		(unsigned char)s[len - 1];
}

bool utf8_is_plain(const char *s, size_t len)
{
	uint64_t x;

	while (len >= 8) {
		memcpy(&x, s, sizeof(x));
		if (!utf8_word_is_plain(x))
			break;
		s += 8;
		len -= 8;
	}
	if (len && len < 8 && utf8_word_is_plain(utf8_load_short(s, len)))
		return true;
	while (len) {
		size_t n = utf8_char_bytes(s, len);

		if (!n || utf8_is_control((unsigned char)*s))
			return false;
		s += n;
		len -= n;
	}
	return true;
}

void utf8_copy_plain(char *to, size_t to_bytes, const char *s, size_t len)
{
	while (len) {
		size_t n = utf8_char_bytes(s, len), step = n ? n : 1;

		if (step >= to_bytes)
			break;
		if (*s == '\n' || *s == '\t' || *s == '\r')
			*to = ' ';
		else if (!n || utf8_is_control((unsigned char)*s))
			*to = '?';
		else
			memcpy(to, s, n);
		to += step;
		to_bytes -= step;
		s += step;
		len -= step;
	}
	*to = 0;
}

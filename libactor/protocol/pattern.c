/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/protocol/pattern.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "libactor/util/utf8.h"

/* Returns the character at *at and moves *at behind it. The text was checked before: it is valid UTF-8. */
static uint32_t character(const char **at, const char *end)
{
	size_t n = utf8_char_bytes(*at, (size_t)(end - *at));
	const uint8_t *s = (const uint8_t *)*at;
	uint32_t c = n <= 1 ? s[0] : s[0] & (0x7fu >> n);

	for (size_t i = 1; i < n; i++)
		c = c << 6 | (s[i] & 0x3fu);
	*at += n ? n : 1;
	return c;
}

static bool is_escape(const char *at, const char *end)
{
	return at < end && *at == '\\';
}

/* Reads a character of a set, which may have a \ before it. False: the pattern ends before the character. */
static bool member(const char **at, const char *end, uint32_t *ret)
{
	if (is_escape(*at, end))
		++*at;
	if (*at >= end)
		return false;
	*ret = character(at, end);
	return true;
}

/*
 * Reads a set behind its [, and moves *at behind the ]. Returns 1 if @c is in the set, 0 if not. Returns
 * -EINVAL when the set has no end, no members, or a range that runs backwards.
 */
static int set_has(const char **at, const char *end, uint32_t c, size_t *steps)
{
	bool not = *at < end && **at == '!', found = false, empty = true;
	uint32_t from, to;

	*at += not ;
	while (*at < end && **at != ']') {
		if (!member(at, end, &from))
			return -EINVAL;
		to = from;
		if (end - *at >= 2 && **at == '-' && (*at)[1] != ']') {
			++*at;
			if (!member(at, end, &to) || to < from)
				return -EINVAL;
		}
		found |= c >= from && c <= to;
		empty = false;
		++*steps;
	}
	if (*at >= end || empty)
		return -EINVAL;
	++*at;
	return found != not ;
}

/*
 * Compares @c with one part of the pattern that is no *, and moves *at behind the part. Returns what
 * set_has() returns.
 */
static int part_fits(const char **at, const char *end, uint32_t c, size_t *steps)
{
	uint32_t own;

	++*steps;
	if (**at == '[') {
		++*at;
		return set_has(at, end, c, steps);
	}
	if (**at == '?') {
		++*at;
		return 1;
	}
	return member(at, end, &own) ? own == c : -EINVAL;
}

int pattern_parse(struct wire_str text, struct pattern *ret)
{
	const char *at = text.s, *end = text.s + text.len;
	size_t literal = 0, steps = 0;

	if (text.len > PATTERN_MAX_BYTES || !utf8_is_plain(text.s, text.len))
		return -EINVAL;
	while (literal < text.len && !strchr("*?[\\", text.s[literal]))
		literal++;
	while (at < end) {
		if (*at == '*')
			at++;
		else if (part_fits(&at, end, 0, &steps) < 0)
			return -EINVAL;
	}
	*ret = (struct pattern){text, wire_str(text.s, literal), literal == text.len};
	return 0;
}

bool pattern_fits(const struct pattern *pattern, struct wire_str name, size_t *steps)
{
	size_t n = pattern->literal.len;
	const char *p = pattern->text.s + n, *p_end = pattern->text.s + pattern->text.len;
	const char *s = name.s + n, *s_end = name.s + name.len;
	/* star: behind the last *. retry: where in the name the part after that * was last tried */
	const char *star = NULL, *retry = NULL;

	++*steps;
	if (name.len < n || memcmp(name.s, pattern->literal.s, n))
		return false;
	if (pattern->prefix)
		return true;
	/*
	 * Only the last * needs to take more characters: if the name fits with more for an earlier *, it also
	 * fits with more for the last one.
	 */
	while (s < s_end || p < p_end) {
		if (p < p_end && *p == '*') {
			star = ++p;
			retry = s;
			continue;
		}
		if (p < p_end && s < s_end && part_fits(&p, p_end, character(&s, s_end), steps) > 0)
			continue;
		if (!star || retry == s_end)
			return false;
		character(&retry, s_end);
		p = star;
		s = retry;
	}
	return true;
}

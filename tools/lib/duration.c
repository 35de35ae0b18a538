/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/duration.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int64_t ms;
} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};

/* Parses one part like "12.5s". Fractions of a millisecond are cut off. */
static int duration_parse_part(const char **at, int64_t *ret_ms)
{
	const char *p = *at;
	int64_t whole = 0, thousandths = 0, scale = 100, unit = 0, ms;
	size_t len = 0;

	if (!isdigit((unsigned char)*p) && !(*p == '.' && isdigit((unsigned char)p[1])))
		return -EINVAL;
	for (; isdigit((unsigned char)*p); p++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
			__builtin_add_overflow(whole, *p - '0', &whole))
			return -ERANGE;
	if (*p == '.') {
		p++;
		if (!isdigit((unsigned char)*p))
			return -EINVAL;
		for (; isdigit((unsigned char)*p); p++, scale /= 10)
			thousandths += (*p - '0') * scale;
	}
	while (isalpha((unsigned char)p[len]))
		len++;
	if (!len) {
		unit = 1000;
		if (*p)
			return -EINVAL;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (strlen(units[i].name) == len && !memcmp(units[i].name, p, len))
			unit = units[i].ms;
	if (!unit)
		return -EINVAL;
	if (__builtin_mul_overflow(whole, unit, &ms) || ms > DURATION_MAX_MS)
		return -ERANGE;
	*ret_ms = ms + thousandths * unit / 1000;
	*at = p + len;
	return 0;
}

int duration_parse(const char *text, int64_t *ret_ms)
{
	int64_t total = 0, part;
	const char *at = text;
	int r;

	do {
		/* "5" alone means seconds. "1m5" is refused as a mistake. */
		bool bare_allowed = at == text;

		r = duration_parse_part(&at, &part);
		if (r)
			return r;
		if (!bare_allowed && !isalpha((unsigned char)at[-1]))
			return -EINVAL;
		total += part;
		if (total > DURATION_MAX_MS)
			return -ERANGE;
	} while (*at);
	*ret_ms = total;
	return 0;
}

int duration_parse_range(const char *text, int64_t *ret_min_ms, int64_t *ret_max_ms)
{
	const char *colon = strchr(text, ':');
	char first[64];
	int64_t min_ms, max_ms = *ret_max_ms;
	int r;

	if (!colon) {
		r = duration_parse(text, &min_ms);
		if (r)
			return r;
		if (max_ms < min_ms)
			max_ms = min_ms;
	} else {
		if ((size_t)(colon - text) >= sizeof(first))
			return -EINVAL;
		memcpy(first, text, (size_t)(colon - text));
		first[colon - text] = '\0';
		r = duration_parse(first, &min_ms);
		if (!r)
			r = duration_parse(colon + 1, &max_ms);
		if (r)
			return r;
		if (max_ms < min_ms)
			return -EINVAL;
	}
	*ret_min_ms = min_ms;
	*ret_max_ms = max_ms;
	return 0;
}

char *duration_format(int64_t ms, char text[DURATION_TEXT_MAX])
{
	int64_t s = ms / 1000, m = s / 60, h = m / 60, d = h / 24;

	if (ms < 0)
		return duration_format(0, text);
	if (ms < 1000)
		snprintf(text, DURATION_TEXT_MAX, "%" PRId64 "ms", ms);
	else if (ms < 10000)
		snprintf(text, DURATION_TEXT_MAX, "%" PRId64 ".%" PRId64 "s", s, ms % 1000 / 100);
	else if (m < 1)
		snprintf(text, DURATION_TEXT_MAX, "%" PRId64 "s", s);
	else if (m < 10)
		snprintf(text, DURATION_TEXT_MAX, "%" PRId64 "m%02" PRId64 "s", m, s % 60);
	else if (h < 1)
		snprintf(text, DURATION_TEXT_MAX, "%" PRId64 "m", m);
	else if (d < 1)
		snprintf(text, DURATION_TEXT_MAX, "%" PRId64 "h%02" PRId64 "m", h, m % 60);
	else
		snprintf(text, DURATION_TEXT_MAX, "%" PRId64 "d%" PRId64 "h", d, h % 24);
	return text;
}

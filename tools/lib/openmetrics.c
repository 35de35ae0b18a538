/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/openmetrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "libactor/util/utf8.h"

#define SECONDS_MAX 40

static void put(struct buf *b, const char *text)
{
	buf_append(b, text, strlen(text));
}

/* Writes text with the escapes for a HELP line and for a label's value. */
static void put_escaped(struct buf *b, const char *text)
{
	size_t len = strlen(text), n;

	for (size_t i = 0; i < len; i += n) {
		n = utf8_char_bytes(text + i, len - i);
		if (!n) {
			n = 1;
			put(b, "?");
		} else if (text[i] == '\n') {
			put(b, "\\n");
		} else {
			if (text[i] == '\\' || text[i] == '"')
				put(b, "\\");
			buf_append(b, text + i, n);
		}
	}
}

/* Formats seconds without needless digits, as "1.5", "0.00005", "3". So a bound has always the same text. */
static char *seconds_text(uint64_t us, char text[SECONDS_MAX])
{
	size_t end =
		(size_t)snprintf(text, SECONDS_MAX, "%" PRIu64 ".%06" PRIu64, us / 1000000, us % 1000000);

	while (text[end - 1] == '0')
		end--;
	if (text[end - 1] == '.')
		end--;
	text[end] = 0;
	return text;
}

void openmetrics_family(struct buf *b, const char *family, enum openmetrics_type type, const char *help)
{
	static const char *const types[] = {"gauge", "counter", "histogram"};
	static const char *const units[] = {"bytes", "seconds"};
	size_t len = strlen(family);

	put(b, "# TYPE ");
	put(b, family);
	put(b, " ");
	put(b, types[type]);
	for (int i = 0; i < 2; i++) {
		size_t unit = strlen(units[i]);

		if (len <= unit || family[len - unit - 1] != '_' ||
			strcmp(family + len - unit, units[i]) != 0)
			continue;
		put(b, "\n# UNIT ");
		put(b, family);
		put(b, " ");
		put(b, units[i]);
	}
	put(b, "\n# HELP ");
	put(b, family);
	put(b, " ");
	put_escaped(b, help);
	put(b, "\n");
}

static void put_sample(struct buf *b, const char *family, const char *suffix,
	const struct openmetrics_label *labels, size_t n_labels, const char *value)
{
	put(b, family);
	put(b, suffix);
	for (size_t i = 0; i < n_labels; i++) {
		put(b, i ? "," : "{");
		put(b, labels[i].name);
		put(b, "=\"");
		put_escaped(b, labels[i].value);
		put(b, "\"");
	}
	put(b, n_labels ? "} " : " ");
	put(b, value);
	put(b, "\n");
}

void openmetrics_sample(struct buf *b, const char *family, const char *suffix,
	const struct openmetrics_label *labels, size_t n_labels, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	put_sample(b, family, suffix, labels, n_labels, text);
}

void openmetrics_sample_us(struct buf *b, const char *family, const char *suffix,
	const struct openmetrics_label *labels, size_t n_labels, uint64_t value_us)
{
	char text[SECONDS_MAX];

	put_sample(b, family, suffix, labels, n_labels, seconds_text(value_us, text));
}

void openmetrics_histogram_us(struct buf *b, const char *family, const uint64_t *bounds_us,
	const uint64_t *counts, size_t n_bounds, uint64_t sum_us)
{
	uint64_t n = 0;

	for (size_t i = 0; i <= n_bounds; i++) {
		char text[SECONDS_MAX] = "+Inf";
		struct openmetrics_label le = {"le", text};

		if (i < n_bounds)
			seconds_text(bounds_us[i], text);
		n += counts[i];
		openmetrics_sample(b, family, "_bucket", &le, 1, n);
	}
	openmetrics_sample(b, family, "_count", NULL, 0, n);
	openmetrics_sample_us(b, family, "_sum", NULL, 0, sum_us);
}

void openmetrics_end(struct buf *b)
{
	put(b, "# EOF\n");
}

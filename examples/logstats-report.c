/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "logstats.h"

#define PATHS_SHOWN     10
#define BAD_LINES_SHOWN 20

/* ---- JSON ---- */

/* Length of the UTF-8 character at @s; 0: the bytes are no UTF-8. */
static size_t utf8_length(const unsigned char *s, size_t size)
{
	unsigned char c = s[0];
	size_t n = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;

	if (n > size)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* not the shortest form; half of a surrogate pair */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
		/* not the shortest form; too large */
		(s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static void json_string(const char *text, size_t size)
{
	const unsigned char *s = (const unsigned char *)text;

	putchar('"');
	for (size_t i = 0, n; i < size; i += n ? n : 1) {
		n = utf8_length(s + i, size - i);
		if (!n)
			printf("\\ufffd");
		else if (s[i] == '"' || s[i] == '\\')
			printf("\\%c", s[i]);
		else if (s[i] < 0x20 || s[i] == 0x7f)
			printf("\\u%04x", s[i]);
		else
			fwrite(s + i, 1, n, stdout);
	}
	putchar('"');
}

static void json_status(const struct totals *totals, const char *name, bool bytes)
{
	const char *comma = "";

	printf("  \"%s\": {", name);
	for (int i = 0; i <= STATUS_MAX - STATUS_MIN; i++) {
		const struct tally *tally = &totals->status[i];

		if (!tally->requests)
			continue;
		printf("%s\"%d\": %llu", comma, STATUS_MIN + i,
			(unsigned long long)(bytes ? tally->bytes : tally->requests));
		comma = ", ";
	}
	printf("},\n");
}

static void json_methods(const struct table *table)
{
	const struct entry **sorted = table_sorted(table);

	printf("  \"methods\": {");
	for (size_t i = 0; sorted && i < table->n; i++) {
		printf(i ? ", " : "");
		json_string(sorted[i]->key, sorted[i]->key_len);
		printf(": %llu", (unsigned long long)sorted[i]->tally.requests);
	}
	printf("},\n");
	free(sorted);
}

static void json_paths(const struct table *table)
{
	const struct entry **sorted = table_sorted(table);

	printf("  \"paths\": [");
	for (size_t i = 0; sorted && i < table->n && i < PATHS_SHOWN; i++) {
		printf("%s\n    {\"path\": ", i ? "," : "");
		json_string(sorted[i]->key, sorted[i]->key_len);
		printf(", \"requests\": %llu, \"bytes\": %llu}",
			(unsigned long long)sorted[i]->tally.requests,
			(unsigned long long)sorted[i]->tally.bytes);
	}
	printf("%s],\n", table->n ? "\n  " : "");
	free(sorted);
}

int report_json(const struct result *result)
{
	const struct totals *totals = result->totals;
	const struct work *work = result->work;

	printf("{\n  \"file\": ");
	json_string(work->path, strlen(work->path));
	printf(",\n  \"lines\": %llu,\n", (unsigned long long)work->n_lines);
	printf("  \"good_lines\": %llu,\n", (unsigned long long)totals->all.requests);
	printf("  \"bad_lines\": [");
	for (size_t i = 0; i < work->n_bad_lines; i++)
		printf("%s%llu", i ? ", " : "", (unsigned long long)work->bad_lines[i]);
	printf("],\n  \"crashes\": %llu,\n", (unsigned long long)result->crashes);
	json_status(totals, "status", false);
	printf("  \"bytes\": %llu,\n", (unsigned long long)totals->all.bytes);
	json_status(totals, "bytes_by_status", true);
	json_methods(&totals->methods);
	json_paths(&totals->paths);
	printf("  \"parsers\": %u,\n  \"seconds\": %.3f\n}\n", result->n_parsers, result->seconds);
	return fflush(stdout);
}

/* ---- for people ---- */

static void table_row(const char *key, size_t key_len, struct tally tally)
{
	printf("  %12llu %16llu  ", (unsigned long long)tally.requests, (unsigned long long)tally.bytes);
	for (size_t i = 0; i < key_len; i++) /* a log may have control sequences for the terminal */
		putchar(key[i] >= 0x20 && key[i] < 0x7f ? key[i] : '?');
	putchar('\n');
}

static void table_rows(const char *title, const struct table *table, size_t max)
{
	const struct entry **sorted = table_sorted(table);

	printf("\n  %12s %16s  %s\n", "requests", "bytes", title);
	for (size_t i = 0; sorted && i < table->n && i < max; i++)
		table_row(sorted[i]->key, sorted[i]->key_len, sorted[i]->tally);
	if (table->n > max)
		printf("  and %zu more\n", table->n - max);
	free(sorted);
}

int report_table(const struct result *result)
{
	const struct totals *totals = result->totals;
	const struct work *work = result->work;
	char code[16];

	printf("%s: %llu lines, %llu bytes sent, %zu bad lines, %llu crashes, %.2f s with %u parsers\n",
		work->path, (unsigned long long)work->n_lines, (unsigned long long)totals->all.bytes,
		work->n_bad_lines, (unsigned long long)result->crashes, result->seconds, result->n_parsers);
	if (totals->all.requests) {
		printf("\n  %12s %16s  %s\n", "requests", "bytes", "status");
		for (int i = 0; i <= STATUS_MAX - STATUS_MIN; i++)
			if (totals->status[i].requests)
				table_row(code, (size_t)snprintf(code, sizeof(code), "%d", STATUS_MIN + i),
					totals->status[i]);
		table_rows("method", &totals->methods, PATHS_SHOWN);
		table_rows("path", &totals->paths, PATHS_SHOWN);
	}
	if (work->n_bad_lines) {
		printf("\nset aside, for the parser dies of them: line%s", work->n_bad_lines > 1 ? "s" : "");
		for (size_t i = 0; i < work->n_bad_lines && i < BAD_LINES_SHOWN; i++)
			printf("%s%llu", i ? ", " : " ", (unsigned long long)work->bad_lines[i]);
		if (work->n_bad_lines > BAD_LINES_SHOWN)
			printf(" and %zu more (all of them: --json)", work->n_bad_lines - BAD_LINES_SHOWN);
		putchar('\n');
	}
	return fflush(stdout);
}

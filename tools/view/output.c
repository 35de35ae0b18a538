/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/view/output.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/util/utf8.h"

/*
 * How many digits the numbers in @value need. jansson writes all reals of a value with the same number of
 * digits. 17 are always enough, but 0.1 should not be shown with 17 digits.
 */
static unsigned output_digits(const json_t *value)
{
	unsigned most = 1, n;
	const json_t *element;
	const char *key;
	size_t i;

	if (json_is_real(value)) {
		char text[64];

		for (n = 6; n < 17; n++) {
			snprintf(text, sizeof(text), "%.*g", (int)n, json_real_value(value));
			if (strtod(text, NULL) == json_real_value(value))
				break;
		}
		return n;
	}
	if (json_is_array(value)) {
		json_array_foreach(value, i, element)
			if ((n = output_digits(element)) > most)
				most = n;
	} else if (json_is_object(value)) {
		json_object_foreach((json_t *)value, key, element)
			if ((n = output_digits(element)) > most)
				most = n;
	}
	return most;
}

/*
 * Writes a part of JSON. jansson escapes the control characters up to U+001F only. The others stand in
 * strings alone and may be escaped there, wherever the output goes: it means the same, and may reach a
 * terminal through a pager.
 */
static int output_json_part(const char *text, size_t size_bytes, void *arg)
{
	const char *end = text + size_bytes, *from = text;
	FILE *to = arg;

	for (size_t n; text < end; text += n) {
		n = utf8_char_bytes(text, (size_t)(end - text));
		n += !n;
		if ((unsigned char)*text < 0x20 || !utf8_char_is_control(text))
			continue; /* a newline here is the indentation's */
		fwrite(from, 1, (size_t)(text - from), to);
		fprintf(to, "\\u%04x", n == 1 ? (unsigned char)text[0] : (unsigned char)text[1]);
		from = text + n;
	}
	fwrite(from, 1, (size_t)(end - from), to);
	return 0; /* the caller looks at ferror() */
}

static void output_json_to(FILE *to, const json_t *value, size_t flags)
{
	flags |= JSON_ENCODE_ANY | JSON_REAL_PRECISION(output_digits(value));
	json_dump_callback(value, output_json_part, to, flags);
}

void output_json(const struct ctl *ctl, const json_t *value)
{
	output_json_to(stdout, value, ctl->stdout_is_tty ? JSON_INDENT(2) : 0);
	putchar('\n');
}

void output_json_line(const json_t *value)
{
	output_json_to(stdout, value, 0);
	putchar('\n');
}

char *output_json_text(const json_t *value)
{
	size_t size_bytes;
	char *text = NULL;
	FILE *to;

	to = value ? open_memstream(&text, &size_bytes) : NULL;
	if (!to)
		return NULL;
	output_json_to(to, value, 0);
	if (!fclose(to))
		return text;
	free(text);
	return NULL;
}

void output_text(const char *text)
{
	size_t left = strlen(text), n;

	for (; left; text += n, left -= n) {
		n = utf8_char_bytes(text, left);
		if (n && !utf8_char_is_control(text))
			fwrite(text, 1, n, stdout);
		else
			putchar('?');
		n += !n;
	}
}

static bool output_word_is_plain(const char *word, size_t size_bytes)
{
	for (size_t i = 0; i < size_bytes; i++)
		if ((unsigned char)word[i] <= 0x20 || strchr("\"'\\$`*?&|;<>()[]{}#~!", word[i]))
			return false;
	return size_bytes > 0;
}

/* Writes the inner part of $'…'. */
static void output_escaped(const char *word, size_t size_bytes)
{
	size_t n;

	for (size_t i = 0; i < size_bytes; i += n) {
		n = utf8_char_bytes(word + i, size_bytes - i);
		if (!n || utf8_char_is_control(word + i)) {
			n = 1; /* a second byte is none of a character by itself */
			printf(word[i] == '\n'    ? "\\n"
				: word[i] == '\r' ? "\\r"
				: word[i] == '\t' ? "\\t"
						  : "\\x%02x",
				(unsigned char)word[i]);
			continue;
		}
		if (word[i] == '\'' || word[i] == '\\')
			putchar('\\');
		fwrite(word + i, 1, n, stdout);
	}
}

void output_word(const char *word, size_t size_bytes)
{
	if (!utf8_is_plain(word, size_bytes)) {
		fputs("$'", stdout);
		output_escaped(word, size_bytes);
		putchar('\'');
	} else if (output_word_is_plain(word, size_bytes)) {
		fwrite(word, 1, size_bytes, stdout);
	} else {
		putchar('\'');
		for (size_t i = 0; i < size_bytes; i++)
			if (word[i] == '\'')
				fputs("'\\''", stdout);
			else
				putchar(word[i]);
		putchar('\'');
	}
}

int output_finish(int status)
{
	bool failed = ferror(stdout) != 0;
	int error = errno;

	if (fflush(stdout)) {
		failed = true;
		error = errno;
	}
	if (!failed)
		return status;
	if (error == EPIPE) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	fprintf(stderr, "actorctl: cannot write the output: %s\n", strerror(error));
	return status ? status : CTL_FAILED;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/logs/format.h"

#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libactor/protocol/cause.h"
#include "libactor/protocol/names.h"
#include "libactor/util/utf8.h"
#include "spawner/logs/writer.h"
#include "tools/lib/json.h"

static void put(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct buf *b, const char *format, ...)
{
	char text[512];
	va_list list;
	int n;

	va_start(list, format);
	n = vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (n > 0)
		buf_append(b, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

static bool is_event(const struct log_line *line)
{
	return line->kind != STAMP_LINES && line->kind != STAMP_CUT;
}

/* ---- for people ---- */

/* Names keep their colour over restarts and over nodes. Red is left to errors. */
static unsigned color_of(const char *name)
{
	static const uint8_t colors[] = {36, 33, 32, 35, 34, 96, 93, 92, 95, 94};
	uint32_t hash = 2166136261u;

	for (const char *c = name; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	return colors[(hash >> 16) % sizeof(colors)];
}

static void put_name(struct buf *b, const struct log_format *format, const char *name, const char *mark)
{
	char plain[256];
	size_t width = 0;

	if (!format->name_width)
		return;
	utf8_copy_plain(plain, sizeof(plain), name, strlen(name));
	for (const char *c = plain; *c; c++)
		width += ((unsigned char)*c & 0xc0) != 0x80;
	if (format->colors)
		put(b, "\033[%um", color_of(name));
	put(b, "%s%*s %s", plain, width < format->name_width ? (int)(format->name_width - width) : 0, "",
		mark);
	if (format->colors)
		put(b, "\033[0m");
}

static void put_time(struct buf *b, const struct log_line *line)
{
	time_t seconds = (time_t)(line->time_us / 1000000);
	char text[32] = "";
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%F %T", &tm);
	put(b, "%s.%03d #%u ", text, (int)(line->time_us / 1000 % 1000), line->life);
}

static void put_event(struct buf *b, const struct log_line *line)
{
	const struct stamp stamp = {
		.kind = (uint8_t)line->kind, .code = line->code, .number = line->number, .pid = line->pid};
	char text[STAMP_EVENT_SIZE];

	put(b, "--- %s\n", stamp_event_text(&stamp, text));
}

static void put_short(
	struct buf *b, const struct log_format *format, const char *name, const struct log_line *line)
{
	const char *mark = line->kind == STAMP_CUT ? "+ " : line->stream == 2 ? "! " : "| ";
	bool with_time = format->stamps && line->time_us;

	put_name(b, format, name, is_event(line) || with_time ? "" : mark);
	if (with_time)
		put_time(b, line);
	if (is_event(line)) {
		put_event(b, line);
		return;
	}
	if (with_time)
		put(b, "%s", mark);
	buf_append(b, line->bytes, line->n_bytes);
	/* what one program has switched on must not be seen in the lines of another one */
	if (format->colors && memchr(line->bytes, '\033', line->n_bytes))
		put(b, "\033[0m");
	put(b, "\n");
}

/* ---- for programs ---- */

static const char *event_word(const struct log_line *line)
{
	return line->kind == STAMP_STARTED ? "started"
	       : line->kind == STAMP_ENDED ? "ended"
	       : line->kind == STAMP_LOST  ? "lost"
					   : "failed";
}

static void put_event_json(json_t *value, const struct log_line *line)
{
	char scratch[16];

	json_object_set_new(value, "event", json_string(event_word(line)));
	if (line->kind == STAMP_LOST)
		json_object_set_new(value, "bytes", json_integer(line->number));
	else if (line->kind == STAMP_FAILED)
		json_object_set_new(value, "errno", json_integer(line->number));
	else if (line->kind == STAMP_ENDED && line->code == CLD_EXITED)
		json_object_set_new(value, "exit", json_integer(line->number));
	else if (line->kind == STAMP_ENDED)
		json_object_set_new(
			value, "signal", json_string(cause_signal_name((int)line->number, scratch)));
}

static json_t *number_or_null(int64_t number)
{
	return number ? json_integer(number) : json_null();
}

static void put_value(struct buf *b, json_t *value)
{
	char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;

	if (text) {
		buf_append(b, text, strlen(text));
		put(b, "\n");
	} else {
		b->failed = true;
	}
	free(text);
	json_decref(value);
}

static void put_json(struct buf *b, const char *name, const struct log_line *line)
{
	json_t *value = json_pack("{so so so so}", "name", json_of_bytes(name, strlen(name)), "at_us",
		number_or_null(line->time_us), "life", number_or_null(line->life), "pid",
		number_or_null(line->pid));

	if (value && is_event(line)) {
		put_event_json(value, line);
	} else if (value) {
		json_object_set_new(value, "stream",
			line->stream ? json_string(line->stream == 2 ? "stderr" : "stdout") : json_null());
		json_object_set_new(value, "text", json_of_bytes(line->bytes, line->n_bytes));
		if (line->open)
			json_object_set_new(value, "open", json_true());
	}
	put_value(b, value);
}

void log_format_line(
	struct buf *b, const struct log_format *format, const char *name, const struct log_line *line)
{
	switch (format->style) {
	case LOG_CAT:
		if (is_event(line))
			return;
		buf_append(b, line->bytes, line->n_bytes);
		buf_append(b, "\n", 1);
		return;
	case LOG_JSON:
		put_json(b, name, line);
		return;
	case LOG_SHORT:
		put_short(b, format, name, line);
		return;
	}
}

void log_format_missing(struct buf *b, const struct log_format *format, const char *name, uint64_t n_bytes)
{
	if (format->style == LOG_JSON) {
		put_value(b, json_pack("{so ss sI}", "name", json_of_bytes(name, strlen(name)), "event",
				     "not_shown", "bytes", (json_int_t)n_bytes));
		return;
	}
	put_name(b, format, name, "");
	put(b, "--- %" PRIu64 " bytes are missing here: nobody read them; see actorctl logs\n", n_bytes);
}

bool log_name_of_file(const char *file_name, char *ret, size_t size_bytes)
{
	size_t length = strlen(file_name), n = 0;

	if (length <= 4 || strcmp(file_name + length - 4, ".log") ||
		!strcmp(file_name, LOGFILE_NODE ".log") || !strcmp(file_name, NAME_BROKER ".log"))
		return false;
	for (size_t i = 0; i < length - 4 && n + 1 < size_bytes; i++) {
		unsigned c;

		if (file_name[i] == '%' && i + 2 < length - 4 && sscanf(file_name + i + 1, "%2x", &c) == 1 &&
			c) {
			ret[n++] = (char)c;
			i += 2;
		} else {
			ret[n++] = file_name[i];
		}
	}
	ret[n] = 0;
	return true;
}

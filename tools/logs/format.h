/* SPDX-License-Identifier: Apache-2.0 */
/* How the line of a log looks. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "libactor/util/buf.h"
#include "spawner/logs/lines.h"

enum log_style {
	LOG_SHORT, /* the name, or time and life, before each line; events have lines of their own */
	LOG_CAT,   /* the bytes alone */
	LOG_JSON,  /* one object on each line */
};

struct log_format {
	enum log_style style;
	bool stamps; /* LOG_SHORT: with time and life */
	bool colors;
	size_t name_width; /* LOG_SHORT: names are padded to this; 0: without names */
};

/*
 * Appends one line or event of the log of @name to @b. A line always ends with a newline here, also an open
 * one. Local time.
 */
void log_format_line(
	struct buf *b, const struct log_format *format, const char *name, const struct log_line *line);

/* Appends the line that says how many bytes were not shown, since nobody read. */
void log_format_missing(struct buf *b, const struct log_format *format, const char *name, uint64_t n_bytes);

/*
 * The name of a child for the name of its log (logfile_name()), as far as it can be told: a name that was cut
 * stays cut. False: it is no log of a child.
 */
bool log_name_of_file(const char *file_name, char *ret, size_t size_bytes);

/* SPDX-License-Identifier: Apache-2.0 */
/* Writes to stdout, and notices failures. */
#pragma once

#include <jansson.h>

#include "tools/view/ctl.h"

/*
 * Writes one value and a newline: indented on a terminal, else on one line. Numbers are as short as possible
 * without loss. Control characters are escaped.
 */
void output_json(const struct ctl *ctl, const json_t *value);
/* The same, always on one line. */
void output_json_line(const json_t *value);

/* The same as text, which the caller frees. NULL: memory ran out, or @value is NULL. */
char *output_json_text(const json_t *value);

/* Writes text of unknown origin, for instance a name. Control characters become '?'. */
void output_text(const char *text);

/*
 * Writes a word as a user would type it in a shell: quoted if needed; bytes that are no text are written like
 * $'\\xe9'.
 */
void output_word(const char *word, size_t size_bytes);

/*
 * Flushes stdout. Returns @status, or CTL_FAILED if something could not be written. If the reader of a pipe
 * has gone, the program ends as if by SIGPIPE, like other programs in a pipe.
 */
int output_finish(int status);

/* SPDX-License-Identifier: Apache-2.0 */
/* Writing to stdout so that a failure is noticed. */
#pragma once

#include <jansson.h>

#include "tools/view/ctl.h"

/*
 * One value and a newline; on a terminal indented, else on one line. Numbers as short as they can be without
 * a loss.
 */
void output_json(const struct ctl *ctl, const json_t *value);
/* The same, on one line wherever it goes. */
void output_json_line(const json_t *value);

/* The same as text, for the caller to free. NULL: no memory, or no value. */
char *output_json_text(const json_t *value);

/* Text of unknown origin, e.g. a name: control characters become '?'. */
void output_text(const char *text);

/*
 * A word as one would type it in a shell: quoted when it has to be, bytes that are no text as $'\\xe9'.
 */
void output_word(const char *word, size_t size_bytes);

/*
 * Flushes. Returns @status, or CTL_FAILED when something could not be written. When the reader of a pipe went
 * away the program ends as if by SIGPIPE, like every other program in a pipe.
 */
int output_finish(int status);

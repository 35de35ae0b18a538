/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns of names. A pattern without one of the characters * ? [ \ is a prefix. A pattern with one of them
 * has to fit the whole name: * is any characters, ? one character, [abc], [a-z] and [!a-z] one of a set; \
 * makes the next character an ordinary one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "libactor/protocol/wire.h"

#define PATTERN_MAX_BYTES 255u

struct pattern {
	struct wire_str text;    /* borrowed */
	struct wire_str literal; /* a part of text: every name that fits begins with it */
	bool prefix;
};

/*
 * Returns 0; -EINVAL when the pattern is too long or no plain UTF-8, or when a set or a \ has no end. "" fits
 * every name.
 */
int pattern_parse(struct wire_str text, struct pattern *ret);
/*
 * @name: a valid name. Adds the number of steps of the comparison to *steps: at most the product of the two
 * lengths, and 512.
 */
bool pattern_fits(const struct pattern *pattern, struct wire_str name, size_t *steps);

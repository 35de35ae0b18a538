/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns of names. Without one of the characters * ? [ \ a pattern is a prefix. With one of them it stands
 * for the whole name: * for any characters, ? for one, [abc], [a-z] and [!a-z] for one of a set, \ for the
 * character behind it itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "libactor/protocol/wire.h"

#define PATTERN_MAX_BYTES 255u

struct pattern {
	struct wire_str text;    /* borrowed */
	struct wire_str literal; /* in text: what each name that fits begins with */
	bool prefix;
};

/* 0; -EINVAL: too long, not plain UTF-8, or a set or a \ without its end. "" fits every name. */
int pattern_parse(struct wire_str text, struct pattern *ret);
/*
 * @name: a valid name. Adds what it took to *steps: at most the product of the two lengths, and 512.
 */
bool pattern_fits(const struct pattern *pattern, struct wire_str name, size_t *steps);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For "did you mean …?": finds, among the offered words, the one that is nearest to the typed word, if any is
 * near enough.
 */
#pragma once

#include <stddef.h>

struct suggest {
	const char *best; /* NULL: no word is near enough */
	size_t distance;
};

#define SUGGEST_INIT                                                                                         \
	{                                                                                                    \
		0                                                                                            \
	}

/* @candidate must live as long as @suggest. */
void suggest_offer(struct suggest *suggest, const char *typed, const char *candidate);

/* How many letters to insert, drop, replace or swap. SIZE_MAX if a word is longer than 63 bytes. */
size_t suggest_distance(const char *a, const char *b);

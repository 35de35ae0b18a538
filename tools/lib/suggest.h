/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "did you mean …?": of the words offered, the one nearest to what was typed, if any is near enough to be
 * meant.
 */
#pragma once

#include <stddef.h>

struct suggest {
	const char *best; /* NULL: nothing is near */
	size_t distance;
};

#define SUGGEST_INIT                                                                                         \
	{                                                                                                    \
		0                                                                                            \
	}

/* Borrows @candidate. */
void suggest_offer(struct suggest *suggest, const char *typed, const char *candidate);

/* Letters to insert, drop, replace or swap; words longer than 63 bytes are as far as can be. */
size_t suggest_distance(const char *a, const char *b);

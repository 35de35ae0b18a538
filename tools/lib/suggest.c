/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/suggest.h"

#include <stdint.h>
#include <string.h>

#define WORD_MAX 63

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Computes the optimal string alignment: Levenshtein's table with swaps of neighbours. */
size_t suggest_distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	size_t d[WORD_MAX + 1][WORD_MAX + 1];

	if (la > WORD_MAX || lb > WORD_MAX)
		return SIZE_MAX;
	for (size_t i = 0; i <= la; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= lb; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		for (size_t j = 1; j <= lb; j++) {
			d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1,
				d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[la][lb];
}

void suggest_offer(struct suggest *suggest, const char *typed, const char *candidate)
{
	size_t len = strlen(typed);
	size_t distance;

	/* The typed word is the beginning of @candidate, as "stat" is of "status". */
	if (len >= 2 && !strncmp(typed, candidate, len))
		distance = 1;
	else
		distance = suggest_distance(typed, candidate);
	if (distance > (len <= 3 ? 1 : len / 3 + 1))
		return;
	if (!suggest->best || distance < suggest->distance)
		*suggest = (struct suggest){candidate, distance};
}

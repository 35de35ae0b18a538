/* SPDX-License-Identifier: Apache-2.0 */
/* Spans of time, as people write and read them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define DURATION_MAX_MS   (INT64_C(10) * 365 * 86400 * 1000) /* ten years, so that sums cannot overflow */
#define DURATION_TEXT_MAX 32

/*
 * "100ms", "2s", "1.5s", "1m30s", "3h", "1d"; a bare number means seconds. 0; -EINVAL; -ERANGE: more than ten
 * years.
 */
int duration_parse(const char *text, int64_t *ret_ms);
/*
 * Parses "100ms:30s", or "100ms" (then *ret_max_ms is not changed). -EINVAL also if the first is greater than
 * the second.
 */
int duration_parse_range(const char *text, int64_t *ret_min_ms, int64_t *ret_max_ms);
/* Formats with two units at most: "3h02m", "12m", "45s", "3.2s", "250ms", "4d3h". */
char *duration_format(int64_t ms, char text[DURATION_TEXT_MAX]);

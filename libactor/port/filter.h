/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A subscriber's filter, as data that can travel: conditions on an array of arguments, and parts of that
 * array (docs/protocol.md §10). Pure. filter_check() has checked the bytes once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libactor/util/buf.h"

/* Returns NULL, or the reason why @filter is invalid. */
const char *filter_check(const void *filter, size_t filter_bytes);
bool filter_matches(const void *filter, size_t filter_bytes, const void *args, size_t args_bytes);
/* Whether the filter has a `pick`. */
bool filter_picks(const void *filter, size_t filter_bytes);
/* Appends the array of the picked parts; a part that is missing is nil. */
void filter_pick(
	struct buf *out, const void *filter, size_t filter_bytes, const void *args, size_t args_bytes);

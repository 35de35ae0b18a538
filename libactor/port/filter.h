/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a subscriber wants of what is published, as data that can travel: conditions and parts of an array of
 * arguments (docs/protocol.md §10). Pure; the bytes were checked once, by filter_check().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libactor/util/buf.h"

/* NULL, or why @filter is none. */
const char *filter_check(const void *filter, size_t filter_bytes);
bool filter_matches(const void *filter, size_t filter_bytes, const void *args, size_t args_bytes);
/* True: there is a `pick`. */
bool filter_picks(const void *filter, size_t filter_bytes);
/* Appends the array of the picked parts; what is not there is nil. */
void filter_pick(
	struct buf *out, const void *filter, size_t filter_bytes, const void *args, size_t args_bytes);

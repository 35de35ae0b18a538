/* SPDX-License-Identifier: Apache-2.0 */
/* How many a second are let in: a bucket of tokens that fills by itself. No clock of its own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct bucket {
	uint32_t rate_per_s; /* 0: no limit */
	uint32_t burst;      /* so many at once after a pause; at least 1 */
	uint64_t credit_ns;  /* time that was not used; one token is worth 1 s / rate */
	int64_t at_ns;
};

/* Begins with @initial tokens, at most @burst. */
void bucket_init(
	struct bucket *bucket, uint32_t rate_per_s, uint32_t burst, uint32_t initial, int64_t now_ns);
/* True: one token is taken. False: *ret_wait_ns until there is one. */
bool bucket_take(struct bucket *bucket, int64_t now_ns, int64_t *ret_wait_ns);

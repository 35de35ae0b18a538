/* SPDX-License-Identifier: Apache-2.0 */
/* A limit of events per second: a bucket of tokens that refills with time. The caller passes the time in. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct bucket {
	uint32_t rate_per_s; /* 0: no limit */
	uint32_t burst;      /* tokens that may be taken at once after a pause; at least 1 */
	uint64_t credit_ns;  /* unused time; one token is worth 1 s / rate */
	int64_t at_ns;
};

/* The bucket begins with @initial tokens, but with no more than @burst. */
void bucket_init(
	struct bucket *bucket, uint32_t rate_per_s, uint32_t burst, uint32_t initial, int64_t now_ns);
/* Returns true when a token was taken. Otherwise *ret_wait_ns is the time until there is a token. */
bool bucket_take(struct bucket *bucket, int64_t now_ns, int64_t *ret_wait_ns);

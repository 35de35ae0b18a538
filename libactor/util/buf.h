/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer with a sticky failure flag: write everything, then ask once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *data; /* owned; NULL when capacity is 0 */
	size_t size_bytes;
	size_t capacity_bytes;
	bool failed; /* an allocation failed; what was written since is incomplete */
};

#define BUF_INIT                                                                                             \
	{                                                                                                    \
		0                                                                                            \
	}

void buf_deinit(struct buf *buf);
/* Empties it and clears the failure; keeps the memory unless it holds more than @keep_bytes. */
void buf_reset(struct buf *buf, size_t keep_bytes);
uint8_t *buf_grow(struct buf *buf, size_t n); /* buf_reserve() when there is no room yet */
/* Room for @n more bytes; NULL (and failed) when out of memory. Advance with buf->size_bytes += n. */
static inline uint8_t *buf_reserve(struct buf *buf, size_t n)
{
	if (!buf->failed && n <= buf->capacity_bytes - buf->size_bytes && buf->data)
		return buf->data + buf->size_bytes;
	return buf_grow(buf, n);
}
void buf_append(struct buf *buf, const void *data, size_t n);
/* 0 or -ENOMEM */
int buf_error(const struct buf *buf);

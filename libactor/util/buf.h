/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte buffer with a sticky failure flag: the caller writes everything and asks for the error once.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *data; /* owned; NULL when capacity is 0 */
	size_t size_bytes;
	size_t capacity_bytes;
	bool failed; /* an allocation failed; the contents are incomplete since then */
};

#define BUF_INIT                                                                                             \
	{                                                                                                    \
		0                                                                                            \
	}

void buf_deinit(struct buf *buf);
/*
 * Empties the buffer and clears the failure flag. Keeps the memory, unless the capacity is above @keep_bytes.
 */
void buf_reset(struct buf *buf, size_t keep_bytes);
uint8_t *buf_grow(struct buf *buf, size_t n); /* the slow path of buf_reserve() */
/*
 * Makes room for @n more bytes and returns where they begin; NULL (and failed) when out of memory. The caller
 * writes the bytes and adds their number to buf->size_bytes.
 */
static inline uint8_t *buf_reserve(struct buf *buf, size_t n)
{
	if (!buf->failed && n <= buf->capacity_bytes - buf->size_bytes && buf->data)
		return buf->data + buf->size_bytes;
	return buf_grow(buf, n);
}
/*
 * Called after a frame was written, which needs one reservation. If there was no memory for it, the buffer is
 * as it was before the frame, so `failed` is cleared. @had_failed: `failed` before the frame; if it was set,
 * older bytes are missing, and it stays set. Returns 0 or -ENOMEM.
 */
static inline int buf_whole(struct buf *buf, bool had_failed)
{
	if (!buf->failed)
		return 0;
	buf->failed = had_failed;
	return -ENOMEM;
}
void buf_append(struct buf *buf, const void *data, size_t n);
/* Returns 0 or -ENOMEM. */
int buf_error(const struct buf *buf);

/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/util/buf.h"

#include <stdlib.h>
#include <string.h>

#define BUF_FIRST_BYTES 128

void buf_deinit(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf)BUF_INIT;
}

void buf_reset(struct buf *buf, size_t keep_bytes)
{
	if (buf->capacity_bytes > keep_bytes) {
		buf_deinit(buf);
		return;
	}
	buf->size_bytes = 0;
	buf->failed = false;
}

uint8_t *buf_grow(struct buf *buf, size_t n)
{
	size_t need, capacity;
	uint8_t *data;

	if (buf->failed)
		return NULL;
	if (__builtin_add_overflow(buf->size_bytes, n, &need) || need > PTRDIFF_MAX / 2)
		goto fail;
	if (need <= buf->capacity_bytes && buf->data)
		return buf->data + buf->size_bytes;

	capacity = buf->capacity_bytes ? buf->capacity_bytes : BUF_FIRST_BYTES;
	while (capacity < need)
		capacity *= 2;
	data = realloc(buf->data, capacity);
	if (!data)
		goto fail;
	buf->data = data;
	buf->capacity_bytes = capacity;
	return data + buf->size_bytes;

fail:
	buf->failed = true;
	return NULL;
}

void buf_append(struct buf *buf, const void *data, size_t n)
{
	uint8_t *at = buf_reserve(buf, n);

	if (!at)
		return;
	if (n)
		memcpy(at, data, n);
	buf->size_bytes += n;
}

int buf_error(const struct buf *buf)
{
	return buf->failed ? -ENOMEM : 0;
}

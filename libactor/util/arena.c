/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/util/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#define ARENA_CHUNK_BYTES 512

struct arena_chunk {
	struct arena_chunk *next;
	size_t used_bytes;
	size_t size_bytes;
	alignas(max_align_t) uint8_t data[];
};

void *arena_alloc(void **arena, size_t size_bytes)
{
	struct arena_chunk *chunk = *arena;
	size_t size, chunk_bytes;
	void *p;

	if (__builtin_add_overflow(size_bytes, alignof(max_align_t) - 1, &size))
		return NULL;
	size &= ~(alignof(max_align_t) - 1);
	if (!chunk || size > chunk->size_bytes - chunk->used_bytes) {
		chunk_bytes = size > ARENA_CHUNK_BYTES ? size : ARENA_CHUNK_BYTES;
		if (chunk_bytes > PTRDIFF_MAX - sizeof(*chunk))
			return NULL;
		chunk = malloc(sizeof(*chunk) + chunk_bytes);
		if (!chunk)
			return NULL;
		chunk->next = *arena;
		chunk->used_bytes = 0;
		chunk->size_bytes = chunk_bytes;
		*arena = chunk;
	}
	p = chunk->data + chunk->used_bytes;
	chunk->used_bytes += size;
	return p;
}

void arena_free(void *arena)
{
	struct arena_chunk *chunk = arena;

	while (chunk) {
		struct arena_chunk *next = chunk->next;

		free(chunk);
		chunk = next;
	}
}

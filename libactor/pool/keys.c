/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/pool/keys.h"

#include <stdlib.h>
#include <string.h>

#include "libactor/util/list.h"

void keys_init(struct keys *keys)
{
	hash_init(&keys->table);
}

void keys_deinit(struct keys *keys)
{
	hash_deinit(&keys->table);
}

struct key *keys_find(const struct keys *keys, const void *data, uint32_t bytes)
{
	struct hash_node *node = hash_first(&keys->table, hash_of_bytes(&keys->table, data, bytes));

	for (; node; node = hash_next(node)) {
		struct key *key = container_of(node, struct key, node);

		if (key->bytes == bytes && !memcmp(key->data, data, bytes))
			return key;
	}
	return NULL;
}

struct key *keys_take(struct keys *keys, const void *data, uint32_t bytes, uint32_t worker)
{
	struct key *key = keys_find(keys, data, bytes);

	if (key) {
		key->n_jobs++;
		return key;
	}
	key = malloc(sizeof(*key) + bytes);
	if (!key)
		return NULL;
	key->worker = worker;
	key->n_jobs = 1;
	key->bytes = bytes;
	memcpy(key->data, data, bytes);
	if (hash_insert(&keys->table, &key->node, hash_of_bytes(&keys->table, data, bytes)) < 0) {
		free(key);
		return NULL;
	}
	return key;
}

void keys_give(struct keys *keys, struct key *key)
{
	if (--key->n_jobs)
		return;
	hash_remove(&keys->table, &key->node);
	free(key);
}

/* FNV-1a and a finalizer, because FNV's high bits are weak. */
uint64_t key_hash(const void *data, uint32_t bytes)
{
	const uint8_t *p = data;
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (uint32_t i = 0; i < bytes; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	return h;
}

uint32_t key_worker(uint64_t hash, uint32_t n)
{
	int64_t b = -1, j = 0;

	while (j < (int64_t)n) {
		b = j;
		hash = hash * UINT64_C(2862933555777941757) + 1;
		j = (int64_t)((double)(b + 1) * ((double)(INT64_C(1) << 31) / (double)((hash >> 33) + 1)));
	}
	return (uint32_t)b;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Which worker a key belongs to: by arithmetic, and by where jobs of that key are now. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "libactor/util/hash.h"

struct keys {
	struct hash table; /* of struct key */
};

/* A key of which some job is bound to a worker. */
struct key {
	struct hash_node node;
	uint32_t worker;
	uint32_t n_jobs;
	uint32_t bytes;
	uint8_t data[];
};

void keys_init(struct keys *keys);
void keys_deinit(struct keys *keys); /* all keys were given back */
/* NULL: none of its jobs is bound */
struct key *keys_find(const struct keys *keys, const void *data, uint32_t bytes);
/*
 * One more job of that key is bound. @worker is the key's from now on if this is its first job. NULL: no
 * memory.
 */
struct key *keys_take(struct keys *keys, const void *data, uint32_t bytes, uint32_t worker);
void keys_give(struct keys *keys, struct key *key);

/* The same number for the same bytes in every process and every version. */
uint64_t key_hash(const void *data, uint32_t bytes);
/*
 * 0 … n-1; when n grows by one, one key of n moves, to the new one (jump consistent hashing, Lamping and
 * Veach 2014). @n > 0
 */
uint32_t key_worker(uint64_t hash, uint32_t n);

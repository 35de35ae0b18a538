/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the worker of a key: by arithmetic, and by where jobs of the key are now. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "libactor/util/hash.h"

struct keys {
	struct hash table; /* of struct key */
};

/* A key of which at least one job is bound to a worker. */
struct key {
	struct hash_node node;
	uint32_t worker;
	uint32_t n_jobs;
	uint32_t bytes;
	uint8_t data[];
};

void keys_init(struct keys *keys);
void keys_deinit(struct keys *keys); /* all keys must have been given back */
/* Returns NULL when no job of the key is bound. */
struct key *keys_find(const struct keys *keys, const void *data, uint32_t bytes);
/*
 * One more job of the key is bound. If it is the first, the key belongs to @worker from now on. Returns NULL
 * when out of memory.
 */
struct key *keys_take(struct keys *keys, const void *data, uint32_t bytes, uint32_t worker);
void keys_give(struct keys *keys, struct key *key);

/* Gives the same number for the same bytes in every process and every version. */
uint64_t key_hash(const void *data, uint32_t bytes);
/*
 * Returns 0 … n-1. When n grows by one, one in n keys moves, to the new worker (jump consistent hashing,
 * Lamping and Veach 2014). @n > 0.
 */
uint32_t key_worker(uint64_t hash, uint32_t n);

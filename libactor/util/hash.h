/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intrusive hash tables with a random seed. The keys are a u64, two of them, or bytes. Names come from peers,
 * and a peer could fill one bucket of an unseeded table on purpose. Items of one bucket are a chain. A full
 * table gets an array of buckets twice as big. After that each insert moves a few buckets of the old array,
 * so no single insert has to move all items; for a million items that would take some 60 ms. Only the first
 * insert can fail with -ENOMEM: when a later growth fails, the chains only get longer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hash_node {
	struct hash_node *next;
	uint64_t hash;
};

struct hash {
	struct hash_node **buckets;
	size_t n_buckets; /* 0 or a power of two */
	size_t n_items;
	size_t first; /* all buckets below this one are empty, so emptying by hash_any() takes linear time */
	/* NULL, or the old array, half as big: from index `n_moved` on it still holds its items */
	struct hash_node **old;
	size_t n_moved;
	uint8_t key[16];
};

void hash_init(struct hash *h);   /* takes the process's random seed (one getrandom for all tables) */
void hash_deinit(struct hash *h); /* frees the buckets; the table must be empty (asserted) */

uint64_t hash_of_u64(const struct hash *h, uint64_t v);
uint64_t hash_of_pair(const struct hash *h, uint64_t a, uint64_t b); /* the order of @a and @b counts */
uint64_t hash_of_bytes(const struct hash *h, const void *data, size_t len);
/* Returns 0 or -ENOMEM. Does not look for duplicates. */
int hash_insert(struct hash *h, struct hash_node *node, uint64_t hash);
void hash_remove(struct hash *h, struct hash_node *node); /* @node must be in the table */
/* The first node with that hash. The caller compares keys and goes on with hash_next(). */
struct hash_node *hash_first(const struct hash *h, uint64_t hash);
struct hash_node *hash_next(const struct hash_node *node); /* the next node with the same hash, or NULL */
/* Any node, or NULL. A caller that empties the table removes what hash_any() returns until that is NULL. */
struct hash_node *hash_any(const struct hash *h);
/* Calls @fn for every node. @fn may remove and free the node that it was given. */
void hash_each(struct hash *h, void (*fn)(struct hash_node *node, void *arg), void *arg);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intrusive seeded hash tables: by u64, by two of them, and by bytes. Names come from peers, who could fill
 * one bucket of an unseeded table on purpose. Open chaining, grows by doubling. After that each insert moves
 * a few buckets of the old half as big table, so no insert moves all: a million items take some 60 ms. Only
 * the first insert can fail with -ENOMEM: a later growth that fails just leaves longer chains.
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
	size_t first;           /* buckets below this one are empty: emptying by hash_any() stays linear */
	struct hash_node **old; /* NULL, or half as many: those from `n_moved` on still hold their items */
	size_t n_moved;
	uint8_t key[16];
};

void hash_init(struct hash *h);   /* seeds itself from the process's random seed (getrandom once) */
void hash_deinit(struct hash *h); /* frees the buckets; the table must be empty (asserted) */

uint64_t hash_of_u64(const struct hash *h, uint64_t v);
uint64_t hash_of_pair(const struct hash *h, uint64_t a, uint64_t b); /* the order counts */
uint64_t hash_of_bytes(const struct hash *h, const void *data, size_t len);
/* 0, -ENOMEM; does not look for duplicates */
int hash_insert(struct hash *h, struct hash_node *node, uint64_t hash);
void hash_remove(struct hash *h, struct hash_node *node); /* must be in it */
/* First node with that hash, then the next: the caller compares keys. */
struct hash_node *hash_first(const struct hash *h, uint64_t hash);
struct hash_node *hash_next(const struct hash_node *node); /* same hash, or NULL */
/* Any node, for emptying: hash_any() until NULL. */
struct hash_node *hash_any(const struct hash *h);
/* Walk all; the node given to @fn may be removed and freed by it. */
void hash_each(struct hash *h, void (*fn)(struct hash_node *node, void *arg), void *arg);

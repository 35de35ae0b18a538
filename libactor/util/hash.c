/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/util/hash.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>

#include "libactor/util/siphash.h"

#define HASH_FIRST_BUCKETS 16
#define HASH_AT_ONCE       1024 /* a table of up to this many buckets is moved at once */
/* buckets moved per insert; so the old array is empty long before the next growth */
#define HASH_STEP 2

static uint8_t hash_seed[16];
static pthread_once_t hash_seed_once = PTHREAD_ONCE_INIT;

static void hash_seed_init(void)
{
	size_t done = 0;

	while (done < sizeof(hash_seed)) {
		ssize_t n = getrandom(hash_seed + done, sizeof(hash_seed) - done, 0);

		if (n > 0) {
			done += (size_t)n;
		} else if (errno != EINTR) {
			/*
			 * A strict seccomp filter may forbid getrandom. The kernel gave every program 16
			 * random bytes at exec.
			 */
			const void *at_random = (const void *)(uintptr_t)getauxval(AT_RANDOM);

			if (at_random)
				memcpy(hash_seed, at_random, sizeof(hash_seed));
			return;
		}
	}
}

void hash_init(struct hash *h)
{
	*h = (struct hash){0};
	pthread_once(&hash_seed_once, hash_seed_init);
	memcpy(h->key, hash_seed, sizeof(h->key));
}

void hash_deinit(struct hash *h)
{
	assert(h->n_items == 0);
	free(h->old);
	free(h->buckets);
	h->old = h->buckets = NULL;
	h->n_buckets = h->first = 0;
}

static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/*
 * Two keyed folded multiplications. They suffice because ids are mostly counters, and a peer sees neither the
 * key nor the order of the buckets.
 */
uint64_t hash_of_u64(const struct hash *h, uint64_t v)
{
	uint64_t k0, k1;

	memcpy(&k0, h->key, sizeof(k0));
	memcpy(&k1, h->key + 8, sizeof(k1));
	return hash_fold(hash_fold(v ^ k0, k1 | 1) ^ k1, UINT64_C(0x9e3779b97f4a7c15));
}

uint64_t hash_of_pair(const struct hash *h, uint64_t a, uint64_t b)
{
	return hash_of_u64(h, hash_of_u64(h, a) ^ b);
}

uint64_t hash_of_bytes(const struct hash *h, const void *data, size_t len)
{
	return siphash64(data, len, h->key);
}

static inline struct hash_node **hash_bucket(const struct hash *h, uint64_t hash)
{
	if (h->old) {
		size_t place = (size_t)hash & (h->n_buckets / 2 - 1);

		if (place >= h->n_moved)
			return &h->old[place];
	}
	return &h->buckets[(size_t)hash & (h->n_buckets - 1)];
}

/* Puts the node into the new array. */
static void hash_link(struct hash *h, struct hash_node *node)
{
	size_t place = (size_t)node->hash & (h->n_buckets - 1);

	node->next = h->buckets[place];
	h->buckets[place] = node;
	if (place < h->first)
		h->first = place;
}

static void hash_put(struct hash *h, struct hash_node *node)
{
	size_t place = (size_t)node->hash & (h->n_buckets / 2 - 1);

	if (!h->old || place < h->n_moved) {
		hash_link(h, node);
		return;
	}
	node->next = h->old[place]; /* the node is moved with the others of its bucket */
	h->old[place] = node;
}

static void hash_move(struct hash *h, size_t n)
{
	for (; h->old && n; n--) {
		for (struct hash_node *it = h->old[h->n_moved], *next; it; it = next) {
			next = it->next;
			hash_link(h, it);
		}
		if (++h->n_moved == h->n_buckets / 2) {
			free(h->old);
			h->old = NULL;
		}
	}
}

static int hash_grow(struct hash *h)
{
	size_t n = h->n_buckets ? h->n_buckets * 2 : HASH_FIRST_BUCKETS;
	struct hash_node **buckets;

	hash_move(h, SIZE_MAX); /* moves something only if a growth failed before */
	buckets = calloc(n, sizeof(struct hash_node *));
	if (!buckets)
		return -ENOMEM;
	h->old = h->buckets;
	h->n_moved = 0;
	h->buckets = buckets;
	h->n_buckets = n;
	h->first = n;
	if (n <= 2 * HASH_AT_ONCE)
		hash_move(h, SIZE_MAX);
	return 0;
}

int hash_insert(struct hash *h, struct hash_node *node, uint64_t hash)
{
	if (h->n_items >= h->n_buckets && hash_grow(h) && !h->n_buckets)
		return -ENOMEM;
	hash_move(h, HASH_STEP);
	node->hash = hash;
	hash_put(h, node);
	h->n_items++;
	return 0;
}

void hash_remove(struct hash *h, struct hash_node *node)
{
	struct hash_node **at;

	assert(h->n_buckets);
	for (at = hash_bucket(h, node->hash); *at != node; at = &(*at)->next)
		assert(*at);
	*at = node->next;
	node->next = NULL;
	h->n_items--;
}

struct hash_node *hash_first(const struct hash *h, uint64_t hash)
{
	struct hash_node *it;

	if (!h->n_items)
		return NULL;
	it = *hash_bucket(h, hash);
	while (it && it->hash != hash)
		it = it->next;
	return it;
}

struct hash_node *hash_next(const struct hash_node *node)
{
	struct hash_node *it = node->next;

	while (it && it->hash != node->hash)
		it = it->next;
	return it;
}

struct hash_node *hash_any(const struct hash *h)
{
	/*
	 * `first` and the places of the items are no part of the table's contents, so a const table may
	 * change them.
	 */
	struct hash *hint = (struct hash *)h;

	if (!h->n_items)
		return NULL;
	hash_move(hint, SIZE_MAX);
	while (!h->buckets[hint->first])
		hint->first++;
	return h->buckets[hint->first];
}

void hash_each(struct hash *h, void (*fn)(struct hash_node *node, void *arg), void *arg)
{
	hash_move(h, SIZE_MAX);
	for (size_t i = h->first; i < h->n_buckets && h->n_items; i++) {
		for (struct hash_node *it = h->buckets[i], *next; it; it = next) {
			next = it->next;
			fn(it, arg);
		}
	}
}

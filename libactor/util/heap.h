/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ACTOR_UTIL_HEAP_H
#define ACTOR_UTIL_HEAP_H

/*
 * A binary min-heap of deadlines. A node lives inside its owner and knows its place, so a node can be moved
 * or taken out in O(log n). Nodes with equal keys come out in the order in which they went in.
 *
 * The array has the keys beside the node pointers. So sifting touches the array, and one index per move, but
 * not a cold cache line per comparison. Only heap_reserve() allocates memory, where the caller can handle a
 * failure; when there is room, heap_insert() cannot fail.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
	size_t place; /* 1-based place in the heap; 0: not in it (so zeroed memory is a valid node) */
};

struct heap_slot {
	uint64_t key;
	uint64_t seq; /* order of insertion, the tie-break */
	struct heap_node *node;
};

struct heap {
	struct heap_slot *slots;
	size_t n;
	size_t max;
	uint64_t seq;
};

void heap_init(struct heap *heap);
void heap_deinit(struct heap *heap);

/* Makes room for at least @n nodes altogether. Returns 0, or -ENOMEM and then nothing has changed. */
int heap_reserve(struct heap *heap, size_t n);

/*
 * Puts @node in, or moves it when it is in already; a moved node counts as inserted last. Returns 0, or
 * -ENOMEM when there is no room.
 */
int heap_insert(struct heap *heap, struct heap_node *node, uint64_t key);

/* Does nothing when the node is not in the heap. */
void heap_remove(struct heap *heap, struct heap_node *node);

/* Returns the node with the smallest key, which stays in, or NULL. */
struct heap_node *heap_first(const struct heap *heap);

/* Returns the smallest key, or UINT64_MAX when the heap is empty. */
uint64_t heap_first_key(const struct heap *heap);

/* If the smallest key is <= @limit, takes its node out and returns it; otherwise returns NULL. */
struct heap_node *heap_take(struct heap *heap, uint64_t limit);

static inline bool heap_contains(const struct heap_node *node)
{
	return node->place != 0;
}

/* @node must be in @heap. */
static inline uint64_t heap_key(const struct heap *heap, const struct heap_node *node)
{
	return heap->slots[node->place - 1].key;
}

#endif

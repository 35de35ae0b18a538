/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ACTOR_UTIL_HEAP_H
#define ACTOR_UTIL_HEAP_H

/*
 * A binary min-heap of deadlines. Nodes live inside their owners and know their place, so that any of them
 * can be moved or taken out in O(log n). Equal keys come out in the order they went in.
 *
 * The keys are kept in the array beside the node pointers: sifting touches the array and one index per move,
 * not a cold cache line per comparison. Room is made by heap_reserve() alone, where running out of memory can
 * be answered; once there is room heap_insert() cannot fail.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
	size_t place; /* 1-based place in the heap; 0 = not in it (so zeroed memory is a valid node) */
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

/* make room for at least @n nodes altogether; 0 or -ENOMEM (then nothing changed) */
int heap_reserve(struct heap *heap, size_t n);

/* put @node in, or move it when it is in (it then counts as inserted last); 0, or -ENOMEM without room */
int heap_insert(struct heap *heap, struct heap_node *node, uint64_t key);

/* no effect on a node that is not in the heap */
void heap_remove(struct heap *heap, struct heap_node *node);

/* the node with the smallest key, or NULL; it stays in */
struct heap_node *heap_first(const struct heap *heap);

/* the smallest key, or UINT64_MAX when empty */
uint64_t heap_first_key(const struct heap *heap);

/* the node with the smallest key if that key is <= @limit, taken out; else NULL */
struct heap_node *heap_take(struct heap *heap, uint64_t limit);

static inline bool heap_contains(const struct heap_node *node)
{
	return node->place != 0;
}

/* @node must be in @heap */
static inline uint64_t heap_key(const struct heap *heap, const struct heap_node *node)
{
	return heap->slots[node->place - 1].key;
}

#endif

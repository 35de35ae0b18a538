/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/util/heap.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/*
 * Places are 1-based, so the children of i are 2i and 2i+1, and the place 0 of a zeroed node means "not in".
 */

static bool slot_before(const struct heap_slot *a, const struct heap_slot *b)
{
	return a->key != b->key ? a->key < b->key : a->seq < b->seq;
}

static void heap_put(struct heap *heap, size_t place, struct heap_slot slot)
{
	heap->slots[place - 1] = slot;
	slot.node->place = place;
}

static void heap_sift_up(struct heap *heap, size_t place, struct heap_slot slot)
{
	while (place > 1 && slot_before(&slot, &heap->slots[place / 2 - 1])) {
		heap_put(heap, place, heap->slots[place / 2 - 1]);
		place /= 2;
	}
	heap_put(heap, place, slot);
}

static void heap_sift_down(struct heap *heap, size_t place, struct heap_slot slot)
{
	for (;;) {
		size_t child = place * 2;

		if (child > heap->n)
			break;
		if (child < heap->n && slot_before(&heap->slots[child], &heap->slots[child - 1]))
			child++;
		if (!slot_before(&heap->slots[child - 1], &slot))
			break;
		heap_put(heap, place, heap->slots[child - 1]);
		place = child;
	}
	heap_put(heap, place, slot);
}

void heap_init(struct heap *heap)
{
	*heap = (struct heap){};
}

void heap_deinit(struct heap *heap)
{
	free(heap->slots);
	*heap = (struct heap){};
}

int heap_reserve(struct heap *heap, size_t n)
{
	struct heap_slot *slots;
	size_t max = heap->max ? heap->max : 8;
	size_t size_bytes;

	if (n <= heap->max)
		return 0;
	while (max < n)
		if (__builtin_mul_overflow(max, (size_t)2, &max))
			return -ENOMEM;
	if (__builtin_mul_overflow(max, sizeof(*slots), &size_bytes))
		return -ENOMEM;
	slots = realloc(heap->slots, size_bytes);
	if (!slots)
		return -ENOMEM;
	heap->slots = slots;
	heap->max = max;
	return 0;
}

int heap_insert(struct heap *heap, struct heap_node *node, uint64_t key)
{
	heap_remove(heap, node);
	if (heap->n == heap->max)
		return -ENOMEM;
	heap->n++;
	heap_sift_up(heap, heap->n, (struct heap_slot){.key = key, .seq = heap->seq++, .node = node});
	return 0;
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
	size_t place = node->place;
	struct heap_slot last;

	if (!place)
		return;
	assert(place <= heap->n && heap->slots[place - 1].node == node);
	node->place = 0;
	last = heap->slots[--heap->n];
	if (last.node == node)
		return;
	/* The last slot fills the hole. It comes from another branch, so it may have to move up or down. */
	if (place > 1 && slot_before(&last, &heap->slots[place / 2 - 1]))
		heap_sift_up(heap, place, last);
	else
		heap_sift_down(heap, place, last);
}

struct heap_node *heap_first(const struct heap *heap)
{
	return heap->n ? heap->slots[0].node : NULL;
}

uint64_t heap_first_key(const struct heap *heap)
{
	return heap->n ? heap->slots[0].key : UINT64_MAX;
}

struct heap_node *heap_take(struct heap *heap, uint64_t limit)
{
	struct heap_node *node = heap_first(heap);

	if (!node || heap->slots[0].key > limit)
		return NULL;
	heap_remove(heap, node);
	return node;
}

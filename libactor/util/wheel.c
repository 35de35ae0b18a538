/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/util/wheel.h"

#include <stddef.h>

#define FEW 16 /* a slot with up to this many nodes is searched; the nodes of a fuller one are moved */

void wheel_init(struct wheel *wheel)
{
	*wheel = (struct wheel){0};
	for (unsigned ring = 0; ring < WHEEL_RINGS; ring++)
		for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
			list_init(&wheel->slots[ring][slot]);
}

static struct wheel_node *node_of(struct list *link)
{
	return container_of(link, struct wheel_node, link);
}

static void wheel_put(struct wheel *wheel, struct wheel_node *node)
{
	uint64_t key = node->key < wheel->base ? wheel->base : node->key;
	uint64_t differs = key ^ wheel->base;
	unsigned ring = differs ? (63u - (unsigned)__builtin_clzll(differs)) / WHEEL_DIGIT_BITS : 0;
	unsigned slot = key >> (ring * WHEEL_DIGIT_BITS) & (WHEEL_SLOTS - 1);

	list_append(&wheel->slots[ring][slot], &node->link);
	wheel->filled[ring] |= UINT64_C(1) << slot;
	wheel->rings |= 1u << ring;
}

static void slot_is_empty(struct wheel *wheel, unsigned ring, unsigned slot)
{
	wheel->filled[ring] &= ~(UINT64_C(1) << slot);
	if (!wheel->filled[ring])
		wheel->rings &= ~(1u << ring);
}

void wheel_insert(struct wheel *wheel, struct wheel_node *node, uint64_t key)
{
	if (wheel_contains(node))
		wheel_remove(wheel, node);
	node->key = key;
	wheel_put(wheel, node);
	if (wheel->next_is_known && key < wheel->next)
		wheel->next = key;
}

void wheel_remove(struct wheel *wheel, struct wheel_node *node)
{
	struct list *beside = node->link.next;

	if (!beside)
		return;
	if (node->key <= wheel->next)
		wheel->next_is_known = false;
	list_remove(&node->link);
	/* If the node was the last one of its slot, `beside` is the head of the slot. */
	if (list_is_empty(beside)) {
		size_t at = (size_t)(beside - &wheel->slots[0][0]);

		slot_is_empty(wheel, (unsigned)(at / WHEEL_SLOTS), (unsigned)(at % WHEEL_SLOTS));
	}
}

/* Finds the first slot that has a node, and the key with which the slot begins. False: there is no node. */
static bool wheel_first_slot(const struct wheel *wheel, unsigned *ring, unsigned *slot, uint64_t *begins)
{
	unsigned shift;

	if (!wheel->rings)
		return false;
	*ring = (unsigned)__builtin_ctz(wheel->rings);
	*slot = (unsigned)__builtin_ctzll(wheel->filled[*ring]);
	shift = *ring * WHEEL_DIGIT_BITS;
	*begins = (uint64_t)*slot << shift;
	if (*ring < WHEEL_RINGS - 1)
		*begins |= wheel->base >> (shift + WHEEL_DIGIT_BITS) << (shift + WHEEL_DIGIT_BITS);
	return true;
}

/* Returns the smallest key of a slot, or @begins when the slot has more than a few nodes. */
static uint64_t slot_min(const struct list *head, uint64_t begins)
{
	uint64_t min = UINT64_MAX;
	unsigned n = 0;

	list_for_each(it, head) {
		const struct wheel_node *node = node_of(it);

		if (n++ == FEW)
			return begins;
		if (node->key < min)
			min = node->key;
	}
	return min;
}

uint64_t wheel_next(struct wheel *wheel)
{
	unsigned ring, slot;
	uint64_t begins;

	if (!wheel->next_is_known) {
		wheel->next = UINT64_MAX;
		if (wheel_first_slot(wheel, &ring, &slot, &begins))
			wheel->next = ring ? slot_min(&wheel->slots[ring][slot], begins) : begins;
		wheel->next_is_known = true;
	}
	return wheel->next;
}

static struct wheel_node *take(struct wheel *wheel, uint64_t now)
{
	unsigned ring, slot;
	uint64_t begins;

	while (wheel_first_slot(wheel, &ring, &slot, &begins) && begins <= now) {
		struct list *head = &wheel->slots[ring][slot];
		struct wheel_node *first = node_of(head->next);
		struct list moving;

		if (!ring || first->link.next == head) {
			if (ring && first->key > now)
				return NULL;
			wheel->base = ring ? first->key : begins;
			wheel_remove(wheel, first);
			return first;
		}
		if (slot_min(head, begins) > now)
			return NULL;
		wheel->base = begins;
		wheel->next_is_known = false;
		slot_is_empty(wheel, ring, slot);
		list_init(&moving);
		list_splice(&moving, head);
		while (!list_is_empty(&moving))
			wheel_put(wheel, node_of(list_pop(&moving)));
	}
	if (!wheel->rings && now > wheel->base)
		wheel->base = now; /* the next nodes are due soon after @now */
	return NULL;
}

struct wheel_node *wheel_take(struct wheel *wheel, uint64_t now)
{
	struct wheel_node *node = take(wheel, now);

	/* The beginning of a slot has passed. The nodes that made `next` so early may have been removed. */
	if (!node && wheel->next <= now)
		wheel->next_is_known = false;
	return node;
}

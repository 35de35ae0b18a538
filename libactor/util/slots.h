/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids that are never used twice. The low 32 bits of an id are the index of a slot plus 1, the high 32 bits
 * say how often the slot was given back. A look-up is an array access and a comparison; a stale id finds
 * nothing. The first id is 1.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct slots {
	struct slots_entry {
		void *item; /* NULL: free */
		uint32_t generation;
		uint32_t next_free; /* index + 1 of the next free slot; 0: none */
	} * entries;
	uint32_t n_entries;
	uint32_t max_entries;
	uint32_t first_free; /* index + 1; 0: none */
	size_t n_items;
};

void slots_deinit(struct slots *slots);
int slots_take(struct slots *slots, void *item, uint64_t *ret_id); /* 0 or -ENOMEM */
static inline struct slots_entry *slots_find(const struct slots *slots, uint64_t id)
{
	uint32_t index = (uint32_t)id - 1;

	if (!(uint32_t)id || index >= slots->n_entries)
		return NULL;
	if (slots->entries[index].generation != id >> 32 || !slots->entries[index].item)
		return NULL;
	return &slots->entries[index];
}
/* NULL: the item was given back, or never existed. */
static inline void *slots_get(const struct slots *slots, uint64_t id)
{
	const struct slots_entry *entry = slots_find(slots, id);

	return entry ? entry->item : NULL;
}
void slots_give(struct slots *slots, uint64_t id);
/* The item whose id has these low 32 bits; they must be those of an item that was not given back. */
static inline void *slots_at(const struct slots *slots, uint32_t low_bits)
{
	return slots->entries[low_bits - 1].item;
}
/*
 * Returns the item at or after position *at and moves *at on; NULL at the end. *at starts with 0. During a
 * walk items may be taken and given back.
 */
void *slots_walk(const struct slots *slots, uint32_t *at);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids that are never used twice: a slot's index in the low 32 bits, how often the slot was taken in the high
 * 32. Looking one up is an array access and a comparison; a stale id finds nothing. The first id handed out
 * is 1.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct slots {
	struct slots_entry {
		void *item; /* NULL: free */
		uint32_t generation;
		uint32_t next_free; /* index + 1; 0: last */
	} * entries;
	uint32_t n_entries;
	uint32_t max_entries;
	uint32_t first_free; /* index + 1 */
	size_t n_items;
};

void slots_deinit(struct slots *slots);
int slots_take(struct slots *slots, void *item, uint64_t *ret_id); /* 0, -ENOMEM */
void *slots_get(const struct slots *slots, uint64_t id);           /* NULL: gone, or never was */
void slots_give(struct slots *slots, uint64_t id);
/*
 * The item at or after position *at (start with 0), which moves on; NULL at the end. Taking and giving
 * meanwhile is fine.
 */
void *slots_walk(const struct slots *slots, uint32_t *at);

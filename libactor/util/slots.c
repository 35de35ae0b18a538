/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/util/slots.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

void slots_deinit(struct slots *slots)
{
	free(slots->entries);
	*slots = (struct slots){0};
}

int slots_take(struct slots *slots, void *item, uint64_t *ret_id)
{
	struct slots_entry *entry;
	uint32_t index;

	assert(item);
	if (slots->first_free) {
		index = slots->first_free - 1;
		slots->first_free = slots->entries[index].next_free;
	} else {
		if (slots->n_entries == slots->max_entries) {
			uint32_t max = slots->max_entries ? slots->max_entries * 2 : 16;
			struct slots_entry *entries;

			if (max < slots->max_entries)
				return -ENOMEM;
			entries = reallocarray(slots->entries, max, sizeof(*entries));
			if (!entries)
				return -ENOMEM;
			slots->entries = entries;
			slots->max_entries = max;
		}
		index = slots->n_entries++;
		slots->entries[index] = (struct slots_entry){0};
	}
	entry = &slots->entries[index];
	entry->item = item;
	entry->next_free = 0;
	slots->n_items++;
	*ret_id = (uint64_t)entry->generation << 32 | (index + 1);
	return 0;
}

void slots_give(struct slots *slots, uint64_t id)
{
	struct slots_entry *entry = slots_find(slots, id);

	assert(entry);
	entry->item = NULL;
	slots->n_items--;
	/* A slot whose generations are used up is never used again: 16 bytes are lost for 4 billion uses. */
	if (++entry->generation == 0)
		return;
	entry->next_free = slots->first_free;
	slots->first_free = (uint32_t)id;
}

void *slots_walk(const struct slots *slots, uint32_t *at)
{
	while (*at < slots->n_entries) {
		void *item = slots->entries[(*at)++].item;

		if (item)
			return item;
	}
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/port/items.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct item *item_new(const void *args, size_t bytes)
{
	struct item *item = malloc(sizeof(*item) + bytes);

	if (!item)
		return NULL;
	item->refs = 1;
	item->bytes = (uint32_t)bytes;
	memcpy(item->args, args, bytes);
	return item;
}

void item_put(struct item *item)
{
	if (item && --item->refs == 0)
		free(item);
}

int items_init(struct items *items, uint32_t max, uint64_t bytes_max, enum actor_port_policy policy)
{
	*items = (struct items){.max = max, .bytes_max = bytes_max, .policy = policy};
	items->ring = calloc(max, sizeof(*items->ring));
	return items->ring ? 0 : -ENOMEM;
}

void items_deinit(struct items *items)
{
	struct item *item;

	while ((item = items_pop(items)))
		item_put(item);
	free(items->ring);
	items->ring = NULL;
}

bool items_is_full(const struct items *items)
{
	return items->n >= items->max || items->bytes >= items->bytes_max;
}

static struct items_entry *items_at(struct items *items, uint32_t i)
{
	return &items->ring[(items->first + i) % items->max];
}

/* Loses the first item. The loss is reported before the item behind it. */
static void items_lose_first(struct items *items)
{
	uint64_t lost = items_at(items, 0)->lost_before + 1;

	item_put(items_pop(items));
	items->lost_all++;
	if (items->n)
		items_at(items, 0)->lost_before += lost;
	else
		items->lost_last += lost;
}

void items_lose(struct items *items)
{
	items->lost_last++;
	items->lost_all++;
}

enum items_verdict items_push(struct items *items, struct item *item)
{
	if (items->over)
		return ITEMS_OVER;
	if (items->policy == ACTOR_PORT_DROP_OLDEST)
		while (items->n && items_is_full(items))
			items_lose_first(items);
	if (items_is_full(items)) {
		items->over = items->policy == ACTOR_PORT_END;
		items_lose(items);
		return items->over ? ITEMS_OVER : ITEMS_LOST;
	}
	item->refs++;
	items->n++;
	items->bytes += item->bytes;
	*items_at(items, items->n - 1) = (struct items_entry){item, items->lost_last};
	items->lost_last = 0;
	return ITEMS_TAKEN;
}

void items_put_lost(struct items *items, uint64_t lost)
{
	*(items->n ? &items_at(items, 0)->lost_before : &items->lost_last) += lost;
}

uint64_t items_take_lost(struct items *items)
{
	uint64_t *at = items->n ? &items_at(items, 0)->lost_before : &items->lost_last, lost = *at;

	*at = 0;
	return lost;
}

struct item *items_pop(struct items *items)
{
	struct item *item;

	if (!items->n)
		return NULL;
	item = items_at(items, 0)->item;
	items->first = (items->first + 1) % items->max;
	items->n--;
	items->bytes -= item->bytes;
	return item;
}

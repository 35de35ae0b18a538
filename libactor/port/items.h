/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The items that wait for one subscriber, and the count of those that it lost: bounded, in order. All
 * subscriptions of a port share the items.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/port.h"

struct item {
	uint32_t refs;
	uint32_t bytes;
	uint8_t args[]; /* an array of arguments */
};

struct item *item_new(const void *args, size_t bytes); /* with one reference; NULL: out of memory */
void item_put(struct item *item);

struct items {
	struct items_entry {
		struct item *item;
		uint64_t lost_before; /* number of losses to report before this item */
	} * ring;
	uint32_t n, max, first;
	uint64_t bytes, bytes_max;
	enum actor_port_policy policy;
	uint64_t lost_last; /* losses behind all waiting items */
	uint64_t lost_all;
	bool over; /* ended by its policy */
};

enum items_verdict { ITEMS_TAKEN, ITEMS_LOST, ITEMS_OVER };

int items_init(struct items *items, uint32_t max, uint64_t bytes_max, enum actor_port_policy policy);
void items_deinit(struct items *items);
bool items_is_full(const struct items *items);
/* Loses an item that never came here; the loss is behind all items that did. */
void items_lose(struct items *items);
/* Takes a reference if the item is taken. With BLOCK the publisher must have waited before. */
enum items_verdict items_push(struct items *items, struct item *item);
/* Returns the number of losses that are to be reported before the next item. 0: none. */
uint64_t items_take_lost(struct items *items);
/* Puts back losses that could not be reported yet. */
void items_put_lost(struct items *items, uint64_t lost);
struct item *items_pop(struct items *items); /* the caller gets the reference; NULL: no item */

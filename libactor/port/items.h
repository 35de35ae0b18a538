/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits for one subscriber, and what it has lost: bounded, in order. Items are shared by all of a port.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/port.h"

struct item {
	uint32_t refs;
	uint32_t bytes;
	uint8_t args[]; /* an array */
};

struct item *item_new(const void *args, size_t bytes); /* one reference; NULL: no memory */
void item_put(struct item *item);

struct items {
	struct items_entry {
		struct item *item;
		uint64_t lost_before; /* told before it */
	} * ring;
	uint32_t n, max, first;
	uint64_t bytes, bytes_max;
	enum actor_port_policy policy;
	uint64_t lost_last; /* behind all that waits */
	uint64_t lost_all;
	bool over; /* by its policy */
};

enum items_verdict { ITEMS_TAKEN, ITEMS_LOST, ITEMS_OVER };

int items_init(struct items *items, uint32_t max, uint64_t bytes_max, enum actor_port_policy policy);
void items_deinit(struct items *items);
bool items_is_full(const struct items *items);
/* Takes a reference if it is taken. Whoever is to block has waited before. */
void items_lose(struct items *items); /* one that never came here, behind all that did */
enum items_verdict items_push(struct items *items, struct item *item);
/* How many were lost that are to be told now, before the next item. 0: none */
uint64_t items_take_lost(struct items *items);
struct item *items_pop(struct items *items); /* the reference goes along; NULL: none */

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers by their time: a timing wheel in eleven rings, and exact. A key is a number of 64 bits, eleven
 * digits of six bits. A node lies in the ring of the highest digit in which its key differs from `base`, the
 * time up to which all has been taken, and there in the slot that this digit names. So whatever lies in a
 * lower ring is earlier than all in the higher ones, and slots are in order. When time comes to a slot of a
 * higher ring, its nodes move down to lower ones. A node moves at most ten times, and mostly twice, however
 * many there are: putting in, taking out and what is due cost the same with a million of them. Nothing is
 * allocated. Equal keys come out in the order they went in.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libactor/util/list.h"

#define WHEEL_DIGIT_BITS 6
#define WHEEL_SLOTS      (1u << WHEEL_DIGIT_BITS)
#define WHEEL_RINGS      11

struct wheel_node {
	struct list link; /* unlinked: not in (so zeroed memory is a valid node) */
	uint64_t key;
};

struct wheel {
	uint64_t base;
	uint64_t next; /* if known: no key is less */
	bool next_is_known;
	uint32_t rings;               /* a bit for each that has a node */
	uint64_t filled[WHEEL_RINGS]; /* a bit for each slot that has a node */
	struct list slots[WHEEL_RINGS][WHEEL_SLOTS];
};

void wheel_init(struct wheel *wheel);
/*
 * Puts @node in, or moves it when it is in (it then counts as inserted last). A key before what was taken up
 * to already is due at once, in the order of insertion.
 */
void wheel_insert(struct wheel *wheel, struct wheel_node *node, uint64_t key);
/* no effect on a node that is not in */
void wheel_remove(struct wheel *wheel, struct wheel_node *node);
/*
 * When to look again: the smallest key, UINT64_MAX when empty. If more than 16 share the first slot, it may
 * be the beginning of that slot, which is earlier.
 */
uint64_t wheel_next(struct wheel *wheel);
/* The node with the smallest key if that is <= @now, taken out; else NULL. @now never goes back. */
struct wheel_node *wheel_take(struct wheel *wheel, uint64_t now);

static inline bool wheel_contains(const struct wheel_node *node)
{
	return list_is_linked(&node->link);
}

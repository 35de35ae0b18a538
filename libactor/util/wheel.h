/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers in the order of their times: an exact timing wheel with eleven rings. A key is a number of 64 bits,
 * that is eleven digits of six bits. `base` is the time up to which all nodes have been taken. The ring of a
 * node is the highest digit in which its key differs from `base`; the value of that digit is the slot in the
 * ring. So all nodes of a lower ring are earlier than those of a higher one, and the slots of a ring are in
 * order. When the time reaches a slot of a higher ring, the nodes of that slot move down to lower rings. A
 * node moves at most ten times, and mostly twice. So the cost of inserting, removing and taking does not
 * depend on the number of nodes, even with a million of them. Nothing is allocated. Nodes with equal keys
 * come out in the order in which they went in.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libactor/util/list.h"

#define WHEEL_DIGIT_BITS 6
#define WHEEL_SLOTS      (1u << WHEEL_DIGIT_BITS)
#define WHEEL_RINGS      11

struct wheel_node {
	struct list link; /* unlinked: not in a wheel (so zeroed memory is a valid node) */
	uint64_t key;
};

struct wheel {
	uint64_t base;
	uint64_t next; /* if next_is_known: no key is less than this */
	bool next_is_known;
	uint32_t rings;               /* a bit for each ring that has a node */
	uint64_t filled[WHEEL_RINGS]; /* a bit for each slot that has a node */
	struct list slots[WHEEL_RINGS][WHEEL_SLOTS];
};

void wheel_init(struct wheel *wheel);
/*
 * Puts @node in, or moves it when it is in already; a moved node counts as inserted last. A key before `base`
 * is due at once, in the order of insertion.
 */
void wheel_insert(struct wheel *wheel, struct wheel_node *node, uint64_t key);
/* Does nothing when the node is not in the wheel. */
void wheel_remove(struct wheel *wheel, struct wheel_node *node);
/*
 * Returns when to look again: the smallest key, UINT64_MAX when the wheel is empty. If more than 16 nodes
 * share the first slot, the result may be the beginning of that slot, which is earlier than the smallest key.
 */
uint64_t wheel_next(struct wheel *wheel);
/*
 * If the smallest key is <= @now, takes its node out and returns it; otherwise returns NULL. @now never goes
 * back.
 */
struct wheel_node *wheel_take(struct wheel *wheel, uint64_t now);

static inline bool wheel_contains(const struct wheel_node *node)
{
	return list_is_linked(&node->link);
}

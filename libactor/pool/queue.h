/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs that wait: strictly by priority, first come first served within one. Intrusive, allocates nothing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libactor/util/list.h"

#define QUEUE_LEVELS 8 /* priorities 3 … -4: level 0 … 7 */

struct queue {
	struct list levels[QUEUE_LEVELS];
	uint32_t n;
	uint8_t not_empty; /* bit: the level has some */
};

struct queue_node {
	struct list link;
	struct queue *in; /* NULL: in none */
	uint8_t level;
};

void queue_init(struct queue *queue);
void queue_append(struct queue *queue, struct queue_node *node, uint8_t level);
/* Before all others of its priority: it has been out before. */
void queue_prepend(struct queue *queue, struct queue_node *node, uint8_t level);
void queue_remove(struct queue_node *node); /* no effect on one that is in none */
/* The first of the best level; stays in. NULL: empty. */
struct queue_node *queue_first(const struct queue *queue);
/* The oldest, or the newest, of the worst level. */
struct queue_node *queue_worst(const struct queue *queue, bool oldest);

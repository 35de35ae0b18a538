/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting jobs: strictly by priority, and within a priority first come first served. Intrusive; allocates
 * nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libactor/util/list.h"

#define QUEUE_LEVELS 8 /* priorities 3 … -4: level 0 … 7 */

struct queue {
	struct list levels[QUEUE_LEVELS];
	uint32_t n;
	uint8_t not_empty; /* a bit for each level that has a job */
};

struct queue_node {
	struct list link;
	struct queue *in; /* NULL: in no queue */
	uint8_t level;
};

void queue_init(struct queue *queue);
void queue_append(struct queue *queue, struct queue_node *node, uint8_t level);
/* Puts the node before all others of its priority, because it was taken out before. */
void queue_prepend(struct queue *queue, struct queue_node *node, uint8_t level);
void queue_remove(struct queue_node *node); /* does nothing for a node that is in no queue */
/* Returns the first node of the best level, which stays in. NULL: the queue is empty. */
struct queue_node *queue_first(const struct queue *queue);
/* Returns the oldest, or the newest, node of the worst level. */
struct queue_node *queue_worst(const struct queue *queue, bool oldest);

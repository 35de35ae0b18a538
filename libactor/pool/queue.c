/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/pool/queue.h"

#include <stddef.h>

static struct queue_node *node_of(struct list *link)
{
	return container_of(link, struct queue_node, link);
}

void queue_init(struct queue *queue)
{
	queue->n = 0;
	queue->not_empty = 0;
	for (int i = 0; i < QUEUE_LEVELS; i++)
		list_init(&queue->levels[i]);
}

static void queue_count(struct queue *queue, struct queue_node *node, uint8_t level)
{
	node->in = queue;
	node->level = level;
	queue->n++;
	queue->not_empty |= (uint8_t)(1u << level);
}

void queue_append(struct queue *queue, struct queue_node *node, uint8_t level)
{
	list_append(&queue->levels[level], &node->link);
	queue_count(queue, node, level);
}

void queue_prepend(struct queue *queue, struct queue_node *node, uint8_t level)
{
	list_prepend(&queue->levels[level], &node->link);
	queue_count(queue, node, level);
}

void queue_remove(struct queue_node *node)
{
	struct queue *queue = node->in;

	if (!queue)
		return;
	list_remove(&node->link);
	node->in = NULL;
	queue->n--;
	if (list_is_empty(&queue->levels[node->level]))
		queue->not_empty &= (uint8_t) ~(1u << node->level);
}

struct queue_node *queue_first(const struct queue *queue)
{
	return queue->not_empty ? node_of(queue->levels[__builtin_ctz(queue->not_empty)].next) : NULL;
}

struct queue_node *queue_worst(const struct queue *queue, bool oldest)
{
	const struct list *level;

	if (!queue->not_empty)
		return NULL;
	level = &queue->levels[31 - __builtin_clz(queue->not_empty)];
	return node_of(oldest ? level->next : level->prev);
}

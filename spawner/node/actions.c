/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The actions that the node wants done: early ones before the state is written, late ones after that. Of the
 * late ones, telling the broker of an end goes first, since others wait for that.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spawner/node/private.h"

void *node_alloc(size_t size_bytes)
{
	void *p = calloc(1, size_bytes);

	if (!p)
		abort();
	return p;
}

const char *const *node_argv_of(const char *program)
{
	const char **argv = node_alloc(2 * sizeof(char *));

	argv[0] = strdup(program);
	if (!argv[0])
		abort();
	return argv;
}

static struct node_action *action_new(struct list *queue, enum node_action_kind kind)
{
	struct node_action *action = node_alloc(sizeof(*action));

	action->kind = kind;
	list_append(queue, &action->link);
	return action;
}

struct node_action *node_early(struct node *node, enum node_action_kind kind)
{
	return action_new(&node->early, kind);
}

struct node_action *node_late(struct node *node, enum node_action_kind kind)
{
	return action_new(kind == NODE_GROUP_DOWN ? &node->ends : &node->late, kind);
}

static struct node_action *action_take(struct list *queue)
{
	struct list *link = list_pop(queue);

	return link ? container_of(link, struct node_action, link) : NULL;
}

struct node_action *node_next_early(struct node *node)
{
	return action_take(&node->early);
}

struct node_action *node_next_late(struct node *node)
{
	return action_take(list_is_empty(&node->ends) ? &node->late : &node->ends);
}

struct node_action *node_action_free(struct node_action *action)
{
	if (action) {
		buf_deinit(&action->body);
		free(action);
	}
	return NULL;
}

void node_log(struct node *node, const char *format, ...)
{
	struct node_action *action = node_early(node, NODE_LOG);
	va_list ap;

	va_start(ap, format);
	vsnprintf(action->text, sizeof(action->text), format, ap);
	va_end(ap);
}

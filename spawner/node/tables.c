/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of children by name, group and number, and the lists of those that must be written or checked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spawner/node/private.h"

struct child *node_child_by_name(const struct node *node, const char *name)
{
	struct hash_node *n = hash_first(&node->by_name, hash_of_bytes(&node->by_name, name, strlen(name)));

	for (; n; n = hash_next(n)) {
		struct child *child = container_of(n, struct child, by_name);

		if (!strcmp(child->name, name))
			return child;
	}
	return NULL;
}

struct child *node_child_by_group(const struct node *node, uint64_t group)
{
	struct hash_node *n = hash_first(&node->by_group, hash_of_u64(&node->by_group, group));

	for (; n; n = hash_next(n)) {
		struct child *child = container_of(n, struct child, by_group);

		if (child->group == group)
			return child;
	}
	return NULL;
}

struct child *node_child_by_number(const struct node *node, uint64_t number)
{
	struct hash_node *n = hash_first(&node->by_number, hash_of_u64(&node->by_number, number));

	for (; n; n = hash_next(n)) {
		struct child *child = container_of(n, struct child, by_number);

		if (child->number == number)
			return child;
	}
	return NULL;
}

struct child *node_broker(const struct node *node)
{
	return node->broker;
}

struct child *node_first(const struct node *node)
{
	return list_is_empty(&node->children) ? NULL : container_of(node->children.next, struct child, link);
}

struct child *node_after(const struct node *node, const struct child *child)
{
	return child->link.next == &node->children ? NULL
						   : container_of(child->link.next, struct child, link);
}

bool node_is_full(const struct node *node, size_t n_more, char *text, size_t size)
{
	size_t n = node->by_group.n_items - (node->broker && node->broker->group ? 1 : 0);

	if (!node->config.max_processes || n + n_more <= node->config.max_processes)
		return false;
	snprintf(text, size,
		"%zu processes run, and the node's limit of open files (%llu, ulimit -Hn) has room for no more: raise it "
		"before the node is started",
		node->config.max_processes, (unsigned long long)node->config.max_files);
	return true;
}

size_t node_count(const struct node *node)
{
	return node->n_children;
}

bool node_is_stopping(const struct node *node)
{
	return node->stopping;
}

void node_touch(struct node *node, struct child *child)
{
	if (!list_is_linked(&child->dirty_link))
		list_append(&node->dirty, &child->dirty_link);
	if (!list_is_linked(&child->touched_link))
		list_append(&node->touched, &child->touched_link);
}

void node_set_group(struct node *node, struct child *child, uint64_t group)
{
	if (child->group)
		hash_remove(&node->by_group, &child->by_group);
	heap_remove(&node->steady, &child->steady);
	child->group = group;
	child->pid = 0;
	child->forked_ns = child->exec_ns = 0;
	child->told = child->ready_early = child->said_hello = false;
	if (group && hash_insert(&node->by_group, &child->by_group, hash_of_u64(&node->by_group, group)) < 0)
		abort();
}

void node_recent_add(
	struct node *node, uint64_t group, const struct actor_cause *cause, int32_t pid, const char *name)
{
	struct recent_exit *recent = &node->recent[node->next_recent];

	*recent = (struct recent_exit){.group = group, .cause = *cause, .pid = pid};
	if (pid)
		snprintf(recent->name, sizeof(recent->name), "%s", name);
	node->next_recent = (node->next_recent + 1) % NODE_RECENT_MAX;
	if (node->n_recent < NODE_RECENT_MAX)
		node->n_recent++;
}

void node_set_log_path(
	struct node *node, void (*log_path)(const char *name, char *ret, size_t size, void *arg), void *arg)
{
	node->log_path = log_path;
	node->log_path_arg = arg;
}

void node_put_child(const struct node *node, struct buf *b, const struct child *child, uint64_t now_ns,
	size_t argv_max_bytes)
{
	char path[4096] = "";

	if (node->log_path)
		node->log_path(child->name, path, sizeof(path), node->log_path_arg);
	child_put_map(b, child, node->config.node_id, path[0] ? path : NULL, now_ns, argv_max_bytes);
}

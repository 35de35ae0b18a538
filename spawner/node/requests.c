/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spawns that a caller may repeat: they are found by their cookies, and kept for a while after their children
 * were forgotten.
 */
#include <stdlib.h>

#include "spawner/node/private.h"

struct request *node_request_find(const struct node *node, uint64_t cookie)
{
	struct hash_node *n =
		cookie ? hash_first(&node->requests, hash_of_u64(&node->requests, cookie)) : NULL;

	for (; n; n = hash_next(n)) {
		struct request *request = container_of(n, struct request, by_cookie);

		if (request->cookie == cookie)
			return request;
	}
	return NULL;
}

static struct request *request_new(struct node *node, uint64_t cookie)
{
	struct request *request = node_alloc(sizeof(*request));

	request->cookie = cookie;
	if (hash_insert(&node->requests, &request->by_cookie, hash_of_u64(&node->requests, cookie)) < 0)
		abort();
	return request;
}

static void request_free(struct node *node, struct request *request)
{
	if (list_is_linked(&request->spent_link)) {
		list_remove(&request->spent_link);
		node->n_spent--;
	}
	hash_remove(&node->requests, &request->by_cookie);
	free(request);
}

static void request_spend(struct node *node, struct request *request)
{
	request->child = NULL;
	list_append(&node->spent, &request->spent_link);
	if (++node->n_spent > NODE_SPENT_MAX)
		request_free(node, container_of(node->spent.next, struct request, spent_link));
}

void node_request_new(struct node *node, struct child *child)
{
	if (!child->spec.cookie || node_request_find(node, child->spec.cookie))
		return;
	child->request = request_new(node, child->spec.cookie);
	child->request->child = child;
}

void node_request_end(struct node *node, struct child *child, bool spent)
{
	struct request *request = child->request;

	child->request = NULL;
	if (request && spent)
		request_spend(node, request);
	else if (request)
		request_free(node, request);
}

void node_request_load_spent(struct node *node, uint64_t cookie)
{
	if (cookie && !node_request_find(node, cookie))
		request_spend(node, request_new(node, cookie));
}

void node_requests_forget(struct node *node)
{
	while (!list_is_empty(&node->spent))
		request_free(node, container_of(node->spent.next, struct request, spent_link));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients: groups that have asked for something. All that a client made is charged to it (struct client) and
 * is freed with it. The cost of that is linear in what is freed.
 */
#include <stdlib.h>

#include "spawner/node/private.h"

struct client *node_client_find(const struct node *node, uint64_t group)
{
	struct hash_node *n = hash_first(&node->clients, hash_of_u64(&node->clients, group));

	for (; n; n = hash_next(n)) {
		struct client *client = container_of(n, struct client, by_group);

		if (client->group == group)
			return client;
	}
	return NULL;
}

struct client *node_client_new(struct node *node, uint64_t group)
{
	struct client *client = node_alloc(sizeof(*client));

	client->group = group;
	list_init(&client->watches);
	list_init(&client->untold);
	list_init(&client->told);
	list_init(&client->waiters);
	list_init(&client->owned);
	if (hash_insert(&node->clients, &client->by_group, hash_of_u64(&node->clients, group)) < 0)
		abort();
	return client;
}

void node_client_free(struct node *node, struct client *client)
{
	if (list_is_linked(&client->gone_link)) {
		list_remove(&client->gone_link);
		node->n_gone--;
	}
	list_remove(&client->again_link);
	hash_remove(&node->clients, &client->by_group);
	free(client);
}

struct client *node_client_get(struct node *node, uint64_t group)
{
	struct client *client = node_client_find(node, group);

	if (!client)
		return node_client_new(node, group);
	return list_is_linked(&client->gone_link) ? NULL : client;
}

void node_client_settle(struct node *node, struct client *client)
{
	if (!client->n_watches && !client->n_waiters && list_is_empty(&client->owned) &&
		!list_is_linked(&client->gone_link))
		node_client_free(node, client);
}

void node_owner_set(struct node *node, struct child *child, actor_ref owner)
{
	struct client *client;

	if (list_is_linked(&child->owner_link)) {
		list_remove(&child->owner_link);
		node_client_settle(node, node_client_find(node, child->owner.group));
	}
	child->owner = owner;
	client = actor_ref_is_nobody(owner) ? NULL : node_client_get(node, owner.group);
	if (client)
		list_append(&client->owned, &child->owner_link);
}

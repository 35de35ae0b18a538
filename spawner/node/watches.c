/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches, the notices that they become, and the endings that a watcher or the broker must still be told.
 * Notices and endings stay in the node's state until they have been handed over.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "spawner/node/private.h"

static struct ending *ending_find(const struct node *node, uint64_t group)
{
	struct hash_node *n = hash_first(&node->endings, hash_of_u64(&node->endings, group));

	for (; n; n = hash_next(n)) {
		struct ending *ending = container_of(n, struct ending, by_group);

		if (ending->group == group)
			return ending;
	}
	return NULL;
}

static struct ending *ending_get(struct node *node, uint64_t group, const struct actor_cause *cause)
{
	struct ending *ending = ending_find(node, group);

	if (!ending) {
		ending = node_alloc(sizeof(*ending));
		ending->group = group;
		if (hash_insert(&node->endings, &ending->by_group, hash_of_u64(&node->endings, group)) < 0)
			abort();
	}
	ending->cause = *cause;
	if (!list_is_linked(&ending->changed_link))
		list_append(&node->changed_endings, &ending->changed_link);
	return ending;
}

/* Frees @ending if nobody must be told of it any more. */
void node_ending_settle(struct node *node, struct ending *ending)
{
	if (ending->n_notices || list_is_linked(&ending->owed_link))
		return;
	list_remove(&ending->changed_link);
	hash_remove(&node->endings, &ending->by_group);
	free(ending);
}

static void ending_paid(struct node *node, struct ending *ending)
{
	list_remove(&ending->owed_link);
	node->n_owed--;
	if (node->broker_told < ending->owed) {
		node->broker_told = ending->owed;
		node->broker_told_dirty = true;
	}
	ending->owed = 0;
	node_ending_settle(node, ending);
}

void node_broker_told(struct node *node, uint64_t number)
{
	while (!list_is_empty(&node->owed)) {
		struct ending *ending = container_of(node->owed.next, struct ending, owed_link);

		if (ending->owed > number)
			break;
		ending_paid(node, ending);
	}
}

uint64_t node_last_number(const struct node *node)
{
	return node->next_notice;
}

static void ending_owe(struct node *node, struct ending *ending)
{
	list_append(&node->owed, &ending->owed_link);
	node->n_owed++;
	/*
	 * If the broker has missed more endings than this, it is not told the oldest ones. Then it says
	 * `noconnection` as their cause.
	 */
	if (node->n_owed > NODE_RECENT_MAX)
		ending_paid(node, container_of(node->owed.next, struct ending, owed_link));
}

static uint64_t hash_of_id(const struct node *node, actor_ref watcher, uint64_t id)
{
	const uint64_t key[3] = {watcher.group, watcher.serial, id};

	return hash_of_bytes(&node->by_id, key, sizeof(key));
}

struct watch *node_watch_find(const struct node *node, actor_ref watcher, uint64_t id)
{
	struct hash_node *n = hash_first(&node->by_id, hash_of_id(node, watcher, id));

	for (; n; n = hash_next(n)) {
		struct watch *watch = container_of(n, struct watch, by_id);

		if (watch->id == id && actor_ref_equal(watch->watcher, watcher))
			return watch;
	}
	return NULL;
}

const char *node_watch_refusal(const struct node *node, actor_ref watcher)
{
	const struct client *client = node_client_find(node, watcher.group);

	if (client && list_is_linked(&client->gone_link))
		return "the caller's group has ended";
	if (client && client->n_watches >= NODE_CLIENT_WATCHES_MAX)
		return "this group monitors as many processes as one group may";
	return node->n_watches >= NODE_WATCHES_MAX ? "as many processes are monitored as can be" : NULL;
}

static void watch_changed(struct node *node, struct watch *watch)
{
	if (!list_is_linked(&watch->changed_link))
		list_append(&node->changed_watches, &watch->changed_link);
}

static struct watch *watch_new(struct node *node, struct client *client, actor_ref watcher, uint64_t id)
{
	struct watch *watch = node_alloc(sizeof(*watch));

	*watch = (struct watch){.client = client, .watcher = watcher, .id = id};
	if (hash_insert(&node->by_id, &watch->by_id, hash_of_id(node, watcher, id)) < 0)
		abort();
	client->n_watches++;
	node->n_watches++;
	watch_changed(node, watch);
	return watch;
}

void node_watch_add(struct node *node, struct child *child, actor_ref watcher, uint64_t id)
{
	struct client *client;
	struct watch *watch;

	if (node_watch_find(node, watcher, id))
		return;
	client = node_client_get(node, watcher.group);
	if (!client)
		return;
	watch = watch_new(node, client, watcher, id);
	watch->child = child;
	list_append(&child->watches, &watch->child_link);
	list_append(&client->watches, &watch->client_link);
}

void node_watch_free(struct node *node, struct watch *watch)
{
	struct client *client = watch->client;

	if (watch->written) {
		struct unwatched *unwatched = node_alloc(sizeof(*unwatched));

		*unwatched = (struct unwatched){.watcher = watch->watcher, .id = watch->id};
		list_append(&node->unwatched, &unwatched->link);
	}
	list_remove(&watch->child_link);
	list_remove(&watch->client_link);
	list_remove(&watch->changed_link);
	hash_remove(&node->by_id, &watch->by_id);
	if (watch->ending) {
		watch->ending->n_notices--;
		node_ending_settle(node, watch->ending);
	}
	node->n_watches--;
	client->n_watches--;
	free(watch);
	node_client_settle(node, client);
}

void node_client_tell(struct node *node, struct client *client)
{
	/*
	 * The action that tells the client its notices is moved behind all other actions of this turn. If a
	 * request of the client caused the new notice, the answer to that request is among them, and the
	 * client gets the answer first.
	 */
	if (client->tell) {
		list_remove(&client->tell->link);
		list_append(&node->late, &client->tell->link);
		return;
	}
	client->tell = node_late(node, NODE_TELL);
	client->tell->group = client->group;
}

static void watch_becomes_notice(
	struct node *node, struct watch *watch, struct ending *ending, uint64_t number)
{
	list_remove(&watch->child_link);
	list_remove(&watch->client_link);
	watch->child = NULL;
	watch->ending = ending;
	watch->number = number;
	ending->n_notices++;
	list_append(&watch->client->untold, &watch->client_link);
	watch_changed(node, watch);
}

void node_child_ended(struct node *node, struct child *child, const struct actor_cause *cause)
{
	bool owed = !child->daemon;
	struct ending *ending;

	if (!owed && list_is_empty(&child->watches))
		return;
	ending = ending_get(node, child->group, cause);
	/*
	 * The broker is told before the watchers, so that the names are free before anybody hears of the end.
	 */
	if (owed) {
		struct node_action *action = node_late(node, NODE_GROUP_DOWN);

		action->group = child->group;
		action->cause = *cause;
		action->pid = child->pid;
		snprintf(action->text, sizeof(action->text), "%s", child->name);
		action->number = ++node->next_notice;
		if (node->config.broker) {
			ending->owed = action->number;
			ending_owe(node, ending);
		}
	}
	while (!list_is_empty(&child->watches)) {
		struct watch *watch = container_of(child->watches.next, struct watch, child_link);

		watch_becomes_notice(node, watch, ending, ++node->next_notice);
		node_client_tell(node, watch->client);
	}
	node_ending_settle(node, ending);
}

void node_notice_add(
	struct node *node, uint64_t group, const struct actor_cause *cause, actor_ref watcher, uint64_t id)
{
	struct client *client;

	if (node_watch_find(node, watcher, id))
		return;
	client = node_client_get(node, watcher.group);
	if (!client)
		return;
	watch_becomes_notice(node, watch_new(node, client, watcher, id), ending_get(node, group, cause),
		++node->next_notice);
	node_client_tell(node, client);
}

bool node_next_notice(struct node *node, uint64_t client_group, struct node_notice *ret)
{
	struct client *client = node_client_find(node, client_group);
	struct list *link;
	struct watch *watch;

	if (!client)
		return false;
	client->tell = NULL;
	link = list_pop(&client->untold);
	if (!link)
		return false;
	watch = container_of(link, struct watch, client_link);
	list_append(&client->told, link);
	*ret = (struct node_notice){
		.number = watch->number,
		.watcher = watch->watcher,
		.group = watch->ending->group,
		.id = watch->id,
		.cause = &watch->ending->cause,
	};
	return true;
}

void node_notices_handed(struct node *node, uint64_t client_group, uint64_t number)
{
	struct client *client = node_client_find(node, client_group);
	bool more = client != NULL;

	while (more && !list_is_empty(&client->told)) {
		struct watch *watch = container_of(client->told.next, struct watch, client_link);

		if (watch->number > number)
			break;
		more = client->n_watches > 1; /* the client may be freed with its last watch */
		node_watch_free(node, watch);
	}
}

void node_notices_lost(struct node *node, uint64_t client_group)
{
	struct client *client = node_client_find(node, client_group);

	if (!client || list_is_empty(&client->told))
		return;
	/*
	 * The notices that were told go before the untold ones, so that the list stays in the order of the
	 * numbers.
	 */
	list_splice(&client->told, &client->untold);
	list_splice(&client->untold, &client->told);
	if (!list_is_linked(&client->again_link))
		list_append(&node->again, &client->again_link);
}

void node_tell_again(struct node *node)
{
	struct list *link;

	while ((link = list_pop(&node->again)))
		node_client_tell(node, container_of(link, struct client, again_link));
}

void node_ending_load(struct node *node, uint64_t group, const struct actor_cause *cause, uint64_t owed)
{
	struct ending *ending = ending_get(node, group, cause);

	list_remove(&ending->changed_link);
	ending->owed = owed;
	if (owed && !list_is_linked(&ending->owed_link)) {
		list_append(&node->owed, &ending->owed_link);
		node->n_owed++;
	}
	if (owed > node->next_notice)
		node->next_notice = owed;
}

int node_notice_load(struct node *node, uint64_t number, actor_ref watcher, uint64_t id, uint64_t group)
{
	struct watch *watch = node_watch_find(node, watcher, id);
	struct ending *ending = ending_find(node, group);
	struct client *client;

	if (!ending || (watch && watch->ending))
		return -EPROTO;
	if (!watch) {
		client = node_client_get(node, watcher.group);
		if (!client)
			return -EPROTO;
		watch = watch_new(node, client, watcher, id);
	}
	watch_becomes_notice(node, watch, ending, number);
	list_remove(&watch->changed_link);
	watch->written = true;
	if (number > node->next_notice)
		node->next_notice = number;
	return 0;
}

void node_clients_forget(struct node *node)
{
	struct hash_node *n;
	struct list *link;

	while ((n = hash_any(&node->by_id)))
		node_watch_free(node, container_of(n, struct watch, by_id));
	while (!list_is_empty(&node->owed))
		ending_paid(node, container_of(node->owed.next, struct ending, owed_link));
	while ((n = hash_any(&node->endings))) {
		struct ending *ending = container_of(n, struct ending, by_group);

		ending->n_notices = 0;
		node_ending_settle(node, ending);
	}
	while ((n = hash_any(&node->clients)))
		node_client_free(node, container_of(n, struct client, by_group));
	while ((link = list_pop(&node->unwatched)))
		free(container_of(link, struct unwatched, link));
	node->broker_told_dirty = false;
	node->broker_told = node->next_notice = 0;
}

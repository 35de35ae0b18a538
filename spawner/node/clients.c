/*
 * What callers have made: watches and the notices they become, waits, owned processes. All of it is charged to the group that asked
 * (struct client) and goes with it, at a cost that is linear in what goes.
 */
#include "spawner/node/private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BY_SUPERVISOR 3 /* bits 63 and 62 of a group that has its only link with a supervisor */

/* --- clients ----------------------------------------------------------------------------------------------------- */

static struct client *client_find(const struct node *node, uint64_t group)
{
	struct hash_node *n = hash_first(&node->clients, hash_of_u64(&node->clients, group));

	for (; n; n = hash_next(n)) {
		struct client *client = container_of(n, struct client, by_group);

		if (client->group == group)
			return client;
	}
	return NULL;
}

static struct client *client_new(struct node *node, uint64_t group)
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

static void client_free(struct node *node, struct client *client)
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
	struct client *client = client_find(node, group);

	if (!client)
		return client_new(node, group);
	return list_is_linked(&client->gone_link) ? NULL : client;
}

void node_client_settle(struct node *node, struct client *client)
{
	if (!client->n_watches && !client->n_waiters && list_is_empty(&client->owned) && !list_is_linked(&client->gone_link))
		client_free(node, client);
}

void node_client_gone(struct node *node, uint64_t group, uint64_t now_ns)
{
	struct client *client = client_find(node, group);

	if (!client)
		client = client_new(node, group);
	if (list_is_linked(&client->gone_link))
		return;
	list_append(&node->gone, &client->gone_link); /* first: from here on it gets nothing, and nothing frees it */
	node->n_gone++;
	list_remove(&client->again_link);
	while (!list_is_empty(&client->watches))
		node_watch_free(node, container_of(client->watches.next, struct watch, client_link));
	while (!list_is_empty(&client->untold))
		node_watch_free(node, container_of(client->untold.next, struct watch, client_link));
	while (!list_is_empty(&client->told))
		node_watch_free(node, container_of(client->told.next, struct watch, client_link));
	node_waiters_of_gone(node, client);
	while (!list_is_empty(&client->owned)) {
		struct child *child = container_of(client->owned.next, struct child, owner_link);

		list_remove(&child->owner_link);
		node_owner_gone(node, child->number, now_ns);
	}
	if (node->n_gone > NODE_GONE_MAX)
		client_free(node, container_of(node->gone.next, struct client, gone_link));
}

void node_owner_set(struct node *node, struct child *child, actor_ref owner)
{
	struct client *client;

	if (list_is_linked(&child->owner_link)) {
		list_remove(&child->owner_link);
		node_client_settle(node, client_find(node, child->owner.group));
	}
	child->owner = owner;
	client = actor_ref_is_nobody(owner) ? NULL : node_client_get(node, owner.group);
	if (client)
		list_append(&client->owned, &child->owner_link);
}

/* --- endings ----------------------------------------------------------------------------------------------------- */

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

/* Nobody needs it any more: frees it then. */
static void ending_settle(struct node *node, struct ending *ending)
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
	ending_settle(node, ending);
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
	if (node->n_owed > NODE_RECENT_MAX) /* one that was away so long hears of `noconnection` */
		ending_paid(node, container_of(node->owed.next, struct ending, owed_link));
}

/* --- watches ----------------------------------------------------------------------------------------------------- */

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
	const struct client *client = client_find(node, watcher.group);

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
		ending_settle(node, watch->ending);
	}
	node->n_watches--;
	client->n_watches--;
	free(watch);
	node_client_settle(node, client);
}

/* --- notices ----------------------------------------------------------------------------------------------------- */

static void client_tell(struct node *node, struct client *client)
{
	if (client->tell) { /* behind whatever led to this one: who asks hears the answer first */
		list_remove(&client->tell->link);
		list_append(&node->late, &client->tell->link);
		return;
	}
	client->tell = node_late(node, NODE_TELL);
	client->tell->group = client->group;
}

static void watch_becomes_notice(struct node *node, struct watch *watch, struct ending *ending, uint64_t number)
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
	if (owed) { /* first: a name is free before anybody hears of the end */
		struct node_action *action = node_late(node, NODE_GROUP_DOWN);

		action->group = child->group;
		action->cause = *cause;
		action->number = ++node->next_notice;
		if (node->config.broker) {
			ending->owed = action->number;
			ending_owe(node, ending);
		}
	}
	while (!list_is_empty(&child->watches)) {
		struct watch *watch = container_of(child->watches.next, struct watch, child_link);

		watch_becomes_notice(node, watch, ending, ++node->next_notice);
		client_tell(node, watch->client);
	}
	ending_settle(node, ending);
}

void node_notice_add(struct node *node, uint64_t group, const struct actor_cause *cause, actor_ref watcher, uint64_t id)
{
	struct client *client;

	if (node_watch_find(node, watcher, id))
		return;
	client = node_client_get(node, watcher.group);
	if (!client)
		return;
	watch_becomes_notice(node, watch_new(node, client, watcher, id), ending_get(node, group, cause), ++node->next_notice);
	client_tell(node, client);
}

bool node_next_notice(struct node *node, uint64_t client_group, struct node_notice *ret)
{
	struct client *client = client_find(node, client_group);
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
	struct client *client = client_find(node, client_group);
	bool more = client != NULL;

	while (more && !list_is_empty(&client->told)) {
		struct watch *watch = container_of(client->told.next, struct watch, client_link);

		if (watch->number > number)
			break;
		more = client->n_watches > 1; /* with its last one a client is freed */
		node_watch_free(node, watch);
	}
}

void node_notices_lost(struct node *node, uint64_t client_group)
{
	struct client *client = client_find(node, client_group);

	if (!client || list_is_empty(&client->told))
		return;
	list_splice(&client->told, &client->untold); /* by number */
	list_splice(&client->untold, &client->told);
	if (!list_is_linked(&client->again_link))
		list_append(&node->again, &client->again_link);
}

void node_tell_again(struct node *node)
{
	struct list *link;

	while ((link = list_pop(&node->again)))
		client_tell(node, container_of(link, struct client, again_link));
}

/* --- the beginning and the end ----------------------------------------------------------------------------------- */

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

static void ending_start(struct hash_node *n, void *arg)
{
	ending_settle(arg, container_of(n, struct ending, by_group));
}

static void client_start(struct hash_node *n, void *arg)
{
	struct client *client = container_of(n, struct client, by_group);

	if (!list_is_empty(&client->untold))
		client_tell(arg, client);
}

/* Their only link was with our predecessor. */
static void client_collect(struct hash_node *n, void *arg)
{
	struct client *client = container_of(n, struct client, by_group);

	if (client->group >> 62 == BY_SUPERVISOR && !list_is_linked(&client->gone_link))
		list_append(arg, &client->again_link);
}

struct absent {
	const struct node *node;
	struct list groups;
};

static void client_collect_absent(struct hash_node *n, void *arg)
{
	struct client *client = container_of(n, struct client, by_group);
	struct absent *absent = arg;

	if (!(client->group >> 63) && !list_is_linked(&client->gone_link) && !node_child_by_group(absent->node, client->group))
		list_append(&absent->groups, &client->again_link);
}

void node_clients_synced(struct node *node, uint64_t now_ns)
{
	struct absent absent = {.node = node};
	struct list *link;

	list_init(&absent.groups);
	hash_each(&node->clients, client_collect_absent, &absent);
	while ((link = list_pop(&absent.groups)))
		node_client_gone(node, container_of(link, struct client, again_link)->group, now_ns);
}

void node_clients_start(struct node *node, uint64_t now_ns)
{
	struct list gone;
	struct list *link;

	node_broker_told(node, node->broker_told);
	list_for_each(it, &node->owed) {
		const struct ending *ending = container_of(it, struct ending, owed_link);

		node_recent_add(node, ending->group, &ending->cause);
	}
	hash_each(&node->endings, ending_start, node);
	list_init(&gone);
	hash_each(&node->clients, client_collect, &gone);
	while ((link = list_pop(&gone)))
		node_client_gone(node, container_of(link, struct client, again_link)->group, now_ns);
	hash_each(&node->clients, client_start, node);
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
		ending_settle(node, ending);
	}
	while ((n = hash_any(&node->clients)))
		client_free(node, container_of(n, struct client, by_group));
	while ((link = list_pop(&node->unwatched)))
		free(container_of(link, struct unwatched, link));
	node->broker_told_dirty = false;
	node->broker_told = node->next_notice = 0;
}

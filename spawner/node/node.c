/* SPDX-License-Identifier: Apache-2.0 */
/* The node: its beginning, events, timers, and what the broker is told. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/cause.h"
#include "libactor/protocol/names.h"
#include "spawner/node/private.h"

void node_reserved(struct node *node, uint64_t first_group, uint32_t n, uint64_t now_ns)
{
	struct list *link;

	node->reserving = false;
	if (first_group != node->next_group + node->n_groups || !node->n_groups) {
		node->next_group = first_group;
		node->n_groups = n;
	} else {
		node->n_groups += n;
	}
	while (node->n_groups && (link = list_pop(&node->idless))) {
		struct child *child = container_of(link, struct child, idless_link);

		node_start_instance(node, child);
		node_touch(node, child);
	}
	node_drain(node, now_ns);
}

void node_group_ready(struct node *node, uint64_t group, uint64_t now_ns)
{
	struct child *child = node_child_by_group(node, group);

	if (!child || child->spec.up_for_ms)
		return;
	if (!child->exec_ns) {
		/*
		 * The `ready` comes through the broker, and can come before the keeper reports that the
		 * process runs. It is kept until then, so that nobody is told of a process without a pid.
		 */
		child->ready_early = true;
		return;
	}
	if (supervision_child_ready(child->sup, now_ns) < 0)
		return;
	node_touch(node, child);
	node_drain(node, now_ns);
}

void node_timer(struct node *node, uint64_t now_ns)
{
	struct heap_node *n;

	while ((n = heap_take(&node->failures, now_ns))) {
		struct child *child = container_of(n, struct child, failure);

		node_touch(node, child);
		supervision_child_start_failed(child->sup, now_ns, false);
		node_drain(node, now_ns);
	}
	while ((n = heap_take(&node->steady, now_ns))) {
		struct child *child = container_of(n, struct child, steady);

		node_touch(node, child);
		supervision_child_ready(child->sup, now_ns);
	}
	supervision_timer(node->engine, now_ns);
	supervision_timer(node->daemons, now_ns);
	node_drain(node, now_ns);
	node_waiters_expire(node, now_ns);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t node_next_deadline(const struct node *node)
{
	uint64_t deadline = supervision_next_deadline(node->engine);

	deadline = min_u64(deadline, supervision_next_deadline(node->daemons));
	deadline = min_u64(deadline, heap_first_key(&node->failures));
	deadline = min_u64(deadline, heap_first_key(&node->steady));
	return min_u64(deadline, heap_first_key(&node->timeouts));
}

static void child_restore(struct node *node, struct child *child, uint64_t now_ns)
{
	const struct child_saved *saved = &child->saved;
	enum supervision_state state = saved->state;
	uint64_t deadline_ns = saved->deadline_ns;
	bool instance = child->group != 0;

	if (node_child_engage(node, child) < 0)
		abort();
	if (state == SUPERVISION_STOPPING)
		state = child->exec_ns ? SUPERVISION_UP : SUPERVISION_STARTING;
	if (state == SUPERVISION_WAITING ||
		(!instance && state != SUPERVISION_DOWN && state != SUPERVISION_BACKOFF)) {
		state = SUPERVISION_BACKOFF;
		deadline_ns = now_ns;
	}
	if (!instance && !saved->wanted)
		state = SUPERVISION_DOWN;
	supervision_child_restore(child->sup, state, instance || saved->wanted, saved->since_ns, deadline_ns,
		saved->n_restarts, (struct backoff){saved->backoff_step});
	if (state == SUPERVISION_UP)
		node_await_steady(node, child);
	if (saved->state == SUPERVISION_STOPPING && instance) {
		if (saved->wanted && !child->removing)
			supervision_child_restart(child->sup, now_ns);
		else
			supervision_child_stop(child->sup, now_ns);
	} else if (instance && !saved->wanted) {
		supervision_child_stop(child->sup, now_ns);
	}
	/* After the commands above, since these begin a new count, and the state has what came after that. */
	for (uint32_t i = 0; i < saved->n_recent; i++)
		supervision_child_restore_restart(child->sup, saved->recent_ns[i]);
	if (child->ended) {
		list_append(&node->ended, &child->ended_link);
		node->n_ended++;
	}
	if (!actor_ref_is_nobody(child->owner) && !child->removing) {
		struct node_action *action = node_late(node, NODE_OWNER_WATCH);

		action->number = child->number;
		action->watcher = child->owner;
	}
	if (child->last_exit.set)
		node_recent_add(node, child->last_exit.group, &child->last_exit.cause, child->last_exit.pid,
			child->name);
	node_touch(node, child);
}

void node_start(struct node *node, uint64_t now_ns)
{
	struct child *child, *next;

	supervision_start(node->engine, now_ns);
	supervision_start(node->daemons, now_ns);
	if (node->broker)
		child_restore(node, node->broker, now_ns);
	for (child = node_first(node); child; child = node_after(node, child))
		child_restore(node, child, now_ns);
	for (child = node_first(node); child; child = next) {
		next = node_after(node, child);
		if (child->removing && child_is_down(child))
			node_child_forget(node, child);
	}
	node_clients_start(node, now_ns);
	node_drain(node, now_ns);
}

static void broker_start(struct node *node, uint64_t now_ns)
{
	struct child_spec spec = CHILD_SPEC_DEFAULT;

	if (!node->broker) {
		spec.backoff_min_ms = DAEMON_BACKOFF_MIN_MS;
		spec.backoff_max_ms = DAEMON_BACKOFF_MAX_MS;
		spec.stop_timeout_ms = 2000;
		spec.argv = node_argv_of(node->config.broker);
		node_child_new(node, node->next_number, strdup("broker"), &spec, true);
		if (!node->broker->name || node_child_engage(node, node->broker) < 0)
			abort();
	} else if (strcmp(node->broker->spec.argv[0], node->config.broker)) {
		/* the broker's program has another path now: the next start uses that */
		struct child_spec old = {.argv = node->broker->spec.argv};

		node->broker->spec.argv = node_argv_of(node->config.broker);
		child_spec_deinit(&old);
		node->broker->spec_dirty = true;
	}
	node_touch(node, node->broker);
	supervision_child_start(node->broker->sup, now_ns);
}

void node_synced(struct node *node, uint64_t now_ns)
{
	struct child *child, *next;

	node->synced = true;
	if (node->broker)
		node_child_synced(node, node->broker, now_ns);
	for (child = node_first(node); child; child = next) {
		next = node_after(node, child);
		node_child_synced(node, child, now_ns);
	}
	if (node->config.broker && !node->stopping)
		broker_start(node, now_ns);
	node_request_groups(node);
	node_clients_synced(node, now_ns);
	if (node->stopping) {
		node->stopping = false;
		node_down(node, NULL, now_ns);
	}
	node_drain(node, now_ns);
}

static size_t recent_index(const struct node *node, size_t age)
{
	return (node->next_recent + NODE_RECENT_MAX - 1 - age) % NODE_RECENT_MAX;
}

/* Does the child's process speak the protocol, so that a new broker should wait for it? */
static bool child_speaks(const struct child *child)
{
	return child->group && (child->said_hello || child->spec.ready_actor);
}

void node_group_hello(struct node *node, uint64_t group)
{
	struct child *child = node_child_by_group(node, group);

	if (child)
		child->said_hello = true;
}

/* True for a client whose end only the broker knows. */
static bool is_broker_client(const struct hash_node *n)
{
	const struct client *client = container_of(n, struct client, by_group);

	return group_is_of_broker(client->group) && !list_is_linked(&client->gone_link);
}

static void broker_client_count(struct hash_node *n, void *arg)
{
	*(uint32_t *)arg += is_broker_client(n);
}

static void broker_client_put(struct hash_node *n, void *arg)
{
	if (is_broker_client(n))
		mp_put_uint(arg, container_of(n, struct client, by_group)->group);
}

void node_put_groups(const struct node *node, struct buf *b)
{
	uint32_t n_live = 0, n_speaking = 0, n_clients = 0;

	for (struct child *child = node_first(node); child; child = node_after(node, child)) {
		n_live += child->group != 0;
		n_speaking += child_speaks(child);
	}
	mp_put_array(b, 4);
	mp_put_array(b, n_live);
	for (struct child *child = node_first(node); child; child = node_after(node, child))
		if (child->group)
			mp_put_uint(b, child->group);
	mp_put_array(b, (uint32_t)node->n_recent);
	for (size_t age = 0; age < node->n_recent; age++) {
		const struct recent_exit *e = &node->recent[recent_index(node, age)];

		mp_put_array(b, e->pid ? 4 : 2);
		mp_put_uint(b, e->group);
		cause_put(b, &e->cause);
		if (e->pid) {
			mp_put_int(b, e->pid);
			mp_put_cstr(b, e->name);
		}
	}
	mp_put_array(b, n_speaking);
	for (struct child *child = node_first(node); child; child = node_after(node, child))
		if (child_speaks(child))
			mp_put_uint(b, child->group);
	hash_each((struct hash *)&node->clients, broker_client_count, &n_clients);
	mp_put_array(b, n_clients);
	hash_each((struct hash *)&node->clients, broker_client_put, b);
}

int node_new(struct node **ret, const struct node_config *config)
{
	struct supervision_config engine = {
		.strategy = SUPERVISION_ONE_FOR_ONE,
		.intensity = SUPERVISION_UNLIMITED,
		/* Children do not depend on each other, so all are stopped at the same time. */
		.parallel_stop = true,
		.retry_first_start = true,
		.keep_ended = true,
		.seed = config->seed,
	};
	struct node *node = calloc(1, sizeof(*node));
	int err;

	if (!node)
		return -ENOMEM;
	node->config = *config;
	node->next_number = 1;
	list_init(&node->children);
	list_init(&node->dirty);
	list_init(&node->touched);
	list_init(&node->ended);
	list_init(&node->idless);
	list_init(&node->removed);
	list_init(&node->early);
	list_init(&node->ends);
	list_init(&node->late);
	list_init(&node->downers);
	hash_init(&node->by_name);
	hash_init(&node->by_group);
	hash_init(&node->by_number);
	hash_init(&node->by_id);
	hash_init(&node->clients);
	hash_init(&node->endings);
	hash_init(&node->requests);
	list_init(&node->gone);
	list_init(&node->again);
	list_init(&node->owed);
	list_init(&node->spent);
	list_init(&node->changed_watches);
	list_init(&node->changed_endings);
	list_init(&node->unwatched);
	heap_init(&node->timeouts);
	heap_init(&node->failures);
	heap_init(&node->steady);
	err = supervision_new(&node->engine, &engine);
	if (!err)
		err = supervision_new(&node->daemons, &engine);
	if (err) {
		node_free(node);
		return err;
	}
	*ret = node;
	return 0;
}

void node_forget(struct node *node)
{
	struct child *child;
	struct list *link;

	while ((child = node_first(node)) || (child = node->broker)) {
		node_waiters_drop(node, &child->waiters);
		node_child_free(node, child);
	}
	while ((link = list_pop(&node->removed)))
		free(container_of(link, struct removed, link));
	node_waiters_drop(node, &node->downers);
	node_clients_forget(node);
	node_requests_forget(node);
	node->stopping = false;
}

struct node *node_free(struct node *node)
{
	struct node_action *action;

	if (!node)
		return NULL;
	while ((action = node_next_early(node)) || (action = node_next_late(node)))
		node_action_free(action);
	node_forget(node);
	supervision_free(node->engine);
	supervision_free(node->daemons);
	hash_deinit(&node->by_name);
	hash_deinit(&node->by_group);
	hash_deinit(&node->by_number);
	hash_deinit(&node->by_id);
	hash_deinit(&node->clients);
	hash_deinit(&node->endings);
	hash_deinit(&node->requests);
	heap_deinit(&node->timeouts);
	heap_deinit(&node->failures);
	heap_deinit(&node->steady);
	free(node);
	return NULL;
}

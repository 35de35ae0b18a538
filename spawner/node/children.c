/* SPDX-License-Identifier: Apache-2.0 */
/* How a child comes into the tables, is given to its engine, and is forgotten. */
#include <stdlib.h>
#include <string.h>

#include "spawner/node/private.h"

struct child *node_child_new(
	struct node *node, uint64_t number, char *name, struct child_spec *take_spec, bool daemon)
{
	struct child *child = node_alloc(sizeof(*child));

	child->number = number;
	child->name = name;
	child->spec = *take_spec;
	*take_spec = (struct child_spec){0};
	child->daemon = daemon;
	child->spec_dirty = true;
	list_init(&child->watches);
	list_init(&child->waiters);
	if (hash_insert(&node->by_number, &child->by_number, hash_of_u64(&node->by_number, number)) < 0)
		abort();
	if (heap_reserve(&node->failures, node->n_children + 2) < 0 ||
		heap_reserve(&node->steady, node->n_children + 2) < 0)
		abort();
	if (daemon) {
		node->broker = child;
	} else {
		if (hash_insert(&node->by_name, &child->by_name,
			    hash_of_bytes(&node->by_name, name, strlen(name))) < 0)
			abort();
		list_append(&node->children, &child->link);
		node->n_children++;
	}
	if (number >= node->next_number) {
		node->next_number = number + 1;
		node->meta_dirty = true;
	}
	node_request_new(node, child);
	return child;
}

/* What the engine must know of the child. */
static struct supervision_child_spec engine_spec(const struct child *child)
{
	static const enum supervision_restart restarts[] = {
		[ACTOR_PERMANENT] = SUPERVISION_PERMANENT,
		[ACTOR_TRANSIENT] = SUPERVISION_TRANSIENT,
		[ACTOR_TEMPORARY] = SUPERVISION_TEMPORARY,
	};
	const struct child_spec *s = &child->spec;
	struct supervision_child_spec spec = {
		.key = child->number,
		.data = (void *)child,
		.restart = restarts[s->restart],
		.await_ready = s->ready_actor || s->up_for_ms || child->daemon,
		.ready_timeout_ms = s->ready_actor ? s->ready_timeout_ms : 0,
		.shutdown_ms = (int32_t)s->stop_timeout_ms,
		.intensity = (uint32_t)s->intensity,
		.period_ms = (uint32_t)s->period_ms,
	};

	if (child->daemon)
		spec.backoff = (struct backoff_spec){
			.min_ms = DAEMON_BACKOFF_MIN_MS,
			.max_ms = DAEMON_BACKOFF_MAX_MS,
			.factor = 2,
			.jitter_pct = 20,
			/* if a child served for so long before it ended, there is no crash loop */
			.reset_after_ms = 1000,
			.killed_max_ms = 100,
		};
	else if (s->backoff_max_ms)
		spec.backoff = (struct backoff_spec){
			.min_ms = s->backoff_min_ms,
			.max_ms = s->backoff_max_ms,
			.factor = (uint32_t)s->backoff_factor,
			.jitter_pct = (uint32_t)s->backoff_jitter_pct,
			.reset_after_ms = (uint32_t)s->backoff_reset_ms,
		};
	return spec;
}

int node_child_engage(struct node *node, struct child *child)
{
	struct supervision_child_spec spec = engine_spec(child);

	return supervision_child_add(child->daemon ? node->daemons : node->engine, &spec, &child->sup);
}

void node_child_change(struct node *node, struct child *child, struct child_spec *take_spec)
{
	struct supervision_child_spec spec;

	child_spec_deinit(&child->spec);
	child->spec = *take_spec;
	*take_spec = (struct child_spec){0};
	spec = engine_spec(child);
	if (supervision_child_configure(child->sup, &spec) < 0)
		abort(); /* the engine refuses nothing that child_spec_change() has let through */
	child->spec_dirty = true;
	node_touch(node, child);
}

void node_await_steady(struct node *node, struct child *child)
{
	if (!child->spec.up_for_ms || heap_contains(&child->steady))
		return;
	/* cannot fail: room for one of each child was made with the child */
	if (heap_insert(&node->steady, &child->steady, child->exec_ns + child->spec.up_for_ms * 1000000) < 0)
		abort();
}

void node_child_free(struct node *node, struct child *child)
{
	list_remove(&child->link);
	list_remove(&child->dirty_link);
	list_remove(&child->touched_link);
	list_remove(&child->idless_link);
	if (list_is_linked(&child->ended_link)) {
		list_remove(&child->ended_link);
		node->n_ended--;
	}
	heap_remove(&node->failures, &child->failure);
	heap_remove(&node->steady, &child->steady);
	node_request_end(node, child, false);
	node_owner_set(node, child, ACTOR_NOBODY);
	while (!list_is_empty(&child->watches))
		node_watch_free(node, container_of(child->watches.next, struct watch, child_link));
	if (child->group)
		hash_remove(&node->by_group, &child->by_group);
	hash_remove(&node->by_number, &child->by_number);
	if (child->daemon) {
		node->broker = NULL;
	} else {
		hash_remove(&node->by_name, &child->by_name);
		node->n_children--;
	}
	child_spec_deinit(&child->spec);
	free(child->saved.recent_ns);
	free(child->name);
	free(child);
}

void node_child_unload(struct node *node, struct child *child)
{
	node_request_end(node, child, true);
	node_child_free(node, child);
}

void node_child_forget(struct node *node, struct child *child)
{
	struct removed *removed = node_alloc(sizeof(*removed));

	node_waiters_end(node, child, child->sup->state_ns);
	if (!actor_ref_is_nobody(child->owner))
		node_late(node, NODE_OWNER_UNWATCH)->number = child->number;
	removed->number = child->number;
	list_append(&node->removed, &removed->link);
	node_request_end(node, child, true);
	supervision_child_remove(child->sup);
	node_child_free(node, child);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry: which name leads to which ref, and which groups are told when that changes. A seeded hash
 * finds a name; a treap (order.h) keeps the names in order.
 */
#pragma once

#include "actor/actor.h"
#include "broker/name-watches.h"
#include "broker/order.h"
#include "libactor/protocol/pattern.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

struct broker;
struct member;

struct name {
	struct hash_node node;
	struct member *owner; /* NULL: no group owns it, or the broker itself does */
	actor_ref ref;        /* nobody: the name is not registered, only watched or awaited */
	struct list owned;    /* member.names */
	struct list watches;
	/* waits.h: these wait until it is known whether the owner lives, or who the owner is */
	struct list look_ups;
	struct list awaited;        /* registry.awaited, while no group has announced the name */
	struct order_node in_order; /* registry.order, if the name has a ref */
	uint8_t len;
	char text[];
};

struct registry {
	struct hash table;
	struct hash watches; /* struct watch, by name and member */
	struct order order;
	struct list awaited; /* during the recovery: names that were looked up and may still be announced */
	struct name_watches by_pattern;
	size_t n_registered;
};

void registry_init(struct registry *registry);
void registry_deinit(struct registry *registry);

/*
 * 0 (also when @text leads to @ref already), -EEXIST (then *ret_holder is set), -EDQUOT, -ENOMEM. A name that
 * an earlier life of the same program holds is taken over. @member NULL: the broker itself registers.
 */
int registry_register(struct broker *broker, struct member *member, struct wire_str text, actor_ref ref,
	actor_ref *ret_holder);

struct registry_entry {
	struct wire_str text;
	actor_ref ref;
	actor_ref holder;  /* set if the entry is refused: the actor that holds the name */
	struct name *name; /* for the registry's own use */
};

/*
 * Registers all @n entries, or none. No two entries have the same text. Returns the same as
 * registry_register(); with -EEXIST *ret_refused is set.
 */
int registry_register_all(struct member *member, struct registry_entry *entries, uint32_t n,
	const struct registry_entry **ret_refused);
/*
 * Moves the name @text from @from to @to, two actors of @member. In between the name is not free. 0 (also
 * when it leads to @to already), -ESRCH (the name is free), -EEXIST (another actor has it; then *ret_holder
 * is set).
 */
int registry_replace(
	struct member *member, struct wire_str text, actor_ref from, actor_ref to, actor_ref *ret_holder);
void registry_unregister(struct broker *broker, struct member *member, struct wire_str text, actor_ref ref);
/* False: no actor has the name @text. */
bool registry_find(const struct broker *broker, struct wire_str text, actor_ref *ret);
/* From now on @member is told when @text gets or loses an owner. 0, -EDQUOT, -ENOMEM */
int registry_watch(struct broker *broker, struct member *member, struct wire_str text);
/*
 * True: the broker does not know whether the owner of @text lives. The look-up waits until the broker knows.
 * *ret_error is what waits_add() returned. False: the broker knows, or the name has no owner.
 */
bool registry_wait(
	struct member *asker, const struct wire_frame *look_up, struct wire_str text, int *ret_error);
/*
 * During the recovery, for a name without an owner: the look-up waits until a group announces the name, or
 * the recovery is over. 0, or an error of waits_add().
 */
int registry_await(struct member *asker, const struct wire_frame *look_up, struct wire_str text);
/*
 * For a name without an owner that @asker watches: the look-up waits until the name is registered. At
 * @deadline_ns it is answered nil. 0, or as waits_add().
 */
int registry_wait_for_owner(
	struct member *asker, const struct wire_frame *look_up, struct wire_str text, int64_t deadline_ns);
/* The recovery is over: look-ups of names that nobody announced are handled. */
void registry_recovered(struct broker *broker);
void registry_back(struct member *member); /* it counts as living: look-ups of its names are handled */
/*
 * Writes an array of [name, ref] in order: at most @max that fit @pattern and come after @after. If it was
 * cut there, one element more: the name after which to go on. An answer is also cut where looking on would
 * take too long.
 */
void registry_list(const struct broker *broker, const struct pattern *pattern, struct wire_str after,
	size_t max, struct buf *b);

void registry_release(struct member *member); /* its names; watchers are told */
void registry_unwatch(struct member *member); /* its watches */

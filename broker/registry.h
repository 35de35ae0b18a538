/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry: name → ref, and who is told when that changes. Look-up by seeded hash; a treap keeps the
 * order.
 */
#pragma once

#include "actor/actor.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

struct broker;
struct member;

struct name {
	struct hash_node node;
	struct member *owner; /* NULL: nobody, or the broker itself */
	actor_ref ref;        /* nobody: only watched */
	struct list owned;    /* member.names */
	struct list watches;
	struct list look_ups; /* of those that wait until it is known whether the owner lives, or who it is */
	struct list awaited;  /* registry.awaited: nobody has announced it yet */
	struct name *left, *right, *parent; /* of those with a ref; priority is the hash */
	uint8_t len;
	char text[];
};

struct registry {
	struct hash table;
	struct hash watches; /* by name and member */
	struct name *root;
	struct list awaited; /* during the recovery: names that are looked up, and may yet be announced */
	size_t n_registered;
};

void registry_init(struct registry *registry);
void registry_deinit(struct registry *registry);

/*
 * 0 (also when it is registered so already), -EEXIST and *ret_holder, -EDQUOT, -ENOMEM. @member NULL: the
 * broker itself.
 */
int registry_register(struct broker *broker, struct member *member, struct wire_str text, actor_ref ref,
	actor_ref *ret_holder);
void registry_unregister(struct broker *broker, struct member *member, struct wire_str text, actor_ref ref);
/* False: nobody is called so. */
bool registry_find(const struct broker *broker, struct wire_str text, actor_ref *ret);
/* Changes of it are told to @member from now on. 0, -EDQUOT, -ENOMEM */
int registry_watch(struct broker *broker, struct member *member, struct wire_str text);
/*
 * False: whether the owner lives is known (or nobody is called so). True: it is not, and the look-up waits
 * for that; *ret_error as waits_add().
 */
bool registry_wait(
	struct member *asker, const struct wire_frame *look_up, struct wire_str text, int *ret_error);
/*
 * During the recovery, for a name that nobody has yet: the look-up waits until somebody announces it, or the
 * recovery is over. 0, or as waits_add().
 */
int registry_await(struct member *asker, const struct wire_frame *look_up, struct wire_str text);
/*
 * For a name that nobody has and that @asker watches: the look-up waits until somebody has it, or is answered
 * nil at @deadline_ns. 0, or as waits_add().
 */
int registry_wait_for_owner(
	struct member *asker, const struct wire_frame *look_up, struct wire_str text, int64_t deadline_ns);
/* the recovery is over: look-ups of what was not announced go on */
void registry_recovered(struct broker *broker);
void registry_back(struct member *member); /* it is there again: look-ups of its names go on */
/* Writes an array of [name, ref], at most @max, in order. */
void registry_list(const struct broker *broker, struct wire_str prefix, size_t max, struct buf *b);

void registry_release(struct member *member); /* its names; watchers are told */
void registry_unwatch(struct member *member); /* its watches */

/* The registry: name → ref, and who is told when that changes. Look-up by seeded hash; a treap keeps the order. */
#pragma once

#include "actor/actor.h"
#include "util/buf.h"
#include "util/hash.h"
#include "util/list.h"
#include "wire.h"

struct broker;
struct peer;

struct name {
	struct hash_node node;
	struct peer *owner; /* NULL: nobody, or the broker itself */
	actor_ref ref;	    /* nobody: only watched */
	struct list owned;  /* peer.names */
	struct list watches;
	struct name *left, *right, *parent; /* of those with a ref; priority is the hash */
	uint8_t len;
	char text[];
};

struct names {
	struct hash table;
	struct hash watches; /* by name and peer */
	struct name *root;
	size_t n_registered;
};

void names_init(struct names *names);
void names_deinit(struct names *names);

/* 0 (also when it is registered so already), -EEXIST and *ret_holder, -EDQUOT, -ENOMEM. @peer NULL: the broker itself. */
int names_register(struct broker *broker, struct peer *peer, struct wire_str text, actor_ref ref, actor_ref *ret_holder);
void names_unregister(struct broker *broker, struct peer *peer, struct wire_str text, actor_ref ref);
/* False: nobody is called so. */
bool names_find(const struct broker *broker, struct wire_str text, actor_ref *ret);
/* Changes of it are told to @peer from now on. 0, -EDQUOT, -ENOMEM */
int names_watch(struct broker *broker, struct peer *peer, struct wire_str text);
/* Writes an array of [name, ref], at most @max, in order. */
void names_list(const struct broker *broker, struct wire_str prefix, size_t max, struct buf *b);

void names_release(struct peer *peer);	/* its names; watchers are told */
void names_unwatch(struct peer *peer);	/* its watches */

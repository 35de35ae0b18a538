/* What the parts of the node share: node.c (events), node-command.c (commands and waiting), node-state.c (bytes). */
#pragma once

#include "node.h"

struct recent_exit {
	uint64_t group;
	struct actor_cause cause;
};

struct node {
	struct node_config config;
	struct supervision *engine;  /* the children's */
	struct supervision *daemons; /* the broker's */
	struct list children;	     /* struct child.link: listed ones */
	size_t n_children;
	struct child *broker;
	struct hash by_name, by_group, by_number, by_watcher;
	size_t n_watches, n_waiters;
	uint64_t next_number;
	struct list dirty, touched, ended, idless;
	size_t n_ended;
	struct list removed; /* struct removed: to be written down */
	bool meta_dirty;

	uint64_t next_group;
	uint32_t n_groups; /* reserved and unused, from next_group on */
	bool reserving;

	struct recent_exit recent[NODE_RECENT_MAX];
	size_t n_recent, next_recent;

	struct heap timeouts; /* of waiters */
	struct heap failures; /* of children */
	struct list early, late;
	struct list downers; /* struct waiter: who asked for `down` */
	bool synced;
	bool stopping;
	bool stopped;

	void (*log_path)(const char *name, char *ret, size_t size, void *arg);
	void *log_path_arg;
};

struct removed {
	struct list link;
	uint64_t number;
};

/* A caller who is answered when his child has got somewhere. */
struct waiter {
	struct list link; /* child.waiters */
	struct heap_node timeout;
	struct child *child;
	void *from;
	enum node_wait wait;
	uint64_t timeout_ms;
	uint64_t n_starts_min; /* up, ready: of the engine; a start before does not count */
	uint64_t n_ends;       /* when he began to wait */
	uint64_t n_exec_failures;
	bool first; /* of a spawn: an end before it was ready is its answer */
};

/* --- node.c --- */

/* Aborts when out of memory: see node.h. */
void *node_alloc(size_t size_bytes);
struct node_action *node_early(struct node *node, enum node_action_kind kind);
struct node_action *node_late(struct node *node, enum node_action_kind kind);
__attribute__((format(printf, 2, 3))) void node_log(struct node *node, const char *format, ...);

/* Into the tables, without an engine's handle; takes @name and @spec. */
struct child *node_child_new(struct node *node, uint64_t number, char *name, struct spec *take_spec, bool daemon);
/* Gives it to its engine. 0, or what the engine says. */
int node_child_engage(struct node *node, struct child *child);
/* One that was only loaded. */
void node_child_unload(struct node *node, struct child *child);
/* It must be down. Whoever still waits is answered. */
void node_child_forget(struct node *node, struct child *child);
struct watch *node_watch_add(struct node *node, struct child *child, actor_ref watcher, uint64_t id);
void node_watch_free(struct node *node, struct watch *watch);
/* It changed: write it down, look at its waiters. */
void node_touch(struct node *node, struct child *child);
void node_set_group(struct node *node, struct child *child, uint64_t group);
/* Takes the engines' actions until there is none, then answers whoever waited for what has come. */
void node_drain(struct node *node, uint64_t now_ns);
void node_stop_child(struct node *node, struct child *child, uint64_t now_ns);

/* --- node-command.c --- */

void node_settle(struct node *node, struct child *child, uint64_t now_ns);
void node_waiters_expire(struct node *node, uint64_t now_ns);
/* The child is about to be forgotten. */
void node_waiters_end(struct node *node, struct child *child, uint64_t now_ns);
void node_downers_answer(struct node *node);

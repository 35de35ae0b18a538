/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the node share. Each file uses those above it in this list, bytes.c those up to
 * children.c; node.c and commands.c are on top.
 */
#pragma once

#include "spawner/node/node.h"

/* Between two brokers; with 20 % of jitter it is below a second. */
#define DAEMON_BACKOFF_MIN_MS 100
#define DAEMON_BACKOFF_MAX_MS 800

struct recent_exit {
	uint64_t group;
	struct actor_cause cause;
};

/* How a group ended, as long as somebody must be told. */
struct ending {
	struct hash_node by_group; /* node.endings */
	struct list changed_link;  /* node.changed_endings: to be written down */
	struct list owed_link;     /* node.owed: the broker has not heard of it yet */
	uint64_t group;
	uint64_t owed; /* a number that grows; 0: the broker needs not hear of it */
	size_t n_notices;
	struct actor_cause cause;
};

/*
 * A group that asked for something. What it made is charged to it and goes with it. One that is gone is
 * remembered for a while: what it asked for by another way may come after the word of its end.
 */
struct client {
	struct hash_node by_group; /* node.clients */
	struct list gone_link;     /* node.gone: the oldest first */
	struct list again_link;    /* node.again: its notices were lost on the way */
	uint64_t group;
	struct list watches;
	struct list untold, told; /* notices by number: to be told; told, but not known to be handed over */
	struct list waiters;      /* struct waiter.client_link */
	struct list owned;        /* struct child.owner_link */
	size_t n_watches, n_waiters; /* what it is charged for; notices are among n_watches */
	struct node_action *tell;    /* NODE_TELL, not done yet; NULL: none */
};

/*
 * A spawn that may be asked for again by its cookie. It outlives its child for a while: a caller that asks
 * again after somebody took the name, or removed the child, must not start it a second time.
 */
struct request {
	struct hash_node by_cookie; /* node.requests */
	struct list spent_link;     /* node.spent: the oldest first */
	uint64_t cookie;
	struct child *child; /* NULL: forgotten */
};

struct node {
	struct node_config config;
	struct supervision *engine;  /* the children's */
	struct supervision *daemons; /* the broker's */
	struct list children;        /* struct child.link: listed ones */
	size_t n_children;
	struct child *broker;
	struct hash by_name, by_group, by_number, by_id;
	struct hash clients, endings, requests;
	struct list gone, again, owed, spent;
	size_t n_gone, n_owed, n_spent;
	struct list changed_watches, changed_endings;
	struct list unwatched; /* struct unwatched: to be written down */
	uint64_t next_notice, broker_told;
	bool broker_told_dirty;
	size_t n_watches, n_waiters;
	uint64_t next_number;
	struct list dirty, touched, ended, idless;
	size_t n_ended;
	struct list removed; /* struct removed: to be written down */
	bool meta_dirty;
	uint64_t state_lost_ns; /* 0: never */

	uint64_t next_group;
	uint32_t n_groups; /* reserved and unused, from next_group on */
	bool reserving;

	struct recent_exit recent[NODE_RECENT_MAX];
	size_t n_recent, next_recent;

	struct heap timeouts;          /* of waiters */
	struct heap failures;          /* of children */
	struct list early, ends, late; /* ends: NODE_GROUP_DOWN, the first of the late ones */
	struct list downers;           /* struct waiter: who asked for `down` */
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

struct unwatched {
	struct list link;
	actor_ref watcher;
	uint64_t id;
};

/* A caller who is answered when his child has got somewhere. */
struct waiter {
	struct list link; /* child.waiters, or node.downers */
	struct list client_link;
	struct client *client; /* NULL: nobody is charged */
	struct heap_node timeout;
	struct child *child; /* NULL: for `down` */
	void *from;
	enum node_wait wait;
	uint64_t timeout_ms;
	uint64_t n_starts_min; /* for up and ready: starts of the engine below this number do not count */
	uint64_t n_ends;       /* when he began to wait */
	uint64_t n_exec_failures;
	bool first; /* of a spawn: an end before it was ready is its answer */
};

/* ---- actions.c ---- */

/* Aborts when out of memory: see node.h. */
void *node_alloc(size_t size_bytes);
/* A program without arguments, for a spec to own. */
const char *const *node_argv_of(const char *program);
struct node_action *node_early(struct node *node, enum node_action_kind kind);
struct node_action *node_late(struct node *node, enum node_action_kind kind);
__attribute__((format(printf, 2, 3))) void node_log(struct node *node, const char *format, ...);

/* ---- tables.c ---- */

void node_recent_add(struct node *node, uint64_t group, const struct actor_cause *cause);
/* @child has changed: its state is written, and whoever waits for it is looked at. */
void node_touch(struct node *node, struct child *child);
void node_set_group(struct node *node, struct child *child, uint64_t group);

/* ---- clients.c ---- */

/* NULL: it is gone, and gets nothing any more. */
struct client *node_client_get(struct node *node, uint64_t group);
/* Frees a client that has nothing left. To be called after something of it was taken away. */
void node_client_settle(struct node *node, struct client *client);
void node_owner_set(struct node *node, struct child *child, actor_ref owner);
struct client *node_client_find(const struct node *node, uint64_t group);
void node_client_free(struct node *node, struct client *client);
struct client *node_client_new(struct node *node, uint64_t group);

/* ---- watches.c ---- */

/* May @watcher make one more? NULL: yes; else why not. */
const char *node_watch_refusal(const struct node *node, actor_ref watcher);
/* Does nothing if there is one already, or if the watcher is gone. */
void node_watch_add(struct node *node, struct child *child, actor_ref watcher, uint64_t id);
struct watch *node_watch_find(const struct node *node, actor_ref watcher, uint64_t id);
void node_watch_free(struct node *node, struct watch *watch);
/* Each watch of @child becomes a notice; the broker is owed one. */
void node_child_ended(struct node *node, struct child *child, const struct actor_cause *cause);
/* A notice for somebody who watches what is not there. */
void node_notice_add(
	struct node *node, uint64_t group, const struct actor_cause *cause, actor_ref watcher, uint64_t id);
void node_clients_forget(struct node *node);
/* Loading. -EPROTO */
int node_notice_load(struct node *node, uint64_t number, actor_ref watcher, uint64_t id, uint64_t group);
void node_ending_load(struct node *node, uint64_t group, const struct actor_cause *cause, uint64_t owed);
void node_client_tell(struct node *node, struct client *client);
void node_ending_settle(struct node *node, struct ending *ending);

/* ---- requests.c ---- */

/* Does nothing if the child has no cookie, or one that is known already. */
void node_request_new(struct node *node, struct child *child);
/* @child is about to be freed. @spent: the cookie is remembered. */
void node_request_end(struct node *node, struct child *child, bool spent);
void node_request_load_spent(struct node *node, uint64_t cookie);
void node_requests_forget(struct node *node);
struct request *node_request_find(const struct node *node, uint64_t cookie);

/* ---- waiters.c ---- */

/* Of @client, which is gone. */
void node_waiters_of_gone(struct node *node, struct client *client);
void node_settle(struct node *node, struct child *child, uint64_t now_ns);
void node_waiters_expire(struct node *node, uint64_t now_ns);
/* The child is about to be forgotten. */
void node_waiters_end(struct node *node, struct child *child, uint64_t now_ns);
void node_downers_answer(struct node *node);
void node_answer_child(struct node *node, void *from, const struct child *child, uint64_t now_ns);
void node_answer_nil(struct node *node, void *from);
__attribute__((format(printf, 4, 5))) void node_answer_refuse(
	struct node *node, void *from, const char *error, const char *format, ...);
void node_wait_for(struct node *node, struct child *child, void *from, enum node_wait wait,
	uint64_t timeout_ms, uint64_t n_starts_min, uint64_t now_ns);
void node_waiter_add(struct node *node, struct waiter *waiter, struct list *where);
bool node_waiter_charge(struct node *node, void *from, struct client **ret);
void node_waiter_free(struct node *node, struct waiter *waiter);
bool node_waiter_new(struct node *node, struct child *child, void *from, enum node_wait wait,
	uint64_t timeout_ms, uint64_t n_starts_min, uint64_t now_ns);
void node_waiters_drop(struct node *node, struct list *waiters);

/* ---- children.c ---- */

/* Into the tables, without an engine's handle; takes @name and @spec. */
struct child *node_child_new(
	struct node *node, uint64_t number, char *name, struct child_spec *take_spec, bool daemon);
/* Gives @child to its engine. 0, or what the engine says. */
int node_child_engage(struct node *node, struct child *child);
/* One that was only loaded. */
void node_child_unload(struct node *node, struct child *child);
/* Forgets @child, which must be down. Whoever still waits for it is answered. */
void node_child_forget(struct node *node, struct child *child);
void node_child_free(struct node *node, struct child *child);

/* ---- drain.c ---- */

/* Takes the engines' actions until there is none, then answers whoever waited for what has come. */
void node_drain(struct node *node, uint64_t now_ns);
void node_stop_child(struct node *node, struct child *child, uint64_t now_ns);
void node_request_groups(struct node *node);
void node_start_instance(struct node *node, struct child *child);

/* ---- ends.c ---- */

/* Called when everything is loaded: finds what must still be told, and drops clients that are gone. */
void node_clients_start(struct node *node, uint64_t now_ns);
/* Called when the keeper's table is known: drops clients whose groups ended unseen. */
void node_clients_synced(struct node *node, uint64_t now_ns);
void node_child_synced(struct node *node, struct child *child, uint64_t now_ns);
void node_record_end(struct node *node, struct child *child, const struct actor_cause *cause,
	const struct keeper_rusage *rusage, uint64_t at_ns);

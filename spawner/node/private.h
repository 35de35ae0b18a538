/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the node share. In the list below each file uses only the files above it. bytes.c uses
 * those up to children.c. node.c and commands.c use all.
 */
#pragma once

#include "spawner/node/node.h"

/* The pause between two brokers. With 20 % of jitter it stays below a second. */
#define DAEMON_BACKOFF_MIN_MS 100
#define DAEMON_BACKOFF_MAX_MS 800

/*
 * How a group ended. With pid and name the broker can tell that a connection at the door of another group is
 * of that process.
 */
struct recent_exit {
	uint64_t group;
	struct actor_cause cause;
	int32_t pid; /* 0: not known, and @name is empty */
	char name[CHILD_SPEC_NAME_MAX_BYTES + 1];
};

/* How a group ended. It is kept as long as somebody must be told. */
struct ending {
	struct hash_node by_group; /* node.endings */
	struct list changed_link;  /* node.changed_endings, until it is written */
	struct list owed_link;     /* node.owed, until the broker was told */
	uint64_t group;
	/* the number for the broker; later endings have greater ones; 0: the broker need not be told */
	uint64_t owed;
	size_t n_notices;
	struct actor_cause cause;
};

/*
 * A group that has asked for something. All that it made is charged to it and is freed with it. A client that
 * is gone is remembered for a while, since a request that it sent by another way may come after the news of
 * its end.
 */
struct client {
	struct hash_node by_group; /* node.clients */
	struct list gone_link;     /* node.gone, the oldest first */
	struct list again_link;    /* node.again, if its notices were lost on the way */
	uint64_t group;
	struct list watches;
	/* notices by number: those not given out yet; those given out but not known to be handed over */
	struct list untold, told;
	struct list waiters;         /* struct waiter.client_link */
	struct list owned;           /* struct child.owner_link */
	size_t n_watches, n_waiters; /* what it is charged for; n_watches includes notices */
	struct node_action *tell;    /* a NODE_TELL that was not taken yet; NULL: none */
};

/*
 * A spawn that a caller may repeat with the same cookie. The request is kept for a while after its child was
 * forgotten: a caller that repeats it after somebody took the name or removed the child must not start the
 * program a second time.
 */
struct request {
	struct hash_node by_cookie; /* node.requests */
	struct list spent_link;     /* node.spent, the oldest first */
	uint64_t cookie;
	struct child *child; /* NULL: the child was forgotten */
};

struct node {
	struct node_config config;
	struct supervision *engine;  /* the children's */
	struct supervision *daemons; /* the broker's */
	struct list children;        /* struct child.link: the listed children */
	size_t n_children;
	struct child *broker;
	struct hash by_name, by_group, by_number, by_id;
	struct hash clients, endings, requests;
	struct list gone, again, owed, spent;
	size_t n_gone, n_owed, n_spent;
	struct list changed_watches, changed_endings;
	struct list unwatched; /* struct unwatched: removed watches that must still be written */
	uint64_t next_notice, broker_told;
	bool broker_told_dirty;
	size_t n_watches, n_waiters;
	uint64_t next_number;
	struct list dirty, touched, ended, idless;
	size_t n_ended;
	struct list removed; /* struct removed: removed children that must still be written */
	bool meta_dirty;
	uint64_t state_lost_ns; /* 0: never */

	uint64_t next_group;
	uint32_t n_groups; /* ids that are reserved and unused, from next_group on */
	bool reserving;

	struct recent_exit recent[NODE_RECENT_MAX];
	size_t n_recent, next_recent;

	struct heap timeouts;          /* struct waiter.timeout */
	struct heap failures;          /* struct child.failure */
	struct heap steady;            /* struct child.steady */
	struct list early, ends, late; /* ends: actions NODE_GROUP_DOWN, which come before the late ones */
	struct list downers;           /* struct waiter: callers of `down` */
	bool synced;
	bool stopping;
	char left_text[CHILD_DENIED_TEXT]; /* why not all was stopped by this `down`; empty: all was */
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

/* A caller that is answered when its child has reached a certain state. */
struct waiter {
	struct list link; /* child.waiters, or node.downers */
	struct list client_link;
	struct client *client; /* NULL: no client is charged */
	struct heap_node timeout;
	struct child *child; /* NULL: it waits for the whole node to be down */
	void *from;
	enum node_wait wait;
	uint64_t timeout_ms;
	uint64_t n_starts_min; /* for up and ready: earlier starts of the engine do not count */
	uint64_t n_ends;       /* the child's number of ends when the wait began */
	uint64_t n_exec_failures;
	/* the caller of a spawn: if the child ends before it is up or ready, that is the answer */
	bool first;
};

/* ---- actions.c ---- */

/* Aborts when memory runs out (see node.h). */
void *node_alloc(size_t size_bytes);
/* An argv of only a program, which a spec can own. */
const char *const *node_argv_of(const char *program);
struct node_action *node_early(struct node *node, enum node_action_kind kind);
struct node_action *node_late(struct node *node, enum node_action_kind kind);
__attribute__((format(printf, 2, 3))) void node_log(struct node *node, const char *format, ...);

/* ---- tables.c ---- */

/* @pid 0: not known, and @name is not used. */
void node_recent_add(
	struct node *node, uint64_t group, const struct actor_cause *cause, int32_t pid, const char *name);
/* @child has changed. Its row will be written, and its waiters will be checked. */
void node_touch(struct node *node, struct child *child);
void node_set_group(struct node *node, struct child *child, uint64_t group);

/* ---- clients.c ---- */

/* Finds or makes a client. NULL: the client is gone, and nothing may be made for it any more. */
struct client *node_client_get(struct node *node, uint64_t group);
/* Frees @client if it has nothing left. To be called when something of it was removed. */
void node_client_settle(struct node *node, struct client *client);
void node_owner_set(struct node *node, struct child *child, actor_ref owner);
struct client *node_client_find(const struct node *node, uint64_t group);
void node_client_free(struct node *node, struct client *client);
struct client *node_client_new(struct node *node, uint64_t group);

/* ---- watches.c ---- */

/* May @watcher make one more watch? NULL: yes; else the reason why not. */
const char *node_watch_refusal(const struct node *node, actor_ref watcher);
/* Does nothing if there is such a watch already, or if the watcher is gone. */
void node_watch_add(struct node *node, struct child *child, actor_ref watcher, uint64_t id);
struct watch *node_watch_find(const struct node *node, actor_ref watcher, uint64_t id);
void node_watch_free(struct node *node, struct watch *watch);
/* @child has ended. Each of its watches becomes a notice, and the broker is owed the ending. */
void node_child_ended(struct node *node, struct child *child, const struct actor_cause *cause);
/* Adds a notice for a watcher of a group that is not there. */
void node_notice_add(
	struct node *node, uint64_t group, const struct actor_cause *cause, actor_ref watcher, uint64_t id);
void node_clients_forget(struct node *node);
/* These two are for loading. -EPROTO: the row is wrong. */
int node_notice_load(struct node *node, uint64_t number, actor_ref watcher, uint64_t id, uint64_t group);
void node_ending_load(struct node *node, uint64_t group, const struct actor_cause *cause, uint64_t owed);
void node_client_tell(struct node *node, struct client *client);
void node_ending_settle(struct node *node, struct ending *ending);

/* ---- requests.c ---- */

/* Does nothing if the child has no cookie, or if its cookie is known already. */
void node_request_new(struct node *node, struct child *child);
/* @child is about to be freed. @spent: its cookie is remembered. */
void node_request_end(struct node *node, struct child *child, bool spent);
void node_request_load_spent(struct node *node, uint64_t cookie);
void node_requests_forget(struct node *node);
struct request *node_request_find(const struct node *node, uint64_t cookie);

/* ---- waiters.c ---- */

/* Ends the waiters of @client, which is gone. */
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

/* Makes a child and puts it into the tables. It has no engine yet. Takes @name and @take_spec. */
struct child *node_child_new(
	struct node *node, uint64_t number, char *name, struct child_spec *take_spec, bool daemon);
/* Gives @child to its engine. 0, or the engine's error. */
int node_child_engage(struct node *node, struct child *child);
/* Gives @child another spec. What runs goes on as it was started. */
void node_child_change(struct node *node, struct child *child, struct child_spec *take_spec);
/* Frees a child that was loaded and not given to its engine. */
void node_child_unload(struct node *node, struct child *child);
/* Forgets @child, which must be down. Callers that still wait for it are answered. */
void node_child_forget(struct node *node, struct child *child);
void node_child_free(struct node *node, struct child *child);
/* The program of @child runs. If its spec says so, it is ready when it has been up for a while. */
void node_await_steady(struct node *node, struct child *child);

/* ---- drain.c ---- */

/* Carries out the engines' actions until there is none, then answers the callers whose wait is over. */
void node_drain(struct node *node, uint64_t now_ns);
void node_stop_child(struct node *node, struct child *child, uint64_t now_ns);
void node_request_groups(struct node *node);
void node_start_instance(struct node *node, struct child *child);

/* ---- ends.c ---- */

/* To be called when everything is loaded. Finds what must still be told, and drops clients that are gone. */
void node_clients_start(struct node *node, uint64_t now_ns);
/*
 * To be called when the keeper's table is known. Drops clients whose groups ended while there was no
 * supervisor.
 */
void node_clients_synced(struct node *node, uint64_t now_ns);
void node_child_synced(struct node *node, struct child *child, uint64_t now_ns);
void node_child_give_up(struct node *node, struct child *child, uint64_t now_ns);
void node_record_end(struct node *node, struct child *child, const struct actor_cause *cause,
	const struct keeper_rusage *rusage, uint64_t at_ns);

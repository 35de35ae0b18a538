/* SPDX-License-Identifier: Apache-2.0 */
/* What a node keeps. Only the files of the node see it; node.h and child.h have what others see. */
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

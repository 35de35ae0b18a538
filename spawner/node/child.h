/* SPDX-License-Identifier: Apache-2.0 */
/* One supervised process: what it should be, what it is, how it ended last. Owned by a struct node. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/supervision/engine.h"
#include "libactor/util/buf.h"
#include "libactor/util/hash.h"
#include "libactor/util/heap.h"
#include "libactor/util/list.h"
#include "libactor/protocol/child-spec.h"
#include "spawner/shared/protocol.h"

struct client;
struct ending;
struct request;

/*
 * Somebody who is told by one `down` when a process ends. It is a watch as long as the process is there, then
 * a notice until the `down` has been handed over. All that time it is in the state of the node.
 */
struct watch {
	struct hash_node by_id;   /* node.by_id: of watcher and id */
	struct list child_link;   /* child.watches; a notice is in none */
	struct list client_link;  /* client.watches; of a notice client.untold or client.told */
	struct list changed_link; /* node.changed_watches: to be written down */
	struct client *client;    /* who is charged for it */
	struct child *child;      /* NULL: a notice */
	struct ending *ending;    /* NULL: a watch */
	uint64_t number;          /* of a notice: they grow */
	actor_ref watcher;
	uint64_t id;
	bool written; /* it stands in the state */
};

struct last_exit {
	bool set;
	/* it ended well and left processes behind, as a program does that goes into the background */
	bool left;
	uint64_t group; /* the incarnation that ended */
	struct actor_cause cause;
	struct keeper_rusage rusage;
	int64_t at_us; /* CLOCK_MONOTONIC */
};

/* What the engine will know of the child. Kept here between loading and node_start(). */
struct child_saved {
	enum supervision_state state;
	bool wanted;
	uint64_t since_ns, deadline_ns, n_restarts;
	uint32_t backoff_step;
};

struct child {
	uint64_t number; /* never reused in a node */
	char *name;
	struct child_spec spec;
	struct request *request; /* NULL: its spec has no cookie */
	bool daemon;             /* the broker: not listed, not stoppable, last to go */
	bool adopted;            /* its spec is lost: only name and process are known */
	struct supervision_child *sup;
	struct child_saved saved;

	/* of the incarnation that is or is about to be; 0: none, or still waiting for an id */
	uint64_t group;
	int32_t pid; /* 0: none (yet) */
	uint64_t forked_ns, exec_ns;
	bool said_hello;  /* to the broker: it speaks the protocol */
	bool ready_early; /* it said ready before the keeper told that it runs */
	bool told;        /* the keeper told us of this incarnation: it has a slot */

	actor_ref owner;        /* nobody: not owned */
	struct list owner_link; /* client.owned */
	bool removing;          /* forget it when it is down */
	bool ended; /* down for good: it ended by itself, or was stopped and is temporary. Its name is free */
	bool stopped;    /* down because somebody wanted it down */
	uint64_t n_ends; /* of incarnations, failed starts included */
	uint64_t n_exec_failures;
	/* of its output: the log could not be written; since this supervisor started */
	uint64_t n_lost_bytes;
	struct last_exit last_exit;
	struct list watches;
	struct list waiters;

	struct list link;         /* node.children, oldest first */
	struct list dirty_link;   /* node.dirty */
	struct list touched_link; /* node.touched */
	struct list ended_link;   /* node.ended, oldest first */
	struct list idless_link;  /* node.idless: START came, no group id left */
	struct hash_node by_name, by_group, by_number;
	/* node.failures: a start that failed and must not be told to the engine yet */
	struct heap_node failure;
	bool spec_dirty;
};

/* "starting", "up", "ready", "stopping", "backoff", "down" */
const char *child_state_name(const struct child *child);
bool child_is_up(const struct child *child);    /* up or ready */
bool child_is_ready(const struct child *child); /* ready, or up when that is all it will ever be */
bool child_is_down(const struct child *child);
/*
 * How it came to be down: "stopped" (somebody wanted that), "done" (it ended well), "failed"; NULL: it is not
 * down.
 */
const char *child_outcome(const struct child *child);

/*
 * Appends the child map of docs/protocol.md §5. @log_path may be NULL. A long argv is cut to @argv_max_bytes:
 * lists of thousands must fit into one message.
 */
void child_put_map(struct buf *b, const struct child *child, uint64_t node_id, const char *log_path,
	uint64_t now_ns, size_t argv_max_bytes);

/* SPDX-License-Identifier: Apache-2.0 */
/* One supervised process: its spec, its present state, and how it ended last. A struct node owns it. */
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

#define CHILD_EXIT_NEVER_AGAIN 125 /* the exit status by which a program asks not to be started again */

struct client;
struct ending;
struct request;

/*
 * An actor is to be told by one `down` when a process ends. This is a watch as long as the process lives, and
 * then a notice until the `down` has been handed over. All that time it is in the state of the node.
 */
struct watch {
	struct hash_node by_id;   /* node.by_id, by watcher and id */
	struct list child_link;   /* child.watches; not linked for a notice */
	struct list client_link;  /* client.watches; for a notice client.untold or client.told */
	struct list changed_link; /* node.changed_watches, until it is written */
	struct client *client;    /* the client that is charged for it */
	struct child *child;      /* NULL: a notice */
	struct ending *ending;    /* NULL: a watch */
	uint64_t number;          /* number of a notice; later notices have greater numbers */
	actor_ref watcher;
	uint64_t id;
	bool written; /* its row is in the state */
};

struct last_exit {
	bool set;
	/* it ended well and left processes behind, as a program does when it goes into the background */
	bool left;
	uint64_t group; /* the incarnation that ended */
	int32_t pid;    /* of that; 0: it had no process, or an older state does not have it */
	struct actor_cause cause;
	struct keeper_rusage rusage;
	int64_t at_us; /* CLOCK_MONOTONIC */
};

/* What node_start() gives the engine about the child. It is kept here after loading. */
struct child_saved {
	enum supervision_state state;
	bool wanted;
	uint64_t since_ns, deadline_ns, n_restarts;
	uint32_t backoff_step;
	uint64_t *recent_ns; /* restarts that count for its limit, the oldest first */
	uint32_t n_recent;
};

struct child {
	uint64_t number; /* never reused in a node */
	char *name;
	struct child_spec spec;
	struct request *request; /* NULL: the spec has no cookie */
	/* it is the broker, which is not listed, cannot be stopped by callers, and ends last */
	bool daemon;
	bool adopted; /* its spec is lost, and only its name and process are known */
	struct supervision_child *sup;
	struct child_saved saved;

	/*
	 * the id of the incarnation that lives or is being started; 0: there is none, or it still waits for
	 * an id
	 */
	uint64_t group;
	int32_t pid; /* 0: there is no process, or none yet */
	uint64_t forked_ns, exec_ns;
	bool said_hello;  /* it has said hello to the broker, so it speaks the protocol */
	bool ready_early; /* it said ready before the keeper reported that it runs */
	bool told;        /* the keeper has reported this incarnation, which therefore has a slot */

	actor_ref owner;        /* nobody: it has no owner */
	struct list owner_link; /* client.owned */
	bool removing;          /* it is forgotten when it is down */
	/* it is down for good, since it ended by itself, or was stopped and is temporary. Its name is free */
	bool ended;
	bool stopped;    /* it is down because somebody wanted that */
	bool given_up;   /* it is down because it failed more often than its limit allows */
	uint64_t n_ends; /* ends of incarnations, failed starts included */
	uint64_t n_exec_failures;
	/* bytes of its output that could not be written to the log since this supervisor started */
	uint64_t n_lost_bytes;
	struct last_exit last_exit;
	/*
	 * A process of the latest incarnation that runs as another user, so that the kernel does not let
	 * us kill it: the main one, or when that has ended one that it has left behind. 0: none.
	 */
	int32_t denied_pid;
	int32_t denied_uid; /* -1: not known */
	struct list watches;
	struct list waiters;

	struct list link;         /* node.children, oldest first */
	struct list dirty_link;   /* node.dirty */
	struct list touched_link; /* node.touched */
	struct list ended_link;   /* node.ended, oldest first */
	struct list idless_link;  /* node.idless: it is to start, but no group id is left */
	struct hash_node by_name, by_group, by_number;
	struct heap_node steady; /* node.steady: when it has been up for so long that it is ready */
	/* node.failures: its start failed, which the engine must not be told yet */
	struct heap_node failure;
	bool spec_dirty;
};

/* "starting", "up", "ready", "stopping", "backoff", "failed" (down, and given up), "down" */
const char *child_state_name(const struct child *child);
bool child_is_up(const struct child *child);    /* up or ready */
bool child_is_ready(const struct child *child); /* ready; or up, if it will never say ready */
bool child_is_down(const struct child *child);
/* It was to be stopped, and lives on because the kernel does not let it be killed. */
bool child_is_denied(const struct child *child);
/* The signal that asks it to end. */
int child_stop_signal(const struct child *child);
/* The kind of exit to tell the engine. @stopping: it had been told to stop. */
enum supervision_exit child_exit_of(
	const struct child *child, const struct actor_cause *cause, bool stopping);
/*
 * Why the child is down: "stopped" (somebody wanted that), "done" (it ended well), "failed". NULL: it is not
 * down.
 */
const char *child_outcome(const struct child *child);

/* How it ended last: "exit 3: its last words", "SIGSEGV"; returns @text. */
#define CHILD_ENDED_TEXT 300
const char *child_ended_text(const struct child *child, char text[CHILD_ENDED_TEXT]);

/*
 * "PID runs as another user (uid N); not stopped: …", of a child with a denied_pid; returns @text.
 */
#define CHILD_DENIED_TEXT 256
const char *child_denied_text(const struct child *child, char text[CHILD_DENIED_TEXT]);

/*
 * Appends the child map of docs/protocol.md §5. @log_path may be NULL. A long argv is cut to @argv_max_bytes,
 * since a list of thousands of children must fit into one message.
 */
void child_put_map(struct buf *b, const struct child *child, uint64_t node_id, const char *log_path,
	uint64_t now_ns, size_t argv_max_bytes);

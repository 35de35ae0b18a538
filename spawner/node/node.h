/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of a node, as a pure core without sockets, clock or processes. The shell passes in what the
 * keeper reports, what callers command, and the time. The node gives out what to tell the keeper, the callers
 * and the broker. Times are CLOCK_MONOTONIC nanoseconds.
 *
 * Two engines decide (supervision/engine.h). One is for the children, which do not depend on each other and
 * are all stopped at the same time. The other is for the broker, which is stopped last, because children that
 * stop may still send something.
 *
 * There are two kinds of actions. *Early* actions are lines for the log. They may be done twice, and are done
 * before the state is written. *Late* actions need something that must be in the state first: a spawn its
 * intent, an acknowledgement the exit, an answer what it says, a notice its row. The first of the late
 * actions are the ends that the broker must be told. The shell is the code around the node
 * (spawner/supervisor). In each turn it passes in events; does the actions of node_next_early() until there
 * is none; writes the state; takes all actions of node_next_late() and does them; and repeats this while
 * there are actions.
 *
 * The notice of an end is a `down` to a watcher or a `group_down` to the broker. It stays in the state until
 * the shell says that it was handed over: the kernel has taken it for the watcher, or the broker has passed
 * it on. Until then it is told again, by this supervisor or the next one. A `down` that comes a second time
 * finds no monitor, and does no harm. So nobody misses an end, at whatever instruction the supervisor dies.
 *
 * If memory runs out in the midst of a change, the supervisor aborts. The keeper starts another one, which
 * goes on from the state. If memory runs out before anything was changed, the request is refused instead.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/actor.h"
#include "spawner/node/child.h"
#include "libactor/protocol/child-spec.h"
#include "spawner/shared/protocol.h"

#define NODE_ENDED_MAX 1000 /* so many children that are down for good stay listed (child.ended) */
/* so many exits can still be asked for by group id, and can be owed to the broker */
#define NODE_RECENT_MAX 1024
/* watches and waiters of all callers together; notices that are not handed over count as watches */
#define NODE_WATCHES_MAX        (1u << 20)
#define NODE_WAITERS_MAX        (1u << 18)
#define NODE_CLIENT_WATCHES_MAX 16384 /* watches of one group: four for each possible process */
#define NODE_CLIENT_WAITERS_MAX 4096
#define NODE_GONE_MAX           1024 /* so many callers that are gone are remembered */
/* so many cookies of forgotten children are remembered; a spawn with such a cookie is refused */
#define NODE_SPENT_MAX 1024

struct node;

struct node_config {
	uint64_t node_id;
	uint64_t seed;
	const char *broker;   /* path of the broker's program; NULL: there is no broker */
	size_t max_processes; /* for so many processes the daemons' descriptors suffice; 0: no limit */
	/* the limit of descriptors from which max_processes was computed, for messages */
	uint64_t max_files;
	/* the group that is charged for a wait; NULL: none is charged */
	uint64_t (*caller_group)(const void *from);
};

enum node_action_kind {
	/* early */
	NODE_LOG, /* text */
	/* late */
	/* tell the broker; uses group, cause, pid, text (its name), number; then node_broker_told() */
	NODE_GROUP_DOWN,
	NODE_TELL,          /* send the notices of the client `group`: node_next_notice() */
	NODE_RESERVE,       /* reserve `number` group ids */
	NODE_SPAWN,         /* start the child node_child_by_group(group) */
	NODE_TERM,          /* `signo` to the whole tree of `group`; number: ms of grace */
	NODE_SIGNAL,        /* signo to the main process of `group` */
	NODE_KILL_TREE,     /* group */
	NODE_ACK,           /* acknowledge the end of `group`; number: seq */
	NODE_CLEAN,         /* the directory of `group` is not needed any more */
	NODE_OWNER_WATCH,   /* watch the owner; number: the child's, watcher: the owner */
	NODE_OWNER_UNWATCH, /* number: the child's */
	NODE_REPLY,         /* answer `from` with error and text, or with body, which is one value */
	NODE_STOPPED,       /* everything is down */
	_NODE_ACTION_N,
};

struct node_action {
	enum node_action_kind kind;
	struct list link;
	uint64_t group;
	uint64_t number;
	int32_t pid;
	int signo;
	actor_ref watcher;
	struct actor_cause cause;
	void *from;
	const char *error; /* NULL: body is the result */
	struct buf body;
	char text[512];
};

enum node_wait {
	NODE_WAIT_NONE,
	NODE_WAIT_UP,
	NODE_WAIT_READY,
	NODE_WAIT_EXIT,
	NODE_WAIT_DOWN,
	NODE_WAIT_STOPPED, /* down, and nothing of it is left */
	NODE_WAIT_GONE
};

int node_new(struct node **ret, const struct node_config *config);
/* Callers that are not answered yet get no NODE_REPLY. The shell must free them. */
struct node *node_free(struct node *node);

/* ---- the beginning: load what was saved, start, hear the keeper's table, synced ---- */

/*
 * Loads one chunk of the state. 0; -EPROTO: the caller calls node_forget() and tries another state, or none.
 */
int node_state_load(struct node *node, const void *data, size_t size_bytes);
void node_forget(struct node *node);
/* Gives the engines what was loaded. After this come the slots. */
void node_start(struct node *node, uint64_t now_ns);
/*
 * To be called when all slots have come. A child without a slot has never started, or its slot is gone.
 * Starts the broker if there is none.
 */
void node_synced(struct node *node, uint64_t now_ns);

/* ---- the state: see state.h ---- */

bool node_state_is_dirty(const struct node *node);
/*
 * node_state_put_changes() appends what has changed since the last call of either function,
 * node_state_put_all() the whole state.
 */
void node_state_put_changes(struct node *node, struct buf *b);
void node_state_put_all(struct node *node, struct buf *b);
/*
 * To be called when the appended bytes could not be written. The next time the caller must use
 * node_state_put_all().
 */
void node_state_not_written(struct node *node);

/* ---- events ---- */

/*
 * @text goes into the cause. After an exit it is the last lines on stderr; after a failed exec it says what
 * is wrong with the program. It may be NULL.
 */
void node_slot(struct node *node, const struct keeper_slot *slot, const char *text, uint64_t now_ns);
void node_reserved(struct node *node, uint64_t first_group, uint32_t n, uint64_t now_ns);
void node_refused(struct node *node, uint64_t group, int error, uint64_t now_ns);
/* The shell could not ask the keeper for the start. @error: a positive errno. */
void node_launch_failed(struct node *node, uint64_t group, int error, const char *text, uint64_t now_ns);
void node_group_hello(struct node *node, uint64_t group);
void node_group_ready(struct node *node, uint64_t group, uint64_t now_ns);
void node_owner_gone(struct node *node, uint64_t number, uint64_t now_ns);
/* A client has ended. Everything that it made is removed. */
void node_client_gone(struct node *node, uint64_t group, uint64_t now_ns);
void node_timer(struct node *node, uint64_t now_ns);
uint64_t node_next_deadline(const struct node *node); /* SUPERVISION_NEVER: there is none */

/* ---- commands. Each is answered by exactly one NODE_REPLY to @from. timeout_ms 0: none ---- */

void node_spawn(struct node *node, struct child_spec *take_spec, actor_ref caller, void *from,
	enum node_wait wait, uint64_t timeout_ms, uint64_t now_ns);
void node_stop(struct node *node, const char *name, bool wait, void *from, uint64_t now_ns);
void node_child_start(struct node *node, const char *name, bool wait, void *from, uint64_t now_ns);
/*
 * Changes the spec of a child to @take_spec (child_spec_change() made it of the child's). @life: a child that
 * runs is started again, once.
 */
void node_set(struct node *node, const char *name, struct child_spec *take_spec, bool life, void *from,
	uint64_t now_ns);
void node_restart(struct node *node, const char *name, bool wait, void *from, uint64_t now_ns);
void node_kill(struct node *node, const char *name, int signo, void *from, uint64_t now_ns);
void node_remove(struct node *node, const char *name, bool force, void *from, uint64_t now_ns);
void node_wait(struct node *node, const char *name, enum node_wait wait, uint64_t timeout_ms, void *from,
	uint64_t now_ns);
void node_monitor(struct node *node, uint64_t group, actor_ref watcher, uint64_t id, void *from);
void node_demonitor(struct node *node, actor_ref watcher, uint64_t id, void *from);
/* Stops everything in an orderly way. @from may be NULL. */
void node_down(struct node *node, void *from, uint64_t now_ns);

/* ---- notices ---- */

struct node_notice {
	uint64_t number;
	actor_ref watcher;
	uint64_t group, id;
	const struct actor_cause *cause;
};

/*
 * Gives out the next notice for the group @client, in the order of the numbers. Each notice is given out
 * once, and again after it was lost.
 */
bool node_next_notice(struct node *node, uint64_t client, struct node_notice *ret);
/* All notices up to @number were handed over. Only the death of the watcher itself can lose them now. */
void node_notices_handed(struct node *node, uint64_t client, uint64_t number);
/* The notices that were given out may be lost. After node_tell_again() they are given out again. */
void node_notices_lost(struct node *node, uint64_t client);
void node_tell_again(struct node *node);
/*
 * The highest number that an end has got so far. Ends up to this number that the broker must still be told
 * are in node_put_groups().
 */
uint64_t node_last_number(const struct node *node);
/* The broker was told all NODE_GROUP_DOWN up to @number. */
void node_broker_told(struct node *node, uint64_t number);

/* ---- actions ---- */

/* NULL: there is none. The caller frees each action with node_action_free(). */
struct node_action *node_next_early(struct node *node);
struct node_action *node_next_late(struct node *node);
struct node_action *node_action_free(struct node_action *action);

/* ---- looking ---- */

struct child *node_child_by_name(const struct node *node, const char *name);
struct child *node_child_by_group(const struct node *node, uint64_t group);
struct child *node_child_by_number(const struct node *node, uint64_t number);
struct child *node_broker(const struct node *node); /* NULL: there is none */
/* These two walk over the listed children, oldest first. NULL is the end. */
struct child *node_first(const struct node *node);
struct child *node_after(const struct node *node, const struct child *child);
size_t node_count(const struct node *node);
/*
 * True: with @n_more processes beside those that have a group id already there would be too many. @text then
 * says why, and what to do about it.
 */
bool node_is_full(const struct node *node, size_t n_more, char *text, size_t size);
bool node_is_stopping(const struct node *node);
/*
 * The state of an earlier supervisor could not be used. Children that were down are forgotten, and processes
 * that run are adopted.
 */
void node_state_lost(struct node *node, uint64_t now_ns);
/* When node_state_lost() was called last; 0: never. */
uint64_t node_state_lost_ns(const struct node *node);
/*
 * Appends an array of the four arguments of the cast `groups`: [ids of live groups], [[id, cause] or [id,
 * cause, pid, name] of recent ends], [ids of those live groups that speak the protocol], [ids of clients that
 * a broker admitted].
 */
void node_put_groups(const struct node *node, struct buf *b);
/* Sets the function that gives the path of a child's log, for node_put_child(). */
void node_set_log_path(
	struct node *node, void (*log_path)(const char *name, char *ret, size_t size, void *arg), void *arg);
/* Appends what the method `explain` answers (docs/protocol.md §5). */
void node_put_explanation(const struct node *node, struct buf *b, const struct child *child, uint64_t now_ns);
/* Appends the map of one child; see child_put_map(). */
void node_put_child(const struct node *node, struct buf *b, const struct child *child, uint64_t now_ns,
	size_t argv_max_bytes);

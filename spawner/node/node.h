/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of a node: what the keeper reports, what callers command and what the clock says goes in;
 * what to tell the keeper, the callers and the broker comes out. Pure: no sockets, no clock, no processes.
 * Times are CLOCK_MONOTONIC nanoseconds.
 *
 * Two engines decide (supervision/engine.h): one for the children, all of them independent of each other, so
 * they are stopped at the same time; one for the broker, which goes last, because what stops may still want
 * to say something.
 *
 * Actions come in two kinds. *Early* ones may be done twice, and are done before the state is written: lines
 * for the log. *Late* ones rest on what was written: a spawn on the intent, an acknowledgement on the exit,
 * an answer on what it says, a notice on its row. First of them come the ends that the broker is to be told
 * of. The shell is the code around the node (spawner/supervisor). Its turn is: events … → node_next_early()
 * until none → write the state → take all of node_next_late(), then do them → once more.
 *
 * A notice of an end (`down` to who watches, `group_down` to the broker) is state until the shell says that
 * it was handed over: the kernel has it for the watcher, the broker has passed it on. Until then it is told
 * again, by this supervisor or the next one; a `down` that comes twice finds no monitor. So at whatever
 * instruction the supervisor dies, nobody misses an end.
 *
 * Out of memory in the midst of a change is the end of the supervisor: it aborts, the keeper starts another
 * one, and that one goes on from the state. A request is refused instead, if the lack of memory shows before
 * anything was changed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/actor.h"
#include "spawner/node/child.h"
#include "libactor/protocol/child-spec.h"
#include "spawner/shared/protocol.h"

#define NODE_ENDED_MAX 1000 /* children that are down for good and still listed (child.ended) */
/* exits that can still be asked for by group id, and that a broker can be owed */
#define NODE_RECENT_MAX 1024
/* of all callers together, notices that are not handed over included */
#define NODE_WATCHES_MAX        (1u << 20)
#define NODE_WAITERS_MAX        (1u << 18)
#define NODE_CLIENT_WATCHES_MAX 16384 /* of one group: four for each process that can be */
#define NODE_CLIENT_WAITERS_MAX 4096
#define NODE_GONE_MAX           1024 /* callers that are known to be gone */
/* requests whose child was forgotten: a spawn with such a cookie is refused */
#define NODE_SPENT_MAX 1024

struct node;

struct node_config {
	uint64_t node_id;
	uint64_t seed;
	const char *broker;   /* path of its program; NULL: run none */
	size_t max_processes; /* that the daemons' descriptors suffice for; 0: no limit */
	uint64_t max_files;   /* the limit it comes from, for messages */
	uint64_t (*caller_group)(const void *from); /* whom a wait is charged to; NULL: nobody */
};

enum node_action_kind {
	/* early */
	NODE_LOG, /* text */
	/* late */
	NODE_GROUP_DOWN,    /* group, cause, number: to the broker; then node_broker_told() */
	NODE_TELL,          /* group: of a client with notices: node_next_notice() */
	NODE_RESERVE,       /* number: of group ids */
	NODE_SPAWN,         /* group: of node_child_by_group() */
	NODE_TERM,          /* group, number: ms of grace: TERM to the whole tree */
	NODE_SIGNAL,        /* group, signo: to its main process */
	NODE_KILL_TREE,     /* group */
	NODE_ACK,           /* group, number: seq */
	NODE_CLEAN,         /* group: its directory is of no use any more */
	NODE_OWNER_WATCH,   /* number: of the child, watcher: the owner */
	NODE_OWNER_UNWATCH, /* number */
	NODE_REPLY,         /* from: error and text, or body: one value */
	NODE_STOPPED,       /* everything is down */
	_NODE_ACTION_N,
};

struct node_action {
	enum node_action_kind kind;
	struct list link;
	uint64_t group;
	uint64_t number;
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
	NODE_WAIT_GONE
};

int node_new(struct node **ret, const struct node_config *config);
/* unanswered callers get no NODE_REPLY: the shell must free them */
struct node *node_free(struct node *node);

/* ---- the beginning: load what was saved, start, hear the keeper's table, synced ---- */

/* One chunk of the state. 0; -EPROTO: then node_forget() and try another one, or none. */
int node_state_load(struct node *node, const void *data, size_t size_bytes);
void node_forget(struct node *node);
/* Gives the engines what was loaded. Then come the slots. */
void node_start(struct node *node, uint64_t now_ns);
/*
 * The table is complete: what has no slot never started, or its slot is gone. Starts the broker if there is
 * none.
 */
void node_synced(struct node *node, uint64_t now_ns);

/* ---- the state: see state.h ---- */

bool node_state_is_dirty(const struct node *node);
/* _changes: what changed since the last call of either function. _all: the whole state. */
void node_state_put_changes(struct node *node, struct buf *b);
void node_state_put_all(struct node *node, struct buf *b);
/* What was put could not be written: the caller must use node_state_put_all() the next time. */
void node_state_not_written(struct node *node);

/* ---- events ---- */

/*
 * @text: for the cause of an exit the last lines on stderr, of a failed exec what is wrong with the program;
 * may be NULL.
 */
void node_slot(struct node *node, const struct keeper_slot *slot, const char *text, uint64_t now_ns);
void node_reserved(struct node *node, uint64_t first_group, uint32_t n, uint64_t now_ns);
void node_refused(struct node *node, uint64_t group, int error, uint64_t now_ns);
/* The shell could not even ask the keeper for the start. @error: a positive errno. */
void node_launch_failed(struct node *node, uint64_t group, int error, const char *text, uint64_t now_ns);
void node_group_hello(struct node *node, uint64_t group);
void node_group_ready(struct node *node, uint64_t group, uint64_t now_ns);
void node_owner_gone(struct node *node, uint64_t number, uint64_t now_ns);
/* A group of callers has ended: everything it made goes. */
void node_client_gone(struct node *node, uint64_t group, uint64_t now_ns);
void node_timer(struct node *node, uint64_t now_ns);
uint64_t node_next_deadline(const struct node *node); /* SUPERVISION_NEVER */

/* ---- commands. Each is answered by exactly one NODE_REPLY to @from. timeout_ms 0: none ---- */

void node_spawn(struct node *node, struct child_spec *take_spec, actor_ref caller, void *from,
	enum node_wait wait, uint64_t timeout_ms, uint64_t now_ns);
void node_stop(struct node *node, const char *name, bool wait, void *from, uint64_t now_ns);
void node_child_start(struct node *node, const char *name, bool wait, void *from, uint64_t now_ns);
void node_restart(struct node *node, const char *name, bool wait, void *from, uint64_t now_ns);
void node_kill(struct node *node, const char *name, int signo, void *from, uint64_t now_ns);
void node_remove(struct node *node, const char *name, bool force, void *from, uint64_t now_ns);
void node_wait(struct node *node, const char *name, enum node_wait wait, uint64_t timeout_ms, void *from,
	uint64_t now_ns);
void node_monitor(struct node *node, uint64_t group, actor_ref watcher, uint64_t id, void *from);
void node_demonitor(struct node *node, actor_ref watcher, uint64_t id, void *from);
/* Everything down, in order; @from may be NULL. */
void node_down(struct node *node, void *from, uint64_t now_ns);

/* ---- notices ---- */

struct node_notice {
	uint64_t number;
	actor_ref watcher;
	uint64_t group, id;
	const struct actor_cause *cause;
};

/*
 * The next notice for the group @client: one that was not given out yet, or was lost. In the order of their
 * numbers.
 */
bool node_next_notice(struct node *node, uint64_t client, struct node_notice *ret);
/* All notices up to @number are out of our hands: only the death of the watcher itself can lose them now. */
void node_notices_handed(struct node *node, uint64_t client, uint64_t number);
/* What was given out may be lost: node_tell_again() gives it out again. */
void node_notices_lost(struct node *node, uint64_t client);
void node_tell_again(struct node *node);
/*
 * The highest number that was given so far. If the broker must still hear of an end with this number or a
 * lower one, node_put_groups() has it.
 */
uint64_t node_last_number(const struct node *node);
/* The broker has heard of all NODE_GROUP_DOWN up to this number. */
void node_broker_told(struct node *node, uint64_t number);

/* ---- actions ---- */

struct node_action *node_next_early(struct node *node); /* NULL: none. Free each with node_action_free() */
struct node_action *node_next_late(struct node *node);
struct node_action *node_action_free(struct node_action *action);

/* ---- looking ---- */

struct child *node_child_by_name(const struct node *node, const char *name);
struct child *node_child_by_group(const struct node *node, uint64_t group);
struct child *node_child_by_number(const struct node *node, uint64_t number);
struct child *node_broker(const struct node *node); /* NULL: none */
/* The listed ones, oldest first; NULL ends. */
struct child *node_first(const struct node *node);
struct child *node_after(const struct node *node, const struct child *child);
size_t node_count(const struct node *node);
/*
 * True: @n_more processes beside those that have a group id already would be too many. @text then says why,
 * and what to do about it.
 */
bool node_is_full(const struct node *node, size_t n_more, char *text, size_t size);
bool node_is_stopping(const struct node *node);
/* The state of a former supervisor could not be used: what was down is forgotten, what runs is adopted. */
void node_state_lost(struct node *node, uint64_t now_ns);
/* When that was the last time; 0: never. */
uint64_t node_state_lost_ns(const struct node *node);
/*
 * An array of the four arguments of the `groups` cast: [ids of live groups], [[id, cause] of recent ends],
 * [ids of those live groups that speak the protocol], [ids of clients that a broker admitted].
 */
void node_put_groups(const struct node *node, struct buf *b);
/* @log_path gives the path of a child's log, for node_put_child(). */
void node_set_log_path(
	struct node *node, void (*log_path)(const char *name, char *ret, size_t size, void *arg), void *arg);
/* Appends one child map; see child_put_map(). */
void node_put_child(const struct node *node, struct buf *b, const struct child *child, uint64_t now_ns,
	size_t argv_max_bytes);

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ACTOR_SUPERVISION_H
#define ACTOR_SUPERVISION_H

/*
 * The supervision engine: one `struct supervision` decides for one supervisor what happens to its children.
 * Events and the time go in, actions come out. Only the caller knows what a child *is* (an actor, a process,
 * a nested supervisor).
 *
 * How to use the engine: call an event function, take actions with supervision_next_action() until there is
 * none, and arm one timer at supervision_next_deadline(). The caller answers every START once, sooner or
 * later, with supervision_child_start_failed() or supervision_child_exited(), and in between with _started()
 * and _ready(). The top of supervision/engine.c explains the semantics.
 *
 * All times are CLOCK_MONOTONIC nanoseconds. There are no locks: one thread calls the engine. Only
 * supervision_new() and supervision_child_add() allocate memory.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "libactor/supervision/backoff.h"
#include "libactor/supervision/words.h"
#include "libactor/util/heap.h"

#define SUPERVISION_UNLIMITED UINT32_MAX /* as intensity: never escalates */

#define SUPERVISION_INFINITY    INT32_C(-1) /* as shutdown_ms: wait for ever */
#define SUPERVISION_BRUTAL_KILL INT32_C(-2) /* as shutdown_ms: KILL at once, no STOP */

#define SUPERVISION_NEVER UINT64_MAX /* no deadline */

struct supervision_config {
	enum supervision_strategy strategy;
	enum supervision_auto_shutdown auto_shutdown;
	uint32_t intensity; /* restarts allowed in period_ms; OTP's default is 1 in 5 s */
	uint32_t period_ms;
	bool start_in_order; /* start a child only when the one before it serves; false: all at once */
	/* stop all children at once (simple_one_for_one); false: one by one in reverse order */
	bool parallel_stop;
	bool retry_first_start; /* retry a failed first start like any other; false: refuse the child (OTP) */
	bool keep_ended;        /* keep an ended temporary child, DOWN; false: remove it (OTP) */
	uint64_t seed;          /* for jitter; any number */
};

struct supervision_child_spec {
	const char *id; /* copied; NULL = "". The caller keeps ids unique and finds children by them */
	uint64_t key;   /* for callers that name children by number */
	void *data;     /* the caller's own */
	enum supervision_restart restart;
	bool significant; /* not with permanent, not with auto_shutdown never */
	bool await_ready; /* the child serves when it is ready; false: it serves as soon as it is up */
	uint32_t ready_timeout_ms; /* from started to ready; 0 = none. Only with await_ready */
	int32_t shutdown_ms;       /* >= 0, SUPERVISION_INFINITY, SUPERVISION_BRUTAL_KILL */
	struct backoff_spec backoff;
	/*
	 * A limit of this child alone: after @intensity restarts in @period_ms one more failure leaves it
	 * down, and costs its supervisor nothing. Only with one_for_one. @period_ms 0: no such limit
	 */
	uint32_t intensity;
	uint32_t period_ms;
};

struct supervision;

/*
 * A caller may read the fields above the line at any time, and writes none. A handle is valid until the child
 * is removed.
 */
struct supervision_child {
	struct supervision *supervision;
	struct supervision_child_spec spec;
	enum supervision_state state;
	bool wanted; /* the desired state: up? Only commands and the end of the child change it */
	enum supervision_exit last_exit;
	uint64_t state_ns;   /* when the child got into this state */
	uint64_t served_ns;  /* when the child began to serve, if .serves */
	bool serves;         /* this instance serves, or served until it was told to stop */
	uint64_t n_starts;   /* START actions */
	uint64_t n_restarts; /* those of them that were no command */
	struct backoff backoff;
	struct intensity_window
		restarts; /* those that count for its own limit; see intensity_window_recent() */
	/* --- private --- */
	bool removed;
	bool dynamic;
	bool first; /* a command ordered the start that is under way: it is no restart */
	bool ever_served;
	bool holds;       /* its backoff holds a group restart */
	bool killed;      /* KILL was issued for this instance */
	bool gone_killed; /* KILL was issued for the instance that GONE is about */
	unsigned pending; /* the set of actions that were not taken yet */
	enum supervision_cause stop_cause;
	enum supervision_cause kill_cause;
	enum supervision_cause gone_cause;
	uint64_t order;
	struct heap_node deadline;
	TAILQ_ENTRY(supervision_child) link;
	TAILQ_ENTRY(supervision_child) queue;
	char id[];
};

enum supervision_action_kind {
	SUPERVISION_ACTION_START, /* make an instance */
	SUPERVISION_ACTION_STOP,  /* ask the instance to stop; may come before _started() was reported */
	SUPERVISION_ACTION_KILL, /* end the instance by force; the engine waits for _exited() without limit */
	SUPERVISION_ACTION_GONE, /* the child is DOWN until a command (or a group restart) starts it */
	SUPERVISION_ACTION_READY,    /* supervision_start() is complete: every child serves or is gone */
	SUPERVISION_ACTION_ESCALATE, /* .child failed once too often; all others will be stopped now */
	SUPERVISION_ACTION_DONE,     /* nothing runs, and no action follows; for the parent: exit shutdown */
	_SUPERVISION_ACTION_N,
};

struct supervision_action {
	enum supervision_action_kind kind;
	struct supervision_child *child; /* NULL for READY and DONE */
	enum supervision_cause cause;    /* STOP, KILL, GONE, DONE */
	int32_t shutdown_ms;             /* STOP: KILL comes after this long; SUPERVISION_INFINITY */
	enum supervision_exit exit;      /* GONE: how the last instance ended */
	bool killed;                     /* GONE: a KILL was needed, or the child is always stopped by KILL */
	bool removed;                    /* GONE: the handle dies with the next supervision_next_action() */
};

const char *supervision_action_name(enum supervision_action_kind kind);

/* Returns NULL if the argument makes sense, else one sentence for people that says why not. */
const char *supervision_config_check(const struct supervision_config *config);
const char *supervision_child_spec_check(
	const struct supervision_config *config, const struct supervision_child_spec *spec);

/* ---- the supervisor ---- */

/* Returns 0; -EINVAL (supervision_config_check() says why); -ENOMEM. */
int supervision_new(struct supervision **ret, const struct supervision_config *config);
struct supervision *supervision_free(struct supervision *supervision);

/*
 * Starts the children that were added, in order. From now on children can be started one by one. Returns 0 or
 * -EALREADY.
 */
int supervision_start(struct supervision *supervision, uint64_t now_ns);

/*
 * Stops all children in reverse order, then DONE. @force: kills all of them at once; also turns an orderly
 * shutdown that is under way into a forced one. Returns -EALREADY after DONE.
 */
int supervision_shutdown(struct supervision *supervision, uint64_t now_ns, bool force);

/*
 * Tells the engine that the time is @now_ns. Needed when supervision_next_deadline() has come; harmless
 * before.
 */
void supervision_timer(struct supervision *supervision, uint64_t now_ns);

/* Returns when supervision_timer() has to be called, or SUPERVISION_NEVER. */
uint64_t supervision_next_deadline(const struct supervision *supervision);

/* Returns false when there is no action. */
bool supervision_next_action(struct supervision *supervision, struct supervision_action *ret);

/*
 * ---- commands, per child; none waits for another. -ESRCH: the child was removed, and its GONE was not taken
 * yet ----
 */

/*
 * Appends a child. Before supervision_start() the child is wanted up and starts with the others. After it the
 * child is down until supervision_child_start(). Returns 0; -EINVAL (supervision_child_spec_check() says
 * why); -ENOMEM; -ESHUTDOWN.
 */
int supervision_child_add(struct supervision *supervision, const struct supervision_child_spec *spec,
	struct supervision_child **ret);

/*
 * Starts a child. A child in backoff starts now. Returns 0; -EALREADY when it runs or is about to;
 * -ESHUTDOWN.
 */
int supervision_child_start(struct supervision_child *child, uint64_t now_ns);

/*
 * Stops a child. Returns 1 when a GONE will come; 0 when the child is down already. It stays down until a
 * command starts it.
 */
int supervision_child_stop(struct supervision_child *child, uint64_t now_ns);

/* Stops the child if it runs, then starts it; costs no intensity. Returns 0 or -ESHUTDOWN. */
int supervision_child_restart(struct supervision_child *child, uint64_t now_ns);

/*
 * Forgets a child that is down; the handle is invalid afterwards. Returns 0; -EBUSY when the child is not
 * down.
 */
int supervision_child_remove(struct supervision_child *child);

/*
 * Changes the restart type, the shutdown, the backoff, the limit and the readiness of a child to those of
 * @spec, from now on. What it does at the moment goes on: a delay under way is not changed, and restarts that
 * count go on to count. Returns 0; -EINVAL (supervision_child_spec_check() says why), -ENOMEM: nothing was
 * changed.
 */
int supervision_child_configure(struct supervision_child *child, const struct supervision_child_spec *spec);

/*
 * Tells the engine what is known, from an earlier life of this supervisor, of a child that was just added.
 * @state: DOWN; STARTING, UP or READY (there is an instance, and no START goes out); or BACKOFF until
 * @deadline_ns. A WAITING child is restored as BACKOFF that is due, a STOPPING one as UP and then stopped. So
 * the caller calls supervision_start() without children, and then adds and restores each child. Returns 0 or
 * -EINVAL.
 */
int supervision_child_restore(struct supervision_child *child, enum supervision_state state, bool wanted,
	uint64_t since_ns, uint64_t deadline_ns, uint64_t n_restarts, struct backoff backoff);

/*
 * One of the restarts of an earlier life that count for the child's own limit; the oldest comes first. For a
 * child without a limit nothing happens.
 */
void supervision_child_restore_restart(struct supervision_child *child, uint64_t at_ns);

/*
 * ---- events, per child: what its instance did. -EINVAL: there is no instance, or the event is impossible
 * ----
 */

int supervision_child_started(struct supervision_child *child, uint64_t now_ns);
int supervision_child_ready(struct supervision_child *child, uint64_t now_ns); /* implies started */
int supervision_child_start_failed(struct supervision_child *child, uint64_t now_ns, bool permanent);
int supervision_child_exited(struct supervision_child *child, uint64_t now_ns, enum supervision_exit exit);
/*
 * The start was answered with *ignore*: there is no instance, and this is no failure. The child is down until
 * a command, or a restart of its group, starts it. A temporary child is removed.
 */
int supervision_child_ignored(struct supervision_child *child, uint64_t now_ns);

/* ---- looking: these functions never wait and never change anything ---- */

struct supervision_child *supervision_first_child(const struct supervision *supervision); /* oldest */
struct supervision_child *supervision_last_child(const struct supervision *supervision);  /* newest */
struct supervision_child *supervision_child_next(const struct supervision_child *child);
struct supervision_child *supervision_child_prev(const struct supervision_child *child);

/* When the state times out (BACKOFF: starts; UP: is stopped; STOPPING: is killed), or SUPERVISION_NEVER. */
uint64_t supervision_child_deadline(const struct supervision_child *child);

struct supervision_counts {
	size_t n_children;
	size_t n_live; /* STARTING, UP, READY, STOPPING: there is, or may be, an instance */
};

struct supervision_counts supervision_count(const struct supervision *supervision);

/* READY went out, and no shutdown has begun. */
bool supervision_is_running(const struct supervision *supervision);
bool supervision_is_done(const struct supervision *supervision);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ACTOR_SUPERVISION_H
#define ACTOR_SUPERVISION_H

/*
 * The supervision engine: one `struct supervision` decides for one supervisor what happens to its children.
 * Events and the time go in, actions come out; what a child *is* (an actor, a process, a nested supervisor)
 * only the caller knows.
 *
 * How to use it: call an event function, then take actions with supervision_next_action() until there is
 * none, then arm one timer at supervision_next_deadline(). Every START is answered once, sooner or later,
 * with supervision_child_start_failed() or supervision_child_exited(), and in between with _started() and
 * _ready(). The semantics are told at the top of supervision/engine.c.
 *
 * All times are CLOCK_MONOTONIC nanoseconds. No locks: one thread.
 * Memory is taken by supervision_new() and supervision_child_add() alone.
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
	bool start_in_order;    /* the next child only after the one before it serves; else all at once */
	bool parallel_stop;     /* all at once (simple_one_for_one), not one by one in reverse order */
	bool retry_first_start; /* a failed first start is retried like any; false: refused (OTP) */
	bool keep_ended;        /* an ended temporary child stays, DOWN; false: it goes (OTP) */
	uint64_t seed;          /* for jitter; any number */
};

struct supervision_child_spec {
	const char *id; /* copied; NULL = "". The caller keeps ids unique and finds children by them */
	uint64_t key;   /* for callers who name things by number */
	void *data;     /* the caller's own */
	enum supervision_restart restart;
	bool significant;          /* not with permanent, not with auto_shutdown never */
	bool await_ready;          /* it serves when ready; false: it serves as soon as it is up */
	uint32_t ready_timeout_ms; /* from started to ready; 0 = none. Only with await_ready */
	int32_t shutdown_ms;       /* >= 0, SUPERVISION_INFINITY, SUPERVISION_BRUTAL_KILL */
	struct backoff_spec backoff;
};

struct supervision;

/* Read what is above the line at any time, write nothing. A handle is valid until the child is removed. */
struct supervision_child {
	struct supervision *supervision;
	struct supervision_child_spec spec;
	enum supervision_state state;
	bool wanted; /* the desired state: up? Only commands and the end of the child change it */
	enum supervision_exit last_exit;
	uint64_t state_ns;   /* when it got into this state */
	uint64_t served_ns;  /* when it began to serve, if .serves */
	bool serves;         /* this instance is, or was before it was told to stop, in service */
	uint64_t n_starts;   /* START actions */
	uint64_t n_restarts; /* of these, not by command */
	struct backoff backoff;
	/* --- private --- */
	bool removed;
	bool dynamic;
	bool first; /* the start under way was ordered, it is no restart */
	bool ever_served;
	bool holds;       /* its backoff holds a group restart */
	bool killed;      /* KILL was issued for this instance */
	bool gone_killed; /* the same, of the instance that GONE is about */
	unsigned pending; /* actions not yet taken, a set */
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
	SUPERVISION_ACTION_START,    /* make an instance */
	SUPERVISION_ACTION_STOP,     /* ask it to stop. May come before _started() was reported */
	SUPERVISION_ACTION_KILL,     /* end it by force. The engine waits for _exited() without limit */
	SUPERVISION_ACTION_GONE,     /* it is DOWN until a command (or a group restart) says otherwise */
	SUPERVISION_ACTION_READY,    /* supervision_start() is complete: every child serves or is gone */
	SUPERVISION_ACTION_ESCALATE, /* .child failed once too often; all the others will be stopped now */
	SUPERVISION_ACTION_DONE,     /* nothing runs, nothing more will come; for the parent: exit shutdown */
	_SUPERVISION_ACTION_N,
};

struct supervision_action {
	enum supervision_action_kind kind;
	struct supervision_child *child; /* NULL for READY and DONE */
	enum supervision_cause cause;    /* STOP, KILL, GONE, DONE */
	int32_t shutdown_ms;             /* STOP: KILL comes after this long; SUPERVISION_INFINITY */
	enum supervision_exit exit;      /* GONE: how its last instance ended */
	bool killed;                     /* GONE: a KILL was needed, or was its way to be stopped */
	bool removed;                    /* GONE: the handle dies with the next supervision_next_action() */
};

const char *supervision_action_name(enum supervision_action_kind kind);

/* NULL if it makes sense, else one sentence for people that says why not */
const char *supervision_config_check(const struct supervision_config *config);
const char *supervision_child_spec_check(
	const struct supervision_config *config, const struct supervision_child_spec *spec);

/* ---- the supervisor ---- */

/* 0, -EINVAL (ask supervision_config_check()), -ENOMEM */
int supervision_new(struct supervision **ret, const struct supervision_config *config);
struct supervision *supervision_free(struct supervision *supervision);

/* start the children that were added, in order; from now on children can be started one by one. -EALREADY */
int supervision_start(struct supervision *supervision, uint64_t now_ns);

/*
 * Stop all children in reverse order, then DONE. @force: kill all of them at once; also to make an orderly
 * shutdown that is under way a forced one. -EALREADY after DONE.
 */
int supervision_shutdown(struct supervision *supervision, uint64_t now_ns, bool force);

/* the time is @now_ns. Needed when supervision_next_deadline() has come; harmless before */
void supervision_timer(struct supervision *supervision, uint64_t now_ns);

/* SUPERVISION_NEVER, or when supervision_timer() wants to be called */
uint64_t supervision_next_deadline(const struct supervision *supervision);

/* false: there is nothing to do */
bool supervision_next_action(struct supervision *supervision, struct supervision_action *ret);

/* ---- commands, per child; none waits for another. -ESRCH: it was removed, its GONE is not taken yet ---- */

/*
 * Append a child. Before supervision_start() it is wanted up and starts with the others; after it, it is down
 * until supervision_child_start(). 0, -EINVAL (ask supervision_child_spec_check()), -ENOMEM, -ESHUTDOWN.
 */
int supervision_child_add(struct supervision *supervision, const struct supervision_child_spec *spec,
	struct supervision_child **ret);

/* 0; -EALREADY: runs, or is on its way. In backoff: starts now. -ESHUTDOWN */
int supervision_child_start(struct supervision_child *child, uint64_t now_ns);

/* 1: a GONE will come; 0: it is down already. Either way it stays down until a command says otherwise. */
int supervision_child_stop(struct supervision_child *child, uint64_t now_ns);

/* stop, if it runs, then start; costs no intensity. 0, -ESHUTDOWN */
int supervision_child_restart(struct supervision_child *child, uint64_t now_ns);

/* forget a child that is down; the handle is dead afterwards. 0, -EBUSY when it is not down */
int supervision_child_remove(struct supervision_child *child);

/*
 * Tell a child that was just added what is known of it from an earlier life of this supervisor: @state DOWN,
 * STARTING, UP or READY (an instance is there; no START goes out), or BACKOFF until @deadline_ns. A WAITING
 * one is restored as BACKOFF that is due, a STOPPING one as UP and then stopped. So: supervision_start()
 * without children, then add and restore each. 0, -EINVAL.
 */
int supervision_child_restore(struct supervision_child *child, enum supervision_state state, bool wanted,
	uint64_t since_ns, uint64_t deadline_ns, uint64_t n_restarts, struct backoff backoff);

/* ---- events, per child: what its instance did. -EINVAL: it has none, or that cannot be ---- */

int supervision_child_started(struct supervision_child *child, uint64_t now_ns);
int supervision_child_ready(struct supervision_child *child, uint64_t now_ns); /* implies started */
int supervision_child_start_failed(struct supervision_child *child, uint64_t now_ns, bool permanent);
int supervision_child_exited(struct supervision_child *child, uint64_t now_ns, enum supervision_exit exit);

/* ---- looking; never waits, never changes anything ---- */

struct supervision_child *supervision_first_child(const struct supervision *supervision); /* oldest */
struct supervision_child *supervision_last_child(const struct supervision *supervision);  /* newest */
struct supervision_child *supervision_child_next(const struct supervision_child *child);
struct supervision_child *supervision_child_prev(const struct supervision_child *child);

/* when its state times out (BACKOFF: starts; UP: is stopped; STOPPING: is killed), or SUPERVISION_NEVER */
uint64_t supervision_child_deadline(const struct supervision_child *child);

struct supervision_counts {
	size_t n_children;
	size_t n_live; /* STARTING, UP, READY, STOPPING: there is, or may be, an instance */
};

struct supervision_counts supervision_count(const struct supervision *supervision);

/* READY went out and no shutdown began */
bool supervision_is_running(const struct supervision *supervision);
bool supervision_is_done(const struct supervision *supervision);

#endif

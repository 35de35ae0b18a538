/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A supervisor and its children. The engine (libactor/supervision) decides, and this room does what the
 * engine wants. Only the supervisor's terminate waits. Starts and ends of children, and timers, come as
 * function calls in the turn of the child or of the loop. So children are started and restarted also while
 * the supervisor's own handler waits, for instance in on_event.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/supervisor.h"
#include "libactor/actor/actor-internal.h"
#include "libactor/loop/timer.h"
#include "libactor/supervision/engine.h"
#include "libactor/tree/spec.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

/* The argument of the init of a supervisor. */
struct supervisor_arg {
	struct tree_spec *spec;
	actor_ref parent;
	struct actor_cause *ret_failure;
};

struct supervisor;

struct child {
	struct spawn_wait wait; /* the child's actor calls its hooks at the start and the end */
	struct supervisor_arg arg;
	struct supervisor *supervisor;
	struct supervision_child *engine;
	struct child_spec_copy *spec;
	struct actor *instance; /* NULL: none */
	actor_ref who;          /* the ref that others use: the actor, or the first actor of a process */
	int64_t pid;            /* of a process; 0: none */
	bool started;           /* this instance has started */
	bool late;              /* this instance is stopped because its start took too long */
	uint64_t n_restarts_told;
	struct actor_cause *cause; /* of the last end; NULL: none */
	struct hash_node by_name;  /* supervisor.children */
	struct list waiters;       /* struct waiter.link */
	struct list staged;        /* in supervisor.staged: made, and not added yet */
	uint64_t number;           /* of a staged child */
	char name[];
};

/* A caller whose command is not done yet. */
struct waiter {
	struct list link;
	actor_from *from; /* a kept address */
	bool for_start;   /* the command ends with the child's start; false: with the child's end */
};

struct supervisor {
	struct actor *self;
	struct tree_spec *spec;
	struct supervision *engine; /* NULL: init has not run, or has failed */
	struct timer timer;
	struct hash children;
	struct list staged;
	struct list events; /* struct event.link; for on_event */
	bool events_called; /* a message to handle the events is in its mailbox */
	uint64_t last_number;
	actor_ref parent; /* the actor with which it is linked; nobody: none */
	/* for the cause of a failed start; valid while somebody waits for the start (self->spawn_wait) */
	struct actor_cause *ret_failure;
	bool started;
	bool over;                  /* no child is left, and the engine wants nothing more */
	bool ending;                /* its terminate runs, and waits until `over` */
	bool parked;                /* in that wait */
	struct actor_cause failure; /* of the child because of which it ends */
	int failure_result;
};

extern const struct actor_behavior tree_behavior;
/* The owner of a process that is a child (owner.c). Its init gets the struct child. */
extern const struct actor_behavior tree_owner_behavior;

/* The running supervisor @ref of this group, or NULL. */
struct supervisor *supervisor_find(actor_group *group, actor_ref ref);

/* tree.c */
int tree_begin(struct supervisor *supervisor, actor *self, const struct supervisor_arg *arg);
/* Stops all children and waits for their ends. @force: kills them. */
void tree_end(struct supervisor *supervisor, bool force);
/* Frees everything. Children that still run no longer call the hooks. */
void tree_free(struct supervisor *supervisor);
/* Does all that the engine wants; called after each event. */
void tree_pump(struct supervisor *supervisor);
struct child *tree_child_find(const struct supervisor *supervisor, const char *name);
/* Takes @take_spec if it returns 0. A child without a name gets one. */
int tree_child_new(struct supervisor *supervisor, struct child_spec_copy *take_spec, struct child **ret);
/* Gives a new child to the engine. -EEXIST when its name is taken. */
int tree_child_add(struct supervisor *supervisor, struct child *child);
void tree_child_free(struct child *child);

/* waiters.c */
int waiter_add(struct child *child, actor_from *from, bool for_start);
/*
 * Answers all callers that wait for a start. @r 0: it runs, or was ignored; negative: it failed by
 * child->cause.
 */
void waiters_answer_start(struct child *child, int r);
void waiters_answer_stop(struct child *child);
void answer_failed(actor_from *from, int r, const struct actor_cause *cause);

/* events.c */
void event_tell(struct supervisor *supervisor, enum actor_supervisor_event_kind kind,
	const struct child *child, actor_ref who, const struct actor_cause *cause, void *take_state);
/* Calls on_event for all events that wait. Must run in the supervisor's turn. */
void events_handle(struct supervisor *supervisor);
void events_drop(struct supervisor *supervisor);

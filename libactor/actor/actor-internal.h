/* SPDX-License-Identifier: Apache-2.0 */
/* An actor, in the form that the library uses. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/actor/mailbox.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/util/list.h"

enum actor_status {
	ACTOR_STARTING, /* in init */
	ACTOR_RUNNING,
	ACTOR_ENDING, /* no message is delivered any more */
};

struct wire_trace;

/*
 * Who was spawned by whom. The numbers are slots (the lower halves of serials); 0: none. They are valid
 * because an actor leaves its family before its slot is given back. Four pointers would be twice as large.
 */
struct family {
	uint32_t parent;
	uint32_t youngest;       /* child */
	uint32_t older, younger; /* siblings */
};

struct actor {
	struct task task; /* by it the loop runs and parks the actor */
	actor_group *group;
	const struct actor_behavior *behavior;
	void *state;
	actor_ref ref;
	enum actor_status status : 8;
	/* One bit each, so that struct actor has no more than 424 bytes. */
	bool internal : 1; /* does not keep the group running (the mailbox of a client) */
	bool killed : 1;
	bool starved : 1; /* will be killed: there was no memory for what it must be told (actor_starve) */
	bool stopping : 1;
	bool traps_exits : 1;
	bool waits_for_requests : 1;
	bool ended_self : 1;      /* the cause is set, and the actor ends after the running handler */
	bool told_wrong_kind : 1; /* the log has said that a cast came for a method that is a call */
	bool suspended : 1;       /* begins no message until it is resumed (sys.c) */
	bool has_history : 1;     /* its last messages are kept (history.c) */
	bool stashes : 1;         /* the handled message is put aside when its handler is over (stash.c) */
	bool has_stash : 1;       /* messages are put aside */
	bool owns_trace : 1;      /* tracing.c allocated the trace */
	bool draining : 1;        /* takes no messages any more, and ends when it gets MSG_DRAINED */
	bool owned : 1;           /* ends with its parent (family.c) */
	bool awaits_child : 1;    /* is parked until a child has ended */
	bool owns_arg : 1;        /* init_arg is a copy, which is freed after init */
	bool post_start_due : 1;  /* post_start comes next */
	bool starts_later : 1;    /* the start ends by actor_start_ends(), and not when init returns */
	bool has_started : 1;     /* the start has succeeded */
	bool ends_in_order : 1;   /* terminate runs after a kill, too; for the library's own actors */
	bool has_inflows : 1;     /* it has opened streams (inflow.h) */
	bool has_cancelled : 1;   /* calls in the mailbox may be cancelled (served.h) */
	bool is_guest : 1;        /* a call from elsewhere spawned it (guests.c) */
	uint32_t timers_queued;   /* messages of the kind MSG_TIMER in the mailbox */
	struct family family;

	struct mailbox mailbox;
	uint64_t n_handled;             /* messages */
	const char *method;             /* the method that is being handled; for crash reports */
	const struct wire_trace *trace; /* the trace of the handled message; NULL: none (tracing.h) */

	struct call *waiting_call; /* the call whose answer the actor waits for */
	union {
		struct actor_from *answering; /* the call that is being handled */
		const void *init_arg;         /* until init runs */
	};

	/* NULL: none so far. Otherwise one of the common causes of ending.c, or allocated memory. */
	const struct actor_cause *cause;

	struct list monitors; /* struct monitor.watcher_link: what this actor watches */
	struct list watchers; /* struct watcher.target_link: the actors that watch this one */
	struct list froms;    /* kept addresses, unanswered */
	struct list requests; /* struct call_request.by_owner */
	struct list timers;   /* struct alarm.link */
	struct alarm *idle;   /* one of the timers; NULL: no idle time is set */
	struct list names;    /* struct own_name.link */
	/* uplink.n_connects of the link on which the actor asked for a name and may have got it unheard */
	uint64_t names_unsure;
	struct list fds;            /* struct fd_watch.link */
	struct actor_inlet *inlets; /* linked by their next (inlet.c) */
	struct actor_pg *pg; /* NULL: the actor has no memberships and monitors of process groups (pg.h) */
	/*
	 * The spawner, which waits for init, or for the end after init failed. A supervisor stays here until
	 * the actor's end.
	 */
	struct spawn_wait *spawn_wait;
};

/*
 * How a supervisor of this group hears of a child. The functions are called in the child's turn and must not
 * wait. ended() is called exactly once: after the names of @child are free, and before its monitors and links
 * hear of the end. It may free the struct spawn_wait.
 */
struct spawn_hooks {
	void (*started)(struct spawn_wait *wait);
	void (*ended)(struct spawn_wait *wait, struct actor *child, const struct actor_cause *cause);
};

struct spawn_wait {
	struct actor *parent; /* the parked spawner; NULL: the program waits, outside of a handler */
	bool done;
	int result;
	const struct spawn_hooks *hooks; /* NULL: nobody supervises the actor */
	/* Called once when done is set, if it is not NULL; may free this. Not if the group is being freed. */
	void (*over)(struct spawn_wait *wait);
	const struct wire_trace *trace; /* for init, if there is no parent; NULL: none */
};

static inline bool actor_is_supervised(const struct actor *self)
{
	return self->spawn_wait && self->spawn_wait->hooks;
}

/* actor.c */
int actor_describe(const struct actor *self, struct actor_from *from); /* describe.c: answers `$describe` */
int actor_new(actor_group *group, const struct actor_behavior *behavior, const void *arg, bool internal,
	struct actor **ret);
/* Asks a new actor to stop if the group has asked all others already. */
void actor_joins_stop(struct actor *self);
void actor_run(struct loop *loop, struct task *task); /* handles its messages, on the loop's stack */
void actor_starved(
	struct loop *loop, struct task *task); /* kills the actor: there is no memory for its stack */
void actor_discard(
	struct actor *self); /* frees the actor and runs none of its code: the group is being freed */
/* Stops all actors but the supervised ones, which their supervisors stop. */
void actors_stop_all(actor_group *group, const char *reason);
/* The start of an actor that starts_later is over. @r: negative if it failed; the actor then has to end. */
void actor_start_ends(struct actor *self, int r);

static inline bool actor_is_current(const struct actor *self)
{
	return self->group->loop.current == &self->task;
}
static inline void actor_make_runnable(struct actor *self)
{
	task_make_runnable(&self->group->loop, &self->task);
}
/*
 * Kills the actor at its next turn. There is no memory to tell it what it has to know, and it must not go on
 * without.
 */
static inline void actor_starve(struct actor *self, const char *what)
{
	if (!self->starved)
		group_log(self->group, "out of memory to tell an actor (%s) %s: killed",
			self->behavior->name ? self->behavior->name : "?", what);
	self->starved = self->task.cancelled = true;
	task_wake(&self->group->loop, &self->task, -ECANCELED);
	task_make_runnable(&self->group->loop, &self->task);
}
static inline int actor_park(struct actor *self, int64_t deadline_ns)
{
	if (self->group->room_of)
		mailbox_pass_on(self->group);
	return task_park(&self->group->loop, &self->task, deadline_ns);
}
static inline void actor_wake(struct actor *self, int result)
{
	task_wake(&self->group->loop, &self->task, result);
}

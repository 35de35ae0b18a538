/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actor/supervisor.h — an actor that starts, watches and restarts others
 *
 * A supervisor is an actor. Its children are actors of its own group, further supervisors, and processes that
 * the node runs. It starts them in their order, each one when the one before it has started, and stops them
 * in reverse order, each within its own time. When a child ends, the child's restart type says whether it is
 * started again, and the strategy says which others are restarted with it. When that happens too often, the
 * supervisor *gives up*: it stops all children and ends, so that the next supervisor above it decides. The
 * node's supervisor decides about processes by the same engine.
 *
 *   how the child ended            permanent   transient    temporary
 *   normal, shutdown               restart     down, kept   removed
 *   any other reason, killed       restart     restart      removed
 *   exit status 125 (a process)    down, kept  down, kept   removed
 *
 * Starts are events: a supervisor never waits for a child, neither for its init nor for its end. So it goes
 * on to serve all other children and all questions while one of them hangs. A child has started when its init
 * has returned 0 (a process: when it was exec'd, or is ready; a supervisor: when all its children have
 * started). A child whose init returns ACTOR_IGNORE is not needed now: it is down and costs nothing.
 *
 * Ends. actor_stop() of a supervisor stops its children in order first. actor_kill() of it kills all of them
 * at once; in both cases it ends after the last of them. The end of the group (TERM, actor_group_stop) leaves
 * supervised actors to their supervisors, so it is in order, too. When a child is to end, its supervisor asks
 * it by actor_stop() with the reason "shutdown", and kills it after shutdown_ms.
 *
 * Differences from OTP. Starts do not block (above). A child that was stopped by command stays down when its
 * siblings are restarted. There is no simple_one_for_one: any supervisor may get children at any time, with
 * arguments of their own, and `parallel_stop` stops all at once. The restart window is exact. New: backoff,
 * start time-outs, events with the child's last state.
 *
 * Shape of the methods for other groups and languages: docs/protocol.md, *Supervisors*. Source: OTP's
 * supervisor; ractor's supervision events.
 */
#ifndef ACTOR_SUPERVISOR_H
#define ACTOR_SUPERVISOR_H

#include <actor/actor.h>
#include <errno.h> /* ACTOR_IGNORE */

#ifdef __cplusplus
extern "C" {
#endif

/* What init of a child returns if the child is not needed now. An ordinary spawn fails with it. */
#define ACTOR_IGNORE (-ENOANO)

#define ACTOR_BRUTAL_KILL         INT64_C(-3) /* as shutdown_ms: a kill at once, without a stop */
#define ACTOR_INTENSITY_NONE      (-1)        /* the first restart is one too many */
#define ACTOR_INTENSITY_UNLIMITED (-2)
#define ACTOR_CHILD_NAME_MAX      255 /* bytes */

/* Whom the restart of one child takes along. */
enum actor_strategy {
	ACTOR_ONE_FOR_ONE,  /* nobody */
	ACTOR_ONE_FOR_ALL,  /* all others */
	ACTOR_REST_FOR_ONE, /* all that come after it in the order of starts */
};

/* When the supervisor ends because of `significant` children that ended by themselves and stay down. */
enum actor_auto_shutdown {
	ACTOR_AUTO_NEVER,
	ACTOR_AUTO_ANY_SIGNIFICANT, /* one of them */
	ACTOR_AUTO_ALL_SIGNIFICANT, /* the last of them */
};

struct actor_supervisor_options;

/* A child. A field that is 0 has its default. Exactly one of behavior, supervisor and process is set. */
struct actor_child_spec {
	const char *name; /* unique in its supervisor; NULL: the supervisor makes one, "#" and a number */
	/* an actor of this group; must live as long as the group */
	const struct actor_behavior *behavior;
	size_t behavior_bytes; /* sizeof(struct actor_behavior) */
	/*
	 * What init gets, at each start. With arg_bytes the bytes are copied. With arg_bytes 0 the pointer
	 * itself is kept, so what it points to must live as long as the child.
	 */
	const void *arg;
	size_t arg_bytes;
	const struct actor_supervisor_options *supervisor; /* copied */
	size_t supervisor_bytes;                           /* sizeof(struct actor_supervisor_options) */
	/*
	 * copied. Its name is the process's (NULL: the child's); its restart, backoff, stop_timeout_ms,
	 * detached and monitor do not count. The group needs a node.
	 */
	const struct actor_process_spec *process;
	size_t process_bytes; /* sizeof(struct actor_process_spec) */

	enum actor_restart restart; /* 0: permanent */
	/*
	 * From the stop to the kill. 0: 5,000 (a process: 10,000, a supervisor: ACTOR_FOREVER).
	 * ACTOR_FOREVER; ACTOR_BRUTAL_KILL
	 */
	int64_t shutdown_ms;
	int64_t start_timeout_ms; /* how long a start may take before it has failed; 0: no limit */
	bool significant;         /* not with permanent; needs auto_shutdown */
	/*
	 * The pause before a restart: the first after a stable time is immediate, then min, 2 * min … max,
	 * each ± jitter. A child that ran for reset_ms begins anew. min 0: no pauses, as in OTP.
	 */
	int64_t backoff_min_ms, backoff_max_ms; /* max 0: 30,000 */
	int64_t backoff_reset_ms;               /* 0: 60,000 */
	int32_t backoff_jitter_pct;             /* 0: 20; -1: none */
	bool keep_state; /* on_event gets the state of an actor that ended (event.state) */
};

struct actor_supervisor_event;

/* A field that is 0 has its default. */
struct actor_supervisor_options {
	enum actor_strategy strategy;
	enum actor_auto_shutdown auto_shutdown;
	int32_t intensity;                       /* restarts in period_ms that are not too many; 0: 1 */
	int64_t period_ms;                       /* 0: 5,000 */
	const struct actor_child_spec *children; /* the first children, in the order of their starts */
	size_t n_children;
	size_t child_bytes; /* sizeof(struct actor_child_spec) */
	bool parallel_stop; /* stops all children at once instead of one by one */
	const char *name;   /* the name that the supervisor registers at each of its starts; NULL: none */
	/*
	 * Gets all events in their order, in the supervisor's turn, as a handler of the supervisor: it may
	 * call and wait. Starts, stops and restarts go on meanwhile; only commands to this supervisor wait.
	 * If there is no memory for an event, it is lost, and the group's log says so.
	 */
	void (*on_event)(actor *supervisor, const struct actor_supervisor_event *event, void *arg);
	void *arg; /* passed to on_event */
};

enum actor_supervisor_event_kind {
	ACTOR_CHILD_STARTED,      /* child, who */
	ACTOR_CHILD_RESTARTED,    /* child, who: started again by its restart type or by the strategy */
	ACTOR_CHILD_ENDED,        /* child, who, cause, state: it may be started again */
	ACTOR_CHILD_DOWN,         /* child: it stays down until a command starts it, or is removed */
	ACTOR_SUPERVISOR_STARTED, /* all first children have started */
	ACTOR_SUPERVISOR_GAVE_UP, /* child, cause: the child's restart was one too many */
	ACTOR_SUPERVISOR_ENDS,    /* no child is left */
};

/* The pointers live until on_event returns. */
struct actor_supervisor_event {
	enum actor_supervisor_event_kind kind;
	const char *child;
	actor_ref who;
	const struct actor_cause *cause;
	/*
	 * With keep_state: the memory behind actor_state() of the ended actor, after its terminate. NULL:
	 * none, or it is no actor. What the memory points to is the program's to free.
	 */
	void *state;
	uint64_t n_restarts; /* of this child, so far */
};

/*
 * actor_supervisor_spawn() - start a supervisor in this group, and wait until its first children have started
 *
 * Only the calling actor waits. @options: borrowed for the call (what it points to is copied, but behaviors,
 * on_event and args). *ret_failure, if the start failed: the cause of the child that failed; its text begins
 * with the child's name, of nested supervisors all names. Both may be NULL.
 *
 * Returns 0, or, with all children stopped again and nothing left: what the failing child's init returned;
 * -EINVAL (options that make no sense, see actor_supervisor_check()); -EEXIST (two children have one name);
 * -ENOMEM; -ETIMEDOUT (a start_timeout_ms is over); -ECANCELED (the supervisor or the caller was ended
 * meanwhile); of processes also as actor_process_start(). Source: supervisor:start_link/2.
 */
ACTOR_EXPORT int actor_supervisor_spawn_sized(actor *self, const struct actor_supervisor_options *options,
	size_t options_bytes, actor_ref *ret, struct actor_cause *ret_failure);
static inline int actor_supervisor_spawn(actor *self, const struct actor_supervisor_options *options,
	actor_ref *ret, struct actor_cause *ret_failure)
{
	return actor_supervisor_spawn_sized(self, options, sizeof(*options), ret, ret_failure);
}
/*
 * The same, linked with the caller: when the caller ends, for whatever reason, the supervisor stops its
 * children and ends. When the supervisor gives up, it ends with the reason "shutdown", and so does a caller
 * that does not trap exits.
 */
ACTOR_EXPORT int actor_supervisor_spawn_link_sized(actor *self,
	const struct actor_supervisor_options *options, size_t options_bytes, actor_ref *ret,
	struct actor_cause *ret_failure);
static inline int actor_supervisor_spawn_link(actor *self, const struct actor_supervisor_options *options,
	actor_ref *ret, struct actor_cause *ret_failure)
{
	return actor_supervisor_spawn_link_sized(self, options, sizeof(*options), ret, ret_failure);
}
/* From outside any actor, as actor_group_spawn(). */
ACTOR_EXPORT int actor_supervisor_group_spawn_sized(actor_group *group,
	const struct actor_supervisor_options *options, size_t options_bytes, actor_ref *ret,
	struct actor_cause *ret_failure);
static inline int actor_supervisor_group_spawn(actor_group *group,
	const struct actor_supervisor_options *options, actor_ref *ret, struct actor_cause *ret_failure)
{
	return actor_supervisor_group_spawn_sized(group, options, sizeof(*options), ret, ret_failure);
}

/* NULL when the options make sense, else one sentence for people that says why not. Any thread. */
ACTOR_EXPORT const char *actor_supervisor_check_sized(
	const struct actor_supervisor_options *options, size_t options_bytes);
static inline const char *actor_supervisor_check(const struct actor_supervisor_options *options)
{
	return actor_supervisor_check_sized(options, sizeof(*options));
}

/*
 * Commands. They are calls to the supervisor: only the caller waits, until the command is done. They cost no
 * restart. @timeout_ms: or ACTOR_TIMEOUT_DEFAULT, ACTOR_FOREVER; after -ETIMEDOUT the command goes on.
 * Besides what follows they return what actor_call() returns: -ESRCH also when the supervisor has no such
 * child, -EDEADLK also when a child commands its own end, -ECANCELED when the supervisor is ending.
 */

/*
 * Adds a child at the end of the order, and starts it. Returns 0 (*ret is nobody if its init returned
 * ACTOR_IGNORE); -EALREADY when a child of that name runs or is about to (*ret is that child); -EEXIST when
 * one of that name is down; otherwise as actor_supervisor_spawn(), and then the child was not added. The
 * supervisor must be of this group. Source: supervisor:start_child/2.
 */
ACTOR_EXPORT int actor_supervisor_start_child_sized(actor *self, actor_ref supervisor,
	const struct actor_child_spec *spec, size_t spec_bytes, int64_t timeout_ms, actor_ref *ret,
	struct actor_cause *ret_failure);
static inline int actor_supervisor_start_child(actor *self, actor_ref supervisor,
	const struct actor_child_spec *spec, int64_t timeout_ms, actor_ref *ret,
	struct actor_cause *ret_failure)
{
	return actor_supervisor_start_child_sized(
		self, supervisor, spec, sizeof(*spec), timeout_ms, ret, ret_failure);
}
/* Stops a child; it stays down until it is started by command. A temporary child is removed. Returns 0, also
 * when the child was down. */
ACTOR_EXPORT int actor_supervisor_stop_child(
	actor *self, actor_ref supervisor, const char *name, int64_t timeout_ms);
/*
 * Starts a child that is down, or waits for its backoff. Returns 0; -EALREADY when it runs or is about to;
 * what its init returned: the child stays down. Source: supervisor:restart_child/2.
 */
ACTOR_EXPORT int actor_supervisor_start_again(
	actor *self, actor_ref supervisor, const char *name, int64_t timeout_ms, actor_ref *ret);
/* The same, but a child that runs is stopped first. */
ACTOR_EXPORT int actor_supervisor_restart_child(
	actor *self, actor_ref supervisor, const char *name, int64_t timeout_ms, actor_ref *ret);
/* Forgets a child that is down. Returns 0; -EBUSY when it is not down. */
ACTOR_EXPORT int actor_supervisor_delete_child(
	actor *self, actor_ref supervisor, const char *name, int64_t timeout_ms);

/*
 * Questions. They read a supervisor of this group as it is now, and never wait. -ESRCH: it has ended, is
 * about to start, or is no supervisor of this group.
 */

enum actor_child_state {
	ACTOR_CHILD_IS_DOWN,
	ACTOR_CHILD_WAITS,     /* for its siblings */
	ACTOR_CHILD_BACKS_OFF, /* wait_ms until its next start */
	ACTOR_CHILD_STARTS,    /* in init */
	ACTOR_CHILD_RUNS,
	ACTOR_CHILD_STOPS,
};

struct actor_child_info {
	const char *name; /* lives as long as the child */
	enum actor_child_state state;
	enum actor_restart restart;
	bool is_supervisor, is_process, significant;
	actor_ref who; /* the actor, or the process's first actor; nobody: none */
	int64_t pid;   /* of a process; 0: none */
	uint64_t n_starts, n_restarts;
	int64_t wait_ms;                 /* ACTOR_CHILD_BACKS_OFF */
	const struct actor_cause *cause; /* of its last end; NULL: it has not ended */
};

/*
 * Calls @each for every child, the oldest first. It returns true to go on. It must not wait, nor command this
 * supervisor. Returns the number of calls, or -ESRCH.
 */
ACTOR_EXPORT int actor_supervisor_each_child(actor *self, actor_ref supervisor,
	bool (*each)(const struct actor_child_info *info, void *arg), void *arg);
/* One child. -ESRCH: also when there is none of that name. The pointers live until the caller waits. */
ACTOR_EXPORT int actor_supervisor_child_sized(
	actor *self, actor_ref supervisor, const char *name, struct actor_child_info *ret, size_t ret_bytes);
static inline int actor_supervisor_child(
	actor *self, actor_ref supervisor, const char *name, struct actor_child_info *ret)
{
	return actor_supervisor_child_sized(self, supervisor, name, ret, sizeof(*ret));
}

struct actor_child_counts {
	size_t specs;  /* children */
	size_t active; /* of these, those that run or are being stopped; not those in init, backoff or down */
	size_t supervisors, workers; /* of the specs */
};
ACTOR_EXPORT int actor_supervisor_count_sized(
	actor *self, actor_ref supervisor, struct actor_child_counts *ret, size_t ret_bytes);
static inline int actor_supervisor_count(actor *self, actor_ref supervisor, struct actor_child_counts *ret)
{
	return actor_supervisor_count_sized(self, supervisor, ret, sizeof(*ret));
}

#ifdef __cplusplus
}
#endif

#endif

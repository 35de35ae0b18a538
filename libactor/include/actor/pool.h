/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actor/pool.h — a pool of workers that are given jobs
 *
 * A pool is an actor. Whoever wants a job done calls it, from any group and in any language; the pool hands
 * the job to a worker and the worker's answer to who asked. Workers are processes, which the node's spawner
 * runs, or actors of the pool's own group. Any actor can be a worker: a job is a call of one of its methods,
 * made by the pool.
 *
 * Each job ends exactly once, and who called hears how: with the worker's result, with the worker's own named
 * error (whatever its name: a worker that says `noproc` of somebody whom it asked has done the job), or with
 * one of these:
 *   overloaded  refused at the door: the queue is full, or more come than the rate lets in. The text begins
 *               with "retry_ms=N": when it is worth while to ask again (actor_pool_retry_ms)
 *   discarded   it was let in, and made room for another one (ACTOR_POOL_SHED_OLDEST)
 *   expired     it has waited longer than its time to live, or than its caller waits
 *   crashed     its worker ended while it ran, as often as it may be tried; the text has the last cause
 *   stuck       the same; its last worker was killed because it ran for longer than its limit
 *   draining    the pool takes no more jobs
 *   shutdown    the pool is stopped
 *   bad_args    it is none
 * Of a job that was cast the pool's on_event hears that, and nobody else.
 *
 * A job whose worker ends may have been done in part. It is given again `retries` times; with 0, the default,
 * no job is begun twice. What a worker had not begun, because it stood behind another one (`pipeline`) or
 * never arrived, is given again in any case, and that does not count.
 *
 * Shape: docs/protocol.md §9. Source: ractor's factory. Added: processes, jobs given again and their causes,
 * certain kill, backoff, a bound on bytes, the retry hint, other languages.
 */
#ifndef ACTOR_POOL_H
#define ACTOR_POOL_H

#include <actor/actor.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ACTOR_POOL_WORKERS_MAX   65536u
#define ACTOR_POOL_PIPELINE_MAX  64u
#define ACTOR_POOL_NONE          UINT32_MAX /* where 0 is the default: really none */
#define ACTOR_POOL_RETRIES_MAX   1000000u
#define ACTOR_POOL_KEY_MAX_BYTES 1024u

/* Which worker gets a job. */
enum actor_pool_router {
	ACTOR_POOL_QUEUER,      /* whoever is idle, one after the other; the others wait in one queue */
	ACTOR_POOL_KEY,         /* the worker that the key belongs to; few keys move when the size changes */
	ACTOR_POOL_STICKY,      /* as QUEUER, but to the worker that has a job of the same key now */
	ACTOR_POOL_ROUND_ROBIN, /* each in its turn */
	ACTOR_POOL_CUSTOM,      /* `route` says */
};
/* What `route` may return beside a number, which is taken modulo the number of workers. */
#define ACTOR_POOL_ROUTE_ANY    UINT32_MAX       /* whoever is idle first */
#define ACTOR_POOL_ROUTE_REFUSE (UINT32_MAX - 1) /* `overloaded` */

/* Which job goes when there are more than queue_max. Jobs with `keep` go never. */
enum actor_pool_shed {
	ACTOR_POOL_SHED_NEWEST, /* the one that comes */
	ACTOR_POOL_SHED_OLDEST, /* the oldest of the lowest priority */
};

/* Strictly: while there is a job of a higher priority none of a lower one is begun. Any from -4 to 3. */
enum actor_pool_priority {
	ACTOR_POOL_BEST_EFFORT = -1,
	ACTOR_POOL_NORMAL,
	ACTOR_POOL_IMPORTANT,
	ACTOR_POOL_HIGH,
	ACTOR_POOL_HIGHEST,
};

/* How a job ended. */
enum actor_pool_end {
	ACTOR_POOL_DONE, /* with the worker's answer, which may be an error that the worker named */
	ACTOR_POOL_OVERLOADED,
	ACTOR_POOL_LIMITED, /* as overloaded, by the rate */
	ACTOR_POOL_DISCARDED,
	ACTOR_POOL_EXPIRED,
	ACTOR_POOL_CRASHED,
	ACTOR_POOL_STUCK,
	ACTOR_POOL_DRAINING,
	ACTOR_POOL_SHUTDOWN,
	ACTOR_POOL_NO_MEMORY, /* the caller sees `overloaded` */
};
#define ACTOR_POOL_ENDS 10

struct actor_pool_stats {
	uint32_t workers;    /* the size that is wanted */
	uint32_t workers_up; /* that take jobs */
	uint32_t workers_busy;
	uint32_t queued; /* jobs that wait */
	uint32_t running;
	uint64_t queued_bytes;
	uint32_t queue_max; /* as it is now */
	uint32_t capacity;  /* what can come now before one is refused: idle workers and free places */
	uint64_t jobs;      /* all that came */
	uint64_t ended[ACTOR_POOL_ENDS];
	uint64_t retried;    /* given again, counted */
	uint64_t returned;   /* given again because they had not been begun */
	uint64_t starts;     /* of workers */
	uint64_t deaths;     /* of workers that nobody asked to end */
	uint64_t kills;      /* of stuck workers */
	uint64_t service_us; /* what a job takes, a moving average */
};

enum actor_pool_event_kind {
	ACTOR_POOL_EVENT_STARTED,     /* the pool takes jobs */
	ACTOR_POOL_EVENT_WORKER_UP,   /* worker, who */
	ACTOR_POOL_EVENT_WORKER_DOWN, /* worker, cause */
	ACTOR_POOL_EVENT_STUCK,       /* worker, method, key: it runs longer than its limit */
	ACTOR_POOL_EVENT_RETRY,       /* a job is given again: worker, cause, attempts */
	ACTOR_POOL_EVENT_END,         /* a job has ended: end, cause (crashed, stuck), times */
	ACTOR_POOL_EVENT_DRAINING,
	ACTOR_POOL_EVENT_STOPPED, /* all workers are gone */
};

/* What the pool's callbacks are told. Pointers live until they return. */
struct actor_pool_event {
	enum actor_pool_event_kind kind;
	enum actor_pool_end end;
	uint32_t worker; /* its number, from 0 */
	actor_ref who;   /* a worker: its actor; a job: who asked */
	uint64_t job;    /* its id */
	const char *method;
	const void *key; /* one msgpack value; NULL: none */
	size_t key_bytes;
	const void *args; /* the job's arguments, an array */
	size_t args_bytes;
	uint32_t attempts; /* how often it was begun */
	int64_t wait_us;   /* from its coming until it was given to a worker the last time, or ended */
	int64_t run_us;    /* from then until it ended */
	const struct actor_cause *cause;      /* NULL: none */
	const struct actor_pool_stats *stats; /* NULL with RETRY and END */
};

/* 0 in a field: the default. NULL in a callback: none. */
struct actor_pool_options {
	const char *name; /* of the pool's processes: "NAME.0", "NAME.1" …; NULL: one of its own */
	/* 0: 1; ACTOR_POOL_NONE: none yet, jobs wait for a resize */
	uint32_t workers;
	/*
	 * Workers are processes: the program and its arguments. Its first actor (actor_main) gets the jobs.
	 * In the environment stand ACTOR_POOL_WORKER=<number> and ACTOR_POOL=<ref of the pool> beside `env`.
	 */
	const char *const *argv; /* NULL: see behavior */
	const char *const *env;
	const char *cwd;
	int64_t start_timeout_ms; /* until it is ready; 0: 10,000 */
	int64_t stop_timeout_ms;  /* TERM, this long, KILL; 0: 2,000 */
	/*
	 * Or actors of this group. Its init gets what worker_arg returns (NULL: `arg`), again at each start.
	 * A handler that never waits holds up this group and cannot be ended: what may hang belongs into a
	 * process.
	 */
	const struct actor_behavior *behavior;
	size_t behavior_bytes; /* sizeof(struct actor_behavior) */
	const void *(*worker_arg)(uint32_t worker, void *arg);

	enum actor_pool_router router;
	uint32_t (*route)(const void *key, size_t key_bytes, uint32_t n_workers, void *arg);
	/*
	 * Jobs that one worker has at a time. From 2 on it need not wait for the next one. It is then to
	 * answer each job before it begins the next, as every actor does that keeps no address. 0: 1
	 */
	uint32_t pipeline;

	uint32_t queue_max; /* jobs that wait; 0: 16,384; ACTOR_POOL_NONE: none, who cannot be served goes */
	uint64_t queue_max_bytes; /* 0: 64 MiB */
	enum actor_pool_shed shed;
	/* asked every queue_limit_ms (0: 10,000): the queue_max from now on */
	uint32_t (*queue_limit)(const struct actor_pool_stats *stats, void *arg);
	int64_t queue_limit_ms;
	uint32_t rate_per_s; /* jobs let in; 0: no limit */
	uint32_t rate_burst; /* 0: 1 */

	int64_t ttl_ms;   /* that a job may wait; 0: as long as its caller waits */
	uint32_t retries; /* of a job whose worker ended; ACTOR_POOL_RETRIES_MAX: for ever */
	/*
	 * The dead man's switch: a worker whose job runs for longer is stuck. It is killed (SIGKILL, the
	 * process and what descends from it), or only told of with `spare_stuck`. 0: never
	 */
	int64_t stuck_ms;
	bool spare_stuck;
	/* a worker that ended is started again: at once, if it had done a job; else this */
	int64_t backoff_min_ms;
	int64_t backoff_max_ms; /* doubled up to this; 0: 100 and 5,000 */

	/* asked every scale_ms (0: 1,000): the number of workers from now on; 0 or the same: no change */
	uint32_t (*scale)(const struct actor_pool_stats *stats, void *arg);
	int64_t scale_ms;
	/*
	 * Told of all that happens, in the pool's thread. It must not wait, so it may answer, write and
	 * publish, but not cast or call. `self`: whose turn it is.
	 */
	void (*on_event)(actor *self, const struct actor_pool_event *event, void *arg);
	void *arg; /* handed to the callbacks */
};

/*
 * Starts a pool in this group and waits until its workers have been asked for, not until they are up: jobs
 * may come at once. @options: borrowed for the call, but behavior and arg. 0; -EINVAL (no program and no
 * behavior, or a number beyond its limit); -ENOMEM.
 * It ends when it is stopped (jobs that wait or run end with `shutdown`) or drained, and its workers with it;
 * its monitors hear of that when all its processes are gone, unless it is killed.
 */
ACTOR_EXPORT int actor_pool_spawn_sized(
	actor *self, const struct actor_pool_options *options, size_t options_bytes, actor_ref *ret);
static inline int actor_pool_spawn(actor *self, const struct actor_pool_options *options, actor_ref *ret)
{
	return actor_pool_spawn_sized(self, options, sizeof(*options), ret);
}
/* From outside any actor, as actor_group_spawn(). @name: registered; NULL: none. */
ACTOR_EXPORT int actor_pool_group_spawn_sized(actor_group *group, const struct actor_pool_options *options,
	size_t options_bytes, const char *name, actor_ref *ret);
static inline int actor_pool_group_spawn(
	actor_group *group, const struct actor_pool_options *options, const char *name, actor_ref *ret)
{
	return actor_pool_group_spawn_sized(group, options, sizeof(*options), name, ret);
}
/* A program that is a pool, as actor_main(). */
ACTOR_EXPORT int actor_pool_main_sized(
	const struct actor_pool_options *options, size_t options_bytes, const char *name);
static inline int actor_pool_main(const struct actor_pool_options *options, const char *name)
{
	return actor_pool_main_sized(options, sizeof(*options), name);
}

/*
 * New settings of a pool of this group, from its next turn on: all of @options count but name, program,
 * behavior, router and pipeline. So start from the options that it was made with. 0, -EINVAL, -ENOMEM,
 * -ESRCH. Other groups call `settings` (docs/protocol.md §9).
 */
ACTOR_EXPORT int actor_pool_set_sized(
	actor *self, actor_ref pool, const struct actor_pool_options *options, size_t options_bytes);
static inline int actor_pool_set(actor *self, actor_ref pool, const struct actor_pool_options *options)
{
	return actor_pool_set_sized(self, pool, options, sizeof(*options));
}

/* A job, for C. 0 in a field: the pool's default. */
struct actor_pool_job {
	const char *method; /* of the worker */
	const char *key;    /* NULL: none */
	int priority;       /* enum actor_pool_priority */
	int64_t ttl_ms;
	int64_t limit_ms;     /* how long it may run: stuck_ms of this job */
	uint32_t retries;     /* ACTOR_POOL_NONE: none, although the pool has some */
	bool keep;            /* is not shed while it waits */
	uint64_t reserved[4]; /* 0: functions with a format take no size, so it does not grow */
};

/*
 * actor_pool_call() - have a job done and wait for its result
 * @pool: any dest. @format: of the job's arguments. Else as actor_call(); the errors that the pool names are
 * above. An actor that calls waits, so it has one job under way. For many, make requests of the pool's `job`
 * (actor_request(), docs/protocol.md §9).
 */
ACTOR_EXPORT int actor_pool_call(actor *self, actor_dest pool, const struct actor_pool_job *job,
	int64_t timeout_ms, actor_msg **ret_msg, const char *format, ...);
/*
 * actor_pool_submit() - have a job done, and know whether it was let in
 * Waits for that alone, so it is the back-pressure of a producer. Its result goes nowhere, its end to
 * on_event. *ret_id: as in the events; may be NULL.
 */
ACTOR_EXPORT int actor_pool_submit(actor *self, actor_dest pool, const struct actor_pool_job *job,
	int64_t timeout_ms, uint64_t *ret_id, actor_msg **ret_msg, const char *format, ...);
/* Neither: as actor_cast(). */
ACTOR_EXPORT int actor_pool_cast(
	actor *self, actor_dest pool, const struct actor_pool_job *job, const char *format, ...);

/* What `overloaded` says: ask again after so many ms. -1: the reply is no such error. */
ACTOR_EXPORT int64_t actor_pool_retry_ms(const actor_msg *reply);

#ifdef __cplusplus
}
#endif

#endif

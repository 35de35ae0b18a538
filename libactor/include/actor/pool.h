/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actor/pool.h — a pool of workers that do jobs
 *
 * A pool is an actor. A caller that wants a job done calls the pool, from any group and in any language. The
 * pool gives the job to a worker and passes the worker's answer back to the caller. Workers are processes,
 * which the node's spawner runs, or actors of the pool's own group. Any actor can be a worker: a job is a
 * call of one of the worker's methods, made by the pool.
 *
 * Each job ends exactly once, and its caller learns how. A job that was done ends with the worker's result,
 * or with the worker's own named error. (The name does not matter: a worker that passes on the `noproc` of
 * another actor has done the job.) A job that was not done ends with one of these errors:
 *   overloaded  the pool did not let the job in: the queue is full, or the rate is exceeded. The text begins
 *               with "retry_ms=N", the time after which the caller should ask again (actor_pool_retry_ms)
 *   discarded   the job was let in, and later made room for another one (ACTOR_POOL_SHED_OLDEST)
 *   expired     the job has waited longer than its time to live, or than its caller waits
 *   crashed     the worker ended during the job, in every permitted try; the text has the last cause
 *   stuck       the same, but the last worker was killed because the job ran longer than its limit
 *   draining    the pool takes no more jobs
 *   shutdown    the pool was stopped
 *   bad_args    the message was no job
 * When a job was cast, only the pool's on_event learns its end.
 *
 * A job whose worker ends may have been done in part. The pool gives such a job to a worker again up to
 * `retries` times. With 0, the default, no job is begun twice. A job that a worker had not begun is given
 * again in any case, and this does not count as a retry: the job stood behind another one (`pipeline`), or
 * never arrived.
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
#define ACTOR_POOL_NONE          UINT32_MAX /* no workers, queue or retries, where 0 means the default */
#define ACTOR_POOL_RETRIES_MAX   1000000u
#define ACTOR_POOL_KEY_MAX_BYTES 1024u

/* Which worker gets a job. */
enum actor_pool_router {
	ACTOR_POOL_QUEUER, /* an idle worker, in turn; if none is idle, jobs wait in one queue */
	ACTOR_POOL_KEY,    /* the worker that the key belongs to; few keys move when the size changes */
	ACTOR_POOL_STICKY, /* as QUEUER, but a worker that has a job of the same key now gets this job, too */
	ACTOR_POOL_ROUND_ROBIN, /* each worker in turn */
	ACTOR_POOL_CUSTOM,      /* the callback `route` chooses */
};
/* What `route` may return besides a number, which is taken modulo the number of workers. */
#define ACTOR_POOL_ROUTE_ANY    UINT32_MAX       /* the first idle worker */
#define ACTOR_POOL_ROUTE_REFUSE (UINT32_MAX - 1) /* the job ends with `overloaded` */

/* Which job is dropped when more than queue_max wait. A job with `keep` is never dropped. */
enum actor_pool_shed {
	ACTOR_POOL_SHED_NEWEST, /* the new job */
	ACTOR_POOL_SHED_OLDEST, /* the oldest job of the lowest priority */
};

/*
 * Priorities are strict: while a job of a higher priority waits, none of a lower one is begun. Any number
 * from -4 to 3 is allowed.
 */
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
	ACTOR_POOL_LIMITED, /* like overloaded, because of the rate */
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
	uint32_t workers;    /* the wanted size of the pool */
	uint32_t workers_up; /* workers that take jobs */
	uint32_t workers_busy;
	uint32_t queued; /* jobs that wait */
	uint32_t running;
	uint64_t queued_bytes;
	uint32_t queue_max; /* the present limit */
	uint32_t
		capacity; /* how many jobs can come now before one is refused: idle workers and free places */
	uint64_t jobs;    /* all jobs that came */
	uint64_t ended[ACTOR_POOL_ENDS];
	uint64_t retried;    /* jobs given again that counted as retries */
	uint64_t returned;   /* jobs given again because they had not been begun */
	uint64_t starts;     /* of workers */
	uint64_t deaths;     /* of workers that nobody had asked to end */
	uint64_t kills;      /* of stuck workers */
	uint64_t service_us; /* how long a job takes, a moving average */
};

enum actor_pool_event_kind {
	ACTOR_POOL_EVENT_STARTED,     /* the pool takes jobs */
	ACTOR_POOL_EVENT_WORKER_UP,   /* worker, who */
	ACTOR_POOL_EVENT_WORKER_DOWN, /* worker, cause */
	ACTOR_POOL_EVENT_STUCK,       /* worker, method, key: the job runs longer than its limit */
	ACTOR_POOL_EVENT_RETRY,       /* a job is given again: worker, cause, attempts */
	ACTOR_POOL_EVENT_END,         /* a job has ended: end, cause (crashed, stuck), times */
	ACTOR_POOL_EVENT_DRAINING,
	ACTOR_POOL_EVENT_STOPPED, /* all workers are gone */
};

/* The argument of the pool's callback on_event. The pointers live until the callback returns. */
struct actor_pool_event {
	enum actor_pool_event_kind kind;
	enum actor_pool_end end;
	uint32_t worker; /* its number, from 0 */
	actor_ref who;   /* of a worker: its actor; of a job: the caller */
	uint64_t job;    /* its id */
	const char *method;
	const void *key; /* one msgpack value; NULL: none */
	size_t key_bytes;
	const void *args; /* the job's arguments, an array */
	size_t args_bytes;
	uint32_t attempts; /* how often the job was begun */
	/* from the coming of the job until it ended, or until it was given to a worker the last time */
	int64_t wait_us;
	int64_t run_us;                  /* from the time when a worker got the job until the job ended */
	const struct actor_cause *cause; /* NULL: none */
	const struct actor_pool_stats *stats; /* NULL in RETRY and END */
};

/* A field that is 0 has its default. A callback that is NULL is not called. */
struct actor_pool_options {
	const char
		*name; /* the pool's processes are "NAME.0", "NAME.1" …; NULL: the library chooses a name */
	/* 0: 1. ACTOR_POOL_NONE: no workers yet, jobs wait for a change of size */
	uint32_t workers;
	/*
	 * With argv, workers are processes: argv is their program and its arguments. The first actor of such
	 * a process (actor_main) gets the jobs. The environment has ACTOR_POOL_WORKER=<number> and
	 * ACTOR_POOL=<ref of the pool> besides `env`.
	 */
	const char *const *argv; /* NULL: workers are actors, see behavior */
	const char *const *env;
	const char *cwd;
	int64_t start_timeout_ms; /* until the worker is ready; 0: 10,000 */
	int64_t stop_timeout_ms;  /* from TERM to KILL; 0: 2,000 */
	/*
	 * With behavior, workers are actors of this group. At each start, init gets what worker_arg returns
	 * (worker_arg NULL: `arg`). A handler that never waits stops this group and cannot be ended, so jobs
	 * that may hang belong into processes.
	 */
	const struct actor_behavior *behavior;
	size_t behavior_bytes; /* sizeof(struct actor_behavior) */
	const void *(*worker_arg)(uint32_t worker, void *arg);

	enum actor_pool_router router;
	uint32_t (*route)(const void *key, size_t key_bytes, uint32_t n_workers, void *arg);
	/*
	 * How many jobs one worker has at a time; 0: 1. From 2 on a worker need not wait for its next job.
	 * Such a worker has to answer each job before it begins the next one. An actor that keeps no address
	 * does so anyway.
	 * A worker that is a process gives each answer to the kernel before it begins the next job. So a job
	 * that ends the process does not take along answers to earlier jobs. Of an answer that fills the
	 * socket (some 200 kB) the kernel has only a part by then.
	 */
	uint32_t pipeline;

	/*
	 * Jobs that wait. 0: 16,384. ACTOR_POOL_NONE: no queue, a job that finds no idle worker is dropped.
	 */
	uint32_t queue_max;
	uint64_t queue_max_bytes; /* 0: 64 MiB */
	enum actor_pool_shed shed;
	/* asked every queue_limit_ms (0: 10,000); returns the new queue_max */
	uint32_t (*queue_limit)(const struct actor_pool_stats *stats, void *arg);
	int64_t queue_limit_ms;
	uint32_t rate_per_s; /* jobs let in per second; 0: no limit */
	uint32_t rate_burst; /* 0: 1 */

	int64_t ttl_ms;   /* how long a job may wait; 0: as long as its caller waits */
	uint32_t retries; /* for a job whose worker ended; ACTOR_POOL_RETRIES_MAX: without limit */
	/*
	 * A worker whose job runs longer than this is stuck. The pool kills a stuck worker (SIGKILL to the
	 * process and its descendants); with `spare_stuck` it only reports the event. 0: no limit
	 */
	int64_t stuck_ms;
	bool spare_stuck;
	/* A worker that ended is started again: at once if it had done a job, else after this time. */
	int64_t backoff_min_ms;
	int64_t backoff_max_ms; /* the time doubles up to this; 0: 100 and 5,000 */

	/*
	 * Asked every scale_ms (0: 1,000); returns the new number of workers. 0 or the present number: no
	 * change.
	 */
	uint32_t (*scale)(const struct actor_pool_stats *stats, void *arg);
	int64_t scale_ms;
	/*
	 * Gets all events, in the pool's thread. The callback must not wait, so it may answer, write and
	 * publish, but not cast or call. `self`: the actor whose turn it is.
	 */
	void (*on_event)(actor *self, const struct actor_pool_event *event, void *arg);
	void *arg; /* passed to the callbacks */
};

/*
 * Starts a pool in this group and waits until the pool has asked for its workers; it does not wait until they
 * are up. Jobs may come at once. @options: borrowed for the call, except behavior and arg. Returns 0; -EINVAL
 * (neither program nor behavior, or a number beyond its limit); -ENOMEM.
 *
 * The pool ends when it is stopped (jobs that wait or run then end with `shutdown`) or drained, and its
 * workers end with it. Its monitors hear of the end when all its processes are gone; if the pool was killed,
 * they may hear before.
 */
ACTOR_EXPORT int actor_pool_spawn_sized(
	actor *self, const struct actor_pool_options *options, size_t options_bytes, actor_ref *ret);
static inline int actor_pool_spawn(actor *self, const struct actor_pool_options *options, actor_ref *ret)
{
	return actor_pool_spawn_sized(self, options, sizeof(*options), ret);
}
/* Starts a pool from outside any actor, like actor_group_spawn(). @name: registered; NULL: none. */
ACTOR_EXPORT int actor_pool_group_spawn_sized(actor_group *group, const struct actor_pool_options *options,
	size_t options_bytes, const char *name, actor_ref *ret);
static inline int actor_pool_group_spawn(
	actor_group *group, const struct actor_pool_options *options, const char *name, actor_ref *ret)
{
	return actor_pool_group_spawn_sized(group, options, sizeof(*options), name, ret);
}
/* main() of a program that is a pool, like actor_main(). */
ACTOR_EXPORT int actor_pool_main_sized(
	const struct actor_pool_options *options, size_t options_bytes, const char *name);
static inline int actor_pool_main(const struct actor_pool_options *options, const char *name)
{
	return actor_pool_main_sized(options, sizeof(*options), name);
}

/*
 * Gives a pool of this group new settings, from the pool's next turn on. Of @options everything counts but
 * name, program, behavior, router and pipeline. So begin with the options that the pool was made with.
 * Returns 0; -EINVAL; -ENOMEM; -ESRCH. Other groups call `settings` (docs/protocol.md §9).
 */
ACTOR_EXPORT int actor_pool_set_sized(
	actor *self, actor_ref pool, const struct actor_pool_options *options, size_t options_bytes);
static inline int actor_pool_set(actor *self, actor_ref pool, const struct actor_pool_options *options)
{
	return actor_pool_set_sized(self, pool, options, sizeof(*options));
}

/* A job, for C programs. A field that is 0 has the pool's default. */
struct actor_pool_job {
	const char *method; /* of the worker */
	const char *key;    /* NULL: none */
	int priority;       /* enum actor_pool_priority */
	int64_t ttl_ms;
	int64_t limit_ms; /* how long the job may run, in place of the pool's stuck_ms */
	uint32_t retries; /* ACTOR_POOL_NONE: no retries, whatever the pool's default is */
	bool keep;        /* the job is not shed while it waits */
	uint64_t reserved
		[4]; /* must be 0. The struct cannot grow, because functions with a format take no size */
};

/*
 * actor_pool_call() - have a job done and wait for its result
 *
 * @pool: any destination. @format: of the job's arguments. Results are as of actor_call(); the top of this
 * file lists the errors that the pool names. An actor waits in this call, so it has only one job under way.
 * For many jobs, make requests to the pool's method `job` (actor_request(), docs/protocol.md §9).
 */
ACTOR_EXPORT int actor_pool_call(actor *self, actor_dest pool, const struct actor_pool_job *job,
	int64_t timeout_ms, actor_msg **ret_msg, const char *format, ...);
/*
 * actor_pool_submit() - hand in a job, and learn whether the pool let it in
 *
 * Waits only for that, so a producer that submits is slowed down to the pool's speed. The result of the job
 * is dropped; only on_event hears of its end. *ret_id: the job's number in the events; may be NULL.
 */
ACTOR_EXPORT int actor_pool_submit(actor *self, actor_dest pool, const struct actor_pool_job *job,
	int64_t timeout_ms, uint64_t *ret_id, actor_msg **ret_msg, const char *format, ...);
/* Hands in a job and waits for nothing, like actor_cast(). */
ACTOR_EXPORT int actor_pool_cast(
	actor *self, actor_dest pool, const struct actor_pool_job *job, const char *format, ...);

/* After how many milliseconds an `overloaded` caller should ask again. -1: @reply is no such error. */
ACTOR_EXPORT int64_t actor_pool_retry_ms(const actor_msg *reply);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decisions of a pool: which worker gets which job, which job is refused or given again, which worker is
 * started or killed. Pure: events and the time go in, and actions come out of core_next() until there are
 * none. The core allocates memory for workers and keys, not for actions. Jobs belong to the caller.
 *
 * A job is queued (in one queue, perhaps bound to a worker) → running at a worker → ended, or queued again. A
 * worker is off → starting → up → (ending) → down, and then waits for its next start, or is off.
 *
 * The end of a worker has two parts, which come in any order: its cause, and for each job that it had the
 * report that no answer comes (or an answer that was on its way). Only when all parts have come, the core
 * decides about the jobs. So no job is done twice, and none ends without its cause.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/actor.h"
#include "actor/pool.h"
#include "libactor/util/bucket.h"
#include "libactor/pool/keys.h"
#include "libactor/pool/queue.h"
#include "libactor/supervision/backoff.h"
#include "libactor/util/heap.h"
#include "libactor/util/list.h"
#include "libactor/util/slots.h"

#define NEVER_NS INT64_MAX

enum job_state { JOB_NEW, JOB_QUEUED, JOB_GIVEN, JOB_RUNNING, JOB_ENDED };

struct job {
	/* Set by the submitter of the job; all other fields are zero then. */
	const void *key; /* lives as long as the job */
	uint32_t key_bytes;
	uint8_t level; /* of priority; 0 is the best */
	bool keep;
	uint32_t retries; /* number of retries that are left */
	uint32_t bytes;
	int64_t expires_ns; /* or NEVER_NS */
	int64_t limit_ns;   /* how long the job may run; 0: without limit */

	/* Fields of the core. */
	uint64_t id;
	enum job_state state;
	struct queue_node waiting;
	struct queue_node sheddable;
	struct heap_node expiry;
	struct list link;       /* worker.running, core.ended */
	struct list given_link; /* core.given */
	struct list tell_link;  /* core.retried */
	struct worker *worker;
	struct worker *failed_at; /* the worker of the last failed attempt */
	struct key *bound;
	bool broken;    /* no answer comes */
	bool not_begun; /* the job never reached the worker */
	uint32_t attempts;
	int64_t came_ns, given_ns, ended_ns;
	enum actor_pool_end end;
};

enum worker_state { WORKER_OFF, WORKER_STARTING, WORKER_UP, WORKER_ENDING, WORKER_WAITING };

struct worker {
	uint32_t number;
	enum worker_state state;
	bool leaving; /* the worker finishes its jobs and is then stopped */
	bool down;    /* the cause of its end is known */
	bool stuck;   /* the worker is stuck and was killed for that */
	bool told_stuck;
	unsigned commands; /* bits of enum core_action_kind: commands that are to be carried out */
	struct list command_link;
	struct list turn_link; /* core.idle, core.partly */
	struct list *turn;     /* the list in which it is; NULL: in none */
	struct list running;   /* in the order in which the jobs were given */
	uint32_t n_running, n_broken;
	struct queue own; /* jobs that are bound to this worker */
	struct heap_node timer;
	int64_t first_since_ns; /* when its first job began to run */
	struct backoff backoff;
	int64_t up_since_ns; /* 0: it was not up in this life */
	int64_t broken_since_ns;
	int64_t rests_until_ns; /* it gets no job before, because one did not reach it; 0: it does not rest */
	struct actor_cause cause; /* of its last end */
	uint64_t n_starts, n_done;
	uint32_t n_done_now; /* in this life; counts no further than 1 */
};

struct core_settings {
	enum actor_pool_router router;
	uint32_t (*route)(const void *key, size_t key_bytes, uint32_t n_workers, void *arg);
	void *arg;
	uint32_t pipeline;
	uint32_t queue_max;
	uint64_t queue_max_bytes;
	enum actor_pool_shed shed;
	uint32_t rate_per_s, rate_burst;
	bool spare_stuck;
	struct backoff_spec backoff;
};

struct core {
	struct core_settings settings;
	struct bucket bucket;
	struct worker **workers;
	uint32_t n_workers; /* number of workers for which there is memory */
	uint32_t size;      /* wanted number: the workers with a lower number */
	uint32_t turn;      /* round robin */
	uint32_t n_not_off;
	struct list idle, partly; /* workers that take more jobs: without a job, with some */
	struct queue shared;
	struct queue sheddable; /* all jobs that wait and may be shed, bound ones included */
	struct heap expiries, timers;
	struct keys keys;
	struct slots jobs;
	struct list given, ended, retried, commands;
	uint32_t n_queued, n_running;
	uint64_t queued_bytes;
	bool draining, stopping, over_told;
	uint64_t random;
	struct actor_pool_stats stats;
};

enum core_action_kind {
	CORE_NONE,
	CORE_START, /* worker */
	CORE_STOP,  /* worker: stop it in order, with a grace */
	CORE_KILL,  /* worker: kill it at once */
	CORE_STUCK, /* worker, job: to be reported */
	CORE_RUN,   /* worker, job */
	CORE_RETRY, /* job: report that it is given again */
	CORE_END,   /* job: it belongs to the caller again */
	CORE_OVER,  /* all workers are off, and no job is left; once */
};

struct core_action {
	enum core_action_kind kind;
	struct worker *worker;
	struct job *job;
};

int core_init(struct core *core, const struct core_settings *settings, uint64_t seed, int64_t now_ns);
/* All jobs must have ended and been taken. */
void core_deinit(struct core *core);

/*
 * Sets the wanted number of workers. Returns 0; -EINVAL (too many) or -ENOMEM, and then nothing has changed.
 */
int core_resize(struct core *core, uint32_t size, int64_t now_ns);
/* Router and pipeline do not change. */
void core_set(struct core *core, const struct core_settings *settings, int64_t now_ns);

/*
 * A job comes. Returns 0 when it is let in; its end comes by CORE_END. Otherwise the job is not accepted: the
 * result is how it ended, and *ret_retry_ms says when to try again.
 */
enum actor_pool_end core_submit(struct core *core, struct job *job, int64_t now_ns, int64_t *ret_retry_ms);
struct job *core_job(const struct core *core, uint64_t id); /* NULL: the job has ended */

void core_worker_up(struct core *core, uint32_t number, int64_t now_ns);
/* The worker has ended, or could not be started. */
void core_worker_down(struct core *core, uint32_t number, const struct actor_cause *cause, int64_t now_ns);
/* The answer to a running job has come. */
void core_done(struct core *core, struct job *job, int64_t now_ns);
/* No answer to the job comes. @not_begun: the worker never had the job either. Its end is expected. */
void core_broken(struct core *core, struct job *job, bool not_begun, int64_t now_ns);
/*
 * Memory was short at this end, which is no fault of the worker: it lives on, and gets its next job a little
 * later. core_unsent(): the job did not reach it, and is given again. core_unheard(): the worker has the job,
 * and its answer is not heard. So the job is given again only if it has a retry left. core_untold(): an
 * action was not carried out.
 */
void core_unsent(struct core *core, struct job *job, int64_t now_ns);
void core_unheard(struct core *core, struct job *job, int64_t now_ns);
void core_time(struct core *core, int64_t now_ns);
int64_t core_next_time(const struct core *core); /* when core_time() has something to do; or NEVER_NS */

/*
 * Takes no more jobs, and no new size. When all jobs have ended the workers are stopped, and then CORE_OVER
 * comes.
 */
void core_drain(struct core *core, int64_t now_ns);
/* Ends all jobs now and stops the workers. */
void core_stop(struct core *core, int64_t now_ns);

bool core_next(struct core *core, struct core_action *ret);
void core_untold(struct core *core, uint32_t number, enum core_action_kind kind, int64_t now_ns);
void core_stats(const struct core *core, struct actor_pool_stats *ret);

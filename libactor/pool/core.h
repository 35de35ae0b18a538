/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pool decides: who gets which job, who is refused, what is given again, who is started and killed.
 * Pure: what happened and the time go in, actions come out of core_next() until there are none. It allocates
 * for workers and keys, not for actions; jobs are the caller's.
 *
 * A job is queued (in one queue, and it may be bound to a worker) → running at a worker → ended, or queued
 * again. A worker is off → starting → up → (ending) → down, and then waits for its next start, or is off.
 *
 * The end of a worker has two parts that come in any order: its cause, and for each job that it had the word
 * that no answer comes (or an answer that was on its way). Only with all of them it is decided what becomes
 * of the jobs, so none is done twice and none ends without its cause.
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
	/* given by whoever submits the job; the rest is zero then */
	const void *key; /* lives as long as the job */
	uint32_t key_bytes;
	uint8_t level; /* of priority, 0 is the best */
	bool keep;
	uint32_t retries; /* that are left */
	uint32_t bytes;
	int64_t expires_ns; /* or NEVER_NS */
	int64_t limit_ns;   /* how long it may run; 0: for ever */

	/* the core's */
	uint64_t id;
	enum job_state state;
	struct queue_node waiting;
	struct queue_node sheddable;
	struct heap_node expiry;
	struct list link;       /* worker.running, core.ended */
	struct list given_link; /* core.given */
	struct list tell_link;  /* core.retried */
	struct worker *worker;
	struct worker *failed_at; /* the worker of its last attempt that failed */
	struct key *bound;
	bool broken;    /* no answer comes */
	bool not_begun; /* it never came to the worker */
	uint32_t attempts;
	int64_t came_ns, given_ns, ended_ns;
	enum actor_pool_end end;
};

enum worker_state { WORKER_OFF, WORKER_STARTING, WORKER_UP, WORKER_ENDING, WORKER_WAITING };

struct worker {
	uint32_t number;
	enum worker_state state;
	bool leaving; /* it finishes what it has, and is stopped then */
	bool down;    /* its cause is known */
	bool stuck;   /* and killed for that */
	bool told_stuck;
	unsigned commands; /* bits of enum core_action that are to be carried out */
	struct list command_link;
	struct list turn_link; /* core.idle, core.partly */
	struct list *turn;     /* in which of them; NULL: none */
	struct list running;   /* in the order given */
	uint32_t n_running, n_broken;
	struct queue own; /* jobs bound to it */
	struct heap_node timer;
	int64_t first_since_ns; /* since when its first job runs */
	struct backoff backoff;
	int64_t up_since_ns; /* 0: it was not up in this life */
	int64_t broken_since_ns;
	struct actor_cause cause; /* of its last end */
	uint64_t n_starts, n_done;
	uint32_t n_done_now; /* in this life, no more than 1 is counted */
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
	uint32_t n_workers; /* that there is memory for */
	uint32_t size;      /* that are wanted: those with a lower number */
	uint32_t turn;      /* round robin */
	uint32_t n_not_off;
	struct list idle, partly; /* who takes more: with no job, with some */
	struct queue shared;
	struct queue sheddable; /* all that wait and may go, bound ones too */
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
	CORE_STOP,  /* worker: in order, with a grace */
	CORE_KILL,  /* worker: at once */
	CORE_STUCK, /* worker, job: tell of it */
	CORE_RUN,   /* worker, job */
	CORE_RETRY, /* job: tell that it is given again */
	CORE_END,   /* job: it is the caller's again */
	CORE_OVER,  /* all workers are off, and no job is left; once */
};

struct core_action {
	enum core_action_kind kind;
	struct worker *worker;
	struct job *job;
};

int core_init(struct core *core, const struct core_settings *settings, uint64_t seed, int64_t now_ns);
/* All jobs have ended and were taken. */
void core_deinit(struct core *core);

/* The wanted number of workers. 0, -EINVAL (too many), -ENOMEM: then nothing has changed. */
int core_resize(struct core *core, uint32_t size, int64_t now_ns);
/* Router and pipeline stay as they were. */
void core_set(struct core *core, const struct core_settings *settings, int64_t now_ns);

/*
 * A job comes. 0: let in, its end comes by CORE_END. Else it never was one: how it ended, and when it may be
 * tried again.
 */
enum actor_pool_end core_submit(struct core *core, struct job *job, int64_t now_ns, int64_t *ret_retry_ms);
struct job *core_job(const struct core *core, uint64_t id); /* NULL: it has ended */

void core_worker_up(struct core *core, uint32_t number, int64_t now_ns);
/* The worker has ended, or could not be started. */
void core_worker_down(struct core *core, uint32_t number, const struct actor_cause *cause, int64_t now_ns);
/* The answer to a job that runs is there. */
void core_done(struct core *core, struct job *job, int64_t now_ns);
/* No answer comes. @not_begun: and the worker never had it. */
void core_broken(struct core *core, struct job *job, bool not_begun, int64_t now_ns);
void core_time(struct core *core, int64_t now_ns);
int64_t core_next_time(const struct core *core); /* when core_time() has something to do; or NEVER_NS */

/* No more jobs, and no other size; when all have ended the workers are stopped, and then comes CORE_OVER. */
void core_drain(struct core *core, int64_t now_ns);
/* All jobs end now, and the workers are stopped. */
void core_stop(struct core *core, int64_t now_ns);

bool core_next(struct core *core, struct core_action *ret);
void core_stats(const struct core *core, struct actor_pool_stats *ret);

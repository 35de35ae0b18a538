/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a pool, which its actors share. These are: the pool's own actor; for each worker a keeper,
 * which starts, stops and kills the worker; and for each job that a worker may have at a time a lane, which
 * makes the call and is parked in it. All run in one thread, so between two waits no other actor touches the
 * state. They know the pool by its id and look it up after each wait, so none of them keeps a pointer when
 * the pool ends.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "actor/pool.h"
#include "libactor/pool/core.h"
#include "libactor/pool/options.h"

/* A job and its caller, in one allocation. */
struct request {
	struct job job;
	actor_from *from; /* a kept address; NULL: no caller waits */
	actor_ref who;
	actor_msg *answer; /* the worker's answer */
	const char *method;
	const uint8_t *args;
	size_t args_bytes;
	char data[];
};

enum lane_end {
	LANE_BROKEN,  /* no answer comes */
	LANE_NOBODY,  /* there is no such actor: it has not had the job */
	LANE_UNSENT,  /* there was no memory, or no room, to send the job */
	LANE_UNHEARD, /* the job was sent, and there was no memory to wait for the answer, or to take it */
};

struct lane {
	actor_ref who;
	uint64_t monitor;
	uint64_t job; /* 0: none */
};

/* What the pool's actors know of a worker. */
struct desk {
	actor_ref keeper;
	uint64_t keeper_monitor;
	actor_ref worker; /* the actor that gets the jobs; nobody: the worker is not up */
	int64_t pid;      /* 0: no process */
	struct lane *lanes;
};

struct pool {
	uint64_t id;
	const actor_group *group;
	actor *self;
	actor_ref ref;
	struct options options;
	struct core core;
	struct desk **desks;
	uint32_t n_desks;
	int64_t tick_ns, next_scale_ns, next_limit_ns; /* tick_ns: when the armed timer fires, or NEVER_NS */
	uint64_t tick;
	actor_from *drained; /* the caller that waits for the end of a drain */
	bool ending, changed;
	bool mends; /* a lane or a keeper is missing for want of memory */
};

int pool_add(struct pool *pool); /* gives the pool its id */
struct pool *pool_find(uint64_t id);
/* @group is needed because without a node two groups may have the same refs. */
struct pool *pool_find_ref(const actor_group *group, actor_ref ref);
void pool_remove(struct pool *pool);

void pool_free(struct pool *pool);
/*
 * Called after the pool's actor was killed: frees the pool and its jobs, and kills its lanes. The runtime has
 * answered the callers.
 */
void pool_abandon(struct pool *pool, actor *self);

/* Carries out all actions of the core, as @self, which is the running actor. Does not wait. */
void pool_pump(struct pool *pool, actor *self);
/* A lane has returned from its call. @reply: taken; NULL: @end says why. */
void pool_lane_back(struct pool *pool, actor *self, struct lane *lane, enum lane_end end, actor_msg *reply);
void pool_worker_up(struct pool *pool, actor *self, uint32_t worker, actor_ref who, int64_t pid);
void pool_worker_down(struct pool *pool, actor *self, uint32_t worker, const struct actor_cause *cause);
/*
 * Submits @request, which then belongs to the pool. A refused one is answered and freed at once. @tell_id:
 * the caller gets the job's id as the answer, and does not wait for the job's end.
 */
void pool_submit(struct pool *pool, actor *self, struct request *request, bool tell_id);
void pool_tell(struct pool *pool, actor *self, enum actor_pool_event_kind kind, uint32_t number);

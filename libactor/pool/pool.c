/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/pool/pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "libactor/util/clock.h"
#include "libactor/util/shared-slots.h"

#define MEND_NS INT64_C(100000000) /* until what had no memory is tried again */

static struct shared_slots pools = SHARED_SLOTS_INIT; /* of struct pool */

int pool_add(struct pool *pool)
{
	return shared_slots_take(&pools, pool, &pool->id);
}

struct pool *pool_find(uint64_t id)
{
	return shared_slots_get(&pools, id);
}

struct place {
	const actor_group *group;
	actor_ref ref;
};

static bool pool_is_at(const void *item, const void *arg)
{
	const struct pool *pool = item;
	const struct place *place = arg;

	return pool->group == place->group && actor_ref_equal(pool->ref, place->ref);
}

struct pool *pool_find_ref(const actor_group *group, actor_ref ref)
{
	return shared_slots_find(&pools, pool_is_at, &(struct place){group, ref});
}

void pool_remove(struct pool *pool)
{
	shared_slots_give(&pools, pool->id);
}

static struct request *request_of(struct job *job)
{
	return container_of(job, struct request, job);
}

/* ---- telling ---- */

static void tell_job(struct pool *pool, actor *self, enum actor_pool_event_kind kind, enum actor_pool_end end,
	const struct worker *worker, const struct request *request)
{
	const struct job *job = &request->job;
	int64_t over_ns = job->ended_ns ? job->ended_ns : clock_now_ns();
	bool failed = kind == ACTOR_POOL_EVENT_RETRY || end == ACTOR_POOL_CRASHED || end == ACTOR_POOL_STUCK;

	if (!pool->options.given.on_event)
		return;
	pool->options.given.on_event(self,
		&(struct actor_pool_event){
			.kind = kind,
			.end = end,
			.worker = worker ? worker->number : 0,
			.who = request->who,
			.job = job->id,
			.method = request->method,
			.key = job->key_bytes ? job->key : NULL,
			.key_bytes = job->key_bytes,
			.args = request->args,
			.args_bytes = request->args_bytes,
			.attempts = job->attempts,
			.wait_us =
				!job->came_ns
					? 0
					: ((job->given_ns ? job->given_ns : over_ns) - job->came_ns) / 1000,
			.run_us = job->given_ns ? (over_ns - job->given_ns) / 1000 : 0,
			.cause = failed && worker ? &worker->cause : NULL,
		},
		pool->options.given.arg);
}

void pool_tell(struct pool *pool, actor *self, enum actor_pool_event_kind kind, uint32_t number)
{
	const struct worker *worker = number < pool->core.n_workers ? pool->core.workers[number] : NULL;
	struct actor_pool_stats stats;

	if (!pool->options.given.on_event)
		return;
	core_stats(&pool->core, &stats);
	pool->options.given.on_event(self,
		&(struct actor_pool_event){
			.kind = kind,
			.worker = number,
			.who = worker ? pool->desks[number]->worker : pool->ref,
			.cause = worker && kind == ACTOR_POOL_EVENT_WORKER_DOWN ? &worker->cause : NULL,
			.stats = &stats,
		},
		pool->options.given.arg);
}

static void answer_failed(actor_from *from, const struct worker *worker, const struct job *job)
{
	const struct actor_cause *cause = &worker->cause;
	bool stuck = job->end == ACTOR_POOL_STUCK;

	(void)actor_reply_error(from, stuck ? "stuck" : "crashed",
		"worker %u %s while it did the job (attempt %u): %s%s%s", worker->number,
		stuck ? "was killed, for it ran longer than its limit," : "ended", job->attempts,
		cause->reason, cause->text[0] ? ": " : "", cause->text);
}

static void answer_end(actor_from *from, enum actor_pool_end end, int64_t retry_ms)
{
	switch (end) {
	case ACTOR_POOL_OVERLOADED:
		(void)actor_reply_error(
			from, "overloaded", "retry_ms=%lld; the queue is full", (long long)retry_ms);
		break;
	case ACTOR_POOL_LIMITED:
		(void)actor_reply_error(
			from, "overloaded", "retry_ms=%lld; more come than are let in", (long long)retry_ms);
		break;
	case ACTOR_POOL_NO_MEMORY:
		(void)actor_reply_error(
			from, "overloaded", "retry_ms=%lld; out of memory", (long long)retry_ms);
		break;
	case ACTOR_POOL_DISCARDED:
		(void)actor_reply_error(
			from, "discarded", "the queue was full, and it made room for another job");
		break;
	case ACTOR_POOL_EXPIRED:
		(void)actor_reply_error(from, "expired", "it has waited longer than its time to live");
		break;
	case ACTOR_POOL_DRAINING:
		(void)actor_reply_error(from, "draining", "the pool finishes what it has, and ends");
		break;
	default:
		(void)actor_reply_error(from, "shutdown", "the pool is stopped");
		break;
	}
}

static void request_answer(struct request *request, const struct worker *worker)
{
	actor_msg *answer = request->answer;
	actor_from *from = request->from;
	size_t size_bytes;
	const void *body;

	request->from = NULL;
	if (!from)
		return;
	if (request->job.end == ACTOR_POOL_CRASHED || request->job.end == ACTOR_POOL_STUCK) {
		answer_failed(from, worker, &request->job);
	} else if (request->job.end == ACTOR_POOL_NO_MEMORY) {
		(void)actor_reply_error(from, "overloaded",
			"out of memory for the answer of the worker, which has had the job");
	} else if (request->job.end != ACTOR_POOL_DONE) {
		answer_end(from, request->job.end, 0);
	} else if (actor_msg_error(answer)) {
		(void)actor_reply_error(from, actor_msg_error(answer), "%s", actor_msg_error_text(answer));
	} else {
		body = actor_msg_body(answer, &size_bytes);
		(void)actor_reply(from, "m", body, size_bytes);
	}
	actor_from_free(from); /* does nothing if the answer was sent */
}

static void request_free(struct request *request)
{
	actor_from_free(request->from);
	actor_msg_free(request->answer);
	free(request);
}

/* ---- acting ---- */

static void keeper_command(struct pool *pool, actor *self, uint32_t worker, enum core_action_kind kind)
{
	const char *command = kind == CORE_START ? "start" : kind == CORE_STOP ? "stop" : "kill";

	/*
	 * Does not wait: the keeper is an actor of this group, and its mailbox has only a few of these
	 * messages. Without memory it fails, and then the worker is as it was.
	 */
	if (actor_cast(self, actor_to(pool->desks[worker]->keeper), command, "") < 0)
		core_untold(&pool->core, worker, kind, clock_now_ns());
}

static void pool_run(struct pool *pool, actor *self, struct worker *worker, struct job *job)
{
	struct desk *desk = pool->desks[worker->number];

	for (uint32_t i = 0; i < pool->core.settings.pipeline; i++) {
		struct lane *lane = &desk->lanes[i];

		if (lane->job || actor_ref_is_nobody(lane->who))
			continue;
		lane->job = job->id;
		if (actor_cast(self, actor_to(lane->who), "run", "") == 0)
			return;
		lane->job = 0;
		break;
	}
	core_unsent(&pool->core, job, clock_now_ns());
}

static void pool_over(struct pool *pool, actor *self)
{
	pool_tell(pool, self, ACTOR_POOL_EVENT_STOPPED, UINT32_MAX);
	if (pool->drained)
		(void)actor_reply(pool->drained, "");
	pool->drained = NULL;
	if (!pool->ending)
		(void)actor_stop(self, pool->ref, "normal");
}

/* The timer belongs to the pool's own actor, whichever actor runs now. */
static void pool_arm(struct pool *pool)
{
	int64_t at_ns = core_next_time(&pool->core), now_ns;

	if (pool->ending)
		return;
	if (pool->mends && clock_now_ns() + MEND_NS < at_ns)
		at_ns = clock_now_ns() + MEND_NS;
	if (pool->options.given.scale && pool->next_scale_ns < at_ns)
		at_ns = pool->next_scale_ns;
	if (pool->options.given.queue_limit && pool->next_limit_ns < at_ns)
		at_ns = pool->next_limit_ns;
	if (at_ns >= pool->tick_ns)
		return; /* the armed timer fires earlier, and is then set anew */
	if (pool->tick_ns != NEVER_NS)
		actor_timer_cancel(pool->self, pool->tick);
	now_ns = clock_now_ns();
	pool->tick_ns = at_ns;
	if (actor_send_after(pool->self, at_ns > now_ns ? (at_ns - now_ns + 999999) / 1000000 : 0, "tick",
		    &pool->tick, "") < 0)
		pool->tick_ns = NEVER_NS; /* out of memory: the next event tries again */
}

void pool_pump(struct pool *pool, actor *self)
{
	struct core_action action;
	struct request *request;

	while (core_next(&pool->core, &action)) {
		request = action.job ? request_of(action.job) : NULL;
		switch (action.kind) {
		case CORE_START:
		case CORE_STOP:
		case CORE_KILL:
			keeper_command(pool, self, action.worker->number, action.kind);
			break;
		case CORE_STUCK:
			if (request)
				tell_job(pool, self, ACTOR_POOL_EVENT_STUCK, ACTOR_POOL_DONE, action.worker,
					request);
			break;
		case CORE_RUN:
			pool_run(pool, self, action.worker, action.job);
			break;
		case CORE_RETRY:
			tell_job(pool, self, ACTOR_POOL_EVENT_RETRY, ACTOR_POOL_DONE, action.worker, request);
			break;
		case CORE_END:
			request_answer(request, action.worker);
			tell_job(pool, self, ACTOR_POOL_EVENT_END, action.job->end, action.worker, request);
			request_free(request);
			break;
		case CORE_OVER:
			pool_over(pool, self);
			break;
		case CORE_NONE:
			break;
		}
	}
	pool_arm(pool);
}

/* ---- what happens ---- */

void pool_lane_back(struct pool *pool, actor *self, struct lane *lane, enum lane_end end, actor_msg *reply)
{
	struct job *job = core_job(&pool->core, lane->job);

	lane->job = 0;
	if (!job) {
		actor_msg_free(reply); /* the pool is being stopped: its actor has ended meanwhile */
		pool_pump(pool, self);
		return;
	}
	if (reply) {
		request_of(job)->answer = reply;
		core_done(&pool->core, job, clock_now_ns());
	} else if (end == LANE_UNSENT) {
		core_unsent(&pool->core, job, clock_now_ns());
	} else if (end == LANE_UNHEARD) {
		core_unheard(&pool->core, job, clock_now_ns());
	} else {
		core_broken(&pool->core, job, end == LANE_NOBODY, clock_now_ns());
	}
	pool_pump(pool, self);
}

void pool_worker_up(struct pool *pool, actor *self, uint32_t worker, actor_ref who, int64_t pid)
{
	pool->desks[worker]->worker = who;
	pool->desks[worker]->pid = pid;
	pool_tell(pool, self, ACTOR_POOL_EVENT_WORKER_UP, worker);
	core_worker_up(&pool->core, worker, clock_now_ns());
	pool_pump(pool, self);
}

void pool_worker_down(struct pool *pool, actor *self, uint32_t worker, const struct actor_cause *cause)
{
	core_worker_down(&pool->core, worker, cause, clock_now_ns());
	pool_tell(pool, self, ACTOR_POOL_EVENT_WORKER_DOWN, worker);
	pool->desks[worker]->worker = ACTOR_NOBODY;
	pool->desks[worker]->pid = 0;
	pool_pump(pool, self);
}

void pool_submit(struct pool *pool, actor *self, struct request *request, bool tell_id)
{
	actor_from *from = request->from;
	int64_t retry_ms, now_ns = clock_now_ns();
	enum actor_pool_end end;

	if (tell_id)
		request->from = NULL;
	end = core_submit(&pool->core, &request->job, now_ns, &retry_ms);
	if (end == ACTOR_POOL_DONE) {
		if (tell_id) {
			(void)actor_reply(from, "U", request->job.id);
			actor_from_free(from);
		}
	} else {
		request->job.ended_ns = now_ns;
		request->job.end = end;
		if (from)
			answer_end(from, end, retry_ms);
		actor_from_free(from);
		request->from = NULL;
		tell_job(pool, self, ACTOR_POOL_EVENT_END, end, NULL, request);
		request_free(request);
	}
	pool_pump(pool, self);
}

/* ---- the end ---- */

void pool_free(struct pool *pool)
{
	for (uint32_t i = 0; i < pool->n_desks; i++) {
		free(pool->desks[i]->lanes);
		free(pool->desks[i]);
	}
	free(pool->desks);
	core_deinit(&pool->core);
	options_free(&pool->options);
	free(pool);
}

void pool_abandon(struct pool *pool, actor *self)
{
	struct core_action action;

	pool->ending = true;
	pool_remove(pool);
	core_stop(&pool->core, clock_now_ns());
	while (core_next(&pool->core, &action))
		if (action.kind == CORE_END)
			request_free(request_of(action.job));
	for (uint32_t i = 0; i < pool->n_desks; i++)
		for (uint32_t j = 0; j < pool->core.settings.pipeline; j++)
			(void)actor_kill(self, pool->desks[i]->lanes[j].who);
	pool_free(pool);
}

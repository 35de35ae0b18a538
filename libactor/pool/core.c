/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/pool/core.h"

#include <errno.h>
#include <stdlib.h>

#define NS_PER_MS INT64_C(1000000)
/* how long to wait for a worker that neither answers nor ends */
#define CAUSE_WAIT_NS (2000 * NS_PER_MS)
#define KILL_AGAIN_NS (5000 * NS_PER_MS)
/* how long a worker gets no job, and no command, after one did not reach it for want of memory */
#define REST_NS           (100 * NS_PER_MS)
#define RETRY_MIN_MS      10
#define RETRY_MAX_MS      60000
#define RETRY_UNKNOWN_MS  100
#define COMMAND_BIT(kind) (1u << (kind))

static struct job *job_of(struct queue_node *node)
{
	return container_of(node, struct job, waiting);
}

/* ---- timers ---- */

static void worker_arm(struct core *core, struct worker *worker, int64_t at_ns)
{
	/* cannot fail: core_resize() has reserved room */
	if (at_ns == NEVER_NS || heap_insert(&core->timers, &worker->timer, (uint64_t)at_ns) < 0)
		heap_remove(&core->timers, &worker->timer);
}

/* Sets the worker's timer to the next time at which the core has to look at it while it is up. */
static void worker_watch(struct core *core, struct worker *worker)
{
	const struct job *first;
	int64_t at_ns = NEVER_NS;

	if (worker->n_broken) {
		at_ns = worker->broken_since_ns + CAUSE_WAIT_NS;
	} else if (worker->n_running && !worker->told_stuck) {
		first = container_of(worker->running.next, struct job, link);
		if (first->limit_ns)
			at_ns = worker->first_since_ns + first->limit_ns;
	}
	if (worker->rests_until_ns && worker->rests_until_ns < at_ns)
		at_ns = worker->rests_until_ns;
	worker_arm(core, worker, at_ns);
}

/* ---- which workers take more jobs ---- */

static bool worker_takes(const struct core *core, const struct worker *worker)
{
	return worker->state == WORKER_UP && !worker->down && !worker->stuck && !worker->n_broken &&
	       !worker->rests_until_ns && worker->n_running < core->settings.pipeline;
}

static void worker_line_up(struct core *core, struct worker *worker)
{
	struct list *turn = !worker_takes(core, worker) || worker->leaving ? NULL
			    : worker->n_running                            ? &core->partly
									   : &core->idle;

	if (worker->turn == turn)
		return;
	list_remove(&worker->turn_link);
	worker->turn = turn;
	if (turn)
		list_append(turn, &worker->turn_link);
}

static void worker_command(struct core *core, struct worker *worker, enum core_action_kind kind)
{
	worker->commands |= COMMAND_BIT(kind);
	if (!list_is_linked(&worker->command_link))
		list_append(&core->commands, &worker->command_link);
}

static void worker_start(struct core *core, struct worker *worker)
{
	worker->state = WORKER_STARTING;
	worker->down = false;
	worker->n_done_now = 0;
	worker->up_since_ns = 0;
	worker->n_starts++;
	core->stats.starts++;
	worker_command(core, worker, CORE_START);
}

static void worker_off(struct core *core, struct worker *worker)
{
	worker->state = WORKER_OFF;
	worker->leaving = false;
	worker_arm(core, worker, NEVER_NS);
	core->n_not_off--;
}

static bool worker_is_wanted(const struct core *core, const struct worker *worker)
{
	return worker->number < core->size && !core->stopping && !(core->draining && !core->jobs.n_items);
}

/* A worker that is leaving is stopped as soon as it has nothing to do. */
static void worker_rest(struct core *core, struct worker *worker)
{
	if (!worker->leaving || worker->state != WORKER_UP || worker->down || worker->n_running ||
		worker->own.n)
		return;
	worker->state = WORKER_ENDING;
	worker_line_up(core, worker);
	worker_arm(core, worker, NEVER_NS);
	worker_command(core, worker, CORE_STOP);
}

/* ---- jobs ---- */

static void job_bind(struct core *core, struct job *job, const struct worker *worker)
{
	enum actor_pool_router router = core->settings.router;
	const struct key *key;

	if (job->bound || !job->key_bytes || (router != ACTOR_POOL_KEY && router != ACTOR_POOL_STICKY))
		return;
	/*
	 * If memory ran out, the key was not noted, and an earlier job of it went by arithmetic or to an idle
	 * worker. So the key may now be noted for another worker. Only the jobs at that worker keep that note
	 * alive.
	 */
	key = keys_find(&core->keys, job->key, job->key_bytes);
	if (!key || key->worker == worker->number)
		job->bound = keys_take(&core->keys, job->key, job->key_bytes, worker->number);
}

static void job_unbind(struct core *core, struct job *job)
{
	if (job->bound)
		keys_give(&core->keys, job->bound);
	job->bound = NULL;
}

static void job_queue(struct core *core, struct job *job, struct worker *worker, bool first)
{
	struct queue *queue = worker ? &worker->own : &core->shared;

	job->state = JOB_QUEUED;
	job->worker = worker;
	if (worker)
		job_bind(core, job, worker);
	if (first)
		queue_prepend(queue, &job->waiting, job->level);
	else
		queue_append(queue, &job->waiting, job->level);
	if (!job->keep)
		queue_append(&core->sheddable, &job->sheddable, job->level);
	if (job->expires_ns != NEVER_NS)
		(void)heap_insert(&core->expiries, &job->expiry,
			(uint64_t)job->expires_ns); /* cannot fail: room was reserved */
	core->n_queued++;
	core->queued_bytes += job->bytes;
}

static void job_unqueue(struct core *core, struct job *job)
{
	queue_remove(&job->waiting);
	queue_remove(&job->sheddable);
	heap_remove(&core->expiries, &job->expiry);
	core->n_queued--;
	core->queued_bytes -= job->bytes;
}

/* Ends a job that no queue and no worker has. */
static void job_over(struct core *core, struct job *job, enum actor_pool_end end, int64_t now_ns)
{
	job_unbind(core, job);
	list_remove(&job->tell_link);
	slots_give(&core->jobs, job->id);
	job->state = JOB_ENDED;
	job->end = end;
	job->ended_ns = now_ns;
	core->stats.ended[end]++;
}

static void job_end(struct core *core, struct job *job, enum actor_pool_end end, int64_t now_ns)
{
	job_over(core, job, end, now_ns);
	list_append(&core->ended, &job->link);
}

static void job_give(struct core *core, struct job *job, struct worker *worker, int64_t now_ns)
{
	job_unqueue(core, job);
	job->state = JOB_GIVEN;
	job->worker = worker;
	job->broken = job->not_begun = false;
	job->attempts++;
	job->given_ns = now_ns;
	job_bind(core, job, worker);
	list_append(&worker->running, &job->link);
	list_append(&core->given, &job->given_link);
	core->n_running++;
	if (worker->n_running++ == 0) {
		worker->first_since_ns = now_ns;
		worker->told_stuck = false;
		worker_watch(core, worker);
	}
}

static void job_take_back(struct core *core, struct job *job)
{
	list_remove(&job->link);
	list_remove(&job->given_link);
	job->worker->n_running--;
	job->worker->n_broken -= job->broken;
	core->n_running--;
}

/*
 * Returns the best job for @worker. A job that waits in the shared queue may meanwhile belong to another
 * worker.
 */
static struct job *job_for(struct core *core, struct worker *worker)
{
	struct queue_node *own, *shared;
	struct job *job;
	struct key *key;

	for (;;) {
		own = queue_first(&worker->own);
		shared = worker->leaving ? NULL : queue_first(&core->shared);
		if (own && (!shared || own->level <= shared->level))
			return job_of(own);
		if (!shared)
			return NULL;
		job = job_of(shared);
		key = core->settings.router == ACTOR_POOL_STICKY && job->key_bytes
			      ? keys_find(&core->keys, job->key, job->key_bytes)
			      : NULL;
		if (!key || key->worker == worker->number)
			return job;
		job_unqueue(core, job);
		job_queue(core, job, core->workers[key->worker], false);
	}
}

static void worker_feed(struct core *core, struct worker *worker, int64_t now_ns)
{
	struct job *job;

	while (worker_takes(core, worker) && (job = job_for(core, worker)))
		job_give(core, job, worker, now_ns);
	worker_line_up(core, worker);
	worker_rest(core, worker);
}

/* Gives each worker one job, idle workers first. */
static void core_dispatch(struct core *core, int64_t now_ns)
{
	struct worker *worker;
	struct list *turn;
	struct job *job;

	while (core->shared.n) {
		turn = !list_is_empty(&core->idle) ? &core->idle : &core->partly;
		if (list_is_empty(turn))
			return;
		worker = container_of(turn->next, struct worker, turn_link);
		job = job_for(core, worker);
		if (!job)
			return; /* the jobs that wait belong to others, who are busy */
		job_give(core, job, worker, now_ns);
		list_remove(&worker->turn_link);
		worker->turn = NULL;
		worker_line_up(core, worker);
	}
}

/* ---- routing ---- */

/* Returns the worker to which the job belongs; NULL: the first idle one. */
static struct worker *core_route(struct core *core, const struct job *job, bool *ret_refuse)
{
	const struct core_settings *settings = &core->settings;
	const struct key *key;
	uint32_t n;

	*ret_refuse = false;
	if (!core->size)
		return NULL;
	switch (settings->router) {
	case ACTOR_POOL_QUEUER:
		break;
	case ACTOR_POOL_KEY:
	case ACTOR_POOL_STICKY:
		if (!job->key_bytes)
			break;
		key = keys_find(&core->keys, job->key, job->key_bytes);
		if (key)
			return core->workers[key->worker];
		if (settings->router == ACTOR_POOL_KEY)
			return core->workers[key_worker(key_hash(job->key, job->key_bytes), core->size)];
		break;
	case ACTOR_POOL_ROUND_ROBIN:
		for (uint32_t i = 0; i < core->size; i++) {
			n = (core->turn + i) % core->size;
			if (core->workers[n]->state == WORKER_UP && !core->workers[n]->down &&
				!core->workers[n]->stuck) {
				core->turn = n + 1;
				return core->workers[n];
			}
		}
		break; /* no worker is up: the first that comes up gets the job */
	case ACTOR_POOL_CUSTOM:
		n = settings->route ? settings->route(job->key, job->key_bytes, core->size, settings->arg)
				    : ACTOR_POOL_ROUTE_ANY;
		*ret_refuse = n == ACTOR_POOL_ROUTE_REFUSE;
		return n >= ACTOR_POOL_ROUTE_REFUSE ? NULL : core->workers[n % core->size];
	}
	return NULL;
}

/* Finds a new place for a job that was let in already. */
static void job_route_again(struct core *core, struct job *job, bool first, int64_t now_ns)
{
	bool refuse;
	struct worker *worker = core_route(core, job, &refuse);

	job_queue(core, job, worker, first);
	if (worker)
		worker_feed(core, worker, now_ns);
}

/* Finds new places for all jobs of @queue, in order. */
static void queue_route_again(struct core *core, struct queue *queue, int64_t now_ns)
{
	struct queue_node *node;
	struct list jobs;
	struct job *job;

	list_init(&jobs);
	while ((node = queue_first(queue))) {
		job = job_of(node);
		job_unqueue(core, job);
		job_unbind(core, job);
		list_append(&jobs, &job->given_link);
	}
	while (!list_is_empty(&jobs)) {
		job = container_of(list_pop(&jobs), struct job, given_link);
		job_route_again(core, job, false, now_ns);
	}
	core_dispatch(core, now_ns);
}

/* @worker is off: the jobs that are bound to it find new places, behind the jobs that it had. */
static void worker_clear(struct core *core, struct worker *worker, int64_t now_ns)
{
	struct queue_node *node;
	struct job *job;

	while ((node = queue_first(&worker->own))) {
		job = job_of(node);
		job_unqueue(core, job);
		job_unbind(core, job);
		job_queue(core, job, NULL, false);
	}
	if (core->settings.router != ACTOR_POOL_QUEUER)
		queue_route_again(core, &core->shared, now_ns);
}

/* ---- the end of the pool ---- */

static void core_leave_all(struct core *core)
{
	for (uint32_t i = 0; i < core->n_workers; i++) {
		struct worker *worker = core->workers[i];

		if (worker->state == WORKER_OFF || worker->state == WORKER_ENDING)
			continue;
		worker->leaving = true;
		worker_line_up(core, worker);
		if (worker->state == WORKER_WAITING)
			worker_off(core, worker);
		else
			worker_rest(core, worker);
	}
}

static void core_check_over(struct core *core)
{
	if ((core->draining || core->stopping) && !core->jobs.n_items)
		core_leave_all(core);
}

/* ---- refusing ---- */

static int64_t retry_ms_of(const struct core *core)
{
	uint64_t workers = core->size ? core->size : 1, ms;

	if (!core->stats.service_us)
		return RETRY_UNKNOWN_MS;
	/* the time until half of the waiting jobs are done */
	ms = core->n_queued * core->stats.service_us / workers / 2 / 1000;
	return ms < RETRY_MIN_MS ? RETRY_MIN_MS : ms > RETRY_MAX_MS ? RETRY_MAX_MS : (int64_t)ms;
}

static uint32_t queue_max_of(const struct core *core)
{
	return core->settings.queue_max == ACTOR_POOL_NONE ? 0 : core->settings.queue_max;
}

static bool core_is_full(const struct core *core)
{
	return core->n_queued > queue_max_of(core) || core->queued_bytes > core->settings.queue_max_bytes;
}

/* Returns the job to drop when @job has made the waiting jobs one too many. */
static struct job *core_victim(const struct core *core, struct job *job)
{
	bool oldest = core->settings.shed == ACTOR_POOL_SHED_OLDEST;
	struct queue_node *node;

	if (!oldest && !job->keep)
		return job;
	node = queue_worst(&core->sheddable, oldest);
	return node ? container_of(node, struct job, sheddable) : job;
}

static void core_expire(struct core *core, int64_t now_ns)
{
	struct heap_node *node;

	while ((node = heap_take(&core->expiries, (uint64_t)now_ns))) {
		struct job *job = container_of(node, struct job, expiry);

		job_unqueue(core, job);
		job_end(core, job, ACTOR_POOL_EXPIRED, now_ns);
		if (job->worker)
			worker_rest(core, job->worker);
	}
}

static enum actor_pool_end core_refuse(struct core *core, enum actor_pool_end end)
{
	core->stats.ended[end]++;
	return end;
}

enum actor_pool_end core_submit(struct core *core, struct job *job, int64_t now_ns, int64_t *ret_retry_ms)
{
	struct worker *worker;
	struct job *victim;
	int64_t wait_ns;
	bool refuse;

	*ret_retry_ms = 0;
	core->stats.jobs++;
	core_expire(core, now_ns);
	if (core->stopping || core->draining)
		return core_refuse(core, core->stopping ? ACTOR_POOL_SHUTDOWN : ACTOR_POOL_DRAINING);
	if (job->expires_ns <= now_ns)
		return core_refuse(core, ACTOR_POOL_EXPIRED);
	if (!bucket_take(&core->bucket, now_ns, &wait_ns)) {
		*ret_retry_ms = (wait_ns + NS_PER_MS - 1) / NS_PER_MS;
		return core_refuse(core, ACTOR_POOL_LIMITED);
	}
	worker = core_route(core, job, &refuse);
	if (refuse) {
		*ret_retry_ms = retry_ms_of(core);
		return core_refuse(core, ACTOR_POOL_LIMITED);
	}
	if (heap_reserve(&core->expiries, core->jobs.n_items + 1) < 0 ||
		slots_take(&core->jobs, job, &job->id) < 0) {
		*ret_retry_ms = RETRY_UNKNOWN_MS;
		return core_refuse(core, ACTOR_POOL_NO_MEMORY);
	}
	job->came_ns = now_ns;
	job_queue(core, job, worker, false);
	if (worker)
		worker_feed(core, worker, now_ns);
	else
		core_dispatch(core, now_ns);
	while (job->state == JOB_QUEUED && core_is_full(core)) {
		victim = core_victim(core, job);
		job_unqueue(core, victim);
		if (victim == job) {
			*ret_retry_ms = retry_ms_of(core);
			job_over(core, job, ACTOR_POOL_OVERLOADED, now_ns);
			return ACTOR_POOL_OVERLOADED;
		}
		job_end(core, victim, ACTOR_POOL_DISCARDED, now_ns);
	}
	return ACTOR_POOL_DONE; /* 0: the job is let in */
}

struct job *core_job(const struct core *core, uint64_t id)
{
	return slots_get(&core->jobs, id);
}

/* ---- the life of a worker ---- */

void core_worker_up(struct core *core, uint32_t number, int64_t now_ns)
{
	struct worker *worker = number < core->n_workers ? core->workers[number] : NULL;

	if (!worker || worker->state != WORKER_STARTING)
		return;
	worker->state = WORKER_UP;
	worker->down = worker->stuck = worker->told_stuck = false;
	worker->up_since_ns = now_ns;
	worker->rests_until_ns = 0;
	if (!worker_is_wanted(core, worker))
		worker->leaving = true;
	core_expire(core, now_ns);
	worker_feed(core, worker, now_ns);
	core_check_over(core);
}

/* Decides what happens to a job to which no answer comes. */
static void job_failed(struct core *core, struct job *job, bool begun, int64_t now_ns)
{
	struct worker *worker = job->worker;
	bool stays = core->settings.router == ACTOR_POOL_KEY && worker->number < core->size;

	job_take_back(core, job);
	if (begun)
		job->failed_at = worker;
	if (begun && !job->retries) {
		job_end(core, job, worker->stuck ? ACTOR_POOL_STUCK : ACTOR_POOL_CRASHED, now_ns);
		return;
	}
	if (begun) {
		if (job->retries < ACTOR_POOL_RETRIES_MAX)
			job->retries--;
		core->stats.retried++;
		list_append(&core->retried, &job->tell_link);
	} else {
		job->attempts--;
		core->stats.returned++;
	}
	job->keep = true; /* a job that was let in and had its turn is not shed for another one */
	if (!stays)
		job_unbind(core, job);
	job_queue(core, job, stays ? worker : NULL, true);
}

static void worker_after(struct core *core, struct worker *worker, int64_t now_ns)
{
	bool killed = worker->cause.kind == ACTOR_EXIT_SIGNAL && worker->cause.code == 9;
	uint64_t served_ns = worker->up_since_ns ? (uint64_t)(now_ns - worker->up_since_ns) : 0;
	uint64_t delay_ns;

	if (!worker_is_wanted(core, worker)) {
		worker_off(core, worker);
		return;
	}
	worker->leaving = false;
	if (worker->n_done_now) /* a worker that has done jobs in this life is in no crash loop */
		backoff_reset(&worker->backoff);
	core->random = core->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	delay_ns = backoff_next_ns(&worker->backoff, &core->settings.backoff, worker->up_since_ns != 0,
		killed || worker->stuck, served_ns, core->random >> 16);
	if (!delay_ns) {
		worker_start(core, worker);
		return;
	}
	worker->state = WORKER_WAITING;
	worker_arm(core, worker, now_ns + (int64_t)delay_ns);
}

/* Decides what happens to the jobs of an ended worker, when everything about its end is known. */
static void worker_settle(struct core *core, struct worker *worker, int64_t now_ns)
{
	struct job *culprit = NULL;

	if (!worker->down || worker->n_broken < worker->n_running || worker->state == WORKER_OFF ||
		worker->state == WORKER_WAITING)
		return;
	list_for_each(it, &worker->running) {
		culprit = container_of(it, struct job, link);
		if (!culprit->not_begun)
			break;
		culprit = NULL;
	}
	/* Begins with the last job, so that the jobs stand before all others in their order. */
	while (!list_is_empty(&worker->running)) {
		struct job *job = container_of(worker->running.prev, struct job, link);

		job_failed(core, job, job == culprit, now_ns);
	}
	worker_after(core, worker, now_ns);
	worker->stuck = worker->told_stuck = false;
	if (worker->state == WORKER_OFF)
		worker_clear(core, worker, now_ns);
	else if (worker->own.n && (core->settings.router == ACTOR_POOL_ROUND_ROBIN ||
					  core->settings.router == ACTOR_POOL_STICKY))
		queue_route_again(core, &worker->own, now_ns);
	core_dispatch(core, now_ns);
	core_check_over(core);
}

void core_worker_down(struct core *core, uint32_t number, const struct actor_cause *cause, int64_t now_ns)
{
	struct worker *worker = number < core->n_workers ? core->workers[number] : NULL;

	if (!worker || worker->down || worker->state == WORKER_OFF || worker->state == WORKER_WAITING)
		return;
	worker->down = true;
	worker->cause = *cause;
	core->stats.deaths += worker->state != WORKER_ENDING;
	worker->commands = 0;
	list_remove(&worker->command_link);
	worker_arm(core, worker, NEVER_NS);
	worker_line_up(core, worker);
	core_expire(core, now_ns);
	list_for_each(it, &worker->running) {
		struct job *job = container_of(it, struct job, link);

		/* no lane has carried this job to the worker */
		if (job->state == JOB_GIVEN && !job->broken) {
			job->broken = job->not_begun = true;
			worker->n_broken++;
		}
	}
	worker_settle(core, worker, now_ns);
}

void core_done(struct core *core, struct job *job, int64_t now_ns)
{
	struct worker *worker = job->worker;
	bool first = worker->running.next == &job->link;
	int64_t took_us = (now_ns - (first ? worker->first_since_ns : job->given_ns)) / 1000;

	if ((job->state != JOB_RUNNING && job->state != JOB_GIVEN) || job->broken)
		return;
	job_take_back(core, job);
	job_end(core, job, ACTOR_POOL_DONE, now_ns);
	worker->n_done++;
	worker->n_done_now = 1;
	if (!core->stats.service_us)
		core->stats.service_us = (uint64_t)took_us + 1;
	else
		core->stats.service_us = (uint64_t)((int64_t)core->stats.service_us +
						    (took_us - (int64_t)core->stats.service_us) / 16);
	core_expire(core, now_ns);
	if (worker->down) {
		worker_settle(core, worker, now_ns);
		return;
	}
	if (first) {
		worker->first_since_ns = now_ns;
		worker->told_stuck = false;
	}
	if (!worker->stuck)
		worker_watch(core, worker);
	worker_feed(core, worker, now_ns);
	core_dispatch(core, now_ns);
	core_check_over(core);
}

void core_broken(struct core *core, struct job *job, bool not_begun, int64_t now_ns)
{
	struct worker *worker = job->worker;

	if ((job->state != JOB_RUNNING && job->state != JOB_GIVEN) || job->broken)
		return;
	list_remove(&job->given_link);
	job->state = JOB_RUNNING;
	job->broken = true;
	job->not_begun = not_begun;
	if (worker->n_broken++ == 0)
		worker->broken_since_ns = now_ns;
	worker_line_up(core, worker);
	if (!worker->down && !worker->stuck)
		worker_watch(core, worker);
	worker_settle(core, worker, now_ns);
}

/* The worker is as it was before @job was given to it. */
static void worker_rests(struct core *core, struct worker *worker, bool job_was_first, int64_t now_ns)
{
	worker->rests_until_ns = now_ns + REST_NS;
	if (job_was_first) {
		worker->first_since_ns = now_ns;
		worker->told_stuck = false;
	}
	worker_line_up(core, worker);
	if (worker->state == WORKER_UP && !worker->down && !worker->stuck)
		worker_watch(core, worker);
	worker_rest(core, worker);
	worker_settle(core, worker, now_ns);
	core_dispatch(core, now_ns);
	core_check_over(core);
}

void core_unsent(struct core *core, struct job *job, int64_t now_ns)
{
	struct worker *worker = job->worker;
	bool first = worker->running.next == &job->link;

	if ((job->state != JOB_RUNNING && job->state != JOB_GIVEN) || job->broken)
		return;
	job_failed(core, job, false, now_ns);
	worker_rests(core, worker, first, now_ns);
}

void core_unheard(struct core *core, struct job *job, int64_t now_ns)
{
	struct worker *worker = job->worker;
	bool first = worker->running.next == &job->link;

	if ((job->state != JOB_RUNNING && job->state != JOB_GIVEN) || job->broken)
		return;
	if (job->retries) {
		job_failed(core, job, true, now_ns);
	} else {
		job_take_back(core, job);
		job_end(core, job, ACTOR_POOL_NO_MEMORY, now_ns);
	}
	worker_rests(core, worker, first, now_ns);
}

void core_untold(struct core *core, uint32_t number, enum core_action_kind kind, int64_t now_ns)
{
	const struct actor_cause cause = {.reason = "noproc", .text = "there is no memory to start it"};
	struct worker *worker = number < core->n_workers ? core->workers[number] : NULL;

	if (!worker)
		return;
	if (kind == CORE_START && worker->state == WORKER_STARTING)
		core_worker_down(core, number, &cause, now_ns);
	else if (kind == CORE_STOP && worker->state == WORKER_ENDING && !worker->down)
		worker_arm(core, worker, now_ns + REST_NS);
	/* the timer of a kill is armed already */
}

/* ---- time ---- */

/* The worker may have memory again. Returns whether that is all for which its timer was armed. */
static bool worker_goes_on(struct core *core, struct worker *worker, int64_t now_ns)
{
	const struct job *first = container_of(worker->running.next, struct job, link);

	if (!worker->rests_until_ns || worker->rests_until_ns > now_ns)
		return false;
	worker->rests_until_ns = 0;
	if (worker->stuck || worker->n_broken)
		return false;
	if (worker->n_running && !worker->told_stuck && first->limit_ns &&
		worker->first_since_ns + first->limit_ns <= now_ns)
		return false;
	worker_watch(core, worker);
	worker_feed(core, worker, now_ns);
	core_dispatch(core, now_ns);
	return true;
}

static void worker_time(struct core *core, struct worker *worker, int64_t now_ns)
{
	if (worker->state == WORKER_WAITING) {
		worker_start(core, worker);
		return;
	}
	if (worker->state == WORKER_ENDING && !worker->down)
		worker_command(core, worker, CORE_STOP);
	if (worker->state != WORKER_UP || worker->down || worker_goes_on(core, worker, now_ns))
		return;
	if (worker->stuck || worker->n_broken) {
		worker_command(core, worker, CORE_KILL);
		worker_arm(core, worker, now_ns + KILL_AGAIN_NS);
		return;
	}
	if (!worker->n_running)
		return;
	worker->told_stuck = true;
	worker_command(core, worker, CORE_STUCK);
	if (core->settings.spare_stuck) {
		worker_watch(core, worker);
		worker_feed(core, worker, now_ns); /* its rest may be over as well */
		return;
	}
	worker->stuck = true;
	core->stats.kills++;
	worker_line_up(core, worker);
	worker_command(core, worker, CORE_KILL);
	worker_arm(core, worker, now_ns + KILL_AGAIN_NS);
}

void core_time(struct core *core, int64_t now_ns)
{
	struct heap_node *node;

	core_expire(core, now_ns);
	while ((node = heap_take(&core->timers, (uint64_t)now_ns)))
		worker_time(core, container_of(node, struct worker, timer), now_ns);
	core_check_over(core);
}

int64_t core_next_time(const struct core *core)
{
	uint64_t jobs = heap_first_key(&core->expiries), workers = heap_first_key(&core->timers);
	uint64_t first = jobs < workers ? jobs : workers;

	return first > INT64_MAX ? NEVER_NS : (int64_t)first;
}

/* ---- settings ---- */

static int core_make_room(struct core *core, uint32_t size)
{
	struct worker **workers = realloc(core->workers, size * sizeof(*workers));

	if (!workers)
		return -ENOMEM;
	core->workers = workers;
	if (heap_reserve(&core->timers, size) < 0)
		return -ENOMEM;
	while (core->n_workers < size) {
		struct worker *worker = calloc(1, sizeof(*worker));

		if (!worker)
			return -ENOMEM;
		worker->number = core->n_workers;
		list_init(&worker->running);
		queue_init(&worker->own);
		core->workers[core->n_workers++] = worker;
	}
	return 0;
}

int core_resize(struct core *core, uint32_t size, int64_t now_ns)
{
	int r;

	if (size > ACTOR_POOL_WORKERS_MAX)
		return -EINVAL;
	r = size > core->n_workers ? core_make_room(core, size) : 0;
	if (r < 0)
		return r;
	if (core->draining || core->stopping)
		return 0; /* the workers that there are do the remaining jobs */
	core->size = size;
	for (uint32_t i = 0; i < core->n_workers; i++) {
		struct worker *worker = core->workers[i];

		if (i < size) {
			worker->leaving = false;
			if (worker->state == WORKER_OFF) {
				core->n_not_off++;
				worker_start(core, worker);
			} else {
				worker_feed(core, worker, now_ns);
			}
		} else if (worker->state == WORKER_WAITING) {
			worker_off(core, worker);
			worker_clear(core, worker, now_ns);
		} else if (worker->state != WORKER_OFF) {
			worker->leaving = true;
			worker_line_up(core, worker);
			worker_rest(core, worker);
		}
	}
	if (core->settings.router == ACTOR_POOL_QUEUER)
		core_dispatch(core, now_ns);
	else
		queue_route_again(core, &core->shared, now_ns);
	return 0;
}

void core_set(struct core *core, const struct core_settings *settings, int64_t now_ns)
{
	enum actor_pool_router router = core->settings.router;
	uint32_t pipeline = core->settings.pipeline;
	bool rate_is_new = settings->rate_per_s != core->bucket.rate_per_s ||
			   (settings->rate_burst ? settings->rate_burst : 1) != core->bucket.burst;

	core->settings = *settings;
	core->settings.router = router;
	core->settings.pipeline = pipeline;
	if (rate_is_new)
		bucket_init(&core->bucket, settings->rate_per_s, settings->rate_burst, settings->rate_burst,
			now_ns);
}

int core_init(struct core *core, const struct core_settings *settings, uint64_t seed, int64_t now_ns)
{
	*core = (struct core){.settings = *settings, .random = seed};
	bucket_init(&core->bucket, settings->rate_per_s, settings->rate_burst, settings->rate_burst, now_ns);
	list_init(&core->idle);
	list_init(&core->partly);
	list_init(&core->given);
	list_init(&core->ended);
	list_init(&core->retried);
	list_init(&core->commands);
	queue_init(&core->shared);
	queue_init(&core->sheddable);
	heap_init(&core->expiries);
	heap_init(&core->timers);
	keys_init(&core->keys);
	return 0;
}

void core_deinit(struct core *core)
{
	for (uint32_t i = 0; i < core->n_workers; i++)
		free(core->workers[i]);
	free(core->workers);
	heap_deinit(&core->expiries);
	heap_deinit(&core->timers);
	keys_deinit(&core->keys);
	slots_deinit(&core->jobs);
}

void core_stop(struct core *core, int64_t now_ns)
{
	uint32_t at = 0;
	struct job *job;

	core->stopping = true;
	while ((job = slots_walk(&core->jobs, &at))) {
		if (job->state == JOB_QUEUED)
			job_unqueue(core, job);
		else
			job_take_back(core, job);
		job_end(core, job, ACTOR_POOL_SHUTDOWN, now_ns);
	}
	/*
	 * Some workers have ended already, and were only waiting for the answers to the jobs that they had.
	 */
	for (uint32_t i = 0; i < core->n_workers; i++)
		worker_settle(core, core->workers[i], now_ns);
	core_check_over(core);
}

void core_drain(struct core *core, int64_t now_ns)
{
	core->draining = true;
	if (core->size)
		core_check_over(core);
	else
		core_stop(core, now_ns); /* no worker would ever do the waiting jobs */
}

/* ---- actions ---- */

static bool core_next_command(struct core *core, struct core_action *ret)
{
	static const enum core_action_kind order[] = {CORE_STUCK, CORE_KILL, CORE_STOP, CORE_START};
	struct worker *worker;

	if (list_is_empty(&core->commands))
		return false;
	worker = container_of(core->commands.next, struct worker, command_link);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (!(worker->commands & COMMAND_BIT(order[i])))
			continue;
		worker->commands &= ~COMMAND_BIT(order[i]);
		if (!worker->commands)
			list_remove(&worker->command_link);
		*ret = (struct core_action){.kind = order[i], .worker = worker};
		if (worker->n_running)
			ret->job = container_of(worker->running.next, struct job, link);
		return true;
	}
	return false;
}

bool core_next(struct core *core, struct core_action *ret)
{
	struct list *link;
	struct job *job;

	if ((link = list_pop(&core->retried))) {
		job = container_of(link, struct job, tell_link);
		*ret = (struct core_action){.kind = CORE_RETRY, .worker = job->failed_at, .job = job};
		return true;
	}
	if ((link = list_pop(&core->ended))) {
		job = container_of(link, struct job, link);
		*ret = (struct core_action){.kind = CORE_END, .worker = job->worker, .job = job};
		return true;
	}
	if (core_next_command(core, ret))
		return true;
	if ((link = list_pop(&core->given))) {
		job = container_of(link, struct job, given_link);
		job->state = JOB_RUNNING;
		*ret = (struct core_action){.kind = CORE_RUN, .worker = job->worker, .job = job};
		return true;
	}
	*ret = (struct core_action){.kind = CORE_NONE};
	if ((core->draining || core->stopping) && !core->jobs.n_items && !core->n_not_off &&
		!core->over_told) {
		core->over_told = true;
		ret->kind = CORE_OVER;
		return true;
	}
	return false;
}

void core_stats(const struct core *core, struct actor_pool_stats *ret)
{
	*ret = core->stats;
	ret->workers = core->size;
	for (uint32_t i = 0; i < core->n_workers; i++) {
		const struct worker *worker = core->workers[i];

		ret->workers_up += worker->state == WORKER_UP && !worker->down;
		ret->workers_busy += worker->n_running > 0;
		ret->capacity += worker_takes(core, worker) && !worker->leaving
					 ? core->settings.pipeline - worker->n_running
					 : 0;
	}
	ret->queued = core->n_queued;
	ret->queued_bytes = core->queued_bytes;
	ret->running = core->n_running;
	ret->queue_max = queue_max_of(core);
	if (ret->queue_max > core->n_queued)
		ret->capacity += ret->queue_max - core->n_queued;
}

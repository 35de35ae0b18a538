/* SPDX-License-Identifier: Apache-2.0 */
/* The pool's own actor: its methods and its life. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "actor/pool.h"
#include "libactor/message/msg.h"
#include "libactor/pool/pool.h"
#include "libactor/pool/request.h"
#include "libactor/pool/worker.h"
#include "libactor/protocol/mp.h"
#include "libactor/util/clock.h"

#define NS_PER_MS     INT64_C(1000000)
#define STOP_SLACK_MS 10000

struct service {
	struct pool *pool;
};

static struct pool *pool_of(actor *self)
{
	return ((struct service *)actor_state(self))->pool;
}

/* ---- desks ---- */

/* These functions spawn, so they wait for a moment. Only the pool's own actor calls them, in its own turn. */
static int lane_open(struct pool *pool, actor *self, uint32_t worker, uint32_t i)
{
	struct worker_place place = {.pool = pool->id, .worker = worker, .lane = i};
	actor_ref who;
	int r = actor_spawn(self, &lane_behavior, &place, &who);
	struct lane *lane = &pool->desks[worker]->lanes[i];

	if (r < 0)
		return r;
	r = actor_monitor(self, who, &lane->monitor);
	if (r < 0)
		(void)actor_kill(self, who);
	else
		lane->who = who;
	return r;
}

static int keeper_open(struct pool *pool, actor *self, uint32_t worker)
{
	struct worker_place place = {.pool = pool->id, .worker = worker};
	actor_ref who;
	int r = actor_spawn(self, &keeper_behavior, &place, &who);

	if (r < 0)
		return r;
	r = actor_monitor(self, who, &pool->desks[worker]->keeper_monitor);
	if (r < 0)
		(void)actor_kill(self, who);
	else
		pool->desks[worker]->keeper = who;
	return r;
}

/* What was ended from outside, and had no memory to be opened again. The workers of the others go on. */
static void desks_mend(struct pool *pool, actor *self)
{
	uint32_t n_lanes = pool->core.settings.pipeline;
	int r = 0;

	for (uint32_t w = 0; r == 0 && w < pool->n_desks; w++) {
		struct desk *desk = pool->desks[w];

		if (actor_ref_is_nobody(desk->keeper))
			r = keeper_open(pool, self, w);
		for (uint32_t i = 0; r == 0 && i < n_lanes; i++)
			if (actor_ref_is_nobody(desk->lanes[i].who))
				r = lane_open(pool, self, w, i);
	}
	pool->mends = r < 0;
}

static int desk_open(struct pool *pool, actor *self)
{
	uint32_t n_lanes = pool->core.settings.pipeline;
	struct desk **desks = realloc(pool->desks, (pool->n_desks + 1) * sizeof(*desks));
	struct desk *desk = calloc(1, sizeof(*desk));
	int r;

	if (desks)
		pool->desks = desks;
	if (desk)
		desk->lanes = calloc(n_lanes, sizeof(*desk->lanes));
	if (!desks || !desk || !desk->lanes) {
		free(desk ? desk->lanes : NULL);
		free(desk);
		return -ENOMEM;
	}
	pool->desks[pool->n_desks++] = desk;
	r = keeper_open(pool, self, pool->n_desks - 1);
	for (uint32_t i = 0; r == 0 && i < n_lanes; i++)
		r = lane_open(pool, self, pool->n_desks - 1, i);
	return r;
}

static int pool_resize(struct pool *pool, actor *self, uint32_t size)
{
	int r = 0;

	if (size > ACTOR_POOL_WORKERS_MAX)
		return -EINVAL;
	while (r == 0 && pool->n_desks < size)
		r = desk_open(pool, self);
	if (r == 0)
		r = core_resize(&pool->core, size, clock_now_ns());
	if (r == 0)
		pool->options.given.workers = size;
	pool_pump(pool, self);
	return r;
}

/* ---- jobs ---- */

static int service_job_of(actor *self, const actor_msg *msg, actor_from *from, bool tell_id)
{
	struct pool *pool = pool_of(self);
	struct request *request;
	const char *text;
	int r;

	r = request_new(&request, msg->body, msg->body_bytes, &pool->options.given, clock_now_us(),
		from && !tell_id ? msg->deadline_us : 0, &text);
	if (r < 0 && from)
		return r == -ENOMEM ? actor_reply_error(from, "overloaded", "retry_ms=100; out of memory")
				    : actor_reply_error(from, "bad_args", "%s", text);
	if (r < 0)
		return 0; /* a cast that is no job has no caller to be told */
	request->who = actor_msg_sender(msg);
	if (from) {
		request->from = actor_from_keep(from);
		if (!request->from) {
			free(request);
			return actor_reply_error(from, "overloaded", "retry_ms=100; out of memory");
		}
	}
	pool_submit(pool, self, request, tell_id);
	return 0;
}

static int service_job(actor *self, const actor_msg *msg, actor_from *from)
{
	return service_job_of(self, msg, from, false);
}

static int service_job_cast(actor *self, const actor_msg *msg)
{
	return service_job_of(self, msg, NULL, false);
}

static int service_submit(actor *self, const actor_msg *msg, actor_from *from)
{
	return service_job_of(self, msg, from, true);
}

/* ---- being asked ---- */

static const char *const end_names[ACTOR_POOL_ENDS] = {"done", "overloaded", "limited", "discarded",
	"expired", "crashed", "stuck", "draining", "shutdown", "no_memory"};

static int service_stats(actor *self, const actor_msg *msg, actor_from *from)
{
	struct pool *pool = pool_of(self);
	struct actor_pool_stats s;
	struct buf out = BUF_INIT;
	int r;

	core_stats(&pool->core, &s);
	mp_put_map(&out, 16 + ACTOR_POOL_ENDS);
#define PUT(name)                                                                                            \
	mp_put_cstr(&out, #name);                                                                            \
	mp_put_uint(&out, s.name)
	PUT(workers);
	PUT(workers_up);
	PUT(workers_busy);
	PUT(queued);
	PUT(running);
	PUT(queued_bytes);
	PUT(queue_max);
	PUT(capacity);
	PUT(jobs);
	PUT(retried);
	PUT(returned);
	PUT(starts);
	PUT(deaths);
	PUT(kills);
	PUT(service_us);
#undef PUT
	mp_put_cstr(&out, "is_draining");
	mp_put_bool(&out, pool->core.draining);
	for (int i = 0; i < ACTOR_POOL_ENDS; i++) {
		mp_put_cstr(&out, end_names[i]);
		mp_put_uint(&out, s.ended[i]);
	}
	r = buf_error(&out);
	if (r == 0)
		r = actor_reply(from, "m", (const void *)out.data, out.size_bytes);
	else
		r = actor_reply_error(from, "overloaded", "retry_ms=100; out of memory");
	buf_deinit(&out);
	return r;
}

static void put_worker(struct buf *out, const struct worker *worker, const struct desk *desk)
{
	static const char *const states[] = {
		[WORKER_OFF] = "off",
		[WORKER_STARTING] = "starting",
		[WORKER_UP] = "up",
		[WORKER_ENDING] = "ending",
		[WORKER_WAITING] = "backoff",
	};

	mp_put_map(out, 8);
	mp_put_cstr(out, "worker");
	mp_put_uint(out, worker->number);
	mp_put_cstr(out, "state");
	mp_put_cstr(out, worker->stuck ? "stuck" : states[worker->state]);
	mp_put_cstr(out, "ref");
	if (actor_ref_is_nobody(desk->worker))
		mp_put_nil(out);
	else
		mp_put_ref(out, desk->worker);
	mp_put_cstr(out, "pid");
	if (desk->pid)
		mp_put_uint(out, (uint64_t)desk->pid);
	else
		mp_put_nil(out);
	mp_put_cstr(out, "running");
	mp_put_uint(out, worker->n_running);
	mp_put_cstr(out, "queued");
	mp_put_uint(out, worker->own.n);
	mp_put_cstr(out, "starts");
	mp_put_uint(out, worker->n_starts);
	mp_put_cstr(out, "done");
	mp_put_uint(out, worker->n_done);
}

static int service_workers(actor *self, const actor_msg *msg, actor_from *from)
{
	struct pool *pool = pool_of(self);
	struct buf out = BUF_INIT;
	uint32_t n = 0;
	int r;

	for (uint32_t i = 0; i < pool->core.n_workers; i++)
		n += pool->core.workers[i]->state != WORKER_OFF;
	mp_put_array(&out, n);
	for (uint32_t i = 0; i < pool->core.n_workers; i++)
		if (pool->core.workers[i]->state != WORKER_OFF)
			put_worker(&out, pool->core.workers[i], pool->desks[i]);
	r = buf_error(&out);
	if (r == 0)
		r = actor_reply(from, "m", (const void *)out.data, out.size_bytes);
	else
		r = actor_reply_error(from, "overloaded", "retry_ms=100; out of memory");
	buf_deinit(&out);
	return r;
}

static int service_resize(actor *self, const actor_msg *msg, actor_from *from)
{
	unsigned size;
	int r;

	if (actor_msg_unpack(msg, "u", &size) < 0)
		return actor_reply_error(from, "bad_args", "resize wants a number of workers");
	r = pool_resize(pool_of(self), self, size);
	if (r < 0)
		return actor_reply_error(
			from, r == -EINVAL ? "bad_args" : "overloaded", "%s", actor_strerror(r));
	return actor_reply(from, "");
}

static int pool_apply(struct pool *pool, actor *self)
{
	struct core_settings settings = options_core(&pool->options);

	core_set(&pool->core, &settings, clock_now_ns());
	return pool_resize(pool, self, pool->options.given.workers);
}

static int service_settings(actor *self, const actor_msg *msg, actor_from *from)
{
	struct pool *pool = pool_of(self);
	const char *text;

	if (options_set_map(&pool->options, msg, &text) < 0)
		return actor_reply_error(from, "bad_args", "%s", text);
	return pool_apply(pool, self) < 0 ? actor_reply_error(from, "overloaded", "out of memory")
					  : actor_reply(from, "");
}

static void service_drain_begin(struct pool *pool, actor *self)
{
	if (!pool->core.draining)
		pool_tell(pool, self, ACTOR_POOL_EVENT_DRAINING, UINT32_MAX);
	core_drain(&pool->core, clock_now_ns());
	pool_pump(pool, self);
}

static int service_drain(actor *self, const actor_msg *msg, actor_from *from)
{
	struct pool *pool = pool_of(self);

	if (pool->drained)
		return actor_reply_error(
			from, "draining", "it is drained already, and another one waits for the end");
	pool->drained = actor_from_keep(from);
	service_drain_begin(pool, self);
	return 0;
}

static int service_drain_cast(actor *self, const actor_msg *msg)
{
	service_drain_begin(pool_of(self), self);
	return 0;
}

/* ---- time and ends ---- */

static int service_tick(actor *self, const actor_msg *msg)
{
	struct pool *pool = pool_of(self);
	const struct actor_pool_options *o = &pool->options.given;
	int64_t now_ns = clock_now_ns();
	struct core_settings settings;
	struct actor_pool_stats stats;
	uint32_t size;

	if (now_ns >= pool->tick_ns)
		pool->tick_ns = NEVER_NS;
	if (pool->changed && pool_apply(pool, self) == 0)
		pool->changed = false;
	if (pool->mends)
		desks_mend(pool, self);
	core_time(&pool->core, now_ns);
	if (o->queue_limit && now_ns >= pool->next_limit_ns) {
		core_stats(&pool->core, &stats);
		settings = pool->core.settings;
		settings.queue_max = o->queue_limit(&stats, o->arg);
		core_set(&pool->core, &settings, now_ns);
		pool->next_limit_ns = now_ns + o->queue_limit_ms * NS_PER_MS;
	}
	if (o->scale && now_ns >= pool->next_scale_ns) {
		core_stats(&pool->core, &stats);
		size = o->scale(&stats, o->arg);
		pool->next_scale_ns = now_ns + o->scale_ms * NS_PER_MS;
		if (size && size != stats.workers)
			(void)pool_resize(pool, self, size); /* after a failure the next turn tries again */
	}
	pool_pump(pool, self);
	return 0;
}

/* One of the pool's own actors was ended from outside. */
static int service_on_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	struct pool *pool = pool_of(self);
	uint32_t n_lanes = pool->core.settings.pipeline;
	struct job *job;

	for (uint32_t w = 0; w < pool->n_desks; w++) {
		struct desk *desk = pool->desks[w];

		if (monitor == desk->keeper_monitor) { /* what the keeper owned ends with it */
			desk->keeper = ACTOR_NOBODY;
			desk->keeper_monitor = 0;
			if (!pool->ending)
				desks_mend(pool, self);
			pool_worker_down(pool, self, w, cause);
			return 0;
		}
		for (uint32_t i = 0; i < n_lanes; i++) {
			if (monitor != desk->lanes[i].monitor)
				continue;
			job = core_job(&pool->core, desk->lanes[i].job);
			desk->lanes[i].job = 0;
			desk->lanes[i].who = ACTOR_NOBODY;
			desk->lanes[i].monitor = 0;
			desks_mend(pool, self);
			if (job)
				core_broken(&pool->core, job, false, clock_now_ns());
			pool_pump(pool, self);
			return 0;
		}
	}
	return 0;
}

/*
 * Ends all workers. When this returns, none of their actors is left, and no process either, if the spawner is
 * there.
 */
static void pool_dismiss(struct pool *pool, actor *self)
{
	int64_t timeout_ms = pool->options.given.stop_timeout_ms + STOP_SLACK_MS;

	for (uint32_t i = 0; i < pool->n_desks; i++)
		(void)actor_call(self, actor_to(pool->desks[i]->keeper), "wait", timeout_ms, NULL, "");
	pool_remove(pool);
	for (uint32_t i = 0; i < pool->n_desks; i++) {
		(void)actor_stop(self, pool->desks[i]->keeper, "shutdown");
		for (uint32_t j = 0; j < pool->core.settings.pipeline; j++)
			(void)actor_kill(self, pool->desks[i]->lanes[j].who);
	}
}

static void service_terminate(actor *self, const struct actor_cause *cause)
{
	struct pool *pool = pool_of(self);

	pool->ending = true;
	if (!pool->core.over_told) {
		core_stop(&pool->core, clock_now_ns());
		pool_pump(pool, self);
	}
	pool_dismiss(pool, self);
	pool_free(pool);
}

/* ---- the beginning ---- */

struct service_arg {
	const struct actor_pool_options *options;
	size_t options_bytes;
};

static int pool_new(actor *self, const struct service_arg *arg, struct pool **ret)
{
	struct core_settings settings;
	struct pool *pool = calloc(1, sizeof(*pool));
	int64_t now_ns = clock_now_ns();
	char name[64];
	uint64_t seed;
	int r;

	if (!pool)
		return -ENOMEM;
	r = options_read(&pool->options, arg->options, arg->options_bytes);
	if (r < 0) {
		free(pool);
		return r;
	}
	pool->group = actor_group_of(self);
	pool->self = self;
	pool->ref = actor_self(self);
	pool->tick_ns = NEVER_NS;
	pool->next_scale_ns = now_ns + pool->options.given.scale_ms * NS_PER_MS;
	pool->next_limit_ns = now_ns + pool->options.given.queue_limit_ms * NS_PER_MS;
	settings = options_core(&pool->options);
	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		seed = (uint64_t)now_ns;
	r = core_init(&pool->core, &settings, seed, now_ns);
	if (r == 0 && !pool->options.name) { /* a name that no other pool of the node has */
		snprintf(name, sizeof(name), "pool-%llx-%llx", (unsigned long long)pool->ref.group,
			(unsigned long long)pool->ref.serial);
		pool->options.name = strdup(name);
		r = pool->options.name ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = pool_add(pool);
	if (r < 0) {
		pool_free(pool);
		return r;
	}
	*ret = pool;
	return 0;
}

static int service_init(actor *self, const void *arg)
{
	struct service *service = actor_state(self);
	int r;

	r = pool_new(self, arg, &service->pool);
	if (r < 0)
		return r;
	r = desk_open(service->pool,
		self); /* Opens one desk in any case: its keeper cleans up if the pool is killed. */
	if (r == 0)
		r = pool_resize(service->pool, self, service->pool->options.given.workers);
	if (r < 0) {
		service_terminate(self, NULL);
		return r;
	}
	pool_tell(service->pool, self, ACTOR_POOL_EVENT_STARTED, UINT32_MAX);
	return 0;
}

static const struct actor_method service_methods[] = {
	{.name = "job",
		.on_call = service_job,
		.on_cast = service_job_cast,
		.args = "key method:str args:array options:map?",
		.doc = "has a worker do it, and answers what it answered"},
	{.name = "submit",
		.on_call = service_submit,
		.args = "key method:str args:array options:map?",
		.doc = "answers the job's id as soon as it is let in"},
	{.name = "stats", .on_call = service_stats, .doc = "answers a map of numbers"},
	{.name = "workers", .on_call = service_workers, .doc = "answers a map for each worker"},
	{.name = "resize",
		.on_call = service_resize,
		.args = "workers:int",
		.doc = "so many workers from now on"},
	{.name = "settings",
		.on_call = service_settings,
		.args = "settings:map",
		.doc = "changes what is in the map"},
	{.name = "drain",
		.on_call = service_drain,
		.on_cast = service_drain_cast,
		.doc = "takes no more jobs, does what it has, answers, and ends"},
	{.name = "tick", .on_cast = service_tick},
	{0},
};

static const struct actor_behavior service_behavior = {
	.name = "pool",
	.state_size = sizeof(struct service),
	.methods = service_methods,
	.init = service_init,
	.terminate = service_terminate,
	.on_down = service_on_down,
	.mailbox_max_messages = 65536,
	.mailbox_max_bytes = 64u << 20,
};

int actor_pool_spawn_sized(
	actor *self, const struct actor_pool_options *options, size_t options_bytes, actor_ref *ret)
{
	struct service_arg arg = {options, options_bytes};

	return actor_spawn(self, &service_behavior, &arg, ret);
}

int actor_pool_group_spawn_sized(actor_group *group, const struct actor_pool_options *options,
	size_t options_bytes, const char *name, actor_ref *ret)
{
	struct service_arg arg = {options, options_bytes};

	return actor_group_spawn(group, &service_behavior, &arg, name, ret);
}

int actor_pool_main_sized(const struct actor_pool_options *options, size_t options_bytes, const char *name)
{
	struct service_arg arg = {options, options_bytes};

	return actor_main(&service_behavior, &arg, name);
}

int actor_pool_set_sized(
	actor *self, actor_ref ref, const struct actor_pool_options *given, size_t given_bytes)
{
	struct pool *pool = pool_find_ref(actor_group_of(self), ref);
	int r;

	if (!pool)
		return -ESRCH;
	r = options_set(&pool->options, given, given_bytes);
	if (r < 0)
		return r;
	/* The pool's own actor makes room for workers, in its turn. */
	pool->changed = true;
	return actor_cast(self, actor_to(ref), "tick", "");
}

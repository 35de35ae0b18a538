/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/pool/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/message/msg.h"
#include "libactor/pool/pool.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/variables.h"
#include "libactor/send.h"
#include "libactor/util/clock.h"

#define SPAWNER_TIMEOUT_MS 5000
#define STOP_SLACK_MS      5000
#define SIGNAL_KILL        9
/* a worker that has not answered by then is busy; an ended one is known sooner */
#define LIVES_MS 1000

struct keeper {
	struct worker_place place;
	bool alive; /* the worker was started, and its end is still to come */
	actor_ref who;
	int64_t pid;
	uint64_t monitor;
	char name[256];
	actor_from *waiting; /* the caller that waits for the worker's end */
	uint64_t pool_monitor;
};

static int place_init(actor *self, const void *arg)
{
	memcpy(actor_state(self), arg, sizeof(struct worker_place));
	return 0;
}

static struct pool *place_pool(actor *self)
{
	return pool_find(((struct worker_place *)actor_state(self))->pool);
}

/* ---- the keeper ---- */

static void keeper_down(actor *self, const struct actor_cause *cause)
{
	struct keeper *keeper = actor_state(self);
	struct pool *pool = place_pool(self);

	keeper->alive = false;
	keeper->monitor = 0;
	if (pool)
		pool_worker_down(pool, self, keeper->place.worker, cause);
	if (keeper->waiting)
		(void)actor_reply(keeper->waiting, "");
	keeper->waiting = NULL;
}

static void keeper_failed(actor *self, int r, const char *text)
{
	struct actor_cause cause = {.kind = r == -ENOEXEC ? ACTOR_EXIT_EXEC : ACTOR_EXIT_NONE};

	snprintf(cause.reason, sizeof(cause.reason), "%s", r == -ENOEXEC ? "exec" : "start");
	snprintf(cause.text, sizeof(cause.text), "%s", text && *text ? text : actor_strerror(r));
	keeper_down(self, &cause);
}

static int keeper_start_actor(actor *self, struct pool *pool)
{
	const struct actor_pool_options *o = &pool->options.given;
	struct keeper *keeper = actor_state(self);
	const void *arg = o->worker_arg ? o->worker_arg(keeper->place.worker, o->arg) : o->arg;
	int r;

	r = actor_spawn_sized(self, o->behavior, o->behavior_bytes, arg, &keeper->who);
	if (r == 0) {
		r = actor_monitor(self, keeper->who, &keeper->monitor);
		if (r < 0)
			(void)actor_kill(self, keeper->who);
	}
	keeper->pid = 0;
	return r;
}

/* After its first wait this does not touch @pool. */
static int keeper_start_process(actor *self, struct pool *pool, char *text, size_t text_size)
{
	struct options *options = &pool->options;
	const struct actor_pool_options *o = &options->given;
	struct keeper *keeper = actor_state(self);
	char number[sizeof(ENV_POOL_WORKER) + 16], ref[sizeof(ENV_POOL) + 1 + ACTOR_REF_TEXT_MAX];
	char ref_text[ACTOR_REF_TEXT_MAX];
	struct actor_process process;
	struct actor_process_spec spec = {
		.name = keeper->name,
		.argv = (const char *const *)options->argv,
		.env = (const char *const *)options->env,
		.cwd = options->cwd,
		.restart = ACTOR_TEMPORARY,
		.stop_timeout_ms = o->stop_timeout_ms,
		.wait_ready = true,
		.monitor = true,
		.timeout_ms = o->start_timeout_ms,
	};
	const char **env;
	int r;

	snprintf(keeper->name, sizeof(keeper->name), "%.200s.%u", options->name, keeper->place.worker);
	snprintf(number, sizeof(number), ENV_POOL_WORKER "=%u", keeper->place.worker);
	snprintf(ref, sizeof(ref), ENV_POOL "=%s", actor_ref_format(pool->ref, ref_text));
	env = calloc(options->n_env + 3, sizeof(*env));
	if (!env)
		return -ENOMEM;
	memcpy(env, options->env, options->n_env * sizeof(*env));
	env[options->n_env] = number;
	env[options->n_env + 1] = ref;
	spec.env = env;
	r = actor_process_start(self, &spec, &process);
	free(env);
	/* It was perhaps started, and it is not wanted by a pool that does not know it. */
	if (r == -ETIMEDOUT || r == -ENOMEM)
		(void)actor_process_stop(self, keeper->name, SPAWNER_TIMEOUT_MS);
	if (r < 0) {
		snprintf(text, text_size, "%s", process.error);
		return r;
	}
	keeper->who = process.main;
	keeper->pid = process.pid;
	keeper->monitor = process.monitor;
	return 0;
}

static int keeper_start(actor *self, const actor_msg *msg)
{
	struct keeper *keeper = actor_state(self);
	struct pool *pool = place_pool(self);
	char text[256] = "";
	int r;

	if (!pool || keeper->alive)
		return 0;
	r = pool->options.given.behavior ? keeper_start_actor(self, pool)
					 : keeper_start_process(self, pool, text, sizeof(text));
	if (r < 0) {
		keeper_failed(self, r, text);
		return 0;
	}
	keeper->alive = true;
	pool = place_pool(self);
	if (pool)
		pool_worker_up(pool, self, keeper->place.worker, keeper->who, keeper->pid);
	return 0;
}

static int keeper_stop(actor *self, const actor_msg *msg)
{
	struct keeper *keeper = actor_state(self);
	struct pool *pool = place_pool(self);
	int64_t timeout_ms = pool ? pool->options.given.stop_timeout_ms : 0;
	int r;

	if (!keeper->alive)
		return 0;
	if (!keeper->pid) {
		(void)actor_stop(self, keeper->who, "shutdown");
		(void)actor_send_after(self, timeout_ms, "kill_if", NULL, "r", keeper->who);
		return 0;
	}
	r = actor_process_stop(self, keeper->name, timeout_ms + STOP_SLACK_MS);
	if (r == -ECANCELED)
		return 0;
	/*
	 * If the process is still there, on_down reports its end later, as for a process that ended by
	 * itself.
	 */
	if ((r == 0 || r == -ESRCH) && keeper->alive) {
		(void)actor_demonitor(self, keeper->monitor); /* the DOWN may have come already */
		keeper_down(self, &(struct actor_cause){.reason = "shutdown"});
	}
	pool = place_pool(self);
	if (r == -ENOMEM && keeper->alive && pool) { /* nobody was asked, so the pool asks again */
		core_untold(&pool->core, keeper->place.worker, CORE_STOP, clock_now_ns());
		pool_pump(pool, self);
	}
	return 0;
}

/*
 * Kills the worker at once, whatever it does. The pool does not use the worker again before its end is known.
 */
static int keeper_kill(actor *self, const actor_msg *msg)
{
	struct keeper *keeper = actor_state(self);

	if (!keeper->alive)
		return 0;
	if (!keeper->pid)
		(void)actor_kill(self, keeper->who);
	else /* if the spawner is away the pool asks again */
		(void)actor_call(self, actor_named("$spawner"), "kill", SPAWNER_TIMEOUT_MS, NULL, "si",
			keeper->name, SIGNAL_KILL);
	return 0;
}

/* Kills a worker that did not end when it was asked to end. */
static int keeper_kill_if(actor *self, const actor_msg *msg)
{
	struct keeper *keeper = actor_state(self);
	actor_ref who;

	if (keeper->alive && actor_msg_unpack(msg, "r", &who) == 0 && actor_ref_equal(who, keeper->who))
		(void)actor_kill(self, who);
	return 0;
}

/* Answers when the worker is gone. */
static int keeper_wait(actor *self, const actor_msg *msg, actor_from *from)
{
	struct keeper *keeper = actor_state(self);

	if (!keeper->alive)
		return actor_reply(from, "");
	actor_from_free(keeper->waiting);
	keeper->waiting = actor_from_keep(from);
	return 0;
}

static int keeper_init(actor *self, const void *arg)
{
	struct keeper *keeper = actor_state(self);
	struct pool *pool;

	(void)place_init(self, arg);
	pool = place_pool(self);
	return pool ? actor_monitor(self, pool->ref, &keeper->pool_monitor) : -ESRCH;
}

static int keeper_on_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	struct keeper *keeper = actor_state(self);
	struct pool *pool;

	if (monitor == keeper->pool_monitor) {
		/*
		 * If the pool still exists, its actor was killed. A process that this actor owns ends with
		 * this actor.
		 */
		pool = place_pool(self);
		if (pool)
			pool_abandon(pool, self);
		if (keeper->alive && !keeper->pid)
			(void)actor_stop(self, keeper->who, "shutdown");
		return actor_stop(self, actor_self(self), "shutdown");
	}
	if (keeper->alive && monitor == keeper->monitor)
		keeper_down(self, cause);
	return 0;
}

static const struct actor_method keeper_methods[] = {
	{.name = "start", .on_cast = keeper_start},
	{.name = "stop", .on_cast = keeper_stop},
	{.name = "kill", .on_cast = keeper_kill},
	{.name = "kill_if", .on_cast = keeper_kill_if},
	{.name = "wait", .on_call = keeper_wait},
	{0},
};

const struct actor_behavior keeper_behavior = {
	.name = "pool keeper",
	.state_size = sizeof(struct keeper),
	.methods = keeper_methods,
	.init = keeper_init,
	.on_down = keeper_on_down,
};

/* ---- the lane ---- */

/* Errors with which the pool answers in place of the worker. */
static bool is_fault_of_job(int r)
{
	return r == -EINVAL || r == -EPROTO || r == -EMSGSIZE || r == -EDEADLK;
}

/*
 * True for the errors that the worker's process gives for an actor that has ended, and the broker for a
 * process out of reach.
 */
static bool says_that_it_ended(const actor_msg *reply)
{
	const char *name = actor_msg_error(reply);

	return !strcmp(name, ERROR_DOWN) || !strcmp(name, ERROR_NOCONNECTION);
}

/*
 * Whether @reply is the worker's own answer to the job. A worker may name an error as the runtime does;
 * mostly the worker got that error from another actor that it called. That is no reason to kill the worker or
 * to give the job to another one.
 */
static bool is_own_answer(actor *self, actor_ref who, int r, const actor_msg *reply)
{
	if (!reply || r == -ESRCH) /* the call reached no actor */
		return false;
	if (r == 0 || !says_that_it_ended(reply))
		return true;
	/* Only what says that it has ended says so. Who cannot ask knows nothing. */
	r = actor_call(self, actor_to(who), METHOD_DESCRIBE, LIVES_MS, NULL, "");
	return r != -ESRCH && r != -ECONNRESET && r != -ENOTCONN;
}

static enum lane_end lane_end_of(int r, bool sent)
{
	if (r == -ESRCH)
		return LANE_NOBODY;
	if (r == -ENOMEM || r == -EBUSY)
		return sent ? LANE_UNHEARD : LANE_UNSENT;
	return LANE_BROKEN;
}

static int lane_run(actor *self, const actor_msg *msg)
{
	struct worker_place *place = actor_state(self);
	struct pool *pool = pool_find(place->pool);
	struct desk *desk = pool ? pool->desks[place->worker] : NULL;
	struct job *job = pool ? core_job(&pool->core, desk->lanes[place->lane].job) : NULL;
	actor_msg *args = NULL, *reply = NULL;
	const struct request *request;
	bool sent = false;
	char method[256];
	actor_ref who;
	int r;

	if (!pool)
		return 0;
	if (!job) {
		pool_lane_back(pool, self, &desk->lanes[place->lane], LANE_UNSENT, NULL);
		return 0;
	}
	/* The job may end during the wait below, so everything that is needed is copied. */
	request = container_of(job, struct request, job);
	snprintf(method, sizeof(method), "%s", request->method);
	who = desk->worker;
	r = actor_msg_new(&args);
	if (r == 0)
		r = actor_msg_write(args, (const char *)request->args, request->args_bytes);
	if (r == 0)
		r = send_call_for_other(self, who, method, args, &sent, &reply);
	actor_msg_free(args);
	if (!is_own_answer(self, who, r, reply))
		reply = actor_msg_free(reply);
	pool = pool_find(place->pool);
	if (!pool || r == -ECANCELED) {
		actor_msg_free(reply); /* if only this lane was killed, the pool gets its DOWN */
		return 0;
	}
	if (!reply && is_fault_of_job(r) &&
		msg_new_error(&reply, who, wire_cstr("bad_args"), wire_cstr(actor_strerror(r))) < 0)
		r = -ENOMEM;
	pool_lane_back(
		pool, self, &pool->desks[place->worker]->lanes[place->lane], lane_end_of(r, sent), reply);
	return 0;
}

static const struct actor_method lane_methods[] = {
	{.name = "run", .on_cast = lane_run},
	{0},
};

const struct actor_behavior lane_behavior = {
	.name = "pool lane",
	.state_size = sizeof(struct worker_place),
	.methods = lane_methods,
	.init = place_init,
};

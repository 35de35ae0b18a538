/* SPDX-License-Identifier: Apache-2.0 */
/* A pool whose workers are actors of its own group, used by its public functions, without a node. */
#include <actor/actor.h>
#include <actor/pool.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fact.h"
#include "tests/unit/story.h"

static uint64_t last_down;
static char last_reason[64];

static void story(story_fn fn)
{
	story_of(&story_driver, fn);
}

/* A watch answers its caller when the actor that it watches has ended. */
struct watch {
	actor_from *from;
};

static int watch_wait(actor *self, const actor_msg *msg, actor_from *from)
{
	struct watch *watch = actor_state(self);
	actor_ref who;

	assert_int_equal(actor_msg_unpack(msg, "r", &who), 0);
	watch->from = actor_from_keep(from);
	return actor_monitor(self, who, &last_down);
}

static int watch_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	struct watch *watch = actor_state(self);

	snprintf(last_reason, sizeof(last_reason), "%s", cause->reason);
	actor_reply(watch->from, "");
	return actor_stop(self, actor_self(self), NULL);
}

static const struct actor_method watch_methods[] = {{.name = "wait", .on_call = watch_wait}, {0}};
static const struct actor_behavior watch_behavior = {
	.name = "watch", .state_size = sizeof(struct watch), .methods = watch_methods, .on_down = watch_down};

static const char *reason_of_end(actor *self, actor_ref who)
{
	actor_ref watch;

	assert_int_equal(actor_spawn(self, &watch_behavior, NULL, &watch), 0);
	assert_int_equal(actor_call(self, actor_to(watch), "wait", ACTOR_FOREVER, NULL, "r", who), 0);
	return last_reason;
}

/* ---- the worker ---- */

static int starts;
static actor_from *held[64]; /* jobs that wait for the story to answer them */
static int n_held;

struct worker {
	int number;
};

static int worker_init(actor *self, const void *arg)
{
	((struct worker *)actor_state(self))->number = starts++;
	if (arg)
		note("arg:%d ", *(const int *)arg);
	return 0;
}

static int worker_double(actor *self, const actor_msg *msg, actor_from *from)
{
	int64_t n;

	if (actor_msg_unpack(msg, "I", &n) < 0)
		return actor_reply_error(from, "worker.bad", "double wants %s", "a number");
	return actor_reply(from, "I", n * 2);
}

static int worker_who(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "r", actor_self(self));
}

static int worker_hold(actor *self, const actor_msg *msg, actor_from *from)
{
	held[n_held++] = actor_from_keep(from);
	return 0;
}

/* The worker stays in its handler: it can be killed, but not stopped. */
static int worker_stay(actor *self, const actor_msg *msg, actor_from *from)
{
	note("stay ");
	return actor_sleep(self, 1000000);
}

static int worker_crash(actor *self, const actor_msg *msg, actor_from *from)
{
	note("crash ");
	return -EIO;
}

/* Answers with the error whose name is the argument. */
static int worker_say(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *error;

	assert_int_equal(actor_msg_unpack(msg, "s", &error), 0);
	return actor_reply_error(from, error, "so the worker says");
}

static const struct actor_method worker_methods[] = {
	{.name = "say", .on_call = worker_say},
	{.name = "double", .on_call = worker_double},
	{.name = "who", .on_call = worker_who},
	{.name = "hold", .on_call = worker_hold},
	{.name = "stay", .on_call = worker_stay},
	{.name = "crash", .on_call = worker_crash},
	{0},
};

static const struct actor_behavior worker_behavior = {.name = "worker",
	.state_size = sizeof(struct worker),
	.methods = worker_methods,
	.init = worker_init};

/* ---- the pool's own words ---- */

static const char *const end_words[] = {"done", "overloaded", "limited", "discarded", "expired", "crashed",
	"stuck", "draining", "shutdown", "no_memory"};

static void on_event(actor *self, const struct actor_pool_event *event, void *arg)
{
	switch (event->kind) {
	case ACTOR_POOL_EVENT_STARTED:
		note("started ");
		break;
	case ACTOR_POOL_EVENT_WORKER_UP:
		note("up:%u ", event->worker);
		break;
	case ACTOR_POOL_EVENT_WORKER_DOWN:
		note("down:%s ", event->cause->reason);
		break;
	case ACTOR_POOL_EVENT_STUCK:
		note("stuck:%s ", event->method);
		break;
	case ACTOR_POOL_EVENT_RETRY:
		note("again:%u ", event->attempts);
		break;
	case ACTOR_POOL_EVENT_END:
		note("%s:%s%s%s ", event->method, end_words[event->end], event->cause ? "=" : "",
			event->cause ? event->cause->reason : "");
		break;
	case ACTOR_POOL_EVENT_DRAINING:
		note("draining ");
		break;
	case ACTOR_POOL_EVENT_STOPPED:
		note("stopped ");
		break;
	}
}

static struct actor_pool_options of_workers(uint32_t n)
{
	starts = n_held = 0;
	return (struct actor_pool_options){
		.workers = n,
		.behavior = &worker_behavior,
		.behavior_bytes = sizeof(worker_behavior),
		.on_event = on_event,
	};
}

static actor_ref pool_of(actor *self, struct actor_pool_options options)
{
	actor_ref pool;

	assert_int_equal(actor_pool_spawn(self, &options, &pool), 0);
	return pool;
}

static int job(actor *self, actor_ref pool, const char *method, actor_msg **ret)
{
	return actor_pool_call(
		self, actor_to(pool), &(struct actor_pool_job){.method = method}, ACTOR_FOREVER, ret, "");
}

/* ---- callers beside the driver ---- */

struct caller_arg {
	actor_ref pool;
	struct actor_pool_job job;
	char word;
};

static int caller_go(actor *self, const actor_msg *msg)
{
	struct caller_arg *arg = actor_state(self);
	actor_msg *reply;
	int r = actor_pool_call(self, actor_to(arg->pool), &arg->job, ACTOR_FOREVER, &reply, "");

	note("%c=%s ", arg->word,
		r == 0            ? "ok"
		: r == -EREMOTEIO ? actor_msg_error(reply)
				  : actor_strerror(r));
	actor_msg_free(reply);
	return actor_stop(self, actor_self(self), NULL);
}

static int caller_init(actor *self, const void *arg)
{
	memcpy(actor_state(self), arg, sizeof(struct caller_arg));
	return actor_cast(self, actor_to(actor_self(self)), "go", "");
}

static const struct actor_method caller_methods[] = {{.name = "go", .on_cast = caller_go}, {0}};
static const struct actor_behavior caller_behavior = {.name = "caller",
	.state_size = sizeof(struct caller_arg),
	.methods = caller_methods,
	.init = caller_init};

static actor_ref caller(actor *self, actor_ref pool, char word, struct actor_pool_job of)
{
	struct caller_arg arg = {pool, of, word};
	actor_ref ref;

	assert_int_equal(actor_spawn(self, &caller_behavior, &arg, &ref), 0);
	return ref;
}

static uint64_t stat_of(actor *self, actor_ref pool, const char *name)
{
	actor_msg *reply;
	uint64_t n = 0;

	assert_int_equal(actor_call(self, actor_to(pool), "stats", ACTOR_FOREVER, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "{s:U}", name, &n), 0);
	actor_msg_free(reply);
	return n;
}

/* Waits until the number @name of @pool is @wanted; all others get their turns meanwhile. */
static void until(actor *self, actor_ref pool, const char *name, uint64_t wanted)
{
	while (stat_of(self, pool, name) != wanted)
		assert_int_equal(actor_sleep(self, 0), 0);
}

/* ---- facts ---- */

static void job_story(actor *self)
{
	actor_ref pool = pool_of(self, of_workers(2));
	actor_msg *reply;
	int64_t n;

	assert_int_equal(actor_pool_call(self, actor_to(pool), &(struct actor_pool_job){.method = "double"},
				 ACTOR_FOREVER, &reply, "i", 21),
		0);
	assert_int_equal(actor_msg_unpack(reply, "I", &n), 0);
	assert_int_equal(n, 42);
	actor_msg_free(reply);
	assert_int_equal(job(self, pool, "double", &reply), -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "worker.bad");
	assert_string_equal(actor_msg_error_text(reply), "double wants a number");
	actor_msg_free(reply);
	assert_int_equal(job(self, pool, "nothing", &reply), -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "no_method");
	actor_msg_free(reply);
	assert_int_equal(stat_of(self, pool, "done"), 3);
}

static void test_the_answer_of_a_worker_goes_to_who_asked(void **state)
{
	story(job_story);
	assert_non_null(strstr(story_log, "double:done double:done nothing:done "));
}

static const void *number_of(uint32_t worker, void *arg)
{
	return (const int *)arg + worker;
}

static void arg_story(actor *self)
{
	static int numbers[] = {30, 31};
	struct actor_pool_options options = of_workers(2);
	actor_ref pool;
	actor_msg *reply;

	options.worker_arg = number_of;
	options.arg = numbers;
	pool = pool_of(self, options);
	until(self, pool, "workers_up", 2);
	assert_non_null(strstr(story_log, "arg:30 "));
	assert_non_null(strstr(story_log, "arg:31 "));
	story_log[0] = '\0';
	numbers[0] = numbers[1] = 40;
	assert_int_equal(job(self, pool, "crash", &reply), -EREMOTEIO);
	actor_msg_free(reply);
	until(self, pool, "starts", 3);
	until(self, pool, "workers_up", 2);
	assert_non_null(strstr(story_log, "arg:40 "));
}

static void test_a_worker_gets_its_argument_anew_at_each_start(void **state)
{
	story(arg_story);
}

static void cast_story(actor *self)
{
	actor_ref pool = pool_of(self, of_workers(1));

	assert_int_equal(
		actor_pool_cast(self, actor_to(pool), &(struct actor_pool_job){.method = "double"}, "i", 21),
		0);
	assert_int_equal(
		actor_pool_cast(self, actor_to(pool), &(struct actor_pool_job){.method = "crash"}, ""), 0);
	until(self, pool, "done", 1);
	until(self, pool, "crashed", 1);
}

static void test_the_end_of_a_job_that_was_cast_is_told_to_the_pool(void **state)
{
	story(cast_story);
	assert_non_null(strstr(story_log, "double:done "));
	assert_non_null(strstr(story_log, "crash:crashed=crash: EIO "));
}

static void crash_story(actor *self)
{
	struct actor_pool_options options = of_workers(1);
	actor_ref pool;
	actor_msg *reply;

	options.retries = 2;
	pool = pool_of(self, options);
	assert_int_equal(job(self, pool, "crash", &reply), -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "crashed");
	assert_non_null(strstr(actor_msg_error_text(reply), "attempt 3): crash: EIO"));
	actor_msg_free(reply);
	assert_int_equal(job(self, pool, "who", NULL), 0); /* a new worker is there */
}

static void test_a_job_is_given_again_and_then_reported_with_the_cause(void **state)
{
	story(crash_story);
	assert_non_null(strstr(story_log, "crash down:crash: EIO again:1 "));
	assert_non_null(strstr(story_log, "crash down:crash: EIO again:2 "));
	assert_non_null(strstr(story_log, "crash:crashed=crash: EIO "));
}

static void stuck_story(actor *self)
{
	struct actor_pool_options options = of_workers(1);
	actor_ref pool;
	actor_msg *reply;

	options.stuck_ms = 20;
	pool = pool_of(self, options);
	assert_int_equal(job(self, pool, "stay", &reply), -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "stuck");
	actor_msg_free(reply);
	assert_int_equal(stat_of(self, pool, "kills"), 1);
	assert_int_equal(job(self, pool, "who", NULL), 0);
}

static void test_a_stuck_worker_is_killed_and_replaced(void **state)
{
	story(stuck_story);
	assert_non_null(strstr(story_log, "stay stuck:stay down:killed stay:stuck=killed "));
}

static void full_story(actor *self)
{
	struct actor_pool_options options = of_workers(1);
	actor_ref pool;
	actor_msg *reply;

	options.queue_max = 1;
	pool = pool_of(self, options);
	until(self, pool, "workers_up", 1);
	caller(self, pool, 'a', (struct actor_pool_job){.method = "hold"});
	until(self, pool, "running", 1);
	caller(self, pool, 'b', (struct actor_pool_job){.method = "hold"});
	until(self, pool, "queued", 1);
	assert_int_equal(job(self, pool, "who", &reply), -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "overloaded");
	assert_true(actor_pool_retry_ms(reply) > 0);
	actor_msg_free(reply);
	actor_reply(held[0], "");
	until(self, pool, "queued", 0);
	assert_int_equal(actor_pool_submit(self, actor_to(pool), &(struct actor_pool_job){.method = "who"},
				 ACTOR_FOREVER, NULL, NULL, ""),
		0); /* let in, and its caller is answered at once */
	assert_int_equal(actor_pool_submit(self, actor_to(pool), &(struct actor_pool_job){.method = "who"},
				 ACTOR_FOREVER, NULL, NULL, ""),
		-EREMOTEIO);
	until(self, pool, "running", 1);
	while (n_held < 2)
		actor_sleep(self, 0);
	actor_reply(held[1], "");
	until(self, pool, "done", 3);
}

static void test_a_full_pool_says_so_and_when_to_ask_again(void **state)
{
	story(full_story);
	assert_non_null(strstr(story_log, "a=ok "));
	assert_non_null(strstr(story_log, "b=ok "));
}

static void expire_story(actor *self)
{
	struct actor_pool_options options = of_workers(1);
	actor_ref pool;
	actor_msg *reply;

	pool = pool_of(self, options);
	caller(self, pool, 'a', (struct actor_pool_job){.method = "hold"});
	until(self, pool, "running", 1);
	assert_int_equal(
		actor_pool_call(self, actor_to(pool), &(struct actor_pool_job){.method = "who", .ttl_ms = 10},
			ACTOR_FOREVER, &reply, ""),
		-EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "expired");
	actor_msg_free(reply);
	/* A job whose caller has gone is not done either. */
	assert_int_equal(actor_pool_call(self, actor_to(pool), &(struct actor_pool_job){.method = "who"}, 10,
				 NULL, ""),
		-ETIMEDOUT);
	until(self, pool, "expired", 2);
	while (!n_held)
		actor_sleep(self, 0);
	actor_reply(held[0], "");
	until(self, pool, "done", 1);
}

static void test_a_job_expires_with_its_time_to_live_or_its_caller(void **state)
{
	story(expire_story);
}

static void drain_story(actor *self)
{
	actor_ref pool = pool_of(self, of_workers(2));
	actor_msg *reply;

	until(self, pool, "workers_up", 2);
	caller(self, pool, 'a', (struct actor_pool_job){.method = "hold"});
	until(self, pool, "running", 1);
	assert_int_equal(actor_cast(self, actor_to(pool), "drain", ""), 0);
	assert_int_equal(job(self, pool, "who", &reply), -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "draining");
	actor_msg_free(reply);
	while (!n_held)
		actor_sleep(self, 0);
	actor_reply(held[0], "");
	note("end:%s ", reason_of_end(self, pool));
}

static void test_a_drained_pool_does_what_it_has_and_ends(void **state)
{
	story(drain_story);
	assert_non_null(strstr(story_log, "draining who:draining "));
	assert_non_null(strstr(story_log, "down:shutdown "));
	assert_non_null(strstr(story_log, "stopped "));
	assert_non_null(strstr(story_log, "end:normal "));
}

static void stop_story(actor *self)
{
	actor_ref pool = pool_of(self, of_workers(1));

	caller(self, pool, 'a', (struct actor_pool_job){.method = "hold"});
	until(self, pool, "running", 1);
	caller(self, pool, 'b', (struct actor_pool_job){.method = "who"});
	until(self, pool, "queued", 1);
	assert_int_equal(actor_stop(self, pool, "enough"), 0);
	note("end:%s ", reason_of_end(self, pool));
}

static void test_a_stopped_pool_ends_its_jobs_with_a_word(void **state)
{
	story(stop_story);
	assert_non_null(strstr(story_log, "hold:shutdown "));
	assert_non_null(strstr(story_log, "who:shutdown "));
	assert_non_null(strstr(story_log, "end:enough "));
	assert_non_null(strstr(story_log, "a=shutdown "));
	assert_non_null(strstr(story_log, "b=shutdown "));
}

static void kill_story(actor *self)
{
	actor_ref pool = pool_of(self, of_workers(2)), worker;
	actor_msg *reply;

	assert_int_equal(job(self, pool, "who", &reply), 0);
	assert_int_equal(actor_msg_unpack(reply, "r", &worker), 0);
	actor_msg_free(reply);
	caller(self, pool, 'a', (struct actor_pool_job){.method = "hold"});
	until(self, pool, "running", 1);
	assert_int_equal(actor_kill(self, pool), 0);
	/*
	 * A killed pool runs no code. All the same its workers end, and nothing of it is left, which the
	 * sanitizer checks.
	 */
	note("end:%s ", reason_of_end(self, worker));
}

static void test_the_workers_of_a_killed_pool_end(void **state)
{
	story(kill_story);
	/* The reason is open: the worker may have ended before it was watched. */
	assert_non_null(strstr(story_log, "end:"));
	assert_non_null(strstr(story_log, "a="));
}

static void parts_story(actor *self)
{
	actor_ref pool = pool_of(self, of_workers(1)), worker;
	actor_msg *reply;

	assert_int_equal(job(self, pool, "who", &reply), 0);
	assert_int_equal(actor_msg_unpack(reply, "r", &worker), 0);
	actor_msg_free(reply);
	for (uint64_t serial = 1; serial < 16;
		/* The keeper, the lane and the worker are among these actors. */
		serial++) {
		actor_ref part = {worker.node, worker.group, serial};

		if (!actor_ref_equal(part, pool) && !actor_ref_equal(part, actor_self(self)))
			(void)actor_kill(self, part);
	}
	/* Those that were killed may have had this job already, so it may be given again. */
	assert_int_equal(
		actor_pool_call(self, actor_to(pool), &(struct actor_pool_job){.method = "who", .retries = 3},
			ACTOR_FOREVER, NULL, ""),
		0);
	assert_true(stat_of(self, pool, "starts") >= 2);
}

static void test_a_pool_mends_what_others_kill_of_it(void **state)
{
	story(parts_story);
}

static void resize_story(actor *self)
{
	actor_ref pool = pool_of(self, of_workers(1));
	actor_msg *reply;

	until(self, pool, "workers_up", 1);
	assert_int_equal(actor_call(self, actor_to(pool), "resize", ACTOR_FOREVER, NULL, "i", 4), 0);
	until(self, pool, "workers_up", 4);
	assert_int_equal(actor_call(self, actor_to(pool), "settings", ACTOR_FOREVER, NULL, "{s:i,s:i}",
				 "workers", 2, "queue_max", 7),
		0);
	until(self, pool, "workers_up", 2);
	assert_int_equal(stat_of(self, pool, "queue_max"), 7);
	assert_int_equal(
		actor_call(self, actor_to(pool), "settings", ACTOR_FOREVER, &reply, "{s:i}", "colour", 2),
		-EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "bad_args");
	actor_msg_free(reply);
	assert_int_equal(stat_of(self, pool, "deaths"), 0);
}

static void test_size_and_settings_change_while_it_runs(void **state)
{
	story(resize_story);
}

static uint32_t scale_up(const struct actor_pool_stats *stats, void *arg)
{
	return stats->workers < 3 ? stats->workers + 1 : 0;
}

static uint32_t limit_by_workers(const struct actor_pool_stats *stats, void *arg)
{
	return stats->workers * 100;
}

static void scale_story(actor *self)
{
	struct actor_pool_options options = of_workers(1);
	actor_ref pool;

	options.scale = scale_up;
	options.scale_ms = 1;
	options.queue_limit = limit_by_workers;
	options.queue_limit_ms = 1;
	pool = pool_of(self, options);
	until(self, pool, "workers_up", 3);
	until(self, pool, "queue_max", 300);
	options.scale = NULL;
	options.queue_limit = NULL;
	options.workers = 2;
	assert_int_equal(actor_pool_set(self, pool, &options), 0);
	until(self, pool, "workers_up", 2);
	until(self, pool, "queue_max", 16384);
	assert_int_equal(actor_pool_set(self, actor_self(self), &options), -ESRCH);
}

static void test_callbacks_decide_the_size_and_the_limit(void **state)
{
	story(scale_story);
}

static void own_errors_story(actor *self)
{
	static const struct {
		const char *name;
		int r; /* what actor_pool_call() returns, and any call returns too */
	} errors[] = {{"worker.none", -EREMOTEIO}, {"noproc", -ESRCH}, {"down", -ECONNRESET},
		{"noconnection", -ECONNRESET}, {"timeout", -ETIMEDOUT}, {"killed", -ECONNRESET},
		{"deadlock", -EDEADLK}, {"overloaded", -EREMOTEIO}};
	actor_ref pool = pool_of(self, of_workers(1));
	size_t n = sizeof(errors) / sizeof(errors[0]);
	actor_msg *reply;

	for (size_t i = 0; i < n; i++) {
		assert_int_equal(
			actor_pool_call(self, actor_to(pool), &(struct actor_pool_job){.method = "say"},
				ACTOR_FOREVER, &reply, "s", errors[i].name),
			errors[i].r);
		if (reply) {
			assert_string_equal(actor_msg_error(reply), errors[i].name);
			assert_string_equal(actor_msg_error_text(reply), "so the worker says");
		}
		actor_msg_free(reply);
	}
	assert_int_equal(stat_of(self, pool, "done"), (int64_t)n);
	assert_int_equal(stat_of(self, pool, "returned"), 0);
	assert_int_equal(starts, 1);
	/* When the worker has really ended, that is no answer. */
	assert_int_equal(job(self, pool, "crash", &reply), -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "crashed");
	actor_msg_free(reply);
}

static void test_an_error_that_a_worker_names_as_the_runtime_does_is_its_answer(void **state)
{
	story(own_errors_story);
}

static void nonsense_story(actor *self)
{
	struct actor_pool_options options = {0};
	actor_ref pool;
	actor_msg *reply;

	assert_int_equal(actor_pool_spawn(self, NULL, &pool), -EINVAL);
	assert_int_equal(actor_pool_spawn(self, &options, &pool), -EINVAL);
	options = of_workers(ACTOR_POOL_WORKERS_MAX + 1);
	assert_int_equal(actor_pool_spawn(self, &options, &pool), -EINVAL);
	options = of_workers(1);
	options.router = ACTOR_POOL_CUSTOM;
	assert_int_equal(actor_pool_spawn(self, &options, &pool), -EINVAL);
	pool = pool_of(self, of_workers(1));
	static const char *const formats[] = {"", "n", "ns", "nss", "ns{}", "[]sn"};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		assert_int_equal(
			actor_call(self, actor_to(pool), "job", ACTOR_FOREVER, &reply, formats[i], "x", "y"),
			-EREMOTEIO);
		assert_string_equal(actor_msg_error(reply), "bad_args");
		actor_msg_free(reply);
		assert_int_equal(actor_cast(self, actor_to(pool), "job", formats[i], "x", "y"), 0);
	}
	assert_int_equal(actor_call(self, actor_to(pool), "job", ACTOR_FOREVER, &reply, "ns[]{s:i}", "who",
				 "priority", 9),
		-EREMOTEIO);
	actor_msg_free(reply);
	assert_int_equal(stat_of(self, pool, "jobs"), 0);
	assert_int_equal(
		actor_pool_call(self, actor_to(pool), &(struct actor_pool_job){0}, ACTOR_FOREVER, NULL, ""),
		-EINVAL);
}

static void test_nonsense_is_refused(void **state)
{
	story(nonsense_story);
}

static void many_story(actor *self)
{
	struct actor_pool_options options = of_workers(4);
	actor_ref pool;

	options.on_event = NULL;
	options.pipeline = 3;
	pool = pool_of(self, options);
	for (int i = 0; i < 500; i++)
		caller(self, pool, 'x',
			(struct actor_pool_job){.method = i % 50 == 7 ? "crash" : "who", .retries = 1});
	until(self, pool, "jobs", 500);
	while (stat_of(self, pool, "done") + stat_of(self, pool, "crashed") < 500)
		actor_sleep(self, 0);
	assert_int_equal(stat_of(self, pool, "crashed"), 10);
	assert_int_equal(stat_of(self, pool, "retried"), 10);
	assert_int_equal(stat_of(self, pool, "queued"), 0);
	assert_int_equal(stat_of(self, pool, "running"), 0);
}

static void test_of_many_jobs_each_ends_once(void **state)
{
	story(many_story);
}

static int n_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* The sanitizer checks the same for memory. */
static void test_no_descriptor_is_left_of_a_pool(void **state)
{
	int before = n_fds();

	story(many_story);
	story(kill_story);
	assert_int_equal(n_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_answer_of_a_worker_goes_to_who_asked),
		cmocka_unit_test(test_a_worker_gets_its_argument_anew_at_each_start),
		cmocka_unit_test(test_the_end_of_a_job_that_was_cast_is_told_to_the_pool),
		cmocka_unit_test(test_a_job_is_given_again_and_then_reported_with_the_cause),
		cmocka_unit_test(test_an_error_that_a_worker_names_as_the_runtime_does_is_its_answer),
		cmocka_unit_test(test_a_stuck_worker_is_killed_and_replaced),
		cmocka_unit_test(test_a_full_pool_says_so_and_when_to_ask_again),
		cmocka_unit_test(test_a_job_expires_with_its_time_to_live_or_its_caller),
		cmocka_unit_test(test_a_drained_pool_does_what_it_has_and_ends),
		cmocka_unit_test(test_a_stopped_pool_ends_its_jobs_with_a_word),
		cmocka_unit_test(test_the_workers_of_a_killed_pool_end),
		cmocka_unit_test(test_a_pool_mends_what_others_kill_of_it),
		cmocka_unit_test(test_size_and_settings_change_while_it_runs),
		cmocka_unit_test(test_callbacks_decide_the_size_and_the_limit),
		cmocka_unit_test(test_nonsense_is_refused),
		cmocka_unit_test(test_of_many_jobs_each_ends_once),
		cmocka_unit_test(test_no_descriptor_is_left_of_a_pool),
	};

	return run_facts(tests);
}

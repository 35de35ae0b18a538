/* SPDX-License-Identifier: Apache-2.0 */
/* Within one group: call, cast, spawn, the work of ractor's suite, memory. No node is needed. */
#include "ours.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BATCH 100
#define SAMPLES_MAX (1u << 18)

/*
 * Whoever must wait for something to be complete calls the gate: it answers when the last of `gate_left` has come. A handler
 * waits for a call only, so this is how a user would wait too.
 */
static uint64_t gate_left;
static actor_from *gate_from;
static actor_ref gate_ref;

static void gate_pass(void)
{
	if (--gate_left == 0 && gate_from) {
		actor_reply(gate_from, "");
		gate_from = NULL;
	}
}

static int gate_wait(actor *self, const actor_msg *msg, actor_from *from)
{
	if (!gate_left)
		return actor_reply(from, "");
	gate_from = actor_from_keep(from);
	return gate_from ? 0 : -ENOMEM;
}

static const struct actor_method gate_methods[] = {{.name = "wait", .on_call = gate_wait}, {0}};
static const struct actor_behavior gate = {.name = "gate", .methods = gate_methods};

static void gate_await(actor *self)
{
	ours_check(actor_call(self, gate_ref, "wait", ACTOR_FOREVER, NULL, ""), "wait");
}

static void end(actor *self)
{
	ours_check(actor_stop(self, actor_self(self), NULL), "stop");
}

static void on_end(actor *self, const struct actor_cause *cause)
{
	gate_pass();
}

/* ---- call ---- */

static int echo_call(actor *self, const actor_msg *msg, actor_from *from)
{
	int64_t n;
	int r = actor_msg_unpack(msg, "I", &n);

	return r < 0 ? r : actor_reply(from, "I", n);
}

static const struct actor_method echo_methods[] = {{.name = "echo", .on_call = echo_call}, {0}};
static const struct actor_behavior echo = {.name = "echo", .methods = echo_methods};

static void call_batch(actor *self, struct director *d, actor_ref to, bool timed)
{
	uint64_t start_ns = bench_now_ns();

	for (int i = 0; i < BATCH; i++) {
		actor_msg *reply;
		int64_t n;

		ours_check(actor_call(self, to, "echo", ACTOR_TIMEOUT_DEFAULT, &reply, "I", (int64_t)d->sent), "call");
		ours_check(actor_msg_unpack(reply, "I", &n), "reply");
		actor_msg_free(reply);
		if (n != (int64_t)d->sent++)
			bench_die("a call was not answered with its own request");
	}
	if (timed)
		bench_samples_add(&d->samples, (bench_now_ns() - start_ns) / BATCH);
}

static int call_body(actor *self, struct director *d)
{
	uint64_t warm_end_ns = bench_now_ns() + d->env->warm_ns, end_ns = warm_end_ns + d->env->window_ns;
	actor_ref to;

	ours_check(actor_spawn(self, &echo, NULL, &to), "spawn");
	while (bench_now_ns() < warm_end_ns)
		call_batch(self, d, to, false);
	while (bench_now_ns() < end_ns)
		call_batch(self, d, to, true);
	return 0;
}

static int latency(const struct bench_env *env, int (*body)(actor *self, struct director *d))
{
	struct director d = {.body = body};

	bench_samples_init(&d.samples, SAMPLES_MAX);
	ours_direct(env, &d, ACTOR_LINK_NONE);
	bench_report_latency(env, &d.samples, d.sent, d.sent);
	bench_samples_deinit(&d.samples);
	return 0;
}

int ours_local_call(const struct bench_env *env)
{
	return latency(env, call_body);
}

/* ---- one way: the sink of the driver, but fed with two integers ---- */

static int put_cast(actor *self, const actor_msg *msg)
{
	struct bench_sink **sink = actor_state(self);
	uint64_t words[2];
	int r = actor_msg_unpack(msg, "UU", &words[0], &words[1]);

	if (!r && bench_sink_feed(*sink, words, sizeof(words)))
		gate_pass();
	return r;
}

static int put_init(actor *self, const void *arg)
{
	memcpy(actor_state(self), arg, sizeof(struct bench_sink *));
	return 0;
}

static const struct actor_method put_methods[] = {{.name = "put", .on_cast = put_cast}, {0}};
static const struct actor_behavior put = {
	.name = "put", .state_size = sizeof(struct bench_sink *), .methods = put_methods, .init = put_init,
};

struct local_sender {
	actor *self;
	actor_ref to;
};

static int put_send(void *p, const void *data, size_t size_bytes)
{
	const struct local_sender *s = p;
	uint64_t words[2];

	memcpy(words, data, sizeof(words));
	return actor_cast(s->self, s->to, "put", "UU", words[0], words[1]);
}

/* The whole process is measured, so its CPU over the run is that of the messages. */
static int oneway_body(actor *self, struct director *d)
{
	struct bench_shm *shm = d->env->shm;
	struct bench_sink *sink = bench_sink_new(d->env, 0);
	struct local_sender sender = {.self = self};
	uint64_t cpu_ns, sent, received, window_n, window_ns;       /* a window, or all: see flow.c */

	ours_check(actor_spawn(self, &gate, NULL, &gate_ref), "spawn");
	ours_check(actor_spawn(self, &put, &sink, &sender.to), "spawn");
	gate_left = 1;
	atomic_store(&shm->go_ns, bench_now_ns());
	cpu_ns = bench_cpu_ns(getpid());
	bench_send_loop(d->env, 0, put_send, &sender);
	gate_await(self);
	cpu_ns = bench_cpu_ns(getpid()) - cpu_ns;
	sent = atomic_load(&shm->sender[0].n);
	received = atomic_load(&shm->receiver[0].n);
	window_n = atomic_load(&shm->receiver[0].window_n);
	window_ns = atomic_load(&shm->receiver[0].window_ns);
	if (window_ns < d->env->window_ns / 2) {
		window_n = received;
		window_ns = atomic_load(&shm->receiver[0].total_ns);
	}
	bench_report_rate(d->env, (double)window_n * 1e9 / (double)window_ns, (double)cpu_ns * 1e-3 / (double)received, window_n, sent,
			  received, atomic_load(&shm->errors));
	return 0;
}

int ours_local_oneway(const struct bench_env *env)
{
	struct bench_env e = *env;
	struct director d = {.body = oneway_body};

	e.size_bytes = 16;
	e.n_senders = e.n_receivers = 1;
	return ours_direct(&e, &d, ACTOR_LINK_NONE);
}

/* ---- spawn ---- */

static const struct actor_method none[] = {{0}};
static const struct actor_behavior idle = {.name = "idle", .methods = none, .terminate = on_end};

static void spawn_batch(actor *self, struct director *d, bool timed)
{
	uint64_t start_ns = bench_now_ns();
	actor_ref all[BATCH];

	for (int i = 0; i < BATCH; i++)
		ours_check(actor_spawn(self, &idle, NULL, &all[i]), "spawn");
	if (timed)
		bench_samples_add(&d->samples, (bench_now_ns() - start_ns) / BATCH);
	d->sent += BATCH;
	gate_left = BATCH;
	for (int i = 0; i < BATCH; i++)
		ours_check(actor_stop(self, all[i], NULL), "stop");
	gate_await(self);
}

static int spawn_body(actor *self, struct director *d)
{
	uint64_t warm_end_ns = bench_now_ns() + d->env->warm_ns, end_ns = warm_end_ns + d->env->window_ns;

	ours_check(actor_spawn(self, &gate, NULL, &gate_ref), "spawn");
	while (bench_now_ns() < warm_end_ns)
		spawn_batch(self, d, false);
	while (bench_now_ns() < end_ns)
		spawn_batch(self, d, true);
	return 0;
}

int ours_local_spawn(const struct bench_env *env)
{
	return latency(env, spawn_body);
}

/* ---- ractor's suite ---- */

static int once_go(actor *self, const actor_msg *msg)
{
	end(self);
	return 0;
}

static int self_init(actor *self, const void *arg)
{
	return actor_cast(self, actor_self(self), "go", "");
}

static const struct actor_method once_methods[] = {{.name = "go", .on_cast = once_go}, {0}};
static const struct actor_behavior once = {.name = "once", .methods = once_methods, .init = self_init, .terminate = on_end};

#define SELF_MESSAGES 100000u

static int self_go(actor *self, const actor_msg *msg)
{
	uint64_t *n = actor_state(self);

	if (++*n < SELF_MESSAGES)
		return actor_cast(self, actor_self(self), "go", "");
	end(self);
	return 0;
}

static const struct actor_method self_methods[] = {{.name = "go", .on_cast = self_go}, {0}};
static const struct actor_behavior self_sender = {
	.name = "self", .state_size = sizeof(uint64_t), .methods = self_methods, .init = self_init, .terminate = on_end,
};

struct counter {
	uint64_t n, target;
};

static int counter_init(actor *self, const void *arg)
{
	struct counter *c = actor_state(self);

	memcpy(&c->target, arg, sizeof(c->target));
	return 0;
}

static int counter_small(actor *self, const actor_msg *msg)
{
	struct counter *c = actor_state(self);
	uint64_t value;
	int r = actor_msg_unpack(msg, "U", &value);

	if (++c->n >= c->target)
		end(self);
	return r;
}

static int counter_large(actor *self, const actor_msg *msg)
{
	struct counter *c = actor_state(self);
	const void *data;
	size_t n;
	int r = actor_msg_unpack(msg, "y#", &data, &n);

	if (++c->n >= c->target)
		end(self);
	return r;
}

static const struct actor_method counter_methods[] = {
	{.name = "small", .on_cast = counter_small}, {.name = "large", .on_cast = counter_large}, {0},
};
static const struct actor_behavior counter = {
	.name = "counter", .state_size = sizeof(struct counter), .methods = counter_methods, .init = counter_init, .terminate = on_end,
};

static int stillborn_init(actor *self, const void *arg)
{
	end(self);
	return 0;
}

static const struct actor_behavior stillborn = {.name = "stillborn", .methods = none, .init = stillborn_init, .terminate = on_end};

static uint64_t suite_create(actor *self)
{
	uint64_t start_ns = bench_now_ns(), took_ns;
	actor_ref ref;

	gate_left = 10000;
	for (int i = 0; i < 10000; i++)
		ours_check(actor_spawn(self, &once, NULL, &ref), "spawn");
	took_ns = bench_now_ns() - start_ns;
	gate_await(self);               /* their ending is not timed */
	return took_ns / 10000;
}

static uint64_t suite_self(actor *self)
{
	uint64_t start_ns;
	actor_ref ref;

	gate_left = 1;
	ours_check(actor_spawn(self, &self_sender, NULL, &ref), "spawn");
	start_ns = bench_now_ns();
	gate_await(self);
	return (bench_now_ns() - start_ns) / SELF_MESSAGES;
}

static uint64_t suite_count(actor *self, uint64_t target, bool large)
{
	static const char body[256];
	uint64_t start_ns;
	actor_ref ref;

	gate_left = 1;
	ours_check(actor_spawn(self, &counter, &target, &ref), "spawn");
	start_ns = bench_now_ns();
	for (uint64_t i = 0; i < target; i++)
		ours_check(large ? actor_cast(self, ref, "large", "y#", body, sizeof(body)) : actor_cast(self, ref, "small", "U", i), "cast");
	gate_await(self);
	return (bench_now_ns() - start_ns) / target;
}

static uint64_t suite_spawn_stop(actor *self)
{
	uint64_t start_ns = bench_now_ns();
	actor_ref ref;

	gate_left = 1000;
	for (int i = 0; i < 1000; i++)
		ours_check(actor_spawn(self, &stillborn, NULL, &ref), "spawn");
	gate_await(self);
	return (bench_now_ns() - start_ns) / 1000;
}

static uint64_t suite_once(actor *self, const char *workload)
{
	if (!strcmp(workload, "suite_create"))
		return suite_create(self);
	if (!strcmp(workload, "suite_self"))
		return suite_self(self);
	if (!strcmp(workload, "suite_small"))
		return suite_count(self, 10000, false);
	if (!strcmp(workload, "suite_large"))
		return suite_count(self, 1000, true);
	return suite_spawn_stop(self);
}

static int suite_body(actor *self, struct director *d)
{
	uint64_t end_ns;

	ours_check(actor_spawn(self, &gate, NULL, &gate_ref), "spawn");
	suite_once(self, d->env->workload);
	end_ns = bench_now_ns() + d->env->window_ns;
	do {
		bench_samples_add(&d->samples, suite_once(self, d->env->workload));
		d->sent++;
	} while (bench_now_ns() < end_ns);
	return 0;
}

int ours_suite(const struct bench_env *env)
{
	return latency(env, suite_body);
}

/* ---- memory ---- */

#define IDLE_ACTORS 10000u

static const struct actor_behavior quiet = {.name = "quiet", .methods = none};

static int mem_body(actor *self, struct director *d)
{
	uint64_t before = 0, after = 0;
	actor_ref ref;

	for (unsigned i = 0; i < 1000; i++)
		ours_check(actor_spawn(self, &quiet, NULL, &ref), "spawn");
	ours_check(bench_private_bytes(getpid(), &before), "smaps_rollup");
	for (unsigned i = 0; i < IDLE_ACTORS; i++)
		ours_check(actor_spawn(self, &quiet, NULL, &ref), "spawn");
	ours_check(bench_private_bytes(getpid(), &after), "smaps_rollup");
	d->received = after > before ? (after - before) / IDLE_ACTORS : 1;
	return 0;
}

int ours_mem_actor(const struct bench_env *env)
{
	struct director d = {.body = mem_body};

	ours_check(ours_direct(env, &d, ACTOR_LINK_NONE), "memory");
	bench_report_bytes(env, d.received, 1, 1);
	return 0;
}

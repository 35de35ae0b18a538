/* SPDX-License-Identifier: Apache-2.0 */
/* Calls, casts and spawns within one group. No node is needed. */
#include <string.h>
#include <unistd.h>

#include "ours.h"

#define BATCH 100

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

		ours_check(actor_call(self, actor_to(to), "echo", ACTOR_TIMEOUT_DEFAULT, &reply, "I",
				   (int64_t)d->sent),
			"call");
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

int ours_local_call(const struct bench_env *env)
{
	return ours_latency(env, call_body, ACTOR_JOIN_NONE);
}

/* ---- one way: uses the driver's sink, with messages of two integers ---- */

static int put_cast(actor *self, const actor_msg *msg)
{
	struct bench_sink **sink = actor_state(self);
	uint64_t words[2];
	int r = actor_msg_unpack(msg, "UU", &words[0], &words[1]);

	if (!r && bench_sink_feed(*sink, words, sizeof(words)))
		ours_gate_pass();
	return r;
}

static int put_init(actor *self, const void *arg)
{
	memcpy(actor_state(self), arg, sizeof(struct bench_sink *));
	return 0;
}

static const struct actor_method put_methods[] = {{.name = "put", .on_cast = put_cast}, {0}};
static const struct actor_behavior put = {
	.name = "put",
	.state_size = sizeof(struct bench_sink *),
	.methods = put_methods,
	.init = put_init,
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
	return actor_cast(s->self, actor_to(s->to), "put", "UU", words[0], words[1]);
}

/* Sender and receiver are in this process, so the process's CPU time is that of the messages. */
static int oneway_body(actor *self, struct director *d)
{
	struct bench_shm *shm = d->env->shm;
	struct bench_sink *sink = bench_sink_new(d->env, 0);
	struct local_sender sender = {.self = self};
	bool whole;
	/* the counts of the window, or of the whole run (see flow.c) */
	uint64_t cpu_ns, sent, received, window_n, window_ns;

	ours_gate_start(self);
	ours_check(actor_spawn(self, &put, &sink, &sender.to), "spawn");
	ours_gate_set(1);
	atomic_store(&shm->go_ns, bench_now_ns());
	cpu_ns = bench_cpu_ns(getpid());
	bench_send_loop(d->env, 0, put_send, &sender);
	ours_gate_await(self);
	cpu_ns = bench_cpu_ns(getpid()) - cpu_ns;
	sent = atomic_load(&shm->sender[0].n);
	received = atomic_load(&shm->receiver[0].n);
	window_n = atomic_load(&shm->receiver[0].window_n);
	window_ns = atomic_load(&shm->receiver[0].window_ns);
	whole = window_ns < d->env->window_ns / 2;
	if (whole) {
		window_n = received;
		window_ns = atomic_load(&shm->receiver[0].total_ns);
	}
	bench_report_rate(d->env, (double)window_n * 1e9 / (double)window_ns,
		(double)cpu_ns * 1e-3 / (double)received, window_n, whole, sent, received,
		atomic_load(&shm->errors));
	return 0;
}

int ours_local_oneway(const struct bench_env *env)
{
	struct bench_env e = *env;
	struct director d = {.body = oneway_body};

	e.size_bytes = 16;
	e.n_senders = e.n_receivers = 1;
	return ours_direct(&e, &d, ACTOR_JOIN_NONE);
}

/* ---- spawn ---- */

static void on_end(actor *self, const struct actor_cause *cause)
{
	ours_gate_pass();
}

static const struct actor_behavior idle = {.name = "idle", .methods = ours_no_methods, .terminate = on_end};

static void spawn_batch(actor *self, struct director *d, bool timed)
{
	uint64_t start_ns = bench_now_ns();
	actor_ref all[BATCH];

	for (int i = 0; i < BATCH; i++)
		ours_check(actor_spawn(self, &idle, NULL, &all[i]), "spawn");
	if (timed)
		bench_samples_add(&d->samples, (bench_now_ns() - start_ns) / BATCH);
	d->sent += BATCH;
	ours_gate_set(BATCH);
	for (int i = 0; i < BATCH; i++)
		ours_check(actor_stop(self, all[i], NULL), "stop");
	ours_gate_await(self);
}

static int spawn_body(actor *self, struct director *d)
{
	uint64_t warm_end_ns = bench_now_ns() + d->env->warm_ns, end_ns = warm_end_ns + d->env->window_ns;

	ours_gate_start(self);
	while (bench_now_ns() < warm_end_ns)
		spawn_batch(self, d, false);
	while (bench_now_ns() < end_ns)
		spawn_batch(self, d, true);
	return 0;
}

int ours_local_spawn(const struct bench_env *env)
{
	return ours_latency(env, spawn_body, ACTOR_JOIN_NONE);
}

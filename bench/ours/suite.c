/* SPDX-License-Identifier: Apache-2.0 */
/* The workloads of ractor's own suite, in one group. */
#include <string.h>

#include "ours.h"

static void end(actor *self)
{
	ours_check(actor_stop(self, actor_self(self), NULL), "stop");
}

static void on_end(actor *self, const struct actor_cause *cause)
{
	ours_gate_pass();
}

static int once_go(actor *self, const actor_msg *msg)
{
	end(self);
	return 0;
}

static int self_init(actor *self, const void *arg)
{
	return actor_cast(self, actor_to(actor_self(self)), "go", "");
}

static const struct actor_method once_methods[] = {{.name = "go", .on_cast = once_go}, {0}};
static const struct actor_behavior once = {
	.name = "once", .methods = once_methods, .init = self_init, .terminate = on_end};

#define SELF_MESSAGES 100000u

static int self_go(actor *self, const actor_msg *msg)
{
	uint64_t *n = actor_state(self);

	if (++*n < SELF_MESSAGES)
		return actor_cast(self, actor_to(actor_self(self)), "go", "");
	end(self);
	return 0;
}

static const struct actor_method self_methods[] = {{.name = "go", .on_cast = self_go}, {0}};
static const struct actor_behavior self_sender = {
	.name = "self",
	.state_size = sizeof(uint64_t),
	.methods = self_methods,
	.init = self_init,
	.terminate = on_end,
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
	{.name = "small", .on_cast = counter_small},
	{.name = "large", .on_cast = counter_large},
	{0},
};
static const struct actor_behavior counter = {
	.name = "counter",
	.state_size = sizeof(struct counter),
	.methods = counter_methods,
	.init = counter_init,
	.terminate = on_end,
};

static int stillborn_init(actor *self, const void *arg)
{
	end(self);
	return 0;
}

static const struct actor_behavior stillborn = {
	.name = "stillborn", .methods = ours_no_methods, .init = stillborn_init, .terminate = on_end};

static uint64_t suite_create(actor *self)
{
	uint64_t start_ns = bench_now_ns(), took_ns;
	actor_ref ref;

	ours_gate_set(10000);
	for (int i = 0; i < 10000; i++)
		ours_check(actor_spawn(self, &once, NULL, &ref), "spawn");
	took_ns = bench_now_ns() - start_ns;
	ours_gate_await(self); /* the end of the actors is not timed */
	return took_ns / 10000;
}

static uint64_t suite_self(actor *self)
{
	uint64_t start_ns;
	actor_ref ref;

	ours_gate_set(1);
	ours_check(actor_spawn(self, &self_sender, NULL, &ref), "spawn");
	start_ns = bench_now_ns();
	ours_gate_await(self);
	return (bench_now_ns() - start_ns) / SELF_MESSAGES;
}

static uint64_t suite_count(actor *self, uint64_t target, bool large)
{
	static const char body[256];
	uint64_t start_ns;
	actor_ref ref;

	ours_gate_set(1);
	ours_check(actor_spawn(self, &counter, &target, &ref), "spawn");
	start_ns = bench_now_ns();
	for (uint64_t i = 0; i < target; i++)
		ours_check(large ? actor_cast(self, actor_to(ref), "large", "y#", body, sizeof(body))
				 : actor_cast(self, actor_to(ref), "small", "U", i),
			"cast");
	ours_gate_await(self);
	return (bench_now_ns() - start_ns) / target;
}

static uint64_t suite_spawn_stop(actor *self)
{
	uint64_t start_ns = bench_now_ns();
	actor_ref ref;

	ours_gate_set(1000);
	for (int i = 0; i < 1000; i++)
		ours_check(actor_spawn(self, &stillborn, NULL, &ref), "spawn");
	ours_gate_await(self);
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

	ours_gate_start(self);
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
	return ours_latency(env, suite_body, ACTOR_JOIN_NONE);
}

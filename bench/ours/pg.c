/* SPDX-License-Identifier: Apache-2.0 */
/* Process groups: joins one, and casts to all of a thousand members in this process. */
#include "ours.h"

#define MEMBERS 1000

static uint64_t delivered;

static int member_put(actor *self, const actor_msg *msg)
{
	delivered++;
	return 0;
}

static const struct actor_method member_methods[] = {{.name = "put", .on_cast = member_put}, {0}};

/* @arg: where to store how long the join took */
static int member_init(actor *self, const void *arg)
{
	uint64_t start_ns = bench_now_ns();
	int r = actor_pg_join(self, NULL, "bench");

	**(uint64_t *const *)arg = bench_now_ns() - start_ns;
	return r;
}

static const struct actor_behavior member = {
	.name = "member", .methods = member_methods, .init = member_init};

static void member_spawn(actor *self, uint64_t *ret_ns)
{
	ours_check(actor_spawn(self, &member, &ret_ns, NULL), "spawn");
}

static int join_body(actor *self, struct director *d)
{
	uint64_t took_ns;

	while (d->sent < MEMBERS && bench_now_ns() < d->end_ns) {
		member_spawn(self, &took_ns);
		bench_samples_add(&d->samples, took_ns);
		d->sent++;
	}
	actor_group_stop(actor_group_of(self));
	return 0;
}

static int cast_body(actor *self, struct director *d)
{
	uint64_t start_ns, end_ns, cpu_ns, took_ns, n = 0;
	char data[64] = {0};

	for (int i = 0; i < MEMBERS; i++)
		member_spawn(self, &took_ns);
	start_ns = bench_now_ns();
	cpu_ns = bench_cpu_all_ns();
	end_ns = start_ns + d->env->window_ns;
	while (bench_now_ns() < end_ns) {
		ours_check(actor_cast(self, actor_to_pg_all(NULL, "bench"), "put", "y#", data, sizeof(data)),
			"cast to all");
		n += MEMBERS;
		while (n > delivered + 4 * MEMBERS)
			ours_check(actor_sleep(self, 0), "sleep");
	}
	while (n > delivered && bench_now_ns() < end_ns + 10000000000u)
		ours_check(actor_sleep(self, 0), "sleep");
	cpu_ns = bench_cpu_all_ns() - cpu_ns;
	bench_report_rate(d->env, (double)n * 1e9 / (double)(bench_now_ns() - start_ns),
		(double)cpu_ns * 1e-3 / (double)n, n, false, n, delivered, 0);
	actor_group_stop(actor_group_of(self));
	return 0;
}

int ours_group_join(const struct bench_env *env)
{
	return ours_latency(env, join_body, ACTOR_JOIN_DIRECT);
}

int ours_group_cast(const struct bench_env *env)
{
	struct director d = {.body = cast_body};

	return ours_direct(env, &d, ACTOR_JOIN_DIRECT);
}

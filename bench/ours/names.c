/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "ours.h"

static int lookup_body(actor *self, struct director *d)
{
	struct actor_process process;
	actor_ref found;

	/* this registers bench.echo */
	ours_process_start(self, d->env, "echo", 0, NULL, ACTOR_TEMPORARY, &process);
	for (uint64_t now_ns = 0; now_ns < d->end_ns;) {
		uint64_t start_ns = bench_now_ns();

		for (int i = 0; i < 100; i++) {
			ours_check(actor_whereis(self, "bench.echo", &found), "whereis");
			if (!actor_ref_equal(found, process.main))
				bench_die("whereis: somebody else");
		}
		now_ns = bench_now_ns();
		bench_samples_add(&d->samples, (now_ns - start_ns) / 100);
		d->sent += 100;
	}
	return 0;
}

static int register_body(actor *self, struct director *d)
{
	char name[64];

	for (uint64_t now_ns = 0; now_ns < d->end_ns;) {
		uint64_t start_ns;

		snprintf(name, sizeof(name), "bench.name.%llu", (unsigned long long)d->sent++);
		start_ns = bench_now_ns();
		ours_check(actor_register(self, name), "register");
		now_ns = bench_now_ns();
		bench_samples_add(&d->samples, now_ns - start_ns);
	}
	return 0;
}

int ours_name_lookup(const struct bench_env *env)
{
	return ours_latency(env, lookup_body, ACTOR_JOIN_DIRECT);
}

int ours_name_register(const struct bench_env *env)
{
	return ours_latency(env, register_body, ACTOR_JOIN_DIRECT);
}

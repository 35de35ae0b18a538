/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "ours.h"

#define IDLE_ACTORS 10000u

static const struct actor_behavior quiet = {.name = "quiet", .methods = ours_no_methods};

static int actor_body(actor *self, struct director *d)
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
	struct director d = {.body = actor_body};

	ours_check(ours_direct(env, &d, ACTOR_JOIN_NONE), "memory");
	bench_report_bytes(env, d.received, 1, 1);
	return 0;
}

static int process_body(actor *self, struct director *d)
{
	struct actor_process process;

	ours_process_start(self, d->env, "echo", 0, NULL, ACTOR_TEMPORARY, &process);
	ours_call_echo(self, process.main, 1, 64);
	actor_sleep(self, 100);
	return bench_private_bytes((pid_t)process.pid, &d->received);
}

int ours_mem_process(const struct bench_env *env)
{
	struct director d = {.body = process_body};

	ours_check(ours_direct(env, &d, ACTOR_JOIN_DIRECT), "smaps_rollup");
	bench_report_bytes(env, d.received, 1, 1);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "ours.h"

/* Measures from kill() of a process to on_down of a monitor of its actor. */
static int death_body(actor *self, struct director *d)
{
	struct actor_process process;
	uint64_t monitor;

	d->again = true;
	ours_process_start(self, d->env, "echo", 0, NULL, ACTOR_TEMPORARY, &process);
	ours_check(actor_monitor(self, process.main, &monitor), "monitor");
	ours_call_echo(self, process.main, 1, 64);
	actor_sleep(self, 2);
	d->sent++;
	d->start_ns = bench_now_ns();
	if (process.pid <= 0)
		bench_die("a process that answered has no pid");
	kill((pid_t)process.pid, SIGKILL);
	return 0;
}

static int death_down(actor *self, struct director *d, actor_ref who)
{
	uint64_t now_ns = bench_now_ns();

	if (d->received++) /* the first sample is the warm-up */
		bench_samples_add(&d->samples, now_ns - d->start_ns);
	d->again = now_ns < d->end_ns || d->received < 3;
	return d->again ? actor_cast(self, actor_to(actor_self(self)), "go", "") : 0;
}

int ours_death(const struct bench_env *env)
{
	struct director d = {
		.body = death_body, .on_down = death_down, .end_ns = bench_now_ns() + env->window_ns};

	bench_samples_init(&d.samples, 4096);
	ours_direct(env, &d, ACTOR_JOIN_DIRECT);
	bench_report_latency(env, &d.samples, d.sent, d.received);
	bench_samples_deinit(&d.samples);
	return 0;
}

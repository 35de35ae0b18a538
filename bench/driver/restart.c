/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "bench.h"
#include "internal.h"

/*
 * Measures from the call of kill() until a new process has answered a call. These systems have no
 * supervision, so this process is the parent that starts the new one.
 */
int bench_restart_run(const struct bench_env *env, const struct bench_ops *ops)
{
	uint64_t end_ns = bench_now_ns() + env->window_ns, n = 0;
	struct bench_samples samples;
	pid_t pid = bench_serve_start(env);
	void *caller = ops->caller_new(env);

	bench_samples_init(&samples, 4096);
	if (!caller || bench_call_once(env, ops, caller, 1))
		bench_die("restart: the first server does not answer");
	do {
		uint64_t start_ns;

		usleep(2000);
		start_ns = bench_now_ns();
		bench_kill(pid); /* kill -9, waitpid */
		ops->caller_free(caller);
		pid = bench_serve_start(env);
		caller = ops->caller_new(env);
		if (!caller || bench_call_once(env, ops, caller, n))
			bench_die("restart: the new server does not answer");
		if (n)
			bench_samples_add(&samples, bench_now_ns() - start_ns);
		n++;
	} while ((bench_now_ns() < end_ns || n < 3) && samples.n < samples.n_max);
	ops->caller_free(caller);
	bench_report_latency(env, &samples, n, samples.n + 1);
	bench_samples_deinit(&samples);
	return 0;
}

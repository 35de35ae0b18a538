/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "internal.h"

/* Measures from the call of kill() to the return of the system's own notice. */
int bench_death_run(const struct bench_env *env, const struct bench_ops *ops)
{
	uint64_t end_ns = bench_now_ns() + env->window_ns, n = 0;
	struct bench_samples samples;

	bench_samples_init(&samples, 4096);
	do {
		pid_t pid = bench_serve_start(env);
		void *watcher = ops->watcher_new(env, pid);
		uint64_t start_ns;
		int r;

		if (!watcher)
			bench_die("death: cannot watch the server");
		usleep(2000); /* until both sides are asleep */
		start_ns = bench_now_ns();
		kill(pid, SIGKILL);
		r = ops->watch(watcher);
		if (r)
			bench_die("death: no notice: %s", strerror(-r));
		if (n) /* the first sample is the warm-up */
			bench_samples_add(&samples, bench_now_ns() - start_ns);
		bench_kill(pid);
		ops->watcher_free(watcher);
		n++;
	} while ((bench_now_ns() < end_ns || n < 3) && samples.n < samples.n_max);
	bench_report_latency(env, &samples, n, samples.n + 1);
	bench_samples_deinit(&samples);
	return 0;
}

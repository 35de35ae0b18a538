/* SPDX-License-Identifier: Apache-2.0 */
/* Calls one after the other, or with both sides asleep before each. */
#include <errno.h>
#include <string.h>

#include "bench.h"
#include "internal.h"

#define SAMPLES_MAX    (1u << 20)
#define IDLE_PERIOD_NS 1000000u

int bench_call_once(const struct bench_env *env, const struct bench_ops *ops, void *caller, uint64_t seq)
{
	static char req[BENCH_SIZE_MAX], rep[BENCH_SIZE_MAX];
	ssize_t r;

	memcpy(req, &seq, sizeof(seq));
	r = ops->call(caller, req, env->size_bytes, rep, sizeof(rep));
	if (r < 0)
		return (int)r;
	return (size_t)r == env->size_bytes && !memcmp(rep, &seq, sizeof(seq)) ? 0 : -EBADMSG;
}

int bench_call_run(const struct bench_env *env, const struct bench_ops *ops, bool idle)
{
	uint64_t now_ns, end_ns, warm_end_ns, next_ns, seq = 0, answered = 0;
	struct bench_samples samples;
	void *caller;

	bench_samples_init(&samples, SAMPLES_MAX);
	bench_serve_start(env);
	caller = ops->caller_new(env);
	if (!caller)
		bench_die("%s: cannot reach the server", env->workload);
	now_ns = next_ns = bench_now_ns();
	warm_end_ns = now_ns + env->warm_ns;
	end_ns = warm_end_ns + env->window_ns;
	while (now_ns < end_ns) {
		uint64_t start_ns;
		int r;

		if (idle) {
			next_ns += IDLE_PERIOD_NS;
			if (next_ns < now_ns) /* after a late wake-up there are not two calls in a row */
				next_ns = now_ns + IDLE_PERIOD_NS;
			bench_sleep_until(next_ns);
		}
		start_ns = bench_now_ns();
		r = bench_call_once(env, ops, caller, seq++);
		now_ns = bench_now_ns();
		if (r)
			bench_die("%s: call %llu: %s", env->workload, (unsigned long long)seq, strerror(-r));
		answered++;
		if (start_ns >= warm_end_ns)
			bench_samples_add(&samples, now_ns - start_ns);
	}
	bench_report_latency(env, &samples, seq, answered);
	bench_samples_deinit(&samples);
	return seq == answered ? 0 : -EIO;
}

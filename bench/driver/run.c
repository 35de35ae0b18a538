/* SPDX-License-Identifier: Apache-2.0 */
/* The side that orders, measures and reports. */
#include "bench.h"
#include "internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SAMPLES_MAX (1u << 20)
#define IDLE_PERIOD_NS 1000000u

static pid_t serve_start(const struct bench_env *env)
{
	uint32_t ready = atomic_load(&env->shm->ready);
	pid_t pid = bench_role_start(env, "serve", 0);

	if (bench_wait_ready(env, ready + 1, BENCH_BOOT_TIMEOUT_MS))
		bench_die("%s: the server did not come up", env->workload);
	return pid;
}

static int call_once(const struct bench_env *env, const struct bench_ops *ops, void *caller, uint64_t seq)
{
	static char req[BENCH_SIZE_MAX], rep[BENCH_SIZE_MAX];
	ssize_t r;

	memcpy(req, &seq, sizeof(seq));
	r = ops->call(caller, req, env->size_bytes, rep, sizeof(rep));
	if (r < 0)
		return (int)r;
	return (size_t)r == env->size_bytes && !memcmp(rep, &seq, sizeof(seq)) ? 0 : -EBADMSG;
}

static int run_call(const struct bench_env *env, const struct bench_ops *ops, bool idle)
{
	uint64_t now_ns, end_ns, warm_end_ns, next_ns, seq = 0, answered = 0;
	struct bench_samples samples;
	void *caller;

	bench_samples_init(&samples, SAMPLES_MAX);
	serve_start(env);
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
			if (next_ns < now_ns)   /* a late wake-up is not made up for by two calls in a row */
				next_ns = now_ns + IDLE_PERIOD_NS;
			bench_sleep_until(next_ns);
		}
		start_ns = bench_now_ns();
		r = call_once(env, ops, caller, seq++);
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

/* From the call of kill() to the return of the system's own notice. */
static int run_death(const struct bench_env *env, const struct bench_ops *ops)
{
	uint64_t end_ns = bench_now_ns() + env->window_ns, n = 0;
	struct bench_samples samples;

	bench_samples_init(&samples, 4096);
	do {
		pid_t pid = serve_start(env);
		void *watcher = ops->watcher_new(env, pid);
		uint64_t start_ns;
		int r;

		if (!watcher)
			bench_die("death: cannot watch the server");
		usleep(2000);           /* both asleep */
		start_ns = bench_now_ns();
		kill(pid, SIGKILL);
		r = ops->watch(watcher);
		if (r)
			bench_die("death: no notice: %s", strerror(-r));
		if (n)                  /* the first one is the warm-up */
			bench_samples_add(&samples, bench_now_ns() - start_ns);
		bench_kill(pid);
		ops->watcher_free(watcher);
		n++;
	} while ((bench_now_ns() < end_ns || n < 3) && samples.n < samples.n_max);
	bench_report_latency(env, &samples, n, samples.n + 1);
	bench_samples_deinit(&samples);
	return 0;
}

/* From the call of kill() until a new process has answered a call. These systems supervise nothing: the parent is ours, by hand. */
static int run_restart(const struct bench_env *env, const struct bench_ops *ops)
{
	uint64_t end_ns = bench_now_ns() + env->window_ns, n = 0;
	struct bench_samples samples;
	pid_t pid = serve_start(env);
	void *caller = ops->caller_new(env);

	bench_samples_init(&samples, 4096);
	if (!caller || call_once(env, ops, caller, 1))
		bench_die("restart: the first server does not answer");
	do {
		uint64_t start_ns;

		usleep(2000);
		start_ns = bench_now_ns();
		bench_kill(pid);        /* kill -9, waitpid */
		ops->caller_free(caller);
		pid = serve_start(env);
		caller = ops->caller_new(env);
		if (!caller || call_once(env, ops, caller, n))
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

static int run_mem_process(const struct bench_env *env, const struct bench_ops *ops)
{
	pid_t pid = serve_start(env);
	void *caller = ops->caller_new(env);
	uint64_t bytes;
	int r;

	if (!caller || call_once(env, ops, caller, 1))
		bench_die("mem_process: the process does not answer");
	usleep(50000);
	r = bench_private_bytes(pid, &bytes);
	if (r)
		bench_die("mem_process: /proc/%d/smaps_rollup: %s", (int)pid, strerror(-r));
	bench_report_bytes(env, bytes, 1, 1);
	return 0;
}

int bench_run(struct bench_env *env, const struct bench_ops *ops)
{
	const char *w = env->workload;

	if (ops->daemon_start) {
		int r = ops->daemon_start(env);

		if (r)
			bench_die("cannot start the daemon of %s: %s", ops->name, strerror(-r));
	}
	for (const struct bench_extra *e = ops->extras; e && e->workload; e++) {
		if (!strcmp(w, e->workload))
			return e->run(env);
	}
	if (!strcmp(w, "call_hot") && ops->call)
		return run_call(env, ops, false);
	if (!strcmp(w, "call_idle") && ops->call)
		return run_call(env, ops, true);
	if (!strcmp(w, "oneway") && ops->send) {
		env->n_senders = env->n_receivers = 1;
		return bench_flow_run(env, ops);
	}
	if (!strcmp(w, "fanin") && ops->send) {
		env->n_receivers = 1;
		return bench_flow_run(env, ops);
	}
	if (!strcmp(w, "fanout") && ops->send) {
		env->n_receivers = env->n_senders;      /* --peers */
		env->n_senders = 1;
		return bench_flow_run(env, ops);
	}
	if (!strcmp(w, "death") && ops->watch)
		return run_death(env, ops);
	if (!strcmp(w, "restart") && ops->call)
		return run_restart(env, ops);
	if (!strcmp(w, "mem_process") && ops->call)
		return run_mem_process(env, ops);
	bench_die("%s has no workload '%s'", ops->name, w);
}

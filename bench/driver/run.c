/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the function that runs a workload. */
#include <string.h>

#include "bench.h"
#include "internal.h"

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
		return bench_call_run(env, ops, false);
	if (!strcmp(w, "call_idle") && ops->call)
		return bench_call_run(env, ops, true);
	if (!strcmp(w, "oneway") && ops->send) {
		env->n_senders = env->n_receivers = 1;
		return bench_flow_run(env, ops);
	}
	if (!strcmp(w, "fanin") && ops->send) {
		env->n_receivers = 1;
		return bench_flow_run(env, ops);
	}
	if (!strcmp(w, "fanout") && ops->send) {
		env->n_receivers = env->n_senders; /* --peers */
		env->n_senders = 1;
		return bench_flow_run(env, ops);
	}
	if (!strcmp(w, "death") && ops->watch)
		return bench_death_run(env, ops);
	if (!strcmp(w, "restart") && ops->call)
		return bench_restart_run(env, ops);
	if (!strcmp(w, "mem_process") && ops->call)
		return bench_memory_run(env, ops);
	bench_die("%s has no workload '%s'", ops->name, w);
}

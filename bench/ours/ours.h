/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_OURS_H
#define BENCH_OURS_H

#include <actor/actor.h>

#include "../driver/bench.h"

/*
 * For a workload: a private node runs in the run's directory, and a director actor in this process runs
 * `body`. Then all is stopped.
 */
struct director {
	int (*body)(actor *self, struct director *director);
	int (*on_down)(actor *self, struct director *director, actor_ref who);
	const struct bench_env *env;
	struct bench_samples samples;
	uint64_t sent, received;
	uint64_t start_ns, end_ns;
	bool again; /* the director goes on after body, in on_down */
	int result;
};

int ours_daemon_start(const struct bench_env *env);
int ours_direct(const struct bench_env *env, struct director *director, enum actor_join_mode mode);
/*
 * The same for a body that fills d->samples and counts d->sent. d->end_ns is the window's end. Prints the
 * report.
 */
int ours_latency(const struct bench_env *env, int (*body)(actor *self, struct director *director),
	enum actor_join_mode mode);
/* Starts another group: this same program in another role. Its first actor is `ret->main`. */
void ours_process_start(actor *self, const struct bench_env *env, const char *role, unsigned index,
	const char *name, enum actor_restart restart, struct actor_process *ret);
int ours_role_main(int argc, char **argv);
void ours_check(int r, const char *what);

/* Calls an echo in another group. If the answer differs from what was sent, the benchmark ends. */
void ours_call_echo(actor *self, actor_ref to, uint64_t seq, size_t size_bytes);

extern const struct actor_method ours_no_methods[];

/* gate.c: there is one gate at a time in a process */
void ours_gate_start(actor *self);
void ours_gate_set(uint64_t n);
void ours_gate_pass(void);
void ours_gate_await(actor *self);

/* the workloads */
int ours_call(const struct bench_env *env);
int ours_flow(const struct bench_env *env);
int ours_death(const struct bench_env *env);
int ours_restart(const struct bench_env *env);
int ours_mem_process(const struct bench_env *env);
int ours_local_call(const struct bench_env *env);
int ours_local_oneway(const struct bench_env *env);
int ours_local_spawn(const struct bench_env *env);
int ours_suite(const struct bench_env *env);
int ours_mem_actor(const struct bench_env *env);
int ours_name_lookup(const struct bench_env *env);
int ours_name_register(const struct bench_env *env);
int ours_group_join(const struct bench_env *env);
int ours_group_cast(const struct bench_env *env);

#endif

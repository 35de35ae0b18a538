/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_OURS_H
#define BENCH_OURS_H

#include <actor/actor.h>

#include "../driver/bench.h"

/* A node of our own in the run's directory; a director actor in this process runs `body`, then all is stopped. */
struct director {
	int (*body)(actor *self, struct director *director);
	int (*on_down)(actor *self, struct director *director, actor_ref who);
	const struct bench_env *env;
	struct bench_samples samples;
	uint64_t sent, received;
	uint64_t start_ns, end_ns;
	pid_t pid;
	bool again;                     /* body has more to wait for: on_down goes on */
	int result;
};

int ours_daemon_start(const struct bench_env *env);
int ours_direct(const struct bench_env *env, struct director *director, enum actor_link_mode mode);
/* Another group: this program again, in another role. Its first actor is `ret->main`. */
void ours_process_start(actor *self, const struct bench_env *env, const char *role, unsigned index, const char *name,
			enum actor_restart restart, struct actor_process *ret);
int ours_role_main(int argc, char **argv);
void ours_check(int r, const char *what);

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

#endif

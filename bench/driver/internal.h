/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_INTERNAL_H
#define BENCH_INTERNAL_H

#include "bench.h"

extern int bench_shm_fd;

/* proc.c */
void bench_role_bind(pid_t parent);
pid_t bench_serve_start(const struct bench_env *env);

/* run.c: the process that starts the roles and measures */
int bench_run(struct bench_env *env, const struct bench_ops *ops);
/* call.c */
int bench_call_once(const struct bench_env *env, const struct bench_ops *ops, void *caller, uint64_t seq);
int bench_call_run(const struct bench_env *env, const struct bench_ops *ops, bool idle);
/* death.c, restart.c, memory.c */
int bench_death_run(const struct bench_env *env, const struct bench_ops *ops);
int bench_restart_run(const struct bench_env *env, const struct bench_ops *ops);
int bench_memory_run(const struct bench_env *env, const struct bench_ops *ops);
/* flow.c: messages one way */
void bench_flow_send(const struct bench_env *env, const struct bench_ops *ops, unsigned index);
void bench_flow_receive(const struct bench_env *env, const struct bench_ops *ops, unsigned index);
int bench_flow_run(struct bench_env *env, const struct bench_ops *ops);

#endif

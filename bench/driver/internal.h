/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_INTERNAL_H
#define BENCH_INTERNAL_H

#include "bench.h"

extern int bench_shm_fd;

void bench_role_bind(pid_t parent);

/* run.c: the side that orders and measures */
int bench_run(struct bench_env *env, const struct bench_ops *ops);
/* flow.c: messages one way */
void bench_flow_send(const struct bench_env *env, const struct bench_ops *ops, unsigned index);
void bench_flow_receive(const struct bench_env *env, const struct bench_ops *ops, unsigned index);
int bench_flow_run(struct bench_env *env, const struct bench_ops *ops);

#endif

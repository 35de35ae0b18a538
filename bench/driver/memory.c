/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "internal.h"

int bench_memory_run(const struct bench_env *env, const struct bench_ops *ops)
{
	pid_t pid = bench_serve_start(env);
	void *caller = ops->caller_new(env);
	uint64_t bytes;
	int r;

	if (!caller || bench_call_once(env, ops, caller, 1))
		bench_die("mem_process: the process does not answer");
	usleep(50000);
	r = bench_private_bytes(pid, &bytes);
	if (r)
		bench_die("mem_process: /proc/%d/smaps_rollup: %s", (int)pid, strerror(-r));
	bench_report_bytes(env, bytes, 1, 1);
	return 0;
}

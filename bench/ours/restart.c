/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "ours.h"

/*
 * The pid of the process whose actor has @name. If no actor has it, waits for the next one. 0: that process
 * has ended.
 */
static int64_t pid_by_name(actor *self, const char *name)
{
	actor_msg *reply = NULL;
	int64_t pid = 0;
	int r = actor_call(self, actor_named_wait(name), "pid", 1000, &reply, "");

	if (!r && actor_msg_unpack(reply, "I", &pid))
		pid = 0;
	actor_msg_free(reply);
	return pid;
}

static int restart_body(actor *self, struct director *d)
{
	struct actor_process process;
	int64_t pid, now;

	ours_process_start(self, d->env, "echo", 0, NULL, ACTOR_PERMANENT, &process);
	pid = process.pid;
	do {
		uint64_t start_ns, limit_ns;

		if (pid_by_name(self, "bench.echo") != pid)
			bench_die("restart: the old process does not answer");
		actor_sleep(self, 2);
		start_ns = bench_now_ns();
		limit_ns = start_ns + 10000000000u;
		kill((pid_t)pid, SIGKILL);
		while ((now = pid_by_name(self, "bench.echo")) == 0 || now == pid) {
			if (bench_now_ns() > limit_ns)
				bench_die("restart: nobody answers 10 s after the death");
			actor_sleep(self, 1);
		}
		if (d->sent++)
			bench_samples_add(&d->samples, bench_now_ns() - start_ns);
		pid = now;
	} while (bench_now_ns() < d->end_ns || d->sent < 3);
	return actor_process_stop(self, process.name, ACTOR_TIMEOUT_DEFAULT);
}

int ours_restart(const struct bench_env *env)
{
	return ours_latency(env, restart_body, ACTOR_JOIN_DIRECT);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ours.h"

static char request[BENCH_SIZE_MAX];

void ours_call_echo(actor *self, actor_ref to, uint64_t seq, size_t size_bytes)
{
	actor_msg *reply;
	const void *data;
	size_t n;

	memcpy(request, &seq, sizeof(seq));
	ours_check(actor_call(self, actor_to(to), "echo", ACTOR_TIMEOUT_DEFAULT, &reply, "y#", request,
			   size_bytes),
		"call");
	ours_check(actor_msg_unpack(reply, "y#", &data, &n), "reply");
	if (n != size_bytes || memcmp(data, &seq, sizeof(seq)))
		bench_die("a call was not answered with its own request");
	actor_msg_free(reply);
}

static int call_body(actor *self, struct director *d)
{
	bool idle = !strcmp(d->env->workload, "call_idle");
	uint64_t now_ns, warm_end_ns, end_ns;
	struct actor_process process;

	ours_process_start(self, d->env, "echo", 0, NULL, ACTOR_TEMPORARY, &process);
	now_ns = bench_now_ns();
	warm_end_ns = now_ns + d->env->warm_ns;
	end_ns = warm_end_ns + d->env->window_ns;
	while (now_ns < end_ns) {
		uint64_t start_ns;

		if (idle)
			actor_sleep(self, 1);
		start_ns = bench_now_ns();
		ours_call_echo(self, process.main, d->sent++, d->env->size_bytes);
		now_ns = bench_now_ns();
		if (start_ns >= warm_end_ns)
			bench_samples_add(&d->samples, now_ns - start_ns);
	}
	return 0;
}

int ours_call(const struct bench_env *env)
{
	return ours_latency(env, call_body, ACTOR_JOIN_DIRECT);
}

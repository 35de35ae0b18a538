/* SPDX-License-Identifier: Apache-2.0 */
/* One way, fan-in, fan-out: other processes send to each other, and this one only starts them. */
#include <string.h>

#include "ours.h"

static int flow_body(actor *self, struct director *d)
{
	struct actor_process sinks[BENCH_PEERS_MAX], senders[BENCH_PEERS_MAX];

	for (unsigned i = 0; i < d->env->n_receivers; i++)
		ours_process_start(self, d->env, "sink", i, NULL, ACTOR_TEMPORARY, &sinks[i]);
	for (unsigned i = 0; i < d->env->n_senders; i++) {
		ours_process_start(self, d->env, "sender", i, NULL, ACTOR_TEMPORARY, &senders[i]);
		for (unsigned k = 0; k < d->env->n_receivers; k++)
			ours_check(actor_call(self, actor_to(senders[i].main), "to", ACTOR_TIMEOUT_DEFAULT,
					   NULL, "r", sinks[k].main),
				"to");
		ours_check(actor_cast(self, actor_to(senders[i].main), "go", ""), "go");
	}
	actor_sleep(self, 50); /* so that the last cast has left this process */
	return bench_flow_measure(d->env);
}

int ours_flow(const struct bench_env *env)
{
	struct bench_env e = *env;
	struct director d = {.body = flow_body};

	if (!strcmp(e.workload, "fanout")) {
		e.n_receivers = e.n_senders;
		e.n_senders = 1;
	} else {
		e.n_receivers = 1;
		if (!strcmp(e.workload, "oneway"))
			e.n_senders = 1;
	}
	return ours_direct(&e, &d, ACTOR_JOIN_DIRECT);
}

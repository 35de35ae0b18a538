/* SPDX-License-Identifier: Apache-2.0 */
/* The program of a group: it joins the node, starts some actors, runs, and ends in order. */
#include <inttypes.h>
#include <stdlib.h>

#include "libactor/protocol/token.h"
#include "libactor/protocol/variables.h"
#include "tests/sim/load.h"

static void group_says(const char *line, void *arg)
{
	if (!process_is_dead())
		sim_event("says: %s", line);
}

static int join(struct process *process)
{
	struct actor_group_options options = {.name = process->name,
		.runtime_dir = sim.dir,
		.mode = process->kind == PROCESS_SINGLE ? ACTOR_JOIN_BROKER : ACTOR_JOIN_DIRECT,
		.connect_timeout_ms = 20000,
		.ignore_token = process->kind != PROCESS_SUPERVISED,
		.log = group_says};
	char hex[2 * TOKEN_MAX_BYTES + 1];
	struct token token;

	if (process->kind == PROCESS_SUPERVISED) {
		if (token_make(&token, sim.key, process->group, process->name) < 0)
			sim_fail("no token");
		token_to_hex(&token, hex);
		setenv(ENV_TOKEN, hex, 1);
	}
	return actor_group_new(&process->actors, &options);
}

void load_main(struct process *process)
{
	int r = join(process);

	if (r < 0) {
		if (!process->dead)
			sim_event("cannot join: %d", r);
		process->ending = true;
		return;
	}
	process->group = actor_group_id(process->actors);
	if (!process->dead) {
		process->up = true;
		(void)truth_born(process, (actor_ref){SIM_NODE, process->group, 0});
		sim_event("has joined as group %" PRIx64, process->group);
	}
	for (unsigned n = 1 + sim_random(3); n && !process->dead; n--)
		(void)actor_group_spawn(process->actors, &worker_behavior, NULL, NULL, NULL);
	if (!process->dead) {
		r = actor_group_run(process->actors);
		if (!process->dead && r < 0 && process->kind != PROCESS_SINGLE)
			sim_fail("the node gave %s up, which lives: %d", process->name, r);
	}
	if (!process->dead) {
		process->ending = true;
		truth_process_ends(process, false);
	}
	process->actors = actor_group_free(process->actors);
}

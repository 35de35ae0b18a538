/* SPDX-License-Identifier: Apache-2.0 */
/* The actors of the load, as load.c, calls.c and group.c share them. */
#pragma once

#include "tests/sim/sim.h"

#define KEPT_MAX 4

struct worker {
	struct sim_actor *truth;
	actor_from *kept[KEPT_MAX]; /* calls that are answered later */
	uint64_t kept_ids[KEPT_MAX];
};

extern const struct actor_behavior worker_behavior;
extern const char *const load_names[NAMES_N], *const load_pgs[PGS_N];

static inline struct worker *worker_of(actor *self)
{
	return actor_state(self);
}

/* Stands after each call that may wait: a ghost's handler says nothing any more. */
#define STOP_IF_DEAD()                                                                                       \
	do {                                                                                                 \
		if (process_is_dead())                                                                       \
			return;                                                                              \
	} while (0)

void call_ref(actor *self);
void call_name(actor *self);
void call_pg(actor *self);
void call_many(actor *self);
void answer_kept(actor *self);
int on_ask(actor *self, const actor_msg *msg, actor_from *from);
int on_asked(actor *self, const actor_msg *msg, actor_from *from);

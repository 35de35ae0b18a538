/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "actor/actor.h"
#include "libactor/actor/actor-internal.h"

/* The first cause counts. */
void ending_set_cause(struct actor *self, const char *reason);
/* Sets the cause with which @self will end, in place of any that it has. */
void ending_keep_cause(struct actor *self, const struct actor_cause *cause);
void ending_drop_cause(struct actor *self);

void actor_request_stop(struct actor *self, const char *reason); /* after the running handler */
void actor_request_kill(struct actor *self);
/* An exit signal ends it: what it waits in ends with -ECANCELED, then it terminates. */
void actor_request_exit(struct actor *self, const struct actor_cause *cause);

/* Killed, or ended by itself or by an exit signal. */
static inline bool ending_is_due(const struct actor *self)
{
	return self->killed || self->ended_self;
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "actor/actor.h"
#include "libactor/actor/actor-internal.h"

/* Only the first cause counts. */
void ending_set_cause(struct actor *self, const char *reason);
/* Sets the cause with which @self will end, in place of an earlier one. */
void ending_keep_cause(struct actor *self, const struct actor_cause *cause);
void ending_drop_cause(struct actor *self);

/*
 * They do nothing to an internal actor: straight-line code of the program uses it, and frees it with its
 * group. So a stop, kill, drain or exit signal by whoever knows its ref does not end it, nor does a link.
 */
void actor_request_stop(struct actor *self, const char *reason); /* takes effect after the running handler */
void actor_request_kill(struct actor *self);
/* An exit signal ends the actor: whatever it waits in ends with -ECANCELED, then its terminate runs. */
void actor_request_exit(struct actor *self, const struct actor_cause *cause);

/* True when the actor was killed, or ends by itself or by an exit signal. */
static inline bool ending_is_due(const struct actor *self)
{
	return self->killed || self->ended_self;
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "actor/actor.h"

struct actor;

enum end_how { END_NOT, END_STOP, END_KILL, END_DRAIN };

/* Asks an actor of this group to end. @reason is that of a stop. */
void end_request(struct actor *target, enum end_how how, const char *reason);
/* The same for any other actor, as actor_stop(), actor_kill() and actor_drain() do. END_NOT: does nothing. */
int end_other(actor *self, actor_ref who, enum end_how how, const char *reason);

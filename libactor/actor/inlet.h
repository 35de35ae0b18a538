/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "actor/actor.h"

struct actor;

/* Called once a turn in the loop: moves posts into mailboxes, as far as these have room. */
void inlets_take(actor_group *group, bool rang);
void inlets_end(struct actor *self);
void inlets_drain(struct actor *self); /* the same, after putting all that was posted into the mailbox */

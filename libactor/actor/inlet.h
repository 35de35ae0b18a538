/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "actor/actor.h"

struct actor;

/* Once a turn, in the loop: what was posted comes into mailboxes, as far as they have room. */
void inlets_take(actor_group *group, bool rang);
void inlets_end(struct actor *self);

/* SPDX-License-Identifier: Apache-2.0 */
/* Picks the member of a process group that gets a message. */
#pragma once

#include <stdint.h>

#include "actor/actor.h"

struct actor;

/*
 * Picks a member. @to: one of the ACTOR_DEST_PG_… except ALL. A group with direct links picks from its copy;
 * other groups ask the broker each time. Returns 0; -ESRCH when there are no members; -EINVAL; else as
 * pg_know().
 */
int pg_pick(actor_group *group, struct actor *self, const actor_dest *to, int64_t timeout_ms, actor_ref *ret);
/*
 * Count the open calls to a member that was picked by load: begin when the call is made, end when it ends. If
 * memory runs out, a call is not counted.
 */
void pg_call_begin(actor_group *group, actor_ref to);
void pg_call_end(actor_group *group, actor_ref to);
void pg_loads_init(actor_group *group);
void pg_loads_deinit(actor_group *group);

/* SPDX-License-Identifier: Apache-2.0 */
/* Which member of a process group a message goes to. */
#pragma once

#include <stdint.h>

#include "actor/actor.h"

struct actor;

/*
 * Picks a member. @to: one of the ACTOR_DEST_PG_… but ALL. A group with direct links picks from its copy;
 * others ask the broker each time. 0; -ESRCH: no members; -EINVAL; else as pg_know().
 */
int pg_pick(actor_group *group, struct actor *self, const actor_dest *to, int64_t timeout_ms, actor_ref *ret);
/*
 * A call to a member that was picked by load is open from begin to end, and open calls are the load. If
 * memory runs out, a call is not counted.
 */
void pg_call_begin(actor_group *group, actor_ref to);
void pg_call_end(actor_group *group, actor_ref to);
void pg_loads_init(actor_group *group);
void pg_loads_deinit(actor_group *group);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups of which the supervisor has said, over a link of its own, that they have ended. The broker may hear
 * of the end later than this group. Until then its answers may have refs of the dead group, and such an
 * answer may also be under way already. These answers are not believed. This is safe, because the id of a
 * group is never used twice. The last 4,096 ids are kept.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"

void dead_groups_init(actor_group *group);
void dead_groups_deinit(actor_group *group);
/* If memory is short, the id is not kept. */
void dead_groups_add(actor_group *group, uint64_t id);
bool group_is_dead(const actor_group *group, uint64_t id);

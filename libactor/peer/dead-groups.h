/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups whose end the supervisor told us over a link of its own. The broker may stand still, and hear of the
 * end later than we do. Until then its answers may lead to actors of the dead group, and an answer that it
 * wrote before may still be under way. Such an answer is not believed: ids of groups are never used twice.
 * The last 4,096 ids are kept.
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

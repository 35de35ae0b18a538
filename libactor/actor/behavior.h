/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Behaviors as programs of older headers know them: shorter than ours. Such a one is copied once, with zeroes
 * behind it, and the copy lives as long as the group.
 */
#pragma once

#include <stddef.h>

#include "actor/actor.h"

/* *behavior as it came over the API; afterwards one of our size. 0, -EINVAL, -E2BIG, -ENOMEM */
int behavior_known(actor_group *group, const struct actor_behavior **behavior, size_t behavior_bytes);
void behaviors_free(actor_group *group);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that was built with an older header has a shorter struct actor_behavior. The library copies that
 * once into a struct of its own size, whose last fields are zero. The copy lives as long as the group.
 */
#pragma once

#include <stddef.h>

#include "actor/actor.h"

/* *behavior: the program's; replaced by the copy if it is shorter. Returns 0, -EINVAL, -E2BIG or -ENOMEM. */
int behavior_known(actor_group *group, const struct actor_behavior **behavior, size_t behavior_bytes);
void behaviors_free(actor_group *group);

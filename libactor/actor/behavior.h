/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program built with an older header has a shorter struct actor_behavior. It is copied once into one of our
 * size, whose last fields are zero. The copy lives as long as the group.
 */
#pragma once

#include <stddef.h>

#include "actor/actor.h"

/* *behavior: as the program gave it; replaced by the copy if it is shorter. 0, -EINVAL, -E2BIG, -ENOMEM */
int behavior_known(actor_group *group, const struct actor_behavior **behavior, size_t behavior_bytes);
void behaviors_free(actor_group *group);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "actor/actor.h"

/* Called in the loop when the bell rang: wakes the actors whose functions are done. */
void offloads_take(actor_group *group);
/* The group ends: waits until @deadline_ns for functions that run. */
void offloads_end(actor_group *group, int64_t deadline_ns);

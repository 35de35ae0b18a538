/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "actor/actor.h"

/* In the loop, when the bell rang: what is done is handed to those who wait. */
void offloads_take(actor_group *group);
/* The group ends: waits until then for what runs. */
void offloads_end(actor_group *group, int64_t deadline_ns);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "actor/actor.h"

struct monitor_wait;

/* As actor_monitor(). @wait not NULL: the end is written there, and there is no DOWN. */
int monitor_begin(actor *self, actor_ref who, struct monitor_wait *wait, uint64_t *ret_monitor);

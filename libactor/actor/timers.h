/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "actor/actor.h"

void send_timers_end(struct actor *self);

/* SPDX-License-Identifier: Apache-2.0 */
/* A command that shows what happens until it is ended: an actor writes lines, this drives its group. */
#pragma once

#include <stdbool.h>

#include "actor/actor.h"
#include "tools/view/wait.h"

/* True: a signal ended it, or nobody reads stdout any more. False: the actors of @group have ended. */
bool live_run(actor_group *group, const struct wait_signals *signals);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For commands that show events until they are ended: an actor writes lines, and live_run() runs its group.
 */
#pragma once

#include <stdbool.h>

#include "actor/actor.h"
#include "tools/view/wait.h"

/*
 * Runs @group. True: a signal came, or nobody reads stdout any more. False: the actors of @group have ended.
 */
bool live_run(actor_group *group, const struct wait_signals *signals);

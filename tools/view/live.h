/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For commands that show events until they are ended: an actor writes lines, and live_run() runs its group.
 */
#pragma once

#include <stdbool.h>

#include "actor/actor.h"
#include "tools/view/ctl.h"
#include "tools/view/wait.h"

enum live_end {
	LIVE_INTERRUPTED,  /* by a signal, or nobody reads stdout any more */
	LIVE_ACTORS_ENDED, /* those of the group */
	LIVE_NODE_ENDED,
};

/*
 * What comes of the node is handled before its end is told. A node has ended when its keeper has: a broker
 * alone comes back.
 */
enum live_end live_run(const struct ctl *ctl, actor_group *group, const struct wait_signals *signals);

/* Tells that the node has ended, and returns the exit status. */
int live_fail_node(const struct ctl *ctl);

/* SPDX-License-Identifier: Apache-2.0 */
/* Starting monitors: of an actor in this or another group, or of a process. */
#include <errno.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/monitor.h"
#include "libactor/actor/post.h"
#include "libactor/base/base.h"
#include "libactor/peer/peer.h"
#include "libactor/process.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/list.h"
#include "libactor/util/slots.h"
#include "libactor/watch.h"

/* Lets the spawner watch the process. */
static int monitor_process(struct actor *self, struct monitor *monitor)
{
	uint64_t id = monitor->id;
	int r;

	r = spawner_ask(
		self, "monitor", ACTOR_TIMEOUT_DEFAULT, NULL, "UrU", monitor->who.group, self->ref, id);
	monitor = slots_get(&self->group->monitors, id);
	if (r >= 0 || !monitor)
		return 0; /* the monitor may have fired before the answer came */
	/*
	 * It is not known whether the process has ended, so there is no DOWN. The spawner may still handle
	 * the question; its report then finds no monitor.
	 */
	monitor_remove(self->group, monitor);
	return r;
}

int monitor_begin(actor *self, actor_ref who, struct monitor_wait *wait, uint64_t *ret_monitor)
{
	actor_group *group = self->group;
	struct monitor *monitor;
	uint64_t id;
	int r;

	if (actor_ref_is_nobody(who))
		return -EINVAL;
	r = monitor_new(self, who, &monitor);
	if (r < 0)
		return r;
	id = monitor->id;
	monitor->wait = wait;
	if (ret_monitor)
		*ret_monitor = id;

	if (who.node == group->node && who.group == group->id && !who.serial)
		return 0; /* the actor's own process: when it ends, no actor is left to be told */
	if (!monitor_is_of_process(who) || who.node != group->node)
		return monitor_start(group, monitor);
	if (!actor_is_current(self) && group->loop.in_loop) {
		monitor_forget(group, monitor);
		return -EAGAIN;
	}
	return monitor_process(self, monitor);
}

int actor_monitor(actor *self, actor_ref who, uint64_t *ret_monitor)
{
	return monitor_begin(self, who, NULL, ret_monitor);
}

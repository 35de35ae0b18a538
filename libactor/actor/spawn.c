/* SPDX-License-Identifier: Apache-2.0 */
/* Spawning by an actor. The new actor is a child of its spawner (family.c). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/behavior.h"
#include "libactor/actor/ending.h"
#include "libactor/actor/family.h"
#include "libactor/actor/links.h"
#include "libactor/actor/monitor.h"
#include "libactor/base/base.h"
#include "libactor/loop/timer.h"
#include "libactor/util/clock.h"
#include "libactor/util/sized.h"

#define OPTIONS_FIRST_BYTES sizeof(struct actor_spawn_options) /* the size in version 0.1 */

/* Makes link and monitor before the child runs, so that its end is never missed. */
static int spawn_tie(struct actor *self, struct actor *child, bool link, uint64_t *ret_monitor)
{
	struct monitor *monitor;
	int r = link ? link_make_local(self, child) : 0;

	if (r < 0 || !ret_monitor)
		return r;
	r = monitor_new(self, child->ref, &monitor);
	if (r < 0)
		return r;
	*ret_monitor = monitor->id;
	return monitor_start(self->group, monitor);
}

/* Ends a child that nobody waits for any more. */
static void spawn_give_up(struct actor *self, actor_ref ref)
{
	struct actor *child = actor_find(self->group, ref.serial);

	if (!child)
		return;
	child->spawn_wait = NULL;
	actor_request_kill(child);
}

/* Returns the result of init, or -ETIMEDOUT when the child was killed at the deadline and is over. */
static int spawn_wait_for(struct actor *self, struct actor *child, int64_t deadline_ns)
{
	struct spawn_wait wait = {.parent = self};
	actor_ref ref = child->ref;
	bool late = false;
	int r;

	child->spawn_wait = &wait;
	while (!wait.done) {
		r = actor_park(self, deadline_ns);
		if (wait.done)
			break;
		if (r == -ETIMEDOUT) {
			/* The names that the child has taken must be free before the spawner hears of it. */
			late = true;
			deadline_ns = NEVER_NS;
			actor_request_kill(child);
		} else if (r < 0) {
			/* This actor is to end, or there is no stack to wait on. */
			spawn_give_up(self, ref);
			return r;
		}
	}
	return late && wait.result < 0 ? -ETIMEDOUT : wait.result;
}

/* Copies the argument: init of an instant child runs when the caller's own may be gone. */
static int spawn_keep_arg(struct actor *child, const struct actor_spawn_options *options)
{
	void *copy;

	if (!options->arg_bytes)
		return 0;
	if (!options->arg)
		return -EINVAL;
	copy = malloc(options->arg_bytes);
	if (!copy)
		return -ENOMEM;
	child->init_arg = memcpy(copy, options->arg, options->arg_bytes);
	child->owns_arg = true;
	return 0;
}

static int spawn(actor *self, const struct actor_behavior *behavior, size_t behavior_bytes,
	const struct actor_spawn_options *options, actor_ref *ret, uint64_t *ret_monitor)
{
	int64_t timeout_ms = options->start_timeout_ms;
	struct actor *child;
	uint64_t monitor = 0;
	actor_ref ref;
	int r;

	if (!self || !actor_is_current(self) || timeout_ms < 0 || (options->instant && timeout_ms))
		return -EINVAL;
	r = behavior_known(self->group, &behavior, behavior_bytes);
	if (r < 0)
		return r;
	r = actor_new(self->group, behavior, options->arg, false, &child);
	if (r < 0)
		return r;
	ref = child->ref;
	family_born(self, child);
	child->owned = options->owned;
	actor_joins_stop(child);
	r = spawn_keep_arg(child, options);
	if (r == 0)
		r = spawn_tie(self, child, options->link, ret_monitor ? &monitor : NULL);
	if (r < 0)
		actor_request_kill(child);
	else if (!options->instant)
		r = spawn_wait_for(
			self, child, timeout_ms ? deadline_after_ms(clock_now_ns(), timeout_ms) : NEVER_NS);
	if (r < 0) {
		if (monitor)
			(void)actor_demonitor(self, monitor);
		return r;
	}
	if (ret)
		*ret = ref;
	if (ret_monitor)
		*ret_monitor = monitor;
	return 0;
}

/* ---- public ---- */

int actor_spawn_with_sized(actor *self, const struct actor_behavior *behavior, size_t behavior_bytes,
	const struct actor_spawn_options *options, size_t options_bytes, actor_ref *ret,
	uint64_t *ret_monitor)
{
	struct actor_spawn_options read;
	int r = sized_read(&read, sizeof(read), options, options_bytes, OPTIONS_FIRST_BYTES);

	return r < 0 ? r : spawn(self, behavior, behavior_bytes, &read, ret, ret_monitor);
}

int actor_spawn_sized(actor *self, const struct actor_behavior *behavior, size_t behavior_bytes,
	const void *arg, actor_ref *ret)
{
	struct actor_spawn_options options = {.arg = arg};

	return spawn(self, behavior, behavior_bytes, &options, ret, NULL);
}

int actor_spawn_link_sized(actor *self, const struct actor_behavior *behavior, size_t behavior_bytes,
	const void *arg, actor_ref *ret)
{
	struct actor_spawn_options options = {.arg = arg, .link = true};

	return spawn(self, behavior, behavior_bytes, &options, ret, NULL);
}

int actor_spawn_monitor_sized(actor *self, const struct actor_behavior *behavior, size_t behavior_bytes,
	const void *arg, actor_ref *ret, uint64_t *ret_monitor)
{
	struct actor_spawn_options options = {.arg = arg};
	uint64_t monitor;

	return spawn(self, behavior, behavior_bytes, &options, ret, ret_monitor ? ret_monitor : &monitor);
}

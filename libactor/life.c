/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for the ends of other actors, and the verbs for children. */
#include <errno.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/family.h"
#include "libactor/actor/monitor.h"
#include "libactor/base/base.h"
#include "libactor/loop/timer.h"
#include "libactor/stop.h"
#include "libactor/util/slots.h"
#include "libactor/watch.h"

/* ---- one actor ---- */

/* The monitor begins before the actor is asked to end. Otherwise the cause could be noproc. */
static int end_and_wait(actor *self, actor_ref who, enum end_how how, const char *reason, int64_t timeout_ms,
	struct actor_cause *ret_cause)
{
	int64_t deadline_ns = deadline_of_timeout_ms(timeout_ms);
	struct monitor_wait wait = {0};
	struct monitor *monitor;
	uint64_t id = 0;
	int r;

	if (!self || !actor_is_current(self))
		return -EINVAL;
	if (who.node == self->group->node && who.group == self->group->id &&
		(!who.serial || who.serial == self->ref.serial))
		return -EDEADLK;
	r = monitor_begin(self, who, &wait, &id);
	if (r == 0 && !wait.done)
		r = end_other(self, who, how, reason);
	while (r == 0 && !wait.done)
		r = actor_park(self, deadline_ns);
	monitor = wait.done || !id ? NULL : slots_get(&self->group->monitors, id);
	if (monitor)
		monitor_remove(self->group, monitor);
	if (!wait.done)
		return r;
	if (ret_cause)
		*ret_cause = wait.cause;
	return 0;
}

int actor_wait(actor *self, actor_ref who, int64_t timeout_ms, struct actor_cause *ret_cause)
{
	return end_and_wait(self, who, END_NOT, NULL, timeout_ms, ret_cause);
}

int actor_stop_and_wait(
	actor *self, actor_ref who, const char *reason, int64_t timeout_ms, struct actor_cause *ret_cause)
{
	return end_and_wait(self, who, END_STOP, reason, timeout_ms, ret_cause);
}

int actor_kill_and_wait(actor *self, actor_ref who, int64_t timeout_ms, struct actor_cause *ret_cause)
{
	return end_and_wait(self, who, END_KILL, NULL, timeout_ms, ret_cause);
}

int actor_drain_and_wait(actor *self, actor_ref who, int64_t timeout_ms, struct actor_cause *ret_cause)
{
	return end_and_wait(self, who, END_DRAIN, NULL, timeout_ms, ret_cause);
}

/* ---- children ---- */

static size_t children_end(actor *self, enum end_how how, const char *reason)
{
	size_t n = 0;

	for (struct actor *child = family_youngest(self); child; child = family_older(child)) {
		end_request(child, how, reason);
		n++;
	}
	return n;
}

static int children_end_and_wait(actor *self, enum end_how how, const char *reason, int64_t timeout_ms)
{
	int64_t deadline_ns = deadline_of_timeout_ms(timeout_ms);
	struct actor *child;
	int r = 0;

	if (!self || !actor_is_current(self))
		return -EINVAL;
	while (r == 0 && (child = family_youngest(self))) {
		end_request(child, how, reason);
		r = family_wait(self, child->ref.serial, deadline_ns);
	}
	if (r < 0)
		(void)children_end(self, how, reason);
	return r;
}

actor_ref actor_parent(const actor *self)
{
	const struct actor *parent = family_parent(self);

	return parent ? parent->ref : ACTOR_NOBODY;
}

size_t actor_children(const actor *self, actor_ref *ret, size_t max)
{
	const struct actor *child;
	size_t n = 0, at;

	for (child = family_youngest(self); child; child = family_older(child))
		n++;
	at = n;
	for (child = family_youngest(self); child; child = family_older(child))
		if (--at < max)
			ret[at] = child->ref;
	return n;
}

size_t actor_stop_children(actor *self, const char *reason)
{
	return children_end(self, END_STOP, reason);
}

size_t actor_drain_children(actor *self)
{
	return children_end(self, END_DRAIN, NULL);
}

size_t actor_kill_children(actor *self)
{
	return children_end(self, END_KILL, NULL);
}

int actor_wait_children(actor *self, int64_t timeout_ms)
{
	return children_end_and_wait(self, END_NOT, NULL, timeout_ms);
}

int actor_stop_children_and_wait(actor *self, const char *reason, int64_t timeout_ms)
{
	return children_end_and_wait(self, END_STOP, reason, timeout_ms);
}

int actor_drain_children_and_wait(actor *self, int64_t timeout_ms)
{
	return children_end_and_wait(self, END_DRAIN, NULL, timeout_ms);
}

int actor_kill_children_and_wait(actor *self, int64_t timeout_ms)
{
	return children_end_and_wait(self, END_KILL, NULL, timeout_ms);
}

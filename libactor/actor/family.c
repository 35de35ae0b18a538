/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/actor/family.h"

#include <errno.h>

#include "libactor/actor/ending.h"
#include "libactor/loop/timer.h"
#include "libactor/util/clock.h"
#include "libactor/util/slots.h"

#define STOP_TIMEOUT_MS 5000

static uint32_t slot_of(const struct actor *self)
{
	return (uint32_t)self->ref.serial;
}

void family_born(struct actor *parent, struct actor *child)
{
	struct actor *older = family_youngest(parent);

	child->family.parent = slot_of(parent);
	child->family.older = parent->family.youngest;
	if (older)
		older->family.younger = slot_of(child);
	parent->family.youngest = slot_of(child);
}

static void family_unlink(struct actor *child)
{
	struct actor *parent = family_parent(child), *older = family_older(child),
		     *younger = family_at(child, child->family.younger);

	if (!parent)
		return;
	if (older)
		older->family.younger = child->family.younger;
	if (younger)
		younger->family.older = child->family.older;
	else
		parent->family.youngest = child->family.older;
	child->family.parent = child->family.older = child->family.younger = 0;
	if (parent->awaits_child)
		actor_wake(parent, 0);
}

static void family_let_go(struct actor *parent)
{
	struct actor *child;

	while ((child = family_youngest(parent)))
		family_unlink(child);
}

void family_leave(struct actor *self)
{
	family_unlink(self);
	family_let_go(self);
}

int family_wait(struct actor *self, uint64_t serial, int64_t deadline_ns)
{
	int r = 0;

	self->awaits_child = true;
	while (r == 0 && actor_find(self->group, serial))
		r = actor_park(self, deadline_ns);
	self->awaits_child = false;
	return actor_find(self->group, serial) ? r : 0;
}

/* The youngest child that is to end with @self. Not one that drains: it is to finish its work. */
static struct actor *family_next_owned(const struct actor *self)
{
	struct actor *child = family_youngest(self);

	while (child && (!child->owned || child->draining))
		child = family_older(child);
	return child;
}

static int64_t stop_deadline(const struct actor *child)
{
	int64_t ms = child->behavior->stop_timeout_ms;

	return deadline_after_ms(clock_now_ns(), ms ? ms : STOP_TIMEOUT_MS);
}

void family_end(struct actor *self)
{
	bool kill = self->killed;
	struct actor *child;
	uint64_t serial;
	int r = 0;

	self->task.cancelled = false;
	while (r == 0 && (child = family_next_owned(self))) {
		serial = child->ref.serial;
		if (!kill) {
			actor_request_stop(child, "shutdown");
			r = family_wait(self, serial, stop_deadline(child));
			/* @self was killed meanwhile, so its other children are killed, too. */
			kill = r == -ECANCELED;
			if (r == 0)
				continue;
		}
		actor_request_kill(child);
		do {
			self->task.cancelled = false;
			r = family_wait(self, serial, NEVER_NS);
		} while (r == -ECANCELED);
	}
	family_let_go(self);
}

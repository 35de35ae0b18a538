/* SPDX-License-Identifier: Apache-2.0 */
/* Who is whose child: struct family in actor-internal.h. All of a family are in one group. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "libactor/actor/actor-internal.h"

static inline struct actor *family_at(const struct actor *of, uint32_t slot)
{
	return slot ? slots_at(&of->group->actors, slot) : NULL;
}
/* NULL: the program or another group spawned the actor, or its parent has ended. */
static inline struct actor *family_parent(const struct actor *child)
{
	return family_at(child, child->family.parent);
}
static inline struct actor *family_youngest(const struct actor *parent)
{
	return family_at(parent, parent->family.youngest);
}
static inline struct actor *family_older(const struct actor *child)
{
	return family_at(child, child->family.older);
}

void family_born(struct actor *parent, struct actor *child);
void family_leave(struct actor *self); /* @self is over; its children have no parent after this */
/* Parks @self until its child @serial is over. Returns 0, -ETIMEDOUT, or the error of actor_park(). */
int family_wait(struct actor *self, uint64_t serial, int64_t deadline_ns);
/*
 * @self ends. The children that it owns are stopped one after the other, the youngest first. If @self was
 * killed, they are killed in the same order. Children that drain, and children that @self does not own, go on
 * without a parent.
 */
void family_end(struct actor *self);

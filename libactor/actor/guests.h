/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests: actors that a call `$spawn` asks this group for (docs/protocol.md §3). Any program names behaviors
 * that its group spawns for others.
 */
#pragma once

#include "actor/actor.h"
#include "libactor/base/base.h"

struct actor;

#define GUESTS_MAX_DEFAULT 65536u

int guests_know(actor_group *group, const char *name, const struct actor_behavior *behavior);
/* For the files that guests.c uses itself: actor_group.guest_hooks, set when the first behavior is known. */
struct guest_hooks {
	/* A call `$spawn` came. It is answered when the guest's init is over. */
	void (*asked)(actor_group *group, actor_msg *take_ask);
	/* The caller of a `$spawn` has given up. True: there is such a guest. */
	bool (*cancelled)(actor_group *group, actor_ref caller, uint64_t id);
	void (*ended)(struct actor *self, const struct actor_cause *cause); /* its watchers are told next */
	void (*freed)(struct actor *self);
};
/*
 * @spawner asks for a monitor of @who, or for a link. If @who is a guest of @spawner that has ended, *cause
 * gets its true cause, once for each monitor that the `$spawn` announced.
 */
void guests_met(actor_group *group, actor_ref who, actor_ref spawner, struct actor_cause *cause);
void guests_free(actor_group *group);

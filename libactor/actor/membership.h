/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memberships of our own actors. The broker learns them from here (pg_join, announce). A cast to all
 * members that comes to this process goes to the actors listed here. An actor is listed before the broker has
 * answered its join, so it misses no cast of a sender that sees it as a member.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"

struct actor;
struct own_pg;

void memberships_init(actor_group *group);
void memberships_deinit(actor_group *group);

/* Returns NULL when none of our actors is a member. */
struct own_pg *own_pg_find(actor_group *group, struct wire_str scope, struct wire_str name);
/* Calls @fn once for each actor of ours that is a member. @fn must not wait. */
void own_pg_each(struct own_pg *pg, void (*fn)(struct actor *self, void *arg), void *arg);

/*
 * Handles the call `$pg_join` or `$pg_leave` [scope, group] to @self: @self joins or leaves as if by itself,
 * and the call is answered.
 */
int membership_asked(struct actor *self, const actor_msg *msg, actor_from *from);
/* @self ends: all its memberships end. As with names, this waits for the broker's answer. */
void memberships_release(struct actor *self);
void memberships_discard(struct actor *self); /* the same without telling the broker */
/* Appends all memberships of our actors, as an array for `announce`. */
void memberships_put(actor_group *group, struct buf *b);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What our own actors are members of. This is the truth that a broker learns (pg_join, announce), and whom a
 * cast to all members is handed to: an actor is handed what comes from its join on, before the broker has
 * answered, so nothing that was sent to a member who was seen is lost.
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

/* NULL: none of our actors is a member. */
struct own_pg *own_pg_find(actor_group *group, struct wire_str scope, struct wire_str name);
/* Each actor of ours that is a member, once. @fn must not wait. */
void own_pg_each(struct own_pg *pg, void (*fn)(struct actor *self, void *arg), void *arg);

/*
 * Somebody asks, by the call `$pg_join` or `$pg_leave` [scope, group], that @self joins or leaves. It does as
 * if it had wanted to itself, and answers.
 */
int membership_asked(struct actor *self, const actor_msg *msg, actor_from *from);
/* All memberships of @self end, which ends: the broker's answer is waited for, as for names. */
void memberships_release(struct actor *self);
void memberships_discard(struct actor *self); /* without a word */
/* Appends an array as `announce` has it. */
void memberships_put(actor_group *group, struct buf *b);

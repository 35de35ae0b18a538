/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"

struct actor;
struct monitor;

/*
 * @from, of another group, has made the link @id with @to. Returns 0, or a negative errno: then @to has no
 * half of it.
 */
int link_received(struct actor *to, actor_ref from, uint64_t id);
/* @from has unlinked. @id is the link made by @to that @from knew, or 0. */
void unlink_received(struct actor *to, actor_ref from, uint64_t id);
/* @from has ended; it had made the link @id. */
void link_exit_received(struct actor *to, actor_ref from, uint64_t id, const struct actor_cause *cause);
/* The half that @self has of its link with @who, or NULL. The cost does not depend on the number of links. */
struct monitor *link_find(const struct actor *self, actor_ref who);
/* Makes both halves of a link within the group. Returns 0 or -ENOMEM. */
int link_make_local(struct actor *self, struct actor *other);
/* Removes both halves without a signal. Returns true when there was a link. */
bool link_drop_local(struct actor *self, struct actor *other);
/*
 * @self has ended: tells the actors with which it has made links, and removes its halves. Its watchers know
 * already.
 */
void links_end(struct actor *self, const struct actor_cause *cause);

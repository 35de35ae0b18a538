/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Actors whose end was told here, by a direct link, while the broker's link may still bring their joins: the
 * two links keep no order between them. Such a join is not believed. An actor leaves everything before its
 * end is told, so once the broker has answered what was asked after that, no join is under way any more, and
 * the actor need not be remembered.
 */
#pragma once

#include <stdbool.h>

#include "actor/actor.h"

void pg_gone_init(actor_group *group);
void pg_gone_deinit(actor_group *group);

/* The end of @ref is told to an actor of ours. Costs nothing where nobody asked about process groups. */
void pg_gone_add(actor_group *group, actor_ref ref);
/* True: a join of @ref is an old one. */
bool pg_is_gone(const actor_group *group, actor_ref ref);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Actors whose end came over a direct link, while the broker's link may still bring joins of them: no order
 * is kept between the two links. Such a join is ignored. An actor leaves everything before its end is told.
 * So when the broker has answered a question that was asked after that, no such join is under way any more,
 * and the actor is forgotten.
 */
#pragma once

#include <stdbool.h>

#include "actor/actor.h"

void pg_gone_init(actor_group *group);
void pg_gone_deinit(actor_group *group);

/* An actor of ours was told of the end of @ref. Costs nothing if no actor has asked about process groups. */
void pg_gone_add(actor_group *group, actor_ref ref);
/* True: a join of @ref is an old one, to be ignored. */
bool pg_is_gone(const actor_group *group, actor_ref ref);

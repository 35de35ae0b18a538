/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace that is carried on (docs/protocol.md §3). While a handler runs, or is parked, actor.trace is what
 * its message belongs to. It points into that message, or to memory of its own if the program set it.
 */
#pragma once

#include <stddef.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/protocol/wire.h"

/* A message that is sent because of @cause: a new span of its trace, in @room. */
const struct wire_trace *trace_new_span(
	actor_group *group, const struct wire_trace *cause, struct wire_trace *room);
/* The same, or NULL if @cause is NULL: what is sent belongs to no trace then. */
static inline const struct wire_trace *trace_next(
	actor_group *group, const struct wire_trace *cause, struct wire_trace *room)
{
	return cause ? trace_new_span(group, cause, room) : NULL;
}

/* What @self handles is over. Called only while self->trace is not NULL. */
void trace_drop(struct actor *self);

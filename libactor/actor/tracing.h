/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace that is passed on (docs/protocol.md §3). While a handler runs or is parked, actor.trace is the
 * trace of its message. The pointer leads into that message, or to allocated memory if the program set the
 * trace.
 */
#pragma once

#include <stddef.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/protocol/wire.h"

/* Makes in @room a new span of the trace of @cause, for a message that is sent because of @cause. */
const struct wire_trace *trace_new_span(
	actor_group *group, const struct wire_trace *cause, struct wire_trace *room);
/* The same, or NULL if @cause is NULL: then what is sent belongs to no trace. */
static inline const struct wire_trace *trace_next(
	actor_group *group, const struct wire_trace *cause, struct wire_trace *room)
{
	return cause ? trace_new_span(group, cause, room) : NULL;
}

/* @self has finished its message. Called only while self->trace is not NULL. */
void trace_drop(struct actor *self);

/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/actor/tracing.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "actor/trace.h"
#include "libactor/base/base.h"

_Static_assert(sizeof(struct actor_trace) == sizeof(struct wire_trace) &&
		       offsetof(struct actor_trace, span) == offsetof(struct wire_trace, span) &&
		       offsetof(struct actor_trace, parent) == offsetof(struct wire_trace, parent),
	"the program's words for a trace are the wire's");

/* Spreads the bits of a number over all others, one to one (the finalizer of splitmix64). */
static uint64_t mix(uint64_t n)
{
	n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	n = (n ^ n >> 27) * UINT64_C(0x94d049bb133111eb);
	return n ^ n >> 31;
}

/*
 * A group never uses a span twice, and two groups have the same one only by chance. So neither randomness nor
 * a system call is needed.
 */
static uint64_t span_new(actor_group *group)
{
	uint64_t span;

	do
		span = mix(mix(group->id) + ++group->n_spans);
	while (!span);
	return span;
}

const struct wire_trace *trace_new_span(
	actor_group *group, const struct wire_trace *cause, struct wire_trace *room)
{
	/* a cause without a span is the beginning, so this span has no parent */
	*room = (struct wire_trace){.id = cause->id, .span = span_new(group), .parent = cause->span};
	return room;
}

void trace_drop(struct actor *self)
{
	if (self->owns_trace)
		free((struct wire_trace *)self->trace);
	self->owns_trace = false;
	self->trace = NULL;
}

/* ---- public ---- */

int actor_trace_set(actor *self, const struct actor_trace *trace)
{
	struct wire_trace *own = NULL;

	if (!actor_is_current(self) || (trace && !trace->id))
		return -EINVAL;
	if (trace) {
		own = malloc(sizeof(*own));
		if (!own)
			return -ENOMEM;
		*own = (struct wire_trace){trace->id, trace->span, trace->parent};
	}
	if (self->trace)
		trace_drop(self);
	self->trace = own;
	self->owns_trace = own;
	return 0;
}

int actor_trace_start(actor *self, uint64_t id)
{
	struct actor_trace trace = {.id = id};

	while (!trace.id)
		if (getrandom(&trace.id, sizeof(trace.id), GRND_NONBLOCK) < 0)
			trace.id = mix(self->group->node ^ span_new(self->group)); /* early at boot */
	return actor_trace_set(self, &trace);
}

bool actor_trace_get(const actor *self, struct actor_trace *ret)
{
	if (self->trace && ret)
		*ret = (struct actor_trace){self->trace->id, self->trace->span, self->trace->parent};
	return self->trace;
}

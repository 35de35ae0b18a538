/* SPDX-License-Identifier: Apache-2.0 */
/* The causes of ends, and requests to end: stop, kill, exit signal. The end itself is in actor.c. */
#include "libactor/actor/ending.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/base/base.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/names.h"

/*
 * Nearly all actors end with one of these causes, which need no memory. If there is no memory for another
 * cause, the actor ends with cause_unsaid.
 */
static const struct actor_cause common_causes[] = {
	{.reason = "normal"}, {.reason = "shutdown"}, {.reason = "killed"}, {.reason = ERROR_NOCONNECTION}};
static const struct actor_cause cause_unsaid = {
	.reason = "crash: ENOMEM", .text = "there was no memory for the reason"};

static bool cause_is_common(const struct actor_cause *cause)
{
	return cause == &cause_unsaid ||
	       (cause >= common_causes &&
		       cause < common_causes + sizeof(common_causes) / sizeof(common_causes[0]));
}

void ending_drop_cause(struct actor *self)
{
	if (!cause_is_common(self->cause))
		free((struct actor_cause *)self->cause);
	self->cause = NULL;
}

void ending_keep_cause(struct actor *self, const struct actor_cause *cause)
{
	struct actor_cause *own = malloc(sizeof(*own));

	ending_drop_cause(self);
	self->cause = &cause_unsaid;
	if (own) {
		*own = *cause;
		self->cause = own;
	}
}

/* Only the first cause counts. */
void ending_set_cause(struct actor *self, const char *reason)
{
	struct actor_cause cause;

	if (self->cause)
		return;
	for (size_t i = 0; i < sizeof(common_causes) / sizeof(common_causes[0]) && !self->cause; i++)
		if (!strcmp(reason, common_causes[i].reason))
			self->cause = &common_causes[i];
	if (!self->cause) {
		cause = cause_make(reason);
		ending_keep_cause(self, &cause);
	}
}

void actor_request_stop(struct actor *self, const char *reason)
{
	if (self->internal || self->status == ACTOR_ENDING || self->killed || self->stopping)
		return;
	self->stopping = true;
	ending_set_cause(self, reason && *reason ? reason : "normal");
	actor_make_runnable(self);
}

void actor_request_kill(struct actor *self)
{
	if (self->internal || (self->killed && self->status != ACTOR_ENDING))
		return;
	self->killed = true; /* an actor that is ending already keeps its cause, but kills its children */
	if (self->status != ACTOR_ENDING) {
		ending_drop_cause(self);
		ending_set_cause(self, "killed");
	}
	self->task.cancelled = true;
	actor_wake(self, -ECANCELED);
	actor_make_runnable(self);
}

void actor_request_exit(struct actor *self, const struct actor_cause *cause)
{
	struct actor_cause own = cause_make(cause->reason);

	if (self->internal || ending_is_due(self) || self->status == ACTOR_ENDING)
		return;
	snprintf(own.text, sizeof(own.text), "%s", cause->text);
	self->ended_self = true;
	if (!self->cause)
		ending_keep_cause(self, &own);
	if (!self->group->first_failure.reason[0] && !actor_cause_is_clean(self->cause) &&
		!actor_is_supervised(self))
		self->group->first_failure = *self->cause;
	self->task.cancelled = true;
	actor_wake(self, -ECANCELED);
	actor_make_runnable(self);
}

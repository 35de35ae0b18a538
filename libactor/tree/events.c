/* SPDX-License-Identifier: Apache-2.0 */
/* Events for on_event. They are kept until the supervisor's turn, because on_event may call and wait. */
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/mailbox.h"
#include "libactor/base/base.h"
#include "libactor/message/msg.h"
#include "libactor/tree/tree.h"

struct event {
	struct list link;
	enum actor_supervisor_event_kind kind;
	actor_ref who;
	bool has_cause;
	struct actor_cause cause;
	void *state;
	uint64_t n_restarts;
	char child[];
};

/* Makes the supervisor handle its events. In its terminate it does so without a message. */
static void events_call(struct supervisor *supervisor)
{
	struct actor *self = supervisor->self;
	actor_msg *msg;

	if (supervisor->parked)
		actor_wake(self, 0);
	if (supervisor->events_called || self->status == ACTOR_ENDING)
		return;
	/* If there is no memory for the message, the next event or the end of the supervisor tries again. */
	if (msg_new_received(&msg, self->ref, wire_cstr("$events"), NULL, 0) < 0)
		return;
	msg->kind = MSG_CAST;
	supervisor->events_called = true;
	mailbox_push(self, msg);
}

void event_tell(struct supervisor *supervisor, enum actor_supervisor_event_kind kind,
	const struct child *child, actor_ref who, const struct actor_cause *cause, void *take_state)
{
	const char *name = child ? child->name : "";
	struct event *event;

	if (!supervisor->spec->on_event) {
		free(take_state);
		return;
	}
	event = calloc(1, sizeof(*event) + strlen(name) + 1);
	if (!event) {
		group_log(supervisor->self->group,
			"out of memory for an event of a supervisor (of its child '%s')", name);
		free(take_state);
		return;
	}
	event->kind = kind;
	event->who = who;
	event->has_cause = cause;
	if (cause)
		event->cause = *cause;
	event->state = take_state;
	event->n_restarts = child && child->engine ? child->engine->n_restarts : 0;
	memcpy(event->child, name, strlen(name) + 1);
	list_append(&supervisor->events, &event->link);
	events_call(supervisor);
}

void events_handle(struct supervisor *supervisor)
{
	struct list *it;

	supervisor->events_called = false;
	while ((it = list_pop(&supervisor->events))) {
		struct event *event = container_of(it, struct event, link);

		supervisor->spec->on_event(supervisor->self,
			&(struct actor_supervisor_event){
				.kind = event->kind,
				.child = event->child,
				.who = event->who,
				.cause = event->has_cause ? &event->cause : NULL,
				.state = event->state,
				.n_restarts = event->n_restarts,
			},
			supervisor->spec->arg);
		free(event->state);
		free(event);
	}
}

void events_drop(struct supervisor *supervisor)
{
	struct list *it;

	while ((it = list_pop(&supervisor->events))) {
		struct event *event = container_of(it, struct event, link);

		free(event->state);
		free(event);
	}
}

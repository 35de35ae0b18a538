/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an actor hears that the caller of a call has given up, or has given credit. It may ask
 * (actor_call_cancelled()), or have a function called. For the function a message (the token) is made in
 * advance, so no memory is needed when the caller gives up.
 */
#include "libactor/actor/cancel.h"

#include <errno.h>

#include "actor/actor.h"
#include "libactor/actor/actor-internal.h"
#include "libactor/actor/answer.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/served.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/wire.h"

static int token_new(const struct actor_from *from, enum served_event event, actor_msg **ret)
{
	int r = msg_new_received(ret, ACTOR_NOBODY, wire_cstr("on_cancel"), NULL, 0);

	if (r < 0)
		return r;
	(*ret)->kind = event == SERVED_CANCEL ? MSG_CANCEL : MSG_CREDIT;
	(*ret)->id = from->kept_id;
	return 0;
}

static int cancel_watch(actor *self, actor_from *kept, enum served_event event,
	int (*told)(actor *self, actor_from *from, void *arg), void *arg)
{
	struct actor_from *from;
	int r;

	r = from_find(kept, &from);
	if (r < 0)
		return r;
	if (!from_is_kept(kept) || from->callee != self || !told)
		return -EINVAL;
	if (event == SERVED_CREDIT && !from->served.is_stream)
		return -EOPNOTSUPP;
	if (!from->served.events[event].token) {
		r = token_new(from, event, &from->served.events[event].token);
		if (r < 0)
			return r;
	}
	from->served.events[event].told = told;
	from->served.events[event].arg = arg;
	if (event == SERVED_CANCEL &&
		served_is_over(from)) { /* the caller has given up before: no event follows */
		mailbox_push(self, from->served.events[event].token);
		from->served.events[event].token = NULL;
	}
	return 0;
}

int cancel_handle(actor *self, const actor_msg *token)
{
	enum served_event event = token->kind == MSG_CANCEL ? SERVED_CANCEL : SERVED_CREDIT;
	actor_from *kept = from_of_id(token->id);
	struct actor_from *from;

	if (from_find(kept, &from) < 0 || from->callee != self)
		return 0;
	if (event == SERVED_CREDIT && !from->served.events[event].token &&
		token_new(from, event, &from->served.events[event].token) < 0)
		actor_starve(self, "of the credit of a stream");
	return from->served.events[event].told(self, kept, from->served.events[event].arg);
}

/* ---- public ---- */

bool actor_call_cancelled(const actor_from *from)
{
	struct actor_from *found;

	return from_find(from, &found) < 0 || served_is_over(found);
}

int actor_call_on_cancel(
	actor *self, actor_from *kept, int (*cancelled)(actor *self, actor_from *from, void *arg), void *arg)
{
	return cancel_watch(self, kept, SERVED_CANCEL, cancelled, arg);
}

int actor_stream_on_credit(
	actor *self, actor_from *kept, int (*credited)(actor *self, actor_from *from, void *arg), void *arg)
{
	return cancel_watch(self, kept, SERVED_CREDIT, credited, arg);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests: calls whose callers do not wait in them. The answer is kept in the request. If the caller has
 * on_reply, a token in its mailbox brings the answer there. If the caller waits for the request instead, it
 * takes the answer, and the token then finds no request. The token is made with the request, so telling of an
 * answer needs no memory.
 */
#include "libactor/actor/call-request.h"

#include <errno.h>
#include <stdlib.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/ending.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/pg-pick.h"
#include "libactor/actor/post.h"
#include "libactor/actor/tracing.h"
#include "libactor/base/base.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "libactor/util/list.h"
#include "libactor/util/slots.h"

/*
 * Casts the result as the only argument. Any failure, -EREMOTEIO included, becomes the caller's answer
 * instead.
 */
static int request_forward(struct call_request *request, const actor_msg *reply)
{
	actor_group *group = request->owner->group;
	const struct wire_dest to = {.ref = request->forward_to};
	struct buf args = BUF_INIT;
	int r;

	mp_put_array(&args, 1);
	buf_append(&args, reply->body, reply->body_bytes);
	r = buf_error(&args);
	if (r == 0)
		r = send_caused_cast(group, request->owner, call_trace(&request->call), &to,
			wire_cstr(request->forward_method), args.data, args.size_bytes);
	buf_deinit(&args);
	return r;
}

static void request_done(struct call *call, int error, actor_msg *take_reply)
{
	struct call_request *request = container_of(call, struct call_request, call);

	if (error == -ESRCH && !call->said_noproc && request->again &&
		request->owner->status != ACTOR_ENDING && request->again->seek(request, &error))
		return;
	call_request_end(request, error, take_reply);
}

void call_request_end(struct call_request *request, int error, actor_msg *take_reply)
{
	struct actor *owner = request->owner;

	request->done = true;
	request->seeker = 0;
	if (request->counts_for_least)
		pg_call_end(owner->group, request->answer.who);
	request->counts_for_least = false;
	if (error == 0 && request->forward_method) {
		error = request_forward(request, take_reply);
		actor_msg_free(take_reply);
		if (error == 0) {
			call_request_free(request);
			return;
		}
		take_reply = NULL;
	}
	request->answer.r = error;
	request->answer.msg = take_reply;
	if (owner->waits_for_requests)
		actor_wake(owner, 0);
	if (request->token && owner->status != ACTOR_ENDING) {
		mailbox_push(owner, request->token);
		request->token = NULL;
	}
}

int call_request_new(struct actor *owner, struct call_request **ret)
{
	actor_group *group = owner->group;
	struct call_request *request = calloc(1, sizeof(*request));
	int r;

	if (!request)
		return -ENOMEM;
	request->owner = owner;
	request->call.done = request_done;
	r = slots_take(&group->requests, request, &request->id);
	if (r < 0) {
		free(request);
		return r;
	}
	list_append(&owner->requests, &request->by_owner);
	if (owner->behavior->on_reply) {
		r = msg_new_received(&request->token, ACTOR_NOBODY, wire_cstr("on_reply"), NULL, 0);
		if (r < 0) {
			request->done = true; /* no call is open */
			call_request_free(request);
			return r;
		}
		request->token->kind = MSG_REPLY;
		request->token->id = request->id;
	}
	*ret = request;
	return 0;
}

/* Who seeks another target may be parked with our words: what they are in goes with that actor. */
static bool leave_to_seeker(struct call_request *request)
{
	struct actor *seeker = actor_find(request->owner->group, request->seeker);

	if (!request->seeker || !seeker)
		return false;
	request->owner = seeker;
	request->seeker = 0;
	request->done = true;
	list_append(&seeker->requests, &request->by_owner);
	actor_request_kill(seeker);
	return true;
}

void call_request_free(struct call_request *request)
{
	if (!request->done && !request->seeker)
		call_cancel(&request->call);
	if (request->counts_for_least)
		pg_call_end(request->owner->group, request->answer.who);
	request->counts_for_least = false;
	if (request->id)
		slots_give(&request->owner->group->requests, request->id);
	request->id = 0;
	list_remove(&request->by_owner);
	request->answer.msg = actor_msg_free(request->answer.msg);
	request->token = actor_msg_free(request->token);
	if (leave_to_seeker(request))
		return;
	free(request->again);
	free(request->forward_method);
	free(request);
}

int call_request_handle(struct actor *self, const actor_msg *token)
{
	struct call_request *request = slots_get(&self->group->requests, token->id);
	struct actor_answer answer;
	struct wire_trace trace;
	int r;

	if (!request || request->owner != self)
		return 0;
	answer = request->answer;
	request->answer.msg = NULL;
	trace = request->call.trace;
	if (trace.id)
		self->trace = &trace;
	call_request_free(request);
	r = self->behavior->on_reply ? self->behavior->on_reply(self, token->id, &answer) : 0;
	if (self->trace)
		trace_drop(self);
	actor_msg_free(answer.msg);
	return r;
}

void call_requests_end(struct actor *self)
{
	while (!list_is_empty(&self->requests))
		call_request_free(container_of(self->requests.next, struct call_request, by_owner));
}

/* ---- public ---- */

/*
 * Returns one of @ids that has its answer; without @ids, one of all requests. *ret_n_open: how many of them
 * are open.
 */
static struct call_request *request_ready(
	struct actor *self, const uint64_t *ids, size_t n, size_t *ret_n_open)
{
	struct call_request *request;

	*ret_n_open = 0;
	for (size_t i = 0; i < n; i++) {
		request = slots_get(&self->group->requests, ids[i]);
		if (!request || request->owner != self)
			continue;
		++*ret_n_open;
		if (request->done)
			return request;
	}
	if (n)
		return NULL;
	list_for_each(it, &self->requests) {
		request = container_of(it, struct call_request, by_owner);
		++*ret_n_open;
		if (request->done)
			return request;
	}
	return NULL;
}

int actor_request_wait(actor *self, const uint64_t *requests, size_t n, int64_t timeout_ms,
	uint64_t *ret_request, struct actor_answer *ret)
{
	int64_t deadline_ns = deadline_of_timeout_ms(timeout_ms);
	struct call_request *request;
	size_t n_open;
	int r = 0;

	if (!actor_is_current(self) || !ret || (n && !requests))
		return -EINVAL;
	for (;;) {
		request = request_ready(self, requests, n, &n_open);
		if (request)
			break;
		if (!n_open)
			return -ESRCH;
		if (r < 0)
			return r;
		self->waits_for_requests = true;
		r = actor_park(self, deadline_ns);
		self->waits_for_requests = false;
	}
	if (ret_request)
		*ret_request = request->id;
	*ret = request->answer;
	request->answer.msg = NULL;
	call_request_free(request);
	return 0;
}

bool actor_request_cancel(actor *self, uint64_t id)
{
	struct call_request *request = slots_get(&self->group->requests, id);

	if (!request || request->owner != self)
		return false;
	call_request_free(request);
	return true;
}

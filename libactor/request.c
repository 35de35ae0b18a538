/* SPDX-License-Identifier: Apache-2.0 */
/* Making requests. A request goes the way of a call (send.c), but does not wait for the answer. */
#include "libactor/actor/call-request.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/pg-pick.h"
#include "libactor/actor/post.h"
#include "libactor/base/base.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/wire.h"
#include "libactor/send.h"
#include "libactor/util/slots.h"

/* The call itself; after send_ready(). */
static int request_call(struct call_request *request, const struct send *send, const char *method,
	const uint8_t *body, size_t body_bytes)
{
	int r;

	if (!send->dest.name.s)
		request->answer.who = send->dest.ref;
	r = call_start(&request->call, send->group, request->owner, &send->dest, wire_cstr(method), body,
		body_bytes, send->deadline_ns);
	if (r < 0)
		return r;
	request->done = false;
	request->counts_for_least = send->to->name && send->to->to.by.how == ACTOR_DEST_PG_LEAST;
	return 0;
}

/* ---- another target ---- */

/*
 * The new call is caused by what caused the first one, and not by what its owner handles meanwhile. Nor does
 * anybody wait for it who waits for an answer of the owner.
 */
static int request_call_again(struct call_request *request, const struct send *send)
{
	const struct request_again *again = request->again;
	const struct wire_trace was = request->call.trace, cause = {.id = was.id, .span = was.parent};
	struct actor *owner = request->owner;
	actor_from *answering = owner->answering;
	const struct wire_trace *trace = owner->trace;
	int r;

	owner->answering = NULL;
	owner->trace = was.id ? &cause : NULL;
	r = request_call(request, send, again->method, again->args, again->args_bytes);
	owner->answering = answering;
	owner->trace = trace;
	return r;
}

/* What a seeker does: as request_make(), from where the first call came to nobody. */
static int seeker_init(actor *self, const void *arg)
{
	const uint64_t id = *(uint64_t *)actor_state(self);
	struct call_request *request = slots_get(&self->group->requests, id);
	struct request_again *again = request->again;
	struct send send = {self->group, self, &again->to, again->deadline_ns};
	int r = -ESRCH;

	request->counts_for_least = false; /* send_again() takes it off */
	send.dest.ref = request->answer.who;
	send.found = true;
	send.n_tries = again->n_tries;
	while (send_again(&send, &r)) {
		r = send_find(&send);
		if (r == 0)
			r = send_ready(self->group, self, &send.dest, send.deadline_ns);
		request = slots_get(&self->group->requests, id);
		if (!request) { /* nobody wants it any more; what again has is still there (call-request.c) */
			if (send.found && again->to.to.by.how == ACTOR_DEST_PG_LEAST)
				pg_call_end(self->group, send.dest.ref);
			break;
		}
		again->n_tries = send.n_tries;
		if (r == 0)
			r = request_call_again(request, &send);
		if (r == 0)
			break;
	}
	if (request && r == 0)
		request->seeker = 0;
	else if (request)
		call_request_end(request, r, NULL);
	return actor_stop(self, actor_self(self), NULL);
}

static const struct actor_behavior seeker_behavior = {
	.name = "seeker", .state_size = sizeof(uint64_t), .init = seeker_init};

static bool request_seek(struct call_request *request, int *r)
{
	struct actor *seeker;

	*r = actor_new(request->owner->group, &seeker_behavior, NULL, true, &seeker);
	if (*r < 0)
		return false;
	*(uint64_t *)seeker->state = request->id;
	request->seeker = seeker->ref.serial;
	return true;
}

static char *keep_text(uint8_t **at, const char *text)
{
	size_t bytes = text ? strlen(text) + 1 : 0;
	char *kept = text ? memcpy(*at, text, bytes) : NULL;

	*at += bytes;
	return kept;
}

static size_t text_bytes(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

/* Keeps what another call would need. A request to one ref, or to one name, has only that target. */
static int request_keep(struct call_request *request, const struct send *send, const char *method,
	const uint8_t *body, size_t body_bytes)
{
	const actor_dest *to = send->to;
	struct request_again *again = request->again;
	uint8_t *at;

	if (!to->name || to->to.by.how == ACTOR_DEST_NAME)
		return 0;
	if (!again) {
		again = malloc(sizeof(*again) + text_bytes(to->name) + text_bytes(to->to.by.scope) +
			       text_bytes(to->to.by.key) + text_bytes(method) + body_bytes);
		if (!again)
			return -ENOMEM;
		at = again->bytes;
		again->to = *to;
		again->to.name = keep_text(&at, to->name);
		again->to.to.by.scope = keep_text(&at, to->to.by.scope);
		again->to.to.by.key = keep_text(&at, to->to.by.key);
		again->method = keep_text(&at, method);
		again->args = body_bytes ? memcpy(at, body, body_bytes) : NULL;
		again->args_bytes = body_bytes;
		again->seek = request_seek;
		request->again = again;
	}
	again->deadline_ns = send->deadline_ns;
	again->n_tries = send->n_tries;
	return 0;
}

/* ---- the first ---- */

static int request_start(
	struct call_request *request, struct send *send, const char *method, const struct send_args *args)
{
	const uint8_t *body;
	size_t body_bytes;
	int r;

	r = send_ready_to_call(send->group, send->self, &send->dest, method, send->deadline_ns);
	if (r == 0)
		r = send_args_body(send->group, args, &body, &body_bytes);
	if (r == 0)
		r = request_keep(request, send, method, body, body_bytes);
	return r < 0 ? r : request_call(request, send, method, body, body_bytes);
}

static int request_make(actor *self, const actor_dest *to, const char *method, int64_t timeout_ms,
	actor_ref forward_to, const char *forward_method, const struct send_args *args, uint64_t *ret)
{
	struct send send = {self->group, self, to, deadline_of_timeout_ms(timeout_ms)};
	struct call_request *request;
	uint64_t id;
	int r;

	if (!actor_is_current(self) ||
		(forward_method && (post_check_method(forward_method) < 0 || !forward_to.serial)))
		return -EINVAL;
	r = post_check_method(method);
	if (r == 0)
		r = call_request_new(self, &request);
	if (r < 0)
		return r;
	id = request->id;
	request->done = true; /* no call is open yet */
	if (forward_method) {
		request->forward_to = forward_to;
		request->forward_method = strdup(forward_method);
		r = request->forward_method ? 0 : -ENOMEM;
	}
	if (r == 0) {
		do {
			r = send_find(&send);
			if (r == 0)
				r = request_start(request, &send, method, args);
		} while (r < 0 && send_again(&send, &r));
	}
	if (r < 0) {
		call_request_free(request);
		return r;
	}
	if (ret)
		*ret = id;
	return 0;
}

int actor_request(actor *self, actor_dest to, const char *method, int64_t timeout_ms, uint64_t *ret_request,
	const char *format, ...)
{
	struct send_args args = {.format = format};
	va_list list;
	int r;

	va_start(list, format);
	args.list = &list;
	r = request_make(self, &to, method, timeout_ms, ACTOR_NOBODY, NULL, &args, ret_request);
	va_end(list);
	return r;
}

int actor_request_msg(actor *self, actor_dest to, const char *method, int64_t timeout_ms,
	actor_msg **take_args, uint64_t *ret_request)
{
	struct send_args args = {.msg = take_args ? *take_args : NULL};
	int r = request_make(self, &to, method, timeout_ms, ACTOR_NOBODY, NULL, &args, ret_request);

	if (r == 0 && take_args)
		*take_args = actor_msg_free(*take_args);
	return r;
}

int actor_call_and_forward(actor *self, actor_dest to, const char *method, int64_t timeout_ms,
	actor_ref forward_to, const char *forward_method, uint64_t *ret_request, const char *format, ...)
{
	struct send_args args = {.format = format};
	va_list list;
	int r;

	if (!forward_method)
		return -EINVAL;
	va_start(list, format);
	args.list = &list;
	r = request_make(self, &to, method, timeout_ms, forward_to, forward_method, &args, ret_request);
	va_end(list);
	return r;
}

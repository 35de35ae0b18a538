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
#include "libactor/send.h"
#include "libactor/util/buf.h"

/*
 * The arguments of a request. They are packed when the request can be sent, and again for each further
 * target.
 */
struct request_args {
	const char *format;
	va_list *list;
	const actor_msg *msg;
};

static int args_body(
	actor_group *group, const struct request_args *args, const uint8_t **ret_body, size_t *ret_bytes)
{
	va_list list;
	int r;

	*ret_body = NULL;
	*ret_bytes = 0;
	if (!args->list)
		return args->msg ? msg_take_body(args->msg, BODY_ARGS, ret_body, ret_bytes) : 0;
	buf_reset(&group->scratch, 1 << 16);
	va_copy(list, *args->list);
	r = body_vpack(&group->scratch, BODY_ARGS, args->format ? args->format : "", list);
	va_end(list);
	*ret_body = group->scratch.data;
	*ret_bytes = group->scratch.size_bytes;
	return r;
}

static int request_start(
	struct call_request *request, struct send *send, const char *method, const struct request_args *args)
{
	actor_group *group = send->group;
	const uint8_t *body;
	size_t body_bytes;
	int r;

	r = send_ready(group, send->self, &send->dest, send->deadline_ns);
	if (r == 0)
		r = args_body(group, args, &body, &body_bytes);
	if (r < 0)
		return r;
	if (!send->dest.name.s)
		request->answer.who = send->dest.ref;
	r = call_start(&request->call, group, send->self, &send->dest, wire_cstr(method), body, body_bytes,
		send->deadline_ns);
	if (r < 0)
		return r;
	request->done = false;
	request->counts_for_least = send->to->name && send->to->to.by.how == ACTOR_DEST_PG_LEAST;
	return 0;
}

static int request_make(actor *self, const actor_dest *to, const char *method, int64_t timeout_ms,
	actor_ref forward_to, const char *forward_method, const struct request_args *args, uint64_t *ret)
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
	struct request_args args = {.format = format};
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
	struct request_args args = {.msg = take_args ? *take_args : NULL};
	int r = request_make(self, &to, method, timeout_ms, ACTOR_NOBODY, NULL, &args, ret_request);

	if (r == 0 && take_args)
		*take_args = actor_msg_free(*take_args);
	return r;
}

int actor_call_and_forward(actor *self, actor_dest to, const char *method, int64_t timeout_ms,
	actor_ref forward_to, const char *forward_method, uint64_t *ret_request, const char *format, ...)
{
	struct request_args args = {.format = format};
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

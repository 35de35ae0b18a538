/* SPDX-License-Identifier: Apache-2.0 */
/* Opening streams. A stream goes the way of a request (request.c), but to one target only. */
#include <errno.h>
#include <stdarg.h>

#include "actor/actor.h"
#include "libactor/actor/actor-internal.h"
#include "libactor/actor/post.h"
#include "libactor/actor/inflow.h"
#include "libactor/base/base.h"
#include "libactor/protocol/wire.h"
#include "libactor/send.h"

int stream_open(struct actor *owner, struct send *send, const char *method, struct actor_stream_window window,
	const struct send_args *args, stream_ready_fn ready, void *arg, uint64_t *ret)
{
	struct inflow *stream;
	const uint8_t *body;
	size_t body_bytes;
	uint64_t id;
	int r;

	r = ret ? post_check_method(method) : -EINVAL;
	if (r == 0)
		r = inflow_new(owner, &stream);
	if (r < 0)
		return r;
	id = stream->id;
	stream->outside = !send->self;
	stream->window.items = window.items ? window.items : ACTOR_STREAM_WINDOW_ITEMS;
	stream->window.bytes = window.bytes ? window.bytes : ACTOR_STREAM_WINDOW_BYTES;
	do {
		r = send_find(send);
		if (r == 0)
			r = ready(arg, send, method);
		if (r == 0)
			r = send_args_body(send->group, args, &body, &body_bytes);
		if (r == 0)
			r = inflow_start(
				stream, &send->dest, wire_cstr(method), body, body_bytes, send->deadline_ns);
	} while (r < 0 && send_again(send, &r));
	if (r < 0)
		inflow_free(stream);
	else
		*ret = id;
	return r;
}

static int actor_ready(void *arg, const struct send *send, const char *method)
{
	return send_ready_to_call(send->group, send->self, &send->dest, method, send->deadline_ns);
}

int actor_stream_open(actor *self, actor_dest to, const char *method, int64_t timeout_ms,
	struct actor_stream_window window, uint64_t *ret_stream, const char *format, ...)
{
	struct send send = {self->group, self, &to, deadline_of_timeout_ms(timeout_ms)};
	struct send_args args = {.format = format};
	va_list list;
	int r;

	if (!actor_is_current(self))
		return -EINVAL;
	va_start(list, format);
	args.list = &list;
	r = stream_open(self, &send, method, window, &args, actor_ready, NULL, ret_stream);
	va_end(list);
	return r;
}

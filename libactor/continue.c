/* SPDX-License-Identifier: Apache-2.0 */
/* A cast of an actor to itself, ahead of all messages that wait. */
#include <errno.h>
#include <stdarg.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/post.h"
#include "libactor/base/base.h"
#include "libactor/message/msg.h"
#include "libactor/util/buf.h"

int actor_continue(actor *self, const char *method, const char *format, ...)
{
	struct buf *scratch;
	actor_msg *msg;
	va_list args;
	int r;

	if (!self || !actor_is_current(self) || self->status == ACTOR_ENDING)
		return -EINVAL;
	r = post_check_method(method);
	if (r < 0)
		return r;
	scratch = &self->group->scratch;
	va_start(args, format);
	r = body_vpack_alone(scratch, BODY_ARGS, format, args);
	va_end(args);
	if (r == 0)
		r = msg_new_traced(
			&msg, self->ref, wire_cstr(method), scratch->data, scratch->size_bytes, self->trace);
	if (r == 0)
		mailbox_push_next(self, msg);
	return r;
}

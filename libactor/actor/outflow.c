/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams, at the callee's end. A stream is a call with items before its answer. The answer ends the stream,
 * and is sent as any answer (answer.c). This file sends the items, as far as the caller's credit allows.
 */
#include <errno.h>
#include <stdarg.h>

#include "actor/actor.h"
#include "libactor/actor/actor-internal.h"
#include "libactor/actor/answer.h"
#include "libactor/actor/call.h"
#include "libactor/actor/served.h"
#include "libactor/base/base.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/peer/answer-shares.h"
#include "libactor/peer/peer.h"
#include "libactor/peer/pressure.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"
#include "libactor/transport/transport.h"
#include "libactor/util/buf.h"
#include "libactor/util/clock.h"
#include "libactor/util/slots.h"

static int64_t sooner_ns(int64_t deadline_ns, int64_t deadline_us)
{
	int64_t other_ns =
		deadline_us > 0 && deadline_us < INT64_MAX / 1000 ? deadline_us * 1000 + 1000 : NEVER_NS;

	return deadline_ns < other_ns ? deadline_ns : other_ns;
}

/* The link that has no room for an item; NULL: there is room. */
static struct peer *full_link(const struct actor_from *from)
{
	struct peer *peer = NULL;

	if (from->to.group != from->group->id)
		peer = peer_back(from->group, from->to.group, from->way);
	return peer && !peer_has_room(peer) ? peer : NULL;
}

/*
 * Waits until an item may be sent: until there is credit and the link has room. The link is looked at too,
 * since a caller may give more credit than a link should hold. The call may end during the wait, so it is
 * looked up again after each wait.
 */
static int outflow_ready(struct actor *self, actor_from *to, int64_t timeout_ms, struct actor_from **ret)
{
	int64_t deadline_ns = deadline_of_timeout_ms(timeout_ms), until_ns;
	struct actor_from *from;
	struct peer *full;
	int r, found;

	for (;;) {
		r = from_find(to, &from);
		if (r < 0)
			return r;
		*ret = from;
		if (!from->served.is_stream)
			return -EOPNOTSUPP;
		if (served_is_over(from))
			return -EPIPE;
		full = timeout_ms && served_has_credit(from) ? full_link(from) : NULL;
		if (!full && served_has_credit(from))
			return 0;
		if (!timeout_ms) {
			from->served.wants_credit = true;
			return -EAGAIN;
		}
		if (from->served.sender)
			return -EBUSY;
		if (clock_now_ns() >= deadline_ns)
			return -ETIMEDOUT;
		from->served.sender = self->ref.serial;
		until_ns = sooner_ns(deadline_ns, from->deadline_us);
		r = full ? peer_wait_room(full, &self->task, until_ns) : actor_park(self, until_ns);
		found = from_find(to, &from);
		if (found == 0)
			from->served.sender = 0;
		if (r < 0 && r != -ETIMEDOUT && r != -ESRCH)
			return r;
	}
}

static int outflow_put(struct actor_from *from, const void *value, size_t value_bytes)
{
	actor_group *group = from->group;
	struct served *served = &from->served;
	struct peer *peer;
	struct call *call;
	actor_msg *item;
	int r;

	if (from->to.group == group->id) {
		call = slots_get(&group->calls, from->id);
		if (!call || !call_takes_item(call))
			return -EPIPE;
		r = msg_new_received(&item, from->callee->ref, wire_cstr(""), value, value_bytes);
		if (r < 0)
			return r;
		served->sent.items++;
		served->sent.bytes += value_bytes;
		call_item(call, item);
		return 0;
	}
	peer = peer_back(group, from->to.group, from->way);
	if (!peer)
		return -EPIPE;
	if (!answer_share_take(peer, from->to.group, value_bytes)) {
		from_refuse(from, ERROR_OVERLOADED,
			"64 MiB of answers wait for the asking group, which does not read them");
		return -EPIPE;
	}
	served->sent.items++;
	served->sent.bytes += value_bytes;
	wire_put_item(peer_out(peer), from->to, from->callee->ref, from->id, value, value_bytes);
	peer_wrote(peer);
	return 0;
}

/* ---- public ---- */

bool actor_from_wants_stream(const actor_from *from)
{
	struct actor_from *found;

	return from_find(from, &found) == 0 && found->served.is_stream;
}

int actor_stream_send(actor *self, actor_from *to, int64_t timeout_ms, const char *format, ...)
{
	struct actor_from *from;
	struct buf *scratch;
	va_list args;
	int r;

	if (!format || !actor_is_current(self))
		return -EINVAL;
	r = outflow_ready(self, to, timeout_ms, &from);
	if (r < 0)
		return r;
	scratch = &from->group->scratch;
	va_start(args, format);
	r = body_vpack_alone(scratch, BODY_RESULT, format, args);
	va_end(args);
	return r < 0 ? r : outflow_put(from, scratch->data, scratch->size_bytes);
}

int actor_stream_send_msg(actor *self, actor_from *to, int64_t timeout_ms, actor_msg **take_value)
{
	struct actor_from *from;
	const uint8_t *body;
	size_t body_bytes;
	int r;

	if (!take_value || !*take_value || !actor_is_current(self))
		return -EINVAL;
	r = msg_take_body(*take_value, BODY_RESULT, &body, &body_bytes);
	if (r == 0)
		r = outflow_ready(self, to, timeout_ms, &from);
	if (r == 0)
		r = outflow_put(from, body, body_bytes);
	if (r == 0)
		*take_value = actor_msg_free(*take_value);
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "libactor/protocol/wire.h"

/*
 * Writes @f, a frame that was parsed, to @b. False: the `waits` of @f, which says who waits for the call,
 * cannot be read.
 */
static inline bool frame_write(struct buf *b, const struct wire_frame *f)
{
	const actor_ref *ref = f->has_ref ? &f->to.ref : NULL;
	const struct wire_trace *trace = f->trace.id ? &f->trace : NULL;
	struct wire_waits waits;

	switch (f->type) {
	case WIRE_CAST:
		wire_put_traced_cast(b, &f->to, f->from, f->method, f->body, f->body_bytes, trace);
		break;
	case WIRE_CALL:
		if (f->wants_stream) { /* such a call says nothing of who waits */
			wire_put_stream_call(b, &f->to, f->from, f->method, f->body, f->body_bytes, f->id,
				f->deadline_us, f->credit, trace);
			break;
		}
		if (f->waits && wire_waits_read(f->waits, f->waits_bytes, &waits) < 0)
			return false;
		wire_put_traced_call(b, &f->to, f->from, f->method, f->body, f->body_bytes, f->id,
			f->deadline_us, f->waits ? &waits : NULL, trace);
		break;
	case WIRE_REPLY:
		if (f->n_items)
			wire_put_stream_reply(
				b, f->to.ref, f->from, f->id, f->body, f->body_bytes, f->n_items, trace);
		else
			wire_put_traced_reply(b, f->to.ref, f->from, f->id, f->body, f->body_bytes, trace);
		break;
	case WIRE_ERROR:
		wire_put_traced_error(b, f->to.ref, f->from, f->id, f->method, f->text, trace);
		break;
	case WIRE_STOP:
		wire_put_stop(b, &f->to, f->from, f->text);
		break;
	case WIRE_KILL:
		wire_put_kill(b, &f->to, f->from);
		break;
	case WIRE_MONITOR:
		wire_put_monitor(b, &f->to, f->from, f->id);
		break;
	case WIRE_DEMONITOR:
		wire_put_demonitor(b, f->to.ref, f->from, f->id);
		break;
	case WIRE_DOWN:
		wire_put_down(b, f->to.ref, f->from, f->id, f->body, f->body_bytes);
		break;
	case WIRE_PAUSE:
		if (ref)
			wire_put_pause_named(b, *ref, f->method);
		else
			wire_put_pause(b, NULL);
		break;
	case WIRE_RESUME:
		wire_put_resume(b, ref);
		break;
	case WIRE_PING:
		wire_put_ping(b, f->id);
		break;
	case WIRE_PONG:
		wire_put_pong(b, f->id);
		break;
	case WIRE_BYE:
		wire_put_bye(b, f->text);
		break;
	case WIRE_JOIN:
		wire_put_join(b, f->id);
		break;
	case WIRE_EXIT:
		wire_put_exit(b, f->to.ref, f->from, f->id, f->body, f->body_bytes);
		break;
	case WIRE_LINK:
		wire_put_link(b, f->to.ref, f->from, f->id);
		break;
	case WIRE_UNLINK:
		wire_put_unlink(b, f->to.ref, f->from, f->id);
		break;
	case WIRE_CANCEL:
		wire_put_cancel(b, f->to.ref, f->from, f->id);
		break;
	case WIRE_ITEM:
		wire_put_item(b, f->to.ref, f->from, f->id, f->body, f->body_bytes);
		break;
	case WIRE_CREDIT:
		wire_put_credit(b, f->to.ref, f->from, f->id, f->credit);
		break;
	case WIRE_TYPE_N:
		return false;
	}
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/protocol/tap.h"

#include <errno.h>

#define SECOND_NS  INT64_C(1000000000)
#define BURST_PART 10 /* the burst is the copies of 1/10 second */

static const char *const kinds[WIRE_TYPE_N] = {
	[WIRE_CAST] = "cast",
	[WIRE_CALL] = "call",
	[WIRE_REPLY] = "reply",
	[WIRE_ERROR] = "error",
	[WIRE_STOP] = "stop",
	[WIRE_KILL] = "kill",
	[WIRE_MONITOR] = "monitor",
	[WIRE_DEMONITOR] = "demonitor",
	[WIRE_DOWN] = "down",
	[WIRE_EXIT] = "exit",
	[WIRE_LINK] = "link",
	[WIRE_UNLINK] = "unlink",
	[WIRE_CANCEL] = "cancel",
	[WIRE_ITEM] = "item",
};

static const char *const paths[] = {
	[TAP_BROKER] = "broker",
	[TAP_DIRECT] = "direct",
	[TAP_SENT] = "sent",
	[TAP_LOCAL] = "local",
};

int tap_read(struct mp_reader *args, struct tap *ret)
{
	struct wire_str key, method;
	uint64_t rate = TAP_RATE_DEFAULT;
	uint32_t n;
	int r;

	*ret = (struct tap){.from = ACTOR_NOBODY, .to = ACTOR_NOBODY};
	if (mp_read_map(args, &n) < 0)
		return -EPROTO;
	for (; n; n--) {
		if (mp_read_str(args, &key.s, &key.len) < 0)
			return -EPROTO;
		if (mp_str_is(key.s, key.len, "from")) {
			r = mp_read_ref(args, &ret->from);
		} else if (mp_str_is(key.s, key.len, "to")) {
			r = mp_read_ref(args, &ret->to);
		} else if (mp_str_is(key.s, key.len, "method")) {
			r = mp_read_str(args, &method.s, &method.len);
			if (r < 0 || !wire_name_is_valid(method.s, method.len))
				return -EPROTO;
			memcpy(ret->method, method.s, method.len);
			ret->method_len = method.len;
		} else if (mp_str_is(key.s, key.len, "trace")) {
			r = mp_read_uint(args, &ret->trace) < 0 || !ret->trace ? -EPROTO : 0;
		} else {
			return -EPROTO;
		}
		if (r < 0)
			return -EPROTO;
	}
	if (mp_read_nil(args) < 0 && (mp_read_uint(args, &rate) < 0 || !rate))
		return -EPROTO;
	ret->rate = rate < TAP_RATE_MAX ? (uint32_t)rate : TAP_RATE_MAX;
	return 0;
}

void tap_put(struct buf *b, const struct tap *tap)
{
	bool has_from = !actor_ref_is_nobody(tap->from), has_to = !actor_ref_is_nobody(tap->to);

	mp_put_map(b, (uint32_t)has_from + has_to + (tap->method_len != 0) + (tap->trace != 0));
	if (has_from) {
		mp_put_cstr(b, "from");
		mp_put_ref(b, tap->from);
	}
	if (has_to) {
		mp_put_cstr(b, "to");
		mp_put_ref(b, tap->to);
	}
	if (tap->method_len) {
		mp_put_cstr(b, "method");
		mp_put_str(b, tap->method, tap->method_len);
	}
	if (tap->trace) {
		mp_put_cstr(b, "trace");
		mp_put_uint(b, tap->trace);
	}
	mp_put_uint(b, tap->rate);
}

static bool ref_covers(actor_ref wanted, actor_ref ref)
{
	return actor_ref_is_nobody(wanted) || (wanted.node == ref.node && wanted.group == ref.group &&
						      (!wanted.serial || wanted.serial == ref.serial));
}

bool tap_wants(const struct tap *tap, const struct wire_frame *frame, actor_ref to)
{
	return frame->type < WIRE_TYPE_N && kinds[frame->type] && ref_covers(tap->from, frame->from) &&
	       ref_covers(tap->to, to) && (!tap->trace || tap->trace == frame->trace.id) &&
	       (!tap->method_len || wire_str_equal(frame->method, wire_str(tap->method, tap->method_len)));
}

/* The generic cell rate algorithm: a single time is its state. */
bool tap_take(struct tap *tap, int64_t now_ns)
{
	if (tap->due_ns < now_ns - SECOND_NS / BURST_PART)
		tap->due_ns = now_ns - SECOND_NS / BURST_PART;
	if (tap->due_ns > (tap->open ? now_ns : now_ns - SECOND_NS / BURST_PART)) {
		tap->open = false;
		tap->n_missed++;
		return false;
	}
	tap->open = true;
	tap->due_ns += SECOND_NS / tap->rate;
	return true;
}

void tap_put_copy(struct buf *b, struct tap *tap, const struct wire_frame *frame, actor_ref to,
	enum tap_path path, int64_t now_ns)
{
	mp_put_array(b, 2 + TAP_COPY_REST_N);
	mp_put_uint(b, tap->id);
	mp_put_uint(b, tap->n_missed);
	mp_put_int(b, now_ns / 1000);
	mp_put_cstr(b, paths[path]);
	mp_put_cstr(b, kinds[frame->type]);
	mp_put_ref(b, frame->from);
	if (actor_ref_is_nobody(to) && frame->to.name.s)
		mp_put_str(b, frame->to.name.s, frame->to.name.len);
	else
		mp_put_ref(b, to);
	if (frame->method.s)
		mp_put_str(b, frame->method.s, frame->method.len);
	else
		mp_put_nil(b);
	mp_put_uint(b, frame->id);
	mp_put_uint(b, frame->body_bytes);
	if (frame->text.s && frame->text.len <= TAP_BODY_MAX_BYTES)
		mp_put_str(b, frame->text.s, frame->text.len);
	else if (frame->body && frame->body_bytes <= TAP_BODY_MAX_BYTES)
		mp_put_bin(b, frame->body, frame->body_bytes);
	else
		mp_put_nil(b);
	if (frame->trace.id) {
		mp_put_array(b, 3);
		mp_put_uint(b, frame->trace.id);
		mp_put_uint(b, frame->trace.span);
		mp_put_uint(b, frame->trace.parent);
	} else {
		mp_put_nil(b);
	}
	tap->n_missed = 0;
}

void tap_put_missed(struct buf *b, struct tap *tap, int64_t now_ns)
{
	mp_put_array(b, 2 + TAP_COPY_REST_N);
	mp_put_uint(b, tap->id);
	mp_put_uint(b, tap->n_missed);
	mp_put_int(b, now_ns / 1000);
	mp_put_cstr(b, paths[TAP_DIRECT]);
	mp_put_cstr(b, TAP_MISSED);
	mp_put_ref(b, ACTOR_NOBODY);
	mp_put_ref(b, ACTOR_NOBODY);
	mp_put_nil(b);
	mp_put_uint(b, 0);
	mp_put_uint(b, 0);
	mp_put_nil(b);
	mp_put_nil(b);
	tap->n_missed = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/port/wish.h"

#include <errno.h>

#include "libactor/message/msg.h"
#include "libactor/port/filter.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/wire.h"

static int policy_read(struct mp_reader *r, enum actor_port_policy *ret)
{
	static const char *const words[] = {
		[ACTOR_PORT_DROP_OLDEST] = "drop_oldest",
		[ACTOR_PORT_DROP_NEWEST] = "drop_newest",
		[ACTOR_PORT_END] = "end",
		[ACTOR_PORT_BLOCK] = "block",
	};
	const char *s;
	size_t length;

	if (mp_read_str(r, &s, &length) < 0)
		return -EPROTO;
	for (int i = ACTOR_PORT_DROP_OLDEST; i <= ACTOR_PORT_BLOCK; i++) {
		if (mp_str_is(s, length, words[i])) {
			*ret = (enum actor_port_policy)i;
			return 0;
		}
	}
	return -EPROTO;
}

static int wish_read_option(struct mp_reader *r, const char *key, size_t length, struct wish *ret)
{
	if (mp_str_is(key, length, "who"))
		return mp_read_ref(r, &ret->who);
	if (mp_str_is(key, length, "lag_method"))
		return mp_read_str(r, &ret->lag_method, &ret->lag_bytes);
	if (mp_str_is(key, length, "queue_max"))
		return mp_read_uint(r, &ret->queue_max);
	if (mp_str_is(key, length, "policy"))
		return policy_read(r, &ret->policy);
	if (mp_str_is(key, length, "filter"))
		return mp_read_raw(r, &ret->filter, &ret->filter_bytes);
	if (mp_str_is(key, length, "hook"))
		return mp_read_uint(r, &ret->hook);
	return mp_skip(r);
}

const char *wish_read(const actor_msg *msg, const struct actor_port_options *options, struct wish *ret)
{
	struct mp_reader r = mp_reader(msg->body, msg->body_bytes);
	const char *key;
	size_t length;
	uint32_t n;

	*ret = (struct wish){.who = msg->sender,
		.lag_method = "lagged",
		.lag_bytes = 6,
		.queue_max = options->queue_max,
		.policy = options->policy};
	if (mp_read_array(&r, &n) < 0 || n < 1 || n > 2 ||
		mp_read_str(&r, &ret->method, &ret->method_bytes) < 0)
		return "subscribe wants [method], and may have a map of options";
	if (n == 2) {
		if (mp_read_map(&r, &n) < 0)
			return "the options of a subscription are a map";
		while (n--)
			if (mp_read_str(&r, &key, &length) < 0 || wish_read_option(&r, key, length, ret) < 0)
				return "an option of the subscription has a wrong value";
	}
	if (!wire_name_is_valid(ret->method, ret->method_bytes) ||
		!wire_name_is_valid(ret->lag_method, ret->lag_bytes))
		return "a method's name is none";
	if (!ret->queue_max || ret->queue_max > options->queue_max)
		return "queue_max is from 1 to that of the port";
	if (ret->policy == ACTOR_PORT_BLOCK && options->no_block)
		return "this port waits for nobody";
	if (ret->filter_bytes > ACTOR_PORT_FILTER_MAX_BYTES)
		return "a filter has at most 4,096 bytes";
	/*
	 * An actor may subscribe itself and others of its group. So no group gets items that it did not ask
	 * for.
	 */
	if (ret->who.group != msg->sender.group || ret->who.node != msg->sender.node)
		return "who is subscribed is of the caller's group";
	return ret->filter ? filter_check(ret->filter, ret->filter_bytes) : NULL;
}

void wish_put(struct buf *out, const struct actor_port_subscription *s, const struct hook *hook)
{
	static const char *const words[] = {NULL, "drop_oldest", "drop_newest", "end", "block"};

	mp_put_array(out, 2);
	mp_put_cstr(out, s->method);
	mp_put_map(out, (uint32_t)(!!s->lag_method + !actor_ref_is_nobody(s->who) + !!s->queue_max +
				   !!s->policy + !!s->filter + !!hook));
	if (s->lag_method) {
		mp_put_cstr(out, "lag_method");
		mp_put_cstr(out, s->lag_method);
	}
	if (!actor_ref_is_nobody(s->who)) {
		mp_put_cstr(out, "who");
		mp_put_ref(out, s->who);
	}
	if (s->queue_max) {
		mp_put_cstr(out, "queue_max");
		mp_put_uint(out, s->queue_max);
	}
	if (s->policy) {
		mp_put_cstr(out, "policy");
		mp_put_cstr(out, words[s->policy]);
	}
	if (s->filter) {
		mp_put_cstr(out, "filter");
		mp_put_raw(out, s->filter, s->filter_bytes);
	}
	if (hook) {
		mp_put_cstr(out, "hook");
		mp_put_uint(out, (uint64_t)(uintptr_t)hook);
	}
}

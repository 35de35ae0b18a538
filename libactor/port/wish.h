/* SPDX-License-Identifier: Apache-2.0 */
/* The wish of a subscriber: the arguments of `subscribe` (docs/protocol.md §10), read and written. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "actor/port.h"
#include "libactor/util/buf.h"

struct hook;

struct wish {
	actor_ref who;
	const char *method, *lag_method;
	size_t method_bytes, lag_bytes;
	uint64_t queue_max;
	enum actor_port_policy policy;
	const uint8_t *filter;
	size_t filter_bytes;
	uint64_t hook;
};

/* Returns NULL, or what is wrong with the subscription. */
const char *wish_read(const actor_msg *msg, const struct actor_port_options *options, struct wish *ret);
void wish_put(struct buf *out, const struct actor_port_subscription *s, const struct hook *hook);

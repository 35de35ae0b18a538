/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "actor/actor.h"
#include "libactor/protocol/wire.h"

struct actor;

/*
 * Waits until a message may be sent to @to; then the caller must send at once. Returns 0; -EBUSY or
 * -ETIMEDOUT (as mailbox_wait_room()); -ECANCELED; -EAGAIN when it would have to wait and there is no actor
 * to park; -ESRCH; -ENOTCONN; -ENOMEM.
 */
int send_ready(actor_group *group, struct actor *self, const struct wire_dest *to, int64_t deadline_ns);
/*
 * The same for a call of @method. A request that the runtime answers (sys.c) does not wait for room. @method
 * NULL: no call.
 */
int send_ready_to_call(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method,
	int64_t deadline_ns);
/* The same for a cast that the broker passes on to all members of a process group. */
int send_all_ready_by_broker(actor_group *group, struct actor *self, int64_t deadline_ns);
/* The error to return when there is no peer for @to. */
int send_no_route(const actor_group *group, const struct wire_dest *to);
/* Sends a cast, in the trace of the message that @self handles, if that has one. */
int send_cast(actor_group *group, struct actor *self, const struct wire_dest *to, struct wire_str method,
	const void *args, size_t args_bytes);
/* The same in the trace of @cause instead; NULL: in no trace. */
int send_caused_cast(actor_group *group, struct actor *self, const struct wire_trace *cause,
	const struct wire_dest *to, struct wire_str method, const void *args, size_t args_bytes);
/* Measures the name of a method. Returns -EINVAL for a name that would make a peer end the link. */
static inline int post_method(const char *method, struct wire_str *ret)
{
	size_t len = 0;

	if (!method)
		return -EINVAL;
	while (len <= WIRE_NAME_MAX_BYTES &&
		(unsigned char)(method[len] - 0x20) < 0x5f) /* mostly all of it */
		len++;
	if (!method[len] && len - 1 < WIRE_NAME_MAX_BYTES) {
		*ret = wire_str(method, len);
		return 0;
	}
	*ret = wire_cstr(method);
	return wire_name_is_valid(ret->s, ret->len) ? 0 : -EINVAL;
}
static inline int post_check_method(const char *method)
{
	struct wire_str name;

	return post_method(method, &name);
}

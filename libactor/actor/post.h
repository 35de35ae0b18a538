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
 * Waits until a message may be sent to @to; then the caller must send at once. 0, -EBUSY or -ETIMEDOUT (as
 * mailbox_wait_room()), -ECANCELED, -EAGAIN (it would wait, and there is no actor to park), -ESRCH,
 * -ENOTCONN, -ENOMEM.
 */
int send_ready(actor_group *group, struct actor *self, const struct wire_dest *to, int64_t deadline_ns);
/* The same for a cast that the broker is to pass on to all members of a process group. */
int send_all_ready_by_broker(actor_group *group, struct actor *self, int64_t deadline_ns);
/* The error to return when there is no peer for @to. */
int send_no_route(const actor_group *group, const struct wire_dest *to);
/* The cast belongs to the trace of what @self handles, if there is one. */
int send_cast(actor_group *group, struct actor *self, const struct wire_dest *to, struct wire_str method,
	const void *args, size_t args_bytes);
/* @cause: instead, of what it is sent for; NULL: of none. */
int send_caused_cast(actor_group *group, struct actor *self, const struct wire_trace *cause,
	const struct wire_dest *to, struct wire_str method, const void *args, size_t args_bytes);
/* -EINVAL for a name for which a peer would end the link. */
static inline int post_check_method(const char *method)
{
	return method && wire_name_is_valid(method, strlen(method)) ? 0 : -EINVAL;
}

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
 * Waits until @to may be sent to. 0, -EBUSY or -ETIMEDOUT (as mailbox_wait_room), -ECANCELED, -EAGAIN (nobody
 * to park), -ESRCH, -ENOTCONN. After it, send at once.
 */
int send_ready(actor_group *group, struct actor *self, const struct wire_dest *to, int64_t deadline_ns);
/* What it means that peer_route() or the uplink has no peer for @to. */
int send_no_route(const actor_group *group, const struct wire_dest *to);
int send_cast(actor_group *group, struct actor *self, const struct wire_dest *to, struct wire_str method,
	const void *args, size_t args_bytes);
/* What a peer would refuse, and end the link for, does not leave. */
static inline int post_check_method(const char *method)
{
	return method && wire_name_is_valid(method, strlen(method)) ? 0 : -EINVAL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/protocol/wire.h"

struct actor;

/*
 * In ACTOR_JOIN_DIRECT a destination that is a name becomes a ref. In the other modes the name stays a name,
 * and the daemon at the other end of the only link gets that name.
 */
int send_dest(
	actor_group *group, struct actor *self, actor_dest to, int64_t deadline_ns, struct wire_dest *ret);
int send_dest_of_name(
	actor_group *group, struct actor *self, const char *name, int64_t timeout_ms, struct wire_dest *ret);
int send_vcast(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method,
	const char *format, va_list args);
int send_cast_msg(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method,
	actor_msg **take_args);
int send_vcall(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method,
	int64_t deadline_ns, actor_msg **ret_msg, const char *format, va_list args);
int send_call_msg(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method,
	int64_t deadline_ns, actor_msg **take_args, actor_msg **ret_msg);

#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/protocol/wire.h"

struct actor;

/* Waits until @to may be sent to. 0, -EBUSY or -ETIMEDOUT (as mailbox_wait_room), -ECANCELED, -EAGAIN (nobody to park), -ESRCH, -ENOTCONN.
 * After it, send at once. */
int send_ready(actor_group *group, struct actor *self, const struct wire_dest *to, int64_t deadline_ns);
/* What it means that peer_route() or the uplink has no peer for @to. */
int send_no_route(const actor_group *group, const struct wire_dest *to);
int send_cast(actor_group *group, struct actor *self, const struct wire_dest *to, struct wire_str method, const void *args, size_t args_bytes);
/* A name becomes a ref (DIRECT mode), or stays a name for the daemon at the end of the only link. */
int send_dest(actor_group *group, struct actor *self, actor_dest to, int64_t deadline_ns, struct wire_dest *ret);
int send_dest_of_name(actor_group *group, struct actor *self, const char *name, int64_t timeout_ms, struct wire_dest *ret);
int group_read_options(struct actor_group_options *ret, const struct actor_group_options *given, size_t given_bytes);
int group_spawn(actor_group *group, const struct actor_behavior *behavior, const void *arg, bool internal, actor_ref *ret);
int send_vcast(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method, const char *format, va_list args);
int send_cast_msg(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method, actor_msg **take_args);
int send_vcall(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method, int64_t deadline_ns,
	actor_msg **ret_msg, const char *format, va_list args);
int send_call_msg(actor_group *group, struct actor *self, const struct wire_dest *to, const char *method, int64_t deadline_ns,
	actor_msg **take_args, actor_msg **ret_msg);
void send_timers_end(struct actor *self);

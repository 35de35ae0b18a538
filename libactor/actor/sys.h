/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The requests `$sys_…` (docs/protocol.md §3). The runtime answers them for every actor, without the help of
 * the actor: also when the actor is suspended, waits inside a handler, or has a full mailbox. Such a call
 * does not go into the mailbox, but into group->sys_asked, and is answered at the end of the loop's turn. If
 * many wait, the rest is answered in later turns. Only `$sys_state` runs code of the actor: it is put at the
 * front of the mailbox.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "actor/actor.h"
#include "libactor/actor/actor-internal.h"
#include "libactor/base/base.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/list.h"

static inline bool sys_is_request(struct wire_str method)
{
	return __builtin_expect(method_is_sys(method.s, method.len), 0);
}
/* The request needs a turn of the actor, so a circle of callers would wait for ever. */
static inline bool sys_needs_turn(struct wire_str method)
{
	return method.len == sizeof(METHOD_SYS_STATE) - 1 &&
	       !memcmp(method.s, METHOD_SYS_STATE, sizeof(METHOD_SYS_STATE) - 1);
}
/* The message that comes next is handled even by a suspended actor. */
static inline bool sys_comes_first(const struct actor *self)
{
	const actor_msg *msg = container_of(self->mailbox.messages.next, actor_msg, link);

	return !list_is_empty(&self->mailbox.messages) && msg->kind == MSG_CALL &&
	       !strcmp(msg->method, METHOD_SYS_STATE);
}
/* Takes a request for the actor @serial; 0: for the group. */
static inline void sys_take(actor_group *group, actor_msg *take, uint64_t serial)
{
	take->kind = MSG_CALL;
	take->to = serial;
	list_append(&group->sys_asked, &take->link);
}
enum actor_life sys_life(const struct actor *self);
void sys_turn(actor_group *group);                          /* answers what was asked */
int sys_state(struct actor *self, struct actor_from *from); /* answers `$sys_state`; in the actor's turn */
void sys_end(actor_group *group);                           /* the group is being freed */

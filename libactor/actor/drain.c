/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Draining. A mark is put behind the messages that wait; the actor ends when it gets the mark. It could not
 * end when its mailbox is empty, because the mailbox may never be empty: the runtime's own messages (timers,
 * DOWNs, answers) still come.
 */
#include "libactor/actor/drain.h"

#include <errno.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/ending.h"
#include "libactor/actor/inlet.h"
#include "libactor/actor/mailbox.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/wire.h"

void actor_request_drain(struct actor *self)
{
	actor_msg *mark;

	if (self->internal || self->draining || self->stopping || self->status == ACTOR_ENDING ||
		ending_is_due(self))
		return;
	if (msg_new_received(&mark, ACTOR_NOBODY, wire_cstr("drained"), NULL, 0) < 0) {
		actor_starve(self, "that it is drained");
		return;
	}
	mark->kind = MSG_DRAINED;
	inlets_drain(self);
	self->draining = true;
	mailbox_push(self, mark);
	mailbox_release(self, -ESHUTDOWN);
}

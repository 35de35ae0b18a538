/* SPDX-License-Identifier: Apache-2.0 */
/* Exit signals, from links that end and from actor_exit(). */
#include "libactor/actor/exits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/ending.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/post.h"
#include "libactor/base/base.h"
#include "libactor/message/msg.h"
#include "libactor/peer/peer.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"

static int exit_new(actor_msg **ret)
{
	int r = msg_new_received(ret, ACTOR_NOBODY, wire_cstr("on_exit"), NULL, 0);

	if (r < 0)
		return r;
	(*ret)->cause = malloc(sizeof(*(*ret)->cause));
	if (!(*ret)->cause) {
		*ret = actor_msg_free(*ret);
		return -ENOMEM;
	}
	return 0;
}

static void exit_push(
	struct actor *to, actor_ref from, const struct actor_cause *cause, uint64_t link, actor_msg *msg)
{
	msg->kind = MSG_EXIT;
	msg->id = link;
	msg->sender = from;
	if (msg->cause != cause)
		*msg->cause = *cause;
	mailbox_push(to, msg);
}

/*
 * Follows the table in actor/monitor.h. If there is no memory for the message of a signal of actor_exit(),
 * the signal ends the actor as if the actor did not trap exits.
 */
void exit_received(struct actor *to, actor_ref from, const struct actor_cause *cause, uint64_t link,
	actor_msg **take_msg)
{
	actor_msg *msg = NULL;

	if (to->status == ACTOR_ENDING || to->killed)
		return;
	if (!link && !strcmp(cause->reason, "kill")) {
		actor_request_kill(to);
	} else if (to->traps_exits && (take_msg || exit_new(&msg) == 0)) {
		exit_push(to, from, cause, link, take_msg ? *take_msg : msg);
		if (take_msg)
			*take_msg = NULL;
	} else if (strcmp(cause->reason, "normal") != 0 || actor_ref_equal(to->ref, from)) {
		actor_request_exit(to, cause);
	}
}

/* ---- public ---- */

int actor_trap_exit(actor *self, bool trap)
{
	bool before = self->traps_exits;

	if (trap && !self->behavior->on_exit)
		return -EINVAL;
	self->traps_exits = trap;
	return before;
}

int actor_exit(actor *self, actor_ref who, const char *reason)
{
	actor_group *group = self->group;
	struct actor_cause cause = cause_make(reason ? reason : "normal");
	struct wire_dest to = {.ref = who};
	struct buf body = BUF_INIT;
	struct actor *target;
	struct peer *peer;
	int r;

	if (!who.serial)
		return -EINVAL;
	if (who.node != group->node)
		return -ESRCH;
	if (who.group == group->id) {
		target = actor_find(group, who.serial);
		if (!target)
			return -ESRCH;
		exit_received(target, self->ref, &cause, 0, NULL);
		return 0;
	}
	peer = peer_route(group, who.group, true);
	if (!peer)
		return send_no_route(group, &to);
	cause_put(&body, &cause);
	r = buf_error(&body);
	if (r == 0) {
		struct buf *out = peer_out(peer);
		bool had_failed = out->failed;

		wire_put_exit(out, who, self->ref, 0, body.data, body.size_bytes);
		r = buf_whole(out, had_failed);
		peer_wrote(peer);
	}
	buf_deinit(&body);
	return r;
}

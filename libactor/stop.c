/* SPDX-License-Identifier: Apache-2.0 */
/* Ends other actors: an actor of this group directly, any other one by a frame to its group. */
#include "libactor/stop.h"

#include <errno.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/drain.h"
#include "libactor/actor/ending.h"
#include "libactor/actor/post.h"
#include "libactor/base/base.h"
#include "libactor/peer/peer.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"

void end_request(struct actor *target, enum end_how how, const char *reason)
{
	switch (how) {
	case END_STOP:
		actor_request_stop(target, reason);
		break;
	case END_KILL:
		actor_request_kill(target);
		break;
	case END_DRAIN:
		actor_request_drain(target);
		break;
	case END_NOT:
		break;
	}
}

static void put_end(
	struct buf *out, const struct wire_dest *to, actor_ref from, enum end_how how, const char *reason)
{
	switch (how) {
	case END_STOP:
		wire_put_stop(out, to, from, wire_cstr(reason ? reason : "normal"));
		break;
	case END_KILL:
		wire_put_kill(out, to, from);
		break;
	case END_DRAIN:
		wire_put_traced_cast(out, to, from, wire_cstr(METHOD_DRAIN), NULL, 0, NULL);
		break;
	case END_NOT:
		break;
	}
}

int end_other(actor *self, actor_ref who, enum end_how how, const char *reason)
{
	actor_group *group = self->group;
	struct wire_dest to = {.ref = who};
	struct actor *target;
	struct peer *peer;
	struct buf *out;
	bool had_failed;

	if (how == END_NOT)
		return 0;
	if (who.node != group->node)
		return -ESRCH;
	if (who.group == group->id) {
		target = actor_find(group, who.serial);
		if (!target)
			return -ESRCH;
		end_request(target, how, reason);
		return 0;
	}
	peer = peer_route(group, who.group, true);
	if (!peer)
		return send_no_route(group, &to);
	out = peer_out(peer);
	had_failed = out->failed;
	put_end(out, &to, self->ref, how, reason);
	peer_wrote(peer);
	return buf_whole(out, had_failed);
}

int actor_stop(actor *self, actor_ref who, const char *reason)
{
	return end_other(self, who, END_STOP, reason);
}

int actor_kill(actor *self, actor_ref who)
{
	return end_other(self, who, END_KILL, NULL);
}

int actor_drain(actor *self, actor_ref who)
{
	return end_other(self, who, END_DRAIN, NULL);
}

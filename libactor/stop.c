/* SPDX-License-Identifier: Apache-2.0 */
/* Ends other actors: an actor of this group directly, any other one by a frame to its group. */
#include <errno.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/ending.h"
#include "libactor/actor/post.h"
#include "libactor/base/base.h"
#include "libactor/peer/peer.h"
#include "libactor/protocol/wire.h"

static int actor_end_other(actor *self, actor_ref who, bool kill, const char *reason)
{
	actor_group *group = self->group;
	struct wire_dest to = {.ref = who};
	struct actor *target;
	struct peer *peer;
	struct buf *out;
	bool had_failed;

	if (who.node != group->node)
		return -ESRCH;
	if (who.group == group->id) {
		target = actor_find(group, who.serial);
		if (!target)
			return -ESRCH;
		if (kill)
			actor_request_kill(target);
		else
			actor_request_stop(target, reason);
		return 0;
	}
	peer = peer_route(group, who.group, true);
	if (!peer)
		return send_no_route(group, &to);
	out = peer_out(peer);
	had_failed = out->failed;
	if (kill)
		wire_put_kill(out, &to, self->ref);
	else
		wire_put_stop(out, &to, self->ref, wire_cstr(reason));
	peer_wrote(peer);
	return buf_whole(out, had_failed);
}

int actor_stop(actor *self, actor_ref who, const char *reason)
{
	return actor_end_other(self, who, false, reason ? reason : "normal");
}

int actor_kill(actor *self, actor_ref who)
{
	return actor_end_other(self, who, true, NULL);
}

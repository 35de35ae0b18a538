/* SPDX-License-Identifier: Apache-2.0 */
/* Ends other actors: an actor of this group directly, any other one by a frame to its group. */
#include <errno.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/drain.h"
#include "libactor/actor/ending.h"
#include "libactor/actor/post.h"
#include "libactor/base/base.h"
#include "libactor/peer/peer.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"

enum end_how { END_STOP, END_KILL, END_DRAIN };

static int actor_end_other(actor *self, actor_ref who, enum end_how how, const char *reason)
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
		if (how == END_KILL)
			actor_request_kill(target);
		else if (how == END_DRAIN)
			actor_request_drain(target);
		else
			actor_request_stop(target, reason);
		return 0;
	}
	peer = peer_route(group, who.group, true);
	if (!peer)
		return send_no_route(group, &to);
	out = peer_out(peer);
	had_failed = out->failed;
	if (how == END_KILL)
		wire_put_kill(out, &to, self->ref);
	else if (how == END_DRAIN)
		wire_put_traced_cast(out, &to, self->ref, wire_cstr(METHOD_DRAIN), NULL, 0, NULL);
	else
		wire_put_stop(out, &to, self->ref, wire_cstr(reason));
	peer_wrote(peer);
	return buf_whole(out, had_failed);
}

int actor_stop(actor *self, actor_ref who, const char *reason)
{
	return actor_end_other(self, who, END_STOP, reason ? reason : "normal");
}

int actor_kill(actor *self, actor_ref who)
{
	return actor_end_other(self, who, END_KILL, NULL);
}

int actor_drain(actor *self, actor_ref who)
{
	return actor_end_other(self, who, END_DRAIN, NULL);
}

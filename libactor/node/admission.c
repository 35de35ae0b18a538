/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a link with another group, in the way that the broker says: we listen, we dial, we join at the
 * other's door, or the other joins at our door.
 */
#include "libactor/node/admission.h"

#include <stdio.h>
#include <string.h>

#include "libactor/actor/broker.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/node/introduction.h"
#include "libactor/node/link.h"
#include "libactor/peer/peer.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/wire.h"
#include "libactor/transport/transport.h"
#include "libactor/util/buf.h"
#include "libactor/util/list.h"

/*
 * Prepares the peer for the link of introduction @intro_id. Afterwards the peer has no link. NULL: the peer's
 * process has exited, or out of memory.
 */
static struct peer *peer_begin(actor_group *group, uint64_t intro_id, uint64_t group_id,
	struct transport_peer expect, struct wire_str name)
{
	struct peer *peer = peer_find(group, group_id);

	if (peer && (peer->state == PEER_LINKING || peer->state == PEER_KNOCKING)) {
		peer->pipe = pipe_free(
			peer->pipe); /* the pipe is of an introduction that the broker has given up */
		list_remove(&peer->dirty_link);
		peer->state = PEER_INTRODUCING;
		peer->pending_at = 0;
	} else if (peer && peer->state != PEER_INTRODUCING) {
		/* the broker counts the old link as gone, so a link that still stands is stale */
		if (peer->pipe)
			peer_cut(peer, "introduced anew");
		if (peer->exited)
			return NULL; /* the broker does not know of the exit yet; it will say so */
		peer_decide(peer);
		peer = NULL;
	}
	if (!peer)
		peer = peer_new(group, group_id, PEER_INTRODUCING);
	if (!peer)
		return NULL;
	snprintf(peer->name, sizeof(peer->name), "%.*s", (int)(name.len < 255 ? name.len : 255), name.s);
	peer->intro_id = intro_id;
	peer->expect = expect;
	peer->expected = false;
	peer->told_at = group->uplink.n_connects;
	return peer;
}

static int peer_join(struct peer *peer, const char *path)
{
	struct buf join = BUF_INIT;
	int r;

	wire_put_join(&join, peer->group->id);
	r = buf_error(&join);
	if (r == 0)
		r = pipe_join(peer->group->transport, path, peer->expect, join.data, join.size_bytes, peer,
			&peer->pipe);
	buf_deinit(&join);
	return r;
}

void peer_introduce(actor_group *group, uint64_t intro_id, struct wire_str role, uint64_t group_id,
	struct wire_str path, struct transport_peer expect, struct wire_str name)
{
	struct peer *peer = NULL;
	char text[4096];
	int r;

	if (path.len < sizeof(text) && group->mode == ACTOR_JOIN_DIRECT)
		peer = peer_begin(group, intro_id, group_id, expect, name);
	if (!peer) {
		broker_tell_surely(group, "introduce_failed", "Us", intro_id,
			group->mode == ACTOR_JOIN_DIRECT ? "that process is gone, or out of memory"
							 : "one link only");
		return;
	}
	memcpy(text, path.s, path.len);
	text[path.len] = 0;
	peer->listens = mp_str_is(role.s, role.len, "listen");
	peer->joins = mp_str_is(role.s, role.len, "join");
	if (peer->listens) {
		socket_make_directory(text);
		r = pipe_listen(group->transport, text, expect, -1, peer, &peer->pipe);
	} else if (peer->joins) {
		r = peer_join(peer, text);
	} else {
		r = pipe_dial(group->transport, text, expect, -1, peer, &peer->pipe);
	}
	if (r < 0) {
		broker_tell_surely(group, "introduce_failed", "Us", intro_id, strerror(-r));
		peer_try_again(peer);
		return;
	}
	timer_disarm(&group->loop, &peer->timer);
	peer->state = PEER_LINKING;
	if (peer->listens)
		broker_tell_surely(group, "listening", "U", intro_id);
}

struct peer *peer_expect(actor_group *group, uint64_t intro_id, uint64_t group_id,
	struct transport_peer expect, struct wire_str name)
{
	struct peer *peer =
		group->mode == ACTOR_JOIN_DIRECT ? peer_begin(group, intro_id, group_id, expect, name) : NULL;

	if (peer) {
		timer_disarm(&group->loop, &peer->timer);
		peer->expected = true;
		peer->listens = true;
		peer->joins = false;
	}
	return peer;
}

void peer_admit(struct peer *peer, uint64_t knock_id, const struct transport_peer *from)
{
	actor_group *group = peer->group;
	int r;

	r = door_admit(group->door, knock_id, peer, &peer->pipe);
	if (r < 0) {
		group_complain(group, peer->id, "no link to group %llu (%s): %s",
			(unsigned long long)peer->id, peer->name, strerror(-r));
		peer_tell_link_down(peer);
		peer->expected = false;
		peer_try_again(peer);
		return;
	}
	/*
	 * The `join` goes out before any byte of the other is read. A group whose link ends without a `join`
	 * knows that it was turned away, and sends everything again.
	 */
	wire_put_join(pipe_out(peer->pipe), group->id);
	pipe_flush(peer->pipe);
	peer->expected = false;
	peer->state = PEER_LINKING;
	peer_link_up(peer, from->pid);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other groups, and what is written to them. There is only one path to each group at a time, so that order
 * holds: a link of its own, the link of the broker, or, while there is no link, `pending`. Rooms above
 * (node/) make links and decide what the end of a link means, by group->peer_hooks.
 *
 * A function that holds a struct peer may find it over (`peer->over`), but never freed: the memory stays
 * until the turn of the loop has ended.
 */
#include "libactor/peer/peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"
#include "libactor/transport/transport.h"
#include "libactor/util/buf.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

#define FLUSH_AT_BYTES (64u << 10) /* a handler that writes much has its bytes sent while it still runs */

struct peer *peer_find(actor_group *group, uint64_t group_id)
{
	struct peer *last = group->last_peer;
	uint64_t hash;

	if (last && last->id == group_id && !last->over)
		return last;
	hash = hash_of_u64(&group->peers, group_id);
	for (struct hash_node *node = hash_first(&group->peers, hash); node; node = hash_next(node)) {
		struct peer *peer = container_of(node, struct peer, node);

		if (peer->id == group_id) {
			group->last_peer = peer;
			return peer;
		}
	}
	return NULL;
}

bool peer_is_spawner(const struct peer *peer)
{
	return !group_is_client(peer->id) && !strcmp(peer->name, NAME_SPAWNER);
}

struct peer *peer_new(actor_group *group, uint64_t id, enum peer_state state)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		return NULL;
	peer->group = group;
	peer->id = id;
	peer->state = state;
	list_init(&peer->calls);
	list_init(&peer->served);
	list_init(&peer->monitors);
	list_init(&peer->watchers);
	list_init(&peer->handovers);
	list_init(&peer->pauses);
	list_init(&peer->paused_refs);
	list_init(&peer->paused_senders);
	if (timer_init(&group->loop, &peer->timer, group->peer_hooks->timeout) < 0) {
		free(peer);
		return NULL;
	}
	if (hash_insert(&group->peers, &peer->node, hash_of_u64(&group->peers, id)) < 0) {
		timer_deinit(&group->loop, &peer->timer);
		free(peer);
		return NULL;
	}
	return peer;
}

void peers_free_over(actor_group *group)
{
	struct list *node;

	while ((node = list_pop(&group->peers_over))) {
		group->last_peer = NULL; /* it may be this one */
		free(container_of(node, struct peer, over_link));
	}
}

/* ---- the way there ---- */

uint64_t peer_way(const struct peer *peer)
{
	return peer->kind == PEER_UPLINK ? peer->group->uplink.n_connects : 0;
}

struct peer *peer_back(actor_group *group, uint64_t group_id, uint64_t way)
{
	if (way)
		return way == group->uplink.n_connects ? group->uplink.peer : NULL;
	return peer_find(group, group_id);
}

struct peer *peer_route(actor_group *group, uint64_t group_id, bool introduce)
{
	struct peer *peer;

	peer = peer_find(group, group_id);
	if (peer)
		return peer;
	if (group->mode != ACTOR_JOIN_DIRECT || !introduce)
		return group->uplink.peer; /* NULL: there is no way to the group */
	if (group->uplink.state == UPLINK_NONE)
		return NULL; /* the node is gone */
	peer = peer_new(group, group_id, PEER_INTRODUCING);
	if (peer)
		group->peer_hooks->wanted(peer);
	return peer;
}

struct buf *peer_out(struct peer *peer)
{
	switch (peer->state) {
	case PEER_ROUTED:
		if (peer->group->uplink.peer)
			return peer_out(peer->group->uplink.peer);
		break;
	case PEER_LINKING:
		if (peer->kind == PEER_GROUP)
			return &peer->pending;
		/* fall through */
	case PEER_LINKED:
		if (peer->pipe && !peer->said_bye)
			return pipe_out(peer->pipe);
		break;
	case PEER_KNOCKING:
		if (peer->said_bye)
			break;
		/* fall through */
	case PEER_INTRODUCING:
		return &peer->pending;
	case PEER_ENDED:
		break;
	}
	buf_reset(&peer->group->discard, 1 << 16); /* the peer is dead: the frame is dropped */
	return &peer->group->discard;
}

bool peer_keeps(const struct peer *peer)
{
	switch (peer->state) {
	case PEER_INTRODUCING:
	case PEER_KNOCKING:
		return true;
	case PEER_LINKING:
		return peer->kind == PEER_GROUP;
	default:
		return false;
	}
}

/*
 * Writes new frames of `pending` to the pipe at once, and keeps them in `pending` until the door has let us
 * in. If the door turns us away, the frames have to be sent again.
 */
static void peer_copy_pending(struct peer *peer)
{
	struct buf *pending = &peer->pending;
	struct wire_frame frame;
	size_t used;

	if (pending->failed)
		pipe_out(peer->pipe)->failed = true;
	while (peer->pending_at < pending->size_bytes &&
		wire_parse(pending->data + peer->pending_at, pending->size_bytes - peer->pending_at, &frame,
			&used) >= 0) {
		buf_append(pipe_out(peer->pipe), pending->data + peer->pending_at, used);
		peer->pending_at += used;
		pipe_mark(peer->pipe);
	}
}

void peer_wrote(struct peer *peer)
{
	if (peer->state == PEER_ROUTED) {
		if (peer->group->uplink.peer)
			peer_wrote(peer->group->uplink.peer);
		return;
	}
	if (!peer->pipe)
		return;
	if (peer->state == PEER_KNOCKING)
		peer_copy_pending(peer);
	pipe_mark(peer->pipe);
	if (pipe_out(peer->pipe)->size_bytes >= FLUSH_AT_BYTES) {
		peer->unyielded_bytes += pipe_out(peer->pipe)->size_bytes;
		pipe_flush(peer->pipe);
	}
	if (!list_is_linked(&peer->dirty_link))
		list_append(&peer->group->dirty, &peer->dirty_link);
}

void peers_flush(actor_group *group)
{
	struct list *node;

	while ((node = list_pop(&group->dirty))) {
		struct peer *peer = container_of(node, struct peer, dirty_link);

		if (peer->pipe)
			pipe_flush(peer->pipe);
	}
}

/* Moves waiting frames to @to one by one, because one message holds at most 16 MiB. */
void peer_move_pending(struct peer *peer, struct peer *to)
{
	struct buf pending = peer->pending;
	struct wire_frame frame;
	size_t at = 0, used;

	peer->pending = (struct buf)BUF_INIT;
	if (pending.failed)
		peer_out(to)->failed =
			true; /* frames are missing, so the link must not go on as if it had all of them */
	while (at < pending.size_bytes &&
		wire_parse(pending.data + at, pending.size_bytes - at, &frame, &used) >= 0) {
		buf_append(peer_out(to), pending.data + at, used);
		peer_wrote(to);
		at += used;
	}
	buf_deinit(&pending);
	peer_wrote(to);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flush waits until what was sent has left this process. Frames stay here while two groups are being
 * introduced, and while the peer's socket is full. What the kernel has taken reaches a living peer even if
 * this process ends at once; the rest is lost with the process. So a process that ends in order flushes
 * first, and logs what is left.
 *
 * When a flush begins, it lists the peers with unsent frames. Then it waits for one of them after the other.
 */
#include "libactor/node/flush.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/peer/peer.h"
#include "libactor/transport/transport.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

struct flush {
	struct list link; /* in group->flushes while an actor is parked for it */
	actor_group *group;
	struct actor *self;
	uint64_t *ids; /* of the peers that had unsent frames; the flush waits for the last in the list */
	size_t n, size;
	uint64_t uplink_id;  /* 0: the daemon had taken everything at the beginning */
	uint64_t n_connects; /* of the uplink, when the flush began */
	int result;
};

static bool peer_is_unsent(const struct peer *peer)
{
	if (peer->pending.size_bytes > peer->pending_at)
		return true; /* the peer has no link, or one that is not up */
	switch (peer->state) {
	case PEER_INTRODUCING:
		return false;
	case PEER_LINKING:
	case PEER_KNOCKING:
	case PEER_LINKED:
		return peer->pipe && (peer->draining || pipe_backlog_bytes(peer->pipe) > 0);
	case PEER_ROUTED: /* the frames are in the uplink's pipe */
	case PEER_ENDED:  /* no peer is left to get them */
		break;
	}
	return false;
}

static size_t peer_unsent_bytes(const struct peer *peer)
{
	return peer->pending.size_bytes - peer->pending_at +
	       (peer->pipe ? pipe_backlog_bytes(peer->pipe) : 0);
}

/* Asks the link to say when its backlog is gone. A link that is not up yet is asked in peer_link_up(). */
static void peer_drain(struct peer *peer)
{
	peer->draining = true;
	if ((peer->state == PEER_LINKED || peer->state == PEER_KNOCKING) && peer->pipe)
		pipe_notify_drained(peer->pipe);
}

static void flush_add_id(struct flush *flush, const struct peer *peer)
{
	flush->ids[flush->n++] = peer->id;
	if (peer->kind == PEER_UPLINK)
		flush->uplink_id = peer->id;
}

static void flush_add(struct hash_node *node, void *arg)
{
	struct peer *peer = container_of(node, struct peer, node);
	struct flush *flush = arg;

	/*
	 * A link without a backlog is asked, too, because the nng library may hold bytes that
	 * pipe_backlog_bytes() does not count.
	 */
	if (flush->n == flush->size || (peer->state != PEER_LINKED && !peer_is_unsent(peer)))
		return;
	peer_drain(peer);
	flush_add_id(flush, peer);
}

static int flush_begin(actor_group *group, struct actor *self, struct flush *ret)
{
	*ret = (struct flush){.group = group,
		.self = self,
		.size = group->peers.n_items,
		.n_connects = group->uplink.n_connects};
	peers_flush(group);
	if (!ret->size)
		return 0;
	ret->ids = calloc(ret->size, sizeof(*ret->ids));
	if (!ret->ids)
		return -ENOMEM;
	hash_each(&group->peers, flush_add, ret);
	return 0;
}

static void flush_lost(struct flush *flush, const struct peer *peer, const char *why)
{
	flush->result = -ENOTCONN;
	if (peer)
		group_log(flush->group, "%zu bytes for group %llu were not sent: %s", peer_unsent_bytes(peer),
			(unsigned long long)peer->id, why);
	else
		group_log(flush->group, "some of what was sent by the node's daemon is lost: %s", why);
}

static bool flush_is_done(void *arg)
{
	struct flush *flush = arg;
	actor_group *group = flush->group;

	for (; flush->n; flush->n--) {
		uint64_t id = flush->ids[flush->n - 1];
		struct peer *peer = peer_find(group, id);

		if (peer && peer->state == PEER_ROUTED && peer->draining) {
			/*
			 * The other group has one link only. So the frames that waited for the introduction
			 * went to the daemon.
			 */
			peer->draining = false;
			peer = group->uplink.peer;
			if (!peer) {
				flush_lost(flush, NULL, "the link to it ended");
				continue;
			}
			flush->n--;
			peer_drain(peer);
			flush_add_id(flush, peer);
			flush->n_connects = group->uplink.n_connects;
			return false;
		}
		if (id == flush->uplink_id &&
			(!peer || peer->kind != PEER_UPLINK || group->uplink.n_connects != flush->n_connects))
			flush_lost(flush, NULL, "the link to it ended");
		else if (peer && peer->state == PEER_INTRODUCING && group->uplink.gone)
			flush_lost(flush, peer, "the node is gone, and nobody introduces the two");
		else if (peer && peer_is_unsent(peer))
			return false;
	}
	return true;
}

static int flush_end(struct flush *flush, int r)
{
	list_remove(&flush->link);
	for (; flush->n; flush->n--) {
		struct peer *peer = peer_find(flush->group, flush->ids[flush->n - 1]);

		if (!peer || !peer_is_unsent(peer))
			continue;
		group_log(flush->group, "%zu bytes for group %llu%s%s%s are not sent yet: %s",
			peer_unsent_bytes(peer), (unsigned long long)peer->id, peer->name[0] ? " (" : "",
			peer->name, peer->name[0] ? ")" : "",
			peer->state == PEER_LINKED ? "it does not read" : "its link is not there yet");
	}
	free(flush->ids);
	return flush->result ? flush->result : r;
}

void flushes_turn(actor_group *group)
{
	list_for_each_safe(it, &group->flushes) {
		struct flush *flush = container_of(it, struct flush, link);

		if (flush_is_done(flush)) {
			list_remove(&flush->link);
			actor_wake(flush->self, 0);
		}
	}
}

int actor_flush(actor *self, int64_t timeout_ms)
{
	actor_group *group = self->group;
	struct flush flush;
	int r;

	if (!actor_is_current(self))
		return -EINVAL;
	r = flush_begin(group, self, &flush);
	if (r == 0 && !flush_is_done(&flush)) {
		list_append(&group->flushes, &flush.link);
		r = actor_park(self, deadline_of_timeout_ms(timeout_ms));
	}
	return flush_end(&flush, r);
}

int actor_group_flush(actor_group *group, int64_t timeout_ms)
{
	struct flush flush;
	int r;

	if (group->loop.in_loop)
		return -EDEADLK;
	r = flush_begin(group, NULL, &flush);
	if (r == 0 && !flush_is_done(&flush))
		r = loop_pump(&group->loop, flush_is_done, &flush, deadline_of_timeout_ms(timeout_ms));
	return flush_end(&flush, r);
}

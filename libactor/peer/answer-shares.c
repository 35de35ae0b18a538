/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/peer/answer-shares.h"

#include <stdlib.h>

#include "libactor/peer/peer.h"
#include "libactor/transport/transport.h"
#include "libactor/util/hash.h"

#define COUNTED_FROM_BYTES (4u << 20)
#define MAX_BYTES          (64u << 20)
#define MAX_ALL_BYTES      (128u << 20) /* groups that come one after another have together at most this */
/* At this sum all counts are halved, since old counts say little of what is unread now. */
#define HALVE_AT_BYTES (512u << 20)
#define ASKERS_MAX     4096

struct answer_shares {
	struct hash askers; /* struct asker, by group */
	uint64_t bytes;     /* of all askers */
};

struct asker {
	struct hash_node node;
	uint64_t group, bytes;
};

static void asker_free(struct hash_node *node, void *arg)
{
	struct answer_shares *shares = arg;

	hash_remove(&shares->askers, node);
	free(container_of(node, struct asker, node));
}

struct answer_shares *answer_shares_free(struct answer_shares *shares)
{
	if (!shares)
		return NULL;
	hash_each(&shares->askers, asker_free, shares);
	hash_deinit(&shares->askers);
	free(shares);
	return NULL;
}

static struct asker *asker_get(struct answer_shares *shares, uint64_t group)
{
	uint64_t hash = hash_of_u64(&shares->askers, group);
	struct hash_node *node = hash_first(&shares->askers, hash);
	struct asker *asker;

	while (node && container_of(node, struct asker, node)->group != group)
		node = hash_next(node);
	if (node)
		return container_of(node, struct asker, node);
	asker = shares->askers.n_items < ASKERS_MAX ? calloc(1, sizeof(*asker)) : NULL;
	if (!asker)
		return NULL;
	asker->group = group;
	if (hash_insert(&shares->askers, &asker->node, hash) < 0) {
		free(asker);
		return NULL;
	}
	return asker;
}

static void asker_halve(struct hash_node *node, void *arg)
{
	struct asker *asker = container_of(node, struct asker, node);
	uint64_t *sum = arg;

	asker->bytes /= 2;
	*sum += asker->bytes;
}

static struct answer_shares *shares_of(struct peer *peer)
{
	if (!peer->answer_shares) {
		peer->answer_shares = calloc(1, sizeof(*peer->answer_shares));
		if (peer->answer_shares)
			hash_init(&peer->answer_shares->askers);
	}
	return peer->answer_shares;
}

bool answer_share_take(struct peer *peer, uint64_t asker, size_t size_bytes)
{
	size_t unread = peer->pipe ? pipe_backlog_bytes(peer->pipe) : 0;
	struct answer_shares *shares;
	struct asker *mine;

	if (peer->kind != PEER_UPLINK)
		return unread <= MAX_BYTES;
	if (unread <= COUNTED_FROM_BYTES) {
		peer->answer_shares = answer_shares_free(peer->answer_shares);
		return true;
	}
	shares = shares_of(peer);
	mine = shares ? asker_get(shares, asker) : NULL;
	if (!mine)
		return unread <= MAX_BYTES;
	if (unread > MAX_ALL_BYTES)
		return false;
	if (unread > MAX_BYTES && shares->bytes &&
		mine->bytes * unread / shares->bytes > MAX_BYTES / shares->askers.n_items)
		return false;
	mine->bytes += size_bytes;
	shares->bytes += size_bytes;
	if (shares->bytes > HALVE_AT_BYTES) {
		shares->bytes = 0;
		hash_each(&shares->askers, asker_halve, &shares->bytes);
	}
	return true;
}

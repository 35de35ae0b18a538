/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a peer: all that hangs on it ends, and it is forgotten. */
#include "libactor/node/gone.h"

#include <errno.h>

#include "libactor/actor/call.h"
#include "libactor/actor/monitor.h"
#include "libactor/actor/pg.h"
#include "libactor/actor/served.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/node/service.h"
#include "libactor/peer/answer-shares.h"
#include "libactor/peer/name-cache.h"
#include "libactor/peer/peer.h"
#include "libactor/peer/pressure.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/names.h"
#include "libactor/transport/transport.h"
#include "libactor/util/buf.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

void peer_fail_all(struct peer *peer, const struct actor_cause *cause, int call_error)
{
	actor_group *group = peer->group;

	names_forget_group(group, peer->id);
	if (peer->kind != PEER_UPLINK)
		pgs_forget_group(group, peer->id);
	peer_unpause_all(peer, -ESRCH);
	pauses_forget_peer(peer);
	watchers_forget_peer(peer);
	served_end_by_peer(peer);
	calls_end_by_peer(peer, call_error);
	monitors_end_by_peer(peer, cause);
}

void peer_fail_exited(struct peer *peer)
{
	peer->exited = true;
	names_forget_group(peer->group, peer->id);
	pgs_forget_group(peer->group, peer->id);
	peer_unpause_all(peer, -ESRCH);
	watchers_forget_peer(peer);
	served_end_by_peer(peer);
	calls_end_by_peer(peer, -ECONNRESET);
}

static void routed_lost(struct hash_node *node, void *arg)
{
	struct peer *peer = container_of(node, struct peer, node);
	struct actor_cause cause = cause_make(ERROR_NOCONNECTION);

	if (peer->state != PEER_ROUTED)
		return;
	peer_unpause_all(peer, -ESRCH);
	calls_end_by_peer(peer, -ECONNRESET);
	monitors_end_by_peer(peer, &cause);
	peer_forget(peer);
}

void peers_routed_lost(actor_group *group)
{
	hash_each(&group->peers, routed_lost, NULL);
}

void peer_forget(struct peer *peer)
{
	actor_group *group = peer->group;

	if (peer->over)
		return;
	peer->over = true;
	peer->state = PEER_ENDED;
	handovers_fail(peer);
	if (peer->kind == PEER_CLIENT) {
		group->n_clients--;
		service_client_gone(group, peer->id);
	}
	list_remove(&peer->dirty_link);
	peer->pipe = pipe_free(peer->pipe);
	timer_deinit(&group->loop, &peer->timer);
	hash_remove(&group->peers, &peer->node);
	buf_deinit(&peer->pending);
	peer->pending = (struct buf)BUF_INIT;
	peer->answer_shares = answer_shares_free(peer->answer_shares);
	buf_deinit(&peer->aside);
	peer->aside = (struct buf)BUF_INIT;
	list_append(&group->peers_over, &peer->over_link);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks the broker to introduce us to a group. As long as anything here waits for a link with that group, we
 * ask again: a link that does not come up does not mean that the group has died. This file does not limit the
 * wait: a call has its time-out, and `pending` is bounded.
 */
#include "libactor/node/introduction.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/broker.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/node/gone.h"
#include "libactor/node/service.h"
#include "libactor/peer/peer.h"
#include "libactor/peer/pressure.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/names.h"
#include "libactor/transport/transport.h"
#include "libactor/util/buf.h"
#include "libactor/util/clock.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

#define TRY_AGAIN_MIN_MS 10 /* the pause after the first failed introduction; it doubles each time */
#define TRY_AGAIN_MAX_MS 500

/* - */
bool peer_is_wanted(const struct peer *peer)
{
	return peer->pending.size_bytes || peer->pending.failed || !list_is_empty(&peer->calls) ||
	       !list_is_empty(&peer->monitors) || !list_is_empty(&peer->watchers) ||
	       !list_is_empty(&peer->paused_senders);
}

static void peer_fail(struct peer *peer, const char *reason, int call_error)
{
	struct actor_cause cause = cause_make(reason);

	if (peer->over)
		return;
	peer_fail_all(peer, &cause, call_error);
	peer_forget(peer);
}

static void peer_introduce_answered(struct broker_request *request, int error, actor_msg *reply)
{
	actor_group *group = request->group;
	struct peer *peer = peer_find(group, (uint64_t)(uintptr_t)request->arg);
	const char *name = reply && reply->error ? reply->error : "";

	if (!peer || !peer->asked)
		return;
	peer->asked = false;
	if (peer->exited)
		/* A broker that knows the group tells how it ended right after this answer. */
		peer->unknown = error == -ESRCH;
	if (error == 0 || peer->state != PEER_INTRODUCING)
		return; /* the introduction is under way; a cast of the broker follows */
	if (error == -ESRCH || !strcmp(name, ERROR_BAD_ARGS)) {
		peer_fail(peer, ERROR_NOPROC, -ESRCH);
	} else if (error == -ENOTCONN) {
		peer_fail(peer, ERROR_NOCONNECTION, -ECONNRESET); /* the node is gone */
	} else if (!strcmp(name, ERROR_SINGLE) && peer->pending.failed) {
		peer_fail(peer, ERROR_NOCONNECTION, -ECONNRESET); /* pending has lost frames */
	} else if (!strcmp(name, ERROR_SINGLE) && group->uplink.peer) {
		peer->state = PEER_ROUTED;
		peer_move_pending(peer, group->uplink.peer);
		handovers_route(peer, group->uplink.peer);
		peer_senders_go_on(peer); /* from now on the senders wait for the uplink */
	} else {
		if (!peer->n_tries)
			group_log(group, "the broker does not introduce us to group %llu yet: %s",
				(unsigned long long)peer->id, *name ? name : strerror(-error));
		peer_try_again(peer);
	}
}

/* The question outlives a restart of the broker: the new broker is asked again. */
void peer_ask(struct peer *peer)
{
	struct buf args = BUF_INIT;
	int r;

	if (peer->asked)
		return;
	peer->asked = true; /* set before broker_ask(), which may answer at once */
	r = body_pack(&args, BODY_ARGS, "U", peer->id);
	if (r == 0)
		r = broker_ask(peer->group, "introduce", &args, ACTOR_FOREVER, peer_introduce_answered,
			(void *)(uintptr_t)peer->id);
	buf_deinit(&args);
	if (r < 0) {
		peer->asked = false;
		if (!peer->exited) /* ended_timeout() will ask again about a process that has exited */
			peer_try_again(peer);
	}
}

/* The introduction led to no link, but the broker did not say that the group has died. */
void peer_try_again(struct peer *peer)
{
	int64_t pause_ms = (int64_t)TRY_AGAIN_MIN_MS << (peer->n_tries < 6 ? peer->n_tries : 6);

	peer->pipe = pipe_free(peer->pipe);
	list_remove(&peer->dirty_link);
	peer->state = PEER_INTRODUCING;
	peer->pending_at = 0;
	peer->n_tries++;
	timer_arm(&peer->group->loop, &peer->timer,
		deadline_after_ms(clock_now_ns(), pause_ms < TRY_AGAIN_MAX_MS ? pause_ms : TRY_AGAIN_MAX_MS));
}

static void ask_again(struct hash_node *node, void *arg)
{
	struct peer *peer = container_of(node, struct peer, node);

	if (peer->kind != PEER_GROUP)
		return;
	if (peer->group->uplink.restarted) {
		/*
		 * From now on we ask the new broker about any group that knocks. The new broker does not know
		 * a group that has ended, but we do.
		 */
		peer->expected = peer->expected && peer->exit_told;
		if (peer->state == PEER_INTRODUCING && !peer->asked && !peer->exit_told &&
			!peer_is_wanted(peer)) {
			peer_forget(peer);
			return;
		}
	}
	/* If we listen, we may be waiting for a dialer that the old broker never told to dial. */
	if ((peer->state == PEER_INTRODUCING || (peer->state == PEER_LINKING && peer->listens)) &&
		peer_is_wanted(peer))
		peer_ask(peer);
}

void peers_ask_again(actor_group *group)
{
	hash_each(&group->peers, ask_again, NULL);
}

void peer_tell_link_down(struct peer *peer)
{
	broker_tell_surely(peer->group, "link_down", "UU", peer->id, peer->intro_id);
}

/*
 * An earlier broker introduced us to @peer. Tells the present broker of that link, so that it counts the
 * link.
 */
void peer_tell_linked(struct peer *peer)
{
	broker_tell_surely(peer->group, "admit", "UUU", peer->id, (uint64_t)peer->expect.uid,
		(uint64_t)peer->expect.pid);
}

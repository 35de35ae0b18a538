/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two things about peers that only a service group needs to know: when its death can lose nothing of what it
 * wrote (a handover), and when a client of its own is gone.
 *
 * When a direct link has no backlog, the kernel has everything, and keeps it for the peer even if we die. The
 * broker gets a `ping`. Its `pong` says that it has handled all that came before. But the broker flushes its
 * links only once a turn, in no order. So after the first pong a second ping is sent; its pong says that this
 * turn is over.
 */
#include "libactor/node/service.h"

#include <stdio.h>
#include <stdlib.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/mailbox.h"
#include "libactor/base/base.h"
#include "libactor/message/msg.h"
#include "libactor/peer/peer.h"
#include "libactor/protocol/wire.h"
#include "libactor/transport/transport.h"
#include "libactor/util/buf.h"
#include "libactor/util/list.h"

struct handover {
	struct list link; /* peer.handovers */
	uint64_t group, number;
	uint64_t ping; /* the last ping that was sent; 0: a direct link */
	bool again;    /* the first pong has come */
	bool routed;
};

static void service_told(actor_group *group, const char *method, struct buf *args)
{
	struct actor *service = actor_find(group, 1);
	actor_msg *msg;

	if (service && method[0] && !group->closing && buf_error(args) == 0 &&
		msg_new_received(
			&msg, group_ref(group, 0), wire_cstr(method), args->data, args->size_bytes) == 0) {
		msg->kind = MSG_CAST;
		mailbox_push(service, msg);
	}
	buf_deinit(args);
}

void service_client_gone(actor_group *group, uint64_t client)
{
	struct buf args = BUF_INIT;

	if (!group->is_service)
		return;
	(void)body_pack(&args, BODY_ARGS, "U", client);
	service_told(group, group->client_gone_method, &args);
}

static void handover_answer(actor_group *group, uint64_t to, uint64_t number, bool ok, bool routed)
{
	struct buf args = BUF_INIT;

	(void)body_pack(&args, BODY_ARGS, "UUbb", to, number, ok, routed);
	service_told(group, group->handed_over_method, &args);
}

static void handover_done(actor_group *group, struct handover *handover, bool ok)
{
	list_remove(&handover->link);
	handover_answer(group, handover->group, handover->number, ok, handover->routed);
	free(handover);
}

static void handover_ping(struct peer *peer, struct handover *handover)
{
	handover->ping = ++peer->group->last_ping;
	wire_put_ping(peer_out(peer), handover->ping);
	peer_wrote(peer);
}

void service_hand_over(actor *self, uint64_t to, uint64_t number)
{
	actor_group *group = self->group;
	struct peer *peer = to ? peer_find(group, to) : group->uplink.peer;
	struct handover *handover;
	bool routed = to && peer && (peer->state == PEER_ROUTED || peer->kind == PEER_UPLINK);

	if (routed)
		peer = group->uplink.peer;
	handover = peer && peer->state != PEER_ENDED && !peer->said_bye &&
				   (peer->pipe || peer->state == PEER_INTRODUCING)
			   ? calloc(1, sizeof(*handover))
			   : NULL;
	if (!handover) {
		handover_answer(group, to, number, false, routed);
		return;
	}
	handover->group = to;
	handover->number = number;
	handover->routed = routed;
	list_append(&peer->handovers, &handover->link);
	if (peer->kind == PEER_UPLINK)
		handover_ping(peer, handover);
	else if (peer->pipe)
		pipe_notify_drained(peer->pipe);
}

void handovers_linked(struct peer *peer)
{
	if (peer->kind != PEER_UPLINK && peer->pipe && !list_is_empty(&peer->handovers))
		pipe_notify_drained(peer->pipe);
}

void handovers_drained(struct peer *peer)
{
	if (peer->kind == PEER_UPLINK || !peer->pipe || peer->state == PEER_KNOCKING ||
		list_is_empty(&peer->handovers))
		return;                       /* a peer that has not let us in may need everything again */
	if (pipe_backlog_bytes(peer->pipe)) { /* more was written meanwhile */
		pipe_notify_drained(peer->pipe);
		return;
	}
	while (!list_is_empty(&peer->handovers))
		handover_done(peer->group, container_of(peer->handovers.next, struct handover, link), true);
}

void handovers_pong(struct peer *peer, uint64_t ping)
{
	list_for_each_safe(it, &peer->handovers) {
		struct handover *handover = container_of(it, struct handover, link);

		if (!handover->ping || handover->ping > ping)
			continue;
		if (handover->again) {
			handover_done(peer->group, handover, true);
		} else {
			handover->again = true;
			handover_ping(peer, handover);
		}
	}
}

void handovers_route(struct peer *peer, struct peer *uplink)
{
	struct list *link;

	while ((link = list_pop(&peer->handovers))) {
		struct handover *handover = container_of(link, struct handover, link);

		handover->routed = true;
		list_append(&uplink->handovers, link);
		handover_ping(uplink, handover);
	}
}

void handovers_fail(struct peer *peer)
{
	while (!list_is_empty(&peer->handovers))
		handover_done(peer->group, container_of(peer->handovers.next, struct handover, link), false);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links with other groups. There is only one path to each group at a time, so that order holds. States of a
 * peer:
 *
 *   introducing, linking    frames wait in order, in `pending`, until the link is up
 *   knocking                frames go to the link with the door, and are kept until the other has let us in
 *   linked                  frames go to the link
 *   routed                  the other has one link only: frames go to the broker, which forwards them
 *   ended                   the link ended; nothing is sent until the death is decided
 *
 *   introducing → linking → linked → ended → decided and forgotten
 *                 linking → knocking → linked
 *   introducing → routed
 *   linking, knocking → introducing: there was no link
 *
 * A link that does not come up is no death: the broker is asked again, as long as anything waits for the
 * link. The sender decides how long a message may wait (a call has a time-out, `pending` is bounded). Only
 * two things end a peer: the end of a link that was up, and the broker's word.
 *
 * The death of a group is decided once. All that still hangs on the peer then ends with the same cause. From
 * then on the id is unknown, so a later send asks the broker. All frames of the link were handled before,
 * because the end of a link is read after its frames. If frames of the dead may wait at our door and no
 * connection can be let in, the decision waits. No time-out decides. When the link has ended, the kernel is
 * asked for the peer's process:
 *
 *   the process has exited   Its calls end at once, and what is sent to it is lost. Monitors wait for the
 *                            broker. The broker has the cause from the supervisor, and tells it when the
 *                            names of the dead are free. That may be late, because both may stand still.
 *                            Then the broker is asked, by `introduce`, whether it knows that group; a broker
 *                            that began after the death may not. Only if it does not, or the node is gone,
 *                            the cause is unknown: noconnection.
 *   the process lives        Perhaps it is dying, so it is looked at again for a second. After that only the
 *                            link is lost: noconnection, which says no more.
 *   not known                (no pid, no pidfd) After that second: noconnection, too.
 *
 * The broker gets `link_down` only for a link that is lost. Until then it counts our end as up, so it surely
 * tells us when the other group ends.
 */
#include "libactor/node/link.h"

#include <errno.h>
#include <string.h>

#include "libactor/actor/broker.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/node/gone.h"
#include "libactor/node/introduction.h"
#include "libactor/node/service.h"
#include "libactor/actor/taps.h"
#include "libactor/node/uplink.h"
#include "libactor/peer/peer.h"
#include "libactor/peer/pressure.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"
#include "libactor/transport/transport.h"
#include "libactor/util/clock.h"
#include "libactor/util/list.h"

/* when a process lives on for this long after its link has ended, the link was lost */
#define LINK_LOST_MS 1000
#define LOOK_MIN_MS  1
#define LOOK_MAX_MS  50
/* the pause between two looks at whether a broker can still tell how the process exited */
#define NODE_MS 1000

/* number for group_complain(): stands for all clients of a service, because each client has a new id */
#define CLIENTS 0

/* - */
void peer_decide(struct peer *peer)
{
	struct actor_cause cause =
		peer->exit_told ? peer->cause : cause_make(peer->got_bye ? "normal" : ERROR_NOCONNECTION);

	if (peer->over)
		return;
	peer_fail_all(peer, &cause, -ECONNRESET);
	peer_forget(peer);
}

/*
 * True if a group that has ended may have left messages at our door: it may have dialled and written before
 * its end. While no descriptor is free to let a connection in, its messages wait in the kernel, and the
 * decision about its end waits, too. Also true if the group was let in just now.
 */
static bool peer_may_be_at_our_door(struct peer *peer)
{
	bool all;

	if (!peer->exit_told || !peer->expected)
		return false;
	all = peer->group->peer_hooks->door_opens(peer->group);
	return !peer->over && (!all || peer->pipe);
}

/* The peer's link has ended, and it is not known yet whether the group has. */
static void peer_look(struct peer *peer)
{
	int64_t waited_ms = (clock_now_ns() - peer->ended_ns) / MS_NS, pause_ms;

	if (transport_life(peer->pid, peer->pid_seen) == LIFE_OVER) {
		peer_fail_exited(peer);
		timer_arm(&peer->group->loop, &peer->timer, deadline_after_ms(clock_now_ns(), NODE_MS));
	} else if (waited_ms >= LINK_LOST_MS) {
		peer_tell_link_down(peer);
		peer_decide(peer);
	} else {
		pause_ms = waited_ms < LOOK_MIN_MS   ? LOOK_MIN_MS
			   : waited_ms < LOOK_MAX_MS ? waited_ms
						     : LOOK_MAX_MS;
		timer_arm(&peer->group->loop, &peer->timer, deadline_after_ms(clock_now_ns(), pause_ms));
	}
}

/* Returns true when the decision still has to wait. */
static bool ended_timeout(struct peer *peer)
{
	if (!peer->exited) {
		peer_look(peer);
		return true;
	}
	if (peer->unknown || !uplink_may_tell(peer->group))
		return false;
	timer_arm(&peer->group->loop, &peer->timer, deadline_after_ms(clock_now_ns(), NODE_MS));
	peer_ask(peer);
	return true;
}

void peer_timeout(struct loop *loop, struct timer *timer)
{
	struct peer *peer = container_of(timer, struct peer, timer);

	if (peer->exit_told && peer->pipe && pipe_has_unread(peer->pipe)) {
		/*
		 * What the peer left in the kernel is read first, however slow we are. The timer is needed
		 * when another process still holds the socket open, because such a link never ends.
		 */
		timer_arm(&peer->group->loop, &peer->timer,
			deadline_after_ms(peer->group->loop.now_ns, LAST_WORDS_MS));
		return;
	}
	if (peer_may_be_at_our_door(peer)) {
		timer_arm(&peer->group->loop, &peer->timer,
			deadline_after_ms(peer->group->loop.now_ns, LAST_WORDS_MS));
		return;
	}
	if (peer->over)
		return;
	if (peer->state == PEER_ENDED && !peer->exit_told && ended_timeout(peer))
		return;
	if (peer->state == PEER_LINKED && peer->got_bye && !peer->exit_told)
		peer_link_down(peer, -ECONNRESET);
	else if (peer->state != PEER_INTRODUCING || peer->exit_told)
		peer_decide(peer);
	else if (peer_is_wanted(peer))
		peer_ask(peer);
	else
		peer_forget(peer);
}

void peer_link_up(struct peer *peer, pid_t pid)
{
	peer->pid = pid;
	peer->pid_seen = clock_boot_ns();
	if (peer->kind == PEER_UPLINK) {
		peer->state = PEER_LINKED;
		uplink_link_up(peer->group);
	} else if (peer->state == PEER_LINKING && peer->joins) {
		peer->state = PEER_KNOCKING;
	} else if (peer->state == PEER_LINKING) {
		peer->state = PEER_LINKED;
		peer->n_tries = 0;
		if (peer->listens && peer->kind != PEER_CLIENT &&
			peer->told_at != peer->group->uplink.n_connects)
			peer_tell_linked(peer);
		peer_move_pending(peer, peer);
	}
	peer_wrote(peer);
	if (peer->draining)
		pipe_notify_drained(peer->pipe);
	if (peer->state == PEER_KNOCKING)
		return; /* peer_let_in() goes on */
	handovers_linked(peer);
	/* Senders may wait because `pending` was full. No event of the link would wake them. */
	peer_senders_go_on(peer);
}

void peer_let_in(struct peer *peer)
{
	peer->state = PEER_LINKED;
	peer->n_tries = 0;
	if (peer->pending.failed)
		pipe_out(peer->pipe)->failed = true;
	buf_deinit(&peer->pending);
	peer->pending = (struct buf)BUF_INIT;
	peer->pending_at = 0;
	handovers_linked(peer);
	peer_senders_go_on(peer);
}

void peer_link_down(struct peer *peer, int error)
{
	actor_group *group = peer->group;
	bool knocked = peer->state == PEER_KNOCKING, had_link = peer->pipe;
	/* A link that knocked counts as up if frames are missing in `pending`: those cannot be sent again. */
	bool was_up =
		peer->state == PEER_LINKED || peer->state == PEER_ENDED || (knocked && peer->pending.failed);

	if (peer->over)
		return;
	group->peer_hooks->link_ends(peer);
	if (peer->over || (had_link && !peer->pipe))
		return; /* handling the last frames ended the link */
	peer->pipe = pipe_free(peer->pipe);
	list_remove(&peer->dirty_link);
	handovers_fail(peer);
	if (peer->kind == PEER_UPLINK) {
		taps_drop(group);
		uplink_link_down(group, error);
		return;
	}
	if (!was_up && peer->kind != PEER_CLIENT && !peer->exit_told && !group->closing) {
		/* The link never came up. The broker knows whether the other group lives. */
		if (knocked)
			group_complain(group, peer->id,
				"group %llu (%s) closed our connection before it let us in; asking again",
				(unsigned long long)peer->id, peer->name);
		/* a new broker knows of this link, but not of the old broker's introduction */
		if (peer->listens || knocked || peer->told_at != group->uplink.n_connects)
			peer_tell_link_down(peer);
		else
			broker_tell_surely(group, "introduce_failed", "Us", peer->intro_id, strerror(-error));
		peer_try_again(peer);
		return;
	}
	peer->link_ended = true;
	if (error != -ECONNRESET && was_up && !peer->got_bye)
		group_complain(group, peer->kind == PEER_CLIENT ? CLIENTS : peer->id,
			"link to group %llu (%s) ended: %s", (unsigned long long)peer->id, peer->name,
			strerror(-error));
	if (!was_up || peer->exit_told || peer->kind == PEER_CLIENT || group->closing) {
		if (peer->kind != PEER_CLIENT)
			peer_tell_link_down(peer);
		peer_decide(peer);
		return;
	}
	peer->state = PEER_ENDED;
	peer->ended_ns = clock_now_ns();
	peer_unpause_all(peer, -ESRCH);
	peer_look(peer);
}

void peer_cut(struct peer *peer, const char *why)
{
	actor_group *group = peer->group;

	if (peer->over)
		return;
	group->stats.links_cut++;
	group_complain(group, peer->kind == PEER_CLIENT ? CLIENTS : peer->id,
		"cut the link to group %llu (%s): %s", (unsigned long long)peer->id, peer->name, why);
	if (peer->kind == PEER_CLIENT && peer->pipe &&
		!peer->said_bye) { /* we are the client's daemon and say why */
		wire_put_bye(peer_out(peer), wire_cstr(why));
		pipe_flush(peer->pipe);
	}
	if (peer->kind == PEER_UPLINK) {
		peer_link_down(peer, -EPROTO);
		return;
	}
	peer_link_down(peer, -ECONNRESET);
}

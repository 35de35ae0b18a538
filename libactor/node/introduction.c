/*
 * Other groups. One path to each at a time, so that order holds:
 *
 *   introducing ⇄ linking → linked          frames wait in order, in `pending`, until the link is up
 *              ↘ routed                     the other has one link only: the broker forwards
 *   linked → ended → (decided, forgotten)   its death
 *
 * A link that does not come up is no death: the broker is asked again, as long as anything waits for it. How long a message may wait is
 * its sender's business (a call's time-out, a bounded `pending`). Only the end of a link that was up, and the broker's word, end a peer.
 *
 * A group's death is decided once: the link's end and the exit told by the broker are awaited together, at most a second after the
 * first; then everything that hangs on the peer (calls, monitors) ends with the same cause. All frames read from the link go first,
 * because the link's end is read after them. After that the id is unknown again: a later send asks the broker, who knows better.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libactor/actor/monitor.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/node/gone.h"
#include "libactor/node/introduction.h"
#include "libactor/node/knocks.h"
#include "libactor/node/service.h"
#include "libactor/node/uplink.h"
#include "libactor/peer/name-cache.h"
#include "libactor/peer/peer.h"
#include "libactor/peer/pressure.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/wire.h"
#include "libactor/transport/transport.h"
#include "libactor/util/buf.h"
#include "libactor/util/clock.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"
#include "libactor/util/slots.h"

#define DEATH_DECISION_MS 1000
#define TRY_AGAIN_MIN_MS 10	    /* after an introduction that failed; doubled each time */
#define TRY_AGAIN_MAX_MS 500

#define CLIENTS 0 /* to group_complain(): all clients of a service, which come under a new id each time */

static void peer_try_again(struct peer *peer);

/* The peer is over after this. */
static void peer_decide(struct peer *peer)
{
	struct actor_cause cause = peer->exit_told ? peer->cause : cause_make(peer->got_bye ? "normal" : "noconnection");

	if (peer->over)
		return;
	peer_fail_all(peer, &cause, -ECONNRESET);
	peer_forget(peer);
}

/* Does anything here wait for a link with it? */
static bool peer_is_wanted(const struct peer *peer)
{
	return peer->pending.size_bytes || peer->pending.failed || !list_is_empty(&peer->calls) || !list_is_empty(&peer->monitors) ||
		!list_is_empty(&peer->watchers) || !list_is_empty(&peer->paused_senders);
}

void peer_timeout(struct loop *loop, struct timer *timer)
{
	struct peer *peer = container_of(timer, struct peer, timer);

	if (peer->exit_told && peer->link && link_has_unread(peer->link)) {
		/* it is we who are slow: what it left in the kernel is read first. The timer is for a socket that somebody else still holds open */
		timer_arm(&peer->group->loop, &peer->timer, deadline_after_ms(peer->group->loop.now_ns, DEATH_DECISION_MS));
		return;
	}
	if (peer->state == PEER_LINKED && peer->got_bye && !peer->exit_told)
		peer_link_down(peer, -ECONNRESET);
	else if (peer->state != PEER_INTRODUCING || peer->exit_told)
		peer_decide(peer); /* the second half of a death never came */
	else if (peer_is_wanted(peer))
		peer_ask(peer);
	else
		peer_forget(peer);
}

/* ---- introductions ---- */

static void peer_fail(struct peer *peer, const char *reason, int call_error)
{
	struct actor_cause cause = cause_make(reason);

	if (peer->over)
		return;
	peer_fail_all(peer, &cause, call_error);
	peer_forget(peer);
}

static void peer_introduce_answered(struct uplink_request *request, int error, actor_msg *reply)
{
	actor_group *group = request->group;
	struct peer *peer = peer_find(group, (uint64_t)(uintptr_t)request->arg);
	const char *name = reply && reply->error ? reply->error : "";

	if (!peer || !peer->asked)
		return;
	peer->asked = false;
	if (error == 0 || peer->state != PEER_INTRODUCING)
		return; /* it is under way: the broker tells us more */
	if (error == -ESRCH || strcmp(name, "bad_args") == 0) {
		peer_fail(peer, "noproc", -ESRCH);
	} else if (error == -ENOTCONN) {
		peer_fail(peer, "noconnection", -ECONNRESET); /* the node is gone */
	} else if (strcmp(name, "single") == 0 && peer->pending.failed) {
		peer_fail(peer, "noconnection", -ECONNRESET); /* frames are missing */
	} else if (strcmp(name, "single") == 0 && group->uplink.peer) {
		peer->state = PEER_ROUTED;
		peer_move_pending(peer, group->uplink.peer);
		handovers_route(peer, group->uplink.peer);
		peer_senders_go_on(peer); /* they wait for the uplink from now on */
	} else {
		if (!peer->n_tries)
			group_log(group, "the broker does not introduce us to group %llu yet: %s", (unsigned long long)peer->id,
				*name ? name : strerror(-error));
		peer_try_again(peer);
	}
}

/* Outlives a broker's restart: asked again of the new one. */
void peer_ask(struct peer *peer)
{
	struct buf args = BUF_INIT;
	int r;

	if (peer->asked)
		return;
	peer->asked = true; /* before it is answered, which may be at once */
	r = body_pack(&args, BODY_ARGS, "U", peer->id);
	if (r == 0)
		r = uplink_ask(peer->group, "introduce", &args, ACTOR_FOREVER, peer_introduce_answered, (void *)(uintptr_t)peer->id);
	buf_deinit(&args);
	if (r < 0) {
		peer->asked = false;
		peer_try_again(peer);
	}
}

/* Nothing came of it; no word of a death, though. */
static void peer_try_again(struct peer *peer)
{
	int64_t pause_ms = (int64_t)TRY_AGAIN_MIN_MS << (peer->n_tries < 6 ? peer->n_tries : 6);

	peer->link = link_free(peer->link);
	list_remove(&peer->dirty_link);
	peer->state = PEER_INTRODUCING;
	peer->n_tries++;
	timer_arm(&peer->group->loop, &peer->timer, deadline_after_ms(clock_now_ns(), pause_ms < TRY_AGAIN_MAX_MS ? pause_ms : TRY_AGAIN_MAX_MS));
}

static void ask_again(struct hash_node *node, void *arg)
{
	struct peer *peer = container_of(node, struct peer, node);

	if (peer->is_uplink || peer->is_client)
		return;
	if (peer->group->uplink.restarted) {
		peer->expected = false; /* whoever comes now is asked about */
		if (peer->state == PEER_INTRODUCING && !peer->asked && !peer->exit_told && !peer_is_wanted(peer)) {
			peer_forget(peer);
			return;
		}
	}
	/* one that listens may wait for a dialer that the old broker never told */
	if ((peer->state == PEER_INTRODUCING || (peer->state == PEER_LINKING && peer->listens)) && peer_is_wanted(peer))
		peer_ask(peer);
}

void peers_ask_again(actor_group *group)
{
	hash_each(&group->peers, ask_again, NULL);
}

static void tell_link_down(struct peer *peer)
{
	uplink_tell_surely(peer->group, "link_down", "UU", peer->id, peer->intro_id);
}

/* A link that came of an earlier broker's introduction: this one counts it from now on. */
static void tell_linked(struct peer *peer)
{
	uplink_tell_surely(peer->group, "admit", "UUU", peer->id, (uint64_t)peer->expect.uid, (uint64_t)peer->expect.pid);
}

void peer_introduction_failed(actor_group *group, uint64_t intro_id, uint64_t group_id)
{
	struct peer *peer = peer_find(group, group_id);

	if (!peer)
		return;
	if (peer->state == PEER_LINKING && peer->intro_id == intro_id) {
		tell_link_down(peer);
		peer_try_again(peer);
	} else if (peer->expected && peer->intro_id == intro_id) {
		/* it may have come by our door, written, and given up, before we turned to it */
		(void)knocks_take_all(group);
		peer = peer_find(group, group_id);
		if (!peer || !peer->expected || peer->intro_id != intro_id)
			return;
		peer->expected = false;
		tell_link_down(peer);
		peer_try_again(peer);
	} else if (peer->state == PEER_INTRODUCING && !peer->asked) {
		peer_try_again(peer);
	}
}

/* A link with it is to be made, by that introduction. Its peer, without a link now; NULL: out of memory. */
static struct peer *peer_begin(actor_group *group, uint64_t intro_id, uint64_t group_id, struct transport_peer expect, struct wire_str name)
{
	struct peer *peer = peer_find(group, group_id);

	if (peer && peer->state == PEER_LINKING) {
		peer->link = link_free(peer->link); /* of an introduction that the broker has given up */
		list_remove(&peer->dirty_link);
		peer->state = PEER_INTRODUCING;
	} else if (peer && peer->state != PEER_INTRODUCING) {
		/* the broker thinks we know each other no longer; a link that still stands is stale */
		if (peer->link)
			peer_cut(peer, "introduced anew");
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
		r = link_join(peer->group->transport, path, peer->expect, join.data, join.size_bytes, peer, &peer->link);
	buf_deinit(&join);
	return r;
}

void peer_introduce(actor_group *group, uint64_t intro_id, struct wire_str role, uint64_t group_id, struct wire_str path,
	struct transport_peer expect, struct wire_str name)
{
	struct peer *peer = NULL;
	char text[4096];
	int r;

	if (path.len < sizeof(text) && group->mode == ACTOR_JOIN_DIRECT)
		peer = peer_begin(group, intro_id, group_id, expect, name);
	if (!peer) {
		uplink_tell_surely(group, "introduce_failed", "Us", intro_id, group->mode == ACTOR_JOIN_DIRECT ? "out of memory" : "one link only");
		return;
	}
	memcpy(text, path.s, path.len);
	text[path.len] = 0;
	peer->listens = mp_str_is(role.s, role.len, "listen");
	if (peer->listens) {
		socket_make_directory(text);
		r = link_listen(group->transport, text, expect, -1, peer, &peer->link);
	} else if (mp_str_is(role.s, role.len, "join")) {
		r = peer_join(peer, text);
	} else {
		r = link_dial(group->transport, text, expect, -1, peer, &peer->link);
	}
	if (r < 0) {
		uplink_tell_surely(group, "introduce_failed", "Us", intro_id, strerror(-r));
		peer_try_again(peer);
		return;
	}
	timer_disarm(&group->loop, &peer->timer);
	peer->state = PEER_LINKING;
	if (peer->listens)
		uplink_tell_surely(group, "listening", "U", intro_id);
}

struct peer *peer_expect(actor_group *group, uint64_t intro_id, uint64_t group_id, struct transport_peer expect, struct wire_str name)
{
	struct peer *peer = group->mode == ACTOR_JOIN_DIRECT ? peer_begin(group, intro_id, group_id, expect, name) : NULL;

	if (peer) {
		timer_disarm(&group->loop, &peer->timer);
		peer->expected = true;
		peer->listens = true;
	}
	return peer;
}

void peer_admit(struct peer *peer, uint64_t knock_id)
{
	actor_group *group = peer->group;
	int r;

	r = door_admit(group->door, knock_id, peer, &peer->link);
	if (r < 0) {
		group_complain(group, peer->id, "no link to group %llu (%s): %s", (unsigned long long)peer->id, peer->name, strerror(-r));
		tell_link_down(peer);
		peer->expected = false;
		peer_try_again(peer);
		return;
	}
	peer->expected = false;
	peer->state = PEER_LINKING;
	peer_link_up(peer);
}

/* ---- the link ---- */

void peer_link_up(struct peer *peer)
{
	if (peer->is_uplink) {
		peer->state = PEER_LINKED;
		uplink_link_up(peer->group);
	} else if (peer->state == PEER_LINKING) {
		peer->state = PEER_LINKED;
		peer->n_tries = 0;
		if (peer->listens && !peer->is_client && peer->told_at != peer->group->uplink.n_connects)
			tell_linked(peer);
		peer_move_pending(peer, peer);
	}
	peer_wrote(peer);
	if (peer->draining)
		link_notify_drained(peer->link);
	handovers_linked(peer);
	peer_senders_go_on(peer); /* who filled `pending` while there was no link waits for nothing that the link could tell */
}

void peer_link_down(struct peer *peer, int error)
{
	actor_group *group = peer->group;
	bool was_up = peer->state == PEER_LINKED || peer->state == PEER_ENDED, had_link = peer->link;

	if (peer->over)
		return;
	group->peer_hooks->link_ends(peer);
	if (peer->over || (had_link && !peer->link))
		return; /* what it had said ended the link */
	peer->link = link_free(peer->link);
	list_remove(&peer->dirty_link);
	handovers_fail(peer);
	if (peer->is_uplink) {
		uplink_link_down(group, error);
		return;
	}
	if (!was_up && !peer->is_client && !peer->exit_told && !group->closing) {
		/* it never came up: whether the other lives the broker knows */
		if (peer->listens)
			tell_link_down(peer);
		else
			uplink_tell_surely(group, "introduce_failed", "Us", peer->intro_id, strerror(-error));
		peer_try_again(peer);
		return;
	}
	peer->link_ended = true;
	if (error != -ECONNRESET && was_up && !peer->got_bye)
		group_complain(group, peer->is_client ? CLIENTS : peer->id, "link to group %llu (%s) ended: %s", (unsigned long long)peer->id, peer->name, strerror(-error));
	if (!peer->is_client)
		tell_link_down(peer);
	if (!was_up || peer->exit_told || peer->is_client || group->closing) {
		peer_decide(peer);
		return;
	}
	peer->state = PEER_ENDED;
	peer_unpause_all(peer, -ESRCH);
	timer_arm(&group->loop, &peer->timer, deadline_after_ms(group->loop.now_ns, DEATH_DECISION_MS));
}

void peer_exit_told(actor_group *group, uint64_t group_id, const struct actor_cause *cause)
{
	struct peer *peer = peer_find(group, group_id);

	names_forget_group(group, group_id);
	if (!peer || peer->is_uplink || peer->exit_told)
		return;
	peer->exit_told = true;
	peer->cause = *cause;
	/* it may have come by our door, written, and ended, before we turned to it */
	if (peer->state == PEER_INTRODUCING && peer->expected && !knocks_take_all(group)) {
		timer_arm(&group->loop, &peer->timer, deadline_after_ms(group->loop.now_ns, DEATH_DECISION_MS));
		return;
	}
	if ((peer->state == PEER_LINKED || peer->state == PEER_LINKING) && !peer->link_ended) {
		/* what it sent last is still to be read */
		timer_arm(&group->loop, &peer->timer, deadline_after_ms(group->loop.now_ns, DEATH_DECISION_MS));
		return;
	}
	peer_decide(peer);
}

void peer_cut(struct peer *peer, const char *why)
{
	actor_group *group = peer->group;

	if (peer->over)
		return;
	group->stats.links_cut++;
	group_complain(group, peer->is_client ? CLIENTS : peer->id, "cut the link to group %llu (%s): %s", (unsigned long long)peer->id, peer->name, why);
	if (peer->is_client && peer->link && !peer->said_bye) { /* ours is the daemon's end: it says why */
		wire_put_bye(peer_out(peer), wire_cstr(why));
		link_flush(peer->link);
	}
	if (peer->is_uplink) {
		peer_link_down(peer, -EPROTO);
		return;
	}
	peer_link_down(peer, -ECONNRESET);
}

void monitor_down_received(actor_group *group, uint64_t id, actor_ref who, const struct actor_cause *cause)
{
	struct monitor *monitor = slots_get(&group->monitors, id);
	struct peer *peer;

	if (!monitor)
		return;
	monitor_settle(group, monitor, who); /* the end of a process may be told before its start has been answered */
	if (!actor_ref_equal(monitor->who, who))
		return;
	if (who.serial == 0) {
		peer = peer_find(group, who.group);
		if (peer && !peer->is_uplink && peer->state != PEER_ROUTED) {
			/* its last messages may still be on the link: the DOWN waits for the link's end */
			monitor->cause_known = true;
			monitor->cause = *cause;
			list_remove(&monitor->target_link);
			list_append(&peer->monitors, &monitor->target_link);
			peer_exit_told(group, who.group, cause);
			return;
		}
		names_forget_group(group, who.group);
	} else {
		names_forget_ref(group, who);
	}
	monitor_fire(group, monitor, cause);
}

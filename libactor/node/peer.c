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
 *
 * Whoever holds a struct peer may find it over (`peer->over`), never freed: its memory stays until the turn of the loop has ended.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/call.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/monitor.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/node/inbound.h"
#include "libactor/node/knocks.h"
#include "libactor/node/name.h"
#include "libactor/node/peer.h"
#include "libactor/node/service.h"
#include "libactor/node/uplink.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/wire.h"
#include "libactor/transport/transport.h"
#include "libactor/util/buf.h"
#include "libactor/util/clock.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

/*
 * Written and not taken: like "pause *". One batch, so that the kernel finds the next one ready; more would make nothing faster, and all
 * of it still comes when the receiver has said `pause`, from each of its senders.
 */
#define BACKLOG_MAX_BYTES TRANSPORT_BATCH_BYTES
#define FLUSH_AT_BYTES (64u << 10)   /* a handler that writes and writes is sent from while it does */
#define PAUSED_REFS_MAX 4096u	    /* actors of one peer with full mailboxes at a time */
#define YIELD_AT_BYTES (256u << 10)  /* and lets the loop read now and then, or it would never hear `pause` */
#define DEATH_DECISION_MS 1000
#define TRY_AGAIN_MIN_MS 10	    /* after an introduction that failed; doubled each time */
#define TRY_AGAIN_MAX_MS 500

#define CLIENTS 0 /* to group_complain(): all clients of a service, which come under a new id each time */

struct paused_ref {
	struct list link; /* peer.paused_refs */
	actor_ref ref;
	struct list senders; /* actor.blocked_link */
};

struct peer *peer_find(actor_group *group, uint64_t group_id)
{
	uint64_t hash = hash_of_u64(&group->peers, group_id);

	for (struct hash_node *node = hash_first(&group->peers, hash); node; node = hash_next(node)) {
		struct peer *peer = container_of(node, struct peer, node);

		if (peer->id == group_id)
			return peer;
	}
	return NULL;
}

bool peer_is_spawner(const struct peer *peer)
{
	return !(peer->id >> 63) && strcmp(peer->name, "$spawner") == 0;
}

static void peer_try_again(struct peer *peer);
static void peer_ask(struct peer *peer);

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

static void peer_timeout(struct loop *loop, struct timer *timer)
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

struct peer *peer_new(actor_group *group, uint64_t id, enum peer_state state)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		return NULL;
	peer->group = group;
	peer->id = id;
	peer->state = state;
	list_init(&peer->calls);
	list_init(&peer->monitors);
	list_init(&peer->watchers);
	list_init(&peer->handovers);
	list_init(&peer->pauses);
	list_init(&peer->paused_refs);
	list_init(&peer->paused_senders);
	if (timer_init(&group->loop, &peer->timer, peer_timeout) < 0) {
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

static void senders_wake(struct list *senders, int result)
{
	while (!list_is_empty(senders))
		actor_wake(container_of(senders->next, struct actor, task.blocked_link), result);
}

static void senders_go_on(struct peer *peer)
{
	if (!peer->paused_all)
		senders_wake(&peer->paused_senders, 0);
}

static void peer_unpause_all(struct peer *peer, int result)
{
	senders_wake(&peer->paused_senders, result);
	while (!list_is_empty(&peer->paused_refs)) {
		struct paused_ref *paused = container_of(peer->paused_refs.next, struct paused_ref, link);

		senders_wake(&paused->senders, result);
		list_remove(&paused->link);
		free(paused);
	}
	peer->n_paused_refs = 0;
	peer->paused_all = false;
}

void peer_fail_all(struct peer *peer, const struct actor_cause *cause, int call_error)
{
	actor_group *group = peer->group;

	names_forget_group(group, peer->id);
	peer_unpause_all(peer, -ESRCH);
	mailbox_forget_peer(group, peer);
	while (!list_is_empty(&peer->watchers))
		watcher_free(container_of(peer->watchers.next, struct watcher, peer_link));
	while (!list_is_empty(&peer->calls))
		call_finish(container_of(peer->calls.next, struct call, peer_link), call_error, NULL);
	while (!list_is_empty(&peer->monitors)) {
		struct monitor *monitor = container_of(peer->monitors.next, struct monitor, target_link);

		monitor_fire(group, monitor, monitor->cause_known ? &monitor->cause : cause);
	}
}

void peer_forget(struct peer *peer)
{
	actor_group *group = peer->group;

	if (peer->over)
		return;
	peer->over = true;
	peer->state = PEER_ENDED;
	handovers_fail(peer);
	if (peer->is_client) {
		group->n_clients--;
		service_client_gone(group, peer->id);
	}
	list_remove(&peer->dirty_link);
	peer->link = link_free(peer->link);
	timer_deinit(&group->loop, &peer->timer);
	hash_remove(&group->peers, &peer->node);
	buf_deinit(&peer->pending);
	peer->pending = (struct buf)BUF_INIT;
	buf_deinit(&peer->aside);
	peer->aside = (struct buf)BUF_INIT;
	list_append(&group->peers_over, &peer->over_link);
}

void peers_free_over(actor_group *group)
{
	struct list *node;

	while ((node = list_pop(&group->peers_over)))
		free(container_of(node, struct peer, over_link));
}

/* ---- introductions ---- */

/* What waited goes to @to, frame by frame: one message holds at most 16 MiB. */
static void pending_move(struct peer *peer, struct peer *to)
{
	struct buf pending = peer->pending;
	struct wire_frame frame;
	size_t at = 0, used;

	peer->pending = (struct buf)BUF_INIT;
	if (pending.failed)
		peer_out(to)->failed = true; /* frames are missing: the link must not go on as if none were */
	while (at < pending.size_bytes && wire_parse(pending.data + at, pending.size_bytes - at, &frame, &used) >= 0) {
		buf_append(peer_out(to), pending.data + at, used);
		peer_wrote(to);
		at += used;
	}
	buf_deinit(&pending);
	peer_wrote(to);
}

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
		pending_move(peer, group->uplink.peer);
		handovers_route(peer, group->uplink.peer);
		senders_go_on(peer); /* they wait for the uplink from now on */
	} else {
		if (!peer->n_tries)
			group_log(group, "the broker does not introduce us to group %llu yet: %s", (unsigned long long)peer->id,
				*name ? name : strerror(-error));
		peer_try_again(peer);
	}
}

/* Outlives a broker's restart: asked again of the new one. */
static void peer_ask(struct peer *peer)
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

uint64_t peer_way(const struct peer *peer)
{
	return peer->is_uplink ? peer->group->uplink.n_connects : 0;
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
		return group->uplink.peer; /* may be NULL: no way there */
	if (group->uplink.state == UPLINK_NONE)
		return NULL; /* the node is gone */
	peer = peer_new(group, group_id, PEER_INTRODUCING);
	if (peer)
		peer_ask(peer);
	return peer;
}

/* "<runtime dir>/g/<our id>/": supervised groups have theirs already, others make it when they first listen. */
void peer_make_directory(const char *socket_path)
{
	char dir[4096];
	char *slash, *above;

	snprintf(dir, sizeof(dir), "%s", socket_path);
	slash = strrchr(dir, '/');
	if (!slash)
		return;
	*slash = 0;
	if (mkdir(dir, 0700) == 0 || errno != ENOENT)
		return;
	above = strrchr(dir, '/');
	if (!above)
		return;
	*above = 0;
	(void)mkdir(dir, 0700);
	*above = '/';
	(void)mkdir(dir, 0700);
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
		peer_make_directory(text);
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

struct buf *peer_out(struct peer *peer)
{
	switch (peer->state) {
	case PEER_ROUTED:
		if (peer->group->uplink.peer)
			return peer_out(peer->group->uplink.peer);
		break;
	case PEER_LINKING:
		if (!peer->is_uplink && !peer->is_client)
			return &peer->pending;
		/* fall through */
	case PEER_LINKED:
		if (peer->link && !peer->said_bye)
			return link_out(peer->link);
		break;
	case PEER_INTRODUCING:
		return &peer->pending;
	case PEER_ENDED:
		break;
	}
	buf_reset(&peer->group->discard, 1 << 16); /* to the dead */
	return &peer->group->discard;
}

void peer_wrote(struct peer *peer)
{
	if (peer->state == PEER_ROUTED) {
		if (peer->group->uplink.peer)
			peer_wrote(peer->group->uplink.peer);
		return;
	}
	if (!peer->link)
		return;
	link_mark(peer->link);
	if (link_out(peer->link)->size_bytes >= FLUSH_AT_BYTES) {
		peer->unyielded_bytes += link_out(peer->link)->size_bytes;
		link_flush(peer->link);
	}
	if (!list_is_linked(&peer->dirty_link))
		list_append(&peer->group->dirty, &peer->dirty_link);
}

void peers_flush(actor_group *group)
{
	struct list *node;

	while ((node = list_pop(&group->dirty))) {
		struct peer *peer = container_of(node, struct peer, dirty_link);

		if (peer->link)
			link_flush(peer->link);
	}
}

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
		pending_move(peer, peer);
	}
	peer_wrote(peer);
	if (peer->draining)
		link_notify_drained(peer->link);
	handovers_linked(peer);
	senders_go_on(peer); /* who filled `pending` while there was no link waits for nothing that the link could tell */
}

void peer_link_down(struct peer *peer, int error)
{
	actor_group *group = peer->group;
	bool was_up = peer->state == PEER_LINKED || peer->state == PEER_ENDED, had_link = peer->link;

	if (peer->over)
		return;
	inbound_link_ends(peer);
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

/* ---- pause and resume, told to us ---- */

static struct paused_ref *peer_paused_ref(struct peer *peer, actor_ref ref)
{
	list_for_each(it, &peer->paused_refs) {
		struct paused_ref *paused = container_of(it, struct paused_ref, link);

		if (actor_ref_equal(paused->ref, ref))
			return paused;
	}
	return NULL;
}

int peer_wait_unpaused(struct peer **peerp, actor_ref to, struct actor *sender, int64_t deadline_ns)
{
	struct peer *peer = *peerp;
	actor_group *group = peer->group;
	int timed_out = deadline_ns == SEND_BLOCK_MAX ? -EBUSY : -ETIMEDOUT;
	uint64_t id = peer->id;
	struct list *queue;
	int r;

	for (;;) {
		struct paused_ref *paused;
		struct peer *at = peer->state == PEER_ROUTED && group->uplink.peer ? group->uplink.peer : peer;

		if (at->unyielded_bytes >= YIELD_AT_BYTES && sender && actor_is_current(sender)) {
			at->unyielded_bytes = 0;
			r = actor_park(sender, 0);
			if (r < 0 && r != -ETIMEDOUT)
				return r;
			peer = peer_find(group, id);
			if (!peer)
				return -ESRCH;
			*peerp = peer;
			continue;
		}
		paused = list_is_empty(&at->paused_refs) ? NULL : peer_paused_ref(at, to);
		if (paused) {
			queue = &paused->senders;
		} else if (at->paused_all) {
			queue = &at->paused_senders;
		} else if (at->link ? link_backlog_bytes(at->link) > BACKLOG_MAX_BYTES : at->pending.size_bytes > BACKLOG_MAX_BYTES) {
			queue = &at->paused_senders;
			if (at->link)
				link_notify_drained(at->link);
		} else {
			return 0;
		}
		if (!sender || !actor_is_current(sender))
			return -EAGAIN;
		if (deadline_ns == SEND_BLOCK_MAX)
			deadline_ns = deadline_after_ms(clock_now_ns(), SEND_BLOCK_MAX_MS);
		list_append(queue, &sender->task.blocked_link);
		r = actor_park(sender, deadline_ns);
		if (r < 0)
			return r == -ETIMEDOUT ? timed_out : r;
		peer = peer_find(group, id); /* may have gone meanwhile */
		if (!peer)
			return -ESRCH;
		*peerp = peer;
	}
}

void peer_drained(struct peer *peer)
{
	if (peer->draining && peer->link && link_backlog_bytes(peer->link) > 0)
		link_notify_drained(peer->link); /* more was written since it was asked for */
	else
		peer->draining = false;
	senders_go_on(peer);
}

void peer_pause_received(struct peer *peer, const actor_ref *ref)
{
	struct paused_ref *paused;

	if (!ref) {
		peer->paused_all = true;
		return;
	}
	if (peer_paused_ref(peer, *ref))
		return;
	if (!peer->is_uplink && peer->n_paused_refs >= PAUSED_REFS_MAX) {
		peer_cut(peer, "it pauses too many actors");
		return;
	}
	paused = calloc(1, sizeof(*paused));
	if (!paused)
		return; /* we go on sending; the receiver's patience is bounded */
	paused->ref = *ref;
	list_init(&paused->senders);
	list_append(&peer->paused_refs, &paused->link);
	peer->n_paused_refs++;
}

void peer_resume_received(struct peer *peer, const actor_ref *ref)
{
	struct paused_ref *paused;

	if (!ref) {
		peer->paused_all = false;
		senders_wake(&peer->paused_senders, 0);
		return;
	}
	paused = peer_paused_ref(peer, *ref);
	if (!paused)
		return;
	senders_wake(&paused->senders, 0);
	list_remove(&paused->link);
	free(paused);
	peer->n_paused_refs--;
}

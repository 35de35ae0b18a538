/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sender that is too fast is held back, at both ends of a link. A receiver with a full mailbox tells the
 * peer to pause, once for each actor. A sender parks when its group was told to pause, or when the kernel
 * does not take its frames. The broker forwards frames of many groups: it holds back those for the paused
 * actor and tells their senders.
 */
#include "libactor/peer/pressure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/peer/peer.h"
#include "libactor/protocol/wire.h"
#include "libactor/transport/transport.h"
#include "libactor/util/clock.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

/*
 * With more than this in the backlog, senders wait as after "pause *". The limit is one batch, so that the
 * kernel finds the next batch ready. A larger backlog would make nothing faster; all of it would still reach
 * a receiver that has said `pause`, from each of its senders.
 */
#define BACKLOG_MAX_BYTES TRANSPORT_BATCH_BYTES
#define PAUSED_REFS_MAX   4096u /* the most actors of one peer that may be paused at a time */
/*
 * After a `pause` a peer may send this many bytes, and one frame of any size, to the full mailbox. Then its
 * further requests wait (inbound.c). So a peer that ignores `pause` puts little before the messages of
 * others. A peer that obeys has less than this in the kernel's buffers.
 */
#define OVERRUN_BYTES (1u << 20)
/* After so many bytes a sender lets the loop read. Otherwise this group would never read a `pause`. */
#define YIELD_AT_BYTES (256u << 10)

struct pause { /* we told @peer to hold back messages for @to, an actor of ours */
	/* group->pauses, by actor and peer, because each message to a full mailbox looks for its pause */
	struct hash_node node;
	struct list mailbox_link; /* mailbox.paused */
	struct list peer_link;
	struct peer *peer;
	actor_ref to;
	/* sent since then: bytes that were in flight, or of a peer that ignores the pause */
	uint64_t received_bytes;
	size_t largest_bytes; /* the largest frame of those */
	bool overrun;         /* counted in peer.n_overruns */
	bool of_all;          /* casts to all members of a process group are held back, too */
};

struct paused_ref {
	struct list link; /* peer.paused_refs */
	actor_ref ref;
	struct list names;   /* struct paused_name: the names by which we call it */
	struct list senders; /* task.blocked_link */
};

struct paused_name {
	struct list link;
	size_t len;
	char text[];
};

/* ---- pauses that we told ---- */

static uint64_t pause_hash(const struct hash *pauses, actor_ref to, const struct peer *peer)
{
	return hash_of_u64(pauses, hash_of_u64(pauses, peer->id) + to.serial);
}

static struct pause *pause_find(actor_ref to, struct peer *peer)
{
	const struct hash *pauses = &peer->group->pauses;

	/* Mostly this is the pause that was told last, because messages of a peer come in batches. */
	if (!list_is_empty(&peer->pauses)) {
		struct pause *last = container_of(peer->pauses.next, struct pause, peer_link);

		if (last->to.serial == to.serial)
			return last;
	}
	for (struct hash_node *node = hash_first(pauses, pause_hash(pauses, to, peer)); node;
		node = hash_next(node)) {
		struct pause *pause = container_of(node, struct pause, node);

		if (pause->to.serial == to.serial && pause->peer == peer)
			return pause;
	}
	return NULL;
}

/*
 * The broker hands one frame to a process for all its members. So while one member takes nothing, no member
 * gets any.
 */
static void pause_of_all(struct pause *pause)
{
	struct peer *peer = pause->peer;
	actor_ref all = {pause->to.node, pause->to.group, 0};

	pause->of_all = true;
	if (peer->n_pauses_of_all++ == 0) {
		wire_put_pause(peer_out(peer), &all);
		peer_wrote(peer);
	}
}

static void resume_of_all(struct pause *pause, bool tell)
{
	struct peer *peer = pause->peer;
	actor_ref all = {pause->to.node, pause->to.group, 0};

	if (--peer->n_pauses_of_all == 0 && tell) {
		wire_put_resume(peer_out(peer), &all);
		peer_wrote(peer);
	}
}

static void pause_count(struct pause *pause, size_t received_bytes)
{
	struct peer *peer = pause->peer;

	pause->received_bytes += received_bytes;
	if (received_bytes > pause->largest_bytes)
		pause->largest_bytes = received_bytes;
	if (pause->overrun || peer->kind == PEER_UPLINK ||
		pause->received_bytes - pause->largest_bytes <= OVERRUN_BYTES)
		return;
	pause->overrun = true;
	peer->n_overruns++;
}

static void pause_end(struct pause *pause, bool tell)
{
	if (pause->overrun && --pause->peer->n_overruns == 0 && pause->peer->pipe)
		pipe_notify_drained(pause->peer->pipe); /* its requests that wait are taken up */
	tell = tell && pause->peer->state == PEER_LINKED;
	if (tell) {
		wire_put_resume(peer_out(pause->peer), &pause->to);
		peer_wrote(pause->peer);
	}
	if (pause->of_all)
		resume_of_all(pause, tell);
	hash_remove(&pause->peer->group->pauses, &pause->node);
	list_remove(&pause->mailbox_link);
	list_remove(&pause->peer_link);
	free(pause);
}

uint64_t pause_tell(struct list *paused, actor_ref to, struct peer *peer, size_t received_bytes, bool of_all)
{
	struct hash *pauses = &peer->group->pauses;
	struct pause *pause = pause_find(to, peer);

	of_all = of_all && peer->kind == PEER_UPLINK;
	if (pause) {
		if (of_all && !pause->of_all)
			pause_of_all(pause);
		pause_count(pause, received_bytes);
		return pause->received_bytes;
	}
	pause = calloc(1, sizeof(*pause));
	if (!pause || hash_insert(pauses, &pause->node, pause_hash(pauses, to, peer)) < 0) {
		free(pause);
		return 0; /* the next message tries again */
	}
	pause->peer = peer;
	pause->to = to;
	pause_count(pause, received_bytes);
	list_append(paused, &pause->mailbox_link);
	list_prepend(&peer->pauses, &pause->peer_link);
	wire_put_pause(peer_out(peer), &to);
	peer_wrote(peer);
	if (of_all)
		pause_of_all(pause);
	return received_bytes;
}

void pauses_forget_peer(struct peer *peer)
{
	while (!list_is_empty(&peer->pauses))
		pause_end(container_of(peer->pauses.next, struct pause, peer_link), false);
}

void pauses_end(struct list *paused)
{
	while (!list_is_empty(paused))
		pause_end(container_of(paused->next, struct pause, mailbox_link), true);
}

/* ---- pauses that we were told ---- */

void peer_senders_go_on(struct peer *peer)
{
	if (!peer->paused_all)
		tasks_wake(&peer->group->loop, &peer->paused_senders, 0);
}

static void paused_ref_end(struct peer *peer, struct paused_ref *paused, int result)
{
	struct list *name;

	tasks_wake(&peer->group->loop, &paused->senders, result);
	while ((name = list_pop(&paused->names)))
		free(container_of(name, struct paused_name, link));
	list_remove(&paused->link);
	peer->n_paused_refs--;
	peer->n_paused_groups -= !paused->ref.serial;
	free(paused);
}

void peer_unpause_all(struct peer *peer, int result)
{
	tasks_wake(&peer->group->loop, &peer->paused_senders, result);
	while (!list_is_empty(&peer->paused_refs))
		paused_ref_end(peer, container_of(peer->paused_refs.next, struct paused_ref, link), result);
	peer->paused_all = false;
}

static struct paused_ref *peer_paused_ref(struct peer *peer, actor_ref ref)
{
	list_for_each(it, &peer->paused_refs) {
		struct paused_ref *paused = container_of(it, struct paused_ref, link);

		if (actor_ref_equal(paused->ref, ref))
			return paused;
	}
	return NULL;
}

static bool paused_ref_is_called(const struct paused_ref *paused, struct wire_str name)
{
	list_for_each(it, &paused->names) {
		const struct paused_name *called = container_of(it, struct paused_name, link);

		if (called->len == name.len && !memcmp(called->text, name.s, name.len))
			return true;
	}
	return false;
}

/* The pause that holds back messages for @to; NULL: none. */
static struct paused_ref *peer_paused(struct peer *peer, const struct wire_dest *to)
{
	bool to_all = !to->name.s && actor_ref_is_nobody(to->ref);

	if (!to->name.s && !to_all)
		return peer_paused_ref(peer, to->ref);
	if (to_all && !peer->n_paused_groups)
		return NULL;
	list_for_each(it, &peer->paused_refs) {
		struct paused_ref *paused = container_of(it, struct paused_ref, link);

		if (to_all ? !paused->ref.serial : paused_ref_is_called(paused, to->name))
			return paused;
	}
	return NULL;
}

/* True when more bytes wait for @at than should. */
static bool peer_is_congested(const struct peer *at)
{
	size_t backlog_bytes =
		at->pipe && !peer_keeps(at) ? pipe_backlog_bytes(at->pipe) : at->pending.size_bytes;

	return backlog_bytes > BACKLOG_MAX_BYTES;
}

/* The queue of those who wait until @at is not congested any more. */
static struct list *congestion_queue(struct peer *at)
{
	/* a peer that has not admitted this group yet wakes the senders when it does */
	if (at->pipe && !peer_keeps(at))
		pipe_notify_drained(at->pipe);
	return &at->paused_senders;
}

/* The queue in which @sender has to wait before it may send to @to through @at; NULL: it may send. */
static struct list *sender_queue(struct peer *at, const struct wire_dest *to)
{
	struct paused_ref *paused;

	/* What is written now is lost. When the cause of the end is decided, there is another way or none. */
	if (at->state == PEER_ENDED)
		return at->exited ? NULL : &at->paused_senders;
	paused = list_is_empty(&at->paused_refs) ? NULL : peer_paused(at, to);
	if (paused)
		return &paused->senders;
	if (at->paused_all)
		return &at->paused_senders;
	return peer_is_congested(at) ? congestion_queue(at) : NULL;
}

static bool uplink_is_there(const actor_group *group)
{
	return group->uplink.peer && group->uplink.peer->state == PEER_LINKED;
}

int uplink_wait(actor_group *group, struct task *sender, int64_t deadline_ns)
{
	int timed_out = deadline_ns == SEND_BLOCK_MAX ? -ENOTCONN : -ETIMEDOUT, r;

	while (!uplink_is_there(group)) {
		if (group->uplink.state == UPLINK_NONE)
			return -ENOTCONN;
		if (!sender || group->loop.current != sender)
			return -EAGAIN;
		if (deadline_ns == SEND_BLOCK_MAX)
			deadline_ns = deadline_after_ms(clock_now_ns(), SEND_BLOCK_MAX_MS);
		list_append(&group->uplink.waiting, &sender->blocked_link);
		r = task_park(&group->loop, sender, deadline_ns);
		if (r < 0)
			return r == -ETIMEDOUT ? timed_out : r;
	}
	return 0;
}

/*
 * Logs that a message was given up because the peer took no more. Other places do not know which peer that
 * was.
 */
static void complain_of(actor_group *group, uint64_t id)
{
	const struct peer *peer = peer_find(group, id);
	size_t backlog_bytes = peer && peer->pipe ? pipe_backlog_bytes(peer->pipe) : 0;

	if (backlog_bytes > BACKLOG_MAX_BYTES)
		group_complain(group, id,
			"group %llu '%s' does not read: %zu bytes wait for it, and a message was not sent",
			(unsigned long long)id, peer->name, backlog_bytes);
}

static int sender_yields(struct peer *at, struct task *sender)
{
	int r;

	at->unyielded_bytes = 0;
	r = task_park(&at->group->loop, sender, 0);
	return r == -ETIMEDOUT ? 0 : r;
}

static struct peer *peer_of_link(struct peer *peer)
{
	struct peer *uplink = peer->group->uplink.peer;

	return peer->state == PEER_ROUTED && uplink ? uplink : peer;
}

bool peer_has_room(struct peer *peer)
{
	const struct peer *at = peer_of_link(peer);

	return at->paused_all || (at->unyielded_bytes < YIELD_AT_BYTES && !peer_is_congested(at));
}

int peer_wait_room(struct peer *peer, struct task *sender, int64_t deadline_ns)
{
	struct peer *at = peer_of_link(peer);

	if (at->unyielded_bytes >= YIELD_AT_BYTES)
		return sender_yields(at, sender);
	list_append(congestion_queue(at), &sender->blocked_link);
	return task_park(&at->group->loop, sender, deadline_ns);
}

int peer_wait_unpaused(
	struct peer **peerp, const struct wire_dest *to, struct task *sender, int64_t deadline_ns)
{
	struct peer *peer = *peerp, *at;
	actor_group *group = peer->group;
	int timed_out = deadline_ns == SEND_BLOCK_MAX ? -EBUSY : -ETIMEDOUT;
	bool is_uplink = peer->kind == PEER_UPLINK;
	uint64_t id = peer->id;
	struct list *queue;
	int r = 0;

	for (;;) {
		if (is_uplink || peer->state == PEER_ROUTED) {
			/* what is written while the daemon is away is lost */
			if (!uplink_is_there(group)) {
				r = uplink_wait(group, sender, deadline_ns);
				if (r < 0)
					return r;
				goto look_again;
			}
			at = group->uplink.peer;
		} else {
			at = peer;
		}
		if (at->unyielded_bytes >= YIELD_AT_BYTES && sender && group->loop.current == sender) {
			r = sender_yields(at, sender);
		} else {
			queue = sender_queue(at, to);
			if (!queue) {
				*peerp = is_uplink ? at : peer;
				return 0;
			}
			if (!sender || group->loop.current != sender)
				return -EAGAIN;
			if (deadline_ns == SEND_BLOCK_MAX)
				deadline_ns = deadline_after_ms(clock_now_ns(), SEND_BLOCK_MAX_MS);
			list_append(queue, &sender->blocked_link);
			r = task_park(&group->loop, sender, deadline_ns);
		}
		if (r == -ETIMEDOUT)
			complain_of(group, id);
		if (r < 0 && r != -ESRCH)
			return r == -ETIMEDOUT ? timed_out : r;
look_again:
		if (is_uplink)
			continue;
		/* The link may have ended meanwhile. The broker knows whether the group has ended, too. */
		peer = peer_find(group, id);
		if (!peer)
			peer = peer_route(group, id, true);
		if (!peer)
			return -ESRCH;
	}
}

void peer_drained(struct peer *peer)
{
	if (peer->draining && peer->pipe && pipe_backlog_bytes(peer->pipe) > 0)
		pipe_notify_drained(peer->pipe); /* more was written since the question */
	else
		peer->draining = false;
	peer_senders_go_on(peer);
}

/* Without memory we go on sending by that name. The receiver limits how much it accepts. */
static void paused_ref_call(struct paused_ref *paused, struct wire_str name)
{
	struct paused_name *called;

	if (!name.s || paused_ref_is_called(paused, name))
		return;
	called = malloc(sizeof(*called) + name.len);
	if (!called)
		return;
	*called = (struct paused_name){.len = name.len};
	memcpy(called->text, name.s, name.len);
	list_append(&paused->names, &called->link);
}

bool peer_pause_received(struct peer *peer, const actor_ref *ref, struct wire_str name)
{
	struct paused_ref *paused;

	if (!ref) {
		peer->paused_all = true;
		return true;
	}
	paused = peer_paused_ref(peer, *ref);
	if (paused) {
		if (peer->kind == PEER_UPLINK)
			paused_ref_call(paused, name);
		return true;
	}
	if (peer->kind != PEER_UPLINK && peer->n_paused_refs >= PAUSED_REFS_MAX)
		return false;
	paused = calloc(1, sizeof(*paused));
	if (!paused)
		return true; /* we go on sending; the receiver limits how much it accepts */
	paused->ref = *ref;
	list_init(&paused->names);
	list_init(&paused->senders);
	list_append(&peer->paused_refs, &paused->link);
	peer->n_paused_refs++;
	peer->n_paused_groups += !ref->serial;
	if (peer->kind == PEER_UPLINK)
		paused_ref_call(paused, name);
	return true;
}

void peer_resume_received(struct peer *peer, const actor_ref *ref)
{
	struct paused_ref *paused;

	if (!ref) {
		peer->paused_all = false;
		tasks_wake(&peer->group->loop, &peer->paused_senders, 0);
		return;
	}
	paused = peer_paused_ref(peer, *ref);
	if (paused)
		paused_ref_end(peer, paused, 0);
}

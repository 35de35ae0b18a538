/*
 * Bounded mailboxes. A mailbox never refuses a message; it is the senders that are held back: a local one is parked until there is
 * room, a peer group is told to pause (and parks the actors that send there). DOWNs, timers and file descriptor events are pushed
 * without asking: they are not bounded by the mailbox.
 */
#include <errno.h>
#include <stdlib.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/call.h"
#include "libactor/actor/mailbox.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/node/peer.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/clock.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

#define MAILBOX_DEFAULT_MESSAGES 4096u
#define MAILBOX_DEFAULT_BYTES (1u << 20)

struct pause { /* we told @peer to hold back messages for @to */
	struct hash_node node; /* group->pauses, by both: each message to a full mailbox looks its pause up */
	struct list mailbox_link;
	struct list peer_link;
	struct peer *peer;
	struct actor *to;
	uint64_t received_bytes; /* since then: what was in flight, or somebody who does not listen */
};

void mailbox_init(struct mailbox *mailbox, const struct actor_behavior *behavior)
{
	*mailbox = (struct mailbox){
		.max_messages = behavior->mailbox_max_messages ? behavior->mailbox_max_messages : MAILBOX_DEFAULT_MESSAGES,
		.max_bytes = behavior->mailbox_max_bytes ? behavior->mailbox_max_bytes : MAILBOX_DEFAULT_BYTES,
	};
	list_init(&mailbox->messages);
	list_init(&mailbox->blocked);
	list_init(&mailbox->paused);
}

bool mailbox_is_full(const struct mailbox *mailbox)
{
	return mailbox->n_messages >= mailbox->max_messages || mailbox->n_bytes >= mailbox->max_bytes;
}

void mailbox_push(struct actor *to, actor_msg *take)
{
	take->charge_bytes = (uint32_t)(sizeof(*take) + (take->body_bytes > UINT32_MAX / 4 ? UINT32_MAX / 4 : take->body_bytes));
	to->mailbox.n_messages++;
	if (__builtin_add_overflow(to->mailbox.n_bytes, take->charge_bytes, &to->mailbox.n_bytes))
		to->mailbox.n_bytes = UINT32_MAX;
	list_append(&to->mailbox.messages, &take->link);
	actor_make_runnable(to);
}

static uint64_t pause_hash(const struct hash *pauses, const struct actor *to, const struct peer *peer)
{
	return hash_of_u64(pauses, hash_of_u64(pauses, peer->id) + to->ref.serial);
}

static struct pause *pause_find(struct actor *to, struct peer *peer)
{
	const struct hash *pauses = &to->group->pauses;

	/* most often the one it was told last: what comes from a peer comes in batches */
	if (!list_is_empty(&peer->pauses)) {
		struct pause *last = container_of(peer->pauses.next, struct pause, peer_link);

		if (last->to == to)
			return last;
	}
	for (struct hash_node *node = hash_first(pauses, pause_hash(pauses, to, peer)); node; node = hash_next(node)) {
		struct pause *pause = container_of(node, struct pause, node);

		if (pause->to == to && pause->peer == peer)
			return pause;
	}
	return NULL;
}

static void pause_end(struct pause *pause, bool tell)
{
	if (tell && pause->peer->state == PEER_LINKED && !pause->peer->is_uplink) {
		wire_put_resume(peer_out(pause->peer), &pause->to->ref);
		peer_wrote(pause->peer);
	}
	hash_remove(&pause->to->group->pauses, &pause->node);
	list_remove(&pause->mailbox_link);
	list_remove(&pause->peer_link);
	free(pause);
}

static void mailbox_has_room(struct mailbox *mailbox)
{
	/* one for one: whoever is woken fills the place that was made */
	if (!list_is_empty(&mailbox->blocked) && !mailbox_is_full(mailbox))
		actor_wake(container_of(mailbox->blocked.next, struct actor, task.blocked_link), 0);
	if (!list_is_empty(&mailbox->paused) && mailbox->n_messages <= mailbox->max_messages / 2 && mailbox->n_bytes <= mailbox->max_bytes / 2)
		while (!list_is_empty(&mailbox->paused))
			pause_end(container_of(mailbox->paused.next, struct pause, mailbox_link), true);
}

actor_msg *mailbox_pop(struct actor *self)
{
	struct list *node = list_pop(&self->mailbox.messages);
	actor_msg *msg;

	if (!node)
		return NULL;
	msg = container_of(node, actor_msg, link);
	self->mailbox.n_messages--;
	self->mailbox.n_bytes -= msg->charge_bytes < self->mailbox.n_bytes ? msg->charge_bytes : self->mailbox.n_bytes;
	mailbox_has_room(&self->mailbox);
	return msg;
}

void mailbox_drop_all(struct actor *self, const char *reason)
{
	struct list *node;

	while ((node = list_pop(&self->mailbox.messages))) {
		actor_msg *msg = container_of(node, actor_msg, link);

		if (msg->kind == MSG_CALL)
			call_refuse(self->group, msg->sender, msg->way, self->ref, msg->id, "down", reason);
		else if (msg->kind == MSG_CAST)
			self->group->stats.casts_dropped++;
		actor_msg_free(msg);
	}
	self->mailbox.n_messages = self->mailbox.n_bytes = 0;
}

int mailbox_wait_room(actor_group *group, uint64_t serial, struct actor *sender, int64_t deadline_ns, struct actor **ret)
{
	int timed_out = deadline_ns == SEND_BLOCK_MAX ? -EBUSY : -ETIMEDOUT;
	struct actor *to;
	int r;

	for (;;) {
		to = actor_find(group, serial); /* it may have ended while we waited */
		if (!to || to->status == ACTOR_ENDING)
			return -ESRCH;
		if (to == sender || !mailbox_is_full(&to->mailbox))
			break;
		if (!sender || !actor_is_current(sender))
			return -EAGAIN;
		if (deadline_ns == SEND_BLOCK_MAX)
			deadline_ns = deadline_after_ms(clock_now_ns(), SEND_BLOCK_MAX_MS);
		list_append(&to->mailbox.blocked, &sender->task.blocked_link);
		r = actor_park(sender, deadline_ns);
		if (r < 0)
			return r == -ETIMEDOUT ? timed_out : r;
	}
	*ret = to;
	return 0;
}

uint64_t mailbox_pause_peer(struct actor *to, struct peer *peer, size_t received_bytes)
{
	struct hash *pauses = &to->group->pauses;
	struct pause *pause = pause_find(to, peer);

	if (pause)
		return pause->received_bytes += received_bytes;
	pause = calloc(1, sizeof(*pause));
	if (!pause || hash_insert(pauses, &pause->node, pause_hash(pauses, to, peer)) < 0) {
		free(pause);
		return 0; /* the next message tries again */
	}
	pause->peer = peer;
	pause->to = to;
	pause->received_bytes = received_bytes;
	list_append(&to->mailbox.paused, &pause->mailbox_link);
	list_prepend(&peer->pauses, &pause->peer_link);
	if (!peer->is_uplink) { /* the broker forwards for many and is not held up for one */
		wire_put_pause(peer_out(peer), &to->ref);
		peer_wrote(peer);
	}
	return received_bytes;
}

void mailbox_forget_peer(actor_group *group, struct peer *peer)
{
	while (!list_is_empty(&peer->pauses))
		pause_end(container_of(peer->pauses.next, struct pause, peer_link), false);
}

void mailbox_release(struct actor *self)
{
	while (!list_is_empty(&self->mailbox.blocked))
		actor_wake(container_of(self->mailbox.blocked.next, struct actor, task.blocked_link), -ESRCH);
	while (!list_is_empty(&self->mailbox.paused))
		pause_end(container_of(self->mailbox.paused.next, struct pause, mailbox_link), true);
}

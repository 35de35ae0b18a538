/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded mailboxes. By default a mailbox accepts every message, even when it is full. The limits hold back
 * the senders instead. A local sender is parked until the mailbox has room. A peer group is told to pause,
 * and parks its actors that send to this mailbox. The broker is told as well, and tells the senders. The
 * limits do not hold back DOWNs, timers, file descriptor events and changes of process groups and names:
 * these come into a full mailbox, too. An actor that would rather lose messages sets limits of its own
 * (intake.c).
 */
#include "libactor/actor/mailbox.h"

#include <errno.h>
#include <stdlib.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/intake.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/peer/pressure.h"
#include "libactor/util/clock.h"
#include "libactor/util/list.h"

#define MAILBOX_DEFAULT_MESSAGES 4096u
#define MAILBOX_DEFAULT_BYTES    (1u << 20)

uint32_t mailbox_max_messages(const struct actor_behavior *behavior)
{
	return behavior->mailbox_max_messages ? behavior->mailbox_max_messages : MAILBOX_DEFAULT_MESSAGES;
}

uint32_t mailbox_max_bytes(const struct actor_behavior *behavior)
{
	return behavior->mailbox_max_bytes ? behavior->mailbox_max_bytes : MAILBOX_DEFAULT_BYTES;
}

void mailbox_init(struct mailbox *mailbox, const struct actor_behavior *behavior)
{
	*mailbox = (struct mailbox){
		.max_messages = mailbox_max_messages(behavior),
		.max_bytes = mailbox_max_bytes(behavior),
	};
	list_init(&mailbox->messages);
	list_init(&mailbox->blocked);
	list_init(&mailbox->paused);
}

bool mailbox_makes_wait(const struct mailbox *mailbox)
{
	return !mailbox->intake || mailbox->intake->overload.limits.overflow == ACTOR_BLOCK;
}

static void mailbox_charge(struct mailbox *mailbox, actor_msg *msg)
{
	msg->charge_bytes = (uint32_t)(sizeof(*msg) +
				       (msg->body_bytes > UINT32_MAX / 4 ? UINT32_MAX / 4 : msg->body_bytes));
	mailbox->n_messages++;
	if (__builtin_add_overflow(mailbox->n_bytes, msg->charge_bytes, &mailbox->n_bytes))
		mailbox->n_bytes = UINT32_MAX;
}

void mailbox_push(struct actor *to, actor_msg *take)
{
	mailbox_charge(&to->mailbox, take);
	list_append(&to->mailbox.messages, &take->link);
	actor_make_runnable(to);
}

void mailbox_push_front(struct actor *to, actor_msg *take)
{
	mailbox_charge(&to->mailbox, take);
	list_prepend(&to->mailbox.messages, &take->link);
	actor_make_runnable(to);
}

void mailbox_push_next(struct actor *to, actor_msg *take)
{
	struct list *at = to->mailbox.messages.next;

	for (struct list *it = at; it != &to->mailbox.messages; it = it->next) {
		const actor_msg *msg = container_of(it, actor_msg, link);

		if (msg->kind == MSG_NEXT)
			at = it->next;
		else if (msg->kind != MSG_CALL || msg->method[0] != '$') /* `$sys_state` goes to the front */
			break;
	}
	take->kind = MSG_NEXT;
	mailbox_charge(&to->mailbox, take);
	list_append(at, &take->link);
	actor_make_runnable(to);
}

static void mailbox_discharge(struct mailbox *mailbox, const actor_msg *msg)
{
	if (mailbox->intake && mailbox->intake->oldest == &msg->link)
		mailbox->intake->oldest = msg->link.next == &mailbox->messages ? NULL : msg->link.next;
	mailbox->n_messages--;
	mailbox->n_bytes -= msg->charge_bytes < mailbox->n_bytes ? msg->charge_bytes : mailbox->n_bytes;
}

static void mailbox_has_room(struct mailbox *mailbox)
{
	/*
	 * One message is gone, so one sender is woken. Its message takes the free place. If it sends none,
	 * mailbox_pass_on() wakes the next sender.
	 */
	if (!list_is_empty(&mailbox->blocked) && !mailbox_is_full(mailbox))
		actor_wake(container_of(mailbox->blocked.next, struct actor, task.blocked_link), 0);
	if (!list_is_empty(&mailbox->paused) && mailbox->n_messages <= mailbox->max_messages / 2 &&
		mailbox->n_bytes <= mailbox->max_bytes / 2)
		pauses_end(&mailbox->paused);
}

void mailbox_take_out(struct actor *self, actor_msg *msg)
{
	mailbox_discharge(&self->mailbox, msg);
	list_remove(&msg->link);
	mailbox_has_room(&self->mailbox);
}

static void mailbox_remove(struct actor *self, actor_msg *msg)
{
	mailbox_take_out(self, msg);
	actor_msg_free(msg);
}

void mailbox_drop(struct actor *self, int kind, uint64_t id)
{
	list_for_each_safe(it, &self->mailbox.messages) {
		actor_msg *msg = container_of(it, actor_msg, link);

		if ((int)msg->kind == kind && msg->id == id)
			mailbox_remove(self, msg);
	}
}

void mailbox_drop_exits(struct actor *self, actor_ref who)
{
	list_for_each_safe(it, &self->mailbox.messages) {
		actor_msg *msg = container_of(it, actor_msg, link);

		if (msg->kind == MSG_EXIT && msg->id && actor_ref_equal(msg->sender, who))
			mailbox_remove(self, msg);
	}
}

actor_msg *mailbox_take(struct actor *self)
{
	struct list *messages = &self->mailbox.messages;
	actor_msg *msg;

	if (list_is_empty(messages))
		return NULL;
	msg = container_of(messages->next, actor_msg, link);
	mailbox_discharge(&self->mailbox, msg);
	list_remove(&msg->link);
	return msg;
}

actor_msg *mailbox_pop(struct actor *self)
{
	actor_msg *msg = mailbox_take(self);

	if (msg)
		mailbox_has_room(&self->mailbox);
	return msg;
}

int mailbox_wait_room(
	actor_group *group, uint64_t serial, struct actor *sender, int64_t deadline_ns, struct actor **ret)
{
	int timed_out = deadline_ns == SEND_BLOCK_MAX ? -EBUSY : -ETIMEDOUT;
	bool was_woken = false;
	struct actor *to;
	int r;

	for (;;) {
		to = actor_find(group, serial); /* the actor may have ended during the wait */
		if (!to || to->status == ACTOR_ENDING)
			return -ESRCH;
		if (to->draining)
			return -ESHUTDOWN;
		if (to == sender || !mailbox_holds_back(&to->mailbox))
			break;
		if (!sender || !actor_is_current(sender))
			return -EAGAIN;
		if (deadline_ns == SEND_BLOCK_MAX)
			deadline_ns = deadline_after_ms(clock_now_ns(), SEND_BLOCK_MAX_MS);
		list_append(&to->mailbox.blocked, &sender->task.blocked_link);
		r = actor_park(sender, deadline_ns);
		if (r < 0)
			return r == -ETIMEDOUT ? timed_out : r;
		was_woken = true;
	}
	if (was_woken)
		group->room_of = serial;
	*ret = to;
	return 0;
}

void mailbox_pass_on(actor_group *group)
{
	struct actor *to = actor_find(group, group->room_of);

	group->room_of = 0;
	if (to && to->status != ACTOR_ENDING)
		mailbox_has_room(&to->mailbox);
}

void mailbox_release(struct actor *self, int error)
{
	while (!list_is_empty(&self->mailbox.blocked))
		actor_wake(container_of(self->mailbox.blocked.next, struct actor, task.blocked_link), error);
	pauses_end(&self->mailbox.paused);
}

void mailbox_limits_changed(struct actor *self)
{
	if (mailbox_holds_back(&self->mailbox))
		return;
	while (!list_is_empty(&self->mailbox.blocked))
		actor_wake(container_of(self->mailbox.blocked.next, struct actor, task.blocked_link), 0);
	pauses_end(&self->mailbox.paused);
}

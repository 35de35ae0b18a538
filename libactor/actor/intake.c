/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/actor/intake.h"

#include <errno.h>
#include <stdlib.h>

#include "libactor/actor/dead-letters.h"
#include "libactor/base/base.h"
#include "libactor/message/msg.h"
#include "libactor/peer/pressure.h"
#include "libactor/util/clock.h"
#include "libactor/util/list.h"

#define RUNTIME_CALLS_MAX 64u /* calls of `$` methods that a mailbox takes beyond its limit */

/*
 * Whether the limits count the message, and may lose it. A cast of a descriptor must not be lost, because the
 * descriptor is watched again only when the cast was handled.
 */
static bool msg_counts(const actor_msg *msg)
{
	return (msg->kind == MSG_CALL || (msg->kind == MSG_CAST && !msg->id)) && msg->method[0] != '$';
}

static bool msg_is_counted(const actor_msg *msg)
{
	return (msg->kind == MSG_CALL || msg->kind == MSG_CAST) && msg->came_ns;
}

/*
 * Without a limit in time, the loop's clock is used. It stands still within a turn, which is good enough for
 * a hint, and costs nothing.
 */
static int64_t intake_now(const struct actor *self)
{
	int64_t now_ns = overload_is_timed(&self->mailbox.intake->overload) ? clock_now_ns()
									    : self->group->loop.now_ns;

	return now_ns ? now_ns : 1;
}

/* ---- what is lost ---- */

/* Without memory for the token the next loss tries again. */
static void intake_tell(struct actor *to)
{
	struct intake *intake = to->mailbox.intake;
	actor_msg *token;

	if (!to->behavior->on_overload || intake->tells || to->status == ACTOR_ENDING ||
		msg_new_received(&token, ACTOR_NOBODY, wire_cstr("on_overload"), NULL, 0) < 0)
		return;
	token->kind = MSG_OVERLOAD;
	intake->tells = true;
	mailbox_push(to, token);
}

static void intake_lost(struct actor *to, actor_msg *take, enum actor_loss why, int64_t now_ns)
{
	actor_group *group = to->group;
	struct intake *intake = to->mailbox.intake;

	if (overload_is_news(&intake->overload, now_ns))
		group_log(group, "%s <%llx.%llx.%llx> loses messages (%s): %u wait, %llu bytes",
			to->behavior->name ? to->behavior->name : "an actor",
			(unsigned long long)to->ref.node, (unsigned long long)to->ref.group,
			(unsigned long long)to->ref.serial, overload_loss_word(why),
			intake->overload.n_queued, (unsigned long long)intake->overload.queued_bytes);
	if (why == ACTOR_LOST_EXPIRED)
		group->stats.calls_expired++;
	else if (take->kind == MSG_CAST)
		group->stats.casts_dropped++;
	intake_tell(to);
	dead_letter_take(group, to->ref, why, take);
}

/* Loses a message that had been taken. */
static void intake_let_go(struct actor *to, actor_msg *take, enum actor_loss why, int64_t now_ns)
{
	struct intake *intake = to->mailbox.intake;
	char text[OVERLOAD_TEXT_MAX];

	if (take->kind == MSG_CALL && why != ACTOR_LOST_EXPIRED)
		intake->refuse(
			to, take, overload_text(text, why, overload_retry_ms(&intake->overload, now_ns)));
	intake_lost(to, take, why, now_ns);
}

static void intake_lose_oldest(struct actor *to, int64_t now_ns)
{
	struct intake *intake = to->mailbox.intake;
	struct list *node = intake->oldest;
	actor_msg *msg;

	while (!msg_is_counted(container_of(node, actor_msg, link)))
		node = node->next; /* there is one, otherwise the limit would not be reached */
	msg = container_of(node, actor_msg, link);
	intake->oldest = node;
	mailbox_take_out(to, msg);
	overload_oldest_lost(&intake->overload, msg->charge_bytes);
	intake_let_go(to, msg, ACTOR_LOST_OLDEST, now_ns);
}

/* ---- in and out ---- */

enum actor_loss intake_offer(struct actor *to, actor_msg *take, int64_t *ret_retry_ms)
{
	struct mailbox *mailbox = &to->mailbox;
	struct intake *intake = mailbox->intake;
	int64_t now_ns = intake_now(to);
	enum actor_loss why;
	bool make_room;

	*ret_retry_ms = 0;
	if (!msg_counts(take) && mailbox->n_messages < mailbox->max_messages + RUNTIME_CALLS_MAX) {
		mailbox_push(to, take);
		return ACTOR_LOST_NOT;
	}
	why = overload_comes(&intake->overload, now_ns, &make_room, ret_retry_ms);
	if (why != ACTOR_LOST_NOT) {
		intake_lost(to, take, why, now_ns);
		return why;
	}
	while (make_room && overload_is_full(&intake->overload))
		intake_lose_oldest(to, now_ns);
	take->came_ns = now_ns;
	mailbox_push(to, take);
	overload_queued(&intake->overload, take->charge_bytes);
	if (!intake->oldest)
		intake->oldest = &take->link;
	return ACTOR_LOST_NOT;
}

static int64_t call_deadline_ns(const actor_msg *msg)
{
	return msg->kind == MSG_CALL && msg->deadline_us < INT64_MAX / 1000 ? msg->deadline_us * 1000
									    : OVERLOAD_NO_DEADLINE;
}

actor_msg *intake_pop(struct actor *self)
{
	struct intake *intake = self->mailbox.intake;
	int64_t deadline_ns, now_ns;
	enum actor_loss why;
	actor_msg *msg;

	for (;;) {
		msg = mailbox_pop(self);
		if (!msg || !msg_is_counted(msg))
			return msg;
		deadline_ns = call_deadline_ns(msg);
		now_ns = deadline_ns ? clock_now_ns() : intake_now(self);
		why = overload_leaves(
			&intake->overload, msg->charge_bytes, msg->came_ns, deadline_ns, now_ns);
		msg->came_ns = 0;
		if (why == ACTOR_LOST_NOT)
			return msg;
		intake_let_go(self, msg, why, now_ns);
	}
}

/* ---- limits, and being told ---- */

/* From now on the messages that wait already count. */
static void intake_count(struct actor *self, int64_t now_ns)
{
	struct intake *intake = self->mailbox.intake;

	list_for_each(it, &self->mailbox.messages) {
		actor_msg *msg = container_of(it, actor_msg, link);

		if (!msg_counts(msg))
			continue;
		msg->came_ns = now_ns;
		overload_found(&intake->overload, msg->charge_bytes);
		if (!intake->oldest)
			intake->oldest = it;
	}
}

int intake_set(struct actor *self, const struct actor_overload *limits,
	void (*refuse)(struct actor *to, const actor_msg *call, const char *text))
{
	struct mailbox *mailbox = &self->mailbox;
	bool is_new = !mailbox->intake;
	int64_t now_ns;

	if (is_new) {
		mailbox->intake = calloc(1, sizeof(*mailbox->intake));
		if (!mailbox->intake)
			return -ENOMEM;
		mailbox->intake->refuse = refuse;
	}
	mailbox->max_messages = limits->max_messages;
	mailbox->max_bytes = limits->max_bytes;
	overload_set(&mailbox->intake->overload, limits, clock_now_ns());
	now_ns = intake_now(self);
	if (is_new)
		intake_count(self, now_ns);
	while (limits->overflow == ACTOR_DROP_OLDEST &&
		mailbox->intake->overload.n_queued > limits->max_messages)
		intake_lose_oldest(self, now_ns);
	mailbox_limits_changed(self);
	return 0;
}

int intake_handle(struct actor *self)
{
	struct intake *intake = self->mailbox.intake;
	struct actor_overload_stats all, now;

	intake->tells = false;
	overload_stats(&intake->overload, &all);
	overload_stats_since(&all, &intake->told, &now);
	intake->told = all;
	return self->behavior->on_overload ? self->behavior->on_overload(self, &now, &all) : 0;
}

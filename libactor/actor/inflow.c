/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams, at the caller's end. A stream is a call with items before its answer. The stream ends when the
 * call ends, and a call ends exactly once, whatever dies. The window bounds how many items wait here: the
 * callee gets credit for new items only when items are taken.
 */
#include "libactor/actor/inflow.h"

#include <errno.h>
#include <stdlib.h>

#include "actor/actor.h"
#include "libactor/actor/actor-internal.h"
#include "libactor/actor/mailbox.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/list.h"
#include "libactor/util/slots.h"

/* ---- what comes ---- */

static void inflow_queue(struct inflow *stream, actor_msg *take)
{
	take->kind = MSG_ITEM;
	take->id = stream->id;
	mailbox_push(stream->owner, take);
}

static void inflow_queue_end(struct inflow *stream)
{
	if (!stream->token || stream->owner->status == ACTOR_ENDING)
		return;
	mailbox_push(stream->owner, stream->token);
	stream->token = NULL;
}

static void inflow_item(struct call *call, actor_msg *take_item)
{
	struct inflow *stream = container_of(call, struct inflow, call);

	if (stream->on_item) {
		inflow_queue(stream, take_item);
		return;
	}
	list_append(&stream->items, &take_item->link);
	if (stream->owner_waits)
		actor_wake(stream->owner, 0);
}

static void inflow_done(struct call *call, int error, actor_msg *take_reply)
{
	struct inflow *stream = container_of(call, struct inflow, call);

	stream->call_open = false;
	stream->ended = true;
	stream->r = error;
	stream->end = take_reply;
	if (stream->on_item)
		inflow_queue_end(stream);
	else if (stream->owner_waits)
		actor_wake(stream->owner, 0);
}

/* ---- its life ---- */

static uint64_t owner_hash(const struct actor *owner)
{
	return hash_of_u64(&owner->group->inflows, owner->ref.serial);
}

int inflow_new(struct actor *owner, struct inflow **ret)
{
	struct inflow *stream = calloc(1, sizeof(*stream));
	int r;

	if (!stream)
		return -ENOMEM;
	stream->owner = owner;
	stream->call.done = inflow_done;
	stream->items_of.item = inflow_item;
	list_init(&stream->items);
	r = slots_take(&owner->group->streams, stream, &stream->id);
	if (r < 0) {
		free(stream);
		return r;
	}
	r = hash_insert(&owner->group->inflows, &stream->node, owner_hash(owner));
	if (r < 0) {
		slots_give(&owner->group->streams, stream->id);
		free(stream);
		return r;
	}
	owner->has_inflows = true;
	*ret = stream;
	return 0;
}

int inflow_start(struct inflow *stream, const struct wire_dest *to, struct wire_str method, const void *args,
	size_t args_bytes, int64_t deadline_ns)
{
	struct actor *owner = stream->owner;
	int r;

	stream->items_of.credit = stream->window;
	r = call_start_stream(&stream->call, &stream->items_of, owner->group, stream->outside ? NULL : owner,
		to, method, args, args_bytes, deadline_ns);
	stream->call_open = r == 0;
	return r;
}

void inflow_free(struct inflow *stream)
{
	struct list *node;

	if (stream->call_open)
		call_cancel(&stream->call);
	while ((node = list_pop(&stream->items)))
		actor_msg_free(container_of(node, actor_msg, link));
	actor_msg_free(stream->end);
	actor_msg_free(stream->token);
	slots_give(&stream->owner->group->streams, stream->id);
	hash_remove(&stream->owner->group->inflows, &stream->node);
	free(stream);
}

struct inflow *inflow_find(struct actor *owner, uint64_t id)
{
	struct inflow *stream = slots_get(&owner->group->streams, id);

	return stream && stream->owner == owner ? stream : NULL;
}

void inflows_end(struct actor *self)
{
	struct hash_node *node = hash_first(&self->group->inflows, owner_hash(self)), *next;

	for (; node; node = next) {
		struct inflow *stream = container_of(node, struct inflow, node);

		next = hash_next(node);
		if (stream->owner == self)
			inflow_free(stream);
	}
}

void inflows_init(actor_group *group)
{
	hash_init(&group->inflows);
}

void inflows_deinit(actor_group *group)
{
	hash_deinit(&group->inflows);
	slots_deinit(&group->streams);
}

/* ---- taking ---- */

/* True when so little credit is left that the callee should get more. */
static bool runs_low(uint64_t credit, uint64_t taken, uint64_t window)
{
	return credit <= taken || credit - taken <= window / 2;
}

static void inflow_took(struct inflow *stream, const actor_msg *item)
{
	struct wire_credit credit = stream->items_of.credit;

	stream->taken.items++;
	stream->taken.bytes += item->body_bytes;
	if (!stream->call_open || (!runs_low(credit.items, stream->taken.items, stream->window.items) &&
					  !runs_low(credit.bytes, stream->taken.bytes, stream->window.bytes)))
		return;
	credit.items = stream->taken.items + stream->window.items;
	credit.bytes = stream->taken.bytes + stream->window.bytes;
	call_give_credit(&stream->call, credit);
}

/* Takes what has come. 1: an item. -EAGAIN: nothing. 0 or another error: the end, and the stream is freed. */
static int inflow_take(struct inflow *stream, actor_msg **ret_msg)
{
	struct list *node = list_pop(&stream->items);
	int r;

	if (node) {
		*ret_msg = container_of(node, actor_msg, link);
		inflow_took(stream, *ret_msg);
		return 1;
	}
	if (!stream->ended)
		return -EAGAIN;
	r = stream->r;
	*ret_msg = stream->end;
	stream->end = NULL;
	inflow_free(stream);
	return r;
}

static bool inflow_has_more(void *arg)
{
	const struct inflow *stream = arg;

	return stream->ended || !list_is_empty(&stream->items);
}

int inflow_next(struct actor *owner, uint64_t id, int64_t timeout_ms, actor_msg **ret_msg)
{
	int64_t deadline_ns = deadline_of_timeout_ms(timeout_ms);
	struct inflow *stream = inflow_find(owner, id);
	int r = 0;

	*ret_msg = NULL;
	if (!stream)
		return -ESRCH;
	if (stream->on_item)
		return -EINVAL;
	while (!inflow_has_more(stream)) {
		if (r < 0 || !timeout_ms)
			return r < 0 && r != -ETIMEDOUT ? r : -EAGAIN;
		if (stream->outside) {
			r = loop_pump(&owner->group->loop, inflow_has_more, stream, deadline_ns);
			continue;
		}
		stream->owner_waits = true;
		r = actor_park(owner, deadline_ns);
		stream->owner_waits = false;
	}
	return inflow_take(stream, ret_msg);
}

int inflow_handle(struct actor *self, const actor_msg *msg)
{
	struct inflow *stream = inflow_find(self, msg->id);
	int (*on_item)(actor *, uint64_t, int, actor_msg *, void *);
	actor_msg *end;
	void *arg;
	int r;

	if (!stream) /* it was cancelled during the wait */
		return 0;
	on_item = stream->on_item;
	arg = stream->arg;
	if (!msg->error && !msg->method[0]) {
		inflow_took(stream, msg);
		return on_item(self, msg->id, 1, (actor_msg *)msg, arg);
	}
	end = stream->end;
	r = stream->r;
	stream->end = NULL;
	inflow_free(stream);
	r = on_item(self, msg->id, r, end, arg);
	actor_msg_free(end);
	return r;
}

/* ---- public ---- */

int actor_stream_next(actor *self, uint64_t stream, int64_t timeout_ms, actor_msg **ret_msg)
{
	if (!ret_msg || !actor_is_current(self))
		return -EINVAL;
	return inflow_next(self, stream, timeout_ms, ret_msg);
}

int actor_stream_on_item(actor *self, uint64_t id,
	int (*on_item)(actor *self, uint64_t stream, int r, actor_msg *item, void *arg), void *arg)
{
	struct inflow *stream = inflow_find(self, id);
	struct list *node;
	int r;

	if (!on_item)
		return -EINVAL;
	if (!stream)
		return -ESRCH;
	if (!stream->on_item) {
		r = msg_new_received(&stream->token, ACTOR_NOBODY, wire_cstr("on_item"), NULL, 0);
		if (r < 0)
			return r;
		stream->token->kind = MSG_ITEM;
		stream->token->id = id;
	}
	stream->on_item = on_item;
	stream->arg = arg;
	while ((node = list_pop(&stream->items)))
		inflow_queue(stream, container_of(node, actor_msg, link));
	if (stream->ended)
		inflow_queue_end(stream);
	return 0;
}

bool actor_stream_cancel(actor *self, uint64_t id)
{
	struct inflow *stream = inflow_find(self, id);

	if (!stream)
		return false;
	inflow_free(stream);
	return true;
}

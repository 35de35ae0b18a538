/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/actor/stash.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/answer.h"
#include "libactor/actor/behavior.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/served.h"
#include "libactor/base/base.h"
#include "libactor/loop/stack.h"
#include "libactor/message/msg.h"

static struct stash *stash_of(const struct actor *self)
{
	const struct hash *stashes = &self->group->stashes;
	struct hash_node *node = NULL;

	if (self->has_stash)
		node = hash_first(stashes, hash_of_u64(stashes, self->ref.serial));
	while (node && container_of(node, struct stash, node)->serial != self->ref.serial)
		node = hash_next(node);
	return node ? container_of(node, struct stash, node) : NULL;
}

static int stash_make(struct actor *self, struct stash **ret)
{
	struct hash *stashes = &self->group->stashes;
	struct stash *stash = stash_of(self);

	if (!stash) {
		stash = calloc(1, sizeof(*stash));
		if (!stash)
			return -ENOMEM;
		stash->serial = self->ref.serial;
		list_init(&stash->messages);
		if (hash_insert(stashes, &stash->node, hash_of_u64(stashes, stash->serial)) < 0) {
			free(stash);
			return -ENOMEM;
		}
		self->has_stash = true;
	}
	*ret = stash;
	return 0;
}

uint32_t stash_count(const struct actor *self)
{
	const struct stash *stash = stash_of(self);

	return stash ? stash->n_messages : 0;
}

/*
 * Puts the message aside. The message of a timer or a descriptor becomes a plain cast: by its id the runtime
 * would do again what it has to do after such a cast, when the cast is handled the second time.
 */
void stash_take(struct actor *self, actor_msg *take)
{
	struct stash *stash = stash_of(self);

	self->stashes = false;
	if (take->kind != MSG_CALL) {
		take->kind = MSG_CAST;
		take->id = 0;
	}
	stash->n_messages++;
	stash->n_bytes += take->charge_bytes;
	self->mailbox.n_messages++;
	self->mailbox.n_bytes += take->charge_bytes;
	list_append(&stash->messages, &take->link);
}

/* ---- public ---- */

int actor_stash(actor *self, const actor_msg *msg)
{
	const struct mailbox *mailbox = &self->mailbox;
	struct stash *stash;
	int r;

	if (!msg || !actor_is_current(self) || self->method != msg->method)
		return -EINVAL;
	if (self->stashes)
		return 0;
	if (msg->kind == MSG_CALL &&
		(!self->answering || self->answering->answered || self->answering->served.sent.items))
		return -EALREADY;
	r = stash_make(self, &stash);
	if (r < 0)
		return r;
	if (stash->n_messages >= mailbox->max_messages / 2 ||
		stash->n_bytes + (uint64_t)msg->charge_bytes > mailbox->max_bytes / 2)
		return -EBUSY;
	self->stashes = true;
	if (msg->kind == MSG_CALL) {
		self->answering->answered = true; /* the handler that gets the message next answers it */
		served_put_back(self->answering);
	}
	return 0;
}

int actor_unstash_all(actor *self)
{
	struct stash *stash = stash_of(self);
	uint32_t n;

	if (!stash)
		return 0;
	n = stash->n_messages;
	list_splice(&stash->messages, &self->mailbox.messages);
	list_splice(&self->mailbox.messages, &stash->messages);
	stash->n_messages = stash->n_bytes = 0;
	if (!self->stashes) { /* else the message that is being handled will still be put into it */
		self->has_stash = false;
		hash_remove(&self->group->stashes, &stash->node);
		free(stash);
	}
	actor_make_runnable(self);
	return n > INT_MAX ? INT_MAX : (int)n;
}

int actor_become_sized(actor *self, const struct actor_behavior *behavior, size_t behavior_bytes)
{
	size_t stack_bytes;
	int r = behavior_known(self->group, &behavior, behavior_bytes);

	if (r < 0)
		return r;
	stack_bytes = behavior->stack_size_bytes;
	if (stack_bytes > ACTOR_STACK_MAX_BYTES || !actor_is_current(self) ||
		behavior->state_size != self->behavior->state_size)
		return -EINVAL;
	if (stack_bytes)
		stack_bytes = stack_size_bytes(stack_bytes);
	if (stack_bytes > self->task.stack_bytes && stack_bytes > self->group->loop.stacks.size_bytes)
		return -EINVAL;
	self->behavior = behavior;
	self->traps_exits = behavior->on_exit;
	self->told_wrong_kind = false;
	return 0;
}

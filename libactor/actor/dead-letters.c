/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Letters wait here and not in the observer's mailbox. So they have a limit of their own, and a message
 * becomes a letter without being copied. One token in the mailbox says that letters wait. It brings one
 * letter to the observer, and the next token is queued behind the messages that came meanwhile.
 */
#include "libactor/actor/dead-letters.h"

#include <errno.h>
#include <stdlib.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/mailbox.h"
#include "libactor/message/msg.h"
#include "libactor/util/list.h"

#define LETTERS_MAX       1024u
#define LETTERS_MAX_BYTES (1u << 20)

struct letter {
	struct list link;
	struct actor_dead_letter content;
	actor_msg *msg;
	size_t charge_bytes;
};

struct dead_letters {
	struct actor *observer;
	struct list letters;
	uint32_t n;
	size_t bytes;
	uint64_t missed;
	bool told; /* the token is in the mailbox */
};

static void letter_free(struct letter *letter)
{
	actor_msg_free(letter->msg);
	free(letter);
}

/* Without memory for the token the next letter tries again. */
static void observer_tell(struct dead_letters *dead)
{
	actor_msg *token;

	if (dead->told || msg_new_received(&token, ACTOR_NOBODY, wire_cstr("on_dead_letter"), NULL, 0) < 0)
		return;
	token->kind = MSG_LETTER;
	dead->told = true;
	mailbox_push(dead->observer, token);
}

/* Without this the observer would be busy for ever with letters of its own messages. */
static bool is_of_observer(const struct dead_letters *dead, actor_ref to, actor_ref from)
{
	return actor_ref_equal(dead->observer->ref, to) || actor_ref_equal(dead->observer->ref, from);
}

void dead_letter_take(actor_group *group, actor_ref to, enum actor_loss why, actor_msg *take)
{
	struct dead_letters *dead = group->dead_letters;
	struct letter *letter;
	size_t bytes;

	if (!dead || is_of_observer(dead, to, take->sender)) {
		actor_msg_free(take);
		return;
	}
	bytes = sizeof(*letter) + sizeof(*take) + take->body_bytes;
	letter = dead->n < LETTERS_MAX && dead->bytes < LETTERS_MAX_BYTES ? malloc(sizeof(*letter)) : NULL;
	if (!letter) {
		dead->missed++;
		actor_msg_free(take);
		observer_tell(dead);
		return;
	}
	*letter = (struct letter){
		.content = {.why = why,
			.to = to,
			.is_call = take->kind == MSG_CALL,
			.msg = take,
			.missed = dead->missed},
		.msg = take,
		.charge_bytes = bytes,
	};
	dead->missed = 0;
	dead->n++;
	dead->bytes += bytes;
	list_append(&dead->letters, &letter->link);
	observer_tell(dead);
}

void dead_letter_of_frame(actor_group *group, actor_ref to, const struct wire_frame *frame)
{
	actor_msg *msg;

	if (!group->dead_letters)
		return;
	if (msg_new_of_frame(&msg, frame) < 0)
		group->dead_letters->missed++;
	else
		dead_letter_take(group, to, ACTOR_LOST_NOBODY, msg);
}

void dead_letter_of_cast(actor_group *group, actor_ref to, actor_ref from, struct wire_str method,
	const void *args, size_t args_bytes)
{
	actor_msg *msg;

	if (!group->dead_letters)
		return;
	if (msg_new_received(&msg, from, method, args, args_bytes) < 0)
		group->dead_letters->missed++;
	else
		dead_letter_take(group, to, ACTOR_LOST_NOBODY, msg);
}

int dead_letters_handle(struct actor *self)
{
	struct dead_letters *dead = self->group->dead_letters;
	struct list *node;
	struct letter *letter;
	int r;

	if (!dead || dead->observer != self)
		return 0; /* the actor no longer observes */
	dead->told = false;
	node = list_pop(&dead->letters);
	if (!node)
		return 0;
	letter = container_of(node, struct letter, link);
	dead->n--;
	dead->bytes -= letter->charge_bytes;
	if (dead->n)
		observer_tell(dead);
	r = self->behavior->on_dead_letter ? self->behavior->on_dead_letter(self, &letter->content) : 0;
	letter_free(letter);
	return r;
}

void dead_letters_end(struct actor *self)
{
	struct dead_letters *dead = self->group->dead_letters;
	struct list *node;

	if (!dead || dead->observer != self)
		return;
	self->group->dead_letters = NULL;
	while ((node = list_pop(&dead->letters)))
		letter_free(container_of(node, struct letter, link));
	free(dead);
}

/* ---- public ---- */

int actor_dead_letters(actor *self, bool on)
{
	actor_group *group = self->group;
	struct dead_letters *dead = group->dead_letters;

	if (!self->behavior->on_dead_letter || self->status == ACTOR_ENDING)
		return -EINVAL;
	if (!on) {
		if (!dead || dead->observer != self)
			return -ESRCH;
		mailbox_drop(self, MSG_LETTER, 0);
		dead_letters_end(self);
		return 0;
	}
	if (dead)
		return dead->observer == self ? 0 : -EEXIST;
	dead = calloc(1, sizeof(*dead));
	if (!dead)
		return -ENOMEM;
	dead->observer = self;
	list_init(&dead->letters);
	group->dead_letters = dead;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inlets: other threads and signal handlers cast to an actor.
 *
 * A post goes onto a stack. Many threads push to that stack, and only the loop empties it, all of it at once.
 * So no push meets a pop, and compare-and-swap is enough. A post of a signal handler is written into a cell
 * that was made with the inlet. Many threads pop the list of free cells. So the list's head has a count
 * beside the index, and an old head is never taken for a new one. No thread ever waits for another.
 *
 * The loop reverses the stack and casts in that order as far as the mailbox has room; the rest is held. The
 * limits are counted when a thread posts, so a producer that is too fast gets an error.
 */
#include "libactor/actor/inlet.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/intake.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/post.h"
#include "libactor/base/base.h"
#include "libactor/loop/bell.h"
#include "libactor/loop/loop.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "libactor/util/list.h"

#define POSTS_MAX    4096u /* of one inlet that may wait */
#define POSTS_BYTES  (1u << 20)
#define CELLS        64u
#define CELL_HEAD    3u /* an array of one, a bin, its length */
#define BIN_8        0xc4
#define ARRAY_OF_ONE 0x91

_Static_assert(ATOMIC_POINTER_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2,
	"a signal handler may post");

struct posted {
	struct posted *next;
	uint32_t body_bytes;
	uint8_t method_bytes; /* 0: the method is the inlet's */
	uint8_t cell;         /* the number of its cell; 0: it has allocated memory */
	char data[];          /* method, NUL, body */
};

struct cell {
	atomic_uint next_free;
	/* a struct posted and its body */
	_Alignas(struct posted) char room[sizeof(struct posted) + 1 + CELL_HEAD + ACTOR_POST_BYTES_MAX];
};

struct actor_inlet {
	atomic_uint n_refs;
	atomic_bool open; /* the actor lives */
	struct bell *bell;
	_Atomic(struct posted *) news; /* the newest first */
	atomic_uint n_waiting;
	atomic_size_t waiting_bytes;
	/* the number of the first; in the upper half, how often a cell was taken */
	_Atomic uint64_t free_cells;
	/* only used by the loop: */
	struct actor *self;
	struct actor_inlet *next; /* actor.inlets */
	struct list link;         /* group.inlets */
	struct list held_link; /* in group.inlets_held while it has something to cast and there is no room */
	struct posted *first, *last; /* in order */
	struct cell cells[CELLS];
	char method[];
};

static struct posted *cell_posted(struct cell *cell)
{
	return (struct posted *)cell->room;
}

static void cell_give(actor_inlet *inlet, unsigned number)
{
	uint64_t head = atomic_load(&inlet->free_cells);

	do {
		atomic_store_explicit(
			&inlet->cells[number - 1].next_free, (unsigned)(uint32_t)head, memory_order_relaxed);
	} while (!atomic_compare_exchange_weak(
		&inlet->free_cells, &head, (head & ~(uint64_t)UINT32_MAX) | number));
}

static struct posted *cell_take(actor_inlet *inlet)
{
	uint64_t head = atomic_load(&inlet->free_cells);
	unsigned number, next;
	struct posted *posted;

	do {
		number = (unsigned)(uint32_t)head;
		if (!number)
			return NULL;
		next = atomic_load_explicit(&inlet->cells[number - 1].next_free, memory_order_relaxed);
	} while (!atomic_compare_exchange_weak(&inlet->free_cells, &head, ((head >> 32) + 1) << 32 | next));
	posted = cell_posted(&inlet->cells[number - 1]);
	posted->cell = (uint8_t)number;
	return posted;
}

static void posted_free(actor_inlet *inlet, struct posted *posted)
{
	atomic_fetch_sub(&inlet->waiting_bytes, posted->body_bytes);
	atomic_fetch_sub(&inlet->n_waiting, 1);
	if (posted->cell)
		cell_give(inlet, posted->cell);
	else
		free(posted);
}

static void inlet_push(actor_inlet *inlet, struct posted *posted)
{
	struct posted *newest = atomic_load(&inlet->news);

	do
		posted->next = newest;
	while (!atomic_compare_exchange_weak(&inlet->news, &newest, posted));
	bell_ring(inlet->bell);
}

/* Moves the stack to the end of the waiting posts, in order. */
static void inlet_take_news(actor_inlet *inlet)
{
	struct posted *newest = atomic_exchange(&inlet->news, NULL), *oldest = NULL, *last = newest;

	while (newest) {
		struct posted *next = newest->next;

		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	if (!oldest)
		return;
	if (inlet->first)
		inlet->last->next = oldest;
	else
		inlet->first = oldest;
	inlet->last = last;
}

static struct posted *inlet_shift(actor_inlet *inlet)
{
	struct posted *first = inlet->first;

	if (first)
		inlet->first = first->next;
	return first;
}

/* Returns 0, -EAGAIN when the mailbox has no room, or -ENOMEM. @last: does not look at the room. */
static int inlet_cast(actor_inlet *inlet, const struct posted *posted, bool last)
{
	const char *method = posted->method_bytes ? posted->data : inlet->method;
	actor_group *group = inlet->self->group;
	int64_t retry_ms;
	actor_msg *msg;
	int r;

	if (!last && mailbox_holds_back(&inlet->self->mailbox))
		return -EAGAIN;
	r = msg_new_received(&msg, group_ref(group, 0), wire_cstr(method),
		posted->data + posted->method_bytes + 1, posted->body_bytes);
	if (r < 0)
		return r;
	msg->kind = MSG_CAST;
	(void)mailbox_offer(inlet->self, msg, &retry_ms);
	return 0;
}

static void inlet_deliver(actor_inlet *inlet, bool last)
{
	int r = 0;

	inlet_take_news(inlet);
	while (inlet->first) {
		r = inlet_cast(inlet, inlet->first, last);
		if (r < 0)
			break;
		posted_free(inlet, inlet_shift(inlet));
	}
	list_remove(&inlet->held_link);
	if (inlet->first)
		list_append(&inlet->self->group->inlets_held, &inlet->held_link);
	if (r == -ENOMEM)
		bell_ring(inlet->bell); /* otherwise the loop would sleep, and nothing would wake it */
}

void inlets_take(actor_group *group, bool rang)
{
	if (rang) {
		list_for_each(it, &group->inlets)
			inlet_deliver(container_of(it, actor_inlet, link), false);
	} else {
		list_for_each_safe(it, &group->inlets_held)
			inlet_deliver(container_of(it, actor_inlet, held_link), false);
	}
}

static void inlet_drop_all(actor_inlet *inlet)
{
	struct posted *posted;

	inlet_take_news(inlet);
	while ((posted = inlet_shift(inlet))) {
		if (inlet->self)
			inlet->self->group->stats.casts_dropped++;
		posted_free(inlet, posted);
	}
}

static void inlet_close(actor_inlet *inlet)
{
	atomic_store(&inlet->open, false);
}

void inlets_end(struct actor *self)
{
	while (self->inlets) {
		actor_inlet *inlet = self->inlets;

		self->inlets = inlet->next;
		inlet_close(inlet);
		inlet_drop_all(inlet);
		list_remove(&inlet->link);
		list_remove(&inlet->held_link);
		inlet->self = NULL;
		actor_inlet_free(inlet);
	}
}

void inlets_drain(struct actor *self)
{
	for (actor_inlet *inlet = self->inlets; inlet; inlet = inlet->next) {
		inlet_close(inlet);
		inlet_deliver(inlet, true);
	}
	inlets_end(self);
}

/* ---- public ---- */

int actor_inlet_new(actor *self, const char *method, actor_inlet **ret)
{
	actor_group *group = self->group;
	actor_inlet *inlet;

	if (post_check_method(method) < 0 || self->status == ACTOR_ENDING || self->draining)
		return -EINVAL;
	if (!group->bell)
		group->bell = bell_new(group->loop.wake_fd);
	inlet = group->bell ? calloc(1, sizeof(*inlet) + strlen(method) + 1) : NULL;
	if (!inlet)
		return -ENOMEM;
	strcpy(inlet->method, method);
	for (unsigned number = CELLS; number; number--)
		cell_give(inlet, number);
	inlet->bell = bell_keep(group->bell);
	inlet->self = self;
	inlet->next = self->inlets;
	self->inlets = inlet;
	list_append(&group->inlets, &inlet->link);
	atomic_store(&inlet->n_refs, 2); /* the actor's own, and the returned one */
	atomic_store(&inlet->open, true);
	*ret = inlet;
	return 0;
}

actor_inlet *actor_inlet_keep(actor_inlet *inlet)
{
	atomic_fetch_add(&inlet->n_refs, 1);
	return inlet;
}

actor_inlet *actor_inlet_free(actor_inlet *inlet)
{
	if (!inlet || atomic_fetch_sub(&inlet->n_refs, 1) > 1)
		return NULL;
	inlet_drop_all(inlet); /* posts that came while the actor ended */
	bell_free(inlet->bell);
	free(inlet);
	return NULL;
}

/* Counts one post of @body_bytes. Returns 0, -ESRCH or -EBUSY. */
static int inlet_enter(actor_inlet *inlet, size_t body_bytes)
{
	if (!atomic_load(&inlet->open))
		return -ESRCH;
	if (atomic_fetch_add(&inlet->n_waiting, 1) < POSTS_MAX) {
		if (atomic_fetch_add(&inlet->waiting_bytes, body_bytes) < POSTS_BYTES)
			return 0;
		atomic_fetch_sub(&inlet->waiting_bytes, body_bytes);
	}
	atomic_fetch_sub(&inlet->n_waiting, 1);
	return -EBUSY;
}

int actor_vpost(actor_inlet *inlet, const char *method, const char *format, va_list args)
{
	struct buf body = BUF_INIT;
	size_t method_bytes = method ? strlen(method) : 0;
	struct posted *posted;
	int r;

	if (post_check_method(method) < 0)
		return -EINVAL;
	r = body_vpack(&body, BODY_ARGS, format ? format : "", args);
	if (r < 0)
		goto out;
	posted = malloc(sizeof(*posted) + method_bytes + 1 + body.size_bytes);
	if (!posted) {
		r = -ENOMEM;
		goto out;
	}
	*posted = (struct posted){
		.body_bytes = (uint32_t)body.size_bytes, .method_bytes = (uint8_t)method_bytes};
	memcpy(posted->data, method, method_bytes + 1);
	memcpy(posted->data + method_bytes + 1, body.data, body.size_bytes);
	r = inlet_enter(inlet, body.size_bytes);
	if (r == 0)
		inlet_push(inlet, posted);
	else
		free(posted);
out:
	buf_deinit(&body);
	return r;
}

int actor_post(actor_inlet *inlet, const char *method, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = actor_vpost(inlet, method, format, args);
	va_end(args);
	return r;
}

int actor_post_bytes(actor_inlet *inlet, const void *data, size_t size_bytes)
{
	struct posted *posted;
	char *body;

	if (size_bytes > ACTOR_POST_BYTES_MAX)
		return -EMSGSIZE;
	if (!atomic_load(&inlet->open))
		return -ESRCH;
	posted = cell_take(inlet);
	if (!posted)
		return -EBUSY;
	posted->method_bytes = 0;
	posted->body_bytes = (uint32_t)(CELL_HEAD + size_bytes);
	/* Only the number of cells limits these posts. */
	atomic_fetch_add(&inlet->n_waiting, 1);
	atomic_fetch_add(&inlet->waiting_bytes, posted->body_bytes);
	body = posted->data;
	*body++ = 0;
	*body++ = (char)ARRAY_OF_ONE;
	*body++ = (char)BIN_8;
	*body++ = (char)size_bytes;
	if (size_bytes)
		memcpy(body, data, size_bytes);
	inlet_push(inlet, posted);
	return 0;
}

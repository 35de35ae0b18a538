/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of our own actors: registering one or many, moving one to another actor, and giving them back.
 * The names here are announced to each new broker.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/broker.h"
#include "libactor/actor/name.h"
#include "libactor/base/base.h"
#include "libactor/loop/loop.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/peer/name-cache.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "libactor/util/list.h"
#include "libactor/util/slots.h"

#define MANY_MAX 16384 /* the broker has the same limit */

/* A replace that the broker has not answered yet. In our table @to has the name already. */
struct name_move {
	struct list link; /* group->name_moves */
	actor_ref from, to;
	struct actor *waiter; /* NULL: no actor waits any more */
	bool done;
	int r;
	char name[];
};

/* ---- the table ---- */

void own_names_init(actor_group *group)
{
	hash_init(&group->own_names);
	list_init(&group->name_moves);
}

void own_names_deinit(actor_group *group)
{
	hash_deinit(&group->own_names);
}

static struct own_name *own_find(actor_group *group, struct wire_str name)
{
	uint64_t hash = hash_of_bytes(&group->own_names, name.s, name.len);

	for (struct hash_node *node = hash_first(&group->own_names, hash); node; node = hash_next(node)) {
		struct own_name *own = container_of(node, struct own_name, node);

		if (own->length == name.len && !memcmp(own->name, name.s, name.len))
			return own;
	}
	return NULL;
}

static void own_free(struct own_name *own)
{
	hash_remove(&own->owner->group->own_names, &own->node);
	list_remove(&own->link);
	free(own);
}

/* The broker says that @owner has the name. */
static int own_add(struct actor *owner, struct wire_str name)
{
	struct hash *table = &owner->group->own_names;
	struct own_name *own = own_find(owner->group, name);

	if (own)
		return 0; /* it was registered before */
	own = calloc(1, sizeof(*own) + name.len + 1);
	if (!own || hash_insert(table, &own->node, hash_of_bytes(table, name.s, name.len)) < 0) {
		free(own);
		return -ENOMEM;
	}
	own->owner = owner;
	own->length = (uint32_t)name.len;
	memcpy(own->name, name.s, name.len);
	list_append(&owner->names, &own->link);
	return 0;
}

static void own_move(struct own_name *own, struct actor *to)
{
	list_remove(&own->link);
	own->owner = to;
	list_append(&to->names, &own->link);
}

/* Returns NULL when the actor has ended, or its names are being given back. */
static struct actor *owner_find(actor_group *group, actor_ref ref)
{
	struct actor *self =
		ref.node == group->node && ref.group == group->id ? actor_find(group, ref.serial) : NULL;

	return self && self->status != ACTOR_ENDING ? self : NULL;
}

void names_lost(actor_group *group, struct wire_str name)
{
	struct own_name *own = own_find(group, name);

	if (own)
		own_free(own);
}

/* ---- taking ---- */

static void unregister_later(actor_group *group, const char *name, actor_ref ref)
{
	struct buf args = BUF_INIT;

	if (body_pack(&args, BODY_ARGS, "sr", name, ref) == 0)
		(void)broker_ask(group, "unregister", &args, CALL_TIMEOUT_DEFAULT_MS, NULL, NULL);
	buf_deinit(&args);
}

static void put_pair(struct buf *b, const char *name, size_t length, actor_ref ref)
{
	mp_put_array(b, 2);
	mp_put_str(b, name, length);
	mp_put_ref(b, ref);
}

static actor_ref who_of(actor_ref self, const struct actor_name *name)
{
	return actor_ref_is_nobody(name->who) ? self : name->who;
}

/* Writes the arguments of register_all, and of unregister_all. */
static void put_pairs(struct buf *b, actor_ref self, const struct actor_name *names, size_t n)
{
	mp_put_array(b, 1);
	mp_put_array(b, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		put_pair(b, names[i].name, strlen(names[i].name), who_of(self, &names[i]));
}

static int names_check(actor_group *group, const struct actor *self, const struct actor_name *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!names[i].name || !wire_name_is_valid(names[i].name, strlen(names[i].name)))
			return -EINVAL;
		if (!actor_ref_is_nobody(names[i].who) && !actor_ref_equal(names[i].who, self->ref) &&
			!owner_find(group, names[i].who))
			return -ESRCH;
	}
	return n <= MANY_MAX ? 0 : -EMSGSIZE;
}

/* The broker has registered all names. Returns 0, or -ESRCH when @self has ended meanwhile. */
static int names_take(actor_group *group, actor_ref self, const struct actor_name *names, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		actor_ref who = who_of(self, &names[i]);
		bool is_self = actor_ref_equal(who, self);
		/* In its terminate the calling actor may still get names; they are given back after it. */
		struct actor *owner = is_self && group->loop.in_loop ? actor_find(group, who.serial)
								     : owner_find(group, who);
		int one = owner ? own_add(owner, wire_cstr(names[i].name)) : -ESRCH;

		/* The owner has ended. The name is given back as if the owner had ended just after this. */
		if (one < 0)
			unregister_later(group, names[i].name, who);
		if (one == -ENOMEM || is_self)
			r = one < 0 ? one : r;
	}
	return r;
}

/*
 * From now on, and until the result is known, the broker may give a name to these actors. If one of them ends
 * meanwhile, its end waits for an answer behind that (names_release). An actor that asks for itself knows
 * when it has the answer.
 */
static void names_are_unsure(
	actor_group *group, struct actor *self, const struct actor_name *names, size_t n, bool unsure)
{
	for (size_t i = 0; i < n; i++) {
		actor_ref who = who_of(self->ref, &names[i]);
		struct actor *owner = actor_ref_equal(who, self->ref) ? self : actor_find(group, who.serial);

		if (owner && (unsure || owner == self))
			owner->names_unsure = unsure ? group->uplink.n_connects : 0;
	}
}

static int names_register_alone(actor_group *group, actor_ref self, const struct actor_name *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (own_find(group, wire_cstr(names[i].name)))
			return -EEXIST;
	return names_take(group, self, names, n);
}

/* @many: all in one request. Waits: parks @self, or pumps outside a handler. */
static int names_register(
	actor_group *group, struct actor *self, const struct actor_name *names, size_t n, bool many)
{
	struct buf args = BUF_INIT;
	actor_ref ref = self->ref;
	int r = names_check(group, self, names, n);

	if (r < 0 || !n)
		return r;
	if (group->names_alone)
		return names_register_alone(group, self->ref, names, n);
	names_are_unsure(group, self, names, n, true);
	if (many)
		put_pairs(&args, ref, names, n);
	else
		r = body_pack(&args, BODY_ARGS, "sr", names[0].name, ref);
	if (r == 0)
		r = broker_ask_wait_as(group, group->loop.in_loop ? self : NULL,
			many ? "register_all" : "register", &args, CALL_TIMEOUT_DEFAULT_MS, ASK_WHILE_AWAITED,
			NULL);
	buf_deinit(&args);
	self = group->loop.in_loop ? self : actor_find(group, ref.serial);
	if (r == 0) {
		if (self)
			names_are_unsure(group, self, names, n, false);
		return names_take(group, ref, names, n);
	}
	/* Unless the broker refused, it may have registered the names, or may do so later. */
	if (r == -EEXIST || r == -EINVAL || r == -EPERM || r == -EMSGSIZE)
		return r;
	args = (struct buf)BUF_INIT;
	if (many)
		put_pairs(&args, ref, names, n);
	else if (body_pack(&args, BODY_ARGS, "sr", names[0].name, ref) < 0)
		return r;
	(void)broker_ask(
		group, many ? "unregister_all" : "unregister", &args, CALL_TIMEOUT_DEFAULT_MS, NULL, NULL);
	buf_deinit(&args);
	return r;
}

int name_register(actor_group *group, struct actor *self, const char *name)
{
	return names_register(group, self, &(struct actor_name){.name = name}, 1, false);
}

int actor_register(actor *self, const char *name)
{
	if (!actor_is_current(self))
		return -EINVAL;
	return name_register(self->group, self, name);
}

int actor_register_all(actor *self, const struct actor_name *names, size_t n)
{
	if (!actor_is_current(self) || (n && !names))
		return -EINVAL;
	return names_register(self->group, self, names, n, true);
}

/* ---- from one to another ---- */

/*
 * The result at the broker is unknown. The name is made to lead to @from again, or to no actor if @from has
 * ended.
 */
static void move_undo(actor_group *group, const struct name_move *move)
{
	struct own_name *own = own_find(group, wire_cstr(move->name));
	struct actor *from = owner_find(group, move->from);
	struct buf args = BUF_INIT;

	if (own && !actor_ref_equal(own->owner->ref, move->to))
		return; /* the name was given to a third actor meanwhile */
	if (own && from) {
		struct actor *to = owner_find(group, move->to);

		if (to) /* at the broker @to may still have the name for a moment */
			to->names_unsure = group->uplink.n_connects;
		own_move(own, from);
		if (body_pack(&args, BODY_ARGS, "srr", move->name, move->to, move->from) == 0)
			(void)broker_ask(group, "replace", &args, CALL_TIMEOUT_DEFAULT_MS, NULL, NULL);
		buf_deinit(&args);
		return;
	}
	if (own)
		own_free(own);
	unregister_later(group, move->name, move->to);
	unregister_later(group, move->name, move->from);
}

static void move_answered(struct broker_request *request, int error, actor_msg *reply)
{
	struct name_move *move = request->arg;
	bool refused = error == -ESRCH ||
		       (error == -EREMOTEIO && reply && reply->error && !strcmp(reply->error, ERROR_IN_USE));

	list_remove(&move->link);
	if (refused)
		names_lost(request->group, wire_cstr(move->name));
	else if (error)
		move_undo(request->group, move);
	move->r = refused ? -ESRCH : error;
	move->done = true;
	if (move->waiter)
		actor_wake(move->waiter, 0);
	else
		free(move);
}

static int move_new(struct own_name *own, struct actor *waiter, actor_ref to, struct name_move **ret)
{
	actor_group *group = waiter->group;
	struct name_move *move = calloc(1, sizeof(*move) + own->length + 1);
	struct buf args = BUF_INIT;
	int r;

	if (!move)
		return -ENOMEM;
	move->from = own->owner->ref;
	move->to = to;
	move->waiter = waiter;
	memcpy(move->name, own->name, own->length);
	r = body_pack(&args, BODY_ARGS, "srr", own->name, move->from, to);
	list_append(&group->name_moves, &move->link);
	if (r == 0)
		r = broker_ask(group, "replace", &args, CALL_TIMEOUT_DEFAULT_MS, move_answered, move);
	buf_deinit(&args);
	if (r < 0) {
		list_remove(&move->link);
		free(move);
		return r;
	}
	*ret = move;
	return 0;
}

int actor_name_replace(actor *self, const char *name, actor_ref who)
{
	struct own_name *own;
	struct actor *to;
	struct name_move *move;
	int r;

	if (!actor_is_current(self) || !name)
		return -EINVAL;
	own = own_find(self->group, wire_cstr(name));
	to = owner_find(self->group, who);
	if (!own || !to)
		return -ESRCH;
	if (own->owner == to)
		return 0;
	r = move_new(own, self, who, &move);
	if (r < 0)
		return r;
	/* From here on the new owner announces the name and gives it back. */
	own = own_find(self->group, wire_cstr(name));
	if (!move->done && own)
		own_move(own, to);
	while (!move->done) {
		r = actor_park(self, NEVER_NS);
		if (r < 0 && !move->done) {
			move->waiter = NULL; /* the request goes on; move_answered() frees it */
			return r;
		}
	}
	r = move->r;
	free(move);
	return r;
}

/* ---- giving back ---- */

static int name_unregister(struct actor *self, const char *name)
{
	struct buf args = BUF_INIT;
	int r;

	r = body_pack(&args, BODY_ARGS, "sr", name, self->ref);
	if (r == 0)
		r = broker_ask_wait(self->group, self, "unregister", &args, CALL_TIMEOUT_DEFAULT_MS, NULL);
	buf_deinit(&args);
	return r;
}

int actor_unregister(actor *self, const char *name)
{
	struct own_name *own;

	if (!actor_is_current(self) || !name)
		return -EINVAL;
	own = own_find(self->group, wire_cstr(name));
	if (!own || own->owner != self)
		return -ESRCH;
	own_free(own);
	return self->group->names_alone ? 0 : name_unregister(self, name);
}

/*
 * @args: gets the arguments of unregister_all for the first names of @self, at most MANY_MAX. Returns how
 * many these are.
 */
static uint32_t names_put_first(const struct actor *self, struct buf *args)
{
	struct buf pairs = BUF_INIT;
	uint32_t n = 0;

	list_for_each(it, &self->names) {
		const struct own_name *own = container_of(it, struct own_name, link);

		if (n == MANY_MAX)
			break;
		put_pair(&pairs, own->name, own->length, self->ref);
		n++;
	}
	mp_put_array(args, 1);
	mp_put_array(args, n);
	mp_put_raw(args, pairs.data, pairs.size_bytes);
	if (pairs.failed)
		args->failed = true;
	buf_deinit(&pairs);
	return n;
}

/*
 * The same, and removes the names from the group's table, so that a new broker, which may come while the
 * actor waits, does not hear of them.
 */
static void names_take_out(struct actor *self, struct buf *args)
{
	uint32_t n;

	do {
		buf_deinit(args);
		n = names_put_first(self, args);
	} while (args->failed && broker_wait_for_memory(self));
	for (; n > 0; n--)
		own_free(container_of(self->names.next, struct own_name, link));
}

/*
 * While the move of a name that @self gave away is under way, the broker may still tell others that @self has
 * it. A name that @self asked for and did not get may still be registered for it.
 */
static bool names_are_on_their_way(const struct actor *self)
{
	if (self->names_unsure && self->names_unsure == self->group->uplink.n_connects)
		return true;
	list_for_each(it, &self->group->name_moves)
		if (actor_ref_equal(container_of(it, struct name_move, link)->from, self->ref))
			return true;
	return false;
}

/*
 * When others hear of the end, the names must be free. So the end waits for the broker. The request goes
 * behind what is under way, and is answered after that. This holds even for a request that gives nothing
 * back.
 */
int own_name_resolve(actor_group *group, const char *name, actor_ref *ret)
{
	const struct own_name *own = own_find(group, wire_cstr(name));

	if (!own)
		return -ESRCH;
	*ret = own->owner->ref;
	return 0;
}

void names_release(struct actor *self)
{
	bool asks = names_are_on_their_way(self);

	if (!list_is_empty(&self->names))
		names_forget_ref(self->group, self->ref); /* the cache has the names if we looked them up */
	while (asks || !list_is_empty(&self->names)) {
		struct buf args = BUF_INIT;

		names_take_out(self, &args);
		broker_give_back(self, "unregister_all", &args);
		buf_deinit(&args);
		asks = false;
	}
}

void names_discard(struct actor *self)
{
	list_for_each(it, &self->group->name_moves) {
		struct name_move *move = container_of(it, struct name_move, link);

		if (move->waiter == self)
			move->waiter = NULL;
	}
	list_for_each_safe(it, &self->names)
		own_free(container_of(it, struct own_name, link));
}

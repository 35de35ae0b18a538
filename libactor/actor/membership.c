/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/actor/membership.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/broker.h"
#include "libactor/actor/pg.h"
#include "libactor/base/base.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/roll.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

/* A process group of which actors of ours are members. */
struct own_pg {
	struct hash_node node; /* group->own_pgs */
	struct list seats;     /* struct own_seat.by_pg */
	size_t n_memberships;
	struct wire_str scope, name; /* in text */
	char text[];
};

/* One of our actors in one process group. */
struct own_seat {
	struct hash_node node; /* group->own_seats */
	struct own_pg *pg;
	struct actor *actor;
	struct list by_pg;
	struct list by_actor;    /* actor_pg.seats */
	struct list memberships; /* struct own_membership.by_seat, the newest last */
};

struct own_membership {
	struct list by_seat;
	uint64_t id;
	struct buf meta;
};

void memberships_init(actor_group *group)
{
	hash_init(&group->own_pgs);
	hash_init(&group->own_seats);
}

void memberships_deinit(actor_group *group)
{
	hash_deinit(&group->own_pgs);
	hash_deinit(&group->own_seats);
}

/* ---- process groups and seats ---- */

struct own_pg *own_pg_find(actor_group *group, struct wire_str scope, struct wire_str name)
{
	struct hash_node *node = hash_first(&group->own_pgs, pg_hash(&group->own_pgs, scope, name));

	for (; node; node = hash_next(node)) {
		struct own_pg *pg = container_of(node, struct own_pg, node);

		if (wire_str_equal(pg->scope, scope) && wire_str_equal(pg->name, name))
			return pg;
	}
	return NULL;
}

static struct own_pg *own_pg_make(actor_group *group, struct wire_str scope, struct wire_str name)
{
	struct own_pg *pg = own_pg_find(group, scope, name);

	if (pg)
		return pg;
	pg = calloc(1, sizeof(*pg) + scope.len + name.len);
	if (!pg || hash_insert(&group->own_pgs, &pg->node, pg_hash(&group->own_pgs, scope, name)) < 0) {
		free(pg);
		return NULL;
	}
	list_init(&pg->seats);
	memcpy(pg->text, scope.s, scope.len);
	memcpy(pg->text + scope.len, name.s, name.len);
	pg->scope = wire_str(pg->text, scope.len);
	pg->name = wire_str(pg->text + scope.len, name.len);
	return pg;
}

/* Frees *at unless one of our actors is a member. */
static void own_pg_settle(actor_group *group, struct own_pg **at)
{
	if (!list_is_empty(&(*at)->seats))
		return;
	hash_remove(&group->own_pgs, &(*at)->node);
	free(*at);
	*at = NULL;
}

static uint64_t seat_hash(const actor_group *group, const struct own_pg *pg, const struct actor *self)
{
	return hash_of_pair(&group->own_seats, (uintptr_t)pg, (uintptr_t)self);
}

static struct own_seat *seat_find(actor_group *group, const struct own_pg *pg, const struct actor *self)
{
	struct hash_node *node = hash_first(&group->own_seats, seat_hash(group, pg, self));

	for (; node; node = hash_next(node)) {
		struct own_seat *seat = container_of(node, struct own_seat, node);

		if (seat->pg == pg && seat->actor == self)
			return seat;
	}
	return NULL;
}

static struct own_seat *seat_make(actor_group *group, struct own_pg *pg, struct actor *self)
{
	struct own_seat *seat = seat_find(group, pg, self);
	struct actor_pg *of_actor = actor_pg_of(self);

	if (seat || !of_actor)
		return seat;
	seat = calloc(1, sizeof(*seat));
	if (!seat || hash_insert(&group->own_seats, &seat->node, seat_hash(group, pg, self)) < 0) {
		free(seat);
		return NULL;
	}
	seat->pg = pg;
	seat->actor = self;
	list_init(&seat->memberships);
	list_append(&pg->seats, &seat->by_pg);
	list_append(&of_actor->seats, &seat->by_actor);
	return seat;
}

/* Ends the membership. If it was the last one of its seat, frees the seat. */
static void membership_end(actor_group *group, struct own_seat *seat, struct own_membership **at)
{
	struct own_pg *pg = seat->pg;

	list_remove(&(*at)->by_seat);
	buf_deinit(&(*at)->meta);
	free(*at);
	*at = NULL;
	pg->n_memberships--;
	if (!list_is_empty(&seat->memberships))
		return;
	hash_remove(&group->own_seats, &seat->node);
	list_remove(&seat->by_pg);
	list_remove(&seat->by_actor);
	free(seat);
	own_pg_settle(group, &pg);
}

static struct own_membership *membership_new(
	actor_group *group, struct actor *self, struct wire_str scope, struct wire_str name)
{
	struct own_pg *pg = own_pg_make(group, scope, name);
	struct own_seat *seat = pg ? seat_make(group, pg, self) : NULL;
	struct own_membership *membership = seat ? calloc(1, sizeof(*membership)) : NULL;

	if (!membership) {
		/* if the seat has no membership, it was made just now */
		if (seat && list_is_empty(&seat->memberships)) {
			hash_remove(&group->own_seats, &seat->node);
			list_remove(&seat->by_pg);
			list_remove(&seat->by_actor);
			free(seat);
		}
		if (pg)
			own_pg_settle(group, &pg);
		return NULL;
	}
	membership->id = ++group->last_membership;
	list_append(&seat->memberships, &membership->by_seat);
	pg->n_memberships++;
	return membership;
}

static struct own_membership *membership_find(actor_group *group, struct actor *self, struct wire_str scope,
	struct wire_str name, uint64_t id, struct own_seat **ret_seat)
{
	struct own_pg *pg = own_pg_find(group, scope, name);
	struct own_seat *seat = pg ? seat_find(group, pg, self) : NULL;

	*ret_seat = seat;
	if (!seat)
		return NULL;
	for (struct list *it = seat->memberships.prev; it != &seat->memberships; it = it->prev) {
		struct own_membership *membership = container_of(it, struct own_membership, by_seat);

		if (!id || membership->id == id)
			return membership;
	}
	return NULL;
}

void own_pg_each(struct own_pg *pg, void (*fn)(struct actor *self, void *arg), void *arg)
{
	list_for_each_safe(it, &pg->seats)
		fn(container_of(it, struct own_seat, by_pg)->actor, arg);
}

struct local {
	uint64_t id;
	actor_ref ref;
};

static int local_by_id(const void *a, const void *b)
{
	const struct local *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

int actor_pg_local_members(actor *self, const char *scope, const char *name, actor_ref *refs, size_t max)
{
	struct own_pg *pg;
	struct local *all;
	size_t n = 0;
	int r = pg_check_names(&scope, name);

	if (r < 0)
		return r;
	pg = own_pg_find(self->group, wire_cstr(scope), wire_cstr(name));
	if (!pg)
		return 0;
	all = calloc(pg->n_memberships, sizeof(*all));
	if (!all)
		return -ENOMEM;
	list_for_each(it, &pg->seats) {
		const struct own_seat *seat = container_of(it, struct own_seat, by_pg);

		list_for_each(at, &seat->memberships)
			all[n++] = (struct local){
				container_of(at, struct own_membership, by_seat)->id, seat->actor->ref};
	}
	qsort(all, n, sizeof(*all), local_by_id);
	for (size_t i = 0; i < n && i < max; i++)
		refs[i] = all[i].ref;
	free(all);
	return (int)n;
}

/* ---- joining and leaving ---- */

static void put_entry(struct buf *b, actor_ref ref, const struct own_membership *membership)
{
	roll_put_entry(b, &(struct roll_entry){
				  ref, membership->id, membership->meta.data, membership->meta.size_bytes});
}

static void put_leave(struct buf *b, const char *scope, const char *name, uint64_t id)
{
	mp_put_array(b, 3);
	mp_put_cstr(b, scope);
	mp_put_cstr(b, name);
	mp_put_array(b, 1);
	mp_put_uint(b, id);
}

/* The broker may have the membership although it did not say so. It must end there, too. */
static void leave_surely(actor_group *group, const char *scope, const char *name, uint64_t id)
{
	struct buf args = BUF_INIT;

	put_leave(&args, scope, name, id);
	(void)broker_ask(group, "pg_leave", &args, ACTOR_FOREVER, NULL, NULL);
	buf_deinit(&args);
}

static bool is_refusal(int r)
{
	return r == -EINVAL || r == -EDQUOT || r == -EMSGSIZE || r == -EPERM || r == -EREMOTEIO;
}

static int membership_join(
	struct actor *self, const char *scope, const char *name, const uint8_t *meta, size_t meta_bytes)
{
	actor_group *group = self->group;
	struct own_membership *membership;
	struct buf args = BUF_INIT;
	struct own_seat *seat;
	uint64_t serial = self->ref.serial, id;
	int r;

	r = pg_check_names(&scope, name);
	if (r < 0)
		return r;
	membership = membership_new(group, self, wire_cstr(scope), wire_cstr(name));
	if (!membership)
		return -ENOMEM;
	id = membership->id;
	if (meta_bytes)
		buf_append(&membership->meta, meta, meta_bytes);
	mp_put_array(&args, 3);
	mp_put_cstr(&args, scope);
	mp_put_cstr(&args, name);
	mp_put_array(&args, 1);
	put_entry(&args, self->ref, membership);
	r = buf_error(&membership->meta);
	if (r == 0)
		r = broker_ask_wait_as(group, group->loop.in_loop ? self : NULL, "pg_join", &args,
			CALL_TIMEOUT_DEFAULT_MS, ASK_WHILE_AWAITED, NULL);
	buf_deinit(&args);
	if (r == 0)
		return actor_find(group, serial) ? 0 : -ESRCH;
	self = actor_find(group, serial); /* outside a handler the actor may have ended meanwhile */
	if (!is_refusal(r)) {
		leave_surely(group, scope, name, id);
		if (self && self->pg)
			self->pg->unsure = true;
	}
	membership = self ? membership_find(group, self, wire_cstr(scope), wire_cstr(name), id, &seat) : NULL;
	if (membership)
		membership_end(group, seat, &membership);
	return r;
}

int actor_pg_join(actor *self, const char *scope, const char *name)
{
	if (!actor_is_current(self))
		return -EINVAL;
	return membership_join(self, scope, name, NULL, 0);
}

int actor_pg_join_msg(actor *self, const char *scope, const char *name, actor_msg **take_metadata)
{
	const uint8_t *meta = NULL;
	size_t meta_bytes = 0;
	int r = 0;

	if (!actor_is_current(self))
		return -EINVAL;
	if (take_metadata && *take_metadata)
		r = msg_take_body(*take_metadata, BODY_RESULT, &meta, &meta_bytes);
	if (r < 0)
		return r;
	r = membership_join(self, scope, name, meta, meta_bytes);
	if (r == 0 && take_metadata)
		*take_metadata = actor_msg_free(*take_metadata);
	return r;
}

int actor_pg_leave(actor *self, const char *scope, const char *name)
{
	actor_group *group = self->group;
	struct own_membership *membership;
	struct buf args = BUF_INIT;
	struct own_seat *seat;
	uint64_t id;
	int r;

	if (!actor_is_current(self))
		return -EINVAL;
	r = pg_check_names(&scope, name);
	if (r < 0)
		return r;
	membership = membership_find(group, self, wire_cstr(scope), wire_cstr(name), 0, &seat);
	if (!membership)
		return -ESRCH;
	id = membership->id;
	put_leave(&args, scope, name, id);
	r = broker_ask_wait(group, self, "pg_leave", &args, CALL_TIMEOUT_DEFAULT_MS, NULL);
	buf_deinit(&args);
	membership = membership_find(group, self, wire_cstr(scope), wire_cstr(name), id, &seat);
	if (membership)
		membership_end(group, seat, &membership);
	if (r < 0 && !is_refusal(r))
		leave_surely(group, scope, name, id);
	return r == -EREMOTEIO ? 0 : r; /* not_joined: a restarted broker did not know the membership */
}

int membership_asked(struct actor *self, const actor_msg *msg, actor_from *from)
{
	const char *scope, *name;
	int r;

	if (self->group->is_service)
		return actor_reply_error(from, ERROR_PERMISSION, "a daemon's actor joins no process group");
	if (actor_msg_unpack(msg, "ss", &scope, &name) < 0)
		return actor_reply_error(from, ERROR_BAD_ARGS, "it takes a scope and a group");
	r = !strcmp(msg->method, METHOD_PG_JOIN) ? actor_pg_join(self, scope, name)
						 : actor_pg_leave(self, scope, name);
	switch (r) {
	case 0:
		return actor_reply(from, "");
	case -ESRCH:
		return actor_reply_error(from, ERROR_NOT_JOINED, "it is no member");
	case -EINVAL:
		return actor_reply_error(from, ERROR_BAD_ARGS, "scope and group are names of 1 to 255 bytes");
	case -EDQUOT:
		return actor_reply_error(from, ERROR_OVERLOADED, "its group has too many memberships");
	default:
		return actor_reply_error(from, ERROR_NOCONNECTION, "the broker does not answer");
	}
}

void memberships_discard(struct actor *self)
{
	actor_group *group = self->group;

	while (self->pg && !list_is_empty(&self->pg->seats)) {
		struct own_seat *seat = container_of(self->pg->seats.next, struct own_seat, by_actor);
		struct own_membership *membership =
			container_of(seat->memberships.prev, struct own_membership, by_seat);

		membership_end(group, seat, &membership);
	}
}

/*
 * When others hear of the end, the actor must be a member of nothing, and they must not hear of a join later.
 * So the end waits for the broker, even if the broker may only have to handle a join that was given up.
 */
void memberships_release(struct actor *self)
{
	actor_group *group = self->group;
	bool unsure = self->pg && self->pg->unsure;
	struct buf args = BUF_INIT;

	if (!self->pg || (list_is_empty(&self->pg->seats) && !unsure))
		return;
	do {
		buf_deinit(&args);
		mp_put_array(&args, 1);
		mp_put_ref(&args, self->ref);
	} while (args.failed && broker_wait_for_memory(self));
	memberships_discard(self);
	pgs_forget_ref(group, self->ref); /* our own copy may have the actor */
	broker_give_back(self, "pg_leave_all", &args);
	buf_deinit(&args);
}

/* ---- what a broker is told ---- */

static void put_pg(struct hash_node *node, void *arg)
{
	const struct own_pg *pg = container_of(node, struct own_pg, node);
	struct buf *b = arg;

	mp_put_array(b, 3);
	mp_put_str(b, pg->scope.s, pg->scope.len);
	mp_put_str(b, pg->name.s, pg->name.len);
	mp_put_array(b, (uint32_t)pg->n_memberships);
	list_for_each(it, &pg->seats) {
		const struct own_seat *seat = container_of(it, struct own_seat, by_pg);

		list_for_each(at, &seat->memberships)
			put_entry(b, seat->actor->ref, container_of(at, struct own_membership, by_seat));
	}
}

void memberships_put(actor_group *group, struct buf *b)
{
	mp_put_array(b, (uint32_t)group->own_pgs.n_items);
	hash_each(&group->own_pgs, put_pg, b);
}

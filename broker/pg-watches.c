/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/pg-watches.h"

#include <errno.h>
#include <stdlib.h>

#include "broker/member.h"
#include "broker/state.h"
#include "libactor/protocol/mp.h"

#define EVENT_MAX_BYTES 128u /* of a cast `pg`, beside its names and entries */

struct pg_watch {
	struct hash_node node; /* pgs.watches */
	struct member *member;
	struct pg *pg;       /* one process group */
	struct scope *scope; /* or all process groups of a scope; both NULL: all of all scopes */
	struct list by_target;
	struct list by_member; /* member.pg_watches */
};

/* ---- telling ---- */

static void put_event(struct buf *b, const struct pg *pg, const char *kind, uint32_t n)
{
	mp_put_array(b, 4);
	mp_put_cstr(b, kind);
	mp_put_str(b, pg->scope->text, pg->scope->len);
	mp_put_str(b, pg->text, pg->len);
	mp_put_array(b, n);
}

static void tell_list(struct broker *broker, struct list *watches, const struct buf *body)
{
	list_for_each(it, watches) {
		struct member *member = container_of(it, struct pg_watch, by_target)->member;

		if (member->mark == broker->mark)
			continue;
		member->mark = broker->mark;
		/*
		 * A watcher that missed one event would be wrong for ever. So its pipe is cut. Then it says
		 * hello again and is told everything anew.
		 */
		if (buf_error(body) < 0)
			member_doom(member, false, "out of memory for what it watches");
		else
			member_cast(member, "pg", body);
	}
}

bool pg_is_watched(const struct broker *broker, const struct pg *pg)
{
	return !list_is_empty(&pg->watches) || !list_is_empty(&pg->scope->watches) ||
	       !list_is_empty(&broker->pgs.watches_of_all);
}

void pg_tell_watchers(
	struct broker *broker, struct pg *pg, const char *kind, uint32_t n, const struct buf *entries)
{
	struct buf *body = broker_body(broker);

	if (!n || !pg_is_watched(broker, pg))
		return;
	put_event(body, pg, kind, n);
	mp_put_raw(body, entries->data, entries->size_bytes);
	if (entries->failed)
		body->failed = true;
	broker->mark++;
	tell_list(broker, &pg->watches, body);
	tell_list(broker, &pg->scope->watches, body);
	tell_list(broker, &broker->pgs.watches_of_all, body);
}

/* ---- watches ---- */

static uint64_t watch_hash(const struct pgs *pgs, const void *target, const struct member *member)
{
	return hash_of_pair(&pgs->watches, (uintptr_t)target, (uintptr_t)member);
}

static const void *watch_target(const struct pgs *pgs, const struct pg *pg, const struct scope *scope)
{
	return pg ? (const void *)pg : scope ? (const void *)scope : (const void *)pgs;
}

static struct pg_watch *watch_find(
	const struct pgs *pgs, const struct pg *pg, const struct scope *scope, const struct member *member)
{
	const void *target = watch_target(pgs, pg, scope);
	struct hash_node *node = hash_first(&pgs->watches, watch_hash(pgs, target, member));

	for (; node; node = hash_next(node)) {
		struct pg_watch *watch = container_of(node, struct pg_watch, node);

		if (watch->member == member && watch_target(pgs, watch->pg, watch->scope) == target)
			return watch;
	}
	return NULL;
}

static void watch_free(struct pgs *pgs, struct pg_watch *watch)
{
	hash_remove(&pgs->watches, &watch->node);
	list_remove(&watch->by_target);
	list_remove(&watch->by_member);
	quota_give(watch->member, QUOTA_WATCHES, 1);
	if (watch->pg)
		pg_settle(pgs, &watch->pg);
	else if (watch->scope)
		scope_settle(pgs, &watch->scope);
	free(watch);
}

static void tell_what_is(struct member *member, const struct pg *pg)
{
	struct buf *body = broker_body(member->broker);

	put_event(body, pg, "is", pg->roll.n_members);
	roll_put_all(body, &pg->roll);
	if (buf_error(body) < 0)
		member_doom(member, false, "out of memory for what it watches");
	else
		member_cast(member, "pg", body);
}

static void tell_what_is_in(struct member *member, const struct scope *scope)
{
	list_for_each(it, &scope->pgs) {
		const struct pg *pg = container_of(it, struct pg, in_scope);

		if (pg->roll.n_members)
			tell_what_is(member, pg);
	}
}

static void tell_what_is_in_node(struct hash_node *node, void *arg)
{
	tell_what_is_in(arg, container_of(node, struct scope, node));
}

/* ---- how much that is, at most ---- */

static size_t bytes_of_pg(const struct pg *pg)
{
	return pg->roll.n_members ? pg->roll.size_bytes + pg->len + pg->scope->len + EVENT_MAX_BYTES : 0;
}

static size_t bytes_of_scope(const struct scope *scope)
{
	size_t bytes = 0;

	list_for_each(it, &scope->pgs)
		bytes += bytes_of_pg(container_of(it, struct pg, in_scope));
	return bytes;
}

static void add_bytes_of_scope(struct hash_node *node, void *arg)
{
	*(size_t *)arg += bytes_of_scope(container_of(node, struct scope, node));
}

static int watch_new(struct member *member, struct pg *pg, struct scope *scope)
{
	struct pgs *pgs = &member->broker->pgs;
	struct pg_watch *watch;

	if (watch_find(pgs, pg, scope, member))
		return 0;
	if (!quota_take(member, QUOTA_WATCHES, 1))
		return -EDQUOT;
	watch = calloc(1, sizeof(*watch));
	if (!watch || hash_insert(&pgs->watches, &watch->node,
			      watch_hash(pgs, watch_target(pgs, pg, scope), member)) < 0) {
		free(watch);
		quota_give(member, QUOTA_WATCHES, 1);
		return -ENOMEM;
	}
	watch->member = member;
	watch->pg = pg;
	watch->scope = pg ? NULL : scope;
	list_append(pg ? &pg->watches : scope ? &scope->watches : &pgs->watches_of_all, &watch->by_target);
	list_append(&member->pg_watches, &watch->by_member);
	return 0;
}

int pgs_watch(struct member *member, const struct pg_which *which)
{
	struct pgs *pgs = &member->broker->pgs;
	struct scope *scope = NULL;
	struct pg *pg = NULL;
	size_t bytes = 0;
	int r;

	if (which->name.s)
		pg = pg_make(pgs, which);
	else if (which->scope.s)
		scope = scope_make(pgs, which->scope);
	if ((which->name.s && !pg) || (!which->name.s && which->scope.s && !scope))
		return -ENOMEM;
	r = watch_new(member, pg, scope);
	if (r < 0) {
		if (pg)
			pg_settle(pgs, &pg);
		else if (scope)
			scope_settle(pgs, &scope);
		return r;
	}
	if (pg)
		bytes = bytes_of_pg(pg);
	else if (scope)
		bytes = bytes_of_scope(scope);
	else
		hash_each(&pgs->scopes, add_bytes_of_scope, &bytes);
	if (!member_takes_answer(member, bytes)) {
		pgs_unwatch(member, which);
		return -EFBIG;
	}
	if (pg)
		tell_what_is(member, pg);
	else if (scope)
		tell_what_is_in(member, scope);
	else
		hash_each(&pgs->scopes, tell_what_is_in_node, member);
	return 0;
}

void pgs_unwatch(struct member *member, const struct pg_which *which)
{
	struct pgs *pgs = &member->broker->pgs;
	struct scope *scope = which->scope.s ? scope_find(pgs, which->scope) : NULL;
	struct pg *pg = which->name.s && scope ? pg_find_in(pgs, scope, which->name) : NULL;
	struct pg_watch *watch;

	if ((which->scope.s && !scope) || (which->name.s && !pg))
		return;
	watch = watch_find(pgs, pg, scope, member);
	if (watch)
		watch_free(pgs, watch);
}

void pgs_unwatch_all(struct member *member)
{
	list_for_each_safe(it, &member->pg_watches)
		watch_free(&member->broker->pgs, container_of(it, struct pg_watch, by_member));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/pgs.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/member.h"
#include "broker/state.h"
#include "libactor/protocol/mp.h"

struct scope {
	struct hash_node node;     /* pgs.scopes */
	struct list pgs;           /* struct pg.in_scope */
	struct list watches;       /* struct pg_watch.by_target */
	struct order in_order;     /* process groups that have members */
	size_t n_pgs;              /* of those */
	struct order_node by_name; /* pgs.scopes_in_order, if there are any */
	uint8_t len;
	char text[];
};

struct pg {
	struct hash_node node; /* pgs.table */
	struct scope *scope;
	struct list in_scope;
	struct order_node by_name; /* scope->in_order, if it has members */
	struct roll roll;          /* of struct membership */
	struct list shares;        /* struct share.by_pg */
	struct list watches;       /* struct pg_watch.by_target */
	uint8_t len;
	char text[];
};

/* The memberships of one process in one process group. */
struct share {
	struct hash_node node; /* pgs.shares */
	struct pg *pg;
	struct member *member;
	struct list by_pg;
	struct list by_member;   /* member.shares */
	struct list memberships; /* struct membership.by_share */
};

/* An actor that is a member of something. */
struct joiner {
	struct hash_node node; /* pgs.joiners */
	actor_ref ref;
	struct list memberships; /* struct membership.by_joiner */
};

struct membership {
	struct roll_member in_roll;
	struct share *share;
	struct joiner *joiner;
	struct list by_share;
	struct list by_joiner;
	uint32_t epoch; /* member.pg_epoch when it was last said */
};

struct pg_watch {
	struct hash_node node; /* pgs.watches */
	struct member *member;
	struct pg *pg;       /* one process group */
	struct scope *scope; /* or all of a scope; neither: all */
	struct list by_target;
	struct list by_member; /* member.pg_watches */
};

void pgs_init(struct pgs *pgs)
{
	*pgs = (struct pgs){0};
	hash_init(&pgs->scopes);
	hash_init(&pgs->table);
	hash_init(&pgs->joiners);
	hash_init(&pgs->shares);
	hash_init(&pgs->watches);
	list_init(&pgs->watches_of_all);
}

/* ---- scopes and process groups ---- */

static struct scope *scope_find(const struct pgs *pgs, struct wire_str text)
{
	struct hash_node *node = hash_first(&pgs->scopes, hash_of_bytes(&pgs->scopes, text.s, text.len));

	for (; node; node = hash_next(node)) {
		struct scope *scope = container_of(node, struct scope, node);

		if (scope->len == text.len && !memcmp(scope->text, text.s, text.len))
			return scope;
	}
	return NULL;
}

static struct scope *scope_make(struct pgs *pgs, struct wire_str text)
{
	struct scope *scope = scope_find(pgs, text);

	if (scope)
		return scope;
	assert(text.len <= WIRE_NAME_MAX_BYTES);
	scope = calloc(1, sizeof(*scope) + text.len);
	if (!scope)
		return NULL;
	list_init(&scope->pgs);
	list_init(&scope->watches);
	scope->len = (uint8_t)text.len;
	memcpy(scope->text, text.s, text.len);
	if (hash_insert(&pgs->scopes, &scope->node, hash_of_bytes(&pgs->scopes, text.s, text.len)) < 0) {
		free(scope);
		return NULL;
	}
	return scope;
}

/* Frees *at unless it has process groups or is watched. */
static void scope_settle(struct pgs *pgs, struct scope **at)
{
	struct scope *scope = *at;

	if (!list_is_empty(&scope->pgs) || !list_is_empty(&scope->watches))
		return;
	hash_remove(&pgs->scopes, &scope->node);
	free(scope);
	*at = NULL;
}

static uint64_t pg_hash(const struct pgs *pgs, const struct scope *scope, struct wire_str name)
{
	uint8_t key[sizeof(scope) + WIRE_NAME_MAX_BYTES];

	memcpy(key, &scope, sizeof(scope));
	memcpy(key + sizeof(scope), name.s, name.len);
	return hash_of_bytes(&pgs->table, key, sizeof(scope) + name.len);
}

static struct pg *pg_find_in(const struct pgs *pgs, const struct scope *scope, struct wire_str name)
{
	struct hash_node *node = hash_first(&pgs->table, pg_hash(pgs, scope, name));

	for (; node; node = hash_next(node)) {
		struct pg *pg = container_of(node, struct pg, node);

		if (pg->scope == scope && pg->len == name.len && !memcmp(pg->text, name.s, name.len))
			return pg;
	}
	return NULL;
}

static struct pg *pg_find(const struct pgs *pgs, const struct pg_which *which)
{
	struct scope *scope = scope_find(pgs, which->scope);

	return scope ? pg_find_in(pgs, scope, which->name) : NULL;
}

static struct pg *pg_make(struct pgs *pgs, const struct pg_which *which)
{
	struct scope *scope = scope_make(pgs, which->scope);
	struct pg *pg = scope ? pg_find_in(pgs, scope, which->name) : NULL;

	if (pg || !scope)
		return pg;
	assert(which->name.len <= WIRE_NAME_MAX_BYTES);
	pg = calloc(1, sizeof(*pg) + which->name.len);
	if (!pg || hash_insert(&pgs->table, &pg->node, pg_hash(pgs, scope, which->name)) < 0) {
		free(pg);
		scope_settle(pgs, &scope);
		return NULL;
	}
	pg->scope = scope;
	list_append(&scope->pgs, &pg->in_scope);
	roll_init(&pg->roll, sizeof(struct membership));
	list_init(&pg->shares);
	list_init(&pg->watches);
	pg->len = (uint8_t)which->name.len;
	memcpy(pg->text, which->name.s, which->name.len);
	return pg;
}

/* Frees *at unless it has members or is watched. */
static void pg_settle(struct pgs *pgs, struct pg **at)
{
	struct pg *pg = *at;
	struct scope *scope = pg->scope;

	if (pg->roll.n_members || !list_is_empty(&pg->watches))
		return;
	hash_remove(&pgs->table, &pg->node);
	list_remove(&pg->in_scope);
	roll_deinit(&pg->roll);
	free(pg);
	*at = NULL;
	scope_settle(pgs, &scope);
}

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
		 * A watcher that missed one event would be wrong for ever. So it is cut: it says hello again
		 * and hears all.
		 */
		if (buf_error(body) < 0)
			member_doom(member, false, "out of memory for what it watches");
		else
			member_cast(member, "pg", body);
	}
}

static bool pg_is_watched(const struct broker *broker, const struct pg *pg)
{
	return !list_is_empty(&pg->watches) || !list_is_empty(&pg->scope->watches) ||
	       !list_is_empty(&broker->pgs.watches_of_all);
}

/* Each watching process hears it once, however many watches it has. @entries: @n of them. */
static void pg_tell(
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

/* ---- members ---- */

/* It has its first member. */
static void pg_begin(struct pgs *pgs, struct pg *pg)
{
	struct scope *scope = pg->scope;

	order_insert(&scope->in_order, &pg->by_name, wire_str(pg->text, pg->len), pg->node.hash);
	if (scope->n_pgs++ == 0)
		order_insert(&pgs->scopes_in_order, &scope->by_name, wire_str(scope->text, scope->len),
			scope->node.hash);
}

/* It has no member any more. */
static void pg_end(struct pgs *pgs, struct pg *pg)
{
	order_remove(&pg->scope->in_order, &pg->by_name);
	if (--pg->scope->n_pgs == 0)
		order_remove(&pgs->scopes_in_order, &pg->scope->by_name);
}

static uint64_t joiner_hash(const struct pgs *pgs, actor_ref ref)
{
	return hash_of_pair(&pgs->joiners, ref.group, ref.serial);
}

static struct joiner *joiner_find(const struct pgs *pgs, actor_ref ref)
{
	struct hash_node *node = hash_first(&pgs->joiners, joiner_hash(pgs, ref));

	for (; node; node = hash_next(node)) {
		struct joiner *joiner = container_of(node, struct joiner, node);

		if (actor_ref_equal(joiner->ref, ref))
			return joiner;
	}
	return NULL;
}

static struct joiner *joiner_make(struct pgs *pgs, actor_ref ref)
{
	struct joiner *joiner = joiner_find(pgs, ref);

	if (joiner)
		return joiner;
	joiner = calloc(1, sizeof(*joiner));
	if (!joiner || hash_insert(&pgs->joiners, &joiner->node, joiner_hash(pgs, ref)) < 0) {
		free(joiner);
		return NULL;
	}
	joiner->ref = ref;
	list_init(&joiner->memberships);
	return joiner;
}

/* Frees *at unless it is a member of something. */
static void joiner_settle(struct pgs *pgs, struct joiner **at)
{
	if (!list_is_empty(&(*at)->memberships))
		return;
	hash_remove(&pgs->joiners, &(*at)->node);
	free(*at);
	*at = NULL;
}

static uint64_t share_hash(const struct pgs *pgs, const struct pg *pg, const struct member *member)
{
	return hash_of_pair(&pgs->shares, (uintptr_t)pg, (uintptr_t)member);
}

static struct share *share_find(const struct pgs *pgs, const struct pg *pg, const struct member *member)
{
	struct hash_node *node = hash_first(&pgs->shares, share_hash(pgs, pg, member));

	for (; node; node = hash_next(node)) {
		struct share *share = container_of(node, struct share, node);

		if (share->pg == pg && share->member == member)
			return share;
	}
	return NULL;
}

static struct share *share_make(struct pgs *pgs, struct pg *pg, struct member *member)
{
	struct share *share = share_find(pgs, pg, member);

	if (share)
		return share;
	share = calloc(1, sizeof(*share));
	if (!share || hash_insert(&pgs->shares, &share->node, share_hash(pgs, pg, member)) < 0) {
		free(share);
		return NULL;
	}
	share->pg = pg;
	share->member = member;
	list_append(&pg->shares, &share->by_pg);
	list_append(&member->shares, &share->by_member);
	list_init(&share->memberships);
	return share;
}

/* Frees *at unless it has memberships. */
static void share_settle(struct pgs *pgs, struct share **at)
{
	struct share *share = *at;

	if (!list_is_empty(&share->memberships))
		return;
	hash_remove(&pgs->shares, &share->node);
	list_remove(&share->by_pg);
	list_remove(&share->by_member);
	free(share);
	*at = NULL;
}

/* Ends and frees *at. What is told of it is appended to @entries. */
static void membership_end(struct pgs *pgs, struct membership **at, struct buf *entries)
{
	struct membership *membership = *at;
	struct roll_member *in_roll = &membership->in_roll;
	struct share *share = membership->share;
	struct joiner *joiner = membership->joiner;
	struct pg *pg = share->pg;

	roll_put(entries, in_roll);
	quota_give(share->member, QUOTA_MEMBERSHIPS, 1);
	quota_give(share->member, QUOTA_META, in_roll->meta_bytes);
	pgs->n_memberships--;
	list_remove(&membership->by_share);
	list_remove(&membership->by_joiner);
	roll_leave(&pg->roll, &in_roll);
	*at = NULL;
	if (!pg->roll.n_members)
		pg_end(pgs, pg);
	share_settle(pgs, &share);
	joiner_settle(pgs, &joiner);
}

static int membership_new(struct pgs *pgs, struct pg *pg, struct member *member,
	const struct roll_entry *entry, struct membership **ret)
{
	struct joiner *joiner = joiner_make(pgs, entry->ref);
	struct share *share = joiner ? share_make(pgs, pg, member) : NULL;
	struct roll_member *in_roll = NULL;
	struct membership *membership;

	if (!share || roll_join(&pg->roll, entry, &in_roll) < 0) {
		if (share)
			share_settle(pgs, &share);
		if (joiner)
			joiner_settle(pgs, &joiner);
		return -ENOMEM;
	}
	membership = container_of(in_roll, struct membership, in_roll);
	membership->share = share;
	membership->joiner = joiner;
	membership->epoch = member->pg_epoch;
	list_append(&share->memberships, &membership->by_share);
	list_append(&joiner->memberships, &membership->by_joiner);
	if (pg->roll.n_members == 1)
		pg_begin(pgs, pg);
	pgs->n_memberships++;
	*ret = membership;
	return 0;
}

static struct membership *membership_find(const struct pg *pg, uint64_t group, uint64_t id)
{
	struct roll_member *in_roll = roll_find(&pg->roll, group, id);

	return in_roll ? container_of(in_roll, struct membership, in_roll) : NULL;
}

static int join_one(struct pgs *pgs, struct pg *pg, struct member *member, const struct roll_entry *entry,
	struct membership **ret)
{
	if (pg->roll.size_bytes + roll_entry_bytes(entry->meta_bytes) > PG_MEMBERS_MAX_BYTES)
		return -EFBIG;
	if (!quota_take(member, QUOTA_MEMBERSHIPS, 1))
		return -EDQUOT;
	if (!quota_take(member, QUOTA_META, entry->meta_bytes)) {
		quota_give(member, QUOTA_MEMBERSHIPS, 1);
		return -EDQUOT;
	}
	if (membership_new(pgs, pg, member, entry, ret) < 0) {
		quota_give(member, QUOTA_MEMBERSHIPS, 1);
		quota_give(member, QUOTA_META, entry->meta_bytes);
		return -ENOMEM;
	}
	return 0;
}

int pgs_join(struct member *member, const struct pg_which *which, struct mp_reader entries, uint32_t n)
{
	struct pgs *pgs = &member->broker->pgs;
	struct pg *pg = pg_make(pgs, which);
	struct buf joined = BUF_INIT, undone = BUF_INIT;
	uint32_t n_joined = 0;
	bool watched;
	int r = 0;

	if (!pg)
		return -ENOMEM;
	watched = pg_is_watched(member->broker, pg);
	while (n-- && r == 0) {
		struct membership *membership;
		struct roll_entry entry;

		(void)roll_read(&entries, &entry);
		membership = membership_find(pg, member->group, entry.id);
		if (membership) {
			membership->epoch = member->pg_epoch;
			continue;
		}
		r = join_one(pgs, pg, member, &entry, &membership);
		if (r == 0 && watched)
			roll_put(&joined, &membership->in_roll);
		n_joined += r == 0;
	}
	if (r == 0) {
		pg_tell(member->broker, pg, "join", n_joined, &joined);
	} else {
		while (n_joined--) { /* the last of its memberships are the new ones */
			struct share *share = share_find(pgs, pg, member);
			struct membership *last =
				container_of(share->memberships.prev, struct membership, by_share);

			membership_end(pgs, &last, &undone);
		}
	}
	pg_settle(pgs, &pg);
	buf_deinit(&joined);
	buf_deinit(&undone);
	return r;
}

uint32_t pgs_leave(struct member *member, const struct pg_which *which, struct mp_reader ids, uint32_t n)
{
	struct pgs *pgs = &member->broker->pgs;
	struct pg *pg = pg_find(pgs, which);
	struct buf left = BUF_INIT;
	uint32_t n_left = 0;
	uint64_t id;

	if (!pg)
		return 0;
	while (n--) {
		struct membership *membership;

		(void)mp_read_uint(&ids, &id);
		membership = membership_find(pg, member->group, id);
		if (!membership)
			continue;
		membership_end(pgs, &membership, &left);
		n_left++;
	}
	pg_tell(member->broker, pg, "leave", n_left, &left);
	pg_settle(pgs, &pg);
	buf_deinit(&left);
	return n_left;
}

void pgs_leave_all(struct member *member, actor_ref ref)
{
	struct pgs *pgs = &member->broker->pgs;
	struct joiner *joiner;

	/* Each round ends memberships that follow each other in the list and are of one process group. */
	while ((joiner = joiner_find(pgs, ref))) {
		struct list *it = joiner->memberships.next;
		struct pg *pg = container_of(it, struct membership, by_joiner)->share->pg;
		struct buf left = BUF_INIT;
		uint32_t n = 0;
		bool more;

		do {
			struct membership *membership = container_of(it, struct membership, by_joiner);

			it = it->next;
			more = it != &joiner->memberships &&
			       container_of(it, struct membership, by_joiner)->share->pg == pg;
			membership_end(pgs, &membership, &left);
			n++;
		} while (more);
		pg_tell(member->broker, pg, "leave", n, &left);
		pg_settle(pgs, &pg);
		buf_deinit(&left);
	}
}

/* Ends the memberships in *at that are older than @epoch. *at is freed with the last of them. */
static void share_end_older(struct pgs *pgs, struct share **at, uint32_t epoch)
{
	struct share *share = *at;
	struct broker *broker = share->member->broker;
	struct pg *pg = share->pg;
	struct list *it = share->memberships.next;
	struct buf left = BUF_INIT;
	uint32_t n = 0;
	bool last = false;

	while (!last) {
		struct membership *membership = container_of(it, struct membership, by_share);

		it = it->next;
		last = it == &share->memberships; /* looked at before the share may go */
		if (membership->epoch == epoch)
			continue;
		membership_end(pgs, &membership, &left);
		n++;
	}
	*at = NULL;
	pg_tell(broker, pg, "leave", n, &left);
	pg_settle(pgs, &pg);
	buf_deinit(&left);
}

void pgs_end_unsaid(struct member *member)
{
	list_for_each_safe(it, &member->shares) {
		struct share *share = container_of(it, struct share, by_member);

		share_end_older(&member->broker->pgs, &share, member->pg_epoch);
	}
}

void pgs_release(struct member *member)
{
	member->pg_epoch++; /* so all its memberships are older */
	pgs_end_unsaid(member);
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

/* ---- asking ---- */

void pgs_put_members(const struct broker *broker, const struct pg_which *which, struct buf *b)
{
	const struct pg *pg = pg_find(&broker->pgs, which);

	mp_put_array(b, pg ? pg->roll.n_members : 0);
	if (pg)
		roll_put_all(b, &pg->roll);
}

static uint64_t count_of_pg(const struct order_node *node)
{
	return container_of(node, struct pg, by_name)->roll.n_members;
}

static uint64_t count_of_scope(const struct order_node *node)
{
	return container_of(node, struct scope, by_name)->n_pgs;
}

static void put_counts(const struct order *order, struct wire_str after, size_t max,
	uint64_t (*count)(const struct order_node *node), struct buf *b)
{
	const struct order_node *node = order_first(order, wire_str("", 0), after);
	struct buf entries = BUF_INIT;
	struct wire_str last = after;
	uint32_t n = 0;

	for (; node && n < max; node = order_next(node), n++) {
		last = order_text(node);
		mp_put_array(&entries, 2);
		mp_put_str(&entries, last.s, last.len);
		mp_put_uint(&entries, count(node));
	}
	order_put_list(b, &entries, n, max && node ? last : wire_str(NULL, 0));
	buf_deinit(&entries);
}

void pgs_put_groups(
	const struct broker *broker, struct wire_str text, struct wire_str after, size_t max, struct buf *b)
{
	static const struct order none;
	const struct scope *scope = scope_find(&broker->pgs, text);

	put_counts(scope ? &scope->in_order : &none, after, max, count_of_pg, b);
}

void pgs_put_scopes(const struct broker *broker, struct wire_str after, size_t max, struct buf *b)
{
	put_counts(&broker->pgs.scopes_in_order, after, max, count_of_scope, b);
}

bool pgs_pick(struct broker *broker, const struct pg_which *which, enum roll_how how, struct wire_str key,
	actor_ref *ret)
{
	struct pgs *pgs = &broker->pgs;
	struct pg *pg = pg_find(pgs, which);

	return pg && roll_pick(&pg->roll, how, hash_of_u64(&pgs->table, ++pgs->random), key, ret);
}

void pgs_each_process(const struct broker *broker, const struct pg_which *which,
	void (*fn)(struct member *process, void *arg), void *arg)
{
	const struct pg *pg = pg_find(&broker->pgs, which);

	if (!pg)
		return;
	list_for_each(it, &pg->shares)
		fn(container_of(it, struct share, by_pg)->member, arg);
}

void pgs_deinit(struct pgs *pgs)
{
	hash_deinit(&pgs->watches);
	hash_deinit(&pgs->shares);
	hash_deinit(&pgs->joiners);
	hash_deinit(&pgs->table);
	hash_deinit(&pgs->scopes);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Members of process groups: joining and leaving. */
#include <errno.h>
#include <stdlib.h>

#include "broker/member.h"
#include "broker/pg-watches.h"
#include "broker/pg.h"
#include "broker/state.h"
#include "libactor/protocol/mp.h"

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

/* Ends and frees *at. Its entry in the notice to watchers is appended to @entries. */
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
		pg_tell_watchers(member->broker, pg, "join", n_joined, &joined);
	} else {
		while (n_joined--) { /* the new memberships are the last ones of the share */
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
	pg_tell_watchers(member->broker, pg, "leave", n_left, &left);
	pg_settle(pgs, &pg);
	buf_deinit(&left);
	return n_left;
}

void pgs_leave_all(struct member *member, actor_ref ref)
{
	struct pgs *pgs = &member->broker->pgs;
	struct joiner *joiner;

	/* Each round ends neighbours in the list that are memberships of one process group. */
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
		pg_tell_watchers(member->broker, pg, "leave", n, &left);
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
		last = it == &share->memberships; /* read now, since the share may be freed below */
		if (membership->epoch == epoch)
			continue;
		membership_end(pgs, &membership, &left);
		n++;
	}
	*at = NULL;
	pg_tell_watchers(broker, pg, "leave", n, &left);
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
	member->pg_epoch++; /* so that all its memberships count as older */
	pgs_end_unsaid(member);
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

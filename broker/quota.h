/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a group makes the broker remember is charged to that group, and only that group can run out of it.
 *
 * Each kind has two bounds. One is of every group, whatever others have. The other is of what all groups
 * have together beyond their own, and is shared: a group has @own for itself, unconditionally; what it
 * has beyond comes from a pool, of which it may take one part in n + 1 of what the others leave, where n
 * groups take from it. So the first gets a half, nobody can take the last of it, and a thousand groups
 * that have a little each make nobody's share smaller. The rule is dbus-broker's, whose users have
 * nothing for themselves and are few.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct member;

enum quota_kind {
	QUOTA_NAMES, /* registered */
	/* names that it looked up and process groups that it watches: it is told of their changes */
	QUOTA_WATCHES,
	QUOTA_PATTERNS,    /* watches of names by a pattern */
	QUOTA_CALLS,       /* routed and not answered */
	QUOTA_MONITORS,    /* routed and not fired */
	QUOTA_PAIRS,       /* introductions, pipes and groups it monitors */
	QUOTA_MEMBERSHIPS, /* of its actors in process groups */
	QUOTA_META,        /* bytes of the metadata of those */
	/*
	 * bytes: its frames that wait or are held in the broker, and what the broker notes of pauses and
	 * admits
	 */
	QUOTA_WAITING,
	QUOTA_N
};

struct quota_limits {
	size_t max[QUOTA_N];  /* of each group */
	size_t own[QUOTA_N];  /* of each group, not shared */
	size_t pool[QUOTA_N]; /* of all groups together, beyond what each has for itself */
	size_t unread_bytes;  /* frames written to a group that does not read: over it, the pipe is cut */
	size_t groups;        /* of the whole broker */
	size_t spawner_links; /* of clients with the supervisor; more of them are routed */
	size_t farewells;     /* pipes that stay open only for their goodbye to be read; the oldest goes */
};

struct quota {
	size_t used[QUOTA_N];
	/* logged; again only after it has given back half of what it had */
	bool told[QUOTA_N];
	size_t told_at[QUOTA_N];
};

/* Of one kind: what groups have beyond their own. */
struct quota_pool {
	size_t used;
	size_t n_users;
};

const char *quota_word(enum quota_kind kind);           /* as in the answer of `quota` */
void quota_limits_default(struct quota_limits *limits); /* fills in fields that are 0 */
/*
 * How much of a pool of @pool one may have in all beside @n_others who have @others of it.
 */
size_t quota_share(size_t pool, size_t others, size_t n_others);
/* How much @member may have now, with what it has. */
size_t quota_limit(const struct member *member, enum quota_kind kind);
/*
 * False (and logged): over the limit. Waiting bytes have no share here, since a cast that has returned 0 is
 * not refused: it is pauses_weigh() that looks at the share. Nor has what a group says again after a restart
 * of the broker: it was granted once.
 */
bool quota_take(struct member *member, enum quota_kind kind, size_t n);
bool quota_is_unused(const struct quota *quota);
void quota_give(struct member *member, enum quota_kind kind, size_t n);

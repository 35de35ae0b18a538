/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the broker must remember because of a group is charged to that group. So a group that asks for too
 * much is refused, and what other groups have already is not touched.
 *
 * Each kind of thing has two bounds. The first (max) holds for each group, whatever other groups have. The
 * second is shared. A group has some of its own (own) in any case. All that it has beyond comes from a pool.
 * If n groups, itself among them, take from the pool, a group may have one part in n + 1 of what the others
 * leave. So the first group gets a half, nobody can take the last of the pool, and a thousand groups that
 * stay within their own make nobody's share smaller. The rule for the pool is dbus-broker's, where a user has
 * nothing of its own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct member;

enum quota_kind {
	QUOTA_NAMES, /* that it registered */
	/* names that it looked up and process groups that it watches, of whose changes it is told */
	QUOTA_WATCHES,
	QUOTA_PATTERNS,    /* watches of names by a pattern */
	QUOTA_CALLS,       /* its calls that are routed and not answered */
	QUOTA_MONITORS,    /* its monitors that are routed and have not fired */
	QUOTA_PAIRS,       /* its introductions, pipes and monitored groups */
	QUOTA_MEMBERSHIPS, /* memberships of its actors in process groups */
	QUOTA_META,        /* bytes of the metadata of its memberships */
	/*
	 * bytes of its frames that wait in the broker, and of the broker's records of its pauses and admits
	 */
	QUOTA_WAITING,
	QUOTA_N
};

struct quota_limits {
	size_t max[QUOTA_N];  /* that each group may have */
	size_t own[QUOTA_N];  /* that each group has in any case */
	size_t pool[QUOTA_N]; /* that all groups together may have beyond their own */
	/*
	 * How much may be written to a group and not be read by it. Of answers to its calls a group may have
	 * unread_bytes in any case, and up to answers_bytes as long as answers_pool has room. In place of an
	 * answer beyond that the caller gets an error. member_written() cuts the pipe of a group whose unread
	 * frames in all are more than unread_bytes beyond that.
	 */
	size_t unread_bytes;
	size_t answers_bytes;
	size_t answers_pool;
	size_t groups; /* that the whole broker takes */
	/* clients that may have a link with the supervisor; frames of further clients are routed */
	size_t spawner_links;
	/* pipes that stay open only until their goodbye is read; beyond this the oldest is closed */
	size_t farewells;
};

struct quota {
	size_t used[QUOTA_N];
	/*
	 * a refusal was logged; the next is logged only after the group has given back half of what it had
	 * (told_at)
	 */
	bool told[QUOTA_N];
	size_t told_at[QUOTA_N];
};

/* What all groups together have of one kind beyond their own. */
struct quota_pool {
	size_t used;
	size_t n_users;
};

const char *quota_word(enum quota_kind kind);           /* the word for @kind in the answer of `quota` */
void quota_limits_default(struct quota_limits *limits); /* replaces each 0 by the default */
/* How much of a pool of @pool one group may have if @n_others other groups have @others of it. */
static inline size_t quota_share(size_t pool, size_t others, size_t n_others)
{
	return others < pool ? (pool - others) / (n_others + 2) : 0;
}
/* How much @member may have in all now. */
size_t quota_limit(const struct member *member, enum quota_kind kind);
/*
 * Charges @n to @member. False: @member would be over its limit, and the log has a line about it (told). The
 * share is not
 * checked here in two cases. Waiting bytes: a cast that has returned 0 must not be refused, so pauses_weigh()
 * checks the share. Announcements after a restart of the broker: the things were granted before.
 */
bool quota_take(struct member *member, enum quota_kind kind, size_t n);
/* Without a limit: what an earlier broker had granted. */
void quota_take_granted(struct member *member, enum quota_kind kind, size_t n);
bool quota_has_room(const struct member *member, enum quota_kind kind, size_t n);
bool quota_is_unused(const struct quota *quota);
void quota_give(struct member *member, enum quota_kind kind, size_t n);

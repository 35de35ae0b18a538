/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process groups, in Erlang's sense: a named set of actors, in a scope. An actor may join one several times;
 * each time is a membership of its own, with its own metadata, and must be left on its own (pg of Erlang/OTP:
 * a multiset).
 *
 * A process group exists while it has members or is watched, a scope while it has process groups or is
 * watched. A process can watch one process group, one scope or all scopes. It is told of each change once, in
 * order, by the cast `pg` (docs/protocol.md §4).
 *
 *   scope ── pg ──┬── its roll (libactor/protocol/roll.h): the memberships, in order
 *                 └── share: of one process; the memberships of its actors hang on it
 *
 * pg.c has scopes and process groups, pg-members.c who joins and leaves, pg-watches.c who is told, pgs.c what
 * is asked.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/actor.h"
#include "broker/order.h"
#include "libactor/protocol/roll.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

struct broker;
struct member;

#define PG_META_MAX_BYTES 4096u /* most bytes of the metadata of one membership */
/* most bytes of the entries of one process group, which is half a message */
#define PG_MEMBERS_MAX_BYTES (8u << 20)

struct pgs {
	struct hash scopes;
	struct order scopes_in_order; /* scopes scopes that have process groups with members */
	struct hash table;            /* struct pg, by scope and name */
	struct hash joiners;          /* actors that are members of something, by ref */
	struct hash shares;           /* struct share, by process group and process */
	struct hash watches;          /* struct pg_watch, by the watched thing and the process */
	struct list watches_of_all;
	size_t n_memberships;
	uint64_t random;
};

/* Which process groups: one, all of a scope (name.s NULL), or all (scope.s NULL too). */
struct pg_which {
	struct wire_str scope, name;
};

void pgs_init(struct pgs *pgs);
void pgs_deinit(struct pgs *pgs);

/*
 * Adds @n memberships of actors of @member, and tells watchers. @entries are as in the protocol, and the
 * caller has checked them. A membership that exists already counts as joined. 0, -EDQUOT, -EFBIG (the members
 * would take more than PG_MEMBERS_MAX_BYTES), -ENOMEM. After an error none of them has joined.
 */
int pgs_join(struct member *member, const struct pg_which *which, struct mp_reader entries, uint32_t n);
/*
 * Ends the memberships of @member with these ids (@n uints, checked by the caller). Returns how many
 * memberships it ended.
 */
uint32_t pgs_leave(struct member *member, const struct pg_which *which, struct mp_reader ids, uint32_t n);
/* Ends all memberships of one actor of @member. */
void pgs_leave_all(struct member *member, actor_ref ref);
/* Ends the memberships of @member that pgs_join() has not seen since pg_epoch was raised. */
void pgs_end_unsaid(struct member *member);
/* @member ended: ends all its memberships. Watchers are told once for each process group. */
void pgs_release(struct member *member);

/*
 * From now on @member is told of changes. First it is told the members of now: one cast `pg` of kind `is` for
 * each process group. Each further call tells the members of then again. 0, -EDQUOT, -ENOMEM,
 * -EFBIG: more than @member may have unread
 */
int pgs_watch(struct member *member, const struct pg_which *which);
void pgs_unwatch(struct member *member, const struct pg_which *which);
void pgs_unwatch_all(struct member *member);

/* Appends an array of the entries of all members, in the order of joining. */
void pgs_put_members(const struct broker *broker, const struct pg_which *which, struct buf *b);
/*
 * Appends an array of [name, number of memberships], in order: the process groups of @scope that have members
 * and come after @after, at most @max. If there are more, one more element follows: the name after which the
 * next part goes on.
 */
void pgs_put_groups(
	const struct broker *broker, struct wire_str scope, struct wire_str after, size_t max, struct buf *b);
/* Appends the like for scopes: an array of [scope, number of its process groups that have members]. */
void pgs_put_scopes(const struct broker *broker, struct wire_str after, size_t max, struct buf *b);
/* Picks one member. False: there is none. */
bool pgs_pick(struct broker *broker, const struct pg_which *which, enum roll_how how, struct wire_str key,
	actor_ref *ret);
/* Calls @fn for each process that has members in the process group. @fn must not change the memberships. */
void pgs_each_process(const struct broker *broker, const struct pg_which *which,
	void (*fn)(struct member *process, void *arg), void *arg);

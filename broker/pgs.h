/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process groups, in Erlang's sense: a named set of actors, in a scope. An actor may join one several times;
 * each time is a membership of its own, with its own metadata, and must be left on its own (pg of Erlang/OTP:
 * a multiset).
 *
 * A process group is there while it has members or somebody watches it, and so is a scope. A group of actors
 * (a process) that watches a process group, a scope or everything is told of each change once, in order, by
 * the cast `pg` (docs/protocol.md §4).
 *
 *   scope ── pg ──┬── its roll (libactor/protocol/roll.h): the memberships, in order
 *                 └── share: of one process; the memberships of its actors hang on it
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/protocol/roll.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"

struct broker;
struct member;

#define PG_META_MAX_BYTES    4096u      /* of one membership */
#define PG_MEMBERS_MAX_BYTES (8u << 20) /* of one process group, as they are told: half a message */

struct pgs {
	struct hash scopes;
	struct hash table;   /* struct pg, by scope and name */
	struct hash joiners; /* who is a member of something, by ref */
	struct hash shares;  /* by process group and process */
	struct hash watches; /* by what is watched, and process */
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
 * @n memberships more, of actors of @member. @entries: as the protocol has them, and read once already. One
 * that is there counts as joined. Watchers are told. 0, -EDQUOT, -EFBIG (the members would take more than
 * PG_MEMBERS_MAX_BYTES), -ENOMEM: then nobody has joined.
 */
int pgs_join(struct member *member, const struct pg_which *which, struct mp_reader entries, uint32_t n);
/* Ends the memberships of @member with these ids (@n uints, read already). The number of those there were. */
uint32_t pgs_leave(struct member *member, const struct pg_which *which, struct mp_reader ids, uint32_t n);
/* Ends all memberships of one actor of @member. */
void pgs_leave_all(struct member *member, actor_ref ref);
/* Ends what @member has not joined, or joined again, since its pg_epoch was raised. */
void pgs_end_unsaid(struct member *member);
/* The same of all actors of @member, which ends: watchers are told once for each process group. */
void pgs_release(struct member *member);

/*
 * From now on @member is told of changes, and first, as often as it asks, of what is there: one cast `pg` of
 * kind `is` for each process group. 0, -EDQUOT, -ENOMEM
 */
int pgs_watch(struct member *member, const struct pg_which *which);
void pgs_unwatch(struct member *member, const struct pg_which *which);
void pgs_unwatch_all(struct member *member);

/* Appends an array of entries in the order of joining. */
void pgs_put_members(const struct broker *broker, const struct pg_which *which, struct buf *b);
/* Of a scope: an array of [name, number of memberships], of process groups that have some; at most @max. */
void pgs_put_groups(const struct broker *broker, struct wire_str scope, size_t max, struct buf *b);
/* An array of [scope, number of process groups that have members], at most @max. */
void pgs_put_scopes(const struct broker *broker, size_t max, struct buf *b);
/* False: there is no member. */
bool pgs_pick(struct broker *broker, const struct pg_which *which, enum roll_how how, struct wire_str key,
	actor_ref *ret);
/* Calls @fn for each process that has members there. @fn does not change who is a member. */
void pgs_each_process(const struct broker *broker, const struct pg_which *which,
	void (*fn)(struct member *process, void *arg), void *arg);

/* SPDX-License-Identifier: Apache-2.0 */
/* actor/dest.h — where something is sent (a part of actor/actor.h) */
#ifndef ACTOR_DEST_H
#define ACTOR_DEST_H

#include <actor/types.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Where something is sent: to an actor, to the owner of a name, or to members of a process group. The struct
 * is passed by value, and its strings are borrowed for the call. The functions below make it; a program does
 * not fill it in by hand. A name is looked up at each use (in a cache that the broker keeps current), so a
 * name follows an actor that was started again. A ref means one life of one actor.
 */
typedef struct actor_dest {
	union {
		actor_ref ref;
		struct {
			const char *scope;
			const char *key;
			uint64_t how; /* enum actor_dest_how */
		} by;                 /* with a name */
	} to;
	const char *name; /* NULL: to.ref is the destination */
} actor_dest;

enum actor_dest_how {
	ACTOR_DEST_NAME,      /* a registered name */
	ACTOR_DEST_NAME_WAIT, /* a registered name; waits until an actor has it */
	ACTOR_DEST_PG_ANY,    /* a member of a process group, each in turn */
	ACTOR_DEST_PG_RANDOM,
	ACTOR_DEST_PG_KEY,
	ACTOR_DEST_PG_LEAST,
	ACTOR_DEST_PG_ALL,
};

static inline actor_dest actor_dest_make(uint64_t how, const char *scope, const char *name, const char *key)
{
	actor_dest to;

	to.to.by.scope = scope;
	to.to.by.key = key;
	to.to.by.how = how;
	to.name = name ? name : "";
	return to;
}
static inline actor_dest actor_to(actor_ref ref)
{
	actor_dest to;

	to.to.ref = ref;
	to.name = (const char *)0;
	return to;
}
/* A NULL @name is no valid name: sending to it is -EINVAL. */
static inline actor_dest actor_named(const char *name)
{
	return actor_dest_make(ACTOR_DEST_NAME, (const char *)0, name, (const char *)0);
}
/*
 * Like actor_named(), but if no actor has the name (its owner is being started again), the sender waits until
 * an actor has it. A call waits no longer than its time-out and is then -ETIMEDOUT. A cast waits 5 s and is
 * then -ESRCH.
 */
static inline actor_dest actor_named_wait(const char *name)
{
	return actor_dest_make(ACTOR_DEST_NAME_WAIT, (const char *)0, name, (const char *)0);
}
/*
 * One member of a process group (see actor_pg_join; scope NULL: ACTOR_PG_SCOPE); the members take turns.
 * -ESRCH when the process group has no member. If a call reaches a member that had ended before, the call is
 * made to another member.
 */
static inline actor_dest actor_to_pg(const char *scope, const char *group)
{
	return actor_dest_make(ACTOR_DEST_PG_ANY, scope, group, (const char *)0);
}
/* One member by chance, each with the same chance. */
static inline actor_dest actor_to_pg_random(const char *scope, const char *group)
{
	return actor_dest_make(ACTOR_DEST_PG_RANDOM, scope, group, (const char *)0);
}
/*
 * The member that a key belongs to (rendezvous hashing). It is the same member for all senders, as long as it
 * is a member. When a member comes or goes, only the keys of that member move.
 */
static inline actor_dest actor_to_pg_key(const char *scope, const char *group, const char *key)
{
	return actor_dest_make(ACTOR_DEST_PG_KEY, scope, group, key);
}
/*
 * The member with the fewest open calls from this process that were made by actor_to_pg_least(). Members with
 * equal numbers take turns. In a group with a single link all members take turns.
 */
static inline actor_dest actor_to_pg_least(const char *scope, const char *group)
{
	return actor_dest_make(ACTOR_DEST_PG_LEAST, scope, group, (const char *)0);
}
/*
 * All members, for casts. A member gets the cast once, even if it joined several times. One message goes to
 * each process, and that process hands the message to its members. A process group without members is no
 * error. -EBUSY when one of the members takes nothing for 5 s; then no member gets the cast. Order is kept
 * among the casts of one actor to all, but not between those casts and what the actor sends to a single
 * member. In a group with a single link the cast goes through the broker, like all that such a group sends;
 * the cast may then also wait for a member of another process group that takes nothing. The arguments may be
 * nested 63 deep.
 */
static inline actor_dest actor_to_pg_all(const char *scope, const char *group)
{
	return actor_dest_make(ACTOR_DEST_PG_ALL, scope, group, (const char *)0);
}

#ifdef __cplusplus
}
#endif

#endif

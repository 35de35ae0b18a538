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
 * Where something is sent: an actor, whoever has a name at that moment, or members of a process group. Passed
 * by value; strings are borrowed for the call. Made by the functions below, not by hand. A name is looked up
 * each time (in a cache that the broker keeps current), so it follows an actor that was started again; a ref
 * means one life of one actor.
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
	const char *name; /* NULL: ref says where */
} actor_dest;

enum actor_dest_how {
	ACTOR_DEST_NAME,      /* a registered name */
	ACTOR_DEST_NAME_WAIT, /* the same; waits until somebody has it */
	ACTOR_DEST_PG_ANY,    /* a member of a process group, one after the other */
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
/* NULL is a name that is none: -EINVAL from whatever is sent there. */
static inline actor_dest actor_named(const char *name)
{
	return actor_dest_make(ACTOR_DEST_NAME, (const char *)0, name, (const char *)0);
}
/*
 * The same, and if nobody has the name (its owner is being started again): waits until somebody has. A call
 * for no longer than its time-out, then -ETIMEDOUT; a cast for 5 s, then -ESRCH.
 */
static inline actor_dest actor_named_wait(const char *name)
{
	return actor_dest_make(ACTOR_DEST_NAME_WAIT, (const char *)0, name, (const char *)0);
}
/*
 * One member of a process group (see actor_pg_join; scope NULL: ACTOR_PG_SCOPE): each in its turn. -ESRCH
 * when there is none. A call to a member that turns out to have ended before the call came is made to
 * another.
 */
static inline actor_dest actor_to_pg(const char *scope, const char *group)
{
	return actor_dest_make(ACTOR_DEST_PG_ANY, scope, group, (const char *)0);
}
/* One by chance, each with the same chance. */
static inline actor_dest actor_to_pg_random(const char *scope, const char *group)
{
	return actor_dest_make(ACTOR_DEST_PG_RANDOM, scope, group, (const char *)0);
}
/*
 * The one that a key belongs to (rendezvous hashing): the same for everybody who asks, and while it is a
 * member. When a member comes or goes only its own keys move.
 */
static inline actor_dest actor_to_pg_key(const char *scope, const char *group, const char *key)
{
	return actor_dest_make(ACTOR_DEST_PG_KEY, scope, group, key);
}
/*
 * The one to which this process has the fewest calls open that were made this way; equals in turn. From a
 * group with a single link: each in its turn.
 */
static inline actor_dest actor_to_pg_least(const char *scope, const char *group)
{
	return actor_dest_make(ACTOR_DEST_PG_LEAST, scope, group, (const char *)0);
}
/*
 * All members, each once, however often it joined; for casts. One message goes to each process, which hands
 * it out there. Nobody there is no error. -EBUSY, and nobody gets it, when one of them takes nothing for 5 s.
 * Order: among what one actor casts to all, not with what it sends to one of them. From a group with a single
 * link it goes by the broker, as all it sends; then a member of another process group that takes nothing may
 * be waited for, too. The arguments may be nested 63 deep.
 */
static inline actor_dest actor_to_pg_all(const char *scope, const char *group)
{
	return actor_dest_make(ACTOR_DEST_PG_ALL, scope, group, (const char *)0);
}

#ifdef __cplusplus
}
#endif

#endif

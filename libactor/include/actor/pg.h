/* SPDX-License-Identifier: Apache-2.0 */
/* actor/pg.h — process groups (a part of actor/actor.h) */
#ifndef ACTOR_PG_H
#define ACTOR_PG_H

#include <actor/behavior.h>
#include <actor/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A process group is a named set of actors anywhere on the node, in a scope. A scope is a name, too; NULL is
 * ACTOR_PG_SCOPE. A process group exists while it has members. An actor that joins several times is a member
 * several times; it has to leave as often, and each leave ends its newest membership. Memberships end with
 * the actor, before its monitors hear of the end, and with its process. Memberships outlive a crash of the
 * broker: each process announces its own again, and meanwhile others see the process group unchanged. The
 * library asks the broker once who is a member. From then on the broker keeps the answer current, so looking,
 * sending and picking cost no further question. Source: Erlang's pg; metadata, events without gaps and casts
 * to all are added.
 */
#define ACTOR_PG_SCOPE "pg"

/*
 * Returns 0; -EDQUOT at the limit (one process may have 100,000 memberships and 4 MiB of metadata); -EMSGSIZE
 * (metadata of more than 4,096 bytes, or members of more than 8 MiB in all); -EINVAL; -ENOTCONN or
 * -ETIMEDOUT, and then the actor is no member, though others may have seen it as one for a moment.
 */
ACTOR_EXPORT int actor_pg_join(actor *self, const char *scope, const char *group);
/*
 * @take_metadata: one value, which monitors of the process group get with the membership; freed and set to
 * NULL when the function returns 0.
 */
ACTOR_EXPORT int actor_pg_join_msg(
	actor *self, const char *scope, const char *group, actor_msg **take_metadata);
/* Returns 0, or -ESRCH when the actor is no member. */
ACTOR_EXPORT int actor_pg_leave(actor *self, const char *scope, const char *group);
/*
 * Writes the members in the order of joining into @refs, at most @max, an actor once for each membership.
 * Returns how many memberships there are, or a negative errno. An unknown process group has 0.
 */
ACTOR_EXPORT int actor_pg_members(
	actor *self, const char *scope, const char *group, actor_ref *refs, size_t max);
/* The same, but only members in this process. */
ACTOR_EXPORT int actor_pg_local_members(
	actor *self, const char *scope, const char *group, actor_ref *refs, size_t max);
/*
 * The present process groups of a scope, "[[group, members] …]", and the present scopes, "[[scope, groups]
 * …]", both in order.
 */
ACTOR_EXPORT int actor_pg_groups(actor *self, const char *scope, actor_msg **ret);
ACTOR_EXPORT int actor_pg_scopes(actor *self, actor_msg **ret);
/*
 * actor_pg_monitor() - from now on, call on_pg of this actor for each change
 *
 * @scope, @group: "" for all; so ("s", "") is all of a scope, ("", "") everything. @ret_snapshot: the present
 * members, "[[scope, group, [[ref, id, metadata] …]] …]". NULL: the present members come as join events,
 * before all other events.
 *
 * No change is missed between the snapshot and the first event, and each event comes once. This holds across
 * a restart of the broker, too: the events afterwards are the real changes during the restart. If there is no
 * memory for an event, this actor is killed. Returns 0; -EINVAL; -EDQUOT; -ENOTCONN; -ETIMEDOUT; -ENOMEM.
 */
ACTOR_EXPORT int actor_pg_monitor(
	actor *self, const char *scope, const char *group, uint64_t *ret_monitor, actor_msg **ret_snapshot);
/* After this no on_pg of the monitor comes. Returns true when the monitor was one of this actor. */
ACTOR_EXPORT bool actor_pg_demonitor(actor *self, uint64_t monitor);

#ifdef __cplusplus
}
#endif

#endif

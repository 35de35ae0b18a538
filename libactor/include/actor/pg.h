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
 * A process group is a named set of actors anywhere on the node, in a scope (a name as well; NULL:
 * ACTOR_PG_SCOPE). It is there while it has members. An actor may join several times and is then a member
 * several times; it leaves as often, the newest membership first. Memberships end with the actor, before its
 * monitors hear of that, and with its process. They outlive a crash of the broker: each group of actors
 * announces its own again, and whoever looks at a process group meanwhile sees it as it was. The broker is
 * asked once who is a member. From then on it keeps the answer current, so looking, sending and picking cost
 * no message. Source: Erlang's pg; metadata, events without gaps and casts to all are added.
 */
#define ACTOR_PG_SCOPE "pg"

/*
 * 0; -EDQUOT at the limit (100,000 memberships, or 4 MiB of metadata, of one process); -EMSGSIZE
 * (metadata of more than 4,096 bytes, or members of more than 8 MiB in all); -EINVAL; -ENOTCONN,
 * -ETIMEDOUT: it is no member, though others may have seen it as one.
 */
ACTOR_EXPORT int actor_pg_join(actor *self, const char *scope, const char *group);
/* @take_metadata: one value, told with the membership to whoever monitors; freed and set to NULL on 0. */
ACTOR_EXPORT int actor_pg_join_msg(
	actor *self, const char *scope, const char *group, actor_msg **take_metadata);
/* 0; -ESRCH it is no member. */
ACTOR_EXPORT int actor_pg_leave(actor *self, const char *scope, const char *group);
/*
 * The memberships in the order of joining, at most @max of them into @refs. Return: how many there are, or a
 * negative errno; an unknown process group has 0.
 */
ACTOR_EXPORT int actor_pg_members(
	actor *self, const char *scope, const char *group, actor_ref *refs, size_t max);
/* The same of those in this process alone. */
ACTOR_EXPORT int actor_pg_local_members(
	actor *self, const char *scope, const char *group, actor_ref *refs, size_t max);
/* "[[group, members] …]" of a scope, and "[[scope, groups] …]": what is there now, in order. */
ACTOR_EXPORT int actor_pg_groups(actor *self, const char *scope, actor_msg **ret);
ACTOR_EXPORT int actor_pg_scopes(actor *self, actor_msg **ret);
/*
 * actor_pg_monitor() - on_pg of this actor for each change from now on
 *
 * @scope, @group: "" for all; so ("s", "") is all of a scope, ("", "") everything.
 * @ret_snapshot: what is there now, "[[scope, group, [[ref, id, metadata] …]] …]". NULL: it comes as events,
 * a join for each, before all others. Nothing is missed between it and the first event, and each event comes
 * once, also over a restart of the broker: then this actor is told what has really changed meanwhile. If
 * there is no memory to tell it of a change, it is killed. 0, -EINVAL, -EDQUOT, -ENOTCONN, -ETIMEDOUT,
 * -ENOMEM.
 */
ACTOR_EXPORT int actor_pg_monitor(
	actor *self, const char *scope, const char *group, uint64_t *ret_monitor, actor_msg **ret_snapshot);
/* No on_pg of it comes after this. True when it was one of this actor. */
ACTOR_EXPORT bool actor_pg_demonitor(actor *self, uint64_t monitor);

#ifdef __cplusplus
}
#endif

#endif

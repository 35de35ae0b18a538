/* SPDX-License-Identifier: Apache-2.0 */
/* actor/name.h — names of actors (a part of actor/actor.h) */
#ifndef ACTOR_NAME_H
#define ACTOR_NAME_H

#include <actor/behavior.h>
#include <actor/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Unique on the node. 0 (also when it is its own already), -EEXIST, -EINVAL, -EPERM (names that begin with
 * $), -ENOTCONN, -ETIMEDOUT. Given back when the actor ends, before its monitors hear of it.
 */
ACTOR_EXPORT int actor_register(actor *self, const char *name);
/* A name, and which actor of this group is to have it; nobody: the one that asks. */
struct actor_name {
	const char *name;
	actor_ref who;
};
/*
 * Registers @n names in one round trip: all of them, or none, and then nobody has seen one. 0; -EEXIST one of
 * them is taken; -EINVAL (also if one is there twice); -EMSGSIZE more than 16,384; -ESRCH an actor that is
 * none of this group; else as actor_register(). Source: gproc:mreg.
 */
ACTOR_EXPORT int actor_register_all(actor *self, const struct actor_name *names, size_t n);
/*
 * A name that an actor of this group has leads to @who, another one of it, from now on. Whoever looks finds
 * one of the two at each moment, and whoever watches is told once. 0, -ESRCH no actor of this group has the
 * name, or @who is none; -ENOTCONN, -ETIMEDOUT: it is back with who had it. Source: gproc:give_away.
 */
ACTOR_EXPORT int actor_name_replace(actor *self, const char *name, actor_ref who);
/* 0, -ESRCH when it is not its own. */
ACTOR_EXPORT int actor_unregister(actor *self, const char *name);
/* 0, -ESRCH. Answered from a cache that the broker keeps current; asks it the first time (parks). */
ACTOR_EXPORT int actor_whereis(actor *self, const char *name, actor_ref *ret);
/* Waits until somebody has it: 0, -ETIMEDOUT. @timeout_ms: at most a day; or ACTOR_TIMEOUT_DEFAULT. */
ACTOR_EXPORT int actor_whereis_wait(actor *self, const char *name, int64_t timeout_ms, actor_ref *ret);

/*
 * Patterns of names. "" or NULL: all. Without one of * ? [ \ a pattern is a prefix. With one of them it is for
 * the whole name: * any characters, ? one character, [abc] [a-z] [!a-z] one of a set, \ takes the meaning of
 * the next. So "app" and "app*" are the same, and "\app" is that name alone. At most 255 bytes.
 */
/* What is registered now and fits, in order: "[[name, ref] …]". */
ACTOR_EXPORT int actor_names(actor *self, const char *pattern, actor_msg **ret);
/*
 * actor_names_watch() - on_name of this actor for each change of a name that fits, from now on
 *
 * @ret_snapshot: what is there now, as of actor_names(). NULL: it comes as events, registered, before
 * all others. Nothing is missed between it and the first event, and each event comes once. Also over a
 * restart of the broker: then what has really changed meanwhile is told. Without memory to tell it of a
 * change, this actor is killed. 0, -EINVAL, -EDQUOT (64 watches of one process), -ENOTCONN, -ETIMEDOUT,
 * -ENOMEM.
 */
ACTOR_EXPORT int actor_names_watch(
	actor *self, const char *pattern, uint64_t *ret_watch, actor_msg **ret_snapshot);
/* No on_name of it comes after this. True when it was one of this actor. */
ACTOR_EXPORT bool actor_names_unwatch(actor *self, uint64_t watch);

#ifdef __cplusplus
}
#endif

#endif

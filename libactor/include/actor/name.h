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
 * A name is unique on the node. The actor gives its name back when it ends, before its monitors hear of its
 * end. Returns 0 (also when the actor has the name already); -EEXIST; -EINVAL; -EPERM (names that begin with
 * $); -ENOTCONN; -ETIMEDOUT.
 */
ACTOR_EXPORT int actor_register(actor *self, const char *name);
/* A name, and the actor of this group that is to have it; nobody means the calling actor. */
struct actor_name {
	const char *name;
	actor_ref who;
};
/*
 * Registers @n names in one round trip: all of them or none. If none, then nobody has seen one of them
 * registered. Returns 0; -EEXIST when one of the names is taken; -EINVAL (also when a name is in @names
 * twice); -EMSGSIZE when @n is over 16,384; -ESRCH when one of the actors is not of this group; else as
 * actor_register(). Source: gproc:mreg.
 */
ACTOR_EXPORT int actor_register_all(actor *self, const struct actor_name *names, size_t n);
/*
 * From now on a name that an actor of this group has leads to @who, another actor of this group. A look-up
 * finds one of the two actors at each moment, and a watcher gets one event. Returns 0; -ESRCH when no actor
 * of this group has the name, or @who is no actor of this group; -ENOTCONN or -ETIMEDOUT, and then the former
 * owner has the name again. Source: gproc:give_away.
 */
ACTOR_EXPORT int actor_name_replace(actor *self, const char *name, actor_ref who);
/* Returns 0, or -ESRCH when this actor does not have the name. */
ACTOR_EXPORT int actor_unregister(actor *self, const char *name);
/*
 * Returns 0 or -ESRCH. The answer is from a cache that the broker keeps current; the first look-up of a name
 * asks the broker (parks).
 */
ACTOR_EXPORT int actor_whereis(actor *self, const char *name, actor_ref *ret);
/*
 * Waits until an actor has the name. Returns 0 or -ETIMEDOUT. @timeout_ms: at most a day, or
 * ACTOR_TIMEOUT_DEFAULT.
 */
ACTOR_EXPORT int actor_whereis_wait(actor *self, const char *name, int64_t timeout_ms, actor_ref *ret);

/*
 * Patterns of names. "" or NULL fits all names. A pattern without one of * ? [ \ is a prefix. A pattern with
 * one of them has to fit the whole name: * is any characters, ? one character, [abc] [a-z] [!a-z] one of a
 * set; \ makes the next character an ordinary one. So "app" and "app*" fit the same names, and "\app" fits
 * the name "app" alone. A pattern has at most 255 bytes.
 */
/* The names that are registered now and fit the pattern, in order: "[[name, ref] …]". */
ACTOR_EXPORT int actor_names(actor *self, const char *pattern, actor_msg **ret);
/*
 * actor_names_watch() - from now on, call on_name of this actor for each change of a name that fits
 *
 * @ret_snapshot: the present names, as of actor_names(). NULL: the present names come as `registered` events,
 * before all other events. No change is missed between the snapshot and the first event, and each event comes
 * once. This holds across a restart of the broker, too: the events afterwards are the real changes during the
 * restart. If there is no memory for an event, this actor is killed. Returns 0; -EINVAL; -EDQUOT (one process
 * has at most 64 watches); -ENOTCONN; -ETIMEDOUT; -ENOMEM.
 */
ACTOR_EXPORT int actor_names_watch(
	actor *self, const char *pattern, uint64_t *ret_watch, actor_msg **ret_snapshot);
/* After this no on_name of the watch comes. Returns true when the watch was one of this actor. */
ACTOR_EXPORT bool actor_names_unwatch(actor *self, uint64_t watch);

#ifdef __cplusplus
}
#endif

#endif

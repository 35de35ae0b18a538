/* SPDX-License-Identifier: Apache-2.0 */
/* actor/guest.h — spawning an actor in another group (a part of actor/actor.h) */
#ifndef ACTOR_GUEST_H
#define ACTOR_GUEST_H

#include <actor/behavior.h>
#include <actor/cause.h>
#include <actor/dest.h>
#include <actor/group.h>
#include <actor/types.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Lets all others spawn actors with @behavior in this group, by the name @name. Until a group has registered
 * a behavior, nobody else can spawn an actor there. Who may call an actor of the group may also spawn one (as
 * it may stop and kill one); see actor_group_options.guests_max for how many.
 *
 * The init of such an actor gets the arguments of its spawner as a const actor_msg *, which lives until init
 * returns: actor_msg_unpack() reads it, and actor_msg_sender() is the spawner. The actor has no parent
 * (actor_parent), and the end of its spawner means nothing to it, unless the two are linked.
 *
 * A second registration of a name replaces the first. @behavior must live as long as the group; @name is
 * copied. Returns 0; -EINVAL (a bad name or behavior); -ENOMEM; -E2BIG (see Structs in actor.h). Source:
 * Erlang's spawn/4 takes a module's name in this place.
 */
ACTOR_EXPORT int actor_behavior_register_sized(
	actor_group *group, const char *name, const struct actor_behavior *behavior, size_t behavior_bytes);
static inline int actor_behavior_register(
	actor_group *group, const char *name, const struct actor_behavior *behavior)
{
	return actor_behavior_register_sized(group, name, behavior, sizeof(*behavior));
}

/*
 * Spawns an actor in the group of @where, with the behavior that was registered there as @behavior, and waits
 * for its init (the handler is parked meanwhile). @where: any actor of that group, its name, a member of a
 * process group, or the group itself (a ref with serial 0); the caller's own group, too. @format and what
 * follows are the arguments for init, as of a cast; they may be nested 63 deep. *ret (may be NULL) gets the
 * ref. After a refusal *ret_why (may be NULL) gets the error's name as `reason`, and its `text`.
 *
 * Returns 0; or, and then no actor was left behind:
 *   -ENOENT      `unknown_behavior`: the group has registered no such behavior, or (`no_method`) spawns none
 *   the errno that init returned; `init_failed` in *ret_why, whose text begins with the errno's name. The
 *                actor's names are free then. -ECANCELED: the actor was ended meanwhile
 *   -EBUSY       `overloaded`: the group has too many such actors, or no memory
 *   -ESHUTDOWN   the group stops
 *   -ESRCH       no such group, actor, name or member
 *   -EINVAL, -EMSGSIZE, -ENOMEM, -ENOTCONN; -EREMOTEIO for any other refusal
 * It is not known whether the actor exists after
 *   -ETIMEDOUT, -ECANCELED (the caller was killed), -ECONNRESET (the group ended, or its link was lost)
 *
 * An actor whose spawner gave up or ended before the answer came goes on, unless the two are to be linked:
 * then it gets an exit signal, with the reason `abandoned` after a time-out. Source: Erlang's spawn_request
 * and spawn_request_abandon.
 */
ACTOR_EXPORT int actor_spawn_at(actor *self, actor_dest where, const char *behavior, int64_t timeout_ms,
	actor_ref *ret, struct actor_cause *ret_why, const char *format, ...);
/*
 * The same, and the two are linked (see Links in monitor.h) when the function returns 0. The spawner's end is
 * a signal for the new actor already while init runs. If the new actor ends right after its init, one exit
 * signal comes, with the true cause.
 */
ACTOR_EXPORT int actor_spawn_at_link(actor *self, actor_dest where, const char *behavior, int64_t timeout_ms,
	actor_ref *ret, struct actor_cause *ret_why, const char *format, ...);
/*
 * The same, and the new actor is monitored when the function returns 0. If it ends right after its init, one
 * on_down comes, with the true cause.
 */
ACTOR_EXPORT int actor_spawn_at_monitor(actor *self, actor_dest where, const char *behavior,
	int64_t timeout_ms, actor_ref *ret, uint64_t *ret_monitor, struct actor_cause *ret_why,
	const char *format, ...);

#ifdef __cplusplus
}
#endif

#endif

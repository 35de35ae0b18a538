/* SPDX-License-Identifier: Apache-2.0 */
/* actor/life.h — spawning in other ways, draining, waiting for ends, children (a part of actor/actor.h) */
#ifndef ACTOR_LIFE_H
#define ACTOR_LIFE_H

#include <actor/behavior.h>
#include <actor/cause.h>
#include <actor/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- spawning ---- */

struct actor_spawn_options {
	const void *arg; /* for init */
	/*
	 * Not 0: init gets a copy of so many bytes, which lives until init returns. Otherwise init gets @arg
	 * itself.
	 */
	size_t arg_bytes;
	bool link; /* as actor_spawn_link() */
	/*
	 * The child ends with its parent. When the parent ends (by a stop, an exit signal, a drain or its own
	 * fault), it first runs its own terminate, and then stops these children with the reason shutdown,
	 * one after the other, the youngest first. Each may take the stop_timeout_ms of its behavior, and is
	 * then killed. The parent's names are given back, and its end is told, when these children are over.
	 * A kill of the parent, also while it ends, kills these children in the same order. A child that
	 * drains (actor_drain) is not stopped, and outlives its parent. The end of the group (TERM,
	 * actor_group_stop) leaves these children to their parents. Source: OTP's shutdown of a supervisor.
	 */
	bool owned;
	/*
	 * The function does not wait, and init runs later. If init fails, the child ends with the reason
	 * "crash: <errno>", which a monitor (DOWN) or a link (exit signal) tells. Messages that are sent
	 * before wait in the mailbox. @arg has to live until init has run, or be copied (arg_bytes). Source:
	 * ractor's spawn_instant.
	 */
	bool instant;
	/*
	 * How long init may take. After that the child is killed; when it is over and its names are free, the
	 * function returns -ETIMEDOUT. 0: as long as it takes. Not for an instant spawn (-EINVAL).
	 */
	int64_t start_timeout_ms;
};

/*
 * actor_spawn() with options. @options NULL: none. @ret_monitor not NULL: the child is monitored from its
 * first step, as by actor_spawn_monitor(). Returns what actor_spawn() returns.
 */
ACTOR_EXPORT int actor_spawn_with_sized(actor *self, const struct actor_behavior *behavior,
	size_t behavior_bytes, const struct actor_spawn_options *options, size_t options_bytes,
	actor_ref *ret, uint64_t *ret_monitor);
static inline int actor_spawn_with(actor *self, const struct actor_behavior *behavior,
	const struct actor_spawn_options *options, actor_ref *ret, uint64_t *ret_monitor)
{
	return actor_spawn_with_sized(
		self, behavior, sizeof(*behavior), options, sizeof(*options), ret, ret_monitor);
}

/* ---- ends ---- */

/*
 * Waits until an actor, or a process (serial 0), has ended; its names are free then, or the actor that its
 * supervisor has started in its place has them. *ret_cause (may be NULL) gets the cause: noproc when it had
 * ended before, noconnection when its group is out of reach. A stop of the caller does not end the wait; a
 * kill or an exit signal does. So an actor that waits for the end of who owns or supervises it waits until
 * it is killed. Returns 0; -ETIMEDOUT; -ECANCELED; -EDEADLK for the caller itself or its process; -EINVAL
 * outside a handler; else as actor_monitor().
 */
ACTOR_EXPORT int actor_wait(actor *self, actor_ref who, int64_t timeout_ms, struct actor_cause *ret_cause);
/*
 * The actor takes no casts and calls any more, handles those that wait, and then ends: terminate runs, the
 * reason is normal. Until then a cast or call of its own group gets -ESHUTDOWN, a call from another group too
 * (the error `closing`), and a cast from another group is a dead letter. This holds for its own casts to
 * itself as well. What comes after the drain from its timers, requests and monitors is not handled. A stop or
 * a kill ends it earlier. Calls that it keeps (actor_from_keep) are answered `down` at its end, if it has not
 * answered them. The actor keeps its names and memberships until its end, so it may first leave its process
 * groups. A second drain does nothing. Messages that are still put aside (actor_stash) at the end are lost as
 * at any end. A supervised actor that was drained has ended as normal: its supervisor starts a permanent one
 * again. Returns as actor_stop().
 */
ACTOR_EXPORT int actor_drain(actor *self, actor_ref who);
/*
 * The same as actor_stop(), actor_kill() and actor_drain(), and then actor_wait(). After -ETIMEDOUT the actor
 * goes on ending.
 */
ACTOR_EXPORT int actor_stop_and_wait(
	actor *self, actor_ref who, const char *reason, int64_t timeout_ms, struct actor_cause *ret_cause);
ACTOR_EXPORT int actor_kill_and_wait(
	actor *self, actor_ref who, int64_t timeout_ms, struct actor_cause *ret_cause);
ACTOR_EXPORT int actor_drain_and_wait(
	actor *self, actor_ref who, int64_t timeout_ms, struct actor_cause *ret_cause);

/* ---- status ---- */

enum actor_life {
	ACTOR_LIFE_DEAD,      /* it has ended, or never was */
	ACTOR_LIFE_STARTING,  /* init has not returned, or a supervisor has not yet got all children up */
	ACTOR_LIFE_RUNNING,   /* it handles messages, or waits for some */
	ACTOR_LIFE_PARKED,    /* its handler waits: for an answer, for room, for time */
	ACTOR_LIFE_SUSPENDED, /* it begins no message (`actorctl suspend`) */
	ACTOR_LIFE_DRAINING,  /* actor_drain() */
	ACTOR_LIFE_STOPPING,  /* asked to end, or ending: it has not told its monitors yet */
};

/*
 * The status of an actor, as an enum actor_life; the latest in the list above that fits. For an actor of this
 * group it is read at once, without a message, also outside a handler. For an actor of another group the
 * handler is parked for a call that the runtime there answers at once (`$sys_status`), whatever the actor
 * does; the answer may be out of date when it comes. @timeout_ms: for that call. Returns the status; -EINVAL
 * (@who is nobody or a process; an actor of another group outside a handler); for an actor of another group
 * also -ETIMEDOUT, -ECONNRESET (it is not known), -ECANCELED, -ENOTCONN. Source: ractor's get_status().
 */
ACTOR_EXPORT int actor_status(actor *self, actor_ref who, int64_t timeout_ms);
/* The word of a status, in lower case; "?" for other numbers. */
ACTOR_EXPORT const char *actor_life_word(int life);

/* ---- children ---- */

/*
 * An actor's children are the living actors that it has spawned in its group, by any function. Those that
 * were not spawned as `owned` go on when their parent has ended, and then have no parent. The children of a
 * supervisor are no children in this sense, and have no parent: actor/supervisor.h lists and ends them.
 */
/* The actor that spawned this one; nobody: the program or another group did, or it has ended. */
ACTOR_EXPORT actor_ref actor_parent(const actor *self);
/* Writes the first @max children, the oldest first, and returns how many there are. */
ACTOR_EXPORT size_t actor_children(const actor *self, actor_ref *ret, size_t max);
/* Ask all children to end, the youngest first, and do not wait. Return the number of children. */
ACTOR_EXPORT size_t actor_stop_children(actor *self, const char *reason);
ACTOR_EXPORT size_t actor_drain_children(actor *self);
ACTOR_EXPORT size_t actor_kill_children(actor *self);
/* Waits until no child is left. @timeout_ms is for all together. Returns 0 or as actor_wait(). */
ACTOR_EXPORT int actor_wait_children(actor *self, int64_t timeout_ms);
/*
 * End all children, one after the other: the youngest first, each when the one before is over. So a child may
 * use its older siblings until it has ended. @timeout_ms is for all together. When it is over, all others are
 * asked, too, and the result is -ETIMEDOUT.
 */
ACTOR_EXPORT int actor_stop_children_and_wait(actor *self, const char *reason, int64_t timeout_ms);
ACTOR_EXPORT int actor_drain_children_and_wait(actor *self, int64_t timeout_ms);
ACTOR_EXPORT int actor_kill_children_and_wait(actor *self, int64_t timeout_ms);

#ifdef __cplusplus
}
#endif

#endif

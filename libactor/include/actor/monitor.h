/* SPDX-License-Identifier: Apache-2.0 */
/* actor/monitor.h — monitors, links, exit signals (a part of actor/actor.h) */
#ifndef ACTOR_MONITOR_H
#define ACTOR_MONITOR_H

#include <actor/behavior.h>
#include <actor/types.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The actor gets one on_down, exactly once, also when @who is dead already (noproc) or the link to its group
 * is lost (noconnection). serial 0 means the process of that group; a monitor of the actor's own process
 * never goes off. Returns 0; -EINVAL; -ENOMEM; -ENOTCONN. A monitor of a process may also return -ETIMEDOUT
 * (the spawner has not answered for 5 s), -ENOTCONN (the spawner was away for 5 s), or -EREMOTEIO (the
 * spawner refused). After a negative result no on_down comes, and @who may be alive or not.
 */
ACTOR_EXPORT int actor_monitor(actor *self, actor_ref who, uint64_t *ret_monitor);
/* After this no on_down of the monitor comes. Returns true when the monitor had not gone off. */
ACTOR_EXPORT bool actor_demonitor(actor *self, uint64_t monitor);

/*
 * Links. Two linked actors end together: when one ends, the other gets an *exit signal* with the cause. Two
 * actors have at most one link. A link goes both ways, whichever of the two made it, and may cross processes.
 * The signal comes after the last message of the ended actor, and when the names of that actor are free.
 *
 *   signal                            receiver                receiver that traps exits
 *   a link ended: normal              nothing                 on_exit
 *   a link ended: any other reason    ends with that reason   on_exit
 *   actor_exit: normal, from another  nothing                 on_exit
 *   actor_exit: kill                  is killed               is killed
 *   actor_exit: any other reason      ends with that reason   on_exit
 *
 * An actor that a signal ends does two things: whatever it waits in ends with -ECANCELED, and then its
 * terminate runs, so that the actor can give back what it holds (Erlang runs no terminate here). actor_main
 * counts such an end as a failure, unless the reason is shutdown. An actor that was killed has ended with the
 * reason killed, which the linked actors can trap. If the peer's process is out of reach, the reason is
 * noconnection; if the peer is dead already, the reason is noproc. Source: Erlang's link/1, exit/2.
 *
 * Returns 0, also when the two are linked already; -EINVAL (@who is nobody, or a process: link with an actor
 * of the process instead); -ENOMEM; -ENOTCONN; -ECANCELED in terminate.
 */
ACTOR_EXPORT int actor_link(actor *self, actor_ref who);
/*
 * After this no exit signal of the link comes, even if the link has ended already. Returns true when the two
 * were linked.
 */
ACTOR_EXPORT bool actor_unlink(actor *self, actor_ref who);
/*
 * Chooses whether exit signals come to on_exit. Returns whether they came to on_exit before, or -EINVAL when
 * the actor has no on_exit.
 */
ACTOR_EXPORT int actor_trap_exit(actor *self, bool trap);
/*
 * Sends an exit signal. @reason: NULL is "normal"; the receiver gets at most 63 bytes of the reason. Returns
 * 0; -ESRCH when this group has no such actor; else as actor_link().
 */
ACTOR_EXPORT int actor_exit(actor *self, actor_ref who, const char *reason);

#ifdef __cplusplus
}
#endif

#endif

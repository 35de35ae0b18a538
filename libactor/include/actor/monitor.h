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
 * One on_down, exactly once, also when @who is dead already (noproc) or its link is lost (noconnection).
 * serial 0: the process of that group; a monitor of the own process never goes off. 0, -EINVAL, -ENOMEM,
 * -ENOTCONN; of a process also -ETIMEDOUT (the spawner has not answered for 5 s), -ENOTCONN (it was away for
 * so long), -EREMOTEIO (it refused). When it is not 0, nothing is said about @who, and no on_down comes.
 */
ACTOR_EXPORT int actor_monitor(actor *self, actor_ref who, uint64_t *ret_monitor);
/* No on_down of it comes after this. True when it had not gone off. */
ACTOR_EXPORT bool actor_demonitor(actor *self, uint64_t monitor);

/*
 * Links. Two actors that are linked end together: when one ends, the other gets an *exit signal* with the
 * cause. There is one link at most between two; it goes both ways, whoever made it, over processes as well. A
 * signal comes after the last message of who ended, when its names are free.
 *
 *   signal                            receiver                receiver that traps exits
 *   a link ended: normal              nothing                 on_exit
 *   a link ended: any other reason    ends with that reason   on_exit
 *   actor_exit: normal, from another  nothing                 on_exit
 *   actor_exit: kill                  is killed               is killed
 *   actor_exit: any other reason      ends with that reason   on_exit
 *
 * To end here means: what the actor waits in ends with -ECANCELED, then terminate runs, so that what it holds
 * is given back (Erlang runs none). The end is that of a failure for actor_main, unless the reason is
 * shutdown. An actor that was killed ended with the reason killed, which can be trapped. If the peer's
 * process is out of reach, the reason is noconnection; if the peer is dead already, noproc. Source: Erlang's
 * link/1, exit/2.
 *
 * 0, also when they are linked already; -EINVAL (nobody, or a process: link with an actor of it), -ENOMEM,
 * -ENOTCONN, -ECANCELED in terminate.
 */
ACTOR_EXPORT int actor_link(actor *self, actor_ref who);
/* No exit signal of the link comes after this, also if it has ended already. True when they were linked. */
ACTOR_EXPORT bool actor_unlink(actor *self, actor_ref who);
/* Whether exit signals come to on_exit. Return: whether they did before, or -EINVAL: it has no on_exit. */
ACTOR_EXPORT int actor_trap_exit(actor *self, bool trap);
/*
 * Sends an exit signal. @reason: NULL is "normal"; at most 63 bytes of it are told. 0; -ESRCH no such actor
 * here; else as actor_link().
 */
ACTOR_EXPORT int actor_exit(actor *self, actor_ref who, const char *reason);

#ifdef __cplusplus
}
#endif

#endif

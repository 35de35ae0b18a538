/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actor/stash.h — messages for later, and another behavior (a part of actor/actor.h)
 *
 * An actor that waits for something (a connection, an answer) puts aside the messages that it cannot handle
 * yet, and takes all of them back when it can:
 *
 *   static int connecting_query(actor *self, const actor_msg *msg, actor_from *from)
 *   {
 *           return actor_stash(self, msg) < 0 ? actor_reply_error(from, "overloaded", "not connected") : 0;
 *   }
 *
 *   static int connecting_connected(actor *self, const actor_msg *msg)
 *   {
 *           actor_unstash_all(self);
 *           return actor_become(self, &connected);
 *   }
 *
 * Thread rules: as everywhere, only in handlers of this actor. Cost: an actor that does not use this pays
 * nothing; putting aside allocates once, not for each message.
 *
 * Source: Akka's Stash and become; gen_statem's postpone.
 */
#ifndef ACTOR_STASH_H
#define ACTOR_STASH_H

#include <actor/behavior.h>
#include <actor/message.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * actor_stash() - puts the message that is being handled aside
 * @msg: the message of the running handler (a cast or a call)
 *
 * The handler then returns 0 and does not answer; a call keeps its caller waiting, and its deadline goes on.
 * The message counts for the mailbox as long as it is put aside, so that senders are held back as ever. At
 * most half of the mailbox (in messages, and in bytes) can be put aside, so that the actor can still get the
 * message for which it waits. A cast of a timer or of a descriptor becomes a plain cast: to cancel the timer
 * does not take it back. When the actor ends, calls that are put aside are answered `down`. A call whose
 * caller gives up meanwhile is not handled any more.
 *
 * Returns 0, also a second time; -EINVAL when @msg is not the message of the running handler; -EALREADY when
 * the call was answered, or an item of its stream was sent, or its address kept; -EBUSY when no more can be
 * put aside; -ENOMEM. After a failure nothing has changed, and the handler goes on with the message.
 */
ACTOR_EXPORT int actor_stash(actor *self, const actor_msg *msg);
/*
 * Puts all messages that were put aside before those that wait in the mailbox, in the order in which they
 * came. They are handled after the running handler. Returns their number.
 */
ACTOR_EXPORT int actor_unstash_all(actor *self);

/*
 * actor_continue() - the actor handles a cast of its own before all messages that wait
 *
 * The cast @method comes right after the running handler (in init: before the first message, and after
 * post_start). Several casts of one handler come in the order of these calls. They wait in no full mailbox,
 * and are handled also while the actor drains. A stop, an exit signal or a kill goes before them, and they
 * are lost with it. An actor that continues in each such cast handles no message any more. Source: OTP's
 * {continue, Term}, and handle_continue.
 *
 * Returns 0; -EINVAL outside a handler of @self, in terminate, or for a bad method or format; -EPROTO,
 * -EMSGSIZE (as actor_cast); -ENOMEM.
 */
ACTOR_EXPORT int actor_continue(actor *self, const char *method, const char *format, ...);

/*
 * actor_become() - the actor goes on with another behavior
 *
 * The running handler is finished; from the next message on @behavior handles everything: methods, DOWNs,
 * exits, timers, the end. init is not run. What the actor has stays: ref, names, state (the same memory),
 * monitors, links, timers, memberships, mailbox with its limits, messages that wait or are put aside. The
 * actor traps exits if @behavior has on_exit. @behavior must live as long as the group.
 *
 * Returns 0; -EINVAL when the caller is not a handler of @self, when @behavior has another state_size than
 * the behavior that it replaces, or needs a larger stack than the actor has; -ENOMEM, -E2BIG (see Structs in
 * actor.h).
 */
ACTOR_EXPORT int actor_become_sized(
	actor *self, const struct actor_behavior *behavior, size_t behavior_bytes);
static inline int actor_become(actor *self, const struct actor_behavior *behavior)
{
	return actor_become_sized(self, behavior, sizeof(*behavior));
}

#ifdef __cplusplus
}
#endif

#endif

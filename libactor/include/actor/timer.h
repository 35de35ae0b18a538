/* SPDX-License-Identifier: Apache-2.0 */
/* actor/timer.h — timers (a part of actor/actor.h) */
#ifndef ACTOR_TIMER_H
#define ACTOR_TIMER_H

#include <actor/dest.h>
#include <actor/types.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Timers. Times are of CLOCK_MONOTONIC, in milliseconds from the call on; what is due comes never early, and
 * late only as its actor or this process is busy. A timer is its actor's: it is over when that ends, also if
 * it is for another. The casts of timers are not held back by a full mailbox. There may be millions: one
 * costs some 150 bytes, and making, cancelling and firing it cost the same however many there are. 0; -EINVAL
 * (a time or a name that is none; an actor that is ending); -ENOMEM, -EMSGSIZE. @ret_timer: its number, never
 * used again; may be NULL. Source: erlang:send_after/3, timer:send_interval/3, ractor's time module.
 */

/* A cast to itself later. */
ACTOR_EXPORT int actor_send_after(
	actor *self, int64_t delay_ms, const char *method, uint64_t *ret_timer, const char *format, ...);
/*
 * A cast to whoever @to says when the time is over, from this actor. An actor of this group, given by its
 * ref, has it then. To any other it is sent in this actor's turn, as actor_cast() would (which may park this
 * actor); so it waits while this actor is in a handler. If it cannot be sent then, it is counted as dropped.
 */
ACTOR_EXPORT int actor_send_after_to(actor *self, int64_t delay_ms, actor_dest to, const char *method,
	uint64_t *ret_timer, const char *format, ...);
/*
 * actor_send_interval() - a cast to itself every @period_ms, until it is cancelled
 * The k-th tick is due at the start + k * period_ms, however late those before it were handled: it does not
 * drift. While a tick waits in the mailbox (or, if this process is late, is not in it yet) those that become
 * due are merged with it: they are one cast, and the next one comes at the next multiple of the period. So a
 * slow actor finds at most one tick. actor_timer_merged() says how many were merged with others so far; it is
 * 0 of what is no interval.
 */
ACTOR_EXPORT int actor_send_interval(
	actor *self, int64_t period_ms, const char *method, uint64_t *ret_timer, const char *format, ...);
/* The same to @to, as actor_send_after_to(). Over when @to is the ref of one of this group that has ended. */
ACTOR_EXPORT int actor_send_interval_to(actor *self, int64_t period_ms, actor_dest to, const char *method,
	uint64_t *ret_timer, const char *format, ...);
ACTOR_EXPORT uint64_t actor_timer_merged(actor *self, uint64_t timer);
/*
 * actor_stop() (no exit signal) and actor_kill() of @who later: itself, or any actor anywhere. Also while
 * this actor is parked in a handler; so a limit for a whole handler is a kill of itself. @reason: at most 255
 * bytes; NULL: "normal".
 */
ACTOR_EXPORT int actor_exit_after(
	actor *self, actor_ref who, int64_t delay_ms, const char *reason, uint64_t *ret_timer);
ACTOR_EXPORT int actor_kill_after(actor *self, actor_ref who, int64_t delay_ms, uint64_t *ret_timer);
/*
 * actor_idle_after() - a cast of @method, without arguments, to itself when nothing has come for @idle_ms
 * Counted from the end of its last handler (or init). Every message counts, also timers and on_down; waiting
 * in a handler is not idle. It comes again after each further @idle_ms in which nothing comes. ACTOR_FOREVER:
 * none any more. A call replaces the one before, and a cast of that one that was not handled yet does not
 * come. Source: the time-out that a gen_server's callback returns; here it stays until it is changed.
 */
ACTOR_EXPORT int actor_idle_after(actor *self, int64_t idle_ms, const char *method);
/*
 * No cast of it to this actor comes after this, not even one that waits in the mailbox already. True when it
 * was still to come, or is an interval. False: it was handled, sent, cancelled, or is not of this actor.
 */
ACTOR_EXPORT bool actor_timer_cancel(actor *self, uint64_t timer);
/*
 * The same, and says how many milliseconds were left until it (an interval: its next tick) would have been
 * due: rounded up; 0 also if its cast waits to be handled. -ESRCH where the other says false.
 */
ACTOR_EXPORT int64_t actor_timer_cancel_left(actor *self, uint64_t timer);
/* How many are left, INT64_MAX if it is never due; nothing is cancelled. */
ACTOR_EXPORT int64_t actor_timer_left(actor *self, uint64_t timer);
/* Parks this actor. 0, -ECANCELED (killed). */
ACTOR_EXPORT int actor_sleep(actor *self, int64_t delay_ms);

#ifdef __cplusplus
}
#endif

#endif

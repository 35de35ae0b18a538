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
 * Timers. Times are in milliseconds of CLOCK_MONOTONIC, counted from the call. A timer never fires early; it
 * fires late only when its actor or this process is busy. A timer belongs to the actor that made it and is
 * over when that actor ends, even if the timer casts to another actor. A full mailbox does not hold back the
 * casts of timers. There may be millions of timers: a timer costs some 150 bytes, and the cost of making,
 * cancelling and firing it does not depend on their number.
 *
 * @ret_timer: the timer's number, never used again; may be NULL. The functions return 0; -EINVAL (an invalid
 * time or name, or an actor that is ending); -ENOMEM; -EMSGSIZE. Source: erlang:send_after/3,
 * timer:send_interval/3, ractor's time module.
 */

/* Casts to the calling actor later. */
ACTOR_EXPORT int actor_send_after(
	actor *self, int64_t delay_ms, const char *method, uint64_t *ret_timer, const char *format, ...);
/*
 * When the time is over, casts to the destination @to from this actor. If @to is the ref of an actor of this
 * group, that actor has the cast at once. To any other destination the cast is sent in this actor's turn, as
 * by actor_cast() (which may park this actor); so it is delayed while this actor is in a handler. A cast that
 * cannot be sent is counted as dropped.
 */
ACTOR_EXPORT int actor_send_after_to(actor *self, int64_t delay_ms, actor_dest to, const char *method,
	uint64_t *ret_timer, const char *format, ...);
/*
 * actor_send_interval() - cast to the calling actor every @period_ms, until the timer is cancelled
 *
 * The k-th tick is due at the start + k * period_ms, however late the ticks before it were handled, so the
 * ticks do not drift. If a tick still waits in the mailbox (or this process is late and has not put it there
 * yet), the ticks that become due are merged with it: together they are one cast, and the next one comes at
 * the next multiple of the period. So a slow actor finds at most one tick. actor_timer_merged() returns how
 * many ticks were merged into others so far, and 0 for a timer that is no interval.
 */
ACTOR_EXPORT int actor_send_interval(
	actor *self, int64_t period_ms, const char *method, uint64_t *ret_timer, const char *format, ...);
/*
 * The same to @to, as actor_send_after_to(). If @to is the ref of an actor of this group, the timer is over
 * when that actor ends.
 */
ACTOR_EXPORT int actor_send_interval_to(actor *self, int64_t period_ms, actor_dest to, const char *method,
	uint64_t *ret_timer, const char *format, ...);
ACTOR_EXPORT uint64_t actor_timer_merged(actor *self, uint64_t timer);
/*
 * actor_stop() (which is no exit signal) and actor_kill() of @who later. @who is the calling actor, or any
 * actor anywhere. The timer also fires while the calling actor is parked in a handler, so an actor can limit
 * the time of a whole handler by a kill of itself. @reason: at most 255 bytes; NULL: "normal".
 */
ACTOR_EXPORT int actor_exit_after(
	actor *self, actor_ref who, int64_t delay_ms, const char *reason, uint64_t *ret_timer);
ACTOR_EXPORT int actor_kill_after(actor *self, actor_ref who, int64_t delay_ms, uint64_t *ret_timer);
/*
 * actor_idle_after() - cast @method, without arguments, to the calling actor when nothing has come for
 * @idle_ms
 *
 * The time counts from the end of the actor's last handler (or init). Every message counts, timers and
 * on_down included. An actor that waits in a handler is not idle. The cast comes again after each further
 * @idle_ms in which nothing comes. ACTOR_FOREVER: no cast any more. A new call replaces the former one; a
 * cast of the former one that was not handled yet does not come. Source: the time-out that a gen_server's
 * callback returns; here it stays until it is changed.
 */
ACTOR_EXPORT int actor_idle_after(actor *self, int64_t idle_ms, const char *method);
/*
 * After this no cast of the timer comes to this actor, not even a cast that waits in the mailbox already.
 * Returns true when the cast was still to come, or the timer is an interval. Returns false when the cast was
 * handled or sent, or the timer was cancelled or is not of this actor.
 */
ACTOR_EXPORT bool actor_timer_cancel(actor *self, uint64_t timer);
/*
 * The same, but returns how many milliseconds were left until the timer (an interval: its next tick) was due,
 * rounded up; 0 also when its cast waits to be handled. Returns -ESRCH where actor_timer_cancel() returns
 * false.
 */
ACTOR_EXPORT int64_t actor_timer_cancel_left(actor *self, uint64_t timer);
/* The same number without cancelling the timer; INT64_MAX when the timer is never due. */
ACTOR_EXPORT int64_t actor_timer_left(actor *self, uint64_t timer);
/*
 * Parks this actor. Returns 0; -ECANCELED when the actor was killed; -ENOMEM when there is no memory for the
 * stack that a wait needs.
 */
ACTOR_EXPORT int actor_sleep(actor *self, int64_t delay_ms);

#ifdef __cplusplus
}
#endif

#endif

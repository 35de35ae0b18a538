/* SPDX-License-Identifier: Apache-2.0 */
/* actor/send.h — casts, calls, requests, answers (a part of actor/actor.h) */
#ifndef ACTOR_SEND_H
#define ACTOR_SEND_H

#include <actor/behavior.h>
#include <actor/dest.h>
#include <actor/message.h>
#include <actor/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * actor_cast() - send and go on
 *
 * Order: casts and calls from one actor to another arrive in the order sent. A cast to a dead actor, or to a
 * name nobody has, is lost and that is no error. -EBUSY after 5 s when the target's mailbox stays full, or
 * its group takes nothing (it is busy, or was never met and does not answer) and 256 KiB wait for it; 0 does
 * not mean it was handled. 0 means: it is written, in the order sent. It leaves this process soon (when the
 * handler returns, or waits, or after 64 KiB), and what has left is not lost while the target lives. What has
 * not left is lost when this process crashes: a handler's last casts too, if the handler crashes before it
 * returns. See actor_flush(). An orderly end (actor_main, actor_group_free, actor_client_free) flushes first.
 * Between groups of which one has a single link (ACTOR_JOIN_BROKER) casts go by the broker, and those in its
 * hands are lost if it crashes, or if the target's process reads nothing for 30 s, which the broker's log
 * says. Shape: wire frame `cast` (docs/protocol.md §3). Source: gen_server:cast/2.
 */
ACTOR_EXPORT int actor_cast(actor *self, actor_dest to, const char *method, const char *format, ...);
/* @take_args: an array of arguments; freed and set to NULL on 0. NULL: none. */
ACTOR_EXPORT int actor_cast_msg(actor *self, actor_dest to, const char *method, actor_msg **take_args);

/*
 * actor_flush() - wait until what this group has sent has left the process
 *
 * Sent means: the kernel has it for the other group, and keeps it for that group even when this process is
 * killed now. That includes first contact (the two groups are being introduced) and a full socket (the other
 * group does not read). For a group with a single link, and for what is sent to one, the kernel has it for
 * the broker.
 * @timeout_ms: or ACTOR_TIMEOUT_DEFAULT, ACTOR_FOREVER; 0: what can leave without waiting leaves, and the
 * result says if that was all. Only this actor waits (parks). Casts, calls, answers and all else of every
 * actor of this group is waited for, messages within the group are not. 0: all of it has left, or was for
 * groups that have ended. -ETIMEDOUT: some has not; the group's log says how many bytes for whom, and they go
 * on waiting in order. -ENOTCONN: some will never leave, because the daemon or the node is gone. -ECANCELED,
 * -ENOMEM, -EINVAL outside a handler of @self.
 */
ACTOR_EXPORT int actor_flush(actor *self, int64_t timeout_ms);

/*
 * actor_call() - ask and wait for the answer; only this actor waits
 *
 * @timeout_ms: or ACTOR_TIMEOUT_DEFAULT, ACTOR_FOREVER
 * @ret_msg: the reply; may be NULL. Set on 0 and on -EREMOTEIO (the named error); NULL otherwise. Ends
 * exactly once: 0, -EREMOTEIO, -ESRCH at once for a dead target, -ECONNRESET when it ends before answering,
 * -ETIMEDOUT, -EDEADLK, -ECANCELED. A late reply goes nowhere. Nothing is ever sent twice. Source:
 * gen_server:call/3. The time-out is for all of it: finding a name, waiting while the target's mailbox is
 * full (where a cast would be -EBUSY), the answer. -EDEADLK: a call to oneself, or to who waits for an answer
 * of the caller, of whom the caller is answering, and so on, in this and other processes, over up to 16
 * calls. A circle that is closed by a call still queued elsewhere is not seen and ends with the time-outs.
 */
ACTOR_EXPORT int actor_call(actor *self, actor_dest to, const char *method, int64_t timeout_ms,
	actor_msg **ret_msg, const char *format, ...);
ACTOR_EXPORT int actor_call_msg(actor *self, actor_dest to, const char *method, int64_t timeout_ms,
	actor_msg **take_args, actor_msg **ret_msg);

/*
 * actor_request() - ask, and go on; the answer comes later
 *
 * What actor_call() does, without the wait for the answer: it may wait until it can be sent, as a cast. The
 * answer, or why there is none, comes once: to whoever waits for it with actor_request_wait(), else to
 * on_reply of this actor, in the order of its messages. An actor without on_reply waits, or cancels: until
 * then the answer is kept. @timeout_ms is for all of it, as of a call; its end is an answer (-ETIMEDOUT) too.
 * A circle of requests is not seen. It is made once: if a member of a process group, or who had the name, has
 * ended before it came, the answer is -ESRCH, where a call is made to another. 0, *ret_request is its number,
 * never used again; else as actor_call(), and no answer comes. The actor's end forgets its requests. Source:
 * gen_server:send_request/2.
 */
ACTOR_EXPORT int actor_request(actor *self, actor_dest to, const char *method, int64_t timeout_ms,
	uint64_t *ret_request, const char *format, ...);
/* @take_args: freed and set to NULL on 0. */
ACTOR_EXPORT int actor_request_msg(actor *self, actor_dest to, const char *method, int64_t timeout_ms,
	actor_msg **take_args, uint64_t *ret_request);
/*
 * Waits for the first answer to one of @n requests, or to any of this actor (@n 0), and takes it: it does not
 * come to on_reply. 0, *ret is the answer, its msg to be freed; -ETIMEDOUT, they all go on; -ESRCH none of
 * them is open (taken, handled, cancelled, forwarded); -ECANCELED. To wait for all: call it until -ESRCH.
 */
ACTOR_EXPORT int actor_request_wait(actor *self, const uint64_t *requests, size_t n, int64_t timeout_ms,
	uint64_t *ret_request, struct actor_answer *ret);
/* No answer of it comes after this; what was asked is not called back. True when it was open. */
ACTOR_EXPORT bool actor_request_cancel(actor *self, uint64_t request);
/*
 * A request whose result is cast to @forward_to as the only argument of @forward_method. A failure of the
 * call comes to this actor, as the answer of the request. Source: ractor's call_and_forward.
 */
ACTOR_EXPORT int actor_call_and_forward(actor *self, actor_dest to, const char *method, int64_t timeout_ms,
	actor_ref forward_to, const char *forward_method, uint64_t *ret_request, const char *format, ...);

/*
 * actor_multicall() - ask several at once, and wait for all
 *
 * @answers: room for @n, filled in the order of @to, each exactly once. The time-out is for all together: a
 * target that has not answered by then is -ETIMEDOUT, and holds up no other one. Return: the number of
 * replies (r is 0), or -EINVAL, -ENOMEM, -ECANCELED: then no answer is set. actor_answers_clear() frees what
 * came. That two wait for each other in a circle is not seen here, unless it is a call to oneself: it ends
 * with the time-out. Source: gen_server:multi_call.
 */
ACTOR_EXPORT int actor_multicall(actor *self, const actor_dest *to, size_t n, const char *method,
	int64_t timeout_ms, struct actor_answer *answers, const char *format, ...);
/*
 * The same of all members of a process group, each once. *ret: @ret_n of them, freed with
 * actor_answers_free(); NULL if there is none.
 */
ACTOR_EXPORT int actor_pg_multicall(actor *self, const char *scope, const char *group, const char *method,
	int64_t timeout_ms, struct actor_answer **ret, size_t *ret_n, const char *format, ...);
ACTOR_EXPORT void actor_answers_clear(struct actor_answer *answers, size_t n);
ACTOR_EXPORT struct actor_answer *actor_answers_free(struct actor_answer *answers, size_t n);

/*
 * actor_reply() - answer a call, once
 *
 * 0: the caller has its answer, or a named error that says why it cannot be sent: `too_big` (more than
 * ACTOR_BODY_MAX_BYTES), `bad_result` (an `m`, `o` or message that is malformed or nested more than 64 deep),
 * `overloaded` (no memory, or 64 MiB of unread answers). So `return actor_reply(...)` never ends an actor by
 * what its data is. Negative: misuse, and the call is still open: -EINVAL (a format that is none, or not one
 * value), -EALREADY (answered before); -ESRCH: a kept address that is over, see actor_from_keep().
 */
ACTOR_EXPORT int actor_reply(actor_from *from, const char *format, ...);
/* @take_result: freed and set to NULL on 0. */
ACTOR_EXPORT int actor_reply_msg(actor_from *from, actor_msg **take_result);
/* @error: a name like "counter.bad_argument"; @text for people, printf-like. */
ACTOR_EXPORT int actor_reply_error(actor_from *from, const char *error, const char *text, ...)
	__attribute__((format(printf, 3, 4)));
/*
 * actor_from_keep() - answer after the handler has returned, with what is returned here; any actor of this
 * group may
 *
 * It is a handle, and is over when the call is answered, when actor_from_free() gave it up, or when the actor
 * that was called has ended (which answered `down`). What is over costs nothing and may be held for as long
 * as one likes: answering it is -ESRCH, freeing it does nothing. @from itself is valid until its handler
 * returns, no longer. NULL when out of memory, or answered already.
 */
ACTOR_EXPORT actor_from *actor_from_keep(actor_from *from);
ACTOR_EXPORT actor_from *actor_from_free(actor_from *kept);    /* unanswered: answers no_reply */
ACTOR_EXPORT actor_ref actor_from_ref(const actor_from *from); /* who asked; nobody when it is over */
/* How long the caller goes on waiting, rounded up; 0: no longer, or it is over; ACTOR_FOREVER. */
ACTOR_EXPORT int64_t actor_from_time_left_ms(const actor_from *from);

#ifdef __cplusplus
}
#endif

#endif

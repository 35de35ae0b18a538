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
 * actor_cast() - send a message without waiting for an answer
 *
 * Order: casts and calls from one actor to another arrive in the order in which they were sent. A cast to a
 * dead actor, or to a name that nobody has, is lost; the function then returns 0 all the same.
 *
 * Returns 0: the cast is written, in its order; the target has not necessarily handled it. -EBUSY after 5 s:
 * the target's mailbox stayed full, or the target's group takes nothing (it is busy, or it was never met and
 * does not answer) and 256 KiB wait for it.
 *
 * A written cast leaves this process soon: when the handler returns or waits, or after 64 KiB. A cast that
 * has left is not lost while the target lives. A cast that has not left is lost when this process crashes; so
 * a handler that crashes before it returns also loses its last casts. See actor_flush(). An orderly end
 * (actor_main, actor_group_free, actor_client_free) flushes first.
 *
 * If one of the two groups has a single link (ACTOR_JOIN_BROKER), their casts go through the broker. The
 * casts that the broker holds are lost when the broker crashes, and also when the target's process reads
 * nothing for 30 s; the broker's log then says so. Shape: wire frame `cast` (docs/protocol.md §3). Source:
 * gen_server:cast/2.
 */
ACTOR_EXPORT int actor_cast(actor *self, actor_dest to, const char *method, const char *format, ...);
/*
 * @take_args: an array of arguments; freed and set to NULL when the function returns 0. NULL: no arguments.
 */
ACTOR_EXPORT int actor_cast_msg(actor *self, actor_dest to, const char *method, actor_msg **take_args);

/*
 * actor_flush() - wait until what this group has sent has left the process
 *
 * A message has left when the kernel has it for the other group; the kernel keeps it even if this process is
 * killed now. The wait includes first contact (the two groups are being introduced) and a full socket (the
 * other group does not read). If this group or the other group has a single link, a message has left when the
 * kernel has it for the broker.
 *
 * Only this actor waits (it is parked). The wait covers casts, calls, answers and all else that any actor of
 * this group has sent to other groups; messages within the group do not count. @timeout_ms: or
 * ACTOR_TIMEOUT_DEFAULT, ACTOR_FOREVER. With 0 the function sends what can leave without waiting, and the
 * result says whether that was all.
 *
 * Returns 0: everything has left, or was for groups that have ended. -ETIMEDOUT: some bytes have not left;
 * the group's log says how many for whom, and they go on waiting in their order. -ENOTCONN: some bytes will
 * never leave, because the daemon or the node is gone. -ECANCELED; -ENOMEM; -EINVAL outside a handler of
 * @self.
 */
ACTOR_EXPORT int actor_flush(actor *self, int64_t timeout_ms);

/*
 * actor_call() - ask and wait for the answer; only this actor waits
 *
 * @timeout_ms: or ACTOR_TIMEOUT_DEFAULT, ACTOR_FOREVER. The time-out covers everything: finding a name,
 * waiting while the target's mailbox is full (where a cast would be -EBUSY), and the answer. @ret_msg: the
 * reply; may be NULL. Set on 0 and on -EREMOTEIO (the named error); NULL otherwise.
 *
 * A call ends exactly once. Returns 0; -EREMOTEIO; -ESRCH, at once, when the target is dead; -ECONNRESET when
 * the target ends before it answers; -ETIMEDOUT; -EDEADLK; -ECANCELED. A reply that comes after the end of
 * its call is dropped. The runtime never sends a message twice.
 *
 * -EDEADLK: the actor calls itself, or calls an actor that waits, directly or through other calls, for an
 * answer of the caller. A circle is found over up to 16 calls, in this and other processes. A circle whose
 * last call is still queued at its target is not found; the calls of such a circle end by their time-outs.
 * Source: gen_server:call/3.
 */
ACTOR_EXPORT int actor_call(actor *self, actor_dest to, const char *method, int64_t timeout_ms,
	actor_msg **ret_msg, const char *format, ...);
ACTOR_EXPORT int actor_call_msg(actor *self, actor_dest to, const char *method, int64_t timeout_ms,
	actor_msg **take_args, actor_msg **ret_msg);

/*
 * actor_request() - ask, and go on; the answer comes later
 *
 * A request is a call without the wait for its answer. The function itself may wait until the request can be
 * sent, like a cast. The answer, or the reason why there is none, comes exactly once: to
 * actor_request_wait(), if this actor waits in it for the request, else to on_reply of this actor, in the
 * order of its messages. If the actor has no on_reply, the answer is kept until the actor waits for it or
 * cancels the request. @timeout_ms: covers everything, as in a call. When the time is over, the answer is
 * -ETIMEDOUT.
 *
 * The runtime does not find circles of requests. When an actor ends, its requests are forgotten.
 *
 * Returns 0, and *ret_request is the request's number, which is never used again. Any other result is as of
 * actor_call(), and then no answer comes. Source: gen_server:send_request/2.
 */
ACTOR_EXPORT int actor_request(actor *self, actor_dest to, const char *method, int64_t timeout_ms,
	uint64_t *ret_request, const char *format, ...);
/* @take_args: freed and set to NULL when the function returns 0. */
ACTOR_EXPORT int actor_request_msg(actor *self, actor_dest to, const char *method, int64_t timeout_ms,
	actor_msg **take_args, uint64_t *ret_request);
/*
 * Waits for the first answer to one of @n requests, or to any request of this actor (@n 0), and takes the
 * answer: it does not come to on_reply. Returns 0, and *ret is the answer, whose msg the caller frees;
 * -ETIMEDOUT, and all the requests go on; -ESRCH when none of them is open (taken, handled, cancelled,
 * forwarded); -ECANCELED. To wait for all requests, call this function until it returns -ESRCH.
 */
ACTOR_EXPORT int actor_request_wait(actor *self, const uint64_t *requests, size_t n, int64_t timeout_ms,
	uint64_t *ret_request, struct actor_answer *ret);
/*
 * After this no answer to @request comes. The target hears of it (actor_call_cancelled()), and may still do
 * what it was asked for. Returns true when the request was open.
 */
ACTOR_EXPORT bool actor_request_cancel(actor *self, uint64_t request);
/*
 * A request whose result is cast to @forward_to, as the only argument of @forward_method. If the call fails,
 * the failure comes to this actor, as the answer of the request. Source: ractor's call_and_forward.
 */
ACTOR_EXPORT int actor_call_and_forward(actor *self, actor_dest to, const char *method, int64_t timeout_ms,
	actor_ref forward_to, const char *forward_method, uint64_t *ret_request, const char *format, ...);

/*
 * actor_multicall() - ask several actors at once, and wait for all answers
 *
 * @answers: room for @n, filled in the order of @to, each exactly once; actor_answers_clear() frees the
 * replies. @timeout_ms: covers all calls together. The answer of a target that has not answered by then is
 * -ETIMEDOUT; a slow target does not delay the others.
 *
 * Returns the number of replies (answers whose r is 0); or -EINVAL, -ENOMEM, -ECANCELED, and then no answer
 * is set. A call to oneself is found; other circles are not found and end by the time-out. Source:
 * gen_server:multi_call.
 */
ACTOR_EXPORT int actor_multicall(actor *self, const actor_dest *to, size_t n, const char *method,
	int64_t timeout_ms, struct actor_answer *answers, const char *format, ...);
/*
 * The same for all members of a process group, each asked once. *ret: @ret_n answers, freed with
 * actor_answers_free(); NULL if the process group has no member.
 */
ACTOR_EXPORT int actor_pg_multicall(actor *self, const char *scope, const char *group, const char *method,
	int64_t timeout_ms, struct actor_answer **ret, size_t *ret_n, const char *format, ...);
ACTOR_EXPORT void actor_answers_clear(struct actor_answer *answers, size_t n);
ACTOR_EXPORT struct actor_answer *actor_answers_free(struct actor_answer *answers, size_t n);

/*
 * actor_reply() - answer a call, once
 *
 * Returns 0: the caller has its answer, or a named error that says why the answer cannot be sent: `too_big`
 * (over ACTOR_BODY_MAX_BYTES), `bad_result` (an `m`, `o` or message that is malformed or nested more than 64
 * deep), `overloaded` (no memory, or 64 MiB of unread answers). So `return actor_reply(...)` never ends an
 * actor because of its data. A negative result is misuse, and the call is still open: -EINVAL (the format is
 * invalid, or does not make exactly one value); -EALREADY (answered before); -ESRCH (a kept address that is
 * over, see actor_from_keep()).
 */
ACTOR_EXPORT int actor_reply(actor_from *from, const char *format, ...);
/* @take_result: freed and set to NULL when the function returns 0. */
ACTOR_EXPORT int actor_reply_msg(actor_from *from, actor_msg **take_result);
/* @error: a name like "counter.bad_argument". @text: for people, a format as of printf. */
ACTOR_EXPORT int actor_reply_error(actor_from *from, const char *error, const char *text, ...)
	__attribute__((format(printf, 3, 4)));
/*
 * actor_from_keep() - keep the caller's address, to answer after the handler has returned
 *
 * Any actor of this group may answer with the returned handle. The handle is over when the call is answered,
 * when actor_from_free() gave the handle up, or when the called actor has ended (its end answered `down`). A
 * handle that is over costs nothing and may be held for any time: answering with it is -ESRCH, freeing it
 * does nothing. @from itself is valid only until its handler returns. Returns NULL when out of memory, or
 * when the call was answered already.
 */
ACTOR_EXPORT actor_from *actor_from_keep(actor_from *from);
ACTOR_EXPORT actor_from *actor_from_free(actor_from *kept); /* an open call is answered with `no_reply` */
ACTOR_EXPORT actor_ref actor_from_ref(
	const actor_from *from); /* the caller; nobody when the handle is over */
/*
 * How long the caller goes on waiting, rounded up; 0 when it waits no longer or the handle is over;
 * ACTOR_FOREVER.
 */
ACTOR_EXPORT int64_t actor_from_time_left_ms(const actor_from *from);

#ifdef __cplusplus
}
#endif

#endif

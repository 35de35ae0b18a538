/* SPDX-License-Identifier: Apache-2.0 */
/* actor/stream.h — streams of answers, and calls whose callers gave up (a part of actor/actor.h) */
#ifndef ACTOR_STREAM_H
#define ACTOR_STREAM_H

#include <actor/client.h>
#include <actor/dest.h>
#include <actor/message.h>
#include <actor/send.h>
#include <actor/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A stream is a call that is answered many times: any number of items, in order, and then the answer, which
 * is its end. It ends exactly once, as a call does: by actor_reply() (its value comes with the end), by
 * actor_reply_error(), by its time-out, or by the end of the callee or of the caller, whatever dies when.
 *
 * The caller's *window* bounds what is under way: the callee may be ahead of the caller by so many items and
 * so many bytes, and by one item more if that item is large; then it waits. So a slow caller makes nobody's
 * memory grow. Items are kept at the caller; they are not paused by a full mailbox, and go through the broker
 * if one of the groups has a single link. A callee that does not know streams answers at once: a stream
 * without items.
 */
#define ACTOR_STREAM_WINDOW_ITEMS 64u
#define ACTOR_STREAM_WINDOW_BYTES (256u << 10)

struct actor_stream_window {
	uint32_t items; /* 0: ACTOR_STREAM_WINDOW_ITEMS */
	uint32_t bytes; /* 0: ACTOR_STREAM_WINDOW_BYTES */
};

/* ---- for the caller ---- */

/*
 * actor_stream_open() - call, and take many answers
 *
 * As actor_request(): the function may wait until the call can be sent, and does not wait for what comes. A
 * process group or a name are asked once: there is no other member for a stream that came to nobody.
 * @timeout_ms: of the whole stream, so usually ACTOR_FOREVER. @window: {0} for the defaults.
 *
 * Returns 0, and *ret_stream is the number of the stream, which is never used again; or an error as of
 * actor_request(), and there is no stream. The end of the actor cancels its streams. Shape: wire frames
 * `call` with `stream`, `item`, `credit` (docs/protocol.md §3). Sources: HTTP/2's windows, Reactive Streams'
 * request(n).
 */
ACTOR_EXPORT int actor_stream_open(actor *self, actor_dest to, const char *method, int64_t timeout_ms,
	struct actor_stream_window window, uint64_t *ret_stream, const char *format, ...);
/*
 * actor_stream_next() - take the next item, or the end
 *
 * Only this actor waits (it is parked). Returns 1: *ret_msg is an item, one value. 0: the end; *ret_msg is
 * the value with which the callee ended the stream. -EAGAIN: nothing came within @timeout_ms (0: does not
 * wait), and the stream goes on. -ECANCELED: the actor was killed. -ESRCH: there is no such stream (any
 * more). -EINVAL: outside a handler of @self, or the stream has a function for its items. All else is an end
 * as of actor_call(), after all items that had come: -EREMOTEIO (*ret_msg is the named error), -ECONNRESET,
 * -ETIMEDOUT (the time of the whole stream), -ESRCH with the first call (nobody there), -EPROTO (items were
 * lost: a broker on the way does not know streams), -ENOMEM. After an end the stream is no more. The caller
 * frees *ret_msg, which is NULL otherwise.
 */
ACTOR_EXPORT int actor_stream_next(actor *self, uint64_t stream, int64_t timeout_ms, actor_msg **ret_msg);
/*
 * actor_stream_on_item() - have a function called for each item, in the order of this actor's messages
 *
 * @on_item: a handler of @self; @r is 1 and @item an item, or @r is what actor_stream_next() returns for an
 * end and @item its message or NULL. The runtime frees @item. A negative result ends the actor, as of every
 * handler. Returns 0; -ESRCH; -EINVAL; -ENOMEM.
 */
ACTOR_EXPORT int actor_stream_on_item(actor *self, uint64_t stream,
	int (*on_item)(actor *self, uint64_t stream, int r, actor_msg *item, void *arg), void *arg);
/* Drops the stream: nothing comes of it any more, and the callee is told. True: there was such a stream. */
ACTOR_EXPORT bool actor_stream_cancel(actor *self, uint64_t stream);

/* The same for a client, whose functions wait until they are done. */
ACTOR_EXPORT int actor_client_stream_open(actor_client *client, actor_dest to, const char *method,
	int64_t timeout_ms, struct actor_stream_window window, uint64_t *ret_stream, const char *format, ...);
/* @take_args: an array of arguments; freed and set to NULL when the function returns 0. NULL: none. */
ACTOR_EXPORT int actor_client_stream_open_msg(actor_client *client, actor_dest to, const char *method,
	int64_t timeout_ms, struct actor_stream_window window, actor_msg **take_args, uint64_t *ret_stream);
ACTOR_EXPORT int actor_client_stream_next(
	actor_client *client, uint64_t stream, int64_t timeout_ms, actor_msg **ret_msg);
ACTOR_EXPORT bool actor_client_stream_cancel(actor_client *client, uint64_t stream);

/* ---- for the callee ---- */

/* Whether the caller takes items. A method may answer other callers at once, by actor_reply() alone. */
ACTOR_EXPORT bool actor_from_wants_stream(const actor_from *from);
/*
 * actor_stream_send() - send one item of a stream
 *
 * @from: of the handled call, or a kept one. @format makes exactly one value. @timeout_ms: how long to wait
 * for credit, and until the link has sent what it has (only @self waits, it is parked). 0: does not wait;
 * if 64 MiB of answers then wait on the link, the stream ends `overloaded`. A handler that waits handles
 * nothing else, so an actor with several streams keeps their addresses and uses actor_stream_on_credit().
 *
 * Returns 0: the item is on its way, in order, before what is sent next. -EAGAIN: no credit, with @timeout_ms
 * 0. -ETIMEDOUT: no credit came in time. -EPIPE: nobody takes items any more (the caller gave up, its time is
 * over, its group or its link has ended); the handler should return. -EOPNOTSUPP: the caller takes no items.
 * -EALREADY, -ESRCH: as of actor_reply(). -EBUSY: another actor waits to send in this stream. -EINVAL;
 * -EMSGSIZE; -EPROTO; -ENOMEM; -ECANCELED.
 */
ACTOR_EXPORT int actor_stream_send(
	actor *self, actor_from *from, int64_t timeout_ms, const char *format, ...);
/* @take_value: one value; freed and set to NULL when the function returns 0. */
ACTOR_EXPORT int actor_stream_send_msg(
	actor *self, actor_from *from, int64_t timeout_ms, actor_msg **take_value);
/* Ends a stream with nil; actor_reply() ends it with a value, actor_reply_error() with a named error. */
static inline int actor_stream_end(actor_from *from)
{
	return actor_reply(from, "");
}
/*
 * Calls @credited, a handler of @self, when a stream goes on for which actor_stream_send() returned -EAGAIN.
 * @kept: a kept address of a call to @self. Returns 0; -EINVAL; -EOPNOTSUPP; -ESRCH; -ENOMEM.
 */
ACTOR_EXPORT int actor_stream_on_credit(
	actor *self, actor_from *kept, int (*credited)(actor *self, actor_from *from, void *arg), void *arg);

/*
 * actor_call_cancelled() - has the caller given up?
 *
 * True: nobody waits for the answer to this call, be it a stream or not: it was answered, its time is over,
 * its caller cancelled it (actor_request_cancel(), actor_stream_cancel()) or has ended. A handler that works
 * long may ask now and then, after a wait: what the caller says is heard while the handler waits
 * (actor_sleep(), actor_call()). A call that was cancelled in the mailbox is not handled. The answer to a
 * cancelled call goes nowhere; that to a call whose time is over counts if it comes before the caller looks
 * at its clock.
 */
ACTOR_EXPORT bool actor_call_cancelled(const actor_from *from);
/*
 * Calls @cancelled, a handler of @self, once, when the caller of the open call @kept gives up; at once if it
 * has. @kept: a kept address of a call to @self, which stays open. Returns 0; -EINVAL; -ESRCH; -ENOMEM.
 */
ACTOR_EXPORT int actor_call_on_cancel(
	actor *self, actor_from *kept, int (*cancelled)(actor *self, actor_from *from, void *arg), void *arg);

#ifdef __cplusplus
}
#endif

#endif

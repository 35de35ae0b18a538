/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actor/trace.h — traces: what one message causes, in whatever actors and processes
 *
 * A message may belong to a trace. Then all that its handler sends belongs to it too: casts, calls, requests
 * and what becomes of their answers (on_reply, actor_call_and_forward()), casts that a timer sends once, and
 * what a spawned actor sends in its init. The runtime carries the trace on, within a group and between
 * groups; a handler does nothing for it. Each message is a span, a number of its own, and names its parent:
 * the message that was handled when it was sent. So whoever sees the messages has the tree of causes.
 *
 * Nothing depends on a trace: it is for people, who see it with `actorctl trace` (docs/protocol.md §§3, 4).
 * Not carried on: by the ticks of an interval, which go on for ever; by what other threads post; by DOWNs,
 * exit signals, and what the runtime asks the broker. An actor that keeps a message's work for a later
 * handler keeps its trace with actor_trace_get(), and sets it again before it sends.
 *
 * Cost: an actor or message without a trace has no memory for one, and a branch.
 *
 * Source: OTP's seq_trace (labels that messages carry on), and the three ids of W3C's trace context.
 */
#ifndef ACTOR_TRACE_H
#define ACTOR_TRACE_H

#include <actor/actor.h>

#ifdef __cplusplus
extern "C" {
#endif

struct actor_trace {
	uint64_t id;     /* of the trace, not 0 */
	uint64_t span;   /* of the message that is handled; 0: none, the trace was begun in this handler */
	uint64_t parent; /* of the message that was handled when that one was sent; 0: none */
};

/*
 * actor_trace_start() - what this handler sends from now on belongs to a new trace
 * @id: of the trace; 0: one is chosen by chance, see actor_trace_get()
 *
 * Until the handler returns, or sets another one. The messages have no parent. 0; -EINVAL: @self is not in a
 * handler; -ENOMEM: all is as it was.
 */
ACTOR_EXPORT int actor_trace_start(actor *self, uint64_t id);
/*
 * actor_trace_get() - the trace that is carried on now
 * @ret: set if there is one; may be NULL
 *
 * False: there is none, in particular outside of handlers.
 */
ACTOR_EXPORT bool actor_trace_get(const actor *self, struct actor_trace *ret);
/*
 * actor_trace_set() - go on with a trace that actor_trace_get() gave, in this actor or another one
 * @trace: copied; NULL: what this handler sends from now on belongs to none
 *
 * Until the handler returns, or sets another one. 0; -EINVAL: @self is not in a handler, or the id is 0;
 * -ENOMEM: all is as it was.
 */
ACTOR_EXPORT int actor_trace_set(actor *self, const struct actor_trace *trace);

#ifdef __cplusplus
}
#endif

#endif

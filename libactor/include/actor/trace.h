/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actor/trace.h — traces: all that one message causes, across actors and processes
 *
 * A message may belong to a trace. Then all that its handler sends belongs to the trace, too: casts, calls,
 * requests and what their answers cause (on_reply, actor_call_and_forward()), casts that a timer sends once,
 * and what a spawned actor sends in its init. The runtime passes the trace on, within a group and between
 * groups; handlers need no code for this. Each message is a span with a number of its own, and names its
 * parent: the message whose handler sent it. So an observer that sees the messages has the tree of causes.
 *
 * No function depends on a trace. Traces are for people, who see them with `actorctl trace` (docs/protocol.md
 * §§3, 4). The trace is not passed on by the ticks of an interval (which go on for ever), by posts of other
 * threads, by DOWNs and exit signals, and by the runtime's own requests to the broker. An actor that puts off
 * the work of a message until a later handler keeps the trace with actor_trace_get(), and sets it again
 * before it sends.
 *
 * Cost: an actor or message without a trace has no memory for a trace, and costs one branch.
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
	uint64_t id;     /* the number of the trace, not 0 */
	uint64_t span;   /* of the handled message; 0: no span, the trace began in this handler */
	uint64_t parent; /* of the message whose handler sent the handled message; 0: none */
};

/*
 * actor_trace_start() - what this handler sends from now on belongs to a new trace @id: the number of the
 * trace; 0: the runtime chooses one at random, see actor_trace_get()
 *
 * The trace holds until the handler returns or sets another trace. The messages have no parent. Returns 0;
 * -EINVAL when @self is not in a handler; -ENOMEM. After an error nothing has changed.
 */
ACTOR_EXPORT int actor_trace_start(actor *self, uint64_t id);
/*
 * actor_trace_get() - the trace that what is sent now would belong to @ret: set if there is a trace; may be
 * NULL
 *
 * Returns false when there is none; outside of handlers there is never one.
 */
ACTOR_EXPORT bool actor_trace_get(const actor *self, struct actor_trace *ret);
/*
 * actor_trace_set() - go on with a trace that actor_trace_get() gave, in this actor or in another one @trace:
 * copied; NULL: what this handler sends from now on belongs to no trace
 *
 * The trace holds until the handler returns or sets another trace. Returns 0; -EINVAL when @self is not in a
 * handler, or the id is 0; -ENOMEM. After an error nothing has changed.
 */
ACTOR_EXPORT int actor_trace_set(actor *self, const struct actor_trace *trace);

#ifdef __cplusplus
}
#endif

#endif

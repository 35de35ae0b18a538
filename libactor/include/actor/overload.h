/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actor/overload.h — what happens to messages when there are too many, and dead letters
 *
 * By default nothing is lost: a full mailbox makes its senders wait (see actor_cast). Some actors would
 * rather lose messages than handle them late. Such an actor sets limits with this API. From then on a
 * sender's 0 means only that the message was handed over to the actor's limits. The messages that the limits
 * take away are counted by reason. The actor may hear of them (on_overload), an observer may
 * (actor_dead_letters), the group's log says when the loss begins, and `actorctl describe` shows the
 * counters. A lost call is answered with the error `overloaded`, whose text says when the caller should ask
 * again (actor_msg_retry_ms). Only a caller that has given up gets no answer.
 *
 * The limits apply to casts and calls from any sender. Timers, DOWNs, exit signals, events of descriptors, of
 * names and of process groups are neither counted nor lost. Nor are the runtime's own methods (which begin
 * with `$`), until 64 messages more than the limit wait.
 *
 * Cost: an actor without limits pays neither memory nor work for them.
 *
 * Source: ractor's factory (discard, rate limit), Meta's thrift servers ("Fail at Scale", B. Maurer, ACM
 * Queue 13-8: shedding by age).
 */
#ifndef ACTOR_OVERLOAD_H
#define ACTOR_OVERLOAD_H

#include <actor/actor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What happens to a message that comes to a full mailbox. */
enum actor_overflow {
	ACTOR_BLOCK, /* its sender waits: the default */
	/*
	 * The message is not taken. A sender in this group gets -EBUSY at once. A cast from another group is
	 * lost, because its sender has long gone on.
	 */
	ACTOR_REFUSE,
	ACTOR_DROP_NEWEST, /* the message is lost; its sender gets 0 */
	ACTOR_DROP_OLDEST, /* the message that has waited longest is lost, and the new one is taken */
};

/* Why a message was lost. */
enum actor_loss {
	ACTOR_LOST_NOT,
	ACTOR_LOST_REFUSED, /* the mailbox was full, with ACTOR_REFUSE */
	ACTOR_LOST_NEWEST,  /* the mailbox was full, with ACTOR_DROP_NEWEST */
	ACTOR_LOST_OLDEST,  /* the mailbox was full, with ACTOR_DROP_OLDEST */
	ACTOR_LOST_LATE,    /* the message had waited longer than max_wait_ms */
	ACTOR_LOST_CODEL,   /* CoDel: the message had waited for long, and so had all others */
	ACTOR_LOST_LIMITED, /* the message was over the rate */
	ACTOR_LOST_EXPIRED, /* a call whose caller has given up */
	/* The reasons below occur only in dead letters: */
	ACTOR_LOST_NOBODY, /* there is no such actor, or no longer */
	ACTOR_LOST_ENDED,  /* its actor ended before it handled the message */
};
#define ACTOR_LOSSES 16 /* leaves room for more reasons */

/* The limits of one actor. If all fields are zero, the actor has the default behavior. */
struct actor_overload {
	enum actor_overflow overflow;
	uint32_t max_messages; /* 0: those of the actor's behavior */
	uint32_t max_bytes;
	/*
	 * A message that has waited longer is lost when its turn comes. 0: a message may wait for ever. At
	 * most a day, like the other times.
	 */
	int64_t max_wait_ms;
	/*
	 * CoDel: if all messages of an interval have waited longer than this target, the queue is not a
	 * passing burst. Until that changes, a message that has waited for more than twice the target is
	 * lost. 0: no CoDel. For a service that answers in about a millisecond, 5 is a good value.
	 */
	int64_t codel_target_ms;
	int64_t codel_interval_ms; /* 0: 100 */
	/*
	 * The number of messages a second that are let in; 0: any number. After a pause, rate_burst (0: 1)
	 * messages may come at once. Further messages are not taken, whatever overflow says: a cast of this
	 * group is -EBUSY.
	 */
	uint32_t rate_per_s;
	uint32_t rate_burst;
};

/* What happened to the actor's messages. At each moment: received = handled + all of lost + queued. */
struct actor_overload_stats {
	enum actor_overflow overflow; /* this and the next line: the present limits */
	uint32_t max_messages, max_bytes;
	uint32_t queued; /* casts and calls that wait */
	uint64_t queued_bytes;
	uint64_t waited_us; /* how long the last message that left the mailbox had waited */
	uint64_t received;  /* since limits were first set, including the messages that waited then */
	uint64_t handled;   /* messages whose handling has begun */
	uint64_t lost[ACTOR_LOSSES];
};

/*
 * actor_overload() - set the limits of this actor from now on
 *
 * May be called in the actor's init and in any of its handlers. @limits: copied; NULL: the defaults. Counters
 * keep their values. Waiting senders go on when overflow is no longer ACTOR_BLOCK. Returns 0; -EINVAL for an
 * invalid value, a rate_burst without rate_per_s, or a codel_interval_ms without a target; -ENOMEM.
 */
ACTOR_EXPORT int actor_overload_sized(actor *self, const struct actor_overload *limits, size_t limits_bytes);
static inline int actor_overload(actor *self, const struct actor_overload *limits)
{
	return actor_overload_sized(self, limits, sizeof(*limits));
}
/* Returns 0, or -ENOENT when no limits were ever set. */
ACTOR_EXPORT int actor_overload_stats_sized(
	const actor *self, struct actor_overload_stats *ret, size_t ret_bytes);
static inline int actor_overload_stats(const actor *self, struct actor_overload_stats *ret)
{
	return actor_overload_stats_sized(self, ret, sizeof(*ret));
}

/*
 * actor_msg_retry_ms() - after how many milliseconds the caller of an `overloaded` call should ask again
 *
 * Returns -1 when @reply is not the error `overloaded`, or does not name a time. The replies of pools name
 * the time in the same form.
 */
ACTOR_EXPORT int64_t actor_msg_retry_ms(const actor_msg *reply);

/* ---- dead letters ---- */

/* A message that no actor handles. It lives until the handler returns. */
struct actor_dead_letter {
	enum actor_loss why;
	actor_ref to;
	bool is_call;         /* the call has its answer already; nobody can answer it now */
	const actor_msg *msg; /* has the sender, method and arguments */
	uint64_t missed; /* the number of letters before this one that were dropped because too many waited */
};

/*
 * actor_dead_letters() - call on_dead_letter of this actor for each message that is lost in this group
 *
 * Dead letters are: messages that the limits of an actor took away; messages that waited for an actor that
 * ended; messages from another group for an actor that has ended or never was; casts of this group to an
 * actor that is known to have ended. (A call of this group to such an actor is -ESRCH, so its caller knows.)
 * Messages that the observer sends, and lost messages for the observer, are no letters.
 *
 * Only one actor of a group observes; it stops observing when it ends. At most 1,024 letters, or 1 MiB of
 * them, wait for the observer; further ones are only counted (missed). @on false: the actor observes no
 * longer, and the waiting letters are dropped. Returns 0; -EINVAL when the actor has no on_dead_letter;
 * -EEXIST when another actor observes; -ESRCH (@on false) when this actor does not observe; -ENOMEM. Source:
 * Akka's dead letters.
 */
ACTOR_EXPORT int actor_dead_letters(actor *self, bool on);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actor/overload.h — what becomes of messages that are too many, and dead letters
 *
 * By default nothing is lost: a full mailbox makes its senders wait (see actor_cast). An actor that would
 * rather lose messages than be late says so here, and from then on what a sender's 0 means is: the message
 * was handed over to that actor's limits. What they take away is counted, by its reason, and told if that is
 * wished: to the actor (on_overload), to an observer (actor_dead_letters), in the group's log when it begins,
 * and by `actorctl describe`. A call that is lost is answered with the error `overloaded`, whose text says
 * when it is worth while to ask again (actor_msg_retry_ms); only a caller that has given up gets no answer.
 *
 * The limits are for casts and calls, wherever they come from. Timers, DOWNs, exit signals, events of names
 * and of process groups, and the runtime's own methods (which begin with `$`) are not counted and never lost.
 *
 * Cost: an actor that has chosen nothing has no memory and no work of it.
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

/* What happens when a message comes to a mailbox that is full. */
enum actor_overflow {
	ACTOR_BLOCK, /* its sender waits: the default */
	/*
	 * It is not taken. A cast of this group: -EBUSY at once. Of another group: it is lost, since its
	 * sender is long past it.
	 */
	ACTOR_REFUSE,
	ACTOR_DROP_NEWEST, /* it is lost; its sender gets 0 */
	ACTOR_DROP_OLDEST, /* the one that has waited longest is lost, and it is taken */
};

/* Why a message was lost. */
enum actor_loss {
	ACTOR_LOST_NOT,
	ACTOR_LOST_REFUSED, /* the mailbox was full: ACTOR_REFUSE */
	ACTOR_LOST_NEWEST,  /* ACTOR_DROP_NEWEST */
	ACTOR_LOST_OLDEST,  /* ACTOR_DROP_OLDEST */
	ACTOR_LOST_LATE,    /* it had waited longer than max_wait_ms */
	ACTOR_LOST_CODEL,   /* it had waited for long, and so had all others */
	ACTOR_LOST_LIMITED, /* over the rate */
	ACTOR_LOST_EXPIRED, /* a call whose caller has given up */
	/* of dead letters alone: */
	ACTOR_LOST_NOBODY, /* there is no such actor, or not any more */
	ACTOR_LOST_ENDED,  /* its actor ended before it came to it */
};
#define ACTOR_LOSSES 16 /* with room for more */

/* Limits of one actor. All of them zero: as if nothing had been said. */
struct actor_overload {
	enum actor_overflow overflow;
	uint32_t max_messages; /* 0: those of its behavior */
	uint32_t max_bytes;
	/*
	 * What has waited longer is lost when its turn comes. 0: it may wait for ever. At most a day, as the
	 * other times.
	 */
	int64_t max_wait_ms;
	/*
	 * CoDel: when all messages of an interval have waited longer than the target, the queue does not just
	 * take up a burst, it stands; while it does, what has waited for more than twice the target is lost.
	 * 0: no CoDel; for a service that answers in about a millisecond 5 is a good value
	 */
	int64_t codel_target_ms;
	int64_t codel_interval_ms; /* 0: 100 */
	/*
	 * So many a second are let in, rate_burst (0: 1) at once after a pause; 0: any number. More are not
	 * taken, whatever overflow says: a cast of this group is -EBUSY
	 */
	uint32_t rate_per_s;
	uint32_t rate_burst;
};

/* What became of its messages. received = handled + all of lost + queued, at each moment. */
struct actor_overload_stats {
	enum actor_overflow overflow; /* the limits as they are */
	uint32_t max_messages, max_bytes;
	uint32_t queued; /* casts and calls that wait */
	uint64_t queued_bytes;
	uint64_t waited_us; /* how long the last one that left had waited */
	uint64_t received;  /* since limits were first set, with what waited then */
	uint64_t handled;   /* begun to be */
	uint64_t lost[ACTOR_LOSSES];
};

/*
 * actor_overload() - limits of this actor from now on
 * In its init, or in any of its handlers. @limits: copied; NULL: the defaults. Counters go on. Senders that
 * wait go on when overflow is not ACTOR_BLOCK any more. 0; -EINVAL: a value that is none, a rate_burst
 * without rate_per_s, a codel_interval_ms without a target; -ENOMEM.
 */
ACTOR_EXPORT int actor_overload_sized(actor *self, const struct actor_overload *limits, size_t limits_bytes);
static inline int actor_overload(actor *self, const struct actor_overload *limits)
{
	return actor_overload_sized(self, limits, sizeof(*limits));
}
/* 0; -ENOENT: no limits were ever set. */
ACTOR_EXPORT int actor_overload_stats_sized(
	const actor *self, struct actor_overload_stats *ret, size_t ret_bytes);
static inline int actor_overload_stats(const actor *self, struct actor_overload_stats *ret)
{
	return actor_overload_stats_sized(self, ret, sizeof(*ret));
}

/*
 * actor_msg_retry_ms() - of a reply that is the error `overloaded`: when it is worth while to ask again
 * In milliseconds; -1: it is not that error, or says nothing of it. Pools say it in the same way.
 */
ACTOR_EXPORT int64_t actor_msg_retry_ms(const actor_msg *reply);

/* ---- dead letters ---- */

/* A message that nobody handles. Lives until the handler returns. */
struct actor_dead_letter {
	enum actor_loss why;
	actor_ref to;
	bool is_call;         /* it has been answered; nobody can answer it now */
	const actor_msg *msg; /* its sender, method and arguments */
	uint64_t missed;      /* so many before it were not told: too many waited */
};

/*
 * actor_dead_letters() - on_dead_letter of this actor for each message that is lost in this group
 * That is: what the limits of an actor took away; what waited for an actor that ended; what came from another
 * group for an actor of this one that is over, or never was; casts of this group to an actor that is known to
 * be over. (A call of this group to such an actor is -ESRCH, and its caller knows.) One actor of a group
 * observes; the end of its life ends that. At most 1,024 letters, or 1 MiB of them, wait for it; more are
 * counted (missed). What it sends itself, and what is lost of what was for it, is no letter. @on false: no
 * longer; what waits is dropped. 0; -EINVAL: it has no on_dead_letter; -EEXIST: another actor observes;
 * -ESRCH: it does not; -ENOMEM. Source: Akka's dead letters.
 */
ACTOR_EXPORT int actor_dead_letters(actor *self, bool on);

#ifdef __cplusplus
}
#endif

#endif

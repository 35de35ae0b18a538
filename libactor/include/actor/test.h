/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actor/test.h — tests of actors: one group without a node, and a clock that the test moves
 *
 * Handlers are plain functions, and an actor needs no node to run. A *test* is a group of its own in this
 * process, without broker and sockets, together with a *probe*: an address to which actors can send, and from
 * which the test sends. Nothing happens by itself: actors run when the test says so, and time goes on when
 * the test says so. So a test of a time-out of an hour takes no time, and has the same outcome each time.
 *
 *   struct actor_test_event event;
 *   actor_test *test;
 *   actor_ref lamp;
 *
 *   assert(actor_test_new(&test) == 0);
 *   assert(actor_test_spawn(test, &lamp_behavior, NULL, "lamp", &lamp) == 0);
 *   assert(actor_test_cast(test, actor_to(lamp), "on", "r", actor_test_probe(test)) == 0);
 *   assert(actor_test_advance(test, 60000) == 0);
 *   assert(actor_test_next(test, &event) && event.kind == ACTOR_TEST_CAST);
 *   assert(!strcmp(event.method, "burnt_out"));
 *   actor_test_free(test);
 *
 * examples/lamp-test.c is a whole test program. It works with plain asserts, cmocka, or any other framework:
 * this API reports by results alone.
 *
 * Names are those of this group: register, whereis and sending to a name work as in a node with this group
 * alone. What needs other processes (process groups, processes, watches of names) gives -ENOTCONN.
 *
 * Time. The clock of the whole process stands still from actor_test_new() to actor_test_free(), for all that
 * libactor does. So there can be one test at a time, and the process must not have other groups that run
 * meanwhile. What other threads do (actor_offload, inlets) takes real time; the next actor_test_run() takes
 * what they have brought.
 *
 * Thread rules: one thread makes, uses and frees a test. None of these functions may be called in a handler
 * (-EDEADLK). Errors are negative errnos, as everywhere (see actor.h).
 *
 * Source: Akka's TestProbe and ManualTime, tokio's paused clock.
 */
#ifndef ACTOR_TEST_H
#define ACTOR_TEST_H

#include <actor/actor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct actor_test actor_test;

/* Returns 0; -EBUSY when there is a test already; -ENOMEM; -EMFILE. */
ACTOR_EXPORT int actor_test_new(actor_test **ret);
/*
 * Stops all actors (their terminate runs; what then waits is killed), frees everything that the test gave,
 * and lets the clock go. NULL is allowed. Returns NULL.
 */
ACTOR_EXPORT actor_test *actor_test_free(actor_test *test);
ACTOR_EXPORT actor_group *actor_test_group(actor_test *test);
ACTOR_EXPORT actor_ref actor_test_probe(const actor_test *test);

/*
 * Starts an actor and runs until its init is over. If init waits for time, time goes on. @name: NULL for
 * none. Returns 0; the result of init; -EEXIST when the name is taken; -EDEADLK when init waits for something
 * that no actor and no timer does.
 */
ACTOR_EXPORT int actor_test_spawn_sized(actor_test *test, const struct actor_behavior *behavior,
	size_t behavior_bytes, const void *arg, const char *name, actor_ref *ret);
static inline int actor_test_spawn(actor_test *test, const struct actor_behavior *behavior, const void *arg,
	const char *name, actor_ref *ret)
{
	return actor_test_spawn_sized(test, behavior, sizeof(*behavior), arg, name, ret);
}

/* Runs all actors until none has anything to do at this time. -ELOOP: they never come to rest. */
ACTOR_EXPORT int actor_test_run(actor_test *test);
/*
 * Lets @ms pass (0 or more), and runs: each timer, time-out and sleep ends at its time, and what it causes is
 * done before time goes on.
 */
ACTOR_EXPORT int actor_test_advance(actor_test *test, int64_t ms);
ACTOR_EXPORT int64_t actor_test_time_ms(const actor_test *test); /* that has passed since the test began */

/*
 * Sends from the probe. A full mailbox takes the message all the same; limits of the actor's own
 * (actor/overload.h) hold. A cast is handled in the next run.
 */
ACTOR_EXPORT int actor_test_cast(
	actor_test *test, actor_dest to, const char *method, const char *format, ...);
/*
 * Calls, and runs until the answer has come; if the actor waits for time before it answers, time goes on, at
 * most 5 s. Results are as of actor_call(): after 0 and -EREMOTEIO the caller frees *ret_msg (NULL: not
 * wanted).
 */
ACTOR_EXPORT int actor_test_call(
	actor_test *test, actor_dest to, const char *method, actor_msg **ret_msg, const char *format, ...);
/* Calls and does not run. The answer, or -ETIMEDOUT after @timeout_ms, is an event (ACTOR_TEST_REPLY). */
ACTOR_EXPORT int actor_test_request(actor_test *test, actor_dest to, const char *method, int64_t timeout_ms,
	uint64_t *ret_request, const char *format, ...);
/* The probe monitors an actor: its end is an event (ACTOR_TEST_DOWN). */
ACTOR_EXPORT int actor_test_monitor(actor_test *test, actor_ref who, uint64_t *ret_monitor);

enum actor_test_kind {
	ACTOR_TEST_CAST,
	ACTOR_TEST_CALL,
	ACTOR_TEST_REPLY,
	ACTOR_TEST_DOWN,
};

/* What came to the probe. It lives until the next actor_test_next(), _expect or _free. */
struct actor_test_event {
	enum actor_test_kind kind;
	actor_ref from;       /* the sender; of a DOWN: who ended; of a reply that nobody gave: nobody */
	const char *method;   /* of a cast and a call; else "" */
	const actor_msg *msg; /* the message or the reply; NULL: there is none (r says why, or a DOWN) */
	actor_from *to_reply; /* of a call: answer by actor_reply(), at any time */
	uint64_t id;          /* of a reply: the request; of a DOWN: the monitor */
	int r;                /* of a reply: the result, as of actor_call() */
	const struct actor_cause *cause; /* of a DOWN */
};

/* Takes the oldest thing that has come to the probe, and does not run. False: there is none. */
ACTOR_EXPORT bool actor_test_next(actor_test *test, struct actor_test_event *ret);
/*
 * Runs, takes the oldest thing that has come, which must be a cast or call of @method, and unpacks its
 * arguments as actor_msg_unpack() does. Returns 0; -ENOENT when nothing came; -EBADMSG when something else
 * came; else the result of actor_msg_unpack(). actor_test_why() then says what was expected and what came.
 */
ACTOR_EXPORT int actor_test_expect(actor_test *test, const char *method, const char *format, ...);
/* The same for the end of an actor that the probe monitors. @reason NULL: any. */
ACTOR_EXPORT int actor_test_expect_down(actor_test *test, actor_ref who, const char *reason);
/* Runs. -EBADMSG: something has come; it is left where it is. */
ACTOR_EXPORT int actor_test_expect_nothing(actor_test *test);
/* Why the last expectation failed, for people; "" if it did not. */
ACTOR_EXPORT const char *actor_test_why(const actor_test *test);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* actor/client.h — a blocking client, for tools and tests (a part of actor/actor.h) */
#ifndef ACTOR_CLIENT_H
#define ACTOR_CLIENT_H

#include <actor/cause.h>
#include <actor/dest.h>
#include <actor/group.h>
#include <actor/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A client is for straight-line code without actors: each function waits until it is done. One thread uses
 * it.
 */
typedef struct actor_client actor_client;

/*
 * Errors are as of actor_group_new(). @options NULL: the defaults. A client never uses ACTOR_TOKEN. A client
 * with a single link (mode ACTOR_JOIN_BROKER) connects faster.
 */
ACTOR_EXPORT int actor_client_new_sized(
	actor_client **ret, const struct actor_group_options *options, size_t options_bytes);
static inline int actor_client_new(actor_client **ret, const struct actor_group_options *options)
{
	return actor_client_new_sized(ret, options, sizeof(*options));
}
/* Flushes first what was sent, for at most 5 s; see actor_group_free(). */
ACTOR_EXPORT actor_client *actor_client_free(actor_client *client);
/* Waits until what was sent has left the process, like actor_group_flush(). */
ACTOR_EXPORT int actor_client_flush(actor_client *client, int64_t timeout_ms);
ACTOR_EXPORT actor_ref actor_client_self(actor_client *client);
/* These functions do what the actors' functions of the same names do. */
ACTOR_EXPORT int actor_client_call(actor_client *client, actor_dest to, const char *method,
	int64_t timeout_ms, actor_msg **ret_msg, const char *format, ...);
ACTOR_EXPORT int actor_client_call_msg(actor_client *client, actor_dest to, const char *method,
	int64_t timeout_ms, actor_msg **take_args, actor_msg **ret_msg);
ACTOR_EXPORT int actor_client_cast(
	actor_client *client, actor_dest to, const char *method, const char *format, ...);
ACTOR_EXPORT int actor_client_cast_msg(
	actor_client *client, actor_dest to, const char *method, actor_msg **take_args);
ACTOR_EXPORT int actor_client_whereis(actor_client *client, const char *name, actor_ref *ret);
ACTOR_EXPORT int actor_client_whereis_wait(
	actor_client *client, const char *name, int64_t timeout_ms, actor_ref *ret);
ACTOR_EXPORT int actor_client_monitor(actor_client *client, actor_ref who, uint64_t *ret_monitor);
/* What went off before, and was not received yet, is received. */
ACTOR_EXPORT bool actor_client_demonitor(actor_client *client, uint64_t monitor);
/*
 * Ask an actor of another group to end, and do not wait (actor/life.h, actor/behavior.h). A client does not
 * end by what others send: it ignores stops, kills, drains, exit signals and the ends of those who link with
 * it. Return 0; -EDEADLK for the client itself; else as the functions for actors.
 */
ACTOR_EXPORT int actor_client_stop(actor_client *client, actor_ref who, const char *reason);
ACTOR_EXPORT int actor_client_kill(actor_client *client, actor_ref who);
ACTOR_EXPORT int actor_client_drain(actor_client *client, actor_ref who);
ACTOR_EXPORT int actor_client_exit(actor_client *client, actor_ref who, const char *reason);
/*
 * Waits until @who, an actor or a process (serial 0), has ended: *ret_cause (may be NULL) gets the cause, as
 * in actor_wait(). After -ETIMEDOUT @who goes on, or goes on ending. What comes meanwhile waits for
 * actor_client_receive(). Returns 0; -ETIMEDOUT; -EDEADLK; else as actor_monitor().
 */
ACTOR_EXPORT int actor_client_wait(
	actor_client *client, actor_ref who, int64_t timeout_ms, struct actor_cause *ret_cause);
ACTOR_EXPORT int actor_client_stop_and_wait(actor_client *client, actor_ref who, const char *reason,
	int64_t timeout_ms, struct actor_cause *ret_cause);
ACTOR_EXPORT int actor_client_kill_and_wait(
	actor_client *client, actor_ref who, int64_t timeout_ms, struct actor_cause *ret_cause);
ACTOR_EXPORT int actor_client_drain_and_wait(
	actor_client *client, actor_ref who, int64_t timeout_ms, struct actor_cause *ret_cause);
/*
 * Waits for the next cast to this client or the next of its monitors that goes off. After a cast *ret_msg is
 * set. After a monitor *ret_msg is NULL and the other results are set. Returns 0 or -ETIMEDOUT.
 */
ACTOR_EXPORT int actor_client_receive(actor_client *client, int64_t timeout_ms, actor_msg **ret_msg,
	uint64_t *ret_monitor, actor_ref *ret_who, struct actor_cause *ret_cause);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* actor/client.h — a blocking client, for tools and tests (a part of actor/actor.h) */
#ifndef ACTOR_CLIENT_H
#define ACTOR_CLIENT_H

#include <actor/cause.h>
#include <actor/dest.h>
#include <actor/group.h>
#include <actor/types.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Straight-line code without actors: each function waits until done. One thread. */
typedef struct actor_client actor_client;

/*
 * Errors as of actor_group_new(). options NULL: defaults; ACTOR_TOKEN is never used. A single link (mode
 * ACTOR_JOIN_BROKER) is quicker to make.
 */
ACTOR_EXPORT int actor_client_new_sized(
	actor_client **ret, const struct actor_group_options *options, size_t options_bytes);
static inline int actor_client_new(actor_client **ret, const struct actor_group_options *options)
{
	return actor_client_new_sized(ret, options, sizeof(*options));
}
/* Flushes what was sent first: at most 5 s, see actor_group_free(). */
ACTOR_EXPORT actor_client *actor_client_free(actor_client *client);
/* Waits until what was sent has left the process: as actor_group_flush(). */
ACTOR_EXPORT int actor_client_flush(actor_client *client, int64_t timeout_ms);
ACTOR_EXPORT actor_ref actor_client_self(actor_client *client);
/* As the functions of the same names of actors. */
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
/*
 * The next cast sent to this client: *ret_msg; or the next monitor gone off: *ret_msg is NULL and the rest is
 * set. -ETIMEDOUT.
 */
ACTOR_EXPORT int actor_client_receive(actor_client *client, int64_t timeout_ms, actor_msg **ret_msg,
	uint64_t *ret_monitor, actor_ref *ret_who, struct actor_cause *ret_cause);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of the protocol: of errors, of methods, and of the node's own actors. Also the meaning of the two
 * upper bits of a group id. The names of environment variables are in variables.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define NAME_BROKER  "$broker"
#define NAME_SPAWNER "$spawner"

#define METHOD_DESCRIBE "$describe"
#define METHOD_DRAIN    "$drain"
#define METHOD_SPAWN    "$spawn" /* guests.c */
/* Methods that the runtime answers for every actor (sys.c). */
#define METHOD_SYS         "$sys_" /* the beginning of their names */
#define METHOD_SYS_ACTORS  "$sys_actors"
#define METHOD_SYS_STATUS  "$sys_status"
#define METHOD_SYS_SUSPEND "$sys_suspend"
#define METHOD_SYS_RESUME  "$sys_resume"
#define METHOD_SYS_STATE   "$sys_state"
#define METHOD_SYS_KEEP    "$sys_keep"
#define METHOD_SYS_LAST    "$sys_last"

#define METHOD_PG_JOIN  "$pg_join"
#define METHOD_PG_LEAVE "$pg_leave"
#define METHOD_PG_CAST  "pg_cast" /* to all members of a process group */
#define METHOD_TAPPED   "tapped"  /* a copy of a frame, for a tap */

/* No pause and no full mailbox holds back calls of such methods: the runtime answers them. */
static inline bool method_is_sys(const char *s, size_t length)
{
	if (length < sizeof(METHOD_SPAWN) - 1 || s[0] != '$')
		return false;
	return !memcmp(s, METHOD_SYS, sizeof(METHOD_SYS) - 1) ||
	       (length == sizeof(METHOD_SPAWN) - 1 && !memcmp(s, METHOD_SPAWN, sizeof(METHOD_SPAWN) - 1));
}

#define ERROR_NOPROC       "noproc"       /* no such actor or name */
#define ERROR_NOCONNECTION "noconnection" /* the link to the target ended */
#define ERROR_DOWN         "down"         /* the target ended before it answered */
#define ERROR_CLOSING      "closing" /* the target drains: it handles what it has, and takes nothing new */
#define ERROR_NO_METHOD    "no_method"
#define ERROR_NO_REPLY     "no_reply"
#define ERROR_BAD_ARGS     "bad_args"
#define ERROR_TOO_BIG      "too_big"
#define ERROR_BAD_RESULT   "bad_result"
#define ERROR_DEADLOCK     "deadlock"
#define ERROR_TIMEOUT      "timeout"
#define ERROR_OVERLOADED   "overloaded"
#define ERROR_PERMISSION   "permission"
#define ERROR_IN_USE       "in_use"
#define ERROR_NOT_JOINED   "not_joined"       /* of a leave: the actor is no member */
#define ERROR_SINGLE       "single"           /* of an introduction: the other group has one link only */
#define ERROR_NO_BEHAVIOR  "unknown_behavior" /* of a spawn elsewhere */
#define ERROR_INIT_FAILED  "init_failed"
#define ERROR_NO_INPUT     "no_input" /* of the supervisor: its stdin is no pipe, or is closed */
#define ERROR_NO_NAME      "no_name"  /* of the supervisor: no process has this name */
#define ERROR_EXEC         "exec"     /* of the supervisor: the program could not be run */
#define ERROR_ENDED        "ended"    /* of the supervisor: the program ended before it was up or ready */

/*
 * The negative errno that the API returns for an error of the runtime, or of the supervisor. 0: the error has
 * no errno of its own, so the API returns -EREMOTEIO.
 */
int error_errno(const char *name);
int error_errno_of_supervisor(const char *name);

/*
 * Bit 63 of a group id: the group is a client, which a daemon admitted and the supervisor did not start. Bit
 * 62 of a client's id: the supervisor admitted the client.
 */
#define GROUP_CLIENT        (UINT64_C(1) << 63)
#define GROUP_OF_SUPERVISOR (UINT64_C(1) << 62)

static inline bool group_is_client(uint64_t group)
{
	return group & GROUP_CLIENT;
}
/* The group's only link is with the supervisor. */
static inline bool group_is_of_supervisor(uint64_t group)
{
	return (group & (GROUP_CLIENT | GROUP_OF_SUPERVISOR)) == (GROUP_CLIENT | GROUP_OF_SUPERVISOR);
}
/* A broker admitted the group. */
static inline bool group_is_of_broker(uint64_t group)
{
	return (group & (GROUP_CLIENT | GROUP_OF_SUPERVISOR)) == GROUP_CLIENT;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* actor/cause.h — why something ended (a part of actor/actor.h) */
#ifndef ACTOR_CAUSE_H
#define ACTOR_CAUSE_H

#include <actor/types.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum actor_exit_kind {
	ACTOR_EXIT_NONE,   /* an actor ended; its process may live on */
	ACTOR_EXIT_STATUS, /* the process exited; code is its status */
	ACTOR_EXIT_SIGNAL, /* a signal ended the process; code is its number */
	ACTOR_EXIT_EXEC,   /* the process never ran; code is the errno of exec */
};

/*
 * reason: normal, shutdown, killed, noproc, noconnection, exit (status ≠ 0), signal, exec, or a reason that
 * the actor chose.
 */
struct actor_cause {
	char reason[64];
	enum actor_exit_kind kind;
	int code;
	bool core;
	char text[256]; /* more words for people; may be empty */
};

/* Normal and shutdown are clean ends: after them a transient child is not restarted (OTP's table). */
ACTOR_EXPORT bool actor_cause_is_clean(const struct actor_cause *cause);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* actor/process.h — programs that the node runs for an actor (a part of actor/actor.h) */
#ifndef ACTOR_PROCESS_H
#define ACTOR_PROCESS_H

#include <actor/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum actor_restart {
	ACTOR_PERMANENT, /* is started again after every end */
	ACTOR_TRANSIENT, /* is started again unless it ended cleanly: status 0, or a stop */
	ACTOR_TEMPORARY, /* is never started again */
};

/* A program that the node's spawner runs and watches for this actor. A field that is zero has its default. */
struct actor_process_spec {
	const char *name; /* NULL: made from the program's name */
	/* NULL-terminated. If argv[0] has no slash, PATH is searched for it. */
	const char *const *argv;
	/*
	 * "K=V" strings, NULL-terminated; NULL: none. The process gets them besides HOME, PATH, USER, LANG,
	 * LC_* and TZ of the node, and gets no variables of the calling process.
	 */
	const char *const *env;
	const char *cwd;            /* NULL: / */
	enum actor_restart restart; /* 0: permanent */
	int64_t backoff_min_ms;     /* 0: 100; -1: no pause, restart at once */
	int64_t backoff_max_ms;     /* 0: 30,000 */
	int64_t stop_timeout_ms;    /* from TERM to its tree until KILL to what is left; 0: 10,000 */
	bool detached; /* the program lives on when the calling actor ends; false: it is stopped then */
	/* Wait until the program has said hello and started its actors. False: wait until it was exec'd. */
	bool wait_ready;
	/* Call on_down of the calling actor when this incarnation ends; see actor_process.monitor. */
	bool monitor;
	int64_t timeout_ms; /* how long the start may take; 0: 5,000 */
};

struct actor_process {
	char name[256];
	actor_ref group; /* this incarnation of the program (serial 0) */
	actor_ref main;  /* the first actor (serial 1), if the program is an actor program */
	int64_t pid;
	uint64_t monitor; /* 0: none */
	char error[256];  /* why it could not be started, for people; else empty */
};

/*
 * Returns 0, or one of these:
 *   -EEXIST      the name is taken
 *   -ENOEXEC     the program could not be run
 *   -ECONNRESET  the program ended before it was up or ready
 *   -ETIMEDOUT   the program is not ready yet, and goes on; actor_process_stop() ends it
 *   -EINVAL
 *   -ENOTCONN    the spawner was away until the time-out. If the spawner went away while it was asked, the
 *                process may have been started. A spawner that is back in time is asked again, and starts
 *                nothing twice
 *   -EREMOTEIO   the spawner refused for another reason
 * After -ENOEXEC and -ECONNRESET the node forgets the program, unless it is detached: a detached program is
 * started again by its restart type. @ret: may be NULL. After an error only ret->error is set.
 */
ACTOR_EXPORT int actor_process_start_sized(actor *self, const struct actor_process_spec *spec,
	size_t spec_bytes, struct actor_process *ret, size_t ret_bytes);
static inline int actor_process_start(
	actor *self, const struct actor_process_spec *spec, struct actor_process *ret)
{
	return actor_process_start_sized(self, spec, sizeof(*spec), ret, sizeof(*ret));
}
/*
 * Stops the program (TERM, grace, KILL of the tree), forgets it, and waits until it is gone. Returns 0;
 * -ESRCH when there is no such process; -ETIMEDOUT.
 */
ACTOR_EXPORT int actor_process_stop(actor *self, const char *name, int64_t timeout_ms);

#ifdef __cplusplus
}
#endif

#endif

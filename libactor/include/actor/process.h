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
	ACTOR_PERMANENT, /* is started again whenever it ends */
	ACTOR_TRANSIENT, /* unless it ended cleanly: status 0, or a stop */
	ACTOR_TEMPORARY, /* never */
};

/* A program the node's spawner runs and watches for this actor. Zero means the default. */
struct actor_process_spec {
	const char *name; /* NULL: made from the program's name */
	/* NULL-terminated; argv[0] is looked up in PATH when it has no slash */
	const char *const *argv;
	/*
	 * "K=V", NULL-terminated; NULL: none. Beside HOME, PATH, USER and LANG of the node, not of this
	 * process
	 */
	const char *const *env;
	const char *cwd;            /* NULL: / */
	enum actor_restart restart; /* permanent */
	int64_t backoff_min_ms;     /* 0: 100; -1: none, restart at once */
	int64_t backoff_max_ms;     /* 0: 30,000 */
	int64_t stop_timeout_ms;    /* TERM to its tree, this long, then KILL to what is left; 0: 10,000 */
	bool detached;              /* lives on when the calling actor ends; false: stopped with it */
	/* wait until it has said hello and started its actors; false: until it was exec'd */
	bool wait_ready;
	/* on_down of the calling actor when this incarnation ends; see actor_process.monitor */
	bool monitor;
	int64_t timeout_ms; /* for the wait; 0: 5,000 */
};

struct actor_process {
	char name[256];
	actor_ref group; /* this incarnation (serial 0) */
	actor_ref main;  /* its first actor (serial 1), if it is an actor program */
	int64_t pid;
	uint64_t monitor; /* 0: none */
	char error[256];  /* when it could not be started: more about why, for people; else empty */
};

/*
 * 0; -EEXIST name taken; -ENOEXEC could not be run; -ECONNRESET it ended before it was up or ready (both: it
 * is forgotten, but a detached one is tried again by its restart type); -ETIMEDOUT it is not ready yet, and
 * goes on: actor_process_stop() ends it; -EINVAL; -ENOTCONN the spawner was away until the time-out, and the
 * process may have been started if it went away while it was asked (one that is back in time is asked again,
 * and starts nothing twice); -EREMOTEIO the spawner refused for another reason.
 * @ret: may be NULL. When it is not 0, only ret->error is set.
 */
ACTOR_EXPORT int actor_process_start_sized(actor *self, const struct actor_process_spec *spec,
	size_t spec_bytes, struct actor_process *ret, size_t ret_bytes);
static inline int actor_process_start(
	actor *self, const struct actor_process_spec *spec, struct actor_process *ret)
{
	return actor_process_start_sized(self, spec, sizeof(*spec), ret, sizeof(*ret));
}
/*
 * Stops it (TERM, grace, KILL of the tree) and forgets it; waits until it is gone. 0, -ESRCH no such process,
 * -ETIMEDOUT.
 */
ACTOR_EXPORT int actor_process_stop(actor *self, const char *name, int64_t timeout_ms);

#ifdef __cplusplus
}
#endif

#endif

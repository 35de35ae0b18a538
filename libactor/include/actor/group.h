/* SPDX-License-Identifier: Apache-2.0 */
/* actor/group.h — a group: this process, its actors and its loop (a part of actor/actor.h) */
#ifndef ACTOR_GROUP_H
#define ACTOR_GROUP_H

#include <actor/behavior.h>
#include <actor/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum actor_join_mode {
	ACTOR_JOIN_DIRECT, /* direct links to other groups, which the broker introduces */
	ACTOR_JOIN_BROKER, /* one link, to the broker, which routes all frames: for short-lived tools */
	/*
	 * One link, to the supervisor, for node and process verbs, also while the broker is down. A new
	 * supervisor does not know the clients of a supervisor that died: the refs, monitors and owned
	 * processes of those clients are gone. actor_group_run() and every request of such a client are then
	 * -ENOTCONN, and the program has to make a new group.
	 */
	ACTOR_JOIN_SPAWNER,
	ACTOR_JOIN_NONE, /* no node: the group has only the actors of this process */
};

struct actor_group_options {
	const char *name; /* NULL: the program's name */
	/*
	 * NULL: ACTOR_RUNTIME_DIR, XDG_RUNTIME_DIR/actor, /run/actor (root), /run/user/UID/actor,
	 * /tmp/actor-UID
	 */
	const char *runtime_dir;
	enum actor_join_mode mode;
	int64_t connect_timeout_ms; /* 0: 5,000 */
	/*
	 * Do not use ACTOR_TOKEN: this process becomes a group of its own, although a supervised process
	 * started it. If this is false, the first group of a process that joins direct or by the broker is
	 * the supervised child.
	 */
	bool ignore_token;
	/*
	 * The size of the stacks of handlers, from 64 KiB to ACTOR_STACK_MAX_BYTES. 0:
	 * ACTOR_STACK_DEFAULT_BYTES.
	 */
	size_t stack_size_bytes;
	/*
	 * Gets what an operator should know, one line in each call; NULL: no log. Called in the group's
	 * thread.
	 */
	void (*log)(const char *line, void *arg);
	void *log_arg;
	/* The largest number of threads for actor_offload(). 0: 16. */
	size_t offload_threads_max;
	/* The largest number of living actors that others have spawned here (guest.h). 0: 65,536. */
	size_t guests_max;
};

/*
 * Says hello to the node and waits for its answer, even while the broker is being restarted. @options NULL:
 * the defaults. Returns 0; -ENOTCONN when there is no node, or its broker stays away; -EPERM when the runtime
 * directory belongs to neither this user nor root, or its mode is not 0700 (or 0711); -ENOTDIR when it is a
 * symlink or no directory (the log says which); -EACCES; -EPROTO.
 *
 * One process holds an ACTOR_TOKEN at a time. A second process with the same token (a supervised shell
 * started two programs) becomes a client of its own, with a line in the log: the supervisor neither restarts
 * it nor reports its end.
 */
ACTOR_EXPORT int actor_group_new_sized(
	actor_group **ret, const struct actor_group_options *options, size_t options_bytes);
static inline int actor_group_new(actor_group **ret, const struct actor_group_options *options)
{
	return actor_group_new_sized(ret, options, sizeof(*options));
}
/*
 * Ends the actors that still run (stop, then kill after 5 s), flushes what was sent (5 s; 8 s together with
 * the stopping) and says bye (1 s). What could not be sent in that time is lost, and the log says how many
 * bytes for whom. NULL is allowed. Returns NULL.
 */
ACTOR_EXPORT actor_group *actor_group_free(actor_group *group);
/*
 * actor_flush() from outside a handler: runs the group, as actor_group_run does, until what the group has
 * sent has left the process. -EDEADLK in a handler.
 */
ACTOR_EXPORT int actor_group_flush(actor_group *group, int64_t timeout_ms);
/* actor_spawn() from outside any actor, before a run or between runs. */
ACTOR_EXPORT int actor_group_spawn_sized(actor_group *group, const struct actor_behavior *behavior,
	size_t behavior_bytes, const void *arg, const char *name, actor_ref *ret);
static inline int actor_group_spawn(actor_group *group, const struct actor_behavior *behavior,
	const void *arg, const char *name, actor_ref *ret)
{
	return actor_group_spawn_sized(group, behavior, sizeof(*behavior), arg, name, ret);
}
/*
 * Runs until the last actor has ended or actor_group_stop was called. The program has to handle TERM and INT
 * itself (actor_main does so). Returns 0; -ENOTCONN when another node has taken the place of the group's
 * node, or the node has given the group up. The refs of the group then mean nothing any more, and its actors
 * were stopped (noconnection). While a node or broker is only away, the function goes on running.
 */
ACTOR_EXPORT int actor_group_run(actor_group *group);
/*
 * Asks every actor to stop; an actor that starts after this is asked after its init. Supervised and owned
 * actors are left to their supervisors and parents, also those that start after this. actor_group_run returns
 * when all have stopped. Any thread and any signal handler may call this.
 */
ACTOR_EXPORT void actor_group_stop(actor_group *group);
/*
 * Embedding: poll the descriptor for reading, then dispatch. actor_group_dispatch() handles what is there and
 * returns without waiting: a positive value while actors are alive, 0 when all have ended.
 */
ACTOR_EXPORT int actor_group_get_fd(actor_group *group);
ACTOR_EXPORT int actor_group_dispatch(actor_group *group);
ACTOR_EXPORT uint64_t actor_group_node(const actor_group *group);
ACTOR_EXPORT uint64_t actor_group_id(const actor_group *group);

/*
 * actor_main() - main() of a program with one first actor
 *
 * Connects, spawns the actor, registers @name (NULL: no name) and runs. TERM or INT stops the program in
 * order, and what it has sent is flushed (see actor_group_free). A second TERM or INT ends the program at
 * once. An error is one line on stderr. Returns the exit status for main(): failure also when any actor of
 * the group ended by a handler's error.
 */
ACTOR_EXPORT int actor_main_sized(
	const struct actor_behavior *behavior, size_t behavior_bytes, const void *arg, const char *name);
static inline int actor_main(const struct actor_behavior *behavior, const void *arg, const char *name)
{
	return actor_main_sized(behavior, sizeof(*behavior), arg, name);
}

#ifdef __cplusplus
}
#endif

#endif

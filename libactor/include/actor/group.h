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
	ACTOR_JOIN_DIRECT, /* direct links to other groups, introduced by the broker */
	ACTOR_JOIN_BROKER, /* one link, the broker routes: for short-lived tools */
	/*
	 * one link, to the supervisor: node and process verbs, also while the broker is down. The next
	 * supervisor does not know the clients of one that died: their refs, monitors and owned processes are
	 * gone with it, actor_group_run() and every request are -ENOTCONN, and a new group is to be made.
	 */
	ACTOR_JOIN_SPAWNER,
	ACTOR_JOIN_NONE, /* no node: actors in this process only */
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
	/* do not use ACTOR_TOKEN: be a group of one's own although a supervised process started this one */
	bool ignore_token;
	/* of handlers; 0: ACTOR_STACK_DEFAULT_BYTES. From 64 KiB to ACTOR_STACK_MAX_BYTES */
	size_t stack_size_bytes;
	/* Told what an operator should know, one line each; NULL: silence. Called in the group's thread. */
	void (*log)(const char *line, void *arg);
	void *log_arg;
	/* of actor_offload(); 0: 16 */
	size_t offload_threads_max;
};

/*
 * Says hello to the node and waits for its answer, for a broker that is being restarted too. 0; -ENOTCONN no
 * node, or its broker stays away; -EPERM the runtime directory belongs to neither this user nor root, or its
 * mode is not 0700 (or 0711), -ENOTDIR it is a symlink or no directory (the log says which); -EACCES;
 * -EPROTO. options NULL: defaults. One process holds an ACTOR_TOKEN at a time. The next one with the same
 * token (a supervised shell started two programs) becomes a client of its own, with a line in the log: it is
 * not restarted, and the supervisor does not report its end.
 */
ACTOR_EXPORT int actor_group_new_sized(
	actor_group **ret, const struct actor_group_options *options, size_t options_bytes);
static inline int actor_group_new(actor_group **ret, const struct actor_group_options *options)
{
	return actor_group_new_sized(ret, options, sizeof(*options));
}
/*
 * Ends what still runs (stop, then kill after 5 s), flushes what was sent (5 s; 8 s with the stopping), says
 * bye (1 s). What could not be sent in that time is lost, and the log says how many bytes for whom. NULL is
 * fine; returns NULL.
 */
ACTOR_EXPORT actor_group *actor_group_free(actor_group *group);
/*
 * Runs the group, as actor_group_run does, until what it has sent has left the process: actor_flush() from
 * outside. -EDEADLK in a handler.
 */
ACTOR_EXPORT int actor_group_flush(actor_group *group, int64_t timeout_ms);
/* From outside any actor, before or between runs. */
ACTOR_EXPORT int actor_group_spawn_sized(actor_group *group, const struct actor_behavior *behavior,
	size_t behavior_bytes, const void *arg, const char *name, actor_ref *ret);
static inline int actor_group_spawn(actor_group *group, const struct actor_behavior *behavior,
	const void *arg, const char *name, actor_ref *ret)
{
	return actor_group_spawn_sized(group, behavior, sizeof(*behavior), arg, name, ret);
}
/*
 * Runs until the last actor has ended or actor_group_stop was called. TERM and INT are for the program to
 * handle (actor_main does). 0; -ENOTCONN: another node has the place of the one it belonged to, or the node
 * has given it up, so its refs mean nothing any more; its actors were stopped (noconnection). A node or
 * broker that is just away is waited for.
 */
ACTOR_EXPORT int actor_group_run(actor_group *group);
/*
 * Asks every actor to stop, and those that are started until then, after their init; actor_group_run returns
 * when they have. May be called from any thread and from a signal handler.
 */
ACTOR_EXPORT void actor_group_stop(actor_group *group);
/*
 * Embedding: poll fd for reading, then dispatch; handles what is there and returns without waiting: >0 while
 * actors are alive, 0 when all ended.
 */
ACTOR_EXPORT int actor_group_get_fd(actor_group *group);
ACTOR_EXPORT int actor_group_dispatch(actor_group *group);
ACTOR_EXPORT uint64_t actor_group_node(const actor_group *group);
ACTOR_EXPORT uint64_t actor_group_id(const actor_group *group);

/*
 * actor_main() - main() of a program with one first actor
 *
 * Connects, spawns, registers @name (NULL: no name), runs; TERM and INT stop it in order, and what it has
 * sent is flushed (see actor_group_free); a second TERM or INT ends it at once. Errors go to stderr as one
 * line. Return: the exit status for main(): failure also when any actor of the group ended by a handler's
 * error.
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

/* SPDX-License-Identifier: Apache-2.0 */
/* actor/behavior.h — behaviors, and actors that have one (a part of actor/actor.h) */
#ifndef ACTOR_BEHAVIOR_H
#define ACTOR_BEHAVIOR_H

#include <actor/cause.h>
#include <actor/message.h>
#include <actor/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What was answered, by whom: a reply (r is 0 or -EREMOTEIO, msg is set), or why there is none. */
struct actor_answer {
	actor_ref who; /* nobody: it was not found */
	int r;         /* as of actor_call() */
	actor_msg *msg;
};

struct actor_pg_event {
	bool joined; /* false: it left, or has ended */
	const char *scope, *group;
	actor_ref who;
	uint64_t id; /* of the membership, unique for its process */
	/* one msgpack value, nil if none was given; lives until the handler returns */
	const void *metadata;
	size_t metadata_bytes;
};

struct actor_overload_stats; /* actor/overload.h */
struct actor_dead_letter;

enum actor_name_change {
	ACTOR_NAME_REGISTERED,   /* nobody had it */
	ACTOR_NAME_UNREGISTERED, /* nobody has it any more */
	ACTOR_NAME_REPLACED,     /* from one to another, without a moment in which nobody had it */
};

struct actor_name_event {
	enum actor_name_change change;
	const char *name; /* lives until the handler returns */
	actor_ref who;    /* who has it now; unregistered: who had it */
	actor_ref was;    /* replaced: who had it; else nobody */
};

/*
 * Handlers return 0, or a negative errno: the actor then ends with the reason "crash: <errno>" and its
 * monitors hear it. So return what the actor cannot go on after, and no more: of a cast that failed (-EBUSY,
 * -EMSGSIZE …) that is seldom true. A call handler answers with actor_reply or actor_reply_error before it
 * returns, or keeps the address (actor_from_keep); otherwise the caller is told `no_reply`.
 */
struct actor_method {
	const char *name;
	int (*on_call)(actor *self, const actor_msg *msg, actor_from *from);
	int (*on_cast)(actor *self, const actor_msg *msg);
	const char *args; /* for people and tools: "n:int"; `actorctl describe` shows both */
	const char *doc;
};

struct actor_behavior {
	const char *name; /* of the kind, for people */
	/* zeroed memory each actor gets: actor_state(); freed after terminate */
	size_t state_size;
	const struct actor_method *methods; /* ends with an entry without a name */
	/*
	 * The actor exists when this returns 0; a negative value makes the spawn fail with it. May call and
	 * wait.
	 */
	int (*init)(actor *self, const void *arg);
	/*
	 * Last thing the actor does, on stop and on a handler's failure; not on kill. May call and wait. The
	 * end of a group (TERM, actor_group_stop) stops all its actors at once: another one of them may have
	 * ended already, so an actor saves what it must by itself, or calls other groups.
	 */
	void (*terminate)(actor *self, const struct actor_cause *cause);
	/* A monitor went off: exactly once each, after the last message of @who. */
	int (*on_down)(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause);
	/*
	 * Messages no method fits; @from is NULL for a cast. Absent: calls get `no_method`, casts are counted
	 * and dropped. A method that exists as the other kind is said: to a caller in the error's text, of a
	 * cast in the group's log.
	 */
	int (*on_other)(actor *self, const actor_msg *msg, actor_from *from);
	uint32_t mailbox_max_messages; /* 0: 4,096 */
	uint32_t mailbox_max_bytes;    /* 0: 1 MiB */
	/*
	 * what its handlers have at least; 0: the group's (see Stacks in actor.h); at most
	 * ACTOR_STACK_MAX_BYTES
	 */
	size_t stack_size_bytes;
	/* A process group that it monitors has changed (actor_pg_monitor). */
	int (*on_pg)(actor *self, uint64_t monitor, const struct actor_pg_event *event);
	/* A name that it watches has changed (actor_names_watch). */
	int (*on_name)(actor *self, uint64_t watch, const struct actor_name_event *event);
	/*
	 * An exit signal has come from @from, and does not end this actor: an actor that has on_exit traps
	 * exits (see Links in monitor.h, and actor_trap_exit). Also of a clean end.
	 */
	int (*on_exit)(actor *self, actor_ref from, const struct actor_cause *cause);
	/*
	 * A request has its answer, which nobody waited for (actor_request). @answer lives until it
	 * returns.
	 */
	int (*on_reply)(actor *self, uint64_t request, const struct actor_answer *answer);
	/*
	 * Messages for it were lost, as its limits say (actor/overload.h): @now since it was told last, @all
	 * in all. In the order of its messages, and not again before it has come to this one.
	 */
	int (*on_overload)(
		actor *self, const struct actor_overload_stats *now, const struct actor_overload_stats *all);
	/* A message was lost, of any actor of this group (actor_dead_letters). */
	int (*on_dead_letter)(actor *self, const struct actor_dead_letter *letter);
};

ACTOR_EXPORT void *actor_state(actor *self);
ACTOR_EXPORT actor_ref actor_self(const actor *self);
ACTOR_EXPORT actor_group *actor_group_of(actor *self);
/*
 * True once this actor was asked to stop. A stop waits for the handler and ends nothing that it waits in (a
 * kill does, with -ECANCELED): those that run long, or try again, ask this.
 */
ACTOR_EXPORT bool actor_stopping(const actor *self);

/*
 * Starts an actor in this group and waits for its init (in a handler: parks). 0; what init returned; -ENOMEM;
 * -ECANCELED: it, or the calling actor, was ended meanwhile. @behavior lives as long as the group.
 */
ACTOR_EXPORT int actor_spawn_sized(actor *self, const struct actor_behavior *behavior, size_t behavior_bytes,
	const void *arg, actor_ref *ret);
static inline int actor_spawn(
	actor *self, const struct actor_behavior *behavior, const void *arg, actor_ref *ret)
{
	return actor_spawn_sized(self, behavior, sizeof(*behavior), arg, ret);
}
/*
 * The same, and linked with it (see Links in monitor.h), or monitored, from before its first step. If init
 * fails, the function says so, and no signal or DOWN comes of it.
 */
ACTOR_EXPORT int actor_spawn_link_sized(actor *self, const struct actor_behavior *behavior,
	size_t behavior_bytes, const void *arg, actor_ref *ret);
static inline int actor_spawn_link(
	actor *self, const struct actor_behavior *behavior, const void *arg, actor_ref *ret)
{
	return actor_spawn_link_sized(self, behavior, sizeof(*behavior), arg, ret);
}
ACTOR_EXPORT int actor_spawn_monitor_sized(actor *self, const struct actor_behavior *behavior,
	size_t behavior_bytes, const void *arg, actor_ref *ret, uint64_t *ret_monitor);
static inline int actor_spawn_monitor(actor *self, const struct actor_behavior *behavior, const void *arg,
	actor_ref *ret, uint64_t *ret_monitor)
{
	return actor_spawn_monitor_sized(self, behavior, sizeof(*behavior), arg, ret, ret_monitor);
}
/*
 * Ends an actor: after the message it is handling, queued ones are dropped. reason NULL: "normal". Any actor,
 * anywhere; itself too.
 */
ACTOR_EXPORT int actor_stop(actor *self, actor_ref who, const char *reason);
/* At once, without terminate; what it waits in ends with -ECANCELED. */
ACTOR_EXPORT int actor_kill(actor *self, actor_ref who);

#ifdef __cplusplus
}
#endif

#endif

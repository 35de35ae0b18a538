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

/*
 * The answer of one target: a reply (r is 0 or -EREMOTEIO, and msg is set), or the reason why there is none.
 */
struct actor_answer {
	actor_ref who; /* the target; nobody: it was not found */
	int r;         /* a result as of actor_call() */
	actor_msg *msg;
};

struct actor_pg_event {
	bool joined; /* false: it left, or it ended */
	const char *scope, *group;
	actor_ref who;
	uint64_t id; /* the number of the membership, unique within its process */
	/* One msgpack value, nil if none was given. It lives until the handler returns. */
	const void *metadata;
	size_t metadata_bytes;
};

struct actor_overload_stats; /* actor/overload.h */
struct actor_dead_letter;

enum actor_name_change {
	ACTOR_NAME_REGISTERED,   /* nobody had the name before */
	ACTOR_NAME_UNREGISTERED, /* nobody has the name any more */
	ACTOR_NAME_REPLACED,     /* the name went from one actor to another and was never free */
};

struct actor_name_event {
	enum actor_name_change change;
	const char *name; /* lives until the handler returns */
	actor_ref who;    /* the actor that has the name now; of `unregistered`: that had it */
	actor_ref was;    /* of `replaced`: the actor that had the name; else nobody */
};

/*
 * A handler returns 0 or a negative errno. After a negative errno the actor ends with the reason "crash:
 * <errno>", and its monitors hear of it. So a handler should return only the failures after which the actor
 * cannot go on; a cast that failed (-EBUSY, -EMSGSIZE …) is seldom one of them. A call handler answers with
 * actor_reply or actor_reply_error before it returns, or keeps the address (actor_from_keep). A caller
 * without an answer gets the error `no_reply`.
 */
struct actor_method {
	const char *name;
	int (*on_call)(actor *self, const actor_msg *msg, actor_from *from);
	int (*on_cast)(actor *self, const actor_msg *msg);
	const char *args; /* for people and tools, such as "n:int"; `actorctl describe` shows args and doc */
	const char *doc;
};

struct actor_behavior {
	const char *name; /* the name of this kind of actor, for people */
	/*
	 * The size of the zeroed memory that each actor gets, see actor_state(). The memory is freed after
	 * terminate.
	 */
	size_t state_size;
	const struct actor_method *methods; /* the array ends with an entry without a name */
	/*
	 * The actor exists when init returns 0. A negative value makes the spawn fail with that value. init
	 * may call and wait.
	 */
	int (*init)(actor *self, const void *arg);
	/*
	 * The last function of the actor, on a stop, an exit signal and a handler's failure, but not on a
	 * kill. terminate may call and wait. The end of a group (TERM, actor_group_stop) stops all actors of
	 * the group at once, so other actors of the group may have ended already. An actor therefore saves
	 * its data by itself, or calls other groups.
	 */
	void (*terminate)(actor *self, const struct actor_cause *cause);
	/* A monitor went off. Each monitor goes off exactly once, after the last message of @who. */
	int (*on_down)(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause);
	/*
	 * Gets the messages that fit no method; @from is NULL for a cast. Without on_other, calls get
	 * `no_method`, and casts are counted and dropped. If the method exists for the other kind, the
	 * runtime says so: to a caller in the error's text, of a cast in the group's log.
	 */
	int (*on_other)(actor *self, const actor_msg *msg, actor_from *from);
	uint32_t mailbox_max_messages; /* 0: 4,096 */
	uint32_t mailbox_max_bytes;    /* 0: 1 MiB */
	/*
	 * The size of the stack that a handler has at least; 0: the group's (see Stacks in actor.h). At most
	 * ACTOR_STACK_MAX_BYTES.
	 */
	size_t stack_size_bytes;
	/* A process group that this actor monitors has changed (actor_pg_monitor). */
	int (*on_pg)(actor *self, uint64_t monitor, const struct actor_pg_event *event);
	/* A name that this actor watches has changed (actor_names_watch). */
	int (*on_name)(actor *self, uint64_t watch, const struct actor_name_event *event);
	/*
	 * An exit signal has come from @from and does not end this actor: an actor with on_exit traps exits
	 * (see Links in monitor.h, and actor_trap_exit). Signals of clean ends come here, too.
	 */
	int (*on_exit)(actor *self, actor_ref from, const struct actor_cause *cause);
	/*
	 * A request has its answer, and the actor did not wait for that answer (actor_request). @answer lives
	 * until the handler returns.
	 */
	int (*on_reply)(actor *self, uint64_t request, const struct actor_answer *answer);
	/*
	 * The actor's limits have taken away messages for it (actor/overload.h): @now counts those since the
	 * last on_overload, @all counts all. The event comes in the order of the actor's messages. While one
	 * such event waits in the mailbox, no other one is added.
	 */
	int (*on_overload)(
		actor *self, const struct actor_overload_stats *now, const struct actor_overload_stats *all);
	/* A message for any actor of this group was lost (actor_dead_letters). */
	int (*on_dead_letter)(actor *self, const struct actor_dead_letter *letter);
	/*
	 * Called once, after init has succeeded and its spawner was told, and before the first message. It
	 * may call and wait. A negative value ends the actor, as that of a handler does. It is not called
	 * when the actor was asked to end meanwhile.
	 */
	int (*post_start)(actor *self);
	/*
	 * When the actor ends with its parent (actor_spawn_options.owned): how long it may take to stop,
	 * until it is killed. 0: 5,000. ACTOR_FOREVER: as long as it takes.
	 */
	int64_t stop_timeout_ms;
	/*
	 * Writes what people should see of the actor's state (`actorctl inspect`; actor/sys.h) into @ret, as
	 * one value: actor_msg_pack(ret, "{s:I}", "total", total). It runs between two messages, also while
	 * the actor is suspended, and must not change the actor. After a negative errno who asked gets the
	 * error `bad_result`, and the actor goes on.
	 */
	int (*format_status)(actor *self, actor_msg *ret);
};

ACTOR_EXPORT void *actor_state(actor *self);
ACTOR_EXPORT actor_ref actor_self(const actor *self);
ACTOR_EXPORT actor_group *actor_group_of(actor *self);
/*
 * True once this actor was asked to stop. A stop waits until the handler returns; it does not end a wait
 * inside the handler. (A kill does, with -ECANCELED.) So a handler that runs long, or tries again, should ask
 * this.
 */
ACTOR_EXPORT bool actor_stopping(const actor *self);

/*
 * Starts an actor in this group and waits for its init (a handler is parked meanwhile). Returns 0; the result
 * of init; -ENOMEM; -ECANCELED when the new actor or the calling actor was ended meanwhile. @behavior must
 * live as long as the group.
 */
ACTOR_EXPORT int actor_spawn_sized(actor *self, const struct actor_behavior *behavior, size_t behavior_bytes,
	const void *arg, actor_ref *ret);
static inline int actor_spawn(
	actor *self, const struct actor_behavior *behavior, const void *arg, actor_ref *ret)
{
	return actor_spawn_sized(self, behavior, sizeof(*behavior), arg, ret);
}
/*
 * The same, but the new actor is linked with the caller (see Links in monitor.h), or monitored by it, before
 * it takes its first step. If init fails, the function returns its result, and no signal or DOWN comes.
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
 * Ends any actor, in any group, or the calling one. The message that the actor handles is finished, queued
 * messages are dropped. @reason NULL: "normal".
 */
ACTOR_EXPORT int actor_stop(actor *self, actor_ref who, const char *reason);
/* Ends an actor at once, without terminate. What the actor waits in ends with -ECANCELED. */
ACTOR_EXPORT int actor_kill(actor *self, actor_ref who);

#ifdef __cplusplus
}
#endif

#endif

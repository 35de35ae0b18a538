/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actor — message passing between crash-isolated actors
 *
 * An actor is state, a mailbox and a behavior; it handles one message at a time. Actors live in a *group*:
 * one operating-system process, so a crash ends one group and nobody else. Groups of one node find each other
 * through its broker and then talk directly.
 *
 * Threads.  Everything here belongs to the thread that runs the group (actor_group_run), unless a function
 *           says otherwise. Handlers run there one at a time; no locks are needed in an actor. A handler may
 *           wait (actor_call): it alone is parked, others go on.
 * Errors.   0 or positive is success, a negative errno is failure:
 *           -EINVAL      misuse
 *           -ENOMEM      out of memory
 *           -ESRCH       no such actor or name (noproc)
 *           -ECONNRESET  the target ended before it answered
 *           -ENOTCONN    no node is running, it went away, or it no longer knows this process
 *           -ETIMEDOUT   the time is over; nothing is said about the target
 *           -EREMOTEIO   the target answered with a named error (actor_msg_error)
 *           -EDEADLK     a call to oneself or in a circle
 *           -ECANCELED   the calling actor was killed
 *           -EBUSY       the target's mailbox stayed full
 *           -EAGAIN      would have to wait, outside a handler
 *           -ENOBUFS     the daemon has no place for this group; its log says why
 *           -EEXIST      the name is taken
 *           -EMSGSIZE    too large
 *           -EPROTO      bad bytes
 *           -ERANGE      a number does not fit
 *           -EALREADY    answered twice
 *           -EPERM       not permitted
 *           -EDQUOT      the broker keeps no more for this group (a limit of names, memberships, watches)
 * Memory.   Strings and arrays passed in are borrowed for the call. What is returned through ret_msg is freed
 *           with actor_msg_free.
 * Names.    Of actors, methods and errors: 1 to 255 bytes of UTF-8 without control characters, else -EINVAL.
 * Bytes.    Bodies are msgpack: the arguments of a message are an array, a result is one value
 *           (docs/protocol.md).
 * Limits.   A body: ACTOR_BODY_MAX_BYTES, nested at most 64 deep (the array of arguments counts). A mailbox:
 *           see struct actor_behavior. What is larger is refused where it is made: -EMSGSIZE to the sender,
 *           the error `too_big` to the caller when it is an answer. Answers that a group has not read: beyond
 *           4 MiB what it asks next waits, unhandled, until it has read them (32 MiB; then its link is ended,
 *           with a line in the log); beyond 64 MiB its calls are answered with the error `overloaded`.
 * Stacks.   Handlers run on stacks of 256 KiB (reserved; memory is what is touched), not on the thread's 8
 *           MiB. A behavior or a group may want more: stack_size_bytes. Running over the end is a SIGSEGV;
 *           under actor_main() stderr says "stack overflow", the actor, its method and the functions (of any
 *           program that was not stripped). From 16,000 stacks on they have no guard; what ran over the end
 *           of one of those ends in abort() later.
 */
#ifndef ACTOR_ACTOR_H
#define ACTOR_ACTOR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define ACTOR_EXPORT __attribute__((visibility("default")))
#else
#define ACTOR_EXPORT
#endif

#define ACTOR_VERSION             "0.1.0"
#define ACTOR_FOREVER             INT64_C(-1)
#define ACTOR_TIMEOUT_DEFAULT     INT64_C(-2) /* 5,000 ms */
#define ACTOR_STACK_DEFAULT_BYTES (256u << 10)
#define ACTOR_STACK_MIN_BYTES     (64u << 10)
#define ACTOR_STACK_MAX_BYTES     (1u << 30)
#define ACTOR_BODY_MAX_BYTES      ((16u << 20) - 4096u) /* arguments or result of one message */

typedef struct actor_group actor_group; /* this process: its actors, its loop, its links */
typedef struct actor actor;             /* an actor, seen from its own handlers */
typedef struct actor_msg actor_msg;     /* a received message, a reply, or a body being written */
typedef struct actor_from actor_from;   /* whom to answer */

/*
 * An actor's address. Plain data: copy, compare, store, print, send. Never reused. All zero: nobody. serial
 * 0: the group itself.
 */
typedef struct actor_ref {
	uint64_t node;
	uint64_t group;
	uint64_t serial;
} actor_ref;

#define ACTOR_NOBODY       ((actor_ref){0, 0, 0})
#define ACTOR_REF_TEXT_MAX 56 /* "<node.group.serial>" and its NUL */

static inline bool actor_ref_equal(actor_ref a, actor_ref b)
{
	return a.serial == b.serial && a.group == b.group && a.node == b.node;
}
static inline bool actor_ref_is_nobody(actor_ref a)
{
	return !a.serial && !a.group && !a.node;
}
/* Writes "<node.group.serial>" (lower-case hexadecimal) and returns @text. */
ACTOR_EXPORT char *actor_ref_format(actor_ref ref, char text[ACTOR_REF_TEXT_MAX]);
/* 0, or -EINVAL when @text is not exactly what actor_ref_format() writes. */
ACTOR_EXPORT int actor_ref_parse(const char *text, actor_ref *ret);

/*
 * Where something is sent: an actor, whoever has a name at that moment, or members of a process group. Passed
 * by value; strings are borrowed for the call. Made by the functions below, not by hand. A name is looked up
 * each time (in a cache that the broker keeps current), so it follows an actor that was started again; a ref
 * means one life of one actor.
 */
typedef struct actor_dest {
	union {
		actor_ref ref;
		struct {
			const char *scope;
			const char *key;
			uint64_t how; /* enum actor_dest_how */
		} by;                 /* with a name */
	} to;
	const char *name; /* NULL: ref says where */
} actor_dest;

enum actor_dest_how {
	ACTOR_DEST_NAME,      /* a registered name */
	ACTOR_DEST_NAME_WAIT, /* the same; waits until somebody has it */
	ACTOR_DEST_PG_ANY,    /* a member of a process group, one after the other */
	ACTOR_DEST_PG_RANDOM,
	ACTOR_DEST_PG_KEY,
	ACTOR_DEST_PG_LEAST,
	ACTOR_DEST_PG_ALL,
};

static inline actor_dest actor_dest_make(uint64_t how, const char *scope, const char *name, const char *key)
{
	actor_dest to;

	to.to.by.scope = scope;
	to.to.by.key = key;
	to.to.by.how = how;
	to.name = name ? name : "";
	return to;
}
static inline actor_dest actor_to(actor_ref ref)
{
	actor_dest to;

	to.to.ref = ref;
	to.name = (const char *)0;
	return to;
}
/* NULL is a name that is none: -EINVAL from whatever is sent there. */
static inline actor_dest actor_named(const char *name)
{
	return actor_dest_make(ACTOR_DEST_NAME, (const char *)0, name, (const char *)0);
}
/*
 * The same, and if nobody has the name (its owner is being started again): waits until somebody has. A call
 * for no longer than its time-out, then -ETIMEDOUT; a cast for 5 s, then -ESRCH.
 */
static inline actor_dest actor_named_wait(const char *name)
{
	return actor_dest_make(ACTOR_DEST_NAME_WAIT, (const char *)0, name, (const char *)0);
}
/*
 * One member of a process group (see actor_pg_join; scope NULL: ACTOR_PG_SCOPE): each in its turn. -ESRCH
 * when there is none. A call to a member that turns out to have ended before the call came is made to
 * another.
 */
static inline actor_dest actor_to_pg(const char *scope, const char *group)
{
	return actor_dest_make(ACTOR_DEST_PG_ANY, scope, group, (const char *)0);
}
/* One by chance, each with the same chance. */
static inline actor_dest actor_to_pg_random(const char *scope, const char *group)
{
	return actor_dest_make(ACTOR_DEST_PG_RANDOM, scope, group, (const char *)0);
}
/*
 * The one that a key belongs to (rendezvous hashing): the same for everybody who asks, and while it is a
 * member. When a member comes or goes only its own keys move.
 */
static inline actor_dest actor_to_pg_key(const char *scope, const char *group, const char *key)
{
	return actor_dest_make(ACTOR_DEST_PG_KEY, scope, group, key);
}
/*
 * The one to which this process has the fewest calls open that were made this way; equals in turn. From a
 * group with a single link: each in its turn.
 */
static inline actor_dest actor_to_pg_least(const char *scope, const char *group)
{
	return actor_dest_make(ACTOR_DEST_PG_LEAST, scope, group, (const char *)0);
}
/*
 * All members, each once, however often it joined; for casts. One message goes to each process, which hands
 * it out there. Nobody there is no error. -EBUSY, and nobody gets it, when one of them takes nothing for 5 s.
 * Order: among what one actor casts to all, not with what it sends to one of them. From a group with a single
 * link it goes by the broker, as all it sends; then a member of another process group that takes nothing may
 * be waited for, too. The arguments may be nested 63 deep.
 */
static inline actor_dest actor_to_pg_all(const char *scope, const char *group)
{
	return actor_dest_make(ACTOR_DEST_PG_ALL, scope, group, (const char *)0);
}

/*
 * What a result of this library means, for people: a sentence without a full stop; static. @r: as returned,
 * -EBUSY and EBUSY are the same.
 */
ACTOR_EXPORT const char *actor_strerror(int r);

/* ---- why something ended ---- */

enum actor_exit_kind {
	ACTOR_EXIT_NONE,   /* an actor ended; its process may live on */
	ACTOR_EXIT_STATUS, /* the process exited: code */
	ACTOR_EXIT_SIGNAL, /* a signal ended it: code is its number */
	ACTOR_EXIT_EXEC,   /* it never ran: code is the errno of exec */
};

/*
 * reason: normal, shutdown, killed, noproc, noconnection, exit (status ≠ 0), signal, exec, or what the actor
 * said.
 */
struct actor_cause {
	char reason[64];
	enum actor_exit_kind kind;
	int code;
	bool core;
	char text[256]; /* more for people; may be empty */
};

/* normal and shutdown are clean ends: a transient child is not restarted after them (OTP's table). */
ACTOR_EXPORT bool actor_cause_is_clean(const struct actor_cause *cause);

/* ---- messages ---- */

/*
 * Format strings, as in jansson and sd-bus. Packing takes values, unpacking takes pointers to them:
 *
 *   i    int
 *   I    int64_t
 *   u    unsigned
 *   U    uint64_t
 *   b    bool (int when packing)
 *   f    double
 *   n    nil
 *   s    const char *, NUL-terminated; unpacked: a copy that lives as long as the message
 *   s#   const char *, size_t; unpacked: points into the message
 *   y#   const void *, size_t (bin); unpacked: points into the message
 *   r    actor_ref
 *   o    const struct msgpack_object * (msgpack-c); unpacked: lives as long as the message
 *   m    const void *, size_t: one ready-made msgpack value, copied as it is; unpacked: points into the
 *        message
 *   [ ]  an array of what stands between
 *   { }  a map: alternating `s` keys and values. Unpacking takes literal keys as arguments, in any order;
 *        unknown keys are skipped; a missing key is -ENOENT unless a ? stands behind its value:
 *        "{s:I,s:s?}"
 *   ?    (unpacking) behind a value, at the end of arrays too: it may be missing, or nil. What its pointers
 *        point to is then left as it was.
 *   *    (unpacking) at the end: further elements are allowed
 *
 * Spaces, commas and colons are for the eye. A NULL `s` is packed as nil, but nil is not unpacked into `s`
 * (write s?); neither is a str with a NUL byte in it (write s#).
 *
 * A message's arguments: the format's values are the elements of the array ("Is" → [1, "x"]). A result is
 * exactly one value ("" → nil).
 */

ACTOR_EXPORT const char *actor_msg_method(const actor_msg *msg); /* "" for a reply */
ACTOR_EXPORT actor_ref actor_msg_sender(const actor_msg *msg);
/* The raw msgpack: args (an array), or the result. */
ACTOR_EXPORT const void *actor_msg_body(const actor_msg *msg, size_t *ret_size_bytes);
/*
 * 0, -EPROTO (type or count differs; nothing written is meaningful), -ERANGE, -ENOENT, -EREMOTEIO for an
 * error reply.
 */
ACTOR_EXPORT int actor_msg_unpack(const actor_msg *msg, const char *format, ...);
ACTOR_EXPORT int actor_msg_vunpack(const actor_msg *msg, const char *format, va_list args);
/* The body as msgpack-c's object; lives as long as the message. NULL when out of memory. */
struct msgpack_object;
ACTOR_EXPORT const struct msgpack_object *actor_msg_object(const actor_msg *msg);
/* Name of the error this reply carries, or NULL; its text for people. */
ACTOR_EXPORT const char *actor_msg_error(const actor_msg *msg);
ACTOR_EXPORT const char *actor_msg_error_text(const actor_msg *msg);
ACTOR_EXPORT actor_msg *actor_msg_free(actor_msg *msg); /* NULL is fine; returns NULL */

/*
 * A body written by hand, for the _msg forms: with a format, or through msgpack-c's packer
 * (msgpack_packer_init(&pk, msg, actor_msg_write)). One value: an array of arguments ("[Is]"), or a result.
 * Reading it back, too, is as for a result: one value. An array of a length known only at run time is the
 * packer's business.
 */
ACTOR_EXPORT int actor_msg_new(actor_msg **ret);
ACTOR_EXPORT int actor_msg_pack(actor_msg *msg, const char *format, ...); /* appends the values, bare */
ACTOR_EXPORT int actor_msg_vpack(actor_msg *msg, const char *format, va_list args);
ACTOR_EXPORT int actor_msg_write(void *msg, const char *data, size_t size_bytes);

/*
 * Sized structs. A behavior, the options of a group, and what is said and heard of a process may grow by
 * fields at their ends. Functions that take one are inline here and hand on its size as this header has it
 * (…_sized), so a program that was built before a field came does not know it and need not. A library that is
 * older than the header refuses a field that it does not know, if it is not zero: -E2BIG. Other languages
 * call the _sized functions.
 */

/* ---- behaviors ---- */

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
	 * what its handlers have at least; 0: the group's (see Stacks above); at most ACTOR_STACK_MAX_BYTES
	 */
	size_t stack_size_bytes;
	/* A process group that it monitors has changed (actor_pg_monitor). */
	int (*on_pg)(actor *self, uint64_t monitor, const struct actor_pg_event *event);
	/* A name that it watches has changed (actor_names_watch). */
	int (*on_name)(actor *self, uint64_t watch, const struct actor_name_event *event);
	/*
	 * An exit signal has come from @from, and does not end this actor: an actor that has on_exit traps
	 * exits (see Links, and actor_trap_exit). Also of a clean end.
	 */
	int (*on_exit)(actor *self, actor_ref from, const struct actor_cause *cause);
	/*
	 * A request has its answer, which nobody waited for (actor_request). @answer lives until it
	 * returns.
	 */
	int (*on_reply)(actor *self, uint64_t request, const struct actor_answer *answer);
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
 * Starts an actor in this group and waits for its init (in a handler: parks). 0, what init returned, -ENOMEM.
 * @behavior lives as long as the group.
 */
ACTOR_EXPORT int actor_spawn_sized(actor *self, const struct actor_behavior *behavior, size_t behavior_bytes,
	const void *arg, actor_ref *ret);
static inline int actor_spawn(
	actor *self, const struct actor_behavior *behavior, const void *arg, actor_ref *ret)
{
	return actor_spawn_sized(self, behavior, sizeof(*behavior), arg, ret);
}
/*
 * The same, and linked with it (see Links), or monitored, from before its first step. If init fails, the
 * function says so, and no signal or DOWN comes of it.
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

/* ---- sending ---- */

/*
 * actor_cast() - send and go on
 *
 * Order: casts and calls from one actor to another arrive in the order sent. A cast to a dead actor, or to a
 * name nobody has, is lost and that is no error. -EBUSY after 5 s when the target's mailbox stays full, or
 * its group takes nothing (it is busy, or was never met and does not answer) and 256 KiB wait for it; 0 does
 * not mean it was handled. 0 means: it is written, in the order sent. It leaves this process soon (when the
 * handler returns, or waits, or after 64 KiB), and what has left is not lost while the target lives. What has
 * not left is lost when this process crashes: a handler's last casts too, if the handler crashes before it
 * returns. See actor_flush(). An orderly end (actor_main, actor_group_free, actor_client_free) flushes first.
 * Between groups of which one has a single link (ACTOR_JOIN_BROKER) casts go by the broker, and those in its
 * hands are lost if it crashes, or if the target's process reads nothing for 30 s, which the broker's log
 * says. Shape: wire frame `cast` (docs/protocol.md §3). Source: gen_server:cast/2.
 */
ACTOR_EXPORT int actor_cast(actor *self, actor_dest to, const char *method, const char *format, ...);
/* @take_args: an array of arguments; freed and set to NULL on 0. NULL: none. */
ACTOR_EXPORT int actor_cast_msg(actor *self, actor_dest to, const char *method, actor_msg **take_args);

/*
 * actor_flush() - wait until what this group has sent has left the process
 *
 * Sent means: the kernel has it for the other group, and keeps it for that group even when this process is
 * killed now. That includes first contact (the two groups are being introduced) and a full socket (the other
 * group does not read). For a group with a single link, and for what is sent to one, the kernel has it for
 * the broker.
 * @timeout_ms: or ACTOR_TIMEOUT_DEFAULT, ACTOR_FOREVER; 0: what can leave without waiting leaves, and the
 * result says if that was all. Only this actor waits (parks). Casts, calls, answers and all else of every
 * actor of this group is waited for, messages within the group are not. 0: all of it has left, or was for
 * groups that have ended. -ETIMEDOUT: some has not; the group's log says how many bytes for whom, and they go
 * on waiting in order. -ENOTCONN: some will never leave, because the daemon or the node is gone. -ECANCELED,
 * -ENOMEM, -EINVAL outside a handler of @self.
 */
ACTOR_EXPORT int actor_flush(actor *self, int64_t timeout_ms);

/*
 * actor_call() - ask and wait for the answer; only this actor waits
 *
 * @timeout_ms: or ACTOR_TIMEOUT_DEFAULT, ACTOR_FOREVER
 * @ret_msg: the reply; may be NULL. Set on 0 and on -EREMOTEIO (the named error); NULL otherwise. Ends
 * exactly once: 0, -EREMOTEIO, -ESRCH at once for a dead target, -ECONNRESET when it ends before answering,
 * -ETIMEDOUT, -EDEADLK, -ECANCELED. A late reply goes nowhere. Nothing is ever sent twice. Source:
 * gen_server:call/3. The time-out is for all of it: finding a name, waiting while the target's mailbox is
 * full (where a cast would be -EBUSY), the answer. -EDEADLK: a call to oneself, or to who waits for an answer
 * of the caller, of whom the caller is answering, and so on, in this and other processes, over up to 16
 * calls. A circle that is closed by a call still queued elsewhere is not seen and ends with the time-outs.
 */
ACTOR_EXPORT int actor_call(actor *self, actor_dest to, const char *method, int64_t timeout_ms,
	actor_msg **ret_msg, const char *format, ...);
ACTOR_EXPORT int actor_call_msg(actor *self, actor_dest to, const char *method, int64_t timeout_ms,
	actor_msg **take_args, actor_msg **ret_msg);

/*
 * actor_request() - ask, and go on; the answer comes later
 *
 * What actor_call() does, without the wait for the answer: it may wait until it can be sent, as a cast. The
 * answer, or why there is none, comes once: to whoever waits for it with actor_request_wait(), else to
 * on_reply of this actor, in the order of its messages. An actor without on_reply waits, or cancels: until
 * then the answer is kept. @timeout_ms is for all of it, as of a call; its end is an answer (-ETIMEDOUT) too.
 * A circle of requests is not seen. 0, *ret_request is its number, never used again; else as actor_call(),
 * and no answer comes. The actor's end forgets its requests. Source: gen_server:send_request/2.
 */
ACTOR_EXPORT int actor_request(actor *self, actor_dest to, const char *method, int64_t timeout_ms,
	uint64_t *ret_request, const char *format, ...);
/* @take_args: freed and set to NULL on 0. */
ACTOR_EXPORT int actor_request_msg(actor *self, actor_dest to, const char *method, int64_t timeout_ms,
	actor_msg **take_args, uint64_t *ret_request);
/*
 * Waits for the first answer to one of @n requests, or to any of this actor (@n 0), and takes it: it does not
 * come to on_reply. 0, *ret is the answer, its msg to be freed; -ETIMEDOUT, they all go on; -ESRCH none of
 * them is open (taken, handled, cancelled, forwarded); -ECANCELED. To wait for all: call it until -ESRCH.
 */
ACTOR_EXPORT int actor_request_wait(actor *self, const uint64_t *requests, size_t n, int64_t timeout_ms,
	uint64_t *ret_request, struct actor_answer *ret);
/* No answer of it comes after this; what was asked is not called back. True when it was open. */
ACTOR_EXPORT bool actor_request_cancel(actor *self, uint64_t request);
/*
 * A request whose result is cast to @forward_to as the only argument of @forward_method. A failure of the
 * call comes to this actor, as the answer of the request. Source: ractor's call_and_forward.
 */
ACTOR_EXPORT int actor_call_and_forward(actor *self, actor_dest to, const char *method, int64_t timeout_ms,
	actor_ref forward_to, const char *forward_method, uint64_t *ret_request, const char *format, ...);

/*
 * actor_multicall() - ask several at once, and wait for all
 *
 * @answers: room for @n, filled in the order of @to, each exactly once. The time-out is for all together: who
 * has not answered by then is -ETIMEDOUT, the others are not held up by it. Return: the number of replies (r
 * is 0), or -EINVAL, -ENOMEM, -ECANCELED: then no answer is set. actor_answers_clear() frees what came. That
 * two wait for each other in a circle is not seen here, unless it is a call to oneself: it ends with the
 * time-out. Source: gen_server:multi_call.
 */
ACTOR_EXPORT int actor_multicall(actor *self, const actor_dest *to, size_t n, const char *method,
	int64_t timeout_ms, struct actor_answer *answers, const char *format, ...);
/*
 * The same of all members of a process group, each once. *ret: @ret_n of them, freed with
 * actor_answers_free(); NULL if there is none.
 */
ACTOR_EXPORT int actor_pg_multicall(actor *self, const char *scope, const char *group, const char *method,
	int64_t timeout_ms, struct actor_answer **ret, size_t *ret_n, const char *format, ...);
ACTOR_EXPORT void actor_answers_clear(struct actor_answer *answers, size_t n);
ACTOR_EXPORT struct actor_answer *actor_answers_free(struct actor_answer *answers, size_t n);

/*
 * actor_reply() - answer a call, once
 *
 * 0: the caller has its answer, or a named error that says why it cannot be sent: `too_big` (more than
 * ACTOR_BODY_MAX_BYTES), `bad_result` (an `m`, `o` or message that is malformed or nested more than 64 deep),
 * `overloaded` (no memory, or 64 MiB of unread answers). So `return actor_reply(...)` never ends an actor by
 * what its data is. Negative: misuse, and the call is still open: -EINVAL (a format that is none, or not one
 * value), -EALREADY (answered before); -ESRCH: a kept address that is over, see actor_from_keep().
 */
ACTOR_EXPORT int actor_reply(actor_from *from, const char *format, ...);
/* @take_result: freed and set to NULL on 0. */
ACTOR_EXPORT int actor_reply_msg(actor_from *from, actor_msg **take_result);
/* @error: a name like "counter.bad_argument"; @text for people, printf-like. */
ACTOR_EXPORT int actor_reply_error(actor_from *from, const char *error, const char *text, ...)
	__attribute__((format(printf, 3, 4)));
/*
 * actor_from_keep() - answer after the handler has returned, with what is returned here; any actor of this
 * group may
 *
 * It is a handle, and is over when the call is answered, when actor_from_free() gave it up, or when the actor
 * that was called has ended (which answered `down`). What is over costs nothing and may be held for as long
 * as one likes: answering it is -ESRCH, freeing it does nothing. @from itself is valid until its handler
 * returns, no longer. NULL when out of memory, or answered already.
 */
ACTOR_EXPORT actor_from *actor_from_keep(actor_from *from);
ACTOR_EXPORT actor_from *actor_from_free(actor_from *kept);    /* unanswered: answers no_reply */
ACTOR_EXPORT actor_ref actor_from_ref(const actor_from *from); /* who asked; nobody when it is over */
/* How long the caller goes on waiting, rounded up; 0: no longer, or it is over; ACTOR_FOREVER. */
ACTOR_EXPORT int64_t actor_from_time_left_ms(const actor_from *from);

/* ---- names, monitors, timers ---- */

/*
 * Unique on the node. 0 (also when it is its own already), -EEXIST, -EINVAL, -EPERM (names that begin with
 * $), -ENOTCONN, -ETIMEDOUT. Given back when the actor ends, before its monitors hear of it.
 */
ACTOR_EXPORT int actor_register(actor *self, const char *name);
/* A name, and which actor of this group is to have it; nobody: the one that asks. */
struct actor_name {
	const char *name;
	actor_ref who;
};
/*
 * Registers @n names in one round trip: all of them, or none, and then nobody has seen one. 0; -EEXIST one of
 * them is taken; -EINVAL (also if one is there twice); -EMSGSIZE more than 16,384; -ESRCH an actor that is
 * none of this group; else as actor_register(). Source: gproc:mreg.
 */
ACTOR_EXPORT int actor_register_all(actor *self, const struct actor_name *names, size_t n);
/*
 * A name that an actor of this group has leads to @who, another one of it, from now on. Whoever looks finds
 * one of the two at each moment, and who watches is told once. 0, -ESRCH no actor of this group has the name,
 * or @who is none; -ENOTCONN, -ETIMEDOUT: it is back with who had it. Source: gproc:give_away.
 */
ACTOR_EXPORT int actor_name_replace(actor *self, const char *name, actor_ref who);
/* 0, -ESRCH when it is not its own. */
ACTOR_EXPORT int actor_unregister(actor *self, const char *name);
/* 0, -ESRCH. Answered from a cache that the broker keeps current; asks it the first time (parks). */
ACTOR_EXPORT int actor_whereis(actor *self, const char *name, actor_ref *ret);
/* Waits until somebody has it: 0, -ETIMEDOUT. @timeout_ms: at most a day; or ACTOR_TIMEOUT_DEFAULT. */
ACTOR_EXPORT int actor_whereis_wait(actor *self, const char *name, int64_t timeout_ms, actor_ref *ret);

/*
 * Patterns of names. "" or NULL: all. Without one of * ? [ \ a pattern is a prefix. With one of them it is for
 * the whole name: * any characters, ? one character, [abc] [a-z] [!a-z] one of a set, \ takes the meaning of
 * the next. So "app" and "app*" are the same, and "\app" is that name alone. At most 255 bytes.
 */
/* What is registered now and fits, in order: "[[name, ref] …]". */
ACTOR_EXPORT int actor_names(actor *self, const char *pattern, actor_msg **ret);
/*
 * actor_names_watch() - on_name of this actor for each change of a name that fits, from now on
 *
 * @ret_snapshot: what is there now, as of actor_names(). NULL: it comes as events, registered, before
 * all others. Nothing is missed between it and the first event, and each event comes once. Also over a
 * restart of the broker: then what has really changed meanwhile is told. Without memory to tell it of a
 * change, this actor is killed. 0, -EINVAL, -EDQUOT (64 watches of one process), -ENOTCONN, -ETIMEDOUT,
 * -ENOMEM.
 */
ACTOR_EXPORT int actor_names_watch(
	actor *self, const char *pattern, uint64_t *ret_watch, actor_msg **ret_snapshot);
/* No on_name of it comes after this. True when it was one of this actor. */
ACTOR_EXPORT bool actor_names_unwatch(actor *self, uint64_t watch);

/* ---- process groups ---- */

/*
 * A process group is a named set of actors anywhere on the node, in a scope (a name as well; NULL:
 * ACTOR_PG_SCOPE). It is there while it has members. An actor may join several times and is then a member
 * several times; it leaves as often, the newest membership first. Memberships end with the actor, before its
 * monitors hear of that, and with its process. They outlive a crash of the broker: each group of actors
 * announces its own again, and who looks at a process group meanwhile sees it as it was. Who is a member is
 * asked of the broker once; from then on it keeps the answer current, and looking, sending and picking cost
 * no message. Source: Erlang's pg; metadata, events without gaps and casts to all are added.
 */
#define ACTOR_PG_SCOPE "pg"

/*
 * 0; -EDQUOT at the limit (100,000 memberships, or 4 MiB of metadata, of one process); -EMSGSIZE
 * (metadata of more than 4,096 bytes, or members of more than 8 MiB in all); -EINVAL; -ENOTCONN,
 * -ETIMEDOUT: it is no member, though others may have seen it as one.
 */
ACTOR_EXPORT int actor_pg_join(actor *self, const char *scope, const char *group);
/* @take_metadata: one value, told with the membership to whoever monitors; freed and set to NULL on 0. */
ACTOR_EXPORT int actor_pg_join_msg(
	actor *self, const char *scope, const char *group, actor_msg **take_metadata);
/* 0; -ESRCH it is no member. */
ACTOR_EXPORT int actor_pg_leave(actor *self, const char *scope, const char *group);
/*
 * The memberships in the order of joining, at most @max of them into @refs. Return: how many there are, or a
 * negative errno; an unknown process group has 0.
 */
ACTOR_EXPORT int actor_pg_members(
	actor *self, const char *scope, const char *group, actor_ref *refs, size_t max);
/* The same of those in this process alone. */
ACTOR_EXPORT int actor_pg_local_members(
	actor *self, const char *scope, const char *group, actor_ref *refs, size_t max);
/* "[[group, members] …]" of a scope, and "[[scope, groups] …]": what is there now, in order. */
ACTOR_EXPORT int actor_pg_groups(actor *self, const char *scope, actor_msg **ret);
ACTOR_EXPORT int actor_pg_scopes(actor *self, actor_msg **ret);
/*
 * actor_pg_monitor() - on_pg of this actor for each change from now on
 *
 * @scope, @group: "" for all; so ("s", "") is all of a scope, ("", "") everything.
 * @ret_snapshot: what is there now, "[[scope, group, [[ref, id, metadata] …]] …]". NULL: it comes as events,
 * a join for each, before all others. Nothing is missed between it and the first event, and each event comes
 * once. Also over a restart of the broker: then
 * what has really changed meanwhile is told. Without memory to tell it of a change, this actor is killed. 0,
 * -EINVAL, -EDQUOT, -ENOTCONN, -ETIMEDOUT, -ENOMEM.
 */
ACTOR_EXPORT int actor_pg_monitor(
	actor *self, const char *scope, const char *group, uint64_t *ret_monitor, actor_msg **ret_snapshot);
/* No on_pg of it comes after this. True when it was one of this actor. */
ACTOR_EXPORT bool actor_pg_demonitor(actor *self, uint64_t monitor);

/*
 * One on_down, exactly once, also when @who is dead already (noproc) or its link is lost (noconnection).
 * serial 0: the process of that group; a monitor of the own process never goes off. 0, -EINVAL, -ENOMEM,
 * -ENOTCONN; of a process also -ETIMEDOUT (the spawner has not answered for 5 s), -ENOTCONN (it was away for
 * so long), -EREMOTEIO (it refused). When it is not 0, nothing is said about @who, and no on_down comes.
 */
ACTOR_EXPORT int actor_monitor(actor *self, actor_ref who, uint64_t *ret_monitor);
/* No on_down of it comes after this. True when it had not gone off. */
ACTOR_EXPORT bool actor_demonitor(actor *self, uint64_t monitor);

/*
 * Links. Two actors that are linked end together: when one ends, the other gets an *exit signal* with the
 * cause. There is one link at most between two; it goes both ways, whoever made it, over processes as well. A
 * signal comes after the last message of who ended, when its names are free.
 *
 *   signal                            receiver                receiver that traps exits
 *   a link ended: normal              nothing                 on_exit
 *   a link ended: any other reason    ends with that reason   on_exit
 *   actor_exit: normal, from another  nothing                 on_exit
 *   actor_exit: kill                  is killed               is killed
 *   actor_exit: any other reason      ends with that reason   on_exit
 *
 * To end here means: what the actor waits in ends with -ECANCELED, then terminate runs, so that what it holds
 * is given back (Erlang runs none). The end is that of a failure for actor_main, unless the reason is
 * shutdown. Who was killed ended with the reason killed, which can be trapped. A peer whose process is out of
 * reach, or who is dead already: noconnection, noproc. Source: Erlang's link/1, exit/2.
 *
 * 0, also when they are linked already; -EINVAL (nobody, or a process: link with an actor of it), -ENOMEM,
 * -ENOTCONN, -ECANCELED in terminate.
 */
ACTOR_EXPORT int actor_link(actor *self, actor_ref who);
/* No exit signal of the link comes after this, also if it has ended already. True when they were linked. */
ACTOR_EXPORT bool actor_unlink(actor *self, actor_ref who);
/* Whether exit signals come to on_exit. Return: whether they did before, or -EINVAL: it has no on_exit. */
ACTOR_EXPORT int actor_trap_exit(actor *self, bool trap);
/*
 * Sends an exit signal. @reason: NULL is "normal"; at most 63 bytes of it are told. 0; -ESRCH no such actor
 * here; else as actor_link().
 */
ACTOR_EXPORT int actor_exit(actor *self, actor_ref who, const char *reason);

/*
 * Timers. Times are of CLOCK_MONOTONIC, in milliseconds from the call on; what is due comes never early, and
 * late only as its actor or this process is busy. A timer is its actor's: it is over when that ends, also if
 * it is for another. The casts of timers are not held back by a full mailbox. There may be millions: one
 * costs some 150 bytes, and making, cancelling and firing it cost the same however many there are. 0; -EINVAL
 * (a time or a name that is none; an actor that is ending); -ENOMEM, -EMSGSIZE. @ret_timer: its number, never
 * used again; may be NULL. Source: erlang:send_after/3, timer:send_interval/3, ractor's time module.
 */

/* A cast to itself later. */
ACTOR_EXPORT int actor_send_after(
	actor *self, int64_t delay_ms, const char *method, uint64_t *ret_timer, const char *format, ...);
/*
 * A cast to whoever @to says when the time is over, from this actor. An actor of this group, given by its
 * ref, has it then. To any other it is sent in this actor's turn, as actor_cast() would (which may park this
 * actor); so it waits while this actor is in a handler. If it cannot be sent then, it is counted as dropped.
 */
ACTOR_EXPORT int actor_send_after_to(actor *self, int64_t delay_ms, actor_dest to, const char *method,
	uint64_t *ret_timer, const char *format, ...);
/*
 * actor_send_interval() - a cast to itself every @period_ms, until it is cancelled
 * The k-th tick is due at the start + k * period_ms, however late those before it were handled: it does not
 * drift. While a tick waits in the mailbox (or, if this process is late, is not in it yet) those that become
 * due are merged with it: they are one cast, and the next one comes at the next multiple of the period. So a
 * slow actor finds at most one tick. actor_timer_merged() says how many were merged with others so far; it is
 * 0 of what is no interval.
 */
ACTOR_EXPORT int actor_send_interval(
	actor *self, int64_t period_ms, const char *method, uint64_t *ret_timer, const char *format, ...);
/* The same to @to, as actor_send_after_to(). Over when @to is the ref of one of this group that has ended. */
ACTOR_EXPORT int actor_send_interval_to(actor *self, int64_t period_ms, actor_dest to, const char *method,
	uint64_t *ret_timer, const char *format, ...);
ACTOR_EXPORT uint64_t actor_timer_merged(actor *self, uint64_t timer);
/*
 * actor_stop() (no exit signal) and actor_kill() of @who later: itself, or any actor anywhere. Also while
 * this actor is parked in a handler; so a limit for a whole handler is a kill of itself. @reason: at most 255
 * bytes; NULL: "normal".
 */
ACTOR_EXPORT int actor_exit_after(
	actor *self, actor_ref who, int64_t delay_ms, const char *reason, uint64_t *ret_timer);
ACTOR_EXPORT int actor_kill_after(actor *self, actor_ref who, int64_t delay_ms, uint64_t *ret_timer);
/*
 * actor_idle_after() - a cast of @method, without arguments, to itself when nothing has come for @idle_ms
 * Counted from the end of its last handler (or init). Every message counts, also timers and on_down; waiting
 * in a handler is not idle. It comes again after each further @idle_ms in which nothing comes. ACTOR_FOREVER:
 * none any more. A call replaces the one before, and a cast of that one that was not handled yet does not
 * come. Source: the time-out that a gen_server's callback returns; here it stays until it is changed.
 */
ACTOR_EXPORT int actor_idle_after(actor *self, int64_t idle_ms, const char *method);
/*
 * No cast of it to this actor comes after this, not even one that waits in the mailbox already. True when it
 * was still to come, or is an interval. False: it was handled, sent, cancelled, or is not of this actor.
 */
ACTOR_EXPORT bool actor_timer_cancel(actor *self, uint64_t timer);
/*
 * The same, and says how many milliseconds were left until it (an interval: its next tick) would have been
 * due: rounded up; 0 also if its cast waits to be handled. -ESRCH where the other says false.
 */
ACTOR_EXPORT int64_t actor_timer_cancel_left(actor *self, uint64_t timer);
/* How many are left, INT64_MAX if it is never due; nothing is cancelled. */
ACTOR_EXPORT int64_t actor_timer_left(actor *self, uint64_t timer);
/* Parks this actor. 0, -ECANCELED (killed). */
ACTOR_EXPORT int actor_sleep(actor *self, int64_t delay_ms);

/* ---- processes ---- */

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

/* ---- the group ---- */

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
 * Asks every actor to stop; actor_group_run returns when they have. May be called from any thread and from a
 * signal handler.
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
 * Watch a file descriptor: @method is cast to the actor with [fd, events] each time poll says so
 * (level-triggered, one at a time). events: POLLIN, POLLOUT. 0, -EINVAL, -EEXIST or another error of
 * epoll_ctl(2). unwatch: 0, -ENOENT.
 */
ACTOR_EXPORT int actor_watch_fd(actor *self, int fd, int events, const char *method);
ACTOR_EXPORT int actor_unwatch_fd(actor *self, int fd);

/* ---- other threads, signal handlers, functions that block ---- */

/*
 * An inlet is an actor's way in for other threads and for signal handlers of its process. What is posted
 * there is cast to the actor, in the order posted; its sender is the group (serial 0). An inlet may be used
 * for as long as one holds a reference, also when the actor, or the whole group, has ended: posting is -ESRCH
 * then. While the last reference is held, a descriptor stays open (one for all inlets of a group).
 */
typedef struct actor_inlet actor_inlet;

#define ACTOR_POST_BYTES_MAX 64

/*
 * @method: of what actor_post_bytes() posts. *ret: a reference, given up with actor_inlet_free(). 0; -EINVAL;
 * -ENOMEM (also: no descriptor).
 */
ACTOR_EXPORT int actor_inlet_new(actor *self, const char *method, actor_inlet **ret);
/* Another reference, for another thread. Any thread. Returns @inlet. */
ACTOR_EXPORT actor_inlet *actor_inlet_keep(actor_inlet *inlet);
/* Any thread, but no signal handler. NULL is fine; returns NULL. */
ACTOR_EXPORT actor_inlet *actor_inlet_free(actor_inlet *inlet);
/*
 * actor_post() - cast to the actor of an inlet from any thread
 * 0: it is cast, unless the actor ends before. It waits for nobody: -EBUSY when the mailbox is full and 4,096
 * posts, or 1 MiB, of this inlet wait before it; try again later. -ESRCH the actor has ended, -EINVAL,
 * -EMSGSIZE, -ENOMEM. Not in a signal handler: it allocates.
 */
ACTOR_EXPORT int actor_post(actor_inlet *inlet, const char *method, const char *format, ...);
ACTOR_EXPORT int actor_vpost(actor_inlet *inlet, const char *method, const char *format, va_list args);
/*
 * actor_post_bytes() - the same, async-signal-safe
 * Casts the inlet's method with one argument, the bytes (unpacked with "y#"): at most ACTOR_POST_BYTES_MAX.
 * Takes no lock and allocates nothing: an inlet has room for 64 of them that wait. 0, -ESRCH, -EMSGSIZE,
 * -EBUSY all 64 wait. Leaves errno as it was.
 */
ACTOR_EXPORT int actor_post_bytes(actor_inlet *inlet, const void *data, size_t size_bytes);

/*
 * actor_offload() - run a function that blocks on a helper thread; only this actor waits (parks)
 * @work is given a copy of @data (@data_bytes, aligned for anything) and may do what any thread may, but call
 * nothing of this library except what is for any thread. 0: it has returned, and @data is what it made of it.
 * @timeout_ms: or ACTOR_FOREVER, ACTOR_TIMEOUT_DEFAULT: how long to wait. A function cannot be ended from
 * outside: when the time is over (-ETIMEDOUT), or the actor is killed (-ECANCELED), it goes on and what it
 * returns with is dropped. Also -ENOMEM, -EAGAIN (no thread could be started).
 * @drop: may be NULL. In all these cases it gets the data, once: what the function made of the copy, or what
 * it was if the function never ran. So it frees what the data points to. It may run in any thread. -EINVAL
 * (also: outside a handler of @self): nothing was done.
 * Threads are started when needed, at most offload_threads_max of struct actor_group_options, and end when
 * they are idle for a second; more functions than threads wait in order. Signals are blocked in them. The
 * end of the group (actor_group_free) waits for functions that run, up to 8 s after its beginning; then they
 * are left to themselves, with a line in the log. Source: Erlang's dirty schedulers, tokio's spawn_blocking.
 */
ACTOR_EXPORT int actor_offload(actor *self, void (*work)(void *data), void *data, size_t data_bytes,
	void (*drop)(void *data), int64_t timeout_ms);

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

/* ---- blocking client, for tools and tests ---- */

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

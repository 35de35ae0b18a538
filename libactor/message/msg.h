/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message as an actor gets it, and the msgpack body of a message that is being written. Only object.c names
 * msgpack-c.
 *
 * A received message is one allocation: this struct, the method or error name, the text, the body. The
 * runtime queues the same object (the fields under "queue"), so a message costs one malloc from the link to
 * the handler.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/actor.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "libactor/util/list.h"

enum msg_kind {
	MSG_CAST,
	MSG_CALL,
	MSG_REPLY,
	MSG_DOWN,
	MSG_EXIT,
	MSG_PG,
	MSG_NAME,
	MSG_OVERLOAD, /* messages were lost (intake.c) */
	MSG_LETTER,   /* dead letters wait (dead-letters.c) */
	MSG_DRAINED,  /* all messages before this one were handled (drain.c) */
	MSG_ITEM,     /* an item of a stream, or its end (inflow.c); `id` is that of the stream */
	MSG_CANCEL,   /* a call was cancelled (cancel.c); `id` is that of its kept address */
	MSG_CREDIT,   /* a stream has credit again; `id` likewise */
	/* Messages of timers; `id` is that of the timer: */
	MSG_TIMER, /* a cast */
	MSG_TICK,  /* a cast of an interval, which goes on */
	MSG_DUE,   /* a timer of this actor is due, and the actor has to send its cast */
	MSG_NEXT,  /* a cast of the actor to itself, ahead of all that waits (actor_continue) */
};

struct actor_msg {
	/* queue: owned by the runtime */
	struct list link;
	enum msg_kind kind : 8;
	bool traced;           /* has a msg_trace() */
	bool wants_stream;     /* a call: has a msg_credit() */
	uint8_t block_size;    /* blocks.h */
	uint32_t charge_bytes; /* the bytes for which the message counts in a mailbox */
	uint64_t id;           /* of a call, a monitor (of an actor or of process groups), a watch, a timer */
	int64_t deadline_us;   /* of a call */
	uint64_t way;          /* of a call: the way by which it came (peer_way()) */
	/* Of a call that was made while another call was handled (wire_waits_read); in this allocation. */
	const uint8_t *waits;
	size_t waits_bytes;
	struct actor_cause *cause; /* of a DOWN and of an exit; owned */

	/* content */
	actor_ref sender;
	const char *method; /* NUL-terminated, in this allocation; "" for a reply */
	const char *error;  /* NULL, or the error name of a reply */
	union {
		const char *text; /* of a reply */
		int64_t came_ns;  /* of a cast or call that counts for limits; else 0 (intake.c) */
		uint64_t to;      /* of a call that waits in group->sys_asked: the serial of its target */
	};
	const uint8_t *body;
	size_t body_bytes;

	/* made on demand */
	void *arena;        /* copies for `s`, msgpack-c's objects; freed with the message */
	const void *object; /* the body as an object, in the arena */
	struct buf out;     /* a body that is being written; after packing, `body` points into it */
};

/*
 * Makes a message as one allocation and copies everything into it. @body NULL stands for an empty array, or
 * for nil in a reply. A message without a method is a reply (MSG_REPLY). A message with a method is a cast
 * until the caller sets its kind to MSG_CALL.
 */
int msg_new_received(
	actor_msg **ret, actor_ref sender, struct wire_str method, const void *body, size_t body_bytes);
/* The same, with the trace of the message; @trace NULL: none. */
int msg_new_traced(actor_msg **ret, actor_ref sender, struct wire_str method, const void *body,
	size_t body_bytes, const struct wire_trace *trace);
/* The same for a call that wants a stream; @credit NULL: for any other. */
int msg_new_call(actor_msg **ret, actor_ref sender, struct wire_str method, const void *body,
	size_t body_bytes, const struct wire_trace *trace, const struct wire_credit *credit);
/* The same from a frame (cast or call), with its trace. */
int msg_new_of_frame(actor_msg **ret, const struct wire_frame *frame);
int msg_new_error(actor_msg **ret, actor_ref sender, struct wire_str name, struct wire_str text);

/*
 * The trace of the message, or NULL. A trace lies behind the struct, in its allocation, because most messages
 * have none.
 */
static inline const struct wire_trace *msg_trace(const actor_msg *msg)
{
	return msg->traced ? (const struct wire_trace *)(msg + 1) : NULL;
}

/* The credit with which the call came, or NULL. It lies behind the trace. */
static inline const struct wire_credit *msg_credit(const actor_msg *msg)
{
	const char *at = (const char *)(msg + 1);

	return msg->wants_stream
		       ? (const struct wire_credit *)(at + (msg->traced ? sizeof(struct wire_trace) : 0))
		       : NULL;
}

enum body_kind {
	BODY_ARGS,   /* the values of the format become the elements of an array */
	BODY_RESULT, /* exactly one value; a format without a value means nil */
};

/*
 * Appends one body to @b. Returns 0; -EINVAL (bad format, or not exactly one value for a result); -EPROTO (an
 * `m` is not one well-formed value, an `o` or `m` is nested too deep); -EMSGSIZE (more than
 * ACTOR_BODY_MAX_BYTES); -ENOMEM. Only @b allocates memory. After a failure @b has its former length.
 */
int body_vpack(struct buf *b, enum body_kind kind, const char *format, va_list args);
int body_pack(struct buf *b, enum body_kind kind, const char *format, ...);
/*
 * Packs one body into @scratch, in place of what it has. A scratch that has grown large gives its memory back
 * first.
 */
int body_vpack_alone(struct buf *scratch, enum body_kind kind, const char *format, va_list args);
/* Appends the values alone, any number of them. */
int body_vpack_bare(struct buf *b, const char *format, va_list args);

/*
 * Reads a body by a format (actor_msg_unpack). @arena: receives copies; NULL at first (util/arena.h). Returns
 * the errors of actor_msg_unpack(), -EINVAL for a bad format, and -ENOMEM.
 */
int body_vunpack(const void *body, size_t body_bytes, enum body_kind kind, void **arena, const char *format,
	va_list args);
int body_unpack(
	const void *body, size_t body_bytes, enum body_kind kind, void **arena, const char *format, ...);

/*
 * Returns the finished body of a message that was written by hand. 0; -EINVAL when the body is not exactly
 * one value of that kind; -EMSGSIZE; -ENOMEM when writing had failed. A body that was never written means no
 * arguments, or nil.
 */
int msg_take_body(const actor_msg *msg, enum body_kind kind, const uint8_t **ret, size_t *ret_bytes);

/* SPDX-License-Identifier: Apache-2.0 */
/* Frames ⇄ bytes (docs/protocol.md §3). No I/O, no clock, no allocation while reading. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "actor/actor.h"
#include "libactor/util/buf.h"

#define WIRE_VERSION 1
/*
 * The size of the largest nng message, and so of the largest frame. ACTOR_BODY_MAX_BYTES is less and leaves
 * room for the other fields.
 */
#define WIRE_MESSAGE_MAX_BYTES (16u << 20)
#define WIRE_NAME_MAX_BYTES    255u

enum wire_type {
	WIRE_CAST = 1,
	WIRE_CALL,
	WIRE_REPLY,
	WIRE_ERROR,
	WIRE_STOP,
	WIRE_KILL,
	WIRE_MONITOR,
	WIRE_DEMONITOR,
	WIRE_DOWN,
	WIRE_PAUSE,
	WIRE_RESUME,
	WIRE_PING,
	WIRE_PONG,
	WIRE_BYE,
	WIRE_JOIN,
	WIRE_EXIT,
	WIRE_LINK,
	WIRE_UNLINK,
	WIRE_CANCEL,
	WIRE_ITEM,
	WIRE_CREDIT,
	WIRE_TYPE_N
};

struct wire_str {
	const char *s; /* borrowed, not NUL-terminated */
	size_t len;
};

static inline struct wire_str wire_str(const char *s, size_t len)
{
	return (struct wire_str){s, len};
}
static inline struct wire_str wire_cstr(const char *s)
{
	return wire_str(s, s ? strlen(s) : 0);
}
static inline bool wire_str_equal(struct wire_str a, struct wire_str b)
{
	return a.len == b.len && !memcmp(a.s, b.s, a.len);
}

/* The receiver of a frame: a ref, or a name when name.s is set. */
struct wire_dest {
	actor_ref ref;
	struct wire_str name;
};

#define WIRE_WAITS_MAX 16u

/* A field of a call: the calls whose callers wait until this call is answered, the nearest first. */
struct wire_waits {
	int64_t until_us; /* all of them wait at least until then (CLOCK_MONOTONIC); 0: for ever */
	uint32_t n;
	struct {
		actor_ref caller;
		uint64_t id;
	} calls[WIRE_WAITS_MAX];
};

/*
 * The trace of a message (docs/protocol.md §3): all that one message caused, in all processes. An answer has
 * the trace of its call.
 */
struct wire_trace {
	uint64_t id;     /* 0: the message belongs to no trace */
	uint64_t span;   /* of this message */
	uint64_t parent; /* of the message that the sender was handling; 0: the trace begins here */
};

/* How much the callee of a stream may send. Both numbers count from the beginning of the stream. */
struct wire_credit {
	uint64_t items;
	uint64_t bytes; /* of values */
};

struct wire_frame {
	enum wire_type type;
	struct wire_dest to;
	actor_ref from;
	struct wire_str
		method;       /* of cast and call; in error the error's name; in pause a name, s NULL: none */
	struct wire_str text; /* of error; the reason of stop and bye */
	const uint8_t *body;  /* arguments, result, value or cause: one well-formed msgpack value */
	size_t body_bytes;
	/*
	 * of call, reply, error, monitor, demonitor, down, exit, link, unlink, cancel, item, credit; in ping
	 * and pong the number; in join the group id
	 */
	uint64_t id;
	int64_t deadline_us;  /* of call */
	const uint8_t *waits; /* of call, to be read by wire_waits_read(); NULL: none */
	size_t waits_bytes;
	struct wire_trace trace;   /* of cast, call, reply, error */
	struct wire_credit credit; /* of credit; of call, if it wants a stream */
	uint64_t n_items;          /* of reply: the number of items before it */
	bool wants_stream;         /* of call */
	bool has_ref;       /* of pause, resume: to.ref is set (else the frame is about the whole link) */
	const uint8_t *raw; /* the bytes of the frame itself */
	size_t raw_bytes;
	/* where in raw the fields after `to` begin; needed to give a frame another receiver */
	size_t rest_offset;
};

/* Returns NULL when the frame belongs to no trace. */
static inline const struct wire_trace *wire_trace_of(const struct wire_frame *frame)
{
	return frame->trace.id ? &frame->trace : NULL;
}

/*
 * Reads the first frame of @data. *ret_used is the size of the frame. Returns 1, and *ret is filled; 0 when
 * the frame is well-formed but of an unknown type: only raw is set, and the caller skips the frame; -EPROTO,
 * and *ret means nothing.
 *
 * After 1 these facts hold. `to` is a name only in cast, call, stop, kill, monitor. Names and methods satisfy
 * wire_name_is_valid(). Arguments are an array, a cause is a map. The body is at most MP_DEPTH_MAX deep.
 * `from` is not ACTOR_NOBODY in call, monitor, demonitor, exit, link, unlink. Text is any bytes.
 */
int wire_parse(const void *data, size_t size_bytes, struct wire_frame *ret, size_t *ret_used);

/*
 * These functions append one frame; buf_error() shows failures. @body must be one well-formed value. NULL
 * means an empty array (cast, call), nil (reply) or an empty map (down).
 */
void wire_put_cast(struct buf *b, const struct wire_dest *to, actor_ref from, struct wire_str method,
	const void *body, size_t body_bytes);
void wire_put_call(struct buf *b, const struct wire_dest *to, actor_ref from, struct wire_str method,
	const void *body, size_t body_bytes, uint64_t id, int64_t deadline_us);
/* Writes a call that is made while another call is handled. @waits NULL or empty: as wire_put_call(). */
void wire_put_nested_call(struct buf *b, const struct wire_dest *to, actor_ref from, struct wire_str method,
	const void *body, size_t body_bytes, uint64_t id, int64_t deadline_us,
	const struct wire_waits *waits);
/* These functions also write the trace of the message. @trace NULL: no trace. */
void wire_put_traced_cast(struct buf *b, const struct wire_dest *to, actor_ref from, struct wire_str method,
	const void *body, size_t body_bytes, const struct wire_trace *trace);
void wire_put_traced_call(struct buf *b, const struct wire_dest *to, actor_ref from, struct wire_str method,
	const void *body, size_t body_bytes, uint64_t id, int64_t deadline_us, const struct wire_waits *waits,
	const struct wire_trace *trace);
void wire_put_traced_reply(struct buf *b, actor_ref to, actor_ref from, uint64_t id, const void *body,
	size_t body_bytes, const struct wire_trace *trace);
void wire_put_traced_error(struct buf *b, actor_ref to, actor_ref from, uint64_t id, struct wire_str name,
	struct wire_str text, const struct wire_trace *trace);
/* A call that wants a stream. */
void wire_put_stream_call(struct buf *b, const struct wire_dest *to, actor_ref from, struct wire_str method,
	const void *body, size_t body_bytes, uint64_t id, int64_t deadline_us, struct wire_credit credit,
	const struct wire_trace *trace);
/* The reply that ends a stream of @n_items. */
void wire_put_stream_reply(struct buf *b, actor_ref to, actor_ref from, uint64_t id, const void *body,
	size_t body_bytes, uint64_t n_items, const struct wire_trace *trace);
/* Reads frame.waits. Returns 0 or -EPROTO; never -EPROTO for a frame of wire_parse(). */
int wire_waits_read(const uint8_t *data, size_t size_bytes, struct wire_waits *ret);
/*
 * Functions to write a cast or a call in pieces: after the head the caller writes the array of arguments
 * directly into @b, and after that, for a call, the tail. If this fails, the caller resets b->size_bytes.
 */
void wire_put_cast_head(struct buf *b, const struct wire_dest *to, actor_ref from, struct wire_str method);
void wire_put_call_head(struct buf *b, const struct wire_dest *to, actor_ref from, struct wire_str method);
void wire_put_call_tail(struct buf *b, uint64_t id, int64_t deadline_us);
void wire_put_reply(
	struct buf *b, actor_ref to, actor_ref from, uint64_t id, const void *body, size_t body_bytes);
void wire_put_error(
	struct buf *b, actor_ref to, actor_ref from, uint64_t id, struct wire_str name, struct wire_str text);
void wire_put_stop(struct buf *b, const struct wire_dest *to, actor_ref from, struct wire_str reason);
void wire_put_kill(struct buf *b, const struct wire_dest *to, actor_ref from);
void wire_put_monitor(struct buf *b, const struct wire_dest *to, actor_ref from, uint64_t id);
void wire_put_demonitor(struct buf *b, actor_ref to, actor_ref from, uint64_t id);
void wire_put_down(
	struct buf *b, actor_ref to, actor_ref from, uint64_t id, const void *cause, size_t cause_bytes);
/* @id 0: actor_exit() sent the signal; else the id of the link that ended with @from. */
void wire_put_exit(
	struct buf *b, actor_ref to, actor_ref from, uint64_t id, const void *cause, size_t cause_bytes);
void wire_put_link(struct buf *b, actor_ref to, actor_ref from, uint64_t id);
/* @id: of the link that @to has made, if @from knows it; else 0. */
void wire_put_unlink(struct buf *b, actor_ref to, actor_ref from, uint64_t id);
/* @to ACTOR_NOBODY: the call was made by a name, and the broker knows whom it has asked. */
void wire_put_cancel(struct buf *b, actor_ref to, actor_ref from, uint64_t id);
void wire_put_item(
	struct buf *b, actor_ref to, actor_ref from, uint64_t id, const void *value, size_t value_bytes);
void wire_put_credit(struct buf *b, actor_ref to, actor_ref from, uint64_t id, struct wire_credit credit);
void wire_put_pause(struct buf *b, const actor_ref *ref);
/* @name: the name by which the receiver calls the actor @ref; s NULL: none. */
void wire_put_pause_named(struct buf *b, actor_ref ref, struct wire_str name);
void wire_put_resume(struct buf *b, const actor_ref *ref);
void wire_put_ping(struct buf *b, uint64_t n);
void wire_put_pong(struct buf *b, uint64_t n);
void wire_put_bye(struct buf *b, struct wire_str reason);
void wire_put_join(struct buf *b, uint64_t group);
/*
 * Appends a copy of @frame, which has a `to`, with @to as its receiver. The broker does this with a frame
 * that was sent to a name.
 */
void wire_put_readdressed(struct buf *b, const struct wire_frame *frame, actor_ref to);

/* A name that the protocol allows: 1..255 bytes of UTF-8 without control characters. */
bool wire_name_is_valid(const char *s, size_t len);

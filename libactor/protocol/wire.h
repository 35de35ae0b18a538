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
 * The largest nng message, and so the largest frame. ACTOR_BODY_MAX_BYTES is less: it leaves room for the
 * other fields.
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
struct wire_str wire_cstr(const char *s);
static inline bool wire_str_equal(struct wire_str a, struct wire_str b)
{
	return a.len == b.len && !memcmp(a.s, b.s, a.len);
}

/* Whom a frame is for: a ref, or a name when name.s is set. */
struct wire_dest {
	actor_ref ref;
	struct wire_str name;
};

#define WIRE_WAITS_MAX 16u

/*
 * Comes with a call. The calls whose callers wait until that call is answered, the nearest first.
 */
struct wire_waits {
	int64_t until_us; /* all of them wait at least until then (CLOCK_MONOTONIC); 0: for ever */
	uint32_t n;
	struct {
		actor_ref caller;
		uint64_t id;
	} calls[WIRE_WAITS_MAX];
};

/*
 * The trace that a message belongs to (docs/protocol.md §3): what one message caused, in all processes. In an
 * answer it is the trace of the call.
 */
struct wire_trace {
	uint64_t id;     /* 0: the message belongs to no trace */
	uint64_t span;   /* of this message */
	uint64_t parent; /* of the message that the sender was handling; 0: the trace begins here */
};

struct wire_frame {
	enum wire_type type;
	struct wire_dest to;
	actor_ref from;
	struct wire_str method; /* cast, call; the error name in error; the name in pause, s NULL: none */
	struct wire_str text;   /* error text; reason of stop and bye */
	const uint8_t *body;    /* args, result or cause: one well-formed msgpack value */
	size_t body_bytes;
	/*
	 * call, reply, error, monitor, demonitor, down, exit, link, unlink; n of ping and pong; group id of
	 * join
	 */
	uint64_t id;
	int64_t deadline_us;  /* call */
	const uint8_t *waits; /* call: for wire_waits_read(), which understands it; NULL: none */
	size_t waits_bytes;
	struct wire_trace trace; /* cast, call, reply, error */
	bool has_ref;            /* pause, resume: to.ref is set (else the whole link) */
	const uint8_t *raw;      /* the frame itself */
	size_t raw_bytes;
	size_t rest_offset; /* in raw: where the fields after `to` begin; used to re-address a frame */
};

/* NULL: it belongs to no trace. */
static inline const struct wire_trace *wire_trace_of(const struct wire_frame *frame)
{
	return frame->trace.id ? &frame->trace : NULL;
}

/*
 * Reads the first frame of @data. 1: *ret is filled. 0: the frame is well-formed but of an unknown type; only
 * raw is set, skip it. -EPROTO: *ret means nothing. *ret_used is the size of the frame.
 *
 * After 1 a caller may rely on this: `to` is a name only in cast, call, stop, kill, monitor. Names and
 * methods are wire_name_is_valid(). Args are an array, a cause is a map. The body is at most MP_DEPTH_MAX
 * deep. `from` is not ACTOR_NOBODY in call, monitor, demonitor, exit,
 * link, unlink. Text is any bytes.
 */
int wire_parse(const void *data, size_t size_bytes, struct wire_frame *ret, size_t *ret_used);

/*
 * Writers append one frame; failures show in buf_error(). @body must be one well-formed value; NULL means an
 * empty array (cast, call) or nil (reply) or an empty map (down).
 */
void wire_put_cast(struct buf *b, const struct wire_dest *to, actor_ref from, struct wire_str method,
	const void *body, size_t body_bytes);
void wire_put_call(struct buf *b, const struct wire_dest *to, actor_ref from, struct wire_str method,
	const void *body, size_t body_bytes, uint64_t id, int64_t deadline_us);
/* A call made while a call is being handled; @waits NULL or empty: as wire_put_call(). */
void wire_put_nested_call(struct buf *b, const struct wire_dest *to, actor_ref from, struct wire_str method,
	const void *body, size_t body_bytes, uint64_t id, int64_t deadline_us,
	const struct wire_waits *waits);
/* The same with the trace that they belong to. @trace NULL: as without it. */
void wire_put_traced_cast(struct buf *b, const struct wire_dest *to, actor_ref from, struct wire_str method,
	const void *body, size_t body_bytes, const struct wire_trace *trace);
void wire_put_traced_call(struct buf *b, const struct wire_dest *to, actor_ref from, struct wire_str method,
	const void *body, size_t body_bytes, uint64_t id, int64_t deadline_us, const struct wire_waits *waits,
	const struct wire_trace *trace);
void wire_put_traced_reply(struct buf *b, actor_ref to, actor_ref from, uint64_t id, const void *body,
	size_t body_bytes, const struct wire_trace *trace);
void wire_put_traced_error(struct buf *b, actor_ref to, actor_ref from, uint64_t id, struct wire_str name,
	struct wire_str text, const struct wire_trace *trace);
/* Reads frame.waits. 0, or -EPROTO, which it never is for a frame that wire_parse() gave. */
int wire_waits_read(const uint8_t *data, size_t size_bytes, struct wire_waits *ret);
/*
 * A cast or a call in pieces: the caller writes the args array straight into @b after the head, and for a
 * call the tail after that. If that fails, the caller sets b->size_bytes back.
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
/* @id 0: it was sent; else of the link that ends with @from. */
void wire_put_exit(
	struct buf *b, actor_ref to, actor_ref from, uint64_t id, const void *cause, size_t cause_bytes);
void wire_put_link(struct buf *b, actor_ref to, actor_ref from, uint64_t id);
/* @id: of the link that @to has made, as far as @from knows of it; else 0. */
void wire_put_unlink(struct buf *b, actor_ref to, actor_ref from, uint64_t id);
void wire_put_pause(struct buf *b, const actor_ref *ref);
/* @name: by which the receiver calls the actor @ref; s NULL: none. */
void wire_put_pause_named(struct buf *b, actor_ref ref, struct wire_str name);
void wire_put_resume(struct buf *b, const actor_ref *ref);
void wire_put_ping(struct buf *b, uint64_t n);
void wire_put_pong(struct buf *b, uint64_t n);
void wire_put_bye(struct buf *b, struct wire_str reason);
void wire_put_join(struct buf *b, uint64_t group);
/*
 * Appends a copy of @frame, which has a `to`, addressed to @to. The broker does so with a frame sent to a
 * name.
 */
void wire_put_readdressed(struct buf *b, const struct wire_frame *frame, actor_ref to);

/* A name as the protocol allows it: 1..255 bytes, UTF-8, no control characters. */
bool wire_name_is_valid(const char *s, size_t len);

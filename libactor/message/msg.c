/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/message/msg.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/message/blocks.h"
#include "libactor/message/object.h"
#include "libactor/protocol/mp.h"
#include "libactor/util/arena.h"
#include "libactor/util/utf8.h"

_Static_assert(sizeof(actor_msg) % _Alignof(struct wire_trace) == 0, "a trace can stand behind it");

static const uint8_t msg_no_args[] = {0x90};
static const uint8_t msg_nil[] = {0xc0};

/* @ret_room: has @a_bytes + @b_bytes behind the struct. */
static int msg_alloc(actor_msg **ret, size_t a_bytes, size_t b_bytes, char **ret_room)
{
	uint8_t block_size;
	size_t size;
	actor_msg *msg;

	if (__builtin_add_overflow(a_bytes, b_bytes, &size) ||
		__builtin_add_overflow(size, sizeof(*msg), &size))
		return -ENOMEM;
	msg = block_take(size, &block_size);
	if (!msg)
		return -ENOMEM;
	*msg = (actor_msg){.method = "", .block_size = block_size};
	*ret = msg;
	*ret_room = (char *)(msg + 1);
	return 0;
}

static int msg_new(actor_msg **ret, actor_ref sender, struct wire_str method, const void *body,
	size_t body_bytes, const void *waits, size_t waits_bytes, const struct wire_trace *trace,
	const struct wire_credit *credit)
{
	size_t trace_bytes = (trace ? sizeof(*trace) : 0) + (credit ? sizeof(*credit) : 0);
	actor_msg *msg;
	char *room;
	int e;

	if (!body) {
		body = method.len ? msg_no_args : msg_nil;
		body_bytes = 1;
	}
	e = msg_alloc(&msg, trace_bytes + method.len + 1 + waits_bytes, body_bytes, &room);
	if (e)
		return e;
	msg->kind = method.len ? MSG_CAST : MSG_REPLY;
	msg->sender = sender;
	if (trace) {
		memcpy(room, trace, sizeof(*trace));
		msg->traced = true;
		room += sizeof(*trace);
	}
	if (credit) {
		memcpy(room, credit, sizeof(*credit));
		msg->wants_stream = true;
		room += sizeof(*credit);
	}
	if (method.len)
		memcpy(room, method.s, method.len);
	room[method.len] = 0;
	msg->method = room;
	room += method.len + 1;
	memcpy(room, body, body_bytes);
	msg->body = (const uint8_t *)room;
	msg->body_bytes = body_bytes;
	if (waits) {
		memcpy(room + body_bytes, waits, waits_bytes);
		msg->waits = (const uint8_t *)room + body_bytes;
		msg->waits_bytes = waits_bytes;
	}
	*ret = msg;
	return 0;
}

int msg_new_received(
	actor_msg **ret, actor_ref sender, struct wire_str method, const void *body, size_t body_bytes)
{
	return msg_new(ret, sender, method, body, body_bytes, NULL, 0, NULL, NULL);
}

int msg_new_traced(actor_msg **ret, actor_ref sender, struct wire_str method, const void *body,
	size_t body_bytes, const struct wire_trace *trace)
{
	return msg_new(ret, sender, method, body, body_bytes, NULL, 0, trace, NULL);
}

int msg_new_call(actor_msg **ret, actor_ref sender, struct wire_str method, const void *body,
	size_t body_bytes, const struct wire_trace *trace, const struct wire_credit *credit)
{
	return msg_new(ret, sender, method, body, body_bytes, NULL, 0, trace, credit);
}

int msg_new_of_frame(actor_msg **ret, const struct wire_frame *frame)
{
	int e = msg_new(ret, frame->from, frame->method, frame->body, frame->body_bytes, frame->waits,
		frame->waits ? frame->waits_bytes : 0, wire_trace_of(frame),
		frame->wants_stream ? &frame->credit : NULL);

	if (e)
		return e;
	(*ret)->kind = frame->type == WIRE_CALL ? MSG_CALL : MSG_CAST;
	if (frame->type == WIRE_CALL) {
		(*ret)->id = frame->id;
		(*ret)->deadline_us = frame->deadline_us;
	}
	return 0;
}

int msg_new_error(actor_msg **ret, actor_ref sender, struct wire_str name, struct wire_str text)
{
	actor_msg *msg;
	char *room;
	int e;

	e = msg_alloc(&msg, name.len + 1, text.len + 1, &room);
	if (e)
		return e;
	msg->kind = MSG_REPLY;
	msg->sender = sender;
	msg->error = room;
	utf8_copy_plain(room, name.len + 1, name.s, name.len);
	room += name.len + 1;
	msg->text = room;
	utf8_copy_plain(room, text.len + 1, text.s, text.len);
	*ret = msg;
	return 0;
}

int actor_msg_new(actor_msg **ret)
{
	char *room;
	int e;

	e = msg_alloc(ret, 0, 0, &room);
	if (e)
		return e;
	(*ret)->kind = MSG_REPLY; /* such a message is read back as one value */
	return 0;
}

actor_msg *actor_msg_free(actor_msg *msg)
{
	if (!msg)
		return NULL;
	/* most messages have none of these */
	if (msg->arena)
		arena_free(msg->arena);
	if (msg->out.data)
		buf_deinit(&msg->out);
	if (msg->cause)
		free(msg->cause);
	block_give(msg, msg->block_size);
	return NULL;
}

const char *actor_msg_method(const actor_msg *msg)
{
	return msg->method;
}

actor_ref actor_msg_sender(const actor_msg *msg)
{
	return msg->sender;
}

const void *actor_msg_body(const actor_msg *msg, size_t *ret_size_bytes)
{
	*ret_size_bytes = msg->body_bytes;
	return msg->body;
}

const char *actor_msg_error(const actor_msg *msg)
{
	return msg->error;
}

const char *actor_msg_error_text(const actor_msg *msg)
{
	return msg->error ? msg->text : NULL;
}

int actor_msg_vunpack(const actor_msg *msg, const char *format, va_list args)
{
	/* Copies of what is unpacked live in the arena. They do not change the contents of the message. */
	void **arena = &((actor_msg *)msg)->arena;
	bool is_args = msg->kind == MSG_CAST || msg->kind == MSG_CALL || msg->kind >= MSG_TIMER;

	if (msg->error)
		return -EREMOTEIO;
	return body_vunpack(
		msg->body, msg->body_bytes, is_args ? BODY_ARGS : BODY_RESULT, arena, format, args);
}

int actor_msg_unpack(const actor_msg *msg, const char *format, ...)
{
	va_list args;
	int e;

	va_start(args, format);
	e = actor_msg_vunpack(msg, format, args);
	va_end(args);
	return e;
}

const struct msgpack_object *actor_msg_object(const actor_msg *msg)
{
	actor_msg *cache = (actor_msg *)msg;
	struct mp_reader r = mp_reader(msg->body, msg->body_bytes);
	const struct msgpack_object *object;

	if (!msg->object && object_read(&r, &cache->arena, &object) == 0)
		cache->object = object;
	return msg->object;
}

/* ---- written by hand ---- */

static int msg_written(actor_msg *msg, int e)
{
	msg->body = msg->out.data;
	msg->body_bytes = msg->out.size_bytes;
	msg->object = NULL;
	return e;
}

int actor_msg_vpack(actor_msg *msg, const char *format, va_list args)
{
	return msg_written(msg, body_vpack_bare(&msg->out, format, args));
}

int actor_msg_pack(actor_msg *msg, const char *format, ...)
{
	va_list args;
	int e;

	va_start(args, format);
	e = actor_msg_vpack(msg, format, args);
	va_end(args);
	return e;
}

int actor_msg_write(void *msg, const char *data, size_t size_bytes)
{
	actor_msg *written = msg;

	buf_append(&written->out, data, size_bytes);
	return msg_written(written, buf_error(&written->out));
}

int msg_take_body(const actor_msg *msg, enum body_kind kind, const uint8_t **ret, size_t *ret_bytes)
{
	struct mp_reader r;

	if (buf_error(&msg->out))
		return -ENOMEM;
	if (!msg->body_bytes) {
		*ret = kind == BODY_ARGS ? msg_no_args : msg_nil;
		*ret_bytes = 1;
		return 0;
	}
	if (msg->body_bytes > ACTOR_BODY_MAX_BYTES)
		return -EMSGSIZE;
	r = mp_reader(msg->body, msg->body_bytes);
	if ((kind == BODY_ARGS && mp_peek(&r) != MP_ARRAY) || mp_skip(&r) || r.at != r.end)
		return -EINVAL;
	*ret = msg->body;
	*ret_bytes = msg->body_bytes;
	return 0;
}

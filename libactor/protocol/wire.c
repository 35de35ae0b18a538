/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames are parsed in place: the result points into the input. After a successful parse, names, methods and
 * error names are valid, the body is one well-formed value of the right type and depth, and raw is exactly
 * the frame. Whatever a peer sends, parsing allocates nothing and takes time linear in the bytes.
 */
#include "libactor/protocol/wire.h"

#include <errno.h>
#include <string.h>

#include "libactor/protocol/mp-encode.h"
#include "libactor/protocol/mp.h"
#include "libactor/util/utf8.h"

bool wire_name_is_valid(const char *s, size_t len)
{
	return len >= 1 && len <= WIRE_NAME_MAX_BYTES && utf8_is_plain(s, len);
}

/* ---- parsing ---- */

enum wire_field {
	FIELD_END,
	FIELD_TO,      /* a ref */
	FIELD_DEST,    /* a ref or a name */
	FIELD_FROM,    /* a ref */
	FIELD_FROM_ME, /* a ref, and not nobody, because an answer goes there */
	FIELD_METHOD,  /* a method or an error name */
	FIELD_ARGS,    /* an array */
	FIELD_RESULT,  /* any value */
	FIELD_CAUSE,   /* a map */
	FIELD_TEXT,    /* any str */
	FIELD_ID,
	FIELD_DEADLINE,
	FIELD_REF,  /* a ref or nil */
	FIELD_MORE, /* a map of later additions; it may be missing, and any other value is skipped */
	FIELD_ITEMS,
	FIELD_BYTES,
	FIELD_NAME, /* a name; it may be missing, and any other value is skipped */
};

#define WIRE_FIELDS_MAX 8

static const uint8_t wire_fields[WIRE_TYPE_N][WIRE_FIELDS_MAX] = {
	[WIRE_CAST] = {FIELD_DEST, FIELD_FROM, FIELD_METHOD, FIELD_ARGS, FIELD_MORE},
	[WIRE_CALL] = {FIELD_DEST, FIELD_FROM_ME, FIELD_METHOD, FIELD_ARGS, FIELD_ID, FIELD_DEADLINE,
		FIELD_MORE},
	[WIRE_REPLY] = {FIELD_TO, FIELD_FROM, FIELD_ID, FIELD_RESULT, FIELD_MORE},
	[WIRE_ERROR] = {FIELD_TO, FIELD_FROM, FIELD_ID, FIELD_METHOD, FIELD_TEXT, FIELD_MORE},
	[WIRE_STOP] = {FIELD_DEST, FIELD_FROM, FIELD_TEXT},
	[WIRE_KILL] = {FIELD_DEST, FIELD_FROM},
	[WIRE_MONITOR] = {FIELD_DEST, FIELD_FROM_ME, FIELD_ID},
	[WIRE_DEMONITOR] = {FIELD_TO, FIELD_FROM_ME, FIELD_ID},
	[WIRE_DOWN] = {FIELD_TO, FIELD_FROM, FIELD_ID, FIELD_CAUSE},
	[WIRE_PAUSE] = {FIELD_REF, FIELD_NAME},
	[WIRE_RESUME] = {FIELD_REF},
	[WIRE_PING] = {FIELD_ID},
	[WIRE_PONG] = {FIELD_ID},
	[WIRE_BYE] = {FIELD_TEXT},
	[WIRE_JOIN] = {FIELD_ID},
	[WIRE_EXIT] = {FIELD_TO, FIELD_FROM_ME, FIELD_ID, FIELD_CAUSE},
	[WIRE_LINK] = {FIELD_TO, FIELD_FROM_ME, FIELD_ID},
	[WIRE_UNLINK] = {FIELD_TO, FIELD_FROM_ME, FIELD_ID},
	[WIRE_CANCEL] = {FIELD_TO, FIELD_FROM_ME, FIELD_ID},
	[WIRE_ITEM] = {FIELD_TO, FIELD_FROM, FIELD_ID, FIELD_RESULT},
	[WIRE_CREDIT] = {FIELD_TO, FIELD_FROM_ME, FIELD_ID, FIELD_ITEMS, FIELD_BYTES},
};

static int wire_read_body(struct mp_reader *r, struct wire_frame *frame, enum wire_field field)
{
	if ((field == FIELD_ARGS && mp_peek(r) != MP_ARRAY) || (field == FIELD_CAUSE && mp_peek(r) != MP_MAP))
		return -EPROTO;
	return mp_read_raw(r, &frame->body, &frame->body_bytes);
}

static inline int wire_read_name(struct mp_reader *r, struct wire_str *name)
{
	if (mp_read_str(r, &name->s, &name->len) || !wire_name_is_valid(name->s, name->len))
		return -EPROTO;
	return 0;
}

int wire_waits_read(const uint8_t *data, size_t size_bytes, struct wire_waits *ret)
{
	struct mp_reader r = mp_reader(data, size_bytes);
	uint32_t n;

	ret->n = 0;
	if (mp_read_array(&r, &n) || n % 2 == 0 || n / 2 > WIRE_WAITS_MAX || mp_read_int(&r, &ret->until_us))
		return -EPROTO;
	for (; ret->n < n / 2; ret->n++)
		if (mp_read_ref(&r, &ret->calls[ret->n].caller) || mp_read_uint(&r, &ret->calls[ret->n].id))
			return -EPROTO;
	return r.at == r.end ? 0 : -EPROTO;
}

/*
 * The values of FIELD_MORE. Each is read from a copy of the reader, since the value was checked before, and a
 * value of another form is ignored.
 */

/* A trace only informs people. */
static void wire_read_trace(struct mp_reader r, struct wire_trace *ret)
{
	struct wire_trace trace;
	uint32_t n;

	*ret = (struct wire_trace){0};
	if (mp_read_array(&r, &n) || n < 3 || mp_read_uint(&r, &trace.id) || mp_read_uint(&r, &trace.span) ||
		mp_read_uint(&r, &trace.parent) || !trace.id || !trace.span)
		return;
	*ret = trace;
}

/* How many items the callee may send at first. */
static void wire_read_stream(struct mp_reader r, struct wire_frame *frame)
{
	struct wire_credit credit;
	uint32_t n;

	frame->wants_stream = false;
	if (mp_read_array(&r, &n) || n < 2 || mp_read_uint(&r, &credit.items) ||
		mp_read_uint(&r, &credit.bytes))
		return;
	frame->credit = credit;
	frame->wants_stream = true;
}

/* `waits` only helps to tell a circle from a long wait. */
static void wire_read_waits(struct mp_reader r, struct wire_frame *frame)
{
	struct wire_waits waits;

	(void)mp_read_raw(&r, &frame->waits, &frame->waits_bytes);
	if (wire_waits_read(frame->waits, frame->waits_bytes, &waits) || !waits.n)
		frame->waits = NULL;
}

static void wire_read_key(struct mp_reader r, struct wire_frame *frame, const char *key, size_t key_bytes)
{
	if (mp_str_is(key, key_bytes, "trace"))
		wire_read_trace(r, &frame->trace);
	else if (frame->type == WIRE_CALL && mp_str_is(key, key_bytes, "waits"))
		wire_read_waits(r, frame);
	else if (frame->type == WIRE_CALL && mp_str_is(key, key_bytes, "stream"))
		wire_read_stream(r, frame);
	else if (frame->type == WIRE_REPLY && mp_str_is(key, key_bytes, "items"))
		(void)mp_read_uint(&r, &frame->n_items);
}

static int wire_read_more(struct mp_reader *r, struct wire_frame *frame)
{
	struct mp_reader at = *r;
	const char *key = "";
	size_t key_bytes = 0;
	uint32_t n = 0;

	/* This checks the depth of the whole value, and that nothing below can fail. */
	if (mp_skip(r))
		return -EPROTO;
	if (mp_peek(&at) != MP_MAP)
		return 0;
	(void)mp_read_map(&at, &n);
	while (n--) {
		if (mp_peek(&at) == MP_STR) {
			(void)mp_read_str(&at, &key, &key_bytes);
			wire_read_key(at, frame, key, key_bytes);
		} else { /* no key of ours */
			(void)mp_skip(&at);
		}
		(void)mp_skip(&at);
	}
	return 0;
}

/* The name in a `pause`. */
static int wire_read_pause_name(struct mp_reader *r, struct wire_frame *frame)
{
	if (mp_peek(r) != MP_STR)
		return mp_skip(r);
	if (mp_read_str(r, &frame->method.s, &frame->method.len))
		return -EPROTO;
	if (!frame->has_ref || !wire_name_is_valid(frame->method.s, frame->method.len))
		frame->method = (struct wire_str){NULL, 0};
	return 0;
}

static int wire_read_field(struct mp_reader *r, struct wire_frame *frame, enum wire_field field)
{
	switch (field) {
	case FIELD_DEST:
		if (mp_peek(r) == MP_STR)
			return wire_read_name(r, &frame->to.name);
		return mp_read_ref(r, &frame->to.ref);
	case FIELD_TO:
		return mp_read_ref(r, &frame->to.ref);
	case FIELD_FROM:
		return mp_read_ref(r, &frame->from);
	case FIELD_FROM_ME:
		if (mp_read_ref(r, &frame->from) || actor_ref_is_nobody(frame->from))
			return -EPROTO;
		return 0;
	case FIELD_METHOD:
		return wire_read_name(r, &frame->method);
	case FIELD_ARGS:
	case FIELD_RESULT:
	case FIELD_CAUSE:
		return wire_read_body(r, frame, field);
	case FIELD_TEXT:
		return mp_read_str(r, &frame->text.s, &frame->text.len);
	case FIELD_ID:
		return mp_read_uint(r, &frame->id);
	case FIELD_DEADLINE:
		return mp_read_int(r, &frame->deadline_us);
	case FIELD_REF:
		if (mp_read_nil(r) == 0)
			return 0;
		frame->has_ref = true;
		return mp_read_ref(r, &frame->to.ref);
	case FIELD_ITEMS:
		return mp_read_uint(r, &frame->credit.items);
	case FIELD_BYTES:
		return mp_read_uint(r, &frame->credit.bytes);
	case FIELD_MORE:
		return wire_read_more(r, frame);
	default: /* FIELD_NAME; FIELD_END is no field */
		return wire_read_pause_name(r, frame);
	}
}

#define CAST_HEAD_BYTES (2 + 2 * MP_REF_BYTES) /* what wire_put_cast() writes before the method */

/*
 * Most frames are casts to a ref, without a field *more*, and with a short method of ASCII. False: this is
 * another frame, or a bad one; the general way below comes to the same result for both.
 */
static bool wire_parse_cast(const uint8_t *data, size_t size_bytes, struct wire_frame *ret)
{
	struct mp_reader r = mp_reader(data, size_bytes);
	size_t len;

	if (size_bytes < CAST_HEAD_BYTES + 33 || data[0] != 0x95 || data[1] != WIRE_CAST)
		return false;
	len = (size_t)data[CAST_HEAD_BYTES] - 0xa0;
	if (len - 1 >= 31) /* a name has 1 byte or more, and the first byte says up to 31 */
		return false;
	for (size_t i = 1; i <= len; i++)
		if ((uint8_t)(data[CAST_HEAD_BYTES + i] - 0x20) >= 0x5f)
			return false;
	r.at = data + 2;
	*ret = (struct wire_frame){
		.type = WIRE_CAST,
		.method = wire_str((const char *)data + CAST_HEAD_BYTES + 1, len),
		.body = data + CAST_HEAD_BYTES + 1 + len,
		.raw = data,
		.rest_offset = 2 + MP_REF_BYTES,
	};
	if (mp_read_ref(&r, &ret->to.ref) || mp_read_ref(&r, &ret->from))
		return false;
	r.at = ret->body;
	if (mp_peek(&r) != MP_ARRAY || mp_skip(&r))
		return false;
	ret->body_bytes = (size_t)(r.at - ret->body);
	ret->raw_bytes = (size_t)(r.at - data);
	return ret->raw_bytes <= WIRE_MESSAGE_MAX_BYTES;
}

int wire_parse(const void *data, size_t size_bytes, struct wire_frame *ret, size_t *ret_used)
{
	struct mp_reader r = mp_reader(data, size_bytes);
	const uint8_t *fields;
	uint64_t type;
	uint32_t n;

	if (wire_parse_cast(data, size_bytes, ret)) {
		*ret_used = ret->raw_bytes;
		return 1;
	}

	if (mp_read_array(&r, &n) || n == 0 || mp_read_uint(&r, &type))
		return -EPROTO;
	n--;

	*ret = (struct wire_frame){.raw = data};
	if (type > 0 && type < WIRE_TYPE_N) {
		ret->type = (enum wire_type)type;
		fields = wire_fields[type];
		for (; *fields != FIELD_END; fields++, n--) {
			if (!n && (*fields == FIELD_MORE || *fields == FIELD_NAME))
				break;
			if (!n || wire_read_field(&r, ret, (enum wire_field) * fields))
				return -EPROTO;
			if (fields == wire_fields[type])
				ret->rest_offset = (size_t)(r.at - ret->raw);
		}
	}
	while (n--) {
		if (mp_skip(&r))
			return -EPROTO;
	}
	ret->raw_bytes = (size_t)(r.at - ret->raw);
	if (ret->raw_bytes > WIRE_MESSAGE_MAX_BYTES)
		return -EPROTO;
	*ret_used = ret->raw_bytes;
	return ret->type ? 1 : 0;
}

/* ---- writing ---- */

#define WIRE_HEAD_BYTES 2 /* an array of up to 15 elements, a type up to 127 */

static inline uint8_t *wire_encode_head(uint8_t *p, enum wire_type type, unsigned n_fields)
{
	p[0] = (uint8_t)(0x90 | (n_fields + 1));
	p[1] = (uint8_t)type;
	return p + WIRE_HEAD_BYTES;
}

/* A name has at most 255 bytes. This is not checked here, because the receiver would refuse a longer one. */
static inline size_t wire_str_bytes(struct wire_str s)
{
	return MP_HEAD_MAX_BYTES + s.len;
}

static inline uint8_t *wire_encode_str(uint8_t *p, struct wire_str s)
{
	return mp_encode_bytes(mp_encode_str_head(p, (uint32_t)s.len), s.s, s.len);
}

static inline size_t wire_dest_bytes(const struct wire_dest *to)
{
	return to->name.s ? wire_str_bytes(to->name) : MP_REF_BYTES;
}

static inline uint8_t *wire_encode_dest(uint8_t *p, const struct wire_dest *to)
{
	return to->name.s ? wire_encode_str(p, to->name) : mp_encode_ref(p, to->ref);
}

/*
 * One reservation serves a whole frame. Strings and bodies that cannot fit into a message count as a failed
 * allocation.
 */
static uint8_t *wire_reserve(struct buf *b, size_t fixed_bytes, size_t a_bytes, size_t b_bytes)
{
	size_t n;

	if (__builtin_add_overflow(a_bytes, b_bytes, &n) || __builtin_add_overflow(n, fixed_bytes, &n) ||
		n > UINT32_MAX)
		n = SIZE_MAX;
	return buf_reserve(b, n);
}

static inline void wire_commit(struct buf *b, const uint8_t *p)
{
	b->size_bytes = (size_t)(p - b->data);
}

static inline uint8_t *wire_encode_body(uint8_t *p, const void *body, size_t body_bytes, uint8_t empty)
{
	if (body)
		return mp_encode_bytes(p, body, body_bytes);
	*p = empty;
	return p + 1;
}

static uint8_t *wire_start_message(struct buf *b, enum wire_type type, unsigned n_fields,
	const struct wire_dest *to, actor_ref from, struct wire_str method, size_t more_bytes)
{
	uint8_t *p = wire_reserve(
		b, WIRE_HEAD_BYTES + MP_REF_BYTES + wire_dest_bytes(to), wire_str_bytes(method), more_bytes);

	if (!p)
		return NULL;
	p = wire_encode_head(p, type, n_fields);
	p = wire_encode_dest(p, to);
	p = mp_encode_ref(p, from);
	return wire_encode_str(p, method);
}

/* The bytes of the field *more* of a frame. Both pointers may be NULL; if both are, the field is left out. */
static size_t wire_more_bytes(const struct wire_waits *waits, const struct wire_trace *trace)
{
	size_t n = MP_HEAD_MAX_BYTES;

	if (waits)
		n += 2 * MP_HEAD_MAX_BYTES + sizeof("waits") + MP_INT_MAX_BYTES +
		     waits->n * (MP_REF_BYTES + MP_INT_MAX_BYTES);
	if (trace)
		n += 2 * MP_HEAD_MAX_BYTES + sizeof("trace") + 3 * MP_INT_MAX_BYTES;
	return waits || trace ? n : 0;
}

/* "waits": [until_us, caller, id, caller, id …] */
static uint8_t *wire_encode_waits(uint8_t *p, const struct wire_waits *waits)
{
	p = wire_encode_str(p, wire_cstr("waits"));
	p = mp_encode_array(p, 1 + 2 * waits->n);
	p = mp_encode_int(p, waits->until_us);
	for (uint32_t i = 0; i < waits->n; i++) {
		p = mp_encode_ref(p, waits->calls[i].caller);
		p = mp_encode_uint(p, waits->calls[i].id);
	}
	return p;
}

/* "trace": [id, span, parent] */
static uint8_t *wire_encode_trace(uint8_t *p, const struct wire_trace *trace)
{
	p = wire_encode_str(p, wire_cstr("trace"));
	p = mp_encode_array(p, 3);
	p = mp_encode_uint(p, trace->id);
	p = mp_encode_uint(p, trace->span);
	return mp_encode_uint(p, trace->parent);
}

/* {"waits": […], "trace": [id, span, parent]} */
static uint8_t *wire_encode_more(uint8_t *p, const struct wire_waits *waits, const struct wire_trace *trace)
{
	if (!waits && !trace)
		return p;
	p = mp_encode_map(p, !!waits + !!trace);
	if (waits)
		p = wire_encode_waits(p, waits);
	return trace ? wire_encode_trace(p, trace) : p;
}

void wire_put_traced_cast(struct buf *b, const struct wire_dest *to, actor_ref from, struct wire_str method,
	const void *body, size_t body_bytes, const struct wire_trace *trace)
{
	size_t more_bytes = wire_more_bytes(NULL, trace);
	uint8_t *p;

	if (__builtin_add_overflow(body ? body_bytes : 1, more_bytes, &more_bytes))
		more_bytes = SIZE_MAX;
	p = wire_start_message(b, WIRE_CAST, trace ? 5 : 4, to, from, method, more_bytes);
	if (p)
		wire_commit(b, wire_encode_more(wire_encode_body(p, body, body_bytes, 0x90), NULL, trace));
}

void wire_put_cast(struct buf *b, const struct wire_dest *to, actor_ref from, struct wire_str method,
	const void *body, size_t body_bytes)
{
	wire_put_traced_cast(b, to, from, method, body, body_bytes, NULL);
}

void wire_put_traced_call(struct buf *b, const struct wire_dest *to, actor_ref from, struct wire_str method,
	const void *body, size_t body_bytes, uint64_t id, int64_t deadline_us, const struct wire_waits *waits,
	const struct wire_trace *trace)
{
	size_t fixed_bytes = 2 * MP_INT_MAX_BYTES, more_bytes;
	uint8_t *p;

	if (waits && !waits->n)
		waits = NULL;
	fixed_bytes += wire_more_bytes(waits, trace);
	if (__builtin_add_overflow(body ? body_bytes : 1, fixed_bytes, &more_bytes))
		more_bytes = SIZE_MAX;
	p = wire_start_message(b, WIRE_CALL, waits || trace ? 7 : 6, to, from, method, more_bytes);
	if (!p)
		return;
	p = wire_encode_body(p, body, body_bytes, 0x90);
	p = mp_encode_uint(p, id);
	p = mp_encode_int(p, deadline_us);
	wire_commit(b, wire_encode_more(p, waits, trace));
}

void wire_put_stream_call(struct buf *b, const struct wire_dest *to, actor_ref from, struct wire_str method,
	const void *body, size_t body_bytes, uint64_t id, int64_t deadline_us, struct wire_credit credit,
	const struct wire_trace *trace)
{
	size_t fixed_bytes = 4 * MP_INT_MAX_BYTES + 2 * MP_HEAD_MAX_BYTES + sizeof("stream"), more_bytes;
	uint8_t *p;

	fixed_bytes += wire_more_bytes(NULL, trace) + MP_HEAD_MAX_BYTES;
	if (__builtin_add_overflow(body ? body_bytes : 1, fixed_bytes, &more_bytes))
		more_bytes = SIZE_MAX;
	p = wire_start_message(b, WIRE_CALL, 7, to, from, method, more_bytes);
	if (!p)
		return;
	p = wire_encode_body(p, body, body_bytes, 0x90);
	p = mp_encode_uint(p, id);
	p = mp_encode_int(p, deadline_us);
	p = mp_encode_map(p, trace ? 2 : 1);
	p = wire_encode_str(p, wire_cstr("stream"));
	p = mp_encode_array(p, 2);
	p = mp_encode_uint(p, credit.items);
	p = mp_encode_uint(p, credit.bytes);
	wire_commit(b, trace ? wire_encode_trace(p, trace) : p);
}

void wire_put_nested_call(struct buf *b, const struct wire_dest *to, actor_ref from, struct wire_str method,
	const void *body, size_t body_bytes, uint64_t id, int64_t deadline_us, const struct wire_waits *waits)
{
	wire_put_traced_call(b, to, from, method, body, body_bytes, id, deadline_us, waits, NULL);
}

void wire_put_call(struct buf *b, const struct wire_dest *to, actor_ref from, struct wire_str method,
	const void *body, size_t body_bytes, uint64_t id, int64_t deadline_us)
{
	wire_put_nested_call(b, to, from, method, body, body_bytes, id, deadline_us, NULL);
}

void wire_put_cast_head(struct buf *b, const struct wire_dest *to, actor_ref from, struct wire_str method)
{
	uint8_t *p = wire_start_message(b, WIRE_CAST, 4, to, from, method, 0);

	if (p)
		wire_commit(b, p);
}

void wire_put_call_head(struct buf *b, const struct wire_dest *to, actor_ref from, struct wire_str method)
{
	uint8_t *p = wire_start_message(b, WIRE_CALL, 6, to, from, method, 0);

	if (p)
		wire_commit(b, p);
}

void wire_put_call_tail(struct buf *b, uint64_t id, int64_t deadline_us)
{
	uint8_t *p = buf_reserve(b, 2 * MP_INT_MAX_BYTES);

	if (p)
		wire_commit(b, mp_encode_int(mp_encode_uint(p, id), deadline_us));
}

/*
 * These frames begin alike with to, from, id: reply, error, monitor, demonitor, down, exit, link, unlink,
 * cancel, item, credit.
 */
static uint8_t *wire_start_id(struct buf *b, enum wire_type type, unsigned n_fields,
	const struct wire_dest *to, actor_ref from, uint64_t id, size_t a_bytes, size_t b_bytes)
{
	size_t fixed = WIRE_HEAD_BYTES + MP_REF_BYTES + MP_INT_MAX_BYTES + wire_dest_bytes(to);
	uint8_t *p = wire_reserve(b, fixed, a_bytes, b_bytes);

	if (!p)
		return NULL;
	p = wire_encode_head(p, type, n_fields);
	p = wire_encode_dest(p, to);
	p = mp_encode_ref(p, from);
	return mp_encode_uint(p, id);
}

void wire_put_traced_reply(struct buf *b, actor_ref to, actor_ref from, uint64_t id, const void *body,
	size_t body_bytes, const struct wire_trace *trace)
{
	struct wire_dest dest = {.ref = to};
	uint8_t *p = wire_start_id(b, WIRE_REPLY, trace ? 5 : 4, &dest, from, id, body ? body_bytes : 1,
		wire_more_bytes(NULL, trace));

	if (p)
		wire_commit(b, wire_encode_more(wire_encode_body(p, body, body_bytes, 0xc0), NULL, trace));
}

void wire_put_stream_reply(struct buf *b, actor_ref to, actor_ref from, uint64_t id, const void *body,
	size_t body_bytes, uint64_t n_items, const struct wire_trace *trace)
{
	struct wire_dest dest = {.ref = to};
	size_t more_bytes =
		wire_more_bytes(NULL, trace) + 2 * MP_HEAD_MAX_BYTES + sizeof("items") + MP_INT_MAX_BYTES;
	uint8_t *p = wire_start_id(b, WIRE_REPLY, 5, &dest, from, id, body ? body_bytes : 1, more_bytes);

	if (!p)
		return;
	p = wire_encode_body(p, body, body_bytes, 0xc0);
	p = mp_encode_map(p, trace ? 2 : 1);
	p = mp_encode_uint(wire_encode_str(p, wire_cstr("items")), n_items);
	wire_commit(b, trace ? wire_encode_trace(p, trace) : p);
}

void wire_put_reply(
	struct buf *b, actor_ref to, actor_ref from, uint64_t id, const void *body, size_t body_bytes)
{
	wire_put_traced_reply(b, to, from, id, body, body_bytes, NULL);
}

void wire_put_traced_error(struct buf *b, actor_ref to, actor_ref from, uint64_t id, struct wire_str name,
	struct wire_str text, const struct wire_trace *trace)
{
	struct wire_dest dest = {.ref = to};
	uint8_t *p = wire_start_id(b, WIRE_ERROR, trace ? 6 : 5, &dest, from, id,
		wire_str_bytes(name) + wire_more_bytes(NULL, trace), wire_str_bytes(text));

	if (!p)
		return;
	p = wire_encode_str(wire_encode_str(p, name), text);
	wire_commit(b, wire_encode_more(p, NULL, trace));
}

void wire_put_error(
	struct buf *b, actor_ref to, actor_ref from, uint64_t id, struct wire_str name, struct wire_str text)
{
	wire_put_traced_error(b, to, from, id, name, text, NULL);
}

void wire_put_stop(struct buf *b, const struct wire_dest *to, actor_ref from, struct wire_str reason)
{
	uint8_t *p =
		wire_reserve(b, WIRE_HEAD_BYTES + MP_REF_BYTES, wire_dest_bytes(to), wire_str_bytes(reason));

	if (!p)
		return;
	p = wire_encode_head(p, WIRE_STOP, 3);
	p = wire_encode_dest(p, to);
	p = mp_encode_ref(p, from);
	wire_commit(b, wire_encode_str(p, reason));
}

void wire_put_kill(struct buf *b, const struct wire_dest *to, actor_ref from)
{
	uint8_t *p = wire_reserve(b, WIRE_HEAD_BYTES + MP_REF_BYTES, wire_dest_bytes(to), 0);

	if (!p)
		return;
	p = wire_encode_head(p, WIRE_KILL, 2);
	p = wire_encode_dest(p, to);
	wire_commit(b, mp_encode_ref(p, from));
}

void wire_put_monitor(struct buf *b, const struct wire_dest *to, actor_ref from, uint64_t id)
{
	uint8_t *p = wire_start_id(b, WIRE_MONITOR, 3, to, from, id, 0, 0);

	if (p)
		wire_commit(b, p);
}

static void wire_put_to_ref(struct buf *b, enum wire_type type, actor_ref to, actor_ref from, uint64_t id)
{
	struct wire_dest dest = {.ref = to};
	uint8_t *p = wire_start_id(b, type, 3, &dest, from, id, 0, 0);

	if (p)
		wire_commit(b, p);
}

void wire_put_demonitor(struct buf *b, actor_ref to, actor_ref from, uint64_t id)
{
	wire_put_to_ref(b, WIRE_DEMONITOR, to, from, id);
}

void wire_put_link(struct buf *b, actor_ref to, actor_ref from, uint64_t id)
{
	wire_put_to_ref(b, WIRE_LINK, to, from, id);
}

void wire_put_unlink(struct buf *b, actor_ref to, actor_ref from, uint64_t id)
{
	wire_put_to_ref(b, WIRE_UNLINK, to, from, id);
}

void wire_put_cancel(struct buf *b, actor_ref to, actor_ref from, uint64_t id)
{
	wire_put_to_ref(b, WIRE_CANCEL, to, from, id);
}

void wire_put_item(
	struct buf *b, actor_ref to, actor_ref from, uint64_t id, const void *value, size_t value_bytes)
{
	struct wire_dest dest = {.ref = to};
	uint8_t *p = wire_start_id(b, WIRE_ITEM, 4, &dest, from, id, value ? value_bytes : 1, 0);

	if (p)
		wire_commit(b, wire_encode_body(p, value, value_bytes, 0xc0));
}

void wire_put_credit(struct buf *b, actor_ref to, actor_ref from, uint64_t id, struct wire_credit credit)
{
	struct wire_dest dest = {.ref = to};
	uint8_t *p = wire_start_id(b, WIRE_CREDIT, 5, &dest, from, id, 2 * MP_INT_MAX_BYTES, 0);

	if (p)
		wire_commit(b, mp_encode_uint(mp_encode_uint(p, credit.items), credit.bytes));
}

static void wire_put_end(struct buf *b, enum wire_type type, actor_ref to, actor_ref from, uint64_t id,
	const void *cause, size_t cause_bytes)
{
	struct wire_dest dest = {.ref = to};
	uint8_t *p = wire_start_id(b, type, 4, &dest, from, id, cause ? cause_bytes : 1, 0);

	if (p)
		wire_commit(b, wire_encode_body(p, cause, cause_bytes, 0x80));
}

void wire_put_down(
	struct buf *b, actor_ref to, actor_ref from, uint64_t id, const void *cause, size_t cause_bytes)
{
	wire_put_end(b, WIRE_DOWN, to, from, id, cause, cause_bytes);
}

void wire_put_exit(
	struct buf *b, actor_ref to, actor_ref from, uint64_t id, const void *cause, size_t cause_bytes)
{
	wire_put_end(b, WIRE_EXIT, to, from, id, cause, cause_bytes);
}

static void wire_put_flow(struct buf *b, enum wire_type type, const actor_ref *ref)
{
	uint8_t *p = buf_reserve(b, WIRE_HEAD_BYTES + MP_REF_BYTES);

	if (!p)
		return;
	p = wire_encode_head(p, type, 1);
	if (ref)
		p = mp_encode_ref(p, *ref);
	else
		*p++ = 0xc0;
	wire_commit(b, p);
}

void wire_put_pause(struct buf *b, const actor_ref *ref)
{
	wire_put_flow(b, WIRE_PAUSE, ref);
}

void wire_put_pause_named(struct buf *b, actor_ref ref, struct wire_str name)
{
	uint8_t *p;

	if (!name.s) {
		wire_put_pause(b, &ref);
		return;
	}
	p = buf_reserve(b, WIRE_HEAD_BYTES + MP_REF_BYTES + wire_str_bytes(name));
	if (!p)
		return;
	p = wire_encode_head(p, WIRE_PAUSE, 2);
	p = mp_encode_ref(p, ref);
	wire_commit(b, wire_encode_str(p, name));
}

void wire_put_resume(struct buf *b, const actor_ref *ref)
{
	wire_put_flow(b, WIRE_RESUME, ref);
}

static void wire_put_number(struct buf *b, enum wire_type type, uint64_t n)
{
	uint8_t *p = buf_reserve(b, WIRE_HEAD_BYTES + MP_INT_MAX_BYTES);

	if (p)
		wire_commit(b, mp_encode_uint(wire_encode_head(p, type, 1), n));
}

void wire_put_ping(struct buf *b, uint64_t n)
{
	wire_put_number(b, WIRE_PING, n);
}

void wire_put_pong(struct buf *b, uint64_t n)
{
	wire_put_number(b, WIRE_PONG, n);
}

void wire_put_bye(struct buf *b, struct wire_str reason)
{
	uint8_t *p = wire_reserve(b, WIRE_HEAD_BYTES, wire_str_bytes(reason), 0);

	if (p)
		wire_commit(b, wire_encode_str(wire_encode_head(p, WIRE_BYE, 1), reason));
}

void wire_put_join(struct buf *b, uint64_t group)
{
	wire_put_number(b, WIRE_JOIN, group);
}

void wire_put_readdressed(struct buf *b, const struct wire_frame *frame, actor_ref to)
{
	struct mp_reader r = mp_reader(frame->raw, frame->raw_bytes);
	size_t head_bytes, rest_bytes = frame->raw_bytes - frame->rest_offset;
	uint64_t type;
	uint32_t n;
	uint8_t *p;

	(void)mp_read_array(&r, &n); /* cannot fail: the frame was parsed before */
	(void)mp_read_uint(&r, &type);
	head_bytes = (size_t)(r.at - frame->raw);
	p = wire_reserve(b, head_bytes + MP_REF_BYTES, rest_bytes, 0);
	if (!p)
		return;
	p = mp_encode_bytes(p, frame->raw, head_bytes);
	p = mp_encode_ref(p, to);
	wire_commit(b, mp_encode_bytes(p, frame->raw + frame->rest_offset, rest_bytes));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is what comes over a link. The parser must not crash. Each frame that it takes lies inside the
 * input and obeys the rules of the protocol; when the frame is written and parsed again, it is the same.
 */
#include <string.h>

#include "libactor/message/object.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/arena.h"
#include "tests/frame-write.h"
#include "tests/fuzz/fuzz.h"

static bool inside(const struct wire_frame *f, const void *p, size_t size_bytes)
{
	const uint8_t *at = p;

	return !at ||
	       (at >= f->raw && size_bytes <= f->raw_bytes && at + size_bytes <= f->raw + f->raw_bytes);
}

static bool str_equal(struct wire_str a, struct wire_str b)
{
	return !a.s == !b.s && a.len == b.len && (!a.len || !memcmp(a.s, b.s, a.len));
}

static void frame_equal(const struct wire_frame *a, const struct wire_frame *b)
{
	FUZZ_CHECK(a->type == b->type && a->id == b->id && a->deadline_us == b->deadline_us &&
		   a->has_ref == b->has_ref);
	FUZZ_CHECK(actor_ref_equal(a->to.ref, b->to.ref) && actor_ref_equal(a->from, b->from) &&
		   str_equal(a->to.name, b->to.name));
	FUZZ_CHECK(str_equal(a->method, b->method) && str_equal(a->text, b->text) &&
		   a->body_bytes == b->body_bytes);
	FUZZ_CHECK(!a->body_bytes || !memcmp(a->body, b->body, a->body_bytes));
	FUZZ_CHECK(a->trace.id == b->trace.id && a->trace.span == b->trace.span &&
		   a->trace.parent == b->trace.parent);
	FUZZ_CHECK(!a->trace.id || a->trace.span);
	if (a->waits) {
		struct wire_waits x, y;

		FUZZ_CHECK(wire_waits_read(a->waits, a->waits_bytes, &x) == 0);
		FUZZ_CHECK(b->waits && wire_waits_read(b->waits, b->waits_bytes, &y) == 0);
		FUZZ_CHECK(x.n == y.n && x.until_us == y.until_us);
		for (uint32_t i = 0; i < x.n; i++)
			FUZZ_CHECK(actor_ref_equal(x.calls[i].caller, y.calls[i].caller) &&
				   x.calls[i].id == y.calls[i].id);
	}
}

static void frame_check(const struct wire_frame *f)
{
	struct wire_frame again;
	struct actor_cause cause;
	struct buf b = BUF_INIT;
	struct mp_reader r;
	size_t used;

	FUZZ_CHECK(inside(f, f->to.name.s, f->to.name.len) && inside(f, f->method.s, f->method.len) &&
		   inside(f, f->text.s, f->text.len));
	FUZZ_CHECK(inside(f, f->body, f->body_bytes) && inside(f, f->waits, f->waits_bytes));
	FUZZ_CHECK(!f->to.name.s || wire_name_is_valid(f->to.name.s, f->to.name.len));
	FUZZ_CHECK(!f->method.s || wire_name_is_valid(f->method.s, f->method.len));
	if (f->body) {
		const struct msgpack_object *object;
		void *arena = NULL;

		r = mp_reader(f->body, f->body_bytes);
		FUZZ_CHECK(mp_skip(&r) == 0 && r.at == r.end);
		r = mp_reader(f->body, f->body_bytes);
		FUZZ_CHECK(object_read(&r, &arena, &object) == 0 && r.at == r.end);
		FUZZ_CHECK(object_put(&b, object, MP_DEPTH_MAX) == 0);
		arena_free(arena);
		buf_reset(&b, 1 << 16);
	}
	FUZZ_CHECK(frame_write(&b, f));
	FUZZ_CHECK(wire_parse(b.data, b.size_bytes, &again, &used) == 1 && used == b.size_bytes);
	frame_equal(f, &again);
	if (f->type < WIRE_PAUSE) {
		buf_reset(&b, 1 << 16);
		wire_put_readdressed(&b, f, (actor_ref){1, 2, 3});
		FUZZ_CHECK(wire_parse(b.data, b.size_bytes, &again, &used) == 1 && used == b.size_bytes);
		FUZZ_CHECK(again.type == f->type && again.to.ref.group == 2 && !again.to.name.s &&
			   again.id == f->id);
	}
	if (f->type == WIRE_DOWN && cause_parse(f->body, f->body_bytes, &cause) == 0) {
		struct actor_cause cause_again;

		buf_reset(&b, 1 << 16);
		cause_put(&b, &cause);
		FUZZ_CHECK(cause_parse(b.data, b.size_bytes, &cause_again) == 0 &&
			   !strcmp(cause.reason, cause_again.reason));
		FUZZ_CHECK(!strcmp(cause.text, cause_again.text) && cause.kind == cause_again.kind);
	}
	buf_deinit(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	size_t at = 0;

	while (at < size_bytes) {
		struct wire_frame frame;
		size_t used = 0;
		int r = wire_parse(data + at, size_bytes - at, &frame, &used);

		if (r < 0)
			break;
		FUZZ_CHECK(used > 0 && used <= size_bytes - at && frame.raw == data + at &&
			   frame.raw_bytes == used);
		if (r == 1)
			frame_check(&frame);
		at += used;
	}
	return 0;
}

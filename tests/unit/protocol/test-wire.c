/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/mp.h"
#include "libactor/protocol/wire.h"
#include "tests/fact.h"

static const actor_ref a = {11, 2, 1}, b = {11, 3, 0x1234};
static const struct wire_dest to_ref = {.ref = {11, 3, 0x1234}}, to_name = {.name = {"counter", 7}};
static const uint8_t body[] = {0x92, 0x01, 0xa1, 'x'};
static const uint8_t cause[] = {0x81, 0xa6, 'r', 'e', 'a', 's', 'o', 'n', 0xa6, 'n', 'o', 'r', 'm', 'a', 'l'};

/* There is one frame of each kind; @which is 0..N_FRAMES-1. */
#define N_FRAMES 31

static void put_frame(struct buf *out, int which)
{
	switch (which) {
	case 0:
		wire_put_cast(out, &to_ref, a, wire_cstr("add"), body, sizeof(body));
		break;
	case 1:
		wire_put_cast(out, &to_name, a, wire_cstr("add"), NULL, 0);
		break;
	case 2:
		wire_put_call(out, &to_ref, a, wire_cstr("get"), body, sizeof(body), 7, -5);
		break;
	case 3:
		wire_put_call(out, &to_name, a, wire_cstr("get"), NULL, 0, UINT64_MAX, INT64_MAX);
		break;
	case 4:
		wire_put_reply(out, a, b, 7, body, sizeof(body));
		break;
	case 5:
		wire_put_reply(out, a, b, 7, NULL, 0);
		break;
	case 6:
		wire_put_error(out, a, b, 7, wire_cstr("noproc"), wire_cstr("gone"));
		break;
	case 7:
		wire_put_stop(out, &to_ref, a, wire_cstr("normal"));
		break;
	case 8:
		wire_put_stop(out, &to_name, a, wire_cstr(""));
		break;
	case 9:
		wire_put_kill(out, &to_ref, a);
		break;
	case 10:
		wire_put_monitor(out, &to_ref, a, 300);
		break;
	case 11:
		wire_put_monitor(out, &to_name, a, 300);
		break;
	case 12:
		wire_put_demonitor(out, b, a, 300);
		break;
	case 13:
		wire_put_down(out, a, b, 300, cause, sizeof(cause));
		break;
	case 14:
		wire_put_pause(out, &b);
		break;
	case 15:
		wire_put_resume(out, NULL);
		break;
	case 16:
		wire_put_ping(out, 5);
		break;
	case 17:
		wire_put_pong(out, 5);
		break;
	case 18:
		wire_put_bye(out, wire_cstr("shutdown"));
		break;
	case 19:
		wire_put_kill(out, &to_name, a);
		break;
	case 20:
		wire_put_join(out, 300);
		break;
	case 21:
		wire_put_exit(out, a, b, 300, cause, sizeof(cause));
		break;
	case 22:
		wire_put_link(out, b, a, 300);
		break;
	case 23:
		wire_put_unlink(out, b, a, 300);
		break;
	case 24:
		wire_put_cancel(out, b, a, 300);
		break;
	case 25:
		wire_put_item(out, a, b, 300, body, sizeof(body));
		break;
	case 26:
		wire_put_credit(out, b, a, 300, (struct wire_credit){UINT64_MAX, 5});
		break;
	case 27:
		wire_put_stream_call(out, &to_ref, a, wire_cstr("list"), body, sizeof(body), 7, 9,
			(struct wire_credit){64, UINT64_MAX}, NULL);
		break;
	case 28:
		wire_put_stream_reply(out, a, b, 7, body, sizeof(body), UINT64_MAX, NULL);
		break;
	case 29:
		wire_put_pause_named(out, b, wire_cstr("counter"));
		break;
	case 30:
		wire_put_stream_call(
			out, &to_name, a, wire_cstr("list"), NULL, 0, 7, 9, (struct wire_credit){1, 1}, NULL);
		break;
	}
}

/* The frame in a block of exactly its size, so that ASan sees a read beyond it. */
static uint8_t *frame_copy(int which, size_t *ret_size)
{
	struct buf out = BUF_INIT;
	uint8_t *copy;

	put_frame(&out, which);
	assert_int_equal(buf_error(&out), 0);
	copy = malloc(out.size_bytes);
	assert_non_null(copy);
	memcpy(copy, out.data, out.size_bytes);
	*ret_size = out.size_bytes;
	buf_deinit(&out);
	return copy;
}

static struct wire_frame parsed(const uint8_t *data, size_t size_bytes)
{
	struct wire_frame frame;
	size_t used = 0;

	assert_int_equal(wire_parse(data, size_bytes, &frame, &used), 1);
	assert_int_equal(used, size_bytes);
	assert_ptr_equal(frame.raw, data);
	assert_int_equal(frame.raw_bytes, size_bytes);
	return frame;
}

static bool str_is(struct wire_str s, const char *want)
{
	return s.s && s.len == strlen(want) && !memcmp(s.s, want, s.len);
}

static void test_every_writer_is_read_back(void **state)
{
	static const enum wire_type types[N_FRAMES] = {WIRE_CAST, WIRE_CAST, WIRE_CALL, WIRE_CALL, WIRE_REPLY,
		WIRE_REPLY, WIRE_ERROR, WIRE_STOP, WIRE_STOP, WIRE_KILL, WIRE_MONITOR, WIRE_MONITOR,
		WIRE_DEMONITOR, WIRE_DOWN, WIRE_PAUSE, WIRE_RESUME, WIRE_PING, WIRE_PONG, WIRE_BYE, WIRE_KILL,
		WIRE_JOIN, WIRE_EXIT, WIRE_LINK, WIRE_UNLINK, WIRE_CANCEL, WIRE_ITEM, WIRE_CREDIT, WIRE_CALL,
		WIRE_REPLY, WIRE_PAUSE, WIRE_CALL};

	for (int i = 0; i < N_FRAMES; i++) {
		size_t size;
		uint8_t *data = frame_copy(i, &size);
		struct wire_frame f = parsed(data, size);

		assert_int_equal(f.type, types[i]);
		if (i == 1 || i == 3 || i == 8 || i == 11 || i == 19 || i == 30)
			assert_true(str_is(f.to.name, "counter"));
		else
			assert_null(f.to.name.s);
		switch (i) {
		case 0:
			assert_true(actor_ref_equal(f.to.ref, b) && actor_ref_equal(f.from, a) &&
				    str_is(f.method, "add"));
			assert_int_equal(f.body_bytes, sizeof(body));
			assert_memory_equal(f.body, body, sizeof(body));
			break;
		case 1:
			assert_int_equal(f.body_bytes, 1);
			assert_int_equal(*f.body, 0x90);
			break;
		case 2:
			assert_true(f.id == 7 && f.deadline_us == -5 && str_is(f.method, "get"));
			break;
		case 3:
			assert_true(f.id == UINT64_MAX && f.deadline_us == INT64_MAX);
			break;
		case 4:
			assert_true(actor_ref_equal(f.to.ref, a) && actor_ref_equal(f.from, b) && f.id == 7);
			assert_memory_equal(f.body, body, sizeof(body));
			break;
		case 5:
			assert_int_equal(*f.body, 0xc0);
			break;
		case 6:
			assert_true(str_is(f.method, "noproc") && str_is(f.text, "gone") && f.id == 7);
			break;
		case 7:
			assert_true(str_is(f.text, "normal"));
			break;
		case 13:
			assert_int_equal(f.body_bytes, sizeof(cause));
			assert_true(f.id == 300);
			break;
		case 14:
			assert_true(f.has_ref && actor_ref_equal(f.to.ref, b));
			break;
		case 15:
			assert_false(f.has_ref);
			break;
		case 16:
		case 17:
			assert_true(f.id == 5);
			break;
		case 18:
			assert_true(str_is(f.text, "shutdown"));
			break;
		case 24:
			assert_true(
				actor_ref_equal(f.to.ref, b) && actor_ref_equal(f.from, a) && f.id == 300);
			break;
		case 25:
			assert_true(
				actor_ref_equal(f.to.ref, a) && actor_ref_equal(f.from, b) && f.id == 300);
			assert_memory_equal(f.body, body, sizeof(body));
			break;
		case 26:
			assert_true(f.id == 300 && f.credit.items == UINT64_MAX && f.credit.bytes == 5);
			break;
		case 27:
			assert_true(f.id == 7 && f.deadline_us == 9 && f.wants_stream &&
				    f.credit.items == 64 && f.credit.bytes == UINT64_MAX);
			break;
		case 28:
			assert_true(f.id == 7 && f.n_items == UINT64_MAX);
			break;
		case 29:
			assert_true(f.has_ref && actor_ref_equal(f.to.ref, b) && str_is(f.method, "counter"));
			break;
		case 30:
			assert_true(f.wants_stream && f.credit.items == 1 && f.body_bytes == 1);
			break;
		}
		free(data);
	}
}

static void test_every_truncation_of_every_frame_is_refused(void **state)
{
	for (int i = 0; i < N_FRAMES; i++) {
		size_t size;
		uint8_t *data = frame_copy(i, &size);

		for (size_t n = 0; n < size; n++) {
			uint8_t *part = malloc(n ? n : 1);
			struct wire_frame frame;
			size_t used;

			assert_non_null(part);
			memcpy(part, data, n);
			assert_int_equal(wire_parse(part, n, &frame, &used), -EPROTO);
			free(part);
		}
		free(data);
	}
}

static void frame_is_sound(const struct wire_frame *f, const uint8_t *data, size_t size, size_t used)
{
	struct mp_reader r = mp_reader(f->body, f->body_bytes);

	assert_true(used > 0 && used <= size && f->raw == data && f->raw_bytes == used);
	assert_true(!f->to.name.s || wire_name_is_valid(f->to.name.s, f->to.name.len));
	assert_true(!f->method.s || wire_name_is_valid(f->method.s, f->method.len));
	assert_true(!f->text.s || ((const uint8_t *)f->text.s >= data &&
					  (const uint8_t *)f->text.s + f->text.len <= data + used));
	if (f->body) {
		assert_true(f->body >= data && f->body + f->body_bytes <= data + used);
		assert_int_equal(mp_skip(&r), 0);
		assert_ptr_equal(r.at, r.end);
	}
}

static void test_every_corrupted_byte_gives_a_sound_frame_or_none(void **state)
{
	for (int i = 0; i < N_FRAMES; i++) {
		size_t size;
		uint8_t *data = frame_copy(i, &size);

		for (size_t at = 0; at < size; at++) {
			for (unsigned change = 1; change < 256; change++) {
				struct wire_frame frame;
				size_t used = 0;
				int r;

				data[at] ^= (uint8_t)change;
				r = wire_parse(data, size, &frame, &used);
				assert_true(r == 1 || r == 0 || r == -EPROTO);
				if (r >= 0)
					frame_is_sound(&frame, data, size, used);
				data[at] ^= (uint8_t)change;
			}
		}
		free(data);
	}
}

static void test_frames_in_a_row_are_taken_one_by_one(void **state)
{
	struct buf out = BUF_INIT;
	struct wire_frame frame;
	size_t at = 0, used;
	int n = 0;

	for (int i = 0; i < N_FRAMES; i++)
		put_frame(&out, i);
	while (at < out.size_bytes) {
		assert_int_equal(wire_parse(out.data + at, out.size_bytes - at, &frame, &used), 1);
		at += used;
		n++;
	}
	assert_int_equal(n, N_FRAMES);
	assert_int_equal(at, out.size_bytes);
	buf_deinit(&out);
}

static void test_frames_of_unknown_type_are_skipped(void **state)
{
	static const uint8_t data[] = {0x93, 0x5f, 0x91, 0x81, 0x01, 0x02, 0xc0, 0x92, 0x0c, 0x07};
	struct wire_frame frame;
	size_t used;

	assert_int_equal(wire_parse(data, sizeof(data), &frame, &used), 0);
	assert_int_equal(used, 7);
	assert_int_equal(frame.raw_bytes, 7);
	assert_int_equal(wire_parse(data + used, sizeof(data) - used, &frame, &used), 1);
	assert_int_equal(frame.type, WIRE_PING);
}

static void test_cause_is_a_map(void **state)
{
	static const uint8_t text[] = {0xa6, 'n', 'o', 'r', 'm', 'a', 'l'}, nil[] = {0xc0}, array[] = {0x90};
	static const struct wire_str wrong[] = {
		{(const char *)text, sizeof(text)}, {(const char *)nil, 1}, {(const char *)array, 1}};
	struct buf out = BUF_INIT;
	struct wire_frame frame;
	size_t used;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		wire_put_down(&out, a, b, 300, wrong[i].s, wrong[i].len);
		assert_int_equal(wire_parse(out.data, out.size_bytes, &frame, &used), -EPROTO);
		buf_deinit(&out);
		out = (struct buf)BUF_INIT;
	}
	/* A cause that is not known is an empty map. */
	wire_put_down(&out, a, b, 300, NULL, 0);
	frame = parsed(out.data, out.size_bytes);
	assert_int_equal(frame.body_bytes, 1);
	assert_int_equal(frame.body[0], 0x80);
	buf_deinit(&out);
}

static void test_counts_bigger_than_what_is_left_are_refused(void **state)
{
	static const uint8_t heads[][5] = {{0xdd, 0xff, 0xff, 0xff, 0xff}, {0xdd, 0, 0, 0, 5},
		{0xdf, 0xff, 0xff, 0xff, 0xff}, {0xdf, 0x80, 0, 0, 1}, {0xdb, 0xff, 0xff, 0xff, 0xff},
		{0xc6, 0, 0, 0, 4}, {0xdf, 0, 0, 0, 2}};

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		struct wire_frame frame;
		uint8_t args[] = {0x91, 0, 0, 0, 0, 0, 1, 2, 3};
		struct buf out = BUF_INIT;
		size_t used;

		memcpy(args + 1, heads[i], 5);
		wire_put_cast(&out, &to_ref, a, wire_cstr("m"), args, sizeof(args));
		assert_int_equal(wire_parse(out.data, out.size_bytes, &frame, &used), -EPROTO);
		assert_int_equal(wire_parse(args + 1, sizeof(args) - 1, &frame, &used), -EPROTO);
		buf_deinit(&out);
	}
}

static void test_readdressed_frame_differs_in_its_target_only(void **state)
{
	static const int with_name[] = {1, 3, 8, 11, 19, 0, 2};
	actor_ref new_to = {11, 99, 5};

	for (size_t i = 0; i < sizeof(with_name) / sizeof(with_name[0]); i++) {
		struct buf out = BUF_INIT, want = BUF_INIT;
		struct wire_dest dest = {.ref = new_to};
		struct wire_frame frame, again;
		size_t size;
		uint8_t *data = frame_copy(with_name[i], &size);

		frame = parsed(data, size);
		wire_put_readdressed(&out, &frame, new_to);
		again = parsed(out.data, out.size_bytes);
		assert_int_equal(again.type, frame.type);
		assert_null(again.to.name.s);
		assert_true(actor_ref_equal(again.to.ref, new_to) && actor_ref_equal(again.from, frame.from));
		assert_int_equal(size - frame.rest_offset, out.size_bytes - again.rest_offset);
		assert_memory_equal(
			data + frame.rest_offset, out.data + again.rest_offset, size - frame.rest_offset);
		if (frame.type == WIRE_CALL) {
			wire_put_call(&want, &dest, frame.from, frame.method, frame.body, frame.body_bytes,
				frame.id, frame.deadline_us);
			assert_int_equal(want.size_bytes, out.size_bytes);
			assert_memory_equal(want.data, out.data, out.size_bytes);
		}
		buf_deinit(&out);
		buf_deinit(&want);
		free(data);
	}
}

static void test_readdressing_keeps_fields_we_do_not_know(void **state)
{
	static const uint8_t head[] = {0xdc, 0x00, 0x06, 0xcc, 0x01, 0xa3, 'b', 'o', 'b'},
			     tail[] = {0xa1, 'm', 0x90, 0x81, 0x01, 0x02};
	struct buf in = BUF_INIT, out = BUF_INIT;
	struct wire_frame frame;

	buf_append(&in, head, sizeof(head));
	mp_put_ref(&in, a);
	buf_append(&in, tail, sizeof(tail));
	frame = parsed(in.data, in.size_bytes);
	assert_true(str_is(frame.to.name, "bob"));
	wire_put_readdressed(&out, &frame, b);
	frame = parsed(out.data, out.size_bytes);
	assert_true(actor_ref_equal(frame.to.ref, b));
	assert_memory_equal(out.data + out.size_bytes - sizeof(tail), tail, sizeof(tail));
	buf_deinit(&in);
	buf_deinit(&out);
}

static void test_pieces_make_the_same_frame(void **state)
{
	struct buf whole = BUF_INIT, pieces = BUF_INIT;

	wire_put_cast(&whole, &to_ref, a, wire_cstr("add"), body, sizeof(body));
	wire_put_call(&whole, &to_name, a, wire_cstr("get"), body, sizeof(body), 300, 5);
	wire_put_cast_head(&pieces, &to_ref, a, wire_cstr("add"));
	buf_append(&pieces, body, sizeof(body));
	wire_put_call_head(&pieces, &to_name, a, wire_cstr("get"));
	buf_append(&pieces, body, sizeof(body));
	wire_put_call_tail(&pieces, 300, 5);
	assert_int_equal(whole.size_bytes, pieces.size_bytes);
	assert_memory_equal(whole.data, pieces.data, whole.size_bytes);
	buf_deinit(&whole);
	buf_deinit(&pieces);
}

/* A cast without a field *more* is parsed by a way of its own, one with an empty field by the general one. */
static void test_short_way_of_a_cast_comes_to_the_same_result(void **state)
{
	static const size_t heads[] = {2, 3, 4, 29, 30, 31, 56, 57, 58, 59};
	static const uint8_t args[64] = {0x92, 0x01, 0xc4, 60};
	struct buf plain = BUF_INIT, more = BUF_INIT;
	struct wire_frame frame, general;
	size_t used;

	wire_put_cast(&plain, &to_ref, a, wire_cstr("add"), args, sizeof(args));
	buf_append(&more, plain.data, plain.size_bytes);
	buf_append(&more, "\x80", 1);
	more.data[0]++;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		for (unsigned byte = 0; byte < 256; byte++) {
			uint8_t was = plain.data[heads[i]];
			int r;

			if (heads[i] == 56 && byte != 0xa0 && byte != was)
				continue; /* another length: what follows is another frame */
			plain.data[heads[i]] = more.data[heads[i]] = (uint8_t)byte;
			r = wire_parse(more.data, more.size_bytes, &general, &used);
			assert_int_equal(wire_parse(plain.data, plain.size_bytes, &frame, &used), r);
			if (r > 0) {
				assert_true(actor_ref_equal(frame.to.ref, general.to.ref));
				assert_true(actor_ref_equal(frame.from, general.from));
				assert_true(wire_str_equal(frame.method, general.method));
				assert_int_equal(frame.body - frame.raw, general.body - general.raw);
				assert_int_equal(frame.body_bytes, general.body_bytes);
				assert_int_equal(frame.rest_offset, general.rest_offset);
				assert_int_equal(frame.raw_bytes, used);
			}
			plain.data[heads[i]] = more.data[heads[i]] = was;
		}
	}
	buf_deinit(&plain);
	buf_deinit(&more);
}

static void test_arguments_of_a_cast_are_an_array(void **state)
{
	static const uint8_t no_array[40] = {0xc4, 38};
	struct wire_frame frame;
	struct buf out = BUF_INIT;
	size_t used;

	wire_put_cast(&out, &to_ref, a, wire_cstr("add"), no_array, sizeof(no_array));
	assert_int_equal(wire_parse(out.data, out.size_bytes, &frame, &used), -EPROTO);
	buf_deinit(&out);
}

static void test_frame_over_16_mib_is_refused(void **state)
{
	size_t big = WIRE_MESSAGE_MAX_BYTES;
	struct buf args = BUF_INIT, out = BUF_INIT;
	struct wire_frame frame;
	uint8_t *p;
	size_t used;

	mp_put_array(&args, 1);
	p = buf_reserve(&args, big + 5);
	assert_non_null(p);
	memset(p, 0, big + 5);
	p[0] = 0xc6;
	p[1] = (uint8_t)((big - 100) >> 24);
	p[2] = (uint8_t)((big - 100) >> 16);
	p[3] = (uint8_t)((big - 100) >> 8);
	p[4] = (uint8_t)(big - 100);
	args.size_bytes += big - 100 + 5;
	wire_put_cast(&out, &to_ref, a, wire_cstr("m"), args.data, args.size_bytes);
	assert_true(out.size_bytes <= big);
	assert_int_equal(wire_parse(out.data, out.size_bytes, &frame, &used), 1);
	buf_reset(&out, SIZE_MAX);
	wire_put_cast(&out, &to_ref, a, wire_cstr("a method with a longer name than the one before had"),
		args.data, args.size_bytes);
	assert_true(out.size_bytes > big);
	assert_int_equal(wire_parse(out.data, out.size_bytes, &frame, &used), -EPROTO);
	buf_deinit(&args);
	buf_deinit(&out);
}

static void test_impossible_sizes_fail_the_buffer(void **state)
{
	struct buf out = BUF_INIT;

	wire_put_cast(&out, &to_ref, a, wire_cstr("m"), body, SIZE_MAX);
	assert_int_equal(buf_error(&out), -ENOMEM);
	assert_int_equal(out.size_bytes, 0);
	buf_reset(&out, 0);
	wire_put_call(&out, &to_ref, a, wire_cstr("m"), body, SIZE_MAX - 4, 1, 1);
	assert_int_equal(buf_error(&out), -ENOMEM);
	buf_deinit(&out);
}

static void test_a_size_that_overflows_with_the_trace_fails_the_buffer(void **state)
{
	static const struct wire_trace trace = {.id = 1, .span = 2, .parent = 3};
	static const struct wire_credit credit = {.items = 1, .bytes = 1};
	struct buf out = BUF_INIT;

	wire_put_traced_cast(&out, &to_ref, a, wire_cstr("m"), body, SIZE_MAX, &trace);
	assert_int_equal(buf_error(&out), -ENOMEM);
	buf_reset(&out, 0);
	wire_put_stream_call(&out, &to_ref, a, wire_cstr("m"), body, SIZE_MAX, 1, 1, credit, &trace);
	assert_int_equal(buf_error(&out), -ENOMEM);
	buf_reset(&out, 0);
	wire_put_reply(&out, a, b, 7, body, SIZE_MAX - 40); /* overflows with the head */
	assert_int_equal(buf_error(&out), -ENOMEM);
	buf_reset(&out, 0);
	wire_put_reply(&out, a, b, 7, body, (size_t)UINT32_MAX + 1); /* more than a frame can say */
	assert_int_equal(buf_error(&out), -ENOMEM);
	assert_int_equal(out.size_bytes, 0);
	buf_deinit(&out);
}

static void test_a_frame_that_finds_no_memory_writes_nothing(void **state)
{
	struct buf out = {.failed = true}, in = BUF_INIT;
	struct wire_frame frame;

	for (int i = 0; i < N_FRAMES; i++)
		put_frame(&out, i);
	wire_put_cast_head(&out, &to_ref, a, wire_cstr("add"));
	wire_put_call_head(&out, &to_ref, a, wire_cstr("add"));
	wire_put_call_tail(&out, 300, 5);
	wire_put_pause_named(&out, b, wire_cstr("counter"));
	wire_put_cast(&in, &to_name, a, wire_cstr("add"), NULL, 0);
	frame = parsed(in.data, in.size_bytes);
	wire_put_readdressed(&out, &frame, b);
	assert_null(out.data);
	assert_int_equal(out.size_bytes, 0);
	assert_int_equal(buf_error(&out), -ENOMEM);
	buf_deinit(&in);
}

static void test_items_and_results_without_a_value_are_nil(void **state)
{
	struct buf out = BUF_INIT;
	struct wire_frame frame;

	wire_put_item(&out, a, b, 300, NULL, 0);
	frame = parsed(out.data, out.size_bytes);
	assert_int_equal(frame.type, WIRE_ITEM);
	assert_int_equal(frame.body_bytes, 1);
	assert_int_equal(frame.body[0], 0xc0);
	buf_reset(&out, 4096);
	wire_put_stream_reply(&out, a, b, 7, NULL, 0, 3, NULL);
	frame = parsed(out.data, out.size_bytes);
	assert_int_equal(frame.body[0], 0xc0);
	assert_int_equal(frame.n_items, 3);
	buf_deinit(&out);
}

/* A cast to bob whose last field is @more. */
static int parse_cast_with(const void *more, size_t more_bytes, struct wire_frame *frame)
{
	static const uint8_t head[] = {0x96, 0x01, 0xa3, 'b', 'o', 'b'}, method_args[] = {0xa1, 'm', 0x90};
	struct buf in = BUF_INIT;
	uint8_t *copy;
	size_t used;
	int r;

	buf_append(&in, head, sizeof(head));
	mp_put_ref(&in, a);
	buf_append(&in, method_args, sizeof(method_args));
	buf_append(&in, more, more_bytes);
	copy = malloc(in.size_bytes); /* of exactly that size, for ASan */
	assert_non_null(copy);
	memcpy(copy, in.data, in.size_bytes);
	r = wire_parse(copy, in.size_bytes, frame, &used);
	buf_deinit(&in);
	free(copy);
	return r;
}

static void test_a_trace_of_another_form_is_ignored_and_costs_no_frame(void **state)
{
	static const struct wire_str traces[] = {
		{"\xc0", 1}, {"\x92\x01\x02", 3}, /* nil; two numbers */
		{"\x93\xa1x\x02\x03", 5}, {"\x93\x01\xa1x\x03", 5}, {"\x93\x01\x02\xa1x", 5}, /* no numbers */
		{"\x93\x00\x02\x03", 4}, {"\x93\x01\x00\x03", 4},                             /* 0 is no id */
	};
	struct wire_frame frame;
	uint8_t more[32] = "\x81\xa5trace";

	for (size_t i = 0; i < sizeof(traces) / sizeof(traces[0]); i++) {
		memcpy(more + 7, traces[i].s, traces[i].len);
		assert_int_equal(parse_cast_with(more, 7 + traces[i].len, &frame), 1);
		assert_true(frame.trace.id == 0);
	}
	memcpy(more + 7, "\x93\x01\x02\x00", 4);
	assert_int_equal(parse_cast_with(more, 11, &frame), 1);
	assert_true(frame.trace.id == 1 && frame.trace.span == 2);
}

static void test_keys_that_are_no_text_are_skipped_with_their_values(void **state)
{
	static const uint8_t more[] = {
		0x82, 0x07, 0x92, 0x01, 0x02, 0xa5, 't', 'r', 'a', 'c', 'e', 0x93, 0x01, 0x02, 0x03};
	struct wire_frame frame;

	assert_int_equal(parse_cast_with(more, sizeof(more), &frame), 1);
	assert_true(frame.trace.id == 1);
}

static void test_waits_with_something_behind_them_are_none(void **state)
{
	static const uint8_t waits[] = {0x91, 0x05, 0xc0};
	struct wire_waits ret;

	assert_int_equal(wire_waits_read(waits, sizeof(waits) - 1, &ret), 0);
	assert_int_equal(wire_waits_read(waits, sizeof(waits), &ret), -EPROTO);
}

static void test_texts_are_equal_by_length_and_bytes(void **state)
{
	assert_true(wire_str_equal(wire_cstr("ab"), wire_cstr("ab")));
	assert_false(wire_str_equal(wire_cstr("ab"), wire_cstr("abc")));
	assert_false(wire_str_equal(wire_cstr("ab"), wire_cstr("ac")));
	assert_int_equal(wire_cstr(NULL).len, 0);
}

static void test_refs_are_printed_and_read(void **state)
{
	static const char *const bad[] = {"", "<", "<>", "<1.2>", "<1.2.3", "1.2.3", "<1.2.3>x", "<01.2.3>",
		"<1.2.3.4>", "<A.2.3>", "< 1.2.3>", "<1..3>", "<00.0.0>", "<10000000000000000.0.0>",
		"<-1.2.3>", "<0x1.2.3>", "<1.2.3>\n"};
	char text[ACTOR_REF_TEXT_MAX];
	actor_ref ref = {UINT64_MAX, UINT64_MAX, UINT64_MAX}, back = a;

	assert_string_equal(
		actor_ref_format(ref, text), "<ffffffffffffffff.ffffffffffffffff.ffffffffffffffff>");
	assert_int_equal(actor_ref_parse(text, &back), 0);
	assert_true(actor_ref_equal(ref, back));
	assert_string_equal(actor_ref_format(ACTOR_NOBODY, text), "<0.0.0>");
	assert_int_equal(actor_ref_parse(text, &back), 0);
	assert_true(actor_ref_is_nobody(back));
	assert_string_equal(actor_ref_format(b, text), "<b.3.1234>");
	back = a;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(actor_ref_parse(bad[i], &back), -EINVAL);
	assert_int_equal(actor_ref_parse(NULL, &back), -EINVAL);
	assert_true(actor_ref_equal(back, a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_writer_is_read_back),
		cmocka_unit_test(test_every_truncation_of_every_frame_is_refused),
		cmocka_unit_test(test_every_corrupted_byte_gives_a_sound_frame_or_none),
		cmocka_unit_test(test_frames_in_a_row_are_taken_one_by_one),
		cmocka_unit_test(test_frames_of_unknown_type_are_skipped),
		cmocka_unit_test(test_cause_is_a_map),
		cmocka_unit_test(test_counts_bigger_than_what_is_left_are_refused),
		cmocka_unit_test(test_readdressed_frame_differs_in_its_target_only),
		cmocka_unit_test(test_readdressing_keeps_fields_we_do_not_know),
		cmocka_unit_test(test_pieces_make_the_same_frame),
		cmocka_unit_test(test_short_way_of_a_cast_comes_to_the_same_result),
		cmocka_unit_test(test_arguments_of_a_cast_are_an_array),
		cmocka_unit_test(test_frame_over_16_mib_is_refused),
		cmocka_unit_test(test_impossible_sizes_fail_the_buffer),
		cmocka_unit_test(test_a_size_that_overflows_with_the_trace_fails_the_buffer),
		cmocka_unit_test(test_a_frame_that_finds_no_memory_writes_nothing),
		cmocka_unit_test(test_items_and_results_without_a_value_are_nil),
		cmocka_unit_test(test_a_trace_of_another_form_is_ignored_and_costs_no_frame),
		cmocka_unit_test(test_keys_that_are_no_text_are_skipped_with_their_values),
		cmocka_unit_test(test_waits_with_something_behind_them_are_none),
		cmocka_unit_test(test_texts_are_equal_by_length_and_bytes),
		cmocka_unit_test(test_refs_are_printed_and_read),
	};

	return run_facts(tests);
}

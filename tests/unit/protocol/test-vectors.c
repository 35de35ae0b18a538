/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests every vector of sdk/vectors. A y_ vector must parse and mean what its JSON says; a canonical one must
 * also be written as the same bytes. An n_ vector must be refused.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/message/object.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/hello.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/arena.h"
#include "tests/fact.h"
#include "tests/frame-write.h"

static const char *vectors_dir;

struct vector {
	char name[128]; /* the name of the file without .msgpack */
	uint8_t *data;  /* exactly as large as the file, so ASan sees a read beyond it */
	size_t size_bytes;
};

static void vector_read(struct vector *v, const char *file)
{
	char path[4096];
	FILE *f;
	long size;

	snprintf(path, sizeof(path), "%s/%s", vectors_dir, file);
	f = fopen(path, "rb");
	assert_non_null(f);
	assert_int_equal(fseek(f, 0, SEEK_END), 0);
	size = ftell(f);
	rewind(f);
	assert_true(size >= 0);
	v->size_bytes = (size_t)size;
	v->data = malloc(v->size_bytes ? v->size_bytes : 1);
	assert_non_null(v->data);
	assert_int_equal(fread(v->data, 1, v->size_bytes, f), v->size_bytes);
	fclose(f);
	snprintf(v->name, sizeof(v->name), "%.*s", (int)(strlen(file) - strlen(".msgpack")), file);
}

static json_t *vector_meaning(const struct vector *v)
{
	char path[4096];
	json_error_t error;
	json_t *json;

	snprintf(path, sizeof(path), "%s/%s.json", vectors_dir, v->name);
	json = json_load_file(path, 0, &error);
	if (!json)
		fail_msg("%s: %s", path, error.text);
	return json;
}

/* ---- msgpack → JSON, as README.md of the vectors writes it ---- */

static json_t *json_hex(const uint8_t *data, size_t len)
{
	char *text = calloc(1, 2 * len + 1);
	json_t *json;

	assert_non_null(text);
	for (size_t i = 0; i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", data[i]);
	json = json_string(text);
	free(text);
	return json;
}

static json_t *json_uint(uint64_t v)
{
	char text[32];

	if (v <= INT64_MAX)
		return json_integer((json_int_t)v);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	return json_pack("{s:s}", "$uint", text);
}

static json_t *json_ref(actor_ref ref)
{
	char text[ACTOR_REF_TEXT_MAX];
	actor_ref back;

	actor_ref_format(ref, text);
	assert_int_equal(actor_ref_parse(text, &back), 0);
	assert_true(actor_ref_equal(ref, back));
	return json_pack("{s:s}", "$ref", text);
}

static json_t *json_value(struct mp_reader *r);

static json_t *json_map(struct mp_reader *r)
{
	json_t *object = json_object(), *pairs = json_array();
	bool plain = true;
	uint32_t n;

	assert_int_equal(mp_read_map(r, &n), 0);
	while (n--) {
		json_t *key = json_value(r), *value = json_value(r);

		plain = plain && json_is_string(key);
		if (plain)
			json_object_set(object, json_string_value(key), value);
		json_array_append_new(pairs, json_pack("[oo]", key, value));
	}
	if (plain) {
		json_decref(pairs);
		return object;
	}
	json_decref(object);
	return json_pack("{s:o}", "$map", pairs);
}

static json_t *json_value(struct mp_reader *r)
{
	const uint8_t *data;
	const char *s;
	int8_t ext;
	actor_ref ref;
	json_t *array;
	int64_t i64;
	uint64_t u64;
	uint32_t n;
	size_t len;
	double f;
	bool b;

	switch (mp_peek(r)) {
	case MP_NIL:
		assert_int_equal(mp_read_nil(r), 0);
		return json_null();
	case MP_BOOL:
		assert_int_equal(mp_read_bool(r, &b), 0);
		return json_boolean(b);
	case MP_UINT:
		assert_int_equal(mp_read_uint(r, &u64), 0);
		return json_uint(u64);
	case MP_INT:
		assert_int_equal(mp_read_int(r, &i64), 0);
		return json_integer(i64);
	case MP_FLOAT:
		assert_int_equal(mp_read_double(r, &f), 0);
		return json_real(f);
	case MP_STR:
		assert_int_equal(mp_read_str(r, &s, &len), 0);
		return json_stringn(s, len);
	case MP_BIN:
		assert_int_equal(mp_read_bin(r, &data, &len), 0);
		return json_pack("{s:o}", "$bin", json_hex(data, len));
	case MP_EXT:
		if (mp_read_ref(r, &ref) == 0)
			return json_ref(ref);
		assert_int_equal(mp_read_ext(r, &ext, &data, &len), 0);
		return json_pack("{s:[i,o]}", "$ext", ext, json_hex(data, len));
	case MP_ARRAY:
		array = json_array();
		assert_int_equal(mp_read_array(r, &n), 0);
		while (n--)
			json_array_append_new(array, json_value(r));
		return array;
	case MP_MAP:
		return json_map(r);
	case MP_BAD:
		break;
	}
	fail_msg("no value");
	return NULL;
}

static json_t *json_body(const struct wire_frame *frame)
{
	struct mp_reader r = mp_reader(frame->body, frame->body_bytes);
	const struct msgpack_object *object;
	struct mp_reader again = r;
	struct buf b = BUF_INIT;
	void *arena = NULL;

	/* The value survives the way through msgpack-c's objects. */
	assert_int_equal(object_read(&again, &arena, &object), 0);
	assert_int_equal(object_put(&b, object, MP_DEPTH_MAX), 0);
	again = mp_reader(b.data, b.size_bytes);
	assert_int_equal(mp_skip(&again), 0);
	assert_ptr_equal(again.at, again.end);
	buf_deinit(&b);
	arena_free(arena);
	return json_value(&r);
}

/* ---- frames ---- */

static json_t *json_dest(const struct wire_dest *to)
{
	return to->name.s ? json_stringn(to->name.s, to->name.len) : json_ref(to->ref);
}

static json_t *json_text(struct wire_str s)
{
	return json_stringn(s.s, s.len);
}

static json_t *json_waits(const struct wire_frame *f)
{
	struct wire_waits waits;
	json_t *json;

	assert_int_equal(wire_waits_read(f->waits, f->waits_bytes, &waits), 0);
	json = json_pack("[I]", (json_int_t)waits.until_us);
	for (uint32_t i = 0; i < waits.n; i++) {
		json_array_append_new(json, json_ref(waits.calls[i].caller));
		json_array_append_new(json, json_uint(waits.calls[i].id));
	}
	return json;
}

static json_t *json_fields(const struct wire_frame *f)
{
	json_t *json;

	switch (f->type) {
	case WIRE_CAST:
		return json_pack("{ss so so so so}", "type", "cast", "to", json_dest(&f->to), "from",
			json_ref(f->from), "method", json_text(f->method), "args", json_body(f));
	case WIRE_CALL:
		json = json_pack("{ss so so so so so sI}", "type", "call", "to", json_dest(&f->to), "from",
			json_ref(f->from), "method", json_text(f->method), "args", json_body(f), "id",
			json_uint(f->id), "deadline_us", (json_int_t)f->deadline_us);
		if (f->waits)
			json_object_set_new(json, "waits", json_waits(f));
		if (f->wants_stream)
			json_object_set_new(json, "stream",
				json_pack("[oo]", json_uint(f->credit.items), json_uint(f->credit.bytes)));
		return json;
	case WIRE_REPLY:
		json = json_pack("{ss so so so so}", "type", "reply", "to", json_ref(f->to.ref), "from",
			json_ref(f->from), "id", json_uint(f->id), "result", json_body(f));
		if (f->n_items)
			json_object_set_new(json, "items", json_uint(f->n_items));
		return json;
	case WIRE_ERROR:
		return json_pack("{ss so so so so so}", "type", "error", "to", json_ref(f->to.ref), "from",
			json_ref(f->from), "id", json_uint(f->id), "name", json_text(f->method), "text",
			json_text(f->text));
	case WIRE_STOP:
		return json_pack("{ss so so so}", "type", "stop", "to", json_dest(&f->to), "from",
			json_ref(f->from), "reason", json_text(f->text));
	case WIRE_KILL:
		return json_pack(
			"{ss so so}", "type", "kill", "to", json_dest(&f->to), "from", json_ref(f->from));
	case WIRE_MONITOR:
	case WIRE_DEMONITOR:
	case WIRE_LINK:
	case WIRE_UNLINK:
		return json_pack("{ss so so so}", "type",
			f->type == WIRE_MONITOR     ? "monitor"
			: f->type == WIRE_DEMONITOR ? "demonitor"
			: f->type == WIRE_LINK      ? "link"
						    : "unlink",
			"to", json_dest(&f->to), "from", json_ref(f->from), "id", json_uint(f->id));
	case WIRE_DOWN:
	case WIRE_EXIT:
		return json_pack("{ss so so so so}", "type", f->type == WIRE_DOWN ? "down" : "exit", "to",
			json_ref(f->to.ref), "from", json_ref(f->from), "id", json_uint(f->id), "cause",
			json_body(f));
	case WIRE_PAUSE:
	case WIRE_RESUME:
		json = json_pack("{ss so}", "type", f->type == WIRE_PAUSE ? "pause" : "resume", "ref",
			f->has_ref ? json_ref(f->to.ref) : json_null());
		if (f->method.s)
			json_object_set_new(json, "name", json_text(f->method));
		return json;
	case WIRE_PING:
	case WIRE_PONG:
		return json_pack(
			"{ss so}", "type", f->type == WIRE_PING ? "ping" : "pong", "n", json_uint(f->id));
	case WIRE_BYE:
		return json_pack("{ss so}", "type", "bye", "reason", json_text(f->text));
	case WIRE_JOIN:
		return json_pack("{ss so}", "type", "join", "group", json_uint(f->id));
	case WIRE_CANCEL:
		return json_pack("{ss so so so}", "type", "cancel", "to", json_ref(f->to.ref), "from",
			json_ref(f->from), "id", json_uint(f->id));
	case WIRE_ITEM:
		return json_pack("{ss so so so so}", "type", "item", "to", json_ref(f->to.ref), "from",
			json_ref(f->from), "id", json_uint(f->id), "value", json_body(f));
	case WIRE_CREDIT:
		return json_pack("{ss so so so so so}", "type", "credit", "to", json_ref(f->to.ref), "from",
			json_ref(f->from), "id", json_uint(f->id), "items", json_uint(f->credit.items),
			"bytes", json_uint(f->credit.bytes));
	case WIRE_TYPE_N:
		break;
	}
	fail_msg("type %d", f->type);
	return NULL;
}

static json_t *json_frame(const struct wire_frame *f)
{
	json_t *json = json_fields(f);

	if (f->trace.id)
		json_object_set_new(json, "trace",
			json_pack("[ooo]", json_uint(f->trace.id), json_uint(f->trace.span),
				json_uint(f->trace.parent)));
	return json;
}

/*
 * cause_parse() and cause_put() lose nothing: the cause is written as it came, or is shorter if it had keys
 * that cause_parse() does not know.
 */
static void cause_matches(const struct wire_frame *frame)
{
	struct actor_cause cause;
	struct buf b = BUF_INIT;

	assert_int_equal(cause_parse(frame->body, frame->body_bytes, &cause), 0);
	cause_put(&b, &cause);
	if (b.size_bytes == frame->body_bytes)
		assert_memory_equal(b.data, frame->body, b.size_bytes);
	else
		assert_true(b.size_bytes < frame->body_bytes);
	buf_deinit(&b);
}

static void frames_match(const struct vector *v, const json_t *meaning, struct buf *written)
{
	const json_t *wanted = json_object_get(meaning, "frames"), *want;
	size_t at = 0, i;

	json_array_foreach(wanted, i, want) {
		struct wire_frame frame;
		size_t used = 0;
		json_t *have;
		int r;

		assert_true(at < v->size_bytes);
		r = wire_parse(v->data + at, v->size_bytes - at, &frame, &used);
		if (r < 0)
			fail_msg("%s: frame %zu is refused", v->name, i);
		assert_ptr_equal(frame.raw, v->data + at);
		assert_int_equal(frame.raw_bytes, used);
		at += used;
		if (r == 0) {
			assert_string_equal(json_string_value(json_object_get(want, "type")), "unknown");
			continue;
		}
		have = json_frame(&frame);
		if (!json_equal(have, want)) {
			json_dumpf(have, stderr, JSON_INDENT(1));
			fail_msg("%s: frame %zu means something else", v->name, i);
		}
		json_decref(have);
		if (frame.type == WIRE_DOWN)
			cause_matches(&frame);
		assert_true(frame_write(written, &frame));
	}
	assert_int_equal(at, v->size_bytes);
}

static bool frames_are_refused(const struct vector *v)
{
	size_t at = 0;

	do {
		struct actor_cause cause;
		struct wire_frame frame;
		size_t used = 0;
		int r = wire_parse(v->data + at, v->size_bytes - at, &frame, &used);

		if (r < 0)
			return true;
		if (r == 1 && frame.type == WIRE_DOWN && cause_parse(frame.body, frame.body_bytes, &cause))
			return true;
		assert_true(used > 0);
		at += used;
	} while (at < v->size_bytes);
	return false;
}

/* ---- hello ---- */

static void hello_matches(const struct vector *v, const json_t *meaning, struct buf *written)
{
	struct hello hello;
	json_t *have;

	assert_int_equal(hello_parse(v->data, v->size_bytes, &hello), 0);
	have = json_pack("{s:[oo], so, so, s[]}", "v", json_uint(hello.version_min),
		json_uint(hello.version_max), "name", json_text(hello.name), "pid", json_uint(hello.pid),
		"features");
	if (hello.token)
		json_object_set_new(
			have, "token", json_pack("{so}", "$bin", json_hex(hello.token, hello.token_bytes)));
	if (!json_object_get(json_object_get(meaning, "hello"), "features"))
		json_object_del(have, "features");
	if (!json_equal(have, json_object_get(meaning, "hello")))
		fail_msg("%s means something else", v->name);
	json_decref(have);
	hello_put(written, &hello);
}

static void answer_matches(const struct vector *v, const json_t *meaning, struct buf *written)
{
	struct hello_answer a;
	json_t *have;

	assert_int_equal(hello_answer_parse(v->data, v->size_bytes, &a), 0);
	if (a.error.s)
		have = json_pack("{so so}", "error", json_text(a.error), "text", json_text(a.text));
	else
		have = json_pack("{so so so so so sb}", "v", json_uint(a.version), "url", json_text(a.url),
			"node", json_uint(a.node), "group", json_uint(a.group), "self", json_ref(a.self),
			"restarted", a.restarted);
	if (a.resume)
		json_object_set_new(
			have, "resume", json_pack("{so}", "$bin", json_hex(a.resume, a.resume_bytes)));
	if (!json_equal(have, json_object_get(meaning, "answer")))
		fail_msg("%s means something else", v->name);
	json_decref(have);
	hello_answer_put(written, &a);
}

/* ---- */

static void vector_must_parse(const struct vector *v)
{
	json_t *meaning = vector_meaning(v);
	const char *what = json_string_value(json_object_get(meaning, "what"));
	struct buf written = BUF_INIT;

	assert_non_null(what);
	if (!strcmp(what, "frames"))
		frames_match(v, meaning, &written);
	else if (!strcmp(what, "hello"))
		hello_matches(v, meaning, &written);
	else if (!strcmp(what, "answer"))
		answer_matches(v, meaning, &written);
	else
		fail_msg("%s: what is %s?", v->name, what);
	assert_int_equal(buf_error(&written), 0);
	if (json_is_true(json_object_get(meaning, "canonical"))) {
		if (written.size_bytes != v->size_bytes ||
			(v->size_bytes && memcmp(written.data, v->data, v->size_bytes)))
			fail_msg("%s is written differently", v->name);
	}
	buf_deinit(&written);
	json_decref(meaning);
}

static void vector_must_be_refused(const struct vector *v)
{
	struct hello_answer answer;
	struct hello hello;
	bool refused;

	if (!strncmp(v->name, "n_frame_", 8))
		refused = frames_are_refused(v);
	else if (!strncmp(v->name, "n_hello_", 8))
		refused = hello_parse(v->data, v->size_bytes, &hello) == -EPROTO;
	else
		refused = hello_answer_parse(v->data, v->size_bytes, &answer) == -EPROTO;
	if (!refused)
		fail_msg("%s is accepted", v->name);
}

static void vectors_each(const char *prefix, void (*check)(const struct vector *), unsigned at_least)
{
	DIR *dir = opendir(vectors_dir);
	struct dirent *entry;
	unsigned n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		const char *dot = strrchr(entry->d_name, '.');
		struct vector v;

		if (strncmp(entry->d_name, prefix, strlen(prefix)) || !dot || strcmp(dot, ".msgpack"))
			continue;
		vector_read(&v, entry->d_name);
		check(&v);
		free(v.data);
		n++;
	}
	closedir(dir);
	assert_true(n >= at_least);
}

static void test_every_good_vector_means_what_its_json_says(void **state)
{
	vectors_each("y_", vector_must_parse, 60);
}

static void test_every_bad_vector_is_refused(void **state)
{
	vectors_each("n_", vector_must_be_refused, 250);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_good_vector_means_what_its_json_says),
		cmocka_unit_test(test_every_bad_vector_is_refused),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: %s DIRECTORY-OF-VECTORS\n", argv[0]);
		return 2;
	}
	vectors_dir = argv[1];
	return run_facts(tests);
}

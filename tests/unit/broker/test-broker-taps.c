/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks for it is shown copies of what others send. */
#include <string.h>

#include "broker/state.h"
#include "libactor/protocol/tap.h"
#include "tests/unit/broker/broker-fact.h"

static struct client *watcher, *a, *b;

static int setup(void **state)
{
	world_init(&w, 0, NULL);
	watcher = world_newcomer(&w, "watcher");
	a = world_newcomer(&w, "a");
	b = world_supervised(&w, 17, "b");
	world_advance(&w, 1000 * MS);
	return 0;
}

struct copy {
	uint64_t tap, n_missed, id, body_bytes;
	int64_t at_us;
	struct wire_str path, kind, method, text, to_name;
	actor_ref from, to;
	const uint8_t *body;
	size_t copied_bytes;
	uint64_t trace[3]; /* 0: the frame has none */
};

static struct copy copy_read(const struct wire_frame *frame)
{
	struct mp_reader r = mp_reader(frame->body, frame->body_bytes);
	struct copy copy = {.to = ACTOR_NOBODY};
	uint32_t n;

	assert_true(str_is(frame->method, "tapped"));
	assert_int_equal(mp_read_array(&r, &n), 0);
	assert_int_equal(n, 2 + TAP_COPY_REST_N);
	assert_int_equal(mp_read_uint(&r, &copy.tap), 0);
	assert_int_equal(mp_read_uint(&r, &copy.n_missed), 0);
	assert_int_equal(mp_read_int(&r, &copy.at_us), 0);
	assert_int_equal(mp_read_str(&r, &copy.path.s, &copy.path.len), 0);
	assert_int_equal(mp_read_str(&r, &copy.kind.s, &copy.kind.len), 0);
	assert_int_equal(mp_read_ref(&r, &copy.from), 0);
	if (mp_read_ref(&r, &copy.to) < 0)
		assert_int_equal(mp_read_str(&r, &copy.to_name.s, &copy.to_name.len), 0);
	if (mp_read_nil(&r) < 0)
		assert_int_equal(mp_read_str(&r, &copy.method.s, &copy.method.len), 0);
	assert_int_equal(mp_read_uint(&r, &copy.id), 0);
	assert_int_equal(mp_read_uint(&r, &copy.body_bytes), 0);
	if (mp_read_nil(&r) < 0 && mp_read_str(&r, &copy.text.s, &copy.text.len) < 0)
		assert_int_equal(mp_read_bin(&r, &copy.body, &copy.copied_bytes), 0);
	if (mp_read_nil(&r) < 0) {
		assert_int_equal(mp_read_array(&r, &n), 0);
		assert_int_equal(n, 3);
		for (int i = 0; i < 3; i++)
			assert_int_equal(mp_read_uint(&r, &copy.trace[i]), 0);
	}
	assert_ptr_equal(r.at, r.end);
	return copy;
}

static struct copy expect_copy(void)
{
	struct wire_frame frame = client_expect(watcher, WIRE_CAST);

	assert_true(actor_ref_equal(frame.to.ref, client_ref(watcher, 5)));
	return copy_read(&frame);
}

static uint64_t expect_uint(struct client *c, uint64_t id)
{
	struct wire_frame frame = client_expect(c, WIRE_REPLY);
	struct mp_reader r = mp_reader(frame.body, frame.body_bytes);
	uint64_t value;

	assert_int_equal(frame.id, id);
	assert_int_equal(mp_read_uint(&r, &value), 0);
	return value;
}

/* Starts a tap of all that is routed. Returns its id. */
static uint64_t tap_routed(uint64_t rate)
{
	return expect_uint(
		watcher, client_ask(watcher, "tap", pack(&w, "a4rm0ub", client_ref(watcher, 5), rate, 0)));
}

static void say(struct client *from, struct client *to, const char *method)
{
	struct wire_dest dest = to_ref(client_ref(to, 7));

	client_cast(from, &dest, method, pack(&w, "a1s", "hello"));
	client_expect(to, WIRE_CAST);
}

static void test_a_tap_is_shown_what_is_routed(void **state)
{
	struct wire_dest dest = to_ref(client_ref(b, 7));
	struct copy copy;
	uint64_t tap, id;

	tap = tap_routed(1000);
	id = client_call(a, &dest, "ask", pack(&w, "a1s", "what"));
	client_expect(b, WIRE_CALL);
	copy = expect_copy();
	assert_int_equal(copy.tap, tap);
	assert_true(str_is(copy.path, "broker") && str_is(copy.kind, "call") && str_is(copy.method, "ask"));
	assert_int_equal(copy.from.group, a->group);
	assert_true(actor_ref_equal(copy.to, client_ref(b, 7)));
	assert_int_equal(copy.id, id);
	assert_int_equal(copy.at_us, w.now_ns / 1000);
	assert_int_equal(copy.copied_bytes, copy.body_bytes);
	assert_memory_equal(copy.body, "\x91\xa4what", 6);

	wire_put_error(&b->out, copy.from, client_ref(b, 7), id, wire_cstr("bad"), wire_cstr("so it is"));
	client_send(b);
	client_expect(a, WIRE_ERROR);
	copy = expect_copy();
	assert_true(
		str_is(copy.kind, "error") && str_is(copy.method, "bad") && str_is(copy.text, "so it is"));
	client_expect_nothing(watcher);
}

static void test_a_long_body_is_not_copied_but_measured(void **state)
{
	char text[TAP_BODY_MAX_BYTES + 1];
	struct copy copy;

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = 0;
	tap_routed(1000);
	client_cast(a, &(struct wire_dest){.ref = client_ref(b, 7)}, "long", pack(&w, "a1s", text));
	copy = expect_copy();
	assert_null(copy.body);
	assert_int_equal(copy.body_bytes, 1 + 3 + TAP_BODY_MAX_BYTES);
}

static void test_a_filter_lets_through_what_it_names(void **state)
{
	actor_ref me = client_ref(watcher, 5);
	uint64_t id;

	/* None of these fits: frames of b, frames for another actor of b, another method. */
	client_ask(watcher, "tap", pack(&w, "a4rm1srnb", me, "from", client_ref(b, 0), 0));
	client_expect(watcher, WIRE_REPLY);
	say(a, b, "m");
	client_expect_nothing(watcher);
	client_ask(watcher, "tap", pack(&w, "a4rm1srnb", me, "to", client_ref(b, 8), 0));
	client_expect(watcher, WIRE_REPLY);
	say(a, b, "m");
	client_expect_nothing(watcher);
	client_ask(watcher, "tap", pack(&w, "a4rm1ssnb", me, "method", "n", 0));
	client_expect(watcher, WIRE_REPLY);
	say(a, b, "m");
	client_expect_nothing(watcher);
	id = expect_uint(watcher, client_ask(watcher, "tap",
					  pack(&w, "a4rm3srsrssnb", me, "from", client_ref(a, 0), "to",
						  client_ref(b, 7), "method", "m", 0)));
	say(a, b, "m");
	assert_int_equal(expect_copy().tap, id);
	client_expect_nothing(watcher);
}

static void test_a_frame_for_a_name_is_shown_with_its_owner(void **state)
{
	client_expect_nil(b, client_ask(b, "register", pack(&w, "a2sr", "name", client_ref(b, 7))));
	client_ask(watcher, "tap", pack(&w, "a4rm1srnb", client_ref(watcher, 5), "to", client_ref(b, 7), 0));
	client_expect(watcher, WIRE_REPLY);
	client_cast(a, &(struct wire_dest){.name = wire_cstr("name")}, "m", pack(&w, "a0"));
	assert_true(actor_ref_equal(expect_copy().to, client_ref(b, 7)));
}

static void test_what_is_more_than_the_rate_is_counted(void **state)
{
	unsigned n_shown = 0;
	struct wire_frame frame;

	tap_routed(100); /* a tenth of them at once, and one more */
	for (int i = 0; i < 50; i++)
		say(a, b, "m");
	while (client_next(watcher, &frame)) {
		assert_int_equal(copy_read(&frame).n_missed, 0);
		n_shown++;
	}
	assert_in_range(n_shown, 10, 11);
	world_advance(&w, 110 * MS);
	say(a, b, "m");
	assert_int_equal(expect_copy().n_missed, 50 - n_shown);
}

static void test_at_full_speed_copies_come_in_rows(void **state)
{
	unsigned n_shown = 0, n_rows = 0, n_missed = 0;
	struct wire_frame frame;
	bool before = true, shown;

	tap_routed(1000);
	/* An idle tap copies a hundred frames at once; these casts use that up. */
	for (int i = 0; i < 110; i++)
		say(a, b, "m");
	while (client_next(watcher, &frame))
		;
	for (int i = 0; i < 2000; i++) {
		world_advance(&w, MS / 10);
		say(a, b, "m");
		shown = client_next(watcher, &frame);
		if (shown) {
			n_missed += (unsigned)copy_read(&frame).n_missed;
			n_shown++;
		}
		n_rows += shown && !before;
		before = shown;
	}
	/* A fifth of a second has passed. */
	assert_in_range(n_shown, 100, 230);
	assert_in_range(n_rows, 1, 3);
	assert_in_range(n_shown + n_missed, 900, 2120);
}

static void test_a_watcher_that_does_not_read_misses_copies_and_is_not_cut(void **state)
{
	char text[1000];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = 0;
	tap_routed(TAP_RATE_MAX);
	for (int i = 0; i < 20000; i++) {
		client_cast(a, &(struct wire_dest){.ref = client_ref(b, 7)}, "m", pack(&w, "a1s", text));
		client_expect(b, WIRE_CAST);
		world_advance(&w, MS);
	}
	assert_false(watcher->closed);
	assert_in_range(watcher->in.size_bytes, 200 << 10, 300 << 10);
}

static void test_one_asks_for_its_own_actors_only(void **state)
{
	client_expect_error(
		watcher, client_ask(watcher, "tap", pack(&w, "a3rm0n", client_ref(a, 5))), "permission");
	client_expect_error(watcher,
		client_ask(watcher, "tap", pack(&w, "a3rm1snn", client_ref(watcher, 5), "colour")),
		"bad_args");
	client_expect_error(watcher,
		client_ask(watcher, "tap", pack(&w, "a3rm0u", client_ref(watcher, 5), UINT64_C(0))),
		"bad_args");
	for (unsigned i = 0; i < TAPS_MAX; i++)
		tap_routed(1);
	client_expect_error(watcher,
		client_ask(watcher, "tap", pack(&w, "a4rm0nb", client_ref(watcher, 5), 0)), "overloaded");
}

/* Expects to be told of a tap. Returns its id; @ret stands behind that. */
static uint64_t expect_tap(struct client *c, struct mp_reader *ret)
{
	struct mp_reader r = client_expect_cast(c, "tap");
	uint64_t id;

	assert_int_equal(mp_read_uint(&r, &id), 0);
	*ret = r;
	return id;
}

static uint64_t expect_untap(struct client *c)
{
	struct mp_reader r = client_expect_cast(c, "untap");
	uint64_t id;

	assert_int_equal(mp_read_uint(&r, &id), 0);
	return id;
}

static uint64_t tap_all(void)
{
	return expect_uint(
		watcher, client_ask(watcher, "tap",
				 pack(&w, "a3rm1ssu", client_ref(watcher, 5), "method", "m", UINT64_C(70))));
}

static void test_the_groups_are_told_what_to_copy_and_when_to_end(void **state)
{
	uint64_t tap = tap_all();
	struct mp_reader r;
	struct client *late;
	struct tap spec;

	assert_int_equal(expect_tap(a, &r), tap);
	assert_int_equal(tap_read(&r, &spec), 0);
	assert_true(str_is(wire_str(spec.method, spec.method_len), "m"));
	assert_int_equal(spec.rate, 70);
	assert_int_equal(expect_tap(b, &r), tap);
	late = world_newcomer(&w, "late");
	assert_int_equal(expect_tap(late, &r), tap);
	client_expect_nothing(watcher); /* the watcher's group is not told of it */

	client_ask(watcher, "untap", pack(&w, "a1u", tap));
	assert_int_equal(expect_untap(a), tap);
	assert_int_equal(expect_untap(late), tap);
	client_expect(watcher, WIRE_REPLY);
	say(a, b, "m");
	client_expect_nothing(watcher);
}

static void test_a_tap_ends_with_its_watcher(void **state)
{
	uint64_t tap = tap_all();
	struct mp_reader r;

	expect_tap(a, &r);
	client_bye(watcher);
	world_advance(&w, 2000 * MS);
	assert_int_equal(expect_untap(a), tap);
}

static void test_what_a_group_has_seen_is_passed_on(void **state)
{
	uint64_t tap = tap_all();
	struct mp_reader r;
	struct copy copy;

	expect_tap(b, &r);
	client_tell(b, "tapped",
		pack(&w, "a12uuussrrsuunn", tap, UINT64_C(3), UINT64_C(99), "direct", "cast",
			client_ref(a, 1), client_ref(b, 7), "m", UINT64_C(0), UINT64_C(1)));
	copy = expect_copy();
	assert_true(str_is(copy.path, "direct") && str_is(copy.method, "m"));
	assert_int_equal(copy.n_missed, 3);
	assert_int_equal(copy.at_us, 99);
	/* There is no such tap. */
	client_tell(b, "tapped",
		pack(&w, "a12uuussrrsuunn", tap + 1, UINT64_C(3), UINT64_C(99), "direct", "cast",
			client_ref(a, 1), client_ref(b, 7), "m", UINT64_C(0), UINT64_C(1)));
	client_expect_nothing(watcher);
	assert_false(b->closed);
	client_tell(b, "tapped", pack(&w, "a1u", tap));
	client_expect(b, WIRE_BYE);
}

static void test_how_many_were_left_out_is_told_at_any_rate(void **state)
{
	uint64_t tap = tap_all();
	struct wire_frame frame;
	struct mp_reader r;
	struct copy copy;

	expect_tap(b, &r);
	for (int i = 0; i < 50; i++)
		client_tell(b, "tapped",
			pack(&w, "a12uuussrrsuunn", tap, UINT64_C(0), UINT64_C(99), "direct", "cast",
				client_ref(a, 1), client_ref(b, 7), "m", UINT64_C(0), UINT64_C(1)));
	while (client_next(watcher, &frame))
		;
	client_tell(b, "tapped",
		pack(&w, "a12uuussrrnuunn", tap, UINT64_C(5), UINT64_C(99), "direct", "missed", ACTOR_NOBODY,
			ACTOR_NOBODY, UINT64_C(0), UINT64_C(0)));
	copy = expect_copy();
	assert_true(str_is(copy.kind, "missed"));
	assert_in_range(copy.n_missed, 5 + 30, 5 + 50);
}

/* ---- of one trace ---- */

static const struct wire_trace trace = {.id = 70, .span = 71, .parent = 72};

static void say_traced(struct client *from, struct client *to, const struct wire_trace *which)
{
	struct wire_dest dest = {.ref = client_ref(to, 7)};

	wire_put_traced_cast(&from->out, &dest, client_ref(from, 1), wire_cstr("m"), NULL, 0, which);
	client_send(from);
	client_expect(to, WIRE_CAST);
}

static uint64_t tap_trace(uint64_t id, bool direct)
{
	return expect_uint(
		watcher, client_ask(watcher, "tap",
				 pack(&w, "a4rm1sunb", client_ref(watcher, 5), "trace", id, (int)direct)));
}

static void test_a_tap_of_a_trace_is_shown_what_belongs_to_it_and_by_whom_it_was_caused(void **state)
{
	struct wire_trace another = {.id = 69, .span = 71, .parent = 72};
	struct copy copy;

	tap_trace(70, false);
	say(a, b, "m");
	say_traced(a, b, &another);
	client_expect_nothing(watcher);
	say_traced(a, b, &trace);
	copy = expect_copy();
	assert_true(str_is(copy.path, "broker"));
	assert_memory_equal(copy.trace, &trace, sizeof(trace));
	/* The watcher is shown its own frames of the trace: usually it has begun it. */
	say_traced(watcher, b, &trace);
	assert_true(actor_ref_equal(expect_copy().from, client_ref(watcher, 1)));
	client_expect_error(watcher,
		client_ask(
			watcher, "tap", pack(&w, "a3rm1sun", client_ref(watcher, 5), "trace", UINT64_C(0))),
		"bad_args");
}

/* The answer that @a gets, and the copy of it, beside that of the call: of the trace, and from @from. */
static void expect_traced_answer(enum wire_type type, const char *kind, const char *name, actor_ref from)
{
	struct wire_frame answer = client_expect(a, type);
	bool seen = false;

	assert_memory_equal(&answer.trace, &trace, sizeof(trace));
	for (int i = 0; i < 2; i++) {
		struct copy copy = expect_copy();

		assert_memory_equal(copy.trace, &trace, sizeof(trace));
		if (!str_is(copy.kind, kind))
			continue;
		seen = true;
		assert_true(str_is(copy.path, "broker"));
		assert_true(!name || str_is(copy.method, name));
		assert_true(actor_ref_equal(copy.from, from));
		assert_true(actor_ref_equal(copy.to, client_ref(a, 1)));
	}
	assert_true(seen);
	client_expect_nothing(watcher);
}

static void call_traced(struct wire_dest to, const char *method, const struct wire_trace *of)
{
	const uint8_t no_args = 0x90;

	wire_put_traced_call(&a->out, &to, client_ref(a, 1), wire_cstr(method), &no_args, 1, 50, 0, NULL, of);
	client_send(a);
}

static void test_an_answer_that_the_broker_makes_belongs_to_the_trace_of_its_call(void **state)
{
	const struct wire_dest broker = {.name = wire_cstr("$broker")},
			       nobody = {.name = wire_cstr("nobody")};
	const actor_ref self = w.broker->self;

	tap_trace(70, false);
	call_traced(broker, "names", &trace);
	expect_traced_answer(WIRE_REPLY, "reply", NULL, self);
	call_traced(broker, "announced", &trace);
	expect_traced_answer(WIRE_REPLY, "reply", NULL, self);
	call_traced(broker, "no such thing", &trace);
	expect_traced_answer(WIRE_ERROR, "error", "no_method", self);
	call_traced(nobody, "m", &trace);
	expect_traced_answer(WIRE_ERROR, "error", "noproc", ACTOR_NOBODY);
	call_traced(broker, "names", NULL);
	assert_int_equal(client_expect(a, WIRE_REPLY).trace.id, 0);
	client_expect_nothing(watcher);
	/* in the place of a callee that has ended */
	call_traced((struct wire_dest){.ref = client_ref(b, 7)}, "m", &trace);
	client_bye(b);
	world_advance(&w, 2000 * MS);
	expect_traced_answer(WIRE_ERROR, "error", "down", client_ref(b, 7));
}

static struct client *single_link(void)
{
	struct hello hello = {
		.version_min = 1, .version_max = 1, .name = wire_cstr("single"), .pid = 9, .single = true};
	struct buf out = BUF_INIT;

	hello_put(&out, &hello);
	w.answered = false;
	broker_hello(w.broker, 1, WORLD_UID, 9, out.data, out.size_bytes, w.now_ns);
	buf_deinit(&out);
	w.listening->group = w.answer.group;
	client_up(w.listening);
	return w.listening;
}

static void test_of_a_trace_groups_with_one_link_are_told_as_well(void **state)
{
	struct client *single = single_link();
	struct mp_reader r;
	struct tap spec;
	uint64_t tap;

	tap_all();
	client_expect_nothing(single);
	tap = tap_trace(70, true);
	assert_int_equal(expect_tap(single, &r), tap);
	assert_int_equal(tap_read(&r, &spec), 0);
	assert_int_equal(spec.trace, 70);
	client_expect_nothing(watcher);
	client_ask(watcher, "untap", pack(&w, "a1u", tap));
	assert_int_equal(expect_untap(single), tap);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_tap_is_shown_what_is_routed),
		T(test_a_long_body_is_not_copied_but_measured),
		T(test_a_filter_lets_through_what_it_names),
		T(test_a_frame_for_a_name_is_shown_with_its_owner),
		T(test_what_is_more_than_the_rate_is_counted),
		T(test_at_full_speed_copies_come_in_rows),
		T(test_a_watcher_that_does_not_read_misses_copies_and_is_not_cut),
		T(test_one_asks_for_its_own_actors_only),
		T(test_the_groups_are_told_what_to_copy_and_when_to_end),
		T(test_a_tap_ends_with_its_watcher),
		T(test_what_a_group_has_seen_is_passed_on),
		T(test_how_many_were_left_out_is_told_at_any_rate),
		T(test_a_tap_of_a_trace_is_shown_what_belongs_to_it_and_by_whom_it_was_caused),
		T(test_an_answer_that_the_broker_makes_belongs_to_the_trace_of_its_call),
		T(test_of_a_trace_groups_with_one_link_are_told_as_well),
	};

	return run_facts(tests);
}

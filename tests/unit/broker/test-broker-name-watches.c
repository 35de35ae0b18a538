/* SPDX-License-Identifier: Apache-2.0 */
/* Watches of names by a pattern, as groups see them. */
#include <stdio.h>
#include <string.h>

#include "broker/state.h"
#include "tests/unit/broker/broker-fact.h"

static void take(struct client *c, const char *name, uint64_t serial)
{
	client_expect_nil(c, client_ask(c, "register", pack(&w, "a2sr", name, client_ref(c, serial))));
}

static void give_back(struct client *c, const char *name, uint64_t serial)
{
	client_expect_nil(c, client_ask(c, "unregister", pack(&w, "a2sr", name, client_ref(c, serial))));
}

static uint64_t ask_watch(struct client *c, uint64_t id, const char *pattern)
{
	return client_ask(c, "names_watch", pack(&w, pattern ? "a2us" : "a2un", id, pattern));
}

/*
 * Expects the answer to a watch: the names, with blanks between them, and after a '>' the name after which
 * the list goes on.
 */
static void expect_snapshot(struct client *c, uint64_t id, const char *names)
{
	struct wire_frame frame = client_expect(c, WIRE_REPLY);
	struct mp_reader r = mp_reader(frame.body, frame.body_bytes);
	char text[1024] = "";
	size_t length = 0, len;
	uint32_t n, two;
	actor_ref ref;
	const char *s;

	assert_int_equal(frame.id, id);
	assert_int_equal(mp_read_array(&r, &n), 0);
	while (n--) {
		bool cut = mp_peek(&r) == MP_STR;

		if (!cut)
			assert_int_equal(mp_read_array(&r, &two), 0);
		assert_int_equal(mp_read_str(&r, &s, &len), 0);
		if (!cut)
			assert_int_equal(mp_read_ref(&r, &ref), 0);
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s%.*s",
			length ? " " : "", cut ? ">" : "", (int)len, s);
		assert_true(length < sizeof(text));
	}
	assert_string_equal(text, names);
}

static actor_ref read_ref(struct mp_reader *r)
{
	actor_ref ref = ACTOR_NOBODY;

	if (mp_read_nil(r) < 0)
		assert_int_equal(mp_read_ref(r, &ref), 0);
	return ref;
}

static void expect_event(struct client *c, uint64_t id, const char *name, actor_ref ref, actor_ref was)
{
	struct mp_reader r = client_expect_cast(c, "watched");
	uint64_t of;
	const char *s;
	size_t len;

	assert_int_equal(mp_read_uint(&r, &of), 0);
	assert_int_equal(of, id);
	assert_int_equal(mp_read_str(&r, &s, &len), 0);
	assert_true(mp_str_is(s, len, name));
	assert_true(actor_ref_equal(read_ref(&r), ref));
	assert_true(actor_ref_equal(read_ref(&r), was));
}

static void test_a_watch_is_a_snapshot_and_then_each_change(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");
	actor_ref one = client_ref(a, 1), two = client_ref(a, 2);

	take(a, "app.1", 1);
	take(a, "web", 1);
	expect_snapshot(b, ask_watch(b, 7, "app.*"), "app.1");
	take(a, "app.2", 2);
	expect_event(b, 7, "app.2", two, ACTOR_NOBODY);
	client_expect_nil(a, client_ask(a, "replace", pack(&w, "a3srr", "app.1", one, two)));
	expect_event(b, 7, "app.1", two, one);
	give_back(a, "app.2", 2);
	expect_event(b, 7, "app.2", ACTOR_NOBODY, two);
	give_back(a, "web", 1);
	client_expect_nothing(b); /* "web" does not fit */
	client_break(a);
	expect_event(b, 7, "app.1", ACTOR_NOBODY, two);
	client_expect_nothing(b);
}

static void test_a_plain_word_and_nothing_are_prefixes(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");

	expect_snapshot(b, ask_watch(b, 1, "app"), "");
	expect_snapshot(b, ask_watch(b, 2, NULL), "$broker");
	take(a, "app.1", 1);
	expect_event(b, 2, "app.1", client_ref(a, 1), ACTOR_NOBODY);
	expect_event(b, 1, "app.1", client_ref(a, 1), ACTOR_NOBODY);
	take(a, "ap", 1);
	expect_event(b, 2, "ap", client_ref(a, 1), ACTOR_NOBODY);
	client_expect_nothing(b);
}

static void test_patterns_are_found_by_what_they_begin_with(void **state)
{
	static const char *const patterns[] = {
		"*", "a*", "app*", "app.*", "app.1", "b*", "apq*", "?pp.1", "app.1x"};
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");
	/* The patterns that fit, shortest beginning first. */
	static const uint64_t fit[] = {0, 7, 1, 2, 3, 4};

	take(a, "web", 1);
	for (uint64_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		expect_snapshot(b, ask_watch(b, i, patterns[i]), i == 0 ? "$broker web" : "");
	take(a, "app.1", 1);
	/* Two patterns with the same beginning are told in any order. */
	for (size_t i = 0; i < 6; i++) {
		struct mp_reader r = client_expect_cast(b, "watched");
		uint64_t id;

		assert_int_equal(mp_read_uint(&r, &id), 0);
		if (i < 2)
			assert_true(id == 0 || id == 7);
		else
			assert_int_equal(id, fit[i]);
	}
	client_expect_nothing(b);
}

static void test_who_changes_a_name_hears_of_it_before_the_answer(void **state)
{
	struct client *a = world_newcomer(&w, "a");
	uint64_t id;

	expect_snapshot(a, ask_watch(a, 1, "n*"), "");
	id = client_ask(a, "register", pack(&w, "a2sr", "n", client_ref(a, 1)));
	expect_event(a, 1, "n", client_ref(a, 1), ACTOR_NOBODY);
	client_expect_nil(a, id);
}

static void test_an_ended_watch_is_told_nothing(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");

	expect_snapshot(b, ask_watch(b, 1, "n*"), "");
	expect_snapshot(b, ask_watch(b, 1, "n*"), ""); /* the same watch again is one watch */
	take(a, "n1", 1);
	expect_event(b, 1, "n1", client_ref(a, 1), ACTOR_NOBODY);
	client_expect_nothing(b);
	/* The same id with another pattern replaces the watch. */
	expect_snapshot(b, ask_watch(b, 1, "m*"), "");
	take(a, "n2", 1);
	client_expect_nothing(b);
	client_expect_nil(b, client_ask(b, "names_unwatch", pack(&w, "a1u", UINT64_C(1))));
	client_expect_nil(b, client_ask(b, "names_unwatch", pack(&w, "a1u", UINT64_C(1))));
	take(a, "m1", 1);
	client_expect_nothing(b);
	assert_int_equal(broker_stats(w.broker).watches, 0);
}

static void test_watches_are_charged_to_who_watches_and_gone_with_it(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");

	for (uint64_t i = 0; i < 64; i++)
		expect_snapshot(b, ask_watch(b, i, "n*"), "");
	client_expect_error(b, ask_watch(b, 64, "n*"), "overloaded");
	assert_non_null(strstr(w.log, "'b'"));
	expect_snapshot(a, ask_watch(a, 64, "n*"), ""); /* others are not refused */
	client_expect_nil(b, client_ask(b, "names_unwatch", pack(&w, "a1u", UINT64_C(5))));
	expect_snapshot(b, ask_watch(b, 64, "n*"), "");
	assert_int_equal(broker_stats(w.broker).watches, 65);
	client_bye(b);
	assert_int_equal(broker_stats(w.broker).watches, 1);
	client_break(a);
	assert_int_equal(broker_stats(w.broker).watches, 0);
}

static void test_what_is_no_watch_is_refused(void **state)
{
	struct client *a = world_newcomer(&w, "a");

	client_expect_error(a, ask_watch(a, 1, "[n"), "bad_args");
	client_expect_error(a, client_ask(a, "names_watch", pack(&w, "a1u", UINT64_C(1))), "bad_args");
	client_expect_error(a, client_ask(a, "names_watch", pack(&w, "a2ss", "n", "n")), "bad_args");
	client_expect_error(a, client_ask(a, "names_unwatch", pack(&w, "a0")), "bad_args");
	assert_int_equal(broker_stats(w.broker).watches, 0);
}

/* The rest of a long snapshot is asked for with `names`. A change meanwhile is told in either part. */
static void test_a_long_snapshot_is_taken_in_parts(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");

	take(a, "n1", 1);
	take(a, "n2", 1);
	take(a, "n3", 1);
	expect_snapshot(b, client_ask(b, "names_watch", pack(&w, "a3usu", UINT64_C(1), "n*", UINT64_C(2))),
		"n1 n2 >n2");
	give_back(a, "n1", 1);
	expect_event(b, 1, "n1", ACTOR_NOBODY, client_ref(a, 1));
	take(a, "n4", 1);
	expect_event(b, 1, "n4", client_ref(a, 1), ACTOR_NOBODY);
	expect_snapshot(b, client_ask(b, "names", pack(&w, "a3sus", "n*", UINT64_C(5), "n2")), "n3 n4");
}

static void test_a_successor_replaces_its_predecessor(void **state)
{
	struct client *a = world_supervised(&w, 17, "web"), *b = world_newcomer(&w, "b"), *next;

	take(a, "web", 1);
	expect_snapshot(b, ask_watch(b, 1, "web"), "web");
	next = world_supervised(&w, 18, "web");
	take(next, "web", 1);
	expect_event(b, 1, "web", client_ref(next, 1), client_ref(a, 1));
	client_expect_nothing(b);
}

static void test_after_a_restart_nobody_is_told_before_everybody_is_back(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a, *b;
	uint64_t id;

	client_tell(s, "groups", pack(&w, "a3a1ua0a1u", UINT64_C(17), UINT64_C(17)));
	a = world_supervised(&w, 17, "a");
	b = world_newcomer(&w, "b");
	id = ask_watch(b, 1, "n*");
	client_expect_nothing(b);
	client_ask(a, "announce", pack(&w, "a3a1a2sra0a0", "n", client_ref(a, 1)));
	client_expect(a, WIRE_REPLY);
	client_expect_nothing(b);
	client_expect_nil(a, client_ask(a, "announced", pack(&w, "a0")));
	expect_snapshot(b, id, "n");
	client_expect_nothing(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define FACT_(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
		FACT_(test_a_watch_is_a_snapshot_and_then_each_change),
		FACT_(test_a_plain_word_and_nothing_are_prefixes),
		FACT_(test_patterns_are_found_by_what_they_begin_with),
		FACT_(test_who_changes_a_name_hears_of_it_before_the_answer),
		FACT_(test_an_ended_watch_is_told_nothing),
		FACT_(test_watches_are_charged_to_who_watches_and_gone_with_it),
		FACT_(test_what_is_no_watch_is_refused),
		FACT_(test_a_long_snapshot_is_taken_in_parts),
		FACT_(test_a_successor_replaces_its_predecessor),
		cmocka_unit_test_setup_teardown(test_after_a_restart_nobody_is_told_before_everybody_is_back,
			world_setup_with_window, world_teardown),
	};

	return run_facts(tests);
}

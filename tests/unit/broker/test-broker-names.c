/* SPDX-License-Identifier: Apache-2.0 */
/* The registry, as groups see it. */
#include <stdio.h>
#include <string.h>

#include "broker/state.h"
#include "tests/unit/broker/broker-fact.h"

static void test_a_registered_name_is_found_by_all(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");

	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "counter", client_ref(a, 1))));
	assert_true(
		actor_ref_equal(client_expect_ref(b, client_ask(b, "whereis", pack(&w, "a1s", "counter"))),
			client_ref(a, 1)));
	assert_true(
		actor_ref_equal(client_expect_ref(a, client_ask(a, "whereis", pack(&w, "a1s", "counter"))),
			client_ref(a, 1)));
}

static void test_a_name_is_held_once(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");
	char holder[ACTOR_REF_TEXT_MAX];
	struct wire_frame frame;

	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "n", client_ref(a, 1))));
	client_ask(b, "register", pack(&w, "a2sr", "n", client_ref(b, 1)));
	frame = client_expect(b, WIRE_ERROR);
	assert_true(str_is(frame.method, "in_use"));
	assert_true(str_is(frame.text, actor_ref_format(client_ref(a, 1), holder)));
	client_expect_error(a, client_ask(a, "register", pack(&w, "a2sr", "n", client_ref(a, 2))), "in_use");
	/* Registering the same again is no error. */
	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "n", client_ref(a, 1))));
}

static void test_unregister_frees_only_the_own_name(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");

	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "n", client_ref(a, 1))));
	client_expect_nil(b, client_ask(b, "unregister", pack(&w, "a2sr", "n", client_ref(a, 1))));
	client_expect_nil(a, client_ask(a, "unregister", pack(&w, "a2sr", "n", client_ref(a, 2))));
	client_expect_nil(a, client_ask(a, "unregister", pack(&w, "a2sr", "none", client_ref(a, 2))));
	client_expect_error(b, client_ask(b, "register", pack(&w, "a2sr", "n", client_ref(b, 1))), "in_use");
	client_expect_nil(a, client_ask(a, "unregister", pack(&w, "a2sr", "n", client_ref(a, 1))));
	client_expect_nil(b, client_ask(b, "register", pack(&w, "a2sr", "n", client_ref(b, 1))));
}

static void expect_name(struct client *c, const char *name, actor_ref ref)
{
	struct mp_reader r = client_expect_cast(c, "name");
	const char *s;
	size_t len;
	actor_ref got = ACTOR_NOBODY;

	assert_int_equal(mp_read_str(&r, &s, &len), 0);
	assert_true(mp_str_is(s, len, name));
	if (mp_read_nil(&r) < 0)
		assert_int_equal(mp_read_ref(&r, &got), 0);
	assert_true(actor_ref_equal(got, ref));
}

static void test_who_looked_up_a_name_is_told_its_changes(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b"),
		      *c = world_newcomer(&w, "c");

	client_expect_nil(b, client_ask(b, "whereis", pack(&w, "a1s", "n")));
	client_expect_nil(b, client_ask(b, "whereis", pack(&w, "a1s", "n"))); /* asked twice, told once */
	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "n", client_ref(a, 1))));
	expect_name(b, "n", client_ref(a, 1));
	client_expect_nil(a, client_ask(a, "unregister", pack(&w, "a2sr", "n", client_ref(a, 1))));
	expect_name(b, "n", ACTOR_NOBODY);
	client_expect_nil(c, client_ask(c, "register", pack(&w, "a2sr", "n", client_ref(c, 9))));
	expect_name(b, "n", client_ref(c, 9));
	client_bye(c);
	expect_name(b, "n", ACTOR_NOBODY);
	client_expect_nothing(b);
	client_expect_nothing(a);
}

static void test_names_of_a_killed_group_are_free_at_once(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");

	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "n", client_ref(a, 1))));
	client_break(a);
	client_expect_nil(b, client_ask(b, "register", pack(&w, "a2sr", "n", client_ref(b, 1))));
	assert_int_equal(broker_stats(w.broker).names, 2); /* "n" and "$broker" */
}

static void test_bad_names_and_foreign_refs_are_refused(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");

	client_expect_error(a, client_ask(a, "register", pack(&w, "a2sr", "", client_ref(a, 1))), "bad_args");
	client_expect_error(
		a, client_ask(a, "register", pack(&w, "a2sr", "a\n", client_ref(a, 1))), "bad_args");
	client_expect_error(a, client_ask(a, "register", pack(&w, "a1s", "a")), "bad_args");
	client_expect_error(
		a, client_ask(a, "register", pack(&w, "a2sr", "a", client_ref(b, 1))), "bad_args");
	client_expect_error(
		a, client_ask(a, "register", pack(&w, "a2sr", "a", client_ref(a, 0))), "bad_args");
	client_expect_error(
		a, client_ask(a, "register", pack(&w, "a2sr", "$a", client_ref(a, 1))), "permission");
	client_expect_error(a, client_ask(a, "nonsense", pack(&w, "a0")), "no_method");
	assert_false(a->closed);
}

static void test_the_supervisor_may_have_a_name_of_the_node(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_newcomer(&w, "$spawner");

	client_expect_nil(s, client_ask(s, "register", pack(&w, "a2sr", "$spawner", client_ref(s, 1))));
	client_expect_error(
		a, client_ask(a, "register", pack(&w, "a2sr", "$other", client_ref(a, 1))), "permission");
	assert_true(
		actor_ref_equal(client_expect_ref(a, client_ask(a, "whereis", pack(&w, "a1s", "$spawner"))),
			client_ref(s, 1)));
	assert_int_equal(client_expect_ref(a, client_ask(a, "whereis", pack(&w, "a1s", "$broker"))).group,
		WORLD_BROKER);
}

static char cut[256]; /* the name after which the list goes on; "": it is complete */

static uint32_t list(struct client *c, const struct buf *args, char *ret_first, char *ret_last)
{
	uint64_t id = client_ask(c, "names", args);
	struct wire_frame frame = client_expect(c, WIRE_REPLY);
	struct mp_reader r = mp_reader(frame.body, frame.body_bytes);
	uint32_t n, two;
	char before[256] = "";

	assert_int_equal(frame.id, id);
	assert_int_equal(mp_read_array(&r, &n), 0);
	cut[0] = 0;
	for (uint32_t i = 0; i < n; i++) {
		char name[256];
		const char *s;
		size_t len;
		actor_ref ref;

		if (i == n - 1 && mp_peek(&r) == MP_STR) {
			assert_int_equal(mp_read_str(&r, &s, &len), 0);
			snprintf(cut, sizeof(cut), "%.*s", (int)len, s);
			return i;
		}
		assert_int_equal(mp_read_array(&r, &two), 0);
		assert_int_equal(two, 2);
		assert_int_equal(mp_read_str(&r, &s, &len), 0);
		assert_int_equal(mp_read_ref(&r, &ref), 0);
		snprintf(name, sizeof(name), "%.*s", (int)len, s);
		assert_true(strcmp(before, name) < 0);
		strcpy(before, name);
		if (i == 0)
			strcpy(ret_first, name);
		strcpy(ret_last, name);
	}
	return n;
}

static void test_names_lists_by_prefix_in_order(void **state)
{
	static const char *const names[] = {"b", "a", "ab", "abc", "b2", "aa", "c", "ab\xc3\xa9"};
	struct client *a = world_newcomer(&w, "a");
	char first[256] = "", last[256] = "";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		client_expect_nil(
			a, client_ask(a, "register", pack(&w, "a2sr", names[i], client_ref(a, i + 1))));
	assert_int_equal(list(a, pack(&w, "a0"), first, last), 9);
	assert_string_equal(first, "$broker");
	assert_string_equal(last, "c");
	assert_int_equal(list(a, pack(&w, "a1s", "ab"), first, last), 3);
	assert_string_equal(first, "ab");
	assert_string_equal(last, "ab\xc3\xa9");
	assert_string_equal(cut, "");
	assert_int_equal(list(a, pack(&w, "a2su", "ab", UINT64_C(2)), first, last), 2);
	assert_string_equal(last, "abc");
	assert_int_equal(list(a, pack(&w, "a1s", "zz"), first, last), 0);
	assert_int_equal(list(a, pack(&w, "a2nu", UINT64_C(0)), first, last), 0);
	client_expect_error(a, client_ask(a, "names", pack(&w, "a1u", UINT64_C(1))), "bad_args");
}

static void test_a_list_that_is_cut_says_where_it_goes_on(void **state)
{
	struct client *a = world_newcomer(&w, "a");
	char first[256] = "", last[256] = "", name[8];
	int n = 0, n_parts = 0;

	for (uint64_t i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "n%d", (int)i);
		client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", name, client_ref(a, i + 1))));
	}
	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "z", client_ref(a, 1))));
	do {
		n += (int)list(a, pack(&w, "a3sus", "n", UINT64_C(4), cut), first, last);
		n_parts++;
	} while (cut[0]);
	assert_int_equal(n, 10);
	assert_int_equal(n_parts, 3);
	assert_string_equal(last, "n9");
	/* The limit is exactly their number: the list is complete. */
	assert_int_equal(list(a, pack(&w, "a2su", "n", UINT64_C(10)), first, last), 10);
	assert_string_equal(cut, "");
	/*
	 * The name after which the list goes on may be gone, or lie before or behind those with the prefix.
	 */
	client_expect_nil(a, client_ask(a, "unregister", pack(&w, "a2sr", "n4", client_ref(a, 5))));
	assert_int_equal(list(a, pack(&w, "a3sus", "n", UINT64_C(2), "n4"), first, last), 2);
	assert_string_equal(first, "n5");
	assert_int_equal(list(a, pack(&w, "a3sus", "n", UINT64_C(2), "a"), first, last), 2);
	assert_string_equal(first, "n0");
	assert_int_equal(list(a, pack(&w, "a3sus", "n", UINT64_C(2), "o"), first, last), 0);
	assert_string_equal(cut, "");
}

static void test_names_lists_by_pattern(void **state)
{
	static const char *const names[] = {"app.1", "app.2", "app.10", "ape", "web.1", "app*"};
	struct client *a = world_newcomer(&w, "a");
	char first[256] = "", last[256] = "";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		client_expect_nil(
			a, client_ask(a, "register", pack(&w, "a2sr", names[i], client_ref(a, i + 1))));
	assert_int_equal(list(a, pack(&w, "a1s", "app.*"), first, last), 3);
	assert_int_equal(list(a, pack(&w, "a1s", "app.?"), first, last), 2);
	assert_string_equal(last, "app.2");
	assert_int_equal(list(a, pack(&w, "a1s", "*.1"), first, last), 2);
	assert_string_equal(last, "web.1");
	assert_int_equal(list(a, pack(&w, "a1s", "*.[!1]"), first, last), 1);
	assert_int_equal(list(a, pack(&w, "a1s", "app\\*"), first, last), 1);
	assert_string_equal(first, "app*");
	assert_int_equal(list(a, pack(&w, "a1s", "\\ape"), first, last), 1);
	/* a list by pattern may be cut and gone on with, too */
	assert_int_equal(list(a, pack(&w, "a2su", "*.1", UINT64_C(1)), first, last), 1);
	assert_string_equal(last, "app.1");
	assert_int_equal(list(a, pack(&w, "a3sus", "*.1", UINT64_C(5), cut), first, last), 1);
	assert_string_equal(last, "web.1");
	assert_string_equal(cut, "");
	client_expect_error(a, client_ask(a, "names", pack(&w, "a1s", "[a")), "bad_args");
	client_expect_error(a, client_ask(a, "names", pack(&w, "a1s", "a\\")), "bad_args");
}

/* The pattern fits no name, but nearly fits all of them. Each call costs at most some milliseconds. */
static void test_a_costly_pattern_is_looked_for_in_parts(void **state)
{
	struct client *a = world_newcomer(&w, "a");
	char first[256] = "", last[256] = "", name[256], pattern[201];
	uint32_t n = 0;
	int n_parts = 0;

	memset(name, 'a', sizeof(name));
	name[255] = 0;
	for (uint64_t i = 0; i < 500; i++) {
		snprintf(name + 250, 6, "%05d", (int)i);
		client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", name, client_ref(a, 1))));
	}
	memset(pattern, 'a', sizeof(pattern) - 1);
	pattern[0] = '*';
	strcpy(pattern + 110, "b*");
	do {
		n += list(a, pack(&w, "a3sus", pattern, UINT64_C(1000), cut), first, last);
		n_parts++;
		assert_true(n_parts < 500);
	} while (cut[0]);
	assert_int_equal(n, 0);
	assert_true(n_parts > 3);
}

/* ---- many at once, and from one to another ---- */

static void test_names_that_are_registered_together_take_one_answer(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");
	struct buf args = BUF_INIT;
	char name[8];

	mp_put_array(&args, 1);
	mp_put_array(&args, 100);
	for (uint64_t i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "n%d", (int)i);
		mp_put_array(&args, 2);
		mp_put_cstr(&args, name);
		mp_put_ref(&args, client_ref(a, i + 1));
	}
	client_expect_nil(a, client_ask(a, "register_all", &args));
	client_expect_nothing(a);
	assert_int_equal(client_expect_ref(b, client_ask(b, "whereis", pack(&w, "a1s", "n41"))).serial, 42);
	assert_int_equal(broker_stats(w.broker).names, 101);
	client_expect_nil(a, client_ask(a, "register_all", &args)); /* the same names are registered again */
	/* The names are not b's, so they stay. */
	client_expect_nil(b, client_ask(b, "unregister_all", &args));
	assert_int_equal(broker_stats(w.broker).names, 101);
	client_expect_nil(a, client_ask(a, "unregister_all", &args));
	assert_int_equal(broker_stats(w.broker).names, 1);
	buf_deinit(&args);
}

static void test_of_names_that_are_registered_together_all_are_or_none(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");
	char text[ACTOR_REF_TEXT_MAX + 8], holder[ACTOR_REF_TEXT_MAX];
	struct wire_frame frame;

	client_expect_nil(b, client_ask(b, "register", pack(&w, "a2sr", "taken", client_ref(b, 1))));
	client_expect_nil(b, client_ask(b, "whereis", pack(&w, "a1s", "free")));
	client_ask(a, "register_all",
		pack(&w, "a1a2a2sra2sr", "free", client_ref(a, 1), "taken", client_ref(a, 2)));
	frame = client_expect(a, WIRE_ERROR);
	assert_true(str_is(frame.method, "in_use"));
	snprintf(text, sizeof(text), "%s taken", actor_ref_format(client_ref(b, 1), holder));
	assert_true(str_is(frame.text, text));
	client_expect_nothing(b); /* nobody was told of the name that was taken back */
	client_expect_nil(b, client_ask(b, "whereis", pack(&w, "a1s", "free")));
	client_expect_error(a,
		client_ask(a, "register_all",
			pack(&w, "a1a2a2sra2sr", "twice", client_ref(a, 1), "twice", client_ref(a, 2))),
		"bad_args");
	client_expect_error(a,
		client_ask(a, "register_all",
			pack(&w, "a1a2a2sra2sr", "x", client_ref(a, 1), "$x", client_ref(a, 1))),
		"permission");
	client_expect_error(a,
		client_ask(a, "register_all",
			pack(&w, "a1a2a2sra2sr", "x", client_ref(a, 1), "y", client_ref(b, 1))),
		"bad_args");
	assert_int_equal(broker_stats(w.broker).names, 2);
	client_expect_nil(a, client_ask(a, "register_all", pack(&w, "a1a0")));
}

static void test_a_name_is_replaced_without_a_moment_in_which_nobody_has_it(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");

	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "n", client_ref(a, 1))));
	client_expect_ref(b, client_ask(b, "whereis", pack(&w, "a1s", "n")));
	client_expect_nil(
		a, client_ask(a, "replace", pack(&w, "a3srr", "n", client_ref(a, 1), client_ref(a, 2))));
	expect_name(b, "n", client_ref(a, 2)); /* told once, and never as nobody's */
	client_expect_nothing(b);
	client_expect_nil(
		a, client_ask(a, "replace", pack(&w, "a3srr", "n", client_ref(a, 1), client_ref(a, 2))));
	client_expect_nothing(b); /* the same again changes nothing */
	client_expect_nil(a, client_ask(a, "unregister", pack(&w, "a2sr", "n", client_ref(a, 1))));
	assert_int_equal(client_expect_ref(b, client_ask(b, "whereis", pack(&w, "a1s", "n"))).serial, 2);
	client_break(a);
	expect_name(b, "n", ACTOR_NOBODY);
	assert_int_equal(broker_stats(w.broker).names, 1);
}

static void test_only_its_group_replaces_a_name_and_only_from_who_has_it(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");

	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "n", client_ref(a, 1))));
	client_expect_error(b,
		client_ask(b, "replace", pack(&w, "a3srr", "n", client_ref(a, 1), client_ref(b, 1))),
		"in_use");
	client_expect_error(a,
		client_ask(a, "replace", pack(&w, "a3srr", "n", client_ref(a, 1), client_ref(b, 1))),
		"bad_args");
	client_expect_error(a,
		client_ask(a, "replace", pack(&w, "a3srr", "n", client_ref(a, 3), client_ref(a, 2))),
		"in_use");
	client_expect_error(a,
		client_ask(a, "replace", pack(&w, "a3srr", "x", client_ref(a, 1), client_ref(a, 2))),
		"noproc");
	assert_int_equal(client_expect_ref(b, client_ask(b, "whereis", pack(&w, "a1s", "n"))).serial, 1);
}

/* The link broke with a `replace` on its way. The announcement says what became of it. */
static void test_a_group_says_which_of_its_actors_has_a_name(void **state)
{
	struct client *a = world_supervised(&w, 17, "a"), *b = world_newcomer(&w, "b");
	struct token token = world_token(&w, 17, "a");
	struct wire_frame frame;

	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "n", client_ref(a, 1))));
	client_expect_ref(b, client_ask(b, "whereis", pack(&w, "a1s", "n")));
	client_break(a);
	a = world_connect(&w, "a", &token);
	client_ask(a, "announce", pack(&w, "a3a1a2sra0a0", "n", client_ref(a, 2)));
	frame = client_expect(a, WIRE_REPLY);
	assert_int_equal(frame.body[0], 0x90); /* `a` has lost no name */
	expect_name(b, "n", client_ref(a, 2));
	client_expect_nothing(b);
}

static void test_a_look_up_may_wait_until_somebody_has_the_name(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b"),
		      *c = world_newcomer(&w, "c");
	uint64_t of_b, of_c;

	of_b = client_ask(b, "whereis", pack(&w, "a2su", "n", UINT64_C(5000)));
	of_c = client_ask(c, "whereis", pack(&w, "a2su", "n", UINT64_C(100)));
	client_expect_nothing(b);
	world_advance(&w, 99 * MS);
	client_expect_nothing(c);
	world_advance(&w, 2 * MS);
	client_expect_nil(c, of_c);
	client_expect_nothing(b);
	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "n", client_ref(a, 1))));
	expect_name(b, "n", client_ref(a, 1)); /* a group that asks for a name also watches that name */
	assert_true(actor_ref_equal(client_expect_ref(b, of_b), client_ref(a, 1)));
	expect_name(c, "n", client_ref(a, 1));
	world_advance(&w, 10000 * MS);
	client_expect_nothing(b);
	client_expect_nothing(c);
	/* The name is there already, so the answer comes at once. */
	assert_true(actor_ref_equal(
		client_expect_ref(c, client_ask(c, "whereis", pack(&w, "a2su", "n", UINT64_C(9)))),
		client_ref(a, 1)));
	assert_int_equal(broker_stats(w.broker).waiting, 0);
}

static void test_who_waits_for_a_name_and_leaves_is_forgotten(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");

	client_ask(a, "whereis", pack(&w, "a2su", "n", UINT64_C(5000)));
	client_ask(b, "whereis", pack(&w, "a2su", "n", UINT64_C(5000)));
	client_break(a);
	assert_int_equal(broker_stats(w.broker).waiting, 1);
	client_bye(b);
	assert_int_equal(broker_stats(w.broker).waiting, 0);
	assert_int_equal(w.broker->registry.table.n_items, 1);
	world_advance(&w, 10000 * MS);
}

#define MANY 100000

static void test_a_hundred_thousand_names(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");
	struct wire_dest to = to_name("$broker");
	struct wire_frame frame;
	char name[32], first[256], last[256];

	for (uint64_t i = 0; i < MANY; i++) {
		const struct buf *args;

		snprintf(name, sizeof(name), "actor-%06u", (unsigned)((i * 77777) % MANY));
		args = pack(&w, "a2sr", name, client_ref(a, i + 1));
		wire_put_call(&a->out, &to, client_ref(a, 0), wire_cstr("register"), args->data,
			args->size_bytes, i + 1, 0);
		if (a->out.size_bytes < 60000 && i != MANY - 1)
			continue;
		client_send(a);
		while (client_next(a, &frame))
			assert_int_equal(frame.type, WIRE_REPLY);
	}
	assert_int_equal(broker_stats(w.broker).names, MANY + 1);
	assert_int_equal(list(b, pack(&w, "a2su", "actor-05", UINT64_C(20000)), first, last), 10000);
	assert_string_equal(first, "actor-050000");
	assert_string_equal(last, "actor-059999");
	client_expect_ref(b, client_ask(b, "whereis", pack(&w, "a1s", "actor-000077")));
	client_break(a);
	assert_int_equal(broker_stats(w.broker).names, 1);
	expect_name(b, "actor-000077", ACTOR_NOBODY);
	assert_int_equal(list(b, pack(&w, "a1s", "a"), first, last), 0);
}

/* ---- a look-up while its owner is in doubt ---- */

static void test_a_look_up_waits_until_it_is_known_whether_the_owner_lives(void **state)
{
	struct client *a = world_supervised(&w, 17, "a"), *b = world_newcomer(&w, "b");
	uint64_t id, after;

	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "n", client_ref(a, 1))));
	client_break(a);
	id = client_ask(b, "whereis", pack(&w, "a1s", "n"));
	client_expect_nothing(b);
	after = client_ask(b, "whereis", pack(&w, "a1s", "other")); /* no other look-up has to wait */
	client_expect_nil(b, after);
	world_advance(&w, 999 * MS);
	client_expect_nothing(b);
	world_advance(&w, 1 * MS);
	client_expect_nil(b, id);
	a = world_newcomer(&w, "a");
	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "n", client_ref(a, 1))));
	expect_name(b, "n", client_ref(a, 1)); /* a look-up watches the name, also this one */
	assert_int_equal(broker_stats(w.broker).waiting, 0);
}

static void test_a_look_up_finds_the_owner_that_came_back(void **state)
{
	struct client *a = world_supervised(&w, 17, "a"), *b = world_newcomer(&w, "b");
	actor_ref ref = client_ref(a, 1);
	uint64_t id;

	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "n", ref)));
	client_break(a);
	id = client_ask(b, "whereis", pack(&w, "a1s", "n"));
	world_advance(&w, 500 * MS);
	world_supervised(&w, 17, "a");
	assert_true(actor_ref_equal(client_expect_ref(b, id), ref));
}

static void test_a_look_up_finds_the_successor_of_a_dead_owner(void **state)
{
	struct client *a = world_supervised(&w, 17, "a"), *b = world_newcomer(&w, "b");
	uint64_t id;

	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "n", client_ref(a, 1))));
	client_break(a);
	id = client_ask(b, "whereis", pack(&w, "a1s", "n"));
	a = world_supervised(&w, 19, "a");
	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "n", client_ref(a, 1))));
	assert_true(actor_ref_equal(client_expect_ref(b, id), client_ref(a, 1)));
}

static void test_a_reported_exit_hides_the_name_before_its_link_ends(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_supervised(&w, 17, "a"),
		      *b = world_newcomer(&w, "b");
	uint64_t id;

	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "n", client_ref(a, 1))));
	client_tell(s, "group_down", pack(&w, "a2um1ss", UINT64_C(17), "reason", "signal"));
	id = client_ask(b, "whereis", pack(&w, "a1s", "n"));
	client_expect_nothing(b);
	client_break(a);
	client_expect_nil(b, id);
}

static void test_without_a_supervisor_nobody_knows_whether_the_owner_lives(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_supervised(&w, 17, "a"),
		      *c = world_supervised(&w, 18, "c"), *b = world_newcomer(&w, "b");
	uint64_t dead, alive;

	client_tell(s, "groups",
		pack(&w, "a3a2uua0a2uu", UINT64_C(17), UINT64_C(18), UINT64_C(17), UINT64_C(18)));
	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "dead", client_ref(a, 1))));
	client_expect_nil(c, client_ask(c, "register", pack(&w, "a2sr", "alive", client_ref(c, 1))));
	client_break(s);
	client_break(a);
	client_break(c);
	dead = client_ask(b, "whereis", pack(&w, "a1s", "dead"));
	world_advance(&w, 60000 * MS);
	alive = client_ask(b, "whereis", pack(&w, "a1s", "alive"));
	s = world_supervised(&w, 9, "$spawner");
	client_expect_nothing(b);
	client_tell(s, "groups",
		pack(&w, "a3a1ua1a2um1ssa1u", UINT64_C(18), UINT64_C(17), "reason", "signal", UINT64_C(18)));
	client_expect_nil(b, dead);
	assert_int_equal(client_expect_ref(b, alive).group, 18);
}

static void test_who_looked_up_and_left_leaves_nothing(void **state)
{
	struct client *a = world_supervised(&w, 17, "a"), *b = world_newcomer(&w, "b");

	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "n", client_ref(a, 1))));
	client_break(a);
	client_ask(b, "whereis", pack(&w, "a1s", "n"));
	assert_int_equal(broker_stats(w.broker).waiting, 1);
	client_break(b);
	assert_int_equal(broker_stats(w.broker).waiting, 0);
	world_advance(&w, 2000 * MS);
}

/* ---- announcing ---- */

static uint64_t announce(struct client *c, const char *name)
{
	return client_ask(c, "announce", pack(&w, "a3a1a2sra0a0", name, client_ref(c, 1)));
}

/* Expects the answer to an announcement: the name that the group could not get; NULL: none. */
static void expect_lost(struct client *c, uint64_t id, const char *name)
{
	struct wire_frame frame = client_expect(c, WIRE_REPLY);
	struct mp_reader r = mp_reader(frame.body, frame.body_bytes);
	const char *s;
	size_t len;
	uint32_t n;

	assert_int_equal(frame.id, id);
	assert_int_equal(mp_read_array(&r, &n), 0);
	assert_int_equal(n, name != NULL);
	if (!name)
		return;
	assert_int_equal(mp_read_str(&r, &s, &len), 0);
	assert_true(mp_str_is(s, len, name));
}

static void test_a_newcomer_takes_no_bystanders_name_by_announcing_it(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *thief = world_newcomer(&w, "thief"), *owner;
	uint64_t id;

	client_tell(s, "groups", pack(&w, "a2a1ua0", UINT64_C(17)));
	id = announce(thief, "n");
	client_expect_nothing(thief);
	owner = world_supervised(&w, 17, "owner");
	expect_lost(owner, announce(owner, "n"), NULL);
	client_expect_nil(owner, client_ask(owner, "announced", pack(&w, "a0")));
	expect_lost(thief, id, "n");
	assert_int_equal(
		client_expect_ref(thief, client_ask(thief, "whereis", pack(&w, "a1s", "n"))).group, 17);
}

static void test_a_process_started_after_the_list_takes_no_bystanders_name(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *young, *owner;
	uint64_t id;

	client_tell(s, "groups", pack(&w, "a2a1ua0", UINT64_C(17)));
	young = world_supervised(&w, 18, "young");
	id = announce(young, "n");
	client_expect_nothing(young);
	owner = world_supervised(&w, 17, "owner");
	expect_lost(owner, announce(owner, "n"), NULL);
	world_advance(&w, 5000 * MS);
	expect_lost(young, id, "n");
}

static void test_a_client_of_the_supervisor_takes_no_bystanders_name(void **state)
{
	struct token token = world_token(&w, UINT64_C(0xc000000100000001), "ctl");
	struct client *s = world_supervised(&w, 1, "$spawner"), *thief, *owner;
	uint64_t id;

	client_tell(s, "groups", pack(&w, "a2a1ua0", UINT64_C(17)));
	thief = world_connect(&w, "ctl", &token);
	id = announce(thief, "n");
	client_expect_nothing(thief);
	owner = world_supervised(&w, 17, "owner");
	expect_lost(owner, announce(owner, "n"), NULL);
	world_advance(&w, 5000 * MS);
	expect_lost(thief, id, "n");
}

/* Group 18 is busy, and does not come before the window closes. */
static void test_a_look_up_in_the_recovery_is_answered_when_the_owner_announces(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *asker = world_newcomer(&w, "asker"),
		      *other = world_newcomer(&w, "other"), *owner;
	uint64_t id, other_id, unknown;

	client_tell(s, "groups", pack(&w, "a2a2uua0", UINT64_C(17), UINT64_C(18)));
	id = client_ask(asker, "whereis", pack(&w, "a1s", "n"));
	unknown = client_ask(asker, "whereis", pack(&w, "a1s", "unknown"));
	other_id = client_ask(other, "whereis", pack(&w, "a1s", "n"));
	client_expect_nothing(asker);
	owner = world_supervised(&w, 17, "owner");
	expect_lost(owner, announce(owner, "n"), NULL);
	assert_int_equal(client_expect_ref(asker, id).group, 17);
	assert_int_equal(client_expect_ref(other, other_id).group, 17);
	client_expect_nothing(asker);
	world_advance(&w, 5000 * MS);
	client_expect_nil(asker, unknown);
}

static void test_a_look_up_behind_its_askers_own_register_finds_that(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_newcomer(&w, "a");
	uint64_t registered, id;

	client_tell(s, "groups", pack(&w, "a2a1ua0", UINT64_C(17)));
	registered = client_ask(a, "register", pack(&w, "a2sr", "n", client_ref(a, 1)));
	id = client_ask(a, "whereis", pack(&w, "a1s", "n"));
	client_expect_nothing(a);
	world_advance(&w, 5000 * MS);
	client_expect_nil(a, registered);
	assert_true(actor_ref_equal(client_expect_ref(a, id), client_ref(a, 1)));
}

static void test_look_ups_of_one_that_left_during_the_recovery_leave_nothing(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_newcomer(&w, "a"), *owner;

	client_tell(s, "groups", pack(&w, "a2a2uua0", UINT64_C(17), UINT64_C(18)));
	client_ask(a, "whereis", pack(&w, "a1s", "n"));
	client_ask(a, "whereis", pack(&w, "a1s", "unknown"));
	client_bye(a);
	client_break(a);
	owner = world_supervised(&w, 17, "owner");
	expect_lost(owner, announce(owner, "n"), NULL);
	world_advance(&w, 5000 * MS);
	assert_int_equal(w.broker->registry.table.n_items, w.broker->registry.n_registered);
	assert_int_equal(w.broker->waits.n, 0);
}

/* Group 17 is stopped, and lives by the supervisor's word. It may own any name that nobody else has. */
static void test_names_of_one_that_lives_and_is_late_are_neither_unknown_nor_free(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *asker = world_newcomer(&w, "asker"),
		      *thief = world_newcomer(&w, "thief"), *owner;
	uint64_t id, taken;

	client_tell(s, "groups", pack(&w, "a2a1ua0", UINT64_C(17)));
	world_advance(&w, 3000 * MS);
	id = client_ask(asker, "whereis", pack(&w, "a1s", "n"));
	taken = client_ask(thief, "register", pack(&w, "a2sr", "n", client_ref(thief, 1)));
	client_expect_nothing(asker);
	client_expect_nothing(thief);
	owner = world_supervised(&w, 17, "owner");
	expect_lost(owner, announce(owner, "n"), NULL);
	client_expect_nil(owner, client_ask(owner, "announced", pack(&w, "a0")));
	assert_int_equal(client_expect_ref(asker, id).group, 17);
	client_expect_error(thief, taken, "in_use");
}

static void test_one_that_stays_away_blocks_names_for_five_seconds_and_loses_what_was_taken(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *asker = world_newcomer(&w, "asker"), *owner;
	uint64_t id, taken;

	client_tell(s, "groups", pack(&w, "a2a1ua0", UINT64_C(17)));
	id = client_ask(asker, "whereis", pack(&w, "a1s", "other"));
	taken = client_ask(asker, "register", pack(&w, "a2sr", "n", client_ref(asker, 1)));
	world_advance(&w, 4999 * MS);
	client_expect_nothing(asker);
	world_advance(&w, 1 * MS);
	client_expect_nil(asker, taken);
	client_expect_nil(asker, id);
	owner = world_supervised(&w, 17, "owner");
	expect_lost(owner, announce(owner, "n"), "n");
}

/* The group said hello, and was stopped before it could say what it owns. */
static void test_one_that_lost_its_link_before_it_announced_is_late_as_well(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *asker = world_newcomer(&w, "asker"), *owner;
	uint64_t id;

	client_tell(s, "groups", pack(&w, "a2a1ua0", UINT64_C(17)));
	owner = world_supervised(&w, 17, "owner");
	client_break(owner);
	id = client_ask(asker, "whereis", pack(&w, "a1s", "n"));
	client_expect_nothing(asker);
	world_advance(&w, 2000 * MS);
	client_expect_nothing(asker);
	client_tell(s, "group_down", pack(&w, "a2um1ss", UINT64_C(17), "reason", "signal"));
	client_expect_nil(asker, id); /* the answer comes at once when the owner's end is told */
}

static void test_an_announcement_without_names_waits_for_nobody(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_newcomer(&w, "a");

	client_tell(s, "groups", pack(&w, "a2a1ua0", UINT64_C(17)));
	expect_lost(a, client_ask(a, "announce", pack(&w, "a3a0a0a0")), NULL);
}

static void test_announcing_a_name_of_the_dead_predecessor_takes_it_over(void **state)
{
	struct client *a = world_supervised(&w, 17, "a"), *next;

	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "n", client_ref(a, 1))));
	client_break(a);
	next = world_supervised(&w, 19, "a");
	expect_lost(next, announce(next, "n"), NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_a_registered_name_is_found_by_all, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_a_name_is_held_once, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_unregister_frees_only_the_own_name, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_who_looked_up_a_name_is_told_its_changes, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_names_of_a_killed_group_are_free_at_once, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_bad_names_and_foreign_refs_are_refused, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_the_supervisor_may_have_a_name_of_the_node, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_names_lists_by_prefix_in_order, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_a_list_that_is_cut_says_where_it_goes_on, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_names_lists_by_pattern, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_a_costly_pattern_is_looked_for_in_parts, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_names_that_are_registered_together_take_one_answer, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_of_names_that_are_registered_together_all_are_or_none,
			world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_a_name_is_replaced_without_a_moment_in_which_nobody_has_it, world_setup,
			world_teardown),
		cmocka_unit_test_setup_teardown(test_only_its_group_replaces_a_name_and_only_from_who_has_it,
			world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_a_group_says_which_of_its_actors_has_a_name, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_a_look_up_may_wait_until_somebody_has_the_name, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_who_waits_for_a_name_and_leaves_is_forgotten, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_a_hundred_thousand_names, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_a_look_up_waits_until_it_is_known_whether_the_owner_lives, world_setup,
			world_teardown),
		cmocka_unit_test_setup_teardown(
			test_a_look_up_finds_the_owner_that_came_back, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_a_look_up_finds_the_successor_of_a_dead_owner, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_a_reported_exit_hides_the_name_before_its_link_ends,
			world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_without_a_supervisor_nobody_knows_whether_the_owner_lives, world_setup,
			world_teardown),
		cmocka_unit_test_setup_teardown(
			test_who_looked_up_and_left_leaves_nothing, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_a_newcomer_takes_no_bystanders_name_by_announcing_it,
			world_setup_with_window, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_a_process_started_after_the_list_takes_no_bystanders_name,
			world_setup_with_window, world_teardown),
		cmocka_unit_test_setup_teardown(test_a_client_of_the_supervisor_takes_no_bystanders_name,
			world_setup_with_window, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_a_look_up_in_the_recovery_is_answered_when_the_owner_announces,
			world_setup_with_window, world_teardown),
		cmocka_unit_test_setup_teardown(test_a_look_up_behind_its_askers_own_register_finds_that,
			world_setup_with_window, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_look_ups_of_one_that_left_during_the_recovery_leave_nothing,
			world_setup_with_window, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_names_of_one_that_lives_and_is_late_are_neither_unknown_nor_free,
			world_setup_with_window, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_one_that_stays_away_blocks_names_for_five_seconds_and_loses_what_was_taken,
			world_setup_with_window, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_one_that_lost_its_link_before_it_announced_is_late_as_well,
			world_setup_with_window, world_teardown),
		cmocka_unit_test_setup_teardown(test_an_announcement_without_names_waits_for_nobody,
			world_setup_with_window, world_teardown),
		cmocka_unit_test_setup_teardown(test_announcing_a_name_of_the_dead_predecessor_takes_it_over,
			world_setup, world_teardown),
	};

	return run_facts(tests);
}

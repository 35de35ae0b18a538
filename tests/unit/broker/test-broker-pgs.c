/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process groups as groups of actors see them. A fact that is named after a case of Erlang's pg_SUITE says
 * what that case says. Where the case needs a second node, there is a second group of actors.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/state.h"
#include "libactor/protocol/roll.h"
#include "tests/unit/broker/broker-fact.h"

/* ---- what groups say ---- */

static uint64_t ask_join(struct client *c, const char *scope, const char *name, uint64_t serial, uint64_t id)
{
	return client_ask(c, "pg_join", pack(&w, "a3ssa1a2ru", scope, name, client_ref(c, serial), id));
}

static void join(struct client *c, const char *scope, const char *name, uint64_t serial, uint64_t id)
{
	client_expect_nil(c, ask_join(c, scope, name, serial, id));
}

static uint64_t ask_leave(struct client *c, const char *scope, const char *name, uint64_t id)
{
	return client_ask(c, "pg_leave", pack(&w, "a3ssa1u", scope, name, id));
}

static void leave(struct client *c, const char *scope, const char *name, uint64_t id)
{
	client_expect_nil(c, ask_leave(c, scope, name, id));
}

static void watch(struct client *c, const char *scope, const char *name)
{
	client_ask(c, "pg_watch", pack(&w, !scope ? "a2nn" : !name ? "a2sn" : "a2ss", scope, name));
}

/* ---- what they hear ---- */

/* Reads an array of entries as "serial serial …", whatever their groups are. */
static const char *entries_text(struct mp_reader *r)
{
	static char text[4096];
	struct roll_entry entry;
	size_t length = 0;
	uint32_t n;

	assert_int_equal(mp_read_array(r, &n), 0);
	text[0] = 0;
	while (n--) {
		assert_int_equal(roll_read(r, &entry), 0);
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%d", length ? " " : "",
			(int)entry.ref.serial);
		assert_true(length < sizeof(text));
	}
	return text;
}

static void expect_members(struct client *c, const char *scope, const char *name, const char *serials)
{
	uint64_t id = client_ask(c, "pg_members", pack(&w, "a2ss", scope, name));
	struct wire_frame frame = client_expect(c, WIRE_REPLY);
	struct mp_reader r = mp_reader(frame.body, frame.body_bytes);

	assert_int_equal(frame.id, id);
	assert_string_equal(entries_text(&r), serials);
}

static void expect_event(
	struct client *c, const char *kind, const char *scope, const char *name, const char *serials)
{
	struct mp_reader r = client_expect_cast(c, "pg");
	const char *s;
	size_t len;

	assert_int_equal(mp_read_str(&r, &s, &len), 0);
	assert_true(mp_str_is(s, len, kind));
	assert_int_equal(mp_read_str(&r, &s, &len), 0);
	assert_true(mp_str_is(s, len, scope));
	assert_int_equal(mp_read_str(&r, &s, &len), 0);
	assert_true(mp_str_is(s, len, name));
	assert_string_equal(entries_text(&r), serials);
}

static void expect_reply(struct client *c)
{
	client_expect(c, WIRE_REPLY);
}

static char cut[256]; /* the name after which the list goes on; "": it is complete */

static uint32_t n_listed(struct client *c, const char *method, const struct buf *args)
{
	struct wire_frame frame;
	struct mp_reader r;
	uint32_t n, n_entries = 0;
	const char *s;
	size_t len;

	client_ask(c, method, args);
	frame = client_expect(c, WIRE_REPLY);
	r = mp_reader(frame.body, frame.body_bytes);
	assert_int_equal(mp_read_array(&r, &n), 0);
	cut[0] = 0;
	while (n--) {
		if (mp_peek(&r) == MP_STR) {
			assert_int_equal(mp_read_str(&r, &s, &len), 0);
			snprintf(cut, sizeof(cut), "%.*s", (int)len, s);
			assert_int_equal(n, 0);
		} else {
			assert_int_equal(mp_skip(&r), 0);
			n_entries++;
		}
	}
	return n_entries;
}

static void expect_nothing_is_left(void)
{
	assert_int_equal(broker_stats(w.broker).memberships, 0);
	assert_int_equal(w.broker->pgs.table.n_items, 0);
	assert_int_equal(w.broker->pgs.scopes.n_items, 0);
	assert_int_equal(w.broker->pgs.joiners.n_items, 0);
	assert_int_equal(w.broker->pgs.shares.n_items, 0);
	assert_int_equal(w.broker->pgs.watches.n_items, 0);
}

/* ---- pg_SUITE ---- */

static void test_pg_join_leave_which(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");

	join(a, "pg", "g", 1, 1);
	join(b, "pg", "g", 7, 1); /* b may use the id as well: an id belongs to its group of actors */
	join(a, "pg", "h", 1, 2);
	join(a, "other", "g", 2, 3);
	expect_members(b, "pg", "g", "1 7");
	expect_members(b, "other", "g", "2");
	assert_int_equal(n_listed(b, "pg_groups", pack(&w, "a1s", "pg")), 2);
	assert_string_equal(cut, "");
	assert_int_equal(n_listed(b, "pg_groups", pack(&w, "a2su", "pg", UINT64_C(1))), 1);
	assert_int_equal(n_listed(b, "pg_groups", pack(&w, "a3sus", "pg", UINT64_C(1), cut)), 1);
	assert_string_equal(cut, "");
	assert_int_equal(n_listed(b, "pg_scopes", pack(&w, "a1u", UINT64_C(1))), 1);
	assert_string_not_equal(cut, "");
	assert_int_equal(n_listed(b, "pg_scopes", pack(&w, "a2us", UINT64_C(1), cut)), 1);
	assert_string_equal(cut, "");
	assert_int_equal(n_listed(b, "pg_scopes", pack(&w, "a0")), 2);
	leave(a, "pg", "g", 1);
	expect_members(b, "pg", "g", "7");
	leave(a, "pg", "h", 2);
	leave(a, "other", "g", 3);
	leave(b, "pg", "g", 1);
	assert_int_equal(n_listed(b, "pg_groups", pack(&w, "a1s", "pg")), 0);
	expect_nothing_is_left();
}

static void test_single_triple_join_needs_three_leaves(void **state)
{
	struct client *a = world_newcomer(&w, "a");

	join(a, "pg", "g", 1, 1);
	join(a, "pg", "g", 1, 2);
	join(a, "pg", "g", 1, 3);
	expect_members(a, "pg", "g", "1 1 1");
	leave(a, "pg", "g", 2);
	leave(a, "pg", "g", 3);
	expect_members(a, "pg", "g", "1");
	leave(a, "pg", "g", 1);
	client_expect_error(a, ask_leave(a, "pg", "g", 1), "not_joined");
	expect_nothing_is_left();
}

static void test_single_a_list_joins_in_order_and_may_repeat_an_actor(void **state)
{
	struct client *a = world_newcomer(&w, "a");

	client_expect_nil(a, client_ask(a, "pg_join",
				     pack(&w, "a3ssa3a2rua2rua2ru", "pg", "g", client_ref(a, 2), UINT64_C(1),
					     client_ref(a, 1), UINT64_C(2), client_ref(a, 2), UINT64_C(3))));
	expect_members(a, "pg", "g", "2 1 2");
	/* Of a list, those leave that are members. */
	client_expect_nil(
		a, client_ask(a, "pg_leave", pack(&w, "a3ssa2uu", "pg", "g", UINT64_C(9), UINT64_C(1))));
	expect_members(a, "pg", "g", "1 2");
	client_expect_nil(a, client_ask(a, "pg_leave_all", pack(&w, "a1r", client_ref(a, 2))));
	expect_members(a, "pg", "g", "1");
	client_expect_nil(a, client_ask(a, "pg_leave_all", pack(&w, "a1r", client_ref(a, 2))));
	/* An empty list is no error. */
	client_expect_nil(a, client_ask(a, "pg_join", pack(&w, "a3ssa0", "pg", "none")));
	client_expect_nil(a, client_ask(a, "pg_leave", pack(&w, "a3ssa0", "pg", "none")));
	assert_int_equal(n_listed(a, "pg_groups", pack(&w, "a1s", "pg")), 1);
}

static void test_single_a_join_said_twice_counts_once(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");

	watch(b, "pg", "g");
	expect_event(b, "is", "pg", "g", "");
	expect_reply(b);
	join(a, "pg", "g", 1, 1);
	join(a, "pg", "g", 1, 1);
	expect_event(b, "join", "pg", "g", "1");
	client_expect_nothing(b);
	expect_members(b, "pg", "g", "1");
}

static void test_leave_exit_race(void **state)
{
	for (int i = 0; i < 100; i++) {
		struct client *a = world_newcomer(&w, "a");

		ask_join(a, "pg", "g", 1, 1);
		ask_leave(a, "pg", "g", 1);
		if (i % 2)
			ask_join(a, "pg", "g", 1, 2);
		client_break(a);
	}
	expect_nothing_is_left();
}

static void test_process_owner_check_nobody_joins_for_another(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");

	client_expect_error(a,
		client_ask(a, "pg_join", pack(&w, "a3ssa1a2ru", "pg", "g", client_ref(b, 1), UINT64_C(1))),
		"bad_args");
	client_expect_error(a,
		client_ask(a, "pg_join",
			pack(&w, "a3ssa2a2rua2ru", "pg", "g", client_ref(a, 1), UINT64_C(1), client_ref(b, 1),
				UINT64_C(2))),
		"bad_args");
	client_expect_error(a,
		client_ask(a, "pg_join", pack(&w, "a3ssa1a2ru", "pg", "g", client_ref(a, 0), UINT64_C(1))),
		"bad_args");
	client_expect_error(a, client_ask(a, "pg_leave_all", pack(&w, "a1r", client_ref(b, 1))), "bad_args");
	join(b, "pg", "g", 1, 1);
	client_expect_error(a, ask_leave(a, "pg", "g", 1), "not_joined");
	expect_members(a, "pg", "g", "1");
}

static void test_errors_garbage_ends_nobody(void **state)
{
	static const char *const methods[] = {"pg_join", "pg_leave", "pg_leave_all", "pg_members",
		"pg_groups", "pg_watch", "pg_unwatch", "pg_pick"};
	struct client *a = world_newcomer(&w, "a");
	char name[257];

	memset(name, 'n', 256);
	name[256] = 0;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		client_expect_error(a, client_ask(a, methods[i], pack(&w, "a0")), "bad_args");
		client_expect_error(a,
			client_ask(a, methods[i], pack(&w, "a3uuu", UINT64_C(1), UINT64_C(2), UINT64_C(3))),
			"bad_args");
	}
	client_expect_error(a, ask_join(a, name, "g", 1, 1), "bad_args");
	client_expect_error(a, ask_join(a, "pg", name, 1, 1), "bad_args");
	client_expect_error(a, ask_join(a, "", "g", 1, 1), "bad_args");
	client_expect_error(a, client_ask(a, "pg_watch", pack(&w, "a2ns", "g")), "bad_args");
	client_expect_error(a, client_ask(a, "pg_pick", pack(&w, "a3sss", "pg", "g", "best")), "bad_args");
	client_expect_error(a, client_ask(a, "pg_pick", pack(&w, "a3sss", "pg", "g", "key")), "bad_args");
	name[255] = 0;
	join(a, name, name, 1, 1);
	expect_members(a, name, name, "1");
	assert_false(a->closed);
}

static void test_two_the_death_of_a_group_is_seen_by_the_other(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");

	join(a, "pg", "g", 1, 1);
	join(a, "pg", "g", 2, 2);
	join(b, "pg", "g", 3, 1);
	join(a, "pg", "h", 1, 3);
	client_break(a);
	expect_members(b, "pg", "g", "3");
	expect_members(b, "pg", "h", "");
	assert_int_equal(n_listed(b, "pg_groups", pack(&w, "a1s", "pg")), 1);
}

static void test_empty_group_by_remote_leave_has_no_residue(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");

	for (uint64_t i = 1; i <= 9; i++)
		join(i % 2 ? a : b, "pg", "g", i, i);
	for (uint64_t i = 0; i < 5; i++) /* the members leave in another order than they came */
		leave(a, "pg", "g", 9 - 2 * i);
	for (uint64_t i = 2; i <= 8; i += 2)
		leave(b, "pg", "g", i);
	expect_nothing_is_left();
}

static void test_thundering_herd_of_groups(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");
	char name[32];

	for (uint64_t i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "g%d", (int)i);
		join(a, "pg", name, 1 + i % 7, i + 1);
	}
	watch(b, "pg", NULL);
	for (int i = 0; i < 10000; i++)
		client_expect_cast(b, "pg");
	expect_reply(b);
	assert_int_equal(n_listed(b, "pg_groups", pack(&w, "a2su", "pg", UINT64_C(100000))), 10000);
	client_break(a);
	for (int i = 0; i < 10000; i++)
		client_expect_cast(b, "pg");
	client_expect_nothing(b);
	client_break(b);
	expect_nothing_is_left();
}

static void test_group_leave_of_many(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");

	for (uint64_t i = 1; i <= 16; i++)
		join(a, "pg", "g", 1 + i % 4, i);
	for (uint64_t i = 1; i <= 4; i++)
		leave(a, "pg", "g", i * 4);
	assert_int_equal(broker_stats(w.broker).memberships, 12);
	client_break(a);
	expect_members(b, "pg", "g", "");
	expect_nothing_is_left();
}

static void test_monitor_a_snapshot_and_then_each_event(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");

	join(a, "pg", "g", 1, 1);
	join(a, "pg", "g", 2, 2);
	watch(b, "pg", "g");
	expect_event(b, "is", "pg", "g", "1 2");
	expect_reply(b);
	client_expect_nil(a, client_ask(a, "pg_join",
				     pack(&w, "a3ssa2a2rua2ru", "pg", "g", client_ref(a, 3), UINT64_C(3),
					     client_ref(a, 3), UINT64_C(4))));
	expect_event(b, "join", "pg", "g", "3 3");
	leave(a, "pg", "g", 1);
	expect_event(b, "leave", "pg", "g", "1");
	join(a, "pg", "h", 1, 5);
	join(a, "other", "g", 1, 6);
	client_expect_nothing(b);
	client_expect_nil(b, client_ask(b, "pg_unwatch", pack(&w, "a2ss", "pg", "g")));
	client_expect_nil(b, client_ask(b, "pg_unwatch", pack(&w, "a2ss", "pg", "g")));
	join(a, "pg", "g", 9, 9);
	client_expect_nothing(b);
}

static void test_monitor_scope(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");

	join(a, "s", "g", 1, 1);
	join(a, "s", "h", 2, 2);
	join(a, "t", "g", 3, 3);
	watch(b, "s", NULL);
	expect_event(b, "is", "s", "g", "1");
	expect_event(b, "is", "s", "h", "2");
	expect_reply(b);
	join(a, "s", "new", 4, 4);
	expect_event(b, "join", "s", "new", "4");
	join(a, "t", "new", 5, 5);
	client_expect_nothing(b);
	watch(b, NULL, NULL);
	for (int i = 0; i < 5; i++)
		client_expect_cast(b, "pg");
	expect_reply(b);
	join(a, "t", "new", 6, 6);
	expect_event(b, "join", "t", "new", "6");
	client_expect_nothing(b);
}

static void test_multi_monitor_a_group_is_told_once_however_often_it_watches(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");

	watch(b, "pg", "g");
	expect_event(b, "is", "pg", "g", "");
	expect_reply(b);
	watch(b, "pg", NULL);
	expect_reply(b);
	watch(b, NULL, NULL);
	expect_reply(b);
	join(a, "pg", "g", 1, 1);
	expect_event(b, "join", "pg", "g", "1");
	client_expect_nothing(b);
	client_expect_nil(b, client_ask(b, "pg_unwatch", pack(&w, "a2nn")));
	client_expect_nil(b, client_ask(b, "pg_unwatch", pack(&w, "a2ss", "pg", "g")));
	leave(a, "pg", "g", 1);
	expect_event(b, "leave", "pg", "g", "1");
	client_break(b);
	expect_nothing_is_left();
}

static void test_monitor_self_joins_and_dies(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");

	watch(a, "pg", "g");
	expect_event(a, "is", "pg", "g", "");
	expect_reply(a);
	ask_join(a, "pg", "g", 1, 1);
	/* The event comes before the answer, so a's copy is right when the answer comes. */
	expect_event(a, "join", "pg", "g", "1");
	expect_reply(a);
	join(b, "pg", "g", 2, 2);
	expect_event(a, "join", "pg", "g", "2");
	client_break(a);
	expect_members(b, "pg", "g", "2");
	client_break(b);
	expect_nothing_is_left();
}

static void test_initial_a_watch_asked_again_tells_what_is_again(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");

	watch(b, "pg", "g");
	expect_event(b, "is", "pg", "g", "");
	expect_reply(b);
	join(a, "pg", "g", 1, 1);
	expect_event(b, "join", "pg", "g", "1");
	watch(b, "pg", "g");
	expect_event(b, "is", "pg", "g", "1");
	expect_reply(b);
	join(a, "pg", "g", 2, 2);
	expect_event(b, "join", "pg", "g", "2");
	client_expect_nothing(b);
}

/* ---- what is ours ---- */

static void test_metadata_goes_with_each_membership(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");
	struct roll_entry entry;
	struct wire_frame frame;
	struct mp_reader r;
	uint32_t n;
	char *large = calloc(1, 5000);

	client_expect_nil(a, client_ask(a, "pg_join",
				     pack(&w,
					     "a3ssa2a3rusa3ru"
					     "n",
					     "pg", "g", client_ref(a, 1), UINT64_C(1), "zone 1",
					     client_ref(a, 1), UINT64_C(2))));
	client_ask(b, "pg_members", pack(&w, "a2ss", "pg", "g"));
	frame = client_expect(b, WIRE_REPLY);
	r = mp_reader(frame.body, frame.body_bytes);
	assert_int_equal(mp_read_array(&r, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(roll_read(&r, &entry), 0);
	assert_int_equal(entry.meta_bytes, 7);
	assert_memory_equal(entry.meta, "\xa6zone 1", 7);
	assert_int_equal(roll_read(&r, &entry), 0);
	assert_int_equal(entry.meta_bytes, 0);
	assert_non_null(large);
	memset(large, 'x', 4999);
	client_expect_error(a,
		client_ask(a, "pg_join",
			pack(&w, "a3ssa1a3rus", "pg", "g", client_ref(a, 1), UINT64_C(3), large)),
		"too_big");
	large[4096 - 3] = 0; /* with the 3 bytes before it the str has 4096 bytes */
	client_expect_nil(
		a, client_ask(a, "pg_join",
			   pack(&w, "a3ssa1a3rus", "pg", "g", client_ref(a, 1), UINT64_C(3), large)));
	free(large);
}

/* @n processes with 900 members each in process groups of their own: 3.6 MB of metadata each. */
static void join_much(int n)
{
	char large[4000], name[16];

	memset(large, 'x', sizeof(large));
	large[sizeof(large) - 1] = 0;
	for (int i = 0; i < n; i++) {
		struct client *c = world_newcomer(&w, "much");

		snprintf(name, sizeof(name), "g%d", i);
		for (uint64_t id = 1; id <= 900; id++)
			client_expect_nil(
				c, client_ask(c, "pg_join",
					   pack(&w, "a3ssa1a3rus", "pg", name, client_ref(c, 1), id, large)));
	}
}

/* It is told of all at once, and cannot have read it before. */
static void test_a_watcher_of_much_is_told_of_all_of_it_and_not_cut(void **state)
{
	struct client *a = world_newcomer(&w, "a");
	struct wire_frame frame;
	int n = 0;

	join_much(6);
	watch(a, NULL, NULL);
	assert_false(a->closed);
	for (broker_flush(w.broker); client_next(a, &frame) && frame.type == WIRE_CAST; n++)
		broker_flush(w.broker);
	assert_int_equal(n, 6);
	assert_int_equal(frame.type, WIRE_REPLY);
}

static void test_a_watcher_of_more_than_may_lie_unread_is_refused_and_not_cut(void **state)
{
	struct quota_limits limits = {.unread_bytes = 1u << 20}; /* and 4 MiB of answers */
	struct client *a, *b;

	world_deinit(&w);
	world_init(&w, 0, &limits);
	join_much(2);
	a = world_newcomer(&w, "a");
	b = world_newcomer(&w, "b");
	client_expect_error(a, client_ask(a, "pg_watch", pack(&w, "a2nn")), "overloaded");
	client_expect_error(a, client_ask(a, "pg_watch", pack(&w, "a2sn", "pg")), "overloaded");
	join(b, "pg", "g", 1, 1);
	client_expect_nothing(a); /* it does not watch */
	client_ask(a, "pg_watch", pack(&w, "a2ss", "pg", "g0"));
	client_expect(a, WIRE_CAST);
	client_expect(a, WIRE_REPLY);
	assert_false(a->closed);
}

static void test_joins_over_the_quota_are_refused_and_nobody_joins(void **state)
{
	struct quota_limits limits = {.max[QUOTA_MEMBERSHIPS] = 3, .max[QUOTA_META] = 100};
	struct client *a, *b;

	world_deinit(&w);
	world_init(&w, 0, &limits);
	a = world_newcomer(&w, "a");
	b = world_newcomer(&w, "b");
	join(a, "pg", "g", 1, 1);
	join(a, "pg", "g", 1, 2);
	client_expect_error(a,
		client_ask(a, "pg_join",
			pack(&w, "a3ssa2a2rua2ru", "pg", "new", client_ref(a, 1), UINT64_C(3),
				client_ref(a, 1), UINT64_C(4))),
		"overloaded");
	expect_members(b, "pg", "new", "");
	assert_int_equal(n_listed(b, "pg_groups", pack(&w, "a1s", "pg")), 1);
	join(a, "pg", "g", 1, 3);
	client_expect_error(a, ask_join(a, "pg", "g", 1, 4), "overloaded");
	join(b, "pg", "g", 9, 1); /* others are not refused */
	leave(a, "pg", "g", 1);
	join(a, "pg", "g", 2, 4);
	expect_members(b, "pg", "g", "1 1 9 2");
}

static void test_memberships_are_gone_before_anyone_hears_of_the_death(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");
	struct wire_dest to = to_ref(client_ref(a, 0));
	struct actor_cause cause;

	join(a, "pg", "g", 1, 1);
	watch(b, "pg", "g");
	expect_event(b, "is", "pg", "g", "1");
	expect_reply(b);
	wire_put_monitor(&b->out, &to, client_ref(b, 1), 77);
	client_send(b);
	client_break(a);
	expect_event(b, "leave", "pg", "g", "1");
	client_expect(b, WIRE_DOWN);
	client_expect_group_down(b, &cause);
	client_expect_nothing(b);
}

static void test_a_lost_group_is_a_member_until_it_has_ended(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_supervised(&w, 5, "a"),
		      *b = world_newcomer(&w, "b");

	(void)s;
	join(a, "pg", "g", 1, 1);
	client_break(a);
	expect_members(b, "pg", "g", "1");
	a = world_supervised(&w, 5, "a");
	expect_members(b, "pg", "g", "1");
	client_bye(a);
	world_advance(&w, 2000 * MS);
	expect_members(b, "pg", "g", "");
}

static void test_an_announcement_is_all_of_ones_memberships(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");

	watch(b, "pg", "g");
	expect_event(b, "is", "pg", "g", "");
	expect_reply(b);
	join(a, "pg", "g", 1, 1);
	join(a, "pg", "g", 2, 2);
	join(a, "pg", "h", 2, 3);
	expect_event(b, "join", "pg", "g", "1");
	expect_event(b, "join", "pg", "g", "2");
	client_ask(a, "announce",
		pack(&w, "a5a0a0a0na1a3ssa2a2rua2ru", "pg", "g", client_ref(a, 2), UINT64_C(2),
			client_ref(a, 4), UINT64_C(4)));
	expect_event(b, "join", "pg", "g", "4");
	expect_event(b, "leave", "pg", "g", "1");
	client_expect_nothing(b);
	expect_reply(a);
	expect_members(b, "pg", "g", "2 4");
	expect_members(b, "pg", "h", "");
	/* An announcement that says nothing of process groups changes nothing about them. */
	client_ask(a, "announce", pack(&w, "a3a0a0a0"));
	expect_reply(a);
	expect_members(b, "pg", "g", "2 4");
	client_expect_error(a, client_ask(a, "announce", pack(&w, "a5a0a0a0na1a1s", "x")), "bad_args");
}

static void test_scope_restart_everybody_is_back_before_anybody_is_told(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a, *b;

	client_tell(
		s, "groups", pack(&w, "a3a2uua0a2uu", UINT64_C(5), UINT64_C(6), UINT64_C(5), UINT64_C(6)));
	b = world_supervised(&w, 6, "b");
	watch(b, "pg", "g");
	client_ask(b, "announced", pack(&w, "a0"));
	expect_reply(b);
	client_expect_nothing(b);
	client_ask(b, "pg_members", pack(&w, "a2ss", "pg", "g"));
	client_ask(b, "pg_pick", pack(&w, "a3sss", "pg", "g", "any"));
	client_tell(b, "pg_cast", pack(&w, "a4sssa0", "pg", "g", "hey"));
	client_expect_nothing(b);
	a = world_supervised(&w, 5, "a");
	client_ask(
		a, "announce", pack(&w, "a5a0a0a0na1a3ssa1a2ru", "pg", "g", client_ref(a, 3), UINT64_C(2)));
	expect_reply(a);
	client_expect_nothing(b);
	client_ask(a, "announced", pack(&w, "a0"));
	expect_reply(a);
	client_expect_cast(a, "pg_cast");
	expect_event(b, "is", "pg", "g", "3");
	expect_reply(b);
	expect_reply(b); /* the answer to `pg_members` */
	assert_int_equal(client_expect(b, WIRE_REPLY).body_bytes, 27);
	client_expect_nothing(b);
	client_expect_nothing(a);
}

static void expect_broadcast(struct client *c, actor_ref from)
{
	struct wire_frame frame = client_expect(c, WIRE_CAST);

	assert_true(str_is(frame.method, "pg_cast"));
	assert_true(actor_ref_equal(frame.from, from));
	assert_int_equal(frame.to.ref.serial, 0);
	assert_int_equal(frame.to.ref.group, c->group);
}

static void test_a_cast_to_all_is_one_frame_for_each_process(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b"),
		      *c = world_newcomer(&w, "c");

	for (uint64_t i = 1; i <= 100; i++)
		join(a, "pg", "g", i, i);
	join(b, "pg", "g", 1, 1);
	join(c, "pg", "h", 1, 1);
	client_tell(c, "pg_cast", pack(&w, "a4sssa1s", "pg", "g", "hello", "you"));
	expect_broadcast(a, client_ref(c, 1));
	expect_broadcast(b, client_ref(c, 1));
	client_expect_nothing(a);
	client_expect_nothing(b);
	client_expect_nothing(c);
	client_tell(c, "pg_cast", pack(&w, "a4sssa0", "pg", "nobody", "hello"));
	assert_false(c->closed);
	client_tell(c, "pg_cast", pack(&w, "a4sssn", "pg", "g", "hello"));
	assert_true(str_is(client_expect(c, WIRE_BYE).text, "malformed arguments of cast pg_cast"));
}

static void test_a_cast_to_all_keeps_its_trace(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *c = world_newcomer(&w, "c");
	struct wire_trace trace = {.id = 70, .span = 71, .parent = 72}, got;
	struct wire_dest broker = to_name("$broker");
	const struct buf *args;

	join(a, "pg", "g", 1, 1);
	args = pack(&w, "a4sssa1s", "pg", "g", "hello", "you");
	wire_put_traced_cast(&c->out, &broker, client_ref(c, 1), wire_cstr("pg_cast"), args->data,
		args->size_bytes, &trace);
	client_send(c);
	got = client_expect(a, WIRE_CAST).trace;
	assert_memory_equal(&got, &trace, sizeof(got));
}

static void test_pick_any_takes_turns(void **state)
{
	struct client *a = world_newcomer(&w, "a");

	client_expect_nil(a, client_ask(a, "pg_pick", pack(&w, "a3sss", "pg", "g", "any")));
	for (uint64_t i = 1; i <= 3; i++)
		join(a, "pg", "g", i, i);
	for (uint64_t i = 0; i < 6; i++)
		assert_int_equal(
			client_expect_ref(a, client_ask(a, "pg_pick", pack(&w, "a3sss", "pg", "g", "any")))
				.serial,
			1 + i % 3);
	leave(a, "pg", "g", 1);
	assert_int_equal(
		client_expect_ref(a, client_ask(a, "pg_pick", pack(&w, "a3sss", "pg", "g", "any"))).serial,
		2);
}

static void test_pick_random_finds_everybody(void **state)
{
	struct client *a = world_newcomer(&w, "a");
	unsigned seen[9] = {0};

	for (uint64_t i = 1; i <= 8; i++)
		join(a, "pg", "g", i, i);
	for (uint64_t i = 1; i <= 8; i += 2)
		leave(a, "pg", "g", i);
	for (int i = 0; i < 400; i++)
		seen[client_expect_ref(a, client_ask(a, "pg_pick", pack(&w, "a3sss", "pg", "g", "random")))
				.serial]++;
	for (int i = 1; i <= 8; i++)
		assert_true(i % 2 ? seen[i] == 0 : seen[i] > 40);
}

static uint64_t pick_by(struct client *c, const char *key)
{
	return client_expect_ref(c, client_ask(c, "pg_pick", pack(&w, "a4ssss", "pg", "g", "key", key)))
		.serial;
}

static void test_pick_by_key_moves_only_the_keys_of_who_leaves(void **state)
{
	struct client *a = world_newcomer(&w, "a");
	uint64_t before[100];
	char key[16];
	int n_of_3 = 0;

	for (uint64_t i = 1; i <= 5; i++)
		join(a, "pg", "g", i, i);
	for (int i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		before[i] = pick_by(a, key);
		assert_int_equal(pick_by(a, key), before[i]);
		n_of_3 += before[i] == 3;
	}
	assert_true(n_of_3 > 5 && n_of_3 < 40);
	leave(a, "pg", "g", 3);
	for (int i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		if (before[i] == 3)
			assert_int_not_equal(pick_by(a, key), 3);
		else
			assert_int_equal(pick_by(a, key), before[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define FACT_(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
		FACT_(test_pg_join_leave_which),
		FACT_(test_single_triple_join_needs_three_leaves),
		FACT_(test_single_a_list_joins_in_order_and_may_repeat_an_actor),
		FACT_(test_single_a_join_said_twice_counts_once),
		FACT_(test_leave_exit_race),
		FACT_(test_process_owner_check_nobody_joins_for_another),
		FACT_(test_errors_garbage_ends_nobody),
		FACT_(test_two_the_death_of_a_group_is_seen_by_the_other),
		FACT_(test_empty_group_by_remote_leave_has_no_residue),
		FACT_(test_thundering_herd_of_groups),
		FACT_(test_group_leave_of_many),
		FACT_(test_monitor_a_snapshot_and_then_each_event),
		FACT_(test_monitor_scope),
		FACT_(test_multi_monitor_a_group_is_told_once_however_often_it_watches),
		FACT_(test_monitor_self_joins_and_dies),
		FACT_(test_initial_a_watch_asked_again_tells_what_is_again),
		FACT_(test_metadata_goes_with_each_membership),
		FACT_(test_a_watcher_of_much_is_told_of_all_of_it_and_not_cut),
		FACT_(test_a_watcher_of_more_than_may_lie_unread_is_refused_and_not_cut),
		FACT_(test_joins_over_the_quota_are_refused_and_nobody_joins),
		FACT_(test_memberships_are_gone_before_anyone_hears_of_the_death),
		FACT_(test_a_lost_group_is_a_member_until_it_has_ended),
		FACT_(test_an_announcement_is_all_of_ones_memberships),
		cmocka_unit_test_setup_teardown(test_scope_restart_everybody_is_back_before_anybody_is_told,
			world_setup_with_window, world_teardown),
		FACT_(test_a_cast_to_all_is_one_frame_for_each_process),
		FACT_(test_a_cast_to_all_keeps_its_trace),
		FACT_(test_pick_any_takes_turns),
		FACT_(test_pick_random_finds_everybody),
		FACT_(test_pick_by_key_moves_only_the_keys_of_who_leaves),
	};

	return run_facts(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* How groups come in, go, and come back; the recovery window. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "libactor/protocol/cause.h"
#include "tests/unit/broker/broker-fact.h"

/* ---- coming in ---- */

static void test_a_newcomer_gets_an_id_of_its_own(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");

	assert_int_equal(a->group >> 62, 2);
	assert_int_equal((a->group >> 32) & 0x3fffffff, WORLD_BROKER);
	assert_true(a->group != b->group);
	assert_false(a->restarted);
	assert_true(!strncmp(a->path, "/run/x/b/", 9));
	assert_string_not_equal(a->path, b->path);
}

static void test_a_token_gives_the_id_it_says(void **state)
{
	struct client *a = world_supervised(&w, 17, "worker");

	assert_int_equal(a->group, 17);
	assert_memory_equal(a->resume.bytes, world_token(&w, 17, "worker").bytes, a->resume.size_bytes);
}

static void test_bad_hellos_are_refused_by_name(void **state)
{
	static const char junk[] = "\x93\x01\x02\x03";
	struct token token = world_token(&w, 17, "worker"), mine = world_token(&w, WORLD_BROKER, "$broker");
	struct hello old = {.version_min = 2, .version_max = 9, .name = wire_cstr("x")};
	struct buf b = BUF_INIT;

	broker_hello(w.broker, 1, WORLD_UID, 5, junk, 4, w.now_ns);
	assert_string_equal(w.error, "bad_hello");
	w.answered = false;
	hello_put(&b, &old);
	broker_hello(w.broker, 1, WORLD_UID, 5, b.data, b.size_bytes, w.now_ns);
	assert_string_equal(w.error, "version");
	w.answered = false;
	old.version_min = old.version_max = 0;
	buf_reset(&b, SIZE_MAX);
	hello_put(&b, &old);
	broker_hello(w.broker, 1, WORLD_UID, 5, b.data, b.size_bytes, w.now_ns);
	assert_string_equal(w.error, "version");
	buf_deinit(&b);
	token.bytes[8] ^= 1;
	assert_null(world_hello(&w, "x", &token));
	assert_string_equal(w.error, "bad_token");
	assert_null(world_hello(&w, "x", &mine));
	assert_string_equal(w.error, "bad_token");
	assert_null(world_hello_as(&w, "x", NULL, WORLD_UID + 1, 5));
	assert_string_equal(w.error, "permission");
	assert_int_equal(broker_stats(w.broker).groups, 0);
	assert_non_null(world_hello_as(&w, "x", NULL, 0, 5));
}

static void test_a_child_of_another_user_comes_in_with_its_token(void **state)
{
	struct token token = world_token(&w, 17, "worker");
	struct client *c = world_hello_as(&w, "x", &token, WORLD_UID + 1, 5);

	assert_non_null(c);
	assert_int_equal(c->uid, WORLD_UID + 1);
}

static void test_the_token_of_a_client_opens_no_door_to_another_user(void **state)
{
	struct token resume = world_newcomer(&w, "a")->resume;

	assert_null(world_hello_as(&w, "x", &resume, WORLD_UID + 1, 5));
	assert_string_equal(w.error, "permission");
}

static void test_one_link_for_a_token(void **state)
{
	struct token token = world_token(&w, 17, "worker");
	struct client *a = world_hello_as(&w, "x", &token, WORLD_UID, 5);

	assert_null(world_hello_as(&w, "x", &token, WORLD_UID, 6));
	assert_string_equal(w.error, "in_use");
	/* The same process may ask again: the answer may have been lost. */
	assert_non_null(world_hello_as(&w, "x", &token, WORLD_UID, 5));
	assert_true(a->closed);
	client_up(w.listening);
	assert_null(world_hello_as(&w, "x", &token, WORLD_UID, 5));
	assert_string_equal(w.error, "in_use");
}

static void test_without_file_descriptors_a_hello_is_refused(void **state)
{
	struct client *a = world_newcomer(&w, "a");

	w.listen_error = -EMFILE;
	assert_null(world_hello(&w, "b", NULL));
	assert_string_equal(w.error, "overloaded");
	w.listen_error = 0;
	assert_int_equal(broker_stats(w.broker).groups, 1);
	assert_non_null(world_newcomer(&w, "b"));
	client_expect_nil(a, client_ask(a, "ready", pack(&w, "a0")));
}

static void test_a_link_nobody_comes_to_leaves_nothing(void **state)
{
	struct client *a = world_hello(&w, "a", NULL);
	struct token token = world_token(&w, 17, "worker");

	client_break(a);
	assert_int_equal(broker_stats(w.broker).groups, 0);
	client_break(world_hello(&w, "x", &token));
	assert_int_equal(broker_stats(w.broker).groups, 0);
	/* Nobody was told that the group was gone. */
	assert_int_equal(world_supervised(&w, 17, "worker")->group, 17);
}

/* ---- going ---- */

static void tell_group_down(struct client *spawner, uint64_t group, const char *reason)
{
	client_tell(spawner, "group_down", pack(&w, "a2um1ss", group, "reason", reason));
}

static void watch(struct client *who, uint64_t group)
{
	uint64_t id = client_ask(who, "announce", pack(&w, "a3a0a0a1u", group));
	struct wire_frame frame = client_expect(who, WIRE_REPLY);

	assert_int_equal(frame.id, id);
}

static void test_a_supervised_group_may_come_back_within_a_second(void **state)
{
	struct client *a = world_supervised(&w, 17, "worker"), *b = world_newcomer(&w, "b");
	struct wire_dest to = to_ref(client_ref(a, 1));
	actor_ref ref = client_ref(a, 1);
	uint64_t before, during;

	watch(b, 17);
	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "n", ref)));
	before = client_call(b, &to, "before", NULL);
	wire_put_monitor(&b->out, &to, client_ref(b, 1), 900);
	client_send(b);
	client_break(a);
	during = client_call(b, &to, "during", NULL);
	client_expect_nothing(b);
	world_advance(&w, 900 * MS);
	a = world_supervised(&w, 17, "worker");
	assert_false(a->restarted);
	client_expect_error(b, before, "noconnection"); /* whether the call got there is not known */
	assert_int_equal(client_expect(a, WIRE_MONITOR).id, 900);
	assert_int_equal(client_expect(a, WIRE_CALL).id, during);
	assert_true(
		actor_ref_equal(client_expect_ref(b, client_ask(b, "whereis", pack(&w, "a1s", "n"))), ref));
	world_advance(&w, 5000 * MS);
	client_expect_nothing(b);
}

static void test_a_supervised_group_that_does_not_come_back_is_down(void **state)
{
	struct client *a = world_supervised(&w, 17, "worker"), *b = world_newcomer(&w, "b");
	struct actor_cause cause;

	watch(b, 17);
	client_break(a);
	world_advance(&w, 999 * MS);
	client_expect_nothing(b);
	world_advance(&w, 2 * MS);
	assert_int_equal(client_expect_group_down(b, &cause), 17);
	assert_string_equal(cause.reason, "noconnection");
	a = world_supervised(&w, 17, "worker"); /* the group lives, and comes as a new one */
	assert_true(a->group >> 63);
	assert_false(a->restarted);
}

/* No supervisor has said who lives, but the kernel says that this group does. */
static void test_a_supervised_group_that_is_late_lives_while_the_kernel_says_so(void **state)
{
	struct client *a = world_supervised(&w, 17, "worker"), *b = world_newcomer(&w, "b");
	struct actor_cause cause;

	watch(b, 17);
	w.lives = 17;
	client_break(a);
	for (int i = 0; i < 10; i++)
		world_advance(&w, 1001 * MS);
	client_expect_nothing(b);
	w.lives = 0;
	world_advance(&w, 1001 * MS);
	assert_int_equal(client_expect_group_down(b, &cause), 17);
}

static void test_a_group_that_lost_its_link_lives_until_the_supervisor_says_otherwise(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_supervised(&w, 17, "worker"),
		      *b = world_newcomer(&w, "b");
	struct wire_dest to = to_ref(client_ref(a, 1));
	struct actor_cause cause;

	client_tell(s, "groups", pack(&w, "a3a1ua0a1u", UINT64_C(17), UINT64_C(17)));
	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "n", client_ref(a, 1))));
	watch(b, 17);
	client_break(a);
	world_advance(&w, 60000 * MS);
	assert_int_equal(client_expect_ref(b, client_ask(b, "whereis", pack(&w, "a1s", "n"))).group, 17);
	client_cast(b, &to, "kept", NULL);
	client_expect_nothing(b);
	a = world_supervised(&w, 17, "worker");
	assert_int_equal(a->group, 17);
	assert_true(str_is(client_expect(a, WIRE_CAST).method, "kept"));
	client_break(a);
	world_advance(&w, 60000 * MS);
	tell_group_down(s, 17, "signal");
	client_expect_cast(b, "name");
	assert_int_equal(client_expect_group_down(b, &cause), 17);
	assert_string_equal(cause.reason, "signal");
}

static void test_who_is_in_no_list_any_more_is_down(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_supervised(&w, 17, "worker"),
		      *b = world_newcomer(&w, "b");

	client_tell(s, "groups",
		pack(&w, "a3a2uua0a2uu", UINT64_C(17), UINT64_C(18), UINT64_C(17), UINT64_C(18)));
	watch(b, 17);
	watch(b, 18);
	client_break(a);
	world_advance(&w, 2000 * MS);
	client_expect_nothing(b);
	client_break(s);
	s = world_supervised(&w, 9, "$spawner");
	client_tell(s, "groups", pack(&w, "a3a1ua0a1u", UINT64_C(18), UINT64_C(18)));
	assert_int_equal(client_expect_group_down(b, NULL), 17);
	client_expect_nothing(b);
}

static void test_the_true_cause_is_told_when_it_comes_after_the_link_ended(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_supervised(&w, 17, "worker"),
		      *b = world_newcomer(&w, "b");
	struct actor_cause cause;

	watch(b, 17);
	client_break(a);
	world_advance(&w, 500 * MS);
	tell_group_down(s, 17, "signal");
	assert_int_equal(client_expect_group_down(b, &cause), 17);
	assert_string_equal(cause.reason, "signal");
	world_advance(&w, 5000 * MS);
	client_expect_nothing(b);
}

static void test_who_is_started_again_has_its_name_before_its_end_was_told(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_supervised(&w, 17, "worker"),
		      *other, *next;

	client_expect_nil(a, client_ask(a, "register", pack(&w, "a2sr", "n", client_ref(a, 1))));
	client_break(a);
	other = world_supervised(&w, 18, "other");
	client_expect_error(
		other, client_ask(other, "register", pack(&w, "a2sr", "n", client_ref(other, 1))), "in_use");
	next = world_supervised(&w, 19, "worker");
	client_expect_nil(next, client_ask(next, "register", pack(&w, "a2sr", "n", client_ref(next, 1))));
	tell_group_down(s, 17, "signal");
	client_expect_error(
		other, client_ask(other, "register", pack(&w, "a2sr", "n", client_ref(other, 1))), "in_use");
}

static void test_last_frames_are_read_after_the_exit_was_reported(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_supervised(&w, 17, "worker"),
		      *b = world_newcomer(&w, "b");
	struct wire_dest to = to_ref(client_ref(b, 1));
	struct actor_cause cause;

	watch(b, 17);
	tell_group_down(s, 17, "exit");
	client_expect_nothing(b);
	client_cast(a, &to, "last", NULL);
	client_break(a);
	assert_true(str_is(client_expect(b, WIRE_CAST).method, "last"));
	assert_int_equal(client_expect_group_down(b, &cause), 17);
	assert_string_equal(cause.reason, "exit");
}

static void test_a_link_that_outlives_its_process_is_waited_for_one_second(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_supervised(&w, 17, "worker"),
		      *b = world_newcomer(&w, "b");

	watch(b, 17);
	tell_group_down(s, 17, "exit");
	world_advance(&w, 1001 * MS);
	assert_int_equal(client_expect_group_down(b, NULL), 17);
	assert_true(a->closed);
}

static void test_bye_of_a_client_is_normal_and_at_once(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");
	struct actor_cause cause;

	watch(b, a->group);
	client_bye(a);
	assert_int_equal(client_expect_group_down(b, &cause), a->group);
	assert_string_equal(cause.reason, "normal");
	client_expect(a, WIRE_BYE);
	assert_false(a->closed);
	client_break(a); /* the client has read the goodbye */
	assert_true(a->closed);
}

/*
 * The pipe of a group that has said `bye` costs descriptors, and the group has no place any more that covers
 * them.
 */
static void test_who_does_not_read_its_goodbye_makes_room_for_the_next(void **state)
{
	const struct quota_limits limits = {.farewells = 2};
	struct client *clients[3];
	struct world few;

	world_init(&few, 0, &limits);
	for (int i = 0; i < 3; i++)
		clients[i] = world_newcomer(&few, "c");
	client_bye(clients[0]);
	client_bye(clients[1]);
	assert_false(clients[0]->closed || clients[1]->closed);
	client_bye(clients[2]);
	assert_true(clients[0]->closed);
	assert_false(clients[1]->closed || clients[2]->closed);
	world_deinit(&few);
}

static void test_a_client_without_bye_is_lost(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *b = world_newcomer(&w, "b");
	struct token resume = a->resume;
	struct actor_cause cause;

	watch(b, a->group);
	client_break(a);
	client_expect_group_down(b, &cause);
	assert_string_equal(cause.reason, "noconnection");
	assert_true(world_connect(&w, "a", &resume)->group != a->group);
}

static void test_the_supervisor_hears_of_hello_and_ready(void **state)
{
	struct client *a = world_supervised(&w, 17, "worker"), *s;
	struct mp_reader r;
	uint64_t group;

	client_expect_nil(a, client_ask(a, "ready", pack(&w, "a0")));
	s = world_supervised(&w, 1, "$spawner");
	client_tell(s, "groups", pack(&w, "a2a1ua0", UINT64_C(17)));
	r = client_expect_cast(s, "group_hello"); /* the hello that the supervisor had missed */
	assert_int_equal(mp_read_uint(&r, &group), 0);
	assert_int_equal(group, 17);
	client_expect_cast(s, "group_ready");
	a = world_supervised(&w, 18, "other");
	r = client_expect_cast(s, "group_hello");
	assert_int_equal(mp_read_uint(&r, &group), 0);
	assert_int_equal(group, 18);
	client_expect_nil(a, client_ask(a, "ready", pack(&w, "a0")));
	client_expect_cast(s, "group_ready");
	world_newcomer(&w, "c");
	client_expect_nothing(s);
}

static uint64_t expect_group_gone(struct client *s)
{
	struct mp_reader r = client_expect_cast(s, "group_gone");
	uint64_t group;

	assert_int_equal(mp_read_uint(&r, &group), 0);
	return group;
}

static void test_the_supervisor_hears_of_the_ends_of_clients(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_newcomer(&w, "a"),
		      *b = world_supervised(&w, 17, "worker");

	uint64_t gone = a->group;

	client_tell(s, "groups", pack(&w, "a4a1ua0a0a1u", UINT64_C(17), gone));
	client_expect_cast(s, "group_hello"); /* the first is told when the group comes */
	client_expect_cast(s, "group_hello"); /* the second is told because of the list */
	client_expect_nothing(s);
	client_break(a);
	assert_int_equal(expect_group_gone(s), gone);
	client_break(b); /* the supervisor itself reports this end */
	world_advance(&w, 2000 * MS);
	client_expect_nothing(s);
	/* In its list is a client of whose end it has not heard. */
	client_tell(s, "groups", pack(&w, "a4a0a0a0a2uu", gone, UINT64_C(3) << 62 | 5));
	assert_int_equal(expect_group_gone(s), gone);
	client_expect_nothing(s);
}

static void test_the_supervisor_hears_of_clients_that_do_not_come_back_to_a_new_broker(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a;
	struct token resume = world_token(&w, UINT64_C(0x8000000100000005), "client");

	client_tell(s, "groups",
		pack(&w, "a4a0a0a0a2uu", UINT64_C(0x8000000100000005), UINT64_C(0x8000000100000006)));
	a = world_connect(&w, "client", &resume);
	assert_int_equal(a->group, UINT64_C(0x8000000100000005));
	client_expect_nothing(s);
	world_advance(&w, 1000 * MS);
	assert_int_equal(expect_group_gone(s), UINT64_C(0x8000000100000006));
	client_expect_nothing(s);
	client_break(a);
	assert_int_equal(expect_group_gone(s), UINT64_C(0x8000000100000005));
}

static void test_only_the_supervisor_reports_exits(void **state)
{
	struct client *a = world_newcomer(&w, "$spawner"), *b = world_supervised(&w, 17, "worker");

	client_expect_error(a, client_ask(a, "groups", pack(&w, "a2a0a0")), "permission");
	tell_group_down(a, 17, "exit");
	client_expect(a, WIRE_BYE);
	world_advance(&w, 2000 * MS);
	assert_false(b->closed);
}

static void test_there_is_one_supervisor_the_last(void **state)
{
	struct client *old = world_supervised(&w, 1, "$spawner"), *new;

	client_expect_nil(old, client_ask(old, "register", pack(&w, "a2sr", "$spawner", client_ref(old, 1))));
	new = world_supervised(&w, 9, "$spawner");
	assert_true(old->closed);
	client_expect_nil(new, client_ask(new, "register", pack(&w, "a2sr", "$spawner", client_ref(new, 1))));
}

/* ---- why ---- */

static void test_a_link_that_ends_for_what_came_is_logged_by_name(void **state)
{
	struct client *a = world_newcomer(&w, "a");

	client_break_for(a, -EMSGSIZE);
	assert_true(a->closed);
	assert_non_null(strstr(w.log, "'a'"));
	assert_non_null(strstr(w.log, "more than 16 MiB"));
	client_break(world_newcomer(&w, "b")); /* a client that just goes is not logged */
	assert_int_equal(w.n_logged, 1);
}

static void test_who_said_hello_and_did_not_come_is_named(void **state)
{
	client_break_for(world_hello(&w, "late", NULL), -ETIMEDOUT);
	assert_non_null(strstr(w.log, "'late'"));
	assert_non_null(strstr(w.log, "did not come"));
}

static void test_who_lies_without_end_fills_no_log(void **state)
{
	for (int i = 0; i < 100000; i++) {
		w.answered = false;
		broker_hello(w.broker, 1, WORLD_UID, 5, "x", 1, w.now_ns);
	}
	assert_int_equal(w.n_logged, 10);
	world_advance(&w, 60000 * MS);
	w.answered = false;
	broker_hello(w.broker, 1, WORLD_UID, 5, "x", 1, w.now_ns);
	assert_non_null(strstr(w.log, "99990 more"));
	/*
	 * Another client's lie is still logged. This is checked last, as that may take the first one's place
	 * in the table.
	 */
	w.answered = false;
	broker_hello(w.broker, 1, WORLD_UID, 6, "x", 1, w.now_ns);
	assert_int_equal(w.n_logged, 12);
}

/* ---- after a restart ---- */

static void announce(struct client *c, const char *name)
{
	uint64_t id = client_ask(c, "announce", pack(&w, "a3a1a2sra0a0", name, client_ref(c, 1)));
	struct wire_frame frame = client_expect(c, WIRE_REPLY);

	assert_int_equal(frame.id, id);
	assert_int_equal(frame.body[0], 0x90);
	client_expect_nil(c, client_ask(c, "announced", pack(&w, "a0")));
}

static void test_at_a_fresh_start_nobody_waits_for_groups(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *s;
	uint64_t id = client_ask(a, "register", pack(&w, "a2sr", "n", client_ref(a, 1)));

	client_expect_nothing(a);
	s = world_supervised(&w, 1, "$spawner");
	client_expect_nil(s, client_ask(s, "announced", pack(&w, "a0")));
	client_tell(s, "groups", pack(&w, "a2a0a0"));
	client_expect_nil(a, id);
}

static void test_without_a_supervisor_the_window_ends_after_a_second(void **state)
{
	struct client *a = world_newcomer(&w, "a");
	uint64_t id = client_ask(a, "whereis", pack(&w, "a1s", "n"));

	world_advance(&w, 999 * MS);
	client_expect_nothing(a);
	world_advance(&w, 1 * MS);
	client_expect_nil(a, id);
}

static void test_registrations_wait_until_all_have_announced(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *thief = world_newcomer(&w, "thief"), *a, *b;
	uint64_t id, where, known;

	client_tell(s, "groups", pack(&w, "a2a2uua0", UINT64_C(17), UINT64_C(18)));
	id = client_ask(thief, "register", pack(&w, "a2sr", "n", client_ref(thief, 1)));
	a = world_supervised(&w, 17, "a");
	assert_true(a->restarted);
	announce(a, "first");
	/* This name is known already, so its look-up is answered at once. */
	known = client_ask(thief, "whereis", pack(&w, "a1s", "first"));
	assert_int_equal(client_expect_ref(thief, known).group, 17);
	where = client_ask(thief, "whereis", pack(&w, "a1s", "n"));
	client_expect_nothing(thief);
	b = world_supervised(&w, 18, "b");
	announce(b, "n");
	/* The look-up is answered as soon as the name is announced. */
	assert_int_equal(client_expect_ref(thief, where).group, 18);
	client_expect_error(thief, id, "in_use");
}

static void test_names_are_free_after_five_seconds_without_them(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_newcomer(&w, "a");
	uint64_t id;

	client_tell(s, "groups", pack(&w, "a2a1ua0", UINT64_C(17)));
	id = client_ask(a, "register", pack(&w, "a2sr", "n", client_ref(a, 1)));
	world_advance(&w, 5000 * MS);
	client_expect_nil(a, id);
}

static void test_frames_for_who_has_not_come_back_wait_in_order(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_newcomer(&w, "a"), *b;
	struct wire_dest ref = to_ref((actor_ref){WORLD_NODE, 17, 1}), name = to_name("n");
	uint64_t id;

	client_tell(s, "groups", pack(&w, "a2a1ua0", UINT64_C(17)));
	client_cast(a, &name, "one", NULL);
	client_cast(a, &ref, "two", NULL);
	id = client_call(a, &name, "three", NULL);
	b = world_supervised(&w, 17, "b");
	client_cast(a, &ref, "four", NULL); /* the group is there, but this must not overtake */
	client_expect_nothing(b);
	announce(b, "n");
	assert_true(str_is(client_expect(b, WIRE_CAST).method, "one"));
	assert_true(str_is(client_expect(b, WIRE_CAST).method, "two"));
	assert_int_equal(client_expect(b, WIRE_CALL).id, id);
	assert_true(str_is(client_expect(b, WIRE_CAST).method, "four"));
}

static void test_a_demonitor_does_not_overtake_the_monitor_that_waits(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_newcomer(&w, "a"), *b;
	struct wire_dest to = to_ref((actor_ref){WORLD_NODE, 17, 1});

	client_tell(s, "groups", pack(&w, "a2a1ua0", UINT64_C(17)));
	wire_put_monitor(&a->out, &to, client_ref(a, 1), 900);
	wire_put_demonitor(&a->out, to.ref, client_ref(a, 1), 900);
	client_send(a);
	b = world_supervised(&w, 17, "b");
	announce(b, "n");
	assert_int_equal(client_expect(b, WIRE_MONITOR).id, 900);
	assert_int_equal(client_expect(b, WIRE_DEMONITOR).id, 900);
	assert_int_equal(broker_stats(w.broker).monitors, 0);
}

static void test_a_busy_group_is_late_and_not_down(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_supervised(&w, 17, "a"),
		      *single = world_newcomer(&w, "b"), *late;
	struct wire_dest to = to_ref((actor_ref){WORLD_NODE, 18, 1}),
			 quiet = to_ref((actor_ref){WORLD_NODE, 19, 1});
	uint64_t id;

	client_tell(s, "groups",
		pack(&w, "a3a3uuua0a2uu", UINT64_C(17), UINT64_C(18), UINT64_C(19), UINT64_C(17),
			UINT64_C(18)));
	id = client_ask(a, "announce", pack(&w, "a3a0a0a1u", UINT64_C(18)));
	assert_int_equal(client_expect(a, WIRE_REPLY).id, id);
	client_expect_nil(a, client_ask(a, "announced", pack(&w, "a0")));
	world_advance(&w, 60000 * MS);
	client_expect_nothing(a);
	client_cast(single, &to, "kept", NULL);
	client_expect_nothing(single);
	/* Group 19 does not speak the protocol. */
	client_expect_error(single, client_call(single, &quiet, "x", NULL), "noproc");
	late = world_supervised(&w, 18, "c");
	assert_int_equal(late->group, 18);
	assert_true(late->restarted);
	assert_true(str_is(client_expect(late, WIRE_CAST).method, "kept"));
	client_expect_nothing(a);
	tell_group_down(s, 18, "exit");
	client_break(late);
	assert_int_equal(client_expect_group_down(a, NULL), 18);
}

static void test_a_busy_client_with_a_door_is_late_and_not_down(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_supervised(&w, 17, "a"), *late;
	const uint64_t client = UINT64_C(0x8000000100000005);
	struct token resume = world_token(&w, client, "client");
	uint64_t id;

	client_tell(s, "groups", pack(&w, "a3a1ua0a1u", UINT64_C(17), UINT64_C(17)));
	id = client_ask(a, "announce", pack(&w, "a3a0a0a1u", client));
	assert_int_equal(client_expect(a, WIRE_REPLY).id, id);
	w.lives = client;
	client_expect_nil(a, client_ask(a, "announced", pack(&w, "a0")));
	world_advance(&w, 60000 * MS);
	client_expect_nothing(a);
	late = world_connect(&w, "client", &resume);
	assert_int_equal(late->group, client);
	client_break(late);
	assert_int_equal(client_expect_group_down(a, NULL), client);
}

static void test_a_supervisor_that_never_came_up_ends_when_there_is_another(void **state)
{
	struct token token = world_token(&w, 1, "$spawner");
	struct client *first = world_hello(&w, "$spawner", &token), *second, *a;
	uint64_t id;

	a = world_supervised(&w, 17, "a");
	id = client_ask(a, "announce", pack(&w, "a3a0a0a1u", UINT64_C(1)));
	assert_int_equal(client_expect(a, WIRE_REPLY).id, id);
	client_expect_nil(a, client_ask(a, "announced", pack(&w, "a0")));
	second = world_supervised(&w, 16, "$spawner");
	client_tell(second, "groups", pack(&w, "a3a1ua0a1u", UINT64_C(17), UINT64_C(17)));
	client_break_for(first, -ETIMEDOUT);
	client_expect_nothing(a);
	world_advance(&w, 1000 * MS);
	assert_int_equal(client_expect_group_down(a, NULL), 1);
	assert_int_equal(broker_stats(w.broker).groups, 2);
}

static void test_who_dies_between_hello_and_its_link_is_down_with_a_cause(void **state)
{
	const uint64_t client = UINT64_C(0x8000000100000005);
	struct token resume = world_token(&w, client, "client");
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_supervised(&w, 17, "a"), *dying;
	struct actor_cause cause;
	uint64_t id;

	client_tell(s, "groups", pack(&w, "a3a1ua0a1u", UINT64_C(17), UINT64_C(17)));
	id = client_ask(a, "announce", pack(&w, "a3a0a0a1u", client));
	assert_int_equal(client_expect(a, WIRE_REPLY).id, id);
	dying = world_hello(&w, "client", &resume);
	client_expect_nil(a, client_ask(a, "announced", pack(&w, "a0")));
	world_advance(&w, 1000 * MS);
	client_break_for(dying, -ETIMEDOUT);
	client_expect_nothing(a);
	world_advance(&w, 1000 * MS);
	assert_int_equal(client_expect_group_down(a, &cause), client);
	assert_string_equal(cause.reason, "noconnection");
}

/* The supervisor does not list clients. By the kernel's word the doors of some are open. */
static void test_a_client_of_an_earlier_broker_is_awaited(void **state)
{
	const uint64_t client = UINT64_C(0x8000000100000005), dead = UINT64_C(0x8000000100000006);
	const struct wire_dest to = to_ref((actor_ref){WORLD_NODE, client, 1});
	struct token resume = world_token(&w, client, "client");
	struct client *s, *a, *late;
	uint64_t introduced, found, free;

	broker_client_lives(w.broker, client, true, w.now_ns);
	/* This is no client: the supervisor says whether it lives. */
	broker_client_lives(w.broker, 18, true, w.now_ns);
	s = world_supervised(&w, 1, "$spawner");
	a = world_supervised(&w, 17, "a");
	client_expect_nil(a, client_ask(a, "announced", pack(&w, "a0")));
	client_tell(s, "groups", pack(&w, "a3a1ua0a1u", UINT64_C(17), UINT64_C(17)));
	introduced = client_ask(a, "introduce", pack(&w, "a1u", client));
	found = client_ask(a, "whereis", pack(&w, "a1s", "of the client"));
	free = client_ask(a, "register", pack(&w, "a2sr", "of the client", client_ref(a, 1)));
	(void)client_call(a, &to, "work", pack(&w, "a0"));
	client_expect_nothing(a);
	late = world_connect(&w, "client", &resume);
	assert_int_equal(late->group, client);
	announce(late, "of the client");
	(void)client_expect_cast(late, "introduce");
	assert_int_equal(client_expect(late, WIRE_CALL).to.ref.group, client);
	assert_true(actor_ref_equal(client_expect_ref(a, found), client_ref(late, 1)));
	client_expect_nil(a, introduced);
	client_expect_error(a, free, "in_use");
	/* A client whose door was not open is dead, which is told at once. */
	client_expect_error(a, client_ask(a, "introduce", pack(&w, "a1u", dead)), "noproc");
}

static void test_a_client_that_is_stopped_between_hello_and_its_link_keeps_its_names(void **state)
{
	const uint64_t client = UINT64_C(0x8000000100000005);
	struct token resume = world_token(&w, client, "client");
	struct client *s, *a, *late;
	uint64_t id;

	broker_client_lives(w.broker, client, true, w.now_ns);
	w.lives = client;
	s = world_supervised(&w, 1, "$spawner");
	a = world_supervised(&w, 17, "a");
	client_expect_nil(a, client_ask(a, "announced", pack(&w, "a0")));
	client_tell(s, "groups", pack(&w, "a3a1ua0a1u", UINT64_C(17), UINT64_C(17)));
	late = world_hello(&w, "client", &resume);
	world_advance(&w, 2000 * MS);
	client_break_for(late, -ETIMEDOUT);
	assert_int_equal(w.gone, 0); /* its door is still open */
	id = client_ask(a, "whereis", pack(&w, "a1s", "of the client"));
	world_advance(&w, 1000 * MS);
	client_expect_nothing(a);
	late = world_connect(&w, "client", &resume);
	assert_int_equal(late->group, client);
	announce(late, "of the client");
	assert_true(actor_ref_equal(client_expect_ref(a, id), client_ref(late, 1)));
}

static void test_a_client_of_an_earlier_broker_that_dies_holds_nobody_up_for_long(void **state)
{
	struct client *s, *a;
	uint64_t id;

	broker_client_lives(w.broker, UINT64_C(0x8000000100000005), true, w.now_ns);
	s = world_supervised(&w, 1, "$spawner");
	a = world_supervised(&w, 17, "a");
	client_expect_nil(a, client_ask(a, "announced", pack(&w, "a0")));
	client_tell(s, "groups", pack(&w, "a3a1ua0a1u", UINT64_C(17), UINT64_C(17)));
	id = client_ask(a, "whereis", pack(&w, "a1s", "n"));
	world_advance(&w, 999 * MS);
	client_expect_nothing(a);
	world_advance(&w, 1 * MS);
	client_expect_nil(a, id);
	assert_int_equal(broker_stats(w.broker).groups, 2);
}

static void test_a_client_that_dies_before_it_was_back_is_down(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_supervised(&w, 17, "a");
	const uint64_t client = UINT64_C(0x8000000100000005);
	uint64_t id;

	client_tell(s, "groups", pack(&w, "a3a1ua0a1u", UINT64_C(17), UINT64_C(17)));
	id = client_ask(a, "announce", pack(&w, "a3a0a0a1u", client));
	assert_int_equal(client_expect(a, WIRE_REPLY).id, id);
	w.lives = client;
	client_expect_nil(a, client_ask(a, "announced", pack(&w, "a0")));
	world_advance(&w, 5000 * MS);
	client_expect_nothing(a);
	w.lives = 0;
	world_advance(&w, 1000 * MS);
	assert_int_equal(client_expect_group_down(a, NULL), client);
}

static void test_nobody_waits_for_programs_that_speak_no_protocol(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_newcomer(&w, "a");
	uint64_t id;

	id = client_ask(a, "whereis", pack(&w, "a1s", "n"));
	client_expect_nothing(a);
	client_expect_nil(s, client_ask(s, "announced", pack(&w, "a0")));
	client_tell(s, "groups", pack(&w, "a3a1ua0a0", UINT64_C(17)));
	client_expect_nil(a, id);
}

static void test_whom_nobody_announces_is_down_for_its_watchers(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_supervised(&w, 17, "a"), *late;
	struct token resume = world_token(&w, UINT64_C(0x8000000100000005), "client");
	uint64_t id;

	client_tell(s, "groups", pack(&w, "a2a2uua0", UINT64_C(17), UINT64_C(20)));
	/*
	 * a monitors 18, which the supervisor does not know, and a client. It also monitors 19, with which it
	 * has a pipe: the end of 19 it would see itself.
	 */
	id = client_ask(a, "announce",
		pack(&w, "a3a0a1ua3uuu", UINT64_C(19), UINT64_C(18), UINT64_C(0x8000000100000005),
			UINT64_C(19)));
	assert_int_equal(client_expect(a, WIRE_REPLY).id, id);
	client_expect_nil(a, client_ask(a, "announced", pack(&w, "a0")));
	client_expect_nothing(a);
	world_advance(&w, 1000 * MS);
	for (int i = 0; i < 2; i++) {
		uint64_t group = client_expect_group_down(a, NULL);

		assert_true(group == 18 || group == UINT64_C(0x8000000100000005));
	}
	client_expect_nothing(a);
	late = world_connect(&w, "client", &resume);
	assert_true(late->group != UINT64_C(0x8000000100000005)); /* its old id was told to be gone */
	assert_int_equal(world_supervised(&w, 19, "c")->group, 19);
}

static void test_a_resume_token_keeps_the_id_over_a_restart(void **state)
{
	struct client *a = world_newcomer(&w, "a"), *again;
	struct token resume = a->resume;

	world_restart_broker(&w, 3, 0);
	assert_true(a->closed);
	again = world_connect(&w, "a", &resume);
	assert_int_equal(again->group, a->group);
	assert_true(again->restarted);
	announce(again, "n");
	assert_true(world_newcomer(&w, "b")->group != a->group);
}

static void test_a_recent_exit_in_the_list_is_told(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_supervised(&w, 17, "a");
	struct actor_cause cause;
	uint64_t id;

	id = client_ask(a, "announce", pack(&w, "a3a0a0a1u", UINT64_C(18)));
	assert_int_equal(client_expect(a, WIRE_REPLY).id, id);
	client_tell(s, "groups", pack(&w, "a2a1ua1a2um1ss", UINT64_C(17), UINT64_C(18), "reason", "signal"));
	assert_int_equal(client_expect_group_down(a, &cause), 18);
	assert_string_equal(cause.reason, "signal");
}

/*
 * The group died while there was no broker. Its watcher announces itself after the supervisor has told of the
 * end.
 */
static void test_who_announces_a_watch_after_the_exit_was_told_hears_the_true_cause(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_supervised(&w, 17, "a");
	struct actor_cause cause;
	uint64_t id;

	client_tell(s, "groups", pack(&w, "a2a1ua1a2um1ss", UINT64_C(17), UINT64_C(18), "reason", "signal"));
	id = client_ask(a, "announce", pack(&w, "a3a0a0a1u", UINT64_C(18)));
	assert_int_equal(client_expect_group_down(a, &cause), 18);
	assert_string_equal(cause.reason, "signal");
	assert_int_equal(client_expect(a, WIRE_REPLY).id, id);
	/* If another cause is told later, that one counts. */
	tell_group_down(s, 18, "exit");
	id = client_ask(a, "announce", pack(&w, "a3a0a0a1u", UINT64_C(18)));
	assert_int_equal(client_expect_group_down(a, &cause), 18);
	assert_string_equal(cause.reason, "exit");
	assert_int_equal(client_expect(a, WIRE_REPLY).id, id);
}

static void test_the_process_of_a_silent_group_can_be_monitored(void **state)
{
	struct client *s = world_supervised(&w, 1, "$spawner"), *a = world_newcomer(&w, "a");
	struct wire_dest to = to_ref((actor_ref){WORLD_NODE, 17, 0}),
			 one = to_ref((actor_ref){WORLD_NODE, 17, 1});
	struct wire_frame frame;

	client_tell(s, "groups", pack(&w, "a3a1ua0a0", UINT64_C(17)));
	world_advance(&w, 1000 * MS);
	wire_put_monitor(&a->out, &to, client_ref(a, 1), 5);
	wire_put_monitor(&a->out, &one, client_ref(a, 1), 6);
	client_send(a);
	assert_int_equal(client_expect(a, WIRE_DOWN).id, 6); /* noproc: the group has no actors */
	tell_group_down(s, 17, "exit");
	frame = client_expect(a, WIRE_DOWN);
	assert_int_equal(frame.id, 5);
	assert_int_equal(frame.from.group, 17);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
#define W(f) cmocka_unit_test_setup_teardown(f, world_setup_with_window, world_teardown)
		T(test_a_newcomer_gets_an_id_of_its_own),
		T(test_a_token_gives_the_id_it_says),
		T(test_bad_hellos_are_refused_by_name),
		T(test_a_child_of_another_user_comes_in_with_its_token),
		T(test_the_token_of_a_client_opens_no_door_to_another_user),
		T(test_one_link_for_a_token),
		T(test_without_file_descriptors_a_hello_is_refused),
		T(test_a_link_nobody_comes_to_leaves_nothing),
		T(test_a_supervised_group_may_come_back_within_a_second),
		T(test_a_supervised_group_that_does_not_come_back_is_down),
		T(test_a_supervised_group_that_is_late_lives_while_the_kernel_says_so),
		T(test_a_group_that_lost_its_link_lives_until_the_supervisor_says_otherwise),
		T(test_who_is_in_no_list_any_more_is_down),
		T(test_the_true_cause_is_told_when_it_comes_after_the_link_ended),
		T(test_who_is_started_again_has_its_name_before_its_end_was_told),
		T(test_last_frames_are_read_after_the_exit_was_reported),
		T(test_a_link_that_outlives_its_process_is_waited_for_one_second),
		T(test_bye_of_a_client_is_normal_and_at_once),
		T(test_who_does_not_read_its_goodbye_makes_room_for_the_next),
		T(test_a_client_without_bye_is_lost),
		T(test_the_supervisor_hears_of_hello_and_ready),
		T(test_the_supervisor_hears_of_the_ends_of_clients),
		W(test_the_supervisor_hears_of_clients_that_do_not_come_back_to_a_new_broker),
		T(test_only_the_supervisor_reports_exits),
		T(test_there_is_one_supervisor_the_last),
		T(test_a_link_that_ends_for_what_came_is_logged_by_name),
		T(test_who_said_hello_and_did_not_come_is_named),
		T(test_who_lies_without_end_fills_no_log),
		W(test_at_a_fresh_start_nobody_waits_for_groups),
		W(test_without_a_supervisor_the_window_ends_after_a_second),
		W(test_registrations_wait_until_all_have_announced),
		W(test_names_are_free_after_five_seconds_without_them),
		W(test_frames_for_who_has_not_come_back_wait_in_order),
		W(test_a_demonitor_does_not_overtake_the_monitor_that_waits),
		W(test_a_busy_group_is_late_and_not_down),
		W(test_a_busy_client_with_a_door_is_late_and_not_down),
		W(test_a_supervisor_that_never_came_up_ends_when_there_is_another),
		W(test_who_dies_between_hello_and_its_link_is_down_with_a_cause),
		W(test_a_client_of_an_earlier_broker_is_awaited),
		W(test_a_client_that_is_stopped_between_hello_and_its_link_keeps_its_names),
		W(test_a_client_of_an_earlier_broker_that_dies_holds_nobody_up_for_long),
		W(test_a_client_that_dies_before_it_was_back_is_down),
		W(test_nobody_waits_for_programs_that_speak_no_protocol),
		W(test_whom_nobody_announces_is_down_for_its_watchers),
		T(test_a_resume_token_keeps_the_id_over_a_restart),
		W(test_a_recent_exit_in_the_list_is_told),
		W(test_who_announces_a_watch_after_the_exit_was_told_hears_the_true_cause),
		W(test_the_process_of_a_silent_group_can_be_monitored),
	};

	return run_facts(tests);
}

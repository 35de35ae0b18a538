/* SPDX-License-Identifier: Apache-2.0 */
/* Two groups get a direct pipe, and only one, whichever of them asks. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/broker/broker-fact.h"

static struct client *a, *b;

struct introduction {
	uint64_t id, group, uid, pid;
	bool listen, join;
	char path[512];
};

/* The first announcement of a group, which says only where its door is. */
static void announce(struct client *c, const char *door)
{
	client_ask(c, "announce", door ? pack(&w, "a4a0a0a0s", door) : pack(&w, "a4a0a0a0n"));
	client_expect(c, WIRE_REPLY);
	client_expect_nil(c, client_ask(c, "announced", pack(&w, "a0")));
}

static int setup(void **state)
{
	world_init(&w, 0, NULL);
	a = world_newcomer(&w, "a");
	b = world_supervised(&w, 17, "b");
	announce(b, NULL);
	return 0;
}

static struct introduction expect_introduction(struct client *c)
{
	struct mp_reader r = client_expect_cast(c, "introduce");
	struct introduction in = {0};
	const char *s;
	size_t len;

	assert_int_equal(mp_read_uint(&r, &in.id), 0);
	assert_int_equal(mp_read_str(&r, &s, &len), 0);
	in.listen = mp_str_is(s, len, "listen");
	in.join = mp_str_is(s, len, "join");
	assert_true(in.listen || in.join || mp_str_is(s, len, "dial"));
	assert_int_equal(mp_read_uint(&r, &in.group), 0);
	assert_int_equal(mp_read_str(&r, &s, &len), 0);
	snprintf(in.path, sizeof(in.path), "%.*s", (int)len, s);
	assert_int_equal(mp_read_uint(&r, &in.uid), 0);
	assert_int_equal(mp_read_uint(&r, &in.pid), 0);
	return in;
}

static uint64_t ask(struct client *c, const struct client *other)
{
	return client_ask(c, "introduce", pack(&w, "a1u", other->group));
}

/* Introduces @asker to @other, which listens. */
static struct introduction make_link(struct client *asker, struct client *other)
{
	struct introduction in;

	client_expect_nil(asker, ask(asker, other));
	in = expect_introduction(other);
	assert_true(in.listen);
	client_tell(other, "listening", pack(&w, "a1u", in.id));
	in = expect_introduction(asker);
	assert_false(in.listen);
	return in;
}

static void test_the_target_listens_and_then_the_asker_dials(void **state)
{
	struct introduction listen, dial;
	char path[600];

	client_expect_nil(a, ask(a, b));
	client_expect_nothing(a);
	listen = expect_introduction(b);
	assert_true(listen.listen);
	assert_int_equal(listen.group, a->group);
	assert_int_equal(listen.uid, WORLD_UID);
	assert_int_equal(listen.pid, a->pid);
	snprintf(path, sizeof(path), "/run/x/g/17/%" PRIu64 ".%" PRIu64 ".ipc", a->group, listen.id);
	assert_string_equal(listen.path, path);
	client_tell(b, "listening", pack(&w, "a1u", listen.id));
	dial = expect_introduction(a);
	assert_false(dial.listen);
	assert_int_equal(dial.id, listen.id);
	assert_int_equal(dial.group, 17);
	assert_int_equal(dial.pid, b->pid);
	assert_string_equal(dial.path, path);
	world_advance(&w, 10000 * MS);
	client_expect_nothing(a);
	client_expect_nothing(b);
}

static void test_both_asking_at_once_get_one_link(void **state)
{
	struct introduction in;
	uint64_t again;

	client_expect_nil(a, ask(a, b));
	again = ask(a, b); /* this is answered when there is something to tell */
	client_expect_nothing(a);
	ask(b, a); /* b asks before it has read its introduction */
	in = expect_introduction(b);
	client_expect_nil(b, b->ids);
	client_tell(b, "listening", pack(&w, "a1u", in.id));
	client_tell(b, "listening", pack(&w, "a1u", in.id));
	client_expect_nil(a, again);
	expect_introduction(a);
	client_expect_nothing(a);
	client_expect_nothing(b);
}

static void test_a_new_link_waits_until_both_ends_know_that_the_old_is_gone(void **state)
{
	uint64_t old = make_link(a, b).id, id;

	client_tell(a, "link_down", pack(&w, "a1u", b->group));
	id = ask(a, b);
	client_expect_nothing(a);
	client_expect_nothing(b);
	client_tell(b, "link_down", pack(&w, "a1u", a->group));
	client_expect_nil(a, id);
	assert_true(expect_introduction(b).id > old);
}

static void test_an_ask_of_an_end_that_has_the_link_crossed_what_it_was_told(void **state)
{
	uint64_t id;

	make_link(a, b);
	world_advance(&w, 3000 * MS); /* b was busy when it was told, and asks before it has read that */
	client_expect_nil(b, ask(b, a));
	client_expect_nothing(a);
	client_tell(b, "link_down", pack(&w, "a1u", a->group));
	id = ask(b, a);
	client_expect_nothing(b);
	client_tell(a, "link_down", pack(&w, "a1u", b->group));
	client_expect_nil(b, id);
	expect_introduction(a);
}

static void test_a_link_down_of_an_older_link_is_ignored(void **state)
{
	uint64_t old = make_link(a, b).id;

	client_tell(a, "link_down", pack(&w, "a2uu", b->group, old));
	client_tell(b, "link_down", pack(&w, "a2uu", a->group, old));
	make_link(a, b);
	/* a repeats what it has said, as if the answer had been lost. */
	client_tell(a, "link_down", pack(&w, "a2uu", b->group, old));
	client_expect_nil(a, ask(a, b));
	client_expect_nothing(a);
	client_expect_nothing(b);
}

static void test_a_listener_that_is_busy_is_waited_for_as_long_as_it_lives(void **state)
{
	struct introduction in;

	client_expect_nil(a, ask(a, b));
	in = expect_introduction(b);
	world_advance(&w, 3600 * 1000 * MS);
	client_expect_nothing(a);
	assert_true(broker_deadline_ns(w.broker) == INT64_MAX);
	client_tell(b, "listening", pack(&w, "a1u", in.id));
	assert_int_equal(expect_introduction(a).id, in.id);
}

static void test_the_death_of_a_busy_listener_is_told(void **state)
{
	client_expect_nil(a, ask(a, b));
	expect_introduction(b);
	client_break(b);
	world_advance(&w, 2000 * MS);
	assert_int_equal(client_expect_group_down(a, NULL), 17);
	assert_int_equal(broker_stats(w.broker).pairs, 0);
}

static void test_who_has_no_link_now_is_waited_for_until_it_is_back(void **state)
{
	struct token token = b->resume;
	uint64_t id;

	client_break(b);
	id = ask(a, b);
	world_advance(&w, 500 * MS);
	client_expect_nothing(a);
	b = world_connect(&w, "b", &token);
	client_expect_nil(a, id);
	assert_true(expect_introduction(b).listen);
}

static void test_who_has_no_link_now_is_waited_for_until_it_is_over(void **state)
{
	uint64_t id;

	client_break(b);
	id = ask(a, b);
	client_expect_nothing(a);
	world_advance(&w, 1000 * MS);
	client_expect_error(a, id, "noproc");
}

/* Its announcement says where its door is, so the introduction waits for that. */
static void test_who_has_not_announced_itself_yet_is_waited_for(void **state)
{
	struct client *c = world_supervised(&w, 18, "c");
	uint64_t id = ask(a, c);

	client_expect_nothing(a);
	client_expect_nothing(c);
	client_ask(c, "announce", pack(&w, "a4a0a0a0s", "/run/x/g/18/door.ipc"));
	client_expect(c, WIRE_REPLY);
	client_expect_nothing(a);
	client_expect_nil(c, client_ask(c, "announced", pack(&w, "a0")));
	client_expect_nil(a, id);
	assert_true(expect_introduction(a).join);
}

/*
 * The dialer says `introduce_failed`, so its end has no pipe, and the listener gives up its own. Then whoever
 * asks gets a new pipe.
 */
static void test_after_a_failing_dialer_the_pair_begins_anew(void **state)
{
	struct introduction in = make_link(a, b);
	uint64_t id;

	client_tell(a, "introduce_failed", pack(&w, "a2us", in.id, "nobody there"));
	id = ask(a, b);
	client_expect_nothing(a);
	client_expect_cast(b, "introduce_failed");
	client_tell(b, "link_down", pack(&w, "a2uu", a->group, in.id));
	client_expect_nil(a, id);
	assert_true(expect_introduction(b).id > in.id);
}

static void test_after_a_failing_listener_the_pair_begins_anew(void **state)
{
	struct introduction in;

	client_expect_nil(a, ask(a, b));
	in = expect_introduction(b);
	client_tell(b, "introduce_failed", pack(&w, "a2us", in.id, "no space"));
	client_expect_cast(a, "introduce_failed");
	assert_int_equal(broker_stats(w.broker).pairs, 0);
	make_link(a, b);
}

static void test_a_listener_that_gives_up_lets_the_asker_know(void **state)
{
	struct introduction in;

	client_expect_nil(a, ask(a, b));
	in = expect_introduction(b);
	client_tell(b, "link_down", pack(&w, "a2uu", a->group, in.id));
	client_expect_cast(a, "introduce_failed");
	make_link(a, b);
}

static void test_the_end_of_a_group_is_told_to_the_linked(void **state)
{
	make_link(a, b);
	client_break(a);
	assert_int_equal(client_expect_group_down(b, NULL), a->group);
	client_expect_nothing(b);
	assert_int_equal(broker_stats(w.broker).pairs, 0);
}

static void test_an_ask_that_waits_is_answered_when_the_other_ends(void **state)
{
	uint64_t id;

	make_link(b, a);
	client_tell(b, "link_down", pack(&w, "a1u", a->group));
	id = ask(b, a);
	client_expect_nothing(b);
	client_break(a);
	client_expect_error(b, id, "noproc");
	client_expect_group_down(b, NULL);
}

static void test_nobody_is_introduced_to_the_dead_or_to_itself(void **state)
{
	uint64_t gone = a->group + 99;
	struct wire_frame frame;

	client_expect_error(a, client_ask(a, "introduce", pack(&w, "a1u", gone)), "noproc");
	client_expect_error(a, ask(a, a), "bad_args");
	client_expect_error(a, client_ask(a, "introduce", pack(&w, "a1u", WORLD_BROKER)), "bad_args");
	client_expect_error(a, client_ask(a, "introduce", pack(&w, "a0")), "bad_args");
	client_tell(a, "listening", pack(&w, "a1u", UINT64_C(1)));
	client_tell(a, "introduce_failed", pack(&w, "a1u", UINT64_C(1)));
	client_tell(a, "link_down", pack(&w, "a1u", gone));
	assert_false(client_next(a, &frame));
	client_tell(a, "listening", pack(&w, "a1s", "x"));
	client_expect(a, WIRE_BYE);
}

static void test_an_announced_link_counts(void **state)
{
	struct wire_frame frame;
	uint64_t id = client_ask(b, "announce", pack(&w, "a3a0a1ua0", a->group));

	frame = client_expect(b, WIRE_REPLY);
	assert_int_equal(frame.id, id);
	id = ask(a, b); /* a's end broke already, which b has not seen */
	client_expect_nothing(a);
	client_tell(b, "link_down", pack(&w, "a1u", a->group));
	client_expect_nil(a, id);
	expect_introduction(b);
}

/* ---- doors ---- */

#define DOOR_A "/run/x/g/a/door.ipc"
#define DOOR_B "/run/x/g/17/door.ipc"

static struct introduction expect_expectation(struct client *c)
{
	struct mp_reader r = client_expect_cast(c, "expect");
	struct introduction in = {0};
	const char *s;
	size_t len;

	assert_int_equal(mp_read_uint(&r, &in.id), 0);
	assert_int_equal(mp_read_uint(&r, &in.group), 0);
	assert_int_equal(mp_read_uint(&r, &in.uid), 0);
	assert_int_equal(mp_read_uint(&r, &in.pid), 0);
	assert_int_equal(mp_read_str(&r, &s, &len), 0);
	snprintf(in.path, sizeof(in.path), "%.*s", (int)len, s);
	return in;
}

static struct introduction expect_join(struct client *c, const char *door)
{
	struct introduction in = expect_introduction(c);

	assert_true(in.join);
	assert_string_equal(in.path, door);
	return in;
}

static void test_a_door_is_dialled_at_once_and_told_whom_to_expect(void **state)
{
	struct introduction in, dial;

	announce(b, DOOR_B);
	client_expect_nil(a, ask(a, b));
	dial = expect_join(a, DOOR_B);
	assert_int_equal(dial.group, 17);
	assert_int_equal(dial.uid, WORLD_UID);
	assert_int_equal(dial.pid, b->pid);
	in = expect_expectation(b);
	assert_int_equal(in.id, dial.id);
	assert_int_equal(in.group, a->group);
	assert_int_equal(in.uid, WORLD_UID);
	assert_int_equal(in.pid, a->pid);
	assert_string_equal(in.path, "a");
	client_expect_nothing(a);
	client_expect_nothing(b);
}

static void test_who_has_no_door_dials_who_has_one(void **state)
{
	announce(b, DOOR_B);
	client_expect_nil(b, ask(b, a)); /* b asks, and a dials */
	expect_expectation(b);
	expect_join(a, DOOR_B);
	client_expect_nothing(b);
}

static void test_of_two_with_doors_the_asker_dials(void **state)
{
	announce(a, DOOR_A);
	announce(b, DOOR_B);
	client_expect_nil(b, ask(b, a));
	expect_join(b, DOOR_A);
	ask(a, b); /* a asks before it has read what comes next */
	expect_expectation(a);
	client_expect_nil(a, a->ids);
	client_expect_nothing(b);
}

static void test_a_door_of_another_user_is_not_dialled(void **state)
{
	struct token token = world_token(&w, 19, "other");
	struct client *other = world_hello_as(&w, "other", &token, WORLD_UID + 1, 4711);

	client_up(other);
	announce(other, "/run/x/g/19/door.ipc"); /* its mode is 0600 */
	client_expect_nil(a, ask(a, other));
	assert_true(expect_introduction(other).listen);
}

static void test_a_door_that_cannot_be_reached_is_asked_for_anew(void **state)
{
	struct introduction in;
	uint64_t id;

	announce(b, DOOR_B);
	client_expect_nil(a, ask(a, b));
	in = expect_join(a, DOOR_B);
	expect_expectation(b);
	client_tell(a, "introduce_failed", pack(&w, "a2us", in.id, "No such file or directory"));
	client_expect_cast(b, "door");
	id = ask(a, b); /* a will be told again where to dial */
	client_expect_nothing(a);
	client_tell(b, "door", pack(&w, "a1s", "/run/x/g/17/door.2.ipc"));
	client_expect_nil(a, id);
	assert_int_equal(expect_join(a, "/run/x/g/17/door.2.ipc").id, in.id);
	client_expect_nothing(b);
}

/*
 * The dialer gave up a pipe that it believed to be up, and the listener never let it in. The listener cannot
 * know by itself that nobody will come.
 */
static void test_who_gave_up_at_a_door_and_asks_again_is_not_waited_for_there(void **state)
{
	struct introduction in, again;
	struct mp_reader r;
	uint64_t id = 0, group = 0;

	announce(b, DOOR_B);
	client_expect_nil(a, ask(a, b));
	in = expect_join(a, DOOR_B);
	expect_expectation(b);
	client_tell(a, "link_down", pack(&w, "a2uu", b->group, in.id));
	client_expect_nothing(b); /* b may see the end itself */
	ask(a, b);
	r = client_expect_cast(b, "introduce_failed");
	assert_int_equal(mp_read_uint(&r, &id), 0);
	assert_int_equal(id, in.id);
	assert_int_equal(mp_read_uint(&r, &group), 0);
	assert_int_equal(group, a->group);
	client_expect_nothing(a); /* `a` is not answered before b's end of the link is over, too */
	client_tell(b, "link_down", pack(&w, "a2uu", a->group, in.id));
	client_expect_nil(a, a->ids);
	again = expect_join(a, DOOR_B);
	assert_int_not_equal(again.id, in.id);
	assert_int_equal(expect_expectation(b).id, again.id);
}

/*
 * The listener is asked for its door, and gives up the pipe instead: it had been dialled after all, and that
 * pipe has ended.
 */
static void test_who_asks_anew_while_the_door_is_looked_for_gets_an_introduction(void **state)
{
	struct introduction in, again;
	uint64_t id;

	announce(b, DOOR_B);
	client_expect_nil(a, ask(a, b));
	in = expect_join(a, DOOR_B);
	expect_expectation(b);
	client_tell(a, "introduce_failed", pack(&w, "a2us", in.id, "No such file or directory"));
	client_expect_cast(b, "door");
	id = ask(a, b);
	client_expect_nothing(a);
	client_tell(b, "link_down", pack(&w, "a2uu", a->group, in.id));
	client_expect_nil(a, id);
	again = expect_join(a, DOOR_B);
	assert_int_not_equal(again.id, in.id);
	assert_int_equal(expect_expectation(b).id, again.id);
	client_expect_nothing(a);
}

static void test_without_its_door_the_listener_makes_a_place(void **state)
{
	struct introduction in;

	announce(b, DOOR_B);
	client_expect_nil(a, ask(a, b));
	in = expect_join(a, DOOR_B);
	expect_expectation(b);
	client_tell(a, "introduce_failed", pack(&w, "a2us", in.id, "No such file or directory"));
	client_expect_cast(b, "door");
	client_tell(b, "door", pack(&w, "a1n"));
	assert_true(expect_introduction(b).listen);
	client_expect_nothing(a);
}

static void expect_admitted(struct client *c, uint64_t id, uint64_t intro_id, const char *name)
{
	struct wire_frame frame = client_expect(c, WIRE_REPLY);
	struct mp_reader r = mp_reader(frame.body, frame.body_bytes);
	uint64_t intro;
	const char *s;
	size_t len;
	uint32_t n;

	assert_int_equal(frame.id, id);
	assert_int_equal(mp_read_array(&r, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(mp_read_uint(&r, &intro), 0);
	assert_int_equal(intro, intro_id);
	assert_int_equal(mp_read_str(&r, &s, &len), 0);
	assert_true(mp_str_is(s, len, name));
}

static uint64_t ask_admit(struct client *c, uint64_t group, uint64_t uid, uint64_t pid)
{
	return client_ask(c, "admit", pack(&w, "a3uuu", group, uid, pid));
}

static void test_who_comes_before_it_is_expected_is_admitted_by_what_the_kernel_says(void **state)
{
	struct introduction in;

	announce(b, DOOR_B);
	client_expect_nil(a, ask(a, b));
	in = expect_join(a, DOOR_B);
	expect_expectation(b);
	expect_admitted(b, ask_admit(b, a->group, WORLD_UID, (uint64_t)a->pid), in.id, "a");
	/* The kernel gives pid 0 for a process of another pid namespace. */
	expect_admitted(b, ask_admit(b, a->group, WORLD_UID, 0), in.id, "a");
	client_expect_error(b, ask_admit(b, a->group, WORLD_UID, (uint64_t)a->pid + 1), "permission");
	client_expect_error(b, ask_admit(b, a->group, WORLD_UID + 1, (uint64_t)a->pid), "permission");
	client_expect_error(b, ask_admit(b, a->group + 7, WORLD_UID, 1), "noproc");
	client_expect_error(b, ask_admit(b, b->group, WORLD_UID, (uint64_t)b->pid), "noproc");
}

/*
 * The broker is new. The dialer says that it has the pipe. The listener has not looked at its door yet, and
 * asks for a pipe as well.
 */
static void test_an_admission_is_the_answer_to_what_the_listener_asked(void **state)
{
	uint64_t id;

	announce(b, DOOR_B);
	client_ask(a, "announce", pack(&w, "a4a0a1ua0n", b->group));
	client_expect(a, WIRE_REPLY);
	id = ask(b, a);
	client_expect_nothing(b);
	expect_admitted(b, ask_admit(b, a->group, WORLD_UID, (uint64_t)a->pid), 0, "a");
	client_expect_nil(b, id);
	/* Now the broker knows of both ends, and a new pipe waits until both are down. */
	client_tell(a, "link_down", pack(&w, "a2uu", b->group, UINT64_C(5)));
	id = ask(a, b);
	client_expect_nothing(a);
	client_tell(b, "link_down", pack(&w, "a2uu", a->group, UINT64_C(0)));
	client_expect_nil(a, id);
}

static void test_an_admission_waits_until_it_is_known_who_the_other_is(void **state)
{
	struct token token = world_token(&w, 20, "$spawner"), late = world_token(&w, 21, "late");
	struct client *spawner = world_connect(&w, "$spawner", &token), *c;
	uint64_t id;

	client_tell(spawner, "groups", pack(&w, "a2a1ua0", UINT64_C(21)));
	id = ask_admit(b, 21, WORLD_UID, 77);
	client_expect_nothing(b);
	c = world_hello_as(&w, "late", &late, WORLD_UID, 77);
	client_up(c);
	expect_admitted(b, id, 0, "late");
}

static void test_who_only_says_to_be_the_other_takes_no_place_from_it(void **state)
{
	struct token token = world_token(&w, 20, "$spawner"), late = world_token(&w, 21, "late");
	struct client *spawner = world_connect(&w, "$spawner", &token), *c;
	uint64_t of_it, of_liar;

	client_tell(spawner, "groups", pack(&w, "a2a1ua0", UINT64_C(21)));
	of_it = ask_admit(b, 21, WORLD_UID, 77);
	of_liar = ask_admit(b, 21, WORLD_UID, 78);
	client_expect_nothing(b);
	c = world_hello_as(&w, "late", &late, WORLD_UID, 77);
	client_up(c);
	expect_admitted(b, of_it, 0, "late");
	client_expect_error(b, of_liar, "permission");
}

/*
 * It dialled, wrote and ended; the broker that told of it has died. What it left at the door is let in, and
 * then its end is told. While it has said bye and its exit is not reported, too.
 */
static void test_who_has_ended_is_admitted_by_what_the_kernel_said(void **state)
{
	struct token token = world_token(&w, 20, "$spawner"),
		     short_lived = world_token(&w, 21, "short-lived");
	struct client *spawner = world_connect(&w, "$spawner", &token),
		      *dead = world_connect(&w, "short-lived", &short_lived);
	uint64_t group = dead->group, pid = (uint64_t)dead->pid;

	client_tell(spawner, "groups", pack(&w, "a2a1ua0", group));
	client_bye(dead);
	expect_admitted(b, ask_admit(b, group, WORLD_UID, pid), 0, "short-lived");
	client_tell(spawner, "group_down", pack(&w, "a2um1ss", group, "reason", "signal"));
	client_expect_cast(b, "group_down");
	for (int told_again = 0; told_again < 2; told_again++) {
		expect_admitted(b, ask_admit(b, group, WORLD_UID, pid), 0, "short-lived");
		client_expect_cast(b, "group_down");
		client_expect_error(b, ask_admit(b, group, WORLD_UID, pid + 1), "noproc");
		client_expect_error(b, ask_admit(b, group, WORLD_UID + 1, pid), "noproc");
		client_tell(spawner, "group_down", pack(&w, "a2um1ss", group, "reason", "exit"));
	}
}

/*
 * It dialled, wrote and ended; the broker that told of it has died, and this one began after its end. The
 * supervisor knows which process it was.
 */
static void test_who_ended_before_this_broker_is_admitted_by_what_the_supervisor_said(void **state)
{
	struct token token = world_token(&w, 20, "$spawner");
	struct client *spawner = world_connect(&w, "$spawner", &token);

	client_tell(spawner, "groups",
		pack(&w, "a2a0a3a4um1ssusa2um1ssa4um1ssus", UINT64_C(21), "reason", "signal", UINT64_C(77),
			"early", UINT64_C(22), "reason", "exit", UINT64_C(23), "reason", "exec", UINT64_C(0),
			"never-ran"));
	expect_admitted(b, ask_admit(b, 21, WORLD_UID, 77), 0, "early");
	client_expect_cast(b, "group_down");
	client_expect_error(b, ask_admit(b, 21, WORLD_UID, 78), "noproc");
	client_expect_error(b, ask_admit(b, 21, WORLD_UID + 1, 77), "noproc");
	client_expect_error(b, ask_admit(b, 22, WORLD_UID, 77), "noproc");
	client_expect_error(b, ask_admit(b, 23, WORLD_UID, 77), "noproc");
	client_tell(spawner, "group_down",
		pack(&w, "a4um1ssus", UINT64_C(24), "reason", "signal", UINT64_C(79), "later"));
	expect_admitted(b, ask_admit(b, 24, WORLD_UID, 79), 0, "later");
	client_expect_cast(b, "group_down");
}

static void test_an_admission_that_waits_is_answered_at_the_end_of_that_process(void **state)
{
	struct token token = world_token(&w, 20, "$spawner");
	struct client *spawner = world_connect(&w, "$spawner", &token);
	uint64_t of_it, of_liar;

	client_tell(spawner, "groups", pack(&w, "a2a1ua0", UINT64_C(21)));
	of_it = ask_admit(b, 21, WORLD_UID, 77);
	of_liar = ask_admit(b, 21, WORLD_UID, 78);
	client_expect_nothing(b);
	client_tell(spawner, "group_down",
		pack(&w, "a4um1ssus", UINT64_C(21), "reason", "signal", UINT64_C(77), "early"));
	expect_admitted(b, of_it, 0, "early");
	client_expect_error(b, of_liar, "noproc");
	client_expect_cast(b, "group_down");
}

static void test_an_admission_that_waits_ends_with_the_other(void **state)
{
	struct token token = world_token(&w, 20, "$spawner");
	struct client *spawner = world_connect(&w, "$spawner", &token);
	uint64_t id;

	client_tell(spawner, "groups", pack(&w, "a2a1ua0", UINT64_C(21)));
	id = ask_admit(b, 21, WORLD_UID, 77);
	client_expect_nothing(b);
	client_tell(spawner, "group_down", pack(&w, "a2um1ss", UINT64_C(21), "reason", "signal"));
	client_expect_error(b, id, "noproc");
}

static void test_the_directory_of_a_client_goes_with_it(void **state)
{
	uint64_t group = a->group;

	client_break(a);
	assert_int_equal(w.gone, group);
	w.gone = 0;
	announce(b, DOOR_B);
	client_bye(b);
	world_advance(&w, 2000 * MS);
	assert_int_equal(w.gone, 0); /* its supervisor removes it */
}

/* A client makes its directory when it has the answer to its hello. This one is killed after that. */
static void test_the_directory_of_a_client_that_never_came_goes_too(void **state)
{
	struct client *late = world_hello(&w, "late", NULL);
	uint64_t group = late->group;

	client_break_for(late, -ETIMEDOUT);
	assert_int_equal(w.gone, group);
}

static void test_a_door_is_an_absolute_path(void **state)
{
	client_expect_error(a, client_ask(a, "announce", pack(&w, "a4a0a0a0s", "door.ipc")), "bad_args");
	client_expect_error(a, client_ask(a, "door", pack(&w, "a1s", "")), "bad_args");
	client_expect_error(
		a, client_ask(a, "admit", pack(&w, "a2uu", UINT64_C(1), UINT64_C(2))), "bad_args");
	client_tell(a, "door", pack(&w, "a1u", UINT64_C(1)));
	client_expect(a, WIRE_BYE);
}

static void test_a_group_with_a_single_link_is_not_introduced(void **state)
{
	struct hello hello = {
		.version_min = 1, .version_max = 1, .name = wire_cstr("s"), .pid = 9, .single = true};
	struct buf out = BUF_INIT;

	hello_put(&out, &hello);
	w.answered = false;
	broker_hello(w.broker, 1, WORLD_UID, 9, out.data, out.size_bytes, w.now_ns);
	buf_deinit(&out);
	w.listening->group = w.answer.group;
	/* This client has no door by which the next broker could know it. */
	assert_int_equal(w.noted, w.answer.group);
	client_up(w.listening);
	client_expect_error(a, ask(a, w.listening), "single");
	client_expect_error(w.listening, ask(w.listening, a), "single");
}

/*
 * Makes a world in which the supervisor has a link with a child and with one client. Every child has a place
 * there; there is none for a second client.
 */
static struct client *world_with_full_spawner(
	struct world *full, struct client **ret_child, struct client **ret_first)
{
	const struct quota_limits limits = {.spawner_links = 1};
	struct client *spawner;
	struct token token;

	world_init(full, 0, &limits);
	token = world_token(full, 20, "$spawner");
	spawner = world_connect(full, "$spawner", &token);
	announce(spawner, NULL);
	*ret_child = world_supervised(full, 21, "child");
	client_expect_cast(spawner, "group_hello");
	announce(*ret_child, NULL);
	make_link(*ret_child, spawner);
	*ret_first = world_newcomer(full, "first");
	make_link(*ret_first, spawner);
	return spawner;
}

static void test_a_client_for_which_the_supervisor_has_no_place_is_routed(void **state)
{
	struct world full;
	struct client *child, *first, *client, *spawner = world_with_full_spawner(&full, &child, &first);
	struct wire_dest to = to_ref(client_ref(spawner, 1));
	struct wire_frame call;

	client = world_newcomer(&full, "second");
	client_expect_error(client, ask(client, spawner), "single");
	client_call(client, &to, "list", pack(&full, "a0"));
	call = client_expect(spawner, WIRE_CALL);
	assert_true(actor_ref_equal(call.from, client_ref(client, 1)));
	/* Nor does the supervisor get a link with it. */
	client_expect_error(spawner, ask(spawner, client), "single");
	client_expect_error(client, ask(client, spawner), "single");

	make_link(client, child); /* the client gets links with others */
	world_deinit(&full);
}

/*
 * Otherwise it would get a link while the supervisor still answers by the broker, and would take its open
 * calls for lost.
 */
static void test_who_was_routed_to_the_supervisor_stays_routed(void **state)
{
	struct world full;
	struct client *child, *first, *client, *spawner = world_with_full_spawner(&full, &child, &first);

	client = world_newcomer(&full, "second");
	client_expect_error(client, ask(client, spawner), "single");
	client_bye(first);
	client_expect_group_down(spawner, NULL);
	client_expect_cast(spawner, "group_gone");
	client_expect_error(client, ask(client, spawner), "single");
	client_expect_error(spawner, ask(spawner, client), "single");
	make_link(world_newcomer(&full, "third"), spawner);
	world_deinit(&full);
}

static void test_a_link_with_the_supervisor_that_is_there_is_made_again(void **state)
{
	struct world full;
	struct client *child, *first, *spawner = world_with_full_spawner(&full, &child, &first);

	client_tell(first, "link_down", pack(&full, "a2uu", spawner->group, UINT64_C(0)));
	client_tell(spawner, "link_down", pack(&full, "a2uu", first->group, UINT64_C(0)));
	make_link(first, spawner);
	world_deinit(&full);
}

/* A client knocks as if an earlier broker had made the link. */
static void test_who_knocks_at_a_full_supervisor_is_not_admitted(void **state)
{
	struct world full;
	struct client *child, *first, *client, *spawner = world_with_full_spawner(&full, &child, &first);

	client = world_newcomer(&full, "second");
	client_expect_error(spawner,
		client_ask(spawner, "admit",
			pack(&full, "a3uuu", client->group, (uint64_t)client->uid, (uint64_t)client->pid)),
		"noproc");
	client_ask(spawner, "admit",
		pack(&full, "a3uuu", first->group, (uint64_t)first->uid, (uint64_t)first->pid));
	client_expect(spawner, WIRE_REPLY);
	world_deinit(&full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)
		T(test_the_target_listens_and_then_the_asker_dials),
		T(test_both_asking_at_once_get_one_link),
		T(test_a_new_link_waits_until_both_ends_know_that_the_old_is_gone),
		T(test_an_ask_of_an_end_that_has_the_link_crossed_what_it_was_told),
		T(test_a_link_down_of_an_older_link_is_ignored),
		T(test_a_listener_that_is_busy_is_waited_for_as_long_as_it_lives),
		T(test_the_death_of_a_busy_listener_is_told),
		T(test_who_has_no_link_now_is_waited_for_until_it_is_back),
		T(test_who_has_no_link_now_is_waited_for_until_it_is_over),
		T(test_who_has_not_announced_itself_yet_is_waited_for),
		T(test_after_a_failing_dialer_the_pair_begins_anew),
		T(test_after_a_failing_listener_the_pair_begins_anew),
		T(test_a_listener_that_gives_up_lets_the_asker_know),
		T(test_the_end_of_a_group_is_told_to_the_linked),
		T(test_an_ask_that_waits_is_answered_when_the_other_ends),
		T(test_nobody_is_introduced_to_the_dead_or_to_itself),
		T(test_an_announced_link_counts),
		T(test_a_door_is_dialled_at_once_and_told_whom_to_expect),
		T(test_who_has_no_door_dials_who_has_one),
		T(test_of_two_with_doors_the_asker_dials),
		T(test_a_door_of_another_user_is_not_dialled),
		T(test_a_door_that_cannot_be_reached_is_asked_for_anew),
		T(test_who_gave_up_at_a_door_and_asks_again_is_not_waited_for_there),
		T(test_without_its_door_the_listener_makes_a_place),
		T(test_who_asks_anew_while_the_door_is_looked_for_gets_an_introduction),
		T(test_who_only_says_to_be_the_other_takes_no_place_from_it),
		T(test_who_comes_before_it_is_expected_is_admitted_by_what_the_kernel_says),
		T(test_an_admission_is_the_answer_to_what_the_listener_asked),
		T(test_an_admission_waits_until_it_is_known_who_the_other_is),
		T(test_who_has_ended_is_admitted_by_what_the_kernel_said),
		T(test_who_ended_before_this_broker_is_admitted_by_what_the_supervisor_said),
		T(test_an_admission_that_waits_is_answered_at_the_end_of_that_process),
		T(test_an_admission_that_waits_ends_with_the_other),
		T(test_the_directory_of_a_client_goes_with_it),
		T(test_the_directory_of_a_client_that_never_came_goes_too),
		T(test_a_door_is_an_absolute_path),
		T(test_a_group_with_a_single_link_is_not_introduced),
		T(test_a_client_for_which_the_supervisor_has_no_place_is_routed),
		T(test_who_was_routed_to_the_supervisor_stays_routed),
		T(test_a_link_with_the_supervisor_that_is_there_is_made_again),
		T(test_who_knocks_at_a_full_supervisor_is_not_admitted),
	};

	return run_facts(tests);
}

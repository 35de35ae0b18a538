/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names over real processes beside a real broker: many at once, replaced, listed, watched. ACTOR_BROKER is
 * the broker's program. This program is also the members: `test-names member NAME`, which do what their
 * methods say and answer with the result.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actor/actor.h"
#include "tests/fact.h"
#include "tests/system/members.h"

#define MANY_MAX 20000

/* ---- the members ---- */

static int64_t events_n;
static char events[4096];
static uint64_t watch;
static const struct actor_behavior extra_behavior;

static int on_who(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "r", actor_self(self));
}

static int on_take(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *name;

	if (actor_msg_unpack(msg, "s", &name) < 0)
		return -EINVAL;
	return actor_reply(from, "i", actor_register(self, name));
}

static int on_give_back(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *name;

	if (actor_msg_unpack(msg, "s", &name) < 0)
		return -EINVAL;
	return actor_reply(from, "i", actor_unregister(self, name));
}

/* How many frames the broker has received. */
static int64_t frames(actor *self)
{
	actor_msg *reply = NULL;
	int64_t n = -1;

	if (actor_call(self, actor_named("$broker"), "stats", LONG_MS, &reply, "") == 0)
		(void)actor_msg_unpack(reply, "{s:I}", "frames", &n);
	actor_msg_free(reply);
	return n;
}

/*
 * [name, n, who] → [result, frames]. Takes n names NAME.0, NAME.1 … at once; the broker has received so many
 * frames for that.
 */
static int on_take_many(actor *self, const actor_msg *msg, actor_from *from)
{
	static char text[MANY_MAX][32];
	static struct actor_name names[MANY_MAX];
	const char *name;
	actor_ref who;
	int64_t before;
	int n, r;

	if (actor_msg_unpack(msg, "sir", &name, &n, &who) < 0 || n > MANY_MAX)
		return -EINVAL;
	for (int i = 0; i < n; i++) {
		snprintf(text[i], sizeof(text[i]), "%.16s.%d", name, i);
		names[i] = (struct actor_name){text[i], who};
	}
	before = frames(self);
	r = actor_register_all(self, names, (size_t)n);
	return actor_reply(from, "[iI]", r, frames(self) - before - 1);
}

static int on_take_twice(actor *self, const actor_msg *msg, actor_from *from)
{
	const struct actor_name twice[] = {{.name = "twice"}, {.name = "twice"}};

	return actor_reply(from, "i", actor_register_all(self, twice, 2));
}

static int on_replace(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *name;
	actor_ref who;

	if (actor_msg_unpack(msg, "sr", &name, &who) < 0)
		return -EINVAL;
	return actor_reply(from, "i", actor_name_replace(self, name, who));
}

static int on_extra(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref ref;
	int r = actor_spawn(self, &extra_behavior, NULL, &ref);

	return r < 0 ? actor_reply(from, "i", r) : actor_reply(from, "r", ref);
}

static bool fails_now, has_failed;

static int failing_init(actor *self, const void *arg)
{
	int r = actor_register(self, "failing");

	while (r == 0 && !fails_now)
		r = actor_sleep(self, 1);
	has_failed = true;
	return r < 0 ? r : -EIO;
}

static const struct actor_behavior failing_behavior = {.name = "failing", .init = failing_init};

/* This has no answer: the actor is ended while it waits. */
static int on_spawn_failing(actor *self, const actor_msg *msg)
{
	actor_ref ref;

	fails_now = has_failed = false;
	(void)actor_spawn(self, &failing_behavior, NULL, &ref);
	return 0;
}

/* Answers when the init has returned, and the name is about to be given back. */
static int on_fail_now(actor *self, const actor_msg *msg, actor_from *from)
{
	fails_now = true;
	while (!has_failed)
		actor_sleep(self, 1);
	return actor_reply(from, "i", 0);
}

/* Ends as soon as it has asked that the name be another's. */
static int on_replace_and_end(actor *self, const actor_msg *msg)
{
	const char *name;
	actor_ref who;

	if (actor_msg_unpack(msg, "sr", &name, &who) < 0)
		return -EINVAL;
	(void)actor_kill(self, actor_self(self));
	(void)actor_name_replace(self, name, who);
	return 0;
}

/* [pattern] → [result, how many names the list has, the first, the last] */
static int on_list(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_msg *names = NULL;
	const char *pattern;
	size_t size_bytes = 0;
	const void *body = NULL;
	int r;

	if (actor_msg_unpack(msg, "s", &pattern) < 0)
		return -EINVAL;
	r = actor_names(self, pattern, &names);
	if (r == 0)
		body = actor_msg_body(names, &size_bytes);
	r = r < 0 ? actor_reply(from, "i", r) : actor_reply(from, "m", body, size_bytes);
	actor_msg_free(names);
	return r;
}

static int on_watch(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_msg *snapshot = NULL;
	const char *pattern;
	size_t size_bytes = 0;
	const void *body = NULL;
	bool whole;
	int r;

	if (actor_msg_unpack(msg, "sb", &pattern, &whole) < 0)
		return -EINVAL;
	r = actor_names_watch(self, pattern, &watch, whole ? &snapshot : NULL);
	if (snapshot)
		body = actor_msg_body(snapshot, &size_bytes);
	r = body ? actor_reply(from, "m", body, size_bytes) : actor_reply(from, "i", r);
	actor_msg_free(snapshot);
	return r;
}

static int on_unwatch(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "b", actor_names_unwatch(self, watch));
}

static int on_name(actor *self, uint64_t of, const struct actor_name_event *event)
{
	size_t length = strlen(events);

	if (of != watch && watch)
		return -EPROTO;
	events_n++;
	snprintf(events + length, sizeof(events) - length, "%c%s %llx.%llx ", "+-=?"[event->change & 3],
		event -> name, (unsigned long long)event -> who.serial,
		(unsigned long long)event->was.serial);
	return 0;
}

static int on_events(actor *self, const actor_msg *msg, actor_from *from)
{
	int r = actor_reply(from, "[Is]", events_n, events);

	events_n = 0;
	events[0] = 0;
	return r;
}

static int on_leave(actor *self, const actor_msg *msg)
{
	return actor_stop(self, actor_self(self), "leaves");
}

static int on_kill(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref who;

	if (actor_msg_unpack(msg, "r", &who) < 0)
		return -EINVAL;
	return actor_reply(from, "i", actor_kill(self, who));
}

static int counted, misplaced;

static int on_count(actor *self, const actor_msg *msg)
{
	int i;

	if (actor_msg_unpack(msg, "i", &i) < 0)
		return -EINVAL;
	misplaced += i != counted++;
	return 0;
}

static int on_counted(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "[ii]", counted, misplaced);
}

/*
 * Casts the numbers from 0 to @n - 1 to @to, by its ref and by its two names in turn. Each number is also
 * cast to a name that nobody has.
 */
static int on_count_for(actor *self, const actor_msg *msg, actor_from *from)
{
	const char *first, *second;
	actor_ref to;
	int n, r = 0;

	if (actor_msg_unpack(msg, "rssi", &to, &first, &second, &n) < 0)
		return -EINVAL;
	for (int i = 0; i < n && r == 0; i++) {
		actor_dest dest = i % 3 == 0   ? actor_to(to)
				  : i % 3 == 1 ? actor_named(first)
					       : actor_named_wait(second);

		r = actor_cast(self, dest, "count", "i", i);
		if (r == 0)
			r = actor_cast(self, actor_named("nobodys"), "count", "i", i);
	}
	return actor_reply(from, "i", r);
}

static const struct actor_method member_methods[] = {
	{.name = "count", .on_cast = on_count},
	{.name = "counted", .on_call = on_counted},
	{.name = "count_for", .on_call = on_count_for},
	{.name = "leave", .on_cast = on_leave},
	{.name = "kill", .on_call = on_kill},
	{.name = "who", .on_call = on_who},
	{.name = "take", .on_call = on_take},
	{.name = "give_back", .on_call = on_give_back},
	{.name = "take_many", .on_call = on_take_many},
	{.name = "take_twice", .on_call = on_take_twice},
	{.name = "replace", .on_call = on_replace},
	{.name = "spawn_failing", .on_cast = on_spawn_failing},
	{.name = "fail_now", .on_call = on_fail_now},
	{.name = "replace_and_end", .on_cast = on_replace_and_end},
	{.name = "extra", .on_call = on_extra},
	{.name = "list", .on_call = on_list},
	{.name = "watch", .on_call = on_watch},
	{.name = "unwatch", .on_call = on_unwatch},
	{.name = "events", .on_call = on_events},
	{0},
};

static const struct actor_behavior member_behavior = {
	.name = "member", .methods = member_methods, .on_name = on_name};
static const struct actor_behavior extra_behavior = {
	.name = "extra", .methods = member_methods, .on_name = on_name};

/* ---- asking them ---- */

static actor_ref extra_of(int i)
{
	actor_msg *reply = ask_reply(actor_to(refs[i]), "extra", "");
	actor_ref ref = ACTOR_NOBODY;

	assert_int_equal(actor_msg_unpack(reply, "r", &ref), 0);
	actor_msg_free(reply);
	return ref;
}

static int take_many(int i, const char *name, int n, actor_ref who, int64_t *ret_n_frames)
{
	actor_msg *reply = ask_reply(actor_to(refs[i]), "take_many", "sir", name, n, who);
	int64_t n_frames;
	int r = -EPROTO;

	assert_int_equal(actor_msg_unpack(reply, "[iI]", &r, &n_frames), 0);
	if (ret_n_frames)
		*ret_n_frames = n_frames;
	actor_msg_free(reply);
	return r;
}

/* "name name …" of "[[name, ref] …]", or only how many there are if they are too many. */
static const char *names_text(const actor_msg *reply)
{
	static char text[4096];
	size_t size_bytes, length = 0, n = 0;
	const uint8_t *body = actor_msg_body(reply, &size_bytes);
	const char *name[4] = {0};
	actor_ref ref[4];

	if (actor_msg_unpack(reply, "[[sr]?[sr]?[sr]?[sr]?]", &name[0], &ref[0], &name[1], &ref[1], &name[2],
		    &ref[2], &name[3], &ref[3]) == 0) {
		text[0] = 0;
		for (; n < 4 && name[n]; n++)
			length += (size_t)snprintf(
				text + length, sizeof(text) - length, "%s%s", n ? " " : "", name[n]);
		return text;
	}
	assert_true(size_bytes > 3);
	n = body[0] == 0xdc     ? (size_t)(body[1] << 8 | body[2])
	    : body[0] == 0xdd   ? (size_t)body[1] << 24 | (size_t)(body[2] << 16 | body[3] << 8 | body[4])
	    : body[0] >> 4 == 9 ? body[0] & 15u
				: 0;
	snprintf(text, sizeof(text), "%zu", n);
	return text;
}

static void expect_list(int i, const char *pattern, const char *names)
{
	actor_msg *reply = ask_reply(actor_to(refs[i]), "list", "s", pattern);

	assert_string_equal(names_text(reply), names);
	actor_msg_free(reply);
}

/* Asks again until all names are back at a new broker: a list waits for nobody. */
static void await_list(int i, const char *pattern, const char *names)
{
	for (int tries = 0; tries < LONG_MS; tries++) {
		actor_msg *reply = ask_reply(actor_to(refs[i]), "list", "s", pattern);
		bool same = !strcmp(names_text(reply), names);

		actor_msg_free(reply);
		if (same)
			return;
		usleep(1000);
	}
	expect_list(i, pattern, names);
}

static void expect_watch(int i, const char *pattern, const char *names)
{
	actor_msg *reply = ask_reply(actor_to(refs[i]), "watch", "sb", pattern, true);

	assert_string_equal(names_text(reply), names);
	actor_msg_free(reply);
}

/* Reads until @n events have come. An event too many is seen by the next read. */
static void expect_events(int i, int64_t n, char text[4096])
{
	int64_t got = 0;

	text[0] = 0;
	for (int tries = 0; tries < LONG_MS && got < n; tries++) {
		actor_msg *reply = ask_reply(actor_to(refs[i]), "events", "");
		const char *s;
		int64_t one;

		assert_int_equal(actor_msg_unpack(reply, "[Is]", &one, &s), 0);
		strncat(text, s, 4095 - strlen(text));
		got += one;
		actor_msg_free(reply);
		usleep(1000);
	}
	assert_int_equal(got, n);
}

/* Asserts that no more events have come or are on their way: the next one is that of one more change. */
static void expect_no_more_events(int i, int other)
{
	char text[4096];

	assert_int_equal(ask_int(other, "take", "s", "app.mark"), 0);
	expect_events(i, 1, text);
	assert_memory_equal(text, "+app.mark ", 10);
	assert_int_equal(ask_int(other, "give_back", "s", "app.mark"), 0);
	expect_events(i, 1, text);
}

static actor_ref where(const char *name)
{
	actor_ref ref = ACTOR_NOBODY;
	int r = actor_client_whereis(client, name, &ref);

	assert_true(r == 0 || r == -ESRCH);
	return ref;
}

/* ---- tests ---- */

static void test_a_hundred_names_cost_one_round_trip(void **state)
{
	int64_t n_frames;

	member_start(0);
	member_start(1);
	assert_int_equal(take_many(0, "app", 100, ACTOR_NOBODY, &n_frames), 0);
	assert_int_equal(n_frames, 1);
	expect_list(1, "app.", "100");
	assert_true(actor_ref_equal(where("app.99"), refs[0]));
	assert_int_equal(take_many(0, "app", 0, ACTOR_NOBODY, &n_frames), 0);
	assert_int_equal(n_frames, 0);
	/* A new broker is told of them as of other names. */
	reap(broker_pid, SIGKILL);
	broker_start();
	await_list(1, "app.", "100");
	member_end(0, SIGKILL);
	assert_int_equal(ask_int(1, "take", "s", "app.7"), 0);
}

static void test_of_many_names_all_are_taken_or_none(void **state)
{
	actor_ref extra;

	member_start(0);
	member_start(1);
	assert_int_equal(ask_int(1, "take", "s", "app.7"), 0);
	assert_int_equal(take_many(0, "app", 10, ACTOR_NOBODY, NULL), -EEXIST);
	expect_list(0, "app", "app.7");
	assert_int_equal(ask_int(0, "take_twice", ""), -EINVAL);
	assert_int_equal(take_many(0, "app", 16385, ACTOR_NOBODY, NULL), -EMSGSIZE);
	assert_int_equal(take_many(0, "$app", 1, ACTOR_NOBODY, NULL), -EPERM);
	assert_int_equal(take_many(0, "x", 2, refs[1], NULL), -ESRCH); /* refs[1] is no actor of this group */
	extra = extra_of(0);
	assert_int_equal(take_many(0, "x", 3, extra, NULL), 0);
	assert_true(actor_ref_equal(where("x.2"), extra));
	/* When the actor ends, all are given back before anybody hears of the end. */
	actor_msg_free(ask_reply(actor_to(refs[0]), "who", ""));
	{
		uint64_t monitor, gone;
		actor_ref who;
		struct actor_cause cause;
		actor_msg *msg;

		assert_int_equal(actor_client_monitor(client, extra, &monitor), 0);
		assert_int_equal(
			actor_client_cast(client, actor_to(extra), "replace_and_end", "sr", "x.2", refs[0]),
			0);
		assert_int_equal(actor_client_receive(client, LONG_MS, &msg, &gone, &who, &cause), 0);
		assert_int_equal(gone, monitor);
	}
	assert_true(actor_ref_is_nobody(where("x.0")));
	/* The name x.2 was on its way to another actor. */
	assert_true(actor_ref_equal(where("x.2"), refs[0]));
	expect_list(1, "x", "x.2");
}

static void test_a_name_is_replaced_in_one_step(void **state)
{
	actor_ref extra;
	char text[4096], expected[128];

	member_start(0);
	member_start(1);
	assert_int_equal(ask_int(0, "take", "s", "app"), 0);
	extra = extra_of(0);
	expect_watch(1, "app", "app");
	assert_true(actor_ref_equal(where("app"), refs[0]));
	assert_int_equal(ask_int(0, "replace", "sr", "app", extra), 0);
	assert_true(actor_ref_equal(where("app"), extra));
	expect_events(1, 1, text);
	snprintf(expected, sizeof(expected), "=app %llx.%llx ", (unsigned long long)extra.serial,
		(unsigned long long)refs[0].serial);
	assert_string_equal(text, expected);
	/* A replacement that is refused changes nothing. */
	assert_int_equal(ask_int(0, "replace", "sr", "app", refs[1]), -ESRCH);
	assert_int_equal(ask_int(1, "replace", "sr", "app", refs[1]), -ESRCH);
	assert_int_equal(ask_int(0, "replace", "sr", "none", extra), -ESRCH);
	/* A new broker is told of the new owner, and the name ends with that. */
	reap(broker_pid, SIGKILL);
	broker_start();
	assert_true(actor_ref_equal(where("app"), extra));
	assert_int_equal(
		actor_client_cast(client, actor_to(extra), "replace_and_end", "sr", "none", extra), 0);
	expect_events(1, 1, text);
	assert_memory_equal(text, "-app ", 5);
	expect_no_more_events(1, 0);
}

static void test_only_its_owner_gives_a_name_back(void **state)
{
	member_start(0);
	assert_int_equal(ask_int(0, "take", "s", "app"), 0);
	refs[7] = extra_of(0);
	assert_int_equal(ask_int(7, "give_back", "s", "app"), -ESRCH);
	assert_int_equal(ask_int(7, "take", "s", "app"), -EEXIST);
	/* Member 0 has the name already, and it stays one name. */
	assert_int_equal(ask_int(0, "take", "s", "app"), 0);
	assert_int_equal(ask_int(0, "give_back", "s", "app"), 0);
	assert_int_equal(ask_int(0, "give_back", "s", "app"), -ESRCH);
	assert_int_equal(ask_int(7, "take", "s", "app"), 0);
}

/* An actor was told that the name is not registered. When the broker answers at last, this must be true. */
static void test_a_name_whose_registering_took_too_long_is_given_back(void **state)
{
	member_start(0);
	kill(broker_pid, SIGSTOP);
	assert_int_equal(ask_int(0, "take", "s", "app"), -ETIMEDOUT);
	kill(broker_pid, SIGCONT);
	expect_list(0, "app", ""); /* asked over the same link, behind the other two */
	member_start(1);
	assert_int_equal(ask_int(1, "take", "s", "app"), 0);
}

static void expect_down_of(actor_ref who)
{
	actor_ref ended;

	assert_int_equal(actor_client_receive(client, LONG_MS, NULL, NULL, &ended, NULL), 0);
	assert_true(actor_ref_equal(ended, who));
}

static void test_who_hears_of_an_end_finds_the_name_free_though_the_broker_stood_still(void **state)
{
	actor_ref nameless;

	member_start(0);
	nameless = extra_of(0);
	refs[7] = extra_of(0);
	assert_int_equal(ask_int(7, "take", "s", "app"), 0);
	assert_int_equal(actor_client_monitor(client, refs[7], NULL), 0);
	assert_int_equal(actor_client_monitor(client, nameless, NULL), 0);
	kill(broker_pid, SIGSTOP);
	assert_int_equal(actor_client_cast(client, actor_to(refs[7]), "leave", ""), 0);
	assert_int_equal(actor_client_cast(client, actor_to(nameless), "leave", ""), 0);
	expect_down_of(nameless); /* this end waits for nobody */
	assert_int_equal(ask_int(0, "kill", "r", refs[7]), 0);
	assert_int_equal(actor_client_receive(client, STILL_MS, NULL, NULL, NULL, NULL), -ETIMEDOUT);
	kill(broker_pid, SIGCONT);
	expect_down_of(refs[7]);
	assert_int_equal(ask_int(0, "take", "s", "app"), 0);
	assert_true(actor_ref_equal(where("app"), refs[0]));
}

static void test_a_broker_that_dies_holds_up_no_end(void **state)
{
	member_start(0);
	refs[7] = extra_of(0);
	assert_int_equal(ask_int(7, "take", "s", "app"), 0);
	assert_int_equal(actor_client_monitor(client, refs[7], NULL), 0);
	kill(broker_pid, SIGSTOP);
	assert_int_equal(actor_client_cast(client, actor_to(refs[7]), "leave", ""), 0);
	/* The actor has run since its kill, and waits. */
	assert_int_equal(ask_int(0, "kill", "r", refs[7]), 0);
	reap(broker_pid, SIGKILL);
	expect_down_of(refs[7]);
	broker_start();
	assert_int_equal(ask_int(0, "take", "s", "app"), 0);
}

/* An actor that waits for an init may be gone before the names of the failed one are given back. */
static void test_who_spawned_may_end_before_what_failed_has_given_its_name_back(void **state)
{
	int tries = 0;

	member_start(0);
	refs[7] = extra_of(0);
	assert_int_equal(actor_client_monitor(client, refs[7], NULL), 0);
	assert_int_equal(actor_client_cast(client, actor_to(refs[7]), "spawn_failing", ""), 0);
	while (actor_ref_is_nobody(where("failing")) && tries++ < LONG_MS)
		usleep(1000);
	kill(broker_pid, SIGSTOP);
	assert_int_equal(ask_int(0, "fail_now", ""), 0);
	assert_int_equal(ask_int(0, "kill", "r", refs[7]), 0);
	expect_down_of(refs[7]);
	refs[6] = extra_of(0); /* the new actor may be in the memory of the dead one */
	kill(broker_pid, SIGCONT);
	while (!actor_ref_is_nobody(where("failing")) && tries++ < LONG_MS)
		usleep(1000);
	assert_int_equal(ask_int(6, "take", "s", "failing"), 0);
	assert_true(actor_ref_equal(where("failing"), refs[6]));
}

/* The broker stands still for longer than the end of a group waits. */
static void test_a_group_ends_though_its_actors_wait_for_the_broker(void **state)
{
	actor_group *group;

	assert_int_equal(actor_group_new(&group, NULL), 0);
	assert_int_equal(actor_group_spawn(group, &extra_behavior, NULL, "app", NULL), 0);
	assert_int_equal(actor_group_spawn(group, &extra_behavior, NULL, "web", NULL), 0);
	kill(broker_pid, SIGSTOP);
	actor_group_free(group); /* ASan sees a use of freed memory */
	kill(broker_pid, SIGCONT);
	while (!actor_ref_is_nobody(where("app")) || !actor_ref_is_nobody(where("web")))
		usleep(1000);
}

/*
 * What the actor had asked for and given up may still be done. Then nobody may find the dead actor by that
 * name.
 */
static void test_a_name_that_was_given_up_is_nobodys_after_the_end(void **state)
{
	member_start(0);
	refs[7] = extra_of(0);
	assert_int_equal(actor_client_monitor(client, refs[7], NULL), 0);
	kill(broker_pid, SIGSTOP);
	assert_int_equal(ask_int(7, "take", "s", "app"), -ETIMEDOUT);
	assert_int_equal(actor_client_cast(client, actor_to(refs[7]), "leave", ""), 0);
	assert_int_equal(actor_client_receive(client, STILL_MS, NULL, NULL, NULL, NULL), -ETIMEDOUT);
	kill(broker_pid, SIGCONT);
	expect_down_of(refs[7]);
	assert_true(actor_ref_is_nobody(where("app")));
}

static void test_a_name_that_was_lost_is_nobodys_to_give_back(void **state)
{
	member_start(0);
	member_start(1);
	assert_int_equal(ask_int(0, "take", "s", "app"), 0);
	kill(pids[0], SIGSTOP);
	reap(broker_pid, SIGKILL);
	broker_start();
	/* The broker waits for the group that is late, and then no longer. */
	assert_int_equal(ask_int(1, "take", "s", "app"), 0);
	kill(pids[0], SIGCONT);
	expect_list(0, "app", "app"); /* asked behind its announcement */
	assert_int_equal(ask_int(0, "give_back", "s", "app"), -ESRCH);
	assert_true(actor_ref_equal(where("app"), refs[1]));
}

static void test_names_are_listed_to_the_last(void **state)
{
	member_start(0);
	member_start(1);
	assert_int_equal(take_many(0, "a", 16000, ACTOR_NOBODY, NULL), 0);
	assert_int_equal(take_many(0, "b", 16000, ACTOR_NOBODY, NULL), 0);
	expect_list(1, "", "32003"); /* the list also has $broker, m0 and m1 */
	expect_list(1, "*.1599[89]", "a.15998 a.15999 b.15998 b.15999");
	assert_int_equal(ask_int(1, "list", "s", "[a"), -EINVAL);
	expect_watch(1, "*.*", "32000");
	assert_int_equal(ask_int(1, "watch", "sb", "[a", true), -EINVAL);
}

static void test_who_watches_is_told_of_each_change_once(void **state)
{
	char text[4096];

	member_start(0);
	member_start(1);
	assert_int_equal(ask_int(1, "take", "s", "app.1"), 0);
	expect_watch(0, "app.*", "app.1");
	assert_int_equal(ask_int(1, "take", "s", "app.2"), 0);
	assert_int_equal(ask_int(1, "take", "s", "web"), 0);
	assert_int_equal(ask_int(1, "give_back", "s", "app.1"), 0);
	expect_events(0, 2, text);
	assert_string_equal(text, "+app.2 1.0 -app.1 1.0 ");
	expect_no_more_events(0, 1);
	/* The owner is killed. */
	member_end(1, SIGKILL);
	expect_events(0, 1, text);
	assert_string_equal(text, "-app.2 1.0 ");
	actor_msg_free(ask_reply(actor_to(refs[0]), "unwatch", ""));
	member_start(2);
	assert_int_equal(ask_int(2, "take", "s", "app.3"), 0);
	actor_msg_free(ask_reply(actor_to(refs[0]), "unwatch", ""));
	expect_events(0, 0, text);
}

static void test_without_a_snapshot_what_is_there_comes_as_events(void **state)
{
	char text[4096];

	member_start(0);
	member_start(1);
	assert_int_equal(take_many(1, "app", 3, ACTOR_NOBODY, NULL), 0);
	assert_int_equal(ask_int(0, "watch", "sb", "app.", false), 0);
	expect_events(0, 3, text);
	assert_string_equal(text, "+app.0 1.0 +app.1 1.0 +app.2 1.0 ");
	expect_no_more_events(0, 1);
}

static void test_watches_outlive_the_broker_and_only_changes_are_told(void **state)
{
	actor_ref extra;
	char text[4096];

	for (int i = 0; i < 4; i++)
		member_start(i);
	assert_int_equal(ask_int(1, "take", "s", "app.1"), 0);
	assert_int_equal(ask_int(2, "take", "s", "app.2"), 0);
	assert_int_equal(ask_int(3, "take", "s", "app.3"), 0);
	extra = extra_of(1);
	expect_watch(0, "app.", "app.1 app.2 app.3");
	reap(broker_pid, SIGKILL);
	member_end(2, SIGKILL); /* there is no broker that could tell it */
	broker_start();
	expect_events(0, 1, text);
	assert_memory_equal(text, "-app.2 ", 7);
	expect_no_more_events(0, 3);
	assert_int_equal(ask_int(1, "replace", "sr", "app.1", extra), 0);
	expect_events(0, 1, text);
	assert_memory_equal(text, "=app.1 ", 7);
}

static void test_the_watches_of_a_stopped_watcher_are_over(void **state)
{
	actor_msg *reply;
	int64_t n = -1;

	member_start(0);
	refs[7] = extra_of(0);
	expect_watch(7, "app", "");
	assert_int_equal(
		actor_client_cast(client, actor_to(refs[7]), "replace_and_end", "sr", "none", refs[7]), 0);
	for (int tries = 0; tries < LONG_MS && n; tries++) {
		reply = ask_reply(actor_named("$broker"), "stats", "");
		assert_int_equal(actor_msg_unpack(reply, "{s:I}", "watches", &n), 0);
		actor_msg_free(reply);
		n -= 1; /* one watch is the client's, which looked up m0 */
		usleep(1000);
	}
	assert_int_equal(n, 0);
	/* A watch beyond the limit is refused, and those before it go on. */
	for (int i = 0; i < 64; i++)
		expect_watch(0, "app", "");
	assert_int_equal(ask_int(0, "watch", "sb", "app", true), -EDQUOT);
}

static void test_casts_by_ref_and_by_names_come_in_the_order_sent(void **state)
{
	actor_msg *reply;
	int n, wrong;

	member_start(0);
	member_start(1);
	assert_int_equal(ask_int(1, "take", "s", "other"), 0);
	assert_int_equal(ask_int(0, "count_for", "rssi", refs[1], "m1", "other", 300), 0);
	do {
		reply = ask_reply(actor_to(refs[1]), "counted", "");
		assert_int_equal(actor_msg_unpack(reply, "[ii]", &n, &wrong), 0);
		actor_msg_free(reply);
		assert_int_equal(wrong, 0);
	} while (n < 300);
	assert_int_equal(n, 300);
}

#define fact(name) cmocka_unit_test_setup_teardown(name, members_setup, members_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		fact(test_a_hundred_names_cost_one_round_trip),
		fact(test_of_many_names_all_are_taken_or_none),
		fact(test_a_name_is_replaced_in_one_step),
		fact(test_only_its_owner_gives_a_name_back),
		fact(test_a_name_whose_registering_took_too_long_is_given_back),
		fact(test_who_hears_of_an_end_finds_the_name_free_though_the_broker_stood_still),
		fact(test_a_broker_that_dies_holds_up_no_end),
		fact(test_who_spawned_may_end_before_what_failed_has_given_its_name_back),
		fact(test_a_group_ends_though_its_actors_wait_for_the_broker),
		fact(test_a_name_that_was_given_up_is_nobodys_after_the_end),
		fact(test_a_name_that_was_lost_is_nobodys_to_give_back),
		fact(test_casts_by_ref_and_by_names_come_in_the_order_sent),
		fact(test_names_are_listed_to_the_last),
		fact(test_who_watches_is_told_of_each_change_once),
		fact(test_without_a_snapshot_what_is_there_comes_as_events),
		fact(test_watches_outlive_the_broker_and_only_changes_are_told),
		fact(test_the_watches_of_a_stopped_watcher_are_over),
	};

	if (argc == 3 && !strcmp(argv[1], "member"))
		return actor_main(&member_behavior, NULL, argv[2]);
	return run_facts(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Actors that are spawned in another process (actor/guest.h), over direct links and by the broker.
 * ACTOR_BROKER is the broker's program. This program is also the members: `test-guests direct|single NAME`.
 */
#include "tests/system/members.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/guests.h"
#include "libactor/base/base.h"
#include "tests/fact.h"

/* ---- the members ---- */

static char told[1024]; /* a word for each thing that happened in this process */
static bool may_go;

static void tell(const char *what, const char *text)
{
	size_t at = strlen(told);

	snprintf(told + at, sizeof(told) - at, "%s:%s ", what, text);
}

/* What its init is told, it does: see each word. */
struct guest_state {
	actor_ref spawner;
	char word[16];
};

static int guest_init(actor *self, const void *arg)
{
	struct guest_state *state = actor_state(self);
	const char *word;

	if (actor_msg_unpack(arg, "s", &word) < 0)
		return -EBADMSG;
	snprintf(state->word, sizeof(state->word), "%s", word);
	state->spawner = actor_msg_sender(arg);
	if (!strcmp(word, "fail")) {
		assert_int_equal(actor_register(self, "taken"), 0);
		return -EIO;
	}
	if (!strcmp(word, "die"))
		_exit(3);
	if (!strcmp(word, "slow")) {
		tell("slow", "in");
		while (!may_go && actor_sleep(self, 1) == 0)
			;
	}
	return 0;
}

static int guest_post_start(actor *self)
{
	const struct guest_state *state = actor_state(self);

	return strcmp(state->word, "quick") ? 0 : actor_stop(self, actor_self(self), "quick");
}

static int guest_spawner(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "r", ((struct guest_state *)actor_state(self))->spawner);
}

static int guest_fail(actor *self, const actor_msg *msg)
{
	return -EXDEV;
}

static void guest_terminate(actor *self, const struct actor_cause *cause)
{
	tell("end", cause->reason);
}

static const struct actor_method guest_methods[] = {
	{.name = "spawner", .on_call = guest_spawner}, {.name = "fail", .on_cast = guest_fail}, {0}};
static const struct actor_behavior guest_behavior = {.name = "guest",
	.state_size = sizeof(struct guest_state),
	.methods = guest_methods,
	.init = guest_init,
	.terminate = guest_terminate,
	.post_start = guest_post_start};

static int spawn(actor *self, const actor_msg *msg, actor_ref *ret, struct actor_cause *why)
{
	const char *behavior, *word, *how;
	actor_ref where;
	int64_t ms;

	if (actor_msg_unpack(msg, "rsssI", &where, &behavior, &word, &how, &ms) < 0)
		return -EINVAL;
	if (!strcmp(how, "link"))
		return actor_spawn_at_link(self, actor_to(where), behavior, ms, ret, why, "s", word);
	if (!strcmp(how, "monitor"))
		return actor_spawn_at_monitor(self, actor_to(where), behavior, ms, ret, NULL, why, "s", word);
	return actor_spawn_at(self, actor_to(where), behavior, ms, ret, why, "s", word);
}

/* [where, behavior, word, how, timeout] → [result, ref, why, text]; how: link, monitor, plain */
static int on_spawn(actor *self, const actor_msg *msg, actor_from *from)
{
	struct actor_cause why = {.reason = "-"};
	actor_ref who = ACTOR_NOBODY;
	int r = spawn(self, msg, &who, &why);

	return actor_reply(from, "[irss]", r, who, why.reason, why.text);
}

static int asker_go(actor *self, const actor_msg *msg)
{
	(void)spawn(self, msg, NULL, NULL);
	return 0;
}

static const struct actor_method asker_methods[] = {{.name = "spawn", .on_cast = asker_go}, {0}};
static const struct actor_behavior asker_behavior = {.name = "asker", .methods = asker_methods};

/* → an actor that spawns, and can be killed meanwhile */
static int on_asker(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref asker;
	int r = actor_spawn(self, &asker_behavior, NULL, &asker);

	return r < 0 ? r : actor_reply(from, "r", asker);
}

static int on_kill(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref who;

	if (actor_msg_unpack(msg, "r", &who) < 0)
		return -EINVAL;
	return actor_reply(from, "i", actor_kill_and_wait(self, who, LONG_MS, NULL));
}

/* [who] → its status */
static int on_status(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref who;
	int r;

	if (actor_msg_unpack(msg, "r", &who) < 0)
		return -EINVAL;
	r = actor_status(self, who, LONG_MS);
	return actor_reply(from, "s", r < 0 ? actor_strerror(r) : actor_life_word(r));
}

static int on_who(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "r", actor_self(self));
}

static int on_told(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "s", told);
}

static int on_forget(actor *self, const actor_msg *msg, actor_from *from)
{
	told[0] = 0;
	may_go = false;
	return actor_reply(from, "i", 0);
}

static int on_go(actor *self, const actor_msg *msg, actor_from *from)
{
	may_go = true;
	return actor_reply(from, "i", 0);
}

static int on_alive(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "i", (int)actor_group_of(self)->n_alive);
}

static int on_limit(actor *self, const actor_msg *msg, actor_from *from)
{
	int64_t n;

	if (actor_msg_unpack(msg, "I", &n) < 0)
		return -EINVAL;
	actor_group_of(self)->guests_max = (size_t)n;
	return actor_reply(from, "i", 0);
}

static int member_init(actor *self, const void *arg)
{
	return actor_behavior_register(actor_group_of(self), "guest", &guest_behavior);
}

static int member_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	tell("down", cause->reason);
	return 0;
}

static int member_exit(actor *self, actor_ref from, const struct actor_cause *cause)
{
	tell("exit", cause->reason);
	return 0;
}

static const struct actor_method methods[] = {{.name = "who", .on_call = on_who},
	{.name = "spawn", .on_call = on_spawn}, {.name = "asker", .on_call = on_asker},
	{.name = "kill", .on_call = on_kill}, {.name = "told", .on_call = on_told},
	{.name = "forget", .on_call = on_forget}, {.name = "go", .on_call = on_go},
	{.name = "status", .on_call = on_status}, {.name = "limit", .on_call = on_limit},
	{.name = "alive", .on_call = on_alive}, {0}};
static const struct actor_behavior member = {.name = "member",
	.methods = methods,
	.init = member_init,
	.on_down = member_down,
	.on_exit = member_exit};

/* ---- asking them ---- */

static actor_ref group_of(int i)
{
	return (actor_ref){refs[i].node, refs[i].group, 0};
}

struct spawned {
	int r;
	actor_ref who;
	char why[64], text[256];
};

static struct spawned spawn_by(
	int i, actor_ref where, const char *behavior, const char *word, const char *how, int64_t ms)
{
	actor_msg *reply = ask_reply(actor_to(refs[i]), "spawn", "rsssI", where, behavior, word, how, ms);
	struct spawned s;
	const char *why, *text;

	assert_int_equal(actor_msg_unpack(reply, "[irss]", &s.r, &s.who, &why, &text), 0);
	snprintf(s.why, sizeof(s.why), "%s", why);
	snprintf(s.text, sizeof(s.text), "%s", text);
	actor_msg_free(reply);
	return s;
}

static actor_ref ref_of(actor_ref who, const char *method)
{
	actor_msg *reply = ask_reply(actor_to(who), method, "");
	actor_ref ref = ACTOR_NOBODY;

	assert_int_equal(actor_msg_unpack(reply, "r", &ref), 0);
	actor_msg_free(reply);
	return ref;
}

static void await_told(int i, const char *want)
{
	char last[sizeof(told)] = "";

	for (int tries = 0; tries < LONG_MS; tries++) {
		actor_msg *reply = ask_reply(actor_to(refs[i]), "told", "");
		const char *text;

		assert_int_equal(actor_msg_unpack(reply, "s", &text), 0);
		snprintf(last, sizeof(last), "%s", text);
		actor_msg_free(reply);
		if (!strcmp(last, want))
			return;
		usleep(1000);
	}
	assert_string_equal(last, want);
}

/* So many actors are in the group, the member among them. */
static void await_alive(int i, int want)
{
	int n = ask_int(i, "alive", "");

	for (int tries = 0; n != want && tries < LONG_MS; tries++) {
		usleep(1000);
		n = ask_int(i, "alive", "");
	}
	assert_int_equal(n, want);
}

static void forget(int i)
{
	assert_int_equal(ask_int(i, "forget", ""), 0);
}

static void members_start(void **state)
{
	member_start_as(0, "direct");
	member_start_as(1, *state);
}

/* ---- facts ---- */

static void test_an_actor_is_spawned_in_another_group_with_arguments(void **state)
{
	struct spawned s;

	members_start(state);
	s = spawn_by(0, group_of(1), "guest", "stay", "plain", LONG_MS);
	assert_int_equal(s.r, 0);
	assert_int_equal(s.who.group, refs[1].group);
	assert_true(actor_ref_equal(ref_of(s.who, "spawner"), refs[0]));
	/* any actor of the group stands for the group */
	s = spawn_by(1, refs[0], "guest", "stay", "plain", LONG_MS);
	assert_int_equal(s.r, 0);
	assert_int_equal(s.who.group, refs[0].group);
	/* so does one of the own group */
	s = spawn_by(1, group_of(1), "guest", "stay", "monitor", LONG_MS);
	assert_int_equal(s.r, 0);
	assert_int_equal(s.who.group, refs[1].group);
	assert_int_equal(ask_int(0, "kill", "r", s.who), 0);
	await_told(1, "down:killed ");
}

static void test_a_refusal_has_a_name_and_leaves_nothing(void **state)
{
	struct spawned s;
	actor_ref none = {0};

	members_start(state);
	for (int by = 0; by < 2; by++) {
		int at = !by;

		s = spawn_by(by, group_of(at), "stranger", "stay", "link", LONG_MS);
		assert_int_equal(s.r, -ENOENT);
		assert_string_equal(s.why, "unknown_behavior");
		assert_string_equal(s.text, "stranger");
		s = spawn_by(by, group_of(at), "guest", "fail", "link", LONG_MS);
		assert_int_equal(s.r, -EIO);
		assert_string_equal(s.why, "init_failed");
		assert_string_equal(s.text, "EIO: guest: init: Input/output error");
		assert_int_equal(actor_client_whereis(client, "taken", &none), -ESRCH);
		s = spawn_by(by, group_of(at), "guest", "fail", "monitor", LONG_MS);
		assert_int_equal(s.r, -EIO);
		assert_int_equal(ask_int(at, "limit", "I", INT64_C(1)), 0);
		s = spawn_by(by, group_of(at), "guest", "stay", "plain", LONG_MS);
		assert_int_equal(s.r, 0);
		s = spawn_by(by, group_of(at), "guest", "stay", "plain", LONG_MS);
		assert_int_equal(s.r, -EBUSY);
		assert_string_equal(s.why, "overloaded");
		none = group_of(at);
		none.group += 1000;
		assert_int_equal(spawn_by(by, none, "guest", "stay", "plain", LONG_MS).r, -ESRCH);
		await_alive(at, 2);
	}
}

static void test_the_limit_is_of_living_guests(void **state)
{
	struct spawned s;

	members_start(state);
	assert_int_equal(ask_int(1, "limit", "I", INT64_C(2)), 0);
	for (int i = 0; i < 5; i++) {
		s = spawn_by(0, group_of(1), "guest", "stay", i % 2 ? "link" : "monitor", LONG_MS);
		assert_int_equal(s.r, 0);
		assert_int_equal(ask_int(0, "kill", "r", s.who), 0);
		assert_int_equal(spawn_by(0, group_of(1), "guest", "fail", "plain", LONG_MS).r, -EIO);
	}
}

static void test_one_that_ends_right_after_its_init_is_told_once_with_its_cause(void **state)
{
	members_start(state);
	for (int by = 0; by < 2; by++) {
		for (int i = 0; i < 30; i++) {
			forget(by);
			assert_int_equal(
				spawn_by(by, group_of(!by), "guest", "quick", "monitor", LONG_MS).r, 0);
			await_told(by, "down:quick ");
			assert_int_equal(spawn_by(by, group_of(!by), "guest", "quick", "link", LONG_MS).r, 0);
			await_told(by, "down:quick exit:quick ");
		}
		assert_int_equal(spawn_by(by, group_of(by), "guest", "quick", "link", LONG_MS).r, 0);
		await_told(by, "down:quick exit:quick end:quick exit:quick ");
		forget(by);
		forget(!by);
	}
}

static void test_the_two_ends_of_a_link_end_together(void **state)
{
	struct spawned s;

	members_start(state);
	s = spawn_by(0, group_of(1), "guest", "stay", "link", LONG_MS);
	assert_int_equal(s.r, 0);
	assert_int_equal(actor_client_cast(client, actor_to(s.who), "fail", ""), 0);
	await_told(0, "exit:crash: EXDEV ");
	forget(1);
	assert_int_equal(spawn_by(0, group_of(1), "guest", "stay", "link", LONG_MS).r, 0);
	assert_int_equal(spawn_by(0, group_of(1), "guest", "stay", "plain", LONG_MS).r, 0);
	await_alive(1, 3);
	member_end(0, SIGKILL);
	await_told(1, "end:noconnection ");
	await_alive(1, 2);
}

static void test_who_gives_up_leaves_the_actor_unless_they_are_linked(void **state)
{
	members_start(state);
	for (int by = 0; by < 2; by++) {
		assert_int_equal(spawn_by(by, group_of(!by), "guest", "slow", "plain", 20).r, -ETIMEDOUT);
		await_told(!by, "slow:in ");
		/* its wait in init ends, and so does the actor */
		assert_int_equal(spawn_by(by, group_of(!by), "guest", "slow", "link", 20).r, -ETIMEDOUT);
		await_told(!by, "slow:in slow:in ");
		await_alive(!by, 2);
		assert_int_equal(ask_int(!by, "go", ""), 0);
		assert_int_equal(spawn_by(by, group_of(!by), "guest", "stay", "plain", LONG_MS).r, 0);
		await_alive(!by, 3);
		forget(!by);
	}
}

static void test_who_is_killed_meanwhile_leaves_the_actor_unless_they_are_linked(void **state)
{
	members_start(state);
	for (int by = 0; by < 2; by++) {
		for (int linked = 0; linked < 2; linked++) {
			actor_ref asker = ref_of(refs[by], "asker");

			forget(!by);
			assert_int_equal(
				actor_client_cast(client, actor_to(asker), "spawn", "rsssI", group_of(!by),
					"guest", "slow", linked ? "link" : "monitor", (int64_t)LONG_MS),
				0);
			await_told(!by, "slow:in ");
			assert_int_equal(ask_int(by, "kill", "r", asker), 0);
			await_alive(!by, 2);
			if (!linked)
				assert_int_equal(ask_int(!by, "go", ""), 0);
		}
	}
}

static void expect_status(int by, actor_ref who, const char *want)
{
	actor_msg *reply = ask_reply(actor_to(refs[by]), "status", "r", who);
	const char *word;

	assert_int_equal(actor_msg_unpack(reply, "s", &word), 0);
	assert_string_equal(word, want);
	actor_msg_free(reply);
}

static void test_the_status_of_an_actor_of_another_group_is_known(void **state)
{
	struct spawned s;

	members_start(state);
	for (int by = 0; by < 2; by++) {
		s = spawn_by(by, group_of(!by), "guest", "stay", "plain", LONG_MS);
		expect_status(by, s.who, "running");
		assert_int_equal(
			actor_client_call(client, actor_to(s.who), "$sys_suspend", LONG_MS, NULL, ""), 0);
		expect_status(by, s.who, "suspended");
		assert_int_equal(ask_int(by, "kill", "r", s.who), 0);
		expect_status(by, s.who, "dead");
		s.who.group += 1000;
		expect_status(by, s.who, "dead");
	}
	expect_status(0, group_of(1), actor_strerror(-EINVAL));
}

static void test_the_groups_end_in_the_middle_ends_the_wait(void **state)
{
	members_start(state);
	assert_int_equal(spawn_by(0, group_of(1), "guest", "die", "link", LONG_MS).r, -ECONNRESET);
	await_told(0, "");
}

#define fact_of(test, mode)                                                                                  \
	{                                                                                                    \
#test " (" mode ")", test, members_setup, members_teardown, (void *)(mode)                   \
	}
#define fact(test) fact_of(test, "direct"), fact_of(test, "single")

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		fact(test_an_actor_is_spawned_in_another_group_with_arguments),
		fact(test_a_refusal_has_a_name_and_leaves_nothing),
		fact(test_the_limit_is_of_living_guests),
		fact(test_one_that_ends_right_after_its_init_is_told_once_with_its_cause),
		fact(test_the_two_ends_of_a_link_end_together),
		fact(test_who_gives_up_leaves_the_actor_unless_they_are_linked),
		fact(test_who_is_killed_meanwhile_leaves_the_actor_unless_they_are_linked),
		fact(test_the_status_of_an_actor_of_another_group_is_known),
		fact(test_the_groups_end_in_the_middle_ends_the_wait),
	};

	if (argc == 3)
		return member_run(&member, argv[1], argv[2]);
	return run_facts(tests);
}

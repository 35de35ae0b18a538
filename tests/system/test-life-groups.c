/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for actors of other processes, and draining them, over direct links and by the broker. ACTOR_BROKER
 * is the broker's program. This program is also the members: `test-life-groups direct|single NAME`.
 */
#include "tests/system/members.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libactor/actor/actor-internal.h"
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

static int worker_note(actor *self, const actor_msg *msg)
{
	const char *text;

	if (actor_msg_unpack(msg, "s", &text) < 0)
		return -EINVAL;
	tell("note", text);
	return 0;
}

static int worker_ask(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "i", 0);
}

static int worker_linger(actor *self, const actor_msg *msg)
{
	tell("linger", "in");
	while (!may_go && actor_sleep(self, 1) == 0)
		;
	return 0;
}

static void worker_terminate(actor *self, const struct actor_cause *cause)
{
	tell("end", cause->reason);
}

static const struct actor_method worker_methods[] = {{.name = "note", .on_cast = worker_note},
	{.name = "ask", .on_call = worker_ask}, {.name = "linger", .on_cast = worker_linger}, {0}};
static const struct actor_behavior worker_behavior = {
	.name = "worker", .methods = worker_methods, .terminate = worker_terminate};

static int on_worker(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref worker;
	int r = actor_spawn(self, &worker_behavior, NULL, &worker);

	return r < 0 ? r : actor_reply(from, "r", worker);
}

static int on_who(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "r", actor_self(self));
}

static int on_told(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "s", told);
}

static int on_go(actor *self, const actor_msg *msg, actor_from *from)
{
	may_go = true;
	return actor_reply(from, "i", 0);
}

/* [who, how, timeout] → the result and the reason of the end; how: wait, stop, kill, drain */
static int on_end(actor *self, const actor_msg *msg, actor_from *from)
{
	struct actor_cause cause = {.reason = ""};
	const char *how;
	int64_t ms;
	actor_ref who;
	int r;

	if (actor_msg_unpack(msg, "rsI", &who, &how, &ms) < 0)
		return -EINVAL;
	if (!strcmp(how, "stop"))
		r = actor_stop_and_wait(self, who, "enough", ms, &cause);
	else if (!strcmp(how, "kill"))
		r = actor_kill_and_wait(self, who, ms, &cause);
	else if (!strcmp(how, "drain"))
		r = actor_drain_and_wait(self, who, ms, &cause);
	else
		r = actor_wait(self, who, ms, &cause);
	assert_int_equal(actor_group_of(self)->monitors.n_items, 0);
	return actor_reply(from, "[is]", r, cause.reason);
}

/* [who] does to @who what could end an actor. */
static int on_attack(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref who;

	if (actor_msg_unpack(msg, "r", &who) < 0)
		return -EINVAL;
	assert_int_equal(actor_link(self, who), 0);
	assert_int_equal(actor_stop(self, who, "attack"), 0);
	assert_int_equal(actor_drain(self, who), 0);
	assert_int_equal(actor_exit(self, who, "attack"), 0);
	assert_int_equal(actor_exit(self, who, "kill"), 0);
	assert_int_equal(actor_kill(self, who), 0);
	assert_int_equal(actor_reply(from, "i", 0), 0);
	return actor_stop(self, actor_self(self), "attack"); /* and by the link */
}

/* [who] → what a call of it returned */
static int on_call(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref who;

	if (actor_msg_unpack(msg, "r", &who) < 0)
		return -EINVAL;
	return actor_reply(from, "i", actor_call(self, actor_to(who), "ask", LONG_MS, NULL, ""));
}

static const struct actor_method methods[] = {{.name = "who", .on_call = on_who},
	{.name = "worker", .on_call = on_worker}, {.name = "told", .on_call = on_told},
	{.name = "go", .on_call = on_go}, {.name = "end", .on_call = on_end},
	{.name = "call", .on_call = on_call}, {.name = "attack", .on_call = on_attack}, {0}};
static const struct actor_behavior member = {.name = "member", .methods = methods};

/* ---- asking them ---- */

static actor_ref worker_of(int i)
{
	actor_msg *reply = ask_reply(actor_to(refs[i]), "worker", "");
	actor_ref ref = ACTOR_NOBODY;

	assert_int_equal(actor_msg_unpack(reply, "r", &ref), 0);
	actor_msg_free(reply);
	return ref;
}

static void expect_end(int i, actor_ref who, const char *how, int64_t ms, int result, const char *reason)
{
	actor_msg *reply = ask_reply(actor_to(refs[i]), "end", "rsI", who, how, ms);
	const char *text;
	int r;

	assert_int_equal(actor_msg_unpack(reply, "[is]", &r, &text), 0);
	assert_int_equal(r, result);
	assert_string_equal(text, reason);
	actor_msg_free(reply);
}

static void await_told(int i, const char *want)
{
	bool same = false;

	for (int tries = 0; !same && tries < LONG_MS; tries++) {
		actor_msg *reply = ask_reply(actor_to(refs[i]), "told", "");
		const char *text;

		assert_int_equal(actor_msg_unpack(reply, "s", &text), 0);
		same = !strcmp(text, want);
		actor_msg_free(reply);
		if (!same)
			usleep(1000);
	}
	assert_true(same);
}

static void members_start(void **state)
{
	member_start_as(0, "direct");
	member_start_as(1, *state);
}

/* ---- facts ---- */

static void test_who_waits_in_another_process_gets_the_cause(void **state)
{
	actor_ref who, gone;

	members_start(state);
	gone = who = worker_of(1);
	expect_end(0, who, "wait", 0, -ETIMEDOUT, "");
	expect_end(0, who, "stop", LONG_MS, 0, "enough");
	expect_end(0, worker_of(1), "kill", LONG_MS, 0, "killed");
	expect_end(0, worker_of(1), "drain", LONG_MS, 0, "normal");
	expect_end(0, gone, "wait", LONG_MS, 0, "noproc");
	expect_end(0, gone, "stop", LONG_MS, 0, "noproc");
	expect_end(1, worker_of(0), "drain", LONG_MS, 0, "normal");
	await_told(1, "end:enough end:normal ");
}

static void test_an_actor_of_another_process_works_off_its_queue_and_takes_nothing_more(void **state)
{
	actor_ref who;

	members_start(state);
	who = worker_of(1);
	assert_int_equal(actor_client_cast(client, actor_to(who), "linger", ""), 0);
	await_told(1, "linger:in ");
	assert_int_equal(actor_client_cast(client, actor_to(who), "note", "s", "before"), 0);
	await_told(1, "linger:in "); /* so the note is there: it is before this on the link */
	/* The drain does its work although the wait for it is over. */
	expect_end(0, who, "drain", 1, -ETIMEDOUT, "");
	assert_int_equal(ask_int(0, "call", "r", who), -ESHUTDOWN);
	assert_int_equal(actor_client_call(client, actor_to(who), "ask", LONG_MS, NULL, ""), -ESHUTDOWN);
	assert_int_equal(actor_client_cast(client, actor_to(who), "note", "s", "late"), 0);
	await_told(1, "linger:in ");
	assert_int_equal(ask_int(1, "go", ""), 0);
	await_told(1, "linger:in note:before end:normal ");
}

/* *state: the mode of a client of the fact. */
static void test_a_client_ends_others_and_gets_the_cause(void **state)
{
	actor_client *mine = client_new(strcmp(*state, "single") ? ACTOR_JOIN_DIRECT : ACTOR_JOIN_BROKER);
	struct actor_cause cause;
	actor_ref who, gone;
	uint64_t monitor;

	member_start_as(0, "direct");
	gone = who = worker_of(0);
	assert_int_equal(actor_client_wait(mine, who, 0, &cause), -ETIMEDOUT);
	assert_int_equal(actor_client_wait(mine, who, 20, NULL), -ETIMEDOUT);
	assert_int_equal(actor_client_monitor(mine, who, &monitor), 0);
	assert_true(actor_client_demonitor(mine, monitor));
	assert_false(actor_client_demonitor(mine, monitor));
	assert_int_equal(actor_client_stop_and_wait(mine, who, "enough", LONG_MS, &cause), 0);
	assert_string_equal(cause.reason, "enough");
	assert_int_equal(actor_client_kill_and_wait(mine, worker_of(0), LONG_MS, &cause), 0);
	assert_string_equal(cause.reason, "killed");
	assert_int_equal(actor_client_drain_and_wait(mine, worker_of(0), LONG_MS, &cause), 0);
	assert_string_equal(cause.reason, "normal");
	assert_int_equal(actor_client_wait(mine, gone, LONG_MS, &cause), 0);
	assert_string_equal(cause.reason, "noproc");
	who = worker_of(0);
	assert_int_equal(actor_client_stop(mine, who, "go"), 0);
	assert_int_equal(actor_client_wait(mine, who, LONG_MS, NULL), 0);
	who = worker_of(0);
	assert_int_equal(actor_client_kill(mine, who), 0);
	assert_int_equal(actor_client_wait(mine, who, LONG_MS, NULL), 0);
	who = worker_of(0);
	assert_int_equal(actor_client_drain(mine, who), 0);
	assert_int_equal(actor_client_wait(mine, who, LONG_MS, NULL), 0);
	who = worker_of(0);
	assert_int_equal(actor_client_exit(mine, who, "over"), 0);
	assert_int_equal(actor_client_wait(mine, who, LONG_MS, NULL), 0);
	await_told(0, "end:enough end:normal end:go end:normal end:over ");
	assert_int_equal(actor_client_wait(mine, actor_client_self(mine), 0, NULL), -EDEADLK);
	assert_int_equal(actor_client_kill(mine, actor_client_self(mine)), -EDEADLK);
	assert_int_equal(actor_client_wait(mine, ACTOR_NOBODY, 0, NULL), -EINVAL);
	/* No DOWN came of all that. */
	assert_int_equal(actor_client_receive(mine, 0, NULL, NULL, NULL, NULL), -ETIMEDOUT);
	actor_client_free(mine);
}

/* What it waits for ends with the whole process, at once. */
static void test_a_client_hears_of_the_end_of_the_process_for_whose_actor_it_waits(void **state)
{
	struct actor_cause cause;
	actor_ref who;

	members_start(state);
	who = worker_of(1);
	assert_int_equal(actor_client_cast(client, actor_to(who), "linger", ""), 0);
	await_told(1, "linger:in ");
	assert_int_equal(kill(pids[1], SIGKILL), 0);
	assert_int_equal(actor_client_stop_and_wait(client, who, NULL, LONG_MS, &cause), 0);
	assert_false(actor_cause_is_clean(&cause));
}

static void test_a_client_is_not_ended_by_what_others_send(void **state)
{
	actor_ref me = actor_client_self(client);
	struct actor_cause cause;

	members_start(state);
	assert_int_equal(ask_int(1, "attack", "r", me), 0);
	assert_int_equal(actor_client_wait(client, refs[1], LONG_MS, NULL), 0);
	assert_int_equal(actor_client_call(client, actor_to(refs[0]), "told", LONG_MS, NULL, ""), 0);
	assert_int_equal(actor_client_kill_and_wait(client, worker_of(0), LONG_MS, &cause), 0);
	assert_string_equal(cause.reason, "killed");
	assert_int_equal(ask_int(0, "call", "r", me), -EREMOTEIO); /* it is asked, and answers */
}

#define fact_of(test, mode)                                                                                  \
	{                                                                                                    \
#test " (" mode ")", test, members_setup, members_teardown, (void *)(mode)                   \
	}
#define fact(test) fact_of(test, "direct"), fact_of(test, "single")

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		fact(test_who_waits_in_another_process_gets_the_cause),
		fact(test_an_actor_of_another_process_works_off_its_queue_and_takes_nothing_more),
		fact(test_a_client_ends_others_and_gets_the_cause),
		fact(test_a_client_hears_of_the_end_of_the_process_for_whose_actor_it_waits),
		fact(test_a_client_is_not_ended_by_what_others_send),
	};

	if (argc == 3)
		return member_run(&member, argv[1], argv[2]);
	return run_facts(tests);
}

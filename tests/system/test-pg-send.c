/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to process groups over real processes beside a real broker: to one member, to all. */
#include "tests/system/pg-world.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tests/fact.h"

static void test_a_cast_to_all_comes_to_each_once(void **state)
{
	for (int i = 0; i < 3; i++)
		member_start(i);
	actor_msg_free(ask_reply(actor_to(refs[1]), "extra", "si", "pool", 3));
	actor_msg_free(ask_reply(actor_to(refs[2]), "extra", "si", "pool", 2));
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask_int(2, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(0, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(0, "cast_all", "sii", "pool", 10, 8), 0);
	expect_notes(0, 10, 10);
	expect_notes(1, 0, 30);
	expect_notes(2, 10, 30);
	/* The same from a client, by the broker and over its own links. */
	assert_int_equal(
		actor_client_cast(client, actor_to_pg_all(NULL, "pool"), "note", "y#", "", (size_t)0), 0);
	expect_notes(1, 0, 33);
	expect_notes(2, 11, 33);
	assert_int_equal(ask_int(0, "cast_all", "sii", "nobody", 10, 8), 0);
	assert_int_equal(
		actor_client_call(client, actor_to_pg_all(NULL, "pool"), "who", LONG_MS, NULL, ""), -EINVAL);
}

static void test_a_cast_to_all_waits_for_a_busy_member_and_loses_nothing(void **state)
{
	member_start(0);
	member_start(1);
	member_start(2);
	assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(2, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(actor_client_cast(client, actor_to(refs[1]), "compute", ""), 0);
	assert_int_equal(actor_client_flush(client, LONG_MS), 0);
	/*
	 * These are more than the busy member and its socket take: the sender is held up, and nobody gets the
	 * last one.
	 */
	assert_int_equal(ask_int(0, "cast_all", "sii", "pool", 100000, 1000), -EBUSY);
	kill(pids[1], SIGUSR1);
	for (int tries = 0; tries < LONG_MS; tries++) {
		int64_t one, other;

		one = notes_of(1, NULL);
		other = notes_of(2, NULL);
		if (one == other && one > 0)
			break;
		usleep(1000);
	}
	assert_int_equal(notes_of(1, NULL), notes_of(2, NULL));
}

/*
 * The client has a single link, so the casts go by the broker. With @how 0 one member is busy, and takes
 * nothing while its process reads. With @how 1 its whole process stands still.
 */
static void test_a_cast_to_all_by_the_broker_waits_for_a_busy_member_and_loses_nothing(void **state)
{
	char kilobyte[1000] = "";

	for (int i = 0; i < 3; i++)
		member_start(i);
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask_int(i, "join", "ss", "pg", "pool"), 0);
	actor_client_free(client);
	client = client_new(ACTOR_JOIN_BROKER);
	for (int how = 0; how < 2; how++) {
		int64_t n_before = notes_of(2, NULL), n = 0;
		int n_refused = 0;

		if (how)
			kill(pids[0], SIGSTOP);
		else
			assert_int_equal(
				actor_client_cast(client, actor_to(refs[0]), "wait_for_usr1", ""), 0);
		while (n < 40000) {
			int r = actor_client_cast(client, actor_to_pg_all(NULL, "pool"), "note", "y#",
				(const void *)kilobyte, sizeof(kilobyte));

			if (r == 0) {
				n++;
				continue;
			}
			assert_int_equal(r, -EBUSY);
			assert_true(n_refused++ < 3);
			kill(pids[0], how ? SIGCONT : SIGUSR1);
		}
		assert_true(n_refused > 0);
		for (int i = 0; i < 3; i++)
			expect_notes(i, n_before + n, n_before + n);
	}
}

static void test_messages_to_one_of_them_go_round(void **state)
{
	struct seen seen;
	int64_t first;

	for (int i = 0; i < 3; i++)
		member_start(i);
	assert_int_equal(ask_int(0, "cast_one", "ssi", "pool", "any", 1), -ESRCH);
	assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(2, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(0, "cast_one", "ssi", "pool", "any", 10), 0);
	expect_notes(1, 5, 5);
	expect_notes(2, 5, 5);
	assert_int_equal(ask_int(0, "cast_one", "ssi", "pool", "random", 100), 0);
	for (int tries = 0; tries < LONG_MS && notes_of(1, NULL) + notes_of(2, NULL) < 110; tries++)
		usleep(1000);
	assert_in_range(notes_of(1, NULL), 6, 104); /* by chance this fails once in 2^99 times */
	/* A key goes to the same member, whoever sends it. */
	first = notes_of(1, NULL);
	assert_int_equal(ask_int(0, "cast_one", "ssi", "pool", "key", 10), 0);
	assert_int_equal(ask_int(2, "cast_one", "ssi", "pool", "key", 10), 0);
	for (int tries = 0; tries < LONG_MS && notes_of(1, NULL) + notes_of(2, NULL) < 130; tries++)
		usleep(1000);
	assert_true(notes_of(1, NULL) == first || notes_of(1, NULL) == first + 20);
	seen = members_of(0, "pool");
	assert_int_equal(seen.n, 2);
}

static void test_the_least_busy_one_is_asked(void **state)
{
	actor_ref got[3];
	actor_msg *reply;
	int r;

	for (int i = 0; i < 3; i++)
		member_start(i);
	assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(2, "join", "ss", "pg", "pool"), 0);
	reply = ask_reply(actor_to(refs[0]), "least", "s", "pool");
	assert_int_equal(actor_msg_unpack(reply, "[irrr]", &r, &got[0], &got[1], &got[2]), 0);
	actor_msg_free(reply);
	assert_int_equal(r, 0);
	assert_true(actor_ref_equal(got[0], got[1]) && actor_ref_equal(got[1], got[2]));
	kill(pids[1], SIGUSR1);
	kill(pids[2], SIGUSR1);
}

static actor_ref extra_in(int member, const char *group)
{
	actor_msg *reply = ask_reply(actor_to(refs[member]), "extra", "si", group, 1);
	actor_ref extra;

	assert_int_equal(actor_msg_unpack(reply, "r", &extra), 0);
	actor_msg_free(reply);
	return extra;
}

/* Member 0 takes an actor for a member that has ended: nobody is told while the broker stands still. */
static void expect_another_is_asked(const char *how)
{
	int n_answered, r;
	actor_msg *reply;
	actor_ref extra;

	member_start(0);
	member_start(1);
	assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	extra = extra_in(1, "pool");
	/* they know each other */
	actor_msg_free(ask_reply(actor_to(refs[0]), "call_one", "sis", "pool", 2, "call"));
	kill(broker_pid, SIGSTOP);
	assert_int_equal(actor_client_cast(client, actor_to(extra), "leave_us", ""), 0);
	while (actor_client_call(client, actor_to(extra), "who", LONG_MS, NULL, "") == 0)
		;
	reply = ask_reply(actor_to(refs[0]), "call_one", "sis", "pool", 10, how);
	assert_int_equal(actor_msg_unpack(reply, "[ii]", &n_answered, &r), 0);
	actor_msg_free(reply);
	kill(broker_pid, SIGCONT);
	assert_int_equal(n_answered, 10);
	assert_int_equal(r, 0);
}

static void test_a_call_to_a_member_that_has_ended_is_made_to_another(void **state)
{
	expect_another_is_asked("call");
}

static void test_a_request_to_a_member_that_has_ended_is_made_to_another(void **state)
{
	expect_another_is_asked("request");
}

static void test_a_request_by_load_to_a_member_that_has_ended_is_made_to_another(void **state)
{
	expect_another_is_asked("request by least load");
}

static void test_one_of_many_calls_to_a_member_that_has_ended_is_made_to_another(void **state)
{
	expect_another_is_asked("multicall");
}

static void test_one_of_many_calls_by_load_to_a_member_that_has_ended_is_made_to_another(void **state)
{
	expect_another_is_asked("multicall by least load");
}

static void test_a_request_is_given_up_while_another_target_is_awaited(void **state)
{
	actor_msg *reply;
	actor_ref extra;
	bool was_open;
	int r;

	member_start(0);
	member_start(1);
	extra = extra_in(1, "pool");
	actor_msg_free(ask_reply(actor_to(extra), "take_name", "s", "first"));
	actor_msg_free(ask_reply(actor_to(refs[0]), "call_one", "sis", "pool", 2, "call"));
	assert_int_equal(ask_int(0, "ask_named", "s", "first"), 0);
	kill(broker_pid, SIGSTOP);
	assert_int_equal(actor_client_cast(client, actor_to(extra), "leave_us", ""), 0);
	while (actor_client_call(client, actor_to(extra), "who", LONG_MS, NULL, "") == 0)
		;
	reply = ask_reply(actor_to(refs[0]), "give_up", "sr", "first", refs[1]);
	assert_int_equal(actor_msg_unpack(reply, "[ib]", &r, &was_open), 0);
	actor_msg_free(reply);
	kill(broker_pid, SIGCONT);
	assert_int_equal(r, 0);
	assert_true(was_open);
	assert_int_equal(ask_int(0, "join", "ss", "pg", "pool"), 0); /* it goes on */
}

static void test_a_member_that_denies_itself_is_asked_once(void **state)
{
	int64_t one, other;
	int n_answered, r;
	actor_msg *reply;

	for (int i = 0; i < 3; i++)
		member_start(i);
	assert_int_equal(ask_int(0, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(
		actor_client_call(client, actor_to_pg(NULL, "pool"), "deny", LONG_MS, NULL, ""), -ESRCH);
	for (int n = 1; n <= 3; n++) {
		(void)notes_of(0, &one);
		(void)notes_of(1, &other);
		assert_int_equal(one + other, n);
		assert_int_equal(members_of(0, "pool").n, 2);
		if (n == 3)
			break;
		reply = ask_reply(actor_to(refs[2]), "call_one", "sis", "pool", 1,
			n == 1 ? "request, deny" : "multicall, deny");
		assert_int_equal(actor_msg_unpack(reply, "[ii]", &n_answered, &r), 0);
		actor_msg_free(reply);
		assert_int_equal(r, -ESRCH);
	}
}

static void test_a_cast_to_all_passes_by_who_is_ending(void **state)
{
	member_start(0);
	assert_int_equal(ask_int(0, "cast_while_ending", "s", "pool"), 0);
}

static void test_each_of_many_asked_is_a_reply_or_a_failure(void **state)
{
	int n, r[6], n_nobody;
	actor_ref dead;
	actor_msg *reply;
	int64_t n_members;

	for (int i = 0; i < 4; i++)
		member_start(i);
	dead = refs[3];
	member_end(3, SIGKILL);
	assert_int_equal(actor_client_cast(client, actor_to(refs[2]), "compute", ""), 0);
	assert_int_equal(actor_client_flush(client, LONG_MS), 0);
	reply = ask_reply(actor_to(refs[0]), "multicall", "rrr", refs[1], dead, refs[2]);
	assert_int_equal(actor_msg_unpack(reply, "[iiiiiiii]", &n, &r[0], &r[1], &r[2], &r[3], &r[4], &r[5],
				 &n_nobody),
		0);
	actor_msg_free(reply);
	assert_int_equal(n, 2);
	assert_int_equal(r[0], 0);
	assert_int_equal(r[1], -ESRCH);
	assert_int_equal(r[2], -ESRCH);
	assert_int_equal(r[3], -ETIMEDOUT);
	assert_int_equal(r[4], -EDEADLK);
	assert_int_equal(r[5], 0);
	assert_int_equal(n_nobody, 1);
	kill(pids[2], SIGUSR1);
	/* Each member is asked once. */
	actor_msg_free(ask_reply(actor_to(refs[1]), "extra", "si", "pool", 5));
	assert_int_equal(ask_int(2, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(2, "join", "ss", "pg", "pool"), 0);
	reply = ask_reply(actor_to(refs[0]), "multicall_all", "s", "pool");
	assert_int_equal(actor_msg_unpack(reply, "[iI]", &n, &n_members), 0);
	actor_msg_free(reply);
	assert_int_equal(n, 6);
	assert_int_equal(n_members, 6);
	reply = ask_reply(actor_to(refs[0]), "multicall_all", "s", "nobody");
	assert_int_equal(actor_msg_unpack(reply, "[iI]", &n, &n_members), 0);
	actor_msg_free(reply);
	assert_int_equal(n, 0);
	assert_int_equal(n_members, 0);
}

static void test_a_call_waits_for_a_name(void **state)
{
	actor_ref old;

	member_start(0);
	assert_int_equal(ask_int(0, "whereis_wait", "sI", "m1", (int64_t)50), -ETIMEDOUT);
	member_start(1); /* its first call waits for its name */
	assert_int_equal(ask_int(0, "whereis_wait", "sI", "m1", (int64_t)LONG_MS), 0);
	old = refs[1];
	/* A call also waits for an actor that is started again. */
	member_end(1, SIGKILL);
	member_start(1);
	assert_false(actor_ref_equal(old, refs[1]));
	assert_int_equal(
		actor_client_call(client, actor_named_wait("nobody"), "who", 50, NULL, ""), -ETIMEDOUT);
	assert_int_equal(actor_client_call(client, actor_named_wait(""), "who", 50, NULL, ""), -EINVAL);
}

static void test_who_has_one_link_uses_the_broker(void **state)
{
	actor_msg *reply;
	actor_ref who;

	member_start(0);
	member_start(1);
	assert_int_equal(ask_int(0, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	actor_client_free(client);
	client = client_new(ACTOR_JOIN_BROKER);
	assert_int_equal(actor_client_cast(client, actor_to_pg_all(NULL, "pool"), "note", ""), 0);
	expect_notes(0, 1, 1);
	expect_notes(1, 1, 1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(actor_client_cast(client, actor_to_pg(NULL, "pool"), "note", ""), 0);
	expect_notes(0, 3, 3);
	expect_notes(1, 3, 3);
	reply = ask_reply(actor_to_pg_key(NULL, "pool", "k"), "who", "");
	assert_int_equal(actor_msg_unpack(reply, "r", &who), 0);
	actor_msg_free(reply);
	for (int i = 0; i < 3; i++) {
		actor_ref again;

		reply = ask_reply(actor_to_pg_key(NULL, "pool", "k"), "who", "");
		assert_int_equal(actor_msg_unpack(reply, "r", &again), 0);
		actor_msg_free(reply);
		assert_true(actor_ref_equal(who, again));
	}
	assert_int_equal(
		actor_client_call(client, actor_to_pg(NULL, "nobody"), "who", LONG_MS, NULL, ""), -ESRCH);
	reply = ask_reply(actor_named_wait("m1"), "who", "");
	actor_msg_free(reply);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		fact(test_a_cast_to_all_comes_to_each_once),
		fact(test_a_cast_to_all_waits_for_a_busy_member_and_loses_nothing),
		fact(test_a_cast_to_all_by_the_broker_waits_for_a_busy_member_and_loses_nothing),
		fact(test_messages_to_one_of_them_go_round),
		fact(test_the_least_busy_one_is_asked),
		fact(test_a_call_to_a_member_that_has_ended_is_made_to_another),
		fact(test_a_request_to_a_member_that_has_ended_is_made_to_another),
		fact(test_a_request_by_load_to_a_member_that_has_ended_is_made_to_another),
		fact(test_one_of_many_calls_to_a_member_that_has_ended_is_made_to_another),
		fact(test_one_of_many_calls_by_load_to_a_member_that_has_ended_is_made_to_another),
		fact(test_a_request_is_given_up_while_another_target_is_awaited),
		fact(test_a_member_that_denies_itself_is_asked_once),
		fact(test_a_cast_to_all_passes_by_who_is_ending),
		fact(test_each_of_many_asked_is_a_reply_or_a_failure),
		fact(test_a_call_waits_for_a_name),
		fact(test_who_has_one_link_uses_the_broker),
	};

	if (is_member(argc, argv))
		return member_main(argv);
	return run_facts(tests);
}

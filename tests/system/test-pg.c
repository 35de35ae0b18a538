/* SPDX-License-Identifier: Apache-2.0 */
/* Process groups over real processes beside a real broker: who is a member, and until when. */
#include "tests/system/pg-world.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fact.h"

static void test_members_are_in_the_order_of_joining(void **state)
{
	struct seen seen;

	member_start(0);
	member_start(1);
	assert_int_equal(members_of(0, "pool").n, 0);
	assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(0, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(1, "join", "ss", "other scope", "pool"), 0);
	seen = members_of(0, "pool");
	assert_int_equal(seen.n, 3);
	assert_int_equal(seen.n_local, 1);
	assert_true(actor_ref_equal(seen.refs[0], refs[1]));
	assert_true(actor_ref_equal(seen.refs[1], refs[0]));
	assert_true(actor_ref_equal(seen.refs[2], refs[1]));
	seen = members_of(1, "pool");
	assert_int_equal(seen.n, 3);
	assert_int_equal(seen.n_local, 2);
	assert_true(actor_ref_equal(seen.refs[1], refs[0]));
}

static void test_who_joined_twice_leaves_twice(void **state)
{
	member_start(0);
	member_start(1);
	assert_int_equal(members_of(0, "pool").n, 0);
	assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(ask_int(1, "leave", "ss", "pg", "pool"), 0);
	expect_members(0, "pool", 1);
	assert_int_equal(ask_int(1, "leave", "ss", "pg", "pool"), 0);
	expect_members(0, "pool", 0);
	assert_int_equal(ask_int(1, "leave", "ss", "pg", "pool"), -ESRCH);
	assert_int_equal(ask_int(1, "leave", "ss", "pg", "never heard of"), -ESRCH);
	assert_int_equal(ask_int(1, "join", "ss", "", "pool"), -EINVAL);
	assert_int_equal(ask_int(1, "join", "ss", "pg", ""), -EINVAL);
}

static void test_bad_input_is_refused_and_nobody_is_hurt(void **state)
{
	char name[257];

	member_start(0);
	member_start(1);
	memset(name, 'n', 256);
	name[256] = 0;
	assert_int_equal(ask_int(0, "join", "ss", "pg", name), -EINVAL);
	assert_int_equal(ask_int(0, "join", "ss", name, "pool"), -EINVAL);
	assert_int_equal(ask_int(0, "leave", "ss", "pg", name), -EINVAL);
	assert_int_equal(ask_int(0, "join", "ss", "pg", "a\x01 b"), -EINVAL);
	assert_int_equal(ask_int(0, "join_fat", "I", (int64_t)5000), -EMSGSIZE);
	assert_int_equal(ask_int(0, "join_fat", "I", (int64_t)2 << 20), -EMSGSIZE);
	assert_int_equal(members_of(1, "fat").n, 0);
	assert_int_equal(members_of(0, "fat").n_local, 0);
	assert_int_equal(ask_int(0, "join_fat", "I", (int64_t)4000), 0);
	expect_members(1, "fat", 1);
	/* The last member dies now. */
	assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	actor_msg_free(ask_reply(actor_to_pg(NULL, "pool"), "who", ""));
	member_end(1, SIGKILL);
	for (int r = 0; r != -ESRCH;) {
		r = actor_client_call(client, actor_to_pg(NULL, "pool"), "who", LONG_MS, NULL, "");
		assert_true(r == -ECONNRESET || r == -ESRCH);
	}
}

static void test_looking_again_asks_nobody(void **state)
{
	member_start(0);
	assert_int_equal(ask_int(0, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(members_of(0, "pool").n, 1);
	kill(broker_pid, SIGSTOP);
	assert_int_equal(members_of(0, "pool").n, 1);
	kill(broker_pid, SIGCONT);
}

static void test_an_ended_member_is_gone_before_its_down(void **state)
{
	actor_msg *reply;
	actor_ref extra;

	for (int i = 0; i < 3; i++)
		member_start(i);
	assert_int_equal(ask_int(0, "join", "ss", "pg", "pool"), 0);
	reply = ask_reply(actor_to(refs[1]), "extra", "si", "pool", 1);
	assert_int_equal(actor_msg_unpack(reply, "r", &extra), 0);
	actor_msg_free(reply);
	assert_int_equal(members_of(0, "pool").n, 2);
	assert_int_equal(members_of(2, "pool").n, 2);
	assert_int_equal(ask_int(0, "watch", "rs", extra, "pool"), 0);
	assert_int_equal(actor_client_cast(client, actor_to(extra), "leave_us", ""), 0);
	for (int64_t n = -1; n < 0;) {
		reply = ask_reply(actor_to(refs[0]), "at_down", "");
		assert_int_equal(actor_msg_unpack(reply, "I", &n), 0);
		actor_msg_free(reply);
		if (n >= 0)
			assert_int_equal(n, 1);
	}
	expect_members(2, "pool", 1); /* m2 monitors nobody, so the broker tells it */
}

static int64_t at_down_of(int i)
{
	actor_msg *reply = ask_reply(actor_to(refs[i]), "at_down", "");
	int64_t n = -1;

	assert_int_equal(actor_msg_unpack(reply, "I", &n), 0);
	actor_msg_free(reply);
	return n;
}

static void test_who_ends_is_a_member_of_nothing_though_the_broker_stood_still(void **state)
{
	actor_msg *reply;
	actor_ref extra;
	int64_t n;

	member_start(0);
	member_start(1);
	reply = ask_reply(actor_to(refs[1]), "extra", "si", "pool", 1);
	assert_int_equal(actor_msg_unpack(reply, "r", &extra), 0);
	actor_msg_free(reply);
	assert_int_equal(members_of(0, "pool").n, 1);
	assert_int_equal(ask_int(0, "watch", "rs", extra, "pool"), 0);
	kill(broker_pid, SIGSTOP);
	assert_int_equal(actor_client_cast(client, actor_to(extra), "leave_us", ""), 0);
	assert_int_equal(actor_client_receive(client, STILL_MS, NULL, NULL, NULL, NULL), -ETIMEDOUT);
	assert_int_equal(at_down_of(0), -1);
	kill(broker_pid, SIGCONT);
	while ((n = at_down_of(0)) < 0)
		usleep(1000);
	assert_int_equal(n, 0);
}

static void test_members_of_a_killed_process_are_gone_before_its_down(void **state)
{
	actor_msg *reply;

	member_start(0);
	member_start(1);
	assert_int_equal(ask_int(0, "join", "ss", "pg", "pool"), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	assert_int_equal(members_of(0, "pool").n, 4);
	assert_int_equal(ask_int(0, "watch", "rs", refs[1], "pool"), 0);
	member_end(1, SIGKILL);
	for (int64_t n = -1; n < 0;) {
		reply = ask_reply(actor_to(refs[0]), "at_down", "");
		assert_int_equal(actor_msg_unpack(reply, "I", &n), 0);
		actor_msg_free(reply);
		if (n >= 0)
			assert_int_equal(n, 1);
	}
}

/*
 * m0 has an actor that m1 watches. It joins "late" while the broker stands still, waits for the answer, and
 * is killed.
 */
static void kill_one_that_joins(void)
{
	actor_msg *reply;
	actor_ref lone;
	int status;

	member_start(0);
	member_start(1);
	reply = ask_reply(actor_to(refs[0]), "lone", "");
	assert_int_equal(actor_msg_unpack(reply, "r", &lone), 0);
	actor_msg_free(reply);
	actor_msg_free(ask_reply(actor_to(refs[1]), "monitor", "ss", "pg", "late"));
	assert_int_equal(ask_int(1, "watch", "rs", lone, "late"), 0);
	kill(broker_pid, SIGSTOP);
	assert_int_equal(waitpid(broker_pid, &status, WUNTRACED), broker_pid);
	assert_int_equal(actor_client_cast(client, actor_to(lone), "join_quietly", "s", "late"), 0);
	actor_msg_free(ask_reply(actor_to(refs[0]), "who", "")); /* the actor has asked, and waits */
	assert_int_equal(ask_int(0, "kill", "r", lone), 0);
	actor_msg_free(ask_reply(actor_to(refs[0]), "who", "")); /* the actor has run since its kill */
}

/* Reads what m1 hears until it has heard DOWN. */
static void await_down(char text[4096])
{
	for (int tries = 0; tries < LONG_MS && !strstr(text, "DOWN"); tries++) {
		events_of(1, text);
		usleep(1000);
	}
	assert_non_null(strstr(text, "DOWN"));
}

/* Reads what m1 hears until the broker has handled all that the two have said. */
static void hear_the_rest(char text[4096])
{
	actor_msg_free(ask_reply(actor_to(refs[0]), "groups", "s", "pg"));
	actor_msg_free(ask_reply(actor_to(refs[1]), "groups", "s", "pg"));
	events_of(1, text);
}

static void test_who_is_killed_while_it_joins_is_no_member_after_its_down(void **state)
{
	char text[4096] = "";

	kill_one_that_joins();
	events_of(1, text);
	assert_string_equal(text, ""); /* the broker may still tell of the join, so the end is not told yet */
	kill(broker_pid, SIGCONT);
	await_down(text);
	hear_the_rest(text);
	assert_string_equal(strstr(text, "DOWN"), "DOWN ");
	assert_int_equal(members_of(1, "late").n, 0);
}

static void test_who_is_killed_while_it_joins_does_not_wait_for_a_dead_broker(void **state)
{
	char text[4096] = "";

	kill_one_that_joins();
	reap(broker_pid, SIGKILL);
	await_down(text);
	broker_start();
	hear_the_rest(text);
	assert_string_equal(text, "DOWN ");
	assert_int_equal(members_of(1, "late").n, 0);
}

static void test_the_newest_membership_is_left_first(void **state)
{
	const char *scope, *group, *metadata;
	actor_msg *reply;
	actor_ref who;
	uint64_t id;

	member_start(0);
	member_start(1);
	assert_int_equal(ask_int(1, "join_with", "ss", "pool", "first"), 0);
	assert_int_equal(ask_int(1, "join_with", "ss", "pool", "second"), 0);
	assert_int_equal(ask_int(1, "leave", "ss", "pg", "pool"), 0);
	reply = ask_reply(actor_to(refs[0]), "monitor", "ss", "pg", "pool");
	assert_int_equal(actor_msg_unpack(reply, "[[ss[[rUs]]]]", &scope, &group, &who, &id, &metadata), 0);
	assert_string_equal(metadata, "first");
	actor_msg_free(reply);
}

static void test_groups_and_scopes_are_listed_while_they_have_members(void **state)
{
	uint64_t n_members, n_groups;
	const char *group, *scope;
	actor_msg *reply;

	member_start(0);
	reply = ask_reply(actor_to(refs[0]), "groups", "s", "here");
	assert_int_equal(actor_msg_unpack(reply, "[[][]]"), 0);
	actor_msg_free(reply);
	assert_int_equal(ask_int(0, "join", "ss", "here", "pool"), 0);
	assert_int_equal(ask_int(0, "join", "ss", "here", "pool"), 0);
	reply = ask_reply(actor_to(refs[0]), "groups", "s", "here");
	assert_int_equal(actor_msg_unpack(reply, "[[[sU]][[sU]]]", &group, &n_members, &scope, &n_groups), 0);
	assert_string_equal(group, "pool");
	assert_int_equal(n_members, 2);
	assert_string_equal(scope, "here");
	assert_int_equal(n_groups, 1);
	actor_msg_free(reply);
	for (int i = 0; i < 2; i++)
		assert_int_equal(ask_int(0, "leave", "ss", "here", "pool"), 0);
	reply = ask_reply(actor_to(refs[0]), "groups", "s", "here");
	assert_int_equal(actor_msg_unpack(reply, "[[][]]"), 0);
	actor_msg_free(reply);
}

static void test_others_can_make_an_actor_join_and_leave(void **state)
{
	actor_msg *reply = NULL;

	member_start(0);
	actor_msg_free(ask_reply(actor_to(refs[0]), "$pg_join", "ss", "pg", "pool"));
	assert_int_equal(members_of(0, "pool").n, 1);
	actor_msg_free(ask_reply(actor_to(refs[0]), "$pg_leave", "ss", "pg", "pool"));
	expect_members(0, "pool", 0);
	assert_int_equal(actor_client_call(
				 client, actor_to(refs[0]), "$pg_leave", LONG_MS, &reply, "ss", "pg", "pool"),
		-EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "not_joined");
	actor_msg_free(reply);
	assert_int_equal(actor_client_call(client, actor_to(refs[0]), "$pg_join", LONG_MS, &reply, "s", "pg"),
		-EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "bad_args");
	actor_msg_free(reply);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		fact(test_members_are_in_the_order_of_joining),
		fact(test_who_joined_twice_leaves_twice),
		fact(test_bad_input_is_refused_and_nobody_is_hurt),
		fact(test_looking_again_asks_nobody),
		fact(test_an_ended_member_is_gone_before_its_down),
		fact(test_who_ends_is_a_member_of_nothing_though_the_broker_stood_still),
		fact(test_members_of_a_killed_process_are_gone_before_its_down),
		fact(test_who_is_killed_while_it_joins_is_no_member_after_its_down),
		fact(test_who_is_killed_while_it_joins_does_not_wait_for_a_dead_broker),
		fact(test_the_newest_membership_is_left_first),
		fact(test_groups_and_scopes_are_listed_while_they_have_members),
		fact(test_others_can_make_an_actor_join_and_leave),
	};

	if (is_member(argc, argv))
		return member_main(argv);
	return run_facts(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Monitors of process groups over real processes beside a real broker. */
#include "tests/system/pg-world.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/fact.h"

static void test_a_monitor_lasts_although_the_one_before_ends_while_it_is_made(void **state)
{
	int64_t n = 0;
	char text[4096];

	member_start(0);
	member_start(1);
	actor_msg_free(ask_reply(actor_to(refs[0]), "rival_monitors", ""));
	for (int i = 0; i < LONG_MS && n < 2; i++) {
		assert_int_equal(ask_int(1, "join", "ss", "contested", "pool"), 0);
		assert_int_equal(ask_int(1, "leave", "ss", "contested", "pool"), 0);
		text[0] = 0;
		n += events_of(0, text);
		assert_true(i < 1000);
	}
}

static void test_who_monitors_is_told_of_each_change_once(void **state)
{
	char text[4096], expected[256];
	actor_msg *reply;

	member_start(0);
	member_start(1);
	assert_int_equal(ask_int(1, "join", "ss", "pg", "pool"), 0);
	reply = ask_reply(actor_to(refs[0]), "monitor", "ss", "pg", "pool");
	{
		const char *scope, *group, *metadata = NULL;
		uint64_t id;
		actor_ref who;

		assert_int_equal(
			actor_msg_unpack(reply, "[[ss[[rUo]]]]", &scope, &group, &who, &id, &metadata), 0);
		assert_string_equal(scope, "pg");
		assert_string_equal(group, "pool");
		assert_true(actor_ref_equal(who, refs[1]));
	}
	actor_msg_free(reply);
	assert_int_equal(ask_int(1, "join_with", "ss", "pool", "metadata"), 0);
	assert_int_equal(members_of(0, "another").n, 0);
	assert_int_equal(ask_int(1, "join", "ss", "pg", "another"), 0); /* nobody monitors that group */
	expect_members(0, "another", 1);
	assert_int_equal(ask_int(1, "leave", "ss", "pg", "pool"), 0);
	expect_events(0, 2, text);
	snprintf(expected, sizeof(expected), "+pg/pool %llx -pg/pool %llx ",
		(unsigned long long)refs[1].group, (unsigned long long)refs[1].group);
	assert_string_equal(text, expected);
	member_end(1, SIGKILL);
	expect_events(0, 1, text);
	assert_int_equal(text[0], '-');
	actor_msg_free(ask_reply(actor_to(refs[0]), "demonitor", ""));
	member_start(2);
	assert_int_equal(ask_int(2, "join", "ss", "pg", "pool"), 0);
	expect_events(0, 0, text);
}

static void test_a_scope_and_everything_can_be_monitored(void **state)
{
	char text[4096];

	for (int i = 0; i < 3; i++)
		member_start(i);
	actor_msg_free(ask_reply(actor_to(refs[0]), "monitor", "ss", "here", ""));
	actor_msg_free(ask_reply(actor_to(refs[1]), "monitor", "ss", "", ""));
	assert_int_equal(ask_int(2, "join", "ss", "here", "one"), 0);
	assert_int_equal(ask_int(2, "join", "ss", "there", "two"), 0);
	assert_int_equal(ask_int(2, "leave", "ss", "here", "one"), 0);
	expect_events(0, 2, text);
	expect_events(1, 3, text);
	assert_non_null(strstr(text, "+there/two"));
	actor_msg_free(ask_reply(actor_to(refs[1]), "demonitor", ""));
	assert_int_equal(ask_int(2, "leave", "ss", "there", "two"), 0);
	expect_events(1, 0, text);
}

static void test_memberships_outlive_the_broker_and_only_changes_are_told(void **state)
{
	char text[4096];

	for (int i = 0; i < 4; i++)
		member_start(i);
	for (int i = 1; i < 4; i++)
		assert_int_equal(ask_int(i, "join", "ss", "pg", "pool"), 0);
	actor_msg_free(ask_reply(actor_to(refs[0]), "monitor", "ss", "pg", "pool"));
	reap(broker_pid, SIGKILL);
	member_end(2, SIGKILL); /* there is no broker that could tell it */
	assert_in_range(members_of(0, "pool").n, 2, 3);
	broker_start();
	expect_members(0, "pool", 2);
	member_start(5);
	assert_int_equal(members_of(5, "pool").n, 2);
	assert_int_equal(ask_int(5, "join", "ss", "pg", "pool"), 0);
	expect_events(0, 2, text);
	assert_int_equal(text[0], '-');
	assert_non_null(strchr(text, '+'));
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		fact(test_a_monitor_lasts_although_the_one_before_ends_while_it_is_made),
		fact(test_who_monitors_is_told_of_each_change_once),
		fact(test_a_scope_and_everything_can_be_monitored),
		fact(test_memberships_outlive_the_broker_and_only_changes_are_told),
	};

	if (is_member(argc, argv))
		return member_main(argv);
	return run_facts(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The tests of users (actor/test.h): a group without a node, and a clock that the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <time.h>

#include "actor/test.h"
#include "tests/fact.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

/* ---- an actor of a user ---- */

static int begin_init(actor *self, const void *arg)
{
	if (!arg)
		return 0;
	if (!strcmp(arg, "fails"))
		return -EIO;
	if (!strcmp(arg, "sleeps"))
		return actor_sleep(self, 60000);
	if (!strcmp(arg, "hangs"))
		return actor_call(self, actor_named("silent"), "never", ACTOR_FOREVER, NULL, "");
	return 0;
}

static int echo(actor *self, const actor_msg *msg, actor_from *from)
{
	int64_t n;

	if (actor_msg_unpack(msg, "I", &n) < 0)
		return actor_reply_error(from, "bad_args", "a number");
	return actor_reply(from, "I", n + 1);
}

static int slow(actor *self, const actor_msg *msg, actor_from *from)
{
	int64_t ms;

	assert_int_equal(actor_msg_unpack(msg, "I", &ms), 0);
	if (actor_sleep(self, ms) < 0)
		return 0; /* it was killed */
	return actor_reply(from, "");
}

static int never(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_from_keep(from) ? 0 : -ENOMEM;
}

static int tick(actor *self, const actor_msg *msg)
{
	actor_ref to;
	int64_t ms;

	assert_int_equal(actor_msg_unpack(msg, "Ir", &ms, &to), 0);
	assert_int_equal(actor_send_interval_to(self, ms, actor_to(to), "ticked", NULL, ""), 0);
	return 0;
}

/* Asks who has sent this, and says what the answer was. */
static int ask_back(actor *self, const actor_msg *msg)
{
	actor_dest who = actor_to(actor_msg_sender(msg));
	actor_msg *reply;
	int64_t n = -1;
	int r = actor_call(self, who, "how_many", 1000, &reply, "s", "apples");

	if (r == 0)
		assert_int_equal(actor_msg_unpack(reply, "I", &n), 0);
	actor_msg_free(reply);
	return actor_cast(self, who, "said", "iI", r, n);
}

static int own_name(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref ref = ACTOR_NOBODY;
	const char *name;
	int r, again, found, gone;

	assert_int_equal(actor_msg_unpack(msg, "s", &name), 0);
	r = actor_register(self, name);
	again = actor_register(self, name);
	found = actor_whereis(self, name, &ref);
	assert_true(found < 0 || actor_ref_equal(ref, actor_self(self)));
	assert_int_equal(actor_unregister(self, name), 0);
	gone = actor_whereis(self, name, &ref);
	return actor_reply(from, "[iiii]", r, again, found, gone);
}

static int for_ever(actor *self, const actor_msg *msg)
{
	return actor_cast(self, actor_to(actor_self(self)), "for_ever", "");
}

static int terminated;
static void end(actor *self, const struct actor_cause *cause)
{
	terminated++;
}

static const struct actor_method methods[] = {
	{.name = "echo", .on_call = echo},
	{.name = "slow", .on_call = slow},
	{.name = "never", .on_call = never},
	{.name = "tick", .on_cast = tick},
	{.name = "ask_back", .on_cast = ask_back},
	{.name = "own_name", .on_call = own_name},
	{.name = "for_ever", .on_cast = for_ever},
	{0},
};
static const struct actor_behavior plain = {
	.name = "plain", .init = begin_init, .methods = methods, .terminate = end};

/* ---- each fact has a test of its own, and leaves no descriptor ---- */

static actor_test *test;
static int n_fds_before;

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static int setup(void **state)
{
	actor_test *warm; /* the library keeps some tables for the process */

	assert_int_equal(actor_test_new(&warm), 0);
	actor_test_free(warm);
	n_fds_before = count_fds();
	terminated = 0;
	return actor_test_new(&test);
}

static int teardown(void **state)
{
	assert_null(actor_test_free(test));
	assert_int_equal(count_fds(), n_fds_before);
	return 0;
}

static actor_ref spawn(const char *name)
{
	actor_ref ref;

	assert_int_equal(actor_test_spawn(test, &plain, NULL, name, &ref), 0);
	return ref;
}

/* ---- facts ---- */

static void test_a_call_is_answered_without_a_node(void **state)
{
	actor_ref ref = spawn(NULL);
	actor_msg *reply;
	int64_t n;

	assert_int_equal(actor_test_call(test, actor_to(ref), "echo", &reply, "i", 4), 0);
	assert_int_equal(actor_msg_unpack(reply, "I", &n), 0);
	assert_int_equal(n, 5);
	actor_msg_free(reply);
	assert_int_equal(actor_test_call(test, actor_to(ref), "echo", &reply, "s", "x"), -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "bad_args");
	actor_msg_free(reply);
	assert_int_equal(actor_test_call(test, actor_to(ref), "no\nname", NULL, ""), -EINVAL);
	assert_int_equal(actor_test_time_ms(test), 0);
}

static void test_time_goes_on_only_as_the_test_says(void **state)
{
	const struct timespec pause = {.tv_nsec = 20000000};
	actor_ref ref = spawn(NULL);

	assert_int_equal(
		actor_test_cast(test, actor_to(ref), "tick", "Ir", (int64_t)1000, actor_test_probe(test)), 0);
	assert_int_equal(actor_test_run(test), 0);
	nanosleep(&pause, NULL);
	assert_int_equal(actor_test_advance(test, 999), 0);
	assert_int_equal(actor_test_expect_nothing(test), 0);
	assert_int_equal(actor_test_advance(test, 1), 0);
	assert_int_equal(actor_test_expect(test, "ticked", ""), 0);
	assert_int_equal(actor_test_expect_nothing(test), 0);
	assert_int_equal(actor_test_time_ms(test), 1000);
	assert_int_equal(actor_test_advance(test, -1), -EINVAL);
}

static void test_each_timer_of_a_day_fires_at_its_time(void **state)
{
	struct actor_test_event event;
	actor_ref ref = spawn(NULL);
	int n = 0;

	assert_int_equal(
		actor_test_cast(test, actor_to(ref), "tick", "Ir", (int64_t)60000, actor_test_probe(test)),
		0);
	assert_int_equal(actor_test_advance(test, DAY_MS), 0);
	while (actor_test_next(test, &event))
		n++;
	assert_int_equal(n, 24 * 60);
	assert_int_equal(actor_test_time_ms(test), DAY_MS);
}

static void test_a_call_takes_as_long_as_its_answer_and_no_longer_than_its_time_out(void **state)
{
	actor_ref ref = spawn(NULL);

	assert_int_equal(actor_test_call(test, actor_to(ref), "slow", NULL, "I", (int64_t)3000), 0);
	assert_int_equal(actor_test_time_ms(test), 3000);
	assert_int_equal(actor_test_call(test, actor_to(ref), "never", NULL, ""), -ETIMEDOUT);
	assert_int_equal(actor_test_time_ms(test), 8000);
}

static void test_a_request_is_an_event(void **state)
{
	struct actor_test_event event;
	actor_ref ref = spawn(NULL);
	uint64_t answered, late;
	int64_t n;

	assert_int_equal(actor_test_request(test, actor_to(ref), "echo", 1000, &answered, "i", 1), 0);
	assert_int_equal(actor_test_request(test, actor_to(ref), "never", 1000, &late, ""), 0);
	assert_false(actor_test_next(test, &event));
	assert_int_equal(actor_test_run(test), 0);
	assert_true(actor_test_next(test, &event));
	assert_int_equal(event.kind, ACTOR_TEST_REPLY);
	assert_int_equal(event.id, answered);
	assert_true(actor_ref_equal(event.from, ref));
	assert_int_equal(actor_msg_unpack(event.msg, "I", &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(actor_test_advance(test, 999), 0);
	assert_false(actor_test_next(test, &event));
	assert_int_equal(actor_test_advance(test, 1), 0);
	assert_true(actor_test_next(test, &event));
	assert_int_equal(event.id, late);
	assert_int_equal(event.r, -ETIMEDOUT);
	assert_null(event.msg);
	/* one that is open when the test is freed */
	assert_int_equal(actor_test_request(test, actor_to(ref), "never", ACTOR_FOREVER, NULL, ""), 0);
	assert_int_equal(actor_test_run(test), 0);
}

static void test_the_probe_is_called_and_the_test_answers(void **state)
{
	struct actor_test_event event;
	actor_ref ref = spawn(NULL);
	const char *what;
	int64_t n;
	int r;

	assert_int_equal(actor_test_cast(test, actor_to(ref), "ask_back", ""), 0);
	assert_int_equal(actor_test_run(test), 0);
	assert_true(actor_test_next(test, &event));
	assert_int_equal(event.kind, ACTOR_TEST_CALL);
	assert_string_equal(event.method, "how_many");
	assert_int_equal(actor_msg_unpack(event.msg, "s", &what), 0);
	assert_string_equal(what, "apples");
	assert_int_equal(actor_reply(event.to_reply, "i", 7), 0);
	assert_int_equal(actor_test_expect(test, "said", "iI", &r, &n), 0);
	assert_int_equal(r, 0);
	assert_int_equal(n, 7);
	/* a test that does not answer */
	assert_int_equal(actor_test_cast(test, actor_to(ref), "ask_back", ""), 0);
	assert_int_equal(actor_test_expect(test, "how_many", "s", &what), 0);
	assert_int_equal(actor_test_advance(test, 1000), 0);
	assert_int_equal(actor_test_expect(test, "said", "iI", &r, &n), 0);
	assert_int_equal(r, -ETIMEDOUT);
	/* a call that is open when the test is freed */
	assert_int_equal(actor_test_cast(test, actor_to(ref), "ask_back", ""), 0);
	assert_int_equal(actor_test_run(test), 0);
}

static void test_an_end_is_an_event(void **state)
{
	actor_ref ref = spawn(NULL), other = spawn(NULL);

	assert_int_equal(actor_test_monitor(test, ref, NULL), 0);
	assert_int_equal(actor_test_monitor(test, other, NULL), 0);
	assert_int_equal(actor_test_expect_nothing(test), 0);
	assert_int_equal(actor_test_cast(test, actor_to(ref), "echo", "i", 1), 0); /* no cast: dropped */
	assert_int_equal(actor_test_expect_nothing(test), 0);
	actor_group_stop(actor_test_group(test));
	assert_int_equal(actor_test_expect_down(test, ref, "shutdown"), 0);
	assert_int_equal(actor_test_expect_down(test, other, NULL), 0);
	assert_int_equal(terminated, 2);
}

static void test_names_are_those_of_the_group(void **state)
{
	actor_ref ref = spawn("it"), other;
	int r, again, found, gone;
	actor_msg *reply;

	assert_int_equal(actor_test_call(test, actor_named("it"), "echo", NULL, "i", 1), 0);
	assert_int_equal(actor_test_call(test, actor_named("nobody"), "echo", NULL, "i", 1), -ESRCH);
	assert_int_equal(actor_test_cast(test, actor_named("nobody"), "tick", ""), 0);
	assert_int_equal(actor_test_spawn(test, &plain, NULL, "it", &other), -EEXIST);
	assert_int_equal(actor_test_call(test, actor_to(ref), "own_name", &reply, "s", "mine"), 0);
	assert_int_equal(actor_msg_unpack(reply, "[iiii]", &r, &again, &found, &gone), 0);
	actor_msg_free(reply);
	assert_int_equal(r, 0);
	assert_int_equal(again, -EEXIST);
	assert_int_equal(found, 0);
	assert_int_equal(gone, -ESRCH);
}

static void test_a_spawn_ends_with_init(void **state)
{
	actor_ref ref, silent = spawn("silent");

	assert_int_equal(actor_test_spawn(test, &plain, "fails", NULL, &ref), -EIO);
	assert_int_equal(actor_test_time_ms(test), 0);
	assert_int_equal(actor_test_spawn(test, &plain, "sleeps", NULL, &ref), 0);
	assert_int_equal(actor_test_time_ms(test), 60000);
	assert_int_equal(actor_test_spawn(test, &plain, "hangs", NULL, &ref), -EDEADLK);
	assert_int_equal(actor_test_call(test, actor_to(silent), "echo", NULL, "i", 1), 0);
}

static void test_what_was_expected_and_what_came_is_said(void **state)
{
	actor_ref ref = spawn(NULL);
	const char *what;

	assert_int_equal(actor_test_expect(test, "said", ""), -ENOENT);
	assert_string_equal(actor_test_why(test), "expected said: nothing came");
	assert_int_equal(actor_test_cast(test, actor_to(ref), "ask_back", ""), 0);
	assert_int_equal(actor_test_expect_nothing(test), -EBADMSG);
	assert_non_null(strstr(actor_test_why(test), "expected nothing: the call how_many from <"));
	assert_int_equal(actor_test_expect(test, "said", ""), -EBADMSG);
	assert_non_null(strstr(actor_test_why(test), "expected said: the call how_many from <"));
	assert_int_equal(actor_test_cast(test, actor_to(ref), "ask_back", ""), 0);
	assert_int_equal(actor_test_advance(test, 1000), 0);
	assert_int_equal(actor_test_expect(test, "said", "s", &what), -EPROTO);
	assert_non_null(strstr(actor_test_why(test), "said came with other arguments than \"s\""));
	assert_int_equal(actor_test_expect(test, "how_many", "s", &what), 0);
	assert_string_equal(actor_test_why(test), "");
}

static void test_actors_that_never_rest_are_an_error(void **state)
{
	actor_ref ref = spawn(NULL);

	assert_int_equal(actor_test_cast(test, actor_to(ref), "for_ever", ""), 0);
	assert_int_equal(actor_test_run(test), -ELOOP);
	assert_int_equal(actor_test_monitor(test, ref, NULL), 0);
	actor_group_stop(actor_test_group(test));
	assert_int_equal(actor_test_expect_down(test, ref, NULL), 0);
}

static void test_there_is_one_test_at_a_time(void **state)
{
	actor_test *another;

	assert_int_equal(actor_test_new(&another), -EBUSY);
}

static void test_freeing_ends_actors_that_wait(void **state)
{
	actor_ref ref = spawn(NULL);

	spawn(NULL);
	assert_int_equal(
		actor_test_request(test, actor_to(ref), "slow", 1000, NULL, "I", (int64_t)DAY_MS), 0);
	assert_int_equal(actor_test_run(test), 0);
}

/* Everything that keeps memory, again and again. */
static void test_tests_keep_no_memory(void **state)
{
	size_t before = 0;

	for (int round = 0; round < 60; round++) {
		test_the_probe_is_called_and_the_test_answers(state);
		test_freeing_ends_actors_that_wait(state);
		actor_test_free(test);
		assert_int_equal(actor_test_new(&test), 0);
		if (round == 20)
			before = mallinfo2().uordblks;
	}
	assert_in_range(mallinfo2().uordblks, 0, before + 2048);
}

#define testkit(fact) cmocka_unit_test_setup_teardown(fact, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		testkit(test_a_call_is_answered_without_a_node),
		testkit(test_time_goes_on_only_as_the_test_says),
		testkit(test_each_timer_of_a_day_fires_at_its_time),
		testkit(test_a_call_takes_as_long_as_its_answer_and_no_longer_than_its_time_out),
		testkit(test_a_request_is_an_event),
		testkit(test_the_probe_is_called_and_the_test_answers),
		testkit(test_an_end_is_an_event),
		testkit(test_names_are_those_of_the_group),
		testkit(test_a_spawn_ends_with_init),
		testkit(test_what_was_expected_and_what_came_is_said),
		testkit(test_actors_that_never_rest_are_an_error),
		testkit(test_there_is_one_test_at_a_time),
		testkit(test_freeing_ends_actors_that_wait),
		testkit(test_tests_keep_no_memory),
	};

	return run_facts(tests);
}

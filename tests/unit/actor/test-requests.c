/* SPDX-License-Identifier: Apache-2.0 */
/* Requests between actors of one group, without a node: calls whose callers do not wait in them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "actor/actor.h"
#include "libactor/base/base.h"
#include "tests/fact.h"
#include "tests/unit/story.h"

static actor_from *held[8];
static int n_held;
static uint64_t noted;

static void expect(const char *want)
{
	assert_string_equal(story_log, want);
	story_log[0] = 0;
}

/* ---- whom they ask ---- */

static int on_add(actor *self, const actor_msg *msg, actor_from *from)
{
	int a, b;

	if (actor_msg_unpack(msg, "ii", &a, &b) < 0)
		return actor_reply_error(from, "bad_args", "two ints");
	return actor_reply(from, "i", a + b);
}

static int on_hold(actor *self, const actor_msg *msg, actor_from *from)
{
	held[n_held++] = actor_from_keep(from);
	return 0;
}

/* Answers the calls that it holds, the last one first. */
static int on_let_go(actor *self, const actor_msg *msg)
{
	while (n_held > 0) {
		n_held--;
		(void)actor_reply(held[n_held], "i", n_held);
	}
	return 0;
}

static int on_left(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "I", actor_from_time_left_ms(from));
}

static int on_crash(actor *self, const actor_msg *msg, actor_from *from)
{
	return -EIO;
}

static const struct actor_method server_methods[] = {{.name = "add", .on_call = on_add},
	{.name = "hold", .on_call = on_hold}, {.name = "let_go", .on_cast = on_let_go},
	{.name = "left", .on_call = on_left}, {.name = "crash", .on_call = on_crash}, {0}};
static const struct actor_behavior server = {.name = "server", .methods = server_methods};

/* ---- the story ---- */

static int driver_note(actor *self, const actor_msg *msg)
{
	int n;

	assert_int_equal(actor_msg_unpack(msg, "i", &n), 0);
	note("cast %d; ", n);
	return 0;
}

static int driver_reply(actor *self, uint64_t request, const struct actor_answer *answer)
{
	int n = -1;

	if (answer->r == 0)
		assert_int_equal(actor_msg_unpack(answer->msg, "i", &n), 0);
	if (answer->r == -EREMOTEIO)
		note("%s; ", actor_msg_error(answer->msg));
	else
		note("%d %d; ", answer->r, n);
	noted = request;
	return 0;
}

static const struct actor_method driver_methods[] = {
	DRIVER_METHODS, {.name = "note", .on_cast = driver_note}, {0}};
static const struct actor_behavior waiting = {
	.name = "waiting", .methods = driver_methods, .init = driver_init};
static const struct actor_behavior told = {
	.name = "told", .methods = driver_methods, .init = driver_init, .on_reply = driver_reply};

static void story(const struct actor_behavior *behavior, story_fn fn)
{
	actor_group *group;

	n_held = 0;
	noted = 0;
	story_stays = true; /* requests may be open when the story is over */
	group = story_group(behavior, fn);
	assert_int_equal(group->calls.n_items, 0);
	assert_int_equal(group->requests.n_items, 0);
	actor_group_free(group);
}

static actor_ref a_server(actor *self)
{
	actor_ref ref;

	assert_int_equal(actor_spawn(self, &server, NULL, &ref), 0);
	return ref;
}

static int number_of(struct actor_answer *answer)
{
	int n = -1;

	assert_int_equal(answer->r, 0);
	assert_int_equal(actor_msg_unpack(answer->msg, "i", &n), 0);
	answer->msg = actor_msg_free(answer->msg);
	return n;
}

static void end(actor *self)
{
	assert_int_equal(actor_cast(self, actor_to(actor_self(self)), "end", ""), 0);
}

/* ---- facts ---- */

static void story_any(actor *self)
{
	actor_ref s = a_server(self);
	struct actor_answer answer;
	uint64_t ids[3], which;

	for (int i = 0; i < 3; i++)
		assert_int_equal(actor_request(self, actor_to(s), "hold", ACTOR_FOREVER, &ids[i], ""), 0);
	assert_int_equal(actor_request_wait(self, ids, 3, 0, &which, &answer), -ETIMEDOUT);
	assert_int_equal(actor_call(self, actor_to(s), "add", 20000, NULL, "ii", 1, 1), 0);
	assert_int_equal(n_held, 3);
	assert_int_equal(actor_reply(held[1], "i", 11), 0);
	assert_int_equal(actor_request_wait(self, ids, 3, ACTOR_FOREVER, &which, &answer), 0);
	assert_true(which == ids[1]);
	assert_true(actor_ref_equal(answer.who, s));
	assert_int_equal(number_of(&answer), 11);
	/* The other requests go on; the one whose answer was taken is over. */
	assert_int_equal(actor_request_wait(self, &ids[1], 1, ACTOR_FOREVER, NULL, &answer), -ESRCH);
	assert_int_equal(actor_reply(held[2], "i", 12), 0);
	assert_int_equal(actor_reply(held[0], "i", 10), 0);
	assert_int_equal(actor_request_wait(self, &ids[0], 1, ACTOR_FOREVER, &which, &answer), 0);
	assert_int_equal(number_of(&answer), 10);
	assert_int_equal(actor_request_wait(self, NULL, 0, ACTOR_FOREVER, &which, &answer), 0);
	assert_int_equal(number_of(&answer), 12);
	assert_int_equal(actor_request_wait(self, NULL, 0, ACTOR_FOREVER, &which, &answer), -ESRCH);
	end(self);
}

static void test_the_first_of_many_answers_is_waited_for(void **state)
{
	story(&waiting, story_any);
}

static void story_parked(actor *self)
{
	actor_ref s = a_server(self);
	struct actor_answer answer;
	uint64_t ids[2], which;
	int sum = 0;

	for (int i = 0; i < 2; i++)
		assert_int_equal(actor_request(self, actor_to(s), "hold", 20000, &ids[i], ""), 0);
	assert_int_equal(actor_cast(self, actor_to(s), "let_go", ""), 0);
	while (actor_request_wait(self, ids, 2, ACTOR_FOREVER, &which, &answer) == 0)
		sum += 1 + number_of(&answer);
	assert_int_equal(sum, 3);
	end(self);
}

static void test_who_waits_is_woken_by_each_answer(void **state)
{
	story(&waiting, story_parked);
}

static void story_told(actor *self)
{
	actor_ref s = a_server(self);
	uint64_t id;

	assert_int_equal(actor_request(self, actor_to(s), "add", 20000, NULL, "ii", 1, 2), 0);
	assert_int_equal(actor_request(self, actor_to(s), "add", 20000, NULL, "s", "x"), 0);
	assert_int_equal(actor_request(self, actor_to(s), "hold", 1, NULL, ""), 0);
	assert_int_equal(actor_request(self, actor_to(s), "crash", 20000, &id, ""), 0);
	note("asked; ");
	while (!actor_request_cancel(self, 0) && actor_sleep(self, 1) == 0) {
		/* The last request has been answered when the server is gone. */
		if (actor_call(self, actor_to(s), "add", 20000, NULL, "ii", 1, 1) == -ESRCH)
			break;
	}
	actor_sleep(self, 2); /* longer than the time-out of "hold", in case the crash does not end that */
	note("slept; ");
	end(self);
}

static void test_answers_come_to_on_reply_when_nobody_waits(void **state)
{
	story(&told, story_told);
	assert_non_null(strstr(story_log, "asked; slept; 0 3; bad_args; "));
	assert_true(noted > 0);
}

static void story_order(actor *self)
{
	actor_ref s = a_server(self);
	struct actor_answer answer;
	uint64_t first, second;

	assert_int_equal(actor_request(self, actor_to(s), "add", 20000, &first, "ii", 1, 0), 0);
	assert_int_equal(actor_request(self, actor_to(s), "add", 20000, &second, "ii", 2, 0), 0);
	assert_int_equal(actor_call(self, actor_to(s), "add", 20000, NULL, "ii", 1, 1), 0);
	/*
	 * Both are answered and wait in the mailbox: the first is taken from there, on_reply gets the second.
	 */
	assert_int_equal(actor_request_wait(self, &first, 1, ACTOR_FOREVER, NULL, &answer), 0);
	assert_int_equal(number_of(&answer), 1);
	assert_false(actor_request_cancel(self, first));
	end(self);
}

static void test_an_answer_is_either_waited_for_or_handled(void **state)
{
	story(&told, story_order);
	expect("0 2; ");
}

static void story_cancel(actor *self)
{
	actor_ref s = a_server(self);
	uint64_t queued, open;

	assert_int_equal(actor_request(self, actor_to(s), "add", 20000, &queued, "ii", 1, 0), 0);
	assert_int_equal(actor_request(self, actor_to(s), "hold", 20000, &open, ""), 0);
	assert_int_equal(actor_call(self, actor_to(s), "add", 20000, NULL, "ii", 1, 1), 0);
	assert_true(actor_request_cancel(self, queued));
	assert_true(actor_request_cancel(self, open));
	assert_false(actor_request_cancel(self, open));
	assert_int_equal(actor_cast(self, actor_to(s), "let_go", ""), 0);
	assert_int_equal(actor_call(self, actor_to(s), "add", 20000, NULL, "ii", 1, 1), 0);
	end(self);
}

static void test_no_answer_comes_after_cancel(void **state)
{
	story(&told, story_cancel);
	expect("");
}

static void story_ends(actor *self)
{
	actor_ref s = a_server(self);
	struct actor_answer answer;
	uint64_t id;

	assert_int_equal(actor_request(self, actor_to(s), "hold", ACTOR_FOREVER, &id, ""), 0);
	assert_int_equal(actor_kill(self, s), 0);
	assert_int_equal(actor_request_wait(self, &id, 1, ACTOR_FOREVER, NULL, &answer), 0);
	assert_int_equal(answer.r, -ECONNRESET);
	assert_null(answer.msg);
	assert_int_equal(actor_request(self, actor_to(s), "hold", ACTOR_FOREVER, &id, ""), -ESRCH);
	s = a_server(self);
	assert_int_equal(actor_request(self, actor_to(s), "hold", 1, &id, ""), 0);
	assert_int_equal(actor_request_wait(self, &id, 1, ACTOR_FOREVER, NULL, &answer), 0);
	assert_int_equal(answer.r, -ETIMEDOUT);
	assert_int_equal(actor_request(self, actor_to(s), "", 1, &id, ""), -EINVAL);
	assert_int_equal(actor_request(self, actor_to_pg_all(NULL, "g"), "add", 1, &id, ""), -EINVAL);
	assert_int_equal(actor_request_wait(self, &id, 1, 1, NULL, NULL), -EINVAL);
	/* A request that is open at the end of its actor is forgotten. */
	assert_int_equal(actor_request(self, actor_to(s), "hold", ACTOR_FOREVER, &id, ""), 0);
	end(self);
}

static void test_a_request_ends_once_whatever_ends_first(void **state)
{
	story(&waiting, story_ends);
}

static void story_forward(actor *self)
{
	actor_ref s = a_server(self);
	struct actor_answer answer;
	uint64_t id;

	assert_int_equal(actor_call_and_forward(
				 self, actor_to(s), "add", 20000, actor_self(self), "note", &id, "ii", 20, 3),
		0);
	assert_int_equal(actor_call_and_forward(
				 self, actor_to(s), "add", 20000, actor_self(self), "note", &id, "s", "x"),
		0);
	/* A failure is not forwarded: it is the answer to the request. */
	assert_int_equal(actor_request_wait(self, &id, 1, ACTOR_FOREVER, NULL, &answer), 0);
	assert_int_equal(answer.r, -EREMOTEIO);
	assert_string_equal(actor_msg_error(answer.msg), "bad_args");
	actor_msg_free(answer.msg);
	assert_int_equal(actor_request_wait(self, NULL, 0, ACTOR_FOREVER, NULL, &answer), -ESRCH);
	assert_int_equal(
		actor_call_and_forward(self, actor_to(s), "add", 1, ACTOR_NOBODY, "note", &id, ""), -EINVAL);
	assert_int_equal(actor_call_and_forward(self, actor_to(s), "add", 1, actor_self(self), NULL, &id, ""),
		-EINVAL);
	end(self);
}

static void test_a_result_is_forwarded_and_a_failure_is_not(void **state)
{
	story(&waiting, story_forward);
	expect("cast 23; ");
}

static void story_left(actor *self)
{
	actor_ref s = a_server(self);
	actor_msg *reply = NULL;
	int64_t left;

	assert_int_equal(actor_call(self, actor_to(s), "left", ACTOR_FOREVER, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "I", &left), 0);
	assert_true(left == ACTOR_FOREVER);
	reply = actor_msg_free(reply);
	assert_int_equal(actor_call(self, actor_to(s), "left", 100000, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "I", &left), 0);
	assert_true(left > 0 && left <= 100000);
	actor_msg_free(reply);
	assert_int_equal(actor_call(self, actor_to(s), "hold", 1, NULL, ""), -ETIMEDOUT);
	assert_true(actor_from_time_left_ms(held[0]) == 0); /* its caller has given up */
	actor_from_free(held[0]);
	assert_true(actor_from_time_left_ms(held[0]) == 0); /* the address was freed, so it is over */
	end(self);
}

static void test_a_callee_knows_how_long_its_caller_waits(void **state)
{
	story(&waiting, story_left);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_of_many_answers_is_waited_for),
		cmocka_unit_test(test_who_waits_is_woken_by_each_answer),
		cmocka_unit_test(test_answers_come_to_on_reply_when_nobody_waits),
		cmocka_unit_test(test_an_answer_is_either_waited_for_or_handled),
		cmocka_unit_test(test_no_answer_comes_after_cancel),
		cmocka_unit_test(test_a_request_ends_once_whatever_ends_first),
		cmocka_unit_test(test_a_result_is_forwarded_and_a_failure_is_not),
		cmocka_unit_test(test_a_callee_knows_how_long_its_caller_waits),
	};

	return run_facts(tests);
}

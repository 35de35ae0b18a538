/* SPDX-License-Identifier: Apache-2.0 */
/* What calls promise: one answer, or a named error. */
#include "tests/unit/actor/runtime-world.h"

/* ---- calls ---- */
static void story_call(actor *self)
{
	actor_ref to = worker(self);
	int64_t total = 0;

	assert_int_equal(call_i(self, to, "add", &total), 0);
	assert_int_equal(total, 5);
	assert_int_equal(call_i(self, to, "add", &total), 0);
	assert_int_equal(total, 10);
}

static void test_call_returns_the_reply(void **state)
{
	story(story_call);
}

static void story_errors(actor *self)
{
	actor_ref to = worker(self);
	actor_msg *reply;
	int64_t n;

	assert_int_equal(actor_call(self, actor_to(to), "add", 1000, &reply, "s", "five"), -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "worker.bad_argument");
	assert_string_equal(actor_msg_error_text(reply), "add wants one integer");
	assert_int_equal(actor_msg_unpack(reply, "I", &n), -EREMOTEIO);
	actor_msg_free(reply);
	assert_int_equal(actor_call(self, actor_to(to), "nonsense", 1000, &reply, ""), -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "no_method");
	assert_string_equal(actor_msg_error_text(reply), "nonsense");
	actor_msg_free(reply);
	assert_int_equal(actor_call(self, actor_to(to), "release", 1000, &reply, ""), -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "no_method");
	assert_string_equal(actor_msg_error_text(reply), "release is a cast, not a call");
	actor_msg_free(reply);
	assert_int_equal(actor_call(self, actor_to(to), "silent", 1000, &reply, ""), -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "no_reply");
	actor_msg_free(reply);
	assert_int_equal(actor_call(self, actor_to(to), "", 1000, NULL, ""), -EINVAL);
	assert_int_equal(actor_call(self, actor_to(to),
				 "no\xff"
				 "utf8",
				 1000, NULL, ""),
		-EINVAL);
	assert_int_equal(actor_cast(self, actor_to(to), "new\nline", ""), -EINVAL);
	assert_int_equal(actor_call(self, actor_to(to), "add", 1000, NULL, "Q"), -EINVAL);
	assert_int_equal(actor_call(self, actor_to(to), "misnamed", 1000, NULL, ""), 0);
}

static void test_call_errors_are_named(void **state)
{
	story(story_errors);
}

static void expect_error(int r, actor_msg *reply, const char *error)
{
	assert_int_equal(r, -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), error);
	actor_msg_free(reply);
}

static void story_too_big(actor *self)
{
	static const char *const ways[] = {"give", "give_msg"};
	static char big[ACTOR_BODY_MAX_BYTES];
	actor_ref to = worker(self);
	int64_t total = 0;
	actor_msg *reply;
	int r;

	assert_int_equal(call_i(self, to, "add", &total), 0);
	for (int i = 0; i < 2; i++) {
		r = actor_call(
			self, actor_to(to), ways[i], 10000, &reply, "I", (int64_t)ACTOR_BODY_MAX_BYTES - 4);
		expect_error(r, reply, "too_big");
		r = actor_call(self, actor_to(to), ways[i], 10000, &reply, "I", INT64_C(20) << 20);
		expect_error(r, reply, "too_big");
		assert_int_equal(actor_call(self, actor_to(to), ways[i], 10000, &reply, "I",
					 (int64_t)ACTOR_BODY_MAX_BYTES - 5),
			0);
		actor_msg_free(reply);
	}
	/* A sender that makes a message too big gets the error itself, wherever the receiver is. */
	assert_int_equal(actor_cast(self, actor_to(to), "add", "y#", big, sizeof(big)), -EMSGSIZE);
	assert_int_equal(
		actor_call(self, actor_to(to), "add", 1000, NULL, "y#", big, sizeof(big)), -EMSGSIZE);
	assert_int_equal(actor_send_after(self, 0, "note", NULL, "y#", big, sizeof(big)), -EMSGSIZE);
	assert_int_equal(call_i(self, to, "add", &total), 0);
	assert_int_equal(total, 10); /* the actor lives, with its state */
}

static void test_answer_that_is_too_big_is_a_named_error_and_the_actor_lives(void **state)
{
	story(story_too_big);
}

static void story_too_deep(actor *self)
{
	static const char *const ways[] = {"wrap", "wrap_object", "wrap_msg"};
	uint8_t deep[64];
	actor_ref to = worker(self);
	int64_t total = 0;
	actor_msg *reply;
	int r;

	memset(deep, 0x91, sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = 0xc0; /* nested 63 deep, as is just allowed in an argument */
	for (int i = 0; i < 3; i++) {
		r = actor_call(self, actor_to(to), ways[i], 1000, &reply, "m", deep, sizeof(deep));
		expect_error(r, reply, "bad_result");
	}
	assert_int_equal(call_i(self, to, "add", &total), 0);
	assert_int_equal(total, 5);
}

static void test_answer_that_is_too_deep_is_a_named_error_and_the_actor_lives(void **state)
{
	story(story_too_deep);
}

static void story_failed_handler(actor *self)
{
	assert_int_equal(
		actor_call(self, actor_to(worker(self)), "fail_unanswered", 1000, NULL, ""), -ECONNRESET);
}

static void test_call_whose_handler_fails_ends_as_the_actor_does(void **state)
{
	story(story_failed_handler);
}

static void story_dead(actor *self)
{
	actor_ref to = worker(self), never = to;
	uint64_t id;

	assert_int_equal(actor_monitor(self, to, &id), 0);
	assert_int_equal(actor_kill(self, to), 0);
	assert_int_equal(actor_call(self, actor_to(to), "slow", 1000, NULL, ""), -ECONNRESET);
	assert_int_equal(actor_call(self, actor_to(to), "add", 1000, NULL, "i", 1), -ESRCH);
	assert_int_equal(actor_cast(self, actor_to(to), "add", "i", 1), 0);
	never.serial += UINT64_C(1) << 40;
	assert_int_equal(actor_call(self, actor_to(never), "add", 1000, NULL, "i", 1), -ESRCH);
	never = to;
	never.node++;
	assert_int_equal(actor_call(self, actor_to(never), "add", 1000, NULL, "i", 1), -ESRCH);
}

static void test_call_to_a_dead_actor_fails_at_once(void **state)
{
	story(story_dead);
}

static void story_timeout(actor *self)
{
	actor_ref to = worker(self);
	int64_t total;

	assert_int_equal(actor_call(self, actor_to(to), "slow", 1, NULL, ""), -ETIMEDOUT);
	assert_int_equal(call_i(self, to, "add", &total), 0); /* the late reply went nowhere */
	assert_int_equal(total, 5);
	/* A call whose deadline passes while it waits in the mailbox is not handled. */
	assert_int_equal(actor_cast(self, actor_to(to), "block", ""), 0);
	assert_int_equal(actor_call(self, actor_to(to), "add", 1, NULL, "i", 100), -ETIMEDOUT);
	assert_int_equal(call_i(self, to, "add", &total), 0);
	assert_int_equal(total, 10);
}

static void test_call_times_out_and_its_late_reply_goes_nowhere(void **state)
{
	story(story_timeout);
}

static void story_deferred(actor *self)
{
	actor_ref to = worker(self);
	actor_msg *reply;

	held = NULL;
	/*
	 * Nobody answers the call that `hold` keeps, so it ends with its time-out. On a busy machine that
	 * time may be over before the handler runs; then the handler does not run at all.
	 */
	while (!held)
		assert_int_equal(actor_call(self, actor_to(to), "hold", 50, NULL, ""), -ETIMEDOUT);
	actor_from_free(held);
	assert_int_equal(actor_call(self, actor_to(to), "add", 1000, &reply, "i", 1), 0);
	actor_msg_free(reply);
}

static void test_kept_address_outlives_the_handler(void **state)
{
	story(story_deferred);
}

static int releaser_go(actor *self, const actor_msg *msg)
{
	actor_ref to;

	assert_int_equal(actor_msg_unpack(msg, "r", &to), 0);
	actor_sleep(self, 5);
	return actor_cast(self, actor_to(to), "release", "");
}

static const struct actor_method releaser_methods[] = {{.name = "go", .on_cast = releaser_go}, {0}};

static const struct actor_behavior releaser_behavior = {.name = "releaser", .methods = releaser_methods};

static int ender_go(actor *self, const actor_msg *msg)
{
	actor_ref to;
	int kill;

	assert_int_equal(actor_msg_unpack(msg, "ri", &to, &kill), 0);
	while (!held)
		actor_sleep(self, 1);
	return kill ? actor_kill(self, to) : actor_stop(self, to, "enough");
}

static const struct actor_method ender_methods[] = {{.name = "go", .on_cast = ender_go}, {0}};

static const struct actor_behavior ender_behavior = {.name = "ender", .methods = ender_methods};

static void story_deferred_reply(actor *self)
{
	actor_ref to = worker(self), releaser;
	actor_msg *reply;
	const char *text;

	assert_int_equal(actor_spawn(self, &releaser_behavior, NULL, &releaser), 0);
	assert_int_equal(actor_cast(self, actor_to(releaser), "go", "r", to), 0);
	assert_int_equal(actor_call(self, actor_to(to), "hold", 1000, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "s", &text), 0);
	assert_string_equal(text, "late but here");
	actor_msg_free(reply);
}

static void test_deferred_reply_reaches_the_caller(void **state)
{
	story(story_deferred_reply);
}

static void story_down_answers(actor *self)
{
	actor_ref to = worker(self), releaser;

	/* A call that was kept is answered by the end of its callee. */
	assert_int_equal(actor_spawn(self, &releaser_behavior, NULL, &releaser), 0);
	held = NULL;
	assert_int_equal(actor_cast(self, actor_to(to), "block", ""), 0);
	assert_int_equal(actor_stop(self, to, "enough"), 0);
	assert_int_equal(actor_call(self, actor_to(to), "hold", 1000, NULL, ""), -ECONNRESET);
}

static void test_open_call_ends_when_its_target_ends(void **state)
{
	story(story_down_answers);
}

static void story_kept_end(actor *self)
{
	for (int kill = 0; kill < 2; kill++) {
		actor_ref to = worker(self), ender;
		int64_t total;

		/*
		 * When the ender acts, the actor has kept the address and is idle. So only the end of the
		 * actor can answer.
		 */
		assert_int_equal(actor_spawn(self, &ender_behavior, NULL, &ender), 0);
		held = NULL;
		assert_int_equal(actor_cast(self, actor_to(ender), "go", "ri", to, kill), 0);
		assert_int_equal(
			actor_call(self, actor_to(to), "hold", ACTOR_FOREVER, NULL, ""), -ECONNRESET);
		assert_non_null(held);

		/*
		 * An address that is still held is over, which each use says. It keeps no memory of the dead
		 * actor.
		 */
		assert_true(actor_ref_is_nobody(actor_from_ref(held)));
		assert_int_equal(actor_reply(held, "i", 1), -ESRCH);
		assert_int_equal(actor_reply_error(held, "too.late", "x"), -ESRCH);
		assert_int_equal(actor_reply(held, "i", 1), -ESRCH);
		assert_null(actor_from_keep(held));
		assert_null(actor_from_free(held));
		assert_int_equal(call_i(self, worker(self), "add", &total), 0);
	}
}

static void test_kept_call_is_answered_by_its_actors_end_and_its_address_is_over(void **state)
{
	story(story_kept_end);
}

static void story_kept_twice(actor *self)
{
	actor_ref to = worker(self), releaser;
	actor_from *first;
	actor_msg *reply;

	assert_int_equal(actor_spawn(self, &releaser_behavior, NULL, &releaser), 0);
	assert_int_equal(actor_cast(self, actor_to(releaser), "go", "r", to), 0);
	assert_int_equal(actor_call(self, actor_to(to), "hold", ACTOR_FOREVER, &reply, ""), 0);
	actor_msg_free(reply);
	first = held;
	assert_int_equal(actor_reply(first, "i", 1), -ESRCH);
	/* The address that is kept next does not get the place of the first one. */
	assert_int_equal(actor_call(self, actor_to(to), "hold", 1, NULL, ""), -ETIMEDOUT);
	assert_ptr_not_equal(held, first);
	assert_int_equal(actor_reply(first, "i", 1), -ESRCH);
	assert_null(actor_from_free(first));
	assert_int_equal(actor_reply(held, "i", 1), 0);
	assert_int_equal(actor_reply(held, "i", 1), -ESRCH);
}

static void test_kept_address_answers_once_and_is_never_used_again(void **state)
{
	story(story_kept_twice);
}

static void story_circle(actor *self)
{
	actor_ref to = worker(self);
	actor_msg *reply;
	int r;

	assert_int_equal(
		actor_call(self, actor_to(actor_self(self)), "note", 1000, NULL, "s", "x"), -EDEADLK);
	assert_int_equal(actor_call(self, actor_to(to), "call_back", 1000, &reply, "r", actor_self(self)), 0);
	assert_int_equal(actor_msg_unpack(reply, "i", &r), 0);
	assert_int_equal(r, -EDEADLK);
	actor_msg_free(reply);

	/*
	 * First `to` and `second` call each other in a circle, which is no error for the call into that
	 * circle. Then the circle goes through this actor as well.
	 */
	for (int self_too = 0; self_too < 2; self_too++) {
		actor_ref second = worker(self);

		assert_int_equal(actor_call(self, actor_to(to), "call_through", 1000, &reply, "rr", second,
					 self_too ? actor_self(self) : to),
			0);
		assert_int_equal(actor_msg_unpack(reply, "i", &r), 0);
		assert_int_equal(r, -EDEADLK);
		actor_msg_free(reply);
	}
}

/* No call is handled here: each actor is busy with a cast, and its call waits in the mailbox of the next. */
static void story_queued_circle(actor *self)
{
	actor_ref a = worker(self), b = worker(self), c = worker(self);

	assert_int_equal(actor_cast(self, actor_to(c), "call_later", "rIs", a, INT64_C(20), "c"), 0);
	assert_int_equal(actor_cast(self, actor_to(b), "call_later", "rIs", c, INT64_C(0), "b"), 0);
	assert_int_equal(actor_cast(self, actor_to(a), "call_later", "rIs", b, INT64_C(0), "a"), 0);
	assert_int_equal(actor_call(self, actor_to(a), "add", 10000, NULL, "i", 1), 0);
	assert_string_equal(story_log, "c:-35 b:0 a:0 ");
}

static void test_last_of_those_that_wait_for_each_other_hears_edeadlk_and_the_others_go_on(void **state)
{
	story(story_queued_circle);
}

static void story_no_circle(actor *self)
{
	actor_ref to = worker(self), asker = worker(self);
	actor_msg *reply;
	int r;

	/* The callee answers before it calls back. */
	assert_int_equal(actor_call(self, actor_to(asker), "call_back_through", 1000, &reply, "rs", to,
				 "answer_first"),
		0);
	actor_msg_free(reply);
	assert_int_equal(actor_call(self, actor_to(asker), "slow", 1000, NULL, ""), 0);
	assert_non_null(strstr(story_log, "back:0 "));
	/* The caller has given up before it is called back. */
	story_log[0] = 0;
	assert_int_equal(actor_call(self, actor_to(asker), "give_up", 1000, &reply, "r", to), 0);
	assert_int_equal(actor_msg_unpack(reply, "i", &r), 0);
	assert_int_equal(r, -ETIMEDOUT);
	actor_msg_free(reply);
	while (!strstr(story_log, "back:"))
		actor_sleep(self, 1);
	assert_non_null(strstr(story_log, "back:0 "));
}

static void test_call_back_to_who_waits_no_more_is_no_circle(void **state)
{
	story(story_no_circle);
}

static void test_call_in_a_circle_is_edeadlk(void **state)
{
	story(story_circle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_call_returns_the_reply),
		cmocka_unit_test(test_call_errors_are_named),
		cmocka_unit_test(test_call_to_a_dead_actor_fails_at_once),
		cmocka_unit_test(test_call_times_out_and_its_late_reply_goes_nowhere),
		cmocka_unit_test(test_kept_address_outlives_the_handler),
		cmocka_unit_test(test_deferred_reply_reaches_the_caller),
		cmocka_unit_test(test_open_call_ends_when_its_target_ends),
		cmocka_unit_test(test_kept_call_is_answered_by_its_actors_end_and_its_address_is_over),
		cmocka_unit_test(test_kept_address_answers_once_and_is_never_used_again),
		cmocka_unit_test(test_answer_that_is_too_big_is_a_named_error_and_the_actor_lives),
		cmocka_unit_test(test_answer_that_is_too_deep_is_a_named_error_and_the_actor_lives),
		cmocka_unit_test(test_call_whose_handler_fails_ends_as_the_actor_does),
		cmocka_unit_test(test_call_in_a_circle_is_edeadlk),
		cmocka_unit_test(test_call_back_to_who_waits_no_more_is_no_circle),
		cmocka_unit_test(
			test_last_of_those_that_wait_for_each_other_hears_edeadlk_and_the_others_go_on),
	};

	return run_facts(tests);
}

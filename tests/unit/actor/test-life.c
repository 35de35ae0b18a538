/* SPDX-License-Identifier: Apache-2.0 */
/* What an actor is promised from its init to its end, and in which order. */
#include <pthread.h>

#include "tests/unit/actor/runtime-world.h"

/* ---- whom the stories are about ---- */

static pthread_t main_thread;

static int subject_note(actor *self, const actor_msg *msg)
{
	const char *text;

	assert_int_equal(actor_msg_unpack(msg, "s", &text), 0);
	note("%s ", text);
	return 0;
}

static int subject_ask(actor *self, const actor_msg *msg, actor_from *from)
{
	(void)subject_note(self, msg);
	return actor_reply(from, "");
}

static bool may_go;

/* Waits in its handler until it may go. */
static int subject_linger(actor *self, const actor_msg *msg)
{
	note(pthread_equal(pthread_self(), main_thread) ? "in " : "elsewhere ");
	while (!may_go && actor_sleep(self, 1) == 0)
		;
	note("out ");
	return 0;
}

static int subject_fail(actor *self, const actor_msg *msg)
{
	return -EIO;
}

static void subject_terminate(actor *self, const struct actor_cause *cause)
{
	note("terminate:%s ", cause->reason);
}

static int subject_who(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "[rr]", actor_msg_sender(msg), actor_from_ref(from));
}

static int subject_last_answer(actor *self, const actor_msg *msg, actor_from *from)
{
	assert_int_equal(actor_reply(from, "i", 7), 0);
	return -EIO;
}

/* Notes each call and cast that has no method of its own, with the name and the size. */
static int subject_other(actor *self, const actor_msg *msg, actor_from *from)
{
	size_t n;

	(void)actor_msg_body(msg, &n);
	note("%s of %d bytes is %s ", actor_msg_method(msg), (int)n, from ? "called" : "cast");
	return from ? actor_reply(from, "s", actor_msg_method(msg)) : 0;
}

static const struct actor_method subject_methods[] = {
	{.name = "note", .on_cast = subject_note},
	{.name = "ask", .on_call = subject_ask},
	{.name = "linger", .on_cast = subject_linger},
	{.name = "fail", .on_cast = subject_fail},
	{.name = "who", .on_call = subject_who},
	{.name = "last_answer", .on_call = subject_last_answer},
	{0},
};

static int subject_init(actor *self, const void *arg)
{
	note("init ");
	return actor_cast(self, actor_to(actor_self(self)), "note", "s", "first");
}

static const struct actor_behavior plain = {
	.name = "plain", .methods = subject_methods, .terminate = subject_terminate};
static const struct actor_behavior early = {
	.name = "early", .methods = subject_methods, .init = subject_init};
static const struct actor_behavior obliging = {
	.name = "obliging", .methods = subject_methods, .on_other = subject_other};

static actor_ref subject(actor *self, const struct actor_behavior *behavior)
{
	actor_ref ref;

	assert_int_equal(actor_spawn(self, behavior, NULL, &ref), 0);
	return ref;
}

/* Casts `linger` to @who, and waits until @who is in that handler. */
static void set_lingering(actor *self, actor_ref who)
{
	story_log[0] = 0;
	may_go = false;
	assert_int_equal(actor_cast(self, actor_to(who), "linger", ""), 0);
	while (!strstr(story_log, "in "))
		actor_sleep(self, 1);
	story_log[0] = 0;
}

static void wait_until_ended(actor *self, actor_ref who)
{
	while (actor_find(actor_group_of(self), who.serial))
		actor_sleep(self, 1);
}

/* ---- its beginning ---- */

static void story_first(actor *self)
{
	actor_ref who = subject(self, &early);

	assert_int_equal(actor_call(self, actor_to(who), "ask", ACTOR_FOREVER, NULL, "s", "second"), 0);
	assert_string_equal(story_log, "init first second ");
}

static void test_what_init_casts_to_itself_is_handled_first(void **state)
{
	story(story_first);
}

static actor_ref born;

static int slow_init(actor *self, const void *arg)
{
	born = actor_self(self);
	note("init:%d ", actor_sleep(self, 60000));
	return 0;
}

static const struct actor_behavior slow_behavior = {.name = "slow", .init = slow_init};

static int parent_go(actor *self, const actor_msg *msg)
{
	note("spawn:%d ", actor_spawn(self, &slow_behavior, NULL, NULL));
	return 0;
}

static const struct actor_method parent_methods[] = {{.name = "go", .on_cast = parent_go}, {0}};
static const struct actor_behavior parent_behavior = {.name = "parent", .methods = parent_methods};

static void story_given_up(actor *self)
{
	actor_ref parent = subject(self, &parent_behavior);

	born = ACTOR_NOBODY;
	assert_int_equal(actor_cast(self, actor_to(parent), "go", ""), 0);
	while (actor_ref_is_nobody(born))
		actor_sleep(self, 1);
	assert_int_equal(actor_kill(self, parent), 0);
	wait_until_ended(self, parent);
	wait_until_ended(self, born);
	assert_string_equal(story_log, "spawn:-125 init:-125 ");
}

static void test_a_child_that_nobody_waits_for_any_more_is_killed(void **state)
{
	story(story_given_up);
}

/* ---- one message after the other ---- */

static void story_lingering(actor *self)
{
	actor_ref who = subject(self, &plain);
	int64_t total;

	set_lingering(self, who);
	assert_int_equal(actor_cast(self, actor_to(who), "linger", ""), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(call_i(self, worker(self), "add", &total), 0);
		actor_sleep(self, 1);
	}
	assert_string_equal(story_log, "");
	may_go = true;
	assert_int_equal(actor_call(self, actor_to(who), "ask", ACTOR_FOREVER, NULL, "s", "over"), 0);
	assert_string_equal(story_log, "out in out over ");
}

static void test_an_actor_that_waits_in_a_handler_handles_nothing_else(void **state)
{
	story(story_lingering);
}

static void story_order(actor *self)
{
	actor_ref who = subject(self, &plain);
	char want[1024] = "", text[16];

	for (int i = 0; i < 60; i++) {
		snprintf(text, sizeof(text), "%d", i);
		strcat(strcat(want, text), " ");
		if (i % 3 == 0)
			assert_int_equal(actor_cast(self, actor_to(who), "note", "s", text), 0);
		else if (i % 3 == 1)
			assert_int_equal(actor_request(self, actor_to(who), "ask", ACTOR_FOREVER,
						 &(uint64_t){0}, "s", text),
				0);
		else if (i % 9 == 2)
			assert_int_equal(
				actor_call(self, actor_to(who), "ask", ACTOR_FOREVER, NULL, "s", text), 0);
		else
			assert_int_equal(actor_cast(self, actor_to(who), "note", "s", text), 0);
	}
	assert_int_equal(actor_call(self, actor_to(who), "who", ACTOR_FOREVER, NULL, ""), 0);
	assert_string_equal(story_log, want);
}

static void test_casts_and_calls_of_one_sender_come_in_the_order_sent(void **state)
{
	story(story_order);
}

static void story_sender(actor *self)
{
	actor_ref who = subject(self, &plain), sender, asker;
	actor_msg *reply;

	assert_int_equal(actor_call(self, actor_to(who), "who", ACTOR_FOREVER, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "[rr]", &sender, &asker), 0);
	assert_true(actor_ref_equal(sender, actor_self(self)));
	assert_true(actor_ref_equal(asker, actor_self(self)));
	actor_msg_free(reply);
}

static void test_a_message_says_who_sent_it(void **state)
{
	story(story_sender);
}

static void story_other(actor *self)
{
	actor_group *group = actor_group_of(self);
	actor_ref who = subject(self, &obliging), closed = subject(self, &plain);
	uint64_t before;
	actor_msg *reply;
	const char *text;

	assert_int_equal(actor_cast(self, actor_to(who), "odd", "i", 1), 0);
	assert_int_equal(actor_call(self, actor_to(who), "strange", ACTOR_FOREVER, &reply, "s", "abc"), 0);
	assert_int_equal(actor_msg_unpack(reply, "s", &text), 0);
	assert_string_equal(text, "strange");
	actor_msg_free(reply);
	assert_string_equal(story_log, "odd of 2 bytes is cast strange of 5 bytes is called ");

	/* Without on_other such a cast is counted as dropped, and the actor goes on. */
	before = group->stats.casts_dropped;
	assert_int_equal(actor_cast(self, actor_to(closed), "odd", ""), 0);
	assert_int_equal(actor_call(self, actor_to(closed), "who", ACTOR_FOREVER, NULL, ""), 0);
	assert_int_equal(group->stats.casts_dropped, before + 1);
}

static void test_what_no_method_fits_comes_to_on_other(void **state)
{
	story(story_other);
}

static void story_answer_first(actor *self)
{
	struct actor *me = actor_find(actor_group_of(self), actor_self(self).serial);
	int64_t total;

	for (int i = 0; i < 1000; i++)
		assert_int_equal(actor_cast(self, actor_to(actor_self(self)), "note", "s", "x"), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(call_i(self, worker(self), "add", &total), 0);
	assert_int_equal(me->mailbox.n_messages, 1000);
	assert_string_equal(story_log, "");
}

static void test_an_answer_waits_behind_no_message(void **state)
{
	story(story_answer_first);
}

/* ---- its end ---- */

static void story_terminate(actor *self)
{
	actor_ref stopped = worker(self), failed = worker(self), killed = worker(self);

	assert_int_equal(actor_stop(self, stopped, "enough"), 0);
	wait_until_ended(self, stopped);
	assert_int_equal(actor_cast(self, actor_to(failed), "fail", ""), 0);
	wait_until_ended(self, failed);
	assert_int_equal(actor_kill(self, killed), 0);
	wait_until_ended(self, killed);
	assert_string_equal(story_log, "terminate:enough terminate:crash: EIO ");
}

static void test_terminate_runs_after_a_stop_and_an_error_and_not_after_a_kill(void **state)
{
	story(story_terminate);
}

static void story_priority(actor *self)
{
	for (int kill = 0; kill < 2; kill++) {
		actor_ref who = subject(self, &plain);

		set_lingering(self, who);
		for (int i = 0; i < 3; i++)
			assert_int_equal(actor_cast(self, actor_to(who), "fail", ""), 0);
		assert_int_equal(actor_stop(self, who, "stop"), 0);
		if (kill)
			assert_int_equal(actor_kill(self, who), 0);
		may_go = true;
		wait_until_ended(self, who);
		assert_string_equal(story_log, kill ? "out " : "out terminate:stop ");
	}
}

static void test_a_stop_goes_before_messages_that_wait_and_a_kill_before_a_stop(void **state)
{
	story(story_priority);
}

static void story_left(actor *self)
{
	actor_ref to = subject(self, &plain);
	struct actor_answer answer;
	uint64_t request;

	set_lingering(self, to);
	assert_int_equal(actor_cast(self, actor_to(to), "note", "s", "never"), 0);
	assert_int_equal(actor_request(self, actor_to(to), "ask", ACTOR_FOREVER, &request, "s", "never"), 0);
	assert_int_equal(actor_stop(self, to, "enough"), 0);
	may_go = true;
	assert_int_equal(actor_request_wait(self, &request, 1, ACTOR_FOREVER, &(uint64_t){0}, &answer), 0);
	assert_int_equal(answer.r, -ECONNRESET);
	actor_answers_clear(&answer, 1);
	wait_until_ended(self, to);
	assert_string_equal(story_log, "out terminate:enough ");
}

static void test_what_waits_at_a_stop_is_dropped_and_calls_among_it_are_answered(void **state)
{
	story(story_left);
}

static void story_to_the_dead(actor *self)
{
	actor_ref to = worker(self);

	assert_int_equal(actor_kill(self, to), 0);
	assert_int_equal(actor_cast(self, actor_to(to), "add", "i", 1), 0);
	wait_until_ended(self, to);
	assert_int_equal(actor_cast(self, actor_to(to), "add", "i", 1), 0);
}

static void test_a_cast_to_the_dead_is_lost_and_no_error(void **state)
{
	story(story_to_the_dead);
}

static void story_last_answer(actor *self)
{
	actor_ref who = subject(self, &plain);
	actor_msg *reply;
	int n = 0;

	assert_int_equal(actor_call(self, actor_to(who), "last_answer", ACTOR_FOREVER, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "i", &n), 0);
	assert_int_equal(n, 7);
	actor_msg_free(reply);
	assert_int_equal(actor_call(self, actor_to(who), "who", ACTOR_FOREVER, NULL, ""), -ESRCH);
}

static void test_an_answer_given_before_the_end_is_an_answer(void **state)
{
	story(story_last_answer);
}

static int mother_go(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "[rr]", worker(self), worker(self));
}

static const struct actor_method mother_methods[] = {{.name = "go", .on_call = mother_go}, {0}};
static const struct actor_behavior mother = {.name = "mother", .methods = mother_methods};

static void story_alone(actor *self)
{
	actor_ref who = subject(self, &mother), first, second;
	actor_msg *reply;
	int64_t total;

	assert_int_equal(actor_call(self, actor_to(who), "go", ACTOR_FOREVER, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "[rr]", &first, &second), 0);
	actor_msg_free(reply);
	assert_int_equal(actor_kill(self, who), 0);
	wait_until_ended(self, who);
	assert_int_equal(call_i(self, first, "add", &total), 0);
	assert_int_equal(call_i(self, second, "add", &total), 0);
}

static void test_an_end_takes_nobody_along_who_is_not_linked(void **state)
{
	story(story_alone);
}

static void story_thread(actor *self)
{
	actor_ref who = subject(self, &plain);

	assert_true(pthread_equal(pthread_self(), main_thread));
	may_go = true;
	assert_int_equal(actor_cast(self, actor_to(who), "linger", ""), 0);
	assert_int_equal(actor_call(self, actor_to(who), "ask", ACTOR_FOREVER, NULL, "s", "x"), 0);
	assert_true(pthread_equal(pthread_self(), main_thread));
	assert_string_equal(story_log, "in out x ");
}

static void test_handlers_run_on_the_thread_that_runs_the_group(void **state)
{
	story(story_thread);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_init_casts_to_itself_is_handled_first),
		cmocka_unit_test(test_a_child_that_nobody_waits_for_any_more_is_killed),
		cmocka_unit_test(test_an_actor_that_waits_in_a_handler_handles_nothing_else),
		cmocka_unit_test(test_casts_and_calls_of_one_sender_come_in_the_order_sent),
		cmocka_unit_test(test_a_message_says_who_sent_it),
		cmocka_unit_test(test_handlers_run_on_the_thread_that_runs_the_group),
		cmocka_unit_test(test_what_no_method_fits_comes_to_on_other),
		cmocka_unit_test(test_an_answer_waits_behind_no_message),
		cmocka_unit_test(test_terminate_runs_after_a_stop_and_an_error_and_not_after_a_kill),
		cmocka_unit_test(test_a_stop_goes_before_messages_that_wait_and_a_kill_before_a_stop),
		cmocka_unit_test(test_what_waits_at_a_stop_is_dropped_and_calls_among_it_are_answered),
		cmocka_unit_test(test_a_cast_to_the_dead_is_lost_and_no_error),
		cmocka_unit_test(test_an_answer_given_before_the_end_is_an_answer),
		cmocka_unit_test(test_an_end_takes_nobody_along_who_is_not_linked),
	};

	main_thread = pthread_self();
	return run_facts(tests);
}

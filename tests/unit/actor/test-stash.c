/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that are put aside, and actors that go on with another behavior. */
#include "tests/unit/actor/runtime-world.h"

#include <malloc.h>

#include "actor/overload.h"

/* ---- a door: closed, it puts everything aside; open, it notes what comes ---- */

struct door {
	actor_ref watched;
	uint64_t timer;
	int last_stash; /* the result of the last actor_stash() */
};

static const struct actor_behavior open_door;
static const struct actor_behavior closed_door;

static int closed_any(actor *self, const actor_msg *msg, actor_from *from)
{
	struct door *door = actor_state(self);

	door->last_stash = actor_stash(self, msg);
	if (door->last_stash < 0 && from)
		return actor_reply_error(from, "overloaded", "the door is closed");
	if (door->last_stash == 0) {
		assert_int_equal(actor_stash(self, msg), 0);
		if (from)
			assert_int_equal(actor_reply(from, ""), -EALREADY);
	}
	return 0;
}

static int closed_open(actor *self, const actor_msg *msg)
{
	note("open:%d ", actor_unstash_all(self));
	return actor_become(self, &open_door);
}

static int closed_last(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "i", ((struct door *)actor_state(self))->last_stash);
}

/* Puts aside what was put aside, with this message behind it. */
static int closed_again(actor *self, const actor_msg *msg)
{
	assert_int_equal(actor_stash(self, msg), 0);
	note("again:%d ", actor_unstash_all(self));
	return actor_become(self, &open_door);
}

static int closed_answered(actor *self, const actor_msg *msg, actor_from *from)
{
	int r = actor_reply(from, "");

	assert_int_equal(r, 0);
	note("answered:%d ", actor_stash(self, msg));
	return 0;
}

static int closed_kept(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_from *kept = actor_from_keep(from);

	note("kept:%d ", actor_stash(self, msg));
	return actor_reply(kept, "");
}

static const actor_msg *another;
static int closed_other(actor *self, const actor_msg *msg)
{
	note("null:%d other:%d ", actor_stash(self, NULL), another ? actor_stash(self, another) : -EINVAL);
	return 0;
}

static int open_any(actor *self, const actor_msg *msg, actor_from *from)
{
	int64_t n = 0;

	(void)actor_msg_unpack(msg, "I", &n);
	note("%s%d ", actor_msg_method(msg), (int)n);
	return from ? actor_reply(from, "I", n * 10) : 0;
}

static int open_close(actor *self, const actor_msg *msg, actor_from *from)
{
	int r = actor_become(self, &closed_door);

	note("close ");
	return actor_reply(from, "i", r);
}

static int open_timer(actor *self, const actor_msg *msg)
{
	return actor_send_after(self, 5, "due", NULL, "i", 1);
}

/* Cancels a timer that was due and whose cast waits in the mailbox. */
static int open_cancel(actor *self, const actor_msg *msg)
{
	uint64_t timer;

	assert_int_equal(actor_send_after(self, 1, "late", &timer, ""), 0);
	assert_int_equal(actor_sleep(self, 5), 0);
	note("cancel:%d ", actor_timer_cancel(self, timer));
	return 0;
}

static int door_watch(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref who;

	assert_int_equal(actor_msg_unpack(msg, "r", &who), 0);
	assert_int_equal(actor_monitor(self, who, NULL), 0);
	return actor_reply(from, "");
}

static int open_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	note("open-down:%s ", cause->reason);
	return 0;
}

static int open_exit(actor *self, actor_ref from, const struct actor_cause *cause)
{
	note("open-exit:%s ", cause->reason);
	return 0;
}

static void open_terminate(actor *self, const struct actor_cause *cause)
{
	note("open-terminate ");
}

static void closed_terminate(actor *self, const struct actor_cause *cause)
{
	note("closed-terminate ");
}

static const struct actor_method closed_methods[] = {
	{.name = "open", .on_cast = closed_open},
	{.name = "last", .on_call = closed_last},
	{.name = "again", .on_cast = closed_again},
	{.name = "answered", .on_call = closed_answered},
	{.name = "kept", .on_call = closed_kept},
	{.name = "other", .on_cast = closed_other},
	{.name = "watch", .on_call = door_watch},
	{0},
};
static const struct actor_method open_methods[] = {
	{.name = "close", .on_call = open_close},
	{.name = "timer", .on_cast = open_timer},
	{.name = "cancel", .on_cast = open_cancel},
	{.name = "watch", .on_call = door_watch},
	{0},
};
static const struct actor_behavior closed_door = {.name = "closed",
	.state_size = sizeof(struct door),
	.methods = closed_methods,
	.on_other = closed_any,
	.terminate = closed_terminate,
	.mailbox_max_messages = 8};
static const struct actor_behavior open_door = {.name = "open",
	.state_size = sizeof(struct door),
	.methods = open_methods,
	.on_other = open_any,
	.on_down = open_down,
	.on_exit = open_exit,
	.terminate = open_terminate};

static actor_ref door_of(actor *self, const struct actor_behavior *behavior)
{
	actor_ref ref;

	assert_int_equal(actor_spawn(self, behavior, NULL, &ref), 0);
	return ref;
}

static void cast(actor *self, actor_ref to, const char *method, int n)
{
	assert_int_equal(actor_cast(self, actor_to(to), method, "i", n), 0);
}

static int64_t ask(actor *self, actor_ref to, const char *method)
{
	actor_msg *reply;
	int64_t n = 0;

	assert_int_equal(actor_call(self, actor_to(to), method, 1000, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "I?", &n), 0);
	actor_msg_free(reply);
	return n;
}

/* ---- put aside ---- */

static void in_order(actor *self)
{
	actor_ref door = door_of(self, &closed_door);
	struct actor_answer answer;
	int64_t n = 0;
	uint64_t id;

	cast(self, door, "a", 1);
	assert_int_equal(actor_request(self, actor_to(door), "b", 1000, &id, "i", 2), 0);
	cast(self, door, "c", 3);
	actor_sleep(self, 1);
	cast(self, door, "open", 0);
	cast(self, door, "d", 4); /* this one waits in the mailbox when the others are put back */
	assert_int_equal(actor_request_wait(self, &id, 1, 1000, NULL, &answer), 0);
	assert_int_equal(answer.r, 0);
	assert_int_equal(actor_msg_unpack(answer.msg, "I", &n), 0);
	assert_int_equal(n, 20);
	actor_msg_free(answer.msg);
	actor_sleep(self, 1);
}
static void test_what_is_put_aside_comes_first_and_in_order(void **state)
{
	story(in_order);
	assert_string_equal(story_log, "open:3 a1 b2 c3 d4 open-terminate ");
}

static void again(actor *self)
{
	actor_ref door = door_of(self, &closed_door);

	cast(self, door, "a", 1);
	cast(self, door, "again", 2);
	cast(self, door, "b", 3);
	assert_int_equal(ask(self, door, "close"), 0);
	cast(self, door, "open", 0);
	actor_sleep(self, 1);
}
static void test_a_message_can_be_put_aside_while_the_others_are_put_back(void **state)
{
	story(again);
	/* `again` is put aside behind what was put back, so it comes only after the next opening */
	assert_string_equal(story_log, "again:1 a1 b3 close open:1 again2 open-terminate ");
}

static void to_bounds(actor *self)
{
	actor_ref door = door_of(self, &closed_door);
	actor_msg *reply;
	int64_t messages, stashed;

	for (int i = 1; i <= 4; i++)
		cast(self, door, "a", i);
	assert_int_equal(ask(self, door, "last"), 0);
	cast(self, door, "lost", 5);
	assert_int_equal(ask(self, door, "last"), -EBUSY);
	assert_int_equal(actor_call(self, actor_to(door), "b", 1000, &reply, ""), -EREMOTEIO);
	assert_string_equal(actor_msg_error(reply), "overloaded");
	actor_msg_free(reply);
	assert_int_equal(actor_call(self, actor_to(door), "$sys_status", 1000, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "{s:I,s:I}", "messages", &messages, "stashed", &stashed), 0);
	assert_int_equal(messages, 4);
	assert_int_equal(stashed, 4);
	actor_msg_free(reply);
	cast(self, door, "open", 0);
	actor_sleep(self, 1);
	assert_int_equal(actor_call(self, actor_to(door), "$sys_status", 1000, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "{s:I,s:I}", "messages", &messages, "bytes", &stashed), 0);
	assert_int_equal(messages, 0);
	assert_int_equal(stashed, 0);
	actor_msg_free(reply);
}
static void test_half_of_the_mailbox_can_be_put_aside_and_counts_for_it(void **state)
{
	story(to_bounds);
	assert_string_equal(story_log, "open:4 a1 a2 a3 a4 open-terminate ");
}

static void a_large_one(actor *self)
{
	static char large[600 << 10];
	actor_ref door = door_of(self, &closed_door);

	assert_int_equal(actor_cast(self, actor_to(door), "large", "y#", large, sizeof(large)), 0);
	assert_int_equal(ask(self, door, "last"), -EBUSY);
}
static void test_half_of_the_bytes_can_be_put_aside(void **state)
{
	story(a_large_one);
}

static void misuse(actor *self)
{
	actor_ref door = door_of(self, &closed_door);

	assert_int_equal(actor_call(self, actor_to(door), "answered", 1000, NULL, ""), 0);
	assert_int_equal(actor_call(self, actor_to(door), "kept", 1000, NULL, ""), 0);
	cast(self, door, "other", 0);
	actor_sleep(self, 1);
}
static void test_only_the_handled_message_that_is_not_answered_can_be_put_aside(void **state)
{
	char expected[128];

	snprintf(expected, sizeof(expected), "answered:%d kept:%d null:%d other:%d closed-terminate ",
		-EALREADY, -EALREADY, -EINVAL, -EINVAL);
	story(misuse);
	assert_string_equal(story_log, expected);
}

static void at_its_end(actor *self)
{
	actor_ref door = door_of(self, &closed_door);
	struct actor_answer answer;
	uint64_t id;

	cast(self, door, "a", 1);
	assert_int_equal(actor_request(self, actor_to(door), "b", 1000, &id, "i", 2), 0);
	actor_sleep(self, 1);
	assert_int_equal(actor_stop(self, door, "enough"), 0);
	assert_int_equal(actor_request_wait(self, &id, 1, 1000, NULL, &answer), 0);
	assert_int_equal(answer.r, -ECONNRESET);
	actor_msg_free(answer.msg);
}
static void test_calls_that_are_put_aside_end_with_their_actor(void **state)
{
	story(at_its_end);
	assert_string_equal(story_log, "closed-terminate ");
}

static void a_timer(actor *self)
{
	actor_ref door = door_of(self, &open_door);

	cast(self, door, "timer", 0);
	assert_int_equal(ask(self, door, "close"), 0);
	actor_sleep(self, 20);
	cast(self, door, "open", 0);
	actor_sleep(self, 1);
	cast(self, door, "cancel", 0); /* the counter of casts of timers that wait is right */
	cast(self, door, "timer", 0);
	actor_sleep(self, 40);
}
static void test_the_cast_of_a_timer_can_be_put_aside(void **state)
{
	story(a_timer);
	assert_string_equal(story_log, "close open:1 due1 cancel:1 due1 open-terminate ");
}

/* Senders wait as long as a full mailbox is not handled, whether messages are put aside or not. */
static void held_back(actor *self)
{
	actor_ref door = door_of(self, &closed_door), w = worker(self);

	for (int i = 0; i < 4; i++)
		cast(self, door, "a", i);
	actor_sleep(self, 1);
	assert_int_equal(actor_call(self, actor_to(door), "$sys_suspend", 1000, NULL, ""), 0);
	for (int i = 4; i < 8; i++)
		cast(self, door, "b", i);
	assert_int_equal(actor_cast(self, actor_to(w), "call_later", "rIs", door, (int64_t)0, "w"), 0);
	actor_sleep(self, 5);
	note("| ");
	assert_int_equal(actor_call(self, actor_to(door), "$sys_resume", 1000, NULL, ""), 0);
	actor_sleep(self, 5);
	cast(self, door, "open", 0);
	actor_sleep(self, 5);
}
static void test_what_is_put_aside_holds_senders_back(void **state)
{
	char expected[256];

	story(held_back);
	snprintf(expected, sizeof(expected), "| w:%d open:4 a0 a1 a2 a3 ", -EREMOTEIO);
	assert_memory_equal(story_log, expected, strlen(expected));
}

/* ---- become ---- */

static void ties_stay(actor *self)
{
	actor_ref door, w = worker(self);

	door = door_of(self, &closed_door);
	assert_int_equal(actor_call(self, actor_to(door), "watch", 1000, NULL, "r", w), 0);
	cast(self, door, "a", 1);
	cast(self, door, "open", 0);
	assert_int_equal(actor_cast(self, actor_to(door), "b", "i", 2), 0);
	assert_int_equal(actor_kill(self, w), 0);
	actor_sleep(self, 5);
	assert_int_equal(actor_exit(self, door, "why"), 0);
	actor_sleep(self, 1);
	assert_int_equal(ask(self, door, "close"), 0);
	assert_int_equal(actor_exit(self, door, "why"), 0); /* it does not trap exits any more */
	actor_sleep(self, 1);
	assert_int_equal(actor_call(self, actor_to(door), "last", 1000, NULL, ""), -ESRCH);
}
static void test_monitors_stay_and_the_new_behavior_gets_what_comes(void **state)
{
	story(ties_stay);
	assert_string_equal(story_log, "open:1 a1 b2 open-down:killed open-exit:why close closed-terminate ");
}

static int state_init(actor *self, const void *arg)
{
	struct door *door = actor_state(self);
	const struct actor_behavior larger = {.state_size = sizeof(*door) + 1}, smaller = {.state_size = 1};
	const struct actor_behavior deeper = {.state_size = sizeof(*door), .stack_size_bytes = 64 << 20};
	const struct actor_behavior same = {.state_size = sizeof(*door), .stack_size_bytes = 1};

	door->last_stash = 77;
	note("%d %d %d %d ", actor_become(self, &larger), actor_become(self, &smaller),
		actor_become(self, &deeper), actor_become(self, NULL));
	note("%d ", actor_become(self, &same));
	assert_ptr_equal(actor_state(self), door);
	note("%d ", actor_become(self, &closed_door));
	return 0;
}

static void states(actor *self)
{
	const struct actor_behavior begins = {.state_size = sizeof(struct door), .init = state_init};
	actor_ref door = door_of(self, &begins);

	assert_int_equal(ask(self, door, "last"), 77);
	assert_int_equal(actor_become((actor *)actor_find(self->group, door.serial), &open_door), -EINVAL);
	assert_int_equal(ask(self, door, "last"), 77);
	assert_int_equal(actor_kill(self, door), 0); /* `begins` lives no longer than this function */
	actor_sleep(self, 1);
}
static void test_the_state_must_fit_and_only_the_actor_itself_changes(void **state)
{
	char expected[64];

	snprintf(expected, sizeof(expected), "%d %d %d %d 0 0 ", -EINVAL, -EINVAL, -EINVAL, -EINVAL);
	story(states);
	assert_string_equal(story_log, expected);
}

/* Events that were under way for callbacks which the new behavior does not have. */
static int loud_overload(
	actor *self, const struct actor_overload_stats *now, const struct actor_overload_stats *all)
{
	note("overload ");
	return 0;
}
static int loud_letter(actor *self, const struct actor_dead_letter *letter)
{
	note("letter ");
	return 0;
}
static int loud_reply(actor *self, uint64_t request, const struct actor_answer *answer)
{
	note("reply ");
	return 0;
}
static int loud_quiet(actor *self, const actor_msg *msg)
{
	static const struct actor_behavior quiet = {.name = "quiet"};
	actor_ref other;

	assert_int_equal(actor_overload(self,
				 &(struct actor_overload){.overflow = ACTOR_DROP_NEWEST, .max_messages = 1}),
		0);
	assert_int_equal(actor_dead_letters(self, true), 0);
	assert_int_equal(actor_msg_unpack(msg, "r", &other), 0);
	assert_int_equal(actor_request(self, actor_to(other), "add", 1000, NULL, "i", 1), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(actor_cast(self, actor_to(actor_self(self)), "x", ""), 0);
	actor_sleep(self, 5);
	return actor_become(self, &quiet);
}
static void quiet(actor *self)
{
	static const struct actor_method methods[] = {{.name = "quiet", .on_cast = loud_quiet}, {0}};
	static const struct actor_behavior loud = {.name = "loud",
		.methods = methods,
		.on_overload = loud_overload,
		.on_dead_letter = loud_letter,
		.on_reply = loud_reply};
	actor_ref ref = door_of(self, &loud), w = worker(self);
	actor_msg *reply;

	assert_int_equal(actor_cast(self, actor_to(ref), "quiet", "r", w), 0);
	actor_sleep(self, 20);
	assert_int_equal(actor_call(self, actor_to(ref), "$sys_status", 1000, &reply, ""), 0);
	actor_msg_free(reply);
}
static void test_events_for_callbacks_that_are_gone_are_dropped(void **state)
{
	story(quiet);
	assert_null(strstr(story_log, "overload"));
	assert_null(strstr(story_log, "letter"));
	assert_null(strstr(story_log, "reply"));
}

static void rounds(actor *self)
{
	actor_ref door = door_of(self, &closed_door);
	size_t before = 0;

	for (int round = 0; round < 300; round++) {
		story_log[0] = 0;
		for (int i = 0; i < 3; i++)
			cast(self, door, "a", i);
		cast(self, door, "open", 0);
		assert_int_equal(ask(self, door, "close"), 0);
		if (round == 30)
			before = mallinfo2().uordblks;
	}
	assert_in_range(mallinfo2().uordblks, before / 2, before + 2048);
}
static void test_putting_aside_keeps_no_memory(void **state)
{
	story(rounds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_put_aside_comes_first_and_in_order),
		cmocka_unit_test(test_a_message_can_be_put_aside_while_the_others_are_put_back),
		cmocka_unit_test(test_half_of_the_mailbox_can_be_put_aside_and_counts_for_it),
		cmocka_unit_test(test_half_of_the_bytes_can_be_put_aside),
		cmocka_unit_test(test_only_the_handled_message_that_is_not_answered_can_be_put_aside),
		cmocka_unit_test(test_calls_that_are_put_aside_end_with_their_actor),
		cmocka_unit_test(test_the_cast_of_a_timer_can_be_put_aside),
		cmocka_unit_test(test_what_is_put_aside_holds_senders_back),
		cmocka_unit_test(test_monitors_stay_and_the_new_behavior_gets_what_comes),
		cmocka_unit_test(test_the_state_must_fit_and_only_the_actor_itself_changes),
		cmocka_unit_test(test_events_for_callbacks_that_are_gone_are_dropped),
		cmocka_unit_test(test_putting_aside_keeps_no_memory),
	};

	return run_facts(tests);
}

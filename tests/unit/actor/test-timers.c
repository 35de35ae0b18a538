/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers of actors in virtual time. The clock stands still while an actor runs, and goes on to the deadline
 * when the loop would sleep until then. So each time is known to the nanosecond, and nothing depends on the
 * machine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/base/base.h"
#include "libactor/loop/timer.h"
#include "tests/fact.h"

#define START_NS (INT64_C(1000) * 1000 * MS_NS)

static int64_t now_ns;
static bool malloc_fails;

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);
int __real_epoll_pwait2(
	int fd, struct epoll_event *events, int n, const struct timespec *timeout, const sigset_t *mask);
int __wrap_epoll_pwait2(
	int fd, struct epoll_event *events, int n, const struct timespec *timeout, const sigset_t *mask);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
	ret->tv_sec = now_ns / 1000000000;
	ret->tv_nsec = now_ns % 1000000000;
	return 0;
}

int __wrap_epoll_pwait2(
	int fd, struct epoll_event *events, int n, const struct timespec *timeout, const sigset_t *mask)
{
	struct timespec none = {0};
	int got = __real_epoll_pwait2(fd, events, n, &none, mask);

	if (got)
		return got;
	assert_non_null(timeout); /* otherwise the loop would sleep for ever */
	now_ns += timeout->tv_sec * INT64_C(1000000000) + timeout->tv_nsec;
	return 0;
}

void *__wrap_malloc(size_t size)
{
	return malloc_fails ? NULL : __real_malloc(size);
}

/* ---- the stories ---- */

static char heard[4096]; /* what happened, each note with its millisecond since the start */

static void note(const char *format, ...)
{
	size_t at = strlen(heard);
	va_list args;

	va_start(args, format);
	vsnprintf(heard + at, sizeof(heard) - at, format, args);
	va_end(args);
	at = strlen(heard);
	snprintf(heard + at, sizeof(heard) - at, "@%lld ", (long long)((now_ns - START_NS) / MS_NS));
}

static int64_t note_takes_ms; /* the handler of `note` waits for so long */
static int64_t note_spins_ms; /* the next handler of `note` makes the whole process late by so much */

static int teller_note(actor *self, const actor_msg *msg)
{
	const char *text;
	int r = 0;

	assert_int_equal(actor_msg_unpack(msg, "s", &text), 0);
	note("%s", text);
	if (note_takes_ms)
		r = actor_sleep(self, note_takes_ms);
	if (r == -ECANCELED)
		note("%s-cancelled", text);
	now_ns += note_spins_ms * MS_NS;
	note_spins_ms = 0;
	return 0;
}

static int teller_idle(actor *self, const actor_msg *msg)
{
	assert_int_equal(actor_msg_unpack(msg, ""), 0);
	note("idle");
	return 0;
}

static int teller_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	note("down:%s", cause->reason);
	return 0;
}

static void teller_terminate(actor *self, const struct actor_cause *cause)
{
	note("end:%s", cause->reason);
}

static int teller_tell(actor *self, const actor_msg *msg)
{
	uint64_t address;

	assert_int_equal(actor_msg_unpack(msg, "U", &address), 0);
	((void (*)(actor *))(uintptr_t)address)(self);
	return 0;
}

static const struct actor_method teller_methods[] = {
	{.name = "note", .on_cast = teller_note},
	{.name = "idle", .on_cast = teller_idle},
	{.name = "tell", .on_cast = teller_tell},
	{0},
};

static int teller_init(actor *self, const void *arg)
{
	if (arg)
		((void (*)(actor *))(uintptr_t)arg)(self);
	return 0;
}

static const struct actor_behavior teller = {
	.name = "teller",
	.methods = teller_methods,
	.init = teller_init,
	.on_down = teller_down,
	.terminate = teller_terminate,
};

static actor_ref spawn(actor *self, void (*fn)(actor *self))
{
	actor_ref ref;

	assert_int_equal(actor_spawn(self, &teller, (const void *)(uintptr_t)fn, &ref), 0);
	return ref;
}

static void tell(actor *self, actor_ref who, void (*fn)(actor *self))
{
	assert_int_equal(actor_cast(self, actor_to(who), "tell", "U", (uint64_t)(uintptr_t)fn), 0);
}

/*
 * Runs @fn in the init of an actor, and then the group until @ms have gone by. `heard` has what happened by
 * then. Then the group is stopped, and no timer may be left.
 */
static void story(void (*fn)(actor *self), int64_t ms)
{
	struct actor_group_options options = {.mode = ACTOR_JOIN_NONE};
	actor_group *group;

	now_ns = START_NS;
	heard[0] = 0;
	note_takes_ms = note_spins_ms = 0;
	assert_int_equal(actor_group_new(&group, &options), 0);
	assert_int_equal(actor_group_spawn(group, &teller, (const void *)(uintptr_t)fn, NULL, NULL), 0);
	assert_int_equal(loop_pump_until(&group->loop, START_NS + ms * MS_NS), 0);
	heard[strlen(heard) ? strlen(heard) - 1 : 0] = 0;
	{
		char before[sizeof(heard)];

		memcpy(before, heard, sizeof(before));
		actor_group_stop(group);
		assert_int_equal(actor_group_run(group), 0);
		assert_int_equal(group->send_timers.n_items, 0);
		assert_int_equal(group->timer_cells.n_cells, 0);
		memcpy(heard, before, sizeof(before));
	}
	actor_group_free(group);
}

/* ---- once ---- */

static uint64_t timers[8];

static void tell_cancel(actor *self)
{
	assert_int_equal(actor_send_after(self, 100, "note", &timers[0], "s", "never"), 0);
	assert_int_equal(actor_send_after(self, 200, "note", &timers[1], "s", "never"), 0);
	assert_int_equal(actor_send_after(self, 200, "note", &timers[2], "s", "once"), 0);
	assert_int_equal(actor_timer_left(self, timers[0]), 100);
	now_ns += 30 * MS_NS + 1;
	assert_int_equal(actor_timer_left(self, timers[0]), 70); /* the time that is left is rounded up */
	assert_int_equal(actor_timer_cancel_left(self, timers[0]), 70);
	assert_int_equal(actor_timer_cancel_left(self, timers[0]), -ESRCH);
	assert_int_equal(actor_timer_left(self, timers[0]), -ESRCH);
	assert_true(actor_timer_cancel(self, timers[1]));
	assert_false(actor_timer_cancel(self, timers[1]));
	assert_int_equal(actor_timer_left(self, 12345), -ESRCH);
	assert_int_equal(actor_timer_merged(self, timers[2]), 0);
}

static void test_cancel_says_how_much_time_was_left(void **state)
{
	story(tell_cancel, 1000);
	assert_string_equal(heard, "once@200");
}

static void tell_cancel_queued(actor *self)
{
	assert_int_equal(actor_send_after(self, 10, "note", &timers[0], "s", "never"), 0);
	assert_int_equal(actor_send_after(self, 10, "note", &timers[1], "s", "b"), 0);
	assert_int_equal(actor_send_interval(self, 10, "note", &timers[2], "s", "never"), 0);
	assert_int_equal(actor_sleep(self, 15), 0);
	/* It is due, but its message is not handled yet. */
	assert_int_equal(actor_timer_left(self, timers[0]), 0);
	assert_int_equal(actor_timer_cancel_left(self, timers[0]), 0);
	assert_false(actor_timer_cancel(self, timers[0]));
	assert_int_equal(actor_timer_cancel_left(self, timers[2]), 5);
}

static void test_cancel_takes_back_a_cast_that_waits_in_the_mailbox(void **state)
{
	story(tell_cancel_queued, 100);
	assert_string_equal(heard, "b@15");
}

static int note_then_cancel(actor *self, const actor_msg *msg)
{
	note("fired");
	assert_false(actor_timer_cancel(self, timers[0])); /* this is the message of that timer */
	/* An interval may be cancelled while its message is handled. */
	assert_true(actor_timer_cancel(self, timers[1]));
	return 0;
}

static int canceller_init(actor *self, const void *arg)
{
	assert_int_equal(actor_send_after(self, 10, "fire", &timers[0], ""), 0);
	return actor_send_interval(self, 10, "fire", &timers[1], "");
}

static const struct actor_method canceller_methods[] = {{.name = "fire", .on_cast = note_then_cancel}, {0}};
static const struct actor_behavior canceller = {
	.name = "canceller", .methods = canceller_methods, .init = canceller_init};

static actor_ref others;

static void tell_others_cancel(actor *self)
{
	actor_ref ref;

	others = spawn(self, tell_cancel_queued);
	/* A timer belongs to its actor. The end of another actor does not touch it. */
	assert_int_equal(actor_send_after(self, 50, "note", &timers[3], "s", "mine"), 0);
	ref = spawn(self, NULL);
	assert_int_equal(actor_stop(self, ref, NULL), 0);
}

static void tell_cancel_of_another(actor *self)
{
	assert_false(actor_timer_cancel(self, timers[3]));
	assert_int_equal(actor_timer_left(self, timers[3]), -ESRCH);
}

static void tell_own_and_others(actor *self)
{
	actor_ref ref;

	tell_others_cancel(self);
	tell(self, others, tell_cancel_of_another);
	timers[0] = timers[1] = 0;
	assert_int_equal(actor_spawn(self, &canceller, NULL, &ref), 0);
}

static void test_a_timer_is_its_actors_and_is_over_when_its_handler_runs(void **state)
{
	story(tell_own_and_others, 200);
	assert_non_null(strstr(heard, "mine@65"));
	assert_non_null(strstr(heard, "fired@25"));
	assert_null(strstr(strstr(heard, "fired@25") + 1, "fired"));
}

static void tell_misuse(actor *self)
{
	char long_reason[300];

	memset(long_reason, 'x', sizeof(long_reason) - 1);
	long_reason[sizeof(long_reason) - 1] = 0;
	assert_int_equal(actor_send_after(self, -1, "note", NULL, "s", "x"), -EINVAL);
	assert_int_equal(actor_send_after(self, 1, NULL, NULL, ""), -EINVAL);
	assert_int_equal(actor_send_after(self, 1, "note", NULL, "?"), -EINVAL);
	assert_int_equal(actor_send_interval(self, 0, "note", NULL, "s", "x"), -EINVAL);
	assert_int_equal(actor_send_interval(self, -1, "note", NULL, "s", "x"), -EINVAL);
	assert_int_equal(actor_send_after_to(self, 1, actor_named(""), "note", NULL, ""), -EINVAL);
	assert_int_equal(actor_send_after_to(self, 1, actor_to_pg("\n", "x"), "note", NULL, ""), -EINVAL);
	assert_int_equal(actor_exit_after(self, actor_self(self), -1, NULL, NULL), -EINVAL);
	assert_int_equal(actor_exit_after(self, actor_self(self), 1, long_reason, NULL), -EINVAL);
	assert_int_equal(actor_idle_after(self, 0, "idle"), -EINVAL);
	assert_int_equal(actor_idle_after(self, 5, NULL), -EINVAL);
	assert_int_equal(actor_idle_after(self, ACTOR_FOREVER, NULL), 0);
	/* Times so large that no clock reaches them are allowed. */
	assert_int_equal(actor_send_after(self, INT64_MAX, "note", &timers[0], "s", "x"), 0);
	assert_true(actor_timer_left(self, timers[0]) == INT64_MAX);
	assert_int_equal(actor_send_interval(self, INT64_MAX / 2, "note", NULL, "s", "x"), 0);
	assert_int_equal(actor_idle_after(self, INT64_MAX / 2, "idle"), 0);
}

static void test_times_and_names_that_are_none_are_refused(void **state)
{
	story(tell_misuse, 100000);
	assert_string_equal(heard, "");
}

static char big[3000];

static void tell_big(actor *self)
{
	memset(big, 'x', sizeof(big) - 1);
	assert_int_equal(actor_send_after(self, 10, "note", NULL, "s", big), 0);
	assert_int_equal(actor_send_after(self, 20, "note", &timers[0], "s", big), 0);
	assert_true(actor_timer_cancel(self, timers[0]));
}

static void test_a_timer_may_carry_much(void **state)
{
	story(tell_big, 100);
	assert_memory_equal(heard, big, sizeof(big) - 1);
	assert_string_equal(heard + sizeof(big) - 1, "@10");
}

static void tell_no_memory(actor *self)
{
	assert_int_equal(actor_send_after(self, 10, "note", NULL, "s", "late"), 0);
	assert_int_equal(actor_send_interval(self, 10, "note", &timers[0], "s", "tick"), 0);
	assert_int_equal(actor_idle_after(self, 10, "idle"), 0);
}

static void test_what_is_due_when_there_is_no_memory_comes_later(void **state)
{
	struct actor_group_options options = {.mode = ACTOR_JOIN_NONE};
	actor_group *group;

	now_ns = START_NS;
	heard[0] = 0;
	note_takes_ms = 0;
	assert_int_equal(actor_group_new(&group, &options), 0);
	assert_int_equal(
		actor_group_spawn(group, &teller, (const void *)(uintptr_t)tell_no_memory, NULL, NULL), 0);
	assert_int_equal(loop_pump_until(&group->loop, START_NS + 5 * MS_NS), 0);
	{
		/* Memory for the stacks is there; memory for messages fails. */
		malloc_fails = true;
		assert_int_equal(loop_pump_until(&group->loop, START_NS + 12 * MS_NS), 0);
		malloc_fails = false;
	}
	assert_string_equal(heard, "");
	assert_int_equal(loop_pump_until(&group->loop, START_NS + 22 * MS_NS), 0);
	assert_string_equal(heard, "late@20 tick@20 ");
	actor_group_free(group);
}

/* ---- again and again ---- */

static void tell_interval(actor *self)
{
	note_takes_ms = 3;
	assert_int_equal(actor_send_interval(self, 10, "note", &timers[0], "s", "t"), 0);
}

static void test_an_interval_does_not_drift(void **state)
{
	story(tell_interval, 55);
	assert_string_equal(heard, "t@10 t@20 t@30 t@40 t@50");
}

static void tell_slow(actor *self)
{
	/* The ticks of 30 and 40 were merged with that of 20, those of 60, 70 and 80 with that of 50. */
	assert_int_equal(actor_timer_merged(self, timers[0]), 5);
	note("told");
	note_takes_ms = 0;
}

static void tell_interval_slow(actor *self)
{
	note_takes_ms = 35;
	assert_int_equal(actor_send_interval(self, 10, "note", &timers[0], "s", "t"), 0);
	assert_int_equal(actor_send_after_to(self, 42, actor_to(actor_self(self)), "tell", NULL, "U",
				 (uint64_t)(uintptr_t)tell_slow),
		0);
}

static void test_ticks_that_a_slow_actor_misses_are_merged_and_the_grid_stays(void **state)
{
	story(tell_interval_slow, 105);
	/* The tick of 20 is handled at 45, which takes until 80. */
	assert_string_equal(heard, "t@10 t@45 told@80 t@80 t@90 t@100");
}

static void tell_merged(actor *self)
{
	assert_int_equal(actor_timer_merged(self, timers[0]), 99);
}

static void tell_interval_late(actor *self)
{
	note_spins_ms = 1003;
	assert_int_equal(actor_send_interval(self, 10, "note", &timers[0], "s", "t"), 0);
	assert_int_equal(
		actor_send_after(self, 1025, "tell", NULL, "U", (uint64_t)(uintptr_t)tell_merged), 0);
}

static void test_ticks_that_a_late_process_misses_are_merged(void **state)
{
	story(tell_interval_late, 1035);
	assert_string_equal(heard, "t@10 t@1013 t@1020 t@1030");
}

/* ---- for others ---- */

static void tell_wait(actor *self)
{
	assert_int_equal(actor_send_after_to(self, 10, actor_to(others), "note", NULL, "s", "once"), 0);
	assert_int_equal(actor_send_interval_to(self, 20, actor_to(others), "note", &timers[0], "s", "t"), 0);
	note_takes_ms = 1;
	assert_int_equal(actor_sleep(self, 50), 0); /* its timers go on while it waits */
	assert_int_equal(actor_timer_merged(self, timers[0]), 0);
	assert_int_equal(actor_stop(self, others, "enough"), 0);
	assert_int_equal(actor_sleep(self, 50), 0);
	assert_int_equal(actor_timer_left(self, timers[0]), -ESRCH); /* an interval ends with its target */
	note("done");
}

static void tell_to_others(actor *self)
{
	others = spawn(self, NULL);
	spawn(self, tell_wait);
}

static void test_a_timer_for_another_of_the_group_waits_for_nobody_and_goes_with_it(void **state)
{
	story(tell_to_others, 200);
	assert_string_equal(heard, "once@10 t@20 t@40 end:enough@50 done@100");
}

static void tell_owner(actor *self)
{
	assert_int_equal(actor_send_after_to(self, 10, actor_to(others), "note", NULL, "s", "first"), 0);
	assert_int_equal(actor_send_after_to(self, 40, actor_to(others), "note", NULL, "s", "never"), 0);
	assert_int_equal(actor_kill_after(self, others, 40, NULL), 0);
	assert_int_equal(actor_exit_after(self, others, 40, NULL, NULL), 0);
	assert_int_equal(actor_send_interval(self, 1000, "note", NULL, "s", "never"), 0);
	assert_int_equal(actor_exit_after(self, actor_self(self), 30, NULL, NULL), 0);
}

static void tell_owner_ends(actor *self)
{
	others = spawn(self, NULL);
	spawn(self, tell_owner);
}

static void test_timers_end_with_the_actor_that_made_them(void **state)
{
	story(tell_owner_ends, 5000);
	assert_string_equal(heard, "first@10 end:normal@30");
}

/* ---- ends ---- */

static void tell_exit(actor *self)
{
	assert_int_equal(actor_exit_after(self, actor_self(self), 30, "had its time", NULL), 0);
	assert_int_equal(actor_exit_after(self, actor_self(self), 10, "never", &timers[0]), 0);
	assert_int_equal(actor_timer_cancel_left(self, timers[0]), 10);
}

static void tell_watch(actor *self)
{
	assert_int_equal(actor_monitor(self, spawn(self, tell_exit), NULL), 0);
}

static void test_an_actor_stops_when_its_time_is_over_with_the_reason(void **state)
{
	story(tell_watch, 100);
	assert_string_equal(heard, "end:had its time@30 down:had its time@30");
}

static void tell_kill(actor *self)
{
	assert_int_equal(actor_kill_after(self, actor_self(self), 30, NULL), 0);
	assert_int_equal(actor_cast(self, actor_to(actor_self(self)), "note", "s", "long"), 0);
	note_takes_ms = 1000;
}

static void tell_watch_kill(actor *self)
{
	assert_int_equal(actor_monitor(self, spawn(self, tell_kill), NULL), 0);
}

static void test_a_kill_that_is_due_ends_a_handler_that_waits(void **state)
{
	story(tell_watch_kill, 100);
	assert_string_equal(heard, "long@0 long-cancelled@30 down:killed@30");
}

/* ---- idle ---- */

static void tell_idle(actor *self)
{
	assert_int_equal(actor_idle_after(self, 20, "idle"), 0);
	assert_int_equal(actor_send_after(self, 15, "note", NULL, "s", "a"), 0);
	assert_int_equal(actor_send_after(self, 30, "note", NULL, "s", "b"), 0);
}

static void test_idle_is_when_nothing_comes_for_so_long_and_again(void **state)
{
	story(tell_idle, 95);
	assert_string_equal(heard, "a@15 b@30 idle@50 idle@70 idle@90");
}

static void tell_idle_off(actor *self)
{
	assert_int_equal(actor_idle_after(self, ACTOR_FOREVER, NULL), 0);
	note("off");
}

static void tell_idle_waits(actor *self)
{
	assert_int_equal(actor_idle_after(self, 20, "idle"), 0);
	note_takes_ms = 50;
	assert_int_equal(actor_send_after(self, 10, "note", NULL, "s", "waits"), 0);
	assert_int_equal(
		actor_send_after(self, 85, "tell", NULL, "U", (uint64_t)(uintptr_t)tell_idle_off), 0);
}

static void test_one_that_waits_in_a_handler_is_not_idle_and_idleness_can_be_given_up(void **state)
{
	story(tell_idle_waits, 1000);
	assert_string_equal(heard, "waits@10 idle@80 off@85");
}

static void tell_idle_again(actor *self)
{
	assert_int_equal(actor_idle_after(self, 10, "idle"), 0);
	assert_int_equal(actor_idle_after(self, 30, "idle"), 0); /* takes the place of the first one */
}

static void test_idleness_that_is_set_again_is_the_new_one(void **state)
{
	story(tell_idle_again, 65);
	assert_string_equal(heard, "idle@30 idle@60");
}

static void tell_nothing(actor *self)
{
}

static void tell_many_then_idle(actor *self)
{
	/* An actor handles 32 messages in a turn, so this turn ends with an empty mailbox. */
	assert_int_equal(actor_idle_after(self, 20, "idle"), 0);
	for (int i = 0; i < 32; i++)
		tell(self, actor_self(self), tell_nothing);
}

static void test_a_turn_full_of_messages_is_followed_by_idleness(void **state)
{
	story(tell_many_then_idle, 25);
	assert_string_equal(heard, "idle@20");
}

/* ---- many ---- */

#define MANY 200000

static uint32_t n_ticks;
static uint64_t many[MANY];

static int counter_tick(actor *self, const actor_msg *msg)
{
	uint32_t i;

	assert_int_equal(actor_msg_unpack(msg, "u", &i), 0);
	assert_int_equal((now_ns - START_NS) / MS_NS, i % 5003);
	assert_true(i % 3);
	n_ticks++;
	return 0;
}

static int counter_init(actor *self, const void *arg)
{
	for (uint32_t i = 0; i < MANY; i++)
		assert_int_equal(actor_send_after(self, i % 5003, "tick", &many[i], "u", i), 0);
	for (uint32_t i = 0; i < MANY; i += 3)
		assert_true(actor_timer_cancel(self, many[i]));
	return 0;
}

static const struct actor_method counter_methods[] = {{.name = "tick", .on_cast = counter_tick}, {0}};
static const struct actor_behavior counter = {
	.name = "counter", .methods = counter_methods, .init = counter_init};

static void test_200000_timers_fire_once_each_at_their_time_unless_cancelled(void **state)
{
	struct actor_group_options options = {.mode = ACTOR_JOIN_NONE};
	actor_group *group;

	now_ns = START_NS;
	n_ticks = 0;
	assert_int_equal(actor_group_new(&group, &options), 0);
	assert_int_equal(actor_group_spawn(group, &counter, NULL, NULL, NULL), 0);
	assert_int_equal(loop_pump_until(&group->loop, START_NS + 6000 * MS_NS), 0);
	assert_int_equal(n_ticks, MANY - (MANY + 2) / 3);
	assert_int_equal(group->send_timers.n_items, 0);
	assert_int_equal(group->timer_cells.n_cells, 0);
	assert_true(group->timer_cells.n_blocks <= 1);
	actor_group_free(group);
}

/* ---- what waits without a timer ---- */

static actor_ref busy_one(actor *self)
{
	actor_ref busy = spawn(self, NULL);

	note_takes_ms = 100000;
	assert_int_equal(actor_cast(self, actor_to(busy), "note", "s", "busy"), 0);
	assert_int_equal(actor_sleep(self, 1), 0); /* the busy actor is in its handler now */
	return busy;
}

static void tell_default_call(actor *self)
{
	actor_ref busy = busy_one(self);

	note("call:%d", actor_call(self, actor_to(busy), "x", ACTOR_TIMEOUT_DEFAULT, NULL, "") == -ETIMEDOUT);
	note("call:%d", actor_call(self, actor_to(busy), "x", 7, NULL, "") == -ETIMEDOUT);
}

static void test_a_call_waits_five_seconds_unless_it_says_otherwise(void **state)
{
	story(tell_default_call, 20000);
	assert_string_equal(heard, "busy@0 call:1@5001 call:1@5008");
}

static void tell_default_mailbox(actor *self)
{
	actor_ref busy = busy_one(self);

	for (int i = 0; i < 4096; i++)
		assert_int_equal(actor_cast(self, actor_to(busy), "x", ""), 0);
	note("cast:%d", actor_cast(self, actor_to(busy), "x", "") == -EBUSY);
}

static void test_a_mailbox_holds_4096_messages_and_who_sends_more_waits_five_seconds(void **state)
{
	story(tell_default_mailbox, 20000);
	assert_string_equal(heard, "busy@0 cast:1@5001");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cancel_says_how_much_time_was_left),
		cmocka_unit_test(test_cancel_takes_back_a_cast_that_waits_in_the_mailbox),
		cmocka_unit_test(test_a_timer_is_its_actors_and_is_over_when_its_handler_runs),
		cmocka_unit_test(test_times_and_names_that_are_none_are_refused),
		cmocka_unit_test(test_a_timer_may_carry_much),
		cmocka_unit_test(test_what_is_due_when_there_is_no_memory_comes_later),
		cmocka_unit_test(test_an_interval_does_not_drift),
		cmocka_unit_test(test_ticks_that_a_slow_actor_misses_are_merged_and_the_grid_stays),
		cmocka_unit_test(test_ticks_that_a_late_process_misses_are_merged),
		cmocka_unit_test(test_a_timer_for_another_of_the_group_waits_for_nobody_and_goes_with_it),
		cmocka_unit_test(test_timers_end_with_the_actor_that_made_them),
		cmocka_unit_test(test_an_actor_stops_when_its_time_is_over_with_the_reason),
		cmocka_unit_test(test_a_kill_that_is_due_ends_a_handler_that_waits),
		cmocka_unit_test(test_idle_is_when_nothing_comes_for_so_long_and_again),
		cmocka_unit_test(test_one_that_waits_in_a_handler_is_not_idle_and_idleness_can_be_given_up),
		cmocka_unit_test(test_idleness_that_is_set_again_is_the_new_one),
		cmocka_unit_test(test_a_turn_full_of_messages_is_followed_by_idleness),
		cmocka_unit_test(test_a_call_waits_five_seconds_unless_it_says_otherwise),
		cmocka_unit_test(test_a_mailbox_holds_4096_messages_and_who_sends_more_waits_five_seconds),
		cmocka_unit_test(test_200000_timers_fire_once_each_at_their_time_unless_cancelled),
	};

	return run_facts(tests);
}

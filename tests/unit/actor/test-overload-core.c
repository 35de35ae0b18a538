/* SPDX-License-Identifier: Apache-2.0 */
/* What the limits of an actor take and lose, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/overload-core.h"
#include "tests/fact.h"

#define MS     INT64_C(1000000)
#define BYTES  100 /* the size of a message for which a fact gives no size */
#define QUEUED 64

static struct overload o;
static int64_t now_ns;
static int64_t retry_ms;
/* The queue as intake.c keeps it, with the time at which each message came. */
static int64_t came[QUEUED * 1024];
static uint32_t bytes_of[QUEUED * 1024];
static uint32_t first, last;

static struct actor_overload limits_of(struct actor_overload limits)
{
	assert_int_equal(overload_read(&limits, 10, 10000), 0);
	return limits;
}

static void begin(struct actor_overload limits)
{
	limits = limits_of(limits);
	memset(&o, 0, sizeof(o));
	now_ns = 1000 * MS;
	first = last = 0;
	overload_set(&o, &limits, now_ns);
}

static void take(uint32_t bytes)
{
	overload_queued(&o, bytes);
	bytes_of[last] = bytes;
	came[last++] = now_ns;
}

/* A message of @bytes comes. If it is taken, the oldest that are in its way are lost. */
static enum actor_loss comes_with(uint32_t bytes)
{
	bool make_room;
	enum actor_loss why = overload_comes(&o, now_ns, &make_room, &retry_ms);

	while (make_room && overload_is_full(&o)) {
		assert_true(first < last);
		overload_oldest_lost(&o, bytes_of[first]);
		first++;
	}
	if (why == ACTOR_LOST_NOT)
		take(bytes);
	return why;
}

static enum actor_loss comes(void)
{
	return comes_with(BYTES);
}

static unsigned come(unsigned n)
{
	unsigned taken = 0;

	while (n--)
		taken += comes() == ACTOR_LOST_NOT;
	return taken;
}

static enum actor_loss leaves(void)
{
	return overload_leaves(&o, BYTES, came[first++], OVERLOAD_NO_DEADLINE, now_ns);
}

static uint64_t lost_in_all(void)
{
	uint64_t n = 0;

	for (int why = 0; why < ACTOR_LOSSES; why++)
		n += o.lost[why];
	return n;
}

/* This holds at any moment. */
static void is_exact(void)
{
	assert_int_equal(o.received, o.handled + lost_in_all() + o.n_queued);
	assert_int_equal(o.n_queued, last - first);
}

/* ---- limits ---- */

static void test_zeroes_are_the_defaults(void **state)
{
	struct actor_overload limits = limits_of((struct actor_overload){.codel_target_ms = 5});

	assert_int_equal(limits.overflow, ACTOR_BLOCK);
	assert_int_equal(limits.max_messages, 10);
	assert_int_equal(limits.max_bytes, 10000);
	assert_int_equal(limits.codel_interval_ms, 100);
	limits = limits_of((struct actor_overload){.max_messages = 3, .max_bytes = 4, .rate_per_s = 5});
	assert_int_equal(limits.max_messages, 3);
	assert_int_equal(limits.max_bytes, 4);
	assert_int_equal(limits.rate_burst, 1);
}

static void test_limits_that_make_no_sense_are_refused(void **state)
{
	struct actor_overload bad[] = {
		{.overflow = (enum actor_overflow)4},
		{.overflow = (enum actor_overflow) - 1},
		{.max_wait_ms = -1},
		{.max_wait_ms = OVERLOAD_WAIT_MAX_MS + 1},
		{.codel_target_ms = -1},
		{.codel_target_ms = OVERLOAD_WAIT_MAX_MS + 1},
		{.codel_target_ms = 1, .codel_interval_ms = -1},
		{.codel_target_ms = 1, .codel_interval_ms = OVERLOAD_WAIT_MAX_MS + 1},
		{.codel_interval_ms = 1},
		{.rate_burst = 1},
	};
	struct actor_overload most = {.max_wait_ms = OVERLOAD_WAIT_MAX_MS,
		.codel_target_ms = OVERLOAD_WAIT_MAX_MS,
		.codel_interval_ms = OVERLOAD_WAIT_MAX_MS,
		.rate_per_s = UINT32_MAX,
		.rate_burst = UINT32_MAX};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(overload_read(&bad[i], 10, 10), -EINVAL);
	assert_int_equal(overload_read(&most, 10, 10), 0);
}

static void test_the_clock_is_read_where_time_counts(void **state)
{
	begin((struct actor_overload){.overflow = ACTOR_DROP_OLDEST});
	assert_false(overload_is_timed(&o));
	begin((struct actor_overload){.max_wait_ms = 1});
	assert_true(overload_is_timed(&o));
	begin((struct actor_overload){.codel_target_ms = 1});
	assert_true(overload_is_timed(&o));
	begin((struct actor_overload){.rate_per_s = 1});
	assert_true(overload_is_timed(&o));
}

/* ---- a full mailbox ---- */

static void test_block_takes_what_was_under_way(void **state)
{
	begin((struct actor_overload){.overflow = ACTOR_BLOCK});
	assert_int_equal(come(12), 12);
	assert_int_equal(lost_in_all(), 0);
	is_exact();
}

static void test_refuse_takes_what_has_room(void **state)
{
	begin((struct actor_overload){.overflow = ACTOR_REFUSE});
	assert_int_equal(come(10), 10);
	assert_int_equal(comes(), ACTOR_LOST_REFUSED);
	assert_int_equal(leaves(), ACTOR_LOST_NOT);
	assert_int_equal(comes(), ACTOR_LOST_NOT);
	assert_int_equal(comes(), ACTOR_LOST_REFUSED);
	assert_int_equal(o.lost[ACTOR_LOST_REFUSED], 2);
	is_exact();
}

static void test_drop_newest_loses_what_comes(void **state)
{
	begin((struct actor_overload){.overflow = ACTOR_DROP_NEWEST});
	assert_int_equal(come(15), 10);
	assert_int_equal(o.lost[ACTOR_LOST_NEWEST], 5);
	is_exact();
}

static void test_drop_oldest_takes_what_comes(void **state)
{
	begin((struct actor_overload){.overflow = ACTOR_DROP_OLDEST});
	assert_int_equal(come(15), 15);
	assert_int_equal(o.lost[ACTOR_LOST_OLDEST], 5);
	assert_int_equal(o.n_queued, 10);
	assert_int_equal(first, 5);
	is_exact();
}

static void test_bytes_fill_it_too(void **state)
{
	begin((struct actor_overload){.overflow = ACTOR_DROP_NEWEST, .max_bytes = 250});
	assert_int_equal(come(9), 3); /* the message that exceeds the limit is taken */
	assert_int_equal(o.queued_bytes, 300);
	assert_int_equal(leaves(), ACTOR_LOST_NOT);
	assert_int_equal(o.queued_bytes, 200);
	assert_int_equal(come(2), 1);
	is_exact();
}

static void test_one_that_is_large_makes_way_with_all_before_it(void **state)
{
	begin((struct actor_overload){.overflow = ACTOR_DROP_OLDEST, .max_bytes = 500});
	assert_int_equal(come(5), 5);
	/* Its own bytes do not count: one place is enough. */
	assert_int_equal(comes_with(10000), ACTOR_LOST_NOT);
	assert_int_equal(first, 1);
	assert_int_equal(comes(), ACTOR_LOST_NOT); /* now the large one must go, and so do all before it */
	assert_int_equal(first, 6);
	assert_int_equal(o.queued_bytes, BYTES);
	is_exact();
}

static void test_what_waited_before_counts(void **state)
{
	begin((struct actor_overload){.overflow = ACTOR_DROP_NEWEST});
	for (int i = 0; i < 9; i++) {
		overload_found(&o, BYTES);
		came[last++] = now_ns;
	}
	assert_int_equal(come(2), 1);
	is_exact();
}

/* ---- by age ---- */

static void test_what_waited_too_long_is_lost(void **state)
{
	begin((struct actor_overload){.max_wait_ms = 20});
	come(2);
	now_ns += 20 * MS;
	assert_int_equal(leaves(), ACTOR_LOST_NOT);
	now_ns += 1;
	assert_int_equal(leaves(), ACTOR_LOST_LATE);
	assert_int_equal(o.lost[ACTOR_LOST_LATE], 1);
	assert_int_equal(o.handled, 1);
	is_exact();
}

static void test_a_call_whose_caller_is_gone_is_lost(void **state)
{
	begin((struct actor_overload){.max_wait_ms = 1});
	come(2);
	now_ns += 5 * MS;
	/* The message is late, too, but is counted as expired, because nobody waits for its answer. */
	assert_int_equal(overload_leaves(&o, BYTES, came[first++], now_ns - 1, now_ns), ACTOR_LOST_EXPIRED);
	begin((struct actor_overload){.overflow = ACTOR_REFUSE});
	come(1);
	assert_int_equal(overload_leaves(&o, BYTES, came[first++], now_ns, now_ns), ACTOR_LOST_NOT);
	is_exact();
}

/* For @ms a message comes every @every_ms and handling one takes @each_ms. Returns how many CoDel dropped. */
static uint64_t run(int64_t every_ms, int64_t each_ms, int64_t ms)
{
	uint64_t before = o.lost[ACTOR_LOST_CODEL];
	int64_t end_ns = now_ns + ms * MS, free_ns = now_ns;

	for (int64_t t = 0; now_ns < end_ns; t++, now_ns += MS) {
		if (t % every_ms == 0)
			comes();
		while (free_ns <= now_ns && first < last)
			if (leaves() == ACTOR_LOST_NOT)
				free_ns = now_ns + each_ms * MS;
		is_exact();
	}
	return o.lost[ACTOR_LOST_CODEL] - before;
}

static void test_codel_lets_a_burst_through(void **state)
{
	begin((struct actor_overload){.codel_target_ms = 5, .max_messages = 1000});
	come(40); /* handling them takes 80 ms */
	assert_int_equal(run(100, 2, 90), 0);
	assert_int_equal(run(10, 2, 1000), 0);
	for (int i = 0; i < 10; i++) { /* ten bursts; the queue is empty before each */
		come(30);
		assert_int_equal(run(1000, 2, 150), 0);
	}
}

static void test_codel_sheds_while_the_queue_stands(void **state)
{
	uint64_t lost;

	begin((struct actor_overload){.codel_target_ms = 5, .max_messages = 10000});
	lost = run(1, 2, 3000);
	/* Half of the 3,000 are too many. The others are handled after at most about twice the target. */
	assert_in_range(lost, 1200, 1500);
	assert_true(o.n_queued < 20);
	now_ns += MS;
	assert_true(now_ns - came[first] <= 12 * MS);
}

static void test_codel_stops_when_the_queue_does_not_stand_any_more(void **state)
{
	begin((struct actor_overload){.codel_target_ms = 5, .max_messages = 10000});
	run(1, 2, 1000);
	run(10, 2, 300); /* empties the queue, and more than an interval passes */
	assert_int_equal(run(10, 2, 1000), 0);
}

static void test_codel_forgets_over_a_pause(void **state)
{
	begin((struct actor_overload){.codel_target_ms = 5, .max_messages = 10000});
	come(100);
	while (first < last) { /* each of them has waited for long */
		now_ns += 10 * MS;
		leaves();
	}
	now_ns += 10000 * MS;
	come(20); /* a burst: CoDel does not know yet whether the queue stands */
	now_ns += 30 * MS;
	assert_int_equal(leaves(), ACTOR_LOST_NOT);
	assert_int_equal(leaves(), ACTOR_LOST_NOT);
}

static void test_new_limits_begin_with_an_open_mind(void **state)
{
	struct actor_overload limits = limits_of((struct actor_overload){.codel_target_ms = 50});

	begin((struct actor_overload){.codel_target_ms = 5, .max_messages = 10000});
	run(1, 2, 1000);
	assert_true(o.stands);
	overload_set(&o, &limits, now_ns);
	assert_false(o.stands);
	assert_true(o.received > 0);
}

/* ---- by rate ---- */

static void test_the_rate_is_kept_with_a_burst(void **state)
{
	begin((struct actor_overload){.overflow = ACTOR_BLOCK, .rate_per_s = 100, .rate_burst = 3});
	assert_int_equal(come(5), 3);
	assert_int_equal(o.lost[ACTOR_LOST_LIMITED], 2);
	assert_int_equal(retry_ms, 10);
	now_ns += 9 * MS;
	assert_int_equal(comes(), ACTOR_LOST_LIMITED);
	assert_int_equal(retry_ms, 1);
	now_ns += MS;
	assert_int_equal(comes(), ACTOR_LOST_NOT);
	is_exact();
}

static void test_setting_the_same_rate_gives_no_burst(void **state)
{
	struct actor_overload limits =
		limits_of((struct actor_overload){.rate_per_s = 100, .rate_burst = 3, .max_messages = 7});

	begin((struct actor_overload){.rate_per_s = 100, .rate_burst = 3});
	assert_int_equal(come(3), 3);
	overload_set(&o, &limits, now_ns);
	assert_int_equal(o.limits.max_messages, 7);
	assert_int_equal(comes(), ACTOR_LOST_LIMITED);
	limits.rate_per_s = 200;
	overload_set(&o, &limits, now_ns);
	assert_int_equal(comes(), ACTOR_LOST_NOT);
}

/* ---- hints, words, figures ---- */

static void test_the_hint_is_half_the_wait(void **state)
{
	begin((struct actor_overload){.overflow = ACTOR_REFUSE});
	come(11);
	assert_int_equal(retry_ms, 100); /* no message has left yet, so the pace of the actor is not known */
	now_ns += 50 * MS;
	leaves();
	come(2);
	assert_int_equal(retry_ms, 25);
	now_ns += 200 * MS; /* the handler has been busy for longer than a message usually takes */
	comes();
	assert_int_equal(retry_ms, 100);
	now_ns += 3600 * 1000 * MS;
	comes();
	assert_int_equal(retry_ms, 30000);
}

static void test_the_hint_is_never_nothing(void **state)
{
	begin((struct actor_overload){.overflow = ACTOR_REFUSE});
	come(10);
	leaves();
	come(2);
	assert_int_equal(retry_ms, 1);
	while (first < last)
		leaves();
	now_ns += 1000 * MS; /* the actor is idle, so the time since the last message says nothing */
	assert_int_equal(overload_retry_ms(&o, now_ns), 1);
}

static void test_a_loss_is_news_after_quiet(void **state)
{
	begin((struct actor_overload){.overflow = ACTOR_REFUSE});
	assert_true(overload_is_news(&o, now_ns));
	now_ns += OVERLOAD_QUIET_NS - 1;
	assert_false(overload_is_news(&o, now_ns));
	now_ns += OVERLOAD_QUIET_NS - 1;
	assert_false(overload_is_news(&o, now_ns));
	now_ns += OVERLOAD_QUIET_NS;
	assert_true(overload_is_news(&o, now_ns));
}

static void test_the_figures_say_it_all(void **state)
{
	struct actor_overload_stats before, all, now;

	begin((struct actor_overload){.overflow = ACTOR_DROP_OLDEST, .max_messages = 3, .max_bytes = 900});
	come(5);
	overload_stats(&o, &before);
	now_ns += 2 * MS;
	leaves();
	come(4);
	overload_stats(&o, &all);
	assert_int_equal(all.overflow, ACTOR_DROP_OLDEST);
	assert_int_equal(all.max_messages, 3);
	assert_int_equal(all.max_bytes, 900);
	assert_int_equal(all.queued, 3);
	assert_int_equal(all.queued_bytes, 300);
	assert_int_equal(all.waited_us, 2000);
	assert_int_equal(all.received, 9);
	assert_int_equal(all.handled, 1);
	assert_int_equal(all.lost[ACTOR_LOST_OLDEST], 5);
	overload_stats_since(&all, &before, &now);
	assert_int_equal(now.received, 4);
	assert_int_equal(now.handled, 1);
	assert_int_equal(now.lost[ACTOR_LOST_OLDEST], 3);
	assert_int_equal(now.queued, 3);
}

static void test_every_loss_has_its_word_and_its_text(void **state)
{
	char text[OVERLOAD_TEXT_MAX];

	for (int why = 0; why <= ACTOR_LOST_ENDED; why++) {
		assert_non_null(overload_loss_word((enum actor_loss)why));
		overload_text(text, (enum actor_loss)why, 30000);
		assert_memory_equal(text, "retry_ms=30000; ", 16);
		assert_true(strlen(text) > 20 && strlen(text) < sizeof(text) - 8);
	}
	assert_null(overload_loss_word((enum actor_loss)(ACTOR_LOST_ENDED + 1)));
	assert_null(overload_loss_word((enum actor_loss)99));
	assert_string_equal(overload_text(text, ACTOR_LOST_REFUSED, 7), "retry_ms=7; its mailbox is full");
	assert_string_equal(overload_policy_word(ACTOR_BLOCK), "block");
	assert_string_equal(overload_policy_word(ACTOR_DROP_OLDEST), "drop_oldest");
}

/* ---- by chance ---- */

static void test_whatever_happens_the_figures_are_exact(void **state)
{
	uint32_t chance = 1;

	for (int round = 0; round < 200; round++) {
		struct actor_overload limits = {0};

		srand((unsigned)round);
		limits.overflow = (enum actor_overflow)(rand() % 4);
		limits.max_messages = 1 + (uint32_t)rand() % 8;
		limits.max_bytes = 1 + (uint32_t)rand() % 1000;
		limits.max_wait_ms = rand() % 3 ? 0 : 1 + rand() % 20;
		limits.codel_target_ms = rand() % 3 ? 0 : 1 + rand() % 5;
		limits.rate_per_s = rand() % 3 ? 0 : 1 + (uint32_t)rand() % 1000;
		begin(limits);
		for (int step = 0; step < 2000; step++) {
			chance = (uint32_t)rand();
			if (chance % 3) {
				enum actor_loss why = comes();

				assert_true(why == ACTOR_LOST_NOT || why == ACTOR_LOST_REFUSED ||
					    why == ACTOR_LOST_NEWEST || why == ACTOR_LOST_LIMITED);
				assert_true(why == ACTOR_LOST_NOT || retry_ms >= 1);
			} else if (first < last) {
				(void)leaves();
			}
			now_ns += rand() % 3 * MS;
			is_exact();
			assert_true(limits.overflow == ACTOR_BLOCK || o.n_queued <= limits.max_messages);
			assert_in_range(overload_retry_ms(&o, now_ns), 1, 30000);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zeroes_are_the_defaults),
		cmocka_unit_test(test_limits_that_make_no_sense_are_refused),
		cmocka_unit_test(test_the_clock_is_read_where_time_counts),
		cmocka_unit_test(test_block_takes_what_was_under_way),
		cmocka_unit_test(test_refuse_takes_what_has_room),
		cmocka_unit_test(test_drop_newest_loses_what_comes),
		cmocka_unit_test(test_drop_oldest_takes_what_comes),
		cmocka_unit_test(test_bytes_fill_it_too),
		cmocka_unit_test(test_one_that_is_large_makes_way_with_all_before_it),
		cmocka_unit_test(test_what_waited_before_counts),
		cmocka_unit_test(test_what_waited_too_long_is_lost),
		cmocka_unit_test(test_a_call_whose_caller_is_gone_is_lost),
		cmocka_unit_test(test_codel_lets_a_burst_through),
		cmocka_unit_test(test_codel_sheds_while_the_queue_stands),
		cmocka_unit_test(test_codel_stops_when_the_queue_does_not_stand_any_more),
		cmocka_unit_test(test_codel_forgets_over_a_pause),
		cmocka_unit_test(test_new_limits_begin_with_an_open_mind),
		cmocka_unit_test(test_the_rate_is_kept_with_a_burst),
		cmocka_unit_test(test_setting_the_same_rate_gives_no_burst),
		cmocka_unit_test(test_the_hint_is_half_the_wait),
		cmocka_unit_test(test_the_hint_is_never_nothing),
		cmocka_unit_test(test_a_loss_is_news_after_quiet),
		cmocka_unit_test(test_the_figures_say_it_all),
		cmocka_unit_test(test_every_loss_has_its_word_and_its_text),
		cmocka_unit_test(test_whatever_happens_the_figures_are_exact),
	};

	return run_facts(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits and dead letters when one allocation of a whole scenario fails: the first, the second, the third …
 * Each time nothing crashes, nothing leaks, each call ends, and the counts are exact.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actor/overload.h"
#include "tests/fact.h"
#include "tests/unit/story.h"

#define PUTS 12

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);

static bool counting;
static int n_allocations, fails_at;

/* True: this allocation is to fail. */
static bool is_refused(void)
{
	return counting && ++n_allocations == fails_at;
}

void *__wrap_malloc(size_t size)
{
	return is_refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return is_refused() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return is_refused() ? NULL : __real_realloc(p, size);
}

/* ---- the scenario ---- */

static struct actor_overload_stats stats;
static uint64_t told, letters, missed;
static int handled;

static int bounded_set(actor *self, const actor_msg *msg, actor_from *from)
{
	counting = true;
	return actor_reply(from, "i",
		actor_overload(
			self, &(struct actor_overload){.overflow = ACTOR_DROP_OLDEST, .max_messages = 3}));
}

static int bounded_put(actor *self, const actor_msg *msg)
{
	handled++;
	return 0;
}

static int bounded_ask(actor *self, const actor_msg *msg, actor_from *from)
{
	handled++;
	return actor_reply(from, "");
}

static int bounded_overload(
	actor *self, const struct actor_overload_stats *now, const struct actor_overload_stats *all)
{
	told += now->lost[ACTOR_LOST_OLDEST];
	return 0;
}

static int bounded_figures(actor *self, const actor_msg *msg)
{
	counting = false;
	return actor_overload_stats(self, &stats);
}

static const struct actor_method bounded_methods[] = {{.name = "set", .on_call = bounded_set},
	{.name = "put", .on_cast = bounded_put}, {.name = "ask", .on_call = bounded_ask},
	{.name = "$figures", .on_cast = bounded_figures}, {0}};
static const struct actor_behavior bounded = {
	.name = "bounded", .methods = bounded_methods, .on_overload = bounded_overload};

static int observer_letter(actor *self, const struct actor_dead_letter *letter)
{
	letters++;
	missed += letter->missed;
	return 0;
}

static int observer_watch(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "i", actor_dead_letters(self, true));
}

static const struct actor_method observer_methods[] = {{.name = "watch", .on_call = observer_watch}, {0}};
static const struct actor_behavior observer = {
	.name = "observer", .methods = observer_methods, .on_dead_letter = observer_letter};

static int n_sent, n_asked, n_answered, n_settings;

static void ask_result(actor *self, actor_ref who, const char *method)
{
	actor_msg *reply = NULL;
	int r = actor_call(self, actor_to(who), method, ACTOR_FOREVER, &reply, ""), result = -ENOMEM;

	if (r == 0)
		assert_int_equal(actor_msg_unpack(reply, "i", &result), 0);
	else
		assert_true(r == -ENOMEM || r == -EREMOTEIO);
	n_settings += r == 0 && result == 0;
	actor_msg_free(reply);
}

static void scenario(actor *self)
{
	struct actor_answer answer;
	actor_ref to, by;
	int r;

	assert_int_equal(actor_spawn(self, &bounded, NULL, &to), 0);
	assert_int_equal(actor_spawn(self, &observer, NULL, &by), 0);
	ask_result(self, to, "set");
	ask_result(self, by, "watch");
	for (int i = 0; i < PUTS; i++)
		n_sent += actor_cast(self, actor_to(to), "put", "i", i) == 0;
	n_asked += actor_request(self, actor_to(to), "ask", ACTOR_FOREVER, NULL, "") == 0;
	for (int i = 0; i < 3; i++) /* the call must make room for these */
		n_sent += actor_cast(self, actor_to(to), "put", "i", i) == 0;
	do {
		r = actor_request_wait(self, NULL, 0, ACTOR_FOREVER, NULL, &answer);
		n_answered += r == 0;
		if (r == 0)
			actor_msg_free(answer.msg);
	} while (r == 0);
	assert_int_equal(r, -ESRCH);
	counting = false;
	assert_int_equal(
		/* What was not told for want of memory is told with this one. */
		actor_cast(self, actor_to(to), "put", "i", 0), 0);
	n_sent++;
	assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(actor_cast(self, actor_to(to), "$figures", ""), 0);
	assert_int_equal(actor_sleep(self, 1), 0);
}

static void play(int at)
{
	n_allocations = 0;
	fails_at = at;
	stats = (struct actor_overload_stats){0};
	told = letters = missed = 0;
	handled = n_sent = n_asked = n_answered = n_settings = 0;
	story_of(&story_driver, scenario);
	counting = false;
}

static void test_whatever_allocation_fails_the_counts_are_exact(void **state)
{
	int n = 1;

	play(0);
	assert_int_equal(n_settings, 2);
	assert_int_equal(told, stats.lost[ACTOR_LOST_OLDEST]);
	assert_int_equal(letters, stats.lost[ACTOR_LOST_OLDEST]);
	for (int at = 1; at <= n; at++) {
		play(at);
		n = n_allocations > n ? n_allocations : n;
		assert_int_equal(n_answered, n_asked);
		if (!stats.received)
			continue; /* the limits could not be set */
		assert_int_equal(stats.received, n_sent + n_asked);
		assert_int_equal(stats.received, stats.handled + stats.lost[ACTOR_LOST_OLDEST]);
		assert_int_equal(stats.handled, handled);
	}
	assert_true(n > 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whatever_allocation_fails_the_counts_are_exact),
	};

	return run_facts(tests);
}

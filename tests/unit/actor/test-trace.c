/* SPDX-License-Identifier: Apache-2.0 */
/* Traces are carried on from handler to handler, in one group without a node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "actor/actor.h"
#include "actor/trace.h"
#include "libactor/actor/actor-internal.h"
#include "libactor/base/base.h"
#include "tests/fact.h"

#define ID 0x77

typedef void (*story_fn)(actor *self);

/* The traces that handlers had to carry on; id 0: the handler had none. */
static struct actor_trace heard[16], here;
static unsigned n_heard;
static story_fn on_heard; /* each handler calls this */
static bool over;

static struct actor_trace trace_of(actor *self)
{
	struct actor_trace trace = {0};

	assert_int_equal(actor_trace_get(self, &trace), actor_trace_get(self, NULL));
	assert_int_equal(actor_trace_get(self, NULL), trace.id != 0);
	return trace;
}

static void hear(actor *self)
{
	assert_in_range(n_heard, 0, 15);
	heard[n_heard++] = trace_of(self);
	if (on_heard)
		on_heard(self);
}

/* ---- an actor that hears, and does what it is told ---- */

static int on_note(actor *self, const actor_msg *msg)
{
	hear(self);
	return 0;
}

static int on_ask(actor *self, const actor_msg *msg, actor_from *from)
{
	hear(self);
	return actor_reply(from, "i", 5);
}

static int on_never(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_from_keep(from) ? 0 : -ENOMEM;
}

static int on_do(actor *self, const actor_msg *msg)
{
	uint64_t address;

	assert_int_equal(actor_msg_unpack(msg, "U", &address), 0);
	((story_fn)(uintptr_t)address)(self);
	return 0;
}

static int on_reply(actor *self, uint64_t request, const struct actor_answer *answer)
{
	hear(self);
	return 0;
}

static int on_init(actor *self, const void *arg)
{
	if (arg)
		((story_fn)(uintptr_t)arg)(self);
	return 0;
}

static const struct actor_method methods[] = {
	{.name = "note", .on_cast = on_note},
	{.name = "ask", .on_call = on_ask},
	{.name = "never", .on_call = on_never},
	{.name = "do", .on_cast = on_do},
	{0},
};
static const struct actor_behavior plain = {.name = "plain", .methods = methods, .init = on_init};
static const struct actor_behavior told = {
	.name = "told", .methods = methods, .init = on_init, .on_reply = on_reply};

static actor_ref hearer, other;

static actor_dest me(actor *self)
{
	return actor_to(actor_self(self));
}

static void tell(actor *self, actor_dest whom, story_fn fn)
{
	assert_int_equal(actor_cast(self, whom, "do", "U", (uint64_t)(uintptr_t)fn), 0);
}

/* ---- the story: it begins in a handler without a trace ---- */

static story_fn the_story;

static void begin(actor *self)
{
	assert_int_equal(actor_spawn(self, &told, NULL, &hearer), 0);
	assert_int_equal(actor_spawn(self, &told, NULL, &other), 0);
	the_story(self);
}

static void begin_later(actor *self)
{
	tell(self, me(self), begin);
}

static void end(actor *self)
{
	over = true;
	actor_group_stop(actor_group_of(self));
}

static void end_when_all_is_heard(actor *self)
{
	tell(self, me(self), end); /* comes after all that is in the mailbox */
}

static void story(story_fn fn)
{
	struct actor_group_options options = {.mode = ACTOR_JOIN_NONE};
	actor_group *group;

	the_story = fn;
	n_heard = 0;
	on_heard = NULL;
	over = false;
	memset(heard, 0, sizeof(heard));
	assert_int_equal(actor_group_new(&group, &options), 0);
	assert_int_equal(actor_group_spawn(group, &told, begin_later, NULL, NULL), 0);
	assert_int_equal(actor_group_run(group), 0);
	assert_true(over);
	actor_group_free(group);
}

static void wait_for(actor *self, unsigned n)
{
	while (n_heard < n)
		assert_int_equal(actor_sleep(self, 1), 0);
}

static void assert_caused(const struct actor_trace *effect, const struct actor_trace *cause)
{
	assert_int_equal(effect->id, cause->id);
	assert_true(effect->span && effect->span != cause->span);
	assert_int_equal(effect->parent, cause->span);
}

/* ---- facts ---- */

static void story_casts(actor *self)
{
	assert_int_equal(actor_trace_start(self, ID), 0);
	here = trace_of(self);
	assert_int_equal(here.id, ID);
	assert_int_equal(here.span, 0);
	assert_int_equal(here.parent, 0);
	assert_int_equal(actor_cast(self, actor_to(hearer), "note", ""), 0);
	assert_int_equal(actor_cast(self, actor_to(hearer), "note", ""), 0);
	wait_for(self, 2);
	assert_caused(&heard[0], &here);
	assert_caused(&heard[1], &here);
	assert_int_not_equal(heard[0].span, heard[1].span);
	end(self);
}

static void test_what_a_handler_sends_belongs_to_the_trace_it_began(void **state)
{
	story(story_casts);
}

static void hand_on(actor *self)
{
	if (n_heard < 4)
		assert_int_equal(actor_cast(self, actor_to(n_heard % 2 ? other : hearer), "note", ""), 0);
}

static void story_chain(actor *self)
{
	on_heard = hand_on;
	assert_int_equal(actor_trace_start(self, ID), 0);
	assert_int_equal(actor_cast(self, actor_to(hearer), "note", ""), 0);
	wait_for(self, 4);
	for (int i = 1; i < 4; i++)
		assert_caused(&heard[i], &heard[i - 1]);
	end(self);
}

static void test_each_message_names_the_one_that_caused_it(void **state)
{
	story(story_chain);
}

static void without(actor *self)
{
	assert_int_equal(actor_cast(self, actor_to(hearer), "note", ""), 0);
	assert_int_equal(actor_call(self, actor_to(hearer), "ask", ACTOR_FOREVER, NULL, ""), 0);
	assert_int_equal(actor_send_after(self, 0, "note", NULL, ""), 0);
	end_when_all_is_heard(self);
}

static void with(actor *self)
{
	assert_int_equal(actor_trace_start(self, ID), 0);
}

static void story_without(actor *self)
{
	tell(self, me(self), with);
	tell(self, me(self), without);
}

static void test_a_trace_ends_with_the_handler_that_began_it(void **state)
{
	story(story_without);
	assert_in_range(n_heard, 2, 3); /* the timer may fire after the end */
	for (unsigned i = 0; i < n_heard; i++)
		assert_int_equal(heard[i].id, 0);
}

static void story_calls(actor *self)
{
	on_heard = hand_on;
	assert_int_equal(actor_trace_start(self, ID), 0);
	here = trace_of(self);
	n_heard = 2;
	assert_int_equal(actor_call(self, actor_to(hearer), "ask", ACTOR_FOREVER, NULL, ""), 0);
	wait_for(self, 4);
	assert_caused(&heard[2], &here);
	assert_caused(&heard[3], &heard[2]);
	assert_memory_equal(&here, &(struct actor_trace){.id = ID}, sizeof(here));
	here = trace_of(self);
	assert_memory_equal(&here, &(struct actor_trace){.id = ID}, sizeof(here));
	end(self);
}

static void test_a_call_carries_it_on_and_its_answer_changes_nothing(void **state)
{
	story(story_calls);
}

static void ask_later(actor *self)
{
	assert_int_equal(actor_trace_start(self, ID), 0);
	assert_int_equal(actor_request(self, actor_to(hearer), "ask", ACTOR_FOREVER, NULL, ""), 0);
	assert_int_equal(actor_request(self, actor_to(hearer), "never", 1, NULL, ""), 0);
}

static void story_requests(actor *self)
{
	tell(self, actor_to(other), ask_later);
	wait_for(self, 3);
	assert_int_equal(heard[0].id, ID);
	assert_int_equal(heard[0].parent, 0);
	/* on_reply got an answer, with the trace of the call */
	assert_memory_equal(&heard[1], &heard[0], sizeof(heard[0]));
	/* on_reply got the time-out, which nobody has sent, so it begins a span. */
	assert_int_equal(heard[2].id, ID);
	assert_int_equal(heard[2].parent, 0);
	assert_true(heard[2].span && heard[2].span != heard[1].span);
	end(self);
}

static void test_on_reply_goes_on_with_the_trace_of_its_request(void **state)
{
	story(story_requests);
}

static void forward(actor *self)
{
	assert_int_equal(actor_trace_start(self, ID), 0);
	assert_int_equal(
		actor_call_and_forward(self, actor_to(hearer), "ask", ACTOR_FOREVER, other, "note", NULL, ""),
		0);
}

static void story_forward(actor *self)
{
	actor_ref who;

	assert_int_equal(actor_spawn(self, &plain, NULL, &who), 0);
	tell(self, actor_to(who), forward);
	wait_for(self, 2);
	assert_int_equal(heard[0].id, ID);
	assert_caused(&heard[1], &heard[0]);
	end(self);
}

static void test_a_forwarded_result_is_caused_by_its_call(void **state)
{
	story(story_forward);
}

static void set_timers(actor *self)
{
	assert_int_equal(actor_trace_start(self, ID), 0);
	assert_int_equal(actor_send_after(self, 0, "note", NULL, ""), 0);
}

static void set_timers_to(actor *self)
{
	char text[200];

	memset(text, 'x', sizeof(text));
	assert_int_equal(actor_trace_start(self, ID), 0);
	/* This message is too long for a cell of the slab of timers. */
	assert_int_equal(
		actor_send_after_to(self, 0, actor_to(hearer), "note", NULL, "b", text, sizeof(text)), 0);
}

static void story_timers(actor *self)
{
	tell(self, actor_to(other), set_timers);
	wait_for(self, 1);
	tell(self, actor_to(other), set_timers_to);
	wait_for(self, 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(heard[i].id, ID);
		assert_int_equal(heard[i].parent, 0);
		assert_int_not_equal(heard[i].span, 0);
	}
	end(self);
}

static void test_a_timer_carries_it_on(void **state)
{
	story(story_timers);
}

static void set_interval(actor *self)
{
	assert_int_equal(actor_trace_start(self, ID), 0);
	assert_int_equal(actor_send_interval(self, 1, "note", NULL, ""), 0);
	assert_int_equal(actor_idle_after(self, 1, "note"), 0);
}

static void story_interval(actor *self)
{
	tell(self, actor_to(other), set_interval);
	wait_for(self, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(heard[i].id, 0);
	end(self);
}

static void test_what_ticks_for_ever_does_not_carry_it_on(void **state)
{
	story(story_interval);
}

static void init_notes(actor *self)
{
	here = trace_of(self);
	assert_int_equal(actor_cast(self, actor_to(hearer), "note", ""), 0);
}

static void spawn_traced(actor *self)
{
	struct actor_trace mine;
	actor_ref child;

	hear(self);
	mine = trace_of(self);
	assert_int_equal(actor_spawn(self, &plain, init_notes, &child), 0);
	assert_memory_equal(&here, &mine, sizeof(mine));
	/* The trace with which the child was spawned is not that of its later messages. */
	assert_int_equal(actor_trace_set(self, NULL), 0);
	assert_int_equal(actor_cast(self, actor_to(child), "note", ""), 0);
}

static void story_spawn(actor *self)
{
	assert_int_equal(actor_trace_start(self, ID), 0);
	tell(self, actor_to(other), spawn_traced);
	wait_for(self, 3);
	assert_caused(&heard[1], &heard[0]);
	assert_int_equal(heard[2].id, 0);
	end(self);
}

static void test_init_goes_on_with_the_trace_of_who_spawned_it(void **state)
{
	story(story_spawn);
}

static void sleep_and_note(actor *self)
{
	hear(self);
	assert_int_equal(actor_sleep(self, 5), 0);
	assert_int_equal(actor_cast(self, me(self), "note", ""), 0);
}

static void story_parked(actor *self)
{
	assert_int_equal(actor_trace_start(self, ID), 0);
	tell(self, actor_to(hearer), sleep_and_note);
	assert_int_equal(actor_trace_start(self, ID + 1), 0);
	tell(self, actor_to(other), sleep_and_note);
	assert_int_equal(actor_trace_set(self, NULL), 0);
	wait_for(self, 4);
	assert_int_equal(heard[0].id, ID);
	assert_int_equal(heard[1].id, ID + 1);
	for (int i = 2; i < 4; i++)
		assert_caused(&heard[i], &heard[heard[i].id == ID ? 0 : 1]);
	assert_int_not_equal(heard[2].id, heard[3].id);
	end(self);
}

static void test_handlers_that_wait_keep_their_own(void **state)
{
	story(story_parked);
}

static void story_kept(actor *self)
{
	struct actor_trace kept = {.id = 9, .span = 8, .parent = 7}, now;

	assert_int_equal(actor_trace_set(self, &kept), 0);
	now = trace_of(self);
	assert_memory_equal(&now, &kept, sizeof(now));
	assert_int_equal(actor_cast(self, actor_to(hearer), "note", ""), 0);
	wait_for(self, 1);
	assert_caused(&heard[0], &kept);
	/* An id of 0 asks for a random one, which is never 0. */
	assert_int_equal(actor_trace_start(self, 0), 0);
	now = trace_of(self);
	assert_int_equal(actor_trace_start(self, 0), 0);
	assert_true(now.id && now.id != trace_of(self).id);
	assert_int_equal(now.span, 0);
	end(self);
}

static void test_a_trace_that_was_kept_is_gone_on_with(void **state)
{
	story(story_kept);
}

static void story_misuse(actor *self)
{
	struct actor *another = actor_find(actor_group_of(self), hearer.serial);
	struct actor_trace none = {.span = 5};

	assert_int_equal(actor_trace_start(self, ID), 0);
	assert_int_equal(actor_trace_set(self, &none), -EINVAL);
	assert_int_equal(trace_of(self).id, ID);
	assert_int_equal(actor_trace_start(another, ID), -EINVAL);
	assert_int_equal(actor_trace_set(another, NULL), -EINVAL);
	assert_false(actor_trace_get(another, NULL));
	end(self);
}

static void test_only_a_running_handler_has_a_trace(void **state)
{
	story(story_misuse);
}

static void test_an_actor_has_no_more_memory_for_it(void **state)
{
	assert_in_range(sizeof(struct actor), 1, 424);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_a_handler_sends_belongs_to_the_trace_it_began),
		cmocka_unit_test(test_each_message_names_the_one_that_caused_it),
		cmocka_unit_test(test_a_trace_ends_with_the_handler_that_began_it),
		cmocka_unit_test(test_a_call_carries_it_on_and_its_answer_changes_nothing),
		cmocka_unit_test(test_on_reply_goes_on_with_the_trace_of_its_request),
		cmocka_unit_test(test_a_forwarded_result_is_caused_by_its_call),
		cmocka_unit_test(test_a_timer_carries_it_on),
		cmocka_unit_test(test_what_ticks_for_ever_does_not_carry_it_on),
		cmocka_unit_test(test_init_goes_on_with_the_trace_of_who_spawned_it),
		cmocka_unit_test(test_handlers_that_wait_keep_their_own),
		cmocka_unit_test(test_a_trace_that_was_kept_is_gone_on_with),
		cmocka_unit_test(test_only_a_running_handler_has_a_trace),
		cmocka_unit_test(test_an_actor_has_no_more_memory_for_it),
	};

	return run_facts(tests);
}

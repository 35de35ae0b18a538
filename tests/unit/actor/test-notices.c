/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was promised is told also when memory is short; or the actor that would miss it is ended, and does not
 * go on as if nothing had happened. This program is linked so that it can refuse all memory for a while.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/monitor.h"
#include "libactor/actor/pg-monitor.h"
#include "libactor/actor/pg-tell.h"
#include "libactor/base/base.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/roll.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/slots.h"
#include "tests/fact.h"

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);

static bool is_short;

void *__wrap_malloc(size_t size)
{
	return is_short ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return is_short ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return is_short ? NULL : __real_realloc(p, size);
}

static void (*the_story)(actor *self);
static uint64_t monitor, heard;
static struct actor_cause heard_cause;
static int n_events;

static int run(actor *self, const actor_msg *msg)
{
	the_story(self);
	return 0;
}

static int end(actor *self, const actor_msg *msg)
{
	return actor_stop(self, actor_self(self), NULL);
}

static int init(actor *self, const void *arg)
{
	return actor_cast(self, actor_to(actor_self(self)), "run", "");
}

static int on_down(actor *self, uint64_t id, actor_ref who, const struct actor_cause *cause)
{
	is_short = false;
	heard = id;
	heard_cause = *cause;
	return actor_stop(self, actor_self(self), NULL);
}

static int on_exit_signal(actor *self, actor_ref from, const struct actor_cause *cause)
{
	is_short = false;
	heard_cause = *cause;
	return actor_stop(self, actor_self(self), NULL);
}

static int on_pg(actor *self, uint64_t id, const struct actor_pg_event *event)
{
	n_events++;
	return 0;
}

static const struct actor_method methods[] = {
	{.name = "run", .on_cast = run}, {.name = "end", .on_cast = end}, {0}};
static const struct actor_behavior watcher = {.name = "watcher",
	.methods = methods,
	.init = init,
	.on_down = on_down,
	.on_pg = on_pg,
	.on_exit = on_exit_signal};
static const struct actor_behavior bystander = {.name = "bystander", .methods = methods};

static void story(void (*fn)(actor *self))
{
	struct actor_group_options options = {.mode = ACTOR_JOIN_NONE};
	actor_group *group;

	the_story = fn;
	heard = 0;
	heard_cause = (struct actor_cause){0};
	n_events = 0;
	assert_int_equal(actor_group_new(&group, &options), 0);
	assert_int_equal(actor_group_spawn(group, &watcher, NULL, NULL, NULL), 0);
	assert_int_equal(actor_group_run(group), 0);
	is_short = false;
	actor_group_free(group);
}

static void watch_one_that_ends(actor *self)
{
	actor_ref who;

	assert_int_equal(actor_spawn(self, &bystander, NULL, &who), 0);
	assert_int_equal(actor_monitor(self, who, &monitor), 0);
	assert_int_equal(actor_stop(self, who, "shutdown"), 0);
	is_short = true;
}

static void test_a_down_needs_no_memory(void **state)
{
	story(watch_one_that_ends);
	assert_int_equal(heard, monitor);
	assert_string_equal(heard_cause.reason, "shutdown");
}

static void link_with_one_that_ends(actor *self)
{
	actor_ref who;

	assert_int_equal(actor_spawn(self, &bystander, NULL, &who), 0);
	assert_int_equal(actor_link(self, who), 0);
	assert_int_equal(actor_stop(self, who, "shutdown"), 0);
	is_short = true;
}

static void test_the_end_of_a_link_needs_no_memory(void **state)
{
	story(link_with_one_that_ends);
	assert_string_equal(heard_cause.reason, "shutdown");
}

static void end_one_without_an_id(actor *self)
{
	struct monitor *made = NULL;
	struct actor_cause cause = cause_make("signal");

	assert_int_equal(monitor_new(self, (actor_ref){77, 5, 0}, &made), 0);
	monitor = made->id;
	is_short = true;
	monitor_fire(self->group, made, &cause);
}

static void test_a_down_of_elsewhere_needs_no_memory(void **state)
{
	story(end_one_without_an_id);
	assert_int_equal(heard, monitor);
	assert_string_equal(heard_cause.reason, "signal");
}

static void miss_a_change(actor *self)
{
	struct roll_member member = {.ref = {77, 5, 1}};
	struct pg_monitor *made = pg_monitor_new(self, wire_cstr("pg"), wire_str(NULL, 0));

	assert_non_null(made);
	made->asked = true;
	assert_int_equal(actor_cast(self, actor_to(actor_self(self)), "end", ""), 0);
	is_short = true;
	pg_tell(self->group, wire_cstr("pg"), wire_cstr("a"), &member, true);
	is_short = false;
	assert_true(actor_sleep(self, 1000000) == -ECANCELED);
	heard = 1;
}

static void test_who_cannot_be_told_of_a_change_does_not_go_on(void **state)
{
	story(miss_a_change);
	assert_int_equal(heard, 1);
	assert_int_equal(n_events, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_down_needs_no_memory),
		cmocka_unit_test(test_the_end_of_a_link_needs_no_memory),
		cmocka_unit_test(test_a_down_of_elsewhere_needs_no_memory),
		cmocka_unit_test(test_who_cannot_be_told_of_a_change_does_not_go_on),
	};

	return run_facts(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is told of a change of a process group, and what finding them costs. The cost is counted, not timed:
 * this program is linked so that each memcmp() of the library, as for comparing two names, is counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/broker.h"
#include "libactor/actor/pg-gone.h"
#include "libactor/actor/pg-monitor.h"
#include "libactor/actor/pg-tell.h"
#include "libactor/actor/pg.h"
#include "libactor/base/base.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/roll.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "tests/fact.h"
#include "tests/unit/story.h"

#define OTHERS_MAX 6400

int __wrap_memcmp(const void *a, const void *b, size_t n);
int __real_memcmp(const void *a, const void *b, size_t n);

static size_t n_compared;

int __wrap_memcmp(const void *a, const void *b, size_t n)
{
	n_compared++;
	return __real_memcmp(a, b, n);
}

static char heard[256];
static uint64_t ids[4]; /* `heard` has the place of a monitor here as its name: 0, 1 … */

static int on_pg(actor *self, uint64_t monitor, const struct actor_pg_event *event)
{
	size_t used = strlen(heard);

	for (int i = 0; i < 4; i++)
		if (ids[i] == monitor)
			snprintf(heard + used, sizeof(heard) - used, "%d%c%s/%s ", i,
				event->joined ? '+' : '-', event->scope, event->group);
	return 0;
}

static const struct actor_method methods[] = {DRIVER_METHODS, {0}};
static const struct actor_behavior watcher = {.name = "watcher",
	.methods = methods,
	.init = driver_init,
	.on_pg = on_pg,
	.mailbox_max_messages = 100};

/*
 * Runs @fn in an actor. What @fn causes is told to the actor after it. The group ends when @fn has cast
 * `end`.
 */
static void story(story_fn fn)
{
	heard[0] = 0;
	story_stays = true;
	story_of(&watcher, fn);
}

static void end_later(actor *self)
{
	assert_int_equal(actor_cast(self, actor_to(actor_self(self)), "end", ""), 0);
}

static uint64_t monitor(actor *self, const char *scope, const char *name)
{
	struct wire_str nothing = wire_str(NULL, 0);
	struct pg_monitor *made =
		pg_monitor_new(self, scope ? wire_cstr(scope) : nothing, name ? wire_cstr(name) : nothing);

	assert_non_null(made);
	made->asked = true;
	return made->id;
}

static const actor_ref other = {77, 5, 1};

/* The broker says that an actor of another process has joined or left. */
static void tell(actor *self, const char *kind, const char *scope, const char *name, uint64_t id)
{
	struct roll_entry entry = {.ref = other, .id = id};
	struct buf args = BUF_INIT;
	struct mp_reader r;

	mp_put_cstr(&args, kind);
	mp_put_cstr(&args, scope);
	mp_put_cstr(&args, name);
	mp_put_array(&args, 1);
	roll_put_entry(&args, &entry);
	assert_int_equal(buf_error(&args), 0);
	r = mp_reader(args.data, args.size_bytes);
	pgs_told(self->group, &r, 4);
	buf_deinit(&args);
}

/* ---- facts ---- */

static void each_is_told_once(actor *self)
{
	ids[0] = monitor(self, "pg", "a");
	ids[1] = monitor(self, "pg", NULL);
	ids[2] = monitor(self, NULL, NULL);
	ids[3] = monitor(self, "pg", "b");
	tell(self, "join", "pg", "a", 1);
	tell(self, "join", "other", "a", 2);
	tell(self, "leave", "pg", "a", 1);
	end_later(self);
}

static void test_a_change_is_told_to_who_monitors_it_its_scope_or_all(void **state)
{
	story(each_is_told_once);
	assert_string_equal(heard, "0+pg/a 1+pg/a 2+pg/a 2+other/a 0-pg/a 1-pg/a 2-pg/a ");
}

static void the_ended_is_told_nothing(actor *self)
{
	ids[0] = monitor(self, "pg", "a");
	ids[1] = monitor(self, "pg", "a");
	assert_true(actor_pg_demonitor(self, ids[0]));
	tell(self, "join", "pg", "a", 1);
	assert_true(actor_pg_demonitor(self, ids[1]));
	assert_null(pg_watched_find(self->group, wire_cstr("pg"), wire_cstr("a")));
	end_later(self);
}

static void test_a_monitor_that_ended_is_told_nothing(void **state)
{
	story(the_ended_is_told_nothing);
	assert_string_equal(heard, ""); /* the event of monitor 1 was on its way when that ended */
}

static void monitor_others(actor *self, int from, int to)
{
	char name[32];

	for (int i = from; i < to; i++) {
		snprintf(name, sizeof(name), "group-%04d", i);
		(void)monitor(self, "pg", name);
	}
}

static size_t compared_by_a_change(actor *self)
{
	n_compared = 0;
	tell(self, "join", "pg", "group-0000", 1);
	tell(self, "leave", "pg", "group-0000", 1);
	return n_compared;
}

static void others_cost_nothing(actor *self)
{
	size_t few, many;

	ids[0] = monitor(self, "pg", "group-0000");
	(void)compared_by_a_change(self); /* makes the group's copy of the members */
	monitor_others(self, 1, 11);
	few = compared_by_a_change(self);
	monitor_others(self, 11, OTHERS_MAX);
	many = compared_by_a_change(self);
	assert_true(few > 0); /* otherwise nothing was counted */
	assert_int_equal(many, few);
	end_later(self);
}

static void test_monitors_of_other_process_groups_cost_a_change_nothing(void **state)
{
	story(others_cost_nothing);
	assert_string_equal(heard, "0+pg/group-0000 0-pg/group-0000 0+pg/group-0000 0-pg/group-0000 "
				   "0+pg/group-0000 0-pg/group-0000 ");
}

/*
 * The end of the other actor came by its own link. The broker's link still brings what was before that end.
 */
static void end_is_told_first(actor *self)
{
	actor_group *group = self->group;

	ids[0] = monitor(self, "pg", "a");
	group->pg_asked = true;
	group->mode = ACTOR_JOIN_DIRECT;
	group->uplink.state = UPLINK_WAITING; /* requests to the broker wait */
	pg_gone_add(group, other);
	tell(self, "join", "pg", "a", 1);
	tell(self, "is", "pg", "a", 1);
	tell(self, "leave", "pg", "a", 1);
	assert_true(pg_is_gone(group, other));
	assert_false(list_is_empty(&group->uplink.requests));
	/* Ends the question as an answer does: after it the broker says nothing old. */
	requests_give_up(group);
	assert_false(pg_is_gone(group, other));
	group->uplink.state = UPLINK_NONE;
	group->mode = ACTOR_JOIN_NONE;
	end_later(self);
}

static void test_a_join_that_is_read_after_the_end_was_told_is_not_believed(void **state)
{
	story(end_is_told_first);
	assert_string_equal(heard, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_change_is_told_to_who_monitors_it_its_scope_or_all),
		cmocka_unit_test(test_a_monitor_that_ended_is_told_nothing),
		cmocka_unit_test(test_a_join_that_is_read_after_the_end_was_told_is_not_believed),
		cmocka_unit_test(test_monitors_of_other_process_groups_cost_a_change_nothing),
	};

	return run_facts(tests);
}

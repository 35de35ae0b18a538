/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tree/tree-world.h"

#include <stdio.h>
#include <stdlib.h>

#include "libactor/base/base.h"
#include "libactor/util/clock.h"

struct habit habits[26];
bool go;
int n_lives;
struct actor_cause last_end;

struct kid {
	char name[8];
	int n_seen;
};

static int kid_init(actor *self, const void *arg)
{
	struct kid *kid = actor_state(self);
	struct habit *habit;

	snprintf(kid->name, sizeof(kid->name), "%s", (const char *)arg);
	habit = &HABIT(kid->name[0]);
	note("+%s ", kid->name);
	while (habit->init_waits && !go) {
		int r = actor_sleep(self, 1);

		if (r < 0)
			return r;
	}
	if (habit->n_fails && habit->n_passes-- <= 0) {
		habit->n_passes = 0;
		habit->n_fails--;
		return -EIO;
	}
	if (habit->init == 0)
		n_lives++;
	return habit->init;
}

static void kid_terminate(actor *self, const struct actor_cause *cause)
{
	const struct kid *kid = actor_state(self);
	const struct habit *habit = &HABIT(kid->name[0]);

	if (habit->end_ms)
		(void)actor_sleep(self, habit->end_ms);
	while (habit->deaf && actor_sleep(self, 60000) == 0)
		;
	note("-%s:%s ", kid->name, habit->deaf ? "forced" : cause->reason);
	n_lives--;
}

static int kid_crash(actor *self, const actor_msg *msg)
{
	return -EIO;
}

static int kid_count(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "i", ++((struct kid *)actor_state(self))->n_seen);
}

static int kid_stop_me(actor *self, const actor_msg *msg, actor_from *from)
{
	struct kid *kid = actor_state(self);
	actor_ref supervisor;

	assert_int_equal(actor_msg_unpack(msg, "r", &supervisor), 0);
	return actor_reply(from, "i", actor_supervisor_stop_child(self, supervisor, kid->name, 1000));
}

int kid_seen(const void *state)
{
	return ((const struct kid *)state)->n_seen;
}

static const struct actor_method kid_methods[] = {
	{.name = "crash", .on_cast = kid_crash},
	{.name = "count", .on_call = kid_count},
	{.name = "stop_me", .on_call = kid_stop_me},
	{0},
};

const struct actor_behavior kid_behavior = {
	.name = "kid",
	.state_size = sizeof(struct kid),
	.methods = kid_methods,
	.init = kid_init,
	.terminate = kid_terminate,
};

struct actor_child_spec kid(const char *letters, enum actor_restart restart)
{
	return (struct actor_child_spec){
		.name = letters,
		.behavior = &kid_behavior,
		.behavior_bytes = sizeof(kid_behavior),
		.arg = letters,
		.arg_bytes = strlen(letters) + 1,
		.restart = restart,
	};
}

struct actor_supervisor_options family(const char *letters, struct actor_child_spec specs[KIDS_MAX])
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
	size_t n = strlen(letters);

	assert_true(n <= KIDS_MAX);
	for (size_t i = 0; i < n; i++)
		specs[i] = kid(names[letters[i] - 'a'], ACTOR_PERMANENT);
	return (struct actor_supervisor_options){
		.intensity = 2,
		.children = specs,
		.n_children = n,
		.child_bytes = sizeof(specs[0]),
	};
}

actor_ref family_spawn(actor *self, const struct actor_supervisor_options *options)
{
	actor_ref ref;

	assert_null(actor_supervisor_check(options));
	assert_int_equal(actor_supervisor_spawn(self, options, &ref, NULL), 0);
	return ref;
}

void expect(actor *self, const char *want)
{
	int64_t give_up_ms = clock_now_ms() + 5000;

	while (strcmp(story_log, want) != 0 && clock_now_ms() < give_up_ms)
		assert_int_equal(actor_sleep(self, 1), 0);
	assert_string_equal(story_log, want);
	story_log[0] = 0;
}

void expect_state(actor *self, actor_ref supervisor, const char *name, enum actor_child_state state)
{
	int64_t give_up_ms = clock_now_ms() + 5000;
	struct actor_child_info info;

	do {
		assert_int_equal(actor_supervisor_child(self, supervisor, name, &info), 0);
		if (info.state != state)
			assert_int_equal(actor_sleep(self, 1), 0);
	} while (info.state != state && clock_now_ms() < give_up_ms);
	assert_int_equal(info.state, state);
}

actor_ref child_ref(actor *self, actor_ref supervisor, const char *name)
{
	struct actor_child_info info;

	assert_int_equal(actor_supervisor_child(self, supervisor, name, &info), 0);
	assert_false(actor_ref_is_nobody(info.who));
	return info.who;
}

void crash(actor *self, actor_ref supervisor, const char *name)
{
	assert_int_equal(actor_cast(self, actor_to(child_ref(self, supervisor, name)), "crash", ""), 0);
}

void end(actor *self, actor_ref supervisor, const char *name, const char *reason)
{
	assert_int_equal(actor_stop(self, child_ref(self, supervisor, name), reason), 0);
}

/* ---- the ear: the story waits in the driver's handler, so another actor hears of ends ---- */

static actor_ref ear;

static int ear_watch(actor *self, const actor_msg *msg, actor_from *from)
{
	uint64_t monitor;
	actor_ref who;

	assert_int_equal(actor_msg_unpack(msg, "r", &who), 0);
	assert_int_equal(actor_monitor(self, who, &monitor), 0);
	return actor_reply(from, "");
}

static int ear_spawn_link(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref ref = ACTOR_NOBODY;
	uint64_t options;
	int r;

	assert_int_equal(actor_msg_unpack(msg, "U", &options), 0);
	r = actor_supervisor_spawn_link(
		self, (const struct actor_supervisor_options *)(uintptr_t)options, &ref, NULL);
	return actor_reply(from, "[ir]", r, ref);
}

static int ear_on_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	last_end = *cause;
	note("DOWN:%s ", cause->reason);
	return 0;
}

static int ear_on_exit(actor *self, actor_ref from, const struct actor_cause *cause)
{
	last_end = *cause;
	note("EXIT:%s ", cause->reason);
	return 0;
}

static const struct actor_method ear_methods[] = {
	{.name = "watch", .on_call = ear_watch},
	{.name = "spawn_link", .on_call = ear_spawn_link},
	{0},
};

static const struct actor_behavior ear_behavior = {
	.name = "ear",
	.methods = ear_methods,
	.on_down = ear_on_down,
	.on_exit = ear_on_exit,
};

actor_ref ear_of(actor *self)
{
	if (actor_ref_is_nobody(ear))
		assert_int_equal(actor_spawn(self, &ear_behavior, NULL, &ear), 0);
	return ear;
}

void ear_forget(void)
{
	ear = ACTOR_NOBODY;
}

void watch(actor *self, actor_ref who)
{
	assert_int_equal(actor_call(self, actor_to(ear_of(self)), "watch", 1000, NULL, "r", who), 0);
}

int spawn_link(actor *self, const struct actor_supervisor_options *options, actor_ref *ret)
{
	actor_msg *reply;
	int r;

	assert_int_equal(actor_call(self, actor_to(ear_of(self)), "spawn_link", 5000, &reply, "U",
				 (uint64_t)(uintptr_t)options),
		0);
	assert_int_equal(actor_msg_unpack(reply, "[ir]", &r, ret), 0);
	actor_msg_free(reply);
	return r;
}

void stop(actor *self, actor_ref supervisor, const char *want)
{
	char all[512];

	snprintf(all, sizeof(all), "%sDOWN:shutdown ", want);
	watch(self, supervisor);
	assert_int_equal(actor_stop(self, supervisor, "shutdown"), 0);
	expect(self, all);
}

/* ---- the story ---- */

void tree_story(story_fn fn)
{
	actor_group *group;

	memset(habits, 0, sizeof(habits));
	ear = ACTOR_NOBODY;
	go = false;
	n_lives = 0;
	group = story_group(&story_driver, fn);
	assert_int_equal(group->n_alive, 0);
	assert_int_equal(group->actors.n_items, 0);
	assert_int_equal(group->monitors.n_items, 0);
	actor_group_free(group);
	assert_int_equal(n_lives, 0);
}

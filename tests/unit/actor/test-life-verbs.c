/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs of actor/life.h within one group. Each story runs twice, and the second run must leave as much
 * memory in use as it found.
 */
#include <malloc.h>

#include "tests/unit/actor/runtime-world.h"

/* ---- whom the stories are about ---- */

static bool may_go, is_in;

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

/* Waits in its handler until it may go. */
static int subject_linger(actor *self, const actor_msg *msg)
{
	is_in = true;
	while (!may_go && actor_sleep(self, 1) == 0)
		;
	is_in = false;
	note("out ");
	return 0;
}

static int subject_fail(actor *self, const actor_msg *msg)
{
	return -EIO;
}

/* [text]: casts a note to itself, and says what that returned. */
static int subject_echo(actor *self, const actor_msg *msg)
{
	const char *text;

	assert_int_equal(actor_msg_unpack(msg, "s", &text), 0);
	note("%s:%d ", text, actor_cast(self, actor_to(actor_self(self)), "note", "s", "echo"));
	return 0;
}

static const struct actor_method subject_methods[] = {
	{.name = "note", .on_cast = subject_note},
	{.name = "ask", .on_call = subject_ask},
	{.name = "linger", .on_cast = subject_linger},
	{.name = "fail", .on_cast = subject_fail},
	{.name = "echo", .on_cast = subject_echo},
	{0},
};

static void subject_terminate(actor *self, const struct actor_cause *cause)
{
	note("terminate:%s ", cause->reason);
}

static const struct actor_behavior subject_behavior = {
	.name = "subject", .methods = subject_methods, .terminate = subject_terminate};

static actor_ref subject(actor *self)
{
	actor_ref ref;

	assert_int_equal(actor_spawn(self, &subject_behavior, NULL, &ref), 0);
	return ref;
}

static void cast_note(actor *self, actor_ref who, const char *text)
{
	assert_int_equal(actor_cast(self, actor_to(who), "note", "s", text), 0);
}

/* Afterwards @who waits in its handler until may_go. */
static void set_lingering(actor *self, actor_ref who)
{
	may_go = is_in = false;
	assert_int_equal(actor_cast(self, actor_to(who), "linger", ""), 0);
	while (!is_in)
		actor_sleep(self, 1);
}

static void expect_log(const char *text)
{
	assert_string_equal(story_log, text);
	story_log[0] = 0;
}

/* ---- a driver that counts what is left ---- */

static int driver_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	note("DOWN:%s ", cause->reason);
	return 0;
}

static int driver_exit(actor *self, actor_ref from, const struct actor_cause *cause)
{
	note("EXIT:%s ", cause->reason);
	return 0;
}

static int driver_note(actor *self, const actor_msg *msg)
{
	return subject_note(self, msg);
}

static const struct actor_method methods[] = {DRIVER_METHODS, {.name = "note", .on_cast = driver_note}, {0}};
static const struct actor_behavior driver = {.name = "driver",
	.methods = methods,
	.init = driver_init,
	.on_down = driver_down,
	.on_exit = driver_exit};

static void life(story_fn fn)
{
	actor_group *group;
	size_t before;

	for (int run = 0; run < 2; run++) {
		before = mallinfo2().uordblks;
		may_go = true;
		group = story_group(&driver, fn);
		assert_int_equal(group->n_alive, 0);
		assert_int_equal(group->actors.n_items, 0);
		assert_int_equal(group->monitors.n_items, 0);
		assert_int_equal(group->links.n_items, 0);
		assert_int_equal(group->calls.n_items, 0);
		actor_group_free(group);
	}
	assert_int_equal(mallinfo2().uordblks, before);
}

/* ---- waiting ---- */

static void story_wait(actor *self)
{
	struct actor_cause cause;
	actor_ref who = subject(self), gone = who;

	assert_int_equal(actor_stop_and_wait(self, who, "enough", ACTOR_FOREVER, &cause), 0);
	assert_string_equal(cause.reason, "enough");
	assert_null(actor_find(actor_group_of(self), who.serial));
	expect_log("terminate:enough ");

	who = subject(self);
	set_lingering(self, who);
	assert_int_equal(actor_kill_and_wait(self, who, ACTOR_FOREVER, &cause), 0);
	assert_string_equal(cause.reason, "killed");
	expect_log("out ");

	who = subject(self);
	assert_int_equal(actor_cast(self, actor_to(who), "fail", ""), 0);
	assert_int_equal(actor_wait(self, who, ACTOR_FOREVER, &cause), 0);
	assert_string_equal(cause.reason, "crash: EIO");
	story_log[0] = 0;

	assert_int_equal(actor_wait(self, gone, ACTOR_FOREVER, &cause), 0);
	assert_string_equal(cause.reason, "noproc");
	assert_int_equal(actor_stop_and_wait(self, gone, NULL, 0, NULL), 0);
	/* No DOWN is left over: it would be handled before this. */
	cast_note(self, subject(self), "end");
	actor_sleep(self, 1);
	expect_log("end ");
}

static void test_who_waits_gets_the_cause_when_the_actor_is_over(void **state)
{
	life(story_wait);
}

static void story_patience(actor *self)
{
	actor_ref who = subject(self);

	set_lingering(self, who);
	assert_int_equal(actor_stop_and_wait(self, who, NULL, 2, NULL), -ETIMEDOUT);
	assert_int_equal(actor_wait(self, who, 0, NULL), -ETIMEDOUT);
	assert_int_equal(actor_group_of(self)->monitors.n_items, 0);
	expect_log("");
	may_go = true;
	assert_int_equal(actor_wait(self, who, ACTOR_FOREVER, NULL), 0);
	expect_log("out terminate:normal ");
}

static void test_who_has_waited_long_enough_leaves_no_monitor_and_the_stop_goes_on(void **state)
{
	life(story_patience);
}

static void story_itself(actor *self)
{
	actor_ref me = actor_self(self), here = {me.node, me.group, 0};

	assert_int_equal(actor_wait(self, me, ACTOR_FOREVER, NULL), -EDEADLK);
	assert_int_equal(actor_stop_and_wait(self, me, NULL, ACTOR_FOREVER, NULL), -EDEADLK);
	assert_int_equal(actor_wait(self, here, ACTOR_FOREVER, NULL), -EDEADLK);
	assert_int_equal(actor_wait(self, ACTOR_NOBODY, ACTOR_FOREVER, NULL), -EINVAL);
	assert_false(actor_stopping(self));
}

static void test_nobody_waits_for_its_own_end(void **state)
{
	life(story_itself);
}

static actor_ref awaited;

static int waiter_go(actor *self, const actor_msg *msg)
{
	is_in = true;
	note("wait:%d ", actor_wait(self, awaited, ACTOR_FOREVER, NULL));
	return 0;
}

static void waiter_terminate(actor *self, const struct actor_cause *cause)
{
	note("wait:%d ", actor_stop_and_wait(self, awaited, "with me", ACTOR_FOREVER, NULL));
}

static const struct actor_method waiter_methods[] = {{.name = "go", .on_cast = waiter_go}, {0}};
static const struct actor_behavior waiter_behavior = {
	.name = "waiter", .methods = waiter_methods, .terminate = waiter_terminate};

static void story_waiter(actor *self)
{
	actor_ref waiter, second;

	awaited = subject(self);
	assert_int_equal(actor_spawn(self, &waiter_behavior, NULL, &waiter), 0);
	assert_int_equal(actor_spawn(self, &waiter_behavior, NULL, &second), 0);
	is_in = false;
	assert_int_equal(actor_cast(self, actor_to(waiter), "go", ""), 0);
	while (!is_in)
		actor_sleep(self, 1);
	assert_int_equal(actor_kill_and_wait(self, waiter, ACTOR_FOREVER, NULL), 0);
	expect_log("wait:-125 ");
	assert_int_equal(actor_group_of(self)->monitors.n_items, 0);
	assert_int_equal(actor_stop_and_wait(self, second, NULL, ACTOR_FOREVER, NULL), 0);
	expect_log("terminate:with me wait:0 ");
}

static void test_a_kill_ends_the_wait_and_terminate_may_wait(void **state)
{
	life(story_waiter);
}

/* ---- draining ---- */

static void story_drain(actor *self)
{
	struct actor_cause cause;
	actor_ref who = subject(self);

	set_lingering(self, who);
	cast_note(self, who, "1");
	assert_int_equal(actor_cast(self, actor_to(who), "echo", "s", "2"), 0);
	cast_note(self, who, "3");
	assert_int_equal(actor_drain(self, who), 0);
	assert_int_equal(actor_drain(self, who), 0);
	assert_int_equal(actor_cast(self, actor_to(who), "note", "s", "late"), -ESHUTDOWN);
	assert_int_equal(
		actor_call(self, actor_to(who), "ask", ACTOR_FOREVER, NULL, "s", "late"), -ESHUTDOWN);
	assert_int_equal(
		actor_request(self, actor_to(who), "ask", ACTOR_FOREVER, NULL, "s", "late"), -ESHUTDOWN);
	may_go = true;
	assert_int_equal(actor_drain_and_wait(self, who, ACTOR_FOREVER, &cause), 0);
	assert_string_equal(cause.reason, "normal");
	expect_log("out 1 2:-108 3 terminate:normal ");
	assert_int_equal(actor_drain(self, who), -ESRCH);
}

static void test_who_drains_handles_what_it_has_and_takes_nothing_more(void **state)
{
	life(story_drain);
}

static void story_drain_idle(actor *self)
{
	actor_ref who = subject(self);
	uint64_t timer;

	assert_int_equal(actor_drain_and_wait(self, who, ACTOR_FOREVER, NULL), 0);
	expect_log("terminate:normal ");

	who = subject(self);
	set_lingering(self, who);
	assert_int_equal(actor_send_interval_to(self, 1, actor_to(who), "note", &timer, "s", "tick"), 0);
	assert_int_equal(actor_drain(self, who), 0);
	actor_sleep(self, 5);
	may_go = true;
	assert_int_equal(actor_wait(self, who, ACTOR_FOREVER, NULL), 0);
	expect_log("out terminate:normal ");
	assert_false(actor_timer_cancel(self, timer));
}

static void test_an_idle_actor_is_drained_at_once_and_timers_keep_none_alive(void **state)
{
	life(story_drain_idle);
}

static void story_drain_stopped(actor *self)
{
	struct actor_cause cause;
	actor_ref who = subject(self);

	set_lingering(self, who);
	cast_note(self, who, "never");
	assert_int_equal(actor_drain(self, who), 0);
	assert_int_equal(actor_stop(self, who, "now"), 0);
	may_go = true;
	assert_int_equal(actor_wait(self, who, ACTOR_FOREVER, &cause), 0);
	assert_string_equal(cause.reason, "now");
	expect_log("out terminate:now ");

	who = subject(self);
	set_lingering(self, who);
	cast_note(self, who, "never");
	assert_int_equal(actor_drain(self, who), 0);
	assert_int_equal(actor_kill_and_wait(self, who, ACTOR_FOREVER, &cause), 0);
	assert_string_equal(cause.reason, "killed");
	expect_log("out ");
}

static void test_a_stop_or_a_kill_ends_a_drain(void **state)
{
	life(story_drain_stopped);
}

/* [to]: casts until one is refused. */
static int sender_fill(actor *self, const actor_msg *msg)
{
	actor_ref to;
	int r;

	assert_int_equal(actor_msg_unpack(msg, "r", &to), 0);
	is_in = true;
	while ((r = actor_cast(self, actor_to(to), "none", "")) == 0)
		;
	note("sender:%d ", r);
	return 0;
}

static const struct actor_method sender_methods[] = {{.name = "fill", .on_cast = sender_fill}, {0}};
static const struct actor_behavior sender_behavior = {.name = "sender", .methods = sender_methods};

static const struct actor_behavior small_behavior = {
	.name = "small", .methods = subject_methods, .mailbox_max_messages = 2};

static void story_blocked(actor *self)
{
	actor_ref who, sender;

	assert_int_equal(actor_spawn(self, &small_behavior, NULL, &who), 0);
	assert_int_equal(actor_spawn(self, &sender_behavior, NULL, &sender), 0);
	set_lingering(self, who);
	assert_int_equal(actor_cast(self, actor_to(sender), "fill", "r", who), 0);
	while (actor_find(actor_group_of(self), who.serial)->mailbox.n_messages < 2)
		actor_sleep(self, 1);
	actor_sleep(self, 1);
	assert_int_equal(actor_drain(self, who), 0);
	actor_sleep(self, 1);
	expect_log("sender:-108 ");
	/* Nobody waits from now on: there will be no room. */
	assert_int_equal(actor_cast(self, actor_to(who), "none", ""), -ESHUTDOWN);
	may_go = true;
	assert_int_equal(actor_wait(self, who, ACTOR_FOREVER, NULL), 0);
	story_log[0] = 0;
}

static void test_a_sender_that_waits_for_room_is_told_of_the_drain(void **state)
{
	life(story_blocked);
}

static void story_drain_posts(actor *self)
{
	actor_inlet *inlet;
	actor_ref who = subject(self);
	struct actor *subject = actor_find(actor_group_of(self), who.serial);

	assert_int_equal(actor_inlet_new(subject, "note", &inlet), 0);
	set_lingering(self, who);
	assert_int_equal(actor_post(inlet, "note", "s", "posted"), 0);
	assert_int_equal(actor_drain(self, who), 0);
	assert_int_equal(actor_post(inlet, "note", "s", "late"), -ESRCH);
	may_go = true;
	assert_int_equal(actor_wait(self, who, ACTOR_FOREVER, NULL), 0);
	expect_log("out posted terminate:normal ");
	actor_inlet_free(inlet);
}

static void test_what_was_posted_before_the_drain_is_handled(void **state)
{
	life(story_drain_posts);
}

static void story_drain_by_name(actor *self)
{
	actor_ref who = subject(self);

	set_lingering(self, who);
	cast_note(self, who, "1");
	assert_int_equal(actor_cast(self, actor_to(who), "$drain", ""), 0);
	cast_note(self, who, "2");
	may_go = true;
	assert_int_equal(actor_wait(self, who, ACTOR_FOREVER, NULL), 0);
	expect_log("out 1 2 terminate:normal ");
}

static void test_a_cast_of_drain_drains_when_it_is_handled(void **state)
{
	life(story_drain_by_name);
}

/* ---- children ---- */

struct child {
	const char *name;
	bool lingers; /* in terminate, until it may go */
};

static int child_init(actor *self, const void *arg)
{
	*(struct child *)actor_state(self) = *(const struct child *)arg;
	return 0;
}

static void child_terminate(actor *self, const struct actor_cause *cause)
{
	const struct child *child = actor_state(self);

	note("%s:%s ", child->name, cause->reason);
	while (child->lingers && !may_go && actor_sleep(self, 1) == 0)
		;
	note("%s ", child->name);
}

static const struct actor_behavior child_behavior = {
	.name = "child",
	.state_size = sizeof(struct child),
	.methods = subject_methods,
	.init = child_init,
	.terminate = child_terminate,
	.stop_timeout_ms = 20,
};

static actor_ref child(actor *self, const char *name, bool owned)
{
	struct child child = {name, name[0] == 'L'};
	struct actor_spawn_options options = {.arg = &child, .owned = owned};
	actor_ref ref;

	assert_int_equal(actor_spawn_with(self, &child_behavior, &options, &ref, NULL), 0);
	return ref;
}

static void story_children(actor *self)
{
	actor_ref who[3], a = child(self, "a", false), b = child(self, "b", true),
			  c = child(self, "c", false);

	assert_int_equal(actor_children(self, NULL, 0), 3);
	assert_int_equal(actor_children(self, who, 2), 3);
	assert_true(actor_ref_equal(who[0], a) && actor_ref_equal(who[1], b));
	assert_true(
		actor_ref_equal(actor_parent(actor_find(actor_group_of(self), a.serial)), actor_self(self)));
	assert_true(actor_ref_is_nobody(actor_parent(self)));
	assert_int_equal(actor_stop_and_wait(self, b, NULL, ACTOR_FOREVER, NULL), 0);
	assert_int_equal(actor_children(self, who, 3), 2);
	assert_true(actor_ref_equal(who[0], a) && actor_ref_equal(who[1], c));
	expect_log("b:normal b ");
	assert_int_equal(actor_stop_children_and_wait(self, "over", ACTOR_FOREVER), 0);
	assert_int_equal(actor_children(self, who, 3), 0);
	expect_log("c:over c a:over a ");
	assert_int_equal(actor_wait_children(self, ACTOR_FOREVER), 0);
}

static void test_a_parent_knows_its_living_children_and_stops_the_youngest_first(void **state)
{
	life(story_children);
}

static void story_children_late(actor *self)
{
	(void)child(self, "a", false);
	(void)child(self, "L", false);
	may_go = false;
	assert_int_equal(actor_stop_children_and_wait(self, NULL, 2), -ETIMEDOUT);
	actor_sleep(self, 1);
	expect_log("L:normal a:normal a ");
	assert_int_equal(actor_children(self, NULL, 0), 1);
	may_go = true;
	assert_int_equal(actor_wait_children(self, ACTOR_FOREVER), 0);
	expect_log("L ");

	(void)child(self, "L", false);
	may_go = false;
	assert_int_equal(actor_stop_children(self, "x"), 1);
	assert_int_equal(actor_wait_children(self, 0), -ETIMEDOUT);
	may_go = true;
	assert_int_equal(actor_kill_children_and_wait(self, ACTOR_FOREVER), 0);
	story_log[0] = 0;

	(void)child(self, "k", false);
	assert_int_equal(actor_kill_children(self), 1);
	assert_int_equal(actor_wait_children(self, ACTOR_FOREVER), 0);
	expect_log("");
}

static void test_after_the_time_for_children_all_are_asked(void **state)
{
	life(story_children_late);
}

static void story_children_drain(actor *self)
{
	actor_ref a = child(self, "a", false), b = child(self, "b", false);

	cast_note(self, a, "1");
	cast_note(self, b, "2");
	assert_int_equal(actor_drain_children_and_wait(self, ACTOR_FOREVER), 0);
	expect_log("1 2 b:normal b a:normal a ");

	a = child(self, "a", false);
	cast_note(self, a, "3");
	assert_int_equal(actor_drain_children(self), 1);
	assert_int_equal(actor_cast(self, actor_to(a), "note", "s", "late"), -ESHUTDOWN);
	assert_int_equal(actor_wait_children(self, ACTOR_FOREVER), 0);
	expect_log("3 a:normal a ");
}

static void test_children_are_drained(void **state)
{
	life(story_children_drain);
}

/* A parent with the children of its argument, an upper-case one lingers; "." ends the list of the owned. */
static const char *wanted;
static actor_ref born[8];
static size_t n_born;

static int parent_init(actor *self, const void *arg)
{
	static const char *const names[] = {"a", "b", "c", "L", "free"};
	bool owned;

	n_born = 0;
	for (const char *at = arg; *at; at++)
		for (size_t i = 0; i < 5; i++)
			if (names[i][0] == *at) {
				owned = *at != 'f';
				born[n_born++] = child(self, names[i], owned);
			}
	return 0;
}

static bool ends_late; /* a parent's terminate waits for a kill */

static void parent_terminate(actor *self, const struct actor_cause *cause)
{
	subject_terminate(self, cause);
	if (!ends_late)
		return;
	note("late ");
	(void)actor_sleep(self, 60000);
}

static const struct actor_behavior parent_behavior = {.name = "parent",
	.methods = subject_methods,
	.init = parent_init,
	.terminate = parent_terminate,
	.stop_timeout_ms = ACTOR_FOREVER};

static actor_ref parent(actor *self, const char *children)
{
	struct actor_spawn_options options = {.arg = children, .owned = true};
	actor_ref ref;

	assert_int_equal(actor_spawn_with(self, &parent_behavior, &options, &ref, NULL), 0);
	return ref;
}

static void story_owned(actor *self)
{
	actor_ref who = parent(self, "abcf"), next;

	assert_int_equal(actor_stop_and_wait(self, who, "bye", ACTOR_FOREVER, NULL), 0);
	expect_log("terminate:bye c:shutdown c b:shutdown b a:shutdown a ");
	/* The child that it did not own goes on, and is nobody's, not even of whoever gets a free slot. */
	for (int i = 0; i < 4; i++) {
		next = subject(self);
		assert_int_equal(actor_children(actor_find(actor_group_of(self), next.serial), NULL, 0), 0);
		assert_true(
			actor_ref_is_nobody(actor_parent(actor_find(actor_group_of(self), born[3].serial))));
	}
	assert_int_equal(actor_call(self, actor_to(born[3]), "ask", ACTOR_FOREVER, NULL, "s", "here"), 0);
	assert_true(actor_ref_is_nobody(actor_parent(actor_find(actor_group_of(self), born[3].serial))));
	assert_int_equal(actor_stop_and_wait(self, born[3], NULL, ACTOR_FOREVER, NULL), 0);
	expect_log("here free:normal free ");

	who = parent(self, "ab");
	assert_int_equal(actor_cast(self, actor_to(who), "fail", ""), 0);
	assert_int_equal(actor_wait(self, who, ACTOR_FOREVER, NULL), 0);
	expect_log("terminate:crash: EIO b:shutdown b a:shutdown a ");
}

static void test_a_parent_that_ends_stops_the_children_that_it_owns_in_order(void **state)
{
	life(story_owned);
}

static void story_owned_late(actor *self)
{
	actor_ref who = parent(self, "aL");

	may_go = false;
	assert_int_equal(actor_stop_and_wait(self, who, NULL, ACTOR_FOREVER, NULL), 0);
	/* It was killed, so its sleep in terminate ended. */
	expect_log("terminate:normal L:shutdown L a:shutdown a ");

	who = parent(self, "aLb");
	may_go = false;
	assert_int_equal(actor_stop(self, who, NULL), 0);
	while (!strstr(story_log, "L:shutdown"))
		actor_sleep(self, 1);
	assert_int_equal(actor_kill_and_wait(self, who, ACTOR_FOREVER, NULL), 0);
	expect_log("terminate:normal b:shutdown b L:shutdown L ");

	who = parent(self, "abf");
	assert_int_equal(actor_kill_and_wait(self, who, ACTOR_FOREVER, NULL), 0);
	expect_log("");
	assert_null(actor_find(actor_group_of(self), born[0].serial));
	assert_null(actor_find(actor_group_of(self), born[1].serial));
	assert_int_equal(actor_stop_and_wait(self, born[2], NULL, ACTOR_FOREVER, NULL), 0);
	story_log[0] = 0;
}

static void test_a_child_that_takes_too_long_is_killed_and_a_kill_takes_the_children_along(void **state)
{
	life(story_owned_late);
}

/* The kill comes while the parent's own terminate waits. */
static void story_owned_killed_early(actor *self)
{
	actor_ref who;

	wanted = "aL";
	who = parent(self, wanted);
	may_go = false;
	ends_late = true;
	assert_int_equal(actor_stop(self, who, NULL), 0);
	while (!strstr(story_log, "late "))
		actor_sleep(self, 1);
	assert_int_equal(actor_kill_and_wait(self, who, ACTOR_FOREVER, NULL), 0);
	ends_late = false;
	expect_log("terminate:normal late ");
	may_go = true;
}

static void test_a_kill_in_the_parents_terminate_takes_its_children_along(void **state)
{
	life(story_owned_killed_early);
}

static void story_outlives(actor *self)
{
	actor_ref who = parent(self, "ab");

	set_lingering(self, born[0]);
	cast_note(self, born[0], "1");
	assert_int_equal(actor_drain(self, born[0]), 0);
	assert_int_equal(actor_stop_and_wait(self, who, NULL, ACTOR_FOREVER, NULL), 0);
	expect_log("terminate:normal b:shutdown b ");
	may_go = true;
	assert_int_equal(actor_wait(self, born[0], ACTOR_FOREVER, NULL), 0);
	expect_log("out 1 a:normal a ");
}

static void test_a_child_that_drains_outlives_its_parent(void **state)
{
	life(story_outlives);
}

static void story_group_end(actor *self)
{
	(void)parent(self, wanted);
	actor_group_stop(actor_group_of(self));
}

static void test_the_end_of_a_group_leaves_children_to_their_parents(void **state)
{
	wanted = "abc";
	life(story_group_end);
	assert_string_equal(story_log, "terminate:shutdown c:shutdown c b:shutdown b a:shutdown a ");
}

static void story_born_late(actor *self)
{
	actor_group *group = actor_group_of(self);
	actor_ref who;

	actor_group_stop(group);
	while (!group->stop_begun)
		assert_int_equal(actor_sleep(self, 1), 0);
	who = child(self, "a", true);
	assert_int_equal(actor_call(self, actor_to(who), "ask", ACTOR_FOREVER, NULL, "s", "here"), 0);
	note("end ");
}

static void test_an_owned_child_that_starts_in_the_end_of_its_group_is_its_parents(void **state)
{
	life(story_born_late);
	assert_string_equal(story_log, "here end a:shutdown a ");
}

/* ---- starting ---- */

static int starter_init(actor *self, const void *arg)
{
	note("init:%s ", (const char *)arg);
	if (!strcmp(arg, "slow"))
		note("%d ", actor_sleep(self, 60000));
	return strcmp(arg, "bad") ? 0 : -ENOSPC;
}

static int starter_post_start(actor *self)
{
	note("post ");
	return actor_sleep(self, 1);
}

static const struct actor_behavior starter_behavior = {.name = "starter",
	.methods = subject_methods,
	.init = starter_init,
	.post_start = starter_post_start,
	.terminate = subject_terminate};

static void story_post_start(actor *self)
{
	actor_ref who;

	assert_int_equal(actor_spawn(self, &starter_behavior, "a", &who), 0);
	note("told ");
	assert_int_equal(actor_call(self, actor_to(who), "ask", ACTOR_FOREVER, NULL, "s", "first"), 0);
	assert_int_equal(actor_stop_and_wait(self, who, NULL, ACTOR_FOREVER, NULL), 0);
	expect_log("init:a told post first terminate:normal ");
	assert_int_equal(actor_spawn(self, &starter_behavior, "bad", &who), -ENOSPC);
	expect_log("init:bad ");
}

static void test_post_start_comes_when_the_spawner_was_told_and_before_messages(void **state)
{
	life(story_post_start);
}

/* As a supervisor does, it has started later than its init returns. */
static int later_init(actor *self, const void *arg)
{
	note("init ");
	self->starts_later = true;
	*(struct actor **)(uintptr_t)arg = self;
	return 0;
}

static const struct actor_behavior later_behavior = {.name = "later",
	.methods = subject_methods,
	.init = later_init,
	.post_start = starter_post_start,
	.terminate = subject_terminate};

/* Spawns the actor and is told, in an actor of its own, so that the story goes on meanwhile. */
static int patron_init(actor *self, const void *arg)
{
	int r = actor_spawn(self, &later_behavior, arg, NULL);

	note("told:%d ", r);
	return r;
}

static const struct actor_behavior patron_behavior = {.name = "patron", .init = patron_init};

static struct actor *started_later(actor *self)
{
	static struct actor *later;
	struct actor_spawn_options options = {.arg = &later, .instant = true};

	later = NULL;
	assert_int_equal(actor_spawn_with(self, &patron_behavior, &options, NULL, NULL), 0);
	while (!later)
		assert_int_equal(actor_sleep(self, 1), 0);
	cast_note(self, later->ref, "first");
	assert_int_equal(actor_sleep(self, 2), 0);
	expect_log("init "); /* no post_start, and no message */
	return later;
}

static void story_post_start_later(actor *self)
{
	struct actor *later = started_later(self);

	actor_start_ends(later, 0);
	while (!strstr(story_log, "first"))
		assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(actor_stop_and_wait(self, later->ref, NULL, ACTOR_FOREVER, NULL), 0);
	expect_log("told:0 post first terminate:normal ");

	later = started_later(self); /* and it can be ended before */
	assert_int_equal(actor_stop_and_wait(self, later->ref, NULL, ACTOR_FOREVER, NULL), 0);
	while (!strstr(story_log, "told"))
		assert_int_equal(actor_sleep(self, 1), 0);
	expect_log("terminate:normal told:-125 ");
}

static void test_post_start_comes_when_a_start_that_init_has_not_ended_is_over(void **state)
{
	life(story_post_start_later);
}

static int failing_post_start(actor *self)
{
	return -EPIPE;
}

static const struct actor_behavior failing_behavior = {.name = "failing",
	.methods = subject_methods,
	.post_start = failing_post_start,
	.terminate = subject_terminate};

static void story_post_start_fails(actor *self)
{
	struct actor_cause cause;
	actor_ref who;

	assert_int_equal(actor_spawn(self, &failing_behavior, NULL, &who), 0);
	cast_note(self, who, "never");
	assert_int_equal(actor_wait(self, who, ACTOR_FOREVER, &cause), 0);
	assert_string_equal(cause.reason, "crash: EPIPE");
	assert_string_equal(cause.text, "failing: post_start: Broken pipe");
	expect_log("terminate:crash: EPIPE ");
}

static void test_an_error_of_post_start_ends_the_actor(void **state)
{
	life(story_post_start_fails);
}

static void story_instant(actor *self)
{
	struct actor_spawn_options options = {.instant = true, .arg_bytes = 5};
	uint64_t monitor;
	char arg[5] = "copy";
	actor_ref who;

	options.arg = arg;
	assert_int_equal(actor_spawn_with(self, &starter_behavior, &options, &who, NULL), 0);
	memset(arg, 'x', 4);
	cast_note(self, who, "waited");
	expect_log("");
	assert_int_equal(actor_stop_and_wait(self, who, NULL, ACTOR_FOREVER, NULL), 0);
	expect_log("init:copy terminate:normal ");

	strcpy(arg, "bad");
	assert_int_equal(actor_spawn_with(self, &starter_behavior, &options, &who, &monitor), 0);
	options.link = true;
	assert_int_equal(actor_spawn_with(self, &starter_behavior, &options, &who, NULL), 0);
	expect_log("");
	options.start_timeout_ms = 1;
	assert_int_equal(actor_spawn_with(self, &starter_behavior, &options, &who, NULL), -EINVAL);
	story_stays = true;
	assert_int_equal(actor_send_after(self, 5, "end", NULL, ""), 0);
}

static void test_an_instant_spawn_gives_the_ref_at_once_and_a_failure_is_told_later(void **state)
{
	life(story_instant);
	story_stays = false;
	assert_string_equal(story_log, "init:bad init:bad DOWN:crash: ENOSPC EXIT:crash: ENOSPC ");
}

static void story_instant_waits(actor *self)
{
	struct actor_spawn_options options = {.instant = true, .arg = "later"};
	actor_ref who;

	assert_int_equal(actor_spawn_with(self, &starter_behavior, &options, &who, NULL), 0);
	assert_int_equal(actor_call(self, actor_to(who), "ask", ACTOR_FOREVER, NULL, "s", "asked"), 0);
	expect_log("init:later post asked ");
	/* A killed one never runs its init, and its copy is freed. */
	options = (struct actor_spawn_options){.instant = true, .arg = "never", .arg_bytes = 6};
	assert_int_equal(actor_spawn_with(self, &starter_behavior, &options, &who, NULL), 0);
	assert_int_equal(actor_kill_and_wait(self, who, ACTOR_FOREVER, NULL), 0);
	expect_log("");
}

static void test_messages_to_an_instant_actor_wait_for_its_init(void **state)
{
	life(story_instant_waits);
}

static void story_start_timeout(actor *self)
{
	struct actor_spawn_options options = {.arg = "slow", .start_timeout_ms = 2, .link = true};
	size_t n_alive = actor_group_of(self)->n_alive;
	uint64_t monitor;
	actor_ref who;

	assert_int_equal(actor_spawn_with(self, &starter_behavior, &options, &who, &monitor), -ETIMEDOUT);
	assert_int_equal(actor_group_of(self)->n_alive, n_alive);
	expect_log("init:slow -125 ");
	options.arg = "fast";
	options.start_timeout_ms = 60000;
	assert_int_equal(actor_spawn_with(self, &starter_behavior, &options, &who, NULL), 0);
	options.start_timeout_ms = -1;
	assert_int_equal(actor_spawn_with(self, &starter_behavior, &options, &who, NULL), -EINVAL);
	actor_sleep(self, 2);
	expect_log("init:fast post ");
}

static void test_a_start_that_takes_too_long_is_killed_and_its_spawner_told_when_it_is_over(void **state)
{
	life(story_start_timeout);
	assert_string_equal(story_log, "terminate:shutdown ");
}

/* The C library's caches of freed blocks count as memory in use, so they are switched off. */
static void without_malloc_cache(char **argv)
{
	if (getenv("GLIBC_TUNABLES"))
		return;
	setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 1);
	execv("/proc/self/exe", argv);
}

/* ---- status ---- */

static int slow_init(actor *self, const void *arg)
{
	is_in = true;
	while (!may_go && actor_sleep(self, 1) == 0)
		;
	return 0;
}

static const struct actor_behavior slow_starter = {.name = "slow", .init = slow_init};

/* Waits in its handler until it is killed. */
static int parker_park(actor *self, const actor_msg *msg)
{
	is_in = true;
	return actor_sleep(self, 1000000);
}

static const struct actor_method parker_methods[] = {{.name = "linger", .on_cast = parker_park}, {0}};
static const struct actor_behavior parker_behavior = {.name = "parker", .methods = parker_methods};

static void expect_life(actor *self, actor_ref who, enum actor_life life)
{
	assert_string_equal(actor_life_word(actor_status(self, who, 0)), actor_life_word(life));
}

static void story_status(actor *self)
{
	struct actor_spawn_options instant = {.instant = true};
	actor_ref who = subject(self), gone = who, stranger = who;

	expect_life(self, actor_self(self), ACTOR_LIFE_RUNNING);
	expect_life(self, who, ACTOR_LIFE_RUNNING);
	assert_int_equal(actor_kill_and_wait(self, who, ACTOR_FOREVER, NULL), 0);
	assert_int_equal(actor_spawn(self, &parker_behavior, NULL, &who), 0);
	set_lingering(self, who);
	expect_life(self, who, ACTOR_LIFE_PARKED);
	assert_int_equal(actor_call(self, actor_to(who), "$sys_suspend", 1000, NULL, ""), 0);
	expect_life(self, who, ACTOR_LIFE_SUSPENDED);
	assert_int_equal(actor_drain(self, who), 0);
	expect_life(self, who, ACTOR_LIFE_DRAINING);
	assert_int_equal(actor_stop(self, who, NULL), 0);
	expect_life(self, who, ACTOR_LIFE_STOPPING);
	assert_int_equal(actor_kill_and_wait(self, who, ACTOR_FOREVER, NULL), 0);
	expect_life(self, who, ACTOR_LIFE_DEAD);

	may_go = is_in = false;
	assert_int_equal(actor_spawn_with(self, &slow_starter, &instant, &who, NULL), 0);
	expect_life(self, who, ACTOR_LIFE_STARTING);
	while (!is_in)
		actor_sleep(self, 1);
	expect_life(self, who, ACTOR_LIFE_STARTING);
	may_go = true;
	while (actor_status(self, who, 0) == ACTOR_LIFE_STARTING)
		actor_sleep(self, 1);
	expect_life(self, who, ACTOR_LIFE_RUNNING);
	assert_int_equal(actor_kill(self, who), 0);
	expect_life(self, who, ACTOR_LIFE_STOPPING);

	expect_life(self, gone, ACTOR_LIFE_DEAD);
	stranger.node++;
	expect_life(self, stranger, ACTOR_LIFE_DEAD);
	gone.serial = 0;
	assert_int_equal(actor_status(self, gone, 0), -EINVAL);
	assert_string_equal(actor_life_word(-1), "?");
	assert_string_equal(actor_life_word(ACTOR_LIFE_STOPPING + 1), "?");
}

static void test_the_status_of_an_actor_is_read_from_its_ref(void **state)
{
	life(story_status);
}

/* ---- continue ---- */

static int further_init(actor *self, const void *arg)
{
	return actor_continue(self, "note", "s", "init");
}

static int further_post_start(actor *self)
{
	note("post_start ");
	return 0;
}

/* Goes on with three casts, of which the second goes on with another one. */
static int further_go(actor *self, const actor_msg *msg)
{
	note("go ");
	assert_int_equal(actor_continue(self, "note", "s", "1"), 0);
	assert_int_equal(actor_continue(self, "more", ""), 0);
	assert_int_equal(actor_continue(self, "note", "s", "3"), 0);
	assert_int_equal(actor_continue(self, "note", "q"), -EINVAL);
	assert_int_equal(actor_continue(self, "", ""), -EINVAL);
	return 0;
}

static int further_more(actor *self, const actor_msg *msg)
{
	note("more ");
	return actor_continue(self, "note", "s", "2");
}

static int further_stop(actor *self, const actor_msg *msg)
{
	assert_int_equal(actor_continue(self, "note", "s", "lost"), 0);
	return actor_stop(self, actor_self(self), NULL);
}

static void further_terminate(actor *self, const struct actor_cause *cause)
{
	note("terminate:%d ", actor_continue(self, "note", "s", "never"));
}

static const struct actor_method further_methods[] = {{.name = "note", .on_cast = subject_note},
	{.name = "go", .on_cast = further_go}, {.name = "more", .on_cast = further_more},
	{.name = "stop", .on_cast = further_stop}, {0}};
static const struct actor_behavior further_behavior = {.name = "further",
	.methods = further_methods,
	.init = further_init,
	.post_start = further_post_start,
	.terminate = further_terminate};

static void story_continue(actor *self)
{
	struct actor_spawn_options instant = {.instant = true};
	actor_ref who;

	assert_int_equal(actor_spawn_with(self, &further_behavior, &instant, &who, NULL), 0);
	cast_note(self, who, "a");
	assert_int_equal(actor_cast(self, actor_to(who), "go", ""), 0);
	cast_note(self, who, "b");
	assert_int_equal(actor_cast(self, actor_to(who), "stop", ""), 0);
	assert_int_equal(actor_wait(self, who, ACTOR_FOREVER, NULL), 0);
	expect_log("post_start init a go 1 more 3 2 b terminate:-22 ");
}

static void test_what_an_actor_continues_with_comes_before_all_that_waits(void **state)
{
	life(story_continue);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_waits_gets_the_cause_when_the_actor_is_over),
		cmocka_unit_test(test_who_has_waited_long_enough_leaves_no_monitor_and_the_stop_goes_on),
		cmocka_unit_test(test_nobody_waits_for_its_own_end),
		cmocka_unit_test(test_a_kill_ends_the_wait_and_terminate_may_wait),
		cmocka_unit_test(test_who_drains_handles_what_it_has_and_takes_nothing_more),
		cmocka_unit_test(test_an_idle_actor_is_drained_at_once_and_timers_keep_none_alive),
		cmocka_unit_test(test_a_stop_or_a_kill_ends_a_drain),
		cmocka_unit_test(test_a_sender_that_waits_for_room_is_told_of_the_drain),
		cmocka_unit_test(test_what_was_posted_before_the_drain_is_handled),
		cmocka_unit_test(test_a_cast_of_drain_drains_when_it_is_handled),
		cmocka_unit_test(test_a_parent_knows_its_living_children_and_stops_the_youngest_first),
		cmocka_unit_test(test_after_the_time_for_children_all_are_asked),
		cmocka_unit_test(test_children_are_drained),
		cmocka_unit_test(test_a_parent_that_ends_stops_the_children_that_it_owns_in_order),
		cmocka_unit_test(
			test_a_child_that_takes_too_long_is_killed_and_a_kill_takes_the_children_along),
		cmocka_unit_test(test_a_kill_in_the_parents_terminate_takes_its_children_along),
		cmocka_unit_test(test_a_child_that_drains_outlives_its_parent),
		cmocka_unit_test(test_the_end_of_a_group_leaves_children_to_their_parents),
		cmocka_unit_test(test_an_owned_child_that_starts_in_the_end_of_its_group_is_its_parents),
		cmocka_unit_test(test_post_start_comes_when_the_spawner_was_told_and_before_messages),
		cmocka_unit_test(test_post_start_comes_when_a_start_that_init_has_not_ended_is_over),
		cmocka_unit_test(test_an_error_of_post_start_ends_the_actor),
		cmocka_unit_test(test_an_instant_spawn_gives_the_ref_at_once_and_a_failure_is_told_later),
		cmocka_unit_test(test_what_an_actor_continues_with_comes_before_all_that_waits),
		cmocka_unit_test(test_the_status_of_an_actor_is_read_from_its_ref),
		cmocka_unit_test(test_messages_to_an_instant_actor_wait_for_its_init),
		cmocka_unit_test(
			test_a_start_that_takes_too_long_is_killed_and_its_spawner_told_when_it_is_over),
	};

	without_malloc_cache(argv);
	mallopt(M_MXFAST, 0);
	return run_facts(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Links and exit signals between actors of one group, without a node. */
#include "tests/unit/actor/runtime-world.h"

static void expect(const char *want)
{
	assert_string_equal(story_log, want);
	story_log[0] = 0;
}

/* ---- whom the stories are about ---- */

struct person {
	char name[16];
};

static const char *name_of(actor *self)
{
	return ((struct person *)actor_state(self))->name;
}

static int person_init(actor *self, const void *arg)
{
	snprintf(((struct person *)actor_state(self))->name, sizeof(struct person), "%s", (const char *)arg);
	return 0;
}

/* Its answer says that the actor has handled all that came before. */
static int on_sync(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "");
}

static int on_link(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref who;

	assert_int_equal(actor_msg_unpack(msg, "r", &who), 0);
	return actor_reply(from, "i", actor_link(self, who));
}

static int on_unlink(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref who;

	assert_int_equal(actor_msg_unpack(msg, "r", &who), 0);
	return actor_reply(from, "b", actor_unlink(self, who));
}

static int on_crash(actor *self, const actor_msg *msg)
{
	return -EIO;
}

static int on_end_itself(actor *self, const actor_msg *msg)
{
	return actor_exit(self, actor_self(self), NULL);
}

static int on_say(actor *self, const actor_msg *msg)
{
	actor_ref to;

	assert_int_equal(actor_msg_unpack(msg, "r", &to), 0);
	return actor_cast(self, actor_to(to), "heard", "s", name_of(self));
}

static int on_heard(actor *self, const actor_msg *msg)
{
	const char *who;

	assert_int_equal(actor_msg_unpack(msg, "s", &who), 0);
	note("%s heard %s; ", name_of(self), who);
	return 0;
}

static int on_wait(actor *self, const actor_msg *msg)
{
	int r = actor_sleep(self, 100000);

	note("%s waited: %d; ", name_of(self), r == -ECANCELED);
	note("and again: %d; ", actor_sleep(self, 100000) == -ECANCELED);
	return 0;
}

static int on_spawn(actor *self, const actor_msg *msg, actor_from *from);

static void person_terminate(actor *self, const struct actor_cause *cause)
{
	note("%s ends: %s; ", name_of(self), cause->reason);
}

static int on_exit_signal(actor *self, actor_ref from, const struct actor_cause *cause)
{
	note("%s gets: %s; ", name_of(self), cause->reason);
	return 0;
}

static int on_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	note("%s: DOWN %s; ", name_of(self), cause->reason);
	return 0;
}

static const struct actor_method methods[] = {
	{.name = "sync", .on_call = on_sync},
	{.name = "link", .on_call = on_link},
	{.name = "unlink", .on_call = on_unlink},
	{.name = "spawn", .on_call = on_spawn},
	{.name = "crash", .on_cast = on_crash},
	{.name = "end_itself", .on_cast = on_end_itself},
	{.name = "say", .on_cast = on_say},
	{.name = "heard", .on_cast = on_heard},
	{.name = "wait", .on_cast = on_wait},
	{0},
};

static const struct actor_behavior plain = {.name = "plain",
	.state_size = sizeof(struct person),
	.methods = methods,
	.init = person_init,
	.terminate = person_terminate,
	.on_down = on_down};
static const struct actor_behavior trapping = {.name = "trapping",
	.state_size = sizeof(struct person),
	.methods = methods,
	.init = person_init,
	.terminate = person_terminate,
	.on_down = on_down,
	.on_exit = on_exit_signal};

static int failing_init(actor *self, const void *arg)
{
	(void)person_init(self, arg);
	return -EACCES;
}

static actor_ref ender_ref;

static int canceled_init(actor *self, const void *arg)
{
	(void)person_init(self, arg);
	assert_int_equal(actor_cast(self, actor_to(ender_ref), "run", "r", actor_self(self)), 0);
	note("init: %d; ", actor_sleep(self, 100000) == -ECANCELED);
	return 0;
}

static const struct actor_behavior failing = {
	.name = "failing", .state_size = sizeof(struct person), .init = failing_init};
static const struct actor_behavior starting = {
	.name = "starting", .state_size = sizeof(struct person), .init = canceled_init};

/*
 * [how] is "link", "monitor", "link_failing", "monitor_failing" or "link_starting". The answer is what the
 * spawn returned, and the child.
 */
static int on_spawn(actor *self, const actor_msg *msg, actor_from *from)
{
	const struct actor_behavior *behavior = &plain;
	actor_ref child = ACTOR_NOBODY;
	uint64_t monitor = 0;
	const char *how;
	int r;

	assert_int_equal(actor_msg_unpack(msg, "s", &how), 0);
	if (strstr(how, "failing"))
		behavior = &failing;
	else if (strstr(how, "starting"))
		behavior = &starting;
	r = how[0] == 'l' ? actor_spawn_link(self, behavior, "child", &child)
			  : actor_spawn_monitor(self, behavior, "child", &child, &monitor);
	return actor_reply(from, "[ir]", r, child);
}

/* ---- the story ---- */

static actor_ref person(actor *self, const struct actor_behavior *behavior, const char *name)
{
	actor_ref ref;

	assert_int_equal(actor_spawn(self, behavior, name, &ref), 0);
	return ref;
}

/* The int or bool that is the answer of a call; without an answer what the call returned, as -ESRCH. */
static int ask(actor *self, actor_ref who, const char *method, actor_ref what)
{
	actor_msg *reply = NULL;
	bool yes = false;
	int r = actor_call(self, actor_to(who), method, 20000, &reply, "r", what), answer = 0;

	if (r == 0 && actor_msg_unpack(reply, "i", &answer) < 0) {
		assert_int_equal(actor_msg_unpack(reply, "b", &yes), 0);
		answer = yes;
	}
	actor_msg_free(reply);
	return r < 0 ? r : answer;
}

/* Says whether @who lives after it has handled all that was sent to it before. */
static bool lives(actor *self, actor_ref who)
{
	return actor_call(self, actor_to(who), "sync", 20000, NULL, "") == 0;
}

static actor_ref spawn_by(actor *self, actor_ref parent, const char *how, int *ret)
{
	actor_msg *reply = NULL;
	actor_ref child;
	int r = actor_call(self, actor_to(parent), "spawn", 20000, &reply, "s", how);

	*ret = r;
	if (r == 0)
		assert_int_equal(actor_msg_unpack(reply, "[ir]", ret, &child), 0);
	actor_msg_free(reply);
	return r < 0 ? ACTOR_NOBODY : child;
}

/* ---- facts ---- */

static void story_linked(actor *self)
{
	actor_ref a = person(self, &plain, "a"), b = person(self, &plain, "b"), c = person(self, &plain, "c");

	assert_int_equal(ask(self, a, "link", b), 0);
	assert_int_equal(ask(self, c, "link", b), 0);
	assert_int_equal(actor_cast(self, actor_to(a), "crash", ""), 0);
	assert_false(lives(self, a));
	assert_false(lives(self, b));
	assert_false(lives(self, c));
	expect("a ends: crash: EIO; b ends: crash: EIO; c ends: crash: EIO; ");
}

static void test_who_is_linked_ends_with_the_same_reason(void **state)
{
	story(story_linked);
}

static void story_normal(actor *self)
{
	actor_ref a = person(self, &plain, "a"), b = person(self, &plain, "b"),
		  t = person(self, &trapping, "t");

	assert_int_equal(ask(self, b, "link", a), 0);
	assert_int_equal(ask(self, t, "link", a), 0);
	assert_int_equal(actor_stop(self, a, NULL), 0);
	assert_false(lives(self, a));
	assert_true(lives(self, b));
	assert_true(lives(self, t));
	expect("a ends: normal; t gets: normal; ");
}

static void test_a_normal_end_is_a_signal_only_for_who_traps_exits(void **state)
{
	story(story_normal);
}

static void story_trapped(actor *self)
{
	actor_ref a = person(self, &plain, "a"), b = person(self, &plain, "b"),
		  t = person(self, &trapping, "t");

	assert_int_equal(ask(self, t, "link", a), 0);
	assert_int_equal(ask(self, b, "link", t), 0);
	assert_int_equal(actor_kill(self, a), 0);
	assert_true(lives(self, t));
	expect("t gets: killed; ");
	assert_int_equal(actor_exit(self, b, "odd"), 0);
	assert_false(lives(self, b));
	assert_true(lives(self, t));
	expect("b ends: odd; t gets: odd; ");
}

static void test_who_traps_exits_lives_on_and_is_told(void **state)
{
	story(story_trapped);
}

static void story_signals(actor *self)
{
	actor_ref a = person(self, &plain, "a"), t = person(self, &trapping, "t");

	assert_int_equal(actor_exit(self, a, NULL), 0);
	assert_int_equal(actor_exit(self, a, "normal"), 0);
	assert_true(lives(self, a));
	assert_int_equal(actor_exit(self, t, "normal"), 0);
	assert_int_equal(actor_exit(self, t, "odd"), 0);
	assert_true(lives(self, t));
	expect("t gets: normal; t gets: odd; ");
	assert_int_equal(actor_exit(self, a, "odd"), 0);
	assert_false(lives(self, a));
	expect("a ends: odd; ");
	assert_int_equal(actor_exit(self, t, "kill"), 0);
	assert_false(lives(self, t));
	expect("");
	assert_int_equal(actor_exit(self, t, "odd"), -ESRCH);
	assert_int_equal(actor_exit(self, ACTOR_NOBODY, "odd"), -EINVAL);
}

static void test_a_signal_does_what_the_table_says(void **state)
{
	story(story_signals);
}

static void story_itself(actor *self)
{
	actor_ref a = person(self, &plain, "a"), t = person(self, &trapping, "t");

	assert_int_equal(actor_cast(self, actor_to(a), "end_itself", ""), 0);
	assert_false(lives(self, a));
	expect("a ends: normal; ");
	assert_int_equal(actor_cast(self, actor_to(t), "end_itself", ""), 0);
	assert_true(lives(self, t));
	expect("t gets: normal; ");
	assert_int_equal(actor_link(self, actor_self(self)), 0);
	assert_false(actor_unlink(self, actor_self(self)));
	assert_int_equal(actor_trap_exit(self, true), -EINVAL);
}

static void test_a_normal_signal_to_oneself_is_an_end(void **state)
{
	story(story_itself);
}

static void story_once(actor *self)
{
	actor_ref a = person(self, &plain, "a"), t = person(self, &trapping, "t");

	assert_int_equal(ask(self, t, "link", a), 0);
	assert_int_equal(ask(self, t, "link", a), 0);
	assert_int_equal(ask(self, a, "link", t), 0);
	assert_int_equal(actor_cast(self, actor_to(a), "crash", ""), 0);
	assert_false(lives(self, a));
	assert_true(lives(self, t));
	expect("a ends: crash: EIO; t gets: crash: EIO; ");
}

static void test_two_are_linked_once(void **state)
{
	story(story_once);
}

static void story_unlink(actor *self)
{
	actor_ref a = person(self, &plain, "a"), b = person(self, &plain, "b"),
		  t = person(self, &trapping, "t");

	assert_int_equal(ask(self, a, "link", b), 0);
	assert_int_equal(ask(self, b, "unlink", a), 1); /* an actor that did not make the link may end it */
	assert_int_equal(ask(self, b, "unlink", a), 0);
	assert_int_equal(ask(self, a, "unlink", b), 0);
	assert_int_equal(ask(self, t, "link", a), 0);
	assert_int_equal(actor_cast(self, actor_to(a), "crash", ""), 0);
	assert_false(lives(self, a));
	assert_true(lives(self, b));
	expect("a ends: crash: EIO; t gets: crash: EIO; ");
}

static void test_who_unlinked_gets_no_signal(void **state)
{
	story(story_unlink);
}

static int busy_init(actor *self, const void *arg)
{
	actor_ref child;

	assert_int_equal(actor_spawn_link(self, &plain, "child", &child), 0);
	assert_int_equal(actor_exit(self, child, "odd"), 0);
	while (actor_call(self, actor_to(child), "sync", 20000, NULL, "") != -ESRCH)
		;
	note("it waits; ");
	assert_false(actor_unlink(self, child)); /* the link has ended already */
	return 0;
}

static void story_flush(actor *self)
{
	static const struct actor_behavior busy = {.name = "busy",
		.state_size = sizeof(struct person),
		.methods = methods,
		.init = busy_init,
		.on_exit = on_exit_signal};
	actor_ref a;

	assert_int_equal(actor_spawn(self, &busy, NULL, &a), 0);
	assert_true(lives(self, a));
	expect("child ends: odd; it waits; ");
}

static void test_a_queued_signal_does_not_come_after_unlink(void **state)
{
	story(story_flush);
}

static void story_dead(actor *self)
{
	actor_ref a = person(self, &plain, "a"), b = person(self, &plain, "b"),
		  t = person(self, &trapping, "t");

	assert_int_equal(actor_kill(self, a), 0);
	assert_false(lives(self, a));
	assert_int_equal(ask(self, t, "link", a), 0);
	assert_true(lives(self, t));
	expect("t gets: noproc; ");
	assert_int_equal(ask(self, b, "link", a), 0);
	assert_false(lives(self, b));
	expect("b ends: noproc; ");
	assert_int_equal(actor_link(self, (actor_ref){1, 2, 0}), -EINVAL);
}

static void test_a_link_with_the_dead_is_a_signal(void **state)
{
	story(story_dead);
}

static void story_spawned(actor *self)
{
	actor_ref a = person(self, &plain, "a"), t = person(self, &trapping, "t"), child;
	int r;

	child = spawn_by(self, t, "link", &r);
	assert_int_equal(r, 0);
	assert_int_equal(actor_exit(self, child, "odd"), 0);
	assert_false(lives(self, child));
	assert_true(lives(self, t));
	expect("child ends: odd; t gets: odd; ");
	(void)spawn_by(self, t, "link_failing", &r);
	assert_int_equal(r, -EACCES);
	(void)spawn_by(self, a, "link_failing", &r);
	assert_int_equal(r, -EACCES);
	assert_true(lives(self, t));
	assert_true(lives(self, a));
	expect("");
	child = spawn_by(self, a, "monitor", &r);
	assert_int_equal(r, 0);
	assert_int_equal(actor_exit(self, child, "odd"), 0);
	assert_false(lives(self, child));
	assert_true(lives(self, a));
	expect("child ends: odd; a: DOWN odd; ");
	(void)spawn_by(self, a, "monitor_failing", &r);
	assert_int_equal(r, -EACCES);
	assert_true(lives(self, a));
	expect("");
}

static void test_a_child_is_linked_or_monitored_from_its_first_step(void **state)
{
	story(story_spawned);
}

static int ender_run(actor *self, const actor_msg *msg)
{
	actor_ref who;

	assert_int_equal(actor_msg_unpack(msg, "r", &who), 0);
	return actor_exit(self, who, "odd");
}

static void story_starting(actor *self)
{
	static const struct actor_method ender_methods[] = {{.name = "run", .on_cast = ender_run}, {0}};
	static const struct actor_behavior ender = {.name = "ender", .methods = ender_methods};
	actor_ref child, t = person(self, &trapping, "t");
	int r;

	assert_int_equal(actor_spawn(self, &ender, NULL, &ender_ref), 0);
	assert_int_equal(actor_spawn(self, &starting, "child", &child), -ECANCELED);
	expect("init: 1; ");
	(void)spawn_by(self, t, "link_starting", &r);
	assert_int_equal(r, -ECANCELED);
	assert_true(lives(self, t));
	expect("init: 1; ");
}

static void test_one_that_is_starting_ends_by_a_signal_too(void **state)
{
	story(story_starting);
}

static void story_parked(actor *self)
{
	actor_ref a = person(self, &plain, "a"), b = person(self, &plain, "b");

	assert_int_equal(ask(self, a, "link", b), 0);
	assert_int_equal(actor_cast(self, actor_to(a), "wait", ""), 0);
	assert_int_equal(actor_cast(self, actor_to(b), "crash", ""), 0);
	assert_false(lives(self, b));
	assert_false(lives(self, a));
	expect("b ends: crash: EIO; a waited: 1; and again: 1; a ends: crash: EIO; ");
}

static void test_a_signal_ends_what_the_actor_waits_in(void **state)
{
	story(story_parked);
}

static void story_order(actor *self)
{
	actor_ref a = person(self, &plain, "a"), t = person(self, &trapping, "t");

	assert_int_equal(ask(self, t, "link", a), 0);
	assert_int_equal(actor_cast(self, actor_to(a), "say", "r", t), 0);
	assert_int_equal(actor_cast(self, actor_to(a), "say", "r", t), 0);
	assert_int_equal(actor_cast(self, actor_to(a), "crash", ""), 0);
	assert_false(lives(self, a));
	assert_true(lives(self, t));
	assert_non_null(strstr(story_log, "t heard a; t heard a; t gets: crash: EIO; "));
}

static void test_a_signal_comes_after_the_last_message(void **state)
{
	story(story_order);
}

static void story_first_failure(actor *self)
{
	actor_ref a = person(self, &plain, "a");

	assert_int_equal(actor_exit(self, a, "shutdown"), 0);
	assert_false(lives(self, a));
	expect("a ends: shutdown; ");
}

static void test_an_exit_with_shutdown_ends_who_does_not_trap(void **state)
{
	story(story_first_failure);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_is_linked_ends_with_the_same_reason),
		cmocka_unit_test(test_a_normal_end_is_a_signal_only_for_who_traps_exits),
		cmocka_unit_test(test_who_traps_exits_lives_on_and_is_told),
		cmocka_unit_test(test_a_signal_does_what_the_table_says),
		cmocka_unit_test(test_a_normal_signal_to_oneself_is_an_end),
		cmocka_unit_test(test_two_are_linked_once),
		cmocka_unit_test(test_who_unlinked_gets_no_signal),
		cmocka_unit_test(test_a_queued_signal_does_not_come_after_unlink),
		cmocka_unit_test(test_a_link_with_the_dead_is_a_signal),
		cmocka_unit_test(test_a_child_is_linked_or_monitored_from_its_first_step),
		cmocka_unit_test(test_one_that_is_starting_ends_by_a_signal_too),
		cmocka_unit_test(test_a_signal_ends_what_the_actor_waits_in),
		cmocka_unit_test(test_a_signal_comes_after_the_last_message),
		cmocka_unit_test(test_an_exit_with_shutdown_ends_who_does_not_trap),
	};

	return run_facts(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Processes as children of a supervisor that is an actor. */
#include "tests/system/spawner-world.h"

#include "actor/supervisor.h"

static struct seen {
	int n_ended, n_restarted;
	struct actor_cause cause; /* of the first end */
} seen;

static void on_event(actor *supervisor, const struct actor_supervisor_event *event, void *arg)
{
	seen.n_restarted += event->kind == ACTOR_CHILD_RESTARTED;
	if (event->kind != ACTOR_CHILD_ENDED)
		return;
	if (seen.n_ended++ == 0)
		seen.cause = *event->cause;
}

static const char *const sleeper[] = {"/bin/sleep", "1000", NULL};
static const char *const deaf[] = {
	"/bin/sh", "-c", "trap '' TERM; while :; do sleep 1000 & wait; done", NULL};
static const char *const never_again[] = {"/bin/sh", "-c", "sleep 0.2; exit 125", NULL};
static const char *const missing[] = {"/nonexistent/program", NULL};

static struct actor_child_spec process(const char *name, const struct actor_process_spec *spec)
{
	return (struct actor_child_spec){.name = name, .process = spec, .process_bytes = sizeof(*spec)};
}

static const struct actor_process_spec sleeps = {.argv = sleeper}, hears_nothing = {.argv = deaf},
				       asks_for_no_more = {.argv = never_again},
				       cannot_run = {.argv = missing};

static pid_t pid_in(actor *self, actor_ref sup, const char *name)
{
	struct actor_child_info info;

	assert_int_equal(actor_supervisor_child(self, sup, name, &info), 0);
	return (pid_t)info.pid;
}

static void await_state(actor *self, actor_ref sup, const char *name, enum actor_child_state state)
{
	struct actor_child_info info = {0};

	for (int i = 0; i < PATIENCE_MS && info.state != state; i++) {
		assert_int_equal(actor_supervisor_child(self, sup, name, &info), 0);
		assert_int_equal(actor_sleep(self, 1), 0);
	}
	assert_int_equal(info.state, state);
}

/* Waits until the supervisor has ended. Its children have ended before. */
static void await_end(actor *self, actor_ref sup)
{
	struct actor_child_counts counts;

	for (int i = 0; i < PATIENCE_MS && actor_supervisor_count(self, sup, &counts) == 0; i++)
		assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(actor_supervisor_count(self, sup, &counts), -ESRCH);
}

static void story_restart(actor *self)
{
	struct actor_child_spec specs[] = {process("one", &sleeps), process("two", &sleeps)};
	struct actor_supervisor_options options = {.strategy = ACTOR_ONE_FOR_ALL,
		.intensity = 3,
		.children = specs,
		.n_children = 2,
		.child_bytes = sizeof(specs[0]),
		.on_event = on_event};
	pid_t one, two;
	actor_ref sup;

	assert_int_equal(actor_supervisor_spawn(self, &options, &sup, NULL), 0);
	one = pid_in(self, sup, "one");
	two = pid_in(self, sup, "two");
	assert_true(alive(one) && alive(two));
	assert_int_equal(kill(one, SIGSEGV), 0);
	for (int i = 0; i < PATIENCE_MS && seen.n_restarted < 2; i++)
		assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(seen.n_restarted, 2);
	assert_int_equal(seen.n_ended, 2);
	assert_false(alive(one) || alive(two));
	assert_int_not_equal(pid_in(self, sup, "one"), one);
	one = pid_in(self, sup, "one");
	two = pid_in(self, sup, "two");
	assert_true(alive(one) && alive(two));
	seen = (struct seen){0};
	assert_int_equal(kill(two, SIGSEGV), 0);
	for (int i = 0; i < PATIENCE_MS && !seen.n_ended; i++)
		assert_int_equal(actor_sleep(self, 1), 0);
	assert_string_equal(seen.cause.reason, "signal");
	assert_int_equal(seen.cause.kind, ACTOR_EXIT_SIGNAL);
	assert_int_equal(seen.cause.code, SIGSEGV);
	await_state(self, sup, "two", ACTOR_CHILD_RUNS);
	one = pid_in(self, sup, "one");
	two = pid_in(self, sup, "two");
	assert_int_equal(actor_stop(self, sup, "shutdown"), 0);
	await_end(self, sup);
	assert_false(alive(one) || alive(two));
}

static void story_deaf(actor *self)
{
	struct actor_child_spec specs[] = {process("deaf", &hears_nothing), process("brutal", &sleeps)};
	struct actor_supervisor_options options = {
		.children = specs, .n_children = 2, .child_bytes = sizeof(specs[0])};
	actor_ref sup;
	pid_t one, two;

	specs[0].shutdown_ms = 100;
	specs[1].shutdown_ms = ACTOR_BRUTAL_KILL;
	assert_int_equal(actor_supervisor_spawn(self, &options, &sup, NULL), 0);
	one = pid_in(self, sup, "deaf");
	two = pid_in(self, sup, "brutal");
	assert_int_equal(actor_supervisor_stop_child(self, sup, "brutal", 10000), 0);
	assert_false(alive(two));
	assert_int_equal(actor_supervisor_stop_child(self, sup, "deaf", 10000), 0);
	assert_false(alive(one));
	assert_int_equal(actor_supervisor_start_again(self, sup, "deaf", 10000, NULL), 0);
	one = pid_in(self, sup, "deaf");
	assert_int_equal(actor_kill(self, sup), 0);
	await_end(self, sup);
	assert_false(alive(one));
}

static void story_failing(actor *self)
{
	struct actor_child_spec specs[] = {process("one", &sleeps), process("two", &cannot_run)};
	struct actor_supervisor_options options = {
		.children = specs, .n_children = 2, .child_bytes = sizeof(specs[0]), .on_event = on_event};
	struct actor_child_spec last = process("last", &asks_for_no_more);
	struct actor_child_info info;
	struct actor_cause failure;
	actor_ref sup;

	assert_int_equal(actor_supervisor_spawn(self, &options, &sup, &failure), -ENOEXEC);
	assert_string_equal(failure.reason, "exec");
	assert_int_equal(strncmp(failure.text, "child 'two': ", 13), 0);
	assert_int_equal(seen.n_ended, 2);
	options.n_children = 1;
	seen = (struct seen){0};
	assert_int_equal(actor_supervisor_spawn(self, &options, &sup, &failure), 0);
	assert_int_equal(actor_supervisor_start_child(self, sup, &last, 10000, NULL, NULL), 0);
	for (int i = 0; i < PATIENCE_MS && !seen.n_ended; i++)
		assert_int_equal(actor_sleep(self, 1), 0);
	assert_int_equal(seen.cause.code, 125);
	await_state(self, sup, "last", ACTOR_CHILD_IS_DOWN);
	assert_int_equal(actor_supervisor_child(self, sup, "last", &info), 0);
	assert_int_equal(info.n_starts, 1);
	/* the end of the group stops what is left */
}

/* ---- the world ---- */

static int driver_run(actor *self, const actor_msg *msg)
{
	uint64_t story;

	assert_int_equal(actor_msg_unpack(msg, "U", &story), 0);
	((void (*)(actor *))(uintptr_t)story)(self);
	actor_group_stop(actor_group_of(self));
	return 0;
}

static int driver_init(actor *self, const void *arg)
{
	return actor_cast(self, actor_to(actor_self(self)), "run", "U", (uint64_t)(uintptr_t)arg);
}

static void story(void (*fn)(actor *self))
{
	static const struct actor_method methods[] = {{.name = "run", .on_cast = driver_run}, {0}};
	static const struct actor_behavior behavior = {
		.name = "driver", .methods = methods, .init = driver_init};
	struct actor_group_options options = {.runtime_dir = node.dir, .mode = ACTOR_JOIN_SPAWNER};
	actor_group *group;

	seen = (struct seen){0};
	assert_int_equal(actor_group_new(&group, &options), 0);
	assert_int_equal(actor_group_spawn(group, &behavior, (const void *)(uintptr_t)fn, NULL, NULL), 0);
	assert_int_equal(actor_group_run(group), 0);
	actor_group_free(group);
	assert_int_equal(n_marked(node.node_id), 0);
}

static void test_a_process_that_crashed_is_restarted_with_its_group_and_its_cause_is_told(void **arg)
{
	story(story_restart);
}

static void test_a_process_that_does_not_stop_is_killed_and_so_are_those_of_a_killed_supervisor(void **arg)
{
	story(story_deaf);
}

static void test_a_process_that_cannot_run_is_a_failed_start_and_status_125_is_the_last_end(void **arg)
{
	story(story_failing);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(test_a_process_that_crashed_is_restarted_with_its_group_and_its_cause_is_told),
		T(test_a_process_that_does_not_stop_is_killed_and_so_are_those_of_a_killed_supervisor),
		T(test_a_process_that_cannot_run_is_a_failed_start_and_status_125_is_the_last_end),
	};

	return run_facts(tests);
}

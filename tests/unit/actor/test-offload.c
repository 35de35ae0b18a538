/* SPDX-License-Identifier: Apache-2.0 */
/* Functions that block, on helper threads. To be run under ThreadSanitizer as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libactor/actor/offload.h"
#include "libactor/base/base.h"
#include "libactor/loop/bell.h"
#include "libactor/loop/helpers.h"
#include "tests/fact.h"

static actor_group *group;
static size_t threads_max;
static char group_said[256];

static int count(const char *directory)
{
	DIR *dir = opendir(directory);
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void group_says(const char *line, void *arg)
{
	snprintf(group_said, sizeof(group_said), "%s", line);
}

static bool memory_fails, threads_fail;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
int __real_pthread_create(
	pthread_t *ret, const pthread_attr_t *attributes, void *(*fn)(void *arg), void *arg);
int __wrap_pthread_create(
	pthread_t *ret, const pthread_attr_t *attributes, void *(*fn)(void *arg), void *arg);

void *__wrap_calloc(size_t n, size_t size)
{
	return memory_fails ? NULL : __real_calloc(n, size);
}

int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*fn)(void *arg), void *arg)
{
	return threads_fail ? EAGAIN : __real_pthread_create(ret, attributes, fn, arg);
}

/* ---- actors that run a story ---- */

typedef void (*story_fn)(actor *self);

static int runner_run(actor *self, const actor_msg *msg)
{
	uint64_t address;

	assert_int_equal(actor_msg_unpack(msg, "U", &address), 0);
	((story_fn)(uintptr_t)address)(self);
	return 0;
}

static const struct actor_method methods[] = {{.name = "run", .on_cast = runner_run}, {0}};
static const struct actor_behavior runner = {.name = "runner", .methods = methods};

static int runner_init(actor *self, const void *arg)
{
	return actor_cast(self, actor_to(actor_self(self)), "run", "U", (uint64_t)(uintptr_t)arg);
}

static const struct actor_behavior first = {.name = "first", .methods = methods, .init = runner_init};

static actor_ref another(actor *self, story_fn fn)
{
	actor_ref ref;

	assert_int_equal(actor_spawn(self, &runner, NULL, &ref), 0);
	assert_int_equal(actor_cast(self, actor_to(ref), "run", "U", (uint64_t)(uintptr_t)fn), 0);
	return ref;
}

static void begin(story_fn fn)
{
	struct actor_group_options options = {
		.mode = ACTOR_JOIN_NONE, .offload_threads_max = threads_max, .log = group_says};

	group_said[0] = 0;
	assert_int_equal(actor_group_new(&group, &options), 0);
	assert_int_equal(actor_group_spawn(group, &first, (const void *)(uintptr_t)fn, NULL, NULL), 0);
}

/* Runs a group until the story stops it. No thread and no descriptor may be left. */
static void story(story_fn fn)
{
	int fds = count("/proc/self/fd"), threads = count("/proc/self/task");

	begin(fn);
	assert_int_equal(actor_group_run(group), 0);
	group = actor_group_free(group);
	threads_max = 0;
	assert_int_equal(count("/proc/self/fd"), fds);
	assert_int_equal(count("/proc/self/task"), threads);
}

/* ---- functions that block ---- */

struct sum {
	int64_t a, b, result;
	pthread_t thread;
};

static void add(void *data)
{
	struct sum *sum = data;

	sum->result = sum->a + sum->b;
	sum->thread = pthread_self();
}

static sem_t gate; /* hold() waits here */
static atomic_int n_begun, n_ended, n_dropped;

static void reset(void)
{
	sem_init(&gate, 0, 0);
	atomic_store(&n_begun, 0);
	atomic_store(&n_ended, 0);
	atomic_store(&n_dropped, 0);
}

struct held {
	char *memory; /* whoever has the data in the end frees this */
	int number;
};

static void hold(void *data)
{
	struct held *held = data;

	atomic_fetch_add(&n_begun, 1);
	while (sem_wait(&gate) < 0)
		;
	held->memory[0] = 'y'; /* the data is still there, even if the actor is gone */
	held->number++;
	atomic_fetch_add(&n_ended, 1);
}

static void drop(void *data)
{
	free(((struct held *)data)->memory);
	atomic_fetch_add(&n_dropped, 1);
}

/* ---- facts ---- */

static void tell_sum(actor *self)
{
	struct sum sum = {.a = 40, .b = 2};

	assert_int_equal(actor_offload(self, add, &sum, sizeof(sum), NULL, ACTOR_FOREVER), 0);
	assert_int_equal(sum.result, 42);
	assert_false(pthread_equal(sum.thread, pthread_self()));
	assert_int_equal(actor_offload(self, NULL, &sum, sizeof(sum), NULL, ACTOR_FOREVER), -EINVAL);
	assert_int_equal(actor_offload(self, add, NULL, sizeof(sum), NULL, ACTOR_FOREVER), -EINVAL);
	assert_int_equal(actor_offload(self, add, &sum, SIZE_MAX, NULL, ACTOR_FOREVER), -EINVAL);
	for (int i = 0; i < 1000; i++) {
		sum.a = i;
		assert_int_equal(actor_offload(self, add, &sum, sizeof(sum), NULL, ACTOR_FOREVER), 0);
		assert_int_equal(sum.result, i + 2);
	}
	actor_group_stop(group);
}

static void test_a_function_runs_on_another_thread_and_its_data_comes_back(void **state)
{
	story(tell_sum);
}

static void tell_hold(actor *self)
{
	struct held held = {.memory = strdup("x"), .number = 1};

	assert_int_equal(actor_offload(self, hold, &held, sizeof(held), drop, ACTOR_FOREVER), 0);
	assert_int_equal(held.number, 2);
	assert_int_equal(held.memory[0], 'y');
	free(held.memory);
	if (atomic_load(&n_ended) == 8)
		actor_group_stop(group);
}

static void tell_only_it_waits(actor *self)
{
	for (int i = 0; i < 8; i++)
		another(self, tell_hold);
	/* With 3 threads, 3 functions have begun. This actor goes on all the while. */
	while (atomic_load(&n_begun) < 3)
		actor_sleep(self, 1);
	actor_sleep(self, 5);
	assert_int_equal(atomic_load(&n_begun), 3);
	for (int i = 0; i < 8; i++)
		sem_post(&gate);
}

static void test_only_the_actor_that_asked_waits_and_threads_are_bounded(void **state)
{
	reset();
	threads_max = 3;
	story(tell_only_it_waits);
	assert_int_equal(atomic_load(&n_ended), 8);
	assert_int_equal(atomic_load(&n_dropped), 0);
}

static actor_ref killed_refs[2];

static void tell_killed(actor *self)
{
	struct held held = {.memory = strdup("x")};

	assert_int_equal(actor_offload(self, hold, &held, sizeof(held), drop, ACTOR_FOREVER), -ECANCELED);
}

static void tell_kill(actor *self)
{
	/* There is one thread: the first function runs, the second one never does. */
	killed_refs[0] = another(self, tell_killed);
	while (atomic_load(&n_begun) < 1)
		actor_sleep(self, 1);
	killed_refs[1] = another(self, tell_killed);
	actor_sleep(self, 1);
	assert_int_equal(actor_kill(self, killed_refs[1]), 0);
	assert_int_equal(actor_kill(self, killed_refs[0]), 0);
	while (atomic_load(&n_dropped) < 1)
		actor_sleep(self, 1);
	assert_int_equal(atomic_load(&n_ended), 0); /* the dropped data is that of the second one */
	sem_post(&gate);
	while (atomic_load(&n_dropped) < 2)
		actor_sleep(self, 1);
	assert_int_equal(atomic_load(&n_ended), 1);
	assert_int_equal(atomic_load(&n_begun), 1);
	actor_group_stop(group);
}

static void test_the_result_for_an_actor_that_was_killed_is_dropped(void **state)
{
	reset();
	threads_max = 1;
	story(tell_kill);
}

static void tell_late(actor *self)
{
	struct held held;

	/*
	 * A function that has not begun when the time is over is dropped. On a busy machine it begins later,
	 * so the time grows.
	 */
	for (int timeout_ms = 5; !atomic_load(&n_begun); timeout_ms *= 2) {
		atomic_store(&n_dropped, 0);
		held = (struct held){.memory = strdup("x"), .number = 1};
		assert_int_equal(
			actor_offload(self, hold, &held, sizeof(held), drop, timeout_ms), -ETIMEDOUT);
	}
	assert_int_equal(held.number, 1);
	assert_int_equal(atomic_load(&n_dropped), 0);
	sem_post(&gate);
	while (atomic_load(&n_dropped) < 1)
		actor_sleep(self, 1);
	actor_group_stop(group);
}

static void test_a_time_out_ends_the_waiting_and_not_the_function(void **state)
{
	reset();
	story(tell_late);
}

static void tell_without_memory(actor *self)
{
	struct held held;

	for (int without = 0; without < 2; without++) {
		held = (struct held){.memory = strdup("x")};
		memory_fails = without == 0;
		threads_fail = without == 1;
		assert_int_equal(actor_offload(self, hold, &held, sizeof(held), drop, ACTOR_FOREVER),
			without ? -EAGAIN : -ENOMEM);
		memory_fails = threads_fail = false;
		assert_int_equal(atomic_load(&n_dropped), without + 1);
	}
	/* After these failures it works again. */
	sem_post(&gate);
	held = (struct held){.memory = strdup("x")};
	assert_int_equal(actor_offload(self, hold, &held, sizeof(held), drop, ACTOR_FOREVER), 0);
	free(held.memory);
	assert_int_equal(atomic_load(&n_begun), 1);
	actor_group_stop(group);
}

static void test_without_memory_or_threads_the_data_is_dropped_and_an_error_says_so(void **state)
{
	reset();
	story(tell_without_memory);
}

static void count_threads(void *data)
{
	*(int *)data = count("/proc/self/task");
}

static void tell_idle(actor *self)
{
	int threads = count("/proc/self/task"), meanwhile = 0;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(actor_offload(self, count_threads, &meanwhile, sizeof(meanwhile), NULL,
					 ACTOR_FOREVER),
			0);
		assert_int_equal(meanwhile, threads + 1);
		while (count("/proc/self/task") > threads)
			actor_sleep(self, 10);
	}
	actor_group_stop(group);
}

static void test_a_thread_that_is_idle_ends_and_another_is_started_later(void **state)
{
	story(tell_idle);
}

static void block_signals_seen(void *data)
{
	sigset_t set;

	pthread_sigmask(SIG_BLOCK, NULL, &set);
	*(bool *)data = sigismember(&set, SIGTERM) && sigismember(&set, SIGUSR1);
}

static void tell_signals(actor *self)
{
	bool blocked = false;
	sigset_t set;

	assert_int_equal(
		actor_offload(self, block_signals_seen, &blocked, sizeof(blocked), NULL, ACTOR_FOREVER), 0);
	assert_true(blocked);
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	assert_false(sigismember(&set, SIGTERM)); /* signals are not blocked in the program's own thread */
	actor_group_stop(group);
}

static void test_signals_are_for_the_programs_own_threads(void **state)
{
	story(tell_signals);
}

static void *open_gate(void *arg)
{
	while (atomic_load(&n_begun) < 1)
		sched_yield();
	usleep(20000); /* by then the end of the group probably waits; the test also passes if it does not */
	sem_post(&gate);
	return NULL;
}

static void tell_hold_on(actor *self)
{
	struct held held = {.memory = strdup("x")};

	(void)actor_offload(self, hold, &held, sizeof(held), drop, ACTOR_FOREVER);
}

static void tell_end_meanwhile(actor *self)
{
	actor_ref ref = another(self, tell_hold_on);

	while (atomic_load(&n_begun) < 1)
		actor_sleep(self, 1);
	assert_int_equal(actor_kill(self, ref), 0);
	actor_group_stop(group);
}

static void test_the_end_of_the_group_waits_for_a_function_that_runs(void **state)
{
	pthread_t thread;

	reset();
	assert_int_equal(pthread_create(&thread, NULL, open_gate, NULL), 0);
	begin(tell_end_meanwhile);
	assert_int_equal(actor_group_run(group), 0);
	group = actor_group_free(group);
	assert_int_equal(atomic_load(&n_ended), 1);
	assert_int_equal(atomic_load(&n_dropped), 1);
	assert_string_equal(group_said, "");
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void test_the_log_says_that_functions_are_left_to_themselves(void **state)
{
	int threads = count("/proc/self/task");

	reset();
	begin(tell_end_meanwhile);
	assert_int_equal(actor_group_run(group), 0);
	offloads_end(group, 0); /* the end of a group does this when it has waited long enough */
	assert_string_equal(
		group_said, "1 functions given to actor_offload() still run; they are left to themselves");
	group = actor_group_free(group);
	assert_int_equal(atomic_load(&n_dropped), 0);
	sem_post(&gate);
	while (count("/proc/self/task") > threads)
		sched_yield();
	assert_int_equal(atomic_load(&n_dropped), 1);
}

static void tell_abandoned(struct job *job)
{
	atomic_fetch_add(&n_dropped, 1);
	free(job);
}

static void run_hold(struct job *job)
{
	char memory[] = "x";
	struct held held = {.memory = memory};

	hold(&held);
}

static void test_functions_that_outlive_the_end_are_left_to_themselves(void **state)
{
	int fds = count("/proc/self/fd"), threads = count("/proc/self/task");
	struct actor_group_options options = {.mode = ACTOR_JOIN_NONE};
	struct helpers *helpers;

	reset();
	assert_int_equal(actor_group_new(&group, &options), 0);
	group->bell = bell_new(group->loop.wake_fd);
	helpers = helpers_new(group->bell, 2);
	for (int i = 0; i < 3; i++) {
		struct job *job = calloc(1, sizeof(*job));

		*job = (struct job){.run = run_hold, .drop = tell_abandoned};
		assert_int_equal(helpers_add(helpers, job), 0);
	}
	while (atomic_load(&n_begun) < 2)
		sched_yield();
	assert_int_equal(helpers_end(helpers, 0), 2); /* helpers_end() does not wait for the two that run */
	assert_int_equal(atomic_load(&n_dropped), 1); /* the third one, which has not begun */
	group = actor_group_free(group);
	sem_post(&gate);
	sem_post(&gate);
	while (count("/proc/self/task") > threads)
		sched_yield();
	assert_int_equal(atomic_load(&n_dropped), 3);
	assert_int_equal(count("/proc/self/fd"), fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_function_runs_on_another_thread_and_its_data_comes_back),
		cmocka_unit_test(test_only_the_actor_that_asked_waits_and_threads_are_bounded),
		cmocka_unit_test(test_the_result_for_an_actor_that_was_killed_is_dropped),
		cmocka_unit_test(test_a_time_out_ends_the_waiting_and_not_the_function),
		cmocka_unit_test(test_without_memory_or_threads_the_data_is_dropped_and_an_error_says_so),
		cmocka_unit_test(test_a_thread_that_is_idle_ends_and_another_is_started_later),
		cmocka_unit_test(test_signals_are_for_the_programs_own_threads),
		cmocka_unit_test(test_the_end_of_the_group_waits_for_a_function_that_runs),
		cmocka_unit_test(test_the_log_says_that_functions_are_left_to_themselves),
		cmocka_unit_test(test_functions_that_outlive_the_end_are_left_to_themselves),
	};

	pthread_t thread;

	/*
	 * ThreadSanitizer starts a thread of its own with the first one, so one is made before threads are
	 * counted.
	 */
	atomic_store(&n_begun, 1);
	if (pthread_create(&thread, NULL, open_gate, NULL) || pthread_join(thread, NULL))
		return 1;
	return run_facts(tests);
}

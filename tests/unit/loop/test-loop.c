/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests the loop with tasks of this file's own, without actors: turns, parking and waking, timers,
 * descriptors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "libactor/loop/loop.h"
#include "tests/fact.h"

#define SOON_NS (20 * MS_NS)

struct job { /* a task that does one thing and notes it in `story` */
	struct task task;
	void (*work)(struct job *job);
	int64_t park_until_ns;
	int result; /* what its wait returned */
	int n_runs;
};

static struct loop loop;
static char story[64]; /* a letter for each thing that happened */
static int n_starved;
static void *ready_tag;

static void note(char letter)
{
	size_t n = strlen(story);

	assert_true(n + 1 < sizeof(story));
	story[n] = letter;
	story[n + 1] = 0;
}

static void hook_run(struct loop *at, struct task *task)
{
	struct job *job = container_of(task, struct job, task);

	assert_ptr_equal(at->current, task);
	job->n_runs++;
	job->work(job);
}

static void hook_starved(struct loop *at, struct task *task)
{
	n_starved++;
}

static void hook_ready(struct loop *at, void *tag, uint32_t events)
{
	assert_true(events & EPOLLIN);
	ready_tag = tag;
}

static void hook_poll(struct loop *at)
{
}

static void hook_turn(struct loop *at)
{
}

static bool hook_is_idle(struct loop *at)
{
	return true;
}

static const struct loop_hooks hooks = {
	hook_run, hook_starved, hook_ready, hook_poll, hook_turn, hook_is_idle};

static int setup(void **state)
{
	memset(&loop, 0, sizeof(loop));
	memset(story, 0, sizeof(story));
	n_starved = 0;
	ready_tag = NULL;
	return loop_init(&loop, 64 << 10, &hooks);
}

static int teardown(void **state)
{
	loop_deinit(&loop);
	return 0;
}

static void job_init(struct job *job, void (*work)(struct job *job))
{
	*job = (struct job){.work = work};
	assert_int_equal(task_init(&loop, &job->task, 0), 0);
}

static bool story_is(void *arg)
{
	return !strcmp(story, arg);
}

static void pump_until(const char *told)
{
	assert_int_equal(loop_pump(&loop, story_is, (void *)told, NEVER_NS), 0);
}

static void work_a(struct job *job)
{
	note('a');
}

static void work_b(struct job *job)
{
	note('b');
}

static void work_park(struct job *job)
{
	note('(');
	job->result = task_park(&loop, &job->task, job->park_until_ns);
	note(')');
}

static void test_tasks_run_in_the_order_in_which_they_became_runnable(void **state)
{
	struct job a, b;

	job_init(&a, work_a);
	job_init(&b, work_b);
	task_make_runnable(&loop, &b.task);
	task_make_runnable(&loop, &a.task);
	task_make_runnable(&loop, &b.task); /* no effect: it is runnable already */
	pump_until("ba");
	assert_int_equal(b.n_runs, 1);
	task_deinit(&loop, &a.task);
	task_deinit(&loop, &b.task);
}

static void test_a_wait_ends_at_its_deadline(void **state)
{
	struct job waiter;

	job_init(&waiter, work_park);
	waiter.park_until_ns = loop_now(&loop) + SOON_NS;
	task_make_runnable(&loop, &waiter.task);
	pump_until("()");
	assert_int_equal(waiter.result, -ETIMEDOUT);
	assert_true(loop.now_ns >= waiter.park_until_ns);
	task_deinit(&loop, &waiter.task);
}

static struct job *sleeper;

static void work_wake(struct job *job)
{
	note('w');
	task_wake(&loop, &sleeper->task, 7);
	task_wake(&loop, &sleeper->task, 8); /* no effect: the first wake counts */
}

static void test_a_wait_returns_what_the_first_wake_gave(void **state)
{
	struct job waiter, waker, other;

	job_init(&waiter, work_park);
	job_init(&waker, work_wake);
	job_init(&other, work_a);
	sleeper = &waiter;
	waiter.park_until_ns = NEVER_NS;
	task_make_runnable(&loop, &waiter.task);
	task_make_runnable(&loop, &other.task); /* others run while the waiter is parked */
	pump_until("(a");
	task_make_runnable(&loop, &waiter.task); /* making a parked task runnable does not wake it */
	task_make_runnable(&loop, &waker.task);
	pump_until("(aw)");
	assert_int_equal(waiter.result, 7);
	task_deinit(&loop, &waiter.task);
	task_deinit(&loop, &waker.task);
	task_deinit(&loop, &other.task);
}

static void test_one_that_is_cancelled_does_not_wait(void **state)
{
	struct job waiter;

	job_init(&waiter, work_park);
	waiter.park_until_ns = NEVER_NS;
	waiter.task.cancelled = true;
	task_make_runnable(&loop, &waiter.task);
	pump_until("()");
	assert_int_equal(waiter.result, -ECANCELED);
	task_deinit(&loop, &waiter.task);
}

static void work_again(struct job *job)
{
	task_make_runnable(&loop, &job->task);
}

static void test_a_deadline_comes_although_a_task_never_rests(void **state)
{
	struct job busy;

	job_init(&busy, work_again);
	task_make_runnable(&loop, &busy.task);
	assert_int_equal(loop_pump_until(&loop, loop_now(&loop) + SOON_NS), 0);
	task_deinit(&loop, &busy.task);
}

static struct list queue;

static void work_queue(struct job *job)
{
	note('(');
	list_append(&queue, &job->task.blocked_link);
	job->result = task_park(&loop, &job->task, NEVER_NS);
	note(')');
}

static void work_wake_all(struct job *job)
{
	tasks_wake(&loop, &queue, -ESRCH);
	assert_true(list_is_empty(&queue));
}

static void test_all_who_wait_in_a_list_are_woken(void **state)
{
	struct job first, second, waker;

	list_init(&queue);
	job_init(&first, work_queue);
	job_init(&second, work_queue);
	job_init(&waker, work_wake_all);
	task_make_runnable(&loop, &first.task);
	task_make_runnable(&loop, &second.task);
	task_make_runnable(&loop, &waker.task);
	pump_until("(())");
	assert_int_equal(first.result, -ESRCH);
	assert_int_equal(second.result, -ESRCH);
	task_deinit(&loop, &first.task);
	task_deinit(&loop, &second.task);
	task_deinit(&loop, &waker.task);
}

static size_t wide_bytes; /* the size of the stack on which work_wide() ran */

static void work_wide(struct job *job)
{
	wide_bytes = loop.stack->size_bytes;
	note('s');
}

static void test_a_task_that_wants_a_larger_stack_runs_on_one(void **state)
{
	struct job wide;

	job_init(&wide, work_wide);
	wide.task.stack_bytes = (uint32_t)stack_size_bytes(512 << 10);
	task_make_runnable(&loop, &wide.task);
	pump_until("s");
	assert_true(wide_bytes >= wide.task.stack_bytes);
	assert_int_equal(n_starved, 0);
	task_deinit(&loop, &wide.task);
}

static void test_a_task_whose_stack_cannot_be_had_is_said_to_starve_before_it_runs(void **state)
{
	struct job wide;

	job_init(&wide, work_a);
	wide.task.stack_bytes = STACK_MAX_BYTES + 1;
	task_make_runnable(&loop, &wide.task);
	pump_until("a");
	assert_int_equal(n_starved, 1);
	assert_int_equal(wide.task.stack_bytes, 0);
	task_deinit(&loop, &wide.task);
}

static int pump_inside;

static void work_pump(struct job *job)
{
	pump_inside = loop_pump(&loop, NULL, NULL, NEVER_NS);
	note('p');
}

static void test_the_loop_is_not_entered_from_within(void **state)
{
	struct job job;

	job_init(&job, work_pump);
	task_make_runnable(&loop, &job.task);
	pump_until("p");
	assert_int_equal(pump_inside, -EDEADLK);
	task_deinit(&loop, &job.task);
}

static void test_a_pump_ends_at_its_deadline(void **state)
{
	int64_t deadline_ns = loop_now(&loop) + SOON_NS;

	assert_int_equal(loop_pump(&loop, story_is, (void *)"never", deadline_ns), -ETIMEDOUT);
	assert_true(loop.now_ns >= deadline_ns);
}

static void fire_a(struct loop *at, struct timer *timer)
{
	note('a');
}

static void fire_b(struct loop *at, struct timer *timer)
{
	note('b');
}

static void test_timers_fire_in_the_order_of_their_deadlines(void **state)
{
	struct timer a, b, disarmed;
	int64_t now_ns = loop_now(&loop);

	assert_int_equal(timer_init(&loop, &a, fire_a), 0);
	assert_int_equal(timer_init(&loop, &b, fire_b), 0);
	assert_int_equal(timer_init(&loop, &disarmed, fire_a), 0);
	timer_arm(&loop, &disarmed, now_ns + 1);
	timer_arm(&loop, &a, now_ns + SOON_NS);
	timer_arm(&loop, &b, now_ns + SOON_NS / 2);
	timer_disarm(&loop, &disarmed);
	pump_until("ba");
	timer_deinit(&loop, &a);
	timer_deinit(&loop, &b);
	timer_deinit(&loop, &disarmed);
	assert_int_equal(loop.n_timers, 0);
}

static bool is_ready(void *arg)
{
	return ready_tag;
}

static void test_a_descriptor_is_reported_with_its_tag(void **state)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &event};
	int fd = eventfd(1, EFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(epoll_ctl(loop.epoll_fd, EPOLL_CTL_ADD, fd, &event), 0);
	assert_int_equal(loop_pump(&loop, is_ready, NULL, NEVER_NS), 0);
	assert_ptr_equal(ready_tag, &event);
	close(fd);
}

static void test_what_is_polled_is_left_to_poll(void **state)
{
	int fd = eventfd(1, EFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(loop_add_polled(&loop, fd), 0);
	loop_poll(&loop);
	assert_null(ready_tag);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_tasks_run_in_the_order_in_which_they_became_runnable, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_wait_ends_at_its_deadline, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_wait_returns_what_the_first_wake_gave, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_that_is_cancelled_does_not_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_deadline_comes_although_a_task_never_rests, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_who_wait_in_a_list_are_woken, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_task_that_wants_a_larger_stack_runs_on_one, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_task_whose_stack_cannot_be_had_is_said_to_starve_before_it_runs, setup,
			teardown),
		cmocka_unit_test_setup_teardown(test_the_loop_is_not_entered_from_within, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_pump_ends_at_its_deadline, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_timers_fire_in_the_order_of_their_deadlines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_descriptor_is_reported_with_its_tag, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_polled_is_left_to_poll, setup, teardown),
	};

	return run_facts(tests);
}

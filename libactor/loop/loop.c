/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop, and waiting inside handlers.
 *
 * One turn runs some runnable tasks, takes what the links brought, fires timers, flushes what was written,
 * and sleeps if nothing is left to do. The loop keeps nothing on its stack between these steps; this makes
 * parking cheap. A handler that waits keeps the stack that it is on, with the loop's frames below it, and the
 * loop is entered afresh on another stack. When the task is woken, the loop continues on the task's stack:
 * the handler returns into the loop frames below it. The loop abandons the stack that it was on, and that
 * stack goes back to the pool.
 *
 * A handler never runs on a caller's stack: actor_group_run and actor_group_dispatch switch to a stack of the
 * pool and back.
 */
#include "libactor/loop/loop.h"

#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define BATCH_TASKS      64 /* tasks that run before the loop looks at links and timers */
#define POLL_EVERY_TURNS 16 /* turns after which a busy loop looks at its file descriptors */
/* turns after which actor_group_dispatch returns, even if there is more to do */
#define DISPATCH_TURNS_MAX 64

void task_make_runnable(struct loop *loop, struct task *task)
{
	if (task->stack && !task->woken)
		return; /* a parked task runs only after its wake */
	if (!list_is_linked(&task->run_link))
		list_append(&loop->runnable, &task->run_link);
}

void task_wake(struct loop *loop, struct task *task, int result)
{
	if (!task->stack || task->woken)
		return;
	task->woken = true;
	task->wake_result = (int16_t)result;
	timer_disarm(loop, &task->wake_timer);
	list_remove(&task->blocked_link);
	task_make_runnable(loop, task);
}

void tasks_wake(struct loop *loop, struct list *blocked, int result)
{
	while (!list_is_empty(blocked))
		task_wake(loop, container_of(blocked->next, struct task, blocked_link), result);
}

static void task_timed_out(struct loop *loop, struct timer *timer)
{
	task_wake(loop, container_of(timer, struct task, wake_timer), -ETIMEDOUT);
}

int task_init(struct loop *loop, struct task *task, size_t stack_bytes)
{
	task->stack_bytes = (uint32_t)stack_bytes; /* at most ACTOR_STACK_MAX_BYTES */
	return timer_init(loop, &task->wake_timer, task_timed_out);
}

void task_deinit(struct loop *loop, struct task *task)
{
	list_remove(&task->run_link);
	list_remove(&task->blocked_link);
	timer_deinit(loop, &task->wake_timer);
}

/* Leaves the loop and goes on on the caller's stack. */
static void loop_leave(struct loop *loop, int result)
{
	loop->pump_result = result;
	context_switch(&loop->stack->context, &loop->caller, true);
}

static void loop_wait(struct loop *loop, int64_t until_ns)
{
	struct epoll_event events[64];
	struct timespec timeout = {0}, *timeoutp = &timeout;
	int n;

	if (until_ns == NEVER_NS) {
		timeoutp = NULL;
	} else if (until_ns > loop->now_ns) {
		timeout.tv_sec = (until_ns - loop->now_ns) / 1000000000;
		timeout.tv_nsec = (until_ns - loop->now_ns) % 1000000000;
	}
	n = epoll_pwait2(loop->epoll_fd, events, 64, timeoutp, NULL);
	if (n < 0 && errno == ENOSYS) /* before Linux 5.11, and under valgrind: wait to the millisecond */
		n = epoll_wait(loop->epoll_fd, events, 64,
			timeoutp ? (int)((timeout.tv_sec < 3600 ? timeout.tv_sec : 3600) * 1000 +
					   (timeout.tv_nsec + 999999) / 1000000)
				 : -1);
	loop_now(loop);
	for (int i = 0; i < n; i++) {
		uint64_t drained;

		if (events[i].data.ptr == &loop->wake_fd || events[i].data.ptr == &loop->timer_fd)
			(void)!read(*(int *)events[i].data.ptr, &drained, sizeof(drained));
		else if (events[i].data.ptr != loop)
			loop->hooks->ready(loop, events[i].data.ptr, events[i].events);
	}
}

static void loop_arm_timerfd(struct loop *loop)
{
	int64_t next = timers_next_ns(loop);
	struct itimerspec at = {0};

	if (next != NEVER_NS) {
		at.it_value.tv_sec = next / 1000000000;
		at.it_value.tv_nsec = next % 1000000000;
		if (!at.it_value.tv_sec && !at.it_value.tv_nsec)
			at.it_value.tv_nsec = 1;
	}
	timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

/*
 * Returns to the program that embeds the loop. The loop's descriptor is then readable when there is something
 * to do.
 */
static void loop_leave_poll(struct loop *loop)
{
	uint64_t one = 1;

	if (loop->embedded) {
		loop_arm_timerfd(loop);
		if (!list_is_empty(&loop->runnable) || loop->goes_on)
			(void)!write(loop->wake_fd, &one, sizeof(one));
	}
	loop_leave(loop, 0);
}

static void loop_entry(void *arg);

/*
 * Enters the loop afresh on a stack that is large enough for @task, which runs next. Returns only when there
 * is no memory for such a stack.
 */
static void loop_move(struct loop *loop, struct task *task)
{
	struct stack *next;

	if (stack_get(&loop->stacks, task->stack_bytes, loop_entry, loop, &next) < 0)
		return;
	list_prepend(&loop->runnable, &task->run_link);
	loop->retiring = loop->stack;
	loop->stack = next;
	loop->entered_from = &loop->retiring->context;
	context_switch(&loop->retiring->context, &next->context, true);
}

static void loop_turn(struct loop *loop, unsigned *turns)
{
	struct list *node;
	int64_t next;

	for (int i = 0; i < BATCH_TASKS && (node = list_pop(&loop->runnable)); i++) {
		struct task *task = container_of(node, struct task, run_link);

		if (!task->stack) {
			if (task->stack_bytes > loop->stack->size_bytes) {
				loop_move(loop, task);
				/* no memory: the task's code would run over the end of this stack */
				loop->hooks->starved(loop, task);
				task->stack_bytes = 0;
			}
			loop->current = task;
			loop->hooks->run(loop, task);
		} else if (task->woken) {
			loop->retiring = loop->stack;
			loop->stack = task->stack;
			loop->current = task;
			task->stack = NULL;
			context_switch(&loop->retiring->context, &loop->stack->context, true);
		}
		loop->current = NULL;
	}

	loop_now(loop);
	loop->hooks->poll(loop);
	timers_fire(loop);
	loop->hooks->turn(loop);

	if (loop->until && loop->until(loop->until_arg))
		loop_leave(loop, 0);
	if (loop->now_ns >= loop->until_ns)
		loop_leave(loop, -ETIMEDOUT);
	if (!list_is_empty(&loop->runnable) || loop->goes_on) {
		if (++*turns % POLL_EVERY_TURNS == 0)
			loop_wait(loop, loop->now_ns);
		if (loop->poll_only && *turns >= DISPATCH_TURNS_MAX)
			loop_leave_poll(loop);
		return;
	}
	if (loop->poll_only) {
		loop_wait(loop, loop->now_ns);
		if (list_is_empty(&loop->runnable) && loop->hooks->is_idle(loop))
			loop_leave_poll(loop);
		return;
	}
	next = timers_next_ns(loop);
	loop_wait(loop, next < loop->until_ns ? next : loop->until_ns);
}

static void loop_entry(void *arg)
{
	struct loop *loop = arg;
	unsigned turns = 0;

	context_entered(loop->entered_from);
	if (loop->retiring) {
		stack_put(&loop->stacks, loop->retiring);
		loop->retiring = NULL;
	}
	for (;;)
		loop_turn(loop, &turns);
}

int task_park(struct loop *loop, struct task *task, int64_t deadline_ns)
{
	struct stack *stack, *next;
	int r;

	assert(loop->current == task);
	if (task->cancelled) {
		list_remove(&task->blocked_link);
		return -ECANCELED;
	}
	stack = loop->stack;
	r = stack_get(&loop->stacks, 0, loop_entry, loop, &next);
	if (r < 0) {
		list_remove(&task->blocked_link);
		return r;
	}
	task->stack = stack;
	task->woken = false;
	list_remove(&task->run_link);
	timer_arm(loop, &task->wake_timer, deadline_ns);

	loop->stack = next;
	loop->current = NULL;
	loop->entered_from = &stack->context;
	context_switch(&stack->context, &next->context, false);

	/*
	 * The task was woken: loop->stack and loop->current belong to it again. The stack that the loop was
	 * on is free.
	 */
	stack_put(&loop->stacks, loop->retiring);
	loop->retiring = NULL;
	return task->wake_result;
}

int loop_pump(struct loop *loop, bool (*done)(void *arg), void *arg, int64_t deadline_ns)
{
	struct stack *stack;
	int r;

	if (loop->in_loop)
		return -EDEADLK;
	r = stack_get(&loop->stacks, 0, loop_entry, loop, &stack);
	if (r < 0)
		return r;
	loop->in_loop = true;
	loop->until = done;
	loop->until_arg = arg;
	loop->until_ns = deadline_ns;
	loop->stack = stack;
	loop->entered_from = &loop->caller;
	context_switch(&loop->caller, &stack->context, false);

	stack_put(&loop->stacks, loop->stack);
	loop->stack = NULL;
	loop->until = NULL;
	loop->in_loop = false;
	return loop->pump_result;
}

static bool never(void *arg)
{
	return false;
}

int loop_pump_until(struct loop *loop, int64_t until_ns)
{
	int r = loop_pump(loop, never, NULL, until_ns);

	return r == -ETIMEDOUT ? 0 : r;
}

void loop_poll(struct loop *loop)
{
	loop->poll_only = true;
	(void)loop_pump(loop, NULL, NULL, NEVER_NS);
	loop->poll_only = false;
}

static int loop_add_fd(struct loop *loop, int fd, void *tag)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = tag};

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int loop_add_polled(struct loop *loop, int fd)
{
	return loop_add_fd(loop, fd, loop);
}

int loop_init(struct loop *loop, size_t stack_bytes, const struct loop_hooks *hooks)
{
	int r;

	loop->hooks = hooks;
	loop->epoll_fd = loop->wake_fd = loop->timer_fd = -1;
	list_init(&loop->runnable);
	stack_pool_init(&loop->stacks, stack_size_bytes(stack_bytes));
	wheel_init(&loop->timers);
	loop_now(loop);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return -errno;
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wake_fd < 0)
		return -errno;
	loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (loop->timer_fd < 0)
		return -errno;
	r = loop_add_fd(loop, loop->wake_fd, &loop->wake_fd);
	return r < 0 ? r : loop_add_fd(loop, loop->timer_fd, &loop->timer_fd);
}

void loop_deinit(struct loop *loop)
{
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	if (loop->timer_fd >= 0)
		close(loop->timer_fd);
	stack_pool_deinit(&loop->stacks);
}

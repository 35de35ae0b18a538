/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop, and waiting. The loop runs tasks, each in its turn. A task runs on the loop's own stack until it
 * waits. The owner of the loop says by hooks what a task does, where messages come from, and what is done
 * once a turn.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libactor/loop/stack.h"
#include "libactor/loop/timer.h"
#include "libactor/util/clock.h"
#include "libactor/util/list.h"
#include "libactor/util/wheel.h"

struct task {
	struct list run_link;     /* loop.runnable */
	struct list blocked_link; /* in a list of tasks that wait for room */
	struct stack *stack;      /* the task's own stack while it is parked, else NULL */
	uint32_t stack_bytes;     /* the size that the task needs; 0: any stack will do */
	int16_t wake_result;      /* 0 or a negative errno */
	bool woken;
	bool cancelled; /* every wait ends with -ECANCELED */
	struct timer wake_timer;
};

struct loop_hooks {
	void (*run)(struct loop *loop, struct task *task); /* the task's turn; the task is not parked */
	/* There is no memory for the stack that the task needs: run() comes next, on a smaller stack. */
	void (*starved)(struct loop *loop, struct task *task);
	/* A descriptor is ready that another file has put into epoll_fd. */
	void (*ready)(struct loop *loop, void *tag, uint32_t events);
	/* Once a turn, after the tasks: takes what the links brought. */
	void (*poll)(struct loop *loop);
	/* Once a turn, after the timers: sends what was written. */
	void (*turn)(struct loop *loop);
	bool (*is_idle)(struct loop *loop); /* true: nothing waits for poll() */
};

struct loop {
	const struct loop_hooks *hooks;
	int epoll_fd, wake_fd, timer_fd;
	bool embedded;
	bool in_loop;
	bool goes_on; /* set by the hook `turn`: it has more to do, so the loop does not sleep */
	bool poll_only;
	int64_t now_ns;
	struct list runnable;
	struct task *current;
	struct stack_pool stacks;
	struct context caller;
	struct context *entered_from;
	struct stack *stack; /* the stack that is in use; NULL: the caller's */
	/* the stack that the loop left for the stack of the task just resumed; it goes back to the pool */
	struct stack *retiring;
	bool (*until)(void *arg);
	void *until_arg;
	int64_t until_ns;
	int pump_result;
	struct wheel timers;
	size_t n_timers;
};

/* After an error, loop_deinit() cleans up. */
int loop_init(struct loop *loop, size_t stack_bytes, const struct loop_hooks *hooks);
void loop_deinit(struct loop *loop);
/* When @fd is readable, the loop wakes, and the hook poll() takes what came. */
int loop_add_polled(struct loop *loop, int fd);
/*
 * From outside: runs the loop until done(arg) is true (0), or until the deadline (-ETIMEDOUT). -EDEADLK
 * inside a handler.
 */
int loop_pump(struct loop *loop, bool (*done)(void *arg), void *arg, int64_t deadline_ns);
/* From outside: runs the loop until the given time. Returns 0 or -EDEADLK. */
int loop_pump_until(struct loop *loop, int64_t until_ns);
/* Handles what is ready, without waiting. */
void loop_poll(struct loop *loop);

int task_init(struct loop *loop, struct task *task, size_t stack_bytes);
void task_deinit(struct loop *loop, struct task *task);
void task_make_runnable(struct loop *loop, struct task *task);
/*
 * Parks the running task. Returns the result that task_wake() was given, -ETIMEDOUT at the deadline,
 * -ECANCELED, or -ENOMEM (no stack).
 */
int task_park(struct loop *loop, struct task *task, int64_t deadline_ns);
/* Does nothing when the task is not parked or was woken already. */
void task_wake(struct loop *loop, struct task *task, int result);
void tasks_wake(struct loop *loop, struct list *blocked, int result); /* wakes all tasks of a list */

/* Reads the clock into now_ns. While a handler runs, now_ns is not refreshed. */
static inline int64_t loop_now(struct loop *loop)
{
	return loop->now_ns = clock_now_ns();
}

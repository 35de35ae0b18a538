/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop, and waiting. It runs tasks: each runs in its turn, on the loop's own stack until it waits. By
 * hooks the owner of the loop says what a task is, where messages come from, and what is to be done once a
 * turn.
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
	struct list blocked_link; /* in a list of those who wait for room */
	struct stack *stack;      /* kept while parked, else NULL */
	size_t stack_bytes;       /* what it needs; 0: any stack will do */
	struct timer wake_timer;
	int wake_result;
	bool woken;
	bool cancelled; /* every wait ends with -ECANCELED */
};

struct loop_hooks {
	void (*run)(struct loop *loop, struct task *task); /* its turn; it is not parked */
	/* there is no memory for the stack it needs: run() comes next, on a smaller one */
	void (*starved)(struct loop *loop, struct task *task);
	/* a descriptor that somebody put into epoll_fd */
	void (*ready)(struct loop *loop, void *tag, uint32_t events);
	/* once a turn, after the tasks: takes what came */
	void (*poll)(struct loop *loop);
	/* once a turn, after the timers: sends what was written */
	void (*turn)(struct loop *loop);
	bool (*is_idle)(struct loop *loop); /* nothing waits for poll() */
};

struct loop {
	const struct loop_hooks *hooks;
	int epoll_fd, wake_fd, timer_fd;
	bool embedded;
	bool in_loop;
	bool poll_only;
	int64_t now_ns;
	struct list runnable;
	struct task *current;
	struct stack_pool stacks;
	struct context caller;
	struct context *entered_from;
	struct stack *stack;    /* we are on it; NULL: on the caller's */
	struct stack *retiring; /* abandoned by the task just resumed */
	bool (*until)(void *arg);
	void *until_arg;
	int64_t until_ns;
	int pump_result;
	struct wheel timers;
	size_t n_timers;
};

/* On error loop_deinit() cleans up. */
int loop_init(struct loop *loop, size_t stack_bytes, const struct loop_hooks *hooks);
void loop_deinit(struct loop *loop);
/* What comes by @fd is taken by poll(). */
int loop_add_polled(struct loop *loop, int fd);
/* From outside: runs the loop until done(arg), or the deadline (-ETIMEDOUT). -EDEADLK inside a handler. */
int loop_pump(struct loop *loop, bool (*done)(void *arg), void *arg, int64_t deadline_ns);
/* From outside: runs the loop until then. 0, -EDEADLK. */
int loop_pump_until(struct loop *loop, int64_t until_ns);
/* Handles what is there, without waiting. */
void loop_poll(struct loop *loop);

int task_init(struct loop *loop, struct task *task, size_t stack_bytes);
void task_deinit(struct loop *loop, struct task *task);
void task_make_runnable(struct loop *loop, struct task *task);
/*
 * Parks the running task. Returns what task_wake() was given, -ETIMEDOUT at the deadline, -ECANCELED, -ENOMEM
 * (no stack).
 */
int task_park(struct loop *loop, struct task *task, int64_t deadline_ns);
/* no effect when it is not parked or woken already */
void task_wake(struct loop *loop, struct task *task, int result);
void tasks_wake(struct loop *loop, struct list *blocked, int result); /* all of a list */

/* Reads the clock into now_ns. now_ns is not refreshed while a handler runs. */
static inline int64_t loop_now(struct loop *loop)
{
	return loop->now_ns = clock_now_ns();
}

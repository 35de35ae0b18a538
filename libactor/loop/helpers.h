/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helper threads: what would block runs on them, so that the loop goes on. They are started when there is
 * something to run and none is idle, up to a bound, and end when they have been idle for a second. All of
 * this is for the loop's thread, but for what a job says it is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libactor/util/list.h"

struct bell;
struct helpers;

struct job {
	struct list link;
	void (*run)(struct job *job); /* on a helper thread */
	/*
	 * Frees a job that nobody takes any more: on the loop's thread, or, after helpers_end(), on a helper.
	 */
	void (*drop)(struct job *job);
	bool started;
};

/* @bell rings when a job is done. NULL: out of memory */
struct helpers *helpers_new(struct bell *bell, size_t threads_max);
/* 0; -EAGAIN there is no thread, and none could be started */
int helpers_add(struct helpers *helpers, struct job *job);
/* True: it has not begun, and is the caller's again. */
bool helpers_take_back(struct helpers *helpers, struct job *job);
/* One that is done, or NULL. Also joins threads that have ended. */
struct job *helpers_take_done(struct helpers *helpers);
/*
 * Drops what has not begun, and waits until @deadline_ns for what has. Returns how many jobs run still: each
 * is dropped by its thread when it returns.
 */
size_t helpers_end(struct helpers *helpers, int64_t deadline_ns);

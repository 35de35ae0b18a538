/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helper threads. Functions that would block run on them, so that the loop goes on. A thread is started when
 * a job comes and no thread is idle, up to a bound. A thread ends after a second without work. Only the
 * loop's thread calls these functions; the comments of struct job say which thread runs a job.
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
	void (*run)(struct job *job); /* called on a helper thread */
	/*
	 * Frees a job whose result is not wanted. Called on the loop's thread; after helpers_end() on a
	 * helper thread.
	 */
	void (*drop)(struct job *job);
	bool started;
};

/* @bell rings when a job is done. Returns NULL when out of memory. */
struct helpers *helpers_new(struct bell *bell, size_t threads_max);
/* Returns 0, or -EAGAIN when there is no thread and none could be started. */
int helpers_add(struct helpers *helpers, struct job *job);
/* Returns true when the job has not begun; the job is then the caller's again. */
bool helpers_take_back(struct helpers *helpers, struct job *job);
/* Returns a job that is done, or NULL. Also joins threads that have ended. */
struct job *helpers_take_done(struct helpers *helpers);
/*
 * Drops the jobs that have not begun, and waits until @deadline_ns for the others. Returns how many jobs
 * still run: each of them is dropped by its thread when its function returns.
 */
size_t helpers_end(struct helpers *helpers, int64_t deadline_ns);

/* SPDX-License-Identifier: Apache-2.0 */
/* proc: what /proc says of processes; libc only, no heap */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Of /proc/PID/stat. Zeroed, and false, if there is no such process. */
struct process_stat {
	char state; /* R, S, D, T, Z … */
	pid_t parent, session;
	unsigned n_threads;
	bool exiting;         /* it is on its way out, but still has its descriptors */
	uint64_t start_ticks; /* pid and start_ticks together name one process for ever */
};

bool process_stat_read(pid_t pid, struct process_stat *ret);

/* Dead and not reaped. One whose first thread has ended looks like that too, but goes on. */
static inline bool process_is_zombie(const struct process_stat *stat)
{
	return (stat->state == 'Z' || stat->state == 'X') && stat->n_threads <= 1;
}

/* Somebody looks into it with a debugger. */
bool process_is_traced(pid_t pid);

/*
 * Calls visit for every entry of a directory that is a number, until it returns false. 0, or why it cannot be
 * read.
 */
int proc_each_number(const char *path, bool (*visit)(pid_t pid, void *data), void *data);

/* The same for every process there is. */
int proc_each_process(bool (*visit)(pid_t pid, void *data), void *data);

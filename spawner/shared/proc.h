/* SPDX-License-Identifier: Apache-2.0 */
/* proc: what /proc says of processes; libc only, no heap */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Some fields of /proc/PID/stat. If there is no such process, process_stat_read() returns false and all
 * fields are 0.
 */
struct process_stat {
	char state; /* R, S, D, T, Z … */
	pid_t parent, session;
	unsigned n_threads;
	bool exiting;         /* it is ending, but may still have its descriptors */
	uint64_t start_ticks; /* pid and start_ticks together name one process for ever */
};

bool process_stat_read(pid_t pid, struct process_stat *ret);

/*
 * True: the process is dead and not reaped. A process whose first thread alone has ended has the same state,
 * but more threads.
 */
static inline bool process_is_zombie(const struct process_stat *stat)
{
	return (stat->state == 'Z' || stat->state == 'X') && stat->n_threads <= 1;
}

/* As which user it runs (its effective uid). False: there is no such process, or /proc does not say. */
bool process_uid_read(pid_t pid, uid_t *ret);

/* Who debugs the process; 0: nobody, or it is not known. */
pid_t process_tracer(pid_t pid);

static inline bool process_is_traced(pid_t pid)
{
	return process_tracer(pid) > 0;
}

#define PROCESS_NAME_SIZE 64
/* The name of a process as in ps, without characters that are not printable; "?": it is not known. */
void process_name_read(pid_t pid, char ret[PROCESS_NAME_SIZE]);

/*
 * Calls @visit for every entry of the directory @path that is a number, until @visit returns false. 0, or the
 * error of reading the directory.
 */
int proc_each_number(const char *path, bool (*visit)(pid_t pid, void *data), void *data);

/* The same for every process of the machine. */
int proc_each_process(bool (*visit)(pid_t pid, void *data), void *data);

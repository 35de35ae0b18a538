/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns the supervisor's child maps (docs/protocol.md §5), which come as JSON, into the form and the words
 * that users see. Pure.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHILD_TEXT_MAX 512

/* How far the wall clock is ahead of the monotonic clock, which the supervisor uses. 0: unknown. */
int64_t child_clock_offset_us(void);

/*
 * The child as --json shows it: first name, state, pid, restarts, uptime_ms and last_exit, which are always
 * there, then the other fields. Unless @wall_offset_us is 0, last_exit gets `at`, a time for people. NULL:
 * memory ran out, or @child is no child map.
 */
json_t *child_public(const json_t *child, int64_t wall_offset_us);

const char *child_name(const json_t *child);
const char *child_state(const json_t *child);
/* Its state is down or failed: it has no process, and none is to come by itself. */
bool child_is_down(const json_t *child);
/* 0: there is no process. */
int64_t child_pid(const json_t *child);

/*
 * "SIGSEGV 12m ago", "exit 1, next try in 3.2s", "exec: No such file or directory 3s ago", "-". For a child
 * that is down the outcome follows: "SIGTERM 3s ago, stopped", "exit 0 1m ago, done", "exit 3 1m ago,
 * failed". @now_us: the time now, by the clock of `at_us`.
 */
char *child_last_exit_text(const json_t *child, int64_t now_us, char text[CHILD_TEXT_MAX]);

/* The last lines of the child's stderr, or why it could not be run. NULL: neither is known. */
const char *child_last_words(const json_t *child);

/* "green", "yellow", "red" or NULL. */
const char *child_state_color(const json_t *child);

/*
 * The exit status that a shell would give for the child's last end: the code; 128 + signal; 127 or 126 if it
 * could not be run. -1: the child has not ended yet.
 */
int child_exit_status(const json_t *child);

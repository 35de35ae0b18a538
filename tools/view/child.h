/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child maps of the supervisor (docs/protocol.md §5), as JSON, put into the shape and the words that users
 * see. Pure.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define CHILD_TEXT_MAX 512

/* How far the wall clock is ahead of the monotonic one that the supervisor counts in. 0: unknown. */
int64_t child_clock_offset_us(void);

/*
 * What --json shows: name, state, pid, restarts, uptime_ms, last_exit first and always there, then the rest.
 * last_exit gets `at` as people write time, unless @wall_offset_us is 0. NULL: no memory, or not a child map.
 */
json_t *child_public(const json_t *child, int64_t wall_offset_us);

const char *child_name(const json_t *child);
const char *child_state(const json_t *child);
/* 0 when there is no process. */
int64_t child_pid(const json_t *child);

/*
 * "SIGSEGV 12m ago", "exit 1, next try in 3.2s", "exec: No such file or directory 3s ago", "-". A child that
 * is down has its outcome at the end: "SIGTERM 3s ago, stopped", "exit 0 1m ago, done", "exit 3 1m ago,
 * failed". @now_us: of the clock of `at_us`.
 */
char *child_last_exit_text(const json_t *child, int64_t now_us, char text[CHILD_TEXT_MAX]);

/* What it said last, or why it could not be run; NULL: nothing is known. */
const char *child_last_words(const json_t *child);

/* "green", "yellow", "red" or NULL. */
const char *child_state_color(const json_t *child);

/*
 * The status a shell would give for this end: code, 128 + signal, 127 or 126 when it could not be run; -1: it
 * has no end.
 */
int child_exit_status(const json_t *child);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node-log: the log of the node itself, actor-spawner.log; libc only, no heap
 *
 * 'actorctl up -d' opens the log as the keeper's stderr, and the supervisor inherits it. The supervisor,
 * which writes most, renames the log when it is too big. Both open the log anew when its name means another
 * file or none, also if somebody else has renamed or removed it.
 *
 * In the foreground stderr is a terminal, or a pipe into a pager, whose reader may not read. If a line waited
 * for the reader, no child would be reaped and the node could not end. So lines that nobody takes are only
 * counted, and their number is written before the next line.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define NODE_LOG_MAX_BYTES (1u << 20) /* when it is longer, it is renamed to .1; only one old log is kept */

/* Finds out whether stderr is the log in @log_dir. If it is not, the other functions do nothing. */
void node_log_init(const char *log_dir);

/* Called before each line: makes stderr the file that has the name now. */
void node_log_look(void);

/* The same, and renames the log if it is too big. */
void node_log_turn_over(void);

/* Writes one line to stderr, or counts it as lost. Waits 0.1 s at most, and not at all while nobody reads. */
void node_log_write(const char *line, size_t size);

/* node_log_turn_over(), then node_log_write(). */
void node_log_put(const char *line, size_t size);

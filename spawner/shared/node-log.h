/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node-log: the log of the node itself, actor-spawner.log; libc only, no heap
 *
 * 'actorctl up -d' opens it as the keeper's stderr, and the supervisor inherits that. The supervisor, which
 * writes most, renames it when it is too big. The supervisor and the keeper open it anew when its name means
 * another file or none, also if somebody else renamed or removed it.
 *
 * In the foreground stderr is a terminal, or a pipe into a pager: a line waits for nobody who does not read,
 * for then nobody would reap a child or end the node. What nobody takes is counted, and said before the next
 * line.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define NODE_LOG_MAX_BYTES (1u << 20) /* it is renamed to .1 then; one is kept */

/* Finds out whether stderr is the log in @log_dir. If it is not, the other functions do nothing. */
void node_log_init(const char *log_dir);

/* Called before each line: makes stderr the file that has the name now. */
void node_log_look(void);

/* The same, and renames one that is too big. */
void node_log_turn_over(void);

/* Writes one line to stderr, or counts it. Waits 0.1 s at most, and not again while nobody reads. */
void node_log_write(const char *line, size_t size);

/* node_log_turn_over(), then node_log_write(). */
void node_log_put(const char *line, size_t size);

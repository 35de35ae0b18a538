/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node-log: the log of the node itself, actor-spawner.log; libc only, no heap
 *
 * 'actorctl up -d' opens it as the keeper's stderr, and the supervisor inherits that. So it is renamed, when
 * it is too big, and opened anew by those who write to it: the supervisor, which writes most, renames it;
 * each opens it anew when the name means another file, which may also be because somebody else took it away.
 */
#pragma once

#include <stdbool.h>

#define NODE_LOG_MAX_BYTES (1u << 20) /* it is renamed to .1 then; one is kept */

/* Whether stderr is that log of this directory. If not, the rest does nothing. The path is borrowed. */
void node_log_init(const char *log_dir);

/* Before each line: stderr is the file that has the name. */
void node_log_look(void);

/* The same, and renames one that is too big. */
void node_log_turn_over(void);

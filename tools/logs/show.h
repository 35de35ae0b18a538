/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shows what all programs of a node write, as it comes: the lines of all logs in one directory, in order of
 * time, with names. It only reads logs, so it can delay no program, however slow its own reader is: what is
 * not taken stays in the logs, and when a log is turned over before it was shown, the bytes that are left out
 * are counted, and said where they are missing.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>

#include "tools/logs/format.h"

struct show;

/*
 * Notes where the logs of @dir end now; only what comes later is shown. The directory need not be there yet.
 * @fd: where to write to. NULL: out of memory.
 */
struct show *show_new(const char *dir, int fd, const struct log_format *format);
void show_free(struct show *show);

/* What to wait for: @fds is filled in, and the time-out in milliseconds is returned. */
#define SHOW_FDS 2
int show_wait(struct show *show, struct pollfd fds[SHOW_FDS]);
/* Shows what there is, a bounded amount at a time. */
void show_turn(struct show *show);
/* Shows the rest, also open lines, and waits at most @limit_ms for the reader to take it. */
void show_end(struct show *show, int limit_ms);

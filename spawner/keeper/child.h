/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper-child: what runs between fork and exec
 */
#pragma once

#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "spawner/keeper/table.h"
#include "spawner/shared/protocol.h"

/* What a failed child writes into the exec pipe. After a successful exec the pipe ends without data. */
struct keeper_child_failure {
	int32_t step;
	int32_t error;
};

struct keeper_child {
	const struct keeper_spawn *spawn;
	uint64_t node_id;
	const uint8_t *node_key; /* 16 bytes */
	pid_t keeper_pid;
	const struct rlimit *nofile, *file_size; /* the limits from before the keeper raised its own */
	int exec_fd;                             /* write end */
	int spec_fd;
	int pipes[KEEPER_PIPES]; /* the child's ends; -1 = none */
	const int *extra_fds;
};

void keeper_child_run(const struct keeper_child *child) __attribute__((noreturn));

/*
 * To be called when the keeper has set its own signal handlers. From then on the keeper ignores no further
 * signals.
 */
void keeper_child_note_ignored(void);
/*
 * Sets ignored signals to their defaults and unblocks all signals. exec itself resets those that have
 * handlers.
 */
void keeper_child_reset_signals(void);

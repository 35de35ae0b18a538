/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime-dir: where a node's sockets live, and who owns that place; libc only, no heap
 *
 * libactor/place/node-dirs.h says which directory it is. It is refused unless it is ours, no symlink, of mode
 * 0700 (0711 while a child has another user), and either empty or made by a node.
 *
 * In it: lock; broker.ipc, spawner.ipc; b/ with the broker's sockets; g/ID/ with the sockets of each group.
 * Only these are ever removed: the lock file, sockets, and directories that are empty then.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "libactor/place/node-dirs.h"

#define RUNTIME_DIR_WHY_SIZE 512

/* Makes a log directory and what is above it, where it is not there. Its descriptor, or negative errno. */
int log_dir_make(const char *path);

/*
 * Makes the log directory and takes it for the node in runtime_dir, as long as the descriptor that is
 * returned is open. -EBUSY: another node has it, and why says which. Another error: it cannot be taken, and
 * probably not be written either.
 */
int log_dir_claim(const char *path, const char *runtime_dir, char why[RUNTIME_DIR_WHY_SIZE]);

/*
 * Opens the directory, made if it is not there. On failure why is one line for people. The path comes back
 * absolute and without symlinks.
 */
int runtime_dir_open(
	char path[RUNTIME_DIR_PATH_SIZE], int *ret_dir_fd, bool *ret_made, char why[RUNTIME_DIR_WHY_SIZE]);

/*
 * To be called before anything is done in the directory. 0 if it is a node's: a node wrote its lock file, or
 * it has nothing but names that a node makes. Else -ENOTEMPTY, and @why.
 */
int runtime_dir_check(int dir_fd, const char *path, char why[RUNTIME_DIR_WHY_SIZE]);

struct runtime_dir_owner {
	int pid;          /* of the keeper that has or had the directory; 0 = nobody wrote it down */
	uint64_t node_id; /* 0 = unknown */
	bool made;        /* a node made the directory, so a node's end removes it */
};

/*
 * Locks the directory and DIR/lock. The lock of the directory belongs to its open file description, so
 * whoever inherits dir_fd holds it too. 0, and who had it before; -EBUSY, and who has it (then dir_fd may be
 * locked: call again, or close it). -ENOENT: the directory was removed meanwhile.
 */
int runtime_dir_lock(int dir_fd, int *ret_lock_fd, struct runtime_dir_owner *ret_owner);

/* Writes down the owner in the locked file: "pid\nnode id, 16 hex\nmade or given\n". */
int runtime_dir_own(int lock_fd, const struct runtime_dir_owner *owner);

/* Removes the sockets in the directory NAME of dir_fd, then NAME. 0, -ENOTEMPTY: something else is in it and
 * stays, or the first error. Follows no symlink. */
int runtime_dir_remove(int dir_fd, const char *name);

/* Removes all that a node makes but the lock file. Results as of runtime_dir_remove(). */
int runtime_dir_clear(int dir_fd);

/*
 * At a node's end: clears it, removes the lock file, and the directory (path) if a node made it. If something
 * else is in it (-ENOTEMPTY), the lock file stays and says that nobody has the directory: the next node may
 * use it. -ESTALE and nothing is done if its lock file says that another node has it by now.
 */
int runtime_dir_leave(int dir_fd, const char *path, uint64_t node_id);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime-dir: the directory of a node's sockets, and which node owns it; libc only, no heap
 *
 * libactor/place/node-dirs.h says which directory it is. The directory must belong to this user, be no
 * symlink, have mode 0700 (0711 while a child has another user), and be either empty or made by a node. Any
 * other directory is refused.
 *
 * It contains: lock; broker.ipc and spawner.ipc; b/ with the broker's sockets; g/ID/ with the sockets of each
 * group. Only the lock file, these sockets and the directories that are then empty are ever removed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "libactor/place/node-dirs.h"

#define RUNTIME_DIR_WHY_SIZE 512

/*
 * Makes a log directory and the directories above it, if they are missing. Returns its descriptor, or
 * negative errno.
 */
int log_dir_make(const char *path);

/*
 * Makes the log directory and claims it for the node in @runtime_dir, for as long as the returned descriptor
 * is open. -EBUSY: another node has the directory, and @why says which. Another error: the directory cannot
 * be claimed, and probably it cannot be written either.
 */
int log_dir_claim(const char *path, const char *runtime_dir, char why[RUNTIME_DIR_WHY_SIZE]);

/* A node's own: lock, two sockets, b/, g/ and what a group has there for a moment. */
#define RUNTIME_DIR_FILES_MIN 8

/*
 * What an errno of making @path means: for a full file system what is full, and what to do; @how: the option
 * that names another place. @error is positive.
 */
void runtime_dir_no_room(int error, const char *path, const char *how, char ret[RUNTIME_DIR_WHY_SIZE]);

/* Whether there is room for a node's files. 0, or -ENOSPC and @why. */
int runtime_dir_room(int dir_fd, const char *path, char why[RUNTIME_DIR_WHY_SIZE]);

/*
 * Opens the directory, and makes it if it is missing. On failure @why is one line for people. @path comes
 * back absolute and without symlinks. A directory that it has made is locked already.
 */
int runtime_dir_open(
	char path[RUNTIME_DIR_PATH_SIZE], int *ret_dir_fd, bool *ret_made, char why[RUNTIME_DIR_WHY_SIZE]);

/*
 * To be called before anything is done in the directory. 0: the directory is a node's, since a node wrote its
 * lock file, or since it has only entries that a node makes. Else -ENOTEMPTY, and @why.
 */
int runtime_dir_check(int dir_fd, const char *path, char why[RUNTIME_DIR_WHY_SIZE]);

struct runtime_dir_owner {
	int pid;          /* pid of the keeper that has or had the directory; 0 = unknown */
	uint64_t node_id; /* 0 = unknown */
	bool made;        /* a node made the directory, so a node's end removes it */
};

/*
 * Locks the directory and DIR/lock. The lock of the directory belongs to its open file description, so a
 * process that inherits dir_fd holds it too. 0: *ret_owner is the owner before. -EBUSY: *ret_owner is the
 * present owner; dir_fd may be locked, so the caller calls again or closes it. -ENOENT: the directory was
 * removed meanwhile.
 */
int runtime_dir_lock(int dir_fd, int *ret_lock_fd, struct runtime_dir_owner *ret_owner);

/* Writes the owner into the locked file: "pid\nnode id, 16 hex\nmade or given\n". */
int runtime_dir_own(int lock_fd, const struct runtime_dir_owner *owner);
/* False: somebody else has written into the file. */
bool runtime_dir_is_owned(int lock_fd, const struct runtime_dir_owner *owner);

/*
 * Removes the sockets in the directory @name in dir_fd, then @name. 0; -ENOTEMPTY: something else is in it,
 * and stays; or the first error. Follows no symlink.
 */
int runtime_dir_remove(int dir_fd, const char *name);

/* Removes all that a node makes, except the lock file. Returns the same as runtime_dir_remove(). */
int runtime_dir_clear(int dir_fd);

/*
 * Removes the empty directories beside @path (absolute, without symlinks) that are left of nodes that were
 * killed while they made it. The caller has the lock of @path. A failure is left to the next node.
 */
void runtime_dir_clear_beside(const char *path);

/*
 * To be called at a node's end. Clears the directory and removes the lock file, and also the directory
 * (@path) if a node made it. -ENOTEMPTY: something else is in the directory; then the lock file stays and
 * says that nobody has the directory, so that the next node may use it. -ESTALE: the lock file says that
 * another node has the directory by now; then nothing is done.
 */
int runtime_dir_leave(int dir_fd, const char *path, uint64_t node_id);

/*
 * runtime-dir: where a node's sockets live, and who owns that place; libc only, no heap
 *
 * $ACTOR_RUNTIME_DIR, else $XDG_RUNTIME_DIR/actor, else /run/actor (root) or /tmp/actor-$UID. Owned by us, no
 * symlink, 0700 (0711 while a child has another user), else refused.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RUNTIME_DIR_PATH_SIZE 4096
#define RUNTIME_DIR_WHY_SIZE  512

/* The path by the rule; explicit_path may be NULL. 0 or -ENAMETOOLONG. */
int runtime_dir_resolve(const char *explicit_path, char ret_path[RUNTIME_DIR_PATH_SIZE]);

/* Where logs go: explicit, $ACTOR_LOG_DIR, /var/log/actor (root), $XDG_STATE_HOME/actor,
 * ~/.local/state/actor. */
int log_dir_resolve(const char *explicit_path, char ret_path[RUNTIME_DIR_PATH_SIZE]);

/*
 * Opens the directory, made if it is not there. On failure why is one line for people. The path comes back
 * absolute and without symlinks.
 */
int runtime_dir_open(
	char path[RUNTIME_DIR_PATH_SIZE], int *ret_dir_fd, bool *ret_made, char why[RUNTIME_DIR_WHY_SIZE]);

struct runtime_dir_owner {
	int pid;          /* of the keeper that has or had the directory; 0 = nobody wrote it down */
	uint64_t node_id; /* 0 = unknown */
};

/*
 * Takes DIR/lock. The lock belongs to the open file description, so whoever inherits the fd holds it too. 0,
 * and who had it before; -EBUSY, and who has it.
 */
int runtime_dir_lock(int dir_fd, int *ret_lock_fd, struct runtime_dir_owner *ret_owner);

/* Writes down the owner in the locked file: "pid\nnode id, 16 hex\n". */
int runtime_dir_own(int lock_fd, const struct runtime_dir_owner *owner);

/* Removes everything in it, keep_lock: but the lock. Follows no symlink. 0, or the first error met (it goes
 * on). */
int runtime_dir_clear(int dir_fd, bool keep_lock);

/* SPDX-License-Identifier: Apache-2.0 */
/* Paths a user typed, and the node's own places. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PATH_SIZE 4096

/* Against the current directory; for the caller to free. NULL and errno. */
char *path_absolute(const char *path);

/*
 * A program of this project: beside actorctl, in the build tree (../@room/), where it was installed, in PATH.
 * 0 or -ENOENT.
 */
int path_find_program(const char *name, const char *room, char ret[PATH_SIZE]);

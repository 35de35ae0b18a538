/* SPDX-License-Identifier: Apache-2.0 */
/* Paths that a user typed, and the paths of the project's programs. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PATH_SIZE 4096

/* Makes @path absolute, from the current directory. The caller frees the result. NULL: see errno. */
char *path_absolute(const char *path);

/*
 * Finds a program of this project: beside actorctl, in the build tree (../@room/), in the installed tree, or
 * in PATH. 0 or -ENOENT.
 */
int path_find_program(const char *name, const char *room, char ret[PATH_SIZE]);

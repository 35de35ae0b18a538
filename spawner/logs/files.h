/* SPDX-License-Identifier: Apache-2.0 */
/* The files of one log, and their stamps: what both readers of logs (reader.c, lines.c) need. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "spawner/logs/reader.h"

#define LOG_PREDECESSORS_MAX 99

/*
 * Opens a log. As for the writer, a symlink or a file that is not regular is no log; a read from a pipe might
 * wait. An fd or -errno.
 */
int log_file_open(const char *path);

/* Opens FILE.@n. An fd or -errno. */
int log_reader_open_predecessor(const struct log_reader *log, unsigned n);
/*
 * Opens the file that followed @ours: FILE, or FILE.n if there were several rotations meanwhile. An fd or
 * -errno.
 */
int log_reader_open_successor(const struct log_reader *log, const struct stat *ours);
/*
 * Goes back by *n lines from the end of the file. *ret is where these lines begin. *n becomes the number of
 * lines that the file lacks. A newline at the very end of the file ends a line and begins none.
 */
int log_reader_seek_back(int fd, uint64_t *n, off_t *ret);

/*
 * Opens the stamps of the log that is open as @fd, and goes to @offset: log->stamps.current becomes the stamp
 * of the bytes there. If the log is not shown with stamps, it does nothing.
 */
void log_stamps_open(struct log_reader *log, int fd, off_t offset);
bool stamp_read(int fd, off_t at, struct stamp *ret);
bool stamp_is_of_lines(const struct stamp *stamp);

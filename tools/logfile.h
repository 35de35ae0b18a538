/*
 * Reading the log of a child: FILE is written, FILE.1 is what it was before it grew too big, FILE.2 before
 * that, …
 */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* Where a reader stands: in which file (its inode), and how far. */
struct logfile {
	char *path;
	int fd; /* -1: not there yet */
	off_t offset;
};

#define LOGFILE_INIT {.fd = -1}

/* 0, or -errno. A file that is not there yet is fine. @path is copied. */
int logfile_open(struct logfile *log, const char *path);
void logfile_close(struct logfile *log);

/*
 * Writes the last @n lines to @to, from rotated predecessors as needed, and stands at the end. 0 or -errno.
 */
int logfile_tail(struct logfile *log, uint64_t n, FILE *to);

/*
 * Writes what has come since, through rotation: the rest of the old file first, then the new ones from their
 * beginnings. 0 or -errno.
 */
int logfile_catch_up(struct logfile *log, FILE *to);

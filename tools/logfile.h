/*
 * Reading the log of a child: FILE is written, FILE.1 is what it was before it grew too big, FILE.2 before
 * that, …
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "stamp.h"

/* What is shown before each line: the stamps of one file, and how far we are in them. */
struct logfile_stamps {
	int fd;		      /* -1: none are there */
	off_t at;	      /* of the next record */
	struct stamp current; /* that is about what follows; kind 0: none */
	bool in_line;	      /* what was shown last does not end with a newline */
	bool newline_shown;   /* it was ended by us; if a newline is what comes next, it is that one */
};

/* Where a reader stands: in which file (its inode), and how far. */
struct logfile {
	char *path;
	int fd; /* -1: not there yet */
	off_t offset;
	bool stamped; /* set by the caller: lines with time and life, and lines that say where lives begin and end */
	struct logfile_stamps stamps;
};

#define LOGFILE_INIT {.fd = -1, .stamps = {.fd = -1}}

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

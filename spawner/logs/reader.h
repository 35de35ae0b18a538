/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the log of a child: FILE is written, FILE.1 is what it was before it grew too big, FILE.2 before
 * that, …
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "spawner/logs/stamp.h"

/* What is shown before each line: the stamps of one file, and how far we are in them. */
struct log_reader_stamps {
	int fd;               /* -1: none are there */
	off_t at;             /* of the next record */
	struct stamp current; /* of the bytes that follow; kind 0: none */
	bool in_line;         /* what was shown last does not end with a newline */
	bool newline_shown;   /* we ended the line; if the next byte is its newline, it is not shown again */
};

/* Where a reader stands: in which file (its inode), and how far. */
struct log_reader {
	char *path;
	int fd; /* -1: not there yet */
	off_t offset;
	/* set by the caller: lines with time and life, and lines that say where lives begin and end */
	bool stamped;
	struct log_reader_stamps stamps;
};

#define LOG_READER_INIT                                                                                      \
	{                                                                                                    \
		.fd = -1, .stamps = {.fd = -1 }                                                              \
	}

/* 0, or -errno. A file that is not there yet is fine. @path is copied. */
int log_reader_open(struct log_reader *log, const char *path);
void log_reader_close(struct log_reader *log);

/*
 * Writes the last @n lines to @to, from rotated predecessors as needed, and stands at the end. 0 or -errno.
 */
int log_reader_tail(struct log_reader *log, uint64_t n, FILE *to);

/*
 * Writes what has come since, through rotation: the rest of the old file first, then the new ones from their
 * beginnings. 0 or -errno.
 */
int log_reader_catch_up(struct log_reader *log, FILE *to);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the log of a child. The child's output goes to FILE. When FILE is too big, it becomes FILE.1, FILE.1
 * becomes FILE.2, and so on.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "spawner/logs/stamp.h"

/* The stamps of one file, which are shown before its lines, and how far they were read. */
struct log_reader_stamps {
	int fd;               /* -1: there are no stamps */
	off_t at;             /* offset of the next record */
	struct stamp current; /* the stamp of the bytes that follow; kind 0: they have none */
	struct stamp seen;    /* the record before `at`, as it was read */
	bool in_line;         /* the text that was shown last does not end with a newline */
	/*
	 * the reader has added a newline to an open line; if the next byte is that line's own newline, it is
	 * not shown
	 */
	bool newline_shown;
};

/* A reader: the file that it has open, and how far it has read. */
struct log_reader {
	char *path;
	int fd; /* -1: the file is not there yet */
	off_t offset;
	/*
	 * set by the caller: lines are shown with time and life, and extra lines say where lives begin and
	 * end
	 */
	bool stamped;
	struct log_reader_stamps stamps;
};

#define LOG_READER_INIT                                                                                      \
	{                                                                                                    \
		.fd = -1, .stamps = {.fd = -1 }                                                              \
	}

/* 0, or -errno. The file need not be there yet. @path is copied. */
int log_reader_open(struct log_reader *log, const char *path);
void log_reader_close(struct log_reader *log);

/*
 * Writes the last @n lines to @to, those of rotated predecessors if needed. After that @log is at the end. 0
 * or -errno.
 */
int log_reader_tail(struct log_reader *log, uint64_t n, FILE *to);

/*
 * Writes all that was logged since the last call. After a rotation this is the rest of the old file, then the
 * newer files from their beginnings. 0 or -errno.
 */
int log_reader_catch_up(struct log_reader *log, FILE *to);

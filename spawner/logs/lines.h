/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives a log line by line, each with its stamp, and between them the events of the lives that wrote it. So
 * lines can be filtered, and the lines of several logs can be merged. reader.c gives the bytes as they were
 * written.
 *
 * An open line, which no newline has ended yet, is held back until it ends, or until an event or the other
 * stream ends it. One longer than LOG_LINE_BYTES is given in pieces.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spawner/logs/reader.h"
#include "spawner/logs/stamp.h"

#define LOG_LINE_BYTES 65536u

struct log_line {
	enum stamp_kind kind; /* STAMP_LINES or STAMP_CUT: a line; others: an event, as in a stamp */
	int64_t time_us;      /* CLOCK_REALTIME; 0: not known */
	int64_t number;       /* of an event, as in a stamp; so is code */
	int32_t pid;          /* 0: not known; so are life and stream */
	uint32_t life;
	uint8_t stream; /* 1 stdout, 2 stderr */
	uint8_t code;
	bool open;         /* no newline ends it */
	const char *bytes; /* without the newline; valid until the next call for this log; NULL: an event */
	size_t n_bytes;
};

struct log_lines {
	struct log_reader log; /* log.offset is that of block[begin] */
	char *block;
	size_t begin, end; /* the bytes in block that were not given yet */
	struct stamp next; /* the stamp that was read ahead; valid if has_next */
	bool has_next, no_next;
	bool over;    /* the file has another name by now: it does not grow any more */
	bool resumed; /* the next byte may be the newline of a line that an event has ended */
	int32_t pid;  /* those of the last event */
	uint32_t life;
};

/* 0 or -errno. The file need not be there yet. @path is copied. The log begins with its present file. */
int log_lines_open(struct log_lines *lines, const char *path);
void log_lines_close(struct log_lines *lines);

/* Goes to the last @n lines, which may be in rotated predecessors. 0: to the end. 0 or -errno. */
int log_lines_tail(struct log_lines *lines, uint64_t n);
/* Goes to the first file that was written to at or after @time_us. 0 or -errno. */
int log_lines_since(struct log_lines *lines, int64_t time_us);

/* The place behind the last line that was given. False: no file is open. */
bool log_lines_place(const struct log_lines *lines, uint64_t *ret_ino, off_t *ret_offset);
/* Goes to a place of the file with this inode. If it is gone, reading begins with the log's present file. */
int log_lines_go_back(struct log_lines *lines, uint64_t ino, off_t offset);

/*
 * Gives the next line or event, also out of the files that followed. @all: an open line at the end is given,
 * too. 1; 0: there is no more at present; -errno.
 */
int log_lines_next(struct log_lines *lines, bool all, struct log_line *ret);

/*
 * Drops what is unread of files older than FILE.@keep, since they will be removed before a slow reader gets
 * to them. Returns the number of bytes.
 */
uint64_t log_lines_drop_old(struct log_lines *lines, unsigned keep);

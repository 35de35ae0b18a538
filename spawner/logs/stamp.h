/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stamp: says for each place in a log when its bytes were read and which life wrote them
 *
 * The log itself has the bytes as they were written. The stamps are in NAME.times beside NAME.log: a header
 * and records, in the byte order of the machine. Both are renamed together when the log is full. The header
 * names the inode of its log. If NAME.log has another inode (somebody renamed it, or the writer died between
 * two renames), these stamps are not about it.
 *
 * A record is about the bytes of the log from the record's offset up to the offset of the next record. It is
 * written before these bytes. A line has the time of its first byte, so a LINES record is about a place where
 * a line begins, or where the other stream goes on within a line.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define STAMP_MAGIC   "actorlog"
#define STAMP_VERSION 1u

enum stamp_kind {
	STAMP_LINES = 1, /* the bytes that follow were read at this time */
	STAMP_STARTED,   /* a life begins */
	STAMP_ENDED,     /* a life has ended; number: exit code, or signal; code: CLD_* */
	STAMP_FAILED,    /* a life could not be started; number: errno */
	STAMP_LOST,      /* bytes could not be written here; number: how many */
	/* the bytes that follow are the rest of a line that was cut, because it was too long for a file */
	STAMP_CUT,
};

struct stamp {
	uint64_t offset; /* offset in the log */
	int64_t time_us; /* CLOCK_REALTIME */
	int64_t number;
	int32_t pid;
	uint32_t life;  /* which of the child's lives this is, from 1; 0 = unknown */
	uint8_t kind;   /* enum stamp_kind */
	uint8_t stream; /* for LINES and CUT: 1 stdout, 2 stderr */
	uint8_t code;
	uint8_t reserved[5];
};

struct stamp_header {
	char magic[8];
	uint32_t version;
	uint32_t record_bytes; /* sizeof(struct stamp) */
	uint64_t ino;          /* inode of the log */
	/* the last life that was noted in a record, so that it is noted only once */
	uint64_t group, forked_ns;
	uint64_t ended; /* 1: the end of that life was noted too */
	uint64_t reserved;
};

/* "ended: exit 1": what an event says. */
#define STAMP_EVENT_SIZE 128
char *stamp_event_text(const struct stamp *stamp, char ret[STAMP_EVENT_SIZE]);

/* "a FIFO": what has the name of a log and is no regular file. */
const char *stamp_no_log(mode_t mode);

bool stamp_header_is_right(const struct stamp_header *header, uint64_t ino);

/*
 * The name of the file with the stamps of a log: "web.log" and "web.log.3" have "web.times" and
 * "web.times.3". @log_name is the name without a number. @number 0: the log that is being written. @ret is
 * empty if @log_name is no log's name, or if the result does not fit.
 */
void stamp_file_name(char *ret, size_t size_bytes, const char *log_name, unsigned number);

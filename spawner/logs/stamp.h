/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stamp: for each place in a log, when its bytes were read and which life wrote them
 *
 * The log itself has the bytes as they were written. Beside NAME.log lies NAME.times: a header and records,
 * in the byte order of the machine. Both are renamed together when the log is full. The header names the
 * inode of its log. If NAME.log has another inode (somebody renamed it, or the writer died between two
 * renames), these stamps are not about it.
 *
 * A record is about the bytes of the log from its offset up to the next record. It is written before these
 * bytes. A line has the time of its first byte, so LINES stands where a line begins, or within one where the
 * other stream takes over.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STAMP_MAGIC   "actorlog"
#define STAMP_VERSION 1u

enum stamp_kind {
	STAMP_LINES = 1, /* what follows was read at this time */
	STAMP_STARTED,   /* a life begins */
	STAMP_ENDED,     /* number: exit code, or signal; code: CLD_* */
	STAMP_FAILED,    /* it could not be started; number: errno */
	STAMP_LOST,      /* number: bytes that could not be written here */
	/* what follows is the rest of a line that was cut, because it was too long for a file */
	STAMP_CUT,
};

struct stamp {
	uint64_t offset; /* in the log */
	int64_t time_us; /* CLOCK_REALTIME */
	int64_t number;
	int32_t pid;
	uint32_t life;  /* of this process, from 1; 0 = unknown */
	uint8_t kind;   /* enum stamp_kind */
	uint8_t stream; /* of LINES and CUT: 1 stdout, 2 stderr */
	uint8_t code;
	uint8_t reserved[5];
};

struct stamp_header {
	char magic[8];
	uint32_t version;
	uint32_t record_bytes; /* sizeof(struct stamp) */
	uint64_t ino;          /* of the log */
	/* the last life that a record speaks of, so that it is said once */
	uint64_t group, forked_ns;
	uint64_t ended; /* 1: its end too */
	uint64_t reserved;
};

bool stamp_header_is_right(const struct stamp_header *header, uint64_t ino);

/*
 * The file with the stamps of a log: "web.log" and "web.log.3" have "web.times" and "web.times.3". @number 0:
 * the log that is written. @log_name without its number. Empty if that is no log's name or does not fit.
 */
void stamp_file_name(char *ret, size_t size_bytes, const char *log_name, unsigned number);

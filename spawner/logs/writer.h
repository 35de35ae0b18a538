/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The output of a child goes to NAME.log, which never grows beyond a bound. When it is full, it becomes
 * NAME.log.1, NAME.log.1 becomes NAME.log.2, and so on; the oldest file is removed. The bytes are kept as
 * they are. A newline is added where an open line would otherwise run on: before a new life, and where a line
 * is too long for a file. NAME.times (stamp.h) says when each line was read, and which life wrote it.
 *
 * Files are turned over between lines, so each file begins with a whole line. To end its last line, a file
 * may grow by LOGFILE_LINE_BYTES more. A line that does not end by then is cut, and its rest is marked in the
 * stamps.
 *
 * Others may rename, remove or empty the files, or the directory. So each write first checks whether the name
 * still means the open file.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "spawner/logs/stamp.h"

#define LOGFILE_MAX_BYTES  (10u << 20)
#define LOGFILE_MAX_OLD    5u
#define LOGFILE_LINE_BYTES (64u << 10)
#define LOGFILE_NAME_MAX   256 /* with the NUL */
#define LOGFILE_TAIL_BYTES 4096u

/* The directory of the logs. */
struct log_dir {
	const char *path; /* borrowed; NULL: only fd is known */
	int fd;           /* -1: it cannot be opened */
	uint64_t checked_ns;
};

/*
 * Makes the directory and those above it, if they are missing. 0; or negative errno, and then fd is -1 and
 * each use tries again.
 */
int log_dir_open(struct log_dir *dir, const char *path);
void log_dir_close(struct log_dir *dir);

struct logfile {
	struct log_dir *dir; /* borrowed */
	int fd, stamps_fd;   /* -1: not open; they are opened when they are needed */
	uint64_t ino, dev;
	uint64_t size_bytes;
	bool in_line;   /* its last byte is no newline */
	uint8_t stream; /* the stream that wrote last; 0: not known */
	bool no_stamps; /* set by the owner after logfile_init(): only lives get stamps, not lines */
	bool cut;       /* the next bytes are the rest of a line that was cut */
	uint64_t stamps_bytes;
	uint64_t stamps_kept; /* up to here the disk has room for stamps, even when it is full */
	/* as it was written; kind 0: none since it was opened, but for a LOST one, which may still grow */
	struct stamp last;
	uint64_t max_bytes;
	uint64_t max_line_bytes;
	unsigned max_old;
	uint64_t n_lost_bytes;   /* bytes that were ever lost */
	uint64_t n_untold_bytes; /* lost bytes that the stamps do not say yet */
	int32_t pid;             /* pid of the present life */
	uint32_t life;
	char name[LOGFILE_NAME_MAX];
};

/*
 * The name of the log file for the child's name @child. `/` and a leading dot would have a meaning for the
 * file system, so they are written as % and two hexadecimal digits. % itself is written so too, and so is the
 * first letter of a child called LOGFILE_NODE, since that is the name of the node's own log. A name that is
 * then too long is cut, and gets a hash of the whole name, by which it differs from other names.
 */
#define LOGFILE_NODE "actor-spawner"
void logfile_name(const char *child, char ret[LOGFILE_NAME_MAX]);

void logfile_init(struct logfile *log, struct log_dir *dir, const char *child);
/* Closes the files. @log may be used again. */
void logfile_close(struct logfile *log);
static inline bool logfile_is_open(const struct logfile *log)
{
	return log->fd >= 0;
}

/*
 * Writes @data, which came from @stream (1 stdout, 2 stderr). If @pipe_fd is not -1, it is a pipe whose next
 * bytes are @data. Then one system call takes the bytes out of the pipe and puts them into the file, so a
 * writer that is killed neither loses nor doubles a byte. Also after an error the bytes are no longer in the
 * pipe. 0; negative errno: the rest was lost, and counted. The next write tries anew.
 */
int logfile_write(struct logfile *log, int pipe_fd, uint8_t stream, const void *data, size_t size_bytes);

/*
 * Why a log cannot be written: what is in its place, if that is no file that could be a log, else what
 * @error (positive) means. @ret is returned, or a constant.
 */
#define LOGFILE_WHY_SIZE 64
const char *logfile_why(const struct logfile *log, int error, char ret[LOGFILE_WHY_SIZE]);

/*
 * A life begins: log->pid and log->life say which one. The beginning is noted once for each @group and
 * @forked_ns. Makes the file.
 */
int logfile_started(struct logfile *log, uint64_t group, uint64_t forked_ns);
/*
 * Notes the end of a life, after its last output. @kind: STAMP_ENDED or STAMP_FAILED. The end is noted once.
 */
int logfile_ended(struct logfile *log, uint64_t group, uint64_t forked_ns, enum stamp_kind kind, int code,
	int64_t number);

/* The last bytes of a stream. */
struct tail {
	uint64_t n_bytes; /* bytes that were ever added */
	char bytes[LOGFILE_TAIL_BYTES];
};

void tail_add(struct tail *tail, const void *data, size_t size_bytes);
/*
 * Puts the last whole lines of the tail that fit into @ret, as plain text on one line, with " | " between
 * them. Empty if there are none.
 */
void tail_text(const struct tail *tail, char *ret, size_t size_bytes);

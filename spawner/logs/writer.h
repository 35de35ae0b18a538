/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a child writes goes to NAME.log, which never grows beyond a bound. When it is full it becomes
 * NAME.log.1, NAME.log.1 becomes NAME.log.2, and so on; the oldest one is dropped. The bytes are kept as they
 * are. What is added is a newline where a line would run on into something else: before a new life, and where
 * a line is too long for a file. When each line was read, and which life wrote it, stands beside it in
 * NAME.times (stamp.h).
 *
 * Files are turned over between lines, so each begins with a whole one: a file may grow by LOGFILE_LINE_BYTES
 * more to end its last line. A line that is not over by then is cut, and its rest is marked in the stamps.
 *
 * Others may rename, remove or empty the files, or the directory: each write looks first whether the name
 * still means our file.
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
 * Makes the directory, and those above it, where they are missing. 0, or negative errno and fd is -1; each
 * use tries again.
 */
int log_dir_open(struct log_dir *dir, const char *path);
void log_dir_close(struct log_dir *dir);

struct logfile {
	struct log_dir *dir; /* borrowed */
	int fd, stamps_fd;   /* -1: not open; opened when needed */
	uint64_t ino, dev;
	uint64_t size_bytes;
	bool in_line;   /* its last byte is no newline */
	uint8_t stream; /* that wrote last; 0: not known */
	bool no_stamps; /* set by the owner after logfile_init(): only lives are stamped, not lines */
	bool cut;       /* what comes next is the rest of a line that was cut */
	uint64_t stamps_bytes;
	struct stamp last; /* as it was written; kind 0: none since it was opened */
	uint64_t max_bytes;
	uint64_t max_line_bytes;
	unsigned max_old;
	uint64_t n_lost_bytes;   /* ever */
	uint64_t n_untold_bytes; /* of these, not yet said in the stamps */
	int32_t pid;             /* of the life */
	uint32_t life;
	char name[LOGFILE_NAME_MAX];
};

/*
 * The file's name for a child's name: `/` and a leading dot must not mean anything to the file system, so
 * they are written as % and two hexadecimal digits. So are % itself and the first letter of LOGFILE_NODE,
 * which is the name of the node's own log. A name that is too long then is cut, and gets a hash of the whole
 * name so that it stays different from others.
 */
#define LOGFILE_NODE "actor-spawner"
void logfile_name(const char *child, char ret[LOGFILE_NAME_MAX]);

void logfile_init(struct logfile *log, struct log_dir *dir, const char *child);
/* Closes the files. It may be used again. */
void logfile_close(struct logfile *log);
static inline bool logfile_is_open(const struct logfile *log)
{
	return log->fd >= 0;
}

/*
 * Writes what stream (1 stdout, 2 stderr) had, @size_bytes of @data. @pipe_fd -1, or the pipe whose next
 * bytes these are: they are taken out of the pipe in the same step of the kernel's that puts them into the
 * file, so that whoever is killed in between has neither lost nor doubled a byte. They are taken out in any
 * case. 0; negative errno: the rest was lost, and counted. The next write tries anew.
 */
int logfile_write(struct logfile *log, int pipe_fd, uint8_t stream, const void *data, size_t size_bytes);

/*
 * A life begins: log->pid and log->life say which. The log says it once for each @group and @forked_ns. Makes
 * the file.
 */
int logfile_started(struct logfile *log, uint64_t group, uint64_t forked_ns);
/* Notes the end of a life, after its last words; kind STAMP_ENDED or STAMP_FAILED. Said once. */
int logfile_ended(struct logfile *log, uint64_t group, uint64_t forked_ns, enum stamp_kind kind, int code,
	int64_t number);

/* The last bytes of a stream. */
struct tail {
	uint64_t n_bytes; /* ever */
	char bytes[LOGFILE_TAIL_BYTES];
};

void tail_add(struct tail *tail, const void *data, size_t size_bytes);
/*
 * The last whole lines of the tail that fit, as plain text on one line, " | " between them. Empty if there
 * were none.
 */
void tail_text(const struct tail *tail, char *ret, size_t size_bytes);

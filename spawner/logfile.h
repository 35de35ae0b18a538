/*
 * What a child writes goes to a file that never grows beyond a bound: NAME.log, and when that is full, it becomes NAME.log.1, and
 * so on up to a number. The bytes are kept as they are, lines cut where the child cut them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOGFILE_MAX_BYTES (10u << 20)
#define LOGFILE_MAX_OLD   5u
#define LOGFILE_NAME_MAX  256 /* with the NUL */
#define LOGFILE_TAIL_BYTES 4096u

struct logfile {
	int dir_fd; /* borrowed */
	int fd;	    /* -1: opened with the first byte */
	uint64_t size_bytes;
	uint64_t max_bytes;
	unsigned int max_old;
	uint64_t n_dropped_bytes;
	char name[LOGFILE_NAME_MAX];
};

/*
 * The file's name for a child's name: `/` and a leading dot must not mean anything to the file system, so they are written
 * as % and two hexadecimal digits; so is %. What is too long then is cut, and a hash of the whole keeps it apart from others.
 */
void logfile_name(const char *child, char ret[LOGFILE_NAME_MAX]);

void logfile_init(struct logfile *log, int dir_fd, const char *child);
void logfile_deinit(struct logfile *log);
/* 0; negative errno: @size_bytes were dropped and counted. The next write tries anew. */
int logfile_write(struct logfile *log, const void *data, size_t size_bytes);

/* The last bytes of a stream. */
struct tail {
	uint64_t n_bytes; /* ever */
	char bytes[LOGFILE_TAIL_BYTES];
};

void tail_add(struct tail *tail, const void *data, size_t size_bytes);
/* The last whole lines of it that fit, as plain text on one line, " | " between them. Empty if there were none. */
void tail_text(const struct tail *tail, char *ret, size_t size_bytes);

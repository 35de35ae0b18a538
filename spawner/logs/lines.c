/* SPDX-License-Identifier: Apache-2.0 */
#include "spawner/logs/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spawner/logs/files.h"

int log_lines_open(struct log_lines *lines, const char *path)
{
	int r;

	*lines = (struct log_lines){.log = LOG_READER_INIT};
	lines->block = malloc(LOG_LINE_BYTES);
	r = lines->block ? log_reader_open(&lines->log, path) : -ENOMEM;
	if (r) {
		free(lines->block);
		lines->block = NULL;
		return r;
	}
	lines->log.stamped = true;
	if (lines->log.fd >= 0)
		log_stamps_open(&lines->log, lines->log.fd, 0);
	return 0;
}

void log_lines_close(struct log_lines *lines)
{
	log_reader_close(&lines->log);
	free(lines->block);
	lines->block = NULL;
}

/* Goes on with this file, of which @fd is taken over. */
static void lines_go_to(struct log_lines *lines, int fd, off_t offset)
{
	struct log_reader *log = &lines->log;

	if (log->fd >= 0 && log->fd != fd)
		close(log->fd);
	log->fd = fd;
	log->offset = offset;
	lines->begin = lines->end = 0;
	lines->has_next = lines->no_next = lines->over = lines->resumed = false;
	if (fd >= 0)
		log_stamps_open(log, fd, offset);
}

int log_lines_tail(struct log_lines *lines, uint64_t n)
{
	struct log_reader *log = &lines->log;
	off_t begin = 0;
	struct stat st;
	int r;

	if (log->fd < 0)
		return 0;
	if (!n) {
		if (fstat(log->fd, &st))
			return -errno;
		lines_go_to(lines, log->fd, st.st_size);
		return 0;
	}
	r = log_reader_seek_back(log->fd, &n, &begin);
	for (unsigned i = 1; !r && n && i <= LOG_PREDECESSORS_MAX; i++) {
		int fd = log_reader_open_predecessor(log, i);

		if (fd < 0)
			break;
		r = log_reader_seek_back(fd, &n, &begin);
		lines_go_to(lines, fd, begin);
	}
	if (!r)
		lines_go_to(lines, log->fd, begin);
	return r;
}

static int64_t written_us(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000;
}

int log_lines_since(struct log_lines *lines, int64_t time_us)
{
	if (lines->log.fd < 0)
		return 0;
	for (unsigned i = 1; i <= LOG_PREDECESSORS_MAX; i++) {
		int fd = log_reader_open_predecessor(&lines->log, i);
		struct stat st;

		if (fd < 0)
			break;
		if (fstat(fd, &st) || written_us(&st) < time_us) {
			close(fd);
			break;
		}
		lines_go_to(lines, fd, 0);
	}
	return 0;
}

bool log_lines_place(const struct log_lines *lines, uint64_t *ret_ino, off_t *ret_offset)
{
	struct stat st;

	if (lines->log.fd < 0 || fstat(lines->log.fd, &st))
		return false;
	*ret_ino = st.st_ino;
	*ret_offset = lines->log.offset;
	return true;
}

static bool file_is(int fd, uint64_t ino, off_t offset)
{
	struct stat st;

	return !fstat(fd, &st) && st.st_ino == ino && st.st_size >= offset;
}

int log_lines_go_back(struct log_lines *lines, uint64_t ino, off_t offset)
{
	if (lines->log.fd < 0)
		return 0;
	if (file_is(lines->log.fd, ino, offset)) {
		lines_go_to(lines, lines->log.fd, offset);
		return 0;
	}
	for (unsigned i = 1; i <= LOG_PREDECESSORS_MAX; i++) {
		int fd = log_reader_open_predecessor(&lines->log, i);

		if (fd < 0)
			break;
		if (file_is(fd, ino, offset)) {
			lines_go_to(lines, fd, offset);
			return 0;
		}
		close(fd);
	}
	return 0;
}

/* ---- the stamps ---- */

/* The stamp that follows. It is looked for anew only when bytes or the end of the file have been read. */
static const struct stamp *stamp_peek(struct log_lines *lines)
{
	const struct log_reader_stamps *stamps = &lines->log.stamps;

	if (!lines->has_next && !lines->no_next && stamps->fd >= 0) {
		lines->has_next = stamp_read(stamps->fd, stamps->at, &lines->next);
		lines->no_next = !lines->has_next;
	}
	return lines->has_next ? &lines->next : NULL;
}

static void stamp_take(struct log_lines *lines)
{
	lines->log.stamps.seen = lines->next;
	lines->log.stamps.at += (off_t)sizeof(lines->next);
	lines->has_next = false;
}

static void event_give(struct log_lines *lines, const struct stamp *stamp, struct log_line *ret)
{
	lines->pid = stamp->pid;
	lines->life = stamp->life;
	*ret = (struct log_line){.kind = (enum stamp_kind)stamp->kind,
		.time_us = stamp->time_us,
		.number = stamp->number,
		.code = stamp->code,
		.pid = stamp->pid,
		.life = stamp->life};
}

/* Gives the event that belongs before the next byte, if there is one. */
static bool event_next(struct log_lines *lines, struct log_line *ret)
{
	struct log_reader_stamps *stamps = &lines->log.stamps;
	const struct stamp *stamp;

	while ((stamp = stamp_peek(lines)) && (off_t)stamp->offset <= lines->log.offset) {
		stamp_take(lines);
		if (stamp_is_of_lines(&stamps->seen)) {
			stamps->current = stamps->seen;
			continue;
		}
		if (stamps->seen.kind == STAMP_STARTED)
			stamps->current.kind = 0; /* the lines of the new life may have no stamps */
		event_give(lines, &stamps->seen, ret);
		return true;
	}
	return false;
}

/*
 * While a disk is full, what is lost is counted in the last record, which grows, or which takes the place of
 * one about lines that could not be written (writer.c).
 */
static bool event_grown(struct log_lines *lines, struct log_line *ret)
{
	struct log_reader_stamps *stamps = &lines->log.stamps;
	struct stamp stamp, more;

	if (stamps->fd < 0 || !stamps->seen.kind ||
		!stamp_read(stamps->fd, stamps->at - (off_t)sizeof(stamp), &stamp) ||
		stamp.kind != STAMP_LOST)
		return false;
	if (stamps->seen.kind != STAMP_LOST) {
		stamps->at -= (off_t)sizeof(stamp);
		stamps->seen.kind = 0;
		lines->has_next = lines->no_next = false;
		return event_next(lines, ret);
	}
	more = stamp;
	more.number -= stamps->seen.number;
	stamps->seen = stamp;
	if (more.number <= 0)
		return false;
	event_give(lines, &more, ret);
	return true;
}

/* ---- the bytes ---- */

/*
 * Reads on unless a whole line is in the block. 1: bytes were read, or need not be; 0: this is the end of the
 * file at present; -errno.
 */
static int block_fill(struct log_lines *lines)
{
	struct log_reader *log = &lines->log;
	size_t n_bytes = lines->end - lines->begin;
	struct stat st;
	ssize_t n;

	if (n_bytes == LOG_LINE_BYTES || memchr(lines->block + lines->begin, '\n', n_bytes))
		return 1;
	memmove(lines->block, lines->block + lines->begin, n_bytes);
	lines->begin = 0;
	lines->end = n_bytes;
	n = pread(log->fd, lines->block + n_bytes, LOG_LINE_BYTES - n_bytes, log->offset + (off_t)n_bytes);
	if (n < 0)
		return -errno;
	lines->end += (size_t)n;
	lines->has_next = lines->no_next = false; /* stamps are written before their bytes */
	if (!n && !fstat(log->fd, &st) && st.st_size < log->offset + (off_t)n_bytes) {
		lines_go_to(lines, log->fd, 0); /* it was emptied, and starts over */
		return 1;
	}
	if (log->stamps.fd < 0)
		log_stamps_open(log, log->fd, log->offset);
	return n > 0;
}

/*
 * How many of the next @n bytes, which are of one line, are before an event or before bytes of the other
 * stream. *ret_event: an event ends them.
 */
static size_t line_part(struct log_lines *lines, size_t n, bool whole, bool *ret_event)
{
	off_t begin = lines->log.offset, end = begin + (off_t)n;
	const struct stamp *stamp;

	*ret_event = false;
	while ((stamp = stamp_peek(lines)) && (off_t)stamp->offset <= end) {
		bool event = !stamp_is_of_lines(stamp);

		if ((off_t)stamp->offset == end && (whole || !event))
			break;
		if (event || stamp->stream != lines->log.stamps.current.stream) {
			*ret_event = event;
			return (size_t)((off_t)stamp->offset - begin);
		}
		stamp_take(lines);
	}
	return n;
}

/* Skips the newline that the writer has added to a line that an event has ended here already. */
static void line_resume(struct log_lines *lines)
{
	if (!lines->resumed || lines->begin == lines->end)
		return;
	lines->resumed = false;
	if (lines->block[lines->begin] != '\n')
		return;
	lines->begin++;
	lines->log.offset++;
}

/* Gives the next line, if it has ended or need not end (@all). */
static bool line_next(struct log_lines *lines, bool all, struct log_line *ret)
{
	struct stamp *current = &lines->log.stamps.current;
	const char *bytes = lines->block + lines->begin, *newline;
	size_t room = lines->end - lines->begin, n, part;
	bool event;

	newline = memchr(bytes, '\n', room);
	n = newline ? (size_t)(newline - bytes) + 1 : room;
	part = line_part(lines, n, newline != NULL, &event);
	if (!n || (part == n && !newline && !event && !all && n < LOG_LINE_BYTES))
		return false;
	if (part < n)
		newline = NULL;
	*ret = (struct log_line){.kind = STAMP_LINES,
		.pid = lines->pid,
		.life = lines->life,
		.bytes = bytes,
		.n_bytes = part - (newline != NULL),
		.open = !newline};
	if (current->kind) {
		ret->kind = (enum stamp_kind)current->kind;
		ret->time_us = current->time_us;
		ret->pid = current->pid;
		ret->life = current->life;
		ret->stream = current->stream;
		current->kind = STAMP_LINES;
	}
	lines->begin += part;
	lines->log.offset += (off_t)part;
	lines->resumed = event;
	return true;
}

/* ---- the files ---- */

/* Opens the log's file if it is not open. 1; 0: it is not there; -errno. */
static int file_ready(struct log_lines *lines)
{
	int fd;

	if (lines->log.fd >= 0)
		return 1;
	fd = log_file_open(lines->log.path);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	lines_go_to(lines, fd, 0);
	return 1;
}

/* Whether the log's name means another file than @ret_ours, the one that is open. 1, 0 or -errno. */
static int file_is_old(const struct log_lines *lines, struct stat *ret_ours)
{
	struct stat named;

	if (fstat(lines->log.fd, ret_ours))
		return -errno;
	if (stat(lines->log.path, &named))
		return errno == ENOENT ? 0 : -errno; /* the writer is between two renames */
	return named.st_ino != ret_ours->st_ino || named.st_dev != ret_ours->st_dev;
}

int log_lines_next(struct log_lines *lines, bool all, struct log_line *ret)
{
	struct stat ours;
	int r = file_ready(lines), fd;

	while (r > 0) {
		int more = block_fill(lines);

		if (more < 0)
			return more;
		line_resume(lines);
		if (event_next(lines, ret) || line_next(lines, all || lines->over, ret) ||
			(!more && event_grown(lines, ret)))
			return 1;
		if (more)
			continue;
		if (!lines->over) {
			/* what was written between the last read and the rename is read first */
			r = file_is_old(lines, &ours);
			lines->over = r > 0;
			continue;
		}
		if (fstat(lines->log.fd, &ours))
			return -errno;
		fd = log_reader_open_successor(&lines->log, &ours);
		if (fd < 0)
			return fd == -ENOENT ? 0 : fd;
		lines_go_to(lines, fd, 0);
	}
	return r;
}

/* Whether the open file is the log's present one, or one of its @keep youngest predecessors. */
static bool file_is_kept(const struct log_lines *lines, const struct stat *ours, unsigned keep)
{
	for (unsigned i = 1; i <= keep; i++) {
		int fd = log_reader_open_predecessor(&lines->log, i);
		bool found = fd >= 0 && file_is(fd, ours->st_ino, 0);

		if (fd >= 0)
			close(fd);
		if (found)
			return true;
	}
	return false;
}

uint64_t log_lines_drop_old(struct log_lines *lines, unsigned keep)
{
	uint64_t n_bytes = 0;
	struct stat ours;

	while (lines->log.fd >= 0 && file_is_old(lines, &ours) > 0 && !file_is_kept(lines, &ours, keep)) {
		int fd = log_reader_open_successor(&lines->log, &ours);

		if (fd < 0)
			break;
		n_bytes += (uint64_t)(ours.st_size - lines->log.offset);
		lines_go_to(lines, fd, 0);
	}
	return n_bytes;
}

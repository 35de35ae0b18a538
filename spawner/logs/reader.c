/* SPDX-License-Identifier: Apache-2.0 */
#include "spawner/logs/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "spawner/logs/files.h"

#define BLOCK_BYTES 65536

/* ---- the stamps ---- */

static void put_time(const struct stamp *stamp, FILE *to)
{
	time_t seconds = (time_t)(stamp->time_us / 1000000);
	char text[32] = "";
	struct tm tm;

	if (localtime_r(&seconds, &tm))
		strftime(text, sizeof(text), "%F %T", &tm);
	fprintf(to, "%s.%03d #%u ", text, (int)(stamp->time_us / 1000 % 1000), stamp->life);
}

static void put_event(struct log_reader_stamps *stamps, const struct stamp *stamp, FILE *to)
{
	char text[STAMP_EVENT_SIZE];

	if (stamps->in_line) {
		fputc('\n', to);
		stamps->in_line = false;
		stamps->newline_shown = true;
	}
	put_time(stamp, to);
	fprintf(to, "--- %s\n", stamp_event_text(stamp, text));
}

/* Shows the events that belong before the byte at @offset. */
static void stamps_advance(struct log_reader_stamps *stamps, off_t offset, FILE *to)
{
	struct stamp stamp;

	while (stamps->fd >= 0 && stamp_read(stamps->fd, stamps->at, &stamp) &&
		(off_t)stamp.offset <= offset) {
		stamps->at += (off_t)sizeof(stamp);
		stamps->seen = stamp;
		if (stamp_is_of_lines(&stamp)) {
			stamps->current = stamp;
			continue;
		}
		if (stamp.kind == STAMP_STARTED)
			/* the old stamp ends here, since the lines of the new life may have no stamps */
			stamps->current.kind = 0;
		put_event(stamps, &stamp, to);
	}
}

/*
 * While a disk is full, what is lost is counted in the last record, which grows. It takes the place of one
 * about lines that could not be written.
 */
static void stamps_look_again(struct log_reader_stamps *stamps, FILE *to)
{
	struct stamp stamp, more;

	if (stamps->fd < 0 || !stamps->seen.kind ||
		!stamp_read(stamps->fd, stamps->at - (off_t)sizeof(stamp), &stamp) ||
		stamp.kind != STAMP_LOST)
		return;
	if (stamps->seen.kind != STAMP_LOST) {
		stamps->at -= (off_t)sizeof(stamp);
		stamps->seen.kind = 0;
		return;
	}
	more = stamp;
	more.number -= stamps->seen.number;
	stamps->seen = stamp;
	if (more.number > 0)
		put_event(stamps, &more, to);
}

/* How many of the next @size bytes are of the same stream as the line so far. All of them are of one line. */
static size_t stamps_piece(struct log_reader_stamps *stamps, off_t offset, size_t size)
{
	struct stamp stamp;

	while (stamps->fd >= 0 && stamp_read(stamps->fd, stamps->at, &stamp) && stamp_is_of_lines(&stamp) &&
		(off_t)stamp.offset < offset + (off_t)size) {
		if (stamp.stream != stamps->current.stream)
			return (off_t)stamp.offset > offset ? (size_t)((off_t)stamp.offset - offset) : 0;
		stamps->at += (off_t)sizeof(stamp);
		stamps->seen = stamp;
	}
	return size;
}

static void put_stamped(
	struct log_reader_stamps *stamps, off_t offset, const char *data, size_t size, FILE *to)
{
	while (size) {
		const char *newline = memchr(data, '\n', size);
		size_t n = newline ? (size_t)(newline - data) + 1 : size;

		if (stamps->newline_shown && *data == '\n') {
			n = 1;
		} else {
			if (stamps->in_line && !stamps_piece(stamps, offset, n)) {
				fputc('\n', to);
				stamps->in_line = false;
			}
			if (!stamps->in_line) {
				stamps_advance(stamps, offset, to);
				if (stamps->current.kind) {
					put_time(&stamps->current, to);
					fputs(stamps->current.kind == STAMP_CUT ? "+ "
						: stamps->current.stream == 2   ? "! "
										: "| ",
						to);
					stamps->current.kind = STAMP_LINES;
				}
			}
			n = stamps_piece(stamps, offset, n);
			fwrite(data, 1, n, to);
			stamps->in_line = data[n - 1] != '\n';
		}
		stamps->newline_shown = false;
		data += n;
		offset += (off_t)n;
		size -= n;
	}
}

/* Copies the file from *at to its present end. Advances *at. */
static int log_reader_copy(struct log_reader *log, int fd, off_t *at, FILE *to)
{
	char *block = malloc(BLOCK_BYTES);
	ssize_t n;
	int r = 0;

	if (!block)
		return -ENOMEM;
	if (log->stamped)
		stamps_look_again(&log->stamps, to);
	while ((n = pread(fd, block, BLOCK_BYTES, *at)) > 0) {
		if (log->stamped)
			put_stamped(&log->stamps, *at, block, (size_t)n, to);
		else
			fwrite(block, 1, (size_t)n, to);
		*at += n;
		if (ferror(to)) {
			r = errno ? -errno : -EIO;
			break;
		}
	}
	if (n < 0)
		r = -errno;
	else if (!r && log->stamped)
		stamps_advance(&log->stamps, *at, to);
	free(block);
	return r;
}

/* ---- the lines ---- */

int log_reader_tail(struct log_reader *log, uint64_t n, FILE *to)
{
	int older[LOG_PREDECESSORS_MAX];
	unsigned n_older = 0;
	uint64_t wanted = n;
	off_t begin = 0;
	int r = 0;

	if (!n || log->fd < 0) {
		if (log->fd >= 0) {
			log->offset = lseek(log->fd, 0, SEEK_END);
			log_stamps_open(log, log->fd, log->offset);
		}
		return 0;
	}
	r = log_reader_seek_back(log->fd, &wanted, &begin);
	/*
	 * The predecessors are opened now and stay open, so that a rotation while lines are printed takes
	 * nothing away. The writer rotates between lines, so each file begins with a whole line, or with the
	 * rest of a line that was too long for a file.
	 */
	while (!r && wanted && n_older < LOG_PREDECESSORS_MAX) {
		int fd = log_reader_open_predecessor(log, n_older + 1);

		if (fd < 0)
			break;
		older[n_older++] = fd;
		r = log_reader_seek_back(fd, &wanted, &begin);
	}
	for (unsigned i = n_older; i > 0; i--) {
		log_stamps_open(log, older[i - 1], begin);
		if (!r)
			r = log_reader_copy(log, older[i - 1], &begin, to);
		begin = 0;
		close(older[i - 1]);
	}
	log_stamps_open(log, log->fd, begin);
	if (!r)
		r = log_reader_copy(log, log->fd, &begin, to);
	log->offset = begin;
	return r;
}

int log_reader_catch_up(struct log_reader *log, FILE *to)
{
	for (;;) {
		struct stat ours = {0}, named;
		int fd, r;

		if (log->fd >= 0) {
			if (fstat(log->fd, &ours))
				return -errno;
			if (ours.st_size < log->offset) {
				log->offset = 0; /* the file was truncated, and starts over */
				log_stamps_open(log, log->fd, 0);
			} else if (log->stamps.fd < 0) {
				log_stamps_open(log, log->fd, log->offset);
			}
			r = log_reader_copy(log, log->fd, &log->offset, to);
			if (r)
				return r;
			if (stat(log->path, &named))
				return errno == ENOENT ? 0 : -errno; /* the writer is between two renames */
			if (named.st_ino == ours.st_ino && named.st_dev == ours.st_dev)
				return 0;
			/* The bytes that were written between the last read and the rename. */
			r = log_reader_copy(log, log->fd, &log->offset, to);
			if (r || fstat(log->fd, &ours))
				return r ? r : -errno;
			fd = log_reader_open_successor(log, &ours);
		} else {
			fd = log_file_open(log->path);
		}
		if (fd < 0)
			return fd == -ENOENT ? 0 : fd;
		if (log->fd >= 0)
			close(log->fd);
		log->fd = fd;
		log->offset = 0;
		log_stamps_open(log, fd, 0);
	}
}

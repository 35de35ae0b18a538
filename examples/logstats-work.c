/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cuts the file into batches, and finds the lines that kill a parser
 *
 * Lines are sent in batches of some 64 KiB. Each parser has two batches, so that it never waits. When a
 * parser dies, all batches that it has not answered are suspects, also the first one: its answer may have
 * been lost on the way. So:
 *
 *   1. a suspect is tried again in about as many pieces as each piece has lines, and the piece that kills is
 *      tried line by line: for 400 lines this needs some 40 messages and two more crashes;
 *   2. a piece is sent to a parser that has nothing else, and that gets nothing else until it has answered;
 *   3. if a parser dies that had only one line, that line has killed it: the number of the line is noted, and
 *      the line is not tried again.
 *
 * Every batch is answered with one message. It is counted when that message comes, and not otherwise, so no
 * line is lost or counted twice. If a parser was ended from outside (for instance by kill -9), its lines are
 * not to blame: they are tried again, three times at most.
 *
 * Suspects nearest to the beginning of the file are tried first, so that a file of another kind is recognized
 * soon: more than half of its first 1,000 lines kill.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "logstats.h"

#define BATCH_BYTES    (64 << 10)
#define LINE_BYTES_MAX (1 << 20)
#define LINES_FEW      32 /* a batch of so few lines is tried line by line */
#define DEATHS_MAX     3
#define SAMPLE_LINES   1000 /* the first lines, by which the kind of the file is judged */

/* ---- batches ---- */

static struct batch *batch_new(size_t size_bytes)
{
	struct batch *batch = calloc(1, sizeof(*batch));

	if (batch)
		batch->memory = batch->text = malloc(size_bytes ? size_bytes : 1);
	if (!batch || !batch->memory) {
		free(batch);
		return NULL;
	}
	batch->size_bytes = size_bytes;
	return batch;
}

void batch_free(struct batch *batch)
{
	if (batch)
		free(batch->memory);
	free(batch);
}

static uint32_t lines_count(const char *text, size_t size_bytes)
{
	const char *end = text + size_bytes;
	uint32_t n = 0;

	while (text < end) {
		text = (const char *)memchr(text, '\n', (size_t)(end - text)) + 1;
		n++;
	}
	return n;
}

/* ---- reading ---- */

int work_init(struct work *work, const char *path)
{
	struct stat st;

	*work = (struct work){.path = path, .fd = open(path, O_RDONLY | O_CLOEXEC)};
	if (work->fd < 0)
		return -errno;
	if (fstat(work->fd, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return -EISDIR;
		work->size_bytes = (uint64_t)st.st_size;
	}
	return 0;
}

void work_deinit(struct work *work)
{
	struct batch *batch;

	while ((batch = work->suspects)) {
		work->suspects = batch->next;
		batch_free(batch);
	}
	if (work->fd >= 0)
		close(work->fd);
	free(work->rest);
	free(work->bad_lines);
	*work = (struct work){.fd = -1};
}

static int work_fail(struct work *work, int error)
{
	snprintf(work->error, sizeof(work->error), "cannot read %s: %s", work->path, strerror(error));
	return -error;
}

/* Reads until @text has @capacity bytes or the file ends. Returns the number of bytes in @text. */
static ssize_t work_fill(struct work *work, char *text, size_t size_bytes, size_t capacity)
{
	while (size_bytes < capacity) {
		ssize_t n = read(work->fd, text + size_bytes, capacity - size_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return work_fail(work, errno);
		if (n == 0) {
			work->at_end = true;
			break;
		}
		size_bytes += (size_t)n;
		work->read_bytes += (uint64_t)n;
	}
	return (ssize_t)size_bytes;
}

/* Leaves only whole lines in @text. The bytes after the last newline are kept for the next batch. */
static int work_cut(struct work *work, char *text, size_t *size_bytes)
{
	const char *newline = memrchr(text, '\n', *size_bytes);
	size_t whole = newline ? (size_t)(newline - text) + 1 : 0;

	if (work->at_end) {
		if (whole < *size_bytes)
			text[(*size_bytes)++] = '\n'; /* the last line of the file had no newline */
		return 0;
	}
	if (!whole)
		return -EAGAIN;
	work->rest_bytes = *size_bytes - whole;
	work->rest = malloc(work->rest_bytes + 1);
	if (!work->rest)
		return work_fail(work, ENOMEM);
	memcpy(work->rest, text + whole, work->rest_bytes);
	*size_bytes = whole;
	return 0;
}

static int work_read(struct work *work, struct batch **ret)
{
	size_t capacity = BATCH_BYTES, size_bytes = work->rest_bytes;
	struct batch *batch = NULL;
	char *text = work->rest; /* owned by this function until a batch takes it */
	ssize_t n;
	int r;

	work->rest = NULL;
	work->rest_bytes = 0;
	while (capacity <= size_bytes)
		capacity *= 2;
	do {
		char *bigger = realloc(text, capacity + 1); /* one byte more, for a last newline */

		r = bigger ? 0 : work_fail(work, ENOMEM);
		if (r < 0)
			goto out;
		text = bigger;
		n = work_fill(work, text, size_bytes, capacity);
		r = n < 0 ? (int)n : 0;
		if (r < 0)
			goto out;
		size_bytes = (size_t)n;
		r = work_cut(work, text, &size_bytes);
		capacity *= 2; /* if the line is longer than a batch */
	} while (r == -EAGAIN && capacity <= LINE_BYTES_MAX);
	if (r == -EAGAIN) {
		snprintf(work->error, sizeof(work->error),
			"%s: line %llu is longer than %d bytes; is it an access log?", work->path,
			(unsigned long long)work->n_lines + 1, LINE_BYTES_MAX);
		r = -EFBIG;
	}
	if (r == 0 && !size_bytes)
		r = -EAGAIN; /* the end of the file */
	else if (r == 0 && !(batch = batch_new(0)))
		r = work_fail(work, ENOMEM);
	if (r < 0)
		goto out;
	free(batch->memory);
	batch->memory = batch->text = text;
	batch->size_bytes = size_bytes;
	batch->n_lines = lines_count(text, size_bytes);
	batch->first_line = work->n_lines + 1;
	work->n_lines += batch->n_lines;
	*ret = batch;
	return 0;
out:
	free(text);
	return r;
}

/* ---- suspects ---- */

/* About the square root of the number of lines. */
static uint32_t pieces_of(const struct batch *batch)
{
	uint32_t n = 1;

	if (batch->n_lines <= LINES_FEW)
		return batch->n_lines;
	while (n < batch->n_lines / n)
		n++;
	return n;
}

static void work_suspect(struct work *work, struct batch *batch, uint32_t n_pieces)
{
	struct batch **link = &work->suspects;

	batch->alone = true;
	batch->n_pieces = n_pieces;
	while (*link && (*link)->first_line < batch->first_line)
		link = &(*link)->next;
	batch->next = *link;
	*link = batch;
}

static int work_take_piece(struct work *work, struct batch **ret)
{
	struct batch *whole = work->suspects, *piece;
	uint32_t n_lines = (whole->n_lines + whole->n_pieces - 1) / whole->n_pieces;
	char *end = whole->text;

	if (n_lines >= whole->n_lines) {
		work->suspects = whole->next;
		*ret = whole;
		return 0;
	}
	for (uint32_t i = 0; i < n_lines; i++)
		end = (char *)memchr(end, '\n', whole->size_bytes) + 1;
	piece = batch_new((size_t)(end - whole->text));
	if (!piece)
		return work_fail(work, ENOMEM);
	memcpy(piece->text, whole->text, piece->size_bytes);
	piece->first_line = whole->first_line;
	piece->n_lines = n_lines;
	piece->alone = true;
	whole->text = end;
	whole->size_bytes -= piece->size_bytes;
	whole->first_line += n_lines;
	whole->n_lines -= n_lines;
	whole->n_pieces--;
	*ret = piece;
	return 0;
}

static int work_set_aside(struct work *work, struct batch *line)
{
	uint64_t *more = realloc(work->bad_lines, (work->n_bad_lines + 1) * sizeof(*more));

	if (!more)
		return work_fail(work, ENOMEM);
	work->bad_lines = more;
	work->bad_lines[work->n_bad_lines++] = line->first_line;
	/*
	 * The line that kills was found, so the lines after it are most likely good, and are tried in one
	 * piece.
	 */
	for (struct batch *suspect = work->suspects; suspect; suspect = suspect->next)
		if (suspect->first_line == line->first_line + 1)
			suspect->n_pieces = 1;
	work->n_bad_sample += line->first_line <= SAMPLE_LINES;
	batch_free(line);
	if (work->n_bad_sample <= SAMPLE_LINES / 2)
		return 0;
	snprintf(work->error, sizeof(work->error),
		"%s is not an access log in the common or combined format: more than half of its first %d lines are bad",
		work->path, SAMPLE_LINES);
	return -EBADMSG;
}

/* ---- for the collector ---- */

int work_take(struct work *work, struct batch *const *has, unsigned n_has, struct batch **ret)
{
	struct batch *batch;
	int r = -EAGAIN;

	if (n_has && has[0]->alone)
		return r;
	if (!n_has && work->suspects)
		r = work_take_piece(work, &batch);
	else if (n_has < WORK_IN_FLIGHT_MAX && !work->at_end)
		r = work_read(work, &batch);
	if (r < 0)
		return r;
	batch->next = NULL;
	batch->id = ++work->last_id;
	*ret = batch;
	return 0;
}

int work_return(struct work *work, struct batch **batches, unsigned n, bool crashed)
{
	int r = 0;

	for (unsigned i = n; i-- > 0;) {
		struct batch *batch = batches[i];

		if (!crashed)
			batch->n_deaths++;
		if (!crashed && batch->n_deaths < DEATHS_MAX)
			work_suspect(work, batch, 1);
		else if (n > 1 || batch->n_lines > 1)
			work_suspect(work, batch, pieces_of(batch));
		else
			r = work_set_aside(work, batch);
	}
	return r;
}

bool work_is_done(const struct work *work, unsigned n_outstanding)
{
	return work->at_end && !work->suspects && !n_outstanding;
}

static int number_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

void work_sort_bad_lines(struct work *work)
{
	if (work->n_bad_lines)
		qsort(work->bad_lines, work->n_bad_lines, sizeof(*work->bad_lines), number_compare);
}

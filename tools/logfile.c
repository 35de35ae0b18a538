#include "logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREDECESSORS_MAX 99
#define BLOCK_BYTES      65536

int logfile_open(struct logfile *log, const char *path)
{
	*log = (struct logfile)LOGFILE_INIT;
	log->path = strdup(path);
	if (!log->path)
		return -ENOMEM;
	log->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (log->fd < 0 && errno != ENOENT) {
		int r = -errno;

		logfile_close(log);
		return r;
	}
	return 0;
}

void logfile_close(struct logfile *log)
{
	if (log->fd >= 0)
		close(log->fd);
	free(log->path);
	*log = (struct logfile)LOGFILE_INIT;
}

static int logfile_open_predecessor(const struct logfile *log, unsigned n)
{
	char *path;
	int fd;

	if (asprintf(&path, "%s.%u", log->path, n) < 0)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	fd = fd < 0 ? -errno : fd;
	free(path);
	return fd;
}

/* From @from to the end of the file as it is now. Advances *at. */
static int logfile_copy(int fd, off_t *at, FILE *to)
{
	char *block = malloc(BLOCK_BYTES);
	ssize_t n;
	int r = 0;

	if (!block)
		return -ENOMEM;
	while ((n = pread(fd, block, BLOCK_BYTES, *at)) > 0) {
		*at += n;
		if (fwrite(block, 1, (size_t)n, to) != (size_t)n) {
			r = errno ? -errno : -EIO;
			break;
		}
	}
	if (n < 0)
		r = -errno;
	free(block);
	return r;
}

/*
 * Goes back from the end until *n lines lie behind: *ret is where they begin, *n how many more are wanted
 * from the file before. A newline at the very end ends a line and begins none.
 */
static int logfile_seek_back(int fd, uint64_t *n, off_t *ret)
{
	char *block = malloc(BLOCK_BYTES);
	struct stat st;
	off_t at;
	int r = 0;

	if (!block)
		return -ENOMEM;
	if (fstat(fd, &st)) {
		r = -errno;
		goto out;
	}
	at = st.st_size;
	while (at > 0) {
		size_t want = at < BLOCK_BYTES ? (size_t)at : BLOCK_BYTES;
		ssize_t got = pread(fd, block, want, at - (off_t)want);

		if (got != (ssize_t)want) {
			r = got < 0 ? -errno : 0; /* truncated meanwhile: begin at its new beginning */
			at = 0;
			break;
		}
		for (size_t i = want; i > 0; i--) {
			off_t here = at - (off_t)want + (off_t)i; /* just behind this byte */

			if (block[i - 1] != '\n')
				continue;
			if (here == st.st_size)
				continue;
			if (--*n == 0) {
				*ret = here;
				goto out;
			}
		}
		at -= (off_t)want;
	}
	if (st.st_size > 0)
		--*n; /* the file's first line, which no newline of this file announces */
	*ret = 0;
out:
	free(block);
	return r;
}

int logfile_tail(struct logfile *log, uint64_t n, FILE *to)
{
	int older[PREDECESSORS_MAX];
	unsigned n_older = 0;
	uint64_t wanted = n;
	off_t begin = 0;
	int r = 0;

	if (!n || log->fd < 0) {
		if (log->fd >= 0)
			log->offset = lseek(log->fd, 0, SEEK_END);
		return 0;
	}
	r = logfile_seek_back(log->fd, &wanted, &begin);
	/*
	 * Predecessors are kept open from here on: a rotation while we print renames them and takes nothing
	 * away. The writer rotates between lines, so each file begins with a whole line.
	 */
	while (!r && wanted && n_older < PREDECESSORS_MAX) {
		int fd = logfile_open_predecessor(log, n_older + 1);

		if (fd < 0)
			break;
		older[n_older++] = fd;
		r = logfile_seek_back(fd, &wanted, &begin);
	}
	for (unsigned i = n_older; i > 0; i--) {
		if (!r)
			r = logfile_copy(older[i - 1], &begin, to);
		begin = 0;
		close(older[i - 1]);
	}
	if (!r)
		r = logfile_copy(log->fd, &begin, to);
	log->offset = begin;
	return r;
}

static bool logfile_is_older(const struct stat *a, const struct stat *b)
{
	if (a->st_mtim.tv_sec != b->st_mtim.tv_sec)
		return a->st_mtim.tv_sec < b->st_mtim.tv_sec;
	return a->st_mtim.tv_nsec < b->st_mtim.tv_nsec;
}

/*
 * The file that came after ours: FILE, or a FILE.n when there were several rotations meanwhile. An fd or
 * -errno.
 */
static int logfile_open_successor(const struct logfile *log, const struct stat *ours)
{
	int newer = open(log->path, O_RDONLY | O_CLOEXEC);

	if (newer < 0)
		return -errno;
	for (unsigned n = 1; n <= PREDECESSORS_MAX; n++) {
		int fd = logfile_open_predecessor(log, n);
		struct stat st;

		if (fd < 0)
			break;
		if (fstat(fd, &st) || (st.st_ino == ours->st_ino && st.st_dev == ours->st_dev) ||
			logfile_is_older(&st, ours)) {
			close(fd);
			break;
		}
		close(newer);
		newer = fd;
	}
	return newer;
}

int logfile_catch_up(struct logfile *log, FILE *to)
{
	for (;;) {
		struct stat ours = {0}, named;
		int fd, r;

		if (log->fd >= 0) {
			if (fstat(log->fd, &ours))
				return -errno;
			if (ours.st_size < log->offset)
				log->offset = 0; /* truncated: it starts over */
			r = logfile_copy(log->fd, &log->offset, to);
			if (r)
				return r;
			if (stat(log->path, &named))
				return errno == ENOENT ? 0 : -errno; /* between two renames */
			if (named.st_ino == ours.st_ino && named.st_dev == ours.st_dev)
				return 0;
			/* What came between the last read and the rename. */
			r = logfile_copy(log->fd, &log->offset, to);
			if (r || fstat(log->fd, &ours))
				return r ? r : -errno;
			fd = logfile_open_successor(log, &ours);
		} else {
			fd = open(log->path, O_RDONLY | O_CLOEXEC);
			if (fd < 0)
				fd = -errno;
		}
		if (fd < 0)
			return fd == -ENOENT ? 0 : fd;
		if (log->fd >= 0)
			close(log->fd);
		log->fd = fd;
		log->offset = 0;
	}
}

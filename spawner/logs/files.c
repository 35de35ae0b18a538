/* SPDX-License-Identifier: Apache-2.0 */
#include "spawner/logs/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES 65536

int log_file_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
}

int log_reader_open(struct log_reader *log, const char *path)
{
	int fd;

	*log = (struct log_reader)LOG_READER_INIT;
	log->path = strdup(path);
	if (!log->path)
		return -ENOMEM;
	fd = log_file_open(path);
	if (fd < 0 && fd != -ENOENT) {
		log_reader_close(log);
		return fd;
	}
	log->fd = fd < 0 ? -1 : fd;
	return 0;
}

void log_reader_close(struct log_reader *log)
{
	if (log->stamps.fd >= 0)
		close(log->stamps.fd);
	if (log->fd >= 0)
		close(log->fd);
	free(log->path);
	*log = (struct log_reader)LOG_READER_INIT;
}

int log_reader_open_predecessor(const struct log_reader *log, unsigned n)
{
	char *path;
	int fd;

	if (asprintf(&path, "%s.%u", log->path, n) < 0)
		return -ENOMEM;
	fd = log_file_open(path);
	free(path);
	return fd;
}

/* ---- the stamps ---- */

bool stamp_read(int fd, off_t at, struct stamp *ret)
{
	return pread(fd, ret, sizeof(*ret), at) == sizeof(*ret);
}

bool stamp_is_of_lines(const struct stamp *stamp)
{
	return stamp->kind == STAMP_LINES || stamp->kind == STAMP_CUT;
}

/* Opens the stamps of the log with this inode. By now the log may have been renamed to any number. */
static int stamps_find(const struct log_reader *log, uint64_t ino)
{
	char *copy = strdup(log->path), *slash = copy ? strrchr(copy, '/') : NULL, name[256];
	int fd = -1, dir_fd = -1;

	if (slash) {
		*slash = '\0';
		dir_fd = open(slash == copy ? "/" : copy, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	for (unsigned n = 0; dir_fd >= 0 && fd < 0 && n <= LOG_PREDECESSORS_MAX; n++) {
		struct stamp_header header;

		stamp_file_name(name, sizeof(name), slash + 1, n);
		fd = *name ? openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
		if (fd < 0 && n)
			break;
		if (fd >= 0 && (pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
				       !stamp_header_is_right(&header, ino))) {
			close(fd);
			fd = -1;
		}
	}
	if (dir_fd >= 0)
		close(dir_fd);
	free(copy);
	return fd;
}

/* Goes to the first record whose offset in the log is not before @offset. */
static void stamps_seek(struct log_reader_stamps *stamps, off_t offset)
{
	off_t low = 0, high;
	struct stat st;
	struct stamp stamp;

	stamps->at = sizeof(struct stamp_header);
	stamps->current.kind = 0;
	if (fstat(stamps->fd, &st) || st.st_size < stamps->at)
		return;
	high = (st.st_size - stamps->at) / (off_t)sizeof(stamp);
	while (low < high) {
		off_t middle = low + (high - low) / 2;

		if (!stamp_read(stamps->fd, stamps->at + middle * (off_t)sizeof(stamp), &stamp))
			return;
		if ((off_t)stamp.offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	stamps->at += low * (off_t)sizeof(stamp);
	if (!low || !stamp_read(stamps->fd, stamps->at - (off_t)sizeof(stamp), &stamps->seen))
		stamps->seen.kind = 0;
	for (off_t at = stamps->at;
		at > (off_t)sizeof(struct stamp_header) && !stamp_is_of_lines(&stamps->current);) {
		at -= (off_t)sizeof(stamp);
		if (!stamp_read(stamps->fd, at, &stamps->current) || stamps->current.kind == STAMP_STARTED)
			break;
	}
	stamps->current.kind = stamp_is_of_lines(&stamps->current) ? STAMP_LINES : 0;
}

void log_stamps_open(struct log_reader *log, int fd, off_t offset)
{
	struct stat st;

	if (!log->stamped)
		return;
	if (log->stamps.fd >= 0)
		close(log->stamps.fd);
	log->stamps.fd = fstat(fd, &st) ? -1 : stamps_find(log, st.st_ino);
	log->stamps.current.kind = 0;
	if (log->stamps.fd >= 0)
		stamps_seek(&log->stamps, offset);
}

/* ---- the lines ---- */

int log_reader_seek_back(int fd, uint64_t *n, off_t *ret)
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
			/* the file was truncated meanwhile: begin at its beginning */
			r = got < 0 ? -errno : 0;
			break;
		}
		for (size_t i = want; i > 0; i--) {
			off_t here = at - (off_t)want + (off_t)i; /* the offset just behind this byte */

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
		--*n; /* the first line of the file, before which there is no newline */
	*ret = 0;
out:
	free(block);
	return r;
}

/* ---- rotation ---- */

static bool log_reader_is_older(const struct stat *a, const struct stat *b)
{
	if (a->st_mtim.tv_sec != b->st_mtim.tv_sec)
		return a->st_mtim.tv_sec < b->st_mtim.tv_sec;
	return a->st_mtim.tv_nsec < b->st_mtim.tv_nsec;
}

int log_reader_open_successor(const struct log_reader *log, const struct stat *ours)
{
	int newer = log_file_open(log->path);

	if (newer < 0)
		return newer;
	for (unsigned n = 1; n <= LOG_PREDECESSORS_MAX; n++) {
		int fd = log_reader_open_predecessor(log, n);
		struct stat st;

		if (fd < 0)
			break;
		if (fstat(fd, &st) || (st.st_ino == ours->st_ino && st.st_dev == ours->st_dev) ||
			log_reader_is_older(&st, ours)) {
			close(fd);
			break;
		}
		close(newer);
		newer = fd;
	}
	return newer;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "spawner/logs/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "libactor/util/siphash.h"
#include "libactor/util/utf8.h"
#include "spawner/shared/runtime-dir.h"

#define NAME_ROOM     (LOGFILE_NAME_MAX - 1 - sizeof(".times.99") + 1)
#define DIR_LOOK_NS   1000000000u
#define STAMP_SAME_US 1000 /* one stamp for all lines of a millisecond */
#define STAMPS_KEEP   4096 /* stamps are given room by this much at a time */

void logfile_name(const char *child, char ret[LOGFILE_NAME_MAX])
{
	static const uint8_t key[16] = "actor-logfile";
	char escaped[NAME_ROOM + 1];
	size_t n = 0;
	bool cut = false;

	for (const char *s = child; *s; s++) {
		bool special =
			*s == '/' || *s == '%' || (s == child && (*s == '.' || !strcmp(s, LOGFILE_NODE)));

		if (n + (special ? 3 : 1) > NAME_ROOM) {
			cut = true;
			break;
		}
		if (special)
			n += (size_t)sprintf(escaped + n, "%%%02X", (unsigned char)*s);
		else
			escaped[n++] = *s;
	}
	escaped[n] = 0;
	if (!cut) {
		snprintf(ret, LOGFILE_NAME_MAX, "%s.log", escaped);
		return;
	}
	snprintf(ret, LOGFILE_NAME_MAX, "%.200s~%016llx.log", escaped,
		(unsigned long long)siphash64(child, strlen(child), key));
}

/* ---- the directory ---- */

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

int log_dir_open(struct log_dir *dir, const char *path)
{
	*dir = (struct log_dir){.path = path, .fd = -1, .checked_ns = now_ns(CLOCK_MONOTONIC)};
	dir->fd = log_dir_make(path);
	return dir->fd < 0 ? dir->fd : 0;
}

void log_dir_close(struct log_dir *dir)
{
	if (dir->fd >= 0)
		close(dir->fd);
	dir->fd = -1;
}

/* Opens the directory again if its path now means another one. True: it does. */
static bool log_dir_again(struct log_dir *dir)
{
	struct stat here, named;

	if (!dir->path)
		return false;
	if (dir->fd >= 0 && fstat(dir->fd, &here) == 0 && stat(dir->path, &named) == 0 &&
		here.st_ino == named.st_ino && here.st_dev == named.st_dev)
		return false;
	log_dir_close(dir);
	dir->fd = log_dir_make(dir->path);
	return dir->fd >= 0;
}

/* Does the same, but only once a second, so that it costs nothing for a program that writes much. */
static bool log_dir_look(struct log_dir *dir)
{
	uint64_t now = now_ns(CLOCK_MONOTONIC);

	if (now - dir->checked_ns < DIR_LOOK_NS)
		return false;
	dir->checked_ns = now;
	return log_dir_again(dir);
}

/* ---- the stamps ---- */

static void stamps_close(struct logfile *log)
{
	if (log->stamps_fd >= 0)
		close(log->stamps_fd);
	log->stamps_fd = -1;
	log->stamps_bytes = 0;
	log->stamps_kept = 0;
	log->last.kind = 0;
}

static bool stamps_header_read(const struct logfile *log, struct stamp_header *ret)
{
	return log->stamps_fd >= 0 && pread(log->stamps_fd, ret, sizeof(*ret), 0) == sizeof(*ret) &&
	       stamp_header_is_right(ret, log->ino);
}

static void stamps_begin(struct logfile *log)
{
	struct stamp_header header = {.magic = STAMP_MAGIC,
		.version = STAMP_VERSION,
		.record_bytes = sizeof(struct stamp),
		.ino = log->ino};
	struct stamp_header before;

	if (stamps_header_read(log, &before)) {
		header.group = before.group;
		header.forked_ns = before.forked_ns;
		header.ended = before.ended;
	}
	log->last.kind = 0;
	log->stamps_bytes = sizeof(header);
	if (ftruncate(log->stamps_fd, 0) < 0 ||
		pwrite(log->stamps_fd, &header, sizeof(header), 0) != sizeof(header))
		stamps_close(log);
}

/*
 * The disk keeps room for two stamps more: how much is lost must be said just when the disk is full. Where a
 * file system cannot do that, it is said when there is room again.
 */
static void stamps_keep_room(struct logfile *log)
{
	uint64_t end = log->stamps_bytes + 2 * sizeof(struct stamp);

	if (end <= log->stamps_kept)
		return;
	end = (end + STAMPS_KEEP - 1) / STAMPS_KEEP * STAMPS_KEEP;
	if (fallocate(log->stamps_fd, FALLOC_FL_KEEP_SIZE, (off_t)log->stamps_bytes,
		    (off_t)(end - log->stamps_bytes)) == 0)
		log->stamps_kept = end;
}

/* A log is of use without stamps too, so no error here is an error of the log. */
static void stamps_open(struct logfile *log)
{
	struct stamp_header header;
	struct stamp last = {0};
	char name[LOGFILE_NAME_MAX];
	struct stat st;

	stamps_close(log);
	stamp_file_name(name, sizeof(name), log->name, 0);
	log->stamps_fd =
		openat(log->dir->fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
	if (log->stamps_fd < 0)
		return;
	if (fstat(log->stamps_fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		stamps_close(log);
		return;
	}
	log->stamps_bytes = sizeof(header);
	if (!stamps_header_read(log, &header)) {
		stamps_begin(log);
		return;
	}
	log->stamps_bytes = (uint64_t)st.st_size - ((uint64_t)st.st_size - sizeof(header)) % sizeof(last);
	if (log->stamps_bytes > sizeof(header) &&
		(pread(log->stamps_fd, &last, sizeof(last), (off_t)(log->stamps_bytes - sizeof(last))) !=
				sizeof(last) ||
			last.offset > log->size_bytes))
		stamps_begin(log); /* the log has been emptied since */
	else if (last.kind == STAMP_LOST)
		log->last = last;
	if (log->stamps_fd >= 0)
		stamps_keep_room(log);
}

/* False: it could not be written. */
static bool stamp_put(struct logfile *log, struct stamp stamp)
{
	bool of_lines = stamp.kind == STAMP_LINES || stamp.kind == STAMP_CUT;

	if (log->stamps_fd < 0 || (log->no_stamps && of_lines))
		return false;
	if (stamp.kind != STAMP_LOST)
		stamps_keep_room(log);
	if (of_lines && log->stamps_kept && log->stamps_kept < log->stamps_bytes + 2 * sizeof(stamp))
		return false; /* what is left is for ends, and for what is lost */
	stamp.time_us = (int64_t)(now_ns(CLOCK_REALTIME) / 1000);
	stamp.pid = log->pid;
	stamp.life = log->life;
	if (stamp.kind == STAMP_LINES && log->last.kind == STAMP_LINES && log->last.stream == stamp.stream &&
		log->last.pid == stamp.pid && log->last.life == stamp.life &&
		stamp.time_us - log->last.time_us < STAMP_SAME_US && stamp.time_us >= log->last.time_us)
		return true;
	if (pwrite(log->stamps_fd, &stamp, sizeof(stamp), (off_t)log->stamps_bytes) != sizeof(stamp))
		return false;
	log->stamps_bytes += sizeof(stamp);
	log->last = stamp;
	return true;
}

/* A stamp of lines that were not written is about nothing, and would keep the one before from growing. */
static void stamp_take_back(struct logfile *log)
{
	const struct stamp *last = &log->last;

	if ((last->kind != STAMP_LINES && last->kind != STAMP_CUT) || last->offset < log->size_bytes)
		return;
	log->stamps_bytes -= sizeof(log->last);
	if (log->stamps_bytes <= sizeof(struct stamp_header) ||
		pread(log->stamps_fd, &log->last, sizeof(log->last),
			(off_t)(log->stamps_bytes - sizeof(log->last))) != sizeof(log->last) ||
		log->last.kind != STAMP_LOST)
		log->last.kind = 0;
}

/* Said at once, in one stamp that grows: a full disk has room for that one, and we may be killed any time. */
static void stamp_lost(struct logfile *log)
{
	struct stamp stamp;

	if (!log->n_untold_bytes || log->stamps_fd < 0)
		return;
	stamp_take_back(log);
	stamp = log->last;
	if (stamp.kind == STAMP_LOST && stamp.offset == log->size_bytes && stamp.pid == log->pid &&
		stamp.life == log->life) {
		stamp.number += (int64_t)log->n_untold_bytes;
		if (pwrite(log->stamps_fd, &stamp, sizeof(stamp),
			    (off_t)(log->stamps_bytes - sizeof(stamp))) != sizeof(stamp))
			return;
		log->last = stamp;
		log->n_untold_bytes = 0;
		return;
	}
	if (stamp_put(log, (struct stamp){.offset = log->size_bytes,
				   .kind = STAMP_LOST,
				   .number = (int64_t)log->n_untold_bytes}))
		log->n_untold_bytes = 0;
}

/* ---- the file ---- */

void logfile_init(struct logfile *log, struct log_dir *dir, const char *child)
{
	*log = (struct logfile){
		.dir = dir,
		.fd = -1,
		.stamps_fd = -1,
		.max_bytes = LOGFILE_MAX_BYTES,
		.max_line_bytes = LOGFILE_LINE_BYTES,
		.max_old = LOGFILE_MAX_OLD,
	};
	logfile_name(child, log->name);
}

void logfile_close(struct logfile *log)
{
	stamps_close(log);
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}

static void logfile_look_at_end(struct logfile *log)
{
	char last = '\n';

	log->in_line =
		log->size_bytes && pread(log->fd, &last, 1, (off_t)log->size_bytes - 1) == 1 && last != '\n';
}

/*
 * The log is opened without O_APPEND, since splice refuses a file with O_APPEND. So the offset is kept in
 * size_bytes.
 */
static int logfile_open(struct logfile *log)
{
	int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, r;
	struct stat st = {0};

	log->stream = 0;
	log->fd = openat(log->dir->fd, log->name, flags, 0640);
	if (log->fd < 0 && (errno == ENOENT || errno == EBADF) && log_dir_again(log->dir))
		log->fd = openat(log->dir->fd, log->name, flags, 0640);
	if (log->fd < 0)
		return log->dir->fd < 0 ? -ENOENT : -errno;
	if (fstat(log->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		r = st.st_mode && !S_ISREG(st.st_mode) ? -EINVAL : -errno;
		logfile_close(log);
		return r;
	}
	log->ino = st.st_ino;
	log->dev = st.st_dev;
	log->size_bytes = (uint64_t)st.st_size;
	logfile_look_at_end(log);
	stamps_open(log);
	return 0;
}

const char *logfile_why(const struct logfile *log, int error, char ret[LOGFILE_WHY_SIZE])
{
	struct stat st;

	if (fstatat(log->dir->fd, log->name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISREG(st.st_mode))
		return strerror(error);
	snprintf(ret, LOGFILE_WHY_SIZE, "it is %s, not a log; remove it", stamp_no_log(st.st_mode));
	return ret;
}

/* Opens the log anew if its name does not mean the open file any more. */
static int logfile_ready(struct logfile *log)
{
	struct stat st;

	if (log_dir_look(log->dir))
		logfile_close(log);
	if (log->fd >= 0 && (fstatat(log->dir->fd, log->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
				    st.st_ino != log->ino || st.st_dev != log->dev))
		logfile_close(log);
	if (log->fd < 0)
		return logfile_open(log);
	if ((uint64_t)st.st_size != log->size_bytes) {
		bool emptied = (uint64_t)st.st_size < log->size_bytes;

		log->size_bytes = (uint64_t)st.st_size;
		logfile_look_at_end(log);
		if (emptied && log->stamps_fd >= 0)
			stamps_begin(log);
	}
	if (log->stamps_fd < 0) /* the disk was full */
		stamps_open(log);
	return 0;
}

/*
 * Removes the oldest file and renames the others, each to the next number. If this fails, the log only
 * becomes longer than its limit.
 */
static int logfile_rotate(struct logfile *log)
{
	char from[LOGFILE_NAME_MAX + 12], to[LOGFILE_NAME_MAX + 12];
	struct stamp_header before, header;
	bool had_header = stamps_header_read(log, &before);
	int r;

	logfile_close(log);
	for (unsigned i = log->max_old; i > 0; i--) {
		stamp_file_name(to, sizeof(to), log->name, i);
		stamp_file_name(from, sizeof(from), log->name, i - 1);
		renameat(log->dir->fd, from, log->dir->fd, to);
		snprintf(to, sizeof(to), "%s.%u", log->name, i);
		snprintf(from, sizeof(from), i > 1 ? "%s.%u" : "%s", log->name, i - 1);
		renameat(log->dir->fd, from, log->dir->fd, to);
	}
	if (!log->max_old)
		unlinkat(log->dir->fd, log->name, 0);
	r = logfile_open(log);
	/* the new header keeps which life was noted already */
	if (!r && had_header && stamps_header_read(log, &header)) {
		header.group = before.group;
		header.forked_ns = before.forked_ns;
		header.ended = before.ended;
		if (pwrite(log->stamps_fd, &header, sizeof(header), 0) != sizeof(header))
			stamps_close(log);
	}
	return r;
}

/*
 * Moves bytes from the pipe to the end of the file, or writes @data there. The number of bytes, or negative
 * errno.
 */
static ssize_t logfile_put(struct logfile *log, int *pipe_fd, const char *data, size_t size_bytes)
{
	off_t at = (off_t)log->size_bytes;
	ssize_t n = -1;

	if (*pipe_fd >= 0) {
		do
			n = splice(*pipe_fd, NULL, log->fd, &at, size_bytes, 0);
		while (n < 0 && errno == EINTR);
		if (n < 0 && errno != EINVAL)
			return -errno;
		if (n < 0) {
			/* this file system does not support splice */
			char scratch[4096];

			n = read(*pipe_fd, scratch,
				size_bytes < sizeof(scratch) ? size_bytes : sizeof(scratch));
			if (n <= 0)
				return n < 0 ? -errno : -EIO;
			size_bytes = (size_t)n;
			n = pwrite(log->fd, data, size_bytes, at);
			n = n < 0 ? 0 : n;
			log->size_bytes += (size_t)n;
			log->n_lost_bytes += size_bytes - (size_t)n;
			log->n_untold_bytes += size_bytes - (size_t)n;
			return (ssize_t)size_bytes;
		}
	} else {
		do
			n = pwrite(log->fd, data, size_bytes, at);
		while (n < 0 && errno == EINTR);
	}
	if (n < 0)
		return -errno;
	log->size_bytes += (size_t)n;
	return n ? n : -ENOSPC;
}

static int logfile_end_line(struct logfile *log)
{
	int none = -1;
	ssize_t n;

	if (!log->in_line)
		return 0;
	n = logfile_put(log, &none, "\n", 1);
	log->in_line = n < 0;
	return n < 0 ? (int)n : 0;
}

/* How many bytes of @data go into this file. 0: the file, or the file of its stamps, is full. */
static size_t logfile_part(const struct logfile *log, const char *data, size_t size_bytes)
{
	uint64_t room = log->size_bytes < log->max_bytes ? log->max_bytes - log->size_bytes : 0;
	const char *newline;

	if (log->stamps_bytes > LOGFILE_MAX_BYTES && !log->in_line)
		return 0;
	if (size_bytes <= room)
		return size_bytes;
	newline = room ? memrchr(data, '\n', room) : NULL;
	if (newline)
		return (size_t)(newline - data) + 1;
	if (!log->in_line && log->size_bytes)
		return 0;
	/* there is no room, but a line that has begun may end in this file */
	room = log->size_bytes < log->max_bytes + log->max_line_bytes
		       ? log->max_bytes + log->max_line_bytes - log->size_bytes
		       : 0;
	if (size_bytes < room)
		room = size_bytes;
	newline = room ? memchr(data, '\n', room) : NULL;
	return newline ? (size_t)(newline - data) + 1 : room;
}

static void logfile_stamp(struct logfile *log, uint8_t stream, const char *data, size_t size_bytes)
{
	struct stamp stamp = {.offset = log->size_bytes, .kind = STAMP_LINES, .stream = stream};

	stamp_lost(log);
	if (log->cut) {
		stamp.kind = STAMP_CUT;
		stamp_put(log, stamp);
		log->cut = false;
		return;
	}
	if (log->in_line && log->stream == stream) {
		/*
		 * the open line keeps the time of its first byte; this stamp is about the lines that begin in
		 * @data
		 */
		const char *newline = memchr(data, '\n', size_bytes);

		if (!newline || newline == data + size_bytes - 1)
			return;
		stamp.offset += (uint64_t)(newline - data) + 1;
	}
	stamp_put(log, stamp);
}

static int logfile_write_some(struct logfile *log, int *pipe_fd, uint8_t stream, const char *data,
	size_t size_bytes, size_t *ret_written)
{
	size_t part;
	ssize_t n;
	int r;

	part = logfile_part(log, data, size_bytes);
	if (!part) {
		bool cut = log->in_line;

		r = logfile_end_line(log);
		if (!r)
			r = logfile_rotate(log);
		if (r)
			return r;
		log->cut = cut;
		part = logfile_part(log, data, size_bytes);
		if (!part) /* the files could not be renamed, so this file grows */
			part = size_bytes;
	}
	logfile_stamp(log, stream, data, part);
	n = logfile_put(log, pipe_fd, data, part);
	if (n < 0)
		return (int)n;
	log->in_line = data[n - 1] != '\n';
	log->stream = stream;
	*ret_written = (size_t)n;
	return 0;
}

static void pipe_skip(int pipe_fd, size_t size_bytes)
{
	char scratch[4096];

	while (pipe_fd >= 0 && size_bytes) {
		ssize_t n =
			read(pipe_fd, scratch, size_bytes < sizeof(scratch) ? size_bytes : sizeof(scratch));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		size_bytes -= (size_t)n;
	}
}

int logfile_write(struct logfile *log, int pipe_fd, uint8_t stream, const void *data, size_t size_bytes)
{
	const char *at = data;
	int r;

	r = logfile_ready(log);
	while (size_bytes) {
		size_t written = 0;

		if (!r)
			r = logfile_write_some(log, &pipe_fd, stream, at, size_bytes, &written);
		if (r) {
			log->n_lost_bytes += size_bytes;
			log->n_untold_bytes += size_bytes;
			stamp_lost(log);
			pipe_skip(pipe_fd, size_bytes);
			return r;
		}
		at += written;
		size_bytes -= written;
	}
	return 0;
}

/* ---- lives ---- */

/*
 * Writes the record, then the header. If the writer is killed in between, the next writer finds the record at
 * the end of the file and does not repeat it.
 */
static void logfile_life(struct logfile *log, const struct stamp_header *header, struct stamp stamp)
{
	struct stamp before;

	if (log->stamps_bytes < sizeof(*header) + sizeof(before) ||
		pread(log->stamps_fd, &before, sizeof(before), (off_t)(log->stamps_bytes - sizeof(before))) !=
			sizeof(before) ||
		before.kind != stamp.kind || before.pid != log->pid || before.life != log->life ||
		before.number != stamp.number) {
		stamp.offset = log->size_bytes;
		stamp_put(log, stamp);
	}
	if (pwrite(log->stamps_fd, header, sizeof(*header), 0) != sizeof(*header))
		stamps_close(log);
}

int logfile_started(struct logfile *log, uint64_t group, uint64_t forked_ns)
{
	struct stamp_header header;
	int r = logfile_ready(log);

	if (r)
		return r;
	stamp_lost(log);
	if (!stamps_header_read(log, &header))
		return 0; /* without the header it is not known whether this life was noted already */
	if (header.group != group || header.forked_ns != forked_ns) {
		r = logfile_end_line(log);
		header.group = group;
		header.forked_ns = forked_ns;
		header.ended = 0;
		logfile_life(log, &header, (struct stamp){.kind = STAMP_STARTED});
		return r;
	}
	return 0;
}

int logfile_ended(struct logfile *log, uint64_t group, uint64_t forked_ns, enum stamp_kind kind, int code,
	int64_t number)
{
	struct stamp_header header;
	int r = logfile_ready(log);

	if (r)
		return r;
	stamp_lost(log);
	if (!stamps_header_read(log, &header) ||
		(header.group == group && header.forked_ns == forked_ns && header.ended))
		return 0;
	header.group = group;
	header.forked_ns = forked_ns;
	header.ended = 1;
	logfile_life(
		log, &header, (struct stamp){.kind = (uint8_t)kind, .code = (uint8_t)code, .number = number});
	return 0;
}

/* ---- the last words ---- */

void tail_add(struct tail *tail, const void *data, size_t size_bytes)
{
	const char *at = data;

	if (size_bytes > LOGFILE_TAIL_BYTES) {
		tail->n_bytes += size_bytes - LOGFILE_TAIL_BYTES;
		at += size_bytes - LOGFILE_TAIL_BYTES;
		size_bytes = LOGFILE_TAIL_BYTES;
	}
	for (size_t i = 0; i < size_bytes;) {
		size_t place = tail->n_bytes % LOGFILE_TAIL_BYTES, n = LOGFILE_TAIL_BYTES - place;

		if (n > size_bytes - i)
			n = size_bytes - i;
		memcpy(tail->bytes + place, at + i, n);
		tail->n_bytes += n;
		i += n;
	}
}

void tail_text(const struct tail *tail, char *ret, size_t size_bytes)
{
	char text[LOGFILE_TAIL_BYTES + 1], plain[LOGFILE_TAIL_BYTES + 1];
	size_t n = tail->n_bytes < LOGFILE_TAIL_BYTES ? tail->n_bytes : LOGFILE_TAIL_BYTES, start, used;

	for (size_t i = 0; i < n; i++)
		text[i] = tail->bytes[(tail->n_bytes - n + i) % LOGFILE_TAIL_BYTES];
	while (n && (text[n - 1] == '\n' || text[n - 1] == '\r' || text[n - 1] == ' '))
		n--;
	ret[0] = 0;
	/* goes back by lines as long as they fit; if not even the last line fits, the copy cuts it */
	start = n;
	for (size_t end = n, total = 0;; end = start - 1) {
		size_t line = end;

		while (line > 0 && text[line - 1] != '\n')
			line--;
		total += end - line + (end < n ? 3 : 0);
		if (end < n && total >= size_bytes)
			break;
		start = line;
		if (!start)
			break;
	}
	used = 0;
	for (size_t i = start; i < n; i++) {
		if (text[i] == '\n' && used + 3 < sizeof(plain)) {
			memcpy(plain + used, " | ", 3);
			used += 3;
		} else if (text[i] != '\n' && text[i] != '\r' && used < sizeof(plain)) {
			plain[used++] = text[i];
		}
	}
	utf8_copy_plain(ret, size_bytes, plain, used);
}

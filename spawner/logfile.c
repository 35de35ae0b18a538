#include "logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/siphash.h"
#include "util/utf8.h"

#define NAME_ROOM (LOGFILE_NAME_MAX - 1 - sizeof(".log.99") + 1)

void logfile_name(const char *child, char ret[LOGFILE_NAME_MAX])
{
	static const uint8_t key[16] = "actor-logfile";
	char escaped[NAME_ROOM + 1];
	size_t n = 0;
	bool cut = false;

	for (const char *s = child; *s; s++) {
		bool special = *s == '/' || *s == '%' || (*s == '.' && s == child);

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

void logfile_init(struct logfile *log, int dir_fd, const char *child)
{
	*log = (struct logfile){
		.dir_fd = dir_fd,
		.fd = -1,
		.max_bytes = LOGFILE_MAX_BYTES,
		.max_old = LOGFILE_MAX_OLD,
	};
	logfile_name(child, log->name);
}

void logfile_deinit(struct logfile *log)
{
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}

static int logfile_open(struct logfile *log)
{
	struct stat st;
	int err;

	if (log->fd >= 0)
		return 0;
	log->fd = openat(log->dir_fd, log->name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
	if (log->fd < 0)
		return -errno;
	if (fstat(log->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		err = st.st_mode && !S_ISREG(st.st_mode) ? -EINVAL : -errno;
		logfile_deinit(log);
		return err;
	}
	log->size_bytes = (uint64_t)st.st_size;
	return 0;
}

/* The oldest goes, the others move up by one. A failure leaves a file too long, and no more harm than that. */
static void logfile_rotate(struct logfile *log)
{
	char from[LOGFILE_NAME_MAX + 12], to[LOGFILE_NAME_MAX + 12];

	logfile_deinit(log);
	for (unsigned int i = log->max_old; i > 0; i--) {
		snprintf(to, sizeof(to), "%s.%u", log->name, i);
		snprintf(from, sizeof(from), i > 1 ? "%s.%u" : "%s", log->name, i - 1);
		renameat(log->dir_fd, from, log->dir_fd, to);
	}
	if (!log->max_old)
		unlinkat(log->dir_fd, log->name, 0);
}

static int logfile_write_some(struct logfile *log, const char *data, size_t size_bytes, size_t *ret_written)
{
	ssize_t n;
	int err;

	err = logfile_open(log);
	if (err)
		return err;
	if (log->size_bytes && log->size_bytes + size_bytes > log->max_bytes) {
		logfile_rotate(log);
		err = logfile_open(log);
		if (err)
			return err;
	}
	do
		n = write(log->fd, data, size_bytes);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	log->size_bytes += (size_t)n;
	*ret_written = (size_t)n;
	return n ? 0 : -ENOSPC;
}

int logfile_write(struct logfile *log, const void *data, size_t size_bytes)
{
	const char *at = data;

	while (size_bytes) {
		size_t part = size_bytes < log->max_bytes ? size_bytes : log->max_bytes, written = 0;
		int err = logfile_write_some(log, at, part, &written);

		if (err) {
			log->n_dropped_bytes += size_bytes;
			return err;
		}
		at += written;
		size_bytes -= written;
	}
	return 0;
}

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
	/* backwards, by lines, as long as they fit; a single one that does not is cut by the copy */
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

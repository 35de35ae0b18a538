/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/logs/show.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "libactor/util/clock.h"
#include "libactor/util/list.h"
#include "spawner/logs/lines.h"
#include "tools/logs/outlet.h"

#define WAITING_BYTES (256u << 10) /* more than this stays in the logs */
#define TURN_LINES    4096         /* so many lines, and the caller looks at its other business */
#define KEEP_FILES    3            /* so many rotated files wait for a reader; the writer keeps five */
#define LOOK_MS       1000         /* how often to look where inotify tells nothing */
#define OPEN_MAX      64u          /* so many logs are kept open when nothing comes */
#define NAME_WIDTH    20u          /* longer names push their lines to the right */

struct shown_log {
	struct list link;
	char *file; /* its name in the directory */
	char name[256];
	bool is_open, dirty, has_line;
	struct log_lines lines;
	struct log_line line; /* the next one, if has_line */
	/* where to go on when the log is opened */
	uint64_t ino;
	off_t offset;
	uint64_t n_missing; /* bytes that were dropped and not said yet */
};

struct show {
	char *dir;
	int64_t begun_us; /* CLOCK_REALTIME */
	int inotify_fd, watch;
	struct log_format format;
	struct outlet outlet;
	struct list logs;
	unsigned n_open;
	bool more; /* the last turn did not come to the end */
};

static struct shown_log *log_find(struct show *show, const char *file)
{
	for (struct list *l = show->logs.next; l != &show->logs; l = l->next) {
		struct shown_log *log = container_of(l, struct shown_log, link);

		if (!strcmp(log->file, file))
			return log;
	}
	return NULL;
}

/* @at_end: what is in it now is not shown. */
static void log_add(struct show *show, const char *file, bool at_end)
{
	char name[256], *path = NULL;
	struct shown_log *log;
	struct stat st;

	if (!log_name_of_file(file, name, sizeof(name)) || log_find(show, file))
		return;
	log = calloc(1, sizeof(*log));
	if (log)
		log->file = strdup(file);
	if (!log || !log->file) {
		free(log);
		return;
	}
	memcpy(log->name, name, sizeof(name));
	if (at_end && asprintf(&path, "%s/%s", show->dir, file) >= 0 && !lstat(path, &st)) {
		log->ino = st.st_ino;
		log->offset = st.st_size;
	}
	free(path);
	log->dirty = !at_end;
	list_append(&show->logs, &log->link);
}

static void log_close(struct show *show, struct shown_log *log)
{
	if (!log->is_open)
		return;
	log_lines_place(&log->lines, &log->ino, &log->offset);
	log_lines_close(&log->lines);
	log->is_open = false;
	show->n_open--;
}

static bool log_open(struct show *show, struct shown_log *log)
{
	char *path;

	if (log->is_open)
		return true;
	if (asprintf(&path, "%s/%s", show->dir, log->file) < 0)
		return false;
	if (!log_lines_open(&log->lines, path)) {
		log->is_open = true;
		show->n_open++;
		if (log->ino)
			log_lines_go_back(&log->lines, log->ino, log->offset);
		else /* it may have been turned over already */
			log_lines_since(&log->lines, show->begun_us);
	}
	free(path);
	return log->is_open;
}

static void dir_scan(struct show *show, bool at_end)
{
	DIR *dir = opendir(show->dir);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		log_add(show, entry->d_name, at_end);
	if (dir)
		closedir(dir);
}

static void all_dirty(struct show *show)
{
	for (struct list *l = show->logs.next; l != &show->logs; l = l->next)
		container_of(l, struct shown_log, link)->dirty = true;
}

/* The directory may be made only later, and made anew when somebody has removed it. */
static void dir_watch(struct show *show)
{
	int watch;

	if (show->inotify_fd < 0)
		return;
	watch = inotify_add_watch(
		show->inotify_fd, show->dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR | IN_MOVE_SELF);
	if (watch < 0 || watch == show->watch)
		return;
	show->watch = watch;
	dir_scan(show, false);
	all_dirty(show);
}

struct show *show_new(const char *dir, int fd, const struct log_format *format)
{
	struct show *show = calloc(1, sizeof(*show));
	struct timespec now;

	if (!show)
		return NULL;
	show->dir = strdup(dir);
	if (!show->dir) {
		free(show);
		return NULL;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	show->begun_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
	show->watch = -1;
	show->more = true; /* the first turn is due at once */
	show->format = *format;
	list_init(&show->logs);
	outlet_init(&show->outlet, fd, WAITING_BYTES);
	show->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	dir_scan(show, true);
	return show;
}

void show_free(struct show *show)
{
	if (!show)
		return;
	while (!list_is_empty(&show->logs)) {
		struct shown_log *log = container_of(list_pop(&show->logs), struct shown_log, link);

		log_close(show, log);
		free(log->file);
		free(log);
	}
	outlet_deinit(&show->outlet);
	if (show->inotify_fd >= 0)
		close(show->inotify_fd);
	free(show->dir);
	free(show);
}

int show_wait(struct show *show, struct pollfd fds[SHOW_FDS])
{
	bool reads = show->outlet.fd >= 0;

	fds[0] = (struct pollfd){.fd = reads ? show->inotify_fd : -1, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = outlet_waits(&show->outlet) ? show->outlet.fd : -1, .events = POLLOUT};
	if (reads && show->more && !outlet_is_full(&show->outlet))
		return 0;
	return !reads || show->watch >= 0 ? -1 : LOOK_MS;
}

/* ---- what has changed ---- */

static void events_take(struct show *show)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	while ((n = read(show->inotify_fd, events, sizeof(events))) > 0)
		for (char *at = events; at < events + n;) {
			const struct inotify_event *event = (const struct inotify_event *)at;
			struct shown_log *log = NULL;
			size_t length;
			char file[256];

			at += sizeof(*event) + event->len;
			if (event->mask & (IN_Q_OVERFLOW | IN_IGNORED | IN_MOVE_SELF)) {
				show->watch = event->mask & IN_Q_OVERFLOW ? show->watch : -1;
				dir_scan(show, false);
				all_dirty(show);
			}
			if (!event->len)
				continue;
			/* stamps tell the events of a life, so a change of NAME.times is one of NAME.log */
			length = strlen(event->name);
			if (length > 6 && !strcmp(event->name + length - 6, ".times"))
				length -= 6;
			else if (length > 4 && !strcmp(event->name + length - 4, ".log"))
				length -= 4;
			else
				continue;
			snprintf(file, sizeof(file), "%.*s.log", (int)length, event->name);
			log = log_find(show, file);
			if (log)
				log->dirty = true;
			else
				log_add(show, file, false);
		}
}

/* ---- the lines ---- */

/* Beginnings and ends of lives are in the node's own messages. What is lost is nowhere else. */
static bool is_shown(const struct log_line *line)
{
	return line->kind == STAMP_LINES || line->kind == STAMP_CUT || line->kind == STAMP_LOST;
}

/* Sees to it that the next line of the log is known. False: it has none now. */
static bool log_look(struct show *show, struct shown_log *log, bool all)
{
	if (log->has_line)
		return true;
	if (!log->dirty || !log_open(show, log))
		return false;
	do
		log->has_line = log_lines_next(&log->lines, all, &log->line) > 0;
	while (log->has_line && !is_shown(&log->line));
	log->dirty = log->has_line;
	return log->has_line;
}

/* The log with the earliest line. NULL: there is no line. */
static struct shown_log *log_earliest(struct show *show, bool all)
{
	struct shown_log *earliest = NULL;

	for (struct list *l = show->logs.next; l != &show->logs; l = l->next) {
		struct shown_log *log = container_of(l, struct shown_log, link);

		if (log_look(show, log, all) && (!earliest || log->line.time_us < earliest->line.time_us))
			earliest = log;
	}
	return earliest;
}

static void name_widen(struct show *show, const char *name)
{
	size_t width = strlen(name);

	if (width > NAME_WIDTH)
		width = NAME_WIDTH;
	if (width > show->format.name_width)
		show->format.name_width = width;
}

static void log_show_line(struct show *show, struct shown_log *log)
{
	struct buf *b = outlet_buf(&show->outlet);

	name_widen(show, log->name);
	if (log->n_missing)
		log_format_missing(b, &show->format, log->name, log->n_missing);
	log->n_missing = 0;
	log_format_line(b, &show->format, log->name, &log->line);
	log->has_line = false;
}

/* Nobody takes more now: what would be removed from the logs before it is shown is counted. */
static void logs_drop_old(struct show *show)
{
	for (struct list *l = show->logs.next; l != &show->logs; l = l->next) {
		struct shown_log *log = container_of(l, struct shown_log, link);

		if (log->dirty && log_open(show, log))
			log->n_missing += log_lines_drop_old(&log->lines, KEEP_FILES);
	}
}

static void logs_close_idle(struct show *show)
{
	for (struct list *l = show->logs.next; l != &show->logs && show->n_open > OPEN_MAX; l = l->next) {
		struct shown_log *log = container_of(l, struct shown_log, link);

		if (!log->dirty && !log->has_line)
			log_close(show, log);
	}
}

static void show_lines(struct show *show, bool all)
{
	show->more = true;
	for (unsigned n = 0; n < TURN_LINES && !outlet_is_full(&show->outlet); n++) {
		struct shown_log *log = log_earliest(show, all);

		show->more = log != NULL;
		if (!log)
			break;
		log_show_line(show, log);
	}
	outlet_flush(&show->outlet);
	if (outlet_is_full(&show->outlet))
		logs_drop_old(show);
	logs_close_idle(show);
}

void show_turn(struct show *show)
{
	if (show->outlet.fd < 0)
		return;
	if (show->watch < 0)
		dir_watch(show);
	if (show->inotify_fd < 0) {
		dir_scan(show, false);
		all_dirty(show);
	}
	events_take(show);
	show_lines(show, false);
}

void show_end(struct show *show, int limit_ms)
{
	int64_t end_ms = clock_now_ms() + limit_ms, left;

	show_turn(show);
	all_dirty(show);
	do {
		struct pollfd look = {.fd = show->outlet.fd, .events = POLLOUT};

		show_lines(show, true);
		left = end_ms - clock_now_ms();
		if (outlet_waits(&show->outlet) && left > 0)
			poll(&look, 1, (int)left);
	} while (show->outlet.fd >= 0 && (show->more || outlet_waits(&show->outlet)) && left > 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Logs: where they lie, how they turn over, and what is remembered of the last lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spawner/logs/output.h"
#include "spawner/logs/writer.h"
#include "tests/fact.h"

struct fixture {
	char path[64];
	int dir_fd;
	struct log_dir dir;
	struct logfile log;
};

static int setup(void **arg)
{
	static struct fixture f;

	strcpy(f.path, "/tmp/test-logfile-XXXXXX");
	if (!mkdtemp(f.path))
		return -1;
	f.dir_fd = open(f.path, O_RDONLY | O_DIRECTORY);
	log_dir_open(&f.dir, f.path);
	logfile_init(&f.log, &f.dir, "child");
	f.log.max_bytes = 10;
	f.log.max_line_bytes = 5;
	f.log.max_old = 3;
	*arg = &f;
	return 0;
}

static int teardown(void **arg)
{
	struct fixture *f = *arg;
	struct dirent *entry;
	DIR *dir;

	logfile_close(&f->log);
	log_dir_close(&f->dir);
	dir = opendir(f->path);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' || entry->d_name[2])
			unlinkat(f->dir_fd, entry->d_name, 0);
	closedir(dir);
	close(f->dir_fd);
	return rmdir(f->path);
}

static const char *content(struct fixture *f, const char *name)
{
	static char text[64];
	int fd = openat(f->dir_fd, name, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return "(none)";
	n = read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	close(fd);
	return text;
}

static void put(struct fixture *f, const char *text)
{
	assert_int_equal(logfile_write(&f->log, -1, 1, text, strlen(text)), 0);
}

static void test_names_cannot_leave_the_directory(void **arg)
{
	char name[LOGFILE_NAME_MAX];

	logfile_name("web", name);
	assert_string_equal(name, "web.log");
	logfile_name("../../etc/passwd", name);
	assert_string_equal(name, "%2E.%2F..%2Fetc%2Fpasswd.log");
	logfile_name(".hidden", name);
	assert_string_equal(name, "%2Ehidden.log");
	logfile_name("a.b", name);
	assert_string_equal(name, "a.b.log");
	logfile_name("100%2F", name);
	assert_string_equal(name, "100%252F.log");
}

static void test_long_names_are_cut_and_stay_apart(void **arg)
{
	char a[256], b[256], name_a[LOGFILE_NAME_MAX], name_b[LOGFILE_NAME_MAX];

	memset(a, '/', 255);
	a[255] = 0;
	memcpy(b, a, 256);
	b[254] = 'x';
	logfile_name(a, name_a);
	logfile_name(b, name_b);
	assert_string_not_equal(name_a, name_b);
	assert_true(strlen(name_a) + strlen(".99") <= 255);
	stamp_file_name(name_b, sizeof(name_b), name_a, 99);
	assert_string_not_equal(name_b, "");
}

static void test_nothing_written_makes_no_file(void **arg)
{
	assert_string_equal(content(*arg, "child.log"), "(none)");
}

static void test_bytes_are_kept_as_they_are(void **arg)
{
	struct fixture *f = *arg;

	put(f, "ab");
	put(f, "c\nd");
	assert_string_equal(content(f, "child.log"), "abc\nd");
}

static void test_an_existing_file_is_appended_to(void **arg)
{
	struct fixture *f = *arg;

	put(f, "old");
	logfile_close(&f->log);
	put(f, "new\n");
	assert_string_equal(content(f, "child.log"), "oldnew\n");
	put(f, "12345");
	assert_string_equal(content(f, "child.log.1"), "oldnew\n"); /* the bytes of "old" count in its size */
	assert_string_equal(content(f, "child.log"), "12345");
}

static void test_files_turn_over_up_to_their_number(void **arg)
{
	struct fixture *f = *arg;

	put(f, "111111111\n");
	put(f, "222222222\n");
	put(f, "333333333\n");
	put(f, "444444444\n");
	put(f, "5");
	assert_string_equal(content(f, "child.log"), "5");
	assert_string_equal(content(f, "child.log.1"), "444444444\n");
	assert_string_equal(content(f, "child.log.2"), "333333333\n");
	assert_string_equal(content(f, "child.log.3"), "222222222\n");
	assert_string_equal(content(f, "child.log.4"), "(none)");
}

static void test_a_write_bigger_than_a_file_goes_through_several(void **arg)
{
	struct fixture *f = *arg;

	put(f, "aaaaaaaaa\nbbbbbbbbb\ncc");
	assert_string_equal(content(f, "child.log"), "cc");
	assert_string_equal(content(f, "child.log.1"), "bbbbbbbbb\n");
	assert_string_equal(content(f, "child.log.2"), "aaaaaaaaa\n");
}

static void test_files_are_turned_over_between_lines(void **arg)
{
	struct fixture *f = *arg;

	put(f, "one\ntwo\nthree\n"); /* the 10th byte is in the middle of "three" */
	assert_string_equal(content(f, "child.log.1"), "one\ntwo\n");
	assert_string_equal(content(f, "child.log"), "three\n");
	put(f, "four"); /* a line in two writes: the file grows until the line ends */
	put(f, "teen\nfive");
	assert_string_equal(content(f, "child.log.1"), "three\nfourteen\n");
	assert_string_equal(content(f, "child.log"), "five");
}

static struct stamp stamp_at(struct fixture *f, const char *name, unsigned n)
{
	struct stamp stamp = {0};
	int fd = openat(f->dir_fd, name, O_RDONLY);

	assert_true(fd >= 0);
	if (pread(fd, &stamp, sizeof(stamp), (off_t)(sizeof(struct stamp_header) + n * sizeof(stamp))) !=
		sizeof(stamp))
		stamp.kind = 0;
	close(fd);
	return stamp;
}

static void test_a_line_too_long_for_a_file_is_cut_and_marked(void **arg)
{
	struct fixture *f = *arg;

	put(f, "0123456789abcdefgh\nnext\n");
	assert_string_equal(content(f, "child.log.1"), "0123456789abcde\n");
	assert_string_equal(content(f, "child.log"), "fgh\nnext\n");
	assert_int_equal(stamp_at(f, "child.times", 0).kind, STAMP_CUT);
	assert_int_equal(stamp_at(f, "child.times", 1).kind, 0); /* one mark for one cut */
	assert_int_equal(stamp_at(f, "child.times.1", 0).kind, STAMP_LINES);
}

static void test_each_line_is_stamped_with_time_life_and_stream(void **arg)
{
	struct fixture *f = *arg;
	struct stamp stamp;

	f->log.pid = 77;
	f->log.life = 3;
	assert_int_equal(logfile_started(&f->log, 5, 1), 0);
	put(f, "ab");
	assert_int_equal(logfile_write(&f->log, -1, 2, "c\ne\n", 4), 0);
	stamp = stamp_at(f, "child.times", 0);
	assert_int_equal(stamp.kind, STAMP_STARTED);
	stamp = stamp_at(f, "child.times", 1);
	assert_int_equal(stamp.kind, STAMP_LINES);
	assert_int_equal(stamp.offset, 0);
	assert_int_equal(stamp.stream, 1);
	assert_int_equal(stamp.pid, 77);
	assert_int_equal(stamp.life, 3);
	assert_true(stamp.time_us > 1000000000000000);
	stamp = stamp_at(f, "child.times", 2); /* the middle of a line, for the stream has changed */
	assert_int_equal(stamp.offset, 2);
	assert_int_equal(stamp.stream, 2);
	f->log.life = 4;
	assert_int_equal(logfile_write(&f->log, -1, 2, "f", 1), 0);
	f->log.life = 5;
	assert_int_equal(logfile_write(&f->log, -1, 2, "g\nh", 3), 0);
	/* This stamp is of the line that begins in that write, not of the one that ends in it. */
	stamp = stamp_at(f, "child.times", 4);
	assert_int_equal(stamp.offset, 9);
	assert_int_equal(stamp.life, 5);
}

static void test_a_life_begins_on_a_line_of_its_own(void **arg)
{
	struct fixture *f = *arg;

	assert_int_equal(logfile_started(&f->log, 5, 1), 0);
	put(f, "fatal");
	assert_int_equal(logfile_ended(&f->log, 5, 1, STAMP_ENDED, 2, 11), 0);
	assert_string_equal(content(f, "child.log"), "fatal");
	assert_int_equal(logfile_started(&f->log, 6, 2), 0);
	put(f, "ok\n");
	assert_string_equal(content(f, "child.log"), "fatal\nok\n");
	assert_int_equal(stamp_at(f, "child.times", 2).kind, STAMP_ENDED);
	assert_int_equal(stamp_at(f, "child.times", 2).offset, 5);
	assert_int_equal(stamp_at(f, "child.times", 2).number, 11);
	assert_int_equal(stamp_at(f, "child.times", 3).kind, STAMP_STARTED);
	assert_int_equal(stamp_at(f, "child.times", 3).offset, 6);
}

static void test_the_next_supervisor_says_no_life_twice(void **arg)
{
	struct fixture *f = *arg;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(logfile_started(&f->log, 5, 1), 0);
		logfile_close(&f->log);
	}
	put(f, "x\n");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(logfile_ended(&f->log, 5, 1, STAMP_ENDED, 1, 0), 0);
		logfile_close(&f->log);
		assert_int_equal(logfile_started(&f->log, 5, 1), 0);
	}
	assert_int_equal(stamp_at(f, "child.times", 0).kind, STAMP_STARTED);
	assert_int_equal(stamp_at(f, "child.times", 1).kind, STAMP_LINES);
	assert_int_equal(stamp_at(f, "child.times", 2).kind, STAMP_ENDED);
	assert_int_equal(stamp_at(f, "child.times", 3).kind, 0);
}

static void test_bytes_leave_the_pipe_as_they_come_into_the_file(void **arg)
{
	struct fixture *f = *arg;
	char rest[16] = "";
	int ends[2];

	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	assert_int_equal(write(ends[1], "one\ntwo\nthree\nmore", 18), 18);
	assert_int_equal(logfile_write(&f->log, ends[0], 1, "one\ntwo\nthree\n", 14), 0);
	assert_string_equal(content(f, "child.log.1"), "one\ntwo\n");
	assert_string_equal(content(f, "child.log"), "three\n");
	assert_int_equal(read(ends[0], rest, sizeof(rest)), 4);
	assert_string_equal(rest, "more");
	/* The bytes leave the pipe also when they cannot be written: nobody must wait for a full disk. */
	logfile_close(&f->log);
	assert_int_equal(unlinkat(f->dir_fd, "child.log", 0), 0);
	assert_int_equal(mkdirat(f->dir_fd, "child.log", 0700), 0);
	assert_int_equal(write(ends[1], "lostmore", 8), 8);
	assert_int_equal(logfile_write(&f->log, ends[0], 1, "lost", 4), -EISDIR);
	assert_int_equal(read(ends[0], rest, sizeof(rest)), 4);
	assert_string_equal(rest, "more");
	assert_int_equal(unlinkat(f->dir_fd, "child.log", AT_REMOVEDIR), 0);
	close(ends[0]);
	close(ends[1]);
}

static void test_what_is_in_the_place_of_a_log_is_named(void **arg)
{
	struct fixture *f = *arg;
	char why[LOGFILE_WHY_SIZE];
	int error;

	assert_int_equal(mkfifoat(f->dir_fd, "child.log", 0600), 0);
	error = logfile_write(&f->log, -1, 1, "lost", 4);
	assert_true(error < 0);
	assert_string_equal(logfile_why(&f->log, -error, why), "it is a FIFO, not a log; remove it");
	assert_int_equal(unlinkat(f->dir_fd, "child.log", 0), 0);
	assert_int_equal(symlinkat("elsewhere", f->dir_fd, "child.log"), 0);
	error = logfile_write(&f->log, -1, 1, "lost", 4);
	assert_true(error < 0);
	assert_string_equal(logfile_why(&f->log, -error, why), "it is a symlink, not a log; remove it");
	assert_int_equal(unlinkat(f->dir_fd, "child.log", 0), 0);
	assert_int_equal(logfile_write(&f->log, -1, 1, "kept", 4), 0);
	assert_string_equal(logfile_why(&f->log, ENOSPC, why), strerror(ENOSPC));
}

static void life_begins(struct outputs *outputs, uint64_t group, uint32_t number)
{
	struct output_life life = {
		.group = group, .forked_ns = 1, .pid = 1, .number = number, .log_name = "child"};

	assert_int_equal(output_add(outputs, &life, (const int[]){-1, -1}), 0);
}

/* The end can be told before its line is written. The next life must wait for that line. */
static void test_an_end_is_written_when_it_is_settled_and_before_the_next_life(void **arg)
{
	struct fixture *f = *arg;
	struct outputs outputs = {.open_max = 1};
	char text[16];

	assert_int_equal(outputs_init(&outputs, f->path), 0);
	life_begins(&outputs, 7, 1);
	output_end(&outputs, 7, STAMP_ENDED, CLD_KILLED, SIGKILL, text, sizeof(text));
	output_end(&outputs, 7, STAMP_ENDED, CLD_EXITED, 0, text, sizeof(text));
	assert_int_equal(stamp_at(f, "child.times", 1).kind, 0);
	life_begins(&outputs, 8, 2);
	assert_int_equal(stamp_at(f, "child.times", 1).kind, STAMP_ENDED);
	assert_int_equal(stamp_at(f, "child.times", 1).number, SIGKILL);
	assert_int_equal(stamp_at(f, "child.times", 2).kind, STAMP_STARTED);
	output_end(&outputs, 8, STAMP_ENDED, CLD_EXITED, 3, text, sizeof(text));
	outputs_settle(&outputs);
	assert_int_equal(stamp_at(f, "child.times", 3).number, 3);
	assert_null(output_find(&outputs, 8));
	outputs_deinit(&outputs);
}

static void test_what_a_life_lost_whose_log_could_not_be_opened_is_told_by_the_next(void **arg)
{
	struct fixture *f = *arg;
	struct output_life life = {.group = 7, .forked_ns = 1, .pid = 1, .number = 1, .log_name = "child"};
	struct outputs outputs = {.open_max = 1};
	char text[16];
	int out[2];

	assert_int_equal(mkdirat(f->dir_fd, "child.log", 0700), 0);
	assert_int_equal(outputs_init(&outputs, f->path), 0);
	assert_int_equal(pipe2(out, O_NONBLOCK), 0);
	assert_int_equal(output_add(&outputs, &life, (const int[]){out[0], -1}), 0);
	assert_int_equal(write(out[1], "lost\n", 5), 5);
	close(out[1]);
	output_end(&outputs, 7, STAMP_ENDED, CLD_EXITED, 0, text, sizeof(text));
	outputs_settle(&outputs);
	assert_int_equal(unlinkat(f->dir_fd, "child.log", AT_REMOVEDIR), 0);
	life_begins(&outputs, 8, 2);
	assert_int_equal(stamp_at(f, "child.times", 0).kind, STAMP_LOST);
	assert_int_equal(stamp_at(f, "child.times", 0).number, 5);
	outputs_deinit(&outputs);
}

static void test_a_stream_goes_on_when_the_other_one_has_ended(void **arg)
{
	struct fixture *f = *arg;
	struct output_life life = {.group = 7, .forked_ns = 1, .pid = 1, .number = 1, .log_name = "child"};
	struct outputs outputs = {.open_max = 1};
	int out[2], err[2];
	uint32_t events;

	assert_int_equal(outputs_init(&outputs, f->path), 0);
	assert_int_equal(pipe2(out, O_NONBLOCK) + pipe2(err, O_NONBLOCK), 0);
	assert_int_equal(output_add(&outputs, &life, (const int[]){dup(out[0]), dup(err[0])}), 0);
	assert_int_equal(write(out[1], "last\n", 5), 5);
	close(out[1]);
	while (output_find(&outputs, 7)->fds[0] >= 0)
		outputs_turn(&outputs, &events);
	assert_int_equal(write(err[1], "more\n", 5), 5);
	outputs_turn(&outputs, &events);
	assert_string_equal(content(f, "child.log"), "last\nmore\n");
	close(err[1]);
	while (output_find(&outputs, 7)->fds[1] >= 0)
		outputs_turn(&outputs, &events);
	close(out[0]);
	close(err[0]);
	outputs_deinit(&outputs);
}

/*
 * Does what a supervisor does with output, until it is killed or until the pipe is empty and has no writer.
 */
static pid_t reader_start(struct fixture *f, int pipe_fd, int write_fd)
{
	struct output_life life = {.group = 7, .forked_ns = 1, .pid = 1, .number = 1, .log_name = "child"};
	struct outputs outputs = {0};
	pid_t pid = fork();
	uint32_t events;

	if (pid)
		return pid;
	close(write_fd);
	if (outputs_init(&outputs, f->path) < 0 ||
		output_add(&outputs, &life, (const int[]){dup(pipe_fd), -1}) < 0)
		_exit(1);
	while (output_find(&outputs, 7)->fds[0] >= 0)
		outputs_turn(&outputs, &events);
	_exit(0);
}

static void test_a_supervisor_killed_at_any_moment_loses_and_doubles_nothing(void **arg)
{
	struct fixture *f = *arg;
	unsigned written = 0, read_back = 0, seed = 1;
	char line[32], expected[32];
	int ends[2], status;
	FILE *file;

	logfile_close(&f->log);
	assert_int_equal(pipe(ends), 0);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	for (int round = 0; round < 300; round++) {
		pid_t pid = reader_start(f, ends[0], ends[1]);
		unsigned n = (unsigned)rand_r(&seed) % 3000;

		/* The lines are more than a pipe holds, so the reader reads while they are written. */
		for (unsigned i = 0; i < n; i++) {
			int size = snprintf(line, sizeof(line), "line %u\n", written++);

			assert_int_equal(write(ends[1], line, (size_t)size), size);
		}
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	close(ends[1]);
	assert_int_equal(waitpid(reader_start(f, ends[0], -1), &status, 0) > 0 && status == 0, 1);
	close(ends[0]);
	file = fdopen(openat(f->dir_fd, "child.log", O_RDONLY), "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		snprintf(expected, sizeof(expected), "line %u\n", read_back++);
		assert_string_equal(line, expected);
	}
	assert_int_equal(read_back, written);
	fclose(file);
	assert_int_equal(stamp_at(f, "child.times", 0).kind, STAMP_STARTED);
}

static void test_a_renamed_file_is_followed_by_a_new_one(void **arg)
{
	struct fixture *f = *arg;

	put(f, "a\n");
	assert_int_equal(renameat(f->dir_fd, "child.log", f->dir_fd, "child.log-old"), 0);
	put(f, "b\n");
	assert_string_equal(content(f, "child.log-old"), "a\n");
	assert_string_equal(content(f, "child.log"), "b\n");
	assert_int_equal(stamp_at(f, "child.times", 0).offset, 0); /* none of the old file's stamps */
	assert_int_equal(stamp_at(f, "child.times", 1).kind, 0);
}

static void test_a_removed_file_is_made_anew(void **arg)
{
	struct fixture *f = *arg;

	put(f, "a\n");
	assert_int_equal(unlinkat(f->dir_fd, "child.log", 0), 0);
	put(f, "b\n");
	assert_string_equal(content(f, "child.log"), "b\n");
}

static void test_an_emptied_file_goes_on_at_its_beginning(void **arg)
{
	struct fixture *f = *arg;
	int fd;

	put(f, "aaa\nb");
	fd = openat(f->dir_fd, "child.log", O_WRONLY | O_TRUNC);
	put(f, "c\n");
	close(fd);
	assert_string_equal(content(f, "child.log"), "c\n");
	assert_int_equal(stamp_at(f, "child.times", 0).offset, 0);
}

static void test_a_removed_directory_is_made_anew(void **arg)
{
	struct fixture *f = *arg;

	put(f, "a\n");
	logfile_close(&f->log);
	assert_int_equal(unlinkat(f->dir_fd, "child.log", 0), 0);
	assert_int_equal(unlinkat(f->dir_fd, "child.times", 0), 0);
	assert_int_equal(rmdir(f->path), 0);
	put(f, "b\n");
	close(f->dir_fd);
	f->dir_fd = open(f->path, O_RDONLY | O_DIRECTORY);
	assert_string_equal(content(f, "child.log"), "b\n");
}

static void test_a_failed_write_is_counted_and_the_next_tries_again(void **arg)
{
	struct fixture *f = *arg;

	assert_int_equal(mkdirat(f->dir_fd, "child.log", 0700), 0);
	assert_int_equal(logfile_write(&f->log, -1, 1, "lost", 4), -EISDIR);
	assert_int_equal(f->log.n_lost_bytes, 4);
	assert_int_equal(unlinkat(f->dir_fd, "child.log", AT_REMOVEDIR), 0);
	put(f, "kept");
	assert_string_equal(content(f, "child.log"), "kept");
	assert_int_equal(stamp_at(f, "child.times", 0).kind, STAMP_LOST);
	assert_int_equal(stamp_at(f, "child.times", 0).number, 4);
}

/* ---- a full disk: a tmpfs of 64 KiB in a mount namespace of a process of its own ---- */

#define FULL_SKIP 77

static void full_fill(int dir_fd)
{
	static const char block[4096];
	int fd = openat(dir_fd, "ballast", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	while (write(fd, block, sizeof(block)) > 0)
		;
	close(fd);
}

/* What the stamps say that was lost, over all of them. */
static uint64_t full_said(int dir_fd, unsigned *ret_n)
{
	int fd = openat(dir_fd, "child.times", O_RDONLY | O_CLOEXEC);
	off_t at = sizeof(struct stamp_header);
	struct stamp stamp;
	uint64_t sum = 0;

	*ret_n = 0;
	for (; pread(fd, &stamp, sizeof(stamp), at) == sizeof(stamp); at += sizeof(stamp))
		if (stamp.kind == STAMP_LOST) {
			sum += (uint64_t)stamp.number;
			++*ret_n;
		}
	close(fd);
	return sum;
}

/* The number of the line that is not true; 0: all is well. */
static int full_run(const char *path)
{
	static char text[3000];
	struct log_dir dir;
	struct logfile log;
	unsigned n;
	uint64_t lost;

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\n';
	if (log_dir_open(&dir, path) < 0)
		return __LINE__;
	logfile_init(&log, &dir, "child");
	log.pid = 7;
	log.life = 1;
	if (logfile_started(&log, 5, 1) || logfile_write(&log, -1, 1, text, sizeof(text)))
		return __LINE__;
	full_fill(dir.fd);
	for (int i = 0; i < 50; i++)
		logfile_write(&log, -1, 1, text, sizeof(text));
	lost = log.n_lost_bytes;
	if (lost < 48 * sizeof(text) || full_said(dir.fd, &n) != lost || n > 2)
		return __LINE__;
	logfile_close(&log); /* and the supervisor is killed; so the next one counts on */
	logfile_init(&log, &dir, "child");
	log.pid = 7;
	log.life = 1;
	if (logfile_started(&log, 5, 1))
		return __LINE__;
	for (int i = 0; i < 50; i++)
		logfile_write(&log, -1, 1, text, sizeof(text));
	lost += log.n_lost_bytes;
	if (full_said(dir.fd, &n) != lost || n > 2)
		return __LINE__;
	/* the life ends on the full disk, another one begins, and then there is room */
	if (logfile_ended(&log, 5, 1, STAMP_ENDED, CLD_EXITED, 0))
		return __LINE__;
	unlinkat(dir.fd, "ballast", 0);
	log.life = 2;
	if (logfile_started(&log, 6, 2) || logfile_write(&log, -1, 1, text, sizeof(text)))
		return __LINE__;
	if (full_said(dir.fd, &n) != lost || n > 2)
		return __LINE__;
	/* stamps that could not be made come when they can, and then say what was lost */
	logfile_close(&log);
	unlinkat(dir.fd, "child.log", 0);
	unlinkat(dir.fd, "child.times", 0);
	full_fill(dir.fd);
	lost = log.n_lost_bytes;
	logfile_write(&log, -1, 1, text, sizeof(text));
	lost = log.n_lost_bytes - lost;
	unlinkat(dir.fd, "ballast", 0);
	if (!lost || logfile_ended(&log, 6, 2, STAMP_ENDED, CLD_EXITED, 0))
		return __LINE__;
	if (full_said(dir.fd, &n) != lost || n != 1)
		return __LINE__;
	logfile_close(&log);
	log_dir_close(&dir);
	return 0;
}

static void test_what_a_full_disk_takes_is_said_in_the_stamps(void **arg)
{
	struct fixture *f = *arg;
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (unshare(CLONE_NEWNS | (geteuid() ? CLONE_NEWUSER : 0)) < 0 ||
			mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
			mount("tmpfs", f->path, "tmpfs", 0, "size=64k") < 0)
			_exit(FULL_SKIP);
		status = full_run(f->path);
		if (status)
			fprintf(stderr, "line %d is not true\n", status);
		_exit(status ? 1 : 0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == FULL_SKIP)
		print_message("# nothing may be mounted here: not tested\n");
	else
		assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_no_child_has_the_log_of_the_node(void **arg)
{
	char name[LOGFILE_NAME_MAX];

	logfile_name("actor-spawner", name);
	assert_string_equal(name, "%61ctor-spawner.log");
	logfile_name("actor-spawner2", name);
	assert_string_equal(name, "actor-spawner2.log");
}

static void test_the_stamps_lie_beside_their_log(void **arg)
{
	char name[32];

	stamp_file_name(name, sizeof(name), "a.b.log", 0);
	assert_string_equal(name, "a.b.times");
	stamp_file_name(name, sizeof(name), "a.b.log", 12);
	assert_string_equal(name, "a.b.times.12");
	stamp_file_name(name, sizeof(name), "web", 0);
	assert_string_equal(name, "");
	stamp_file_name(name, 8, "abc.log", 0);
	assert_string_equal(name, "");
}

static void test_a_symlink_is_not_followed(void **arg)
{
	struct fixture *f = *arg;

	assert_int_equal(symlinkat("elsewhere", f->dir_fd, "child.log"), 0);
	assert_int_equal(logfile_write(&f->log, -1, 1, "x", 1), -ELOOP);
	assert_int_equal(faccessat(f->dir_fd, "elsewhere", F_OK, 0), -1);
}

static const char *tail_of(const char *text, size_t size)
{
	static struct tail tail;
	static char out[256];

	tail = (struct tail){0};
	tail_add(&tail, text, strlen(text));
	tail_text(&tail, out, size);
	return out;
}

static void test_the_tail_is_the_last_whole_lines_that_fit(void **arg)
{
	assert_string_equal(tail_of("", 100), "");
	assert_string_equal(tail_of("\n\n", 100), "");
	assert_string_equal(tail_of("one\n", 100), "one");
	assert_string_equal(tail_of("one\ntwo\n", 100), "one | two");
	assert_string_equal(tail_of("one\ntwo", 100), "one | two");
	assert_string_equal(tail_of("one\ntwo\nthree\n", 12), "two | three");
	assert_string_equal(tail_of("one\ntwo\nthree\n", 11), "three");
	assert_string_equal(tail_of("one\nabcdefghijkl\n", 6), "abcde");
	assert_string_equal(tail_of("bad \x01\xff byte\n", 100), "bad ?? byte");
}

static void test_the_tail_of_much_is_its_end(void **arg)
{
	static struct tail tail;
	char line[32], text[64];

	for (int i = 0; i < 10000; i++) {
		snprintf(line, sizeof(line), "line %d\n", i);
		tail_add(&tail, line, strlen(line));
	}
	tail_text(&tail, text, 23);
	assert_string_equal(text, "line 9998 | line 9999");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_names_cannot_leave_the_directory),
		T(test_long_names_are_cut_and_stay_apart),
		T(test_nothing_written_makes_no_file),
		T(test_bytes_are_kept_as_they_are),
		T(test_an_existing_file_is_appended_to),
		T(test_files_turn_over_up_to_their_number),
		T(test_a_write_bigger_than_a_file_goes_through_several),
		T(test_files_are_turned_over_between_lines),
		T(test_a_line_too_long_for_a_file_is_cut_and_marked),
		T(test_each_line_is_stamped_with_time_life_and_stream),
		T(test_a_life_begins_on_a_line_of_its_own),
		T(test_the_next_supervisor_says_no_life_twice),
		T(test_bytes_leave_the_pipe_as_they_come_into_the_file),
		T(test_what_is_in_the_place_of_a_log_is_named),
		T(test_an_end_is_written_when_it_is_settled_and_before_the_next_life),
		T(test_what_a_life_lost_whose_log_could_not_be_opened_is_told_by_the_next),
		T(test_a_stream_goes_on_when_the_other_one_has_ended),
		T(test_a_supervisor_killed_at_any_moment_loses_and_doubles_nothing),
		T(test_a_renamed_file_is_followed_by_a_new_one),
		T(test_a_removed_file_is_made_anew),
		T(test_an_emptied_file_goes_on_at_its_beginning),
		T(test_a_removed_directory_is_made_anew),
		T(test_no_child_has_the_log_of_the_node),
		T(test_the_stamps_lie_beside_their_log),
		T(test_a_failed_write_is_counted_and_the_next_tries_again),
		T(test_what_a_full_disk_takes_is_said_in_the_stamps),
		T(test_a_symlink_is_not_followed),
		T(test_the_tail_is_the_last_whole_lines_that_fit),
		T(test_the_tail_of_much_is_its_end),
	};

	return run_facts(tests);
}

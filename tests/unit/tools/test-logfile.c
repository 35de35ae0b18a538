/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a log, and following it through rotation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "spawner/logs/reader.h"
#include "tests/fact.h"

static char dir[64];
static char path[80];

static int setup(void **state)
{
	strcpy(dir, "/tmp/test-logfile-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/x.log", dir);
	setenv("TZ", "UTC", 1);
	tzset();
	return 0;
}

static int teardown(void **state)
{
	char name[96];

	unlink(path);
	for (int i = 1; i < 8; i++) {
		snprintf(name, sizeof(name), "%s.%d", path, i);
		unlink(name);
		snprintf(name, sizeof(name), "%s/x.times.%d", dir, i);
		unlink(name);
	}
	snprintf(name, sizeof(name), "%s/x.times", dir);
	unlink(name);
	return rmdir(dir);
}

static void append(const char *text)
{
	FILE *f = fopen(path, "ae");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void rotate(void)
{
	char from[96], to[96];

	for (int i = 6; i > 0; i--) {
		snprintf(from, sizeof(from), "%s.%d", path, i);
		snprintf(to, sizeof(to), "%s.%d", path, i + 1);
		rename(from, to);
	}
	snprintf(to, sizeof(to), "%s.1", path);
	rename(path, to);
}

/* Stamps for the current log. Times are 1970-01-01 00:00:00.0NN, with NN from 1. */
static void stamp(const char *times, const struct stamp *stamps, size_t n)
{
	struct stamp_header header = {
		.magic = STAMP_MAGIC, .version = STAMP_VERSION, .record_bytes = sizeof(struct stamp)};
	char name[96];
	struct stat st;
	FILE *f;

	snprintf(name, sizeof(name), "%s/%s", dir, times);
	assert_int_equal(stat(path, &st), 0);
	header.ino = st.st_ino;
	f = fopen(name, "we");
	assert_non_null(f);
	fwrite(&header, sizeof(header), 1, f);
	for (size_t i = 0; i < n; i++) {
		struct stamp one = stamps[i];

		one.time_us = (int64_t)(i + 1) * 1000;
		fwrite(&one, sizeof(one), 1, f);
	}
	fclose(f);
}

static char *collect(int (*what)(struct log_reader *, uint64_t, FILE *), struct log_reader *log, uint64_t n)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	assert_int_equal(what(log, n, to), 0);
	fclose(to);
	return text;
}

static int catch_up(struct log_reader *log, uint64_t n, FILE *to)
{
	return log_reader_catch_up(log, to);
}

static void assert_tail(uint64_t n, const char *expected)
{
	struct log_reader log;
	char *text;

	assert_int_equal(log_reader_open(&log, path), 0);
	text = collect(log_reader_tail, &log, n);
	assert_string_equal(text, expected);
	free(text);
	log_reader_close(&log);
}

static void assert_caught_up(struct log_reader *log, const char *expected)
{
	char *text = collect(catch_up, log, 0);

	assert_string_equal(text, expected);
	free(text);
}

static void test_last_lines_are_counted_from_the_end(void **state)
{
	append("a\nb\nc\n");
	assert_tail(0, "");
	assert_tail(1, "c\n");
	assert_tail(2, "b\nc\n");
	assert_tail(3, "a\nb\nc\n");
	assert_tail(100, "a\nb\nc\n");
	append("d");
	assert_tail(1, "d");
	assert_tail(2, "c\nd");
}

static void test_missing_log_has_no_lines(void **state)
{
	assert_tail(10, "");
}

static void test_rotated_predecessors_are_read_as_needed(void **state)
{
	append("a\nb\n");
	rotate();
	append("c\n");
	rotate();
	append("d\ne\n");
	assert_tail(1, "e\n");
	assert_tail(2, "d\ne\n");
	assert_tail(3, "c\nd\ne\n");
	assert_tail(4, "b\nc\nd\ne\n");
	assert_tail(9, "a\nb\nc\nd\ne\n");
}

static void test_fresh_empty_file_shows_the_one_before(void **state)
{
	append("a\nb\n");
	rotate();
	append("");
	assert_tail(1, "b\n");
}

static void test_long_lines_reach_over_blocks(void **state)
{
	char *line = malloc(200001);

	memset(line, 'x', 200000);
	line[200000] = '\0';
	append("first\n");
	append(line);
	append("\n");
	struct log_reader log;
	assert_int_equal(log_reader_open(&log, path), 0);
	char *text = collect(log_reader_tail, &log, 1);
	assert_int_equal(strlen(text), 200001);
	free(text);
	log_reader_close(&log);
	free(line);
}

static void test_following_shows_what_comes(void **state)
{
	struct log_reader log;
	char *text;

	append("a\n");
	assert_int_equal(log_reader_open(&log, path), 0);
	text = collect(log_reader_tail, &log, 10);
	free(text);
	assert_caught_up(&log, "");
	append("b");
	assert_caught_up(&log, "b");
	append("c\n");
	assert_caught_up(&log, "c\n");
	log_reader_close(&log);
}

static void test_following_goes_through_rotation(void **state)
{
	struct log_reader log;

	append("a\n");
	assert_int_equal(log_reader_open(&log, path), 0);
	free(collect(log_reader_tail, &log, 10));
	append("b\n");
	rotate();
	assert_caught_up(&log, "b\n"); /* the rotated file is read while no new one exists */
	append("c\n");
	assert_caught_up(&log, "c\n");
	log_reader_close(&log);
}

static void test_following_misses_nothing_over_several_rotations(void **state)
{
	struct log_reader log;

	append("a\n");
	assert_int_equal(log_reader_open(&log, path), 0);
	free(collect(log_reader_tail, &log, 10));
	append("b\n");
	rotate();
	append("c\n");
	rotate();
	append("d\n");
	rotate();
	append("e\n");
	assert_caught_up(&log, "b\nc\nd\ne\n");
	log_reader_close(&log);
}

static void test_following_survives_truncation(void **state)
{
	struct log_reader log;

	append("a long line\n");
	assert_int_equal(log_reader_open(&log, path), 0);
	free(collect(log_reader_tail, &log, 10));
	assert_int_equal(truncate(path, 0), 0);
	append("b\n");
	assert_caught_up(&log, "b\n");
	log_reader_close(&log);
}

static void test_following_waits_for_a_file_that_is_not_there(void **state)
{
	struct log_reader log;

	assert_int_equal(log_reader_open(&log, path), 0);
	assert_caught_up(&log, "");
	append("a\n");
	assert_caught_up(&log, "a\n");
	log_reader_close(&log);
}

static void test_what_is_no_file_is_no_log(void **state)
{
	struct log_reader log;
	char other[96];

	assert_int_equal(mkfifo(path, 0600), 0);
	/* The reader must not wait for somebody who writes to the FIFO. */
	assert_int_equal(log_reader_open(&log, path), -EINVAL);
	unlink(path);
	snprintf(other, sizeof(other), "%s/x.times", dir);
	append("a secret of somebody else\n");
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(log_reader_open(&log, path), -ELOOP);
	unlink(path);
	unlink(other);
	append("line 1\n");
	snprintf(other, sizeof(other), "%s.1", path);
	assert_int_equal(mkfifo(other, 0600), 0);
	assert_tail(10, "line 1\n");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#define T(n) "1970-01-01 00:00:00.00" #n " "

static char *stamped(uint64_t n)
{
	struct log_reader log;
	char *text;

	assert_int_equal(log_reader_open(&log, path), 0);
	log.stamped = true;
	text = collect(log_reader_tail, &log, n);
	log_reader_close(&log);
	return text;
}

static void assert_stamped(uint64_t n, const char *expected)
{
	char *text = stamped(n);

	assert_string_equal(text, expected);
	free(text);
}

static void test_each_line_is_shown_with_time_life_and_stream(void **state)
{
	append("a\nb\nc\n");
	stamp("x.times",
		(const struct stamp[]){{.life = 1, .kind = STAMP_LINES, .stream = 1},
			{.offset = 4, .life = 2, .kind = STAMP_LINES, .stream = 2}},
		2);
	assert_stamped(9, T(1) "#1 | a\n" T(1) "#1 | b\n" T(2) "#2 ! c\n");
	assert_stamped(2, T(1) "#1 | b\n" T(2) "#2 ! c\n");
	assert_stamped(1, T(2) "#2 ! c\n");
	assert_tail(9, "a\nb\nc\n");
}

static void test_lives_are_shown_with_how_they_ended(void **state)
{
	append("a\nfatal\nb\n");
	stamp("x.times",
		(const struct stamp[]){{.life = 1, .kind = STAMP_STARTED, .pid = 7},
			{.life = 1, .kind = STAMP_LINES, .stream = 1},
			{.offset = 7, .life = 1, .kind = STAMP_ENDED, .code = CLD_DUMPED, .number = SIGSEGV},
			{.offset = 8, .life = 2, .kind = STAMP_STARTED, .pid = 8},
			{.offset = 8, .life = 2, .kind = STAMP_LINES, .stream = 1},
			{.offset = 10, .life = 2, .kind = STAMP_ENDED, .code = CLD_EXITED, .number = 3},
			{.offset = 10, .life = 3, .kind = STAMP_FAILED, .number = ENOENT}},
		7);
	assert_stamped(9,
		T(1) "#1 --- started pid 7\n" T(2) "#1 | a\n" T(2) "#1 | fatal\n" T(3) "#1 --- ended: SIGSEGV (core dumped)\n" T(
			4) "#2 --- started pid 8\n" T(5) "#2 | b\n" T(6) "#2 --- ended: exit 3\n" T(7) "#3 --- could not be started: No such file or directory\n");
	assert_stamped(1, T(4) "#2 --- started pid 8\n" T(5) "#2 | b\n" T(6) "#2 --- ended: exit 3\n" T(
				  7) "#3 --- could not be started: No such file or directory\n");
}

static void test_a_line_of_two_streams_is_shown_as_two(void **state)
{
	append("oute\nf\n");
	stamp("x.times",
		(const struct stamp[]){{.life = 1, .kind = STAMP_LINES, .stream = 1},
			{.offset = 3, .life = 1, .kind = STAMP_LINES, .stream = 2}},
		2);
	assert_stamped(9, T(1) "#1 | out\n" T(2) "#1 ! e\n" T(2) "#1 ! f\n");
}

static void test_what_is_cut_and_what_is_lost_is_shown(void **state)
{
	append("rest\nb\n");
	stamp("x.times",
		(const struct stamp[]){{.life = 1, .kind = STAMP_CUT, .stream = 1},
			{.offset = 5, .life = 1, .kind = STAMP_LOST, .number = 99},
			{.offset = 5, .life = 1, .kind = STAMP_LINES, .stream = 1}},
		3);
	assert_stamped(
		9, T(1) "#1 + rest\n" T(2) "#1 --- 99 bytes are lost: they could not be written here\n" T(
			   3) "#1 | b\n");
}

static void test_stamps_of_another_file_are_not_shown(void **state)
{
	char other[96];

	append("a\n");
	stamp("x.times", (const struct stamp[]){{.life = 1, .kind = STAMP_LINES, .stream = 1}}, 1);
	snprintf(other, sizeof(other), "%s.7", path);
	assert_int_equal(rename(path, other), 0);
	append("b\n");
	assert_stamped(1, "b\n");
}

static void test_stamps_turn_over_with_their_log(void **state)
{
	char from[96], to[96];

	append("a\n");
	stamp("x.times", (const struct stamp[]){{.life = 1, .kind = STAMP_LINES, .stream = 1}}, 1);
	snprintf(from, sizeof(from), "%s/x.times", dir);
	snprintf(to, sizeof(to), "%s/x.times.1", dir);
	rename(from, to);
	rotate();
	append("b\n");
	stamp("x.times", (const struct stamp[]){{.life = 2, .kind = STAMP_LINES, .stream = 1}}, 1);
	assert_stamped(9, T(1) "#1 | a\n" T(1) "#2 | b\n");
}

static void test_following_shows_stamps_as_they_come(void **state)
{
	struct stamp stamps[] = {{.life = 1, .kind = STAMP_LINES, .stream = 1},
		{.offset = 3, .life = 1, .kind = STAMP_ENDED, .code = CLD_KILLED, .number = SIGKILL},
		{.offset = 4, .life = 2, .kind = STAMP_STARTED, .pid = 8},
		{.offset = 4, .life = 2, .kind = STAMP_LINES, .stream = 1}};
	char times[96], *text;
	struct log_reader log;

	append("a");
	stamp("x.times", stamps, 1);
	snprintf(times, sizeof(times), "%s/x.times", dir);
	assert_int_equal(log_reader_open(&log, path), 0);
	log.stamped = true;
	text = collect(log_reader_tail, &log, 10);
	assert_string_equal(text, T(1) "#1 | a");
	free(text);
	append("bc");
	assert_caught_up(&log, "bc");
	stamp("x.times", stamps, 2);
	assert_caught_up(&log, "\n" T(2) "#1 --- ended: SIGKILL\n");
	stamp("x.times", stamps, 4);
	append("\nd\n"); /* this newline was already shown when the life ended */
	assert_caught_up(&log, T(3) "#2 --- started pid 8\n" T(4) "#2 | d\n");
	log_reader_close(&log);
}

/* A writer whose disk is full takes back the stamp of lines it could not write, and counts in one record. */
static void test_following_counts_on_what_is_lost(void **state)
{
	struct stamp stamps[] = {{.life = 1, .kind = STAMP_LINES, .stream = 1},
		{.offset = 2, .life = 1, .kind = STAMP_LINES, .stream = 1},
		{.offset = 2, .life = 1, .kind = STAMP_LINES, .stream = 1}};
	struct log_reader log;
	char *text;

	append("a\n");
	stamp("x.times", stamps, 2);
	assert_int_equal(log_reader_open(&log, path), 0);
	log.stamped = true;
	text = collect(log_reader_tail, &log, 10);
	assert_string_equal(text, T(1) "#1 | a\n");
	free(text);
	stamps[1] = (struct stamp){.offset = 2, .life = 1, .kind = STAMP_LOST, .number = 5};
	stamp("x.times", stamps, 2);
	assert_caught_up(&log, T(2) "#1 --- 5 bytes are lost: they could not be written here\n");
	assert_caught_up(&log, "");
	stamps[1].number = 12;
	stamp("x.times", stamps, 3);
	append("b\n");
	assert_caught_up(
		&log, T(2) "#1 --- 7 bytes are lost: they could not be written here\n" T(3) "#1 | b\n");
	log_reader_close(&log);
}
#undef T

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_no_file_is_no_log),
		TEST(test_last_lines_are_counted_from_the_end),
		TEST(test_missing_log_has_no_lines),
		TEST(test_rotated_predecessors_are_read_as_needed),
		TEST(test_fresh_empty_file_shows_the_one_before),
		TEST(test_long_lines_reach_over_blocks),
		TEST(test_following_shows_what_comes),
		TEST(test_following_goes_through_rotation),
		TEST(test_following_misses_nothing_over_several_rotations),
		TEST(test_following_survives_truncation),
		TEST(test_following_waits_for_a_file_that_is_not_there),
		TEST(test_each_line_is_shown_with_time_life_and_stream),
		TEST(test_lives_are_shown_with_how_they_ended),
		TEST(test_a_line_of_two_streams_is_shown_as_two),
		TEST(test_what_is_cut_and_what_is_lost_is_shown),
		TEST(test_stamps_of_another_file_are_not_shown),
		TEST(test_stamps_turn_over_with_their_log),
		TEST(test_following_shows_stamps_as_they_come),
		TEST(test_following_counts_on_what_is_lost),
	};

	return run_facts_of("logfile", tests);
}

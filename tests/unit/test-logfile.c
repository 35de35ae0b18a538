/* the end of a log, and what comes after, through rotation */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "logfile.h"

static char dir[64];
static char path[80];

static int setup(void **state)
{
	strcpy(dir, "/tmp/test-logfile-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/log", dir);
	return 0;
}

static int teardown(void **state)
{
	char name[96];

	unlink(path);
	for (int i = 1; i < 8; i++) {
		snprintf(name, sizeof(name), "%s.%d", path, i);
		unlink(name);
	}
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

static char *collect(int (*what)(struct logfile *, uint64_t, FILE *), struct logfile *log, uint64_t n)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	assert_int_equal(what(log, n, to), 0);
	fclose(to);
	return text;
}

static int catch_up(struct logfile *log, uint64_t n, FILE *to)
{
	return logfile_catch_up(log, to);
}

static void assert_tail(uint64_t n, const char *expected)
{
	struct logfile log;
	char *text;

	assert_int_equal(logfile_open(&log, path), 0);
	text = collect(logfile_tail, &log, n);
	assert_string_equal(text, expected);
	free(text);
	logfile_close(&log);
}

static void assert_caught_up(struct logfile *log, const char *expected)
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
	struct logfile log;
	assert_int_equal(logfile_open(&log, path), 0);
	char *text = collect(logfile_tail, &log, 1);
	assert_int_equal(strlen(text), 200001);
	free(text);
	logfile_close(&log);
	free(line);
}

static void test_following_shows_what_comes(void **state)
{
	struct logfile log;
	char *text;

	append("a\n");
	assert_int_equal(logfile_open(&log, path), 0);
	text = collect(logfile_tail, &log, 10);
	free(text);
	assert_caught_up(&log, "");
	append("b");
	assert_caught_up(&log, "b");
	append("c\n");
	assert_caught_up(&log, "c\n");
	logfile_close(&log);
}

static void test_following_goes_through_rotation(void **state)
{
	struct logfile log;

	append("a\n");
	assert_int_equal(logfile_open(&log, path), 0);
	free(collect(logfile_tail, &log, 10));
	append("b\n");
	rotate();
	assert_caught_up(&log, "b\n"); /* no new file yet */
	append("c\n");
	assert_caught_up(&log, "c\n");
	logfile_close(&log);
}

static void test_following_misses_nothing_over_several_rotations(void **state)
{
	struct logfile log;

	append("a\n");
	assert_int_equal(logfile_open(&log, path), 0);
	free(collect(logfile_tail, &log, 10));
	append("b\n");
	rotate();
	append("c\n");
	rotate();
	append("d\n");
	rotate();
	append("e\n");
	assert_caught_up(&log, "b\nc\nd\ne\n");
	logfile_close(&log);
}

static void test_following_survives_truncation(void **state)
{
	struct logfile log;

	append("a long line\n");
	assert_int_equal(logfile_open(&log, path), 0);
	free(collect(logfile_tail, &log, 10));
	assert_int_equal(truncate(path, 0), 0);
	append("b\n");
	assert_caught_up(&log, "b\n");
	logfile_close(&log);
}

static void test_following_waits_for_a_file_that_is_not_there(void **state)
{
	struct logfile log;

	assert_int_equal(logfile_open(&log, path), 0);
	assert_caught_up(&log, "");
	append("a\n");
	assert_caught_up(&log, "a\n");
	logfile_close(&log);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests_name("logfile", tests, NULL, NULL);
}

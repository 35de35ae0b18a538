/* SPDX-License-Identifier: Apache-2.0 */
/* A log line by line, with its stamps and the events of its lives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spawner/logs/lines.h"
#include "tests/fact.h"

static char dir[64], path[80], times[80];
static struct log_lines lines;

static int setup(void **state)
{
	strcpy(dir, "/tmp/test-log-lines-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/x.log", dir);
	snprintf(times, sizeof(times), "%s/x.times", dir);
	return 0;
}

static int teardown(void **state)
{
	char name[96];

	log_lines_close(&lines);
	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), i ? "%s.%d" : "%s", path, i);
		unlink(name);
		snprintf(name, sizeof(name), i ? "%s.%d" : "%s", times, i);
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
	const char *const names[] = {path, times};

	for (size_t k = 0; k < 2; k++)
		for (int i = 6; i >= 0; i--) {
			snprintf(from, sizeof(from), i ? "%s.%d" : "%s", names[k], i);
			snprintf(to, sizeof(to), "%s.%d", names[k], i + 1);
			rename(from, to);
		}
}

/* Stamps for the present log; the n-th has the time n. */
static void stamp(const struct stamp *stamps, size_t n)
{
	struct stamp_header header = {
		.magic = STAMP_MAGIC, .version = STAMP_VERSION, .record_bytes = sizeof(struct stamp)};
	struct stat st;
	FILE *f;

	assert_int_equal(stat(path, &st), 0);
	header.ino = st.st_ino;
	f = fopen(times, "we");
	assert_non_null(f);
	fwrite(&header, sizeof(header), 1, f);
	for (size_t i = 0; i < n; i++) {
		struct stamp one = stamps[i];

		one.time_us = (int64_t)i + 1;
		fwrite(&one, sizeof(one), 1, f);
	}
	fclose(f);
}

#define STAMP(...)                                                                                           \
	do {                                                                                                 \
		const struct stamp stamps[] = {__VA_ARGS__};                                                 \
		stamp(stamps, sizeof(stamps) / sizeof(stamps[0]));                                           \
	} while (0)

/*
 * Compares all that comes now. A line is "TIME#LIFE STREAM TEXT", with + before the text of a rest and ~
 * behind an open line; an event is "TIME#LIFE *KIND NUMBER".
 */
static void assert_given(bool all, const char *expected)
{
	static char text[4096];
	struct log_line line;
	size_t n = 0;
	int r;

	text[0] = 0;
	while ((r = log_lines_next(&lines, all, &line)) == 1) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%d#%u ", (int)line.time_us, line.life);
		if (line.bytes)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%c%s%.*s%s\n",
				line.stream == 2   ? '!'
				: line.stream == 1 ? '|'
						   : '?',
				line.kind == STAMP_CUT ? "+" : "", (int)line.n_bytes, line.bytes,
				line.open ? "~" : "");
		else
			n += (size_t)snprintf(
				text + n, sizeof(text) - n, "*%d %d\n", (int)line.kind, (int)line.number);
	}
	assert_int_equal(r, 0);
	assert_string_equal(text, expected);
}

static void begin(void)
{
	assert_int_equal(log_lines_open(&lines, path), 0);
}

static void test_each_line_has_time_life_and_stream(void **state)
{
	append("a\nb\n\nc\n");
	STAMP({.life = 1, .kind = STAMP_STARTED}, {.life = 1, .kind = STAMP_LINES, .stream = 1},
		{.offset = 5, .life = 2, .kind = STAMP_LINES, .stream = 2});
	begin();
	assert_given(false, "1#1 *2 0\n2#1 |a\n2#1 |b\n2#1 |\n3#2 !c\n");
	assert_given(false, "");
}

static void test_a_log_without_stamps_has_lines(void **state)
{
	append("a\nb\n");
	begin();
	assert_given(false, "0#0 ?a\n0#0 ?b\n");
}

static void test_an_open_line_waits_for_its_end(void **state)
{
	append("a\nb");
	begin();
	assert_given(false, "0#0 ?a\n");
	append("c");
	assert_given(false, "");
	append("\nd");
	assert_given(false, "0#0 ?bc\n");
	assert_given(true, "0#0 ?d~\n");
}

static void test_a_line_of_two_streams_is_two(void **state)
{
	append("oute\nf\n");
	STAMP({.life = 1, .kind = STAMP_LINES, .stream = 1},
		{.offset = 3, .life = 1, .kind = STAMP_LINES, .stream = 2});
	begin();
	assert_given(false, "1#1 |out~\n2#1 !e\n2#1 !f\n");
}

static void test_an_open_line_ends_with_its_life(void **state)
{
	const struct stamp stamps[] = {{.life = 1, .kind = STAMP_LINES, .stream = 1},
		{.offset = 2, .life = 1, .kind = STAMP_ENDED, .number = 9},
		{.offset = 3, .life = 2, .kind = STAMP_STARTED},
		{.offset = 3, .life = 2, .kind = STAMP_LINES, .stream = 1}};

	append("ab");
	stamp(stamps, 1);
	begin();
	assert_given(false, "");
	stamp(stamps, 2);
	assert_given(false, "1#1 |ab~\n2#1 *3 9\n");
	append("\nc\n"); /* the first newline is the one that the writer adds */
	stamp(stamps, 4);
	assert_given(false, "3#2 *2 0\n4#2 |c\n");
}

static void test_what_is_lost_grows(void **state)
{
	struct stamp stamps[] = {{.life = 1, .kind = STAMP_LINES, .stream = 1},
		{.offset = 2, .life = 1, .kind = STAMP_LINES, .stream = 1}};

	append("a\n");
	stamp(stamps, 2); /* the second is about a line that could not be written */
	begin();
	assert_given(false, "1#1 |a\n");
	stamps[1] = (struct stamp){.offset = 2, .life = 1, .kind = STAMP_LOST, .number = 10};
	stamp(stamps, 2);
	assert_given(false, "2#1 *5 10\n");
	stamps[1].number = 15;
	stamp(stamps, 2);
	assert_given(false, "2#1 *5 5\n");
}

static void test_lines_go_on_over_rotations(void **state)
{
	append("a\n");
	begin();
	assert_given(false, "0#0 ?a\n");
	append("b\nopen");
	rotate();
	append("rest\nc\n");
	STAMP({.life = 1, .kind = STAMP_CUT, .stream = 1},
		{.offset = 5, .life = 1, .kind = STAMP_LINES, .stream = 1});
	rotate();
	append("d\n");
	assert_given(false, "0#0 ?b\n0#0 ?open~\n1#1 |+rest\n2#1 |c\n0#0 ?d\n");
}

static void test_an_emptied_log_starts_over(void **state)
{
	append("a long line\n");
	begin();
	assert_given(false, "0#0 ?a long line\n");
	assert_int_equal(truncate(path, 0), 0);
	append("b\n");
	assert_given(false, "0#0 ?b\n");
}

static void test_the_last_lines_may_be_in_older_files(void **state)
{
	append("a\nb\n");
	rotate();
	append("c\n");
	rotate();
	append("d\ne\n");
	begin();
	assert_int_equal(log_lines_tail(&lines, 4), 0);
	assert_given(false, "0#0 ?b\n0#0 ?c\n0#0 ?d\n0#0 ?e\n");
	assert_int_equal(log_lines_tail(&lines, 1), 0);
	assert_given(false, "0#0 ?e\n");
	assert_int_equal(log_lines_tail(&lines, 0), 0);
	assert_given(false, "");
	assert_int_equal(log_lines_since(&lines, 0), 0);
	assert_given(false, "0#0 ?a\n0#0 ?b\n0#0 ?c\n0#0 ?d\n0#0 ?e\n");
}

static void test_a_log_that_comes_later_is_read_from_its_beginning(void **state)
{
	begin();
	assert_given(false, "");
	append("a\n");
	assert_given(false, "0#0 ?a\n");
}

static void test_a_long_line_comes_in_pieces(void **state)
{
	char *text = malloc(LOG_LINE_BYTES + 11);
	struct log_line line;

	memset(text, 'x', LOG_LINE_BYTES + 9);
	strcpy(text + LOG_LINE_BYTES + 9, "\n");
	append(text);
	free(text);
	begin();
	assert_int_equal(log_lines_next(&lines, false, &line), 1);
	assert_true(line.open && line.n_bytes == LOG_LINE_BYTES);
	assert_int_equal(log_lines_next(&lines, false, &line), 1);
	assert_true(!line.open && line.n_bytes == 9);
	assert_int_equal(log_lines_next(&lines, false, &line), 0);
}

static void test_what_was_rotated_away_can_be_dropped(void **state)
{
	struct log_line line;

	append("1\n2\n");
	begin();
	assert_int_equal(log_lines_next(&lines, false, &line), 1);
	assert_int_equal(log_lines_drop_old(&lines, 0), 0); /* the present file is kept */
	rotate();
	append("345\n");
	assert_int_equal(log_lines_drop_old(&lines, 1), 0);
	rotate();
	append("6\n");
	assert_int_equal(log_lines_drop_old(&lines, 1), 2);
	assert_given(false, "0#0 ?345\n0#0 ?6\n");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_line_has_time_life_and_stream),
		TEST(test_a_log_without_stamps_has_lines),
		TEST(test_an_open_line_waits_for_its_end),
		TEST(test_a_line_of_two_streams_is_two),
		TEST(test_an_open_line_ends_with_its_life),
		TEST(test_what_is_lost_grows),
		TEST(test_lines_go_on_over_rotations),
		TEST(test_an_emptied_log_starts_over),
		TEST(test_the_last_lines_may_be_in_older_files),
		TEST(test_a_log_that_comes_later_is_read_from_its_beginning),
		TEST(test_a_long_line_comes_in_pieces),
		TEST(test_what_was_rotated_away_can_be_dropped),
	};

	return run_facts(tests);
}

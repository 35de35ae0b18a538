/* Logs: where they lie, how they turn over, what is remembered of the last lines. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "logfile.h"

struct fixture {
	char path[64];
	int dir_fd;
	struct logfile log;
};

static int setup(void **arg)
{
	static struct fixture f;

	strcpy(f.path, "/tmp/test-logfile-XXXXXX");
	if (!mkdtemp(f.path))
		return -1;
	f.dir_fd = open(f.path, O_RDONLY | O_DIRECTORY);
	logfile_init(&f.log, f.dir_fd, "child");
	f.log.max_bytes = 10;
	f.log.max_old = 3;
	*arg = &f;
	return 0;
}

static int teardown(void **arg)
{
	struct fixture *f = *arg;
	struct dirent *entry;
	DIR *dir;

	logfile_deinit(&f->log);
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
	assert_int_equal(logfile_write(&f->log, text, strlen(text)), 0);
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
	logfile_deinit(&f->log);
	put(f, "new");
	assert_string_equal(content(f, "child.log"), "oldnew");
	put(f, "12345");
	assert_string_equal(content(f, "child.log.1"), "oldnew"); /* its size counts */
	assert_string_equal(content(f, "child.log"), "12345");
}

static void test_files_turn_over_up_to_their_number(void **arg)
{
	struct fixture *f = *arg;

	put(f, "1111111111");
	put(f, "2222222222");
	put(f, "3333333333");
	put(f, "4444444444");
	put(f, "5");
	assert_string_equal(content(f, "child.log"), "5");
	assert_string_equal(content(f, "child.log.1"), "4444444444");
	assert_string_equal(content(f, "child.log.2"), "3333333333");
	assert_string_equal(content(f, "child.log.3"), "2222222222");
	assert_string_equal(content(f, "child.log.4"), "(none)");
}

static void test_a_write_bigger_than_a_file_goes_through_several(void **arg)
{
	struct fixture *f = *arg;

	put(f, "aaaaaaaaaabbbbbbbbbbcc");
	assert_string_equal(content(f, "child.log"), "cc");
	assert_string_equal(content(f, "child.log.1"), "bbbbbbbbbb");
	assert_string_equal(content(f, "child.log.2"), "aaaaaaaaaa");
}

static void test_a_failed_write_is_counted_and_the_next_tries_again(void **arg)
{
	struct fixture *f = *arg;

	assert_int_equal(mkdirat(f->dir_fd, "child.log", 0700), 0);
	assert_int_equal(logfile_write(&f->log, "lost", 4), -EISDIR);
	assert_int_equal(f->log.n_dropped_bytes, 4);
	assert_int_equal(unlinkat(f->dir_fd, "child.log", AT_REMOVEDIR), 0);
	put(f, "kept");
	assert_string_equal(content(f, "child.log"), "kept");
}

static void test_a_symlink_is_not_followed(void **arg)
{
	struct fixture *f = *arg;

	assert_int_equal(symlinkat("/tmp/test-logfile-elsewhere", f->dir_fd, "child.log"), 0);
	assert_int_equal(logfile_write(&f->log, "x", 1), -ELOOP);
	assert_int_equal(access("/tmp/test-logfile-elsewhere", F_OK), -1);
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
		T(test_a_failed_write_is_counted_and_the_next_tries_again),
		T(test_a_symlink_is_not_followed),
		T(test_the_tail_is_the_last_whole_lines_that_fit),
		T(test_the_tail_of_much_is_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

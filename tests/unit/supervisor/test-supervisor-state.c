/* SPDX-License-Identifier: Apache-2.0 */
/* The state that a supervisor leaves to the next one: a torn or spoilt chunk is not read, a whole one is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "spawner/supervisor/state.h"
#include "tests/fact.h"

#define HEAD 4096u

struct fixture {
	struct state state;
	int fd; /* the memfd that the keeper holds */
};

static int setup(void **arg)
{
	static struct fixture f;

	f = (struct fixture){.state = STATE_INIT, .fd = -1};
	*arg = &f;
	return 0;
}

static int teardown(void **arg)
{
	struct fixture *f = *arg;

	state_deinit(&f->state);
	if (f->fd >= 0)
		close(f->fd);
	return 0;
}

static void snapshot(struct fixture *f, const char *text)
{
	int r = state_snapshot(&f->state, text, strlen(text));

	assert_in_range(r, 0, 1);
	if (r) {
		if (f->fd >= 0)
			close(f->fd);
		f->fd = dup(f->state.fd);
	}
}

static void append(struct fixture *f, const char *text)
{
	assert_true(state_fits(&f->state, strlen(text)));
	state_append(&f->state, text, strlen(text));
}

/* What a new supervisor reads in the n-th best area: its chunks, with blanks between them. */
static const char *text_of(struct fixture *f, unsigned n)
{
	static char text[4096];
	struct state_reader reader;
	const uint8_t *data;
	size_t size;

	text[0] = 0;
	state_deinit(&f->state);
	if (state_open(&f->state, dup(f->fd)) < 0)
		return "unreadable";
	if (!state_read(&f->state, n, &reader))
		return "nothing";
	while (state_next(&reader, &data, &size))
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%.*s", text[0] ? " " : "",
			(int)size, data);
	return text;
}

static uint8_t *area(struct fixture *f, unsigned n)
{
	return f->state.base + HEAD + n * f->state.area_bytes;
}

static void test_what_was_written_is_read_in_order(void **arg)
{
	struct fixture *f = *arg;

	snapshot(f, "one");
	append(f, "two");
	append(f, "");
	append(f, "three");
	assert_string_equal(text_of(f, 0), "one two  three");
	assert_string_equal(text_of(f, 1), "nothing");
}

static void test_the_first_snapshot_makes_a_memfd_the_next_does_not(void **arg)
{
	struct fixture *f = *arg;

	assert_int_equal(state_snapshot(&f->state, "a", 1), 1);
	assert_int_equal(state_snapshot(&f->state, "b", 1), 0);
}

static void test_snapshots_alternate_and_the_newer_one_counts(void **arg)
{
	struct fixture *f = *arg;

	snapshot(f, "old");
	append(f, "older");
	snapshot(f, "new");
	assert_string_equal(text_of(f, 0), "new");
	assert_string_equal(text_of(f, 1), "old older");
}

static void test_reading_goes_on_with_the_other_area_untouched(void **arg)
{
	struct fixture *f = *arg;

	snapshot(f, "one");
	append(f, "two");
	assert_string_equal(text_of(f, 0), "one two");
	assert_false(state_fits(&f->state, 1)); /* a successor must write a snapshot first */
	snapshot(f, "three");
	assert_string_equal(text_of(f, 0), "three");
	assert_string_equal(text_of(f, 1), "one two");
}

/* Whatever size a chunk claims, nothing beyond the area is read. */
static void test_a_chunk_that_claims_more_than_there_is_is_ignored(void **arg)
{
	static const uint64_t claims[] = {
		UINT64_MAX, UINT64_MAX - 6, UINT64_MAX - 31, INT64_MAX, UINT64_C(1) << 40};
	struct fixture *f = *arg;
	size_t used;

	snapshot(f, "one");
	used = f->state.used_bytes;
	append(f, "two");
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		memcpy(area(f, 0) + used + 16, &claims[i], sizeof(claims[i]));
		assert_string_equal(text_of(f, 0), "one");
	}
}

static void test_a_torn_last_chunk_is_ignored(void **arg)
{
	struct fixture *f = *arg;
	size_t used, end;

	snapshot(f, "one");
	append(f, "two");
	used = f->state.used_bytes;
	append(f, "three");
	end = f->state.used_bytes - 3; /* the end of the chunk without its 3 bytes of padding */
	for (size_t i = used; i < end; i++) {
		area(f, 0)[i] ^= 0x40;
		assert_string_equal(text_of(f, 0), "one two");
		area(f, 0)[i] ^= 0x40;
		assert_string_equal(text_of(f, 0), "one two three");
	}
}

static void test_a_torn_snapshot_leaves_the_other_area(void **arg)
{
	struct fixture *f = *arg;

	snapshot(f, "one");
	append(f, "two");
	snapshot(f, "three");
	for (size_t i = 0; i < 37; i++) {
		area(f, 1)[i] ^= 1;
		assert_string_equal(text_of(f, 0), "one two");
		area(f, 1)[i] ^= 1;
		assert_string_equal(text_of(f, 0), "three");
	}
}

static void test_both_areas_spoilt_is_nothing(void **arg)
{
	struct fixture *f = *arg;

	snapshot(f, "one");
	snapshot(f, "two");
	area(f, 0)[20]++;
	area(f, 1)[20]++;
	assert_string_equal(text_of(f, 0), "nothing");
}

static void test_left_overs_of_an_older_use_are_not_read(void **arg)
{
	struct fixture *f = *arg;

	snapshot(f, "aaaa");
	append(f, "bbbb");
	append(f, "cccc");
	snapshot(f, "dddd");
	/* This chunk is as long as "aaaa", so the whole chunk "bbbb" lies right behind it. */
	snapshot(f, "eeee");
	assert_string_equal(text_of(f, 0), "eeee");
}

static void test_a_memfd_of_something_else_is_refused(void **arg)
{
	struct fixture *f = *arg;
	struct state state;
	int fd[2];

	snapshot(f, "one");
	f->state.base[4]++; /* spoils the version */
	assert_string_equal(text_of(f, 0), "unreadable");
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(state_open(&state, fd[0]), -EPROTO); /* state_open() has closed it */
	assert_int_equal(close(fd[0]), -1);
	close(fd[1]);
}

static void test_a_truncated_memfd_is_refused(void **arg)
{
	struct fixture *f = *arg;

	snapshot(f, "one");
	assert_int_equal(ftruncate(f->fd, HEAD + 100), 0);
	assert_string_equal(text_of(f, 0), "unreadable");
}

static void test_a_big_snapshot_grows_into_a_new_memfd(void **arg)
{
	static char big[300000];
	struct fixture *f = *arg;

	snapshot(f, "small");
	memset(big, 'x', sizeof(big) - 1);
	assert_int_equal(state_snapshot(&f->state, big, sizeof(big) - 1), 1);
	assert_true(state_fits(&f->state, sizeof(big)));
	state_append(&f->state, "y", 1);
	close(f->fd);
	f->fd = dup(f->state.fd);
	assert_int_equal(strlen(text_of(f, 0)), 4095);
}

static void test_an_area_fills_up_and_no_further(void **arg)
{
	struct fixture *f = *arg;
	char text[16];
	int n = 0;

	snapshot(f, "s");
	while (state_fits(&f->state, 8)) {
		snprintf(text, sizeof(text), "%08d", n++);
		state_append(&f->state, text, 8);
	}
	assert_true(n > 1000);
	assert_true(f->state.used_bytes <= f->state.area_bytes);
	snapshot(f, "after");
	assert_string_equal(text_of(f, 0), "after");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_what_was_written_is_read_in_order),
		T(test_the_first_snapshot_makes_a_memfd_the_next_does_not),
		T(test_snapshots_alternate_and_the_newer_one_counts),
		T(test_reading_goes_on_with_the_other_area_untouched),
		T(test_a_chunk_that_claims_more_than_there_is_is_ignored),
		T(test_a_torn_last_chunk_is_ignored),
		T(test_a_torn_snapshot_leaves_the_other_area),
		T(test_both_areas_spoilt_is_nothing),
		T(test_left_overs_of_an_older_use_are_not_read),
		T(test_a_memfd_of_something_else_is_refused),
		T(test_a_truncated_memfd_is_refused),
		T(test_a_big_snapshot_grows_into_a_new_memfd),
		T(test_an_area_fills_up_and_no_further),
	};

	return run_facts(tests);
}

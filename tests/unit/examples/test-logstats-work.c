/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simulates how logstats finds the lines that kill a parser. The parsers take batches, answer, lose answers,
 * crash on bad lines and are killed without a reason, in an order of chance. In the end each good line is
 * counted once and each bad line is set aside.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "examples/logstats.h"
#include "tests/fact.h"

#define PARSERS 3

struct sim {
	struct work work;
	struct batch *has[PARSERS][WORK_IN_FLIGHT_MAX];
	unsigned n_has[PARSERS];
	unsigned *counted; /* how often each line was counted */
	uint64_t n_lines;
	unsigned crashes;
	unsigned kill_percent;
	unsigned lose_percent;
	char path[64];
};

static unsigned random_state;

static unsigned chance(unsigned n)
{
	random_state = random_state * 1103515245 + 12345;
	return (random_state >> 16) % n;
}

/* In @text a bad line begins with an x. */
static void sim_init(struct sim *sim, const char *text, size_t size)
{
	int fd;

	*sim = (struct sim){.path = "/tmp/test-logstats-work-XXXXXX"};
	fd = mkstemp(sim->path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, size), (ssize_t)size);
	close(fd);
	assert_int_equal(work_init(&sim->work, sim->path), 0);
	for (size_t i = 0; i < size; i++)
		sim->n_lines += text[i] == '\n' || i == size - 1;
	sim->counted = calloc(sim->n_lines + 1, sizeof(*sim->counted));
}

static void sim_deinit(struct sim *sim)
{
	work_deinit(&sim->work);
	free(sim->counted);
	unlink(sim->path);
}

static unsigned sim_outstanding(const struct sim *sim)
{
	unsigned n = 0;

	for (int p = 0; p < PARSERS; p++)
		n += sim->n_has[p];
	return n;
}

static const char *batch_bad(const struct batch *batch)
{
	for (const char *line = batch->text; line < batch->text + batch->size_bytes;
		line = strchr(line, '\n') + 1)
		if (*line == 'x')
			return line;
	return NULL;
}

static void sim_answer(struct sim *sim, int p)
{
	struct batch *batch = sim->has[p][0];

	for (uint32_t i = 0; i < batch->n_lines; i++)
		sim->counted[batch->first_line + i]++;
	sim->has[p][0] = sim->has[p][1];
	sim->n_has[p]--;
	batch_free(batch);
}

static void sim_step(struct sim *sim)
{
	int p = (int)chance(PARSERS), r;
	struct batch *batch;
	unsigned n_dead, first_bad;

	r = work_take(&sim->work, sim->has[p], sim->n_has[p], &batch);
	if (r == 0) {
		assert_true(batch->n_lines > 0);
		assert_int_equal(batch->text[batch->size_bytes - 1], '\n');
		sim->has[p][sim->n_has[p]++] = batch;
		return;
	}
	assert_int_equal(r, -EAGAIN);
	if (!sim->n_has[p])
		return;
	if (sim->kill_percent && chance(100) < sim->kill_percent) {
		assert_int_equal(work_return(&sim->work, sim->has[p], sim->n_has[p], false), 0);
		sim->n_has[p] = 0;
		return;
	}
	for (first_bad = 0; first_bad < sim->n_has[p] && !batch_bad(sim->has[p][first_bad]); first_bad++)
		;
	if (first_bad == sim->n_has[p]) {
		sim_answer(sim, p);
		return;
	}
	/* Of the answers to the batches before the crash, the first ones arrive and the rest are lost. */
	for (n_dead = first_bad; n_dead && chance(100) >= sim->lose_percent; n_dead--)
		sim_answer(sim, p);
	assert_int_equal(work_return(&sim->work, sim->has[p], sim->n_has[p], true), 0);
	sim->n_has[p] = 0;
	sim->crashes++;
}

static void sim_run(struct sim *sim, const char *text, unsigned n_bad)
{
	const char *line = text;
	unsigned bad = 0;

	while (!work_is_done(&sim->work, sim_outstanding(sim)))
		sim_step(sim);
	work_sort_bad_lines(&sim->work);
	assert_int_equal(sim->work.n_lines, sim->n_lines);
	assert_int_equal(sim->work.n_bad_lines, n_bad);
	assert_true(sim->crashes >= n_bad);
	for (uint64_t i = 1; i <= sim->n_lines; i++, line = strchrnul(line, '\n') + 1) {
		assert_int_equal(sim->counted[i], *line != 'x');
		if (*line == 'x')
			assert_int_equal(sim->work.bad_lines[bad++], i);
	}
}

/* @n lines of up to @len_max bytes, one in @bad_one_in of them bad. */
static char *text_new(unsigned n, unsigned len_max, unsigned bad_one_in, unsigned *ret_n_bad)
{
	char *text = malloc((size_t)n * (len_max + 1) + 1), *end = text;

	*ret_n_bad = 0;
	for (unsigned i = 0; i < n; i++) {
		unsigned len = chance(len_max + 1);

		memset(end, 'g', len);
		if (len && bad_one_in && chance(bad_one_in) == 0) {
			*end = 'x';
			++*ret_n_bad;
		}
		end += len;
		*end++ = '\n';
	}
	*end = '\0';
	return text;
}

static void test_every_line_is_counted_once_or_set_aside(void **state)
{
	static const unsigned one_in[] = {0, 1, 3, 50, 1000, 5000};

	for (unsigned round = 0; round < 60; round++) {
		unsigned n_bad, n = round % 3 == 0 ? chance(20) + 1 : chance(8000) + 1;
		unsigned bad_one_in = one_in[round % 6] == 1 && n > 500 ? 7 : one_in[round % 6];
		struct sim sim;
		char *text;

		random_state = round + 1;
		text = text_new(n, round % 5 ? 200 : 3, bad_one_in, &n_bad);
		sim_init(&sim, text, strlen(text) - (round & 1 && n > 1 && text[strlen(text) - 2] != '\n'));
		sim.lose_percent = round % 4 * 33;
		sim_run(&sim, text, n_bad);
		sim_deinit(&sim);
		free(text);
	}
}

static void test_a_parser_killed_from_outside_costs_no_line(void **state)
{
	for (unsigned round = 0; round < 20; round++) {
		unsigned n_bad;
		struct sim sim;
		char *text;

		random_state = round + 1;
		text = text_new(5000, 100, 800, &n_bad);
		sim_init(&sim, text, strlen(text));
		sim.kill_percent = 1;
		sim.lose_percent = 20;
		sim_run(&sim, text, n_bad);
		sim_deinit(&sim);
		free(text);
	}
}

static void test_a_single_line_is_not_blamed_for_one_kill(void **state)
{
	struct batch *batch;
	struct sim sim;

	sim_init(&sim, "good\n", 5);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(work_take(&sim.work, NULL, 0, &batch), 0);
		assert_int_equal(work_return(&sim.work, &batch, 1, false), 0);
		assert_int_equal(sim.work.n_bad_lines, 0);
	}
	assert_int_equal(work_take(&sim.work, NULL, 0, &batch), 0);
	batch_free(batch);
	sim_deinit(&sim);
}

static void test_one_bad_line_costs_three_crashes_at_most(void **state)
{
	unsigned n_bad;
	struct sim sim;
	char *text;

	random_state = 7;
	text = text_new(3000, 300, 0, &n_bad);
	for (size_t i = strlen(text) / 2; !n_bad; i++) {
		if (text[i] == '\n' && text[i + 1] != '\n') {
			text[i + 1] = 'x';
			n_bad = 1;
		}
	}
	sim_init(&sim, text, strlen(text));
	sim.lose_percent = 100;
	sim_run(&sim, text, n_bad);
	assert_in_range(sim.crashes, 1, 3);
	sim_deinit(&sim);
	free(text);
}

/* Runs @sim until its work is done, or until the file is known to be no access log. */
static int sim_judge(struct sim *sim)
{
	int r = 0;

	while (!r && !work_is_done(&sim->work, sim_outstanding(sim))) {
		int p = (int)chance(PARSERS);
		struct batch *batch;

		if (work_take(&sim->work, sim->has[p], sim->n_has[p], &batch) == 0) {
			sim->has[p][sim->n_has[p]++] = batch;
		} else if (sim->n_has[p] && !batch_bad(sim->has[p][0])) {
			sim_answer(sim, p);
		} else if (sim->n_has[p]) {
			r = work_return(&sim->work, sim->has[p], sim->n_has[p], true);
			sim->n_has[p] = 0;
			sim->crashes++;
		}
	}
	for (int p = 0; p < PARSERS; p++)
		while (sim->n_has[p])
			batch_free(sim->has[p][--sim->n_has[p]]);
	return r;
}

static void test_a_file_of_another_kind_is_known_by_its_first_lines(void **state)
{
	static const char good[] = "good line\n", bad[] = "xbad line\n";
	enum { LINES = 50000, LINE_BYTES = sizeof(good) - 1 };
	char *text = malloc(LINES * LINE_BYTES + 1);
	struct sim sim;

	random_state = 3;
	for (unsigned i = 0; i < LINES; i++)
		memcpy(text + i * LINE_BYTES, bad, LINE_BYTES);
	sim_init(&sim, text, LINES * LINE_BYTES);
	assert_int_equal(sim_judge(&sim), -EBADMSG);
	assert_non_null(strstr(sim.work.error, "is not an access log"));
	/* There is one crash for each line of half the sample, and one for each batch that was split. */
	assert_in_range(sim.crashes, 501, 2 * 501);
	sim_deinit(&sim);

	/* Half of the first 1,000 lines are bad, which is not more than half; later lines do not count. */
	for (unsigned i = 0; i < LINES; i++)
		memcpy(text + i * LINE_BYTES, i >= 2000 || (i < 1000 && i % 2) ? good : bad, LINE_BYTES);
	sim_init(&sim, text, LINES * LINE_BYTES);
	assert_int_equal(sim_judge(&sim), 0);
	assert_int_equal(sim.work.n_bad_lines, 1500);
	sim_deinit(&sim);
	free(text);
}

static void test_an_empty_file_is_no_work(void **state)
{
	struct batch *batch;
	struct sim sim;

	sim_init(&sim, "", 0);
	assert_false(work_is_done(&sim.work, 0));
	assert_int_equal(work_take(&sim.work, NULL, 0, &batch), -EAGAIN);
	assert_true(work_is_done(&sim.work, 0));
	sim_deinit(&sim);
}

static void test_a_long_line_is_read_and_a_longer_one_refused(void **state)
{
	size_t size = (1 << 20) - 1;
	char *text = malloc(2 << 20);
	struct batch *batch;
	struct sim sim;

	memset(text, 'g', 2 << 20);
	text[3] = text[size - 1] = '\n';
	sim_init(&sim, text, size);
	assert_int_equal(work_take(&sim.work, NULL, 0, &batch), 0);
	assert_int_equal(batch->n_lines, 1);
	batch_free(batch);
	assert_int_equal(work_take(&sim.work, NULL, 0, &batch), 0);
	assert_int_equal(batch->size_bytes, size - 4);
	assert_int_equal(batch->first_line, 2);
	batch_free(batch);
	sim_deinit(&sim);

	sim_init(&sim, text + size, (2 << 20) - size);
	assert_int_equal(work_take(&sim.work, NULL, 0, &batch), -EFBIG);
	assert_non_null(strstr(sim.work.error, "line 1 is longer than"));
	sim_deinit(&sim);
	free(text);
}

static void test_a_directory_and_a_missing_file_are_refused(void **state)
{
	struct work work;

	assert_int_equal(work_init(&work, "/"), -EISDIR);
	work_deinit(&work);
	assert_int_equal(work_init(&work, "/nonexistent/file"), -ENOENT);
	work_deinit(&work);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_line_is_counted_once_or_set_aside),
		cmocka_unit_test(test_a_parser_killed_from_outside_costs_no_line),
		cmocka_unit_test(test_a_single_line_is_not_blamed_for_one_kill),
		cmocka_unit_test(test_one_bad_line_costs_three_crashes_at_most),
		cmocka_unit_test(test_a_file_of_another_kind_is_known_by_its_first_lines),
		cmocka_unit_test(test_an_empty_file_is_no_work),
		cmocka_unit_test(test_a_long_line_is_read_and_a_longer_one_refused),
		cmocka_unit_test(test_a_directory_and_a_missing_file_are_refused),
	};

	return run_facts_of("logstats-work", tests);
}

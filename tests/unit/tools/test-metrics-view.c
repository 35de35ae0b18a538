/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemons count, as OpenMetrics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fact.h"
#include "tools/view/metrics.h"

#define BROKER                                                                                               \
	"{\"n\": 7, \"limits\": {\"names\": 3}, "                                                            \
	"\"pools\": {\"names\": {\"own\": 1, \"size\": 9, \"used\": 4, \"groups\": 2}},"                     \
	"\"broker\": {\"groups\": 2, \"hellos\": 9},"                                                        \
	"\"latency\": {\"bounds_us\": [50, 100], \"counts\": [1, 2, 3], \"sum_us\": 1500000},"               \
	"\"groups\": [{\"group\": {\"$uint\": \"9223372045444710402\"}, \"name\": \"a \\\"quoted\\\" one\"," \
	"\"bytes_in\": 100, \"stalled\": true, \"congested\": false, \"answers_us\": 2500000,"               \
	"\"used\": {\"names\": 2}}, {\"group\": 3, \"name\": \"b\", \"bytes_in\": 5, \"used\": {\"names\": 0}}]}"
#define NODE                                                                                                 \
	"{\"keeper\": {\"uptime_ms\": 1500}, \"supervisor\": {\"uptime_ms\": 1000, \"restarts\": 2},"        \
	"\"broker\": {\"uptime_ms\": 900, \"restarts\": 4}, \"children\": {\"up\": 5, \"down\": 1}}"
#define CHILDREN                                                                                             \
	"[{\"name\": \"x\", \"restarts\": 6, \"pid\": 77}, {\"name\": \"y\", \"restarts\": 0, \"pid\": null}]"

/* The caller frees the text. */
static char *text_of(const char *broker, const char *node, const char *children, uint64_t max)
{
	struct metrics metrics = {0};
	struct buf text = BUF_INIT;

	if (broker)
		assert_non_null(metrics.broker = json_loads(broker, 0, NULL));
	if (node)
		assert_non_null(metrics.node = json_loads(node, 0, NULL));
	if (children)
		assert_non_null(metrics.children = json_loads(children, 0, NULL));
	metrics_text(&metrics, max, &text);
	metrics_deinit(&metrics);
	buf_append(&text, "", 1);
	assert_int_equal(buf_error(&text), 0);
	return (char *)text.data;
}

/* Asserts that @line is one whole line of @text. */
static void assert_line(const char *text, const char *line)
{
	const char *at = text;
	size_t len = strlen(line);

	while ((at = strstr(at, line))) {
		if ((at == text || at[-1] == '\n') && at[len] == '\n')
			return;
		at++;
	}
	fail_msg("no line %s", line);
}

static void test_each_number_has_its_line(void **state)
{
	char *text = text_of(BROKER, NODE, CHILDREN, 500);
	static const char *const lines[] = {
		"actor_up{daemon=\"broker\"} 1",
		"actor_groups 2",
		"# TYPE actor_hellos counter",
		"actor_hellos_total 9",
		"actor_call_seconds_bucket{le=\"0.0001\"} 3",
		"actor_call_seconds_bucket{le=\"+Inf\"} 6",
		"actor_call_seconds_sum 1.5",
		"actor_groups_left_out 5",
		"actor_group_in_bytes_total{group=\"9223372045444710402\",name=\"a \\\"quoted\\\" one\"} 100",
		"actor_group_in_bytes_total{group=\"3\",name=\"b\"} 5",
		"actor_group_stalled{group=\"9223372045444710402\",name=\"a \\\"quoted\\\" one\"} 1",
		"actor_group_stalled{group=\"3\",name=\"b\"} 0",
		"actor_group_answer_seconds_total{group=\"9223372045444710402\",name=\"a \\\"quoted\\\" one\"} 2.5",
		"actor_group_quota_used{group=\"9223372045444710402\",name=\"a \\\"quoted\\\" one\",kind=\"names\"} 2",
		"actor_group_quota_limit{kind=\"names\"} 3",
		"actor_quota_pool_used{kind=\"names\"} 4",
		"actor_quota_pool_size{kind=\"names\"} 9",
		"actor_quota_pool_groups{kind=\"names\"} 2",
		"actor_daemon_uptime_seconds{daemon=\"keeper\"} 1.5",
		"actor_daemon_restarts_total{daemon=\"broker\"} 4",
		"actor_children{state=\"up\"} 5",
		"actor_child_restarts_total{child=\"x\"} 6",
		"actor_child_up{child=\"x\"} 1",
		"actor_child_up{child=\"y\"} 0",
		"actor_children_left_out 0",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_line(text, lines[i]);
	free(text);
}

static void test_a_family_comes_once_and_its_samples_behind_it(void **state)
{
	char *text = text_of(BROKER, NODE, CHILDREN, 500), *line, *save = NULL, family[128] = "";
	char seen[100][128];
	size_t n = 0;

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!strncmp(line, "# TYPE ", 7)) {
			sscanf(line + 7, "%127s", family);
			for (size_t i = 0; i < n; i++)
				assert_string_not_equal(seen[i], family);
			assert_true(n < 100);
			strcpy(seen[n++], family);
		} else if (line[0] != '#') {
			assert_int_equal(strncmp(line, family, strlen(family)), 0);
		}
	}
	assert_true(n > 40);
	free(text);
}

static void test_the_last_line_is_eof(void **state)
{
	char *text = text_of(BROKER, NODE, CHILDREN, 500);
	size_t len = strlen(text);

	assert_string_equal(text + len - 7, "\n# EOF\n");
	assert_ptr_equal(strstr(text, "# EOF"), text + len - 6);
	free(text);
}

static void test_a_daemon_that_did_not_answer_is_down_and_says_nothing_else(void **state)
{
	char *text = text_of(NULL, NODE, CHILDREN, 500);

	assert_line(text, "actor_up{daemon=\"broker\"} 0");
	assert_null(strstr(text, "actor_groups"));
	assert_line(text, "actor_children{state=\"down\"} 1");
	free(text);
	text = text_of(BROKER, NULL, NULL, 500);
	assert_line(text, "actor_up{daemon=\"supervisor\"} 0");
	assert_null(strstr(text, "actor_child"));
	free(text);
}

static void test_processes_beyond_the_maximum_are_counted_only(void **state)
{
	char *text = text_of(NULL, NODE, CHILDREN, 1);

	assert_line(text, "actor_child_up{child=\"x\"} 1");
	assert_null(strstr(text, "child=\"y\""));
	assert_line(text, "actor_children_left_out 1");
	free(text);
}

static void test_an_answer_of_another_shape_is_no_crash(void **state)
{
	static const char *const answers[] = {
		"{}",
		"[]",
		"{\"groups\": 5, \"broker\": [], \"latency\": {\"bounds_us\": [1], \"counts\": [1]}}",
		"{\"groups\": [5, {\"used\": 7}], \"limits\": 3, \"pools\": {\"names\": 3}, \"latency\": {\"bounds_us\": 1}}",
	};

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		char *text = text_of(answers[i], answers[i], answers[i], 500);

		assert_non_null(strstr(text, "# EOF"));
		assert_null(strstr(text, "actor_call_seconds"));
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_number_has_its_line),
		cmocka_unit_test(test_a_family_comes_once_and_its_samples_behind_it),
		cmocka_unit_test(test_the_last_line_is_eof),
		cmocka_unit_test(test_a_daemon_that_did_not_answer_is_down_and_says_nothing_else),
		cmocka_unit_test(test_processes_beyond_the_maximum_are_counted_only),
		cmocka_unit_test(test_an_answer_of_another_shape_is_no_crash),
	};

	return run_facts(tests);
}

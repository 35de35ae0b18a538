/* SPDX-License-Identifier: Apache-2.0 */
/* What people and programs see of a process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fact.h"
#include "tools/view/child.h"

#define NOW_US INT64_C(1000000000000)

static json_t *child(const char *text)
{
	json_t *value = json_loads(text, 0, NULL);

	assert_non_null(value);
	return value;
}

static void test_last_exit_reads_like_a_sentence(void **state)
{
	static const struct {
		const char *child, *text;
	} cases[] = {
		{"{\"last_exit\": null}", "-"},
		{"{}", "-"},
		{"{\"state\":\"up\",\"last_exit\":{\"kind\":\"signal\",\"code\":11,\"signal\":\"SIGSEGV\",\"core\":false,\"at_us\":999280000000}}",
			"SIGSEGV 12m ago"},
		{"{\"state\":\"up\",\"last_exit\":{\"kind\":\"signal\",\"code\":6,\"signal\":\"SIGABRT\",\"core\":true,\"at_us\":999999000000}}",
			"SIGABRT (core) 1.0s ago"},
		{"{\"state\":\"up\",\"last_exit\":{\"kind\":\"signal\",\"code\":42,\"signal\":null}}",
			"signal 42"},
		{"{\"state\":\"down\",\"last_exit\":{\"kind\":\"exit\",\"code\":0,\"at_us\":999940000000}}",
			"exit 0 1m00s ago"},
		{"{\"state\":\"backoff\",\"next_start_ms\":3200,\"last_exit\":{\"kind\":\"exit\",\"code\":1,\"at_us\":1}}",
			"exit 1, next try in 3.2s"},
		{"{\"state\":\"backoff\",\"next_start_ms\":3200,\"last_exit\":{\"kind\":\"exit\",\"code\":127,\"at_us\":1}}",
			"exit 127 (command not found?), next try in 3.2s"},
		{"{\"state\":\"down\",\"outcome\":\"stopped\",\"last_exit\":{\"kind\":\"signal\",\"code\":15,\"signal\":\"SIGTERM\",\"at_us\":999997000000}}",
			"SIGTERM 3.0s ago, stopped"},
		{"{\"state\":\"down\",\"outcome\":\"stopped\",\"last_exit\":null}", "stopped"},
		{"{\"state\":\"down\",\"outcome\":\"done\",\"last_exit\":{\"kind\":\"exit\",\"code\":0,\"at_us\":999997000000}}",
			"exit 0 3.0s ago, done"},
		{"{\"state\":\"down\",\"outcome\":\"failed\",\"last_exit\":{\"kind\":\"exit\",\"code\":3,\"at_us\":999997000000}}",
			"exit 3 3.0s ago, failed"},
		{"{\"state\":\"backoff\",\"next_start_ms\":3200,\"last_exit\":{\"kind\":\"exit\",\"code\":0,\"text\":\"left\",\"left\":true,\"at_us\":1}}",
			"exit 0 (left processes behind), next try in 3.2s"},
		/* After a good end the last words are not shown as a reason. */
		{"{\"state\":\"backoff\",\"next_start_ms\":3200,\"last_exit\":{\"kind\":\"exit\",\"code\":0,\"text\":\"bye\",\"at_us\":1}}",
			"exit 0, next try in 3.2s"},
		{"{\"state\":\"backoff\",\"next_start_ms\":100,\"last_exit\":{\"kind\":\"exec\",\"code\":2,\"at_us\":1}}",
			"exec: No such file or directory, next try in 100ms"},
		{"{\"state\":\"up\",\"adopted\":true,\"last_exit\":null}", "adopted, is not restarted"},
		{"{\"state\":\"down\",\"adopted\":true,\"outcome\":\"failed\",\"last_exit\":{\"kind\":\"exit\",\"code\":3,\"at_us\":999997000000}}",
			"exit 3 3.0s ago, failed, adopted, is not restarted"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_t *value = child(cases[i].child);
		char text[CHILD_TEXT_MAX];

		assert_string_equal(child_last_exit_text(value, NOW_US, text), cases[i].text);
		json_decref(value);
	}
}

static void test_promised_keys_are_always_there_and_first(void **state)
{
	json_t *bare = child("{\"argv\":[\"x\"]}"), *shown = child_public(bare, 0);
	char *text = json_dumps(shown, JSON_COMPACT);

	assert_string_equal(text,
		"{\"name\":\"?\",\"state\":\"unknown\",\"pid\":null,\"restarts\":0,\"uptime_ms\":0,\"last_exit\":null,\"argv\":[\"x\"]}");
	free(text);
	json_decref(shown);
	json_decref(bare);
}

static void test_everything_else_is_passed_on(void **state)
{
	json_t *full = child(
		"{\"group\":5,\"last_exit\":{\"at_us\":9,\"kind\":\"signal\",\"code\":11,\"signal\":\"SIGSEGV\",\"core\":true},"
		"\"name\":\"web\",\"state\":\"up\",\"pid\":7,\"restarts\":2,\"uptime_ms\":9}");
	json_t *shown = child_public(full, 1700000000000000);
	char *text = json_dumps(shown, JSON_COMPACT);

	assert_string_equal(text,
		"{\"name\":\"web\",\"state\":\"up\",\"pid\":7,\"restarts\":2,\"uptime_ms\":9,\"last_exit\":{\"kind\":"
		"\"signal\",\"code\":11,\"signal\":\"SIGSEGV\",\"core\":true,\"at\":\"2023-11-14T22:13:20.000009Z\",\"at_us\":9},\"group\":5}");
	free(text);
	json_decref(shown);
	json_decref(full);
}

static void test_what_is_no_child_is_refused(void **state)
{
	assert_null(child_public(NULL, 0));
	assert_null(child_public(json_null(), 0));
}

static void test_exit_status_is_the_shells(void **state)
{
	static const struct {
		const char *child;
		int status;
	} cases[] = {
		{"{\"last_exit\":{\"kind\":\"exit\",\"code\":0}}", 0},
		{"{\"last_exit\":{\"kind\":\"exit\",\"code\":7}}", 7},
		{"{\"last_exit\":{\"kind\":\"signal\",\"code\":11,\"signal\":\"SIGSEGV\"}}", 139},
		{"{\"last_exit\":{\"kind\":\"exec\",\"code\":2}}", 127},
		{"{\"last_exit\":{\"kind\":\"exec\",\"code\":13}}", 126},
		{"{\"last_exit\":null}", -1},
		{"{}", -1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_t *value = child(cases[i].child);

		assert_int_equal(child_exit_status(value), cases[i].status);
		json_decref(value);
	}
}

static void test_states_have_colors(void **state)
{
	json_t *failed = child("{\"state\":\"down\",\"outcome\":\"failed\"}"),
	       *up = child("{\"state\":\"up\"}"), *down = child("{\"state\":\"down\"}"),
	       *odd = child("{\"state\":\"odd\"}");

	assert_string_equal(child_state_color(up), "green");
	assert_null(child_state_color(down));
	assert_string_equal(child_state_color(failed), "red");
	json_decref(failed);
	assert_null(child_state_color(odd));
	json_decref(up);
	json_decref(down);
	json_decref(odd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_last_exit_reads_like_a_sentence),
		cmocka_unit_test(test_promised_keys_are_always_there_and_first),
		cmocka_unit_test(test_everything_else_is_passed_on),
		cmocka_unit_test(test_what_is_no_child_is_refused),
		cmocka_unit_test(test_exit_status_is_the_shells),
		cmocka_unit_test(test_states_have_colors),
	};

	return run_facts_of("child-view", tests);
}

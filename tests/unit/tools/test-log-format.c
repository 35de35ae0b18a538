/* SPDX-License-Identifier: Apache-2.0 */
/* How the lines of logs look. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/fact.h"
#include "tools/logs/format.h"

static struct log_line line(uint8_t stream, const char *text)
{
	return (struct log_line){.kind = STAMP_LINES,
		.time_us = 1001000,
		.pid = 7,
		.life = 2,
		.stream = stream,
		.bytes = text,
		.n_bytes = strlen(text)};
}

static void assert_shown(
	struct log_format format, const char *name, struct log_line shown, const char *expected)
{
	struct buf b = BUF_INIT;

	log_format_line(&b, &format, name, &shown);
	buf_append(&b, "", 1);
	assert_string_equal((const char *)b.data, expected);
	buf_deinit(&b);
}

static struct log_line event(enum stamp_kind kind, uint8_t code, int64_t number)
{
	return (struct log_line){
		.kind = kind, .time_us = 1001000, .pid = 7, .life = 2, .code = code, .number = number};
}

static void test_short_lines_have_name_and_stream(void **state)
{
	const struct log_format names = {.name_width = 5};

	assert_shown(names, "web", line(1, "a"), "web   | a\n");
	assert_shown(names, "web", line(2, "a"), "web   ! a\n");
	assert_shown(names, "longer", line(1, ""), "longer | \n");
	assert_shown(names, "h\xc3\xa9", line(1, "a"), "h\xc3\xa9    | a\n");
	assert_shown(names, "e\033[2Jvil", line(1, "a"), "e?[2Jvil | a\n");
	assert_shown(names, "web", event(STAMP_LOST, 0, 9),
		"web   --- 9 bytes are lost: they could not be written here\n");
}

static void test_stamps_are_time_and_life(void **state)
{
	const struct log_format stamps = {.stamps = true};
	struct log_line unknown = line(1, "a"), rest = line(1, "a");

	unknown.time_us = 0;
	rest.kind = STAMP_CUT;
	assert_shown(stamps, "web", line(2, "a"), "1970-01-01 00:00:01.001 #2 ! a\n");
	assert_shown(stamps, "web", rest, "1970-01-01 00:00:01.001 #2 + a\n");
	assert_shown(stamps, "web", event(STAMP_ENDED, CLD_KILLED, SIGKILL),
		"1970-01-01 00:00:01.001 #2 --- ended: SIGKILL\n");
	assert_shown((struct log_format){.stamps = true, .name_width = 3}, "web", line(1, "a"),
		"web 1970-01-01 00:00:01.001 #2 | a\n");
	assert_shown((struct log_format){.stamps = true, .name_width = 3}, "web", unknown, "web | a\n");
}

static void test_colours_end_with_the_name_and_with_the_line(void **state)
{
	const struct log_format colors = {.colors = true, .name_width = 1};
	struct buf b = BUF_INIT;
	struct log_line colored = line(1, "\033[31mred");
	const char *text;

	log_format_line(&b, &colors, "web", &colored);
	buf_append(&b, "", 1);
	text = (const char *)b.data;
	assert_memory_equal(text, "\033[", 2);
	assert_non_null(strstr(text, "mweb | \033[0m\033[31mred\033[0m\n"));
	buf_deinit(&b);
}

static void test_cat_is_the_bytes_alone(void **state)
{
	const struct log_format cat = {.style = LOG_CAT, .stamps = true, .colors = true, .name_width = 9};

	assert_shown(cat, "web", line(2, "\033a"), "\033a\n");
	assert_shown(cat, "web", event(STAMP_STARTED, 0, 0), "");
}

static void test_json_has_lines_and_events(void **state)
{
	const struct log_format json = {.style = LOG_JSON};
	struct log_line open = line(2, "\xff");

	open.open = true;
	assert_shown(json, "web", line(1, "a\"b"),
		"{\"name\":\"web\",\"at_us\":1001000,\"life\":2,\"pid\":7,\"stream\":\"stdout\","
		"\"text\":\"a\\\"b\"}\n");
	assert_shown(json, "web", open,
		"{\"name\":\"web\",\"at_us\":1001000,\"life\":2,\"pid\":7,\"stream\":\"stderr\","
		"\"text\":{\"$str\":\"/w==\"},\"open\":true}\n");
	assert_shown(json, "web", event(STAMP_ENDED, CLD_EXITED, 3),
		"{\"name\":\"web\",\"at_us\":1001000,\"life\":2,\"pid\":7,\"event\":\"ended\",\"exit\":3}\n");
	assert_shown(json, "web", event(STAMP_ENDED, CLD_DUMPED, SIGSEGV),
		"{\"name\":\"web\",\"at_us\":1001000,\"life\":2,\"pid\":7,\"event\":\"ended\","
		"\"signal\":\"SIGSEGV\"}\n");
}

static void test_what_is_missing_is_said(void **state)
{
	const struct log_format names = {.name_width = 3}, json = {.style = LOG_JSON};
	struct buf b = BUF_INIT;

	log_format_missing(&b, &names, "web", 12);
	log_format_missing(&b, &json, "web", 12);
	buf_append(&b, "", 1);
	assert_string_equal((const char *)b.data,
		"web --- 12 bytes are missing here: nobody read them; see actorctl logs\n"
		"{\"name\":\"web\",\"event\":\"not_shown\",\"bytes\":12}\n");
	buf_deinit(&b);
}

static void test_a_log_has_the_name_of_its_child(void **state)
{
	char name[256];

	assert_true(log_name_of_file("web.log", name, sizeof(name)));
	assert_string_equal(name, "web");
	assert_true(log_name_of_file("%2Ea%2Fb%25.log", name, sizeof(name)));
	assert_string_equal(name, ".a/b%");
	assert_false(log_name_of_file("web.times", name, sizeof(name)));
	assert_false(log_name_of_file("web.log.1", name, sizeof(name)));
	assert_false(log_name_of_file("actor-spawner.log", name, sizeof(name)));
	assert_false(log_name_of_file("$broker.log", name, sizeof(name)));
	assert_false(log_name_of_file(".log", name, sizeof(name)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_short_lines_have_name_and_stream),
		cmocka_unit_test(test_stamps_are_time_and_life),
		cmocka_unit_test(test_colours_end_with_the_name_and_with_the_line),
		cmocka_unit_test(test_cat_is_the_bytes_alone),
		cmocka_unit_test(test_json_has_lines_and_events),
		cmocka_unit_test(test_what_is_missing_is_said),
		cmocka_unit_test(test_a_log_has_the_name_of_its_child),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return run_facts(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* From what a child should be to what the keeper's child reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "libactor/protocol/variables.h"
#include "spawner/shared/client.h"
#include "spawner/supervisor/launch.h"
#include "tests/fact.h"

#define MANY       60000 /* about as many as a spec may have */
#define MANY_MAX_S 5.0   /* of processor time; every one compared with every other takes ten times as long */

static const char *const argv[] = {"prog", NULL};

static const char *const languages[] = {
	"LC_ALL", "LC_COLLATE", "LC_CTYPE", "LC_MESSAGES", "LC_MONETARY", "LC_NUMERIC", "LC_TIME"};

static void seal(const char *const *env, struct keeper_spec_view *ret)
{
	const struct launch launch = {.runtime_dir = "/run/x"};
	const struct child child = {
		.name = (char *)"c", .group = 7, .spec = {.argv = argv, .env = env, .cwd = "/"}};
	char text[LAUNCH_TEXT_BYTES];
	int fd;

	setenv("HOME", "/home/node", 1);
	setenv("PATH", "/bin", 1);
	setenv("USER", "node", 1);
	setenv("LANG", "C", 1);
	unsetenv(ENV_LOG_LEVEL);
	unsetenv("TZ");
	for (size_t i = 0; i < sizeof(languages) / sizeof(languages[0]); i++)
		unsetenv(languages[i]);
	assert_int_equal(launch_seal(&launch, &child, &fd, text), 0);
	assert_int_equal(keeper_spec_map(fd, ret), 0);
	close(fd);
}

static const char *variable(const struct keeper_spec_view *view, uint32_t n)
{
	assert_true(n < view->file->n_env);
	return view->base + view->env[n];
}

static void test_a_child_has_what_the_node_has_and_what_its_spec_says(void **state)
{
	static const char *const env[] = {"B=2", "A=1", "EMPTY=", NULL};
	struct keeper_spec_view view;

	(void)state;
	seal(env, &view);
	assert_int_equal(view.file->n_env, 9);
	assert_string_equal(variable(&view, 0), "HOME=/home/node");
	assert_string_equal(variable(&view, 1), "PATH=/bin");
	assert_string_equal(variable(&view, 2), "USER=node");
	assert_string_equal(variable(&view, 3), "LANG=C");
	assert_string_equal(variable(&view, 4), "B=2");
	assert_string_equal(variable(&view, 5), "A=1");
	assert_string_equal(variable(&view, 6), "EMPTY=");
	assert_string_equal(variable(&view, 7), ENV_RUNTIME_DIR "=/run/x");
	assert_memory_equal(variable(&view, 8), ENV_TOKEN "=", sizeof(ENV_TOKEN));
	keeper_spec_unmap(&view);
}

static void test_a_later_variable_replaces_an_earlier_one_in_its_place(void **state)
{
	static const char *const env[] = {"A=1", "HOME=/h", "AB=3", "A=2", "A=", "PAT=4", "A=5", NULL};
	struct keeper_spec_view view;

	(void)state;
	seal(env, &view);
	assert_int_equal(view.file->n_env, 9);
	assert_string_equal(variable(&view, 0), "HOME=/h");
	assert_string_equal(variable(&view, 1), "PATH=/bin");
	assert_string_equal(variable(&view, 4), "A=5");
	assert_string_equal(variable(&view, 5), "AB=3");
	assert_string_equal(variable(&view, 6), "PAT=4");
	keeper_spec_unmap(&view);
}

static double processor_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The supervisor does nothing else meanwhile: a spec that takes it seconds is everybody's standstill. */
static void test_many_variables_do_not_stop_the_supervisor(void **state)
{
	static char text[MANY][8];
	static const char *env[MANY + 1];
	struct keeper_spec_view view;
	double start_s;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		snprintf(text[i], sizeof(text[i]), "%05d=", i);
		env[i] = text[i];
	}
	start_s = processor_s();
	seal(env, &view);
	assert_true(processor_s() - start_s < MANY_MAX_S);
	assert_int_equal(view.file->n_env, MANY + 6);
	assert_string_equal(variable(&view, MANY + 3), text[MANY - 1]);
	keeper_spec_unmap(&view);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_child_has_what_the_node_has_and_what_its_spec_says),
		cmocka_unit_test(test_a_later_variable_replaces_an_earlier_one_in_its_place),
		cmocka_unit_test(test_many_variables_do_not_stop_the_supervisor),
	};

	return run_facts(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/protocol/child-spec.h"
#include "tests/fact.h"

static int parse(struct child_spec *spec, const char *json_like, size_t size, char *text)
{
	struct mp_reader r = mp_reader(json_like, size);

	return child_spec_parse(&r, spec, text);
}

static void test_a_spec_needs_argv_and_has_defaults(void **arg)
{
	char text[CHILD_SPEC_TEXT_BYTES];
	struct child_spec spec;

	assert_int_equal(parse(&spec, "\x80", 1, text), -EINVAL);
	assert_int_equal(parse(&spec, "\x93\x01\x02\x03", 4, text), -EINVAL);
	assert_int_equal(parse(&spec,
				 "\x81\xa4"
				 "argv\x90",
				 7, text),
		-EINVAL);
	assert_int_equal(parse(&spec,
				 "\x81\xa4"
				 "argv\x91\xa0",
				 8, text),
		-EINVAL);
	assert_int_equal(parse(&spec,
				 "\x81\xa4"
				 "argv\x91\xa2/x",
				 10, text),
		0);
	assert_int_equal(spec.restart, ACTOR_PERMANENT);
	assert_int_equal(spec.backoff_min_ms, 100);
	assert_int_equal(spec.backoff_max_ms, 30000);
	assert_int_equal(spec.stop_timeout_ms, 10000);
	assert_false(spec.no_stamps);
	assert_string_equal(spec.argv[0], "/x");
	assert_null(spec.argv[1]);
	child_spec_deinit(&spec);
}

static void refused(const char *key, void (*put)(struct buf *b))
{
	char text[CHILD_SPEC_TEXT_BYTES] = "";
	struct buf b = BUF_INIT;
	struct mp_reader r;
	struct child_spec spec;

	mp_put_map(&b, 2);
	mp_put_cstr(&b, "argv");
	mp_put_array(&b, 1);
	mp_put_cstr(&b, "x");
	mp_put_cstr(&b, key);
	put(&b);
	r = mp_reader(b.data, b.size_bytes);
	assert_int_equal(child_spec_parse(&r, &spec, text), -EINVAL);
	assert_non_null(strstr(text, key));
	buf_deinit(&b);
}

static void put_true(struct buf *b)
{
	mp_put_bool(b, true);
}
static void put_dollar(struct buf *b)
{
	mp_put_cstr(b, "$x");
}
static void put_nul(struct buf *b)
{
	mp_put_str(b, "a\0b", 3);
}
static void put_token(struct buf *b)
{
	mp_put_map(b, 1);
	mp_put_cstr(b, "ACTOR_TOKEN");
	mp_put_cstr(b, "x");
}
static void put_equals(struct buf *b)
{
	mp_put_map(b, 1);
	mp_put_cstr(b, "A=B");
	mp_put_cstr(b, "x");
}
static void put_huge(struct buf *b)
{
	mp_put_uint(b, UINT64_MAX);
}

static void put_zero(struct buf *b)
{
	mp_put_uint(b, 0);
}
static void put_one(struct buf *b)
{
	mp_put_uint(b, 1);
}
static void put_status_256(struct buf *b)
{
	mp_put_array(b, 1);
	mp_put_uint(b, 256);
}
static void put_limit(struct buf *b, const char *name, uint64_t soft, uint64_t hard)
{
	mp_put_map(b, 1);
	mp_put_cstr(b, name);
	mp_put_array(b, 2);
	mp_put_uint(b, soft);
	mp_put_uint(b, hard);
}
static void put_limit_above(struct buf *b)
{
	put_limit(b, "nofile", 2, 1);
}
static void put_limit_unknown(struct buf *b)
{
	put_limit(b, "rttime", 1, 1); /* by this one the node knows its processes */
}
static void put_no_signal(struct buf *b)
{
	mp_put_array(b, 1);
	mp_put_cstr(b, "SIGNO");
}

static void put_argv(struct buf *b)
{
	mp_put_array(b, 1);
	mp_put_cstr(b, "y");
}

static void test_a_backoff_that_begins_above_the_usual_end_moves_that_end_and_no_other(void **arg)
{
	char text[CHILD_SPEC_TEXT_BYTES] = "";
	struct child_spec spec;

	assert_int_equal(parse(&spec,
				 "\x82\xa4"
				 "argv\x91\xa2/x\xae"
				 "backoff_min_ms\xcd\xea\x60",
				 28, text),
		0);
	assert_int_equal(spec.backoff_min_ms, 60000);
	assert_int_equal(spec.backoff_max_ms, 60000);
	child_spec_deinit(&spec);
	assert_int_equal(parse(&spec,
				 "\x83\xa4"
				 "argv\x91\xa2/x\xae"
				 "backoff_min_ms\xcd\xea\x60\xae"
				 "backoff_max_ms\x01",
				 44, text),
		-EINVAL);
	assert_non_null(strstr(text, "backoff_max_ms"));
}

static void test_arguments_may_be_as_long_together_as_the_kernel_takes(void **arg)
{
	char *half = malloc(CHILD_SPEC_BYTES_MAX / 2 + 1), text[CHILD_SPEC_TEXT_BYTES] = "";
	struct buf b = BUF_INIT;
	struct mp_reader r;
	struct child_spec spec;

	assert_non_null(half);
	memset(half, 'x', CHILD_SPEC_BYTES_MAX / 2);
	half[CHILD_SPEC_BYTES_MAX / 2] = 0;
	for (uint32_t n = 1; n <= 2; n++) {
		buf_reset(&b, SIZE_MAX);
		mp_put_map(&b, 1);
		mp_put_cstr(&b, "argv");
		mp_put_array(&b, n);
		for (uint32_t i = 0; i < n; i++)
			mp_put_cstr(&b, half);
		r = mp_reader(b.data, b.size_bytes);
		assert_int_equal(child_spec_parse(&r, &spec, text), n == 1 ? 0 : -EINVAL);
		if (n == 1)
			child_spec_deinit(&spec);
	}
	assert_non_null(strstr(text, "argv"));
	buf_deinit(&b);
	free(half);
}

static void test_bad_specs_are_refused_by_the_key_that_is_wrong(void **arg)
{
	refused("argv", put_argv); /* the key is there twice */
	refused("name", put_true);
	refused("name", put_dollar);
	refused("name", put_nul);
	refused("cwd", put_dollar);
	refused("cwd", put_nul);
	refused("env", put_true);
	refused("env", put_token);
	refused("env", put_equals);
	refused("restart", put_dollar);
	refused("ready", put_dollar);
	refused("backoff_min_ms", put_huge);
	refused("backoff_max_ms", put_true);
	refused("stop_timeout_ms", put_huge);
	refused("backoff_factor", put_huge);
	refused("backoff_factor", put_zero);
	refused("backoff_jitter_pct", put_huge);
	refused("backoff_reset_ms", put_huge);
	refused("intensity", put_huge);
	refused("intensity", put_one); /* there is no period */
	refused("period_ms", put_true);
	refused("up_for_ms", put_huge);
	refused("stop_signal", put_one);
	refused("stop_signal", put_dollar);
	refused("user", put_true);
	refused("group", put_nul);
	refused("umask", put_huge);
	refused("nice", put_status_256);
	refused("oom_score_adj", put_huge);
	refused("no_new_privs", put_one);
	refused("clear_env", put_one);
	refused("limits", put_equals);
	refused("limits", put_limit_above);
	refused("limits", put_limit_unknown);
	refused("fatal_on", put_one);
	refused("fatal_on", put_status_256);
	refused("ok_exit", put_no_signal);
	refused("stamps", put_dollar);
	refused("owned", put_dollar);
	refused("monitor", put_dollar);
	refused("argv", put_true);
}

static void assert_strings_equal(const char *const *a, const char *const *b)
{
	for (; *a && *b; a++, b++)
		assert_string_equal(*a, *b);
	assert_true(!*a && !*b);
}

static void read_back(const struct child_spec *spec, struct child_spec *ret)
{
	char text[CHILD_SPEC_TEXT_BYTES] = "";
	struct buf b = BUF_INIT;
	struct mp_reader r;

	child_spec_put(&b, spec);
	assert_int_equal(buf_error(&b), 0);
	r = mp_reader(b.data, b.size_bytes);
	assert_int_equal(child_spec_parse(&r, ret, text), 0);
	assert_true(r.at == r.end);
	buf_deinit(&b);
}

static void test_what_is_written_is_read_back_equal(void **arg)
{
	static const char *const argv[] = {"/bin/x", "", "-v", NULL};
	static const char *const env[] = {"A=1", "B==", "A=", NULL};
	struct child_spec spec = {
		.name = "größe",
		.argv = argv,
		.env = env,
		.cwd = "/tmp",
		.input = "/tmp/in",
		.restart = ACTOR_TRANSIENT,
		.backoff_min_ms = 7,
		.backoff_max_ms = 8,
		.backoff_factor = 3,
		.backoff_jitter_pct = 0,
		.backoff_reset_ms = 1,
		.intensity = 5,
		.period_ms = 6,
		.stop_signal = SIGQUIT,
		.stop_timeout_ms = 9,
		.ready_timeout_ms = 10,
		.ready_actor = true,
		.no_stamps = true,
		.cookie = UINT64_MAX,
		.owned = true,
		.monitor = true,
		.monitor_id = 11,
	};
	struct child_spec back;

	child_exits_add_status(&spec.fatal_on, 255);
	child_exits_add_signal(&spec.fatal_on, SIGSEGV);
	child_exits_add_status(&spec.ok_exit, 0);
	child_exits_add_signal(&spec.ok_exit, 64);
	read_back(&spec, &back);
	assert_int_equal(back.backoff_factor, 3);
	assert_int_equal(back.backoff_jitter_pct, 0);
	assert_int_equal(back.backoff_reset_ms, 1);
	assert_int_equal(back.intensity, 5);
	assert_int_equal(back.period_ms, 6);
	assert_int_equal(back.stop_signal, SIGQUIT);
	assert_memory_equal(&back.fatal_on, &spec.fatal_on, sizeof(spec.fatal_on));
	assert_memory_equal(&back.ok_exit, &spec.ok_exit, sizeof(spec.ok_exit));
	assert_string_equal(back.name, spec.name);
	assert_strings_equal(back.argv, argv);
	assert_strings_equal(back.env, env);
	assert_string_equal(back.cwd, spec.cwd);
	assert_string_equal(back.input, spec.input);
	assert_int_equal(back.restart, spec.restart);
	assert_int_equal(back.backoff_min_ms, 7);
	assert_int_equal(back.backoff_max_ms, 8);
	assert_int_equal(back.stop_timeout_ms, 9);
	assert_int_equal(back.ready_timeout_ms, 10);
	assert_true(back.ready_actor && back.no_stamps && back.owned && back.monitor);
	assert_true(back.cookie == UINT64_MAX);
	assert_int_equal(back.monitor_id, 11);
	child_spec_deinit(&back);
	spec.ready_actor = false;
	spec.up_for_ms = 12;
	read_back(&spec, &back);
	assert_int_equal(back.up_for_ms, 12);
	child_spec_deinit(&back);
}

static void test_what_it_may_do_and_use_is_read_back_equal(void **arg)
{
	static const char *const argv[] = {"x", NULL};
	struct child_spec spec = CHILD_SPEC_DEFAULT, back;

	spec.argv = argv;
	spec.user = "www";
	spec.group = "12";
	spec.has_umask = spec.has_nice = spec.has_oom_score_adj = true;
	spec.umask = 0;
	spec.nice = -20;
	spec.oom_score_adj = -1000;
	spec.no_new_privs = spec.clear_env = true;
	assert_int_equal(child_limits_set(&spec.limits, "nofile", 1, 2), 0);
	assert_int_equal(child_limits_set(&spec.limits, "core", 0, CHILD_LIMIT_NONE), 0);
	assert_int_equal(child_limits_set(&spec.limits, "cores", 0, 0), -ENOENT);
	assert_int_equal(child_limits_set(&spec.limits, "as", CHILD_LIMIT_NONE, 1), -EINVAL);
	read_back(&spec, &back);
	assert_string_equal(back.user, "www");
	assert_string_equal(back.group, "12");
	assert_true(back.has_umask && back.has_nice && back.has_oom_score_adj);
	assert_int_equal(back.umask, 0);
	assert_int_equal(back.nice, -20);
	assert_int_equal(back.oom_score_adj, -1000);
	assert_true(back.no_new_privs && back.clear_env);
	assert_int_equal(child_limits_count(&back.limits), 2);
	for (size_t i = 0; i < CHILD_LIMITS_N; i++) {
		assert_int_equal(back.limits.of[i].set, spec.limits.of[i].set);
		assert_true(back.limits.of[i].soft == spec.limits.of[i].soft);
		assert_true(back.limits.of[i].hard == spec.limits.of[i].hard);
	}
	child_spec_deinit(&back);
}

static void test_what_is_left_out_is_off(void **arg)
{
	static const char *const argv[] = {"x", NULL};
	struct child_spec spec = CHILD_SPEC_DEFAULT, back;

	spec.argv = argv;
	spec.backoff_min_ms = spec.backoff_max_ms = 0;
	read_back(&spec, &back);
	assert_null(back.name);
	assert_null(back.env);
	assert_null(back.cwd);
	assert_null(back.input);
	assert_int_equal(back.backoff_min_ms, 0);
	assert_int_equal(back.backoff_max_ms, 0);
	assert_int_equal(back.stop_timeout_ms, 10000);
	assert_int_equal(back.ready_timeout_ms, 0);
	assert_true(!back.ready_actor && !back.no_stamps && !back.owned && !back.monitor);
	assert_true(back.cookie == 0);
	child_spec_deinit(&back);
}

static int changed(const struct child_spec *spec, void (*put)(struct buf *b), const char *key,
	struct child_spec *ret, bool *ret_life)
{
	char text[CHILD_SPEC_TEXT_BYTES] = "";
	struct buf b = BUF_INIT;
	struct mp_reader r;
	int err;

	mp_put_map(&b, 1);
	mp_put_cstr(&b, key);
	put(&b);
	r = mp_reader(b.data, b.size_bytes);
	err = child_spec_change(spec, &r, ret, ret_life, text);
	if (err)
		assert_non_null(strstr(text, key));
	buf_deinit(&b);
	return err;
}

static void test_a_change_knows_whether_it_needs_another_life(void **arg)
{
	static const char *const argv[] = {"x", NULL}, *const env[] = {"A=1", NULL};
	struct child_spec spec = CHILD_SPEC_DEFAULT, back;
	bool life;

	spec.argv = argv;
	spec.env = env;
	spec.name = "n";
	spec.cookie = 5;
	assert_int_equal(changed(&spec, put_one, "stop_timeout_ms", &back, &life), 0);
	assert_int_equal(back.stop_timeout_ms, 1);
	assert_true(!life && back.cookie == 5);
	assert_strings_equal(back.env, env);
	child_spec_deinit(&back);
	assert_int_equal(changed(&spec, put_one, "nice", &back, &life), 0);
	assert_true(life && back.has_nice && back.nice == 1);
	child_spec_deinit(&back);
	assert_int_equal(changed(&spec, put_argv, "argv", &back, &life), 0);
	assert_true(life);
	assert_string_equal(back.argv[0], "y");
	child_spec_deinit(&back);
	spec.argv = (const char *const[]){"y", NULL};
	assert_int_equal(changed(&spec, put_argv, "argv", &back, &life), 0);
	assert_false(life); /* it is that already */
	child_spec_deinit(&back);
	assert_int_equal(changed(&spec, put_dollar, "name", &back, &life), -EINVAL);
	assert_int_equal(changed(&spec, put_one, "cookie", &back, &life), -EINVAL);
	assert_int_equal(changed(&spec, put_one, "strange", &back, &life), -EINVAL);
	assert_int_equal(changed(&spec, put_one, "intensity", &back, &life), -EINVAL); /* without a period */
	assert_int_equal(changed(&spec, put_one, "argv", &back, &life), -EINVAL);
	assert_int_equal(changed(&spec, put_one, "cwd", &back, &life), -EINVAL);
	assert_int_equal(changed(&spec, put_one, "user", &back, &life), -EINVAL);
}

static void test_a_set_of_ends_has_statuses_and_signals(void **arg)
{
	struct child_exits exits = {0};
	struct actor_cause cause = {.kind = ACTOR_EXIT_STATUS, .code = 64};

	assert_int_equal(child_exits_add_word(&exits, "64"), 0);
	assert_int_equal(child_exits_add_word(&exits, "SEGV"), 0);
	assert_int_equal(child_exits_add_word(&exits, "64x"), -EINVAL);
	assert_int_equal(child_exits_add_word(&exits, "256"), -EINVAL);
	assert_int_equal(child_exits_add_word(&exits, ""), -EINVAL);
	assert_true(child_exits_has(&exits, &cause));
	cause.code = 63;
	assert_false(child_exits_has(&exits, &cause));
	cause.code = SIGSEGV;
	assert_false(child_exits_has(&exits, &cause));
	cause.kind = ACTOR_EXIT_SIGNAL;
	assert_true(child_exits_has(&exits, &cause));
	cause.kind = ACTOR_EXIT_EXEC;
	assert_false(child_exits_has(&exits, &cause));
}

static void test_a_variable_has_a_name_and_a_value(void **arg)
{
	assert_true(child_variable_is_valid("A=1"));
	assert_true(child_variable_is_valid("A="));
	assert_false(child_variable_is_valid("A"));
	assert_false(child_variable_is_valid("=1"));
	assert_false(child_variable_is_valid(""));
}

static void test_each_restart_type_has_one_word(void **arg)
{
	enum actor_restart restart;

	for (enum actor_restart r = ACTOR_PERMANENT; r <= ACTOR_TEMPORARY; r++) {
		const char *word = child_restart_name(r);

		assert_int_equal(child_restart_parse(word, strlen(word), &restart), 0);
		assert_int_equal(restart, r);
	}
	assert_int_equal(child_restart_parse("perm", 4, &restart), -EINVAL);
	assert_int_equal(child_restart_parse("?", 1, &restart), -EINVAL);
	assert_string_equal(child_restart_name(ACTOR_TEMPORARY + 1), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_spec_needs_argv_and_has_defaults),
		cmocka_unit_test(test_a_backoff_that_begins_above_the_usual_end_moves_that_end_and_no_other),
		cmocka_unit_test(test_arguments_may_be_as_long_together_as_the_kernel_takes),
		cmocka_unit_test(test_bad_specs_are_refused_by_the_key_that_is_wrong),
		cmocka_unit_test(test_what_is_written_is_read_back_equal),
		cmocka_unit_test(test_what_it_may_do_and_use_is_read_back_equal),
		cmocka_unit_test(test_what_is_left_out_is_off),
		cmocka_unit_test(test_a_change_knows_whether_it_needs_another_life),
		cmocka_unit_test(test_a_set_of_ends_has_statuses_and_signals),
		cmocka_unit_test(test_a_variable_has_a_name_and_a_value),
		cmocka_unit_test(test_each_restart_type_has_one_word),
	};

	return run_facts(tests);
}

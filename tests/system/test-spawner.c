/* SPDX-License-Identifier: Apache-2.0 */
/* What callers ask of the spawner: starts, stops, ends, logs, waits. */
#include "tests/system/spawner-world.h"

/* ---- tests ---- */
static void test_a_spawned_program_is_listed_with_its_pid(void **arg)
{
	pid_t pid;

	shell("a", "permanent", "exec sleep 1000", "up");
	assert_string_equal(field("a", "state"), "up");
	assert_string_equal(field("a", "restarts"), "0");
	assert_string_equal(field("a", "last_exit"), "nil");
	pid = pid_of("a");
	assert_true(alive(pid));
	assert_int_equal(count(), 1);
	actor_msg_free(call("stop", "[sb]", "a", 1));
	assert_false(alive(pid));
	assert_string_equal(field("a", "state"), "down");
	assert_string_equal(field("a", "pid"), "nil");
	assert_string_equal(field("a", "last_exit.signal"), "SIGTERM");
	actor_msg_free(call("start", "[sb]", "a", 1));
	assert_true(alive(pid_of("a")));
	actor_msg_free(call("rm", "[sb]", "a", 1));
	assert_int_equal(count(), 0);
}

static void test_a_taken_name_and_other_mistakes_are_refused(void **arg)
{
	shell("a", "permanent", "exec sleep 1000", "up");
	call_refused("spawn", "in_use", "[{s:s,s:[s]}si]", "name", "a", "argv", "true", "up", 1000);
	call_refused("spawn", "bad_args", "[{s:s}si]", "name", "b", "up", 1000);
	call_refused("spawn", "bad_args", "[i]", 1);
	call_refused("spawn", "bad_args", "[]");
	call_refused("spawn", "bad_args", "[{s:[s]}s]", "argv", "true", "someday");
	call_refused("stop", "no_name", "[sb]", "x", 1);
	call_refused("kill", "bad_args", "[s]", "a");
	call_refused("kill", "bad_args", "[sii]", "a", 15, 1);
	call_refused("stop", "bad_args", "[sbb]", "a", 1, 1);
	call_refused("down", "bad_args", "[i]", 1);
	call_refused("rm", "running", "[sb]", "a", 0);
	call_refused("wait", "no_name", "[ssi]", "x", "up", 10);
	call_refused("nonsense", "no_method", "[]");
	assert_int_equal(count(), 1);
}

static void test_the_child_gets_what_its_spec_says(void **arg)
{
	actor_msg_free(call("spawn", "[{s:s,s:s,s:s,s:{s:s,s:s},s:[ssss]}si]", "name", "a", "restart",
		"temporary", "cwd", "/tmp", "env", "X", "1 2", "LANG", "xx", "argv", "sh", "-c",
		"pwd; echo \"$1|$X|$LANG|$ACTOR_RUNTIME_DIR|${ACTOR_TOKEN:+token}|$0\"; echo err >&2; ls /proc/self/fd | wc -l",
		"zero", "exit", 10000));
	assert_string_equal(field("a", "last_exit.code"), "0");
	assert_non_null(strstr(log_of("a"), "/tmp\n"));
	assert_non_null(strstr(log_of("a"), "|1 2|xx|"));
	assert_non_null(strstr(log_of("a"), "|token|zero\n"));
	assert_non_null(strstr(log_of("a"), "err\n"));
	assert_non_null(strstr(log_of("a"), "\n4\n")); /* 0, 1, 2 and the one of ls */
}

static void test_exit_codes_and_last_words_are_kept(void **arg)
{
	actor_msg *reply = call("spawn", "[{s:s,s:s,s:[sss]}si]", "name", "a", "restart", "temporary", "argv",
		"sh", "-c", "echo first >&2; echo cannot go on >&2; exit 7", "exit", 10000);

	assert_string_equal(look(body_of(reply), "last_exit.kind"), "exit");
	assert_string_equal(look(body_of(reply), "last_exit.code"), "7");
	assert_string_equal(look(body_of(reply), "last_exit.text"), "first | cannot go on");
	assert_string_equal(look(body_of(reply), "state"), "down");
	actor_msg_free(reply);
	shell("b", "temporary", "kill -SEGV $$", "exit");
	assert_string_equal(field("b", "last_exit.kind"), "signal");
	assert_string_equal(field("b", "last_exit.signal"), "SIGSEGV");
	shell("a", "temporary", "exit 3", "exit"); /* the name was free again */
	assert_string_equal(field("a", "last_exit.code"), "3");
	assert_int_equal(count(), 2);
}

static void test_kill_9_brings_it_back_at_once(void **arg)
{
	pid_t pid;

	shell("a", "permanent", "sleep 1000 & exec sleep 1000", "up");
	pid = pid_of("a");
	actor_msg_free(call("kill", "[si]", "a", SIGKILL));
	await_field("a", "restarts", "1");
	await_field("a", "state", "up");
	assert_int_not_equal(pid_of("a"), pid);
	assert_string_equal(field("a", "last_exit.signal"), "SIGKILL");
	kill(pid_of("a"), SIGKILL);
	await_field("a", "state", "backoff");
	await_field("a", "restarts", "2");
}

static void test_restart_is_a_new_process(void **arg)
{
	pid_t pid;

	shell("a", "permanent", "exec sleep 1000", "up");
	pid = pid_of("a");
	actor_msg_free(call("restart", "[sb]", "a", 1));
	assert_string_equal(field("a", "state"), "up");
	assert_int_not_equal(pid_of("a"), pid);
	assert_string_equal(field("a", "restarts"), "0");
}

static void test_one_that_ignores_term_is_killed_with_its_tree(void **arg)
{
	pid_t grandchild;
	char word[32];

	actor_msg_free(call("spawn", "[{s:s,s:I,s:[sss]}si]", "name", "a", "stop_timeout_ms", INT64_C(200),
		"argv", "sh", "-c",
		"trap '' TERM; setsid sh -c 'trap \"\" TERM; echo pid $$; while :; do sleep 1000; done' & while :; do sleep 1000; done",
		"up", 10000));
	while (!strstr(log_of("a"), "pid "))
		nap(2);
	assert_int_equal(sscanf(log_of("a"), "%31s %d", word, &grandchild), 2);
	assert_true(alive(grandchild));
	actor_msg_free(call("stop", "[sb]", "a", 1));
	assert_string_equal(field("a", "last_exit.signal"), "SIGKILL");
	assert_false(alive(grandchild));
}

static void exec_refused(const char *path, const char *expect)
{
	actor_msg *reply = call_error("spawn", -EREMOTEIO, "[{s:s,s:s,s:[s]}si]", "name", "bad", "restart",
		"temporary", "argv", path, "up", 10000);

	assert_string_equal(actor_msg_error(reply), "exec");
	if (!strstr(actor_msg_error_text(reply), expect))
		fail_msg("'%s' does not say '%s'", actor_msg_error_text(reply), expect);
	actor_msg_free(reply);
}

static void test_an_interpreter_that_is_missing_is_named(void **arg)
{
	char path[128];

	write_program(path, "a.sh", "#!/bin/bash42 -e\necho x\n");
	exec_refused(path, "No such file or directory: /bin/bash42, the interpreter of ");
	write_program(path, "crlf.sh", "#!/bin/sh\r\necho x\r\n");
	exec_refused(path, "/bin/sh\\r (it ends in a carriage return), the interpreter of ");
	write_program(path, "none.sh", "echo x\n");
	exec_refused(path, "has no first line with #!");
	exec_refused("/tmp/is/not/there", "No such file or directory: /tmp/is/not/there");
}

static void test_one_that_goes_into_the_background_is_said_to(void **arg)
{
	shell("apart", "temporary", "setsid sleep 1000 & exit 0", "exit");
	assert_non_null(strstr(field("apart", "last_exit.text"), "run it in the foreground"));
	assert_string_equal(field("apart", "outcome"), "done");
	shell("same", "temporary", "sleep 1000 & exit 0", "exit");
	assert_non_null(strstr(field("same", "last_exit.text"), "run it in the foreground"));
	shell("waits", "temporary", "sleep 0.01 & wait; exit 0", "exit");
	assert_string_equal(field("waits", "last_exit.text"), "");
	shell("finished", "temporary", "true & sleep 0.1; exit 0", "exit");
	assert_string_equal(field("finished", "last_exit.text"), "");
}

static void test_an_end_before_it_was_ready_is_told_at_once(void **arg)
{
	actor_msg *reply;

	if (!node.with_broker)
		skip();
	reply = call_error("spawn", -EREMOTEIO, "[{s:s,s:s,s:[sss]}si]", "name", "never", "ready", "actor",
		"argv", "/bin/sh", "-c", "echo cannot >&2; exit 127", "ready", 20000);
	assert_string_equal(actor_msg_error(reply), "ended");
	assert_string_equal(actor_msg_error_text(reply),
		"never ended before it was ready: exit 127: cannot; it is started again");
	actor_msg_free(reply);
}

static void test_an_exec_failure_names_path_and_errno_and_is_retried(void **arg)
{
	actor_msg *reply = call_error(
		"spawn", -EREMOTEIO, "[{s:s,s:[s]}si]", "name", "a", "argv", "/no/such/program", "up", 10000);

	assert_string_equal(actor_msg_error(reply), "exec");
	assert_non_null(strstr(actor_msg_error_text(reply), "/no/such/program"));
	assert_non_null(strstr(actor_msg_error_text(reply), "No such file"));
	actor_msg_free(reply);
	await_field("a", "restarts", "3");
	assert_string_equal(field("a", "last_exit.kind"), "exec");
	assert_string_equal(field("a", "last_exit.code"), "2");
	reply = call_error("spawn", -EREMOTEIO, "[{s:s,s:s,s:[s]}si]", "name", "b", "restart", "temporary",
		"argv", "/etc/passwd", "exit", 10000);
	assert_non_null(strstr(actor_msg_error_text(reply), "Permission denied"));
	actor_msg_free(reply);
	assert_string_equal(field("b", "state"), "down");
	reply = call_error("spawn", -EREMOTEIO, "[{s:s,s:s,s:[s]}si]", "name", "c", "cwd", "/no/such/dir",
		"argv", "true", "up", 10000);
	assert_non_null(strstr(actor_msg_error_text(reply), "/no/such/dir"));
	actor_msg_free(reply);
}

static void test_logs_hold_what_was_written_and_turn_over(void **arg)
{
	struct stat st;
	char path[300];

	shell("../x", "temporary", "echo out; echo err >&2", "exit");
	assert_non_null(strstr(log_of("../x"), "out\n"));
	assert_non_null(strstr(log_of("../x"), "err\n"));
	snprintf(path, sizeof(path), "%s/%%2E.%%2Fx.log", node.logs);
	assert_int_equal(stat(path, &st), 0);
	shell("big", "temporary", "yes 0123456789abcdef | head -c 25000000", "exit");
	snprintf(path, sizeof(path), "%s/big.log.2", node.logs);
	assert_int_equal(stat(path, &st), 0);
	/* The file may grow a little, until its last line ends. */
	assert_in_range(st.st_size, 10000000, (10 << 20) + (64 << 10));
	snprintf(path, sizeof(path), "%s/big.log", node.logs);
	assert_int_equal(stat(path, &st), 0);
	assert_in_range(st.st_size, 1, 10 << 20);
}

static void test_a_flood_starves_nobody(void **arg)
{
	uint64_t then_ms;

	shell("flood", "permanent", "exec yes", "up");
	then_ms = now_ms();
	for (int i = 0; i < 20; i++) {
		char name[16];

		snprintf(name, sizeof(name), "t%d", i);
		shell(name, "temporary", "echo here", "exit");
		assert_string_equal(log_of(name), "here\n");
	}
	assert_true(now_ms() - then_ms < PATIENCE_MS);
	actor_msg_free(call("rm", "[sb]", "flood", 1));
}

static void test_waits_end_with_what_they_wait_for(void **arg)
{
	shell("a", "temporary", "exec sleep 1000", "none");
	actor_msg_free(call("wait", "[ssi]", "a", "up", 10000));
	assert_int_equal(call_error("wait", -ETIMEDOUT, "[ssi]", "a", "down", 20) != NULL, 0);
	actor_msg_free(call("kill", "[si]", "a", SIGTERM));
	assert_string_equal(
		reply_field(call("wait", "[ssi]", "a", "down", 10000), "last_exit.signal"), "SIGTERM");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(test_a_spawned_program_is_listed_with_its_pid),
		T(test_a_taken_name_and_other_mistakes_are_refused),
		T(test_the_child_gets_what_its_spec_says),
		T(test_exit_codes_and_last_words_are_kept),
		T(test_kill_9_brings_it_back_at_once),
		T(test_restart_is_a_new_process),
		T(test_one_that_ignores_term_is_killed_with_its_tree),
		T(test_an_exec_failure_names_path_and_errno_and_is_retried),
		T(test_an_interpreter_that_is_missing_is_named),
		T(test_one_that_goes_into_the_background_is_said_to),
		T(test_an_end_before_it_was_ready_is_told_at_once),
		T(test_logs_hold_what_was_written_and_turn_over),
		T(test_a_flood_starves_nobody),
		T(test_waits_end_with_what_they_wait_for),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return run_facts(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libactor/protocol/cause.h"
#include "libactor/protocol/mp.h"
#include "tests/fact.h"

static void assert_round_trip(const struct actor_cause *cause)
{
	struct actor_cause back;
	struct buf b = BUF_INIT;

	cause_put(&b, cause);
	assert_int_equal(buf_error(&b), 0);
	assert_int_equal(cause_parse(b.data, b.size_bytes, &back), 0);
	assert_string_equal(back.reason, cause->reason);
	assert_string_equal(back.text, cause->text);
	assert_int_equal(back.kind, cause->kind);
	assert_int_equal(back.code, cause->code);
	assert_int_equal(back.core, cause->core);
	for (size_t n = 0; n < b.size_bytes; n++)
		assert_int_equal(cause_parse(b.data, n, &back), -EPROTO);
	mp_put_nil(&b);
	assert_int_equal(cause_parse(b.data, b.size_bytes, &back), -EPROTO);
	buf_deinit(&b);
}

/* The cause of a real child: it ends by the signal @signo; @signo 0: it exits with @code. */
static struct actor_cause cause_of_child(int signo, int code)
{
	siginfo_t info = {0};
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		if (signo) {
			signal(signo, SIG_DFL);
			kill(getpid(), signo);
			pause();
		}
		_exit(code);
	}
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
	return cause_of_exit(info.si_code, info.si_status);
}

static void test_an_end_tells_exit_from_signal(void **state)
{
	struct actor_cause cause = cause_of_child(0, 0);

	assert_string_equal(cause.reason, "normal");
	assert_int_equal(cause.kind, ACTOR_EXIT_STATUS);
	assert_true(actor_cause_is_clean(&cause));
	assert_round_trip(&cause);
	cause = cause_of_child(0, 1);
	assert_string_equal(cause.reason, "exit");
	assert_int_equal(cause.code, 1);
	cause = cause_of_child(0, 3);
	assert_string_equal(cause.reason, "exit");
	assert_int_equal(cause.code, 3);
	assert_false(actor_cause_is_clean(&cause));
	assert_round_trip(&cause);
	cause = cause_of_child(SIGKILL, 0);
	assert_string_equal(cause.reason, "signal");
	assert_int_equal(cause.kind, ACTOR_EXIT_SIGNAL);
	assert_int_equal(cause.code, SIGKILL);
	assert_false(cause.core);
	assert_round_trip(&cause);
	cause = cause_of_exit(CLD_DUMPED, SIGSEGV);
	assert_true(cause.core);
	assert_round_trip(&cause);
}

static void test_exec_failure_says_what_and_where(void **state)
{
	struct actor_cause cause = cause_from_exec_errno(ENOENT, "/no/such/program");
	char path[4096];

	assert_string_equal(cause.reason, "exec");
	assert_int_equal(cause.kind, ACTOR_EXIT_EXEC);
	assert_int_equal(cause.code, ENOENT);
	assert_string_equal(cause.text, "No such file or directory: /no/such/program");
	assert_round_trip(&cause);
	memset(path, 'p', sizeof(path));
	path[sizeof(path) - 1] = 0;
	cause = cause_from_exec_errno(EACCES, path);
	assert_int_equal(strlen(cause.text), sizeof(cause.text) - 1);
	assert_round_trip(&cause);
}

static void test_only_normal_and_shutdown_are_clean(void **state)
{
	static const char *const dirty[] = {
		"killed", "noproc", "noconnection", "exit", "signal", "exec", "crash: -22", "normal2", ""};
	struct actor_cause cause = cause_make("shutdown");

	assert_true(actor_cause_is_clean(&cause));
	for (size_t i = 0; i < sizeof(dirty) / sizeof(dirty[0]); i++) {
		cause = cause_make(dirty[i]);
		assert_false(actor_cause_is_clean(&cause));
	}
}

static void test_reasons_are_cut_between_characters_and_made_plain(void **state)
{
	char reason[40 * 5 + 1] = "";
	struct actor_cause cause;

	for (int i = 0; i < 40; i++)
		strcat(reason, "ß€");
	cause = cause_make(reason);
	/* "ß€" is 5 bytes: 12 of them and one more ß fit, the next € would not. */
	assert_int_equal(strlen(cause.reason), 62);
	cause = cause_make("a\nb\x1b[0m\xff");
	assert_string_equal(cause.reason, "a b?[0m?");
	assert_round_trip(&cause);
	cause = cause_make("a\xc2\x9b"
			   "31m\xc2\xa0");
	assert_string_equal(cause.reason, "a?31m\xc2\xa0");
	assert_round_trip(&cause);
}

static void test_signal_names_go_both_ways(void **state)
{
	char scratch[16];

	for (int i = 1; i <= 64; i++)
		assert_int_equal(cause_signal_number(cause_signal_name(i, scratch)), i);
	assert_string_equal(cause_signal_name(SIGSEGV, scratch), "SIGSEGV");
	assert_string_equal(cause_signal_name(42, scratch), "SIG42");
	assert_string_equal(cause_signal_name(-1, scratch), "SIG-1");
	assert_int_equal(cause_signal_number("SEGV"), SIGSEGV);
	assert_int_equal(cause_signal_number("term"), SIGTERM);
	assert_int_equal(cause_signal_number("9"), SIGKILL);
	assert_int_equal(cause_signal_number(""), -EINVAL);
	assert_int_equal(cause_signal_number("SIG"), -EINVAL);
	assert_int_equal(cause_signal_number("0"), -EINVAL);
	assert_int_equal(cause_signal_number("65"), -EINVAL);
	assert_int_equal(cause_signal_number("9x"), -EINVAL);
	assert_int_equal(cause_signal_number("-9"), -EINVAL);
	assert_int_equal(cause_signal_number("99999999999999999999"), -EINVAL);
	assert_int_equal(cause_signal_number("NOPE"), -EINVAL);
}

static void test_real_time_signals_are_counted_from_either_end(void **state)
{
	static const char *const wrong[] = {"RTMIN-1", "RTMAX+1", "RTMIN+", "RTMAX-", "RTMIN+x", "RTMIN+1x",
		"RTMIN+31", "RTMAX-31", "RTMIN++1", "RTMIN+ 1", "RTMIN+-1", "RTMIN+99999999999999999999",
		"RTMIN1", "RT", "RTM", "RTMINX"};

	assert_int_equal(cause_signal_number("RTMIN"), SIGRTMIN);
	assert_int_equal(cause_signal_number("SIGRTMIN"), SIGRTMIN);
	assert_int_equal(cause_signal_number("RTMIN+1"), SIGRTMIN + 1);
	assert_int_equal(cause_signal_number("sigrtmin+15"), SIGRTMIN + 15);
	assert_int_equal(cause_signal_number("RTMIN+0"), SIGRTMIN);
	assert_int_equal(cause_signal_number("RTMIN+30"), SIGRTMAX);
	assert_int_equal(cause_signal_number("RTMAX"), SIGRTMAX);
	assert_int_equal(cause_signal_number("SIGRtMax-14"), SIGRTMAX - 14);
	assert_int_equal(cause_signal_number("rtmax-30"), SIGRTMIN);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(cause_signal_number(wrong[i]), -EINVAL);
}

static void test_actor_reasons_travel_without_a_process(void **state)
{
	struct actor_cause cause = cause_make("noproc");

	assert_int_equal(cause.kind, ACTOR_EXIT_NONE);
	assert_round_trip(&cause);
	snprintf(cause.text, sizeof(cause.text), "no such actor");
	assert_round_trip(&cause);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_end_tells_exit_from_signal),
		cmocka_unit_test(test_exec_failure_says_what_and_where),
		cmocka_unit_test(test_only_normal_and_shutdown_are_clean),
		cmocka_unit_test(test_reasons_are_cut_between_characters_and_made_plain),
		cmocka_unit_test(test_signal_names_go_both_ways),
		cmocka_unit_test(test_real_time_signals_are_counted_from_either_end),
		cmocka_unit_test(test_actor_reasons_travel_without_a_process),
	};

	return run_facts(tests);
}

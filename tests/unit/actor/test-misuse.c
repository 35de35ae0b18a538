/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program does wrong ends in an error, or in the end of the actor that did it, and never in the end of
 * the group. Without a node; ASan sees misuse of memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/answer.h"
#include "libactor/actor/call.h"
#include "libactor/actor/monitor.h"
#include "libactor/base/base.h"
#include "libactor/crash.h"
#include "libactor/loop/stack.h"
#include "libactor/message/msg.h"
#include "libactor/transport/address.h"
#include "tests/fact.h"
#include "tests/unit/story.h"

static int64_t n_ended, n_woken, last_error;
static actor_from *kept;

static int driver_tick(actor *self, const actor_msg *msg)
{
	n_woken++;
	return 0;
}

static int driver_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	return 0;
}

static const struct actor_method driver_methods[] = {
	DRIVER_METHODS,
	{.name = "tick", .on_cast = driver_tick},
	{0},
};

static const struct actor_behavior driver = {
	.name = "driver",
	.methods = driver_methods,
	.init = driver_init,
	.on_down = driver_down,
};

static void story(story_fn fn)
{
	n_ended = n_woken = last_error = 0;
	story_of(&driver, fn);
}

/* ---- an actor that ends itself, and others, everywhere ---- */

enum moment { IN_NONE, IN_INIT, IN_CAST, IN_CALL, IN_DOWN, IN_TERMINATE, IN_OTHER, MOMENTS_N };
enum way { BY_STOP, BY_KILL, BY_BOTH, WAYS_N };

struct plan {
	enum moment moment;
	enum way way;
	bool waits; /* afterwards it calls everything that waits */
};

static void plan_do(actor *self, enum moment moment)
{
	struct plan *plan = actor_state(self);
	actor_ref dead = actor_self(self);

	if (plan->moment != moment)
		return;
	if (plan->way != BY_KILL)
		assert_int_equal(actor_stop(self, actor_self(self), "enough"), 0);
	if (plan->way != BY_STOP)
		assert_int_equal(actor_kill(self, actor_self(self)), 0);
	if (!plan->waits)
		return;
	dead.serial = UINT64_MAX;
	(void)actor_sleep(self, 1);
	assert_true(actor_call(self, actor_to(dead), "x", 1, NULL, "") < 0);
	assert_true(actor_call(self, actor_to(actor_self(self)), "x", 1, NULL, "") < 0);
	(void)actor_cast(self, actor_to(dead), "x", "");
	(void)actor_monitor(self, dead, NULL);
	(void)actor_send_after(self, 1, "x", NULL, "");
}

static int mortal_init(actor *self, const void *arg)
{
	*(struct plan *)actor_state(self) = *(const struct plan *)arg;
	plan_do(self, IN_INIT);
	return 0;
}

static void mortal_terminate(actor *self, const struct actor_cause *cause)
{
	plan_do(self, IN_TERMINATE);
}

static int mortal_cast(actor *self, const actor_msg *msg)
{
	plan_do(self, IN_CAST);
	return 0;
}

static int mortal_call(actor *self, const actor_msg *msg, actor_from *from)
{
	plan_do(self, IN_CALL);
	return 0;
}

static int mortal_watch(actor *self, const actor_msg *msg)
{
	actor_ref dead = actor_self(self);

	dead.serial = UINT64_MAX;
	return actor_monitor(self, dead, NULL);
}

static int mortal_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	plan_do(self, IN_DOWN);
	return 0;
}

static int mortal_other(actor *self, const actor_msg *msg, actor_from *from)
{
	plan_do(self, IN_OTHER);
	return 0;
}

static const struct actor_method mortal_methods[] = {
	{.name = "call", .on_call = mortal_call},
	{.name = "cast", .on_cast = mortal_cast},
	{.name = "watch", .on_cast = mortal_watch},
	{0},
};

static const struct actor_behavior mortal = {
	.name = "mortal",
	.state_size = sizeof(struct plan),
	.methods = mortal_methods,
	.init = mortal_init,
	.terminate = mortal_terminate,
	.on_down = mortal_down,
	.on_other = mortal_other,
};

static void mortals(actor *self)
{
	for (int i = 0; i < MOMENTS_N * WAYS_N * 2; i++) {
		struct plan plan = {.moment = i % MOMENTS_N,
			.way = i / MOMENTS_N % WAYS_N,
			.waits = i / MOMENTS_N / WAYS_N};
		actor_ref who = {0};
		int r;

		r = actor_spawn(self, &mortal, &plan, &who);
		if (r < 0) {
			assert_int_equal(plan.moment, IN_INIT);
			continue;
		}
		assert_int_equal(actor_monitor(self, who, NULL), 0);
		(void)actor_cast(self, actor_to(who), "cast", "");
		(void)actor_cast(self, actor_to(who), "watch", "");
		(void)actor_cast(self, actor_to(who), "unheard of", "");
		r = actor_call(self, actor_to(who), "call", 1000, NULL, "");
		assert_true(r < 0 && r != -ETIMEDOUT);
		(void)actor_sleep(self, 5);
		(void)actor_stop(self, who, NULL);
		(void)actor_stop(self, who, NULL);
		r = actor_call(self, actor_to(who), "call", 1000, NULL, "");
		assert_true(r == -ESRCH || r == -ECONNRESET); /* dead, or it was never alive */
	}
}

static void test_an_actor_may_end_itself_in_every_callback(void **state)
{
	story(mortals);
}

/* ---- killed while it waits ---- */

static int never_init(actor *self, const void *arg)
{
	int r = actor_sleep(self, 100000);

	n_ended++;
	return r;
}

static const struct actor_behavior never = {.name = "never", .init = never_init};

static int full_run(actor *self, const actor_msg *msg)
{
	(void)actor_sleep(self, 100000);
	return 0;
}

static const struct actor_method full_methods[] = {{.name = "run", .on_cast = full_run}, {0}};
static const struct actor_behavior full = {
	.name = "full", .methods = full_methods, .mailbox_max_messages = 1};

static actor_ref full_ref;

static int waiter_wait(actor *self, const actor_msg *msg)
{
	actor_ref ref;
	int64_t how;

	assert_int_equal(actor_msg_unpack(msg, "I", &how), 0);
	switch (how) {
	case 0:
		last_error = actor_sleep(self, 100000);
		break;
	case 1:
		last_error = actor_call(self, actor_to(full_ref), "run", ACTOR_FOREVER, NULL, "");
		break;
	case 2:
		last_error = actor_spawn(self, &never, NULL, &ref);
		break;
	case 3:
		while ((last_error = actor_cast(self, actor_to(full_ref), "run", "")) == 0)
			;
		break;
	}
	n_woken++;
	/* If it was killed, each further wait ends as well. */
	assert_true(actor_sleep(self, 100000) == -ECANCELED || last_error != -ECANCELED);
	return 0;
}

static const struct actor_method waiter_methods[] = {{.name = "wait", .on_cast = waiter_wait}, {0}};
static const struct actor_behavior waiter = {.name = "waiter", .methods = waiter_methods};

static void killed_while_waiting(actor *self)
{
	for (int how = 0; how < 4; how++) {
		actor_ref who;

		assert_int_equal(actor_spawn(self, &full, NULL, &full_ref), 0);
		assert_int_equal(actor_cast(self, actor_to(full_ref), "run", ""), 0);
		(void)actor_sleep(self, 2);
		n_woken = 0;
		assert_int_equal(actor_spawn(self, &waiter, NULL, &who), 0);
		assert_int_equal(actor_cast(self, actor_to(who), "wait", "i", how), 0);
		(void)actor_sleep(self, 5);
		assert_int_equal(n_woken, 0);
		assert_int_equal(actor_kill(self, who), 0);
		assert_int_equal(actor_kill(self, who), 0);
		(void)actor_sleep(self, 5);
		assert_int_equal(n_woken, 1);
		assert_int_equal(last_error, -ECANCELED);
		assert_int_equal(actor_kill(self, full_ref), 0);
	}
}

static void test_a_kill_ends_every_kind_of_wait(void **state)
{
	story(killed_while_waiting);
}

static void leave_them_parked(actor *self)
{
	actor_ref who;

	assert_int_equal(actor_spawn(self, &full, NULL, &full_ref), 0);
	assert_int_equal(actor_cast(self, actor_to(full_ref), "run", ""), 0);
	for (int how = 0; how < 400; how++) {
		assert_int_equal(actor_spawn(self, &waiter, NULL, &who), 0);
		assert_int_equal(actor_cast(self, actor_to(who), "wait", "i", how % 4), 0);
	}
	(void)actor_sleep(self, 20);
}

static void test_a_group_is_freed_with_all_kinds_of_parked_actors(void **state)
{
	story_fn fn = leave_them_parked;
	struct actor_group_options options = {.mode = ACTOR_JOIN_NONE};
	actor_group *group;

	assert_int_equal(actor_group_new(&group, &options), 0);
	assert_int_equal(actor_group_spawn(group, &driver, &fn, NULL, NULL), 0);
	for (int i = 0; i < 50; i++) {
		actor_group_dispatch(group);
		usleep(500);
	}
	actor_group_free(group); /* asks the actors to stop, and then kills them */
}

/* ---- answers ---- */

static int twice_call(actor *self, const actor_msg *msg, actor_from *from)
{
	assert_int_equal(actor_reply(from, "i", 1), 0);
	assert_true(actor_reply(from, "i", 2) < 0);
	assert_true(actor_reply_error(from, "too.late", "x") < 0);
	assert_null(actor_from_free(NULL));
	return 0;
}

static int twice_keep(actor *self, const actor_msg *msg, actor_from *from)
{
	kept = actor_from_keep(from);
	assert_non_null(kept);
	/* Refused, or the only answer: `from` may have become invalid when it was kept. */
	(void)actor_reply(from, "i", 5);
	return 0;
}

static int twice_bad(actor *self, const actor_msg *msg, actor_from *from)
{
	assert_true(actor_reply(from, "Q", 1) < 0);
	assert_true(actor_reply(from, "ii", 1, 2) < 0);
	assert_true(actor_reply(from, "[i", 1) < 0);
	assert_true(actor_reply_error(from, "", "x") < 0);
	assert_true(actor_reply_error(from, NULL, "x") < 0);
	return actor_reply(from, "i", 7);
}

static const struct actor_method twice_methods[] = {
	{.name = "call", .on_call = twice_call},
	{.name = "keep", .on_call = twice_keep},
	{.name = "bad", .on_call = twice_bad},
	{0},
};
static const struct actor_behavior twice = {.name = "twice", .methods = twice_methods};

static void answers(actor *self)
{
	actor_msg *reply;
	actor_ref who;
	int n;

	assert_int_equal(actor_spawn(self, &twice, NULL, &who), 0);
	assert_int_equal(actor_call(self, actor_to(who), "call", 1000, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "i", &n), 0);
	assert_int_equal(n, 1);
	actor_msg_free(reply);
	assert_int_equal(actor_call(self, actor_to(who), "bad", 1000, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "i", &n), 0);
	assert_int_equal(n, 7);
	actor_msg_free(reply);
}

static void test_a_second_answer_and_a_malformed_one_are_refused(void **state)
{
	story(answers);
}

static void keep_past_the_end(actor *self)
{
	actor_ref who;

	assert_int_equal(actor_spawn(self, &twice, NULL, &who), 0);
	(void)actor_call(self, actor_to(who), "keep", 5, NULL, "");
	assert_int_equal(actor_kill(self, who), 0);
	(void)actor_sleep(self, 2);
	/* The actor that kept the address is gone. The program must know whether it frees the address. */
}

static void test_an_address_kept_by_an_actor_that_ended_leaks_nothing(void **state)
{
	story(keep_past_the_end);
}

/* ---- arguments that are none ---- */

static void wrong_arguments(actor *self)
{
	actor_ref me = actor_self(self), nobody = {0};
	static char huge[17 << 20];
	char name[300];
	actor_ref ref;
	uint64_t id;

	memset(name, 'n', sizeof(name));
	name[256] = 0;
	assert_int_equal(actor_cast(self, actor_to(me), "tick", "Q", 1), -EINVAL);
	assert_int_equal(actor_cast(self, actor_to(me), "tick", "[i", 1), -EINVAL);
	assert_int_equal(actor_cast(self, actor_to(me), "tick", "i]", 1), -EINVAL);
	assert_int_equal(actor_cast(self, actor_to(me), "tick", "{i", 1), -EINVAL);
	assert_true(actor_cast(self, actor_to(me), name, "") < 0);
	assert_true(actor_cast(self, actor_to(me), "a\nb", "") < 0);
	assert_true(actor_cast(self, actor_to(me), "tick", "y#", (const void *)huge, sizeof(huge)) < 0);
	assert_true(actor_call(self, actor_to(nobody), "tick", 100, NULL, "") < 0);
	assert_true(actor_call(self, actor_to(me), "tick", 100, NULL, "") == -EDEADLK);
	assert_true(actor_call(self, actor_named(""), "tick", 100, NULL, "") < 0);
	assert_true(actor_call(self, actor_named(name), "tick", 100, NULL, "") < 0);
	assert_true(actor_register(self, "") < 0);
	assert_true(actor_register(self, name) < 0);
	assert_true(actor_register(self, "$broker") < 0);
	assert_true(actor_register(self, "a\tb") < 0);
	assert_true(actor_whereis(self, "", &ref) < 0);
	assert_true(actor_monitor(self, nobody, &id) < 0);
	assert_false(actor_demonitor(self, UINT64_MAX));
	assert_false(actor_timer_cancel(self, UINT64_MAX));
	assert_true(actor_unwatch_fd(self, -1) < 0);
	assert_true(actor_watch_fd(self, -1, 1, "tick") < 0);
	assert_true(actor_send_after(self, -1, "tick", &id, "") <= 0);
	assert_true(actor_send_after(self, INT64_MAX, "tick", &id, "") <= 0);
	assert_true(actor_sleep(self, -5) <= 0);
	assert_null(actor_msg_free(NULL));
	assert_null(actor_group_free(NULL));
	assert_null(actor_client_free(NULL));
}

static void test_arguments_that_make_no_sense_are_refused(void **state)
{
	story(wrong_arguments);
}

/* ---- many ---- */

#define PARKED_N 10000
#define ACTORS_N 100000
#define TIMERS_N 100000

static int sleeper_run(actor *self, const actor_msg *msg)
{
	(void)actor_sleep(self, 100000);
	n_ended++;
	return 0;
}

static const struct actor_method sleeper_methods[] = {{.name = "run", .on_cast = sleeper_run}, {0}};
static const struct actor_behavior sleeper = {.name = "sleeper", .methods = sleeper_methods};

static void parked(actor *self)
{
	actor_ref *who = calloc(PARKED_N, sizeof(*who));

	for (int i = 0; i < PARKED_N; i++) {
		assert_int_equal(actor_spawn(self, &sleeper, NULL, &who[i]), 0);
		assert_int_equal(actor_cast(self, actor_to(who[i]), "run", ""), 0);
	}
	(void)actor_sleep(self, 50);
	for (int i = 0; i < PARKED_N; i++)
		assert_int_equal(actor_kill(self, who[i]), 0);
	while (n_ended < PARKED_N)
		(void)actor_sleep(self, 1);
	free(who);
}

/* A group that cannot be made because descriptors are missing gives an error, and its program goes on. */
static void test_a_group_without_descriptors_is_emfile(void **state)
{
	for (int i = 0; i < 16; i++) {
		int status, first_free = dup(0);
		pid_t pid = fork();

		if (pid == 0) {
			struct actor_group_options options = {
				.mode = i < 8 ? ACTOR_JOIN_NONE : ACTOR_JOIN_DIRECT,
				.runtime_dir = "/nowhere"};
			struct rlimit limit = {(rlim_t)(first_free + i % 8), (rlim_t)(first_free + i % 8)};
			actor_group *group;
			int r;

			close(first_free);
			if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
				_exit(2);
			r = actor_group_new(&group, &options);
			if (r == 0)
				actor_group_free(group);
			_exit(r == 0 || r == -EMFILE || r == -ENOTCONN ? 0 : 1);
		}
		close(first_free);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

static void test_10000_actors_park_and_are_killed(void **state)
{
	story(parked);
}

static void many(actor *self)
{
	actor_ref who;

	for (int i = 0; i < ACTORS_N; i++) {
		assert_int_equal(actor_spawn(self, &sleeper, NULL, &who), 0);
		assert_int_equal(actor_monitor(self, who, NULL), 0);
		if (i % 2)
			assert_int_equal(actor_stop(self, who, NULL), 0);
	}
	for (int i = 0; i < TIMERS_N; i++) {
		uint64_t id;

		assert_int_equal(actor_send_after(self, i % 3 ? 1000000 : 0, "tick", &id, ""), 0);
		if (i % 3 == 1)
			assert_true(actor_timer_cancel(self, id));
	}
}

static void test_100000_actors_monitors_and_timers_come_and_go(void **state)
{
	story(many);
}

/* ---- the stack ---- */

static volatile bool enough;

static int __attribute__((noinline)) deeper(volatile char *above)
{
	volatile char here[1024];

	if (enough)
		return 0;
	here[0] = (char)(*above + 1);
	return deeper(here) + here[1023];
}

static void overflow(actor *self)
{
	char c = 0;

	_exit(deeper(&c) & 1);
}

static void test_a_stack_overflow_is_a_sigsegv_and_nothing_else(void **state)
{
	struct rlimit none = {0};
	int status;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &none);
		if (!freopen("/dev/null", "w", stderr))
			_exit(3);
		story(overflow);
		_exit(2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
#if defined(__SANITIZE_ADDRESS__)
	/* ASan may catch the signal, report it, and end the process with its own exit status. */
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 1);
#else
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSEGV);
#endif
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

/* The last words of a program whose only actor runs @fn, in a group set up as actor_main() does it. */
static void last_words(story_fn fn, char *ret, size_t size, int signo)
{
	struct rlimit none = {0};
	size_t n = 0;
	int fds[2], status;
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		struct actor_group_options options = {.mode = ACTOR_JOIN_NONE};
		actor_group *group;

		setrlimit(RLIMIT_CORE, &none);
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		close(fds[1]);
		if (actor_group_new(&group, &options) < 0)
			_exit(2);
		crash_report_start(group);
		actor_group_spawn(group, &driver, &fn, NULL, NULL);
		actor_group_run(group);
		_exit(3);
	}
	close(fds[1]);
	while ((got = read(fds[0], ret + n, size - 1 - n)) > 0)
		n += (size_t)got;
	ret[n] = 0;
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), signo);
}

static const char *last_line(const char *text)
{
	const char *end = strrchr(text, '\n'), *at = end;

	assert_non_null(end);
	while (at > text && at[-1] != '\n')
		at--;
	return at;
}

static void test_a_stack_overflow_is_called_so_with_actor_method_and_function(void **state)
{
	static char text[65536];
	const char *last;

	last_words(overflow, text, sizeof(text), SIGSEGV);
	last = last_line(text);
	assert_non_null(strstr(last,
		"crash: SIGSEGV: stack overflow (it has 256 KiB) in actor <1.1.1> (driver), method 'run', in deeper\n"));
	assert_true(strlen(last) < sizeof(((struct actor_cause *)0)->text));
}

static int __attribute__((noinline)) big_frame(void)
{
	volatile char big[300 << 10];

	big[0] = 1; /* below the stack, and below the first page of its guard */
	return big[0];
}

static void overflow_at_once(actor *self)
{
	_exit(big_frame());
}

static void test_an_array_that_is_larger_than_the_stack_is_a_stack_overflow(void **state)
{
	static char text[65536];

	last_words(overflow_at_once, text, sizeof(text), SIGSEGV);
	assert_non_null(strstr(last_line(text), "stack overflow"));
}

static int *nowhere;

static void __attribute__((noinline)) write_nowhere(actor *self)
{
	*nowhere = 5;
}

static void test_a_crash_names_the_function_although_it_is_static(void **state)
{
	static char text[65536];
	const char *last;

	last_words(write_nowhere, text, sizeof(text), SIGSEGV);
	last = last_line(text);
	assert_non_null(strstr(last,
		"crash: SIGSEGV at address 0x0 in actor <1.1.1> (driver), method 'run', in write_nowhere\n"));
	/* The report also has a line for each function on the way there, with what addr2line needs. */
	assert_non_null(strstr(text, "  write_nowhere+0x"));
	assert_non_null(strstr(text, "  driver_run+0x"));
	assert_non_null(strstr(text, " (test-misuse+0x"));
}

static void give_up(actor *self)
{
	abort();
}

static void test_an_abort_names_the_function_of_the_program(void **state)
{
	static char text[65536];

	last_words(give_up, text, sizeof(text), SIGABRT);
	assert_non_null(strstr(
		last_line(text), "crash: SIGABRT in actor <1.1.1> (driver), method 'run', in give_up\n"));
}

#endif

/* Uses most of the stack that it asked for, waits, and checks that the contents have stayed. */
static int roomy_use(actor *self, const actor_msg *msg, actor_from *from)
{
	size_t size_bytes = self->behavior->stack_size_bytes - (48u << 10);
	volatile char *room = __builtin_alloca(size_bytes);
	int n = 0;

	for (size_t i = 0; i < size_bytes; i += 4096)
		room[i] = (char)(i >> 12);
	(void)actor_sleep(self, 1);
	for (size_t i = 0; i < size_bytes; i += 4096)
		n += room[i] == (char)(i >> 12);
	return actor_reply(from, "i", n);
}

static const struct actor_method roomy_methods[] = {{.name = "use", .on_call = roomy_use}, {0}};
static const struct actor_behavior roomy = {
	.name = "roomy", .methods = roomy_methods, .stack_size_bytes = 1u << 20};
static const struct actor_behavior roomier = {
	.name = "roomier", .methods = roomy_methods, .stack_size_bytes = 8u << 20};
static const struct actor_behavior too_roomy = {
	.name = "too roomy", .methods = roomy_methods, .stack_size_bytes = SIZE_MAX};

static void larger_stacks(actor *self)
{
	actor_ref large[8], larger, small;
	actor_msg *reply;
	int n;

	assert_int_equal(actor_spawn(self, &too_roomy, NULL, &small), -EINVAL);
	assert_int_equal(actor_spawn(self, &roomier, NULL, &larger), 0);
	assert_int_equal(actor_spawn(self, &sleeper, NULL, &small), 0);
	assert_int_equal(actor_cast(self, actor_to(small), "run", ""), 0);
	for (int i = 0; i < 8; i++)
		assert_int_equal(actor_spawn(self, &roomy, NULL, &large[i]), 0);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 8; i++) {
			assert_int_equal(actor_call(self, actor_to(large[i]), "use", 10000, &reply, ""), 0);
			assert_int_equal(actor_msg_unpack(reply, "i", &n), 0);
			assert_int_equal(n, ((1 << 20) - (48 << 10)) / 4096);
			actor_msg_free(reply);
		}
		assert_int_equal(actor_call(self, actor_to(larger), "use", 10000, &reply, ""), 0);
		assert_int_equal(actor_msg_unpack(reply, "i", &n), 0);
		assert_int_equal(n, ((8 << 20) - (48 << 10)) / 4096);
		actor_msg_free(reply);
	}
	assert_int_equal(actor_kill(self, small), 0);
}

static void test_a_behavior_gets_the_stack_it_asks_for(void **state)
{
	story(larger_stacks);
}

static void half_a_mebibyte(actor *self)
{
	volatile char *room = __builtin_alloca(448u << 10);

	for (size_t i = 0; i < 448u << 10; i += 4096)
		room[i] = 1;
	(void)actor_sleep(self, 1);
	assert_int_equal(room[0], 1);
}

static void test_a_group_gets_the_stacks_it_asks_for(void **state)
{
	struct actor_group_options options = {.mode = ACTOR_JOIN_NONE, .stack_size_bytes = 512u << 10};
	story_fn fn = half_a_mebibyte;
	actor_group *group;

	assert_int_equal(actor_group_new(&group, &options), 0);
	assert_int_equal(actor_group_spawn(group, &driver, &fn, NULL, NULL), 0);
	assert_int_equal(actor_group_run(group), 0);
	actor_group_free(group);
	options.stack_size_bytes = SIZE_MAX;
	assert_int_equal(actor_group_new(&group, &options), -EINVAL);
	/* A size that is too small becomes the size that the runtime needs itself. */
	options.stack_size_bytes = 1;
	fn = answers;
	assert_int_equal(actor_group_new(&group, &options), 0);
	assert_int_equal(actor_group_spawn(group, &driver, &fn, NULL, NULL), 0);
	assert_int_equal(actor_group_run(group), 0);
	actor_group_free(group);
}

static void test_a_field_that_a_newer_program_sets_is_refused_and_not_ignored(void **state)
{
	struct {
		struct actor_behavior known;
		void (*on_what_is_not_there_yet)(void);
	} newer = {.known = driver};
	struct {
		struct actor_group_options known;
		int64_t later;
	} options = {.known = {.mode = ACTOR_JOIN_NONE}};
	story_fn fn = answers;
	actor_group *group;

	options.later = 1;
	assert_int_equal(actor_group_new_sized(&group, &options.known, sizeof(options)), -E2BIG);
	options.later = 0;
	assert_int_equal(actor_group_new_sized(&group, &options.known, sizeof(options)), 0);
	newer.on_what_is_not_there_yet = (void (*)(void))answers;
	assert_int_equal(
		actor_group_spawn_sized(group, &newer.known, sizeof(newer), &fn, NULL, NULL), -E2BIG);
	assert_int_equal(actor_group_spawn_sized(group, &newer.known, 8, &fn, NULL, NULL), -EINVAL);
	newer.on_what_is_not_there_yet = NULL;
	assert_int_equal(actor_group_spawn_sized(group, &newer.known, sizeof(newer), &fn, NULL, NULL), 0);
	assert_int_equal(actor_group_run(group), 0);
	actor_group_free(group);
}

static void name_that_is_none(actor *self)
{
	assert_int_equal(actor_cast(self, actor_named(NULL), "tick", ""), -EINVAL);
	assert_int_equal(actor_call(self, actor_named(NULL), "tick", 1000, NULL, ""), -EINVAL);
	assert_int_equal(actor_call(self, actor_named(""), "tick", 1000, NULL, ""), -EINVAL);
}

static void test_a_destination_without_a_name_is_a_misuse(void **state)
{
	story(name_that_is_none);
}

static int watcher_init(actor *self, const void *arg)
{
	return actor_watch_fd(self, *(const int *)arg, POLLIN, "readable");
}

static int watcher_readable(actor *self, const actor_msg *msg)
{
	n_woken++;
	actor_group_stop(actor_group_of(self));
	return 0;
}

static const struct actor_method watcher_methods[] = {{.name = "readable", .on_cast = watcher_readable}, {0}};
static const struct actor_behavior watcher = {
	.name = "watcher", .methods = watcher_methods, .init = watcher_init};

static void watch_a_pipe(void)
{
	struct actor_group_options options = {.mode = ACTOR_JOIN_NONE};
	actor_group *group;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(actor_group_new(&group, &options), 0);
	assert_int_equal(actor_group_spawn(group, &watcher, &fds[0], NULL, NULL), 0);
	assert_int_equal(actor_group_run(group), 0);
	actor_group_free(group);
	close(fds[0]);
	close(fds[1]);
}

/* For the loop the kernel is now one before 5.11. */
static void without_epoll_pwait2(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(2);
}

static void test_a_kernel_without_epoll_pwait2_will_do(void **state)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		alarm(60);
		without_epoll_pwait2();
		n_woken = 0;
		watch_a_pipe();
		_exit(n_woken == 1 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_every_error_of_the_api_has_words(void **state)
{
	static const int errors[] = {EINVAL, ENOMEM, ESRCH, ECONNRESET, ENOTCONN, ETIMEDOUT, EREMOTEIO,
		EDEADLK, ECANCELED, EBUSY, EAGAIN, ENOBUFS, EEXIST, EMSGSIZE, EPROTO, ERANGE, EALREADY, EPERM,
		E2BIG};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		assert_string_not_equal(actor_strerror(-errors[i]), "unknown error");
		assert_ptr_equal(actor_strerror(-errors[i]), actor_strerror(errors[i]));
	}
	assert_string_equal(actor_strerror(0), "success");
	assert_string_equal(actor_strerror(INT_MIN), "unknown error");
	assert_string_equal(actor_strerror(-100000), "unknown error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_field_that_a_newer_program_sets_is_refused_and_not_ignored),
		cmocka_unit_test(test_a_destination_without_a_name_is_a_misuse),
		cmocka_unit_test(test_a_kernel_without_epoll_pwait2_will_do),
		cmocka_unit_test(test_every_error_of_the_api_has_words),
		cmocka_unit_test(test_a_stack_overflow_is_a_sigsegv_and_nothing_else),
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
		cmocka_unit_test(test_a_stack_overflow_is_called_so_with_actor_method_and_function),
		cmocka_unit_test(test_an_array_that_is_larger_than_the_stack_is_a_stack_overflow),
		cmocka_unit_test(test_a_crash_names_the_function_although_it_is_static),
		cmocka_unit_test(test_an_abort_names_the_function_of_the_program),
#endif
		cmocka_unit_test(test_a_behavior_gets_the_stack_it_asks_for),
		cmocka_unit_test(test_a_group_gets_the_stacks_it_asks_for),
		cmocka_unit_test(test_an_actor_may_end_itself_in_every_callback),
		cmocka_unit_test(test_a_kill_ends_every_kind_of_wait),
		cmocka_unit_test(test_a_group_is_freed_with_all_kinds_of_parked_actors),
		cmocka_unit_test(test_a_second_answer_and_a_malformed_one_are_refused),
		cmocka_unit_test(test_an_address_kept_by_an_actor_that_ended_leaks_nothing),
		cmocka_unit_test(test_arguments_that_make_no_sense_are_refused),
		cmocka_unit_test(test_a_group_without_descriptors_is_emfile),
		cmocka_unit_test(test_10000_actors_park_and_are_killed),
		cmocka_unit_test(test_100000_actors_monitors_and_timers_come_and_go),
	};

	return run_facts(tests);
}

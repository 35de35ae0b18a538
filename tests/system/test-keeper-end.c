/* SPDX-License-Identifier: Apache-2.0 */
/* The end of the node, the directory that it leaves, and who may start the next node there. */
#include "tests/system/keeper-world.h"

/* ---- the end of the node ---- */
static void test_keeper_killed_leaves_nobody(void **state)
{
	struct child *child;
	char text[64];
	int out;

	node_start();
	spawn_shell(1, DAEMONS "sleep 1000");
	spawn_argv(2, (const char *const[]){"sleep", "1000", NULL});
	child = hear_running(1);
	hear_running(2);
	out = child->fds[0];
	read_lines(out, 6, text, sizeof(text));
	kill(node.pid, SIGKILL);
	expect_eof(out);
	expect_eof(child_of(2)->fds[0]);
	wait_readable(node.control_fd); /* the supervisor has swept the rest, and has ended */
	assert_int_equal(read(node.control_fd, text, 1), 0);
	assert_int_equal(sweep_kill(node.hello.node_id, NULL, 0, NULL, 0, PATIENCE_MS, NULL), 0);
}

static void test_a_keeper_that_is_killed_leaves_nobody_who_threw_away_his_environment(void **state)
{
	struct child *child;
	char text[64];

	node_start();
	spawn_shell(1, STRANGER "env -i /bin/sh -c 'echo up; exec /bin/sleep 1000' & wait");
	child = hear_running(1);
	read_lines(child->fds[0], 2, text, sizeof(text));
	kill(node.pid, SIGKILL);
	expect_eof(child->fds[0]);
}

static void test_a_stale_directory_is_swept_and_taken_over(void **state)
{
	uint64_t old_node_id;
	struct child *child;
	char text[64], path[128];
	int out;

	node_start();
	old_node_id = node.hello.node_id;
	spawn_shell(1, DAEMONS "sleep 1000");
	child = hear_running(1);
	out = dup(child->fds[0]);
	read_lines(out, 6, text, sizeof(text));
	snprintf(path, sizeof(path), "%s/broker.ipc", node.dir);
	assert_int_equal(mknod(path, S_IFSOCK | 0600, 0), 0);
	kill(node.supervisor_pid, SIGSTOP); /* both die, so nobody is left to sweep */
	kill(node.pid, SIGKILL);
	kill(node.supervisor_pid, SIGKILL);
	keeper_wait();
	supervisor_forget();

	node_start();
	assert_true(node.hello.node_id != old_node_id);
	expect_eof(out);
	close(out);
	assert_int_equal(access(path, F_OK), -1);
	log_expect("processes behind");
}

static void test_a_second_start_is_refused(void **state)
{
	pid_t first;
	char text[128];

	node_start();
	first = node.pid;
	keeper_start(NULL);
	assert_int_equal(WEXITSTATUS(keeper_wait()), KEEPER_EXIT_RUNNING);
	node.pid = first;
	snprintf(text, sizeof(text), "already running, pid %d", (int)first);
	log_expect(text);
	spawn_argv(1, (const char *const[]){"true", NULL}); /* the first node has not noticed it */
	hear_final(1);
}

static void test_a_directory_that_is_not_private_is_refused(void **state)
{
	mkdir(node.dir, 0755);
	keeper_start(NULL);
	assert_int_equal(WEXITSTATUS(keeper_wait()), 1);
	log_expect("make it 0700");
	rmdir(node.dir);
	assert_int_equal(symlink("/tmp", node.dir), 0);
	keeper_start(NULL);
	assert_int_equal(WEXITSTATUS(keeper_wait()), 1);
	log_expect("symlink");
	unlink(node.dir);
}

static void test_somebodys_files_are_refused_and_stay(void **state)
{
	char path[128];

	mkdir(node.dir, 0700);
	snprintf(path, sizeof(path), "%s/thesis", node.dir);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	keeper_start(NULL);
	assert_int_equal(WEXITSTATUS(keeper_wait()), 1);
	log_expect("it has 'thesis'");
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(node.dir), 0); /* nor was a lock file made in it */
}

static void test_a_file_that_came_later_outlives_the_node(void **state)
{
	char path[128], lock[128];

	node_start();
	snprintf(path, sizeof(path), "%s/thesis", node.dir);
	snprintf(lock, sizeof(lock), "%s/lock", node.dir);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	send_stop(0);
	assert_int_equal(write(node.control_fd, "\0", 1), 1);
	assert_int_equal(keeper_wait(), 0);
	supervisor_forget();
	log_expect("it has something that no node made");
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(access(lock, F_OK), 0);

	node_start(); /* the directory still counts as a node's */
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(unlink(path), 0);
}

static void test_readiness_is_one_newline(void **state)
{
	char text[8];

	node_start();
	send_plain(KEEPER_READY);
	send_plain(KEEPER_READY);
	wait_readable(node.ready_fd);
	assert_int_equal(read(node.ready_fd, text, sizeof(text)), 1);
	assert_int_equal(text[0], '\n');
	wait_readable(node.ready_fd);
	assert_int_equal(read(node.ready_fd, text, sizeof(text)), 0);
}

static void test_term_asks_for_an_orderly_end(void **state)
{
	struct child *child;

	node_start();
	spawn_argv(1, (const char *const[]){"sleep", "1000", NULL});
	child = hear_running(1);
	kill(node.pid, SIGTERM);
	while (!node.terminate.signo)
		hear();
	assert_int_equal(node.terminate.signo, SIGTERM);
	assert_true(node.terminate.limit_ms > 50000 && node.terminate.limit_ms <= 60000);
	/* The child lives: ending it is the supervisor's task. */
	assert_int_equal(kill(child->slot.pid, 0), 0);
	send_signal(1, SIGTERM, 0);
	child = hear_final(1);
	assert_int_equal(child->slot.status, SIGTERM);
	send_stop(0);
	assert_int_equal(write(node.control_fd, "\0", 1), 1);
	assert_int_equal(keeper_wait(), 0);
	assert_int_equal(access(node.dir, F_OK), -1); /* the keeper removes the directory that it has made */
}

static void test_stop_kills_what_is_left(void **state)
{
	struct child *child;
	char text[64];
	int out;

	node_start();
	spawn_shell(1, "trap '' TERM;" DAEMONS "sleep 1000");
	spawn_shell(2, "(env -i /usr/bin/setsid /bin/sh -c 'echo up; exec /bin/sleep 1000' &); sleep 1000");
	child = hear_running(1);
	read_lines(child->fds[0], 6, text, sizeof(text));
	hear_running(2);
	read_lines(child_of(2)->fds[0], 1, text, sizeof(text));
	out = child->fds[0];
	send_stop(3);
	assert_int_equal(write(node.control_fd, "\0", 1), 1);
	assert_int_equal(WEXITSTATUS(keeper_wait()), 3);
	expect_eof(out);
	expect_eof(child_of(2)->fds[0]); /* even the one that has no marker and no session */
}

static void test_a_second_term_kills_everything(void **state)
{
	struct child *child;

	node_start();
	spawn_shell(1, "trap '' TERM; sleep 1000");
	child = hear_running(1);
	kill(node.pid, SIGINT);
	while (!node.terminate.signo)
		hear();
	assert_int_equal(node.terminate.signo, SIGINT);
	kill(node.pid, SIGINT);
	assert_int_equal(keeper_wait(), 0);
	expect_eof(child->fds[0]);
	assert_int_equal(access(node.dir, F_OK), -1);
}

static void test_an_orderly_end_has_a_limit(void **state)
{
	struct child *child;

	keeper_start((const char *const[]){"--stop-limit", "1", NULL});
	supervisor_accept();
	spawn_argv(1, (const char *const[]){"sleep", "1000", NULL});
	child = hear_running(1);
	kill(node.pid, SIGTERM);
	/* The supervisor does nothing, so the limit ends it. */
	assert_int_equal(WEXITSTATUS(keeper_wait()), 1);
	expect_eof(child->fds[0]);
	log_expect("no orderly end within 1 s");
}

static void test_a_supervisor_that_answers_is_left_alone(void **state)
{
	keeper_start((const char *const[]){"--hang-limit", "3", NULL});
	supervisor_accept();
	while (node.n_pings < 4)
		assert_int_equal(hear(), 1);
	assert_int_equal(node.hello.n_deaths, 0);
	round_trip();
}

static void test_a_supervisor_that_does_not_answer_is_started_again(void **state)
{
	struct child *child;
	pid_t pid;

	keeper_start((const char *const[]){"--hang-limit", "1", NULL});
	supervisor_accept();
	spawn_argv(1, (const char *const[]){"sleep", "1000", NULL});
	child = hear_running(1);
	pid = child->slot.pid;
	node.silent = true;
	while (hear())
		;
	supervisor_forget();
	node.silent = false;
	supervisor_accept();
	assert_int_equal(node.hello.n_deaths, 1);
	assert_int_equal(node.hello.last_status, SIGKILL);
	log_expect("does not answer");
	assert_int_equal(hear_running(1)->slot.pid, pid); /* the child was not touched */
}

static void test_the_limit_of_an_orderly_end_counts_from_the_supervisors_word(void **state)
{
	int status;

	keeper_start((const char *const[]){"--stop-limit", "1", NULL});
	supervisor_accept();
	spawn_argv(1, (const char *const[]){"sleep", "1000", NULL});
	hear_running(1);
	send_plain(KEEPER_DOWN);
	status = keeper_wait();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	log_expect("no orderly end within 1 s");
}

static void test_a_queued_term_never_means_at_once(void **state)
{
	node_start();
	hear_synced();
	sigqueue(node.pid, SIGTERM, (union sigval){0});
	while (!node.terminate.signo)
		assert_int_equal(hear(), 1);
	for (int i = 0; i < 3; i++) {
		memset(&node.terminate, 0, sizeof(node.terminate));
		sigqueue(node.pid, SIGTERM, (union sigval){0});
		while (!node.terminate.signo)
			assert_int_equal(hear(), 1);
	}
	send_stop(0);
	assert_int_equal(WEXITSTATUS(keeper_wait()), 0);
}

static void test_a_supervisor_that_dies_while_the_node_ends_is_asked_again(void **state)
{
	node_start();
	kill(node.pid, SIGTERM);
	while (!node.terminate.signo)
		hear();
	supervisor_kill();
	supervisor_accept();
	assert_true(node.hello.flags & KEEPER_HELLO_TERMINATING);
	while (!node.terminate.signo)
		hear();
	send_stop(0);
	assert_int_equal(write(node.control_fd, "\0", 1), 1);
	assert_int_equal(keeper_wait(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEEPER_TEST(test_a_keeper_that_is_killed_leaves_nobody_who_threw_away_his_environment),
		KEEPER_TEST(test_keeper_killed_leaves_nobody),
		KEEPER_TEST(test_a_stale_directory_is_swept_and_taken_over),
		KEEPER_TEST(test_a_second_start_is_refused),
		KEEPER_TEST(test_a_directory_that_is_not_private_is_refused),
		KEEPER_TEST(test_somebodys_files_are_refused_and_stay),
		KEEPER_TEST(test_a_file_that_came_later_outlives_the_node),
		KEEPER_TEST(test_readiness_is_one_newline),
		KEEPER_TEST(test_term_asks_for_an_orderly_end),
		KEEPER_TEST(test_stop_kills_what_is_left),
		KEEPER_TEST(test_a_second_term_kills_everything),
		KEEPER_TEST(test_an_orderly_end_has_a_limit),
		KEEPER_TEST(test_a_supervisor_that_dies_while_the_node_ends_is_asked_again),
		KEEPER_TEST(test_a_supervisor_that_answers_is_left_alone),
		KEEPER_TEST(test_a_supervisor_that_does_not_answer_is_started_again),
		KEEPER_TEST(test_the_limit_of_an_orderly_end_counts_from_the_supervisors_word),
		KEEPER_TEST(test_a_queued_term_never_means_at_once),
	};

	return run_facts(tests);
}

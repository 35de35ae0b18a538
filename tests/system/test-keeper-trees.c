/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees of processes: many, double-forked, in the middle of exec, without a mark. All processes of a group
 * end with it.
 */
#include "tests/system/keeper-world.h"

#include <sys/ptrace.h>

/* ---- many ---- */
#define MANY 1000

static void test_a_thousand_exits_at_once_are_all_told(void **state)
{
	struct keeper_spec spec = {
		.argv = (const char *const[]){"sh", "-c", "read x <&3; exit $((N % 100))", NULL},
		.extra_fd_targets = {3},
		.n_extra_fds = 1};
	char variable[32];
	const char *env[] = {variable, NULL};
	union keeper_record record;
	unsigned before, i, n_final = 0;
	struct timespec from, to;
	int gate[2], fds[2];

	node_start();
	hear_synced();
	before = count_fds(node.pid);
	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	spec.env = env;
	fds[1] = gate[0];
	for (i = 0; i < MANY; i++) {
		struct pollfd poll_fd = {.fd = node.socket_fd, .events = POLLIN};

		snprintf(variable, sizeof(variable), "N=%u", i);
		assert_int_equal(keeper_spec_seal(&spec, &fds[0]), 0);
		keeper_record_init(&record, KEEPER_SPAWN);
		record.spawn.cookie = 1000 + i;
		record.spawn.group_id = node.next_group_id++;
		record.spawn.n_extra_fds = 1;
		send_record(&record, fds, 2);
		close(fds[0]);
		while (poll(&poll_fd, 1, 0) == 1)
			hear();
	}
	for (i = 0; i < MANY; i++)
		hear_running(1000 + i);
	close(gate[0]);
	clock_gettime(CLOCK_MONOTONIC, &from);
	close(gate[1]); /* all of them read EOF now, and end */
	while (n_final < MANY) {
		assert_int_equal(hear(), 1);
		for (i = 0, n_final = 0; i < node.n_children; i++)
			n_final += is_final(&node.children[i]);
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	print_message("# %d exits told within %ld ms\n", MANY,
		(to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000);
	for (i = 0; i < MANY; i++) {
		struct child *child = child_of(1000 + i);

		assert_int_equal(child->slot.code, CLD_EXITED);
		assert_int_equal(child->slot.status, i % 100);
		fds_drop(child);
	}
	round_trip();                                  /* every ack was handled */
	assert_int_equal(count_children(node.pid), 1); /* there is no zombie, only the supervisor */
	assert_int_equal(count_fds(node.pid), before);
}

static void test_double_forked_grandchildren_end_with_their_group(void **state)
{
	struct child *child, *other;
	char text[64];

	node_start();
	spawn_shell(1, DAEMONS "read x <\"$ACTOR_X\"; sleep 1000");
	spawn_shell(2, DAEMONS "sleep 1000");
	child = hear_running(1);
	other = hear_running(2);
	read_lines(child->fds[0], 6, text, sizeof(text));
	read_lines(other->fds[0], 6, text, sizeof(text));
	kill(child->slot.pid, SIGTERM);
	child = hear_final(1);
	assert_int_equal(child->slot.status, SIGTERM); /* the status of the leader's end, not of the sweep */
	assert_int_equal(child->slot.flags & KEEPER_SLOT_TREE_LEFT, 0);
	expect_eof(child->fds[0]); /* when the end is told, all of them are gone */
	assert_int_equal(kill(other->slot.pid, 0), 0);
	assert_true(count_children(node.pid) >= 2 + 3); /* the processes of the other group are untouched */
	send_kill_tree(2);
	other = hear_final(2);
	expect_eof(other->fds[0]);
	round_trip();
	assert_int_equal(count_children(node.pid), 1);
}

/*
 * The grandchild execs itself again and again. So it is mostly in the middle of that, where it shows no
 * environment.
 */
static void test_a_grandchild_in_the_midst_of_exec_ends_with_its_group(void **state)
{
	char path[80], script[256], text[64];
	struct child *child;
	uint64_t cookie;
	FILE *f;

	node_start();
	snprintf(path, sizeof(path), "%s/again", node.root);
	f = fopen(path, "we");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\nexec %s\n", path);
	fclose(f);
	chmod(path, 0700);
	snprintf(script, sizeof(script), "for i in 1 2 3 4; do (setsid %s &); done; echo up; exec sleep 1000",
		path);
	for (cookie = 1; cookie <= 20; cookie++) {
		struct pollfd end = {.events = POLLIN};

		spawn_shell(cookie, script);
		child = hear_running(cookie);
		read_lines(child->fds[0], 1, text, sizeof(text));
		kill(child->slot.pid, SIGTERM);
		child = hear_final(cookie);
		end.fd = child->fds[0];
		assert_int_equal(poll(&end, 1, 0), 1); /* when the end is told, and not later */
		assert_int_equal(end.revents, POLLHUP);
		assert_int_equal(child->slot.flags & KEEPER_SLOT_TREE_LEFT, 0);
	}
	unlink(path);
}

static void test_a_descendant_without_the_marker_ends_with_its_session(void **state)
{
	struct child *child;
	char text[64];

	node_start();
	spawn_shell(1, "(env -i /bin/sh -c 'echo up; exec /bin/sleep 1000' &); sleep 1000");
	child = hear_running(1);
	read_lines(child->fds[0], 1, text, sizeof(text));
	send_kill_tree(1);
	child = hear_final(1);
	expect_eof(child->fds[0]);
}

static void test_an_orphan_that_ends_by_itself_is_reaped_silently(void **state)
{
	struct child *child;
	char text[64];

	node_start();
	hear_synced();
	spawn_shell(1, "(setsid sh -c 'echo up' &) ; echo up; exec sleep 1000");
	child = hear_running(1);
	read_lines(child->fds[0], 2, text, sizeof(text));
	while (count_children(node.pid) != 2) /* the supervisor and the leader */
		round_trip();
	assert_int_equal(child->slot.stage, KEEPER_RUNNING);
	assert_int_equal(node.n_children, 1);
}

static void await_zombie(pid_t pid)
{
	char path[48], text[512], *state;
	int fd, i;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	for (i = 0; i < PATIENCE_MS; i++) {
		ssize_t n;

		fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
		text[n > 0 ? n : 0] = 0;
		state = strrchr(text, ')');
		if (state && state[2] == 'Z')
			return;
		poll(NULL, 0, 1);
	}
	fail_msg("process %d has not ended", (int)pid);
}

static void test_a_stop_leaves_the_tree_its_grace_when_the_leader_has_ended(void **state)
{
	char text[64], fifo[80], script[512];
	struct child *child;
	int fd;

	node_start();
	snprintf(fifo, sizeof(fifo), "%s/fifo", node.root);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	snprintf(script, sizeof(script),
		"sh -c 'trap \"echo heard; read x <%s; echo clean; exit\" TERM; echo up; while :; do sleep 0.01; done' & "
		"wait",
		fifo);
	spawn_shell(1, script);
	child = hear_running(1);
	read_lines(child->fds[0], 1, text, sizeof(text));
	send_stop_tree(1, PATIENCE_MS);
	read_lines(child->fds[0], 1, text, sizeof(text));
	assert_string_equal(text, "heard\n");
	await_zombie(child->slot.pid); /* the leader is dead, but not reaped yet */
	round_trip();
	assert_int_equal(child_of(1)->slot.stage, KEEPER_RUNNING);
	fd = open(fifo, O_WRONLY | O_CLOEXEC);
	close(fd);
	unlink(fifo);
	read_lines(child->fds[0], 1, text, sizeof(text));
	assert_string_equal(text, "clean\n");
	child = hear_final(1);
	assert_int_equal(child->slot.code, CLD_KILLED);
	assert_int_equal(child->slot.status, SIGTERM); /* the status of the leader's end */
	assert_int_equal(child->slot.flags & KEEPER_SLOT_TREE_LEFT, 0);
	expect_eof(child->fds[0]);
}

static void test_what_is_left_when_the_grace_is_over_is_killed(void **state)
{
	struct child *child;
	char text[64];

	node_start();
	spawn_shell(1,
		"(trap '' TERM; echo up; exec sleep 1000) & (trap '' TERM; echo up; exec setsid sleep 1000) & wait");
	child = hear_running(1);
	read_lines(child->fds[0], 2, text, sizeof(text));
	send_stop_tree(1, 50);
	child = hear_final(1);
	assert_int_equal(child->slot.status, SIGTERM);
	expect_eof(child->fds[0]);
	round_trip();
	assert_int_equal(count_children(node.pid), 1);
}

/* The kernel ends a process that is debugged only when its debugger has heard of it. */
static void test_whoever_debugs_a_process_that_should_end_is_named(void **state)
{
	char text[128], name[16];
	struct child *child;
	pid_t pid;

	assert_int_equal(prctl(PR_GET_NAME, name), 0);
	node_start();
	spawn_shell(1, "exec sleep 1000");
	pid = hear_running(1)->slot.pid;
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
		skip(); /* this kernel lets only parents debug */
	/* A name comes from outside: it must not draw on the terminal of whoever reads the log. */
	assert_int_equal(prctl(PR_SET_NAME, "gd\033[2Jb\nc"), 0);
	send_kill_tree(1);
	snprintf(text, sizeof(text), "does not end: %d is traced by %d (gd?[2Jb)", (int)pid, (int)getpid());
	log_await(text);
	assert_int_equal(prctl(PR_SET_NAME, name), 0);
	assert_int_equal(waitpid(pid, NULL, __WALL), pid); /* now the debugger has heard of it */
	child = hear_final(1);
	assert_int_equal(child->slot.status, SIGKILL);
}

static void test_a_kill_ends_the_grace(void **state)
{
	struct child *child;
	char text[64];

	node_start();
	spawn_shell(1, "(trap '' TERM; echo up; exec sleep 1000) & wait");
	child = hear_running(1);
	read_lines(child->fds[0], 1, text, sizeof(text));
	send_stop_tree(1, 3600 * 1000);
	await_zombie(child->slot.pid);
	send_kill_tree(1);
	child = hear_final(1);
	assert_int_equal(child->slot.status, SIGTERM);
	expect_eof(child->fds[0]);
}

static void test_a_descendant_that_threw_away_its_environment_and_session_ends_with_its_group(void **state)
{
	struct child *child, *older;
	char text[64];

	node_start();
	spawn_shell(1, "exec sleep 1000");
	older = hear_running(1);
	spawn_shell(2, STRANGER "exec sleep 1000");
	spawn_shell(3, STRANGER "exec sleep 1000");
	child = hear_running(2);
	hear_running(3);
	read_lines(child->fds[0], 1, text, sizeof(text));
	read_lines(child_of(3)->fds[0], 1, text, sizeof(text));
	kill(child->slot.pid, SIGKILL);
	child = hear_final(2);
	expect_eof(child->fds[0]);
	send_kill_tree(3);
	child = hear_final(3);
	expect_eof(child->fds[0]);
	assert_int_equal(kill(older->slot.pid, 0), 0);
	round_trip();
	assert_int_equal(count_children(node.pid), 2); /* the supervisor and the leader of the older group */
}

/*
 * This program, run with --shed, starts a process that also has a limit of its own, so nothing says whose it
 * is.
 */
static const char *self_path(void)
{
	static char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[n > 0 ? n : 0] = 0;
	return self;
}

static int shed(bool stay)
{
	struct rlimit limit = {1000000, 1000000};

	if (!stay) {
		if (fork() > 0)
			return execl("/bin/sleep", "sleep", "1000", NULL);
		if (fork() > 0)
			/* This skips the sanitizer's look for leaks, which would start another process. */
			_exit(0);
	}
	setrlimit(RLIMIT_RTTIME, &limit);
	setsid();
	/* When "up" is said, the old environment is gone. */
	return execle(
		"/bin/sh", "sh", "-c", "echo up; while :; do /bin/sleep 1000; done", NULL, (char *[]){NULL});
}

static void test_one_that_shed_everything_ends_with_the_last_group_it_can_be_of(void **state)
{
	struct child *child;
	char text[64];

	node_start();
	spawn_shell(1, "exec sleep 1000");
	hear_running(1);
	spawn_argv(2, (const char *const[]){self_path(), "--shed", NULL});
	child = hear_running(2);
	read_lines(child->fds[0], 1, text, sizeof(text));
	kill(child->slot.pid, SIGKILL);
	hear_final(2);
	log_expect("carries nothing that says of which group it is");
	/* The process may be of the first group. The one that forked it is still ending. */
	while (count_children(node.pid) != 3)
		round_trip();
	send_kill_tree(1);
	hear_final(1);
	expect_eof(child_of(2)->fds[0]);
}

static void test_one_that_shed_everything_is_found_while_it_hangs_on_the_tree(void **state)
{
	struct child *child;
	char text[64];

	node_start();
	spawn_shell(1, "exec sleep 1000");
	hear_running(1);
	spawn_argv(2, (const char *const[]){
			      "/bin/sh", "-c", "\"$0\" --shed-and-stay & echo; wait", self_path(), NULL});
	child = hear_running(2);
	read_lines(child->fds[0], 2, text, sizeof(text));
	send_kill_tree(2);
	child = hear_final(2);
	while (count_children(node.pid) != 2)
		round_trip();
	expect_eof(child->fds[0]);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		KEEPER_TEST(test_a_thousand_exits_at_once_are_all_told),
		KEEPER_TEST(test_double_forked_grandchildren_end_with_their_group),
		KEEPER_TEST(test_a_grandchild_in_the_midst_of_exec_ends_with_its_group),
		KEEPER_TEST(test_a_descendant_without_the_marker_ends_with_its_session),
		KEEPER_TEST(test_an_orphan_that_ends_by_itself_is_reaped_silently),
		KEEPER_TEST(test_a_stop_leaves_the_tree_its_grace_when_the_leader_has_ended),
		KEEPER_TEST(test_what_is_left_when_the_grace_is_over_is_killed),
		KEEPER_TEST(test_whoever_debugs_a_process_that_should_end_is_named),
		KEEPER_TEST(test_a_kill_ends_the_grace),
		KEEPER_TEST(
			test_a_descendant_that_threw_away_its_environment_and_session_ends_with_its_group),
		KEEPER_TEST(test_one_that_shed_everything_ends_with_the_last_group_it_can_be_of),
		KEEPER_TEST(test_one_that_shed_everything_is_found_while_it_hangs_on_the_tree),
	};

	if (argc > 1)
		return shed(!strcmp(argv[1], "--shed-and-stay"));
	return run_facts(tests);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* One child of the keeper: how it is set up, starts, is signalled and ends. */
#include "tests/system/keeper-world.h"

/* ---- starting and ending one child ---- */
static void test_true_runs_and_exits_with_zero(void **state)
{
	struct child *child;
	uint64_t group_id;

	node_start();
	assert_int_equal(node.hello.n_slots, 0);
	assert_int_equal(node.hello.keeper_pid, node.pid);
	assert_true(node.hello.node_id != 0);
	group_id = spawn_argv(1, (const char *const[]){"/bin/true", NULL});
	child = hear_final(1);
	assert_int_equal(child->slot.stage, KEEPER_EXITED);
	assert_int_equal(child->slot.code, CLD_EXITED);
	assert_int_equal(child->slot.status, 0);
	assert_int_equal(child->slot.group_id, group_id);
	assert_true(child->slot.pid > 0 && child->slot.start_ticks > 0);
	assert_true(child->slot.forked_ns && child->slot.exec_ns >= child->slot.forked_ns);
	assert_true(child->slot.exited_ns >= child->slot.exec_ns);
	assert_true(child->slot.rusage.maxrss_kib > 0);
	assert_string_equal(child->slot.name, "child-1");
}

static void test_exit_codes_and_signals_are_told_as_they_are(void **state)
{
	struct child *child;

	node_start();
	spawn_shell(1, "exit 7");
	spawn_shell(2, "kill -SEGV $$");
	spawn_shell(3, "kill -KILL $$");
	child = hear_final(1);
	assert_int_equal(child->slot.code, CLD_EXITED);
	assert_int_equal(child->slot.status, 7);
	child = hear_final(2);
	assert_true(child->slot.code == CLD_KILLED || child->slot.code == CLD_DUMPED);
	assert_int_equal(!!(child->slot.flags & KEEPER_SLOT_CORE), child->slot.code == CLD_DUMPED);
	assert_int_equal(child->slot.status, SIGSEGV);
	child = hear_final(3);
	assert_int_equal(child->slot.code, CLD_KILLED);
	assert_int_equal(child->slot.status, SIGKILL);
}

static void test_a_child_ignores_nothing_that_the_keeper_does(void **state)
{
	struct child *child;
	char text[256];

	/* As nohup does it. The keeper inherits that, and ignores SIGPIPE itself. */
	signal(SIGUSR1, SIG_IGN);
	node_start();
	signal(SIGUSR1, SIG_DFL);
	spawn_argv(1, (const char *const[]){"/bin/grep", "-E", "SigIgn|SigBlk", "/proc/self/status", NULL});
	child = hear_final(1);
	read_lines(child->fds[0], 0, text, sizeof(text));
	assert_string_equal(text, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

static void test_output_comes_through_pipes_and_stays_readable_after_the_exit(void **state)
{
	struct child *child;
	char text[256];

	node_start();
	spawn_shell(1, "echo out; echo err >&2; read x && echo never");
	child = hear_final(1);
	read_lines(child->fds[0], 0, text, sizeof(text));
	assert_string_equal(text, "out\n"); /* stdin is empty */
	read_lines(child->fds[1], 0, text, sizeof(text));
	assert_string_equal(text, "err\n");
}

static void test_a_program_that_is_not_there_is_enoent(void **state)
{
	struct child *child;

	node_start();
	spawn_argv(1, (const char *const[]){"/nonexistent/program", NULL});
	spawn_argv(2, (const char *const[]){"no-such-program-in-path", NULL});
	child = hear_final(1);
	assert_int_equal(child->slot.stage, KEEPER_FAILED);
	assert_int_equal(child->slot.error, ENOENT);
	assert_int_equal(child->slot.step, KEEPER_STEP_EXEC);
	child = hear_final(2);
	assert_int_equal(child->slot.stage, KEEPER_FAILED);
	assert_int_equal(child->slot.error, ENOENT);
}

static void test_a_file_that_may_not_be_run_is_eacces(void **state)
{
	struct child *child;

	node_start();
	spawn_argv(1, (const char *const[]){"/etc/passwd", NULL});
	child = hear_final(1);
	assert_int_equal(child->slot.stage, KEEPER_FAILED);
	assert_int_equal(child->slot.error, EACCES);
	assert_int_equal(child->slot.step, KEEPER_STEP_EXEC);
}

static void test_a_directory_that_is_not_there_is_told_with_its_step(void **state)
{
	struct keeper_spec spec = {.argv = (const char *const[]){"true", NULL}, .cwd = "/nonexistent"};
	struct child *child;

	node_start();
	spawn_with(1, node.next_group_id++, &spec, (struct keeper_spawn){0});
	child = hear_final(1);
	assert_int_equal(child->slot.stage, KEEPER_FAILED);
	assert_int_equal(child->slot.step, KEEPER_STEP_CWD);
	assert_int_equal(child->slot.error, ENOENT);
}

static void test_an_unsealed_spec_fails_its_own_spawn_only(void **state)
{
	union keeper_record record;
	struct child *child;
	int fd = memfd_create("bad", MFD_CLOEXEC);

	node_start();
	keeper_record_init(&record, KEEPER_SPAWN);
	record.spawn.cookie = 1;
	record.spawn.group_id = node.next_group_id++;
	send_record(&record, &fd, 1);
	close(fd);
	child = hear_final(1);
	assert_int_equal(child->slot.stage, KEEPER_FAILED);
	assert_int_equal(child->slot.step, KEEPER_STEP_SPEC);
	assert_int_equal(child->slot.error, EPERM);
	spawn_argv(2, (const char *const[]){"true", NULL});
	assert_int_equal(hear_final(2)->slot.stage, KEEPER_EXITED);
}

static void test_a_child_is_set_up_as_its_spec_says(void **state)
{
	static const struct keeper_rlimit limits[] = {{.resource = RLIMIT_CORE, .soft = 0, .hard = 0}};
	static const gid_t groups[] = {7};
	struct keeper_spec spec = {.argv = (const char *const[]){"sh", "-c",
					   "pwd; echo $ONE; umask; ulimit -c; ulimit -n; echo $ACTOR_GROUP; "
					   "ls /proc/self/fd | wc -l;"
					   "test $(cut -d ' ' -f 6 /proc/$$/stat) = $$ && echo leader",
					   NULL},
		.env = (const char *const[]){"ACTOR_GROUP=forged", "ONE=1", "PATH=/usr/bin:/bin", NULL},
		.cwd = "/usr",
		.flags = KEEPER_SPEC_UMASK | KEEPER_SPEC_NO_NEW_PRIVS,
		.umask = 027,
		.rlimits = limits,
		.n_rlimits = 1,
		.groups = groups};
	struct rlimit nofile;
	struct child *child;
	char text[512], expected[512];

	getrlimit(RLIMIT_NOFILE, &nofile);
	node_start();
	spawn_with(1, node.next_group_id, &spec, (struct keeper_spawn){0});
	child = hear_final(1);
	read_lines(child->fds[0], 0, text, sizeof(text));
	/* The descriptors are 0, 1, 2, and the one with which ls reads. */
	snprintf(expected, sizeof(expected), "/usr\n1\n0027\n0\n%llu\n%016llx.%llu\n4\nleader\n",
		(unsigned long long)nofile.rlim_cur, (unsigned long long)node.hello.node_id,
		(unsigned long long)node.next_group_id);
	assert_string_equal(text, expected);
}

static void test_a_child_gets_its_user_and_still_dies_with_the_keeper(void **state)
{
	static const gid_t groups[] = {12345};
	struct keeper_spec spec = {
		.argv = (const char *const[]){"sh", "-c", "id -u; id -G; exec sleep 1000", NULL},
		.flags = KEEPER_SPEC_UID | KEEPER_SPEC_GID | KEEPER_SPEC_GROUPS,
		.uid = 65534,
		.gid = 65534,
		.groups = groups,
		.n_groups = 1};
	struct child *child;
	char text[128];

	if (geteuid() != 0)
		skip();
	node_start();
	spawn_with(1, node.next_group_id++, &spec, (struct keeper_spawn){0});
	child = hear_running(1);
	read_lines(child->fds[0], 2, text, sizeof(text));
	assert_string_equal(text, "65534\n65534 12345\n");
	/* The child must end by the keeper's death, and not by the supervisor's sweep. */
	kill(node.supervisor_pid, SIGSTOP);
	kill(node.pid, SIGKILL);
	expect_eof(child->fds[0]);
	kill(node.supervisor_pid, SIGKILL);
}

static void test_a_daemon_is_told_the_node_and_its_key(void **state)
{
	struct keeper_spec spec = {
		.argv = (const char *const[]){"sh", "-c", "cat <&$ACTOR_NODE_FD; ulimit -n >&2", NULL}};
	struct keeper_node_info info;
	struct rlimit nofile;
	struct child *child;
	char text[64], expected[64];

	getrlimit(RLIMIT_NOFILE, &nofile);
	node_start();
	spawn_with(1, node.next_group_id, &spec, (struct keeper_spawn){.flags = KEEPER_SPAWN_DAEMON});
	child = hear_final(1);
	assert_int_equal(read(child->fds[0], &info, sizeof(info)), sizeof(info));
	assert_int_equal(info.magic, KEEPER_NODE_INFO_MAGIC);
	assert_true(info.node_id == node.hello.node_id);
	assert_true(info.group_id == node.next_group_id);
	assert_memory_equal(info.node_key, node.hello.node_key, 16);
	read_lines(child->fds[1], 0, text, sizeof(text));
	snprintf(expected, sizeof(expected), "%llu\n", (unsigned long long)nofile.rlim_max);
	assert_string_equal(text, expected); /* its limit stays raised */
	assert_int_equal(child->slot.spawn_flags, KEEPER_SPAWN_DAEMON);
}

static void test_a_notify_pipe_and_an_extra_fd_reach_the_child(void **state)
{
	struct keeper_spec spec = {.argv = (const char *const[]){"sh", "-c", "echo ready >&5; cat <&6", NULL},
		.extra_fd_targets = {6},
		.n_extra_fds = 1};
	union keeper_record record;
	struct child *child;
	char text[64];
	int fds[2], extra[2];

	node_start();
	assert_int_equal(pipe2(extra, O_CLOEXEC), 0);
	assert_int_equal(write(extra[1], "hello\n", 6), 6);
	close(extra[1]);
	spec.env = env_path;
	assert_int_equal(keeper_spec_seal(&spec, &fds[0]), 0);
	fds[1] = extra[0];
	keeper_record_init(&record, KEEPER_SPAWN);
	record.spawn.cookie = 1;
	record.spawn.group_id = node.next_group_id++;
	record.spawn.flags = KEEPER_SPAWN_NOTIFY;
	record.spawn.notify_fd = 5;
	record.spawn.n_extra_fds = 1;
	record.spawn.stderr_io = KEEPER_IO_STDOUT;
	send_record(&record, fds, 2);
	close(fds[0]);
	close(fds[1]);
	child = hear_final(1);
	read_lines(child->fds[2], 0, text, sizeof(text));
	assert_string_equal(text, "ready\n");
	read_lines(child->fds[0], 0, text, sizeof(text));
	assert_string_equal(text, "hello\n");
	assert_int_equal(child->fds[1], -1);
}

static void test_signals_reach_the_leader_or_the_whole_tree(void **state)
{
	struct child *child;
	char text[64];

	node_start();
	/* A grandchild in a session of its own says which signal it got. */
	spawn_shell(1,
		"trap 'echo leader' TERM;"
		"setsid sh -c 'trap \"echo grandchild; exit\" TERM; echo up; while :; do sleep 0.01; done' &"
		"while :; do sleep 0.01; done");
	child = hear_running(1);
	read_lines(child->fds[0], 1, text, sizeof(text));
	assert_string_equal(text, "up\n");
	send_signal(1, SIGTERM, 0);
	read_lines(child->fds[0], 1, text, sizeof(text));
	assert_string_equal(text, "leader\n");
	send_signal(1, SIGTERM, KEEPER_SIGNAL_TREE);
	read_lines(child->fds[0], 2, text, sizeof(text));
	assert_non_null(strstr(text, "leader\n"));
	assert_non_null(strstr(text, "grandchild\n"));
	send_signal(99, SIGTERM, 0); /* there is no such child */
	send_kill_tree(99);
	send_kill_tree(1);
	child = hear_final(1);
	assert_int_equal(child->slot.status, SIGKILL);
	expect_eof(child->fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEEPER_TEST(test_true_runs_and_exits_with_zero),
		KEEPER_TEST(test_exit_codes_and_signals_are_told_as_they_are),
		KEEPER_TEST(test_a_child_ignores_nothing_that_the_keeper_does),
		KEEPER_TEST(test_output_comes_through_pipes_and_stays_readable_after_the_exit),
		KEEPER_TEST(test_a_program_that_is_not_there_is_enoent),
		KEEPER_TEST(test_a_file_that_may_not_be_run_is_eacces),
		KEEPER_TEST(test_a_directory_that_is_not_there_is_told_with_its_step),
		KEEPER_TEST(test_an_unsealed_spec_fails_its_own_spawn_only),
		KEEPER_TEST(test_a_child_is_set_up_as_its_spec_says),
		KEEPER_TEST(test_a_child_gets_its_user_and_still_dies_with_the_keeper),
		KEEPER_TEST(test_a_daemon_is_told_the_node_and_its_key),
		KEEPER_TEST(test_a_notify_pipe_and_an_extra_fd_reach_the_child),
		KEEPER_TEST(test_signals_reach_the_leader_or_the_whole_tree),
	};

	return run_facts(tests);
}

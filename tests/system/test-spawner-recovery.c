/* SPDX-License-Identifier: Apache-2.0 */
/* Daemons are killed, alone and together; and the end of the node. */
#include "tests/system/spawner-world.h"

static void test_a_killed_supervisor_is_replaced_and_exits_meanwhile_are_told(void **arg)
{
	pid_t stays, crashes, ends, supervisor = (pid_t)atoi(status("supervisor.pid"));

	shell("stays", "permanent", "while :; do echo tick; echo tock >&2; sleep 0.01; done", "up");
	shell("ends", "temporary", "trap 'exit 3' USR1; while :; do sleep 0.01; done", "up");
	shell("crashes", "permanent", "exec sleep 1000", "up");
	shell("back", "permanent", "exec sleep 1000", "up");
	kill(pid_of("back"), SIGKILL);
	await_field("back", "restarts", "1");
	stays = pid_of("stays");
	ends = pid_of("ends");
	crashes = pid_of("crashes");
	kill(supervisor, SIGSTOP); /* the supervisor hears nothing from now on, and is killed later */
	kill(crashes, SIGSEGV);
	kill(ends, SIGUSR1);
	await_dead(crashes);
	await_dead(ends);
	kill(supervisor, SIGKILL);
	reconnect();
	assert_int_not_equal(atoi(status("supervisor.pid")), supervisor);
	assert_string_equal(status("supervisor.restarts"), "1");
	assert_int_equal(pid_of("stays"), stays);
	assert_string_equal(field("back", "restarts"), "1");
	await_field("crashes", "restarts", "1");
	assert_string_equal(field("crashes", "last_exit.signal"), "SIGSEGV");
	assert_string_equal(field("ends", "state"), "down");
	assert_string_equal(field("ends", "last_exit.code"), "3");
	assert_true(alive(stays)); /* the process got no SIGPIPE */
	shell("new", "temporary", "exit 0", "exit");
}

static void test_a_supervisor_killed_over_and_over_loses_nothing(void **arg)
{
	pid_t pids[10];
	char name[16];

	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		shell(name, "permanent", "exec sleep 1000", "up");
		pids[i] = pid_of(name);
	}
	for (int k = 0; k < 3; k++) {
		kill((pid_t)atoi(status("supervisor.pid")), SIGKILL);
		reconnect();
	}
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		assert_int_equal(pid_of(name), pids[i]);
		assert_string_equal(field(name, "restarts"), "0");
	}
	assert_int_equal(count(), 10);
}

/*
 * Each child writes its name once. Whoever was told that a child has started finds its name once; the others
 * find it at most once.
 */
static void test_no_process_is_started_twice_whoever_dies_when(void **arg)
{
	enum { N = 120, KILLS = 4 /* a fifth would set the state aside */ };
	unsigned char told[N] = {0}, seen[N] = {0};
	char path[96], script[160], name[16];
	int n_kills = 0, i;
	FILE *file;

	snprintf(path, sizeof(path), "%s/names", node.root);
	for (i = 0; i < N; i++) {
		actor_msg *reply = NULL;
		pid_t supervisor = (pid_t)atoi(status("supervisor.pid"));
		int r;

		snprintf(name, sizeof(name), "t%d", i);
		snprintf(script, sizeof(script), "echo %d >> %s", i, path);
		if (i % (N / KILLS) == 5 && n_kills < KILLS) {
			/* The kill comes while the call is under way. */
			pid_t killer = fork();

			if (!killer) {
				struct timespec ts = {.tv_nsec = 200000L + 700000L * n_kills};

				nanosleep(&ts, NULL);
				kill(supervisor, SIGKILL);
				_exit(0);
			}
			n_kills++;
			r = actor_client_call(node.client, actor_named("$spawner"), "spawn", PATIENCE_MS,
				&reply, "{s:s,s:s,s:[sss]}si", "name", name, "restart", "temporary", "argv",
				"/bin/sh", "-c", script, "none", 0);
			waitpid(killer, NULL, 0);
			reconnect();
		} else {
			r = actor_client_call(node.client, actor_named("$spawner"), "spawn", PATIENCE_MS,
				&reply, "{s:s,s:s,s:[sss]}si", "name", name, "restart", "temporary", "argv",
				"/bin/sh", "-c", script, "none", 0);
			assert_int_equal(r, 0);
		}
		told[i] = r == 0;
		actor_msg_free(reply);
	}
	for (i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		if (strcmp(field(name, "state"), "gone"))
			assert_string_equal(reply_field(call("wait", "[ssi]", name, "down", PATIENCE_MS),
						    "last_exit.code"),
				"0");
		else
			assert_false(told[i]);
	}
	file = fopen(path, "r");
	assert_non_null(file);
	while (fscanf(file, "%d", &i) == 1)
		seen[i]++;
	fclose(file);
	for (i = 0; i < N; i++)
		if (seen[i] > 1 || (told[i] && !seen[i]))
			fail_msg("t%d was %s and ran %d times", i, told[i] ? "told" : "not told", seen[i]);
}

static void test_keeper_and_supervisor_killed_together_leave_no_child(void **arg)
{
	pid_t pid, supervisor = (pid_t)atoi(status("supervisor.pid")),
		   broker = (pid_t)atoi(status("broker.pid"));
	uint64_t node_id = strtoull(status("node"), NULL, 10);

	shell("a", "permanent", "exec sleep 1000", "up");
	pid = pid_of("a");
	kill(supervisor, SIGSTOP);
	kill(node.keeper, SIGKILL);
	kill(supervisor, SIGKILL);
	waitpid(node.keeper, NULL, 0);
	node.keeper = 0;
	await_dead(pid);
	await_dead(supervisor);
	if (broker > 0)
		await_dead(broker);
	assert_int_equal(n_marked(node_id), 0);
	node.client = actor_client_free(node.client);
	node_start(); /* takes over what is left of the directory */
	assert_int_equal(count(), 0);
}

static void test_each_new_supervisor_has_the_name(void **arg)
{
	struct actor_group_options options = {
		.runtime_dir = node.dir, .mode = ACTOR_JOIN_BROKER, .connect_timeout_ms = PATIENCE_MS};
	actor_client *client;

	if (!node.with_broker)
		skip();
	assert_int_equal(actor_client_new(&client, &options), 0);
	for (int k = 0; k < 3; k++) {
		uint64_t until_ms = now_ms() + PATIENCE_MS;
		pid_t pid = (pid_t)atoi(status("supervisor.pid"));
		actor_msg *reply = NULL;

		kill(pid, SIGKILL);
		reconnect();
		assert_int_not_equal(atoi(status("supervisor.pid")), pid);
		for (;;) { /* asks by name, through the broker */
			int r = actor_client_call(
				client, actor_named("$spawner"), "status", PATIENCE_MS, &reply, "");

			if (!r)
				break;
			if (now_ms() > until_ms)
				fail_msg("$spawner cannot be called: %d", r);
			nap(5);
		}
		assert_string_equal(reply_field(reply, "supervisor.pid"), status("supervisor.pid"));
	}
	actor_client_free(client);
}

static void test_the_broker_comes_back(void **arg)
{
	pid_t broker;

	if (!node.with_broker)
		skip();
	broker = (pid_t)atoi(status("broker.pid"));
	assert_true(alive(broker));
	kill(broker, SIGKILL);
	await_other("broker.pid", broker);
	assert_string_equal(status("broker.restarts"), "1");
}

static void test_nothing_is_left_when_the_keeper_is_killed(void **arg)
{
	uint64_t node_id = strtoull(status("node"), NULL, 10), then_ms;
	pid_t supervisor = (pid_t)atoi(status("supervisor.pid"));

	shell("tree", "permanent",
		"setsid sh -c 'setsid sleep 1000 & sleep 1000' & setsid setsid sleep 1000 & exec sleep 1000",
		"up");
	shell("plain", "permanent", "exec sleep 1000", "up");
	while (n_marked(node_id) < 7) /* 5 sleeps, a shell and the supervisor */
		nap(2);
	kill(node.keeper, SIGKILL);
	waitpid(node.keeper, NULL, 0);
	node.keeper = 0;
	then_ms = now_ms();
	while (n_marked(node_id) > 0 || alive(supervisor)) {
		assert_true(now_ms() < then_ms + PATIENCE_MS);
		nap(5);
	}
	print_message("# nothing was left after %d ms\n", (int)(now_ms() - then_ms));
	assert_int_equal(access(node.dir, F_OK), -1);
}

static void test_a_node_is_ended_in_order(void **arg)
{
	uint64_t node_id = strtoull(status("node"), NULL, 10);
	int wait_status;

	shell("a", "permanent", "trap 'echo bye; exit 0' TERM; while :; do sleep 0.01; done", "up");
	shell("b", "permanent", "exec sleep 1000", "up");
	actor_msg_free(call("down", "[]"));
	assert_int_equal(waitpid(node.keeper, &wait_status, 0), node.keeper);
	node.keeper = 0;
	assert_true(WIFEXITED(wait_status));
	assert_int_equal(WEXITSTATUS(wait_status), 0);
	assert_int_equal(n_marked(node_id), 0);
	assert_int_equal(access(node.dir, F_OK), -1);
}

static void test_term_to_the_keeper_is_down(void **arg)
{
	int wait_status;

	shell("a", "permanent", "exec sleep 1000", "up");
	kill(node.keeper, SIGTERM);
	assert_int_equal(waitpid(node.keeper, &wait_status, 0), node.keeper);
	node.keeper = 0;
	assert_true(WIFEXITED(wait_status));
	assert_int_equal(WEXITSTATUS(wait_status), 0);
}

static void test_a_thousand_that_end_at_once_are_a_thousand_exits(void **arg)
{
	enum { N = 1000 };
	pid_t supervisor = (pid_t)atoi(status("supervisor.pid"));
	int keeper_fds, supervisor_fds;
	uint64_t then_ms;
	char name[16];

	shell("first", "temporary", "exit 0", "exit");
	keeper_fds = n_fds(node.keeper);
	supervisor_fds = n_fds(supervisor);
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		actor_msg_free(call("spawn", "[{s:s,s:s,s:[s]}si]", "name", name, "restart", "temporary",
			"argv", "true", "none", 0));
	}
	/* Of these 1,001 a thousand stay listed: the one that ended first is forgotten. */
	for (int i = 0; i < N - 1; i++) {
		snprintf(name, sizeof(name), "t%d", i + 1);
		assert_string_equal(
			reply_field(call("wait", "[ssi]", name, "down", PATIENCE_MS), "last_exit.code"), "0");
	}
	then_ms = now_ms();
	assert_int_equal(count(), 1000);
	print_message("# ls of 1000 children: %d ms\n", (int)(now_ms() - then_ms));
	assert_int_equal(n_zombies(node.keeper), 0);
	assert_int_equal(n_zombies(supervisor), 0);
	/*
	 * The keeper closes a pipe some moments after the exit was told. When they were counted before, one
	 * may still have been open.
	 */
	while (n_fds(node.keeper) > keeper_fds && now_ms() < then_ms + PATIENCE_MS)
		poll(NULL, 0, 10);
	assert_true(n_fds(node.keeper) <= keeper_fds);
	/* They may be fewer: only the logs that were written to last stay open. */
	assert_true(n_fds(supervisor) <= supervisor_fds);
}

static void test_an_idle_node_does_nothing(void **arg)
{
	pid_t supervisor = (pid_t)atoi(status("supervisor.pid"));
	char path[64];
	long before = 0, after = 0;
	FILE *file;

	shell("a", "permanent", "exec sleep 1000", "up");
	snprintf(path, sizeof(path), "/proc/%d/status", (int)supervisor);
	for (int k = 0; k < 2; k++) {
		char line[256];

		nap(300);
		file = fopen(path, "r");
		while (fgets(line, sizeof(line), file))
			if (!strncmp(line, "voluntary_ctxt_switches:", 24))
				*(k ? &after : &before) = atol(line + 24);
		fclose(file);
	}
	assert_in_range(after - before, 0, 3);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(test_a_killed_supervisor_is_replaced_and_exits_meanwhile_are_told),
		T(test_a_supervisor_killed_over_and_over_loses_nothing),
		T(test_no_process_is_started_twice_whoever_dies_when),
		T(test_keeper_and_supervisor_killed_together_leave_no_child),
		T(test_each_new_supervisor_has_the_name),
		T(test_the_broker_comes_back),
		T(test_nothing_is_left_when_the_keeper_is_killed),
		T(test_a_node_is_ended_in_order),
		T(test_term_to_the_keeper_is_down),
		T(test_a_thousand_that_end_at_once_are_a_thousand_exits),
		T(test_an_idle_node_does_nothing),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return run_facts(tests);
}

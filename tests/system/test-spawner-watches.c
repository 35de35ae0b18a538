/* SPDX-License-Identifier: Apache-2.0 */
/* Who watches a process, and who owns one. */
#include "tests/system/spawner-world.h"

#define STAND_STILL_MS 2500 /* longer than any time-out that might be taken for a death */

/* An actor that runs a process of its own and hears of its end. This is what became of it. */
static struct {
	struct actor_process process;
	struct actor_cause cause;
	uint64_t monitor;
	int n_downs, n_false, started, called, called_again;
	pid_t supervisor;
} watched;

static int watcher_start(actor *self, const actor_msg *msg)
{
	static const char *const argv[] = {"sleep", "1000", NULL};
	struct actor_process_spec spec = {
		.name = "mine", .argv = argv, .monitor = true, .restart = ACTOR_TEMPORARY};

	watched.started = actor_process_start(self, &spec, &watched.process);
	return actor_stop(self, actor_self(self), NULL);
}

static int watcher_watch(actor *self, const actor_msg *msg)
{
	static const char *const argv[] = {"sleep", "1000", NULL};
	struct actor_process_spec spec = {
		.name = "mine", .argv = argv, .monitor = true, .restart = ACTOR_TEMPORARY};
	uint64_t again;

	watched.started = actor_process_start(self, &spec, &watched.process);
	watched.monitor = watched.process.monitor;
	if (watched.started < 0 || actor_monitor(self, watched.process.group, &again) < 0)
		return -EINVAL;
	return actor_call(self, actor_named("$spawner"), "kill", PATIENCE_MS, NULL, "si", "mine", SIGABRT);
}

/* Each way in which a start or a stop can fail has its errno. */
static int watcher_fail(actor *self, const actor_msg *msg)
{
	static const char *const never[] = {"sleep", "1000", NULL}, *const short_lived[] = {"true", NULL},
				 *const missing[] = {"/no/such", NULL};
	struct actor_process_spec spec = {
		.name = "fails", .argv = missing, .restart = ACTOR_TEMPORARY, .monitor = true};
	struct actor_process process;

	assert_int_equal(actor_process_start(self, &spec, &process), -ENOEXEC);
	assert_non_null(strstr(process.error, "/no/such"));
	spec.argv = short_lived;
	spec.wait_ready = true;
	spec.timeout_ms = PATIENCE_MS;
	assert_int_equal(actor_process_start(self, &spec, &process), -ECONNRESET);
	assert_non_null(strstr(process.error, "ended before it was ready"));
	spec.argv = never;
	spec.timeout_ms = 50;
	assert_int_equal(actor_process_start(self, &spec, &process), -ETIMEDOUT);
	assert_string_equal(process.error, "it is not ready after 50 ms");
	spec.timeout_ms = PATIENCE_MS;
	assert_int_equal(actor_process_start(self, &spec, &process), -EEXIST);
	assert_int_equal(actor_process_stop(self, "fails", PATIENCE_MS), 0);
	assert_int_equal(actor_process_stop(self, "fails", PATIENCE_MS), -ESRCH);
	watched.started = 0;
	/* The cast comes after any DOWN that there is. */
	return actor_cast(self, actor_to(actor_self(self)), "failed", "");
}

static int watcher_failed(actor *self, const actor_msg *msg)
{
	return actor_stop(self, actor_self(self), NULL);
}

/* Kills the supervisor, which is needed before there is another. */
static void watcher_take_supervisor_away(void)
{
	kill(watched.supervisor, SIGKILL);
	await_dead(watched.supervisor);
}

static int watcher_start_while_away(actor *self, const actor_msg *msg)
{
	static const char *const argv[] = {"sleep", "1000", NULL};
	struct actor_process_spec spec = {.name = "mine",
		.argv = argv,
		.monitor = true,
		.restart = ACTOR_TEMPORARY,
		.timeout_ms = PATIENCE_MS};

	watcher_take_supervisor_away();
	watched.started = actor_process_start(self, &spec, &watched.process);
	watched.supervisor = watched.started < 0 ? 0 : (pid_t)atoi((reconnect(), status("supervisor.pid")));
	if (watched.started < 0)
		return -EINVAL;
	watcher_take_supervisor_away();
	/* The process lives. It would be wrong to tell that it is gone or cannot be reached. */
	if (actor_monitor(self, watched.process.group, &watched.monitor) < 0)
		return -EINVAL;
	kill((pid_t)watched.process.pid, SIGABRT);
	return 0;
}

static const char *own_program(void)
{
	static char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[n < 0 ? 0 : n] = 0;
	return path;
}

/* The callee stops the supervisor and dies, so that only the kernel can say that it has died. */
static int watcher_call_one_that_dies(actor *self, const actor_msg *msg)
{
	const char *const argv[] = {own_program(), "--callee", "callee", NULL};
	struct actor_process_spec spec = {.name = "mine",
		.argv = argv,
		.restart = ACTOR_TEMPORARY,
		.wait_ready = true,
		.timeout_ms = PATIENCE_MS};

	watched.started = actor_process_start(self, &spec, &watched.process);
	if (watched.started < 0 || actor_monitor(self, watched.process.main, &watched.monitor) < 0)
		return -EINVAL;
	watched.called = actor_call(self, actor_to(watched.process.main), "stop_and_die", PATIENCE_MS, NULL,
		"i", (int)watched.supervisor);
	watched.called_again =
		actor_call(self, actor_to(watched.process.main), "stop_and_die", PATIENCE_MS, NULL, "i", 0);
	return actor_send_after(self, STAND_STILL_MS, "go_on", NULL, "");
}

static int watcher_go_on(actor *self, const actor_msg *msg)
{
	watched.n_false = watched.n_downs;
	kill(watched.supervisor, SIGCONT);
	if (watched.n_false)
		return actor_stop(self, actor_self(self), NULL);
	watched.n_downs = 1; /* the story ends with the second DOWN, so one more is to come */
	return 0;
}

/* The spawner stands still, so nobody says whether the process lives. It does live. */
static int watcher_watch_while_still(actor *self, const actor_msg *msg)
{
	static const char *const argv[] = {"sleep", "1000", NULL};
	struct actor_process_spec spec = {.name = "mine", .argv = argv, .restart = ACTOR_TEMPORARY};
	uint64_t unheard = 0;

	watched.started = actor_process_start(self, &spec, &watched.process);
	kill(watched.supervisor, SIGSTOP);
	watched.called = actor_monitor(self, watched.process.group, &unheard);
	kill(watched.supervisor, SIGCONT);
	if (watched.started < 0 || actor_monitor(self, watched.process.group, &watched.monitor) < 0)
		return -EINVAL;
	watched.called_again = actor_demonitor(self, unheard);
	kill((pid_t)watched.process.pid, SIGABRT);
	watched.n_downs = 1; /* the story ends with the second DOWN, so one more is to come */
	return 0;
}

/* ---- a DOWN that the broker has and has not passed on ---- */

#define PIECE_BYTES (16u << 10)
/*
 * The supervisor repeats what it told a broker that is younger than this, since such a broker may not know
 * all its groups yet.
 */
#define BROKER_YOUNG_MS 2000
/* Together more than the kernel takes, and less than makes the broker pause the sender. */
#define PIECES 40

/* How many bytes the broker has for @group that the kernel has not taken. */
static int64_t unread_bytes(actor_client *client, uint64_t group)
{
	actor_msg *reply = NULL;
	const char *key = "";
	struct mp_reader r;
	int64_t bytes;
	size_t len = 0;
	uint32_t n;

	assert_int_equal(
		actor_client_call(client, actor_named("$broker"), "quota", PATIENCE_MS, &reply, "U", group),
		0);
	r = body_of(reply);
	assert_int_equal(mp_read_map(&r, &n), 0);
	while (mp_read_str(&r, &key, &len) == 0 && !mp_str_is(key, len, "groups"))
		assert_int_equal(mp_skip(&r), 0);
	assert_int_equal(mp_read_array(&r, &n), 0);
	assert_int_equal(n, 1);
	bytes = atoi(look(r, "unread_bytes"));
	actor_msg_free(reply);
	return bytes;
}

/*
 * The watcher has one link, and reads nothing while this handler runs. So the DOWN, which the supervisor has
 * handed over to the broker, stays in the broker's own buffers. Then the broker is killed.
 */
static int watcher_lose_broker(actor *self, const actor_msg *msg)
{
	static const uint8_t piece[PIECE_BYTES];
	struct actor_group_options options = {
		.runtime_dir = node.dir, .mode = ACTOR_JOIN_BROKER, .connect_timeout_ms = PATIENCE_MS};
	uint64_t group = actor_self(self).group;
	pid_t broker = (pid_t)atoi(status("broker.pid"));
	static const char *const argv[] = {"sleep", "1000", NULL};
	struct actor_process_spec spec = {
		.name = "mine", .argv = argv, .monitor = true, .restart = ACTOR_TEMPORARY};
	actor_client *other;
	int64_t before;

	while (atoi(status("broker.uptime_ms")) < BROKER_YOUNG_MS)
		nap(10);
	watched.started = actor_process_start(self, &spec, &watched.process);
	watched.monitor = watched.process.monitor;
	if (watched.started < 0)
		return -EINVAL;
	assert_int_equal(actor_client_new(&other, &options), 0);
	for (int i = 0; i < PIECES; i++)
		assert_int_equal(actor_client_cast(other, actor_to(actor_self(self)), "piece", "y#",
					 (const void *)piece, sizeof(piece)),
			0);
	assert_int_equal(actor_client_flush(other, PATIENCE_MS), 0);
	/* With its answer the broker also gives the kernel what that takes. */
	(void)unread_bytes(other, group);
	before = unread_bytes(other, group);
	assert_true(before > PIECE_BYTES);
	kill((pid_t)watched.process.pid, SIGABRT);
	while (unread_bytes(other, group) == before)
		nap(1);
	/*
	 * The supervisor forgets the DOWN when the broker's pongs say that the broker has it. The broker
	 * answers a ping before it passes on a call that comes later, so after these calls the pongs have
	 * come.
	 */
	for (int i = 0; i < 3; i++)
		assert_int_equal(
			actor_client_call(other, actor_named("$spawner"), "status", PATIENCE_MS, NULL, ""),
			0);
	kill(broker, SIGKILL);
	await_dead(broker);
	actor_client_free(other);
	watched.n_downs = 1; /* the story ends with the second DOWN, so one more is to come */
	return actor_send_after(self, PATIENCE_MS, "failed", NULL, "");
}

static int watcher_piece(actor *self, const actor_msg *msg)
{
	return 0;
}

static int watcher_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	if (monitor == watched.monitor)
		watched.cause = *cause;
	return ++watched.n_downs == 2 ? actor_stop(self, actor_self(self), NULL) : 0;
}

static int watcher_init(actor *self, const void *arg)
{
	return actor_cast(self, actor_to(actor_self(self)), arg, "");
}

static void watcher_run(const char *method)
{
	static const struct actor_method methods[] = {{.name = "start", .on_cast = watcher_start},
		{.name = "watch", .on_cast = watcher_watch}, {.name = "fail", .on_cast = watcher_fail},
		{.name = "failed", .on_cast = watcher_failed},
		{.name = "start_while_away", .on_cast = watcher_start_while_away},
		{.name = "call_one_that_dies", .on_cast = watcher_call_one_that_dies},
		{.name = "go_on", .on_cast = watcher_go_on},
		{.name = "watch_while_still", .on_cast = watcher_watch_while_still},
		{.name = "lose_broker", .on_cast = watcher_lose_broker},
		{.name = "piece", .on_cast = watcher_piece}, {0}};
	static const struct actor_behavior behavior = {
		.name = "watcher", .methods = methods, .init = watcher_init, .on_down = watcher_down};
	bool direct = !strcmp(method, "start_while_away") || !strcmp(method, "call_one_that_dies");
	bool single = !strcmp(method, "lose_broker");
	struct actor_group_options options = {.runtime_dir = node.dir,
		.mode = direct   ? ACTOR_JOIN_DIRECT
			: single ? ACTOR_JOIN_BROKER
				 : ACTOR_JOIN_SPAWNER};
	actor_group *group;
	actor_ref ref;

	memset(&watched, 0, sizeof(watched));
	watched.supervisor = (pid_t)atoi(status("supervisor.pid"));
	watched.started = -1;
	assert_int_equal(actor_group_new(&group, &options), 0);
	assert_int_equal(actor_group_spawn(group, &behavior, method, NULL, &ref), 0);
	assert_int_equal(actor_group_run(group), 0);
	actor_group_free(group);
}

static void test_each_monitor_goes_off_once_with_the_cause(void **arg)
{
	watcher_run("watch");
	assert_int_equal(watched.started, 0);
	assert_int_equal(watched.n_downs, 2);
	assert_string_equal(watched.cause.reason, "signal");
	assert_int_equal(watched.cause.code, SIGABRT);
}

static void test_a_client_waits_for_the_end_of_a_process(void **arg)
{
	struct actor_cause cause;
	uint64_t monitor, fired = 0;
	actor_ref who = {.node = actor_client_self(node.client).node};

	shell("mine", "temporary", "sleep 1000", "up");
	who.group = strtoull(field("mine", "group"), NULL, 10);
	assert_int_equal(actor_client_wait(node.client, who, 50, &cause), -ETIMEDOUT);
	assert_int_equal(actor_client_monitor(node.client, who, &monitor), 0);
	assert_int_equal(kill(pid_of("mine"), SIGABRT), 0);
	assert_int_equal(actor_client_wait(node.client, who, PATIENCE_MS, &cause), 0);
	assert_string_equal(cause.reason, "signal");
	assert_int_equal(cause.code, SIGABRT);
	assert_int_equal(actor_client_receive(node.client, PATIENCE_MS, NULL, &fired, NULL, &cause), 0);
	assert_int_equal(fired, monitor);
	assert_int_equal(cause.code, SIGABRT);
	assert_int_equal(actor_client_wait(node.client, who, PATIENCE_MS, &cause), 0);
	assert_int_equal(actor_client_receive(node.client, 0, NULL, NULL, NULL, NULL), -ETIMEDOUT);
}

static void test_a_failed_start_or_stop_says_which(void **arg)
{
	watcher_run("fail");
	assert_int_equal(watched.started, 0);
	assert_int_equal(watched.n_downs, 0); /* nobody monitors anything of a start that failed */
}

static void test_a_process_is_started_and_watched_although_the_supervisor_is_away(void **arg)
{
	watcher_run("start_while_away");
	assert_int_equal(watched.started, 0);
	assert_int_equal(watched.n_downs, 2);
	assert_string_equal(watched.cause.reason, "signal");
	assert_int_equal(watched.cause.code, SIGABRT);
}

/*
 * Calls end by the kernel's word. The monitors hear how it ended from the supervisor, however late that is.
 */
static void test_a_death_is_told_as_it_was_though_the_supervisor_stands_still(void **arg)
{
	if (!node.with_broker)
		skip();
	watcher_run("call_one_that_dies");
	assert_int_equal(watched.started, 0);
	assert_int_equal(watched.called, -ECONNRESET);
	assert_int_equal(watched.called_again, -ESRCH);
	assert_int_equal(watched.n_false, 0);
	assert_int_equal(watched.n_downs, 2);
	assert_string_equal(watched.cause.reason, "signal");
	assert_int_equal(watched.cause.code, SIGKILL);
}

static void test_no_time_out_reports_a_living_process_dead(void **arg)
{
	watcher_run("watch_while_still");
	assert_int_equal(watched.started, 0);
	assert_int_equal(watched.called, -ETIMEDOUT);
	assert_false(watched.called_again);
	assert_int_equal(watched.n_downs, 2);
	assert_string_equal(watched.cause.reason, "signal");
	assert_int_equal(watched.cause.code, SIGABRT);
}

static void test_a_death_that_a_dying_broker_had_to_tell_is_told(void **arg)
{
	if (!node.with_broker)
		skip();
	watcher_run("lose_broker");
	assert_int_equal(watched.started, 0);
	assert_int_equal(watched.n_downs, 2);
	assert_string_equal(watched.cause.reason, "signal");
	assert_int_equal(watched.cause.code, SIGABRT);
}

static void test_an_owned_process_goes_with_its_owner(void **arg)
{
	watcher_run("start");
	assert_int_equal(watched.started, 0);
	await_field("mine", "state", "gone");
	assert_false(alive((pid_t)watched.process.pid));
}

/* ---- actor programs: this program, run with --owner ---- */
static int owner_init(actor *self, const void *arg)
{
	static const char *const argv[] = {"sleep", "1000", NULL};
	struct actor_process_spec spec = {.name = arg, .argv = argv};

	return actor_process_start(self, &spec, NULL);
}

/* This program, run with --callee. */
static int callee_stop_and_die(actor *self, const actor_msg *msg, actor_from *from)
{
	int supervisor;

	if (actor_msg_unpack(msg, "i", &supervisor) < 0 || supervisor <= 0)
		return -EINVAL;
	kill(supervisor, SIGSTOP);
	kill(getpid(), SIGKILL);
	return 0;
}

static const struct actor_method callee_methods[] = {
	{.name = "stop_and_die", .on_call = callee_stop_and_die}, {0}};
static const struct actor_behavior callee_behavior = {.name = "callee", .methods = callee_methods};

static const struct actor_method owner_methods[] = {{0}};

static const struct actor_behavior owner_behavior = {
	.name = "owner", .methods = owner_methods, .init = owner_init};

/* This program, run with --watcher: it says on stdout how the process that it runs has ended. */
static int end_watcher_init(actor *self, const void *arg)
{
	static const char *const argv[] = {"sleep", "1000", NULL};
	struct actor_process_spec spec = {
		.name = arg, .argv = argv, .monitor = true, .detached = true, .restart = ACTOR_TEMPORARY};

	return actor_process_start(self, &spec, NULL);
}

static int end_watcher_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	printf("down %s %d\n", cause->reason, cause->code);
	fflush(stdout);
	return 0;
}

static const struct actor_behavior end_watcher_behavior = {
	.name = "watcher", .methods = owner_methods, .init = end_watcher_init, .on_down = end_watcher_down};

static void test_a_monitor_goes_off_though_the_supervisor_died_meanwhile(void **arg)
{
	pid_t watched_pid, supervisor = (pid_t)atoi(status("supervisor.pid"));
	uint64_t until_ms = now_ms() + PATIENCE_MS;
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (!node.with_broker)
		skip();
	self[n] = 0;
	actor_msg_free(call("spawn", "[{s:s,s:s,s:s,s:[sss]}si]", "name", "watcher", "restart", "temporary",
		"ready", "actor", "argv", self, "--watcher", "watched", "ready", 10000));
	watched_pid = pid_of("watched");
	kill(supervisor, SIGSTOP);
	kill(watched_pid, SIGSEGV);
	await_dead(watched_pid);
	kill(supervisor, SIGKILL);
	reconnect();
	while (!strstr(log_of("watcher"), "down signal 11\n")) {
		if (now_ms() > until_ms)
			fail_msg("the watcher says: %s", log_of("watcher"));
		nap(5);
	}
	actor_msg_free(call("stop", "[sb]", "watcher", 1));
	assert_ptr_equal(strstr(log_of("watcher"), "down"), strstr(log_of("watcher"), "down signal 11\n"));
	assert_null(strstr(strstr(log_of("watcher"), "down") + 1, "down"));
}

static void test_an_actor_program_is_ready_when_its_actors_are(void **arg)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (!node.with_broker)
		skip();
	self[n] = 0;
	actor_msg_free(call("spawn", "[{s:s,s:s,s:s,s:[sss]}si]", "name", "owner", "restart", "temporary",
		"ready", "actor", "argv", self, "--owner", "owned", "ready", 10000));
	assert_string_equal(field("owner", "state"), "ready");
	assert_string_equal(field("owned", "state"), "up");
	actor_msg_free(call("kill", "[si]", "owner", SIGKILL));
	await_field("owned", "state", "gone");
}

static void test_an_owner_outlives_supervisor_and_broker_with_what_it_owns(void **arg)
{
	pid_t owned, broker, by_hand;
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (!node.with_broker)
		skip();
	self[n] = 0;
	actor_msg_free(call("spawn", "[{s:s,s:s,s:s,s:[sss]}si]", "name", "owner", "restart", "temporary",
		"ready", "actor", "argv", self, "--owner", "owned", "ready", 10000));
	by_hand = fork();
	if (!by_hand) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setenv("ACTOR_RUNTIME_DIR", node.dir, 1);
		execl(self, self, "--owner", "owned by hand", NULL);
		_exit(99);
	}
	await_field("owned by hand", "state", "up");
	owned = pid_of("owned");
	broker = (pid_t)atoi(status("broker.pid"));
	kill(broker, SIGKILL);
	await_other("broker.pid", broker);
	kill((pid_t)atoi(status("supervisor.pid")), SIGKILL);
	reconnect();
	nap(1500); /* a loss would be decided within a second */
	assert_int_equal(pid_of("owned"), owned);
	assert_string_equal(field("owned by hand", "restarts"), "0");
	assert_string_equal(field("owned by hand", "state"), "up");
	kill(by_hand, SIGKILL);
	waitpid(by_hand, NULL, 0);
	await_field("owned by hand", "state", "gone");
	assert_int_equal(pid_of("owned"), owned);
	actor_msg_free(call("kill", "[si]", "owner", SIGKILL));
	await_field("owned", "state", "gone");
	await_dead(owned);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(test_each_monitor_goes_off_once_with_the_cause),
		T(test_a_client_waits_for_the_end_of_a_process),
		T(test_a_failed_start_or_stop_says_which),
		T(test_a_process_is_started_and_watched_although_the_supervisor_is_away),
		T(test_a_death_is_told_as_it_was_though_the_supervisor_stands_still),
		T(test_no_time_out_reports_a_living_process_dead),
		T(test_a_death_that_a_dying_broker_had_to_tell_is_told),
		T(test_an_owned_process_goes_with_its_owner),
		T(test_a_monitor_goes_off_though_the_supervisor_died_meanwhile),
		T(test_an_actor_program_is_ready_when_its_actors_are),
		T(test_an_owner_outlives_supervisor_and_broker_with_what_it_owns),
	};

	if (argc > 2 && !strcmp(argv[1], "--owner"))
		return actor_main(&owner_behavior, argv[2], NULL);
	if (argc > 2 && !strcmp(argv[1], "--callee"))
		return actor_main(&callee_behavior, argv[2], NULL);
	if (argc > 2 && !strcmp(argv[1], "--watcher"))
		return actor_main(&end_watcher_behavior, argv[2], NULL);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return run_facts(tests);
}

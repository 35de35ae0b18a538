/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sending side: a cast that returned 0 arrives, although its sender ends in the next moment; answers that
 * nobody reads are bounded. Groups and broker are real. ACTOR_BROKER is the broker's program. This program is
 * also the other groups: `test-flush sink`, `test-flush source HOW N`.
 */
#include "tests/system/node-world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fact.h"

static const char *self_program; /* messages to operators have this path, so /proc/self/exe would not do */
static pid_t sink_pid;
static char said[8][512]; /* lines that a group of this process wrote for an operator */
static int n_said;

static void say(const char *line, void *arg)
{
	if (n_said < 8)
		snprintf(said[n_said++], sizeof(said[0]), "%s", line);
}

/* ---- the sink: counts items, and those out of order ---- */

static int64_t items, items_wrong;
static volatile sig_atomic_t released;

static void release(int signo)
{
	released = 1;
}

static int sink_item(actor *self, const actor_msg *msg)
{
	int64_t i;

	if (actor_msg_unpack(msg, "I*", &i) < 0 || i != items)
		items_wrong++;
	items++;
	return 0;
}

static int sink_got(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "[II]", items, items_wrong);
}

/* A handler that computes until SIGUSR1: its whole process does nothing else. */
static int sink_compute(actor *self, const actor_msg *msg)
{
	sigset_t usr1, old;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, &old);
	while (!released)
		sigsuspend(&old);
	released = 0;
	sigprocmask(SIG_SETMASK, &old, NULL);
	return 0;
}

/* Computes longer than anybody waits for the second half of a death. */
static int sink_nap(actor *self, const actor_msg *msg)
{
	usleep(1300000);
	return 0;
}

/* `hoard` takes every descriptor that this process may have, and keeps them for that time. */
static int hoard[64];
static int n_hoard;

static int sink_hoard(actor *self, const actor_msg *msg, actor_from *from)
{
	struct rlimit limit;
	int ms;

	if (actor_msg_unpack(msg, "i", &ms) < 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -EINVAL;
	limit.rlim_cur = 64;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	while (n_hoard < 64 && (hoard[n_hoard] = dup(0)) >= 0)
		n_hoard++;
	if (n_hoard == 64 || errno != EMFILE)
		return -EINVAL;
	return actor_send_after(self, ms, "let_go", NULL, "") < 0 ? -EIO : actor_reply(from, "");
}

static int sink_let_go(actor *self, const actor_msg *msg)
{
	while (n_hoard > 0)
		close(hoard[--n_hoard]);
	return 0;
}

static int sink_has_let_go(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "b", n_hoard == 0);
}

static int64_t parcels;

static int sink_parcel(actor *self, const actor_msg *msg)
{
	parcels++;
	return 0;
}

static int sink_parcels(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "I", parcels);
}

static int sink_big(actor *self, const actor_msg *msg, actor_from *from)
{
	static const char megabyte[1 << 20];

	return actor_reply(from, "y#", megabyte, sizeof(megabyte));
}

static const struct actor_method sink_methods[] = {
	{.name = "big", .on_call = sink_big},
	{.name = "hoard", .on_call = sink_hoard},
	{.name = "let_go", .on_cast = sink_let_go},
	{.name = "has_let_go", .on_call = sink_has_let_go},
	{.name = "nap", .on_cast = sink_nap},
	{.name = "parcel", .on_cast = sink_parcel},
	{.name = "parcels", .on_call = sink_parcels},
	{.name = "item", .on_cast = sink_item},
	{.name = "compute", .on_cast = sink_compute},
	{.name = "got", .on_call = sink_got},
	{0},
};
static const struct actor_behavior sink_behavior = {.name = "sink", .methods = sink_methods};

/* ---- the source: casts n items to the sink and ends in some way ---- */

static const char *source_how;
static int64_t source_n;

static int source_send(actor *self)
{
	for (int64_t i = 0; i < source_n; i++) {
		int r = actor_cast(self, actor_named("sink"), "item", "I", i);

		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Many actors ask for a megabyte each. Then the process stops. Later it says how many calls were answered,
 * and how many were refused as `overloaded`.
 */
static int64_t answered, refused;

static int asker_ask(actor *self, const actor_msg *msg)
{
	actor_msg *reply = NULL;
	int r = actor_call(self, actor_named("sink"), "big", LONG_MS, &reply, "");

	if (r == 0)
		answered++;
	else if (r == -EREMOTEIO && !strcmp(actor_msg_error(reply), "overloaded"))
		refused++;
	actor_msg_free(reply);
	if (answered + refused < source_n)
		return 0;
	printf("%ld %ld\n", (long)answered, (long)refused);
	fflush(stdout);
	return 0;
}

static const struct actor_method asker_methods[] = {{.name = "ask", .on_cast = asker_ask}, {0}};
static const struct actor_behavior asker_behavior = {.name = "asker", .methods = asker_methods};

static int source_freeze(actor *self, const actor_msg *msg)
{
	int r = actor_flush(self, ACTOR_TIMEOUT_DEFAULT);

	raise(SIGSTOP);
	return r;
}

static int source_ask(actor *self)
{
	int r = actor_call(self, actor_named("sink"), "got", LONG_MS, NULL, "");

	if (r == 0)
		/* From now on nothing is answered. */
		r = actor_cast(self, actor_named("sink"), "compute", "");
	for (int64_t i = 0; r == 0 && i < source_n; i++) {
		actor_ref asker;

		r = actor_spawn(self, &asker_behavior, NULL, &asker);
		if (r == 0)
			r = actor_cast(self, actor_to(asker), "ask", "");
	}
	return r < 0 ? r : actor_cast(self, actor_to(actor_self(self)), "freeze", "");
}

static int source_init(actor *self, const void *arg)
{
	int r = !strcmp(source_how, "ask") ? source_ask(self) : source_send(self);

	if (r < 0)
		return r;
	if (!strcmp(source_how, "stop"))
		return actor_stop(self, actor_self(self), "normal");
	if (!strcmp(source_how, "fail"))
		return -EIO;
	if (!strcmp(source_how, "crash")) {
		r = actor_flush(self, ACTOR_TIMEOUT_DEFAULT);
		if (r == 0)
			kill(getpid(), SIGKILL);
		return r;
	}
	if (!strcmp(source_how, "ask"))
		return 0;
	puts("sent"); /* the source lives on until TERM */
	fflush(stdout);
	return 0;
}

static const struct actor_method source_methods[] = {{.name = "freeze", .on_cast = source_freeze}, {0}};
static const struct actor_behavior source_behavior = {
	.name = "source", .init = source_init, .methods = source_methods};

/* ---- processes ---- */

/* Waits until the process has ended by itself. */
static int status_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static pid_t source_start(const char *how, const char *n, int *ret_stdout)
{
	const char *const argv[] = {self_program, "source", how, n, NULL};
	int out[2];
	pid_t pid;

	if (!ret_stdout)
		return process_start(argv);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = process_start_to(argv, out[1], 1);
	close(out[1]);
	*ret_stdout = out[0];
	return pid;
}

static void cast_items(actor_client *client, actor_ref sink, int64_t from, int64_t n)
{
	for (int64_t i = from; i < from + n; i++)
		assert_int_equal(actor_client_cast(client, actor_to(sink), "item", "I", i), 0);
}

/* All senders have ended. Waits until all their casts have come, which must be in order. */
static void expect_items(int64_t n)
{
	actor_client *client = client_new(ACTOR_JOIN_BROKER);
	actor_ref sink = find(client, "sink");
	int64_t got = 0, wrong = 0, tries = 0;
	actor_msg *reply;

	do {
		usleep(tries ? 1000 : 0);
		assert_int_equal(actor_client_call(client, actor_to(sink), "got", LONG_MS, &reply, ""), 0);
		assert_int_equal(actor_msg_unpack(reply, "[II]", &got, &wrong), 0);
		actor_msg_free(reply);
	} while (got < n && tries++ < 2000);
	assert_int_equal(got, n);
	assert_int_equal(wrong, 0);
	actor_client_free(client);
}

static int setup(void **state)
{
	actor_client *client;

	n_said = 0;
	client_log = say;
	if (node_setup(state) < 0)
		return -1;
	client = client_new(ACTOR_JOIN_BROKER);
	sink_pid = process_start((const char *const[]){self_program, "sink", NULL});
	(void)find(client, "sink");
	actor_client_free(client);
	return 0;
}

static int teardown(void **state)
{
	reap(sink_pid, SIGKILL);
	return node_teardown(state);
}

/* ---- orderly ends ---- */

static void test_casts_to_a_stranger_arrive_although_the_client_is_freed_at_once(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);

	for (int64_t i = 0; i < 10; i++)
		assert_int_equal(actor_client_cast(client, actor_named("sink"), "item", "I", i), 0);
	actor_client_free(client);
	expect_items(10);
	assert_int_equal(n_said, 0);
}

static void test_casts_of_a_client_with_one_link_arrive_although_it_is_freed_at_once(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_BROKER);

	for (int64_t i = 0; i < 1000; i++)
		assert_int_equal(actor_client_cast(client, actor_named("sink"), "item", "I", i), 0);
	actor_client_free(client);
	expect_items(1000);
	assert_int_equal(n_said, 0);
}

static void test_casts_of_a_program_that_stops_in_its_init_arrive(void **state)
{
	assert_int_equal(status_of(source_start("stop", "10", NULL)), 0);
	expect_items(10);
}

static void test_casts_of_a_program_whose_init_fails_arrive(void **state)
{
	int status = status_of(source_start("fail", "10", NULL));

	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	expect_items(10);
}

static void test_casts_before_sigterm_arrive_although_the_receiver_stood_still(void **state)
{
	char line[8] = "";
	pid_t source;
	int out;

	kill(sink_pid, SIGSTOP);
	source = source_start("live", "1000", &out);
	/* The source says "sent": its casts wait, since it has not met the sink. */
	assert_int_equal(read(out, line, sizeof(line)), 5);
	close(out);
	kill(source, SIGTERM);
	kill(sink_pid, SIGCONT);
	assert_int_equal(status_of(source), 0);
	expect_items(1000);
}

static void test_casts_arrive_although_the_broker_stood_still_when_the_client_was_freed(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);
	actor_ref sink = find(client, "sink");
	pid_t waker;

	kill(broker_pid, SIGSTOP);
	cast_items(client, sink, 0, 100);
	waker = fork();
	if (waker == 0) {
		usleep(300000); /* by then the client is being freed */
		kill(broker_pid, SIGCONT);
		_exit(0);
	}
	actor_client_free(client);
	status_of(waker);
	expect_items(100);
	assert_int_equal(n_said, 0);
}

/*
 * Nobody answers the sender's bye, its link ends, and the broker tells of its end: all that before the
 * receiver has read a byte.
 */
static void test_casts_arrive_although_the_receiver_computed_until_after_its_senders_end(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);
	actor_ref sink = find(client, "sink");

	/* Now the two have met. */
	assert_int_equal(actor_client_call(client, actor_to(sink), "got", LONG_MS, NULL, ""), 0);
	assert_int_equal(actor_client_cast(client, actor_to(sink), "compute", ""), 0);
	cast_items(client, sink, 0, 100);
	actor_client_free(client);
	assert_int_equal(n_said, 0);
	kill(sink_pid, SIGUSR1);
	expect_items(100);
}

/*
 * The ends of many senders are told when the receiver has read little of what they have left in the kernel.
 * Then it computes for longer than the second that it waits for the end of a link.
 */
static void test_what_many_senders_left_arrives_although_the_receiver_is_slow(void **state)
{
	enum { SENDERS_N = 10, PARCELS_N = 80 };
	actor_client *clients[SENDERS_N], *client;
	char kilobyte[1000] = "";
	int64_t n = 0, tries = 0;
	actor_msg *reply;
	actor_ref sink = ACTOR_NOBODY;

	for (int i = 0; i < SENDERS_N; i++) {
		clients[i] = client_new(ACTOR_JOIN_DIRECT);
		sink = find(clients[i], "sink");
		/* Now the two have met. */
		assert_int_equal(actor_client_call(clients[i], actor_to(sink), "got", LONG_MS, NULL, ""), 0);
	}
	assert_int_equal(actor_client_cast(clients[0], actor_to(sink), "compute", ""), 0);
	client = client_new(ACTOR_JOIN_BROKER);
	/* The broker's words are read first because of this cast. */
	assert_int_equal(actor_client_cast(client, actor_to(sink), "nap", ""), 0);
	assert_int_equal(actor_client_flush(client, LONG_MS), 0);
	for (int i = 0; i < SENDERS_N; i++) {
		for (int j = 0; j < PARCELS_N; j++)
			assert_int_equal(actor_client_cast(clients[i], actor_to(sink), "parcel", "y#",
						 kilobyte, sizeof(kilobyte)),
				0);
	}
	for (int i = 0; i < SENDERS_N; i++)
		actor_client_free(clients[i]);
	assert_int_equal(n_said, 0);
	kill(sink_pid, SIGUSR1);
	do {
		usleep(tries ? 1000 : 0);
		assert_int_equal(
			actor_client_call(client, actor_to(sink), "parcels", LONG_MS, &reply, ""), 0);
		assert_int_equal(actor_msg_unpack(reply, "I", &n), 0);
		actor_msg_free(reply);
	} while (n < SENDERS_N * PARCELS_N && tries++ < 2000);
	assert_int_equal(n, SENDERS_N * PARCELS_N);
	actor_client_free(client);
}

/* This is longer than a bye is waited for, and then the two halves of a death. */
#define HOARD_MS 3500

static bool has_let_go(actor_client *client, actor_ref sink)
{
	actor_msg *reply;
	bool has;

	assert_int_equal(actor_client_call(client, actor_to(sink), "has_let_go", LONG_MS, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "b", &has), 0);
	actor_msg_free(reply);
	return has;
}

/*
 * The receiver cannot let in anybody who dials. Meanwhile it is told that those who wrote have ended. What
 * they wrote must not be lost.
 */
static void test_casts_of_strangers_arrive_although_the_receiver_had_no_descriptor_left(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_BROKER), *stranger = client_new(ACTOR_JOIN_DIRECT);
	actor_ref sink = find(client, "sink");
	int64_t n = 0, tries = 0;
	actor_msg *reply;
	pid_t source;

	assert_int_equal(actor_client_call(client, actor_to(sink), "hoard", LONG_MS, NULL, "i", HOARD_MS), 0);
	source = source_start("crash", "100", NULL); /* is killed when its flush has returned 0 */
	assert_true(WIFSIGNALED(status_of(source)));
	assert_int_equal(actor_client_cast(stranger, actor_to(sink), "parcel", ""), 0);
	assert_int_equal(actor_client_flush(stranger, LONG_MS), 0);
	actor_client_free(stranger);
	assert_int_equal(n_said, 0);
	while (!has_let_go(client, sink))
		usleep(1000);
	expect_items(100);
	do {
		usleep(tries ? 1000 : 0);
		assert_int_equal(
			actor_client_call(client, actor_to(sink), "parcels", LONG_MS, &reply, ""), 0);
		assert_int_equal(actor_msg_unpack(reply, "I", &n), 0);
		actor_msg_free(reply);
	} while (n < 1 && tries++ < 2000);
	assert_int_equal(n, 1);
	actor_client_free(client);
}

static void test_a_receiver_without_a_descriptor_is_late_not_dead(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_BROKER), *stranger = client_new(ACTOR_JOIN_DIRECT);
	actor_ref sink = find(stranger, "sink");
	uint64_t monitor;

	assert_int_equal(actor_client_call(client, actor_to(sink), "hoard", LONG_MS, NULL, "i", HOARD_MS), 0);
	assert_int_equal(actor_client_monitor(stranger, sink, &monitor), 0);
	assert_int_equal(actor_client_call(stranger, actor_to(sink), "got", 200, NULL, ""), -ETIMEDOUT);
	assert_int_equal(actor_client_call(stranger, actor_to(sink), "got", LONG_MS, NULL, ""), 0);
	assert_true(has_let_go(client, sink));
	/* There was no DOWN. */
	assert_int_equal(actor_client_receive(stranger, 0, NULL, NULL, NULL, NULL), -ETIMEDOUT);
	actor_client_free(stranger);
	actor_client_free(client);
}

/* ---- flushing ---- */

static void test_flushed_casts_of_a_handler_that_is_killed_arrive(void **state)
{
	int status = status_of(source_start("crash", "5000", NULL));

	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	expect_items(5000);
}

static void test_flush_says_what_is_not_sent_and_the_casts_go_on_waiting(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);
	actor_ref sink = find(client, "sink");
	char group[32];

	snprintf(group, sizeof(group), "%llu", (unsigned long long)sink.group);
	assert_int_equal(actor_client_flush(client, LONG_MS), 0); /* there is nothing to send */
	kill(broker_pid, SIGSTOP);
	cast_items(client, sink, 0, 10);
	assert_int_equal(actor_client_flush(client, 50), -ETIMEDOUT);
	assert_int_equal(n_said, 1);
	assert_non_null(strstr(said[0], group));
	assert_non_null(strstr(said[0], "bytes"));
	kill(broker_pid, SIGCONT);
	assert_int_equal(actor_client_flush(client, LONG_MS), 0);
	cast_items(client, sink, 10, 10);
	assert_int_equal(actor_client_flush(client, LONG_MS), 0);
	expect_items(20);
	actor_client_free(client);
	assert_int_equal(n_said, 1);
}

/* Stops the sink, and sends it items until its socket is full and some wait here. Returns how many. */
static int64_t fill_the_socket(actor_client *client, actor_ref sink)
{
	char kilobyte[1000] = "";
	int64_t n = 0;
	int status;

	/* Now the two have met. */
	assert_int_equal(actor_client_call(client, actor_to(sink), "got", LONG_MS, NULL, ""), 0);
	kill(sink_pid, SIGSTOP);
	assert_int_equal(waitpid(sink_pid, &status, WUNTRACED), sink_pid);
	assert_true(WIFSTOPPED(status));
	while (actor_client_flush(client, 100) == 0) /* this waits only when something is left */
		assert_int_equal(actor_client_cast(client, actor_to(sink), "item", "Iy#", n++, kilobyte,
					 sizeof(kilobyte)),
			0);
	n_said = 0;
	return n;
}

static void test_a_receiver_that_does_not_read_is_told_of_and_gets_all_when_it_does(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);
	int64_t n = fill_the_socket(client, find(client, "sink"));

	assert_int_equal(actor_client_flush(client, 20), -ETIMEDOUT);
	assert_int_equal(n_said, 1);
	assert_non_null(strstr(said[0], "test-flush")); /* the name of the sink's program */
	kill(sink_pid, SIGCONT);
	assert_int_equal(actor_client_flush(client, LONG_MS), 0);
	actor_client_free(client);
	expect_items(n);
}

static void test_what_was_for_the_dead_is_not_waited_for(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);
	actor_ref sink = find(client, "sink");

	assert_int_equal(actor_client_call(client, actor_to(sink), "got", LONG_MS, NULL, ""), 0);
	kill(sink_pid, SIGKILL);
	cast_items(client, sink, 0, 10);
	assert_int_equal(actor_client_flush(client, LONG_MS), 0);
	actor_client_free(client);
	assert_int_equal(n_said, 0);
}

static void test_freeing_ends_although_the_receiver_never_reads_and_says_what_is_lost(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);

	(void)fill_the_socket(client, find(client, "sink"));
	actor_client_free(client);
	assert_true(n_said > 0);
	assert_non_null(strstr(said[n_said - 1], "bytes"));
}

static void test_freeing_ends_although_the_broker_stands_still_and_says_what_is_lost(void **state)
{
	actor_client *client = client_new(ACTOR_JOIN_DIRECT);
	actor_ref sink = find(client, "sink");

	kill(broker_pid, SIGSTOP); /* now nobody introduces the two groups */
	cast_items(client, sink, 0, 10);
	actor_client_free(client);
	kill(broker_pid, SIGCONT);
	assert_int_equal(n_said, 1);
	assert_non_null(strstr(said[0], "bytes"));
}

/* Only the broker says that there will be no link. Then what waits goes by the broker. */
static void test_casts_to_a_client_with_one_link_arrive_although_their_sender_is_freed_at_once(void **state)
{
	actor_client *single = client_new(ACTOR_JOIN_BROKER), *client = client_new(ACTOR_JOIN_DIRECT);

	cast_items(client, actor_client_self(single), 0, 100);
	actor_client_free(client);
	for (int64_t i = 0, n; i < 100; i++) {
		actor_msg *msg;

		assert_int_equal(actor_client_receive(single, LONG_MS, &msg, NULL, NULL, NULL), 0);
		assert_int_equal(actor_msg_unpack(msg, "I", &n), 0);
		assert_int_equal(n, i);
		actor_msg_free(msg);
	}
	actor_client_free(single);
	assert_int_equal(n_said, 0);
}

/* ---- answers nobody reads ---- */

static void test_a_group_that_reads_no_answers_gets_errors_beyond_64_mib_of_them(void **state)
{
	actor_client *client;
	long ok = 0, overloaded = 0;
	char line[64] = "";
	pid_t source;
	int out, status;

	source = source_start("ask", "200", &out);
	assert_int_equal(waitpid(source, &status, WUNTRACED), source);
	assert_true(WIFSTOPPED(status));
	kill(sink_pid, SIGUSR1);
	client = client_new(ACTOR_JOIN_BROKER);
	/* When this is answered, the sink has answered all that came before. */
	assert_int_equal(
		actor_client_call(client, actor_to(find(client, "sink")), "got", LONG_MS, NULL, ""), 0);
	actor_client_free(client);
	kill(source, SIGCONT);
	assert_true(read(out, line, sizeof(line) - 1) > 0);
	assert_int_equal(sscanf(line, "%ld %ld", &ok, &overloaded), 2);
	assert_int_equal(ok + overloaded, 200);
	assert_in_range(ok, 64, 80);
	close(out);
	kill(source, SIGTERM);
	assert_int_equal(status_of(source), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_casts_to_a_stranger_arrive_although_the_client_is_freed_at_once, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			test_casts_of_a_client_with_one_link_arrive_although_it_is_freed_at_once, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			test_casts_of_a_program_that_stops_in_its_init_arrive, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_casts_of_a_program_whose_init_fails_arrive, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_casts_before_sigterm_arrive_although_the_receiver_stood_still, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_casts_arrive_although_the_broker_stood_still_when_the_client_was_freed, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			test_casts_arrive_although_the_receiver_computed_until_after_its_senders_end, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			test_what_many_senders_left_arrives_although_the_receiver_is_slow, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_casts_of_strangers_arrive_although_the_receiver_had_no_descriptor_left, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			test_a_receiver_without_a_descriptor_is_late_not_dead, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_flushed_casts_of_a_handler_that_is_killed_arrive, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_flush_says_what_is_not_sent_and_the_casts_go_on_waiting, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_receiver_that_does_not_read_is_told_of_and_gets_all_when_it_does, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			test_what_was_for_the_dead_is_not_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_freeing_ends_although_the_receiver_never_reads_and_says_what_is_lost, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			test_freeing_ends_although_the_broker_stands_still_and_says_what_is_lost, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			test_casts_to_a_client_with_one_link_arrive_although_their_sender_is_freed_at_once,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_group_that_reads_no_answers_gets_errors_beyond_64_mib_of_them, setup,
			teardown),
	};

	self_program = argv[0];
	if (argc == 2 && !strcmp(argv[1], "sink")) {
		signal(SIGUSR1, release);
		return actor_main(&sink_behavior, NULL, "sink");
	}
	if (argc == 4 && !strcmp(argv[1], "source")) {
		source_how = argv[2];
		source_n = atoi(argv[3]);
		return actor_main(&source_behavior, NULL, NULL);
	}
	return run_facts(tests);
}

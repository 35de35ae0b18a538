/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tapped ACTORCTL [ROUNDS [MS]]: what does it cost to be looked at? One process sends another messages as
 * fast as they go: directly and by the broker, casts and calls. Turns of MS (200) with `actorctl monitor`
 * beside them alternate with turns without, ROUNDS (41) times; every second round has them the other way
 * round. ACTOR_BROKER is the broker's program.
 *
 * For each of these four, one of two medians over the rounds must be at least 0.9. One is that of the rate
 * with a monitor to the rate without. The other is that of the messages for a second of CPU time of all who
 * carry them (both processes, and the broker), which depends less on what else runs on the machine. Ends with
 * status 1 when neither is. With fewer than 5 rounds this is a test of the program itself, and nothing is
 * asserted.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "actor/actor.h"
#include "outside.h"

#define PAYLOAD_BYTES 64
#define LONG_MS       120000
#define LEAST         0.9
#define ROUNDS_FULL   5
#define ROUNDS_MAX    1000
#define NS_PER_SECOND 1e9

static const char *self_program, *actorctl;
static actor_client *client;
static actor_ref sink;
static pid_t roles[2];

struct rate {
	double by_time, by_cpu;
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* ---- who gets the messages ---- */

static int64_t n_received;

static int sink_put(actor *self, const actor_msg *msg)
{
	n_received++;
	return 0;
}

static int sink_ask(actor *self, const actor_msg *msg, actor_from *from)
{
	n_received++;
	return actor_reply(from, "");
}

/* → [how many were received so far, the time] */
static int sink_count(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "[II]", n_received, now_ns());
}

static const struct actor_method sink_methods[] = {{.name = "put", .on_cast = sink_put},
	{.name = "ask", .on_call = sink_ask}, {.name = "count", .on_call = sink_count}, {0}};
static const struct actor_behavior sink_behavior = {.name = "sink", .methods = sink_methods};

/* ---- who sends them, for ever ---- */

static int source_send(actor *self, const actor_msg *msg)
{
	static const char payload[PAYLOAD_BYTES];
	actor_ref to;
	int calls, r;

	if (actor_msg_unpack(msg, "ri", &to, &calls) < 0)
		return -1;
	do
		r = calls ? actor_call(
				    self, actor_to(to), "ask", LONG_MS, NULL, "y#", payload, sizeof(payload))
			  : actor_cast(self, actor_to(to), "put", "y#", payload, sizeof(payload));
	while (r == 0 && !actor_stopping(self));
	return r;
}

static const struct actor_method source_methods[] = {{.name = "send", .on_cast = source_send}, {0}};
static const struct actor_behavior source_behavior = {.name = "source", .methods = source_methods};

static int role_main(const char *name, bool is_single)
{
	struct actor_group_options options = {
		.name = name, .mode = is_single ? ACTOR_JOIN_BROKER : ACTOR_JOIN_DIRECT};
	actor_group *group;
	int r = actor_group_new(&group, &options);

	if (r == 0)
		r = actor_group_spawn(group, strncmp(name, "sink", 4) ? &source_behavior : &sink_behavior,
			NULL, name, NULL);
	if (r == 0)
		r = actor_group_run(group);
	return r < 0;
}

/* ---- from outside ---- */

/* Each start has a new name: whoever had an old one may be remembered. */
static pid_t role_start(const char *role, bool is_single, actor_ref *ret)
{
	const char *mode = is_single ? "--single" : "--direct";
	static int n_started;
	char name[32];
	pid_t pid;

	snprintf(name, sizeof(name), "%s-%d", role, n_started++);
	pid = outside_start((const char *const[]){self_program, mode, name, NULL});
	outside_find(client, name, ret);
	return pid;
}

static void count(int64_t *ret_n, int64_t *ret_ns)
{
	actor_msg *reply = NULL;
	int r = actor_client_call(client, actor_to(sink), "count", LONG_MS, &reply, "");

	if (r == 0)
		r = actor_msg_unpack(reply, "[II]", ret_n, ret_ns);
	if (r < 0)
		outside_fail("count: %s", actor_strerror(r));
	actor_msg_free(reply);
}

/* The CPU time of all that carry messages. */
static int64_t cpu_ns(void)
{
	pid_t pids[3] = {roles[0], roles[1], outside_broker};
	int64_t sum = 0, one;
	char path[64];
	FILE *f;

	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pids[i]);
		f = fopen(path, "r");
		if (!f || fscanf(f, "%" SCNd64, &one) != 1)
			outside_fail("%s cannot be read", path);
		fclose(f);
		sum += one;
	}
	return sum;
}

/* Measures for @ms, by the receiver's clock. */
static struct rate rate(int64_t ms)
{
	int64_t n0, n1, t0, t1, cpu0, cpu1;

	count(&n0, &t0);
	cpu0 = cpu_ns();
	usleep((useconds_t)ms * 1000);
	count(&n1, &t1);
	cpu1 = cpu_ns();
	if (n1 == n0 || cpu1 == cpu0)
		outside_fail("nothing came in %" PRId64 " ms", ms);
	return (struct rate){(double)(n1 - n0) / ((double)(t1 - t0) / NS_PER_SECOND),
		(double)(n1 - n0) / ((double)(cpu1 - cpu0) / NS_PER_SECOND)};
}

/* Returns when the monitor has shown something. */
static pid_t monitor_start(const char *path)
{
	char command[4096];
	struct stat st;
	pid_t pid;

	unlink(path);
	snprintf(command, sizeof(command), "exec '%s' monitor >'%s' 2>/dev/null", actorctl, path);
	pid = outside_start((const char *const[]){"/bin/sh", "-c", command, NULL});
	while (stat(path, &st) < 0 || !st.st_size)
		usleep(1000);
	return pid;
}

static struct rate rate_with_monitor(int64_t ms)
{
	char path[256];
	struct rate r;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/shown", getenv("ACTOR_RUNTIME_DIR"));
	pid = monitor_start(path);
	r = rate(ms);
	kill(pid, SIGINT);
	outside_reap(pid);
	return r;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *of, int n)
{
	qsort(of, (size_t)n, sizeof(*of), compare);
	return n % 2 ? of[n / 2] : (of[n / 2 - 1] + of[n / 2]) / 2;
}

/* False: being looked at costs too much. */
static bool run(bool is_single, bool calls, int n_rounds, int64_t ms)
{
	static double rates[2][ROUNDS_MAX], by_time[ROUNDS_MAX], by_cpu[ROUNDS_MAX];
	struct rate with, without;
	double time_ratio, cpu_ratio;
	actor_ref source;
	bool holds;
	int r;

	roles[0] = role_start("sink", is_single, &sink);
	roles[1] = role_start("source", is_single, &source);
	r = actor_client_cast(client, actor_to(source), "send", "ri", sink, (int)calls);
	if (r < 0)
		outside_fail("send: %s", actor_strerror(r));
	(void)rate(ms); /* meanwhile links are made and buffers filled */
	for (int i = 0; i < n_rounds; i++) {
		if (i % 2)
			with = rate_with_monitor(ms);
		without = rate(ms);
		if (i % 2 == 0)
			with = rate_with_monitor(ms);
		rates[0][i] = without.by_time / 1000;
		rates[1][i] = with.by_time / 1000;
		by_time[i] = with.by_time / without.by_time;
		by_cpu[i] = with.by_cpu / without.by_cpu;
	}
	for (int i = 0; i < 2; i++) {
		kill(roles[i], SIGKILL);
		outside_reap(roles[i]);
	}
	time_ratio = median(by_time, n_rounds);
	cpu_ratio = median(by_cpu, n_rounds);
	holds = time_ratio >= LEAST || cpu_ratio >= LEAST;
	printf("%s: %s %s: %.1f k/s, with a monitor %.1f k/s: %.3f (half of the rounds: %.3f to %.3f), by CPU time %.3f "
	       "(%.3f to %.3f)\n",
		holds ? "holds " : "BROKEN", calls ? "calls" : "casts",
		is_single ? "by the broker" : "by a direct link", median(rates[0], n_rounds),
		median(rates[1], n_rounds), time_ratio, by_time[n_rounds / 4],
		by_time[n_rounds - 1 - n_rounds / 4], cpu_ratio, by_cpu[n_rounds / 4],
		by_cpu[n_rounds - 1 - n_rounds / 4]);
	fflush(stdout);
	return holds;
}

int main(int argc, char **argv)
{
	bool holds = true;
	int n_rounds;
	int64_t ms;

	if (argc == 3 && argv[1][0] == '-')
		return role_main(argv[2], !strcmp(argv[1], "--single"));
	if (argc < 2 || argc > 4)
		return 2;
	self_program = argv[0];
	actorctl = argv[1];
	n_rounds = argc > 2 ? atoi(argv[2]) : 41;
	ms = argc > 3 ? atoi(argv[3]) : 200;
	if (n_rounds < 1 || n_rounds > ROUNDS_MAX || ms < 1)
		return 2;
	outside_open("tapped");
	outside_broker_start();
	client = outside_client(ACTOR_JOIN_BROKER);
	for (int i = 0; i < 4; i++)
		holds &= run(i / 2, i % 2, n_rounds, ms);
	actor_client_free(client);
	outside_close();
	return holds || n_rounds < ROUNDS_FULL ? 0 : 1;
}

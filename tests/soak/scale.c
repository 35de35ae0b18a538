/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scale [NAMES]: what names and process groups cost, from 1,000 of them to 1,000,000. ACTOR_BROKER is the
 * broker's program. The processes beside the broker are this program again, and nobody else speaks to the
 * broker.
 *
 * Prints a table. The row of each size has the broker's CPU time and the asker's waiting time for one
 * register, one look-up and one join; the broker's memory; and the end of a process with 10,000 names. Then
 * come ratios within one run: a join to a round trip, a call by the broker to a direct one. Ends with status
 * 1 if a figure is not as promised. NAMES, a power of ten, is the largest size; with it this is a test of the
 * program itself, and no figure is asserted.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actor/actor.h"
#include "outside.h"
#include "scale.h"

#define LONG_MS     600000
#define WORKERS     10
#define NAMES_MAX   1000000
#define EACH        12000 /* operations at each size */
#define DYING_NAMES 10000
#define GROUPS      1000
#define ROUNDS      31

/*
 * What is promised are ratios within one run. At every size an operation takes the asker the same time. The
 * broker's own part grows a little: a tree keeps names in order, and a million of them fit into no cache.
 */
#define FLAT_TIMES     1.5
#define CPU_TIMES      3.0
#define JOIN_TIMES     1.1 /* in round trips: a join is one round trip, but two medians differ by chance */
#define ROUTED_TIMES   2.0
#define MEMBERS_MAX_NS 100
#define CASTS          2000

static const char *self_program;
static pid_t worker_pids[WORKERS + 1];
static actor_ref workers[WORKERS + 1]; /* the last one is killed again and again */
static actor_client *direct, *single;
static int n_broken;

static void worker_start(int i)
{
	static int n_started;
	char name[32];

	/* Each start has a new name: the client may still remember a dead worker by its old one. */
	snprintf(name, sizeof(name), "worker-%d", n_started++);
	worker_pids[i] = outside_start((const char *const[]){self_program, "--worker", name, NULL});
	outside_find(direct, name, &workers[i]);
}

/*
 * Calls worker @i, which answers [result, number] as all methods do. Sets *@ret_n to the number; its value is
 * the result.
 */
#define ask(i, ret_n, method, ...)                                                                           \
	({                                                                                                   \
		actor_msg *reply_ = NULL;                                                                    \
		int r_ = actor_client_call(                                                                  \
			direct, actor_to(workers[i]), method, LONG_MS, &reply_, __VA_ARGS__);                \
		int what_ = 0;                                                                               \
		int64_t n_ = 0;                                                                              \
		if (r_ == 0)                                                                                 \
			r_ = actor_msg_unpack(reply_, "[iI]", &what_, &n_);                                  \
		if (r_ < 0 || what_ < 0)                                                                     \
			outside_fail("%s of worker %d: %s", method, i, actor_strerror(r_ < 0 ? r_ : what_)); \
		actor_msg_free(reply_);                                                                      \
		*(ret_n) = n_;                                                                               \
		what_;                                                                                       \
	})

/* ---- the broker, from outside ---- */

static int64_t proc_number(const char *file, const char *before)
{
	char path[64], line[256];
	int64_t n = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)outside_broker, file);
	f = fopen(path, "r");
	while (f && n < 0 && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, before, strlen(before)))
			n = strtoll(line + strlen(before), NULL, 10);
	}
	if (f)
		fclose(f);
	if (n < 0)
		outside_fail("%s: no %s", path, before);
	return n;
}

static int64_t broker_cpu_ns(void)
{
	return proc_number("schedstat", "");
}

static int64_t broker_bytes(void)
{
	return proc_number("status", "VmRSS:") * 1024;
}

/* ---- the table ---- */

struct row {
	int64_t size;
	int64_t register_cpu_ns, register_ns, look_up_cpu_ns, look_up_ns, join_cpu_ns, join_ns, cached_ns;
	int64_t bytes_per_name;
	int64_t freed_ns, others_ns, death_cpu_ns;
};

/*
 * *ret_ns is how long the asker waits for an operation when they come one after the other. *ret_cpu_ns is the
 * broker's CPU time for one while many are under way, so that the processor's sleeping and waking is not in
 * it.
 */
static void each(enum scale_what what, const char *prefix, int64_t from, int64_t to, int64_t *ret_ns,
	int64_t *ret_cpu_ns)
{
	int64_t middle = from + (to - from) / 6, cpu_ns, ns;

	(void)ask(1, ret_ns, "each", "isIII", what, prefix, from, middle, INT64_C(1));
	cpu_ns = broker_cpu_ns();
	(void)ask(1, &ns, "many", "isII", what, prefix, middle, to);
	*ret_cpu_ns = (broker_cpu_ns() - cpu_ns) / (to - middle);
}

/* Asks the broker itself, past the client's copy. 1: an actor has @name; 0: none has. */
static int is_taken(const char *name)
{
	actor_msg *reply = NULL;
	actor_ref ref;
	int r = actor_client_call(single, actor_named("$broker"), "whereis", LONG_MS, &reply, "s", name);

	if (r == 0)
		r = actor_msg_unpack(reply, "r", &ref) == 0;
	actor_msg_free(reply);
	return r;
}

/*
 * Kills a process with 10,000 names. Measures how long it takes until the last name is free, and how long
 * others that ask the broker meanwhile wait at most.
 */
static void death(struct row *row)
{
	int64_t start_ns, asked_ns, took_ns, cpu_ns;
	int r;

	worker_start(WORKERS);
	(void)ask(
		WORKERS, &took_ns, "many", "isII", SCALE_REGISTER, "dying", INT64_C(0), (int64_t)DYING_NAMES);
	cpu_ns = broker_cpu_ns();
	start_ns = scale_now_ns();
	kill(worker_pids[WORKERS], SIGKILL);
	row->others_ns = 0;
	do {
		asked_ns = scale_now_ns();
		r = is_taken("dying9999");
		took_ns = scale_now_ns() - asked_ns;
		row->others_ns = took_ns > row->others_ns ? took_ns : row->others_ns;
	} while (r > 0);
	row->freed_ns = scale_now_ns() - start_ns;
	row->death_cpu_ns = broker_cpu_ns() - cpu_ns;
	if (r < 0)
		outside_fail("a dead process's name: %s", actor_strerror(r));
	outside_reap(worker_pids[WORKERS]);
}

static void measure(struct row *row, int64_t before, int64_t bytes_before)
{
	int64_t n = row->size - before, ns;
	char prefix[32];

	printf("# %" PRId64 " names …", row->size);
	(void)ask(0, &ns, "many", "isII", SCALE_REGISTER, "n", before, row->size);
	row->bytes_per_name = (broker_bytes() - bytes_before) / row->size;
	printf(" registered at %.0f k/s\n", (double)n * 1e6 / (double)ns);
	snprintf(prefix, sizeof(prefix), "each-%" PRId64 "-", row->size);
	each(SCALE_REGISTER, prefix, 0, EACH, &row->register_ns, &row->register_cpu_ns);
	/* Nobody has looked up these names yet. Their hashes spread them over the whole registry. */
	each(SCALE_LOOK_UP, "n", row->size - (n < EACH ? n : EACH), row->size, &row->look_up_ns,
		&row->look_up_cpu_ns);
	each(SCALE_JOIN, prefix, 0, EACH, &row->join_ns, &row->join_cpu_ns);
	(void)ask(1, &row->cached_ns, "cached", "s", "n0");
	death(row);
	fflush(stdout);
}

static void print_rows(const struct row *rows, int n)
{
	printf("\n| names | broker, B/name | register: wait, broker's CPU | first look-up: wait, CPU | "
	       "join: wait, CPU | looked up again | 10,000 names of a dead process: free after, CPU, another "
	       "waits at most |\n|---:|---:|---:|---:|---:|---:|---:|\n");
	for (int i = 0; i < n; i++) {
		const struct row *row = &rows[i];

		printf("| %" PRId64 " | %" PRId64
		       " | %.1f µs, %.1f µs | %.1f µs, %.1f µs | %.1f µs, %.1f µs | "
		       "%" PRId64 " ns | %.1f ms, %.1f ms, %.1f ms |\n",
			row->size, row->bytes_per_name, (double)row->register_ns / 1e3,
			(double)row->register_cpu_ns / 1e3, (double)row->look_up_ns / 1e3,
			(double)row->look_up_cpu_ns / 1e3, (double)row->join_ns / 1e3,
			(double)row->join_cpu_ns / 1e3, row->cached_ns, (double)row->freed_ns / 1e6,
			(double)row->death_cpu_ns / 1e6, (double)row->others_ns / 1e6);
	}
	printf("\n");
}

/* ---- ratios ---- */

static void expect(const char *what, double is, double at_most, const char *unit)
{
	bool holds = is <= at_most;

	printf("%-62s %8.2f%s, at most %.2f%s: %s\n", what, is, unit, at_most, unit,
		holds ? "holds" : "BROKEN");
	n_broken += !holds;
}

static double times(int64_t a, int64_t b)
{
	return (double)a / (double)(b ? b : 1);
}

/* Round trips and joins take turns, so that a disturbance slows both alike. */
static void joins_and_round_trips(void)
{
	int64_t joins[ROUNDS], trips[ROUNDS], registers[ROUNDS];
	char prefix[32];

	for (int i = 0; i < ROUNDS; i++) {
		snprintf(prefix, sizeof(prefix), "turn-%d-", i);
		(void)ask(1, &trips[i], "each", "isIII", SCALE_ROUND_TRIP, "", INT64_C(0), INT64_C(200),
			INT64_C(1));
		(void)ask(1, &joins[i], "each", "isIII", SCALE_JOIN, prefix, INT64_C(0), INT64_C(200),
			INT64_C(1));
		(void)ask(1, &registers[i], "each", "isIII", SCALE_REGISTER, prefix, INT64_C(0), INT64_C(200),
			INT64_C(1));
	}
	printf("round trip to the broker %.1f µs, join %.1f µs, register %.1f µs (medians of %d)\n",
		(double)scale_median(trips, ROUNDS) / 1e3, (double)scale_median(joins, ROUNDS) / 1e3,
		(double)scale_median(registers, ROUNDS) / 1e3, ROUNDS);
	expect("join of a process group, of a round trip to the broker",
		times(scale_median(joins, ROUNDS), scale_median(trips, ROUNDS)), JOIN_TIMES, " ×");
}

static int64_t calls_ns(actor_client *client)
{
	int64_t samples[200];

	for (int i = 0; i < 200; i++) {
		int64_t start_ns = scale_now_ns();
		int r = actor_client_call(client, actor_to(workers[2]), "echo", LONG_MS, NULL, "");

		if (r < 0)
			outside_fail("echo: %s", actor_strerror(r));
		samples[i] = scale_now_ns() - start_ns;
	}
	return scale_median(samples, 200);
}

static void routed_and_direct(void)
{
	int64_t routed[ROUNDS], straight[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		straight[i] = calls_ns(direct);
		routed[i] = calls_ns(single);
	}
	printf("direct call %.1f µs, by the broker %.1f µs (medians of %d)\n",
		(double)scale_median(straight, ROUNDS) / 1e3, (double)scale_median(routed, ROUNDS) / 1e3,
		ROUNDS);
	expect("call by the broker, of a direct one",
		times(scale_median(routed, ROUNDS), scale_median(straight, ROUNDS)), ROUTED_TIMES, " ×");
}

static void await_noted(int64_t n)
{
	int64_t noted, sum, end_ns = scale_now_ns() + LONG_MS * INT64_C(1000000);

	do {
		sum = 0;
		for (int i = 0; i < WORKERS; i++) {
			(void)ask(i, &noted, "noted", "");
			sum += noted;
		}
	} while (sum < n && scale_now_ns() < end_ns);
	if (sum != n)
		outside_fail("%" PRId64 " of %" PRId64 " casts came", sum, n);
}

/* In each of @n_groups process groups there are @n_actors members of each worker. */
static void memberships(int64_t n_groups, int64_t n_actors)
{
	int64_t n = n_groups * n_actors * WORKERS, ns, sum_ns = 0, bytes = broker_bytes();
	int64_t cpu_ns = broker_cpu_ns(), start_ns;
	int64_t refs_ns[3];

	for (int i = 0; i < WORKERS; i++) {
		(void)ask(i, &ns, "join_many", "III", n_actors, INT64_C(0), n_groups);
		sum_ns += ns;
	}
	printf("%" PRId64 " memberships in %" PRId64
	       " process groups: joined at %.0f k/s, %.1f µs of the broker's "
	       "CPU and %" PRId64 " B of it each\n",
		n, n_groups, (double)n * 1e6 / (double)sum_ns,
		(double)(broker_cpu_ns() - cpu_ns) / 1e3 / (double)n, (broker_bytes() - bytes) / n);
	for (int i = 0; i < 3; i++) {
		int64_t max = i == 0 ? 0 : i == 1 ? 10 : n_actors * WORKERS;

		if (ask(1, &refs_ns[i], "members", "sI", "g0", max < 1000 ? max : 1000) != n_actors * WORKERS)
			outside_fail("a process group has not all its members");
		ask(1, &ns, "cast_all", "sI", "g0", INT64_C(0));
	}
	printf("members from the copy: the number %" PRId64 " ns, ten refs %" PRId64 " ns, all %" PRId64
	       " refs %" PRId64 " ns\n",
		refs_ns[0], refs_ns[1], n_actors * WORKERS, refs_ns[2]);
	expect("members from the copy, ten refs", (double)refs_ns[1], MEMBERS_MAX_NS, " ns");
	start_ns = scale_now_ns();
	(void)ask(1, &ns, "cast_all", "sI", "g0", (int64_t)CASTS);
	await_noted(CASTS * n_actors * WORKERS);
	ns = scale_now_ns() - start_ns;
	printf("cast to all %" PRId64 " in %d processes: %.2f M deliveries/s\n", n_actors * WORKERS, WORKERS,
		(double)(CASTS * n_actors * WORKERS) * 1e3 / (double)ns);
}

static void expect_flat(const struct row *first, const struct row *last)
{
	expect("wait for a register, of that at the first size", times(last->register_ns, first->register_ns),
		FLAT_TIMES, " ×");
	expect("wait for a look-up, of that at the first size", times(last->look_up_ns, first->look_up_ns),
		FLAT_TIMES, " ×");
	expect("wait for a join, of that at the first size", times(last->join_ns, first->join_ns), FLAT_TIMES,
		" ×");
	expect("the broker's CPU time for a register, likewise",
		times(last->register_cpu_ns, first->register_cpu_ns), CPU_TIMES, " ×");
	expect("the broker's CPU time for a look-up, likewise",
		times(last->look_up_cpu_ns, first->look_up_cpu_ns), CPU_TIMES, " ×");
	expect("the broker's CPU time for a death, likewise", times(last->death_cpu_ns, first->death_cpu_ns),
		CPU_TIMES, " ×");
}

static void run(int64_t names)
{
	struct row rows[8] = {{0}};
	int64_t before = 0, bytes;
	int n = 0;

	outside_broker_start();
	direct = outside_client(ACTOR_JOIN_DIRECT);
	single = outside_client(ACTOR_JOIN_BROKER);
	for (int i = 0; i < WORKERS; i++)
		worker_start(i);
	routed_and_direct();
	joins_and_round_trips();
	bytes = broker_bytes();
	for (int64_t size = names < 1000 ? names : 1000; size <= names; size *= 10) {
		rows[n].size = size;
		measure(&rows[n++], before, bytes);
		before = size;
	}
	print_rows(rows, n);
	memberships(names < NAMES_MAX ? 10 : GROUPS, 10);
	expect_flat(&rows[0], &rows[n - 1]);
	actor_client_free(direct);
	actor_client_free(single);
}

int main(int argc, char **argv)
{
	int64_t names = argc == 2 ? strtoll(argv[1], NULL, 10) : NAMES_MAX;

	self_program = argv[0];
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3 && !strcmp(argv[1], "--worker"))
		return scale_worker_main(argv[2]);
	if (argc > 2 || names < 100 || names > NAMES_MAX || !getenv("ACTOR_BROKER")) {
		fprintf(stderr, "usage: scale [NAMES], with ACTOR_BROKER in the environment\n");
		return 2;
	}
	outside_open("scale");
	run(names);
	outside_close();
	return names == NAMES_MAX && n_broken;
}

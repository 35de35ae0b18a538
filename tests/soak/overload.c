/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overload [SECONDS [POLICY]...]: consumers handle 1,000 messages a second, each from a producer that makes
 * 10,000, for SECONDS (60). All policies of actor/overload.h are tried at once: block, refuse, newest,
 * oldest, late (a fixed age), codel, rate. Each policy has a process with three consumers. The producer of
 * one is in the same group, that of another in a group with a direct link, that of the third in a group with
 * a single link, whose messages go by the broker. One message of 50 is a call. ACTOR_BROKER is the broker's
 * program.
 *
 * For each consumer these must hold. What was sent is what was received, with what was refused where the
 * sender was told. What was received is what was handled and what was lost. Both ends count for themselves.
 * Each call has one answer, which is `overloaded` (with a hint) for each that was lost. on_overload has told
 * of exactly what was lost. The memory of all these processes is flat. Ends with status 1 when one of these
 * does not hold.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "actor/overload.h"
#include "outside.h"

#define EACH_MS       10 /* how long a consumer sleeps */
#define AT_ONCE       10 /* how many messages it handles between two sleeps: 1,000 a second */
#define TIMES         10 /* how much faster a producer is */
#define CALL_EVERY    50
#define PAYLOAD_BYTES 200
#define LONG_MS       60000
#define FLAT_BYTES    (1 << 20) /* the difference of highest and lowest, after a quarter of the time */
#ifdef __SANITIZE_ADDRESS__
#define IS_FLAT_CHECKED false /* ASan keeps memory that was freed */
#else
#define IS_FLAT_CHECKED true
#endif
#define WAYS 3

static const char *const ways[WAYS] = {"in", "direct", "single"};

static const struct policy {
	const char *name;
	struct actor_overload limits;
} policies[] = {
	{"block", {.overflow = ACTOR_BLOCK, .max_messages = 512}},
	{"refuse", {.overflow = ACTOR_REFUSE, .max_messages = 512}},
	{"newest", {.overflow = ACTOR_DROP_NEWEST, .max_bytes = 256 << 10}},
	{"oldest", {.overflow = ACTOR_DROP_OLDEST, .max_messages = 512}},
	{"late", {.overflow = ACTOR_DROP_NEWEST, .max_wait_ms = 100}},
	{"codel", {.overflow = ACTOR_DROP_OLDEST, .codel_target_ms = 20}},
	{"rate", {.overflow = ACTOR_DROP_OLDEST, .rate_per_s = 500, .rate_burst = 50}},
};
#define POLICIES (sizeof(policies) / sizeof(*policies))

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static const struct policy *policy_of(const char *name)
{
	for (size_t i = 0; i < POLICIES; i++)
		if (!strcmp(policies[i].name, name))
			return &policies[i];
	return NULL;
}

static uint64_t all_lost(const struct actor_overload_stats *stats)
{
	uint64_t n = 0;

	for (int i = 0; i < ACTOR_LOSSES; i++)
		n += stats->lost[i];
	return n;
}

/* ---- a consumer ---- */

static const struct policy *policy;

struct consumer {
	uint64_t casts, calls; /* how many were handled */
	uint64_t told;         /* how much was lost, as on_overload has told */
	unsigned n;
};

static int consumer_init(actor *self, const void *arg)
{
	return actor_overload(self, &policy->limits);
}

static int consume(actor *self)
{
	struct consumer *consumer = actor_state(self);

	return ++consumer->n % AT_ONCE ? 0 : actor_sleep(self, EACH_MS);
}

static int consumer_put(actor *self, const actor_msg *msg)
{
	struct consumer *consumer = actor_state(self);

	consumer->casts++;
	return consume(self);
}

static int consumer_ask(actor *self, const actor_msg *msg, actor_from *from)
{
	struct consumer *consumer = actor_state(self);
	int r = actor_reply(from, "");

	consumer->calls++;
	return r < 0 ? r : consume(self);
}

static int consumer_overload(
	actor *self, const struct actor_overload_stats *now, const struct actor_overload_stats *all)
{
	struct consumer *consumer = actor_state(self);

	consumer->told += all_lost(now);
	return 0;
}

/* The figures are cast, because a call could be lost as any other. */
static int consumer_figures(actor *self, const actor_msg *msg)
{
	const struct consumer *consumer = actor_state(self);
	struct actor_overload_stats stats;
	actor_ref to;

	if (actor_msg_unpack(msg, "r", &to) < 0 || actor_overload_stats(self, &stats) < 0)
		return -EINVAL;
	return actor_cast(self, actor_to(to), "figures", "UUUUUUU", stats.received, stats.handled,
		all_lost(&stats), (uint64_t)stats.queued, consumer->casts, consumer->calls, consumer->told);
}

static const struct actor_method consumer_methods[] = {{.name = "put", .on_cast = consumer_put},
	{.name = "ask", .on_call = consumer_ask}, {.name = "$figures", .on_cast = consumer_figures}, {0}};
static const struct actor_behavior consumer_behavior = {.name = "consumer",
	.state_size = sizeof(struct consumer),
	.methods = consumer_methods,
	.init = consumer_init,
	.on_overload = consumer_overload};

/* ---- a producer ---- */

struct producer {
	bool runs;
	uint64_t taken, busy;      /* casts that returned 0 and -EBUSY */
	uint64_t asked;            /* calls that were made */
	uint64_t done, overloaded; /* the answers to these calls */
	uint64_t no_hint, others;
};

static struct producer *producer_now;

static int produce_one(actor *self, struct producer *producer, actor_ref to, unsigned i)
{
	static const char payload[PAYLOAD_BYTES];
	int r;

	if (i % CALL_EVERY == 0) {
		r = actor_request(self, actor_to(to), "ask", ACTOR_FOREVER, NULL, "");
		producer->asked += r == 0;
	} else {
		r = actor_cast(self, actor_to(to), "put", "y#", (const void *)payload, sizeof(payload));
		producer->taken += r == 0;
		producer->busy += r == -EBUSY;
	}
	return r == -EBUSY ? 0 : r;
}

static void producer_answer(struct producer *producer, struct actor_answer *answer)
{
	producer->done += answer->r == 0;
	if (answer->r == -EREMOTEIO && !strcmp(actor_msg_error(answer->msg), "overloaded")) {
		producer->overloaded++;
		producer->no_hint += actor_msg_retry_ms(answer->msg) < 1;
	} else if (answer->r != 0) {
		producer->others++;
	}
	actor_msg_free(answer->msg);
}

/* Takes the answers that come within @timeout_ms. -ESRCH: no call is open. */
static int producer_answers(actor *self, struct producer *producer, int64_t timeout_ms)
{
	struct actor_answer answer;
	int r;

	while ((r = actor_request_wait(self, NULL, 0, timeout_ms, NULL, &answer)) == 0) {
		producer_answer(producer, &answer);
		timeout_ms = 0;
	}
	return r;
}

static int producer_pause(actor *self, struct producer *producer)
{
	int r = producer_answers(self, producer, 1);

	return r == -ESRCH ? actor_sleep(self, 1) : r == -ETIMEDOUT ? 0 : r;
}

static int producer_run(actor *self, const actor_msg *msg)
{
	struct producer *producer = actor_state(self);
	int64_t each_ns = INT64_C(1000000) * EACH_MS / AT_ONCE / TIMES, next_ns = now_ns();
	actor_ref to;
	int r = 0;

	if (actor_msg_unpack(msg, "r", &to) < 0)
		return -EINVAL;
	producer_now = producer;
	producer->runs = true;
	for (unsigned i = 1; producer->runs && r == 0; i++) {
		r = produce_one(self, producer, to, i);
		next_ns += each_ns;
		if (r == 0 && now_ns() < next_ns)
			r = producer_pause(self, producer);
		/* A producer that had to wait does not make up for it. */
		else if (now_ns() > next_ns + 100 * 1000000)
			next_ns = now_ns();
	}
	while (r == 0 && producer_answers(self, producer, LONG_MS) != -ESRCH)
		;
	return r;
}

static const struct actor_method producer_methods[] = {{.name = "run", .on_cast = producer_run}, {0}};
static const struct actor_behavior producer_behavior = {
	.name = "producer", .state_size = sizeof(struct producer), .methods = producer_methods};

/* ---- the first actor of each process ---- */

/* [to] → result. Starts a producer for the consumer @to, which is of this group or of another. */
static int boss_produce(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref to, producer;
	int r;

	if (actor_msg_unpack(msg, "r", &to) < 0)
		return -EINVAL;
	r = actor_spawn(self, &producer_behavior, NULL, &producer);
	if (r == 0)
		r = actor_cast(self, actor_to(producer), "run", "r", to);
	return actor_reply(from, "i", r);
}

static int boss_end(actor *self, const actor_msg *msg, actor_from *from)
{
	producer_now->runs = false;
	return actor_reply(from, "i", actor_flush(self, LONG_MS));
}

static int boss_produced(actor *self, const actor_msg *msg, actor_from *from)
{
	const struct producer *p = producer_now;

	return actor_reply(from, "[UUUUUUU]", p->taken, p->busy, p->asked, p->done, p->overloaded, p->no_hint,
		p->others);
}

/* → [consumer]. Starts a consumer. */
static int boss_consume(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_ref consumer = ACTOR_NOBODY;

	if (actor_spawn(self, &consumer_behavior, NULL, &consumer) < 0)
		return -ENOMEM;
	return actor_reply(from, "r", consumer);
}

static const struct actor_method boss_methods[] = {{.name = "produce", .on_call = boss_produce},
	{.name = "end", .on_call = boss_end}, {.name = "produced", .on_call = boss_produced},
	{.name = "consume", .on_call = boss_consume}, {0}};
static const struct actor_behavior boss_behavior = {.name = "boss", .methods = boss_methods};

static int role_main(const char *name, const char *of, bool is_single)
{
	struct actor_group_options options = {
		.name = name, .mode = is_single ? ACTOR_JOIN_BROKER : ACTOR_JOIN_DIRECT};
	actor_group *group;
	int r;

	policy = policy_of(of);
	r = actor_group_new(&group, &options);
	if (r == 0)
		r = actor_group_spawn(group, &boss_behavior, NULL, name, NULL);
	if (r == 0)
		r = actor_group_run(group);
	if (r < 0)
		fprintf(stderr, "overload: %s: %s\n", name, actor_strerror(r));
	return r < 0;
}

/* ---- from outside ---- */

/* A consumer and its producer: one policy, one way. */
struct run {
	const struct policy *policy;
	const char *way;
	pid_t pid;          /* the producer's process */
	actor_ref producer; /* the first actor of that process */
	actor_ref consumer;
	uint64_t taken, busy, asked, done, overloaded, no_hint, others;
	uint64_t received, handled, lost, queued, casts, calls, told;
	int64_t least_bytes, most_bytes;
};

static const char *self_program;
static actor_client *client;
static int n_broken;

static int64_t memory_bytes(pid_t pid)
{
	char path[64];
	long pages = 0, resident = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%ld %ld", &pages, &resident) != 2)
		outside_fail("process %d is gone", (int)pid);
	fclose(f);
	return resident * sysconf(_SC_PAGESIZE);
}

static actor_msg *ask(actor_ref whom, const char *method)
{
	actor_msg *reply = NULL;
	int r = actor_client_call(client, actor_to(whom), method, LONG_MS, &reply, "");

	if (r < 0)
		outside_fail("%s: %s", method, actor_strerror(r));
	return reply;
}

static pid_t start(const char *name, const char *of, const char *mode, actor_ref *ret)
{
	pid_t pid = outside_start((const char *const[]){self_program, mode, name, of, NULL});

	outside_find(client, name, ret);
	return pid;
}

static void run_begin(struct run *run, actor_ref consumers, pid_t consumers_pid)
{
	char name[64];
	actor_msg *reply = ask(consumers, "consume");
	int r = actor_msg_unpack(reply, "r", &run->consumer);

	actor_msg_free(reply);
	run->pid = consumers_pid;
	run->producer = consumers;
	if (r == 0 && strcmp(run->way, "in") != 0) {
		snprintf(name, sizeof(name), "%s-%s", run->policy->name, run->way);
		run->pid = start(name, run->policy->name,
			!strcmp(run->way, "single") ? "--single" : "--direct", &run->producer);
	}
	if (r == 0)
		r = actor_client_call(
			client, actor_to(run->producer), "produce", LONG_MS, NULL, "r", run->consumer);
	if (r < 0)
		outside_fail("%s %s: %s", run->policy->name, run->way, actor_strerror(r));
}

static void run_figures(struct run *run)
{
	actor_msg *msg = ask(run->producer, "produced");
	int r = actor_msg_unpack(msg, "[UUUUUUU]", &run->taken, &run->busy, &run->asked, &run->done,
		&run->overloaded, &run->no_hint, &run->others);

	actor_msg_free(msg);
	msg = NULL;
	if (r == 0)
		r = actor_client_cast(
			client, actor_to(run->consumer), "$figures", "r", actor_client_self(client));
	if (r == 0)
		r = actor_client_receive(client, LONG_MS, &msg, NULL, NULL, NULL);
	if (r == 0)
		r = actor_msg_unpack(msg, "UUUUUUU", &run->received, &run->handled, &run->lost, &run->queued,
			&run->casts, &run->calls, &run->told);
	if (r < 0)
		outside_fail("figures of %s %s: %s", run->policy->name, run->way, actor_strerror(r));
	actor_msg_free(msg);
}

/*
 * What the producer has sent. In the same group a cast that was refused is counted as sent, because the
 * consumer has counted it as received.
 */
static uint64_t run_sent(const struct run *run)
{
	bool counts_busy = !strcmp(run->way, "in") && strcmp(run->policy->name, "block") != 0;

	return run->taken + run->asked + (counts_busy ? run->busy : 0);
}

static bool run_is_over(const struct run *run)
{
	return run->received == run_sent(run) && !run->queued && run->told == run->lost &&
	       run->asked == run->done + run->overloaded + run->others;
}

static void run_check(struct run *run, int64_t seconds)
{
	bool is_exact = run_is_over(run) && run->received == run->handled + run->lost &&
			run->handled == run->casts + run->calls && run->done == run->calls && !run->others &&
			!run->no_hint;
	bool is_block = !strcmp(run->policy->name, "block");
	bool is_flat = !IS_FLAT_CHECKED || run->most_bytes - run->least_bytes <= FLAT_BYTES;

	/* An overload must have been one: with every policy but `block` some messages are lost. */
	is_exact = is_exact && run->handled > 0 && (is_block ? !run->lost : run->lost > 0);
	n_broken += !is_exact + !is_flat;
	printf("%-7s %-6s sent %8" PRIu64 " (%6" PRIu64 "/s), refused %8" PRIu64 ", handled %7" PRIu64
	       ", lost %8" PRIu64 ", calls %6" PRIu64 " done %6" PRIu64 " overloaded; memory %5" PRId64
	       " to %5" PRId64 " KiB%s%s\n",
		run->policy->name, run->way, run->taken + run->asked,
		(run->taken + run->busy + run->asked) / (uint64_t)seconds, run->busy, run->handled, run->lost,
		run->done, run->overloaded, run->least_bytes >> 10, run->most_bytes >> 10,
		is_exact ? "" : "; NOT EXACT", is_flat ? "" : "; NOT FLAT");
	if (!is_exact)
		printf("  received %" PRIu64 ", queued %" PRIu64 ", casts %" PRIu64 ", calls %" PRIu64
		       ", told %" PRIu64 ", asked %" PRIu64 ", other answers %" PRIu64 ", no hint %" PRIu64
		       "\n",
			run->received, run->queued, run->casts, run->calls, run->told, run->asked,
			run->others, run->no_hint);
}

static void watch(struct run *runs, size_t n, int64_t seconds)
{
	int64_t begin_ns = now_ns(), end_ns = begin_ns + seconds * INT64_C(1000000000);

	while (now_ns() < end_ns) {
		usleep(seconds > 10 ? 200000 : 50000);
		if (now_ns() - begin_ns < seconds * INT64_C(250000000))
			continue;
		for (size_t i = 0; i < n; i++) {
			int64_t bytes = memory_bytes(runs[i].pid);

			if (!runs[i].least_bytes || bytes < runs[i].least_bytes)
				runs[i].least_bytes = bytes;
			if (bytes > runs[i].most_bytes)
				runs[i].most_bytes = bytes;
		}
	}
}

static void run_all(struct run *runs, size_t n, int64_t seconds)
{
	actor_ref consumers = ACTOR_NOBODY;
	char name[64];
	pid_t pid = 0;

	for (size_t i = 0; i < n; i++) {
		if (i % WAYS == 0) {
			snprintf(name, sizeof(name), "%s-consumers", runs[i].policy->name);
			pid = start(name, runs[i].policy->name, "--direct", &consumers);
		}
		run_begin(&runs[i], consumers, pid);
	}
	watch(runs, n, seconds);
	for (size_t i = 0; i < n; i++)
		actor_msg_free(ask(runs[i].producer, "end"));
	for (size_t i = 0; i < n; i++) {
		for (int tries = 0; tries < LONG_MS / 10; tries++) {
			run_figures(&runs[i]);
			if (run_is_over(&runs[i]))
				break;
			usleep(10000);
		}
		run_check(&runs[i], seconds);
	}
}

int main(int argc, char **argv)
{
	static struct run runs[POLICIES * WAYS];
	int64_t seconds = argc > 1 ? atoll(argv[1]) : 60;
	size_t n = 0;

	if (argc == 4 && argv[1][0] == '-')
		return role_main(argv[2], argv[3], !strcmp(argv[1], "--single"));
	self_program = "/proc/self/exe";
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (seconds < 1)
		seconds = 1;
	for (size_t i = 0; i < POLICIES; i++) {
		bool chosen = argc <= 2;

		for (int a = 2; a < argc; a++)
			chosen = chosen || !strcmp(argv[a], policies[i].name);
		for (int way = 0; chosen && way < WAYS; way++)
			runs[n++] = (struct run){.policy = &policies[i], .way = ways[way]};
	}
	outside_open("overload");
	outside_broker_start();
	client = outside_client(ACTOR_JOIN_BROKER);
	run_all(runs, n, seconds);
	actor_client_free(client);
	outside_close();
	printf("%zu ways, %d broken\n", n, n_broken);
	return n_broken != 0;
}

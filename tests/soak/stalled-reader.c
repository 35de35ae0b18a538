/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stalled-reader [SECONDS [RECEIVERS]]: one process sends 10,000 messages a second to 100 others, and one of
 * those is stopped for SECONDS (60). First all goes by the broker, with clients that have a single link, and
 * then by direct links. ACTOR_BROKER is the broker's program.
 *
 * These must hold. The p99 of the way to the others is at most 1.5 times that of before. Nobody is cut. Each
 * message comes once, also to the one that was stopped, when it goes on; or the broker has counted it as
 * dropped, because a group has taken nothing for the stall time-out (docs/protocol.md, *Congestion*). The
 * broker's memory grows by no more than what a group may leave unread. The log of the broker or of the sender
 * names the one that is stopped. Ends with status 1 when one of these does not hold. With less than 30 s this
 * is a test of the program itself: the p99, which depends on what else runs on the machine, is not asserted
 * then.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "actor/actor.h"
#include "outside.h"

#define RATE          10000 /* messages a second, to all receivers together */
#define RECEIVERS_MAX 200
#define PAYLOAD_BYTES 1024
#define SAMPLES_MAX   (1u << 18)
#define LONG_MS       120000
#define P99_TIMES     1.5
#define UNREAD_BYTES  (16 << 20) /* docs/protocol.md: so many bytes may a group leave unread */
#define FULL_SECONDS  30
#define NS_PER_SECOND INT64_C(1000000000)

static const char *self_program;
static pid_t receiver_pids[RECEIVERS_MAX];
static actor_ref receivers[RECEIVERS_MAX], sender;
static int n_receivers = 100, n_broken;
static actor_client *client;

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NS_PER_SECOND + t.tv_nsec;
}

/* ---- a receiver ---- */

static uint32_t samples_us[SAMPLES_MAX];
static uint32_t n_samples;
static int64_t n_received;

static int receiver_put(actor *self, const actor_msg *msg)
{
	const void *data;
	size_t size;
	int64_t sent_ns;

	if (actor_msg_unpack(msg, "Iy#", &sent_ns, &data, &size) < 0 || size != PAYLOAD_BYTES)
		return -EINVAL;
	n_received++;
	if (n_samples < SAMPLES_MAX)
		samples_us[n_samples++] = (uint32_t)((now_ns() - sent_ns) / 1000);
	return 0;
}

/* → [how many were received so far, their times on the way in µs since the last call] */
static int receiver_take(actor *self, const actor_msg *msg, actor_from *from)
{
	int r = actor_reply(
		from, "[Iy#]", n_received, (const void *)samples_us, n_samples * sizeof(samples_us[0]));

	n_samples = 0;
	return r;
}

static const struct actor_method receiver_methods[] = {
	{.name = "put", .on_cast = receiver_put}, {.name = "take", .on_call = receiver_take}, {0}};
static const struct actor_behavior receiver = {.name = "receiver", .methods = receiver_methods};

/* ---- the sender: an actor for each receiver, so who has to wait waits alone ---- */

struct lane {
	int64_t n_sent;
	int64_t next_ns, every_ns;
	actor_ref to;
};

static bool sending;
static struct lane *lanes[RECEIVERS_MAX];
static int n_lanes;

static int lane_run(actor *self, const actor_msg *msg)
{
	static char payload[PAYLOAD_BYTES];
	struct lane *lane = actor_state(self);
	int index, r = 0;

	if (actor_msg_unpack(msg, "riI", &lane->to, &index, &lane->every_ns) < 0)
		return -EINVAL;
	lanes[index] = lane;
	lane->next_ns = now_ns() + lane->every_ns * index / n_lanes;
	while (sending && r == 0) {
		int64_t wait_ns = lane->next_ns - now_ns();

		if (wait_ns > 0) {
			r = actor_sleep(self, (wait_ns + 999999) / 1000000);
			continue;
		}
		r = actor_cast(self, actor_to(lane->to), "put", "Iy#", now_ns(), payload, sizeof(payload));
		if (r == -EBUSY || r == -EAGAIN) {
			r = 0; /* the cast had to wait too long, and was not sent */
			continue;
		}
		lane->n_sent += r == 0;
		lane->next_ns += lane->every_ns;
		/* A lane that had to wait does not make up for it. */
		if (lane->next_ns < now_ns() - NS_PER_SECOND / 10)
			lane->next_ns = now_ns();
	}
	if (r < 0)
		fprintf(stderr, "stalled-reader: lane %d: %s\n", index, actor_strerror(r));
	return r;
}

static const struct actor_method lane_methods[] = {{.name = "run", .on_cast = lane_run}, {0}};
static const struct actor_behavior lane_behavior = {
	.name = "lane", .methods = lane_methods, .state_size = sizeof(struct lane)};

/* [receivers]. Then `to` is called for each receiver. */
static int sender_begin(actor *self, const actor_msg *msg, actor_from *from)
{
	if (actor_msg_unpack(msg, "i", &n_lanes) < 0)
		return -EINVAL;
	sending = true;
	return actor_reply(from, "i", 0);
}

static int sender_to(actor *self, const actor_msg *msg, actor_from *from)
{
	int64_t every_ns;
	actor_ref to, lane;
	int index, r;

	if (actor_msg_unpack(msg, "riI", &to, &index, &every_ns) < 0)
		return -EINVAL;
	r = actor_spawn(self, &lane_behavior, NULL, &lane);
	if (r == 0)
		r = actor_cast(self, actor_to(lane), "run", "riI", to, index, every_ns);
	return actor_reply(from, "i", r);
}

static int sender_end(actor *self, const actor_msg *msg, actor_from *from)
{
	sending = false;
	return actor_reply(from, "i", 0);
}

/* [lane] → how many messages it has sent */
static int sender_sent(actor *self, const actor_msg *msg, actor_from *from)
{
	int index;

	if (actor_msg_unpack(msg, "i", &index) < 0 || index < 0 || index >= n_lanes)
		return -EINVAL;
	return actor_reply(from, "I", lanes[index] ? lanes[index]->n_sent : 0);
}

static const struct actor_method sender_methods[] = {{.name = "begin", .on_call = sender_begin},
	{.name = "to", .on_call = sender_to}, {.name = "end", .on_call = sender_end},
	{.name = "sent", .on_call = sender_sent}, {0}};
static const struct actor_behavior sender_behavior = {.name = "sender", .methods = sender_methods};

static void role_log(const char *line, void *arg)
{
	fprintf(stderr, "%s: %s\n", (const char *)arg, line);
}

static int role_main(const char *role, const char *name, bool is_single)
{
	struct actor_group_options options = {.name = name,
		.mode = is_single ? ACTOR_JOIN_BROKER : ACTOR_JOIN_DIRECT,
		.log = role_log,
		.log_arg = (void *)name};
	actor_group *group;
	int r = actor_group_new(&group, &options);

	if (r == 0)
		r = actor_group_spawn(
			group, !strcmp(role, "sender") ? &sender_behavior : &receiver, NULL, name, NULL);
	if (r == 0)
		r = actor_group_run(group);
	if (r < 0)
		fprintf(stderr, "stalled-reader: %s: %s\n", name, actor_strerror(r));
	return r < 0;
}

/* ---- from outside ---- */

static void start_all(bool is_single)
{
	const char *mode = is_single ? "--single" : "--direct";
	char name[32];

	outside_broker_start();
	client = outside_client(ACTOR_JOIN_BROKER);
	for (int i = 0; i < n_receivers; i++) {
		snprintf(name, sizeof(name), i ? "receiver-%d" : "victim", i);
		receiver_pids[i] =
			outside_start((const char *const[]){self_program, mode, "receiver", name, NULL});
		outside_find(client, name, &receivers[i]);
	}
	outside_start((const char *const[]){self_program, mode, "sender", "sender", NULL});
	outside_find(client, "sender", &sender);
}

static int64_t ask_number(actor_ref whom, const char *method, int argument)
{
	actor_msg *reply = NULL;
	int64_t n = -1;
	int r = actor_client_call(client, actor_to(whom), method, LONG_MS, &reply, "i", argument);

	if (r == 0)
		r = actor_msg_unpack(reply, "I", &n);
	if (r < 0)
		outside_fail("%s: %s", method, actor_strerror(r));
	actor_msg_free(reply);
	return n;
}

static void send_begin(void)
{
	actor_msg *reply = NULL;

	(void)ask_number(sender, "begin", n_receivers);
	for (int i = 0; i < n_receivers; i++) {
		int r = actor_client_call(client, actor_to(sender), "to", LONG_MS, &reply, "riI",
			receivers[i], i, NS_PER_SECOND / RATE * n_receivers);

		if (r < 0)
			outside_fail("to: %s", actor_strerror(r));
		reply = actor_msg_free(reply);
	}
}

/* Adds the times of one receiver to @all. Returns how many messages it has received. */
static int64_t take(int i, uint32_t *all, size_t *n, size_t max)
{
	actor_msg *reply = NULL;
	const void *data;
	int64_t received;
	size_t size;
	int r = actor_client_call(client, actor_to(receivers[i]), "take", LONG_MS, &reply, "");

	if (r == 0)
		r = actor_msg_unpack(reply, "[Iy#]", &received, &data, &size);
	if (r < 0)
		outside_fail("receiver %d: %s", i, actor_strerror(r));
	size /= sizeof(*all);
	if (all && *n + size <= max) {
		memcpy(all + *n, data, size * sizeof(*all));
		*n += size;
	}
	actor_msg_free(reply);
	return received;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/*
 * The p99 of the messages to all but the victim since the last call; 0: none came. Adds their number to
 * *ret_n.
 */
static uint32_t take_p99_us(int64_t *ret_n, uint32_t *ret_longest_us)
{
	static uint32_t all[1u << 20];
	size_t n = 0;

	for (int i = 1; i < n_receivers; i++)
		(void)take(i, all, &n, sizeof(all) / sizeof(all[0]));
	if (!n)
		return 0;
	qsort(all, n, sizeof(all[0]), compare);
	*ret_n += (int64_t)n;
	*ret_longest_us = all[n - 1] > *ret_longest_us ? all[n - 1] : *ret_longest_us;
	return all[n * 99 / 100];
}

static int64_t broker_bytes(void)
{
	char path[64], line[256];
	int64_t n = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)outside_broker);
	f = fopen(path, "r");
	while (f && n < 0 && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "VmRSS:", 6))
			n = strtoll(line + 6, NULL, 10) * 1024;
	}
	if (f)
		fclose(f);
	if (n < 0)
		outside_fail("the broker is gone");
	return n;
}

/*
 * The median of the p99 of each second, so that a disturbance of the machine in some of them does not count.
 * *ret_most is the broker's highest memory.
 */
static double phase(const char *when, int64_t seconds, int64_t *ret_most)
{
	uint32_t p99s_us[1000], longest_us = 0;
	int64_t n = 0;
	int n_seconds = 0, middle;

	*ret_most = 0;
	/* This drops what came before; links may still be under way. */
	(void)take_p99_us(&n, &longest_us);
	n = longest_us = 0;
	while (n_seconds < seconds && n_seconds < 1000) {
		int64_t end_ns = now_ns() + NS_PER_SECOND, n_before = n;

		while (now_ns() < end_ns) {
			int64_t bytes = broker_bytes();

			*ret_most = bytes > *ret_most ? bytes : *ret_most;
			usleep(50000);
		}
		p99s_us[n_seconds++] = take_p99_us(&n, &longest_us);
		if (n == n_before)
			outside_fail("nothing came in a second");
	}
	qsort(p99s_us, (size_t)n_seconds, sizeof(p99s_us[0]), compare);
	middle = n_seconds / 2;
	printf("%s: %" PRId64 " messages to the others, p99 %u µs (%u to %u, of a second), longest %u µs\n",
		when, n, p99s_us[middle], p99s_us[0], p99s_us[n_seconds - 1], longest_us);
	return p99s_us[middle];
}

static void expect(bool holds, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void expect(bool holds, const char *format, ...)
{
	va_list args;

	printf("%s: ", holds ? "holds " : "BROKEN");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	n_broken += !holds;
}

static bool log_has(const char *a, const char *b)
{
	char line[1024];
	FILE *f = fopen(outside_log, "r");
	bool has = false;

	while (f && fgets(line, sizeof(line), f))
		has = has || (strstr(line, a) && strstr(line, b));
	if (f)
		fclose(f);
	return has;
}

/* What the broker has dropped of what was sent to @name, because that took nothing for its stall time-out. */
static int64_t dropped_for(const char *name)
{
	actor_msg *reply = NULL;
	int64_t n = 0;
	int r = actor_client_call(client, actor_named("$broker"), "quota", LONG_MS, &reply, "s", name);

	if (r == 0)
		r = actor_msg_unpack(reply, "{s:[{s:I}]}", "groups", "dropped", &n);
	if (r < 0)
		outside_fail("quota of %s: %s", name, actor_strerror(r));
	actor_msg_free(reply);
	return n;
}

/* Whether all that was sent has come, or is counted as dropped for the one that was stopped. */
static bool all_has_come(int64_t *ret_dropped)
{
	int64_t end_ns = now_ns() + LONG_MS * INT64_C(1000000), lacking;

	(void)ask_number(sender, "end", 0);
	do {
		*ret_dropped = dropped_for("victim");
		lacking = take(0, NULL, NULL, 0) + *ret_dropped != ask_number(sender, "sent", 0);
		for (int i = 1; i < n_receivers; i++)
			lacking += take(i, NULL, NULL, 0) != ask_number(sender, "sent", i);
		usleep(10000);
	} while (lacking && now_ns() < end_ns);
	return !lacking;
}

static void run(bool is_single, int64_t seconds)
{
	int64_t base, most, after, sent, dropped;
	bool has_come;
	double before_us, during_us;
	int n_gone = 0;

	printf("== %s, %d receivers, %d messages/s of %d B, one stands still for %" PRId64 " s\n",
		is_single ? "by the broker" : "by direct links", n_receivers, RATE, PAYLOAD_BYTES, seconds);
	start_all(is_single);
	send_begin();
	(void)phase("at first", 1, &base); /* the links are made meanwhile */
	before_us = phase("before", (seconds + 1) / 2, &base);
	kill(receiver_pids[0], SIGSTOP);
	during_us = phase("during", seconds, &most);
	sent = ask_number(sender, "sent", 0);
	kill(receiver_pids[0], SIGCONT);
	(void)phase("after", 1, &after);
	if (seconds >= FULL_SECONDS)
		expect(during_us <= P99_TIMES * before_us,
			"p99 of the others %.2f times that of before, at most %.2f", during_us / before_us,
			P99_TIMES);
	expect(most - base <= UNREAD_BYTES, "the broker grew by %.2f MiB, at most %d",
		(double)(most - base) / 1048576, UNREAD_BYTES >> 20);
	has_come = all_has_come(&dropped);
	expect(has_come,
		"all that was sent has come once, to each; %" PRId64
		" was sent to the one that stood still while it did, %" PRId64 " counted as dropped",
		sent, dropped);
	expect(is_single || !dropped, "no direct message is dropped");
	if (seconds >= FULL_SECONDS)
		expect(log_has("does not read", "victim"), "the log names who does not read");
	expect(!log_has("group", "lost") && !log_has("cut", "link"), "nobody was cut");
	for (int i = 0; i < n_receivers; i++)
		n_gone += waitpid(receiver_pids[i], NULL, WNOHANG) != 0;
	expect(!n_gone, "%d receivers have ended", n_gone);
	client = actor_client_free(client);
	outside_close();
}

int main(int argc, char **argv)
{
	int64_t seconds = argc > 1 ? atoll(argv[1]) : 60;

	self_program = argv[0];
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 4 && (!strcmp(argv[1], "--single") || !strcmp(argv[1], "--direct")))
		return role_main(argv[2], argv[3], !strcmp(argv[1], "--single"));
	n_receivers = argc > 2 ? atoi(argv[2]) : n_receivers;
	if (argc > 3 || seconds < 1 || n_receivers < 2 || n_receivers > RECEIVERS_MAX ||
		!getenv("ACTOR_BROKER")) {
		fprintf(stderr,
			"usage: stalled-reader [SECONDS [RECEIVERS]], with ACTOR_BROKER in the environment\n");
		return 2;
	}
	for (int i = 0; i < 2; i++) {
		snprintf(outside_log, sizeof(outside_log), "/tmp/actor-stalled-reader-%d-%d.log",
			(int)getpid(), i);
		outside_open("stalled-reader");
		run(i == 0, seconds);
		fputs("\n", stdout);
		if (getenv("KEEP"))
			printf("log: %s\n", outside_log);
		else
			unlink(outside_log);
	}
	return n_broken > 0;
}

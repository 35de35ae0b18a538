/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pingpong [--processes] [--seconds N]: measures how many calls a second two actors make
 *
 * One actor calls the other again and again. Both live in one process. With --processes the partner lives in
 * a second process, which the node starts, watches and stops. The code that calls is the same.
 */
#include <actor/actor.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct pingpong {
	bool processes;
	int seconds;
	int exit_status;
};

/* ---- the partner ---- */

static int pong_ping(actor *self, const actor_msg *msg, actor_from *from)
{
	int64_t n;

	if (actor_msg_unpack(msg, "I", &n) < 0)
		return actor_reply_error(from, "bad_args", "ping wants one integer");
	return actor_reply(from, "I", n);
}

static const struct actor_method pong_methods[] = {
	{.name = "ping", .on_call = pong_ping, .args = "n:int", .doc = "answers n"},
	{0},
};

static const struct actor_behavior pong = {.name = "pong", .methods = pong_methods};

/* ---- the actor that measures ---- */

static double now_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int start_partner(actor *self, bool processes, actor_ref *ret)
{
	char path[4096];
	const char *argv[] = {path, "--pong", NULL};
	struct actor_process_spec spec = {.argv = argv, .restart = ACTOR_TEMPORARY, .wait_ready = true};
	struct actor_process process;
	ssize_t n;
	int r;

	if (!processes)
		return actor_spawn(self, &pong, NULL, ret);
	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (n < 0)
		return -errno;
	path[n] = '\0';
	r = actor_process_start(self, &spec, &process);
	if (r < 0)
		fprintf(stderr, "pingpong: cannot start %s: %s\n", path, process.error);
	else
		*ret = process.main;
	return r;
}

static int ping_measure(actor *self, const struct pingpong *pingpong)
{
	double start, end, now = 0;
	actor_ref partner;
	int64_t n, answer;
	actor_msg *reply;
	int r;

	r = start_partner(self, pingpong->processes, &partner);
	if (r < 0)
		return r;
	start = now_seconds();
	end = start + pingpong->seconds;
	for (n = 0; now < end && !actor_stopping(self); n++) {
		r = actor_call(self, actor_to(partner), "ping", ACTOR_TIMEOUT_DEFAULT, &reply, "I", n);
		if (r == 0)
			r = actor_msg_unpack(reply, "I", &answer);
		actor_msg_free(reply);
		if (r < 0) {
			fprintf(stderr, "pingpong: call %lld failed: %s\n", (long long)n, strerror(-r));
			return r;
		}
		if (answer != n) {
			fprintf(stderr, "pingpong: call %lld was answered with %lld\n", (long long)n,
				(long long)answer);
			return -EPROTO;
		}
		now = now_seconds();
	}
	now = now_seconds() - start;
	printf("two actors in %s: %.0f round trips/s, %.2f us each\n",
		pingpong->processes ? "two processes" : "one process", (double)n / now,
		now / (double)n * 1e6);
	return 0;
}

static int ping_go(actor *self, const actor_msg *msg)
{
	struct pingpong **pingpong = actor_state(self);

	(*pingpong)->exit_status = ping_measure(self, *pingpong) < 0 ? 1 : 0;
	/*
	 * this ends the partner too: an actor ends with its group, and an owned process ends with its owner
	 */
	actor_group_stop(actor_group_of(self));
	return 0;
}

static int ping_init(actor *self, const void *arg)
{
	struct pingpong **pingpong = actor_state(self);

	*pingpong = *(struct pingpong *const *)arg;
	return actor_cast(self, actor_to(actor_self(self)), "go", "");
}

static const struct actor_method ping_methods[] = {
	{.name = "go", .on_cast = ping_go},
	{0},
};

static const struct actor_behavior ping = {
	.name = "ping",
	.state_size = sizeof(struct pingpong *),
	.methods = ping_methods,
	.init = ping_init,
};

/* In a single process no node is needed. */
static int main_alone(struct pingpong *const *pingpong)
{
	const struct actor_group_options options = {.mode = ACTOR_JOIN_NONE};
	actor_group *group = NULL;
	int r;

	r = actor_group_new(&group, &options);
	if (r == 0)
		r = actor_group_spawn(group, &ping, pingpong, NULL, NULL);
	if (r == 0)
		r = actor_group_run(group);
	actor_group_free(group);
	if (r < 0)
		fprintf(stderr, "pingpong: %s\n", strerror(-r));
	return r < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"processes", no_argument, NULL, 'p'},
		{"seconds", required_argument, NULL, 's'},
		{"pong", no_argument, NULL, 'P'}, /* the option with which the partner is started */
		{0},
	};
	struct pingpong pingpong = {.seconds = 2}, *arg = &pingpong;
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (c == 'P')
			return actor_main(&pong, NULL, NULL);
		if (c == 'p')
			pingpong.processes = true;
		else if (c == 's')
			pingpong.seconds = atoi(optarg);
		if (c == '?' || pingpong.seconds < 1)
			optind = argc + 1;
	}
	if (optind != argc)
		return fprintf(stderr, "usage: pingpong [--processes] [--seconds N]\n"), 2;
	r = pingpong.processes ? actor_main(&ping, &arg, NULL) : main_alone(&arg);
	return r ? r : pingpong.exit_status;
}

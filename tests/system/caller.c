/* SPDX-License-Identifier: Apache-2.0 */
/*
 * caller NAME [TIMEOUT_MS]: calls `add 1` of a named counter over a direct link, over and over, until TERM.
 * Then it says as JSON how that went: {"calls": N, "failures": N, "last_error": errno, "longest_us": N}. It
 * writes "calling" to stdout when the first call has been answered.
 */
#include <actor/actor.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static atomic_bool over;

static void on_term(int signo)
{
	atomic_store(&over, true);
}

static int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
	long calls = 0, failures = 0;
	int64_t longest_us = 0;
	actor_client *client;
	int r, last_error = 0;
	actor_ref to;

	if (argc != 2 && argc != 3)
		return 2;
	signal(SIGTERM, on_term);
	r = actor_client_new(
		&client, &(struct actor_group_options){.name = "caller", .mode = ACTOR_JOIN_DIRECT});
	if (r == 0)
		r = actor_client_whereis(client, argv[1], &to);
	if (r < 0) {
		fprintf(stderr, "caller: %s: %s\n", argv[1], strerror(-r));
		return 1;
	}
	while (!atomic_load(&over)) {
		int64_t start_us = now_us(), took_us;

		r = actor_client_call(
			client, actor_to(to), "add", argc == 3 ? atoi(argv[2]) : 5000, NULL, "i", 1);
		took_us = now_us() - start_us;
		if (took_us > longest_us)
			longest_us = took_us;
		if (r < 0) {
			failures++;
			last_error = -r;
		}
		if (++calls == 1) {
			puts("calling");
			fflush(stdout);
		}
	}
	printf("{\"calls\": %ld, \"failures\": %ld, \"last_error\": %d, \"longest_us\": %lld}\n", calls,
		failures, last_error, (long long)longest_us);
	actor_client_free(client);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool [--name NAME] [--workers N]: a pool of processes that count primes
 *
 *   actorctl call pool job null '"primes"' '[1, 1000000]'
 *   actorctl call pool job null '"crash"' '[]'      a worker dies of it, twice; then the caller hears how
 *   actorctl call pool job null '"hang"' '[]'       a worker hangs, and is killed
 *   actorctl call pool stats
 *
 * The pool's processes run this same program as workers. A worker is an actor like any other, and knows
 * nothing of the pool.
 */
#include <actor/actor.h>
#include <actor/pool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the worker ---- */

static bool is_prime(int64_t n)
{
	for (int64_t i = 2; i * i <= n; i++)
		if (n % i == 0)
			return false;
	return n > 1;
}

static int worker_primes(actor *self, const actor_msg *msg, actor_from *from)
{
	int64_t first, last, n_primes = 0;

	if (actor_msg_unpack(msg, "II", &first, &last) < 0)
		return actor_reply_error(from, "bad_args", "primes wants two integers");
	for (int64_t n = first; n <= last; n++)
		n_primes += is_prime(n);
	return actor_reply(from, "I", n_primes);
}

static int worker_crash(actor *self, const actor_msg *msg, actor_from *from)
{
	abort();
	return 0;
}

static int worker_hang(actor *self, const actor_msg *msg, actor_from *from)
{
	for (;;)
		;
	return 0;
}

static int worker_pid(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "i", getpid());
}

static const struct actor_method worker_methods[] = {
	{.name = "primes",
		.on_call = worker_primes,
		.args = "first:int last:int",
		.doc = "answers how many there are"},
	{.name = "crash", .on_call = worker_crash, .doc = "aborts"},
	{.name = "hang", .on_call = worker_hang, .doc = "never answers"},
	{.name = "pid", .on_call = worker_pid, .doc = "answers which process it is"},
	{0},
};

static const struct actor_behavior worker = {.name = "worker", .methods = worker_methods};

/* ---- the pool ---- */

static void tell(actor *self, const struct actor_pool_event *event, void *arg)
{
	const char *reason = event->cause ? event->cause->reason : "";

	if (event->kind == ACTOR_POOL_EVENT_WORKER_DOWN)
		printf("worker %u ended: %s\n", event->worker, reason);
	else if (event->kind == ACTOR_POOL_EVENT_STUCK)
		printf("worker %u is stuck in %s\n", event->worker, event->method);
	else if (event->kind == ACTOR_POOL_EVENT_RETRY)
		printf("%s is given again, its worker ended: %s\n", event->method, reason);
	else if (event->kind == ACTOR_POOL_EVENT_END && event->end != ACTOR_POOL_DONE)
		printf("%s was not done, it was begun %u times\n", event->method, event->attempts);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const char *name = "pool";
	char self[4096];
	const char *worker_argv[] = {self, "worker", NULL};
	struct actor_pool_options options = {
		.argv = worker_argv,
		.workers = 2,
		.queue_max = 1000,
		.retries = 1,
		.stuck_ms = 2000,
		.on_event = tell,
	};
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (argc == 2 && !strcmp(argv[1], "worker"))
		return actor_main(&worker, NULL, NULL);
	for (int i = 1; i < argc; i += 2) {
		if (i + 1 < argc && !strcmp(argv[i], "--name"))
			name = argv[i + 1];
		else if (i + 1 < argc && !strcmp(argv[i], "--workers"))
			options.workers = (uint32_t)atoi(argv[i + 1]);
		else
			return fprintf(stderr, "usage: pool [--name NAME] [--workers N]\n"), 2;
	}
	if (n < 0)
		return 1;
	self[n] = '\0';
	options.name = name;
	return actor_pool_main(&options, name);
}

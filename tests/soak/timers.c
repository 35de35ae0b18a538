/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timers [N]: what a timer of an actor costs, with 1,000 of them pending up to 1,000,000, or with N alone.
 * Measured are the CPU time of one actor_send_after, of one cancel (of half of them, in another order than
 * they were made) and of one that fires, with its message, its way through the mailbox and its handler; and
 * the memory of each. They are due at times by chance, ten thousand in a millisecond, so that the sleeps
 * between them are not measured. No figure is asserted, but each timer must come exactly once.
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "actor/actor.h"

#define END_MS 100

static size_t n_timers;
static size_t n_left, n_fired;
static uint64_t *ids;
static int64_t began_ns;
static double insert_ns, cancel_ns, fire_ns, bytes;

static int64_t cpu_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static size_t memory_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static uint64_t chance(void)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static int worker_init(actor *self, const void *arg)
{
	/* Before the first timer is due, there is time to make all and to cancel half of them. */
	int64_t first_ms = 50 + (int64_t)(n_timers / 1000) * 2;
	size_t before = memory_bytes();
	int64_t at_ns = cpu_now_ns();
	size_t n_cancelled = n_timers / 2;

	for (size_t i = 0; i < n_timers; i++)
		if (actor_send_after(self, first_ms + (int64_t)(chance() % (n_timers / 10000 + 1)), "fire",
			    &ids[i], "") < 0)
			return -1;
	insert_ns = (double)(cpu_now_ns() - at_ns) / (double)n_timers;
	bytes = (double)(memory_bytes() - before) / (double)n_timers;
	at_ns = cpu_now_ns();
	/* The factor has no divisor in common with any size, so each timer is met once. */
	for (size_t i = 0; i < n_cancelled; i++)
		if (!actor_timer_cancel(self, ids[i * 7919 % n_timers]))
			return -1;
	cancel_ns = (double)(cpu_now_ns() - at_ns) / (double)n_cancelled;
	n_left = n_fired = n_timers - n_cancelled;
	began_ns = cpu_now_ns();
	return 0;
}

static int worker_fire(actor *self, const actor_msg *msg)
{
	if (--n_left)
		return 0;
	fire_ns = (double)(cpu_now_ns() - began_ns) / (double)n_fired;
	/* A timer that comes twice would come before `end`. */
	return actor_send_after(self, END_MS, "end", NULL, "");
}

static int worker_end(actor *self, const actor_msg *msg)
{
	return actor_stop(self, actor_self(self), NULL);
}

static const struct actor_method methods[] = {
	{.name = "fire", .on_cast = worker_fire}, {.name = "end", .on_cast = worker_end}, {0}};
static const struct actor_behavior worker = {.name = "worker", .methods = methods, .init = worker_init};

static int measure(size_t n)
{
	struct actor_group_options options = {.mode = ACTOR_JOIN_NONE};
	actor_group *group;
	int r;

	n_timers = n;
	ids = calloc(n, sizeof(*ids));
	if (!ids || actor_group_new(&group, &options) < 0)
		return -1;
	r = actor_group_spawn(group, &worker, NULL, NULL, NULL);
	if (r == 0)
		r = actor_group_run(group);
	actor_group_free(group);
	free(ids);
	if (r < 0 || n_left)
		return -1;
	printf("%9zu  %8.0f  %8.0f  %8.0f  %8.0f\n", n, insert_ns, cancel_ns, fire_ns, bytes);
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	size_t only = argc == 2 ? strtoull(argv[1], NULL, 10) : 0;

	printf("   timers   make ns  cancel ns  fire ns  bytes\n");
	for (size_t n = only ? only : 1000; n <= (only ? only : 1000000); n *= 10)
		if (measure(n) < 0)
			return fprintf(stderr, "not each timer came exactly once\n"), 1;
	return 0;
}

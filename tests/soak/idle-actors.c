/* SPDX-License-Identifier: Apache-2.0 */
/*
 * idle-actors [IDLE [PARKED]]: the memory of IDLE actors in one group that wait for messages, and of PARKED
 * actors that wait in calls at the same time. Without arguments 1,000,000 and 100,000. An idle actor may have
 * at most 512 bytes. Each parked actor has a stack, which is at least one mapping and two pages; each call
 * must have its answer.
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "actor/actor.h"

#define IDLE_BYTES_MAX 512

static size_t n_idle = 1000000, n_parked = 100000, n_asked, n_answered;
static actor_from **askers;
static size_t before_bytes, before_resident;

static size_t heap_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static size_t resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	size_t all = 0, resident = 0;

	if (!file || fscanf(file, "%zu %zu", &all, &resident) != 2)
		resident = 0;
	if (file)
		fclose(file);
	return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void fails(const char *what, int r)
{
	fprintf(stderr, "idle-actors: %s: %s\n", what, actor_strerror(r));
	exit(1);
}

static const struct actor_behavior idle = {.name = "idle"};

static void answer_all(void)
{
	for (size_t i = 0; i < n_parked; i++)
		if (actor_reply(askers[i], "") != 0)
			exit(1);
}

/* Keeps all callers waiting, and answers when all wait. */
static int server_ask(actor *self, const actor_msg *msg, actor_from *from)
{
	actor_from *kept = actor_from_keep(from);
	size_t bytes;

	if (!kept)
		fails("a caller", -ENOMEM);
	askers[n_asked++] = kept;
	if (n_asked < n_parked)
		return 0;
	bytes = (resident_bytes() - before_resident) / n_parked;
	printf("%zu parked in calls: %zu bytes of memory each\n", n_parked, bytes);
	answer_all();
	return 0;
}

static int caller_go(actor *self, const actor_msg *msg)
{
	actor_ref server;
	int r;

	if (actor_msg_unpack(msg, "r", &server) < 0)
		return -EPROTO;
	r = actor_call(self, actor_to(server), "ask", ACTOR_FOREVER, NULL, "");
	if (r < 0)
		fails("a call (a stack takes mappings: vm.max_map_count, vm.overcommit_memory)", r);
	if (++n_answered == n_parked)
		actor_group_stop(actor_group_of(self));
	return 0;
}

static const struct actor_method server_methods[] = {{.name = "ask", .on_call = server_ask}, {0}};
static const struct actor_behavior server = {.name = "server", .methods = server_methods};
static const struct actor_method caller_methods[] = {{.name = "go", .on_cast = caller_go}, {0}};
static const struct actor_behavior caller = {.name = "caller", .methods = caller_methods};

static int first_go(actor *self, const actor_msg *msg)
{
	actor_ref to, who;
	size_t bytes;
	int r = 0;

	before_bytes = heap_bytes();
	before_resident = resident_bytes();
	for (size_t i = 0; r == 0 && i < n_idle; i++)
		r = actor_spawn(self, &idle, NULL, &who);
	if (r < 0)
		fails("an idle actor", r);
	bytes = (heap_bytes() - before_bytes) / n_idle;
	printf("%zu idle actors: %zu bytes of the heap each, %zu bytes of memory each\n", n_idle, bytes,
		(resident_bytes() - before_resident) / n_idle);
	if (n_idle >= 1000 && bytes > IDLE_BYTES_MAX)
		exit(1);
	before_resident = resident_bytes();
	r = actor_spawn(self, &server, NULL, &to);
	for (size_t i = 0; r == 0 && i < n_parked; i++) {
		r = actor_spawn(self, &caller, NULL, &who);
		if (r == 0)
			r = actor_cast(self, actor_to(who), "go", "r", to);
	}
	return r;
}

static int first_init(actor *self, const void *arg)
{
	return actor_cast(self, actor_to(actor_self(self)), "go", "");
}

static const struct actor_method first_methods[] = {{.name = "go", .on_cast = first_go}, {0}};
static const struct actor_behavior first = {.name = "first", .methods = first_methods, .init = first_init};

int main(int argc, char **argv)
{
	struct actor_group_options options = {.mode = ACTOR_JOIN_NONE};
	actor_group *group;

	n_idle = argc > 1 ? strtoull(argv[1], NULL, 10) : n_idle;
	n_parked = argc > 2 ? strtoull(argv[2], NULL, 10) : n_parked;
	askers = calloc(n_parked + 1, sizeof(*askers));
	if (!askers || !n_idle || !n_parked || actor_group_new(&group, &options) < 0 ||
		actor_group_spawn(group, &first, NULL, NULL, NULL) < 0 || actor_group_run(group) < 0)
		return 1;
	actor_group_free(group);
	free(askers);
	return n_answered == n_parked ? 0 : 1;
}

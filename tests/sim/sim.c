/* SPDX-License-Identifier: Apache-2.0 */
/* The run: its random numbers, its events, and its end when something is wrong. */
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EVENTS_KEPT 40
#define EVENT_BYTES 200

struct sim sim;
static char kept[EVENTS_KEPT][EVENT_BYTES];
static bool loud;

/* The lock file says that the keeper lives, so the groups expect a broker that is away to come back. */
static void dir_make(void)
{
	char path[96];
	FILE *lock;

	strcpy(sim.dir, "/tmp/actor-sim.XXXXXX");
	if (!mkdtemp(sim.dir))
		sim_fail("no directory in /tmp");
	snprintf(path, sizeof(path), "%s/lock", sim.dir);
	lock = fopen(path, "w");
	if (!lock || fprintf(lock, "%d\n", (int)process_real_pid()) < 0 || fclose(lock) != 0)
		sim_fail("cannot write %s", path);
}

void sim_remove_dir(void)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/lock", sim.dir);
	unlink(path);
	process_real_rmdir(sim.dir);
}

void sim_start(uint64_t seed)
{
	sim.seed = seed;
	sim.random = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
	sim.hash = UINT64_C(0xcbf29ce484222325);
	sim.now_ns = SIM_BEGIN_NS;
	memset(sim.key, 7, sizeof(sim.key));
	loud = getenv("SIM_LOUD") != NULL;
	sim.shows_wire = getenv("SIM_WIRE") != NULL;
	dir_make();
}

uint32_t sim_random(uint32_t n)
{
	sim.random ^= sim.random << 13;
	sim.random ^= sim.random >> 7;
	sim.random ^= sim.random << 17;
	return (uint32_t)((sim.random >> 11) % n);
}

void sim_event(const char *format, ...)
{
	const struct process *process = process_current();
	char *text = kept[sim.n_events++ % EVENTS_KEPT];
	va_list args;
	int n;

	n = snprintf(text, EVENT_BYTES, "%9" PRIu64 " %" PRId64 ".%06" PRId64 " %s: ", sim.step,
		sim.now_ns / SECOND, sim.now_ns / 1000 % 1000000, process ? process->name : "world");
	va_start(args, format);
	vsnprintf(text + n, (size_t)(EVENT_BYTES - n), format, args);
	va_end(args);
	for (const char *c = text; *c; c++)
		sim.hash = (sim.hash ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
	if (loud)
		fprintf(stderr, "%s\n", text);
}

void sim_say(const char *format, ...)
{
	const struct process *process = process_current();
	va_list args;

	fprintf(stderr, "%9" PRIu64 " %" PRId64 ".%06" PRId64 " %s: ", sim.step, sim.now_ns / SECOND,
		sim.now_ns / 1000 % 1000000, process ? process->name : "world");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

_Noreturn void sim_fail(const char *format, ...)
{
	uint64_t first = sim.n_events > EVENTS_KEPT ? sim.n_events - EVENTS_KEPT : 0;
	va_list args;

	fflush(stdout);
	for (uint64_t i = first; !loud && i < sim.n_events; i++)
		fprintf(stderr, "%s\n", kept[i % EVENTS_KEPT]);
	fprintf(stderr, "sim: seed %" PRIu64 ", step %" PRIu64 ": ", sim.seed, sim.step);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	sim_remove_dir();
	if (getenv("SIM_ABORT"))
		abort();
	_exit(1);
}

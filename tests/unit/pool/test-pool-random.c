/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core of a pool against a world of chance, in virtual time. These hold in any order of events: each job
 * that was let in ends once; a job runs at one worker at a time, and no more often than it may; no worker has
 * more than its pipeline; jobs of a key that stays with its worker begin in order; the counts are right; when
 * no more jobs come, all end. usage: test-pool-random [LIVES] [SEED]
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/pool/core.h"

#define MS     INT64_C(1000000)
#define N_JOBS 64
#define N_MAX  8

struct thing {
	struct job job;
	char key[2];
	bool is_in, runs;
	uint32_t retries, begun;
	uint64_t order;
};

struct life {
	struct core core;
	struct thing things[N_JOBS];
	bool up[N_MAX], starting[N_MAX], stop[N_MAX], killed[N_MAX];
	uint32_t n_in, pipeline;
	int64_t now_ns;
	uint64_t seed, order;
	bool over, ordered;
};

static uint64_t seed_of_life, step_of_life;

/* test-pool-memory.c includes this file; its allocations fail by chance. */
#if defined(FAILING_ALLOCATIONS)
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

static uint64_t allocations = 1;
static bool memory_is_short;

static bool fails(void)
{
	allocations = allocations * UINT64_C(6364136223846793005) + 1;
	return memory_is_short && (allocations >> 60) < 4;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}
#else
static bool memory_is_short;
#endif

#define check(condition)                                                                                     \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			printf("not ok - seed %llu, step %llu: %s (line %d)\n",                              \
				(unsigned long long)seed_of_life, (unsigned long long)step_of_life,          \
				#condition, __LINE__);                                                       \
			exit(1);                                                                             \
		}                                                                                            \
	} while (0)

static uint32_t chance(struct life *life, uint32_t n)
{
	life->seed = life->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((life->seed >> 33) % n);
}

static void act(struct life *life)
{
	struct core_action action;
	struct thing *thing;
	uint32_t n;

	while (core_next(&life->core, &action)) {
		thing = action.job ? container_of(action.job, struct thing, job) : NULL;
		n = action.worker ? action.worker->number : 0;
		switch (action.kind) {
		case CORE_START:
			check(!life->up[n] && !life->starting[n]);
			life->starting[n] = true;
			break;
		case CORE_STOP:
			check(life->up[n]);
			life->stop[n] = true;
			break;
		case CORE_KILL:
			check(life->up[n]);
			life->killed[n] = true;
			break;
		case CORE_STUCK:
			check(life->up[n]);
			break;
		case CORE_RUN:
			check(life->up[n] && thing->is_in && !thing->runs);
			check(action.worker->n_running <= life->pipeline);
			check(thing->begun <= thing->retries);
			thing->runs = true;
			for (int i = 0; life->ordered && i < N_JOBS; i++)
				check(!life->things[i].is_in || life->things[i].runs ||
					life->things[i].key[0] != thing->key[0] ||
					life->things[i].job.level != thing->job.level ||
					life->things[i].order > thing->order);
			break;
		case CORE_RETRY:
			check(thing->is_in && !thing->runs);
			break;
		case CORE_END:
			check(thing->is_in);
			check(thing->job.end != ACTOR_POOL_DONE || !thing->runs);
			check(thing->job.end != ACTOR_POOL_CRASHED || thing->begun == thing->retries + 1);
			thing->is_in = thing->runs = false;
			life->n_in--;
			break;
		case CORE_OVER:
			check(!life->over && !life->n_in);
			for (n = 0; n < N_MAX; n++)
				check(!life->up[n] && !life->starting[n]);
			life->over = true;
			break;
		case CORE_NONE:
			break;
		}
	}
	check(life->core.jobs.n_items == life->n_in);
	check(life->core.n_queued + life->core.n_running == life->n_in);
}

/* The job of worker @n that stands behind @skip others, the first one given to it being the first. */
static struct thing *running_at(struct life *life, uint32_t n, uint32_t skip)
{
	struct worker *worker = life->core.workers[n];

	list_for_each(it, &worker->running) {
		struct job *job = container_of(it, struct job, link);

		if (!skip--)
			return container_of(job, struct thing, job);
	}
	return NULL;
}

static void submit(struct life *life)
{
	struct thing *thing = &life->things[chance(life, N_JOBS)];
	int64_t retry_ms;

	if (thing->is_in)
		return;
	*thing = (struct thing){.key = {(char)('a' + chance(life, 6)), '\0'}, .retries = chance(life, 3)};
	thing->job = (struct job){
		.key = thing->key,
		.key_bytes = !life->ordered && chance(life, 4) == 0 ? 0 : 1,
		.level = (uint8_t)(2 + chance(life, 3)),
		.keep = chance(life, 8) == 0,
		.retries = thing->retries,
		.bytes = 1 + chance(life, 100),
		.expires_ns = chance(life, 3) ? NEVER_NS : life->now_ns + chance(life, 300) * MS,
		.limit_ns = chance(life, 3) ? 0 : (1 + chance(life, 200)) * MS,
	};
	thing->order = life->order++;
	thing->is_in = core_submit(&life->core, &thing->job, life->now_ns, &retry_ms) == ACTOR_POOL_DONE;
	life->n_in += thing->is_in;
}

/*
 * Worker @n dies. It may have answered one job before. Its cause and the words about its jobs come in any
 * order.
 */
static void die(struct life *life, uint32_t n)
{
	struct actor_cause cause = {.reason = "signal", .kind = ACTOR_EXIT_SIGNAL, .code = 9};
	bool told = false, culprit = true;
	struct thing *thing;

	life->up[n] = life->stop[n] = life->killed[n] = false;
	if (chance(life, 2) && (thing = running_at(life, n, 0)) && thing->runs) {
		thing->runs = false;
		core_done(&life->core, &thing->job, life->now_ns);
	}
	while ((thing = running_at(life, n, 0)) || !told) {
		struct list *it = life->core.workers[n]->running.next;

		if (!told && (!thing || chance(life, 2))) {
			told = true;
			core_worker_down(&life->core, n, &cause, life->now_ns);
			if (life->core.workers[n]->state == WORKER_WAITING ||
				life->core.workers[n]->state == WORKER_STARTING)
				break;
			continue;
		}
		for (; it != &life->core.workers[n]->running; it = it->next) {
			struct job *job = container_of(it, struct job, link);

			thing = container_of(job, struct thing, job);
			if (!job->broken)
				break;
		}
		if (it == &life->core.workers[n]->running) {
			if (!told)
				core_worker_down(&life->core, n, &cause, life->now_ns);
			break;
		}
		thing->runs = false;
		thing->begun += culprit; /* only the first job had begun */
		culprit = false;
		core_broken(&life->core, &thing->job, false, life->now_ns);
	}
}

static void resize(struct life *life, uint32_t size)
{
	int r = core_resize(&life->core, size, life->now_ns);

	check(r == 0 || (memory_is_short && r == -ENOMEM));
}

static void step(struct life *life)
{
	uint32_t n = chance(life, N_MAX);
	struct actor_cause cause = {.reason = "exec"};
	struct thing *thing;

	switch (chance(life, 16)) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4:
		submit(life);
		break;
	case 5:
	case 6:
	case 7:
	case 8:
		if (n < life->core.n_workers && life->up[n] && (thing = running_at(life, n, 0)) &&
			thing->runs) {
			thing->runs = false;
			if (chance(life, 8) == 0) { /* the pool had no memory to send it */
				if (!life->ordered || life->core.workers[n]->n_running == 1) {
					core_unsent(&life->core, &thing->job, life->now_ns);
					break;
				}
			}
			core_done(&life->core, &thing->job, life->now_ns);
		}
		break;
	case 9:
	case 10:
	case 11:
		if (life->starting[n]) {
			life->starting[n] = false;
			if (chance(life, 4)) {
				life->up[n] = true;
				core_worker_up(&life->core, n, life->now_ns);
			} else {
				core_worker_down(&life->core, n, &cause, life->now_ns);
			}
		}
		break;
	case 12:
		if (life->up[n] && (life->stop[n] || life->killed[n] || chance(life, 4) == 0))
			die(life, n);
		break;
	case 13:
	case 14:
		life->now_ns += chance(life, 100) * MS;
		core_time(&life->core, life->now_ns);
		break;
	default:
		if (!life->ordered && chance(life, 4) == 0)
			resize(life, chance(life, N_MAX + 1));
		break;
	}
	act(life);
}

static void live(uint64_t seed)
{
	struct life life = {.seed = seed, .now_ns = 1000 * MS};
	struct core_settings settings;

	seed_of_life = seed;
	(void)chance(&life, 2);
	life.pipeline = 1 + chance(&life, 3);
	settings = (struct core_settings){
		.router = (enum actor_pool_router)chance(&life, ACTOR_POOL_CUSTOM),
		.pipeline = life.pipeline,
		.queue_max = 4 + chance(&life, 40),
		.queue_max_bytes = 100 + chance(&life, 2000),
		.shed = (enum actor_pool_shed)chance(&life, 2),
		.rate_per_s = chance(&life, 3) ? 0 : 100,
		.rate_burst = 5,
		.spare_stuck = chance(&life, 4) == 0,
		.backoff = {.min_ms = 10, .max_ms = 100, .factor = 2, .jitter_pct = 20},
	};
#if defined(FAILING_ALLOCATIONS)
	memory_is_short = true;
	allocations = seed * 2 + 1;
#endif
	/*
	 * Without memory to note the worker of a key, the core computes it from the size, so it moves with
	 * the size.
	 */
	life.ordered = settings.router == ACTOR_POOL_KEY && !memory_is_short;
	check(core_init(&life.core, &settings, seed, life.now_ns) == 0);
	while (!life.core.size)
		resize(&life, 1 + chance(&life, N_MAX));
	act(&life);
	for (step_of_life = 0; step_of_life < 400; step_of_life++)
		step(&life);
	if (chance(&life, 2) && life.core.size) {
		core_drain(&life.core, life.now_ns);
	} else {
		core_stop(&life.core, life.now_ns);
		for (int i = 0; i < N_JOBS; i++)
			life.things[i].runs = false;
	}
	act(&life);
	for (; !life.over; step_of_life++) {
		check(step_of_life < 1000000);
		step(&life);
	}
	core_deinit(&life.core);
}

int main(int argc, char **argv)
{
	uint64_t lives = argc > 1 ? strtoull(argv[1], NULL, 10) : 3000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;

	printf("1..1\n");
	for (uint64_t i = 0; i < lives; i++)
		live(seed + i);
	printf("ok 1 - each_job_ends_once_in_%llu_lives\n", (unsigned long long)lives);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool of processes under load, for pool-jobs.py.
 *   pool-jobs pool NAME WORKERS PIPELINE RETRIES STUCK_MS LOG    the pool; its workers are this program
 *   pool-jobs worker LOG                                         does jobs, and notes each in LOG ("-": not)
 *   pool-jobs call NAME JOBS CALLERS SPIN_US OUTCOMES            has jobs done, and writes how each ended
 * A job is a number; its result is three times this number and one. OUTCOMES gets a byte for each job: `.`
 * for the right result, `!` for a wrong one, the first letter of a named error, or `?` for another failure.
 */
#include <actor/actor.h>
#include <actor/pool.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* ---- worker ---- */

static int log_fd = -1;

static int worker_work(actor *self, const actor_msg *msg, actor_from *from)
{
	int64_t until_us;
	uint64_t id;
	int spin_us;

	if (actor_msg_unpack(msg, "Ui", &id, &spin_us) < 0)
		return actor_reply_error(from, "bad_args", "work wants a number and microseconds");
	for (until_us = now_us() + spin_us; spin_us && now_us() < until_us;)
		;
	/* A write of eight bytes to the end of a file is there as a whole or not at all. */
	if (log_fd >= 0 && write(log_fd, &id, sizeof(id)) != (ssize_t)sizeof(id))
		return -EIO;
	return actor_reply(from, "U", id * 3 + 1);
}

static const struct actor_method worker_methods[] = {{.name = "work", .on_call = worker_work}, {0}};
static const struct actor_behavior worker = {.name = "worker", .methods = worker_methods};

static int worker_main(const char *log)
{
	if (strcmp(log, "-") != 0) {
		log_fd = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
		if (log_fd < 0)
			return 1;
	}
	return actor_main(&worker, NULL, NULL);
}

static int pool_main(char **argv)
{
	const char *worker_argv[] = {"/proc/self/exe", "worker", argv[5], NULL};
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return 1;
	self[n] = '\0';
	worker_argv[0] = self;
	return actor_pool_main(
		&(struct actor_pool_options){
			.name = argv[0],
			.workers = (uint32_t)atoi(argv[1]),
			.argv = worker_argv,
			.pipeline = (uint32_t)atoi(argv[2]),
			.retries = (uint32_t)atoi(argv[3]),
			.stuck_ms = atoi(argv[4]),
		},
		argv[0]);
}

/* ---- callers ---- */

static struct {
	const char *pool;
	uint64_t n_jobs, next;
	int spin_us;
	char *outcomes;
	uint64_t n_callers;
} run;

static char outcome_of(int r, const actor_msg *reply, uint64_t id)
{
	uint64_t result;

	if (r == 0)
		return actor_msg_unpack(reply, "U", &result) == 0 && result == id * 3 + 1 ? '.' : '!';
	return r == -EREMOTEIO ? actor_msg_error(reply)[0] : '?';
}

static int caller_go(actor *self, const actor_msg *msg)
{
	const struct actor_pool_job job = {.method = "work"};
	actor_msg *reply;
	uint64_t id;
	int64_t ms;
	int r;

	while (run.next < run.n_jobs) {
		id = run.next++;
		for (;;) {
			r = actor_pool_call(self, actor_named(run.pool), &job, ACTOR_FOREVER, &reply, "Ui",
				id, run.spin_us);
			ms = actor_pool_retry_ms(reply);
			if (ms < 0)
				break;
			actor_msg_free(reply);
			(void)actor_sleep(self, ms);
		}
		run.outcomes[id] = outcome_of(r, reply, id);
		if (run.outcomes[id] == '?')
			fprintf(stderr, "job %llu: %s\n", (unsigned long long)id, actor_strerror(r));
		else if (run.outcomes[id] == 's' || run.outcomes[id] == 'c')
			fprintf(stdout, "# %s: %s\n", actor_msg_error(reply), actor_msg_error_text(reply));
		actor_msg_free(reply);
	}
	return actor_stop(self, actor_self(self), NULL);
}

static int caller_init(actor *self, const void *arg)
{
	return actor_cast(self, actor_to(actor_self(self)), "go", "");
}

static const struct actor_method caller_methods[] = {{.name = "go", .on_cast = caller_go}, {0}};
static const struct actor_behavior caller = {
	.name = "caller", .methods = caller_methods, .init = caller_init};

static int call_main(char **argv)
{
	actor_group *group;
	int64_t begin_us;
	FILE *out;
	int r;

	run.pool = argv[0];
	run.n_jobs = strtoull(argv[1], NULL, 10);
	run.n_callers = strtoull(argv[2], NULL, 10);
	run.spin_us = atoi(argv[3]);
	run.outcomes = calloc(run.n_jobs + 1, 1);
	r = run.outcomes ? actor_group_new(&group, NULL) : -ENOMEM;
	if (r < 0)
		return fprintf(stderr, "no node: %s\n", actor_strerror(r)), 1;
	begin_us = now_us();
	for (uint64_t i = 0; i < run.n_callers; i++)
		if (actor_group_spawn(group, &caller, NULL, NULL, NULL) < 0)
			return 1;
	r = actor_group_run(group);
	printf("%.6f\n", (double)(now_us() - begin_us) / 1e6);
	actor_group_free(group);
	out = fopen(argv[4], "w");
	if (!out || fwrite(run.outcomes, 1, run.n_jobs, out) != run.n_jobs || fclose(out) != 0)
		return 1;
	free(run.outcomes);
	return r < 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "worker"))
		return worker_main(argv[2]);
	if (argc == 8 && !strcmp(argv[1], "pool"))
		return pool_main(argv + 2);
	if (argc == 7 && !strcmp(argv[1], "call"))
		return call_main(argv + 2);
	return fprintf(stderr, "usage: pool-jobs pool|worker|call …\n"), 2;
}

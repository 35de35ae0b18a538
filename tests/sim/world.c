/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim STEPS SEED: births, deaths and stops by chance. From time to time there is quiet, in which everything
 * that is under way must come to its end and all must agree.
 *
 * sim again STEPS SEED: runs this twice, each time in a process of its own. Both must end with the same hash.
 *
 * SIM_LOUD=1 writes all events to stderr, SIM_WIRE=1 also what each process takes, frame by frame.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/sim.h"

#define GROUPS_MAX     9
#define QUIET_EVERY    8000 /* steps */
#define SETTLE_NS      (25 * SECOND)
#define AUDIT_NS       (8 * SECOND)
#define FUSE_MAX       12
#define STOP_MAX_MS    2500
#define AWAKE_NS       (4 * SECOND) /* between two stops: a group that is away for 5 s may lose its names */
#define DAEMON_AWAY_MS 300
#define LINE_BYTES     512

static uint64_t last_group = 1;
static int64_t broker_back_ns, supervisor_back_ns;

static bool is_group(const struct process *process)
{
	return process_lives(process) && process->kind != PROCESS_BROKER &&
	       process->kind != PROCESS_SUPERVISOR;
}

static bool is_running(const struct process *process)
{
	return is_group(process) && process->up && !process->ending;
}

/* Kills @process now, or at one of its next operations of the kernel. */
static void kill_some_time(struct process *process)
{
	if (!process)
		return;
	sim.n_kills++;
	if (sim_chance(3))
		process_kill(process);
	else
		process->fuse = 1 + (int)sim_random(FUSE_MAX);
}

static void broker_start(void)
{
	sim.n_brokers++;
	broker_process = process_new(PROCESS_BROKER, ++last_group, broker_main);
}

static void supervisor_start(void)
{
	sim.n_supervisors++;
	supervisor_process = process_new(PROCESS_SUPERVISOR, ++last_group, supervisor_main);
}

static void group_start(void)
{
	static const enum process_kind kinds[] = {PROCESS_SUPERVISED, PROCESS_SUPERVISED, PROCESS_SUPERVISED,
		PROCESS_CLIENT, PROCESS_CLIENT, PROCESS_SINGLE};
	enum process_kind kind = kinds[sim_random(6)];

	if (kind == PROCESS_SUPERVISED && !supervisor_process)
		return;
	process_new(kind, kind == PROCESS_SUPERVISED ? ++last_group : 0, load_main);
}

static void group_end(void)
{
	struct process *process = process_pick(is_running);

	if (!process)
		return;
	process->ending = true;
	truth_process_ends(process, false);
	actor_group_stop(process->actors);
	process->wake_ns = sim.now_ns;
	sim_event("%s is asked to end", process->name);
}

/* Starts a daemon again some time after its death, in the quiet too. */
static void daemons_come_back(void)
{
	if (!broker_process && !broker_back_ns)
		broker_back_ns = sim.now_ns + (int64_t)sim_random(DAEMON_AWAY_MS) * MS;
	if (!supervisor_process && !supervisor_back_ns)
		supervisor_back_ns = sim.now_ns + (int64_t)sim_random(DAEMON_AWAY_MS) * MS;
	if (!broker_process && broker_back_ns <= sim.now_ns) {
		broker_back_ns = 0;
		broker_start();
	}
	if (!supervisor_process && supervisor_back_ns <= sim.now_ns) {
		supervisor_back_ns = 0;
		supervisor_start();
	}
}

/*
 * What may happen in a step, each thing once in so many steps. With some seeds more happens than with others.
 */
static void happen(void)
{
	uint32_t calm = 1 + sim.seed % 4;
	struct process *process;

	if (processes_count(is_group) < GROUPS_MAX && sim_chance(60))
		group_start();
	if (sim_chance(200 * calm))
		kill_some_time(process_pick(is_group));
	if (sim_chance(500 * calm))
		group_end();
	if (sim_chance(900 * calm) && broker_process)
		kill_some_time(broker_process);
	if (sim_chance(1500 * calm) && supervisor_process)
		kill_some_time(supervisor_process);
	if (sim_chance(150 * calm) && (process = process_pick(is_group)) &&
		process->last_stopped_ns + AWAKE_NS < sim.now_ns)
		process_stop(process, (int64_t)sim_random(sim_chance(3) ? STOP_MAX_MS : 100) * MS);
	if (sim_chance(700 * calm) && broker_process &&
		broker_process->last_stopped_ns + AWAKE_NS < sim.now_ns)
		process_stop(broker_process, (int64_t)sim_random(600) * MS);
}

static void run_until(int64_t until_ns)
{
	while (sim.now_ns < until_ns) {
		daemons_come_back();
		processes_step();
	}
}

static void quiet(void)
{
	sim.quiet = true;
	sim_event("it is quiet");
	list_for_each(it, &processes)
		container_of(it, struct process, link)->fuse = 0;
	run_until(sim.now_ns + SETTLE_NS);
	sim.n_quiets++;
	truth_settle();
	sim.audit = true;
	run_until(sim.now_ns + AUDIT_NS);
	sim.audit = false;
	truth_check_quiet();
	truth_forget();
	sim.quiet = false;
	sim_event("it is loud again");
}

static void end(void)
{
	sim.quiet = true;
	list_for_each(it, &processes) {
		struct process *process = container_of(it, struct process, link);

		if (process->kind == PROCESS_BROKER || process->kind == PROCESS_SUPERVISOR || process->dead)
			continue;
		process->ending = true;
		truth_process_ends(process, false);
		if (process->actors)
			actor_group_stop(process->actors);
		process->wake_ns = sim.now_ns;
	}
	run_until(sim.now_ns + SETTLE_NS);
	if (processes_count(is_group))
		sim_fail("%u groups do not end", processes_count(is_group));
	truth_check_emptied();
	process_kill(supervisor_process);
	process_kill(broker_process);
	processes_clean();
	supervisor_forget();
	truth_forget();
}

static void run(uint64_t steps)
{
	uint64_t next_quiet = QUIET_EVERY;

	broker_start();
	supervisor_start();
	while (sim.step < steps) {
		daemons_come_back();
		happen();
		processes_step();
		if (sim.step >= next_quiet) {
			quiet();
			next_quiet = sim.step + QUIET_EVERY;
		}
	}
	quiet();
	end();
	sim_remove_dir();
	printf("sim: seed %" PRIu64 ", %" PRIu64 " steps, %" PRId64 " s: %" PRIu64 " calls, %" PRIu64
	       " casts, %" PRIu64 " DOWNs, %" PRIu64 " events of process groups, %" PRIu64
	       " messages; %" PRIu64 " kills, %" PRIu64 " brokers, %" PRIu64 " supervisors, %" PRIu64
	       " times quiet; hash %016" PRIx64 "\n",
		sim.seed, sim.step, (sim.now_ns - SIM_BEGIN_NS) / SECOND, sim.n_calls, sim.n_casts,
		sim.n_downs, sim.n_pg_events, sim.n_messages, sim.n_kills, sim.n_brokers, sim.n_supervisors,
		sim.n_quiets, sim.hash);
}

/* Runs `sim STEPS SEED` as a process. @ret: its last line. */
static bool run_apart(const char *steps, const char *seed, char ret[LINE_BYTES])
{
	char program[256] = "", command[512];
	FILE *lines;

	if (readlink("/proc/self/exe", program, sizeof(program) - 1) < 0)
		return false;
	snprintf(command, sizeof(command), "'%s' %s %s", program, steps, seed);
	lines = popen(command, "r");
	if (!lines)
		return false;
	while (fgets(ret, LINE_BYTES, lines))
		;
	return pclose(lines) == 0;
}

static int run_again(const char *steps, const char *seed)
{
	char first[LINE_BYTES] = "", second[LINE_BYTES] = "";

	if (!run_apart(steps, seed, first) || !run_apart(steps, seed, second))
		return 1;
	printf("%s%s", first, second);
	return strcmp(first, second) != 0 || !strstr(first, "hash");
}

int main(int argc, char **argv)
{
	bool again = argc == 4 && !strcmp(argv[1], "again");
	uint64_t steps, seed;

	argv += again;
	steps = argc > 2 ? strtoull(argv[1], NULL, 10) : 0;
	seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
	if (!steps || !seed || argc - again != 3) {
		fprintf(stderr, "usage: sim [again] STEPS SEED\n");
		return 2;
	}
	if (again)
		return run_again(argv[1], argv[2]);
	sim_start(seed);
	run(steps);
	return 0;
}

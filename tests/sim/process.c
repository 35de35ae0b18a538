/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simulated processes. Each is a coroutine that runs a whole program on libactor. It is left where its loop
 * would sleep, because epoll_pwait2() is replaced here, as is the clock.
 *
 * A process that dies becomes a ghost. What a ghost does reaches nobody. It has a time of its own, which
 * passes as fast as it likes, so that it can free what it has. The story of its actors is over.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "tests/sim/sim.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

#define STACK_BYTES  (512u << 10)
#define TURN_MAX_US  60
#define IDLE_NS      (10 * MS)
#define GHOST_WAITS  100000 /* a ghost that waits more often than this will never end */
#define GHOST_NEVERS 100    /* a ghost that waits without a deadline more often than this will never end */

struct list processes = {&processes, &processes};
static struct process *current;
static pid_t last_pid = 1000;
static ucontext_t scheduler;

struct process *process_current(void)
{
	return current;
}

bool process_is_dead(void)
{
	return current && current->dead;
}

/* ---- what the programs call ---- */

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_epoll_pwait2(
	int fd, struct epoll_event *events, int n, const struct timespec *timeout, const sigset_t *mask);
pid_t __wrap_getpid(void);
ssize_t __wrap_getrandom(void *data, size_t size_bytes, unsigned flags);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_rmdir(const char *path);
pid_t __real_getpid(void);
int __real_rmdir(const char *path);

static int64_t *current_time(void)
{
	return process_is_dead() ? &current->ghost_ns : &sim.now_ns;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
	int64_t *now_ns = current_time();

	(void)clock;
	/* A program that looks at the clock again and again must see that time passes. */
	*now_ns += 200;
	ret->tv_sec = *now_ns / SECOND;
	ret->tv_nsec = *now_ns % SECOND;
	return 0;
}

int __wrap_epoll_pwait2(
	int fd, struct epoll_event *events, int n, const struct timespec *timeout, const sigset_t *mask)
{
	(void)fd, (void)events, (void)n, (void)mask;
	if (!timeout)
		process_wait(SIM_NEVER);
	else if (timeout->tv_sec || timeout->tv_nsec)
		process_wait(*current_time() + timeout->tv_sec * SECOND + timeout->tv_nsec);
	else if (!process_is_dead())
		process_wait(sim.now_ns);
	return 0;
}

pid_t process_real_pid(void)
{
	return __real_getpid();
}

int process_real_rmdir(const char *path)
{
	return __real_rmdir(path);
}

pid_t __wrap_getpid(void)
{
	return current ? current->pid : 1;
}

/*
 * Random bytes are for the keys of hash tables. They are constant, so that each run has the same order of
 * buckets.
 */
ssize_t __wrap_getrandom(void *data, size_t size_bytes, unsigned flags)
{
	(void)flags;
	memset(data, 0x5a, size_bytes);
	return (ssize_t)size_bytes;
}

/* Sockets are in memory, so they need no directories. */
int __wrap_mkdir(const char *path, mode_t mode)
{
	(void)path, (void)mode;
	return 0;
}

int __wrap_rmdir(const char *path)
{
	(void)path;
	return 0;
}

/* ---- switching ---- */

static void switch_to(struct process *process)
{
#if defined(__SANITIZE_ADDRESS__)
	void *fake_stack;

	__sanitizer_start_switch_fiber(&fake_stack, process->stack_bottom, process->stack_bytes);
#endif
	current = process;
	swapcontext(&scheduler, &process->context);
	current = NULL;
#if defined(__SANITIZE_ADDRESS__)
	/* The process may have been left on another stack: one of libactor's. */
	__sanitizer_finish_switch_fiber(fake_stack, &process->stack_bottom, &process->stack_bytes);
#endif
}

#if defined(__SANITIZE_ADDRESS__)
static const void *scheduler_bottom;
static size_t scheduler_bytes;
#endif

static void switch_back(struct process *process, bool for_good)
{
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_start_switch_fiber(
		for_good ? NULL : &process->fake_stack, scheduler_bottom, scheduler_bytes);
#endif
	swapcontext(&process->context, &scheduler);
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_finish_switch_fiber(process->fake_stack, &scheduler_bottom, &scheduler_bytes);
#endif
}

static void process_entry(void)
{
	struct process *self = current;

#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_finish_switch_fiber(NULL, &scheduler_bottom, &scheduler_bytes);
#endif
	self->main(self);
	self->over = true;
	/* Nothing is left to lose: the process has ended in order, or was dead before. */
	process_kill(self);
	switch_back(self, true);
}

struct process *process_new(enum process_kind kind, uint64_t group, void (*main)(struct process *process))
{
	static const char *const kinds[] = {"broker", "supervisor", "group", "client", "single"};
	struct process *process = calloc(1, sizeof(*process));

	process->kind = kind;
	process->group = group;
	process->pid = ++last_pid;
	snprintf(process->name, sizeof(process->name), "%s-%d", kinds[kind], process->pid);
	process->main = main;
	process->born_ns = sim.now_ns;
	process->last_stopped_ns = 0;
	process->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (process->stack == MAP_FAILED)
		sim_fail("no memory for a stack");
	process->stack_bottom = process->stack;
	process->stack_bytes = STACK_BYTES;
	getcontext(&process->context);
	process->context.uc_stack.ss_sp = process->stack;
	process->context.uc_stack.ss_size = STACK_BYTES;
	makecontext(&process->context, process_entry, 0);
	list_append(&processes, &process->link);
	sim_event("%s is born, as group %llx", process->name, (unsigned long long)group);
	return process;
}

/* ---- waiting ---- */

/* A ghost's wait is over at once: the time for which it would sleep has passed. */
static void ghost_wait(int64_t until_ns)
{
	if (++current->ghost_waits > GHOST_WAITS ||
		(until_ns >= SIM_NEVER && current->ghost_waits > GHOST_NEVERS))
		sim_fail("%s was killed, and what it leaves cannot be freed", current->name);
	if (current->actors)
		actor_group_stop(current->actors);
	if (until_ns < SIM_NEVER && until_ns > current->ghost_ns)
		current->ghost_ns = until_ns;
}

void process_wait(int64_t until_ns)
{
	if (!current->dead) {
		current->wake_ns = until_ns;
		switch_back(current, false);
	}
	if (current->dead)
		ghost_wait(until_ns);
}

/* ---- death and stops ---- */

void process_kill(struct process *process)
{
	if (process->dead)
		return;
	process->dead = true;
	process->died_ns = process->ghost_ns = sim.now_ns;
	process->fuse = 0;
	sim_event("%s %s", process->name, process->over ? "has ended" : "is killed");
	truth_process_ends(process, !process->over);
	net_process_died(process);
	supervisor_exit_seen(process);
	if (process == broker_process) {
		broker_process = NULL;
		broker_epoch++;
		broker_died_ns = sim.now_ns;
	}
	if (process == supervisor_process)
		supervisor_process = NULL;
}

bool process_may(void)
{
	if (!current)
		return true;
	if (current->fuse && --current->fuse == 0)
		process_kill(current);
	return !current->dead;
}

void process_stop(struct process *process, int64_t for_ns)
{
	process->stopped_until_ns = process->last_stopped_ns = sim.now_ns + for_ns;
	sim_event("%s is stopped for %lld ms", process->name, (long long)(for_ns / MS));
}

void processes_clean(void)
{
	list_for_each_safe(it, &processes) {
		struct process *process = container_of(it, struct process, link);

		if (process->dead && !process->over) {
			switch_to(process); /* runs to its end, as no wait holds it */
			if (!process->over)
				sim_fail("%s was killed and waits on", process->name);
		}
		if (!process->over)
			continue;
		list_remove(&process->link);
		munmap(process->stack, STACK_BYTES);
		free(process);
	}
}

/* ---- whose turn it is ---- */

static int64_t process_due_ns(const struct process *process)
{
	int64_t due_ns = net_due_ns(process);

	due_ns = process->wake_ns < due_ns ? process->wake_ns : due_ns;
	return process->stopped_until_ns > due_ns ? process->stopped_until_ns : due_ns;
}

void processes_step(void)
{
	int64_t first_ns = SIM_NEVER;
	struct process *next = NULL;
	uint32_t n = 0;

	sim.step++;
	list_for_each(it, &processes) {
		struct process *process = container_of(it, struct process, link);
		int64_t due_ns = process_due_ns(process);

		if (due_ns < first_ns)
			first_ns = due_ns;
		if (due_ns <= sim.now_ns && sim_chance(++n))
			next = process;
	}
	if (!next) {
		/* No process has anything to do; one will be born. */
		sim.now_ns =
			(first_ns >= SIM_NEVER ? sim.now_ns + IDLE_NS : first_ns) + sim_random(20) * 1000;
		return;
	}
	sim.now_ns += sim_random(TURN_MAX_US) * 1000;
	switch_to(next);
	processes_clean();
}

unsigned processes_count(bool (*is)(const struct process *process))
{
	unsigned n = 0;

	list_for_each(it, &processes)
		n += is(container_of(it, struct process, link));
	return n;
}

struct process *process_pick(bool (*is)(const struct process *process))
{
	struct process *picked = NULL;
	uint32_t n = 0;

	list_for_each(it, &processes) {
		struct process *process = container_of(it, struct process, link);

		if (is(process) && sim_chance(++n))
			picked = process;
	}
	return picked;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of one run: starts them, counts their CPU time, and ends them with the run. */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "internal.h"

extern char **environ;

static pid_t pids[BENCH_PEERS_MAX * 2 + 8];
static unsigned n_pids;
static pid_t daemon_pid;

int bench_shm_fd = -1;

void bench_die(const char *format, ...)
{
	va_list ap;

	fprintf(stderr, "bench: ");
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	bench_kill_all();
	exit(1);
}

static void pid_add(pid_t pid)
{
	if (n_pids == sizeof(pids) / sizeof(pids[0]))
		bench_die("more than %u processes", n_pids);
	pids[n_pids++] = pid;
}

/* `keep_fd` becomes fd 3 of the new process. -1: there is none. */
static pid_t start(const char *path, char *const argv[], int keep_fd)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int r;

	posix_spawn_file_actions_init(&actions);
	if (keep_fd >= 0)
		posix_spawn_file_actions_adddup2(&actions, keep_fd, 3);
	r = posix_spawnp(&pid, path, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (r)
		bench_die("cannot start %s: %s", path, strerror(r));
	pid_add(pid);
	return pid;
}

pid_t bench_role_start(const struct bench_env *env, const char *role, unsigned index)
{
	char size[24], index_text[16], senders[16], receivers[16], warm[24], window[24], parent[16];

	snprintf(size, sizeof(size), "%zu", env->size_bytes);
	snprintf(index_text, sizeof(index_text), "%u", index);
	snprintf(senders, sizeof(senders), "%u", env->n_senders);
	snprintf(receivers, sizeof(receivers), "%u", env->n_receivers);
	snprintf(warm, sizeof(warm), "%llu", (unsigned long long)env->warm_ns);
	snprintf(window, sizeof(window), "%llu", (unsigned long long)env->window_ns);
	snprintf(parent, sizeof(parent), "%d", (int)getpid());
	char *argv[] = {"bench", (char *)env->workload, "--variant", (char *)env->variant, "--dir",
		(char *)env->dir, "--size", size, "--role", (char *)role, "--index", index_text, "--senders",
		senders, "--receivers", receivers, "--warm-ns", warm, "--window-ns", window, "--parent",
		parent, NULL};
	return start("/proc/self/exe", argv, bench_shm_fd);
}

/*
 * Makes the kernel kill this role when its parent is gone. So no process outlives a run, even if the run is
 * interrupted.
 */
void bench_role_bind(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
}

pid_t bench_daemon_exec(char *const argv[], int keep_fd)
{
	daemon_pid = start(argv[0], argv, keep_fd);
	return daemon_pid;
}

void bench_kill(pid_t pid)
{
	for (unsigned i = 0; i < n_pids; i++) {
		if (pids[i] == pid) {
			pids[i] = pids[--n_pids];
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
			return;
		}
	}
}

/*
 * Ends the daemon. It gets time to end by itself: whatever a killed daemon leaves behind would disturb the
 * next system's run.
 */
static void daemon_end(void)
{
	uint64_t deadline_ns = bench_now_ns() + 3000000000u;
	siginfo_t info = {0};

	if (!daemon_pid)
		return;
	kill(daemon_pid, SIGTERM);
	while (bench_now_ns() < deadline_ns &&
		!waitid(P_PID, (id_t)daemon_pid, &info, WEXITED | WNOHANG | WNOWAIT) && !info.si_pid)
		usleep(1000);
	bench_kill(daemon_pid);
	daemon_pid = 0;
}

void bench_kill_all(void)
{
	daemon_end();
	while (n_pids)
		bench_kill(pids[n_pids - 1]);
}

/* Ends the run if a role has ended by itself. That role has said why. */
void bench_check_roles(void)
{
	siginfo_t info = {0};

	if (!waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid)
		bench_die("process %d of this run has ended (status %d)", (int)info.si_pid, info.si_status);
}

/* CPU time of a process and of its children, since a daemon may have children. */
static uint64_t cpu_family_ns(pid_t pid)
{
	uint64_t sum = bench_cpu_ns(pid);
	char path[64];
	int child;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	f = fopen(path, "re");
	while (f && fscanf(f, "%d", &child) == 1)
		sum += bench_cpu_ns(child);
	if (f)
		fclose(f);
	return sum;
}

uint64_t bench_cpu_all_ns(void)
{
	uint64_t sum = bench_cpu_ns(getpid());

	for (unsigned i = 0; i < n_pids; i++)
		sum += cpu_family_ns(pids[i]);
	return sum;
}

int bench_wait_ready(const struct bench_env *env, uint32_t n, uint64_t timeout_ms)
{
	uint64_t deadline_ns = bench_now_ns() + timeout_ms * 1000000u;

	while (atomic_load(&env->shm->ready) < n) {
		if (bench_now_ns() > deadline_ns)
			return -ETIMEDOUT;
		bench_check_roles();
		usleep(20);
	}
	return 0;
}

pid_t bench_serve_start(const struct bench_env *env)
{
	uint32_t ready = atomic_load(&env->shm->ready);
	pid_t pid = bench_role_start(env, "serve", 0);

	if (bench_wait_ready(env, ready + 1, BENCH_BOOT_TIMEOUT_MS))
		bench_die("%s: the server did not come up", env->workload);
	return pid;
}

void bench_ready(const struct bench_env *env)
{
	atomic_fetch_add(&env->shm->ready, 1);
}

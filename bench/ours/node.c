/* SPDX-License-Identifier: Apache-2.0 */
/* A private node, the director that works in it, and the processes that the director has the node start. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../driver/internal.h"
#include "ours.h"

#define SAMPLES_MAX (1u << 20)

#ifndef OURS_SPAWNER
#error "OURS_SPAWNER: the actor-spawner to run"
#endif

const struct actor_method ours_no_methods[] = {{0}};

void ours_check(int r, const char *what)
{
	if (r < 0)
		bench_die("actor: %s: %s", what, strerror(-r));
}

static void runtime_dir(const struct bench_env *env, char *ret_path, size_t size_bytes)
{
	bench_path(env, ret_path, size_bytes, "r");
}

int ours_daemon_start(const struct bench_env *env)
{
	char dir[256], logs[256];
	char *argv[] = {OURS_SPAWNER, "--runtime-dir", dir, "--log-dir", logs, "--ready-fd", "3", NULL};
	int ready[2];
	char line;

	if (!strncmp(env->workload, "local", 5) || !strncmp(env->workload, "suite", 5) ||
		!strcmp(env->workload, "mem_actor"))
		return 0;
	runtime_dir(env, dir, sizeof(dir));
	bench_path(env, logs, sizeof(logs), "logs");
	if (pipe(ready))
		return -errno;
	bench_daemon_exec(argv, ready[1]);
	close(ready[1]);
	if (read(ready[0], &line, 1) != 1 || line != '\n')
		return -ECHILD;
	close(ready[0]);
	return 0;
}

static void log_line(const char *line, void *arg)
{
	fprintf(stderr, "%s\n", line);
}

static int director_go(actor *self, const actor_msg *msg)
{
	struct director **director = actor_state(self);

	(*director)->result = (*director)->body(self, *director);
	if (!(*director)->again)
		actor_group_stop(actor_group_of(self));
	return 0;
}

static int director_init(actor *self, const void *arg)
{
	struct director **director = actor_state(self);

	memcpy(director, arg, sizeof(*director));
	return actor_cast(self, actor_to(actor_self(self)), "go", "");
}

static int director_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	struct director **director = actor_state(self);

	if ((*director)->on_down)
		(*director)->result = (*director)->on_down(self, *director, who);
	if (!(*director)->again)
		actor_group_stop(actor_group_of(self));
	return 0;
}

int ours_direct(const struct bench_env *env, struct director *director, enum actor_join_mode mode)
{
	static const struct actor_method methods[] = {{.name = "go", .on_cast = director_go}, {0}};
	static const struct actor_behavior behavior = {
		.name = "director",
		.state_size = sizeof(struct director *),
		.methods = methods,
		.init = director_init,
		.on_down = director_down,
	};
	struct actor_group_options options = {.name = "bench", .mode = mode, .log = log_line};
	actor_group *group;
	char dir[256];

	runtime_dir(env, dir, sizeof(dir));
	options.runtime_dir = dir;
	director->env = env;
	ours_check(actor_group_new(&group, &options), "group");
	ours_check(actor_group_spawn(group, &behavior, &director, NULL, NULL), "director");
	ours_check(actor_group_run(group), "run");
	actor_group_free(group);
	return director->result;
}

int ours_latency(const struct bench_env *env, int (*body)(actor *self, struct director *director),
	enum actor_join_mode mode)
{
	struct director d = {.body = body, .end_ns = bench_now_ns() + env->window_ns};

	bench_samples_init(&d.samples, SAMPLES_MAX);
	ours_direct(env, &d, mode);
	bench_report_latency(env, &d.samples, d.sent, d.sent);
	bench_samples_deinit(&d.samples);
	return 0;
}

void ours_process_start(actor *self, const struct bench_env *env, const char *role, unsigned index,
	const char *name, enum actor_restart restart, struct actor_process *ret)
{
	char exe[4096], shm[64], size[24], index_text[16], senders[16], receivers[16], warm[24], window[24];
	const char *argv[] = {exe, "--role", role, "--shm", shm, "--size", size, "--index", index_text,
		"--senders", senders, "--receivers", receivers, "--warm-ns", warm, "--window-ns", window,
		NULL};
	struct actor_process_spec spec = {
		.name = name,
		.argv = argv,
		.restart = restart,
		.backoff_min_ms = -1,
		.wait_ready = true,
		.timeout_ms = 20000,
	};
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	int r;

	if (n < 0)
		bench_die("/proc/self/exe: %s", strerror(errno));
	exe[n] = '\0';
	snprintf(shm, sizeof(shm), "/proc/%d/fd/%d", (int)getpid(), bench_shm_fd);
	snprintf(size, sizeof(size), "%zu", env->size_bytes);
	snprintf(index_text, sizeof(index_text), "%u", index);
	snprintf(senders, sizeof(senders), "%u", env->n_senders);
	snprintf(receivers, sizeof(receivers), "%u", env->n_receivers);
	snprintf(warm, sizeof(warm), "%" PRIu64, env->warm_ns);
	snprintf(window, sizeof(window), "%" PRIu64, env->window_ns);
	r = actor_process_start(self, &spec, ret);
	if (r < 0)
		bench_die("cannot start a process (%s): %s", role, ret->error);
}

int main(int argc, char **argv)
{
	static const struct bench_extra extras[] = {
		{"call_hot", ours_call},
		{"call_idle", ours_call},
		{"oneway", ours_flow},
		{"fanin", ours_flow},
		{"fanout", ours_flow},
		{"death", ours_death},
		{"restart", ours_restart},
		{"mem_process", ours_mem_process},
		{"local_call", ours_local_call},
		{"local_oneway", ours_local_oneway},
		{"local_spawn", ours_local_spawn},
		{"suite_create", ours_suite},
		{"suite_self", ours_suite},
		{"suite_small", ours_suite},
		{"suite_large", ours_suite},
		{"suite_spawn_stop", ours_suite},
		{"mem_actor", ours_mem_actor},
		{"name_lookup", ours_name_lookup},
		{"name_register", ours_name_register},
		{"group_join", ours_group_join},
		{"group_cast", ours_group_cast},
		{0},
	};
	static const struct bench_ops ops = {
		.name = "actor", .daemon_start = ours_daemon_start, .extras = extras};

	if (argc > 1 && !strcmp(argv[1], "--role"))
		return ours_role_main(argc, argv);
	return bench_main(argc, argv, &ops);
}

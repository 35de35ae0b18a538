/* SPDX-License-Identifier: Apache-2.0 */
/* PROG WORKLOAD [--variant V] [--size N[,N…]] [--seconds S] [--peers N] [--dir DIR] */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "internal.h"

void bench_path(const struct bench_env *env, char *ret_path, size_t size_bytes, const char *format, ...)
{
	int n = snprintf(ret_path, size_bytes, "%s/", env->dir);
	va_list ap;

	if (n < 0 || (size_t)n >= size_bytes)
		bench_die("%s: path too long", env->dir);
	va_start(ap, format);
	vsnprintf(ret_path + n, size_bytes - (size_t)n, format, ap);
	va_end(ap);
}

static struct bench_shm *shm_map(int fd)
{
	struct bench_shm *shm = mmap(NULL, sizeof(*shm), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (shm == MAP_FAILED)
		bench_die("mmap: %s", strerror(errno));
	return shm;
}

static int role_main(
	struct bench_env *env, const struct bench_ops *ops, const char *role, unsigned index, pid_t parent)
{
	bench_role_bind(parent);
	env->shm = shm_map(3);
	close(3);
	if (!strcmp(role, "serve"))
		ops->serve(env);
	else if (!strcmp(role, "receive"))
		bench_flow_receive(env, ops, index);
	else if (!strcmp(role, "send"))
		bench_flow_send(env, ops, index);
	return 0;
}

static int sizes_run(struct bench_env *env, const struct bench_ops *ops, char *sizes)
{
	char *save = NULL;
	int r = 0;

	for (char *s = strtok_r(sizes, ",", &save); s && !r; s = strtok_r(NULL, ",", &save)) {
		char *end, sub[3800];
		struct bench_env e = *env;

		e.size_bytes = strtoull(s, &end, 10);
		if (*end || e.size_bytes < BENCH_SIZE_MIN || e.size_bytes > BENCH_SIZE_MAX)
			bench_die("size '%s': %u to %u bytes", s, BENCH_SIZE_MIN, BENCH_SIZE_MAX);
		snprintf(sub, sizeof(sub), "%s/XXXXXX", env->dir);
		if (!mkdtemp(sub))
			bench_die("mkdtemp %s: %s", sub, strerror(errno));
		e.dir = sub;
		memset(e.shm, 0, sizeof(*e.shm));
		r = bench_run(&e, ops);
		bench_kill_all();
	}
	return r;
}

int bench_main(int argc, char **argv, const struct bench_ops *ops)
{
	static const struct option options[] = {
		{"variant", required_argument, NULL, 'v'},
		{"size", required_argument, NULL, 's'},
		{"seconds", required_argument, NULL, 't'},
		{"peers", required_argument, NULL, 'p'},
		{"dir", required_argument, NULL, 'd'},
		{"role", required_argument, NULL, 'r'},
		{"index", required_argument, NULL, 'i'},
		{"senders", required_argument, NULL, 'S'},
		{"receivers", required_argument, NULL, 'R'},
		{"warm-ns", required_argument, NULL, 'w'},
		{"window-ns", required_argument, NULL, 'W'},
		{"parent", required_argument, NULL, 'P'},
		{0},
	};
	struct bench_env env = {.variant = "", .dir = ".", .out_dir = ".", .n_senders = 1, .n_receivers = 1};
	const char *role = NULL;
	char *sizes = NULL, fallback[] = "64";
	double seconds = 1;
	unsigned index = 0;
	pid_t parent = 0;
	int o, r;

	signal(SIGPIPE, SIG_IGN);
	while ((o = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (o) {
		case 'v':
			env.variant = optarg;
			break;
		case 's':
			sizes = optarg;
			break;
		case 't':
			seconds = strtod(optarg, NULL);
			break;
		case 'p':
			env.n_senders = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'd':
			env.dir = env.out_dir = optarg;
			break;
		case 'r':
			role = optarg;
			break;
		case 'i':
			index = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'S':
			env.n_senders = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'R':
			env.n_receivers = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'w':
			env.warm_ns = strtoull(optarg, NULL, 10);
			break;
		case 'W':
			env.window_ns = strtoull(optarg, NULL, 10);
			break;
		case 'P':
			parent = (pid_t)strtol(optarg, NULL, 10);
			break;
		default:
			return 2;
		}
	}
	if (optind != argc - 1 || env.n_senders < 1 || env.n_senders > BENCH_PEERS_MAX) {
		fprintf(stderr,
			"usage: %s WORKLOAD [--variant V] [--size N,N] [--seconds S] [--peers 1..%d] [--dir DIR]\n",
			argv[0], BENCH_PEERS_MAX);
		return 2;
	}
	env.workload = argv[optind];
	if (role) {
		env.size_bytes = strtoull(sizes ? sizes : fallback, NULL, 10);
		return role_main(&env, ops, role, index, parent);
	}
	env.window_ns = (uint64_t)(seconds * 1e9);
	env.warm_ns = env.window_ns / 4;
	bench_shm_fd = memfd_create("bench", MFD_CLOEXEC);
	if (bench_shm_fd < 0 || ftruncate(bench_shm_fd, sizeof(struct bench_shm)))
		bench_die("memfd: %s", strerror(errno));
	env.shm = shm_map(bench_shm_fd);
	r = sizes_run(&env, ops, sizes ? sizes : fallback);
	bench_kill_all();
	if (r)
		fprintf(stderr, "bench: %s %s: %s\n", ops->name, env.workload, strerror(-r));
	return r ? 1 : 0;
}

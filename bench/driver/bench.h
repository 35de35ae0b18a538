/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_H
#define BENCH_H

/*
 * The driver that the C systems share. It owns the clock, the processes, the counting and the printing. A
 * system owns only the moving of bytes, in the few functions of struct bench_ops, written as that system's
 * own users would write them. So one stop watch measures all. docs/benchmarks.md says what each workload
 * means.
 *
 * Every role is a process of its own, exec'd from the same program (`--role`), so that no library is used on
 * both sides of a fork and no page of the parent is counted as the child's.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BENCH_PEERS_MAX       64
#define BENCH_SIZE_MAX        (1u << 20)
#define BENCH_SIZE_MIN        16
#define BENCH_BOOT_TIMEOUT_MS 20000

/* Shared by all processes of one run: flags to start and stop by, and the figures each side counted. */
struct bench_slot {
	_Atomic uint64_t n;         /* sender: sent; receiver: received and checked */
	_Atomic uint64_t window_n;  /* receiver: those within the window */
	_Atomic uint64_t window_ns; /* receiver: the window as it really was */
	_Atomic uint64_t total_ns;  /* receiver: from go to its last message */
	char pad[32];               /* one cache line each: the counters must not slow each other */
};

struct bench_shm {
	_Atomic uint32_t ready;    /* roles that have come up */
	_Atomic uint32_t done;     /* receivers that have seen every end mark */
	_Atomic uint32_t sent_all; /* senders whose last send has returned, and is counted */
	_Atomic uint64_t errors;   /* messages lost, repeated, out of order or of a wrong length */
	_Atomic uint64_t go_ns;    /* 0, or when the senders may begin */
	struct bench_slot sender[BENCH_PEERS_MAX], receiver[BENCH_PEERS_MAX];
};

struct bench_env {
	const char *workload;
	const char *variant;
	const char *dir;     /* empty directory of this run and size: sockets go here */
	const char *out_dir; /* that of the whole run: samples go here */
	size_t size_bytes;
	unsigned n_senders, n_receivers;
	uint64_t warm_ns, window_ns;
	struct bench_shm *shm;
};

struct bench_sink;

struct bench_ops {
	const char *name;

	/*
	 * Call: `serve` answers each request with its own bytes until killed; it calls bench_ready() when it
	 * can be called.
	 */
	void (*serve)(const struct bench_env *env);
	void *(*caller_new)(const struct bench_env *env);
	ssize_t (*call)(void *caller, const void *req, size_t size_bytes, void *rep, size_t rep_max_bytes);
	void (*caller_free)(void *caller);

	/*
	 * One way, fan-in, fan-out: `receive` hands each message to bench_sink_feed() until that returns
	 * true. `send` may block.
	 */
	void (*receive)(const struct bench_env *env, unsigned index, struct bench_sink *sink);
	void *(*sender_new)(const struct bench_env *env, unsigned index);
	int (*send)(void *sender, const void *data, size_t size_bytes);

	/* Death: returns when this system's own notice of the end of the `serve` process has come. */
	void *(*watcher_new)(const struct bench_env *env, pid_t pid);
	int (*watch)(void *watcher);
	void (*watcher_free)(void *watcher);

	/* Workloads that only this system has; NULL-ended. */
	const struct bench_extra {
		const char *workload;
		int (*run)(const struct bench_env *env);
	} * extras;

	/*
	 * Starts the daemon that all roles talk to (bench_daemon_exec). Its CPU time is counted, and it is
	 * killed afterwards. 0 or -errno.
	 */
	int (*daemon_start)(const struct bench_env *env);
};

int bench_main(int argc, char **argv, const struct bench_ops *ops);

/* for the roles */
void bench_ready(const struct bench_env *env);
struct bench_sink *bench_sink_new(const struct bench_env *env, unsigned index);
bool bench_sink_feed(struct bench_sink *sink, const void *data, size_t size_bytes);
/* Sends until the window is over, the last message marked; go must have been given. */
void bench_send_loop(const struct bench_env *env, unsigned index,
	int (*send)(void *sender, const void *data, size_t size_bytes), void *sender);
/* All roles are up: gives go, measures, waits until everything has arrived, reports. */
int bench_flow_measure(const struct bench_env *env);
/*
 * For systems that drop messages of a slow reader: waits until fewer than `window` of our messages are under
 * way.
 */
void bench_pace(const struct bench_env *env, uint64_t sent, uint64_t window);
void bench_path(const struct bench_env *env, char *ret_path, size_t size_bytes, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void bench_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* clock.c */
uint64_t bench_now_ns(void);
uint64_t bench_cpu_ns(pid_t pid);
void bench_sleep_until(uint64_t deadline_ns);
int bench_private_bytes(pid_t pid, uint64_t *ret_bytes);

/* sample.c */
struct bench_samples {
	uint32_t *ns;
	size_t n, n_max;
};
void bench_samples_init(struct bench_samples *s, size_t n_max);
void bench_samples_deinit(struct bench_samples *s);
void bench_samples_add(struct bench_samples *s, uint64_t ns);

/* report.c: one JSON object a line */
void bench_report_latency(
	const struct bench_env *env, struct bench_samples *s, uint64_t sent, uint64_t received);
/* `whole`: no window could be cut, all of the run is counted */
void bench_report_rate(const struct bench_env *env, double msgs_per_s, double cpu_s_per_mmsg, uint64_t n,
	bool whole, uint64_t sent, uint64_t received, uint64_t errors);
void bench_report_bytes(const struct bench_env *env, uint64_t bytes, uint64_t sent, uint64_t received);

/* proc.c */
pid_t bench_role_start(const struct bench_env *env, const char *role, unsigned index);
pid_t bench_daemon_exec(char *const argv[], int keep_fd);
void bench_kill(pid_t pid);
void bench_kill_all(void);
void bench_check_roles(void);
int bench_wait_ready(const struct bench_env *env, uint32_t n, uint64_t timeout_ms);
uint64_t bench_cpu_all_ns(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_H
#define BENCH_H

/*
 * The driver that the C systems share. It owns the clock, the processes, the counting and the printing. A
 * system only moves bytes, in the few functions of struct bench_ops, which are written as the system's own
 * users would write them. So the same clock measures all systems. docs/benchmarks.md says what each workload
 * means.
 *
 * Every role is a process of its own, which is exec'd from the same program (`--role`). So no library is used
 * on both sides of a fork, and no page of the parent is counted as the child's.
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

/* Memory that all processes of one run share: flags for start and end, and the counts of each side. */
struct bench_slot {
	_Atomic uint64_t n;         /* sender: sent; receiver: received and checked */
	_Atomic uint64_t window_n;  /* receiver: messages within the window */
	_Atomic uint64_t window_ns; /* receiver: the real length of the window */
	_Atomic uint64_t total_ns;  /* receiver: the time from go to its last message */
	/* each slot fills a cache line, so that counters do not slow each other */
	char pad[32];
};

struct bench_shm {
	_Atomic uint32_t ready;    /* roles that have come up */
	_Atomic uint32_t done;     /* receivers that have seen every end mark */
	_Atomic uint32_t sent_all; /* senders whose last send has returned and is counted */
	_Atomic uint64_t errors;   /* messages lost, repeated, out of order or of a wrong length */
	_Atomic uint64_t go_ns;    /* the time from which senders may send; 0: not yet */
	struct bench_slot sender[BENCH_PEERS_MAX], receiver[BENCH_PEERS_MAX];
};

struct bench_env {
	const char *workload;
	const char *variant;
	const char *dir;     /* the directory of this run and size, for sockets; empty at first */
	const char *out_dir; /* the directory of the whole run, for samples */
	size_t size_bytes;
	unsigned n_senders, n_receivers;
	uint64_t warm_ns, window_ns;
	struct bench_shm *shm;
};

struct bench_sink;

struct bench_ops {
	const char *name;

	/*
	 * For calls. `serve` answers each request with the bytes of the request until it is killed. It calls
	 * bench_ready() when it can be called.
	 */
	void (*serve)(const struct bench_env *env);
	void *(*caller_new)(const struct bench_env *env);
	ssize_t (*call)(void *caller, const void *req, size_t size_bytes, void *rep, size_t rep_max_bytes);
	void (*caller_free)(void *caller);

	/*
	 * For one way, fan-in and fan-out. `receive` passes each message to bench_sink_feed() until that
	 * returns true. `send` may block.
	 */
	void (*receive)(const struct bench_env *env, unsigned index, struct bench_sink *sink);
	void *(*sender_new)(const struct bench_env *env, unsigned index);
	int (*send)(void *sender, const void *data, size_t size_bytes);

	/*
	 * For death. `watch` returns when the system's own notice of the end of the `serve` process has come.
	 */
	void *(*watcher_new)(const struct bench_env *env, pid_t pid);
	int (*watch)(void *watcher);
	void (*watcher_free)(void *watcher);

	/* Workloads that only this system has. A NULL ends the list. */
	const struct bench_extra {
		const char *workload;
		int (*run)(const struct bench_env *env);
	} * extras;

	/*
	 * Starts the daemon with which all roles talk, by bench_daemon_exec(). Its CPU time is counted, and
	 * it is killed at the end. 0 or -errno.
	 */
	int (*daemon_start)(const struct bench_env *env);
};

int bench_main(int argc, char **argv, const struct bench_ops *ops);

/* for the roles */
void bench_ready(const struct bench_env *env);
struct bench_sink *bench_sink_new(const struct bench_env *env, unsigned index);
bool bench_sink_feed(struct bench_sink *sink, const void *data, size_t size_bytes);
/* Sends until the window is over, and marks the last message. To be called after go. */
void bench_send_loop(const struct bench_env *env, unsigned index,
	int (*send)(void *sender, const void *data, size_t size_bytes), void *sender);
/*
 * To be called when all roles are up. Gives go, measures, waits until every message has arrived, and reports.
 */
int bench_flow_measure(const struct bench_env *env);
/*
 * For systems that drop messages for a slow reader: waits until fewer than `window` of this sender's messages
 * are under way.
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

/* report.c: each prints one JSON object on a line */
void bench_report_latency(
	const struct bench_env *env, struct bench_samples *s, uint64_t sent, uint64_t received);
/* `whole`: no window could be cut, so the whole run is counted */
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages one way. One way, fan-in and fan-out differ only in the numbers of senders and receivers.
 *
 * From `go` on senders send as fast as the system lets them, for warm-up + window + a little. Each receiver
 * counts the messages that arrive between go + warm-up and go + warm-up + window, by its own clock. This is
 * the rate while the pipeline is full. It includes neither the filling of buffers at the start nor their
 * emptying at the end. Then everything is drained, and the received messages must be exactly those that were
 * sent, in order. If messages come in bursts so long that no such window can be cut, the receiver's whole run
 * counts, with the emptying.
 */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "internal.h"

#define TAIL_NS 30000000u
#define TAG_END (1ull << 63)

struct header {
	uint64_t seq;
	uint64_t tag; /* the sender; with TAG_END in its last message */
};

struct bench_sink {
	const struct bench_env *env;
	struct bench_slot *slot;
	uint64_t expected[BENCH_PEERS_MAX];
	uint64_t n, start_n, start_ns, end_ns;
	unsigned ended, clock_every;
	bool started, closed;
};

static void sink_look(struct bench_sink *k)
{
	uint64_t now_ns = bench_now_ns();

	if (!k->started && now_ns >= k->start_ns) {
		k->started = true;
		k->start_n = k->n;
		k->start_ns = now_ns;
	} else if (k->started && !k->closed && now_ns >= k->end_ns) {
		k->closed = true;
		atomic_store(&k->slot->window_n, k->n - k->start_n);
		atomic_store(&k->slot->window_ns, now_ns - k->start_ns);
	}
}

bool bench_sink_feed(struct bench_sink *k, const void *data, size_t size_bytes)
{
	struct header h = {0};
	unsigned from;

	if (size_bytes >= sizeof(h))
		memcpy(&h, data, sizeof(h));
	from = (unsigned)(h.tag & 0xffff);
	if (size_bytes != k->env->size_bytes || from >= k->env->n_senders || h.seq != k->expected[from]) {
		atomic_fetch_add(&k->env->shm->errors, 1);
		if (from >= k->env->n_senders)
			return false;
	}
	k->expected[from] = h.seq + 1;
	if (!k->n) { /* go is known by now, since somebody has sent */
		k->start_ns = atomic_load(&k->env->shm->go_ns) + k->env->warm_ns;
		k->end_ns = k->start_ns + k->env->window_ns;
	}
	k->n++;
	atomic_store_explicit(&k->slot->n, k->n, memory_order_relaxed);
	if (!k->closed && k->n % k->clock_every == 0)
		sink_look(k);
	if (h.tag & TAG_END)
		k->ended++;
	if (k->ended != k->env->n_senders)
		return false;
	atomic_store(&k->slot->total_ns, bench_now_ns() - atomic_load(&k->env->shm->go_ns));
	return true;
}

struct bench_sink *bench_sink_new(const struct bench_env *env, unsigned index)
{
	struct bench_sink *k = calloc(1, sizeof(*k));

	if (!k)
		bench_die("no memory for a sink");
	k->env = env;
	k->slot = &env->shm->receiver[index];
	k->clock_every = env->size_bytes >= 4096 || env->n_receivers > 1 ? 1 : 16;
	return k;
}

void bench_flow_receive(const struct bench_env *env, const struct bench_ops *ops, unsigned index)
{
	struct bench_sink *sink = bench_sink_new(env, index);

	ops->receive(env, index, sink);
	atomic_fetch_add(&env->shm->done, 1);
	pause();
}

void bench_send_loop(const struct bench_env *env, unsigned index,
	int (*send)(void *sender, const void *data, size_t size_bytes), void *sender)
{
	struct bench_slot *slot = &env->shm->sender[index];
	char *data = calloc(1, env->size_bytes);
	uint64_t end_ns, n = 0;
	bool last = false;

	if (!data)
		bench_die("no memory for a message");
	end_ns = atomic_load(&env->shm->go_ns) + env->warm_ns + env->window_ns + TAIL_NS;
	while (!last) {
		struct header h = {.seq = n, .tag = index};
		int r;

		if (env->size_bytes >= 4096 || n % 16 == 0)
			last = bench_now_ns() >= end_ns;
		if (last)
			h.tag |= TAG_END;
		memcpy(data, &h, sizeof(h));
		r = send(sender, data, env->size_bytes);
		if (r < 0)
			bench_die("%s: sender %u: message %" PRIu64 ": %s", env->workload, index, n,
				strerror(-r));
		n++;
		atomic_store_explicit(&slot->n, n, memory_order_relaxed);
	}
	free(data);
	atomic_fetch_add(&env->shm->sent_all, 1);
}

void bench_flow_send(const struct bench_env *env, const struct bench_ops *ops, unsigned index)
{
	void *sender = ops->sender_new(env, index);

	if (!sender)
		bench_die("%s: sender %u cannot start", env->workload, index);
	bench_ready(env);
	while (!atomic_load(&env->shm->go_ns))
		usleep(200);
	bench_send_loop(env, index, ops->send, sender);
	pause(); /* waits to be killed: closing would drop messages that the library still holds */
}

void bench_pace(const struct bench_env *env, uint64_t sent, uint64_t window)
{
	for (unsigned i = 0; i < env->n_receivers; i++) {
		unsigned spins = 0;

		/* in fan-in the senders share the count of the one receiver */
		while (sent * env->n_senders >
			atomic_load_explicit(&env->shm->receiver[i].n, memory_order_relaxed) + window) {
			if (++spins > 100)
				usleep(50);
			else
				sched_yield();
		}
	}
}

static uint64_t sum(const struct bench_slot *slots, unsigned n)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < n; i++)
		total += atomic_load(&slots[i].n);
	return total;
}

int bench_flow_run(struct bench_env *env, const struct bench_ops *ops)
{
	for (unsigned i = 0; i < env->n_receivers; i++)
		bench_role_start(env, "receive", i);
	/* Senders start when the receivers are ready, which means that they can be sent to. */
	if (bench_wait_ready(env, env->n_receivers, BENCH_BOOT_TIMEOUT_MS))
		bench_die("%s: a receiver did not come up", env->workload);
	for (unsigned i = 0; i < env->n_senders; i++)
		bench_role_start(env, "send", i);
	if (bench_wait_ready(env, env->n_receivers + env->n_senders, BENCH_BOOT_TIMEOUT_MS))
		bench_die("%s: a sender did not come up", env->workload);
	return bench_flow_measure(env);
}

int bench_flow_measure(const struct bench_env *env)
{
	struct bench_shm *shm = env->shm;
	uint64_t go_ns, from_ns, start_cpu_ns, cpu_ns, deadline_ns, sent, received, window_n = 0;
	double rate = 0, cpu_share;
	bool whole = false;

	start_cpu_ns = bench_cpu_all_ns();
	go_ns = bench_now_ns();
	atomic_store(&shm->go_ns, go_ns);
	bench_sleep_until(go_ns + env->warm_ns);
	cpu_ns = bench_cpu_all_ns();
	from_ns = bench_now_ns();
	bench_sleep_until(go_ns + env->warm_ns + env->window_ns);
	cpu_share = (double)(bench_cpu_all_ns() - cpu_ns) / (double)(bench_now_ns() - from_ns);
	deadline_ns = bench_now_ns() + 10000000000u;
	while (atomic_load(&shm->done) < env->n_receivers || atomic_load(&shm->sent_all) < env->n_senders) {
		if (bench_now_ns() > deadline_ns) {
			bench_die("%s %zu B: after 10 s of draining %" PRIu64 " of %" PRIu64
				  " messages have come",
				env->workload, env->size_bytes, sum(shm->receiver, env->n_receivers),
				sum(shm->sender, env->n_senders) * env->n_receivers);
		}
		bench_check_roles();
		usleep(500);
	}
	cpu_ns = bench_cpu_all_ns() - start_cpu_ns;
	for (unsigned i = 0; i < env->n_receivers; i++) {
		const struct bench_slot *slot = &shm->receiver[i];
		uint64_t n = atomic_load(&slot->window_n), ns = atomic_load(&slot->window_ns);

		if (ns < env->window_ns / 2 || ns > env->window_ns * 2) {
			n = atomic_load(&slot->n);
			ns = atomic_load(&slot->total_ns);
			whole = true;
		}
		rate += (double)n * 1e9 / (double)ns;
		window_n += n;
	}
	sent = sum(shm->sender, env->n_senders) * env->n_receivers;
	received = sum(shm->receiver, env->n_receivers);
	/*
	 * CPU seconds a second are divided by messages a second, since the receiver's window is not exactly
	 * the one in which CPU time was counted
	 */
	bench_report_rate(env, rate,
		whole ? (double)cpu_ns * 1e-3 / (double)received : cpu_share * 1e6 / rate, window_n, whole,
		sent, received, atomic_load(&shm->errors));
	return sent == received && !atomic_load(&shm->errors) ? 0 : -EIO;
}

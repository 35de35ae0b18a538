/* SPDX-License-Identifier: Apache-2.0 */
/* Two processes: calls, casts, deaths, restarts, memory, names. */
#include "ours.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAMPLES_MAX (1u << 20)

static char request[BENCH_SIZE_MAX];

static void call_echo(actor *self, actor_ref to, uint64_t seq, size_t size_bytes)
{
	actor_msg *reply;
	const void *data;
	size_t n;

	memcpy(request, &seq, sizeof(seq));
	ours_check(actor_call(self, to, "echo", ACTOR_TIMEOUT_DEFAULT, &reply, "y#", request, size_bytes), "call");
	ours_check(actor_msg_unpack(reply, "y#", &data, &n), "reply");
	if (n != size_bytes || memcmp(data, &seq, sizeof(seq)))
		bench_die("a call was not answered with its own request");
	actor_msg_free(reply);
}

static int call_body(actor *self, struct director *d)
{
	bool idle = !strcmp(d->env->workload, "call_idle");
	uint64_t now_ns, warm_end_ns, end_ns;
	struct actor_process process;

	ours_process_start(self, d->env, "echo", 0, NULL, ACTOR_TEMPORARY, &process);
	now_ns = bench_now_ns();
	warm_end_ns = now_ns + d->env->warm_ns;
	end_ns = warm_end_ns + d->env->window_ns;
	while (now_ns < end_ns) {
		uint64_t start_ns;

		if (idle)
			actor_sleep(self, 1);
		start_ns = bench_now_ns();
		call_echo(self, process.main, d->sent++, d->env->size_bytes);
		now_ns = bench_now_ns();
		if (start_ns >= warm_end_ns)
			bench_samples_add(&d->samples, now_ns - start_ns);
	}
	return 0;
}

int ours_call(const struct bench_env *env)
{
	struct director d = {.body = call_body};

	bench_samples_init(&d.samples, SAMPLES_MAX);
	ours_direct(env, &d, ACTOR_LINK_DIRECT);
	bench_report_latency(env, &d.samples, d.sent, d.sent);
	bench_samples_deinit(&d.samples);
	return 0;
}

static int flow_body(actor *self, struct director *d)
{
	struct actor_process sinks[BENCH_PEERS_MAX], senders[BENCH_PEERS_MAX];

	for (unsigned i = 0; i < d->env->n_receivers; i++)
		ours_process_start(self, d->env, "sink", i, NULL, ACTOR_TEMPORARY, &sinks[i]);
	for (unsigned i = 0; i < d->env->n_senders; i++) {
		ours_process_start(self, d->env, "sender", i, NULL, ACTOR_TEMPORARY, &senders[i]);
		for (unsigned k = 0; k < d->env->n_receivers; k++)
			ours_check(actor_call(self, senders[i].main, "to", ACTOR_TIMEOUT_DEFAULT, NULL, "r", sinks[k].main), "to");
		ours_check(actor_cast(self, senders[i].main, "go", ""), "go");
	}
	actor_sleep(self, 50);          /* until the last cast has left this process */
	return bench_flow_measure(d->env);
}

int ours_flow(const struct bench_env *env)
{
	struct bench_env e = *env;
	struct director d = {.body = flow_body};

	if (!strcmp(e.workload, "fanout")) {
		e.n_receivers = e.n_senders;
		e.n_senders = 1;
	} else {
		e.n_receivers = 1;
		if (!strcmp(e.workload, "oneway"))
			e.n_senders = 1;
	}
	return ours_direct(&e, &d, ACTOR_LINK_DIRECT);
}

/* kill() to on_down of a monitor of the actor that lived there. */
static int death_body(actor *self, struct director *d)
{
	struct actor_process process;
	uint64_t monitor;

	d->again = true;
	ours_process_start(self, d->env, "echo", 0, NULL, ACTOR_TEMPORARY, &process);
	ours_check(actor_monitor(self, process.main, &monitor), "monitor");
	call_echo(self, process.main, 1, 64);
	actor_sleep(self, 2);
	d->sent++;
	d->start_ns = bench_now_ns();
	if (process.pid <= 0)
		bench_die("a process that answered has no pid");
	kill((pid_t)process.pid, SIGKILL);
	return 0;
}

static int death_down(actor *self, struct director *d, actor_ref who)
{
	uint64_t now_ns = bench_now_ns();

	if (d->received++)              /* the first one is the warm-up */
		bench_samples_add(&d->samples, now_ns - d->start_ns);
	d->again = now_ns < d->end_ns || d->received < 3;
	return d->again ? actor_cast(self, actor_self(self), "go", "") : 0;
}

int ours_death(const struct bench_env *env)
{
	struct director d = {.body = death_body, .on_down = death_down, .end_ns = bench_now_ns() + env->window_ns};

	bench_samples_init(&d.samples, 4096);
	ours_direct(env, &d, ACTOR_LINK_DIRECT);
	bench_report_latency(env, &d.samples, d.sent, d.received);
	bench_samples_deinit(&d.samples);
	return 0;
}

/* The pid of who answers now by that name, or 0: it is away. */
static int64_t pid_by_name(actor *self, const char *name)
{
	actor_msg *reply = NULL;
	int64_t pid = 0;
	int r = actor_call_name(self, name, "pid", 1000, &reply, "");

	if (!r && actor_msg_unpack(reply, "I", &pid))
		pid = 0;
	actor_msg_free(reply);
	return pid;
}

static int restart_body(actor *self, struct director *d)
{
	struct actor_process process;
	int64_t pid, now;

	ours_process_start(self, d->env, "echo", 0, NULL, ACTOR_PERMANENT, &process);
	pid = process.pid;
	do {
		uint64_t start_ns, limit_ns;

		if (pid_by_name(self, "bench.echo") != pid)
			bench_die("restart: the old process does not answer");
		actor_sleep(self, 2);
		start_ns = bench_now_ns();
		limit_ns = start_ns + 10000000000u;
		kill((pid_t)pid, SIGKILL);
		while ((now = pid_by_name(self, "bench.echo")) == 0 || now == pid) {
			if (bench_now_ns() > limit_ns)
				bench_die("restart: nobody answers 10 s after the death");
			actor_sleep(self, 1);
		}
		if (d->sent++)
			bench_samples_add(&d->samples, bench_now_ns() - start_ns);
		pid = now;
	} while (bench_now_ns() < d->end_ns || d->sent < 3);
	return actor_process_stop(self, process.name, ACTOR_TIMEOUT_DEFAULT);
}

int ours_restart(const struct bench_env *env)
{
	struct director d = {.body = restart_body, .end_ns = bench_now_ns() + env->window_ns};

	bench_samples_init(&d.samples, 4096);
	ours_direct(env, &d, ACTOR_LINK_DIRECT);
	bench_report_latency(env, &d.samples, d.sent, d.sent);
	bench_samples_deinit(&d.samples);
	return 0;
}

static int mem_body(actor *self, struct director *d)
{
	struct actor_process process;

	ours_process_start(self, d->env, "echo", 0, NULL, ACTOR_TEMPORARY, &process);
	call_echo(self, process.main, 1, 64);
	actor_sleep(self, 100);
	return bench_private_bytes((pid_t)process.pid, &d->received);
}

int ours_mem_process(const struct bench_env *env)
{
	struct director d = {.body = mem_body};

	ours_check(ours_direct(env, &d, ACTOR_LINK_DIRECT), "smaps_rollup");
	bench_report_bytes(env, d.received, 1, 1);
	return 0;
}

static int lookup_body(actor *self, struct director *d)
{
	struct actor_process process;
	actor_ref found;

	ours_process_start(self, d->env, "echo", 0, NULL, ACTOR_TEMPORARY, &process);   /* registers bench.echo */
	for (uint64_t now_ns = 0; now_ns < d->end_ns;) {
		uint64_t start_ns = bench_now_ns();

		for (int i = 0; i < 100; i++) {
			ours_check(actor_whereis(self, "bench.echo", &found), "whereis");
			if (!actor_ref_equal(found, process.main))
				bench_die("whereis: somebody else");
		}
		now_ns = bench_now_ns();
		bench_samples_add(&d->samples, (now_ns - start_ns) / 100);
		d->sent += 100;
	}
	return 0;
}

static int register_body(actor *self, struct director *d)
{
	char name[64];

	for (uint64_t now_ns = 0; now_ns < d->end_ns;) {
		uint64_t start_ns;

		snprintf(name, sizeof(name), "bench.name.%llu", (unsigned long long)d->sent++);
		start_ns = bench_now_ns();
		ours_check(actor_register(self, name), "register");
		now_ns = bench_now_ns();
		bench_samples_add(&d->samples, now_ns - start_ns);
	}
	return 0;
}

static int names(const struct bench_env *env, int (*body)(actor *self, struct director *d))
{
	struct director d = {.body = body, .end_ns = bench_now_ns() + env->window_ns};

	bench_samples_init(&d.samples, SAMPLES_MAX);
	ours_direct(env, &d, ACTOR_LINK_DIRECT);
	bench_report_latency(env, &d.samples, d.sent, d.sent);
	bench_samples_deinit(&d.samples);
	return 0;
}

int ours_name_lookup(const struct bench_env *env)
{
	return names(env, lookup_body);
}

int ours_name_register(const struct bench_env *env)
{
	return names(env, register_body);
}

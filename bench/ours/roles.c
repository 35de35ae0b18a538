/* SPDX-License-Identifier: Apache-2.0 */
/* The roles of the other processes: an echo, a sink and a sender. Each is a group with one actor. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ours.h"

static struct bench_env env = {.workload = "role"};
static unsigned role_index;

static int echo_call(actor *self, const actor_msg *msg, actor_from *from)
{
	const void *data;
	size_t n;
	int r = actor_msg_unpack(msg, "y#", &data, &n);

	return r < 0 ? r : actor_reply(from, "y#", data, n);
}

static int echo_pid(actor *self, const actor_msg *msg, actor_from *from)
{
	return actor_reply(from, "I", (int64_t)getpid());
}

static const struct actor_method echo_methods[] = {
	{.name = "echo", .on_call = echo_call},
	{.name = "pid", .on_call = echo_pid},
	{0},
};
static const struct actor_behavior echo = {.name = "echo", .methods = echo_methods};

static int sink_put(actor *self, const actor_msg *msg)
{
	struct bench_sink **sink = actor_state(self);
	const void *data;
	size_t n;
	int r = actor_msg_unpack(msg, "y#", &data, &n);

	if (r < 0)
		return r;
	if (bench_sink_feed(*sink, data, n))
		atomic_fetch_add(&env.shm->done, 1);
	return 0;
}

static int sink_init(actor *self, const void *arg)
{
	struct bench_sink **sink = actor_state(self);

	*sink = bench_sink_new(&env, role_index);
	return 0;
}

static const struct actor_method sink_methods[] = {{.name = "put", .on_cast = sink_put}, {0}};
static const struct actor_behavior sink = {
	.name = "sink",
	.state_size = sizeof(struct bench_sink *),
	.methods = sink_methods,
	.init = sink_init,
};

struct sender {
	actor *self;
	unsigned n;
	actor_ref to[BENCH_PEERS_MAX];
};

static int sender_send(void *p, const void *data, size_t size_bytes)
{
	struct sender *s = p;
	int r = 0;

	for (unsigned i = 0; i < s->n && r >= 0; i++)
		r = actor_cast(s->self, actor_to(s->to[i]), "put", "y#", data, size_bytes);
	return r;
}

/* Takes the ref of one receiver. This is called once for each receiver. */
static int sender_to(actor *self, const actor_msg *msg, actor_from *from)
{
	struct sender *s = actor_state(self);
	int r = s->n < BENCH_PEERS_MAX ? actor_msg_unpack(msg, "r", &s->to[s->n]) : -ENOSPC;

	if (r < 0)
		return r;
	s->n++;
	return actor_reply(from, "");
}

static int sender_go(actor *self, const actor_msg *msg)
{
	struct sender *s = actor_state(self);

	s->self = self;
	while (!atomic_load(&env.shm->go_ns))
		actor_sleep(self, 1);
	bench_send_loop(&env, role_index, sender_send, s);
	return 0;
}

static const struct actor_method sender_methods[] = {
	{.name = "to", .on_call = sender_to},
	{.name = "go", .on_cast = sender_go},
	{0},
};
static const struct actor_behavior sender = {
	.name = "sender", .state_size = sizeof(struct sender), .methods = sender_methods};

int ours_role_main(int argc, char **argv)
{
	const char *role = argv[2], *shm = "";
	int fd;

	for (int i = 3; i + 1 < argc; i += 2) {
		unsigned long long value = strtoull(argv[i + 1], NULL, 10);

		if (!strcmp(argv[i], "--shm"))
			shm = argv[i + 1];
		else if (!strcmp(argv[i], "--size"))
			env.size_bytes = (size_t)value;
		else if (!strcmp(argv[i], "--index"))
			role_index = (unsigned)value;
		else if (!strcmp(argv[i], "--senders"))
			env.n_senders = (unsigned)value;
		else if (!strcmp(argv[i], "--receivers"))
			env.n_receivers = (unsigned)value;
		else if (!strcmp(argv[i], "--warm-ns"))
			env.warm_ns = value;
		else if (!strcmp(argv[i], "--window-ns"))
			env.window_ns = value;
	}
	if (!strcmp(role, "echo"))
		return actor_main(&echo, NULL, argc > 3 ? "bench.echo" : NULL);
	fd = open(shm, O_RDWR | O_CLOEXEC);
	env.shm =
		fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*env.shm), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (env.shm == MAP_FAILED)
		bench_die("%s: %s", shm, strerror(errno));
	return actor_main(!strcmp(role, "sink") ? &sink : &sender, NULL, NULL);
}

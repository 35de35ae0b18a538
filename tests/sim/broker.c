/* SPDX-License-Identifier: Apache-2.0 */
/* The broker: its core in a shell like broker/main.c. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/member.h"
#include "broker/state.h"
#include "libactor/transport/transport.h"
#include "libactor/util/clock.h"
#include "tests/sim/sim.h"

#define JOIN_TIMEOUT_MS 2000
#define WINDOW_MS       1000
#define EVENTS_PER_TURN 256

struct process *broker_process;
uint64_t broker_epoch;
int64_t broker_died_ns;

struct shell {
	struct process *process;
	struct transport *transport;
	struct server *server;
	struct broker *broker;
};
static struct shell *shell; /* of the living one */

static int op_listen(void *arg, struct broker_pipe *pipe, const char *path, uid_t uid, pid_t pid, void **ret)
{
	struct transport_peer expect = {.uid = uid, .pid = pid};
	struct pipe *handle;
	int r = pipe_listen(((struct shell *)arg)->transport, path, expect, JOIN_TIMEOUT_MS, pipe, &handle);

	if (r == 0)
		*ret = handle;
	return r;
}

static void op_close(void *arg, void *handle)
{
	pipe_free(handle);
}

static struct buf *op_out(void *arg, void *handle)
{
	return pipe_out(handle);
}

static void op_flush(void *arg, void *handle)
{
	pipe_flush(handle);
}

static size_t op_backlog(void *arg, void *handle)
{
	return pipe_backlog_bytes(handle);
}

static void op_notify_drained(void *arg, void *handle)
{
	pipe_notify_drained(handle);
}

/* The simulation keeps no notes: a new broker waits for no name of a client with a single link. */
static void op_client_note(void *arg, uint64_t group, pid_t pid)
{
}

static bool op_group_lives(void *arg, uint64_t group)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/g/%" PRIu64 "/door.ipc", sim.dir, group);
	return door_is_open(path);
}

static void op_group_gone(void *arg, uint64_t group)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/g/%" PRIu64 "/", sim.dir, group);
	net_remove_dead(path);
}

static void op_hello_answer(void *arg, uint64_t hello_id, const void *data, size_t size_bytes)
{
	server_answer(((struct shell *)arg)->server, hello_id, data, size_bytes);
}

static void op_log(void *arg, enum log_level level, const char *line)
{
	if (level <= LOG_WARNING && !process_is_dead())
		sim_event("says: %s", line);
}

static const struct broker_ops ops = {
	.pipe_listen = op_listen,
	.pipe_close = op_close,
	.pipe_out = op_out,
	.pipe_flush = op_flush,
	.pipe_backlog = op_backlog,
	.pipe_notify_drained = op_notify_drained,
	.client_note = op_client_note,
	.group_lives = op_group_lives,
	.group_gone = op_group_gone,
	.hello_answer = op_hello_answer,
	.log = op_log,
};

static void broker_event(struct broker *broker, const struct transport_event *event)
{
	int64_t now_ns = clock_now_ns();

	switch (event->type) {
	case TRANSPORT_HELLO:
		broker_hello(broker, event->hello_id, event->peer.uid, event->peer.pid, event->data,
			event->size_bytes, now_ns);
		break;
	case TRANSPORT_PIPE_UP:
		broker_pipe_up(broker, event->user, now_ns);
		break;
	case TRANSPORT_PIPE_DATA:
		broker_pipe_data(broker, event->user, event->data, event->size_bytes, now_ns);
		break;
	case TRANSPORT_PIPE_DRAINED:
		broker_pipe_drained(broker, event->user, now_ns);
		break;
	case TRANSPORT_PIPE_DOWN:
		broker_pipe_down(broker, event->user, event->error, now_ns);
		break;
	case TRANSPORT_ANSWER:
	case TRANSPORT_KNOCK:
		break;
	}
}

/* A door's file, at which somebody listens. */
static void broker_finds(const char *path, void *arg)
{
	uint64_t group;

	if (sscanf(path + strlen(sim.dir), "/g/%" SCNu64 "/door.ipc", &group) == 1)
		broker_client_lives(arg, group, true, clock_now_ns());
}

void broker_main(struct process *process)
{
	struct broker_options options = {.node = SIM_NODE,
		.group = process->group,
		.runtime_dir = sim.dir,
		.uid = geteuid(),
		.window_ms = WINDOW_MS};
	struct shell own = {.process = process};
	struct transport_event event;
	char path[128];

	memcpy(options.key, sim.key, sizeof(options.key));
	snprintf(path, sizeof(path), "%s/b/", sim.dir);
	net_remove_dead(path);
	snprintf(path, sizeof(path), "%s/broker.ipc", sim.dir);
	if (transport_new(&own.transport) < 0 ||
		broker_new(&own.broker, &options, &ops, &own, clock_now_ns()) < 0)
		sim_fail("the broker cannot be made");
	net_each_door(broker_finds, own.broker);
	if (server_listen(own.transport, path, NULL, &own.server) == 0) {
		shell = &own;
		process->up = true;
	}
	while (!process->dead) {
		process_wait(broker_deadline_ns(own.broker));
		for (int i = 0;
			i < EVENTS_PER_TURN && !process->dead && transport_next(own.transport, &event) == 1;
			i++)
			broker_event(own.broker, &event);
		if (clock_now_ns() >= broker_deadline_ns(own.broker))
			broker_tick(own.broker, clock_now_ns());
		broker_flush(own.broker);
	}
	if (shell == &own)
		shell = NULL;
	broker_free(own.broker);
	transport_free(own.transport);
}

bool broker_books(struct broker_stats *ret)
{
	if (!shell || shell->process->dead)
		return false;
	*ret = broker_stats(shell->broker);
	return true;
}

static void say_member(struct hash_node *node, void *arg)
{
	const struct member *member = container_of(node, struct member, node);

	sim_event("the broker has group %" PRIx64 " '%s', state %d, left %d, exited %d", member->group,
		member->name, (int)member->state, member->left, member->exited);
}

void broker_say_members(void)
{
	hash_each(&shell->broker->members, say_member, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The broker process: the broker's core and its hands in a shell like broker/main.c. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/hands.h"
#include "broker/member.h"
#include "broker/state.h"
#include "libactor/transport/transport.h"
#include "libactor/util/clock.h"
#include "tests/sim/sim.h"

struct process *broker_process;
uint64_t broker_epoch;
int64_t broker_died_ns;

struct shell {
	struct hands hands;
	struct process *process;
};
static struct shell *shell; /* the shell of the broker that lives */

static int op_listen(void *arg, struct broker_pipe *pipe, const char *path, uid_t uid, pid_t pid, void **ret)
{
	struct pipe *handle;
	int r = hands_pipe_listen(arg, pipe, path, uid, pid, &handle);

	if (r == 0)
		*ret = handle;
	return r;
}

/* The simulation keeps no notes, so a new broker waits for the name of no client with a single link. */
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

static void op_log(void *arg, enum log_level level, const char *line)
{
	if (level <= LOG_WARNING && !process_is_dead())
		sim_event("says: %s", line);
}

static const struct broker_ops ops = {
	HANDS_OPS,
	.pipe_listen = op_listen,
	.client_note = op_client_note,
	.group_lives = op_group_lives,
	.group_gone = op_group_gone,
	.log = op_log,
};

/* Somebody listens at @path. If it is the door of a group, the broker hears that this group lives. */
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
	if (transport_new(&own.hands.transport) < 0 ||
		broker_new(&own.hands.broker, &options, &ops, &own, clock_now_ns()) < 0)
		sim_fail("the broker cannot be made");
	net_each_door(broker_finds, own.hands.broker);
	if (server_listen(own.hands.transport, path, NULL, &own.hands.server) == 0) {
		shell = &own;
		process->up = true;
	}
	while (!process->dead) {
		process_wait(broker_deadline_ns(own.hands.broker));
		for (int i = 0; i < EVENTS_PER_TURN && !process->dead &&
				transport_next(own.hands.transport, &event) == 1;
			i++)
			hands_event(&own.hands, &event);
		(void)hands_end_turn(&own.hands);
	}
	if (shell == &own)
		shell = NULL;
	broker_free(own.hands.broker);
	transport_free(own.hands.transport);
}

bool broker_books(struct broker_stats *ret)
{
	if (!shell || shell->process->dead)
		return false;
	*ret = broker_stats(shell->hands.broker);
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
	hash_each(&shell->hands.broker->members, say_member, NULL);
}

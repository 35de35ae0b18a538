/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/node/process-monitors.h"

#include <errno.h>
#include <stdlib.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/call.h"
#include "libactor/actor/monitor.h"
#include "libactor/base/base.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/peer/peer.h"
#include "libactor/protocol/names.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "libactor/util/clock.h"
#include "libactor/util/slots.h"

/* The supervisor may be away as well. It is asked again after this pause, which doubles each time. */
#define AGAIN_MIN_MS 20
#define AGAIN_MAX_MS 1000

/* Only one monitor is told at a time, because a new broker has much to do. */
struct process_monitors {
	actor_group *group;
	uint32_t at; /* in group->monitors */
	uint64_t id; /* of the monitor that is being told */
	actor_ref watcher;
	bool in_flight;
	struct call call;
	struct timer timer;
	int64_t again_ms;
};

static void say(struct process_monitors *said);

static bool is_due(const actor_group *group, const struct monitor *monitor)
{
	return monitor_is_of_process(monitor->who) && monitor->who.node == group->node &&
	       monitor->who.group != group->id;
}

static void say_next(struct process_monitors *said)
{
	const struct monitor *monitor;

	while ((monitor = slots_walk(&said->group->monitors, &said->at))) {
		if (!is_due(said->group, monitor))
			continue;
		said->id = monitor->id;
		said->again_ms = AGAIN_MIN_MS;
		say(said);
		return;
	}
}

/* The monitor was given up while it was told, and the supervisor may have heard the `demonitor` first. */
static void take_back(struct process_monitors *said)
{
	const struct wire_dest spawner = {.name = wire_cstr(NAME_SPAWNER)};
	actor_group *group = said->group;
	struct peer *broker = group->uplink.peer;
	struct buf args = BUF_INIT;

	if (broker && body_pack(&args, BODY_ARGS, "rU", said->watcher, said->id) == 0) {
		wire_put_cast(peer_out(broker), &spawner, group_ref(group, 0), wire_cstr("demonitor"),
			args.data, args.size_bytes);
		peer_wrote(broker);
	}
	buf_deinit(&args);
}

static void say_later(struct process_monitors *said)
{
	timer_arm(&said->group->loop, &said->timer, deadline_after_ms(clock_now_ns(), said->again_ms));
	said->again_ms = said->again_ms * 2 < AGAIN_MAX_MS ? said->again_ms * 2 : AGAIN_MAX_MS;
}

static void said_answered(struct call *call, int error, actor_msg *reply)
{
	struct process_monitors *said = container_of(call, struct process_monitors, call);

	actor_msg_free(reply);
	said->in_flight = false;
	if (error) {
		say_later(said);
		return;
	}
	if (!slots_get(&said->group->monitors, said->id))
		take_back(said);
	say_next(said);
}

static void say(struct process_monitors *said)
{
	const struct wire_dest spawner = {.name = wire_cstr(NAME_SPAWNER)};
	actor_group *group = said->group;
	const struct monitor *monitor = slots_get(&group->monitors, said->id);
	int r;

	if (!monitor) {
		say_next(said);
		return;
	}
	said->watcher = monitor->watcher->ref;
	buf_reset(&group->scratch, 1 << 16);
	r = body_pack(&group->scratch, BODY_ARGS, "UrU", monitor->who.group, said->watcher, said->id);
	said->call = (struct call){.done = said_answered};
	if (r == 0)
		r = call_start(&said->call, group, NULL, &spawner, wire_cstr("monitor"), group->scratch.data,
			group->scratch.size_bytes, NEVER_NS);
	if (r == 0)
		said->in_flight = true;
	else
		say_later(said);
}

static void say_timer(struct loop *loop, struct timer *timer)
{
	struct process_monitors *said = container_of(timer, struct process_monitors, timer);
	const struct uplink *uplink = &said->group->uplink;

	if (uplink->state == UPLINK_UP && uplink->announced) /* otherwise the next link begins anew */
		say(said);
}

static void find_spawner(struct hash_node *node, void *arg)
{
	const struct peer *peer = container_of(node, struct peer, node);

	if (peer_is_spawner(peer) && peer->state == PEER_LINKED)
		*(bool *)arg = true;
}

void process_monitors_say_again(actor_group *group)
{
	struct process_monitors *said = group->process_monitors;
	bool direct = false;

	if (group->mode == ACTOR_JOIN_DIRECT)
		hash_each(&group->peers, find_spawner, &direct);
	if (direct || group->is_service)
		return;
	timer_disarm(&group->loop, &said->timer);
	said->at = 0;
	say_next(said);
}

int process_monitors_init(actor_group *group)
{
	struct process_monitors *said = calloc(1, sizeof(*said));
	int r;

	if (!said)
		return -ENOMEM;
	said->group = group;
	r = timer_init(&group->loop, &said->timer, say_timer);
	if (r < 0)
		free(said);
	else
		group->process_monitors = said;
	return r;
}

void process_monitors_deinit(actor_group *group)
{
	struct process_monitors *said = group->process_monitors;

	if (!said)
		return;
	if (said->in_flight)
		call_cancel(&said->call);
	timer_deinit(&group->loop, &said->timer);
	free(said);
	group->process_monitors = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The events of `$spawner`: casts of the runtime, of its own timers, and of the broker. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "libactor/node/service.h"
#include "libactor/protocol/names.h"
#include "libactor/util/log.h"
#include "spawner/supervisor/args.h"

#define OWNER_AGAIN_MS 100 /* pause before an owner is monitored again */

/*
 * The runtime, timers and descriptors of this group speak to the actor by casts. Any actor could send a cast
 * that looks the same, so the sender's group is checked.
 */
static bool is_from_within(actor *self, const actor_msg *msg)
{
	return actor_msg_sender(msg).group == actor_self(self).group;
}

int on_turn(actor *self, const actor_msg *msg)
{
	struct supervisor *supervisor = supervisor_of(self);

	if (is_from_within(self, msg) && supervisor->turn_is_due)
		supervisor_turn(supervisor);
	return 0;
}

int on_io(actor *self, const actor_msg *msg)
{
	if (is_from_within(self, msg))
		supervisor_io(supervisor_of(self));
	return 0;
}

int on_timer(actor *self, const actor_msg *msg)
{
	struct supervisor *supervisor = supervisor_of(self);

	if (!is_from_within(self, msg))
		return 0;
	supervisor->timer = 0;
	node_timer(supervisor->node, supervisor_now_ns());
	supervisor_need_turn(supervisor);
	return 0;
}

/*
 * Pings the broker as the keeper pings the supervisor. After three looks in a row without an answer the
 * broker is killed. The direct links of the groups go on meanwhile, and every group announces itself to the
 * next broker. While the supervisor has no link to the broker, a look counts as unanswered if the broker did
 * not answer the last hello.
 */
int on_broker_look(actor *self, const actor_msg *msg)
{
	struct supervisor *supervisor = supervisor_of(self);
	const struct child *broker = node_broker(supervisor->node);

	if (!is_from_within(self, msg))
		return 0;
	if (!broker || broker->group != supervisor->looked_at ||
		(!supervisor->broker_up && !service_broker_is_silent(self))) {
		supervisor->n_silent = 0;
		supervisor->looked_at = broker ? broker->group : 0;
	} else if (supervisor->n_silent >= KEEPER_HANG_LOOKS) {
		supervisor->n_silent = 0;
		supervisor_kill_broker(supervisor);
	} else if (supervisor->n_silent++ == 0 && supervisor->broker_up &&
		   service_ping_broker(self, "broker_lives", supervisor->hang_limit_ms) < 0)
		supervisor->n_silent = 0;
	return actor_send_after(self, supervisor->hang_limit_ms / KEEPER_HANG_LOOKS, "broker_look", NULL, "");
}

int on_broker_lives(actor *self, const actor_msg *msg)
{
	if (is_from_within(self, msg))
		supervisor_of(self)->n_silent = 0;
	return 0;
}

int on_broker_up(actor *self, const actor_msg *msg)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct buf groups = BUF_INIT;
	struct mp_reader r;
	const uint8_t *live, *exits, *speaking, *clients;
	size_t live_bytes, exits_bytes, speaking_bytes, clients_bytes;
	uint32_t n;

	if (!is_from_within(self, msg))
		return 0;
	supervisor->broker_up = true;
	supervisor->n_silent = 0;
	supervisor->broker_up_ns = supervisor_now_ns();
	if (node_broker(supervisor->node))
		node_group_ready(
			supervisor->node, node_broker(supervisor->node)->group, supervisor->broker_up_ns);
	node_put_groups(supervisor->node, &groups);
	if (!buf_error(&groups)) {
		r = mp_reader(groups.data, groups.size_bytes);
		if (!mp_read_array(&r, &n) && !mp_read_raw(&r, &live, &live_bytes) &&
			!mp_read_raw(&r, &exits, &exits_bytes) &&
			!mp_read_raw(&r, &speaking, &speaking_bytes) &&
			!mp_read_raw(&r, &clients, &clients_bytes) &&
			service_cast_broker(self, "groups", "mmmm", (const void *)live, live_bytes,
				(const void *)exits, exits_bytes, (const void *)speaking, speaking_bytes,
				(const void *)clients, clients_bytes) == 0)
			/* this cast includes all ends that the broker is owed */
			service_hand_over(self, 0, node_last_number(supervisor->node));
	}
	buf_deinit(&groups);
	node_tell_again(supervisor->node);
	supervisor_need_turn(supervisor);
	supervisor_tell_ready(supervisor);
	return 0;
}

int on_broker_down(actor *self, const actor_msg *msg)
{
	if (is_from_within(self, msg))
		supervisor_of(self)->broker_up = false;
	return 0;
}

int on_dirs(actor *self, const actor_msg *msg)
{
	if (is_from_within(self, msg))
		supervisor_group_dirs_remove(supervisor_of(self));
	return 0;
}

int on_tell_again(actor *self, const actor_msg *msg)
{
	struct supervisor *supervisor = supervisor_of(self);

	if (!is_from_within(self, msg))
		return 0;
	supervisor->again_is_due = false;
	node_tell_again(supervisor->node);
	supervisor_need_turn(supervisor);
	return 0;
}

int on_handed_over(actor *self, const actor_msg *msg)
{
	struct args args = args_of(msg);
	uint64_t group, number;
	bool ok, routed;

	if (is_from_within(self, msg) && !args_uint(&args, &group) && !args_uint(&args, &number) &&
		!args_bool(&args, false, &ok) && !args_bool(&args, false, &routed))
		supervisor_handed_over(supervisor_of(self), group, number, ok, routed);
	return 0;
}

int on_client_gone(actor *self, const actor_msg *msg)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct args args = args_of(msg);
	uint64_t group;

	if (!is_from_within(self, msg) || args_uint(&args, &group) < 0)
		return 0;
	node_client_gone(supervisor->node, group, supervisor_now_ns());
	supervisor_need_turn(supervisor);
	return 0;
}

int on_broker_late(actor *self, const actor_msg *msg)
{
	struct supervisor *supervisor = supervisor_of(self);

	if (!is_from_within(self, msg))
		return 0;
	if (!supervisor->ready_told)
		log_warning(
			"there is no broker after %d s: processes run, but names and calls between groups do not work",
			SUPERVISOR_READY_MS / 1000);
	supervisor_tell_ready(supervisor);
	return 0;
}

static bool is_from_broker(const struct supervisor *supervisor, const actor_msg *msg)
{
	const struct child *broker = node_broker(supervisor->node);

	return broker && actor_msg_sender(msg).group == broker->group;
}

/* The broker says that a client has ended. Only the broker knows of such an end. */
int on_group_gone(actor *self, const actor_msg *msg)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct args args = args_of(msg);
	uint64_t group;

	if (!is_from_broker(supervisor, msg) || args_uint(&args, &group) < 0 || !group_is_of_broker(group))
		return 0;
	node_client_gone(supervisor->node, group, supervisor_now_ns());
	supervisor_need_turn(supervisor);
	return 0;
}

int on_group_ready(actor *self, const actor_msg *msg)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct args args = args_of(msg);
	uint64_t group;

	if (!is_from_broker(supervisor, msg) || args_uint(&args, &group) < 0)
		return 0;
	node_group_ready(supervisor->node, group, supervisor_now_ns());
	supervisor_need_turn(supervisor);
	return 0;
}

int on_group_hello(actor *self, const actor_msg *msg)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct args args = args_of(msg);
	uint64_t group;

	if (is_from_broker(supervisor, msg) && args_uint(&args, &group) == 0)
		node_group_hello(supervisor->node, group);
	return 0;
}

int on_watch_owner(actor *self, const actor_msg *msg)
{
	struct args args = args_of(msg);
	actor_ref owner;
	uint64_t number;

	if (actor_ref_equal(actor_msg_sender(msg), actor_self(self)) && !args_uint(&args, &number) &&
		!args_ref(&args, &owner))
		supervisor_watch_owner(supervisor_of(self), number, owner);
	return 0;
}

/*
 * An owner has ended, or only the way to it: if the broker dies, monitors that went through it end too. Then
 * the owner is monitored again, and the next broker knows whether the owner lives.
 */
int on_owner_down(actor *self, uint64_t monitor, actor_ref who, const struct actor_cause *cause)
{
	struct supervisor *supervisor = supervisor_of(self);
	struct hash_node *n = hash_first(
		&supervisor->owners_by_monitor, hash_of_u64(&supervisor->owners_by_monitor, monitor));

	for (; n; n = hash_next(n)) {
		struct owner_watch *watch = container_of(n, struct owner_watch, by_monitor);

		if (watch->monitor != monitor)
			continue;
		hash_remove(&supervisor->owners_by_monitor, &watch->by_monitor);
		watch->monitor = 0;
		if (!strcmp(cause->reason, ERROR_NOCONNECTION))
			actor_send_after(
				self, OWNER_AGAIN_MS, "watch_owner", NULL, "Ur", watch->number, watch->owner);
		else
			node_owner_gone(supervisor->node, watch->number, supervisor_now_ns());
		supervisor_need_turn(supervisor);
		break;
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the supervisor reports: which groups live and which groups have ended. The supervisor knows this from
 * the kernel, so the broker believes it.
 */
#include <errno.h>

#include "broker/answer.h"
#include "broker/life.h"
#include "broker/member.h"
#include "broker/service.h"
#include "broker/state.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/names.h"

/* The end of a group, and which process it was, if the supervisor knows that. */
struct group_exit {
	uint64_t group;
	struct actor_cause cause;
	uint64_t pid; /* 0: not known */
	struct wire_str name;
};

/* @n: how many items the report has. */
static int read_exit(struct mp_reader *args, uint32_t n, struct group_exit *ret)
{
	const uint8_t *cause;
	size_t size_bytes;

	*ret = (struct group_exit){0};
	if (n < 2 || mp_read_uint(args, &ret->group) < 0 || mp_read_raw(args, &cause, &size_bytes) < 0 ||
		cause_parse(cause, size_bytes, &ret->cause) < 0)
		return -EPROTO;
	if (n < 4)
		return n == 2 ? 0 : -EPROTO;
	if (mp_read_uint(args, &ret->pid) < 0 || ret->pid > INT32_MAX ||
		mp_read_str(args, &ret->name.s, &ret->name.len) < 0)
		return -EPROTO;
	for (; n > 4; n--)
		if (mp_skip(args) < 0)
			return -EPROTO;
	return 0;
}

static void group_exited(struct member *spawner, const struct group_exit *exit)
{
	struct broker *broker = spawner->broker;
	struct member *member = member_find(broker, exit->group);

	if (member == spawner || exit->group == broker->group || group_is_client(exit->group))
		return;
	/* for groups that may still ask for a monitor of it, or at whose doors it may have left something */
	if (!member || !member->was_up)
		broker_bury_process(broker, exit->group, &exit->cause, (pid_t)exit->pid, exit->name);
	if (member)
		member_exited(member, &exit->cause);
}

int cast_group_down(struct member *member, const struct wire_frame *cast, struct mp_reader *args, uint32_t n)
{
	struct group_exit exit;

	if (read_exit(args, n, &exit) < 0)
		return -EPROTO;
	group_exited(member, &exit);
	return 0;
}

static void group_listed(struct member *spawner, uint64_t group)
{
	struct broker *broker = spawner->broker;
	struct member *member = member_find(broker, group);

	if (!group || group == broker->group || group_is_client(group) || broker_is_buried(broker, group))
		return;
	if (!member)
		member = member_new(broker, group);
	if (!member || member == spawner)
		return;
	member->listed = true;
}

/*
 * The recovery window waits for a group that speaks the protocol. A group that does not speak the protocol
 * never says hello, so the window does not wait for such a group.
 */
static void group_speaks(struct broker *broker, uint64_t group)
{
	struct member *member = member_find(broker, group);

	if (!member || !member->listed)
		return;
	member->speaks = true;
	if (member->state == MEMBER_ABSENT)
		window_await(member);
}

static void unlist(struct hash_node *node, void *arg)
{
	container_of(node, struct member, node)->listed = false;
}

/*
 * Ends a group that the supervisor no longer knows. Such a group has no pipe, is not in the supervisor's
 * list, and has a smaller id than the youngest group in the list. (A group with a greater id was started
 * after the list was made.) @arg: the id of the youngest group.
 */
static void end_unlisted(struct hash_node *node, void *arg)
{
	struct member *member = container_of(node, struct member, node);
	struct actor_cause cause = member->cause;

	if (member->state == MEMBER_LOST && member_is_supervised(member) && !member->listed &&
		member->group < *(uint64_t *)arg)
		member_end(member, &cause);
}

/*
 * The supervisor keeps something that the client @group made, and must be told when the client is gone. If
 * the client cannot come back, the broker tells it at once. If the client may come back, the broker first
 * waits for the client while the recovery window is open.
 */
static void client_kept(struct member *spawner, uint64_t group)
{
	struct broker *broker = spawner->broker;
	struct member *member = member_find(broker, group);

	if (!group_is_of_broker(group))
		return; /* no broker has admitted such a client */
	if (!member && window_is_open(&broker->window) && !broker_is_buried(broker, group))
		member = member_new(broker, group);
	if (!member) {
		member_tell_spawner_gone(broker, group);
		return;
	}
	member->kept = true;
	if (member->state == MEMBER_ABSENT)
		window_await(member);
}

static void replay(struct hash_node *node, void *arg)
{
	struct member *member = container_of(node, struct member, node);

	if (member->state == MEMBER_LOST && !member_is_in_doubt(member))
		/* the group lives, so look-ups of its names need not wait for its pipe */
		registry_back(member);
	if (member->state != MEMBER_UP || member->doomed)
		return;
	member_tell_spawner(member);
	if (member->ready)
		service_tell_ready(member);
}

int cast_groups(struct member *member, const struct wire_frame *cast, struct mp_reader *args, uint32_t n)
{
	struct broker *broker = member->broker;
	struct mp_reader look = *args;
	struct group_exit exit;
	uint64_t group, youngest = 0;
	uint32_t n_live, n_exits, n_items, n_speaking = 0, n_clients = 0;

	if (n < 2 || mp_read_array(&look, &n_live) < 0)
		return -EPROTO;
	for (uint32_t i = 0; i < n_live; i++) {
		if (mp_read_uint(&look, &group) < 0)
			return -EPROTO;
	}
	if (mp_read_array(&look, &n_exits) < 0)
		return -EPROTO;
	for (uint32_t i = 0; i < n_exits; i++) {
		if (mp_read_array(&look, &n_items) < 0 || read_exit(&look, n_items, &exit) < 0)
			return -EPROTO;
	}
	if (n > 2 && mp_read_array(&look, &n_speaking) < 0)
		return -EPROTO;
	for (uint32_t i = 0; i < n_speaking; i++) {
		if (mp_read_uint(&look, &group) < 0)
			return -EPROTO;
	}
	if (n > 3 && mp_read_array(&look, &n_clients) < 0)
		return -EPROTO;
	for (uint32_t i = 0; i < n_clients; i++) {
		if (mp_read_uint(&look, &group) < 0)
			return -EPROTO;
	}

	hash_each(&broker->members, unlist, NULL);
	mp_read_array(args, &n_live);
	while (n_live--) {
		mp_read_uint(args, &group);
		group_listed(member, group);
		if (n == 2)
			group_speaks(broker, group);
		if (group > youngest)
			youngest = group;
	}
	mp_read_array(args, &n_exits);
	while (n_exits--) {
		mp_read_array(args, &n_items);
		read_exit(args, n_items, &exit);
		group_exited(member, &exit);
	}
	if (n > 2)
		mp_read_array(args, &n_speaking);
	while (n_speaking--) {
		mp_read_uint(args, &group);
		group_speaks(broker, group);
	}
	if (n > 3)
		mp_read_array(args, &n_clients);
	while (n_clients--) {
		mp_read_uint(args, &group);
		client_kept(member, group);
	}
	broker->supervised = member->has_listed = true;
	hash_each(&broker->members, end_unlisted, &youngest);
	window_listed(broker);
	hash_each(&broker->members, replay, NULL);
	return 0;
}

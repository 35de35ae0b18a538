/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Knocks: connections to our door (door.c). A group that was introduced to us dials the door, says who it is,
 * and writes. We let it in if the broker told us to expect it. Otherwise we ask the broker: a new broker
 * knows nothing of an old introduction, or its `expect` is still on the way. Meanwhile the connection waits,
 * unread.
 */
#include "libactor/node/knocks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libactor/actor/broker.h"
#include "libactor/base/base.h"
#include "libactor/message/msg.h"
#include "libactor/node/admission.h"
#include "libactor/node/door.h"
#include "libactor/peer/peer.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/wire.h"
#include "libactor/transport/transport.h"
#include "libactor/util/buf.h"
#include "libactor/util/list.h"

static struct knock *knock_find(actor_group *group, uint64_t ask_id)
{
	list_for_each(it, &group->knocks) {
		struct knock *knock = container_of(it, struct knock, link);

		if (knock->ask_id == ask_id)
			return knock;
	}
	return NULL;
}

static void knock_refuse(actor_group *group, uint64_t id, const struct transport_peer *from, const char *why)
{
	group_complain(group, (uint64_t)from->pid, "closed a connection of pid %d: %s", (int)from->pid, why);
	door_refuse(group->door, id);
}

static void knock_answered(struct broker_request *request, int error, actor_msg *reply)
{
	actor_group *group = request->group;
	struct knock *knock = knock_find(group, (uint64_t)(uintptr_t)request->arg);
	struct mp_reader r;
	struct peer *peer;
	uint64_t intro_id = 0;
	struct wire_str name = wire_str("", 0);
	uint32_t n;

	if (!knock)
		return; /* the dialer was let in meanwhile, or the door is closed */
	list_remove(&knock->link);
	if (error == 0 && reply) {
		r = mp_reader(reply->body, reply->body_bytes);
		if (mp_read_array(&r, &n) < 0 || n < 2 || mp_read_uint(&r, &intro_id) < 0 ||
			mp_read_str(&r, &name.s, &name.len) < 0)
			error = -EPROTO;
	}
	peer = error ? NULL : peer_expect(group, intro_id, knock->group_id, knock->from, name);
	if (peer)
		peer_admit(peer, knock->id, &knock->from);
	else
		knock_refuse(group, knock->id, &knock->from,
			error == -ESRCH ? "the group it says to be is gone"
			: error == 0    ? "it has exited, or out of memory"
					: "the broker does not know it as the group it says to be");
	free(knock);
}

static void knock_ask(actor_group *group, uint64_t id, uint64_t group_id, const struct transport_peer *from)
{
	struct knock *knock = malloc(sizeof(*knock));
	struct buf args = BUF_INIT;
	int r = -ENOMEM;

	if (knock) {
		*knock = (struct knock){
			.id = id, .ask_id = ++group->n_knocks_asked, .group_id = group_id, .from = *from};
		list_append(&group->knocks, &knock->link);
		r = body_pack(&args, BODY_ARGS, "UUU", group_id, (uint64_t)from->uid, (uint64_t)from->pid);
	}
	if (r == 0)
		r = broker_ask(group, "admit", &args, ACTOR_FOREVER, knock_answered,
			(void *)(uintptr_t)knock->ask_id);
	buf_deinit(&args);
	if (r < 0 && knock) {
		list_remove(&knock->link);
		free(knock);
	}
	if (r < 0)
		knock_refuse(group, id, from, strerror(-r));
}

void knock_received(actor_group *group, const struct transport_event *event)
{
	struct wire_frame frame;
	struct peer *peer;
	size_t used;

	if (wire_parse(event->data, event->size_bytes, &frame, &used) != 1 || frame.type != WIRE_JOIN ||
		used != event->size_bytes) {
		knock_refuse(group, event->knock_id, &event->peer, "its first message is not one `join`");
		return;
	}
	peer = peer_find(group, frame.id);
	if (!peer || !peer->expected) {
		knock_ask(group, event->knock_id, frame.id, &event->peer);
		return;
	}
	if (peer->expect.uid != event->peer.uid ||
		(peer->expect.pid && event->peer.pid && peer->expect.pid != event->peer.pid))
		knock_refuse(group, event->knock_id, &event->peer,
			"it says to be a group that is another process");
	else
		peer_admit(peer, event->knock_id, &event->peer);
}

void knocks_expected(struct peer *peer)
{
	actor_group *group = peer->group;

	list_for_each_safe(it, &group->knocks) {
		struct knock *knock = container_of(it, struct knock, link);

		if (knock->group_id != peer->id || knock->from.uid != peer->expect.uid ||
			(knock->from.pid && peer->expect.pid && knock->from.pid != peer->expect.pid))
			continue;
		list_remove(&knock->link);
		peer_admit(peer, knock->id, &knock->from);
		free(knock);
		return;
	}
}

bool knocks_take_all(actor_group *group)
{
	struct transport_event event;
	int r;

	while (group->door && (r = door_next(group->door, &event)) != 0) {
		if (r < 0)
			return false;
		knock_received(group, &event);
	}
	return true;
}

/* A group could not reach our door: makes the socket's file anew if it is gone. */
void door_asked(actor_group *group)
{
	struct buf args = BUF_INIT;
	char path[4096];
	int r = 0;

	if (!group->door)
		door_open_own(group);
	if (group->door && door_own_path(group, path, sizeof(path)) == 0) {
		socket_make_directory(path);
		(void)knocks_take_all(
			group); /* empties the old listener, otherwise door_renew() returns -EBUSY */
		r = door_renew(group->door);
	}
	if (r < 0) {
		/* group_complain() limits how often this line is logged */
		group_complain(group, 0, "cannot listen at %s again: %s", path, strerror(-r));
		mp_put_array(&args, 1);
		mp_put_nil(&args); /* no door: the broker then introduces groups without it */
	} else {
		mp_put_array(&args, 1);
		door_put_path(group, &args);
	}
	(void)broker_ask(group, "door", &args, ACTOR_FOREVER, NULL, NULL);
	buf_deinit(&args);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a new broker must know of us: our names, our links, whom we watch, where our door is, and our
 * memberships.
 */
#include "libactor/node/announce.h"

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/broker.h"
#include "libactor/actor/membership.h"
#include "libactor/actor/name-watch.h"
#include "libactor/actor/name.h"
#include "libactor/actor/pg.h"
#include "libactor/base/base.h"
#include "libactor/loop/timer.h"
#include "libactor/message/msg.h"
#include "libactor/node/door.h"
#include "libactor/node/introduction.h"
#include "libactor/node/process-monitors.h"
#include "libactor/peer/peer.h"
#include "libactor/protocol/mp.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"
#include "libactor/util/slots.h"

struct announce_list {
	struct buf items;
	uint32_t n;
	bool monitored;
};

static void announce_peer(struct hash_node *node, void *arg)
{
	struct peer *peer = container_of(node, struct peer, node);
	struct announce_list *list = arg;

	bool linked = peer->state == PEER_LINKED || peer->state == PEER_KNOCKING ||
		      (peer->state == PEER_LINKING && !peer->listens);

	if (peer->kind != PEER_GROUP ||
		(list->monitored ? list_is_empty(&peer->monitors) && !peer->exited : !linked))
		return;
	mp_put_uint(&list->items, peer->id);
	list->n++;
}

static void announce_names(actor_group *group, struct announce_list *names)
{
	struct actor *self;
	uint32_t at = 0;

	while ((self = slots_walk(&group->actors, &at)))
		list_for_each(it, &self->names) {
			struct own_name *own = container_of(it, struct own_name, link);

			mp_put_array(&names->items, 2);
			mp_put_str(&names->items, own->name, own->length);
			mp_put_ref(&names->items, self->ref);
			names->n++;
		}
	if (group->is_service) {
		mp_put_array(&names->items, 2);
		mp_put_cstr(&names->items, group->name);
		mp_put_ref(&names->items, group_ref(group, 1));
		names->n++;
	}
}

static void announce_answered(struct broker_request *request, int error, actor_msg *reply)
{
	actor_group *group = request->group;
	struct mp_reader r;
	uint32_t n;

	if (error || !reply)
		return;
	r = mp_reader(reply->body, reply->body_bytes);
	if (mp_read_array(&r, &n) < 0)
		return;
	while (n--) {
		const char *name;
		size_t length;

		if (mp_read_str(&r, &name, &length) < 0)
			return;
		group_log(group, "the name '%.*s' was taken by another while the broker was away",
			(int)length, name);
		names_lost(group, wire_str(name, length));
	}
}

void announce_group(actor_group *group)
{
	struct announce_list names = {0}, linked = {0}, monitored = {.monitored = true};
	struct buf args = BUF_INIT;
	struct list pending;

	group->uplink.announced = true;
	if (group->mode == ACTOR_JOIN_SPAWNER)
		return;
	announce_names(group, &names);
	hash_each(&group->peers, announce_peer, &linked);
	hash_each(&group->peers, announce_peer, &monitored);
	mp_put_array(&args, 5);
	mp_put_array(&args, names.n);
	mp_put_raw(&args, names.items.data, names.items.size_bytes);
	mp_put_array(&args, linked.n);
	mp_put_raw(&args, linked.items.data, linked.items.size_bytes);
	mp_put_array(&args, monitored.n);
	mp_put_raw(&args, monitored.items.data, monitored.items.size_bytes);
	door_put_path(group, &args);
	memberships_put(group, &args);
	if (names.items.failed || linked.items.failed || monitored.items.failed)
		args.failed = true;
	buf_deinit(&names.items);
	buf_deinit(&linked.items);
	buf_deinit(&monitored.items);

	/* waiting requests are older than the announcement, but must go after it */
	requests_put_aside(group, &pending);
	/* An unanswered announcement to an earlier broker is out of date; the new one replaces it. */
	requests_forget(&pending, "announce");
	requests_forget(&pending, "announced");
	(void)broker_ask(group, "announce", &args, CALL_TIMEOUT_DEFAULT_MS, announce_answered, NULL);
	buf_deinit(&args);
	(void)broker_ask(group, "announced", &args, CALL_TIMEOUT_DEFAULT_MS, NULL, NULL);
	requests_take_up(group, &pending);
	if (group->uplink.n_connects > 1) {
		names_refresh(group);
		pgs_refresh(group);
		name_watches_refresh(group);
		peers_ask_again(group);
		process_monitors_say_again(group);
	}
	if (group->told_ready)
		announce_ready(group);
}

void announce_ready(actor_group *group)
{
	struct buf args = BUF_INIT;

	group->told_ready = true;
	if (group->uplink.state == UPLINK_UP && group->uplink.announced && group->mode != ACTOR_JOIN_SPAWNER)
		(void)broker_ask(group, "ready", &args, CALL_TIMEOUT_DEFAULT_MS, NULL, NULL);
}

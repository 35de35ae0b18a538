/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link is two monitors, one in each direction, which fire as exit signals and not as DOWNs. So all that
 * holds for monitors holds for links: the end of a process, the broker's restart, the order behind the last
 * message. An actor that makes a link asks with one frame for both: for its own monitor, and for the other's
 * monitor of itself. If it ends before the other's monitor has come, that monitor would find no actor and not
 * know the cause. So the maker's group also sends the cause itself (`exit` with the link's id).
 *
 * Both ends may make a link at the same time, and one may unlink while the other's frame is under way. So
 * each half knows which end has made it. An unlink names the other's link that it knew of, and a link that it
 * did not know of stays. Erlang acknowledges each unlink instead.
 */
#include "libactor/actor/links.h"

#include <errno.h>

#include "libactor/actor/actor-internal.h"
#include "libactor/actor/mailbox.h"
#include "libactor/actor/monitor.h"
#include "libactor/base/base.h"
#include "libactor/peer/peer.h"
#include "libactor/protocol/cause.h"
#include "libactor/protocol/wire.h"
#include "libactor/util/buf.h"
#include "libactor/util/hash.h"
#include "libactor/util/list.h"
#include "libactor/util/slots.h"

struct pair {
	uint64_t serial;
	actor_ref who;
};

static uint64_t pair_hash(const actor_group *group, const struct actor *self, actor_ref who)
{
	struct pair pair = {self->ref.serial, who};

	return hash_of_bytes(&group->links, &pair, sizeof(pair));
}

struct monitor *link_find(const struct actor *self, actor_ref who)
{
	const struct hash *links = &self->group->links;
	struct hash_node *node;

	if (!links->n_items)
		return NULL;
	for (node = hash_first(links, pair_hash(self->group, self, who)); node; node = hash_next(node)) {
		struct monitor *link = container_of(node, struct monitor, pair);

		if (link->watcher == self && actor_ref_equal(link->who, who))
			return link;
	}
	return NULL;
}

static int link_new(struct actor *self, actor_ref who, struct monitor **ret)
{
	actor_group *group = self->group;
	int r = monitor_new(self, who, ret);

	if (r < 0)
		return r;
	r = hash_insert(&group->links, &(*ret)->pair, pair_hash(group, self, who));
	if (r < 0)
		monitor_forget(group, *ret);
	else
		(*ret)->is_link = true;
	return r;
}

int link_received(struct actor *to, actor_ref from, uint64_t id)
{
	struct monitor *link = link_find(to, from);
	int r;

	if (!link) {
		r = link_new(to, from, &link);
		if (r < 0)
			return r;
		link->other_id = id;
		return monitor_start(to->group, link);
	}
	link->other_id = id;
	return 0;
}

void unlink_received(struct actor *to, actor_ref from, uint64_t id)
{
	struct monitor *link = link_find(to, from);

	if (!link)
		return;
	if (link->made_link && link->id != id)
		link->other_id = 0; /* our frame was under way: it links them again */
	else
		monitor_remove(to->group, link);
}

void link_exit_received(struct actor *to, actor_ref from, uint64_t id, const struct actor_cause *cause)
{
	struct monitor *link = link_find(to, from);

	if (link && link->other_id == id)
		monitor_fire(to->group, link, cause);
}

static int link_start(struct actor *self, actor_ref who, uint64_t *ret_id)
{
	struct monitor *link;
	int r = link_new(self, who, &link);

	if (r < 0)
		return r;
	*ret_id = link->id;
	link->made_link = true;
	return monitor_start(self->group, link);
}

int link_make_local(struct actor *self, struct actor *other)
{
	struct monitor *link;
	uint64_t id;
	int r = link_start(self, other->ref, &id);

	if (r < 0 || other->status == ACTOR_ENDING)
		return r; /* an actor that is ending tells its watchers when it is over */
	r = link_received(other, self->ref, id);
	link = r < 0 ? slots_get(&self->group->monitors, id) : NULL;
	if (link)
		monitor_remove(self->group, link);
	return r;
}

bool link_drop_local(struct actor *self, struct actor *other)
{
	struct monitor *link = link_find(self, other->ref), *back = link_find(other, self->ref);

	if (link)
		monitor_remove(self->group, link);
	if (back)
		monitor_remove(self->group, back);
	return link != NULL;
}

static void link_tell_exit(actor_group *group, const struct monitor *link, const struct actor_cause *cause)
{
	struct peer *peer = peer_route(group, link->who.group, false);
	struct buf body = BUF_INIT;

	cause_put(&body, cause);
	if (peer && buf_error(&body) == 0) {
		wire_put_exit(
			peer_out(peer), link->who, link->watcher->ref, link->id, body.data, body.size_bytes);
		peer_wrote(peer);
	}
	buf_deinit(&body);
}

void links_end(struct actor *self, const struct actor_cause *cause)
{
	actor_group *group = self->group;

	while (!list_is_empty(&self->monitors)) {
		struct monitor *link = container_of(self->monitors.next, struct monitor, watcher_link);

		if (link->made_link && link->who.group != group->id)
			link_tell_exit(group, link, cause);
		monitor_remove(group, link);
	}
}

/* ---- public ---- */

int actor_link(actor *self, actor_ref who)
{
	struct actor *other;
	uint64_t id;

	if (!self || !who.serial)
		return -EINVAL;
	if (self->status == ACTOR_ENDING)
		return -ECANCELED;
	if (actor_ref_equal(self->ref, who) || link_find(self, who))
		return 0;
	other = who.node == self->group->node && who.group == self->group->id
			? actor_find(self->group, who.serial)
			: NULL;
	return other ? link_make_local(self, other) : link_start(self, who, &id);
}

bool actor_unlink(actor *self, actor_ref who)
{
	actor_group *group = self->group;
	struct monitor *link = link_find(self, who);
	bool was_linked = link;

	if (link && who.group == group->id) {
		struct actor *other = actor_find(group, who.serial);

		if (other)
			(void)link_drop_local(self, other);
	} else if (link) {
		struct peer *peer = peer_route(group, who.group, false);
		uint64_t other_id = link->other_id;

		monitor_remove(group, link);
		if (peer) {
			wire_put_unlink(peer_out(peer), who, self->ref, other_id);
			peer_wrote(peer);
		}
	}
	mailbox_drop_exits(self, who);
	return was_linked;
}
